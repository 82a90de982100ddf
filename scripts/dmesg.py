# SPDX-License-Identifier: GPL-2.0
"""Read the times of deferred struct page init and of the boot from a dmesg.

Takes what QEMU's console gives as well as what people send: dmesg, dmesg
--raw, journalctl -k, with and without time stamps, with CRLF.
"""

import dataclasses
import re
from pathlib import Path

from common import Failure

STAMP = re.compile(r"\[ *(\d+\.\d{6})\]")
# In milliseconds up to 6.12, perhaps in microseconds after; before 5.17 with
# the number of pages instead of "deferred pages"
DEFERRED = re.compile(r"node (\d+)(?: deferred pages)? initiali[sz]ed"
		      r"(?:, \d+ pages)? in (\d+) ?(ms|us)")
RUN_INIT = re.compile(r"Run /\S+ as init process")


@dataclasses.dataclass
class Times:
	deferred_ms: dict	# of each node, as the kernel printed it
	boot_ms: float		# to the start of init; None without stamps
	# Between the stamps around the phase, in microseconds; None without
	deferred_us: int
	boot_us: int

	@property
	def longest_ms(self):
		"""The nodes work at the same time, so the slowest is what counts."""
		return max(self.deferred_ms.values())


def stamp_us(line):
	match = STAMP.search(line)
	return int(match[1].replace(".", "")) if match else None


def last_boot(lines):
	"""Logs kept on disk may hold several boots."""
	starts = [i for i, line in enumerate(lines) if "Linux version " in line]
	return lines[starts[-1]:] if starts else lines


def parse(lines, name):
	lines = [line.rstrip() for line in last_boot(lines) if line.strip()]
	matches = [(i, DEFERRED.search(line)) for i, line in enumerate(lines)]
	matches = [(i, match) for i, match in matches if match]
	if not matches:
		raise Failure(f"{name}: no line 'node 0 deferred pages initialised in "
			      "...ms': " + why_missing(lines))
	deferred = {int(match[1]): int(match[2]) / (1000 if match[3] == "us" else 1)
		    for _, match in matches}

	first, last = matches[0][0], matches[-1][0]
	start = stamp_us(lines[first - 1]) if first else None
	end = stamp_us(lines[last])
	run_init = [line for line in lines if RUN_INIT.search(line)]
	boot = stamp_us(run_init[0]) if run_init else None
	return Times(deferred_ms=deferred,
		     boot_ms=None if boot is None else boot / 1000,
		     deferred_us=None if None in (start, end) else end - start,
		     boot_us=boot)


def why_missing(lines):
	if not any("Linux version " in line for line in lines):
		return ("the start of the boot is not in this file; the kernel's buffer "
			"may have wrapped: take 'journalctl -k -b -o short-monotonic', "
			"or boot with log_buf_len=4M and take dmesg again")
	return ("that kernel needs CONFIG_DEFERRED_STRUCT_PAGE_INIT=y and more than "
		"a few hundred MiB of memory in a node")


def read(path):
	try:
		text = Path(path).read_text(errors="replace")
	except OSError as error:
		raise Failure(f"{path}: {error.strerror}; give files with the output "
			      "of dmesg") from None
	return parse(text.splitlines(), path)
