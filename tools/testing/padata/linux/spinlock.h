/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_SPINLOCK_H
#define _PADATA_TEST_SPINLOCK_H

/* For members of structures that are declared but never used here. */
#define spinlock_t	struct { }
#define raw_spinlock_t	struct { }

#endif /* _PADATA_TEST_SPINLOCK_H */
