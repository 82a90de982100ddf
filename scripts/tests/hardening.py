# SPDX-License-Identifier: GPL-2.0
"""Scripts that are killed, run without root, or at an odd path, lose nothing.

In small checkouts, see toy.py: killed at several moments by Ctrl-C, by a plain kill
and by one that no process can answer, a script called again does the rest. Nothing
may hang on the moment: one that had ended already must have ended well.

And the whole way with the real kernel, in a checkout whose path has a blank.
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from host.places import BUILD
from host.terminal import progress
from tests import bad_input, builds, toy

MOMENTS = (0.1, 0.3, 0.5, 0.7, 0.9)		# of the time that it takes
# What is killed: all that the terminal would reach, or the script alone
KILLS = {"Ctrl-C": (signal.SIGINT, os.killpg), "a plain kill": (signal.SIGTERM, os.kill),
	 "kill -9": (signal.SIGKILL, os.kill)}
SOON = 20		# seconds within which processes have to be gone


# ---- what is about to be done when it is killed --------------------------------

def no_tree(place):
	"""make tree imports the base"""
	shutil.rmtree(place / "build")


def other_queue(place):
	"""make tree applies another queue"""
	lines = (place / "series").read_text().splitlines()
	(place / "series").write_text("\n".join(
		line for line in lines if not line.startswith("two/")) + "\n")
	shutil.rmtree(place / "patches/two")


def more_commits(place):
	"""make refresh writes another queue"""
	toy.commit(place, 90, "two")


def threads(place):
	"""make mbox writes threads"""


WORK = ((no_tree, "tree"), (other_queue, "tree"), (more_commits, "refresh"),
	(threads, "mbox"))


# ---- killing it ----------------------------------------------------------------

def group(number):
	"""The processes of that group, zombies left out."""
	found = []
	for stat in Path("/proc").glob("[0-9]*/stat"):
		try:
			name, _, rest = stat.read_text().rpartition(")")
		except OSError:
			continue
		state, _, its_group = rest.split()[:3]
		if int(its_group) == number and state != "Z":
			found.append(name.partition("(")[2])
	return found


def answers(process):
	"""Whether a script has set its signal handlers, of which TERM's comes last: until
	then it has done nothing, and dies without a word."""
	status = Path(f"/proc/{process.pid}/status").read_text()
	caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.M)[1], 16)
	return caught >> (signal.SIGTERM - 1) & 1


def state(place):
	"""What the work leaves behind; the mails have random boundaries in no part."""
	mails = {str(path): path.read_bytes() for path in place.glob("build/mbox/*.mbox")}
	return toy.contents(place) | {Path(path).name: mail for path, mail in mails.items()}


def kill_once(place, script, kill, moment):
	"""What was wrong with its end."""
	number, send = KILLS[kill]
	process = subprocess.Popen([place / "scripts" / script], cwd=place, text=True,
				   env=toy.environment(), start_new_session=True,
				   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
				   stderr=subprocess.PIPE)
	time.sleep(moment)
	while process.poll() is None and not answers(process):
		time.sleep(0.01)
	if process.poll() is None:
		send(process.pid, number)
	try:
		errors = process.communicate(timeout=120)[1]
	except subprocess.TimeoutExpired:
		os.killpg(process.pid, signal.SIGKILL)
		process.communicate()
		return ["it goes on for two minutes"]
	end = time.monotonic() + SOON
	while (left := group(process.pid)) and time.monotonic() < end:
		time.sleep(0.1)
	problems = [f"it left {', '.join(left)} behind"] if left else []
	last = (errors.strip().splitlines() or [""])[-1]
	if process.returncode and number != signal.SIGKILL and (
			last != f"{script}: interrupted; what is done is kept, call again to go on"):
		problems.append(f"status {process.returncode}, its last line was '{last}'")
	return problems


def killed(checkout, prepare, script, kill):
	"""Killed at each moment, then called again: the same as without."""
	place = toy.copy(checkout, "whole")
	prepare(place)
	started = time.monotonic()
	toy.must(place, f"scripts/{script}")
	takes = time.monotonic() - started
	wanted = state(place)
	problems = []
	for moment in MOMENTS:
		progress(f"{script}: {kill} after {moment * takes:.1f} s")
		place = toy.copy(checkout, "killed")
		prepare(place)
		found = kill_once(place, script, kill, moment * takes)
		again = toy.run(place, f"scripts/{script}")
		if again.returncode:
			found.append("called again: " + again.stderr.strip()[-300:])
		elif (now := state(place)) != wanted:
			found.append("called again, it left other files: " + ", ".join(
				name for name in sorted(now.keys() | wanted.keys())
				if now.get(name) != wanted.get(name)))
		problems += [f"after {moment * takes:.1f} of {takes:.1f} s: {line}"
			     for line in found]
	return problems


def locks_taken_to_read(checkout):
	"""What was wrong when scripts that are refused looked at the kernel tree. git would
	save what it read of touched files in its index, whose lock it leaves behind when
	it is killed at the wrong moment, and the user's own git has to wait for."""
	place = toy.copy(checkout, "read")
	other_queue(place)
	tree = place / "build/linux"
	(tree / "kernel/toy.c").write_text("edited")
	os.utime(tree / "Makefile", (0, 0))
	index = (tree / ".git/index").read_bytes()
	for script in ("tree", "refresh"):
		ended = toy.run(place, f"scripts/{script}")
		if "uncommitted changes" not in ended.stderr:
			yield f"{script} was not refused: {ended.stderr.strip()[-300:]}"
		if (tree / ".git/index").read_bytes() != index:
			yield f"{script} wrote git's index"


# Who calls a script, and the terminal, may both end it
TWICE = """
import os, signal, sys
sys.path.insert(0, "scripts")
sys.argv[0] = "scripts/toy"
from host.script import run
def main():
	try:
		os.kill(os.getpid(), signal.SIG{})
	finally:
		os.kill(os.getpid(), signal.SIGTERM)
run(main)
"""


def killed_twice(checkout):
	"""What was wrong when a script that was about to end got another signal."""
	problems = []
	for name, status in (("HUP", 129), ("INT", 130), ("TERM", 143)):
		# Who calls this may ignore some of them, which is inherited
		ended = toy.run(checkout, "env", f"--default-signal={name}",
				sys.executable, "-c", TWICE.format(name))
		said = ended.stderr.strip()
		if ended.returncode != status or "\n" in said or not said.startswith(
				"toy: interrupted"):
			problems.append(f"{name}: status {ended.returncode}, it said: {said}")
	return problems


# What builds kernels while tests run must end with them
AHEAD = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, "scripts")
sys.argv[0] = "scripts/toy"
from host.script import run
from tests import ahead
ahead.ROOT = Path("ahead")
def main():
	with ahead.building(["series", "stock"]):
		while not Path("ahead/began").exists():
			time.sleep(0.01)
		os.kill(os.getpid(), signal.SIGTERM)
		time.sleep(60)
run(main)
"""
SLOW_BUILD = """#!/bin/sh
echo $1 >> ahead/began
exec sleep 60
"""


def killed_while_building_ahead(checkout):
	"""What was wrong when tests were killed that had a kernel built meanwhile."""
	place = toy.copy(checkout, "ahead")
	build = place / "ahead/scripts/build"
	build.parent.mkdir(parents=True)
	build.write_text(SLOW_BUILD)
	build.chmod(0o755)
	tests = subprocess.Popen([sys.executable, "-c", AHEAD], cwd=place, text=True,
				 start_new_session=True, stderr=subprocess.PIPE)
	try:
		said = tests.communicate(timeout=SOON)[1]
	except subprocess.TimeoutExpired:
		os.killpg(tests.pid, signal.SIGKILL)
		said = tests.communicate()[1]
	if tests.returncode != 143:
		yield f"status {tests.returncode}, it said: {said}"
	if left := group(tests.pid):
		yield f"it left {', '.join(left)} behind"
	if (began := (place / "ahead/began").read_text()) != "series\n":
		yield f"begun were: {began}"


# ---- without root ----------------------------------------------------------------

def without_root(checkout):
	"""What fails for a user who is not root, has no sudo and a home that is not
	there; or, as text, why that cannot be tried."""
	if os.geteuid():
		return []		# all the tests are run that way
	user = pwd.getpwnam("nobody")
	drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
		"--clear-groups", "--no-new-privs"]
	place = toy.copy(checkout, "nobody's", "build")
	if toy.run("/", *drop, "test", "-x", place).returncode:
		return f"{user.pw_name} may not enter {place}"
	(place / "before.txt").write_text("[    0.000000] Linux version 6.12.0\n"
		"[    1.000000] node 0 deferred pages initialised in 80ms\n"
		"[    2.000000] Run /init as init process\n")
	subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", place], check=True)
	(toy.PLACE / "cache").mkdir(exist_ok=True)
	os.chown(toy.PLACE / "cache", user.pw_uid, user.pw_gid)
	problems = []
	try:
		for command in ("tree", "refresh", "mbox", "measure --dmesg before.txt", "clean"):
			ended = toy.run(place, *drop, "sh", "-c", f"scripts/{command}",
					HOME="/dev/null/home", XDG_CACHE_HOME=str(toy.PLACE / "cache"))
			if ended.returncode:
				problems.append(f"{command}: {ended.stderr.strip()[-300:]}")
		# And in a checkout of root's
		for command in ("tree", "refresh", "mbox", "measure", "clean"):
			ended = toy.run(checkout, *drop, f"scripts/{command}", HOME="/dev/null/home")
			said = ended.stderr.strip().splitlines()
			if ended.returncode == 0 or len(said) != 1 or (
					"call as" not in said[0]):
				problems.append(f"{command}, in root's: {said[-3:]}")
	finally:
		toy.remove(place)
	return problems


# ---- at an odd path ----------------------------------------------------------------

# All that is called by a person, with blanks wherever a path is given. "make measure"
# is made of what tree, build, bench and boot do, and of reading dmesg; clean would
# remove what other tests need.
WHOLE_WAY = (
	"make tree",
	"make check",
	"scripts/refresh --to '{given}/queue'",
	"make build KERNEL=series",
	"scripts/boot series --run '{given}/hello' --extra '{given}/file' --log '{given}/log.txt'",
	"scripts/bench --rounds 1 --memory 64M --json '{given}/bench.json'",
	"make measure DMESG=\"'{given}/before.txt' '{given}/log.txt'\"",
	"make mbox TO='{given}/mails'",
	# Where its packages are: the part "deb" installs them
	"! NO_INSTALL=1 scripts/setup deb 2>&- || "
	"make deb CONFIG='{given}/config' TOUCHED=files TO={place}/deb",
	"make lava SCENARIO=two-cpus KERNEL_URL=https://a.b/c INITRAMFS_URL=https://a.b/d",
	"make test ONLY='figures results' JUNIT='{given}/junit.xml'",
)
KERNEL = BUILD / "kernel/series"


def blank_in_path():
	"""What does not work in a checkout whose path has blanks and a quote, and that has
	what is built here."""
	ended = builds.script("scripts/build", KERNEL.name)
	if not ended.ok:
		yield from ended.details()
		return
	folder = BUILD / "test/odd-path"
	place, given = folder / "a checkout's copy", folder / "what it is given"
	# Only the link of the last one is removed
	shutil.rmtree(folder, ignore_errors=True)
	given.mkdir(parents=True)
	place.mkdir()
	toy.copy_checkout(place)
	(place / "build").symlink_to(BUILD)
	(given / "hello").write_text("#!/bin/sh\necho hello from $(cat /extra/file)\n")
	(given / "file").write_text("a file\n")
	(given / "before.txt").write_text(bad_input.DMESG)
	shutil.copy(KERNEL / ".config", given / "config")
	# So that it is configured anew
	for stamp in (".stamp", ".built", ".configured"):
		(KERNEL / stamp).unlink(missing_ok=True)

	environment = {key: value for key, value in os.environ.items()
		       if key not in ("FULL", "ONLY", "MINUTES", "PADATA_MT_PACKAGES")}
	for command in WHOLE_WAY:
		command = command.format(given=given, place=folder)
		progress(f"In a checkout with a blank in its path: {command}")
		ended = subprocess.run(command, shell=True,
				       cwd=place, text=True, errors="replace",
				       env=environment | {"NO_INSTALL": "1"},
				       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
				       stderr=subprocess.PIPE)
		if ended.returncode:
			said = ended.stdout.splitlines()[-12:] + ended.stderr.splitlines()[-3:]
			yield f"{command}: {' | '.join(said)}"
	if "hello from a file" not in (given / "log.txt").read_text(errors="replace"):
		yield "the guest did not run the program that it was given"
	shutil.rmtree(folder)


def check(report):
	problems = list(blank_in_path())
	report.check(not problems, "the whole way in a checkout with a blank in its path",
		     problems)
	checkout = toy.make("hardening")
	for prepare, script in WORK:
		for kill in KILLS:
			problems = killed(checkout, prepare, script, kill)
			report.check(not problems, f"{kill} while {prepare.__doc__}", problems)
	problems = list(locks_taken_to_read(checkout))
	report.check(not problems, "none of git's locks is taken only to look at the tree",
		     problems)
	problems = list(killed_while_building_ahead(checkout))
	report.check(not problems, "a plain kill while kernels are built ahead", problems)
	problems = killed_twice(checkout)
	report.check(not problems, "two signals at once", problems)
	problems = without_root(checkout)
	if isinstance(problems, str):
		report.skip("no root", problems)
	else:
		report.check(not problems, "no root", problems)
