/*
 * latency -- how long a record takes through a live pipeline, open loop.
 *
 *	latency [--rate N] [--seconds N] [--keys N] [--period MS] [--file FILE] [--dir DIR] COMMAND
 *
 * Runs COMMAND in a shell, gives it N records a second on its stdin, {"user":"u0123","t":NS}, and
 * reads one line per record, in any order, from its stdout.  t is the time at which the record was
 * due, in ns since the start, whether or not the pipe took it then: a pipeline that falls behind is
 * charged for it.  Prints p50, p99 and the greatest of (received - due) in microseconds, the first
 * second left out, and then the median and the greatest of what was the greatest in each period of
 * MS (1000).  Status 1 if not exactly one result came for each record.
 *
 * --file: records are appended to FILE, which COMMAND follows; COMMAND gets SIGINT when the last
 * result is there, and its status does not count.  --dir, with --file: results are read from the
 * part files of DIR as they become visible, looked at every millisecond; parts of subtask 0.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
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

#define KEYS 1000
#define BATCH_BYTES 4096
#define LINE_MAX_BYTES 64
#define READ_BYTES (256 << 10)
#define SECOND_NS 1000000000
#define PATIENCE_S 10 /* for the last result */

struct feed {
	int fd;
	int64_t start, records, step, keys;
};

/* Results: from fd, or from the parts of dir, one after the other. */
struct results {
	int fd;
	const char *dir;  /* or NULL */
	int part;	  /* the next one to open */
	int64_t deadline; /* 0: until the end of fd */
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
					      i * 7919 % f->keys, i * f->step);
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

/* The next part, if it is visible. */
static void
next_part(struct results *r)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/part-0-%d.ndjson", r->dir, r->part);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	if (r->fd != -1)
		close(r->fd);
	r->fd = fd;
	r->part++;
}

/*
 * As read(2), with a deadline; waits for what is not there yet.  A part has been read when the next
 * one is there.
 */
static ssize_t
results_read(struct results *r, char *buf, size_t len)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	ssize_t n;

	if (r->dir == NULL && r->deadline == 0)
		return read(r->fd, buf, len);
	if (r->dir == NULL)
		return poll(&p, 1, (int)((r->deadline - now()) / 1000000)) == 1
			   ? read(r->fd, buf, len)
			   : 0;
	for (;;) {
		if (r->fd != -1 && (n = read(r->fd, buf, len)) != 0)
			return n;
		if (now() > r->deadline)
			return 0;
		next_part(r);
		if (r->fd == -1 || (n = read(r->fd, buf, len)) == 0)
			sleep_until(now() + SECOND_NS / 1000);
		else
			return n;
	}
}

/*
 * Reads all results; for that of record i late[i] is how late it came, in ns.  Returns how many
 * there were, or -1 for a strange one or one that came twice.
 */
static int64_t
collect(struct results *from, const struct feed *f, int64_t *late)
{
	static char buf[READ_BYTES + 1];
	size_t n = 0;
	int64_t got = 0;
	ssize_t r;

	while ((from->deadline == 0 || got < f->records) &&
	       (r = results_read(from, buf + n, READ_BYTES - n)) > 0) {
		int64_t at = now() - f->start;
		char *p = buf, *end = buf + n + r, *eol;

		for (; (eol = memchr(p, '\n', (size_t)(end - p))) != NULL; p = eol + 1) {
			int64_t due = line_due(p, (size_t)(eol - p)), i = due / f->step;

			if (due < 0 || i >= f->records || late[i] != 0)
				return -1;
			late[i] = at - due;
			got++;
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

/* Starts COMMAND in a process group of its own. */
static pid_t
start_shell(const char *command, int *in, int *out)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe(to) == -1 || pipe(from) == -1 || (pid = fork()) == -1)
		die("pipe, fork");
	if (pid == 0) {
		setpgid(0, 0);
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

/* late[0..n) lies in the order in which records were due; sorts it. */
static void
report(int64_t *late, int64_t n, int64_t period)
{
	int64_t periods = n / period, *most = calloc((size_t)periods + 1, sizeof most[0]);

	if (most == NULL)
		die("calloc");
	for (int64_t i = 0; i < periods * period; i++)
		if (late[i] > most[i / period])
			most[i / period] = late[i];
	qsort(most, (size_t)periods, sizeof most[0], by_value);
	qsort(late, (size_t)n, sizeof late[0], by_value);
	printf("%.1f %.1f %.1f %.1f\n", late[n / 2] / 1e3, late[n * 99 / 100] / 1e3,
	       late[n - 1] / 1e3, most[periods / 2] / 1e3);
	free(most);
}

struct conf {
	long rate, seconds, keys, period;
	const char *file, *dir, *command;
};

static bool
arguments(struct conf *c, int argc, char *argv[])
{
	int i;

	for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		long v = strtol(argv[i + 1], NULL, 10);

		if (strcmp(argv[i], "--rate") == 0 && v > 0)
			c->rate = v;
		else if (strcmp(argv[i], "--seconds") == 0 && v > 1)
			c->seconds = v;
		else if (strcmp(argv[i], "--keys") == 0 && v > 0)
			c->keys = v;
		else if (strcmp(argv[i], "--period") == 0 && v > 0)
			c->period = v;
		else if (strcmp(argv[i], "--file") == 0)
			c->file = argv[i + 1];
		else if (strcmp(argv[i], "--dir") == 0)
			c->dir = argv[i + 1];
		else
			return false;
	}
	c->command = argv[i];
	return i + 1 == argc && (c->dir == NULL || c->file != NULL);
}

int
main(int argc, char *argv[])
{
	struct conf c = { .rate = 100000, .seconds = 10, .keys = KEYS, .period = 1000 };
	struct results results = { .fd = -1 };
	int in, out, status = 0;
	struct feed feed;
	int64_t *late, got;
	pthread_t thread;
	pid_t pid;

	if (!arguments(&c, argc, argv)) {
		fprintf(stderr, "usage: latency [--rate N] [--seconds N, 2 or more] [--keys N] "
				"[--period MS] [--file FILE] [--dir DIR] COMMAND\n");
		return 2;
	}
	feed = (struct feed){ .records = c.rate * c.seconds,
			      .step = SECOND_NS / c.rate,
			      .keys = c.keys };
	if ((late = calloc((size_t)feed.records, sizeof late[0])) == NULL)
		die("calloc");
	if (c.file != NULL &&
	    (feed.fd = open(c.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) == -1)
		die(c.file);
	signal(SIGPIPE, SIG_IGN);
	pid = start_shell(c.command, &in, &out);
	if (c.file == NULL)
		feed.fd = in;
	if (c.dir == NULL)
		results.fd = out;
	sleep_until(now() + SECOND_NS / 5); /* all stages are up */
	feed.start = now();
	results.dir = c.dir;
	if (c.file != NULL)
		results.deadline = feed.start + (c.seconds + PATIENCE_S) * SECOND_NS;
	if (pthread_create(&thread, NULL, feed_run, &feed) != 0)
		die("thread");
	got = collect(&results, &feed, late);
	pthread_join(thread, NULL);
	if (c.file != NULL)
		kill(-pid, SIGINT);
	waitpid(pid, &status, 0);
	if (got != feed.records || (c.file == NULL && status != 0)) {
		fprintf(stderr, "latency: %" PRId64 " results for %" PRId64 " records, status %d\n",
			got, feed.records, status);
		return 1;
	}
	report(late + c.rate, got - c.rate, c.rate * c.period / 1000);
	free(late);
	return 0;
}
