# SPDX-License-Identifier: GPL-2.0
"""A checkout with these scripts, on a kernel of three files: what takes minutes on
the real one, such as the import of the base, takes a second there.
"""

import os
import shutil
import subprocess
import tarfile

from host.failure import Failure
from host.git import tree_git
from host.places import BUILD, ROOT

PLACE = BUILD / "test/toy"
BASE = PLACE / "linux-source-6.12.tar.xz"
SOURCES = {
	"Makefile": "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n",
	"kernel/toy.c": "".join(f"line {number}\n" for number in range(200)),
	"include/toy.h": "/* nothing */\n",
}
TOPICS = ("one", "two")


def environment(**more):
	"""Installs nothing, and holds no lock."""
	known = {key: value for key, value in os.environ.items()
		 if key not in ("PADATA_MT_LOCK", "PADATA_MT_TREE",
				"PADATA_MT_PACKAGES", "PADATA_MT_LEFT", "FULL", "ONLY", "FORCE",
				"MINUTES", "KERNEL", "DMESG", "TO", "SIGNOFF", "VERSION")}
	return known | {"NO_INSTALL": "1", "BASE_TARBALL": str(BASE),
			# Its kernel has no get_maintainer.pl
			"RECIPIENTS": "no"} | more


def run(place, *command, **more):
	"""Run a command there, in vain at most for a minute or two."""
	return subprocess.run([str(word) for word in command], cwd=place,
			      env=environment(**more), text=True, errors="replace",
			      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
			      stderr=subprocess.PIPE, timeout=120)


def must(place, *command, **more):
	ended = run(place, *command, **more)
	if ended.returncode:
		raise Failure(f"the small checkout could not be made: {' '.join(map(str, command))}"
			      f": {(ended.stderr.strip().splitlines() or ['?'])[-1]}")
	return ended


def git(place, *arguments):
	date = "2026-01-01T00:00:00Z"	# the same commits each time
	return must(place, "env", f"GIT_AUTHOR_DATE={date}", f"GIT_COMMITTER_DATE={date}",
		    "git", "-c", "safe.directory=*", "-c", "user.name=Some One",
		    "-c", "user.email=some.one@example.org", "-C", "build/linux", *arguments)


def commit(place, line, topic):
	"""A commit that is fit for a patch."""
	source = place / "build/linux/kernel/toy.c"
	lines = source.read_text().splitlines()
	lines[line] = f"{topic} {line}"
	source.write_text("\n".join(lines) + "\n")
	(source.parent / f"{topic}.h").write_text(f"/* {line} */\n")
	git(place, "add", "-A", "-f")
	git(place, "commit", "-q", "-m", f"kernel: change line {line}", "-m", "Because.")


def copy_checkout(place, *paths, without=()):
	"""The files of this checkout, or those of some paths, whether git knows them or not;
	without names with some endings."""
	listed = tree_git("ls-files", "-z", "-c", "-o", "--exclude-standard", "--", *paths,
			  at=ROOT)
	for path in filter(None, listed.split("\0")):
		if (ROOT / path).is_file() and not path.endswith(without):
			(place / path).parent.mkdir(parents=True, exist_ok=True)
			shutil.copy2(ROOT / path, place / path)


def make(name="checkout"):
	"""A new one with two topics of two patches, its tree made."""
	place = PLACE / name
	shutil.rmtree(place, ignore_errors=True)
	place.mkdir(parents=True)
	copy_checkout(place, "scripts", "Makefile", "kernel/configs", "arch", ".gitignore",
		      without=(".c", ".h", ".S"))
	with tarfile.open(BASE, "w:xz", preset=0) as tarball:
		for path, text in SOURCES.items():
			source = place / "build/linux" / path
			source.parent.mkdir(parents=True, exist_ok=True)
			source.write_text(text)
		tarball.add(place / "build/linux", "linux")
	shutil.rmtree(place / "build")
	must(place, "scripts/tree")
	for number, topic in enumerate(TOPICS):
		git(place, "commit", "-q", "--allow-empty", "-m", f"Topic {topic}", "-m",
		    "What it is about.", "-m", f"Topic: {topic}\nSeries-note: A topic.")
		commit(place, 20 * number + 10, topic)
		commit(place, 20 * number + 20, topic)
	must(place, "scripts/refresh")
	return place


def copy(place, name, *without):
	"""Another one like it, but for some of its files."""
	other = PLACE / name
	remove(other)
	shutil.copytree(place, other, symlinks=True)
	for path in without:
		shutil.rmtree(other / path, ignore_errors=True)
	return other


def remove(place):
	"""With what its build/ leads to, if that is elsewhere."""
	if (place / "build").is_symlink():
		shutil.rmtree((place / "build").resolve(), ignore_errors=True)
	shutil.rmtree(place, ignore_errors=True)


def contents(place):
	"""What there is to be lost: the commits, the patches, the view."""
	tree = git(place, "rev-parse", "HEAD").stdout + git(
		place, "status", "--porcelain", "-uno").stdout
	files = [path for part in ("series", "patches", "kernel")
		 for path in [place / part, *(place / part).rglob("*")] if path.is_file()]
	return {"tree": tree} | {str(path.relative_to(place)): path.read_bytes()
				 for path in files}
