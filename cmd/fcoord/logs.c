/* logs: `fcoord logs` -- what a job has said. */
#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/unit.h"
#include "fcoord.h"
#include "fio/fio.h"
#include "store/store.h"

#define PIECE 65536
#define LOOK_MS 200 /* so often a job that says nothing is looked after */

struct logs_opts {
	struct where where;
	bool follow;
	int64_t tail; /* -1: all */
};

static int
set_follow(void *c, const char *a)
{
	(void)a;
	((struct logs_opts *)c)->follow = true;
	return 0;
}

static int
set_tail(void *c, const char *a)
{
	return unit_int(a, "the number of lines", 0, INT64_MAX, &((struct logs_opts *)c)->tail);
}

static const struct opt options[] = {
	{ "follow", 0, NULL, "go on while the job runs", set_follow, false },
	{ "tail", 0, "N", "the last N lines only", set_tail, false },
	OPT_END,
};
static const char *const examples[] = {
	"fcoord logs clicks --tail 20",
	"what it said last",
	"fcoord logs clicks --follow",
	"until it ends",
	NULL,
};
static const char *const see[] = { "fcoord(1)", NULL };
static const struct cmd cmd = { .name = "fcoord logs",
				.summary = "print a job's messages",
				.usage = "JOB [option ...]",
				.examples = examples,
				.see = see };

/* *at gets where the last `lines` lines begin. */
static int
find_tail(int fd, int64_t lines, off_t *at)
{
	char piece[PIECE];
	struct stat st;
	off_t from;
	size_t n;

	if (fio_fstat(fd, &st) == -1)
		return ferr_sys(FERR_IO, "the log");
	*at = lines == 0 ? st.st_size : 0;
	for (off_t to = lines == 0 ? 0 : st.st_size; to > 0; to = from) {
		from = to > PIECE ? to - PIECE : 0;
		n = (size_t)(to - from);
		if (fio_pread_all(fd, piece, n, from) == -1)
			return ferr_sys(FERR_IO, "the log");
		while (n-- > 0) {
			*at = from + (off_t)n + 1;
			/* The line feed at the very end begins no line. */
			if (piece[n] == '\n' && *at < st.st_size && --lines == 0)
				return 0;
		}
		*at = 0;
	}
	return 0;
}

/* Print what is there from *at on. */
static int
print_rest(int fd, off_t *at)
{
	char piece[PIECE];
	ssize_t n;

	while ((n = fio_pread(fd, piece, sizeof(piece), *at)) > 0) {
		if (fio_write_all(STDOUT_FILENO, piece, (size_t)n) == -1)
			return errno == EPIPE ? FERR_CLOSED : ferr_sys(FERR_IO, "stdout");
		*at += n;
	}
	return n == -1 ? ferr_sys(FERR_IO, "the log") : 0;
}

static int
follow(const char *dir, const char *path, int fd, off_t *at)
{
	struct pollfd p = { .fd = fio_inotify(), .events = POLLIN };
	bool runs = true;
	long pid;
	int rc = 0;

	if (p.fd == -1 || fio_inotify_add(p.fd, path, IN_MODIFY) == -1)
		rc = ferr_sys(FERR_IO, "cannot watch %s", path);
	/* Once more behind its end, for what it said last. */
	while (rc == 0 && runs) {
		runs = store_locked(dir, &pid);
		if ((rc = print_rest(fd, at)) == 0 && runs && fio_poll(&p, 1, LOOK_MS) > 0)
			fio_drain(p.fd);
	}
	if (p.fd != -1)
		fio_close(p.fd);
	return rc;
}

static int
print_log(const struct logs_opts *o, const char *dir)
{
	struct buf path = BUF_INIT;
	off_t at = 0;
	int fd = -1, rc = buf_printf(&path, "%s/log", dir);

	if (rc == 0 && buf_cstr(&path) == NULL)
		rc = FERR_NOMEM;
	if (rc == 0 && (fd = fio_open((const char *)path.p, O_RDONLY, 0)) == -1)
		rc = errno == ENOENT ? ferr(FERR_USAGE, "the job has not said anything yet")
				     : ferr_sys(FERR_IO, "%s", (const char *)path.p);
	if (rc == 0 && o->tail >= 0)
		rc = find_tail(fd, o->tail, &at);
	if (rc == 0)
		rc = o->follow ? follow(dir, (const char *)path.p, fd, &at) : print_rest(fd, &at);
	if (fd != -1)
		fio_close(fd);
	buf_fini(&path);
	return rc;
}

int
verb_logs(int argc, char **argv)
{
	struct logs_opts o = { .tail = -1 };
	const struct opt_table tables[] = { { options, &o }, { where_options, &o.where } };
	struct buf dir = BUF_INIT;
	int rc = opt_parse(&cmd, tables, 2, &argc, argv);

	if (rc != 0)
		return verb_end("logs", rc);
	if (argc != 2)
		rc = ferr(FERR_USAGE, "needs the name of one job; fcoord ls lists them");
	if (rc == 0 && (rc = where_known(&o.where, argv[1], &dir)) == 0)
		rc = print_log(&o, (const char *)dir.p);
	buf_fini(&dir);
	return rc == FERR_CLOSED ? 0 : verb_end("logs", rc);
}
