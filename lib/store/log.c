/* log: see log.h. */
#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "fio/fio.h"
#include "store/store_internal.h"

#define LINE "FJORDLOG 1 blocks of a store, see fcheckpoint(5)               \n"
_Static_assert(sizeof(LINE) - 1 == LOG_LINE_LEN, "the first line has 64 bytes");

#define MAGIC 0x424c4a46u  /* "FJLB" */
#define CRC_AT 36	   /* of the CRC in the header; it covers what stands before */
#define GATHER (64u << 10) /* smaller payloads wait for the next write */
#define NOT_NAMED "it is not the file that the checkpoint names"

enum { DATA = 1, END = 2 };

struct log {
	char *dir, *name;
	int dirfd; /* of the directory to be synced with the first part; -1: done */
	int fd;
	bool dead;
	uint32_t crc; /* of the last block */
	uint64_t written, sealed;
	struct buf b; /* not written yet */
};

/* ---- writing ---- */

int
log_create(struct log **out, const char *dir, const char *name)
{
	struct log *l = calloc(1, sizeof(*l));
	const char *base;
	int rc;

	if (l == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->fd = l->dirfd = -1;
	l->sealed = LOG_LINE_LEN;
	if ((l->dir = strdup(dir)) == NULL || (l->name = strdup(name)) == NULL) {
		rc = ferr(FERR_NOMEM, "out of memory");
		goto err;
	}
	if ((rc = buf_put(&l->b, LINE, LOG_LINE_LEN)) != 0)
		goto err;
	if ((l->dirfd = store_parent(dir, name, &base)) == -1) {
		rc = ferr_sys(FERR_IO, "cannot open the directory of %s/%s", dir, name);
		goto err;
	}
	if ((l->fd = fio_openat(l->dirfd, base, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1) {
		rc = ferr_sys(FERR_IO, "cannot make %s/%s", dir, name);
		goto err;
	}
	*out = l;
	return 0;
err:
	log_close(l);
	return rc;
}

void
log_close(struct log *l)
{
	if (l == NULL)
		return;
	if (l->fd != -1)
		fio_close(l->fd);
	if (l->dirfd != -1)
		fio_close(l->dirfd);
	buf_fini(&l->b);
	free(l->dir);
	free(l->name);
	free(l);
}

const char *
log_name(const struct log *l)
{
	return l->name;
}

uint64_t
log_end(const struct log *l)
{
	return l->written + l->b.n;
}

uint64_t
log_sealed(const struct log *l)
{
	return l->sealed;
}

uint32_t
log_crc(const struct log *l)
{
	return l->crc;
}

/* What a failed write or sync left in the file is unknown: nothing may follow it. */
static int
die(struct log *l, const char *what)
{
	l->dead = true;
	return ferr_sys(FERR_IO, "cannot %s %s/%s", what, l->dir, l->name);
}

static int
check_alive(const struct log *l)
{
	return l->dead ? ferr(FERR_IO, "%s/%s has failed before", l->dir, l->name) : 0;
}

static int
log_write(struct log *l, const void *p, size_t n)
{
	if (fio_write_all(l->fd, p, n) == -1)
		return die(l, "write");
	l->written += n;
	return 0;
}

static int
log_flush(struct log *l)
{
	int rc = log_write(l, l->b.p, l->b.n);

	if (rc == 0)
		l->b.n = 0;
	return rc;
}

static int
put_block(struct log *l, uint8_t kind, uint64_t epoch, const uint8_t id[16], const void *p,
	  uint32_t n)
{
	uint8_t h[LOG_BLOCK_HDR] = { 0 };
	bool gather = n < GATHER;
	int rc;

	le32put(h, MAGIC);
	h[4] = kind;
	le64put(h + 8, epoch);
	memcpy(h + 16, id, 16);
	le32put(h + 32, n);
	if ((rc = buf_room(&l->b, sizeof(h) + (gather ? n : 0))) != 0)
		return rc;
	l->crc = crc32c(crc32c(l->crc, h, CRC_AT), p, n);
	le32put(h + CRC_AT, l->crc);
	if ((rc = buf_put(&l->b, h, sizeof(h))) == 0 && gather)
		rc = buf_put(&l->b, p, n);
	if (rc == 0 && (!gather || l->b.n >= GATHER))
		rc = log_flush(l);
	if (rc == 0 && !gather)
		rc = log_write(l, p, n);
	return rc;
}

int
log_append(struct log *l, uint64_t epoch, const uint8_t id[16], const void *p, size_t n)
{
	const uint8_t *b = p;
	int rc = check_alive(l);

	while (rc == 0 && n > 0) {
		uint32_t k = n < LOG_BLOCK_MAX ? (uint32_t)n : LOG_BLOCK_MAX;

		rc = put_block(l, DATA, epoch, id, b, k);
		b += k;
		n -= k;
	}
	return rc;
}

int
log_seal(struct log *l, uint64_t epoch, const uint8_t id[16])
{
	int rc = check_alive(l);

	if (rc != 0 || (rc = put_block(l, END, epoch, id, "", 0)) != 0 || (rc = log_flush(l)) != 0)
		return rc;
	if (fio_fdatasync(l->fd) == -1)
		return die(l, "sync");
	if (l->dirfd != -1) {
		if (fio_fsync(l->dirfd) == -1)
			return die(l, "sync the directory of");
		fio_close(l->dirfd);
		l->dirfd = -1;
	}
	l->sealed = l->written;
	return 0;
}

/* ---- reading ---- */

struct reader {
	const char *dir, *name;
	int fd;
	uint64_t at, end;
	/* Of the block before at: */
	uint32_t crc;
	uint8_t kind;
	uint64_t epoch;
	struct buf b; /* its payload */
};

static int
damaged(const struct reader *r, uint64_t at, const char *what)
{
	return ferr(FERR_CORRUPT, "%s/%s is damaged at byte %" PRIu64 ": %s", r->dir, r->name, at,
		    what);
}

/* Read what must be there: a file that is too short is a damaged one. */
static int
fetch(const struct reader *r, void *p, size_t n, uint64_t at)
{
	if (fio_pread_all(r->fd, p, n, (off_t)at) == 0)
		return 0;
	if (errno == ENODATA)
		return damaged(r, at, "the file ends too early");
	return ferr_sys(FERR_IO, "cannot read %s/%s", r->dir, r->name);
}

/* Is h the header of a block, as far as can be told without its CRC, whose payload ends at r->end
 * or before? */
static int
check_header(const struct reader *r, const uint8_t h[LOG_BLOCK_HDR], uint64_t at)
{
	uint32_t n = le32get(h + 32);

	if (le32get(h) != MAGIC)
		return damaged(r, at, "no block begins here");
	if ((h[4] != DATA && h[4] != END) || h[5] != 0 || h[6] != 0 || h[7] != 0)
		return damaged(r, at, "unknown kind of block");
	if (n > LOG_BLOCK_MAX || n > r->end - at - LOG_BLOCK_HDR || (h[4] == END) != (n == 0))
		return damaged(r, at, "a block of impossible length");
	return 0;
}

/* The end block that ends there. */
static int
fetch_end(const struct reader *r, uint64_t at, uint8_t h[LOG_BLOCK_HDR])
{
	int rc;

	if (at < LOG_LINE_LEN + LOG_BLOCK_HDR)
		return damaged(r, at, "no part ends here");
	if ((rc = fetch(r, h, LOG_BLOCK_HDR, at - LOG_BLOCK_HDR)) != 0)
		return rc;
	return le32get(h) == MAGIC && h[4] == END ? 0 : damaged(r, at, "no part ends here");
}

/* The first line, or the end block that stands before the stretch: its CRC is where ours begins. */
static int
begin(struct reader *r, uint64_t start)
{
	uint8_t b[LOG_LINE_LEN];
	int rc;

	if (r->end < start || r->end > INT64_MAX)
		return damaged(r, start, "it is said to end before it begins");
	r->at = start < LOG_LINE_LEN ? LOG_LINE_LEN : start;
	if ((rc = fetch(r, b, LOG_LINE_LEN, 0)) != 0)
		return rc;
	if (memcmp(b, LINE, LOG_LINE_LEN) != 0)
		return damaged(r, 0, "it does not begin as a log of this version does");
	if (r->at == LOG_LINE_LEN)
		return 0;
	if ((rc = fetch_end(r, start, b)) != 0)
		return rc;
	r->kind = END;
	r->crc = le32get(b + CRC_AT);
	return 0;
}

/* Read and check the block at r->at. */
static int
next_block(struct reader *r)
{
	uint8_t h[LOG_BLOCK_HDR];
	uint32_t n;
	int rc;

	if (r->end - r->at < LOG_BLOCK_HDR)
		return damaged(r, r->at, "a block of impossible length");
	if ((rc = fetch(r, h, sizeof(h), r->at)) != 0 || (rc = check_header(r, h, r->at)) != 0)
		return rc;
	n = le32get(h + 32);
	r->b.n = 0;
	if ((rc = buf_room(&r->b, n)) != 0)
		return rc;
	if (n > 0 && (rc = fetch(r, r->b.p, n, r->at + LOG_BLOCK_HDR)) != 0)
		return rc;
	r->b.n = n;
	r->crc = crc32c(crc32c(r->crc, h, CRC_AT), r->b.p, n);
	if (r->crc != le32get(h + CRC_AT))
		return damaged(r, r->at, "its checksum is wrong");
	r->kind = h[4];
	r->epoch = le64get(h + 8);
	r->at += LOG_BLOCK_HDR + n;
	return 0;
}

static int
open_reader(struct reader *r)
{
	const char *base;
	struct stat st;
	int dirfd = store_parent(r->dir, r->name, &base), e;

	if (dirfd != -1) {
		r->fd = fio_openat(dirfd, base, O_RDONLY, 0);
		e = errno;
		fio_close(dirfd);
		errno = e;
	}
	if (r->fd == -1)
		return errno == ENOENT ? ferr(FERR_LOST, "%s/%s is not there", r->dir, r->name)
				       : ferr_sys(FERR_IO, "cannot read %s/%s", r->dir, r->name);
	if (fio_fstat(r->fd, &st) == -1)
		return ferr_sys(FERR_IO, "cannot read %s/%s", r->dir, r->name);
	/* Known before any length in it is believed. */
	if (r->end > (uint64_t)st.st_size)
		return ferr(FERR_CORRUPT, "%s/%s is damaged: it has %" PRIu64 " bytes of %" PRIu64,
			    r->dir, r->name, (uint64_t)st.st_size, r->end);
	return 0;
}

/* Read the blocks up to the end. */
static int
read_blocks(struct reader *r, uint32_t crc,
	    int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n), void *cookie)
{
	int rc = 0;

	while (rc == 0 && r->at < r->end) {
		rc = next_block(r);
		if (rc == 0 && r->kind == DATA)
			rc = fn(cookie, r->epoch, r->b.p, r->b.n);
	}
	if (rc == 0 && r->kind != END)
		rc = damaged(r, r->at, "the last part has no end");
	if (rc == 0 && r->crc != crc)
		rc = damaged(r, r->at, NOT_NAMED);
	return rc;
}

static void
close_reader(struct reader *r)
{
	if (r->fd != -1)
		fio_close(r->fd);
	buf_fini(&r->b);
}

int
log_read(const char *dir, const char *name, uint64_t start, uint64_t end, uint32_t crc,
	 int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n), void *cookie)
{
	struct reader r = { .dir = dir, .name = name, .fd = -1, .end = end, .b = BUF_INIT };
	int rc;

	if ((rc = open_reader(&r)) == 0 && (rc = begin(&r, start)) == 0)
		rc = read_blocks(&r, crc, fn, cookie);
	close_reader(&r);
	return rc;
}

int
log_resume(const char *dir, const char *name, uint64_t start, uint32_t start_crc, uint64_t end,
	   uint32_t crc, int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n),
	   void *cookie)
{
	struct reader r = { .dir = dir,
			    .name = name,
			    .fd = -1,
			    .at = start,
			    .end = end,
			    .crc = start_crc,
			    .kind = END,
			    .b = BUF_INIT };
	int rc = open_reader(&r);

	if (rc == 0)
		rc = read_blocks(&r, crc, fn, cookie);
	close_reader(&r);
	return rc;
}

int
log_end_id(const char *dir, const char *name, uint64_t end, uint32_t crc, uint64_t epoch,
	   uint8_t id[16])
{
	struct reader r = { .dir = dir, .name = name, .fd = -1, .end = end, .b = BUF_INIT };
	uint8_t h[LOG_BLOCK_HDR];
	int rc = open_reader(&r);

	if (rc == 0)
		rc = fetch_end(&r, end, h);
	if (rc == 0 && (le64get(h + 8) != epoch || le32get(h + CRC_AT) != crc))
		rc = damaged(&r, end, NOT_NAMED);
	if (rc == 0)
		memcpy(id, h + 16, 16);
	close_reader(&r);
	return rc;
}
