// SPDX-License-Identifier: GPL-2.0
/*
 * What a multithreaded job costs without its work, once during boot.
 *
 * scripts/build adds this file to the tree of the kernels "...-bench". It is
 * one source for trees with the engine of the base, which is gone after boot,
 * and for those with the series' own, so that both are timed by the same loops.
 * It does nothing unless the command line has padata_boot_bench.jobs=NUMBER.
 */

#define pr_fmt(fmt) "padata_boot_bench: " fmt

#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/padata.h>
#include <linux/slab.h>
#include <linux/sort.h>

/* The base would make no more than this for each thread, so nobody does. */
#define CHUNKS_EACH	4
#define UNITS_EACH	(CHUNKS_EACH * 1024)

#define WARM_UP		8
#define MAX_JOBS	10000

static unsigned int jobs;
module_param(jobs, uint, 0);

static unsigned int nr_threads;

#ifdef DEFINE_PADATA_MT_JOB	/* the series */
#define thread_fn_t	int
#define DONE		0
#else				/* the base */
#define thread_fn_t	void
#define DONE
#endif

static thread_fn_t nothing(unsigned long start, unsigned long end, void *arg)
{
	return DONE;
}

static int __init compare(const void *a, const void *b)
{
	u64 one = *(const u64 *)a, other = *(const u64 *)b;

	return one < other ? -1 : one > other;
}

static u64 __init median(u64 *values, unsigned int nr)
{
	sort(values, nr, sizeof(*values), compare, NULL);
	return values[nr / 2];
}

static u64 __init run_job(void)
{
	struct padata_mt_job job = {
		.thread_fn	= nothing,
		.size		= UNITS_EACH * nr_threads,
		.align		= 1,
		.min_chunk	= UNITS_EACH / CHUNKS_EACH,
		.max_threads	= nr_threads,
	};
	u64 begun = ktime_get_ns();

	padata_do_multithreaded(&job);
	return ktime_get_ns() - begun;
}

static int __init padata_boot_bench(void)
{
	unsigned int i;
	u64 *times;

	if (!jobs)
		return 0;
	if (jobs > MAX_JOBS) {
		pr_err("jobs= takes 1 to %u\n", MAX_JOBS);
		return -EINVAL;
	}
	times = kvcalloc(jobs, sizeof(*times), GFP_KERNEL);
	if (!times)
		return -ENOMEM;

	nr_threads = num_online_cpus();
	for (i = 0; i < WARM_UP; i++)
		run_job();
	for (i = 0; i < jobs; i++)
		times[i] = run_job();
	pr_info("threads %u job %llu ns\n", nr_threads, median(times, jobs));
	kvfree(times);
	return 0;
}
late_initcall(padata_boot_bench);
