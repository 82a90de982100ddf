# SPDX-License-Identifier: GPL-2.0
"""The plots of the report, as SVG files that fit light and dark pages."""

import itertools
import os
import re
import statistics

from host.failure import Failure
from host.places import BUILD

COLOURS = ["#8c8c8c", "#d1711f", "#2b7bba", "#4c9a5b", "#9467bd", "#9a8524"]
MARKERS = "os^Dv<"
KERNEL_COLOURS = {"stock": COLOURS[0], "baseline": COLOURS[1], "series": COLOURS[2],
		  "fill": COLOURS[3]}
# Replaced in the finished SVG by the colour of the text around it
INK = "#010203"
STRUCT_PAGE = 64	# bytes


def load_pyplot():
	try:
		# What it keeps would be in the home folder, which may not be there
		os.environ.setdefault("MPLCONFIGDIR", str(BUILD / "matplotlib"))
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


def number(value):
	"""Three digits or the whole number: no more was measured."""
	if value >= 100:
		return f"{value:.0f}"
	return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(pyplot, guests, title, path):
	"""Bars for the kernels of each guest, with a dot for each boot."""
	guests = {guest: kernels for guest, kernels in guests.items()
		  if any(kernels.values())}
	if not guests:
		return ""
	# Each guest has a scale of its own: the small one would vanish beside
	# the large one
	columns = min(len(guests), 3)
	lines = -(-len(guests) // columns)
	figure, grid = pyplot.subplots(lines, columns, squeeze=False,
				       figsize=(3.3 * columns, 3.2 * lines))
	for axes, (guest, kernels) in zip(grid.flat, guests.items()):
		for place, (kernel, values) in enumerate(kernels.items()):
			if not values:
				continue
			axes.bar(place, statistics.median(values), 0.62,
				 color=colour(kernel, place))
			axes.scatter([place] * len(values), values, s=12, color=INK,
				     alpha=0.7, linewidths=0, zorder=3)
			axes.annotate(number(statistics.median(values)),
				      (place, max(values)), ha="center", va="bottom",
				      xytext=(0, 3), textcoords="offset points")
		axes.set_xticks(range(len(kernels)), list(kernels),
				rotation=0 if len(kernels) < 4 else 20)
		axes.set_xlim(-0.6, max(len(kernels), 3) - 0.4)
		axes.set_ylim(bottom=0)
		axes.margins(y=0.12)
		axes.set_title(guest, fontsize=10, pad=18)
	for axes in list(grid.flat)[len(guests):]:
		axes.set_visible(False)
	for axes in grid[:, 0]:
		axes.set_ylabel(title)
	figure.tight_layout()
	return save(figure, path)


def colour(name, place):
	"""The same for a kernel in all plots."""
	return KERNEL_COLOURS.get(name.split(",")[0]) or COLOURS[place % len(COLOURS)]


def instructions(pyplot, counts, path):
	"""counts is {what: {kernel: instructions per page}}."""
	figure, axes = pyplot.subplots(figsize=(5.2, 3.2))
	kernels = list(next(iter(counts.values())))
	width = 0.8 / len(kernels)
	for place, kernel in enumerate(kernels):
		spots = [group + (place - (len(kernels) - 1) / 2) * width
			 for group in range(len(counts))]
		bars = axes.bar(spots, [found[kernel] for found in counts.values()],
				width * 0.9, label=kernel, color=colour(kernel, place))
		axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=9)
	axes.set_xticks(range(len(counts)), list(counts))
	axes.set_ylabel("Instructions per struct page")
	axes.margins(y=0.12)
	axes.legend(ncol=len(kernels), loc="lower center", bbox_to_anchor=(0.5, 1.0))
	figure.tight_layout()
	return save(figure, path)


def real_memory(pyplot, variants, samples, path):
	"""Both are {name: {threads: ns per page}}, of samples a list of them."""
	figure, (per_page, rate) = pyplot.subplots(1, 2, figsize=(9, 3.2))
	for place, (name, found) in enumerate(variants.items()):
		threads = [int(count) for count in found]
		style = {"color": colour(name, place), "label": name,
			 "marker": MARKERS[place],
			 "linestyle": ":" if name == "fill" else "-"}
		per_page.plot(threads, list(found.values()), **style)
		rate.plot(threads, [STRUCT_PAGE / ns for ns in found.values()], **style)
		for count, values in samples[name].items():
			dots = {"s": 12, "color": INK, "alpha": 0.7, "linewidths": 0,
				"zorder": 3}
			per_page.scatter([int(count)] * len(values), values, **dots)
			rate.scatter([int(count)] * len(values),
				     [STRUCT_PAGE / ns for ns in values], **dots)
	for axes, title in ((per_page, "ns per struct page"), (rate, "GB/s")):
		axes.set_xticks(threads)
		axes.set_xlabel("threads")
		axes.set_ylabel(title)
		axes.set_ylim(bottom=0)
		axes.margins(x=0.15)
	figure.legend(*rate.get_legend_handles_labels(), ncol=len(variants),
		      loc="lower center", bbox_to_anchor=(0.5, 1.0))
	figure.tight_layout()
	return save(figure, path)


def scale(pyplot, runs, path):
	"""Time and tail of a model over threads, a line for each memory size: dotted
	as it would be without the limit of memory, where there is one."""
	figure, (time, tail) = pyplot.subplots(1, 2, figsize=(10, 4))
	sizes = sorted({run["gib"] for run in runs})
	for gib, shade, marker in zip(sizes, itertools.cycle(COLOURS),
				      itertools.cycle(MARKERS)):
		for limited in sorted({run["limited"] for run in runs}):
			threads, took, tails = zip(*sorted(
				(run["threads"], run["ms"], run["tail"]) for run in runs
				if run["gib"] == gib and run["limited"] == limited))
			time.plot(threads, took, color=shade, linestyle=":")
		# The last of them is as it is
		time.plot(threads, took, color=shade, marker=marker, markersize=4,
			  label=size_name(gib))
		tail.plot(threads, [100 * (each - 1) for each in tails], color=shade,
			  marker=marker, markersize=4)
	for axes, title in ((time, "ms"), (tail, "tail, %")):
		axes.set_xscale("log", base=2)
		axes.set_xticks(threads, [str(count) for count in threads])
		axes.set_xlabel("threads")
		axes.set_ylabel(title)
	time.set_yscale("log")
	tail.set_ylim(bottom=0)
	figure.legend(*time.get_legend_handles_labels(), ncol=len(sizes),
		      loc="lower center", bbox_to_anchor=(0.5, 1.0))
	figure.tight_layout()
	return save(figure, path)


def size_name(gib):
	return f"{gib // 1024} TiB" if gib >= 1024 else f"{gib} GiB"
