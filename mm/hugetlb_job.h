/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hugetlb_job.h - multithreaded jobs over lists of huge pages
 *
 * Positions of such a job are folios.  The last one is the head of the list.
 */
#ifndef _MM_HUGETLB_JOB_H
#define _MM_HUGETLB_JOB_H

#include <linux/cpumask.h>
#include <linux/hugetlb.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/sizes.h>

/* The folios of a chunk.  Only its thread may write to what links them. */
#define for_each_folio_of_chunk(folio, next, start, end)		\
	for (folio = (struct folio *)(start);				\
	     folio != (struct folio *)(end) &&				\
	     ((next = list_next_entry(folio, lru)), 1);			\
	     folio = next)

static inline unsigned long hugetlb_next_folio(unsigned long pos,
					       unsigned long nr_folios, void *arg)
{
	struct folio *folio = (struct folio *)pos;

	while (nr_folios--)
		folio = list_next_entry(folio, lru);
	return (unsigned long)folio;
}

static inline unsigned long hugetlb_first_folio(const struct list_head *list)
{
	return (unsigned long)list_first_entry(list, struct folio, lru);
}

/*
 * Two threads a node, as at boot in 6.12.  On large machines a quarter of the
 * CPUs, as at boot in later kernels.
 */
static inline int hugetlb_max_threads(void)
{
	return max(2U * num_node_state(N_MEMORY), num_online_cpus() / 4);
}

/*
 * How many huge pages there are in @bytes.  Chunks of lists can be 16 times as
 * large, and are walked under a spinlock, so there should not be too many.
 */
static inline unsigned long hugetlb_min_chunk(const struct hstate *h,
					      unsigned long bytes)
{
	return clamp(bytes / PAGE_SIZE / pages_per_huge_page(h), 1UL, 256UL);
}

/*
 * What all jobs over a list have in common: chunks of @bytes at least, whose pages
 * are of the size of @h.
 */
#define HUGETLB_JOB_OVER(list, h, bytes)				\
	.next_fn	= hugetlb_next_folio,				\
	.start		= hugetlb_first_folio(list),			\
	.size		= list_count_nodes(list),			\
	.align		= 1,						\
	.min_chunk	= hugetlb_min_chunk(h, bytes),			\
	.max_threads	= hugetlb_max_threads()

#endif /* _MM_HUGETLB_JOB_H */
