/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memmap_fill.h - write the struct pages of a range in one go
 */
#ifndef _MM_MEMMAP_FILL_H
#define _MM_MEMMAP_FILL_H

#include <linux/types.h>
#include <asm/page.h>

struct page;

/* Whether the struct pages of a range can be all alike. */
static inline bool memmap_can_fill(void)
{
#ifdef WANT_PAGE_VIRTUAL
	return false;
#else
	return true;
#endif
}

void memmap_fill(struct page *page, const struct page *end,
		 const struct page *pattern);
void memmap_copy(struct page *page, const struct page *end,
		 const struct page *pattern);

#endif /* _MM_MEMMAP_FILL_H */
