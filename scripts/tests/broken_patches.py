# SPDX-License-Identifier: GPL-2.0
"""What is wrong with a patch alone is found by the part "patches".

A queue on the real base, in which every second patch breaks one thing, and the one after
it mends that: so no look at the whole would find it.
"""

import os
import re
import subprocess
import sys

from host.git import tree_git
from host.places import BUILD, ROOT
from patchqueue.commits import BASE_IDENTITY, COMMITTER

TIER = "long"

PLACE = BUILD / "test/broken-patches"
FILE = "mm/mm_init.c"
AT_BOOT = "static int __init toy(void)\n{\n%s\treturn 0;\n}\nlate_initcall(toy);\n"
NOWHERE = "void toy_nowhere(void);\n"
# (what a patch breaks, what it appends to the file, what is said of it)
BREAKS = (
	("the build", "int toy(void)\n{\n\treturn missing;\n}\n", "undeclared"),
	("the link", NOWHERE + AT_BOOT % "\ttoy_nowhere();\n", "undefined reference"),
	("the link with options off", "#ifndef CONFIG_PADATA\n" + NOWHERE
	 + AT_BOOT % "\ttoy_nowhere();\n" + "#endif\n", "undefined reference"),
	("the boot", AT_BOOT % '\tpanic("toy");\n', "panic: .* toy"),
	("what W=1 warns of", "static const int toy = 1;\n", "unused-const-variable"),
	("what sparse warns of", "void toy(void);\nvoid toy(void)\n{\n"
	 "\tint __user *toy = (void *)&toy;\n\n\t(void)toy;\n}\n", "address space"),
	("the build with Clang", "#ifdef __clang__\n#error toy\n#endif\n", "error: toy"),
	("the build with Clang, options off", "#if defined(__clang__) && "
	 "!defined(CONFIG_PADATA)\n#error toy\n#endif\n", "error: toy"),
)
CHECK = """
from patchqueue.commits import list_commits
from tests import ktap, patches
report = ktap.Report(1)
report.begin("toy")
patches.check_each(report, list_commits())
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
	for about, text, _ in BREAKS:
		head = commit(head, tree_with(text), f"Break {about}")
		head = commit(head, tree_with("/* mended */"), f"Mend {about}")
	return head


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
	PLACE.mkdir(parents=True, exist_ok=True)
	tree = PLACE / "tree"
	tree_git("worktree", "prune")
	tree_git("worktree", "add", "--force", "--no-checkout", "--detach", tree, make_queue())
	try:
		# The one file that guests need of it
		tree_git("checkout", "HEAD", "--", "usr/gen_init_cpio.c", at=tree)
		ended = subprocess.run([sys.executable, "-c", CHECK], cwd=ROOT / "scripts",
				       env=os.environ | {"PADATA_MT_TREE": str(tree)},
				       text=True, stdout=subprocess.PIPE)
	finally:
		tree_git("worktree", "remove", "--force", tree)
	(PLACE / "output.txt").write_text(ended.stdout)
	found = outcomes(ended.stdout)
	for number, (about, _, says) in enumerate(BREAKS):
		broken, mended = found.get(2 * number + 1), found.get(2 * number + 2)
		report.check(broken and re.search(says, "\n".join(broken)) and mended == [],
			     f"a patch that breaks {about} is found, and no other",
			     [*(broken or ["nothing was found"]), *(mended or ())][:10])
