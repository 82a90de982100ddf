# SPDX-License-Identifier: GPL-2.0
"""Read the times of deferred struct page init and of the boot from a dmesg.

Takes what QEMU's console gives as well as what people send: dmesg with any of its
options, journalctl -k, the log of syslog, with and without time stamps, with colours
and with CRLF.
"""

import dataclasses
import datetime
import re

from host.failure import Failure

# Colours, and what else tells a terminal how to show it
TERMINAL = re.compile(r"\x1b\[[0-9;:?]*[A-Za-z]")
# With how long after the message before, as by dmesg --show-delta
STAMP = re.compile(r"\[ *(\d+\.\d{6})(?: <[ \d.]+>)?\]")
# dmesg --time-format iso; with a point, other programs have written it
ISO_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d),(\d{6})[+-]")
# dmesg --reltime and --human: how long after the message before, and now and then the
# minute instead
DELTA = re.compile(r"\[ *\+(\d+\.\d{6})\]")
# Milliseconds in 6.12. This series has microseconds after them, and what was done by
# whom; an earlier version of it had microseconds alone. Before 5.17 the number of pages
# stands where "deferred pages" is now.
TIME = r"in (?P<time>\d+) ?(?P<unit>ms|us)\b"
DONE = r": (?:(?P<us>\d+)us, )?(?P<pages>\d+) pages on "
NODE = re.compile(r"\bnode (?P<node>\d+)(?: deferred pages)? initiali[sz]ed"
		  r"(?:, (?P<old_pages>\d+) pages)? " + TIME
		  + rf"(?:{DONE}CPUs? (?P<cpus>[\d,-]*\d))?")
# All nodes together, after the last of them
TOTAL = re.compile(r"(?<!\d )\bdeferred pages initiali[sz]ed " + TIME + DONE
		   + r"(?P<cpus>\d+) CPUs?, (?P<fewest>\d+)(?:\.\.(?P<most>\d+))? each")
# Characters that no dmesg has
LARGEST = 64 << 20
# The first message of a boot
START = "Linux version "
RUN_INIT = re.compile(r"Run /\S+ as init process")


@dataclasses.dataclass
class Node:
	ms: float
	pages: int		# None where the kernel does not say
	cpus: tuple		# that worked on them; None where it does not say


@dataclasses.dataclass
class Total:
	ms: float
	pages: int
	cpus: int		# how many took part
	fewest: int		# pages that one of them did
	most: int

	@property
	def imbalance(self):
		"""What the CPU that did most did, over what each did on average."""
		return self.most * self.cpus / self.pages if self.pages else 1.0


@dataclasses.dataclass
class Times:
	nodes: dict		# {number: Node}
	total: Total		# None from kernels that do not print it
	boot_ms: float		# to the start of init; None without stamps
	# Between the stamps around the phase, in microseconds; None without
	deferred_us: int
	boot_us: int

	@property
	def deferred_ms(self):
		"""The nodes work at the same time, so without a total the slowest
		of them is what counts."""
		if self.total:
			return self.total.ms
		return max(node.ms for node in self.nodes.values())


def milliseconds(match):
	if match["us"]:
		return int(match["us"]) / 1000
	return int(match["time"]) / (1000 if match["unit"] == "us" else 1)


def parse_cpulist(text):
	"""The CPUs in a list as the kernel writes it: 0-3,6"""
	ranges = re.findall(r"(\d+)(?:-(\d+))?", text)
	return tuple(cpu for first, last in ranges
		     for cpu in range(int(first), int(last or first) + 1))


def read_node(match):
	pages = match["pages"] or match["old_pages"]
	return Node(ms=milliseconds(match),
		    pages=int(pages) if pages else None,
		    cpus=parse_cpulist(match["cpus"]) if match["cpus"] else None)


def read_total(match):
	return Total(ms=milliseconds(match), pages=int(match["pages"]),
		     cpus=int(match["cpus"]), fewest=int(match["fewest"]),
		     most=int(match["most"] or match["fewest"]))


def stamp_us(line):
	match = STAMP.search(line)
	return int(match[1].replace(".", "")) if match else None


def stamps_us(lines):
	"""The time of each line since the start of the boot; None where that cannot be
	told."""
	start = passed = None
	for line in lines:
		begins = START in line
		if (stamp := stamp_us(line)) is not None:
			yield stamp
		elif match := ISO_STAMP.match(line):
			now = (datetime.datetime.fromisoformat(match[1]).replace(
				tzinfo=datetime.timezone.utc).timestamp() * 1000000
			       + int(match[2]))
			if begins:
				start = now
			yield None if start is None else round(now - start)
		else:
			delta = DELTA.search(line)
			if begins:
				passed = 0
			elif passed is not None:
				passed = passed + int(delta[1].replace(".", "")) if delta else None
			yield passed


def by_host_clock(arrived):
	"""Lines of a console, those with a stamp having the time since the first message by
	the host's clock instead; arrived is [(when, line)]."""
	start = None
	for when, line in arrived:
		if START in line:
			start = when
		if start is not None:
			yield STAMP.sub(f"[{when - start:12.6f}]", line, count=1)


def last_boot(lines):
	"""Logs kept on disk may hold several boots."""
	starts = [i for i, line in enumerate(lines) if START in line]
	return lines[starts[-1]:] if starts else lines


def parse(lines, name):
	lines = [TERMINAL.sub("", line).rstrip() for line in lines]
	lines = [line for line in last_boot(lines) if line]
	nodes = [(i, match) for i, line in enumerate(lines)
		 if (match := NODE.search(line))]
	if not nodes:
		raise Failure(f"{name}: no line 'node 0 deferred pages initialised in "
			      "...ms': " + why_missing(lines))
	totals = [(i, match) for i, line in enumerate(lines)
		  if (match := TOTAL.search(line))]

	first, last = nodes[0][0], (totals or nodes)[-1][0]
	stamps = list(stamps_us(lines))
	start = stamps[first - 1] if first else None
	end = stamps[last]
	run_init = [stamp for line, stamp in zip(lines, stamps) if RUN_INIT.search(line)]
	boot = run_init[0] if run_init else None
	return Times(nodes={int(match["node"]): read_node(match) for _, match in nodes},
		     total=read_total(totals[-1][1]) if totals else None,
		     boot_ms=None if boot is None else boot / 1000,
		     deferred_us=None if None in (start, end) else end - start,
		     boot_us=boot)


def why_missing(lines):
	if not any(START in line for line in lines):
		return ("the start of the boot is not in this file; the kernel's buffer "
			"may have wrapped: take 'journalctl -k -b -o short-monotonic', "
			"or boot with log_buf_len=4M and take dmesg again")
	return ("that kernel needs CONFIG_DEFERRED_STRUCT_PAGE_INIT=y and more than "
		"a few hundred MiB of memory in a node")


def read(path):
	try:
		# Not to the end of what has none
		with open(path, errors="replace") as file:
			text = file.read(LARGEST)
	except OSError as error:
		raise Failure(f"{path}: {error.strerror}; give files with the output "
			      "of dmesg") from None
	if len(text) == LARGEST or "\0" in text:
		raise Failure(f"{path}: that is no text of a boot; give files with the output "
			      "of dmesg, not compressed")
	return parse(text.splitlines(), path)
