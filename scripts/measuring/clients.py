# SPDX-License-Identifier: GPL-2.0
"""What the clients of multithreaded jobs take at run time, beside stock.

For scripts/measure. A guest does the work of a client a few times, and says on its
console when each began and ended.
"""

import collections.abc
import dataclasses
import re
import statistics

from guests.guest import INSTRUCTIONS_PER_US
from host.failure import Failure
from host.terminal import plural
from measuring import dmesg, job_guests
from measuring.plots import number
from measuring.ratios import paired_ratios, summary
from measuring.run_time import KERNELS

CPUS = (1, 2)
ROUNDS = 5
# In each guest. The first one does not count: then the host has to find its memory.
TIMES = 4

PAGES_PER_GIB = 1 << 18
# Else the page allocator clears the memory of the struct pages first, and an emulator
# counts an instruction for each byte of that
WITHOUT_CLEARING = "init_on_alloc=0"


def persistent_memory(gib):
	return {"memory": f"{gib + 6}G", "append": f"memmap={gib}G!6G"}


def plugged_memory(gib):
	"""Its own memory makes the blocks large, as on large machines."""
	return {"memory": "64G",
		"qemu": f"-m slots=1,maxmem=128G -object memory-backend-ram,id=d0,"
			f"size={gib}G,reserve=off -device pc-dimm,memdev=d0"}


@dataclasses.dataclass(frozen=True)
class Client:
	about: str
	guest: collections.abc.Callable		# its settings, for so many GiB
	timed_gib: int
	# The difference gives the instructions of a page
	counted_gib: tuple = (8, 16)
	goals: dict = dataclasses.field(default_factory=dict)


CLIENTS = {
	"pmem": Client("bind pmem", persistent_memory, 64,
		       goals={"instructions": 11, "two_cpus": 0.55}),
	"plugged": Client("online DIMM", plugged_memory, 16),
}


# ---- the guests ------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Guest:
	"""One boot."""
	client: str
	kernel: str
	gib: int
	cpus: int
	number: int = 0			# of the round; 0 where instructions are counted

	@property
	def name(self):
		return (f"client-{self.client}-{self.gib}G-{plural(self.cpus, 'cpu')}-"
			f"{self.kernel}-{self.number or 'instructions'}")

	@property
	def settings(self):
		strings = CLIENTS[self.client].guest(self.gib)
		append = f"{strings.get('append', '')} {WITHOUT_CLEARING}".strip()
		return {"timeout": "300", "cpus": str(self.cpus), **strings, "append": append,
			**({} if self.number else {"icount": "yes"}),
			**job_guests.program(f"client-{self.client}",
					     f"again {self.client} {TIMES}", "clients.sh")}


def counted():
	return [Guest(name, kernel, gib, 1) for name, client in CLIENTS.items()
		for kernel in KERNELS for gib in client.counted_gib]


def rounds():
	"""The guests of each round, which belong together."""
	return [[Guest(name, kernel, client.timed_gib, cpus, number)
		 for cpus in CPUS for kernel in KERNELS]
		for name, client in CLIENTS.items() for number in range(1, ROUNDS + 1)]


def plan():
	"""About how many seconds each boot takes."""
	return [5] * len(counted()) + [3] * sum(map(len, rounds()))


def spans(guest, lines):
	"""How many microseconds each time took but the first."""
	found, began = [], None
	for line in lines:
		if match := re.search(rf"\] client: (begin|end) {guest.client}$", line):
			if match[1] == "begin":
				began = dmesg.stamp_us(line)
			elif began is not None:
				found.append(dmesg.stamp_us(line) - began)
				began = None
	if len(found) != TIMES:
		raise Failure(f"the guest {guest.name} says {len(found)} of {TIMES} times how "
			      f"long {guest.client} took")
	return found[1:]


def of_kernels(form):
	"""{client: {kernel: form(client, kernel)}}"""
	return {name: {kernel.removesuffix("-bench"): form(name, kernel) for kernel in KERNELS}
		for name in CLIENTS}


def instructions(took):
	"""{client: {kernel: what one page more takes}}, of {guest: its microseconds}."""
	def form(client, kernel):
		small, large = (Guest(client, kernel, gib, 1)
				for gib in CLIENTS[client].counted_gib)
		more = min(took[large]) - min(took[small])
		return round(more * INSTRUCTIONS_PER_US
			     / (large.gib - small.gib) / PAGES_PER_GIB, 2)

	return of_kernels(form)


def milliseconds(took):
	"""{client: {kernel: {CPUs: [of each round]}}}"""
	def form(client, kernel):
		gib = CLIENTS[client].timed_gib
		return {str(cpus): [statistics.median(took[Guest(client, kernel, gib, cpus,
								 turn)]) / 1000
				    for turn in range(1, ROUNDS + 1)]
			for cpus in CPUS}

	return of_kernels(form)


def figures(took):
	"""What goes to results.json, of {guest: its microseconds}."""
	return {"clients": milliseconds(took),
		"client_instructions": instructions(took),
		"client_guests": {name: {"about": client.about, "gib": client.timed_gib,
					 "goals": client.goals}
				  for name, client in CLIENTS.items()}}


# ---- showing it ------------------------------------------------------------

ABOUT = """
<p>What users of multithreaded jobs take at run time, by the host's clock. <b>Bind pmem</b>:
a driver binds persistent memory, which <code>memmap=</code> makes of a guest's memory.
<b>Online DIMM</b>: one that was plugged in comes online, in blocks of 2 GiB. Each guest does
it four times. The first time is left out, since the host has to find the guest's memory
then; the median of the others is the figure of that guest. There are five guests of each
kind, in turn. The goal of a time is for two CPUs, compared with one. The instructions are
those that one page more takes, counted in guests with one CPU. The guests have
<code>init_on_alloc=0</code>: many distributions have it on, and the page allocator then
clears the memory that holds new struct pages before they are written.</p>"""


def by_client(results):
	"""{client: {kernel and CPUs: figures}}, for a plot."""
	return {what(results, name): {f"{kernel}, {plural(cpus, 'CPU')}": found[cpus]
				      for cpus in kernels["stock"]
				      for kernel, found in kernels.items()}
		for name, kernels in results["clients"].items()}


def what(results, name):
	guests = results["client_guests"][name]
	return f"{guests['about']}, {guests['gib']} GiB"


def instruction_rows(results):
	"""What it is, stock, series, goal."""
	for name, counts in results["client_instructions"].items():
		guests = results["client_guests"][name]
		yield [guests["about"], f"{counts['stock']:.2f}", f"{counts['series']:.2f}",
		       f"{guests['goals'].get('instructions', '')}"]


def time_rows(results):
	"""What it is, CPUs, stock, series, their ratio, series to itself with one CPU, goal."""
	for name, kernels in results["clients"].items():
		stock, series = kernels["stock"], kernels["series"]
		for cpus in stock:
			yield [what(results, name), cpus,
			       number(statistics.median(stock[cpus])),
			       number(statistics.median(series[cpus])),
			       summary(paired_ratios(series[cpus], stock[cpus])),
			       *(["", ""] if cpus == "1" else
				 [summary(paired_ratios(series[cpus], series["1"])),
				  f"{results['client_guests'][name]['goals'].get('two_cpus', '')}"])]
