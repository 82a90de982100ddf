// SPDX-License-Identifier: GPL-2.0
/*
 * A job keeps to the limits of its caller, and off isolated CPUs.
 *
 * Threads are counted, and never timed: where all are to come, each waits in the
 * job until they have; and where one more must not come, they wait for it a while.
 */
#define _GNU_SOURCE

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cgroup/cgroup_util.h"
#include "../kselftest_harness.h"
#include "padata_util.h"

#define PARENT	"padata_selftest"
#define CHILD	PARENT "/child"

/* Two cgroups, one in the other. */
struct groups {
	char root[PATH_MAX];
	char *parent;
	char *child;
};

FIXTURE(limits)
{
	cpu_set_t cpus;
	int nr;
	struct groups groups;
};

FIXTURE_VARIANT(limits)
{
	int as_caller;
};

FIXTURE_VARIANT_ADD(limits, workqueue) {
	.as_caller = 0,
};

/* Helpers are threads of the caller's process. */
FIXTURE_VARIANT_ADD(limits, as_caller) {
	.as_caller = 1,
};

FIXTURE_SETUP(limits)
{
	const char *lacks = padata_lacks(NEED_BENCH);

	if (lacks)
		SKIP(return, "%s", lacks);
	self->nr = cpus_housekeeping(&self->cpus);
	ASSERT_LE(1, self->nr);
	ASSERT_EQ(0, cpus_allow(&self->cpus));
}

static void remove_groups(const struct groups *groups)
{
	cg_enter_current(groups->root);
	cg_destroy(groups->child);
	cg_destroy(groups->parent);
}

FIXTURE_TEARDOWN(limits)
{
	if (!self->groups.parent)
		return;
	remove_groups(&self->groups);
	free(self->groups.parent);
	free(self->groups.child);
}

static struct bench_result run(struct __test_metadata *_metadata, int gather,
			       int ms, int as_caller)
{
	struct bench_result result;

	/* Enough for each to have a chunk, and wait in it. */
	ASSERT_EQ(0, bench_run("size=%d gather=%d gather_ms=%d as_caller=%d",
			       64 * gather, gather, ms, as_caller));
	ASSERT_EQ(0, bench_result(&result));
	return result;
}

/* A job must have all of @nr threads, and no more. */
static void expect_threads(struct __test_metadata *_metadata, int nr,
			   int as_caller)
{
	EXPECT_LE(nr, run(_metadata, nr, GATHER_ALL_MS, as_caller).threads);
	EXPECT_EQ(nr, run(_metadata, nr + 1, GATHER_NONE_MS,
			  as_caller).threads);
}

/* There must be a helper, and none elsewhere. */
static void expect_helpers_on(struct __test_metadata *_metadata,
			      const cpu_set_t *cpus, int as_caller)
{
	struct bench_result result;
	cpu_set_t there;

	result = run(_metadata, 2, GATHER_ALL_MS, as_caller);
	EXPECT_LE(1, result.helpers_chunks);
	CPU_AND(&there, &result.helpers_on, cpus);
	EXPECT_TRUE(CPU_EQUAL(&there, &result.helpers_on));

	result = run(_metadata, CPU_COUNT(cpus) + 1, GATHER_NONE_MS, as_caller);
	CPU_AND(&there, &result.helpers_on, cpus);
	EXPECT_TRUE(CPU_EQUAL(&there, &result.helpers_on));
}

/* ---- affinity ---------------------------------------------------------- */

TEST_F_TIMEOUT(limits, free_caller_has_all_cpus, 100)
{
	expect_threads(_metadata, self->nr, variant->as_caller);
}

TEST_F_TIMEOUT(limits, helpers_keep_to_affinity, 200)
{
	cpu_set_t two;

	if (self->nr < 3)
		SKIP(return, "%d CPUs: two of them are no limit", self->nr);
	cpus_first(&two, &self->cpus, 2);
	ASSERT_EQ(0, cpus_allow(&two));
	expect_threads(_metadata, 2, variant->as_caller);
	expect_helpers_on(_metadata, &two, variant->as_caller);

	ASSERT_EQ(0, cpus_allow(&self->cpus));
	expect_threads(_metadata, self->nr, variant->as_caller);
}

/* A minute and more of computing, in chunks of 1 ms at most */
#define LONG_JOB	"size=2000000 work_ns=60000 killable=1 as_caller=%d"
#define WINDOW_US	500000
#define NR_WINDOWS	20

/*
 * Whether helpers begin no chunk on @cpus for as long as a window.  They may do
 * one that they had begun before, so it is not the first window that counts.
 */
static bool leave_cpus(const cpu_set_t *cpus)
{
	long before, after;
	int i;

	after = bench_begun(cpus);
	for (i = 0; i < NR_WINDOWS; i++) {
		before = after;
		usleep(WINDOW_US);
		after = bench_begun(cpus);
		if (before == after)
			return true;
	}
	return false;
}

static pid_t fork_long_job(struct __test_metadata *_metadata, int as_caller)
{
	pid_t child;

	/* What earlier jobs have begun must not be taken for its chunks. */
	ASSERT_EQ(0, bench_run("size=1 threads=1"));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		bench_run(LONG_JOB, as_caller);
		_exit(0);
	}
	return child;
}

static bool begin_on(const cpu_set_t *cpus)
{
	int i;

	for (i = 0; i < NR_WINDOWS; i++) {
		if (bench_begun(cpus) > 0)
			return true;
		usleep(WINDOW_US);
	}
	return false;
}

/* The first of the CPUs on which a helper has begun a chunk, if there is one. */
static void first_begun(cpu_set_t *begun, const cpu_set_t *cpus)
{
	int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(begun);
		CPU_SET(cpu, begun);
		if (CPU_ISSET(cpu, cpus) && bench_begun(begun) > 0)
			return;
	}
	CPU_ZERO(begun);
}

TEST_F_TIMEOUT(limits, helpers_follow_affinity, 200)
{
	cpu_set_t rest, others;
	bool began, left;
	pid_t child;

	if (self->nr < 2)
		SKIP(return, "one CPU is no limit");
	child = fork_long_job(_metadata, variant->as_caller);
	began = begin_on(&self->cpus);
	EXPECT_TRUE(began);

	/* Take a CPU away on which a helper has begun: where, is up to padata. */
	first_begun(&others, &self->cpus);
	CPU_XOR(&rest, &self->cpus, &others);
	EXPECT_EQ(0, sched_setaffinity(child, sizeof(rest), &rest));
	left = leave_cpus(&others);
	/* It has not just come to its end. */
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	EXPECT_TRUE(left)
		TH_LOG("helpers go on where the caller may no longer run");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

TEST_F_TIMEOUT(limits, caller_on_one_cpu_works_alone, 100)
{
	cpu_set_t one;

	if (self->nr < 2)
		SKIP(return, "one CPU is no limit");
	cpus_first(&one, &self->cpus, 1);
	ASSERT_EQ(0, cpus_allow(&one));
	expect_threads(_metadata, 1, variant->as_caller);
}

/* ---- isolated CPUs ----------------------------------------------------- */

TEST_F_TIMEOUT(limits, helpers_keep_off_isolated_cpus, 100)
{
	cpu_set_t all;

	if (!cpus_isolated(&all))
		SKIP(return, "no CPU is in nohz_full= or isolcpus=");
	if (self->nr < 2)
		SKIP(return, "no other CPU is left for a helper");
	/* The caller may go where it likes: helpers must not follow it. */
	CPU_OR(&all, &all, &self->cpus);
	ASSERT_EQ(0, cpus_allow(&all));
	expect_helpers_on(_metadata, &self->cpus, variant->as_caller);
}

/* Returns NULL, or the reason why there are none. */
static const char *make_groups(struct groups *groups, char *controller)
{
	if (cg_find_unified_root(groups->root, sizeof(groups->root), NULL))
		return "cgroup v2 is not mounted";
	if (cg_write(groups->root, "cgroup.subtree_control", controller))
		return "the controller is not in cgroup v2";
	groups->parent = cg_name(groups->root, PARENT);
	groups->child = cg_name(groups->root, CHILD);
	/* Left by a run that was stopped */
	remove_groups(groups);
	if (cg_create(groups->parent) ||
	    cg_write(groups->parent, "cgroup.subtree_control", controller) ||
	    cg_create(groups->child))
		return "no groups can be made";
	return NULL;
}

/* As the kernel reads them */
static void print_cpus(char *text, size_t size, const cpu_set_t *cpus)
{
	size_t length = 0;
	int cpu;

	text[0] = '\0';
	for (cpu = 0; cpu < CPU_SETSIZE && length < size; cpu++)
		if (CPU_ISSET(cpu, cpus))
			length += snprintf(text + length, size - length,
					   length ? ",%d" : "%d", cpu);
}

TEST_F_TIMEOUT(limits, helpers_keep_off_isolated_partitions, 200)
{
	char list[4096], state[256];
	const char *lacks, *parent;
	cpu_set_t rest, apart;

	if (self->nr < 4)
		SKIP(return, "%d CPUs: two cannot be isolated", self->nr);
	lacks = make_groups(&self->groups, "+cpuset");
	if (lacks)
		SKIP(return, "%s: CONFIG_CPUSETS", lacks);
	parent = self->groups.parent;

	cpus_first(&rest, &self->cpus, self->nr - 2);
	CPU_XOR(&apart, &self->cpus, &rest);
	print_cpus(list, sizeof(list), &apart);
	ASSERT_EQ(0, cg_write(parent, "cgroup.subtree_control", "-cpuset"));
	ASSERT_EQ(0, cg_write(parent, "cpuset.cpus", list));
	ASSERT_EQ(0, cg_write(parent, "cpuset.cpus.partition", "isolated"));
	ASSERT_EQ(0, cg_read(parent, "cpuset.cpus.partition", state,
			     sizeof(state)));
	if (strcmp(state, "isolated\n"))
		SKIP(return, "CPUs %s cannot be isolated: %s", list, state);

	/* What is isolated is no longer open to callers outside, either. */
	expect_helpers_on(_metadata, &rest, variant->as_caller);
	expect_threads(_metadata, CPU_COUNT(&rest), variant->as_caller);

	ASSERT_EQ(0, cg_enter_current(parent));
	expect_threads(_metadata, 1, variant->as_caller);
}

/* ---- quota ------------------------------------------------------------- */

TEST_F_TIMEOUT(limits, threads_keep_to_quota, 300)
{
	const char *lacks;

	if (self->nr < 3)
		SKIP(return, "%d CPUs: two of them are no limit", self->nr);
	lacks = make_groups(&self->groups, "+cpu");
	if (lacks)
		SKIP(return, "%s: CONFIG_CFS_BANDWIDTH", lacks);
	ASSERT_EQ(0, cg_enter_current(self->groups.child));

	ASSERT_EQ(0, cg_write(self->groups.child, "cpu.max", "100000 100000"));
	expect_threads(_metadata, 1, variant->as_caller);
	/* Two of them at work do not exceed this, and three would. */
	ASSERT_EQ(0, cg_write(self->groups.child, "cpu.max", "290000 100000"));
	expect_threads(_metadata, 2, variant->as_caller);
	ASSERT_EQ(0, cg_write(self->groups.child, "cpu.max", "max 100000"));
	expect_threads(_metadata, self->nr, variant->as_caller);
}

TEST_F_TIMEOUT(limits, threads_keep_to_quota_of_ancestors, 200)
{
	const char *lacks;

	if (self->nr < 2)
		SKIP(return, "one CPU is no limit");
	lacks = make_groups(&self->groups, "+cpu");
	if (lacks)
		SKIP(return, "%s: CONFIG_CFS_BANDWIDTH", lacks);
	ASSERT_EQ(0, cg_enter_current(self->groups.child));

	ASSERT_EQ(0, cg_write(self->groups.parent, "cpu.max", "100000 100000"));
	expect_threads(_metadata, 1, variant->as_caller);
	ASSERT_EQ(0, cg_write(self->groups.parent, "cpu.max", "max 100000"));
	expect_threads(_metadata, self->nr, variant->as_caller);
}

/* ---- memory ------------------------------------------------------------ */

/* More than all CPUs together have charged in advance, for each helper */
#define NR_PAGES	16384

TEST_F_TIMEOUT(limits, memory_is_charged_to_the_group, 200)
{
	struct bench_result result;
	long before, charged;
	const char *lacks;

	if (self->nr < 2)
		SKIP(return, "one CPU for helpers, and the caller is on it");
	lacks = make_groups(&self->groups, "+memory");
	if (lacks)
		SKIP(return, "%s: CONFIG_MEMCG", lacks);
	ASSERT_EQ(0, cg_enter_current(self->groups.child));

	before = cg_read_long(self->groups.child, "memory.current");
	ASSERT_EQ(0, bench_run("size=%d charge=1 gather=%d gather_ms=%d as_caller=%d",
			       NR_PAGES, self->nr, GATHER_ALL_MS,
			       variant->as_caller));
	ASSERT_EQ(0, bench_result(&result));
	charged = cg_read_long(self->groups.child, "memory.current") - before;
	EXPECT_LE(1, result.helpers_chunks);
	/*
	 * Some pages were charged in advance, and are in what was before.  What
	 * the helpers begin with is an eighth of all, or more.
	 */
	EXPECT_LE(NR_PAGES / 16 * 15L * getpagesize(), charged);
	/* Gives the pages back. */
	ASSERT_EQ(0, bench_run("size=1"));
}

TEST_HARNESS_MAIN
