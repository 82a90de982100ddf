// SPDX-License-Identifier: GPL-2.0
/*
 * serial.c - test of padata_do_multithreaded() as it is in a kernel for one CPU
 */

#include <errno.h>

#include <linux/padata.h>
#include <linux/sched/signal.h>

#include "test.h"

#ifdef CONFIG_SMP
#error "This is about a kernel without padata"
#endif

/* One thread, so there is nothing to schedule. */
void schedule_point(void)
{
}

void wait_for_lock(const spinlock_t *lock)
{
	fail("a lock is taken twice");
}

#define MAX_UNDOS	8

/**
 * struct calls - what the functions of a job were called for
 * @nr: Calls of thread_fn.
 * @start: The start that the last of them got.
 * @end: The end that it got.
 * @nr_good: How many calls go well.
 * @result: What the others return.
 * @kill_in: The call, from 1, in which a fatal signal comes.
 * @nr_undos: Calls of undo_fn.
 * @undos: The start and the end that each of them got.
 */
struct calls {
	unsigned int	nr;
	unsigned long	start;
	unsigned long	end;
	unsigned int	nr_good;
	int		result;
	unsigned int	kill_in;
	unsigned int	nr_undos;
	unsigned long	undos[MAX_UNDOS][2];
};

static int note_call(unsigned long start, unsigned long end, void *arg)
{
	struct calls *calls = arg;

	calls->nr++;
	calls->start = start;
	calls->end = end;
	if (calls->nr == calls->kill_in)
		caller_task.killed = true;
	return calls->nr > calls->nr_good ? calls->result : 0;
}

static void note_undo(unsigned long start, unsigned long end, void *arg)
{
	struct calls *calls = arg;

	if (calls->nr_undos < MAX_UNDOS) {
		calls->undos[calls->nr_undos][0] = start;
		calls->undos[calls->nr_undos][1] = end;
	}
	calls->nr_undos++;
}

static void expect_one_call(unsigned long start, unsigned long size, int result)
{
	struct calls calls = { .result = result };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = note_call,
			     .undo_fn = note_undo,
			     .fn_arg = &calls,
			     .start = start,
			     .size = size,
			     .align = 8,
			     .min_chunk = 2,
			     .max_threads = 16);
	int err = padata_do_multithreaded(&job);

	if (err != result)
		fail("%d instead of %d", err, result);
	if (calls.nr != 1 || calls.start != start || calls.end != start + size)
		fail("start %lu size %lu: %u calls, of [%lu, %lu)", start, size,
		     calls.nr, calls.start, calls.end);
	/* It cleans up after itself. */
	if (calls.nr_undos)
		fail("start %lu size %lu: undone after one call", start, size);
}

static void one_call_does_it_all(void)
{
	expect_one_call(0, 1, 0);
	expect_one_call(3, 1000, 0);
	expect_one_call(0, ULONG_MAX, 0);
	expect_one_call(ULONG_MAX - 1, 1, 0);
}

static void error_is_returned(void)
{
	expect_one_call(0, 1, -ENOMEM);
	expect_one_call(5, 100000, -EIO);
}

static void empty_job_is_not_called(void)
{
	static const unsigned long starts[] = { 0, 1, ULONG_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		struct calls calls = { .result = -EIO };
		DEFINE_PADATA_MT_JOB(job,
				     .thread_fn = note_call,
				     .fn_arg = &calls,
				     .start = starts[i],
				     .align = 1,
				     .max_threads = 1);
		int err = padata_do_multithreaded(&job);

		if (err || calls.nr)
			fail("start %lu: %d in %u calls", starts[i], err,
			     calls.nr);
	}
}

static void ranges_are_done_in_a_call_each(void)
{
	struct padata_mt_range ranges[] = {
		{ .start = 100, .size = 50, .node = 1 },
		{ .start = 7, .node = 2 },
		{ .start = 9, .size = 1, .node = NUMA_NO_NODE },
	};
	struct calls calls = { };
	struct padata_mt_job job = {
		.thread_fn	= note_call,
		.fn_arg		= &calls,
		.align		= 8,
		.max_threads	= 1,
		.ranges		= ranges,
		.nr_ranges	= ARRAY_SIZE(ranges),
	};
	int err = padata_do_multithreaded(&job);

	if (err || calls.nr != 2 || calls.start != 9 || calls.end != 10)
		fail("%d in %u calls, the last of [%lu, %lu)", err, calls.nr,
		     calls.start, calls.end);

	calls = (struct calls){ .result = -EIO };
	err = padata_do_multithreaded(&job);
	if (err != -EIO || calls.nr != 1)
		fail("%d in %u calls after an error", err, calls.nr);
}

static void expect_undo(const struct calls *calls, unsigned int nr,
			unsigned long start, unsigned long end)
{
	if (calls->undos[nr][0] != start || calls->undos[nr][1] != end)
		fail("undo %u: of [%lu, %lu) instead of [%lu, %lu)", nr,
		     calls->undos[nr][0], calls->undos[nr][1], start, end);
}

static void ranges_before_an_error_are_undone(void)
{
	struct padata_mt_range ranges[] = {
		{ .start = 300, .size = 50 },
		{ .start = 350, .size = 1 },
		{ .start = 400 },
		{ .start = 100, .size = 7 },
		{ .start = 500, .size = 20 },
	};
	struct padata_mt_job job = {
		.thread_fn	= note_call,
		.align		= 8,
		.max_threads	= 1,
		.ranges		= ranges,
		.nr_ranges	= ARRAY_SIZE(ranges),
	};
	unsigned int nr_good, with_undo, i;

	for (nr_good = 0; nr_good <= 4; nr_good++) {
		for (with_undo = 0; with_undo < 2; with_undo++) {
			struct calls calls = {
				.nr_good = nr_good,
				.result = -EIO,
			};
			int wanted = nr_good < 4 ? -EIO : 0;
			unsigned int nr_undos = wanted && with_undo ? nr_good : 0;
			unsigned int range = 0;
			int err;

			job.fn_arg = &calls;
			job.undo_fn = with_undo ? note_undo : NULL;
			err = padata_do_multithreaded(&job);
			if (err != wanted || calls.nr_undos != nr_undos)
				fail("%d with %u undos instead of %d with %u",
				     err, calls.nr_undos, wanted, nr_undos);
			for (i = 0; i < nr_undos; i++, range++) {
				/* An empty range has nothing to undo. */
				if (!ranges[range].size)
					range++;
				expect_undo(&calls, i, ranges[range].start,
					    ranges[range].start +
					    ranges[range].size);
			}
		}
	}
}

/* Each entry holds the index of the next. */
static const unsigned long list[] = { 4, 6, 0, 1, 3, 7, 5, 2 };
static unsigned int nr_passed;

static unsigned long next_entry(unsigned long pos, unsigned long nr_units,
				void *arg)
{
	nr_passed += nr_units;
	while (nr_units--)
		pos = list[pos];
	return pos;
}

/* The order of the entries is 2 0 4 3 1 6 5 7, and then 2 again. */
static void list_is_gone_over_once(void)
{
	struct padata_mt_range ranges[] = {
		{ .start = 2, .size = 2 },
		{ .start = 4 },
		{ .start = 4, .size = 1 },
		{ .start = 3, .size = 5 },
	};
	struct padata_mt_job job = {
		.thread_fn	= note_call,
		.undo_fn	= note_undo,
		.next_fn	= next_entry,
		.align		= 1,
		.max_threads	= 1,
		.ranges		= ranges,
		.nr_ranges	= ARRAY_SIZE(ranges),
	};
	unsigned int nr_good;

	for (nr_good = 0; nr_good <= 3; nr_good++) {
		struct calls calls = { .nr_good = nr_good, .result = -EIO };
		unsigned int nr_undos = nr_good < 3 ? nr_good : 0;
		static const unsigned int nr_wanted[] = { 2, 3, 8, 8 };
		int err;

		nr_passed = 0;
		job.fn_arg = &calls;
		err = padata_do_multithreaded(&job);
		if (err != (nr_good < 3 ? -EIO : 0) ||
		    calls.nr_undos != nr_undos)
			fail("%u good calls: %d with %u undos", nr_good, err,
			     calls.nr_undos);
		if (nr_passed != nr_wanted[nr_good])
			fail("%u good calls: next_fn has passed %u units instead of %u",
			     nr_good, nr_passed, nr_wanted[nr_good]);
		if (nr_undos > 0)
			expect_undo(&calls, 0, 2, 4);
		if (nr_undos > 1)
			expect_undo(&calls, 1, 4, 3);
	}
}

/* Steps of 16 times min_chunk, which end on align. */
static void killable_job_is_done_in_steps(void)
{
	struct padata_mt_range ranges[] = {
		{ .start = 3, .size = 40 },	/* to 24, 40, 43 */
		{ .start = 100 },
		{ .start = 96, .size = 32 },	/* to 112, 128 */
	};
	static const unsigned long ends[] = { 24, 40, 43, 112, 128 };
	struct padata_mt_job job = {
		.thread_fn	= note_call,
		.undo_fn	= note_undo,
		.align		= 8,
		.min_chunk	= 1,
		.max_threads	= 1,
		.killable	= true,
		.ranges		= ranges,
		.nr_ranges	= ARRAY_SIZE(ranges),
	};
	unsigned int kill_in;

	for (kill_in = 1; kill_in <= 5; kill_in++) {
		struct calls calls = { .kill_in = kill_in };
		unsigned int nr_undos = kill_in == 5 ? 0 : kill_in == 4 ? 2 : 1;
		int err;

		job.fn_arg = &calls;
		err = padata_do_multithreaded(&job);
		caller_task.killed = false;

		/* A signal in the last call changes nothing. */
		if (err != (kill_in < 5 ? -EINTR : 0) || calls.nr != kill_in ||
		    calls.end != ends[kill_in - 1])
			fail("killed in call %u: %d after %u calls, up to %lu",
			     kill_in, err, calls.nr, calls.end);
		if (calls.nr_undos != nr_undos)
			fail("killed in call %u: %u undos instead of %u",
			     kill_in, calls.nr_undos, nr_undos);
		if (nr_undos)
			expect_undo(&calls, 0, 3, ends[min(kill_in, 3U) - 1]);
		if (nr_undos == 2)
			expect_undo(&calls, 1, 96, 112);
	}
}

static void bad_jobs_are_refused(void)
{
	check_bad_jobs(padata_do_multithreaded);
}

static void edge_jobs_are_done(void)
{
	check_edge_jobs(padata_do_multithreaded);
}

static const struct check checks[] = {
	{ "one call does the whole job", one_call_does_it_all },
	{ "the error of that call is returned", error_is_returned },
	{ "an empty job is not called", empty_job_is_not_called },
	{ "ranges are done in a call each", ranges_are_done_in_a_call_each },
	{ "the ranges before an error are undone",
	  ranges_before_an_error_are_undone },
	{ "a list is gone over once", list_is_gone_over_once },
	{ "a killable job is done in steps", killable_job_is_done_in_steps },
	{ "bad jobs are refused, with their fault named", bad_jobs_are_refused },
	{ "jobs that are just good enough are done", edge_jobs_are_done },
};

int main(int argc, char **argv)
{
	padata_init();
	return run_checks(checks, ARRAY_SIZE(checks), argc, argv);
}
