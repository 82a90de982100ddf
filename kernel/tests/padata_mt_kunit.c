// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of padata's multithreaded jobs.
 *
 * No test depends on how fast a machine is.  If threads have to meet, the test
 * waits until they do.  Its time limits are for bugs only.
 */

#include <kunit/test.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../padata_run.h"
#include "padata_kunit.h"

#define MAX_UNITS	4096

#define MAX_RANGES	8

/*
 * Notes which units were done, and whether the chunks kept to the job, or to
 * the ranges that it is divided into.
 */
struct record {
	const struct padata_mt_job *job;
	struct padata_mt_range	ranges[MAX_RANGES];
	unsigned int	nr_ranges;
	atomic_t	nr_chunks;
	atomic_t	bad_chunks;
	unsigned long	fail_unit;	/* the chunk that holds it fails */
	int		fail_with;
	atomic_t	done[MAX_UNITS];
};

static void record_reset(struct record *record, const struct padata_mt_job *job)
{
	memset(record, 0, sizeof(*record));
	record->job = job;
}

static bool chunk_keeps_to(const struct padata_mt_job *job,
			   unsigned long whole_start, unsigned long whole_size,
			   unsigned long start, unsigned long end)
{
	unsigned long whole_end = whole_start + whole_size;
	unsigned long mask = job->align - 1;

	if (start < whole_start || end > whole_end || start >= end)
		return false;
	if (start != whole_start && (start & mask))
		return false;
	if (end == whole_end)
		return true;
	return !(end & mask) && end - start >= job->min_chunk;
}

static bool chunk_is_good(const struct record *record, unsigned long start,
			  unsigned long end)
{
	unsigned int i;

	for (i = 0; i < record->nr_ranges; i++) {
		const struct padata_mt_range *range = &record->ranges[i];

		if (chunk_keeps_to(record->job, range->start, range->size,
				   start, end))
			return true;
	}
	return !record->nr_ranges &&
	       chunk_keeps_to(record->job, record->job->start,
			      record->job->size, start, end);
}

static int record_chunk(unsigned long start, unsigned long end, void *arg)
{
	struct record *record = arg;
	const struct padata_mt_job *job = record->job;
	unsigned long unit;

	atomic_inc(&record->nr_chunks);
	if (!chunk_is_good(record, start, end)) {
		atomic_inc(&record->bad_chunks);
		return 0;
	}
	if (record->fail_with && record->fail_unit >= start &&
	    record->fail_unit < end)
		return record->fail_with;

	for (unit = start - job->start; unit < end - job->start; unit++)
		atomic_inc(&record->done[unit]);
	return 0;
}

static void expect_all_done_once(struct kunit *test, struct record *record)
{
	const struct padata_mt_job *job = record->job;
	unsigned long unit;

	KUNIT_EXPECT_EQ(test, atomic_read(&record->bad_chunks), 0);
	for (unit = 0; unit < MAX_UNITS; unit++) {
		int wanted = unit < job->size ? 1 : 0;
		int times = atomic_read(&record->done[unit]);

		if (times != wanted) {
			KUNIT_FAIL(test, "unit %lu of %lu+%lu done %d times (%lu %lu %d)\n",
				   unit, job->start, job->size, times,
				   job->align, job->min_chunk, job->max_threads);
			return;
		}
	}
}

static unsigned long random_upto(unsigned long max)
{
	return get_random_u32_inclusive(0, max);
}

/* Jobs with sizes, ends, cuts and threads of all kinds do each unit once. */
static void padata_mt_random_jobs(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	unsigned int i, nr_split = 0;

	KUNIT_ASSERT_NOT_NULL(test, record);

	for (i = 0; i < 4000; i++) {
		unsigned long size = random_upto(i % 4 ? MAX_UNITS : 64);
		/* Some that end with the last unit there can be. */
		unsigned long start = i % 8 == 7 ? ULONG_MAX - size
						 : random_upto(100000);
		DEFINE_PADATA_MT_JOB(job,
				     .thread_fn = record_chunk,
				     .fn_arg = record,
				     .start = start,
				     .size = size,
				     .align = 1UL << random_upto(i % 3 ? 4 : 12),
				     .min_chunk = random_upto(i % 5 ? 32 : 2 * MAX_UNITS),
				     .max_threads = 1 + random_upto(2 * num_online_cpus()));

		record_reset(record, &job);
		KUNIT_ASSERT_EQ(test, padata_do_multithreaded(&job), 0);
		expect_all_done_once(test, record);
		if (!size)
			KUNIT_EXPECT_EQ(test, atomic_read(&record->nr_chunks), 0);
		if (atomic_read(&record->nr_chunks) > 1)
			nr_split++;
		cond_resched();
	}

	/* Otherwise the above has only shown that one call works. */
	if (num_online_cpus() > 1)
		KUNIT_EXPECT_GT(test, nr_split, 1000);
}

static int random_node(void)
{
	int node, nth = random_upto(num_online_nodes());

	for_each_online_node(node) {
		if (!nth--)
			return node;
	}
	return NUMA_NO_NODE;
}

/* The same job, divided at random among nodes. */
static void divide_at_random(struct record *record, struct padata_mt_job *job)
{
	unsigned long start = job->start, left = job->size;
	unsigned int i;

	record->nr_ranges = 1 + random_upto(MAX_RANGES - 1);
	for (i = 0; i < record->nr_ranges; i++) {
		struct padata_mt_range *range = &record->ranges[i];

		range->start = start;
		range->size = i + 1 < record->nr_ranges ? random_upto(left)
							: left;
		range->node = random_node();
		start += range->size;
		left -= range->size;
	}
	job->size = 0;
	job->ranges = record->ranges;
	job->nr_ranges = record->nr_ranges;
}

/* Work in several places, on nodes with and without CPUs. */
static void padata_mt_ranges(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	unsigned int i, nr_split = 0;

	KUNIT_ASSERT_NOT_NULL(test, record);

	for (i = 0; i < 2000; i++) {
		unsigned long size = random_upto(MAX_UNITS);
		DEFINE_PADATA_MT_JOB(whole,
				     .thread_fn = record_chunk,
				     .fn_arg = record,
				     .start = random_upto(100000),
				     .size = size,
				     .align = 1UL << random_upto(4),
				     .min_chunk = random_upto(32),
				     .max_threads = 1 + random_upto(2 * num_online_cpus()));
		struct padata_mt_job divided = whole;
		int fail_with = i % 8 || !size ? 0 : -EXDEV;

		record_reset(record, &whole);
		divide_at_random(record, &divided);
		record->fail_unit = whole.start + random_upto(size ? size - 1 : 0);
		record->fail_with = fail_with;
		KUNIT_ASSERT_EQ(test, padata_do_multithreaded(&divided), fail_with);
		KUNIT_EXPECT_EQ(test, atomic_read(&record->bad_chunks), 0);
		if (!fail_with)
			expect_all_done_once(test, record);
		if (atomic_read(&record->nr_chunks) > record->nr_ranges)
			nr_split++;
		cond_resched();
	}

	if (num_online_cpus() > 1)
		KUNIT_EXPECT_GT(test, nr_split, 500);
}

static void padata_mt_size_zero_and_one(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	static const unsigned long starts[] = { 0, 1, 4095, ULONG_MAX - 1 };
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, record);

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		struct padata_mt_job job = {
			.thread_fn	= record_chunk,
			.fn_arg		= record,
			.start		= starts[i],
			.align		= 4096,
			.min_chunk	= 16,
			.max_threads	= INT_MAX,
		};

		record_reset(record, &job);
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&record->nr_chunks), 0);

		job.size = 1;
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&record->nr_chunks), 1);
		expect_all_done_once(test, record);
	}
}

struct sum {
	const struct padata_mt_job *job;
	atomic_long_t	units;
	atomic_long_t	xor_of_ends;
	atomic_t	bad_chunks;
};

/* Each cut is the end of one chunk and the start of another: they cancel out. */
static int sum_chunk(unsigned long start, unsigned long end, void *arg)
{
	struct sum *sum = arg;

	if (!chunk_keeps_to(sum->job, sum->job->start, sum->job->size, start,
			    end))
		atomic_inc(&sum->bad_chunks);
	atomic_long_add(end - start, &sum->units);
	atomic_long_xor(start ^ end, &sum->xor_of_ends);
	return 0;
}

/* The largest jobs there can be, where sums could wrap. */
static void padata_mt_huge_jobs(struct kunit *test)
{
	static const struct {
		unsigned long start, size, align, min_chunk;
	} jobs[] = {
		{ 0, ULONG_MAX, 1, ULONG_MAX / 100 },
		{ 1, ULONG_MAX - 1, 1, ULONG_MAX / 1000 },
		{ 0, ULONG_MAX, 1UL << (BITS_PER_LONG - 1), 1 },
		{ 5, ULONG_MAX - 5, 1UL << (BITS_PER_LONG - 6), 1 },
		{ ULONG_MAX / 2 + 7, ULONG_MAX / 2 - 7, 1UL << 20, ULONG_MAX / 333 },
		{ 0, ULONG_MAX, 1, ULONG_MAX },
		{ ULONG_MAX, 0, 1, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(jobs); i++) {
		struct sum sum = {};
		DEFINE_PADATA_MT_JOB(job,
				     .thread_fn = sum_chunk,
				     .fn_arg = &sum,
				     .start = jobs[i].start,
				     .size = jobs[i].size,
				     .align = jobs[i].align,
				     .min_chunk = jobs[i].min_chunk,
				     .max_threads = INT_MAX);

		sum.job = &job;
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&sum.bad_chunks), 0);
		KUNIT_EXPECT_EQ(test, (unsigned long)atomic_long_read(&sum.units),
				job.size);
		KUNIT_EXPECT_EQ(test,
				(unsigned long)atomic_long_read(&sum.xor_of_ends),
				job.size ? job.start ^ (job.start + job.size) : 0);
	}
}

static void padata_mt_bad_jobs(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	const struct padata_mt_job good = {
		.thread_fn	= record_chunk,
		.fn_arg		= record,
		.size		= 64,
		.align		= 1,
		.max_threads	= 4,
	};
	struct padata_mt_range nowhere = { .size = 64, .node = MAX_NUMNODES };
	struct padata_mt_range too_far = { .start = 64, .size = ULONG_MAX };
	/* Too large for the stack. */
	static struct padata_mt_job bad[10];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, record);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].thread_fn = NULL;
	bad[1].start = ULONG_MAX - 62;
	bad[2].align = 0;
	bad[3].align = 3;
	bad[4].max_threads = 0;
	bad[5].max_threads = -1;
	bad[6].ranges = &nowhere;
	bad[6].nr_ranges = 1;
	bad[7] = bad[6];
	bad[7].size = 0;
	bad[8] = bad[7];
	bad[8].ranges = &too_far;
	bad[9] = bad[7];
	bad[9].ranges = NULL;

	record_reset(record, &good);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&bad[i]), -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&record->nr_chunks), 0);

	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&good), 0);
	expect_all_done_once(test, record);
}

/* Such a job is refused: whether it would sleep is a matter of luck. */
static void padata_mt_atomic_context(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = record_chunk,
			     .fn_arg = record,
			     .size = 64,
			     .align = 1,
			     .max_threads = 4);
	int in_bottom_half, without_interrupts;

	KUNIT_ASSERT_NOT_NULL(test, record);
	record_reset(record, &job);

	local_bh_disable();
	in_bottom_half = padata_do_multithreaded(&job);
	local_bh_enable();

	local_irq_disable();
	without_interrupts = padata_do_multithreaded(&job);
	local_irq_enable();

	KUNIT_EXPECT_EQ(test, in_bottom_half, -EINVAL);
	KUNIT_EXPECT_EQ(test, without_interrupts, -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&record->nr_chunks), 0);
}

/* An error in the first, a middle, the last chunk, with helpers and without. */
static void padata_mt_errors(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	static const unsigned long units[] = { 0, MAX_UNITS / 2, MAX_UNITS - 1 };
	unsigned int i, max_threads;
	unsigned long unit;

	KUNIT_ASSERT_NOT_NULL(test, record);

	for (max_threads = 1; max_threads <= num_online_cpus(); max_threads++) {
		for (i = 0; i < ARRAY_SIZE(units); i++) {
			DEFINE_PADATA_MT_JOB(job,
					     .thread_fn = record_chunk,
					     .fn_arg = record,
					     .size = MAX_UNITS,
					     .align = 1,
					     .min_chunk = 8,
					     .max_threads = max_threads);

			record_reset(record, &job);
			record->fail_unit = units[i];
			record->fail_with = -EILSEQ;
			KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job),
					-EILSEQ);
			KUNIT_EXPECT_EQ(test, atomic_read(&record->bad_chunks), 0);
			KUNIT_EXPECT_EQ(test, atomic_read(&record->done[units[i]]), 0);
			for (unit = 0; unit < MAX_UNITS; unit++)
				KUNIT_EXPECT_LE(test, atomic_read(&record->done[unit]), 1);
		}
	}
}

/*
 * The hand-out alone, in one thread: the test knows each step beforehand.
 */

static void padata_mt_chunks_shrink(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = record_chunk,
			     .fn_arg = record,
			     .start = 3,
			     .size = MAX_UNITS - 3,
			     .align = 4,
			     .min_chunk = 8,
			     .max_threads = 4);
	unsigned long last = job.size, handed_out = 0;
	struct padata_thread thread;
	struct padata_chunks chunks;

	KUNIT_ASSERT_NOT_NULL(test, record);
	record_reset(record, &job);
	padata_chunks_init(&chunks, &job, 4);
	padata_chunks_join(&chunks, &thread, NUMA_NO_NODE);

	while (padata_chunks_do_one(&chunks, &thread)) {
		unsigned long now = job.size - atomic_long_read(&chunks.whole.left);

		/* Rounding to align can make a chunk longer, by less than align. */
		KUNIT_EXPECT_LT(test, now - handed_out, last + job.align);
		last = now - handed_out;
		handed_out = now;
		if (handed_out < job.size)
			KUNIT_EXPECT_GE(test, last, job.min_chunk);
	}
	KUNIT_EXPECT_EQ(test, handed_out, job.size);
	KUNIT_EXPECT_LE(test, last, job.min_chunk + job.align);
	expect_all_done_once(test, record);
	KUNIT_EXPECT_EQ(test, padata_chunks_error(&chunks), 0);
}

static void padata_mt_nothing_after_error(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = record_chunk,
			     .fn_arg = record,
			     .size = MAX_UNITS,
			     .align = 1,
			     .min_chunk = 1,
			     .max_threads = 4);
	struct padata_thread thread;
	struct padata_chunks chunks;

	KUNIT_ASSERT_NOT_NULL(test, record);
	record_reset(record, &job);
	record->fail_unit = MAX_UNITS / 2;
	record->fail_with = -ENODEV;
	padata_chunks_init(&chunks, &job, 4);
	padata_chunks_join(&chunks, &thread, NUMA_NO_NODE);

	while (!padata_chunks_error(&chunks))
		KUNIT_ASSERT_TRUE(test, padata_chunks_do_one(&chunks, &thread));
	KUNIT_EXPECT_FALSE(test, padata_chunks_do_one(&chunks, &thread));
	KUNIT_EXPECT_EQ(test, atomic_read(&record->done[0]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&record->done[MAX_UNITS / 2]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&record->done[MAX_UNITS - 1]), 0);
	KUNIT_EXPECT_EQ(test, padata_chunks_error(&chunks), -ENODEV);
}

/* Takes and fails the next chunk before it fails itself. */
static int fail_after_the_next(unsigned long start, unsigned long end, void *arg)
{
	struct padata_chunks *chunks = arg;
	struct padata_thread other_thread;

	if (start)
		return -EIO;
	padata_chunks_join(chunks, &other_thread, NUMA_NO_NODE);
	padata_chunks_do_one(chunks, &other_thread);
	return -ENOMEM;
}

static void padata_mt_first_error_wins(struct kunit *test)
{
	struct padata_thread thread;
	struct padata_chunks chunks;
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = fail_after_the_next,
			     .fn_arg = &chunks,
			     .size = 100,
			     .align = 1,
			     .max_threads = 2);

	padata_chunks_init(&chunks, &job, 2);
	padata_chunks_join(&chunks, &thread, NUMA_NO_NODE);
	KUNIT_EXPECT_TRUE(test, padata_chunks_do_one(&chunks, &thread));
	KUNIT_EXPECT_EQ(test, padata_chunks_error(&chunks), -EIO);
}

static void padata_mt_last_to_leave(struct kunit *test)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = record_chunk,
			     .size = 100,
			     .align = 1,
			     .max_threads = 3);
	struct padata_chunks chunks;

	padata_chunks_init(&chunks, &job, 3);
	KUNIT_EXPECT_FALSE(test, padata_chunks_leave(&chunks));
	KUNIT_EXPECT_FALSE(test, padata_chunks_leave(&chunks));
	KUNIT_EXPECT_TRUE(test, padata_chunks_leave(&chunks));
}

/*
 * Helpers.
 */

struct meeting {
	unsigned int		nr_wanted;
	atomic_t		nr_there;
	struct completion	all_there;
	atomic_t		nr_missed;
};

/* Returns only when as many threads as wanted are in a chunk at once. */
static int meet(unsigned long start, unsigned long end, void *arg)
{
	struct meeting *meeting = arg;

	if (atomic_inc_return(&meeting->nr_there) == meeting->nr_wanted)
		complete_all(&meeting->all_there);
	if (!wait_for_completion_timeout(&meeting->all_there, LOST_HELPER))
		atomic_inc(&meeting->nr_missed);
	return 0;
}

/* A job can have a thread on each CPU: there are works for all of them. */
static void padata_mt_uses_every_cpu(struct kunit *test)
{
	struct meeting meeting = { .nr_wanted = num_online_cpus() };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = meet,
			     .fn_arg = &meeting,
			     .size = 1000,
			     .align = 1,
			     .max_threads = INT_MAX);

	init_completion(&meeting.all_there);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&meeting.nr_missed), 0);
}

static void padata_mt_max_threads_holds(struct kunit *test)
{
	struct padata_mt_job job = {
		.thread_fn	= meet,
		.size		= 2,
		.align		= 1,
		.min_chunk	= 1,
		.max_threads	= INT_MAX,
	};
	struct meeting meeting = { .nr_wanted = 2 };

	if (num_online_cpus() < 3)
		kunit_skip(test, "needs 3 CPUs");

	/* Two units: a third thread would have nothing to do. */
	job.fn_arg = &meeting;
	init_completion(&meeting.all_there);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&meeting.nr_there), 2);

	/* One thread: one call. */
	memset(&meeting, 0, sizeof(meeting));
	meeting.nr_wanted = 1;
	init_completion(&meeting.all_there);
	job.size = 1000;
	job.max_threads = 1;
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&meeting.nr_there), 1);
}

struct blocker {
	struct work_struct	work;
	struct completion	started;
	struct completion	*release;
};

static void block(struct work_struct *work)
{
	struct blocker *blocker = container_of(work, struct blocker, work);

	complete(&blocker->started);
	wait_for_completion(blocker->release);
}

struct loner {
	struct task_struct	*task;
	atomic_t		nr_others;
	atomic_t		nr_units;
};

static int note_who(unsigned long start, unsigned long end, void *arg)
{
	struct loner *loner = arg;

	if (current != loner->task)
		atomic_inc(&loner->nr_others);
	atomic_add(end - start, &loner->nr_units);
	return 0;
}

/*
 * A work blocks the queue of each CPU, so no helper can start before the job is
 * over.  A job that waited for a helper would never end: only this thread
 * releases the works.
 */
static void padata_mt_does_not_wait_for_late_helpers(struct kunit *test)
{
	struct loner loner = { .task = current };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = note_who,
			     .fn_arg = &loner,
			     .size = 10000,
			     .align = 1,
			     .max_threads = INT_MAX);
	DECLARE_COMPLETION_ONSTACK(release);
	struct blocker *blockers;
	int cpu, err;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs 2 CPUs");

	blockers = kunit_kcalloc(test, nr_cpu_ids, sizeof(*blockers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, blockers);
	cpus_read_lock();

	/* From here on no assertion may end the test before the release. */
	workqueue_set_max_active(padata_mt_wq, 1);
	for_each_online_cpu(cpu) {
		INIT_WORK(&blockers[cpu].work, block);
		init_completion(&blockers[cpu].started);
		blockers[cpu].release = &release;
		queue_work_on(cpu, padata_mt_wq, &blockers[cpu].work);
		wait_for_completion(&blockers[cpu].started);
	}

	err = padata_do_multithreaded(&job);

	complete_all(&release);
	for_each_online_cpu(cpu)
		flush_work(&blockers[cpu].work);
	workqueue_set_max_active(padata_mt_wq, WQ_DFL_ACTIVE);
	cpus_read_unlock();

	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loner.nr_others), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loner.nr_units), job.size);
}

static void padata_mt_pool_is_empty(struct kunit *test)
{
	struct loner loner = { .task = current };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = note_who,
			     .fn_arg = &loner,
			     .size = 10000,
			     .align = 1,
			     .max_threads = INT_MAX);
	LIST_HEAD(works);
	LIST_HEAD(none);

	KUNIT_EXPECT_GE(test, padata_works_get(&works, UINT_MAX),
			num_possible_cpus());
	KUNIT_EXPECT_EQ(test, padata_works_get(&none, 1), 0);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	padata_works_put(&works);

	KUNIT_EXPECT_TRUE(test, list_empty(&works));
	KUNIT_EXPECT_EQ(test, atomic_read(&loner.nr_others), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loner.nr_units), job.size);
}

static int run_inner_job(unsigned long start, unsigned long end, void *arg)
{
	struct record *record = arg;
	struct padata_mt_job job = *record->job;

	job.start = start;
	job.size = end - start;
	job.thread_fn = record_chunk;
	return padata_do_multithreaded(&job);
}

static void padata_mt_nested_jobs(struct kunit *test)
{
	struct record *record = kunit_kzalloc(test, sizeof(*record), GFP_KERNEL);
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = run_inner_job,
			     .fn_arg = record,
			     .size = MAX_UNITS,
			     .align = 1,
			     .min_chunk = 1,
			     .max_threads = INT_MAX);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, record);
	for (i = 0; i < 50; i++) {
		record_reset(record, &job);
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
		expect_all_done_once(test, record);
	}
}

struct client {
	struct kunit		*test;
	struct record		record;
	struct task_struct	*task;
	struct completion	done;
	unsigned int		nr_wrong;
};

static int client_thread(void *arg)
{
	struct client *client = arg;
	struct record *record = &client->record;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		int fail_with = i % 3 ? 0 : -ENOSPC;
		DEFINE_PADATA_MT_JOB(job,
				     .thread_fn = record_chunk,
				     .fn_arg = record,
				     .size = 1 + random_upto(MAX_UNITS - 1),
				     .align = 1,
				     .min_chunk = 4,
				     .max_threads = 1 + random_upto(num_online_cpus()));
		unsigned long unit;

		record_reset(record, &job);
		record->fail_unit = random_upto(job.size - 1);
		record->fail_with = fail_with;
		if (padata_do_multithreaded(&job) != fail_with)
			client->nr_wrong++;
		for (unit = 0; unit < job.size; unit++) {
			int times = atomic_read(&record->done[unit]);

			if (times > 1 || (!times && !fail_with))
				client->nr_wrong++;
		}
	}
	complete(&client->done);
	return 0;
}

/* More jobs than CPUs.  A third of the jobs fail. */
static void padata_mt_many_jobs_at_once(struct kunit *test)
{
	unsigned int i, nr_clients = 2 * num_online_cpus();
	struct client *clients;

	clients = kunit_kcalloc(test, nr_clients, sizeof(*clients), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, clients);
	for (i = 0; i < nr_clients; i++) {
		init_completion(&clients[i].done);
		clients[i].task = kthread_run(client_thread, &clients[i],
					      "padata_kunit/%u", i);
		if (IS_ERR(clients[i].task)) {
			complete(&clients[i].done);
			KUNIT_FAIL(test, "no thread");
		}
	}
	for (i = 0; i < nr_clients; i++) {
		wait_for_completion(&clients[i].done);
		KUNIT_EXPECT_EQ(test, clients[i].nr_wrong, 0);
	}

	expect_all_works_free(test);
}

static struct kunit_case padata_mt_cases[] = {
	KUNIT_CASE(padata_mt_random_jobs),
	KUNIT_CASE(padata_mt_ranges),
	KUNIT_CASE(padata_mt_size_zero_and_one),
	KUNIT_CASE(padata_mt_huge_jobs),
	KUNIT_CASE(padata_mt_bad_jobs),
	KUNIT_CASE(padata_mt_atomic_context),
	KUNIT_CASE(padata_mt_errors),
	KUNIT_CASE(padata_mt_chunks_shrink),
	KUNIT_CASE(padata_mt_nothing_after_error),
	KUNIT_CASE(padata_mt_first_error_wins),
	KUNIT_CASE(padata_mt_last_to_leave),
	KUNIT_CASE(padata_mt_uses_every_cpu),
	KUNIT_CASE(padata_mt_max_threads_holds),
	KUNIT_CASE(padata_mt_does_not_wait_for_late_helpers),
	KUNIT_CASE(padata_mt_pool_is_empty),
	KUNIT_CASE(padata_mt_nested_jobs),
	KUNIT_CASE(padata_mt_many_jobs_at_once),
	{}
};

static struct kunit_suite padata_mt_suite = {
	.name		= "padata_mt",
	.test_cases	= padata_mt_cases,
};

kunit_test_suite(padata_mt_suite);

MODULE_DESCRIPTION("KUnit tests of padata's multithreaded jobs");
MODULE_LICENSE("GPL");
