# SPDX-License-Identifier: GPL-2.0
"""The series under KASAN: KUnit tests, and kasan.ini is its boot matrix."""

from tests import builds, kunit, matrix


def check(report):
	if builds.build(report, "series-kasan", "series-kasan builds"):
		kunit.check_kernels(report, "series-kasan")
		matrix.check_scenarios(report, "kasan.ini")
