// SPDX-License-Identifier: GPL-2.0
/*
 * padata_stats.c - counts of multithreaded jobs since boot, in debugfs
 *
 * Each CPU counts for itself, so that jobs do not get in each other's way.
 */

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/seq_file.h>

#include "padata_run.h"

static const char * const padata_stat_names[PADATA_NR_STATS] = {
	[PADATA_JOBS]			= "jobs",
	[PADATA_JOBS_ALONE]		= "jobs_alone",
	[PADATA_JOBS_FAILED]		= "jobs_failed",
	[PADATA_HELPERS_WANTED]		= "helpers_wanted",
	[PADATA_HELPERS_GOT]		= "helpers_got",
	[PADATA_HELPERS_CANCELLED]	= "helpers_cancelled",
	[PADATA_CHUNKS]			= "chunks",
	[PADATA_CPU_NS]			= "cpu_ns",
	[PADATA_WAIT_NS]		= "wait_ns",
};

DEFINE_PER_CPU(struct padata_stats, padata_stats);

/**
 * padata_stat_read - read a count
 * @stat: Which one.
 *
 * Context: Any.  Jobs that are under way may be counted in part.
 * Return: The count since boot, of all CPUs.
 */
u64 padata_stat_read(enum padata_stat stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(padata_stats, cpu).counts[stat]);
	return sum;
}

static int padata_stats_show(struct seq_file *file, void *unused)
{
	unsigned int stat;

	for (stat = 0; stat < PADATA_NR_STATS; stat++)
		seq_printf(file, "%s %llu\n", padata_stat_names[stat],
			   padata_stat_read(stat));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(padata_stats);

static int __init padata_stats_init(void)
{
	struct dentry *dir = debugfs_create_dir("padata", NULL);

	debugfs_create_file("stats", 0444, dir, NULL, &padata_stats_fops);
	return 0;
}
late_initcall(padata_stats_init);
