/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_INIT_H
#define _PADATA_TEST_INIT_H

/* The tests call these themselves. */

#define __init
#define __ro_after_init

extern int (*const end_boot)(void);
extern int (*const helpers_percent_option)(char *arg);

#define late_initcall_sync(fn)	int (*const end_boot)(void) = fn
#define __setup(str, fn)	int (*const helpers_percent_option)(char *arg) = fn

#endif /* _PADATA_TEST_INIT_H */
