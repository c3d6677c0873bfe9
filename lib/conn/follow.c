/* follow: see follow.h. */
#include "conn/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "conn/paths.h"
#include "conn/split.h"
#include "fio/fio.h"

#define PAST 8 /* generations that are known to have been read */

/* A generation of the log that has been read. */
struct past {
	struct file_id id;
	uint64_t len; /* of its text */
};

struct follow {
	char *path;
	uint64_t pos;	       /* at the last check; UINT64_MAX: there was none */
	int64_t since;	       /* when that position was reached, monotonic ns */
	bool named;	       /* at some check it was the one at path */
	struct timespec wrote; /* ... and had been written to then, for the last time */
	bool rotated;	       /* it had been rotated away before it was opened */
	bool cut;	       /* it was copied and truncated: what is at path is the same inode */
	struct buf copy;       /* path of the copy, after FOLLOW_COPY */
	struct past past[PAST];
	unsigned npast;
};

int
follow_new(struct follow **out, const char *path, bool rotated)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL || (f->path = strdup(path)) == NULL) {
		free(f);
		return ferr(FERR_NOMEM, "out of memory");
	}
	f->rotated = rotated;
	f->pos = UINT64_MAX;
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

/* How long its text is; -1: it cannot be read. */
static int64_t
length_of(const char *path)
{
	struct buf b = BUF_INIT;
	struct file *file = NULL;
	int64_t total = 0;
	ssize_t k = -1;

	if (file_open(&file, path) == 0) {
		while ((k = file_read(file, &b)) > 0) {
			total += (int64_t)b.n;
			b.n = 0;
		}
	}
	file_close(file);
	buf_fini(&b);
	return k == 0 ? total : -1;
}

static bool
begins_like(const struct split_head *head, const struct file_id *id)
{
	return id->n > 0 && head->n >= id->n && hash64(head->p, id->n) == id->hash;
}

struct copy_search {
	struct follow *f;
	struct file_id id;
	int64_t pos;
	bool more; /* it holds more than that */
};

/* Does the file at path begin like ours, and hold at least pos bytes? */
static int
try_copy(void *cookie, const char *path)
{
	struct copy_search *s = cookie;
	struct split_head head;
	int64_t n;

	split_look(&head, path);
	if (!begins_like(&head, &s->id) || (n = length_of(path)) < s->pos)
		return 0;
	s->more = n > s->pos;
	s->f->copy.n = 0;
	return buf_puts(&s->f->copy, path) == 0 && buf_cstr(&s->f->copy) != NULL ? 1 : FERR_NOMEM;
}

/* The file is shorter than what has been read of it. */
static int
truncated(struct follow *f, const struct file *file, uint64_t pos, uint64_t size)
{
	struct copy_search s = { .f = f, .pos = (int64_t)pos };
	int rc;

	f->cut = true;
	if ((rc = file_id(file, &s.id)) != 0 || (rc = follow_siblings(f->path, try_copy, &s)) < 0)
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
};

static void
take_candidate(struct search *s, enum rank rank, bool beside, struct file *file, struct buf *ahead)
{
	file_close(s->best->file);
	buf_fini(&s->best->ahead);
	s->best->file = file;
	s->best->ahead = *ahead;
	s->best->beside = beside;
	s->best->copy = beside && (rank != SAME || file_packed(file));
	s->rank = rank;
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
	take_candidate(s, rank, path != s->path, file, &ahead);
	return rank == SAME;
no:
	rc = 0;
fail:
	file_close(file);
	buf_fini(&ahead);
	return rc;
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
	if (rc < 0)
		follow_found_fini(out);
	return rc < 0 ? rc : 0;
}

void
follow_found_fini(struct follow_found *f)
{
	file_close(f->file);
	buf_fini(&f->ahead);
	*f = (struct follow_found){ 0 };
}

const char *
follow_copy(const struct follow *f)
{
	return (const char *)f->copy.p;
}

/* Since when nothing has been written.  That is of ours when we have come to its end; of what was
 * rotated away before, its own time tells. */
static int64_t
quiet_since(const struct follow *f, const struct file *file)
{
	int64_t now = fio_mono_ns(), ago;
	struct stat st;

	if (!f->rotated || fio_fstat(file_fd(file), &st) != 0)
		return now;
	ago = fio_wall_ms() - (int64_t)st.st_mtim.tv_sec * 1000;
	return now - (ago > 0 ? ago * 1000000 : 0);
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

	if (pos != f->pos) {
		f->pos = pos;
		f->since = quiet_since(f, file);
	}
	if ((rc = file_identity(file, &dev, &ino, &size)) != 0)
		return rc;
	if ((uint64_t)size < pos)
		return truncated(f, file, pos, (uint64_t)size);
	if (fio_stat(f->path, &st) == -1) /* renamed, and the new one is not there yet */
		return errno == ENOENT ? FOLLOW_WAIT : ferr_sys(FERR_IO, "%s", f->path);
	if (st.st_dev == dev && st.st_ino == ino) {
		f->named = true;
		f->wrote = st.st_mtim;
		return FOLLOW_WAIT;
	}
	return now - f->since >= FOLLOW_QUIET_NS ? FOLLOW_NEXT : FOLLOW_WAIT;
}

/* ---- the generation behind ---- */

/* Rotated parts of the log, as they lie there now. */
struct generation {
	char *path;
	struct stat st;
};

struct generations {
	const char *log;
	struct generation *v;
	size_t n;
};

static int
add_generation(void *cookie, const char *path)
{
	struct generations *g = cookie;
	struct generation *grown, new = { 0 };

	if (!paths_rotated(path, g->log) || fio_stat(path, &new.st) != 0 ||
	    !S_ISREG(new.st.st_mode) || new.st.st_size == 0)
		return 0;
	if ((grown = realloc(g->v, (g->n + 1) * sizeof(*grown))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	g->v = grown;
	if ((new.path = strdup(path)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	g->v[g->n++] = new;
	return 0;
}

static void
generations_fini(struct generations *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->v[i].path);
	free(g->v);
}

static bool
same_inode(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int
by_time(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* The number of log.3 or log.3.gz; 0: the name has something else, such as a date. */
static unsigned
number_of(const char *path, const char *log)
{
	const char *p = path + strlen(log);
	char *end;
	unsigned long n;

	if (*p != '.')
		return 0;
	n = strtoul(p + 1, &end, 10);
	return end - p <= 6 && (*end == '\0' || *end == '.') ? (unsigned)n : 0;
}

/* Of what was written at the same time: numbers grow with age, dates do not.  <0: a is older. */
static int
by_name(const char *a, const char *b, const char *log)
{
	unsigned na = number_of(a, log), nb = number_of(b, log);

	if (na != 0 && nb != 0)
		return (na < nb) - (na > nb);
	return strcmp(a, b);
}

static bool
is_older(const struct generation *a, const struct generation *b, const char *log)
{
	int k = by_time(&a->st.st_mtim, &b->st.st_mtim);

	return k < 0 || (k == 0 && by_name(a->path, b->path, log) < 0);
}

/* Does what is at path begin with that? */
static bool
begins_with(const char *path, const struct split_head *head)
{
	struct split_head whole;

	split_look(&whole, path);
	return head->n <= whole.n && memcmp(head->p, whole.p, head->n) == 0;
}

/* log.1.gz while log.1 is there as well: it is being made. */
static bool
is_being_made(const struct generations *g, const struct generation *c,
	      const struct split_head *head)
{
	for (size_t i = 0; i < g->n && head->packed; i++) {
		size_t n = strlen(g->v[i].path);

		if (strncmp(c->path, g->v[i].path, n) == 0 && c->path[n] == '.' &&
		    begins_with(g->v[i].path, head))
			return true;
	}
	return false;
}

/* A generation that was read is known by its beginning and inode.  What begins like one that is
 * not there any more and is as long as it is its copy, packed or made before it was truncated. */
static bool
is_past(const struct follow *f, const struct generations *g, const struct generation *c,
	const struct split_head *head)
{
	for (unsigned i = 0; i < f->npast; i++) {
		const struct file_id *id = &f->past[i].id;
		bool there = false;

		if (!begins_like(head, id))
			continue;
		if (!head->packed && c->st.st_ino == id->ino)
			return true;
		for (size_t k = 0; k < g->n; k++)
			there = there || (&g->v[k] != c && g->v[k].st.st_ino == id->ino);
		if ((f->cut || (head->packed && !there)) &&
		    length_of(c->path) == (int64_t)f->past[i].len)
			return true;
	}
	return false;
}

/* A copy of what is at path, which will be truncated. */
static bool
is_live_copy(const struct follow *f, const struct generation *c, const struct split_head *head,
	     const struct stat *live)
{
	return f->cut && !head->packed && c->st.st_size <= live->st_size &&
	       begins_with(f->path, head);
}

/* The oldest of those that were made after `file`, which is to be followed by *live or by what lies
 * between; NULL: nothing does. */
static const struct generation *
oldest_behind(const struct follow *f, const struct generations *g, const struct stat *file,
	      const struct stat *live)
{
	const struct timespec *since = f->named ? &f->wrote : &file->st_mtim;
	const struct generation *own = NULL, *best = NULL;
	struct split_head head;

	for (size_t i = 0; i < g->n; i++) {
		if (same_inode(&g->v[i].st, file))
			own = &g->v[i];
	}
	for (size_t i = 0; i < g->n; i++) {
		const struct generation *c = &g->v[i];
		int k = by_time(&c->st.st_mtim, since);

		if (c == own || same_inode(&c->st, live) || k < 0 ||
		    (k == 0 && own != NULL && by_name(c->path, own->path, f->path) < 0) ||
		    (best != NULL && !is_older(c, best, f->path)))
			continue;
		split_look(&head, c->path);
		if (!is_being_made(g, c, &head) && !is_past(f, g, c, &head) &&
		    !is_live_copy(f, c, &head, live))
			best = c;
	}
	return best;
}

/* What comes behind `file`: *path (owned, NULL: what is at the log's name) and its inode. */
static int
find_next(const struct follow *f, const struct stat *file, char **path, struct stat *st)
{
	struct generations g = { .log = f->path };
	const struct generation *best;
	struct stat live;
	int rc;

	*path = NULL;
	if (fio_stat(f->path, &live) == -1)
		return errno == ENOENT ? FERR_AGAIN : ferr_sys(FERR_IO, "%s", f->path);
	*st = live;
	if ((rc = follow_siblings(f->path, add_generation, &g)) == 0 &&
	    (best = oldest_behind(f, &g, file, &live)) != NULL) {
		*st = best->st;
		if ((*path = strdup(best->path)) == NULL)
			rc = ferr(FERR_NOMEM, "out of memory");
	}
	generations_fini(&g);
	return rc;
}

/* While names change a listing may miss a file: two in a row must agree. */
static int
find_next_surely(const struct follow *f, const struct stat *file, char **path, struct stat *st)
{
	struct stat again;
	char *same = NULL;
	int rc;

	if ((rc = find_next(f, file, path, st)) != 0)
		return rc;
	rc = find_next(f, file, &same, &again);
	if (rc == 0 && (!same_inode(st, &again) || (*path == NULL) != (same == NULL)))
		rc = FERR_AGAIN;
	free(same);
	return rc;
}

static int
note_past(struct follow *f, const struct file *file, uint64_t pos)
{
	struct past p = { .len = pos }, *last = f->npast > 0 ? &f->past[f->npast - 1] : NULL;
	int rc = file_id(file, &p.id);

	if (rc != 0)
		return rc;
	if (last != NULL && last->id.hash == p.id.hash && last->id.ino == p.id.ino) {
		last->len = pos;
		return 0;
	}
	if (f->npast == PAST)
		memmove(f->past, f->past + 1, --f->npast * sizeof(p));
	f->past[f->npast++] = p;
	return 0;
}

/* The file at path if it is still the one that was chosen. */
static int
open_chosen(struct file **out, const char *path, const struct stat *chosen)
{
	struct stat st;
	int rc;

	if (fio_stat(path, &st) != 0 || !same_inode(&st, chosen))
		return FERR_AGAIN;
	if ((rc = file_open(out, path)) != 0)
		return fio_stat(path, &st) != 0 ? FERR_AGAIN : rc;
	if (fio_fstat(file_fd(*out), &st) == 0 && same_inode(&st, chosen))
		return 0;
	file_close(*out);
	return FERR_AGAIN;
}

int
follow_next(struct follow *f, const struct file *file, uint64_t pos, struct file **out,
	    bool *packed)
{
	struct split_head head = { .packed = false };
	struct stat own, next;
	char *path = NULL;
	int rc;

	if (fio_fstat(file_fd(file), &own) != 0)
		return ferr_sys(FERR_IO, "%s", f->path);
	if ((rc = note_past(f, file, pos)) == 0)
		rc = find_next_surely(f, &own, &path, &next);
	if (rc == 0 && path != NULL)
		split_look(&head, path);
	if (rc == 0)
		rc = open_chosen(out, path != NULL ? path : f->path, &next);
	if (rc == 0) {
		f->pos = UINT64_MAX;
		f->named = f->cut = false;
		f->rotated = path != NULL;
		*packed = head.packed;
	}
	free(path);
	return rc;
}
