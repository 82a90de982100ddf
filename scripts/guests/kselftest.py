# SPDX-License-Identifier: GPL-2.0
"""The kernel's selftests of padata: built, and their results read."""

import re
import shutil
import subprocess

from host.failure import Failure
from host.places import BUILD, LINUX, relative
from host.reason import reason
from kernels import kbuild

# For what runs in guests: its name is the folder's below /extra there
INSTALLED = BUILD / "selftests/selftests"
LOG = BUILD / "log/build-selftests.log"


def install():
	"""Build them as the kernel does, for a guest without libraries. Returns the
	folder with the tests and their runner."""
	place = LINUX / "tools/testing/selftests"
	if not (place / "padata").is_dir():
		raise Failure(f"{relative(place)}/padata is missing: run make tree")
	# Those of a test that is no longer there would be run, too
	shutil.rmtree(INSTALLED, ignore_errors=True)
	LOG.parent.mkdir(parents=True, exist_ok=True)
	with open(LOG, "w") as log:
		made = subprocess.run(
			["make", "-C", place, "TARGETS=padata", "FORCE_TARGETS=1",
			 f"O={INSTALLED.parent / 'objects'}",
			 f"KSFT_INSTALL_PATH={INSTALLED}",
			 "USERCFLAGS=-Werror", "USERLDFLAGS=-static", "install"],
			env=kbuild.make_environment(), cwd=BUILD, stdin=subprocess.DEVNULL, stdout=log,
			stderr=subprocess.STDOUT)
	if made.returncode:
		lines = LOG.read_text(errors="replace").splitlines()
		raise Failure(f"the selftests do not build: {reason(lines)} (all of it in "
			      f"{relative(LOG)})")
	return INSTALLED


def programs():
	"""The names of those that have been installed."""
	listed = (INSTALLED / "kselftest-list.txt").read_text().split()
	return [name.removeprefix("padata:") for name in listed]


def to_ktap(lines):
	"""The lines of a console, without their stamps, as nested KTAP.

	The runner puts the output of a test behind "# ", where parsers of KTAP find
	nothing but remarks; subtests are indented. What else is on the console is left
	out.
	"""
	name = ""
	for line in lines:
		if started := re.match(r"# (selftests: .*)", line):
			name = started[1]
		elif re.match(r"# (K?TAP version \d+)$", line):
			yield f"  {line[2:]}"
			yield f"  # Subtest: {name}"
		elif re.match(r"# (1\.\.\d+|(not )?ok \d+ |# )", line):
			yield f"  {line[2:]}"
		elif re.match(r"K?TAP version \d+$|1\.\.\d+$|(not )?ok \d+ selftests: ",
			      line):
			yield line
