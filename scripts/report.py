# SPDX-License-Identifier: GPL-2.0
"""Turn measured figures into a table, plots, a page and a file for machines.

The figures come as one dict, the one that results.json holds.
"""

import html
import json
import re
import statistics

from common import Failure

COLOURS = ["#8c8c8c", "#d1711f", "#2b7bba", "#4c9a5b", "#9467bd", "#b8a12f"]
# Replaced in the finished SVG by the colour of the text around it
INK = "#010203"

LENSES = [
	("deferred_init_ms", "Deferred page init, ms"),
	("boot_ms", "Boot to init, ms"),
]
COUNTS = [
	("instructions_per_page", "deferred page init"),
	("boot_instructions_per_page", "whole boot to init"),
]


# ---- figures -------------------------------------------------------------

def number(value):
	"""Three digits or the whole number: no more was measured."""
	if value >= 100:
		return f"{value:.0f}"
	return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values, form):
	if len(values) < 2:
		return "one boot"
	return f"{form(min(values))}..{form(max(values))}"


def paired_ratio(values, reference):
	"""The ratios within each round: what disturbs a round disturbs both."""
	ratios = [value / other for value, other in zip(values, reference) if other]
	if not ratios:
		return "-"
	text = f"{statistics.median(ratios):.2f}"
	if len(ratios) > 1:
		text += f" ({spread(ratios, '{:.2f}'.format)})"
	return text


def rows(results, key):
	"""For each guest and kernel: name, median, spread, ratio to each reference."""
	for guest, kernels in results[key].items():
		for kernel, values in kernels.items():
			name = f"{guest} {kernel}".strip()
			if not values:
				yield [name, "-", "-"] + ["-"] * len(results["references"])
				continue
			ratios = ["1" if kernel == reference
				  else paired_ratio(values, kernels[reference])
				  for reference in results["references"]]
			yield [name, number(statistics.median(values)),
			       spread(values, number), *ratios]


def table(results):
	"""The text for a terminal of 80 by 24."""
	lines = []
	if "machine" in results:
		lines.append(describe_machine(results["machine"]))
	names = [row[0] for key, _ in LENSES for row in rows(results, key)]
	width = max(22, *map(len, names))

	def line(cells):
		name, median, extent, *ratios = cells
		text = f"{name:{width}} {median:>7} {extent:>12}"
		return text + "".join(f"  {ratio:<16}" for ratio in ratios)

	for key, title in LENSES:
		ratios = [f"to {name}" for name in results["references"]]
		lines.append(line([title, "median", "min..max", *ratios]))
		lines += [line(["  " + row[0], *row[1:]]) for row in rows(results, key)]
	if "instructions_per_page" in results:
		kernels = list(results["instructions_per_page"])
		lines.append(f"{'Instructions per page':{width}} "
			     + "".join(f"{kernel:>10}" for kernel in kernels))
		for key, title in COUNTS:
			lines.append(f"{'  ' + title:{width}} "
				     + "".join(f"{results[key][kernel]:>10.2f}"
					       for kernel in kernels))
	return "\n".join(line.rstrip() for line in lines)


def describe_machine(machine):
	accelerator = {"tcg": "guests emulated by QEMU (TCG)",
		       "kvm": "guests run by KVM"}[machine["accelerator"]]
	return f"{machine['cpu']}, {machine['cores']} cores; {accelerator}"


# ---- plots ---------------------------------------------------------------

def load_pyplot():
	try:
		import matplotlib
	except ImportError:
		raise Failure("python3-matplotlib is missing: run "
			      "scripts/setup measure") from None
	matplotlib.use("svg")
	from matplotlib import pyplot
	matplotlib.rcParams.update({
		"svg.hashsalt": "padata-mt", "svg.fonttype": "none",
		"font.family": "sans-serif", "font.size": 10,
		"text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK,
		"xtick.color": INK, "ytick.color": INK, "legend.frameon": False,
		"axes.spines.top": False, "axes.spines.right": False,
		"figure.facecolor": "none", "axes.facecolor": "none",
		"savefig.facecolor": "none",
	})
	return pyplot


def save(figure, path):
	"""Write the plot, readable on light and dark pages; returns it for a page."""
	figure.savefig(path, format="svg", bbox_inches="tight",
		       metadata={"Date": None, "Creator": None})
	svg = path.read_text().replace(INK, "currentColor")
	svg = re.sub(r"[ \t]+$", "", svg, flags=re.M)
	style = ("<style>svg{color:#222;background:#fff}@media "
		 "(prefers-color-scheme:dark){svg{color:#ddd;background:#181818}}</style>")
	path.write_text(re.sub(r"(<svg [^>]*>)", r"\1" + style, svg, count=1))
	# Each plot of the page needs names of its own
	svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{path.stem}-", svg)
	return svg[svg.index("<svg"):]


def plot_times(pyplot, results, key, title, path):
	guests = {guest: kernels for guest, kernels in results[key].items()
		  if any(kernels.values())}
	if not guests:
		return ""
	# Each guest has a scale of its own: the small one would vanish beside
	# the large one
	figure, all_axes = pyplot.subplots(1, len(guests), squeeze=False,
					   figsize=(3.6 * len(guests), 3.2))
	for axes, (guest, kernels) in zip(all_axes[0], guests.items()):
		for place, (kernel, values) in enumerate(kernels.items()):
			if not values:
				continue
			colour = COLOURS[place % len(COLOURS)]
			axes.bar(place, statistics.median(values), 0.62, color=colour)
			axes.scatter([place] * len(values), values, s=12, color=INK,
				     alpha=0.7, linewidths=0, zorder=3)
			axes.annotate(number(statistics.median(values)),
				      (place, max(values)), ha="center", va="bottom",
				      xytext=(0, 3), textcoords="offset points")
		axes.set_xticks(range(len(kernels)), list(kernels),
				rotation=0 if len(kernels) < 4 else 20)
		axes.set_ylim(bottom=0)
		axes.margins(y=0.12)
		axes.set_title(f"{guest} guest" if guest else "", fontsize=10, pad=18)
	all_axes[0][0].set_ylabel(title)
	figure.tight_layout()
	return save(figure, path)


def plot_instructions(pyplot, results, path):
	figure, axes = pyplot.subplots(figsize=(5.2, 3.2))
	kernels = list(results["instructions_per_page"])
	width = 0.8 / len(kernels)
	for place, kernel in enumerate(kernels):
		heights = [results[key][kernel] for key, _ in COUNTS]
		spots = [group + (place - (len(kernels) - 1) / 2) * width
			 for group in range(len(COUNTS))]
		bars = axes.bar(spots, heights, width * 0.9, label=kernel,
				color=COLOURS[place % len(COLOURS)])
		axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=9)
	axes.set_xticks(range(len(COUNTS)), [title for _, title in COUNTS])
	axes.set_ylabel("Instructions per struct page")
	axes.margins(y=0.12)
	axes.legend(ncol=len(kernels), loc="lower center", bbox_to_anchor=(0.5, 1.0))
	figure.tight_layout()
	return save(figure, path)


# ---- the page ------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; --line: #bbb; --faint: #666 }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 60em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums }
th, td { padding: .2em .9em; text-align: right; border-bottom: 1px solid var(--line) }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
tr.first td { border-top: 2px solid var(--line) }
svg { max-width: 100%; height: auto }
code, pre { font-size: .9em } pre { overflow-x: auto }
.faint { color: var(--faint) } .wide { overflow-x: auto }
@media (prefers-color-scheme: dark) {
  :root { --line: #555; --faint: #999 }
  body { color: #ddd; background: #181818 } a { color: #8ab4f8 }
}
"""

HOW_TIMED = """
<p>Deferred page init is the time that the kernel itself prints (<code>node 0
deferred pages initialised in …</code>); with several nodes, which work at the
same time, the longest. Boot to init is the time stamp of <code>Run /init as
init process</code>.</p>"""

HOW_MEASURED = """
<p>The guests had {cores} virtual CPUs, as many as the host has cores. Within a
round the kernels were booted one after the other, so that what else the
machine did met all of them alike. Each ratio is taken within a round; the
table has the median of these ratios and, in brackets, the least and the
greatest. In the plots a bar is the median and each dot one boot.</p>
<p>Emulated boots compare kernels with each other. They say little about
memory bandwidth, which limits page init on real machines: there, compare the
dmesg of two boots with <code>make measure DMESG="before.txt after.txt"</code>.
</p>"""

HOW_COUNTED = """
<p>QEMU ran each kernel with one virtual CPU and <code>-icount
shift=0,sleep=off</code>, where one instruction takes one nanosecond of guest
time: the kernel's time stamps then count instructions, in steps of 1000, and
two boots of one kernel give the same figure to the last digit; this run made
sure of that. The difference between a guest of 32 GiB and one of 16 GiB,
divided by the 4194304 pages that lie between, is the number of instructions
for each struct page. It is exact to 0.001. Each turn of a repeated string
instruction counts as one. “Deferred page init” goes from the last message
before that phase to its last message, “whole boot” from the start of the
kernel's clock to init.</p>"""


def html_table(head, body):
	def row(cells, tag, first=False):
		return (f"<tr{' class=first' if first else ''}>"
			+ "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
			+ "</tr>")

	lines = [row(head, "th")]
	group = None
	for cells in body:
		now = cells[0].split()[0]
		lines.append(row(cells, "td", group not in (None, now)))
		group = now
	return "<div class=wide><table>" + "\n".join(lines) + "</table></div>"


def page(results, plots, logs):
	measured = "machine" in results
	parts = ["<!DOCTYPE html>", '<html lang="en"><meta charset="utf-8">',
		 '<meta name="viewport" content="width=device-width">',
		 "<title>Struct page init: measured</title>",
		 f"<style>{STYLE}</style>", "<h1>Struct page init, measured</h1>"]
	if measured:
		machine = results["machine"]
		parts.append("<p>The kernel as Debian ships it (<b>stock</b>), with page "
			     "init by one thread per node (<b>baseline</b>), and with the "
			     "patches of this series (<b>series</b>), on: "
			     f"{html.escape(describe_machine(machine))}, "
			     f"{machine['memory_gib']} GiB, Linux "
			     f"{html.escape(machine['kernel'])}.</p>")
	for key, title in LENSES:
		head = ["", "median", "min..max"]
		head += [f"ratio to {name}" for name in results["references"]]
		parts += [f"<h2>{title}</h2>", html_table(head, rows(results, key)),
			  plots.get(key, "")]
	if "nodes" in results:
		body = [[label, str(len(nodes)), number(max(nodes.values())),
			 number(sum(nodes.values()))]
			for label, nodes in results["nodes"].items()]
		parts += ["<h2>Nodes</h2>",
			  html_table(["", "nodes", "longest, ms", "sum, ms"], body)]
	if measured:
		kernels = list(results["instructions_per_page"])
		body = [[title, *(f"{results[key][kernel]:.2f}" for kernel in kernels)]
			for key, title in COUNTS]
		parts += ["<h2>Instructions per struct page</h2>",
			  html_table(["", *kernels], body), plots["instructions"]]

	parts += ["<h2>How the figures were made</h2>", HOW_TIMED]
	if measured:
		parts += [HOW_MEASURED.format(cores=machine["cores"]), HOW_COUNTED]
	parts.append("<p>To make them again: "
		     f"<code>{html.escape(results['command'])}</code></p>")
	if measured:
		versions = results["versions"]
		parts.append(f"<p class=faint>{html.escape(versions['qemu'])}; "
			     f"{html.escape(versions['compiler'])}. Git trees of the "
			     "kernels' sources: "
			     + ", ".join(f"{kernel} <code>{info['git_tree'][:12]}</code>"
					 for kernel, info in versions["kernels"].items())
			     + "</p>")
	parts.append('<p>All figures: <a href="results.json">results.json</a></p>')
	if logs:
		links = ", ".join(f'<a href="dmesg/{log}">{log.removesuffix(".txt")}</a>'
				  for log in logs)
		parts.append(f"<details><summary>The dmesg of each boot</summary>"
			     f"<p>{links}</p></details>")
	return "\n".join(parts) + "</html>\n"


def write(results, folder):
	pyplot = load_pyplot()
	folder.mkdir(parents=True, exist_ok=True)
	plots = {key: plot_times(pyplot, results, key, title,
				 folder / f"{key.removesuffix('_ms').replace('_', '-')}.svg")
		 for key, title in LENSES}
	if "instructions_per_page" in results:
		plots["instructions"] = plot_instructions(
			pyplot, results, folder / "instructions.svg")
	logs = sorted((path.name for path in (folder / "dmesg").glob("*.txt")),
		      key=lambda name: [int(part) if part.isdigit() else part
					for part in re.split(r"(\d+)", name)])
	(folder / "index.html").write_text(page(results, plots, logs))
	(folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
