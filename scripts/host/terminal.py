# SPDX-License-Identifier: GPL-2.0
"""What a script says: its results, and how far it is."""

import contextlib
import os
import sys
import threading
import time


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
