# SPDX-License-Identifier: GPL-2.0
"""What it costs to hand out a chunk: the series' engine, a lock, and 6.12's way.

Runs scripts/measuring/engine-bench/hand_out.c, which has the series' own source compiled
into it, on this machine and with no emulator. Called by scripts/measure.
"""

import statistics
import subprocess

from host.failure import Failure
from host.places import BUILD, LINUX, relative
from measuring import job_guests

ENGINES = ("series", "spinlock", "stock")
# As far as there are so many CPUs; hand_out.c takes no more
THREADS = (1, 2, 4, 8, 16)
JOBS, ROUNDS = 100, 3
# Their difference leaves out what comes before the first job
COUNTED_JOBS = (1, 5)

PLACE = BUILD / "hand-out"
TESTS = LINUX / "tools/testing/padata"
# As the Makefile there, but without what the tests do at each step
FLAGS = ["-O2", "-Wall", "-fno-strict-overflow", "-fno-pie", "-no-pie",
	 "-ffunction-sections", "-D_GNU_SOURCE", "-DCONFIG_PADATA",
	 "-DCONFIG_PADATA_MT", "-D__percpu=", "-include", "limits.h",
	 "-include", PLACE / "no-steps.h", f"-I{TESTS}", f"-I{LINUX}/tools/include",
	 "-iquote", LINUX / "kernel"]
SOURCES = (job_guests.PLACE / "hand_out.c", LINUX / "kernel/padata_chunks.c",
	   LINUX / "lib/padata_alone.c")


def measure(cores):
	"""{"ns": {threads: {engine: median}}, "instructions": the same}"""
	program = build()
	found = {"ns": {}, "instructions": {}}
	for threads in THREADS:
		if threads <= cores:
			found["ns"][str(threads)] = times(program, threads)
			found["instructions"][str(threads)] = {
				engine: instructions(program, engine, threads)
				for engine in ENGINES}
	return found


def build():
	PLACE.mkdir(parents=True, exist_ok=True)
	(PLACE / "no-steps.h").write_text("static inline void schedule_point(void) { }\n")
	objects = []
	for source in SOURCES:
		objects.append(PLACE / (source.stem + ".o"))
		run("gcc", *FLAGS, "-c", source, "-o", objects[-1])
	program = PLACE / "hand_out"
	run("gcc", "-no-pie", "-pthread", "-Wl,--gc-sections", *objects, "-o", program)
	return program


def run(*command):
	"""What it prints, errors included."""
	made = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE,
			      stderr=subprocess.STDOUT)
	if made.returncode:
		log = BUILD / "log/hand-out.log"
		log.parent.mkdir(parents=True, exist_ok=True)
		log.write_text(f"{made.args}\n{made.stdout}")
		raise Failure(f"the bench of the hand-out failed at {command[0]}: see "
			      f"{relative(log)}")
	return made.stdout


def times(program, threads):
	"""{engine: ns that a chunk takes one thread}, the engines in turn."""
	found = {engine: [] for engine in ENGINES}
	for _ in range(ROUNDS):
		for engine in ENGINES:
			chunks, jobs = result(run(program, engine, threads, JOBS))
			found[engine] += [ns * threads / chunks for ns in jobs]
	for engine, jobs in found.items():
		if not jobs:
			raise Failure(f"no job of the {engine} engine had its "
				      f"{threads} CPUs for itself")
	return {engine: round(statistics.median(jobs), 2) for engine, jobs in found.items()}


def result(printed):
	"""How many chunks a job has, and the ns of each job."""
	for line in printed.splitlines():
		words = line.split()
		if words[:1] == ["hand_out:"]:
			return int(words[5]), list(map(int, words[7:]))
	raise Failure("the bench of the hand-out printed no result")


def instructions(program, engine, threads):
	"""Of one chunk, as valgrind counts them in the functions work_*()."""
	counts = []
	for jobs in COUNTED_JOBS:
		printed = run("valgrind", "--tool=callgrind",
			      "--callgrind-out-file=/dev/null",
			      "--toggle-collect=work_*", program, engine, threads, jobs)
		chunks, _ = result(printed)
		counts.append(int(next(line.split()[-1] for line in printed.splitlines()
				       if "Collected :" in line)))
	return round((counts[1] - counts[0])
		     / (COUNTED_JOBS[1] - COUNTED_JOBS[0]) / chunks, 1)


def rows(figures):
	"""The head, then for each figure and number of threads that of each engine.

	The goal is to be no worse than stock.
	"""
	yield ["", *ENGINES, "goal"]
	for what, by_threads in figures.items():
		for threads, found in by_threads.items():
			count = f"{threads} thread" + ("s" if threads != "1" else "")
			yield [f"{what}, {count}",
			       *(f"{found[engine]:.1f}" for engine in (*ENGINES, "stock"))]


ABOUT = """
<p>The <b>hand-out of a chunk</b> by itself, on this machine and with no emulator: jobs
whose thread function does nothing, in a program of user space
(<code>scripts/measuring/engine-bench/hand_out.c</code>). It has <code>kernel/padata_chunks.c</code>
of the series compiled into it as it stands, the same chunks from a cursor under a
spinlock, and what helpers of 6.12 do: chunks of one size, under a spinlock. A time is
what one chunk takes one thread, the median of jobs that had their CPUs for themselves.
With several threads, each has a CPU and takes chunks without a pause, so they meet at the
cursor far more often than threads that have work to do. Instructions are counted by
valgrind, which lets the threads take turns, so no wait for a lock is among them.
Guests with more CPUs than the host say nothing of this: their threads are not at the
same cursor at the same moment, and the emulator's own time covers the rest.</p>"""
