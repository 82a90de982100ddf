# SPDX-License-Identifier: GPL-2.0
"""What the tests found, as KTAP on stdout: one line a check."""

import re

from common import say


class Report:
	def __init__(self):
		self.part = ""
		self.passed = self.failed = self.skipped = 0
		say("KTAP version 1")

	def check(self, good, name, details=()):
		"""One check and its outcome; the details only where it failed."""
		if good:
			self.ok(name)
		else:
			self.fail(name, details)
		return bool(good)

	def ok(self, name, remark=""):
		self.passed += 1
		self._line("ok", name + (f" # {remark}" if remark else ""))

	def fail(self, name, details=()):
		self.failed += 1
		self._line("not ok", name)
		for detail in details:
			self.note(detail)

	def skip(self, name, reason):
		self.skipped += 1
		self._line("ok", f"{name} # SKIP {reason}")

	def note(self, text):
		for line in text.splitlines() or [""]:
			say(f"# {line}".rstrip())

	def _line(self, status, name):
		number = self.passed + self.failed + self.skipped
		say(f"{status} {number} - {self.part} {name}")

	def finish(self):
		"""The closing lines, and the status to exit with."""
		say(f"1..{self.passed + self.failed + self.skipped}")
		skipped = f", {self.skipped} skipped" if self.skipped else ""
		say(f"{self.passed} passed, {self.failed} failed{skipped}")
		return 1 if self.failed or not self.passed else 0


class Reader:
	"""Takes over the lines of another KTAP, nested checks not counted."""

	def __init__(self, report):
		self.report = report
		self.count = self.failed = 0

	def read(self, line):
		match = re.match(r"(not )?ok\b(?: \d+)?(?: -)? *(.*)", line)
		if not match:
			if line.startswith(("#", " ")):
				self.report.note(line.removeprefix("#").strip())
			return
		self.count += 1
		name, skipped, reason = match[2].partition(" # SKIP")
		if match[1]:
			self.failed += 1
			self.report.fail(name)
		elif skipped:
			self.report.skip(name, reason.strip() or "no reason given")
		else:
			self.report.ok(name)
