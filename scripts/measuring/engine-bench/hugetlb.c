// SPDX-License-Identifier: GPL-2.0
/*
 * Has the kernel clear huge pages from a pool, in a guest:
 *
 *	hugetlb gigantic-fault GIB	touch each page of 1 GiB of a mapping
 *	hugetlb fallocate GIB		have all pages of 2 MiB allocated for a file
 *
 * The kernel's log has a line before and one after that, as from clients.sh. Nothing
 * else of this program is between the two.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GIB	(1UL << 30)

static int log_file;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* In one piece, as each write makes a line of the log. */
static void say(const char *what, const char *client)
{
	char line[100];
	int length = snprintf(line, sizeof(line), "client: %s %s\n", what, client);

	if (write(log_file, line, length) != length)
		fail("writing to /dev/kmsg");
}

static void gigantic_fault(const char *client, size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB,
			    -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap of pages of 1 GiB");
	say("begin", client);
	for (size_t at = 0; at < size; at += GIB)
		memory[at] = 1;
	say("end", client);
	if (munmap(memory, size))
		fail("munmap of pages of 1 GiB");
}

/* Nothing else has the file: the pages go back to the pool when it is closed. */
static void allocate_file(const char *client, size_t size)
{
	int file = memfd_create(client, MFD_HUGETLB | MFD_HUGE_2MB);

	if (file < 0)
		fail("memfd_create with pages of 2 MiB");
	say("begin", client);
	if (fallocate(file, 0, 0, size))
		fail("fallocate of pages of 2 MiB");
	say("end", client);
	if (close(file))
		fail("close of a file with pages of 2 MiB");
}

int main(int argc, char **argv)
{
	size_t size = argc == 3 ? strtoul(argv[2], NULL, 10) * GIB : 0;

	log_file = open("/dev/kmsg", O_WRONLY);
	if (log_file < 0)
		fail("/dev/kmsg");
	if (size && !strcmp(argv[1], "gigantic-fault")) {
		gigantic_fault(argv[1], size);
	} else if (size && !strcmp(argv[1], "fallocate")) {
		allocate_file(argv[1], size);
	} else {
		fprintf(stderr, "hugetlb gigantic-fault|fallocate GIB\n");
		return 1;
	}
	return 0;
}
