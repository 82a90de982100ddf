# SPDX-License-Identifier: GPL-2.0
"""The series under KASAN: kasan.ini is its boot matrix."""

from tests import builds, matrix


def check(report):
	if builds.build(report, "series-kasan", "series-kasan builds"):
		matrix.check_scenarios(report, "kasan.ini")
