// SPDX-License-Identifier: GPL-2.0
/*
 * serial.c - test of padata_do_multithreaded() as it is without CONFIG_PADATA
 */

#include <errno.h>

#include <linux/padata.h>

#include "test.h"

#ifdef CONFIG_PADATA
#error "This is about a kernel without padata"
#endif

/* One thread, so there is nothing to schedule. */
void schedule_point(void)
{
}

struct calls {
	unsigned int	nr;
	unsigned long	start;
	unsigned long	end;
	int		result;
};

static int note_call(unsigned long start, unsigned long end, void *arg)
{
	struct calls *calls = arg;

	calls->nr++;
	calls->start = start;
	calls->end = end;
	return calls->result;
}

static void expect_one_call(unsigned long start, unsigned long size, int result)
{
	struct calls calls = { .result = result };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = note_call,
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
	{ "bad jobs are refused, with their fault named", bad_jobs_are_refused },
	{ "jobs that are just good enough are done", edge_jobs_are_done },
};

int main(int argc, char **argv)
{
	padata_init();
	return run_checks(checks, ARRAY_SIZE(checks), argc, argv);
}
