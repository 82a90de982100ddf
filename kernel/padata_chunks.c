// SPDX-License-Identifier: GPL-2.0
/*
 * padata_chunks.c - hand out the chunks of a multithreaded job
 *
 * All threads of a job take chunks from the cursor of a range until none is
 * left.  Then they go on with the nearest other range that has some left.  A
 * cursor moves by compare-and-exchange, so no thread ever waits for another to
 * take its chunk.  Only a job with a next_fn takes a lock: next_fn has to find
 * the end of one chunk before the next one can begin.
 *
 * Chunks are guided: each is a fixed share of what is left, so they start large
 * and shrink as the work runs out.  That takes few chunks, and still lets the
 * threads finish close together, since the last chunks are the smallest that
 * the job allows.
 *
 * Most chunks are taken by padata_chunks_do_one(), which is inline.  What is
 * here is for the last chunk of a range, for the way to the next range, for jobs
 * that need more than that, and for what is done once.
 */

#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/topology.h>
#include <trace/events/padata.h>

#include "padata_internal.h"

/*
 * A chunk is 1/4 of a thread's fair share of what is left.  Then a thread that
 * runs at a quarter of the others' speed, because its CPU is shared or far from
 * the memory, finishes the chunk it took before the others finish the rest.
 * For 1024 minimum chunks and 8 threads that makes 158 chunks.
 *
 * It is less, at least 1/8, when the number of threads is no power of two: a
 * shift takes a fraction of the time of a division.
 */
#define CHUNKS_PER_THREAD	4

/* The range of a thread that comes when nothing is left. */
static struct padata_mt_range padata_nothing_left;

static void padata_range_init(struct padata_mt_range *range,
			      unsigned long align)
{
	range->top = -(-(range->start + range->size) & -align);
	/*
	 * The top of all numbers does not fit.  One less will do, for the last
	 * chunk ends with the range anyway.
	 */
	if (range->top == range->start && range->size)
		range->top -= align;

	atomic_long_set(&range->left,
			range->size ? (long)(range->top - range->start) : 0);
	range->stopped_at = range->size;
	range->position = range->start;
}

/* Whether padata_chunks_do_one() leaves all chunks of @job to that function. */
static bool padata_needs_do_any(const struct padata_mt_job *job)
{
	if (job->next_fn)
		return true;
	if (job->killable)
		return true;
	/* padata_chunks_do_one() computes with signed numbers. */
	return job->min_chunk > LONG_MAX;
}

/**
 * padata_chunks_init - get the chunks of a job ready to be handed out
 * @chunks: What to initialize.
 * @job: The job, which has been found valid and is not empty.  The calling task
 *	 is its caller.
 * @nr_threads: How many threads will work on it.  Each of them is taken back by
 *		one call of padata_chunks_leave(), and so is each that was
 *		counted but never came.
 */
void padata_chunks_init(struct padata_chunks *chunks,
			const struct padata_mt_job *job, unsigned int nr_threads)
{
	unsigned long divisor = (unsigned long)nr_threads * CHUNKS_PER_THREAD;
	unsigned int i;

	chunks->job = job;
	chunks->whole.start = job->start;
	chunks->whole.size = job->size;
	chunks->whole.node = NUMA_NO_NODE;
	chunks->ranges = job->nr_ranges ? job->ranges : &chunks->whole;
	chunks->nr_ranges = job->nr_ranges ? job->nr_ranges : 1;
	for (i = 0; i < chunks->nr_ranges; i++)
		padata_range_init(&chunks->ranges[i], job->align);

	if (job->next_fn)
		spin_lock_init(&chunks->next_lock);
	chunks->caller = job->killable ? current : NULL;
	chunks->thread_fn = job->thread_fn;
	chunks->fn_arg = job->fn_arg;
	chunks->min_chunk = max(job->min_chunk, 1UL);
	chunks->max_chunk = padata_mt_max_chunk(job);
	chunks->shift = ilog2(roundup_pow_of_two(divisor));
	chunks->rest_mask = padata_needs_do_any(job) ? 0 : -(long)job->align;
	atomic_set(&chunks->first_error, 0);
	init_llist_head(&chunks->failed);
	atomic_set(&chunks->threads, nr_threads);
}

static unsigned long padata_range_left(const struct padata_mt_range *range)
{
	return (unsigned long)atomic_long_read(&range->left);
}

/* How many units come before the one that has @left left. */
static unsigned long padata_range_offset(const struct padata_mt_range *range,
					 unsigned long left)
{
	return left ? range->top - left - range->start : range->size;
}

static void padata_chunk_set(struct padata_chunk *chunk,
			     struct padata_mt_range *range,
			     unsigned long left, unsigned long rest)
{
	chunk->range = range;
	chunk->offset = padata_range_offset(range, left);
	chunk->size = padata_range_offset(range, rest) - chunk->offset;
	chunk->start = range->start + chunk->offset;
	chunk->end = chunk->start + chunk->size;
}

/* Take the next chunk of @range, which had @left left.  False: there is none. */
static bool padata_range_take(const struct padata_chunks *chunks,
			      struct padata_mt_range *range, long left,
			      struct padata_chunk *chunk)
{
	unsigned long size, rest;

	do {
		if (!left)
			return false;
		size = padata_chunk_size(chunks, (unsigned long)left);
		size = min(size, chunks->max_chunk);
		rest = size < (unsigned long)left ?
		       ((unsigned long)left - size) & -chunks->job->align : 0;
	} while (!atomic_long_try_cmpxchg_relaxed(&range->left, &left,
						  (long)rest));

	padata_chunk_set(chunk, range, (unsigned long)left, rest);
	return true;
}

/* The same for a job with a next_fn: its chunks have positions. */
static bool padata_range_take_next(struct padata_chunks *chunks,
				   struct padata_mt_range *range, long left,
				   struct padata_chunk *chunk)
{
	const struct padata_mt_job *job = chunks->job;
	bool taken;

	/*
	 * The cursor needs no lock: an error may move it at any time.  But
	 * chunks have to get their positions in the order in which they were
	 * taken.  Nobody may lose the CPU meanwhile: all others wait.
	 */
	spin_lock(&chunks->next_lock);
	taken = padata_range_take(chunks, range, left, chunk);
	if (taken) {
		chunk->start = range->position;
		chunk->end = job->next_fn(chunk->start, chunk->size,
					  job->fn_arg);
		range->position = chunk->end;
	}
	spin_unlock(&chunks->next_lock);
	return taken;
}

/*
 * The range nearest to @thread that has work left.  Of several it is the one
 * with most work left.  Work is only taken, never added.  So when no range is
 * found now, none will be later.
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
			       struct padata_thread *thread, long left,
			       struct padata_chunk *chunk)
{
	const bool by_position = chunks->job->next_fn;

	while (!(by_position ?
		 padata_range_take_next(chunks, thread->range, left, chunk) :
		 padata_range_take(chunks, thread->range, left, chunk))) {
		struct padata_mt_range *next = padata_next_range(chunks, thread);

		/* If others empty it first, there are fewer: this ends. */
		if (!next)
			return false;
		thread->range = next;
		left = atomic_long_read(&next->left);
	}
	return true;
}

static void padata_chunks_stop(struct padata_chunks *chunks,
			       struct padata_chunk *failed, int err)
{
	unsigned int i;

	/*
	 * All of this is relaxed where it can be: padata_chunks_leave() orders
	 * it before padata_chunks_error() and padata_chunks_undo() read it.
	 */
	if (!atomic_cmpxchg_relaxed(&chunks->first_error, 0, err))
		trace_padata_mt_error(chunks->job, err);

	/*
	 * Nothing is left now.  A thread that is about to take a chunk has not
	 * yet moved the cursor, or moved it before this; in the first case its
	 * compare-and-exchange fails and it finds nothing left.
	 *
	 * Of several threads that fail, only the first one at a cursor sees how
	 * far it had come.  So only that thread writes stopped_at.
	 */
	for (i = 0; i < chunks->nr_ranges; i++) {
		struct padata_mt_range *range = &chunks->ranges[i];
		long left = atomic_long_xchg_relaxed(&range->left, 0);

		if (left)
			range->stopped_at =
				padata_range_offset(range, (unsigned long)left);
	}

	llist_add(&failed->node, &chunks->failed);
}

/**
 * padata_chunks_join - get a thread ready to take chunks
 * @chunks: The chunks.
 * @thread: The thread, the calling one.
 * @node: Where it runs.
 */
void padata_chunks_join(const struct padata_chunks *chunks,
			struct padata_thread *thread, int node)
{
	*thread = (struct padata_thread){ .node = node };
	thread->range = padata_next_range(chunks, thread) ?: &padata_nothing_left;
}

/**
 * padata_chunks_do_any - do a chunk of any kind
 * @chunks: The chunks.
 * @thread: The calling thread.
 * @left: What padata_chunks_do_one(), which leaves it to this, has seen left of
 *	  the range.
 *
 * Goes on with another range when nothing is left.
 *
 * Return: The same as padata_chunks_do_one().
 */
bool padata_chunks_do_any(struct padata_chunks *chunks,
			  struct padata_thread *thread, long left)
{
	const struct padata_mt_job *job = chunks->job;
	struct padata_chunk chunk;
	int err;

	if (!padata_chunks_take(chunks, thread, left, &chunk))
		return false;

	thread->nr_chunks++;

	/* A chunk that is not begun counts as failed: neither needs an undo. */
	if (chunks->caller && fatal_signal_pending(chunks->caller))
		err = -EINTR;
	else
		err = job->thread_fn(chunk.start, chunk.end, job->fn_arg);
	trace_padata_mt_chunk(job, chunk.start, chunk.end, err);
	if (unlikely(err)) {
		thread->failed = chunk;
		padata_chunks_stop(chunks, &thread->failed, err);
	}

	return true;
}

/**
 * padata_chunks_fail - hand out nothing more, for a chunk of numbers has failed
 * @chunks: The chunks.
 * @thread: The calling thread.
 * @left: How many units were left where the chunk begins.
 * @rest: How many were left where it ends.
 * @err: What thread_fn returned.
 */
void padata_chunks_fail(struct padata_chunks *chunks,
			struct padata_thread *thread, unsigned long left,
			unsigned long rest, int err)
{
	padata_chunk_set(&thread->failed, thread->range, left, rest);
	padata_chunks_stop(chunks, &thread->failed, err);
}

/**
 * padata_chunks_leave - take back one of the threads that were counted
 * @chunks: The chunks; unless true is returned they may be gone on return.
 *
 * Return: True for the last thread.  Only that one may still use @chunks.
 */
bool padata_chunks_leave(struct padata_chunks *chunks)
{
	/*
	 * Fully ordered, and pairs with itself in the other threads.  The last
	 * thread to leave sees all that the others did to the work, and the
	 * error that they recorded.  The thread that it tells sees the same.
	 */
	return atomic_dec_and_test(&chunks->threads);
}

/**
 * padata_chunks_error - the result of the job
 * @chunks: The chunks, which all threads have left.
 *
 * Return: 0, or what the first thread_fn to fail returned.
 */
int padata_chunks_error(struct padata_chunks *chunks)
{
	return atomic_read(&chunks->first_error);
}

/* The first failed chunk of @range that is not before @offset. */
static struct padata_chunk *
padata_next_failed(struct padata_chunks *chunks,
		   const struct padata_mt_range *range, unsigned long offset)
{
	struct padata_chunk *chunk, *first = NULL;

	llist_for_each_entry(chunk, chunks->failed.first, node) {
		if (chunk->range == range && chunk->offset >= offset &&
		    (!first || chunk->offset < first->offset))
			first = chunk;
	}
	return first;
}

static void padata_run_undo(const struct padata_mt_job *job,
			    unsigned long start, unsigned long end)
{
	trace_padata_mt_undo(job, start, end);
	job->undo_fn(start, end, job->fn_arg);
}

/* All chunks that were handed out are finished, except for the failed ones. */
static void padata_range_undo(struct padata_chunks *chunks,
			      const struct padata_mt_range *range)
{
	const struct padata_mt_job *job = chunks->job;
	unsigned long offset = 0, start = range->start;
	struct padata_chunk *failed;
	unsigned long end;

	while ((failed = padata_next_failed(chunks, range, offset))) {
		if (failed->offset != offset)
			padata_run_undo(job, start, failed->start);
		offset = failed->offset + failed->size;
		start = failed->end;
	}

	end = job->next_fn ? range->position : range->start + range->stopped_at;
	if (range->stopped_at != offset)
		padata_run_undo(job, start, end);
}

/**
 * padata_chunks_undo - undo the finished chunks of a job that failed
 * @chunks: The chunks, which all threads have left.  The structures of the
 *	    threads must still be there.
 *
 * Does nothing when there was no error, or when the job has no undo_fn.
 *
 * Context: Whatever undo_fn needs.
 */
void padata_chunks_undo(struct padata_chunks *chunks)
{
	unsigned int i;

	if (!chunks->job->undo_fn || !padata_chunks_error(chunks))
		return;

	for (i = 0; i < chunks->nr_ranges; i++)
		padata_range_undo(chunks, &chunks->ranges[i]);
}
