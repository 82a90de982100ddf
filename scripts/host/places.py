# SPDX-License-Identifier: GPL-2.0
"""Where things are: the checkout, build/, the kernel tree; room in them, and errors."""

import contextlib
import errno
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from host.failure import Failure
from host.programs import signals_later

ROOT = Path(__file__).resolve().parents[2]


def owner(path):
	try:
		return path.owner()
	except (KeyError, OSError):
		return "somebody else"


def refuse_to_write(path):
	if not os.access(path, os.W_OK):
		raise Failure(f"nothing can be written to {path}, which belongs to "
			      f"{owner(path)}: call as that user, or take a clone of your own")


def make_folder(path):
	"""Make a folder unless it is there, and see that it can be written to."""
	path = Path(path)
	try:
		path.mkdir(parents=True, exist_ok=True)
	except OSError as error:
		raise Failure(f"the folder {path} cannot be made: {error.strerror}") from None
	refuse_to_write(path)


# What the kernel's make takes: no blanks, quotes and the like
PLAIN_PATH = re.compile(r"[\w/.+@-]+")


def build_folder():
	"""Where build/ is. In a checkout with an odd path it becomes a link to a place that
	has none; where a link leads has to be there."""
	link = ROOT / "build"
	build = link.resolve()
	if PLAIN_PATH.fullmatch(str(ROOT)) or link.exists():
		return build
	if link.is_symlink():
		make_folder(build)
		return build
	refuse_to_write(ROOT)
	home = os.environ.get("HOME")
	for place in (os.environ.get("XDG_CACHE_HOME"), home and f"{home}/.cache", "/var/tmp"):
		if not place or not PLAIN_PATH.fullmatch(place):
			continue
		with contextlib.suppress(OSError):
			os.makedirs(place, exist_ok=True)
			build = Path(tempfile.mkdtemp("", "padata-mt.", place)).resolve()
			link.symlink_to(build)
			print(f"The kernel takes no path like {ROOT}: build/ is a link to "
			      f"{build}", file=sys.stderr)
			return build
	raise Failure(f"the kernel's make takes no path like {ROOT}: make build a link to a "
		      "folder whose path has only letters, digits and ._+@-")


try:
	BUILD = build_folder()
except (Failure, OSError, RuntimeError) as failure:
	sys.exit(f"{Path(sys.argv[0]).name}: {failure}")
# The kernel tree, with one commit per patch
LINUX = Path(os.environ.get("PADATA_MT_TREE") or BUILD / "linux").absolute()


def relative(path):
	"""The path as a person would type it from here."""
	try:
		return Path(os.path.abspath(path)).relative_to(Path.cwd())
	except ValueError:
		return path


def need_space(mebibytes, folder=BUILD):
	have = shutil.disk_usage(folder).free >> 20
	if have < mebibytes:
		raise Failure(f"{folder} has {have} MiB free and needs {mebibytes}: free some "
			      '("make clean" removes built kernels and reports), then call '
			      "again; what is done so far is kept")


def remove(path):
	"""Whatever it is, if it is there."""
	if path.is_dir() and not path.is_symlink():
		shutil.rmtree(path)
	else:
		path.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_folder(path):
	"""An empty folder, which goes at the end, however that comes."""
	try:
		remove(path)
		path.mkdir(parents=True)
		yield path
	finally:
		with signals_later():
			shutil.rmtree(path, ignore_errors=True)


def explain(error):
	"""An OSError in one line that says what to do."""
	if error.errno in (errno.ENOSPC, errno.EDQUOT):
		return (f"no space left on the disk that holds {relative(BUILD)}: free "
			"some, then call again; what is done is kept")
	if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
		return (f"{error.filename}: {error.strerror.lower()}: call as the user who "
			"may, or take a clone of your own")
	return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
