/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_SPINLOCK_H
#define _PADATA_TEST_SPINLOCK_H

#include <linux/atomic.h>

struct spinlock {
	int locked;
};

#define spinlock_t	struct spinlock

/* Called while another thread has @lock; may return before that is free. */
void wait_for_lock(const spinlock_t *lock);

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->locked = 0;
}

static inline void spin_lock(spinlock_t *lock)
{
	schedule_point();
#ifndef BREAK_LOCK
	while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE))
		wait_for_lock(lock);
#endif
}

static inline void spin_unlock(spinlock_t *lock)
{
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

/* For members of structures that are declared but never used here. */
#define raw_spinlock_t	struct { }

#endif /* _PADATA_TEST_SPINLOCK_H */
