# SPDX-License-Identifier: GPL-2.0
"""Writes patches/, series and the plain-source view from the commits in build/linux. The
same commits give the same bytes on any machine.

  refresh --to DIR   write there instead, and change nothing here

The view is the files that the series adds (*.c *.h *.rst *.S Makefile), as they stand
after the last patch. What it consisted of before, and so what has to go when the series
no longer adds it, is read from the old patches: no list is kept, and a file that no
patch ever added is never touched.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from host.failure import Failure
from host.git import tree_git
from host.places import BUILD, LINUX, ROOT, make_folder, remove, scratch_folder
from host.script import prepare
from host.terminal import say, show
from patchqueue import base, commits, files, mails

USAGE = "usage: refresh [--to DIR]"
REFRESHING = commits.STATE / "refreshing"
WHERE = str(LINUX).removeprefix(f"{ROOT}/")

# Trailers that only steer us, with the lines that continue them
STEERING = re.compile(r"^(Topic|Series-note):.*\n([ \t].*\n)*", re.MULTILINE)


# ---- refusals ----------------------------------------------------------------

def check_tree():
	commits.require_tree()
	own = base.read_base()
	if any((LINUX / ".git" / name).is_dir() for name in ("rebase-merge", "rebase-apply")):
		raise Failure(f"{WHERE} is in the middle of a rebase or an am: finish it, "
			      "then call again")
	if tree_git("status", "--porcelain", "-uno"):
		raise Failure(f"{WHERE} has uncommitted changes: commit or stash them, then "
			      "call again")
	if tree_git("rev-list", "--merges", "base..HEAD"):
		raise Failure(f"{WHERE} has a merge: make the commits after base one line "
			      'with "git rebase base"')
	return own


def check_files():
	"""Nothing is overwritten that came from elsewhere than build/linux."""
	if not REFRESHING.exists() and (ROOT / "series").exists() and (
			files.queue_hash() != commits.read_applied()[0]):
		raise Failure("patches/ or series changed since build/linux was made from "
			      'them: "git checkout -- patches series" drops such changes, '
			      '"make tree" takes them over')


def check_topics(topics):
	"""Covers change nothing, and patches something."""
	changing = set(tree_git("log", "--format=%x1f%H", "--name-only", "--no-renames",
				"base..HEAD").split("\x1f"))
	same = {entry.strip() for entry in changing if "\n\n" not in entry}
	seen = set()
	for topic, (cover, *patches) in topics:
		if not re.fullmatch("[a-z0-9][a-z0-9-]*", topic):
			raise Failure(f'topic "{topic}" ({cover.id}): use lower-case letters, '
				      "digits and -")
		if topic in seen:
			raise Failure(f"two cover letters ({cover.id}) for topic {topic}")
		seen.add(topic)
		if cover.id not in same:
			raise Failure(f"the cover letter of {topic} ({cover.id}) changes "
				      "files: move that into a commit of its own")
		for patch in patches:
			if patch.id in same:
				raise Failure(f"{patch.name} ({patch.id}, {patch.subject}) "
					      "changes nothing: drop it, or if it is a cover "
					      'letter give it a "Topic:" trailer')
		if not patches:
			raise Failure(f"topic {topic} ({cover.id}) has no patches")


def check_message(commit, text, mail, scratch):
	"""What "git am" would not give back as it is cannot be kept in a patch."""
	about = f"{commit.name} ({commit.id})"
	if re.search("^signed-off-by:", text, re.MULTILINE | re.IGNORECASE):
		raise Failure(f"{about} has a Signed-off-by: take it out; whoever sends the "
			      "patch adds their own (make mbox SIGNOFF=...)")
	if re.search("^From ", text, re.MULTILINE):
		raise Failure(f'{about} has a line that begins with "From ": mail tools take '
			      "it for a new mail; wrap it elsewhere")
	if not commit.number:
		# Its generated part and its trailers are cut off and put back
		mail, text = mails.split_cover(mail)[0], without_steering(text)
	message = scratch / "message"
	said = tree_git("mailinfo", "-u", message, os.devnull, input=mail)
	subject = "\n".join(re.findall("^Subject: (.*)$", said, re.MULTILINE))
	if (subject, files.read(message).rstrip("\n")) != (commit.subject, text):
		raise Failure(f"the message of {about} does not survive a mail: no [tags] at "
			      "the start of the subject, no line that is --- or begins with "
			      '"diff -" or "Index: ", no From: at the top')
	if len(subject) > 75:
		say(f"warning: the subject of {commit.name} has {len(subject)} columns, 75 is "
		    "the limit")


# ---- one topic ---------------------------------------------------------------

def without_steering(text):
	return STEERING.sub("", text + "\n").rstrip("\n")


def write_topic(own, topic, cover, patches, earlier, texts, scratch):
	"""Its patches, and its part of series, which is returned."""
	folder = scratch / "patches" / topic
	folder.mkdir(parents=True)
	tree_git("format-patch", "-q", *mails.FORMAT, "--numbered", "--start-number=1",
		 "--suffix=.patch", "--filename-max-length=64", "-o", folder,
		 f"{cover.id}..{patches[-1].id}")
	names = []
	for patch in patches:
		written = list(folder.glob(f"{patch.number:04}-*.patch"))
		if not written:
			raise Failure(f"{patch.name} ({patch.id}) was not written")
		check_message(patch, texts[patch.id], files.read(written[0]), scratch)
		names.append(f"{topic}/{written[0].name}\n")

	letter = cover_letter(own, topic, cover, patches, earlier, texts[cover.id])
	files.write(folder / "0000-cover-letter.patch", letter)
	check_message(cover, texts[cover.id], letter, scratch)

	note = tree_git("log", "-1", "--format=%(trailers:key=Series-note,valueonly,unfold)",
			cover.id)
	note = re.sub("[ \n]+", " ", note).rstrip(" ")
	if not note:
		raise Failure(f"the cover letter of {topic} ({cover.id}) has no "
			      '"Series-note:" trailer beside "Topic:": it says in "series" '
			      "why the topic is there")
	return "".join(["\n", mails.wrap(f"# {topic}: {note}", 76, "# "), *sorted(names)])


def cover_letter(own, topic, cover, patches, earlier, text):
	"""The text of the commit, then what git would put into a cover letter."""
	text = without_steering(text)
	if not text:
		raise Failure(f"the cover letter of {topic} ({cover.id}) has no text: amend "
			      "that commit")
	if re.search("^Base: ", text, re.MULTILINE):
		raise Failure(f"the cover letter of {topic} ({cover.id}) has a line that "
			      'begins with "Base: ": refresh writes that one')
	last = patches[-1].id
	total = str(len(patches))
	subjects = {}
	authors = tree_git("log", "--reverse", "--format=%an", f"{cover.id}..{last}")
	for author, patch in zip(authors.split("\n"), patches):
		subjects.setdefault(author, []).append(patch.subject)
	body = "".join([
		f"{text}\n\n", own.stamp(),
		f"Applies after: {' '.join(earlier)}\n" if earlier else "", "\n",
		*(f"{author} ({len(his)}):\n" + "".join(f"  {line}\n" for line in his) + "\n"
		  for author, his in subjects.items()),
		tree_git("diff", "--no-color", "--no-ext-diff", "--no-renames", "--stat=72",
			 "--summary", cover.id, last), "\n"])
	mail = tree_git("format-patch", "-1", "--stdout", "--always", *mails.FORMAT, "-N",
			f"--subject-prefix=PATCH {'0' * len(total)}/{total}", cover.id)
	header = mail.split("\n\n")[0] + "\n"
	return header + mails.needs_charset(f"{header}\n{body}") + f"\n{body}"


# ---- all of it ---------------------------------------------------------------

def write_all(own, scratch):
	"""What this script is for, into a folder. Returns the files of the view."""
	listed = commits.list_commits()
	if not listed:
		raise Failure(f"{WHERE} has no commits after base: nothing to write")
	topics = []
	for commit in listed:
		if not commit.number:
			topics.append((commit.topic, []))
		topics[-1][1].append(commit)
	check_topics(topics)
	# {commit: its message but for the subject}
	texts = {entry[:40]: entry[41:].rstrip("\n") for entry in tree_git(
		"log", "-z", "--format=%H%n%b", "base..HEAD").split("\0")}

	show("Writing the patches")
	series = ("# SPDX-License-Identifier: GPL-2.0\n"
		  '# Written by "make refresh" from the commits in build/linux. Do not edit.\n'
		  "#\n" + own.stamp("# "))
	for number, (topic, (cover, *patches)) in enumerate(topics):
		series += write_topic(own, topic, cover, patches,
				      [name for name, _ in topics[:number]], texts, scratch)
	(scratch / "message").unlink()
	files.write(scratch / "series", series)

	added = tree_git("diff", "--no-renames", "--diff-filter=A", "--name-only",
			 "base..HEAD")
	view = list(filter(files.VIEW.search, added.split("\n")))
	for file in view:
		path = scratch / "view" / file
		path.parent.mkdir(parents=True, exist_ok=True)
		path.write_bytes(tree_git("show", f"HEAD:{file}", text=False))
	files.write(scratch / "view.list", "".join(f"{file}\n" for file in view))
	return view


def same_file(one, other):
	return other.is_file() and one.read_bytes() == other.read_bytes()


def put_in_place(scratch, view):
	"""The view first: if this is interrupted, the old patches still tell what the old
	view was."""
	old_view = files.view_files()
	for file in view:
		path = ROOT / file
		if file not in old_view and path.exists() and (
				not same_file(scratch / "view" / file, path)):
			raise Failure(f"the series adds {file}, and this repository has "
				      "another file of that name: rename one")
	commits.STATE.mkdir(parents=True, exist_ok=True)
	REFRESHING.touch()
	for file in set(old_view) - set(view):
		(ROOT / file).unlink(missing_ok=True)
		try:
			os.removedirs((ROOT / file).parent)
		except OSError:
			pass		# something else is there
	for file in view:
		if not same_file(scratch / "view" / file, ROOT / file):
			(ROOT / file).parent.mkdir(parents=True, exist_ok=True)
			shutil.copyfile(scratch / "view" / file, ROOT / file)
	for name in ("patches", "series"):
		remove(ROOT / name)
		# build/ may be on another disk
		shutil.move(scratch / name, ROOT / name)
	commits.write_applied(files.queue_hash(), tree_git("rev-parse", "HEAD"))
	REFRESHING.unlink()


def main():
	arguments = sys.argv[1:]
	if arguments and (len(arguments) != 2 or arguments[0] != "--to" or not arguments[1]):
		raise Failure(USAGE)
	elsewhere = arguments and os.path.abspath(arguments[1])
	prepare("tree", tree=False)
	own = check_tree()
	if elsewhere:
		make_folder(elsewhere)
	else:
		check_files()
	# Several at once may write elsewhere
	place = Path(f"{elsewhere}.new") if elsewhere else BUILD / "refresh"
	with scratch_folder(place) as scratch:
		view = write_all(own, scratch)
		if elsewhere:
			shutil.copytree(scratch, elsewhere, dirs_exist_ok=True)
			return 0
		put_in_place(scratch, view)
	say(f"Wrote {len(files.series_patches())} patches in {len(files.series_topics())} "
	    "topics")
	return 0
