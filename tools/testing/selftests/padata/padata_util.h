/* SPDX-License-Identifier: GPL-2.0 */
/*
 * padata_util.h - run multithreaded padata jobs from user space, and see what
 * came of them
 */
#ifndef PADATA_UTIL_H
#define PADATA_UTIL_H

#include <sched.h>
#include <stddef.h>
#include <sys/types.h>

#include "../kselftest.h"

/* Runs the jobs of a line that is written to it: CONFIG_PADATA_BENCH */
#define PADATA_BENCH_RUN	"/sys/kernel/debug/padata_bench/run"
#define PADATA_BENCH_BEGUN	"/sys/kernel/debug/padata_bench/begun"
#define PADATA_STATS		"/sys/kernel/debug/padata/stats"
#define PADATA_PERCENT		"/proc/sys/kernel/padata_helpers_percent"

/* How long the threads of a job wait for others that should come, ... */
#define GATHER_ALL_MS		60000
/* ... and for one that should not */
#define GATHER_NONE_MS		1000

/* What a test needs of the kernel */
#define NEED_BENCH		0x1
#define NEED_STATS		0x2
#define NEED_SYSCTL		0x4

/**
 * struct bench_result - what came of the last jobs
 * @error: What the last of them returned, as a negative errno.
 * @jobs: How many there were.
 * @threads: The most that were at work in one of them at the same time.
 * @longest_ns: How long the one took that took longest.
 * @units: How many units were done in all.
 * @chunks: How many chunks the jobs had.
 * @wrong_scopes: Those in other allocation scopes than the caller's.
 * @helpers_chunks: Those that their caller did not do itself.
 * @helpers_on: The CPUs where those were done.
 */
struct bench_result {
	long		error;
	long		jobs;
	long		threads;
	long		longest_ns;
	long		units;
	long		chunks;
	long		wrong_scopes;
	long		helpers_chunks;
	cpu_set_t	helpers_on;
};

const char *padata_lacks(unsigned int needs);

int file_read(const char *path, char *text, size_t size);
int file_write(const char *path, const char *text);

int bench_run(const char *format, ...) __printf(1, 2);
int bench_result(struct bench_result *result);
long bench_begun(const cpu_set_t *cpus);

long padata_stat(const char *name);
pid_t padata_fork_job(const char *line, int signal_to_catch);

int cpus_read(const char *path, cpu_set_t *cpus);
int cpus_isolated(cpu_set_t *cpus);
int cpus_housekeeping(cpu_set_t *cpus);
void cpus_first(cpu_set_t *first, const cpu_set_t *cpus, int nr);
int cpus_allow(const cpu_set_t *cpus);

#endif /* PADATA_UTIL_H */
