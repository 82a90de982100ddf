// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what multithreaded jobs undo when they fail.
 *
 * The state of a unit is neither atomic nor locked, as in real work.  So these
 * tests fail if undo_fn does not see what the helpers did.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/padata.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#define MAX_UNITS	2048
#define MAX_RANGES	4
#define FAULT		(-EILSEQ)

enum unit_state { UNTOUCHED, DONE, UNDONE };

/**
 * struct work - the work of a job
 * @caller: The thread that runs the job.  No other thread may undo.
 * @size: How many units it has.
 * @nr_ranges: 0 for a job without ranges.
 * @ranges: What the units are divided into, in order.
 * @undone_upto: Where the last run that was undone ends.
 * @nr_wrong: How many things went wrong.
 * @bad: The units that make their chunk fail.
 * @state: What has become of each unit.
 */
struct work {
	struct task_struct	*caller;
	unsigned long		size;
	unsigned int		nr_ranges;
	struct padata_mt_range	ranges[MAX_RANGES];
	unsigned long		undone_upto;
	atomic_t		nr_wrong;
	bool			bad[MAX_UNITS];
	u8			state[MAX_UNITS];
};

static unsigned long random_upto(unsigned long max)
{
	return get_random_u32_inclusive(0, max);
}

static int do_units(unsigned long start, unsigned long end, void *arg)
{
	struct work *work = arg;
	unsigned long unit;

	for (unit = start; unit < end; unit++) {
		if (work->bad[unit])
			return FAULT;
	}
	for (unit = start; unit < end; unit++) {
		if (work->state[unit] != UNTOUCHED)
			atomic_inc(&work->nr_wrong);
		work->state[unit] = DONE;
	}
	return 0;
}

static bool begins_a_range(const struct work *work, unsigned long unit)
{
	unsigned int i;

	for (i = 0; i < work->nr_ranges; i++) {
		if (work->ranges[i].start == unit)
			return true;
	}
	return !unit;
}

static void undo_units(unsigned long start, unsigned long end, void *arg)
{
	struct work *work = arg;
	unsigned long unit;

	/* By the caller alone, in ascending order, in runs as long as can be. */
	if (current != work->caller || start >= end ||
	    start < work->undone_upto ||
	    (start == work->undone_upto && !begins_a_range(work, start)))
		atomic_inc(&work->nr_wrong);
	work->undone_upto = end;

	for (unit = start; unit < end; unit++) {
		if (work->state[unit] != DONE)
			atomic_inc(&work->nr_wrong);
		work->state[unit] = UNDONE;
	}
}

static void make_work(struct work *work, unsigned long size,
		      unsigned int nr_ranges, unsigned int nr_bad)
{
	unsigned long start = 0;
	unsigned int i;

	memset(work, 0, sizeof(*work));
	work->caller = current;
	work->size = size;
	work->nr_ranges = nr_ranges;
	for (i = 0; i < nr_ranges; i++) {
		struct padata_mt_range *range = &work->ranges[i];

		range->start = start;
		range->size = i + 1 < nr_ranges ? random_upto(size - start)
						: size - start;
		range->node = NUMA_NO_NODE;
		start += range->size;
	}
	for (i = 0; i < nr_bad; i++)
		work->bad[random_upto(size - 1)] = true;
}

/* True if all was done, or all of what was done has been undone. */
static bool left_right(struct work *work, int err)
{
	unsigned long unit;

	if (atomic_read(&work->nr_wrong))
		return false;
	for (unit = 0; unit < work->size; unit++) {
		if (err ? work->state[unit] == DONE : work->state[unit] != DONE)
			return false;
	}
	return true;
}

static struct padata_mt_job make_job(struct work *work)
{
	return (struct padata_mt_job) {
		.thread_fn	= do_units,
		.undo_fn	= undo_units,
		.fn_arg		= work,
		.size		= work->nr_ranges ? 0 : work->size,
		.align		= 1UL << random_upto(4),
		.min_chunk	= random_upto(16),
		.max_threads	= 1 + random_upto(2 * num_online_cpus()),
		.ranges		= work->nr_ranges ? work->ranges : NULL,
		.nr_ranges	= work->nr_ranges,
	};
}

/* Returns how many of @nr random jobs had a wrong result. */
static unsigned int run_random_jobs(struct work *work, unsigned int nr)
{
	unsigned int i, nr_failures = 0;

	for (i = 0; i < nr; i++) {
		unsigned int nr_bad = i % 5;
		struct padata_mt_job job;
		int err;

		make_work(work, 1 + random_upto(MAX_UNITS - 1),
			  i % 2 ? 1 + random_upto(MAX_RANGES - 1) : 0, nr_bad);
		job = make_job(work);
		/* Some without helpers. */
		if (i % 7 == 0)
			job.max_threads = 1;
		err = padata_do_multithreaded(&job);
		if (err != (nr_bad ? FAULT : 0) || !left_right(work, err))
			nr_failures++;
		cond_resched();
	}
	return nr_failures;
}

static void padata_undo_random_jobs(struct kunit *test)
{
	struct work *work = kunit_kzalloc(test, sizeof(*work), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, work);
	KUNIT_EXPECT_EQ(test, run_random_jobs(work, 3000), 0);
}

/* Any thread may run an inner job, and that thread undoes it. */
static void undo_inner_units(unsigned long start, unsigned long end, void *arg)
{
	struct work *work = arg;
	unsigned long unit;

	for (unit = start; unit < end; unit++) {
		if (work->state[unit] != DONE)
			atomic_inc(&work->nr_wrong);
		work->state[unit] = UNDONE;
	}
}

static int run_inner_job(unsigned long start, unsigned long end, void *arg)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = do_units,
			     .undo_fn = undo_inner_units,
			     .fn_arg = arg,
			     .start = start,
			     .size = end - start,
			     .align = 1,
			     .min_chunk = 4,
			     .max_threads = INT_MAX);

	return padata_do_multithreaded(&job);
}

/* An inner job that fails undoes itself.  The outer job undoes the others. */
static void padata_undo_nested_jobs(struct kunit *test)
{
	struct work *work = kunit_kzalloc(test, sizeof(*work), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, work);
	for (i = 0; i < 200; i++) {
		struct padata_mt_job job;
		int err;

		make_work(work, MAX_UNITS, 0, i % 4);
		job = make_job(work);
		job.thread_fn = run_inner_job;
		err = padata_do_multithreaded(&job);
		KUNIT_EXPECT_EQ(test, err, i % 4 ? FAULT : 0);
		KUNIT_EXPECT_TRUE(test, left_right(work, err));
	}
}

/*
 * The same units on a list.  Their order is not that of their addresses.
 */

#define NR_ENTRIES	(MAX_UNITS + 1)
/* Has no factor in common with NR_ENTRIES. */
#define ENTRY_STEP	1000

struct entry {
	struct entry	*next;
	unsigned long	unit;
	unsigned int	nr_passed;
};

static struct entry *entry_at(struct entry *entries, unsigned long unit)
{
	return &entries[unit * ENTRY_STEP % NR_ENTRIES];
}

static void make_list(struct entry *entries)
{
	unsigned long unit;

	for (unit = 0; unit < NR_ENTRIES; unit++) {
		struct entry *entry = entry_at(entries, unit);

		entry->next = unit < MAX_UNITS ? entry_at(entries, unit + 1)
					       : NULL;
		entry->unit = unit;
		entry->nr_passed = 0;
	}
}

static unsigned long pass_entries(unsigned long pos, unsigned long nr_units,
				  void *arg)
{
	struct entry *entry = (struct entry *)pos;

	for (; nr_units; nr_units--, entry = entry->next)
		entry->nr_passed++;
	return (unsigned long)entry;
}

static int do_entries(unsigned long start, unsigned long end, void *arg)
{
	return do_units(((struct entry *)start)->unit,
			((struct entry *)end)->unit, arg);
}

static void undo_entries(unsigned long start, unsigned long end, void *arg)
{
	undo_units(((struct entry *)start)->unit, ((struct entry *)end)->unit,
		   arg);
}

/* No entry is passed twice, and a job that does not fail passes each. */
static bool passed_right(struct entry *entries, unsigned long size, int err)
{
	unsigned long unit;

	for (unit = 0; unit < size; unit++) {
		unsigned int nr = entry_at(entries, unit)->nr_passed;

		if (nr > 1 || (!err && !nr))
			return false;
	}
	return true;
}

static void padata_undo_list(struct kunit *test)
{
	struct work *work = kunit_kzalloc(test, sizeof(*work), GFP_KERNEL);
	struct entry *entries = kunit_kcalloc(test, NR_ENTRIES,
					      sizeof(*entries), GFP_KERNEL);
	unsigned int i, j;

	KUNIT_ASSERT_NOT_NULL(test, work);
	KUNIT_ASSERT_NOT_NULL(test, entries);
	for (i = 0; i < 1000; i++) {
		struct padata_mt_range ranges[MAX_RANGES];
		struct padata_mt_job job;
		int err;

		make_list(entries);
		make_work(work, 1 + random_upto(MAX_UNITS - 1),
			  i % 2 ? 1 + random_upto(MAX_RANGES - 1) : 0, i % 5);
		job = make_job(work);
		job.align = 1;
		job.thread_fn = do_entries;
		job.undo_fn = undo_entries;
		job.next_fn = pass_entries;
		job.start = (unsigned long)entry_at(entries, 0);
		for (j = 0; j < work->nr_ranges; j++) {
			ranges[j] = work->ranges[j];
			ranges[j].start = (unsigned long)
				entry_at(entries, ranges[j].start);
		}
		if (work->nr_ranges)
			job.ranges = ranges;
		if (i % 7 == 0)
			job.max_threads = 1;

		err = padata_do_multithreaded(&job);
		KUNIT_EXPECT_EQ(test, err, i % 5 ? FAULT : 0);
		KUNIT_EXPECT_TRUE(test, left_right(work, err));
		KUNIT_EXPECT_TRUE(test, passed_right(entries, work->size, err));
		cond_resched();
	}
}

/* A chunk with a bad unit kills the caller, and is done all the same. */
static int do_units_and_kill(unsigned long start, unsigned long end, void *arg)
{
	struct work *work = arg;
	unsigned long unit;

	for (unit = start; unit < end; unit++) {
		if (work->bad[unit])
			send_sig(SIGKILL, work->caller, 1);
		if (work->state[unit] != UNTOUCHED)
			atomic_inc(&work->nr_wrong);
		work->state[unit] = DONE;
	}
	return 0;
}

/* Kernel threads have no fatal signals, unless they ask for them. */
static void padata_undo_killed_jobs(struct kunit *test)
{
	struct work *work = kunit_kzalloc(test, sizeof(*work), GFP_KERNEL);
	unsigned int i, nr_killed = 0, nr_alone = 0;

	KUNIT_ASSERT_NOT_NULL(test, work);
	allow_signal(SIGKILL);
	for (i = 0; i < 1000; i++) {
		struct padata_mt_job job;
		int err;

		make_work(work, MAX_UNITS, i % 2 ? MAX_RANGES : 0, 1);
		job = make_job(work);
		job.thread_fn = do_units_and_kill;
		job.killable = true;
		if (i % 4 == 0)
			job.max_threads = 1;

		err = padata_do_multithreaded(&job);
		flush_signals(current);
		/* A job that ends before it sees the signal does not fail. */
		if (err)
			KUNIT_EXPECT_EQ(test, err, -EINTR);
		KUNIT_EXPECT_TRUE(test, left_right(work, err));
		if (err)
			nr_killed++;
		if (err && job.max_threads == 1)
			nr_alone++;
		cond_resched();
	}
	disallow_signal(SIGKILL);

	/* Otherwise no job saw the signal, and the above has shown nothing. */
	KUNIT_EXPECT_GT(test, nr_killed, 500);
	KUNIT_EXPECT_GT(test, nr_alone, 100);
}

struct client {
	struct work		work;
	struct completion	done;
	unsigned int		nr_failures;
};

static int client_thread(void *arg)
{
	struct client *client = arg;

	client->nr_failures = run_random_jobs(&client->work, 300);
	complete(&client->done);
	return 0;
}

static void padata_undo_many_jobs_at_once(struct kunit *test)
{
	unsigned int i, nr_clients = 2 * num_online_cpus();
	struct client *clients;

	clients = kunit_kcalloc(test, nr_clients, sizeof(*clients), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, clients);
	for (i = 0; i < nr_clients; i++) {
		init_completion(&clients[i].done);
		if (IS_ERR(kthread_run(client_thread, &clients[i],
				       "padata_undo/%u", i))) {
			complete(&clients[i].done);
			KUNIT_FAIL(test, "no thread");
		}
	}
	for (i = 0; i < nr_clients; i++) {
		wait_for_completion(&clients[i].done);
		KUNIT_EXPECT_EQ(test, clients[i].nr_failures, 0);
	}
}

static struct kunit_case padata_undo_cases[] = {
	KUNIT_CASE(padata_undo_random_jobs),
	KUNIT_CASE(padata_undo_nested_jobs),
	KUNIT_CASE(padata_undo_list),
	KUNIT_CASE(padata_undo_killed_jobs),
	KUNIT_CASE(padata_undo_many_jobs_at_once),
	{}
};

static struct kunit_suite padata_undo_suite = {
	.name		= "padata_undo",
	.test_cases	= padata_undo_cases,
};

kunit_test_suite(padata_undo_suite);

MODULE_DESCRIPTION("KUnit tests of what multithreaded padata jobs undo");
MODULE_LICENSE("GPL");
