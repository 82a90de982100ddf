# SPDX-License-Identifier: GPL-2.0
"""Have the texts quote what was measured last, and say where they do not yet.

make figures takes the results of the last "make measure" (build/report/results.json)
as those that the texts quote, Documentation/figures/results.json, writes the table in
README.md anew, and names file and line of each other figure that these results do not
have. With --check, as "make check" calls it, nothing is taken and nothing written.

The texts are README.md, Documentation/*.md, and the messages of the patches. A figure
is a number with a point, one with a unit of what is measured, or one of three digits
and more. Right is what the table or the report shows of the results, rounded or not.
What comes from elsewhere is listed in scripts/check-exceptions.
"""

import collections
import dataclasses
import fnmatch
import html
import json
import re

from host.failure import Failure
from host.git import git
from host.places import BUILD, ROOT, relative
from host.script import Parser
from host.terminal import say
from measuring import real_memory, report

MEASURED = BUILD / "report/results.json"
KEPT = ROOT / "Documentation/figures/results.json"
README = ROOT / "README.md"
EXCEPTIONS = ROOT / "scripts/check-exceptions"

# What the texts quote, with what tells that results have it
PARTS = {"page-init": "ratios", "jobs": "run_time", "clients": "clients"}

UNIT = r"(?:[mun]?s|min|seconds|minutes|%|percent|instructions|times|GB/s)"
FIGURE = re.compile(
	rf"(?<![\w.,/=-])(?:\d+\.\d+|\d+(?=(?: |-){UNIT}(?![\w/])| ?%)|\d{{3,}})(?!\w|[.,]\d|/\d)")
# No figures: code, links, patches, kernels, years, sizes, and what is only counted
OTHER = re.compile(r"`[^`]*`|\]\([^)]*\)|<[^>]*>|\b0\d{3}\b|\b[v-]?6\.12(\.[\dy]+)?\b"
		   r"|\b\d+ ?[KMGT]i?B\b|\b20[0-3]\d\b|\b0x\w+|\b\d+ (pages|modules|entries)\b"
		   r"|\b(Linux|QEMU|gcc|Debian|before|since) \d+(\.\d+)*\b")


# ---- what the results have -----------------------------------------------------

def shown(results):
	"""All numbers that are shown of the results, as text."""
	# The figures of the models are not measured; the sentence on each is quoted
	page = report.page(results | {"scale": {}}, collections.defaultdict(str), [])
	page = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.S)
	texts = [report.table(results), html.unescape(page),
		 *map(report.finding, results["scale"].values())]
	if "real_memory" in results:
		texts.append(real_memory.table(results))
	for busy in (results["run_time"][beside] for beside in ("contended", "weights")):
		for values in (busy["job_ratio"], [100 * loss for loss in busy["hogs_loss"]]):
			texts += [f"{form(values):.{digits}f}" for form in (min, max)
				  for digits in (1, 2)]
	return {number for text in texts for number in re.findall(r"\d+\.\d+|\d+", text)}


class Known:
	"""Says whether results have a figure."""

	def __init__(self, results):
		self.texts = shown(results)
		self.values = [float(text) for text in self.texts]

	def has(self, figure):
		if figure in self.texts:
			return True
		digits = len(figure.partition(".")[2])
		# Rounded to one digit it could be anything
		return (len(figure.replace(".", "").lstrip("0")) > 1
			and any(f"{value:.{digits}f}" == figure for value in self.values))


# ---- the texts -----------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Quoted:
	file: str
	line: int
	figure: str


def guide_lines(path):
	"""The lines outside of fenced blocks."""
	inside = False
	for number, line in enumerate(path.read_text().splitlines(), 1):
		if re.match(r" *```", line):
			inside = not inside
		elif not inside:
			yield number, line


def message_lines(path):
	"""The lines of a patch's message: from the subject to the diff, or to what is
	generated in a cover letter."""
	head = True
	for number, line in enumerate(path.read_text().splitlines(), 1):
		if line == "---" or line.startswith("Base: "):
			return
		head = head and line != ""
		if not head or line.startswith(("Subject: ", " ")):
			yield number, re.sub(r"^Subject: \[[^]]*\]", "", line)


def texts():
	for path in [README, *sorted((ROOT / "Documentation").glob("*.md"))]:
		yield path, guide_lines(path)
	for path in sorted((ROOT / "patches").glob("*/*.patch")):
		yield path, message_lines(path)


def quoted():
	"""All figures, with where they are."""
	for path, lines in texts():
		for number, line in lines:
			for figure in FIGURE.findall(OTHER.sub("-", line)):
				yield Quoted(str(path.relative_to(ROOT)), number, figure)


# ---- the table in README.md ----------------------------------------------------

def with_table(text, results):
	"""README.md with the table of these results."""
	block = f"$ {results['command']}\n{report.table(results)}\n"
	pattern = re.compile(r"(?<=^```console\n)\$ scripts/measure\b.*?(?=^```$)", re.M | re.S)
	if len(pattern.findall(text)) != 1:
		raise Failure("README.md has no block that begins with \"$ scripts/measure\" "
			      "for the table: put one there")
	return pattern.sub(lambda _: block, text)


# ---- all of it -----------------------------------------------------------------

def exceptions():
	"""[(file, figures, line)] of what comes from elsewhere."""
	found = []
	for number, line in enumerate(EXCEPTIONS.read_text().splitlines(), 1):
		if line.startswith("figures "):
			_, file, figures, *reason = line.split(maxsplit=3)
			if not reason:
				raise Failure(f"scripts/check-exceptions:{number}: no reason is given")
			found.append((file, figures.split(","), line))
	return found


def out_of_date(results):
	"""What is to be mended, a line each."""
	known = Known(results)
	if with_table(README.read_text(), results) != README.read_text():
		yield "README.md: its table is not that of these results: \"make figures\" writes it"
	others, used, missing = exceptions(), set(), {}
	for found in quoted():
		# Below patches/, by topic and number
		name = found.file.removeprefix("patches/")
		listed = [(line, found.figure) for file, figures, line in others
			  if fnmatch.fnmatch(name, file) and found.figure in figures]
		used.update(listed)
		if not listed and not known.has(found.figure):
			missing.setdefault(f"{found.file}:{found.line}", []).append(found.figure)
	for place, figures in missing.items():
		yield f"{place}: the results have no {', '.join(figures)}"
	for _, figures, line in others:
		for figure in figures:
			if (line, figure) not in used:
				yield ("scripts/check-exceptions: no longer needed: "
				       + " ".join(line.split()[:2] + [figure]))


def read(path):
	try:
		results = json.loads(path.read_text())
		missing = [part for part, key in PARTS.items() if key not in results]
		if missing and "command" in results:
			raise Failure(f"{relative(path)} has nothing of {' and '.join(missing)}: "
				      "\"make measure\", all of it, then \"make figures\"")
		shown(results)
		return results
	except FileNotFoundError:
		raise Failure(f"{relative(path)} is not there: \"make measure\", then "
			      "\"make figures\"") from None
	except (ValueError, KeyError, TypeError, AttributeError):
		raise Failure(f"{relative(path)} holds no results of scripts/measure: \"make "
			      "measure\", then \"make figures\"") from None


def take():
	"""From now on these are the results."""
	results = read(MEASURED)
	KEPT.parent.mkdir(parents=True, exist_ok=True)
	KEPT.write_text(json.dumps(results, separators=(",", ":")) + "\n")
	README.write_text(with_table(README.read_text(), results))
	say(f"{relative(KEPT)} and the table in README.md: {results['command']}, on "
	    + report.describe_machine(results["machine"]))
	tree = git("rev-parse", "HEAD^{tree}").stdout.strip()
	if results["versions"]["kernels"]["series"]["git_tree"] != tree:
		say("build/linux has other sources than were measured: \"make measure\", then "
		    "\"make figures\" once more")


def main():
	parser = Parser(description=__doc__.split("\n")[0])
	parser.add_argument("--check", action="store_true",
			    help="only say what is out of date")
	arguments = parser.parse_args()
	if not arguments.check:
		take()
	found = list(out_of_date(read(KEPT)))
	for line in found:
		say(line)
	if not arguments.check:
		say(f"{len(found)} lines to mend: those of patches are edited in build/linux, "
		    "see Documentation/series.md" if found else
		    "All figures are those of these results")
	return 1 if found else 0
