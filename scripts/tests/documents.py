# SPDX-License-Identifier: GPL-2.0
"""Sphinx says of documents and comments only what it says of the base.

Of the documents that the series adds or changes, built as "make htmldocs" builds
them, and of the kernel-doc comments in its sources for the kernel. (make check has
kernel-doc itself read those of user space, too.)
"""

import os
import re
import subprocess

from host.reason import news
from host.terminal import progress
from tests import touched

DOCUMENTS = "Documentation"
# What Sphinx itself needs of the tree
MACHINERY = ("Makefile", f"{DOCUMENTS}/conf.py", f"{DOCUMENTS}/sphinx",
	     f"{DOCUMENTS}/sphinx-static", f"{DOCUMENTS}/images/logo.svg",
	     "scripts/kernel-doc")
# Said of the machine, or of nothing
NEVER_MIND = re.compile("^Using .* theme$|dot\\(1\\) not found|^$")


def directives(name, text):
	"""What the lines ".. name:: argument" of a document name."""
	return re.findall(rf"^\s*\.\. {name}:: *(\S+)", text, re.M)


def list_documents():
	"""The documents touched, and those made from text files that are."""
	documents = []
	for path in touched.files(f"^{DOCUMENTS}/.*\\.(rst|txt)$"):
		if path.endswith(".rst"):
			documents.append(path)
			continue
		including = touched.git("grep", "-lE", rf"^\.\. include:: *(.*/)?"
					f"{re.escape(os.path.basename(path))}$", "HEAD", "--",
					f"{os.path.dirname(path)}/*.rst")
		documents += [line.partition(":")[2] for line in including.splitlines()]
	return sorted(set(documents))


def quoted_files(document):
	"""Sources whose comments are part of a document, and texts that are."""
	text = touched.git("show", f"HEAD:{document}")
	near = os.path.dirname(document)
	return (directives("kernel-doc", text),
		[os.path.normpath(os.path.join(near, path))
		 for path in directives("include", text)])


def write_contents(place, documents, sources):
	"""Two documents of ours: the comments of sources, and a table of contents."""
	top = place / DOCUMENTS
	lines = ["Comments", "========", ""]
	for source in sources:
		if (place / source).exists():
			lines += [source, "-" * len(source), "", f".. kernel-doc:: {source}", ""]
	(top / "comments.rst").write_text("\n".join(lines))
	names = ["comments"] + [
		os.path.splitext(os.path.relpath(document, DOCUMENTS))[0]
		for document in documents if (place / document).exists()]
	(top / "index.rst").write_text("\n".join(
		["Contents", "========", "", ".. toctree::", "", *[f"   {name}" for name in names],
		 ""]))


def commented(sources):
	"""Those with kernel-doc in them."""
	found = touched.git("grep", "-lE", r"^[[:space:]]*/\*\*$", "HEAD", "--", *sources)
	return [line.partition(":")[2] for line in found.splitlines()]


def build(commit, place, documents, quoted, comments):
	"""Status and warnings of a build of these documents."""
	progress(f"Building {len(documents)} documents of {commit}")
	touched.unpack(commit, [*MACHINERY, *documents, *quoted, *comments], place)
	write_contents(place, documents, comments)
	done = subprocess.run(
		["sphinx-build", "-q", "-b", "html", "-j", "auto",
		 "-D", f"kerneldoc_srctree={place}",
		 "-D", f"kerneldoc_bin={place}/scripts/kernel-doc",
		 "-D", "version=6.12", "-D", "release=6.12",
		 place / DOCUMENTS, place / "html"],
		text=True, errors="replace", stdout=subprocess.DEVNULL,
		stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
		env=os.environ | {"srctree": str(place), "PYTHONDONTWRITEBYTECODE": "1"})
	warnings = []
	for line in done.stderr.replace(f"{place}/", "").splitlines():
		if NEVER_MIND.search(line):
			continue
		# Lines without a place in a file go on with the warning before
		if warnings and not re.match(r"\S+:(\d+:)? ", line):
			warnings[-1] += f"\n{line}"
		else:
			warnings.append(line)
	return done.returncode, warnings


def is_allowed(exceptions, warning):
	"""A warning names the source, or a document and then the source."""
	return any(exceptions.allow(file, warning)
		   for file in re.findall(r"([\w./-]+):\d+", warning.partition("\n")[0]))


def is_elsewhere(warning):
	"""Whether it misses something that the whole documentation has."""
	label = re.search("undefined label: '([^']+)'", warning)
	if label:
		return touched.git("grep", "-liF", f".. _{label[1]}:", "HEAD", "--", DOCUMENTS)
	document = re.search("^([^:]+):.*unknown document: '([^']+)'", warning)
	if document:
		near = DOCUMENTS if document[2].startswith("/") else os.path.dirname(document[1])
		path = os.path.normpath(f"{near}/{document[2]}.rst")
		return touched.git("ls-tree", "HEAD", "--", path)
	return False


def check(report):
	place = touched.folder("documents")
	documents = list_documents()
	quoted = set()
	for document in documents:
		for paths in quoted_files(document):
			quoted.update(paths)
	# What two documents quote would be defined twice, and so would what two programs
	# of user space, or one and the kernel, give the same name
	comments = [path for path in commented(touched.files(r"\.[ch]$"))
		    if path not in quoted and not path.startswith("tools/")]

	arguments = (documents, sorted(quoted), comments)
	status, warnings = build("HEAD", place / "series", *arguments)
	problems = [warning for warning in warnings if not is_elsewhere(warning)]
	if problems:
		_, before = build("base", place / "base", *arguments)
		problems = news(problems, before)
	exceptions = touched.Exceptions("documents")
	problems = [warning for warning in problems if not is_allowed(exceptions, warning)]
	problems += exceptions.problems()
	if status and not problems:
		problems = warnings[-3:] or [f"sphinx-build: status {status}"]
	for document in documents:
		page = os.path.relpath(document, DOCUMENTS).replace(".rst", ".html")
		if not problems and not (place / "series/html" / page).exists():
			problems = [f"{document} became no page"]
	report.check(not problems, f"Sphinx says nothing new of {len(documents)} documents "
		     f"and the comments of {len(comments)} files", problems)
