/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_TOPOLOGY_H
#define _PADATA_TEST_TOPOLOGY_H

/* Nodes in a row, each as far from the next, unless a test has others. */

#include <linux/cpumask.h>
#include <linux/numa.h>

#define LOCAL_DISTANCE		10

#ifdef OTHER_DISTANCES
int node_distance(int from, int to);
#else
static inline int node_distance(int from, int to)
{
#ifdef BREAK_DISTANCE
	return LOCAL_DISTANCE;
#else
	return LOCAL_DISTANCE * (1 + (from < to ? to - from : from - to));
#endif
}
#endif

int cpu_to_node(int cpu);
const struct cpumask *cpumask_of_node(int node);

#endif /* _PADATA_TEST_TOPOLOGY_H */
