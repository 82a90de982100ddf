# SPDX-License-Identifier: GPL-2.0
"""The commands of the guides, run as they stand.

Each block of them is run in a clone of this checkout, in order. The clone has the
kernels that are built here, and of the kernel tree only the folders that commands
need. Beside it there are what a reader has who applies the series: ../linux, a git
tree of the base, and ../linux-source-6.12, its sources, both without a patch for
each block that names them.

What takes long is made short by variables: see SHORTER.
"""

import os
import re
import shutil
import subprocess

from host.failure import Failure
from host.places import BUILD, LINUX, ROOT
from host.terminal import progress
from patchqueue.files import series_files
from tests import builds, guides, touched

TIER = "long"

PLACE = BUILD / "test/walk"
CLONE = PLACE / "checkout"
CONSOLE = CLONE / "build/client/console.txt"

# Whose images the commands boot; the last one is also built against
KERNELS = ("stock", "baseline", "series", "series-debug")
LEFT_OUT = ("drivers", "fs", "net", "sound", "Documentation", "tools", "arch/*")
# What modules and make check need of these; a folder that is not there at all is
# no kernel tree to checkpatch
NEEDED = ("arch/x86/", "tools/objtool/", "tools/testing/padata/",
	  "tools/testing/kunit/", *(f"{path}/Makefile" for path in LEFT_OUT[:5]))

# Set for all blocks: which commands they make shorter, and how
SHORTER = {"ONLY": ("figures", "make test runs the part figures alone")}
TIMEOUT = 600

# As a reader has git, but for an editor: that would wait for one
GITCONFIG = PLACE / "gitconfig"
READER = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(GITCONFIG),
	  "GIT_EDITOR": "false"}
GIT_SETTINGS = """
[user]
	name = A Reader
	email = reader@example.org
[safe]
	directory = *
"""


def run(*command, cwd=ROOT):
	ended = subprocess.run([str(word) for word in command], cwd=cwd, text=True,
			       env=environment(), stdin=subprocess.DEVNULL,
			       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
	if ended.returncode:
		last = (ended.stdout.splitlines() or ["no word"])[-1]
		raise Failure(f"{' '.join(map(str, command[:4]))} said: {last}")
	return ended.stdout


# ---- what a reader has -------------------------------------------------------

def make_clone():
	"""A clone with what is changed here and not committed, too."""
	shutil.rmtree(PLACE, ignore_errors=True)
	PLACE.mkdir(parents=True)
	GITCONFIG.write_text(GIT_SETTINGS)
	run("git", "clone", "-q", ROOT, CLONE)
	changed = run("git", "ls-files", "-z", "--modified", "--others",
		      "--exclude-standard").split("\0")
	for name in filter(None, changed):
		(CLONE / name).parent.mkdir(parents=True, exist_ok=True)
		if (ROOT / name).exists():
			shutil.copy2(ROOT / name, CLONE / name)
		else:
			(CLONE / name).unlink(missing_ok=True)
	run("git", "add", "-A", cwd=CLONE)
	run("git", "commit", "-q", "--allow-empty", "-m", "What is not committed yet",
	    cwd=CLONE)

	build = CLONE / "build"
	shutil.copytree(BUILD / "base", build / "base",
			ignore=shutil.ignore_patterns("*.tar.xz", "*.deb", "download"))
	for name in ("kvm-trial", "gen_init_cpio"):
		if (BUILD / name).exists():
			shutil.copy2(BUILD / name, build / name)
	for kernel in KERNELS:
		share_kernel(kernel, build / "kernel" / kernel)
	clone_kernel_tree(build / "linux")


def share_kernel(kernel, place):
	"""A kernel as if it had been built there; without objects, so that one that
	is not up to date is built from the beginning."""
	unwanted = shutil.ignore_patterns("*.o", "*.a", "*.cmd", "vmlinux*")
	shutil.copytree(BUILD / "kernel" / kernel, place, symlinks=True, ignore=unwanted)
	stamp = place / ".stamp"
	if stamp.exists():
		stamp.write_text(stamp.read_text().replace(str(BUILD),
							   str(CLONE / "build")))


def clone_kernel_tree(place):
	"""The kernel tree as it stands, with its commits."""
	head = run("git", "rev-parse", "HEAD", cwd=LINUX).strip()
	run("git", "clone", "-q", "--shared", "--no-checkout", LINUX, place)
	patterns = ["/*", *(f"!/{path}/" for path in LEFT_OUT),
		    *map("/{}".format, (*NEEDED, *series_files()))]
	(place / ".git/info/sparse-checkout").write_text("\n".join(patterns) + "\n")
	run("git", "config", "core.sparseCheckout", "true", cwd=place)
	run("git", "checkout", "-q", "-B", "series", head, cwd=place)
	applied = LINUX / ".git/padata-mt/applied"
	if applied.exists():
		(place / ".git/padata-mt").mkdir()
		shutil.copy2(applied, place / ".git/padata-mt/applied")


def give_sources(text):
	"""The reader's own trees, as far as a block names them, with those files of
	the base that patches touch."""
	for name in ("linux", "linux-source-6.12"):
		place = PLACE / name
		if not re.search(rf"\.\./{re.escape(name)}(?![\w.-])", text):
			continue
		touched.unpack("base", [".gitattributes", *series_files()], place)
		if name == "linux":
			run("git", "init", "-q", cwd=place)
			run("git", "add", "-f", ".", cwd=place)
			run("git", "commit", "-q", "-m", "Linux 6.12.y", cwd=place)


# ---- running a block ---------------------------------------------------------

def environment():
	"""The caller's, without what would make the clone use this checkout."""
	kept = {key: value for key, value in os.environ.items()
		if not key.startswith(("PADATA_MT_", "GIT_", "MAKE", "MFLAGS"))
		and key not in ("FULL", "JUNIT", "KERNEL", "DMESG", "MEM", "CPUS", "APPEND")}
	return kept | READER | {name: value for name, (value, _) in SHORTER.items()}


def run_block(block):
	"""What is wrong with it, as lines."""
	give_sources(block.commands)
	try:
		ended = subprocess.run(["bash", "-euo", "pipefail", "-c", block.commands],
				       cwd=CLONE, env=environment(), text=True,
				       errors="replace", stdin=subprocess.DEVNULL,
				       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
				       timeout=TIMEOUT)
	except subprocess.TimeoutExpired:
		return [f"not done after {TIMEOUT} s"]
	log = PLACE / (re.sub(r"\W+", "-", block.place) + ".txt")
	log.write_text(f"{block.commands}\n{ended.stdout}")
	output = ended.stdout.splitlines()
	if ended.returncode:
		return [f"status {ended.returncode}", *output[-8:]]
	return missing_lines(block.expected or "", output)


def missing_lines(expected, output):
	"""Lines of `expected` that the output does not have in that order. Numbers
	may be others, and ... stands for anything."""
	left = [squeeze(line) for line in output]
	problems = []
	for line in filter(None, map(squeeze, expected.splitlines())):
		pattern = re.sub(r"\d[\d.,]*", r"\\d[\\d.,]*",
				 re.escape(line).replace(r"\.\.\.", "@any@"))
		pattern = pattern.replace("@any@", ".*").replace(r"\ ", " ")
		place = next((at for at, text in enumerate(left)
			      if re.search(pattern, text)), None)
		if place is None:
			problems.append(f"it did not say '{line}'")
		else:
			left = left[place + 1:]
	return problems


def squeeze(line):
	return re.sub(r"\s+", " ", line).strip()


# ---- the module of the tutorial ----------------------------------------------

def loads():
	"""{name: lines} of the ways in which the guest has loaded the module."""
	found, lines = {}, []
	text = CONSOLE.read_text(errors="replace") if CONSOLE.exists() else ""
	for line in text.splitlines():
		line = re.sub(r"^\[ *[\d.]+\](\[ *[TC]\d+\])? ", "", line)
		if line.startswith("== "):
			lines = found.setdefault(line[3:], [])
		lines.append(line)
	return found


# What each way of loading has to show. The helpers are those that padata has
# found room for: 3 for each job on 4 CPUs, or none; whether they start before the
# work is done depends on the host.
LOADS = {
	"plain": ["numbers: 837799 has the longest chain, 525 numbers: verified",
		  "by node: 837799 has the longest chain, 525 numbers: verified",
		  "killable: 837799 has the longest chain, 525 numbers: verified",
		  "list: 256 buckets of 512 sorted values: verified",
		  "counted: jobs 4", "counted: jobs_alone 0", "counted: jobs_failed 0",
		  "counted: helpers_got 12", "insmod: 0", "rmmod: 0"],
	"alone": ["numbers: 77031 has the longest chain, 351 numbers: verified",
		  "list: 256 buckets of 512 sorted values: verified",
		  "counted: jobs 4", "counted: jobs_alone 4", "counted: helpers_got 0",
		  "insmod: 0", "rmmod: 0"],
	"failing": ["numbers: error -5, all undone: verified",
		    "by node: error -5, all undone: verified",
		    "killable: error -5, all undone: verified",
		    "list: 256 buckets of 512 sorted values: verified",
		    "counted: jobs 4", "counted: jobs_failed 3",
		    "insmod: 0", "rmmod: 0"],
	"failing-list": ["killable: 97 has the longest chain, 119 numbers: verified",
			 "list: error -5, all undone: verified",
			 "counted: jobs 4", "counted: jobs_failed 1",
			 "insmod: 0", "rmmod: 0"],
	"killed": ["numbers: 837799 has the longest chain, 525 numbers: verified",
		   "killable: error -4, all undone: verified",
		   "list: 256 buckets of 512 sorted values: verified",
		   "counted: jobs 4", "counted: jobs_failed 1",
		   "insmod: 137", "rmmod: 0"],
	"refused": ["numbers is from 1 to 1000000000", "counted: jobs 0"],
}


def check_module(report):
	"""What the guest of the tutorial has shown, line by line. Says whether all of
	it is right."""
	found, good = loads(), True
	for name, lines in LOADS.items():
		problems = [f"it did not say '{line}'" for line in lines
			    if not any(said.endswith(line) for said in found.get(name, ()))]
		if name.startswith(("fail", "kill")):
			problems += [f"the trace has no {event}" for event
				     in ("padata_mt_error", "padata_mt_undo")
				     if not any(event in said
						for said in found.get(name, ()))]
		problems += [f"it said '{said}'" for said in found.get(name, ())
			     if "WRONG" in said]
		good &= report.check(not problems, f"the module, {name}", problems)
	return good


def check(report):
	for kernel in KERNELS:
		if not builds.build(report, kernel, f"{kernel} builds"):
			return
	progress("Making a clone to walk through the guides in")
	make_clone()
	for name, (value, why) in SHORTER.items():
		report.note(f"with {name}={value} in the environment: {why}")
	good = True
	for guide in guides.guides():
		for block in guides.blocks(guide):
			if block.language != "sh":
				continue
			progress(block.title)
			problems = run_block(block)
			good &= report.check(not problems, block.title, problems)
	if good & check_module(report):
		for name in ("checkout", "linux", "linux-source-6.12", "mbox"):
			shutil.rmtree(PLACE / name, ignore_errors=True)
