// SPDX-License-Identifier: GPL-2.0
/*
 * scale.c - a model of deferred struct page init on machines of any size
 *
 * Simulated threads take their chunks from kernel/padata_chunks.c as it stands,
 * in the order of simulated time.  What the rest costs is given:
 *
 * - A cursor is held for as long as one take needs, by one thread after the
 *   other.
 * - Writing a struct page takes a fixed time.  If the threads that write to a
 *   node could use more than its memory gives, they share that evenly.  Memory
 *   of another node is as fast as that of the thread's own.
 * - A lock of each node is held for each batch of pages, by one thread after
 *   the other.
 * - Helpers start one after the other.
 *
 *   scale			run the checks
 *   scale model [NAME=VALUE...]	print what the model gives, as JSON
 *
 * The names are those of struct machine.
 */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../../kernel/padata_internal.h"

#include "test.h"

#define MAX_THREADS	512
#define MAX_NODES	16

#define PAGES_PER_GIB	262144UL
/* x86-64's, which deferred struct page init never goes below or across. */
#define SECTION		32768UL
#define MAX_SECTIONS	(65536 * PAGES_PER_GIB / SECTION)

/**
 * struct machine - what the model is given; times are in nanoseconds
 * @nodes: Nodes, to which memory and threads are spread evenly.
 * @page: How long one thread writes a struct page, with a node for itself.
 * @node_page: How long a node takes for one struct page, from any number of
 *	       threads; 0 for no such limit.
 * @take: One take from a cursor that no other thread has used since the last.
 * @contended_take: One take from a cursor that another thread has used since.
 * @batch: How many pages go to the free lists in one hold of their node's lock.
 * @lock: How long one such hold is.
 * @start: How long after the one before it a helper starts.
 * @jitter: How many per cent a thread's speed differs from chunk to chunk, up
 *	    or down, at most.
 */
struct machine {
	double	nodes;
	double	page;
	double	node_page;
	double	take;
	double	contended_take;
	double	batch;
	double	lock;
	double	start;
	double	jitter;
};

/**
 * struct outcome - the result of one run; times are in nanoseconds
 * @time: From the start to the end of the last chunk.
 * @mean: The end of a thread's last chunk, on average.
 * @took_part: Threads that got a chunk.
 * @chunks: How many there were.
 * @takes: What all threads together spent at cursors, waits included.
 * @locks: The same for locks.
 * @most: The pages of the thread that did most.
 * @pages: The pages of all.
 * @sections: For the checks: how often each section was done.
 */
struct outcome {
	double		time;
	double		mean;
	unsigned int	took_part;
	unsigned long	chunks;
	double		takes;
	double		locks;
	unsigned long	most;
	unsigned long	pages;
	unsigned char	*sections;
};

/* Which thread is next, and when: the earliest is on top. */
struct heap {
	unsigned int	nr;
	struct {
		double		when;
		unsigned int	who;
	} items[MAX_THREADS];
};

/* One thread after the other: a cursor or a lock. */
struct queue {
	double		free_at;
	int		last_user;
};

/**
 * struct node - a node's memory, and those who write to it
 * @writers: Threads that write.  Each is done when @written reaches its key.
 * @written: How many pages a writer would have written if it had written since
 *	     the start.  All writers have the same speed.
 * @as_of: The time up to which @written counts.
 * @cursor: That of the range on this node.
 * @lock: Its lock.
 */
struct node {
	struct heap	writers;
	double		written;
	double		as_of;
	struct queue	cursor;
	struct queue	lock;
};

/**
 * struct sim_thread - a simulated thread
 * @thread: What the hand-out keeps of it.
 * @node: The node of its chunk.
 * @left: Pages of its chunk that are left to write.
 * @batch: Pages that it writes now.
 * @slowness: Its time for a page of this chunk, as a factor.
 * @finish: When it finished its last chunk.
 * @pages: Pages it has done.
 */
struct sim_thread {
	struct padata_thread	thread;
	unsigned int		node;
	unsigned long		left;
	unsigned long		batch;
	double			slowness;
	double			finish;
	unsigned long		pages;
};

struct sim {
	const struct machine	*machine;
	struct outcome		*outcome;
	struct padata_chunks	chunks;
	unsigned long		start;	/* of the chunk just taken */
	unsigned long		end;
	unsigned int		random;
	struct heap		timed;	/* threads with a time to wait for */
	struct node		nodes[MAX_NODES];
	struct sim_thread	threads[MAX_THREADS];
};

static struct sim sim;

/* Only interleave.c and threads.c have schedules. */
void schedule_point(void)
{
}

void wait_for_lock(const spinlock_t *lock)
{
	fail("a lock is taken twice");
}

/* --- in order of time --------------------------------------------------- */

static void heap_push(struct heap *heap, double when, unsigned int who)
{
	unsigned int i = heap->nr++;

	while (i && heap->items[(i - 1) / 2].when > when) {
		heap->items[i] = heap->items[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap->items[i].when = when;
	heap->items[i].who = who;
}

static unsigned int heap_pop(struct heap *heap)
{
	unsigned int who = heap->items[0].who;
	unsigned int i = 0, child;

	heap->nr--;
	for (;;) {
		child = 2 * i + 1;
		if (child >= heap->nr)
			break;
		if (child + 1 < heap->nr &&
		    heap->items[child + 1].when < heap->items[child].when)
			child++;
		if (heap->items[heap->nr].when <= heap->items[child].when)
			break;
		heap->items[i] = heap->items[child];
		i = child;
	}
	heap->items[i] = heap->items[heap->nr];
	return who;
}

/* --- the parts of the machine ------------------------------------------- */

/* When @who leaves, after coming at @now and holding it for @hold. */
static double queue_pass(struct queue *queue, double now, double hold, int who)
{
	queue->free_at = max(now, queue->free_at) + hold;
	queue->last_user = who;
	return queue->free_at;
}

/* How many pages each writer to @node gets done in a nanosecond. */
static double node_speed(const struct node *node)
{
	double speed = 1 / sim.machine->page;
	double share;

	if (!sim.machine->node_page)
		return speed;
	share = 1 / (sim.machine->node_page * node->writers.nr);
	return min(speed, share);
}

static void node_bring_up_to_date(struct node *node, double now)
{
	if (node->writers.nr)
		node->written += (now - node->as_of) * node_speed(node);
	node->as_of = now;
}

/* When the next writer to @node is done, if none comes or goes till then. */
static double node_next(const struct node *node)
{
	return node->as_of + (node->writers.items[0].when - node->written) /
			     node_speed(node);
}

/* --- what a thread does ------------------------------------------------- */

/* The job's thread_fn: just notes what was taken. */
static int note_chunk(unsigned long start, unsigned long end, void *arg)
{
	sim.start = start;
	sim.end = end;
	return 0;
}

static double jitter(void)
{
	/* Marsaglia's xorshift */
	sim.random ^= sim.random << 13;
	sim.random ^= sim.random >> 17;
	sim.random ^= sim.random << 5;
	return 1 + sim.machine->jitter / 100 * (sim.random / 2147483648.0 - 1);
}

/* A thread has finished its chunk, and takes the next one, if there is any. */
static void take_chunk(unsigned int who, double now)
{
	struct sim_thread *self = &sim.threads[who];
	const struct machine *machine = sim.machine;
	struct queue *cursor;
	unsigned long i;
	double end;

	if (!padata_chunks_do_one(&sim.chunks, &self->thread))
		return;

	self->node = self->thread.range->node;
	self->left = sim.end - sim.start;
	self->slowness = jitter();
	self->pages += self->left;
	sim.outcome->chunks++;
	if (sim.outcome->sections)
		for (i = sim.start / SECTION; i < sim.end / SECTION; i++)
			sim.outcome->sections[i]++;

	cursor = &sim.nodes[self->node].cursor;
	end = queue_pass(cursor, now,
			 cursor->last_user == (int)who ? machine->take :
							 machine->contended_take,
			 who);
	sim.outcome->takes += end - now;
	heap_push(&sim.timed, end, who);
}

/* A thread begins to write the next batch of its chunk. */
static void begin_batch(unsigned int who, double now)
{
	struct sim_thread *self = &sim.threads[who];
	struct node *node = &sim.nodes[self->node];

	self->batch = min_t(unsigned long, self->left, sim.machine->batch);
	self->left -= self->batch;
	node_bring_up_to_date(node, now);
	heap_push(&node->writers, node->written + self->batch * self->slowness,
		  who);
}

/* A thread has written a batch, and takes it to the free lists. */
static void end_batch(struct node *node, double now)
{
	unsigned int who;
	double end;

	/* The exact value: node_bring_up_to_date() would round. */
	node->written = node->writers.items[0].when;
	node->as_of = now;
	who = heap_pop(&node->writers);

	end = queue_pass(&node->lock, now, sim.machine->lock, who);
	sim.outcome->locks += end - now;
	sim.threads[who].finish = end;
	heap_push(&sim.timed, end, who);
}

/* --- a run ---------------------------------------------------------------- */

static void set_up(const struct machine *machine, unsigned long gib,
		   unsigned int nr_threads, struct padata_mt_job *job,
		   struct padata_mt_range *ranges)
{
	unsigned int nr_nodes = machine->nodes, i;
	unsigned long each = gib * PAGES_PER_GIB / nr_nodes;

	memset(&sim, 0, sizeof(sim));
	sim.machine = machine;
	sim.random = 2463534242U;

	for (i = 0; i < nr_nodes; i++) {
		ranges[i].start = i * each;
		ranges[i].size = each;
		ranges[i].node = i;
		sim.nodes[i].cursor.last_user = -1;
	}
	job->thread_fn = note_chunk;
	job->ranges = ranges;
	job->nr_ranges = nr_nodes;
	job->align = SECTION;
	job->min_chunk = SECTION;
	job->max_threads = nr_threads;
	padata_chunks_init(&sim.chunks, job, nr_threads);

	for (i = 0; i < nr_threads; i++) {
		padata_chunks_join(&sim.chunks, &sim.threads[i].thread, i % nr_nodes);
		heap_push(&sim.timed, i * machine->start, i);
	}
}

static void run_to_the_end(void)
{
	unsigned int nr_nodes = sim.machine->nodes, who, i;
	struct node *node;
	double now;

	for (;;) {
		node = NULL;
		now = sim.timed.nr ? sim.timed.items[0].when : -1;
		for (i = 0; i < nr_nodes; i++) {
			if (sim.nodes[i].writers.nr &&
			    (now < 0 || node_next(&sim.nodes[i]) < now)) {
				node = &sim.nodes[i];
				now = node_next(node);
			}
		}

		if (node) {
			end_batch(node, now);
		} else if (sim.timed.nr) {
			who = heap_pop(&sim.timed);
			if (sim.threads[who].left)
				begin_batch(who, now);
			else
				take_chunk(who, now);
		} else {
			return;
		}
	}
}

/* @sections: Where to count how often each section is done, or NULL. */
static struct outcome simulate(const struct machine *machine, unsigned long gib,
			       unsigned int nr_threads, unsigned char *sections)
{
	struct padata_mt_range ranges[MAX_NODES] = { };
	struct padata_mt_job job = { };
	struct outcome outcome = { .sections = sections };
	unsigned int i;

	set_up(machine, gib, nr_threads, &job, ranges);
	sim.outcome = &outcome;
	run_to_the_end();

	for (i = 0; i < nr_threads; i++) {
		struct sim_thread *thread = &sim.threads[i];

		if (!thread->pages)
			continue;
		outcome.took_part++;
		outcome.pages += thread->pages;
		outcome.most = max(outcome.most, thread->pages);
		outcome.time = max(outcome.time, thread->finish);
		outcome.mean += thread->finish;
	}
	outcome.mean /= outcome.took_part;
	return outcome;
}

/* --- what a take costs on this machine --------------------------------- */

#define MEASURED_TAKES	4000000UL

static int do_nothing(unsigned long start, unsigned long end, void *arg)
{
	return 0;
}

/* All chunks have one unit, as the job is set up for very many threads. */
static struct padata_mt_job empty_job = {
	.thread_fn	= do_nothing,
	.size		= MEASURED_TAKES,
	.align		= 1,
	.max_threads	= 1,
};

static struct padata_chunks shared;
static pthread_barrier_t all_here;

static void *take_all(void *arg)
{
	struct padata_thread thread;
	int *cpu = arg;
	cpu_set_t cpus;

	padata_chunks_join(&shared, &thread, 0);
	CPU_ZERO(&cpus);
	CPU_SET(*cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	pthread_barrier_wait(&all_here);
	while (padata_chunks_do_one(&shared, &thread))
		;
	return NULL;
}

/* How long one take lasts with that many threads, each on a CPU, in ns. */
static double measure_take(const int *cpus, unsigned int nr_threads)
{
	struct timespec begin, end;
	pthread_t threads[2];
	unsigned int i;

	padata_chunks_init(&shared, &empty_job, MEASURED_TAKES);
	pthread_barrier_init(&all_here, NULL, nr_threads + 1);
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, take_all,
				   (void *)&cpus[i]))
			exit(EXIT_FAILURE);
	pthread_barrier_wait(&all_here);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	pthread_barrier_destroy(&all_here);

	return ((end.tv_sec - begin.tv_sec) * 1e9 +
		(end.tv_nsec - begin.tv_nsec)) / MEASURED_TAKES;
}

/* The least of a few times, since there is other work on the machine. */
static double least_take(const int *cpus, unsigned int nr_threads)
{
	double least = measure_take(cpus, nr_threads);
	unsigned int i;

	for (i = 0; i < 4; i++)
		least = min(least, measure_take(cpus, nr_threads));
	return least;
}

static void measure_takes(struct machine *machine)
{
	unsigned int nr_cpus = 0;
	cpu_set_t allowed;
	int cpus[2], cpu;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (cpu = 0; cpu < CPU_SETSIZE && nr_cpus < 2; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[nr_cpus++] = cpu;

	if (!machine->take)
		machine->take = least_take(cpus, 1);
	if (!machine->contended_take)
		machine->contended_take = nr_cpus > 1 ? least_take(cpus, 2) :
							machine->take;
}

/* --- the model, as JSON ------------------------------------------------- */

static const unsigned long model_gib[] = { 64, 256, 1024, 4096, 16384, 65536 };

/*
 * A machine of two sockets.  Each of them writes a struct page in 1.42 ns with
 * all threads and ordinary stores; that was published.  Ordinary stores read
 * each line before they write it, so streaming stores need the memory for half
 * of that time.  With these, one thread of such machines writes a struct page
 * in about 7.5 ns.  What a take costs is measured.  The rest are round figures
 * of about the right size.
 */
static const struct machine default_machine = {
	.nodes		= 2,
	.page		= 7.5,
	.node_page	= 0.71,
	.batch		= SECTION,
	.lock		= 3000,
	.start		= 5000,
	.jitter		= 10,
};

static const struct {
	const char	*name;
	size_t		offset;
	double		least;
	double		most;
} settings[] = {
#define SETTING(name, least, most) \
	{ #name, offsetof(struct machine, name), least, most }
	SETTING(nodes,		1,	MAX_NODES),
	SETTING(page,		0.001,	1e6),
	SETTING(node_page,	0,	1e6),
	SETTING(take,		0,	1e6),
	SETTING(contended_take,	0,	1e6),
	SETTING(batch,		1,	1e9),
	SETTING(lock,		0,	1e9),
	SETTING(start,		0,	1e9),
	SETTING(jitter,		0,	99),
#undef SETTING
};

static double *setting_of(struct machine *machine, unsigned int i)
{
	return (double *)((char *)machine + settings[i].offset);
}

/* Reads NAME=VALUE; returns what is wrong with it, or NULL. */
static const char *read_setting(struct machine *machine, const char *text)
{
	const char *value = strchr(text, '=');
	unsigned int i;
	double number;
	char *end;

	if (!value)
		return "is not NAME=VALUE";
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strncmp(settings[i].name, text, value - text) &&
		    !settings[i].name[value - text])
			break;
	if (i == ARRAY_SIZE(settings))
		return "is no setting: they are those of struct machine";

	number = strtod(value + 1, &end);
	if (end == value + 1 || *end || !(number >= settings[i].least) ||
	    !(number <= settings[i].most))
		return "is out of range";
	*setting_of(machine, i) = number;
	return NULL;
}

static void print_run(const struct machine *machine, unsigned long gib,
		      unsigned int nr_threads, bool first)
{
	struct outcome run = simulate(machine, gib, nr_threads, NULL);
	double spent = run.mean * run.took_part;

	printf("%s\n  {\"gib\": %lu, \"threads\": %u, \"limited\": %s, ",
	       first ? "" : ",", gib, nr_threads,
	       machine->node_page ? "true" : "false");
	printf("\"ms\": %.4f, \"tail\": %.4f, \"chunks\": %lu, ",
	       run.time / 1e6, run.time / run.mean, run.chunks);
	printf("\"took_part\": %u, \"imbalance\": %.4f, ",
	       run.took_part, (double)run.most * run.took_part / run.pages);
	printf("\"take_percent\": %.4f, \"lock_percent\": %.4f}",
	       100 * run.takes / spent, 100 * run.locks / spent);
}

static int print_model(char **words)
{
	struct machine machine = default_machine, unlimited;
	unsigned int i, nr_threads;
	const char *fault;
	bool first = true;

	for (; *words; words++) {
		fault = read_setting(&machine, *words);
		if (fault) {
			fprintf(stderr, "scale: %s %s\n", *words, fault);
			return EXIT_FAILURE;
		}
	}
	machine.nodes = (unsigned int)machine.nodes;
	measure_takes(&machine);
	unlimited = machine;
	unlimited.node_page = 0;

	printf("{\"machine\": {");
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		printf("%s\"%s\": %g", i ? ", " : "", settings[i].name,
		       *setting_of(&machine, i));
	printf("},\n \"runs\": [");
	for (i = 0; i < ARRAY_SIZE(model_gib); i++) {
		for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads *= 2) {
			print_run(&unlimited, model_gib[i], nr_threads, first);
			first = false;
			if (machine.node_page)
				print_run(&machine, model_gib[i], nr_threads,
					  false);
		}
	}
	printf("\n]}\n");
	return EXIT_SUCCESS;
}

/* --- the checks ----------------------------------------------------------- */

/* Primes, so that no wrong sum is right by chance. */
static const struct machine some_machine = {
	.nodes		= 2,
	.page		= 4.7,
	.node_page	= 1.3,
	.take		= 19,
	.contended_take	= 101,
	.batch		= SECTION,
	.lock		= 1999,
	.start		= 4999,
	.jitter		= 7,
};

static const unsigned long some_gib[] = { 1, 2, 64, 1026 };

static void expect_about(const char *what, double is, double should)
{
	if (!(is > should * 0.999999999 && is < should * 1.000000001))
		fail("%s is %.3f, not %.3f", what, is, should);
}

static void one_thread_takes_the_sum(void)
{
	struct machine machine = some_machine;
	struct outcome run;
	unsigned long batches;
	unsigned int i;

	machine.jitter = 0;
	machine.contended_take = 1e9;
	for (i = 0; i < ARRAY_SIZE(some_gib); i++) {
		machine.nodes = 1;
		run = simulate(&machine, some_gib[i], 1, NULL);
		batches = some_gib[i] * PAGES_PER_GIB / SECTION;
		/* The first take finds a cursor that nobody has used. */
		expect_about("the time", run.time,
			     1e9 + (run.chunks - 1) * machine.take +
			     batches * SECTION * machine.page +
			     batches * machine.lock);
		expect_about("the end of the only thread", run.mean, run.time);
		expect_about("its share", run.most, run.pages);
	}
}

static void no_section_is_lost(void)
{
	static unsigned char sections[MAX_SECTIONS];
	unsigned int i, nr_threads, nr_nodes;
	unsigned long section, nr_sections;
	struct machine machine = some_machine;

	for (i = 0; i < ARRAY_SIZE(some_gib); i++) {
		nr_sections = some_gib[i] * PAGES_PER_GIB / SECTION;
		for (nr_nodes = 1; nr_nodes <= 2; nr_nodes++) {
			for (nr_threads = 1; nr_threads <= MAX_THREADS;
			     nr_threads *= 2) {
				machine.nodes = nr_nodes;
				memset(sections, 0, nr_sections + 1);
				simulate(&machine, some_gib[i], nr_threads,
					 sections);
				for (section = 0; section < nr_sections &&
				     sections[section] == 1; section++)
					;
				if (section < nr_sections || sections[section])
					fail("%lu GiB, %u nodes, %u threads: section %lu, %u times",
					     some_gib[i], nr_nodes, nr_threads,
					     section, sections[section]);
			}
		}
	}
}

static void speeds_differ(void)
{
	struct machine machine = { .nodes = 1, .page = 4.7, .batch = SECTION };
	double alike = simulate(&machine, 64, 1, NULL).time, time;

	machine.jitter = 7;
	time = simulate(&machine, 64, 1, NULL).time;
	if (time == alike || time < alike * 0.93 || time > alike * 1.07)
		fail("%.0f ns, and %.0f ns with a jitter of 7 %%", alike, time);
}

static void n_threads_are_not_more_than_n_times_faster(void)
{
	struct machine machine = some_machine;
	unsigned int i, nr_threads;
	double alone, limit, time;

	machine.jitter = 0;
	for (i = 0; i < ARRAY_SIZE(some_gib); i++) {
		alone = simulate(&machine, some_gib[i], 1, NULL).time;
		limit = some_gib[i] * PAGES_PER_GIB * machine.node_page /
			machine.nodes;
		for (nr_threads = 2; nr_threads <= MAX_THREADS; nr_threads *= 2) {
			time = simulate(&machine, some_gib[i], nr_threads,
					NULL).time;
			/* More threads make for more and smaller chunks. */
			if (time < alone / nr_threads * 0.9999)
				fail("%lu GiB: %u threads are %.3f times as fast",
				     some_gib[i], nr_threads, alone / time);
			if (time < limit)
				fail("%lu GiB: %u threads take %.0f ns, memory %.0f ns",
				     some_gib[i], nr_threads, time, limit);
		}
	}
}

static void threads_share_the_work(void)
{
	struct machine machine = { .nodes = 1, .page = 4.7, .batch = SECTION };
	unsigned long pages = 1024 * PAGES_PER_GIB;
	unsigned int nr_threads;
	struct outcome run;

	/* If only pages take time, no thread waits for more than a section. */
	for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads *= 2) {
		run = simulate(&machine, 1024, nr_threads, NULL);
		if (run.time > (pages / nr_threads + SECTION) * machine.page)
			fail("%u threads take %.0f ns, a page costs %.2f thread-ns",
			     nr_threads, run.time,
			     run.time * nr_threads / pages);
		if (run.took_part != nr_threads)
			fail("%u of %u threads took part", run.took_part,
			     nr_threads);
	}
}

static void limits_of_the_machine_hold(void)
{
	unsigned long pages = 64 * PAGES_PER_GIB;
	struct machine machine = some_machine;
	unsigned int nr_threads;
	struct outcome run;

	/* If one thread is as fast as memory, more make no difference. */
	machine.page = machine.node_page;
	machine.take = 0;
	machine.contended_take = 0;
	machine.lock = 0;
	machine.nodes = 1;
	machine.jitter = 0;
	for (nr_threads = 1; nr_threads <= MAX_THREADS; nr_threads *= 2) {
		run = simulate(&machine, 64, nr_threads, NULL);
		expect_about("the time", run.time, pages * machine.page);
	}

	/* The slowest of its parts sets the time: first memory, ... */
	machine = some_machine;
	run = simulate(&machine, 64, 64, NULL);
	if (run.time > pages / 2 * machine.node_page * 1.2)
		fail("limited by memory: %.0f ns", run.time);

	/* ... then the lock, ... */
	machine.lock = SECTION * machine.node_page * 10;
	run = simulate(&machine, 64, 64, NULL);
	if (run.time < pages / 2 / SECTION * machine.lock ||
	    run.time > pages / 2 / SECTION * machine.lock * 1.1)
		fail("limited by the lock: %.0f ns", run.time);

	/* ... then the cursor. */
	machine.lock = 0;
	machine.take = 1e6;
	machine.contended_take = 1e6;
	run = simulate(&machine, 64, 64, NULL);
	if (run.time < run.chunks / 2 * 1e6)
		fail("limited by the cursor: %.0f ns for %lu chunks", run.time,
		     run.chunks);
}

static void late_helpers_are_not_waited_for(void)
{
	struct machine machine = some_machine;
	struct outcome run;

	machine.start = 1e12;
	run = simulate(&machine, 2, 64, NULL);
	if (run.took_part != 1 || run.time >= machine.start)
		fail("%u threads took part, in %.0f ns", run.took_part,
		     run.time);
	expect_about("the end of the only thread", run.mean, run.time);
}

static void bad_settings_are_refused(void)
{
	static const char * const bad[] = {
		"", "page", "page=", "page=x", "page=1x", "page=0", "page=nan",
		"nodes=0", "nodes=17", "lock=-1", "pag=1", "pages=1", "=1",
	};
	struct machine machine = default_machine;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!read_setting(&machine, bad[i]))
			fail("\"%s\" was accepted", bad[i]);
	if (memcmp(&machine, &default_machine, sizeof(machine)))
		fail("one of them had an effect");
	if (read_setting(&machine, "page=7.5") || machine.page != 7.5)
		fail("page=7.5 was not accepted");
}

static const struct check checks[] = {
	{ "one thread takes the sum of all costs", one_thread_takes_the_sum },
	{ "no section is lost or done twice", no_section_is_lost },
	{ "speeds differ as given", speeds_differ },
	{ "n threads are at most n times as fast",
	  n_threads_are_not_more_than_n_times_faster },
	{ "threads share the work", threads_share_the_work },
	{ "memory, locks and cursors limit", limits_of_the_machine_hold },
	{ "late helpers are not waited for", late_helpers_are_not_waited_for },
	{ "bad settings are refused", bad_settings_are_refused },
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "model"))
		return print_model(argv + 2);
	return run_checks(checks, ARRAY_SIZE(checks), argc, argv);
}
