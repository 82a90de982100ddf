# SPDX-License-Identifier: GPL-2.0
"""Writes each topic as a thread to mail, build/mbox/<topic>.mbox, proves that "b4 am" and
"git am" turn it back into the tree of build/linux, and writes who should get it,
<topic>.recipients. Nothing is sent.

  SIGNOFF="Name <address>"  the sender: From, and a Signed-off-by in every patch
  VERSION=2                 [PATCH v2 n/m]
  SINCE=v1                  the cover letters tell what changed since that tag of
                            this repository; <topic>.range-diff has all of it
  RECIPIENTS=no             leave the recipients out
  TO=directory              write there instead

The sender's own words on what changed are part of the cover letter: a paragraph that
begins with "Changes since v1:" in its commit. The same patches, sender and versions give
the same bytes, message ids included.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from host.failure import Failure
from host.git import git, tree_git
from host.places import BUILD, LINUX, ROOT, make_folder, scratch_folder
from host.programs import call, encode, run_program
from host.reason import reason
from host.script import no_arguments, prepare
from host.terminal import progress, say
from patchqueue import base, commits, files, mails

VERSION = os.environ.get("VERSION") or "1"
SIGNOFF = os.environ.get("SIGNOFF", "")
SINCE = os.environ.get("SINCE", "")
RECIPIENTS = os.environ.get("RECIPIENTS") or "yes"
TO = Path(os.environ.get("TO") or BUILD / "mbox")
# Of the message ids: the sender's domain, where no other mail can have them
HOST = SIGNOFF.rpartition("@")[2].rstrip(">") or "padata-mt.invalid"

SCRATCH = BUILD / "mbox-check"
# A clone of the kernel tree, where the threads are made and tried
CLONE = SCRATCH / "tree"
# A cover letter holds a range-diff up to this many lines
RANGE_DIFF_LIMIT = 150
# Two patches in a range-diff; below them, by four blanks, is how they differ
PAIR = re.compile(r"^ {0,3}(\d+|-): +[0-9a-f-]+ ([=!<>]) +(\d+|-): +[0-9a-f-]+ (.*)$",
		  re.MULTILINE)


def check_variables():
	if not re.fullmatch("[1-9][0-9]{0,3}", VERSION):
		raise Failure(f"VERSION={VERSION}: give a number from 1 to 9999")
	if SIGNOFF and not (SIGNOFF.isprintable()
			    and re.fullmatch("[^<> ][^<>]* <[^<> ]+@[^<> ]+>", SIGNOFF)):
		raise Failure(f'SIGNOFF={SIGNOFF}: write it as SIGNOFF="Name <address>"')
	if RECIPIENTS not in ("yes", "no"):
		raise Failure(f"RECIPIENTS={RECIPIENTS}: yes or no")
	if not SINCE:
		return
	found = git("rev-parse", "-q", "--verify", SINCE + "^{commit}", at=ROOT)
	if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._/-]*", SINCE) or found.returncode:
		raise Failure(f'SINCE={SINCE}: this repository has no such tag; "git tag v1" '
			      "made when version 1 was mailed is what it should name")
	if VERSION == "1":
		raise Failure(f"SINCE={SINCE} with VERSION=1: the first version has nothing "
			      "to compare; give VERSION=2 or more")
	if git("cat-file", "-e", f"{SINCE}:series", at=ROOT).returncode:
		raise Failure(f"SINCE={SINCE}: there is no series file in it")


def in_clone(*words, **options):
	return tree_git(*words, at=CLONE, **options)


def fail(message, said):
	"""With the line that says why, and where the others are."""
	files.write(BUILD / "log/mbox.log", said)
	raise Failure(f"{message} ({reason(said.splitlines())}; build/log/mbox.log)")


# ---- the commits that "make tree" makes of a queue -------------------------------
#
# They have the same names on every machine, unlike those that were edited in
# build/linux: the base-commit of a thread is one of them.

def by_topic(tree=None):
	"""The commits of each topic, that of its cover letter first."""
	found = {}
	for commit in commits.list_commits(tree):
		found.setdefault(commit.topic, []).append(commit.id)
	return found


def commits_of_queue(root, otherwise):
	"""Those of the queue in a folder. Otherwise says what it means if there are none."""
	folder = SCRATCH / f"{root.name}.mails"
	in_clone("checkout", "-q", "--detach", "base")
	try:
		mails.write_mails(folder, root)
		ended = mails.am_mails(CLONE, folder)
	except Failure as failure:
		fail(otherwise, str(failure))
	if ended.returncode:
		fail(otherwise, ended.stdout)
	return by_topic(CLONE)


def tree_is_as_made(base_commit):
	"""Nobody edited build/linux since "make tree" made it."""
	made = re.compile(r"(padata-mt padata-mt@localhost (\d+) \2\n)*")
	return tree_git("rev-parse", "base^{commit}") == base_commit and made.fullmatch(
		tree_git("log", "--format=%cn %ce %at %ct", "base..HEAD") + "\n")


def copy_commits(base_commit):
	"""To build/linux, where b4 finds them as well. It has the same trees; to fetch would
	pack the whole kernel."""
	names = f"{base_commit}\n" + in_clone("rev-list", f"{base_commit}..HEAD") + "\n"
	tree_git("unpack-objects", "-q", input=in_clone(
		"pack-objects", "-q", "--stdout", input=names, text=False))
	# Nobody but this script, of which one runs at a time, has this lock; git can leave
	# it behind when it is killed
	(LINUX / ".git/refs/padata-mt/mailed.lock").unlink(missing_ok=True)
	tree_git("update-ref", "refs/padata-mt/mailed", in_clone("rev-parse", "HEAD"))


def prepare_clone(own):
	"""The commits of this queue, and of that of SINCE."""
	old, roots = {}, [ROOT]
	if SINCE:
		since = SCRATCH / "since"
		commits.export(SINCE, ("series", "patches"), since, at=ROOT)
		roots.append(since)
	base_commit = commits.base_commit(own)
	mails.sparse_clone(CLONE, base_commit, roots)
	in_clone("tag", "-f", "base", base_commit)
	in_clone("config", "trailer.ifexists", "addIfDifferent")
	# b4 stops without a word where git knows no name
	in_clone("config", "user.name", "padata-mt")
	in_clone("config", "user.email", "padata-mt@localhost")
	if tree_is_as_made(base_commit):
		new = by_topic()
	else:
		progress("The commits that make tree makes")
		new = commits_of_queue(ROOT, 'patches/ does not apply: call "make check"')
		copy_commits(base_commit)
	if SINCE:
		progress(f"The commits of {SINCE}")
		old = commits_of_queue(since, f"SINCE={SINCE}: that version was written on "
			f"{files.series_stamp('Base', since)} and does not apply to Linux "
			f"{own.version}, so the two cannot be compared")
	in_clone("checkout", "-q", "--detach", "base")
	return new, old


# ---- what changed ----------------------------------------------------------------

def tell_changes(range_diff, total):
	"""The pairs of a range-diff for people; nothing if all patches are the same."""
	told, same = "", []
	for old, sign, new, subject in PAIR.findall(range_diff):
		place = f"{new.zfill(len(str(total)))}/{total}"
		if sign == "!":
			was = f" (was {old})" if old != new else ""
			told += f"  changed  {place} {subject}{was}\n"
		elif sign == ">":
			told += f"  new      {place} {subject}\n"
		elif sign == "<":
			told += f"  dropped  {subject} (was {old})\n"
		elif same and same[-1][-1] == int(new) - 1:
			same[-1] = [same[-1][0], int(new)]
		else:
			same.append([int(new)])
	same = ", ".join("-".join(map(str, row)) for row in same)
	return told + f"  the same {same}\n" * bool(told and same)


def compare(topic, new, old):
	"""What the cover letter says of the changes, and its range-diff."""
	file = TO / f"{topic}.range-diff"
	if not old:
		file.unlink(missing_ok=True)
		return "This topic is new.\n", ""
	range_diff = in_clone("range-diff", "--no-color", "--no-notes", f"{old[0]}..{old[-1]}",
			      f"{new[0]}..{new[-1]}") + "\n"
	files.write(file, range_diff)
	told, lines = tell_changes(range_diff, len(new) - 1), range_diff.count("\n")
	if not told:
		return "No patch has changed.\n", ""
	if lines > RANGE_DIFF_LIMIT:
		return told, (f"\nThe range-diff against {SINCE} has {lines} lines, and is "
			      "left out.\n")
	range_diff = re.sub("[ \t]+$", "", range_diff, flags=re.MULTILINE)
	return told, f"\nRange-diff against {SINCE}:\n{range_diff}"


# ---- the mails -------------------------------------------------------------------

def cover_text(topic, new, old):
	"""What refresh wrote, with what changed."""
	letter = files.read(ROOT / "patches" / topic / "0000-cover-letter.patch")
	text = letter.partition("\n\n")[2]
	if not SINCE:
		return text
	words, *generated = mails.split_cover(text)
	title = f"Changes since {SINCE}:"
	if f"\n{title}" not in f"\n{words}":
		words += f"{title}\n\n"
	changes, range_diff = compare(topic, new, old)
	return f"{words}{changes}\n{''.join(generated)}{range_diff}"


def write_thread(mbox, text, new):
	"""From its commits: the first, which is empty, gives the header of the text."""
	folder = SCRATCH / f"{mbox.stem}.patches"
	# With a From: in the text where the author is another than the sender
	in_clone("format-patch", "-q", *mails.FORMAT, "--always", "--numbered",
		 "--start-number=0", "--thread", *[f"-v{VERSION}"] * (VERSION != "1"),
		 *[f"--from={SIGNOFF}"] * bool(SIGNOFF), "-o", folder, f"{new[0]}^..{new[-1]}")
	cover, *patches = sorted(folder.iterdir())
	if SIGNOFF:
		# "format-patch --signoff" would take the last dot off a name
		in_clone("interpret-trailers", "--in-place", "--trailer",
			 f"Signed-off-by: {SIGNOFF}", *patches)
	# Message ids of git have the time in them
	state = encode("\n".join([VERSION, SIGNOFF, new[-1], text]))
	state = hashlib.sha256(state).hexdigest()[:16]
	thread = ""
	for path in (cover, *patches):
		header, body = files.read(path).split("\n\n", 1)
		body = text if path == cover else body
		header = re.sub(r"<([0-9a-f]{40})\.\d+\.git\..*>",
				lambda found: f"<{found[1]}.{state}@{HOST}>", header)
		# b4 0.12 stops at a folded subject
		header = re.sub("\n[ \t]+", " ", header) + "\n"
		thread += header + mails.needs_charset(f"{header}\n{body}") + f"\n{body}\n"
	files.write(SCRATCH / mbox.name, thread)
	shutil.move(SCRATCH / mbox.name, mbox)


# ---- the proof -------------------------------------------------------------------

def apply_thread(mbox, name):
	"""What a maintainer would do with it. Returns what b4 and git said."""
	out = SCRATCH / f"{mbox.stem}.am"
	out.mkdir()
	places = {f"XDG_{kind}_HOME": str(SCRATCH) for kind in ("CACHE", "DATA", "CONFIG")}
	settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
	options = {"env": os.environ | places | settings | commits.COMMITTER,
		   "stderr": subprocess.STDOUT}
	ended = run_program("b4", "--no-stdin", "--no-interactive", "--offline-mode", "am",
			    "--no-cache", "--no-parent", "-m", mbox.absolute(), "-o", out,
			    cwd=CLONE, **options)
	said = ended.stdout
	if not ended.returncode:
		ended = git("am", "-q", "--no-gpg-sign", "--whitespace=nowarn",
			    *out.glob("*.mbx"), at=CLONE, **options)
		said += ended.stdout
	if ended.returncode:
		fail(f"{name} is not taken by b4 am and git am", said)
	return said


def prove_thread(mbox, name, made, applies_to):
	"""It gives what is made in build/linux, and b4 finds out what it applies to."""
	before = in_clone("rev-parse", "HEAD")
	said = apply_thread(mbox, name)
	if in_clone("rev-parse", "HEAD^{tree}") != tree_git("rev-parse", made[-1] + "^{tree}"):
		raise Failure(f"{name} gives another tree than build/linux has")
	log = ("log", "--reverse", "--format=%an <%ae> %at %s")
	if in_clone(*log, f"{before}..") != tree_git(*log, f"{made[0]}..{made[-1]}"):
		raise Failure(f"{name} gives other authors, dates or subjects than "
			      "build/linux has")
	signed = in_clone("log", "--format=%(trailers:key=Signed-off-by,valueonly)",
			  f"{before}..").split("\n")
	if SIGNOFF and signed.count(SIGNOFF) != len(made) - 1:
		raise Failure(f"{name} has patches without the sender's Signed-off-by after "
			      "b4 am")
	if applies_to and f"using specified base-commit {applies_to}" not in said:
		fail(f"b4 does not find the base-commit of {name}", said)


def main():
	no_arguments(__doc__)
	check_variables()
	prepare("tree", "test")
	if not (ROOT / "series").exists():
		raise Failure('there is no series file yet: "make refresh" writes it')
	if tree_git("rev-parse", "HEAD") != commits.read_applied()[1]:
		raise Failure('build/linux has commits that are not in patches/: call "make '
			      'refresh" first')
	own = base.read_base()
	same_base = own.is_of_queue()
	make_folder(TO)
	with scratch_folder(SCRATCH):
		new, old = prepare_clone(own)
		for topic, made in by_topic().items():
			progress(f"Thread {topic}")
			mbox = TO / f"{topic}.mbox"
			name = str(mbox).removeprefix(f"{ROOT}/")
			text, applies_to = cover_text(topic, new[topic], old.get(topic)), ""
			if same_base:
				applies_to = in_clone("rev-parse", f"{new[topic][0]}^")
				text += f"\nbase-commit: {applies_to}\n"
			write_thread(mbox, text, new[topic])
			prove_thread(mbox, name, made, applies_to)
			say(f"{name}: {len(made)} mails, taken by b4 am and git am")
			recipients = (ROOT / "scripts/recipients", topic,
				      TO / f"{topic}.recipients")
			if RECIPIENTS == "yes" and (status := call(*recipients)):
				return status		# it has said why
	if not SIGNOFF:
		say("No Signed-off-by in them: SIGNOFF=\"Name <address>\" adds the sender's")
	if VERSION != "1" and not SINCE:
		say(f"The cover letters do not tell what changed: SINCE=v{int(VERSION) - 1} "
		    "compares with that tag of this repository")
	if not same_base:
		say("No base-commit in them: the queue was written on "
		    f"{files.series_stamp('Base')}, and build/linux has Linux {own.version}")
	return 0
