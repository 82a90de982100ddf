# SPDX-License-Identifier: GPL-2.0
"""Makes build/linux: the newest linux-source-6.12 on offer as one commit, tagged "base",
then the queue on top (see scripts/patchqueue for the shape).

Called again, it does what is left to do, and nothing when build/linux is up to date.
  BASE_TARBALL=file  a linux-source-6.12.tar.xz to take instead
  FORCE=1            drop commits that are not in patches/; a branch keeps them
To move to a newer base: make refresh, remove build/linux and build/base, make tree.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from host import debian
from host.failure import Failure
from host.git import git, tree_git
from host.places import BUILD, LINUX, ROOT, need_space, remove, scratch_folder
from host.programs import logged
from host.reason import reason, reason_of
from host.script import no_arguments, prepare
from host.terminal import say, show, step
from patchqueue import base, commits, files, mails

LOG = BUILD / "log/tree.log"
SOURCES = BUILD / "base"
# Where the sources of the package are once it is installed
INSTALLED = "/" / debian.INSTALLED

# Of what is kept in the tree's repository: that it is half of our own work, that "make
# refresh" writes, and what each mail is made from that a person has to mend
APPLYING = commits.STATE / "applying"
REFRESHING = commits.STATE / "refreshing"
MENDING = commits.STATE / "mending"
AM = LINUX / ".git/rebase-apply"


# ---- the base ----------------------------------------------------------------

def sha256(path):
	with open(path, "rb") as file:
		return hashlib.file_digest(file, "sha256").hexdigest()


def find_base():
	"""A tarball and its Debian version, if that is known."""
	if asked_for := os.environ.get("BASE_TARBALL"):
		say(f"Base: {asked_for}, as asked for")
		return Path(asked_for), debian.version_of(Path(asked_for))
	if not os.environ.get("NO_INSTALL"):
		log = BUILD / "log/update.log"
		step(f"Asking apt for the newest {debian.SOURCE}", log, debian.update, log)
	offered, installed = debian.candidate(), debian.installed()
	why = "apt offers none"
	if offered:
		tarball = debian.tarball(SOURCES, offered)
		if tarball.is_file():
			return tarball, offered
		if offered == installed:
			return INSTALLED, offered
		need_space(600)
		log = BUILD / "log/download.log"
		if step(f"Downloading {debian.SOURCE} {offered}", log,
			debian.download, offered, SOURCES, log):
			return tarball, offered
		why = f"{reason_of(log)} (build/log/download.log)"

	if versions := debian.versions_in(SOURCES):
		package = max(versions, key=debian.order)
		tarball = debian.tarball(SOURCES, package)
	elif installed:
		tarball, package = INSTALLED, installed
	else:
		raise Failure(f"{debian.SOURCE} cannot be downloaded: {why}; and it is not in "
			      "build/base or /usr/src: get a network, or name one with "
			      "BASE_TARBALL=file")
	say(f"{' '.join(filter(None, (debian.SOURCE, offered)))} cannot be downloaded; taking "
	    f"{package}, which is here")
	return tarball, package


def kernel_version(source):
	"""As the Makefile has it, or nothing where that is no kernel's."""
	makefile = source / "Makefile"
	values = dict(re.findall(r"^([A-Z]+) *= *(\d+)$", files.read(makefile), re.MULTILINE)
		      if makefile.is_file() else ())
	parts = [values.get(name) for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
	return ".".join(parts) if all(parts) else ""


def import_base(tarball, place):
	"""The tarball as a git repository with one commit, the same on any machine. Says
	whether that has worked."""
	remove(place)
	place.mkdir(parents=True)
	if not logged(LOG, "tar", "-xJf", tarball, "--strip-components=1", "--no-same-owner",
		      "-C", place):
		return False
	with open(LOG, "ab") as log:
		return all(git(*words, at=place, env=commits.BASE_IDENTITY, stdout=log,
			       stderr=subprocess.STDOUT).returncode == 0 for words in (
			("init", "-q", "-b", "series"),
			("config", "gc.auto", "0"),
			("config", "core.autocrlf", "false"),
			# The kernel's .gitignore names files that Debian's tarball has
			("add", "-A", "-f"),
			("commit", "-q", "-m", f"Linux {kernel_version(place)}"),
			("tag", "base")))


def make_base():
	new = LINUX.with_name(LINUX.name + ".new")
	# Sources and their git objects, each twice for a moment if there is a tree
	need_space(3000)
	SOURCES.mkdir(exist_ok=True)
	tarball, package = find_base()
	if not step(f"Importing {tarball.name} into git", LOG, import_base, tarball, new):
		raise Failure(f"cannot import {tarball}: {reason_of(LOG)}; call again; if the "
			      "file is damaged, remove it first")
	version = kernel_version(new)
	if not version:
		raise Failure(f"{tarball} holds no kernel source: give a "
			      f"{debian.SOURCE}.tar.xz as BASE_TARBALL=file")
	tree = tree_git("rev-parse", "base^{tree}", at=new)
	made = base.Base(version, sha256(tarball), tree, package)
	if LINUX.exists():
		# A tree without its record: take it if it is made from this tarball
		if tree_of_base() != made.tree:
			raise Failure(f"build/linux was not made from {tarball.name}: move it "
				      "away, then call again")
		base.write_base(made)
		shutil.rmtree(new)
	else:
		base.write_base(made)
		new.rename(LINUX)
	say(f"Base: {made.name()}")
	say(f"  tarball sha256 {made.sha256}")
	say(f"  git tree       {made.tree}")


def tree_of_base():
	return git("rev-parse", "base^{tree}").stdout.strip()


def find_or_make_base(asked_for):
	"""The base that build/linux has, which is the one asked for if there is one."""
	if not commits.there_is_a_tree():
		if LINUX.exists():
			raise Failure("build/linux is no kernel tree made by this script: "
				      "move it away, then call again")
		make_base()
	elif not base.RECORD.exists():
		make_base()
	own = base.read_base()
	if tree_of_base() != own.tree:
		raise Failure("the tag base in build/linux is not what build/base/base.env "
			      'says: "git tag -f base <commit>" there puts it back')
	if asked_for and sha256(asked_for) != own.sha256:
		raise Failure(f"build/linux is made from another base (Linux {own.version}) "
			      f'than BASE_TARBALL={asked_for}: "make refresh" if it has '
			      "commits of yours, remove build/linux and build/base, then call "
			      "again")
	return own


# ---- the queue ---------------------------------------------------------------

def failed_files(said):
	"""The files that "git am" stumbled over."""
	found = re.findall(r"^error: (?:patch failed: (.*)"
			   r"|(.*): (?:No such file|does not exist|already exists).*)$",
			   said, re.MULTILINE)
	return " ".join(sorted({failed or missing for failed, missing in found}))


def moved_hunks(clone):
	"""Which hunks moved. Only asked when the base is another one than the queue was
	written on; "make check" asks quilt as well."""
	for patch in files.series_patches():
		ended = git("apply", "--index", "-v", ROOT / "patches" / patch, at=clone)
		for file, line in mails.moved_hunks(ended.stderr):
			yield f"  {patch}: {file}: {line}"


def apply_queue(own, queue):
	with scratch_folder(BUILD / "apply-mails") as folder:
		origins = mails.write_mails(folder)
		with scratch_folder(BUILD / "apply") as clone:
			mails.sparse_clone(clone, "base")
			ended = mails.am_mails(clone, folder)
			files.write(LOG, ended.stdout)
			if ended.returncode == 0:
				take_over(own, queue, clone)
				return
		# Once more, where it can be mended
		begin_applying()
		tree_git("reset", "-q", "--hard", "base")
		commits.write_applied(queue, "base")
		ended = mails.am_mails(LINUX, folder)
	files.write(LOG, ended.stdout)
	if ended.returncode == 0:
		raise Failure("the queue did not apply, then did: call again")
	if not (AM / "next").exists():
		raise Failure(f"git am did not run: {reason(ended.stdout.splitlines())} "
			      "(build/log/tree.log); mend that, then call again")
	files.write(MENDING, "".join(f"{origin}\n" for origin in origins))
	APPLYING.unlink()
	ask_to_mend(own, failed_files(ended.stdout))


def begin_applying():
	commits.STATE.mkdir(parents=True, exist_ok=True)
	APPLYING.touch()


def take_over(own, queue, clone):
	"""Have the kernel tree hold the commits of a clone, in which all has gone well."""
	head = tree_git("rev-parse", "HEAD", at=clone)
	begin_applying()
	tree_git("fetch", "-q", clone, "HEAD")
	# Touches only files that differ, so that little is built anew
	tree_git("reset", "-q", "--hard", head)
	commits.write_applied(queue, head)
	APPLYING.unlink()
	if not own.is_of_queue():
		tree_git("reset", "-q", "--hard", "base", at=clone)
		if moved := list(moved_hunks(clone)):
			say("Hunks that apply at another line than they were written for:")
			say("\n".join(moved))


def ask_to_mend(own, failed=""):
	"""\"git am\" counts what it was given, and so does the list that we keep. It knows
	only for one call that cover letters are empty on purpose."""
	text = (AM / "next").read_text().strip()
	number = int(text) if text.isdecimal() else 1
	patch = "".join(files.read(MENDING).split("\n")[number - 1:number])
	raise Failure(f"{patch} does not apply to Linux {own.version}"
		      + f" ({failed})" * bool(failed)
		      + ". To mend it: cd build/linux; git apply --reject "
		      ".git/rebase-apply/patch; edit; git add -A; git am --continue "
		      '--empty=keep; and when all are applied, "make refresh" here. To give '
		      "up: git am --abort")


def tidy_up():
	"""What was interrupted has left half of our own work in the tree, and git, when it
	was killed, its locks."""
	repository = LINUX / ".git"
	for lock in [*repository.glob("*.lock"), *(repository / "refs").rglob("*.lock")]:
		lock.unlink()
	if git("am", "--abort").returncode:
		shutil.rmtree(AM, ignore_errors=True)


def is_up_to_date(queue):
	"""Whether nothing is to be done; refuses what would lose commits."""
	forced = os.environ.get("FORCE")
	start, head = tree_git("rev-parse", "base^{commit}"), tree_git("rev-parse", "HEAD")
	applied_queue, applied_head = commits.read_applied()
	# Commits ahead of the queue are fine: that is how patches are edited
	if queue == applied_queue and head != start and not (forced and head != applied_head):
		return True

	if AM.is_dir() or (LINUX / ".git/rebase-merge").is_dir():
		raise Failure("patches/ changed, and build/linux is in the middle of a "
			      "rebase: finish or abort it there, then call again")
	if tree_git("status", "--porcelain", "-uno"):
		raise Failure("patches/ changed, and build/linux has uncommitted changes: "
			      "commit or stash them there, then call again")
	if head not in (start, applied_head):
		if not forced:
			raise Failure(
				"patches/ changed, and build/linux has commits that are not "
				'in it: either "git checkout -- patches series" and "make '
				'refresh", or "make tree FORCE=1", which leaves them on the '
				"branch before-make-tree to cherry-pick from")
		tree_git("branch", "-f", "before-make-tree", head)
		say("The commits so far are on the branch before-make-tree in build/linux")
	return False


def main():
	no_arguments(__doc__)
	prepare("tree", tree=False)
	asked_for = os.environ.get("BASE_TARBALL")
	if asked_for and not os.path.isfile(asked_for):
		raise Failure(f"BASE_TARBALL={asked_for}: no such file")
	if asked_for and not os.access(asked_for, os.R_OK):
		raise Failure(f"BASE_TARBALL={asked_for}: no right to read it")
	own = find_or_make_base(asked_for)

	series = ROOT / "series"
	if not series.exists():
		say(f"No series file: build/linux holds Linux {own.version} only")
		return 0
	if not series.is_file():
		raise Failure('series is no file: "git checkout -- series" brings it back')
	if REFRESHING.exists():
		raise Failure('"make refresh" was interrupted while it wrote: call it again '
			      "first")
	if not AM.is_dir():
		MENDING.unlink(missing_ok=True)
	elif MENDING.exists():
		ask_to_mend(own)

	queue = files.queue_hash()
	if APPLYING.exists():
		tidy_up()
	elif is_up_to_date(queue):
		return 0
	if not own.is_of_queue():
		written_on = files.series_stamp("Base")
		say(f"The queue was written on {written_on}; this is {own.name()}")
	show("Applying the queue")
	apply_queue(own, queue)
	topics = " ".join(commits.topics())
	say(f"build/linux: Linux {own.version} and {len(files.series_patches())} patches "
	    f"({topics})")
	return 0
