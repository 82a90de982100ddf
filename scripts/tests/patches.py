# SPDX-License-Identifier: GPL-2.0
"""Each patch of the queue builds, and boots to init, with CONFIG_PADATA and
DEFERRED_STRUCT_PAGE_INIT on and off."""

import hashlib
import subprocess

import kernels
from common import ROOT, Failure, progress
from tests import boots, builds

GUEST = {"memory": "5G", "cpus": "2"}
VARIANTS = {"": "on", "-off": "off"}


def list_patches():
	"""(name, commit) of each patch, in order."""
	listed = subprocess.run([ROOT / "scripts/commit-of", "--list"], text=True,
				capture_output=True)
	if listed.returncode:
		raise Failure(listed.stderr.strip().splitlines()[-1])
	for line in listed.stdout.splitlines():
		name, commit, _ = line.split(" ", 2)
		if not name.endswith("/0000"):
			yield name, commit


def commit_of(name):
	return subprocess.run([ROOT / "scripts/commit-of", name], text=True,
			      capture_output=True).stdout.strip()


def check(report):
	patches = list(list_patches())
	# The last patch of a topic is a kernel that was built anyway
	built = {commit_of(kernel): kernel for kernel in ("baseline", "series")}

	# One variant after the other: from patch to patch little changes, and
	# the guests boot while the next kernel is being built
	guests = {}
	booted = {}
	for variant in VARIANTS:
		for patch, commit in patches:
			kernel = patch + variant
			if not variant and commit in built:
				kernel = built[commit]
			log = f"patches/{patch.replace('/', '-')}{variant}.txt"
			if not builds.build(report, kernel, f"{patch} builds, options "
					    f"{VARIANTS[variant]}"):
				continue
			# Many patches change nothing with the options off
			image = hashlib.sha256(kernels.image(kernel).read_bytes()).digest()
			if image not in booted:
				booted[image] = (kernel, boots.start(kernel, GUEST, log))
			guests[patch, variant] = booted[image]

	for count, ((patch, variant), (kernel, future)) in enumerate(guests.items(), 1):
		progress(f"Booting {count} of {len(guests)}: {kernel}")
		result, reason = boots.outcome(future)
		problems = [reason] if not result else []
		if result and not result.ok:
			problems = boots.describe(kernel, result)
		elif result and not variant and not boots.deferred_nodes(result.lines):
			problems = ["no struct page was initialised late"]
		report.check(not problems, f"{patch} boots, options {VARIANTS[variant]}",
			     problems)
