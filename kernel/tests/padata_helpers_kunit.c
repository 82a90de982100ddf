// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what helpers of a multithreaded job take on of their caller, and
 * give back.
 *
 * Where two threads have to meet, they wait until they do; the limits are there
 * for bugs only.
 */

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/memcontrol.h>
#include <linux/mman.h>
#include <linux/padata.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/prio.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>
#include <uapi/linux/sched/types.h>

#include "../padata_run.h"
#include "../workqueue_internal.h"

/* Only a lost helper ever takes this long. */
#define LOST_HELPER_MS	60000

/* Each of them is in one chunk at a time, at which all of them meet. */
#define NR_HELPERS	2

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
 * @caller: Who leaves its chunk when all have begun, and then waits.
 * @nr_begun: Threads in their chunk.
 * @nr_favoured: Helpers that did not begin at the lowest priority.
 * @nr_lent: Helpers that have the caller's priority at the moment.
 * @nr_twice: Helpers that had it while another had.
 * @nr_served: Helpers that have had it.
 * @policy: The policy of the last.
 * @rt_priority: And its priority.
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
	return READ_ONCE(current->prio) == READ_ONCE(loan->caller->prio);
}

static int need_a_loan(unsigned long start, unsigned long end, void *arg)
{
	struct loan *loan = arg;
	unsigned int ms;

	if (current != loan->caller && task_nice(current) != MAX_NICE)
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
			     .max_threads = NR_HELPERS + 1,
			     .spread_nodes = true);

	*loan = (struct loan){ .caller = current };
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan->nr_lost), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan->nr_favoured), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan->nr_twice), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&loan->nr_served), NR_HELPERS);
}

/*
 * Each helper stays in its chunk until it has the caller's priority, so the job
 * ends only if all get it, one after the other; and begins at the lowest, so what
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

/* What each thread does in turn, after all have begun. */
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
			     .spread_nodes = true,
			     .use_mm = use_mm);

	check->caller = current;
	atomic_set(&check->nr_begun, 0);
	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&check->nr_wrong), 0);
}

/*
 * The tests are run by a kernel thread, which charges to nobody in particular,
 * until it says so.
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
	mem_cgroup_put(check.memcg);

	check.memcg = root_mem_cgroup;
	set_active_memcg(root_mem_cgroup);
	run_memory_check(test, &check, check_memcg, false);
	set_active_memcg(NULL);
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
	atomic_t		nr_begun;
	atomic_t		nr_wrong;
	atomic_t		nr_units;
};

static int check_process(unsigned long start, unsigned long end, void *arg)
{
	struct process *process = arg;
	/* The caller may lend its own right now. */
	int nice = data_race(task_nice(current));

	atomic_add(end - start, &process->nr_units);
	if (!same_thread_group(current, process->caller))
		atomic_inc(&process->nr_wrong);
	if (current != process->caller && nice != MAX_NICE &&
	    nice != task_nice(process->caller))
		atomic_inc(&process->nr_wrong);
	if (!process->all_meet)
		return 0;

	atomic_inc(&process->nr_begun);
	if (!come_true(&process->nr_begun, NR_HELPERS + 1))
		atomic_inc(&process->nr_wrong);
	return 0;
}

static int run_as_process(void *arg)
{
	struct process *process = arg;
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = check_process,
			     .fn_arg = process,
			     .size = process->all_meet ? NR_HELPERS + 1 : 1000,
			     .align = 1,
			     .max_threads = NR_HELPERS + 1,
			     .spread_nodes = true,
			     .as_caller = true);
	unsigned int i;

	process->caller = current;
	for (i = 0; i < process->nr_jobs; i++) {
		atomic_set(&process->nr_begun, 0);
		atomic_set(&process->nr_units, 0);
		if (padata_do_multithreaded(&job) ||
		    atomic_read(&process->nr_units) != job.size)
			atomic_inc(&process->nr_wrong);
	}
	do_exit(0);
}

static void run_process(struct kunit *test, struct process *process)
{
	pid_t pid;

	/* Else it would be gone before it can be waited for. */
	kernel_sigaction(SIGCHLD, SIG_DFL);
	pid = user_mode_thread(run_as_process, process, SIGCHLD);
	KUNIT_EXPECT_GT(test, pid, 0);
	/* Until its helpers have ended, too. */
	if (pid > 0)
		kernel_wait(pid, NULL);
	kernel_sigaction(SIGCHLD, SIG_IGN);

	KUNIT_EXPECT_EQ(test, atomic_read(&process->nr_wrong), 0);
}

/* Threads of the caller's process, which start, help, and leave it. */
static void helpers_as_caller(struct kunit *test)
{
	struct process process = { .nr_jobs = 20, .all_meet = true };

	if (nr_usable_cpus() < NR_HELPERS + 1)
		kunit_skip(test, "needs %d CPUs that helpers may use",
			   NR_HELPERS + 1);
	run_process(test, &process);
}

/*
 * So small that many of the helpers come too late: what they were to use has to
 * find its way back all the same.
 */
static void helpers_as_caller_that_are_late(struct kunit *test)
{
	struct process process = { .nr_jobs = 500 };
	LIST_HEAD(works);

	run_process(test, &process);
	KUNIT_EXPECT_EQ(test, padata_works_get(&works, UINT_MAX),
			num_possible_cpus());
	padata_works_put(&works);
}

static struct kunit_case padata_helpers_cases[] = {
	KUNIT_CASE(helpers_priority),
	KUNIT_CASE(helpers_realtime_priority),
	KUNIT_CASE(helpers_charge_the_caller),
	KUNIT_CASE(helpers_use_the_callers_mm),
	KUNIT_CASE(helpers_as_caller),
	KUNIT_CASE(helpers_as_caller_that_are_late),
	{}
};

static struct kunit_suite padata_helpers_suite = {
	.name		= "padata_helpers",
	.test_cases	= padata_helpers_cases,
};

kunit_test_suite(padata_helpers_suite);

MODULE_DESCRIPTION("KUnit tests of the helpers of padata's multithreaded jobs");
MODULE_LICENSE("GPL");
