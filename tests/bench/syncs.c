/*
 * syncs -- the least that an epoch costs on this disk.
 *
 *	syncs [--every MS] [--bytes N] DIR ROUNDS
 *
 * An epoch waits for four syncs in a row: the state's delta beside the output's segment (two logs),
 * the manifest, its directory, the output.  Does just that in DIR, ROUNDS times, one each MS (100),
 * with N bytes (4096) a file, and prints p50, p99 and the greatest in ms.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX (16 << 20)
#define SECOND_NS 1000000000

static char block[BYTES_MAX];
static size_t bytes = 4096;
static const char *dir;

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

_Noreturn static void
die(const char *what)
{
	fprintf(stderr, "syncs: ");
	perror(what);
	exit(1);
}

static int
open_in(const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if ((fd = open(path, flags | O_CLOEXEC, 0666)) == -1)
		die(path);
	return fd;
}

static void
append(int fd)
{
	if (write(fd, block, bytes) != (ssize_t)bytes || fdatasync(fd) == -1)
		die("write, fdatasync");
}

static void *
append_run(void *arg)
{
	append(*(int *)arg);
	return NULL;
}

/* One epoch; returns the ns that it took. */
static int64_t
epoch(int dirfd, int delta, int segment, int out, int n)
{
	int64_t start = now();
	pthread_t thread;
	char name[32];
	int manifest;

	if (pthread_create(&thread, NULL, append_run, &delta) != 0)
		die("thread");
	append(segment);
	pthread_join(thread, NULL);
	snprintf(name, sizeof name, "%d", n);
	manifest = open_in("new", O_WRONLY | O_CREAT | O_TRUNC);
	if (write(manifest, block, 1024) != 1024 || fdatasync(manifest) == -1 ||
	    renameat(dirfd, "new", dirfd, name) == -1 || fsync(dirfd) == -1)
		die("manifest");
	close(manifest);
	append(out);
	return now() - start;
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char *argv[])
{
	int dirfd, delta, segment, out, rounds, i;
	int64_t *took, due, every = 100;

	for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		long v = strtol(argv[i + 1], NULL, 10);

		if (strcmp(argv[i], "--every") == 0 && v > 0)
			every = v;
		else if (strcmp(argv[i], "--bytes") == 0 && v > 0 && v <= BYTES_MAX)
			bytes = (size_t)v;
		else
			break;
	}
	if (i + 2 != argc || (rounds = atoi(argv[i + 1])) <= 0) {
		fprintf(stderr, "usage: syncs [--every MS] [--bytes N] DIR ROUNDS\n");
		return 2;
	}
	dir = argv[i];
	if ((took = calloc((size_t)rounds, sizeof took[0])) == NULL)
		die("calloc");
	dirfd = open_in(".", O_RDONLY | O_DIRECTORY);
	delta = open_in("delta", O_WRONLY | O_CREAT | O_APPEND);
	segment = open_in("segment", O_WRONLY | O_CREAT | O_APPEND);
	out = open_in("out", O_WRONLY | O_CREAT | O_APPEND);
	due = now();
	for (int n = 0; n < rounds; n++) {
		struct timespec t = { due / SECOND_NS, due % SECOND_NS };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		took[n] = epoch(dirfd, delta, segment, out, n);
		due += every * 1000000;
	}
	qsort(took, (size_t)rounds, sizeof took[0], by_value);
	printf("%.2f %.2f %.2f\n", took[rounds / 2] / 1e6, took[rounds * 99 / 100] / 1e6,
	       took[rounds - 1] / 1e6);
	return 0;
}
