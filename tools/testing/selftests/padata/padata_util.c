// SPDX-License-Identifier: GPL-2.0
/*
 * padata_util.c - run multithreaded padata jobs from user space, and see what
 * came of them
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "padata_util.h"

#define SYS_CPU		"/sys/devices/system/cpu/"

/**
 * padata_lacks - why a test cannot be run here
 * @needs: NEED_* of the test.
 *
 * Return: The reason to skip it, or NULL.
 */
const char *padata_lacks(unsigned int needs)
{
	if (geteuid())
		return "only root may do this";

	if ((needs & NEED_BENCH) && access(PADATA_BENCH_RUN, F_OK)) {
		/* It may be a module; that there is none shows in the file. */
		if (system("modprobe -q padata_bench 2>/dev/null") ||
		    access(PADATA_BENCH_RUN, F_OK))
			return "no " PADATA_BENCH_RUN
			       ": CONFIG_PADATA_BENCH, debugfs mounted";
	}
	if ((needs & NEED_STATS) && access(PADATA_STATS, F_OK))
		return "no " PADATA_STATS ": CONFIG_PADATA, debugfs mounted";
	if ((needs & NEED_SYSCTL) && access(PADATA_PERCENT, F_OK))
		return "no " PADATA_PERCENT ": CONFIG_SYSCTL";
	return NULL;
}

/* ---- files ------------------------------------------------------------- */

/**
 * file_read - read a small file
 * @path: The file.
 * @text: Gets what is in it, without the newline at its end.
 * @size: Of @text.
 *
 * Return: 0 or a negative errno.
 */
int file_read(const char *path, char *text, size_t size)
{
	ssize_t length = 0, got;
	int fd, err = 0;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	do {
		got = read(fd, text + length, size - 1 - length);
		if (got < 0)
			err = -errno;
		else
			length += got;
	} while (got > 0);
	close(fd);

	if (length && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return err;
}

/**
 * file_write - write to a file that takes all in one write
 * @path: The file.
 * @text: What to write.
 *
 * Return: 0 or a negative errno.
 */
int file_write(const char *path, const char *text)
{
	int fd, err = 0;

	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* ---- jobs -------------------------------------------------------------- */

/**
 * bench_run - run jobs in this thread
 * @format: What kernel/tests/padata_bench.c takes, as for printf().
 *
 * Return: 0 or a negative errno.
 */
int bench_run(const char *format, ...)
{
	char line[512];
	va_list values;

	va_start(values, format);
	vsnprintf(line, sizeof(line), format, values);
	va_end(values);
	return file_write(PADATA_BENCH_RUN, line);
}

static void bench_result_line(struct bench_result *result, const char *name,
			      long value)
{
	int cpu;

	if (!strcmp(name, "error"))
		result->error = value;
	else if (!strcmp(name, "jobs"))
		result->jobs = value;
	else if (!strcmp(name, "threads"))
		result->threads = value;
	else if (!strcmp(name, "wall_max_ns"))
		result->longest_ns = value;
	else if (!strcmp(name, "units"))
		result->units = value;
	else if (!strcmp(name, "chunks"))
		result->chunks = value;
	else if (!strcmp(name, "wrong_scopes"))
		result->wrong_scopes = value;
	if (sscanf(name, "helpers_cpu%d", &cpu) == 1) {
		result->helpers_chunks += value;
		CPU_SET(cpu, &result->helpers_on);
	}
}

/**
 * bench_result - what came of the last bench_run()
 * @result: Gets it.
 *
 * Return: 0 or a negative errno; -ENOMSG when there is no result.
 */
int bench_result(struct bench_result *result)
{
	char name[64];
	FILE *file;
	long value;

	memset(result, 0, sizeof(*result));
	file = fopen(PADATA_BENCH_RUN, "r");
	if (!file)
		return -errno;
	while (fscanf(file, "%63s %ld", name, &value) == 2)
		bench_result_line(result, name, value);
	fclose(file);
	return result->jobs ? 0 : -ENOMSG;
}

/**
 * bench_begun - how many chunks helpers have begun, also while a job runs
 * @cpus: The CPUs to count them on.
 *
 * Return: How many, in the jobs of the line that runs or ran last; or a negative
 *	   errno.
 */
long bench_begun(const cpu_set_t *cpus)
{
	long value, begun = 0;
	FILE *file;
	int cpu;

	file = fopen(PADATA_BENCH_BEGUN, "r");
	if (!file)
		return -errno;
	while (fscanf(file, " helpers_cpu%d %ld", &cpu, &value) == 2)
		if (CPU_ISSET(cpu, cpus))
			begun += value;
	fclose(file);
	return begun;
}

/**
 * padata_stat - one of the counts in debugfs
 * @wanted: Its name.
 *
 * Return: The count, or a negative errno; -ENOMSG when there is no such count.
 */
long padata_stat(const char *wanted)
{
	long value, found = -ENOMSG;
	char name[64];
	FILE *file;

	file = fopen(PADATA_STATS, "r");
	if (!file)
		return -errno;
	while (fscanf(file, "%63s %ld", name, &value) == 2)
		if (!strcmp(name, wanted))
			found = value;
	fclose(file);
	return found;
}

static void catch_signal(int signal)
{
}

/* It can be waited for all the same. */
static bool has_ended(pid_t child)
{
	siginfo_t info = { .si_pid = 0 };

	waitid(P_PID, child, &info, WEXITED | WNOHANG | WNOWAIT);
	return info.si_pid == child;
}

/**
 * padata_fork_job - have a child run a job, and wait until it has begun
 * @line: As for bench_run().
 * @signal_to_catch: What the child has a handler for, or 0.
 *
 * Return: The child, or a negative errno.
 */
pid_t padata_fork_job(const char *line, int signal_to_catch)
{
	long before = padata_stat("helpers_wanted");
	pid_t child;

	if (before < 0)
		return before;
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		if (signal_to_catch)
			signal(signal_to_catch, catch_signal);
		_exit(-bench_run("%s", line));
	}

	/* Counted when the job has got its helpers, and begins. */
	while (padata_stat("helpers_wanted") == before && !has_ended(child))
		usleep(1000);
	return child;
}

/* ---- CPUs -------------------------------------------------------------- */

/**
 * cpus_read - read a list of CPUs such as 0-3,8
 * @path: The file that it is in.
 * @cpus: Gets them; none when the file is not there, or is empty.
 *
 * Return: How many there are.
 */
int cpus_read(const char *path, cpu_set_t *cpus)
{
	char text[4096], *at = text;
	int first, last, length;

	CPU_ZERO(cpus);
	if (file_read(path, text, sizeof(text)))
		return 0;
	while (sscanf(at, "%d%n", &first, &length) == 1) {
		at += length;
		last = first;
		if (sscanf(at, "-%d%n", &last, &length) == 1)
			at += length;
		for (; first <= last; first++)
			CPU_SET(first, cpus);
		if (*at++ != ',')
			break;
	}
	return CPU_COUNT(cpus);
}

/**
 * cpus_isolated - the CPUs that the command line keeps free of helpers
 * @cpus: Gets them.
 *
 * Return: How many there are.
 */
int cpus_isolated(cpu_set_t *cpus)
{
	cpu_set_t nohz_full;

	cpus_read(SYS_CPU "isolated", cpus);
	cpus_read(SYS_CPU "nohz_full", &nohz_full);
	CPU_OR(cpus, cpus, &nohz_full);
	return CPU_COUNT(cpus);
}

/**
 * cpus_housekeeping - the CPUs that are open to helpers of ours
 * @cpus: Gets them.  This thread is then allowed on all CPUs that can be.
 *
 * Return: How many there are.
 */
int cpus_housekeeping(cpu_set_t *cpus)
{
	cpu_set_t online, isolated;

	cpus_read(SYS_CPU "online", &online);
	cpus_allow(&online);
	/* A cpuset may leave less. */
	if (sched_getaffinity(0, sizeof(*cpus), cpus))
		CPU_ZERO(cpus);
	cpus_isolated(&isolated);
	/* Those in cpus and not in isolated */
	CPU_AND(&isolated, &isolated, cpus);
	CPU_XOR(cpus, cpus, &isolated);
	return CPU_COUNT(cpus);
}

/**
 * cpus_first - the first ones of a set
 * @first: Gets them.
 * @cpus: The set.
 * @nr: How many.
 */
void cpus_first(cpu_set_t *first, const cpu_set_t *cpus, int nr)
{
	int cpu;

	CPU_ZERO(first);
	for (cpu = 0; cpu < CPU_SETSIZE && nr; cpu++) {
		if (!CPU_ISSET(cpu, cpus))
			continue;
		CPU_SET(cpu, first);
		nr--;
	}
}

/**
 * cpus_allow - let this thread run on these CPUs only
 * @cpus: The CPUs.
 *
 * Return: 0 or a negative errno.
 */
int cpus_allow(const cpu_set_t *cpus)
{
	return sched_setaffinity(0, sizeof(*cpus), cpus) ? -errno : 0;
}
