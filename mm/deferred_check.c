// SPDX-License-Identifier: GPL-2.0
/*
 * deferred_check.c - check what initialized many struct pages at once
 *
 * Each struct page is compared with what __init_single_page() makes of it, just
 * before it is handed to the buddy allocator, or to a device.  Later nobody
 * knows what it has to be.  When deferred init is done, the zones are compared
 * with memblock, and the free lists with their own counters.  At last each zone
 * is asked whether it is contiguous, and again when memory has come or gone.
 */

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/memblock.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/vmstat.h>

#include "deferred_check.h"
#include "internal.h"

/* If one struct page is wrong, many are: report only the first. */
#define MAX_REPORTED	4

#define MAX_TRIES	10

static atomic_long_t nr_checked;
static atomic_t nr_wrong;

/* How many struct pages to spoil, to show that the check finds them. */
static atomic_t nr_to_spoil;
static atomic_t nr_to_spoil_later __initdata;

static int __init deferred_check_setup(char *str)
{
	if (str && !strcmp(str, "spoil"))
		atomic_set(&nr_to_spoil, 1);
	else if (str && !strcmp(str, "spoil-later"))
		atomic_set(&nr_to_spoil_later, 1);
	else
		pr_warn("deferred_init_check takes 'spoil' or 'spoil-later'\n");
	return 0;
}
early_param("deferred_init_check", deferred_check_setup);

static void __init found_wrong(void)
{
	WARN(1, "deferred struct page init went wrong\n");
	atomic_inc(&nr_wrong);
}

static void report_page(unsigned long pfn, const struct page *page,
			const struct page *expected)
{
	if (atomic_inc_return(&nr_wrong) > MAX_REPORTED)
		return;

	WARN(1, "struct page init went wrong at pfn %#lx\n", pfn);
	print_hex_dump(KERN_WARNING, "is        ", DUMP_PREFIX_OFFSET, 32, 8,
		       page, sizeof(*page), false);
	print_hex_dump(KERN_WARNING, "should be ", DUMP_PREFIX_OFFSET, 32, 8,
		       expected, sizeof(*expected), false);
}

/**
 * memmap_check_page - check a struct page
 * @page: The struct page.
 * @pfn: Its pfn.
 * @expected: What it should be.
 *
 * It is initialized, and nobody else knows of it yet.
 */
void memmap_check_page(struct page *page, unsigned long pfn,
		       const struct page *expected)
{
	bool spoil = atomic_read(&nr_to_spoil) && atomic_xchg(&nr_to_spoil, 0);

	atomic_long_inc(&nr_checked);
	page->private ^= spoil;
	if (memcmp(page, expected, sizeof(*expected)))
		report_page(pfn, page, expected);
	page->private ^= spoil;
}

static void report_checked(const char *before, const char *after)
{
	long checked = atomic_long_read(&nr_checked);
	int nr = atomic_read(&nr_wrong);

	if (nr)
		pr_warn("%s%ld%s, %d differences\n", before, checked, after, nr);
	else
		pr_info("%s%ld%s, no difference\n", before, checked, after);
}

/**
 * memmap_check_report - report how many were checked since deferred init
 */
void memmap_check_report(void)
{
	report_checked("struct pages checked: ", "");
}

/**
 * deferred_check_pages - check struct pages
 * @zone: Their zone.
 * @pfn: The first.
 * @end_pfn: One past the last.
 * @reserved: True if the pages are reserved, false if they are free.
 */
void __init deferred_check_pages(struct zone *zone, unsigned long pfn,
				 unsigned long end_pfn, bool reserved)
{
	int nid = zone_to_nid(zone);
	int zid = zone_idx(zone);

	for (; pfn < end_pfn; pfn++) {
		struct page *page = pfn_to_page(pfn);
		struct page expected;

		__init_single_page(&expected, pfn, zid, nid);
		if (reserved)
			__SetPageReserved(&expected);
		else
			set_page_count(&expected, 0);
		expected.lru.next = &page->lru;
		expected.lru.prev = &page->lru;
		memmap_check_page(page, pfn, &expected);
	}
}

static unsigned long __init count_free_in_memblock(struct zone *zone,
						   unsigned long first_pfn)
{
	unsigned long spfn, epfn, nr_pages = 0;
	u64 i = 0;

	for (;;) {
		__next_mem_pfn_range_in_zone(&i, zone, &spfn, &epfn);
		if (spfn >= epfn)
			return nr_pages;
		spfn = max(spfn, first_pfn);
		if (spfn < epfn)
			nr_pages += epfn - spfn;
	}
}

static bool __init is_good_block(struct zone *zone, struct page *page,
				 unsigned int order)
{
	return PageBuddy(page) && buddy_order(page) == order &&
	       page_zone(page) == zone && !page_ref_count(page) &&
	       IS_ALIGNED(page_to_pfn(page), 1UL << order);
}

/* Returns how many pages are on the free lists of a zone. */
static unsigned long __init check_free_lists(struct zone *zone)
{
	unsigned long nr_pages = 0;
	unsigned int order, type;

	for (order = 0; order < NR_PAGE_ORDERS; order++) {
		struct free_area *area = &zone->free_area[order];
		unsigned long nr_blocks = 0;

		for (type = 0; type < MIGRATE_TYPES; type++) {
			struct page *page;

			list_for_each_entry(page, &area->free_list[type],
					    buddy_list) {
				if (!is_good_block(zone, page, order)) {
					pr_warn("pfn %#lx is no free block of order %u\n",
						page_to_pfn(page), order);
					found_wrong();
				}
				nr_blocks++;
			}
		}
		if (nr_blocks != area->nr_free) {
			pr_warn("%lu free blocks of order %u, %lu counted\n",
				nr_blocks, order, area->nr_free);
			found_wrong();
		}
		nr_pages += nr_blocks << order;
	}
	return nr_pages;
}

static unsigned long __init nr_free_pages_of(struct zone *zone)
{
	unsigned long nr_pages = zone_page_state_snapshot(zone, NR_FREE_PAGES);

#ifdef CONFIG_UNACCEPTED_MEMORY
	/* Free, but on a list of their own. */
	nr_pages -= zone_page_state_snapshot(zone, NR_UNACCEPTED);
#endif
	return nr_pages;
}

/**
 * deferred_check_zone - check the totals of a zone
 * @zone: The zone, which is complete.
 * @first_pfn: Where the job began; ULONG_MAX if there was nothing to do.
 * @nr_pages: How many pages it initialized and freed.
 */
void __init deferred_check_zone(struct zone *zone, unsigned long first_pfn,
				unsigned long nr_pages)
{
	unsigned long in_memblock = count_free_in_memblock(zone, 0);
	unsigned long deferred = count_free_in_memblock(zone, first_pfn);
	unsigned long in_lists, counted, flags;
	unsigned int tries = 0;

	if (nr_pages != deferred) {
		pr_warn("node %d zone %s: %lu pages initialized, %lu in memblock\n",
			zone_to_nid(zone), zone->name, nr_pages, deferred);
		found_wrong();
	}

	/* More are fine: firmware may have freed pages reserved in memblock. */
	if (zone_managed_pages(zone) < in_memblock) {
		pr_warn("node %d zone %s: %lu pages managed, %lu in memblock\n",
			zone_to_nid(zone), zone->name, zone_managed_pages(zone),
			in_memblock);
		found_wrong();
	}

	/* A CPU may have counts that it has not added to the zone's yet. */
	do {
		spin_lock_irqsave(&zone->lock, flags);
		in_lists = check_free_lists(zone);
		counted = nr_free_pages_of(zone);
		spin_unlock_irqrestore(&zone->lock, flags);
	} while (in_lists != counted && ++tries < MAX_TRIES);

	if (in_lists != counted) {
		pr_warn("node %d zone %s: %lu pages on the free lists, %lu counted\n",
			zone_to_nid(zone), zone->name, in_lists, counted);
		found_wrong();
	}
}

/**
 * deferred_check_report - report the result of the check
 */
void __init deferred_check_report(void)
{
	report_checked("deferred pages checked: ", " struct pages");

	atomic_long_set(&nr_checked, 0);
	atomic_set(&nr_wrong, 0);
	atomic_set(&nr_to_spoil, atomic_read(&nr_to_spoil_later));
}

/**
 * deferred_check_contiguous - check whether a zone is as contiguous as it says
 * @zone: The zone.
 *
 * Compares what memblock or hotplug say with what each pageblock says.
 */
void deferred_check_contiguous(struct zone *zone)
{
	WARN(zone->contiguous != zone_is_contiguous(zone),
	     "node %d zone %s is said to be%s contiguous\n",
	     zone_to_nid(zone), zone->name, zone->contiguous ? "" : " not");
}
