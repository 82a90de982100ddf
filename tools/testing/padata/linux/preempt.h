/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_PREEMPT_H
#define _PADATA_TEST_PREEMPT_H

#include <linux/irqflags.h>

extern bool bottom_halves_off;

#define in_interrupt()		bottom_halves_off
#define in_task()		(!in_interrupt_handler)

#endif /* _PADATA_TEST_PREEMPT_H */
