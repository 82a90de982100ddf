// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs that a process runs when it closes its files, which an exiting one does
 * late in its exit.  A job has to be done then as at any other time, helpers
 * included, and the kernel must not warn.
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "padata_util.h"

#define SIZE		256
#define NR_THREADS	4
#define TAINTED		"/proc/sys/kernel/tainted"

FIXTURE(exit)
{
	char tainted[64];
	int nr_cpus;
};

FIXTURE_VARIANT(exit)
{
	int as_caller;
};

FIXTURE_VARIANT_ADD(exit, workqueue) {
	.as_caller = 0,
};

/* An exiting process has no threads to give: these are ordinary helpers, too. */
FIXTURE_VARIANT_ADD(exit, as_caller) {
	.as_caller = 1,
};

FIXTURE_SETUP(exit)
{
	const char *lacks = padata_lacks(NEED_BENCH);
	cpu_set_t cpus;

	if (lacks)
		SKIP(return, "%s", lacks);
	self->nr_cpus = cpus_housekeeping(&cpus);
	ASSERT_EQ(0, file_read(TAINTED, self->tainted, sizeof(self->tainted)));
	/* Results of another job must not be taken for those of this one. */
	ASSERT_EQ(0, bench_run("size=1 threads=1"));
}

FIXTURE_TEARDOWN(exit)
{
}

/* In the process that is to run a job at its end.  The file stays open. */
static int keep_a_job(int as_caller, int gather)
{
	char line[128];
	int fd;

	snprintf(line, sizeof(line),
		 "at_release=1 as_caller=%d size=%d gather=%d gather_ms=%d",
		 as_caller, SIZE, gather, GATHER_ALL_MS);
	fd = open(PADATA_BENCH_RUN, O_WRONLY);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		_exit(1);
	return fd;
}

static void *wait_for_the_end(void *barrier)
{
	pthread_barrier_wait(barrier);
	while (1)
		pause();
	return NULL;
}

/* They share its files, and so the last one to leave closes them. */
static void start_threads(void)
{
	pthread_barrier_t barrier;
	pthread_t thread;
	int i;

	pthread_barrier_init(&barrier, NULL, NR_THREADS + 1);
	for (i = 0; i < NR_THREADS; i++)
		if (pthread_create(&thread, NULL, wait_for_the_end, &barrier))
			_exit(1);
	pthread_barrier_wait(&barrier);
}

static void end_by_close(int fd)
{
	_exit(close(fd) ? 1 : 0);
}

static void end_without_close(int fd)
{
	_exit(0);
}

static void end_by_kill(int fd)
{
	kill(getpid(), SIGKILL);
	/* Not reached */
	_exit(1);
}

static void end_with_threads(int fd)
{
	start_threads();
	_exit(0);
}

static void end_by_kill_with_threads(int fd)
{
	start_threads();
	end_by_kill(fd);
}

static void expect_a_job(struct __test_metadata *_metadata, int nr_cpus,
			 const char *tainted)
{
	struct bench_result result;
	char now[64];

	ASSERT_EQ(0, bench_result(&result));
	EXPECT_EQ(1, result.jobs);
	EXPECT_EQ(0, result.error);
	EXPECT_EQ(SIZE, result.units);
	if (nr_cpus > 1)
		EXPECT_LE(2, result.threads);
	/* That is how a warning shows, and an oops if the machine lives on. */
	ASSERT_EQ(0, file_read(TAINTED, now, sizeof(now)));
	EXPECT_STREQ(tainted, now);
}

/* Fork a child that keeps a job and ends like this. */
static void run_job_at_end(struct __test_metadata *_metadata, int as_caller,
			   int nr_cpus, void (*end)(int fd), int signal)
{
	int status;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child)
		end(keep_a_job(as_caller, nr_cpus > 1 ? 2 : 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	if (signal) {
		ASSERT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(signal, WTERMSIG(status));
	} else {
		ASSERT_TRUE(WIFEXITED(status));
		EXPECT_EQ(0, WEXITSTATUS(status));
	}
}

TEST_F_TIMEOUT(exit, runs_a_job_at_close, 120)
{
	run_job_at_end(_metadata, variant->as_caller, self->nr_cpus,
		       end_by_close, 0);
	expect_a_job(_metadata, self->nr_cpus, self->tainted);
}

TEST_F_TIMEOUT(exit, runs_a_job_without_close, 120)
{
	run_job_at_end(_metadata, variant->as_caller, self->nr_cpus,
		       end_without_close, 0);
	expect_a_job(_metadata, self->nr_cpus, self->tainted);
}

TEST_F_TIMEOUT(exit, runs_a_job_when_killed, 120)
{
	run_job_at_end(_metadata, variant->as_caller, self->nr_cpus,
		       end_by_kill, SIGKILL);
	expect_a_job(_metadata, self->nr_cpus, self->tainted);
}

TEST_F_TIMEOUT(exit, runs_a_job_in_a_group_exit, 120)
{
	run_job_at_end(_metadata, variant->as_caller, self->nr_cpus,
		       end_with_threads, 0);
	expect_a_job(_metadata, self->nr_cpus, self->tainted);
}

TEST_F_TIMEOUT(exit, runs_a_job_when_its_group_is_killed, 120)
{
	run_job_at_end(_metadata, variant->as_caller, self->nr_cpus,
		       end_by_kill_with_threads, SIGKILL);
	expect_a_job(_metadata, self->nr_cpus, self->tainted);
}

TEST_HARNESS_MAIN
