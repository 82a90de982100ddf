/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_NODEMASK_H
#define _PADATA_TEST_NODEMASK_H

/* Nodes are numbered without gaps, and each of them has CPUs. */

#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/numa.h>

enum node_states {
	N_CPU,
	NR_NODE_STATES
};

static const int node_states[NR_NODE_STATES] __maybe_unused;

extern unsigned int nr_node_ids;

#define num_node_state(state)	((void)(state), (int)nr_node_ids)

static inline int next_node_in(int node, int nodes)
{
	visits.nodes++;
	return (node + 1) % nr_node_ids;
}

#define for_each_node_state(node, state)				\
	for ((void)(state), (node) = 0; (node) < (int)nr_node_ids;	\
	     visits.nodes++, (node)++)

#endif /* _PADATA_TEST_NODEMASK_H */
