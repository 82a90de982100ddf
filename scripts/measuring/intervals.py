# SPDX-License-Identifier: GPL-2.0
"""What the boot outside of deferred page init costs for each struct page.

Between two console messages passes what the kernel does there. What passes
longer in a guest with more memory, where time stamps count instructions, is
work for each page; the two messages say where in the kernel to look for it.
"""

import difflib
import re
import statistics
from pathlib import Path

from measuring import dmesg

# What takes less, in most kernels, is left to "all the rest". So is what a wait
# for the next tick makes look like work here or there in a single kernel.
LEAST = 0.2

# Numbers and names made of them differ between guests
VARYING = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+")
DEFERRED = "deferred"

# What it is that passes before a message, as far as that is known of 6.12
WORK = {
	"Dentry cache hash table": "clears the table, whose size follows memory's",
	"Inode-cache hash table": "clears the table, whose size follows memory's",
	"SLUB: HWalign": "reserve_bootmem_region(): struct pages of memory in use, "
			 "mostly by struct pages",
	"devtmpfs: initialized": "set_zone_contiguous(): looks at each pageblock",
	"futex hash table": "memory_dev_init(): a device for each block of memory",
}


class Message:
	def __init__(self, line):
		self.stamp_us = dmesg.stamp_us(line)
		self.text = re.sub(r"^.*?\[ *\d+\.\d{6}\](\[ *[TC]\d+\])? ", "", line).strip()
		# The same in all guests and kernels
		if dmesg.NODE.search(line) or dmesg.TOTAL.search(line):
			self.key = DEFERRED
		elif dmesg.START in line:
			self.key = dmesg.START
		else:
			self.key = VARYING.sub("#", self.text)


def messages(path):
	"""The messages from the start of the boot to init."""
	found = []
	for line in dmesg.last_boot(Path(path).read_text(errors="replace").splitlines()):
		if dmesg.stamp_us(line) is None:
			continue
		found.append(Message(line))
		if dmesg.RUN_INIT.search(line):
			break
	return found


def growth(small, large):
	"""{(key, key): (microseconds more in the large guest, the two texts)}"""
	blocks = difflib.SequenceMatcher(None, [message.key for message in small],
					 [message.key for message in large],
					 autojunk=False).get_matching_blocks()
	both = [(small[block.a + i], large[block.b + i])
		for block in blocks for i in range(block.size)]
	found = {}
	for (small_from, large_from), (small_to, large_to) in zip(both, both[1:]):
		more = ((large_to.stamp_us - large_from.stamp_us)
			- (small_to.stamp_us - small_from.stamp_us))
		key = large_from.key, large_to.key
		before, _ = found.get(key, (0, None))
		found[key] = before + more, (large_from.text, large_to.text)
	return found


def shares(logs, scale):
	"""The parts of the boot that take longest, deferred page init left out.

	logs is {kernel: [dmesg of the small guest, of the large one]}, and scale
	what a microsecond counts for.
	"""
	grown = {kernel: growth(*map(messages, paths)) for kernel, paths in logs.items()}
	parts = []
	for key in dict.fromkeys(key for kernel in grown.values() for key in kernel):
		if key[1] == DEFERRED:
			continue
		found = {kernel: intervals[key] for kernel, intervals in grown.items()
			 if key in intervals}
		after, before = list(found.values())[-1][1]
		work = [text for start, text in WORK.items() if before.startswith(start)]
		parts.append({"after": after, "before": before, "work": "".join(work),
			      **{kernel: round(more * scale, 3)
				 for kernel, (more, _) in found.items()}})

	def typical(part):
		return statistics.median(part.get(kernel, 0) for kernel in logs)

	return sorted((part for part in parts if typical(part) >= LEAST),
		      key=typical, reverse=True)
