# SPDX-License-Identifier: GPL-2.0
"""What the tests found, as JUnit XML: the form that CI systems show."""

import os
from pathlib import Path

from host.failure import Failure


def write(report, path):
	"""Each part is a test suite, and each of its checks a test case."""
	# Here, as it is no part of Python: --help has to work without
	try:
		from junit_xml import TestCase, TestSuite, to_xml_report_string
	except ImportError:
		raise Failure("python3-junit.xml is missing: run scripts/setup test"
			      ) from None

	suites = []
	for part in report.parts:
		cases = []
		for check in part.checks:
			case = TestCase(check.name, f"padata-mt.{part.name}",
					# Without one if it is 0
					elapsed_sec=max(round(check.seconds, 3), 0.001))
			why = "\n".join(check.text)
			if check.outcome == "failed":
				case.add_failure_info((check.text or ["no details"])[0], why)
			elif check.outcome == "skipped":
				case.add_skipped_info(why)
			cases.append(case)
		suites.append(TestSuite(part.name, cases))

	path = Path(path)
	scratch = path.with_name(f"{path.name}.{os.getpid()}")
	try:
		scratch.write_text(to_xml_report_string(suites))
		scratch.replace(path)
	except OSError as error:
		raise Failure(f"cannot write the results to {path}: {error.strerror}"
			      ) from None
