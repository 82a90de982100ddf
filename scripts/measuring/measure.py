# SPDX-License-Identifier: GPL-2.0
"""Measure how long struct page init and the boot take, and what jobs cost.

Builds the kernels stock, baseline and series and boots them in turn, runs their
page init code on real memory, a model of large machines, multithreaded jobs at run
time, and what uses such jobs, prints a table and leaves a report in build/report.
With --only, some of that (in build/report-only). With --dmesg, makes the same table
and report (in build/report-dmesg) from dmesg files of real machines.
"""

import concurrent.futures
import dataclasses
import hashlib
import importlib.util
import json
import math
import os
import re
import shlex
import statistics
import subprocess
import time
from pathlib import Path

import kernels
from guests import console, guest
from guests.guest import INSTRUCTIONS_PER_US
from host.failure import Failure
from host.places import BUILD, LINUX, ROOT, relative
from host.programs import run_program
from host.reason import reason
from host.script import Parser, must_call, prepare, take_lock
from host.terminal import (duration, expect, expect_no_more, plural, progress,
                           say)
from kernels import kbuild
from measuring import clients, dmesg, intervals, job_guests, report, run_time

KERNELS = ["stock", "baseline", "series"]
QEMU = kernels.parse("series").architecture.qemu[0]
REFERENCES = ["stock", "baseline"]
# What --only can name, with the kernels that it takes
PARTS = {"page-init": tuple(KERNELS), "jobs": run_time.KERNELS,
	 "clients": clients.KERNELS}

# The guests whose difference gives the instructions per struct page. Both of a pair
# have the same zones and the same tables of fixed size. In those of the second pair
# memory comes in larger blocks.
SMALL, LARGE = "16G", "32G"
FROM_64G = "64G", "128G"
COUNTED = (SMALL, LARGE, *FROM_64G)
# The largest, with its memmap
COUNTED_NEEDS_GIB = 3
PAGE_SIZE = 4096
HUGE_PAGE = 2 << 20
# Of a node, beside those that hold struct pages; about 110 are used
OTHER_HUGE_PAGES = 200

# Its memmap alone takes 8 GiB of the host
HUGE, HUGE_NEEDS_GIB, HUGE_BOOTS = "512G", 10, 2
# Many more CPUs than most hosts have: for counts, not for times
MANY_CPUS, MANY_CPUS_GIB = (4, 8, 16), 64

# What the series is meant to reach, as ratios or as instructions per page
GOALS = {"stock, 1 CPU": 0.4, "baseline with 1 CPU": 0.22, "far memory": 1.15,
	 "huge boot": 0.45, "instructions_per_page": 10, "boot_instructions_per_page": 13,
	 "boot_instructions_per_page_from_64G": 10.6, "real fill": 1.05}

# On two cores, each without ccache
PACKAGES_SECONDS, TREE_SECONDS, KERNEL_SECONDS, BENCH_SECONDS = 60, 120, 145, 40
# Of scripts/setup
TASKS = ("tree", "build", "boot", "measure")

MIN_BOOTS = 5

# So that the first message comes when it is printed, and not with the console
EARLY_CONSOLE = "earlycon=uart8250,io,0x3f8"
# A guest whose CPUs have to wait loses ticks, and with them time until it has another
# clock. Such a boot is disturbed, and repeated.
TICK_MS, ATTEMPTS = 1, 3

REPORT = DMESG = REAL_MEMORY = None


def report_in(folder):
	"""The report goes there, and so does what it is made of."""
	global REPORT, DMESG, REAL_MEMORY
	REPORT, DMESG = folder, folder / "dmesg"
	REAL_MEMORY = folder / "real-memory.json"


def parse_arguments():
	parser = Parser(description=__doc__.split("\n")[0])
	parser.add_argument("--boots", type=int, default=MIN_BOOTS, metavar="N",
			    help="rounds of each guest and kernel of page init (%(default)s)")
	parser.add_argument("--guests", default="16G,64G", metavar="SIZES",
			    help="memory of the timed guests (%(default)s); the first is "
			    "also booted with half of it on a node without CPUs, the last "
			    "also with one CPU")
	parser.add_argument("--only", nargs="+", metavar="PART",
			    help="only these parts: " + ", ".join(PARTS))
	parser.add_argument("--dmesg", nargs="+", metavar="FILE",
			    help="read these instead of booting, or a folder for each "
			    "kernel, with a file for each boot; the first is what the "
			    "others are compared with")
	arguments = parser.parse_args()
	# "make measure" passes its variables through the environment
	if not arguments.dmesg and "DMESG" in os.environ:
		try:
			arguments.dmesg = shlex.split(os.environ["DMESG"])
		except ValueError:
			raise Failure(f"DMESG={os.environ['DMESG']}: a quote without its end"
				      ) from None
	if arguments.dmesg and arguments.only:
		raise Failure("--only is for what is booted, and --dmesg boots nothing: "
			      "leave one of them out")
	if not arguments.dmesg and not arguments.only:
		arguments.only = os.environ.get("ONLY", "").split()
	for part in arguments.only or ():
		if part not in PARTS:
			raise Failure(f"there is no part '{part}' to measure: there are "
				      + ", ".join(PARTS))
	return arguments


# ---- the machine ---------------------------------------------------------

def cores():
	return len(os.sched_getaffinity(0))


def free_gib():
	"""Memory that guests may fill."""
	text = Path("/proc/meminfo").read_text()
	return int(re.search(r"^MemAvailable: *(\d+)", text, re.M)[1]) / 2**20


def first_line(*command):
	return subprocess.run(command, text=True, capture_output=True,
			      check=True).stdout.splitlines()[0]


def describe_machine(accel):
	model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
	memory = re.search(r"^MemTotal: *(\d+)", Path("/proc/meminfo").read_text(), re.M)
	return {"cpu": model[1].strip() if model else os.uname().machine,
		"cores": cores(),
		"memory_gib": round(int(memory[1]) / 2**20, 1),
		"kernel": os.uname().release,
		"accelerator": accel}


def describe_versions(names):
	versions = {"qemu": first_line(QEMU, "--version"),
		    "compiler": first_line("gcc", "--version"),
		    "kernels": {}}
	for kernel in names:
		stamp = (BUILD / "kernel" / kernel / ".stamp").read_text()
		tree = re.search(r'"tree": "(\w+)"', stamp)[1]
		# A commit would be this checkout's own; a tree is everyone's
		versions["kernels"][kernel] = {"git_tree": tree}
	return versions


# ---- boots ---------------------------------------------------------------

class Plan:
	"""How much is done, and how long the rest may take."""

	def __init__(self, seconds_each):
		self.expected = seconds_each
		self.done = []
		self.spent = 0.0
		self.last = time.monotonic()

	def step(self, what):
		"""About to do the next one."""
		left = sum(self.expected[len(self.done):])
		guessed = sum(self.done)
		if guessed:
			left *= self.spent / guessed
		progress(f"Boot {len(self.done) + 1} of {len(self.expected)}: {what}, "
			 f"about {duration(left)} left")

	def finish(self):
		now = time.monotonic()
		self.spent += now - self.last
		self.last = now
		self.done.append(self.expected[len(self.done)])


class GuestMemory:
	"""Huge pages for the timed guests, which stay from boot to boot.

	At a guest's first access to a page the host has to find and clear one. For
	all struct pages that takes about as long as the series does, and far longer
	where the host is itself a guest and has given its free memory back. With
	pages that are there the time is the guest's own.
	"""
	folder = BUILD / "hugepages"
	found = BUILD / "hugepages.found"	# how many there were before
	pool = Path("/proc/sys/vm/nr_hugepages")

	def __init__(self, guests):
		wanted = {self.name(timed.settings): self.pages(timed.settings)
			  for timed in guests}
		self.wanted = sum(wanted.values())
		self.used = False

	@staticmethod
	def pages(strings):
		nodes = strings.get("nodes", "").count(",") + 1
		return (guest.parse_size(strings["memory"]) // 64 // HUGE_PAGE
			+ nodes * OTHER_HUGE_PAGES)

	@staticmethod
	def name(strings):
		return re.sub(r"\W+", "-", strings.get("nodes", strings["memory"]))

	def __enter__(self):
		reason = self.take()
		self.used = not reason
		if reason:
			say(f"{reason}: times of guests have those of the host's page faults "
			    "in them")
		return self

	def take(self):
		"""Returns why not, if so."""
		if os.geteuid():
			return "Not root, so no huge pages"
		self.give_back()	# what a run that was killed has left
		needed = self.wanted * HUGE_PAGE / 2**30
		if not re.search(r"^Hugepagesize: +2048 kB", Path("/proc/meminfo").read_text(),
				 re.M) or needed > free_gib() * 0.8:
			return f"No {needed:.0f} GiB of huge pages to spare"
		before = int(self.pool.read_text())
		self.found.write_text(f"{before}\n")
		progress(f"Taking {needed:.0f} GiB of huge pages")
		self.pool.write_text(str(before + self.wanted))
		self.folder.mkdir(exist_ok=True)
		if (int(self.pool.read_text()) < before + self.wanted
		    or subprocess.run(["mount", "-t", "hugetlbfs", "none", self.folder],
				      capture_output=True).returncode):
			self.give_back()
			return f"No {needed:.0f} GiB of huge pages to be had"
		return None

	def give_back(self):
		if self.folder.is_mount():
			subprocess.run(["umount", self.folder], check=True)
		if self.found.exists():
			before = self.found.read_text().strip()
			if before.isdecimal():
				self.pool.write_text(before)
			self.found.unlink()

	def __exit__(self, *_):
		self.give_back()

	def settings(self, strings):
		"""Those of a guest, with its memory from here."""
		if not self.used:
			return strings
		place = self.folder / self.name(strings)
		place.mkdir(exist_ok=True)
		return {**strings, "memory_in": str(place)}


def host_log(name):
	"""The console of a boot, with the times of the host's clock."""
	return DMESG / f"{name}-by-host.txt"


def boot_lines(kernel, strings, name):
	"""Boot it unless an interrupted run did; returns its console."""
	log = DMESG / f"{name}.txt"
	if not finished(log):
		scratch = log.with_suffix(".part")
		result = guest.boot(kernels.image(kernel), guest.settings(strings), scratch)
		if result.verdict == "warned":
			guest.note(f"{kernel}, {strings['memory']}: {result.reason} "
				   f"(log {relative(log)})")
		elif not result.ok:
			lines = "\n".join(f"  | {line}" for line in result.last_lines())
			if lines and result.verdict != "qemu":
				say(lines)
			raise Failure(f"{kernel} with {strings['memory']}: "
				      f"{result.verdict}: {result.reason} "
				      f"(log {relative(scratch)})")
		ran = Path(strings.get("run", "")).name
		if ran and f"padata-mt: {ran} exit 0" not in log_text(scratch):
			raise Failure(f"{kernel}: the guest's program {ran} failed (log "
				      f"{relative(scratch)})")
		if EARLY_CONSOLE in strings.get("append", ""):
			host_log(name).write_text(
				"\n".join(dmesg.by_host_clock(result.arrived)) + "\n")
		scratch.replace(log)
	return log.read_text(errors="replace").splitlines()


def boot(kernel, strings, name):
	"""Boot it, and what its console says of page init."""
	return dmesg.parse(boot_lines(kernel, strings, name),
			   relative(DMESG / f"{name}.txt"))


@dataclasses.dataclass(frozen=True)
class Timing:
	"""A boot by two clocks: of the guest, and of the host."""
	guest: dmesg.Times
	host: dmesg.Times

	@property
	def deferred_ms(self):
		return self.host.deferred_us / 1000

	@property
	def boot_ms(self):
		return self.host.boot_ms

	@property
	def kernel_ms(self):
		"""What the kernel itself says of page init."""
		return self.guest.deferred_ms

	@property
	def apart(self):
		"""By which share of what the host's clock says the two differ, in the phase
		or in all of the boot. Nothing is finer than a tick of the guest."""
		return max(max(abs(host - guest) / 1000 - TICK_MS, 0) / (host / 1000)
			   # Of two messages that arrive as one nothing can be said
			   if host else math.inf
			   for host, guest in ((self.host.deferred_us, self.guest.deferred_us),
					       (self.host.boot_us, self.guest.boot_us)))


def boot_by_host_clock(kernel, strings, name):
	"""Boot it, again if it was disturbed, and what both clocks say."""
	strings = {**strings, "append": EARLY_CONSOLE}
	kept = finished(DMESG / f"{name}.txt")
	for left in reversed(range(ATTEMPTS)):
		times = boot(kernel, strings, name)
		path = host_log(name)
		found = Timing(times, dmesg.parse(path.read_text().splitlines(), relative(path)))
		if found.apart <= report.APART or not left or kept:
			return found
		say(f"{kernel}, {strings['memory']}: the clocks of guest and host differ by "
		    f"{100 * found.apart:.0f} %, once more")
		(DMESG / f"{name}.txt").unlink()


def log_text(log):
	return log.read_text(errors="replace") if log.exists() else ""


def finished(log):
	return console.DONE in log_text(log)


def drop_part_of_a_round(names):
	"""What an interrupted run has left of it, as boots that were far apart are no
	pairs."""
	if not all(finished(DMESG / f"{name}.txt") for name in names):
		for name in names:
			(DMESG / f"{name}.txt").unlink(missing_ok=True)


def prepare_folder(accel, names):
	"""Keep the boots of an interrupted run of the same kernels, and no others.

	All figures are read from the files in this folder, so a boot is either
	there as a whole or done again.
	"""
	digest = hashlib.sha256(first_line(QEMU, "--version").encode())
	digest.update(f"{accel} {cores()} {os.geteuid()} {names}".encode())
	for path in [*map(kernels.image, names),
		     *(ROOT / "scripts" / name for name in (
			     "guests/guest.py", "guests/initramfs.py", "guests/console.py",
			     "guests/init", "kernels/__init__.py", "measuring/dmesg.py",
			     "measuring/measure.py", "measuring/run_time.py",
			     "measuring/clients.py", "measuring/job_guests.py")),
		     *sorted(job_guests.PLACE.iterdir())]:
		digest.update(path.read_bytes())
	unfinished = DMESG / ".unfinished"
	DMESG.mkdir(parents=True, exist_ok=True)
	if unfinished.exists() and unfinished.read_text() == digest.hexdigest():
		say("Going on with the boots of an interrupted run")
		return unfinished
	for path in [*DMESG.iterdir(), REAL_MEMORY]:
		path.unlink(missing_ok=True)
	unfinished.write_text(digest.hexdigest())
	return unfinished


def count_instructions(plan):
	"""{kernel: {size: {"deferred": n, "boot": n}}} from two boots each.

	One vCPU, and guest time that counts instructions. Such boots do not
	disturb each other, so they run side by side, one on each core.

	The counts come from the time stamps of the messages, in steps of 1000
	instructions, rather than from the milliseconds that the kernel prints for
	each node. The phase ends at its last message and starts at the message
	before its first, which is the same in all kernels; what lies between that
	one and the real start is the same for both sizes and leaves the slope.
	"""
	jobs = [(kernel, size, again) for kernel in KERNELS
		for size in COUNTED for again in (1, 2)]

	def one(job):
		kernel, size, again = job
		return boot(kernel, {"memory": size, "cpus": "1", "icount": "yes",
				     "timeout": "300"},
			    f"instructions-{size}-{kernel}-{again}")

	counts = {kernel: {} for kernel in KERNELS}
	for (kernel, size, _), times in side_by_side(plan, one, jobs).items():
		found = {"deferred": times.deferred_us * INSTRUCTIONS_PER_US,
			 "boot": times.boot_us * INSTRUCTIONS_PER_US}
		before = counts[kernel].setdefault(size, found)
		if before != found:
			raise Failure(f"{kernel} with {size} took {before} instructions "
				      f"in one boot and {found} in another: guest time "
				      "does not count instructions here, so these "
				      "figures mean nothing; compare the two logs "
				      f"{relative(DMESG)}/instructions-{size}-{kernel}-*")
	return counts


def side_by_side(plan, one, jobs):
	"""{job: one(job)}, of boots that count instructions: one on each core."""
	found = {}
	at_once = max(min(cores(), int(free_gib() / COUNTED_NEEDS_GIB)), 1)
	with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
		waiting = {pool.submit(one, job): job for job in jobs}
		try:
			plan.step("counting instructions")
			for future in concurrent.futures.as_completed(waiting):
				found[waiting[future]] = future.result()
				plan.finish()
				if len(found) < len(jobs):
					plan.step("counting instructions")
		except BaseException:
			pool.shutdown(wait=False, cancel_futures=True)
			guest.end_all()
			raise
	return found


def pages_between(small=SMALL, large=LARGE):
	return (guest.parse_size(large) - guest.parse_size(small)) // PAGE_SIZE


def per_page(counts, what, small=SMALL, large=LARGE):
	return {kernel: round((sizes[large][what] - sizes[small][what])
			      / pages_between(small, large), 3)
		for kernel, sizes in counts.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class Timed:
	"""A guest whose boots are timed."""
	name: str
	about: str
	settings: dict
	kernels: tuple = tuple(KERNELS)
	rounds: int = MIN_BOOTS

	def seconds(self):
		"""About what a boot takes; only what it is to the others counts."""
		gib = guest.parse_size(self.settings["memory"]) / 2**30
		return 1 + gib / 50


def timed_guests(sizes, rounds):
	all_cpus = plural(cores(), "CPU")
	guests = [Timed(size, all_cpus,
			{"memory": size, "cpus": str(cores())}, rounds=rounds)
		  for size in sizes]
	last = sizes[-1]
	guests.append(Timed(f"{last}-1cpu", "1 CPU",
			    {"memory": last, "cpus": "1"}, rounds=rounds))
	half = f"{guest.parse_size(sizes[0]) >> 21}M"
	guests.append(Timed(f"{sizes[0]}-half-far",
			    f"{all_cpus}, and half of its memory on a node without CPUs",
			    {"memory": sizes[0], "nodes": f"{cores()}:{half},0:{half}"},
			    rounds=rounds))
	if HUGE in sizes:
		return guests
	if free_gib() < HUGE_NEEDS_GIB:
		say(f"No guest of {HUGE}: its memmap needs {HUGE_NEEDS_GIB} GiB, and "
		    f"{free_gib():.0f} GiB are free here")
	else:
		guests.append(Timed(HUGE, all_cpus,
				    {"memory": HUGE, "cpus": str(cores()),
				     "timeout": "300"},
				    ("stock", "series"), min(rounds, HUGE_BOOTS)))
	return guests


def time_boots(plan, guests, memory):
	"""{guest: {kernel: [Timing of each round]}}

	The kernels take turns, so that what else the machine does meets all of
	them alike, and the boots of one round can be compared as a pair.
	"""
	if memory.used:
		for timed in guests:
			progress(f"Boot of {timed.name} for its memory to be there")
			settings = guest.settings(memory.settings(timed.settings))
			guest.boot(kernels.image("stock"), settings, DMESG / ".first")
	found = {timed.name: {kernel: [] for kernel in timed.kernels}
		 for timed in guests}
	for number in range(1, max(timed.rounds for timed in guests) + 1):
		now = [timed for timed in guests if timed.rounds >= number]
		names = {(timed, kernel): f"timed-{timed.name}-{kernel}-{number}"
			 for timed in now for kernel in timed.kernels}
		drop_part_of_a_round(names.values())
		for (timed, kernel), name in names.items():
			plan.step(f"{kernel} with {timed.name}, round {number}")
			found[timed.name][kernel].append(
				boot_by_host_clock(kernel, memory.settings(timed.settings),
						   name))
			plan.finish()
	return found


def ratios(timed, sizes):
	"""What the series takes, over what others take or itself elsewhere.

	Each is taken within a round, as a pair.
	"""
	first, last = sizes[0], sizes[-1]
	one_cpu, half_far = f"{last}-1cpu", f"{first}-half-far"
	each = plural(cores(), "CPU") + " each"
	pairs = [(f"series to stock, {last}, {each}",
		  (last, "series"), (last, "stock"), None),
		 (f"series to stock, {last}, 1 CPU each",
		  (one_cpu, "series"), (one_cpu, "stock"), GOALS["stock, 1 CPU"]),
		 (f"series to baseline, {last}, 1 CPU each",
		  (one_cpu, "series"), (one_cpu, "baseline"), None),
		 (f"series to baseline with 1 CPU, {last}",
		  (last, "series"), (one_cpu, "baseline"),
		  GOALS["baseline with 1 CPU"])]
	pairs += [(f"{kernel}, {first}, half far to all near",
		   (half_far, kernel), (first, kernel),
		   GOALS["far memory"] if kernel == "series" else None)
		  for kernel in KERNELS]
	huge = (HUGE, "series"), (HUGE, "stock")
	if HUGE in timed and HUGE not in sizes:
		pairs.append((f"series to stock, {HUGE}, {each}", *huge, None))
	return [{"what": what, "goal": goal,
		 "boot_goal": GOALS["huge boot"] if (over, under) == huge else None,
		 **{key: [getattr(ours, field) / getattr(theirs, field)
			  for ours, theirs in zip(timed[over[0]][over[1]],
						  timed[under[0]][under[1]])
			  if getattr(theirs, field)]
		    for key, field in (("deferred", "deferred_ms"), ("boot", "boot_ms"))}}
		for what, over, under, goal in pairs]


# ---- many CPUs -------------------------------------------------------------

def many_cpus_guests():
	"""[(CPUs, nodes, settings)]"""
	guests = []
	for cpus in MANY_CPUS:
		guests.append((cpus, 1, {"memory": f"{MANY_CPUS_GIB}G", "cpus": str(cpus)}))
		node = f"{cpus // 2}:{MANY_CPUS_GIB // 2}G"
		guests.append((cpus, 2, {"memory": f"{MANY_CPUS_GIB}G",
					 "nodes": f"{node},{node}"}))
	return guests


def count_cpus(plan):
	"""Who took part in the series' page init: no times, the host has fewer CPUs."""
	found = []
	for cpus, nodes, settings in many_cpus_guests():
		plan.step(f"series with {cpus} CPUs, {plural(nodes, 'node')}")
		times = boot("series", settings, f"cpus-{cpus}-nodes-{nodes}-series")
		found.append({"cpus": cpus, "nodes": nodes,
			      **took_part(times, cpus // nodes)})
		plan.finish()
	return found


def took_part(times, cpus_per_node):
	"""What the kernel says of the CPUs that did page init."""
	total = times.total
	if not total:
		return {"took_part": None}
	by_node = {}
	for number, node in times.nodes.items():
		local = [cpu for cpu in node.cpus if cpu // cpus_per_node == number]
		by_node[number] = {"pages": node.pages, "local_cpus": len(local),
				   "other_cpus": len(node.cpus) - len(local)}
	return {"took_part": total.cpus, "fewest_pages": total.fewest,
		"most_pages": total.most, "imbalance": round(total.imbalance, 3),
		"by_node": by_node}


# ---- multithreaded jobs at run time ----------------------------------------

def run_jobs(plan):
	"""What jobs cost, and whether they keep to limits: see run_time.py."""
	def one(kernel, strings, name):
		plan.step(f"{kernel}, {name.removeprefix('run-time-')}")
		lines = boot_lines(kernel, strings, name)
		plan.finish()
		return lines

	return {"run_time": run_time.measure(one, cores())}


def run_clients(plan):
	"""What uses jobs at run time, beside stock: see clients.py."""
	took = {}

	def read(wanted, lines):
		try:
			took.update(clients.spans_of_all(wanted, lines))
		except Failure as failure:
			# Once more when called again
			log = (DMESG / f"{wanted.name}.txt").rename(DMESG / f"{wanted.name}.part")
			raise Failure(f"{failure} (log {relative(log)})") from None

	def count(wanted):
		return boot_lines(wanted.kernel, settings[wanted], wanted.name)

	# What their guests run is written, and compiled, by no more than one thread
	settings = {wanted: wanted.settings for wanted in clients.counted()}
	for wanted, lines in side_by_side(plan, count, settings).items():
		read(wanted, lines)
	for together in clients.rounds():
		drop_part_of_a_round([wanted.name for wanted in together])
		for wanted in together:
			plan.step(wanted.name)
			strings = wanted.settings
			strings["append"] += f" {EARLY_CONSOLE}"
			boot_lines(wanted.kernel, strings, wanted.name)
			read(wanted, host_log(wanted.name).read_text().splitlines())
			plan.finish()
	return clients.figures(took)


# ---- real memory, and the model --------------------------------------------

def run_bench():
	"""The page init code in user space, on memory that is there."""
	try:
		return json.loads(REAL_MEMORY.read_text())
	except (FileNotFoundError, ValueError):
		progress("Page init on real memory")
		scratch = REAL_MEMORY.with_suffix(".part")
		must_call("bench", "--forms", "--json", scratch, stdout=subprocess.DEVNULL)
		scratch.replace(REAL_MEMORY)
	return json.loads(REAL_MEMORY.read_text())


def run_models(real_memory):
	"""Page init on large machines: tools/testing/padata/scale.c of the series.

	On the machine that it has the figures of, and on a large one with memory
	like this one's. That is taken to have a limit where all the threads here
	were less than 0.8 times as fast as so many should be.
	"""
	source, place = LINUX / "tools/testing/padata", BUILD / "scale"
	program = place / "scale"
	place.mkdir(exist_ok=True)
	made = run_program("make", "-s", "-C", source, f"O={place}", program, cwd=BUILD,
			   env=kbuild.make_environment())
	if made.returncode:
		said = made.stderr + made.stdout
		(BUILD / "log/scale.log").write_text(said)
		raise Failure(f"{relative(source)}/scale.c does not build: "
			      f"{reason(said.splitlines())} (all of it in "
			      f"{relative(BUILD / 'log/scale.log')})")
	found = real_memory["real_memory_ns_per_page"]["series"]
	threads, together = list(found.items())[-1]
	limited = found["1"] / together < 0.8 * int(threads)
	here = [f"page={found['1']}", f"node_page={together if limited else 0}"]
	return {name: json.loads(subprocess.run([program, "model", *settings], text=True,
						check=True, stdout=subprocess.PIPE).stdout)
		for name, settings in (("published", []), ("here", here))}


# ---- what it takes -----------------------------------------------------------

def seconds_of_boots(parts, guests, rounds):
	"""About how many each takes, in the order in which they come."""
	found = []
	if "page-init" in parts:
		found += ([6 / cores()] * len(KERNELS) * len(COUNTED) * 2
			  + [timed.seconds() for number in range(rounds)
			     for timed in guests if timed.rounds > number
			     for _ in timed.kernels]
			  + [cpus for cpus, _, _ in many_cpus_guests()])
	if "jobs" in parts:
		found += run_time.plan(cores())
	if "clients" in parts:
		found += clients.plan(cores())
	return found


def to_be_made(names):
	"""[(seconds, what it is)] of what has to be there before anything is measured."""
	if subprocess.run([ROOT / "scripts/setup", *TASKS], capture_output=True,
			  env=os.environ | {"NO_INSTALL": "1"}).returncode:
		yield PACKAGES_SECONDS, "to install packages"
	if not LINUX.exists():
		yield TREE_SECONDS, "to fetch and unpack the kernel's source"
	missing = [kernel for kernel in names
		   if not (BUILD / "kernel" / kernel / ".stamp").exists()]
	if missing:
		yield (len(missing) * KERNEL_SECONDS * 2 / cores(),
		       f"to build {plural(len(missing), 'kernel')}, less where ccache has "
		       "them")


def make_all(names, rest):
	"""Packages, tree and kernels, after a word on how long that takes, and the rest."""
	parts = list(to_be_made(names))
	whole = [*parts, (rest, "to boot and measure")]
	say(f"This takes about {minutes(sum(seconds for seconds, _ in whole))}: "
	    + "; ".join(f"{minutes(seconds)} {what}" for seconds, what in whole)
	    + ". When it is stopped, what is done is kept." if parts else
	    f"This takes about {minutes(rest)}")
	build = sum(seconds for seconds, what in parts if "build" in what)
	expect(sum(seconds for seconds, _ in parts) - build, build + rest)
	prepare(*TASKS)
	expect(build, rest)
	must_call("build", *names)


def minutes(seconds):
	return f"{max(round(seconds / 60), 1)} min"


# ---- the two ways to call it ----------------------------------------------

def measure(arguments):
	sizes = [size.strip() for size in arguments.guests.split(",")]
	for size in sizes:
		guest.settings({"memory": size})
	if len(set(sizes)) < len(sizes):
		raise Failure("--guests has the same size twice")
	if arguments.boots < 1:
		raise Failure(f"--boots {arguments.boots}: give 1 or more")
	parts = [part for part in PARTS if part in (arguments.only or PARTS)]
	names = list(dict.fromkeys(name for part in parts for name in PARTS[part]))
	report_in(BUILD / "report" if len(parts) == len(PARTS) else
		  BUILD / "report-only" / "-".join(parts))
	take_lock()
	guests = timed_guests(sizes, arguments.boots) if "page-init" in parts else []
	expected = seconds_of_boots(parts, guests, arguments.boots)
	bench = BENCH_SECONDS if "page-init" in parts else 0
	make_all(names, bench + sum(expected))

	started = time.monotonic()
	accel = guest.accelerator(kernels.image(names[0]))
	unfinished = prepare_folder(accel, names)
	expect(bench, sum(expected))
	real_memory = run_bench() if "page-init" in parts else {}
	expect_no_more()
	plan = Plan(expected)
	busy = os.getloadavg()[0] - cores()
	results = {}
	if "page-init" in parts:
		results |= run_page_init(plan, guests, sizes, real_memory)
	if "jobs" in parts:
		results |= run_jobs(plan)
	if "clients" in parts:
		results |= run_clients(plan)
	say(f"{len(plan.expected)} boots" + ", and page init on real memory" * bool(bench)
	    + f", in {duration(time.monotonic() - started)}")

	only = " --only " + " ".join(parts) if len(parts) < len(PARTS) else ""
	results |= {
		"references": REFERENCES,
		"machine": describe_machine(accel),
		"versions": describe_versions(names),
		"command": f"scripts/measure --boots {arguments.boots} "
			   f"--guests {','.join(sizes)}{only}",
	}
	report.write(results, REPORT)
	unfinished.unlink()
	say(report.table(results))
	if busy > 1:
		say("The machine was busy with other work: expect a wide spread.")
	say(f"Report: {relative(REPORT / 'index.html')}")
	return 0


def run_page_init(plan, guests, sizes, real_memory):
	counts = count_instructions(plan)
	with GuestMemory(guests) as memory:
		timed = time_boots(plan, guests, memory)
	many_cpus = count_cpus(plan)

	def times_of(field):
		return {name: {kernel: [getattr(times, field) for times in boots]
			       for kernel, boots in kernels.items()}
			for name, kernels in timed.items()}

	return {
		"instructions_per_page": per_page(counts, "deferred"),
		"boot_instructions_per_page": per_page(counts, "boot"),
		"boot_instructions_per_page_from_64G": per_page(counts, "boot", *FROM_64G),
		"boot_parts": intervals.shares(
			{kernel: [DMESG / f"instructions-{size}-{kernel}-1.txt"
				  for size in (SMALL, LARGE)] for kernel in KERNELS},
			INSTRUCTIONS_PER_US / pages_between()),
		"guests": {timed.name: timed.about for timed in guests},
		"deferred_init_ms": times_of("deferred_ms"),
		"boot_ms": times_of("boot_ms"),
		"kernel_ms": times_of("kernel_ms"),
		"apart": times_of("apart"),
		"ratios": ratios(timed, sizes),
		"many_cpus": many_cpus,
		**real_memory,
		"scale": run_models(real_memory),
		"goals": GOALS,
		"instructions": counts,
		"guest_memory": "huge pages that stay from boot to boot" if memory.used
				else "pages of the host that come with page faults",
	}


def dmesg_files(path):
	"""The boots of one kernel: a file, or all in a folder in order."""
	if not Path(path).is_dir():
		return [path]
	# 10.txt comes after 9.txt
	files = sorted((file for file in Path(path).iterdir()
			if file.is_file() and not file.name.startswith(".")),
		       key=lambda file: [int(word) if word.isdigit() else word
					 for word in re.split(r"(\d+)", file.name)])
	if not files:
		raise Failure(f"{path}: an empty folder; put the output of dmesg there, "
			      "a file for each boot")
	return files


def label_of(path):
	return Path(path).name if Path(path).is_dir() else Path(path).stem


def compare(paths):
	"""The same from dmesg files, or from a folder of them for each kernel."""
	labels = [label_of(path) for path in paths]
	if len(set(labels)) < len(labels):
		labels = [str(path) for path in paths]
	if len(set(labels)) < len(labels):
		raise Failure("the same file was given twice")
	if importlib.util.find_spec("matplotlib"):
		take_lock()		# also where there is no Debian
	else:
		prepare("measure", tree=False)
	boots = {}
	for label, path in zip(labels, paths):
		boots[label] = [dmesg.read(file) for file in dmesg_files(path)]
		if any(boot.boot_ms is None for boot in boots[label]):
			say(f"{path}: no time of 'Run /init as init process': the whole boot "
			    "is left out for it (take dmesg, or journalctl -k -b "
			    "-o short-monotonic, of a kernel with printk.time=1)")
	results = {
		"deferred_init_ms": {"": {label: [boot.deferred_ms for boot in found]
					  for label, found in boots.items()}},
		# All or none, so that boots stay in pairs
		"boot_ms": {"": {label: [boot.boot_ms for boot in found]
				 if all(boot.boot_ms for boot in found) else []
				 for label, found in boots.items()}},
		"nodes": {label: median_nodes(found) for label, found in boots.items()},
		"took_part": {label: {"cpus": max(boot.total.cpus for boot in found),
				      "imbalance": round(statistics.median(
					      boot.total.imbalance for boot in found), 3)}
			      for label, found in boots.items()
			      if all(boot.total for boot in found)},
		"references": labels[:1],
		"command": "scripts/measure --dmesg " + shlex.join(paths),
	}
	folder = BUILD / "report-dmesg"
	report.write(results, folder)
	say(report.table(results))
	say(f"Report: {relative(folder / 'index.html')}")
	return 0


def median_nodes(boots):
	"""{node: milliseconds} of several boots of a kernel."""
	return {number: statistics.median(boot.nodes[number].ms for boot in boots
					  if number in boot.nodes)
		for number in sorted({number for boot in boots for number in boot.nodes})}


def main():
	arguments = parse_arguments()
	if arguments.dmesg:
		return compare(arguments.dmesg)
	return measure(arguments)
