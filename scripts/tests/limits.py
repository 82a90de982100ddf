# SPDX-License-Identifier: GPL-2.0
"""Jobs keep to the limits of their callers, off isolated CPUs.

Threads and chunks are counted, never timed: see scripts/job_guests.py.
"""

import re

import job_guests
from common import relative
from tests import boots, builds

KERNEL = "series-bench"

# What the bench is told, and what it says of that
BAD_LINES = {
	"jobs": 'jobs takes a number from 1 to 1000000, not ""',
	"jobs=0": 'jobs takes a number from 1 to 1000000, not "0"',
	"size=many": "size takes a number from 0 to [0-9]+, not \"many\"",
	"size=1 spread=2": 'spread takes a number from 0 to 1, not "2"',
	"work=1": 'no setting "work"',
	"size=" + 600 * "0": "a line has less than 512 characters",
}


def check(report):
	if not builds.build(report, KERNEL, f"{KERNEL} builds"):
		return
	running = {name: start(name, scenario)
		   for name, scenario in job_guests.SCENARIOS.items()}
	telling = start_telling()
	for name, future in running.items():
		result, reason = boots.outcome(future)
		if not report.check(result and result.ok, f"{name}: the guest ends well",
				    boots.describe(KERNEL, result) if result else [reason]):
			continue
		found = job_guests.results(result.lines)
		for job, expected in job_guests.SCENARIOS[name].expected.items():
			problems = job_guests.problems(expected, found.get(job))
			if problems:
				problems.append(f"log: {relative(result.log)}")
			report.check(not problems, f"{name}: {expected.about}", problems)


	refuses(report, *boots.outcome(telling))


def start_telling():
	"""A guest in which each of the bad lines, and a good one, is written."""
	script = "\n".join(f"echo '{line}' >$BENCH && echo 'took: {line}'"
			   for line in (*BAD_LINES, "size=7 threads=1"))
	return boots.start(KERNEL, job_guests.settings("bad-lines", script),
			   "limits/bad-lines.txt")


def refuses(report, result, reason):
	if not report.check(result and result.ok, "bad-lines: the guest ends well",
			    boots.describe(KERNEL, result) if result else [reason]):
		return
	console = "\n".join(result.lines)
	for line, says in BAD_LINES.items():
		problems = []
		if not re.search(rf"padata_bench: {says}$", console, re.M):
			problems.append(f"the console does not show 'padata_bench: {says}'")
		if f"took: {line}\n" in console:
			problems.append("it was not refused")
		report.check(not problems, f"the bench refuses '{line[:20]}'", problems)
	report.check("took: size=7 threads=1\n" in console, "the bench takes a good line",
		     [f"log: {relative(result.log)}"])


def start(name, scenario):
	settings = job_guests.settings(name, scenario.script, append=scenario.append)
	return boots.start(KERNEL, settings, f"limits/{name}.txt")
