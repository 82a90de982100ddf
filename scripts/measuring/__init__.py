# SPDX-License-Identifier: GPL-2.0
"""Figures: counted, timed, drawn, and quoted."""
