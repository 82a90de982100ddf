/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PADATA_TEST_PRINTK_H
#define _PADATA_TEST_PRINTK_H

/* Every time: the tests want to see the warning of each job. */
#define pr_warn_once	note_warning
#define pr_warn		note_warning

void note_warning(const char *fmt, ...);

#endif /* _PADATA_TEST_PRINTK_H */
