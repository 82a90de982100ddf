# SPDX-License-Identifier: GPL-2.0
"""Each patch builds, links and boots, and is quiet under W=1 and sparse.

With CONFIG_PADATA and DEFERRED_STRUCT_PAGE_INIT on and off: gcc links both, and both are
booted; W=1 and sparse look at the sources that the series changes. Clang only compiles these,
and at the last patch of each topic all that includes them. The tests in user space compile at
each patch.
"""

import hashlib

import kernels
from host.failure import Failure
from host.terminal import progress
from kernels import kbuild
from patchqueue.commits import list_commits
from tests import boots, builds, engine

TIER = "long"

GUEST = {"memory": "5G", "cpus": "2"}
# Suffixes of scripts/build
LINKED = {"": "gcc, options on", "-off": "gcc, options off"}
COMPILED = {"-clang": "Clang, options on", "-clang-off": "Clang, options off"}


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


def build(patch, last):
	"""Build a patch in every way. Returns {the names of its kernels: how they are built}
	of those linked, and of those compiled; or raises Failure."""
	linked = {patch + way: about for way, about in LINKED.items()}
	compiled = {patch + way: about for way, about in COMPILED.items()}
	extent = "--objects" if last else "--own"
	ended = builds.script("scripts/build", *linked, extent, *compiled)
	if not ended.ok:
		raise Failure("\n".join(ended.details()))
	return linked, compiled


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
	commits = list_commits()
	if check_each(report, commits):
		check_objects(report, commits[-1].name)


def check_each(report, commits):
	"""Says whether that came to its end."""
	# The base, for the warnings that it has itself
	base = commits[0].name
	try:
		build(base, last=True)
	except Failure as failure:
		report.fail("the base builds", [str(failure)])
		return False
	guests = Boots()
	waiting = []

	def report_one():
		name, problems, started = waiting.pop(0)
		problems += boot_problems(started)
		report.check(not problems, f"{name} builds and boots", problems)

	reason = ""
	for commit, after in zip(commits, [*commits[1:], None]):
		if not commit.number:
			continue
		if reason := report.too_late():
			break
		progress(f"Patch {commit.name}")
		problems, started = engine.problems_at(commit.id), []
		try:
			last = not after or not after.number
			linked, compiled = build(commit.name, last)
			for kernel, about in (linked | compiled).items():
				way = kernel.removeprefix(commit.name)
				problems += [f"{about}: {line}" for line
					     in kbuild.new_warnings(kernel, base + way)]
			started = [(about, *guests.start(kernel))
				   for kernel, about in linked.items()]
		except Failure as failure:
			problems.append(str(failure))
		waiting.append((commit.name, problems, started))
		# The guests of one run while the next one builds
		if len(waiting) > 1:
			report_one()
	while waiting:
		report_one()
	if reason:
		report.skip(f"{commit.name} and those after it", reason)
	return not reason


def check_objects(report, patch):
	"""What all patches, one after the other, have left is what the series is made of:
	both folders began as copies of others."""
	ended = builds.script("scripts/build", "series")
	if not ended.ok:
		report.fail("the series builds", ended.details())
		return
	one_by_one, at_once = (kbuild.digests_of(kbuild.plan(kernel).output)
			       for kernel in (patch, "series"))
	changed = kbuild.files_of_series()
	planned = kbuild.plan("series")
	named = set(kbuild.objects_named(changed, planned.output / ".config"))
	linked = {made for made, source in kbuild.objects_of(planned.output, changed).items()
		  if source in changed}
	report.check(named == linked, "Clang compiles the objects that are linked",
		     sorted(named ^ linked)[:5])
	differ = sorted(made for made in one_by_one.keys() | at_once.keys()
			if one_by_one.get(made) != at_once.get(made))
	report.check(at_once and not differ,
		     f"{patch}, built patch by patch, has the objects of the series", differ[:5])
