/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_WORKQUEUE_H
#define _PADATA_TEST_WORKQUEUE_H

/* For members of structures that are declared but never used here. */

#include <linux/cpumask.h>

struct work_struct { };

#define work_func_t	typeof(void (*)(struct work_struct *))

#define WORKER_DESC_LEN	24

#endif /* _PADATA_TEST_WORKQUEUE_H */
