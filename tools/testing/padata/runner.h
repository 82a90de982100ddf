/* SPDX-License-Identifier: GPL-2.0 */
/*
 * runner.h - run a job in threads, as padata_do_multithreaded() does
 */
#ifndef _PADATA_TEST_RUNNER_H
#define _PADATA_TEST_RUNNER_H

#include <linux/padata.h>

#define MAX_THREADS	8
#define MAX_UNITS	2048
#define MAX_CHUNKS	16384
#define MAX_BAD_UNITS	4
#define MAX_RANGES	6
#define NR_NODES	4

/* Each failed chunk ends a run, and so does each range. */
#define MAX_UNDOS	(MAX_THREADS + MAX_RANGES)

struct padata_chunks;

/**
 * struct chunk - a chunk that thread_fn was called for
 * @start: Its first unit.
 * @end: One past its last unit.
 * @err: What thread_fn returned.
 */
struct chunk {
	unsigned long	start;
	unsigned long	end;
	int		err;
};

/**
 * struct trial - a job, how to run it, and its results
 * @job: The job, with all its functions and fn_arg, as if it had no ranges.
 * @ranges: The ranges that its units are divided into, in order, if any.
 * @nr_ranges: How many there are.
 * @nr_threads: How many threads take part, the caller included.
 *
 * @nr_held_back: How many helpers never start, and have to be taken back.
 * @start_together: No thread takes a chunk before all have started.
 * @meet_in_take: No thread takes a first chunk before all have read the cursor.
 * @leave_in_turn: The threads leave one after the other.
 * @callers_turn: How many helpers leave before the caller.
 * @on_list: The units, MAX_UNITS at most, are the entries of a list.
 * @kill_at_chunk: The chunk, from 1, in which the caller gets a fatal signal.
 * @bad_units: do_chunk() fails the chunks that hold one of these.
 * @nr_bad_units: How many there are.
 *
 * @nr_workers: How many threads took a chunk.  Atomic, but orders nothing.
 * @nr_chunks: How many times thread_fn was called.  Atomic like @nr_workers.
 * @chunks: The chunks that it was called for, in any order.
 * @done: For jobs of up to MAX_UNITS: how many times each unit was done.
 * @divisor: That of the engine: a chunk is what is left divided by this.
 * @undos: What undo_fn was called for, in order, as far as there is room.
 * @nr_undos: How many calls there were.
 * @undone: Like @done, how many times each unit was undone.
 * @passed: With a list: how many times next_fn has passed each unit.
 * @nr_next_at_once: Calls of next_fn while another thread was in one.
 * @nr_strange_undos: Calls of undo_fn outside of the caller.
 * @nr_early_undos: Calls of undo_fn before all threads had left.
 * @nr_late: Chunks that a thread got although it knew before that the job was
 *	     stopped.  Atomic, but orders nothing.
 *
 * @engine: What is tested.
 * @engine_job: The job that it gets.
 * @engine_ranges: Its ranges.
 * @in_next: A thread is in next_fn.
 * @nr_started: Threads that have started.
 * @nr_in_take: Threads about to take their first chunk.
 * @nr_in_chunk: Threads in their first chunk, for thread_fn to count.
 * @stopped: A thread has come back from the engine with an error.
 * @nr_failed: How many threads have.
 * @nr_killed: How many signals the caller has got.
 * @nr_at_work: Threads that have started and are not about to leave.
 * @caller_waits: 1 when the caller has nothing left to do but leave.  Orders
 *		  nothing.
 *
 * The threads write the members that are not atomic, and the caller reads them.
 * Only the engine orders that.
 */
struct trial {
	struct padata_mt_job	job;
	struct padata_mt_range	ranges[MAX_RANGES];
	unsigned int		nr_ranges;
	unsigned int		nr_threads;

	unsigned int		nr_held_back;
	bool			start_together;
	bool			meet_in_take;
	bool			leave_in_turn;
	unsigned int		callers_turn;
	bool			on_list;
	unsigned int		kill_at_chunk;
	unsigned long		bad_units[MAX_BAD_UNITS];
	unsigned int		nr_bad_units;

	unsigned int		nr_workers;
	unsigned int		nr_chunks;
	struct chunk		chunks[MAX_CHUNKS];
	unsigned char		done[MAX_UNITS];
	unsigned char		undone[MAX_UNITS];
	unsigned char		passed[MAX_UNITS];
	unsigned long		divisor;
	struct chunk		undos[MAX_UNDOS];
	unsigned int		nr_undos;
	unsigned int		nr_next_at_once;
	unsigned int		nr_strange_undos;
	unsigned int		nr_early_undos;
	unsigned int		nr_late;

	struct padata_chunks	*engine;
	struct padata_mt_job	engine_job;
	struct padata_mt_range	engine_ranges[MAX_RANGES];
	bool			in_next;
	unsigned int		nr_started;
	unsigned int		nr_in_take;
	unsigned int		nr_in_chunk;
	bool			stopped;
	unsigned int		nr_failed;
	unsigned int		nr_killed;
	unsigned int		nr_at_work;
	unsigned int		caller_waits;
};

/* The helpers wait for work until the program ends. */
void start_helpers(void);

/*
 * Returns the only trial there is, without the results of the one before.  It
 * has @job with a fn_arg, and an undo_fn that notes what it is called for.
 * @nr_threads threads do the job, whatever its max_threads.
 */
struct trial *new_trial(const struct padata_mt_job *job,
			unsigned int nr_threads);

/* Runs the job; returns its result. */
int run_trial(struct trial *trial);

/* The same in one thread without a schedule, for very many jobs. */
int run_trial_alone(struct trial *trial);
int run_trial_on_node(struct trial *trial, int node);

/* Divides the job at random, among NR_NODES nodes. */
void divide_at_random(struct trial *trial);

/* A thread_fn that notes all it does, and fails for bad units. */
int do_chunk(unsigned long start, unsigned long end, void *trial);

/* The parts of do_chunk(), for other functions. */
struct chunk *note_chunk(struct trial *trial, unsigned long start,
			 unsigned long end);
int fail_chunk(struct chunk *chunk, int err);
void do_units(struct trial *trial, unsigned long start, unsigned long end);

/* What do_chunk() returns for the bad unit of that index. */
#define BAD_UNIT_ERROR(index)	(-1000 - (int)(index))

/* Sends a fatal signal to the caller of the job, and counts it. */
void kill_caller(struct trial *trial);

/* True in the thread that runs the job. */
bool in_caller(void);

/* True while this thread is at the first chunk it took of the job. */
bool at_first_chunk(void);

/* Wait until @counter, which only grows, is at @value.  Orders nothing. */
void wait_relaxed(const unsigned int *counter, unsigned int value);

/* The same, but acquires: not for tests of what leaving orders. */
void wait_acquire(const unsigned int *counter, unsigned int value);

/* Wait until @nr_threads have come here, at @counter.  Orders nothing. */
void meet(unsigned int *counter, unsigned int nr_threads);

unsigned long random_upto(unsigned long max);

#endif /* _PADATA_TEST_RUNNER_H */
