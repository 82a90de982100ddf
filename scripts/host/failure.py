# SPDX-License-Identifier: GPL-2.0
"""What went wrong, for who called a script."""


class Failure(Exception):
	"""What went wrong and what to do about it, in one line."""
