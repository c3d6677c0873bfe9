/* store: see store.h. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"
#include "store/store_internal.h"

#define TMP ".tmp-" /* begins the name of a file that is not yet what it shall be */

/* chain comes first: an empty directory and one with a chain are stores, others are not. */
#define ATTEMPTS_KEPT 1000

static const char *const subdirs[] = { "chain", "attempts", "state", "segments", "local" };
#define NSUBDIRS (sizeof(subdirs) / sizeof(*subdirs))

/* ---- paths ---- */

/* DIR/name as a text of its own, or NULL with errno. */
static char *
path_of(const char *dir, const char *name)
{
	size_t cap = strlen(dir) + strlen(name) + 2;
	char *path = malloc(cap);

	if (path != NULL)
		snprintf(path, cap, "%s/%s", dir, name);
	return path;
}

int
store_parent(const char *dir, const char *name, const char **base)
{
	char *path = path_of(dir, name);
	int fd, e;

	if (path == NULL)
		return -1;
	*base = strrchr(name, '/');
	*base = *base == NULL ? name : *base + 1;
	path[strlen(path) - strlen(*base)] = '\0';
	fd = fio_open(path, O_RDONLY | O_DIRECTORY, 0);
	e = errno;
	free(path);
	errno = e;
	return fd;
}

/* ---- making one ---- */

/* Make what is missing of a path.  The parent is synced even when nothing is missing: who made it
 * may have died before. */
static int
make_path(char *path)
{
	char *slash = strrchr(path, '/');
	bool top = slash == NULL || slash == path;
	int rc = 0, made = fio_mkdirat(AT_FDCWD, path, 0700);

	if (made == -1 && errno == ENOENT && !top) {
		*slash = '\0';
		rc = make_path(path);
		*slash = '/';
		if (rc != 0)
			return rc;
		made = fio_mkdirat(AT_FDCWD, path, 0700);
	}
	if (made == -1)
		return ferr_sys(FERR_IO, "cannot make directory %s", path);
	if (!top)
		*slash = '\0';
	/* A parent that we may not even read has been made by others, long ago. */
	if (fio_sync_dir(slash == NULL ? "." : slash == path ? "/" : path) == -1 && errno != EACCES)
		rc = ferr_sys(FERR_IO, "cannot sync directory %s", path);
	if (!top)
		*slash = '/';
	return rc;
}

static int
not_empty(void *cookie, const char *name)
{
	return ferr(FERR_USAGE,
		    "%s is not a store, it holds %s; name a directory that is empty or not there",
		    (const char *)cookie, name);
}

static int
check_store(const char *dir)
{
	char *chain = path_of(dir, subdirs[0]);
	struct stat st;
	int rc;

	if (chain == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	/* Somebody else may be making it right now: the chain comes first. */
	if (fio_stat(chain, &st) == 0 ||
	    (rc = store_each(dir, "", not_empty, (void *)(uintptr_t)dir)) == 0 ||
	    fio_stat(chain, &st) == 0)
		rc = 0;
	free(chain);
	return rc;
}

int
store_make(const char *dir)
{
	char *path = strdup(dir);
	struct stat st;
	int rc = 0, fd;

	if (path == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	if (fio_stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		rc = ferr(FERR_USAGE, "%s is not a directory", dir);
	else
		rc = make_path(path);
	free(path);
	if (rc != 0 || (rc = check_store(dir)) != 0)
		return rc;
	if ((fd = fio_open(dir, O_RDONLY | O_DIRECTORY, 0)) == -1)
		return ferr_sys(FERR_IO, "cannot open %s", dir);
	for (size_t i = 0; i < NSUBDIRS && rc == 0; i++) {
		if (fio_mkdirat(fd, subdirs[i], 0700) == -1)
			rc = ferr_sys(FERR_IO, "cannot make directory %s/%s", dir, subdirs[i]);
	}
	if (rc == 0 && fio_fsync(fd) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync directory %s", dir);
	fio_close(fd);
	return rc;
}

/* ---- lock ---- */

/* The pid that the holder wrote into the lock; 0: unknown. */
static long
holder(int fd)
{
	char b[24] = "";

	if (fio_pread(fd, b, sizeof(b) - 1, 0) == -1)
		return 0;
	return strtol(b, NULL, 10);
}

/* Nobody else writes into a store whose lock we hold, so half-written files are leftovers. */
static int
sweep_one(void *cookie, const char *name)
{
	const char *dir = cookie, *slash = strrchr(name, '/');
	const char *base = slash == NULL ? name : slash + 1;

	return strncmp(base, TMP, strlen(TMP)) == 0 ? store_remove(dir, name) : 0;
}

static int each_name(const char *dir, const char *sub, bool hidden,
		     int (*fn)(void *cookie, const char *name), void *cookie);

static int
sweep(const char *dir)
{
	void *cookie = (void *)(uintptr_t)dir;
	int rc = each_name(dir, "", true, sweep_one, cookie);

	for (size_t i = 0; i < NSUBDIRS && rc == 0; i++)
		rc = each_name(dir, subdirs[i], true, sweep_one, cookie);
	return rc;
}

/* Take the lock; somebody who only looks (store_locked) holds it for a moment, so try again. */
static int
take(int fd)
{
	for (int i = 0; i < 10; i++) {
		if (fio_flock(fd, true) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -1;
		fio_poll(NULL, 0, 10);
	}
	errno = EWOULDBLOCK;
	return -1;
}

int
store_lock(const char *dir)
{
	char *path = path_of(dir, "lock"), pid[24];
	long other;
	int fd = -1, rc, n;

	if (path == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((fd = fio_open(path, O_RDWR | O_CREAT, 0600)) == -1) {
		rc = ferr_sys(FERR_IO, "cannot open %s", path);
		goto err;
	}
	if (take(fd) == -1) {
		if (errno != EWOULDBLOCK) {
			rc = ferr_sys(FERR_IO, "cannot lock %s", path);
		} else if ((other = holder(fd)) != 0) {
			rc = ferr(FERR_FENCED, "process %ld runs this job (it holds %s)", other,
				  path);
		} else {
			rc = ferr(FERR_FENCED, "another process runs this job (it holds %s)", path);
		}
		goto err;
	}
	/* Always as long, so that it replaces what was there in one write. */
	n = snprintf(pid, sizeof(pid), "%-20ld\n", (long)getpid());
	if (fio_pwrite_all(fd, pid, (size_t)n, 0) == -1) {
		rc = ferr_sys(FERR_IO, "cannot write %s", path);
		goto err;
	}
	if ((rc = sweep(dir)) != 0)
		goto err;
	free(path);
	return fd;
err:
	if (fd != -1)
		fio_close(fd);
	free(path);
	return rc;
}

bool
store_locked(const char *dir, long *pid)
{
	char *path = path_of(dir, "lock");
	int fd = path == NULL ? -1 : fio_open(path, O_RDONLY, 0);
	bool held;

	free(path);
	*pid = 0;
	if (fd == -1)
		return false;
	held = fio_flock(fd, false) == -1 && errno == EWOULDBLOCK;
	if (held)
		*pid = holder(fd);
	fio_close(fd);
	return held;
}

/* ---- files ---- */

/* A new file under a passing name in dirfd, with its bytes synced: its descriptor, or -1. */
static int
write_tmp(int dirfd, char name[32], const void *p, size_t n)
{
	uint64_t r;
	int fd, e;

	if (fio_random(&r, sizeof(r)) != 0)
		return -1;
	snprintf(name, 32, TMP "%016" PRIx64, r);
	if ((fd = fio_openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1)
		return -1;
	if (fio_write_all(fd, p, n) == 0 && fio_fdatasync(fd) == 0)
		return fd;
	e = errno;
	fio_close(fd);
	fio_unlinkat(dirfd, name);
	errno = e;
	return -1;
}

int
store_replace(const char *dir, const char *name, const void *p, size_t n)
{
	char tmp[32];
	const char *base;
	int dirfd, fd, rc = 0;

	if ((dirfd = store_parent(dir, name, &base)) == -1)
		return ferr_sys(FERR_IO, "cannot open the directory of %s/%s", dir, name);
	if ((fd = write_tmp(dirfd, tmp, p, n)) == -1) {
		rc = ferr_sys(FERR_IO, "cannot write %s/%s", dir, name);
		goto out;
	}
	fio_close(fd);
	if (fio_rename(dirfd, tmp, base) == -1) {
		rc = ferr_sys(FERR_IO, "cannot put %s/%s in place", dir, name);
		fio_unlinkat(dirfd, tmp);
	} else if (fio_fsync(dirfd) == -1) {
		rc = ferr_sys(FERR_IO, "cannot sync the directory of %s/%s", dir, name);
	}
out:
	fio_close(dirfd);
	return rc;
}

int
store_create(const char *dir, const char *name, const void *p, size_t n)
{
	char tmp[32];
	const char *base;
	struct stat st;
	int dirfd, fd, rc = 0;

	if ((dirfd = store_parent(dir, name, &base)) == -1)
		return ferr_sys(FERR_IO, "cannot open the directory of %s/%s", dir, name);
	if ((fd = write_tmp(dirfd, tmp, p, n)) == -1) {
		rc = ferr_sys(FERR_IO, "cannot write %s/%s", dir, name);
		goto out;
	}
	if (fio_link(dirfd, tmp, base) == -1) {
		rc = errno == EEXIST
			 ? ferr(FERR_FENCED, "%s/%s is there already: another process was faster",
				dir, name)
			 : ferr_sys(FERR_IO, "cannot put %s/%s in place", dir, name);
		/* Over NFS a link may be made and its answer lost: two names tell. */
		if (fio_fstat(fd, &st) == 0 && st.st_nlink == 2)
			rc = 0;
	}
	fio_close(fd);
	fio_unlinkat(dirfd, tmp); /* a leftover does no harm: the next lock sweeps it away */
	if (rc == 0 && fio_fsync(dirfd) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync the directory of %s/%s", dir, name);
out:
	fio_close(dirfd);
	return rc;
}

int
store_read(const char *dir, const char *name, size_t max, struct buf *out)
{
	char *path = path_of(dir, name);
	size_t before = out->n;
	struct stat st;
	int rc;

	if (path == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	rc = fio_slurp(path, max, out);
	if (rc != 0)
		out->n = before;
	if (rc == FERR_IO && fio_stat(path, &st) == -1 && errno == ENOENT)
		rc = ferr(FERR_LOST, "%s is not there", path);
	free(path);
	return rc;
}

int
store_remove(const char *dir, const char *name)
{
	char *path = path_of(dir, name);
	int rc = 0;

	if (path == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if (fio_unlinkat(AT_FDCWD, path) == -1 && errno != ENOENT)
		rc = ferr_sys(FERR_IO, "cannot remove %s", path);
	free(path);
	return rc;
}

/* ---- listing ---- */

static int
each_name(const char *dir, const char *sub, bool hidden, int (*fn)(void *cookie, const char *name),
	  void *cookie)
{
	char *path = path_of(dir, sub), *name = NULL;
	struct dirent *e;
	DIR *d;
	int rc = 0;

	if (path == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((d = fio_opendir(path)) == NULL) {
		rc =
		    errno == ENOENT || errno == ENOTDIR
			? ferr(FERR_USAGE, "%s is not a store: there is no directory %s", dir, path)
			: ferr_sys(FERR_IO, "cannot read directory %s", path);
		goto out;
	}
	while (rc == 0 && (e = fio_readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    (e->d_name[0] == '.') != hidden)
			continue;
		name = *sub == '\0' ? strdup(e->d_name) : path_of(sub, e->d_name);
		rc = name == NULL ? ferr(FERR_NOMEM, "out of memory") : fn(cookie, name);
		free(name);
		errno = 0;
	}
	if (rc == 0 && errno != 0)
		rc = ferr_sys(FERR_IO, "cannot read directory %s", path);
	fio_closedir(d);
out:
	free(path);
	return rc;
}

int
store_each(const char *dir, const char *sub, int (*fn)(void *cookie, const char *name),
	   void *cookie)
{
	return each_name(dir, sub, false, fn, cookie);
}

/* name without its directory is digits and then ending: *v. */
static bool
number_of(const char *name, const char *ending, uint64_t *v)
{
	const char *slash = strrchr(name, '/');
	const char *s = slash == NULL ? name : slash + 1;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*v = strtoull(s, &end, 10);
	return errno == 0 && strcmp(end, ending) == 0;
}

static int
note_attempt(void *cookie, const char *name)
{
	uint64_t *highest = cookie, v;

	if (number_of(name, "", &v) && v > *highest)
		*highest = v;
	return 0;
}

int
store_attempts(const char *dir, uint64_t *highest)
{
	*highest = 0;
	return store_each(dir, "attempts", note_attempt, highest);
}

struct old {
	const char *dir;
	uint64_t attempt;
};

/*
 * Numbers far below ours go.  Not those nearby: whoever was stopped between looking for the highest
 * one and making the next would make a number a second time.
 */
static int
drop_old(void *cookie, const char *name)
{
	const struct old *o = cookie;
	uint64_t n;

	if (!number_of(name, "", &n) || n + ATTEMPTS_KEPT >= o->attempt)
		return 0;
	return store_remove(o->dir, name);
}

int
store_attempt_new(const char *dir, uint64_t *attempt)
{
	const char *base;
	char name[40];
	uint64_t n;
	int dirfd, fd, rc;

	if ((rc = store_attempts(dir, &n)) != 0)
		return rc;
	if ((dirfd = store_parent(dir, "attempts/", &base)) == -1)
		return ferr_sys(FERR_IO, "cannot open %s/attempts", dir);
	do {
		snprintf(name, sizeof(name), "%" PRIu64, ++n);
		fd = fio_openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	} while (fd == -1 && errno == EEXIST);
	if (fd == -1 || fio_fsync(dirfd) == -1)
		rc = ferr_sys(FERR_IO, "cannot make %s/attempts/%s", dir, name);
	if (fd != -1)
		fio_close(fd);
	fio_close(dirfd);
	if (rc != 0)
		return rc;
	*attempt = n;
	(void)!store_each(dir, "attempts", drop_old,
			  &(struct old){ dir, n }); /* or the next time */
	return 0;
}

struct places {
	uint64_t *v;
	unsigned n, cap;
};

static int
note_place(void *cookie, const char *name)
{
	struct places *c = cookie;
	uint64_t v, *grown;

	if (!number_of(name, ".json", &v))
		return 0;
	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 16 : 2 * c->cap;
		if ((grown = realloc(c->v, c->cap * sizeof(*grown))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		c->v = grown;
	}
	c->v[c->n++] = v;
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
store_chain_look(const char *dir, uint64_t **v, unsigned *n)
{
	struct places c = { NULL, 0, 0 };
	int rc = store_each(dir, "chain", note_place, &c);

	if (rc != 0) {
		free(c.v);
		return rc;
	}
	if (c.n != 0)
		qsort(c.v, c.n, sizeof(*c.v), by_number);
	*v = c.v;
	*n = c.n;
	return 0;
}

int
store_chain(const char *dir, uint64_t **v, unsigned *n)
{
	char *path;
	int rc = store_chain_look(dir, v, n);

	/* Its maker may have died between the link and the sync: what we act on must stay. */
	if (rc != 0)
		return rc;
	path = path_of(dir, "chain");
	if (path == NULL || fio_sync_dir(path) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync %s/chain", dir);
	free(path);
	if (rc != 0) {
		free(*v);
		*v = NULL;
	}
	return rc;
}

void
store_place_name(uint64_t place, char out[32])
{
	snprintf(out, 32, "chain/%010" PRIu64 ".json", place);
}
