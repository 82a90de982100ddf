# SPDX-License-Identifier: GPL-2.0
"""The guests of matrix with lockdep, KASAN and UBSAN."""

from tests import builds, matrix

TIER = "long"


def check(report):
	if builds.build(report, matrix.DEBUG, f"{matrix.DEBUG} builds"):
		matrix.check_scenarios(report, "scenarios.ini", instead=matrix.DEBUG)
