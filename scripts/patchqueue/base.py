# SPDX-License-Identifier: GPL-2.0
"""What the commit tagged "base" in the kernel tree was made from."""

import dataclasses
import re

from host.failure import Failure
from host.places import BUILD
from patchqueue.files import series_stamp

RECORD = BUILD / "base/base.env"
# Older ones have quotes, as a shell writes them
LINE = re.compile(r"(BASE_[A-Z0-9]+)='?([^\s;&|<>()`$']*)'?")


@dataclasses.dataclass(frozen=True)
class Base:
	version: str		# of the kernel, as 6.12.1
	sha256: str		# of the tarball
	tree: str		# of the commit
	package: str = ""	# Debian's version, if known

	def name(self, distribution=""):
		"""The base for people; "Debian " is what patches say before the package."""
		package = f" ({distribution}linux-source-6.12 {self.package})"
		return f"Linux {self.version}" + package * bool(self.package)

	def is_of_queue(self):
		"""Whether the queue in this checkout was written on it."""
		return self.tree == series_stamp("Base-tree")

	def stamp(self, prefix=""):
		"""The lines in series and in cover letters that tell which base it is."""
		return (f"{prefix}Base: {self.name('Debian ')}\n"
			f"{prefix}Base-tarball-sha256: {self.sha256}\n"
			f"{prefix}Base-tree: {self.tree}\n")


def read_base():
	try:
		lines = RECORD.read_text(encoding="utf-8").split("\n")
		values = dict(LINE.fullmatch(line).groups() for line in lines
			      if line and not line.startswith("#"))
		if all(values[f"BASE_{name}"] for name in ("VERSION", "SHA256", "TREE")):
			return Base(values["BASE_VERSION"], values["BASE_SHA256"],
				    values["BASE_TREE"], values.get("BASE_PACKAGE", ""))
	except FileNotFoundError:
		raise Failure('build/linux is not there yet: run "make tree"') from None
	except (AttributeError, KeyError, UnicodeDecodeError):
		pass		# a line that is none, or one that is missing
	raise Failure('build/base/base.env is damaged: remove it, then "make tree" writes it '
		      "anew")


def write_base(base):
	new = RECORD.with_suffix(".env.new")
	new.write_text('# What the commit tagged "base" in build/linux was made from\n'
		       f"BASE_VERSION={base.version}\nBASE_PACKAGE={base.package}\n"
		       f"BASE_SHA256={base.sha256}\nBASE_TREE={base.tree}\n")
	new.rename(RECORD)
