/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_SCHED_SIGNAL_H
#define _PADATA_TEST_SCHED_SIGNAL_H

/* The only task that matters is the one that runs the jobs. */

#include <linux/atomic.h>
#include <linux/cpumask.h>

struct task_struct {
	unsigned int flags;
	cpumask_t cpus_mask;
	bool killed;
	void *mm;
};

extern struct task_struct caller_task;

#define current		(&caller_task)

static inline bool fatal_signal_pending(const struct task_struct *task)
{
	schedule_point();
#ifdef BREAK_KILLED
	return false;
#else
	return __atomic_load_n(&task->killed, __ATOMIC_RELAXED);
#endif
}

static inline void cond_resched(void)
{
}

#endif /* _PADATA_TEST_SCHED_SIGNAL_H */
