/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_SMP_H
#define _PADATA_TEST_SMP_H

/* Where a test thread is said to be. */
extern __thread int current_cpu;

#define raw_smp_processor_id()	current_cpu

#endif /* _PADATA_TEST_SMP_H */
