/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_WORKQUEUE_H
#define _PADATA_TEST_WORKQUEUE_H

/* For members of structures that are declared but never used here. */
struct work_struct { };
struct cpumask { };

#define cpumask_var_t	struct cpumask

#endif /* _PADATA_TEST_WORKQUEUE_H */
