// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what turns the helpers of multithreaded jobs off.
 *
 * A cpufreq driver that only remembers what it is told stands in for a machine
 * that can change its frequencies.
 */

#include <kunit/test.h>
#include <linux/array_size.h>
#include <linux/cpufreq.h>
#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/padata.h>
#include <linux/rwsem.h>

#include "../padata_run.h"
#include "../workqueue_internal.h"

static int count_calls(unsigned long start, unsigned long end, void *arg)
{
	atomic_inc(arg);
	return 0;
}

/* Without helpers all of a job is one call, else it is many. */
static bool has_helpers(struct kunit *test)
{
	atomic_t nr_calls = ATOMIC_INIT(0);
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = count_calls,
			     .fn_arg = &nr_calls,
			     .size = 1000,
			     .align = 1,
			     .max_threads = INT_MAX,
			     .spread_nodes = true);

	KUNIT_EXPECT_EQ(test, padata_do_multithreaded(&job), 0);
	return atomic_read(&nr_calls) > 1;
}

static void need_a_helper(struct kunit *test)
{
	if (cpumask_weight_and(wq_unbound_cpus(), cpu_online_mask) < 2)
		kunit_skip(test, "needs 2 CPUs that helpers may use");
}

static void power_switch(struct kunit *test)
{
	enum padata_switch old = padata_switch;

	need_a_helper(test);
	padata_switch = PADATA_HELPERS_ON;
	KUNIT_EXPECT_TRUE(test, has_helpers(test));
	padata_switch = PADATA_HELPERS_OFF;
	KUNIT_EXPECT_FALSE(test, has_helpers(test));
	padata_switch = old;
}

#ifdef CONFIG_CPU_FREQ

static void power_policies(struct kunit *test)
{
	static const struct {
		const char	*governor;
		unsigned int	policy;
		bool		saves;
	} cases[] = {
		{ "powersave", CPUFREQ_POLICY_UNKNOWN, true },
		{ "conservative", CPUFREQ_POLICY_UNKNOWN, true },
		{ "performance", CPUFREQ_POLICY_UNKNOWN, false },
		{ "ondemand", CPUFREQ_POLICY_UNKNOWN, false },
		{ "schedutil", CPUFREQ_POLICY_UNKNOWN, false },
		{ "userspace", CPUFREQ_POLICY_UNKNOWN, false },
		{ "", CPUFREQ_POLICY_POWERSAVE, false },
		{ NULL, CPUFREQ_POLICY_POWERSAVE, true },
		{ NULL, CPUFREQ_POLICY_PERFORMANCE, false },
		{ NULL, CPUFREQ_POLICY_UNKNOWN, false },
	};
	struct cpufreq_policy *policy;
	struct cpufreq_governor *governor;
	unsigned int i;

	policy = kunit_kzalloc(test, sizeof(*policy), GFP_KERNEL);
	governor = kunit_kzalloc(test, sizeof(*governor), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, policy);
	KUNIT_ASSERT_NOT_NULL(test, governor);

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		policy->governor = NULL;
		if (cases[i].governor) {
			strscpy(governor->name, cases[i].governor);
			policy->governor = governor;
		}
		policy->policy = cases[i].policy;
		KUNIT_EXPECT_EQ(test, padata_policy_saves(policy),
				cases[i].saves);
	}
}

static int fake_init(struct cpufreq_policy *policy)
{
	policy->cpuinfo.min_freq = 1000000;
	policy->cpuinfo.max_freq = 2000000;
	policy->min = policy->cpuinfo.min_freq;
	policy->max = policy->cpuinfo.max_freq;
	policy->policy = CPUFREQ_POLICY_PERFORMANCE;
	return 0;
}

static int fake_verify(struct cpufreq_policy_data *policy)
{
	return 0;
}

static int fake_setpolicy(struct cpufreq_policy *policy)
{
	return 0;
}

static struct cpufreq_driver fake_driver = {
	.name		= "padata-kunit",
	.init		= fake_init,
	.verify		= fake_verify,
	.setpolicy	= fake_setpolicy,
};

static bool set_policy(int cpu, unsigned int setting)
{
	struct cpufreq_policy *policy = cpufreq_cpu_get(cpu);

	if (!policy)
		return false;
	down_write(&policy->rwsem);
	policy->policy = setting;
	up_write(&policy->rwsem);
	cpufreq_cpu_put(policy);
	return true;
}

/* Off while each CPU saves, and for as long as the switch says so only. */
static void power_saves(struct kunit *test)
{
	enum padata_switch old = padata_switch;
	int cpu, nr_set = 0;

	need_a_helper(test);
	if (cpufreq_get_current_driver())
		kunit_skip(test, "this machine has a cpufreq driver of its own");

	/* No driver, nothing to go by. */
	padata_switch = PADATA_HELPERS_POWER;
	KUNIT_EXPECT_TRUE(test, has_helpers(test));

	KUNIT_ASSERT_EQ(test, cpufreq_register_driver(&fake_driver), 0);
	for_each_online_cpu(cpu) {
		set_policy(cpu, CPUFREQ_POLICY_PERFORMANCE);
	}
	for_each_online_cpu(cpu) {
		KUNIT_EXPECT_TRUE(test, has_helpers(test));
		nr_set += set_policy(cpu, CPUFREQ_POLICY_POWERSAVE);
	}
	KUNIT_EXPECT_GT(test, nr_set, 0);
	KUNIT_EXPECT_FALSE(test, has_helpers(test));

	padata_switch = PADATA_HELPERS_ON;
	KUNIT_EXPECT_TRUE(test, has_helpers(test));

	padata_switch = PADATA_HELPERS_POWER;
	set_policy(cpumask_last(cpu_online_mask), CPUFREQ_POLICY_PERFORMANCE);
	KUNIT_EXPECT_TRUE(test, has_helpers(test));

	cpufreq_unregister_driver(&fake_driver);
	padata_switch = old;
}

#endif /* CONFIG_CPU_FREQ */

static struct kunit_case padata_power_cases[] = {
	KUNIT_CASE(power_switch),
#ifdef CONFIG_CPU_FREQ
	KUNIT_CASE(power_policies),
	KUNIT_CASE(power_saves),
#endif
	{}
};

static struct kunit_suite padata_power_suite = {
	.name		= "padata_power",
	.test_cases	= padata_power_cases,
};

kunit_test_suite(padata_power_suite);

MODULE_DESCRIPTION("KUnit tests of the switch of padata's multithreaded jobs");
MODULE_LICENSE("GPL");
