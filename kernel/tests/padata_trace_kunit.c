// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what multithreaded jobs report.
 *
 * Other jobs may be traced at the same time, so only what belongs to the job of
 * the test is counted.
 */

#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/padata.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/cputime.h>
#include <trace/events/padata.h>

#include "../padata_run.h"
#include "../workqueue_internal.h"
#include "padata_kunit.h"

#define NR_UNITS	1000

struct traced {
	const struct padata_mt_job *job;
	unsigned long	fail_unit;
	atomic_t	nr_calls;
	atomic_long_t	units_done;
	long		units_undone;

	/* What the tracepoints say. */
	unsigned long	size;
	unsigned int	nr_helpers;
	unsigned int	nr_begins;
	unsigned int	nr_ends;
	int		end_err;
	atomic_t	nr_chunks;
	atomic_long_t	units_traced;
	atomic_t	nr_errors;
	atomic_t	error;
	long		undo_traced;
};

static int do_units(unsigned long start, unsigned long end, void *arg)
{
	struct traced *traced = arg;

	atomic_inc(&traced->nr_calls);
	if (traced->fail_unit >= start && traced->fail_unit < end)
		return -EDOM;
	atomic_long_add(end - start, &traced->units_done);
	return 0;
}

static void undo_units(unsigned long start, unsigned long end, void *arg)
{
	struct traced *traced = arg;

	traced->units_undone += end - start;
}

static void probe_begin(void *data, const struct padata_mt_job *job,
			unsigned long size, unsigned int nr_helpers)
{
	struct traced *traced = data;

	if (job != traced->job)
		return;
	traced->nr_begins++;
	traced->size = size;
	traced->nr_helpers = nr_helpers;
}

static void probe_end(void *data, const struct padata_mt_job *job, int err)
{
	struct traced *traced = data;

	if (job != traced->job)
		return;
	traced->nr_ends++;
	traced->end_err = err;
}

static void probe_chunk(void *data, const struct padata_mt_job *job,
			unsigned long start, unsigned long end, int err)
{
	struct traced *traced = data;

	if (job != traced->job)
		return;
	atomic_inc(&traced->nr_chunks);
	if (!err)
		atomic_long_add(end - start, &traced->units_traced);
}

static void probe_error(void *data, const struct padata_mt_job *job, int err)
{
	struct traced *traced = data;

	if (job != traced->job)
		return;
	atomic_inc(&traced->nr_errors);
	atomic_set(&traced->error, err);
}

static void probe_undo(void *data, const struct padata_mt_job *job,
		       unsigned long start, unsigned long end)
{
	struct traced *traced = data;

	if (job == traced->job)
		traced->undo_traced += end - start;
}

static void run_traced(struct kunit *test, struct traced *traced,
		       unsigned long fail_unit, int max_threads)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = do_units,
			     .undo_fn = undo_units,
			     .fn_arg = traced,
			     .size = NR_UNITS,
			     .align = 1,
			     .max_threads = max_threads);
	bool fails = fail_unit < NR_UNITS;
	int err;

	*traced = (struct traced){ .job = &job, .fail_unit = fail_unit };

	KUNIT_ASSERT_EQ(test, register_trace_padata_mt_begin(probe_begin, traced), 0);
	KUNIT_ASSERT_EQ(test, register_trace_padata_mt_end(probe_end, traced), 0);
	KUNIT_ASSERT_EQ(test, register_trace_padata_mt_chunk(probe_chunk, traced), 0);
	KUNIT_ASSERT_EQ(test, register_trace_padata_mt_error(probe_error, traced), 0);
	KUNIT_ASSERT_EQ(test, register_trace_padata_mt_undo(probe_undo, traced), 0);

	err = padata_do_multithreaded(&job);

	unregister_trace_padata_mt_begin(probe_begin, traced);
	unregister_trace_padata_mt_end(probe_end, traced);
	unregister_trace_padata_mt_chunk(probe_chunk, traced);
	unregister_trace_padata_mt_error(probe_error, traced);
	unregister_trace_padata_mt_undo(probe_undo, traced);
	tracepoint_synchronize_unregister();

	KUNIT_EXPECT_EQ(test, err, fails ? -EDOM : 0);
	KUNIT_EXPECT_EQ(test, traced->nr_begins, 1);
	KUNIT_EXPECT_EQ(test, traced->size, NR_UNITS);
	KUNIT_EXPECT_EQ(test, traced->nr_ends, 1);
	KUNIT_EXPECT_EQ(test, traced->end_err, err);
	KUNIT_EXPECT_EQ(test, atomic_read(&traced->nr_chunks),
			atomic_read(&traced->nr_calls));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&traced->units_traced),
			atomic_long_read(&traced->units_done));
	KUNIT_EXPECT_EQ(test, atomic_read(&traced->nr_errors), fails);
	KUNIT_EXPECT_EQ(test, atomic_read(&traced->error), err);
	KUNIT_EXPECT_EQ(test, traced->undo_traced, traced->units_undone);
	if (fails)
		KUNIT_EXPECT_EQ(test, traced->units_undone,
				atomic_long_read(&traced->units_done));
}

static void trace_events(struct kunit *test)
{
	struct traced *traced = kunit_kzalloc(test, sizeof(*traced), GFP_KERNEL);
	unsigned int nr_cpus = cpumask_weight_and(wq_unbound_cpus(),
						  cpu_online_mask);
	unsigned int i;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "needs tracepoints");
	KUNIT_ASSERT_NOT_NULL(test, traced);

	for (i = 0; i < 20; i++) {
		/* Without helpers all of the job is one chunk. */
		run_traced(test, traced, NR_UNITS, 1);
		KUNIT_EXPECT_EQ(test, traced->nr_helpers, 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&traced->nr_chunks), 1);
		run_traced(test, traced, 0, 1);

		expect_all_works_free(test);
		run_traced(test, traced, NR_UNITS, INT_MAX);
		KUNIT_EXPECT_EQ(test, traced->nr_helpers, nr_cpus - 1);
		if (nr_cpus > 1)
			KUNIT_EXPECT_GT(test, atomic_read(&traced->nr_chunks), 1);
		run_traced(test, traced, i * NR_UNITS / 20, INT_MAX);
	}
}

#ifdef CONFIG_DEBUG_FS

static void read_stats(u64 *counts)
{
	unsigned int i;

	for (i = 0; i < PADATA_NR_STATS; i++)
		counts[i] = padata_stat_read(i);
}

/* Until there is CPU time to be counted: some clocks are coarse. */
static int burn_cpu_time(unsigned long start, unsigned long end, void *arg)
{
	u64 began = task_sched_runtime(current);

	while (task_sched_runtime(current) == began)
		cpu_relax();
	return do_units(start, end, arg);
}

/* What one job adds to the counts. */
static void count_job(struct kunit *test, u64 *counts, struct traced *traced,
		      unsigned long fail_unit, int max_threads)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = burn_cpu_time,
			     .fn_arg = traced,
			     .size = NR_UNITS,
			     .align = 1,
			     .min_chunk = NR_UNITS / 10,
			     .max_threads = max_threads);
	u64 before[PADATA_NR_STATS];
	unsigned int i;

	*traced = (struct traced){ .job = &job, .fail_unit = fail_unit };
	read_stats(before);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job),
			fail_unit < NR_UNITS ? -EDOM : 0);
	read_stats(counts);
	for (i = 0; i < PADATA_NR_STATS; i++)
		counts[i] -= before[i];
	KUNIT_EXPECT_EQ(test, counts[PADATA_JOBS], 1);
	KUNIT_EXPECT_EQ(test, counts[PADATA_JOBS_FAILED], fail_unit < NR_UNITS);
}

/* No other job may run meanwhile, as the counts are those of all jobs. */
static void trace_stats(struct kunit *test)
{
	struct traced *traced = kunit_kzalloc(test, sizeof(*traced), GFP_KERNEL);
	unsigned int nr_cpus = cpumask_weight_and(wq_unbound_cpus(),
						  cpu_online_mask);
	u64 counts[PADATA_NR_STATS];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, traced);
	for (i = 0; i < 20; i++) {
		count_job(test, counts, traced, i & 1 ? 0 : NR_UNITS, 1);
		KUNIT_EXPECT_EQ(test, counts[PADATA_JOBS_ALONE], 1);
		KUNIT_EXPECT_EQ(test, counts[PADATA_HELPERS_WANTED], 0);
		KUNIT_EXPECT_EQ(test, counts[PADATA_CHUNKS], 0);
		KUNIT_EXPECT_EQ(test, counts[PADATA_CPU_NS], 0);

		if (nr_cpus < 2)
			continue;
		count_job(test, counts, traced, i & 1 ? 0 : NR_UNITS, 2);
		KUNIT_EXPECT_EQ(test, counts[PADATA_JOBS_ALONE], 0);
		KUNIT_EXPECT_EQ(test, counts[PADATA_HELPERS_WANTED], 1);
		KUNIT_EXPECT_EQ(test, counts[PADATA_HELPERS_GOT], 1);
		KUNIT_EXPECT_LE(test, counts[PADATA_HELPERS_CANCELLED], 1);
		KUNIT_EXPECT_EQ(test, counts[PADATA_CHUNKS],
				atomic_read(&traced->nr_calls));
		KUNIT_EXPECT_GT(test, counts[PADATA_CPU_NS], 0);
	}
}

#endif /* CONFIG_DEBUG_FS */

static struct kunit_case padata_trace_cases[] = {
	KUNIT_CASE(trace_events),
#ifdef CONFIG_DEBUG_FS
	KUNIT_CASE(trace_stats),
#endif
	{}
};

static struct kunit_suite padata_trace_suite = {
	.name		= "padata_trace",
	.test_cases	= padata_trace_cases,
};

kunit_test_suite(padata_trace_suite);

MODULE_DESCRIPTION("KUnit tests of what padata's multithreaded jobs report");
MODULE_LICENSE("GPL");
