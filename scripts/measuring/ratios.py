# SPDX-License-Identifier: GPL-2.0
"""Ratios and how far they lie apart, as text."""

import statistics


def spread(values, form):
	if len(values) < 2:
		return "one boot"
	return f"{form(min(values))}..{form(max(values))}"


def summary(ratios):
	"""The median of ratios, and how far they lie apart."""
	if not ratios:
		return "-"
	text = f"{statistics.median(ratios):.2f}"
	if len(ratios) > 1:
		text += f" ({spread(ratios, '{:.2f}'.format)})"
	return text


def paired_ratios(values, reference):
	"""The ratios within each round: what disturbs a round disturbs both."""
	return [value / other for value, other in zip(values, reference) if other]
