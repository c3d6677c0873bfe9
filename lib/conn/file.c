/* file: see file.h. */
#include "conn/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "conn/unpack.h"
#include "fio/fio.h"

#define READ_SIZE (1u << 18)

struct file {
	int fd;
	char *name;
	bool live, sock;
	bool ask; /* a read could wait */
	bool sniffed;
	bool sought; /* reads are at `taken`, not at the descriptor's place */
	uint64_t taken;
	struct unpack *unpack;
	struct buf raw; /* packed bytes; before sniffing the first bytes of any file */
	size_t at;
	uint8_t head[FILE_HEAD]; /* the first unpacked bytes */
	uint32_t nhead;
	uint64_t pos; /* unpacked bytes that have gone out */
};

int
file_take(struct file **out, int fd, const char *name)
{
	struct file *f = calloc(1, sizeof(*f));
	struct stat st;
	int own;

	if (f == NULL || (f->name = strdup(name)) == NULL || fio_fstat(fd, &st) == -1) {
		free(f);
		fio_close(fd);
		return ferr(FERR_NOMEM, "out of memory");
	}
	f->fd = fd;
	f->sock = S_ISSOCK(st.st_mode);
	f->live = !S_ISREG(st.st_mode);
	f->ask = f->live && !f->sock;
	if (S_ISFIFO(st.st_mode)) {
		fio_pipe_size(fd, 1 << 20);
		if ((own = fio_reopen_nonblock(fd, false)) != -1) {
			fio_close(fd);
			f->fd = own;
			f->ask = false;
		}
	}
	if (S_ISDIR(st.st_mode)) {
		file_close(f);
		return ferr(FERR_USAGE, "%s is a directory; write it as %s/", name, name);
	}
	*out = f;
	return 0;
}

int
file_open(struct file **out, const char *path)
{
	int fd = fio_open(path, O_RDONLY, 0);

	if (fd == -1)
		return ferr_sys(FERR_USAGE, "cannot read %s", path);
	return file_take(out, fd, path);
}

void
file_close(struct file *f)
{
	if (f == NULL)
		return;
	fio_close(f->fd);
	unpack_free(f->unpack);
	buf_fini(&f->raw);
	free(f->name);
	free(f);
}

static ssize_t
read_raw(struct file *f, struct buf *b)
{
	ssize_t k;

	if (buf_room(b, READ_SIZE) != 0)
		return FERR_NOMEM;
	if (f->ask && !fio_readable(f->fd))
		return FERR_AGAIN;
	if (f->sought)
		k = fio_pread(f->fd, b->p + b->n, READ_SIZE, (off_t)f->taken);
	else
		k = f->sock ? fio_recv(f->fd, b->p + b->n, READ_SIZE)
			    : fio_read(f->fd, b->p + b->n, READ_SIZE);
	if (k == -1)
		return errno == EAGAIN ? FERR_AGAIN : ferr_sys(FERR_IO, "reading %s", f->name);
	f->taken += (uint64_t)k;
	b->n += (size_t)k;
	return k;
}

/* The first four bytes tell whether the file is packed. */
static ssize_t
sniff(struct file *f)
{
	ssize_t k = 1;
	int rc;

	while (f->raw.n < 4 && k > 0) {
		if ((k = read_raw(f, &f->raw)) < 0)
			return k;
	}
	if (f->raw.n == 0)
		return 0; /* empty so far */
	f->sniffed = true;
	if (unpack_sniff(f->raw.p, f->raw.n) != UNPACK_NONE &&
	    (rc = unpack_new(&f->unpack, unpack_sniff(f->raw.p, f->raw.n))) != 0)
		return ferr_prefix(rc, "%s", f->name);
	return 1;
}

static ssize_t
read_packed(struct file *f, struct buf *b)
{
	size_t used, before = b->n;
	ssize_t k;
	int rc;

	for (;;) {
		if (f->at == f->raw.n) {
			f->raw.n = f->at = 0;
			if ((k = read_raw(f, &f->raw)) < 0)
				return k;
			if (k == 0 && !unpack_at_border(f->unpack))
				return ferr(FERR_TRUNC,
					    "%s breaks off in the middle of packed data", f->name);
			if (k == 0)
				return 0;
		}
		rc =
		    unpack_some(f->unpack, f->raw.p + f->at, f->raw.n - f->at, &used, b, READ_SIZE);
		f->at += used;
		if (rc != 0)
			return ferr_prefix(rc, "%s", f->name);
		if (b->n > before)
			return (ssize_t)(b->n - before);
	}
}

static ssize_t
read_some(struct file *f, struct buf *b)
{
	ssize_t k;

	if (!f->sniffed && (k = sniff(f)) <= 0)
		return k;
	if (f->unpack != NULL)
		return read_packed(f, b);
	if (f->at < f->raw.n) { /* read while sniffing */
		k = (ssize_t)(f->raw.n - f->at);
		if (buf_put(b, f->raw.p + f->at, (size_t)k) != 0)
			return FERR_NOMEM;
		buf_fini(&f->raw);
		f->at = 0;
		return k;
	}
	return read_raw(f, b);
}

/* n bytes go out: those of the head are kept. */
static void
note_head(struct file *f, const uint8_t *p, size_t n)
{
	size_t from, k;

	if (f->nhead == FILE_HEAD || f->pos > f->nhead || f->pos + n <= f->nhead)
		return;
	from = f->nhead - (size_t)f->pos;
	k = n - from < FILE_HEAD - f->nhead ? n - from : FILE_HEAD - f->nhead;
	memcpy(f->head + f->nhead, p + from, k);
	f->nhead += (uint32_t)k;
}

ssize_t
file_read(struct file *f, struct buf *b)
{
	ssize_t k = read_some(f, b);

	if (k > 0) {
		note_head(f, b->p + b->n - k, (size_t)k);
		f->pos += (uint64_t)k;
	}
	return k;
}

int
file_id(const struct file *f, struct file_id *id)
{
	struct stat st;

	if (fio_fstat(f->fd, &st) == -1)
		return ferr_sys(FERR_IO, "%s", f->name);
	id->n = f->nhead;
	id->hash = hash64(f->head, f->nhead);
	id->ino = st.st_ino;
	return 0;
}

/* Read on at byte `at` of a file that is not packed. */
static void
seek_to(struct file *f, uint64_t at)
{
	buf_fini(&f->raw);
	f->at = 0;
	f->sought = true;
	f->taken = f->pos = at;
}

static int
shorter(const struct file *f, uint64_t has, uint64_t offset)
{
	return ferr(FERR_LOST,
		    "%s has %" PRIu64 " bytes, but the checkpoint had read %" PRIu64
		    " of it: it was cut or replaced",
		    f->name, has, offset);
}

int
file_resume(struct file *f, const struct file_id *id, uint64_t offset, struct buf *b)
{
	uint64_t at = 0; /* offset of b->p[0] */
	size_t drop;
	ssize_t k = 1;
	struct stat st;

	while (b->n < id->n && (k = file_read(f, b)) > 0)
		;
	if (k < 0)
		return (int)k;
	if (b->n < id->n || (id->n > 0 && hash64(b->p, id->n) != id->hash))
		return ferr(FERR_LOST,
			    "%s is not the file that the checkpoint read: it begins differently",
			    f->name);
	if (offset > 0 && f->unpack == NULL) {
		if (fio_fstat(f->fd, &st) == -1)
			return ferr_sys(FERR_IO, "%s", f->name);
		if ((uint64_t)st.st_size < offset)
			return shorter(f, (uint64_t)st.st_size, offset);
		seek_to(f, offset);
		b->n = 0;
		return 0;
	}
	for (;;) {
		drop = b->n < offset - at ? b->n : (size_t)(offset - at);
		buf_shift(b, drop);
		at += drop;
		if (at == offset)
			return 0;
		if ((k = file_read(f, b)) <= 0)
			return k < 0 ? (int)k : shorter(f, at, offset);
	}
}

uint64_t
file_taken(const struct file *f)
{
	return f->taken;
}

int
file_fd(const struct file *f)
{
	return f->fd;
}

bool
file_live(const struct file *f)
{
	return f->live;
}

bool
file_packed(const struct file *f)
{
	return f->unpack != NULL;
}

int
file_identity(const struct file *f, dev_t *dev, ino_t *ino, off_t *size)
{
	struct stat st;

	if (fio_fstat(f->fd, &st) == -1)
		return ferr_sys(FERR_IO, "%s", f->name);
	*dev = st.st_dev;
	*ino = st.st_ino;
	*size = st.st_size;
	return 0;
}
