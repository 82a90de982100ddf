// SPDX-License-Identifier: GPL-2.0
/* The passes of the series, with the series' own mm/memmap_fill.c */
#include <linux/mm.h>
#include "memmap_fill.h"
#include "bench.h"

void series_init(struct page *page, unsigned long nr)
{
	struct page pattern;

	make_pattern(&pattern);
	memmap_fill(page, page + nr, &pattern);
}

/* Of a device: pages that are not free, with something else in their list heads */
void device_init(struct page *page, unsigned long nr)
{
	struct page pattern;

	make_pattern(&pattern);
	memmap_copy(page, page + nr, &pattern);
}
