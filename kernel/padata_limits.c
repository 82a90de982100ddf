// SPDX-License-Identifier: GPL-2.0
/*
 * padata_limits.c - how many helpers a multithreaded job gets, and where
 *
 * No CPU has more than one helper to run, if they are spread well: each node has
 * room for as many as it has CPUs that are online and that unbound works may use,
 * and all of them together for as many as there are.  A job may use less of that
 * when its caller may not run everywhere.
 *
 * What there is room for is counted anew for each job that wants helpers.  So
 * nothing has to follow CPU hotplug, cpusets, or what the administrator changes.
 */

#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/sysctl.h>
#include <linux/topology.h>

#include "padata_run.h"
#include "workqueue_internal.h"

/**
 * struct padata_node - the helpers of one node
 * @nr_helpers: How many there are, of all jobs.
 * @room: How many there may be, for the job that is looking for helpers.
 * @share: Of the node's CPUs, however many the caller may use.
 */
struct padata_node {
	unsigned int	nr_helpers;
	unsigned int	room;
	unsigned int	share;
};

/* All that is below is protected by padata_limits_lock. */
static DEFINE_SPINLOCK(padata_limits_lock);
static struct padata_node *padata_nodes __ro_after_init;
static struct padata_node padata_all_nodes;

unsigned int padata_helpers_percent = 100;

static unsigned int padata_percent_of(unsigned int nr_cpus)
{
	unsigned int percent = READ_ONCE(padata_helpers_percent);

	/* Each node that has any can be helped by one. */
	return nr_cpus ? max(nr_cpus * percent / 100, 1U) : 0;
}

/* The CPUs that helpers of the calling task may use, as far as it knows. */
static const struct cpumask *padata_callers_cpus(void)
{
	/* That a per-CPU thread stays on its CPU says nothing of its work. */
	return kthread_is_per_cpu(current) ? cpu_possible_mask
					   : &current->cpus_mask;
}

/* What there is room for, with the calling task on @callers_cpu. */
static void padata_count_room(struct padata_mt_run *run, int callers_cpu)
{
	int cpu, node;

	for_each_node_state(node, N_POSSIBLE) {
		padata_nodes[node].room = 0;
		padata_nodes[node].share = 0;
	}
	padata_all_nodes.share = 0;
	run->confined = false;

	for_each_cpu(cpu, wq_unbound_cpus()) {
		struct padata_node *pn;

		/* It may come or go right after: the next job will see that. */
		if (!cpu_online(cpu))
			continue;
		pn = &padata_nodes[cpu_to_node(cpu)];
		pn->share++;
		padata_all_nodes.share++;
		if (!cpumask_test_cpu(cpu, run->callers_cpus))
			run->confined = true;
		/* The caller itself works there. */
		else if (cpu != callers_cpu)
			pn->room++;
	}

	for_each_node_state(node, N_POSSIBLE) {
		struct padata_node *pn = &padata_nodes[node];

		pn->room = min(pn->room, padata_percent_of(pn->share));
	}
	padata_all_nodes.room = padata_percent_of(padata_all_nodes.share);
}

static bool padata_has_room(int node)
{
	return padata_nodes[node].nr_helpers < padata_nodes[node].room;
}

/* The nearest to @callers_node, which may be that itself, or NUMA_NO_NODE. */
static int padata_nearest_with_room(int callers_node)
{
	int node, nearest = NUMA_NO_NODE;

	for_each_node_state(node, N_CPU) {
		if (padata_has_room(node) &&
		    (nearest == NUMA_NO_NODE ||
		     node_distance(callers_node, node) <
		     node_distance(callers_node, nearest)))
			nearest = node;
	}
	return nearest;
}

/* The next one after @node, in turn, or NUMA_NO_NODE. */
static int padata_next_with_room(int node)
{
	int nr_tried;

	for (nr_tried = 0; nr_tried < nr_node_ids; nr_tried++) {
		node = next_node_in(node, node_states[N_CPU]);
		if (padata_has_room(node))
			return node;
	}
	return NUMA_NO_NODE;
}

/* Where the next helper goes when the one before it went to @node. */
static int padata_choose_node(const struct padata_mt_job *job, int node,
			      int callers_node)
{
	if (padata_all_nodes.nr_helpers >= padata_all_nodes.room)
		return NUMA_NO_NODE;
	if (job->spread_nodes || job->nr_ranges)
		return padata_next_with_room(node);
	if (padata_has_room(node))
		return node;
	return padata_nearest_with_room(callers_node);
}

/**
 * padata_place_helpers - choose nodes for the helpers of a job
 * @run: The job; its callers_cpus and confined are set.
 * @job: The same.
 * @works: A work for each helper that is wanted.
 * @placed: Gets those for which there is room by the limits of nodes and of the
 *	    system, each with its node.  Each has to be counted out again, by
 *	    padata_unplace_helper().
 *
 * Context: Process context, by the task that has called padata.
 * Return: How many have been placed.
 */
unsigned int padata_place_helpers(struct padata_mt_run *run,
				  const struct padata_mt_job *job,
				  struct list_head *works,
				  struct list_head *placed)
{
	int callers_cpu = raw_smp_processor_id();
	int callers_node = cpu_to_node(callers_cpu);
	struct padata_work *pw, *next;
	int node = callers_node;
	unsigned int nr = 0;

	run->callers_cpus = padata_callers_cpus();

	spin_lock(&padata_limits_lock);
	padata_count_room(run, callers_cpu);

	list_for_each_entry_safe(pw, next, works, list) {
		node = padata_choose_node(job, node, callers_node);
		if (node == NUMA_NO_NODE)
			break;
		list_move_tail(&pw->list, placed);
		pw->node = node;
		padata_nodes[node].nr_helpers++;
		padata_all_nodes.nr_helpers++;
		nr++;
	}
	spin_unlock(&padata_limits_lock);

	return nr;
}

/**
 * padata_unplace_helper - a helper is gone
 * @node: Where padata_place_helpers() put it.
 *
 * Context: Process context.
 */
void padata_unplace_helper(int node)
{
	spin_lock(&padata_limits_lock);
	padata_nodes[node].nr_helpers--;
	padata_all_nodes.nr_helpers--;
	spin_unlock(&padata_limits_lock);
}

/**
 * padata_may_help_here - whether a helper may be on the CPU that it is on
 * @run: The job that it helps with.
 *
 * A CPU can be isolated at any time, by a cpuset, with a helper on it, and a
 * caller be kept to fewer CPUs.
 *
 * Context: A helper, between two chunks.
 * Return: True if it may take the next one.
 */
bool padata_may_help_here(const struct padata_mt_run *run)
{
	int cpu = raw_smp_processor_id();

	return cpumask_test_cpu(cpu, wq_unbound_cpus()) &&
	       (!run->confined || cpumask_test_cpu(cpu, run->callers_cpus));
}

/**
 * padata_helpers_cpus - where a helper should be kept
 * @pw: The helper.
 *
 * That is, on its node and where the caller may be.  If nothing is left of that,
 * padata_may_help_here() will say so.
 *
 * Context: The helper.
 * Return: The CPUs, for as long as it helps.
 */
const struct cpumask *padata_helpers_cpus(struct padata_work *pw)
{
	cpumask_and(pw->cpus, pw->run->callers_cpus, wq_unbound_cpus());
	cpumask_and(pw->cpus, pw->cpus, cpumask_of_node(pw->node));
	return pw->cpus;
}

#ifdef CONFIG_SYSCTL
static struct ctl_table padata_limits_table[] = {
	{
		.procname	= "padata_helpers_percent",
		.data		= &padata_helpers_percent,
		.maxlen		= sizeof(padata_helpers_percent),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= SYSCTL_ONE,
		.extra2		= SYSCTL_ONE_HUNDRED,
	},
};

static int __init padata_limits_sysctl_init(void)
{
	register_sysctl_init("kernel", padata_limits_table);
	return 0;
}
late_initcall(padata_limits_sysctl_init);
#endif

/**
 * padata_limits_init - get ready to place helpers
 *
 * Return: False when there is no memory for it.
 */
bool __init padata_limits_init(void)
{
	padata_nodes = kcalloc(nr_node_ids, sizeof(*padata_nodes), GFP_KERNEL);
	return padata_nodes;
}
