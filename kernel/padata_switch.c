// SPDX-License-Identifier: GPL-2.0
/*
 * padata_switch.c - whether multithreaded jobs have helpers at all
 */

#include <linux/compiler.h>
#include <linux/init.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/sysctl.h>

#include "padata_run.h"

static const char * const padata_switch_names[] = {
	[PADATA_HELPERS_ON]	= "on",
	[PADATA_HELPERS_OFF]	= "off",
	[PADATA_HELPERS_POWER]	= "power",
};

/* Written at any time, and read once for each job. */
enum padata_switch padata_switch;

/**
 * padata_helpers_on - whether a job may have helpers
 *
 * Context: Process context, may sleep.
 * Return: False if its caller has to do all of it.
 */
bool padata_helpers_on(void)
{
	switch (READ_ONCE(padata_switch)) {
	case PADATA_HELPERS_OFF:
		return false;
	case PADATA_HELPERS_POWER:
		return !padata_power_saves();
	case PADATA_HELPERS_ON:
	default:
		return true;
	}
}

static int padata_switch_set(const char *name)
{
	int setting = match_string(padata_switch_names,
				   ARRAY_SIZE(padata_switch_names), name);

	if (setting < 0)
		return -EINVAL;
	WRITE_ONCE(padata_switch, setting);
	return 0;
}

static int __init padata_switch_setup(char *name)
{
	if (padata_switch_set(name))
		pr_warn("padata: padata_helpers=%s is none of on, off, power: ignored\n",
			name);
	return 1;
}
__setup("padata_helpers=", padata_switch_setup);

#ifdef CONFIG_SYSCTL
static int padata_switch_sysctl(const struct ctl_table *table, int write,
				void *buffer, size_t *lenp, loff_t *ppos)
{
	char name[16];
	struct ctl_table copy = {
		.procname	= table->procname,
		.data		= name,
		.maxlen		= sizeof(name),
		.mode		= table->mode,
	};
	int err;

	strscpy(name, padata_switch_names[READ_ONCE(padata_switch)]);
	err = proc_dostring(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	return padata_switch_set(strim(name));
}

static struct ctl_table padata_switch_table[] = {
	{
		.procname	= "padata_helpers",
		.mode		= 0644,
		.proc_handler	= padata_switch_sysctl,
	},
};

static int __init padata_switch_sysctl_init(void)
{
	register_sysctl_init("kernel", padata_switch_table);
	return 0;
}
late_initcall(padata_switch_sysctl_init);
#endif
