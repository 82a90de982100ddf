# SPDX-License-Identifier: GPL-2.0
"""Builds kernels while the tests leave a CPU idle: many of them use one only."""

import contextlib
import os
import subprocess
import threading

from host.places import ROOT
from host.programs import end, end_with_parent


def when_idle():
	"""For preexec_fn. Whatever else wakes up gets the CPU at once, which it would not
	beside a low priority."""
	end_with_parent()
	os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


@contextlib.contextmanager
def building(names):
	"""Kernels, one after the other, by what nobody else wants of the CPUs. Whether they
	can be built, the parts find out that need them. Who needs another one meanwhile
	waits for one only.
	"""
	starting, started, over = threading.Lock(), [], threading.Event()

	def build_all():
		for name in names:
			with starting:
				if over.is_set():
					return
				started.append(subprocess.Popen(
					[ROOT / "scripts/build", name],
					stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
					stderr=subprocess.DEVNULL, preexec_fn=when_idle))
			started[-1].wait()

	thread = threading.Thread(target=build_all, daemon=True)
	thread.start()
	try:
		yield
	finally:
		with starting:
			over.set()
		for process in started[-1:]:
			end(process, patience=None)
		thread.join()
