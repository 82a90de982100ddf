# SPDX-License-Identifier: GPL-2.0
"""KUnit in a kernel for one CPU, which has no padata."""

from tests import builds, kunit

TIER = "long"


def check(report):
	if builds.build(report, "series-up", "series-up builds"):
		kunit.check_kernels(report, "series-up")
