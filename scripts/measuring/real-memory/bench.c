// SPDX-License-Identifier: GPL-2.0
/*
 * Times the forms on memory that is there already, as a memmap is:
 *
 *	bench BYTES ROUNDS THREADS,... FORM,... THREADS:KIB,...
 *
 * and how fast such memory is cleared, by as many threads and extents of so many
 * KiB. Prints what ../real_memory.py reads: a line for the memory, one for each
 * form that was found to do the right thing, one for its instructions per page,
 * one for the instruction that clears, and one for each time. Says in one line on
 * stderr why it stops.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

/* A section of memory: what deferred init hands to a thread at a time */
#define CHUNK_PAGES	32768ul
#define PAGE_BYTES	(PAGE_WORDS * sizeof(unsigned long))
#define CHUNK_BYTES	(CHUNK_PAGES * PAGE_BYTES)
#define HUGE_BYTES	(2ul << 20)
#define POISON		0xa5
#define MAX_THREADS	4096

static char *memory;
static unsigned long nr_chunks;
static int cpus[MAX_THREADS];
static int nr_cpus;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static struct page *page_at(unsigned long index)
{
	return (struct page *)(memory + index * PAGE_BYTES);
}

/* What the base's loops would call if they checked pages */
_Bool free_page_is_bad(struct page *page)
{
	die("the base's loops check pages, which they should not");
}

int free_tail_page_prepare(struct page *head_page, struct page *page)
{
	die("the base's loops take a block for a compound page");
}

/* --- threads --------------------------------------------------------------- */

struct run {
	init_fn init;
	unsigned long piece;	/* how many struct pages init() is told of, */
	unsigned long share;	/* and how many a thread takes at a time */
	pthread_barrier_t barrier;
	_Alignas(128) atomic_ulong cursor;
};

struct worker {
	_Alignas(128) struct run *run;
	pthread_t thread;
	int cpu;
	uint64_t begin, end;
	uint64_t on_cpu;
};

struct times {
	uint64_t elapsed;	/* from the first begin to the last end, ns */
	uint64_t on_cpu;	/* what the threads had of the CPUs, */
	uint64_t wanted;	/* and what they would have had alone */
};

static uint64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct run *run = worker->run;
	unsigned long nr_pages = nr_chunks * CHUNK_PAGES, end;
	cpu_set_t *set = CPU_ALLOC(worker->cpu + 1);
	size_t size = CPU_ALLOC_SIZE(worker->cpu + 1);

	CPU_ZERO_S(size, set);
	CPU_SET_S(worker->cpu, size, set);
	if (sched_setaffinity(0, size, set))
		die("CPU %d: %s", worker->cpu, strerror(errno));
	CPU_FREE(set);

	pthread_barrier_wait(&run->barrier);
	worker->begin = now(CLOCK_MONOTONIC);
	worker->on_cpu = -now(CLOCK_THREAD_CPUTIME_ID);
	while ((end = atomic_fetch_add(&run->cursor, run->share) + run->share) <= nr_pages)
		for (unsigned long page = end - run->share; page < end; page += run->piece)
			run->init(page_at(page), run->piece);
	worker->on_cpu += now(CLOCK_THREAD_CPUTIME_ID);
	worker->end = now(CLOCK_MONOTONIC);
	return NULL;
}

/* Small pieces go to a thread by the chunk: threads would wait for the cursor */
static struct times run_pieces(init_fn init, unsigned long piece, int threads)
{
	struct times times = { 0 };
	struct run run = {
		.init = init, .piece = piece,
		.share = piece < CHUNK_PAGES ? CHUNK_PAGES : piece,
	};
	struct worker *workers = aligned_alloc(128, threads * sizeof(*workers));
	uint64_t begin = UINT64_MAX, end = 0;

	if (!workers)
		die("no memory for %d threads", threads);
	pthread_barrier_init(&run.barrier, NULL, threads);
	for (int i = 0; i < threads; i++) {
		int error;

		workers[i] = (struct worker) { .run = &run, .cpu = cpus[i] };
		error = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (error)
			die("thread %d: %s", i, strerror(error));
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		begin = workers[i].begin < begin ? workers[i].begin : begin;
		end = workers[i].end > end ? workers[i].end : end;
		times.on_cpu += workers[i].on_cpu;
		times.wanted += workers[i].end - workers[i].begin;
	}
	times.elapsed = end - begin;
	pthread_barrier_destroy(&run.barrier);
	free(workers);
	return times;
}

static struct times run_all(init_fn init, int threads)
{
	return run_pieces(init, CHUNK_PAGES, threads);
}

static void find_cpus(void)
{
	static cpu_set_t set[MAX_THREADS / CPU_SETSIZE];

	if (sched_getaffinity(0, sizeof(set), set))
		die("CPUs: %s", strerror(errno));
	for (int cpu = 0; cpu < MAX_THREADS; cpu++)
		if (CPU_ISSET_S(cpu, sizeof(set), set))
			cpus[nr_cpus++] = cpu;
}

/* --- memory ---------------------------------------------------------------- */

static void poison(struct page *page, unsigned long nr)
{
	memset(page, POISON, nr * PAGE_BYTES);
}

/* How much of the memory is in transparent huge pages */
static unsigned long huge_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kib, sum = 0;
	char line[512];
	int inside = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start >= (unsigned long)memory &&
				 end <= (unsigned long)memory + nr_chunks * CHUNK_BYTES;
		else if (inside && sscanf(line, "AnonHugePages: %lu kB", &kib) == 1)
			sum += kib << 10;
	}
	if (file)
		fclose(file);
	return sum;
}

static void map_memory(void)
{
	const int protection = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	unsigned long bytes = nr_chunks * CHUNK_BYTES;
	char *mapped = mmap(NULL, bytes, protection, flags | MAP_HUGETLB, -1, 0);

	if (mapped != MAP_FAILED) {
		memory = mapped;
		run_all(poison, nr_cpus);
		printf("memory hugetlb 100\n");
		return;
	}
	/* Aligned, and of its own in smaps */
	mapped = mmap(NULL, bytes + 2 * HUGE_BYTES, PROT_NONE, flags, -1, 0);
	if (mapped == MAP_FAILED)
		die("no %lu MiB of memory: %s", bytes >> 20, strerror(errno));
	memory = (char *)(((unsigned long)mapped | (HUGE_BYTES - 1)) + 1);
	if (mprotect(memory, bytes, protection))
		die("no %lu MiB of memory: %s", bytes >> 20, strerror(errno));
	madvise(memory, bytes, MADV_HUGEPAGE);
	run_all(poison, nr_cpus);
	printf("memory transparent %lu\n", huge_bytes() * 100 / bytes);
}

/* --- does it do the right thing? ------------------------------------------- */

/*
 * In one block of pages: @form for @nr pages from @first on must leave there
 * what the base leaves, to the byte, and nothing elsewhere.
 */
static void check_block(const struct form *form, struct page *block,
			unsigned long first, unsigned long nr)
{
	static char *expected;
	char *bytes = (char *)block, *wanted;
	unsigned long size = block_pages * PAGE_BYTES;

	if (!expected)
		expected = malloc(size);
	if (!expected)
		die("no memory");
	base_init(block, block_pages);
	memcpy(expected, block, size);
	poison(block, block_pages);
	form->init((struct page *)(bytes + first * PAGE_BYTES), nr);

	for (unsigned long i = 0; i < block_pages; i++) {
		static const char untouched[PAGE_BYTES] = { [0 ... PAGE_BYTES - 1] = (char)POISON };
		int inside = i >= first && i < first + nr;

		wanted = inside ? expected + i * PAGE_BYTES : (char *)untouched;
		if (memcmp(bytes + i * PAGE_BYTES, wanted, PAGE_BYTES))
			die("%s, asked for %lu struct pages from %lu on, %s number %lu",
			    form->name, nr, first, inside ?
			    "differs from the base in" : "also wrote to", i);
	}
}

/* Each block of each chunk in turn, after a run over all of the memory */
static void check_all(const struct form *form)
{
	unsigned long blocks = CHUNK_PAGES / block_pages, size = block_pages * PAGE_BYTES;
	char *found = malloc(nr_chunks * size);

	if (!found)
		die("no memory to check %lu blocks", nr_chunks);
	for (unsigned long chunk = 0; chunk < nr_chunks; chunk++)
		poison(page_at(chunk * CHUNK_PAGES + chunk % blocks * block_pages), block_pages);
	run_all(form->init, nr_cpus);
	for (unsigned long chunk = 0; chunk < nr_chunks; chunk++)
		memcpy(found + chunk * size,
		       page_at(chunk * CHUNK_PAGES + chunk % blocks * block_pages), size);
	run_all(base_init, nr_cpus);
	for (unsigned long chunk = 0; chunk < nr_chunks; chunk++) {
		struct page *block = page_at(chunk * CHUNK_PAGES +
					     chunk % blocks * block_pages);

		if (memcmp(found + chunk * size, block, size))
			die("%s differs from the base in section %lu", form->name, chunk);
	}
	free(found);
}

static void check(const struct form *form)
{
	unsigned long granule = form->granule ? form->granule : block_pages;

	check_block(form, page_at(0), 0, block_pages);
	for (unsigned long nr = granule; nr <= 67 && nr < block_pages; nr += granule)
		check_block(form, page_at(0), 3, nr);
	check_all(form);
	printf("checked %s\n", form->name);
}

/* --- clearing -------------------------------------------------------------- */

struct clearing {
	int threads;
	unsigned long extent;		/* in bytes */
};

static const struct form *find_clear_form(void)
{
	const struct form *form = clear_forms;

	while (form->usable && !form->usable())
		form++;
	return form;
}

static struct times clear(const struct form *form, const struct clearing *clearing)
{
	return run_pieces(form->init, clearing->extent / PAGE_BYTES, clearing->threads);
}

static int all_are(int byte, const char *from, unsigned long size)
{
	return !size || (*from == (char)byte && !memcmp(from, from + 1, size - 1));
}

/* One extent alone, then all whole ones: they are zero, and the rest is as it was */
static void check_clearing(const struct form *form, const struct clearing *clearing)
{
	unsigned long bytes = nr_chunks * CHUNK_BYTES, extent = clearing->extent;
	unsigned long rest = bytes % extent;

	run_all(poison, nr_cpus);
	form->init(page_at(0), extent / PAGE_BYTES);
	if (extent < bytes && !all_are(POISON, memory + extent, PAGE_BYTES))
		die("%s also wrote behind an extent of %lu KiB", form->name, extent >> 10);
	clear(form, clearing);
	if (!all_are(0, memory, bytes - rest))
		die("%s does not clear all of extents of %lu KiB", form->name, extent >> 10);
	if (!all_are(POISON, memory + bytes - rest, rest))
		die("%s also wrote behind extents of %lu KiB", form->name, extent >> 10);
}

/* --- instructions ---------------------------------------------------------- */

/* Counted one by one: no counter of the CPU is needed */
static long count_steps(init_fn init, unsigned long nr)
{
	long steps = 0;
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		init(page_at(0), nr);
		raise(SIGSTOP);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status))
		return -1;
	do {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) ||
		    waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) {
			steps = -1;
			break;
		}
		steps++;
	} while (WSTOPSIG(status) == SIGTRAP);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return steps;
}

static void count_instructions(const struct form *form)
{
	unsigned long pages = form->granule ? 64 : block_pages;
	long one = count_steps(form->init, pages);
	long two = count_steps(form->init, 2 * pages);

	if (one >= 0 && two >= 0)
		printf("instructions %s %.3f\n", form->name,
		       (double)(two - one) / pages);
}

/* --- what is asked for ----------------------------------------------------- */

static const struct form *find_form(const char *name)
{
	for (const struct form *form = forms; form->name; form++)
		if (!strcmp(form->name, name))
			return form;
	die("no form '%s'", name);
}

int main(int argc, char **argv)
{
	const struct form *chosen[32], *clear_form = find_clear_form();
	struct clearing clearings[32];
	int threads[64], nr_chosen = 0, nr_threads = 0, nr_clearings = 0;
	unsigned long pattern[PAGE_WORDS];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 6)
		die("usage: bench BYTES ROUNDS THREADS,... FORM,... THREADS:KIB,...");
	if (struct_page_size != sizeof(pattern))
		die("a struct page of this kernel takes %lu bytes, not %zu",
		    struct_page_size, sizeof(pattern));
	if (struct_page_lru != sizeof(unsigned long))
		die("the list head of this kernel's struct page is at %lu", struct_page_lru);
	nr_chunks = strtoul(argv[1], NULL, 10) / CHUNK_BYTES;
	find_cpus();
	for (char *word = strtok(argv[3], ","); word && nr_threads < 64;
	     word = strtok(NULL, ",")) {
		threads[nr_threads] = atoi(word);
		if (threads[nr_threads] < 1 || threads[nr_threads] > nr_cpus)
			die("%s threads on %d CPUs", word, nr_cpus);
		nr_threads++;
	}
	for (char *word = strtok(argv[4], ","); word && nr_chosen < 32;
	     word = strtok(NULL, ",")) {
		const struct form *form = find_form(word);

		if (!form->usable || form->usable())
			chosen[nr_chosen++] = form;
	}
	for (char *word = strtok(argv[5], ","); word && nr_clearings < 32;
	     word = strtok(NULL, ",")) {
		struct clearing *clearing = &clearings[nr_clearings++];

		if (sscanf(word, "%d:%lu", &clearing->threads, &clearing->extent) != 2 ||
		    clearing->threads < 1 || clearing->threads > nr_cpus)
			die("clearing %s on %d CPUs", word, nr_cpus);
		clearing->extent <<= 10;
	}
	if (!nr_chunks || !nr_threads || !nr_chosen)
		die("nothing to do");

	make_pattern((struct page *)pattern);
	forms_set_pattern(pattern);
	map_memory();
	for (int i = 0; i < nr_chosen; i++)
		if (!chosen[i]->bare)
			check(chosen[i]);
	for (int i = 0; i < nr_chosen; i++)
		count_instructions(chosen[i]);
	for (int i = 0; i < nr_clearings; i++)
		check_clearing(clear_form, &clearings[i]);
	printf("clears %s\n", clear_form->name);
	/*
	 * Where that is allowed, other work waits: for parts of a second at a
	 * time, and without it the figures would be those of the other work
	 */
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param) { .sched_priority = 1 });
	for (long round = strtol(argv[2], NULL, 10); round > 0; round--) {
		for (int t = 0; t < nr_threads; t++) {
			for (int i = 0; i < nr_chosen; i++) {
				struct times times = run_all(chosen[i]->init, threads[t]);

				printf("time %s %d %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				       chosen[i]->name, threads[t], times.elapsed,
				       times.on_cpu, times.wanted);
			}
		}
		for (int i = 0; i < nr_clearings; i++) {
			struct times times = clear(clear_form, &clearings[i]);

			printf("clear %lu %d %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			       clearings[i].extent >> 10, clearings[i].threads,
			       times.elapsed, times.on_cpu, times.wanted);
		}
	}
	return 0;
}
