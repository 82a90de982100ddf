// SPDX-License-Identifier: GPL-2.0
/*
 * What multithreaded jobs do to programs that want all CPUs, in a guest:
 *
 *	contend UNITS [CALLERS_CGROUP HOGS_CGROUP]
 *
 * A hog on each CPU counts its turns, without an end. Meanwhile a job of so many
 * units runs again and again, in turn with one thread and with as many as there
 * are CPUs. For each run the time and the turns that passed are printed:
 *
 *	contend: threads 1 job 1234567890 ns hogs 12345678 turns cpu 1234 ns
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BENCH	"/sys/kernel/debug/padata_bench/run"
#define JOB	"size=%lu work_ns=50000 min_chunk=20 threads=%d\n"
#define ROUNDS	9

/* Each on cache lines of its own. */
struct hog {
	volatile uint64_t turns;
	uint64_t unused[15];
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Move the calling process into a cgroup. */
static void enter(const char *cgroup)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	file = fopen(path, "w");
	if (!file || fputs("0", file) < 0 || fclose(file))
		fail(path);
}

/* Bound, or how they share the CPUs would depend on which of them moves. */
static void be_a_hog(struct hog *hog, int cpu)
{
	cpu_set_t only;

	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (sched_setaffinity(0, sizeof(only), &only))
		fail("sched_setaffinity");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		/* An emulator that counts instructions is soon through with these */
		asm volatile(".rept 400\n\tnop\n\t.endr");
		hog->turns++;
	}
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static uint64_t turns_of(const struct hog *hogs, int nr)
{
	uint64_t turns = 0;

	while (nr--)
		turns += hogs[nr].turns;
	return turns;
}

static void run_job(unsigned long units, int threads)
{
	char line[100];
	int length = snprintf(line, sizeof(line), JOB, units, threads);
	int file = open(BENCH, O_WRONLY);

	if (file < 0 || write(file, line, length) != length)
		fail(BENCH);
	close(file);
}

/* A number from the lines that the last run left. */
static unsigned long long result(const char *name)
{
	char line[200];
	unsigned long long value = 0;
	FILE *file = fopen(BENCH, "r");

	if (!file)
		fail(BENCH);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ' ')
			value = strtoull(line + strlen(name), NULL, 10);
	fclose(file);
	return value;
}

int main(int argc, char **argv)
{
	unsigned long units = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct hog *hogs = mmap(NULL, cpus * sizeof(*hogs), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!units || (argc != 2 && argc != 4)) {
		fprintf(stderr, "contend UNITS [CALLERS_CGROUP HOGS_CGROUP]\n");
		return 1;
	}
	if (hogs == MAP_FAILED)
		fail("mmap");
	for (int i = 0; i < cpus; i++) {
		pid_t child = fork();

		if (child < 0)
			fail("fork");
		if (!child) {
			if (argc == 4)
				enter(argv[3]);
			be_a_hog(&hogs[i], i);
		}
	}
	if (argc == 4)
		enter(argv[2]);
	usleep(200000);

	for (int i = 0; i < 2 * ROUNDS; i++) {
		int threads = i % 2 ? cpus : 1;
		uint64_t turns = turns_of(hogs, cpus);
		uint64_t begun = now();

		run_job(units, threads);
		begun = now() - begun;
		turns = turns_of(hogs, cpus) - turns;
		printf("contend: threads %d job %llu ns hogs %llu turns cpu %llu ns\n",
		       threads, (unsigned long long)begun,
		       (unsigned long long)turns, result("cpu_ns"));
		fflush(stdout);
	}
	return 0;
}
