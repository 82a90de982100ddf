// SPDX-License-Identifier: GPL-2.0
/*
 * memmap_fill.c - write the struct pages of a range in one go
 *
 * Depends on nothing but struct page, so that it can be compiled and measured
 * in user space as it stands.
 */

#include <linux/build_bug.h>
#include <linux/init.h>
#include <linux/mm_types.h>
#include <linux/stddef.h>
#include <asm/streaming.h>

#include "memmap_fill.h"

#define WORDS_IN(type)		(sizeof(type) / sizeof(unsigned long))
#define LRU_NEXT		(offsetof(struct page, lru.next) / sizeof(unsigned long))
#define LRU_PREV		(offsetof(struct page, lru.prev) / sizeof(unsigned long))

/* So that counting the pages takes little beside writing them. */
#define PAGES_AT_ONCE		8

static __always_inline void fill_one(unsigned long *to,
				     const unsigned long *pattern, bool list)
{
	unsigned long lru = (unsigned long)(to + LRU_NEXT);
	unsigned int i;

	/* In order, so that the CPU can combine them to whole cache lines. */
#pragma GCC unroll 16
	for (i = 0; i < WORDS_IN(struct page); i++)
		stream_store(to + i, list && (i == LRU_NEXT || i == LRU_PREV) ?
				     lru : pattern[i]);
}

static __always_inline void fill(struct page *page, const struct page *end,
				 const struct page *pattern, bool list)
{
	unsigned long *to = (unsigned long *)page;
	const unsigned long *to_end = (const unsigned long *)end;
	unsigned long word[WORDS_IN(struct page)];
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct page) % sizeof(unsigned long));

	/* In registers: for all gcc knows, the stores change @pattern. */
#pragma GCC unroll 16
	for (i = 0; i < WORDS_IN(struct page); i++)
		word[i] = ((const unsigned long *)pattern)[i];

	while (to_end - to >= PAGES_AT_ONCE * WORDS_IN(struct page)) {
#pragma GCC unroll 8
		for (i = 0; i < PAGES_AT_ONCE; i++)
			fill_one(to + i * WORDS_IN(struct page), word, list);
		to += PAGES_AT_ONCE * WORDS_IN(struct page);
	}
	for (; to < to_end; to += WORDS_IN(struct page))
		fill_one(to, word, list);

	stream_drain();
}

/**
 * memmap_fill - write struct pages that are alike but for their list head
 * @page: The first.
 * @end: One past the last.
 * @pattern: What to write to each.  Only its list head lru differs: it becomes
 *	     an empty list.
 *
 * Writes with streaming stores, and drains them: on return the struct pages can
 * be handed to anyone.  Reads none of them.
 *
 * Context: Any.
 */
void __meminit memmap_fill(struct page *page, const struct page *end,
			   const struct page *pattern)
{
	fill(page, end, pattern, true);
}

/**
 * memmap_copy - write struct pages that are all alike
 * @page: The first.
 * @end: One past the last.
 * @pattern: What to write to each.
 *
 * As memmap_fill(), for struct pages that have something else in place of their
 * list head.
 *
 * Context: Any.
 */
void __meminit memmap_copy(struct page *page, const struct page *end,
			   const struct page *pattern)
{
	fill(page, end, pattern, false);
}
