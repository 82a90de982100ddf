/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_KOBJECT_H
#define _PADATA_TEST_KOBJECT_H

/* For members of structures that are declared but never used here. */

struct mutex { };

struct kobject { };

#endif /* _PADATA_TEST_KOBJECT_H */
