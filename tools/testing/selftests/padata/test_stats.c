// SPDX-License-Identifier: GPL-2.0
/*
 * What the counts in debugfs and the tracepoints tell of a job, by comparison
 * with what the job itself has seen.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "padata_util.h"

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/padata_selftest"
#define SIZE		4096

static const char * const counts[] = {
	"jobs", "jobs_alone", "jobs_failed", "helpers_wanted", "helpers_got",
	"helpers_cancelled", "chunks", "cpu_ns", "wait_ns",
};

FIXTURE(stats)
{
	long before[ARRAY_SIZE(counts)];
};

FIXTURE_SETUP(stats)
{
	const char *lacks = padata_lacks(NEED_BENCH | NEED_STATS);
	unsigned int i;

	if (lacks)
		SKIP(return, "%s", lacks);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		self->before[i] = padata_stat(counts[i]);
		ASSERT_LE(0, self->before[i])
			TH_LOG("no count \"%s\"", counts[i]);
	}
}

FIXTURE_TEARDOWN(stats)
{
}

/* How much a count has grown since the setup. */
static long grown(const long *before, const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		if (!strcmp(counts[i], name))
			return padata_stat(name) - before[i];
	return -ENOMSG;
}

TEST_F_TIMEOUT(stats, count_a_job_with_helpers, 120)
{
	struct bench_result result;
	cpu_set_t cpus;

	if (cpus_housekeeping(&cpus) < 2)
		SKIP(return, "one CPU for helpers, and the caller is on it");
	ASSERT_EQ(0, bench_run("size=%d gather=2 gather_ms=%d", SIZE,
			       GATHER_ALL_MS));
	ASSERT_EQ(0, bench_result(&result));

	EXPECT_EQ(1, grown(self->before, "jobs"));
	EXPECT_EQ(0, grown(self->before, "jobs_alone"));
	EXPECT_EQ(0, grown(self->before, "jobs_failed"));
	EXPECT_EQ(result.chunks, grown(self->before, "chunks"));
	EXPECT_LE(1, grown(self->before, "helpers_got"));
	EXPECT_LE(grown(self->before, "helpers_got"),
		  grown(self->before, "helpers_wanted"));
	/* One has helped: it was not cancelled. */
	EXPECT_LT(grown(self->before, "helpers_cancelled"),
		  grown(self->before, "helpers_got"));
}

TEST_F(stats, count_a_job_without_helpers)
{
	ASSERT_EQ(0, bench_run("size=%d threads=1", SIZE));

	EXPECT_EQ(1, grown(self->before, "jobs"));
	EXPECT_EQ(1, grown(self->before, "jobs_alone"));
	EXPECT_EQ(0, grown(self->before, "jobs_failed"));
	EXPECT_EQ(0, grown(self->before, "helpers_wanted"));
	EXPECT_EQ(0, grown(self->before, "helpers_got"));
}

TEST_F(stats, count_no_job_that_is_refused)
{
	ASSERT_EQ(-EINVAL, bench_run("size=%d align=3", SIZE));

	EXPECT_EQ(0, grown(self->before, "jobs"));
	EXPECT_EQ(0, grown(self->before, "chunks"));
}

FIXTURE(trace)
{
	int units[SIZE];
};

FIXTURE_SETUP(trace)
{
	const char *lacks = padata_lacks(NEED_BENCH);

	if (lacks)
		SKIP(return, "%s", lacks);
	if (access(TRACING "/events/padata/enable", F_OK))
		SKIP(return, "no " TRACING
		     "/events/padata: CONFIG_FTRACE, tracefs mounted");
	/* Left by a run that was stopped */
	rmdir(INSTANCE);
	ASSERT_EQ(0, mkdir(INSTANCE, 0700));
	/* A change of the default clock would empty the buffer. */
	ASSERT_EQ(0, file_write(INSTANCE "/trace_clock", "global"));
	ASSERT_EQ(0, file_write(INSTANCE "/events/padata/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	file_write(INSTANCE "/events/padata/enable", "0");
	rmdir(INSTANCE);
}

/* How many events of a kind there are, with the chunks' units counted. */
static int read_trace(const char *kind, int *units)
{
	char line[512], *event;
	unsigned long start, end;
	int nr = 0;
	FILE *file;

	file = fopen(INSTANCE "/trace", "r");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		event = strstr(line, kind);
		if (!event)
			continue;
		nr++;
		event = strstr(event, "start=");
		if (!units || !event ||
		    sscanf(event, "start=%lx end=%lx", &start, &end) != 2)
			continue;
		for (; start < end && start < SIZE; start++)
			units[start]++;
	}
	fclose(file);
	return nr;
}

TEST_F_TIMEOUT(trace, tells_of_a_job, 120)
{
	struct bench_result result;
	int unit;

	ASSERT_EQ(0, bench_run("size=%d", SIZE));
	ASSERT_EQ(0, bench_result(&result));

	EXPECT_EQ(1, read_trace("padata_mt_begin: ", NULL));
	EXPECT_EQ(1, read_trace("padata_mt_end: ", NULL));
	EXPECT_EQ(0, read_trace("padata_mt_error: ", NULL));
	EXPECT_EQ(0, read_trace("padata_mt_undo: ", NULL));
	EXPECT_EQ(result.chunks, read_trace("padata_mt_chunk: ", self->units));
	for (unit = 0; unit < SIZE; unit++)
		ASSERT_EQ(1, self->units[unit])
			TH_LOG("unit %d is not in one chunk", unit);
}

TEST_HARNESS_MAIN
