# SPDX-License-Identifier: GPL-2.0
"""What the tests print and write can be read: by kunit.py, and as JUnit XML.

Every kind of outcome is put into a report, and read back.
"""

import contextlib
import io
import xml.etree.ElementTree

from guests import kselftest
from host.failure import Failure
from host.places import BUILD, relative
from tests import areas, junit, kunit, selftests
from tests.ktap import Reader, Report

PLACE = BUILD / "test/results"

# As kunit.py and JUnit are to have it: {part: {check: outcome}}
EXPECTED = {
	"good": {"one": "passed", "one of 3, with a number 2 sign": "passed"},
	"bad": {"two": "failed", "three": "skipped", "it's <\"&\x1b": "failed",
		"could go on": "failed"},
	"read": {"of another": "passed", "of no other": "failed", "left out": "skipped"},
	"skipped": {"all": "skipped"},
	"left-out": {"all of it": "skipped"},
}

# As the kernel's runner of selftests prints, with one that fails, one that is killed,
# and one that the guest did not live to see the end of
CONSOLE = """\
[    1.000000] TAP version 13
[    1.000000] 1..3
[    1.000000] # selftests: padata: test_one
[    1.000000] # TAP version 13
[    1.000000] # 1..3
[    1.000000] # #  RUN           one.works ...
[    1.000000] # #            OK  one.works
[    1.000000] # ok 1 one.works
[    1.000000] padata: a line of the kernel
[    1.000000] # #  RUN           one.fails ...
[    1.000000] # # test_one.c:7:fails:Expected 1 (1) == 2 (2)
[    1.000000] # #          FAIL  one.fails
[    1.000000] # not ok 2 one.fails
[    1.000000] # ok 3 one.skips # SKIP no time
[    1.000000] not ok 1 selftests: padata: test_one # exit=1
[    1.000000] # selftests: padata: test_two
[    1.000000] # TAP version 13
[    1.000000] # 1..2
[    1.000000] # ok 1 two.works
[    1.000000] not ok 2 selftests: padata: test_two # exit=139
[    1.000000] # selftests: padata: test_three
[    1.000000] # TAP version 13
[    1.000000] # 1..1
[    1.000000] # ok 1 three.works
"""
FINDS = {
	"test_one": ["the runner says: not ok 1 selftests: padata: test_one # exit=1",
		     "one.fails failed:", "test_one.c:7:fails:Expected 1 (1) == 2 (2)",
		     "FAIL  one.fails"],
	"test_two": ["the runner says: not ok 2 selftests: padata: test_two # exit=139",
		     "one of its cases did not come to its end"],
	"test_three": ["it did not run to its end"],
}

# What another of its programs says in stock, and what the series says in place of a line:
# (the line, the other, whether that is worse)
STOCK = """\
[    1.000000] # ok 1 works
[    1.000000] # not ok 2 works
[    1.000000] # ok 3 # SKIP no memory
[    1.000000] # ok 4 works
[    1.000000] ok 1 selftests: mm: one
"""
CHANGES = (("ok 1 works", "ok 1 by another name", False),
	   ("ok 1 works", "not ok 1 works", True),
	   ("ok 1 works", "ok 1 works # SKIP no time", True),
	   ("# ok 4 works", "a line of the kernel", True),
	   ("not ok 2 works", "ok 2 works", False),
	   ("ok 3 # SKIP no memory", "ok 3 works", False),
	   ("ok 3 # SKIP no memory", "ok 3 # SKIP no time", False),
	   ("ok 3 # SKIP no memory", "not ok 3 fails", True),
	   ("ok 1 selftests: mm: one", "not ok 1 selftests: mm: one # exit=1", True),
	   ("ok 1 selftests: mm: one", "", True))


def check(report):
	PLACE.mkdir(parents=True, exist_ok=True)
	with contextlib.redirect_stdout(io.StringIO()) as printed:
		sample = make_sample()
	read_ktap(report, printed.getvalue())
	know_the_time(report, sample)
	read_junit(report, sample)
	read_selftests(report)
	compare_selftests(report)


def make_sample():
	sample = Report(len(EXPECTED), minutes=10)
	sample.begin("good")
	sample.ok("one")
	sample.ok("one of 3, with a number #2 sign", "and a remark")
	sample.end()
	sample.begin("bad")
	sample.fail("two", ["the first reason", "ok 1 - is not a result # SKIP"])
	sample.skip("three", "no reason # to do it")
	sample.check(False, "it's <\"&\x1b", ["]]> \x00"])
	sample.fail("could go on", [])
	sample.end()
	sample.begin("read")
	reader = Reader(sample)
	for line in ("KTAP version 1", "ok 1 - of another", "not ok 2 - of no other",
		     "# as it were", "ok 3 - left out # SKIP not here", "1..3"):
		reader.read(line)
	sample.end()
	sample.begin("skipped")
	sample.skip("all", "nothing to do")
	sample.end()
	sample.skip_part("left-out", "when named only")
	sample.finish()
	return sample


def read_ktap(report, printed):
	log = PLACE / "sample.ktap"
	log.write_text(printed)
	words = {"PASS": "passed", "SKIP": "skipped", "FAIL": "failed"}
	found = {part: {case: words.get(status, status)
			for case, status in kunit.cases_of(results)}
		 for part, results in kunit.parse(log).items()}
	expected = {part: checks for part, checks in EXPECTED.items()
		    if part != "left-out"}
	report.check(found == expected, "kunit.py reads what make test prints",
		     [f"{relative(log)} has {found}", f"and should have {expected}"])

	# A line that does not fit shows in what it says of the whole
	said = (PLACE / "sample-parsed.txt").read_text()
	report.check("[ERROR]" not in said and "Ran 11 tests" in said,
		     "kunit.py finds no mistake in its form", said.splitlines()[-3:])


def know_the_time(report, sample):
	early = sample.too_late()
	sample.started -= 10 * 60
	late = sample.too_late()
	report.check(not early and late == "MINUTES=10 have passed",
		     "knows when the minutes of MINUTES=10 have passed",
		     [f"at once: '{early}'", f"then: '{late}'"])


def read_junit(report, sample):
	path = PLACE / "sample.xml"
	junit.write(sample, path)
	suites = xml.etree.ElementTree.parse(path).getroot()
	found = {suite.get("name"): {case.get("name"): outcome(case)
				     for case in suite.iter("testcase")}
		 for suite in suites.iter("testsuite")}
	expected = {part: {name.replace("\x1b", ""): outcome
			   for name, outcome in checks.items()}
		    for part, checks in EXPECTED.items()}
	report.check(found == expected, "JUnit XML has each check and its outcome",
		     [f"{relative(path)} has {found}", f"and should have {expected}"])

	failure = suites.find(".//testcase[@name='two']/failure")
	skipped = suites.find(".//testcase[@name='three']/skipped")
	report.check(failure is not None and failure.get("message") == "the first reason"
		     and "is not a result" in (failure.text or "")
		     and skipped is not None
		     and "no reason" in skipped.get("message", ""),
		     "and says why", [f"see {relative(path)}"])
	report.check(all(float(case.get("time", -1)) >= 0
			 for case in suites.iter("testcase")
			 if outcome(case) != "skipped"),
		     "and how long it took", [f"see {relative(path)}"])
	try:
		junit.write(sample, PLACE / "no-such-folder/sample.xml")
		report.fail("a file that cannot be written is named", ["nothing was said"])
	except Failure as failure:
		report.check("no-such-folder" in str(failure),
			     "a file that cannot be written is named", [str(failure)])


def outcome(case):
	kinds = {"failure": "failed", "skipped": "skipped", "error": "error"}
	return next((kinds[child.tag] for child in case if child.tag in kinds), "passed")


def read_selftests(report):
	lines = [line.partition("] ")[2] for line in CONSOLE.splitlines()]
	log = PLACE / "selftests.ktap"
	log.write_text("\n".join(kselftest.to_ktap(lines)) + "\n")
	parsed = kunit.parse(log)
	for program, expected in FINDS.items():
		results = parsed.get(f"selftests: padata: {program}", {})
		found = list(selftests.judge(program, dict(kunit.cases_of(results)),
					     ["one.skips"], lines))
		report.check(found == expected, f"sees what is wrong with {program}",
			     [f"it finds {found}", f"and should find {expected}"])
	works = {"one.works": "PASS", "one.skips": "SKIP"}
	found = list(selftests.judge("test_one", works, ["one.works"], lines))
	report.check("one.skips was skipped: no time" in found
		     and any("one.works ran" in line for line in found),
		     "sees what is skipped, and what was to be", found)


def compare_selftests(report):
	def cases(text):
		return areas.cases(line.partition("] ")[2] for line in text.splitlines()
				   ).get("mm:one", {})

	problems = [f"'{before}' in stock, '{after}' in the series: it finds {found}"
		    for before, after, bad in CHANGES
		    if bool(found := list(areas.worse(
			    cases(STOCK), cases(STOCK.replace(before, after))))) != bad]
	if not list(areas.worse({}, cases(STOCK))):
		problems.append("it does not see that stock says nothing")
	report.check(not problems, "sees what is worse than in stock, and only that",
		     problems)
