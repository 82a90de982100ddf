# SPDX-License-Identifier: GPL-2.0
"""KUnit in a kernel for one CPU, which has no padata."""

from tests import builds, kunit

TIER = "long"

KERNEL = "series-up"
AHEAD = (KERNEL,)


def check(report):
	if builds.build(report, KERNEL, f"{KERNEL} builds"):
		kunit.check_kernels(report, KERNEL)
