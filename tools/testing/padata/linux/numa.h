/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_NUMA_H
#define _PADATA_TEST_NUMA_H

#define NUMA_NO_NODE	(-1)
#define MAX_NUMNODES	128

#endif /* _PADATA_TEST_NUMA_H */
