# SPDX-License-Identifier: GPL-2.0
"""Each patch builds and boots, and is quiet under W=1 and sparse.

With CONFIG_PADATA and DEFERRED_STRUCT_PAGE_INIT on and off, and with gcc and
with Clang, which only links, and boots, the last patch of each topic.
"""

import hashlib
import re

import kbuild
import kernels
from common import Failure, progress
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


def build_one(kernel, what, forgiven=frozenset(), link=True):
	"""What is wrong with the build of a kernel, as lines; and if it is there."""
	ended = builds.script("scripts/build", *[] if link else ["--objects"], kernel)
	if not ended.ok:
		return [f"{what}: {line}" for line in ended.details()], False
	return [f"{what}: {line}" for line in builds.warnings(kernel)
		if anywhere(line) not in forgiven], True


def anywhere(warning):
	"""Without the line that it is for."""
	return re.sub(r":\d+:\d+:", ":", warning)


def build_all(patch, booted, last, forgiven):
	"""Build a patch in every way. Returns what is wrong, and its guests."""
	problems, guests = [], []
	for option, option_name in OPTIONS.items():
		kernel, what = patch + option, f"gcc, {option_name}"
		found, built = build_one(kernel, what)
		problems += found
		if not built:
			continue
		guests.append((what, option, *booted.start(kernel)))
		ended = builds.script("scripts/strict", kernel)
		problems += [f"{what}: {line}" for line in
			     ended.output or (not ended.ok and ended.details()) or []]
	for option, option_name in OPTIONS.items():
		kernel, what = patch + "-clang" + option, f"Clang, {option_name}"
		found, built = build_one(kernel, what, forgiven[option], link=last)
		problems += found
		if last and built:
			guests.append((what, option, *booted.start(kernel)))
	return problems, guests


def boot_problems(guests):
	for what, option, kernel, future in guests:
		result, reason = boots.outcome(future)
		if not result:
			yield f"{what}: {reason}"
		elif not result.ok:
			for line in boots.describe(kernel, result):
				yield f"{what}: {line}"
		elif not option and not boots.deferred_nodes(result.lines):
			yield f"{what}: no struct page was initialised late"


def check(report):
	booted = Boots()
	waiting = []

	def report_one():
		patch, problems, guests = waiting.pop(0)
		problems += boot_problems(guests)
		report.check(not problems, f"{patch} builds and boots", problems)

	commits = kbuild.commits()
	# The base's own warnings, while its objects are next to be built anyway
	base, forgiven = commits[0][0], {}
	for option in OPTIONS:
		for script, kernel in (("scripts/strict", base + option),
				       ("scripts/build", base + "-clang" + option)):
			ended = builds.script(script, kernel)
			if not ended.ok:
				report.fail(f"the base builds as {kernel}", ended.details())
				return
		forgiven[option] = set(map(anywhere, builds.warnings(kernel)))
	for number, (patch, _) in enumerate(commits):
		if patch.endswith("/0000"):
			continue
		last = number + 1 == len(commits) or commits[number + 1][0].endswith("/0000")
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
