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
# A count hardly differs from one time to the next
COUNTED_TIMES = 2

PAGES_PER_GIB = 1 << 18
# Else the page allocator clears the memory of the struct pages first, and an emulator
# counts an instruction for each byte of that
WITHOUT_CLEARING = "init_on_alloc=0"

# Kernels clear a page by one repeated instruction. On a CPU with ERMS that stores bytes,
# which QEMU emulates one by one; without, words of eight bytes. That takes an eighth of
# the time.
WITHOUT_ERMS = "erms=off"


def persistent_memory(gib):
	return {"memory": f"{gib + 6}G", "append": f"memmap={gib}G!6G"}


def plugged_memory(gib):
	"""Its own memory makes the blocks large, as on large machines."""
	return {"memory": "64G",
		"qemu": f"-m slots=1,maxmem=128G -object memory-backend-ram,id=d0,"
			f"size={gib}G,reserve=off -device pc-dimm,memdev=d0"}


def free_memory(gib):
	"""Much more than that, as a page of 1 GiB needs a range in which all is free."""
	return {"memory": f"{gib + 16}G"}


def large_pages(gib):
	return {"memory": f"{gib + 2}G", "append": f"hugepages={gib * 512}",
		"cpu": WITHOUT_ERMS}


def gigantic_pages(gib):
	return {"memory": f"{gib + 4}G", "append": f"hugepagesz=1G hugepages={gib}",
		"cpu": WITHOUT_ERMS}


@dataclasses.dataclass(frozen=True)
class Client:
	about: str
	work: str		# a function in clients.sh; one guest may serve several clients
	guest: collections.abc.Callable		# its settings, for so many GiB
	timed_gib: int
	# The difference gives the instructions of a page
	counted_gib: tuple = (8, 16)
	program: str = ""	# beside clients.sh
	# "instructions" of a page; series "to_stock" with so many CPUs; with "two_cpus" to
	# itself with one
	goals: dict = dataclasses.field(default_factory=dict)


# Where stock has one thread
TO_STOCK = {"1": 1.03, "2": 0.55}

CLIENTS = {
	"pmem": Client("bind pmem", "pmem", persistent_memory, 64,
		       goals={"instructions": 11, "two_cpus": 0.55}),
	"plugged": Client("online DIMM", "plugged", plugged_memory, 16),
	"pool-grow": Client("grow 2M pool", "pool", free_memory, 32,
			    goals={"to_stock": TO_STOCK}),
	"pool-shrink": Client("shrink 2M pool", "pool", free_memory, 32),
	"gigantic-grow": Client("grow 1G pool", "gigantic", free_memory, 16, (2, 4)),
	"gigantic-shrink": Client("shrink 1G pool", "gigantic", free_memory, 16, (2, 4)),
	"gigantic-fault": Client("fault 1G pages", "fault", gigantic_pages, 2, (1, 2),
				 program="hugetlb", goals={"to_stock": TO_STOCK}),
	"fallocate": Client("fallocate", "fallocate", large_pages, 1, (1, 2),
			    program="hugetlb", goals={"to_stock": TO_STOCK}),
}


# ---- the guests ------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Guest:
	"""One boot, as one client sees it: the name is that of the boot, which others share."""
	client: str
	kernel: str
	gib: int
	cpus: int
	number: int = 0			# of the round; 0 where instructions are counted

	@property
	def work(self):
		return CLIENTS[self.client].work

	@property
	def name(self):
		return (f"client-{self.work}-{self.gib}G-{plural(self.cpus, 'cpu')}-"
			f"{self.kernel}-{self.number or 'instructions'}")

	@property
	def times(self):
		return TIMES if self.number else COUNTED_TIMES

	@property
	def settings(self):
		client = CLIENTS[self.client]
		strings = client.guest(self.gib)
		append = f"{strings.get('append', '')} {WITHOUT_CLEARING}".strip()
		programs = [job_guests.compiled(client.program)] if client.program else []
		return {"timeout": "300", "cpus": str(self.cpus), **strings, "append": append,
			**({} if self.number else {"icount": "yes"}),
			# Guests of two sizes may be prepared before the first is booted
			**job_guests.program(f"client-{self.work}-{self.gib}G",
					     f"again {self.times} {self.work} {self.gib}",
					     "clients.sh", *programs)}


def booted():
	"""One client for each work: in its boots others may have a part."""
	return {client.work: name for name, client in CLIENTS.items()}.values()


def counted():
	return [Guest(name, kernel, gib, 1) for name in booted()
		for kernel in KERNELS for gib in CLIENTS[name].counted_gib]


def rounds():
	"""The guests of each round, which belong together."""
	return [[Guest(name, kernel, CLIENTS[name].timed_gib, cpus, number)
		 for cpus in CPUS for kernel in KERNELS]
		for name in booted() for number in range(1, ROUNDS + 1)]


def plan(cores):
	"""About how many seconds each boot takes."""
	return [4 / cores] * len(counted()) + [2.5] * sum(map(len, rounds()))


def spans_of_all(guest, lines):
	"""{guest: spans()}, for each client that has a part in this boot."""
	sharing = [dataclasses.replace(guest, client=name)
		   for name, client in CLIENTS.items() if client.work == guest.work]
	return {each: spans(each, lines) for each in sharing}


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
	if len(found) != guest.times:
		raise Failure(f"the guest {guest.name} says {len(found)} of {guest.times} times "
			      f"how long {guest.client} took")
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
<b>Online DIMM</b>: one that was plugged in comes online, in blocks of 2 GiB. <b>Grow</b>
and <b>shrink</b>: <code>nr_hugepages</code> of pages of 2 MiB, or of 1 GiB, is set to so
many, and back to none. <b>Fault 1G pages</b>: a program touches each page of 1 GiB of a
mapping, for which the kernel clears it. <b>Fallocate</b>: all pages of a file of pages of
2 MiB are allocated and cleared. The pages of these two are in the pool before.</p>
<p>Each guest does it four times. The first time is left out, since the host has to find
the guest's memory then; the median of the others is the figure of that guest. There are
five guests of each kind, in turn. A goal is for the ratio before it. The instructions are
those that one page of 4 KiB more takes, counted in guests with one CPU; each turn of a
repeated string instruction counts as one. The guests have <code>init_on_alloc=0</code>:
many distributions have it on, and the page allocator then clears the memory that holds new
struct pages before they are written, and huge pages when a pool grows. Where huge pages
are cleared, the guest's CPU has no ERMS: with that the kernel stores byte by byte, and QEMU
emulates each store. How fast memory is shows in no emulator.</p>"""


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
	"""What it is, CPUs, stock, series, their ratio, its goal, series to itself with one
	CPU, the goal of that."""
	for name, kernels in results["clients"].items():
		stock, series = kernels["stock"], kernels["series"]
		goals = results["client_guests"][name]["goals"]
		for cpus in stock:
			yield [what(results, name), cpus,
			       number(statistics.median(stock[cpus])),
			       number(statistics.median(series[cpus])),
			       summary(paired_ratios(series[cpus], stock[cpus])),
			       f"{goals.get('to_stock', {}).get(cpus, '')}",
			       *(["", ""] if cpus == "1" else
				 [summary(paired_ratios(series[cpus], series["1"])),
				  f"{goals.get('two_cpus', '')}"])]
