// SPDX-License-Identifier: GPL-2.0
/*
 * padata_user.c - helpers that live where their caller lives
 *
 * The helpers of most jobs are kernel threads, whose CPU time is the system's.
 * The quota of the caller's group bounds them for each job.  That says nothing
 * of weights, and nothing of several jobs in one group.
 *
 * A job can ask for helpers that are threads of the caller's process instead, as
 * io_uring and vhost have.  All that holds for the caller then holds for them, by
 * construction, in each controller there is.  Kernel threads cannot be attached
 * to the caller's groups in place of that: the unified hierarchy has no such
 * call, and moving a task between groups stops all forks of the system meanwhile.
 *
 * That costs a clone for each helper, so it is for jobs that run for long.  When
 * there can be no clone, ordinary helpers take their place: a limit of threads may
 * be reached, a signal may be pending, or children of the caller may be in
 * another PID namespace.
 *
 * vhost_task_create() makes such threads, too, but they have to be waited for.  In
 * a group that is out of quota a thread may not get to its first instruction for
 * long.  A helper that is given up before that frees its own work.  So neither the
 * caller nor the pool waits for it.
 */

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "padata_run.h"

static int padata_user_helper(void *arg)
{
	struct padata_work *pw = arg;

	padata_mt_help(pw);
	do_exit(0);
}

/*
 * What a clone would take over, though only one task can be in the middle of it.
 * With migration off, it could not get to a CPU of its own either.
 */
static bool padata_user_is_busy(void)
{
#ifdef CONFIG_MEMCG_V1
	if (current->in_user_fault)
		return true;
#endif
	return current->flags & PADATA_SCOPES || current->reclaim_state ||
	       current->journal_info || current->bio_list ||
	       current->migration_disabled;
}

/**
 * padata_user_wanted - whether the helpers of a job are to be user workers
 * @job: The job.
 *
 * Kernel threads have nothing to pass on.  A task that is exiting has given up
 * part of what a clone would take over.  And a task may be in the middle of
 * reclaim, of a transaction, of I/O or of a page fault, or have migration off.
 * Their helpers are like any.
 *
 * Context: Process context, by the task that has called padata.
 * Return: True if they are.
 */
bool padata_user_wanted(const struct padata_mt_job *job)
{
	return job->as_caller && !(current->flags & (PF_KTHREAD | PF_EXITING)) &&
	       !padata_user_is_busy();
}

/**
 * padata_user_start - start a helper in the process of the calling task
 * @like: A work with the run and the CPU of the helper.
 *
 * Context: Process context, by the task that has called padata.
 * Return: The work of the helper, to kfree(); NULL when there can be none.
 */
struct padata_work *padata_user_start(const struct padata_work *like)
{
	struct kernel_clone_args args = {
		.flags		= CLONE_SIGHAND | CLONE_THREAD |
				  CLONE_UNTRACED | CLONE_VM,
		.fn		= padata_user_helper,
		.name		= "padata",
		.user_worker	= 1,
		.no_files	= 1,
	};
	struct task_struct *task;
	struct padata_work *pw;

	pw = kzalloc(sizeof(*pw), GFP_KERNEL);
	if (!pw)
		return NULL;
	raw_spin_lock_init(&pw->lock);
	pw->run = like->run;
	pw->cpu = like->cpu;
	pw->node = like->node;

	args.fn_arg = pw;
	task = copy_process(NULL, 0, pw->node, &args);
	if (IS_ERR(task)) {
		kfree(pw);
		return NULL;
	}

	/* It has no part in what io_uring does, if its caller has. */
	task->flags &= ~PF_IO_WORKER;
	pw->user = task;
	/* The thread does not run yet, so it does not have to be migrated. */
	set_cpus_allowed_ptr(task, cpumask_of(pw->cpu));
	wake_up_new_task(task);
	return pw;
}

/**
 * padata_user_let_go - let a helper that was given up end where it can
 * @task: The thread that is the helper.  Its reference is put.
 *
 * Other work may keep it from its CPU for long, and it may have given way to others
 * already.  A process ends, execs or dumps core only when each of its threads has
 * ended.
 *
 * Context: Process context, by the task that has started it.  May sleep.
 */
void padata_user_let_go(struct task_struct *task)
{
	set_cpus_allowed_ptr(task, &current->cpus_mask);
	padata_priority_pass_on(task);
	put_task_struct(task);
}
