# SPDX-License-Identifier: GPL-2.0
"""The parts of make test, each a module with check(report); and what they share."""
