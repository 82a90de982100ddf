/* SPDX-License-Identifier: GPL-2.0 */
/*
 * padata_internal.h - what the parts of padata's multithreaded jobs, and
 * their tests, share
 */
#ifndef _KERNEL_PADATA_INTERNAL_H
#define _KERNEL_PADATA_INTERNAL_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/padata.h>

/*
 * The chunks of one job: kernel/padata_chunks.c
 *
 * Knows nothing of works, CPUs or the scheduler, so that it can be compiled
 * and tested in user space as it stands.
 */

/**
 * struct padata_chunks - who does what of one job
 * @job: The job, never written to.
 * @ranges: The job's, or @whole.
 * @nr_ranges: How many there are.
 * @whole: All of a job that has no ranges.
 * @min_chunk: The job's, but at least 1.
 * @divisor: A chunk is what is left of its range, divided by this.
 * @first_error: What the first thread_fn to fail returned, or 0.
 * @threads: Threads that may still touch this structure.
 */
struct padata_chunks {
	const struct padata_mt_job	*job;
	struct padata_mt_range		*ranges;
	unsigned int			nr_ranges;
	struct padata_mt_range		whole;
	unsigned long			min_chunk;
	unsigned long			divisor;
	atomic_t			first_error;
	atomic_t			threads;
};

/**
 * struct padata_thread - one of the threads that work on a job
 * @node: Where it runs, to take what is near first.
 * @range: What it takes chunks from; NULL before its first chunk.
 *
 * Used by that thread alone.
 */
struct padata_thread {
	int			node;
	struct padata_mt_range	*range;
};

void padata_chunks_init(struct padata_chunks *chunks,
			const struct padata_mt_job *job, unsigned int nr_threads);
bool padata_chunks_do_one(struct padata_chunks *chunks,
			  struct padata_thread *thread);
bool padata_chunks_leave(struct padata_chunks *chunks);
int padata_chunks_error(struct padata_chunks *chunks);

/*
 * The workqueue that helpers run on, and the pool of works, one for each
 * possible CPU: kernel/padata.c
 */

extern struct workqueue_struct *padata_mt_wq;

unsigned int padata_works_get(struct list_head *works, unsigned int nr_wanted);
void padata_works_put(struct list_head *works);

#endif /* _KERNEL_PADATA_INTERNAL_H */
