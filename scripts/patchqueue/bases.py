# SPDX-License-Identifier: GPL-2.0
"""Tries the queue on each 6.12.y that apt offers as linux-source-6.12, and on those that
are here already. A line for each version:
  applies exactly | applies with offsets | does not apply | skipped, and why
with the hunks that moved, or the first patch that fails, below it.

An older version gets bases/before-<version>.patch first, where there is one for it. All
of it also goes to build/bases/report.txt. Sources stay in build/bases, and so does what
was found, until the queue changes. Fails if the queue does not apply to one of them.
  bases --files DIR    try it on the kernel files in DIR instead
"""

import collections
import difflib
import fnmatch
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from host import debian
from host.failure import Failure
from host.git import git, tree_git
from host.places import BUILD, ROOT, need_space, remove, scratch_folder
from host.programs import run_program
from host.reason import reason_of
from host.script import help_if_asked, prepare
from host.terminal import say, show, step
from patchqueue import base, commits, files, mails

PLACE = BUILD / "bases"
SCRATCH = PLACE / "scratch"
LOG = BUILD / "log/bases.log"

# What tar says of members that are not there, such as those that the series adds
NOT_THERE = re.compile(r".*(: Not found in archive"
		       r"|Exiting with failure status due to previous errors)$")


class Skipped(Exception):
	"""Why a version cannot be tried."""


# ---- the source of a version -------------------------------------------------

def tarball_of(version):
	"""A file with its source, if there is one."""
	there = [debian.tarball(folder, version) for folder in (PLACE, BUILD / "base")]
	if version == debian.installed():
		there.append("/" / debian.INSTALLED)
	return next((tarball for tarball in there if tarball.is_file()), None)


def versions(own):
	found = {own, *debian.offered(), *debian.versions_in(PLACE),
		 *debian.versions_in(BUILD / "base")}
	return sorted(found, key=debian.order)


def wanted_files():
	"""What the patches touch; and by what git names the function of a hunk."""
	more = {file for patch in (ROOT / "bases").glob("*.patch")
		for file in files.DIFF.findall(files.read(patch))}
	return [".gitattributes", *sorted(more.union(files.series_files()))]


def unpack(tarball, wanted, place):
	"""The files that the tarball has. Says whether that has worked."""
	members = SCRATCH / "members"
	files.write(members, "".join(f"{debian.SOURCE}/{file}\n" for file in wanted))
	ended = run_program("tar", "-x", "-I", "xz -T0", "-f", tarball, "--no-same-owner",
			    "--strip-components=1", "-C", place, "--files-from", members)
	said = [line for line in ended.stderr.splitlines() if not NOT_THERE.match(line)]
	files.write(LOG, "".join(f"{line}\n" for line in said))
	return not (ended.returncode and said) and (place / ".gitattributes").exists()


def get_files(version, own):
	"""A folder with the files of a version, which stays."""
	folder, wanted = PLACE / version, wanted_files()
	listed = folder / "list"
	if listed.exists() and files.read(listed).split("\n") == wanted:
		return folder / "files"
	new = SCRATCH / "files"
	for path in (folder, new):
		remove(path)
		path.mkdir(parents=True)
	if version == own:
		commits.export("base", wanted, new)
	else:
		if not tarball_of(version):
			need_space(500, PLACE)
			if not step(f"Downloading {debian.SOURCE} {version}", LOG,
				    debian.download, version, PLACE, LOG):
				raise Skipped(f"it cannot be downloaded: {reason_of(LOG)}")
		tarball = tarball_of(version)
		if not step(f"Unpacking {debian.SOURCE} {version}", LOG,
			    unpack, tarball, wanted, new):
			raise Skipped(f"{str(tarball).removeprefix(f'{ROOT}/')} cannot be "
				      f"unpacked ({reason_of(LOG)}): remove it, then call "
				      "again")
	new.rename(folder / "files")
	files.write(listed, "\n".join(wanted))
	return folder / "files"


# ---- does the queue apply ----------------------------------------------------

def without_positions(text):
	"""The lines of a diff without what another base changes by right."""
	diff = re.split(r"^(?=diff --git )", text, maxsplit=1, flags=re.MULTILINE)[-1]
	diff = re.sub(r"^index [0-9a-f]*\.\..*\n", "", diff, flags=re.MULTILINE)
	return re.sub(r"^@@ -[\d,]* \+[\d,]* @@", "@@", diff, flags=re.MULTILINE).split("\n")


def patches_for(version):
	"""What bases/ has for a version, then the queue; paths below the checkout."""
	before = [path for path in sorted((ROOT / "bases").glob("before-*.patch"))
		  if debian.order(version) < debian.order(path.stem.removeprefix("before-"))]
	return [f"bases/{path.name}" for path in before] + [
		f"patches/{patch}" for patch in files.series_patches()]


def try_queue(folder, version, what):
	"""The outcome, then two blanks and a detail a line."""
	tree = SCRATCH / "tree"
	remove(tree)
	shutil.copytree(folder, tree, symlinks=True)
	remove(tree / ".git")
	tree_git("init", "-q", at=tree)
	tree_git("add", "-A", "-f", at=tree)
	after = tree_git("write-tree", at=tree)
	first, details, drifted = "", [], 0
	for path in patches_for(version):
		patch = path.removeprefix("patches/")
		show(f"{what}: {patch}")
		ended = git("apply", "--index", "-v", ROOT / path, at=tree,
			    stderr=subprocess.STDOUT)
		if ended.returncode:
			return [f"does not apply: {patch}",
				*explain_failure(tree, ROOT / path, ended.stdout)]
		before, after = after, tree_git("write-tree", at=tree)
		# Where the file was rearranged, a hunk may fit, and in the wrong function
		written = without_positions(files.read(ROOT / path))
		applied = without_positions(tree_git("diff-tree", "-p", "--no-renames", before,
						     after, at=tree) + "\n")
		if written != applied:
			differ = difflib.unified_diff(written, applied, n=0, lineterm="")
			return [f"does not apply: {patch} comes out in another place than it "
				"was written for", *(f"  {line}" for line in list(differ)[2:])]
		if path == patch:
			first += f" after {patch}"
		moved = mails.moved_hunks(ended.stdout)
		drifted += bool(moved)
		for file, line in moved:
			hunk, at, offset = re.match(r"Hunk #(\d+) succeeded at (\d+) "
						    r"\(offset (-?\d+) ", line).groups()
			details.append(f"  {patch}: {file}: hunk {hunk} at line {at} "
				       f"(offset {int(offset):+})")
	if not details:
		return [f"applies exactly{first}"]
	return [f"applies with offsets{first}: {len(details)} hunks of {drifted} patches",
		*details]


def explain_failure(tree, path, said):
	"""Hunk by hunk, as patch(1) has it: that would take some with less context
	("fuzz")."""
	ended = run_program("patch", "-d", tree, "-p1", "--dry-run", "--force", "--fuzz=2",
			    "-i", path, stderr=subprocess.STDOUT)
	found, file = [], ""
	for line in ended.stdout.split("\n"):
		if line.startswith(("checking file ", "patching file ")):
			file = line.split()[2]
		elif re.match(r"Hunk #\d+ (FAILED|succeeded.* with fuzz)", line):
			found.append(f"  {file}: hunk {line.removeprefix('Hunk #')}")
	return found or [f"  {line}" for line in re.findall("^error: (.*)", said,
							    re.MULTILINE)]


def known_failure(version, patch):
	"""The reason given in scripts/check-exceptions."""
	for line in files.read(ROOT / "scripts/check-exceptions").split("\n"):
		what, *words = line.split(maxsplit=3) if line else [""]
		if what == "bases" and fnmatch.fnmatchcase(version, words[0]) and (
				fnmatch.fnmatchcase(patch, words[1])):
			return words[2]
	return ""


def judge(version, own, key):
	"""What comes of a version, in a word to count it by and in lines. It holds for as
	long as the queue and these scripts are the same, which the key stands for."""
	result = PLACE / version / "result"
	try:
		folder = get_files(version, own)
	except Skipped as why:
		return "skipped", [f"skipped: {why}"]
	known = files.read(result) if result.exists() else ""
	found, *lines = known.rstrip("\n").split("\n")
	if found != key:
		lines = try_queue(folder, version, version)
		new = SCRATCH / "result"
		files.write(new, "\n".join([key, *lines]) + "\n")
		new.rename(result)
	if lines[0].startswith("applies exactly"):
		return "exactly", lines
	if lines[0].startswith("applies"):
		return "drifted", lines
	patch = re.match("does not apply: ([^ ]*)", lines[0])
	if reason := known_failure(version, patch[1] if patch else ""):
		return "known", [*lines, f"  known: {reason}"]
	return "failed", lines


# ---- all of it ---------------------------------------------------------------

def key_of_results():
	digest = hashlib.sha256(files.queue_hash().encode())
	for path in (*sorted((ROOT / "bases").iterdir()),
		     *sorted((ROOT / "scripts/patchqueue").glob("*.py"))):
		digest.update(path.read_bytes())
	return digest.hexdigest()


def try_all(own):
	if not os.environ.get("NO_INSTALL") and not step(
			f"Asking apt for each {debian.SOURCE}", LOG, debian.update, LOG):
		say(f"apt-get update failed ({reason_of(LOG)}): taking the versions that apt "
		    "knew before")
	key = key_of_results()
	report = f"The queue was written on {files.series_stamp('Base')}\n\n"
	counts = collections.Counter()
	for version in versions(own):
		outcome, lines = judge(version, own, key)
		counts[outcome] += 1
		text = f"{version}: " + "\n".join(lines)
		say(text)
		report += f"{text}\n"
	total = (f"Of {counts.total()} versions: {counts['exactly']} exactly, "
		 f"{counts['drifted']} with offsets, {counts['failed']} failed, "
		 f"{counts['known']} known to fail, {counts['skipped']} skipped")
	files.write(SCRATCH / "report", f"{report}\n{total}\n")
	(SCRATCH / "report").rename(PLACE / "report.txt")
	say(f"{total} (build/bases/report.txt)")
	return bool(counts["failed"])


def main():
	arguments = sys.argv[1:]
	help_if_asked(__doc__)
	if arguments and (len(arguments) != 2 or arguments[0] != "--files"
			  or not os.path.isdir(arguments[1])):
		raise Failure("usage: bases [--files DIRECTORY]")
	prepare("tree", "test")
	if not (ROOT / "series").exists():
		raise Failure('there is no series file yet: "make refresh" writes it')
	record = base.read_base()
	own = record.package or record.version
	with scratch_folder(SCRATCH):
		if not arguments:
			return try_all(own)
		lines = try_queue(Path(arguments[1]), own, arguments[1])
		say(f"{arguments[1]}: " + "\n".join(lines))
		return not lines[0].startswith("applies")
