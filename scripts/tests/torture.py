# SPDX-License-Identifier: GPL-2.0
"""The torture test of multithreaded jobs, under KASAN and lockdep, and under
KCSAN, with the KUnit tests under KCSAN. scripts/torture runs it for longer.
"""

import re

import guest
from tests import boots, builds, kunit

# What takes each of them about a minute and a half in an emulated guest
JOBS = {"series-kasan": 40000, "series-kcsan": 10000}
TIMEOUT = 900

# What has to have happened for the outcome to mean anything
HAPPENS = ("split", "helped", "failed", "undone", "CPUs offlined", "nested")
NEVER = ("lost", "done twice", "not undone", "otherwise wrong")

# Two stacks of a report, and whether it is one that console-patterns denies
RACES = {
	"of the series": (("task 7 on cpu 1", "torture_do_unit"),
			  ("task 8 on cpu 0", "padata_mt_work"), True),
	"of the base": (("task 7 on cpu 1", "sched_tick"),
			("task 8 on cpu 0", "torture_hotplug_fn"), False),
	"of a tick": (("task 7 on cpu 1", "update_curr"),
		      ("interrupt on cpu 0", "torture_thread_fn"), False),
}


def settings(jobs, timeout=TIMEOUT, hotplug=100, seed=0):
	"""A guest that runs so many jobs."""
	return {"nodes": "2:1G, 2:1G", "timeout": str(timeout),
		"run": "scripts/tests/wait-for-torture",
		"append": f"padata_torture.jobs={jobs} padata_torture.hotplug={hotplug} "
			  f"padata_torture.seed={seed}"}


def summary(lines):
	"""What the test said in the end, or None."""
	for line in lines:
		if match := re.search(r"padata_torture: (\d+ jobs \(.*)", line):
			return match[1]
	return None


def count(said, thing):
	"""How many of `thing` a summary counts."""
	match = re.search(rf"(\d+) {thing}\b", said)
	return int(match[1]) if match else -1


def problems(kernel, result, jobs, hotplug=True):
	"""What is wrong with a boot that ran so many jobs, as lines."""
	found = [] if result.ok else boots.describe(kernel, result)
	said = summary(result.lines)
	if not said:
		return found or [f"{kernel}: the test did not end"]

	if count(said, "jobs") != jobs:
		found.append(f"{kernel}: {count(said, 'jobs')} of {jobs} jobs were run")
	found += [f"{kernel}: {count(said, thing)} {thing}" for thing in NEVER
		  if count(said, thing)]
	found += [f"{kernel}: {thing}: 0, so this has shown little"
		  for thing in HAPPENS if count(said, thing) <= 0
		  and (hotplug or thing != "CPUs offlined")]
	if not any("padata_torture: passed" in line for line in result.lines):
		found.append(f"{kernel}: the test did not pass")
	if found:
		found += [line.split("padata_torture: ", 1)[1] for line in result.lines
			  if re.search(r"padata_torture: job \d+|padata_torture: CPU", line)]
	return found


def race(*stacks):
	"""A console with a report of KCSAN."""
	lines = ["=" * 66, "BUG: KCSAN: data-race in first / second", ""]
	for thread, function in stacks:
		lines += [f"read to 0xffff888040 of 8 bytes by {thread}:",
			  " first+0x1/0x20", f" {function}+0x12/0x340", ""]
	lines += ["Reported by Kernel Concurrency Sanitizer on:",
		  "Workqueue: padata_mt padata_mt_helper", "=" * 66]
	return [f"[    1.000000] {line}" for line in lines]


def check_console(report):
	for name, (first, second, ours) in RACES.items():
		found = guest.complaints(race(first, second))
		report.check(len(found) == ours,
			     f"a data race {name} {'counts' if ours else 'is forgiven'}",
			     found or ["it does not count"])


def check(report):
	check_console(report)
	built = [kernel for kernel in JOBS
		 if builds.build(report, kernel, f"{kernel} builds")]
	guests = {kernel: boots.start(kernel, settings(JOBS[kernel]),
				      f"torture/{kernel}.txt") for kernel in built}
	for kernel, future in guests.items():
		result, reason = boots.outcome(future)
		found = (problems(kernel, result, JOBS[kernel]) if result
			 else [f"{kernel}: {reason}"])
		report.check(not found, f"{kernel}, {JOBS[kernel]} jobs", found)
		if result and summary(result.lines):
			report.note(summary(result.lines))
	kunit.check_kernels(report, *[kernel for kernel in built
				      if kernel.endswith("-kcsan")])
