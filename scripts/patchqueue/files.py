# SPDX-License-Identifier: GPL-2.0
"""The queue as it is in files: series, patches/ and the plain-source view.

Each function takes the folder that holds them, which is this checkout unless said.
"""

import hashlib
import itertools
import re

from host.places import ROOT
from host.programs import decode, encode

# What a file of the view is called
VIEW = re.compile(r"\.(c|h|rst|S)$|(^|/)Makefile$")

DIFF = re.compile(r"^diff --git a/.* b/(.*)$", re.MULTILINE)
# What a patch does to whole files
WHOLE = re.compile(DIFF.pattern + r"\n(new|deleted) file mode ", re.MULTILINE)


def read(path):
	"""A file, with its line ends and odd bytes as they are."""
	return decode(path.read_bytes())


def write(path, text):
	path.parent.mkdir(parents=True, exist_ok=True)
	path.write_bytes(encode(text))


def series_lines(root=ROOT):
	series = root / "series"
	return read(series).split("\n") if series.exists() else []


def series_patches(root=ROOT):
	"""Paths of the patches below patches/, in order."""
	return [line for line in series_lines(root) if line and not line.startswith("#")]


def series_stamp(name, root=ROOT):
	"""What the head of series says of the base that the queue was written on: "Base",
	"Base-tree" or "Base-tarball-sha256"."""
	start = f"# {name}: "
	return next((line.removeprefix(start) for line in series_lines(root)
		     if line.startswith(start)), "")


def series_topics(root=ROOT):
	"""[(topic, its patches)], in order."""
	return [(topic, list(patches)) for topic, patches in itertools.groupby(
		series_patches(root), key=lambda patch: patch.split("/")[0])]


def queue_hash(root=ROOT):
	"""One checksum over all that "make refresh" writes and "make tree" reads."""
	if not (root / "series").exists():
		return "none"
	files = {encode(str(path.relative_to(root))): path
		 for path in (root / "series", *(root / "patches").rglob("*"))
		 if path.is_file() and not path.is_symlink()}
	digest = hashlib.sha256()
	for name in sorted(files):
		checksum = hashlib.sha256(files[name].read_bytes()).hexdigest()
		digest.update(checksum.encode() + b"  " + name + b"\n")
	return digest.hexdigest()


def patch_texts(root):
	"""Those that are there: some may not be while "make refresh" writes."""
	paths = (root / "patches" / patch for patch in series_patches(root))
	return (read(path) for path in paths if path.is_file())


def series_files(root=ROOT):
	"""The files that the patches touch."""
	return sorted({file for text in patch_texts(root) for file in DIFF.findall(text)})


def view_files(root=ROOT):
	"""The files of the view, as the patches have it: those that they add."""
	added = set()
	for text in patch_texts(root):
		for file, what in WHOLE.findall(text):
			(added.add if what == "new" else added.discard)(file)
	return sorted(filter(VIEW.search, added))
