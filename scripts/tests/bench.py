# SPDX-License-Identifier: GPL-2.0
"""The bench of real memory times only what does the right thing.

No time is judged here.
"""

import json
import re

from host.failure import Failure
from host.git import tree_git
from host.places import BUILD
from measuring import real_memory
from tests import builds

PLACE = BUILD / "test/bench"
MEMORY = 64 << 20

# In place of the series' memmap_fill(), which they call
BROKEN = {
	"leaves out the last page": "right_fill(page, end - 1, pattern);",
	"leaves out the last page of an odd number":
		"right_fill(page, end - ((end - page) & 1), pattern);",
	"writes one page too many": "right_fill(page, end + 1, pattern);",
	"leaves pages in use": """
		struct page used = *pattern;

		set_page_count(&used, 1);
		right_fill(page, end, &used);""",
	"lets list heads point elsewhere": """
		for (; page < end; page++)
			*page = *pattern;""",
	"leaves all as it was": "",
}

# In place of what clears an extent, which they call
BROKEN_CLEARING = {
	"clears all but the end": "right_forms[0].init(page, nr - 1);",
	"clears too much": "right_forms[0].init(page, nr + 1);",
	"clears only the first page": "right_forms[0].init(page, 64);",
	"clears nothing": "",
}


def check(report):
	PLACE.mkdir(exist_ok=True)
	if not has_fill():
		report.skip("the bench", f"this series has no {real_memory.FILL}")
		return
	if runs(report):
		for name, body in BROKEN.items():
			refuses(report, name, body)
		for name, body in BROKEN_CLEARING.items():
			refuses_clearing(report, name, body)
	drifts(report)


def has_fill():
	return tree_git("ls-tree", "--name-only", "HEAD", real_memory.FILL)


def runs(report):
	output = PLACE / "results.json"
	output.unlink(missing_ok=True)
	ended = builds.script("scripts/bench", "--memory", "64M", "--rounds", "1",
			      "--forms", "--json", output)
	if not report.check(ended.ok, "runs", ended.details()):
		return False
	report.check(max(map(len, ended.output)) <= 80, "fits 80 columns", ended.output)

	results = json.loads(output.read_text())
	times = results["real_memory_ns_per_page"]
	threads = [str(count) for count in real_memory.thread_counts()]
	report.check(list(times) == ["stock", "series", "fill"]
		     and all(list(counts) == threads and min(counts.values()) > 0
			     for counts in times.values()),
		     "has a time of each variant for each number of threads", [str(times)])
	about = results["real_memory"]
	made = ({"stock", "series", *real_memory.FORMS}
		- {"device", "zeros", *about["left_out"]})
	report.check(set(about["checked"]) == made,
		     "found each form to leave what the base leaves",
		     [f"checked {about['checked']}, made {sorted(made)}"])
	clearing = results["real_memory_clearing"]
	found = {(int(count), int(kib)): rates
		 for count, sizes in clearing["gb_per_s"].items()
		 for kib, rates in sizes.items()}
	report.check(list(found) == real_memory.clearings(MEMORY, about["threads"])
		     and all(len(rates) == 1 and rates[0] > 0 for rates in found.values())
		     and clearing["instruction"] in ("rep stosb", "rep stosq"),
		     "has the speed of clearing by extents of each size",
		     [str(clearing)])
	return True


def refuses(report, name, body):
	"""A memmap_fill() that does the wrong thing is not timed."""
	path = PLACE / "broken.c"
	path.write_text(f"""// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#define memmap_fill right_fill
#include "{real_memory.PLACE / 'src' / real_memory.FILL}"
#undef memmap_fill

void memmap_fill(struct page *page, const struct page *end,
		 const struct page *pattern)
{{
	{body.strip()}
}}
""")
	is_refused(report, name, r"series.* (differs from the base|also wrote)", fill=path)


def refuses_clearing(report, name, body):
	"""Nor is what clears something else."""
	path = PLACE / "broken-clear.c"
	path.write_text(f"""// SPDX-License-Identifier: GPL-2.0
#define clear_forms right_forms
#include "{real_memory.SOURCES / 'clear.c'}"
#undef clear_forms

static void broken(struct page *page, unsigned long nr)
{{
	{body}
}}

const struct form clear_forms[] = {{ {{ "broken", broken }} }};
""")
	is_refused(report, name, r"broken (does not clear|also wrote)", clear=path)


def is_refused(report, name, reason, **broken):
	try:
		real_memory.measure(rounds=1, memory=MEMORY, **broken)
	except Failure as failure:
		report.check(re.search(f"stopped: {reason}", str(failure)),
			     f"refuses what {name}", [str(failure)])
	else:
		report.fail(f"refuses what {name}", ["it was timed"])


def drifts(report):
	"""A base with other loops is named, and nothing is guessed."""
	name, path, start, holding = real_memory.PIECES[-1]
	source = tree_git("show", f"base:{path}")
	for what, text in (("is gone", source.replace(holding, "->flags = 0")),
			   ("is there twice", source + source)):
		try:
			real_memory.extract(text, path, start, holding)
		except Failure as failure:
			report.check(path in str(failure) and "\n" not in str(failure),
				     f"says which loop of the base {what}", [str(failure)])
		else:
			report.fail(f"says which loop of the base {what}", ["it did not"])
