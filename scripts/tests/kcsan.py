# SPDX-License-Identifier: GPL-2.0
"""KUnit and the torture test under KCSAN."""

from guests import console
from tests import builds, kunit, torture

TIER = "long"

KERNEL = "series-kcsan"
AHEAD = (KERNEL,)
JOBS = 10000

# Two stacks of a report, and whether it is one that console-patterns denies
RACES = {
	"of the series": (("task 7 on cpu 1", "torture_do_unit"),
			  ("task 8 on cpu 0", "padata_mt_work"), True),
	"of the base": (("task 7 on cpu 1", "sched_tick"),
			("task 8 on cpu 0", "torture_hotplug_fn"), False),
	"of a tick": (("task 7 on cpu 1", "update_curr"),
		      ("interrupt on cpu 0", "torture_thread_fn"), False),
}


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
		found = console.complaints(race(first, second))
		report.check(len(found) == ours,
			     f"a data race {name} {'counts' if ours else 'is forgiven'}",
			     found or ["it does not count"])


def check(report):
	check_console(report)
	if builds.build(report, KERNEL, f"{KERNEL} builds"):
		torture.check_kernel(report, KERNEL, JOBS)
		kunit.check_kernels(report, KERNEL)
