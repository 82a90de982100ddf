// SPDX-License-Identifier: GPL-2.0
/*
 * limits.c - test of kernel/padata_limits.c on machines of any size
 *
 * What it costs to place the helpers of a job is counted, and not timed: the CPUs
 * and the nodes that are looked at, the words of masks, and the changes of what
 * all jobs share.  That is the same on any machine.
 *
 * Then threads place helpers at once.  No check depends on how they are
 * scheduled.
 */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/init.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "../../../kernel/padata_run.h"
#include "../../../kernel/workqueue_internal.h"

#include "test.h"

#define NR_THREADS	8
#define NR_DISTANCES	4
#define NR_ROUNDS	1000

__thread struct visits visits;
__thread int current_cpu;

unsigned int nr_cpu_ids, nr_node_ids;
struct cpumask online_cpus, possible_cpus;

static struct cpumask unbound_cpus, idle_cpus, node_cpus[MAX_NUMNODES];
static int node_of[NR_CPUS];

/* How many jobs have a helper on a CPU, and helpers on a node, and on all. */
static int nr_on_cpu[NR_CPUS], nr_on_node[MAX_NUMNODES], nr_on_all;

static __thread unsigned int random_state;

static unsigned int random_upto(unsigned int max)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 16) % (max + 1);
}

/* Threads of this program change places there; without them it does nothing. */
void schedule_point(void)
{
	if (random_state && !random_upto(7))
		sched_yield();
}

/* ---- the machine ---- */

const struct cpumask *wq_unbound_cpus(void)
{
	return &unbound_cpus;
}

int idle_cpu(int cpu)
{
	return cpumask_test_cpu(cpu, &idle_cpus);
}

int cpu_to_node(int cpu)
{
	return node_of[cpu];
}

const struct cpumask *cpumask_of_node(int node)
{
	return &node_cpus[node];
}

/* Four nodes are in a box, and four boxes in a rack. */
int node_distance(int from, int to)
{
	visits.nodes++;
	if (from == to)
		return 10;
	if (from / 4 == to / 4)
		return 12;
	return from / 16 == to / 16 ? 20 : 32;
}

/* All nodes but the first have @nr_small CPUs, or as many as that if it is 0. */
static void set_up(unsigned int nr_cpus, unsigned int nr_nodes,
		   unsigned int nr_small)
{
	unsigned int cpu, nr_first;

	nr_cpu_ids = nr_cpus;
	nr_node_ids = nr_nodes;
	if (!nr_small)
		nr_small = nr_cpus / nr_nodes;
	nr_first = nr_cpus - nr_small * (nr_nodes - 1);

	memset(&possible_cpus, 0, sizeof(possible_cpus));
	memset(node_cpus, 0, sizeof(node_cpus));
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		node_of[cpu] = cpu < nr_first ? 0 :
			       1 + (cpu - nr_first) / nr_small;
		cpumask_set_cpu(cpu, &possible_cpus);
		cpumask_set_cpu(cpu, &node_cpus[node_of[cpu]]);
	}
	online_cpus = possible_cpus;
	unbound_cpus = possible_cpus;
	idle_cpus = possible_cpus;
	caller_task.cpus_mask = possible_cpus;
	current_cpu = 0;
	padata_helpers_percent = 100;
}

/* ---- jobs ---- */

/**
 * struct placed - the helpers of one job
 * @works: A work for each of them, and for those that were not placed.
 * @list: Those that were placed.
 * @nr: How many were.
 * @visits: What that has cost.
 */
struct placed {
	struct padata_work	works[NR_CPUS];
	struct list_head	list;
	unsigned int		nr;
	struct visits		visits;
};

static void place(struct placed *placed, unsigned int nr_helpers, bool ranges)
{
	struct padata_mt_job job = { .nr_ranges = ranges };
	struct padata_mt_run run = { .callers_cpus = padata_callers_cpus() };
	LIST_HEAD(works);
	unsigned int i;

	for (i = 0; i < nr_helpers; i++)
		list_add_tail(&placed->works[i].list, &works);
	INIT_LIST_HEAD(&placed->list);

	memset(&visits, 0, sizeof(visits));
	placed->nr = padata_place_helpers(&run, &job, &works, nr_helpers,
					  &placed->list);
	placed->visits = visits;
}

static void unplace(struct placed *placed)
{
	struct padata_work *pw;

	list_for_each_entry(pw, &placed->list, list)
		padata_unplace_helper(pw->cpu, pw->node);
}

/* ---- what it costs ---- */

static struct placed one_job;

static void idle_all(void)
{
}

static void idle_none(void)
{
	memset(&idle_cpus, 0, sizeof(idle_cpus));
}

static void idle_every_other(void)
{
	memset(&idle_cpus, 0x55, sizeof(idle_cpus));
}

static void idle_first_node(void)
{
	idle_cpus = node_cpus[0];
}

static void idle_last_node(void)
{
	idle_cpus = node_cpus[nr_node_ids - 1];
}

static const struct {
	const char	*name;
	void		(*set)(void);
} idles[] = {
	{ "all",		idle_all },
	{ "no",			idle_none },
	{ "every other",	idle_every_other },
	{ "the first node's",	idle_first_node },
	{ "the last node's",	idle_last_node },
};

/* Half of the CPUs belong to another job. */
static void claim_half(struct placed *others)
{
	struct cpumask all = unbound_cpus;
	unsigned int cpu;

	for (cpu = 1; cpu < nr_cpu_ids; cpu += 2)
		unbound_cpus.bits[cpu / 64] &= ~(1ULL << cpu % 64);
	place(others, nr_cpu_ids / 2 - 1, false);
	unbound_cpus = all;
}

static void expect_cheap(const char *idle, unsigned int nr, bool ranges)
{
	/*
	 * A walk for idle CPUs, and one for the rest.  With ranges each of them is
	 * two: as many on each node, and then what is left.
	 */
	unsigned long walks = ranges ? 4 : 2;
	unsigned long most_cpus = walks * nr_cpu_ids;
	/* For each node the whole masks, for CPUs and for the percentage */
	unsigned long most_words = most_cpus +
				   2 * (walks * nr_node_ids + 1) * (nr_cpu_ids / 64);
	/* For each distance and the end: which is next, and whose it is */
	unsigned long most_nodes = walks * (4 * NR_DISTANCES + 2) *
				   nr_node_ids;
	struct visits seen;

	place(&one_job, nr, ranges);
	seen = one_job.visits;
	unplace(&one_job);

	/* Two counts and a bit; and the counts that are tried in vain on each node */
	if (seen.cpus > most_cpus || seen.words > most_words ||
	    seen.nodes > most_nodes ||
	    seen.atomics > 3 * one_job.nr + walks * 4 * nr_node_ids)
		fail("%s idle, %u%%, %u nodes%s, %u got: %lu CPUs %lu words %lu nodes %lu atomics",
		     idle, padata_helpers_percent, nr_node_ids,
		     ranges ? ", ranges" : "", one_job.nr, seen.cpus,
		     seen.words, seen.nodes, seen.atomics);
}

/* Jobs of each kind, on a machine that has been set up. */
static void expect_all_cheap(void)
{
	static const unsigned int percents[] = { 100, 50, 0 };
	const unsigned int nr_helpers[] = { 1, 64, nr_cpu_ids / 2, nr_cpu_ids - 1 };
	unsigned int i, j, k, ranges;

	for (i = 0; i < ARRAY_SIZE(idles); i++) {
		idle_cpus = possible_cpus;
		idles[i].set();
		for (j = 0; j < ARRAY_SIZE(nr_helpers); j++) {
			for (k = 0; k < ARRAY_SIZE(percents); k++) {
				padata_helpers_percent = percents[k];
				for (ranges = 0; ranges < 2; ranges++)
					expect_cheap(idles[i].name,
						     nr_helpers[j], ranges);
			}
		}
	}
	padata_helpers_percent = 100;
}

static void check_cost(void)
{
	set_up(4096, 64, 0);
	expect_all_cheap();
	set_up(4096, 1, 0);
	expect_all_cheap();
}

static void check_cost_of_uneven_nodes(void)
{
	set_up(4096, 64, 1);
	expect_all_cheap();
	set_up(4096, 64, 65);
	expect_all_cheap();
}

static void check_cost_beside_another_job(void)
{
	static struct placed others;

	set_up(4096, 64, 0);
	claim_half(&others);
	if (others.nr != 2047)
		fail("another job has %u CPUs", others.nr);
	expect_all_cheap();
	unplace(&others);
}

static unsigned long total(unsigned int nr_cpus, unsigned int nr_nodes,
			   unsigned int share, bool ranges)
{
	set_up(nr_cpus, nr_nodes, 0);
	idle_every_other();
	place(&one_job, nr_cpus / share - 1, ranges);
	unplace(&one_job);
	return one_job.visits.cpus + one_job.visits.words +
	       one_job.visits.nodes + one_job.visits.atomics;
}

static void check_growth(void)
{
	unsigned int share, ranges;

	for (share = 1; share <= 64; share *= 8) {
		for (ranges = 0; ranges < 2; ranges++) {
			unsigned long some = total(4096, 64, share, ranges);
			unsigned long twice = total(8192, 64, share, ranges);

			if (twice > 2 * some + 64)
				fail("1/%u of the CPUs%s: %lu for 4096, %lu for 8192",
				     share, ranges ? ", ranges" : "", some,
				     twice);
		}
	}
}

/* ---- what is claimed ---- */

static void check_each_has_its_own(void)
{
	unsigned int ranges;

	set_up(4096, 64, 0);
	for (ranges = 0; ranges < 2; ranges++) {
		struct cpumask seen = { };
		struct padata_work *pw;

		place(&one_job, 4095, ranges);
		if (one_job.nr != 4095)
			fail("%u of 4095 helpers were placed", one_job.nr);
		list_for_each_entry(pw, &one_job.list, list) {
			if (cpumask_test_and_set_cpu(pw->cpu, &seen) || !pw->cpu)
				fail("a helper on CPU %d, as another or the caller",
				     pw->cpu);
			if (pw->node != node_of[pw->cpu])
				fail("CPU %d is not on node %d", pw->cpu, pw->node);
		}
		unplace(&one_job);
	}
}

static void check_percent(void)
{
	unsigned int percent, ranges;

	set_up(640, 10, 0);
	for (percent = 0; percent <= 100; percent += 5) {
		for (ranges = 0; ranges < 2; ranges++) {
			unsigned int wanted = percent == 100 ? 639 :
					      640 * percent / 100;

			padata_helpers_percent = percent;
			place(&one_job, 639, ranges);
			if (one_job.nr != wanted)
				fail("%u%% of 640 CPUs: %u helpers, not %u",
				     percent, one_job.nr, wanted);
			unplace(&one_job);
		}
	}
}

static void expect_option(const char *text, unsigned int percent)
{
	char arg[20];

	snprintf(arg, sizeof(arg), "%s", text);
	padata_helpers_percent = 77;
	helpers_percent_option(arg);
	if (padata_helpers_percent != percent)
		fail("padata_helpers_percent=%s: %u", text, padata_helpers_percent);
}

static void check_option(void)
{
	expect_option("0", 0);
	expect_option("100", 100);
	expect_option("101", 77);
	expect_option("-1", 77);
	expect_option("4294967296", 77);
	expect_option("", 77);
	expect_option("50%", 77);
	padata_helpers_percent = 100;
}

/* Only the first check is at boot. */
static void check_boot(void)
{
	set_up(256, 4, 0);
	idle_none();
	memset(&unbound_cpus, 0, sizeof(unbound_cpus));
	memset(&caller_task.cpus_mask, 0, sizeof(caller_task.cpus_mask));
	place(&one_job, 255, false);
	if (one_job.nr != 255)
		fail("%u of 255 isolated CPUs help at boot", one_job.nr);
	unplace(&one_job);

	end_boot();
	place(&one_job, 255, false);
	if (one_job.nr)
		fail("%u isolated CPUs help after boot", one_job.nr);
	unplace(&one_job);

	unbound_cpus = possible_cpus;
	caller_task.cpus_mask = node_cpus[2];
	place(&one_job, 255, false);
	if (one_job.nr != 64)
		fail("%u of the caller's 64 CPUs help", one_job.nr);
	unplace(&one_job);
}

/* ---- threads ---- */

static struct placed placed_by[NR_THREADS];
static unsigned int nr_failed;
static int most_on_node, most_on_all, was_on_all;

static void enter(int *count, int most, const char *what)
{
	int nr = __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);

	/* fail() is for one thread. */
	if (nr > most && !__atomic_fetch_add(&nr_failed, 1, __ATOMIC_RELAXED))
		say("%d helpers on %s, and %d are the most", nr, what, most);
}

static void leave(int *count)
{
	/* Before the bit of padata_unplace_helper(), which is relaxed. */
	__atomic_fetch_sub(count, 1, __ATOMIC_SEQ_CST);
}

/* Counted after the claim, and no longer before that is given back. */
static void claim_at_random(struct placed *placed)
{
	struct padata_work *pw;
	int all;

	current_cpu = random_upto(nr_cpu_ids - 1);
	place(placed, 1 + random_upto(nr_cpu_ids - 2), random_upto(1));
	list_for_each_entry(pw, &placed->list, list) {
		enter(&nr_on_cpu[pw->cpu], 1, "a CPU");
		enter(&nr_on_node[pw->node], most_on_node, "a node");
		enter(&nr_on_all, most_on_all, "all nodes");
		schedule_point();
	}
	all = __atomic_load_n(&nr_on_all, __ATOMIC_RELAXED);
	if (all > __atomic_load_n(&was_on_all, __ATOMIC_RELAXED))
		__atomic_store_n(&was_on_all, all, __ATOMIC_RELAXED);
	list_for_each_entry(pw, &placed->list, list) {
		leave(&nr_on_cpu[pw->cpu]);
		leave(&nr_on_node[pw->node]);
		leave(&nr_on_all);
	}
	unplace(placed);
}

static void *claim_again_and_again(void *arg)
{
	unsigned int i;

	random_state = 1 + (struct placed *)arg - placed_by;
	for (i = 0; i < NR_ROUNDS; i++)
		claim_at_random(arg);
	return NULL;
}

static void run_threads(unsigned int percent, int on_node, int on_all)
{
	pthread_t threads[NR_THREADS];
	unsigned int i;

	set_up(64, 4, 0);
	idle_every_other();
	padata_helpers_percent = percent;
	most_on_node = on_node;
	most_on_all = on_all;
	nr_failed = 0;
	was_on_all = 0;
	for (i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, claim_again_and_again,
			       &placed_by[i]);
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	if (nr_failed)
		fail("%u times too many helpers", nr_failed);
	if (!was_on_all)
		fail("no helper was placed");
	/* All that was claimed has been given back. */
	current_cpu = 0;
	place(&one_job, 63, false);
	if ((int)one_job.nr != min(on_all, 63))
		fail("%u of %d helpers in the end", one_job.nr, min(on_all, 63));
	unplace(&one_job);
}

static void check_threads(void)
{
	run_threads(100, 16, 64);
}

/* 30% of 16 CPUs on each node, rounded up, and of 64. */
static void check_threads_percent(void)
{
	run_threads(30, 5, 20);
}

static const struct check checks[] = {
	{ "at boot each CPU helps, then those that the caller may use",
	  check_boot },
	{ "each helper has a CPU of its own", check_each_has_its_own },
	{ "a percentage of the CPUs is the most", check_percent },
	{ "padata_helpers_percent= takes 0 to 100", check_option },
	{ "a job looks a few times at each CPU", check_cost },
	{ "a job beside another does, too", check_cost_beside_another_job },
	{ "a job on nodes of different sizes does, too",
	  check_cost_of_uneven_nodes },
	{ "twice the CPUs cost at most twice as much", check_growth },
	{ "jobs that start at once share no CPU", check_threads },
	{ "jobs that start at once keep to the percentage",
	  check_threads_percent },
};

int main(int argc, char **argv)
{
	nr_node_ids = MAX_NUMNODES;
	if (!padata_limits_init())
		return EXIT_FAILURE;
	return run_checks(checks, ARRAY_SIZE(checks), argc, argv);
}
