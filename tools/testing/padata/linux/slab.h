/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_SLAB_H
#define _PADATA_TEST_SLAB_H

#include <stdlib.h>

#include <linux/types.h>

static inline void *kcalloc(size_t nr, size_t size, gfp_t gfp)
{
	return calloc(nr, size);
}

#endif /* _PADATA_TEST_SLAB_H */
