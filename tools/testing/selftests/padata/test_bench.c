// SPDX-License-Identifier: GPL-2.0
/*
 * The file that jobs are run by: what it takes, what it refuses, and that it says
 * so.
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "padata_util.h"

FIXTURE(bench)
{
	int log;
};

FIXTURE_SETUP(bench)
{
	const char *lacks = padata_lacks(NEED_BENCH);

	if (lacks)
		SKIP(return, "%s", lacks);
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->log);
	ASSERT_LE(0, lseek(self->log, 0, SEEK_END));
}

FIXTURE_TEARDOWN(bench)
{
	close(self->log);
}

/* Whether a line has come to the kernel's log since the last one that was read. */
static bool logged(int log, const char *says)
{
	char line[2048];
	ssize_t length;

	while (1) {
		length = read(log, line, sizeof(line) - 1);
		/* Some may have been lost, which is no reason to stop. */
		if (length < 0 && errno == EPIPE)
			continue;
		if (length <= 0)
			return false;
		line[length] = '\0';
		if (strstr(line, says))
			return true;
	}
}

static const struct {
	const char *line;
	const char *says;
} bad_lines[] = {
	{ "jobs", "jobs takes a number from 1 to 1000000, not \"\"" },
	{ "jobs=0", "jobs takes a number from 1 to 1000000, not \"0\"" },
	{ "size=many", "not \"many\"" },
	{ "size=1 as_caller=2", "as_caller takes a number from 0 to 1, not \"2\"" },
	{ "at_release=yes", "at_release takes a number from 0 to 1, not \"yes\"" },
	{ "nofs=-1", "nofs takes a number from 0 to 1, not \"-1\"" },
	{ "signal=1000", "signal takes a number from 0 to " },
	{ "work=1", "no setting \"work\"" },
};

TEST_F(bench, refuses_bad_lines)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_lines); i++) {
		EXPECT_EQ(-EINVAL, bench_run("%s", bad_lines[i].line))
			TH_LOG("the line is \"%s\"", bad_lines[i].line);
		EXPECT_TRUE(logged(self->log, bad_lines[i].says))
			TH_LOG("the log does not say: %s", bad_lines[i].says);
	}
}

TEST_F(bench, refuses_long_lines)
{
	char line[600];

	/* It would be good if it were shorter. */
	snprintf(line, sizeof(line), "size=%0590d", 1);
	EXPECT_EQ(-EINVAL, file_write(PADATA_BENCH_RUN, line));
	EXPECT_TRUE(logged(self->log, "a line has less than 512 characters"));
}

TEST_F(bench, takes_good_lines)
{
	struct bench_result result;

	ASSERT_EQ(0, bench_run("size=7 threads=1 jobs=3\n"));
	ASSERT_EQ(0, bench_result(&result));
	EXPECT_EQ(0, result.error);
	EXPECT_EQ(3, result.jobs);
	EXPECT_EQ(1, result.threads);
	EXPECT_EQ(0, result.helpers_chunks);
	EXPECT_EQ(21, result.units);
	/* Nobody to share it with: each job is one call. */
	EXPECT_EQ(3, result.chunks);
}

TEST_F(bench, passes_errors_on)
{
	struct bench_result result;

	/* Bad in the eyes of padata itself. */
	EXPECT_EQ(-EINVAL, bench_run("size=8 align=3"));
	ASSERT_EQ(0, bench_result(&result));
	EXPECT_EQ(-EINVAL, result.error);
	EXPECT_EQ(0, result.chunks);
}

TEST_HARNESS_MAIN
