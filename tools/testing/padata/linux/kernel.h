/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_KERNEL_H
#define _PADATA_TEST_KERNEL_H

#include_next <linux/kernel.h>

#define might_sleep()	do { } while (0)

#endif /* _PADATA_TEST_KERNEL_H */
