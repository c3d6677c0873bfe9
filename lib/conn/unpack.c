/* unpack: see unpack.h. */
#include "conn/unpack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "fio/fio.h"

struct unpack {
	enum unpack_kind kind;
	bool inside; /* in the middle of a member */
	z_stream z;
	int (*z_inflate)(z_streamp, int);
	int (*z_reset)(z_streamp);
	int (*z_end)(z_streamp);
	ZSTD_DStream *zstd;
	size_t (*zstd_free)(ZSTD_DStream *);
	size_t (*zstd_run)(ZSTD_DStream *, ZSTD_outBuffer *, ZSTD_inBuffer *);
	unsigned (*zstd_is_error)(size_t);
};

enum unpack_kind
unpack_sniff(const uint8_t *p, size_t n)
{
	if (n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8)
		return UNPACK_GZIP;
	if (n >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd)
		return UNPACK_ZSTD;
	return UNPACK_NONE;
}

static int
open_gzip(struct unpack *u)
{
	void *lib = fio_library("libz.so.1", "zlib1g");
	int (*init)(z_streamp, int, const char *, int);

	if (lib == NULL)
		return FERR_USAGE;
	*(void **)&init = fio_symbol(lib, "inflateInit2_");
	*(void **)&u->z_inflate = fio_symbol(lib, "inflate");
	*(void **)&u->z_reset = fio_symbol(lib, "inflateReset");
	*(void **)&u->z_end = fio_symbol(lib, "inflateEnd");
	if (init == NULL || u->z_inflate == NULL || u->z_reset == NULL || u->z_end == NULL ||
	    init(&u->z, 16 + MAX_WBITS, ZLIB_VERSION, (int)sizeof(u->z)) != Z_OK)
		return ferr(FERR_USAGE, "libz.so.1 is of a version that does not fit");
	return 0;
}

static int
open_zstd(struct unpack *u)
{
	void *lib = fio_library("libzstd.so.1", "libzstd1");
	ZSTD_DStream *(*create)(void);

	if (lib == NULL)
		return FERR_USAGE;
	*(void **)&create = fio_symbol(lib, "ZSTD_createDStream");
	*(void **)&u->zstd_free = fio_symbol(lib, "ZSTD_freeDStream");
	*(void **)&u->zstd_run = fio_symbol(lib, "ZSTD_decompressStream");
	*(void **)&u->zstd_is_error = fio_symbol(lib, "ZSTD_isError");
	if (create == NULL || u->zstd_free == NULL || u->zstd_run == NULL ||
	    u->zstd_is_error == NULL)
		return ferr(FERR_USAGE, "libzstd.so.1 is of a version that does not fit");
	return (u->zstd = create()) == NULL ? ferr(FERR_NOMEM, "out of memory") : 0;
}

int
unpack_new(struct unpack **out, enum unpack_kind kind)
{
	struct unpack *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	u->kind = kind;
	if ((rc = kind == UNPACK_GZIP ? open_gzip(u) : open_zstd(u)) != 0) {
		free(u);
		return rc;
	}
	*out = u;
	return 0;
}

void
unpack_free(struct unpack *u)
{
	if (u == NULL)
		return;
	if (u->kind == UNPACK_GZIP)
		u->z_end(&u->z);
	else
		u->zstd_free(u->zstd);
	free(u);
}

static int
some_gzip(struct unpack *u, const uint8_t *p, size_t n, size_t *used, struct buf *b, size_t max)
{
	int r;

	u->z.next_in = (Bytef *)(uintptr_t)p;
	u->z.avail_in = (uInt)n;
	u->z.next_out = b->p + b->n;
	u->z.avail_out = (uInt)max;
	r = u->z_inflate(&u->z, Z_NO_FLUSH);
	*used = n - u->z.avail_in;
	b->n += max - u->z.avail_out;
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return ferr(FERR_CORRUPT, "damaged gzip data");
	u->inside = r != Z_STREAM_END;
	if (r == Z_STREAM_END)
		u->z_reset(&u->z); /* another member may follow */
	return 0;
}

static int
some_zstd(struct unpack *u, const uint8_t *p, size_t n, size_t *used, struct buf *b, size_t max)
{
	ZSTD_inBuffer in = { p, n, 0 };
	ZSTD_outBuffer out = { b->p + b->n, max, 0 };
	size_t r = u->zstd_run(u->zstd, &out, &in);

	*used = in.pos;
	b->n += out.pos;
	if (u->zstd_is_error(r))
		return ferr(FERR_CORRUPT, "damaged zstd data");
	u->inside = r != 0;
	return 0;
}

int
unpack_some(struct unpack *u, const uint8_t *p, size_t n, size_t *used, struct buf *b, size_t max)
{
	if (buf_room(b, max) != 0)
		return FERR_NOMEM;
	return u->kind == UNPACK_GZIP ? some_gzip(u, p, n, used, b, max)
				      : some_zstd(u, p, n, used, b, max);
}

int
unpack_at_border(const struct unpack *u)
{
	return !u->inside;
}
