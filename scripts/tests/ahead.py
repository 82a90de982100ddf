# SPDX-License-Identifier: GPL-2.0
"""Builds kernels while the tests leave a CPU idle: many of them use one only."""

import contextlib
import subprocess
import threading

import kernels
from host.places import ROOT
from host.programs import end, end_with_parent


def can_be_built(words, tasks):
	"""Whether the packages are there that a call of scripts/build needs. Nothing is
	installed in the background."""
	return all(set(kernels.parse(word).tasks) <= set(tasks)
		   for word in words if not word.startswith("--"))


@contextlib.contextmanager
def building(calls):
	"""Calls of scripts/build, one after the other, by what nobody else wants of the
	CPUs. Whether they succeed, the parts find out that need these kernels."""
	starting, started, over = threading.Lock(), [], threading.Event()

	def build_all():
		for words in calls:
			with starting:
				if over.is_set():
					return
				started.append(subprocess.Popen(
					["nice", "-n", "19", ROOT / "scripts/build", *words],
					stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
					stderr=subprocess.DEVNULL, preexec_fn=end_with_parent))
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
