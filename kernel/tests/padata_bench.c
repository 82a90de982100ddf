// SPDX-License-Identifier: GPL-2.0
/*
 * A benchmark of multithreaded jobs, for user space to run.
 *
 * A line written to /sys/kernel/debug/padata_bench/run runs jobs in the thread
 * that writes, and so with its affinity, priority, cgroups and signals:
 *
 *	echo "jobs=1000 size=4096 threads=4" >/sys/kernel/debug/padata_bench/run
 *	cat /sys/kernel/debug/padata_bench/run
 *
 * Reading gives what came of it, a name and a value on each line.
 *
 * With at_release=1 the jobs run when the file is closed.  A process that ends
 * closes its files late in its exit, so a shell can have jobs there, too.
 *
 * The file "begun" counts the chunks that helpers have begun on each CPU.  It
 * can be read while a job runs.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/padata.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/wait.h>

/* Of a line that is written, its end included. */
#define PADATA_BENCH_LINE	512

/* A unit must end soon after a thread is to give way. */
#define PADATA_BENCH_MAX_WORK	NSEC_PER_MSEC

/* The allocation scopes that the caller of a job can be in. */
#define PADATA_BENCH_SCOPES	(PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO |	\
				 PF_MEMALLOC_PIN | PF_MEMALLOC)

/**
 * struct padata_bench_setup - what to run, as it was written
 * @jobs: How many jobs, one after the other.
 * @size: Units of each.
 * @align: As in struct padata_mt_job.
 * @min_chunk: As in struct padata_mt_job.
 * @threads: Its max_threads.
 * @ranges: Into how many ranges of equal size to divide it, or 0.
 * @killable: Its killable.
 * @as_caller: Its as_caller.
 * @direct: Call the thread function for all of the job, without padata.
 * @work_ns: Computing for each unit, as much as takes so long on a CPU that has
 *	     nothing else to do.  Takes longer on one that has.
 * @gather: Let each call of the thread function wait until so many of them are
 *	    under way at once, so that all threads that a job has do show up.
 * @gather_ms: How long they wait at most, all in all in a job.
 * @nofs: The caller is in the scope of memalloc_nofs_save().
 * @noio: Of memalloc_noio_save().
 * @pin: Of memalloc_pin_save().
 * @noreclaim: Of memalloc_noreclaim_save().
 * @charge: Each unit takes a page, charged to whoever it is for, which is given
 *	    back before the next line runs.
 * @signal: A signal that the caller gets right before each job, or 0.
 * @at_release: Run the jobs when the file is closed.
 */
struct padata_bench_setup {
	unsigned long	jobs;
	unsigned long	size;
	unsigned long	align;
	unsigned long	min_chunk;
	unsigned long	threads;
	unsigned long	ranges;
	unsigned long	killable;
	unsigned long	as_caller;
	unsigned long	direct;
	unsigned long	work_ns;
	unsigned long	gather;
	unsigned long	gather_ms;
	unsigned long	nofs;
	unsigned long	noio;
	unsigned long	pin;
	unsigned long	noreclaim;
	unsigned long	charge;
	unsigned long	signal;
	unsigned long	at_release;
};

static const struct padata_bench_setup padata_bench_defaults = {
	.jobs		= 1,
	.size		= 4096,
	.align		= 1,
	.min_chunk	= 1,
	.threads	= INT_MAX,
	.gather_ms	= 1000,
};

/**
 * struct padata_bench_word - a word of the line
 * @name: What is before the "=".
 * @offset: Of the member of struct padata_bench_setup that it sets.
 * @min: The least value.
 * @max: The greatest value.
 */
struct padata_bench_word {
	const char	*name;
	size_t		offset;
	unsigned long	min;
	unsigned long	max;
};

#define PADATA_BENCH_WORD(_name, _min, _max)				\
	{ #_name, offsetof(struct padata_bench_setup, _name), _min, _max }

/* What padata itself refuses is left to it. */
static const struct padata_bench_word padata_bench_words[] = {
	PADATA_BENCH_WORD(jobs, 1, 1000000),
	PADATA_BENCH_WORD(size, 0, ULONG_MAX),
	PADATA_BENCH_WORD(align, 0, ULONG_MAX),
	PADATA_BENCH_WORD(min_chunk, 0, ULONG_MAX),
	PADATA_BENCH_WORD(threads, 0, INT_MAX),
	PADATA_BENCH_WORD(ranges, 0, 1024),
	PADATA_BENCH_WORD(killable, 0, 1),
	PADATA_BENCH_WORD(as_caller, 0, 1),
	PADATA_BENCH_WORD(direct, 0, 1),
	PADATA_BENCH_WORD(work_ns, 0, PADATA_BENCH_MAX_WORK),
	PADATA_BENCH_WORD(gather, 0, INT_MAX),
	PADATA_BENCH_WORD(gather_ms, 0, 60 * MSEC_PER_SEC),
	PADATA_BENCH_WORD(nofs, 0, 1),
	PADATA_BENCH_WORD(noio, 0, 1),
	PADATA_BENCH_WORD(pin, 0, 1),
	PADATA_BENCH_WORD(noreclaim, 0, 1),
	PADATA_BENCH_WORD(charge, 0, 1),
	PADATA_BENCH_WORD(signal, 0, _NSIG),
	PADATA_BENCH_WORD(at_release, 0, 1),
};

/**
 * struct padata_bench_cpu - what was done on one CPU
 * @helpers_begun: Chunks that helpers began there.
 * @chunks: Chunks that ended there.
 * @helpers_chunks: Those of them that the caller did not do itself.
 * @wrong_scopes: Those in other allocation scopes than the caller's.
 * @units: Units in all of them.
 * @cpu_ns: CPU time that they took, wherever they began.
 */
struct padata_bench_cpu {
	unsigned long	helpers_begun;
	unsigned long	chunks;
	unsigned long	helpers_chunks;
	unsigned long	wrong_scopes;
	unsigned long	units;
	u64		cpu_ns;
};

static DEFINE_PER_CPU(struct padata_bench_cpu, padata_bench_cpus);

/**
 * struct padata_bench_run - a run under way, and the last one
 * @setup: What to run.
 * @caller: The thread that wrote it.
 * @scopes: The PADATA_BENCH_SCOPES that it is in.
 * @loops: Of the computing for each unit.
 * @under_way: Calls of the thread function at this moment.
 * @most: The most of them at a time, in this job.
 * @most_of_all: The most in any job so far.
 * @gathered: Waited on for @most to reach what the setup wants.
 * @gather_until: When to wait no longer, in jiffies.
 * @pages: Those that units have taken.
 * @times: How long each job took, in ns, ascending in the end.
 * @jobs_done: How many of them there are.
 * @total_ns: Their sum.
 * @err: What the last job returned.
 *
 * Protected by padata_bench_lock, but for what the threads of a job share.
 */
struct padata_bench_run {
	struct padata_bench_setup	setup;
	struct task_struct		*caller;
	unsigned int			scopes;
	u64				loops;
	atomic_t			under_way;
	atomic_t			most;
	int				most_of_all;
	wait_queue_head_t		gathered;
	unsigned long			gather_until;
	struct llist_head		pages;
	u64				*times;
	unsigned long			jobs_done;
	u64				total_ns;
	int				err;
};

static DEFINE_MUTEX(padata_bench_lock);
static struct padata_bench_run padata_bench_run;
static struct dentry *padata_bench_dir;

/* How many loops one thread does in how many ns, on a CPU of its own. */
#define PADATA_BENCH_LOOPS	200000
static u64 padata_bench_loops_ns;

/* ---- the work ---------------------------------------------------------- */

static void padata_bench_compute(u64 loops)
{
	unsigned long value = loops;

	for (; loops; loops--) {
		value = value * 5 + 1;
		/* Neither folded into a formula nor left out. */
		OPTIMIZER_HIDE_VAR(value);
	}
}

static void padata_bench_calibrate(void)
{
	int try;

	/* The least is the one that nothing came between. */
	padata_bench_loops_ns = U64_MAX;
	for (try = 0; try < 8; try++) {
		u64 before, after;

		preempt_disable();
		before = ktime_get_ns();
		padata_bench_compute(PADATA_BENCH_LOOPS);
		after = ktime_get_ns();
		preempt_enable();
		padata_bench_loops_ns = min(padata_bench_loops_ns,
					    max(after - before, 1));
	}
}

static void padata_bench_enter(struct padata_bench_run *run)
{
	int under_way = atomic_inc_return(&run->under_way);
	int most = atomic_read(&run->most);

	while (most < under_way) {
		if (!atomic_try_cmpxchg(&run->most, &most, under_way))
			continue;
		if (run->setup.gather)
			wake_up_all(&run->gathered);
		break;
	}
}

static bool padata_bench_all_there(struct padata_bench_run *run)
{
	return atomic_read(&run->most) >= run->setup.gather;
}

static void padata_bench_gather(struct padata_bench_run *run)
{
	long left = run->gather_until - jiffies;

	if (left > 0)
		wait_event_timeout(run->gathered, padata_bench_all_there(run),
				   left);
}

static int padata_bench_take_page(struct padata_bench_run *run)
{
	unsigned long page = __get_free_page(GFP_KERNEL_ACCOUNT);

	if (!page)
		return -ENOMEM;
	llist_add((struct llist_node *)page, &run->pages);
	return 0;
}

static void padata_bench_free_pages(struct padata_bench_run *run)
{
	struct llist_node *page, *next;

	llist_for_each_safe(page, next, llist_del_all(&run->pages))
		free_page((unsigned long)page);
}

/*
 * Since the last tick or switch of tasks: what is missing at the end of a chunk
 * is in the next one, and the sum over a job of many ticks is right.
 */
static u64 padata_bench_cpu_time(void)
{
	return READ_ONCE(current->se.sum_exec_runtime);
}

/* Not inline: called by us and by padata it is to be the same. */
static noinline int padata_bench_fn(unsigned long start, unsigned long end,
				    void *arg)
{
	struct padata_bench_run *run = arg;
	u64 began = padata_bench_cpu_time();
	unsigned long units = end - start;
	struct padata_bench_cpu *this;
	int err = 0;

	if (current != run->caller)
		this_cpu_inc(padata_bench_cpus.helpers_begun);
	padata_bench_enter(run);
	if (run->setup.gather)
		padata_bench_gather(run);

	for (; (run->loops || run->setup.charge) && start < end && !err; start++) {
		padata_bench_compute(run->loops);
		if (run->setup.charge)
			err = padata_bench_take_page(run);
		cond_resched();
	}

	this = get_cpu_ptr(&padata_bench_cpus);
	this->chunks++;
	this->helpers_chunks += current != run->caller;
	this->wrong_scopes += (current->flags & PADATA_BENCH_SCOPES) !=
			      run->scopes;
	this->units += units;
	this->cpu_ns += padata_bench_cpu_time() - began;
	put_cpu_ptr(&padata_bench_cpus);

	atomic_dec(&run->under_way);
	return err;
}

/* ---- running it -------------------------------------------------------- */

static struct padata_mt_range *
padata_bench_ranges(const struct padata_bench_setup *setup)
{
	struct padata_mt_range *ranges;
	unsigned long i, start = 0;
	int node = first_online_node;

	ranges = kvcalloc(setup->ranges, sizeof(*ranges), GFP_KERNEL);
	if (!ranges)
		return NULL;

	for (i = 0; i < setup->ranges; i++) {
		/* The last one takes what the division leaves. */
		unsigned long size = i + 1 < setup->ranges ?
				     setup->size / setup->ranges :
				     setup->size - start;

		ranges[i].start = start;
		ranges[i].size = size;
		ranges[i].node = node;
		start += size;
		node = next_node_in(node, node_online_map);
	}
	return ranges;
}

static unsigned int
padata_bench_enter_scopes(const struct padata_bench_setup *setup)
{
	unsigned int scopes = 0;

	if (setup->nofs)
		scopes |= PF_MEMALLOC_NOFS;
	if (setup->noio)
		scopes |= PF_MEMALLOC_NOIO;
	if (setup->pin)
		scopes |= PF_MEMALLOC_PIN;
	if (setup->noreclaim)
		scopes |= PF_MEMALLOC;
	return memalloc_flags_save(scopes);
}

static int padata_bench_one_job(struct padata_bench_run *run,
				struct padata_mt_range *ranges)
{
	const struct padata_bench_setup *setup = &run->setup;
	DEFINE_PADATA_MT_JOB(job, .thread_fn = padata_bench_fn,
			     .fn_arg = run,
			     .size = ranges ? 0 : setup->size,
			     .align = setup->align,
			     .min_chunk = setup->min_chunk,
			     .max_threads = setup->threads,
			     .killable = setup->killable,
			     .as_caller = setup->as_caller,
			     .ranges = ranges,
			     .nr_ranges = ranges ? setup->ranges : 0);
	unsigned int left;
	u64 began;
	int err;

	atomic_set(&run->most, 0);
	run->gather_until = jiffies + msecs_to_jiffies(setup->gather_ms);
	if (setup->signal)
		send_sig(setup->signal, current, 0);
	left = padata_bench_enter_scopes(setup);
	run->scopes = current->flags & PADATA_BENCH_SCOPES;

	/* Making the job is not part of its cost. */
	barrier_data(&job);
	began = ktime_get_ns();
	if (setup->direct)
		err = padata_bench_fn(0, setup->size, run);
	else
		err = padata_do_multithreaded(&job);
	run->times[run->jobs_done] = ktime_get_ns() - began;
	memalloc_flags_restore(left);

	run->most_of_all = max(run->most_of_all, atomic_read(&run->most));
	return err;
}

static void padata_bench_reset(struct padata_bench_run *run)
{
	int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(&padata_bench_cpus, cpu), 0,
		       sizeof(struct padata_bench_cpu));

	run->loops = div64_u64((u64)run->setup.work_ns * PADATA_BENCH_LOOPS,
			       padata_bench_loops_ns);
	run->caller = current;
	run->most_of_all = 0;
	run->jobs_done = 0;
	run->total_ns = 0;
	run->err = 0;
}

static int padata_bench_cmp(const void *a, const void *b)
{
	u64 one = *(const u64 *)a, other = *(const u64 *)b;

	return one < other ? -1 : one > other;
}

static int padata_bench_all_jobs(struct padata_bench_run *run)
{
	struct padata_mt_range *ranges = NULL;

	padata_bench_free_pages(run);
	kvfree(run->times);
	run->jobs_done = 0;
	run->times = kvcalloc(run->setup.jobs, sizeof(*run->times), GFP_KERNEL);
	if (run->setup.ranges)
		ranges = padata_bench_ranges(&run->setup);
	if (!run->times || (run->setup.ranges && !ranges)) {
		kvfree(ranges);
		return -ENOMEM;
	}

	padata_bench_reset(run);
	while (!run->err && run->jobs_done < run->setup.jobs) {
		run->err = padata_bench_one_job(run, ranges);
		run->total_ns += run->times[run->jobs_done++];
		/* What a signal stops are the jobs that have not begun. */
		if (!run->err && run->jobs_done < run->setup.jobs &&
		    signal_pending(current))
			run->err = -EINTR;
		cond_resched();
	}
	sort(run->times, run->jobs_done, sizeof(*run->times), padata_bench_cmp,
	     NULL);
	kvfree(ranges);
	return run->err;
}

/* ---- the file ---------------------------------------------------------- */

static const struct padata_bench_word *padata_bench_find(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(padata_bench_words); i++)
		if (!strcmp(padata_bench_words[i].name, name))
			return &padata_bench_words[i];
	return NULL;
}

static int padata_bench_set(struct padata_bench_setup *setup, char *text)
{
	const struct padata_bench_word *word;
	char *name = strsep(&text, "=");
	unsigned long value;

	word = padata_bench_find(name);
	if (!word) {
		pr_err("no setting \"%s\"\n", name);
		return -EINVAL;
	}
	if (!text || kstrtoul(text, 0, &value) || value < word->min ||
	    value > word->max) {
		pr_err("%s takes a number from %lu to %lu, not \"%s\"\n", name,
		       word->min, word->max, text ?: "");
		return -EINVAL;
	}
	*(unsigned long *)((void *)setup + word->offset) = value;
	return 0;
}

static int padata_bench_parse(struct padata_bench_setup *setup, char *line)
{
	char *word;
	int err;

	*setup = padata_bench_defaults;
	line = strim(line);
	while ((word = strsep(&line, " \t\n"))) {
		if (!*word)
			continue;
		err = padata_bench_set(setup, word);
		if (err)
			return err;
	}
	return 0;
}

/* Keep a line for padata_bench_release(), in place of one that is there. */
static int padata_bench_keep(struct file *file,
			     const struct padata_bench_setup *setup)
{
	struct seq_file *seq = file->private_data;
	struct padata_bench_setup *kept;

	kept = kmemdup(setup, sizeof(*setup), GFP_KERNEL);
	if (!kept)
		return -ENOMEM;
	/* Threads may share the file. */
	kfree(xchg(&seq->private, kept));
	return 0;
}

static ssize_t padata_bench_write(struct file *file, const char __user *from,
				  size_t length, loff_t *pos)
{
	struct padata_bench_run *run = &padata_bench_run;
	struct padata_bench_setup setup;
	char *line;
	int err;

	if (length >= PADATA_BENCH_LINE) {
		pr_err("a line has less than %d characters\n",
		       PADATA_BENCH_LINE);
		return -EINVAL;
	}
	line = memdup_user_nul(from, length);
	if (IS_ERR(line))
		return PTR_ERR(line);
	err = padata_bench_parse(&setup, line);
	kfree(line);
	if (err)
		return err;
	if (setup.at_release)
		return padata_bench_keep(file, &setup) ?: length;

	err = mutex_lock_interruptible(&padata_bench_lock);
	if (err)
		return err;
	run->setup = setup;
	err = padata_bench_all_jobs(run);
	mutex_unlock(&padata_bench_lock);
	return err ?: length;
}

static void padata_bench_show_times(struct seq_file *seq,
				    const struct padata_bench_run *run)
{
	seq_printf(seq, "wall_min_ns %llu\n", run->times[0]);
	seq_printf(seq, "wall_median_ns %llu\n", run->times[run->jobs_done / 2]);
	seq_printf(seq, "wall_max_ns %llu\n", run->times[run->jobs_done - 1]);
	seq_printf(seq, "wall_mean_ns %llu\n",
		   div64_u64(run->total_ns, run->jobs_done));
	seq_printf(seq, "wall_ns %llu\n", run->total_ns);
}

static void padata_bench_show_cpus(struct seq_file *seq,
				   const struct padata_bench_run *run)
{
	u64 chunks = 0, wrong_scopes = 0, units = 0, cpu_ns = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		chunks += per_cpu(padata_bench_cpus, cpu).chunks;
		wrong_scopes += per_cpu(padata_bench_cpus, cpu).wrong_scopes;
		units += per_cpu(padata_bench_cpus, cpu).units;
		cpu_ns += per_cpu(padata_bench_cpus, cpu).cpu_ns;
	}
	seq_printf(seq, "cpu_ns %llu\n", cpu_ns);
	seq_printf(seq, "units %llu\n", units);
	seq_printf(seq, "chunks %llu\n", chunks);
	seq_printf(seq, "wrong_scopes %llu\n", wrong_scopes);
	seq_printf(seq, "chunks_per_job %llu\n",
		   div64_u64(chunks, run->jobs_done));
	if (chunks)
		seq_printf(seq, "ns_per_chunk %llu\n",
			   div64_u64(run->total_ns, chunks));

	for_each_possible_cpu(cpu) {
		struct padata_bench_cpu *there;

		there = per_cpu_ptr(&padata_bench_cpus, cpu);
		if (there->chunks)
			seq_printf(seq, "cpu%d %lu\n", cpu, there->chunks);
		if (there->helpers_chunks)
			seq_printf(seq, "helpers_cpu%d %lu\n", cpu,
				   there->helpers_chunks);
	}
}

static int padata_bench_show(struct seq_file *seq, void *unused)
{
	struct padata_bench_run *run = &padata_bench_run;

	guard(mutex)(&padata_bench_lock);

	seq_printf(seq, "jobs %lu\n", run->jobs_done);
	if (!run->jobs_done)
		return 0;
	seq_printf(seq, "error %d\n", run->err);
	seq_printf(seq, "threads %d\n", run->most_of_all);
	padata_bench_show_times(seq, run);
	padata_bench_show_cpus(seq, run);
	return 0;
}

static int padata_bench_open(struct inode *inode, struct file *file)
{
	return single_open(file, padata_bench_show, NULL);
}

/* Whatever ends the process, nothing but the end of the jobs ends this. */
static int padata_bench_release(struct inode *inode, struct file *file)
{
	struct seq_file *seq = file->private_data;
	struct padata_bench_setup *kept = seq->private;

	if (kept) {
		guard(mutex)(&padata_bench_lock);

		padata_bench_run.setup = *kept;
		/* Who reads the file sees how it went. */
		padata_bench_all_jobs(&padata_bench_run);
		kfree(kept);
	}
	return single_release(inode, file);
}

static const struct file_operations padata_bench_ops = {
	.owner		= THIS_MODULE,
	.open		= padata_bench_open,
	.read		= seq_read,
	.write		= padata_bench_write,
	.llseek		= seq_lseek,
	.release	= padata_bench_release,
};

/* Without the lock, which whoever runs a job holds. */
static int padata_bench_begun_show(struct seq_file *seq, void *unused)
{
	unsigned long begun;
	int cpu;

	for_each_possible_cpu(cpu) {
		begun = READ_ONCE(per_cpu(padata_bench_cpus, cpu).helpers_begun);
		if (begun)
			seq_printf(seq, "helpers_cpu%d %lu\n", cpu, begun);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(padata_bench_begun);

static int __init padata_bench_init(void)
{
	init_waitqueue_head(&padata_bench_run.gathered);
	padata_bench_calibrate();
	padata_bench_dir = debugfs_create_dir("padata_bench", NULL);
	debugfs_create_file("run", 0600, padata_bench_dir, NULL,
			    &padata_bench_ops);
	debugfs_create_file("begun", 0400, padata_bench_dir, NULL,
			    &padata_bench_begun_fops);
	return 0;
}
module_init(padata_bench_init);

static void __exit padata_bench_exit(void)
{
	debugfs_remove_recursive(padata_bench_dir);
	padata_bench_free_pages(&padata_bench_run);
	kvfree(padata_bench_run.times);
}
module_exit(padata_bench_exit);

MODULE_DESCRIPTION("Benchmark of multithreaded padata jobs");
MODULE_LICENSE("GPL");
