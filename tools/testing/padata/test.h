/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test.h - what the test programs share: how a check is run and reported
 */
#ifndef _PADATA_TEST_H
#define _PADATA_TEST_H

#include <linux/kernel.h>
#include <linux/limits.h>

struct padata_mt_job;

/**
 * struct check - one line of the report
 * @name: What holds when the check passes.
 * @run: Calls fail() when it does not.
 */
struct check {
	const char	*name;
	void		(*run)(void);
};

/*
 * The main() of a test program.  Prints one line for each check.  With the
 * argument -n it only prints how many there are.  With -x it ends after a check
 * that failed.  With -o WORD it runs only the checks that have WORD in their
 * name.  Returns the exit status.
 */
int run_checks(const struct check *checks, unsigned int nr_checks,
	       int argc, char **argv);

/* Fails the check that is being run, and says why. */
__printf(1, 2) void fail(const char *fmt, ...);
bool check_has_failed(void);

/* A remark in the report. */
__printf(1, 2) void say(const char *fmt, ...);

/* Bad jobs have to be refused by @do_job, with their fault in the warning. */
void check_bad_jobs(int (*do_job)(const struct padata_mt_job *job));

/* Jobs that are just good enough must not be refused, nor warned of. */
void check_edge_jobs(int (*do_job)(const struct padata_mt_job *job));

#endif /* _PADATA_TEST_H */
