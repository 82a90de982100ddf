// SPDX-License-Identifier: GPL-2.0
/*
 * The sysctls kernel.padata_helpers and kernel.padata_helpers_percent: what they
 * take, what they refuse, and what comes of it.
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
	ASSERT_EQ(0, file_write(PADATA_HELPERS, "on"));
	ASSERT_EQ(0, file_write(PADATA_PERCENT, "100"));
}

/* main() restores the values, as it does when a test was killed. */
FIXTURE_TEARDOWN(sysctl)
{
}

static void expect_value(struct __test_metadata *_metadata, const char *path,
			 const char *expected)
{
	char value[64];

	ASSERT_EQ(0, file_read(path, value, sizeof(value)));
	EXPECT_STREQ(expected, value);
}

static void expect_taken(struct __test_metadata *_metadata, const char *path,
			 const char *value)
{
	EXPECT_EQ(0, file_write(path, value))
		TH_LOG("\"%s\" was refused", value);
	expect_value(_metadata, path, value);
}

/* It has to keep what it had. */
static void expect_refused(struct __test_metadata *_metadata, const char *path,
			   const char *value)
{
	char before[64];

	ASSERT_EQ(0, file_read(path, before, sizeof(before)));
	EXPECT_EQ(-EINVAL, file_write(path, value))
		TH_LOG("\"%s\" was not refused", value);
	expect_value(_metadata, path, before);
}

TEST_F(sysctl, helpers_takes_each_of_its_words)
{
	expect_taken(_metadata, PADATA_HELPERS, "off");
	expect_taken(_metadata, PADATA_HELPERS, "power");
	expect_taken(_metadata, PADATA_HELPERS, "on");

	EXPECT_EQ(0, file_write(PADATA_HELPERS, "off\n"));
	expect_value(_metadata, PADATA_HELPERS, "off");
}

TEST_F(sysctl, helpers_refuses_other_words)
{
	static const char * const words[] = {
		"\n", "of", "offline", "ON", "1", "on off", "power,on",
		"a word that is far longer than any that there is",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		expect_refused(_metadata, PADATA_HELPERS, words[i]);
}

TEST_F(sysctl, percent_takes_its_range)
{
	expect_taken(_metadata, PADATA_PERCENT, "1");
	expect_taken(_metadata, PADATA_PERCENT, "50");
	expect_taken(_metadata, PADATA_PERCENT, "100");
}

TEST_F(sysctl, percent_refuses_what_is_outside)
{
	static const char * const values[] = {
		"0", "101", "-1", "4294967297", "99999999999999999999", "half",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		expect_refused(_metadata, PADATA_PERCENT, values[i]);
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
		if (file_read(PADATA_HELPERS, value, sizeof(value)) ||
		    file_read(PADATA_PERCENT, value, sizeof(value)))
			_exit(2);
		if (file_write(PADATA_HELPERS, "off") != -EACCES ||
		    file_write(PADATA_PERCENT, "1") != -EACCES)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status))
		TH_LOG("1: no setuid(), 2: cannot read, 3: can write");
	expect_value(_metadata, PADATA_HELPERS, "on");
	expect_value(_metadata, PADATA_PERCENT, "100");
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

TEST_F_TIMEOUT(sysctl, helpers_off_leaves_callers_alone, 150)
{
	const char *lacks = padata_lacks(NEED_BENCH);

	if (lacks)
		SKIP(return, "%s", lacks);
	if (self->nr_cpus < 2)
		SKIP(return, "one CPU for helpers, and the caller is on it");

	EXPECT_LE(2, threads_of_job(_metadata, 2, GATHER_ALL_MS));
	ASSERT_EQ(0, file_write(PADATA_HELPERS, "off"));
	EXPECT_EQ(1, threads_of_job(_metadata, 2, GATHER_NONE_MS));
	ASSERT_EQ(0, file_write(PADATA_HELPERS, "on"));
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
	char helpers[64], percent[64];
	int had_helpers, had_percent, ret;

	had_helpers = !file_read(PADATA_HELPERS, helpers, sizeof(helpers));
	had_percent = !file_read(PADATA_PERCENT, percent, sizeof(percent));
	ret = test_harness_run(argc, argv);
	if (had_helpers)
		file_write(PADATA_HELPERS, helpers);
	if (had_percent)
		file_write(PADATA_PERCENT, percent);
	return ret;
}
