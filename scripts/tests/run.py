# SPDX-License-Identifier: GPL-2.0
"""Run the tests: test [--full] [PART...]  (make test FULL=1 ONLY="PART...")

All quick parts unless some are named, and with --full or FULL=1 the long ones:

{parts}

With MINUTES=N no long part begins, and no patch of "patches", once N minutes have
passed: what is left out then counts as skipped.

Prints KTAP, and "N passed, N failed" as its last line. JUnit XML of the same is in
build/test/junit.xml, or where JUNIT=FILE says. Logs: build/test.
"""

import importlib
import os
import re
import signal
import subprocess
import sys
import traceback
from pathlib import Path

from host.failure import Failure
from host.places import BUILD, ROOT
from host.script import take_lock
from tests import ahead, builds, junit
from tests.ktap import Report

# In this order: what ends soon and fails often comes first; the patches come last, as
# MINUTES leaves out only some of them. Each is the module of its name in
# scripts/tests, and may say:
#   TIER                "long": only with --full, or when named
#   AHEAD               kernels that take long to build, and that need no packages but
#                       those of TASKS
PARTS = ("queue", "mail", "engine", "figures", "results", "guides", "lava",
	 "report", "documents", "build", "bench", "kunit", "matrix", "instructions",
	 "selftests", "busy", "bad-input", "hardening", "torture",
	 "coccinelle", "includes", "bases", "matrix-debug", "walk", "areas", "up", "kcsan",
	 "rt", "deb", "arm64", "broken-patches", "patches")

# Of scripts/setup
TASKS = ("tree", "build", "strict", "clang", "boot", "measure", "test")

# Unless JUNIT says so
JUNIT = BUILD / "test/junit.xml"


def module(part):
	return importlib.import_module("tests." + part.replace("-", "_"))


def tier(part):
	return getattr(module(part), "TIER", "quick")


def describe(part):
	about = module(part).__doc__.splitlines()[0].rstrip(".")
	return f" {'*' if tier(part) == 'long' else ' '}{part:<14} {about}"


def help_text():
	parts = "\n".join(map(describe, PARTS))
	return __doc__.strip().format(
		parts=f"{parts}\n\n(* long)")


def chosen():
	"""The parts to run."""
	names = [word for word in sys.argv[1:] if word != "--full"]
	names = names or os.environ.get("ONLY", "").split()
	full = "--full" in sys.argv[1:] or os.environ.get("FULL", "0") not in ("", "0")
	for name in names:
		if name.startswith("-"):
			raise Failure(f"no option '{name}': it has --full and --help")
		if name not in PARTS:
			raise Failure(f"no part '{name}': it has " + ", ".join(PARTS))
	tiers = ("quick", "long") if full else ("quick",)
	return [name for name in PARTS
		if (name in names if names else tier(name) in tiers)]


def minutes():
	"""After how many nothing long may begin, if that was said."""
	said = os.environ.get("MINUTES", "")
	if not re.fullmatch(r"([1-9]\d{0,3})?", said):
		raise Failure(f"MINUTES={said}: give the number of minutes after which no long "
			      "part may begin, from 1 to 9999")
	return int(said) if said else None


def set_up(report):
	"""Says whether the other parts can be run."""
	for command in (["scripts/setup", *TASKS], ["scripts/tree"]):
		ended = builds.script(*command)
		if not report.check(ended.ok, command[0], ended.details()):
			return False
		# As prepare() has it
		os.environ["PADATA_MT_PACKAGES"] = " ".join(TASKS)
	return True


def kernels_to_build(parts):
	return [kernel for name in parts
		for kernel in getattr(module(name), "AHEAD", ())]


def run_part(report, name, check):
	report.begin(name)
	try:
		check(report)
	except (Failure, OSError, subprocess.SubprocessError) as failure:
		report.fail("could go on", [str(failure)])
	except Exception:		# a mistake of ours; the other parts go on
		report.fail("could go on", traceback.format_exc().splitlines()[-3:])
	return report.end()


def main():
	if sys.argv[1:] in (["-h"], ["--help"]):
		print(help_text())
		return 0
	parts = chosen()
	limit = minutes()
	results = Path(os.environ.get("JUNIT") or JUNIT).absolute()
	if results != JUNIT and not os.access(results.parent, os.W_OK):
		raise Failure(f"JUNIT={results}: no file can be written there")
	# In the background of a script it is ignored, here and in all that is tested
	signal.signal(signal.SIGINT, signal.default_int_handler)
	os.chdir(ROOT)
	take_lock()
	(BUILD / "test").mkdir(exist_ok=True)

	report = Report(1 + len(parts), limit)
	try:
		ready = run_part(report, "set-up", set_up)
		with ahead.building(kernels_to_build(parts) if ready else ()):
			for name in parts:
				if not ready:
					report.skip_part(name, "there is no set-up")
				elif tier(name) == "long" and (reason := report.too_late()):
					report.skip_part(name, reason)
				else:
					run_part(report, name, module(name).check)
	finally:
		# What there is, when it is interrupted
		if report.parts:
			junit.write(report, results)
	return report.finish()
