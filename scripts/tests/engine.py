# SPDX-License-Identifier: GPL-2.0
"""What also compiles in user space: tools/testing/padata."""

import shutil
import subprocess

from host.places import BUILD, LINUX
from host.programs import run_program
from tests.ktap import Reader

TESTS = "tools/testing/padata"
# What they are built from, with the folders as in the kernel tree
SOURCES = (TESTS, "tools/testing/shared", "tools/include", "tools/scripts",
	   "kernel/padata*", "kernel/workqueue_internal.h", "lib/padata*",
	   "include/linux/padata.h")


def check(report):
	git = ["git", "-C", LINUX]
	listed = run_program(*git, "ls-tree", "-r", "--name-only", "HEAD",
			     f"{TESTS}/Makefile")
	if not listed.stdout.strip():
		report.skip("user-space tests", f"this tree has no {TESTS}")
		return

	# From the commit, not from the files as somebody edits them
	place = BUILD / "test/user"
	shutil.rmtree(place, ignore_errors=True)
	place.mkdir(parents=True)
	archive = subprocess.Popen([*git, "archive", "HEAD", "--", *SOURCES],
				   stdout=subprocess.PIPE)
	unpacked = subprocess.run(["tar", "-x", "-C", place], stdin=archive.stdout)
	archive.stdout.close()
	if not report.check(archive.wait() == 0 and unpacked.returncode == 0,
			    "sources"):
		return

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
