// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of how many helpers a multithreaded job gets, and where.
 *
 * Most of them look at what is decided.  That does not depend on when a helper
 * starts.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/sched.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include "../padata_run.h"
#include "../workqueue_internal.h"
#include "padata_kunit.h"

/* A job that has claimed CPUs for its helpers, as if it were running. */
struct placed {
	struct padata_mt_run	run;
	struct list_head	works;
	unsigned int		nr;
	unsigned int		nr_on_node[MAX_NUMNODES];
};

static void place(struct placed *placed, const struct padata_mt_job *job,
		  unsigned int nr_wanted)
{
	struct padata_work *pw;
	unsigned int nr_works;
	LIST_HEAD(unplaced);

	INIT_LIST_HEAD(&placed->works);
	memset(placed->nr_on_node, 0, sizeof(placed->nr_on_node));
	placed->run.callers_cpus = padata_callers_cpus();

	nr_works = padata_works_get(&unplaced, nr_wanted);
	placed->nr = padata_place_helpers(&placed->run, job, &unplaced, nr_works,
					  &placed->works);
	padata_works_put(&unplaced);

	list_for_each_entry(pw, &placed->works, list)
		placed->nr_on_node[pw->node]++;
}

static void unplace(struct placed *placed)
{
	struct padata_work *pw;

	list_for_each_entry(pw, &placed->works, list)
		padata_unplace_helper(pw->cpu, pw->node);
	padata_works_put(&placed->works);
}

/*
 * A helper that came too late has its CPU until it is gone: before each test, and
 * before it looks where helpers would be.
 */
static int wait_for_late_helpers(struct kunit *test)
{
	expect_all_works_free(test);
	return 0;
}

static const struct padata_mt_job near_job = {
	.max_threads	= INT_MAX,
};

/* Where its ranges are does not matter: helpers go to all nodes. */
static const struct padata_mt_job spread_job = {
	.max_threads	= INT_MAX,
	.nr_ranges	= 1,
};

/* CPUs that helpers may use; the tests run on one of them. */
static unsigned int nr_usable_cpus(void)
{
	return cpumask_weight_and(wq_unbound_cpus(), cpu_online_mask);
}

static unsigned int nr_usable_on(int node)
{
	unsigned int nr = 0;
	int cpu;

	for_each_cpu_and(cpu, wq_unbound_cpus(), cpumask_of_node(node))
		nr += cpu_online(cpu);
	return nr;
}

static struct placed *alloc_placed(struct kunit *test)
{
	struct placed *placed = kunit_kzalloc(test, sizeof(*placed), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, placed);
	return placed;
}

/* Keep the test on one CPU, so that it knows where the caller is. */
static int pin_to_a_cpu(struct cpumask *old)
{
	int cpu = cpumask_any_and(wq_unbound_cpus(), cpu_online_mask);

	cpumask_copy(old, &current->cpus_mask);
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
	return cpu;
}

static void limits_as_many_as_cpus(struct kunit *test)
{
	struct placed *placed = alloc_placed(test);
	unsigned int spread, max;
	int node;

	for (spread = 0; spread < 2; spread++) {
		place(placed, spread ? &spread_job : &near_job, UINT_MAX);
		KUNIT_EXPECT_EQ(test, placed->nr, nr_usable_cpus() - 1);
		for_each_online_node(node)
			KUNIT_EXPECT_LE(test, placed->nr_on_node[node],
					nr_usable_on(node));
		unplace(placed);
	}

	/* No more than are wanted. */
	for (max = 0; max < nr_usable_cpus(); max++) {
		place(placed, &spread_job, max);
		KUNIT_EXPECT_EQ(test, placed->nr, max);
		unplace(placed);
	}
}

/*
 * Whether so many helpers of so many are placed on a node, once in a long time: a
 * CPU that has something else to do at the moment is left out.
 */
static bool places_on_node(struct placed *placed, int node, unsigned int nr_wanted,
			   unsigned int nr_there)
{
	unsigned long until = jiffies + LOST_HELPER;
	bool placed_there;

	do {
		place(placed, &near_job, nr_wanted);
		placed_there = placed->nr == nr_wanted &&
			       placed->nr_on_node[node] == nr_there;
		unplace(placed);
		if (!placed_there)
			cond_resched();
	} while (!placed_there && time_before(jiffies, until));
	return placed_there;
}

/* The same for helpers of a job with ranges: one on each node but @here. */
static bool places_elsewhere(struct placed *placed, int here)
{
	unsigned long until = jiffies + LOST_HELPER;
	bool placed_elsewhere;
	int node;

	do {
		place(placed, &spread_job, num_node_state(N_CPU) - 1);
		placed_elsewhere = !placed->nr_on_node[here];
		for_each_node_state(node, N_CPU)
			placed_elsewhere &= placed->nr_on_node[node] <= 1;
		unplace(placed);
		if (!placed_elsewhere)
			cond_resched();
	} while (!placed_elsewhere && time_before(jiffies, until));
	return placed_elsewhere;
}

/* A job uses up near CPUs first.  A job with ranges uses those of all nodes. */
static void limits_nodes(struct kunit *test)
{
	struct placed *placed = alloc_placed(test);
	int here;

	if (num_node_state(N_CPU) < 2)
		kunit_skip(test, "needs 2 nodes with CPUs");

	migrate_disable();
	here = numa_node_id();
	if (nr_usable_on(here) > 1)
		KUNIT_EXPECT_TRUE(test, places_on_node(placed, here,
						       nr_usable_on(here) - 1,
						       nr_usable_on(here) - 1));
	KUNIT_EXPECT_TRUE(test, places_on_node(placed, here, nr_usable_on(here),
					       nr_usable_on(here) - 1));

	KUNIT_EXPECT_TRUE(test, places_elsewhere(placed, here));
	migrate_enable();
}

/* A CPU that has a helper of one job gets none of another job. */
static void limits_are_shared(struct kunit *test)
{
	struct placed *first = alloc_placed(test), *second = alloc_placed(test);

	place(first, &spread_job, UINT_MAX);
	place(second, &spread_job, UINT_MAX);
	/* Each leaves out the CPU that the test is on, and the test may have moved. */
	KUNIT_EXPECT_LE(test, second->nr, 1);
	KUNIT_EXPECT_LE(test, first->nr + second->nr, nr_usable_cpus());
	unplace(second);
	unplace(first);

	place(second, &spread_job, UINT_MAX);
	KUNIT_EXPECT_EQ(test, second->nr, nr_usable_cpus() - 1);
	unplace(second);
}

static void limits_percent(struct kunit *test)
{
	unsigned int old = padata_helpers_percent, percent;
	struct placed *placed = alloc_placed(test);
	int node;

	for (percent = 0; percent <= 100; percent++) {
		padata_helpers_percent = percent;
		place(placed, &spread_job, UINT_MAX);
		KUNIT_EXPECT_LE(test, placed->nr,
				DIV_ROUND_UP(nr_usable_cpus() * percent, 100));
		if (percent && nr_usable_cpus() > 1)
			KUNIT_EXPECT_GE(test, placed->nr, 1);
		for_each_online_node(node)
			KUNIT_EXPECT_LE(test, placed->nr_on_node[node],
					DIV_ROUND_UP(nr_usable_on(node) * percent,
						     100));
		unplace(placed);
	}
	padata_helpers_percent = old;
}

static void limits_hotplug(struct kunit *test)
{
	struct placed *placed = alloc_placed(test);
	int cpu = cpumask_last(cpu_online_mask);
	unsigned int nr_before = nr_usable_cpus();
	int node = cpu_to_node(cpu);
	unsigned int nr_on_node = nr_usable_on(node);
	bool usable = cpumask_test_cpu(cpu, wq_unbound_cpus());

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || nr_before < 3 || !usable)
		kunit_skip(test, "needs 3 CPUs that helpers may use, and hotplug");
	if (remove_cpu(cpu))
		kunit_skip(test, "the last CPU does not go offline");

	place(placed, &spread_job, UINT_MAX);
	KUNIT_EXPECT_EQ(test, placed->nr, nr_before - 2);
	KUNIT_EXPECT_LT(test, placed->nr_on_node[node], nr_on_node);
	unplace(placed);

	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
	place(placed, &spread_job, UINT_MAX);
	KUNIT_EXPECT_EQ(test, placed->nr, nr_before - 1);
	unplace(placed);
}

struct placing_work {
	struct work_struct	work;
	struct placed		*placed;
};

static void place_in_work(struct work_struct *work)
{
	struct placing_work *pw = container_of(work, struct placing_work, work);

	place(pw->placed, &spread_job, UINT_MAX);
	unplace(pw->placed);
}

/* A per-CPU worker is bound to its CPU, but its job may use all CPUs. */
static void limits_per_cpu_threads_are_free(struct kunit *test)
{
	struct placing_work work = { .placed = alloc_placed(test) };

	INIT_WORK_ONSTACK(&work.work, place_in_work);
	queue_work_on(cpumask_any_and(wq_unbound_cpus(), cpu_online_mask),
		      system_long_wq, &work.work);
	flush_work(&work.work);
	destroy_work_on_stack(&work.work);
	KUNIT_EXPECT_EQ(test, work.placed->nr, nr_usable_cpus() - 1);
}

struct whereabouts {
	cpumask_var_t		cpus;
	spinlock_t		lock;
	unsigned int		nr_wanted;
	atomic_t		nr_there;
	struct completion	all_there;
	atomic_t		nr_missed;
};

/* Threads wait for each other in their first chunk, so each of them is seen. */
static int note_cpu(unsigned long start, unsigned long end, void *arg)
{
	struct whereabouts *whereabouts = arg;
	unsigned int nr;

	spin_lock(&whereabouts->lock);
	cpumask_set_cpu(smp_processor_id(), whereabouts->cpus);
	spin_unlock(&whereabouts->lock);

	nr = atomic_inc_return(&whereabouts->nr_there);
	if (nr == whereabouts->nr_wanted)
		complete_all(&whereabouts->all_there);
	if (!wait_for_completion_timeout(&whereabouts->all_there, LOST_HELPER))
		atomic_inc(&whereabouts->nr_missed);
	return 0;
}

struct failing {
	struct placed		*placed;
	atomic_t		nr_there;
	struct completion	all_there;
	atomic_t		nr_missed;
	unsigned int		nr_during_undo;
};

/* One chunk fails, when each thread is in one. */
static int fail_together(unsigned long start, unsigned long end, void *arg)
{
	struct failing *failing = arg;

	if (atomic_inc_return(&failing->nr_there) == nr_usable_cpus())
		complete_all(&failing->all_there);
	if (!wait_for_completion_timeout(&failing->all_there, LOST_HELPER))
		atomic_inc(&failing->nr_missed);
	return start ? 0 : -EDOM;
}

static void place_during_undo(unsigned long start, unsigned long end, void *arg)
{
	struct failing *failing = arg;

	place(failing->placed, &spread_job, UINT_MAX);
	failing->nr_during_undo = failing->placed->nr;
	unplace(failing->placed);
}

/* An undo may take long, and needs no helpers: others can have them. */
static void limits_nothing_is_kept_for_undo(struct kunit *test)
{
	struct failing failing = { .placed = alloc_placed(test) };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = fail_together,
			     .undo_fn = place_during_undo,
			     .fn_arg = &failing,
			     .size = 1000,
			     .align = 1,
			     .max_threads = INT_MAX);

	if (nr_usable_cpus() < 2)
		kunit_skip(test, "needs 2 CPUs that helpers may use");
	init_completion(&failing.all_there);

	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), -EDOM);
	KUNIT_EXPECT_EQ(test, atomic_read(&failing.nr_missed), 0);
	KUNIT_EXPECT_EQ(test, failing.nr_during_undo, nr_usable_cpus() - 1);
}

struct narrowing {
	struct task_struct	*caller;
	struct cpumask		*only;
	atomic_t		nr_there;
	atomic_t		narrowed;
	atomic_t		nr_outside;
	atomic_t		nr_missed;
};

/*
 * When all threads have begun, the caller takes all CPUs but one from itself.
 * A chunk that begins after that must begin on that CPU.
 */
static int narrow_then_note(unsigned long start, unsigned long end, void *arg)
{
	struct narrowing *narrowing = arg;
	unsigned long until = jiffies + LOST_HELPER;

	if (atomic_read(&narrowing->narrowed)) {
		if (!cpumask_test_cpu(raw_smp_processor_id(), narrowing->only))
			atomic_inc(&narrowing->nr_outside);
		/* So that helpers would have the time to take a chunk. */
		if (current == narrowing->caller)
			schedule_timeout_uninterruptible(2);
		return 0;
	}

	atomic_inc(&narrowing->nr_there);
	while (atomic_read(&narrowing->nr_there) < nr_usable_cpus()) {
		if (time_after(jiffies, until)) {
			atomic_inc(&narrowing->nr_missed);
			break;
		}
		schedule_timeout_uninterruptible(1);
	}
	if (current == narrowing->caller) {
		set_cpus_allowed_ptr(current, narrowing->only);
		atomic_set(&narrowing->narrowed, 1);
	}
	while (!atomic_read(&narrowing->narrowed))
		schedule_timeout_uninterruptible(1);
	return 0;
}

/* Helpers leave a CPU that is taken from their caller while the job runs. */
static void limits_callers_cpus_are_narrowed(struct kunit *test)
{
	struct narrowing narrowing = { .caller = current };
	cpumask_var_t old, only;
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = narrow_then_note,
			     .fn_arg = &narrowing,
			     .size = 10000,
			     .align = 1,
			     .max_threads = INT_MAX);

	if (nr_usable_cpus() < 2)
		kunit_skip(test, "needs 2 CPUs that helpers may use");
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&old, GFP_KERNEL));
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&only, GFP_KERNEL));
	cpumask_copy(old, &current->cpus_mask);
	cpumask_set_cpu(cpumask_any_and(wq_unbound_cpus(), cpu_online_mask), only);
	narrowing.only = only;

	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&narrowing.nr_missed), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&narrowing.nr_outside), 0);

	set_cpus_allowed_ptr(current, old);
	free_cpumask_var(only);
	free_cpumask_var(old);
}

/* Helpers use the CPUs that the caller may use, and no others. */
static void limits_callers_cpus(struct kunit *test)
{
	struct whereabouts whereabouts = { .nr_wanted = 2 };
	struct placed *placed = alloc_placed(test);
	cpumask_var_t old, allowed;
	unsigned int i;
	int first, other;
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = note_cpu,
			     .fn_arg = &whereabouts,
			     .size = 1000,
			     .align = 1,
			     .max_threads = INT_MAX);

	if (nr_usable_cpus() < 3)
		kunit_skip(test, "needs 3 CPUs that helpers may use");
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&old, GFP_KERNEL));
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&allowed, GFP_KERNEL));
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&whereabouts.cpus, GFP_KERNEL));
	spin_lock_init(&whereabouts.lock);

	/* One CPU: no helper. */
	first = pin_to_a_cpu(old);
	place(placed, &spread_job, UINT_MAX);
	KUNIT_EXPECT_EQ(test, placed->nr, 0);
	unplace(placed);

	/* Two: one helper, wherever the other CPU is. */
	for_each_cpu_and(other, wq_unbound_cpus(), cpu_online_mask) {
		if (other == first)
			continue;
		cpumask_clear(allowed);
		cpumask_set_cpu(first, allowed);
		cpumask_set_cpu(other, allowed);
		set_cpus_allowed_ptr(current, allowed);
		for (i = 0; i < 20; i++) {
			cpumask_clear(whereabouts.cpus);
			atomic_set(&whereabouts.nr_there, 0);
			init_completion(&whereabouts.all_there);
			KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
			KUNIT_EXPECT_TRUE(test, cpumask_subset(whereabouts.cpus,
							       allowed));
		}
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&whereabouts.nr_missed), 0);

	/* Afterwards there are helpers everywhere again. */
	set_cpus_allowed_ptr(current, old);
	whereabouts.nr_wanted = nr_usable_cpus();
	atomic_set(&whereabouts.nr_there, 0);
	init_completion(&whereabouts.all_there);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&whereabouts.nr_missed), 0);

	free_cpumask_var(whereabouts.cpus);
	free_cpumask_var(allowed);
	free_cpumask_var(old);
}

static struct kunit_case padata_limits_cases[] = {
	KUNIT_CASE(limits_as_many_as_cpus),
	KUNIT_CASE(limits_nodes),
	KUNIT_CASE(limits_are_shared),
	KUNIT_CASE(limits_percent),
	KUNIT_CASE(limits_hotplug),
	KUNIT_CASE(limits_per_cpu_threads_are_free),
	KUNIT_CASE(limits_callers_cpus),
	KUNIT_CASE(limits_callers_cpus_are_narrowed),
	KUNIT_CASE(limits_nothing_is_kept_for_undo),
	{}
};

static struct kunit_suite padata_limits_suite = {
	.name		= "padata_limits",
	.init		= wait_for_late_helpers,
	.test_cases	= padata_limits_cases,
};

kunit_test_suite(padata_limits_suite);

MODULE_DESCRIPTION("KUnit tests of the limits of padata's multithreaded jobs");
MODULE_LICENSE("GPL");
