/* SPDX-License-Identifier: GPL-2.0 */
/*
 * padata_kunit.h - what several of padata's KUnit suites look at
 */
#ifndef PADATA_KUNIT_H
#define PADATA_KUNIT_H

#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/sched.h>

#include "../padata_run.h"

/* Only a lost helper ever takes this long. */
#define LOST_HELPER	(60 * HZ)

static inline unsigned int nr_free_works(void)
{
	unsigned int nr;
	LIST_HEAD(works);

	nr = padata_works_get(&works, UINT_MAX);
	padata_works_put(&works);
	return nr;
}

/*
 * A helper that came too late has its work, and its CPU, until it is gone: wait
 * for it.  The pool has as many works as padata_mt_init() makes.
 */
static inline void expect_all_works_free(struct kunit *test)
{
	unsigned int nr_works = 2 * num_possible_cpus();
	unsigned long until = jiffies + LOST_HELPER;

	while (nr_free_works() < nr_works && time_before(jiffies, until))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, nr_free_works(), nr_works);
}

#endif /* PADATA_KUNIT_H */
