/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_SCHED_H
#define _PADATA_TEST_SCHED_H

/* What is common to all is with the signals. */
#include <linux/sched/signal.h>

#define PF_WQ_WORKER	0x00000020

/* Whether it has nothing to do. */
int idle_cpu(int cpu);

#endif /* _PADATA_TEST_SCHED_H */
