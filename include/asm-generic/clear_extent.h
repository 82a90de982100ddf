/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ASM_GENERIC_CLEAR_EXTENT_H
#define _ASM_GENERIC_CLEAR_EXTENT_H

/*
 * Many pages cleared at once.  An architecture that gains from knowing how many
 * follow each other overrides these.
 */

#include <linux/highmem.h>

/* How many pages to clear at once, before the scheduler is let in. */
#define CLEAR_EXTENT_PAGES	1UL

/**
 * clear_user_extent - clear pages that user space will see
 * @page: The first one.  All belong to one folio.
 * @vaddr: Where user space will see it, as clear_user_highpage() needs it.
 * @nr_pages: How many, 1 to CLEAR_EXTENT_PAGES.
 */
static inline void clear_user_extent(struct page *page, unsigned long vaddr,
				     unsigned long nr_pages)
{
	clear_user_highpage(page, vaddr);
}

#endif /* _ASM_GENERIC_CLEAR_EXTENT_H */
