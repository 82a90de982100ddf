// SPDX-License-Identifier: GPL-2.0
/*
 * padata_alone.c - multithreaded jobs that one thread does
 *
 * In a kernel for one CPU these are all jobs.  Elsewhere they are the jobs that
 * are too small to split, and those that get no helper.
 */

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/padata.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>

#define CREATE_TRACE_POINTS
#include <trace/events/padata.h>

static const char *padata_mt_ranges_fault(const struct padata_mt_job *job)
{
	unsigned int i;

	if (!job->nr_ranges)
		return NULL;
	if (!job->ranges)
		return "no ranges";
	if (job->size)
		return "a size beside its ranges";

	for (i = 0; i < job->nr_ranges; i++) {
		const struct padata_mt_range *range = &job->ranges[i];

		if (!job->next_fn && range->size > ULONG_MAX - range->start)
			return "the end of a range is past ULONG_MAX";
		if (range->node != NUMA_NO_NODE &&
		    (range->node < 0 || range->node >= MAX_NUMNODES))
			return "a range is on no node that there can be";
	}
	return NULL;
}

/**
 * padata_mt_job_check - see whether a job can be run here
 * @job: The job.
 *
 * A job is refused when interrupts or bottom halves are off.  Every kernel can
 * tell that.  Only some can tell whether a spinlock is held, so might_sleep()
 * reports that.
 *
 * Context: Any.
 * Return: 0, or -EINVAL.  The first bad job is reported in the log.
 */
int padata_mt_job_check(const struct padata_mt_job *job)
{
	const char *fault = padata_mt_ranges_fault(job);

	if (fault)
		;
	else if (in_interrupt() || irqs_disabled())
		fault = "called with interrupts or bottom halves off";
	else if (!job->thread_fn)
		fault = "no thread_fn";
	else if (!job->next_fn && job->size > ULONG_MAX - job->start)
		fault = "its end is past ULONG_MAX";
	else if (!is_power_of_2(job->align))
		fault = "align is not a power of two";
	else if (job->next_fn && job->align != 1)
		fault = "align is not 1 beside a next_fn";
	else if (job->max_threads < 1)
		fault = "max_threads is below 1";
	else if (job->use_mm && !current->mm)
		fault = "no mm to use";
	else
		return 0;

	pr_warn_once("padata: refused a job of %ps: %s\n", job->thread_fn, fault);
	return -EINVAL;
}
EXPORT_SYMBOL_GPL(padata_mt_job_check);

/**
 * padata_mt_max_chunk - the most units that a chunk of a job has
 * @job: The job.
 *
 * min_chunk takes much longer than waking a thread, so about a millisecond.  A
 * signal is then seen after some tens of milliseconds.  And a next_fn, which passes
 * a whole chunk under a spinlock, takes a fraction of that.
 *
 * Context: Any.
 * Return: The number of units.  Rounding may add up to align - 1 to it.
 */
unsigned long padata_mt_max_chunk(const struct padata_mt_job *job)
{
	unsigned long max_chunk;

	if ((!job->killable && !job->next_fn) ||
	    check_mul_overflow(max(job->min_chunk, 1UL), 16UL, &max_chunk))
		return ULONG_MAX;
	return max_chunk;
}

static unsigned long padata_mt_end(const struct padata_mt_job *job,
				   unsigned long start, unsigned long size)
{
	return job->next_fn ? job->next_fn(start, size, job->fn_arg)
			    : start + size;
}

/* How many of @size units from @start on a killable job does in one call. */
static unsigned long padata_mt_step(const struct padata_mt_job *job,
				    unsigned long start, unsigned long size)
{
	unsigned long step = padata_mt_max_chunk(job);
	unsigned long to_boundary = -(start + step) & (job->align - 1);

	return step < size && to_boundary < size - step ? step + to_boundary
							: size;
}

/*
 * In one call, or in several for a killable job.  A call that fails cleans up
 * after itself.  @range notes what the calls before it have done.
 */
static int padata_mt_do_range_alone(const struct padata_mt_job *job,
				    struct padata_mt_range *range)
{
	range->stopped_at = 0;
	range->position = range->start;

	while (range->stopped_at < range->size) {
		unsigned long step = padata_mt_step(job, range->position,
						    range->size -
						    range->stopped_at);
		unsigned long end = padata_mt_end(job, range->position, step);
		int err;

		if (job->killable && fatal_signal_pending(current))
			err = -EINTR;
		else
			err = job->thread_fn(range->position, end, job->fn_arg);
		trace_padata_mt_chunk(job, range->position, end, err);
		if (err) {
			trace_padata_mt_error(job, err);
			return err;
		}

		range->stopped_at += step;
		range->position = end;
		if (range->stopped_at < range->size)
			cond_resched();
	}
	return 0;
}

static int padata_mt_do_ranges_alone(const struct padata_mt_job *job,
				     struct padata_mt_range *ranges,
				     unsigned int nr_ranges)
{
	unsigned int i, begun;
	int err = 0;

	for (begun = 0; begun < nr_ranges && !err; begun++)
		err = padata_mt_do_range_alone(job, &ranges[begun]);
	if (!err || !job->undo_fn)
		return err;

	/* Without next_fn, since thread_fn may have changed the work. */
	for (i = 0; i < begun; i++) {
		struct padata_mt_range *range = &ranges[i];

		if (!range->stopped_at)
			continue;
		trace_padata_mt_undo(job, range->start, range->position);
		job->undo_fn(range->start, range->position, job->fn_arg);
	}
	return err;
}

/* Most jobs take one call, and have nothing to undo if it fails. */
static int padata_mt_do_in_one_call(const struct padata_mt_job *job)
{
	unsigned long end = job->start + job->size;
	int err;

	if (!job->size)
		return 0;

	err = job->thread_fn(job->start, end, job->fn_arg);
	trace_padata_mt_chunk(job, job->start, end, err);
	if (err)
		trace_padata_mt_error(job, err);
	return err;
}

static noinline int padata_mt_do_as_range_alone(const struct padata_mt_job *job)
{
	struct padata_mt_range whole = {
		.start	= job->start,
		.size	= job->size,
	};

	return padata_mt_do_ranges_alone(job, &whole, 1);
}

/**
 * padata_mt_do_alone - do all of a good job in this thread
 * @job: The job.
 *
 * Calls thread_fn once, or once for each range; more often if the job is
 * killable.  If a call fails, what the calls before it have done is undone.
 *
 * Context: Whatever the functions of the job need.
 * Return: 0, what thread_fn returned when it failed, or -EINTR.
 */
int padata_mt_do_alone(const struct padata_mt_job *job)
{
	if (job->nr_ranges)
		return padata_mt_do_ranges_alone(job, job->ranges,
						 job->nr_ranges);
	if (job->next_fn || job->killable)
		return padata_mt_do_as_range_alone(job);
	return padata_mt_do_in_one_call(job);
}
EXPORT_SYMBOL_GPL(padata_mt_do_alone);
