# SPDX-License-Identifier: GPL-2.0
"""Run the torture test of multithreaded jobs for long, in a guest with four CPUs
that come and go: make torture

Builds the kernels where they are not built. The consoles go to build/torture.
"""

import os
import re
import time

import kernels
from host.failure import Failure
from host.places import BUILD, ROOT, relative
from host.programs import call
from host.script import Parser, prepare
from host.terminal import duration, progress, say
from tests import boots, torture

KERNELS = ("series-debug", "series-kcsan")
JOBS = 1000000


def parse_arguments():
	# "make torture" passes its variables through the environment
	def given(name, otherwise):
		return os.environ.get(name) or otherwise

	parser = Parser(description=__doc__.split("\n\n")[0])
	parser.add_argument("--jobs", default=given("JOBS", str(JOBS)),
			    help="on each kernel (%(default)s)")
	parser.add_argument("--kernel", nargs="+", metavar="NAME",
			    default=given("KERNEL", " ".join(KERNELS)).split(),
			    help="kernels with the test: " + ", ".join(KERNELS) +
			    ", or a patch with one of these endings")
	parser.add_argument("--seed", default="0",
			    help="of the random numbers, to run the same jobs again")
	parser.add_argument("--hotplug", default="100", metavar="MS",
			    help="time until a CPU goes or comes back (%(default)s); "
			    "0: none does")
	arguments = parser.parse_args()
	for name in ("jobs", "seed", "hotplug"):
		text = getattr(arguments, name)
		if not re.fullmatch(r"[0-9]{1,9}", text) or name == "jobs" and not int(text):
			raise Failure(f"--{name} takes a number of up to nine digits, not '{text}'")
		setattr(arguments, name, int(text))
	return arguments


def build(kernel):
	status = call(ROOT / "scripts/build", kernel)
	if status:
		return status			# it has said why
	config = (kernels.image(kernel).parents[3] / ".config").read_text()
	if "CONFIG_PADATA_TORTURE_TEST=y\n" not in config:
		raise Failure(f"{kernel} has no torture test: take "
			      + " or ".join(KERNELS))
	return 0


def how_far(log):
	"""What the console says of its progress."""
	said = re.findall(r"padata_torture: (\d+ of \d+) jobs$",
			  log.read_text(errors="replace") if log.exists() else "", re.M)
	return said[-1] if said else "begun"


def torment(arguments):
	"""Boot them all, and say what came of it. Returns whether all was well."""
	started = time.monotonic()
	settings = torture.settings(arguments.jobs, seed=arguments.seed,
				    hotplug=arguments.hotplug)
	guests, logs = {}, {}
	for kernel in arguments.kernel:
		logs[kernel] = BUILD / f"torture/{kernel.replace('/', '-')}.txt"
		logs[kernel].unlink(missing_ok=True)
		guests[kernel] = boots.start(kernel, settings, logs[kernel])

	while running := [kernel for kernel in guests if not guests[kernel].done()]:
		progress(duration(time.monotonic() - started) + "".join(
			f", {kernel}: {how_far(logs[kernel])}" for kernel in running))
		time.sleep(2)

	return all([judge(kernel, future, arguments)
		    for kernel, future in guests.items()])


def judge(kernel, future, arguments):
	result, reason = boots.outcome(future)
	found = [f"{kernel}: {reason}"]
	if result:
		found = torture.problems(kernel, result, arguments.jobs,
					 hotplug=arguments.hotplug)
		say(f"{kernel}: {torture.summary(result.lines) or 'no summary'}")
	for line in found:
		say(f"  {line}")
	say(f"{kernel}: {'failed' if found else 'passed'}"
	    + (f", log {relative(result.log)}" if result else ""))
	return not found


def main():
	arguments = parse_arguments()
	for kernel in arguments.kernel:
		kernels.parse(kernel)
	os.chdir(ROOT)
	prepare("tree", "build", "boot")
	for kernel in arguments.kernel:
		if status := build(kernel):
			return status
	return 0 if torment(arguments) else 1
