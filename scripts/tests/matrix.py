# SPDX-License-Identifier: GPL-2.0
"""The boot matrix: odd guests, as scenarios.ini describes them."""

import configparser
import re
from pathlib import Path

import guest
from common import BUILD, Failure, progress
from tests import boots

SCENARIOS = Path(__file__).with_name("scenarios.ini")
OURS = ("about", "deferred", "shows", "expect", "without debug", "baseline append")
EXPECT = ("same pages", "other pages", "panic", "warned", "hang")

# What zones must have in common; the number of free pages varies with timing
COMPARED = ("start", "spanned", "present", "managed")
PAGE = 4096


def read_scenarios():
	# No interpolation: memmap= has $ in it
	parser = configparser.ConfigParser(interpolation=None)
	parser.read(SCENARIOS)
	for name in parser.sections():
		scenario = dict(parser[name])
		if scenario.setdefault("expect", "same pages") not in EXPECT:
			raise Failure(f"scenario {name} expects '{scenario['expect']}': "
				      "it can be " + ", ".join(EXPECT))
		yield name, scenario


def check(report):
	running = []
	for name, scenario in read_scenarios():
		kernels = ["baseline", "series", "series-debug"]
		if scenario["expect"] == "other pages" or "without debug" in scenario:
			kernels = ["baseline", "series"]
		elif scenario["expect"] != "same pages":
			kernels = ["series"]
		futures = {}
		for kernel in kernels:
			settings = {key: value for key, value in scenario.items()
				    if key not in OURS}
			if kernel == "baseline" and "baseline append" in scenario:
				settings["append"] = scenario["baseline append"]
			futures[kernel] = boots.start(kernel, settings,
						      f"matrix/{name}-{kernel}.txt")
		running.append((name, scenario, futures))

	for count, (name, scenario, futures) in enumerate(running, 1):
		progress(f"Booting scenario {count} of {len(running)}: {name}")
		problems = judge(scenario, futures)
		report.check(not problems, f"{name}: {scenario['about']}", problems)
		if "without debug" in scenario:
			report.skip(f"{name} with series-debug", scenario["without debug"])


def judge(scenario, futures):
	"""What is wrong with the boots of a scenario, as lines."""
	results = {}
	for kernel, future in futures.items():
		result, reason = boots.outcome(future)
		if not result:
			return [f"{kernel}: {reason}"]
		results[kernel] = result

	expect = scenario["expect"]
	if expect in ("panic", "warned", "hang"):
		if results["series"].verdict == expect:
			return []
		return [f"this guest must end in: {expect}, but:",
			*boots.describe("series", results["series"])]

	problems = []
	for kernel, result in results.items():
		if not result.ok:
			problems += boots.describe(kernel, result)
		else:
			problems += [f"{kernel}: {problem}"
				     for problem in check_console(scenario, result.lines)]
	if problems:
		return problems
	found = compare_pages(results["baseline"], results["series"])
	if expect == "same pages":
		return found
	return [] if found else ["this guest must not have as many pages as baseline, "
				 "but it has"]


def check_console(scenario, lines):
	"""The lines that must, or must not, be there."""
	deferred = boots.deferred_nodes(lines)
	expected = expected_nodes(scenario)
	if deferred != expected:
		yield (f"struct pages were initialised late on {nodes(deferred)}, and "
		       f"should have been on {nodes(expected)}")
	for pattern in scenario.get("shows", "").splitlines():
		if pattern and not any(re.search(pattern, line) for line in lines):
			yield f"the console does not show '{pattern}'"


def nodes(numbers):
	return "node " + " and ".join(map(str, sorted(numbers))) if numbers else "no node"


def expected_nodes(scenario):
	if "deferred" in scenario:
		return {int(node) for node in scenario["deferred"].split()}
	with_memory = [memory for _, memory in guest.parse_nodes(scenario["nodes"])
		       ] if "nodes" in scenario else [scenario["memory"]]
	return {node for node, memory in enumerate(with_memory) if memory}


# ---- pages -------------------------------------------------------------------

def compare_pages(baseline, series):
	"""The zones that differ, but for what the kernel images take."""
	before, after = guest.zones(baseline.lines), guest.zones(series.lines)
	if not before or before.keys() != after.keys():
		return [f"baseline has {zone_names(before)}, series has {zone_names(after)}"]

	problems = []
	for zone in before:
		expected = {key: before[zone][key] for key in COMPARED}
		found = {key: after[zone][key] for key in COMPARED}
		if zone == image_zone(before):
			expected["managed"] += (image_pages("baseline", baseline.lines)
						- image_pages("series", series.lines))
		for key in COMPARED:
			if found[key] != expected[key]:
				problems.append(f"node {zone[0]} zone {zone[1]}: {key} "
						f"{found[key]}, expected {expected[key]}")
	return problems


def zone_names(zones):
	return ", ".join(f"node {node} {zone}" for node, zone in zones) or "no zone"


def image_zone(zones):
	"""The zone that holds the kernel image, which nokaslr keeps at 16 MiB."""
	at = (16 << 20) // PAGE
	return next((zone for zone, counts in zones.items()
		     if counts["start"] <= at < counts["start"] + counts["spanned"]), None)


def image_pages(kernel, lines):
	"""The pages a kernel image keeps: from its first byte to the end of what
	setup_arch() reserves, less what it said it gave back."""
	symbols = {}
	with open(BUILD / "kernel" / kernel / "System.map") as symbol_map:
		for line in symbol_map:
			address, _, name = line.split()
			if name in ("_text", "__end_of_kernel_reserve"):
				symbols[name] = int(address, 16)
	taken = symbols["__end_of_kernel_reserve"] - symbols["_text"]
	for line in lines:
		given_back = re.search(r"Freeing (?:unused kernel image .*|SMP alternatives)"
				       r" memory: (\d+)K", line)
		if given_back:
			taken -= int(given_back[1]) << 10
	return -(-taken // PAGE)
