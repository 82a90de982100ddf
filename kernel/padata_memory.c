// SPDX-License-Identifier: GPL-2.0
/*
 * padata_memory.c - whose memory the helpers of a job use
 *
 * What a helper allocates it allocates for the caller, so it is charged to the
 * caller's memory cgroup.  A job may also want its helpers to see the caller's
 * address space.
 */

#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "padata_run.h"

static struct mem_cgroup *padata_get_callers_memcg(void)
{
#ifdef CONFIG_MEMCG
	/* As a helper of another job has, or whoever else charges for others. */
	if (current->active_memcg) {
		css_get(&current->active_memcg->css);
		return current->active_memcg;
	}
#endif
	return get_mem_cgroup_from_current();
}

/**
 * padata_memory_get - note whose memory the helpers of a job will use
 * @run: The job.
 * @job: The same.
 *
 * Context: Process context, by the task that has called padata.
 */
void padata_memory_get(struct padata_mt_run *run,
		       const struct padata_mt_job *job)
{
	run->memcg = padata_get_callers_memcg();
	/* The caller has it for as long as the job runs. */
	run->mm = job->use_mm ? current->mm : NULL;
}

/**
 * padata_memory_put - forget whose memory it was
 * @run: The job, which all helpers have left.
 *
 * Context: Process context.
 */
void padata_memory_put(struct padata_mt_run *run)
{
	mem_cgroup_put(run->memcg);
}

/**
 * padata_memory_help - the calling task begins to use its caller's memory
 * @run: The job.
 *
 * Context: Process context; a kernel thread that has no mm, or a user worker that
 *	    has the right one.
 */
void padata_memory_help(struct padata_mt_run *run)
{
	set_active_memcg(run->memcg);
	if (run->mm && !run->user_helpers)
		kthread_use_mm(run->mm);
}

/**
 * padata_memory_leave - the calling task does so no longer
 * @run: The job, which it has not left yet.
 *
 * Context: Process context.
 */
void padata_memory_leave(struct padata_mt_run *run)
{
	if (run->mm && !run->user_helpers)
		kthread_unuse_mm(run->mm);
	set_active_memcg(NULL);
}
