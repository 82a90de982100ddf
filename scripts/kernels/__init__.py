# SPDX-License-Identifier: GPL-2.0
"""What follows from the name of a kernel.

A name is WHAT[-ARCHITECTURE][-clang][-VARIANT]: what to build, for which
architecture (x86-64 unless named), by which compiler (gcc unless named), and what
is laid over its configuration.
"""

import dataclasses
import re

from host.failure import Failure
from host.places import BUILD, relative


@dataclasses.dataclass(frozen=True)
class Architecture:
	"""All that differs between architectures, for the build and for QEMU."""
	kernel: str		# as the kernel's Makefile calls it
	cross: str		# prefix of the compiler's name
	image: str		# what is booted, below the folder of the objects
	fragment: str		# what its guests need of the configuration
	qemu: tuple
	cpu: str
	debug_cpu: str		# for kernels with sanitizers
	console: str
	append: str		# what the kernel has to be told in QEMU
	icount_append: str	# and when instructions are counted
	busybox: tuple		# a static one, the first of these that is there
	setup: str		# the task of scripts/setup that brings these tools
	# The kernel in its guest's memory, without KASLR: where it is, and the
	# symbols at the ends of what stays reserved for it
	image_at: int
	image_symbols: tuple
	# The ends of what the kernel's map of all memory has apart from the rest: a
	# 2 MiB block that one of them is inside of takes a page table
	mapped_apart: tuple = ()
	devices: tuple = ()	# the fragment with drivers of device memory


ARCHITECTURES = {
	"": Architecture(
		kernel="x86", cross="", image="arch/x86/boot/bzImage",
		fragment="arch/x86/configs/padata_mt_guest.config",
		# Without a keyboard the kernel need not wait for one to answer
		qemu=("qemu-system-x86_64", "-machine", "pc,i8042=off"),
		# Rarely, QEMU 7.2 leaves part of RAX in the flags after cmpxchg16b, and
		# the guest ends in a double fault. KASAN and five-level page tables
		# print a splat on the unpatched kernel.
		cpu="max,cx16=off", debug_cpu="max,cx16=off,la57=off",
		# The kernel looks for ticks within 10 ms, which a busy host may miss
		console="ttyS0", append="no_timer_check",
		icount_append="tsc_early_khz=1000000",
		busybox=("/bin/busybox", "/usr/bin/busybox"), setup="boot",
		image_at=16 << 20,
		image_symbols=("_text", "__end_of_kernel_reserve"),
		devices=("arch/x86/configs/padata_mt_devices.config",)),
	"-arm64": Architecture(
		kernel="arm64", cross="aarch64-linux-gnu-",
		image="arch/arm64/boot/Image",
		fragment="arch/arm64/configs/padata_mt_guest.config",
		# The older interrupt controller has no more than eight CPUs
		qemu=("qemu-system-aarch64", "-machine", "virt,gic-version=3"),
		# As fast as "max", and the same in each version of QEMU
		cpu="neoverse-n1", debug_cpu="neoverse-n1",
		console="ttyAMA0", append="", icount_append="",
		busybox=(BUILD / "arm64/bin/busybox",), setup="arm64",
		image_at=1 << 30,
		image_symbols=("_text", "_end"),
		mapped_apart=("_stext", "__init_begin")),
}


@dataclasses.dataclass(frozen=True)
class Toolchain:
	program: str		# the compiler, without the prefix of an architecture
	make: tuple		# what makes the kernel's Makefile take the rest of it
	setup: str		# the task of scripts/setup that brings it


TOOLCHAINS = {
	"": Toolchain(program="gcc", make=(), setup="build"),
	"-clang": Toolchain(program="clang", make=("LLVM=1",), setup="clang"),
}

# Each is the fragment of its name, laid over kernel/configs/padata_mt.config
VARIANTS = ("-debug", "-off", "-up", "-kcsan", "-check", "-bench", "-rt")
# Those that each patch is built for
STRICT = ("", "-off")
# Those with drivers of device memory
WITH_DEVICES = ("-bench", "-debug")
# Kernels with these need a guest to suit them
SANITIZERS = ("-debug", "-kcsan")
# Those that can run KUnit tests
WITH_KUNIT = ("", "-debug", "-up", "-kcsan", "-check", "-rt")
# Options that only some trees have: which, its fragment, and the variants with it
OPTIONAL = (
	("PADATA_KUNIT_TEST", "kernel/configs/padata_mt_kunit.config", WITH_KUNIT),
	("MEMMAP_KUNIT_TEST", "kernel/configs/padata_mt_memmap_kunit.config", WITH_KUNIT),
	("PADATA_TORTURE_TEST", "kernel/configs/padata_mt_torture.config",
	 ("-debug", "-kcsan", "-rt")),
	("DEFERRED_STRUCT_PAGE_INIT_CHECK", "kernel/configs/padata_mt_check.config",
	 ("-debug", "-check")),
	("PADATA_BENCH", "kernel/configs/padata_mt_bench.config", ("-bench", "-debug")),
)
# Sources of this checkout that a variant's tree has beside its own, each
# compiled in: {variant: {file in the kernel tree: file here}}
ADDED = {"-bench": {"kernel/padata_boot_bench.c":
		    "scripts/measuring/engine-bench/padata_boot_bench.c"}}


@dataclasses.dataclass(frozen=True)
class Name:
	what: str		# stock, baseline, series, a topic, or topic/number
	suffix: str		# of the architecture
	compiler: str		# suffix of the toolchain
	variant: str

	@property
	def architecture(self):
		return ARCHITECTURES[self.suffix]

	@property
	def toolchain(self):
		return TOOLCHAINS[self.compiler]

	@property
	def fragments(self):
		"""Files below the top folder, the last one winning."""
		paths = ["kernel/configs/padata_mt.config", self.architecture.fragment]
		laid_over = f"kernel/configs/padata_mt_{self.variant[1:]}.config"
		if self.variant and laid_over not in [path for _, path, _ in OPTIONAL]:
			paths.append(laid_over)
		if self.variant in WITH_DEVICES:
			paths += self.architecture.devices
		return paths

	@property
	def optional_fragments(self):
		"""(option, file) of those to add where the tree has the option."""
		return [(symbol, path) for symbol, path, variants in OPTIONAL
			if self.variant in variants]

	@property
	def added(self):
		"""{file in the kernel tree: file here} of sources to compile in."""
		return ADDED.get(self.variant, {})

	@property
	def tasks(self):
		"""Those of scripts/setup that bring what it is built with."""
		return ["build", *["strict"] * self.strict,
			*[self.toolchain.setup] * bool(self.compiler),
			*[self.architecture.setup] * bool(self.suffix)]

	@property
	def sanitizers(self):
		return self.variant in SANITIZERS

	@property
	def single(self):
		"""Whether it is one of many patches, which share a folder."""
		return "/" in self.what

	@property
	def strict(self):
		"""Whether W=1 and sparse look at the sources that the series changes."""
		return self.single and self.variant in STRICT and not (
			self.compiler or self.suffix)

	@property
	def by_gcc(self):
		"""The kernel with the same options that gcc builds as a whole."""
		return f"{self.what}{self.suffix}{self.variant}"


def parse(name):
	def one_of(suffixes):
		return f"({'|'.join(filter(None, suffixes))})?"

	match = re.fullmatch(r"([\w./-]+?)" + one_of(ARCHITECTURES) + one_of(TOOLCHAINS)
			     + one_of(VARIANTS), name)
	if not match:
		raise Failure(f"'{name}' is no kernel: build stock, baseline, series, or "
			      f"<topic>/<number>, with one of {', '.join(ARCHITECTURES)[2:]}, "
			      f"one of {', '.join(TOOLCHAINS)[2:]} and one of {', '.join(VARIANTS)} added")
	return Name(match[1], *(suffix or "" for suffix in match.groups()[1:]))


def image(name):
	"""Where the kernel of that name is once it is built."""
	return BUILD / "kernel" / name / parse(name).architecture.image


def architecture_of(path):
	"""The architecture of any image, from its header."""
	with open(path, "rb") as file:
		header = file.read(0x206)
	if header[56:60] == b"ARM\x64":
		return ARCHITECTURES["-arm64"]
	if header[0x202:] == b"HdrS":
		return ARCHITECTURES[""]
	raise Failure(f"{relative(path)} is no kernel image: give a bzImage, or for arm64 "
		      "an Image")
