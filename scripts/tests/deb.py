# SPDX-License-Identifier: GPL-2.0
"""Packages for real machines, from two configurations: scripts/deb.

A small kernel is packed, unpacked and booted. Debian's own configuration is too
much to build in a test: from it, only the C files are compiled that the series
touches. (make deb TOUCHED=dirs compiles whole directories, for half an hour.)
"""

import contextlib
import io
import lzma
import re
import shlex
import shutil
import subprocess
import types
from pathlib import Path

from guests import console, guest
from host.failure import Failure
from host.places import BUILD, ROOT, relative
from kernels import packages
from tests import bad_input, boots, builds, torture

TIER = "long"

PLACE = BUILD / "test/deb"
# As deep below build/ as the folders of scripts/build: ccache has what compiled there
PACKAGES = BUILD / "test-deb"
KERNEL = "series"
# What is laid over the configuration of the guests' kernel
WITH_MODULES = ("CONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\n"
		"CONFIG_CRYPTO_PCRYPT=m\n"
		"CONFIG_PADATA_TORTURE_TEST=m\nCONFIG_PADATA_BENCH=m\n")
MODULES = ("kernel/crypto/pcrypt.ko", "kernel/kernel/tests/padata_torture.ko",
	   "kernel/kernel/tests/padata_bench.ko")
JOBS = 2000
GUEST = {"memory": "5G", "cpus": "2", "append": f"padata_torture.jobs={JOBS}"}
DEBIAN = Path("/usr/src/linux-config-6.12/config.amd64_none_amd64.xz")
# As the configuration has it that Debian's kernel is installed with
LOST_KEYS = 'CONFIG_SYSTEM_TRUSTED_KEYS="debian/certs/debian-uefi-certs.pem"\n'
ALWAYS_TOUCHED = ("kernel/padata.o", "mm/mm_init.o", "mm/page_alloc.o")


def check(report):
	ended = builds.script("scripts/setup", "boot", "deb")
	if not report.check(ended.ok, "scripts/setup boot deb", ended.details()):
		return
	shutil.rmtree(PLACE / "unpacked", ignore_errors=True)
	PLACE.mkdir(parents=True, exist_ok=True)
	check_refused(report)
	check_configuration(report)
	if builds.build(report, KERNEL, f"{KERNEL} builds"):
		check_small(report)
	check_debian(report)


# ---- what is wrong with a configuration ----------------------------------------

def check_refused(report):
	"""Before anything is built."""
	files = {"part": (ROOT / "arch/x86/configs/padata_mt_guest.config").read_bytes(),
		 "arm64": b"CONFIG_ARM64=y\n",
		 "program": Path("/bin/sh").read_bytes(),
		 "cut.xz": DEBIAN.read_bytes()[:5000]}
	for name, data in files.items():
		(PLACE / name).write_bytes(data)
	good = f"CONFIG={DEBIAN}"
	cases = {
		"a file that is not there": (["CONFIG=/missing"], "/missing: No such file"),
		"a folder": (["CONFIG=/"], "/: Is a directory"),
		"a program": ([f"CONFIG={PLACE}/program"], "is no kernel configuration"),
		"a part of a configuration": ([f"CONFIG={PLACE}/part"], "only a part"),
		"another architecture": ([f"CONFIG={PLACE}/arm64"], "is .* for arm64"),
		"half a file": ([f"CONFIG={PLACE}/cut.xz"], "cannot be unpacked"),
		"an unknown setting": ([good, "DEBUG=0"], "no setting .DEBUG=0."),
		"no jobs": ([good, "JOBS=0"], "JOBS=0: it is a number"),
		"a folder with blanks": ([good, "TO=a b"], "takes only letters"),
		"an unknown kernel": ([good, "WHAT=no-such"], "has no .no-such."),
	}
	for name, (words, says) in cases.items():
		problems = bad_input.Case("deb").run("scripts/deb", *words,
						     says=rf"^deb: .*{says}|commit-of: .*{says}")
		report.check(not problems, f"refuses {name}", problems)


def check_configuration(report):
	"""What is changed in one, and what is said of it."""
	settings = types.SimpleNamespace(config=Path("given"), debug_info=False)

	def fit(text):
		config = packages.Config(text)
		with contextlib.redirect_stdout(io.StringIO()) as said:
			packages.fit(config, settings)
		return config, said.getvalue()

	def gain(text):
		with contextlib.redirect_stdout(io.StringIO()) as said:
			packages.tell_gain(packages.Config(text), settings)
		return said.getvalue()

	config, said = fit(LOST_KEYS)
	report.check(config.get("CONFIG_SYSTEM_TRUSTED_KEYS") == '""'
		     and "built without these keys" in said,
		     "does without keys that are elsewhere", [said])
	config, said = fit("CONFIG_MODULE_SIG_FORCE=y\nCONFIG_MODULE_SIG_KEY=\"\"\n")
	report.check(config.get("CONFIG_MODULE_SIG_ALL") == "y"
		     and config.path("CONFIG_MODULE_SIG_KEY") == "certs/signing_key.pem",
		     "signs modules that must be signed", [config.text()])
	config, said = fit("CONFIG_MODULE_SIG_KEY=\"\"\n")
	report.check(config.path("CONFIG_MODULE_SIG_KEY") == "" and not said,
		     "leaves modules unsigned that need not be", [config.text()])
	config, _ = fit("CONFIG_DEBUG_INFO=y\nCONFIG_DEBUG_INFO_BTF=y\n")
	report.check("CONFIG_DEBUG_INFO_BTF" not in config.values
		     and config.get("CONFIG_DEBUG_INFO_NONE") == "y",
		     "leaves debug info out", [config.text()])
	on = "CONFIG_DEFERRED_STRUCT_PAGE_INIT=y\nCONFIG_PADATA=y\n"
	report.check("gains nothing" in gain("CONFIG_PADATA=y\n")
		     and "one thread" in gain(on.splitlines()[0]) and not gain(on),
		     "says when there is nothing to gain", [gain(on)])
	found = packages.changes(packages.Config("CONFIG_A=y\nCONFIG_B=y\nCONFIG_GCC_VERSION=1\n"),
			    packages.Config("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n"
				       "# CONFIG_D is not set\nCONFIG_GCC_VERSION=2\n"))
	report.check(found == ["CONFIG_B: y -> off", "CONFIG_C: new, m"],
		     "says which options changed", found)


# ---- a small package ---------------------------------------------------------

def check_small(report):
	config = PLACE / "small.config"
	config.write_text((BUILD / "kernel" / KERNEL / ".config").read_text()
			  + WITH_MODULES)
	ended = builds.script("scripts/deb", f"CONFIG={config}", f"TO={PACKAGES}")
	if not report.check(ended.ok, "packs the guests' kernel", ended.details()):
		return
	packages = [Path(match[0]) for line in ended.output
		    if (match := re.search(r"(?<=  )\S+\.deb", line))]
	images = [path for path in packages if path.name.startswith("linux-image-")]
	if not report.check(len(images) == 1, "names one package with a kernel",
			    ended.output):
		return
	check_content(report, images[0])

	again = builds.script("scripts/deb", f"CONFIG={config}", f"TO={PACKAGES}")
	report.check(again.ok and "built already" in "\n".join(again.output)
		     and str(images[0]) in "\n".join(again.output),
		     "builds nothing when called again", again.details() + again.output)


def check_content(report, package):
	fields = dict(line.split(": ", 1) for line in subprocess.run(
		["dpkg-deb", "-f", package, "Package", "Version", "Architecture"],
		text=True, capture_output=True, check=True).stdout.splitlines())
	release = fields["Package"].removeprefix("linux-image-")
	report.check(re.fullmatch(r"6\.12\.\d+-padata-mt-series", release)
		     and re.fullmatch(r"6\.12\.\d+-\d{8}\.\d{4}", fields["Version"])
		     and fields["Architecture"] == "amd64",
		     "the package is named for what is in it", [str(fields)])

	place = PLACE / "unpacked"
	subprocess.run(["dpkg-deb", "-x", package, place], check=True)
	parts = [f"boot/vmlinuz-{release}", f"boot/config-{release}",
		 f"boot/System.map-{release}", f"lib/modules/{release}/modules.dep",
		 *(f"lib/modules/{release}/{module}" for module in MODULES)]
	missing = [name for name in parts if not (place / name).is_file()]
	if not report.check(not missing, "the package holds kernel, modules and "
			    "configuration", [f"no {name}" for name in missing]):
		return
	options = (place / parts[1]).read_text().splitlines()
	lost = [line for line in ("CONFIG_DEFERRED_STRUCT_PAGE_INIT=y", "CONFIG_PADATA=y",
				  *WITH_MODULES.split()) if line not in options]
	report.check(not lost, "the configuration is the one that was given", lost)

	problems = boot(release, place / parts[0], [place / part for part in parts[4:]])
	report.check(not problems, "the packed kernel boots, and loads and unloads its "
		     "modules", problems)


def boot(release, image, modules):
	strings = dict(GUEST, run="scripts/tests/load-modules", extra=shlex.join(
		[*map(str, modules), "scripts/tests/wait-for-torture"]))
	try:
		result = guest.boot(image, guest.settings(strings), PLACE / "console.txt")
	except Failure as failure:
		return [str(failure)]
	if not result.ok:
		return boots.describe("packed kernel", result)
	wanted = [f"Linux version {release} ", "load-modules exit 0",
		  *(f"{done} {module.stem}" for module in modules
		    for done in (" loaded", "unloaded"))]
	problems = [f"no '{text}' in {relative(result.log)}" for text in wanted
		    if not console.any_line(result.lines, text)]
	problems += torture.problems("padata_torture.ko", result, JOBS, hotplug=False)
	if not boots.deferred_nodes(result.lines):
		problems.append("no struct page was initialised late")
	return problems


# ---- Debian's configuration --------------------------------------------------

def check_debian(report):
	config = PLACE / "debian.config.xz"
	with lzma.open(DEBIAN, "rt") as given, lzma.open(config, "wt", preset=0) as copy:
		copy.write(given.read() + LOST_KEYS)
	ended = builds.script("scripts/deb", f"CONFIG={config}", f"TO={PACKAGES}",
			      "TOUCHED=files", "DEBUG_INFO=0")
	said = "\n".join(ended.output)
	if not report.check(ended.ok and re.search(r"^Compiled \d+ C files.* 0 warnings$", said,
						   re.MULTILINE),
			    "what the series touches compiles as Debian configures it",
			    ended.details() + ended.output):
		return
	report.check("built without these keys" in said and "gains nothing" not in said,
		     "fits Debian's configuration to the tree", ended.output)
	objects = PACKAGES / "series-touched"
	missing = [name for name in ALWAYS_TOUCHED if not (objects / name).exists()]
	report.check(not missing, "compiles what the series is known to touch", missing)
