# SPDX-License-Identifier: GPL-2.0
"""The files of the kernel that the series adds or changes, for checkers of
sources: as they are in the last commit, and in the base to compare with."""

import fnmatch
import re
import shutil

from host.failure import Failure
from host.git import git as host_git
from host.places import BUILD, ROOT
from patchqueue.commits import export

EXCEPTIONS = ROOT / "scripts/check-exceptions"


def git(*arguments):
	"""What git says of the kernel tree; one that looks for something may find nothing."""
	ended = host_git(*arguments)
	if ended.returncode > 1 or ended.stderr:
		raise Failure(f"git {arguments[0]} in build/linux: {ended.stderr.strip()}")
	return ended.stdout


def files(pattern, kinds="AM"):
	"""Paths that match; kinds are A for added by the series, M for changed."""
	names = git("diff", "--no-renames", f"--diff-filter={kinds}", "--name-only",
		    "base", "HEAD")
	return [name for name in names.splitlines() if re.search(pattern, name)]


def unpack(commit, paths, place):
	"""Those of the paths that `commit` has, as files and folders in `place`."""
	shutil.rmtree(place, ignore_errors=True)
	export(commit, paths, place)


def folder(part):
	"""An empty folder for a part of the tests to work in."""
	place = BUILD / "test" / part
	shutil.rmtree(place, ignore_errors=True)
	place.mkdir(parents=True)
	return place


class Exceptions:
	"""What scripts/check-exceptions lets a checker pass."""

	def __init__(self, checker):
		self.entries = []
		for line in EXCEPTIONS.read_text().splitlines():
			words = line.split(None, 3)
			if words[:1] == [checker]:
				self.entries.append(words[1:] + [""] * (4 - len(words)))
		self.unused = {(file, what) for file, what, _ in self.entries}

	def allow(self, file, words):
		"""Whether one of the words may be said of the file."""
		for pattern, allowed, _ in self.entries:
			if allowed in words.split() and fnmatch.fnmatchcase(file, pattern):
				self.unused.discard((pattern, allowed))
				return True
		return False

	def problems(self):
		"""Entries that nobody needs or understands."""
		bad = [f"{file} {what} has no reason" for file, what, reason in self.entries
		       if not reason]
		bad += [f"{file} {what} is no longer needed"
			for file, what in sorted(self.unused)]
		return [f"scripts/check-exceptions: {problem}" for problem in bad]
