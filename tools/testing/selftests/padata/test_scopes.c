// SPDX-License-Identifier: GPL-2.0
/*
 * A caller that must not wait for a filesystem, for I/O or for other memory must
 * not wait for helpers that do.  So helpers are in the allocation scopes of their
 * caller, and leave them when they leave the job.
 */
#define _GNU_SOURCE

#include <stdio.h>

#include "../kselftest_harness.h"
#include "padata_util.h"

FIXTURE(scopes)
{
	int nr_cpus;
};

FIXTURE_VARIANT(scopes)
{
	const char *words;
};

FIXTURE_VARIANT_ADD(scopes, none) {
	.words = "as_caller=0",
};

FIXTURE_VARIANT_ADD(scopes, nofs) {
	.words = "nofs=1",
};

FIXTURE_VARIANT_ADD(scopes, noio) {
	.words = "noio=1",
};

FIXTURE_VARIANT_ADD(scopes, pin) {
	.words = "pin=1",
};

FIXTURE_VARIANT_ADD(scopes, noreclaim) {
	.words = "noreclaim=1",
};

FIXTURE_VARIANT_ADD(scopes, all) {
	.words = "nofs=1 noio=1 pin=1 noreclaim=1",
};

FIXTURE_VARIANT_ADD(scopes, all_as_caller) {
	.words = "nofs=1 noio=1 pin=1 noreclaim=1 as_caller=1",
};

FIXTURE_SETUP(scopes)
{
	const char *lacks = padata_lacks(NEED_BENCH);
	cpu_set_t cpus;

	if (lacks)
		SKIP(return, "%s", lacks);
	self->nr_cpus = cpus_housekeeping(&cpus);
	if (self->nr_cpus < 2)
		SKIP(return, "one CPU for helpers, and the caller is on it");
}

FIXTURE_TEARDOWN(scopes)
{
}

static void expect_same_scopes(struct __test_metadata *_metadata, int nr,
			       const char *words)
{
	struct bench_result result;

	ASSERT_EQ(0, bench_run("size=%d gather=%d gather_ms=%d %s", 64 * nr, nr,
			       GATHER_ALL_MS, words));
	ASSERT_EQ(0, bench_result(&result));
	EXPECT_LE(1, result.helpers_chunks);
	EXPECT_EQ(0, result.wrong_scopes)
		TH_LOG("of %ld chunks, %ld of them by helpers", result.chunks,
		       result.helpers_chunks);
}

TEST_F_TIMEOUT(scopes, are_those_of_the_caller, 120)
{
	expect_same_scopes(_metadata, self->nr_cpus, variant->words);
}

/* All helpers help again: it may be the same threads. */
TEST_F_TIMEOUT(scopes, end_with_the_job, 240)
{
	ASSERT_EQ(0, bench_run("size=%d gather=%d gather_ms=%d %s",
			       64 * self->nr_cpus, self->nr_cpus, GATHER_ALL_MS,
			       variant->words));
	expect_same_scopes(_metadata, self->nr_cpus, "");
}

TEST_HARNESS_MAIN
