# SPDX-License-Identifier: GPL-2.0
"""Write a job for LAVA, so that a lab of machines boots what the tests boot here.

SCENARIO is a section of scripts/tests/scenarios.ini or selftests.ini, or "kunit". A
job has it booted by a device of type "qemu" as it is here, or by an x86 machine with
the same kernel arguments, on the CPUs and the memory that it has. LAVA takes the
results of KUnit and kselftest from the console, as pass, fail or skip each, and what
scripts/guests/console-patterns denies as fail; all of the job fails when the boot does not
reach its end. --files DIRECTORY puts the kernel and the initramfs there, to be
published where the URLs say.
"""

import argparse
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import kernels
from guests import console, guest, initramfs, kselftest
from host.failure import Failure
from host.places import LINUX, ROOT, relative
from host.script import prepare
from host.terminal import say
from tests import kunit, matrix, selftests

DEVICES = ("qemu", "x86")
COMPRESSIONS = {".gz": "gz", ".xz": "xz", ".bz2": "bz2", ".zst": "zstd"}

# For downloads, and a machine's firmware
DEPLOY_MINUTES = 10

# Printed early, and by no boot loader
START = "Command line: "
STAMP = r"\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? "
OUTCOMES = {"ok": "pass", "not ok": "fail",
	    # With a space, by which the pattern tells it from one that passed
	    "ok ": "skip",
	    # Of a line that should not be there
	    "": "fail"}


def parse_arguments(words=None):
	given = os.environ.get
	parser = argparse.ArgumentParser(
		description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("scenario", nargs="?", default=given("SCENARIO", ""),
			    metavar="SCENARIO")
	parser.add_argument("--device", default=given("DEVICE", "qemu"),
			    help="qemu or x86 (%(default)s)")
	parser.add_argument("--device-type", default=given("DEVICE_TYPE", ""),
			    help="as the lab calls it; for qemu that is its name")
	parser.add_argument("--kernel", default=given("KERNEL_URL", ""), metavar="URL")
	parser.add_argument("--initramfs", default=given("INITRAMFS_URL", ""),
			    metavar="URL")
	parser.add_argument("--modules", default=given("MODULES_URL", ""), metavar="URL",
			    help="a tar file, for an x86 machine whose drivers are modules")
	parser.add_argument("--boot", default=given("BOOT", "grub"),
			    help="how an x86 machine boots: grub or ipxe (%(default)s)")
	parser.add_argument("--output", default=given("OUTPUT", ""), metavar="FILE",
			    help="instead of stdout")
	parser.add_argument("--files", default=given("FILES", ""), metavar="DIRECTORY",
			    help="for the kernel and the initramfs of the scenario")
	return parser.parse_args(words)


# ---- what to boot ------------------------------------------------------------

def scenarios():
	"""{name: strings} of all there are."""
	found = {name: dict(strings) for name, strings
		 in matrix.read_scenarios("scenarios.ini")}
	for name, strings in (*selftests.guests().items(),
			      ("kunit", dict(kunit.GUEST, about="the KUnit tests",
					     kernels="series"))):
		if name in found:
			raise Failure(f"two scenarios have the name '{name}'")
		found[name] = strings
	return found


def choose(name, device):
	"""(strings, kernel, guest.Guest) of a scenario."""
	known = scenarios()
	if name not in known:
		raise Failure(f"no scenario '{name}': it has " + ", ".join(known))
	strings = known[name]
	if strings.get("expect", "same pages") != "same pages":
		raise Failure(f"{name} is there to fail: a lab has nothing to learn from it")
	settings = {key: value for key, value in strings.items()
		    if key not in (*matrix.OURS, *selftests.OURS)}
	if device == "x86" and not strings.keys().isdisjoint(("cpu", "nodes", "qemu")):
		raise Failure(f"{name} is about the machine, which QEMU alone can be told: "
			      "it takes --device qemu")
	# Of the kernels to compare, the one that is under test
	kernel = next(name for name in strings["kernels"].split()
		      if kernels.parse(name).what == "series")
	settings["debug"] = str(kernels.parse(kernel).sanitizers)
	return strings, kernel, guest.settings(settings)


# ---- what to tell LAVA -------------------------------------------------------

def pattern():
	"""What is a result. LAVA looks for it in a stream in which a dot matches line
	ends, too, and a line may not have come as a whole."""
	denied = "|".join(found.pattern.replace(".*", r"[^\r\n]*")
			  for found in console.console_patterns()["deny"])
	return (STAMP + r"[# ]*"
		r"(?P<result>not ok(?= \d)|ok (?=\d+ [^\r\n]* # SKIP)|ok(?= \d)"
		rf"|(?=[^\r\n]*(?:{denied})))"
		r" ?(?:\d+ (?:- )?)?(?P<test_case_id>[^\r\n#]+)[^\r\n]*[\r\n]")


def minutes(count):
	return {"minutes": count}


def job(name, strings, setup, arguments):
	boot_time = max(1, round(setup.timeout / 60 + 0.5))
	whole = minutes(DEPLOY_MINUTES + 2 * boot_time)
	make = qemu_job if arguments.device == "qemu" else x86_job
	context, deploy, boot = make(setup, arguments)
	return {
		"job_name": f"padata-mt {name}",
		"device_type": arguments.device_type or arguments.device,
		"visibility": "public",
		"priority": "medium",
		"timeouts": {"job": whole, "action": minutes(DEPLOY_MINUTES),
			     "connection": minutes(2)},
		"metadata": {"scenario": name, "about": strings["about"]},
		"context": context,
		"actions": [
			{"deploy": deploy | {"timeout": minutes(DEPLOY_MINUTES)}},
			# The test waits for the end of the boot, and so its results
			# come from the first line on
			{"boot": boot | {"timeout": minutes(boot_time)}},
			{"test": {"timeout": minutes(boot_time), "monitors": [{
				"name": name, "start": START, "end": console.DONE,
				"pattern": pattern(), "fixupdict": OUTCOMES}]}},
		],
	}


def qemu_job(setup, arguments):
	architecture = kernels.ARCHITECTURES[""]
	words = [f"console={architecture.console}", *guest.KERNEL_ARGUMENTS,
		 architecture.append, *guest.told(setup)]
	hardware = guest.machine(setup)
	# LAVA has a setting for it, and gives it to QEMU beside these
	memory = hardware.index("-m")
	megabytes = int(hardware[memory + 1].removesuffix("M"))
	del hardware[memory:memory + 2]
	context = {"arch": "amd64", "memory": megabytes,
		   "machine": architecture.qemu[architecture.qemu.index("-machine") + 1],
		   "cpu": guest.cpu_model(architecture, setup),
		   "extra_options": ["-no-reboot", *hardware, *setup.qemu.split()]}
	deploy = {"to": "tmpfs", "images": {
		"kernel": {"url": arguments.kernel, "image_arg": "-kernel {kernel}"},
		"initrd": {"url": arguments.initramfs,
			   # Quoted: $ is in memmap=
			   "image_arg": f"-initrd {{initrd}} -append '{' '.join(words)}'"}}}
	return context, deploy, {"method": "qemu", "media": "tmpfs"}


def x86_job(setup, arguments):
	# The console is in the lab's own description of the machine
	words = [*guest.KERNEL_ARGUMENTS, *guest.told(setup)]
	deploy = {"to": "tftp", "kernel": {"url": arguments.kernel, "type": "image"},
		  "ramdisk": compressed(arguments.initramfs)}
	if arguments.modules:
		deploy["modules"] = compressed(arguments.modules)
	return ({"extra_kernel_args": " ".join(words)}, deploy,
		{"method": arguments.boot, "commands": "ramdisk"})


def compressed(url):
	found = COMPRESSIONS.get(Path(urlsplit(url).path).suffix)
	return {"url": url} | ({"compression": found} if found else {})


# ---- writing it --------------------------------------------------------------

def check_arguments(arguments):
	if arguments.device not in DEVICES:
		raise Failure(f"no device '{arguments.device}': it is " + " or ".join(DEVICES))
	if arguments.boot not in ("grub", "ipxe"):
		raise Failure(f"no way to boot '{arguments.boot}': it is grub or ipxe")
	if arguments.device == "x86" and not arguments.device_type:
		raise Failure("which machine? Give --device-type as the lab calls it")
	if arguments.device == "qemu" and arguments.modules:
		raise Failure("--modules is for x86 machines: guests in QEMU need none")
	for what in ("kernel", "initramfs", "modules"):
		url = getattr(arguments, what)
		if not url and what != "modules":
			raise Failure(f"where is the {what}? Give --{what} URL, as the lab "
				      "can reach it")
		parts = urlsplit(url)
		if url and (parts.scheme not in ("http", "https", "ftp", "file", "scp")
			    or not parts.path.strip("/") or re.search(r"[\s<>{}]", url)):
			raise Failure(f"'{url}' is no URL of the {what}: it is like "
				      f"https://HOST/PATH/{what}")


def write_files(directory, name, kernel, setup):
	"""The kernel and the initramfs, by the names that say which they are."""
	image = kernels.image(kernel)
	if not image.exists():
		raise Failure(f"{relative(image)} is missing: run scripts/build {kernel}")
	if str(kselftest.INSTALLED) in setup.extra:
		kselftest.install()
	place = Path(directory)
	place.mkdir(parents=True, exist_ok=True)
	packed = initramfs.initramfs(kernels.parse(kernel).architecture, guest.extras(setup))
	for source, target in ((image, place / f"{name}-kernel"),
			       (packed, place / f"{name}-initramfs.cpio")):
		shutil.copyfile(source, target)
		print(f"Wrote {relative(target)}", file=sys.stderr)


def write(arguments):
	"""The job, as YAML."""
	if not arguments.scenario:
		raise Failure("which scenario? Known: " + ", ".join(
			name for name, strings in scenarios().items()
			if strings.get("expect", "same pages") == "same pages"))
	strings, kernel, setup = choose(arguments.scenario, arguments.device)
	check_arguments(arguments)
	prepare("tree", "lava", *["build", "boot"] * bool(arguments.files),
		tree=bool(arguments.files) and not LINUX.exists(), lock=False)
	if arguments.files:
		write_files(arguments.files, arguments.scenario, kernel, setup)

	of_what = (f"what scripts/build {kernel} builds" if arguments.device == "qemu" else
		   "any with what tools/testing/selftests/padata/config asks for")
	# Here, as it is no part of Python: --help has to work without
	try:
		import yaml
	except ImportError:
		raise Failure("python3-yaml is missing: run scripts/setup lava") from None
	return textwrap.dedent(f"""\
		---
		# A job for LAVA, from scripts/lava. The kernel is {of_what};
		# --files writes the initramfs.
		""") + yaml.safe_dump(
			job(arguments.scenario, strings, setup, arguments),
			sort_keys=False, width=10000)


def main():
	arguments = parse_arguments()
	for what in ("output", "files"):
		if getattr(arguments, what):
			setattr(arguments, what, os.path.abspath(getattr(arguments, what)))
	os.chdir(ROOT)
	written = write(arguments)
	if arguments.output:
		Path(arguments.output).write_text(written)
	else:
		say(written.rstrip())
	return 0
