/* SPDX-License-Identifier: GPL-2.0 */
/*
 * deferred_check.h - check what initialized many struct pages at once
 */
#ifndef _MM_DEFERRED_CHECK_H
#define _MM_DEFERRED_CHECK_H

#include <linux/types.h>

struct page;
struct zone;

#ifdef CONFIG_DEFERRED_STRUCT_PAGE_INIT_CHECK
void memmap_check_page(struct page *page, unsigned long pfn,
		       const struct page *expected);
void memmap_check_report(void);
void deferred_check_pages(struct zone *zone, unsigned long pfn,
			  unsigned long end_pfn, bool reserved);
void deferred_check_zone(struct zone *zone, unsigned long first_pfn,
			 unsigned long nr_pages);
void deferred_check_report(void);
void deferred_check_contiguous(struct zone *zone);
#else
static inline void memmap_check_page(struct page *page, unsigned long pfn,
				     const struct page *expected)
{
}

static inline void memmap_check_report(void)
{
}

static inline void deferred_check_pages(struct zone *zone, unsigned long pfn,
					unsigned long end_pfn, bool reserved)
{
}

static inline void deferred_check_zone(struct zone *zone,
				       unsigned long first_pfn,
				       unsigned long nr_pages)
{
}

static inline void deferred_check_report(void)
{
}

static inline void deferred_check_contiguous(struct zone *zone)
{
}
#endif

#endif /* _MM_DEFERRED_CHECK_H */
