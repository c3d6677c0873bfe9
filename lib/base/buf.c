/* buf: see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
buf_fini(struct buf *b)
{
	if (!b->lent)
		free(b->p);
	*b = (struct buf)BUF_INIT;
}

int
buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap != 0 ? b->cap : 256;
	uint8_t *p;

	if (need > SIZE_MAX / 4 - b->n)
		return ferr(FERR_NOMEM, "out of memory");
	while (cap < b->n + need)
		cap *= 2;
	if ((p = realloc(b->lent ? NULL : b->p, cap + BUF_SLACK)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if (b->lent)
		memcpy(p, b->p, b->n);
	b->lent = false;
	b->p = p;
	b->cap = cap;
	return 0;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_room(b, (size_t)n + 1) != 0)
		return FERR_NOMEM;
	va_start(ap, fmt);
	vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
	return 0;
}

void
buf_shift(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

const char *
buf_cstr(struct buf *b)
{
	if (buf_room(b, 1) != 0)
		return NULL;
	b->p[b->n] = '\0';
	return (const char *)b->p;
}
