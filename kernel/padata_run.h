/* SPDX-License-Identifier: GPL-2.0 */
/*
 * padata_run.h - multithreaded jobs under way, and their helpers
 */
#ifndef _KERNEL_PADATA_RUN_H
#define _KERNEL_PADATA_RUN_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <uapi/linux/sched/types.h>

#include "padata_internal.h"

/**
 * struct padata_mt_run - a multithreaded job under way
 * @chunks: Hands out the job.
 * @callers_cpus: The CPUs that the caller may use.
 * @memcg: What memory is charged to.
 * @mm: The address space that helpers use, or NULL.
 * @scopes: The allocation scopes that the caller is in, as PF_MEMALLOC flags.
 * @helping_lock: Protects what concerns priorities, here and in the helpers.
 * @helping: The helpers that have begun and not left.
 * @lent: The priority that the caller lends while it waits.
 * @lent_in_group: What it lends to helpers that are in its own groups.
 * @all_left: Completed by the last helper to leave, if that is after the caller.
 *
 * On the stack of padata_do_multithreaded().
 */
struct padata_mt_run {
	struct padata_chunks	chunks;
	const struct cpumask	*callers_cpus;
	struct mem_cgroup	*memcg;
	struct mm_struct	*mm;
	unsigned int		scopes;
	raw_spinlock_t		helping_lock;
	struct list_head	helping;
	struct sched_attr	lent;
	struct sched_attr	lent_in_group;
	struct completion	all_left;
};

/**
 * struct padata_work - what it takes to run one helper of a multithreaded job
 * @work: Queued on padata_mt_wq; its function is the helper.
 * @lock: Settles whether the helper begins or is given up.
 * @run: What the helper takes part in; NULL when it was given up.  Protected by
 *	 @lock until the helper has begun.
 * @thread: The helper, as the chunks know it.
 * @cpu: The CPU that was claimed for it.
 * @node: The node of that CPU.
 * @user: The thread that is the helper, if that is a user worker: this work is not
 *	  one of the pool then.  Not to be followed once the helper has begun, or was
 *	  given up.
 * @task: The thread that is the helper; NULL until it has begun.  Protected by
 *	  @lock.
 * @helping: Among the helpers of its job that have begun.
 * @lent: It has the caller's priority.
 * @list: Among the free works (protected by padata_works_lock), or among the
 *	  works of one job (used by the thread that runs the job, alone).
 */
struct padata_work {
	struct work_struct	work;
	raw_spinlock_t		lock;
	struct padata_mt_run	*run;
	struct padata_thread	thread;
	int			cpu;
	int			node;
	struct task_struct	*user;
	struct task_struct	*task;
	struct list_head	helping;
	bool			lent;
	struct list_head	list;
};

/*
 * What helpers run on, and the pool of works: kernel/padata_mt.c
 */

extern struct workqueue_struct *padata_mt_wq;

unsigned int padata_works_get(struct list_head *works, unsigned int nr_wanted);
void padata_works_put(struct list_head *works);
void padata_mt_help(struct padata_work *pw);

/*
 * How many helpers there may be, and where: kernel/padata_limits.c
 */

/* Of the CPUs of each node, and of all: so many may have a helper.  0 to 100. */
extern unsigned int padata_helpers_percent;

bool padata_limits_init(void);
const struct cpumask *padata_callers_cpus(void);
unsigned int padata_place_helpers(struct padata_mt_run *run,
				  const struct padata_mt_job *job,
				  struct list_head *works,
				  unsigned int nr_works,
				  struct list_head *placed);
void padata_unplace_helper(int cpu, int node);
bool padata_may_help_on(const struct padata_mt_run *run, int cpu);

/*
 * At which priority they run: kernel/padata_priority.c
 */

void padata_priority_init(struct padata_mt_run *run);
void padata_priority_lower(struct sched_attr *before);
void padata_priority_help(struct padata_mt_run *run, struct padata_work *pw);
void padata_priority_leave(struct padata_mt_run *run, struct padata_work *pw);
void padata_priority_restore(const struct sched_attr *before);
void padata_priority_pass_on(struct task_struct *task);
void padata_priority_lend(struct padata_mt_run *run);

/*
 * Whose memory they use: kernel/padata_memory.c
 */

/*
 * The scopes of memalloc_*_save() that a caller may be in.  They keep allocations
 * from reclaim that would need a lock of the caller, from memory that the caller
 * could not use, and from waiting for other disks than the caller's.
 */
#define PADATA_SCOPES	(PF_MEMALLOC | PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO | \
			 PF_MEMALLOC_PIN | PF_LOCAL_THROTTLE)

void padata_memory_get(struct padata_mt_run *run,
		       const struct padata_mt_job *job);
void padata_memory_put(struct padata_mt_run *run);
unsigned int padata_memory_help(const struct padata_work *pw);
void padata_memory_leave(const struct padata_work *pw, unsigned int old_scopes);

/*
 * Helpers that are user workers: kernel/padata_user.c
 */

bool padata_user_wanted(const struct padata_mt_job *job);
struct padata_work *padata_user_start(const struct padata_work *like);
void padata_user_let_go(struct task_struct *task);

/*
 * What is counted: kernel/padata_stats.c
 */

/**
 * enum padata_stat - counts since boot
 * @PADATA_JOBS: Jobs that ended, however.
 * @PADATA_JOBS_ALONE: Of these, ones that had no helper.
 * @PADATA_JOBS_FAILED: Of all, ones that returned an error.
 * @PADATA_HELPERS_WANTED: Helpers that would have been of use.
 * @PADATA_HELPERS_GOT: Of these, ones that there was room for.
 * @PADATA_HELPERS_CANCELLED: Of these, ones that did not start in time.
 * @PADATA_CHUNKS: Chunks of jobs that had helpers.
 * @PADATA_CPU_NS: CPU time of all threads of such jobs while they were at it.
 * @PADATA_WAIT_NS: Time that callers have waited for their last helpers.
 * @PADATA_NR_STATS: How many there are.
 */
enum padata_stat {
	PADATA_JOBS,
	PADATA_JOBS_ALONE,
	PADATA_JOBS_FAILED,
	PADATA_HELPERS_WANTED,
	PADATA_HELPERS_GOT,
	PADATA_HELPERS_CANCELLED,
	PADATA_CHUNKS,
	PADATA_CPU_NS,
	PADATA_WAIT_NS,
	PADATA_NR_STATS
};

#ifdef CONFIG_DEBUG_FS
struct padata_stats {
	u64	counts[PADATA_NR_STATS];
};

DECLARE_PER_CPU(struct padata_stats, padata_stats);

u64 padata_stat_read(enum padata_stat stat);

static inline void padata_stat_add(enum padata_stat stat, u64 nr)
{
	this_cpu_add(padata_stats.counts[stat], nr);
}
#else
static inline void padata_stat_add(enum padata_stat stat, u64 nr)
{
}
#endif

#endif /* _KERNEL_PADATA_RUN_H */
