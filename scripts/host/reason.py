# SPDX-License-Identifier: GPL-2.0
"""Find the line of a log that says why something failed.

A log of make, of a compiler, of git, tar or apt has the error somewhere in its
middle: around it are other jobs, source lines, and what make says at its end.
"""

import collections
import re

# What comes with an error and says nothing of it
MAKE_GAVE_UP = re.compile(r"\S*make(\[\d+\])?: \*\*\* (\[|Waiting for unfinished)")
NOISE = re.compile(r"\S*make(\[\d+\])?: ((Entering|Leaving) directory|Target .* not remade)"
		   r"|  [A-Z0-9_]+ +\S"		# a step of the kernel's build
		   r"|hint: |.*\b(warning|note): "
		   r"|tar: (Child returned status|Error is not recoverable|Exiting with)"
		   r"|E: Sub-process |dpkg-deb: error: (tar|paste) subprocess"
		   r"|collect2: |compilation terminated")

# The first of these that a log has is the reason; of lines that are alike, the first
KINDS = [re.compile(pattern) for pattern in (
	# After names of programs, files and lines. Not in quoted source, as a label.
	r"\s*(\S+:\s*)*((fatal|internal compiler|syntax) )?([Ee]rror|ERROR|fatal)([: ]|$)|E: "
	r"|.*\b(undefined reference to|multiple definition of) ",
	r"\S*make(\[\d+\])?: \*\*\* |.*: \*\*\* ",
	r"\S+: .*(not found|[Nn]o such file|[Pp]ermission denied|does not exist|[Cc]annot "
	r"|not recognized|[Uu]nexpected|syntax error|is corrupt|[Kk]illed|[Ff]ailed)",
)]


def reason(lines):
	"""The line among those of a log that says why; something in any case."""
	lines = [line.rstrip() for line in lines if line.strip()]
	end = next((number for number, line in enumerate(lines) if MAKE_GAVE_UP.match(line)),
		   len(lines))
	telling = [line for line in lines
		   if not NOISE.match(line) and not MAKE_GAVE_UP.match(line)]
	for kind in KINDS:
		for line in telling:
			if kind.match(line):
				return line.strip()
	# What was said last before make gave up
	before = [line for line in lines[:end] if line in telling]
	return (before or telling or lines[end:] or ["it said nothing"])[
		-1 if before or telling else 0].strip()


def reason_of(log):
	return reason(log.read_text(errors="replace").splitlines())


def without_lines(text):
	"""A warning without the numbers of its line, which any change moves."""
	return re.sub(r"(?<=:)\d+(?::\d+)?(?:-\d+)?(?=[: ])|\b(line|lines) \d+(-\d+)?", "",
		      text)


def news(now, before):
	"""The warnings that the base does not have, or has fewer times."""
	known = collections.Counter(map(without_lines, before))
	found = []
	for warning in now:
		bare = without_lines(warning)
		if known[bare]:
			known[bare] -= 1
		else:
			found.append(warning)
	return found
