/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_SCHED_TYPES_H
#define _PADATA_TEST_SCHED_TYPES_H

/* For members of structures that are declared but never used here. */
struct sched_attr { };

#endif /* _PADATA_TEST_SCHED_TYPES_H */
