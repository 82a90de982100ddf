// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to hand out the chunks of a job, and nothing else.
 *
 *	hand_out ENGINE THREADS JOBS
 *
 * Threads, each on a CPU of its own, run jobs whose thread function does
 * nothing. It prints how many chunks a job has, and the time from the first to the
 * last chunk of each job during which no other program had one of the CPUs:
 *
 *	hand_out: stock threads 2 chunks 4096 ns 512345 498765 ...
 *
 * ENGINE is one of
 *
 *	series		kernel/padata_chunks.c of the series, as it stands
 *	spinlock	chunks of the same sizes, from a cursor under a lock
 *	stock		what helpers of 6.12 do: chunks of one size, under a lock
 *
 * The lock is the fast path of the kernel's, inline and with no count of
 * preemption: the least that it costs in any configuration. A thread that does
 * not get it watches it, as the first to wait does in the kernel.
 */

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <linux/padata.h>
#include <linux/sched/signal.h>

#include "padata_internal.h"

/*
 * So many threads share a job, as far as the sizes of its chunks go. Then there
 * are many chunks, and what is done once for each job counts for nothing.
 */
#define SHARED_BY	1024
#define CHUNKS_EACH	4
#define UNITS		(1UL << 22)
#define ALIGN		2
#define MIN_CHUNK	64

#define MAX_THREADS	16
#define MEETINGS	3
#define APART		__attribute__((aligned(128)))

struct task_struct caller_task;

/* Only jobs over lists take that lock. */
void wait_for_lock(const spinlock_t *lock)
{
	abort();
}

/* ---- a lock -------------------------------------------------------------- */

struct lock {
	unsigned int held;
};

static noinline void wait_for(struct lock *lock)
{
	unsigned int free;

	do {
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
		free = 0;
	} while (!__atomic_compare_exchange_n(&lock->held, &free, 1, false,
					      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}

static noinline void take(struct lock *lock)
{
	unsigned int free = 0;

	if (__builtin_expect(!__atomic_compare_exchange_n(
			&lock->held, &free, 1, false, __ATOMIC_ACQUIRE,
			__ATOMIC_RELAXED), 0))
		wait_for(lock);
}

static inline void give(struct lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/* ---- the engines --------------------------------------------------------- */

static struct padata_mt_job job APART;
static struct padata_chunks series_chunks APART;
static struct guided {
	struct lock			lock;
	const struct padata_mt_job	*job;
	unsigned long			next, left;
	unsigned int			shift;
} guided APART;
static struct fixed {
	struct lock			lock;
	struct padata_mt_job		*job;
	unsigned long			chunk_size;
} fixed APART;

static void *begin_series(void)
{
	padata_chunks_init(&series_chunks, &job, SHARED_BY);
	return &series_chunks;
}

static void work_series(void *state)
{
	struct padata_thread thread;

	padata_chunks_join(state, &thread, 0);
	while (padata_chunks_do_one(state, &thread))
		;
}

static void *begin_spinlock(void)
{
	guided = (struct guided) {
		.job	= &job,
		.next	= job.start,
		.left	= job.size,
		.shift	= __builtin_ctzl(SHARED_BY * CHUNKS_EACH),
	};
	return &guided;
}

/* The sizes are those of padata_chunks.c. */
static void work_spinlock(void *state)
{
	struct guided *guided = state;
	const struct padata_mt_job *job = guided->job;

	take(&guided->lock);
	while (guided->left) {
		unsigned long start = guided->next;
		unsigned long left = guided->left;
		unsigned long size = left >> guided->shift;

		if (size < job->min_chunk)
			size = job->min_chunk;
		size += -(start + size) & (job->align - 1);
		if (size > left)
			size = left;
		guided->next = start + size;
		guided->left = left - size;
		give(&guided->lock);

		if (job->thread_fn(start, start + size, job->fn_arg))
			abort();
		take(&guided->lock);
	}
	give(&guided->lock);
}

/* With chunks as many threads would get them of the base. */
static void *begin_stock(void)
{
	unsigned long size = job.size / ((unsigned long)SHARED_BY * CHUNKS_EACH);

	if (size < job.min_chunk)
		size = job.min_chunk;
	fixed = (struct fixed) {
		.job		= &job,
		.chunk_size	= (size + job.align - 1) / job.align * job.align,
	};
	return &fixed;
}

/* What is left of the job is written into the job, and an error has no place. */
static void work_stock(void *state)
{
	struct fixed *fixed = state;
	struct padata_mt_job *job = fixed->job;

	take(&fixed->lock);
	while (job->size) {
		unsigned long begin = job->start;
		unsigned long size = fixed->chunk_size;

		/* Up to the next multiple of the size. */
		size = (begin + size) / size * size - begin;
		if (size > job->size)
			size = job->size;
		job->start = begin + size;
		job->size -= size;
		give(&fixed->lock);

		((void (*)(unsigned long, unsigned long, void *))job->thread_fn)(
			begin, begin + size, job->fn_arg);
		take(&fixed->lock);
	}
	give(&fixed->lock);
}

static const struct engine {
	const char	*name;
	void		*(*begin)(void);
	void		(*work)(void *state);
} engines[] = {
	{ "series", begin_series, work_series },
	{ "spinlock", begin_spinlock, work_spinlock },
	{ "stock", begin_stock, work_stock },
};

/* ---- threads ------------------------------------------------------------- */

static const struct engine *engine;
static unsigned int nr_threads, nr_jobs;
static void *state;
static pthread_barrier_t barrier;
static unsigned int nr_here;

static struct worker {
	uint64_t	begun, ended;
	long		switches;
	int		cpu;
	pthread_t	id;
} APART workers[MAX_THREADS];

static int nothing(unsigned long start, unsigned long end, void *arg)
{
	return 0;
}

static int count(unsigned long start, unsigned long end, void *arg)
{
	++*(unsigned long *)arg;
	return 0;
}

static void begin_job(int (*fn)(unsigned long, unsigned long, void *), void *arg)
{
	job = (struct padata_mt_job) {
		.thread_fn	= fn,
		.fn_arg		= arg,
		.size		= UNITS,
		.align		= ALIGN,
		.min_chunk	= MIN_CHUNK,
		.max_threads	= SHARED_BY,
	};
	state = engine->begin();
	__atomic_store_n(&nr_here, 0, __ATOMIC_RELAXED);
}

/* One that has just answered is running, so all begin at once. */
static void meet_others(void)
{
	unsigned int i;

	for (i = 1; i <= MEETINGS; i++) {
		__atomic_add_fetch(&nr_here, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&nr_here, __ATOMIC_SEQ_CST) < i * nr_threads)
			__builtin_ia32_pause();
	}
}

/* How often another program was given the CPU. */
static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(worker->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		abort();
	for (i = 0; i < nr_jobs; i++) {
		pthread_barrier_wait(&barrier);		/* begun by main() */
		meet_others();
		worker->switches = switches();
		worker->begun = now();
		engine->work(state);
		worker->ended = now();
		worker->switches = switches() - worker->switches;
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* How long a job took, or 0 if a thread did not have its CPU for itself. */
static uint64_t job_ns(void)
{
	uint64_t begun = workers[0].begun, ended = workers[0].ended;
	unsigned int i;

	for (i = 0; i < nr_threads; i++) {
		if (workers[i].switches)
			return 0;
		if (workers[i].begun < begun)
			begun = workers[i].begun;
		if (workers[i].ended > ended)
			ended = workers[i].ended;
	}
	return ended - begun;
}

static void fail(const char *what)
{
	fprintf(stderr, "hand_out: %s\n", what);
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	unsigned long nr_chunks = 0;
	cpu_set_t allowed;
	unsigned int i;
	int cpu = 0;

	if (argc != 4)
		fail("usage: hand_out ENGINE THREADS JOBS");
	for (i = 0; i < sizeof(engines) / sizeof(*engines); i++)
		if (!strcmp(argv[1], engines[i].name))
			engine = &engines[i];
	nr_threads = atoi(argv[2]);
	nr_jobs = atoi(argv[3]);
	if (!engine || nr_threads < 1 || nr_threads > MAX_THREADS || !nr_jobs)
		fail("no such engine, or not so many threads or jobs");

	sched_getaffinity(0, sizeof(allowed), &allowed);
	pthread_barrier_init(&barrier, NULL, nr_threads + 1);
	for (i = 0; i < nr_threads; i++) {
		while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &allowed))
			cpu++;
		if (cpu == CPU_SETSIZE)
			fail("not so many CPUs");
		workers[i].cpu = cpu++;
		if (pthread_create(&workers[i].id, NULL, work, &workers[i]))
			fail("no thread");
	}

	/* They are the same in each job, and however many threads there are. */
	begin_job(count, &nr_chunks);
	engine->work(state);
	printf("hand_out: %s threads %u chunks %lu ns", engine->name, nr_threads,
	       nr_chunks);
	for (i = 0; i < nr_jobs; i++) {
		begin_job(nothing, NULL);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		if (job_ns())
			printf(" %llu", (unsigned long long)job_ns());
	}
	printf("\n");
	for (i = 0; i < nr_threads; i++)
		pthread_join(workers[i].id, NULL);
	return 0;
}
