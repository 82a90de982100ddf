# SPDX-License-Identifier: GPL-2.0
"""The commits in a kernel tree that stand for the queue; see the package for their shape.

git() and tree_git(), with which all of it is asked and made, are in host/git.py: the one
gives what subprocess.run() gives, the other only the output, and never fails in silence.
"""

import dataclasses

from host.failure import Failure
from host.git import git, tree_git
from host.places import LINUX, relative
from host.programs import run_program

# The same patches on the same base make the same commits everywhere
COMMITTER = {"GIT_COMMITTER_NAME": "padata-mt", "GIT_COMMITTER_EMAIL": "padata-mt@localhost"}
# The commit of the base has the same name everywhere, too
BASE_IDENTITY = COMMITTER | {
	"GIT_AUTHOR_NAME": "padata-mt", "GIT_AUTHOR_EMAIL": "padata-mt@localhost",
	"GIT_AUTHOR_DATE": "2024-11-17T00:00:00Z",
	"GIT_COMMITTER_DATE": "2024-11-17T00:00:00Z"}

# What the scripts remember in the tree's repository
STATE = LINUX / ".git/padata-mt"


@dataclasses.dataclass(frozen=True)
class Commit:
	topic: str
	number: int		# 0 for the cover letter
	id: str
	subject: str

	@property
	def name(self):
		return f"{self.topic}/{self.number:04}"


def base_commit(base):
	"""The commit of a base, made from its tree. It is the tag "base" unless the kernel
	tree came about in another way."""
	return tree_git("commit-tree", "-m", f"Linux {base.version}", base.tree,
			env=BASE_IDENTITY)


def there_is_a_tree():
	return git("rev-parse", "-q", "--verify", "base").returncode == 0


def require_tree():
	if not there_is_a_tree():
		raise Failure('build/linux is not there yet: run "make tree"')


def list_commits(tree=None):
	"""All since the base, in order."""
	listed = tree_git(
		"log", "--reverse", "--topo-order",
		"--format=%H%x1f%(trailers:key=Topic,valueonly,unfold,separator=%x20)%x1f%s",
		"base..HEAD", at=tree)
	commits, topic, number = [], "", 0
	for line in filter(None, listed.split("\n")):
		commit, name, subject = line.split("\x1f", 2)
		topic, number = (name, 0) if name else (topic, number + 1)
		if not topic:
			raise Failure(f"commit {commit} ({subject}) in build/linux comes "
				      "before the first cover letter: move it behind one with "
				      '"git rebase -i base"')
		commits.append(Commit(topic, number, commit, subject))
	return commits


def topics(tree=None):
	"""Their names, in order."""
	return [commit.topic for commit in list_commits(tree) if not commit.number]


def commit_of(name):
	"""The commit of stock, series, a topic, which is its last one, or a patch."""
	require_tree()
	if name in ("stock", "series"):
		revision = "base^{commit}" if name == "stock" else "HEAD"
		found = git("rev-parse", "--verify", "-q", revision).stdout.split()
	else:
		found = [commit.id for commit in list_commits()
			 if name in (commit.name, commit.topic)]
	if not found:
		raise Failure(f'build/linux has no "{name}": scripts/commit-of --list prints '
			      "what it has")
	return found[-1]


# ---- what the tree was last made from, or written to ----------------------------

def read_applied():
	"""The checksum of a queue and the commit that stands for it; empty where nothing was
	applied."""
	applied = STATE / "applied"
	words = applied.read_text().split() if applied.exists() else []
	return tuple((words + ["", ""])[:2])


def write_applied(queue, head):
	STATE.mkdir(parents=True, exist_ok=True)
	new = STATE / "applied.new"
	new.write_text(f"{queue} {head}\n")
	new.rename(STATE / "applied")


def export(commit, paths, folder, at=None):
	"""Put those of the files and folders that a commit has into a folder."""
	there = tree_git("ls-tree", "-z", "--name-only", commit, "--", *paths, at=at)
	folder.mkdir(parents=True, exist_ok=True)
	if there := list(filter(None, there.split("\0"))):
		archive = tree_git("archive", commit, "--", *there, at=at, text=False)
		if run_program("tar", "-x", "-C", folder, input=archive).returncode:
			raise Failure(f"the sources cannot be unpacked to {relative(folder)}")
