# SPDX-License-Identifier: GPL-2.0
"""Configures and compiles kernels."""

import collections
import contextlib
import dataclasses
import enum
import errno
import fcntl
import functools
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import kernels
from host.failure import Failure
from host.git import git
from host.places import BUILD, LINUX, PLAIN_PATH, ROOT, relative
from host.programs import end_with_parent, run_program, side_by_side
from host.reason import news, reason
from host.script import prepare
from host.terminal import duration, say, working_on
from patchqueue.commits import commit_of

# One working tree for all kernels, moved from commit to commit: the objects
# live in one folder for each kernel, and only changed files get a new date.
SOURCE = BUILD / "src"
moving = threading.Lock()
# One make at a time in a folder: objects alone may want their model made first
making = collections.defaultdict(threading.Lock)
# The processes of make that run now, and the folders that they are in
makes = set()
busy = set()
giving_up = threading.Event()

# A whole build prints about this many lines; for the progress only
WHOLE_BUILD = 1700

# Nothing of the place, the time or the person may reach the kernel, or its
# instruction counts would not repeat elsewhere.
REPRODUCIBLE = ["KBUILD_BUILD_TIMESTAMP=2026-01-01", "KBUILD_BUILD_USER=padata",
		"KBUILD_BUILD_HOST=mt", "KBUILD_BUILD_VERSION=1"]

# Sources in C that have another file in them by .incbin, as patterns of make
WITH_INCBIN = ("%/configs.c", "%/kheaders.c")


class Extent(enum.IntEnum):
	"""How much of a kernel is made."""
	OWN = 1		# the objects of the sources that the series changes
	TOUCHED = 2	# those of all that includes one of them, too
	WHOLE = 3	# all of it, linked


@functools.cache
def has_option(commit, symbol):
	"""Whether a tree has an option that the series adds."""
	paths = [path for path in files_of_series() if "Kconfig" in path]
	return bool(paths) and not git("grep", "-q", f"^config {symbol}$", commit, "--",
				       *paths).returncode


def commit_with(commit, added):
	"""A commit that has sources of this checkout beside those of `commit`.

	It is on no branch, and the same each time for the same sources.
	"""
	if not added:
		return commit
	index = BUILD / f"added.index.{os.getpid()}"
	environment = os.environ | {"GIT_INDEX_FILE": str(index)}
	for who in ("AUTHOR", "COMMITTER"):
		environment |= {f"GIT_{who}_NAME": "padata-mt", f"GIT_{who}_EMAIL": "",
				f"GIT_{who}_DATE": "2026-01-01T00:00:00Z"}

	def step(*arguments, **options):
		done = git(*arguments, env=environment, **options)
		if done.returncode:
			raise Failure("could not add sources to the tree: "
				      + reason(done.stderr.splitlines()))
		return done.stdout.strip()

	def put(path, text):
		blob = step("hash-object", "-w", "--stdin", input=text)
		step("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")

	try:
		step("read-tree", commit)
		for place, source in added.items():
			makefile = str(Path(place).with_name("Makefile"))
			put(place, (ROOT / source).read_text())
			put(makefile, step("cat-file", "blob", f":{makefile}")
			    + f"\nobj-y += {Path(place).stem}.o\n")
		return step("commit-tree", step("write-tree"), "-p", commit, "-m",
			    "Sources of the checkout")
	finally:
		index.unlink(missing_ok=True)


def compiler(name):
	program = name.toolchain.program
	if program == "gcc":
		program = os.environ.get("CC", program)
	return name.architecture.cross + program if not name.compiler else program


def version_of_compiler(name):
	try:
		said = run_program(compiler(name), "--version")
	except OSError:
		raise Failure(f"{compiler(name)} is missing: run scripts/setup "
			      + " ".join(name.tasks)) from None
	if said.returncode or not said.stdout.strip():
		raise Failure(f"{compiler(name)} --version says nothing: is that a compiler?")
	return said.stdout.splitlines()[0]


def move_source(commit):
	"""Put the working tree at `commit`."""
	with moving:
		check_out(commit)


def check_out(commit):
	if git("rev-parse", "--git-dir", at=SOURCE).returncode or not (
			SOURCE / ".git").exists():
		shutil.rmtree(SOURCE, ignore_errors=True)
		git("worktree", "prune")
		moved = git("worktree", "add", "-q", "--detach", SOURCE, commit)
	else:
		# Left by a git that was killed
		for lock in Path(git("rev-parse", "--absolute-git-dir", at=SOURCE)
				 .stdout.strip()).glob("*.lock"):
			lock.unlink()
		moved = git("checkout", "-q", "--force", "--detach", commit, at=SOURCE)
	if moved.returncode:
		if "No space left" in moved.stderr:
			raise OSError(errno.ENOSPC, "no space")
		raise Failure(f"could not check out {commit[:12]} in build/src: "
			      + reason(moved.stderr.splitlines()))


def read_fragments(paths):
	"""What the fragments ask for: {symbol: value}, None where not set, the
	last one winning; and what they only check, in the same form."""
	wanted, checked = {}, {}
	for path in paths:
		for line in path.read_text().splitlines():
			into = checked if line.startswith("#CHECK#") else wanted
			line = line.removeprefix("#CHECK#").strip().removeprefix("# ")
			# The last one of a choice is taken, too
			into.pop(line.removesuffix(" is not set").partition("=")[0], None)
			if match := re.fullmatch(r"(CONFIG_\w+)=(.*)", line):
				into[match[1]] = match[2]
			elif match := re.fullmatch(r"(CONFIG_\w+) is not set", line):
				into[match[1]] = None
	return wanted, checked


def merged(paths):
	"""One configuration of several, the last one winning."""
	return "".join(f"{symbol}={value}\n" if value is not None
		       else f"# {symbol} is not set\n"
		       for symbol, value in read_fragments(paths)[0].items())


def check_config(config, paths):
	"""Kconfig drops silently what has unmet dependencies."""
	final, _ = read_fragments([config])
	wanted, checked = read_fragments(paths)
	for symbol, value in (wanted | checked).items():
		if final.get(symbol) != value:
			line = f"{symbol}={value}" if value else f"{symbol} is not set"
			instead = final.get(symbol)
			raise Failure(f"the configuration lost '{line}' (it has "
				      + (f"{symbol}={instead}" if instead else "it not set")
				      + "): see what it depends on in "
				      + ", ".join(str(path.relative_to(ROOT)) for path in paths))


def make_command(output, name):
	what, architecture = name.what, name.architecture
	command = ["make", "-C", SOURCE, f"O={output}", f"-j{os.cpu_count()}",
		   *REPRODUCIBLE,
		   f"ARCH={architecture.kernel}",
		   f"CROSS_COMPILE={architecture.cross}",
		   # Says in its first line which kernel it is
		   f"LOCALVERSION=-{what}" if not name.single else "LOCALVERSION=-patch",
		   # Names in warnings as they are in the tree, with ccache too
		   "KCPPFLAGS=-fmacro-prefix-map=../../src/=",
		   *name.toolchain.make]
	return command + [cached_compiler(name)]


def cached_compiler(name):
	"""What has make use ccache, if it is there. ccache in depend mode, which saves a
	quarter of the work for what is not in the cache yet, does not see .incbin."""
	ccache = f"$(if $(filter %.S {' '.join(WITH_INCBIN)},$<),,ccache )" * bool(
		shutil.which("ccache"))
	return f"CC={ccache}{compiler(name)}"


def make_environment():
	# The caller's may well be a make, too
	environment = {key: value for key, value in os.environ.items()
		       if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CC")
		       and not key.startswith("GIT_")}
	environment.update(CCACHE_BASEDIR=str(BUILD), CCACHE_NOHASHDIR="1",
			   CCACHE_DEPEND="1", LC_ALL="C",
			   # Which it gives to a shell, unquoted
			   PWD=str(BUILD))
	home = os.environ.get("HOME")
	if not home or not os.access(home, os.W_OK):
		environment.setdefault("CCACHE_DIR", str(BUILD / "ccache"))
	return environment


def run_make(name, command, log, expected=0, what="Building"):
	"""Run it with its output in `log` and its progress on the screen."""
	steps = 0

	if giving_up.is_set():
		raise Failure(f"{name} is not built: another kernel could not be")

	def text():
		share = f" of about {max(expected, steps)}" if expected else ""
		return f"{what} {name}" + (f": step {steps}{share}" if steps else "")

	make = subprocess.Popen(command, env=make_environment(), cwd=BUILD, text=True,
				errors="replace", stdin=subprocess.DEVNULL,
				stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
				preexec_fn=end_with_parent)
	makes.add(make)
	try:
		with working_on(text):
			for line in make.stdout:
				log.write(line)
				if re.match(r"  [A-Z0-9_]+ +\S", line):
					steps += 1
	except BaseException:
		make.terminate()
		raise
	finally:
		make.wait()
		makes.discard(make)
	if make.returncode:
		raise Failure(explain(name, log))


def explain(name, log):
	log.flush()
	lines = Path(log.name).read_text(errors="replace").splitlines()
	if any("No space left on device" in line for line in lines):
		raise OSError(errno.ENOSPC, "no space")
	if kernels.parse(name).strict:
		lines = without_sparse(lines)
	return f"{name} does not build: {reason(lines)} (all of it in {relative(log.name)})"


def without_sparse(lines):
	"""Its errors end no build. Unlike gcc it does not quote the source."""
	return [line for line, after in zip(lines, [*lines[1:], ""])
		if not re.match(r"\S+:\d+:\d+: error: ", line) or re.match(r" +\d+ \|", after)]


def kconfig_of(commit):
	"""A checksum over all of `commit` that shapes a configuration."""
	files = git("diff", "--raw", "--no-renames", "--no-abbrev", "base", commit).stdout
	return hashlib.sha256("\n".join([base_tree(), *(
		line for line in files.splitlines()
		if re.search(r"\bKconfig|/kconfig/|/tiny\S*\.config$|Makefile.compiler",
			     line))]).encode()).hexdigest()


@functools.cache
def base_tree():
	return git("rev-parse", "base^{tree}").stdout


@dataclasses.dataclass(frozen=True)
class Plan:
	"""All that follows from a kernel's name and from the tree."""
	name: str
	parsed: kernels.Name
	commit: str
	fragments: list
	output: Path		# where make leaves its objects
	command: list

	@property
	def place(self):
		return BUILD / "kernel" / self.name

	@property
	def image(self):
		return kernels.image(self.name)

	@property
	def made(self):
		"""The image where make leaves it."""
		return self.output / self.parsed.architecture.image

	@property
	def made_with(self):
		return {
			"config": [hashlib.sha256(path.read_bytes()).hexdigest()
				   for path in self.fragments],
			"compiler": version_of_compiler(self.parsed),
			"make": [str(word) for word in self.command[3:]
				 if not str(word).startswith("-j")],
		}

	@property
	def stamp(self):
		"""All that decides what comes of it, and is kept with it."""
		tree = git("rev-parse", f"{self.commit}^{{tree}}").stdout.strip()
		stamp = {"tree": tree, **self.made_with}
		if self.is_base:
			# Its warnings are those of these
			stamp["files"] = files_of_series()
		return stamp

	def stamp_file(self, extent):
		return self.place / (".stamp" if extent is Extent.WHOLE
				     else f".{extent.name.lower()}")

	@property
	def is_base(self):
		"""Whether it is a topic's cover letter, which stands for what was before."""
		return self.parsed.what.endswith("/0000")

	def log(self, what):
		path = BUILD / f"log/{what}-{self.name.replace('/', '-')}.log"
		path.parent.mkdir(exist_ok=True)
		return path


@functools.cache
def plan(name):
	parsed = kernels.parse(name)
	commit = commit_with(commit_of(parsed.what), parsed.added)
	fragments = [ROOT / path for path in parsed.fragments]
	fragments += [ROOT / path for symbol, path in parsed.optional_fragments
		      if has_option(commit, symbol)]

	# The kernels of single patches differ little: they share one folder, so
	# that each takes seconds, and only the image is kept
	folder = (f"patch{parsed.suffix}{parsed.compiler}{parsed.variant}"
		  if parsed.single else name)
	output = BUILD / "kernel" / folder
	return Plan(name, parsed, commit, fragments, output,
		    make_command(output, parsed))


def readers(output, files):
	"""{object: files of the source tree that went into it} of those objects in a
	folder that some of the files went into."""
	if not files:
		return {}
	source = os.path.relpath(SOURCE, output)
	found = {}
	# Most name none of them, and take long to be read
	for rule in rules_with(output, [f"{source}/{file}" for file in sorted(files)]):
		found[made_by(rule, output)] = set(re.findall(rf"{source}/([^\s=]+)", rule.read_text()))
	return {made: read for made, read in found.items() if not read.isdisjoint(files)}


def rules_with(output, texts):
	"""The .cmd files of a folder that have one of the texts in them."""
	found = run_program("grep", "-rlF", "--include=.*.cmd", output,
			    *(f"-e{text}" for text in texts))
	return map(Path, found.stdout.splitlines())


def made_by(rule, output):
	"""What a .cmd file of a folder is the rule of, as make names it."""
	return str(rule.relative_to(output).with_name(rule.name[1:-len(".cmd")]))


def linked_objects(output):
	"""What the kernel was linked from: a folder has objects of earlier ones, too."""
	archives = ["vmlinux.a", *output.glob("lib/lib.a"), *output.glob("arch/*/lib/lib.a")]
	return [made for archive in archives for made in subprocess.run(
		["ar", "t", os.path.relpath(output / archive, output)], cwd=output, text=True,
		check=True, capture_output=True).stdout.splitlines()]


def objects_of(output, files):
	"""{object: its source} of what some of the files went into, and that is part of
	the kernel that was linked last."""
	found = readers(output, files)
	return {made: source for made in sorted(found.keys() & set(linked_objects(output)))
		for source in found[made] if Path(source).with_suffix(".o") == Path(made)}


def objects_of_folder(folder, config):
	"""The objects that a folder's Makefile names for a configuration, with the parts of
	those that have parts."""
	if not (SOURCE / folder / "Makefile").exists():
		return []
	rules = f"""
srctree := {SOURCE}
src := $(srctree)/{folder}
obj := {folder}
BITS := 64
include {config}
include $(srctree)/scripts/Kbuild.include
include $(src)/Makefile
objects-here := $(obj-y) $(obj-m) $(lib-y)
padata-mt-print:
	$(info $(foreach o,$(objects-here),$(o) $($(o:.o=-y)) $($(o:.o=-m)) $($(o:.o=-objs))))
"""
	return [word for word in printed_by_make(BUILD, rules, f"{folder}/Makefile")
		if word.endswith(".o")]


def printed_by_make(place, rules, about):
	"""The words that make prints for the target padata-mt-print."""
	ended = run_program("make", "-s", "-f", "-", "padata-mt-print", input=rules,
			    cwd=place, env=make_environment())
	if ended.returncode:
		raise Failure(f"could not read {about}: " + reason(ended.stderr.splitlines()))
	return ended.stdout.split()


def digests_of(output):
	"""{object: checksum} of those linked, but for what has the kernel's name in it."""
	named = {made_by(rule, output)
		 for rule in rules_with(output, ["generated/utsrelease.h"])}
	return {made: hashlib.sha256((output / made).read_bytes()).hexdigest()
		for made in linked_objects(output) if made not in named}


def changed_files(old, new):
	"""{path: A, M or D} between two commits."""
	lines = git("diff", "--name-status", "--no-renames", old, new).stdout
	return {path: status for status, path
		in (line.split("\t") for line in lines.splitlines())}


def files_of_series():
	return sorted(changed_files("base", "HEAD"))


def read_json(path):
	"""What is in a file; None when it is not there, or not whole."""
	try:
		return json.loads(path.read_text())
	except (OSError, ValueError):
		return None


def built_in(output):
	"""What a folder holds, when it was made to the end: for which kernel, of which
	commit, how, whether linked, and the warnings of that."""
	return read_json(output / ".built")


def made_as(planned):
	"""What a plan's folder holds, if that was made to the end, and in the same way."""
	built = built_in(planned.output)
	return built if built and built["made_with"] == planned.made_with else None


def holds(planned, extent):
	"""Whether what is in a plan's folder is what making it would give: make
	alone takes long to find out that there is nothing to do."""
	built = made_as(planned)
	if not built or built.get("extent", 0) < extent:
		return False
	if planned.is_base and built.get("name") != planned.name:
		return False
	# Of others nothing may have been made
	if (planned.is_base or extent < Extent.WHOLE) and (
			built.get("files") != files_of_series()):
		return False
	if extent is Extent.WHOLE and not planned.made.exists():
		return False
	if built["commit"] == planned.commit:
		return True

	changed = changed_files(built["commit"], planned.commit)
	if planned.parsed.single:
		# If another patch was built first, its warnings were not all of this one's
		changed |= changed_files(f"{planned.commit}^", planned.commit)
	changed = {path: status for path, status in changed.items()
		   if not re.match(r"Documentation/|MAINTAINERS$|tools/testing/", path)}
	# A new header may be found before another one
	if any(re.search(r"(^|/)(Makefile|Kbuild|Kconfig)|^scripts/|^tools/", path)
	       or status == "A" and path.endswith(".h")
	       for path, status in changed.items()):
		return False
	found = readers(planned.output, changed)
	if found and extent is Extent.WHOLE:
		# A folder that began as a copy has what another configuration wanted, too. In
		# these there is what is used in other ways than to be linked into the kernel
		others = ("arch/", "drivers/firmware/", "scripts/", "tools/")
		linked = set(linked_objects(planned.output))
		found = [made for made in found if made in linked or not made.endswith(".o")
			 or made.startswith(others)]
	return not found


@contextlib.contextmanager
def working_in(output):
	"""Nobody takes what is in a folder for whole meanwhile."""
	with moving:
		busy.add(output)
	try:
		yield
	finally:
		busy.discard(output)


# What depends on the folder alone, and not on how a kernel is made
OF_FOLDER = ("O=", "LOCALVERSION=")


def made_alike(made_with):
	return [made_with["compiler"], [word for word in made_with["make"]
					if not word.startswith(OF_FOLDER)]]


def make_config(planned, target, made_from, log):
	"""Have make write the .config, unless it is known what comes of it: Kconfig asks the
	compiler so much that most patches build faster than that."""
	config = planned.output / ".config"
	name = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
	known = BUILD / "kernel-configs" / name
	if known.exists():
		shutil.copyfile(known, config)
		return
	run_make(planned.name, planned.command + [target], log, what="Configuring")
	known.parent.mkdir(exist_ok=True)
	scratch = known.with_suffix(f".{threading.get_ident()}")
	shutil.copyfile(config, scratch)
	scratch.rename(known)


@functools.cache
def added_options():
	diff = git("diff", "-U0", "base", "HEAD", "--", "*Kconfig*").stdout
	return {f"CONFIG_{name}" for name in re.findall(r"^\+(?:menu)?config (\w+)", diff, re.M)}


def configure(planned, log):
	"""Make the .config, unless it is there and made from the same."""
	stamp_file, config = planned.output / ".configured", planned.output / ".config"
	made_from = [kconfig_of(planned.commit), *made_alike(planned.made_with)]

	def stamp():
		return json.dumps([*made_from, planned.made_with["config"], hashlib.sha256(
			config.read_bytes()).hexdigest()])

	if config.exists() and stamp_file.exists() and stamp_file.read_text() == stamp():
		return
	# A tinyconfig takes longer than all that follows. But for the options that the series
	# adds, which are dropped, it is the same with any patch.
	make_config(planned, "tinyconfig", [base_tree(), *made_from[1:]], log)
	config.write_text("".join(line for line in config.read_text().splitlines(keepends=True)
				  if added_options().isdisjoint(re.findall(r"\w+", line))))
	# Not by the kernel's merge_config.sh, which takes no path with a blank
	config.write_text(merged([config, *planned.fragments]))
	make_config(planned, "olddefconfig", [*made_from, planned.made_with["config"]], log)
	check_config(config, planned.fragments)
	stamp_file.write_text(stamp())


def most_alike(planned):
	"""The folder of a kernel whose configuration and compiler differ least from a
	plan's, or None."""
	wanted = planned.made_with
	found = []
	for output in BUILD.glob("kernel/*"):
		built = output not in busy and built_in(output)
		if built and made_alike(built["made_with"]) == made_alike(wanted):
			# A sanitizer counts for more than any number of tests
			found.append((kernels.parse(output.name).variant != planned.parsed.variant,
				      len(set(built["made_with"]["config"])
					  ^ set(wanted["config"])), output))
	return min(found)[-1] if found else None


def begin_folder(planned):
	"""Start from the objects of another kernel: make finds out which of them are to
	be made anew, and that takes less than to ask ccache for all of them."""
	output = planned.output
	with moving, working_on(f"Building {planned.name}: looking for what is there"):
		model = most_alike(planned)
		if not model:
			return
		copy = output.with_name(f"{output.name}.new")
		shutil.rmtree(copy, ignore_errors=True)
		# What says that it is whole, and what could be taken for this kernel
		shutil.copytree(model, copy, symlinks=True, ignore=shutil.ignore_patterns(
			".built", ".configured", ".stamp", ".own", ".touched",
			"vmlinux", "System.map", planned.made.name))
	# Where it is, only the tools know
	for rule in [*copy.glob("tools/**/.*.cmd"), *copy.glob("tools/**/.*.d")]:
		rule.write_text(rule.read_text().replace(f"{model}/", f"{output}/"))
	shutil.rmtree(output, ignore_errors=True)
	copy.rename(output)


def compile_at(planned, extent=Extent.WHOLE):
	"""Make a plan in its folder. Returns what the folder holds then."""
	with making[planned.output]:
		if not holds(planned, extent):
			with working_in(planned.output):
				make_in_folder(planned, extent)
		if extent is Extent.WHOLE and planned.output != planned.place:
			planned.image.parent.mkdir(parents=True, exist_ok=True)
			shutil.copy(planned.made, planned.image)
		return built_in(planned.output)


def image_targets(planned):
	# What modules are linked against is made with them, if there are none, too
	modules = "CONFIG_MODULES=y\n" in (planned.output / ".config").read_text()
	return [planned.image.name] + ["modules"] * modules


def objects_to_make(planned, extent):
	changed = files_of_series()
	if extent is Extent.OWN:
		return objects_named(changed, planned.output / ".config")
	# A kernel that is built as a whole knows what has gone into each
	model = plan(planned.parsed.by_gcc)
	compile_at(model)
	return list(objects_of(model.output, changed))


def objects_named(files, config):
	"""The objects of those of the files that Makefiles name for a configuration."""
	sources = sorted(Path(file) for file in files if file.endswith((".c", ".S"))
			 and not file.startswith("tools/"))
	found = []
	for folder, some in itertools.groupby(sources, key=lambda path: path.parent):
		named = objects_of_folder(folder, config)
		found += [str(path.with_suffix(".o")) for path in some
			  if path.with_suffix(".o").name in named]
	return found


def strictly(planned, files):
	"""What has make look as strictly as with W=1 and by sparse at those files that it
	compiles, and at no other."""
	sources = " ".join(f"%/{file}" for file in files if file.endswith(".c"))
	one_of_them = f"$(if $(filter {sources},$<),"
	return ["C=1", f"CHECK={one_of_them}sparse,:)",
		f"CFLAGS_KERNEL={one_of_them}{flags_of_w1(planned)})",
		f"cmd_checkdoc={one_of_them}$(srctree)/scripts/kernel-doc -none $<)"]


def flags_of_w1(planned):
	"""What W=1 has that make has not without it. W=1 itself would be for all of the
	kernel."""
	return " ".join(added_by_w1(planned.output, compiler(planned.parsed)))


@functools.cache
def added_by_w1(output, program):
	plain, strict = (printed_by_make(output, f"""
CC := {program}
KBUILD_CFLAGS :=
KBUILD_CPPFLAGS :=
include .config
include {SOURCE}/scripts/Kbuild.include
include {SOURCE}/scripts/Makefile.compiler
KBUILD_EXTRA_WARN := {group}
include {SOURCE}/scripts/Makefile.extrawarn
padata-mt-print:
	$(info $(KBUILD_CPPFLAGS) $(KBUILD_CFLAGS))
""", "scripts/Makefile.extrawarn") for group in ("", "1"))
	# W=1 for the most part does not turn off what is turned off without it
	return [*(flag for flag in strict if flag not in plain),
		*(flag.replace("-Wno-", "-W") for flag in plain
		  if flag.startswith("-Wno-") and flag not in strict)]


def make_in_folder(planned, extent):
	output, commit = planned.output, planned.commit
	link = extent is Extent.WHOLE
	unfinished = not built_in(output)
	(output / ".built").unlink(missing_ok=True)
	if not (output / ".config").exists():
		begin_folder(planned)
	output.mkdir(parents=True, exist_ok=True)
	expected = 0 if (output / "vmlinux.o").exists() else WHOLE_BUILD
	with working_on(f"Building {planned.name}: checking out {commit[:12]}"):
		move_source(commit)
	with open(planned.log("build"), "w") as log:
		configure(planned, log)
		targets = image_targets(planned) if link else objects_to_make(planned, extent)
		if planned.parsed.single:
			remove_objects(planned, unfinished)
		if targets:
			command = planned.command + targets
			if planned.parsed.strict:
				command += strictly(planned, files_of_series())
			run_make(planned.name, command, log, expected)
		log.flush()
		found = warnings_in(Path(log.name))
	(output / ".built").write_text(json.dumps(
		{"name": planned.name, "commit": commit, "made_with": planned.made_with,
		 "extent": extent, "files": files_of_series(), "warnings": found}))


def remove_objects(planned, unfinished):
	"""Those that a patch changes, so that they give their warnings whatever was in the
	folder before; all that the series touches, if it is not known what gave them."""
	since = "base" if unfinished or planned.is_base else f"{planned.commit}^"
	until = "HEAD" if unfinished or planned.is_base else planned.commit
	for made in readers(planned.output, changed_files(since, until)):
		if made.endswith(".o"):
			(planned.output / made).unlink(missing_ok=True)


def build(name, extent=Extent.WHOLE):
	"""Build one kernel. Returns False when it was built already."""
	if is_there(name, extent):
		return False

	planned = plan(name)
	link = extent is Extent.WHOLE
	started = time.monotonic()
	stamp_file = planned.stamp_file(extent)
	stamp_file.unlink(missing_ok=True)
	planned.log("build").write_text("")
	planned.place.mkdir(parents=True, exist_ok=True)
	built = compile_at(planned, extent)
	# Nothing was compiled for it if another one is named there
	found = built["warnings"] if built.get("name") == name else []
	stamp_file.write_text(json.dumps(planned.stamp | {"warnings": found}, indent=1) + "\n")
	say(f"{'Built' if link else 'Compiled'} {name} in {duration(time.monotonic() - started)}")
	return True


def is_there(name, extent=Extent.WHOLE):
	planned = plan(name)
	return (planned.image.exists() or extent is not Extent.WHOLE) and is_built(planned, extent)


def is_built(planned, extent):
	known = read_json(planned.stamp_file(extent))
	return known is not None and known | {"warnings": 0} == planned.stamp | {"warnings": 0}


def side_by_side_at_commits(function, names):
	"""{name: function(name)}; those of one commit, which is all that there is
	room for in the working tree, at the same time."""
	outcomes = {}
	try:
		for _, some in itertools.groupby(names, key=lambda name: plan(name).commit):
			outcomes.update(side_by_side(function, list(some)))
	except BaseException:
		# Those that wait, too
		giving_up.set()
		for make in makes.copy():
			make.terminate()
		raise
	return outcomes


def warnings_in(log):
	"""Files as they are named in the tree. What comes from ccache names them as they were
	in the checkout that compiled them first."""
	lines = log.read_text(errors="replace").splitlines()
	return sorted({re.sub(r"^/\S*/src/", "", line.strip()).replace("../../src/", "")
		       for line in lines if re.search(r"\b(warning|error):", line)})


def warnings(name):
	"""Those of a kernel that has been built, as they were printed."""
	planned = plan(name)
	known = [read_json(planned.stamp_file(extent)) for extent in Extent
		 if is_built(planned, extent)]
	if not known:
		raise Failure(f"{name} is not built: run scripts/build {name}")
	return sorted({warning for stamp in known for warning in stamp.get("warnings", ())})


def new_warnings(name, base):
	"""Those that the kernel `base` does not give, wherever in the same file it gives
	them."""
	return news(warnings(name), warnings(base))


def prepare_to_build(*tasks):
	"""The tasks are for prepare()."""
	if not PLAIN_PATH.fullmatch(str(BUILD)):
		raise Failure(f"the kernel's make takes no path like {BUILD}: move build/ to "
			      "one with only letters, digits and ._+@-, and make build a link "
			      "to it")
	# Where there is a tree, it is built as it is, with what is not in patches/ yet
	prepare(*tasks, tree=not LINUX.exists())


@contextlib.contextmanager
def sources(*tasks):
	"""Nobody else moves the source tree meanwhile."""
	prepare_to_build(*tasks)
	path = BUILD / "src.lock"
	with open(path, "a") as lock:
		try:
			fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
		except BlockingIOError:
			with working_on(lambda: f"Waiting for {path.read_text()}"):
				fcntl.flock(lock, fcntl.LOCK_EX)
		lock.truncate(0)
		lock.write(" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
		lock.flush()
		yield
