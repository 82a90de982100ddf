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
 */

#include <linux/errno.h>
#include <linux/llist.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/topology.h>
#include <trace/events/padata.h>

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
 * @job: The job, which has been found valid and is not empty.  The calling task
 *	 is its caller.
 * @nr_threads: How many threads will work on it.  Each of them is taken back by
 *		one call of padata_chunks_leave(), and so is each that was
 *		counted but never came.
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
	for (i = 0; i < chunks->nr_ranges; i++) {
		struct padata_mt_range *range = &chunks->ranges[i];

		atomic_long_set(&range->handed_out, 0);
		range->stopped_at = range->size;
		range->position = range->start;
	}

	if (job->next_fn)
		mutex_init(&chunks->next_lock);
	chunks->caller = job->killable ? current : NULL;
	chunks->min_chunk = max(job->min_chunk, 1UL);
	chunks->max_chunk = padata_mt_max_chunk(job);
	chunks->divisor = (unsigned long)nr_threads * CHUNKS_PER_THREAD;
	atomic_set(&chunks->first_error, 0);
	init_llist_head(&chunks->failed);
	atomic_set(&chunks->threads, nr_threads);
}

/* The size of the chunk that begins at @start, with @left units left. */
static unsigned long padata_chunk_size(const struct padata_chunks *chunks,
				       unsigned long start, unsigned long left)
{
	unsigned long size = clamp(left / chunks->divisor, chunks->min_chunk,
				   chunks->max_chunk);
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
			      struct padata_chunk *chunk)
{
	long handed_out = atomic_long_read(&range->handed_out);
	unsigned long left;
	long next;

	chunk->range = range;
	do {
		chunk->offset = (unsigned long)handed_out;
		left = range->size - chunk->offset;
		if (!left)
			return false;

		chunk->size = padata_chunk_size(chunks,
						range->start + chunk->offset,
						left);
		next = (long)(chunk->offset + chunk->size);

		/*
		 * Relaxed: only the value counts.  The job was written before
		 * its threads were started, and their results are read after
		 * they have left, which see to the ordering.
		 */
	} while (!atomic_long_try_cmpxchg_relaxed(&range->handed_out,
						  &handed_out, next));
	chunk->start = range->start + chunk->offset;
	chunk->end = chunk->start + chunk->size;
	return true;
}

/* The same for a job with a next_fn: its chunks have positions. */
static bool padata_range_take_next(struct padata_chunks *chunks,
				   struct padata_mt_range *range,
				   struct padata_chunk *chunk)
{
	const struct padata_mt_job *job = chunks->job;
	bool taken;

	/*
	 * The cursor needs no lock: an error may move it at any time.  But
	 * chunks have to get their positions in the order in which they were
	 * taken.
	 */
	mutex_lock(&chunks->next_lock);
	taken = padata_range_take(chunks, range, chunk);
	if (taken) {
		chunk->start = range->position;
		chunk->end = job->next_fn(chunk->start, chunk->size,
					  job->fn_arg);
		range->position = chunk->end;
	}
	mutex_unlock(&chunks->next_lock);
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
			       struct padata_thread *thread,
			       struct padata_chunk *chunk)
{
	const bool by_position = chunks->job->next_fn;

	for (;;) {
		struct padata_mt_range *range = thread->range;

		if (range && (by_position ?
			      padata_range_take_next(chunks, range, chunk) :
			      padata_range_take(chunks, range, chunk)))
			return true;

		/* If others empty it first, there are fewer: this ends. */
		thread->range = padata_next_range(chunks, thread);
		if (!thread->range)
			return false;
	}
}

static void padata_chunks_fail(struct padata_chunks *chunks,
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
	 * Everything is handed out now.  A thread that is about to take a chunk
	 * may have moved the cursor before this.  If not, its
	 * compare-and-exchange fails, and it finds nothing left.
	 *
	 * Of several threads that fail, only the first one at a cursor sees how
	 * far it had come.  So only that thread writes stopped_at.
	 */
	for (i = 0; i < chunks->nr_ranges; i++) {
		struct padata_mt_range *range = &chunks->ranges[i];
		long handed_out = atomic_long_xchg_relaxed(&range->handed_out,
							   (long)range->size);

		if ((unsigned long)handed_out != range->size)
			range->stopped_at = (unsigned long)handed_out;
	}

	llist_add(&failed->node, &chunks->failed);
}

/**
 * padata_chunks_do_one - take a chunk and run the job's thread_fn on it
 * @chunks: The chunks.
 * @thread: The calling thread, the same each time.
 *
 * An error ends the job.  Once a thread has come back from this with an error,
 * no thread gets another chunk.  Chunks that were handed out before run to
 * their end.  Of several errors the one that was recorded first counts.
 *
 * Context: Whatever thread_fn needs.  Any number of threads at once.
 * Return: False when there was no chunk left to take, else true.
 */
bool padata_chunks_do_one(struct padata_chunks *chunks,
			  struct padata_thread *thread)
{
	const struct padata_mt_job *job = chunks->job;
	struct padata_chunk chunk;
	int err;

	if (!padata_chunks_take(chunks, thread, &chunk))
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
		padata_chunks_fail(chunks, &thread->failed, err);
	}

	return true;
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
