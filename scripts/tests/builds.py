# SPDX-License-Identifier: GPL-2.0
"""Calls the other scripts."""

import dataclasses
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from host.places import ROOT
from kernels import kbuild


@dataclasses.dataclass
class Ended:
	status: int
	output: list		# lines of stdout
	errors: list		# lines of stderr, without progress that was rewritten

	@property
	def ok(self):
		return self.status == 0

	def details(self):
		"""Why it failed, in few lines."""
		return self.errors[-1:] or self.output[-5:] or [f"status {self.status}"]


def script(*command, on_line=None):
	"""Run a script of ours. What it says on stderr shows while it runs, as
	that is its progress, all but its last word; its stdout is only kept, or
	given to on_line."""
	# stdin stays: sudo may have to ask for a password
	process = subprocess.Popen([ROOT / command[0], *command[1:]], text=True,
				   errors="replace", bufsize=1, cwd=ROOT,
				   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	errors = []
	last_word = re.compile(rb"(\r\x1b\[K)?%s: " % Path(command[0]).name.encode())

	def pass_on():
		for data in iter(lambda: os.read(process.stderr.fileno(), 4096), b""):
			errors.append(data)
			for line in data.splitlines(keepends=True):
				if not last_word.match(line):
					sys.stderr.buffer.write(line)
			sys.stderr.buffer.flush()

	reader = threading.Thread(target=pass_on, daemon=True)
	reader.start()
	output = []
	try:
		for line in process.stdout:
			output.append(line.rstrip("\n"))
			if on_line:
				on_line(output[-1])
		status = process.wait()
	except BaseException:
		process.terminate()
		process.wait()
		raise
	reader.join()
	text = b"".join(errors).decode(errors="replace")
	lines = [re.sub(r".*\r\x1b\[K", "", line) for line in text.splitlines()]
	return Ended(status, output, [line for line in lines if line.strip()])


def build(report, kernel, name):
	"""One check of `name`: `kernel` builds, without a warning. Says whether
	there is one to boot."""
	ended = script("scripts/build", kernel)
	problems = kbuild.warnings(kernel) if ended.ok else ended.details()
	report.check(not problems, name, problems)
	return ended.ok
