# SPDX-License-Identifier: GPL-2.0
"""git as this project calls it: without the user's configuration."""

import os

from host.failure import Failure
from host.places import LINUX
from host.programs import decode, run_program
from host.reason import reason

# Everything that shapes a patch set, so that the same commits give the same bytes
# everywhere. The function names in hunk headers come from a pattern built into git,
# which versions of git change; hence one of our own. safe.directory: in a container the
# checkout often belongs to another user.
GIT_SETTINGS = [word for setting in (
	"safe.directory=*", "core.hooksPath=/dev/null", "commit.gpgSign=false", "gc.auto=0",
	"core.quotePath=true", "core.autocrlf=false", "core.pager=cat",
	"log.mailmap=false", "log.showSignature=false",
	"i18n.commitEncoding=UTF-8", "i18n.logOutputEncoding=UTF-8",
	"diff.algorithm=myers", "diff.indentHeuristic=true", "diff.renames=false",
	"diff.context=3", "diff.interHunkContext=0", "diff.noprefix=false",
	"diff.mnemonicPrefix=false", "diff.suppressBlankEmpty=false",
	"diff.orderFile=/dev/null",
	"diff.cpp.xfuncname=!^[ \t]*[A-Za-z_][A-Za-z_0-9]*:[[:space:]]*($|/[/*])\n"
	"^([A-Za-z_].*)$") for word in ("-c", setting)]


def git(*arguments, at=None, **options):
	"""git in the kernel tree or at another place, without the user's configuration."""
	environment = os.environ | options.pop("env", {}) | {
		"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_TERMINAL_PROMPT": "0",
		# "git status" takes the lock of the index to save time later. Killed at
		# the wrong moment, it leaves the lock behind.
		"GIT_OPTIONAL_LOCKS": "0"}
	return run_program("git", *GIT_SETTINGS, "-C", at or LINUX, *arguments,
			   env=environment, **options)


def tree_git(*arguments, at=None, **options):
	"""What git() says, without the end of its last line; it must not fail."""
	ended = git(*arguments, at=at, **options)
	if ended.returncode:
		said = ended.stderr or ""
		said = said if isinstance(said, str) else decode(said)
		raise Failure(f"git {arguments[0]} failed: {reason(said.splitlines())}")
	return ended.stdout.rstrip("\n") if isinstance(ended.stdout, str) else ended.stdout
