// SPDX-License-Identifier: GPL-2.0
/*
 * padata_power.c - whether the machine is set to save power
 *
 * Work that is done sooner by more CPUs may take more energy or less; that
 * depends on the machine.  For those who ask for it, padata goes by what cpufreq
 * has been told to do.
 */

#include <linux/cpufreq.h>
#include <linux/cpumask.h>
#include <linux/rwsem.h>
#include <linux/string.h>

#include <kunit/visibility.h>

#include "padata_run.h"

/**
 * padata_policy_saves - whether a policy puts power before speed
 * @policy: The policy, with its rwsem held.
 *
 * Drivers that choose frequencies by themselves have no governor.  Some of them,
 * as intel_pstate, call what others call ondemand "powersave", so on such a
 * machine the name means no more than that somebody chose it.
 *
 * Context: Process context.
 * Return: True if it does.
 */
VISIBLE_IF_KUNIT bool padata_policy_saves(const struct cpufreq_policy *policy)
{
	if (!policy->governor)
		return policy->policy == CPUFREQ_POLICY_POWERSAVE;

	return !strcmp(policy->governor->name, "powersave") ||
	       !strcmp(policy->governor->name, "conservative");
}

/**
 * padata_power_saves - whether all CPUs are set to save power
 *
 * Context: Process context, may sleep.
 * Return: True if there are cpufreq policies, and each that has a CPU online is
 *	   powersave or conservative.
 */
bool padata_power_saves(void)
{
	bool any = false, saves = true;
	int cpu;

	for_each_online_cpu(cpu) {
		struct cpufreq_policy *policy = cpufreq_cpu_get(cpu);

		if (!policy)
			continue;
		down_read(&policy->rwsem);
		any = true;
		saves = padata_policy_saves(policy);
		up_read(&policy->rwsem);
		cpufreq_cpu_put(policy);
		if (!saves)
			break;
	}
	return any && saves;
}
