# SPDX-License-Identifier: GPL-2.0
"""Patches, series, view and tree agree; style of all files.

What scripts/check says, line for line.
"""

from tests import builds
from tests.ktap import Reader


def check(report):
	reader = Reader(report)
	ended = builds.script("scripts/check", on_line=reader.read)
	if not ended.ok and not reader.failed:
		report.fail("scripts/check", ended.details())
	elif not reader.count:
		report.fail("scripts/check", ["it printed no check"])
