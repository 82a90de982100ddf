// SPDX-License-Identifier: GPL-2.0
/*
 * padata_limits.c - how many helpers a multithreaded job gets, and where
 *
 * A CPU has at most one helper, of all jobs.  A job claims a CPU for each helper
 * that it starts and gives it back when the helper is gone.  Claims are bits of
 * a mask, so jobs need no lock to get out of each other's way.
 *
 * A job looks at the CPUs once, when it starts.  So nothing has to follow CPU
 * hotplug, cpusets, or what the administrator changes.
 */

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/kstrtox.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/nodemask.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/sysctl.h>
#include <linux/topology.h>

#include "padata_run.h"
#include "workqueue_internal.h"

unsigned int padata_helpers_percent = 100;

/* CPUs that have a helper. */
static cpumask_t padata_claimed;

/* How many of them are on each node, and on all. */
static atomic_t *padata_nr_claimed __ro_after_init;
static atomic_t padata_nr_claimed_in_all;

/**
 * struct padata_placing - CPUs for the helpers of one job are being claimed
 * @usable: The CPUs that any helper may use.
 * @callers_cpus: The CPUs that the caller may use.
 * @callers_cpu: Where the caller is: it works there itself.
 * @callers_node: The node of that CPU.
 * @most_in_all: How many helpers all jobs may have.
 * @idle_only: Leave out CPUs that have something to do.
 * @works: The works that have no CPU yet.
 * @nr_works: How many there are.
 * @placed: The works that have one.
 */
struct padata_placing {
	const struct cpumask	*usable;
	const struct cpumask	*callers_cpus;
	int			callers_cpu;
	int			callers_node;
	int			most_in_all;
	bool			idle_only;
	struct list_head	*works;
	unsigned int		nr_works;
	struct list_head	*placed;
};

/* Until the last initcall nobody uses the isolated CPUs, and there is much to do. */
static bool padata_booting __read_mostly = true;

static int __init padata_limits_end_boot(void)
{
	WRITE_ONCE(padata_booting, false);
	return 0;
}
late_initcall_sync(padata_limits_end_boot);

/* The CPUs that helpers of any task may use. */
static const struct cpumask *padata_usable_cpus(void)
{
	return READ_ONCE(padata_booting) ? cpu_online_mask : wq_unbound_cpus();
}

/**
 * padata_callers_cpus - the CPUs that helpers of the calling task may use
 *
 * Context: Process context, by the task that has called padata.
 * Return: The mask.  It is the task's own, so it follows what is done to the task.
 */
const struct cpumask *padata_callers_cpus(void)
{
	/* Why a per-CPU thread stays on its CPU does not concern its work. */
	if (kthread_is_per_cpu(current) || READ_ONCE(padata_booting))
		return cpu_possible_mask;
	return &current->cpus_mask;
}

/* How many helpers there may be for so many CPUs that can have one. */
static int padata_most_for(const struct cpumask *cpus,
			   const struct cpumask *usable)
{
	unsigned int percent = READ_ONCE(padata_helpers_percent);

	/* There is one for each CPU at most, and nothing to count. */
	if (percent == 100)
		return INT_MAX;
	return DIV_ROUND_UP(cpumask_weight_and(cpus, usable) * percent, 100);
}

static bool padata_count_in(atomic_t *nr, int most)
{
	if (atomic_inc_return(nr) <= most)
		return true;
	atomic_dec(nr);
	return false;
}

/* False when the node, or the system, has as many helpers as it may have. */
static bool padata_has_room(const struct padata_placing *placing, int node,
			    int most)
{
	if (!padata_count_in(&padata_nr_claimed_in_all, placing->most_in_all))
		return false;
	if (padata_count_in(&padata_nr_claimed[node], most))
		return true;
	atomic_dec(&padata_nr_claimed_in_all);
	return false;
}

static void padata_count_out(int node)
{
	atomic_dec(&padata_nr_claimed[node]);
	atomic_dec(&padata_nr_claimed_in_all);
}

static bool padata_is_eligible(const struct padata_placing *placing, int cpu)
{
	/* A CPU may come or go right after this: the next job will see that. */
	return cpu_online(cpu) && cpu != placing->callers_cpu &&
	       cpumask_test_cpu(cpu, placing->callers_cpus) &&
	       !cpumask_test_cpu(cpu, &padata_claimed) &&
	       (!placing->idle_only || idle_cpu(cpu));
}

/* Claim CPUs of @node for up to @nr helpers. */
static void padata_place_on_node(struct padata_placing *placing, int node,
				 unsigned int nr)
{
	int most = padata_most_for(cpumask_of_node(node), placing->usable);
	int cpu;

	nr = min(nr, placing->nr_works);
	for_each_cpu_and(cpu, cpumask_of_node(node), placing->usable) {
		struct padata_work *pw;

		if (!nr)
			break;
		if (!padata_is_eligible(placing, cpu))
			continue;
		if (!padata_has_room(placing, node, most))
			break;
		/* Another job may have been quicker. */
		if (cpumask_test_and_set_cpu(cpu, &padata_claimed)) {
			padata_count_out(node);
			continue;
		}
		pw = list_first_entry(placing->works, struct padata_work, list);
		pw->cpu = cpu;
		pw->node = node;
		list_move_tail(&pw->list, placing->placed);
		placing->nr_works--;
		nr--;
	}
}

/* The smallest distance from @node to a node with CPUs that is over @distance. */
static int padata_next_distance(int node, int distance)
{
	int other, next = INT_MAX;

	for_each_node_state(other, N_CPU) {
		int far = node_distance(node, other);

		if (far > distance)
			next = min(next, far);
	}
	return next;
}

/* The caller's node first, then the nearest ones. */
static void padata_place_near(struct padata_placing *placing)
{
	int node, from = placing->callers_node, distance = -1;

	while (placing->nr_works) {
		distance = padata_next_distance(from, distance);
		if (distance == INT_MAX)
			break;
		for_each_node_state(node, N_CPU) {
			if (node_distance(from, node) == distance)
				padata_place_on_node(placing, node, UINT_MAX);
		}
	}
}

/* Up to @nr_each on each node.  The caller works on its own, so that comes last. */
static void padata_place_on_each(struct padata_placing *placing,
				 unsigned int nr_each)
{
	int i, node = placing->callers_node;

	for (i = num_node_state(N_CPU); i > 0; i--) {
		node = next_node_in(node, node_states[N_CPU]);
		padata_place_on_node(placing, node, nr_each);
	}
}

/* As many on each node that has CPUs, and the rest wherever there is room. */
static void padata_place_everywhere(struct padata_placing *placing)
{
	padata_place_on_each(placing, DIV_ROUND_UP(placing->nr_works,
						   num_node_state(N_CPU)));
	if (placing->nr_works)
		padata_place_on_each(placing, UINT_MAX);
}

static void padata_place(struct padata_placing *placing,
			 const struct padata_mt_job *job)
{
	if (job->nr_ranges)
		padata_place_everywhere(placing);
	else
		padata_place_near(placing);
}

/**
 * padata_place_helpers - claim CPUs for the helpers of a job
 * @run: The job; its callers_cpus is set.
 * @job: The same.
 * @works: A work for each helper that is wanted.
 * @nr_works: How many there are.
 * @placed: Gets the works for which there is a CPU, each with it.  Each has to be
 *	    given back by padata_unplace_helper().
 *
 * Idle CPUs are taken first.  On others a helper starts only when they have
 * nothing else to do.
 *
 * Context: Process context, by the task that has called padata.
 * Return: How many have been placed.
 */
unsigned int padata_place_helpers(struct padata_mt_run *run,
				  const struct padata_mt_job *job,
				  struct list_head *works,
				  unsigned int nr_works,
				  struct list_head *placed)
{
	const struct cpumask *usable = padata_usable_cpus();
	int callers_cpu = raw_smp_processor_id();
	struct padata_placing placing = {
		.usable		= usable,
		.callers_cpus	= run->callers_cpus,
		.callers_cpu	= callers_cpu,
		.callers_node	= cpu_to_node(callers_cpu),
		.most_in_all	= padata_most_for(cpu_online_mask, usable),
		.works		= works,
		.nr_works	= nr_works,
		.placed		= placed,
	};

	if (!placing.most_in_all)
		return 0;

	/* Whoever takes all CPUs does not have to choose. */
	if (nr_works < cpumask_weight_and(cpu_online_mask, usable) - 1) {
		placing.idle_only = true;
		padata_place(&placing, job);
		placing.idle_only = false;
	}
	if (placing.nr_works)
		padata_place(&placing, job);

	return nr_works - placing.nr_works;
}

/**
 * padata_unplace_helper - a helper is gone
 * @cpu: The CPU that padata_place_helpers() claimed for it.
 * @node: The node of that CPU, as it was then.
 *
 * Context: Any.
 */
void padata_unplace_helper(int cpu, int node)
{
	padata_count_out(node);
	/*
	 * Relaxed, as is the claim: a bit says only that the CPU is taken.  What
	 * the helper has done is ordered by padata_chunks_leave().
	 */
	cpumask_clear_cpu(cpu, &padata_claimed);
}

/**
 * padata_may_help_on - whether a helper may go on
 * @run: The job that it helps with.
 * @cpu: The CPU that was claimed for it.
 *
 * A CPU can be isolated, or taken from the caller, at any time.  And whoever was
 * bound to a CPU goes elsewhere when that is offlined.
 *
 * Context: A helper, between two chunks.
 * Return: True if it may take the next one.
 */
bool padata_may_help_on(const struct padata_mt_run *run, int cpu)
{
	return cpu == raw_smp_processor_id() &&
	       cpumask_test_cpu(cpu, padata_usable_cpus()) &&
	       cpumask_test_cpu(cpu, run->callers_cpus);
}

static int __init padata_helpers_percent_setup(char *arg)
{
	unsigned int percent;

	if (kstrtouint(arg, 0, &percent) || percent > 100)
		pr_warn("padata: padata_helpers_percent=%s is not from 0 to 100: ignored\n",
			arg);
	else
		padata_helpers_percent = percent;
	return 1;
}
__setup("padata_helpers_percent=", padata_helpers_percent_setup);

#ifdef CONFIG_SYSCTL
static struct ctl_table padata_limits_table[] = {
	{
		.procname	= "padata_helpers_percent",
		.data		= &padata_helpers_percent,
		.maxlen		= sizeof(padata_helpers_percent),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= SYSCTL_ZERO,
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
	padata_nr_claimed = kcalloc(nr_node_ids, sizeof(*padata_nr_claimed),
				    GFP_KERNEL);
	return padata_nr_claimed;
}
