# SPDX-License-Identifier: GPL-2.0
"""Build packages of a patched kernel for a real machine.

  make deb CONFIG=/path/to/config    or    scripts/deb CONFIG=/path/to/config

  CONFIG      a whole kernel configuration, also as .xz or .gz; the running
              kernel's (/boot/config-$(uname -r)) unless given
  WHAT        what to build: series (unless given), stock, baseline, a topic, or
              <topic>/<number>. For a before and an after, build stock and series
              from the same CONFIG
  DEBUG_INFO  0 leaves debug info and BTF out: a quarter of the disk space
  JOBS        how many compilers at a time; as many as there are CPUs
  TO          the folder for packages and objects; build/deb
  TOUCHED     builds no package, but compiles with this configuration: "files",
              the C files that the series touches; "dirs", their whole
              directories

The package is linux-image-<version>-padata-mt-<WHAT>, and is installed beside
other kernels. What is built already is kept: call it again after Ctrl-C.
"""

import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import kernels
from host.failure import Failure
from host.git import git
from host.places import BUILD, PLAIN_PATH, relative
from host.programs import run_program
from host.script import help_if_asked, prepare
from host.terminal import duration, plural, progress, say
from kernels import kbuild
from patchqueue.commits import commit_of

SETTINGS = ("CONFIG", "WHAT", "DEBUG_INFO", "JOBS", "TO", "TOUCHED")

# For the compiler and the architecture only
NAME = kernels.parse("series")
FEW = 8
# Even the smallest kernel's has twice as many symbols
WHOLE = 300

# What the configuration itself notes of the compiler and its like
OF_TOOLS = re.compile(r"CONFIG_(CC|GCC|CLANG|AS|LD|LLD|PAHOLE|RUSTC?|BINDGEN|TOOLS)_")
# Who the others are, for a configuration that is not for x86-64
OTHERS = {"CONFIG_ARM64": "arm64", "CONFIG_ARM": "32-bit arm",
	  "CONFIG_X86_32": "32-bit x86", "CONFIG_RISCV": "riscv",
	  "CONFIG_PPC64": "ppc64", "CONFIG_S390": "s390",
	  "CONFIG_LOONGARCH": "loongarch", "CONFIG_UML": "user-mode Linux"}
UNDER_TEST = "CONFIG_DEFERRED_STRUCT_PAGE_INIT"

# MiB of disk space: of any kernel, and for each module without and with debug info
SPACE, SPACE_MODULE, SPACE_MODULE_DEBUG = 1500, 1.2, 6


class Settings:
	"""What the environment asks for. It goes no further: the kernel's make
	would take its variables from there."""

	def __init__(self):
		def take(name, default=""):
			return os.environ.pop(name, "").strip() or default

		running = f"/boot/config-{os.uname().release}"
		config = take("CONFIG")
		if not config and not os.access(running, os.R_OK):
			raise Failure(f"no {running} that can be read here: say which "
				      "configuration, CONFIG=/path/to/config")
		self.config = Path(config or running).expanduser()
		self.what = take("WHAT", "series")
		self.jobs = self.number("JOBS", take("JOBS", str(os.cpu_count())))
		debug = take("DEBUG_INFO", "1")
		self.touched = take("TOUCHED")
		place = Path(take("TO", str(BUILD / "deb"))).expanduser()
		self.place = Path(os.path.abspath(place))
		if debug not in ("0", "1"):
			raise Failure(f"DEBUG_INFO={debug}: 0 leaves it out, 1 leaves it as "
				      "the configuration has it")
		self.debug_info = debug == "1"
		if self.touched not in ("", "files", "dirs"):
			raise Failure(f"TOUCHED={self.touched}: it is files or dirs")
		if not PLAIN_PATH.fullmatch(str(self.place)):
			raise Failure(f"TO={self.place}: the kernel's make takes only letters, "
				      "digits and ._+@- in the name of a folder: give another")
		self.name = self.what.replace("/", "-")
		self.objects = self.place / (self.name + ("-touched" if self.touched else ""))

	@staticmethod
	def number(name, text):
		if not text.isdigit() or not int(text):
			raise Failure(f"{name}={text}: it is a number, at least 1")
		return int(text)


# ---- the configuration -----------------------------------------------------

class Config:
	"""The lines of a configuration, by symbol; None where it is not set."""

	def __init__(self, text):
		self.values = {}
		for line in text.splitlines():
			if match := re.fullmatch(r"(CONFIG_\w+)=(.*)", line):
				self.values[match[1]] = match[2]
			elif match := re.fullmatch(r"# (CONFIG_\w+) is not set", line):
				self.values[match[1]] = None

	def get(self, symbol):
		return self.values.get(symbol)

	def path(self, symbol):
		"""The file that a symbol names; nothing where it names none."""
		return (self.get(symbol) or "").strip('"')

	def set(self, symbol, value):
		self.values[symbol] = value

	def modules(self):
		return list(self.values.values()).count("m")

	def text(self):
		return "".join(f"{symbol}={value}\n" if value is not None
			       else f"# {symbol} is not set\n"
			       for symbol, value in self.values.items())


def read_config(path):
	"""The configuration in a file, which has to be a whole one for x86-64."""
	opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
	try:
		with opener(path, "rb") as file:
			data = file.read()
	except (lzma.LZMAError, gzip.BadGzipFile, EOFError):
		raise Failure(f"{path} cannot be unpacked: it is no {path.suffix} file, or "
			      "a part of one") from None
	except OSError as error:
		raise Failure(f"{path}: {error.strerror}: CONFIG is the file of a kernel "
			      "configuration") from None
	config = Config(data.decode(errors="replace"))
	if b"\0" in data or not config.values:
		raise Failure(f"{path} is no kernel configuration: there is not one CONFIG_ "
			      "line in it")
	if config.get("CONFIG_X86_64") != "y" or len(config.values) < WHOLE:
		other = next((name for symbol, name in OTHERS.items()
			      if config.get(symbol) == "y"), None)
		raise Failure(f"{path} is a configuration for {other}: packages are built "
			      "for x86-64" if other else
			      f"{path} is only a part of a configuration for x86-64: give a "
			      "whole one, such as /boot/config-*")
	return config


def fit(config, settings):
	"""Change what would not build, or not work, away from where the
	configuration comes from. Says what, a line each."""
	def there(name):
		return name.startswith("pkcs11:") or (kbuild.SOURCE / name).exists()

	for symbol in ("CONFIG_SYSTEM_TRUSTED_KEYS", "CONFIG_SYSTEM_REVOCATION_KEYS"):
		path = config.path(symbol)
		if path and not there(path):
			say(f"{symbol}: {path} is not in this tree; built without these keys")
			config.set(symbol, '""')
	key, own_key = config.path("CONFIG_MODULE_SIG_KEY"), "certs/signing_key.pem"
	signs = config.get("CONFIG_MODULE_SIG_ALL") == "y"
	forced = config.get("CONFIG_MODULE_SIG_FORCE") == "y"
	if forced and not signs:
		say("CONFIG_MODULE_SIG_FORCE: modules are signed in this build, or none "
		    "could be loaded")
		config.set("CONFIG_MODULE_SIG_ALL", "y")
	if (key not in ("", own_key) and not there(key)) or (forced and not key):
		say(f"CONFIG_MODULE_SIG_KEY: {key or 'none'} is not in this tree; the build "
		    "makes a key of its own")
		config.set("CONFIG_MODULE_SIG_KEY", f'"{own_key}"')
	# The name of the package says what is in it
	config.set("CONFIG_LOCALVERSION_AUTO", None)
	if not settings.debug_info:
		for symbol in list(config.values):
			if symbol.startswith("CONFIG_DEBUG_INFO"):
				del config.values[symbol]
		config.set("CONFIG_DEBUG_INFO_NONE", "y")


def changes(before, after):
	"""What Kconfig made otherwise, in lines; what it only added and left off
	is not worth one."""
	lines = []
	for symbol in sorted({*before.values, *after.values}):
		old, new = before.get(symbol), after.get(symbol)
		if old == new or OF_TOOLS.match(symbol):
			continue
		lines.append(f"{symbol}: {old or 'off'} -> {new or 'off'}"
			     if symbol in before.values else f"{symbol}: new, {new}")
	return lines


def tell_changes(lines, settings):
	if len(lines) <= FEW:
		for line in lines:
			say(f"  {line}")
		return
	path = settings.objects / "config.changes"
	path.write_text("\n".join(lines) + "\n")
	new = sum(": new, " in line for line in lines)
	say(f"  options with another value in this tree: {len(lines) - new}, new ones: "
	    f"{new}, see {relative(path)}")


def tell_gain(config, settings):
	"""Whether the kernel can show what it is built for."""
	if config.get(UNDER_TEST) != "y":
		say(f"  {UNDER_TEST} is off, so struct pages are all set up before the "
		    "series comes in, and the boot gains nothing: build/linux/scripts/config "
		    f"--file {settings.config} -e {UNDER_TEST.removeprefix('CONFIG_')}")
	elif config.get("CONFIG_PADATA") != "y":
		say("  CONFIG_PADATA is off, so jobs run in one thread: "
		    "it comes with CONFIG_SMP=y")


def configure(config, settings, command, log):
	"""Have a .config made from what was given. Returns it."""
	path = settings.objects / ".config"
	given = settings.objects / "config.given"
	settings.objects.mkdir(parents=True, exist_ok=True)
	fit(config, settings)
	text = config.text()
	# As it was left by an earlier call, nothing is compiled anew
	if not (path.exists() and given.exists() and given.read_text() == text):
		path.write_text(text)
	kbuild.run_make(settings.what, command + ["olddefconfig"], log)
	given.write_text(text)
	final = Config(path.read_text())
	tell_changes(changes(config, final), settings)
	tell_gain(final, settings)
	return final


# ---- building ----------------------------------------------------------------

def make_command(settings):
	source = os.path.relpath(kbuild.SOURCE, settings.objects)
	return ["make", "-C", kbuild.SOURCE, f"O={settings.objects}", f"-j{settings.jobs}",
		f"ARCH={NAME.architecture.kernel}", f"LOCALVERSION=-padata-mt-{settings.name}",
		f"KCPPFLAGS=-fmacro-prefix-map={source}/=",
		kbuild.cached_compiler(NAME)]


def need_space(final, settings):
	"""Better now than after an hour."""
	debug = final.get("CONFIG_DEBUG_INFO") == "y"
	need = SPACE + final.modules() * (SPACE_MODULE_DEBUG if debug else SPACE_MODULE)
	used = run_program("du", "-sm", settings.objects).stdout.split()
	need = round(max(need - int(used[0]), SPACE))
	have = shutil.disk_usage(settings.place).free >> 20
	if have < need:
		raise Failure(f"{relative(settings.place)} has {have} MiB free, and this "
			      f"configuration needs about {need}: free some, give another "
			      "folder with TO="
			      + (", or leave debug info out with DEBUG_INFO=0" if debug else ""))


def stamp_of(commit, final):
	"""All that decides what is in the packages."""
	return {"tree": git("rev-parse", f"{commit}^{{tree}}").stdout.strip(),
		"config": hashlib.sha256(final.text().encode()).hexdigest(),
		"compiler": kbuild.version_of_compiler(NAME)}


def choose_version(settings, stamp):
	"""The kernel's version and when these sources and this configuration were
	first seen together: the later one is the newer one to apt, and a build
	that goes on after Ctrl-C keeps its version. Returns it, and whether the
	packages of that version are there."""
	path = settings.objects / "package.json"
	try:
		known = json.loads(path.read_text())
	except (OSError, ValueError):
		known = {}
	if known.get("made_from") != stamp:
		version = subprocess.run(["make", "-s", "-C", kbuild.SOURCE, "kernelversion"],
					 text=True, capture_output=True, check=True,
					 env=kbuild.make_environment()).stdout.strip()
		known = {"made_from": stamp, "packages": [], "version":
			 version + time.strftime("-%Y%m%d.%H%M", time.gmtime())}
		path.write_text(json.dumps(known, indent=1) + "\n")
	done = known["packages"] and all((settings.place / name).exists()
					 for name in known["packages"])
	return known, done


def collect(settings, known):
	"""The packages of this build, and no older ones of the same name."""
	release = (settings.objects / "include/config/kernel.release").read_text().strip()
	ours = re.compile(rf"linux-(image|headers)-{re.escape(release)}_(.*)_[a-z0-9]+\.deb")
	packages = []
	for path in sorted(settings.place.iterdir()):
		match = ours.fullmatch(path.name)
		if match and match[2] == known["version"]:
			packages.append(path.name)
		# Also the headers of the C library, which a machine has from
		# elsewhere, and what is for uploads
		elif match or re.match(r"linux-(libc-dev|upstream)_.*\."
				       r"(deb|changes|buildinfo)$", path.name):
			path.unlink()
	if not any(name.startswith("linux-image-") for name in packages):
		raise Failure("bindeb-pkg ended well and left no linux-image package in "
			      f"{relative(settings.place)}")
	known["packages"] = sorted(packages, reverse=True)
	(settings.objects / "package.json").write_text(json.dumps(known, indent=1) + "\n")


def tell_packages(settings, known):
	paths = [settings.place / name for name in known["packages"]]
	for path in paths:
		say(f"  {relative(path)}, {path.stat().st_size / 2**20:.1f} MiB")
	say(f"Install it: sudo apt install {shell_path(paths[0])}")
	say("Then measure: Documentation/bare-metal.md")


def shell_path(path):
	"""Such that apt takes it for a file."""
	path = str(relative(path))
	return path if path.startswith("/") else f"./{path}"


def package(settings, commit, final, command, log):
	need_space(final, settings)
	known, done = choose_version(settings, stamp_of(commit, final))
	if done:
		say(f"Packages of {settings.what}, built already:")
	else:
		started = time.monotonic()
		# Debug symbols are not packed: they take longer than all the rest
		os.environ["DEB_BUILD_PROFILES"] = "pkg.linux-upstream.nokerneldbg"
		os.environ.setdefault("KDEB_CHANGELOG_DIST", "unstable")
		kbuild.run_make(f"packages of {settings.what}", command
				+ [f"KDEB_PKGVERSION={known['version']}", "bindeb-pkg"], log)
		collect(settings, known)
		say(f"Packages of {settings.what}, built in "
		    f"{duration(time.monotonic() - started)}:")
	tell_packages(settings, known)


# ---- only what the series touches --------------------------------------------

def touched_sources(commit):
	"""C files of the kernel itself that the series touches."""
	names = git("diff", "--name-only", "--diff-filter=d", "--no-renames",
		    commit_of("stock"), commit_of("series")).stdout.split()
	there = set(git("ls-tree", "-r", "--name-only", commit).stdout.split())
	return [name for name in names if name in there and name.endswith(".c")
		and not name.startswith(("tools/", "scripts/", "Documentation/"))]


def touched_dirs(sources):
	"""Their directories, without those inside another one."""
	dirs = sorted({f"{Path(name).parent}/" for name in sources})
	return [name for name in dirs
		if not any(name != other and name.startswith(other) for other in dirs)]


def configured(settings, sources):
	"""Those of the C files that this configuration compiles: the Makefile of a
	directory knows."""
	kept = []
	for folder in sorted({str(Path(name).parent) for name in sources}):
		made = kbuild.objects_of_folder(folder, settings.objects / ".config")
		names = {f"{folder}/{name.removesuffix('.o')}.c" for name in made}
		kept += [name for name in sources if name in names]
	return kept


def compile_touched(settings, commit, command, log):
	started = time.monotonic()
	touched = touched_sources(commit)
	sources = configured(settings, touched)
	left_out = sorted(set(touched) - set(sources))
	dirs = settings.touched == "dirs"
	targets = touched_dirs(sources) if dirs else [
		name.removesuffix(".c") + ".o" for name in sources]
	kbuild.run_make(f"what the series touches in {settings.what}", command + targets, log)
	log.flush()
	warnings = [line for line in Path(log.name).read_text(errors="replace").splitlines()
		    if "warning:" in line]
	say(f"Compiled {plural(len(sources), 'C file')} that the series touches"
	    + (f", with all of {' '.join(targets)}" if dirs else "")
	    + f", in {duration(time.monotonic() - started)}, with "
	    + plural(len(warnings), "warning")
	    + (f", the first: {warnings[0].strip()}" if warnings else ""))
	if left_out:
		say(f"Not in this configuration: {' '.join(left_out)}")


# ---- all of it ---------------------------------------------------------------

def build_it(settings, config):
	commit = commit_of(settings.what)
	settings.place.mkdir(parents=True, exist_ok=True)
	log_file = BUILD / f"log/deb-{settings.objects.name}.log"
	log_file.parent.mkdir(exist_ok=True)
	with kbuild.sources():
		progress(f"Checking out {settings.what}")
		kbuild.move_source(commit)
		say(f"Configuring {settings.what} from {settings.config}")
		command = make_command(settings)
		with open(log_file, "w") as log:
			final = configure(config, settings, command, log)
			if settings.touched:
				compile_touched(settings, commit, command, log)
			else:
				package(settings, commit, final, command, log)
	return 0


def main():
	help_if_asked(__doc__)
	for word in sys.argv[1:]:
		name, equals, value = word.partition("=")
		if name not in SETTINGS or not equals:
			raise Failure(f"no setting '{word}': it has "
				      + "=, ".join(SETTINGS) + "= (--help says more)")
		os.environ[name] = value
	settings = Settings()
	config = read_config(settings.config)
	prepare("tree", "build", "deb")
	return build_it(settings, config)
