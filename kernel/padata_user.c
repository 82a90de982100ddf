// SPDX-License-Identifier: GPL-2.0
/*
 * padata_user.c - helpers that live where their caller lives
 *
 * The helpers of most jobs are kernel threads, whose CPU time is the system's.
 * What bounds them is the quota of the caller's group, for each job; that says
 * nothing of weights, and nothing of several jobs in one group.
 *
 * A job can ask for helpers that are threads of the caller's process instead, as
 * io_uring and vhost have: then all that holds for the caller holds for them, by
 * construction, in each controller there is.  Kernel threads cannot be attached to
 * the caller's groups in place of that: the unified hierarchy has no such call,
 * and moving a task between groups stops all forks of the system meanwhile.
 *
 * That costs a clone for each helper, so it is for jobs that run for long.
 *
 * vhost_task_create() makes such threads, too, but they have to be waited for, and
 * in a group that is out of quota a thread may not get to its first instruction
 * for long.  So here caller and helper settle by padata_work_take() whether it
 * has begun; if not, what the helper needs is left behind for it.
 */

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "padata_run.h"

static int padata_user_helper(void *arg)
{
	struct padata_work *pw = arg;

	if (padata_work_take(pw)) {
		padata_priority_lower();
		set_cpus_allowed_ptr(current, padata_helpers_cpus(pw));
		padata_mt_help(pw);
	} else {
		/* Too late, and so the last to know of it. */
		padata_mt_put_helper(pw);
	}
	do_exit(0);
}

/**
 * padata_user_wanted - whether the helpers of a job are to be user workers
 * @job: The job.
 *
 * Kernel threads have nothing to pass on: their helpers are like any.
 *
 * Context: Process context, by the task that has called padata.
 * Return: True if they are.
 */
bool padata_user_wanted(const struct padata_mt_job *job)
{
	return job->as_caller && !(current->flags & PF_KTHREAD);
}

/**
 * padata_user_start - start a helper in the process of the calling task
 * @pw: The helper, with its run and node.
 *
 * Context: Process context, by the task that has called padata.
 * Return: Whether there is one; if not, @pw is as it was.
 */
bool padata_user_start(struct padata_work *pw)
{
	struct kernel_clone_args args = {
		.flags		= CLONE_FS | CLONE_SIGHAND | CLONE_THREAD |
				  CLONE_UNTRACED | CLONE_VM,
		.fn		= padata_user_helper,
		.fn_arg		= pw,
		.name		= "padata",
		.user_worker	= 1,
		.no_files	= 1,
	};
	struct task_struct *task;

	pw->taken = false;
	task = copy_process(NULL, 0, pw->node, &args);
	if (IS_ERR(task))
		return false;

	wake_up_new_task(task);
	return true;
}
