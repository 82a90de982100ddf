# SPDX-License-Identifier: GPL-2.0
"""Say whether patches/, series, the view and build/linux agree, whether every tool that
takes patches takes them, and whether all files are in good form.

"make check" prints a line for each check, and ends with "N passed, N failed". It needs
no built kernel.
"""

import contextlib
import fnmatch
import functools
import hashlib
import os
import re
import subprocess
import tokenize
from pathlib import Path

from host.failure import Failure
from host.git import git, tree_git
from host.places import BUILD, LINUX, ROOT, explain, need_space, scratch_folder
from host.programs import encode, run_program, thread_pool
from host.reason import news
from host.script import no_arguments, prepare
from host.terminal import say, show
from patchqueue.base import read_base
from patchqueue.commits import export
from patchqueue.files import (DIFF, VIEW, read, series_files, series_patches,
                              write)
from patchqueue.mails import am_mails, sparse_clone, write_mails
from tests import touched

SCRATCH = BUILD / "check"
AM = SCRATCH / "am"
REFRESHED = SCRATCH / "refreshed"

# {a check, a patch for checkpatch, or what it needs: its future}
jobs = {}


def must(*command, **options):
	"""The lines that a program says. A failing one has said what is wrong."""
	ended = run_program(*command, **({"cwd": ROOT, "stderr": subprocess.STDOUT} | options))
	if ended.returncode:
		raise Failure(ended.stdout or f"{command[0]} ended with {ended.returncode}")
	return ended.stdout.splitlines()


# ---- the queue: each check yields what is wrong, and may add notes --------------

@functools.cache
def same_base():
	return read_base().is_of_queue()


# What differs on another base: line numbers, blob hashes, and the stamp of course
OF_BASE = re.compile(r"^(index [0-9a-f]*\.\.|(# )?Base[-:]).*\n"
		     r"|(?<=^@@) -[\d,]* \+[\d,]* @@.*", re.MULTILINE)


def queue(root):
	"""{file: what is to be compared of it}"""
	paths = filter(Path.is_file, [root / "series", *(root / "patches").rglob("*")])
	return {str(path.relative_to(root)): read(path) if same_base()
		else OF_BASE.sub("", read(path)) for path in paths}


def refresh(folder, **environment):
	"""Have "make refresh" write there, and yield how that differs from what is here."""
	must(ROOT / "scripts/refresh", "--to", folder, env=os.environ | environment)
	here, there = queue(ROOT), queue(folder)
	for file in sorted(here.keys() | there.keys()):
		if file not in there:
			yield f"{file}: build/linux has no such patch"
		elif file not in here:
			yield f"{file}: missing"
		elif here[file] != there[file]:
			yield f"{file}: differs"


def refreshed(notes):
	if not same_base():
		notes.append(f"base is {read_base().version}, the queue was written on "
			     "another: index lines, line numbers and the stamp are not "
			     "compared")
	problems = list(refresh(REFRESHED))
	yield from problems
	if problems:
		yield ('"make refresh" writes them from build/linux; to drop what is in '
		       "build/linux instead: make tree FORCE=1")


# Documentation/ holds guides of our own beside the view
VIEW_FOLDERS = ("arch block crypto drivers fs include init ipc kernel lib mm net security "
		"tools virt").split()


def view(_):
	jobs[refreshed].result()
	made = REFRESHED / "view"
	if not made.exists():
		raise Failure("make refresh does not write it")
	files = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
	for file in sorted(files):
		if not (ROOT / file).is_file() or read(ROOT / file) != read(made / file):
			yield (f"{file}: is not what the series leaves: edit it in "
			       'build/linux, then "make refresh"')
	for file in our_files():
		if (file not in files and VIEW.search(file)
				and file.split("/")[0] in VIEW_FOLDERS):
			yield f"{file}: the series does not add this file: remove it"


def git_am(notes):
	write_mails(SCRATCH / "mails")
	sparse_clone(AM, "base")
	ended = am_mails(AM, SCRATCH / "mails")
	if ended.returncode:
		raise Failure(ended.stdout)
	tree = tree_git("rev-parse", "HEAD^{tree}", at=AM)
	if tree == tree_git("rev-parse", "HEAD^{tree}"):
		notes.append(f"git tree {tree}")
	else:
		yield ("git am of the patches does not give the tree in build/linux: call "
		       '"make refresh"')


def round_trip(_):
	"""What "make tree" makes of the patches, "make refresh" turns into the same."""
	jobs[git_am].result()
	yield from refresh(SCRATCH / "again", PADATA_MT_TREE=str(AM))


def quilt(notes):
	pushed, wanted = SCRATCH / "pushed", SCRATCH / "wanted"
	export("base", series_files(), pushed)
	export("HEAD", series_files(), wanted)
	ended = run_program(
		"quilt", "--quiltrc", "-", "push", "-a", "--fuzz=0", "--color=never",
		cwd=pushed, stderr=subprocess.STDOUT, env=os.environ | {
			"QUILT_PATCHES": f"{ROOT}/patches", "QUILT_SERIES": f"{ROOT}/series"})
	said = ended.stdout.splitlines()
	if ended.returncode:
		raise Failure("\n".join(said[-12:]))
	for file in series_files():
		if state(pushed / file) != state(wanted / file):
			yield f"{file}: is not as in build/linux"
	about = {}
	for line in said:
		if match := re.match(r"(Applying patch|patching file) (\S+)", line):
			about[match[1]] = match[2]
		elif re.match("Hunk .*(offset|fuzz)", line):
			moved = ": ".join([*about.values(), line])
			if same_base() or "fuzz" in line:
				yield moved
			else:
				notes.append(moved)


def state(file):
	return file.exists() and (file.read_bytes(), os.access(file, os.X_OK))


def mbox(notes):
	notes += must(ROOT / "scripts/mbox", env=os.environ | {
		"SIGNOFF": "Some One <some.one@example.org>", "VERSION": "2",
		"RECIPIENTS": "no", "TO": str(SCRATCH / "mbox")})


# ---- checkpatch and kernel-doc --------------------------------------------------

def checkpatch_tree():
	"""A kernel tree for checkpatch without two programs that it calls for each file in
	each patch, which takes most of the time: unless they have something to say."""
	tree = SCRATCH / "tree"
	(tree / "scripts").mkdir(parents=True)
	for path in [*LINUX.iterdir(), *(LINUX / "scripts").iterdir()]:
		with contextlib.suppress(FileExistsError):
			(tree / path.relative_to(LINUX)).symlink_to(path)
	obsolete = [pattern for entry in read(LINUX / "MAINTAINERS").split("\n\n")
		    if re.search("^S:.*obsolete", entry, re.MULTILINE | re.IGNORECASE)
		    for pattern in re.findall(r"^F:\s*(\S+)", entry, re.MULTILINE)]
	if not any(fnmatch.filter(series_files(), f"{pattern}*") for pattern in obsolete):
		(tree / "scripts/get_maintainer.pl").unlink()
	licences = {tag for patch in series_patches() for tag in re.findall(
		"SPDX-License-Identifier: .*", read(ROOT / "patches" / patch))}
	if not any(run_program(LINUX / "scripts/spdxcheck.py", "-", input=f"{tag}\n",
			       cwd=LINUX).stdout for tag in licences):
		(tree / "scripts/spdxcheck.py").unlink()
	return tree


def checkpatch_of(patch):
	"""The lines "<patch>:<line>: WARNING:<TYPE>: text" of one patch. They are kept in
	build/checkpatch until what it looks at changes: the patch, and parts of the tree."""
	text = read(ROOT / "patches" / patch)
	looks_at = tree_git("ls-tree", "HEAD", "--", "MAINTAINERS", "scripts", "include",
			    "Documentation/devicetree", *DIFF.findall(text))
	key = hashlib.sha256(encode(f"{patch}\n{text}\n{looks_at}")).hexdigest()
	kept = BUILD / "checkpatch" / patch
	if kept.exists() and (said := read(kept).split("\n")).pop() == key:
		return said
	# It gives the name to a shell, unquoted
	copy = SCRATCH / "to-check" / patch
	write(copy, text)
	ended = run_program(
		"perl", "scripts/checkpatch.pl", f"--root={jobs[checkpatch_tree].result()}",
		"--strict", "--no-signoff", "--show-types", "--terse", "--no-summary", copy,
		cwd=LINUX, stderr=subprocess.STDOUT)
	said = ended.stdout.replace(f"{SCRATCH}/to-check/", "").splitlines()
	if ended.returncode not in (0, 1):		# 1 is for warnings
		return said + [f"{patch}: checkpatch ended with {ended.returncode}"]
	write(kept, "\n".join([*said, key]))
	return said


def checkpatch(_):
	exceptions = touched.Exceptions("checkpatch")
	for patch in series_patches():
		for line in jobs[patch].result():
			kind = re.match("[^:]*:[0-9]*: [A-Z]*:([A-Z_0-9]*): ", line)
			if not kind or not exceptions.allow(patch, kind[1]):
				yield line
	yield from exceptions.problems()


def kernel_doc(_):
	"""Of the files that the series adds or changes: what the base has, it may have."""
	tool = LINUX / "scripts/kernel-doc"
	if not tool.is_file():
		raise Failure("build/linux has no scripts/kernel-doc")

	def warnings(commit, files):
		place = SCRATCH / f"doc-{commit}"
		export(commit, files, place)
		return run_program("perl", tool, "-none", "-Wall",
				   *(file for file in files if (place / file).exists()),
				   cwd=place, stderr=subprocess.STDOUT).stdout.splitlines()

	sources = [file for file in series_files() if file.endswith((".c", ".h"))]
	now = warnings("HEAD", sources)
	return news(now, warnings(
		"base", sorted({line.partition(":")[0] for line in now}))) if now else ()


# ---- all files of ours ----------------------------------------------------------

NOT_OURS = [ROOT / name for name in ("build", ".git", ".pc", "patches", "bases")]


@functools.cache
def our_files():
	"""Their paths, without the patches and what is built."""
	found = []
	for place, folders, names in os.walk(ROOT):
		place = Path(place)
		folders[:] = [name for name in folders
			      if name != "__pycache__" and place / name not in NOT_OURS]
		found += [place / name for name in names]
	return sorted(str(path.relative_to(ROOT)) for path in found
		      if path not in NOT_OURS and not path.is_symlink())


def ours(suffix, interpreter):
	"""Those with a suffix, and the scripts for an interpreter."""
	return [file for file in our_files() if file.endswith(suffix) or re.match(
		rf"#!.*\b{interpreter}\b", read(ROOT / file).split("\n", 1)[0])]


def shellcheck(notes):
	if scripts := ours(".sh", "(ba)?sh"):
		notes += must("shellcheck", *scripts)


def python(_):
	for file in ours(".py", "python3?"):
		try:
			with tokenize.open(ROOT / file) as source:
				compile(source.read(), file, "exec")
		except (SyntaxError, ValueError) as error:
			yield f"{file}: {error}"


def flake8(notes):
	"""What it may pass is in .flake8."""
	notes += must("flake8", *ours(".py", "python3?"))


def spdx(_):
	for file in our_files():
		# Images and JSON have no comments, and COPYING is the licence itself
		if file != "COPYING" and not file.endswith((".png", ".json")):
			head = "\n".join(read(ROOT / file).split("\n")[:5])
			if not re.search(r"SPDX-License-Identifier: .*GPL-2\.0", head):
				yield (f"{file}: no SPDX-License-Identifier: GPL-2.0 in its "
				       "first lines")


def blanks(_):
	found = [f"{file}:{number}:{line}" for file in our_files()
		 if file != "COPYING" and not file.endswith(".png")
		 for number, line in enumerate(read(ROOT / file).split("\n"), 1)
		 if line.endswith((" ", "\t"))]
	found += git("diff", "--check", "base", "HEAD",
		     stderr=subprocess.STDOUT).stdout.splitlines()
	return found + ["(blanks at the end of these lines)"] * bool(found)


def spelling(_):
	texts = {file: read(ROOT / file) for file in our_files() if file not in (
		"COPYING", "series") and not file.endswith((".png", ".svg", ".json"))}
	for patch in (ROOT / "patches").rglob("*.patch"):
		message, diff, rest = read(patch).partition("\ndiff --git ")
		# Of the diff only what is added
		texts[str(patch.relative_to(ROOT))] = message + re.sub(
			r"^[^+\n].*", "", diff + rest, flags=re.MULTILINE)
	words = SCRATCH / "words"
	for file, text in texts.items():
		write(words / file, text)
	ended = run_program("codespell", "-q", "35", ".", cwd=words, stderr=subprocess.STDOUT)
	if ended.returncode and not ended.stdout:
		yield f"codespell ended with {ended.returncode}"
	exceptions = touched.Exceptions("codespell")
	for line in ended.stdout.splitlines():
		found = re.match(r"\./(.*?):\d+: (\S+) ==>", line)
		if not found or not exceptions.allow(*found.groups()):
			yield line
	yield from exceptions.problems()


def figures(notes):
	notes += must(ROOT / "scripts/figures", "--check")


# ---- all of it ------------------------------------------------------------------

CHECKS = {
	refreshed: "patches and series are what make refresh writes",
	view: "the plain-source view is what the series adds",
	git_am: "git am gives the tree in build/linux",
	round_trip: "make tree, then make refresh, changes nothing",
	quilt: "quilt push -a gives the same files, without fuzz",
	mbox: "b4 am and git am take the threads of make mbox",
	checkpatch: "checkpatch --strict",
	kernel_doc: "kernel-doc of the files that the series adds or changes",
	shellcheck: "shellcheck",
	python: "Python compiles",
	flake8: "flake8",
	spdx: "SPDX line in every file",
	blanks: "no trailing blanks",
	spelling: "codespell",
	figures: "figures in the texts are those of Documentation/figures",
}
# These take longest. The patches for checkpatch come next, and fill what is left of the
# CPUs; no job needs one that comes later.
FIRST = (mbox, git_am, quilt, refreshed, shellcheck)


def outcome(check):
	"""What is wrong, and what else there is to say."""
	problems, notes = [], []
	try:
		problems.extend(check(notes) or ())
	except Failure as failure:
		problems += str(failure).splitlines() or ["it failed"]
	except OSError as error:
		problems.append(explain(error))
	return problems, notes


def main():
	no_arguments(__doc__)
	prepare("tree", "test")
	need_space(200)
	if not (ROOT / "series").exists():
		raise Failure('there is no series file yet: "make refresh" writes it')
	read_base()
	# checkpatch looks for python3 there, and the modules are with Debian's
	os.environ["PATH"] = f"/usr/bin:{os.environ['PATH']}"
	failed = 0
	with scratch_folder(SCRATCH), thread_pool(jobs) as pool:
		jobs[checkpatch_tree] = pool.submit(checkpatch_tree)
		jobs.update((check, pool.submit(outcome, check)) for check in FIRST)
		jobs.update((patch, pool.submit(checkpatch_of, patch))
			    for patch in series_patches())
		jobs.update((check, pool.submit(outcome, check))
			    for check in CHECKS if check not in FIRST)
		for number, (check, name) in enumerate(CHECKS.items(), 1):
			show(f"check {number}: {name}")
			problems, notes = jobs[check].result()
			failed += bool(problems)
			say(f"{'not ' * bool(problems)}ok {number} - {name}")
			for line in notes + problems:
				say(f"# {line}".replace(f"{SCRATCH}/", ""))
	say(f"1..{len(CHECKS)}")
	say(f"{len(CHECKS) - failed} passed, {failed} failed")
	return 1 if failed else 0
