// SPDX-License-Identifier: GPL-2.0
/*
 * padata_memory.c - whose memory the helpers of a job use
 *
 * What a helper allocates it allocates for the caller.  So it is charged to the
 * caller's memory cgroup, and what the caller must not do while it allocates,
 * its helpers must not do either: it waits for them.  A job may also want its
 * helpers to see the caller's address space.
 */

#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "padata_run.h"

static struct mem_cgroup *padata_get_callers_memcg(void)
{
#ifdef CONFIG_MEMCG
	/* Whoever charges for others has one. */
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
	run->scopes = current->flags & PADATA_SCOPES;
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

/* User workers have the right one, and keep it. */
static struct mm_struct *padata_mm_to_use(const struct padata_work *pw)
{
	return pw->user ? NULL : pw->run->mm;
}

/**
 * padata_memory_help - the calling task begins to use its caller's memory
 * @pw: The helper, which is the calling task.
 *
 * Context: Process context.
 * Return: What padata_memory_leave() needs.
 */
unsigned int padata_memory_help(const struct padata_work *pw)
{
	struct mm_struct *mm = padata_mm_to_use(pw);
	unsigned int old_scopes = 0;

	/* Other CPUs look at the flags of a worker: do not touch them for nothing. */
	if (pw->run->scopes)
		old_scopes = memalloc_flags_save(pw->run->scopes);
	set_active_memcg(pw->run->memcg);
	if (mm)
		kthread_use_mm(mm);
	return old_scopes;
}

/**
 * padata_memory_leave - the calling task does so no longer
 * @pw: The helper, which has not left its job yet.
 * @old_scopes: What padata_memory_help() returned.
 *
 * Context: Process context.
 */
void padata_memory_leave(const struct padata_work *pw, unsigned int old_scopes)
{
	struct mm_struct *mm = padata_mm_to_use(pw);

	if (mm)
		kthread_unuse_mm(mm);
	set_active_memcg(NULL);
	if (old_scopes)
		memalloc_flags_restore(old_scopes);
}
