// SPDX-License-Identifier: GPL-2.0
/*
 * The loops that the base runs over each struct page of deferred memory.
 *
 * They are cut out of the base's source (see ../real_memory.py) into the files
 * base_*.h when this is built, and compiled by the command that the kernel's
 * build has for mm/. What the base does once for a block of pages is left out:
 * locks, counters, and the free list.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
#include <linux/jump_label.h>
/* The series has it there, to inline it in several files */
#define __init_single_page	init_single_page_of_the_series
#include "internal.h"
#undef __init_single_page
#include "bench.h"

#define NODE	(MAX_NUMNODES - 1)
#define ZONE	ZONE_NORMAL

const unsigned long struct_page_size = sizeof(struct page);
const unsigned long struct_page_lru = offsetof(struct page, lru);
const unsigned long block_pages = MAX_ORDER_NR_PAGES;

void __init_single_page(struct page *page, unsigned long pfn, unsigned long zone,
			int nid);
#include "base_init_single_page.h"
#include "base_check_pages_enabled.h"

/* Only called when pages are checked, which they are not by default */
bool free_page_is_bad(struct page *page);
int free_tail_page_prepare(struct page *head_page, struct page *page);

/* In deferred_init_pages() of the base */
static noinline void init_pages(struct page *page, unsigned long pfn,
				unsigned long end_pfn, int zid, int nid)
{
#include "base_init_loop.h"
}

/* In __free_pages_core() of the base */
static noinline void free_pages_core(struct page *page, unsigned int order)
{
	unsigned int nr_pages = 1 << order;
	struct page *p = page;
	unsigned int loop;

#include "base_core_loop.h"
}

/* In free_pages_prepare() of the base */
static noinline int prepare_pages(struct page *page, unsigned int order)
{
	bool compound = PageCompound(page);
	int bad = 0;

#include "base_prepare_loop.h"
	page_cpupid_reset_last(page);
	page->flags &= ~PAGE_FLAGS_CHECK_AT_PREP;
	page->private = 0;
	return bad;
}

void base_init(struct page *page, unsigned long nr)
{
	unsigned long pfn;

	for (pfn = 0; pfn < nr; pfn += MAX_ORDER_NR_PAGES) {
		init_pages(page + pfn, pfn, pfn + MAX_ORDER_NR_PAGES, ZONE, NODE);
		free_pages_core(page + pfn, MAX_PAGE_ORDER);
		prepare_pages(page + pfn, MAX_PAGE_ORDER);
	}
}

/* The final state, but for the list head, which points at itself */
void make_pattern(struct page *pattern)
{
	__init_single_page(pattern, 0, ZONE, NODE);
	set_page_count(pattern, 0);
}
