# SPDX-License-Identifier: GPL-2.0
"""Runs other programs, one or several at a time, and ends them with this one."""

import concurrent.futures
import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

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


def die_with_parent(number=signal.SIGKILL):
	"""For preexec_fn: leaves no process behind, however this one ends."""
	LIBC.prctl(PR_SET_PDEATHSIG, number)


def end_with_parent():
	"""For preexec_fn, too, of a program that has to tidy up before it ends."""
	die_with_parent(signal.SIGTERM)
	# Those that came meanwhile end it, too
	for number in SIGNALS:
		if signal.getsignal(number) != signal.SIG_IGN:
			signal.signal(number, signal.SIG_DFL)
	signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end(process, patience=2):
	"""Give a program the time to tidy up, such as git its locks. It may be root's."""
	for number in (signal.SIGTERM, signal.SIGKILL):
		with contextlib.suppress(PermissionError):
			process.send_signal(number)
		with contextlib.suppress(subprocess.TimeoutExpired):
			process.wait(patience)
			return


@contextlib.contextmanager
def running(*command, patience=2, **options):
	"""A program, which is ended if this is left by an exception."""
	process = None
	try:
		# Python would lose a process that it is about to start, or the signal
		with signals_later():
			process = subprocess.Popen(list(map(str, command)),
						   preexec_fn=end_with_parent, **options)
		yield process
	except BaseException:
		if process:
			end(process, patience)
		raise


def call(*command, **options):
	"""Run a script of ours, and return its status. An interrupted one gets the
	time to tidy up."""
	with running(*command, patience=None, **options) as process:
		return process.wait()


def run_program(*command, input=None, text=True, **options):
	"""Run a program to its end, and keep what it says unless options send that
	elsewhere. Text has its line ends and its odd bytes, too, as they were."""
	options = {"stdin": subprocess.DEVNULL if input is None else subprocess.PIPE,
		   "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
	with running(*command, **options) as process:
		said = process.communicate(encode(input) if isinstance(input, str) else input)
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
