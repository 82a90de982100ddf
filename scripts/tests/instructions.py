# SPDX-License-Identifier: GPL-2.0
"""Struct pages, small jobs, and what uses jobs at run time cost few instructions.

In series with one CPU, no more than so many, and fewer than in stock. What a block of
plugged memory costs does not depend on how much memory there is.

Guest time counts instructions in these guests (see scripts/measure, which
shows the figures), so this compares counts, the same on any host, never times.
"""

import re

from guests import guest
from guests.guest import INSTRUCTIONS_PER_US
from host.failure import Failure
from measuring import clients, dmesg, measure, run_time
from tests import boots, builds

# The cost of a page is what the larger guest takes more than the smaller one
SIZES = ("16G", "32G")
PAGE_SIZE = 4096

# Memory that comes after boot, in blocks of 128 MiB
PLUGGED = {"qemu": "-m slots=1,maxmem=64G -object memory-backend-ram,id=d0,size=1G,"
		   "reserve=off -device pc-dimm,memdev=d0",
	   "run": "scripts/tests/plug-memory"}

# In the phase and over the whole boot. A struct page is eight stores and the
# address of its list head; what the rest comes to is in the report of measure.
MOST = {"deferred_us": measure.GOALS["instructions_per_page"],
	"boot_us": measure.GOALS["boot_instructions_per_page"]}


def check(report):
	guests = {(kernel, size, about): boots.start(
			kernel, {"memory": size, "cpus": "1", "icount": "yes",
				 "timeout": "300", **more},
			f"instructions/{size}{about.replace(' ', '-')}-{kernel}.txt")
		  for about, more in (("", {}), (" and plugged memory", PLUGGED))
		  for kernel in ("stock", "series") for size in SIZES}
	times, blocks = {}, {}
	for (kernel, size, about), future in guests.items():
		result, reason = boots.outcome(future)
		if not report.check(result and result.ok, f"{kernel} boots with {size}{about}",
				    boots.describe(kernel, result) if result else [reason]):
			return
		if about:
			blocks[kernel, size] = block_of_plugged_memory(result.lines)
		else:
			times[kernel, size] = dmesg.parse(result.lines, result.log)

	for what, name in (("deferred_us", "deferred init"), ("boot_us", "boot to init")):
		stock, series = (per_page(times, kernel, what)
				 for kernel in ("stock", "series"))
		report.check(series <= stock, f"{name}: {series:.2f} instructions a page, "
			     f"stock {stock:.2f}", ["series takes more than stock"])
		report.check(series <= MOST[what], f"{name}: at most {MOST[what]} "
			     "instructions a page", [f"series takes {series:.2f}"])

	check_plugged_memory(report, blocks)
	check_small_job(report)
	check_clients(report)


def block_of_plugged_memory(lines):
	"""How many instructions it took to bring one online."""
	text = "\n".join(lines)
	said = re.search(r"^\[ *([\d.]+)\] offline: (\d+) blocks$(?:\n(?!.*offline:).*)*?"
			 r"\n\[ *([\d.]+)\] all of them are online_kernel$", text, re.M)
	if not said:
		raise Failure("the guest did not say that it brought memory online")
	us = (float(said[3]) - float(said[1])) * 1e6
	return us * INSTRUCTIONS_PER_US / int(said[2])


def check_plugged_memory(report, blocks):
	"""A tick more or less makes a few percent; a look at each pageblock, a third."""
	small, large = (blocks["series", size] for size in SIZES)
	stock = " and ".join(f"{blocks['stock', size] / 1e6:.1f}" for size in SIZES)
	report.check(large < 1.1 * small,
		     f"a block of plugged memory: {small / 1e6:.1f} million instructions with "
		     f"{SIZES[0]}, {large / 1e6:.1f} with {SIZES[1]}, stock {stock}",
		     ["it takes more where there is more memory"])


def check_small_job(report):
	if not builds.build(report, run_time.SERIES, f"{run_time.SERIES} builds"):
		return

	def boot(kernel, settings, name):
		result, reason = boots.outcome(boots.start(
			kernel, settings, f"instructions/{name}.txt"))
		if not (result and result.ok):
			raise Failure(reason if not result else result.reason)
		return result.lines

	took = run_time.small_job(boot)
	most = run_time.GOALS["small_job"]
	report.check(took <= most, f"a job too small to split: {took} instructions "
		     f"beside thread_fn, at most {most}", ["it takes more"])


def check_clients(report):
	"""A page more costs no more than stock, nor than the goal where there is one."""
	if not all(builds.build(report, kernel, f"{kernel} builds")
		   for kernel in clients.KERNELS):
		return
	booted = {wanted: boots.start(wanted.kernel, wanted.settings,
				      f"instructions/{wanted.name}.txt")
		  for wanted in clients.counted()}
	took = {}
	for wanted, future in booted.items():
		result, reason = boots.outcome(future)
		if not report.check(result and result.ok, f"{wanted.name} boots",
				    boots.describe(wanted.kernel, result) if result
				    else [reason]):
			return
		took |= clients.spans_of_all(wanted, result.lines)
	for name, found in clients.instructions(took).items():
		# Where stock does the same, some ticks of the timer make a difference
		stock = found["stock"] * 1.01
		most = min(stock, clients.CLIENTS[name].goals.get("instructions", stock))
		report.check(found["series"] <= most, f"{clients.CLIENTS[name].about}: "
			     f"{found['series']:.2f} instructions a page, at most {most:.2f}",
			     ["it takes more"])


def per_page(times, kernel, what):
	small, large = (getattr(times[kernel, size], what) for size in SIZES)
	pages = (guest.parse_size(SIZES[1]) - guest.parse_size(SIZES[0])) // PAGE_SIZE
	return (large - small) * INSTRUCTIONS_PER_US / pages
