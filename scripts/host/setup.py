# SPDX-License-Identifier: GPL-2.0
"""Installs the Debian packages that a task lacks: setup tree|build|boot|measure|test...

Silent when nothing is missing. NO_INSTALL=1 lists what is missing and stops.
A PACKAGE:arm64 is for guests: it is only unpacked, to build/arm64.
"""

import os
import shutil
import subprocess
import sys

from host.debian import FETCH, ask, sandbox
from host.failure import Failure
from host.places import BUILD, ROOT, make_folder, need_space, scratch_folder
from host.programs import logged
from host.reason import reason_of
from host.terminal import step

PACKAGES = {
	"tree": "git xz-utils tar python3",
	"build": """git gcc libc6-dev make flex bison bc perl python3 libelf-dev
		libssl-dev ccache kmod cpio rsync xz-utils gzip""",
	"deb": "build-essential debhelper dpkg-dev linux-config-6.12 openssl pahole zstd",
	"boot": "qemu-system-x86 busybox-static gcc libc6-dev python3 python3-pexpect",
	"strict": "sparse",
	"clang": "clang lld llvm",
	"measure": "python3 python3-matplotlib gcc libc6-dev valgrind",
	"test": """git gcc libc6-dev make perl python3 quilt b4 sparse shellcheck
		codespell patch diffutils python3-ply python3-git spin
		git-email libmailtools-perl python3-junit.xml lava-common python3-pexpect rsync
		flake8 python3-sphinx coccinelle iwyu""",
	"lava": "python3 python3-yaml",
	"browser": "chromium chromium-driver python3-selenium",
	"arm64": """gcc-aarch64-linux-gnu qemu-system-arm busybox-static:arm64
		python3-pexpect""",
}
FOREIGN = BUILD / "arm64"
LOG = BUILD / "log/setup.log"


def missing(tasks):
	wanted = {package for task in tasks for package in PACKAGES[task].split()}
	there = {line.split()[0] for line in ask(
		"dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *sorted(wanted))
		if line.endswith(" installed")}
	return sorted(package for package in wanted - there
		      if not (FOREIGN / package).exists())


def as_root(native):
	"""What to put in front of a command that installs packages."""
	if os.getuid() == 0 or not native:
		return []
	by_hand = "as root: apt-get install " + " ".join(native)
	if not shutil.which("sudo"):
		raise Failure(f"not root, and no sudo; {by_hand}")
	# Ask for a password where someone can type it, never in the background
	if not sys.stdin.isatty():
		return ["sudo", "-n"]
	if subprocess.run(["sudo", "-v"]).returncode:
		raise Failure(f"sudo does not let this user install packages; {by_hand}")
	return ["sudo"]


def install(native, foreign, sudo):
	"""Says whether it has worked."""
	apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *FETCH, "-y",
	       "-o", "DPkg::Lock::Timeout=300"]
	if native:
		# A failed update is no reason to stop: the lists at hand may do
		logged(LOG, *apt, "update")
		if not logged(LOG, *apt, "install", "--no-install-recommends", *native):
			return False
	return all(map(unpack, foreign))


def unpack(package):
	"""With lists of its own, so that the host need not know of the architecture."""
	name, _, architecture = package.partition(":")
	with scratch_folder(FOREIGN / "apt") as place:
		for folder in ("lists/partial", "archives/partial"):
			(place / folder).mkdir(parents=True)
		apt = [*FETCH, *sandbox()]
		for setting in (f"APT::Architecture={architecture}",
				f"APT::Architectures={architecture}", f"Dir::State={place}",
				"Dir::State::status=/dev/null", f"Dir::Cache={place}"):
			apt += ["-o", setting]
		for words in (["update"], ["download", name]):
			if not logged(LOG, *apt, *words, cwd=place):
				return False
		for file in place.glob("*.deb"):
			if not logged(LOG, "dpkg-deb", "-x", file, FOREIGN):
				return False
	(FOREIGN / package).touch()
	return True


def main():
	tasks = sys.argv[1:]
	if not tasks:
		raise Failure("usage: setup " + " ".join(PACKAGES))
	for task in tasks:
		if task not in PACKAGES:
			raise Failure(f'no task "{task}": one of {" ".join(PACKAGES)}')
	if not shutil.which("dpkg-query"):
		raise Failure("this is no Debian: these scripts need dpkg, apt and "
			      "linux-source-6.12; use a Debian machine or container")
	lacking = missing(tasks)
	if not lacking:
		return 0
	names = " ".join(lacking)
	if os.environ.get("NO_INSTALL"):
		raise Failure(f"missing, and not installed because NO_INSTALL is set: {names}")
	native = [package for package in lacking if ":" not in package]
	foreign = [package for package in lacking if ":" in package]
	sudo = as_root(native)
	make_folder(LOG.parent)
	if native:
		need_space(1500, "/usr")
	log = str(LOG).removeprefix(f"{ROOT}/")
	if not step(f"Installing {names}", LOG, install, native, foreign, sudo):
		raise Failure(f"could not install {names}: {reason_of(LOG)} (all of it in "
			      f"{log}); with a network, call again")
	if left := missing(tasks):
		raise Failure(f"apt-get left these out: {' '.join(left)} (see {log})")
	return 0
