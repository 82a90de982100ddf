# SPDX-License-Identifier: GPL-2.0
"""What a guest's console says: how the boot ended, and what the guest's init printed."""

import functools
import re
import signal

from host.failure import Failure
from host.places import ROOT

REACHED_INIT = "padata-mt: init reached"
DONE = "padata-mt: done"

# First and last lines of what the kernel reports in many lines
REPORTS = {"[ cut here ]": "[ end trace", "BUG: KCSAN:": "=========="}


def any_line(lines, text):
	return any(text in line for line in lines)


@functools.cache
def console_patterns():
	patterns = {"deny": [], "allow": [], "only": []}
	for line in (ROOT / "scripts/guests/console-patterns").read_text().splitlines():
		if line and not line.startswith("#"):
			kind, _, pattern = line.partition(" ")
			try:
				patterns[kind].append(re.compile(pattern.strip()))
			except (KeyError, re.error) as error:
				raise Failure(f"scripts/guests/console-patterns: '{line}' is no line "
					      f"of it: {error}") from None
	return patterns


def is_of_others(report):
	"""A report of KCSAN in which none of the "only" patterns is found, the
	stacks of interrupts left out: what they interrupt has no part in it."""
	if "BUG: KCSAN:" not in report[0]:
		return False
	interrupt = False
	for line in report:
		if found := re.search(r" by (task|interrupt)\b", line):
			interrupt = found[1] == "interrupt"
		if not interrupt and any(only.search(line)
					 for only in console_patterns()["only"]):
			return False
	return True


def complaints(lines):
	"""The first line of each thing on the console that should not be there."""
	patterns = console_patterns()
	found = []
	for report in reports(lines):
		if any(allow.search(line) for allow in patterns["allow"]
		       for line in report) or is_of_others(report):
			continue
		denied = [line for line in report
			  if any(deny.search(line) for deny in patterns["deny"])]
		found += [strip_stamp(line) for line in denied[:1]]
	return found


def reports(lines):
	"""Lines, those from a first to a last one of REPORTS being taken as one."""
	report, end = [], None
	for line in lines:
		begins = next((last for first, last in REPORTS.items() if first in line),
			      None)
		if report and begins:
			yield report
			report = []
		report.append(line)
		end = begins or end
		if not end or not begins and end in line:
			yield report
			report, end = [], None
	if report:
		yield report


def strip_stamp(line):
	return re.sub(r"^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ", "", line).strip()


def judge(lines, ending, guest):
	"""The verdict on a boot, and why in one line."""
	panics = [line for line in lines if "Kernel panic - not syncing" in line]
	if panics:
		return "panic", strip_stamp(panics[0])
	if ending.timed_out:
		last = strip_stamp(([line for line in lines if line.strip()]
				    or ["(nothing on the console)"])[-1])
		return "hang", f"no end within {guest.timeout:g} s, last line: {last}"
	left = guest.shell and any_line(lines[-3:], "QEMU: Terminated")
	if not any_line(lines, DONE) and not left:
		if not lines or ending.status:
			return "qemu", explain_qemu(ending, guest)
		return "stopped", ("ended before its init was done, last line: "
				   + strip_stamp(lines[-1]))
	found = complaints(lines)
	if found:
		more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
		return "warned", found[0] + more
	if left:
		return "ok", f"ended from the terminal after {ending.seconds:.1f} s"
	return "ok", f"reached its end in {ending.seconds:.1f} s"


def explain_qemu(ending, guest):
	lines = ending.errors.splitlines()
	# The lines after that one explain it
	said = next((line for line in lines
		     if line.startswith("qemu") and "warning:" not in line),
		    lines[-1] if lines else "")
	if re.search("cannot set up guest memory|Cannot allocate memory|"
		     "phys-bits too low|Address space limit", ending.errors):
		return (f"a guest of {guest.memory} is larger than this host can map; "
			f"choose a smaller one (QEMU: {said})")
	if ending.status and ending.status < 0:
		name = signal.Signals(-ending.status).name
		hint = ", the host may be out of memory" if name == "SIGKILL" else ""
		return f"QEMU was ended by {name}{hint}"
	if said:
		return f"QEMU would not run it: {said}"
	return "the guest stopped before its first console line"


def zones(lines):
	"""{(node, zone): {"managed": pages, ...}} as guests/init printed them."""
	found = {}
	pattern = re.compile(r"padata-mt: node (\d+) zone (\S+) (.*)")
	for line in lines:
		match = pattern.search(line)
		if match:
			words = match[3].split()
			counts = dict(zip(words[::2], map(int, words[1::2])))
			found[int(match[1]), match[2]] = counts
	return found
