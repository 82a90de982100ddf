# SPDX-License-Identifier: GPL-2.0
"""What measure reads from dmesg, and what it makes of it."""

import dmesg
from common import Failure

# What kernels print, and what is to be read from it: for each node its
# milliseconds, pages and CPUs; then the milliseconds of the phase, and the total
LINES = {
	"4.18": ("[    1.2] node 1 initialised, 15449268 pages in 231ms",
		 {1: (231.0, 15449268, None)}, 231.0, None),
	"6.12": ("""[    0.319928] smp: Brought up 2 nodes, 4 CPUs
		    [    0.400001] node 1 deferred pages initialised in 76ms
		    [    0.404000] node 0 deferred pages initialised in 80ms""",
		 {0: (80.0, None, None), 1: (76.0, None, None)}, 80.0, None),
	"series, one CPU": ("""[    0.1] smp: Brought up 1 node, 1 CPU
		<6>[    0.2] node 0 deferred pages initialised in 4321us: 4194304 pages on CPUs 0
		<6>[    0.2] deferred pages initialised in 4400us: 4194304 pages on 1 CPUs, 4194304..4194304 each""",
		{0: (4.321, 4194304, (0,))}, 4.4, (4194304, 1, 4194304, 4194304, 1.0)),
	"series, journal": ("""Nov 21 10:00:00 host kernel: node 0 deferred pages initialised in 3000us: 6000 pages on CPUs 0-3,6
		Nov 21 10:00:00 host kernel: node 1 deferred pages initialised in 4321us: 2000 pages on CPUs 4-5
		Nov 21 10:00:00 host kernel: deferred pages initialised in 4400us: 8000 pages on 7 CPUs, 500..2000 each
		Nov 21 10:00:00 host kernel: Run /init as init process""",
		{0: (3.0, 6000, (0, 1, 2, 3, 6)), 1: (4.321, 2000, (4, 5))}, 4.4,
		(8000, 7, 500, 2000, 1.75)),
}
NOTHING = {
	"an empty file": "",
	"the total alone": "[    0.2] deferred pages initialised in 4400us: 1 pages "
			   "on 1 CPUs, 1..1 each",
}


def reading(lines, nodes, phase, total):
	"""What is wrong with the way these lines are read."""
	try:
		times = dmesg.parse(lines.splitlines(), "a file")
	except Failure as failure:
		return [str(failure)]
	found = {number: (node.ms, node.pages, node.cpus)
		 for number, node in times.nodes.items()}
	whole = times.total and (times.total.pages, times.total.cpus,
				 times.total.fewest, times.total.most,
				 times.total.imbalance)
	return [f"{what} read as {is_}, not {should}"
		for what, is_, should in (("nodes", found, nodes), ("total", whole, total),
					  ("phase", times.deferred_ms, phase))
		if is_ != should]


def check(report):
	for kernel, expected in LINES.items():
		problems = reading(*expected)
		report.check(not problems, f"dmesg of {kernel} is read", problems)
	for name, text in NOTHING.items():
		try:
			problems = [f"read as {dmesg.parse(text.splitlines(), name)}"]
		except Failure:
			problems = []
		report.check(not problems, f"{name} is no dmesg with these lines", problems)
