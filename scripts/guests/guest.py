# SPDX-License-Identifier: GPL-2.0
"""Boot one kernel in QEMU and say what came of it.

	settings = guest.settings({"memory": "64G", "cpus": "2"})
	result = guest.boot("build/kernel/series/arch/x86/boot/bzImage",
			    settings, "build/log/my-boot.txt")
	if not result.ok:
		print(result.reason)

result.lines is the console, line by line, which is also the guest's dmesg.
"""

import dataclasses
import functools
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import kernels
from guests import console, initramfs
from host.failure import Failure
from host.places import BUILD, explain, relative
from host.programs import die_with_parent

# Kernels patch jump labels by way of a breakpoint. Once in some hundred boots, an
# emulated CPU has been seen to run into it when it was gone already: QEMU before 8.1
# does not lock a page while it translates it. With tsc=reliable it comes more often, as
# the clock of the scheduler then turns stable while all CPUs use it.
STALE_BREAKPOINT = "Oops: int3:"
ATTEMPTS = 3

# Of guest time, where it counts them
INSTRUCTIONS_PER_US = 1000

BOOT_TIMEOUT = 120
KVM_TRIAL_TIMEOUT = 20
LAST_LINES = 15

# For all kernels, on all machines: as their consoles are read
KERNEL_ARGUMENTS = ("nokaslr", "printk.time=1", "printk.devkmsg=on", "panic=-1",
		    "oops=panic")

# A kernel unpacks itself and its initramfs in no less
LEAST_MEMORY = 32 << 20


@dataclasses.dataclass(frozen=True)
class Guest:
	memory: str = "2G"
	cpus: int = 2
	cpu: str = ""		# features of its CPUs, as QEMU has them: "erms=off"
	nodes: tuple = ()	# of (number of CPUs, memory); either may be none
	append: str = ""	# more kernel arguments
	qemu: str = ""		# more QEMU arguments
	icount: bool = False	# guest time counts instructions; CPUs take turns
	debug: bool = False	# a kernel with lock checking and sanitizers
	timeout: float = BOOT_TIMEOUT
	memory_in: str = ""	# a folder for files that hold the memory, and stay
	run: str = ""		# a static program or script to run in the guest
	extra: tuple = ()	# more files to find under /extra in the guest
	shell: bool = False	# a shell, on the terminal of whoever calls


@dataclasses.dataclass
class Boot:
	# "ok", "warned" (reached its end with something on the console that
	# console-patterns denies), "panic", "hang", "stopped" (ended before its
	# time without a panic) or "qemu" (QEMU itself would not run it)
	verdict: str
	reason: str
	log: Path
	seconds: float
	lines: list
	accel: str
	arrived: list		# (when it began to, by the host's clock, line)

	@property
	def ok(self):
		return self.verdict == "ok"

	def last_lines(self, count=LAST_LINES):
		return [line for line in self.lines if line.strip()][-count:]


# ---- describing a guest --------------------------------------------------

def parse_size(text):
	"""Bytes in a size as QEMU writes it: 512M, 16G, or plain MiB."""
	match = re.fullmatch(r"(\d+)([KMGT]?)B?", text.strip(), re.IGNORECASE)
	if not match:
		raise Failure(f"'{text}' is no memory size: write it as 512M or 16G")
	if len(match[1]) > 15:
		raise Failure(f"'{text}' is larger than any host can map: write it as 512M or 16G")
	shift = {"K": 10, "": 20, "M": 20, "G": 30, "T": 40}
	return int(match[1]) << shift[match[2].upper()]


def parse_nodes(text):
	"""Nodes written as CPUS:MEMORY, e.g. "2:8G, 0:8G, 2:0"."""
	nodes = []
	for node in re.split(r"[,\s]+", text.strip()):
		cpus, _, memory = node.partition(":")
		if not cpus.isdigit() or not memory:
			raise Failure(f"'{node}' is no node: write CPUS:MEMORY, as 2:8G")
		nodes.append((int(cpus), memory if parse_size(memory) else ""))
	return tuple(nodes)


def settings(strings):
	"""A Guest from a dict of strings, such as a section of an INI file.

	With nodes, the CPUs and the memory are the sum of theirs.
	"""
	yes = {"yes": True, "true": True, "1": True,
	       "no": False, "false": False, "0": False, "": False}
	readers = {"nodes": parse_nodes, "cpus": int, "timeout": float,
		   **dict.fromkeys(("icount", "debug", "shell"),
				   lambda text: yes[text.lower()]),
		   "extra": lambda text: tuple(shlex.split(text))}
	known = {field.name for field in dataclasses.fields(Guest)}
	values = {}
	for key, text in strings.items():
		if key not in known:
			raise Failure(f"a guest has no setting '{key}': it has "
				      + ", ".join(sorted(known)))
		try:
			values[key] = readers.get(key, str.strip)(text.strip())
		except (KeyError, ValueError):
			raise Failure(f"'{text}' is no value for a guest's {key}") from None
	nodes = values.get("nodes")
	if nodes:
		total = sum(parse_size(memory) for _, memory in nodes if memory)
		values["memory"] = f"{total >> 20}M"
		values["cpus"] = sum(cpus for cpus, _ in nodes)
	found = Guest(**values)
	if found.cpus < 1:
		raise Failure(f"a guest with {found.cpus} CPUs cannot run: give 1 or more")
	if parse_size(found.memory) < LEAST_MEMORY:
		raise Failure(f"a guest with {found.memory} of memory cannot boot: give "
			      f"{LEAST_MEMORY >> 20}M or more")
	if not 0 < found.timeout <= threading.TIMEOUT_MAX:
		raise Failure(f"'{strings['timeout']}' is no timeout: give seconds, 1 or more")
	try:
		shlex.split(found.qemu)
	except ValueError:
		raise Failure(f"the arguments for QEMU have a quote without its end: "
			      f"{found.qemu}") from None
	for path in map(Path, [*found.extra, found.run]):
		if re.search(r"\s", path.name):
			raise Failure(f"{path}: a file for the guest has no blanks in its name")
	return found


# ---- QEMU ----------------------------------------------------------------

def machine(guest):
	"""The CPUs and the memory of a guest, as arguments for QEMU."""
	# A socket for each CPU: the kernel warns of sockets that span nodes
	command = ["-smp", f"{guest.cpus},sockets={guest.cpus},cores=1,threads=1"]

	# reserve=off: a guest may be far larger than the host, since only its
	# memmap is ever touched
	backend = "memory-backend-ram,id=m{0},size={1},reserve=off"
	if guest.memory_in:
		backend = ("memory-backend-file,id=m{0},size={1},reserve=off,share=on,"
			   f"mem-path={guest.memory_in}/node{{0}}")
	nodes = guest.nodes or ((guest.cpus, guest.memory),)
	total = sum(parse_size(memory) for _, memory in nodes if memory)
	command += ["-m", f"{total >> 20}M"]
	first_cpu = 0
	for node, (cpus, memory) in enumerate(nodes):
		numa = f"node,nodeid={node}"
		if memory:
			command += ["-object",
				    backend.format(node, f"{parse_size(memory) >> 20}M")]
			numa += f",memdev=m{node}"
		if cpus:
			numa += f",cpus={first_cpu}-{first_cpu + cpus - 1}"
			first_cpu += cpus
		command += ["-numa", numa]
	return command


def told(guest):
	"""What the kernel of this guest is told, and others are not."""
	words = [f"padata_mt.run={Path(guest.run).name}"] if guest.run else []
	if guest.shell:
		columns, rows = shutil.get_terminal_size()
		terminal = os.environ.get("TERM", "")
		if not re.fullmatch(r"[\w.+-]+", terminal):
			terminal = "linux"
		# What has no point in its name is in the environment of init
		words += ["padata_mt.shell", f"TERM={terminal}",
			  f"COLUMNS={columns}", f"LINES={rows}"]
	return words + guest.append.split()


def extras(guest):
	"""What its initramfs has beside what each has."""
	return [*guest.extra, guest.run] if guest.run else list(guest.extra)


def cpu_model(architecture, guest):
	model = architecture.debug_cpu if guest.debug else architecture.cpu
	return f"{model},{guest.cpu}" if guest.cpu else model


def qemu_command(kernel, guest, accel):
	architecture = kernels.architecture_of(kernel)
	command = [*architecture.qemu, "-nodefaults", "-no-user-config",
		   "-display", "none", "-no-reboot",
		   # With mux, Ctrl-A is a key of QEMU's own
		   "-chardev", "stdio,id=console,signal=off" + ",mux=on" * guest.shell,
		   "-serial", "chardev:console"]
	append = [f"console={architecture.console}", *KERNEL_ARGUMENTS,
		  architecture.append]
	if guest.icount:
		# One instruction takes one nanosecond. The rest is what would
		# differ from run to run: random numbers, the date, and a guest's
		# idea of its clock, which it would else find by calibration.
		command += ["-accel", "tcg,thread=single",
			    "-icount", "shift=0,sleep=off", "-seed", "1",
			    "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
		append.append(architecture.icount_append)
	elif accel == "kvm":
		command += ["-accel", "kvm"]
	else:
		command += ["-accel", "tcg,thread=multi"]

	command += ["-cpu", cpu_model(architecture, guest)]
	command += machine(guest)

	append += told(guest)
	command += ["-kernel", str(kernel), "-initrd",
		    str(initramfs.initramfs(architecture, extras(guest))),
		    "-append", " ".join(append)]
	return command + shlex.split(guest.qemu)


# ---- running it ----------------------------------------------------------

running = set()
running_lock = threading.Lock()
no_more = False


def end_all():
	"""End the guests of all threads, and let none start."""
	global no_more
	with running_lock:
		no_more = True
		for qemu in running:
			qemu.kill()


def missing(program):
	return Failure(f"{program} is missing: run scripts/setup boot, or for arm64 "
		       "scripts/setup arm64")


def start_qemu(command, errors):
	with running_lock:
		if no_more:
			raise Failure("stopped before its start")
		try:
			# A session of its own: Ctrl-C reaches this process, which
			# then ends QEMU, rather than both at once
			qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL,
						stdout=subprocess.PIPE, stderr=errors,
						start_new_session=True,
						preexec_fn=die_with_parent)
		except FileNotFoundError:
			raise missing(command[0]) from None
		running.add(qemu)
		return qemu


@dataclasses.dataclass
class Ending:
	timed_out: bool
	status: int		# QEMU's, as subprocess has it
	errors: str		# what QEMU said on stderr
	seconds: float
	arrived: list		# (when it began to, in seconds, line)


def run_qemu(command, log, timeout, until=console.DONE, on_line=None):
	"""Run QEMU until it ends, says `until`, or the time is up."""
	started = time.monotonic()
	log.parent.mkdir(parents=True, exist_ok=True)
	errors_path = log.with_name(log.name + ".qemu")
	timed_out = True
	arrived, unfinished = [], b""
	with open(log, "wb") as kept, open(errors_path, "wb") as errors:
		qemu = start_qemu(command, errors)
		try:
			while time.monotonic() - started < timeout:
				left = timeout - (time.monotonic() - started)
				if not select.select([qemu.stdout], [], [], max(left, 0))[0]:
					continue
				data = os.read(qemu.stdout.fileno(), 65536)
				now = time.monotonic() - started
				if not data:
					timed_out = False
					break
				data = data.replace(b"\r", b"")
				kept.write(data)
				kept.flush()
				complete = []
				for piece in data.splitlines(keepends=True):
					if not unfinished:
						began = now
					unfinished += piece
					if unfinished.endswith(b"\n"):
						line = unfinished[:-1].decode(errors="replace")
						complete.append(line)
						arrived.append((began, line))
						unfinished = b""
				if on_line:
					for line in complete:
						on_line(line)
				if any(until in line for line in complete):
					timed_out = False
					break
			if timed_out:
				status = None
			else:
				try:
					status = qemu.wait(0 if data else 5)
				except subprocess.TimeoutExpired:
					status = None
		finally:
			qemu.kill()
			qemu.wait()
			qemu.stdout.close()
			with running_lock:
				running.discard(qemu)
	said = errors_path.read_text(errors="replace").strip()
	errors_path.unlink()
	return Ending(timed_out, status, said, time.monotonic() - started, arrived)


def run_on_terminal(command, log):
	"""Run QEMU with its console on this terminal, and kept in `log` as well."""
	import pexpect

	started = time.monotonic()
	log.parent.mkdir(parents=True, exist_ok=True)
	with open(log, "wb") as kept:
		try:
			qemu = pexpect.spawn(command[0], command[1:], timeout=None,
					     dimensions=tuple(shutil.get_terminal_size())[::-1],
					     preexec_fn=die_with_parent)
		except pexpect.ExceptionPexpect:
			raise missing(command[0]) from None
		qemu.logfile_read = WithoutReturns(kept)
		try:
			# Which has an escape of its own unless told not to
			qemu.interact(escape_character=None)
			# It ends with QEMU, and leaves what that has said at last
			while True:
				os.write(sys.stdout.fileno(),
					 qemu.read_nonblocking(4096, timeout=1))
		except (pexpect.EOF, pexpect.TIMEOUT):
			pass
		except termios.error:
			raise KeyboardInterrupt from None	# the terminal is gone
		finally:
			qemu.close(force=True)
	status = qemu.exitstatus if qemu.signalstatus is None else -qemu.signalstatus
	return Ending(False, status, log.read_text(errors="replace") if status else "",
		      time.monotonic() - started, [])


class WithoutReturns:
	"""A file to which a terminal's lines are written as those of a text."""

	def __init__(self, file):
		self.file = file

	def write(self, data):
		self.file.write(data.replace(b"\r", b""))

	def flush(self):
		self.file.flush()


def boot(kernel, guest, log, on_line=None, accel=None):
	"""Boot `kernel` as `guest`, with the console kept in the file `log`.

	Raises Failure when the host, rather than the kernel, is at fault in a
	way that would stop any guest.
	"""
	kernel, log = Path(kernel), Path(log)
	if not kernel.exists():
		raise Failure(f"{relative(kernel)} is missing: {how_to_build(kernel)}")
	if accel is None:
		accel = "tcg" if guest.icount else accelerator(kernel)
	try:
		with initramfs.packing_lock:
			command = qemu_command(kernel, guest, accel)
		for left in reversed(range(ATTEMPTS)):
			if guest.shell:
				ending = run_on_terminal(command, log)
			else:
				ending = run_qemu(command, log, guest.timeout, on_line=on_line)
			lines = log.read_text(errors="replace").splitlines()
			if guest.shell or accel != "tcg" or not left or not console.any_line(
					lines, STALE_BREAKPOINT):
				break
			note("QEMU ran into a breakpoint that the kernel had taken out: "
			     f"{relative(log)}; once more")
			log.replace(log.with_name(f"{log.stem}-breakpoint{log.suffix}"))
	except OSError as error:
		raise Failure(explain(error)) from error
	verdict, reason = console.judge(lines, ending, guest)
	return Boot(verdict, reason, log, ending.seconds, lines, accel, ending.arrived)


def how_to_build(kernel):
	try:
		name = Path(os.path.abspath(kernel)).relative_to(BUILD / "kernel")
	except ValueError:
		return "give the path of a kernel image"
	return "run scripts/build " + re.sub("/arch/.*", "", str(name))


# ---- KVM -----------------------------------------------------------------

kvm_lock = threading.Lock()


@functools.cache
def note(text):
	"""Say it once."""
	print(text, file=sys.stderr, flush=True)


def accelerator(kernel):
	"""KVM where it really works, else TCG.

	On nested machines /dev/kvm is often there and usable, and yet the guest
	hangs before its first line. So a short trial boot decides, once for each
	boot of the host.
	"""
	with kvm_lock:
		if not Path("/dev/kvm").exists():
			return "tcg"
		if kernels.architecture_of(kernel).cross:
			return "tcg"
		if not os.access("/dev/kvm", os.R_OK | os.W_OK):
			note("KVM: no access to /dev/kvm, using TCG (slower)")
			return "tcg"
		host = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
		memory = BUILD / "kvm-trial"
		try:
			tried, answer = memory.read_text().split()
		except (OSError, ValueError):
			tried, answer = None, None
		if tried != host:
			log = BUILD / "log/kvm-trial.txt"
			small = Guest(memory="1G", cpus=1, timeout=KVM_TRIAL_TIMEOUT)
			trial = boot(kernel, small, log, accel="kvm")
			answer = "usable" if console.any_line(trial.lines, console.REACHED_INIT) else "unusable"
			# The kernel may be to blame: remember only what holds for others
			if answer == "usable" or not trial.lines:
				memory.write_text(f"{host} {answer}\n")
		if answer == "usable":
			return "kvm"
		note("KVM: /dev/kvm is there, but a trial guest did not reach init; "
		     "using TCG (slower)")
		return "tcg"
