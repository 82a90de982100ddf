# SPDX-License-Identifier: GPL-2.0
"""Jobs of all kinds at once, under KASAN and lockdep.

scripts/torture runs it for longer, kcsan.py has it under KCSAN, and rt.py in a
real-time kernel.
"""

import re

from tests import boots, builds

# About a minute in an emulated guest
JOBS = 20000
# Slower than this it hangs
JOBS_PER_SECOND = 25

# What has to have happened for the outcome to mean anything
HAPPENS = ("split", "helped", "failed", "undone", "CPUs offlined", "nested")
NEVER = ("lost", "done twice", "not undone", "otherwise wrong")


def settings(jobs, hotplug=100, seed=0):
	"""A guest that runs so many jobs."""
	return {"nodes": "2:1G, 2:1G", "timeout": str(300 + jobs // JOBS_PER_SECOND),
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


def check_kernel(report, kernel, jobs):
	"""So many jobs on a kernel that has been built."""
	result, reason = boots.outcome(boots.start(kernel, settings(jobs),
						   f"torture/{kernel}.txt"))
	found = (problems(kernel, result, jobs) if result
		 else [f"{kernel}: {reason}"])
	report.check(not found, f"{kernel}, {jobs} jobs", found)
	if result and summary(result.lines):
		report.note(summary(result.lines))


def check(report):
	if builds.build(report, "series-debug", "series-debug builds"):
		check_kernel(report, "series-debug", JOBS)
