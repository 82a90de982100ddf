// SPDX-License-Identifier: GPL-2.0
/*
 * padata_mt.c - run a big piece of work in several threads
 *
 * See Documentation/core-api/padata.rst for more information.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/padata.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/bandwidth.h>
#include <linux/sched/cputime.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/topology.h>
#include <linux/workqueue.h>
#include <trace/events/padata.h>

#include "padata_run.h"
#include "workqueue_internal.h"

struct workqueue_struct *padata_mt_wq __ro_after_init;

static DEFINE_SPINLOCK(padata_works_lock);
static LIST_HEAD(padata_free_works);

/**
 * padata_works_get - take works out of the pool
 * @works: The works taken are added to this list.
 * @nr_wanted: How many to take at most.
 *
 * Never allocates and never waits: what others have taken is not there.
 *
 * Context: Process context.
 * Return: How many works were taken, 0 to @nr_wanted.
 */
unsigned int padata_works_get(struct list_head *works, unsigned int nr_wanted)
{
	unsigned int nr = 0;

	spin_lock(&padata_works_lock);
	while (nr < nr_wanted && !list_empty(&padata_free_works)) {
		list_move_tail(padata_free_works.next, works);
		nr++;
	}
	spin_unlock(&padata_works_lock);

	return nr;
}

/**
 * padata_works_put - give works back to the pool
 * @works: What padata_works_get() filled; empty afterwards.
 *
 * None of the works may be queued, or still be used by its helper.
 *
 * Context: Process context.
 */
void padata_works_put(struct list_head *works)
{
	spin_lock(&padata_works_lock);
	list_splice_init(works, &padata_free_works);
	spin_unlock(&padata_works_lock);
}

static void padata_work_free(struct padata_work *pw)
{
	LIST_HEAD(works);

	if (pw->user) {
		kfree(pw);
		return;
	}
	list_add(&pw->list, &works);
	padata_works_put(&works);
}

/*
 * The caller waits for its helpers.  So it must not hold a lock that a helper may
 * take.  For lockdep the job itself is a lock: the caller has it while the job
 * runs, and each helper takes it around thread_fn.  Lockdep learns of it whether
 * or not there are helpers, so a report does not depend on luck.
 *
 * A thread_fn that runs a job of the same definition has it already.  That is no
 * deadlock, as nobody waits for a helper that has not begun.
 */
#ifdef CONFIG_LOCKDEP
static struct lockdep_map padata_mt_dep_map =
	STATIC_LOCKDEP_MAP_INIT("padata job", &padata_mt_dep_map);

static struct lockdep_map *padata_mt_lock_job(const struct padata_mt_job *job)
{
	struct lockdep_map *map = job->dep_map ?: &padata_mt_dep_map;

	if (lock_is_held(map) != LOCK_STATE_NOT_HELD)
		return NULL;
	lock_map_acquire(map);
	return map;
}

static void padata_mt_unlock_job(struct lockdep_map *map)
{
	if (map)
		lock_map_release(map);
}
#else
static struct lockdep_map *padata_mt_lock_job(const struct padata_mt_job *job)
{
	return NULL;
}

static void padata_mt_unlock_job(struct lockdep_map *map)
{
}
#endif

/* CPU time of the calling task so far; not worth reading if nobody sees it. */
static u64 padata_mt_cpu_ns(void)
{
	return IS_ENABLED(CONFIG_DEBUG_FS) ? task_sched_runtime(current) : 0;
}

/* @cpu is that of a helper, or -1: the caller may be where it likes. */
static void padata_mt_work(struct padata_mt_run *run,
			   struct padata_thread *thread, int cpu)
{
	u64 began = padata_mt_cpu_ns();

	padata_chunks_join(&run->chunks, thread, numa_node_id());
	while ((cpu < 0 || padata_may_help_on(run, cpu)) &&
	       padata_chunks_do_one(&run->chunks, thread))
		cond_resched();

	padata_stat_add(PADATA_CHUNKS, thread->nr_chunks);
	padata_stat_add(PADATA_CPU_NS, padata_mt_cpu_ns() - began);
}

/*
 * Begin to help, unless the caller has given this helper up.  From here on the
 * caller may wait for it, and so can lend to it.  It has a CPU now, and is about to
 * take a chunk.
 */
static bool padata_mt_begin(struct padata_work *pw)
{
	bool begins;

	raw_spin_lock(&pw->lock);
	begins = pw->run;
	if (begins)
		padata_priority_help(pw->run, pw);
	raw_spin_unlock(&pw->lock);

	return begins;
}

/* The caller has given this helper up, and left the work to it. */
static void padata_mt_come_too_late(struct padata_work *pw)
{
	if (!pw->user)
		padata_unplace_helper(pw->cpu, pw->node);
	padata_work_free(pw);
}

/* Give up a helper that has not begun.  False if it has. */
static bool padata_mt_give_up(struct padata_work *pw)
{
	struct task_struct *user = NULL;
	bool begun;

	raw_spin_lock(&pw->lock);
	begun = pw->task;
	if (!begun) {
		pw->run = NULL;
		/* It frees @pw, and ends, as soon as it sees that. */
		if (pw->user)
			user = get_task_struct(pw->user);
	}
	raw_spin_unlock(&pw->lock);

	if (user)
		padata_user_let_go(user);
	return !begun;
}

static bool padata_mt_given_up(struct padata_work *pw)
{
	bool given_up;

	raw_spin_lock(&pw->lock);
	given_up = !pw->run;
	raw_spin_unlock(&pw->lock);

	return given_up;
}

/**
 * padata_mt_help - take part in a job
 * @pw: The helper, which is the calling thread.  Gone on return.
 *
 * Context: Process context, at a priority that it has again on return.
 */
void padata_mt_help(struct padata_work *pw)
{
	struct padata_mt_run *run;
	struct sched_attr before;
	struct lockdep_map *map;
	unsigned int scopes;

	/* At the lowest priority it could take long to find out. */
	if (padata_mt_given_up(pw)) {
		padata_mt_come_too_late(pw);
		return;
	}

	/* From here on it gets a CPU only when nobody else wants it. */
	padata_priority_lower(&before);
	if (!padata_mt_begin(pw)) {
		padata_priority_restore(&before);
		padata_mt_come_too_late(pw);
		return;
	}

	run = pw->run;
	scopes = padata_memory_help(pw);
	map = padata_mt_lock_job(run->chunks.job);
	padata_mt_work(run, &pw->thread, pw->cpu);
	padata_mt_unlock_job(map);
	padata_memory_leave(pw, scopes);

	/* The caller waits for it, and can lend nothing to it any more. */
	preempt_disable();
	padata_priority_leave(run, pw);
	/* @run and @pw are gone as soon as the caller knows that all have left. */
	if (padata_chunks_leave(&run->chunks))
		complete(&run->all_left);
	preempt_enable();

	padata_priority_restore(&before);
}

static void padata_mt_helper(struct work_struct *work)
{
	padata_mt_help(container_of(work, struct padata_work, work));
}

/* With fewer chunks than threads some would have nothing to do. */
static unsigned long padata_mt_max_chunks(const struct padata_mt_job *job)
{
	unsigned long smallest = max3(job->min_chunk, job->align, 1UL);
	unsigned long nr_chunks = job->size / smallest;
	unsigned int i;

	for (i = 0; i < job->nr_ranges; i++) {
		unsigned long size = job->ranges[i].size;

		nr_chunks += max(size / smallest, size ? 1UL : 0UL);
	}
	return nr_chunks;
}

/*
 * Whether the calling thread helps with a job.  Of user workers, io_uring's may
 * have jobs of their own; vhost's have none.
 */
static bool padata_mt_helps(void)
{
	struct worker *worker = current_wq_worker();

	if (worker)
		return worker->current_func == padata_mt_helper;
	return (current->flags & (PF_USER_WORKER | PF_IO_WORKER)) == PF_USER_WORKER;
}

/*
 * Helpers are not in the group of the task that they work for, so its CPU quota
 * does not hold for them: there are no more of them than it has CPUs for.
 *
 * What a helper does is part of its caller's share already, and the CPUs are
 * taken.  So it does its own jobs alone.  And so does a SCHED_DEADLINE task: it
 * could not lend its bandwidth to a helper that it has to wait for.
 */
static unsigned int padata_mt_quota(void)
{
	if (padata_mt_helps() || current->policy == SCHED_DEADLINE)
		return 1;
	return cfs_quota_cpus(current);
}

/* As many as the job itself has work for; the caller is one of them. */
static unsigned long padata_mt_max_threads(const struct padata_mt_job *job)
{
	return min_t(unsigned long, padata_mt_max_chunks(job), job->max_threads);
}

static unsigned int padata_mt_max_helpers(const struct padata_mt_job *job,
					  const struct padata_mt_run *run)
{
	unsigned long nr_threads;

	nr_threads = min_t(unsigned long, padata_mt_max_threads(job),
			   cpumask_weight_and(run->callers_cpus,
					      cpu_online_mask));
	nr_threads = min_t(unsigned long, nr_threads, padata_mt_quota());
	return nr_threads ? nr_threads - 1 : 0;
}

/*
 * Fills @works with what it takes to have helpers, as many as are of use and as
 * there is room for.
 */
static unsigned int padata_mt_get_helpers(const struct padata_mt_job *job,
					  struct padata_mt_run *run,
					  struct list_head *works)
{
	unsigned int nr_helpers = padata_mt_max_helpers(job, run);
	LIST_HEAD(unplaced);

	padata_stat_add(PADATA_HELPERS_WANTED, nr_helpers);
	if (nr_helpers)
		nr_helpers = padata_works_get(&unplaced, nr_helpers);
	if (!nr_helpers)
		return 0;

	nr_helpers = padata_place_helpers(run, job, &unplaced, nr_helpers, works);
	padata_works_put(&unplaced);
	padata_stat_add(PADATA_HELPERS_GOT, nr_helpers);
	return nr_helpers;
}

static void padata_mt_queue_helper(struct padata_work *pw)
{
	INIT_WORK(&pw->work, padata_mt_helper);
	queue_work_on(pw->cpu, padata_mt_wq, &pw->work);
}

static void padata_mt_start_helpers(const struct padata_mt_job *job,
				    struct padata_mt_run *run,
				    struct list_head *works)
{
	bool user = padata_user_wanted(job);
	struct padata_work *pw, *next;

	list_for_each_entry_safe(pw, next, works, list) {
		struct padata_work *user_pw = NULL;

		pw->run = run;
		pw->task = NULL;
		if (user)
			user_pw = padata_user_start(pw);
		if (user_pw) {
			list_replace(&pw->list, &user_pw->list);
			padata_work_free(pw);
			continue;
		}

		/* If one clone fails, the others would most likely fail as well. */
		user = false;
		padata_mt_queue_helper(pw);
	}
}

/*
 * Take back a helper that has not begun.  False if it has.
 *
 * A worker that is already there leaves its CPU to others until nobody wants it.
 * Then so would the next helper, so the CPU stays taken until the worker is gone.
 */
static bool padata_mt_dismiss_helper(struct padata_work *pw,
				     struct list_head *works)
{
	int cpu = pw->cpu, node = pw->node;
	bool user = pw->user;

	list_del(&pw->list);
	if (!user && cancel_work(&pw->work)) {
		padata_work_free(pw);
		padata_unplace_helper(cpu, node);
		return true;
	}
	if (!padata_mt_give_up(pw)) {
		list_add(&pw->list, works);
		return false;
	}

	/* It may be kept from any CPU, by its group's quota. */
	if (user)
		padata_unplace_helper(cpu, node);
	return true;
}

/*
 * The work has run out: let nobody start any more, and wait for those who did.
 * A helper that has not started may be a long way off, behind other work on a
 * busy CPU, and would find nothing to do.
 */
static void padata_mt_dismiss_helpers(struct padata_mt_run *run,
				      struct list_head *works)
{
	struct padata_work *pw, *next;
	u64 began;

	list_for_each_entry_safe(pw, next, works, list) {
		if (!padata_mt_dismiss_helper(pw, works))
			continue;
		/* Never the last to leave, for the caller is still counted. */
		padata_chunks_leave(&run->chunks);
		padata_stat_add(PADATA_HELPERS_CANCELLED, 1);
	}

	/* Pairs with the leave of the last helper, see there. */
	if (padata_chunks_leave(&run->chunks))
		return;

	began = ktime_get_ns();
	padata_priority_lend(run);
	wait_for_completion(&run->all_left);
	padata_stat_add(PADATA_WAIT_NS, ktime_get_ns() - began);
}

/*
 * Give back what it takes to have helpers, before the undo, which may take long.
 * Only the works of those whose chunk failed stay behind in @works: the undo goes
 * by them.
 */
static void padata_mt_put_helpers(struct list_head *works)
{
	struct padata_work *pw, *next;
	LIST_HEAD(unused);

	list_for_each_entry_safe(pw, next, works, list) {
		padata_unplace_helper(pw->cpu, pw->node);
		if (pw->thread.failed.size)
			continue;
		if (pw->user) {
			list_del(&pw->list);
			kfree(pw);
			continue;
		}
		list_move(&pw->list, &unused);
	}
	padata_works_put(&unused);
}

static void padata_mt_undo(struct padata_mt_run *run, struct list_head *works)
{
	struct padata_work *pw, *next;

	padata_chunks_undo(&run->chunks);
	list_for_each_entry_safe(pw, next, works, list)
		padata_work_free(pw);
}

static unsigned long padata_mt_size(const struct padata_mt_job *job)
{
	unsigned long size = job->size;
	unsigned int i;

	for (i = 0; i < job->nr_ranges; i++)
		size += job->ranges[i].size;
	return size;
}

static int padata_mt_do_without_helpers(const struct padata_mt_job *job)
{
	if (trace_padata_mt_begin_enabled())
		trace_padata_mt_begin(job, padata_mt_size(job), 0);
	padata_stat_add(PADATA_JOBS_ALONE, 1);
	return padata_mt_do_alone(job);
}

/* Not inline: small jobs should not have to clear what is on the stack here. */
static noinline int padata_mt_do_with_helpers(const struct padata_mt_job *job)
{
	struct padata_mt_run run;
	struct padata_thread caller;
	unsigned int nr_helpers;
	LIST_HEAD(works);

	might_sleep();

	run.callers_cpus = padata_callers_cpus();
	nr_helpers = padata_mt_get_helpers(job, &run, &works);
	if (!nr_helpers)
		return padata_mt_do_without_helpers(job);
	if (trace_padata_mt_begin_enabled())
		trace_padata_mt_begin(job, padata_mt_size(job), nr_helpers);

	padata_chunks_init(&run.chunks, job, nr_helpers + 1);
	padata_memory_get(&run, job);
	padata_priority_init(&run);
	init_completion(&run.all_left);

	padata_mt_start_helpers(job, &run, &works);
	padata_mt_work(&run, &caller, -1);
	padata_mt_dismiss_helpers(&run, &works);
	padata_mt_put_helpers(&works);
	padata_mt_undo(&run, &works);
	padata_memory_put(&run);

	return padata_chunks_error(&run.chunks);
}

/**
 * padata_do_multithreaded - run a job on as many CPUs as pay off
 * @job: What to do, see struct padata_mt_job.  Only read; it, and what its
 *	 fn_arg points to, belongs to the caller again on return.
 *
 * Cuts the job into chunks and has them done by this thread and by helpers on
 * other CPUs.  This thread works until no chunk is left, so the job gets done
 * even when there is no helper to be had, and it waits only for helpers that
 * have begun.  On return no helper touches the job any more,
 * and all that they did is visible to the caller.
 *
 * After a chunk has failed no further chunk is handed out; those that other
 * threads have by then run to their end.  Then, with all threads gone, this one
 * calls undo_fn for what was done, if the job has one.
 *
 * A job that is too small to split is done by one call of thread_fn in this
 * thread, or by one for each of its ranges.  So is any job before
 * padata_init(), and without CONFIG_SMP.
 *
 * Nothing is allocated, but for the threads of a job that is done as_caller.  A
 * thread_fn may run jobs of its own.
 *
 * Context: Process context, may sleep.  Takes no lock while chunks are handed
 *	    out.  The caller must not hold a lock that thread_fn takes; lockdep
 *	    knows that.
 * Return:
 * * 0 when all of the job has been done
 * * what thread_fn returned for the first chunk to fail; nothing of the job is
 *   left done if there is an undo_fn
 * * -EINTR when a fatal signal has stopped a killable job, in the same way
 * * -EINVAL, with nothing done, for a job without thread_fn, with an end past
 *   ULONG_MAX, with an align that is no power of two, or not 1 beside a next_fn,
 *   with max_threads below 1, with both a size and ranges, with a range on no
 *   possible node, or with use_mm in a thread that has no mm; and for any job
 *   with interrupts or bottom halves off.  The first such job is reported in the
 *   log.
 */
int padata_do_multithreaded(const struct padata_mt_job *job)
{
	struct lockdep_map *map;
	int err;

	err = padata_mt_job_check(job);
	if (err)
		return err;

	/* Also for small jobs, which never sleep, but may be large next time. */
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		might_sleep();

	map = padata_mt_lock_job(job);
	if (padata_mt_max_threads(job) > 1)
		err = padata_mt_do_with_helpers(job);
	else
		err = padata_mt_do_without_helpers(job);
	trace_padata_mt_end(job, err);
	padata_stat_add(PADATA_JOBS, 1);
	if (err)
		padata_stat_add(PADATA_JOBS_FAILED, 1);
	padata_mt_unlock_job(map);

	return err;
}
EXPORT_SYMBOL_GPL(padata_do_multithreaded);

/**
 * padata_mt_near_cpus - how many CPUs the node of the caller has
 *
 * As max_threads of jobs that wait for the memory of that node, where their
 * helpers start: others would wait for the same memory, from farther away.
 *
 * Context: Any.  CPUs may come and go right after this.
 * Return: 1 or more.
 */
int padata_mt_near_cpus(void)
{
	/* The last CPU of the node may have gone offline meanwhile. */
	return max(cpumask_weight(cpumask_of_node(numa_node_id())), 1U);
}

void __init padata_mt_init(void)
{
	unsigned int i, nr_works = 2 * num_possible_cpus();
	struct padata_work *works;

	/*
	 * A work on a CPU's own workers starts on that CPU, and stays there.  It
	 * may take long, so the CPU's other works do not wait for it.
	 */
	padata_mt_wq = alloc_workqueue("padata_mt", WQ_CPU_INTENSIVE, 0);
	if (!padata_mt_wq) {
		pr_err("padata: no workqueue, jobs will run in their callers alone\n");
		return;
	}
	if (!padata_limits_init())
		return;		/* Jobs will run in their callers alone. */

	/*
	 * One for each helper that there can be.  And as many again, for helpers
	 * whose chunk failed, and others that are late, keep theirs for longer.
	 */
	works = kvcalloc(nr_works, sizeof(*works), GFP_KERNEL);
	if (!works)
		return;		/* Jobs will run in their callers alone. */

	for (i = 0; i < nr_works; i++) {
		raw_spin_lock_init(&works[i].lock);
		list_add_tail(&works[i].list, &padata_free_works);
	}
}
