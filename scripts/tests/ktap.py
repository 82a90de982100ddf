# SPDX-License-Identifier: GPL-2.0
"""What the tests found: as KTAP on stdout, one line a check, and kept for JUnit.

Each part is a test with its checks as subtests, in the form that the kernel's
kunit.py reads. How many checks a part has is not known before, and kunit.py takes no
plan after them: only the top level has one.
"""

import dataclasses
import re
import time

from host.terminal import duration, say


@dataclasses.dataclass
class Check:
	name: str
	outcome: str		# "passed", "failed" or "skipped"
	seconds: float		# since the check before it
	text: list		# why, for a person


@dataclasses.dataclass
class Part:
	name: str
	seconds: float
	checks: list

	def count(self, outcome):
		return sum(check.outcome == outcome for check in self.checks)


class Report:
	def __init__(self, parts, minutes=None):
		"""For so many parts, which should have begun within some minutes."""
		self.minutes = minutes
		self.started = time.monotonic()
		self.parts = []
		self.number = 0			# of the part
		self.part = ""			# its name, while it is under way
		self.checks = []		# of that part
		self.began = self.last = 0
		say("KTAP version 1")
		say(f"1..{parts}")

	# ---- the parts -------------------------------------------------------

	def begin(self, part):
		self.part = part
		self.checks = []
		self.began = self.last = time.monotonic()
		say(f"  # Subtest: {part}")

	def end(self):
		"""Says whether all went well."""
		part = Part(self.part, time.monotonic() - self.began, self.checks)
		self.parts.append(part)
		self.part = ""
		self.number += 1
		if not part.checks or part.count("failed"):
			say(f"not ok {self.number} {part.name}")
		elif not part.count("passed"):
			say(f"ok {self.number} {part.name} # SKIP nothing could be checked")
		else:
			say(f"ok {self.number} {part.name}")
		say(f"# {part.name} took {duration(part.seconds)}")
		return not part.count("failed")

	def skip_part(self, part, reason):
		self.number += 1
		self.parts.append(Part(part, 0, [Check("all of it", "skipped", 0, [reason])]))
		say(f"ok {self.number} {part} # SKIP {reason}")

	def too_late(self):
		"""Why no more should begin, if so."""
		if self.minutes and time.monotonic() > self.started + self.minutes * 60:
			return f"MINUTES={self.minutes} have passed"
		return ""

	# ---- their checks ----------------------------------------------------

	def check(self, good, name, details=()):
		"""One check and its outcome; the details only where it failed."""
		if good:
			self.ok(name)
		else:
			self.fail(name, details)
		return bool(good)

	def ok(self, name, remark=""):
		self._add("ok", name, "passed", remark)

	def fail(self, name, details=()):
		self._add("not ok", name, "failed")
		for detail in details:
			self.note(detail)

	def skip(self, name, reason):
		self._add("ok", name, "skipped", f"SKIP {reason}")
		self.checks[-1].text.append(reason)

	def note(self, text):
		for line in text.splitlines() or [""]:
			say(f"  # {line}".rstrip())
		if self.checks and self.checks[-1].outcome == "failed":
			self.checks[-1].text.append(text)

	def _add(self, status, name, outcome, directive=""):
		# A directive would begin there
		name = re.sub(r"\s*#\s*", " ", name).strip()
		now = time.monotonic()
		self.checks.append(Check(name, outcome, now - self.last, []))
		self.last = now
		directive = f" # {directive}" if directive else ""
		say(f"  {status} {len(self.checks)} - {name}{directive}")

	# ---- the end ---------------------------------------------------------

	def count(self, outcome):
		return sum(part.count(outcome) for part in self.parts)

	def finish(self):
		"""The closing line, and the status to exit with."""
		passed, failed, skipped = map(self.count, ("passed", "failed", "skipped"))
		say(f"{passed} passed, {failed} failed"
		    + (f", {skipped} skipped" if skipped else ""))
		return 1 if failed or not passed else 0


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
