/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_TOPOLOGY_H
#define _PADATA_TEST_TOPOLOGY_H

/* Nodes in a row, each as far from the next. */

#include <linux/numa.h>

#define LOCAL_DISTANCE		10

static inline int node_distance(int from, int to)
{
#ifdef BREAK_DISTANCE
	return LOCAL_DISTANCE;
#else
	return LOCAL_DISTANCE * (1 + (from < to ? to - from : from - to));
#endif
}

#endif /* _PADATA_TEST_TOPOLOGY_H */
