/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_CPUMASK_H
#define _PADATA_TEST_CPUMASK_H

/* As much of the kernel's masks of CPUs as padata uses, with what they cost. */

#include <linux/types.h>

#define NR_CPUS		8192
#define MASK_WORDS	(NR_CPUS / 64)

struct cpumask {
	unsigned long long bits[MASK_WORDS];
};

#define cpumask_t	struct cpumask
#define cpumask_var_t	struct cpumask

/**
 * struct visits - what a thread has looked at
 * @cpus: CPUs that a loop over a mask came to.
 * @words: Words of masks that were read to get there, or to count CPUs.
 * @nodes: Nodes that a loop came to, and distances that were looked up.
 * @atomics: Changes of what all jobs share.
 */
struct visits {
	unsigned long	cpus;
	unsigned long	words;
	unsigned long	nodes;
	unsigned long	atomics;
};

extern __thread struct visits visits;

void schedule_point(void);

extern unsigned int nr_cpu_ids;
extern struct cpumask online_cpus, possible_cpus;

#define cpu_online_mask		((const struct cpumask *)&online_cpus)
#define cpu_possible_mask	((const struct cpumask *)&possible_cpus)

static inline unsigned long long cpumask_word(const struct cpumask *mask,
					      unsigned int i)
{
	return __atomic_load_n(&mask->bits[i], __ATOMIC_RELAXED);
}

static inline bool cpumask_test_cpu(unsigned int cpu, const struct cpumask *mask)
{
	return cpumask_word(mask, cpu / 64) >> cpu % 64 & 1;
}

static inline bool cpu_online(unsigned int cpu)
{
	return cpumask_test_cpu(cpu, cpu_online_mask);
}

static inline void cpumask_set_cpu(unsigned int cpu, struct cpumask *mask)
{
	__atomic_fetch_or(&mask->bits[cpu / 64], 1ULL << cpu % 64,
			  __ATOMIC_RELAXED);
}

static inline void cpumask_clear_cpu(unsigned int cpu, struct cpumask *mask)
{
	visits.atomics++;
	__atomic_fetch_and(&mask->bits[cpu / 64], ~(1ULL << cpu % 64),
			   __ATOMIC_RELAXED);
}

static inline bool cpumask_test_and_set_cpu(unsigned int cpu,
					    struct cpumask *mask)
{
	unsigned long long bit = 1ULL << cpu % 64;
	bool was_set;

	visits.atomics++;
#ifdef BREAK_CLAIM
	was_set = cpumask_word(mask, cpu / 64) & bit;
	schedule_point();
	cpumask_set_cpu(cpu, mask);
#else
	was_set = __atomic_fetch_or(&mask->bits[cpu / 64], bit,
				    __ATOMIC_SEQ_CST) & bit;
#endif
	return was_set;
}

static inline unsigned int cpumask_weight_and(const struct cpumask *one,
					      const struct cpumask *other)
{
	unsigned int i, weight = 0;

	for (i = 0; i * 64 < nr_cpu_ids; i++) {
		visits.words++;
		weight += __builtin_popcountll(cpumask_word(one, i) &
					       cpumask_word(other, i));
	}
	return weight;
}

/* The first CPU from @cpu on that is in both masks; nr_cpu_ids if there is none. */
static inline unsigned int cpumask_find_and(unsigned int cpu,
					    const struct cpumask *one,
					    const struct cpumask *other)
{
	while (cpu < nr_cpu_ids) {
		unsigned long long word = cpumask_word(one, cpu / 64) &
					  cpumask_word(other, cpu / 64);

		visits.words++;
		word = word >> cpu % 64 << cpu % 64;
		if (word) {
			visits.cpus++;
			return cpu / 64 * 64 + __builtin_ctzll(word);
		}
		cpu = (cpu / 64 + 1) * 64;
	}
	return nr_cpu_ids;
}

#define for_each_cpu_and(cpu, one, other)				\
	for ((cpu) = cpumask_find_and(0, one, other);			\
	     (unsigned int)(cpu) < nr_cpu_ids;				\
	     (cpu) = cpumask_find_and((cpu) + 1, one, other))

#endif /* _PADATA_TEST_CPUMASK_H */
