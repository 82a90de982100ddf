# SPDX-License-Identifier: GPL-2.0
"""What the Python scripts share: places, errors, progress, one run at a time.

The counterpart of lib.sh.
"""

import errno
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LINUX = Path(os.environ.get("PADATA_MT_TREE", BUILD / "linux"))


class Failure(Exception):
	"""What went wrong and what to do about it, in one line."""


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
	if sys.stderr.isatty():
		print(f"\r\033[K{text[:79]}", end="", file=sys.stderr, flush=True)
	elif now - progress.last >= 30:
		print(text, file=sys.stderr, flush=True)
		progress.last = now


progress.last = -1000


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
	BUILD.mkdir(exist_ok=True)
	lock = open(BUILD / ".lock", "a+")
	try:
		fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
	except BlockingIOError:
		lock.seek(0)
		raise Failure(f"another run uses this checkout ({lock.read().strip()}): "
			      "wait for it or stop it, then call again") from None
	lock.truncate(0)
	print(f"{Path(sys.argv[0]).name}, process {os.getpid()}", file=lock, flush=True)
	os.environ["PADATA_MT_LOCK"] = str(BUILD)
	take_lock.held = lock


def explain(error):
	"""An OSError in one line that says what to do."""
	if error.errno in (errno.ENOSPC, errno.EDQUOT):
		return (f"no space left on the disk that holds {relative(BUILD)}: free "
			"some, then call again; what is done is kept")
	return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def run(main):
	"""Call main(), and turn what may go wrong into one line and a status."""
	name = Path(sys.argv[0]).name
	status = 1
	# A plain kill gets the same tidy end as Ctrl-C
	signal.signal(signal.SIGTERM, signal.default_int_handler)
	try:
		status = main()
	except Failure as failure:
		message = str(failure)
	except KeyboardInterrupt:
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
