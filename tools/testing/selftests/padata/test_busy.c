// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs on CPUs that other programs want: helpers that cannot run must not keep
 * their caller, nor anybody else.
 *
 * This compares times, so it needs CPUs of its own: a guest may have none.
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "padata_util.h"

#define NR_HOGS		20

/* 10 ms of work for one thread, in chunks of 1 ms at least */
#define JOBS		"size=200 work_ns=50000 min_chunk=20"
#define JOBS_A_ROUND	10

#define NR_CYCLES	5
#define HOTPLUG_ROUNDS	4

FIXTURE(busy)
{
	cpu_set_t two;
	int last;		/* the last CPU, neither of the two */
	int aside;		/* one that is none of these */
	pid_t hogs[NR_HOGS];
};

/* Processes end with whoever has started them. */
static pid_t fork_on(const cpu_set_t *cpus)
{
	pid_t parent = getpid(), child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || cpus_allow(cpus))
			_exit(1);
	}
	return child;
}

/* An emulator that counts instructions is soon through with these. */
static void be_a_hog(void)
{
	while (1)
		asm volatile(".rept 400\n\tnop\n\t.endr");
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

FIXTURE_SETUP(busy)
{
	const char *lacks = padata_lacks(NEED_BENCH);
	cpu_set_t cpus;
	int i, cpu;

	if (lacks)
		SKIP(return, "%s", lacks);
	if (cpus_housekeeping(&cpus) < 4)
		SKIP(return, "it takes two CPUs for programs, one to go offline, and one beside");
	cpus_first(&self->two, &cpus, 2);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cpus) || CPU_ISSET(cpu, &self->two))
			continue;
		self->aside = self->last;
		self->last = cpu;
	}

	for (i = 0; i < NR_HOGS; i++) {
		self->hogs[i] = fork_on(&self->two);
		ASSERT_LE(0, self->hogs[i]);
		if (!self->hogs[i])
			be_a_hog();
	}
}

FIXTURE_TEARDOWN(busy)
{
	int i;

	for (i = 0; i < NR_HOGS; i++)
		if (self->hogs[i] > 0)
			end(self->hogs[i]);
}

/* Run some jobs, and add what came of them to @sum. */
static void run_jobs(struct __test_metadata *_metadata, const char *words,
		     struct bench_result *sum)
{
	struct bench_result result;

	ASSERT_EQ(0, bench_run(JOBS " jobs=%d %s", JOBS_A_ROUND, words));
	ASSERT_EQ(0, bench_result(&result));
	ASSERT_EQ(JOBS_A_ROUND, result.jobs);
	sum->jobs += result.jobs;
	sum->chunks += result.chunks;
	sum->helpers_chunks += result.helpers_chunks;
	if (result.longest_ns > sum->longest_ns)
		sum->longest_ns = result.longest_ns;
}

/* In turn, as what else the machine does changes. */
static void compare_jobs(struct __test_metadata *_metadata, const char *words,
			 int rounds)
{
	struct bench_result alone = {}, helped = {};

	while (rounds--) {
		run_jobs(_metadata, "threads=1", &alone);
		run_jobs(_metadata, words, &helped);
	}
	TH_LOG("helpers did %ld of %ld chunks in %ld jobs",
	       helped.helpers_chunks, helped.chunks, helped.jobs);
	TH_LOG("the longest took %ld us, and %ld us with one thread",
	       helped.longest_ns / 1000, alone.longest_ns / 1000);
	/* The longest of so few differ by half. */
	EXPECT_LE(helped.longest_ns, alone.longest_ns * 2);
}

TEST_F_TIMEOUT(busy, helpers_keep_no_job, 600)
{
	ASSERT_EQ(0, cpus_allow(&self->two));
	compare_jobs(_metadata, "", 20);
}

TEST_F_TIMEOUT(busy, helpers_as_caller_keep_no_job, 600)
{
	ASSERT_EQ(0, cpus_allow(&self->two));
	compare_jobs(_metadata, "as_caller=1", 8);
}

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

/* The longest that a CPU takes to go offline and come back, in us. */
static long longest_cycle(struct __test_metadata *_metadata, const char *path)
{
	long longest = 0, began, us;
	int i;

	for (i = 0; i < NR_CYCLES; i++) {
		began = now_us();
		ASSERT_EQ(0, file_write(path, "0"));
		ASSERT_EQ(0, file_write(path, "1"));
		us = now_us() - began;
		if (us > longest)
			longest = us;
	}
	return longest;
}

TEST_F_TIMEOUT(busy, helpers_keep_no_hotplug, 600)
{
	long without = 0, with = 0, us;
	cpu_set_t aside;
	char path[128];
	pid_t child;
	int round;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 self->last);
	if (access(path, W_OK))
		SKIP(return, "no %s: CONFIG_HOTPLUG_CPU", path);
	CPU_ZERO(&aside);
	CPU_SET(self->aside, &aside);
	ASSERT_EQ(0, cpus_allow(&aside));
	for (round = 0; round < HOTPLUG_ROUNDS; round++) {
		us = longest_cycle(_metadata, path);
		if (us > without)
			without = us;

		child = fork_on(&self->two);
		ASSERT_LE(0, child);
		while (!child)
			bench_run(JOBS " jobs=1000");
		us = longest_cycle(_metadata, path);
		if (us > with)
			with = us;
		end(child);
	}
	TH_LOG("the longest way offline and online took %ld us without jobs, %ld beside them",
	       without, with);
	EXPECT_LE(with * 2, without * 3);
}

TEST_HARNESS_MAIN
