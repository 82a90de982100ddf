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
 * struct padata_chunks - who does what of one job
 * @job: The job, never written to.
 * @ranges: The job's, or @whole.
 * @nr_ranges: How many there are.
 * @whole: All of a job that has no ranges.
 * @next_lock: With a next_fn: held from taking a chunk to knowing its end.
 * @caller: Of a killable job, else NULL.
 * @min_chunk: The job's, but at least 1.
 * @max_chunk: What chunks are kept to, before they are rounded to align.
 * @divisor: A chunk is what is left of its range, divided by this.
 * @first_error: What the first thread_fn to fail returned, or 0.
 * @failed: The chunks that failed, at most one of each thread.
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
 * @range: What it is part of.
 * @offset: Its first unit, counted from the start of @range.
 * @size: How many units it has.
 * @start: Its first unit, or the position of that.
 * @end: One past its last unit, or the position of that.
 * @node: Among the chunks of its job that failed.
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
 * @node: Where it runs, to take what is near first.
 * @range: What it takes chunks from; NULL before its first chunk.
 * @nr_chunks: How many it has taken.
 * @failed: The chunk that it failed, if it did: it gets none after that.
 *
 * Used by that thread alone; once all have left, by the one that undoes.
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
