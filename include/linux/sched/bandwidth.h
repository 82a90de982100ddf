/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_SCHED_BANDWIDTH_H
#define _LINUX_SCHED_BANDWIDTH_H

#include <linux/limits.h>

struct task_struct;

#ifdef CONFIG_CFS_BANDWIDTH
unsigned int cfs_quota_cpus(struct task_struct *p);
#else
static inline unsigned int cfs_quota_cpus(struct task_struct *p)
{
	return UINT_MAX;
}
#endif

int cfs_root_nice(void);

#endif /* _LINUX_SCHED_BANDWIDTH_H */
