# SPDX-License-Identifier: GPL-2.0
"""KUnit and the torture test in a real-time kernel, by Clang, under lockdep."""

from tests import builds, kunit, torture

TIER = "long"

KERNEL = "series-clang-rt"
AHEAD = (KERNEL,)
JOBS = 100000


def check(report):
	if builds.build(report, KERNEL, f"{KERNEL} builds"):
		kunit.check_kernels(report, KERNEL)
		torture.check_kernel(report, KERNEL, JOBS)
