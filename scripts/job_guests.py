# SPDX-License-Identifier: GPL-2.0
"""Guests that run multithreaded jobs: what they are told, and what came of it.

For scripts/measure, which shows figures, and the part "limits" of scripts/test,
which judges them. The jobs are those of padata_bench, in kernels "...-bench".
"""

import dataclasses
import re

from common import BUILD, ROOT

PLACE = ROOT / "scripts/engine-bench"
CPUS = 4
ISOLATED = (2, 3)
QUOTA = "100000 100000"		# one CPU

# The threads of a job wait for each other until all are there ...
ALL = "size=64 gather=4 gather_ms=60000"
TWO = "size=64 gather=2 gather_ms=60000"
# ... or, where not all are to come, for a while
SOME = "size=64 gather=4 gather_ms=2000"


@dataclasses.dataclass(frozen=True)
class Expected:
	"""Of one job. None where anything will do."""
	about: str
	threads: int = None		# that were at work at the same time
	helpers_on: tuple = None	# the CPUs that may have had helpers, ...
	some: bool = False		# ... and had some


@dataclasses.dataclass(frozen=True)
class Scenario:
	script: str
	expected: dict			# {job: Expected}
	append: str = ""		# kernel arguments


HOUSEKEEPING = tuple(cpu for cpu in range(CPUS) if cpu not in ISOLATED)
NAMES = ",".join(map(str, ISOLATED))
OFF_ISOLATED = {
	"two": Expected("helpers work on the other CPUs", helpers_on=HOUSEKEEPING,
			some=True),
	"many": Expected("no helper works on an isolated CPU", helpers_on=HOUSEKEEPING),
	"two-same": Expected("helpers that live where their caller lives work on them, "
			     "too", helpers_on=HOUSEKEEPING, some=True),
	"many-same": Expected("none of those works on an isolated CPU",
			      helpers_on=HOUSEKEEPING),
}
# The caller itself may go where it likes: helpers are what must not follow it
ISOLATED_JOBS = f"""
allow f
job two {TWO}
job many {SOME}
job two-same {TWO} as_caller=1
job many-same {SOME} as_caller=1
"""

SCENARIOS = {
	"nohz-full": Scenario(ISOLATED_JOBS, OFF_ISOLATED, append=f"nohz_full={NAMES}"),
	"isolcpus": Scenario(ISOLATED_JOBS, OFF_ISOLATED, append=f"isolcpus={NAMES}"),
	"partition": Scenario(f"""
		group apart cpuset.cpus {NAMES}
		group apart cpuset.cpus.partition isolated
		echo "partition: $(cat $CGROUPS/apart/cpuset.cpus.partition)"
		job two {TWO}
		job many {SOME}
		job two-same {TWO} as_caller=1
		job many-same {SOME} as_caller=1
		enter apart
		job inside {SOME}
		""", OFF_ISOLATED | {
			"inside": Expected("a caller on isolated CPUs works alone",
					   threads=1)}),
	"callers": Scenario(f"""
		job free {ALL}
		job free-same {ALL} as_caller=1
		group own cpu.max "{QUOTA}"
		enter own
		job own {SOME}
		group parent cpu.max "{QUOTA}"
		group parent/child
		enter parent/child
		job ancestor {SOME}
		group wide cpu.max "290000 100000"
		enter wide
		job wide {SOME}
		job wide-same {SOME} as_caller=1
		enter .
		allow 3
		job few {SOME}
		job few-same {SOME} as_caller=1
		allow 8
		job single {SOME}
		allow f
		job again {ALL}
		""", {
			"free": Expected("a caller without limits has all CPUs", threads=CPUS),
			"free-same": Expected("so has one with helpers like itself",
					      threads=CPUS),
			"own": Expected("one thread for a quota of one CPU", threads=1),
			"ancestor": Expected("one thread for an ancestor's quota of one CPU",
					     threads=1),
			"wide": Expected("two threads for a quota of 2.9 CPUs", threads=2),
			"wide-same": Expected("and two threads like the caller",
					      threads=2),
			"few": Expected("helpers keep to the two CPUs of the caller",
					threads=2, helpers_on=(0, 1)),
			"few-same": Expected("and so do helpers like itself",
					     threads=2, helpers_on=(0, 1)),
			"single": Expected("a caller that may use one CPU works alone",
					   threads=1),
			"again": Expected("all CPUs again once the limits are gone",
					  threads=CPUS)}),
}


def settings(name, script, cpus=CPUS, append="", extra=()):
	"""A guest that runs `script`, after the functions of jobs.sh."""
	place = BUILD / "jobs"
	place.mkdir(parents=True, exist_ok=True)
	path = place / name
	lines = "\n".join(line.strip() for line in script.strip().splitlines())
	path.write_text(f"#!/bin/sh\n. /extra/jobs.sh\n{lines}\n")
	return {"memory": "1G", "cpus": str(cpus), "append": append, "run": str(path),
		"extra": " ".join(map(str, (PLACE / "jobs.sh", *extra)))}


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


def problems(expected, result):
	"""What is wrong with a job, as lines."""
	if not result or result["error"]:
		return [f"the job did not run: {result}"]
	found = []
	if expected.threads is not None and result["threads"] != expected.threads:
		found.append(f"{result['threads']} threads worked at the same time, and "
			     f"should have been {expected.threads}")
	there = helpers(result)
	if expected.helpers_on is not None and there.keys() - set(expected.helpers_on):
		found.append(f"helpers worked on CPUs {sorted(there)}, and should only on "
			     f"{list(expected.helpers_on)}")
	if expected.some and not there:
		found.append("there was no helper at all")
	return found
