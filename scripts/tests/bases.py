# SPDX-License-Identifier: GPL-2.0
"""The queue applies to each 6.12.y that apt offers.

What scripts/bases says of each; and that it does notice a hunk that moved, that
fails, or that lands elsewhere.
"""

import re

from host.places import BUILD, ROOT
from host.programs import run_program
from patchqueue.base import read_base
from patchqueue.files import series_files
from tests import bad_input, builds, touched

TIER = "long"
PLACE = BUILD / "test/bases"

# The lines of a file that a hunk needs there, and where
HUNK = re.compile(r"^@@ -(\d+)[,\d]* \+[,\d]+ @@ (?=\S)[^\n]*\n((?:[ +-][^\n]*\n)+)",
		  re.MULTILINE)


def check(report):
	offline(report)
	offered(report)
	PLACE.mkdir(parents=True, exist_ok=True)
	patch, victim, hunks = first_with_functions()
	for name, damage, wanted in (
		("a hunk that moved is named", lower,
		 rf"^.*: applies with offsets: .*\n(?:.*\n)*"
		 rf"  {re.escape(patch)}: {re.escape(victim)}: hunk \d+ at line \d+ \(offset \+7\)$"),
		("a hunk that fails is named", rewrite,
		 rf"^.*: does not apply: {re.escape(patch)}\n"
		 rf"  {re.escape(victim)}: hunk \d+ FAILED"),
		("a hunk that lands in another function is named", copy_elsewhere,
		 rf"^.*: does not apply: {re.escape(patch)} comes out in another place"
		 rf"(?:.*\n)+.*void decoy\(void\)")):
		files = files_of_base()
		damage(files / victim, hunks)
		ended = builds.script("scripts/bases", "--files", files)
		output = "\n".join(ended.output)
		report.check(re.search(wanted, output, re.MULTILINE)
			     and ended.ok == (damage is lower), name,
			     ended.output[:5] + ended.errors[-1:])


def offline(report):
	"""Before the others, so that the report of versions is not about this."""
	case = bad_input.Case("bases-offline", {
		"apt-cache": 'echo "linux-source-6.12 | 6.12.999-1 | http://nowhere.invalid"',
		"apt-get": bad_input.NO_NETWORK}, NO_INSTALL="1")
	ended = run_program(ROOT / "scripts/bases", env=case.environment, cwd=ROOT)
	report.check(re.search(r"^6\.12\.999-1: skipped: it cannot be downloaded: E: Unable",
			       ended.stdout, re.MULTILINE)
		     and re.search(r", 1 skipped ", ended.stdout),
		     "a version that cannot be downloaded is named", ended.stdout.splitlines())


def offered(report):
	ended = builds.script("scripts/bases")
	answers = re.findall(r"^(6\.12\.\S+): (.*)\n((?:  .*\n)*)",
			     "\n".join(ended.output) + "\n", re.MULTILINE)
	if not answers:
		report.fail("scripts/bases", ended.details())
	for version, answer, details in answers:
		known = re.search(r"^  known: (.*)", details, re.MULTILINE)
		if answer.startswith("applies"):
			report.ok(f"{version}: {answer}")
			for line in details.splitlines():
				report.note(line)
		elif answer.startswith("skipped: "):
			report.skip(version, answer.removeprefix("skipped: "))
		elif known:
			report.skip(f"{version}: {answer}", f"known: {known[1]}")
		else:
			report.fail(f"{version}: {answer}", [details])
	base = read_base()
	exactly = [version for version, answer, _ in answers if answer == "applies exactly"]
	report.check((base.package or base.version) in exactly or not base.is_of_queue(),
		     "it applies exactly to the base that it was written on")


def first_with_functions():
	"""The first patch with a hunk in a function of a C file, that file, and its
	hunks: where each begins, and the lines that it looks for."""
	series = (ROOT / "series").read_text().splitlines()
	for patch in (line for line in series if line.endswith(".patch")):
		text = (ROOT / "patches" / patch).read_text()
		for victim, diff in re.findall(r"^diff --git a/(\S+\.c) b/.*\n(?:index .*\n)"
					       r"--- a/.*\n\+\+\+ .*\n((?:[@ +-].*\n)+)",
					       text, re.MULTILINE):
			hunks = [(int(start), [line[1:] for line in body.splitlines()
					       if line[0] != "+"])
				 for start, body in HUNK.findall(diff)]
			if hunks:
				return patch, victim, hunks
	raise AssertionError("no patch changes a function of a C file")


def files_of_base():
	"""The files that the series touches, as they are in the base."""
	files = PLACE / "files"
	touched.unpack("base", [".gitattributes", *series_files()], files)
	return files


# ---- what is done to the file of a hunk --------------------------------------

def lower(path, _):
	"""Everything is seven lines further down."""
	path.write_text("/* A line more */\n" * 7 + path.read_text())


def rewrite(path, hunks):
	"""A line that a hunk looks for is another one now."""
	start, wanted = hunks[0]
	lines = path.read_text().splitlines()
	lines[start - 1 + len(wanted) // 2] += " /* not as it was */"
	path.write_text("\n".join(lines) + "\n")


def copy_elsewhere(path, hunks):
	"""What a hunk looks for is where it was, but in another function; and the
	function has moved down."""
	start, wanted = hunks[0]
	filler = ["/* A line more */"] * (start - 4)
	path.write_text("\n".join([*filler, "static void decoy(void)", "{", "\t/* nothing */",
				   *wanted, "}", ""]) + path.read_text())
