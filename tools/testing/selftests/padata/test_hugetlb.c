// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages of hugetlbfs: what a process finds in them, what fallocate() adds to
 * files, and how pools grow and shrink.  All of it must be the same, whether one
 * thread of the kernel does the work or many.
 *
 * Nothing here is timed: where threads race, the verdict holds for each order in
 * which they can come.
 */
#define _GNU_SOURCE

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "padata_util.h"

/* Seconds for one test, in guests that are emulated, and with sanitizers, too */
#define LIMIT		120

/* The tests have a mount namespace of their own, and a tmpfs here. */
#define TMP		"/tmp"
#define HUGE_DIR	TMP "/huge"
#define HUGE_FILE	HUGE_DIR "/file"
#define OTHER_FILE	HUGE_DIR "/other"
#define LIMITED_DIR	TMP "/limited"
#define LIMITED_FILE	LIMITED_DIR "/file"

#define KB_2M		2048
#define KB_1G		1048576

#define SMALL_PAGE	4096UL
#define SMALL_WORDS	(SMALL_PAGE / sizeof(uint64_t))

#define MAX_NODES	1024
/* The most huge pages that a test has in a file */
#define MAX_PAGES	64

/* What was in the pages of a pool before, and must not be seen again */
#define OLD		0xa5a5a5a5a5a5a5a5UL
/* What a test has written on purpose */
#define WRITTEN		0x1234567890abcdefUL

#define NO_OFFSET	SIZE_MAX

/* ---- pools ------------------------------------------------------------- */

/**
 * struct counts - what the kernel counts in the pool of a size
 * @nr: Pages that it has.
 * @free: Those that are in no file and no mapping.
 * @resv: Those that mappings have been promised.
 * @surplus: Those that leave it when they are free.
 */
struct counts {
	long nr;
	long free;
	long resv;
	long surplus;
};

/**
 * struct pool - a pool as a test has it
 * @kb: How long one of its pages is, in kilobytes.
 * @size: The same, in bytes.
 * @nr: How many pages a test begins with.
 * @user: The process of the test.
 * @before: What there was before the test ...
 * @overcommit: ... and the surplus that was allowed.
 * @on_node: How many of them were on each node, or a negative errno.
 */
struct pool {
	long kb;
	size_t size;
	int nr;
	pid_t user;
	struct counts before;
	long overcommit;
	long on_node[MAX_NODES];
};

/* Of the whole pool */
#define ALL_NODES	-1

static const char *pool_path(const struct pool *pool, int node, const char *name,
			     char path[PATH_MAX])
{
	if (node == ALL_NODES)
		snprintf(path, PATH_MAX,
			 "/sys/kernel/mm/hugepages/hugepages-%ldkB/%s",
			 pool->kb, name);
	else
		snprintf(path, PATH_MAX,
			 "/sys/devices/system/node/node%d/hugepages/hugepages-%ldkB/%s",
			 node, pool->kb, name);
	return path;
}

static long file_read_long(const char *path)
{
	char text[32];
	int err = file_read(path, text, sizeof(text));

	if (err)
		return err;
	if (!*text)
		return -EIO;
	/* A count that went below zero is to be seen as such. */
	return strtoul(text, NULL, 10);
}

static int file_write_long(const char *path, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	return file_write(path, text);
}

static long pool_read(const struct pool *pool, int node, const char *name)
{
	char path[PATH_MAX];

	return file_read_long(pool_path(pool, node, name, path));
}

static int pool_write(const struct pool *pool, int node, const char *name,
		      long value)
{
	char path[PATH_MAX];

	return file_write_long(pool_path(pool, node, name, path), value);
}

/* Returns how many pages it then has, which may be less, or a negative errno. */
static long pool_resize(const struct pool *pool, long nr)
{
	int err = pool_write(pool, ALL_NODES, "nr_hugepages", nr);

	return err ? err : pool_read(pool, ALL_NODES, "nr_hugepages");
}

static long pool_nr(const struct pool *pool)
{
	return pool_read(pool, ALL_NODES, "nr_hugepages");
}

static long pool_free(const struct pool *pool)
{
	return pool_read(pool, ALL_NODES, "free_hugepages");
}

static void pool_counts(const struct pool *pool, struct counts *counts)
{
	counts->nr = pool_nr(pool);
	counts->free = pool_free(pool);
	counts->resv = pool_read(pool, ALL_NODES, "resv_hugepages");
	counts->surplus = pool_read(pool, ALL_NODES, "surplus_hugepages");
}

/* What its nodes have must add up to what it has. */
static void expect_sums(struct __test_metadata *_metadata,
			const struct pool *pool, const struct counts *counts,
			const char *when)
{
	struct counts sum = { 0 };
	int node, nodes = 0;

	for (node = 0; node < MAX_NODES; node++) {
		if (pool->on_node[node] < 0)
			continue;
		sum.nr += pool_read(pool, node, "nr_hugepages");
		sum.free += pool_read(pool, node, "free_hugepages");
		sum.surplus += pool_read(pool, node, "surplus_hugepages");
		nodes++;
	}
	if (!nodes)
		return;
	EXPECT_EQ(counts->nr, sum.nr)
		TH_LOG("%s: nr_hugepages of the nodes", when);
	EXPECT_EQ(counts->free, sum.free)
		TH_LOG("%s: free_hugepages of the nodes", when);
	EXPECT_EQ(counts->surplus, sum.surplus)
		TH_LOG("%s: surplus_hugepages of the nodes", when);
}

static void expect_counts(struct __test_metadata *_metadata,
			  const struct pool *pool, long nr, long free,
			  long resv, long surplus, const char *when)
{
	struct counts counts;

	pool_counts(pool, &counts);
	EXPECT_EQ(nr, counts.nr)
		TH_LOG("%s: nr_hugepages", when);
	EXPECT_EQ(free, counts.free)
		TH_LOG("%s: free_hugepages", when);
	EXPECT_EQ(resv, counts.resv)
		TH_LOG("%s: resv_hugepages", when);
	EXPECT_EQ(surplus, counts.surplus)
		TH_LOG("%s: surplus_hugepages", when);
	expect_sums(_metadata, pool, &counts, when);
}

/* All pages that the test was given are free, and nobody was promised one. */
static void expect_all_free(struct __test_metadata *_metadata,
			    const struct pool *pool, const char *when)
{
	expect_counts(_metadata, pool, pool->nr, pool->nr, 0, 0, when);
}

/* It fails only where the test ends: a pool that was full may not be again. */
static void pool_restore(const struct pool *pool)
{
	int node;

	/* Takes what became surplus back before others decide where pages go. */
	pool_resize(pool, pool->before.nr);
	for (node = 0; node < MAX_NODES; node++)
		if (pool->on_node[node] >= 0)
			pool_write(pool, node, "nr_hugepages",
				   pool->on_node[node]);
	pool_resize(pool, pool->before.nr);
	if (pool->overcommit >= 0)
		pool_write(pool, ALL_NODES, "nr_overcommit_hugepages",
			   pool->overcommit);
}

/*
 * Gives the pool as many pages as the test wants, all of them free, and no way to
 * get more.  Returns NULL, or why that cannot be done.
 */
static const char *pool_take(struct pool *pool, long kb, int nr)
{
	static char reason[128];
	int node;

	*pool = (struct pool) {
		.kb	= kb,
		.size	= kb * 1024UL,
		.nr	= nr,
		.user	= getpid(),
	};
	pool_counts(pool, &pool->before);
	if (pool->before.nr < 0) {
		snprintf(reason, sizeof(reason), "no huge pages of %ld kB", kb);
		return reason;
	}
	if (pool->before.free != pool->before.nr || pool->before.resv ||
	    pool->before.surplus)
		return "somebody else uses huge pages of this size";
	for (node = 0; node < MAX_NODES; node++)
		pool->on_node[node] = pool_read(pool, node, "nr_hugepages");

	pool->overcommit = pool_read(pool, ALL_NODES, "nr_overcommit_hugepages");
	/* Gigantic pages are never surplus, and refuse it. */
	if (pool_write(pool, ALL_NODES, "nr_overcommit_hugepages", 0))
		pool->overcommit = -1;
	if (pool_resize(pool, nr) == nr)
		return NULL;

	snprintf(reason, sizeof(reason), "no room for %d huge pages of %ld kB",
		 nr, kb);
	pool_restore(pool);
	return reason;
}

static int mount_hugetlbfs(const struct pool *pool, const char *dir,
			   const char *more)
{
	char options[128];

	snprintf(options, sizeof(options), "pagesize=%ldK%s", pool->kb, more);
	mkdir(dir, 0700);
	return mount("none", dir, "hugetlbfs", 0, options) ? -errno : 0;
}

/* What is mounted goes with the processes of the test, however they end. */
static const char *mount_all(const struct pool *pool)
{
	mkdir(TMP, 01777);
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return "no mount namespace";
	if (mount("none", TMP, "tmpfs", 0, NULL))
		return "no tmpfs: CONFIG_TMPFS";
	if (mount_hugetlbfs(pool, HUGE_DIR, ""))
		return "no hugetlbfs: CONFIG_HUGETLBFS";
	return NULL;
}

static const char *set_up(struct pool *pool, long kb, int nr)
{
	const char *lacks;

	if (geteuid())
		return "only root may do this";
	lacks = pool_take(pool, kb, nr);
	if (lacks)
		return lacks;
	lacks = mount_all(pool);
	if (lacks)
		pool_restore(pool);
	return lacks;
}

/* All that the test had in files and mappings must have gone with it. */
static void tear_down(struct __test_metadata *_metadata,
		      const struct pool *pool)
{
	struct counts after;
	int node;

	/* An assertion that fails can bring the test itself here. */
	if (getpid() == pool->user) {
		pool_restore(pool);
		return;
	}
	pool_counts(pool, &after);
	EXPECT_EQ(after.nr, after.free)
		TH_LOG("after the test: huge pages that nobody has are not free");
	EXPECT_EQ(0, after.resv)
		TH_LOG("after the test: huge pages stay reserved");
	EXPECT_EQ(0, after.surplus)
		TH_LOG("after the test: huge pages stay surplus");

	pool_restore(pool);
	if (pool->kb > KB_2M && pool_nr(pool) < pool->before.nr) {
		ksft_print_msg("memory is in pieces: only %ld of %ld gigantic pages came back\n",
			       pool_nr(pool), pool->before.nr);
		return;
	}
	expect_counts(_metadata, pool, pool->before.nr, pool->before.free,
		      pool->before.resv, pool->before.surplus,
		      "restored after the test");
	for (node = 0; node < MAX_NODES; node++)
		if (pool->on_node[node] >= 0)
			EXPECT_EQ(pool->on_node[node],
				  pool_read(pool, node, "nr_hugepages"))
				TH_LOG("restored after the test: node %d", node);
}

/* ---- what is in memory ------------------------------------------------- */

/*
 * Words 8 to 15 of small pages are those that threads write to while they race;
 * no other word is ever written but by dirty() and dirty_some().
 */
#define FIRST_OWN_WORD	8
#define LAST_OWN_WORD	15

static void dirty(void *at, size_t size)
{
	memset(at, (unsigned char)OLD, size);
}

/* The word that is looked at in the middle of small page @nr */
static size_t middle_word(size_t nr)
{
	return LAST_OWN_WORD + 1 +
	       nr * 37 % (SMALL_WORDS - LAST_OWN_WORD - 2);
}

/* Some words of each small page, which takes less long. */
static void dirty_some(void *at, size_t size)
{
	uint64_t *words = at;
	size_t nr;

	for (nr = 0; nr < size / SMALL_PAGE; nr++, words += SMALL_WORDS) {
		words[0] = OLD;
		words[FIRST_OWN_WORD] = OLD;
		words[middle_word(nr)] = OLD;
		words[SMALL_WORDS - 1] = OLD;
	}
}

/* Returns the offset of the first word that is not zero, or NO_OFFSET. */
static size_t find_dirt(const void *at, size_t size)
{
	const uint64_t *words = at;
	size_t i, nr = size / sizeof(*words);

	for (i = 0; i + 8 <= nr; i += 8)
		if (words[i] | words[i + 1] | words[i + 2] | words[i + 3] |
		    words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7])
			break;
	for (; i < nr; i++)
		if (words[i])
			return i * sizeof(*words);
	return NO_OFFSET;
}

/* As find_dirt(), in some words of each small page, without those of racers. */
static size_t find_some_dirt(const void *at, size_t size)
{
	const uint64_t *words = at;
	size_t nr;

	for (nr = 0; nr < size / SMALL_PAGE; nr++, words += SMALL_WORDS)
		if (words[0] | words[middle_word(nr)] | words[SMALL_WORDS - 1])
			return nr * SMALL_PAGE;
	return NO_OFFSET;
}

static void expect_zero(struct __test_metadata *_metadata, const void *at,
			size_t size, const char *what)
{
	size_t offset = find_dirt(at, size);

	EXPECT_EQ(NO_OFFSET, offset)
		TH_LOG("%s: not zero at offset %#zx: %#lx", what, offset,
		       *(uint64_t *)((char *)at + offset));
}

static void expect_some_zero(struct __test_metadata *_metadata, const void *at,
			     size_t size, const char *what)
{
	size_t offset = find_some_dirt(at, size);

	EXPECT_EQ(NO_OFFSET, offset)
		TH_LOG("%s: not zero in the small page at offset %#zx", what,
		       offset);
}

/* All of a page of 2M, and something of all parts of a larger one */
static void dirty_page(const struct pool *pool, char *page)
{
	if (pool->kb > KB_2M)
		dirty_some(page, pool->size);
	else
		dirty(page, pool->size);
}

static void expect_zero_pages(struct __test_metadata *_metadata,
			      const struct pool *pool, const char *page, int nr,
			      const char *what)
{
	if (pool->kb > KB_2M)
		expect_some_zero(_metadata, page, nr * pool->size, what);
	else
		expect_zero(_metadata, page, nr * pool->size, what);
}

/* A value that no other place has */
static uint64_t mark(int page, int place)
{
	return WRITTEN + page * 1000 + place;
}

#define MARKS	5

static uint64_t *mark_at(const struct pool *pool, char *page, int place)
{
	/* The first word, the last one, and some between */
	size_t offset = place * (pool->size / (MARKS - 1));

	if (place == MARKS - 1)
		offset = pool->size - sizeof(uint64_t);
	return (uint64_t *)(page + offset);
}

static void write_marks(const struct pool *pool, char *page, int nr)
{
	int place;

	for (place = 0; place < MARKS; place++)
		*mark_at(pool, page, place) = mark(nr, place);
}

/* The page has its marks, and nothing else. */
static void expect_marks(struct __test_metadata *_metadata,
			 const struct pool *pool, char *page, int nr,
			 const char *what)
{
	int place;

	for (place = 0; place < MARKS; place++) {
		EXPECT_EQ(mark(nr, place), *mark_at(pool, page, place))
			TH_LOG("%s: page %d lost what was written at %d/%d of it",
			       what, nr, place, MARKS - 1);
		*mark_at(pool, page, place) = 0;
	}
	expect_zero_pages(_metadata, pool, page, 1, what);
	write_marks(pool, page, nr);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 11;
}

/* ---- mappings and files ------------------------------------------------ */

/* For anonymous memory */
static int huge_flags(const struct pool *pool)
{
	return MAP_ANONYMOUS | MAP_HUGETLB |
	       __builtin_ctzl(pool->size) << MAP_HUGE_SHIFT;
}

static char *map_pages(struct __test_metadata *_metadata,
		       const struct pool *pool, int fd, int nr, int flags)
{
	char *at;

	if (fd < 0)
		flags |= huge_flags(pool);
	at = mmap(NULL, nr * pool->size, PROT_READ | PROT_WRITE, flags, fd, 0);
	ASSERT_NE(MAP_FAILED, at)
		TH_LOG("mmap() of %d huge pages: %s", nr, strerror(errno));
	return at;
}

static void unmap_pages(struct __test_metadata *_metadata,
			const struct pool *pool, char *at, int nr)
{
	ASSERT_EQ(0, munmap(at, nr * pool->size))
		TH_LOG("munmap() of huge pages: %s", strerror(errno));
}

/* Leave something in each free page of the pool that no one may find later. */
static void dirty_pool(struct __test_metadata *_metadata,
		       const struct pool *pool)
{
	int i, nr = pool_free(pool);
	char *at;

	at = map_pages(_metadata, pool, -1, nr, MAP_PRIVATE);
	for (i = 0; i < nr; i++)
		dirty_page(pool, at + i * pool->size);
	unmap_pages(_metadata, pool, at, nr);
	ASSERT_EQ(nr, pool_free(pool));
}

static int open_file(struct __test_metadata *_metadata, const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	ASSERT_LE(0, fd)
		TH_LOG("cannot make %s: %s", path, strerror(errno));
	return fd;
}

static void remove_file(struct __test_metadata *_metadata, int fd,
			const char *path)
{
	ASSERT_EQ(0, unlink(path))
		TH_LOG("cannot remove %s: %s", path, strerror(errno));
	ASSERT_EQ(0, close(fd));
}

static int allocate(int fd, int mode, off_t offset, off_t size)
{
	return fallocate(fd, mode, offset, size) ? -errno : 0;
}

/* The same, for whole pages */
static int allocate_pages(const struct pool *pool, int fd, int first, int nr)
{
	return allocate(fd, 0, first * pool->size, nr * pool->size);
}

static int punch_pages(const struct pool *pool, int fd, int first, int nr)
{
	return allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			first * pool->size, nr * pool->size);
}

static long file_size(int fd)
{
	struct stat stat;

	return fstat(fd, &stat) ? -errno : stat.st_size;
}

/* How many huge pages it has */
static long file_pages(const struct pool *pool, int fd)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return -errno;
	return stat.st_blocks * 512 / pool->size;
}

/*
 * Reads the file, which adds no page to it: all of it with pages of 2M, and
 * something of all parts of larger ones.
 */
static void expect_zero_file(struct __test_metadata *_metadata,
			     const struct pool *pool, int fd, int nr,
			     const char *what)
{
	size_t offset, step = pool->size / 512;
	char part[SMALL_PAGE];

	for (offset = 0; offset < nr * pool->size; offset += step) {
		ASSERT_EQ(sizeof(part), pread(fd, part, sizeof(part), offset))
			TH_LOG("%s: pread() at %#zx: %s", what, offset,
			       strerror(errno));
		ASSERT_EQ(NO_OFFSET, find_dirt(part, sizeof(part)))
			TH_LOG("%s: pread() has old data at %#zx", what, offset);
	}
}

/* ---- children ---------------------------------------------------------- */

static pid_t fork_child(struct __test_metadata *_metadata)
{
	pid_t child = fork();

	ASSERT_LE(0, child)
		TH_LOG("fork(): %s", strerror(errno));
	/* Pages that it has must not outlive a test that failed. */
	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

/* Returns its exit status, or minus the signal that ended it. */
static int wait_child(struct __test_metadata *_metadata, pid_t child)
{
	int status;

	ASSERT_EQ(child, waitpid(child, &status, 0));
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void do_nothing(int signal)
{
}

/* Signals then end system calls, and do nothing else. */
static void catch_signal(struct __test_metadata *_metadata, int signal)
{
	struct sigaction action = { .sa_handler = do_nothing };

	ASSERT_EQ(0, sigaction(signal, &action, NULL));
}

/* ---- fixtures ---------------------------------------------------------- */

/* What is the same for all sizes is tested with small ones, which is faster. */
FIXTURE(small)
{
	struct pool pool;
};

FIXTURE_SETUP(small)
{
	const char *lacks = set_up(&self->pool, KB_2M, 12);

	if (lacks)
		SKIP(return, "%s", lacks);
}

FIXTURE_TEARDOWN_PARENT(small)
{
	tear_down(_metadata, &self->pool);
}

FIXTURE(pool)
{
	struct pool pool;
};

FIXTURE_VARIANT(pool)
{
	long kb;
	int nr;
};

FIXTURE_VARIANT_ADD(pool, 2M) {
	.kb	= KB_2M,
	.nr	= 12,
};

FIXTURE_VARIANT_ADD(pool, 1G) {
	.kb	= KB_1G,
	.nr	= 2,
};

FIXTURE_SETUP(pool)
{
	const char *lacks = set_up(&self->pool, variant->kb, variant->nr);

	if (lacks)
		SKIP(return, "%s", lacks);
}

FIXTURE_TEARDOWN_PARENT(pool)
{
	tear_down(_metadata, &self->pool);
}

/* How often threads race with small pages */
#define ROUNDS	20

/* ---- faults ------------------------------------------------------------ */

FIXTURE(fault)
{
	struct pool pool;
};

FIXTURE_VARIANT(fault)
{
	long kb;
	int nr;
	int places;
};

FIXTURE_VARIANT_ADD(fault, 2M) {
	.kb	= KB_2M,
	.nr	= 3,
	.places	= 9,
};

FIXTURE_VARIANT_ADD(fault, 1G) {
	.kb	= KB_1G,
	.nr	= 1,
	.places	= 2,
};

FIXTURE_SETUP(fault)
{
	const char *lacks = set_up(&self->pool, variant->kb, variant->nr);

	if (lacks)
		SKIP(return, "%s", lacks);
}

FIXTURE_TEARDOWN_PARENT(fault)
{
	tear_down(_metadata, &self->pool);
}

/* Where a page is touched first: the kernel may clear this part of it last. */
static size_t touched_offset(const struct pool *pool, int place)
{
	size_t small_pages = pool->size / SMALL_PAGE;
	uint64_t random = WRITTEN + place;
	size_t word = 0, nr;

	switch (place) {
	case 0:
		nr = small_pages - 1;
		word = SMALL_WORDS - 1;
		break;
	case 1:
		nr = small_pages / 2;
		break;
	case 2:
		nr = 0;
		break;
	case 3:
		nr = small_pages / 2 - 1;
		word = SMALL_WORDS - 1;
		break;
	case 4:
		nr = 1;
		break;
	default:
		nr = next_random(&random) % small_pages;
		word = next_random(&random) % SMALL_WORDS;
		break;
	}
	return nr * SMALL_PAGE + word * sizeof(uint64_t);
}

static void expect_cleared(struct __test_metadata *_metadata,
			   const struct pool *pool, char *page, int place,
			   bool write)
{
	size_t offset = touched_offset(pool, place);
	volatile uint64_t *word = (uint64_t *)(page + offset);
	char what[64];

	snprintf(what, sizeof(what), "first %s at %#zx",
		 write ? "written" : "read", offset);
	if (write) {
		*word = WRITTEN;
		EXPECT_EQ(WRITTEN, *word)
			TH_LOG("%s: not what was written", what);
		*word = 0;
	} else {
		EXPECT_EQ(0, *word)
			TH_LOG("%s: old data", what);
	}
	expect_zero(_metadata, page, pool->size, what);
}

/* Each time in a page whose words were all written to before */
static void touch_anonymous(struct __test_metadata *_metadata,
			    const struct pool *pool, int place, bool write)
{
	char *page = map_pages(_metadata, pool, -1, 1, MAP_PRIVATE);

	expect_cleared(_metadata, pool, page, place, write);
	dirty(page, pool->size);
	unmap_pages(_metadata, pool, page, 1);
}

TEST_F_TIMEOUT(fault, anonymous_memory_is_zero, LIMIT)
{
	int place;

	dirty_pool(_metadata, &self->pool);
	for (place = 0; place < variant->places; place++) {
		touch_anonymous(_metadata, &self->pool, place, place & 1);
		if (variant->kb == KB_2M)
			touch_anonymous(_metadata, &self->pool, place,
					!(place & 1));
	}
	expect_all_free(_metadata, &self->pool, "unmapped");
}

static void touch_file(struct __test_metadata *_metadata,
		       const struct pool *pool, int place, bool write)
{
	int fd = open_file(_metadata, HUGE_FILE);
	char *page = map_pages(_metadata, pool, fd, 1, MAP_SHARED);

	expect_cleared(_metadata, pool, page, place, write);
	/* The next one gets it with this. */
	dirty_page(pool, page);
	EXPECT_EQ(1, file_pages(pool, fd));
	unmap_pages(_metadata, pool, page, 1);
	EXPECT_EQ(pool->nr - 1, pool_free(pool))
		TH_LOG("the page of a file is free when it is not mapped");
	remove_file(_metadata, fd, HUGE_FILE);
}

TEST_F_TIMEOUT(fault, file_is_zero, LIMIT)
{
	int place;

	dirty_pool(_metadata, &self->pool);
	for (place = 0; place < variant->places; place++) {
		touch_file(_metadata, &self->pool, place, !(place & 1));
		if (variant->kb == KB_2M)
			touch_file(_metadata, &self->pool, place, place & 1);
	}
	expect_all_free(_metadata, &self->pool, "removed");
}

/* What is written is not in the file; nor is it in the page that is read. */
TEST_F_TIMEOUT(small, private_mapping_of_a_file_is_zero, LIMIT)
{
	struct pool *pool = &self->pool;
	int fd = open_file(_metadata, HUGE_FILE);
	char *page;

	dirty_pool(_metadata, pool);
	ASSERT_EQ(0, ftruncate(fd, pool->size));
	page = map_pages(_metadata, pool, fd, 1, MAP_PRIVATE);
	expect_cleared(_metadata, pool, page, 1, true);
	EXPECT_EQ(0, file_pages(pool, fd));
	unmap_pages(_metadata, pool, page, 1);

	page = map_pages(_metadata, pool, fd, 1, MAP_PRIVATE);
	expect_cleared(_metadata, pool, page, 0, false);
	unmap_pages(_metadata, pool, page, 1);
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

/* mmap() faults all pages in itself. */
TEST_F_TIMEOUT(small, populated_memory_is_zero, LIMIT)
{
	struct pool *pool = &self->pool;
	char *at;

	dirty_pool(_metadata, pool);
	at = map_pages(_metadata, pool, -1, pool->nr,
		       MAP_PRIVATE | MAP_POPULATE);
	EXPECT_EQ(0, pool_free(pool));
	expect_zero_pages(_metadata, pool, at, pool->nr, "populated");
	unmap_pages(_metadata, pool, at, pool->nr);
	expect_all_free(_metadata, pool, "unmapped");
}

/* What a pool gets from the rest of memory is not clear, either. */
TEST_F_TIMEOUT(small, new_pages_of_a_pool_are_zero, LIMIT)
{
	struct pool *pool = &self->pool;
	char *at;

	dirty_pool(_metadata, pool);
	ASSERT_EQ(0, pool_resize(pool, 0));
	if (pool_resize(pool, pool->nr) != pool->nr)
		SKIP(return, "the pages that it had are no longer free");
	at = map_pages(_metadata, pool, -1, pool->nr, MAP_PRIVATE);
	expect_zero_pages(_metadata, pool, at, pool->nr, "new in the pool");
	unmap_pages(_metadata, pool, at, pool->nr);
}

#define NR_TOUCHERS	4

struct toucher {
	pthread_t thread;
	const struct pool *pool;
	pthread_barrier_t *barrier;
	char *at;
	int id;
	const char *wrong;
};

/* The word that is this thread's in any small page */
static volatile uint64_t *own_word(char *small_page, int id)
{
	return (volatile uint64_t *)small_page + FIRST_OWN_WORD + id;
}

/* All write to all pages, each of them beginning somewhere else. */
static void *touch_all(void *data)
{
	struct toucher *me = data;
	const struct pool *pool = me->pool;
	size_t offset = me->id * (pool->size / NR_TOUCHERS);
	char *page;
	int i;

	pthread_barrier_wait(me->barrier);
	for (i = 0; i < pool->nr; i++) {
		page = me->at + (i + me->id) % pool->nr * pool->size;
		*own_word(page + offset, me->id) = WRITTEN + me->id;
	}
	for (i = 0; i < pool->nr; i++) {
		page = me->at + i * pool->size;
		if (*own_word(page + offset, me->id) != WRITTEN + me->id)
			me->wrong = "a fault in another thread cleared what was written";
		*own_word(page + offset, me->id) = 0;
	}
	return NULL;
}

static void touch_together(struct __test_metadata *_metadata,
			   const struct pool *pool, int fd)
{
	struct toucher touchers[NR_TOUCHERS];
	pthread_barrier_t barrier;
	char *at;
	int i;

	dirty_pool(_metadata, pool);
	at = map_pages(_metadata, pool, fd, pool->nr,
		       fd < 0 ? MAP_PRIVATE : MAP_SHARED);
	pthread_barrier_init(&barrier, NULL, NR_TOUCHERS);
	for (i = 0; i < NR_TOUCHERS; i++) {
		touchers[i] = (struct toucher) {
			.pool	 = pool,
			.barrier = &barrier,
			.at	 = at,
			.id	 = i,
		};
		ASSERT_EQ(0, pthread_create(&touchers[i].thread, NULL,
					    touch_all, &touchers[i]));
	}
	for (i = 0; i < NR_TOUCHERS; i++) {
		ASSERT_EQ(0, pthread_join(touchers[i].thread, NULL));
		EXPECT_EQ(NULL, touchers[i].wrong)
			TH_LOG("thread %d: %s", i, touchers[i].wrong);
	}
	expect_zero_pages(_metadata, pool, at, pool->nr,
			  "touched by many threads");
	unmap_pages(_metadata, pool, at, pool->nr);
}

TEST_F_TIMEOUT(fault, threads_touch_the_same_pages, LIMIT)
{
	int i, fd, rounds = variant->kb == KB_2M ? 10 : 1;

	for (i = 0; i < rounds; i++) {
		if (variant->kb == KB_2M)
			touch_together(_metadata, &self->pool, -1);
		fd = open_file(_metadata, HUGE_FILE);
		touch_together(_metadata, &self->pool, fd);
		remove_file(_metadata, fd, HUGE_FILE);
	}
	expect_all_free(_metadata, &self->pool, "removed");
}

/* ---- fallocate() ------------------------------------------------------- */

/* Which pages the file has before: some alone, and some beside each other */
static bool is_there(int nr)
{
	return nr % 5 == 1 || nr % 5 == 2;
}

/* Returns how many there are. */
static int make_pages(struct __test_metadata *_metadata,
		      const struct pool *pool, char *at, int nr)
{
	int i, there = 0;

	for (i = 0; i < nr; i++) {
		if (!is_there(i))
			continue;
		write_marks(pool, at + i * pool->size, i);
		there++;
	}
	return there;
}

static void expect_pages(struct __test_metadata *_metadata,
			 const struct pool *pool, char *at, int nr)
{
	char *page;
	int i;

	for (i = 0; i < nr; i++) {
		page = at + i * pool->size;
		if (is_there(i))
			expect_marks(_metadata, pool, page, i,
				     "page that was there");
		else
			expect_zero_pages(_metadata, pool, page, 1,
					  "page in a hole");
	}
}

TEST_F_TIMEOUT(pool, fills_holes_and_nothing_else, LIMIT)
{
	struct pool *pool = &self->pool;
	int there, nr = pool->nr;
	char *at;
	int fd;

	dirty_pool(_metadata, pool);
	fd = open_file(_metadata, HUGE_FILE);
	/* With the reservation of a mapping it would take none of the pool. */
	at = map_pages(_metadata, pool, fd, nr, MAP_SHARED | MAP_NORESERVE);
	there = make_pages(_metadata, pool, at, nr);
	expect_counts(_metadata, pool, nr, nr - there, 0, 0, "before");
	EXPECT_EQ(there, file_pages(pool, fd));

	ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(nr, file_pages(pool, fd));
	expect_counts(_metadata, pool, nr, 0, 0, 0, "allocated");
	expect_pages(_metadata, pool, at, nr);

	/* There is nothing left to do, or to take. */
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(nr, file_pages(pool, fd));
	expect_counts(_metadata, pool, nr, 0, 0, 0, "allocated again");
	expect_pages(_metadata, pool, at, nr);

	unmap_pages(_metadata, pool, at, nr);
	expect_counts(_metadata, pool, nr, 0, 0, 0, "unmapped");
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

/* Every byte of them, with gigantic pages, too */
TEST_F_TIMEOUT(pool, clears_all_of_a_page, LIMIT)
{
	struct pool *pool = &self->pool;
	char *at;
	int fd;

	/* One is enough, and the pages that it may get must all be dirty. */
	ASSERT_EQ(1, pool_resize(pool, 1));
	at = map_pages(_metadata, pool, -1, 1, MAP_PRIVATE);
	dirty(at, pool->size);
	unmap_pages(_metadata, pool, at, 1);

	fd = open_file(_metadata, HUGE_FILE);
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, 1));
	at = map_pages(_metadata, pool, fd, 1, MAP_SHARED);
	expect_zero(_metadata, at, pool->size, "allocated");
	unmap_pages(_metadata, pool, at, 1);
	remove_file(_metadata, fd, HUGE_FILE);
}

TEST_F_TIMEOUT(small, fills_what_was_punched, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nr = pool->nr;
	char *at;
	int fd;

	fd = open_file(_metadata, HUGE_FILE);
	at = map_pages(_metadata, pool, fd, nr, MAP_SHARED | MAP_NORESERVE);
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
	for (i = 0; i < nr; i++) {
		if (is_there(i)) {
			write_marks(pool, at + i * pool->size, i);
			continue;
		}
		dirty_page(pool, at + i * pool->size);
		ASSERT_EQ(0, punch_pages(pool, fd, i, 1));
		EXPECT_EQ(1, pool_free(pool));
		/* The next hole then gets another page than this one had. */
		if (i + 1 < nr && !is_there(i + 1)) {
			dirty_page(pool, at + (i + 1) * pool->size);
			ASSERT_EQ(0, punch_pages(pool, fd, i + 1, 1));
		}
		ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
		EXPECT_EQ(0, pool_free(pool));
		expect_zero_pages(_metadata, pool, at + i * pool->size, 1,
				  "punched page");
	}
	EXPECT_EQ(nr, file_pages(pool, fd));
	expect_pages(_metadata, pool, at, nr);
	unmap_pages(_metadata, pool, at, nr);
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

/* Offsets are taken down to the page they are in, and ends up. */
TEST_F_TIMEOUT(small, takes_offsets_that_are_not_aligned, LIMIT)
{
	struct pool *pool = &self->pool;
	off_t size = pool->size;
	int nr = pool->nr;
	int fd;

	dirty_pool(_metadata, pool);
	fd = open_file(_metadata, HUGE_FILE);
	ASSERT_EQ(0, allocate(fd, 0, size + 1, 1));
	EXPECT_EQ(1, file_pages(pool, fd));
	EXPECT_EQ(size + 2, file_size(fd));
	ASSERT_EQ(0, allocate(fd, 0, size - 1, 2));
	EXPECT_EQ(2, file_pages(pool, fd));
	EXPECT_EQ(size + 2, file_size(fd));
	expect_counts(_metadata, pool, nr, nr - 2, 0, 0, "two pages");
	ASSERT_EQ(0, allocate(fd, 0, 4095, 2 * size - 4095));
	EXPECT_EQ(2, file_pages(pool, fd));
	EXPECT_EQ(2 * size, file_size(fd));
	expect_zero_file(_metadata, pool, fd, 2, "two pages");

	ASSERT_EQ(0, allocate(fd, 0, (nr - 1) * size - 3, 5));
	EXPECT_EQ(4, file_pages(pool, fd));
	EXPECT_EQ((nr - 1) * size + 2, file_size(fd));
	ASSERT_EQ(0, allocate(fd, 0, 7, nr * size - 14));
	EXPECT_EQ(nr, file_pages(pool, fd));
	EXPECT_EQ(nr * size - 7, file_size(fd));
	ASSERT_EQ(0, ftruncate(fd, nr * size));
	expect_zero_file(_metadata, pool, fd, nr, "all pages");
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

/* The parts of pages at its ends are cleared, and stay in the file. */
TEST_F_TIMEOUT(pool, punches_parts_of_pages, LIMIT)
{
	struct pool *pool = &self->pool;
	size_t size = pool->size, edge = 3 * SMALL_PAGE + 24;
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	char *at;
	int fd;

	fd = open_file(_metadata, HUGE_FILE);
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, 2));
	at = map_pages(_metadata, pool, fd, 2, MAP_SHARED);
	dirty_some(at, 2 * size);
	at[size - edge - 1] = 1;
	at[size + edge] = 1;
	ASSERT_EQ(0, allocate(fd, mode, size - edge, 2 * edge));
	EXPECT_EQ(2, file_pages(pool, fd));
	expect_zero(_metadata, at + size - edge, 2 * edge, "punched part");
	EXPECT_EQ(1, at[size - edge - 1]);
	EXPECT_EQ(1, at[size + edge]);

	/* The first page goes, and the part of the second one is cleared. */
	ASSERT_EQ(0, allocate(fd, mode, 0, size + 2 * edge));
	EXPECT_EQ(1, file_pages(pool, fd));
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, 2));
	EXPECT_EQ(2, file_pages(pool, fd));
	expect_zero_pages(_metadata, pool, at, 1, "punched page");
	expect_zero(_metadata, at + size, 2 * edge, "punched part");
	EXPECT_EQ(OLD, *(uint64_t *)(at + 2 * size - sizeof(uint64_t)));
	unmap_pages(_metadata, pool, at, 2);
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

TEST_F_TIMEOUT(small, keeps_the_size_if_told_to, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr;
	char byte;
	int fd;

	dirty_pool(_metadata, pool);
	fd = open_file(_metadata, HUGE_FILE);
	ASSERT_EQ(0, allocate(fd, FALLOC_FL_KEEP_SIZE, 0, nr * pool->size));
	EXPECT_EQ(0, file_size(fd));
	EXPECT_EQ(nr, file_pages(pool, fd));
	EXPECT_EQ(0, pool_free(pool));
	EXPECT_EQ(0, pread(fd, &byte, 1, 0));

	/* Those that are there already make it grow as well. */
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, 1));
	EXPECT_EQ(pool->size, file_size(fd));
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(nr * pool->size, file_size(fd));
	expect_zero_file(_metadata, pool, fd, nr, "beyond the size before");

	ASSERT_EQ(0, allocate_pages(pool, fd, 0, 1));
	EXPECT_EQ(nr * pool->size, file_size(fd))
		TH_LOG("fallocate() of less must not make the file smaller");
	ASSERT_EQ(0, ftruncate(fd, pool->size));
	EXPECT_EQ(1, file_pages(pool, fd));
	expect_counts(_metadata, pool, nr, nr - 1, 0, 0, "truncated");
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

TEST_F_TIMEOUT(small, refuses_what_it_cannot_do, LIMIT)
{
	struct pool *pool = &self->pool;
	off_t size = pool->size;
	int fd, reader;

	fd = open_file(_metadata, HUGE_FILE);
	reader = open(HUGE_FILE, O_RDONLY);
	ASSERT_LE(0, reader);
	EXPECT_EQ(-EBADF, allocate(reader, 0, 0, size));
	EXPECT_EQ(-EINVAL, allocate(fd, 0, 0, 0));
	EXPECT_EQ(-EINVAL, allocate(fd, 0, -size, size));
	EXPECT_EQ(-EFBIG, allocate(fd, 0, LLONG_MAX - size, 2 * size));
	EXPECT_EQ(-EOPNOTSUPP, allocate(fd, FALLOC_FL_ZERO_RANGE, 0, size));
	EXPECT_EQ(-EOPNOTSUPP, allocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, size));
	EXPECT_EQ(-EOPNOTSUPP, allocate(fd, FALLOC_FL_INSERT_RANGE, 0, size));
	EXPECT_EQ(0, file_size(fd));
	EXPECT_EQ(0, file_pages(pool, fd));
	expect_all_free(_metadata, pool, "refused");
	close(reader);
	remove_file(_metadata, fd, HUGE_FILE);
}

/* ---- fallocate() with reservations, and too few pages ------------------ */

/* A mapping has been promised pages: fallocate() uses these up. */
TEST_F_TIMEOUT(pool, consumes_reservations_of_the_file, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr, half = nr / 2;
	char *at;
	int fd;

	dirty_pool(_metadata, pool);
	fd = open_file(_metadata, HUGE_FILE);
	at = map_pages(_metadata, pool, fd, nr, MAP_SHARED);
	expect_counts(_metadata, pool, nr, nr, nr, 0, "reserved");
	ASSERT_EQ(0, allocate_pages(pool, fd, half, nr - half));
	expect_counts(_metadata, pool, nr, half, half, 0, "half allocated");
	/* The other half is there for faults. */
	at[0] = 0;
	expect_counts(_metadata, pool, nr, half - 1, half - 1, 0, "a fault");
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
	expect_counts(_metadata, pool, nr, 0, 0, 0, "all allocated");
	expect_zero_pages(_metadata, pool, at, nr, "allocated");

	/* What was punched is no longer reserved. */
	ASSERT_EQ(0, punch_pages(pool, fd, half, nr - half));
	expect_counts(_metadata, pool, nr, nr - half, 0, 0, "half punched");
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
	expect_counts(_metadata, pool, nr, 0, 0, 0, "allocated again");
	unmap_pages(_metadata, pool, at, nr);
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

/* Pages that are in the file before need no reservation for mappings later. */
TEST_F_TIMEOUT(small, leaves_mappings_nothing_to_reserve, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr;
	char *at;
	int fd;

	fd = open_file(_metadata, HUGE_FILE);
	ASSERT_EQ(0, allocate_pages(pool, fd, 1, nr - 1));
	at = map_pages(_metadata, pool, fd, nr, MAP_SHARED);
	expect_counts(_metadata, pool, nr, 1, 1, 0, "mapped");
	unmap_pages(_metadata, pool, at, nr);
	/* It stays with the file. */
	expect_counts(_metadata, pool, nr, 1, 1, 0, "unmapped");
	ASSERT_EQ(0, ftruncate(fd, 0));
	expect_all_free(_metadata, pool, "truncated");
	remove_file(_metadata, fd, HUGE_FILE);
}

/* Pages that others have been promised are not there for it. */
TEST_F_TIMEOUT(small, leaves_others_their_reservations, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nr = pool->nr, half = nr / 2;
	char *at;
	int fd;

	at = map_pages(_metadata, pool, -1, half, MAP_PRIVATE);
	expect_counts(_metadata, pool, nr, nr, half, 0, "reserved");
	fd = open_file(_metadata, HUGE_FILE);
	EXPECT_EQ(-ENOSPC, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(nr - half, file_pages(pool, fd));
	expect_counts(_metadata, pool, nr, half, half, 0, "allocated");
	for (i = 0; i < half; i++)
		at[i * pool->size] = 1;
	expect_counts(_metadata, pool, nr, 0, 0, 0, "touched");
	remove_file(_metadata, fd, HUGE_FILE);
	unmap_pages(_metadata, pool, at, half);
	expect_all_free(_metadata, pool, "removed");
}

/* What it has got by then stays in the file, beyond its end. */
TEST_F_TIMEOUT(pool, ends_where_the_pool_does, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr, less = nr - nr / 3;
	char *at;
	int fd;

	if (less == nr)
		less--;
	dirty_pool(_metadata, pool);
	ASSERT_EQ(less, pool_resize(pool, less));
	fd = open_file(_metadata, HUGE_FILE);
	EXPECT_EQ(-ENOSPC, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(0, file_size(fd));
	EXPECT_EQ(less, file_pages(pool, fd));
	expect_counts(_metadata, pool, less, 0, 0, 0, "no pages left");
	EXPECT_EQ(-ENOSPC, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(less, file_pages(pool, fd));
	expect_counts(_metadata, pool, less, 0, 0, 0, "still none left");

	/* The first ones are there, in order, and nothing is reserved for them. */
	at = map_pages(_metadata, pool, fd, less, MAP_SHARED);
	expect_counts(_metadata, pool, less, 0, 0, 0, "mapped");
	expect_zero_pages(_metadata, pool, at, less, "no pages left");
	unmap_pages(_metadata, pool, at, less);

	/* With more pages, it goes on. */
	if (pool_resize(pool, nr) == nr) {
		ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
		EXPECT_EQ(nr, file_pages(pool, fd));
		EXPECT_EQ(nr * pool->size, file_size(fd));
		expect_zero_file(_metadata, pool, fd, nr, "after there were more");
	}
	remove_file(_metadata, fd, HUGE_FILE);
	EXPECT_EQ(pool_nr(pool), pool_free(pool));
}

/* Holes between pages are filled from the first one on. */
TEST_F_TIMEOUT(small, ends_between_pages_that_are_there, LIMIT)
{
	struct pool *pool = &self->pool;
	int first, nr = pool->nr;
	char *at;
	int fd;

	dirty_pool(_metadata, pool);
	fd = open_file(_metadata, HUGE_FILE);
	/* A file that is larger than the pool */
	ASSERT_EQ(0, ftruncate(fd, 2 * nr * pool->size));
	at = map_pages(_metadata, pool, fd, 2 * nr, MAP_SHARED | MAP_NORESERVE);
	write_marks(pool, at + nr * pool->size, 0);
	first = nr - 1;
	EXPECT_EQ(-ENOSPC, allocate_pages(pool, fd, 0, 2 * nr));
	expect_counts(_metadata, pool, nr, 0, 0, 0, "no pages left");
	EXPECT_EQ(nr, file_pages(pool, fd));
	EXPECT_EQ(2 * nr * pool->size, file_size(fd));
	/* These are there: or a fault would find no page, and end the test. */
	expect_zero_pages(_metadata, pool, at, first, "no pages left");
	expect_marks(_metadata, pool, at + nr * pool->size, 0,
		     "page that was there");
	unmap_pages(_metadata, pool, at, 2 * nr);
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

TEST_F_TIMEOUT(small, uses_the_surplus_that_is_allowed, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr, more = 2;
	char *at;
	int fd;

	dirty_pool(_metadata, pool);
	ASSERT_EQ(0, pool_write(pool, ALL_NODES, "nr_overcommit_hugepages",
				more));
	fd = open_file(_metadata, HUGE_FILE);
	ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr + more));
	expect_counts(_metadata, pool, nr + more, 0, 0, more, "allocated");
	EXPECT_EQ(-ENOSPC, allocate_pages(pool, fd, 0, nr + more + 1));
	expect_counts(_metadata, pool, nr + more, 0, 0, more, "no more left");
	at = map_pages(_metadata, pool, fd, nr + more, MAP_SHARED);
	expect_zero_pages(_metadata, pool, at, nr + more, "allocated");
	unmap_pages(_metadata, pool, at, nr + more);
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

/* ---- fallocate() with limits ------------------------------------------- */

static long free_in_limited(struct __test_metadata *_metadata)
{
	struct statfs stat;

	ASSERT_EQ(0, statfs(LIMITED_DIR, &stat));
	return stat.f_bfree;
}

TEST_F_TIMEOUT(small, ends_at_the_size_of_the_mount, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr, max = nr / 2;
	char options[64];
	int fd, other;

	dirty_pool(_metadata, pool);
	snprintf(options, sizeof(options), ",size=%ldK", max * pool->kb);
	ASSERT_EQ(0, mount_hugetlbfs(pool, LIMITED_DIR, options));
	EXPECT_EQ(max, free_in_limited(_metadata));
	fd = open_file(_metadata, LIMITED_FILE);
	EXPECT_EQ(-ENOSPC, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(max, file_pages(pool, fd));
	EXPECT_EQ(0, file_size(fd));
	EXPECT_EQ(0, free_in_limited(_metadata));
	expect_counts(_metadata, pool, nr, nr - max, 0, 0, "at the limit");

	/* Others do not have this limit. */
	other = open_file(_metadata, OTHER_FILE);
	EXPECT_EQ(0, allocate_pages(pool, other, 0, nr - max));
	expect_counts(_metadata, pool, nr, 0, 0, 0, "two mounts");
	remove_file(_metadata, other, OTHER_FILE);

	ASSERT_EQ(0, punch_pages(pool, fd, 0, 1));
	EXPECT_EQ(1, free_in_limited(_metadata));
	EXPECT_EQ(0, allocate_pages(pool, fd, 0, max));
	EXPECT_EQ(0, free_in_limited(_metadata));
	expect_zero_file(_metadata, pool, fd, max, "at the limit");
	remove_file(_metadata, fd, LIMITED_FILE);
	EXPECT_EQ(max, free_in_limited(_metadata));
	expect_all_free(_metadata, pool, "removed");
	ASSERT_EQ(0, umount(LIMITED_DIR));
}

/* The mount has been promised pages: its files use these up first. */
TEST_F_TIMEOUT(small, consumes_the_reservation_of_the_mount, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr, min = nr / 2;
	char options[64];
	int fd, other;

	dirty_pool(_metadata, pool);
	/* With no size=, stock kernels lose count when there are too few pages. */
	snprintf(options, sizeof(options), ",min_size=%ldK,size=%ldK",
		 min * pool->kb, nr * pool->kb);
	ASSERT_EQ(0, mount_hugetlbfs(pool, LIMITED_DIR, options));
	expect_counts(_metadata, pool, nr, nr, min, 0, "mounted");

	/* Files elsewhere do not get those. */
	other = open_file(_metadata, OTHER_FILE);
	EXPECT_EQ(-ENOSPC, allocate_pages(pool, other, 0, nr));
	expect_counts(_metadata, pool, nr, min, min, 0, "other file");

	fd = open_file(_metadata, LIMITED_FILE);
	EXPECT_EQ(-ENOSPC, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(min, file_pages(pool, fd));
	expect_counts(_metadata, pool, nr, 0, 0, 0, "both files");
	remove_file(_metadata, other, OTHER_FILE);
	expect_counts(_metadata, pool, nr, nr - min, 0, 0, "file of the mount");

	EXPECT_EQ(0, allocate_pages(pool, fd, 0, nr));
	expect_counts(_metadata, pool, nr, 0, 0, 0, "more than reserved");
	expect_zero_file(_metadata, pool, fd, nr, "more than reserved");
	remove_file(_metadata, fd, LIMITED_FILE);
	expect_counts(_metadata, pool, nr, nr, min, 0, "removed");
	ASSERT_EQ(0, umount(LIMITED_DIR));
	expect_all_free(_metadata, pool, "unmounted");
}

static int nr_caught;

static void count_signal(int signal)
{
	nr_caught++;
}

TEST_F_TIMEOUT(small, keeps_to_rlimit_fsize, LIMIT)
{
	struct pool *pool = &self->pool;
	struct rlimit limit;
	off_t size = pool->size;
	int fd;

	ASSERT_NE(SIG_ERR, signal(SIGXFSZ, count_signal));
	fd = open_file(_metadata, HUGE_FILE);
	ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &limit));
	limit.rlim_cur = size;
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQ(-EFBIG, allocate(fd, 0, 0, size + 1));
	EXPECT_EQ(1, nr_caught);
	EXPECT_EQ(-EFBIG, allocate(fd, FALLOC_FL_KEEP_SIZE, size, size));
	EXPECT_EQ(2, nr_caught);
	EXPECT_EQ(0, file_size(fd));
	expect_all_free(_metadata, pool, "too large");

	EXPECT_EQ(0, allocate(fd, 0, 0, size));
	EXPECT_EQ(2, nr_caught);
	EXPECT_EQ(1, file_pages(pool, fd));
	remove_file(_metadata, fd, HUGE_FILE);
	expect_all_free(_metadata, pool, "removed");
}

TEST_F_TIMEOUT(small, keeps_to_seals, LIMIT)
{
	struct pool *pool = &self->pool;
	off_t size = pool->size;
	int fd;

	fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB |
			  __builtin_ctzl(size) << MAP_HUGE_SHIFT);
	if (fd < 0 && (errno == ENOSYS || errno == EINVAL))
		SKIP(return, "no memfd_create() with MFD_HUGETLB");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, size));
	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	EXPECT_EQ(-EPERM, allocate(fd, 0, 0, size + 1));
	EXPECT_EQ(-EPERM, allocate(fd, FALLOC_FL_KEEP_SIZE, size, size));
	expect_all_free(_metadata, pool, "sealed");
	EXPECT_EQ(0, allocate(fd, 0, 0, size));
	EXPECT_EQ(1, file_pages(pool, fd));

	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(-EPERM, punch_pages(pool, fd, 0, 1));
	EXPECT_EQ(1, file_pages(pool, fd));
	EXPECT_EQ(size, file_size(fd));
	close(fd);
	expect_all_free(_metadata, pool, "closed");
}

/* ---- fallocate() and signals ------------------------------------------- */

static void expect_interrupted(struct __test_metadata *_metadata,
			       const struct pool *pool, int fd)
{
	int nr = pool->nr;
	long has = file_pages(pool, fd);

	EXPECT_LE(0, has);
	EXPECT_GE(nr, has);
	expect_counts(_metadata, pool, nr, nr - has, 0, 0, "interrupted");
	/* The size is that of all pages, though not all of them are there. */
	EXPECT_EQ(nr * pool->size, file_size(fd));
	expect_zero_file(_metadata, pool, fd, nr, "interrupted");
}

/* Has a child allocate all pages, and sends it a signal after @us. */
static int allocate_with_signal(struct __test_metadata *_metadata,
				const struct pool *pool, int fd, long us)
{
	pid_t child = fork_child(_metadata);

	if (!child)
		_exit(-allocate_pages(pool, fd, 0, pool->nr));
	usleep(us);
	ASSERT_EQ(0, kill(child, SIGUSR1));
	return -wait_child(_metadata, child);
}

TEST_F_TIMEOUT(pool, ends_by_a_signal, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, err, seen = 0, nr = pool->nr;
	int rounds = variant->kb == KB_2M ? 40 : 1;
	int fd;

	catch_signal(_metadata, SIGUSR1);
	for (i = 0; i < rounds && seen < 5; i++) {
		dirty_pool(_metadata, pool);
		fd = open_file(_metadata, HUGE_FILE);
		/* Sooner or later it comes while pages are being added. */
		err = allocate_with_signal(_metadata, pool, fd,
					   pool->kb == KB_2M ? 200 * i : 10000);
		if (err) {
			ASSERT_EQ(-EINTR, err);
			expect_interrupted(_metadata, pool, fd);
			ASSERT_EQ(0, allocate_pages(pool, fd, 0, nr));
			seen++;
		}
		EXPECT_EQ(nr, file_pages(pool, fd));
		expect_zero_file(_metadata, pool, fd, nr, "called again");
		expect_counts(_metadata, pool, nr, 0, 0, 0, "called again");
		remove_file(_metadata, fd, HUGE_FILE);
		expect_all_free(_metadata, pool, "removed");
	}
	if (!seen)
		ksft_print_msg("no signal came before fallocate() was done\n");
}

struct killed {
	const struct pool *pool;
	int fd;
};

static void *allocate_thread(void *data)
{
	struct killed *me = data;

	allocate_pages(me->pool, me->fd, 0, me->pool->nr);
	return NULL;
}

/* A process of which one thread allocates pages, and this one touches them. */
static void allocate_and_touch(const struct pool *pool, int fd, int go)
{
	struct killed me = { .pool = pool, .fd = fd };
	volatile char *at;
	pthread_t thread;
	int i;

	at = mmap(NULL, pool->nr * pool->size, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (at == MAP_FAILED || write(go, "", 1) != 1 ||
	    pthread_create(&thread, NULL, allocate_thread, &me))
		_exit(KSFT_FAIL);
	for (i = pool->nr - 1; i >= 0; i--)
		at[i * pool->size];
	for (;;)
		pause();
}

/* No page stays locked in the file, or away from the pool. */
TEST_F_TIMEOUT(pool, ends_when_killed, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nr = pool->nr, rounds = variant->kb == KB_2M ? 10 : 1;
	int fd, go[2];
	pid_t child;
	char *at, byte;

	ASSERT_EQ(0, pipe(go));
	for (i = 0; i < rounds; i++) {
		dirty_pool(_metadata, pool);
		fd = open_file(_metadata, HUGE_FILE);
		child = fork_child(_metadata);
		if (!child)
			allocate_and_touch(pool, fd, go[1]);
		ASSERT_EQ(1, read(go[0], &byte, 1));
		usleep(1000 * (1 + i));
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(-SIGKILL, wait_child(_metadata, child));

		EXPECT_EQ(nr - pool_free(pool), file_pages(pool, fd));
		at = map_pages(_metadata, pool, fd, nr, MAP_SHARED);
		expect_zero_pages(_metadata, pool, at, nr, "killed");
		expect_counts(_metadata, pool, nr, 0, 0, 0, "touched");
		unmap_pages(_metadata, pool, at, nr);
		remove_file(_metadata, fd, HUGE_FILE);
		expect_all_free(_metadata, pool, "removed");
	}
}

/* ---- fallocate() and memory policies ----------------------------------- */

#define BITS	(8 * sizeof(unsigned long))

static long set_policy(int mode, const int *nodes, int nr)
{
	unsigned long mask[MAX_NODES / BITS + 1] = { 0 };
	int i;

	for (i = 0; i < nr; i++)
		mask[nodes[i] / BITS] |= 1UL << nodes[i] % BITS;
	/* The kernel takes one bit less than it is told. */
	return syscall(SYS_set_mempolicy, mode, mask, MAX_NODES + 1);
}

static int node_of(const void *at)
{
	int node = -1;

	if (syscall(SYS_get_mempolicy, &node, NULL, 0, at,
		    MPOL_F_NODE | MPOL_F_ADDR))
		return -1;
	return node;
}

/* The nodes that have @nr pages of the pool; returns how many there are. */
static int nodes_with(const struct pool *pool, long nr, int nodes[MAX_NODES])
{
	int node, found = 0;

	for (node = 0; node < MAX_NODES; node++)
		if (pool_read(pool, node, "free_hugepages") >= nr)
			nodes[found++] = node;
	return found;
}

TEST_F_TIMEOUT(small, binds_pages_to_a_node, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nodes[MAX_NODES];
	long there;
	int fd;

	if (nodes_with(pool, 1, nodes) < 2)
		SKIP(return, "two nodes with huge pages are needed");
	dirty_pool(_metadata, pool);
	for (i = 0; i < 2; i++) {
		there = pool_read(pool, nodes[i], "free_hugepages");
		ASSERT_EQ(0, set_policy(MPOL_BIND, &nodes[i], 1));
		fd = open_file(_metadata, HUGE_FILE);
		EXPECT_EQ(0, allocate_pages(pool, fd, 0, there));
		EXPECT_EQ(0, pool_read(pool, nodes[i], "free_hugepages"))
			TH_LOG("not all pages came from node %d", nodes[i]);
		EXPECT_EQ(pool->nr - there, pool_free(pool));
		/* Others have pages, and may not be asked. */
		EXPECT_EQ(-ENOSPC, allocate_pages(pool, fd, 0, there + 1));
		EXPECT_EQ(pool->nr - there, pool_free(pool));
		expect_zero_file(_metadata, pool, fd, there, "on one node");
		remove_file(_metadata, fd, HUGE_FILE);
		ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, 0));
		expect_all_free(_metadata, pool, "removed");
	}
}

/* It is the number of the page in the file that says where it goes. */
TEST_F_TIMEOUT(small, interleaves_pages_among_nodes, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nodes[MAX_NODES], nr = pool->nr / 2;
	char *at;
	int fd;

	if (nodes_with(pool, nr / 2, nodes) < 2)
		SKIP(return, "two nodes with %d huge pages each are needed",
		     nr / 2);
	dirty_pool(_metadata, pool);
	ASSERT_EQ(0, set_policy(MPOL_INTERLEAVE, nodes, 2));
	fd = open_file(_metadata, HUGE_FILE);
	EXPECT_EQ(0, allocate_pages(pool, fd, 0, nr));
	at = map_pages(_metadata, pool, fd, nr, MAP_SHARED);
	expect_zero_pages(_metadata, pool, at, nr, "interleaved");
	for (i = 0; i < nr; i++)
		EXPECT_EQ(nodes[i % 2], node_of(at + i * pool->size))
			TH_LOG("page %d is on the wrong node", i);
	unmap_pages(_metadata, pool, at, nr);
	remove_file(_metadata, fd, HUGE_FILE);
	ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, 0));
	expect_all_free(_metadata, pool, "removed");
}

/* ---- fallocate() and cgroups ------------------------------------------- */

#define OWN_CGROUPS	TMP "/cgroup"
#define GROUP_NAME	"test_hugetlb"

/**
 * struct group - a cgroup that a test has made
 * @root: Where cgroup v2 is mounted.
 * @path: The directory of the cgroup.
 * @size: How the files of its controller name the size of pages.
 */
struct group {
	char root[256];
	char path[300];
	const char *size;
};

/* Where cgroup v2 is mounted, if @option is one of its options, or is NULL */
static bool find_cgroups(char *root, size_t size, const char *option)
{
	char line[1024], dir[256], type[64], options[512];
	bool found = false;
	FILE *file;

	file = fopen("/proc/mounts", "r");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %255s %63s %511s", dir, type,
			   options) != 3 || strcmp(type, "cgroup2"))
			continue;
		found = !option || strstr(options, option);
		snprintf(root, size, "%s", dir);
	}
	fclose(file);
	return found;
}

static const char *group_path(const char *dir, const char *name,
			      char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return path;
}

static int group_write(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];

	return file_write(group_path(dir, name, path), text);
}

/* A file of the group's own, such as hugetlb.2MB.@name */
static const char *group_path_huge(const struct group *group, const char *name,
				   char path[PATH_MAX])
{
	char full[64];

	snprintf(full, sizeof(full), "hugetlb.%s.%s", group->size, name);
	return group_path(group->path, full, path);
}

static long group_usage(const struct group *group, const char *name)
{
	char path[PATH_MAX];

	return file_read_long(group_path_huge(group, name, path));
}

/* Returns NULL, or why there is no such group. */
static const char *group_make(struct group *group, const struct pool *pool,
			      const char *controller)
{
	snprintf(group->path, sizeof(group->path), "%s/" GROUP_NAME,
		 group->root);
	group->size = "2MB";
	if (group_write(group->root, "cgroup.subtree_control", controller))
		return "the controller is not in cgroup v2";
	/* Left by a run that was stopped */
	rmdir(group->path);
	if (mkdir(group->path, 0700))
		return "no group can be made";
	return NULL;
}

/* Returns what fallocate() in a process of the group does. */
static int group_allocate(struct __test_metadata *_metadata,
			  const struct group *group, const struct pool *pool,
			  int fd, int nr)
{
	pid_t child = fork_child(_metadata);

	if (!child) {
		if (group_write(group->path, "cgroup.procs", "0"))
			_exit(KSFT_FAIL);
		_exit(-allocate_pages(pool, fd, 0, nr));
	}
	return -wait_child(_metadata, child);
}

TEST_F_TIMEOUT(small, keeps_to_the_limit_of_a_cgroup, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr, max = nr / 2;
	struct group group;
	char path[PATH_MAX];
	const char *lacks;
	int fd;

	if (!find_cgroups(group.root, sizeof(group.root), NULL)) {
		snprintf(group.root, sizeof(group.root), OWN_CGROUPS);
		mkdir(OWN_CGROUPS, 0700);
		if (mount("none", OWN_CGROUPS, "cgroup2", 0, NULL))
			SKIP(return, "no cgroup v2");
	}
	lacks = group_make(&group, pool, "+hugetlb");
	if (lacks)
		SKIP(return, "%s: CONFIG_CGROUP_HUGETLB", lacks);

	dirty_pool(_metadata, pool);
	ASSERT_EQ(0, file_write_long(group_path_huge(&group, "max", path),
				     max * pool->size));
	fd = open_file(_metadata, HUGE_FILE);
	EXPECT_EQ(-ENOSPC, group_allocate(_metadata, &group, pool, fd, nr));
	EXPECT_EQ(max, file_pages(pool, fd));
	expect_counts(_metadata, pool, nr, nr - max, 0, 0, "at the limit");
	EXPECT_EQ(max * pool->size, group_usage(&group, "current"));
	EXPECT_EQ(max * pool->size, group_usage(&group, "rsvd.current"));

	/* The others are charged to this process, which is in another one. */
	EXPECT_EQ(0, allocate_pages(pool, fd, 0, nr));
	EXPECT_EQ(max * pool->size, group_usage(&group, "current"));
	expect_zero_file(_metadata, pool, fd, nr, "of two groups");
	ASSERT_EQ(0, punch_pages(pool, fd, 0, 1));
	EXPECT_EQ((max - 1) * pool->size, group_usage(&group, "current"));
	EXPECT_EQ(0, group_allocate(_metadata, &group, pool, fd, nr));
	EXPECT_EQ(max * pool->size, group_usage(&group, "current"));
	remove_file(_metadata, fd, HUGE_FILE);
	EXPECT_EQ(0, group_usage(&group, "current"));
	EXPECT_EQ(0, group_usage(&group, "rsvd.current"));
	expect_all_free(_metadata, pool, "removed");
	EXPECT_EQ(0, rmdir(group.path));
}

static long memory_usage(const struct group *group)
{
	char path[PATH_MAX];

	return file_read_long(group_path(group->path, "memory.current", path));
}

/* What else a process is charged for */
#define SOME_MEMORY	(1024 * 1024L)

TEST_F_TIMEOUT(small, is_charged_as_memory, LIMIT)
{
	struct pool *pool = &self->pool;
	int nr = pool->nr, max = nr / 2;
	struct group group;
	char path[PATH_MAX];
	const char *lacks;
	int fd;

	if (!find_cgroups(group.root, sizeof(group.root),
			  "memory_hugetlb_accounting"))
		SKIP(return, "cgroup v2 is not mounted with memory_hugetlb_accounting");
	lacks = group_make(&group, pool, "+memory");
	if (lacks)
		SKIP(return, "%s: CONFIG_MEMCG", lacks);

	dirty_pool(_metadata, pool);
	fd = open_file(_metadata, HUGE_FILE);
	EXPECT_EQ(0, group_allocate(_metadata, &group, pool, fd, max));
	EXPECT_LE(max * pool->size, memory_usage(&group));
	EXPECT_GT(max * pool->size + SOME_MEMORY, memory_usage(&group));

	/* That it does not suffice is another error here. */
	ASSERT_EQ(0, file_write_long(group_path(group.path, "memory.max", path),
				     max * pool->size + SOME_MEMORY));
	EXPECT_EQ(-ENOMEM, group_allocate(_metadata, &group, pool, fd, nr));
	EXPECT_EQ(max, file_pages(pool, fd));
	expect_counts(_metadata, pool, nr, nr - max, 0, 0, "at the limit");
	EXPECT_LE(max * pool->size, memory_usage(&group));
	expect_zero_file(_metadata, pool, fd, max, "at the limit");
	remove_file(_metadata, fd, HUGE_FILE);
	EXPECT_GT(SOME_MEMORY, memory_usage(&group));
	expect_all_free(_metadata, pool, "removed");
	EXPECT_EQ(0, rmdir(group.path));
}

/* ---- races ------------------------------------------------------------- */

FIXTURE(race)
{
	struct pool pool;
};

FIXTURE_VARIANT(race)
{
	long kb;
	int nr;
	int rounds;
};

FIXTURE_VARIANT_ADD(race, 2M) {
	.kb	= KB_2M,
	.nr	= 12,
	.rounds	= ROUNDS,
};

FIXTURE_VARIANT_ADD(race, 1G) {
	.kb	= KB_1G,
	.nr	= 2,
	.rounds	= 1,
};

#define NR_RACERS	3

/**
 * struct race - what threads race for, shared with child processes
 * @pool: The pool that its pages are from.
 * @fd: The file that all look at.
 * @at: Where it is mapped.
 * @nr: How many pages of it may be looked at.
 * @seq: For each page, odd while old data may be in it, and while it may be away.
 * @stop: That threads should end.
 * @complained: That @wrong has been set.
 * @wrong: The first thing that should not have been.
 */
struct race {
	const struct pool *pool;
	int fd;
	char *at;
	int nr;
	unsigned int seq[MAX_PAGES];
	int stop;
	int complained;
	char wrong[128];
};

/**
 * struct racer - a thread that looks at random pages, and writes to them
 * @thread: The thread.
 * @race: What it takes part in.
 * @id: Which words are its own: own_word().
 * @random: State of next_random().
 * @seq: For each page, the @seq of the race when it wrote to it last.
 * @offset: Where in the page that was ...
 * @value: ... and what it wrote, or 0.
 */
struct racer {
	pthread_t thread;
	struct race *race;
	int id;
	uint64_t random;
	unsigned int seq[MAX_PAGES];
	size_t offset[MAX_PAGES];
	uint64_t value[MAX_PAGES];
};

static __thread sigjmp_buf bus_error;
/* Whether this thread has set it */
static __thread bool may_fail;

static void catch_bus_error(int number)
{
	if (may_fail)
		siglongjmp(bus_error, 1);
	/* Comes again, and ends the test. */
	signal(number, SIG_DFL);
}

FIXTURE_SETUP(race)
{
	const char *lacks = set_up(&self->pool, variant->kb, variant->nr);

	if (lacks)
		SKIP(return, "%s", lacks);
}

FIXTURE_TEARDOWN_PARENT(race)
{
	tear_down(_metadata, &self->pool);
}

static struct race *make_race(struct __test_metadata *_metadata,
			      const struct pool *pool)
{
	/* It stays unblocked, so that siglongjmp() need not unblock it. */
	struct sigaction action = {
		.sa_handler	= catch_bus_error,
		.sa_flags	= SA_NODEFER,
	};
	struct race *race;

	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, race);
	race->pool = pool;
	ASSERT_EQ(0, sigaction(SIGBUS, &action, NULL));
	return race;
}

static unsigned int race_seq(const struct race *race, int page)
{
	return __atomic_load_n(&race->seq[page], __ATOMIC_SEQ_CST);
}

static void race_seq_add(struct race *race, int page, int nr)
{
	for (; nr; nr--, page++)
		__atomic_add_fetch(&race->seq[page], 1, __ATOMIC_SEQ_CST);
}

static bool race_stops(const struct race *race)
{
	return __atomic_load_n(&race->stop, __ATOMIC_SEQ_CST);
}

/* For threads and children, where no test can be ended. */
__attribute__((format(printf, 2, 3)))
static void complain(struct race *race, const char *format, ...)
{
	va_list values;

	if (__atomic_exchange_n(&race->complained, 1, __ATOMIC_SEQ_CST))
		return;
	va_start(values, format);
	vsnprintf(race->wrong, sizeof(race->wrong), format, values);
	va_end(values);
}

static void expect_no_complaint(struct __test_metadata *_metadata,
				const struct race *race)
{
	EXPECT_EQ(0, race->complained)
		TH_LOG("%s", race->wrong);
}

/* A word that nobody writes to while threads race, in some small page */
static size_t random_offset(struct racer *me)
{
	size_t nr = next_random(&me->random) %
		    (me->race->pool->size / SMALL_PAGE);
	size_t word = 0;

	switch (next_random(&me->random) % 3) {
	case 0:
		word = SMALL_WORDS - 1;
		break;
	case 1:
		word = middle_word(nr);
		break;
	}
	return nr * SMALL_PAGE + word * sizeof(uint64_t);
}

static const char *look_at_memory(struct racer *me, char *page)
{
	volatile uint64_t *word = (uint64_t *)(page + random_offset(me));

	return *word ? "old data in a mapping" : NULL;
}

static const char *look_at_file(struct racer *me, int page)
{
	uint64_t word;

	if (pread(me->race->fd, &word, sizeof(word),
		  page * me->race->pool->size + random_offset(me)) !=
	    sizeof(word))
		return "read() has read too little";
	return word ? "old data in read()" : NULL;
}

/* Whether what this thread wrote to the page before is still there */
static const char *look_at_own(struct racer *me, char *at, int page,
			       unsigned int seq)
{
	volatile uint64_t *word = (uint64_t *)(at + me->offset[page]);

	if (!me->value[page] || me->seq[page] != seq)
		return NULL;
	return *word != me->value[page] ? "what was written is gone" : NULL;
}

static const char *write_own(struct racer *me, char *at, int page,
			     unsigned int seq)
{
	uint64_t value = WRITTEN + next_random(&me->random);
	volatile uint64_t *word;

	me->seq[page] = seq;
	me->offset[page] = random_offset(me) / SMALL_PAGE * SMALL_PAGE;
	me->offset[page] += (FIRST_OWN_WORD + me->id) * sizeof(uint64_t);
	word = (uint64_t *)(at + me->offset[page]);
	/* Not yet written if there is no page */
	me->value[page] = 0;
	*word = value;
	me->value[page] = value;
	return look_at_own(me, at, page, seq);
}

static const char *look_at_page(struct racer *me, int page, unsigned int seq)
{
	char *at = me->race->at + page * me->race->pool->size;
	const char *wrong;

	switch (next_random(&me->random) % 4) {
	case 0:
		return look_at_file(me, page);
	case 1:
		return look_at_memory(me, at);
	default:
		wrong = look_at_own(me, at, page, seq);
		return wrong ? wrong : write_own(me, at, page, seq);
	}
}

static void look_somewhere(struct racer *me)
{
	struct race *race = me->race;
	int page = next_random(&me->random) % race->nr;
	unsigned int seq = race_seq(race, page);
	const char *wrong;

	if (sigsetjmp(bus_error, 0))
		wrong = "SIGBUS";
	else
		wrong = look_at_page(me, page, seq);
	if (wrong && !(seq & 1) && race_seq(race, page) == seq)
		complain(race, "page %d of the file: %s", page, wrong);
}

static void *race_thread(void *data)
{
	struct racer *me = data;

	may_fail = true;
	while (!race_stops(me->race))
		look_somewhere(me);
	return NULL;
}

/* All pages of the file are clear, or holes, or else marked odd. */
static void start_racers(struct __test_metadata *_metadata, struct race *race,
			 struct racer *racers, int first_id)
{
	int i;

	race->stop = 0;
	for (i = 0; i < NR_RACERS; i++) {
		racers[i] = (struct racer) {
			.race	= race,
			.id	= first_id + i,
			.random	= WRITTEN + first_id + i,
		};
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL,
					    race_thread, &racers[i]));
	}
}

static void stop_racers(struct __test_metadata *_metadata, struct race *race,
			struct racer *racers)
{
	int i;

	__atomic_store_n(&race->stop, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < NR_RACERS; i++)
		ASSERT_EQ(0, pthread_join(racers[i].thread, NULL));
}

static void race_open(struct __test_metadata *_metadata, struct race *race,
		      int nr, int flags)
{
	race->nr = nr;
	race->fd = open_file(_metadata, HUGE_FILE);
	ASSERT_EQ(0, ftruncate(race->fd, nr * race->pool->size));
	race->at = map_pages(_metadata, race->pool, race->fd, nr,
			     MAP_SHARED | flags);
}

/* Leaves old data in the pages that go back to the pool. */
static void race_close(struct __test_metadata *_metadata, struct race *race)
{
	const struct pool *pool = race->pool;
	int i;

	expect_some_zero(_metadata, race->at, race->nr * pool->size,
			 "after the race");
	expect_no_complaint(_metadata, race);
	for (i = 0; i < race->nr; i++)
		dirty_page(pool, race->at + i * pool->size);
	unmap_pages(_metadata, pool, race->at, race->nr);
	remove_file(_metadata, race->fd, HUGE_FILE);
	EXPECT_EQ(pool_nr(pool), pool_free(pool));
	EXPECT_EQ(0, pool_read(pool, ALL_NODES, "resv_hugepages"));
}

/*
 * The pool has no more pages than the mapping was promised: none may be taken for
 * longer than it is needed, nor counted twice.
 */
TEST_F_TIMEOUT(race, faults_and_fallocate_share_a_reservation, LIMIT)
{
	struct pool *pool = &self->pool;
	struct racer racers[NR_RACERS];
	struct race *race = make_race(_metadata, pool);
	int i, nr = pool->nr;

	dirty_pool(_metadata, pool);
	for (i = 0; i < variant->rounds; i++) {
		race_open(_metadata, race, nr, 0);
		expect_counts(_metadata, pool, nr, nr, nr, 0, "reserved");
		start_racers(_metadata, race, racers, 0);
		EXPECT_EQ(0, allocate_pages(pool, race->fd, 0, nr))
			TH_LOG("pages are reserved for the file");
		stop_racers(_metadata, race, racers);
		expect_counts(_metadata, pool, nr, 0, 0, 0, "all pages there");
		EXPECT_EQ(nr, file_pages(pool, race->fd));
		race_close(_metadata, race);
	}
}

/* The same, with no promise, but nobody else to take them */
TEST_F_TIMEOUT(small, faults_and_fallocate_share_a_pool, LIMIT)
{
	struct pool *pool = &self->pool;
	struct racer racers[NR_RACERS];
	struct race *race = make_race(_metadata, pool);
	int i, j, nr = pool->nr;

	dirty_pool(_metadata, pool);
	for (i = 0; i < ROUNDS; i++) {
		race_open(_metadata, race, nr, MAP_NORESERVE);
		expect_counts(_metadata, pool, nr, nr, 0, 0, "not reserved");
		start_racers(_metadata, race, racers, 0);
		/* From the last one to the first, and then all of them */
		for (j = nr - 1; j > nr / 2; j--)
			EXPECT_EQ(0, allocate_pages(pool, race->fd, j, 1));
		EXPECT_EQ(0, allocate_pages(pool, race->fd, 0, nr))
			TH_LOG("nobody else needs pages of the pool");
		stop_racers(_metadata, race, racers);
		expect_counts(_metadata, pool, nr, 0, 0, 0, "all pages there");
		race_close(_metadata, race);
	}
}

/* Dirty pages, have them go away, and tell racers that what comes is clear. */
static void dirty_and_punch(struct __test_metadata *_metadata,
			    struct race *race, int first, int nr)
{
	const struct pool *pool = race->pool;
	int i;

	race_seq_add(race, first, nr);
	for (i = first; i < first + nr; i++)
		dirty_page(pool, race->at + i * pool->size);
	ASSERT_EQ(0, punch_pages(pool, race->fd, first, nr));
	race_seq_add(race, first, nr);
}

/*
 * There are twice as many pages as the file has: a page that was punched can be in
 * the pool a little later than another one is needed for its place.
 */
TEST_F_TIMEOUT(race, faults_and_fallocate_after_punching, LIMIT)
{
	struct pool *pool = &self->pool;
	struct racer racers[NR_RACERS];
	struct race *race = make_race(_metadata, pool);
	uint64_t random = WRITTEN;
	int i, first, nr;

	dirty_pool(_metadata, pool);
	race_open(_metadata, race, pool->nr / 2, MAP_NORESERVE);
	start_racers(_metadata, race, racers, 0);
	for (i = 0; i < 3 * variant->rounds && !race->complained; i++) {
		first = next_random(&random) % race->nr;
		nr = 1 + next_random(&random) % (race->nr - first);
		dirty_and_punch(_metadata, race, first, nr);
		/* Of some that are there, too */
		EXPECT_EQ(0, allocate_pages(pool, race->fd, first / 2,
					    race->nr - first / 2));
	}
	stop_racers(_metadata, race, racers);
	race_close(_metadata, race);
	expect_all_free(_metadata, pool, "removed");
}

static void dirty_and_truncate(struct __test_metadata *_metadata,
			       struct race *race, int first)
{
	const struct pool *pool = race->pool;
	int i, nr = race->nr - first;

	race_seq_add(race, first, nr);
	for (i = first; i < race->nr; i++)
		dirty_page(pool, race->at + i * pool->size);
	ASSERT_EQ(0, ftruncate(race->fd, first * pool->size));
	ASSERT_EQ(0, ftruncate(race->fd, race->nr * pool->size));
	race_seq_add(race, first, nr);
}

/* Some rounds have fallocate() make the file as large as before. */
TEST_F_TIMEOUT(small, faults_and_fallocate_after_truncating, LIMIT)
{
	struct pool *pool = &self->pool;
	struct racer racers[NR_RACERS];
	struct race *race = make_race(_metadata, pool);
	uint64_t random = WRITTEN;
	int i, first;

	dirty_pool(_metadata, pool);
	race_open(_metadata, race, pool->nr / 2, MAP_NORESERVE);
	start_racers(_metadata, race, racers, 0);
	for (i = 0; i < 3 * ROUNDS && !race->complained; i++) {
		first = next_random(&random) % race->nr;
		dirty_and_truncate(_metadata, race, first);
		EXPECT_EQ(0, allocate_pages(pool, race->fd, 0, race->nr));
	}
	stop_racers(_metadata, race, racers);
	race_close(_metadata, race);
	expect_all_free(_metadata, pool, "removed");
}

/**
 * struct helper - another thread that allocates pages of a file
 * @thread: The thread.
 * @pool: Of the file.
 * @fd: The file.
 * @first: The first page ...
 * @nr: ... and how many.
 * @err: What came of it.
 */
struct helper {
	pthread_t thread;
	const struct pool *pool;
	int fd;
	int first;
	int nr;
	int err;
};

static void *help_allocate(void *data)
{
	struct helper *me = data;

	me->err = allocate_pages(me->pool, me->fd, me->first, me->nr);
	return NULL;
}

static void start_helper(struct __test_metadata *_metadata,
			 struct helper *helper, const struct pool *pool,
			 int fd, int first, int nr)
{
	*helper = (struct helper) {
		.pool	= pool,
		.fd	= fd,
		.first	= first,
		.nr	= nr,
	};
	ASSERT_EQ(0, pthread_create(&helper->thread, NULL, help_allocate,
				    helper));
}

/* Returns what fallocate() returned. */
static int wait_helper(struct __test_metadata *_metadata, struct helper *helper)
{
	ASSERT_EQ(0, pthread_join(helper->thread, NULL));
	return helper->err;
}

/* Whoever comes, there are pages for all. */
TEST_F_TIMEOUT(small, two_files_share_a_pool, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, fd, other, half = pool->nr / 2;
	struct helper helper;
	char *at;

	for (i = 0; i < ROUNDS; i++) {
		dirty_pool(_metadata, pool);
		fd = open_file(_metadata, HUGE_FILE);
		other = open_file(_metadata, OTHER_FILE);
		start_helper(_metadata, &helper, pool, other, 0,
			     pool->nr - half);
		EXPECT_EQ(0, allocate_pages(pool, fd, 0, half));
		EXPECT_EQ(0, wait_helper(_metadata, &helper));
		expect_counts(_metadata, pool, pool->nr, 0, 0, 0, "both");
		EXPECT_EQ(half, file_pages(pool, fd));
		EXPECT_EQ(pool->nr - half, file_pages(pool, other));
		at = map_pages(_metadata, pool, fd, half, MAP_SHARED);
		expect_zero_pages(_metadata, pool, at, half, "one file");
		unmap_pages(_metadata, pool, at, half);
		expect_zero_file(_metadata, pool, other, pool->nr - half,
				 "other file");
		remove_file(_metadata, fd, HUGE_FILE);
		remove_file(_metadata, other, OTHER_FILE);
	}
	expect_all_free(_metadata, pool, "removed");
}

/* There are not: one of them at least must fail, and none before all are taken. */
TEST_F_TIMEOUT(small, two_files_want_too_much, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, err, other_err, fd, other, nr = pool->nr;
	int want = nr - nr / 4;
	struct helper helper;
	char *at;

	for (i = 0; i < ROUNDS; i++) {
		dirty_pool(_metadata, pool);
		fd = open_file(_metadata, HUGE_FILE);
		other = open_file(_metadata, OTHER_FILE);
		start_helper(_metadata, &helper, pool, other, 0, want);
		err = allocate_pages(pool, fd, 0, want);
		other_err = wait_helper(_metadata, &helper);
		EXPECT_TRUE(!err || err == -ENOSPC);
		EXPECT_TRUE(!other_err || other_err == -ENOSPC);
		EXPECT_TRUE(err || other_err);
		expect_counts(_metadata, pool, nr, 0, 0, 0, "all taken");
		EXPECT_EQ(nr, file_pages(pool, fd) + file_pages(pool, other));
		if (!err)
			EXPECT_EQ(want, file_pages(pool, fd));
		if (!other_err)
			EXPECT_EQ(want, file_pages(pool, other));

		at = map_pages(_metadata, pool, fd, nr,
			       MAP_SHARED | MAP_NORESERVE);
		expect_zero_pages(_metadata, pool, at, file_pages(pool, fd),
				  "one file");
		unmap_pages(_metadata, pool, at, nr);
		remove_file(_metadata, fd, HUGE_FILE);
		remove_file(_metadata, other, OTHER_FILE);
		expect_all_free(_metadata, pool, "removed");
	}
}

/*
 * One file is being allocated while a mapping of another is made.  There is enough
 * for one of them, and what it has then been promised must be there.
 */
TEST_F_TIMEOUT(small, fallocate_and_a_reservation_of_others, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, j, err, fd, other, half = pool->nr / 2;
	int want = pool->nr - pool->nr / 4;
	struct helper helper;
	char *at;

	for (i = 0; i < ROUNDS; i++) {
		fd = open_file(_metadata, HUGE_FILE);
		other = open_file(_metadata, OTHER_FILE);
		start_helper(_metadata, &helper, pool, other, 0, want);
		usleep(100 * i);
		at = mmap(NULL, half * pool->size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
		err = wait_helper(_metadata, &helper);
		if (at == MAP_FAILED) {
			EXPECT_EQ(0, err)
				TH_LOG("neither fallocate() nor mmap() got pages");
		} else {
			EXPECT_EQ(-ENOSPC, err)
				TH_LOG("both fallocate() and mmap() got pages");
			/* Without a page, these would end the test. */
			for (j = 0; j < half; j++)
				at[j * pool->size] = 1;
			unmap_pages(_metadata, pool, at, half);
			expect_counts(_metadata, pool, pool->nr, 0, 0, 0,
				      "all taken");
		}
		remove_file(_metadata, fd, HUGE_FILE);
		remove_file(_metadata, other, OTHER_FILE);
		expect_all_free(_metadata, pool, "removed");
	}
}

/*
 * A mapping reserves what fallocate() adds at the same time.  While it does, a page
 * can be counted twice, so there is one more.
 */
TEST_F_TIMEOUT(small, fallocate_and_a_reservation_of_the_file, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, fd, nr = pool->nr - 1;
	struct helper helper;
	char *at;

	for (i = 0; i < ROUNDS; i++) {
		dirty_pool(_metadata, pool);
		fd = open_file(_metadata, HUGE_FILE);
		start_helper(_metadata, &helper, pool, fd, 0, nr);
		usleep(100 * i);
		at = map_pages(_metadata, pool, fd, nr, MAP_SHARED);
		expect_zero_pages(_metadata, pool, at, nr, "mapped");
		EXPECT_EQ(0, wait_helper(_metadata, &helper));
		EXPECT_EQ(nr, file_pages(pool, fd));
		expect_counts(_metadata, pool, pool->nr, 1, 0, 0, "all there");
		unmap_pages(_metadata, pool, at, nr);
		remove_file(_metadata, fd, HUGE_FILE);
		expect_all_free(_metadata, pool, "removed");
	}
}

/* Page after page, from the last one to the first, and racers of its own */
static void race_child(struct __test_metadata *_metadata, struct race *race,
		       int go)
{
	struct racer racers[NR_RACERS];
	int i, err;
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(KSFT_FAIL);
	start_racers(_metadata, race, racers, NR_RACERS);
	for (i = race->nr - 1; i >= 0; i--) {
		err = allocate_pages(race->pool, race->fd, i, 1);
		if (err)
			complain(race, "fallocate() in the child: %s",
				 strerror(-err));
	}
	stop_racers(_metadata, race, racers);
	_exit(KSFT_PASS);
}

TEST_F_TIMEOUT(race, two_processes_allocate_the_same_file, LIMIT)
{
	struct pool *pool = &self->pool;
	struct racer racers[NR_RACERS];
	struct race *race = make_race(_metadata, pool);
	int i, go[2];
	pid_t child;

	dirty_pool(_metadata, pool);
	ASSERT_EQ(0, pipe(go));
	for (i = 0; i < variant->rounds; i++) {
		race_open(_metadata, race, pool->nr, 0);
		child = fork_child(_metadata);
		if (!child)
			race_child(_metadata, race, go[0]);
		/* The racers of both stop together: one flag is for all. */
		start_racers(_metadata, race, racers, 0);
		ASSERT_EQ(1, write(go[1], "", 1));
		EXPECT_EQ(0, allocate_pages(pool, race->fd, 0, pool->nr));
		EXPECT_EQ(0, wait_child(_metadata, child));
		stop_racers(_metadata, race, racers);
		expect_counts(_metadata, pool, pool->nr, 0, 0, 0, "both done");
		race_close(_metadata, race);
	}
}

/* The file has no name any more, and the one who allocates is its last user. */
TEST_F_TIMEOUT(small, fallocate_and_removal, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, fd, status, nr = pool->nr;
	pid_t child;

	for (i = 0; i < ROUNDS; i++) {
		dirty_pool(_metadata, pool);
		fd = open_file(_metadata, HUGE_FILE);
		child = fork_child(_metadata);
		if (!child) {
			if (allocate_pages(pool, fd, 0, nr))
				_exit(KSFT_FAIL);
			/* The pages are this process's, until it ends. */
			_exit(pool_free(pool) ? KSFT_FAIL : KSFT_PASS);
		}
		usleep(100 * i);
		remove_file(_metadata, fd, HUGE_FILE);
		status = wait_child(_metadata, child);
		EXPECT_EQ(0, status)
			TH_LOG("fallocate() of a file that is removed");
		expect_all_free(_metadata, pool, "closed");
	}
}

static void use_reserved_page(struct race *race, char *page)
{
	if (sigsetjmp(bus_error, 0)) {
		complain(race, "SIGBUS in a mapping with a reservation");
		return;
	}
	if (*(volatile uint64_t *)page)
		complain(race, "old data in a mapping");
	dirty(page, SMALL_PAGE);
}

/*
 * Reserve, touch and free pages again and again.  In a shared mapping: stock kernels
 * can take a page from others that have it reserved when a private one is unmapped
 * while the pool shrinks.
 */
static void *use_pages(void *data)
{
	struct racer *me = data;
	const struct pool *pool = me->race->pool;
	int i, nr;
	char *at;

	may_fail = true;
	while (!race_stops(me->race)) {
		nr = 1 + next_random(&me->random) % (pool->nr / 2);
		at = mmap(NULL, nr * pool->size, PROT_READ | PROT_WRITE,
			  huge_flags(pool) | MAP_SHARED, -1, 0);
		/* The pool may be small now, but what it promises, it has. */
		if (at == MAP_FAILED)
			continue;
		for (i = 0; i < nr; i++)
			use_reserved_page(me->race, at + i * pool->size);
		munmap(at, nr * pool->size);
	}
	return NULL;
}

TEST_F_TIMEOUT(small, faults_while_the_pool_shrinks_and_grows, LIMIT)
{
	struct pool *pool = &self->pool;
	struct race *race = make_race(_metadata, pool);
	struct racer users[2];
	int i;

	dirty_pool(_metadata, pool);
	for (i = 0; i < 2; i++) {
		users[i] = (struct racer) {
			.race	= race,
			.random	= WRITTEN + i,
		};
		ASSERT_EQ(0, pthread_create(&users[i].thread, NULL, use_pages,
					    &users[i]));
	}
	for (i = 0; i < 4 * ROUNDS; i++) {
		EXPECT_EQ(0, pool_write(pool, ALL_NODES, "nr_hugepages",
					i % 2 ? pool->nr : i % 3));
		usleep(1000);
	}
	__atomic_store_n(&race->stop, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(users[i].thread, NULL));
	expect_no_complaint(_metadata, race);
	ASSERT_EQ(0, pool_resize(pool, 0));
	expect_counts(_metadata, pool, 0, 0, 0, 0, "emptied");
}

/* ---- pools that grow and shrink ---------------------------------------- */

/* Of gigantic pages there may be less, once others have used their memory. */
static void expect_grown(struct __test_metadata *_metadata,
			 const struct pool *pool, long nr, const char *when)
{
	long got = pool_resize(pool, nr);

	if (pool->kb > KB_2M) {
		ASSERT_LE(0, got);
		ASSERT_GE(nr, got);
	} else {
		ASSERT_EQ(nr, got);
	}
	expect_counts(_metadata, pool, got, got, 0, 0, when);
}

TEST_F_TIMEOUT(pool, grows_and_shrinks, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nr = pool->nr;

	expect_all_free(_metadata, pool, "grown");
	/* No change is no error. */
	ASSERT_EQ(nr, pool_resize(pool, nr));
	expect_all_free(_metadata, pool, "as before");
	for (i = nr - 1; i >= 0; i -= 3) {
		ASSERT_EQ(i, pool_resize(pool, i));
		expect_counts(_metadata, pool, i, i, 0, 0, "shrunk");
	}
	ASSERT_EQ(0, pool_resize(pool, 0));
	expect_counts(_metadata, pool, 0, 0, 0, 0, "empty");
	for (i = 1; i <= nr; i += 3)
		expect_grown(_metadata, pool, i, "grown by some");
}

/* What a line of /proc/meminfo says, or 0 */
static long meminfo(const char *format)
{
	char line[128];
	long value = 0;
	FILE *file;

	file = fopen("/proc/meminfo", "r");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, format, &value) == 1)
			break;
	fclose(file);
	return value;
}

TEST_F_TIMEOUT(small, has_the_same_count_in_proc, LIMIT)
{
	const char *path = "/proc/sys/vm/nr_hugepages";
	struct pool *pool = &self->pool;
	int nr = pool->nr;

	if (meminfo("Hugepagesize: %ld") != pool->kb)
		SKIP(return, "%ld kB are not the default size", pool->kb);

	EXPECT_EQ(nr, file_read_long(path));
	EXPECT_EQ(0, file_write_long(path, nr / 2));
	EXPECT_EQ(nr / 2, file_read_long(path));
	expect_counts(_metadata, pool, nr / 2, nr / 2, 0, 0, "shrunk");
	EXPECT_EQ(0, file_write_long(path, nr));
	expect_all_free(_metadata, pool, "grown");
}

static void expect_refused(struct __test_metadata *_metadata,
			   const struct pool *pool, const char *text)
{
	char path[PATH_MAX];

	pool_path(pool, ALL_NODES, "nr_hugepages", path);
	EXPECT_EQ(-EINVAL, file_write(path, text))
		TH_LOG("for %s", text);
}

TEST_F_TIMEOUT(small, refuses_what_is_no_count, LIMIT)
{
	expect_refused(_metadata, &self->pool, "many");
	expect_refused(_metadata, &self->pool, "-1");
	expect_refused(_metadata, &self->pool, "1 2");
	expect_refused(_metadata, &self->pool, "0x10");
	expect_all_free(_metadata, &self->pool, "refused");
}

/* Pages that are in use leave the pool when they are no longer. */
TEST_F_TIMEOUT(pool, shrinks_below_what_is_in_use, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nr = pool->nr, used = (nr + 1) / 2;
	char *at;

	at = map_pages(_metadata, pool, -1, used, MAP_PRIVATE);
	for (i = 0; i < used; i++)
		write_marks(pool, at + i * pool->size, i);
	expect_counts(_metadata, pool, nr, nr - used, 0, 0, "in use");
	ASSERT_EQ(used, pool_resize(pool, 0));
	expect_counts(_metadata, pool, used, 0, 0, used, "shrunk");
	ASSERT_EQ(used, pool_resize(pool, 1));
	expect_counts(_metadata, pool, used, 0, 0, used - 1, "one is not surplus");
	if (pool_resize(pool, nr) == nr) {
		expect_counts(_metadata, pool, nr, nr - used, 0, 0, "grown");
		ASSERT_EQ(used, pool_resize(pool, 0));
	}
	for (i = 0; i < used; i++)
		expect_marks(_metadata, pool, at + i * pool->size, i,
			     "page in use");
	unmap_pages(_metadata, pool, at, used);
	expect_counts(_metadata, pool, 0, 0, 0, 0, "unmapped");
}

/* So do pages that are reserved: until then they stay, and are there for faults. */
TEST_F_TIMEOUT(pool, shrinks_below_what_is_reserved, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nr = pool->nr, used = (nr + 1) / 2;
	char *at;

	at = map_pages(_metadata, pool, -1, used, MAP_PRIVATE);
	expect_counts(_metadata, pool, nr, nr, used, 0, "reserved");
	ASSERT_EQ(used, pool_resize(pool, 0));
	expect_counts(_metadata, pool, used, used, used, used, "shrunk");
	for (i = 0; i < used; i += 2)
		at[i * pool->size] = 1;
	i = (used + 1) / 2;
	expect_counts(_metadata, pool, used, used - i, used - i, used,
		      "half of them touched");
	unmap_pages(_metadata, pool, at, used);
	expect_counts(_metadata, pool, 0, 0, 0, 0, "unmapped");
}

/* ---- pools of nodes ---------------------------------------------------- */

static int all_nodes(const struct pool *pool, int nodes[MAX_NODES])
{
	return nodes_with(pool, 0, nodes);
}

TEST_F_TIMEOUT(pool, grows_on_the_node_that_is_asked, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, j, nr, nodes[MAX_NODES], nr_nodes = all_nodes(pool, nodes);
	long has, wants = variant->kb == KB_2M ? 5 : 1;

	if (!nr_nodes)
		SKIP(return, "no nodes: CONFIG_NUMA");
	ASSERT_EQ(0, pool_resize(pool, 0));
	for (i = 0, nr = 0; i < nr_nodes; i++) {
		EXPECT_EQ(0, pool_write(pool, nodes[i], "nr_hugepages", wants));
		has = pool_read(pool, nodes[i], "nr_hugepages");
		/* Of gigantic pages, it may have none. */
		if (pool->kb == KB_2M)
			EXPECT_EQ(wants, has)
				TH_LOG("node %d", nodes[i]);
		nr += has;
		expect_counts(_metadata, pool, nr, nr, 0, 0, "grown on a node");
		/* All else is as it was. */
		for (j = i + 1; j < nr_nodes; j++)
			EXPECT_EQ(0, pool_read(pool, nodes[j], "nr_hugepages"))
				TH_LOG("node %d", nodes[j]);
	}
	for (i = 0; i < nr_nodes; i++) {
		nr -= pool_read(pool, nodes[i], "nr_hugepages");
		EXPECT_EQ(0, pool_write(pool, nodes[i], "nr_hugepages", 0));
		EXPECT_EQ(0, pool_read(pool, nodes[i], "nr_hugepages"));
		expect_counts(_metadata, pool, nr, nr, 0, 0, "shrunk on a node");
	}
	EXPECT_EQ(0, nr);
}

/* A page in turn, as long as each of them has room */
TEST_F_TIMEOUT(pool, grows_evenly_on_all_nodes, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nodes[MAX_NODES], nr_nodes = all_nodes(pool, nodes);
	int each = variant->kb == KB_2M ? 5 : 1;

	if (nr_nodes < 2)
		SKIP(return, "two nodes are needed");
	for (i = 0; i < nr_nodes; i++) {
		EXPECT_EQ(0, pool_write(pool, nodes[i], "nr_hugepages", each));
		if (pool_read(pool, nodes[i], "nr_hugepages") != each)
			SKIP(return, "node %d has no room for %d huge pages",
			     nodes[i], each);
	}
	ASSERT_EQ(0, pool_resize(pool, 0));
	expect_grown(_metadata, pool, each * nr_nodes, "grown");
	if (pool_nr(pool) < each * nr_nodes)
		SKIP(return, "the pages that it had are no longer free");
	for (i = 0; i < nr_nodes; i++)
		EXPECT_EQ(each, pool_read(pool, nodes[i], "nr_hugepages"))
			TH_LOG("grown: node %d", nodes[i]);
	/* And back: with less than one for each, it does not matter whose. */
	ASSERT_EQ(nr_nodes, pool_resize(pool, nr_nodes));
	for (i = 0; i < nr_nodes; i++)
		EXPECT_EQ(1, pool_read(pool, nodes[i], "nr_hugepages"))
			TH_LOG("shrunk: node %d", nodes[i]);
}

TEST_F_TIMEOUT(pool, grows_by_the_policy_of_the_writer, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, nodes[MAX_NODES], nr_nodes = all_nodes(pool, nodes);
	int wants = pool->nr / 2;

	if (!nr_nodes)
		SKIP(return, "no nodes: CONFIG_NUMA");
	for (i = 0; i < nr_nodes; i++) {
		ASSERT_EQ(0, pool_resize(pool, 0));
		ASSERT_EQ(0, set_policy(MPOL_BIND, &nodes[i], 1));
		EXPECT_EQ(0, pool_write(pool, ALL_NODES,
					"nr_hugepages_mempolicy", wants));
		/* Of gigantic pages, it may have none. */
		if (pool->kb == KB_2M)
			EXPECT_EQ(wants, pool_nr(pool))
				TH_LOG("node %d", nodes[i]);
		EXPECT_EQ(pool_nr(pool),
			  pool_read(pool, nodes[i], "nr_hugepages"))
			TH_LOG("not all pages are on node %d", nodes[i]);
		/* This file does not care about policies. */
		ASSERT_EQ(0, pool_resize(pool, 0));
		if (nr_nodes > 1 && pool->kb == KB_2M) {
			ASSERT_EQ(2 * nr_nodes, pool_resize(pool, 2 * nr_nodes));
			EXPECT_EQ(2, pool_read(pool, nodes[i], "nr_hugepages"));
		}
		ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, 0));
	}
}

/* Only those of its nodes are freed, too. */
TEST_F_TIMEOUT(pool, shrinks_by_the_policy_of_the_writer, LIMIT)
{
	struct pool *pool = &self->pool;
	int nodes[MAX_NODES];
	long here, there;

	if (all_nodes(pool, nodes) < 2)
		SKIP(return, "two nodes are needed");
	here = pool_read(pool, nodes[0], "nr_hugepages");
	there = pool->nr - here;
	if (!here || !there)
		SKIP(return, "all huge pages are on one node");
	ASSERT_EQ(0, set_policy(MPOL_BIND, nodes, 1));
	EXPECT_EQ(0, pool_write(pool, ALL_NODES, "nr_hugepages_mempolicy", 0));
	ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, 0));
	EXPECT_EQ(0, pool_read(pool, nodes[0], "nr_hugepages"));
	EXPECT_EQ(there, pool_nr(pool));
}

/* ---- pools with too little memory, and signals ------------------------- */

/* More than there can be */
#define TOO_MANY	(1L << 40)
/* So many pages take longer than a few milliseconds. */
#define MANY		512

/*
 * Asks for more than there can be, and shrinks what it got.  @bound is the node
 * that the writer is bound to, or ALL_NODES.  It is bound for the write alone: a
 * process that needs memory of a full node is killed.
 */
static void take_all(struct __test_metadata *_metadata,
		     const struct pool *pool, int node, const char *name,
		     int bound)
{
	long got;

	ASSERT_EQ(0, pool_resize(pool, 0));
	if (bound != ALL_NODES)
		ASSERT_EQ(0, set_policy(MPOL_BIND, &bound, 1));
	EXPECT_EQ(0, pool_write(pool, node, name, TOO_MANY));
	ASSERT_EQ(0, set_policy(MPOL_DEFAULT, NULL, 0));
	got = pool_nr(pool);
	EXPECT_LE(0, got);
	expect_counts(_metadata, pool, got, got, 0, 0, "all memory taken");
	if (got) {
		ASSERT_EQ(got - 1, pool_resize(pool, got - 1));
		expect_counts(_metadata, pool, got - 1, got - 1, 0, 0,
			      "one less");
	}
	ASSERT_EQ(0, pool_resize(pool, 0));
	expect_counts(_metadata, pool, 0, 0, 0, 0, "empty");
}

/* Not with small ones, of which there would be too many for all others to live. */
TEST_F_TIMEOUT(pool, takes_what_there_is_of_memory, LIMIT)
{
	struct pool *pool = &self->pool;

	if (pool->kb == KB_2M)
		SKIP(return, "others need what is left by gigantic pages only");
	take_all(_metadata, pool, ALL_NODES, "nr_hugepages", ALL_NODES);
	/* What was there once can be there again. */
	expect_grown(_metadata, pool, pool->nr, "grown again");
}

/* Others can live in the memory of the first one. */
TEST_F_TIMEOUT(pool, takes_what_there_is_of_a_node, LIMIT)
{
	struct pool *pool = &self->pool;
	int nodes[MAX_NODES], nr_nodes = all_nodes(pool, nodes);

	if (nr_nodes < 2)
		SKIP(return, "two nodes are needed");
	take_all(_metadata, pool, nodes[nr_nodes - 1], "nr_hugepages",
		 ALL_NODES);
	take_all(_metadata, pool, ALL_NODES, "nr_hugepages_mempolicy",
		 nodes[nr_nodes - 1]);
}

/* How many pages half of the free memory could be */
static long half_of_memory(const struct pool *pool)
{
	return meminfo("MemFree: %ld") / 2 / pool->kb;
}

/* The pool can be used after a signal as it could before. */
static void expect_sound(struct __test_metadata *_metadata,
			 const struct pool *pool)
{
	long reached = pool_nr(pool);

	expect_counts(_metadata, pool, reached, reached, 0, 0,
		      "after a signal");
	if (reached) {
		ASSERT_EQ(reached - 1, pool_resize(pool, reached - 1));
		expect_grown(_metadata, pool, reached, "one more");
	}
	ASSERT_EQ(0, pool_resize(pool, 0));
	expect_counts(_metadata, pool, 0, 0, 0, 0, "empty");
	expect_grown(_metadata, pool, pool->nr, "grown");
	ASSERT_EQ(0, pool_resize(pool, 0));
}

/* One signal after another, from @us on, while it grows; returns the pages. */
static long grow_with_signals(struct __test_metadata *_metadata,
			      const struct pool *pool, long nr, long us)
{
	pid_t child;
	int status;

	catch_signal(_metadata, SIGUSR1);
	child = fork_child(_metadata);
	if (!child)
		_exit(-pool_write(pool, ALL_NODES, "nr_hugepages", nr));
	do {
		usleep(us);
		ASSERT_EQ(0, kill(child, SIGUSR1));
		us = 200;
	} while (!waitpid(child, &status, WNOHANG));
	/* The write has done something, and is no error. */
	EXPECT_EQ(0, status);
	return pool_nr(pool);
}

TEST_F_TIMEOUT(pool, keeps_what_it_had_when_a_signal_came, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, rounds = pool->kb == KB_2M ? 10 : 1;
	long nr, got;
	bool some = false;

	ASSERT_EQ(0, pool_resize(pool, 0));
	nr = half_of_memory(pool);
	for (i = 0; i < 3 || !some; i++) {
		if (i == rounds)
			break;
		got = grow_with_signals(_metadata, pool, nr, 2000 * i);
		EXPECT_GE(nr, got);
		some = some || (got > 0 && got < nr);
		expect_sound(_metadata, pool);
	}
	if (nr > MANY)
		EXPECT_TRUE(some)
			TH_LOG("no signal ended it with some pages of %ld", nr);
}

TEST_F_TIMEOUT(pool, keeps_what_it_had_when_the_writer_was_killed, LIMIT)
{
	struct pool *pool = &self->pool;
	int i, status;
	pid_t child;
	long nr;

	ASSERT_EQ(0, pool_resize(pool, 0));
	nr = half_of_memory(pool);
	for (i = 0; i < (pool->kb == KB_2M ? 5 : 1); i++) {
		ASSERT_EQ(0, pool_resize(pool, 0));
		child = fork_child(_metadata);
		if (!child)
			_exit(-pool_write(pool, ALL_NODES, "nr_hugepages", nr));
		usleep(2000 * i);
		ASSERT_EQ(0, kill(child, SIGKILL));
		status = wait_child(_metadata, child);
		EXPECT_TRUE(status == -SIGKILL || status == 0)
			TH_LOG("status %d", status);
		EXPECT_GE(nr, pool_nr(pool));
		expect_sound(_metadata, pool);
	}
}

/* ---- pools with many writers ------------------------------------------- */

#define NR_WRITERS	3

static void write_counts(const struct pool *pool, int id, int node,
			 const char *name, int writes)
{
	uint64_t random = WRITTEN + id;
	int i;

	for (i = 0; i < writes; i++)
		if (pool_write(pool, node, name,
			       next_random(&random) % (pool->nr + 1)))
			_exit(KSFT_FAIL);
	_exit(KSFT_PASS);
}

/* Returns the most pages that the pool was seen with until all of them ended. */
static long wait_writers(struct __test_metadata *_metadata,
			 const struct pool *pool, const pid_t *children)
{
	int i, status = 0;
	long nr, most = 0;

	for (i = 0; i < NR_WRITERS; i++) {
		while (!waitpid(children[i], &status, WNOHANG)) {
			nr = pool_nr(pool);
			most = nr > most ? nr : most;
			usleep(100);
		}
		EXPECT_EQ(0, status)
			TH_LOG("writer %d has failed", i);
	}
	return most;
}

/* What they leave is what one of them has written. */
static void expect_usable(struct __test_metadata *_metadata,
			  const struct pool *pool)
{
	long nr = pool_nr(pool);

	expect_counts(_metadata, pool, nr, nr, 0, 0, "written by many");
	ASSERT_EQ(0, pool_resize(pool, 0));
	expect_grown(_metadata, pool, pool->nr, "written by one");
}

TEST_F_TIMEOUT(pool, has_many_writers, LIMIT)
{
	struct pool *pool = &self->pool;
	const char *name = "nr_hugepages";
	int i, writes = pool->kb == KB_2M ? 30 : 2;
	pid_t children[NR_WRITERS];

	for (i = 0; i < NR_WRITERS; i++) {
		children[i] = fork_child(_metadata);
		if (!children[i])
			write_counts(pool, i, ALL_NODES, name, writes);
		if (pool_read(pool, ALL_NODES, "nr_hugepages_mempolicy") >= 0)
			name = "nr_hugepages_mempolicy";
	}
	/* None of them asks for more. */
	EXPECT_GE(pool->nr, wait_writers(_metadata, pool, children));
	EXPECT_GE(pool->nr, pool_nr(pool));
	expect_usable(_metadata, pool);
}

TEST_F_TIMEOUT(pool, has_writers_to_its_nodes, LIMIT)
{
	struct pool *pool = &self->pool;
	int nodes[MAX_NODES], nr_nodes = all_nodes(pool, nodes);
	int i, node, writes = pool->kb == KB_2M ? 30 : 2;
	pid_t children[NR_WRITERS];

	if (!nr_nodes)
		SKIP(return, "no nodes: CONFIG_NUMA");
	for (i = 0; i < NR_WRITERS; i++) {
		node = i ? nodes[i % nr_nodes] : ALL_NODES;
		children[i] = fork_child(_metadata);
		if (!children[i])
			write_counts(pool, i, node, "nr_hugepages", writes);
	}
	wait_writers(_metadata, pool, children);
	expect_usable(_metadata, pool);
}

TEST_HARNESS_MAIN
