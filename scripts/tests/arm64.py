# SPDX-License-Identifier: GPL-2.0
"""KUnit and boots for arm64, cross-built and emulated: arm64.ini."""

from tests import builds, kunit, matrix

TIER = "long"

KERNELS = ("baseline-arm64", "series-arm64-check")


def check(report):
	ended = builds.script("scripts/setup", "arm64")
	if not report.check(ended.ok, "scripts/setup arm64", ended.details()):
		return
	if all([builds.build(report, kernel, f"{kernel} builds") for kernel in KERNELS]):
		kunit.check_kernels(report, *KERNELS)
		matrix.check_scenarios(report, "arm64.ini")
