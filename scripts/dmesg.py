# SPDX-License-Identifier: GPL-2.0
"""Read the times of deferred struct page init and of the boot from a dmesg.

Takes what QEMU's console gives as well as what people send: dmesg, dmesg
--raw, journalctl -k, with and without time stamps, with CRLF.
"""

import dataclasses
import re

from common import Failure

STAMP = re.compile(r"\[ *(\d+\.\d{6})\]")
# Milliseconds in 6.12, microseconds in this series, and there with what was done
# by whom. Before 5.17 the number of pages stands where "deferred pages" is now.
NODE = re.compile(r"\bnode (\d+)(?: deferred pages)? initiali[sz]ed(?:, (\d+) pages)? "
		  r"in (\d+) ?(ms|us)\b(?:: (\d+) pages on CPUs? ([\d,-]*\d))?")
# All nodes together, after the last of them
TOTAL = re.compile(r"(?<!\d )\bdeferred pages initiali[sz]ed in (\d+) ?(ms|us)\b: "
		   r"(\d+) pages on (\d+) CPUs?, (\d+)(?:\.\.(\d+))? each")
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


def milliseconds(count, unit):
	return int(count) / (1000 if unit == "us" else 1)


def parse_cpulist(text):
	"""The CPUs in a list as the kernel writes it: 0-3,6"""
	ranges = re.findall(r"(\d+)(?:-(\d+))?", text)
	return tuple(cpu for first, last in ranges
		     for cpu in range(int(first), int(last or first) + 1))


def read_node(match):
	pages = match[5] or match[2]
	return Node(ms=milliseconds(match[3], match[4]),
		    pages=int(pages) if pages else None,
		    cpus=parse_cpulist(match[6]) if match[6] else None)


def read_total(match):
	return Total(ms=milliseconds(match[1], match[2]), pages=int(match[3]),
		     cpus=int(match[4]), fewest=int(match[5]),
		     most=int(match[6] or match[5]))


def stamp_us(line):
	match = STAMP.search(line)
	return int(match[1].replace(".", "")) if match else None


def last_boot(lines):
	"""Logs kept on disk may hold several boots."""
	starts = [i for i, line in enumerate(lines) if START in line]
	return lines[starts[-1]:] if starts else lines


def parse(lines, name):
	lines = [line.rstrip() for line in last_boot(lines) if line.strip()]
	nodes = [(i, match) for i, line in enumerate(lines)
		 if (match := NODE.search(line))]
	if not nodes:
		raise Failure(f"{name}: no line 'node 0 deferred pages initialised in "
			      "...ms': " + why_missing(lines))
	totals = [(i, match) for i, line in enumerate(lines)
		  if (match := TOTAL.search(line))]

	first, last = nodes[0][0], (totals or nodes)[-1][0]
	start = stamp_us(lines[first - 1]) if first else None
	end = stamp_us(lines[last])
	run_init = [line for line in lines if RUN_INIT.search(line)]
	boot = stamp_us(run_init[0]) if run_init else None
	return Times(nodes={int(match[1]): read_node(match) for _, match in nodes},
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
