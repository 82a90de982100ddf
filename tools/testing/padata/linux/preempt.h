/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_PREEMPT_H
#define _PADATA_TEST_PREEMPT_H

#include <stdbool.h>

extern bool in_spinlock;

#define in_atomic()		in_spinlock

#endif /* _PADATA_TEST_PREEMPT_H */
