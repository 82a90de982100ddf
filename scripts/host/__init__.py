# SPDX-License-Identifier: GPL-2.0
"""The machine that the scripts run on. Imported before anything else of ours: so what
follows holds in each script."""

import os
import signal
import sys

# Until run() there is nothing to tidy
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
	signal.signal(signal.SIGINT, signal.SIG_DFL)
# What the caller has closed: the next file to be opened would take its place
for number, name in enumerate(("stdin", "stdout", "stderr")):
	if getattr(sys, name) is None:
		os.open(os.devnull, os.O_RDWR)
		setattr(sys, name, open(number, "w" if number else "r"))
# What git and the file system give is passed on as it is
for stream in (sys.stdout, sys.stderr):
	stream.reconfigure(encoding="utf-8", errors="surrogateescape")
# What programs say is read here
os.environ["LC_ALL"] = "C.UTF-8"

# Called from a git hook or from make, these would redirect git and the kernel's make
for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
	     "GIT_PREFIX", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
	     "GIT_NAMESPACE", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
	os.environ.pop(name, None)
