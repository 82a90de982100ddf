/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the bench know of each other: base.c and series.c are
 * compiled as parts of the kernel, the others as a program.
 */
#ifndef BENCH_H
#define BENCH_H

struct page;

/* Make @nr struct pages ready for the free list */
typedef void (*init_fn)(struct page *page, unsigned long nr);

/* base.c */
void base_init(struct page *page, unsigned long nr);
void make_pattern(struct page *pattern);
extern const unsigned long struct_page_size, struct_page_lru, block_pages;

/* series.c */
void series_init(struct page *page, unsigned long nr);
void device_init(struct page *page, unsigned long nr);

/* forms.c: other ways to write the same, and a bare fill with zeros */
#define PAGE_WORDS	8

struct form {
	const char *name;
	init_fn init;
	unsigned long granule;		/* takes multiples of it; 0: whole blocks */
	int bare;			/* does not leave what the base's loops leave */
	int (*usable)(void);		/* NULL: on every x86-64 CPU */
};

extern const struct form forms[];
void forms_set_pattern(const unsigned long *words);

/* clear.c: the first that is usable; memory is counted in struct pages here, too */
extern const struct form clear_forms[];

#endif
