# SPDX-License-Identifier: GPL-2.0
"""What multithreaded jobs cost, and how they behave on a busy machine.

Called by scripts/measure, scripts/busy and the tests.
"""

import re
import statistics

from host.failure import Failure
from measuring import hand_out, job_guests

KERNELS = ("stock-bench", "series-bench")
SERIES = KERNELS[1]

GOALS = {"small_job": 100, "job": 1, "hogs": 0.05, "contended_job": 1.05,
	 "weights": 0.02, "quota": 1.1, "isolated": 0}

ROUNDS = 5
JOBS = 1000

# With enough of them some meet no timer interrupt, and so take the least
SMALL_JOBS = 2000
SMALL = f"jobs={SMALL_JOBS} size=1"

# Emulated in turns by one CPU of the host: more of them only take longer. What a
# cgroup weighs is divided among its CPUs, so what helpers take from it shows with more.
HOG_CPUS = 2
WEIGHTS_CPUS = 4

# 200 ms of computing, and where the caller has a hundredth of its CPU 40 ms
HOG_SCRIPT = """
/extra/contend 4000
"""
WEIGHTS_SCRIPT = """
group light cpu.weight 1
group heavy cpu.weight 100
/extra/contend 800 $CGROUPS/light $CGROUPS/heavy
"""

# 1 s of computing, in chunks of 1 ms or more
LONG = "size=20000 work_ns=50000 min_chunk=20"
QUOTAS = {"own": "own cgroup", "ancestor": "its parent",
	  "same": "own cgroup, as_caller"}
QUOTA_SCRIPT = f"""
group own cpu.max "{job_guests.QUOTA}"
enter own
job own {LONG}
group parent cpu.max "{job_guests.QUOTA}"
group parent/child
enter parent/child
job ancestor {LONG}
enter own
job same {LONG} as_caller=1
"""

SMALL_SCRIPT = f"""
job warm-up {SMALL}
job direct {SMALL} direct=1
job padata {SMALL}
"""


def plan(cores):
	"""About how many seconds each boot takes, in the order of measure()."""
	return ([3] + [2] * ROUNDS * len(KERNELS)
		+ [40, 40, 15] + [8] * len(job_guests.ISOLATING))


def measure(boot, cores):
	"""All figures. boot(kernel, settings, name) gives the lines of a console."""
	return {
		"small_job": small_job(boot),
		"jobs": job_costs(boot, cores),
		"chunks": hand_out.measure(cores),
		"contended": contended(boot),
		"weights": weights(boot),
		"quota": quotas(boot),
		"isolated": isolated(boot),
		"goals": GOALS,
	}


# ---- what a job costs ------------------------------------------------------

def small_job(boot):
	"""Instructions that padata adds to one call of thread_fn."""
	strings = job_guests.settings("small", SMALL_SCRIPT, cpus=1)
	lines = boot(SERIES, strings | {"icount": "yes"}, "run-time-small-job")
	found = job_guests.results(lines)
	return of(found, "padata", "wall_min_ns") - of(found, "direct", "wall_min_ns")


def of(results, job, what):
	try:
		return results[job][what]
	except KeyError:
		raise Failure(f"the guest's console has no {what} of its job '{job}'"
			      ) from None


def job_cost(boot, kernel, cpus, name):
	"""ns of a job with helpers and nothing to do, from padata_boot_bench."""
	lines = boot(kernel, {"memory": "1G", "cpus": str(cpus), "timeout": "300",
			      "append": f"padata_boot_bench.jobs={JOBS}"},
		     f"run-time-{name}-{kernel}")
	found = re.search(rf"padata_boot_bench: threads {cpus} job (\d+)",
			  "\n".join(lines))
	if not found:
		raise Failure(f"{kernel} with {cpus} CPUs printed no result of its bench")
	return int(found[1])


def job_costs(boot, cores):
	"""{kernel: [ns of a job with helpers and nothing to do, each round]}"""
	found = {kernel: [] for kernel in KERNELS}
	for number in range(1, ROUNDS + 1):
		for kernel in KERNELS:
			found[kernel].append(job_cost(boot, kernel, max(cores, 2),
						      f"jobs-{number}"))
	return found


# ---- on a busy machine -----------------------------------------------------

def beside_hogs(boot, kernel, cpus, name, script):
	"""A job beside a hog for each CPU: with one thread, and with many."""
	# Guest time that counts instructions, of all CPUs together, is the same on
	# a host that is busy with other things
	strings = job_guests.settings(name, script, cpus=cpus,
				      extra=[job_guests.compiled("contend")])
	lines = boot(kernel, strings | {"timeout": "600", "icount": "yes"},
		     f"run-time-{name}")
	rounds = [(int(match[1]), int(match[2]), int(match[3])) for match in map(
		re.compile(r"contend: threads (\d+) job (\d+) ns hogs (\d+) turns").search,
		lines) if match]
	if len(rounds) < 2 or len(rounds) % 2:
		missing = any("padata_bench/run: No such file" in line for line in lines)
		raise Failure(f"{kernel} has no padata_bench to run jobs with" if missing
			      else "the guest with hogs did not print its rounds")
	pairs = list(zip(rounds[::2], rounds[1::2]))
	return {"cpus": cpus,
		"job_ms": {"single": [single[1] / 1e6 for single, _ in pairs],
			   "multi": [multi[1] / 1e6 for _, multi in pairs]},
		"job_ratio": [multi[1] / single[1] for single, multi in pairs],
		# In the same time
		"hogs_loss": [1 - (multi[2] / multi[1]) / (single[2] / single[1])
			      for single, multi in pairs]}


def contended(boot, kernel=SERIES, cpus=HOG_CPUS):
	"""Beside programs in the caller's own cgroup."""
	return beside_hogs(boot, kernel, cpus, "contended", HOG_SCRIPT)


def weights(boot, kernel=SERIES, cpus=WEIGHTS_CPUS):
	"""Beside programs in a cgroup that has 100 times the weight of the caller's."""
	return beside_hogs(boot, kernel, cpus, "weights", WEIGHTS_SCRIPT)


def quotas(boot):
	"""{which cgroup has a quota of one CPU: CPUs that a job took}"""
	strings = job_guests.settings("quota", QUOTA_SCRIPT) | {"timeout": "300"}
	found = job_guests.results(boot(SERIES, strings, "run-time-quota"))
	return {where: of(found, job, "cpu_ns") / of(found, job, "wall_ns")
		for job, where in QUOTAS.items()}


def isolated(boot):
	"""{way: {"isolated": chunks of helpers there, "others": elsewhere}}"""
	found = {}
	for name, (script, append) in job_guests.ISOLATING.items():
		strings = job_guests.settings(name, script, append=append)
		jobs = job_guests.results(boot(SERIES, strings, f"run-time-{name}"))
		counts = {"isolated": 0, "others": 0}
		for job in ("two", "many", "two-same", "many-same"):
			of(jobs, job, "chunks")
			for cpu, chunks in job_guests.helpers(jobs[job]).items():
				where = ("isolated" if cpu in job_guests.ISOLATED
					 else "others")
				counts[where] += chunks
		found[name] = counts
	return found


# ---- showing it ------------------------------------------------------------

def median(values):
	return statistics.median(values)


def cost_rows(figures):
	"""What it is, the figure, the goal: each as text."""
	goals = figures["goals"]
	jobs = figures["jobs"]
	stock, series = (jobs[kernel] for kernel in KERNELS)
	ratio = median([ours / theirs for ours, theirs in zip(series, stock)])
	busy = figures["contended"]
	yield ["small job, instructions beyond thread_fn", f"{figures['small_job']}",
	       f"{goals['small_job']}"]
	yield ["empty job with helpers, ns (ratio to stock)",
	       f"{median(series):.0f} ({ratio:.2f})", f"{goals['job']}"]
	yield ["job beside CPU hogs, ratio multi/single",
	       f"{median(busy['job_ratio']):.2f}", f"{goals['contended_job']}"]
	yield ["what the hogs lose to its helpers",
	       f"{100 * median(busy['hogs_loss']):.1f} %", f"{100 * goals['hogs']:.0f} %"]
	yield ["what hogs of 100 times its weight lose to them",
	       f"{100 * median(figures['weights']['hogs_loss']):.1f} %",
	       f"{100 * goals['weights']:.0f} %"]


def limit_rows(figures):
	goals = figures["goals"]
	for name, cpus in figures["quota"].items():
		yield [f"CPUs used with a quota of 1, {name}", f"{cpus:.2f}",
		       f"{goals['quota']}"]
	for name, counts in figures["isolated"].items():
		yield [f"chunks on isolated CPUs, {name} (on others)",
		       f"{counts['isolated']} ({counts['others']})",
		       f"{goals['isolated']}"]


def short_rows(figures):
	"""The same on a terminal: the worst of those that are alike."""
	yield from cost_rows(figures)
	quota, goals = figures["quota"], figures["goals"]
	worst = max(quota, key=quota.get)
	yield [f"CPUs used with a quota of 1, most ({worst})", f"{quota[worst]:.2f}",
	       f"{goals['quota']}"]
	counts = figures["isolated"].values()
	yield [f"chunks on CPUs isolated in {len(counts)} ways (on others)",
	       f"{sum(count['isolated'] for count in counts)} "
	       f"({sum(count['others'] for count in counts)})", f"{goals['isolated']}"]


ABOUT = """
<p>A <b>small job</b> is one that is too small to split. Its instructions are those
that <code>padata_do_multithreaded()</code> takes more than a direct call of the
thread function, in a guest whose time counts instructions. The <b>empty job</b> has
helpers and nothing to do; it is timed by one source,
<code>scripts/measuring/engine-bench/padata_boot_bench.c</code>, that is compiled into the
stock kernel and the series' own and runs at the end of boot, where stock still has
its engine.</p>
<p><b>Beside CPU hogs</b>: programs that count their turns, one on each of {hog_cpus}
CPUs, while a job runs in turn with one thread and with as many as there are CPUs. What
the hogs lose is by comparison with the same time beside the job with one thread: the
caller is an ordinary thread and takes its share in both. Once the hogs are in the
caller's own cgroup, and once, in a guest with {weights_cpus} CPUs, in one with
cpu.weight 100 while the caller's has 1. The time is guest time that counts
instructions, with CPUs that take turns, so that what else this machine does has no part
in it.</p>
<p><b>Quota</b>: CPU time of all threads of a job over the time it took, in a guest of
{cpus} CPUs, where cpu.max gives the caller's cgroup or its parent one CPU. <b>Isolated
CPUs</b>: two of {cpus}, by each of three ways; the chunks are those that helpers did,
for the caller itself may run where its affinity lets it.</p>"""


def about():
	return ABOUT.format(cpus=job_guests.CPUS, hog_cpus=HOG_CPUS,
			    weights_cpus=WEIGHTS_CPUS)
