# SPDX-License-Identifier: GPL-2.0
"""Odd guests: scripts/tests/scenarios.ini."""

import configparser
import functools
import re
from pathlib import Path

import kernels
from guests import console, guest
from host.failure import Failure
from host.places import BUILD
from host.terminal import progress
from tests import boots

OURS = ("about", "kernels", "deferred", "shows", "series shows", "expect",
	"baseline append")
EXPECT = ("same pages", "other pages", "panic", "warned", "hang")

# What zones must have in common; the number of free pages varies with timing
COMPARED = ("start", "spanned", "present", "managed")
PAGE = 4096
BLOCK = 2 << 20
DEBUG = "series-debug"
# In pages
SECTION = (128 << 20) // PAGE

# What a kernel that compares its struct pages says when they are as they should
SELF_CHECK = r"deferred pages checked: \d+ struct pages, .*no difference"


def read_scenarios(file, instead=None):
	# No interpolation: memmap= has $ in it
	parser = configparser.ConfigParser(interpolation=None)
	parser.read(Path(__file__).with_name(file))
	names = parser.sections()
	if instead:
		everyones = parser.defaults()["kernels"]
		names = [name for name in names if parser[name]["kernels"] == everyones]
		parser.defaults()["kernels"] = instead
	for name in names:
		scenario = dict(parser[name])
		if scenario.setdefault("expect", "same pages") not in EXPECT:
			raise Failure(f"scenario {name} expects '{scenario['expect']}': "
				      "it can be " + ", ".join(EXPECT))
		yield name, scenario


def check(report):
	check_scenarios(report, "scenarios.ini")


def check_scenarios(report, file, instead=None):
	"""Boot the guests of an INI file, whose kernels must have been built; or those
	that name no kernels of their own, with the kernel `instead`."""
	running = []
	for name, scenario in read_scenarios(file, instead):
		futures = {}
		for kernel in scenario["kernels"].split():
			settings = {key: value for key, value in scenario.items()
				    if key not in OURS}
			if is_baseline(kernel) and "baseline append" in scenario:
				settings["append"] = scenario["baseline append"]
			futures[kernel] = boots.start(
				kernel, settings, f"{report.part}/{name}-{kernel}.txt")
		running.append((name, scenario, futures))

	for count, (name, scenario, futures) in enumerate(running, 1):
		progress(f"Booting scenario {count} of {len(running)}: {name}")
		problems = judge(scenario, futures)
		report.check(not problems, f"{name}: {scenario['about']}", problems)


def judge(scenario, futures):
	"""What is wrong with the boots of a scenario, as lines."""
	results = {}
	for kernel, future in futures.items():
		result, reason = boots.outcome(future)
		if not result:
			return [f"{kernel}: {reason}"]
		results[kernel] = result

	expect = scenario["expect"]
	problems = []
	if expect in ("panic", "warned", "hang"):
		for kernel, result in results.items():
			if result.verdict != expect:
				problems += [f"this guest must end in: {expect}, but:",
					     *boots.describe(kernel, result)]
		return problems

	for kernel, result in results.items():
		if not result.ok:
			problems += boots.describe(kernel, result)
		else:
			problems += [f"{kernel}: {problem}"
				     for problem in check_console(kernel, scenario, result.lines)]
	if problems or not is_baseline(next(iter(results))):
		return problems
	found = compare_pages(*list(results.items())[:2])
	if expect == "same pages":
		return found
	return [] if found else ["this guest must not have as many pages as baseline, "
				 "but it has"]


def is_baseline(kernel):
	return kernels.parse(kernel).what == "baseline"


def check_console(kernel, scenario, lines):
	"""The lines that must, or must not, be there."""
	deferred = boots.deferred_nodes(lines)
	expected = expected_nodes(scenario)
	# KASAN's shadow may take all of a zone, so that there is nothing left to do
	if deferred < expected:
		expected -= {node for node in expected - deferred
			     if all_taken(node, console.zones(lines))}
	if deferred != expected:
		yield (f"struct pages were initialised late on {nodes(deferred)}, and "
		       f"should have been on {nodes(expected)}")
	shows = scenario.get("shows", "").splitlines()
	if not is_baseline(kernel):
		shows += scenario.get("series shows", "").splitlines()
	for pattern in shows:
		if pattern and not any(re.search(pattern, line) for line in lines):
			yield f"the console does not show '{pattern}'"
	if deferred and has_option(kernel, "DEFERRED_STRUCT_PAGE_INIT_CHECK") and not any(
			re.search(SELF_CHECK, line) for line in lines):
		yield f"the self-check did not print '{SELF_CHECK}'"


def all_taken(node, zones):
	"""Whether the highest zone of a node has less than a section of free memory
	from the start."""
	last = max((counts for (where, _), counts in zones.items()
		    if where == node and counts["present"]),
		   key=lambda counts: counts["start"], default={"managed": 0})
	return last["managed"] < SECTION


@functools.cache
def has_option(kernel, symbol):
	return f"CONFIG_{symbol}=y\n" in (BUILD / "kernel" / kernel / ".config").read_text()


def nodes(numbers):
	return "node " + " and ".join(map(str, sorted(numbers))) if numbers else "no node"


def expected_nodes(scenario):
	if "deferred" in scenario:
		return {int(node) for node in scenario["deferred"].split()}
	with_memory = [memory for _, memory in guest.parse_nodes(scenario["nodes"])
		       ] if "nodes" in scenario else [scenario["memory"]]
	return {node for node, memory in enumerate(with_memory) if memory}


# ---- pages -------------------------------------------------------------------

def compare_pages(first, second):
	"""The zones that differ, but for what the kernel images take; of two
	pairs of a kernel and its boot."""
	(baseline, old), (series, new) = first, second
	before, after = console.zones(old.lines), console.zones(new.lines)
	if not before or before.keys() != after.keys():
		return [f"{baseline} has {zone_names(before)}, {series} has {zone_names(after)}"]

	image_zone = zone_of(kernels.parse(baseline).architecture.image_at, before)
	# Taken from the end of all memory
	table_zone = max((zone for zone in before if before[zone]["present"]),
			 key=lambda zone: before[zone]["start"])
	# In pieces of 4 KiB and of 2 MiB, from whichever zone of the node has room
	shadow = shadow_pages(baseline) - shadow_pages(series)
	with_shadow = [zone for zone in before if shadow and zone[0] == image_zone[0]]

	problems = []
	more = shadow
	for zone in before:
		expected = {key: before[zone][key] for key in COMPARED}
		found = {key: after[zone][key] for key in COMPARED}
		if zone == image_zone:
			expected["managed"] += (image_pages(baseline, old.lines)
						- image_pages(series, new.lines))
		if zone == table_zone:
			expected["managed"] += split_blocks(baseline) - split_blocks(series)
		if zone in with_shadow:
			more += expected.pop("managed") - found["managed"]
		for key in expected:
			if found[key] != expected[key]:
				problems.append(f"node {zone[0]} zone {zone[1]}: {key} "
						f"{found[key]}, expected {expected[key]}")
	if with_shadow and more:
		problems.append(f"node {image_zone[0]}: {-more} pages more in all than expected")
	return problems


def zone_names(zones):
	return ", ".join(f"node {node} {zone}" for node, zone in zones) or "no zone"


def zone_of(address, zones):
	page = address // PAGE
	return next((zone for zone, counts in zones.items()
		     if counts["start"] <= page < counts["start"] + counts["spanned"]), None)


def image_pages(kernel, lines):
	"""The pages a kernel image keeps: from its first byte to the end of what
	setup_arch() reserves, less what it said it gave back."""
	first, last = kernels.parse(kernel).architecture.image_symbols
	symbols = addresses(kernel, first, last)
	taken = symbols[last] - symbols[first]
	for line in lines:
		given_back = re.search(r"Freeing (?:unused kernel.*|SMP alternatives)"
				       r" memory: (\d+)K", line)
		if given_back:
			taken -= int(given_back[1]) << 10
	return -(-taken // PAGE)


def shadow_pages(kernel):
	"""The pages in which KASAN notes what of a kernel's image may be touched: a
	byte for eight."""
	if not has_option(kernel, "KASAN"):
		return 0
	symbols = addresses(kernel, "_stext", "_end")
	return -(-symbols["_end"] // (8 * PAGE)) - symbols["_stext"] // (8 * PAGE)


def split_blocks(kernel):
	"""The page tables that the kernel's map of all memory has for blocks that it
	has to split at the ends of the image."""
	symbols = addresses(kernel, *kernels.parse(kernel).architecture.mapped_apart)
	return len({address // BLOCK for address in symbols.values() if address % BLOCK})


def addresses(kernel, *names):
	"""{symbol: its address} in a built kernel."""
	with open(BUILD / "kernel" / kernel / "System.map") as symbol_map:
		rows = (line.split() for line in symbol_map)
		return {name: int(address, 16) for address, _, name in rows if name in names}
