# SPDX-License-Identifier: GPL-2.0
"""What apt and dpkg offer: the kernel's source as a package, in its versions."""

import os
import pwd
import re
from pathlib import Path

from host.places import scratch_folder
from host.programs import logged, run_program

SOURCE = "linux-source-6.12"
# Where the package puts it
INSTALLED = Path(f"usr/src/{SOURCE}.tar.xz")

FETCH = ("apt-get", "-q", "-o", "Acquire::Retries=2")


def as_root(*command):
	return command if os.getuid() == 0 else ("sudo", "-n", *command)


def sandbox():
	"""Started as root, apt would drop to a user who may not write here."""
	try:
		return "-o", "APT::Sandbox::User=" + pwd.getpwuid(os.getuid()).pw_name
	except KeyError:
		return ()


def ask(*command):
	"""The lines that a program answers; none where it is missing."""
	try:
		return run_program(*command).stdout.splitlines()
	except FileNotFoundError:
		return []


def update(log):
	return logged(log, *as_root("apt-get", "-q", "update"))


def candidate():
	"""The version of the source that apt would install, if any."""
	found = [line.split()[1] for line in ask("apt-cache", "policy", SOURCE)
		 if re.match(r" *Candidate: *[^( ]", line)]
	return found[0] if found else ""


def offered():
	"""All versions of the source that apt knows."""
	return [line.split("|")[1].strip() for line in ask("apt-cache", "madison", SOURCE)
		if line.count("|") == 2]


def installed():
	"""The version of the source that is installed, if any."""
	found = [line.split()[1] for line in ask("dpkg-query", "-W", "-f",
						 "${db:Status-Status} ${Version}\n", SOURCE)
		 if line.startswith("installed ")]
	return found[0] if found and ("/" / INSTALLED).is_file() else ""


def tarball(folder, version):
	return folder / f"{SOURCE}_{version}.tar.xz"


def version_of(tarball):
	"""The version in the name of a file, if there is one."""
	found = re.fullmatch(rf"{re.escape(SOURCE)}_([\w.+:~-]+)\.tar\.xz", tarball.name)
	return found[1] if found else ""


def versions_in(folder):
	return [version for path in folder.glob(tarball(Path(), "*").name)
		if (version := version_of(path))]


def order(version):
	"""For sorting, as Debian has it: 1.2~rc1 comes before 1.2, and 1.9 before 1.10."""
	def place(letter):
		return -1 if letter == "~" else ord(letter) + 256 * (not letter.isalpha())
	# Upstream's, then Debian's
	return [[([*map(place, text), 0], int(number or 0))
		 for text, number in re.findall(r"(\D*)(\d*)", part)]
		for part in version.split("-", 1)]


def download(version, folder, log):
	"""Put a version of the source into a folder. Says whether it has worked."""
	with scratch_folder(folder / "download") as place:
		if not logged(log, *FETCH, *sandbox(), "download", f"{SOURCE}={version}",
			      cwd=place):
			return False
		for package in place.glob("*.deb"):
			if not logged(log, "dpkg-deb", "-x", package, place):
				return False
		(place / INSTALLED).rename(tarball(folder, version))
	return True
