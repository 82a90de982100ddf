// SPDX-License-Identifier: GPL-2.0
/*
 * padata_priority.c - at which priority the helpers of a job run
 *
 * Only the caller has asked for the helpers of a job.  So they are SCHED_IDLE:
 * they take what nobody else wants, and the scheduler takes their CPU for idle
 * when it looks for one.  In a kernel without preemption they give way between
 * two chunks at the latest.  On a busy machine a helper can then be stuck in the
 * middle of its chunk, when the caller has done all the rest and waits for it.
 *
 * A caller that waits leaves its own share of the CPU unused.  So it lends its
 * priority to one of the helpers until that has left, then to another.  That
 * way a job takes no more from others than one thread would, and not much
 * longer than one thread either.
 *
 * A helper can be lent to from the moment that it has begun, and the caller never
 * waits for one that has not.  It takes the lowest priority before that: then it
 * begins when it has a CPU, and not when it is about to lose it.
 *
 * The loan begins when the caller has run out of chunks.  A caller that waits for
 * a lock of a helper before that lends nothing.
 */

#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/sched/bandwidth.h>
#include <linux/sched/deadline.h>
#include <linux/sched/prio.h>
#include <linux/sched/rt.h>
#include <linux/spinlock.h>
#include <uapi/linux/sched/types.h>

#include "padata_run.h"

static const struct sched_attr padata_idle = {
	.size		= sizeof(struct sched_attr),
	.sched_policy	= SCHED_IDLE,
};

/*
 * What the calling task can lend to helpers of the root group: what it weighs
 * there.  It may also have been raised, by a lock that somebody more important
 * waits for.
 */
static struct sched_attr padata_own_priority(void)
{
	struct sched_attr attr = padata_idle;
	int prio = READ_ONCE(current->prio);

	if (dl_prio(prio)) {
		/* Raised, see padata_mt_quota(): this is as near as can be. */
		attr.sched_policy = SCHED_FIFO;
		attr.sched_priority = MAX_RT_PRIO - 1;
	} else if (rt_prio(prio)) {
		attr.sched_policy = current->policy == SCHED_RR ? SCHED_RR :
								  SCHED_FIFO;
		attr.sched_priority = MAX_RT_PRIO - 1 - prio;
	} else if (current->policy != SCHED_IDLE) {
		int nice = cfs_root_nice();

		if (nice <= MAX_NICE) {
			attr.sched_policy = SCHED_NORMAL;
			attr.sched_nice = nice;
		}
	}
	return attr;
}

/* Whether a helper could run, and waits for a CPU. */
static bool padata_waits_for_cpu(const struct padata_work *pw)
{
	return task_is_running(pw->task) && !READ_ONCE(pw->task->on_cpu);
}

/*
 * False if the helper cannot take the loan.  Somebody may have made it a
 * SCHED_DEADLINE task: it has more than it can be lent, and to change that takes
 * a mutex.
 */
static bool padata_lend_to(struct padata_mt_run *run, struct padata_work *pw)
{
	if (READ_ONCE(pw->task->policy) == SCHED_DEADLINE)
		return false;
	pw->lent = !sched_setattr_nocheck(pw->task,
					  pw->user ? &run->lent_in_group :
						     &run->lent);
	return pw->lent;
}

/*
 * To the first helper that waits for a CPU, or else to the first, if there is any.
 * Called with helping_lock held.
 */
static void padata_lend(struct padata_mt_run *run)
{
	struct padata_work *pw;

	list_for_each_entry(pw, &run->helping, helping) {
		if (padata_waits_for_cpu(pw) && padata_lend_to(run, pw))
			return;
	}
	list_for_each_entry(pw, &run->helping, helping) {
		if (padata_lend_to(run, pw))
			return;
	}
}

/**
 * padata_priority_init - get a job ready for its helpers
 * @run: The job.
 */
void padata_priority_init(struct padata_mt_run *run)
{
	raw_spin_lock_init(&run->helping_lock);
	INIT_LIST_HEAD(&run->helping);
}

/* What the calling task was set to, whatever it has been lent. */
static struct sched_attr padata_set_priority(void)
{
	return (struct sched_attr){
		.size		= sizeof(struct sched_attr),
		.sched_policy	= current->policy,
		.sched_nice	= task_nice(current),
		.sched_priority	= current->rt_priority,
	};
}

/**
 * padata_priority_lower - the calling task gives way to everybody else
 * @before: Gets the priority that it has, for padata_priority_restore().
 *
 * Context: Process context, by a helper that has not begun.
 */
void padata_priority_lower(struct sched_attr *before)
{
	*before = padata_set_priority();
	sched_setattr_nocheck(current, &padata_idle);
}

/**
 * padata_priority_restore - the calling task gets its priority back
 * @before: That priority.
 *
 * Context: Process context, by a helper that has left its job, or never begun.
 */
void padata_priority_restore(const struct sched_attr *before)
{
	sched_setattr_nocheck(current, before);
}

/**
 * padata_priority_pass_on - give a helper that was given up the caller's priority
 * @task: The thread that is the helper.
 *
 * Context: Process context, by the caller.
 */
void padata_priority_pass_on(struct task_struct *task)
{
	struct sched_attr attr = padata_set_priority();

	sched_setattr_nocheck(task, &attr);
}

/**
 * padata_priority_help - the calling task begins to help
 * @run: The job.
 * @pw: The helper, at the lowest priority.
 *
 * Context: Process context.
 */
void padata_priority_help(struct padata_mt_run *run, struct padata_work *pw)
{
	pw->task = current;
	pw->lent = false;

	raw_spin_lock(&run->helping_lock);
	list_add_tail(&pw->helping, &run->helping);
	raw_spin_unlock(&run->helping_lock);
}

/**
 * padata_priority_leave - the calling task helps no longer
 * @run: The job, which it has not left yet.
 * @pw: The helper.
 *
 * What it was lent the next helper has as well now.  Nobody can lend anything to
 * it after this, and the caller still waits for it: it must not lose its CPU
 * before it has left the job.
 *
 * Context: Preemption is off, and stays off until it has left.
 */
void padata_priority_leave(struct padata_mt_run *run, struct padata_work *pw)
{
	lockdep_assert_preemption_disabled();

	raw_spin_lock(&run->helping_lock);
	list_del(&pw->helping);
	if (pw->lent)
		padata_lend(run);
	raw_spin_unlock(&run->helping_lock);
}

/**
 * padata_priority_lend - lend the calling task's priority to those who help
 * @run: The job.  The task does nothing any more but wait for it.
 *
 * Context: Process context.
 */
void padata_priority_lend(struct padata_mt_run *run)
{
	run->lent = padata_own_priority();
	run->lent_in_group = run->lent;
	if (!run->lent.sched_priority &&
	    current->policy != SCHED_IDLE) {
		run->lent_in_group.sched_policy = SCHED_NORMAL;
		run->lent_in_group.sched_nice = task_nice(current);
	}

	raw_spin_lock(&run->helping_lock);
	padata_lend(run);
	raw_spin_unlock(&run->helping_lock);
}
