// SPDX-License-Identifier: GPL-2.0
/*
 * padata_priority.c - at which priority the helpers of a job run
 *
 * Nobody has asked for the helpers of a job but its caller, so they run at the
 * lowest priority there is: what else the machine has to do comes first.  On a
 * busy machine that keeps a helper in the middle of its chunk for long, when the
 * caller has already done all the rest and waits for it.
 *
 * A caller that waits does not use what it is entitled to.  So it lends its
 * priority to one of the helpers until that has left, then to another, and so on.
 * That way a job never takes more from others than one thread would, and never
 * takes much longer than in one thread either.
 *
 * A helper that runs a job itself lends what it has when it begins to wait.
 */

#include <linux/sched.h>
#include <linux/sched/deadline.h>
#include <linux/sched/prio.h>
#include <linux/sched/rt.h>
#include <linux/spinlock.h>
#include <uapi/linux/sched/types.h>

#include "padata_run.h"

static const struct sched_attr padata_lowest = {
	.size		= sizeof(struct sched_attr),
	.sched_policy	= SCHED_NORMAL,
	.sched_nice	= MAX_NICE,
};

/*
 * What the calling task runs at, whether by its own choice or because it holds a
 * lock that somebody more important wants.
 */
static struct sched_attr padata_own_priority(void)
{
	struct sched_attr attr = padata_lowest;
	int prio = READ_ONCE(current->prio);

	if (dl_prio(prio)) {
		/* Its bandwidth is its own; this is as near as can be. */
		attr.sched_policy = SCHED_FIFO;
		attr.sched_priority = MAX_RT_PRIO - 1;
	} else if (rt_prio(prio)) {
		attr.sched_policy = SCHED_FIFO;
		attr.sched_priority = MAX_RT_PRIO - 1 - prio;
	} else if (current->policy != SCHED_IDLE) {
		attr.sched_nice = task_nice(current);
	}
	return attr;
}

/* To the first of those who help, if anybody does.  Called with the lock held. */
static void padata_lend(struct padata_mt_run *run)
{
	struct padata_work *pw;

	pw = list_first_entry_or_null(&run->helping, struct padata_work, helping);
	if (!pw)
		return;
	pw->lent = true;
	sched_setattr_nocheck(pw->task, &run->lent);
}

/**
 * padata_priority_init - get a job ready for its helpers
 * @run: The job.
 */
void padata_priority_init(struct padata_mt_run *run)
{
	spin_lock_init(&run->helping_lock);
	INIT_LIST_HEAD(&run->helping);
	run->lending = false;
}

/**
 * padata_priority_help - the calling task begins to help
 * @run: The job.
 * @pw: The helper, which is at the lowest priority.
 *
 * Context: Process context.
 */
void padata_priority_help(struct padata_mt_run *run, struct padata_work *pw)
{
	pw->task = current;
	pw->lent = false;

	spin_lock(&run->helping_lock);
	list_add_tail(&pw->helping, &run->helping);
	/* The last thread to start when the others are through, and wait. */
	if (run->lending && list_is_singular(&run->helping))
		padata_lend(run);
	spin_unlock(&run->helping_lock);
}

/**
 * padata_priority_leave - the calling task helps no longer
 * @run: The job, which it has not left yet.
 * @pw: The helper.
 *
 * If it had been lent a priority then the next one has that as well, and it must
 * call padata_priority_lower() once it has left.  Not before: as long as the
 * caller waits for it, it should not have to wait itself.
 *
 * Context: Process context.
 * Return: Whether it had.
 */
bool padata_priority_leave(struct padata_mt_run *run, struct padata_work *pw)
{
	bool lent;

	spin_lock(&run->helping_lock);
	list_del(&pw->helping);
	lent = pw->lent;
	if (lent)
		padata_lend(run);
	spin_unlock(&run->helping_lock);

	return lent;
}

/**
 * padata_priority_lower - take the lowest priority
 *
 * Context: Process context, a helper that nobody can lend anything to now.
 */
void padata_priority_lower(void)
{
	sched_setattr_nocheck(current, &padata_lowest);
}

/**
 * padata_priority_lend - lend the calling task's priority to those who help
 * @run: The job, for which it does nothing any more but wait.
 *
 * Context: Process context.
 */
void padata_priority_lend(struct padata_mt_run *run)
{
	run->lent = padata_own_priority();

	spin_lock(&run->helping_lock);
	run->lending = true;
	padata_lend(run);
	spin_unlock(&run->helping_lock);
}
