# SPDX-License-Identifier: GPL-2.0
"""Turn measured figures into a table, plots, a page and a file for machines.

The figures come as one dict, the one that results.json holds.
"""

import html
import json
import re
import statistics

from host.terminal import plural
from measuring import clients, hand_out, plots, real_memory, run_time
from measuring.plots import number, size_name
from measuring.ratios import paired_ratios, spread, summary

LENSES = [
	("deferred_init_ms", "Deferred page init, ms"),
	("boot_ms", "Boot to init, ms"),
]
COUNTS = [
	("instructions_per_page", "deferred page init"),
	("boot_instructions_per_page", "whole boot to init"),
	("boot_instructions_per_page_from_64G", "boot, 64G to 128G"),
]
# By which share a guest's clock may differ from the host's
APART = 0.05


# ---- figures -------------------------------------------------------------

def ratio_cells(kernels, kernel, references):
	return ["1" if kernel == reference else
		summary(paired_ratios(kernels[kernel], kernels[reference]))
		if reference in kernels else "-"
		for reference in references]


def rows(results, key):
	"""For each guest and kernel: name, median, spread, ratio to each reference."""
	for guest, kernels in results[key].items():
		for kernel, values in kernels.items():
			name = f"{guest} {kernel}".strip()
			if not values:
				yield [name, "-", "-"] + ["-"] * len(results["references"])
				continue
			yield [name, number(statistics.median(values)),
			       spread(values, number),
			       *ratio_cells(kernels, kernel, results["references"])]


def per_page_rows(results, threads):
	"""What a struct page costs: name, each kernel's figure, the bare fill's, goal."""
	kernels = list(results["instructions_per_page"])
	yield ["", *kernels, "fill", "goal"]
	for key, title in COUNTS:
		yield [f"instructions, {title}",
		       *(f"{results[key][kernel]:.2f}" for kernel in kernels),
		       "", f"{results['goals'][key]}"]
	real = results["real_memory_ns_per_page"]
	for count in threads:
		yield [f"ns in real memory, {plural(count, 'thread')}",
		       *(f"{real[kernel][count]:.2f}" if kernel in real else ""
			 for kernel in kernels),
		       f"{real['fill'][count]:.2f}", ""]


def comparison_rows(results, threads):
	"""What is compared, deferred init, boot, and the goal."""
	for ratio in results["ratios"]:
		yield [ratio["what"], summary(ratio["deferred"]), summary(ratio["boot"]),
		       f"{ratio['goal']}" if ratio["goal"] else
		       f"boot {ratio['boot_goal']}" if ratio["boot_goal"] else ""]
	samples, goals = results["real_memory_samples"], results["goals"]
	for count in threads:
		for other in ("stock", "fill"):
			yield [f"series to {other}, real memory, {plural(count, 'thread')}",
			       summary(paired_ratios(samples["series"][count],
						     samples[other][count])),
			       "", f"{goals.get('real ' + other, '')}"]


def thread_counts(results):
	return list(results["real_memory_ns_per_page"]["series"])


def many_cpus_rows(results):
	for guest in results["many_cpus"]:
		cells = [f"{guest['cpus']} CPUs, {plural(guest['nodes'], 'node')}"]
		if guest["took_part"] is None:
			yield cells + ["not said", "", ""]
			continue
		yield cells + [
			f"{guest['took_part']}", f"{guest['imbalance']:.2f}",
			"; ".join(f"node {number}: {node['local_cpus']} of its own"
				  + (f", {node['other_cpus']} others"
				     if guest["nodes"] > 1 else "")
				  for number, node in guest["by_node"].items())]


def table(results):
	"""The text for a terminal of 80 columns: what tells most."""
	lines = [describe_machine(results["machine"])] if "machine" in results else []
	if "deferred_init_ms" in results:
		lines += boot_lines(results)
	if "ratios" in results:
		lines += ratio_lines(results) + many_cpus_lines(results)
	if "run_time" in results:
		lines += run_time_lines(results)
	if "clients" in results:
		lines += clients_lines(results)
	return "\n".join(line.rstrip() for line in lines)


def boot_lines(results):
	measured = "machine" in results
	lines = []
	reference = results["references"][0]
	width = max([22] + [len(f"  {guest} {kernel}")
			    for guest, kernels in results["deferred_init_ms"].items()
			    for kernel in kernels])

	ratio = f"to {reference}" if len(reference) < 7 else "to first"
	said = f" {'kernel':>7}" if measured else ""
	lines.append(f"{'Page init and boot, ms':{width}} {'page init':>9} {'min..max':>11}"
		     f" {ratio:>8}{said} {'boot':>6} {ratio:>8}")
	for guest, kernels in results["deferred_init_ms"].items():
		boots = results["boot_ms"][guest]
		for kernel, values in kernels.items():
			name = f"  {guest} {kernel}" if guest else f"  {kernel}"
			said = f" {kernel_says(results, guest, kernel):>7}" if measured else ""
			lines.append(f"{name:{width}} {number(statistics.median(values)):>9}"
				     f" {spread(values, number):>11}"
				     f" {median_ratio(kernels, kernel, reference):>8}{said}"
				     f" {median(boots[kernel]):>6}"
				     f" {median_ratio(boots, kernel, reference):>8}")
	if measured and any(lost_time(results, guest, kernel)
			    for guest, kernels in results["apart"].items()
			    for kernel in kernels):
		lines.append("  * a guest's clock that was more than 5 % off")
	return lines


def ratio_lines(results):
	"""What they come to, and what a struct page costs."""
	lines = [f"{'Ratios':42} {'page init':>17}  {'boot':>5} {'goal':>9}"]
	# Of the threads on real memory only the fewest and the most
	counts = thread_counts(results)
	ends = counts[:1] + counts[1:][-1:]
	for what, deferred, boot, goal in comparison_rows(results, ends):
		if not what.startswith("series"):
			continue
		lines.append(f"  {what:40} {deferred:>17}  {boot.split(' ')[0]:>5} {goal:>9}")
	for head, *cells in per_page_rows(results, ends):
		lines.append(f"{'  ' + head if head else 'For each struct page':34}"
			     + "".join(f"{cell:>9}" for cell in cells))
	return lines


def lost_time(results, guest, kernel):
	"""Whether a clock of these guests was wrong in the median boot."""
	return statistics.median(results["apart"][guest][kernel]) > APART


def kernel_says(results, guest, kernel):
	"""The kernel's own word on page init, marked where its clock was wrong."""
	return (number(statistics.median(results["kernel_ms"][guest][kernel]))
		+ "*" * lost_time(results, guest, kernel))


def many_cpus_lines(results):
	"""One line for each number of CPUs, whatever the number of nodes."""
	lines = [f"{'Took part, and most pages / mean':34}"]
	for guest in results["many_cpus"]:
		nodes = plural(guest["nodes"], "node")
		name = f"  series with {guest['cpus']} CPUs"
		if not lines[-1].startswith(name + " "):
			lines.append(f"{name:34}")
		said = guest["took_part"] is not None
		lines[-1] += (f"  {nodes}: {guest['took_part']:>2}, {guest['imbalance']:.2f}"
			      if said else f"  {nodes}: not said")
	return lines


def run_time_lines(results):
	"""What multithreaded jobs cost and how they behave, in a few lines."""
	lines = [f"{'Multithreaded jobs at run time':56}{'':>14} {'goal':>8}"]
	lines += [f"  {what:54}{figure:>14} {goal:>8}"
		  for what, figure, goal in run_time.short_rows(results["run_time"])]
	for name, *cells in hand_out.rows(results["run_time"]["chunks"]):
		lines.append(f"{'  ' + name if name else 'Handing out a chunk':34}"
			     + "".join(f"{cell:>9}" for cell in cells))
	return lines


def clients_lines(results):
	"""What clients of jobs take at run time."""
	rows = [("Clients of jobs at run time", "stock", "series", "to stock", "goal",
		 "to 1 CPU", "goal")]
	rows += [(f"  {about}, instructions a page", stock, series, "", goal, "", "")
		 for about, stock, series, goal in clients.instruction_rows(results)]
	rows += [(f"  {about}, {plural(cpus, 'CPU')}, ms",
		  *(cell.split(" ")[0] for cell in cells))
		 for about, cpus, *cells in clients.time_rows(results)]
	return [f"{name:37}" + "".join(f"{cell:>{width}}" for cell, width in
				       zip(cells, (7, 7, 9, 6, 9, 5)))
		for name, *cells in rows]


def median(values):
	return number(statistics.median(values)) if values else "-"


def median_ratio(kernels, kernel, reference):
	return ratio_cells(kernels, kernel, [reference])[0].split(" ")[0]


def describe_machine(machine):
	accelerator = {"tcg": "guests emulated by QEMU (TCG)",
		       "kvm": "guests run by KVM"}[machine["accelerator"]]
	return f"{machine['cpu']}, {machine['cores']} cores; {accelerator}"


# ---- the page ------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; --line: #bbb; --faint: #5e5e5e; --link: #0b57d0 }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 60em; margin: 1.5em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em } h3 { font-size: 1em }
a { color: var(--link) } :focus-visible { outline: 3px solid var(--link) }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1.2em }
table { border-collapse: collapse; margin: .5em 0; font-variant-numeric: tabular-nums }
th, td { padding: .2em .9em; text-align: right; border-bottom: 1px solid var(--line) }
tbody th { font-weight: normal } .text { text-align: left }
tr > :first-child { padding-left: 0 }
tr.first > * { border-top: 2px solid var(--line) }
figure { margin: 1em 0 } svg { max-width: 100%; height: auto }
code, pre { font-size: .9em; overflow-wrap: anywhere }
.faint, figcaption { color: var(--faint) } .wide { overflow-x: auto }
@media (prefers-color-scheme: dark) {
  :root { --line: #555; --faint: #a0a0a0; --link: #8ab4f8 }
  body { color: #ddd; background: #181818 }
}
@media (max-width: 40em) { th, td { padding: .2em .35em } }
@media print { nav { display: none } figure, tr { break-inside: avoid } }
"""

HOW_TIMED = """
<p>Page init and boot are timed by the host's clock, at the messages on the console:
from the last one before page init to its last one, and from the kernel's first
message to <code>Run /init as init process</code>. So page init has 5 to 13
milliseconds of the scheduler's set-up in it. “The kernel
says” has the time that the kernel itself prints. Until a guest has another clock
it counts ticks, and those that come too late are lost: stock and baseline then say
too little. A boot in which the clocks of guest and host differ by more than 5 % and a
millisecond, in page init or in all of the boot, is repeated, at most twice. One that
still differs counts by the host's clock. An asterisk says that the median boot is such
a one.</p>"""

HOW_TOLD = """
<p>Deferred page init is the time that the kernel itself prints (<code>deferred
pages initialised in …</code>, or where it prints no such line for all nodes
together the longest of the nodes, which work at the same time). Boot to init is
the time stamp of <code>Run /init as init process</code>.</p>"""

HOW_MEASURED = """
<p>The guests had as many virtual CPUs as their names say. Within a round the
kernels were booted one after the other, so that what else the machine did met
all of them alike. Each ratio is taken within a round; the tables have the median
of these ratios and, in brackets, the least and the greatest. In the plots a bar
is the median and each dot one boot.</p>
<p>Emulated boots compare kernels with each other. They say nothing about memory
bandwidth, which limits page init on real machines: for that there is “Real
memory”, and the dmesg of two boots of a real machine with <code>make measure
DMESG="before.txt after.txt"</code>.</p>"""

HOW_COUNTED = """
<p>QEMU ran each kernel with one virtual CPU and <code>-icount
shift=0,sleep=off</code>, where one instruction takes one nanosecond of guest
time: the kernel's time stamps then count instructions, in steps of 1000, and
two boots of one kernel give the same figure to the last digit; this run made
sure of that. The difference between a guest of 32 GiB and one of 16 GiB,
divided by the 4194304 pages that lie between, is the number of instructions
for each struct page. It is exact to 0.001. From 64 GiB on memory comes in blocks of
2 GiB, not 128 MiB, and the hash tables grow more slowly. Each turn of a repeated string
instruction counts as one. “Deferred page init” goes from the last message
before that phase to its last message, “whole boot” from the start of the
kernel's clock to init.</p>"""

ABOUT_PARTS = """
<p>The boot outside of deferred page init, taken apart at the messages on the
console: what passes between two of them more in the large guest than in the
small one, for each struct page that lies between. A wait for the next timer tick,
1 ms, makes 0.24 come or go; where it does so in one kernel only it is left to the
last line, which may then be less than 0.</p>"""

ABOUT_REAL_MEMORY = """
<p>The code that writes the struct pages, compiled for user space and run on
memory that is there (no emulation): the loops of the base (<b>stock</b>), the
pass of the series, and, as the limit, a bare <b>fill</b> of the same memory with
streaming stores. A struct page has 64 bytes, so that 64 / ns is GB/s.</p>"""

ABOUT_CLEARING = """
<p>How fast such memory is cleared with <code>{instruction}</code>, which is told of an
<b>extent</b> at a time: of 4 KiB, as 6.12 clears a huge page, or of more, as the series
does; of several threads each takes an extent, or 2 MiB of smaller ones, when it is done
with the one before.</p>"""

ABOUT_MANY_CPUS = """
<p>Guests with more CPUs than this machine has, so their times would mean nothing,
and a CPU that waited for its turn on the host did less than the others. What they
show is who took part. Imbalance is what the CPU that did the most pages did, over
what each did on average.</p>"""

ABOUT_SCALE = """
<p>These are models, not measurements. They simulate threads that take their
chunks from the kernel's own code for that, <code>kernel/padata_chunks.c</code>.
In the plots the dotted lines are what it would be without the limit of the
memory. The tail is how much later the last thread finishes than the average
one.</p>"""

SCALE_TITLES = {
	"published": "A machine of two sockets that figures were published of",
	"here": "A large machine with memory as fast as here",
}

ABOUT_MODEL = """
<p class=faint>{nodes:g} nodes. One thread writes a struct page in {page:.2f} ns;
{limit}. Taking a chunk costs {take:.0f} ns, or {contended_take:.0f} ns when
another thread took the one before (measured here). A node's free lists are locked
{lock_us:g} µs for each {batch:g} pages; each helper starts {start_us:g} µs after
the one before; a thread is up to {jitter:g} % slower or faster from chunk to chunk
(assumed).</p>"""


def html_table(title, head, body, text=(0,), grouped=False):
	"""The columns in text are words, the others figures. A line goes between
	groups of rows, which begin with the same word."""
	def cell(tag, column, content, more=""):
		style = " class=text" if column in text else ""
		return f"<{tag}{style}{more}>{html.escape(content)}</{tag}>"

	lines = ["<thead><tr>" + "".join(
		cell("th", i, name, " scope=col") if name else "<td></td>"
		for i, name in enumerate(head)) + "</tr></thead><tbody>"]
	group = None
	for first, *cells in body:
		now = first.split()[0]
		lines.append(
			f"<tr{' class=first' if grouped and group not in (None, now) else ''}>"
			+ cell("th", 0, first, " scope=row")
			+ "".join(cell("td", i, content) for i, content in enumerate(cells, 1))
			+ "</tr>")
		group = now
	title = html.escape(title)
	# The region can be scrolled by keyboard where it is wider than the page
	return (f'<div class=wide role=region tabindex=0 aria-label="{title}">'
		f'<table aria-label="{title}">' + "\n".join(lines)
		+ "</tbody></table></div>")


def figure(svg, title, caption):
	"""A plot, in a few words for who does not see it."""
	if not svg:
		return ""
	label = html.escape(f"Plot: {title}. {caption}")
	return ("<figure>"
		+ svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
		+ f"<figcaption>{html.escape(caption)}</figcaption></figure>")


def heading(title):
	return f'<h2 id="{anchor(title)}">{html.escape(title)}</h2>'


def anchor(title):
	return re.sub(r"\W+", "-", title.lower()).strip("-")


def contents(parts):
	"""Links to the headings in `parts`."""
	links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in
			re.findall(r'<h2 id="([^"]*)">(.*?)</h2>', "\n".join(parts)))
	return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def outcome(results):
	"""What changed and by how much, in the guest that was booted most; of
	those, the first of the largest."""
	reference = results["references"][0]
	deferred = results.get("deferred_init_ms")
	if not deferred:
		return ""

	def weight(guest):
		size = re.match(r"\d+", guest)
		return len(deferred[guest].get(reference, ())), int(size[0]) if size else 0

	guest = max(deferred, key=weight)
	kernel = list(deferred[guest])[-1]
	if kernel == reference or not deferred[guest][kernel]:
		return ""

	def change(values):
		return (f"{number(statistics.median(values[kernel]))} ms instead of "
			f"{number(statistics.median(values[reference]))}, "
			f"{ratio_cells(values, kernel, [reference])[0]} of the time")

	boots = len(deferred[guest][kernel])
	where = f" in the guest {guest}" if guest else ""
	return (f"<p><strong>With {html.escape(kernel)} deferred page init takes "
		f"{change(deferred[guest])} with {html.escape(reference)}</strong>"
		f"{html.escape(where)}; the boot to init takes "
		f"{change(results['boot_ms'][guest])}. "
		+ ("One boot of each." if boots == 1 else
		   f"Medians of {boots} boots of each; in brackets the least and the "
		   "greatest ratio.") + "</p>")


def intro(results):
	if "machine" not in results:
		boots = next(iter(results["deferred_init_ms"].values()))
		return ("<p>Boots of a machine, as its kernel's log tells of them: "
			+ "; ".join(f"<b>{html.escape(kernel)}</b>, "
				    f"{plural(len(values), 'boot')}"
				    for kernel, values in boots.items()) + ".</p>")
	machine = results["machine"]
	baseline = (", with page init by one thread per node (<b>baseline</b>),"
		    if "ratios" in results else "")
	return (f"<p>The kernel as Debian ships it (<b>stock</b>){baseline} and with the "
		f"patches of this series (<b>series</b>), on: {html.escape(describe_machine(machine))}, "
		f"{machine['memory_gib']} GiB, Linux {html.escape(machine['kernel'])}.</p>")


def comparisons(results):
	title = "What it comes to"
	return [heading(title), html_table(title, ["ratio", "deferred page init", "boot to init", "goal"],
			   comparison_rows(results, thread_counts(results))),
		why_ratios(results)]


def why_ratios(results):
	"""How small the ratio to stock can become."""
	instructions = results["instructions_per_page"]
	real = results["real_memory_ns_per_page"]
	least = "; ".join(
		f"{real['fill'][count] / real['stock'][count]:.2f} with {plural(count, 'thread')}"
		for count in thread_counts(results))
	return ("<p>The goal is for the first of the two, but where it says boot. In an "
		"emulator the series takes "
		f"{instructions['series'] / instructions['stock']:.2f} of stock's instructions "
		"for each page, and a store costs no more than any other. In real memory nothing "
		f"is faster than the bare fill, which takes {least} of stock's time here.</p>")


def timed(results, figures):
	parts = []
	for key, title in LENSES:
		head = ["", "median", "min..max"]
		head += [f"ratio to {name}" for name in results["references"]]
		parts += [heading(title),
			  html_table(title, head, rows(results, key), grouped=True),
			  figure(figures[key], title,
				 "A bar is the median, a dot is one boot. The table before "
				 "it has the figures.")]
		if key == "deferred_init_ms" and "kernel_ms" in results:
			title = "Page init as the kernel says, ms"
			parts += [f"<h3>{title}</h3>",
				  html_table(title, ["", "host's clock", "the kernel says",
						     "clocks apart, %"],
					     clock_rows(results), grouped=True)]
	if "guests" in results:
		parts += ["<p>The guests: " + "; ".join(
			f"<b>{html.escape(name)}</b> has {html.escape(about)}"
			for name, about in results["guests"].items()) + ".</p>"]
	return parts


def clock_rows(results):
	for guest, kernels in results["kernel_ms"].items():
		for kernel in kernels:
			yield [f"{guest} {kernel}",
			       number(statistics.median(results["deferred_init_ms"][guest][kernel])),
			       kernel_says(results, guest, kernel),
			       f"{100 * statistics.median(results['apart'][guest][kernel]):.1f}"]


def nodes(results):
	body = []
	for label, found in results["nodes"].items():
		part = results["took_part"].get(label)
		body.append([label, str(len(found)), number(max(found.values())),
			     number(sum(found.values())),
			     *([f"{part['cpus']}", f"{part['imbalance']:.2f}"] if part
			       else ["-", "-"])])
	title = "Nodes"
	return [heading(title),
		html_table(title, ["", "nodes", "longest, ms", "sum, ms",
				   "CPUs that took part", "most pages / mean"], body)]


def counted(results, figures):
	kernels = list(results["instructions_per_page"])
	goals = results["goals"]
	body = [[title, *(f"{results[key][kernel]:.2f}" for kernel in kernels),
		 f"{goals[key]}"] for key, title in COUNTS]
	title, rest = "Instructions per struct page", "Where the rest of the boot goes"
	return [heading(title), html_table(title, ["", *kernels, "goal"], body),
		figure(figures["instructions"], title,
		       "Exact: boots of one kernel do not differ. The table before it has "
		       "the figures."),
		heading(rest), ABOUT_PARTS,
		html_table(rest, ["from … to", "what it is", *kernels],
			   parts_rows(results), text=(0, 1))]


def parts_rows(results):
	kernels = list(results["instructions_per_page"])
	rest = {kernel: (results["boot_instructions_per_page"][kernel]
			 - results["instructions_per_page"][kernel])
		for kernel in kernels}
	for part in results["boot_parts"]:
		for kernel in kernels:
			rest[kernel] -= part.get(kernel, 0)
		yield [f"{shorten(part['after'])} … {shorten(part['before'])}", part["work"],
		       *(f"{part[kernel]:.2f}" if kernel in part else "-"
			 for kernel in kernels)]
	yield ["all the rest", "", *(f"{rest[kernel]:.2f}" for kernel in kernels)]


def shorten(message, length=30):
	"""Enough to find it by: up to the first number."""
	text = re.split(r"[ :=]+\d", message)[0]
	return text if len(text) <= length else text[:length - 1] + "…"


def on_real_memory(results, figures):
	title = "Real memory"
	samples = results["real_memory_samples"]
	body = [[f"{name} {plural(count, 'thread')}", f"{ns:.2f}",
		 spread(samples[name][count], "{:.2f}".format),
		 f"{plots.STRUCT_PAGE / ns:.1f}"]
		for name, found in results["real_memory_ns_per_page"].items()
		for count, ns in found.items()]
	return [heading(title), ABOUT_REAL_MEMORY,
		html_table(title, ["", "ns per struct page", "min..max", "GB/s"], body,
			   grouped=True),
		figure(figures["real-memory"], title,
		       "Lines join the medians, a dot is one run. The table before it has "
		       "the figures."), *on_clearing(results)]


def on_clearing(results):
	# Results from before this was timed have none
	if "real_memory_clearing" not in results:
		return []
	title, clearing = "Clearing memory", results["real_memory_clearing"]
	body = [[f"{plural(count, 'thread')} {real_memory.size_of(int(kib))}",
		 f"{statistics.median(rates):.1f}", spread(rates, "{:.1f}".format)]
		for count, found in clearing["gb_per_s"].items()
		for kib, rates in found.items()]
	return [f"<h3>{title}</h3>",
		ABOUT_CLEARING.format(**clearing),
		html_table(title, ["extents of", "GB/s", "min..max"], body, grouped=True)]


def on_many_cpus(results):
	title = "Many CPUs"
	return [heading(title), ABOUT_MANY_CPUS,
		html_table(title, ["series with", "took part", "imbalance", "CPUs by node"],
			   many_cpus_rows(results), text=(0, 3))]


def at_run_time(results):
	found = results["run_time"]
	head, *body = hand_out.rows(found["chunks"])
	title, chunks = "Multithreaded jobs at run time", "Handing out a chunk"
	return [heading(title),
		html_table(title, ["", "measured", "goal"],
			   [*run_time.cost_rows(found), *run_time.limit_rows(found)]),
		run_time.about(),
		f"<h3>{chunks}</h3>", hand_out.ABOUT, html_table(chunks, head, body)]


def of_clients(results, figures):
	title, counts = "Clients of jobs at run time", "Instructions for each page"
	return [heading(title), clients.ABOUT,
		html_table(title, ["", "CPUs", "stock, ms", "series, ms", "series to stock",
				   "goal", "series to 1 CPU", "goal"],
			   clients.time_rows(results)),
		figure(figures["clients"], title,
		       "A bar is the median, a dot is one guest. The table before it has the "
		       "medians and the ratios of each round."),
		f"<h3>{counts}</h3>",
		html_table(counts, ["", "stock", "series", "goal"],
			   clients.instruction_rows(results))]


def on_large_machines(results, figures):
	parts = [heading("Large machines: models"), ABOUT_SCALE]
	for name, model in results["scale"].items():
		machine = model["machine"]
		limit = (f"a node takes one in {machine['node_page']:.2f} ns from however "
			 "many threads" if machine["node_page"] else
			 "no limit of a node's memory was seen, so none is assumed")
		parts += [f"<h3>{SCALE_TITLES[name]}</h3>",
			  f"<p>{html.escape(finding(model))}</p>",
			  figure(figures[f"scale-{name}"], SCALE_TITLES[name],
				 "Left the time, right the tail, a line for each size of "
				 "memory. A model gives the same each time, so there is no "
				 "spread."),
			  "<details><summary>The figures of this plot</summary>",
			  html_table(SCALE_TITLES[name], ["", "threads", "ms", "tail, %"],
				     scale_rows(model["runs"]), grouped=True), "</details>",
			  ABOUT_MODEL.format(**machine, limit=limit,
					     lock_us=machine["lock"] / 1000,
					     start_us=machine["start"] / 1000)]
	return parts


def scale_rows(runs):
	limits = {run["limited"] for run in runs}
	for run in sorted(runs, key=lambda run: (run["gib"], run["limited"], run["threads"])):
		without = len(limits) > 1 and not run["limited"]
		yield [size_name(run["gib"]) + (", memory without limit" if without else ""),
		       str(run["threads"]), number(run["ms"]),
		       f"{100 * (run['tail'] - 1):.1f}"]


def finding(model):
	"""What a model shows, in one sentence."""
	limited = bool(model["machine"]["node_page"])
	runs = [run for run in model["runs"] if run["limited"] == limited]
	largest = max(run["gib"] for run in runs)
	times = {run["threads"]: run["ms"] for run in runs if run["gib"] == largest}
	enough = min(threads for threads, ms in times.items()
		     if ms <= 1.1 * min(times.values()))
	last = next(run for run in runs
		    if run["gib"] == largest and run["threads"] == max(times))
	waits = "the lock of the free lists" if last["lock_percent"] > 20 else "memory"
	why = (f", for from there on they wait for {waits}" if enough < max(times) else "")
	tail = max(run["tail"] for run in runs if run["gib"] >= run["threads"]) - 1
	takes = max(run["take_percent"] for run in runs)
	return (f"In this model {enough} threads do {size_name(largest)} "
		f"{times[1] / times[enough]:.0f} times as fast as one, and more of them "
		f"gain less than 10 %{why}; handing out chunks takes at most {takes:.1g} % "
		"of the threads' time, and with a GiB or more for each thread the last one "
		f"finishes at most {100 * tail:.1f} % after the average one.")


def how_made(results):
	parts = [heading("How the figures were made")]
	if "machine" not in results:
		parts.append(HOW_TOLD)
	elif "ratios" in results:
		parts += [HOW_TIMED, HOW_MEASURED, HOW_COUNTED]
	parts.append("<p>To make them again: "
		     f"<code>{html.escape(results['command'])}</code></p>")
	if "versions" in results:
		versions = results["versions"]
		parts.append(f"<p class=faint>{html.escape(versions['qemu'])}; "
			     f"{html.escape(versions['compiler'])}. Git trees of the "
			     "kernels' sources: "
			     + ", ".join(f"{kernel} <code>{info['git_tree'][:12]}</code>"
					 for kernel, info in versions["kernels"].items())
			     + "</p>")
	parts.append('<p>All figures: <a href="results.json">results.json</a></p>')
	return parts


def page(results, figures, logs):
	parts = []
	if "ratios" in results:
		parts += [*comparisons(results), *timed(results, figures),
			  *counted(results, figures), *on_real_memory(results, figures),
			  *on_many_cpus(results)]
	elif "deferred_init_ms" in results:
		parts += [*timed(results, figures), *nodes(results)]
	if "run_time" in results:
		parts += at_run_time(results)
	if "clients" in results:
		parts += of_clients(results, figures)
	if "scale" in results:
		parts += on_large_machines(results, figures)
	parts += how_made(results)
	if logs:
		links = ", ".join(f'<a href="dmesg/{log}">{log.removesuffix(".txt")}</a>'
				  for log in logs)
		parts.append(f"<details><summary>The dmesg of each boot</summary>"
			     f"<p>{links}</p><p>Those by-host have the times of the "
			     "host's clock.</p></details>")
	subject = "Struct page init" if "deferred_init_ms" in results else "Jobs at run time"
	return "\n".join([
		"<!DOCTYPE html>", '<html lang="en"><meta charset="utf-8">',
		'<meta name="viewport" content="width=device-width">',
		f"<title>{subject}, measured</title>", f"<style>{STYLE}</style>",
		f"<header><h1>{subject}, measured</h1>", intro(results),
		outcome(results), contents(parts), "</header><main>", *parts,
		"</main></html>\n"])


def draw(results, folder):
	"""{name: SVG}, also written into the folder."""
	pyplot = plots.load_pyplot()
	figures = {key: plots.times(pyplot, results[key], title,
				    folder / f"{key.removesuffix('_ms').replace('_', '-')}.svg")
		   for key, title in LENSES if key in results}
	if "ratios" in results:
		figures["instructions"] = plots.instructions(
			pyplot, {title: results[key] for key, title in COUNTS},
			folder / "instructions.svg")
		figures["real-memory"] = plots.real_memory(
			pyplot, results["real_memory_ns_per_page"],
			results["real_memory_samples"], folder / "real-memory.svg")
	if "clients" in results:
		figures["clients"] = plots.times(pyplot, clients.by_client(results), "ms",
						 folder / "clients.svg")
	for name, model in results.get("scale", {}).items():
		figures[f"scale-{name}"] = plots.scale(
			pyplot, model["runs"], folder / f"scale-{name}.svg")
	return figures


def write(results, folder):
	folder.mkdir(parents=True, exist_ok=True)
	figures = draw(results, folder)
	logs = sorted((path.name for path in (folder / "dmesg").glob("*.txt")),
		      key=lambda name: [int(part) if part.isdigit() else part
					for part in re.split(r"(\d+)", name)])
	(folder / "index.html").write_text(page(results, figures, logs))
	(folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
