// SPDX-License-Identifier: GPL-2.0
/*
 * padata_chunks.c - hand out the chunks of a multithreaded job
 *
 * All threads of a job take chunks from one cursor until none is left.  The
 * cursor moves by compare-and-exchange, so no thread ever waits for another to
 * take its chunk.
 *
 * Chunks are guided: each is a fixed share of what is left, so they start large
 * and shrink as the work runs out.  That takes few chunks, and still lets the
 * threads finish close together, since the last chunks are the smallest that
 * the job allows.
 */

#include <linux/minmax.h>

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
	chunks->job = job;
	chunks->min_chunk = max(job->min_chunk, 1UL);
	chunks->divisor = (unsigned long)nr_threads * CHUNKS_PER_THREAD;
	atomic_long_set(&chunks->handed_out, 0);
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

/* Take the next chunk.  False when there is none. */
static bool padata_chunks_take(struct padata_chunks *chunks,
			       unsigned long *start, unsigned long *end)
{
	const struct padata_mt_job *job = chunks->job;
	long handed_out = atomic_long_read(&chunks->handed_out);
	unsigned long left, size;
	long next;

	do {
		left = job->size - (unsigned long)handed_out;
		if (!left)
			return false;

		*start = job->start + (unsigned long)handed_out;
		size = padata_chunk_size(chunks, *start, left);
		next = (long)((unsigned long)handed_out + size);

		/*
		 * Relaxed: only the value counts.  The job was written before
		 * its threads were started, and their results are read after
		 * they have left, which see to the ordering.
		 */
	} while (!atomic_long_try_cmpxchg_relaxed(&chunks->handed_out,
						  &handed_out, next));
	*end = *start + size;
	return true;
}

static void padata_chunks_stop(struct padata_chunks *chunks, int err)
{
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
	atomic_long_set(&chunks->handed_out, (long)chunks->job->size);
}

/**
 * padata_chunks_do_one - take a chunk and run the job's thread_fn on it
 * @chunks: The chunks.
 *
 * An error ends the job: once it is recorded no chunk is handed out, while
 * those that were handed out before run to their end.  Of several errors the
 * one that was recorded first counts.
 *
 * Context: Whatever thread_fn needs.  Any number of threads at once.
 * Return: False when there was no chunk left to take, else true.
 */
bool padata_chunks_do_one(struct padata_chunks *chunks)
{
	const struct padata_mt_job *job = chunks->job;
	unsigned long start, end;
	int err;

	if (!padata_chunks_take(chunks, &start, &end))
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
