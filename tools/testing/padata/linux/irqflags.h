/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_IRQFLAGS_H
#define _PADATA_TEST_IRQFLAGS_H

#include <stdbool.h>

extern bool in_interrupt_handler;

#define irqs_disabled()		in_interrupt_handler

#endif /* _PADATA_TEST_IRQFLAGS_H */
