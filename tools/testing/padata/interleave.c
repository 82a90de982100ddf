// SPDX-License-Identifier: GPL-2.0
/*
 * interleave.c - hand out the chunks of small jobs in every possible order
 *
 * The threads are contexts of one thread, which switches between them at each
 * atomic operation.  A job is run again and again, until its threads have done
 * these operations in every possible order.
 *
 * These are all orders of a machine on which all CPUs agree on the order.  For
 * weaker machines there are the threads under ThreadSanitizer.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <linux/sched/signal.h>

#include "../../../kernel/padata_internal.h"

#include "test.h"

#define MAX_THREADS	3
#define MAX_UNITS	4
#define MAX_STEPS	200
#define STACK_SIZE	(64 * 1024)

/* What thread_fn returns for a bad unit. */
#define UNIT_ERROR(unit)	(-1000 - (int)(unit))

/**
 * struct step - a choice of the thread that goes on
 * @choice: Which one, of those that can go on.
 * @nr_choices: How many can go on.
 */
struct step {
	unsigned int	choice;
	unsigned int	nr_choices;
};

struct thread {
	ucontext_t	context;
	struct padata_thread engine;	/* what the engine knows of it */
	bool		finished;
	bool		failed;		/* its present chunk has failed */
	bool		undisturbed;
	const spinlock_t *waits_for;
	unsigned char	stack[STACK_SIZE];
};

/* The order of the present run.  Its first steps are given. */
static struct step steps[MAX_STEPS];
static unsigned int nr_steps;

static ucontext_t scheduler;
static struct thread threads[MAX_THREADS + 1];	/* the last is the killer's */
static struct thread *running;

/* The present run. */
static struct padata_chunks chunks;
static unsigned int bad_units;		/* a bit for each */
static bool leave_at_once;		/* when there is nothing to take */
static unsigned int done[MAX_UNITS];
static unsigned int nr_gone_over;	/* units that next_fn has passed */
static bool in_next;
static bool stopped;			/* a thread is back with an error */
static int first_error;
static unsigned int nr_left, nr_last;
static unsigned int undone[MAX_UNITS];
static unsigned int nr_undos;
static unsigned long undone_upto;	/* the end of the last run undone */

/* Lets any thread go on before the next operation of this one. */
void schedule_point(void)
{
	if (running && !running->undisturbed)
		swapcontext(&running->context, &scheduler);
}

/* The thread is no choice until it is free, so that each order has an end. */
void wait_for_lock(const spinlock_t *lock)
{
	running->waits_for = lock;
	swapcontext(&running->context, &scheduler);
	running->waits_for = NULL;
}

/* Called when nobody else has run since the engine took the chunk. */
static void expect_not_stopped(void)
{
	if (stopped)
		fail("a chunk handed out after the error was recorded");
}

static int do_taken_units(unsigned long start, unsigned long end)
{
	unsigned long unit;

	/* No schedule point: others may as well run before the next one. */
	for (unit = start; unit < end; unit++) {
		if (bad_units & 1U << unit) {
			running->failed = true;
			return UNIT_ERROR(unit);
		}
	}
	for (unit = start; unit < end; unit++)
		done[unit]++;
	return 0;
}

static int do_units(unsigned long start, unsigned long end, void *arg)
{
	expect_not_stopped();
	return do_taken_units(start, end);
}

/* A list, not in the order of its positions, with one past the last unit. */
static const unsigned long positions[MAX_UNITS + 1] = { 30, 10, 50, 20, 40 };

static unsigned long unit_at(unsigned long position)
{
	unsigned long unit;

	for (unit = 0; unit < MAX_UNITS; unit++) {
		if (positions[unit] == position)
			break;
	}
	return unit;
}

static unsigned long next_position(unsigned long pos, unsigned long nr_units,
				   void *arg)
{
	expect_not_stopped();
	if (in_next)
		fail("next_fn called by two threads at once");
	in_next = true;
	/* It may sleep. */
	schedule_point();
	in_next = false;

	nr_gone_over += nr_units;
	return positions[min(unit_at(pos) + nr_units, (unsigned long)MAX_UNITS)];
}

static int do_positions(unsigned long start, unsigned long end, void *arg)
{
	return do_taken_units(unit_at(start), unit_at(end));
}

static void undo_units(unsigned long start, unsigned long end, void *arg)
{
	unsigned long unit;

	if (start >= end || start < undone_upto)
		fail("[%lu, %lu) undone after %lu", start, end, undone_upto);
	for (unit = start; unit < end && unit < MAX_UNITS; unit++)
		undone[unit]++;
	undone_upto = end;
	nr_undos++;
}

/* Nobody else has run since the engine looked for the signal. */
static int do_units_unless_killed(unsigned long start, unsigned long end,
				  void *arg)
{
	if (caller_task.killed)
		fail("a chunk begun after the signal");
	return do_taken_units(start, end);
}

static void undo_positions(unsigned long start, unsigned long end, void *arg)
{
	undo_units(unit_at(start), unit_at(end), arg);
}

static void thread_main(void)
{
	padata_chunks_join(&chunks, &running->engine, running - threads);
	for (;;) {
		running->failed = false;
		if (!padata_chunks_do_one(&chunks, &running->engine))
			break;
		if (running->failed)
			stopped = true;
	}

	running->undisturbed = leave_at_once;
	if (nr_last)
		fail("a thread was told that it is the last before this one left");
	if (padata_chunks_leave(&chunks))
		nr_last++;
	nr_left++;

	running->finished = true;
	setcontext(&scheduler);
}

/* A thread with one step, so the signal comes at every point of some order. */
static void kill_caller(void)
{
	schedule_point();
	caller_task.killed = true;
	running->finished = true;
	setcontext(&scheduler);
}

static void switch_to(struct thread *thread)
{
	running = thread;
	swapcontext(&scheduler, &thread->context);
	running = NULL;

	/* It has done one operation, so this sees the first error of all. */
	if (!first_error)
		first_error = chunks.first_error.counter;
}

static void start_thread(struct thread *thread, void (*thread_fn)(void))
{
	thread->finished = false;
	thread->undisturbed = false;
	thread->waits_for = NULL;
	if (getcontext(&thread->context))
		abort();
	thread->context.uc_stack.ss_sp = thread->stack;
	thread->context.uc_stack.ss_size = sizeof(thread->stack);
	thread->context.uc_link = NULL;
	makecontext(&thread->context, thread_fn, 0);

	/* Runs up to its first operation, which affects no other thread. */
	switch_to(thread);
}

static struct thread *choose_thread(unsigned int nr_threads, unsigned int depth)
{
	struct thread *ready[MAX_THREADS + 1];
	unsigned int i, nr_ready = 0, nr_blocked = 0;

	for (i = 0; i < nr_threads; i++) {
		if (threads[i].finished)
			continue;
		if (threads[i].waits_for && threads[i].waits_for->locked)
			nr_blocked++;
		else
			ready[nr_ready++] = &threads[i];
	}
	if (!nr_ready) {
		if (nr_blocked)
			fail("%u threads wait for a lock that nobody frees",
			     nr_blocked);
		return NULL;
	}

	if (depth == MAX_STEPS)
		abort();
	if (depth == nr_steps) {
		steps[depth].choice = 0;
		steps[depth].nr_choices = nr_ready;
		nr_steps++;
	}
	return ready[steps[depth].choice];
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
	caller_task.killed = false;
	nr_gone_over = 0;
	in_next = false;
	memset(undone, 0, sizeof(undone));
	undone_upto = 0;
	nr_undos = 0;

	for (i = 0; i < nr_threads; i++)
		start_thread(&threads[i], thread_main);
	if (job->killable)
		start_thread(&threads[nr_threads++], kill_caller);
	while ((thread = choose_thread(nr_threads, depth++)))
		switch_to(thread);
	/* With a broken engine the list of failed chunks may have no end. */
	if (!check_has_failed())
		padata_chunks_undo(&chunks);
}

/* False after the last order. */
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
		    (!done[unit] && !err))
			fail("a %s unit done %u times", bad ? "bad" : "good",
			     done[unit]);
	}

	if (err != first_error)
		fail("%d returned, the first error was %d", err, first_error);
	if (chunks.caller ? err && err != -EINTR && !bad_units
			  : !err != !bad_units)
		fail("%d returned, with%s a bad unit", err,
		     bad_units ? "" : "out");
}

static bool begins_a_range(const struct padata_mt_job *job, unsigned long unit)
{
	unsigned int i;

	for (i = 0; i < job->nr_ranges; i++) {
		if (job->ranges[i].start == unit)
			return true;
	}
	return !unit;
}

static void expect_gone_over_once(unsigned int nr_units)
{
	if (nr_gone_over > nr_units || (!bad_units && nr_gone_over < nr_units))
		fail("next_fn has passed %u units of %u", nr_gone_over, nr_units);
}

/* After an error all that was done, in as few runs as can be; else nothing. */
static void expect_undone(const struct padata_mt_job *job,
			  unsigned int nr_units)
{
	int err = padata_chunks_error(&chunks);
	unsigned int unit, nr_runs = 0;

	for (unit = 0; unit < nr_units; unit++) {
		unsigned int wanted = err ? done[unit] : 0;

		if (undone[unit] != wanted)
			fail("a unit done %u times undone %u times", done[unit],
			     undone[unit]);
		if (wanted && (begins_a_range(job, unit) || !done[unit - 1]))
			nr_runs++;
	}
	if (nr_undos != nr_runs)
		fail("%u runs undone instead of %u", nr_undos, nr_runs);
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
			expect_undone(job, nr_chunks);
			if (job->next_fn)
				expect_gone_over_once(nr_chunks);
			nr_orders++;
		} while (next_order() && !check_has_failed());
	}
	say("threads %u chunks %u ranges %u%s: %lu orders", nr_threads,
	    nr_chunks, job->nr_ranges,
	    job->next_fn ? " positions" : job->killable ? " killed" : "",
	    nr_orders);
}

/* In chunks of one unit each, with every choice of bad units. */
static void run_all_orders(unsigned int nr_threads, unsigned int nr_chunks)
{
	const struct padata_mt_job job = {
		.thread_fn	= do_units,
		.undo_fn	= undo_units,
		.size		= nr_chunks,
		.align		= 1,
		.max_threads	= nr_threads,
	};

	run_orders_of(&job, nr_threads, nr_chunks);
}

/* The same, killed at each point. */
static void run_orders_killed(unsigned int nr_threads, unsigned int nr_chunks)
{
	const struct padata_mt_job job = {
		.thread_fn	= do_units_unless_killed,
		.undo_fn	= undo_units,
		.size		= nr_chunks,
		.align		= 1,
		.max_threads	= nr_threads,
		.killable	= true,
	};

	run_orders_of(&job, nr_threads, nr_chunks);
}

/* The same with the units on a list. */
static void run_orders_of_list(unsigned int nr_threads, unsigned int nr_chunks)
{
	const struct padata_mt_job job = {
		.thread_fn	= do_positions,
		.undo_fn	= undo_positions,
		.next_fn	= next_position,
		.start		= positions[0],
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
		.undo_fn	= undo_units,
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

/* Without the orders of leaving, which change nothing here: for more chunks. */
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

static void list(void)
{
	leave_at_once = true;
	run_orders_of_list(1, 4);
	run_orders_of_list(2, 1);
	run_orders_of_list(2, 2);
	run_orders_of_list(3, 1);
	leave_at_once = false;
}

static void killed(void)
{
	leave_at_once = true;
	run_orders_killed(1, 3);
	run_orders_killed(2, 1);
	run_orders_killed(2, 2);
	leave_at_once = false;
}

static void two_threads_two_ranges(void)
{
	leave_at_once = true;
	run_orders_with_ranges(2, 1, 1);
	run_orders_with_ranges(2, 0, 1);
	leave_at_once = false;
}

static const struct check checks[] = {
	{ "1 thread", one_thread },
	{ "every order of 2 threads", two_threads },
	{ "every order of 2 threads taking 4 chunks", two_threads_take },
	{ "every order of 3 threads leaving", three_threads_leave },
	{ "every order of 3 threads taking 2 chunks", three_threads_take },
	{ "every order of threads on a list", list },
	{ "a signal at every point", killed },
	{ "every order of 2 threads and 2 ranges", two_threads_two_ranges },
};

int main(int argc, char **argv)
{
	return run_checks(checks, ARRAY_SIZE(checks), argc, argv);
}
