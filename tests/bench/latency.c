/*
 * latency -- how long a record takes through a live pipeline, open loop.
 *
 *	latency [--rate N] [--seconds N] COMMAND
 *
 * Runs COMMAND in a shell, gives it N records a second on its stdin, {"user":"u0123","t":NS}, and
 * reads one line per record, in any order, from its stdout.  t is the time at which the record was
 * due, in ns since the start, whether or not the pipe took it then: a pipeline that falls behind is
 * charged for it.  Prints p50, p99 and the greatest of (received - due) in microseconds, the first
 * second left out.  Status 1 if not exactly one result came for each record.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define USERS 1000
#define BATCH_BYTES 4096
#define LINE_MAX_BYTES 64
#define READ_BYTES (256 << 10)
#define SECOND_NS 1000000000

struct feed {
	int fd;
	int64_t start, records, step;
};

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
	fprintf(stderr, "latency: ");
	perror(what);
	exit(1);
}

static void
sleep_until(int64_t at)
{
	struct timespec t = { at / SECOND_NS, at % SECOND_NS };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Writes what has come due, sleeps until the next record is, and so on; closes the pipe behind the
 * last. */
static void *
feed_run(void *arg)
{
	struct feed *f = arg;
	char text[BATCH_BYTES];
	int64_t i = 0;

	prctl(PR_SET_TIMERSLACK, 1);
	while (i < f->records) {
		int64_t t = now() - f->start;
		size_t n = 0;

		for (; i < f->records && i * f->step <= t && n + LINE_MAX_BYTES <= sizeof text; i++)
			n += (size_t)snprintf(text + n, LINE_MAX_BYTES,
					      "{\"user\":\"u%04" PRId64 "\",\"t\":%" PRId64 "}\n",
					      i * 7919 % USERS, i * f->step);
		if (n == 0)
			sleep_until(f->start + i * f->step);
		for (size_t done = 0; done < n;) {
			ssize_t w = write(f->fd, text + done, n - done);

			if (w == -1)
				die("write");
			done += (size_t)w;
		}
	}
	close(f->fd);
	return NULL;
}

/* The t of one line, or -1. */
static int64_t
line_due(const char *p, size_t n)
{
	const char *t = memmem(p, n, "\"t\":", 4);

	return t == NULL ? -1 : strtoll(t + 4, NULL, 10);
}

/* Reads all results into late[0..max) as ns; returns how many there were, or -1 for a strange one.
 */
static int64_t
collect(int fd, int64_t start, int64_t *late, int64_t max)
{
	static char buf[READ_BYTES + 1];
	size_t n = 0;
	int64_t got = 0;
	ssize_t r;

	while ((r = read(fd, buf + n, READ_BYTES - n)) > 0) {
		int64_t at = now() - start;
		char *p = buf, *end = buf + n + r, *eol;

		for (; (eol = memchr(p, '\n', (size_t)(end - p))) != NULL; p = eol + 1) {
			int64_t due = line_due(p, (size_t)(eol - p));

			if (due < 0 || got == max)
				return -1;
			late[got++] = due < SECOND_NS ? -1 : at - due;
		}
		n = (size_t)(end - p);
		memmove(buf, p, n);
	}
	return got;
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static pid_t
start_shell(const char *command, int *in, int *out)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe(to) == -1 || pipe(from) == -1 || (pid = fork()) == -1)
		die("pipe, fork");
	if (pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[0]), close(to[1]), close(from[0]), close(from[1]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		die("/bin/sh");
	}
	close(to[0]), close(from[1]);
	*in = to[1];
	*out = from[0];
	return pid;
}

int
main(int argc, char *argv[])
{
	long rate = 100000, seconds = 10;
	int64_t *late, got, first = 0;
	struct feed feed;
	pthread_t thread;
	int out, status, i;
	pid_t pid;

	for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		long v = strtol(argv[i + 1], NULL, 10);

		if (strcmp(argv[i], "--rate") == 0 && v > 0)
			rate = v;
		else if (strcmp(argv[i], "--seconds") == 0 && v > 1)
			seconds = v;
		else
			break;
	}
	if (i + 1 != argc) {
		fprintf(stderr, "usage: latency [--rate N] [--seconds N, 2 or more] COMMAND\n");
		return 2;
	}
	feed = (struct feed){ .records = rate * seconds, .step = SECOND_NS / rate };
	if ((late = malloc((size_t)feed.records * sizeof late[0])) == NULL)
		die("malloc");
	signal(SIGPIPE, SIG_IGN);
	pid = start_shell(argv[i], &feed.fd, &out);
	sleep_until(now() + SECOND_NS / 5); /* all stages are up */
	feed.start = now();
	if (pthread_create(&thread, NULL, feed_run, &feed) != 0)
		die("thread");
	got = collect(out, feed.start, late, feed.records);
	pthread_join(thread, NULL);
	waitpid(pid, &status, 0);
	if (got != feed.records || status != 0) {
		fprintf(stderr, "latency: %" PRId64 " results for %" PRId64 " records, status %d\n",
			got, feed.records, status);
		return 1;
	}
	qsort(late, (size_t)got, sizeof late[0], by_value);
	while (first < got && late[first] < 0)
		first++;
	got -= first;
	printf("%.1f %.1f %.1f\n", late[first + got / 2] / 1e3, late[first + got * 99 / 100] / 1e3,
	       late[first + got - 1] / 1e3);
	free(late);
	return 0;
}
