# SPDX-License-Identifier: GPL-2.0
"""Coccinelle says of the files touched only what it says of the base.

The semantic patches of the kernel (coccicheck), in report mode.
"""

import re
import shutil

from host.places import LINUX
from host.programs import run_program, side_by_side
from host.reason import news
from host.terminal import progress
from tests import touched

TIER = "long"

PATCHES = "scripts/coccinelle"
# Seconds for one function, which takes a few where it takes any time
LIMIT = "600"


def options_of(semantic_patch):
	"""What its header says it is to be run with."""
	text = semantic_patch.read_text()
	return " ".join(re.findall(r"^//\s*Options:(.*)", text, re.M)).split()


def run(semantic_patch, place):
	"""Its reports for all files in `place`, and what kept it from running."""
	# With --dir, a file without the words that it looks for is not even parsed
	done = run_program("spatch", "-D", "report", "--very-quiet", "--no-show-diff",
			   "--timeout", LIMIT, "--cocci-file", semantic_patch,
			   *options_of(semantic_patch), "-I", LINUX / "arch/x86/include",
			   "-I", LINUX / "include", "--dir", place, cwd=place)
	reports = [line.replace(f"{place}/", "") for line in done.stdout.splitlines()
		   if re.match(r"\S+:\d+", line)]
	said = (done.stderr + done.stdout).splitlines()
	broken = [line for line in said if re.search("timeout|[Ee]xception|[Ff]atal error",
						     line)]
	if done.returncode and not broken:
		broken = said[-1:] or [f"status {done.returncode}"]
	return reports, broken


def run_all(semantic_patches, place, commit):
	"""{semantic patch: its outcome}, side by side on all CPUs."""
	outcomes = {}
	ended = side_by_side(lambda path: run(path, place), semantic_patches)
	for count, (path, outcome) in enumerate(ended, 1):
		progress(f"Semantic patches, {commit}: {count} of {len(semantic_patches)}")
		outcomes[path] = outcome
	return outcomes


def without_ocaml(report, semantic_patches):
	"""Those that can be run here: the compiler that a few need is half a GB."""
	if shutil.which("ocamlopt"):
		return semantic_patches
	left_out = [path for path in semantic_patches
		    if "script:ocaml" in path.read_text()]
	for path in left_out:
		report.skip(path.stem, "it needs an OCaml compiler: apt install ocaml")
	return [path for path in semantic_patches if path not in left_out]


def check(report):
	place = touched.folder("coccinelle")
	touched.unpack("HEAD", [PATCHES], place / "patches")
	semantic_patches = without_ocaml(
		report, sorted((place / "patches" / PATCHES).rglob("*.cocci")))
	sources = touched.files(r"\.[ch]$")
	touched.unpack("HEAD", sources, place / "series")
	touched.unpack("base", sources, place / "base")

	now = run_all(semantic_patches, place / "series", "series")
	# The base matters only where there is something to forgive
	before = run_all([path for path in now if now[path][0]], place / "base", "base")

	exceptions = touched.Exceptions("coccinelle")
	problems = []
	for path in semantic_patches:
		reports, broken = now[path]
		forgiven, _ = before.get(path, ([], []))
		problems += [f"{path.stem}: {line}" for line in broken]
		problems += [f"{path.stem}: {line}" for line in news(reports, forgiven)
			     if not exceptions.allow(line.partition(":")[0], path.stem)]
	problems += exceptions.problems()
	report.check(semantic_patches and not problems,
		     f"{len(semantic_patches)} semantic patches say nothing new of "
		     f"{len(sources)} files", problems or ["there are no semantic patches"])
