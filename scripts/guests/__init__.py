# SPDX-License-Identifier: GPL-2.0
"""Guests of QEMU: what they are, how they boot, what their consoles say."""
