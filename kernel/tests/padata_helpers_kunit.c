// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what helpers of a multithreaded job take over from their
 * caller, and give back.
 *
 * If threads have to meet, they wait until they do.  The time limits are for
 * bugs only.
 */

#include <kunit/test.h>
#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mman.h>
#include <linux/mutex.h>
#include <linux/padata.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/prio.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <linux/uaccess.h>
#include <uapi/linux/sched/types.h>

#include "../workqueue_internal.h"
#include "padata_kunit.h"

/* Only a lost helper ever takes this long. */
#define LOST_HELPER_MS	60000

/* Each does one chunk, and waits in it until all threads are in theirs. */
#define NR_HELPERS	2
/* Less than what the watchdogs look for. */
#define HOG		(10 * HZ)

static bool come_true(atomic_t *counter, int value)
{
	unsigned int ms;

	for (ms = 0; atomic_read(counter) < value; ms++) {
		if (ms > LOST_HELPER_MS)
			return false;
		msleep(1);
	}
	return true;
}

static unsigned int nr_usable_cpus(void)
{
	return cpumask_weight_and(wq_unbound_cpus(), cpu_online_mask);
}

/**
 * struct loan - a job with as many chunks as threads
 * @caller: It leaves its chunk when all have begun, and then waits.
 * @nr_begun: Threads in their chunk.
 * @nr_favoured: Helpers that did not begin as SCHED_IDLE.
 * @nr_lent: Helpers that have the caller's priority at the moment.
 * @nr_twice: Helpers that got it while another one had it.
 * @nr_served: Helpers that have had it.
 * @policy: The policy of the last of these.
 * @rt_priority: The real-time priority of the last of these.
 * @nr_lost: Threads that waited in vain.
 */
struct loan {
	struct task_struct	*caller;
	atomic_t		nr_begun;
	atomic_t		nr_favoured;
	atomic_t		nr_lent;
	atomic_t		nr_twice;
	atomic_t		nr_served;
	int			policy;
	unsigned int		rt_priority;
	atomic_t		nr_lost;
};

static bool has_callers_priority(const struct loan *loan)
{
	return READ_ONCE(current->policy) != SCHED_IDLE &&
	       READ_ONCE(current->prio) == READ_ONCE(loan->caller->prio);
}

static int need_a_loan(unsigned long start, unsigned long end, void *arg)
{
	struct loan *loan = arg;
	unsigned int ms;

	if (current != loan->caller && current->policy != SCHED_IDLE)
		atomic_inc(&loan->nr_favoured);
	atomic_inc(&loan->nr_begun);
	if (!come_true(&loan->nr_begun, NR_HELPERS + 1))
		atomic_inc(&loan->nr_lost);
	if (current == loan->caller)
		return 0;

	for (ms = 0; !has_callers_priority(loan); ms++) {
		if (ms > LOST_HELPER_MS) {
			atomic_inc(&loan->nr_lost);
			return 0;
		}
		msleep(1);
	}
	if (atomic_inc_return(&loan->nr_lent) > 1)
		atomic_inc(&loan->nr_twice);
	WRITE_ONCE(loan->policy, current->policy);
	WRITE_ONCE(loan->rt_priority, current->rt_priority);
	msleep(5);
	atomic_dec(&loan->nr_lent);
	atomic_inc(&loan->nr_served);
	return 0;
}

static void run_with_loan(struct kunit *test, struct loan *loan)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = need_a_loan,
			     .fn_arg = loan,
			     .size = NR_HELPERS + 1,
			     .align = 1,
			     .max_threads = NR_HELPERS + 1);

	*loan = (struct loan){ .caller = current };
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan->nr_lost), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan->nr_favoured), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan->nr_twice), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan->nr_served), NR_HELPERS);
}

/*
 * Each helper stays in its chunk until it has the caller's priority, so the job
 * ends only if all get it, one after the other.  Each begins as SCHED_IDLE, so what
 * the job before has lent was given back.
 */
static void helpers_priority(struct kunit *test)
{
	struct loan loan;
	int nice;

	if (nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);

	for (nice = -20; nice < 19; nice += 6) {
		set_user_nice(current, nice);
		run_with_loan(test, &loan);
		KUNIT_EXPECT_EQ(test, loan.policy, SCHED_NORMAL);
	}
	set_user_nice(current, 0);
}

static void helpers_realtime_priority(struct kunit *test)
{
	struct sched_attr normal = { .sched_policy = SCHED_NORMAL };
	struct sched_attr fifo = { .sched_policy = SCHED_FIFO };
	struct loan loan;
	int priority;

	if (nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);

	for (priority = 1; priority < MAX_RT_PRIO - 1; priority += 32) {
		fifo.sched_priority = priority;
		KUNIT_ASSERT_EQ(test, sched_setattr_nocheck(current, &fifo), 0);
		run_with_loan(test, &loan);
		KUNIT_EXPECT_EQ(test, loan.policy, SCHED_FIFO);
		KUNIT_EXPECT_EQ(test, loan.rt_priority, priority);
	}
	sched_setattr_nocheck(current, &normal);
	run_with_loan(test, &loan);
	KUNIT_EXPECT_EQ(test, loan.policy, SCHED_NORMAL);
}

/* Helpers of two jobs, one after the other, by name. */
struct acquaintance {
	struct task_struct	*caller;
	struct task_struct	*helpers[NR_HELPERS];
	atomic_t		nr_helpers;
	atomic_t		nr_begun;
	bool			again;
	struct task_struct	*known;
};

static int get_acquainted(unsigned long start, unsigned long end, void *arg)
{
	struct acquaintance *acquaintance = arg;
	unsigned int i;

	atomic_inc(&acquaintance->nr_begun);
	come_true(&acquaintance->nr_begun, NR_HELPERS + 1);
	if (current == acquaintance->caller)
		return 0;

	if (!acquaintance->again) {
		i = atomic_inc_return(&acquaintance->nr_helpers) - 1;
		acquaintance->helpers[i] = get_task_struct(current);
		return 0;
	}
	for (i = 0; i < NR_HELPERS; i++) {
		if (acquaintance->helpers[i] == current)
			acquaintance->known = current;
	}
	return 0;
}

static bool is_normal_again(struct task_struct *task)
{
	unsigned int ms;

	for (ms = 0; READ_ONCE(task->policy) != SCHED_NORMAL; ms++) {
		if (ms > LOST_HELPER_MS)
			return false;
		msleep(1);
	}
	return true;
}

/* An administrator may have set the priority of a worker.  A job leaves it so. */
static void helpers_get_their_priority_back(struct kunit *test)
{
	struct acquaintance acquaintance = { .caller = current };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = get_acquainted,
			     .fn_arg = &acquaintance,
			     .size = NR_HELPERS + 1,
			     .align = 1,
			     .max_threads = NR_HELPERS + 1);
	unsigned int i, tries;

	if (nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);

	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_ASSERT_EQ(test, atomic_read(&acquaintance.nr_helpers), NR_HELPERS);
	for (i = 0; i < NR_HELPERS; i++) {
		KUNIT_EXPECT_TRUE(test, is_normal_again(acquaintance.helpers[i]));
		set_user_nice(acquaintance.helpers[i], 5);
	}

	/* Other workers may come instead. */
	acquaintance.again = true;
	for (tries = 0; tries < 1000 && !acquaintance.known; tries++) {
		atomic_set(&acquaintance.nr_begun, 0);
		KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	}
	if (acquaintance.known) {
		KUNIT_EXPECT_TRUE(test, is_normal_again(acquaintance.known));
		KUNIT_EXPECT_EQ(test, task_nice(acquaintance.known), 5);
	}
	for (i = 0; i < NR_HELPERS; i++) {
		set_user_nice(acquaintance.helpers[i], 0);
		put_task_struct(acquaintance.helpers[i]);
	}
	if (!acquaintance.known)
		kunit_skip(test, "no worker has helped twice");
}

static int count_others(unsigned long start, unsigned long end, void *arg)
{
	struct loan *loan = arg;

	if (current != loan->caller)
		atomic_inc(&loan->nr_begun);
	return 0;
}

/* It has bandwidth of its own, and could not lend it. */
static void helpers_are_not_for_deadline_tasks(struct kunit *test)
{
	struct sched_attr normal = { .sched_policy = SCHED_NORMAL };
	struct sched_attr deadline = {
		.sched_policy	= SCHED_DEADLINE,
		.sched_runtime	= 10 * NSEC_PER_MSEC,
		.sched_deadline	= 100 * NSEC_PER_MSEC,
		.sched_period	= 100 * NSEC_PER_MSEC,
	};
	struct loan loan = { .caller = current };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = count_others,
			     .fn_arg = &loan,
			     .size = 100000,
			     .align = 1,
			     .max_threads = INT_MAX);

	if (sched_setattr_nocheck(current, &deadline))
		kunit_skip(test, "a kernel thread cannot be SCHED_DEADLINE here");
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	sched_setattr_nocheck(current, &normal);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan.nr_begun), 0);
}

/* What the threads of a job find out of their memory, after all have begun. */
struct memory_check {
	struct task_struct	*caller;
	atomic_t		nr_begun;
	struct mem_cgroup	*memcg;
	unsigned long __user	*words;
	atomic_t		nr_wrong;
};

static void all_begin(struct memory_check *check)
{
	atomic_inc(&check->nr_begun);
	if (!come_true(&check->nr_begun, NR_HELPERS + 1))
		atomic_inc(&check->nr_wrong);
}

static int check_memcg(unsigned long start, unsigned long end, void *arg)
{
	struct memory_check *check = arg;

	all_begin(check);
#ifdef CONFIG_MEMCG
	if (current != check->caller && current->active_memcg != check->memcg)
		atomic_inc(&check->nr_wrong);
#endif
	return 0;
}

static int write_words(unsigned long start, unsigned long end, void *arg)
{
	struct memory_check *check = arg;
	unsigned long i;

	all_begin(check);
	for (i = start; i < end; i++) {
		if (put_user(~i, &check->words[i]))
			return -EFAULT;
	}
	return 0;
}

static void run_memory_check(struct kunit *test, struct memory_check *check,
			     int (*thread_fn)(unsigned long start,
					      unsigned long end, void *arg),
			     bool use_mm)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = thread_fn,
			     .fn_arg = check,
			     .size = NR_HELPERS + 1,
			     .align = 1,
			     .max_threads = NR_HELPERS + 1,
			     .use_mm = use_mm);

	check->caller = current;
	atomic_set(&check->nr_begun, 0);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&check->nr_wrong), 0);
}

/*
 * A kernel thread runs the tests.  It charges to nobody in particular, until it
 * names a cgroup.
 */
static void helpers_charge_the_caller(struct kunit *test)
{
	struct memory_check check = { };

	if (!IS_ENABLED(CONFIG_MEMCG) || mem_cgroup_disabled())
		kunit_skip(test, "needs memory cgroups");
	if (nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);

	check.memcg = get_mem_cgroup_from_current();
	run_memory_check(test, &check, check_memcg, false);

	set_active_memcg(check.memcg);
	run_memory_check(test, &check, check_memcg, false);
	set_active_memcg(NULL);
	mem_cgroup_put(check.memcg);
}

/* Which scopes a thread is in. */
struct scopes {
	struct memory_check	check;
	unsigned int		wanted;
};

#define ALL_SCOPES	(PF_MEMALLOC | PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO | \
			 PF_MEMALLOC_PIN)

static int check_scopes(unsigned long start, unsigned long end, void *arg)
{
	struct scopes *scopes = container_of(arg, struct scopes, check);

	all_begin(&scopes->check);
	if ((current->flags & ALL_SCOPES) != scopes->wanted)
		atomic_inc(&scopes->check.nr_wrong);
	return 0;
}

/* With each scope, and then without: a worker must not keep it. */
static void helpers_are_in_the_callers_scopes(struct kunit *test)
{
	static const unsigned int all[] = {
		PF_MEMALLOC, PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO, PF_MEMALLOC_PIN,
	};
	struct scopes scopes = { };
	unsigned int i;

	if (nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		unsigned int old = memalloc_flags_save(all[i]);

		scopes.wanted = all[i];
		run_memory_check(test, &scopes.check, check_scopes, false);
		memalloc_flags_restore(old);

		scopes.wanted = 0;
		run_memory_check(test, &scopes.check, check_scopes, false);
	}
}

static int allocate(unsigned long start, unsigned long end, void *arg)
{
	all_begin(arg);
	kfree(kmalloc(64, GFP_KERNEL));
	return 0;
}

/*
 * The caller holds a lock that reclaim takes, and so must not wait for reclaim.
 * If a helper could enter it, lockdep would say so on the console.
 */
static void helpers_do_not_reclaim_for_a_caller_that_must_not(struct kunit *test)
{
	static DEFINE_MUTEX(taken_in_reclaim);
	struct memory_check check = { .caller = current };
	unsigned int old;
	/* Its own, for what lockdep learns of it must not hold for others. */
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = allocate,
			     .fn_arg = &check,
			     .size = NR_HELPERS + 1,
			     .align = 1,
			     .max_threads = NR_HELPERS + 1);

	if (nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);

	fs_reclaim_acquire(GFP_KERNEL);
	mutex_lock(&taken_in_reclaim);
	mutex_unlock(&taken_in_reclaim);
	fs_reclaim_release(GFP_KERNEL);

	old = memalloc_nofs_save();
	mutex_lock(&taken_in_reclaim);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	mutex_unlock(&taken_in_reclaim);
	memalloc_nofs_restore(old);
	KUNIT_EXPECT_EQ(test, atomic_read(&check.nr_wrong), 0);
}

static void helpers_use_the_callers_mm(struct kunit *test)
{
	struct memory_check check = { };
	unsigned long addr, i;

	if (nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);

	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_FALSE(test, !addr || IS_ERR_VALUE(addr));

	check.words = (unsigned long __user *)addr;
	run_memory_check(test, &check, write_words, true);
	for (i = 0; i < NR_HELPERS + 1; i++) {
		unsigned long word = 0;

		KUNIT_EXPECT_EQ(test, get_user(word, &check.words[i]), 0);
		KUNIT_EXPECT_EQ(test, word, ~i);
	}
}

/* A process of its own, for what kernel threads cannot do. */
struct process {
	struct task_struct	*caller;
	unsigned int		nr_jobs;
	bool			all_meet;
	bool			in_transaction;
	bool			stays_on_cpu;
	bool			nests;
	atomic_t		nr_begun;
	atomic_t		nr_wrong;
	atomic_t		nr_units;
};

struct inner {
	struct task_struct	*caller;
	atomic_t		nr_wrong;
};

static int check_inner(unsigned long start, unsigned long end, void *arg)
{
	struct inner *inner = arg;

	if (current != inner->caller)
		atomic_inc(&inner->nr_wrong);
	/* Long enough for a helper to come, if there were one. */
	usleep_range(1000, 2000);
	return 0;
}

static int run_inner_job(void)
{
	struct inner inner = { .caller = current };
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = check_inner,
			     .fn_arg = &inner,
			     .size = 10,
			     .align = 1,
			     .max_threads = NR_HELPERS + 1,
			     .as_caller = true);

	/* It is kept to one CPU, but a user can change that. */
	set_cpus_allowed_ptr(current, cpu_online_mask);
	return padata_do_multithreaded(&job) ?: atomic_read(&inner.nr_wrong);
}

/* Some CPUs are left for the inner jobs, should they take any. */
static unsigned int nr_threads_of(const struct process *process)
{
	return process->nests ? 2 : NR_HELPERS + 1;
}

static int check_process(unsigned long start, unsigned long end, void *arg)
{
	struct process *process = arg;
	bool clones = !process->in_transaction && !process->stays_on_cpu;

	atomic_add(end - start, &process->nr_units);
	if (current != process->caller &&
	    same_thread_group(current, process->caller) != clones)
		atomic_inc(&process->nr_wrong);
	if (current != process->caller && process->nests && run_inner_job())
		atomic_inc(&process->nr_wrong);
	if (!process->all_meet)
		return 0;

	atomic_inc(&process->nr_begun);
	if (!come_true(&process->nr_begun, nr_threads_of(process)))
		atomic_inc(&process->nr_wrong);
	return 0;
}

static int run_as_process(void *arg)
{
	struct process *process = arg;
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = check_process,
			     .fn_arg = process,
			     .size = process->all_meet ? nr_threads_of(process) :
							 1000,
			     .align = 1,
			     .max_threads = nr_threads_of(process),
			     .as_caller = true);
	unsigned int i;

	process->caller = current;
	if (process->in_transaction)
		current->journal_info = process;
	if (process->stays_on_cpu)
		migrate_disable();
	for (i = 0; i < process->nr_jobs; i++) {
		atomic_set(&process->nr_begun, 0);
		atomic_set(&process->nr_units, 0);
		if (padata_do_multithreaded(&job) ||
		    atomic_read(&process->nr_units) != job.size)
			atomic_inc(&process->nr_wrong);
	}
	if (process->stays_on_cpu)
		migrate_enable();
	current->journal_info = NULL;
	do_exit(0);
}

static void wait_for_process(struct kunit *test, int (*fn)(void *), void *arg)
{
	int status = 0;
	pid_t pid;

	/* Otherwise the process would be gone before it can be waited for. */
	kernel_sigaction(SIGCHLD, SIG_DFL);
	pid = user_mode_thread(fn, arg, SIGCHLD);
	KUNIT_EXPECT_GT(test, pid, 0);
	/* Its helpers have ended, too, when this returns. */
	if (pid > 0)
		kernel_wait(pid, &status);
	kernel_sigaction(SIGCHLD, SIG_IGN);
	KUNIT_EXPECT_EQ(test, status, 0);
}

static void run_process(struct kunit *test, struct process *process)
{
	if (process->all_meet && nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);

	wait_for_process(test, run_as_process, process);
	KUNIT_EXPECT_EQ(test, atomic_read(&process->nr_wrong), 0);
}

/* Helpers are threads of the caller's process: they start, help, and end. */
static void helpers_as_caller(struct kunit *test)
{
	struct process process = { .nr_jobs = 20, .all_meet = true };

	run_process(test, &process);
}

/* A clone would take the transaction over. */
static void helpers_as_caller_in_a_transaction(struct kunit *test)
{
	struct process process = {
		.nr_jobs	= 20,
		.all_meet	= true,
		.in_transaction	= true,
	};

	run_process(test, &process);
}

/* A clone that cannot be migrated could not get to its CPU. */
static void helpers_as_caller_with_migration_off(struct kunit *test)
{
	struct process process = {
		.nr_jobs	= 20,
		.all_meet	= true,
		.stays_on_cpu	= true,
	};

	run_process(test, &process);
}

static void helpers_as_caller_do_their_own_jobs_alone(struct kunit *test)
{
	struct process process = {
		.nr_jobs	= 5,
		.all_meet	= true,
		.nests		= true,
	};

	run_process(test, &process);
}

/*
 * The jobs are so small that many helpers come too late.  They have to end all the
 * same, and the works that they took the place of to come back to the pool.
 */
static void helpers_as_caller_that_are_late(struct kunit *test)
{
	struct process process = { .nr_jobs = 500 };

	run_process(test, &process);
	expect_all_works_free(test);
}

/* A process with a helper that cannot get to its CPU. */
struct held_up {
	struct cpumask	cpus;
	struct completion begun;
	bool		hogging;
	bool		cloned;
	bool		let_go;
};

/* For a while nobody else runs on this CPU. */
static int hog_cpu(void *arg)
{
	struct held_up *held_up = arg;
	unsigned long until = jiffies + HOG;

	preempt_disable();
	WRITE_ONCE(held_up->hogging, true);
	complete(&held_up->begun);
	while (!kthread_should_stop() && time_before(jiffies, until))
		cpu_relax();
	WRITE_ONCE(held_up->hogging, false);
	preempt_enable();

	while (!kthread_should_stop())
		usleep_range(1000, 2000);
	return 0;
}

static int look_for_clone(unsigned long start, unsigned long end, void *arg)
{
	struct held_up *held_up = arg;

	held_up->cloned = get_nr_threads(current) > 1;
	return 0;
}

static int run_held_up(void *arg)
{
	struct held_up *held_up = arg;
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = look_for_clone,
			     .fn_arg = held_up,
			     .size = 2,
			     .align = 1,
			     .max_threads = 2,
			     .as_caller = true);
	struct task_struct *hog;

	/* The hog is on the other CPU. */
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(&held_up->cpus)));
	hog = kthread_create_on_cpu(hog_cpu, held_up, cpumask_last(&held_up->cpus),
				    "padata_hog/%u");
	if (IS_ERR(hog))
		do_exit(0);
	wake_up_process(hog);
	wait_for_completion(&held_up->begun);
	set_cpus_allowed_ptr(current, &held_up->cpus);

	padata_do_multithreaded(&job);
	while (get_nr_threads(current) > 1)
		usleep_range(1000, 2000);
	/* The helper did not wait for the end of the hog. */
	held_up->let_go = READ_ONCE(held_up->hogging);
	kthread_stop(hog);
	do_exit(0);
}

/* A process would have to wait for such a helper when it ends. */
static void helpers_as_caller_end_though_their_cpu_is_busy(struct kunit *test)
{
	struct held_up *held_up = kunit_kzalloc(test, sizeof(*held_up), GFP_KERNEL);
	unsigned int cpu;

	KUNIT_ASSERT_NOT_NULL(test, held_up);
	if (nr_usable_cpus() < 2)
		kunit_skip(test, "needs 2 CPUs that helpers may use");

	init_completion(&held_up->begun);
	for_each_cpu_and(cpu, wq_unbound_cpus(), cpu_online_mask) {
		if (cpumask_weight(&held_up->cpus) < 2)
			cpumask_set_cpu(cpu, &held_up->cpus);
	}
	wait_for_process(test, run_held_up, held_up);
	KUNIT_EXPECT_TRUE(test, held_up->cloned);
	KUNIT_EXPECT_TRUE(test, held_up->let_go);
}

static struct kunit_case padata_helpers_cases[] = {
	KUNIT_CASE(helpers_priority),
	KUNIT_CASE(helpers_realtime_priority),
	KUNIT_CASE(helpers_get_their_priority_back),
	KUNIT_CASE(helpers_are_not_for_deadline_tasks),
	KUNIT_CASE(helpers_charge_the_caller),
	KUNIT_CASE(helpers_are_in_the_callers_scopes),
	KUNIT_CASE(helpers_do_not_reclaim_for_a_caller_that_must_not),
	KUNIT_CASE(helpers_use_the_callers_mm),
	KUNIT_CASE(helpers_as_caller),
	KUNIT_CASE(helpers_as_caller_in_a_transaction),
	KUNIT_CASE(helpers_as_caller_with_migration_off),
	KUNIT_CASE(helpers_as_caller_do_their_own_jobs_alone),
	KUNIT_CASE(helpers_as_caller_that_are_late),
	KUNIT_CASE(helpers_as_caller_end_though_their_cpu_is_busy),
	{}
};

static struct kunit_suite padata_helpers_suite = {
	.name		= "padata_helpers",
	.test_cases	= padata_helpers_cases,
};

kunit_test_suite(padata_helpers_suite);

MODULE_DESCRIPTION("KUnit tests of the helpers of padata's multithreaded jobs");
MODULE_LICENSE("GPL");
