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

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/padata.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/sort.h>

/* The base would make no more than this for each thread, so nobody does. */
#define CHUNKS_EACH	4
#define UNITS_EACH	(CHUNKS_EACH * 1024)

/*
 * Of the threads of a job for each other, so that they compete for chunks.  On
 * a host with fewer CPUs they may not all be there by then.
 */
#define LONGEST_WAIT	(5 * NSEC_PER_MSEC)

#define WARM_UP		8
#define MAX_JOBS	10000
#define MAX_GAPS	4096

/* On the way of one thread from one chunk to its next. */
struct gaps {
	struct task_struct	*task;
	unsigned int		job;
	u64			ended;
	unsigned int		nr;
	u64			ns[MAX_GAPS];
};

static unsigned int jobs;
module_param(jobs, uint, 0);

static struct gaps *gaps_of[NR_CPUS];
static unsigned int this_job;
static unsigned int nr_threads;
static atomic_t arrived;
static atomic_t nr_chunks;

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

static void wait_for_others(void)
{
	u64 until = ktime_get_ns() + LONGEST_WAIT;

	atomic_inc(&arrived);
	while (atomic_read(&arrived) < nr_threads && ktime_get_ns() < until) {
		cpu_relax();
		cond_resched();
	}
}

static thread_fn_t note_gap(unsigned long start, unsigned long end, void *arg)
{
	u64 begun = local_clock();
	struct gaps *gaps = gaps_of[get_cpu()];
	bool first = gaps->task != current || gaps->job != this_job;

	if (!first && gaps->nr < MAX_GAPS)
		gaps->ns[gaps->nr++] = begun - gaps->ended;
	put_cpu();

	atomic_inc(&nr_chunks);
	if (first)
		wait_for_others();

	gaps = gaps_of[get_cpu()];
	gaps->task = current;
	gaps->job = this_job;
	gaps->ended = local_clock();
	put_cpu();
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

/* The mean of the middle half: finer than a clock that steps by 10 ns. */
static u64 __init typical(u64 *values, unsigned int nr)
{
	unsigned int first = nr / 4, last = nr - nr / 4, i;
	u64 sum = 0;

	sort(values, nr, sizeof(*values), compare, NULL);
	for (i = first; i < last; i++)
		sum += values[i];
	return div_u64(sum, last - first);
}

static u64 __init run_job(thread_fn_t (*fn)(unsigned long, unsigned long, void *),
			  unsigned long min_chunk)
{
	struct padata_mt_job job = {
		.thread_fn	= fn,
		.size		= UNITS_EACH * nr_threads,
		.align		= 1,
		.min_chunk	= min_chunk,
		.max_threads	= nr_threads,
	};
	u64 begun;

	this_job++;
	atomic_set(&arrived, 0);
	begun = ktime_get_ns();
	padata_do_multithreaded(&job);
	return ktime_get_ns() - begun;
}

static u64 __init cost_of_clock(u64 *scratch, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		u64 begun = local_clock();

		scratch[i] = local_clock() - begun;
	}
	return typical(scratch, nr);
}

static void __init time_jobs(u64 *times)
{
	unsigned int i;

	for (i = 0; i < WARM_UP; i++)
		run_job(nothing, UNITS_EACH / CHUNKS_EACH);
	for (i = 0; i < jobs; i++)
		times[i] = run_job(nothing, UNITS_EACH / CHUNKS_EACH);
	pr_info("threads %u job %llu ns\n", nr_threads, median(times, jobs));
}

static void __init time_chunks(u64 *times, u64 *gaps)
{
	u64 clock = cost_of_clock(times, jobs);
	unsigned int i, nr = 0, cpu;
	u64 gap;

	for (i = 0; i < jobs; i++)
		run_job(note_gap, 1);
	for_each_possible_cpu(cpu) {
		memcpy(gaps + nr, gaps_of[cpu]->ns,
		       gaps_of[cpu]->nr * sizeof(*gaps));
		nr += gaps_of[cpu]->nr;
	}
	if (!nr) {
		pr_info("threads %u chunk none\n", nr_threads);
		return;
	}
	gap = typical(gaps, nr);
	pr_info("threads %u chunk %llu ns of %u, %u chunks a job\n", nr_threads,
		gap > clock ? gap - clock : 0, nr,
		atomic_read(&nr_chunks) / jobs);
}

static int __init padata_boot_bench(void)
{
	bool all_there = true;
	u64 *times, *gaps;
	unsigned int cpu;

	if (!jobs)
		return 0;
	if (jobs > MAX_JOBS) {
		pr_err("jobs= takes 1 to %u\n", MAX_JOBS);
		return -EINVAL;
	}

	nr_threads = num_online_cpus();
	times = kvcalloc(jobs, sizeof(*times), GFP_KERNEL);
	gaps = kvcalloc(num_possible_cpus(), sizeof(gaps_of[0]->ns), GFP_KERNEL);
	for_each_possible_cpu(cpu) {
		gaps_of[cpu] = kvzalloc(sizeof(*gaps_of[cpu]), GFP_KERNEL);
		all_there = all_there && gaps_of[cpu];
	}
	if (times && gaps && all_there) {
		time_jobs(times);
		time_chunks(times, gaps);
	} else {
		pr_err("no memory\n");
	}
	for_each_possible_cpu(cpu)
		kvfree(gaps_of[cpu]);
	kvfree(gaps);
	kvfree(times);
	return 0;
}
late_initcall(padata_boot_bench);
