# SPDX-License-Identifier: GPL-2.0
"""Each patch builds and boots, and is quiet under W=1 and sparse.

With CONFIG_PADATA and DEFERRED_STRUCT_PAGE_INIT on and off, and with gcc and
with Clang. What the series does not touch Clang compiles once, with the options on;
it links, and boots, the last patch of each topic.
"""

import hashlib

import kbuild
import kernels
from common import Failure, progress
from patchqueue.commits import list_commits
from tests import boots, builds

TIER = "long"

GUEST = {"memory": "5G", "cpus": "2"}
# Suffixes of scripts/build
OPTIONS = {"": "options on", "-off": "options off"}


class Boots:
	"""Guests, one for each image: many patches change nothing in some of them."""

	def __init__(self):
		self.started = {}

	def start(self, kernel):
		image = hashlib.sha256(kernels.image(kernel).read_bytes()).digest()
		if image not in self.started:
			self.started[image] = (kernel, boots.start(
				kernel, GUEST, f"patches/{kernel.replace('/', '-')}.txt"))
		return self.started[image]


def build_all(patch, booted, last, forgiven):
	"""Build a patch in every way. Returns what is wrong, and its guests."""
	gcc = {patch + option: f"gcc, {name}" for option, name in OPTIONS.items()}
	clang = {f"{patch}-clang{option}": f"Clang, {name}"
		 for option, name in OPTIONS.items()}
	whole = {kernel: what for kernel, what in clang.items()
		 if last and not kernel.endswith("-off")}
	ended = builds.script("scripts/build", *gcc, *whole,
			      "--objects", *(clang.keys() - whole.keys()))
	if not ended.ok:
		return ended.details(), []
	problems = [f"{what}: {line}" for kernel, what in (gcc | clang).items()
		    for line in builds.warnings(kernel)
		    if kernel in gcc or kbuild.anywhere(line) not in forgiven]
	guests = [(what, *booted.start(kernel)) for kernel, what in (gcc | whole).items()]
	ended = builds.script("scripts/strict", *gcc)
	problems += ended.output or (not ended.ok and ended.details()) or []
	return problems, guests


def boot_problems(guests):
	for what, kernel, future in guests:
		result, reason = boots.outcome(future)
		if not result:
			yield f"{what}: {reason}"
		elif not result.ok:
			for line in boots.describe(kernel, result):
				yield f"{what}: {line}"
		elif not kernel.endswith("-off") and not boots.deferred_nodes(result.lines):
			yield f"{what}: no struct page was initialised late"


def check(report):
	booted = Boots()
	waiting = []

	def report_one():
		patch, problems, guests = waiting.pop(0)
		problems += boot_problems(guests)
		report.check(not problems, f"{patch} builds and boots", problems)

	commits = [commit.name for commit in list_commits()]
	# The base's own warnings, while its objects are next to be built anyway
	base = commits[0]
	gcc = [base + option for option in OPTIONS]
	clang = [f"{base}-clang{option}" for option in OPTIONS]
	for command in (["scripts/build", *gcc], ["scripts/strict", *gcc],
			["scripts/build", clang[0], "--objects", clang[1]]):
		ended = builds.script(*command)
		if not ended.ok:
			report.fail("the base builds", ended.details())
			return
	forgiven = {kbuild.anywhere(line) for kernel in clang for line in builds.warnings(kernel)}
	reason = ""
	for number, patch in enumerate(commits):
		if patch.endswith("/0000"):
			continue
		if reason := report.too_late():
			break
		last = number + 1 == len(commits) or commits[number + 1].endswith("/0000")
		progress(f"Patch {patch}")
		try:
			problems, guests = build_all(patch, booted, last, forgiven)
		except Failure as failure:
			problems, guests = [str(failure)], []
		waiting.append((patch, problems, guests))
		# The guests of one run while the next one builds
		if len(waiting) > 1:
			report_one()
	while waiting:
		report_one()
	if reason:
		report.skip(f"{patch} and those after it", reason)
	else:
		check_objects(report, commits[-1])


def check_objects(report, patch):
	"""What all patches, one after the other, have left is what the series is made of:
	both folders began as copies of others."""
	ended = builds.script("scripts/build", "series")
	if not ended.ok:
		report.fail("the series builds", ended.details())
		return
	one_by_one, at_once = (kbuild.digests_of(kbuild.plan(kernel).output)
			       for kernel in (patch, "series"))
	differ = sorted(made for made in one_by_one.keys() | at_once.keys()
			if one_by_one.get(made) != at_once.get(made))
	report.check(at_once and not differ,
		     f"{patch}, built patch by patch, has the objects of the series", differ[:5])
