/* SPDX-License-Identifier: GPL-2.0 */
/*
 * padata_internal.h - the chunks of a multithreaded job: kernel/padata_chunks.c
 *
 * Knows nothing of works, CPUs or the scheduler, so that it can be compiled and
 * tested in user space as it stands.
 */
#ifndef _KERNEL_PADATA_INTERNAL_H
#define _KERNEL_PADATA_INTERNAL_H

#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/minmax.h>
#include <linux/padata.h>
#include <linux/spinlock.h>
#include <trace/events/padata.h>

/**
 * struct padata_chunks - the chunks of one job
 * @job: The job, never written to.
 * @ranges: The ranges of the job, or @whole.
 * @nr_ranges: How many there are.
 * @whole: The one range of a job that has none itself.
 * @next_lock: With a next_fn: held while a chunk is taken and its end is found.
 * @caller: The caller of a killable job, else NULL.
 * @thread_fn: The job's.
 * @fn_arg: The job's.
 * @min_chunk: The min_chunk of the job, but at least 1.
 * @max_chunk: The most units of a chunk, before it is rounded to align.
 * @shift: A chunk is what is left of its range, divided by two so many times.
 * @rest_mask: Rounds what is left down to align; 0 if padata_chunks_do_one()
 *	       cannot do this job.
 * @first_error: What the first thread_fn to fail returned, or 0.
 * @failed: The chunks that failed, at most one for each thread.
 * @threads: Threads that may still touch this structure.
 */
struct padata_chunks {
	const struct padata_mt_job	*job;
	struct padata_mt_range		*ranges;
	unsigned int			nr_ranges;
	struct padata_mt_range		whole;
	spinlock_t			next_lock;
	struct task_struct		*caller;
	int (*thread_fn)(unsigned long start, unsigned long end, void *arg);
	void				*fn_arg;
	unsigned long			min_chunk;
	unsigned long			max_chunk;
	unsigned int			shift;
	long				rest_mask;
	atomic_t			first_error;
	struct llist_head		failed;
	atomic_t			threads;
};

/**
 * struct padata_chunk - what one call of thread_fn does
 * @range: The range that it is part of.
 * @offset: Its first unit, counted from the start of @range.
 * @size: How many units it has.
 * @start: Its first unit, or the position of that.
 * @end: One past its last unit, or the position of that.
 * @node: Links it to the other failed chunks of its job.
 */
struct padata_chunk {
	struct padata_mt_range	*range;
	unsigned long		offset;
	unsigned long		size;
	unsigned long		start;
	unsigned long		end;
	struct llist_node	node;
};

/**
 * struct padata_thread - one of the threads that work on a job
 * @node: The node that it runs on, to take near chunks first.
 * @range: What it takes chunks from; not NULL.
 * @nr_chunks: How many it has taken.
 * @failed: The chunk that it failed, if any.  It gets no chunk after that.
 *
 * Only that thread uses it.  Once all have left, the caller uses it to undo.
 */
struct padata_thread {
	int			node;
	struct padata_mt_range	*range;
	unsigned long		nr_chunks;
	struct padata_chunk	failed;
};

void padata_chunks_init(struct padata_chunks *chunks,
			const struct padata_mt_job *job, unsigned int nr_threads);
void padata_chunks_join(const struct padata_chunks *chunks,
			struct padata_thread *thread, int node);
bool padata_chunks_do_any(struct padata_chunks *chunks,
			  struct padata_thread *thread, long left);
void padata_chunks_fail(struct padata_chunks *chunks,
			struct padata_thread *thread, unsigned long left,
			unsigned long rest, int err);
bool padata_chunks_leave(struct padata_chunks *chunks);
int padata_chunks_error(struct padata_chunks *chunks);
void padata_chunks_undo(struct padata_chunks *chunks);

/* The size of the next chunk, before its end is rounded to align. */
static inline unsigned long
padata_chunk_size(const struct padata_chunks *chunks, unsigned long left)
{
	return max(left >> chunks->shift, chunks->min_chunk);
}

/**
 * padata_chunks_do_one - take a chunk and run the job's thread_fn on it
 * @chunks: The chunks.
 * @thread: The calling thread, the same each time.
 *
 * An error ends the job: no thread is handed a chunk after one of them has come
 * back from this with an error, while chunks that were handed out before run to
 * their end.  Of several errors the one that was recorded first counts.
 *
 * Inline, for it is called in a loop.  It does any chunk but the last of a
 * range, which it leaves to padata_chunks_do_any().
 *
 * Context: Whatever thread_fn needs.  Any number of threads at once.
 * Return: False when there was no chunk left to take, else true.
 */
static inline bool padata_chunks_do_one(struct padata_chunks *chunks,
					struct padata_thread *thread)
{
	struct padata_mt_range *range = thread->range;
	long left = atomic_long_read(&range->left);
	long rest;
	int err;

	do {
		rest = left - (long)padata_chunk_size(chunks, (unsigned long)left);
		rest &= chunks->rest_mask;
		if (unlikely(rest <= 0))
			return padata_chunks_do_any(chunks, thread, left);

		/*
		 * Relaxed: only the value counts.  The job was written before
		 * its threads were started, and their results are read after
		 * they have left, which see to the ordering.
		 */
	} while (!atomic_long_try_cmpxchg_relaxed(&range->left, &left, rest));

	thread->nr_chunks++;
	err = chunks->thread_fn(range->top - (unsigned long)left,
				range->top - (unsigned long)rest, chunks->fn_arg);
	trace_padata_mt_chunk(chunks->job, range->top - (unsigned long)left,
			      range->top - (unsigned long)rest, err);
	if (unlikely(err))
		padata_chunks_fail(chunks, thread, (unsigned long)left,
				   (unsigned long)rest, err);

	return true;
}

#endif /* _KERNEL_PADATA_INTERNAL_H */
