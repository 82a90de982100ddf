# SPDX-License-Identifier: GPL-2.0
"""What is wrong with a patch alone is found by the part "patches".

A queue on the real base, in which each patch breaks one thing and mends what the one
before it broke: so no look at the whole would find it.
"""

import os
import re
import shutil
import sys

from host.git import tree_git
from host.places import BUILD, ROOT
from host.programs import run_program
from patchqueue.commits import BASE_IDENTITY, COMMITTER

TIER = "long"

PLACE = BUILD / "test/broken-patches"
FILE = "mm/mm_init.c"
AT_BOOT = "static int __init toy(void)\n{\n\t%s\treturn 0;\n}\nlate_initcall(toy);\n"
NOWHERE = "void toy_nowhere(void);\n" + AT_BOOT % "toy_nowhere();\n"
PANIC = AT_BOOT % 'panic("toy");\n'
UNUSED = "static const int toy = 1;\n"
# Turned off, where the other one is only not turned on
UNREAD = "void toy(void);\nvoid toy(void)\n{\n\tint toy;\n\n\ttoy = 1;\n}\n"
ADDRESS_SPACES = """void toy(void);
void toy(void)
{
	int __user *toy = (void *)&toy;

	(void)toy;
}
"""
# gcc names the header of the macro, which no patch changes
FORMAT = AT_BOOT % 'pr_info("%d\\n", 1L);\n'
ON, OFF, CLANG = "defined(CONFIG_PADATA)", "!defined(CONFIG_PADATA)", "defined(__clang__)"
# (what a patch breaks, under which condition, what it appends, what is said of it)
BREAKS = (
	("the build", ON, "int toy = missing;\n", "undeclared"),
	("the build with options off", OFF, "int toy = missing;\n", "undeclared"),
	("the link", ON, NOWHERE, "undefined reference"),
	("the link with options off", OFF, NOWHERE, "undefined reference"),
	("the boot", ON, PANIC, "panic: .* toy"),
	("the boot with options off", OFF, PANIC, "panic: .* toy"),
	("a format", ON, FORMAT, r"gcc, options on: .*\bformat"),
	("what W=1 warns of", ON, UNUSED, "unused-const-variable"),
	("what W=1 warns of with options off", OFF, UNREAD, "unused-but-set-variable"),
	("what sparse warns of", ON, ADDRESS_SPACES, "address space"),
	("what sparse warns of with options off", OFF, ADDRESS_SPACES, "address space"),
	("the build with Clang", f"{ON} && {CLANG}", "#error toy\n", "error: toy"),
	("the build with Clang, options off", f"{OFF} && {CLANG}", "#error toy\n",
	 "error: toy"),
	("what Clang warns of", f"{ON} && {CLANG}", "#warning toy\n", "warning: toy"),
)
# With a tidy end, whenever that comes
CHECK = """
from host.script import run
from patchqueue.commits import list_commits
from tests import ktap, patches

def main():
	report = ktap.Report(1)
	report.begin("toy")
	patches.check_each(report, list_commits())
	return 0

run(main)
"""


def commit(parent, tree, message):
	return tree_git("commit-tree", tree, "-p", parent, "-m", message,
			env=BASE_IDENTITY | COMMITTER)


def tree_with(text):
	"""The base with a text at the end of the file."""
	index = {"GIT_INDEX_FILE": str(PLACE / "index")}
	whole = tree_git("cat-file", "blob", f"base:{FILE}") + f"\n\n{text}"
	blob = tree_git("hash-object", "-w", "--stdin", input=whole)
	tree_git("read-tree", "base", env=index)
	tree_git("update-index", "--cacheinfo", f"100644,{blob},{FILE}", env=index)
	return tree_git("write-tree", env=index)


def make_queue():
	"""The last of its commits, which are on no branch."""
	head = commit("base", tree_git("rev-parse", "base^{tree}"), "A toy\n\nTopic: toy")
	for about, condition, text, _ in BREAKS:
		head = commit(head, tree_with(f"#if {condition}\n{text}#endif"), f"Break {about}")
	return commit(head, tree_with("/* mended */"), "Mend it")


def outcomes(said):
	"""{number of a patch: what is said of it, nothing if it is good}"""
	found, number = {}, None
	for line in said.splitlines():
		if match := re.match(r"  (not )?ok \d+ - toy/(\d+) builds and boots", line):
			number = int(match[2])
			found[number] = []
		elif line.startswith("  # ") and number:
			found[number].append(line)
	return found


def check(report):
	tree = PLACE / "tree"
	shutil.rmtree(PLACE, ignore_errors=True)	# with what a killed run has left
	PLACE.mkdir(parents=True)
	tree_git("worktree", "prune")
	tree_git("worktree", "add", "--no-checkout", "--detach", tree, make_queue())
	try:
		# The one file that guests need of it
		tree_git("checkout", "HEAD", "--", "usr/gen_init_cpio.c", at=tree)
		ended = run_program(sys.executable, "-c", CHECK, cwd=ROOT / "scripts", stderr=None,
				    patience=60, env=os.environ | {"PADATA_MT_TREE": str(tree)})
	finally:
		tree_git("worktree", "remove", "--force", tree)
	(PLACE / "output.txt").write_text(ended.stdout)
	found = outcomes(ended.stdout)
	if not report.check(len(found) == len(BREAKS) + 1, "all of the queue is tried",
			    ended.stdout.splitlines()[-5:]):
		return
	for number, (about, _, _, says) in enumerate(BREAKS, 1):
		report.check(re.search(says, "\n".join(found[number])),
			     f"a patch that breaks {about} is found",
			     (found[number] or ["nothing was found"])[:10])
	report.check(not found[number + 1], "the patch that mends all is good", found[number + 1])
