// SPDX-License-Identifier: GPL-2.0
/*
 * The sysctl kernel.padata_helpers_percent: what it takes, what it refuses, and
 * what comes of it.
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "padata_util.h"

#define NOBODY	65534

FIXTURE(sysctl)
{
	int nr_cpus;
};

FIXTURE_SETUP(sysctl)
{
	const char *lacks = padata_lacks(NEED_SYSCTL);
	cpu_set_t cpus;

	if (lacks)
		SKIP(return, "%s", lacks);
	self->nr_cpus = cpus_housekeeping(&cpus);
	/* On another CPU the caller would leave room for one helper more. */
	ASSERT_EQ(0, cpus_allow(&cpus));
	ASSERT_EQ(0, file_write(PADATA_PERCENT, "100"));
}

/* main() restores the value, as it does when a test was killed. */
FIXTURE_TEARDOWN(sysctl)
{
}

static void expect_value(struct __test_metadata *_metadata,
			 const char *expected)
{
	char value[64];

	ASSERT_EQ(0, file_read(PADATA_PERCENT, value, sizeof(value)));
	EXPECT_STREQ(expected, value);
}

static void expect_taken(struct __test_metadata *_metadata, const char *value)
{
	EXPECT_EQ(0, file_write(PADATA_PERCENT, value))
		TH_LOG("\"%s\" was refused", value);
	expect_value(_metadata, value);
}

/* It has to keep what it had. */
static void expect_refused(struct __test_metadata *_metadata, const char *value)
{
	char before[64];

	ASSERT_EQ(0, file_read(PADATA_PERCENT, before, sizeof(before)));
	EXPECT_EQ(-EINVAL, file_write(PADATA_PERCENT, value))
		TH_LOG("\"%s\" was not refused", value);
	expect_value(_metadata, before);
}

TEST_F(sysctl, percent_takes_its_range)
{
	expect_taken(_metadata, "0");
	expect_taken(_metadata, "1");
	expect_taken(_metadata, "50");
	expect_taken(_metadata, "100");
}

TEST_F(sysctl, percent_refuses_what_is_outside)
{
	static const char * const values[] = {
		"101", "-1", "4294967296", "99999999999999999999", "half", "off",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		expect_refused(_metadata, values[i]);
}

TEST_F(sysctl, root_alone_may_write)
{
	int status;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		char value[64];

		if (setuid(NOBODY))
			_exit(1);
		if (file_read(PADATA_PERCENT, value, sizeof(value)))
			_exit(2);
		if (file_write(PADATA_PERCENT, "1") != -EACCES)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status))
		TH_LOG("1: no setuid(), 2: cannot read, 3: can write");
	expect_value(_metadata, "100");
}

/* Of a job that could do with more than @gather. */
static long threads_of_job(struct __test_metadata *_metadata, int gather, int ms)
{
	struct bench_result result;

	EXPECT_EQ(0, bench_run("size=%d gather=%d gather_ms=%d", 64 * gather,
			       gather, ms));
	EXPECT_EQ(0, bench_result(&result));
	return result.threads;
}

TEST_F_TIMEOUT(sysctl, zero_percent_leaves_callers_alone, 150)
{
	const char *lacks = padata_lacks(NEED_BENCH);

	if (lacks)
		SKIP(return, "%s", lacks);
	if (self->nr_cpus < 2)
		SKIP(return, "one CPU for helpers, and the caller is on it");

	EXPECT_LE(2, threads_of_job(_metadata, 2, GATHER_ALL_MS));
	ASSERT_EQ(0, file_write(PADATA_PERCENT, "0"));
	EXPECT_EQ(1, threads_of_job(_metadata, 2, GATHER_NONE_MS));
	ASSERT_EQ(0, file_write(PADATA_PERCENT, "100"));
	EXPECT_LE(2, threads_of_job(_metadata, 2, GATHER_ALL_MS));
}

TEST_F_TIMEOUT(sysctl, percent_limits_helpers, 150)
{
	const char *lacks = padata_lacks(NEED_BENCH);
	int nr_helpers;

	if (lacks)
		SKIP(return, "%s", lacks);
	if (self->nr_cpus < 3 || self->nr_cpus >= 200)
		SKIP(return, "with %d CPUs one percent is not one helper of many",
		     self->nr_cpus);

	ASSERT_EQ(0, file_write(PADATA_PERCENT, "1"));
	EXPECT_LE(2, threads_of_job(_metadata, 2, GATHER_ALL_MS));
	EXPECT_EQ(2, threads_of_job(_metadata, 3, GATHER_NONE_MS));

	ASSERT_EQ(0, file_write(PADATA_PERCENT, "100"));
	nr_helpers = self->nr_cpus - 1;
	EXPECT_LE(nr_helpers + 1,
		  threads_of_job(_metadata, nr_helpers + 1, GATHER_ALL_MS));
}

int main(int argc, char **argv)
{
	char percent[64];
	int had_percent, ret;

	had_percent = !file_read(PADATA_PERCENT, percent, sizeof(percent));
	ret = test_harness_run(argc, argv);
	if (had_percent)
		file_write(PADATA_PERCENT, percent);
	return ret;
}
