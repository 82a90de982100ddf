// SPDX-License-Identifier: GPL-2.0
/*
 * deferred_init.c - initialize the struct pages that early boot left out
 *
 * Early boot initializes only as many struct pages of each node as it needs
 * itself.  The rest is done here, as soon as there are threads to do it.  It is
 * one job for all nodes, so threads that are done with one node can help with
 * the next.
 */

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/memblock.h>
#include <linux/memory_hotplug.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nmi.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/page-isolation.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/time64.h>
#include <linux/topology.h>

#include "deferred_check.h"
#include "internal.h"
#include "memmap_fill.h"

/**
 * struct deferred_time - a point in time, by two clocks
 * @sched: That of sched_clock().  Two of one CPU tell how long it was.  Those
 *	   of two CPUs may tell anything.
 * @local: That of local_clock(), which is about the same on all CPUs.  But at
 *	   this point of the boot it may go no more than a tick beyond the
 *	   jiffies.  It loses the ticks that come too late, as in a guest
 *	   whose host is busy.
 * @cpu: The CPU that took it.
 */
struct deferred_time {
	u64	sched;
	u64	local;
	int	cpu;
};

/**
 * struct deferred_node - what is left to do on a node
 * @zone: The zone that it is in: only the highest zone of a node is deferred.
 *	  NULL for a node without memory.
 * @first_pfn: The first pfn that is left.
 * @nr_left: How many pfns, short gaps included, are not done yet.
 * @nr_pages: How many pages of it have been initialized.
 * @cpus: The CPUs that have initialized them.
 * @end: When all of it was done.
 */
struct deferred_node {
	struct zone		*zone;
	unsigned long		first_pfn;
	atomic_long_t		nr_left;
	atomic_long_t		nr_pages;
	cpumask_var_t		cpus;
	struct deferred_time	end;
};

/**
 * struct deferred_job - the initialization of all nodes
 * @nodes: What is left on each node, by node number.
 * @ranges: The same as ranges, in the order of pfns.
 * @nr_ranges: How many there are.
 * @start: When it began.
 */
struct deferred_job {
	struct deferred_node	*nodes;
	struct padata_mt_range	*ranges;
	unsigned int		nr_ranges;
	struct deferred_time	start;
};

/* How many pages this CPU has initialized. */
static DEFINE_PER_CPU(unsigned long, deferred_pages_done);

/*
 * Find the next free memory in [start, end), a section or a part of one, and
 * store it as [*spfn, *epfn).  False when there is none left.  *i starts at 0.
 */
static bool __init deferred_next_free(u64 *i, struct zone *zone,
				      unsigned long start, unsigned long end,
				      unsigned long *spfn, unsigned long *epfn)
{
	if (!*i)
		*i = memblock_free_range_index(start);

	do {
		__next_mem_pfn_range_in_zone(i, zone, spfn, epfn);
		if (*spfn >= end)
			return false;
		*spfn = max(*spfn, start);
		*epfn = min(*epfn, end);
	} while (*spfn >= *epfn);

	return true;
}

static void __init deferred_init_page(struct page *page, unsigned long pfn,
				      struct zone *zone, bool reserved)
{
	__init_single_page(page, pfn, zone_idx(zone), zone_to_nid(zone));
	if (reserved)
		__SetPageReserved(page);
	else
		set_page_count(page, 0);
}

/*
 * Write the struct pages of [pfn, end_pfn), a part of a section, as they have
 * to be while the pages are reserved, or free.
 */
static void __init deferred_init_pages(struct zone *zone, unsigned long pfn,
				       unsigned long end_pfn, bool reserved,
				       bool fill)
{
	struct page *page = pfn_to_page(pfn);
	struct page pattern;

	if (fill) {
		/* Flags may hold the number of the section: here it is one. */
		deferred_init_page(&pattern, pfn, zone, reserved);
		memmap_fill(page, page + (end_pfn - pfn), &pattern);
	} else {
		unsigned long i;

		for (i = pfn; i < end_pfn; i++, page++)
			deferred_init_page(page, i, zone, reserved);
	}
	deferred_check_pages(zone, pfn, end_pfn, reserved);
}

static void __init deferred_set_migratetype(unsigned long pfn,
					    unsigned long end_pfn)
{
	for (pfn = pageblock_align(pfn); pfn < end_pfn; pfn += pageblock_nr_pages)
		set_pageblock_migratetype(pfn_to_page(pfn), MIGRATE_MOVABLE);
}

/*
 * Initialize and free the free memory in [start_pfn, end_pfn), a section or a
 * part of one.  When a block is freed, the buddy allocator looks at the struct
 * pages of blocks that it could be merged with.  They are in the same section,
 * as no block is larger than that.  So all is initialized before any is freed.
 *
 * Returns the number of pages.
 */
static unsigned long __init deferred_init_section(struct zone *zone,
						  unsigned long start_pfn,
						  unsigned long end_pfn)
{
	unsigned long spfn, epfn, nr_pages = 0;
	bool plain = memmap_can_fill() && fresh_pages_are_plain() &&
		     !range_contains_unaccepted_memory(PFN_PHYS(start_pfn),
						       PFN_PHYS(end_pfn - start_pfn));
	u64 i;

	i = 0;
	while (deferred_next_free(&i, zone, start_pfn, end_pfn, &spfn, &epfn)) {
		deferred_init_pages(zone, spfn, epfn, false, plain);
		deferred_set_migratetype(spfn, epfn);
		nr_pages += epfn - spfn;
	}

	i = 0;
	while (deferred_next_free(&i, zone, start_pfn, end_pfn, &spfn, &epfn))
		free_deferred_pages(zone, spfn, epfn, plain);

	return nr_pages;
}

static unsigned long __init deferred_section_end(unsigned long pfn,
						 unsigned long end_pfn)
{
	return min(ALIGN(pfn + 1, PAGES_PER_SECTION), end_pfn);
}

static struct deferred_time __init deferred_now(void)
{
	struct deferred_time now;
	unsigned long flags;

	/* As sched_clock() wants it. */
	local_irq_save(flags);
	now.sched = sched_clock();
	now.local = local_clock();
	now.cpu = smp_processor_id();
	local_irq_restore(flags);
	return now;
}

/* In microseconds.  Between two CPUs, ticks that were lost are missing. */
static u64 __init deferred_us(const struct deferred_time *start,
			      const struct deferred_time *end)
{
	s64 ns = start->cpu == end->cpu ? end->sched - start->sched :
					  end->local - start->local;

	return ns > 0 ? div_u64(ns, NSEC_PER_USEC) : 0;
}

static void __init deferred_report_node(const struct deferred_job *job, int nid)
{
	const struct deferred_node *node = &job->nodes[nid];
	u64 us = deferred_us(&job->start, &node->end);

	if (cpumask_empty(node->cpus))
		return;
	pr_info("node %d deferred pages initialised in %llums: %lluus, %lu pages on CPUs %*pbl\n",
		nid, div_u64(us, USEC_PER_MSEC), us,
		atomic_long_read(&node->nr_pages), cpumask_pr_args(node->cpus));
}

static void __init deferred_report(const struct deferred_job *job)
{
	unsigned long nr_pages = 0, fewest = ULONG_MAX, most = 0;
	struct deferred_time end = deferred_now();
	u64 us = deferred_us(&job->start, &end);
	unsigned int cpu, nr_cpus = 0;
	int nid;

	for_each_possible_cpu(cpu) {
		unsigned long done = per_cpu(deferred_pages_done, cpu);

		if (!done)
			continue;
		nr_cpus++;
		nr_pages += done;
		fewest = min(fewest, done);
		most = max(most, done);
	}

	for_each_node_state(nid, N_MEMORY)
		deferred_report_node(job, nid);
	if (nr_cpus)
		pr_info("deferred pages initialised in %llums: %lluus, %lu pages on %u CPUs, %lu..%lu each\n",
			div_u64(us, USEC_PER_MSEC), us, nr_pages, nr_cpus, fewest,
			most);
}

static int __init deferred_node_of(const struct deferred_job *job,
				   unsigned long pfn)
{
	unsigned int i = 0;

	while (pfn - job->ranges[i].start >= job->ranges[i].size)
		i++;
	return job->ranges[i].node;
}

/*
 * Both ends of a chunk are section boundaries, or ends of its range.  So two
 * chunks share no block that the buddy allocator could merge.  While it frees
 * pages of one chunk, it looks at no struct page that another chunk has yet to
 * initialize.  It does so only where two nodes meet inside of a section.  But
 * what it finds there is of another zone, and it merges nothing with that.
 */
static int __init deferred_init_chunk(unsigned long start_pfn,
				      unsigned long end_pfn, void *arg)
{
	struct deferred_job *job = arg;
	int nid = deferred_node_of(job, start_pfn);
	struct deferred_node *node = &job->nodes[nid];
	unsigned long nr_pfns = end_pfn - start_pfn;
	unsigned long nr_pages = 0;

	while (start_pfn < end_pfn) {
		unsigned long next_pfn = deferred_section_end(start_pfn, end_pfn);

		nr_pages += deferred_init_section(node->zone, start_pfn, next_pfn);
		start_pfn = next_pfn;
		cond_resched();
	}

	/* memblock adjusts totalram_pages() manually. */
	atomic_long_add(nr_pages, &node->zone->managed_pages);

	this_cpu_add(deferred_pages_done, nr_pages);
	cpumask_set_cpu(raw_smp_processor_id(), node->cpus);
	atomic_long_add(nr_pages, &node->nr_pages);

	if (!atomic_long_sub_return(nr_pfns, &node->nr_left))
		node->end = deferred_now();
	return 0;
}

/*
 * How many threads may initialise the memory of one node: one for each of its
 * CPUs, unless the architecture knows better.  A node without CPUs has one.
 */
unsigned int __init __weak
deferred_page_init_max_threads(const struct cpumask *node_cpumask)
{
	return max(cpumask_weight(node_cpumask), 1U);
}

/* From the command line; 0 to ask the architecture. */
static unsigned int threads_per_node __initdata;

static int __init deferred_init_threads_setup(char *str)
{
	if (!str || kstrtouint(str, 0, &threads_per_node) || !threads_per_node) {
		threads_per_node = 0;
		pr_warn("deferred_init_threads= takes a number of threads for each node, from 1\n");
	}
	return 0;
}
early_param("deferred_init_threads", deferred_init_threads_setup);

/* The sum of all nodes: CPUs of a node without memory help other nodes. */
static int __init deferred_max_threads(void)
{
	unsigned int wanted = min(threads_per_node, num_online_cpus());
	int nid, nr_threads = 0;

	for_each_online_node(nid)
		nr_threads += wanted ? :
			      deferred_page_init_max_threads(cpumask_of_node(nid));
	return nr_threads;
}

static void __init __noreturn deferred_no_memory(void)
{
	panic("No memory to initialize the deferred struct pages with\n");
}

/*
 * Take over what is left of a node.  From here on its zone cannot grow any
 * more.  Until pages are freed, all allocations have to fit into what there is.
 */
static void __init deferred_take_node(pg_data_t *pgdat,
				      struct deferred_node *node)
{
	unsigned long flags;

	if (!zalloc_cpumask_var(&node->cpus, GFP_KERNEL))
		deferred_no_memory();

	pgdat_resize_lock(pgdat, &flags);
	node->zone = pgdat->node_zones + pgdat->nr_zones - 1;
	node->first_pfn = pgdat->first_deferred_pfn;
	pgdat->first_deferred_pfn = ULONG_MAX;
	pgdat_resize_unlock(pgdat, &flags);

	/* Check that the zones above, which are not deferred, are empty. */
	for (int zid = pgdat->nr_zones; zid < MAX_NR_ZONES; zid++)
		WARN_ON(populated_zone(&pgdat->node_zones[zid]));
}

/*
 * A chunk is a share of what is left of a range, so a range must not be mostly
 * gap.  A gap in the free memory of this many pfns begins a new range.  There is
 * a whole section in it.
 */
#define DEFERRED_GAP	max(PFN_DOWN(SZ_1G), 2UL * PAGES_PER_SECTION)

/* Fill in the ranges: the free memory that is left, in as few as possible. */
static void __init deferred_find_ranges(struct deferred_job *job)
{
	struct padata_mt_range *range = job->ranges - 1;
	int nid, last_nid = NUMA_NO_NODE;
	phys_addr_t start, end;
	u64 i;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, &nid) {
		struct deferred_node *node = &job->nodes[nid];
		unsigned long spfn = PFN_UP(start), epfn = PFN_DOWN(end);

		if (!node->zone)
			continue;
		spfn = max(spfn, node->first_pfn);
		epfn = min(epfn, zone_end_pfn(node->zone));
		if (spfn >= epfn)
			continue;

		if (nid != last_nid ||
		    spfn - (range->start + range->size) >= DEFERRED_GAP) {
			range++;
			range->start = spfn;
			range->node = nid;
			last_nid = nid;
		}
		atomic_long_add(epfn - (range->start + range->size),
				&node->nr_left);
		range->size = epfn - range->start;
	}
	job->nr_ranges = range + 1 - job->ranges;
}

static void __init deferred_run(struct deferred_job *job)
{
	DEFINE_PADATA_MT_JOB(padata_job,
			     .thread_fn = deferred_init_chunk,
			     .fn_arg = job,
			     .align = PAGES_PER_SECTION,
			     .min_chunk = PAGES_PER_SECTION,
			     .max_threads = deferred_max_threads(),
			     .ranges = job->ranges,
			     .nr_ranges = job->nr_ranges);

	/* Chunks do not fail, so this could only be a mistake in the above. */
	WARN_ON(padata_do_multithreaded(&padata_job));
}

static void __init deferred_check(const struct deferred_job *job)
{
	struct zone *zone;

	if (!IS_ENABLED(CONFIG_DEFERRED_STRUCT_PAGE_INIT_CHECK))
		return;

	for_each_populated_zone(zone) {
		const struct deferred_node *node = &job->nodes[zone_to_nid(zone)];

		if (zone == node->zone)
			deferred_check_zone(zone, node->first_pfn,
					    atomic_long_read(&node->nr_pages));
		else
			deferred_check_zone(zone, ULONG_MAX, 0);
	}
	deferred_check_report();
}

/* Initialize and free all struct pages that are left. */
void __init deferred_init(void)
{
	struct deferred_job job = {
		.nodes = kcalloc(nr_node_ids, sizeof(*job.nodes), GFP_KERNEL),
		/* No more than there can be pieces of free memory. */
		.ranges = kcalloc(memblock.memory.cnt + memblock.reserved.cnt,
				  sizeof(*job.ranges), GFP_KERNEL),
		.start = deferred_now(),
	};
	int nid;

	if (!job.nodes || !job.ranges)
		deferred_no_memory();

	for_each_node_state(nid, N_MEMORY)
		deferred_take_node(NODE_DATA(nid), &job.nodes[nid]);
	deferred_find_ranges(&job);
	deferred_run(&job);
	deferred_report(&job);
	deferred_check(&job);

	for_each_node_state(nid, N_MEMORY)
		free_cpumask_var(job.nodes[nid].cpus);
	kfree(job.ranges);
	kfree(job.nodes);
}

static struct zone *__init deferred_zone_of(unsigned long pfn, int nid)
{
	struct zone *zone = NODE_DATA(nid)->node_zones;
	int zid;

	for (zid = 0; zid < MAX_NR_ZONES; zid++, zone++) {
		if (zone_spans_pfn(zone, pfn))
			return zone;
	}
	return NULL;
}

/**
 * reserve_deferred_pages - initialize struct pages as those of reserved pages
 * @pfn: The first, not before the first deferred one of the node.
 * @end_pfn: One past the last.
 * @nid: Their node.
 *
 * Must be fast: a 64th of memory is reserved for the struct pages themselves.
 *
 * Context: Early boot, before there are threads.
 */
void __init reserve_deferred_pages(unsigned long pfn, unsigned long end_pfn,
				   int nid)
{
	unsigned long next_pfn;

	for (; pfn < end_pfn; pfn = next_pfn) {
		struct zone *zone;

		next_pfn = deferred_section_end(pfn, end_pfn);
		if (!pfn_valid(pfn))
			continue;

		zone = deferred_zone_of(pfn, nid);
		if (!zone) {
			/* In a hole: memmap_init() has initialized it. */
			next_pfn = pfn + 1;
			continue;
		}
		next_pfn = min(next_pfn, zone_end_pfn(zone));
		deferred_init_pages(zone, pfn, next_pfn, true,
				    memmap_can_fill());
	}
}

/*
 * If this zone has deferred pages, initialize whole sections of them until
 * there are enough for an allocation of that order.
 *
 * Return true when there are more free pages than before, even if fewer than
 * were asked for.  The caller decides whether they are enough.
 */
bool __init deferred_grow_zone(struct zone *zone, unsigned int order)
{
	pg_data_t *pgdat = zone->zone_pgdat;
	unsigned long first_deferred_pfn = pgdat->first_deferred_pfn;
	unsigned long end_pfn = zone_end_pfn(zone);
	unsigned long pfn, nr_pages = 0, flags;

	/* Only the last zone may have deferred pages */
	if (end_pfn != pgdat_end_pfn(pgdat))
		return false;

	pgdat_resize_lock(pgdat, &flags);

	/*
	 * Somebody may have grown the zone while this waited for the lock; then
	 * there may be enough pages.
	 */
	pfn = pgdat->first_deferred_pfn;
	if (pfn != first_deferred_pfn) {
		pgdat_resize_unlock(pgdat, &flags);
		return true;
	}

	while (pfn < end_pfn && nr_pages < 1UL << order) {
		unsigned long next_pfn = deferred_section_end(pfn, end_pfn);

		nr_pages += deferred_init_section(zone, pfn, next_pfn);
		pfn = next_pfn;
		touch_nmi_watchdog();
	}

	atomic_long_add(nr_pages, &zone->managed_pages);
	pgdat->first_deferred_pfn = pfn < end_pfn ? pfn : ULONG_MAX;
	pgdat_resize_unlock(pgdat, &flags);

	return nr_pages;
}
