/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_ATOMIC_H
#define _PADATA_TEST_ATOMIC_H

/*
 * The kernel's atomics, made from those of the compiler.  They have the order
 * that Documentation/atomic_t.txt promises, and no other.  So ThreadSanitizer
 * sees no order that the kernel does not give.
 *
 * Each is a schedule_point() of <linux/cpumask.h>, where the test program may let other threads run
 * first.
 *
 * Each of the macros BREAK_* takes away something that the engine depends on.
 * The tests must fail with it.
 */

#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/types.h>

#ifdef BREAK_LEAVE_ORDER
#define DEC_AND_TEST_ORDER	BREAK_LEAVE_ORDER
#else
#define DEC_AND_TEST_ORDER	__ATOMIC_SEQ_CST
#endif

static inline int atomic_read(const atomic_t *v)
{
	schedule_point();
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline void atomic_set(atomic_t *v, int i)
{
	schedule_point();
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);
}

static inline int atomic_inc_return(atomic_t *v)
{
	visits.atomics++;
	schedule_point();
#ifdef BREAK_COUNT
	atomic_set(v, atomic_read(v) + 1);
	return atomic_read(v);
#else
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);
#endif
}

static inline void atomic_dec(atomic_t *v)
{
	visits.atomics++;
	schedule_point();
	__atomic_fetch_sub(&v->counter, 1, __ATOMIC_RELAXED);
}

static inline bool atomic_dec_and_test(atomic_t *v)
{
	schedule_point();
	return !__atomic_sub_fetch(&v->counter, 1, DEC_AND_TEST_ORDER);
}

static inline int atomic_cmpxchg_relaxed(atomic_t *v, int old, int new)
{
	schedule_point();
#ifdef BREAK_FIRST_ERROR
	return __atomic_exchange_n(&v->counter, new, __ATOMIC_RELAXED);
#else
	__atomic_compare_exchange_n(&v->counter, &old, new, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return old;
#endif
}

/* For <linux/refcount.h> */
static inline int atomic_cmpxchg_release(atomic_t *v, int old, int new)
{
	schedule_point();
	__atomic_compare_exchange_n(&v->counter, &old, new, false,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	return old;
}

static inline long atomic_long_read(const atomic_long_t *v)
{
	schedule_point();
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline void atomic_long_set(atomic_long_t *v, long i)
{
	schedule_point();
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);
}

static inline long atomic_long_xchg_relaxed(atomic_long_t *v, long i)
{
	schedule_point();
#if defined(BREAK_STOP)
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
#elif defined(BREAK_STOPPED_AT)
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);
	return i;
#elif defined(BREAK_STOP_ATOMIC)
	long old = __atomic_load_n(&v->counter, __ATOMIC_RELAXED);

	schedule_point();
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);
	return old;
#else
	return __atomic_exchange_n(&v->counter, i, __ATOMIC_RELAXED);
#endif
}

static inline bool atomic_long_try_cmpxchg_relaxed(atomic_long_t *v, long *old,
						   long new)
{
#ifdef BREAK_TAKE
	long now = __atomic_load_n(&v->counter, __ATOMIC_RELAXED);

	if (now != *old) {
		*old = now;
		return false;
	}
	schedule_point();
	__atomic_store_n(&v->counter, new, __ATOMIC_RELAXED);
	return true;
#else
	schedule_point();
	return __atomic_compare_exchange_n(&v->counter, old, new, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
}

#endif /* _PADATA_TEST_ATOMIC_H */
