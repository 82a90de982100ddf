// SPDX-License-Identifier: GPL-2.0
/*
 * A client of padata's multithreaded jobs: the module of Documentation/client.md
 *
 * It runs four jobs when it is loaded, looks at every unit of each, and says
 * what it found.  The first three go over the numbers 1, 2, 3, ...  From each of
 * them a chain leads down to 1: n / 2 follows an even number n, and 3 * n + 1 an
 * odd one.  The module notes how many numbers each chain has.  That is easy to
 * check, takes longer for some numbers than for others, and has a known outcome:
 * below a million 837799 has the longest chain, of 525 numbers.  The fourth job
 * goes along a list, and gives each entry an array of sorted values.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/padata.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/vmalloc.h>

static unsigned long numbers = 999999;
module_param(numbers, ulong, 0444);
MODULE_PARM_DESC(numbers, "Chains to count, from that of 1 on");

static int threads = INT_MAX;
module_param(threads, int, 0444);
MODULE_PARM_DESC(threads, "Most threads of each job (as many as pay off)");

static unsigned long fail_at = ULONG_MAX;
module_param(fail_at, ulong, 0444);
MODULE_PARM_DESC(fail_at, "Number, and list entry, at which jobs fail (none)");

static unsigned long kill_at = ULONG_MAX;
module_param(kill_at, ulong, 0444);
MODULE_PARM_DESC(kill_at, "Number at which the caller of a job is killed (none)");

#define MAX_NUMBERS	1000000000UL

/* The lengths of so many numbers are in one cache line ... */
#define GRAIN		(SMP_CACHE_BYTES / sizeof(u16))
/* ... and so many take about a millisecond. */
#define MIN_CHUNK	4096

#define NR_BUCKETS	256
#define BUCKET_SIZE	512

/**
 * struct chains - what the jobs over numbers work on
 * @length: How long the chain of each number is; 0 while that is not known.
 * @longest: The number with the longest chain; the lowest if there are more.
 *	     0 while there is none.
 * @lock: Protects @longest.
 * @caller: The thread that runs the job.
 */
struct chains {
	u16			*length;
	unsigned long		longest;
	struct mutex		lock;		/* of @longest */
	struct task_struct	*caller;
};

/* How many numbers lead from @number to 1, both of them included. */
static u16 chain_length(u64 number)
{
	u16 length = 1;

	for (; number != 1; length++)
		number = number % 2 ? 3 * number + 1 : number / 2;
	return length;
}

static void note_longest(struct chains *chains, unsigned long number)
{
	u16 length = chains->length[number];
	u16 longest;

	mutex_lock(&chains->lock);
	longest = chains->length[chains->longest];
	if (length > longest ||
	    (length == longest && number < chains->longest))
		chains->longest = number;
	mutex_unlock(&chains->lock);
}

static void undo_chains(unsigned long start, unsigned long end, void *arg)
{
	struct chains *chains = arg;

	memset(&chains->length[start], 0, (end - start) * sizeof(u16));
}

static int do_chains(unsigned long start, unsigned long end, void *arg)
{
	struct chains *chains = arg;
	unsigned long number, longest = start;

	for (number = start; number < end; number++) {
		if (number == fail_at) {
			undo_chains(start, number, chains);
			return -EIO;
		}
		chains->length[number] = chain_length(number);
		if (chains->length[number] > chains->length[longest])
			longest = number;
		cond_resched();
	}

	/* Once a chunk: no two threads fight for the lock. */
	note_longest(chains, longest);
	return 0;
}

static int count_chains(struct chains *chains)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = do_chains,
			     .undo_fn = undo_chains,
			     .fn_arg = chains,
			     .start = 1,
			     .size = numbers,
			     .align = GRAIN,
			     .min_chunk = MIN_CHUNK,
			     .max_threads = threads);

	return padata_do_multithreaded(&job);
}

static int node_of(const u16 *entry)
{
	return page_to_nid(vmalloc_to_page(entry));
}

/* The same, but padata is told on which nodes the memory is. */
static int count_chains_by_node(struct chains *chains)
{
	unsigned long middle = max(ALIGN_DOWN(numbers / 2, GRAIN), 1UL);
	struct padata_mt_range ranges[] = {
		{
			.start = 1,
			.size = middle - 1,
			.node = node_of(&chains->length[1]),
		}, {
			.start = middle,
			.size = numbers + 1 - middle,
			.node = node_of(&chains->length[middle]),
		},
	};
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = do_chains,
			     .undo_fn = undo_chains,
			     .fn_arg = chains,
			     .ranges = ranges,
			     .nr_ranges = ARRAY_SIZE(ranges),
			     .align = GRAIN,
			     .min_chunk = MIN_CHUNK,
			     .max_threads = threads);

	return padata_do_multithreaded(&job);
}

/* With kill_at, acts as if someone killed the caller meanwhile. */
static int do_chains_till_killed(unsigned long start, unsigned long end,
				 void *arg)
{
	struct chains *chains = arg;

	if (end > kill_at)
		send_sig(SIGKILL, chains->caller, 1);
	return do_chains(start, end, arg);
}

static int count_chains_killable(struct chains *chains)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = do_chains_till_killed,
			     .undo_fn = undo_chains,
			     .fn_arg = chains,
			     .start = 1,
			     .size = numbers,
			     .align = GRAIN,
			     .min_chunk = MIN_CHUNK,
			     .max_threads = threads,
			     .killable = true);

	chains->caller = current;
	return padata_do_multithreaded(&job);
}

/* Whether each chain is right, or after an error no length is left. */
static bool chains_are_good(const struct chains *chains, int err)
{
	unsigned long number, longest = 1;

	if (err)
		return !memchr_inv(chains->length, 0,
				   (1 + numbers) * sizeof(u16));

	for (number = 1; number <= numbers; number++) {
		if (chains->length[number] != chain_length(number))
			return false;
		if (chains->length[number] > chains->length[longest])
			longest = number;
		cond_resched();
	}
	return longest == chains->longest;
}

/* Run one of the jobs over numbers, and look at its result. */
static int try_chains(const char *name, int (*count)(struct chains *chains))
{
	struct chains chains = {};
	bool good;
	int err;

	mutex_init(&chains.lock);
	chains.length = vzalloc((1 + numbers) * sizeof(u16));
	if (!chains.length)
		return -ENOMEM;

	err = count(&chains);
	good = chains_are_good(&chains, err);
	if (err)
		pr_info("%s: error %d, all undone: %s\n", name, err,
			good ? "verified" : "WRONG");
	else
		pr_info("%s: %lu has the longest chain, %u numbers: %s\n", name,
			chains.longest, chains.length[chains.longest],
			good ? "verified" : "WRONG");

	vfree(chains.length);
	mutex_destroy(&chains.lock);
	return good ? 0 : -EILSEQ;
}

/**
 * struct bucket - an entry of a list, and the unit of the job that goes along it
 * @link: To the next one.
 * @number: Its place on the list, counted from 0.
 * @values: BUCKET_SIZE sorted values; NULL while there are none.
 */
struct bucket {
	struct list_head	link;
	unsigned int		number;
	u32			*values;
};

static int compare_values(const void *left, const void *right)
{
	u32 a = *(const u32 *)left, b = *(const u32 *)right;

	return a < b ? -1 : a > b;
}

static int fill_bucket(struct bucket *bucket)
{
	u32 i;

	if (bucket->number == fail_at)
		return -EIO;
	bucket->values = kmalloc_array(BUCKET_SIZE, sizeof(u32), GFP_KERNEL);
	if (!bucket->values)
		return -ENOMEM;

	for (i = 0; i < BUCKET_SIZE; i++)
		bucket->values[i] = hash_32(bucket->number * BUCKET_SIZE + i, 32);
	sort(bucket->values, BUCKET_SIZE, sizeof(u32), compare_values, NULL);
	return 0;
}

/* Positions of the job are the links of buckets; the end is the list's head. */
static unsigned long next_bucket(unsigned long pos, unsigned long nr_units,
				 void *arg)
{
	struct list_head *link = (struct list_head *)pos;

	while (nr_units--)
		link = link->next;
	return (unsigned long)link;
}

static void undo_buckets(unsigned long start, unsigned long end, void *arg)
{
	struct list_head *link = (struct list_head *)start;

	for (; link != (struct list_head *)end; link = link->next) {
		struct bucket *bucket = list_entry(link, struct bucket, link);

		kfree(bucket->values);
		bucket->values = NULL;
	}
}

static int do_buckets(unsigned long start, unsigned long end, void *arg)
{
	struct list_head *link = (struct list_head *)start;

	for (; link != (struct list_head *)end; link = link->next) {
		int err = fill_bucket(list_entry(link, struct bucket, link));

		if (err) {
			undo_buckets(start, (unsigned long)link, arg);
			return err;
		}
	}
	return 0;
}

static int fill_buckets(struct list_head *buckets)
{
	DEFINE_PADATA_MT_JOB(job,
			     .thread_fn = do_buckets,
			     .undo_fn = undo_buckets,
			     .next_fn = next_bucket,
			     .start = (unsigned long)buckets->next,
			     .size = NR_BUCKETS,
			     .align = 1,
			     .min_chunk = 16,
			     .max_threads = threads);

	return padata_do_multithreaded(&job);
}

static bool bucket_is_sorted(const struct bucket *bucket)
{
	unsigned int i;

	if (!bucket->values)
		return false;
	for (i = 1; i < BUCKET_SIZE; i++) {
		if (bucket->values[i - 1] > bucket->values[i])
			return false;
	}
	return true;
}

/* Whether each bucket has its values, or after an error none has any. */
static bool buckets_are_good(const struct list_head *buckets, int err)
{
	const struct bucket *bucket;

	list_for_each_entry(bucket, buckets, link) {
		if (err ? !!bucket->values : !bucket_is_sorted(bucket))
			return false;
	}
	return true;
}

static int try_buckets(void)
{
	struct bucket *all;
	LIST_HEAD(buckets);
	unsigned int i;
	bool good;
	int err;

	all = kcalloc(NR_BUCKETS, sizeof(*all), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	for (i = 0; i < NR_BUCKETS; i++) {
		all[i].number = i;
		list_add_tail(&all[i].link, &buckets);
	}

	err = fill_buckets(&buckets);
	good = buckets_are_good(&buckets, err);
	if (err)
		pr_info("list: error %d, all undone: %s\n", err,
			good ? "verified" : "WRONG");
	else
		pr_info("list: %u buckets of %u sorted values: %s\n", NR_BUCKETS,
			BUCKET_SIZE, good ? "verified" : "WRONG");

	undo_buckets((unsigned long)buckets.next, (unsigned long)&buckets, NULL);
	kfree(all);
	return good ? 0 : -EILSEQ;
}

static int __init padata_client_init(void)
{
	int err;

	if (numbers < 1 || numbers > MAX_NUMBERS) {
		pr_err("numbers is from 1 to %lu\n", MAX_NUMBERS);
		return -EINVAL;
	}

	err = try_chains("numbers", count_chains);
	if (!err)
		err = try_chains("by node", count_chains_by_node);
	if (!err)
		err = try_chains("killable", count_chains_killable);
	if (!err)
		err = try_buckets();
	return err;
}
module_init(padata_client_init);

/* Nothing is left to do, but without this function no module can be removed. */
static void __exit padata_client_exit(void)
{
}
module_exit(padata_client_exit);

MODULE_DESCRIPTION("A client of padata's multithreaded jobs");
MODULE_LICENSE("GPL");
