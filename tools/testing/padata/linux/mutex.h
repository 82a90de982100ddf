/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_MUTEX_H
#define _PADATA_TEST_MUTEX_H

#include <linux/atomic.h>

struct mutex {
	int locked;
};

/* Called while another thread has @lock; may return before that is free. */
void wait_for_lock(const struct mutex *lock);

static inline void mutex_init(struct mutex *lock)
{
	lock->locked = 0;
}

static inline void mutex_lock(struct mutex *lock)
{
	schedule_point();
#ifndef BREAK_LOCK
	while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE))
		wait_for_lock(lock);
#endif
}

static inline void mutex_unlock(struct mutex *lock)
{
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

#endif /* _PADATA_TEST_MUTEX_H */
