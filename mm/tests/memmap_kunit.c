// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the struct pages of device memory: after memremap_pages() each
 * is what users of such memory rely on.
 */

#include <kunit/test.h>
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page_ref.h>
#include <linux/pfn.h>
#include <linux/poison.h>
#include <linux/sizes.h>
#include <linux/topology.h>

/**
 * struct device_range - device memory to try
 * @name: What is special about it.
 * @type: What kind it is of.
 * @offset: Where in a section it begins, in bytes.
 * @size: Its size in bytes.
 * @order: Of its compound pages; 0 if there are none.
 */
struct device_range {
	const char		*name;
	enum memory_type	type;
	unsigned long		offset;
	unsigned long		size;
	unsigned int		order;
};

/* No such memory exists, and nobody touches it: only its struct pages do. */
static const struct device_range device_ranges[] = {
	{ "sections", MEMORY_DEVICE_GENERIC, 0, 5 * SZ_128M },
	{ "cut sections", MEMORY_DEVICE_GENERIC, SZ_128M - SZ_2M, 2 * SZ_128M + SZ_4M },
	{ "less than a section", MEMORY_DEVICE_GENERIC, SZ_4M, SZ_2M },
	{ "allocated later", MEMORY_DEVICE_COHERENT, SZ_2M, 2 * SZ_128M },
	{ "of 2 pages", MEMORY_DEVICE_GENERIC, SZ_2M, 2 * SZ_128M, 1 },
	{ "of 4 pages", MEMORY_DEVICE_GENERIC, 0, SZ_128M, 2 },
	{ "of 2 MiB", MEMORY_DEVICE_GENERIC, SZ_2M, 4 * SZ_128M, 9 },
	{ "of 1 GiB", MEMORY_DEVICE_GENERIC, 0, SZ_2G, 18 },
	{ "of 64 MiB, from within a section", MEMORY_DEVICE_GENERIC, SZ_2M, 3 * SZ_64M, 14 },
	{ "of 1 GiB, from within a section", MEMORY_DEVICE_GENERIC, SZ_4M, SZ_2G, 18 },
};

KUNIT_ARRAY_PARAM_DESC(device_range, device_ranges, name);

static void page_free(struct page *page)
{
}

static const struct dev_pagemap_ops device_ops = { .page_free = page_free };

struct memmap_test {
	struct dev_pagemap	pgmap;
	struct resource		*region;
	int			nid;
	unsigned int		count;
};

/* A page of its own, or the head of a compound page. */
static bool is_first_wrong(const struct memmap_test *test, struct page *page)
{
	unsigned int order = test->pgmap.vmemmap_shift;
	struct folio *folio = page_folio(page);

	if (!PageReserved(page) || page->pgmap != &test->pgmap ||
	    page->zone_device_data || page->mapping || page_private(page) ||
	    atomic_read(&page->_mapcount) != -1 ||
	    page_ref_count(page) != test->count)
		return true;
	if (!order)
		return PageCompound(page);
	return !PageHead(page) || folio_order(folio) != order ||
	       folio_nr_pages(folio) != 1UL << order ||
	       atomic_read(&folio->_large_mapcount) != -1 ||
	       atomic_read(&folio->_entire_mapcount) != -1 ||
	       atomic_read(&folio->_nr_pages_mapped) ||
	       atomic_read(&folio->_pincount) ||
	       (order > 1 && !list_empty(&folio->_deferred_list));
}

static bool is_tail_wrong(struct page *head, unsigned int nr)
{
	struct page *page = head + nr;

	/* Where the first ones have these, they have data of the compound page. */
	if (nr > 2 && (page->mapping != TAIL_MAPPING || page_private(page) ||
		       atomic_read(&page->_mapcount) != -1))
		return true;
	return compound_head(page) != head || page_ref_count(page);
}

/* @nr counts the pages of the device. */
static bool is_page_wrong(struct memmap_test *test, unsigned long nr)
{
	struct page *page = pfn_to_page(PHYS_PFN(test->pgmap.range.start) + nr);
	unsigned int nr_tail = nr % pgmap_vmemmap_nr(&test->pgmap);

	if (!is_zone_device_page(page) || page_to_nid(page) != test->nid)
		return true;
	if (pageblock_aligned(page_to_pfn(page)) &&
	    get_pageblock_migratetype(page) != MIGRATE_MOVABLE)
		return true;
	return nr_tail ? is_tail_wrong(page - nr_tail, nr_tail) :
			 is_first_wrong(test, page);
}

static int add_device(struct kunit *kunit)
{
	const struct device_range *range = kunit->param_value;
	struct memmap_test *test = kunit_kzalloc(kunit, sizeof(*test), GFP_KERNEL);
	unsigned long size_each = PAGE_SIZE << range->order;
	void *memory;

	KUNIT_ASSERT_NOT_NULL(kunit, test);
	kunit->priv = test;

	test->region = request_free_mem_region(&iomem_resource,
					       size_each + range->offset + range->size,
					       "memmap_kunit");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(kunit, test->region);

	test->nid = numa_mem_id();
	/* Who allocates a page of such memory counts it. */
	test->count = range->type != MEMORY_DEVICE_COHERENT;
	test->pgmap.type = range->type;
	test->pgmap.owner = test;
	test->pgmap.ops = &device_ops;
	test->pgmap.vmemmap_shift = range->order;
	test->pgmap.nr_range = 1;
	test->pgmap.range.start = ALIGN(test->region->start, size_each) +
				  range->offset;
	test->pgmap.range.end = test->pgmap.range.start + range->size - 1;

	memory = memremap_pages(&test->pgmap, test->nid);
	if (IS_ERR(memory))
		test->pgmap.nr_range = 0;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(kunit, memory);
	return 0;
}

static void remove_device(struct kunit *kunit)
{
	struct memmap_test *test = kunit->priv;

	if (!test || IS_ERR_OR_NULL(test->region))
		return;
	if (test->pgmap.nr_range)
		memunmap_pages(&test->pgmap);
	release_mem_region(test->region->start, resource_size(test->region));
}

static void device_pages(struct kunit *kunit)
{
	const struct device_range *range = kunit->param_value;
	unsigned long nr, nr_wrong = 0, first_wrong = 0;

	for (nr = 0; nr < PFN_DOWN(range->size); nr++) {
		if (is_page_wrong(kunit->priv, nr) && !nr_wrong++)
			first_wrong = nr;
	}
	KUNIT_EXPECT_EQ_MSG(kunit, nr_wrong, 0, "the first one is page %lu",
			    first_wrong);
}

static struct kunit_case memmap_cases[] = {
	KUNIT_CASE_PARAM(device_pages, device_range_gen_params),
	{}
};

static struct kunit_suite memmap_suite = {
	.name		= "memmap",
	.init		= add_device,
	.exit		= remove_device,
	.test_cases	= memmap_cases,
};

kunit_test_suite(memmap_suite);

MODULE_DESCRIPTION("KUnit tests of the struct pages of device memory");
MODULE_LICENSE("GPL");
