// SPDX-License-Identifier: GPL-2.0
/*
 * interleave.c - hand out the chunks of small jobs in every possible order
 *
 * The threads are contexts of one thread, which switches between them at each
 * atomic operation.  A job is run again and again, until each order in which
 * its threads can get there has been had.
 *
 * That is every order there is on a machine where all CPUs agree on it; what
 * weaker machines do to the work is for the threads under ThreadSanitizer.
 */

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "../../../kernel/padata_internal.h"

#include "test.h"

#define MAX_THREADS	3
#define MAX_UNITS	4
#define MAX_STEPS	200
#define STACK_SIZE	(64 * 1024)

/* What thread_fn returns for a bad unit. */
#define UNIT_ERROR(unit)	(-1000 - (int)(unit))

/**
 * struct step - a choice of who goes on
 * @choice: Which one, of those that have not finished.
 * @nr_choices: How many those are.
 */
struct step {
	unsigned int	choice;
	unsigned int	nr_choices;
};

struct thread {
	ucontext_t	context;
	struct padata_thread engine;	/* what the engine knows of it */
	bool		finished;
	bool		failed;		/* the chunk that it is at */
	bool		undisturbed;
	unsigned char	stack[STACK_SIZE];
};

/* The order of the present run, of which the first steps are given. */
static struct step steps[MAX_STEPS];
static unsigned int nr_steps;

static ucontext_t scheduler;
static struct thread threads[MAX_THREADS];
static struct thread *current;

/* The present run. */
static struct padata_chunks chunks;
static unsigned int bad_units;		/* a bit for each */
static bool leave_at_once;		/* when there is nothing to take */
static unsigned int done[MAX_UNITS];
static bool stopped;			/* a thread is through with its error */
static int first_error;
static unsigned int nr_left, nr_last;

/* Lets any thread go on before the next operation of this one. */
void schedule_point(void)
{
	if (current && !current->undisturbed)
		swapcontext(&current->context, &scheduler);
}

static int do_units(unsigned long start, unsigned long end, void *arg)
{
	unsigned long unit;

	/* Nobody else has run since the engine took this chunk. */
	if (stopped)
		fail("a chunk handed out after the error was recorded");

	/* However long this takes, the others may do before the next point. */
	for (unit = start; unit < end; unit++) {
		if (bad_units & 1U << unit) {
			current->failed = true;
			return UNIT_ERROR(unit);
		}
	}
	for (unit = start; unit < end; unit++)
		done[unit]++;
	return 0;
}

static void thread_main(void)
{
	for (;;) {
		current->failed = false;
		if (!padata_chunks_do_one(&chunks, &current->engine))
			break;
		if (current->failed)
			stopped = true;
	}

	current->undisturbed = leave_at_once;
	if (nr_last)
		fail("a thread was told that it is the last before this one left");
	if (padata_chunks_leave(&chunks))
		nr_last++;
	nr_left++;

	current->finished = true;
	setcontext(&scheduler);
}

static void switch_to(struct thread *thread)
{
	current = thread;
	swapcontext(&scheduler, &thread->context);
	current = NULL;

	/* One operation at a time, so the first is seen before a second. */
	if (!first_error)
		first_error = chunks.first_error.counter;
}

static void start_thread(struct thread *thread)
{
	thread->finished = false;
	thread->undisturbed = false;
	thread->engine = (struct padata_thread){ .node = thread - threads };
	if (getcontext(&thread->context))
		abort();
	thread->context.uc_stack.ss_sp = thread->stack;
	thread->context.uc_stack.ss_size = sizeof(thread->stack);
	thread->context.uc_link = NULL;
	makecontext(&thread->context, thread_main, 0);

	/* To its first operation: no other thread cares when that is. */
	switch_to(thread);
}

static struct thread *choose_thread(unsigned int nr_threads, unsigned int depth)
{
	struct thread *unfinished[MAX_THREADS];
	unsigned int i, nr_unfinished = 0;

	for (i = 0; i < nr_threads; i++) {
		if (!threads[i].finished)
			unfinished[nr_unfinished++] = &threads[i];
	}
	if (!nr_unfinished)
		return NULL;

	if (depth == MAX_STEPS)
		abort();
	if (depth == nr_steps) {
		steps[depth].choice = 0;
		steps[depth].nr_choices = nr_unfinished;
		nr_steps++;
	}
	return unfinished[steps[depth].choice];
}

static void run_once(const struct padata_mt_job *job, unsigned int nr_threads)
{
	struct thread *thread;
	unsigned int i, depth = 0;

	padata_chunks_init(&chunks, job, nr_threads);
	memset(done, 0, sizeof(done));
	stopped = false;
	first_error = 0;
	nr_left = 0;
	nr_last = 0;

	for (i = 0; i < nr_threads; i++)
		start_thread(&threads[i]);
	while ((thread = choose_thread(nr_threads, depth++)))
		switch_to(thread);
}

/* False when the last order has been had. */
static bool next_order(void)
{
	while (nr_steps) {
		struct step *last = &steps[nr_steps - 1];

		if (++last->choice < last->nr_choices)
			return true;
		nr_steps--;
	}
	return false;
}

static void expect_sound(unsigned int nr_units, unsigned int nr_threads)
{
	int err = padata_chunks_error(&chunks);
	unsigned long unit;

	if (nr_left != nr_threads || nr_last != 1)
		fail("%u of %u threads left, %u as the last", nr_left,
		     nr_threads, nr_last);

	for (unit = 0; unit < nr_units; unit++) {
		bool bad = bad_units & 1U << unit;

		if (done[unit] > 1 || (done[unit] && bad) ||
		    (!done[unit] && !bad_units))
			fail("a %s unit done %u times", bad ? "bad" : "good",
			     done[unit]);
	}

	if (err != first_error)
		fail("%d returned, the first error was %d", err, first_error);
	if (!err != !bad_units)
		fail("%d returned, with%s a bad unit", err,
		     bad_units ? "" : "out");
}

static void run_orders_of(const struct padata_mt_job *job,
			  unsigned int nr_threads, unsigned int nr_chunks)
{
	unsigned long nr_orders = 0;

	for (bad_units = 0; bad_units < 1U << nr_chunks; bad_units++) {
		nr_steps = 0;
		do {
			run_once(job, nr_threads);
			expect_sound(nr_chunks, nr_threads);
			nr_orders++;
		} while (next_order() && !check_has_failed());
	}
	say("threads %u chunks %u ranges %u: %lu orders", nr_threads, nr_chunks,
	    job->nr_ranges, nr_orders);
}

/* In chunks of one unit each, with each choice of those that are bad. */
static void run_all_orders(unsigned int nr_threads, unsigned int nr_chunks)
{
	const struct padata_mt_job job = {
		.thread_fn	= do_units,
		.size		= nr_chunks,
		.align		= 1,
		.max_threads	= nr_threads,
	};

	run_orders_of(&job, nr_threads, nr_chunks);
}

/* The same with the chunks on two nodes. */
static void run_orders_with_ranges(unsigned int nr_threads,
				   unsigned int nr_on_first,
				   unsigned int nr_on_second)
{
	struct padata_mt_range ranges[] = {
		{ .size = nr_on_first, .node = 0 },
		{ .start = nr_on_first, .size = nr_on_second, .node = 1 },
	};
	const struct padata_mt_job job = {
		.thread_fn	= do_units,
		.align		= 1,
		.max_threads	= nr_threads,
		.ranges		= ranges,
		.nr_ranges	= 2,
	};

	run_orders_of(&job, nr_threads, nr_on_first + nr_on_second);
}

static void one_thread(void)
{
	run_all_orders(1, 4);
}

static void two_threads(void)
{
	run_all_orders(2, 1);
	run_all_orders(2, 2);
	run_all_orders(2, 3);
}

static void three_threads_leave(void)
{
	run_all_orders(3, 1);
}

/* Leaving has nothing to do with taking: without its orders more chunks fit. */
static void two_threads_take(void)
{
	leave_at_once = true;
	run_all_orders(2, 4);
	leave_at_once = false;
}

static void three_threads_take(void)
{
	leave_at_once = true;
	run_all_orders(3, 2);
	leave_at_once = false;
}

static void two_threads_two_ranges(void)
{
	leave_at_once = true;
	run_orders_with_ranges(2, 1, 1);
	run_orders_with_ranges(2, 0, 2);
	leave_at_once = false;
}

static const struct check checks[] = {
	{ "1 thread", one_thread },
	{ "every order of 2 threads", two_threads },
	{ "every order of 2 threads taking 4 chunks", two_threads_take },
	{ "every order of 3 threads leaving", three_threads_leave },
	{ "every order of 3 threads taking 2 chunks", three_threads_take },
	{ "every order of 2 threads and 2 ranges", two_threads_two_ranges },
};

int main(int argc, char **argv)
{
	return run_checks(checks, ARRAY_SIZE(checks), argc, argv);
}
