# SPDX-License-Identifier: GPL-2.0
"""Jobs for LAVA are as its schema wants them, and read results from a console.

A lab of machines boots by them what the tests boot here.

The schema is LAVA's own, from Debian's lava-common. What LAVA's dispatcher does with
a job is done here in few lines: it puts the command for QEMU together, and looks for
the pattern with pexpect.
"""

import re
import shlex
import sys

import kernels
from guests import initramfs, lava
from host.failure import Failure
from host.places import BUILD, ROOT, relative
from host.programs import run_program
from host.terminal import progress

URLS = ("--kernel", "https://lab.example/bzImage", "--initramfs",
	"https://lab.example/initramfs.cpio.gz")
X86 = ("--device", "x86", "--device-type", "some-machine")

# Booted as LAVA would, for it has most of what can be described: nodes, and the
# kernel's check of struct pages
BOOTED = "node-without-cpus"

# What is refused: (arguments, what is said of them)
REFUSED = {
	"no scenario": ((), r"which scenario\? Known: one-cpu, "),
	"an unknown scenario": (("no-such", *URLS), "no scenario 'no-such'"),
	"a scenario that is there to fail": (("finds-a-panic", *URLS),
					     "is there to fail"),
	"no URL at all": (("two-cpus",), r"where is the kernel\?"),
	"no URL of the initramfs": (("two-cpus", *URLS[:2]),
				    r"where is the initramfs\?"),
	"a path in place of a URL": (("two-cpus", "--kernel", "bzImage", *URLS[2:]),
				     "'bzImage' is no URL"),
	"a placeholder in a URL": (("two-cpus", "--kernel", "https://<host>/bzImage",
				    *URLS[2:]), "is no URL"),
	"a URL without a path": (("two-cpus", "--kernel", "https://lab.example",
				  *URLS[2:]), "is no URL"),
	"an unknown device": (("two-cpus", *URLS, "--device", "arm"),
			      "no device 'arm'"),
	"a machine without a type": (("two-cpus", *URLS, "--device", "x86"),
				     "which machine"),
	"an unknown way to boot": (("two-cpus", *URLS, *X86, "--boot", "u-boot"),
				   "no way to boot"),
	"modules for QEMU": (("two-cpus", *URLS, "--modules",
			      "https://lab.example/m.tar"), "is for x86"),
	"nodes for a machine": (("two-nodes", *URLS, *X86), "QEMU alone"),
}

CONSOLE = """\
[    0.000000] Linux version 6.12 (padata@mt)
[    0.000000] ok 1 - before the start
[    0.000000] Command line: console=ttyS0
[    1.000000] KTAP version 1
[    1.000000] 1..2
[    1.000000]     # Subtest: suite
[    1.000000]     ok 1 first_case
[    1.000000][    T1]     not ok 2 second_case
[    1.000000]     ok 3 third_case # SKIP no reason # at all
[    1.000000] not ok 1 suite
[    2.000000][    T1] WARNING: CPU: 0 PID: 1 at kernel/padata.c:1
[    2.000000] what is possible or
[    2.000000] is locking up nothing, and ok 5 is no result
[    3.000000] # ok 1 limits.workqueue.case
[    3.000000] # # ok so far
[    3.000000] # ok 2 limits.as_caller.case # SKIP no CPU
[    3.000000] ok 1 selftests: padata: test_limits
[    4.000000] padata-mt: done
[    4.000000] ok 9 - after the end
"""
EXPECTED = [
	("first_case", "pass"), ("second_case", "fail"), ("third_case", "skip"),
	("suite", "fail"),
	("WARNING: CPU: 0 PID: 1 at kernel/padata.c:1", "fail"),
	("limits.workqueue.case", "pass"), ("limits.as_caller.case", "skip"),
	("selftests: padata: test_limits", "pass"),
]


def check(report):
	refusals(report)
	schema(report)
	reading(report)
	booting(report)


def refusals(report):
	for what, (arguments, says) in REFUSED.items():
		ended = run_program(sys.executable, ROOT / "scripts/lava", *arguments,
				    cwd=ROOT)
		lines = ended.stderr.splitlines()
		report.check(ended.returncode and len(lines) == 1 and not ended.stdout
			     and re.match(f"lava: .*{says}", lines[0]),
			     f"refuses {what}",
			     [f"status {ended.returncode}", *lines[-3:]])


# ---- LAVA's own opinion --------------------------------------------------------

def schema(report):
	# Here, as they are no part of Python: --help has to work without
	import yaml
	from lava_common.schemas import validate
	from voluptuous import Invalid

	known = [name for name, strings in lava.scenarios().items()
		 if strings.get("expect", "same pages") == "same pages"]
	for device in ("qemu", "x86"):
		problems, count = [], 0
		for name in known:
			try:
				written = lava.write(lava.parse_arguments(
					[name, *URLS, *(X86 if device == "x86" else ())]))
			except Failure as failure:
				if "QEMU alone" not in str(failure):
					problems.append(f"{name}: {failure}")
				continue
			count += 1
			try:
				validate(yaml.safe_load(written))
			except (yaml.YAMLError, Invalid, TypeError, KeyError) as error:
				problems.append(f"{name}: {error}")
		report.check(count > 5 and not problems,
			     f"LAVA's schema takes the jobs for {device} ({count})",
			     problems or [f"there are only {count}"])


# ---- what it would read ----------------------------------------------------------

def job_of(name):
	import yaml

	return yaml.safe_load(lava.write(lava.parse_arguments([name, *URLS])))


def results(job, command, timeout):
	"""[(case, result)] that LAVA reads from the output of a command, and whether
	it sees the end: as in its lava_dispatcher.actions.test.monitor."""
	import pexpect

	found = []
	test = job["actions"][2]["test"]["monitors"][0]
	child = pexpect.spawn(command[0], list(map(str, command[1:])), timeout=timeout,
			      encoding="utf-8", codec_errors="replace",
			      searchwindowsize=4000)
	try:
		child.expect(test["start"])
		while True:
			event = child.expect([pexpect.EOF, pexpect.TIMEOUT, test["end"],
					      test["pattern"]])
			if event < 3:
				return found, event == 2
			match = child.match.groupdict()
			found.append((match["test_case_id"].strip(),
				      test["fixupdict"].get(match["result"], "unknown")))
	except (pexpect.EOF, pexpect.TIMEOUT):
		return found, False
	finally:
		child.close(force=True)


def reading(report):
	log = BUILD / "test/lava/console.txt"
	log.parent.mkdir(parents=True, exist_ok=True)
	log.write_text(CONSOLE)
	found, ended = results(job_of("two-cpus"), ["cat", log], 10)
	report.check(found == EXPECTED and ended, "results are read from a console",
		     [f"log: {relative(log)}", f"LAVA reads: {found}",
		      f"and should read: {EXPECTED}"])
	log.write_text(CONSOLE.partition("[    4.0")[0])
	_, ended = results(job_of("two-cpus"), ["cat", log], 10)
	report.check(not ended, "a boot without end is no success")


def booting(report):
	"""One of the jobs, with QEMU called as LAVA's device type "qemu" has it."""
	job = job_of(BOOTED)
	context = job["context"]
	image = kernels.image("series-check")
	if not image.exists():
		report.skip("a job boots", f"{relative(image)} is not built")
		return
	packed = initramfs.initramfs(kernels.ARCHITECTURES[""])
	command = ["qemu-system-x86_64", "-machine", context["machine"],
		   "-cpu", context["cpu"], "-m", context["memory"], "-nographic",
		   "-monitor", "none", *context["extra_options"]]
	for name, path in (("kernel", image), ("initrd", packed)):
		argument = job["actions"][0]["deploy"]["images"][name]["image_arg"]
		command += shlex.split(argument.replace(f"{{{name}}}", f"'{path}'"))
	progress("Booting a job as LAVA would")
	found, ended = results(job, command, 120)
	failed = [name for name, result in found if result != "pass"]
	report.check(ended and not failed, f"the job {BOOTED} boots to its end",
		     [f"{name} failed" for name in failed]
		     or ["LAVA would not see its end: " + shlex.join(map(str, command))])
