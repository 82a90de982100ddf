# SPDX-License-Identifier: GPL-2.0
"""The way from patches to commits: as mails, with "git am"."""

import re
import shutil
import subprocess

from host.failure import Failure
from host.git import git, tree_git
from host.places import LINUX, ROOT
from host.programs import decode, encode
from patchqueue.commits import COMMITTER
from patchqueue.files import (read, series_files, series_lines, series_topics,
                              write)

# Of "git format-patch", so that the same commits give the same bytes everywhere
FORMAT = ("--full-index", "--zero-commit", "--no-signature", "--no-attach", "--no-thread",
	  "--no-from", "--no-notes", "--no-base", "--no-renames", "--stat=72", "--summary",
	  "--no-color", "--unified=3", "--no-ext-diff", "--no-textconv")


def needs_charset(mail):
	"""The header lines that a mail lacks if something put other letters than ASCII into
	its body after git wrote the header."""
	header = re.split(r"^$", mail, maxsplit=1, flags=re.MULTILINE)[0]
	if mail.isascii() or re.search(r"^Content-Type:", header, re.MULTILINE):
		return ""
	return ("MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
		"Content-Transfer-Encoding: 8bit\n")


def wrap(text, width, prefix):
	"""Break a line at blanks: further ones begin with the prefix. As fold(1) does it,
	which counts bytes, and the blank at the end of a line."""
	rest, lines = encode(text), []
	while len(rest) > width:
		cut = rest.rfind(b" ", 0, width) + 1 or width
		lines.append(rest[:cut])
		rest = rest[cut:]
	return ("\n" + prefix).join(decode(line).rstrip(" ") for line in [*lines, rest]) + "\n"


def series_note(topic, root=ROOT):
	"""The comment above a topic in series, as one line without the topic's name."""
	note, start = "", f"# {topic}: "
	for line in series_lines(root):
		if note and line.startswith("# "):
			note += line[1:]
		elif note:
			break
		elif line.startswith(start):
			note = line.removeprefix(start)
	return note


def split_cover(text):
	"""[the words of a cover letter, what refresh has generated], if it has."""
	return re.split("^(?=Base: )", text, maxsplit=1, flags=re.MULTILINE)


def cover_mail(topic, root):
	"""A cover letter without what refresh generates, and with its trailers."""
	# Up to a blank line, after which the trailers can follow
	text = split_cover(read(root / "patches" / topic / "0000-cover-letter.patch"))[0]
	note = series_note(topic, root)
	return text + f"Topic: {topic}\n" + (
		wrap(f"Series-note: {note}", 72, " ") if note else "")


def write_mails(folder, root=ROOT):
	"""Write the queue as files that "git am" turns into commits. Returns the path of
	what each was made from."""
	folder.mkdir(parents=True, exist_ok=True)
	origins = []

	def add(patch, text):
		origins.append(f"patches/{patch}")
		write(folder / f"{len(origins):04}", text)

	for topic, patches in series_topics(root):
		cover = f"{topic}/0000-cover-letter.patch"
		if not (root / "patches" / cover).exists():
			raise Failure(f'patches/{cover} is missing: "git checkout -- patches" '
				      "brings it back")
		add(cover, cover_mail(topic, root))
		for patch in patches:
			path = root / "patches" / patch
			if not path.exists():
				raise Failure(f"patches/{patch} is in series and missing: "
					      '"git checkout -- patches series" brings both '
					      "back")
			if not path.is_file():
				raise Failure(f'patches/{patch} is no file: "git checkout -- '
					      'patches series" brings it back')
			add(patch, read(path))
	return origins


def am_mails(tree, folder):
	"""Have "git am" apply all of them. Returns what it ended with, and all it said as
	its stdout."""
	return git("-c", "am.threeWay=false", "am", "-q", "--empty=keep",
		   "--committer-date-is-author-date", "--no-gpg-sign", "--whitespace=nowarn",
		   *sorted(folder.iterdir()), at=tree, env=COMMITTER, stderr=subprocess.STDOUT)


def moved_hunks(said):
	"""[(file, line)] of what "git apply -v" says of hunks that moved."""
	found, file = [], ""
	for line in said.split("\n"):
		if line.startswith("Checking patch "):
			file = line.removeprefix("Checking patch ").removesuffix("...")
		elif re.match("Hunk .*offset", line):
			found.append((file, line))
	return found


def sparse_clone(folder, commit, roots=(ROOT,)):
	"""A throw-away clone of the kernel tree in which only the files that the patches of
	these queues touch are checked out. Takes a second."""
	shutil.rmtree(folder, ignore_errors=True)
	tree_git("clone", "-q", "--shared", "--no-checkout", LINUX, folder)
	tree_git("config", "core.sparseCheckout", "true", at=folder)
	# Or git would look for all others each time
	tree_git("config", "sparse.expectFilesOutsideOfPatterns", "true", at=folder)
	# git names the function of a hunk by what the attributes say of its file
	touched = {file for root in roots for file in series_files(root)}
	write(folder / ".git/info/sparse-checkout", "".join(
		f"/{file}\n" for file in [".gitattributes", *sorted(touched)]))
	tree_git("checkout", "-q", "--detach", commit, at=folder)
