/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_KTHREAD_H
#define _PADATA_TEST_KTHREAD_H

/* The caller of a job is no kernel thread. */

#include <linux/sched.h>

#define kthread_is_per_cpu(task)	((void)(task), false)
#define kthread_data(task)		((void)(task), (void *)NULL)

#endif /* _PADATA_TEST_KTHREAD_H */
