/* follow: see follow.h. */
#include "conn/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

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

/* Find the copy that was made of the file before it was truncated: its path in f->copy. */
static int
find_copy(struct follow *f, uint64_t pos, bool *found, bool *more)
{
	const char *slash = strrchr(f->path, '/'), *base = slash != NULL ? slash + 1 : f->path;
	size_t n = strlen(base);
	struct buf dir = BUF_INIT;
	struct dirent *e;
	DIR *d = NULL;
	int rc;

	*found = *more = false;
	if ((rc = buf_put(&dir, f->path, (size_t)(base - f->path))) != 0 ||
	    (rc = buf_puts(&dir, "./")) != 0 || buf_cstr(&dir) == NULL)
		goto out;
	if ((d = fio_opendir((const char *)dir.p)) == NULL)
		goto out;
	while (!*found && (e = fio_readdir(d)) != NULL) {
		if (strncmp(e->d_name, base, n) != 0 ||
		    (e->d_name[n] != '.' && e->d_name[n] != '-'))
			continue;
		f->copy.n = 0;
		if ((rc = buf_printf(&f->copy, "%s%s", (const char *)dir.p, e->d_name)) != 0)
			break;
		*found = is_copy(f, buf_cstr(&f->copy), pos, more);
	}
out:
	if (d != NULL)
		fio_closedir(d);
	buf_fini(&dir);
	return rc;
}

/* The file is shorter than what has been read of it. */
static int
truncated(struct follow *f, uint64_t pos, uint64_t size)
{
	bool found, more;
	int rc = find_copy(f, pos, &found, &more);

	if (rc != 0)
		return rc;
	if (found)
		return more ? FOLLOW_COPY : FOLLOW_NEXT;
	return ferr(FERR_LOST,
		    "%s was truncated to %" PRIu64 " bytes; what stood behind byte %" PRIu64
		    " and was not read yet is lost: no copy with the same beginning lies beside it",
		    f->path, size, pos);
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
