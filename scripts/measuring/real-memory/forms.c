// SPDX-License-Identifier: GPL-2.0
/*
 * Ways to write a struct page that were considered for the series, and a bare
 * streaming fill, which shows what the memory can take.
 *
 * Words 1 and 2 of a struct page are the list head, which points at itself;
 * the other words are the same in all pages.
 */
#include <cpuid.h>
#include <stddef.h>
#include "bench.h"

#define PAGE_BYTES	(PAGE_WORDS * sizeof(unsigned long))

static unsigned long pattern[PAGE_WORDS] __attribute__((aligned(64)));

void forms_set_pattern(const unsigned long *words)
{
	for (int i = 0; i < PAGE_WORDS; i++)
		pattern[i] = words[i];
}

/* "volatile": nothing is merged into wider stores, nor kept from one read */
static inline void store(unsigned long *to, unsigned long value)
{
	*(volatile unsigned long *)to = value;
}

static inline unsigned long load(const unsigned long *from)
{
	return *(const volatile unsigned long *)from;
}

static inline void stream(unsigned long *to, unsigned long value)
{
	asm volatile("movnti %1, %0" : "=m" (*to) : "r" (value));
}

static inline void drain(void)
{
	asm volatile("sfence" : : : "memory");
}

typedef void (*store_fn)(unsigned long *to, unsigned long value);

/* All words in registers, as far as there are any */
static inline __attribute__((always_inline))
void write_pages(struct page *page, unsigned long nr, unsigned int unroll,
		 store_fn put)
{
	const unsigned long flags = pattern[0], w3 = pattern[3], w4 = pattern[4],
			    w5 = pattern[5], w6 = pattern[6], w7 = pattern[7];
	unsigned long *to = (unsigned long *)page;
	unsigned long *end = to + nr * PAGE_WORDS;

	while (to < end) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < unroll; i++, to += PAGE_WORDS) {
			unsigned long self = (unsigned long)(to + 1);

			put(to, flags);
			put(to + 1, self);
			put(to + 2, self);
			put(to + 3, w3);
			put(to + 4, w4);
			put(to + 5, w5);
			put(to + 6, w6);
			put(to + 7, w7);
		}
	}
}

/*
 * What the memory takes of such data: one page's words over and over. Zeros
 * show why it must not be zeros: there are CPUs that write them much faster.
 */
static inline __attribute__((always_inline))
void fill_words(struct page *page, unsigned long nr, const unsigned long *words)
{
	const unsigned long w0 = words[0], w1 = words[1], w2 = words[2], w3 = words[3],
			    w4 = words[4], w5 = words[5], w6 = words[6], w7 = words[7];
	unsigned long *to = (unsigned long *)page;
	unsigned long *end = to + nr * PAGE_WORDS;

	for (; to < end; to += PAGE_WORDS) {
		stream(to, w0);
		stream(to + 1, w1);
		stream(to + 2, w2);
		stream(to + 3, w3);
		stream(to + 4, w4);
		stream(to + 5, w5);
		stream(to + 6, w6);
		stream(to + 7, w7);
	}
	drain();
}

static void fill(struct page *page, unsigned long nr)
{
	fill_words(page, nr, pattern);
}

static void fill_zeros(struct page *page, unsigned long nr)
{
	static const unsigned long zeros[PAGE_WORDS];

	fill_words(page, nr, zeros);
}

static void ordinary(struct page *page, unsigned long nr)
{
	write_pages(page, nr, 1, store);
}

static void movnti_1(struct page *page, unsigned long nr)
{
	write_pages(page, nr, 1, stream);
	drain();
}

static void movnti_4(struct page *page, unsigned long nr)
{
	write_pages(page, nr, 4, stream);
	drain();
}

static void movnti_8(struct page *page, unsigned long nr)
{
	write_pages(page, nr, 8, stream);
	drain();
}

/* The words are read from memory for each page */
static void copy_movnti(struct page *page, unsigned long nr)
{
	unsigned long *to = (unsigned long *)page;
	unsigned long *end = to + nr * PAGE_WORDS;

	for (; to < end; to += PAGE_WORDS) {
		unsigned long self = (unsigned long)(to + 1);

		stream(to, load(pattern));
		stream(to + 1, self);
		stream(to + 2, self);
#pragma GCC unroll 8
		for (int i = 3; i < PAGE_WORDS; i++)
			stream(to + i, load(pattern + i));
	}
	drain();
}

static void sse2(struct page *page, unsigned long nr)
{
	char *to = (char *)page, *end = to + nr * PAGE_BYTES;
	unsigned long self = (unsigned long)to + sizeof(long);
	unsigned long first[2] = { pattern[0], self };
	unsigned long second[2] = { self, pattern[3] };
	unsigned long first_step[2] = { 0, PAGE_BYTES };
	unsigned long second_step[2] = { PAGE_BYTES, 0 };

	asm volatile(
		"	movdqu	%[first], %%xmm0\n"
		"	movdqu	%[second], %%xmm1\n"
		"	movdqa	32(%[pattern]), %%xmm2\n"
		"	movdqa	48(%[pattern]), %%xmm3\n"
		"	movdqu	%[first_step], %%xmm4\n"
		"	movdqu	%[second_step], %%xmm5\n"
		"1:	movntdq	%%xmm0, (%[to])\n"
		"	movntdq	%%xmm1, 16(%[to])\n"
		"	movntdq	%%xmm2, 32(%[to])\n"
		"	movntdq	%%xmm3, 48(%[to])\n"
		"	paddq	%%xmm4, %%xmm0\n"
		"	paddq	%%xmm5, %%xmm1\n"
		"	add	$64, %[to]\n"
		"	cmp	%[end], %[to]\n"
		"	jb	1b\n"
		: [to] "+r" (to)
		: [end] "r" (end), [pattern] "r" (pattern),
		  [first] "m" (first), [second] "m" (second),
		  [first_step] "m" (first_step), [second_step] "m" (second_step)
		: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "memory", "cc");
	drain();
}

static int has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}

static void avx512(struct page *page, unsigned long nr)
{
	char *to = (char *)page, *end = to + nr * PAGE_BYTES;
	unsigned long self = (unsigned long)to + sizeof(long);
	unsigned long words[PAGE_WORDS] = {
		pattern[0], self, self, pattern[3],
		pattern[4], pattern[5], pattern[6], pattern[7],
	};
	unsigned long step[PAGE_WORDS] = { 0, PAGE_BYTES, PAGE_BYTES };

	asm volatile(
		"	vmovdqu64 %[words], %%zmm16\n"
		"	vmovdqu64 %[step], %%zmm17\n"
		"1:	vmovntdq  %%zmm16, (%[to])\n"
		"	vpaddq	  %%zmm17, %%zmm16, %%zmm16\n"
		"	add	  $64, %[to]\n"
		"	cmp	  %[end], %[to]\n"
		"	jb	  1b\n"
		: [to] "+r" (to)
		: [end] "r" (end), [words] "m" (words), [step] "m" (step)
		: "memory", "cc");
	drain();
}

static int has_movdir64b(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx & (1u << 28));
}

/* The list head is put into a page in the cache, which is then copied whole */
static void movdir64b(struct page *page, unsigned long nr)
{
	unsigned long copy[PAGE_WORDS] __attribute__((aligned(64)));
	unsigned long *to = (unsigned long *)page;
	unsigned long *end = to + nr * PAGE_WORDS;

	for (int i = 0; i < PAGE_WORDS; i++)
		copy[i] = pattern[i];
	for (; to < end; to += PAGE_WORDS) {
		unsigned long self = (unsigned long)(to + 1);

		store(copy + 1, self);
		store(copy + 2, self);
		/* movdir64b (%rdx), %rax: not every assembler knows the name */
		asm volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x02"
			     : : "a" (to), "d" (copy) : "memory");
	}
	drain();
}

const struct form forms[] = {
	{ "stock",		base_init,	0 },
	{ "series",		series_init,	1 },
	{ "fill",		fill,		1,	.bare = 1 },
	{ "device",		device_init,	1,	.bare = 1 },
	{ "zeros",		fill_zeros,	1,	.bare = 1 },
	{ "ordinary",		ordinary,	1 },
	{ "movnti",		movnti_1,	1 },
	{ "movnti-x4",		movnti_4,	4 },
	{ "movnti-x8",		movnti_8,	8 },
	{ "movnti-copy",	copy_movnti,	1 },
	{ "sse2",		sse2,		1 },
	{ "avx512",		avx512,		1,	.usable = has_avx512 },
	{ "movdir64b",		movdir64b,	1,	.usable = has_movdir64b },
	{ NULL }
};
