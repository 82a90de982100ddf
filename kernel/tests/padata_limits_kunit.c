// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of how many helpers a multithreaded job gets, and where.
 *
 * Mostly of what is decided, for that does not depend on which helper starts
 * when.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/sched.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include "../padata_run.h"
#include "../workqueue_internal.h"

/* Only a lost helper ever takes this long. */
#define LOST_HELPER	(60 * HZ)

/* A job that has room for helpers kept for it, as if it were running. */
struct placed {
	struct padata_mt_run	run;
	struct list_head	works;
	unsigned int		nr;
	unsigned int		nr_on_node[MAX_NUMNODES];
	int			first_node;
};

static void place(struct placed *placed, const struct padata_mt_job *job,
		  unsigned int nr_wanted)
{
	struct padata_work *pw;
	LIST_HEAD(unplaced);

	INIT_LIST_HEAD(&placed->works);
	memset(placed->nr_on_node, 0, sizeof(placed->nr_on_node));

	padata_works_get(&unplaced, nr_wanted);
	placed->nr = padata_place_helpers(&placed->run, job, &unplaced,
					  &placed->works);
	padata_works_put(&unplaced);

	list_for_each_entry(pw, &placed->works, list)
		placed->nr_on_node[pw->node]++;
	placed->first_node = NUMA_NO_NODE;
	if (placed->nr)
		placed->first_node = list_first_entry(&placed->works,
						      struct padata_work,
						      list)->node;
}

static void unplace(struct placed *placed)
{
	struct padata_work *pw;

	list_for_each_entry(pw, &placed->works, list)
		padata_unplace_helper(pw->node);
	padata_works_put(&placed->works);
}

static const struct padata_mt_job near_job = {
	.max_threads	= INT_MAX,
};

static const struct padata_mt_job spread_job = {
	.max_threads	= INT_MAX,
	.spread_nodes	= true,
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

/* With the test on one CPU, so that it is clear where the caller is. */
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
		KUNIT_EXPECT_FALSE(test, placed->run.confined);
		for_each_online_node(node)
			KUNIT_EXPECT_LE(test, placed->nr_on_node[node],
					nr_usable_on(node));
		unplace(placed);
	}

	/* As few as are wanted. */
	for (max = 0; max < nr_usable_cpus(); max++) {
		place(placed, &spread_job, max);
		KUNIT_EXPECT_EQ(test, placed->nr, max);
		unplace(placed);
	}
}

/* What is near is used up first; ones that spread take turns. */
static void limits_nodes(struct kunit *test)
{
	struct placed *placed = alloc_placed(test);
	int here, node;

	if (num_node_state(N_CPU) < 2)
		kunit_skip(test, "needs 2 nodes with CPUs");

	migrate_disable();
	here = numa_node_id();
	if (nr_usable_on(here) > 1) {
		place(placed, &near_job, nr_usable_on(here) - 1);
		KUNIT_EXPECT_EQ(test, placed->nr_on_node[here], placed->nr);
		unplace(placed);
	}
	place(placed, &near_job, nr_usable_on(here));
	KUNIT_EXPECT_EQ(test, placed->nr_on_node[here], nr_usable_on(here) - 1);
	KUNIT_EXPECT_EQ(test, placed->nr, nr_usable_on(here));
	unplace(placed);

	place(placed, &spread_job, num_node_state(N_CPU) - 1);
	KUNIT_EXPECT_NE(test, placed->first_node, here);
	for_each_node_state(node, N_CPU)
		KUNIT_EXPECT_LE(test, placed->nr_on_node[node], 1);
	unplace(placed);
	migrate_enable();
}

/* Helpers that others have are not there to be had. */
static void limits_are_shared(struct kunit *test)
{
	struct placed *first = alloc_placed(test), *second = alloc_placed(test);

	place(first, &spread_job, UINT_MAX);
	place(second, &spread_job, UINT_MAX);
	/* Each leaves out the CPU that it is on, and that may have changed. */
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

	for (percent = 1; percent <= 100; percent++) {
		padata_helpers_percent = percent;
		place(placed, &spread_job, UINT_MAX);
		KUNIT_EXPECT_LE(test, placed->nr,
				max(nr_usable_cpus() * percent / 100, 1U));
		if (nr_usable_cpus() > 1)
			KUNIT_EXPECT_GE(test, placed->nr, 1);
		for_each_online_node(node)
			KUNIT_EXPECT_LE(test, placed->nr_on_node[node],
					max(nr_usable_on(node) * percent / 100,
					    1U));
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

/* A work on a CPU's own workqueue is there for no reason of its own. */
static void limits_per_cpu_threads_are_free(struct kunit *test)
{
	struct placing_work work = { .placed = alloc_placed(test) };

	INIT_WORK_ONSTACK(&work.work, place_in_work);
	queue_work_on(cpumask_any_and(wq_unbound_cpus(), cpu_online_mask),
		      system_long_wq, &work.work);
	flush_work(&work.work);
	destroy_work_on_stack(&work.work);
	KUNIT_EXPECT_EQ(test, work.placed->nr, nr_usable_cpus() - 1);
	KUNIT_EXPECT_FALSE(test, work.placed->run.confined);
}

struct whereabouts {
	cpumask_var_t		cpus;
	spinlock_t		lock;
	unsigned int		nr_wanted;
	atomic_t		nr_there;
	struct completion	all_there;
	atomic_t		nr_missed;
};

/* The first two chunks are for two threads, each of which is then seen. */
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

/* Helpers stay where the caller may be, and do come there. */
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
			     .max_threads = INT_MAX,
			     .spread_nodes = true);

	if (nr_usable_cpus() < 3)
		kunit_skip(test, "needs 3 CPUs that helpers may use");
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&old, GFP_KERNEL));
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&allowed, GFP_KERNEL));
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&whereabouts.cpus, GFP_KERNEL));
	spin_lock_init(&whereabouts.lock);

	/* One CPU: nobody to help. */
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

	/* Workers that were confined are free again. */
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
	{}
};

static struct kunit_suite padata_limits_suite = {
	.name		= "padata_limits",
	.test_cases	= padata_limits_cases,
};

kunit_test_suite(padata_limits_suite);

MODULE_DESCRIPTION("KUnit tests of the limits of padata's multithreaded jobs");
MODULE_LICENSE("GPL");
