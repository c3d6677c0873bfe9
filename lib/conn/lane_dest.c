/* lane_dest: see lane_dest.h. */
#include "conn/lane_dest_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"

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

int
dest_make_dirs(const char *path)
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
				rc = ferr_sys(fio_blame(), "cannot make directory %s", copy);
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
	int rc = dest_make_dirs(d->conf.path);

	if (rc == 0 && (d->fd = fio_open(d->conf.path, O_RDONLY | O_DIRECTORY, 0)) == -1)
		rc = ferr_sys(fio_blame(), "cannot open %s", d->conf.path);
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
		return d->fd != -1 ? 0 : ferr_sys(fio_blame(), "cannot open stdout anew");
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
		return ferr_sys(fio_blame(), "cannot write %s", path);
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
	d->hold = -1;
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
	if (d->hold != -1)
		fio_close(d->hold);
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
	if ((rc = dest_check_claim(d)) != 0 || (rc = make_subs(d, p->path)) != 0)
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

const char *
dest_way_back(const struct lane_dest *d)
{
	return d->conf.plain ? "put back what was there, or begin anew with another FSTATE "
			       "directory and output"
			     : "go on from a newer checkpoint, or cut it back with --accept-rewind";
}

static int
refuse_long(const struct lane_dest *d, const char *path, uint64_t has, uint64_t wants)
{
	return ferr(FERR_CORRUPT,
		    "%s%s has %" PRIu64 " bytes, and the checkpoint explains %" PRIu64
		    ": output is ahead of it; %s",
		    dir_of(d), path, has, wants, dest_way_back(d));
}

/* What is published ends there, and nobody has written behind it. */
static int
check_end(struct lane_dest *d, int fd, const char *path, uint64_t length, bool rewind)
{
	struct stat st;

	if (fio_fstat(fd, &st) == -1)
		return ferr_sys(FERR_IO, "%s%s", dir_of(d), path);
	if ((uint64_t)st.st_size <= length)
		return 0;
	if (!rewind)
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
	int rc = check_end(d, t->fd, t->part.path, t->end, false);

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
	if (st.st_nlink == 0)
		return ferr(FERR_CORRUPT,
			    "%s%s was removed while it is being written: output is lost", dir_of(d),
			    p->path);
	if ((uint64_t)st.st_size < p->offset)
		return refuse_short(d, p->path, (uint64_t)st.st_size, p->offset);
	if (!d->first && (uint64_t)st.st_size > p->offset)
		return ferr(FERR_CORRUPT,
			    "somebody else writes to %s%s: it has %" PRIu64
			    " bytes, and ours end at %" PRIu64 "; only one job may write there",
			    dir_of(d), p->path, (uint64_t)st.st_size, p->offset);
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
		return errno == EPIPE ? ferr(FERR_REFUSED, "the reader of stdout left")
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

void
dest_begin(struct lane_dest *d, bool first)
{
	d->first = first;
}

int
dest_done(struct lane_dest *d)
{
	int rc = 0;

	while (rc == 0 && d->n > 0)
		rc = finish(d, &d->target[0]);
	if (rc == 0 && d->end > 0 && d->conf.kind == DEST_FILE &&
	    (rc = check_end(d, d->fd, "", d->end, false)) == 0 && fio_fdatasync(d->fd) == -1)
		rc = ferr_sys(FERR_IO, "cannot sync %s", dir_of(d));
	/* Others may write to stdout behind us: they share its place, which pwrite has not moved.
	 */
	if (rc == 0 && d->end > 0 && d->conf.kind == DEST_FILE && d->conf.path == NULL)
		fio_seek(STDOUT_FILENO, (off_t)d->end);
	d->end = 0;
	if (rc == 0 && d->conf.kind == DEST_DIR)
		rc = dest_sync(d);
	if (rc == 0 && d->gone.n > 0)
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
		rc = check_end(d, fd, part->path, length, d->conf.rewind);
	if (fd != d->fd)
		fio_close(fd);
	return rc;
}
