// SPDX-License-Identifier: GPL-2.0
/*
 * Clears memory with the instruction that the kernel takes for it: 6.12 for a
 * page, and the series for an extent of a huge page, where it is told of all of
 * that at once (arch/x86/include/asm/clear_extent.h of the series).
 */
#include <cpuid.h>
#include <stddef.h>
#include "bench.h"

static int has_erms(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & (1u << 9));
}

static void clear_bytes(struct page *page, unsigned long nr)
{
	unsigned long size = nr * PAGE_WORDS * sizeof(long);

	asm volatile("rep stosb"
		     : "+D" (page), "+c" (size) : "a" (0) : "memory");
}

static void clear_words(struct page *page, unsigned long nr)
{
	unsigned long nr_words = nr * PAGE_WORDS;

	asm volatile("rep stosq"
		     : "+D" (page), "+c" (nr_words) : "a" (0L) : "memory");
}

const struct form clear_forms[] = {
	{ "stosb",	clear_bytes,	1,	.bare = 1,	.usable = has_erms },
	{ "stosq",	clear_words,	1,	.bare = 1 },
	{ NULL }
};
