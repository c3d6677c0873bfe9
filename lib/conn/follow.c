/* follow: see follow.h. */
#include "conn/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "conn/paths.h"
#include "fio/fio.h"

#define HEAD 1024

struct follow {
	char *path;
	uint8_t head[HEAD]; /* the first bytes: what the file is known by */
	size_t nhead;
	uint64_t pos;	 /* at the last check */
	int64_t since;	 /* when that position was reached, monotonic ns */
	struct buf copy; /* path of the copy, after FOLLOW_COPY */
};

int
follow_new(struct follow **out, const char *path)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL || (f->path = strdup(path)) == NULL) {
		free(f);
		return ferr(FERR_NOMEM, "out of memory");
	}
	f->since = fio_mono_ns();
	*out = f;
	return 0;
}

void
follow_free(struct follow *f)
{
	if (f == NULL)
		return;
	free(f->path);
	buf_fini(&f->copy);
	free(f);
}

static void
note_head(struct follow *f, const struct file *file)
{
	ssize_t k;

	if (f->nhead == HEAD)
		return;
	if ((k = fio_pread(file_fd(file), f->head, HEAD, 0)) > (ssize_t)f->nhead)
		f->nhead = (size_t)k;
}

/* Does the file at path begin like ours and hold at least pos bytes?  Then *more tells whether it
 * holds more. */
static bool
is_copy(const struct follow *f, const char *path, uint64_t pos, bool *more)
{
	struct buf b = BUF_INIT;
	struct file *file = NULL;
	uint64_t total = 0;
	bool same = f->nhead > 0;
	ssize_t k = 1;

	if (file_open(&file, path) != 0)
		return false;
	while (same && (k = file_read(file, &b)) > 0) {
		if (total < f->nhead) {
			size_t n = b.n < f->nhead - total ? b.n : f->nhead - (size_t)total;

			same = memcmp(b.p, f->head + total, n) == 0;
		}
		total += b.n;
		b.n = 0;
	}
	file_close(file);
	buf_fini(&b);
	*more = total > pos;
	return same && k == 0 && total >= pos;
}

int
follow_siblings(const char *path, int (*fn)(void *cookie, const char *sibling), void *cookie)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	size_t n = strlen(base);
	struct buf name = BUF_INIT;
	struct dirent *e;
	DIR *d = NULL;
	size_t dir;
	int rc;

	if ((rc = buf_put(&name, path, (size_t)(base - path))) != 0 || buf_cstr(&name) == NULL)
		goto out;
	dir = name.n;
	if ((d = fio_opendir(dir > 0 ? (const char *)name.p : ".")) == NULL)
		goto out;
	while (rc == 0 && (e = fio_readdir(d)) != NULL) {
		if (strncmp(e->d_name, base, n) != 0 ||
		    (e->d_name[n] != '.' && e->d_name[n] != '-'))
			continue;
		name.n = dir;
		if ((rc = buf_puts(&name, e->d_name)) == 0)
			rc =
			    buf_cstr(&name) != NULL ? fn(cookie, (const char *)name.p) : FERR_NOMEM;
	}
out:
	if (d != NULL)
		fio_closedir(d);
	buf_fini(&name);
	return rc;
}

struct copy_search {
	struct follow *f;
	uint64_t pos;
	bool more;
};

static int
try_copy(void *cookie, const char *path)
{
	struct copy_search *s = cookie;

	if (!is_copy(s->f, path, s->pos, &s->more))
		return 0;
	s->f->copy.n = 0;
	return buf_puts(&s->f->copy, path) == 0 && buf_cstr(&s->f->copy) != NULL ? 1 : FERR_NOMEM;
}

/* The file is shorter than what has been read of it. */
static int
truncated(struct follow *f, uint64_t pos, uint64_t size)
{
	struct copy_search s = { f, pos, false };
	int rc = follow_siblings(f->path, try_copy, &s);

	if (rc < 0)
		return rc;
	if (rc == 1)
		return s.more ? FOLLOW_COPY : FOLLOW_NEXT;
	return ferr(FERR_LOST,
		    "%s was truncated to %" PRIu64 " bytes; what stood behind byte %" PRIu64
		    " and was not read yet is lost: no copy with the same beginning lies beside it",
		    f->path, size, pos);
}

/* ---- after a restart ---- */

enum rank { NO_RANK, ALIKE, SAME }; /* begins like it and is long enough; has its inode as well */

struct search {
	const char *path;
	const struct file_id *id;
	uint64_t pos;
	struct follow_found *best;
	enum rank rank;
	struct buf name; /* of the best */
	struct timespec written;
};

static void
take_candidate(struct search *s, enum rank rank, bool beside, struct file *file, struct buf *ahead,
	       const struct stat *st)
{
	file_close(s->best->file);
	buf_fini(&s->best->ahead);
	s->best->file = file;
	s->best->ahead = *ahead;
	s->best->copy = beside && (rank != SAME || file_packed(file));
	s->rank = rank;
	s->written = st->st_mtim;
}

/* Is this the file?  1 when there can be no better one. */
static int
try_file(void *cookie, const char *path)
{
	struct search *s = cookie;
	struct buf ahead = BUF_INIT;
	struct file *file = NULL;
	enum rank rank;
	struct stat st;
	int rc;

	if (file_open(&file, path) != 0)
		return 0;
	if (file_live(file) || fio_fstat(file_fd(file), &st) != 0)
		goto no;
	rank = st.st_ino == s->id->ino ? SAME : ALIKE;
	/* A file of which nothing was known is known by its inode alone, or it is what stands here.
	 */
	if (rank <= s->rank || (rank == ALIKE && s->id->n == 0 && path != s->path))
		goto no;
	if ((rc = file_resume(file, s->id, s->pos, &ahead)) == FERR_NOMEM)
		goto fail;
	if (rc != 0)
		goto no;
	s->name.n = 0;
	if ((rc = buf_puts(&s->name, path)) != 0)
		goto fail;
	take_candidate(s, rank, path != s->path, file, &ahead, &st);
	return rank == SAME;
no:
	rc = 0;
fail:
	file_close(file);
	buf_fini(&ahead);
	return rc;
}

static bool
younger(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Was this one written after ours and rotated away since?  A packed copy of ours is none. */
static int
try_later(void *cookie, const char *path)
{
	struct search *s = cookie;
	struct follow_found *out = s->best;
	struct buf b = BUF_INIT;
	struct file *file = NULL;
	struct stat st;
	char **grown;
	bool ours;

	if (!paths_rotated(path, s->path) ||
	    (s->name.n == strlen(path) && memcmp(s->name.p, path, s->name.n) == 0) ||
	    fio_stat(path, &st) != 0 || !S_ISREG(st.st_mode) || !younger(&st.st_mtim, &s->written))
		return 0;
	ours = s->id->n > 0 && file_open(&file, path) == 0 && file_resume(file, s->id, 0, &b) == 0;
	file_close(file);
	buf_fini(&b);
	if (ours)
		return 0;
	if ((grown = realloc(out->later, (out->nlater + 1) * sizeof(*grown))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	out->later = grown;
	if ((grown[out->nlater] = strdup(path)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	out->nlater++;
	return 0;
}

static int
by_age(const void *a, const void *b)
{
	struct stat x, y;

	if (fio_stat(*(char *const *)a, &x) != 0 || fio_stat(*(char *const *)b, &y) != 0)
		return 0; /* gone: opening it says so */
	return younger(&x.st_mtim, &y.st_mtim) - younger(&y.st_mtim, &x.st_mtim);
}

int
follow_find(struct follow_found *out, const char *path, const struct file_id *id, uint64_t pos)
{
	struct search s = { .path = path, .id = id, .pos = pos, .best = out };
	int rc;

	*out = (struct follow_found){ 0 };
	if ((rc = try_file(&s, path)) == 0)
		rc = follow_siblings(path, try_file, &s);
	if (rc >= 0 && s.rank == NO_RANK)
		rc = ferr(
		    FERR_LOST,
		    "%s: what stood behind byte %" PRIu64
		    " is lost: the file that the checkpoint read is neither there nor beside it",
		    path, pos);
	if (rc >= 0 && (s.name.n != strlen(path) || memcmp(s.name.p, path, s.name.n) != 0)) {
		if ((rc = follow_siblings(path, try_later, &s)) == 0 && out->nlater > 1)
			qsort(out->later, out->nlater, sizeof(*out->later), by_age);
	}
	buf_fini(&s.name);
	if (rc < 0)
		follow_found_fini(out);
	return rc < 0 ? rc : 0;
}

void
follow_found_fini(struct follow_found *f)
{
	file_close(f->file);
	buf_fini(&f->ahead);
	for (size_t i = 0; i < f->nlater; i++)
		free(f->later[i]);
	free(f->later);
	*f = (struct follow_found){ 0 };
}

const char *
follow_copy(const struct follow *f)
{
	return (const char *)f->copy.p;
}

int
follow_check(struct follow *f, const struct file *file, uint64_t pos)
{
	int64_t now = fio_mono_ns();
	struct stat st;
	dev_t dev;
	ino_t ino;
	off_t size;
	int rc;

	note_head(f, file);
	if (pos != f->pos) {
		f->pos = pos;
		f->since = now;
	}
	if ((rc = file_identity(file, &dev, &ino, &size)) != 0)
		return rc;
	if ((uint64_t)size < pos)
		return truncated(f, pos, (uint64_t)size);
	if (fio_stat(f->path, &st) == -1) /* renamed, and the new one is not there yet */
		return errno == ENOENT ? FOLLOW_WAIT : ferr_sys(FERR_IO, "%s", f->path);
	if (st.st_dev == dev && st.st_ino == ino)
		return FOLLOW_WAIT;
	return now - f->since >= FOLLOW_QUIET_NS ? FOLLOW_NEXT : FOLLOW_WAIT;
}
