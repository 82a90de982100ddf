// SPDX-License-Identifier: GPL-2.0
/*
 * test.c - what the test programs share: how a check is run and reported
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/padata.h>
#include <linux/sched/signal.h>

#include "test.h"

/*
 * Ends the program after a lost wakeup or a deadlock.  This is far more than a
 * check takes on any machine.
 */
#define SECONDS_FOR_A_CHECK	300

/* One fault often causes thousands of failures. */
#define MAX_FAILURES_SAID	5

struct task_struct caller_task;
bool bottom_halves_off, in_interrupt_handler;

static unsigned int nr_failures;
static char last_warning[200];

bool check_has_failed(void)
{
	return nr_failures;
}

void fail(const char *fmt, ...)
{
	va_list args;

	if (nr_failures++ >= MAX_FAILURES_SAID)
		return;
	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

void say(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

void note_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_warning, sizeof(last_warning), fmt, args);
	va_end(args);
}

int run_checks(const struct check *checks, unsigned int nr_checks,
	       int argc, char **argv)
{
	bool all_passed = true, end_with_first = false;
	const char *word = "";
	unsigned int i;
	int option;

	while ((option = getopt(argc, argv, "no:x")) != -1) {
		switch (option) {
		case 'n':
			printf("%u\n", nr_checks);
			return EXIT_SUCCESS;
		case 'o':
			word = optarg;
			break;
		case 'x':
			end_with_first = true;
			break;
		default:
			return EXIT_FAILURE;
		}
	}

	/* No line must be lost when a sanitizer ends the program. */
	setvbuf(stdout, NULL, _IOLBF, 0);

	printf("1..%u\n", nr_checks);
	for (i = 0; i < nr_checks; i++) {
		if (!strstr(checks[i].name, word))
			continue;
		nr_failures = 0;
		alarm(SECONDS_FOR_A_CHECK);
		checks[i].run();
		all_passed &= !nr_failures;
		printf("%s %u - %s\n", nr_failures ? "not ok" : "ok", i + 1,
		       checks[i].name);
		if (end_with_first && !all_passed)
			break;
	}
	return all_passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static unsigned int nr_calls;

static int count_calls(unsigned long start, unsigned long end, void *arg)
{
	nr_calls++;
	return 0;
}

static const struct padata_mt_job good_job = {
	.thread_fn	= count_calls,
	.size		= 64,
	.align		= 1,
	.max_threads	= 1,
};

static void expect_refused(int (*do_job)(const struct padata_mt_job *job),
			   const struct padata_mt_job *job, const char *fault)
{
	int err;

	last_warning[0] = '\0';
	nr_calls = 0;
	err = do_job(job);

	if (err != -EINVAL || nr_calls)
		fail("a job with the fault \"%s\" came to %d in %u calls",
		     fault, err, nr_calls);
	if (!strstr(last_warning, fault))
		fail("a job with the fault \"%s\" got the warning \"%s\"",
		     fault, last_warning);
}

static void check_bad_ranges(int (*do_job)(const struct padata_mt_job *job))
{
	static const int no_nodes[] = { -2, INT_MIN, MAX_NUMNODES, INT_MAX };
	struct padata_mt_range ranges[2] = {
		{ .size = 8, .node = NUMA_NO_NODE },
		{ .start = 8, .size = 8, .node = MAX_NUMNODES - 1 },
	};
	struct padata_mt_job job = good_job;
	unsigned int i;

	job.size = 0;
	job.nr_ranges = 2;
	expect_refused(do_job, &job, "no ranges");

	job.ranges = ranges;
	job.size = 1;
	expect_refused(do_job, &job, "a size beside its ranges");

	job.size = 0;
	for (i = 0; i < ARRAY_SIZE(no_nodes); i++) {
		ranges[1].node = no_nodes[i];
		expect_refused(do_job, &job,
			       "a range is on no node that there can be");
	}
	ranges[1].node = 0;
	ranges[1].size = ULONG_MAX - 7;
	expect_refused(do_job, &job, "the end of a range is past ULONG_MAX");
}

void check_bad_jobs(int (*do_job)(const struct padata_mt_job *job))
{
	static const struct {
		unsigned long start, size;
	} too_far[] = {
		{ 1, ULONG_MAX }, { ULONG_MAX, 1 }, { ULONG_MAX, ULONG_MAX },
		{ ULONG_MAX / 2 + 1, ULONG_MAX / 2 + 1 },
	};
	static const unsigned long no_power_of_2[] = {
		0, 3, 6, ULONG_MAX, ULONG_MAX / 2 + 2,
	};
	static const int too_few[] = { 0, -1, INT_MIN };
	struct padata_mt_job job;
	unsigned int i;

	job = good_job;
	job.thread_fn = NULL;
	expect_refused(do_job, &job, "no thread_fn");

	for (i = 0; i < ARRAY_SIZE(too_far); i++) {
		job = good_job;
		job.start = too_far[i].start;
		job.size = too_far[i].size;
		expect_refused(do_job, &job, "its end is past ULONG_MAX");
	}
	for (i = 0; i < ARRAY_SIZE(no_power_of_2); i++) {
		job = good_job;
		job.align = no_power_of_2[i];
		expect_refused(do_job, &job, "align is not a power of two");
	}
	for (i = 0; i < ARRAY_SIZE(too_few); i++) {
		job = good_job;
		job.max_threads = too_few[i];
		expect_refused(do_job, &job, "max_threads is below 1");
	}
	job = good_job;
	job.use_mm = true;
	expect_refused(do_job, &job, "no mm to use");
	check_bad_ranges(do_job);

	/* Good jobs in bad places. */
	bottom_halves_off = true;
	expect_refused(do_job, &good_job, "called with interrupts or bottom halves off");
	bottom_halves_off = false;
	in_interrupt_handler = true;
	expect_refused(do_job, &good_job, "called with interrupts or bottom halves off");
	in_interrupt_handler = false;

	/* A bad job is refused even if it has nothing to do. */
	job = good_job;
	job.size = 0;
	job.align = 0;
	expect_refused(do_job, &job, "align is not a power of two");
}

static void expect_accepted(int (*do_job)(const struct padata_mt_job *job),
			    const struct padata_mt_job *job)
{
	int err;

	last_warning[0] = '\0';
	err = do_job(job);
	if (err || last_warning[0])
		fail("start %lu size %lu align %lu max_threads %d: %d \"%s\"",
		     job->start, job->size, job->align, job->max_threads, err,
		     last_warning);
}

void check_edge_jobs(int (*do_job)(const struct padata_mt_job *job))
{
	static const unsigned long sizes[] = {
		0, 1, LONG_MAX, (unsigned long)LONG_MAX + 1, ULONG_MAX
	};
	struct padata_mt_range ranges[] = {
		{ .node = NUMA_NO_NODE },
		{ .size = ULONG_MAX - 1, .node = MAX_NUMNODES - 1 },
		{ .start = ULONG_MAX - 1, .size = 1 },
		{ .start = ULONG_MAX },
	};
	struct padata_mt_job job;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		job = good_job;
		job.start = ULONG_MAX - sizes[i];
		job.size = sizes[i];
		job.min_chunk = ULONG_MAX;
		expect_accepted(do_job, &job);
	}
	for (i = 0; i < 8 * sizeof(long); i++) {
		job = good_job;
		job.align = 1UL << i;
		expect_accepted(do_job, &job);
	}
	job = good_job;
	job.max_threads = INT_MAX;
	expect_accepted(do_job, &job);

	job.use_mm = true;
	caller_task.mm = &job;
	expect_accepted(do_job, &job);
	caller_task.mm = NULL;

	job = good_job;
	job.size = 0;
	job.ranges = ranges;
	job.nr_ranges = ARRAY_SIZE(ranges);
	expect_accepted(do_job, &job);
}
