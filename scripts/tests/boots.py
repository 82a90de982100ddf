# SPDX-License-Identifier: GPL-2.0
"""Boots guests in the background, as many at a time as the host has CPUs.

The threads are daemons: when this process ends, by Ctrl-C too, they end with
it, and their guests with them (see host.programs.die_with_parent).
"""

import configparser
import os
import queue
import re
import threading
from concurrent.futures import Future
from pathlib import Path

import kernels
from guests import guest
from host.failure import Failure
from host.places import BUILD, relative

waiting = queue.SimpleQueue()
workers = []


def sections(file):
	"""{name: settings} of the guests in an INI file of the tests."""
	# No interpolation: memmap= has $ in it
	parser = configparser.ConfigParser(interpolation=None)
	parser.read(Path(__file__).with_name(file))
	return {name: dict(parser[name]) for name in parser.sections()}


def start(kernel, settings, log):
	"""A future of the guest.Boot. `kernel` is a name below build/kernel,
	`settings` are the strings that guest.settings() takes, and the console
	goes to build/test/`log`."""
	settings = dict(settings, debug=str(kernels.parse(kernel).sanitizers))
	future = Future()
	waiting.put((future, kernels.image(kernel),
		     guest.settings(settings), BUILD / "test" / log))
	if len(workers) < os.cpu_count():
		workers.append(threading.Thread(target=work, daemon=True))
		workers[-1].start()
	return future


def work():
	while True:
		future, image, settings, log = waiting.get()
		try:
			future.set_result(guest.boot(image, settings, log))
		except Exception as error:
			future.set_exception(error)


def outcome(future):
	"""(the guest.Boot or None, why there is none)"""
	try:
		return future.result(), ""
	except Failure as failure:
		return None, str(failure)


def deferred_nodes(lines):
	"""The nodes that had struct pages initialised late."""
	found = (re.search(r"node (\d+) deferred pages initialised", line)
		 for line in lines)
	return {int(match[1]) for match in found if match}


def describe(kernel, result):
	"""A boot that went wrong, for a person."""
	lines = [f"{kernel}: {result.verdict}: {result.reason}",
		 f"  log: {relative(result.log)}"]
	if result.verdict in ("panic", "hang", "stopped"):
		lines += [f"  | {line}" for line in result.last_lines(8)]
	return lines
