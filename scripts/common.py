# SPDX-License-Identifier: GPL-2.0
"""What the Python scripts share: places, errors, progress, one run at a time.

The counterpart of lib.sh.
"""

import argparse
import concurrent.futures
import contextlib
import ctypes
import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# What the caller has closed: the next file to be opened would take its place
for number, name in enumerate(("stdin", "stdout", "stderr")):
	if getattr(sys, name) is None:
		os.open(os.devnull, os.O_RDWR)
		setattr(sys, name, open(number, "w" if number else "r"))

# Called from a git hook or from make, these would redirect git and the kernel's make
for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
	     "GIT_PREFIX", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
	     "GIT_NAMESPACE", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
	os.environ.pop(name, None)

ROOT = Path(__file__).resolve().parent.parent
# What the kernel's make takes. Elsewhere lib.sh makes build/ a link to such a path.
PLAIN_PATH = re.compile(r"[\w/.+@-]+")
if not PLAIN_PATH.fullmatch(str(ROOT)) and subprocess.run(
		["bash", "-c", '. "$1"', sys.argv[0], ROOT / "scripts/lib.sh"]).returncode:
	sys.exit(1)		# it has said why
# Where the link leads, if it is one
BUILD = (ROOT / "build").resolve()
LINUX = Path(os.environ.get("PADATA_MT_TREE", BUILD / "linux"))


class Failure(Exception):
	"""What went wrong and what to do about it, in one line."""


class Parser(argparse.ArgumentParser):
	"""Says in one line what is wrong with the arguments."""

	def error(self, message):
		raise Failure(f"{message} (--help lists what there is)")


def relative(path):
	"""The path as a person would type it from here."""
	try:
		return Path(os.path.abspath(path)).relative_to(Path.cwd())
	except ValueError:
		return path


def progress(text):
	"""What is going on now: on a terminal in one line, rewritten each time;
	elsewhere every now and then."""
	now = time.monotonic()
	left = left_of_all()
	if sys.stderr.isatty():
		print(f"\r\033[K{text[:COLUMNS - len(left)]}{left}", end="", file=sys.stderr,
		      flush=True)
	elif now - progress.last >= 30:
		print(text + left, file=sys.stderr, flush=True)
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
	"""As lib.sh has it."""
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


def say(text):
	if sys.stderr.isatty():
		print("\r\033[K", end="", file=sys.stderr, flush=True)
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
	if os.environ.get("PADATA_MT_LOCK") == str(BUILD):
		return
	(BUILD / "log").mkdir(parents=True, exist_ok=True)
	lock = open(BUILD / ".lock", "a+")
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
	scripts/setup), and the kernel tree. The counterpart of that in lib.sh."""
	if lock:
		take_lock()
	# Once is enough for what this one calls
	known = os.environ.get("PADATA_MT_PACKAGES", "").split()
	scripts = [] if set(tasks) <= set(known) else [["setup", *tasks]]
	for script, *words in scripts + [["tree"]] * tree:
		if status := call(ROOT / "scripts" / script, *words):
			raise SystemExit(status)	# it has said why
	os.environ["PADATA_MT_PACKAGES"] = " ".join(dict.fromkeys([*known, *tasks]))


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def end_with_parent():
	"""For preexec_fn: leaves no process behind, however this one ends."""
	LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def call(*command, **options):
	"""Run a script of ours, and return its status. An interrupted one gets the
	time to tidy up."""
	process = subprocess.Popen(command, preexec_fn=end_with_parent, **options)
	try:
		return process.wait()
	except BaseException:
		process.terminate()
		process.wait()
		raise


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


def git(*arguments, at=None, **options):
	"""git without the user's configuration: see clean_git() in lib.sh."""
	environment = options.pop("env", os.environ) | {
		"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
	return subprocess.run(["git", "-c", "safe.directory=*", "-c", "gc.auto=0",
			       "-c", "core.hooksPath=/dev/null", "-C", at or LINUX, *arguments],
			      text=True, errors="replace", capture_output=True,
			      env=environment, **options)


def explain(error):
	"""An OSError in one line that says what to do."""
	if error.errno in (errno.ENOSPC, errno.EDQUOT):
		return (f"no space left on the disk that holds {relative(BUILD)}: free "
			"some, then call again; what is done is kept")
	if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
		return (f"{error.filename}: {error.strerror.lower()}: call as the user who "
			"may, or take a clone of your own")
	return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def run(main):
	"""Call main(), and turn what may go wrong into one line and a status."""
	name = Path(sys.argv[0]).name
	status = 1
	# A plain kill gets the same tidy end as Ctrl-C, and so does a lost terminal
	signal.signal(signal.SIGTERM, signal.default_int_handler)
	if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
		signal.signal(signal.SIGHUP, signal.default_int_handler)
	try:
		try:
			status = main()
		except SystemExit as end:	# argparse's, after --help
			status = end.code
		sys.stdout.flush()
	except Failure as failure:
		message = str(failure)
	except KeyboardInterrupt:
		for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
			signal.signal(number, signal.SIG_IGN)
		message = "interrupted; what is done is kept, call again to go on"
		status = 130
	except BrokenPipeError:
		os._exit(1)
	except OSError as error:
		message = explain(error)
	else:
		sys.exit(status)
	if sys.stderr.isatty():
		print("\r\033[K", end="", file=sys.stderr)
	print(f"{name}: {message}", file=sys.stderr)
	sys.exit(status)
