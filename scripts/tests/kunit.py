# SPDX-License-Identifier: GPL-2.0
"""KUnit tests, in a guest with four CPUs and two nodes.

The kernel's own tools/testing/kunit/kunit.py reads the console.
"""

import json
import re
import subprocess
import sys

import kernels
from host.places import LINUX, relative
from tests import boots

GUEST = {"nodes": "2:4G, 2:4G", "append": "kunit.enable=1", "timeout": "400"}

# A suite that did not run is a failure, never silence
SUITES = {
	"baseline": ("padata_serial",),
	"series": ("padata_serial", "padata_mt", "padata_undo", "padata_limits",
		   "padata_helpers", "padata_trace", "memmap"),
	"series-up": ("padata_undo", "memmap"),
}


def check(report):
	check_kernels(report, "baseline", "series", "series-debug")


def check_kernels(report, *names):
	"""The suites of kernels that have been built."""
	guests = {kernel: boots.start(kernel, GUEST, f"kunit/{kernel}.txt")
		  for kernel in names}
	for kernel, future in guests.items():
		result, reason = boots.outcome(future)
		if not result:
			report.fail(f"{kernel} boots", [reason])
			continue
		report.check(result.ok, f"{kernel} boots",
			     boots.describe(kernel, result))
		check_suites(report, kernel, result.log)


def parse(log):
	"""{name: what kunit.py says of it} of the tests at the top level of a KTAP."""
	results = log.with_suffix(".json")
	results.unlink(missing_ok=True)
	with open(log.with_name(f"{log.stem}-parsed.txt"), "w") as output:
		subprocess.run([sys.executable, LINUX / "tools/testing/kunit/kunit.py",
				"parse", f"--json={results}", log],
			       stdout=output, stderr=subprocess.STDOUT)
	try:
		return {test["name"]: test for test
			in json.loads(results.read_text())["sub_groups"]}
	except (OSError, ValueError, KeyError):
		return {}


def check_suites(report, kernel, log):
	suites = parse(log)

	# More suites than expected are welcome
	names = list(SUITES.get(kernel) or SUITES[kernels.parse(kernel).what])
	names += [name for name in suites
		  if name.startswith(("padata", "memmap")) and name not in names]
	for name in names:
		cases = list(cases_of(suites.get(name, {})))
		failed = [case for case, status in cases
			  if status not in ("PASS", "SKIP")]
		passed = sum(status == "PASS" for _, status in cases)
		details = [f"{len(failed)} of {len(cases)} cases failed"]
		for case in failed:
			details += [f"{case}:", *complaints(log, case)]
		if not cases:
			details = [f"the suite did not run: see {relative(log)}"]
		elif not failed and not passed:
			details = ["every case was skipped"]
		report.check(passed and not failed,
			     f"{kernel} {name}" + (f" ({passed} cases)" if passed else ""),
			     details)
		for case, status in cases:
			if status == "SKIP":
				report.note(f"{case} was skipped in the guest")


def cases_of(group):
	for case in group.get("test_cases", ()):
		yield case["name"], case["status"]
	# A case with parameters is a group of its own
	for sub in group.get("sub_groups", ()):
		for name, status in cases_of(sub):
			yield f"{sub['name']}: {name}", status


def complaints(log, case):
	"""What a failed case said on the console."""
	name = case.split(":")[0]
	found = []
	for line in log.read_text(errors="replace").splitlines():
		line = re.sub(r"^\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?", "", line)
		if re.match(rf"\s*# {re.escape(name)}: ", line):
			found.append(line)
		elif found and re.match(rf"\s*(not )?ok \d+ (- )?{re.escape(name)}\b", line):
			break
		elif found:
			found.append(line)
	return found[:20] or [f"see {relative(log)}"]
