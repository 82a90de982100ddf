/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ASM_X86_CLEAR_EXTENT_H
#define _ASM_X86_CLEAR_EXTENT_H

#ifdef CONFIG_X86_64

#include <linux/kmsan-checks.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <asm/cpufeature.h>

/*
 * A string instruction that is told of much writes past the caches, and does
 * not read the lines first.  What AMD CPUs call much is the size of their last
 * cache, often 32 MiB for the cores that share one.  Clearing that takes some
 * milliseconds, for which the scheduler has to wait in kernels that are not
 * preemptible.
 */
#define CLEAR_EXTENT_PAGES	(SZ_32M / PAGE_SIZE)

static inline void clear_user_extent(struct page *page, unsigned long vaddr,
				     unsigned long nr_pages)
{
	void *start = page_address(page), *to = start;
	unsigned long size = nr_pages * PAGE_SIZE;
	unsigned long nr_words = size / sizeof(long);

	kmsan_unpoison_memory(start, size);

	if (static_cpu_has(X86_FEATURE_ERMS)) {
		asm volatile("rep stosb"
			     : "+D" (to), "+c" (size) : "a" (0) : "memory");
	} else if (static_cpu_has(X86_FEATURE_REP_GOOD)) {
		asm volatile("rep stosq"
			     : "+D" (to), "+c" (nr_words) : "a" (0L) : "memory");
	} else {
		for (; to < start + size; to += PAGE_SIZE)
			clear_page(to);
	}
}

#else
#include <asm-generic/clear_extent.h>
#endif

#endif /* _ASM_X86_CLEAR_EXTENT_H */
