// SPDX-License-Identifier: GPL-2.0
/*
 * Torture test of padata's multithreaded jobs.
 *
 * Many threads run jobs at once, while CPUs come and go.  All that makes up a
 * job is random: its kind, size, cuts and threads, which of its units fail and
 * how, and which of them sleep or run a job of their own.  After each job the
 * test looks at every unit: it has to be done once, or undone, or cleaned up by
 * the chunk that failed.
 *
 * The notes on units are neither atomic nor protected by a lock, on purpose.
 * Padata promises that a unit belongs to one thread while its chunk runs, and
 * to the caller after the job.  If that is so, KCSAN has nothing to report.
 *
 * Job number N of a seed is the same each time.  Which thread does which chunk
 * is not.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/prandom.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/sysfs.h>

/* A module runs jobs when it is loaded, built-in code only when told to. */
static unsigned long jobs =
	IS_MODULE(CONFIG_PADATA_TORTURE_TEST) ? 100000 : 0;
module_param(jobs, ulong, 0444);
MODULE_PARM_DESC(jobs, "Jobs to run in all (100000 as a module, else 0: none)");

static unsigned long first = 1;
module_param(first, ulong, 0444);
MODULE_PARM_DESC(first, "Number of the first job, to run it again with its seed");

static unsigned int callers;
module_param(callers, uint, 0444);
MODULE_PARM_DESC(callers, "Threads that run jobs (twice as many as CPUs online)");

static unsigned int hotplug;
module_param(hotplug, uint, 0444);
MODULE_PARM_DESC(hotplug, "Milliseconds until a CPU goes offline or back online (0: none does)");

static unsigned long long seed;
module_param(seed, ullong, 0444);
MODULE_PARM_DESC(seed, "Of the random numbers (0: one that is random, too)");

static bool deadlock;
module_param(deadlock, bool, 0444);
MODULE_PARM_DESC(deadlock, "First wait for a job with its lock held, for lockdep to find");

#define MAX_UNITS	4096
#define NESTED_UNITS	64
#define MAX_SPANS	8
#define MAX_FAILURES	8
#define MAX_SLEEPS	8

/* More complaints would say the same again. */
#define MAX_COMPLAINTS	20

/**
 * struct torture_unit - what is to happen to a unit of a job, and what did
 * @error: What the chunk that comes to this unit fails with, or 0.
 * @nests: Doing it takes a job of its own.
 * @sleeps: Doing it takes a while.
 * @done: How many times it was done.
 * @cleaned: How many times its chunk cleaned it up, since a later unit failed.
 * @undone: How many times it was undone.
 * @chunk_size: The units of the chunk that begins here, or 0 if none does.
 * @chunk_error: What that chunk returned.
 * @chunk_turn: How many chunks of the job began before that chunk.
 * @chunk_thread: The thread that did that chunk.
 */
struct torture_unit {
	short			error;
	bool			nests;
	bool			sleeps;
	unsigned short		done;
	unsigned short		cleaned;
	unsigned short		undone;
	unsigned int		chunk_size;
	int			chunk_error;
	int			chunk_turn;
	struct task_struct	*chunk_thread;
};

/**
 * struct torture_item - stands for a unit where jobs go along a list
 * @link: To the item of the next unit.
 * @unit: Its number.
 */
struct torture_item {
	struct list_head	link;
	unsigned int		unit;
};

/* Units @begin up to, but not including, @end. */
struct torture_span {
	unsigned int		begin;
	unsigned int		end;
};

enum torture_kind {
	TORTURE_LINE,
	TORTURE_RANGES,
	TORTURE_LIST,
	TORTURE_LIST_RANGES,
	TORTURE_KINDS,
};

static const char * const torture_kind_names[TORTURE_KINDS] = {
	[TORTURE_LINE]		= "line",
	[TORTURE_RANGES]	= "ranges",
	[TORTURE_LIST]		= "list",
	[TORTURE_LIST_RANGES]	= "list ranges",
};

/**
 * struct torture_job - a job, and what came of it
 * @kind: How its units are found.
 * @nested: Whether it is part of a unit of another job.
 * @number: Its own, or that of the job it is part of.
 * @rnd: Its source of random numbers.
 * @base: Where unit 0 is on a number line.
 * @items: The entries of the list, and then its head; NULL for a nested job.
 * @places: Where in @items each unit is, and the head.
 * @nr_units: Units from the first to the last of the job.
 * @spans: The units that are to be done, in ascending order.
 * @nr_spans: How many spans there are.
 * @ranges: The spans, as padata takes them.
 * @align: As in struct padata_mt_job.
 * @min_chunk: As in struct padata_mt_job.
 * @max_threads: As in struct padata_mt_job.
 * @killable: As in struct padata_mt_job.
 * @undoes: Whether there is an undo_fn.
 * @caller: The thread that runs the job.
 * @in_next_fn: Threads that are moving a position on: never more than one.
 * @passed: How far a position in each span has been moved.
 * @undone_to: Where the last call of undo_fn ended.
 * @next_turn: Chunks that have begun.
 * @units: What became of each.
 */
struct torture_job {
	enum torture_kind	kind;
	bool			nested;
	unsigned long		number;
	struct rnd_state	rnd;
	unsigned long		base;
	struct torture_item	*items;
	unsigned short		*places;
	unsigned int		nr_units;
	struct torture_span	spans[MAX_SPANS];
	unsigned int		nr_spans;
	struct padata_mt_range	ranges[MAX_SPANS];
	unsigned long		align;
	unsigned long		min_chunk;
	int			max_threads;
	bool			killable;
	bool			undoes;
	struct task_struct	*caller;
	unsigned int		in_next_fn;
	unsigned int		passed[MAX_SPANS];
	unsigned int		undone_to;
	atomic_t		next_turn;
	struct torture_unit	*units;
};

/* A thread that runs jobs, one after the other. */
struct torture_caller {
	struct torture_job	job;
	struct torture_unit	units[MAX_UNITS];
	struct torture_item	items[MAX_UNITS + 1];
	unsigned short		places[MAX_UNITS + 1];
};

/* A job within a unit of another. */
struct torture_nested {
	struct torture_job	job;
	struct torture_unit	units[NESTED_UNITS];
};

/* All threads; the one that takes CPUs offline, if there is one, comes last. */
static struct task_struct **torture_tasks;
static unsigned int torture_nr_tasks;
static struct task_struct *torture_hotplug_task;

static unsigned long torture_began;
static bool torture_done;

/* The jobs that callers have taken on, and ended. */
static atomic_long_t torture_taken;
static atomic_long_t torture_ended;

/* Callers that still run jobs; and threads that have yet to leave. */
static atomic_t torture_callers;
static atomic_t torture_threads;

/* For the summary. */
static atomic_long_t torture_of_kind[TORTURE_KINDS];
static atomic_long_t torture_nested;
static atomic_long_t torture_split;
static atomic_long_t torture_helped;
static atomic_long_t torture_failed;
static atomic_long_t torture_undone;
static atomic_long_t torture_offlined;

/* Faults that were found. */
static atomic_long_t torture_units_lost;
static atomic_long_t torture_units_twice;
static atomic_long_t torture_units_not_undone;
static atomic_long_t torture_otherwise_wrong;
static atomic_t torture_complaints;

/* ---- saying what is wrong ------------------------------------------------ */

/* Count one more fault, and describe the first few. */
static __printf(3, 4)
void torture_complain(const struct torture_job *job, atomic_long_t *count,
		      const char *format, ...)
{
	struct va_format what = { .fmt = format };
	va_list arguments;

	atomic_long_inc(count);
	if (atomic_inc_return_relaxed(&torture_complaints) > MAX_COMPLAINTS)
		return;

	va_start(arguments, format);
	what.va = &arguments;
	pr_err("job %lu%s (%s, %u units, %u spans, align %lu, min_chunk %lu, %d threads%s, seed %llu): %pV\n",
	       job->number, job->nested ? ", nested" : "",
	       torture_kind_names[job->kind], job->nr_units, job->nr_spans,
	       job->align, job->min_chunk, job->max_threads,
	       job->undoes ? ", undoes" : "", seed, &what);
	va_end(arguments);
}

#define torture_wrong(job, format...)					\
	torture_complain(job, &torture_otherwise_wrong, format)

/* ---- positions ----------------------------------------------------------- */

static bool torture_has_list(const struct torture_job *job)
{
	return job->kind == TORTURE_LIST || job->kind == TORTURE_LIST_RANGES;
}

static bool torture_has_ranges(const struct torture_job *job)
{
	return job->kind == TORTURE_RANGES || job->kind == TORTURE_LIST_RANGES;
}

static struct torture_item *torture_item(unsigned long position)
{
	return (struct torture_item *)position;
}

static unsigned int torture_unit_at(const struct torture_job *job,
				    unsigned long position)
{
	if (torture_has_list(job))
		return torture_item(position)->unit;
	return position - job->base;
}

/* Fills in the start of each range, and returns that of the first span. */
static unsigned long torture_place_spans(struct torture_job *job)
{
	unsigned int i;

	for (i = 0; i < job->nr_spans; i++)
		job->ranges[i].start = job->base + job->spans[i].begin;
	if (!torture_has_list(job))
		return job->ranges[0].start;

	for (i = 0; i < job->nr_spans; i++) {
		unsigned int place = job->places[job->spans[i].begin];

		job->ranges[i].start = (unsigned long)&job->items[place];
	}
	return job->ranges[0].start;
}

/* The span that units @begin up to @end are in, or NULL. */
static const struct torture_span *torture_span_of(const struct torture_job *job,
						  unsigned int begin,
						  unsigned int end)
{
	unsigned int i;

	for (i = 0; i < job->nr_spans; i++) {
		const struct torture_span *span = &job->spans[i];

		if (begin >= span->begin && begin < end && end <= span->end)
			return span;
	}
	return NULL;
}

/* ---- what padata calls --------------------------------------------------- */

static void torture_nest(const struct torture_job *job, unsigned int unit);

static bool torture_chunk_is_good(const struct torture_job *job,
				  unsigned int begin, unsigned int end)
{
	const struct torture_span *span = torture_span_of(job, begin, end);
	unsigned long longest = 16 * max(job->min_chunk, 1UL);
	unsigned long mask = job->align - 1;

	if (!span)
		return false;
	/* A signal has to be seen soon.  Rounding to align can make chunks longer. */
	if (job->killable && end - begin >= longest + job->align)
		return false;
	if (begin != span->begin && ((job->base + begin) & mask))
		return false;
	if (end == span->end)
		return true;
	return !((job->base + end) & mask) && end - begin >= job->min_chunk;
}

static void torture_do_unit(const struct torture_job *job, unsigned int unit)
{
	struct torture_unit *state = &job->units[unit];

	state->done++;
	if (state->nests)
		torture_nest(job, unit);
	if (state->sleeps)
		schedule_timeout_uninterruptible(1);
	else if (unit % 64 == 0)
		cond_resched();
}

static int torture_thread_fn(unsigned long start, unsigned long stop, void *arg)
{
	struct torture_job *job = arg;
	unsigned int begin = torture_unit_at(job, start);
	unsigned int end = torture_unit_at(job, stop);
	struct torture_unit *chunk = &job->units[begin];
	unsigned int unit;

	if (!torture_chunk_is_good(job, begin, end)) {
		torture_wrong(job, "a chunk of units %u to %u", begin, end);
		return 0;
	}
	/* Relaxed: to order what threads do is for padata, not for this test. */
	chunk->chunk_turn = atomic_fetch_inc_relaxed(&job->next_turn);
	chunk->chunk_size = end - begin;
	chunk->chunk_thread = current;

	for (unit = begin; unit < end && !job->units[unit].error; unit++)
		torture_do_unit(job, unit);
	if (unit == end)
		return 0;

	chunk->chunk_error = job->units[unit].error;
	while (unit-- > begin)
		job->units[unit].cleaned++;
	return chunk->chunk_error;
}

/* Whether the chunk of the unit was done to its end. */
static bool torture_finished(const struct torture_unit *state)
{
	return state->done && !state->cleaned;
}

static void torture_undo_fn(unsigned long start, unsigned long stop, void *arg)
{
	struct torture_job *job = arg;
	unsigned int begin = torture_unit_at(job, start);
	unsigned int end = torture_unit_at(job, stop);
	const struct torture_span *span = torture_span_of(job, begin, end);
	unsigned int unit;

	if (!span) {
		torture_wrong(job, "told to undo units %u to %u", begin, end);
		return;
	}
	if (current != job->caller)
		torture_wrong(job, "told to undo units in another thread");
	if (begin < job->undone_to)
		torture_wrong(job, "told to undo units from %u on after those up to %u",
			      begin, job->undone_to);
	if ((begin > span->begin && torture_finished(&job->units[begin - 1])) ||
	    (end < span->end && torture_finished(&job->units[end])))
		torture_wrong(job, "told to undo only units %u to %u of a run",
			      begin, end);
	job->undone_to = end;

	for (unit = begin; unit < end; unit++)
		job->units[unit].undone++;
}

static unsigned long torture_next_fn(unsigned long position,
				     unsigned long nr_units, void *arg)
{
	struct torture_job *job = arg;
	struct torture_item *item = torture_item(position);
	unsigned int begin = item->unit, end = begin + nr_units;
	const struct torture_span *span;

	if (job->in_next_fn++)
		torture_wrong(job, "two threads move a position on at once");

	span = torture_span_of(job, begin, end);
	if (!span || nr_units > MAX_UNITS) {
		torture_wrong(job, "told to go on from unit %u by %lu", begin,
			      nr_units);
		nr_units = 0;
	} else if (begin != job->passed[span - job->spans]) {
		torture_wrong(job, "told to go on from unit %u, and is at %u",
			      begin, job->passed[span - job->spans]);
	} else {
		job->passed[span - job->spans] = end;
	}
	while (nr_units--)
		item = list_next_entry(item, link);
	job->in_next_fn--;

	return (unsigned long)item;
}

/* ---- making up a job ----------------------------------------------------- */

/* A random number, 0 to @max. */
static unsigned int torture_upto(struct torture_job *job, unsigned int max)
{
	return prandom_u32_state(&job->rnd) % (max + 1);
}

static bool torture_one_in(struct torture_job *job, unsigned int times)
{
	return !torture_upto(job, times - 1);
}

static unsigned int torture_random_size(struct torture_job *job,
					unsigned int max)
{
	switch (torture_upto(job, 15)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2 ... 3:
		return torture_upto(job, max);
	case 4 ... 11:
		return torture_upto(job, max / 8);
	default:
		return torture_upto(job, max / 64);
	}
}

static int torture_random_node(struct torture_job *job)
{
	int node, nth = torture_upto(job, num_online_nodes());

	for_each_online_node(node) {
		if (!nth--)
			return node;
	}
	return NUMA_NO_NODE;
}

/* Leaves gaps that no thread may touch, and makes ranges without a unit. */
static void torture_plan_spans(struct torture_job *job)
{
	unsigned int i, at = 0;

	job->nr_spans = 1;
	if (torture_has_ranges(job))
		job->nr_spans += torture_upto(job, MAX_SPANS - 1);

	for (i = 0; i < job->nr_spans; i++) {
		struct torture_span *span = &job->spans[i];

		if (torture_has_ranges(job) && torture_one_in(job, 4))
			at += torture_upto(job, (job->nr_units - at) / 4);
		span->begin = at;
		if (i + 1 < job->nr_spans)
			at += torture_upto(job, (job->nr_units - at) / 2);
		else
			at = job->nr_units;
		span->end = at;
		job->passed[i] = span->begin;

		job->ranges[i].size = span->end - span->begin;
		job->ranges[i].node = torture_random_node(job);
	}
}

static void torture_plan_units(struct torture_job *job)
{
	unsigned int last = job->nr_units - 1;
	unsigned int i, times;

	memset(job->units, 0, job->nr_units * sizeof(*job->units));
	if (!job->nr_units)
		return;

	times = torture_one_in(job, 4) ? 1 : 0;
	if (torture_one_in(job, 4))
		times = torture_upto(job, MAX_FAILURES);
	for (i = 0; i < times; i++)
		job->units[torture_upto(job, last)].error =
			-1 - torture_upto(job, MAX_ERRNO - 1);

	/*
	 * Helpers are SCHED_IDLE: on a busy CPU they run only while all others
	 * sleep.
	 */
	times = torture_one_in(job, 2) ? torture_upto(job, MAX_SLEEPS) : 0;
	for (i = 0; i < times; i++)
		job->units[torture_upto(job, last)].sleeps = true;
	if (!job->nested && torture_one_in(job, 8))
		job->units[torture_upto(job, last)].nests = true;
}

/* Choose all that is random about @job, by the seed and its number alone. */
static void torture_plan(struct torture_job *job, unsigned int max_units)
{
	job->nr_units = torture_random_size(job, max_units);
	job->align = torture_has_list(job) ? 1 : BIT(torture_upto(job, 6));
	job->min_chunk = torture_upto(job, torture_one_in(job, 8) ? max_units
								  : 16);
	job->max_threads = 1 + torture_upto(job, 2 * nr_cpu_ids - 1);
	job->killable = torture_one_in(job, 2);
	job->undoes = !torture_one_in(job, 4);

	/* Some that end with the last unit that there can be. */
	job->base = torture_upto(job, 100000);
	if (torture_one_in(job, 8))
		job->base = ULONG_MAX - job->nr_units;

	torture_plan_spans(job);
	torture_plan_units(job);
}

/* ---- looking at what came of it ------------------------------------------ */

static void torture_check_unit(const struct torture_job *job, unsigned int unit,
			       int error)
{
	const struct torture_unit *state = &job->units[unit];
	bool finished = torture_finished(state);

	if (!torture_span_of(job, unit, unit + 1)) {
		if (state->done || state->undone)
			torture_wrong(job, "unit %u is in no range", unit);
		return;
	}
	if (state->done > 1)
		torture_complain(job, &torture_units_twice,
				 "unit %u was done %u times", unit, state->done);
	if (!error && !state->done)
		torture_complain(job, &torture_units_lost,
				 "unit %u was not done", unit);
	if (error && job->undoes && finished && !state->undone)
		torture_complain(job, &torture_units_not_undone,
				 "unit %u was not undone after error %d", unit,
				 error);
	if (state->undone > 1)
		torture_wrong(job, "unit %u was undone %u times", unit,
			      state->undone);
	if (state->undone && !finished)
		torture_wrong(job, "unit %u was undone, but not done", unit);
	if (state->undone && !error)
		torture_wrong(job, "unit %u was undone without an error", unit);
}

/* A thread whose chunk has failed gets no other of the same job. */
static void torture_check_turns(const struct torture_job *job,
				const struct torture_unit *failed)
{
	unsigned int unit;

	for (unit = 0; unit < job->nr_units; unit++) {
		const struct torture_unit *chunk = &job->units[unit];

		if (chunk->chunk_size &&
		    chunk->chunk_thread == failed->chunk_thread &&
		    chunk->chunk_turn > failed->chunk_turn)
			torture_wrong(job, "unit %u was handed out to a thread that had failed",
				      unit);
	}
}

static void torture_check_error(const struct torture_job *job, int error)
{
	bool any_failed = false, is_one_of_them = false;
	unsigned int unit;

	for (unit = 0; unit < job->nr_units; unit++) {
		const struct torture_unit *chunk = &job->units[unit];

		if (!chunk->chunk_error)
			continue;
		any_failed = true;
		if (chunk->chunk_error == error)
			is_one_of_them = true;
		torture_check_turns(job, chunk);
	}
	if (error && !is_one_of_them)
		torture_wrong(job, "failed with %d, and no chunk did", error);
	if (!error && any_failed)
		torture_wrong(job, "did not fail, and a chunk did");
}

static void torture_check(const struct torture_job *job, int error)
{
	unsigned int unit;

	torture_check_error(job, error);
	for (unit = 0; unit < job->nr_units; unit++)
		torture_check_unit(job, unit, error);
}

static void torture_count(const struct torture_job *job, int error)
{
	unsigned int unit, nr_chunks = 0;
	bool helped = false;

	for (unit = 0; unit < job->nr_units; unit++) {
		const struct torture_unit *chunk = &job->units[unit];

		if (!chunk->chunk_size)
			continue;
		nr_chunks++;
		if (chunk->chunk_thread != job->caller)
			helped = true;
	}
	if (job->nested) {
		atomic_long_inc(&torture_nested);
		return;
	}
	atomic_long_inc(&torture_of_kind[job->kind]);
	if (nr_chunks > job->nr_spans)
		atomic_long_inc(&torture_split);
	if (helped)
		atomic_long_inc(&torture_helped);
	if (error)
		atomic_long_inc(&torture_failed);
	if (job->undone_to)
		atomic_long_inc(&torture_undone);
}

/* ---- running it ---------------------------------------------------------- */

static int torture_do(const struct padata_mt_job *defined,
		      struct torture_job *job)
{
	unsigned long start = torture_place_spans(job);
	struct padata_mt_job filled = *defined;

	filled.fn_arg = job;
	filled.align = job->align;
	filled.min_chunk = job->min_chunk;
	filled.max_threads = job->max_threads;
	filled.killable = job->killable;
	if (job->undoes)
		filled.undo_fn = torture_undo_fn;
	if (torture_has_list(job))
		filled.next_fn = torture_next_fn;
	if (torture_has_ranges(job)) {
		filled.ranges = job->ranges;
		filled.nr_ranges = job->nr_spans;
	} else {
		filled.start = start;
		filled.size = job->nr_units;
	}
	return padata_do_multithreaded(&filled);
}

/*
 * Lockdep tells jobs apart by their definition.  These two functions have one
 * each, so that it sees an outer job wait for a nested one.
 */
static int torture_do_outer(struct torture_job *job)
{
	DEFINE_PADATA_MT_JOB(torture_job, .thread_fn = torture_thread_fn);

	return torture_do(&torture_job, job);
}

static int torture_do_nested(struct torture_job *job)
{
	DEFINE_PADATA_MT_JOB(nested_job, .thread_fn = torture_thread_fn);

	return torture_do(&nested_job, job);
}

static void torture_run(struct torture_job *job, unsigned int max_units)
{
	int error;

	torture_plan(job, max_units);
	job->caller = current;
	job->in_next_fn = 0;
	job->undone_to = 0;
	atomic_set(&job->next_turn, 0);

	error = job->nested ? torture_do_nested(job) : torture_do_outer(job);

	torture_check(job, error);
	torture_count(job, error);
}

/* Run a small job as part of @unit of @job, in the thread that does @unit. */
static void torture_nest(const struct torture_job *job, unsigned int unit)
{
	struct torture_nested *nested = kzalloc(sizeof(*nested), GFP_KERNEL);

	if (!nested)
		return;

	nested->job.nested = true;
	nested->job.number = job->number;
	nested->job.units = nested->units;
	nested->job.kind = unit % 2 ? TORTURE_LINE : TORTURE_RANGES;
	prandom_seed_state(&nested->job.rnd,
			   seed + hash_64(job->number + unit, 64));
	torture_run(&nested->job, NESTED_UNITS);
	kfree(nested);
}

/* Link the items in the order of their units, from shuffled places. */
static void torture_link_items(struct torture_caller *caller)
{
	struct torture_item *head = &caller->items[MAX_UNITS];
	struct torture_job *job = &caller->job;
	unsigned int unit, other;

	for (unit = 0; unit <= MAX_UNITS; unit++)
		caller->places[unit] = unit;
	for (unit = MAX_UNITS - 1; unit; unit--) {
		other = torture_upto(job, unit);
		swap(caller->places[unit], caller->places[other]);
	}

	INIT_LIST_HEAD(&head->link);
	head->unit = MAX_UNITS;
	for (unit = 0; unit < MAX_UNITS; unit++) {
		struct torture_item *item = &caller->items[caller->places[unit]];

		item->unit = unit;
		list_add_tail(&item->link, &head->link);
	}
	job->items = caller->items;
	job->places = caller->places;
}

/* ---- threads ------------------------------------------------------------- */

static void torture_report(void)
{
	unsigned long ended = atomic_long_read(&torture_ended);
	bool failed = atomic_long_read(&torture_units_lost) ||
		      atomic_long_read(&torture_units_twice) ||
		      atomic_long_read(&torture_units_not_undone) ||
		      atomic_long_read(&torture_otherwise_wrong);

	pr_info("%lu jobs (%ld lines, %ld ranges, %ld lists, %ld list ranges) and %ld nested in %lu s, %ld split, %ld helped, %ld failed, %ld undone, %ld CPUs offlined, %ld lost, %ld done twice, %ld not undone, %ld otherwise wrong\n",
		ended,
		atomic_long_read(&torture_of_kind[TORTURE_LINE]),
		atomic_long_read(&torture_of_kind[TORTURE_RANGES]),
		atomic_long_read(&torture_of_kind[TORTURE_LIST]),
		atomic_long_read(&torture_of_kind[TORTURE_LIST_RANGES]),
		atomic_long_read(&torture_nested),
		(jiffies - torture_began) / HZ,
		atomic_long_read(&torture_split),
		atomic_long_read(&torture_helped),
		atomic_long_read(&torture_failed),
		atomic_long_read(&torture_undone),
		atomic_long_read(&torture_offlined),
		atomic_long_read(&torture_units_lost),
		atomic_long_read(&torture_units_twice),
		atomic_long_read(&torture_units_not_undone),
		atomic_long_read(&torture_otherwise_wrong));
	if (failed)
		pr_err("failed\n");
	else if (ended < jobs)
		pr_info("stopped before its end\n");
	else
		pr_info("passed\n");

	WRITE_ONCE(torture_done, true);
}

static void torture_leave(void)
{
	if (atomic_dec_and_test(&torture_threads))
		torture_report();
}

static void torture_run_number(struct torture_job *job, unsigned long number)
{
	unsigned long ended;

	job->number = number;
	prandom_seed_state(&job->rnd, seed + hash_64(number, 64));
	job->kind = torture_upto(job, TORTURE_KINDS - 1);
	torture_run(job, MAX_UNITS);

	ended = atomic_long_inc_return(&torture_ended);
	if (ended != jobs && ended % DIV_ROUND_UP(jobs, 10) == 0)
		pr_info("%lu of %lu jobs\n", ended, jobs);
}

static void torture_run_all(struct torture_caller *caller)
{
	unsigned long taken;

	caller->job.units = caller->units;
	prandom_seed_state(&caller->job.rnd, seed);
	torture_link_items(caller);

	while (!kthread_should_stop()) {
		taken = atomic_long_fetch_inc(&torture_taken);
		if (taken >= jobs)
			break;
		torture_run_number(&caller->job, first + taken);
		cond_resched();
	}
}

static int torture_caller_fn(void *unused)
{
	struct torture_caller *caller = kvzalloc(sizeof(*caller), GFP_KERNEL);

	if (caller)
		torture_run_all(caller);
	else
		pr_warn("no memory for one of the threads\n");
	kvfree(caller);

	if (atomic_dec_and_test(&torture_callers) && torture_hotplug_task)
		wake_up_process(torture_hotplug_task);
	torture_leave();
	return 0;
}

/* A CPU that can be taken offline, or nr_cpu_ids when there is none. */
static unsigned int torture_cpu_to_offline(void)
{
	unsigned int cpu, first = get_random_u32_below(nr_cpu_ids);

	for_each_cpu_wrap(cpu, cpu_online_mask, first) {
		if (cpu_is_hotpluggable(cpu))
			return cpu;
	}
	return nr_cpu_ids;
}

/* Wait until the next change.  False when there will be none. */
static bool torture_hotplug_wait(void)
{
	set_current_state(TASK_INTERRUPTIBLE);
	if (atomic_read(&torture_callers) && !kthread_should_stop())
		schedule_timeout(msecs_to_jiffies(hotplug));
	__set_current_state(TASK_RUNNING);

	return atomic_read(&torture_callers) && !kthread_should_stop();
}

static int torture_hotplug_fn(void *unused)
{
	unsigned int cpu;
	int error;

	while (torture_hotplug_wait()) {
		cpu = torture_cpu_to_offline();
		if (cpu == nr_cpu_ids || remove_cpu(cpu))
			continue;
		atomic_long_inc(&torture_offlined);

		torture_hotplug_wait();
		error = add_cpu(cpu);
		if (error) {
			atomic_long_inc(&torture_otherwise_wrong);
			pr_err("CPU %u does not come back: %d\n", cpu, error);
		}
	}
	torture_leave();
	return 0;
}

/* ---- a deadlock by design ------------------------------------------------ */

static DEFINE_MUTEX(torture_mutex);

static int torture_lock_fn(unsigned long start, unsigned long end, void *arg)
{
	bool lock = *(bool *)arg;

	if (lock) {
		mutex_lock(&torture_mutex);
		mutex_unlock(&torture_mutex);
	}
	return 0;
}

/* The same job for lockdep, whether it takes the lock or not. */
static void torture_lock_in_job(bool lock)
{
	DEFINE_PADATA_MT_JOB(lock_job,
			     .thread_fn = torture_lock_fn,
			     .fn_arg = &lock,
			     .size = 64,
			     .align = 1,
			     .max_threads = 4);

	padata_do_multithreaded(&lock_job);
}

/*
 * The first job takes the mutex.  The second runs while its caller holds the
 * mutex.  It does not take the mutex this time, so nothing hangs.  For lockdep
 * it is the same job, and its caller could wait for ever.
 */
static void torture_deadlock(void)
{
	torture_lock_in_job(true);

	mutex_lock(&torture_mutex);
	torture_lock_in_job(false);
	mutex_unlock(&torture_mutex);
}

/* ---- beginning and end --------------------------------------------------- */

static int torture_get_done(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%c\n", READ_ONCE(torture_done) ? 'Y' : 'N');
}

static int torture_set_done(const char *value, const struct kernel_param *param)
{
	return -EPERM;
}

static const struct kernel_param_ops torture_done_ops = {
	.get = torture_get_done,
	.set = torture_set_done,
};

module_param_cb(done, &torture_done_ops, NULL, 0444);
MODULE_PARM_DESC(done, "To be read: whether all jobs have ended");

static void torture_stop(void)
{
	unsigned int i;

	/* The callers wake the hotplug thread, which is the last. */
	for (i = 0; i < torture_nr_tasks; i++)
		kthread_stop_put(torture_tasks[i]);
	kfree(torture_tasks);
}

/* Make a thread that waits to be woken. */
static struct task_struct *torture_create(int (*function)(void *),
					  const char *name)
{
	struct task_struct *task = kthread_create(function, NULL,
						  "padata_torture/%s", name);

	if (!IS_ERR(task))
		torture_tasks[torture_nr_tasks++] = get_task_struct(task);
	return task;
}

static int torture_create_all(void)
{
	struct task_struct *task;
	unsigned int i;

	torture_tasks = kcalloc(callers + 1, sizeof(*torture_tasks),
				GFP_KERNEL);
	if (!torture_tasks)
		return -ENOMEM;

	for (i = 0; i < callers; i++) {
		task = torture_create(torture_caller_fn, "jobs");
		if (IS_ERR(task))
			return PTR_ERR(task);
	}
	if (hotplug) {
		task = torture_create(torture_hotplug_fn, "hotplug");
		if (IS_ERR(task))
			return PTR_ERR(task);
		torture_hotplug_task = task;
	}
	return 0;
}

static int __init torture_init(void)
{
	unsigned int i;
	int error;

	if (deadlock)
		torture_deadlock();
	if (!jobs) {
		torture_done = true;
		return 0;
	}
	if (!callers)
		callers = 2 * num_online_cpus();
	if (!seed)
		seed = get_random_u64();

	error = torture_create_all();
	if (error) {
		torture_stop();
		return error;
	}
	pr_info("%lu jobs from %u threads, seed %llu\n", jobs, callers, seed);
	torture_began = jiffies;
	atomic_set(&torture_callers, callers);
	atomic_set(&torture_threads, torture_nr_tasks);
	for (i = 0; i < torture_nr_tasks; i++)
		wake_up_process(torture_tasks[i]);
	return 0;
}
late_initcall(torture_init);

static void __exit torture_exit(void)
{
	torture_stop();
}
module_exit(torture_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Torture test of padata's multithreaded jobs");
