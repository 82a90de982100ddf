// SPDX-License-Identifier: GPL-2.0
/*
 * runner.c - run a job in threads, as padata_do_multithreaded() does
 *
 * For ThreadSanitizer to see what the engine orders, nothing else may order
 * what a helper does before what the caller does afterwards.  So the helpers
 * are never joined, they get their work through semaphores that only the caller
 * posts, threads meet at counters that order nothing, and only the last thread
 * to leave tells the caller.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
 * @work: What to take part in; taken by the helper, or back by the caller.
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

/* Not on the caller's stack: a post is not over when the wait for it is. */
static sem_t all_left;

/* Who is next to leave.  Written after leaving, so not part of the trial. */
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
	/* Yielding alone may come straight back, for as long as a time slice */
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
		/* As long as a timer takes: others do many chunks. */
		usleep(0);
		break;
	case 1 ... 8:
		sched_yield();
		break;
	case 9 ... 24:
		/* About as long as an atomic takes, so that they collide. */
		spins = random_bits() >> 8 & 255;
		for (i = 0; i < spins; i++)
			barrier();
		break;
	}
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

	/* Else a hand-out that never ends would keep at it. */
	if (self.nr_chunks >= MAX_CHUNKS)
		return fail_chunk(chunk, -EOVERFLOW);

	for (i = 0; i < trial->nr_bad_units; i++) {
		if (trial->bad_units[i] >= start && trial->bad_units[i] < end)
			return fail_chunk(chunk, BAD_UNIT_ERROR(i));
	}
	do_units(trial, start, end);
	return 0;
}

bool at_first_chunk(void)
{
	return self.nr_chunks == 1;
}

static void work_on(struct trial *trial)
{
	bool stopped;

	self.trial = trial;
	self.nr_chunks = 0;
	self.engine = (struct padata_thread){ .node = self.number % NR_NODES };

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
	/* After the leave the trial may be the next one. */
	bool in_turn = trial->leave_in_turn;
	bool last;

	if (in_turn)
		wait_relaxed(&turn_to_leave, turn);
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

	/* Only now, so that it is the results that are first seen to race. */
	free(trial.engine);

	/* All but the long arrays, of which only the used part matters. */
	memset(&trial, 0, offsetof(struct trial, chunks));
	memset(trial.done, 0, min_t(unsigned long, job->size, MAX_UNITS));
	memset(&trial.divisor, 0,
	       sizeof(trial) - offsetof(struct trial, divisor));

	trial.job = *job;
	trial.job.fn_arg = &trial;
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
		/* Whatever a job before has left there. */
		range->handed_out.counter = (long)random_upto(ULONG_MAX);
		start += range->size;
		left -= range->size;
	}
}

static int begin_trial(struct trial *trial)
{
	int err;

	trial->engine_job = trial->job;
	if (trial->nr_ranges) {
		trial->engine_job.size = 0;
		trial->engine_job.ranges = trial->ranges;
		trial->engine_job.nr_ranges = trial->nr_ranges;
	}
	err = padata_mt_job_check(&trial->engine_job);
	if (err || !trial->job.size)
		return err;

	/* From the heap, so that use after the job is seen. */
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

	trial->divisor = trial->engine->divisor;
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
	if (!leave(trial, trial->callers_turn)) {
		while (sem_wait(&all_left))
			;
	}
	return end_trial(trial);
}

int run_trial_on_node(struct trial *trial, int node)
{
	int err = begin_trial(trial);

	if (!trial->engine)
		return err;

	self.nr_chunks = 0;
	self.engine = (struct padata_thread){ .node = node };
	while (padata_chunks_do_one(trial->engine, &self.engine))
		;
	return end_trial(trial);
}

int run_trial_alone(struct trial *trial)
{
	return run_trial_on_node(trial, 0);
}
