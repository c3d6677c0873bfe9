/* lane_dest: see lane_dest.h. */
#include "conn/lane_dest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"

#define OPEN_MAX 64 /* parts that are written at a time */

struct target {
	struct piece part; /* path and maker */
	int fd;
	bool hidden; /* opened under its hidden name */
	bool show;   /* rename it when it is finished */
	bool written;
	uint64_t end; /* of its last piece so far */
};

struct names {
	char **v;
	size_t n, cap;
};

struct lane_dest {
	struct dest_conf conf;
	int fd;
	struct target target[OPEN_MAX]; /* in the order they were opened */
	unsigned n;
	struct target *cur; /* of the current piece; NULL: it is gone, or there are no parts */
	struct piece piece;
	uint64_t at;	   /* of its next byte */
	struct names dirs; /* below the directory, "" itself: to be synced */
	struct names gone; /* parts that were not there, and whose closing piece has not come */
	uint64_t end;	   /* FILE: of the last piece since dest_done; 0: none */
};

/* ---- lists of names ---- */

static size_t
names_find(const struct names *l, const char *s, size_t n)
{
	size_t i = 0;

	while (i < l->n && (strlen(l->v[i]) != n || memcmp(l->v[i], s, n) != 0))
		i++;
	return i;
}

static int
names_add(struct names *l, const char *s, size_t n)
{
	char **v;

	if (names_find(l, s, n) < l->n)
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap != 0 ? 2 * l->cap : 8;

		if ((v = realloc(l->v, cap * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		l->v = v;
		l->cap = cap;
	}
	if ((l->v[l->n] = strndup(s, n)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->n++;
	return 0;
}

static void
names_drop(struct names *l, size_t i)
{
	if (i >= l->n)
		return;
	free(l->v[i]);
	l->v[i] = l->v[--l->n];
}

static void
names_fini(struct names *l)
{
	while (l->n > 0)
		names_drop(l, l->n - 1);
	free(l->v);
	*l = (struct names){ 0 };
}

/* ---- opening ---- */

static int
sync_parent(const char *path)
{
	size_t n = strlen(path);
	char *copy = strdup(path);
	int rc = 0;

	if (copy == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	while (n > 1 && copy[n - 1] == '/')
		n--;
	while (n > 0 && copy[n - 1] != '/')
		n--;
	copy[n] = '\0';
	if (fio_sync_dir(n == 0 ? "." : copy) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync %s", n == 0 ? "." : copy);
	free(copy);
	return rc;
}

/* Make the directory and those above it; new names are durable. */
static int
make_dirs(const char *path)
{
	char *copy = strdup(path), *s;
	struct stat st;
	int rc = 0;

	if (copy == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (s = copy + 1; *s != '\0' && rc == 0; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		if (fio_stat(copy, &st) == -1) {
			if (fio_mkdir(copy) == -1)
				rc = ferr_sys(FERR_USAGE, "cannot make directory %s", copy);
			else
				rc = sync_parent(copy);
		}
		*s = '/';
	}
	free(copy);
	return rc;
}

static int
open_dir(struct lane_dest *d)
{
	int rc = make_dirs(d->conf.path);

	if (rc == 0 && (d->fd = fio_open(d->conf.path, O_RDONLY | O_DIRECTORY, 0)) == -1)
		rc = ferr_sys(FERR_USAGE, "cannot open %s", d->conf.path);
	return rc;
}

/* stdout is opened anew: with O_APPEND, which it may have, pwrite would not write where it is told.
 */
static int
open_file(struct lane_dest *d)
{
	const char *path = d->conf.path;
	struct stat st;
	bool fresh;

	if (path == NULL) {
		d->fd = fio_open("/proc/self/fd/1", O_RDWR, 0);
		return d->fd != -1 ? 0 : ferr_sys(FERR_USAGE, "cannot open stdout anew");
	}
	fresh = fio_stat(path, &st) == -1 && errno == ENOENT;
	if (!fresh && S_ISDIR(st.st_mode))
		return ferr(FERR_USAGE, "%s is a directory; to write parts into it, %s/", path,
			    path);
	if (fresh && !d->conf.make)
		return ferr(FERR_CORRUPT,
			    "%s is gone, and the checkpoint says that it is being written: output "
			    "is lost",
			    path);
	if ((d->fd = fio_open(path, O_RDWR | (fresh ? O_CREAT : 0), 0666)) == -1)
		return ferr_sys(FERR_USAGE, "cannot write %s", path);
	return fresh ? sync_parent(path) : 0;
}

int
dest_open(struct lane_dest **out, const struct dest_conf *conf)
{
	struct lane_dest *d = calloc(1, sizeof(*d));
	int rc = 0;

	if (d == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	d->conf = *conf;
	d->fd = conf->kind == DEST_PRINT ? STDOUT_FILENO : -1;
	if (conf->kind == DEST_DIR)
		rc = open_dir(d);
	else if (conf->kind == DEST_FILE)
		rc = open_file(d);
	if (rc != 0) {
		dest_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

void
dest_close(struct lane_dest *d)
{
	if (d == NULL)
		return;
	for (unsigned i = 0; i < d->n; i++)
		fio_close(d->target[i].fd);
	if (d->conf.kind != DEST_PRINT && d->fd != -1)
		fio_close(d->fd);
	names_fini(&d->dirs);
	names_fini(&d->gone);
	free(d);
}

int
dest_fd(const struct lane_dest *d)
{
	return d->fd;
}

/* What a message calls a part, or the file. */
static const char *
dir_of(const struct lane_dest *d)
{
	return d->conf.path != NULL ? d->conf.path : "stdout";
}

/* ---- parts ---- */

/* Note the directory of path, to be synced. */
static int
note_dir(struct lane_dest *d, const char *path)
{
	const char *slash = strrchr(path, '/');

	return names_add(&d->dirs, path, slash != NULL ? (size_t)(slash - path) : 0);
}

static int
make_subs(struct lane_dest *d, const char *path)
{
	char sub[PIECE_PATH_MAX + 1];
	int rc = 0;

	snprintf(sub, sizeof(sub), "%s", path);
	for (char *s = strchr(sub, '/'); s != NULL && rc == 0; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (fio_mkdirat(d->fd, sub, 0777) == -1 && errno != EEXIST)
			rc = ferr_sys(FERR_IO, "cannot make directory %s%s", dir_of(d), sub);
		else
			rc = note_dir(d, sub);
		*s = '/';
	}
	return rc;
}

int
dest_create(struct lane_dest *d, const struct piece *p)
{
	char hidden[PIECE_PATH_MAX + 32];
	int fd, rc;

	piece_hidden(p, hidden);
	if ((rc = make_subs(d, p->path)) != 0)
		return rc;
	if ((fd = fio_openat(d->fd, hidden, O_WRONLY | O_CREAT | O_EXCL, 0666)) == -1)
		return ferr_sys(FERR_IO, "cannot make %s%s", dir_of(d), hidden);
	fio_close(fd);
	return note_dir(d, p->path);
}

int
dest_sync(struct lane_dest *d)
{
	int fd, rc = 0;

	while (rc == 0 && d->dirs.n > 0) {
		const char *sub = d->dirs.v[d->dirs.n - 1];

		fd = fio_openat(d->fd, sub[0] != '\0' ? sub : ".", O_RDONLY | O_DIRECTORY, 0);
		if (fd == -1 || fio_fsync(fd) == -1)
			rc = ferr_sys(FERR_IO, "cannot sync %s%s", dir_of(d), sub);
		if (fd != -1)
			fio_close(fd);
		if (rc == 0)
			names_drop(&d->dirs, d->dirs.n - 1);
	}
	return rc;
}

/* Under its hidden name, else its visible one; *fd -1: under neither. */
static int
open_part(struct lane_dest *d, const struct piece *p, int *fd, bool *is_hidden)
{
	char hidden[PIECE_PATH_MAX + 32];

	piece_hidden(p, hidden);
	*fd = fio_openat(d->fd, hidden, O_RDWR | O_NOFOLLOW, 0);
	*is_hidden = *fd != -1;
	if (*fd == -1 && errno == ENOENT)
		*fd = fio_openat(d->fd, p->path, O_RDWR | O_NOFOLLOW, 0);
	if (*fd == -1 && errno != ENOENT)
		return ferr_sys(FERR_IO, "cannot open %s%s", dir_of(d), p->path);
	return 0;
}

static int
refuse_short(const struct lane_dest *d, const char *path, uint64_t has, uint64_t wants)
{
	return ferr(FERR_CORRUPT,
		    "%s%s has %" PRIu64 " bytes, and the checkpoint says that %" PRIu64
		    " were published: output is lost",
		    dir_of(d), path, has, wants);
}

static int
refuse_long(const struct lane_dest *d, const char *path, uint64_t has, uint64_t wants)
{
	return ferr(FERR_CORRUPT,
		    "%s%s has %" PRIu64 " bytes, and the checkpoint explains %" PRIu64
		    ": output is ahead of it; go on from a newer checkpoint, or cut it back with "
		    "--accept-rewind",
		    dir_of(d), path, has, wants);
}

/* What is published ends there, and nobody has written behind it. */
static int
check_end(struct lane_dest *d, int fd, const char *path, uint64_t length)
{
	struct stat st;

	if (fio_fstat(fd, &st) == -1)
		return ferr_sys(FERR_IO, "%s%s", dir_of(d), path);
	if ((uint64_t)st.st_size <= length)
		return 0;
	if (!d->conf.rewind)
		return refuse_long(d, path, (uint64_t)st.st_size, length);
	if (fio_ftruncate(fd, (off_t)length) == -1 || fio_fdatasync(fd) == -1)
		return ferr_sys(FERR_IO, "cannot cut back %s%s", dir_of(d), path);
	return 0;
}

/* Give a part its name.  That it has it by now is no error: an older attempt may do the same. */
static int
show(struct lane_dest *d, const struct piece *p)
{
	char hidden[PIECE_PATH_MAX + 32];
	int fd;

	piece_hidden(p, hidden);
	if (fio_rename_noreplace(d->fd, hidden, p->path) == 0 || errno == ENOENT)
		return note_dir(d, p->path);
	if (errno != EEXIST)
		return ferr_sys(FERR_IO, "cannot name %s%s", dir_of(d), p->path);
	if ((fd = fio_openat(d->fd, hidden, O_RDONLY | O_NOFOLLOW, 0)) == -1)
		return note_dir(d, p->path);
	fio_close(fd);
	return ferr(FERR_CORRUPT,
		    "%s%s is there already and is not what this job was writing; move it away",
		    dir_of(d), p->path);
}

/* Synced, shown when that is due, closed. */
static int
finish(struct lane_dest *d, struct target *t)
{
	int rc = check_end(d, t->fd, t->part.path, t->end);

	if (rc == 0 && t->written && fio_fdatasync(t->fd) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync %s%s", dir_of(d), t->part.path);
	if (rc == 0 && t->show && t->hidden)
		rc = show(d, &t->part);
	fio_close(t->fd);
	memmove(t, t + 1, (size_t)(d->target + d->n - (t + 1)) * sizeof(*t));
	d->n--;
	return rc;
}

/* ---- publishing ---- */

/* The part of a piece among those that are open, or opened now. */
static int
find_target(struct lane_dest *d, const struct piece *p)
{
	struct target *t;
	bool hidden;
	int fd, rc;

	for (unsigned i = 0; i < d->n; i++) {
		if (strcmp(d->target[i].part.path, p->path) == 0) {
			d->cur = &d->target[i];
			return 0;
		}
	}
	if (d->n == OPEN_MAX && (rc = finish(d, &d->target[0])) != 0)
		return rc;
	if ((rc = open_part(d, p, &fd, &hidden)) != 0)
		return rc;
	if (fd == -1)
		return names_add(&d->gone, p->path, strlen(p->path));
	t = d->cur = &d->target[d->n++];
	*t = (struct target){ .part = *p, .fd = fd, .hidden = hidden, .show = !d->conf.roll };
	return 0;
}

static int
begin_piece(void *cookie, const struct piece *p)
{
	struct lane_dest *d = cookie;
	struct stat st;
	int rc, fd = d->fd;

	d->piece = *p;
	d->at = p->offset;
	d->cur = NULL;
	if (d->conf.kind == DEST_PRINT)
		return 0;
	if (d->conf.kind == DEST_DIR) {
		if ((rc = find_target(d, p)) != 0 || d->cur == NULL)
			return rc;
		fd = d->cur->fd;
	}
	if (fio_fstat(fd, &st) == -1)
		return ferr_sys(FERR_IO, "%s%s", dir_of(d), p->path);
	if ((uint64_t)st.st_size < p->offset)
		return refuse_short(d, p->path, (uint64_t)st.st_size, p->offset);
	return 0;
}

static int
put_data(void *cookie, const uint8_t *p, size_t n)
{
	struct lane_dest *d = cookie;
	int fd = d->cur != NULL ? d->cur->fd : d->fd;

	if (d->conf.kind == DEST_PRINT) {
		if (fio_write_all(d->fd, p, n) == 0)
			return 0;
		return errno == EPIPE ? ferr(FERR_CLOSED, "the reader of stdout left")
				      : ferr_sys(FERR_IO, "stdout");
	}
	if (d->conf.kind == DEST_DIR && d->cur == NULL)
		return 0;
	if (fio_pwrite_all(fd, p, n, (off_t)d->at) == -1)
		return ferr_sys(FERR_IO, "writing %s%s", dir_of(d), d->piece.path);
	d->at += n;
	if (d->cur != NULL)
		d->cur->written = true;
	return 0;
}

static int
end_piece(void *cookie)
{
	struct lane_dest *d = cookie;
	bool closes = (d->piece.flags & PIECE_CLOSES) != 0;

	if (d->conf.kind != DEST_DIR) {
		d->end = d->at;
		return 0;
	}
	if (d->cur == NULL) {
		if (closes) /* published, and moved away */
			names_drop(&d->gone,
				   names_find(&d->gone, d->piece.path, strlen(d->piece.path)));
		return 0;
	}
	d->cur->end = d->at;
	d->cur->show = d->cur->show || closes;
	return closes ? finish(d, d->cur) : 0;
}

const struct piece_sink dest_sink = { .begin = begin_piece, .data = put_data, .end = end_piece };

int
dest_done(struct lane_dest *d)
{
	int rc = 0;

	while (rc == 0 && d->n > 0)
		rc = finish(d, &d->target[0]);
	if (rc == 0 && d->end > 0 && d->conf.kind == DEST_FILE &&
	    (rc = check_end(d, d->fd, "", d->end)) == 0 && fio_fdatasync(d->fd) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync %s", dir_of(d));
	d->end = 0;
	if (rc == 0 && d->conf.kind == DEST_DIR)
		rc = dest_sync(d);
	if (rc == 0 && d->gone.n > 0 && !d->conf.rewind)
		rc = ferr(FERR_CORRUPT,
			  "%s%s is gone, and it is still being written: output is lost; a part may "
			  "be moved away when it is whole",
			  dir_of(d), d->gone.v[0]);
	return rc;
}

/* ---- at a restart ---- */

int
dest_check(struct lane_dest *d, const struct piece *part, uint64_t length, bool exact)
{
	struct stat st;
	bool hidden;
	int fd = d->fd, rc = 0;

	if (d->conf.kind == DEST_PRINT)
		return 0;
	if (d->conf.kind == DEST_DIR && (rc = open_part(d, part, &fd, &hidden)) != 0)
		return rc;
	if (fd == -1)
		return d->conf.rewind
			   ? 1
			   : ferr(FERR_CORRUPT,
				  "%s%s is gone, and the checkpoint says that it has %" PRIu64
				  " bytes and is still being written: output is lost",
				  dir_of(d), part->path, length);
	if (fio_fstat(fd, &st) == -1)
		rc = ferr_sys(FERR_IO, "%s%s", dir_of(d), part->path);
	else if (exact && (uint64_t)st.st_size < length)
		rc = refuse_short(d, part->path, (uint64_t)st.st_size, length);
	else
		rc = check_end(d, fd, part->path, length);
	if (fd != d->fd)
		fio_close(fd);
	return rc;
}

/* Call fn for every part below path (which ends with '/' or is ""), and in the directories of
 * --partition-by; stops at the first non-zero result. */
static int
scan(struct lane_dest *d, const char *path,
     int (*fn)(void *cookie, const char *path, const struct part_name *name), void *cookie)
{
	struct buf full = BUF_INIT;
	struct part_name name;
	struct dirent *e;
	DIR *dir = NULL;
	int rc;

	if ((rc = buf_printf(&full, "%s%s", d->conf.path, path)) == 0 &&
	    (buf_cstr(&full) == NULL || (dir = fio_opendir((const char *)full.p)) == NULL))
		rc = ferr_sys(FERR_IO, "cannot read %s%s", d->conf.path, path);
	while (rc == 0 && (e = fio_readdir(dir)) != NULL) {
		full.n = 0;
		if ((rc = buf_printf(&full, "%s%s", path, e->d_name)) != 0 ||
		    buf_cstr(&full) == NULL)
			break;
		if (part_name_parse(&name, e->d_name))
			rc = fn(cookie, (const char *)full.p, &name);
		else if (e->d_name[0] != '.' && strchr(e->d_name, '=') != NULL &&
			 (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN) &&
			 (rc = buf_putc(&full, '/')) == 0 && buf_cstr(&full) != NULL)
			rc = scan(d, (const char *)full.p, fn, cookie);
	}
	if (dir != NULL)
		fio_closedir(dir);
	buf_fini(&full);
	return rc;
}

struct ahead {
	struct lane_dest *d;
	uint32_t lane;
	uint64_t next;
};

static int
is_ahead(void *cookie, const char *path, const struct part_name *name)
{
	const struct ahead *a = cookie;

	if (name->hidden || name->lane != a->lane || name->number < a->next)
		return 0;
	if (!a->d->conf.rewind)
		return ferr(FERR_CORRUPT,
			    "%s%s is ahead of the checkpoint, which knows parts below %" PRIu64
			    "; go on from a newer checkpoint, or cut it back with --accept-rewind",
			    a->d->conf.path, path, a->next);
	return fio_unlinkat(a->d->fd, path) == -1 && errno != ENOENT
		   ? ferr_sys(FERR_IO, "cannot remove %s%s", a->d->conf.path, path)
		   : 0;
}

int
dest_check_ahead(struct lane_dest *d, uint32_t lane, uint64_t next)
{
	struct ahead a = { d, lane, next };

	return d->conf.kind == DEST_DIR ? scan(d, "", is_ahead, &a) : 0;
}

struct cleaning {
	struct lane_dest *d;
	bool (*gone)(void *cookie, const char *path, const struct part_name *name);
	void *cookie;
};

static int
clean_one(void *cookie, const char *path, const struct part_name *name)
{
	const struct cleaning *c = cookie;

	if (!name->hidden || !c->gone(c->cookie, path, name))
		return 0;
	return fio_unlinkat(c->d->fd, path) == -1 && errno != ENOENT
		   ? ferr_sys(FERR_IO, "cannot remove %s%s", c->d->conf.path, path)
		   : 0;
}

int
dest_clean(struct lane_dest *d,
	   bool (*gone)(void *cookie, const char *path, const struct part_name *name), void *cookie)
{
	struct cleaning c = { d, gone, cookie };

	return d->conf.kind == DEST_DIR ? scan(d, "", clean_one, &c) : 0;
}

/* ---- whose directory it is ---- */

#define CLAIM_LEN 33 /* 32 hex digits and a line end */

static int
is_unknown(void *cookie, const char *path, const struct part_name *name)
{
	const struct lane_dest *d = cookie;

	if (name->hidden)
		return 0;
	return ferr(
	    FERR_USAGE,
	    "%s has part files already (%s), and no .fjord that says which job they are of; "
	    "write into a directory of its own, or move them away",
	    d->conf.path, path);
}

/* 1: it is claimed by `line`, 0: by nobody. */
static int
read_claim(struct lane_dest *d, const char *line)
{
	char has[CLAIM_LEN + 1] = "";
	int fd = fio_openat(d->fd, ".fjord", O_RDONLY, 0);
	ssize_t n;

	if (fd == -1)
		return errno == ENOENT ? 0 : ferr_sys(FERR_IO, "%s.fjord", d->conf.path);
	n = fio_pread(fd, has, CLAIM_LEN, 0);
	fio_close(fd);
	if (n == -1)
		return ferr_sys(FERR_IO, "%s.fjord", d->conf.path);
	if (n == CLAIM_LEN && memcmp(has, line, CLAIM_LEN) == 0)
		return 1;
	return ferr(
	    FERR_USAGE,
	    "%s belongs to another job (%.32s, as %s.fjord says); write into a directory of "
	    "its own",
	    d->conf.path, has, d->conf.path);
}

/* The file gets its name when it is whole: another subtask may be looking. */
static int
make_claim(struct lane_dest *d, const char *line)
{
	uint8_t id[8];
	char tmp[32];
	int fd, rc = 0;

	if (fio_random(id, sizeof(id)) == -1)
		return ferr_sys(FERR_IO, "no random numbers");
	snprintf(tmp, sizeof(tmp), ".fjord.%02x%02x%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2],
		 id[3], id[4], id[5], id[6], id[7]);
	if ((fd = fio_openat(d->fd, tmp, O_WRONLY | O_CREAT | O_EXCL, 0666)) == -1)
		return ferr_sys(FERR_USAGE, "cannot write %s%s", d->conf.path, tmp);
	if (fio_write_all(fd, line, CLAIM_LEN) == -1 || fio_fsync(fd) == -1 ||
	    (fio_rename_noreplace(d->fd, tmp, ".fjord") == -1 && errno != EEXIST))
		rc = ferr_sys(FERR_IO, "%s.fjord", d->conf.path);
	fio_close(fd);
	fio_unlinkat(d->fd, tmp); /* is there only if we were not the first */
	if (rc == 0 && fio_fsync(d->fd) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync %s", d->conf.path);
	return rc;
}

int
dest_claim(struct lane_dest *d, const uint8_t job[16])
{
	char line[CLAIM_LEN + 1];
	int rc;

	if (d->conf.kind != DEST_DIR)
		return 0;
	for (unsigned i = 0; i < 16; i++)
		snprintf(line + 2 * i, 3, "%02x", job[i]);
	memcpy(line + 32, "\n", 2);
	if ((rc = read_claim(d, line)) != 0)
		return rc == 1 ? 0 : rc;
	if ((rc = scan(d, "", is_unknown, d)) != 0 || (rc = make_claim(d, line)) != 0)
		return rc;
	rc = read_claim(d, line);
	return rc == 1 ? 0 : rc != 0 ? rc : ferr(FERR_IO, "%s.fjord is gone", d->conf.path);
}
