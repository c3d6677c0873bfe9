/* doctor: `fcoord doctor` -- what could be wrong with this machine. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcoord.h"
#include "fio/fio.h"
#include "fio/proc.h"
#include "show/listing.h"

#define SYNCS 7		       /* files that are written to see how long a sync takes */
#define SYNC_SLOW_US 10000     /* an epoch needs four in a row */
#define SPACE_LOW (1ull << 30) /* bytes */
#define SPACE_NONE (64ull << 20)
#define INODES_LOW 10000
#define INODES_NONE 100
#define FILES_LOW 4096
#define FILES_NONE 512
#define PIPE_PAGES 16384 /* the kernel's default of pipe-user-pages-soft */

struct doctor_opts {
	struct where where;
	enum fmt_kind out;
};

enum verdict { OK, WARN, BAD };

struct doctor {
	struct listing *listing;
	enum fmt_kind out;
	enum verdict worst;
	const char *dir; /* the store's, or the nearest directory above it that is there */
};

static const struct column columns[] = { { "result", FOR_ALL },
					 { "check", FOR_ALL },
					 { "text", FOR_ALL } };
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const char *const examples[] = { "fcoord doctor", "before the first job", NULL };
static const char *const see[] = { "fcoord(1)", "fcheckpoint(5)", NULL };
static const struct cmd cmd = { .name = "fcoord doctor",
				.summary = "what could be wrong with this machine",
				.usage = "[option ...]",
				.examples = examples,
				.see = see };

static int say(struct doctor *d, enum verdict v, const char *check, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int
say(struct doctor *d, enum verdict v, const char *check, const char *fmt, ...)
{
	static const char *const names[] = { "ok", "warn", "bad" };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->worst = v > d->worst ? v : d->worst;
	if (d->out != FMT_TABLE)
		return listing_row(d->listing,
				   (const struct val[]){ listing_text(names[v]),
							 listing_text(check), listing_text(text) });
	if (printf("%-4s %s: %s\n", names[v], check, text) < 0 || fflush(stdout) != 0)
		return ferr_sys(FERR_IO, "stdout");
	return 0;
}

/* ---- the store ---- */

/* Cut dir down to what is there of it. */
static int
nearest(struct buf *dir)
{
	struct stat st;
	uint8_t *slash;

	while (buf_cstr(dir) != NULL) {
		if (fio_stat((const char *)dir->p, &st) == 0)
			return 0;
		slash = memrchr(dir->p, '/', dir->n);
		dir->n = slash == NULL || slash == dir->p ? 1 : (size_t)(slash - dir->p);
	}
	return FERR_NOMEM;
}

static int
check_filesystem(struct doctor *d)
{
	static const struct {
		unsigned long magic;
		enum verdict v;
		const char *name, *what;
	} kinds[] = {
		{ TMPFS_MAGIC, WARN, "tmpfs",
		  "what is in it is gone after a restart of the machine" },
		{ RAMFS_MAGIC, WARN, "ramfs",
		  "what is in it is gone after a restart of the machine" },
		{ NFS_SUPER_MAGIC, WARN, "NFS",
		  "it works, but slower, and a lock may be lost with the server; keep local state "
		  "on a "
		  "local disk" },
		{ CIFS_SUPER_MAGIC, BAD, "SMB",
		  "it has no dependable links and syncs; use a local disk" },
		{ SMB2_SUPER_MAGIC, BAD, "SMB",
		  "it has no dependable links and syncs; use a local disk" },
		{ FUSE_SUPER_MAGIC, WARN, "FUSE",
		  "what its syncs are worth depends on its program" },
		{ V9FS_MAGIC, WARN, "9p", "what its syncs are worth depends on its server" },
	};
	struct statfs fs;

	if (statfs(d->dir, &fs) == -1)
		return say(d, WARN, "file system", "%s: %s", d->dir, strerror(errno));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if ((unsigned long)fs.f_type == kinds[i].magic)
			return say(d, kinds[i].v, "file system",
				   "%s is on %s: %s; --state DIR or $FSTATE "
				   "names another place",
				   d->dir, kinds[i].name, kinds[i].what);
	}
	return say(d, OK, "file system", "%s is on a local one", d->dir);
}

static int
check_space(struct doctor *d)
{
	char text[LISTING_TEXT];
	struct statfs fs;
	uint64_t left;
	enum verdict v;
	int rc;

	if (statfs(d->dir, &fs) == -1)
		return 0; /* said above */
	left = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	v = left < SPACE_NONE ? BAD : left < SPACE_LOW ? WARN : OK;
	listing_size(left, text);
	if ((rc = say(d, v, "space", "%s free%s", text,
		      v == OK ? "" : "; a checkpoint that does not fit is given up: make room")) !=
	    0)
		return rc;
	if (fs.f_files == 0) /* btrfs and the like do not count them */
		return say(d, OK, "inodes", "as many as are needed");
	v = fs.f_ffree < INODES_NONE ? BAD : fs.f_ffree < INODES_LOW ? WARN : OK;
	return say(d, v, "inodes", "%" PRIu64 " free%s", (uint64_t)fs.f_ffree,
		   v == OK ? "" : "; remove files, or use another file system");
}

static int
by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Write a small file and sync it; microseconds, -1 with errno. */
static int64_t
sync_once(const char *path)
{
	static const char page[4096];
	int fd = fio_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int64_t began = fio_mono_ns();
	bool good;

	if (fd == -1)
		return -1;
	good = fio_write_all(fd, page, sizeof(page)) == 0 && fio_fsync(fd) == 0;
	fio_close(fd);
	return good ? (fio_mono_ns() - began) / 1000 : -1;
}

static int
check_sync(struct doctor *d)
{
	int64_t us[SYNCS];
	char path[4200];
	int i = 0, e;

	snprintf(path, sizeof(path), "%s/.fjord-doctor-%ld", d->dir, (long)fio_pid());
	while (i < SYNCS && (us[i] = sync_once(path)) != -1)
		i++;
	e = errno;
	fio_unlinkat(AT_FDCWD, path);
	if (i < SYNCS)
		return say(d, BAD, "store",
			   "%s cannot be written: %s; --state DIR or $FSTATE names another place",
			   d->dir, strerror(e));
	qsort(us, SYNCS, sizeof(us[0]), by_value);
	return say(d, us[SYNCS / 2] > SYNC_SLOW_US ? WARN : OK, "store",
		   "%s can be written; a sync takes %.1f ms%s", d->dir,
		   (double)us[SYNCS / 2] / 1000,
		   us[SYNCS / 2] > SYNC_SLOW_US
		       ? ", and each checkpoint needs four in a row: take --every 1s or longer"
		       : "");
}

/* ---- limits ---- */

static int
check_files(struct doctor *d)
{
	struct rlimit r;
	enum verdict v;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return say(d, WARN, "open files", "%s", strerror(errno));
	if (r.rlim_max == RLIM_INFINITY)
		return say(d, OK, "open files", "no limit");
	v = r.rlim_max < FILES_NONE ? BAD : r.rlim_max < FILES_LOW ? WARN : OK;
	return say(
	    d, v, "open files", "up to %llu a process%s", (unsigned long long)r.rlim_max,
	    v == OK
		? ""
		: "; that bounds parallelism and partitions: raise the hard limit (ulimit -Hn)");
}

static int
check_pipes(struct doctor *d)
{
	struct buf b = BUF_INIT;
	int64_t pages;
	int rc = fio_slurp("/proc/sys/fs/pipe-user-pages-soft", 64, &b);

	if (rc != 0 || buf_cstr(&b) == NULL) {
		rc = say(d, WARN, "pipes", "%s", ferr_text());
	} else {
		pages = strtoll((const char *)b.p, NULL, 10);
		if (pages != 0 && pages < PIPE_PAGES)
			rc = say(d, WARN, "pipes",
				 "a user has %" PRId64
				 " pages for pipes before new ones get small, which "
				 "slows jobs down: sysctl fs.pipe-user-pages-soft=%d",
				 pages, PIPE_PAGES);
		else
			rc = say(d, OK, "pipes", "buffers of their full size");
	}
	buf_fini(&b);
	return rc;
}

/* ---- the tools ---- */

/* What `TOOL --version` prints, in text; false: it cannot be run. */
static bool
ask_version(const char *path, const char *tool, char *text, size_t n)
{
	char version[] = "--version", *argv[] = { (char *)(uintptr_t)tool, version, NULL };
	size_t got = 0;
	ssize_t k = 1;
	int fd[2], status, map[3] = { -1, -1, 2 };
	pid_t pid;

	if (fio_pipe(fd) == -1)
		return false;
	map[1] = fd[1];
	pid = fio_spawn(path, argv, NULL, map, 3);
	fio_close(fd[1]);
	while (pid > 0 && got + 1 < n && (k = fio_read(fd[0], text + got, n - 1 - got)) > 0)
		got += (size_t)k;
	fio_close(fd[0]);
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return pid > 0 && fio_reap(pid, &status, true) == 1 && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static int
check_tools(struct doctor *d)
{
	static const char *const tools[] = {
		"fsource", "fkey", "fmap", "fwindow", "fsink", "fcat"
	};
	const char *dir = fio_exe_dir();
	char path[4200], want[64], have[256];
	unsigned good = 0;
	int rc = 0;

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]) && rc == 0; i++) {
		snprintf(path, sizeof(path), "%s%s", dir != NULL ? dir : "", tools[i]);
		snprintf(want, sizeof(want), "%s %s", tools[i], FJORD_VERSION);
		if (!ask_version(path, tools[i], have, sizeof(have)))
			rc = say(d, BAD, "tools",
				 "%s cannot be run; install all tools in one directory", path);
		else if (strcmp(have, want) != 0)
			rc = say(
			    d, BAD, "tools",
			    "%s is '%s', and this is fcoord %s; install all tools of one version",
			    path, have, FJORD_VERSION);
		else
			good++;
	}
	if (rc == 0 && good == sizeof(tools) / sizeof(tools[0]))
		rc = say(d, OK, "tools", "all of version %s, in %s", FJORD_VERSION,
			 dir != NULL ? dir : "$PATH");
	return rc;
}

static int
check_environment(struct doctor *d, const char *root)
{
	const char *fstate = fio_env("FSTATE");

	if (fstate == NULL || fstate[0] == '\0')
		return say(d, OK, "jobs", "lie in %s", root);
	return say(d, WARN, "jobs",
		   "lie in %s; with $FSTATE set, pipelines in a plain shell keep their state in %s "
		   "as well, "
		   "and the two refuse each other: give them different directories",
		   root, fstate);
}

int
verb_doctor(int argc, char **argv)
{
	struct doctor_opts o = { .out = FMT_TABLE };
	const struct opt_table tables[] = { { listing_options, &o.out },
					    { where_options, &o.where } };
	struct buf root = BUF_INIT, dir = BUF_INIT;
	struct doctor d = { .worst = OK };
	int rc;

	if ((rc = opt_parse(&cmd, tables, 2, &argc, argv)) != 0)
		return verb_end("doctor", rc);
	d.out = o.out;
	if (argc != 1)
		rc = ferr(FERR_USAGE, "takes no operand");
	if (rc == 0 && (rc = where_root(&o.where, &root)) == 0 &&
	    (rc = buf_puts(&dir, (const char *)root.p)) == 0 && (rc = nearest(&dir)) == 0)
		rc = listing_new(&d.listing, o.out, STDOUT_FILENO, columns, COLUMNS);
	d.dir = (const char *)dir.p;
	if (rc == 0 && (rc = check_environment(&d, (const char *)root.p)) == 0 &&
	    (rc = check_sync(&d)) == 0 && (rc = check_filesystem(&d)) == 0 &&
	    (rc = check_space(&d)) == 0 && (rc = check_files(&d)) == 0 &&
	    (rc = check_pipes(&d)) == 0 && (rc = check_tools(&d)) == 0 && o.out != FMT_TABLE)
		rc = listing_end(d.listing);
	listing_free(d.listing);
	buf_fini(&dir);
	buf_fini(&root);
	return rc != 0 ? verb_end("doctor", rc) : d.worst == BAD;
}
