# SPDX-License-Identifier: GPL-2.0
"""What the scripts share: places, errors, progress, programs, one run at a time."""

import argparse
import concurrent.futures
import contextlib
import ctypes
import errno
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from reason import reason

# Until run() there is nothing to tidy
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
	signal.signal(signal.SIGINT, signal.SIG_DFL)
# What the caller has closed: the next file to be opened would take its place
for number, name in enumerate(("stdin", "stdout", "stderr")):
	if getattr(sys, name) is None:
		os.open(os.devnull, os.O_RDWR)
		setattr(sys, name, open(number, "w" if number else "r"))
# What git and the file system give is passed on as it is
for stream in (sys.stdout, sys.stderr):
	stream.reconfigure(encoding="utf-8", errors="surrogateescape")
# What programs say is read here
os.environ["LC_ALL"] = "C.UTF-8"

# Called from a git hook or from make, these would redirect git and the kernel's make
for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
	     "GIT_PREFIX", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
	     "GIT_NAMESPACE", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
	os.environ.pop(name, None)

ROOT = Path(__file__).resolve().parent.parent


class Failure(Exception):
	"""What went wrong and what to do about it, in one line."""


def owner(path):
	try:
		return path.owner()
	except (KeyError, OSError):
		return "somebody else"


def refuse_to_write(path):
	if not os.access(path, os.W_OK):
		raise Failure(f"nothing can be written to {path}, which belongs to "
			      f"{owner(path)}: call as that user, or take a clone of your own")


def make_folder(path):
	"""Make a folder unless it is there, and see that it can be written to."""
	path = Path(path)
	try:
		path.mkdir(parents=True, exist_ok=True)
	except OSError as error:
		raise Failure(f"the folder {path} cannot be made: {error.strerror}") from None
	refuse_to_write(path)


# What the kernel's make takes: no blanks, quotes and the like
PLAIN_PATH = re.compile(r"[\w/.+@-]+")


def build_folder():
	"""Where build/ is. In a checkout with an odd path it becomes a link to a place that
	has none; where a link leads has to be there."""
	link = ROOT / "build"
	build = link.resolve()
	if PLAIN_PATH.fullmatch(str(ROOT)) or link.exists():
		return build
	if link.is_symlink():
		make_folder(build)
		return build
	refuse_to_write(ROOT)
	home = os.environ.get("HOME")
	for place in (os.environ.get("XDG_CACHE_HOME"), home and f"{home}/.cache", "/var/tmp"):
		if not place or not PLAIN_PATH.fullmatch(place):
			continue
		with contextlib.suppress(OSError):
			os.makedirs(place, exist_ok=True)
			build = Path(tempfile.mkdtemp("", "padata-mt.", place)).resolve()
			link.symlink_to(build)
			print(f"The kernel takes no path like {ROOT}: build/ is a link to "
			      f"{build}", file=sys.stderr)
			return build
	raise Failure(f"the kernel's make takes no path like {ROOT}: make build a link to a "
		      "folder whose path has only letters, digits and ._+@-")


try:
	BUILD = build_folder()
except (Failure, OSError, RuntimeError) as failure:
	sys.exit(f"{Path(sys.argv[0]).name}: {failure}")
# The kernel tree, with one commit per patch
LINUX = Path(os.environ.get("PADATA_MT_TREE") or BUILD / "linux").absolute()


class Parser(argparse.ArgumentParser):
	"""Says in one line what is wrong with the arguments."""

	def error(self, message):
		raise Failure(f"{message} (--help lists what there is)")


def no_arguments():
	"""For scripts in which nothing is given by the order of words."""
	if sys.argv[1:]:
		raise Failure(f'"{sys.argv[1]}": takes no arguments, but variables: "make '
			      'help" lists them')


def relative(path):
	"""The path as a person would type it from here."""
	try:
		return Path(os.path.abspath(path)).relative_to(Path.cwd())
	except ValueError:
		return path


def show(text):
	"""What is going on now, on a terminal only: in one line, rewritten each time."""
	if sys.stderr.isatty():
		left = left_of_all()
		print(f"\r\033[K{text[:COLUMNS - len(left)]}{left}", end="", file=sys.stderr,
		      flush=True)


def clear():
	if sys.stderr.isatty():
		print("\r\033[K", end="", file=sys.stderr, flush=True)


def progress(text):
	"""What is going on now: elsewhere than on a terminal, every now and then."""
	now = time.monotonic()
	if sys.stderr.isatty():
		show(text)
	elif now - progress.last >= 30:
		print(text + left_of_all(), file=sys.stderr, flush=True)
		progress.last = now


progress.last = -1000
COLUMNS = 79


def expect(seconds, after):
	"""For the progress of this script and of those that it calls: how long what
	begins now may take, and what comes after it."""
	os.environ["PADATA_MT_LEFT"] = f"{time.time() + seconds:.0f} {after:.0f}"


def expect_no_more():
	os.environ.pop("PADATA_MT_LEFT", None)


def left_of_all():
	until, _, after = os.environ.get("PADATA_MT_LEFT", "").partition(" ")
	if not until:
		return ""
	# To the minute, or it would look as if that were known to the second
	left = max(int(until) - time.time(), 0) + int(after)
	return f"; all: about {max(round(left / 60), 1)} min left"


# {key: (what a thread is about, when it began)}
doing = {}
doing_lock = threading.Lock()
something_began = threading.Event()


@contextlib.contextmanager
def working_on(text):
	"""Shows meanwhile what is done, which a function may say, and for how long: also
	while nothing happens that could be told."""
	key = object()
	with doing_lock:
		doing[key] = text, time.monotonic()
		something_began.set()
		if not show_doing.thread:
			show_doing.thread = threading.Thread(target=show_doing, daemon=True)
			show_doing.thread.start()
	try:
		yield
	finally:
		with doing_lock:
			del doing[key]


def show_doing():
	while True:
		with doing_lock:
			if doing:
				progress("; ".join(
					f"{text() if callable(text) else text}, "
					+ duration(time.monotonic() - began)
					for text, began in doing.values()))
		something_began.wait(1)
		something_began.clear()


show_doing.thread = None


def step(text, log, work, *arguments):
	"""Do something that may take long, and say whether it has worked; begin the log
	of it. On a terminal it tells for how long, elsewhere when it begins and is done."""
	log.parent.mkdir(parents=True, exist_ok=True)
	log.write_bytes(b"")
	if sys.stderr.isatty():
		with working_on(text):
			worked = work(*arguments)
		clear()
		return worked
	began = time.monotonic()
	print(text, file=sys.stderr, flush=True)
	if worked := work(*arguments):
		print(f"{text}: done in {time.monotonic() - began:.0f} s", file=sys.stderr,
		      flush=True)
	return worked


def say(text):
	clear()
	print(text, flush=True)


def duration(seconds):
	seconds = round(seconds)
	if seconds < 90:
		return f"{seconds} s"
	return f"{seconds // 60} min {seconds % 60:02} s"


def plural(count, thing):
	return f"{count} {thing}" + "s" * (str(count) != "1")


def take_lock():
	"""One run at a time in one checkout. Scripts called by the holder pass."""
	make_folder(BUILD / "log")
	if os.environ.get("PADATA_MT_LOCK") == str(BUILD):
		return
	path = BUILD / ".lock"
	if path.exists() and not os.access(path, os.W_OK):
		raise Failure(f"{path} belongs to {owner(path)}: call as that user, or take a "
			      "clone of your own")
	lock = open(path, "a+")
	try:
		fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
	except BlockingIOError:
		lock.seek(0)
		holder = lock.read().strip()
		if not Path("/proc", holder.rpartition(" ")[2]).exists():
			holder += ", which was killed, but not what it started"
		raise Failure(f"another run uses this checkout ({holder}): "
			      "wait for it or stop it, then call again") from None
	lock.truncate(0)
	print(f"{Path(sys.argv[0]).name}, process {os.getpid()}", file=lock, flush=True)
	os.environ["PADATA_MT_LOCK"] = str(BUILD)
	take_lock.held = lock


def prepare(*tasks, tree=True, lock=True):
	"""What each script does first: the lock, the packages that its tasks need (see
	scripts/setup), and the kernel tree."""
	if lock:
		take_lock()
	# Once is enough for what this one calls
	known = os.environ.get("PADATA_MT_PACKAGES", "").split()
	scripts = [] if set(tasks) <= set(known) else [["setup", *tasks]]
	for script, *words in scripts + [["tree"]] * tree:
		if status := call(ROOT / "scripts" / script, *words):
			raise SystemExit(status)	# it has said why
	os.environ["PADATA_MT_PACKAGES"] = " ".join(dict.fromkeys([*known, *tasks]))


def need_space(mebibytes, folder=BUILD):
	have = shutil.disk_usage(folder).free >> 20
	if have < mebibytes:
		raise Failure(f"{folder} has {have} MiB free and needs {mebibytes}: free some "
			      '("make clean" removes built kernels and reports), then call '
			      "again; what is done so far is kept")


def remove(path):
	"""Whatever it is, if it is there."""
	if path.is_dir() and not path.is_symlink():
		shutil.rmtree(path)
	else:
		path.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_folder(path):
	"""An empty folder, which goes at the end, however that comes."""
	try:
		remove(path)
		path.mkdir(parents=True)
		yield path
	finally:
		with signals_later():
			shutil.rmtree(path, ignore_errors=True)


SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


@contextlib.contextmanager
def signals_later():
	"""What would interrupt this does so at its end."""
	before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
	try:
		yield
	finally:
		signal.pthread_sigmask(signal.SIG_SETMASK, before)


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def end_with_parent():
	"""For preexec_fn: leaves no process behind, however this one ends."""
	LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
	# Those that came meanwhile end it, too
	for number in SIGNALS:
		if signal.getsignal(number) != signal.SIG_IGN:
			signal.signal(number, signal.SIG_DFL)
	signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end(process):
	"""Give a program the time to tidy up, such as git its locks. It may be root's."""
	for number in (signal.SIGTERM, signal.SIGKILL):
		with contextlib.suppress(PermissionError):
			process.send_signal(number)
		with contextlib.suppress(subprocess.TimeoutExpired):
			process.wait(2)
			return


def call(*command, **options):
	"""Run a script of ours, and return its status. An interrupted one gets the
	time to tidy up."""
	process = None
	try:
		# Python would lose a process that it is about to start, or the signal
		with signals_later():
			process = subprocess.Popen(command, preexec_fn=end_with_parent,
						   **options)
		return process.wait()
	except BaseException:
		if process:
			process.terminate()
			process.wait()
		raise


def run_program(*command, input=None, text=True, **options):
	"""Run a program to its end, and keep what it says unless options send that
	elsewhere. Text has its line ends and its odd bytes, too, as they were."""
	options = {"stdin": subprocess.DEVNULL if input is None else subprocess.PIPE,
		   "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
	process = None
	try:
		with signals_later():		# as in call()
			process = subprocess.Popen(list(map(str, command)),
						   preexec_fn=end_with_parent, **options)
		said = process.communicate(encode(input) if isinstance(input, str) else input)
	except BaseException:
		if process:
			end(process)
		raise
	return subprocess.CompletedProcess(command, process.returncode, *(
		decode(part) if text and part is not None else part for part in said))


def logged(log, *command, **options):
	"""Add what a program says to a log, and say whether it has worked."""
	with open(log, "ab") as file:
		return run_program(*command, stdout=file, stderr=subprocess.STDOUT,
				   **options).returncode == 0


def encode(text):
	return text.encode("utf-8", "surrogateescape")


def decode(data):
	return data.decode("utf-8", "surrogateescape")


def side_by_side(function, arguments):
	"""Yields (argument, function(argument)) as they are done, on all CPUs."""
	pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
	started = {pool.submit(function, argument): argument for argument in arguments}
	try:
		for done in concurrent.futures.as_completed(started):
			yield started[done], done.result()
	finally:
		# When interrupted: else all the others had to end first
		pool.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def thread_pool(jobs):
	"""A pool with a thread for each CPU. Jobs are the futures in a dict; when they are
	not waited for, such as after Ctrl-C, what they have started is ended."""
	pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
	try:
		yield pool
	except BaseException:
		pool.shutdown(wait=False, cancel_futures=True)
		# To ignore them would be inherited
		for number in SIGNALS:
			signal.signal(number, lambda *_: None)
		told, late = set(), time.monotonic() + 5
		while not all(job.done() for job in jobs.values()):
			number = signal.SIGKILL if time.monotonic() > late else signal.SIGTERM
			for process in descendants(os.getpid()):
				# Only once, or its tidy end would be interrupted as well
				if (process, number) not in told:
					told.add((process, number))
					with contextlib.suppress(OSError):
						os.kill(process, number)
			time.sleep(0.05)
		raise


def descendants(process):
	"""All that it has started, and that these have."""
	for path in Path(f"/proc/{process}/task").glob("*/children"):
		with contextlib.suppress(OSError):
			for child in path.read_text().split():
				yield from descendants(child)
				yield int(child)


# Everything that shapes a patch set, so that the same commits give the same bytes
# everywhere. The function names in hunk headers come from a pattern built into git,
# which versions of git change; hence one of our own. safe.directory: in a container the
# checkout often belongs to another user.
GIT_SETTINGS = [word for setting in (
	"safe.directory=*", "core.hooksPath=/dev/null", "commit.gpgSign=false", "gc.auto=0",
	"core.quotePath=true", "core.autocrlf=false", "core.pager=cat",
	"log.mailmap=false", "log.showSignature=false",
	"i18n.commitEncoding=UTF-8", "i18n.logOutputEncoding=UTF-8",
	"diff.algorithm=myers", "diff.indentHeuristic=true", "diff.renames=false",
	"diff.context=3", "diff.interHunkContext=0", "diff.noprefix=false",
	"diff.mnemonicPrefix=false", "diff.suppressBlankEmpty=false",
	"diff.orderFile=/dev/null",
	"diff.cpp.xfuncname=!^[ \t]*[A-Za-z_][A-Za-z_0-9]*:[[:space:]]*($|/[/*])\n"
	"^([A-Za-z_].*)$") for word in ("-c", setting)]


def git(*arguments, at=None, **options):
	"""git in the kernel tree or at another place, without the user's configuration."""
	environment = os.environ | options.pop("env", {}) | {
		"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_TERMINAL_PROMPT": "0"}
	return run_program("git", *GIT_SETTINGS, "-C", at or LINUX, *arguments,
			   env=environment, **options)


def tree_git(*arguments, at=None, **options):
	"""What git() says, without the end of its last line; it must not fail."""
	ended = git(*arguments, at=at, **options)
	if ended.returncode:
		said = ended.stderr or ""
		said = said if isinstance(said, str) else decode(said)
		raise Failure(f"git {arguments[0]} failed: {reason(said.splitlines())}")
	return ended.stdout.rstrip("\n") if isinstance(ended.stdout, str) else ended.stdout


def explain(error):
	"""An OSError in one line that says what to do."""
	if error.errno in (errno.ENOSPC, errno.EDQUOT):
		return (f"no space left on the disk that holds {relative(BUILD)}: free "
			"some, then call again; what is done is kept")
	if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
		return (f"{error.filename}: {error.strerror.lower()}: call as the user who "
			"may, or take a clone of your own")
	return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def interrupt(number, _):
	"""Once, where several who end this do so at the same time."""
	now = time.monotonic()
	if now - interrupt.last > 1:
		interrupt.last, interrupt.number = now, number
		raise KeyboardInterrupt


interrupt.last, interrupt.number = -1000, signal.SIGINT


def run(main):
	"""Call main(), and turn what may go wrong into one line and a status."""
	name = Path(sys.argv[0]).name
	status, message = 1, ""
	try:
		# A plain kill gets the same tidy end as Ctrl-C, and so does a lost terminal
		with signals_later():
			for number in SIGNALS:
				if number == signal.SIGTERM or (
						signal.getsignal(number) != signal.SIG_IGN):
					signal.signal(number, interrupt)
		try:
			status = main()
		except SystemExit as end:	# argparse's, after --help
			status = end.code
		sys.stdout.flush()
	except Failure as failure:
		message = str(failure)
	except KeyboardInterrupt:
		message = "interrupted; what is done is kept, call again to go on"
		status = 128 + interrupt.number
	except BrokenPipeError:
		os._exit(1)
	except OSError as error:
		message = explain(error)
	for number in SIGNALS:
		signal.signal(number, signal.SIG_IGN)
	if message:
		clear()
		print(f"{name}: {message}", file=sys.stderr)
	sys.exit(status)
