# SPDX-License-Identifier: GPL-2.0
"""The kernel's own selftests of huge pages and hot-plug pass where they do in stock.

Those of the base, built statically and run by the kernel's runner in the guests of
areas.ini. What passes in stock has to pass in the series, case by case, and what is
skipped there must not fail. What fails in stock, too, is no fault of the series.
"""

import os
import re
import shutil

from guests import console
from host.failure import Failure
from host.places import BUILD, relative
from host.programs import logged
from host.reason import reason_of
from host.terminal import plural, progress
from kernels import kbuild
from patchqueue.commits import export
from tests import boots, builds, matrix

TIER = "long"

STOCK = "stock-bench"
KERNELS = (STOCK, "series-bench")
OURS = ("about", "programs")

PLACE = BUILD / "test/areas"
SOURCE = PLACE / "source"
# For guests: its name is the folder's below /extra there
INSTALLED = PLACE / "selftests"
LOG = BUILD / "log/build-areas.log"

# The outcomes of a case, a better one is larger
FAILED, SKIPPED, PASSED = range(3)

SELFTESTS = "tools/testing/selftests"
# What is compiled into them, or runs them, beside their own folders
SHARED = (f"{SELFTESTS}/lib.mk", f"{SELFTESTS}/kselftest.h",
	  f"{SELFTESTS}/kselftest_harness.h", f"{SELFTESTS}/kselftest",
	  f"{SELFTESTS}/run_kselftest.sh", "tools/include/uapi",
	  "tools/arch/x86/include/uapi", "mm/gup_test.h")


def programs(settings):
	"""{program of a guest: the options that it needs}"""
	return {name: options for name, *options in map(
		str.split, settings["programs"].strip().splitlines())}


def check(report):
	wanted = boots.sections("areas.ini")
	try:
		install(sorted({program for settings in wanted.values()
				for program in programs(settings)}))
		report.ok("they build")
	except Failure as failure:
		report.fail("they build", [str(failure)])
		return
	if all(builds.build(report, kernel, f"{kernel} builds") for kernel in KERNELS):
		for name, settings in wanted.items():
			check_guest(report, name, settings)


def install(names):
	"""Build programs and put them beside their runner."""
	for folder in (SOURCE, INSTALLED):
		shutil.rmtree(folder, ignore_errors=True)
	by_folder = {}
	for name in names:
		folder, _, program = name.partition(":")
		by_folder.setdefault(folder, []).append(program)

	# They write to where their sources are
	export("base", [*SHARED, *(f"{SELFTESTS}/{folder}" for folder in by_folder)], SOURCE)
	place = SOURCE / SELFTESTS
	shutil.copytree(place / "kselftest", INSTALLED / "kselftest")
	shutil.copy(place / "run_kselftest.sh", INSTALLED)
	(INSTALLED / "kselftest-list.txt").write_text("".join(f"{name}\n" for name in names))
	LOG.unlink(missing_ok=True)
	for folder, chosen in by_folder.items():
		made = [place / folder / program for program in chosen]
		progress(f"Building the selftests of {folder}")
		# Only these: others want libraries
		if not logged(LOG, "make", "-C", place / folder, f"-j{os.cpu_count()}",
			      f"OUTPUT={place / folder}", "USERLDFLAGS=-static", *made,
			      env=kbuild.make_environment(), cwd=BUILD):
			raise Failure(f"those of {folder} do not build: {reason_of(LOG)} "
				      f"(all of it in {relative(LOG)})")
		(INSTALLED / folder).mkdir()
		for program in made:
			shutil.copy(program, INSTALLED / folder)


def check_guest(report, name, settings):
	chosen = []
	for program, options in programs(settings).items():
		missing = [f"CONFIG_{option}" for option in options
			   if not all(matrix.has_option(kernel, option) for kernel in KERNELS)]
		if missing:
			report.skip(f"{name}: {program}", f"no {' and '.join(missing)}")
		else:
			chosen.append(program)
	if not chosen:
		return

	of_guest = {key: value for key, value in settings.items() if key not in OURS}
	of_guest["append"] += f" padata_mt.tests={','.join(chosen)}"
	results = []
	for kernel in KERNELS:
		progress(f"Running the selftests of {name} in {kernel}")
		# One after the other: each uses all that the host has
		result, reason = boots.outcome(boots.start(
			kernel, of_guest | {"extra": str(INSTALLED)},
			f"areas/{name}-{kernel}.txt"))
		# The selftests find bugs of stock, too
		may_end = ("ok", "warned") if kernel == STOCK else ("ok",)
		if not report.check(result and result.verdict in may_end,
				    f"{name}: {kernel} ends well ({settings['about']})",
				    boots.describe(kernel, result) if result else [reason]):
			return
		if not result.ok:
			report.note(f"{kernel} warned: {result.reason}")
		results.append(cases(map(console.strip_stamp, result.lines)))
	for program in chosen:
		check_program(report, f"{name}: {program}",
			      *(found.get(program, {}) for found in results), result.log)


def cases(lines):
	"""{program: {case: what a console says of it}}. A case is a number, since names may be
	missing or alike; 0 is what the runner says of the program. The runner puts what the
	program says behind "# "."""
	found, of_program = {}, {}
	for line in lines:
		if not (match := re.match(r"(# )?((?:not )?ok (\d+)\b.*)", line)):
			continue
		by_program, said, number = match.groups()
		if by_program:
			of_program[int(number)] = said
		elif program := re.search(r" selftests: (\S+): (\S+)", said):
			found[":".join(program.groups())] = of_program | {0: said}
			of_program = {}
	return found


def outcome(said):
	if not said.startswith("ok "):
		return FAILED
	return SKIPPED if "# SKIP" in said else PASSED


def check_program(report, name, stock, series, log):
	problems = list(worse(stock, series))
	# What the runner says counts where the program itself says nothing
	passed = sum(outcome(said) == PASSED for case, said in series.items()
		     if case or len(series) == 1)
	failed = [said for said in stock.values() if outcome(said) == FAILED]
	if passed or problems:
		report.check(not problems, f"{name} ({plural(passed, 'case')})",
			     [*problems[:20], f"log: {relative(log)}"])
	else:
		report.skip(name, "none of its cases passes")
	if failed:
		report.note(f"{len(failed)} failed in stock, such as: {failed[0]}")


def worse(stock, series):
	"""The cases of a program that do not do as well as in stock, as lines."""
	if not stock:
		yield "it did not run to its end in stock"
	for case, before in stock.items():
		now = series.get(case, "nothing")
		if outcome(now) < outcome(before):
			yield f"stock says: {before}; the series: {now}"
