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
#include <linux/mutex.h>
#include <linux/padata.h>

/**
 * struct padata_chunks - the chunks of one job
 * @job: The job, never written to.
 * @ranges: The ranges of the job, or @whole.
 * @nr_ranges: How many there are.
 * @whole: The one range of a job that has none itself.
 * @next_lock: With a next_fn: held while a chunk is taken and its end is found.
 * @caller: The caller of a killable job, else NULL.
 * @min_chunk: The min_chunk of the job, but at least 1.
 * @max_chunk: The most units of a chunk, before it is rounded to align.
 * @divisor: A chunk is what is left of its range, divided by this.
 * @first_error: What the first thread_fn to fail returned, or 0.
 * @failed: The chunks that failed, at most one for each thread.
 * @threads: Threads that may still touch this structure.
 */
struct padata_chunks {
	const struct padata_mt_job	*job;
	struct padata_mt_range		*ranges;
	unsigned int			nr_ranges;
	struct padata_mt_range		whole;
	struct mutex			next_lock;
	struct task_struct		*caller;
	unsigned long			min_chunk;
	unsigned long			max_chunk;
	unsigned long			divisor;
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
 * @range: The range that it takes chunks from; NULL before its first chunk.
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
bool padata_chunks_do_one(struct padata_chunks *chunks,
			  struct padata_thread *thread);
bool padata_chunks_leave(struct padata_chunks *chunks);
int padata_chunks_error(struct padata_chunks *chunks);
void padata_chunks_undo(struct padata_chunks *chunks);

#endif /* _KERNEL_PADATA_INTERNAL_H */
