/*
 * buf -- a byte buffer that grows.
 *
 * Owner   buf_init/buf_fini: the caller's struct, our heap block.  Pointers into p die with the
 *         next call that may grow it.
 * Errors  functions that can grow return 0 or FERR_NOMEM; on error the content is unchanged.
 *
 * Every block has BUF_SLACK readable and writable bytes behind cap, so that vector code may load
 * and store past the end of its data.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define BUF_SLACK 64

struct buf {
	uint8_t *p;
	size_t n;   /* bytes in use */
	size_t cap; /* bytes that fit */
	bool lent;  /* p is somebody else's memory: growing moves to the heap, nothing is freed */
};

#define BUF_INIT                  \
	{                         \
		NULL, 0, 0, false \
	}

void buf_fini(struct buf *b);
int buf_grow(struct buf *b, size_t need); /* slow path of buf_room */

/* Make room for `need` more bytes behind b->n. */
static inline int
buf_room(struct buf *b, size_t need)
{
	if (__builtin_expect(b->cap - b->n >= need, 1))
		return 0;
	return buf_grow(b, need);
}

static inline int
buf_put(struct buf *b, const void *p, size_t n)
{
	if (buf_room(b, n) != 0)
		return FERR_NOMEM;
	if (n != 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	return 0;
}

static inline int
buf_putc(struct buf *b, uint8_t c)
{
	if (buf_room(b, 1) != 0)
		return FERR_NOMEM;
	b->p[b->n++] = c;
	return 0;
}

static inline int
buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

/* Append formatted text (not for hot paths). */
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first n bytes. */
void buf_shift(struct buf *b, size_t n);

/* NUL-terminate (the NUL is not counted) and borrow as text; NULL without memory. */
const char *buf_cstr(struct buf *b);

#endif
