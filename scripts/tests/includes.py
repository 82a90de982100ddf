# SPDX-License-Identifier: GPL-2.0
"""Each file added includes what it uses, and no more: include-what-you-use.

includes.map says which header of the kernel stands for which. What a file uses is
missing when none of the headers that it includes, nor of the local ones ("...")
behind these, includes it in turn: what comes over more headers may go with one of
them. Files in tools/ are left out: there, stubs stand in for the kernel's headers,
and which of them has what, their users decide.
"""

import os
import re
import shlex
import subprocess

from host.places import BUILD, ROOT
from host.programs import side_by_side
from host.terminal import progress
from tests import builds, touched

TIER = "long"

# With everything that the files could be configured to use
KERNEL = "series-debug"
MAPPING = ROOT / "scripts/tests/includes.map"

# Where the kernel's compiler finds headers in the sources
FOLDERS = ("include", "arch/x86/include", "include/uapi", "arch/x86/include/uapi")
# Included by the command line, or the words of the language
TAKEN_FOR_GRANTED = {
	"linux/kconfig.h", "generated/autoconf.h", "linux/compiler_types.h",
	"linux/compiler_attributes.h", "linux/types.h", "linux/stddef.h",
	"linux/compiler.h",
}
# Kept for a type alone, which <linux/types.h> also has
TYPES = {"linux/list.h": r"\bstruct h?list_(head|node)\b",
	 "linux/atomic.h": r"\batomic(_long)?_t\b"}
# Headers that are one of two with the same name, which stops the tool
TWOFOLD = ("asm/signal.h",)
# What macros for a CPU's own data are made of
INNER = re.compile(r"^(__pcpu_|raw_cpu_|this_cpu_)\w+_\d$")
# Read several times over, with other meanings, which the tool cannot follow
NOT_THESE = ("include/trace/events/", "tools/")


def read_mapping():
	"""{header: those that stand for it}"""
	lines = [line.split() for line in MAPPING.read_text().splitlines()
		 if line and not line.startswith("#")]
	return {name: headers for name, *headers in lines}


def write_mapping(mapping, path):
	"""The table as include-what-you-use wants it."""
	direct = {header for headers in mapping.values() for header in headers}
	lines = ["["]
	for name, headers in mapping.items():
		if name in TWOFOLD:
			continue
		seen = "public" if name in direct or name.endswith("_types.h") else "private"
		# In <> or in quotes: the tool takes it for the same only sometimes
		lines += [f'{{ include: ["{form}", "{seen}", "<{header}>", "public"] }},'
			  for form in (f"<{name}>", f'\\"{name}\\"') for header in headers]
	path.write_text("\n".join([*lines, "]", ""]))


def kernel_flags(place):
	"""Those of gcc for a file of the kernel that say what it reads."""
	command = (BUILD / f"kernel/{KERNEL}/kernel/.padata.o.cmd").read_text()
	words = iter(shlex.split(command.splitlines()[0].partition(":=")[2]))
	flags = []
	for word in words:
		if word == "-include":
			flags += [word, next(words)]
		elif (word.startswith(("-I", "-D", "-std=", "-mcmodel="))
		      and "KBUILD_MOD" not in word and "KBUILD_BASE" not in word
		      or word in ("-nostdinc", "-m64", "-fshort-wchar", "-funsigned-char",
				  "-O2")):
			flags.append(word)
	source = f"{BUILD}/src"
	return [flag.replace(source, str(place)) for flag in flags] + [
		f"-DKBUILD_{what}=\"x\"" for what in ("MODFILE", "BASENAME", "MODNAME")
	] + ["-D__KBUILD_MODNAME=x"]


def command_for(path, place, flags):
	command = ["include-what-you-use", "-w"]
	for option in ("--no_default_mappings", "--no_fwd_decls", "--max_line_length=300",
		       f"--mapping_file={place}/includes.imp"):
		command += ["-Xiwyu", option]
	return [*command, *flags, "-I", place / os.path.dirname(path), place / path]


def headers_of(place, path):
	"""(header, its path, whether it is local) of what a file includes."""
	text = (place / path).read_text(errors="replace")
	for mark, name in re.findall(r"^\s*#\s*include\s+([<\"])([^>\"]+)[>\"]", text, re.M):
		near = os.path.normpath(f"{os.path.dirname(path)}/{name}")
		places = ([near] if mark == '"' else []) + [f"{top}/{name}" for top in FOLDERS]
		found = [header for header in places if (place / header).exists()]
		yield name, found[0] if found else None, mark == '"' and found[:1] == [near]


def passed_on(place, path, seen=()):
	"""What the headers that a file includes include, and are."""
	names = set()
	for name, header, local in headers_of(place, path):
		names.add(name)
		if header is None or header in seen:
			continue
		names |= {header} | {other for other, _, _ in headers_of(place, header)}
		if local:
			names |= passed_on(place, header, (*seen, header))
	return names


def read(output, place, path):
	"""(what to add, what to remove, what went wrong), each {header: line}."""
	add, remove, broken = {}, {}, []
	into = None
	for line in output.splitlines():
		heading = re.match(r"(\S+) should (add|remove) these lines:", line)
		if heading:
			ours = os.path.normpath(heading[1]) == str(place / path)
			into = ({"add": add, "remove": remove}[heading[2]]) if ours else None
		elif not line or line.startswith("The full include-list"):
			into = None
		elif into is not None:
			header = re.search(r"#include [<\"]([^>\"]+)[>\"]", line)
			names = line.partition("// for ")[2].split(", ")
			if header and not all(map(INNER.match, names)):
				name = header[1].replace(f"{place}/", "")
				into[name] = re.sub(" +", " ", line.strip().removeprefix("- "))
		if re.search(r"\berror:|Assertion failed", line):
			broken.append(line.replace(f"{place}/", ""))
	return add, remove, broken


def look_at(path, place, flags, mapping, exceptions):
	"""What is wrong with the includes of a file."""
	done = subprocess.run(command_for(path, place, flags), text=True, errors="replace",
			      stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
			      stdin=subprocess.DEVNULL, cwd=BUILD / "kernel" / KERNEL)
	add, remove, broken = read(done.stdout, place, path)
	if not broken and "has correct #includes" not in done.stdout and (
			"full include-list" not in done.stdout):
		broken = done.stdout.splitlines()[-1:] or [f"status {done.returncode}"]
	if broken:
		return [f"{path}: cannot be read: {broken[0]}"]

	granted = TAKEN_FOR_GRANTED | passed_on(place, path)
	granted |= {name for name, headers in mapping.items() if granted & set(headers)}
	text = (place / path).read_text()
	kept = {name for name, wanted in TYPES.items() if re.search(wanted, text)}
	return ([f"{path} should add {line}" for name, line in add.items()
		 if name not in granted and not exceptions.allow(path, name)]
		+ [f"{path} should remove {line}" for name, line in remove.items()
		   if name not in TAKEN_FOR_GRANTED | kept
		   and not exceptions.allow(path, name)])


def check(report):
	if not builds.build(report, KERNEL, f"{KERNEL} builds"):
		return
	files = [path for path in touched.files(r"\.[ch]$", "A")
		 if not path.startswith(NOT_THESE)]
	place = touched.folder("includes")
	folders = {os.path.dirname(path) for path in files}
	touched.unpack("HEAD", [*FOLDERS[:2], *sorted({path.split("/")[0] for path in folders
						       if not path.startswith(FOLDERS)})],
		       place)
	mapping = read_mapping()
	write_mapping(mapping, place / "includes.imp")
	flags = kernel_flags(place)
	exceptions = touched.Exceptions("includes")
	problems = []
	ended = side_by_side(
		lambda path: look_at(path, place, flags, mapping, exceptions), files)
	for count, (_, found) in enumerate(ended, 1):
		progress(f"Includes: {count} of {len(files)} files")
		problems += found
	problems += exceptions.problems()
	report.check(not problems, f"{len(files)} files include what they use, and no more",
		     problems)
