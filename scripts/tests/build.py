# SPDX-License-Identifier: GPL-2.0
"""The kernels that other parts boot build without a warning."""

import shutil
import subprocess

import kernels
from host.git import git
from host.places import BUILD, ROOT
from kernels import kbuild
from patchqueue.commits import commit_of
from tests import builds

KERNELS = ("stock", "baseline", "series", "series-check", "series-debug",
	   "baseline-debug")
AHEAD = KERNELS

# Laid over a configuration without all that is under test: what is turned on, and
# what the kernel then has of padata
PARTS_OF_PADATA = {
	"nobody who wants padata": ([], []),
	"pcrypt alone": (["CRYPTO_PCRYPT"], ["PADATA"]),
	"hugetlbfs alone": (["HUGETLBFS"], ["PADATA", "PADATA_MT"]),
	"deferred struct page init alone": (["DEFERRED_STRUCT_PAGE_INIT"],
					    ["PADATA", "PADATA_MT"]),
}
NO_TESTS = "# CONFIG_KUNIT is not set\n"
# What is not for multithreaded jobs
SERIALIZED = "padata.o"
FOLDERS = ("kernel", "lib")


def check(report):
	check_incbin(report)
	check_warnings(report)
	check_parts_of_padata(report)
	for kernel in KERNELS:
		builds.build(report, kernel, kernel)


def check_incbin(report):
	"""An image is a file of assembler that has the compressed kernel in it by .incbin, and
	is as long as the one before it more often than one thinks."""
	known = tuple(pattern.removeprefix("%/") for pattern in kbuild.WITH_INCBIN)
	found = git("grep", "-lF", ".incbin", "HEAD", "--", "*.c", "*.h", ":!tools",
		    ":!*/mkpiggy.c").stdout.splitlines()
	others = [path for path in found if not path.endswith(known)]
	report.check(found and not others, "all sources in C that have .incbin are known", others)

	place = BUILD / "test/incbin"
	shutil.rmtree(place, ignore_errors=True)
	place.mkdir(parents=True)
	(place / "image.S").write_text('.incbin "kernel"\n')
	(place / "Makefile").write_text("image.o: image.S FORCE\n"
					"\t$(CC) -c -Wp,-MD,image.d -o $@ $<\nFORCE:\n")
	# An empty cache: what this test once put into the user's when it failed is found there
	# for ever
	environment = kbuild.make_environment() | {"CCACHE_DIR": str(place / "ccache")}
	images = []
	for kernel in ("one", "two"):
		(place / "kernel").write_text(kernel)
		subprocess.run(["make", "-s", kbuild.cached_compiler(kernels.parse("series"))],
			       cwd=place, env=environment, check=True)
		images.append((place / "image.o").read_bytes())
	report.check(images[0] != images[1], "an image has the kernel that was linked last")


def check_warnings(report):
	log = BUILD / "test/warnings.txt"
	texts = [f"{place}/lib/vsprintf.c:1683:9: warning: maybe so"
		 for place in (kbuild.SOURCE, "/another/checkout/build/src", "../../src")]
	log.write_text("\n".join(texts))
	report.check(kbuild.warnings_in(log) == ["lib/vsprintf.c:1683:9: warning: maybe so"],
		     "a warning is the same in each checkout", kbuild.warnings_in(log))


def check_parts_of_padata(report):
	"""Multithreaded jobs are only in kernels that have a user of them."""
	place = BUILD / "test/parts-of-padata"
	place.mkdir(parents=True, exist_ok=True)
	name = kernels.parse("series-off")
	command = kbuild.make_command(place, name)
	with kbuild.sources(), open(place / "log.txt", "w") as log:
		kbuild.move_source(commit_of("series"))
		kbuild.run_make("a configuration", command + ["tinyconfig"], log,
				what="Configuring")
		(place / ".config").rename(place / "tinyconfig")
		for users, (options, wanted) in PARTS_OF_PADATA.items():
			configure(place, name, command, options, log)
			problems = compare(place, options, wanted)
			report.check(not problems, f"with {users} there is "
				     f"{' and '.join(wanted) or 'none of it'}", problems)


def configure(place, name, command, options, log):
	chosen = place / "chosen"
	chosen.write_text(NO_TESTS + "".join(f"CONFIG_{option}=y\n" for option in options))
	(place / ".config").write_text(kbuild.merged(
		[place / "tinyconfig", *(ROOT / path for path in name.fragments), chosen]))
	kbuild.run_make("a configuration", command + ["olddefconfig"], log,
			what="Configuring")


def compare(place, options, wanted):
	"""What is there that should not be, or is not, as lines."""
	config = (place / ".config").read_text()
	problems = [f"CONFIG_{option} was lost" for option in options
		    if f"CONFIG_{option}=y\n" not in config]
	found = [option for option in ("PADATA", "PADATA_MT")
		 if f"CONFIG_{option}=y\n" in config]
	if found != wanted:
		problems.append(f"the configuration has {found}, and not {wanted}")

	for folder in FOLDERS:
		objects = [made for made in kbuild.objects_of_folder(folder, place / ".config")
			   if made.startswith("padata")]
		others = [made for made in objects if made != SERIALIZED]
		if bool(others) != ("PADATA_MT" in wanted):
			problems.append(f"{folder}/Makefile makes {objects}")
	return problems
