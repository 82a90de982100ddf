/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM padata

#if !defined(_TRACE_PADATA_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_PADATA_H

#include <linux/padata.h>
#include <linux/tracepoint.h>

/**
 * padata_mt_begin - a multithreaded job begins
 * @job: The job.  Its thread_fn and its caller tell which one it is.
 * @size: How many units it has.
 * @nr_helpers: How many helpers it gets; 0 for a job that its caller does alone.
 */
TRACE_EVENT(padata_mt_begin,

	TP_PROTO(const struct padata_mt_job *job, unsigned long size,
		 unsigned int nr_helpers),

	TP_ARGS(job, size, nr_helpers),

	TP_STRUCT__entry(
		__field(	const void *,	job		)
		__field(	const void *,	thread_fn	)
		__field(	unsigned long,	size		)
		__field(	unsigned int,	nr_helpers	)
	),

	TP_fast_assign(
		__entry->job		= job;
		__entry->thread_fn	= job->thread_fn;
		__entry->size		= size;
		__entry->nr_helpers	= nr_helpers;
	),

	TP_printk("job=%p thread_fn=%ps size=%lu helpers=%u", __entry->job,
		  __entry->thread_fn, __entry->size, __entry->nr_helpers)
);

/**
 * padata_mt_end - a multithreaded job has ended, and all threads have left it
 * @job: The job.
 * @err: The result that its caller gets.
 */
TRACE_EVENT(padata_mt_end,

	TP_PROTO(const struct padata_mt_job *job, int err),

	TP_ARGS(job, err),

	TP_STRUCT__entry(
		__field(	const void *,	job		)
		__field(	const void *,	thread_fn	)
		__field(	int,		err		)
	),

	TP_fast_assign(
		__entry->job		= job;
		__entry->thread_fn	= job->thread_fn;
		__entry->err		= err;
	),

	TP_printk("job=%p thread_fn=%ps err=%d", __entry->job,
		  __entry->thread_fn, __entry->err)
);

/**
 * padata_mt_chunk - a thread is done with a chunk
 * @job: The job.
 * @start: The first unit of the chunk, or its position.
 * @end: One past the last.
 * @err: What thread_fn returned, or -EINTR if it was not called after a signal.
 */
TRACE_EVENT(padata_mt_chunk,

	TP_PROTO(const struct padata_mt_job *job, unsigned long start,
		 unsigned long end, int err),

	TP_ARGS(job, start, end, err),

	TP_STRUCT__entry(
		__field(	const void *,	job		)
		__field(	unsigned long,	start		)
		__field(	unsigned long,	end		)
		__field(	int,		err		)
	),

	TP_fast_assign(
		__entry->job	= job;
		__entry->start	= start;
		__entry->end	= end;
		__entry->err	= err;
	),

	TP_printk("job=%p start=%#lx end=%#lx err=%d", __entry->job,
		  __entry->start, __entry->end, __entry->err)
);

/**
 * padata_mt_error - an error stops a multithreaded job
 * @job: The job.
 * @err: The error, the first of the job.
 */
TRACE_EVENT(padata_mt_error,

	TP_PROTO(const struct padata_mt_job *job, int err),

	TP_ARGS(job, err),

	TP_STRUCT__entry(
		__field(	const void *,	job	)
		__field(	int,		err	)
	),

	TP_fast_assign(
		__entry->job	= job;
		__entry->err	= err;
	),

	TP_printk("job=%p err=%d", __entry->job, __entry->err)
);

/**
 * padata_mt_undo - units of a job that failed are about to be undone
 * @job: The job.
 * @start: The first of them, or its position.
 * @end: One past the last.
 */
TRACE_EVENT(padata_mt_undo,

	TP_PROTO(const struct padata_mt_job *job, unsigned long start,
		 unsigned long end),

	TP_ARGS(job, start, end),

	TP_STRUCT__entry(
		__field(	const void *,	job	)
		__field(	unsigned long,	start	)
		__field(	unsigned long,	end	)
	),

	TP_fast_assign(
		__entry->job	= job;
		__entry->start	= start;
		__entry->end	= end;
	),

	TP_printk("job=%p start=%#lx end=%#lx", __entry->job, __entry->start,
		  __entry->end)
);

#endif /* _TRACE_PADATA_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
