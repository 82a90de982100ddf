# SPDX-License-Identifier: GPL-2.0
"""What the guides quote, link and name is there.

The guides are README.md and Documentation/*.md. Their commands are looked at here;
the part "walk" runs them. Each fenced block has its language:

	sh	commands that "walk" runs, as they stand
	console	commands after a $ or #, and what they print: what cannot be run
		here, because it takes a real machine, another release, or hours
	text	if it follows sh, what that prints; numbers may differ
	c	lines of the guide's module
"""

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

from host.places import BUILD, LINUX, ROOT
from host.programs import run_program

MODULE = ROOT / "Documentation/client/padata_client.c"
LANGUAGES = ("sh", "console", "text", "c")

# A number that has been measured: with a point, or of three digits and more
FIGURE = r"(?<![\w.])(?:\d+\.\d+|\d{3,})(?![\w]|\.\d)"

# Names of files that are to be there: in the checkout, or else in the kernel
HERE = ("scripts/", "patches/", "kernel/configs/", "Documentation/", ".ci/")
THERE = ("kernel/", "mm/", "lib/", "include/", "tools/", "arch/", "Documentation/")


@dataclasses.dataclass(frozen=True)
class Block:
	guide: Path
	line: int		# of its first line, counted from 1
	language: str
	text: str
	expected: str = None	# the text block after a block of commands

	@property
	def place(self):
		return f"{self.guide.relative_to(ROOT)}:{self.line}"

	@property
	def commands(self):
		"""What is to be typed."""
		if self.language != "console":
			return self.text
		lines, more = [], False
		for line in self.text.splitlines():
			prompt = re.match(r"[$#] (.*)", line)
			if prompt or more:
				lines.append(prompt[1] if prompt else line)
				more = lines[-1].endswith("\\")
		return "\n".join(lines) + "\n"

	@property
	def title(self):
		"""Where it is and how it begins."""
		lines = (re.sub(r"(^|\s)#.*", "", line).strip()
			 for line in self.commands.splitlines())
		return f"{self.place} {next(filter(None, lines), '')[:60].strip()}"


def guides():
	return [ROOT / "README.md", *sorted((ROOT / "Documentation").glob("*.md"))]


def blocks(guide):
	"""The fenced blocks of a guide, in order."""
	found, fence = [], None
	for number, line in enumerate(guide.read_text().splitlines(), 1):
		marker = re.match(r"( *)```(\S*)$", line)
		if marker and fence is None:
			fence = (number + 1, marker[2], len(marker[1]), [])
		elif marker:
			start, language, _, lines = fence
			found.append(Block(guide, start, language,
					   "".join(f"{line}\n" for line in lines)))
			fence = None
		elif fence:
			fence[3].append(line[min(fence[2], len(line) - len(line.lstrip())):])
	if fence:
		found.append(Block(guide, fence[0], fence[1], "".join(
			f"{line}\n" for line in fence[3])))
	return with_expected(guide, found)


def with_expected(guide, found):
	"""The same, with the text that follows a block of commands beside it."""
	lines = guide.read_text().splitlines()
	result = []
	for block, after in zip(found, [*found[1:], None]):
		if block.language == "sh" and after and after.language == "text":
			between = lines[block.line + block.text.count("\n"):after.line - 2]
			if not any(map(str.strip, between)):
				block = dataclasses.replace(block, expected=after.text)
		result.append(block)
	return result


def prose(guide):
	"""The lines outside of fenced blocks, with their numbers."""
	inside = False
	for number, line in enumerate(guide.read_text().splitlines(), 1):
		if re.match(r" *```", line):
			inside = not inside
		elif not inside and not line.startswith("<!--"):
			yield number, line


# ---- what is wrong with a guide ----------------------------------------------

def bad_form(guide):
	"""Commands that nobody would run, for want of a fence or its language."""
	problems = [f"{block.place}: a block is '{block.language}': one of "
		    + ", ".join(LANGUAGES) + ", please"
		    for block in blocks(guide) if block.language not in LANGUAGES]
	before = ""
	for number, line in prose(guide):
		if re.match(r"(    |\t)\s*\S", line) and not before.strip():
			problems.append(f"{guide.relative_to(ROOT)}:{number}: an indented "
					"block: fence it")
		before = line
	return problems


def anchor(heading):
	"""As web pages make it of a heading."""
	text = re.sub(r"[^\w\s-]", "", heading.strip().lower())
	return re.sub(r"\s", "-", text)


def anchors(guide):
	return {anchor(line.lstrip("#")) for _, line in prose(guide)
		if re.match(r"#+ ", line)}


def dead_links(guide):
	"""Links to files and headings that are not there."""
	problems = []
	for number, line in prose(guide):
		for target in re.findall(r"\]\(([^)\s]+)\)", line):
			path, _, heading = target.partition("#")
			if re.match(r"\w+:", target):
				continue
			file = (guide.parent / path).resolve() if path else guide
			if not file.exists():
				problems.append(f"line {number}: no {path}")
			elif heading and heading not in anchors(file):
				problems.append(f"line {number}: no heading #{heading}")
	return problems


def missing_files(guide):
	"""Names of files that neither the checkout nor the kernel has."""
	problems = []
	for number, line in prose(guide):
		for name in re.findall(r"`([\w./*-]+)`", line):
			name = name.rstrip("/")
			places = [ROOT] if name.startswith(HERE) else []
			places += [LINUX] if name.startswith(THERE) else []
			if places and not any(any(place.glob(name)) for place in places):
				problems.append(f"line {number}: no {name}")
	return problems


def bad_commands(block):
	"""What is wrong with commands, as far as it can be told without them."""
	syntax = run_program("bash", "-n", input=block.commands)
	if syntax.returncode:
		return syntax.stderr.splitlines()[:1]
	if not block.commands.strip():
		return ["there is no command in it: begin each with $ or #"]
	problems = []
	for words in simple_commands(block.commands):
		if words[0] == "make" and "-C" not in words:
			problems += bad_make(words[1:])
		elif words[0].removeprefix("./").startswith(("scripts/", ".ci/")):
			problems += bad_script(words[0], words[1:])
	return problems


def simple_commands(text):
	"""The words of each command, roughly as a shell takes them apart."""
	text = re.sub(r"\\\n", " ", text)
	text = re.sub(r"(^|\s)#.*", "", text, flags=re.M)
	for part in re.split(r"\n|&&|\|\||[;|()]|\$\(", text):
		words = re.findall(r"(?:[^\s\"']|\"[^\"]*\"|'[^']*')+", part)
		while words and (re.match(r"\w+=", words[0])
				 or words[0] in ("sudo", "time", "do", "then", "!")):
			words.pop(0)
		if words:
			yield words


def bad_make(words):
	told = run_program("make", "-s", "help", cwd=ROOT).stdout
	problems = []
	for word in words:
		if re.match(r"[-<>0-9]", word):
			continue
		name, given, _ = word.partition("=")
		if given and not re.search(rf"\b{re.escape(name)}\b", told):
			problems.append(f"make help does not tell of {name}=")
		elif not given and subprocess.run(["make", "-n", name], cwd=ROOT,
						  capture_output=True).returncode:
			problems.append(f"there is no make {name}")
	return problems


def bad_script(name, words):
	script = ROOT / name
	if not script.is_file():
		return [f"there is no {name}"]
	# What it does is mostly in a module, which it names
	text = script.read_text() + "".join(
		(ROOT / "scripts" / package / f"{module}.py").read_text()
		for package, module in re.findall(r"^from (\w+)\.(\w+) import main$",
						  script.read_text(), re.M))
	return [f"{name} has no {word}" for word in words
		if word.startswith("--") and word not in ("--help",)
		and not re.search(rf"{re.escape(word.split('=')[0])}\b", text)]


def not_quoted(guide):
	"""Blocks of C that are not lines of the module."""
	module = MODULE.read_text()
	return [f"{block.place}: {MODULE.name} does not have these lines"
		for block in blocks(guide) if block.language == "c"
		and f"\n{block.text}" not in module]


def parts_untold():
	"""Parts of scripts/test that series.md does not tell of, and the other way."""
	told = set()
	for line in (ROOT / "Documentation/series.md").read_text().splitlines():
		if line.startswith("| `"):
			told |= set(re.findall(r"`([\w-]+)`", line.split("|")[1]))
	listed = run_program(ROOT / "scripts/test", "--help").stdout
	parts = set(re.findall(r"^ [ *-]([\w-]+) +\S", listed, re.M))
	return ([f"it does not tell of {part}" for part in sorted(parts - told)]
		+ [f"there is no part {part}" for part in sorted(told - parts)])


def figures_of_nobody(guide):
	"""Figures of the design that no patch of the series gives."""
	given = "".join(message(patch) for patch
			in sorted((ROOT / "patches").glob("*/*.patch")))
	known = set(re.findall(FIGURE, given))
	return [f"line {number}: no patch has {figure}"
		for number, line in prose(guide)
		for figure in re.findall(FIGURE, re.sub(r"`[^`]*`|\]\([^)]*\)|\S+/0\d{3}.*",
							"", line))
		if figure not in known]


def message(patch):
	"""What a patch says of itself, in its message and in its comments."""
	text, _, diff = patch.read_text().partition("\n---\n")
	return "\n".join([text, *re.findall(r"^\+\s*/?\*.*", diff, re.M)])


def module_style():
	"""What the kernel's own checks say of the module."""
	# They give its name to a shell, unquoted
	copy = BUILD / "test" / MODULE.name
	copy.parent.mkdir(exist_ok=True)
	shutil.copy(MODULE, copy)
	found = []
	for command in (["scripts/checkpatch.pl", "--no-tree", "--strict", "--terse",
			 "--no-summary", "-f", copy],
			["scripts/kernel-doc", "-none", "-Wall", "-Werror", copy]):
		ended = run_program("perl", *command, cwd=LINUX)
		if ended.returncode:
			found += (ended.stdout + ended.stderr).splitlines()[:10]
	return found


def check(report):
	for guide in guides():
		name = guide.relative_to(ROOT)
		for what, find in (("is fenced", bad_form), ("has no dead link", dead_links),
				   ("names files that are there", missing_files),
				   ("quotes its module", not_quoted)):
			if find != not_quoted or any(block.language == "c"
						     for block in blocks(guide)):
				problems = find(guide)
				report.check(not problems, f"{name} {what}", problems)
		commands = [block for block in blocks(guide)
			    if block.language in ("sh", "console")]
		problems = [f"{block.title}: {problem}" for block in commands
			    for problem in bad_commands(block)]
		if commands:
			only = sum(block.language == "console" for block in commands)
			report.check(not problems, f"{name} has commands that could be run",
				     problems)
			report.note(f"{name}: {len(commands) - only} blocks of commands are "
				    f"run by the part walk, {only} are only looked at")
	problems = parts_untold()
	report.check(not problems, "series.md tells of each part of the tests", problems)
	problems = figures_of_nobody(ROOT / "Documentation/design.md")
	report.check(not problems, "design.md has the figures of the patches", problems)
	problems = module_style()
	report.check(not problems, f"{MODULE.name}: checkpatch --strict and kernel-doc",
		     problems)
