# SPDX-License-Identifier: GPL-2.0
"""What goes wrong is said in one line, and harms nothing.

Each time with a status that is not 0, and nothing that was built is lost.

Programs that would do harm, or that should fail, are replaced by small ones
in front of PATH.
"""

import contextlib
import fcntl
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import kernels
from host import terminal
from host.git import tree_git
from host.places import BUILD, ROOT
from host.programs import descendants, run_program
from host.reason import reason
from patchqueue.mails import sparse_clone
from tests import refused, toy

PLACE = BUILD / "test/bad-input"
KERNEL = "series"

NOTHING_INSTALLED = "exit 1"
NO_NETWORK = """
echo "E: Unable to fetch some archives, maybe run apt-get update" >&2
exit 100"""
SUDO_WITHOUT_QUESTIONS = """
while [ "${1#-}" != "$1" ]; do shift; done
[ $# -eq 0 ] || exec "$@"
"""
DISK_IS_FULL = """
import shutil
from types import SimpleNamespace
shutil.disk_usage = lambda folder: SimpleNamespace(free=10 << 20)
"""
COMPILER_FINDS_DISK_FULL = """
case " $* " in
*" bzImage "*)
	echo "cc1: fatal error: mm/mm_init.s: No space left on device"
	exit 2
esac
exec /usr/bin/make "$@"
"""
LACKS_FLEX = """
echo "make: Entering directory '/somewhere/src'"
echo "  HOSTCC  scripts/kconfig/conf.o"
echo "  LEX     scripts/kconfig/lexer.lex.c"
echo "/bin/sh: 1: flex: not found"
echo "make[2]: *** [scripts/Makefile.host:9: scripts/kconfig/lexer.lex.c] Error 127"
echo "make: *** [Makefile:226: __sub-make] Error 2"
echo "make: Leaving directory '/somewhere/src'"
exit 2
"""
HANGS_WITH_KVM = """
case "$*" in
*"-accel kvm"*) exec sleep 1000
esac
exec /usr/bin/qemu-system-x86_64 "$@"
"""


class Case:
	"""Runs one command, and says what is wrong with the way it failed."""

	def __init__(self, name, instead=None, **environment):
		self.place = PLACE / name
		shutil.rmtree(self.place, ignore_errors=True)
		self.place.mkdir(parents=True)
		self.environment = dict(os.environ, **environment)
		if instead:
			programs = self.place / "bin"
			programs.mkdir()
			for program, text in instead.items():
				path = programs / program
				path.write_text(f"#!/bin/sh\n{text.strip()}\n")
				path.chmod(0o755)
			self.environment["PATH"] = f"{programs}:{os.environ['PATH']}"

	def run(self, *command, says, status=None):
		"""`says` is a pattern for the one line it must end with."""
		before = images()
		ended = subprocess.run([str(word) for word in command], cwd=ROOT,
				       env=self.environment, text=True,
				       errors="replace", stdin=subprocess.DEVNULL,
				       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
				       timeout=1800)
		(self.place / "output.txt").write_text(ended.stdout + ended.stderr)
		return (self.judge(ended.returncode, ended.stdout, ended.stderr,
				   says, status)
			+ lost_images(before))

	@staticmethod
	def judge(returncode, stdout, stderr, says, status):
		problems = []
		if returncode == 0 or status not in (None, returncode):
			problems.append(f"the status was {returncode}")
		# That KVM does not work is worth a note, and no part of the answer
		errors = [line for line in stderr.splitlines()
			  if line.strip() and not line.startswith("KVM: ")]
		lines = stdout.splitlines() + errors
		last = errors or stdout.splitlines()
		if not last or not re.search(says, last[-1]):
			problems.append(f"its last line was '{(last or [''])[-1]}', and "
					f"should have matched '{says}'")
		if sum(bool(re.search(says, line)) for line in lines) > 1:
			problems.append("it said so more than once")
		for line in lines:
			if re.match(r"Traceback |\S+: line \d+: ", line):
				problems.append(f"it also said '{line}'")
		return problems


def images():
	return {str(path): path.stat().st_mtime_ns
		for architecture in kernels.ARCHITECTURES.values()
		for path in (BUILD / "kernel").glob(f"**/{architecture.image}")}


def lost_images(before):
	"""What is wrong if some of them are not there any more, or others. New ones may be
	there: kernels are built ahead."""
	return ["a built kernel was lost"] * bool(before.items() - images().items())


# ---- the cases ---------------------------------------------------------------

def missing_package():
	"""a missing package, with NO_INSTALL=1"""
	return Case("missing-package", {"dpkg-query": NOTHING_INSTALLED},
		    NO_INSTALL="1").run(
		"scripts/setup", "boot",
		says=r"^setup: missing, .*NO_INSTALL.*qemu-system-x86")


def no_network():
	"""no network for packages"""
	return Case("no-network", {"dpkg-query": NOTHING_INSTALLED,
				   "apt-get": NO_NETWORK,
				   "sudo": SUDO_WITHOUT_QUESTIONS},
		    NO_INSTALL="").run(
		"scripts/setup", "boot",
		says=r"^setup: could not install .*Unable to fetch.*network")


def disk_full_for_packages():
	"""no disk space for packages"""
	case = Case("disk-full-for-packages", {"dpkg-query": NOTHING_INSTALLED,
					       "apt-get": NO_NETWORK,
					       "sudo": SUDO_WITHOUT_QUESTIONS}, NO_INSTALL="")
	case.environment["PYTHONPATH"] = str(case.place)
	(case.place / "sitecustomize.py").write_text(DISK_IS_FULL)
	return case.run("scripts/setup", "boot",
			says=r"^setup: \S+ has 10 MiB free and needs")


def disk_full_for_build():
	"""no disk space in the middle of a build"""
	name = "series-off"
	place = BUILD / "kernel" / name
	existed = place.exists()
	# Or there would be nothing to build
	(place / ".stamp").unlink(missing_ok=True)
	try:
		return Case("disk-full-for-build", {"make": COMPILER_FINDS_DISK_FULL}).run(
			"scripts/build", name, says=r"^build: no space left .*free some")
	finally:
		if not existed:
			shutil.rmtree(place, ignore_errors=True)


def build_that_fails():
	"""a build that fails for want of a program"""
	name = "series-off"
	place = BUILD / "kernel" / name
	existed = place.exists()
	for stamp in (".stamp", ".configured", ".built"):
		(place / stamp).unlink(missing_ok=True)
	try:
		return Case("build-that-fails", {"make": LACKS_FLEX}).run(
			"scripts/build", name,
			says=rf"^build: {name} does not build: /bin/sh: 1: flex: not found \(all of")
	finally:
		if not existed:
			shutil.rmtree(place, ignore_errors=True)


def patch_that_does_not_apply():
	"""a patch that no longer applies"""
	case = Case("patch", PADATA_MT_TREE="")
	del case.environment["PADATA_MT_TREE"]
	copy = scratch_copy(case.place / "copy")
	series = [line for line in (copy / "series").read_text().splitlines()
		  if line and not line.startswith("#")]
	# Some only add files
	patch, text = next(
		(patch, text) for patch in series[len(series) // 2:]
		for text in [(copy / "patches" / patch).read_text()]
		if re.search(r"^--- a/", text, re.MULTILINE))
	path = copy / "patches" / patch
	victim = re.search(r"^--- a/(.*)$", text, re.MULTILINE)[1]
	# Every context line of one file is another one now
	head, diff = text.split(f"--- a/{victim}\n", 1)
	path.write_text(head + f"--- a/{victim}\n"
			+ re.sub(r"^ (.+)$", r" \1 once", diff, flags=re.MULTILINE))
	return case.run(copy / "scripts/tree",
			says=rf"^tree: \S*{re.escape(patch)} does not apply.*"
			     rf"{re.escape(victim)}.*mend")


def scratch_copy(copy):
	"""This checkout and its kernel tree, without their size."""
	toy.copy_checkout(copy)
	(copy / "build/base").mkdir(parents=True)
	shutil.copy2(BUILD / "base/base.env", copy / "build/base/base.env")
	sparse_clone(copy / "build/linux", "base")
	tree_git("checkout", "-q", "-B", "series", "base", at=copy / "build/linux")
	return copy


def kernel_that_hangs():
	"""a kernel that hangs"""
	case = Case("hang")
	log = case.place / "console.txt"
	problems = case.run("scripts/boot", KERNEL, "--timeout", "5", "--log", log,
			    "--run", "scripts/tests/never-end",
			    says=r"hang: no end within 5 s, last line: .*console\.txt")
	if " | " not in (case.place / "output.txt").read_text():
		problems.append("it did not show the last console lines")
	return problems


def kernel_that_panics():
	"""a kernel that panics"""
	case = Case("panic")
	return case.run("scripts/boot", KERNEL, "--log", case.place / "console.txt",
			"--append", "rdinit=/missing init=/missing",
			says=r"panic: Kernel panic - not syncing.*console\.txt", status=4)


def kernel_that_warns():
	"""a kernel that warns"""
	case = Case("warning")
	return case.run("scripts/boot", KERNEL, "--log", case.place / "console.txt",
			"--run", "scripts/tests/say-warning",
			says=r"warned: WARNING: .*console\.txt", status=3)


def guest_that_stops_early():
	"""a guest that stops early"""
	case = Case("early")
	program = case.place / "stop"
	program.write_text("#!/bin/sh\npoweroff -f\n")
	program.chmod(0o755)
	return case.run("scripts/boot", KERNEL, "--log", case.place / "console.txt",
			"--run", program, status=6,
			says=r"stopped: ended before its init was done.*console\.txt")


def shell_in_a_guest():
	"""a shell in a guest: Ctrl-C is for the guest, Ctrl-A x ends it"""
	import pexpect

	case = Case("shell")
	said = io.StringIO()
	# By way of a shell: "make" has one of that name, too
	child = pexpect.spawn("/bin/sh", timeout=60, cwd=str(ROOT), encoding="utf-8",
			      codec_errors="replace", dimensions=(33, 101), echo=False,
			      env=case.environment | {"CPUS": "2", "APPEND": ""})
	child.logfile_read = said
	try:
		child.sendline(f"make boot SHELL=1 MEM=1G KERNEL={KERNEL} NO_INSTALL=1; "
			       "echo status $?; stty size; exit")
		child.expect("/ # ")
		child.sendline("stty size; nproc; sleep 1000")
		child.expect("33 101\\s+2\\s")
		time.sleep(1)
		child.send("\x03")
		child.expect("/ # ")
		child.send("\x01x")
		child.expect(r"ok: ended from the terminal .*status 0\s+33 101\s")
		child.expect(pexpect.EOF)
	except pexpect.ExceptionPexpect as error:
		return [f"{type(error).__name__}, after: {said.getvalue().splitlines()[-1:]}, "
			f"see {case.place / 'output.txt'}"]
	finally:
		child.close(force=True)
		(case.place / "output.txt").write_text(said.getvalue())
	return []


def guest_too_large():
	"""a guest that is larger than the host can map"""
	case = Case("too-large")
	return case.run("scripts/boot", KERNEL, "--memory", "300T",
			"--log", case.place / "console.txt", status=1,
			says="300T is larger than this host can map")


def kvm_that_does_not_work():
	"""a /dev/kvm that is there and does not work"""
	if not os.access("/dev/kvm", os.R_OK | os.W_OK):
		return "there is no /dev/kvm here"
	case = Case("kvm", {"qemu-system-x86_64": HANGS_WITH_KVM})
	# In a folder of its own, since the answer is kept for later boots
	program = (
		"import sys; from pathlib import Path; sys.path.insert(0, 'scripts')\n"
		"from guests import guest; guest.KVM_TRIAL_TIMEOUT = 3\n"
		f"guest.BUILD = Path({str(case.place)!r})\n"
		f"print(guest.accelerator({str(kernels.image(KERNEL))!r}))\n")
	ended = run_program(sys.executable, "-c", program, cwd=ROOT, env=case.environment)
	problems = []
	if ended.stdout.strip() != "tcg":
		problems.append(f"it chose '{ended.stdout.strip()}', not TCG")
	if not re.fullmatch(r"KVM: /dev/kvm is there, but .*TCG.*", ended.stderr.strip()):
		problems.append(f"it said '{ended.stderr.strip()}'")
	return problems


def ctrl_c():
	"""Ctrl-C while a guest runs"""
	case = Case("ctrl-c")
	log = case.place / "console.txt"
	before = images()
	boot = subprocess.Popen([ROOT / "scripts/boot", KERNEL, "--log", log,
				 "--run", "scripts/tests/never-end"], cwd=ROOT,
				text=True, start_new_session=True,
				stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	qemu = []
	end = time.monotonic() + 60
	while time.monotonic() < end and boot.poll() is None and not (
			qemu and log.exists() and log.stat().st_size):
		time.sleep(0.2)
		qemu = qemu_of(boot.pid)
	# Python may be where it drops the exception: who presses the keys does so again
	for _ in range(2):
		os.killpg(boot.pid, signal.SIGINT)
		try:
			output, errors = boot.communicate(timeout=20)
			break
		except subprocess.TimeoutExpired:
			pass
	else:
		boot.kill()
		return ["it went on"]
	problems = case.judge(boot.returncode, output, errors, "^boot: interrupted", 130)
	if not qemu:
		problems.append("it ran no QEMU")
	time.sleep(0.5)
	left = [pid for pid in qemu if Path(f"/proc/{pid}").exists()]
	if left:
		problems.append("it left QEMU behind")
		for pid in left:
			os.kill(pid, signal.SIGKILL)
	return problems + lost_images(before)


def qemu_of(parent):
	"""The process numbers of the QEMUs that `parent` started."""
	found = []
	for pid in descendants(parent):
		with contextlib.suppress(OSError):	# it may have ended
			if Path(f"/proc/{pid}/comm").read_text().startswith("qemu"):
				found.append(pid)
	return found


def wrong_reasons():
	"""Where another line is taken from a log than the one that says why."""
	return [f"'{found}', not '{right}'" for right, log in refused.LOGS
		if (found := reason(log.splitlines())) != right]


# ---- in a small checkout -------------------------------------------------------

def judge_small(ended, says, status=None):
	return Case.judge(ended.returncode, ended.stdout, ended.stderr, says, status)


def wrong_values(report, checkout):
	"""Each line of the two tables in refused.py."""
	names = {"base": str(toy.BASE), "lines": "a\nb <a@b>",
		 "git": "git -C build/linux -c user.name=A -c user.email=a@b"}
	before = toy.contents(checkout)
	for about, command, says in refused.VALUES:
		ended = toy.run(checkout, "sh", "-c", refused.fill(command, names))
		problems = judge_small(ended, f"^{says}")
		report.check(not problems, about, problems)
	report.check(toy.contents(checkout) == before, "nothing is lost by all these")

	for about, harm, command, says in refused.FILES:
		place = toy.copy(checkout, "damaged")
		toy.must(place, "bash", "-c", refused.fill(harm, names))
		given = "" if "BASE_TARBALL" in command else "BASE_TARBALL= "
		ended = toy.run(place, "sh", "-c", given + refused.fill(command, names))
		problems = judge_small(ended, f"^{says}")
		report.check(not problems, about, problems)


def without_packages():
	"""A PATH with a dpkg-query that knows of no package."""
	return Case("nothing-installed",
		    {"dpkg-query": NOTHING_INSTALLED}).environment["PATH"]


def nothing_installed(checkout):
	"""no packages: whatever is called first names or installs them"""
	told = re.search(r"^TARGETS = (.*)", (checkout / "Makefile").read_text(), re.M)[1]
	problems = []
	for target in set(told.split()) - {"clean", "figures"}:
		ended = toy.run(checkout, "make", target, KERNEL="series",
				CONFIG=str(BUILD / "kernel/series/.config"), SCENARIO="two-cpus",
				KERNEL_URL="https://a.b/c", INITRAMFS_URL="https://a.b/d",
				PATH=without_packages())
		said = "setup: missing, and not installed because NO_INSTALL is set: "
		if not ended.returncode or said not in ended.stderr + ended.stdout:
			problems.append(f"make {target}: {(ended.stderr + ended.stdout)[-200:]}")
	return problems


LONG = (r"This takes about \d+ min: 1 min to install packages; 2 min to fetch and unpack "
	r"the kernel's source; \d+ min to build 5 kernels, [^;]*; \d+ min to boot and measure\.")


def long_work(checkout):
	"""work that takes long: how long is said at the beginning, and that it goes on"""
	place = toy.copy(checkout, "from-nothing", "build")
	ended = toy.run(place, "scripts/measure", PATH=without_packages())
	first = (ended.stdout.splitlines() or [""])[0]
	problems = [] if re.match(LONG, first) else [f"measure: it said '{first}'"]
	with mock.patch.object(terminal, "progress") as shown, \
			mock.patch.object(terminal.time, "monotonic", return_value=100) as clock, \
			mock.patch.dict(os.environ, PADATA_MT_LEFT=f"{time.time():.0f} 600"):
		with terminal.working_on("Sleeping"), terminal.working_on(lambda: "Dreaming"):
			for now in (0, 2):
				clock.return_value = 100 + now
				wanted = mock.call(f"Sleeping, {now} s; Dreaming, {now} s")
				for _ in range(600):
					if wanted in shown.call_args_list:
						break
					time.sleep(0.1)
				else:
					problems.append(f"after {now} s it shows {shown.call_args_list}")
		shown.reset_mock()
		time.sleep(1.5)
		if shown.called:
			problems.append(f"when all is done it shows {shown.call_args_list}")
		left = terminal.left_of_all()
	if left != "; all: about 10 min left":
		problems.append(f"with ten minutes left it shows '{left}'")
	return problems


def second_run(checkout):
	"""two runs at once in one checkout"""
	problems = []
	lock = checkout / "build/.lock"
	with open(lock, "w") as holder:
		fcntl.flock(holder, fcntl.LOCK_EX)
		print(f"test, process {os.getpid()}", file=holder, flush=True)
		for script in ("tree", "refresh", "check", "mbox", "build series", "bench",
			       "strict one/0001", "measure", "torture", "test figures", "clean"):
			name = script.split()[0]
			ended = toy.run(checkout, "sh", "-c", f"scripts/{script}", BASE_TARBALL="")
			problems += [f"{name}: {problem}" for problem in judge_small(
				ended, rf"^{name}: another run uses this checkout "
				rf"\(test, process {os.getpid()}\)")]
		ended = toy.run(checkout, "scripts/commit-of", "one")
		problems += ["commit-of, which changes nothing, did not run"] * ended.returncode
	return problems


def odd_path(checkout):
	"""a path with blanks, quotes and umlauts: what can work there works"""
	place = toy.copy(checkout, "a b's \"größe\"", "build", "patches", "series")
	shutil.copytree(checkout / "patches", place / "patches")
	shutil.copy(checkout / "series", place / "series")
	cache = toy.PLACE / "cache"
	(place / "be fore.txt").write_text(DMESG)
	(place / "after.txt").write_text(DMESG)
	problems = []
	before = {path: path.read_bytes() for path in place.glob("patches/*/*")}
	try:
		for command in ("scripts/tree", "scripts/refresh", "scripts/mbox",
				"DMESG=\"'be fore.txt' after.txt\" scripts/measure"):
			ended = toy.run(place, "sh", "-c", command, XDG_CACHE_HOME=str(cache))
			if ended.returncode:
				problems.append(f"{command}: {ended.stderr.strip()}")
		if not (place / "build").is_symlink():
			problems.append("build/ is not a link to a path without")
		if before != {path: path.read_bytes() for path in place.glob("patches/*/*")}:
			problems.append("the patches are other ones now")
	finally:
		toy.remove(place)
	return problems


def odd_path_of_build(checkout):
	"""a checkout that was moved to a path with a blank"""
	place = toy.copy(checkout, "moved here")
	ended = toy.run(place, "scripts/build", "series")
	return judge_small(ended, "^build: the kernel's make takes no path like .*make build a link")


def no_home(checkout):
	"""no HOME, one that is not there, no TMPDIR, no such locale, closed files"""
	problems = []
	for about, command in (
			("no HOME", "unset HOME; {}"),
			("a HOME that is not there", "HOME=/dev/null/home {}"),
			("a TMPDIR that is not there", "TMPDIR=/missing {}"),
			("a locale that is not there", "LC_ALL=xx_XX.UTF-8 {}"),
			("the locale C", "LC_ALL=C LANG=C {}"),
			("closed files", "{} <&- >&- 2>&-"),
			("git's variables", "GIT_DIR=/missing GIT_WORK_TREE=/missing {}")):
		(checkout / "before.txt").write_text(DMESG)
		for script in ["scripts/refresh", f"DMESG='{checkout}/before.txt' scripts/measure",
			       *["scripts/mbox"] * about.endswith("HOME")]:
			ended = toy.run(checkout, "sh", "-c", command.format(f"sh -c \"{script}\""))
			# That is bash, before it gets to the script
			said = [line for line in ended.stderr.splitlines()
				if "setlocale: LC_ALL: cannot change" not in line]
			if ended.returncode or said and "measure" in script:
				problems.append(f"{about}, {script}: status {ended.returncode}: "
						f"{ended.stderr.strip()[-200:]}")
	return problems


def reader_that_leaves(checkout):
	"""a reader that has left: scripts/test --help | true"""
	problems = []
	environment = toy.environment()
	# With a buffer, writing fails no sooner than at the end
	environment.pop("PYTHONUNBUFFERED", None)
	for script in ("test --help", "measure --help", "commit-of --list"):
		reader, writer = os.pipe()
		os.close(reader)
		ended = subprocess.run([f"scripts/{script.split()[0]}", script.split()[1]],
				       cwd=checkout, env=environment, text=True,
				       stdin=subprocess.DEVNULL, stdout=writer,
				       stderr=subprocess.PIPE)
		os.close(writer)
		if ended.stderr:
			problems.append(f"{script}: it said '{ended.stderr.strip()[-200:]}'")
	return problems


def read_only(checkout):
	"""a checkout that nobody may write to"""
	if os.geteuid() or subprocess.run(["unshare", "-m", "true"],
					  capture_output=True).returncode:
		return "only root may mount here"
	problems = []
	mount = f"mount --bind {checkout} {checkout} && mount -o remount,bind,ro {checkout}"
	for script in ("tree", "refresh", "check", "mbox", "build series", "measure", "clean"):
		name = script.split()[0]
		# There again, to be below the mount
		ended = toy.run("/", "unshare", "-m", "sh", "-c",
				f"{mount} && cd {checkout} && scripts/{script}")
		problems += [f"{name}: {problem}" for problem in judge_small(
			ended, rf"^{name}: .*(nothing can be written|read-only file system: call)")]
	return problems


DMESG = """[    0.000000] Linux version 6.12.0
[    0.500000] smp: Brought up 1 node, 2 CPUs
[    1.000000] node 0 deferred pages initialised in 80ms
[    2.000000] Run /init as init process
"""
SMALL_CASES = (nothing_installed, long_work, second_run, odd_path, odd_path_of_build, no_home,
	       reader_that_leaves, read_only)

CASES = (missing_package, no_network, disk_full_for_packages, disk_full_for_build,
	 build_that_fails,
	 patch_that_does_not_apply, kernel_that_hangs, kernel_that_panics,
	 kvm_that_does_not_work, guest_too_large, kernel_that_warns,
	 guest_that_stops_early, shell_in_a_guest, ctrl_c)


def check(report):
	for case in CASES:
		check_case(report, case)
	problems = wrong_reasons()
	report.check(not problems, "the line of a log that says why", problems)
	checkout = toy.make()
	wrong_values(report, checkout)
	for case in SMALL_CASES:
		check_case(report, case, checkout)


def check_case(report, case, *arguments):
	try:
		problems = case(*arguments)
	except (OSError, subprocess.SubprocessError) as error:
		problems = [str(error)]
	if isinstance(problems, str):
		report.skip(case.__doc__, problems)
	else:
		report.check(not problems, case.__doc__, problems)
