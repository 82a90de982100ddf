# SPDX-License-Identifier: GPL-2.0
"""Jobs on a busy machine take little from other programs.

No more than with one thread, but for a little; nor from those of other cgroups. Guest
time counts instructions in these guests (see scripts/busy, which shows the figures), so
the same kernel gives the same figures on any host.
"""

import statistics

from host.failure import Failure
from host.terminal import progress
from measuring import run_time
from tests import boots, builds

CASES = ((run_time.contended, "programs in the caller's cgroup", "hogs"),
	 (run_time.weights, "programs in one of 100 times the weight", "weights"))


def check(report):
	if not builds.build(report, run_time.SERIES, f"{run_time.SERIES} builds"):
		return
	for measure, about, goal in CASES:
		progress(f"Running jobs beside {about}")
		try:
			found = measure(boot)
		except Failure as failure:
			report.fail(f"jobs run beside {about}", [str(failure)])
			continue
		loss = statistics.median(found["hogs_loss"])
		most = run_time.GOALS[goal]
		report.check(loss <= most, f"{about} lose {100 * loss:.1f} % to helpers, at "
			     f"most {100 * most:.0f} %", ["they lose more"])
		ratio = statistics.median(found["job_ratio"])
		most = run_time.GOALS["contended_job"]
		report.check(ratio <= most, f"beside {about} a job takes {ratio:.2f} of what "
			     f"it takes one thread, at most {most}", ["it takes longer"])


def boot(kernel, settings, name):
	result, reason = boots.outcome(boots.start(kernel, settings, f"busy/{name}.txt"))
	if not result:
		raise Failure(reason)
	if not result.ok:
		raise Failure(" ".join(boots.describe(kernel, result)))
	return result.lines
