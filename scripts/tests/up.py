# SPDX-License-Identifier: GPL-2.0
"""The series in a kernel for one CPU, which has no padata: jobs come to the same."""

from tests import builds, kunit


def check(report):
	if builds.build(report, "series-up", "series-up builds"):
		kunit.check_kernels(report, "series-up")
