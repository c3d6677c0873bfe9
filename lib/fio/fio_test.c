/* fio_test: see fio_test.h. */
#include "fio/fio_internal.h"

#ifdef FIO_TEST

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CRASHES 64
#define MAX_FAULTS 16
#define MAX_FDS 4096 /* two whose numbers are so far apart share what is noted of them */
#define POINT_MAX 160

_Thread_local const char *fio_test_site;

struct crash {
	char *entry; /* as it was given */
	char *point;
	bool stop;
	unsigned long hit; /* 0: each */
	unsigned long hits;
};

struct fault {
	char *entry;
	int error;
	bool syncs; /* counts fsync and fdatasync alone */
	bool sticky;
	unsigned long at, steps;
};

/* Read from the environment once; the mutex guards the counters. */
static struct {
	struct crash crash[MAX_CRASHES];
	struct fault fault[MAX_FAULTS];
	unsigned ncrashes, nfaults;
	bool one_byte, again;
	bool refused[MAX_FDS]; /* the last call on this descriptor */
	uint32_t draw;
	const char *once, *log;
} plan;
static pthread_once_t plan_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t plan_mutex = PTHREAD_MUTEX_INITIALIZER;

/* A plan that cannot be followed must not look like a test that passed. */
static _Noreturn void
bad_plan(const char *variable, const char *entry)
{
	fprintf(stderr, "fio_test: %s: cannot understand '%s'\n", variable, entry);
	abort();
}

/* ---- reading the plan ---- */

/* entry without "PROGRAM:" when that is ours or there is none; else NULL: it is for another. */
static char *
for_us(char *entry)
{
	char *colon = strchr(entry, ':');

	if (colon == NULL)
		return entry;
	*colon = '\0';
	return strcmp(entry, program_invocation_short_name) == 0 ? colon + 1 : NULL;
}

static void
read_death(char *entry, bool stop)
{
	struct crash *c = &plan.crash[plan.ncrashes];
	char *hash, *end;

	if (plan.ncrashes == MAX_CRASHES || (c->entry = strdup(entry)) == NULL)
		bad_plan("FCRASH", entry);
	if ((c->point = for_us(entry)) == NULL) {
		free(c->entry);
		return;
	}
	if ((hash = strchr(c->point, '#')) == NULL)
		bad_plan("FCRASH", c->entry);
	*hash = '\0';
	if (strcmp(hash + 1, "*") != 0) {
		c->hit = strtoul(hash + 1, &end, 10);
		if (c->hit == 0 || *end != '\0')
			bad_plan("FCRASH", c->entry);
	}
	c->stop = stop;
	plan.ncrashes++;
}

static void
read_crash(char *entry)
{
	read_death(entry, false);
}

static void
read_stop(char *entry)
{
	read_death(entry, true);
}

static void
read_fault(char *entry)
{
	static const struct {
		const char *name;
		int error;
		bool syncs;
	} kinds[] = { { "enospc", ENOSPC, false }, { "eio", EIO, false }, { "fsync", EIO, true } };
	struct fault *f = &plan.fault[plan.nfaults];
	char *s, *at, *end;

	if (plan.nfaults == MAX_FAULTS || (f->entry = strdup(entry)) == NULL)
		bad_plan("FFAULT", entry);
	if ((s = for_us(entry)) == NULL)
		goto other;
	if (strcmp(s, "short") == 0 || strcmp(s, "eagain") == 0) {
		*(*s == 's' ? &plan.one_byte : &plan.again) = true;
		goto other;
	}
	if ((f->sticky = strncmp(s, "sticky-", 7) == 0))
		s += 7;
	if ((at = strchr(s, '@')) == NULL)
		bad_plan("FFAULT", f->entry);
	*at = '\0';
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(s, kinds[i].name) == 0) {
			f->error = kinds[i].error;
			f->syncs = kinds[i].syncs;
		}
	}
	f->at = strtoul(at + 1, &end, 10);
	if (f->error == 0 || f->at == 0 || *end != '\0')
		bad_plan("FFAULT", f->entry);
	plan.nfaults++;
	return;
other:
	free(f->entry);
}

static void
each_entry(const char *variable, void (*fn)(char *entry))
{
	const char *value = getenv(variable);
	char *copy, *save;

	if (value == NULL)
		return;
	if ((copy = strdup(value)) == NULL) /* kept: entries point into it */
		bad_plan(variable, value);
	for (char *s = strtok_r(copy, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save))
		fn(s);
}

static void
read_plan(void)
{
	each_entry("FCRASH", read_crash);
	each_entry("FSTOP", read_stop);
	each_entry("FFAULT", read_fault);
	plan.once = getenv("FCRASH_ONCE");
	plan.log = getenv("FCRASH_LOG");
}

/* ---- following it ---- */

/* May this call be told to wait?  A kernel does not say so once the other side has gone, nor to a
 * write into an empty socket, and callers count on both: what is left, or the last word, is tried
 * once.  A read of an empty socket waits by itself. */
static bool
may_wait(int fd)
{
	struct pollfd p = { .fd = fd };
	int in, out;

	if ((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 || poll(&p, 1, 0) == 1)
		return false;
	if (ioctl(fd, SIOCOUTQ, &out) == -1 || ioctl(fd, FIONREAD, &in) == -1)
		return true; /* no socket */
	return in > 0 || out > 0;
}

/*
 * Shall this call say EAGAIN?  That is drawn, not counted: a loop that reads and then writes would
 * be refused the same one of them for ever.  The same order of calls draws the same.  Never twice
 * in a row on a descriptor: who tries once more before it closes gets through.
 */
static bool
refuse(int fd)
{
	bool *last = &plan.refused[(unsigned)fd % MAX_FDS], now;

	pthread_mutex_lock(&plan_mutex);
	plan.draw = plan.draw * 1664525 + 1013904223;
	*last = now = !*last && plan.draw >> 31 != 0;
	pthread_mutex_unlock(&plan_mutex);
	return now;
}

size_t
fio_test_cut(int fd, size_t n)
{
	pthread_once(&plan_once, read_plan);
	if (plan.one_byte)
		return n < 1 ? n : 1;
	if (!plan.again || n == 0 || !may_wait(fd))
		return n;
	return refuse(fd) ? 0 : n;
}

bool
fio_test_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static void
log_point(const char *point)
{
	char line[POINT_MAX + 64];
	int fd = open(plan.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666), n;

	n = snprintf(line, sizeof(line), "%s %s\n", program_invocation_short_name, point);
	if (fd == -1 || write(fd, line, (size_t)n) != n)
		bad_plan("FCRASH_LOG", plan.log);
	close(fd);
}

/* Has this entry come to no process yet?  Then it is our turn. */
static bool
first_time(const char *entry)
{
	char path[4096];
	size_t dir;
	int fd;

	if (plan.once == NULL)
		return true;
	dir = (size_t)snprintf(path, sizeof(path), "%s/", plan.once);
	snprintf(path + dir, sizeof(path) - dir, "%s", entry);
	for (char *s = path + dir; *s != '\0'; s++) {
		if (*s == '/')
			*s = '+';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd == -1 && errno != EEXIST)
		bad_plan("FCRASH_ONCE", plan.once);
	if (fd != -1)
		close(fd);
	return fd != -1;
}

bool
fio_test_point(const char *op, const char *when)
{
	char point[POINT_MAX];
	int e = errno;
	bool die = false, stop = false, now;

	pthread_once(&plan_once, read_plan);
	snprintf(point, sizeof(point), "%s/%s/%s", fio_test_site != NULL ? fio_test_site : "-", op,
		 when);
	if (plan.log != NULL)
		log_point(point);
	pthread_mutex_lock(&plan_mutex);
	for (unsigned i = 0; i < plan.ncrashes; i++) {
		struct crash *c = &plan.crash[i];

		if (strcmp(c->point, point) != 0 || (++c->hits != c->hit && c->hit != 0))
			continue;
		now = first_time(c->entry);
		die |= now && !c->stop;
		stop |= now && c->stop;
	}
	pthread_mutex_unlock(&plan_mutex);
	if (stop)
		kill(getpid(), SIGSTOP);
	errno = e;
	return die;
}

_Noreturn void
fio_test_die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

void
fio_test_here(const char *op, const char *when)
{
	if (fio_test_point(op, when))
		fio_test_die();
}

bool
fio_test_negative(const char *name)
{
	const char *asked = getenv("FNEGATIVE");

	return asked != NULL && strcmp(asked, name) == 0;
}

/* The error that this step shall have instead of being done, or 0. */
static int
planned_error(const char *op)
{
	bool sync = strcmp(op, "fsync") == 0 || strcmp(op, "fdatasync") == 0;
	int error = 0;

	if (strcmp(op, "unlink") == 0)
		return 0;
	pthread_mutex_lock(&plan_mutex);
	for (unsigned i = 0; i < plan.nfaults; i++) {
		struct fault *f = &plan.fault[i];

		if (f->syncs && !sync)
			continue;
		f->steps++;
		if (f->sticky ? f->steps >= f->at : f->steps == f->at && first_time(f->entry))
			error = f->error;
	}
	pthread_mutex_unlock(&plan_mutex);
	return error;
}

bool
fio_test_before(const char *op)
{
	int error;

	if (fio_test_point(op, "before"))
		fio_test_die();
	if ((error = planned_error(op)) == 0)
		return true;
	errno = error;
	return false;
}

void
fio_test_after(const char *op)
{
	if (fio_test_point(op, "after"))
		fio_test_die();
}

#else
typedef int fio_test_is_empty; /* ISO C wants something in a file */
#endif
