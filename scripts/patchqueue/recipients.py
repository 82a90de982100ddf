# SPDX-License-Identifier: GPL-2.0
"""recipients TOPIC FILE: writes who should get the patches of a topic, as the kernel's
get_maintainer.pl has it: "To: " for those who maintain what it touches, "Cc: " for
reviewers and lists.

Only MAINTAINERS is asked, as it is after the series, for it has the files that the
series adds; build/linux has no history to ask.
"""

import os
import re
import sys
from pathlib import Path

from host.failure import Failure
from host.places import LINUX, ROOT
from host.programs import run_program
from host.reason import reason
from host.script import prepare
from host.terminal import say, show
from patchqueue import files

MAINTAINS = re.compile("maintainer|supporter|odd fixer")


def ask(topic, patches):
	"""[(name and address, role)], in the order of get_maintainer.pl."""
	ended = run_program("perl", "scripts/get_maintainer.pl", "--no-git",
			    "--no-git-fallback", "--no-fixes", "--no-rolestats", "--roles",
			    *patches, cwd=LINUX,
			    # Not from the user's own settings either (~/.get_maintainer.conf)
			    env=os.environ | {"HOME": "/nonexistent"})
	if ended.returncode:
		raise Failure(f"get_maintainer.pl does not take the patches of {topic}: "
			      + reason(ended.stderr.splitlines()))
	# "Name <address> (role:subsystem)"; a subsystem may have parentheses of its own
	return re.findall(r"^(.*?) \(((?:[^()\n]|\([^()\n]*\))*)\)$", ended.stdout,
			  re.MULTILINE)


def main():
	if len(sys.argv) != 3:
		raise Failure("usage: recipients TOPIC FILE")
	topic, file = sys.argv[1], Path(sys.argv[2])
	if not re.fullmatch("[a-z0-9-]+", topic) or not (ROOT / "patches" / topic).is_dir():
		there = " ".join(sorted(path.name for path in (ROOT / "patches").iterdir()))
		raise Failure(f'no topic "{topic}": patches/ has {there}')
	prepare("tree", "test", tree=False)
	if not (LINUX / "scripts/get_maintainer.pl").exists():
		raise Failure('build/linux is not there yet: run "make tree"')
	show(f"Recipients of {topic}")
	# The cover letter has no diff, and get_maintainer.pl takes none without
	people = ask(topic, [ROOT / "patches" / patch for patch in files.series_patches()
			     if patch.startswith(f"{topic}/")])
	if not people:
		raise Failure(f"get_maintainer.pl names nobody for {topic}")
	# Without anyone who maintains, the lists are asked
	maintained = any(MAINTAINS.match(role) for _, role in people)
	kinds = ["To" if MAINTAINS.match(role) or not maintained else "Cc"
		 for _, role in people]
	new = Path(f"{file}.new")
	files.write(new, "".join(f"{kind}: {who}\n" for kind, (who, _) in zip(kinds, people)))
	new.rename(file)
	say(f"{str(file).removeprefix(f'{ROOT}/')}: {kinds.count('To')} to mail to, "
	    f"{kinds.count('Cc')} for a copy")
	return 0
