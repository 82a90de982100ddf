# SPDX-License-Identifier: GPL-2.0
"""The kernels that other parts boot build without a warning."""

from tests import builds

KERNELS = ("stock", "baseline", "series", "series-check", "series-debug",
	   "baseline-debug")


def check(report):
	for kernel in KERNELS:
		builds.build(report, kernel, kernel)
