// SPDX-License-Identifier: GPL-2.0
/*
 * threads.c - test how the chunks of a job are handed out to threads
 *
 * No check depends on how fast anything is.  Where a schedule matters it is
 * forced: the threads wait for each other.  Where it is random, everything that
 * is checked holds for each schedule.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <linux/padata.h>

#include "runner.h"
#include "test.h"

#define NR_RANDOM_JOBS	10000

/* Fails, and says for which job. */
__printf(2, 3)
static void fail_trial(const struct trial *trial, const char *fmt, ...)
{
	const struct padata_mt_job *job = &trial->job;
	char what[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	fail("start %lu size %lu align %lu min_chunk %lu threads %u: %s",
	     job->start, job->size, job->align, job->min_chunk,
	     trial->nr_threads, what);
}

static unsigned long at_least_1(unsigned long min_chunk)
{
	return max(min_chunk, 1UL);
}

/* By insertion, since they were noted in nearly this order. */
static void sort_chunks(struct trial *trial)
{
	struct chunk *chunks = trial->chunks;
	unsigned int i, j;

	for (i = 1; i < trial->nr_chunks; i++) {
		struct chunk chunk = chunks[i];

		for (j = i; j && chunks[j - 1].start > chunk.start; j--)
			chunks[j] = chunks[j - 1];
		chunks[j] = chunk;
	}
}

/*
 * Each unit of a chunk that went well was done once, no other unit was done.
 */
static void expect_done_once(struct trial *trial)
{
	const struct padata_mt_job *job = &trial->job;
	static bool wanted[MAX_UNITS];
	unsigned long unit;
	unsigned int i;

	for (unit = 0; unit < job->size; unit++)
		wanted[unit] = false;

	for (i = 0; i < trial->nr_chunks; i++) {
		struct chunk *chunk = &trial->chunks[i];

		if (chunk->err)
			continue;
		for (unit = chunk->start - job->start;
		     unit < chunk->end - job->start && unit < job->size; unit++)
			wanted[unit] = true;
	}

	for (unit = 0; unit < job->size; unit++) {
		if (trial->done[unit] != wanted[unit]) {
			fail_trial(trial, "unit %lu done %u times instead of %u",
				   unit, trial->done[unit], wanted[unit]);
			return;
		}
	}
}

/*
 * A chunk is what is left divided by the divisor, rounded down.  So
 * 2 * divisor + 1 chunks are enough to halve what is left.  Once they are as
 * small as min_chunk, less than 2 * divisor of them are left.
 */
static unsigned long most_chunks(const struct trial *trial, unsigned long left)
{
	unsigned long most = 2 * trial->divisor;

	for (; left > at_least_1(trial->job.min_chunk); left /= 2)
		most += 2 * trial->divisor + 1;
	return most;
}

/*
 * In one piece: the job, or a range of it.  Its first chunk is @first, if it
 * has any.  Returns how many of its units have been handed out.
 */
static unsigned long expect_good_cuts_of(struct trial *trial, unsigned int *first,
					 unsigned long start, unsigned long size)
{
	const struct padata_mt_job *job = &trial->job;
	unsigned long last_size = ULONG_MAX;
	unsigned long whole_end = start + size;
	unsigned long end = start;
	unsigned int i;

	for (i = *first; i < trial->nr_chunks; i++) {
		struct chunk *chunk = &trial->chunks[i];
		unsigned long size = chunk->end - chunk->start;
		const char *fault = NULL;

		/* That of another range. */
		if (chunk->start >= whole_end)
			break;

		if (chunk->start != end)
			fault = "does not follow the one before";
		else if (chunk->end <= chunk->start || chunk->end > whole_end)
			fault = "has a bad end";
		else if (chunk->end != whole_end && chunk->end % job->align)
			fault = "does not end on align";
		else if (chunk->end != whole_end && size < job->min_chunk)
			fault = "is too small";
		else if (size > last_size && size - last_size >= job->align)
			fault = "has grown";

		if (fault) {
			fail_trial(trial, "[%lu, %lu) %s", chunk->start,
				   chunk->end, fault);
			break;
		}
		end = chunk->end;
		last_size = size;
	}

	if (i - *first > most_chunks(trial, size))
		fail_trial(trial, "%u chunks are too many", i - *first);

	/* With a larger last chunk the threads do not finish together. */
	if (i > *first && end == whole_end &&
	    last_size > at_least_1(job->min_chunk) &&
	    (last_size - at_least_1(job->min_chunk)) / 2 >= job->align)
		fail_trial(trial, "%lu are too many for the last chunk",
			   last_size);

	*first = i;
	return end - start;
}

/* Returns how much of the job has been handed out. */
static unsigned long expect_good_cuts(struct trial *trial)
{
	unsigned long handed_out = 0;
	unsigned int first = 0, i;

	for (i = 0; i < trial->nr_ranges; i++)
		handed_out += expect_good_cuts_of(trial, &first,
						  trial->ranges[i].start,
						  trial->ranges[i].size);
	if (!trial->nr_ranges)
		handed_out = expect_good_cuts_of(trial, &first,
						 trial->job.start,
						 trial->job.size);
	if (first < trial->nr_chunks)
		fail_trial(trial, "[%lu, %lu) does not follow the one before",
			   trial->chunks[first].start,
			   trial->chunks[first].end);
	return handed_out;
}

static void expect_error_of_a_chunk(struct trial *trial, int err)
{
	bool any_failed = false;
	unsigned int i;

	for (i = 0; i < trial->nr_chunks; i++) {
		if (!trial->chunks[i].err)
			continue;
		any_failed = true;
		if (trial->chunks[i].err == err)
			return;
	}
	if (err == -EINTR && trial->job.killable)
		return;
	if (any_failed || err)
		fail_trial(trial, "%d returned, while %s", err,
			   any_failed ? "other errors occurred" :
					"no chunk failed");
}

/*
 * What has to be undone in one piece: the longest runs of chunks that went
 * well.  Looks at the chunks of the piece, from @chunk on, and adds their runs
 * to the *@nr_runs that there are.  Returns the first chunk that is not in the
 * piece.
 */
static unsigned int add_finished_runs(const struct trial *trial,
				      unsigned int chunk,
				      unsigned long start, unsigned long size,
				      struct chunk *runs, unsigned int *nr_runs)
{
	bool in_run = false;

	for (; chunk < trial->nr_chunks; chunk++) {
		const struct chunk *next = &trial->chunks[chunk];

		/* That of another range. */
		if (next->start - start >= size)
			break;

		/* A gap is a chunk that was not begun. */
		if (!next->err && in_run && runs[*nr_runs - 1].end == next->start)
			runs[*nr_runs - 1].end = next->end;
		else if (!next->err && *nr_runs < MAX_UNDOS)
			runs[(*nr_runs)++] = *next;
		in_run = !next->err;
	}
	return chunk;
}

static unsigned int find_finished_runs(const struct trial *trial,
				       struct chunk *runs)
{
	unsigned int nr_runs = 0, chunk = 0, i;

	for (i = 0; i < trial->nr_ranges; i++)
		chunk = add_finished_runs(trial, chunk, trial->ranges[i].start,
					  trial->ranges[i].size, runs, &nr_runs);
	if (!trial->nr_ranges)
		add_finished_runs(trial, 0, trial->job.start, trial->job.size,
				  runs, &nr_runs);
	return nr_runs;
}

static void expect_units_undone(const struct trial *trial, bool undone)
{
	unsigned long unit;

	for (unit = 0; unit < trial->job.size; unit++) {
		unsigned int wanted = undone ? trial->done[unit] : 0;

		if (trial->undone[unit] != wanted) {
			fail_trial(trial, "unit %lu undone %u times instead of %u",
				   unit, trial->undone[unit], wanted);
			return;
		}
	}
}

/* All that was finished, and nothing else, in the order that is promised. */
static void expect_undone(const struct trial *trial, int err)
{
	bool undone = err && trial->job.undo_fn;
	struct chunk runs[MAX_UNDOS];
	unsigned int i, nr_runs;

	nr_runs = undone ? find_finished_runs(trial, runs) : 0;
	if (trial->nr_undos != nr_runs)
		fail_trial(trial, "%u runs undone instead of %u",
			   trial->nr_undos, nr_runs);
	for (i = 0; i < min(nr_runs, trial->nr_undos); i++) {
		const struct chunk *run = &runs[i], *undo = &trial->undos[i];

		if (undo->start != run->start || undo->end != run->end) {
			fail_trial(trial, "[%lu, %lu) undone instead of [%lu, %lu)",
				   undo->start, undo->end, run->start, run->end);
			break;
		}
	}

	if (trial->job.size <= MAX_UNITS)
		expect_units_undone(trial, undone);
	if (trial->nr_strange_undos)
		fail_trial(trial, "%u runs undone by a helper",
			   trial->nr_strange_undos);
	if (trial->nr_early_undos)
		fail_trial(trial, "%u runs undone before all threads had left",
			   trial->nr_early_undos);
}

/* next_fn has passed each unit that was handed out once, and no other. */
static void expect_passed_once(const struct trial *trial)
{
	unsigned int i, nr_passed = 0, nr_handed_out = 0;

	for (i = 0; i < trial->nr_chunks; i++)
		nr_handed_out += trial->chunks[i].end - trial->chunks[i].start;
	for (i = 0; i < trial->job.size; i++) {
		if (trial->passed[i] > 1)
			fail_trial(trial, "next_fn has passed unit %u %u times",
				   i, trial->passed[i]);
		nr_passed += trial->passed[i];
	}
	if (nr_passed != nr_handed_out)
		fail_trial(trial, "next_fn has passed %u units instead of %u",
			   nr_passed, nr_handed_out);
	if (trial->nr_next_at_once)
		fail_trial(trial, "next_fn called by two threads at once");
}

/* Returns how many units were begun: after a signal, chunks are not. */
static unsigned long expect_short_chunks(const struct trial *trial)
{
	const struct padata_mt_job *job = &trial->job;
	unsigned long most = 16 * at_least_1(job->min_chunk) + job->align - 1;
	unsigned long begun = 0;
	unsigned int i;

	for (i = 0; i < trial->nr_chunks; i++) {
		unsigned long size = trial->chunks[i].end -
				     trial->chunks[i].start;

		/* The last one of a range may be longer, up to the next align. */
		if (size > most + job->align)
			fail_trial(trial, "a chunk of %lu units is too long", size);
		begun += size;
	}
	return begun;
}

/* All that holds for each job, whatever failed. */
static void expect_sound(struct trial *trial, int err)
{
	const struct padata_mt_job *job = &trial->job;
	unsigned long handed_out;

	if (trial->nr_chunks >= MAX_CHUNKS) {
		fail_trial(trial, "%u chunks are too many", trial->nr_chunks);
		return;
	}

	sort_chunks(trial);
	if (job->size <= MAX_UNITS)
		expect_done_once(trial);
	handed_out = trial->job.killable || trial->on_list ?
		     expect_short_chunks(trial) : expect_good_cuts(trial);
	expect_error_of_a_chunk(trial, err);
	if (!err && handed_out != job->size)
		fail_trial(trial, "only %lu units handed out", handed_out);
	expect_undone(trial, err);
	if (trial->on_list && !trial->job.killable)
		expect_passed_once(trial);
	if (trial->nr_late)
		fail_trial(trial, "%u chunks handed out after the error was recorded",
			   trial->nr_late);
}

/*
 * The job by itself
 */

static void bad_jobs_are_refused(void)
{
	check_bad_jobs(padata_mt_job_check);
}

static void edge_jobs_are_accepted(void)
{
	check_edge_jobs(padata_mt_job_check);
}

/*
 * The cuts, which one thread is enough to test
 */

/* Removes the last digit from @number, in base @nr_digits, and returns it. */
static unsigned int take_digit(unsigned long *number, unsigned int nr_digits)
{
	unsigned int digit = *number % nr_digits;

	*number /= nr_digits;
	return digit;
}

static void all_small_jobs_are_cut_well(void)
{
	unsigned long nr_jobs, number;

	/* Each number stands for a job: its digits are the job's members. */
	for (nr_jobs = 0; ; nr_jobs++) {
		struct padata_mt_job job = {
			.thread_fn	= do_chunk,
			.max_threads	= 1,
		};
		struct trial *trial;
		unsigned int nr_threads;

		number = nr_jobs;
		job.size = take_digit(&number, 41);
		job.align = 1UL << take_digit(&number, 5);
		job.min_chunk = take_digit(&number, 13);
		job.start = take_digit(&number, 18);
		nr_threads = 1 + take_digit(&number, 5);
		if (number)
			break;

		trial = new_trial(&job, nr_threads);
		expect_sound(trial, run_trial_alone(trial));
	}
	say("%lu jobs", nr_jobs);
}

/* Measurements and comments rely on this number. */
static void chunks_are_as_many_as_documented(void)
{
	const struct padata_mt_job job = {
		.thread_fn	= do_chunk,
		.size		= 1024,
		.align		= 1,
		.min_chunk	= 1,
		.max_threads	= 8,
	};
	struct trial *trial = new_trial(&job, 8);

	expect_sound(trial, run_trial_alone(trial));
	if (trial->nr_chunks != 158)
		fail_trial(trial, "%u chunks instead of 158", trial->nr_chunks);
}

static const struct padata_mt_job huge_jobs[] = {
	{ .size = ULONG_MAX, .align = 1 },
	{ .size = ULONG_MAX, .align = 1, .min_chunk = 1UL << 20 },
	{ .size = ULONG_MAX, .align = 1UL << 12, .min_chunk = ULONG_MAX / 100 },
	{ .size = ULONG_MAX, .align = 1, .min_chunk = ULONG_MAX / 2 },
	{ .size = ULONG_MAX, .align = 1, .min_chunk = ULONG_MAX },
	{ .size = ULONG_MAX, .align = ULONG_MAX / 2 + 1 },
	{ .size = ULONG_MAX, .align = ULONG_MAX / 64 + 1, .min_chunk = 7 },
	{ .start = 1, .size = ULONG_MAX - 1, .align = 1UL << 20 },
	{ .start = 5, .size = ULONG_MAX - 5, .align = ULONG_MAX / 64 + 1 },
	{ .start = 4095, .size = ULONG_MAX - 4095, .align = 4096 },
	{ .start = ULONG_MAX / 2, .size = ULONG_MAX / 2 + 1, .align = 1 },
	{ .start = ULONG_MAX / 2 + 7, .size = ULONG_MAX / 2 - 7, .align = 64 },
	{ .start = ULONG_MAX - 1, .size = 1, .align = ULONG_MAX / 2 + 1 },
	{ .start = ULONG_MAX - 1000, .size = 1000, .align = 256,
	  .min_chunk = ULONG_MAX },
	{ .size = (unsigned long)LONG_MAX + 1, .align = 1 },
};

static void huge_jobs_are_cut_well(void)
{
	unsigned int i, nr_threads;

	for (i = 0; i < ARRAY_SIZE(huge_jobs); i++) {
		for (nr_threads = 1; nr_threads <= 64; nr_threads *= 2) {
			struct padata_mt_job job = huge_jobs[i];
			struct trial *trial;

			job.thread_fn = do_chunk;
			job.max_threads = 1;
			trial = new_trial(&job, nr_threads);
			expect_sound(trial, run_trial_alone(trial));
		}
	}
}

/*
 * The order of ranges, which one thread is enough to test
 */

static void expect_range_order(struct padata_mt_range *ranges,
			       unsigned int nr_ranges, int node,
			       const unsigned int *order)
{
	const struct padata_mt_job job = {
		.thread_fn	= do_chunk,
		.size		= 200,
		.align		= 1,
		.min_chunk	= 10,
		.max_threads	= 1,
	};
	struct trial *trial = new_trial(&job, 4);
	unsigned long start = 0;
	unsigned int i, chunk = 0;

	for (i = 0; i < nr_ranges; i++) {
		trial->ranges[i] = ranges[i];
		trial->ranges[i].start = start;
		start += ranges[i].size;
	}
	trial->job.size = start;
	trial->nr_ranges = nr_ranges;
	run_trial_on_node(trial, node);

	/* Each range comes to its end before the next one is begun. */
	for (i = 0; i < nr_ranges; i++) {
		unsigned long at = trial->ranges[order[i]].start;
		unsigned long end = at + trial->ranges[order[i]].size;

		for (; at != end; at = trial->chunks[chunk++].end) {
			if (chunk < trial->nr_chunks &&
			    trial->chunks[chunk].start == at)
				continue;
			fail_trial(trial, "on node %d, chunk %u is not in range %u",
				   node, chunk, order[i]);
			return;
		}
	}
	if (chunk != trial->nr_chunks)
		fail_trial(trial, "%u chunks, expected %u", trial->nr_chunks,
			   chunk);
}

static void nearest_range_comes_first(void)
{
	struct padata_mt_range nodes[] = {
		{ .size = 40, .node = 0 },
		{ .size = 50, .node = 3 },
		{ .size = 45, .node = 1 },
	};

	expect_range_order(nodes, 3, 0, (unsigned int []){ 0, 2, 1 });
	expect_range_order(nodes, 3, 1, (unsigned int []){ 2, 0, 1 });
	expect_range_order(nodes, 3, 3, (unsigned int []){ 1, 2, 0 });
}

static void work_that_is_nowhere_counts_as_near(void)
{
	struct padata_mt_range nodes[] = {
		{ .size = 40, .node = 1 },
		{ .size = 30, .node = NUMA_NO_NODE },
	};

	expect_range_order(nodes, 2, 0, (unsigned int []){ 1, 0 });
	expect_range_order(nodes, 2, 1, (unsigned int []){ 0, 1 });
}

/* A thread from afar helps where most is left. */
static void most_work_comes_first_of_the_equally_near(void)
{
	struct padata_mt_range nodes[] = {
		{ .size = 30, .node = 2 },
		{ .size = 60, .node = 0 },
		{ .size = 20, .node = 0 },
		{ .node = 1 },
	};

	expect_range_order(nodes, 4, 1, (unsigned int []){ 1, 0, 2, 3 });
}

/*
 * Forced schedules
 */

static const struct padata_mt_job some_job = {
	.thread_fn	= do_chunk,
	.start		= 3,
	.size		= 1001,
	.align		= 8,
	.min_chunk	= 8,
	.max_threads	= MAX_THREADS,
};

/* All threads want the same chunk, and only one may get it. */
static void chunk_wanted_by_all_goes_to_one(void)
{
	unsigned int nr_threads, i;

	for (nr_threads = 2; nr_threads <= MAX_THREADS; nr_threads++) {
		for (i = 0; i < 20; i++) {
			struct trial *trial = new_trial(&some_job, nr_threads);

			trial->meet_in_take = true;
			expect_sound(trial, run_trial(trial));
		}
	}
}

/* Returns from the thread's first chunk only when all threads are in theirs. */
static int meet_in_chunk(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;

	if (at_first_chunk())
		meet(&trial->nr_in_chunk, trial->nr_threads);
	return do_chunk(start, end, arg);
}

static void expect_all_units_seen(const struct trial *trial)
{
	unsigned long unit, nr_done = 0;

	for (unit = 0; unit < trial->job.size; unit++)
		nr_done += trial->done[unit];
	if (nr_done != trial->job.size)
		fail_trial(trial, "%lu units seen", nr_done);
}

/*
 * For ThreadSanitizer.  Each helper writes to the work, and then the caller
 * reads it.  Nothing but leaving orders that: the last helper to leave tells
 * the caller, or the caller itself is the last.
 */
static void work_is_seen_whoever_is_last(void)
{
	struct padata_mt_job job = some_job;
	unsigned int nr_threads, callers_turn;

	job.thread_fn = meet_in_chunk;
	for (nr_threads = 2; nr_threads <= MAX_THREADS; nr_threads++) {
		for (callers_turn = 0; callers_turn < nr_threads;
		     callers_turn++) {
			struct trial *trial = new_trial(&job, nr_threads);
			int err;

			trial->leave_in_turn = true;
			trial->callers_turn = callers_turn;
			err = run_trial(trial);
			expect_all_units_seen(trial);
			expect_sound(trial, err);
		}
	}
}

static void late_helpers_are_taken_back(void)
{
	unsigned int nr_threads, nr_held_back;

	for (nr_threads = 2; nr_threads <= MAX_THREADS; nr_threads++) {
		for (nr_held_back = 1; nr_held_back < nr_threads;
		     nr_held_back++) {
			struct trial *trial = new_trial(&some_job, nr_threads);

			trial->nr_held_back = nr_held_back;
			trial->start_together = true;
			expect_sound(trial, run_trial(trial));
		}
	}
}

/* With a single bad unit there is only one error that can be returned. */
static void error_anywhere_is_returned(void)
{
	const unsigned long last = some_job.start + some_job.size - 1;
	const unsigned long bad_units[] = { some_job.start, last / 2, last };
	unsigned int i, nr_threads;

	for (i = 0; i < ARRAY_SIZE(bad_units); i++) {
		for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
			struct trial *trial = new_trial(&some_job, nr_threads);
			int err;

			trial->start_together = true;
			trial->bad_units[0] = bad_units[i];
			trial->nr_bad_units = 1;
			err = run_trial(trial);
			expect_sound(trial, err);
			if (err != BAD_UNIT_ERROR(0))
				fail_trial(trial, "%d returned, unit %lu had failed with %d",
					   err, bad_units[i],
					   BAD_UNIT_ERROR(0));
		}
	}
}

/*
 * For the next tests: a job of twice as many chunks as threads, none larger
 * than min_chunk.  Each thread takes one of the first chunks.
 */
#define UNITS_OF_CHUNK	16

static struct trial *new_even_trial(unsigned int nr_threads,
				    int (*thread_fn)(unsigned long start,
						     unsigned long end,
						     void *arg))
{
	const struct padata_mt_job job = {
		.thread_fn	= thread_fn,
		.start		= UNITS_OF_CHUNK,
		.size		= 2 * nr_threads * UNITS_OF_CHUNK,
		.align		= UNITS_OF_CHUNK,
		.min_chunk	= UNITS_OF_CHUNK,
		.max_threads	= nr_threads,
	};

	return new_trial(&job, nr_threads);
}

static unsigned int position_of_chunk(const struct trial *trial,
				      unsigned long start)
{
	return (start - trial->job.start) / UNITS_OF_CHUNK;
}

static void expect_one_chunk_each(const struct trial *trial)
{
	if (trial->nr_chunks != trial->nr_threads)
		fail_trial(trial, "%u chunks instead of one for each thread",
			   trial->nr_chunks);
}

/* The first chunk at bad_units[0] fails while the others are being done. */
static int fail_while_others_work(unsigned long start, unsigned long end,
				  void *arg)
{
	struct trial *trial = arg;
	struct chunk *chunk = note_chunk(trial, start, end);

	if (at_first_chunk()) {
		meet(&trial->nr_in_chunk, trial->nr_threads);
		if (start == trial->bad_units[0])
			return fail_chunk(chunk, -EIO);

		/* Until the engine has the error.  Then all ask for more. */
		wait_acquire(&trial->nr_failed, 1);
	}
	do_units(trial, start, end);
	return 0;
}

static void nothing_is_handed_out_after_an_error(void)
{
	unsigned int nr_threads, bad;

	for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
		for (bad = 0; bad < nr_threads; bad++) {
			struct trial *trial = new_even_trial(nr_threads,
							     fail_while_others_work);
			int err;

			trial->bad_units[0] = trial->job.start +
					      bad * UNITS_OF_CHUNK;
			err = run_trial(trial);
			expect_sound(trial, err);
			expect_one_chunk_each(trial);
		}
	}
}

/* All first chunks fail in turn, beginning with the one at bad_units[0]. */
static int fail_in_turn(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;
	struct chunk *chunk = note_chunk(trial, start, end);
	unsigned int turn;

	turn = position_of_chunk(trial, start) + trial->nr_threads -
	       position_of_chunk(trial, trial->bad_units[0]);
	turn %= trial->nr_threads;

	if (at_first_chunk()) {
		meet(&trial->nr_in_chunk, trial->nr_threads);
		wait_acquire(&trial->nr_failed, turn);
	}
	return fail_chunk(chunk, BAD_UNIT_ERROR(turn));
}

static void first_error_is_returned(void)
{
	unsigned int nr_threads, first;

	for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
		for (first = 0; first < nr_threads; first++) {
			struct trial *trial = new_even_trial(nr_threads,
							     fail_in_turn);
			int err;

			trial->bad_units[0] = trial->job.start +
					      first * UNITS_OF_CHUNK;
			err = run_trial(trial);
			expect_sound(trial, err);
			expect_one_chunk_each(trial);
			if (err != BAD_UNIT_ERROR(0))
				fail_trial(trial, "%d returned, the first error was %d",
					   err, BAD_UNIT_ERROR(0));
		}
	}
}

/* All the first chunks fail, all at once, each with an error of its own. */
static int fail_together(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;
	struct chunk *chunk = note_chunk(trial, start, end);

	if (at_first_chunk())
		meet(&trial->nr_in_chunk, trial->nr_threads);
	return fail_chunk(chunk, BAD_UNIT_ERROR(start));
}

static void errors_at_once_leave_one(void)
{
	unsigned int nr_threads, i;

	for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
		for (i = 0; i < 20; i++) {
			struct trial *trial = new_even_trial(nr_threads,
							     fail_together);
			int err = run_trial(trial);

			expect_sound(trial, err);
			expect_one_chunk_each(trial);
		}
	}
}

/*
 * The caller fails its first chunk.  The helpers stay in theirs until the
 * caller has nothing left to do but wait for them.  Then every other helper
 * fails.
 */
static int finish_after_caller(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;
	struct chunk *chunk = note_chunk(trial, start, end);
	unsigned int position = position_of_chunk(trial, start);

	meet(&trial->nr_in_chunk, trial->nr_threads);
	if (in_caller())
		return fail_chunk(chunk, BAD_UNIT_ERROR(0));

	wait_relaxed(&trial->caller_waits, 1);
	if (position % 2)
		return fail_chunk(chunk, BAD_UNIT_ERROR(1 + position));
	do_units(trial, start, end);
	return 0;
}

/*
 * For ThreadSanitizer, too: it checks what the helpers did, and what they
 * recorded of their failures, with each thread in turn as the last to leave.
 */
static void undone_once_all_have_left(void)
{
	unsigned int nr_threads, callers_turn;

	for (nr_threads = 2; nr_threads <= MAX_THREADS; nr_threads++) {
		for (callers_turn = 0; callers_turn < nr_threads;
		     callers_turn++) {
			struct trial *trial = new_even_trial(nr_threads,
							     finish_after_caller);
			int err;

			trial->leave_in_turn = true;
			trial->callers_turn = callers_turn;
			err = run_trial(trial);
			expect_sound(trial, err);
			expect_one_chunk_each(trial);
			if (err != BAD_UNIT_ERROR(0))
				fail_trial(trial, "%d returned, the caller's error was %d",
					   err, BAD_UNIT_ERROR(0));
		}
	}
}

/* The first chunks that have a bit in bad_units[0] fail, all at once. */
static int fail_some_together(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;
	struct chunk *chunk = note_chunk(trial, start, end);
	unsigned int position = position_of_chunk(trial, start);

	meet(&trial->nr_in_chunk, trial->nr_threads);
	if (trial->bad_units[0] & 1UL << position)
		return fail_chunk(chunk, BAD_UNIT_ERROR(position));

	/* Waits, so that no more are handed out before the first error. */
	wait_acquire(&trial->nr_failed, 1);
	do_units(trial, start, end);
	return 0;
}

static void all_choices_of_failures_are_undone(void)
{
	unsigned int nr_threads;
	unsigned long bad;

	for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
		for (bad = 1; bad < 1UL << nr_threads; bad++) {
			struct trial *trial = new_even_trial(nr_threads,
							     fail_some_together);

			trial->bad_units[0] = bad;
			expect_sound(trial, run_trial(trial));
			expect_one_chunk_each(trial);
		}
	}
}

static void job_without_undo_fn_is_left_as_it_is(void)
{
	unsigned int nr_threads;

	for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
		struct trial *trial = new_even_trial(nr_threads,
						     fail_some_together);

		trial->job.undo_fn = NULL;
		trial->bad_units[0] = 1;
		expect_sound(trial, run_trial(trial));
	}
}

/*
 * Random schedules
 */

static struct trial *new_random_trial(unsigned int nr)
{
	unsigned long size = nr % 4 ? random_upto(MAX_UNITS) : random_upto(64);
	struct padata_mt_job job = {
		.thread_fn	= do_chunk,
		.start		= random_upto(5000),
		.size		= size,
		.align		= 1UL << random_upto(nr % 3 ? 4 : 11),
		.min_chunk	= random_upto(nr % 5 ? 20 : 2 * MAX_UNITS),
		.max_threads	= MAX_THREADS,
	};
	struct trial *trial;

	if (nr % 7 == 0)
		job.start = ULONG_MAX - size - random_upto(20);
	if (nr % 11 == 0) {
		job.size = ULONG_MAX - job.start;
		job.size -= random_upto(job.size / 2);
		job.min_chunk = random_upto(ULONG_MAX / 16);
	}

	trial = new_trial(&job, 1 + random_upto(MAX_THREADS - 1));
	trial->start_together = nr % 2;
	if (nr / 2 % 2)
		divide_at_random(trial);
	return trial;
}

static void random_jobs_are_done_once(void)
{
	unsigned int i, nr_shared = 0;

	for (i = 0; i < NR_RANDOM_JOBS && !check_has_failed(); i++) {
		struct trial *trial = new_random_trial(i);

		expect_sound(trial, run_trial(trial));
		nr_shared += trial->nr_workers > 1;
	}
	say("%u jobs, %u of them done by several threads", i, nr_shared);
}

static void huge_jobs_are_done_by_threads(void)
{
	unsigned int i, nr_threads;

	for (i = 0; i < ARRAY_SIZE(huge_jobs); i++) {
		for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
			struct padata_mt_job job = huge_jobs[i];
			struct trial *trial;

			job.thread_fn = do_chunk;
			job.max_threads = nr_threads;
			trial = new_trial(&job, nr_threads);
			expect_sound(trial, run_trial(trial));
		}
	}
}

static void random_errors_stop_random_jobs(void)
{
	unsigned int i, j, nr_shared = 0;

	for (i = 0; i < NR_RANDOM_JOBS && !check_has_failed(); i++) {
		struct trial *trial = new_random_trial(i);

		if (!trial->job.size)
			continue;
		trial->nr_bad_units = 1 + random_upto(MAX_BAD_UNITS - 1);
		for (j = 0; j < trial->nr_bad_units; j++)
			trial->bad_units[j] = trial->job.start +
					      random_upto(trial->job.size - 1);
		expect_sound(trial, run_trial(trial));
		nr_shared += trial->nr_workers > 1;
	}
	say("%u jobs, %u of them done by several threads", i, nr_shared);
}

static void lists_are_gone_over_once(void)
{
	unsigned int i, j, nr_shared = 0;

	for (i = 0; i < NR_RANDOM_JOBS && !check_has_failed(); i++) {
		const struct padata_mt_job job = {
			.thread_fn	= do_chunk,
			.start		= random_upto(5000),
			.size		= random_upto(i % 4 ? MAX_UNITS : 64),
			.align		= 1,
			.min_chunk	= random_upto(i % 5 ? 20 : 2 * MAX_UNITS),
			.max_threads	= MAX_THREADS,
		};
		struct trial *trial;

		trial = new_trial(&job, 1 + random_upto(MAX_THREADS - 1));
		trial->on_list = true;
		trial->start_together = i % 2;
		if (i / 2 % 2)
			divide_at_random(trial);
		if (i / 4 % 2 && job.size) {
			trial->nr_bad_units = 1 + random_upto(MAX_BAD_UNITS - 1);
			for (j = 0; j < trial->nr_bad_units; j++)
				trial->bad_units[j] = job.start +
						      random_upto(job.size - 1);
		}
		expect_sound(trial, run_trial(trial));
		nr_shared += trial->nr_workers > 1;
	}
	say("%u jobs, %u of them done by several threads", i, nr_shared);
}

/*
 * Jobs that are killed
 */

/* All are in their first chunk when that at bad_units[0] sends the signal. */
static int wait_for_signal(unsigned long start, unsigned long end, void *arg)
{
	struct trial *trial = arg;

	note_chunk(trial, start, end);
	if (at_first_chunk())
		meet(&trial->nr_in_chunk, trial->nr_threads);
	if (start == trial->bad_units[0])
		kill_caller(trial);
	wait_acquire(&trial->nr_killed, 1);
	do_units(trial, start, end);
	return 0;
}

static void nothing_is_begun_after_a_signal(void)
{
	unsigned int nr_threads, by;

	for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads++) {
		for (by = 0; by < nr_threads; by++) {
			struct trial *trial = new_even_trial(nr_threads,
							     wait_for_signal);
			int err;

			trial->job.killable = true;
			trial->bad_units[0] = trial->job.start +
					      by * UNITS_OF_CHUNK;
			err = run_trial(trial);
			expect_sound(trial, err);
			expect_one_chunk_each(trial);
			if (err != -EINTR)
				fail_trial(trial, "%d returned after a signal",
					   err);
		}
	}
}

/* With one thread it is known which chunk comes after the signal. */
static void signal_counts_up_to_the_last_chunk(void)
{
	unsigned int nr_chunks, at;

	for (nr_chunks = 1; nr_chunks <= 8; nr_chunks++) {
		for (at = 1; at <= nr_chunks; at++) {
			const struct padata_mt_job job = {
				.thread_fn	= do_chunk,
				.start		= 5,
				.size		= nr_chunks,
				.align		= 1,
				.max_threads	= 1,
				.killable	= true,
			};
			struct trial *trial = new_trial(&job, nr_chunks);
			int wanted = at < nr_chunks ? -EINTR : 0;
			int err;

			trial->kill_at_chunk = at;
			err = run_trial_alone(trial);
			expect_sound(trial, err);
			if (err != wanted || trial->nr_chunks != at)
				fail_trial(trial, "%d after %u chunks, signal in chunk %u",
					   err, trial->nr_chunks, at);
		}
	}
}

static void random_jobs_are_killed(void)
{
	unsigned int i, nr_killed = 0;

	for (i = 0; i < NR_RANDOM_JOBS && !check_has_failed(); i++) {
		const struct padata_mt_job job = {
			.thread_fn	= do_chunk,
			.start		= random_upto(5000),
			.size		= random_upto(MAX_UNITS),
			.align		= i % 3 ? 1UL << random_upto(4) : 1,
			.min_chunk	= random_upto(20),
			.max_threads	= MAX_THREADS,
			.killable	= true,
		};
		struct trial *trial;
		int err;

		trial = new_trial(&job, 1 + random_upto(MAX_THREADS - 1));
		trial->on_list = job.align == 1;
		trial->start_together = i % 2;
		trial->kill_at_chunk = 1 + random_upto(40);
		if (i / 2 % 2)
			divide_at_random(trial);
		if (i / 4 % 2 && job.size) {
			trial->nr_bad_units = 1;
			trial->bad_units[0] = job.start +
					      random_upto(job.size - 1);
		}
		err = run_trial(trial);
		expect_sound(trial, err);
		nr_killed += err == -EINTR;
	}
	say("%u jobs, %u of them killed", i, nr_killed);
	if (!nr_killed)
		fail("no job was killed");
}

static const struct check checks[] = {
	{ "bad jobs are refused, with their fault named", bad_jobs_are_refused },
	{ "jobs that are just good enough are accepted", edge_jobs_are_accepted },
	{ "all small jobs are cut well", all_small_jobs_are_cut_well },
	{ "huge jobs are cut well", huge_jobs_are_cut_well },
	{ "chunks are as many as documented", chunks_are_as_many_as_documented },
	{ "the caller sees all work, whoever leaves last",
	  work_is_seen_whoever_is_last },
	{ "the nearest range comes first", nearest_range_comes_first },
	{ "work that is nowhere counts as near",
	  work_that_is_nowhere_counts_as_near },
	{ "of equally near ranges the one with most work comes first",
	  most_work_comes_first_of_the_equally_near },
	{ "a chunk that all threads want goes to one",
	  chunk_wanted_by_all_goes_to_one },
	{ "helpers that never start are taken back",
	  late_helpers_are_taken_back },
	{ "an error in the first, a middle, the last chunk is returned",
	  error_anywhere_is_returned },
	{ "nothing is handed out after an error",
	  nothing_is_handed_out_after_an_error },
	{ "of several errors the first is returned", first_error_is_returned },
	{ "of errors at the same time one is returned",
	  errors_at_once_leave_one },
	{ "chunks that fail at once are all left out when the rest is undone",
	  all_choices_of_failures_are_undone },
	{ "what was done is undone once all threads have left",
	  undone_once_all_have_left },
	{ "a job without undo_fn is left as it is",
	  job_without_undo_fn_is_left_as_it_is },
	{ "random jobs are done, each unit once", random_jobs_are_done_once },
	{ "huge jobs are done by threads", huge_jobs_are_done_by_threads },
	{ "random errors stop random jobs, and what was done is undone",
	  random_errors_stop_random_jobs },
	{ "lists are gone over once, with errors and without",
	  lists_are_gone_over_once },
	{ "nothing is begun after a signal", nothing_is_begun_after_a_signal },
	{ "a signal counts up to the last chunk",
	  signal_counts_up_to_the_last_chunk },
	{ "random jobs are killed, and what was done is undone",
	  random_jobs_are_killed },
};

int main(int argc, char **argv)
{
	start_helpers();
	return run_checks(checks, ARRAY_SIZE(checks), argc, argv);
}
