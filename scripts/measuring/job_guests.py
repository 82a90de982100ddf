# SPDX-License-Identifier: GPL-2.0
"""Guests that run multithreaded jobs: what they are told, and what came of it.

For scripts/measure. The jobs are those of padata_bench, in kernels "...-bench". What
jobs must do is not judged here, but by the selftests in the kernel tree.
"""

import functools
import re
import shlex

from host.failure import Failure
from host.places import BUILD, ROOT, relative
from host.programs import run_program
from host.reason import reason

PLACE = ROOT / "scripts/measuring/engine-bench"
CPUS = 4
ISOLATED = (2, 3)
QUOTA = "100000 100000"		# one CPU

# The threads of a job wait for each other until two are there ...
TWO = "size=64 gather=2 gather_ms=60000"
# ... or, where not all are to come, for a while
SOME = "size=64 gather=4 gather_ms=2000"

NAMES = ",".join(map(str, ISOLATED))
# The caller itself may go where it likes: helpers are what must not follow it
JOBS = f"""
allow f
job two {TWO}
job many {SOME}
job two-same {TWO} as_caller=1
job many-same {SOME} as_caller=1
"""
# {way to isolate CPUs: (script, kernel arguments)}
ISOLATING = {
	"nohz-full": (JOBS, f"nohz_full={NAMES}"),
	"isolcpus": (JOBS, f"isolcpus={NAMES}"),
	"partition": (f"""
		group apart cpuset.cpus {NAMES}
		group apart cpuset.cpus.partition isolated
		{JOBS}""", ""),
}


def settings(name, script, cpus=CPUS, append="", extra=()):
	"""A guest that runs `script`, after the functions of jobs.sh."""
	return {"memory": "1G", "cpus": str(cpus), "append": append,
		**program(name, script, "jobs.sh", *extra)}


def program(name, script, functions, *extra):
	"""What a guest runs: `script`, after `functions`, a file in PLACE."""
	place = BUILD / "jobs"
	place.mkdir(parents=True, exist_ok=True)
	path = place / name
	lines = "\n".join(line.strip() for line in script.strip().splitlines())
	path.write_text(f"#!/bin/sh\n. /extra/{functions}\n{lines}\n")
	return {"run": str(path),
		"extra": shlex.join(map(str, (PLACE / functions, *extra)))}


@functools.cache
def compiled(name):
	"""A program in PLACE, for guests, which have no libraries."""
	source, program = PLACE / f"{name}.c", BUILD / "jobs" / name
	program.parent.mkdir(parents=True, exist_ok=True)
	made = run_program("gcc", "-static", "-O2", "-Wall", "-Wextra", "-o", program, source)
	if made.returncode:
		raise Failure(f"{relative(source)} does not build: "
			      + reason(made.stderr.splitlines()))
	return program


def results(lines):
	"""{job: {what: number}} from a console."""
	found = {}
	for line in lines:
		if match := re.search(r"\bjob: (\S+) (\w+) (-?\d+)$", line):
			found.setdefault(match[1], {})[match[2]] = int(match[3])
	return found


def helpers(result):
	"""{CPU: chunks that helpers did there} of one job."""
	return {int(name.removeprefix("helpers_cpu")): chunks
		for name, chunks in result.items() if name.startswith("helpers_cpu")}
