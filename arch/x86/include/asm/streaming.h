/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ASM_X86_STREAMING_H
#define _ASM_X86_STREAMING_H

#ifdef CONFIG_X86_64

/*
 * Every x86-64 CPU has the non-temporal store of a general register, which goes
 * through a write-combining buffer to memory: the line is neither read first
 * nor kept in a cache.
 */
static __always_inline void stream_store(unsigned long *to, unsigned long value)
{
	asm volatile("movnti %1, %0" : "=m" (*to) : "r" (value));
}

/* Non-temporal stores are weakly ordered, and stay in their buffer until now. */
static __always_inline void stream_drain(void)
{
	asm volatile("sfence" : : : "memory");
}

#else
#include <asm-generic/streaming.h>
#endif

#endif /* _ASM_X86_STREAMING_H */
