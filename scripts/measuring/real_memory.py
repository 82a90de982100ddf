# SPDX-License-Identifier: GPL-2.0
"""Time page init on real memory, at native speed, in a program of user space.

	results = real_memory.measure(rounds=7)

An emulated guest cannot show what a store costs. So the code under test, with
the kernel's own headers, options and compiler, is linked into a program that
runs it over struct pages in memory of its own: the loops of the base, cut out
of the base's source as it is built; the series' mm/memmap_fill.c; and a bare
streaming fill with such data, which is what the memory can take. Each form is
first compared, to the byte, with what the base's loops leave.

The program also times how fast that memory is cleared, by extents of several
sizes, with the instruction that the kernel clears huge pages with.

The sources are in real-memory/.
"""

import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from host.failure import Failure
from host.git import tree_git
from host.places import BUILD, ROOT, relative
from host.programs import end_with_parent, run_program
from host.reason import reason
from host.terminal import duration, plural, progress
from patchqueue.commits import commit_of, export

SOURCES = ROOT / "scripts/measuring/real-memory"
PLACE = BUILD / "bench"
OUTPUT = BUILD / "kernel/series"
FILL = "mm/memmap_fill.c"
# What it takes to compile one file of mm/, from the commit: build/src may be
# at another one
TREE = ("include", "arch/x86/include", "mm", "scripts/clang-tools")

VARIANTS = ["stock", "series", "fill"]
FORMS = ["device", "zeros", "ordinary", "movnti", "movnti-x4", "movnti-x8", "movnti-copy",
	 "sse2", "avx512", "movdir64b"]

# What is cleared at once. 4 KiB are a page, which is how 6.12 does it.
EXTENTS_KIB = [4, 2 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 1 << 20]
# With more threads there would be too few extents for each
MOST_CLEARING = 16

STRUCT_PAGE = 64
SECTION_BYTES = 32768 * STRUCT_PAGE
DEFAULT_BYTES = 2 << 30
DEFAULT_ROUNDS = 7

# What is cut out of the base: the file it goes to, where it comes from, how it
# starts, and what it holds
PIECES = [
	("base_init_single_page.h", "mm/mm_init.c",
	 r"^void __meminit __init_single_page\(", "mm_zero_struct_page"),
	("base_init_loop.h", "mm/mm_init.c",
	 r"^\tfor \(; pfn < end_pfn; pfn\+\+, page\+\+\)", "__init_single_page("),
	("base_core_loop.h", "mm/page_alloc.c",
	 r"^\t+for \(loop = 0; loop < nr_pages; ", "__ClearPageReserved("),
	("base_check_pages_enabled.h", "mm/mm_init.c",
	 r"^DEFINE_STATIC_KEY_MAYBE\(CONFIG_DEBUG_VM, ", "check_pages_enabled"),
	("base_check_pages_enabled.h", "mm/page_alloc.c",
	 r"^static inline bool is_check_pages_enabled\(", "static_branch_unlikely"),
	("base_prepare_loop.h", "mm/page_alloc.c",
	 r"^\tif \(unlikely\(order\)\) ", "->flags &= ~PAGE_FLAGS_CHECK_AT_PREP"),
]


# ---- building ------------------------------------------------------------

def closing(text, start):
	"""Where the bracket that opens at `start` is closed."""
	depth = 0
	for match in re.compile(r"[({\[]|[)}\]]").finditer(text, start):
		depth += 1 if match[0] in "({[" else -1
		if depth == 0:
			return match.end()
	return len(text)


def piece_at(text, start):
	"""The function or statement that starts there: NAME (...) {...} or ;"""
	after = closing(text, text.index("(", start))
	opening = re.compile(r"\s*\{").match(text, after)
	if opening:
		return text[start:closing(text, opening.end() - 1)]
	return text[start:text.index(";", after) + 1]


def extract(source, path, start, holding):
	"""The one piece of a source that starts and holds as is said."""
	found = []
	for match in re.compile(start, re.M).finditer(source):
		try:
			piece = piece_at(source, match.start())
		except ValueError:
			continue
		if holding in piece:
			found.append(piece)
	if len(found) != 1:
		raise Failure(f"{path} of the base has {len(found) or 'no'} pieces that "
			      f"start with '{start}' and hold '{holding}': see what it has "
			      "instead, then mend scripts/measuring/real_memory.py")
	return found[0]


def cut_base(commit="base"):
	"""Write the pieces of the base, as they are, to files to include."""
	pieces = {}
	for name, path, start, holding in PIECES:
		piece = extract(tree_git("show", f"{commit}:{path}"), path, start, holding)
		pieces.setdefault(name, []).append(piece)
	for name, texts in pieces.items():
		(PLACE / name).write_text("\n\n".join(texts) + "\n")


def export_tree(commit):
	"""The part of the series' tree that is needed, once for each tree."""
	source = PLACE / "src"
	stamp = PLACE / ".tree"
	tree = tree_git("rev-parse", f"{commit}^{{tree}}")
	if stamp.exists() and stamp.read_text() == tree:
		return source
	shutil.rmtree(source, ignore_errors=True)
	stamp.unlink(missing_ok=True)
	export(commit, TREE, source)
	stamp.write_text(tree)
	return source


def kernel_command(source):
	"""How the kernel's build compiles a file of mm/, without the file."""
	listed = PLACE / "compile_commands.json"
	ended = run_program("python3", source / "scripts/clang-tools/gen_compile_commands.py",
			    "-d", OUTPUT, "-o", listed, OUTPUT / "mm")
	entries = json.loads(listed.read_text()) if ended.returncode == 0 else []
	entries = [entry for entry in entries if entry["file"].endswith("/mm/mm_init.c")]
	if len(entries) != 1:
		raise Failure(f"{relative(OUTPUT)} does not say how it compiled "
			      "mm/mm_init.c: remove that folder, then call again")
	words = shlex.split(entries[0]["command"].replace(f"{BUILD / 'src'}/", f"{source}/"))
	output = words.index("-o")
	return [word for word in words[:output] if not word.startswith("-Wp,-MMD")] + [
		# The guard is at an address that only the kernel has
		"-fno-stack-protector", f"-I{PLACE}", f"-I{SOURCES}"]


def compile_one(command, source, result, cwd=None):
	ended = run_program(*command, "-o", result, source, cwd=cwd,
			    env={**os.environ, "LC_ALL": "C"})
	if ended.returncode:
		raise Failure(f"{Path(source).name} does not build for the bench: "
			      + reason(ended.stderr.splitlines()))


def settle_jump_labels(built):
	"""Branches on static keys become what they are while the keys have their
	first value: the compiler leaves jumps, where the kernel has NOPs."""
	objtool = OUTPUT / "tools/objtool/objtool"
	ended = run_program(objtool, "--hacks=jump_label", built)
	if ended.returncode:
		raise Failure(f"objtool --hacks=jump_label {relative(built)}: "
			      + reason(ended.stderr.splitlines()))


def build(fill=None, clear=None):
	"""Build the program for the series as built last; returns its path. With
	`fill`, that file takes the place of the series' mm/memmap_fill.c, and with
	`clear`, that of clear.c."""
	if os.uname().machine != "x86_64":
		raise Failure("the bench of real memory knows x86-64 only")
	progress("Building the bench of real memory")
	PLACE.mkdir(parents=True, exist_ok=True)
	commit = commit_of("series")
	cut_base()
	source = export_tree(commit)
	fill = fill or source / FILL
	if not fill.exists():
		raise Failure(f"the series has no {FILL}: there is nothing to time")

	command = kernel_command(source)
	objects = []
	for path in (SOURCES / "base.c", SOURCES / "series.c", fill):
		objects.append(PLACE / f"{path.stem}.o")
		compile_one([*command, "-c"], path, objects[-1], cwd=OUTPUT)
		settle_jump_labels(objects[-1])
	# Not PIE: objects of the kernel hold absolute addresses of 32 bits
	program = PLACE / "bench"
	user = [os.environ.get("CC", "gcc"), "-std=gnu11", "-O2", "-Wall", "-static",
		"-fno-pie", "-no-pie", "-pthread", SOURCES / "forms.c",
		clear or SOURCES / "clear.c", *objects]
	compile_one(user, SOURCES / "bench.c", program)
	return program


# ---- running -------------------------------------------------------------

def meminfo(key):
	found = re.search(rf"^{key}: *(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
	return int(found[1]) << 10


def thread_counts():
	"""Each number of threads up to 8, then powers of two, and all CPUs."""
	cpus = len(os.sched_getaffinity(0))
	if cpus <= 8:
		return list(range(1, cpus + 1))
	return sorted({1 << shift for shift in range(cpus.bit_length())} | {cpus})


def memory_size(wanted):
	size = wanted if wanted is not None else min(DEFAULT_BYTES, meminfo("MemTotal") // 8)
	size -= size % SECTION_BYTES
	if not size:
		raise Failure("the bench needs at least the struct pages of a section, "
			      f"{SECTION_BYTES >> 20}M")
	if size > meminfo("MemAvailable"):
		raise Failure(f"{size >> 20} MiB of memory are asked for, and "
			      f"{meminfo('MemAvailable') >> 20} are free: give less "
			      "with --memory")
	return size


def clearings(size, threads):
	"""[(threads, KiB)]: one thread, and the most of these numbers up to 16. Each
	thread has to have an extent."""
	counts = sorted({1, max(count for count in threads if count <= MOST_CLEARING)})
	return [(count, kib) for count in counts for kib in EXTENTS_KIB
		if count * kib << 10 <= size]


def run_bench(program, size, rounds, threads, names):
	"""{"time": {name: {threads: [ns]}}, "clear": {KiB: {threads: [ns]}},
	"instructions": {name: n}, ...}"""
	found = {"time": {}, "clear": {}, "instructions": {}, "checked": [], "kind": "",
		 "clears": ""}
	on_cpu = wanted = 0
	to_clear = clearings(size, threads)
	total = rounds * (len(threads) * len(names) + len(to_clear))
	done = 0
	started = time.monotonic()
	process = subprocess.Popen(
		[program, str(size), str(rounds), ",".join(map(str, threads)),
		 ",".join(names), ",".join(f"{count}:{kib}" for count, kib in to_clear)],
		text=True, stdin=subprocess.DEVNULL,
		preexec_fn=end_with_parent,
		stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	try:
		for line in process.stdout:
			what, name, *values = line.split()
			if what == "memory":
				found["kind"] = (f"huge pages ({name})" if int(values[0]) >= 99
						 else f"{values[0]} % huge pages ({name})")
			elif what == "checked":
				found["checked"].append(name)
			elif what == "instructions":
				found["instructions"][name] = float(values[0])
			elif what == "clears":
				found["clears"] = f"rep {name}"
			elif what in ("time", "clear"):
				done += 1
				samples = found[what].setdefault(name, {})
				elapsed, had, would_have = map(int, values[1:])
				samples.setdefault(values[0], []).append(elapsed)
				on_cpu += had
				wanted += would_have
				progress(f"Real memory: run {done} of {total}, "
					 + duration(time.monotonic() - started))
			if what not in ("time", "clear"):
				progress("Real memory: checking the results")
		errors = process.stderr.read().strip()
		process.wait()
	except BaseException:
		process.kill()
		process.wait()
		raise
	if process.returncode:
		raise Failure("the bench of real memory stopped: "
			      + (errors.splitlines()[-1] if errors
				 else f"status {process.returncode}"))
	found["cpu_share"] = round(on_cpu / wanted, 3)
	return found


def cpu_model():
	model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
	return model[1].strip() if model else os.uname().machine


def gb_per_s(size, times):
	"""{threads: {KiB: [GB/s]}} of the times that whole extents took."""
	rates = {}
	for kib, counts in times.items():
		cleared = size - size % (int(kib) << 10)
		for count, taken in counts.items():
			rates.setdefault(count, {})[kib] = [round(cleared / ns, 2)
							    for ns in taken]
	return rates


def measure(rounds=DEFAULT_ROUNDS, memory=None, forms=False, fill=None, clear=None):
	"""Build it, run it, and return the figures as they go to results.json."""
	if rounds < 1:
		raise Failure("--rounds needs at least one")
	size = memory_size(memory)
	program = build(fill, clear)
	names = VARIANTS + (FORMS if forms else [])
	threads = thread_counts()
	found = run_bench(program, size, rounds, threads, names)

	pages = size // STRUCT_PAGE
	samples = {name: {count: [ns / pages for ns in times]
			  for count, times in counts.items()}
		   for name, counts in found["time"].items()}
	medians = {name: {count: round(statistics.median(values), 4)
			  for count, values in counts.items()}
		   for name, counts in samples.items()}
	results = {
		"real_memory_ns_per_page": {name: medians[name] for name in VARIANTS},
		"real_memory_samples": {
			name: {count: [round(value, 4) for value in values]
			       for count, values in counts.items()}
			for name, counts in samples.items()},
		"real_memory_instructions_per_page": found["instructions"],
		"real_memory_clearing": {
			"instruction": found["clears"],
			"gb_per_s": gb_per_s(size, found["clear"]),
		},
		"real_memory": {
			"bytes": size, "pages": pages, "kind": found["kind"],
			"rounds": rounds, "threads": threads,
			"checked": found["checked"],
			"cpu": cpu_model(), "cpu_share": found["cpu_share"],
		},
	}
	if forms:
		results["real_memory_forms_ns_per_page"] = {
			name: medians[name] for name in FORMS if name in medians}
		results["real_memory"]["left_out"] = [
			name for name in FORMS if name not in medians]
	return results


# ---- showing -------------------------------------------------------------

def paired(values, others):
	"""The ratio within each round: what disturbs a round disturbs both."""
	return statistics.median(a / b for a, b in zip(values, others))


def size_of(kib):
	for unit in "KM":
		if kib < 1024:
			return f"{kib}{unit}"
		kib //= 1024
	return f"{kib}G"


def clearing_lines(results):
	"""For each number of threads the median of each size of extents."""
	yield (f"{'Clearing by extents, GB/s':30}"
	       + "".join(f"{size_of(kib):>7}" for kib in EXTENTS_KIB))
	for threads, rates in results["real_memory_clearing"]["gb_per_s"].items():
		cells = [f"{statistics.median(rates[str(kib)]):.1f}" if str(kib) in rates
			 else "-" for kib in EXTENTS_KIB]
		yield (f"{'  ' + plural(threads, 'thread'):30}"
		       + "".join(f"{cell:>7}" for cell in cells))


def table(results):
	"""The text for a terminal of 80 columns."""
	about = results["real_memory"]
	samples = results["real_memory_samples"]
	counts = results["real_memory_instructions_per_page"]
	lines = [f"{about['cpu']}: {about['bytes'] >> 20} MiB of struct pages in "
		 f"{about['kind']}",
		 f"{'Real memory, ns per page':26}{'median':>7}{'min..max':>13}{'GB/s':>7}"
		 f"{'to stock':>10}{'to fill':>9}{'instr.':>8}"]
	for threads in map(str, about["threads"]):
		for name in samples:
			values = samples[name][threads]
			median = statistics.median(values)
			label = f"{threads} thread{'s' if threads != '1' else ' '} {name}"
			ratios = ["1" if name == other else
				  f"{paired(values, samples[other][threads]):.2f}"
				  for other in ("stock", "fill")]
			instructions = f"{counts[name]:.2f}" if name in counts else "-"
			lines.append(f"  {label:24}{median:>7.2f}"
				     f"{f'{min(values):.2f}..{max(values):.2f}':>13}"
				     f"{STRUCT_PAGE / median:>7.1f}"
				     f"{ratios[0]:>10}{ratios[1]:>9}{instructions:>8}")
	# Results from before this was timed have none
	if "real_memory_clearing" in results:
		lines += clearing_lines(results)
	if about["cpu_share"] < 0.97:
		lines.append(f"Other work had {100 - 100 * about['cpu_share']:.0f} % of the "
			     "CPUs meanwhile: expect a wide spread.")
	if about.get("left_out"):
		lines.append("This CPU has no " + ", ".join(about["left_out"]))
	return "\n".join(lines)
