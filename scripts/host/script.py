# SPDX-License-Identifier: GPL-2.0
"""What each script has around its work: arguments, the lock, packages, one line for
what went wrong."""

import argparse
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from host.failure import Failure
from host.places import BUILD, ROOT, explain, make_folder, owner
from host.programs import SIGNALS, call, signals_later
from host.terminal import clear


class Parser(argparse.ArgumentParser):
	"""Says in one line what is wrong with the arguments."""

	def error(self, message):
		raise Failure(f"{message} (--help lists what there is)")


def help_if_asked(about):
	"""For scripts that have no Parser."""
	if sys.argv[1:] in (["-h"], ["--help"]):
		print(about.strip())
		raise SystemExit(0)


def no_arguments(about):
	"""For scripts in which nothing is given by the order of words."""
	help_if_asked(about)
	if sys.argv[1:]:
		raise Failure(f'"{sys.argv[1]}": takes no arguments, but variables: "make '
			      'help" lists them')


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


def must_call(script, *words, **options):
	"""Call a script of ours, and end as it does if that is not well: it has said why."""
	if status := call(ROOT / "scripts" / script, *words, **options):
		raise SystemExit(status)


def prepare(*tasks, tree=True, lock=True):
	"""What each script does first: the lock, the packages that its tasks need (see
	scripts/setup), and the kernel tree."""
	if lock:
		take_lock()
	# Once is enough for what this one calls
	known = os.environ.get("PADATA_MT_PACKAGES", "").split()
	scripts = [] if set(tasks) <= set(known) else [["setup", *tasks]]
	for script, *words in scripts + [["tree"]] * tree:
		must_call(script, *words)
	os.environ["PADATA_MT_PACKAGES"] = " ".join(dict.fromkeys([*known, *tasks]))


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
