# SPDX-License-Identifier: GPL-2.0
"""What is mailed, from make mbox to git am, with a small kernel tree.

Two versions of a queue, written by one, mailed by another, taken by a third; with
local files only. Nothing is sent.
"""

import mailbox
import os
import re
import shutil
import subprocess
from email.header import decode_header, make_header

from host.places import BUILD, ROOT
from tests import builds, toy

PLACE = BUILD / "test/mail"
AUTHOR = "Än Author <author@example.org>"
SENDER = "Some Öne <some.one@example.org>"
WORDS = "The chunks are larger, as was asked for."

# Files of the small kernel tree
BASE = {
	"Makefile": "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\n",
	".gitattributes": "*.[ch] diff=cpp\n",
	"kernel/work.c": "".join(f"int work_{n}(void)\n{{\n\treturn {n};\n}}\n\n"
				 for n in range(9)) + "/* The end */\n",
}


class Place:
	"""A checkout of the scripts, with a kernel tree of its own."""

	def __init__(self, name):
		self.root = PLACE / name
		self.linux = self.root / "build/linux"
		self.environment = dict(
			os.environ, BASE_TARBALL=str(PLACE / "base.tar.xz"),
			RECIPIENTS="no", NO_INSTALL="1",
			GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1",
			XDG_CACHE_HOME=str(PLACE), XDG_DATA_HOME=str(PLACE))
		for name in ("PADATA_MT_TREE", "VERSION", "SIGNOFF", "SINCE", "TO", "FORCE"):
			self.environment.pop(name, None)
		for role in ("AUTHOR", "COMMITTER"):
			name, _, address = AUTHOR.rpartition(" <")
			self.environment[f"GIT_{role}_NAME"] = name
			self.environment[f"GIT_{role}_EMAIL"] = address.rstrip(">")

	def run(self, *command, cwd=None, check=True, **variables):
		ended = subprocess.run([str(word) for word in command], cwd=cwd or self.root,
				       env=self.environment | variables, text=True,
				       errors="replace", stdin=subprocess.DEVNULL,
				       capture_output=True)
		if check and ended.returncode:
			raise Stopped(f"{' '.join(map(str, command))}: "
				      + (ended.stderr or ended.stdout).strip()[-400:])
		return ended

	def git(self, *command):
		return self.run("git", *command, cwd=self.linux).stdout.strip()

	def script(self, name, **variables):
		return self.run(self.root / "scripts" / name, **variables)

	# ---- commits in the kernel tree

	def cover(self, topic, text=""):
		self.git("commit", "-q", "--allow-empty", "-m", f"{topic}: a few changes\n\n"
			 f"Why they are made.\n\n{text}\n\nTopic: {topic}\n"
			 f"Series-note: What {topic} is about.\n")

	def patch(self, number, value, subject):
		"""One function gets another value."""
		path = self.linux / "kernel/work.c"
		path.write_text(re.sub(rf"(work_{number}\(void\)\n{{\n\treturn) .*;",
				       rf"\1 {value};", path.read_text()))
		self.git("commit", "-qa", "-m", f"work: {subject}\n\nIt is due.\n")

	def version(self, tag):
		"""What was committed is a version of the queue now."""
		self.script("refresh")
		self.run("git", "add", "-A")
		self.run("git", "commit", "-q", "-m", tag)
		self.run("git", "tag", tag)


class Stopped(Exception):
	"""A step that the checks need did not work."""


def check(report):
	shutil.rmtree(PLACE, ignore_errors=True)
	PLACE.mkdir(parents=True)
	try:
		writer = first_version()
		writer.script("mbox", SIGNOFF=SENDER)
		first = mails(writer, "second")
		writer_makes_second_version(writer)
		told = writer.script("mbox", SIGNOFF=SENDER, VERSION="2", SINCE="v1").stdout
		reader = other_place()
	except Stopped as stopped:
		report.fail("two versions of a queue are written", [str(stopped)])
		return
	second = mails(writer, "second")

	check_first(report, first)
	check_headers(report, second)
	check_changes(report, second, mails(writer, "first"), told)
	check_taken(report, writer, reader)
	check_again(report, writer)
	check_recipients(report, writer)


# ---- the two versions --------------------------------------------------------

def first_version():
	writer = Place("writer")
	toy.copy_checkout(writer.root, "scripts", ".gitignore")
	writer.run("git", "init", "-q", "-b", "main")

	source = PLACE / "linux-source-6.12"
	for name, text in BASE.items():
		(source / name).parent.mkdir(parents=True, exist_ok=True)
		(source / name).write_text(text)
	writer.run("tar", "-cJf", PLACE / "base.tar.xz", "-C", PLACE, source.name)

	writer.script("tree")
	writer.cover("first")
	writer.patch(0, 10, "first of first")
	writer.patch(1, 11, "second of first")
	writer.cover("second")
	writer.patch(3, 13, "stays")
	writer.patch(4, 14, "changes")
	writer.patch(5, 15, "goes")
	writer.version("v1")
	return writer


def writer_makes_second_version(writer):
	writer.git("reset", "-q", "--hard", "HEAD~4")
	writer.cover("second", f"Changes since v1: {WORDS}")
	writer.patch(3, 13, "stays")
	writer.patch(6, 16, "is new")
	writer.patch(4, 44, "changes")
	writer.version("v2")


def other_place():
	"""A fresh clone on another machine, after "make tree"."""
	reader = Place("reader")
	reader.run("git", "clone", "-q", PLACE / "writer", reader.root, cwd=PLACE)
	reader.script("tree")
	# b4 stops without a word where git knows no name
	reader.git("config", "user.name", "A Reader")
	reader.git("config", "user.email", "reader@example.org")
	return reader


def mails(place, topic):
	"""The mails of a thread, the cover letter first."""
	return list(mailbox.mbox(place.root / f"build/mbox/{topic}.mbox", create=False))


def body(mail):
	return mail.get_payload(decode=True).decode()


def header(mail, name):
	return str(make_header(decode_header(mail[name])))


# ---- the checks --------------------------------------------------------------

def check_first(report, thread):
	report.check([re.match(r"\[PATCH (\d/3)\] ", header(mail, "Subject"))[1]
		      for mail in thread] == ["0/3", "1/3", "2/3", "3/3"]
		     and not re.search("since|Range-diff", body(thread[0])),
		     "a first version says nothing of changes", [body(thread[0])])


def check_headers(report, thread):
	problems = []
	for number, mail in enumerate(thread):
		subject, parent = header(mail, "Subject"), mail["In-Reply-To"]
		if not subject.startswith(f"[PATCH v2 {number}/3] "):
			problems.append(f"the subject '{subject}'")
		if parent != (thread[0]["Message-Id"] if number else None):
			problems.append(f"mail {number} is a reply to {parent}")
		if header(mail, "From").replace('"', "") != SENDER:
			problems.append(f"mail {number} is from {header(mail, 'From')}")
		if number and not body(mail).startswith(f"From: {AUTHOR}\n\n"):
			problems.append(f"mail {number} does not begin with its author")
		if body(mail).count(f"Signed-off-by: {SENDER}\n") != (number > 0):
			problems.append(f"mail {number} and the sender's Signed-off-by")
	report.check(not problems,
		     "the mails are the sender's, name their author, and are one thread",
		     problems)


def check_changes(report, thread, other, told):
	cover = body(thread[0])
	wanted = (f"Changes since v1: {WORDS}\n\n"
		  "  new      2/3 work: is new\n"
		  "  changed  3/3 work: changes (was 2)\n"
		  "  dropped  work: goes (was 3)\n"
		  "  the same 1\n\nBase: ")
	order = [cover.find(text) for text in (wanted, "Range-diff against v1:\n",
					       "\nbase-commit: ")]
	report.check(-1 not in order and order == sorted(order),
		     "the cover letter tells what changed, in the sender's words as well",
		     cover.splitlines())
	report.check(re.search(r"^    -\+\treturn 14;\n    \+\+\treturn 44;$", cover,
			       re.MULTILINE),
		     "the cover letter has the range-diff", cover.splitlines())
	report.check("Changes since v1:\n\nNo patch has changed.\n" in body(other[0]),
		     "a topic that is as it was says so", body(other[0]).splitlines())
	report.check("taken by b4 am and git am" in told, "b4 am and git am take them", [told])


def check_taken(report, writer, reader):
	"""By somebody who has the base of his own making."""
	problems = []
	for topic, last in (("first", "second^"), ("second", "HEAD")):
		out = reader.root / "out" / topic
		out.mkdir(parents=True)
		ended = reader.run(
			"b4", "--no-stdin", "--no-interactive", "--offline-mode", "am",
			"--no-cache", "--no-parent", "-o", out,
			"-m", writer.root / f"build/mbox/{topic}.mbox",
			cwd=reader.linux, check=False)
		found = re.search(r"git checkout -b \S+ ([0-9a-f]{40})", ended.stderr + ended.stdout)
		if not found:
			problems.append(f"b4 names no commit for {topic}: "
					+ (ended.stderr + ended.stdout)[-600:])
			continue
		reader.git("checkout", "-q", "--detach", found[1])
		try:
			reader.git("am", "-q", *out.glob("*.mbx"))
		except Stopped as stopped:
			problems.append(str(stopped))
			continue
		commit = (subject_commit(writer, "work: second of first")
			  if topic == "first" else "HEAD")
		if reader.git("rev-parse", "HEAD^{tree}") != writer.git("rev-parse", f"{commit}^{{tree}}"):
			problems.append(f"{topic} gives another tree")
		if {AUTHOR} != set(reader.git("log", "--format=%an <%ae>", f"{found[1]}..").splitlines()):
			problems.append(f"{topic} gives other authors")
	report.check(not problems, "b4 finds the base-commit in a tree that another made, and "
		     "git am gives the same tree there", problems)


def subject_commit(place, subject):
	return place.git("log", "-1", "--format=%H", f"--grep=^{subject}$")


def check_again(report, writer):
	"""The same, written again."""
	place = writer.root / "build/mbox"
	before = {path.name: path.read_bytes() for path in place.iterdir()}
	writer.script("mbox", SIGNOFF=SENDER, VERSION="2", SINCE="v1")
	after = {path.name: path.read_bytes() for path in place.iterdir()}
	report.check(before == after, "the same versions give the same bytes",
		     [name for name in before if before[name] != after.get(name)])


def check_recipients(report, writer):
	"""The people come from the real kernel, the mails from the small one."""
	topics = [line.split("/")[0] for line in (ROOT / "series").read_text().splitlines()
		  if line.endswith(".patch")]
	recipients = PLACE / "recipients"
	ended = builds.script("scripts/recipients", topics[0], recipients)
	lines = recipients.read_text().splitlines() if ended.ok else []
	people = [line for line in lines if re.fullmatch(r"To: .*<?\S+@\S+>?", line)]
	lists = [line for line in lines if re.fullmatch(r"Cc: \S+@\S+", line)]
	if not report.check(people and "Cc: linux-kernel@vger.kernel.org" in lists
			    and all(re.match("(To|Cc): ", line) for line in lines),
			    "get_maintainer.pl names the recipients",
			    ended.details() + lines):
		return

	split = PLACE / "split"
	split.mkdir()
	writer.run("git", "mailsplit", f"-o{split}", writer.root / "build/mbox/second.mbox")
	thread = mails(writer, "second")
	# --dry-run sends nothing, and if it did there is nobody at this port
	ended = writer.run(
		"git", "-c", "sendemail.validate=false", "send-email", "--dry-run",
		"--smtp-server=127.0.0.1", "--smtp-server-port=9", "--confirm=never",
		"--suppress-cc=all", "--no-thread", f"--from={SENDER}",
		*[f"--{line[:2].lower()}={line[4:]}" for line in lines],
		*sorted(split.iterdir()), check=False)
	sent = re.split(r"^Dry-OK\. Log says:\n", ended.stdout, flags=re.MULTILINE)[1:]
	problems = [] if len(sent) == len(thread) else [ended.stdout[-500:] + ended.stderr[-500:]]
	addresses = {re.search(r"[^\s<>]+@[^\s<>]+", line)[0] for line in lines}
	for log, mail in zip(sent, thread):
		for name in ("Message-Id", "In-Reply-To"):
			if mail[name] and mail[name] not in log:
				problems.append(f"{name} is another one")
		if set(re.findall(r"^RCPT TO:<(.*)>$", log, re.MULTILINE)) - {"some.one@example.org"} \
				!= addresses:
			problems.append("it goes to others: " + log)
	report.check(not problems, "git send-email --dry-run takes them as they are", problems)
