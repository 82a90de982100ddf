# SPDX-License-Identifier: GPL-2.0
"""What also compiles in user space: tools/testing/padata."""

import re
import subprocess

from host.git import tree_git
from host.places import BUILD
from host.programs import run_program
from kernels import kbuild
from tests import touched
from tests.ktap import Reader

TESTS = "tools/testing/padata"
# What they are built from, with the folders as in the kernel tree
SOURCES = (TESTS, "tools/testing/shared", "tools/include", "tools/scripts",
	   "kernel", "lib", "include/linux/padata.h")
# Whether a patch can keep them from being compiled
MATTERS = re.compile(rf"{TESTS}/|kernel/padata|lib/padata|include/linux/padata.h")


def has_tests(commit):
	return bool(tree_git("ls-tree", commit, "--", f"{TESTS}/Makefile"))


def problems_at(commit):
	"""Why the tests do not compile at a commit, plainly and not in each of the ways
	that they are made to fail."""
	if not has_tests(commit) or not any(
			map(MATTERS.match, kbuild.changed_files(f"{commit}^", commit))):
		return []
	place = BUILD / "test/user-of-patch"
	touched.unpack(commit, SOURCES, place)
	programs = [name for name in ("threads", "interleave", "serial", "scale", "limits")
		    if (place / TESTS / f"{name}.c").exists()]
	made = run_program("make", "-s", "-j2", "-C", place / TESTS, "CFLAGS=-O0",
			   *(f"./{name}" for name in programs))
	if not made.returncode:
		return []
	return [f"{TESTS}: {line}" for line in made.stderr.splitlines()
		if "error:" in line or "undefined" in line] or [f"{TESTS} does not compile"]


def check(report):
	if not has_tests("HEAD"):
		report.skip("user-space tests", f"this tree has no {TESTS}")
		return
	place = BUILD / "test/user"
	touched.unpack("HEAD", SOURCES, place)

	reader = Reader(report)
	log = BUILD / "test/user.txt"
	with open(log, "w") as output:
		make = subprocess.Popen(["make", "-s", "-C", place / TESTS, "check"],
					text=True, errors="replace",
					stdin=subprocess.DEVNULL,
					stdout=subprocess.PIPE,
					stderr=subprocess.STDOUT)
		for line in make.stdout:
			output.write(line)
			reader.read(line.rstrip("\n"))
	if make.wait() and not reader.failed:
		report.fail("make check", log.read_text().splitlines()[-10:])
	elif not reader.count:
		report.fail("make check", ["it printed no check"])
