/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memmap_fill.h - write the struct pages of a range in one go
 */
#ifndef _MM_MEMMAP_FILL_H
#define _MM_MEMMAP_FILL_H

struct page;

void memmap_fill(struct page *page, const struct page *end,
		 const struct page *pattern);

#endif /* _MM_MEMMAP_FILL_H */
