# SPDX-License-Identifier: GPL-2.0
"""The kernel's selftests of padata, run by its own runner in guests.

The guests are those of selftests.ini. The kernel's kunit.py reads what the runner
prints: see kselftest.py.
"""

import re

from guests import console, kselftest
from host.failure import Failure
from host.places import BUILD, relative
from host.terminal import progress
from tests import boots, builds, kunit, lava

OURS = ("about", "kernels", "tests", "without", "skips")


def guests():
	"""{name: settings} of the guests, with the tests to put into them."""
	return {name: with_tests(settings)
		for name, settings in boots.sections("selftests.ini").items()}


def with_tests(settings):
	"""Tell the guest which programs to run."""
	words = [f"padata_mt.{key}="
		 + ",".join(f"padata:{program}" for program in settings[key].split())
		 for key in ("tests", "without") if settings.get(key)]
	return settings | {"append": " ".join([settings.get("append", ""), *words]).strip(),
			   "extra": str(kselftest.INSTALLED)}


def programs(settings):
	"""Those that a guest has to run."""
	left_out = settings.get("without", "").split()
	return [program for program in (settings.get("tests", "").split()
					or kselftest.programs())
		if program not in left_out]


def check(report):
	try:
		kselftest.install()
		report.ok("they build")
	except Failure as failure:
		report.fail("they build", [str(failure)])
		return

	running = []
	for name, settings in guests().items():
		kernel = settings["kernels"]
		if not builds.build(report, kernel, f"{kernel} builds"):
			continue
		of_guest = {key: value for key, value in settings.items()
			    if key not in OURS}
		running.append((name, settings, kernel,
				boots.start(kernel, of_guest, f"selftests/{name}.txt")))

	for name, settings, kernel, future in running:
		progress(f"Running the selftests in the guest {name}")
		result, reason = boots.outcome(future)
		if report.check(result and result.ok,
				f"{name}: the guest ends well ({settings['about']})",
				boots.describe(kernel, result) if result else [reason]):
			found = check_programs(report, name, settings, result)
			check_lab(report, name, result, found)


def check_lab(report, name, result, found):
	"""A lab that boots the same has to come to the same results."""
	words = {"PASS": "pass", "SKIP": "skip"}
	expected = {case: words.get(status, "fail")
		    for cases in found.values() for case, status in cases}
	read, ended = lava.results(lava.job_of(name), ["cat", result.log], 30)
	read = {case: outcome for case, outcome in read
		if not case.startswith("selftests: ")}
	report.check(ended and read == expected, f"{name}: LAVA reads the same",
		     [f"{case}: {read.get(case)}, and should be {expected.get(case)}"
		      for case in expected | read
		      if read.get(case) != expected.get(case)])


def check_programs(report, name, settings, result):
	lines = [console.strip_stamp(line) for line in result.lines]
	found = parse(name, lines)
	for program in programs(settings):
		cases = dict(found.get(f"selftests: padata: {program}", ()))
		passed = sum(status == "PASS" for status in cases.values())
		problems = list(judge(program, cases, settings.get("skips", "").splitlines(),
				      lines))
		if problems:
			problems.append(f"log: {relative(result.log)}")
		report.check(not problems, f"{name}: {program} ({passed} cases)", problems)
		for case, status in cases.items():
			if status == "SKIP":
				report.note(f"{case} was skipped: {skip_reason(case, lines)}")
	return found


def parse(name, lines):
	"""{program: [(case, status)]} as kunit.py reads it."""
	log = BUILD / f"test/selftests/{name}.ktap"
	log.write_text("\n".join(kselftest.to_ktap(lines)) + "\n")
	return {group: list(kunit.cases_of(results))
		for group, results in kunit.parse(log).items()}


def judge(program, cases, skips, lines):
	"""What is wrong with a program and its cases, as lines."""
	ending = re.compile(rf"(not )?ok \d+ selftests: padata: {program}( # .*)?$")
	ended = next((line for line in lines if ending.match(line)), None)
	if not cases or not ended:
		yield "it did not run to its end"
	elif not ended.startswith("ok"):
		yield f"the runner says: {ended}"
	for case, status in cases.items():
		may_skip = any(re.fullmatch(skip, case) for skip in skips if skip)
		if status == "SKIP" and not may_skip:
			yield f"{case} was skipped: {skip_reason(case, lines)}"
		elif may_skip and status == "PASS":
			yield f"{case} ran, and selftests.ini says that it cannot there"
		elif not case:
			yield "one of its cases did not come to its end"
		elif status not in ("PASS", "SKIP"):
			yield f"{case} failed:"
			yield from said(case, lines)


def skip_reason(case, lines):
	return next((match[1] for match in map(
		re.compile(rf"# ok \d+ {re.escape(case)} # SKIP (.*)").match, lines)
		if match), "no reason given")


def said(case, lines):
	"""What a case printed, from its begin to its result."""
	found = []
	for line in lines:
		if re.match(rf"# #  RUN +{re.escape(case)} ", line):
			found = [line]
		elif re.match(rf"# (not )?ok \d+ {re.escape(case)}$", line):
			break
		elif found and line.startswith("# #"):
			found.append(line)
	return [line.removeprefix("# #").strip() for line in found[1:20]]
