/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_COMPLETION_H
#define _PADATA_TEST_COMPLETION_H

/* For members of structures that are declared but never used here. */
struct completion { };

#endif /* _PADATA_TEST_COMPLETION_H */
