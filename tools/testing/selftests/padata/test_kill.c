// SPDX-License-Identifier: GPL-2.0
/*
 * What signals to its caller do to a job: a killable one is stopped by one that
 * kills, and by no other.  A signal that waits for its handler takes no helpers
 * away.
 */
#define _GNU_SOURCE

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "padata_util.h"

/* A minute of computing, in ranges, and so chunks, of 50 ms at most ... */
#define LONG_JOB	"ranges=1024 size=51200 work_ns=1000000 threads=2"
/* ... and two seconds of it */
#define SHORT_JOB	"ranges=1024 size=2048 work_ns=1000000 threads=2"

FIXTURE(kill)
{
	long failed;
};

FIXTURE_SETUP(kill)
{
	const char *lacks = padata_lacks(NEED_BENCH | NEED_STATS);

	if (lacks)
		SKIP(return, "%s", lacks);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one CPU: no job has helpers by which to see it begin");
	self->failed = padata_stat("jobs_failed");
	ASSERT_LE(0, self->failed);
}

FIXTURE_TEARDOWN(kill)
{
}

static int wait_for(struct __test_metadata *_metadata, pid_t child)
{
	int status = 0;

	EXPECT_EQ(child, waitpid(child, &status, 0));
	return status;
}

TEST_F_TIMEOUT(kill, stops_a_killable_job, 120)
{
	struct bench_result result;
	int status;
	pid_t child;

	child = padata_fork_job(LONG_JOB " killable=1", 0);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, kill(child, SIGKILL));
	status = wait_for(_metadata, child);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));

	ASSERT_EQ(0, bench_result(&result));
	EXPECT_EQ(-EINTR, result.error);
	EXPECT_EQ(self->failed + 1, padata_stat("jobs_failed"));
}

/* The kernel's own clients stop so when their process gets a plain SIGTERM. */
TEST_F_TIMEOUT(kill, stops_it_by_any_fatal_signal, 120)
{
	pid_t child;
	int status;

	child = padata_fork_job(LONG_JOB " killable=1 as_caller=1", 0);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, kill(child, SIGTERM));
	status = wait_for(_metadata, child);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGTERM, WTERMSIG(status));
	EXPECT_EQ(self->failed + 1, padata_stat("jobs_failed"));
}

TEST_F_TIMEOUT(kill, leaves_a_job_that_is_not_killable, 120)
{
	pid_t child;
	int status;

	child = padata_fork_job(SHORT_JOB, 0);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, kill(child, SIGKILL));
	status = wait_for(_metadata, child);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(self->failed, padata_stat("jobs_failed"));
}

TEST_F_TIMEOUT(kill, leaves_a_job_whose_caller_has_a_handler, 120)
{
	pid_t child;
	int status;

	child = padata_fork_job(SHORT_JOB " killable=1", SIGUSR1);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, kill(child, SIGUSR1));
	status = wait_for(_metadata, child);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(self->failed, padata_stat("jobs_failed"));
}

FIXTURE(signals)
{
	int nr_cpus;
};

FIXTURE_VARIANT(signals)
{
	int as_caller;
};

FIXTURE_VARIANT_ADD(signals, workqueue) {
	.as_caller = 0,
};

/* No thread can be cloned while a signal is pending. */
FIXTURE_VARIANT_ADD(signals, as_caller) {
	.as_caller = 1,
};

static void handle_signal(int signal)
{
}

FIXTURE_SETUP(signals)
{
	/* A program that looks after its children */
	struct sigaction action = {
		.sa_handler	= handle_signal,
		.sa_flags	= SA_RESTART,
	};
	const char *lacks = padata_lacks(NEED_BENCH);
	cpu_set_t cpus;

	if (lacks)
		SKIP(return, "%s", lacks);
	self->nr_cpus = cpus_housekeeping(&cpus);
	if (self->nr_cpus < 2)
		SKIP(return, "one CPU for helpers, and the caller is on it");
	ASSERT_EQ(0, sigaction(SIGCHLD, &action, NULL));
}

FIXTURE_TEARDOWN(signals)
{
}

static void expect_helpers(struct __test_metadata *_metadata, int as_caller,
			   int signal)
{
	struct bench_result result;

	ASSERT_EQ(0, bench_run("size=256 gather=2 gather_ms=10000 as_caller=%d signal=%d",
			       as_caller, signal));
	ASSERT_EQ(0, bench_result(&result));
	EXPECT_EQ(0, result.error);
	EXPECT_LE(2, result.threads);
}

TEST_F(signals, pending_leaves_helpers)
{
	expect_helpers(_metadata, variant->as_caller, SIGCHLD);
}

TEST_F(signals, blocked_leaves_helpers)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	expect_helpers(_metadata, variant->as_caller, SIGCHLD);
	ASSERT_EQ(0, sigprocmask(SIG_UNBLOCK, &set, NULL));
}

/* They come at any moment of the start of a job. */
TEST_F_TIMEOUT(signals, arriving_leave_helpers, 120)
{
	pid_t parent = getpid();
	pid_t child = fork();
	int i;

	ASSERT_LE(0, child);
	while (!child) {
		if (kill(parent, SIGCHLD))
			_exit(0);
		usleep(50);
	}
	for (i = 0; i < 100 && _metadata->exit_code == KSFT_PASS; i++)
		expect_helpers(_metadata, variant->as_caller, 0);
	kill(child, SIGKILL);
	wait_for(_metadata, child);
}

TEST_HARNESS_MAIN
