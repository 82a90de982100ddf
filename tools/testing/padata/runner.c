// SPDX-License-Identifier: GPL-2.0
/*
 * runner.c - run a job in threads, as padata_do_multithreaded() does
 *
 * ThreadSanitizer has to see what the engine orders.  So nothing else may order
 * what a helper does before what the caller does afterwards.  The helpers are
 * never joined.  They get their work through semaphores that only the caller
 * posts.  Threads meet at counters that order nothing.  Only the last thread to
 * leave tells the caller.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sched/signal.h>

#include "../../../kernel/padata_internal.h"

#include "runner.h"
#include "test.h"

/*
 * A thread reads how much has been handed out, and then moves that on: these
 * are its first two schedule points.
 */
#define POINT_IN_TAKE	2

/**
 * struct helper - a thread that takes part in the jobs of the caller
 * @wake: Posted by the caller when there may be work.
 * @work: What to take part in.  The helper takes it, or the caller takes it
 *	  back.
 * @number: From 1; the caller would be 0.
 */
struct helper {
	sem_t		wake;
	struct trial	*work;
	unsigned int	number;
};

/**
 * struct thread - what a thread keeps to itself
 * @number: 0 for the caller, from 1 for helpers.
 * @random: State of its random numbers.
 * @trial: What it takes part in; without one its schedule points do nothing.
 * @nr_points: Schedule points it has passed since it began.
 * @nr_chunks: Chunks it has taken.
 * @failed: The chunk it took last has failed.
 * @engine: What the engine knows of it.
 */
struct thread {
	unsigned int	number;
	unsigned int	random;
	struct trial	*trial;
	unsigned int	nr_points;
	unsigned int	nr_chunks;
	bool		failed;
	struct padata_thread engine;
};

static __thread struct thread self;

static struct helper helpers[MAX_THREADS - 1];

/* Not on the caller's stack: sem_post() may end later than the sem_wait(). */
static sem_t all_left;

/* Whose turn it is to leave.  Written after leaving, so not in the trial. */
static unsigned int turn_to_leave;

static unsigned int random_bits(void)
{
	/* Marsaglia's xorshift.  Zero would stay zero. */
	unsigned int x = self.random ? self.random : 2463534242U;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	self.random = x;
	return x;
}

unsigned long random_upto(unsigned long max)
{
	unsigned long bits = ((unsigned long)random_bits() << 16 << 16) |
			     random_bits();

	return max == ULONG_MAX ? bits : bits % (max + 1);
}

static void wait_a_little(unsigned int tries)
{
	/* Until a time slice is over, sched_yield() may return at once. */
	if (tries % 64)
		sched_yield();
	else
		usleep(50);
}

void wait_relaxed(const unsigned int *counter, unsigned int value)
{
	unsigned int tries = 0;

	while (__atomic_load_n(counter, __ATOMIC_RELAXED) < value)
		wait_a_little(++tries);
}

void wait_acquire(const unsigned int *counter, unsigned int value)
{
	unsigned int tries = 0;

	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < value)
		wait_a_little(++tries);
}

void meet(unsigned int *counter, unsigned int nr_threads)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
	wait_relaxed(counter, nr_threads);
}

/* Called where the kernel would spin. */
void wait_for_lock(const spinlock_t *lock)
{
	sched_yield();
}

/* Called by the atomics, before each. */
void schedule_point(void)
{
	struct trial *trial = self.trial;
	unsigned int i, spins;

	if (!trial)
		return;

	if (++self.nr_points == POINT_IN_TAKE && trial->meet_in_take) {
		meet(&trial->nr_in_take,
		     trial->nr_threads - trial->nr_held_back);
		return;
	}

	switch (random_bits() >> 8 & 63) {
	case 0:
		/* Takes as long as a timer, so others do many chunks. */
		usleep(0);
		break;
	case 1 ... 8:
		sched_yield();
		break;
	case 9 ... 24:
		/* Takes about as long as an atomic, so that they collide. */
		spins = random_bits() >> 8 & 255;
		for (i = 0; i < spins; i++)
			barrier();
		break;
	}
}

void kill_caller(struct trial *trial)
{
	__atomic_store_n(&caller_task.killed, true, __ATOMIC_RELAXED);
	__atomic_fetch_add(&trial->nr_killed, 1, __ATOMIC_RELEASE);
}

struct chunk *note_chunk(struct trial *trial, unsigned long start,
			 unsigned long end)
{
	unsigned int slot = __atomic_fetch_add(&trial->nr_chunks, 1,
					       __ATOMIC_RELAXED);
	struct chunk *chunk;

	if (!self.nr_chunks++)
		__atomic_fetch_add(&trial->nr_workers, 1, __ATOMIC_RELAXED);

	if (slot >= MAX_CHUNKS)
		slot = MAX_CHUNKS - 1;
	if (slot + 1 == trial->kill_at_chunk)
		kill_caller(trial);
	chunk = &trial->chunks[slot];
	chunk->start = start;
	chunk->end = end;
	chunk->err = 0;
	return chunk;
}

int fail_chunk(struct chunk *chunk, int err)
{
	self.failed = true;
	chunk->err = err;
	return err;
}

void do_units(struct trial *trial, unsigned long start, unsigned long end)
{
	unsigned long unit;

	if (trial->job.size > MAX_UNITS)
		return;
	for (unit = start - trial->job.start;
	     unit < end - trial->job.start && unit < MAX_UNITS; unit++)
		trial->done[unit]++;
}

int do_chunk(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;
	struct chunk *chunk = note_chunk(trial, start, end);
	unsigned int i;

	/* So that a hand-out without an end is ended here. */
	if (self.nr_chunks >= MAX_CHUNKS)
		return fail_chunk(chunk, -EOVERFLOW);

	for (i = 0; i < trial->nr_bad_units; i++) {
		if (trial->bad_units[i] >= start && trial->bad_units[i] < end)
			return fail_chunk(chunk, BAD_UNIT_ERROR(i));
	}
	do_units(trial, start, end);
	return 0;
}

static void undo_units(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;
	unsigned long unit;

	if (self.number)
		trial->nr_strange_undos++;
	if (__atomic_load_n(&trial->nr_at_work, __ATOMIC_RELAXED))
		trial->nr_early_undos++;

	if (trial->nr_undos < MAX_UNDOS)
		trial->undos[trial->nr_undos] = (struct chunk){ start, end };
	trial->nr_undos++;

	/* Not atomic, like what the threads did. */
	if (trial->job.size > MAX_UNITS)
		return;
	for (unit = start - trial->job.start;
	     unit < end - trial->job.start && unit < MAX_UNITS; unit++)
		trial->undone[unit] += trial->done[unit];
}

/*
 * Jobs over a list
 */

/**
 * struct entry - an entry of the list that takes the place of units
 * @next: The next one, NULL for the one past the last.
 * @index: Which it is, from 0.
 */
struct entry {
	struct entry	*next;
	unsigned long	index;
};

/* Not in the order of addresses: these have no common factor. */
#define NR_ENTRIES	(MAX_UNITS + 1)
#define ENTRY_STEP	1000

static struct entry entries[NR_ENTRIES];

static struct entry *entry_at(unsigned long index)
{
	return &entries[index * ENTRY_STEP % NR_ENTRIES];
}

static void make_list(void)
{
	unsigned long index;

	for (index = 0; index < NR_ENTRIES; index++) {
		entry_at(index)->index = index;
		entry_at(index)->next = index + 1 < NR_ENTRIES ?
					entry_at(index + 1) : NULL;
	}
}

static unsigned long position_of(const struct trial *trial, unsigned long unit)
{
	return (unsigned long)entry_at(unit - trial->job.start);
}

static unsigned long unit_at(const struct trial *trial, unsigned long position)
{
	return trial->job.start + ((struct entry *)position)->index;
}

static unsigned long next_entry(unsigned long pos, unsigned long nr_units,
				void *arg)
{
	struct entry *entry = (struct entry *)pos;
	struct trial *trial = arg;

	if (__atomic_exchange_n(&trial->in_next, true, __ATOMIC_RELAXED))
		__atomic_fetch_add(&trial->nr_next_at_once, 1, __ATOMIC_RELAXED);
	schedule_point();
	for (; nr_units && entry->next; nr_units--, entry = entry->next)
		trial->passed[entry->index]++;
	__atomic_store_n(&trial->in_next, false, __ATOMIC_RELAXED);
	return (unsigned long)entry;
}

static int do_entries(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;

	return trial->job.thread_fn(unit_at(trial, start), unit_at(trial, end),
				    arg);
}

static void undo_entries(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;

	undo_units(unit_at(trial, start), unit_at(trial, end), arg);
}

static void put_on_list(struct trial *trial)
{
	struct padata_mt_job *job = &trial->engine_job;
	unsigned int i;

	job->thread_fn = do_entries;
	job->undo_fn = undo_entries;
	job->next_fn = next_entry;
	job->start = position_of(trial, job->start);
	for (i = 0; i < trial->nr_ranges; i++) {
		trial->engine_ranges[i].start =
			position_of(trial, trial->ranges[i].start);
	}
}

bool in_caller(void)
{
	return !self.number;
}

bool at_first_chunk(void)
{
	return self.nr_chunks == 1;
}

static void work_on(struct trial *trial)
{
	bool stopped;

	__atomic_fetch_add(&trial->nr_at_work, 1, __ATOMIC_RELAXED);
	self.trial = trial;
	self.nr_chunks = 0;
	padata_chunks_join(trial->engine, &self.engine, self.number % NR_NODES);

	if (trial->start_together)
		meet(&trial->nr_started,
		     trial->nr_threads - trial->nr_held_back);

	self.nr_points = 0;
	for (;;) {
		stopped = __atomic_load_n(&trial->stopped, __ATOMIC_ACQUIRE);
		self.failed = false;
		if (!padata_chunks_do_one(trial->engine, &self.engine))
			return;
		if (stopped)
			__atomic_fetch_add(&trial->nr_late, 1,
					   __ATOMIC_RELAXED);
		if (self.failed) {
			__atomic_store_n(&trial->stopped, true,
					 __ATOMIC_RELEASE);
			__atomic_fetch_add(&trial->nr_failed, 1,
					   __ATOMIC_RELEASE);
		}
	}
}

static bool leave(struct trial *trial, unsigned int turn)
{
	/* After the leave the trial may already be used for the next job. */
	bool in_turn = trial->leave_in_turn;
	bool last;

	if (in_turn)
		wait_relaxed(&turn_to_leave, turn);
	__atomic_fetch_sub(&trial->nr_at_work, 1, __ATOMIC_RELAXED);
	last = padata_chunks_leave(trial->engine);
	self.trial = NULL;
	if (in_turn && !last)
		__atomic_store_n(&turn_to_leave, turn + 1, __ATOMIC_RELAXED);
	return last;
}

static void *helper_main(void *arg)
{
	struct helper *helper = arg;
	struct trial *trial;
	unsigned int turn;

	self.number = helper->number;
	self.random = helper->number * 2654435761U;

	for (;;) {
		while (sem_wait(&helper->wake))
			;
		trial = __atomic_exchange_n(&helper->work, NULL,
					    __ATOMIC_ACQUIRE);
		if (!trial)
			continue;

		work_on(trial);

		turn = helper->number - (helper->number <= trial->callers_turn);
		if (leave(trial, turn))
			sem_post(&all_left);
	}
	return NULL;
}

void start_helpers(void)
{
	unsigned int i;

	make_list();
	if (sem_init(&all_left, 0, 0))
		abort();

	for (i = 0; i < ARRAY_SIZE(helpers); i++) {
		pthread_t thread;

		helpers[i].number = i + 1;
		if (sem_init(&helpers[i].wake, 0, 0) ||
		    pthread_create(&thread, NULL, helper_main, &helpers[i]) ||
		    pthread_detach(thread)) {
			perror("cannot start the helpers");
			exit(EXIT_FAILURE);
		}
	}
}

struct trial *new_trial(const struct padata_mt_job *job,
			unsigned int nr_threads)
{
	static struct trial trial;

	/* Not earlier, so that the results are the first to be seen to race. */
	free(trial.engine);

	/* Of the long arrays only the part that is used has to be cleared. */
	memset(&trial, 0, offsetof(struct trial, chunks));
	memset(trial.done, 0, min_t(unsigned long, job->size, MAX_UNITS));
	memset(trial.undone, 0, min_t(unsigned long, job->size, MAX_UNITS));
	memset(trial.passed, 0, min_t(unsigned long, job->size, MAX_UNITS));
	memset(&trial.divisor, 0,
	       sizeof(trial) - offsetof(struct trial, divisor));

	trial.job = *job;
	trial.job.fn_arg = &trial;
	trial.job.undo_fn = undo_units;
	trial.nr_threads = nr_threads;
	return &trial;
}

void divide_at_random(struct trial *trial)
{
	unsigned long start = trial->job.start, left = trial->job.size;
	unsigned int i;

	trial->nr_ranges = 1 + random_upto(MAX_RANGES - 1);
	for (i = 0; i < trial->nr_ranges; i++) {
		struct padata_mt_range *range = &trial->ranges[i];

		range->start = start;
		range->size = i + 1 < trial->nr_ranges ? random_upto(left)
						       : left;
		range->node = (int)random_upto(NR_NODES) - 1;
		/* An earlier job may have left anything there. */
		range->left.counter = (long)random_upto(ULONG_MAX);
		start += range->size;
		left -= range->size;
	}
}

static int begin_trial(struct trial *trial)
{
	int err;

	__atomic_store_n(&caller_task.killed, false, __ATOMIC_RELAXED);
	trial->engine_job = trial->job;
	if (trial->nr_ranges) {
		trial->engine_job.size = 0;
		trial->engine_job.ranges = trial->engine_ranges;
		trial->engine_job.nr_ranges = trial->nr_ranges;
		memcpy(trial->engine_ranges, trial->ranges,
		       sizeof(trial->ranges));
	}
	if (trial->on_list)
		put_on_list(trial);
	err = padata_mt_job_check(&trial->engine_job);
	if (err || !trial->job.size)
		return err;

	/* From the heap, so that sanitizers see a use after the job. */
	trial->engine = malloc(sizeof(*trial->engine));
	if (!trial->engine)
		abort();
	padata_chunks_init(trial->engine, &trial->engine_job,
			   trial->nr_threads);
	return 0;
}

static int end_trial(struct trial *trial)
{
	int err = padata_chunks_error(trial->engine);

	trial->divisor = 1UL << trial->engine->shift;
	return err;
}

static void hand_to_helpers(struct trial *trial)
{
	unsigned int i;

	for (i = 0; i < trial->nr_threads - 1; i++) {
		__atomic_store_n(&helpers[i].work, trial, __ATOMIC_RELEASE);
		if (i >= trial->nr_held_back)
			sem_post(&helpers[i].wake);
	}
}

static void dismiss_helpers(struct trial *trial)
{
	unsigned int i;

	for (i = 0; i < trial->nr_threads - 1; i++) {
		/* Relaxed: what the helper did before is not ordered here. */
		if (__atomic_exchange_n(&helpers[i].work, NULL,
					__ATOMIC_RELAXED) &&
		    padata_chunks_leave(trial->engine))
			fail("the last thread left while the caller was there");
	}
}

int run_trial(struct trial *trial)
{
	int err = begin_trial(trial);

	if (!trial->engine)
		return err;

	__atomic_store_n(&turn_to_leave, 0, __ATOMIC_RELAXED);
	hand_to_helpers(trial);
	work_on(trial);
	dismiss_helpers(trial);
#ifdef BREAK_UNDO
	padata_chunks_undo(trial->engine);
#endif
	__atomic_store_n(&trial->caller_waits, 1, __ATOMIC_RELAXED);
	if (!leave(trial, trial->callers_turn)) {
		while (sem_wait(&all_left))
			;
	}
#ifndef BREAK_UNDO
	padata_chunks_undo(trial->engine);
#endif
	return end_trial(trial);
}

int run_trial_on_node(struct trial *trial, int node)
{
	int err = begin_trial(trial);

	if (!trial->engine)
		return err;

	self.nr_chunks = 0;
	padata_chunks_join(trial->engine, &self.engine, node);
	while (padata_chunks_do_one(trial->engine, &self.engine))
		;
	padata_chunks_undo(trial->engine);
	return end_trial(trial);
}

int run_trial_alone(struct trial *trial)
{
	return run_trial_on_node(trial, 0);
}
