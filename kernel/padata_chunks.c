// SPDX-License-Identifier: GPL-2.0
/*
 * padata_chunks.c - hand out the chunks of a multithreaded job
 *
 * All threads of a job take chunks from the cursor of a range until none is
 * left, and then go on with another range, the nearest that has some left.  A
 * cursor moves by compare-and-exchange, so no thread ever waits for another to
 * take its chunk.
 *
 * Chunks are guided: each is a fixed share of what is left, so they start large
 * and shrink as the work runs out.  That takes few chunks, and still lets the
 * threads finish close together, since the last chunks are the smallest that
 * the job allows.
 */

#include <linux/minmax.h>
#include <linux/topology.h>

#include "padata_internal.h"

/*
 * A chunk is 1/4 of a thread's fair share of what is left.  Then a thread that
 * runs at a quarter of the others' speed, because its CPU is shared or far from
 * the memory, finishes the chunk it took before the others finish the rest.
 * For 1024 minimum chunks and 8 threads that makes 158 chunks.
 */
#define CHUNKS_PER_THREAD	4

/**
 * padata_chunks_init - get the chunks of a job ready to be handed out
 * @chunks: What to initialize.
 * @job: The job, which has been found valid and is not empty.
 * @nr_threads: How many threads will work on it; each of them, and each one
 *		that was counted but never came, has to be taken back by one call
 *		of padata_chunks_leave().
 */
void padata_chunks_init(struct padata_chunks *chunks,
			const struct padata_mt_job *job, unsigned int nr_threads)
{
	unsigned int i;

	chunks->job = job;
	chunks->whole.start = job->start;
	chunks->whole.size = job->size;
	chunks->whole.node = NUMA_NO_NODE;
	chunks->ranges = job->nr_ranges ? job->ranges : &chunks->whole;
	chunks->nr_ranges = job->nr_ranges ? job->nr_ranges : 1;
	for (i = 0; i < chunks->nr_ranges; i++)
		atomic_long_set(&chunks->ranges[i].handed_out, 0);

	chunks->min_chunk = max(job->min_chunk, 1UL);
	chunks->divisor = (unsigned long)nr_threads * CHUNKS_PER_THREAD;
	atomic_set(&chunks->first_error, 0);
	atomic_set(&chunks->threads, nr_threads);
}

/* The size of the chunk that begins at @start, with @left units left. */
static unsigned long padata_chunk_size(const struct padata_chunks *chunks,
				       unsigned long start, unsigned long left)
{
	unsigned long size = max(left / chunks->divisor, chunks->min_chunk);
	unsigned long to_boundary;

	if (size >= left)
		return left;

	/* How far the end is from the next multiple of align. */
	to_boundary = -(start + size) & (chunks->job->align - 1);
	if (to_boundary >= left - size)
		return left;

	return size + to_boundary;
}

static unsigned long padata_range_left(const struct padata_mt_range *range)
{
	return range->size - (unsigned long)atomic_long_read(&range->handed_out);
}

/* Take the next chunk of @range.  False when there is none. */
static bool padata_range_take(const struct padata_chunks *chunks,
			      struct padata_mt_range *range,
			      unsigned long *start, unsigned long *end)
{
	long handed_out = atomic_long_read(&range->handed_out);
	unsigned long left, size;
	long next;

	do {
		left = range->size - (unsigned long)handed_out;
		if (!left)
			return false;

		*start = range->start + (unsigned long)handed_out;
		size = padata_chunk_size(chunks, *start, left);
		next = (long)((unsigned long)handed_out + size);

		/*
		 * Relaxed: only the value counts.  The job was written before
		 * its threads were started, and their results are read after
		 * they have left, which see to the ordering.
		 */
	} while (!atomic_long_try_cmpxchg_relaxed(&range->handed_out,
						  &handed_out, next));
	*end = *start + size;
	return true;
}

/*
 * The range nearest to @thread that has work left, and of several the one that
 * has the most.  Work is only ever taken, so when none is found none will be.
 */
static struct padata_mt_range *
padata_next_range(const struct padata_chunks *chunks,
		  const struct padata_thread *thread)
{
	struct padata_mt_range *nearest = NULL;
	unsigned long most_left = 0;
	int least_distance = 0;
	unsigned int i;

	/* Nothing to choose from. */
	if (chunks->nr_ranges == 1)
		return thread->range ? NULL : chunks->ranges;

	for (i = 0; i < chunks->nr_ranges; i++) {
		struct padata_mt_range *range = &chunks->ranges[i];
		unsigned long left = padata_range_left(range);
		int distance = LOCAL_DISTANCE;

		if (!left)
			continue;
		if (range->node != NUMA_NO_NODE)
			distance = node_distance(thread->node, range->node);

		if (!nearest || distance < least_distance ||
		    (distance == least_distance && left > most_left)) {
			nearest = range;
			most_left = left;
			least_distance = distance;
		}
	}
	return nearest;
}

/* Take the next chunk for @thread.  False when there is none. */
static bool padata_chunks_take(struct padata_chunks *chunks,
			       struct padata_thread *thread,
			       unsigned long *start, unsigned long *end)
{
	while (!thread->range ||
	       !padata_range_take(chunks, thread->range, start, end)) {
		/* Others may empty it first, but each time there are fewer. */
		thread->range = padata_next_range(chunks, thread);
		if (!thread->range)
			return false;
	}
	return true;
}

static void padata_chunks_stop(struct padata_chunks *chunks, int err)
{
	unsigned int i;

	/*
	 * Both relaxed, for padata_chunks_leave() orders them before the read
	 * in padata_chunks_error().
	 */
	atomic_cmpxchg_relaxed(&chunks->first_error, 0, err);

	/*
	 * Everything is handed out now.  A thread that is about to take a chunk
	 * has not yet moved the cursor, or moved it before this; in the first
	 * case its compare-and-exchange fails and it finds nothing left.
	 */
	for (i = 0; i < chunks->nr_ranges; i++) {
		struct padata_mt_range *range = &chunks->ranges[i];

		atomic_long_set(&range->handed_out, (long)range->size);
	}
}

/**
 * padata_chunks_do_one - take a chunk and run the job's thread_fn on it
 * @chunks: The chunks.
 * @thread: The calling thread, the same each time.
 *
 * An error ends the job: once it is recorded no chunk is handed out, while
 * those that were handed out before run to their end.  Of several errors the
 * one that was recorded first counts.
 *
 * Context: Whatever thread_fn needs.  Any number of threads at once.
 * Return: False when there was no chunk left to take, else true.
 */
bool padata_chunks_do_one(struct padata_chunks *chunks,
			  struct padata_thread *thread)
{
	const struct padata_mt_job *job = chunks->job;
	unsigned long start, end;
	int err;

	if (!padata_chunks_take(chunks, thread, &start, &end))
		return false;

	err = job->thread_fn(start, end, job->fn_arg);
	if (unlikely(err))
		padata_chunks_stop(chunks, err);

	return true;
}

/**
 * padata_chunks_leave - take back one of the threads that were counted
 * @chunks: The chunks; unless true is returned they may be gone on return.
 *
 * Return: True for the last one, which alone may go on to use @chunks.
 */
bool padata_chunks_leave(struct padata_chunks *chunks)
{
	/*
	 * Fully ordered, and pairs with itself in the other threads: all that
	 * they did to the work, and the error that they recorded, is visible to
	 * the last to leave, and to whomever that one tells.
	 */
	return atomic_dec_and_test(&chunks->threads);
}

/**
 * padata_chunks_error - what the job comes to
 * @chunks: The chunks, which all threads have left.
 *
 * Return: 0, or what the first thread_fn to fail returned.
 */
int padata_chunks_error(struct padata_chunks *chunks)
{
	return atomic_read(&chunks->first_error);
}
