/* where: errors that show their place.  See manifest_internal.h. */
#include <stdarg.h>
#include <stdio.h>

#include "manifest/manifest_internal.h"

/* Of a long line show this many code points on each side of the place. */
#define SHOW 60

static size_t
line_begin(const struct where *w, size_t at)
{
	while (at > 0 && w->s[at - 1] != '\n')
		at--;
	return at;
}

void
where_line_col(const struct where *w, size_t at, unsigned *line, unsigned *col)
{
	size_t begin = line_begin(w, at);

	*line = 1;
	for (size_t i = 0; i < begin; i++)
		*line += w->s[i] == '\n';
	*col = (unsigned)utf8_count(w->s + begin, at - begin) + 1;
}

size_t
where_offset(const struct where *w, unsigned line, unsigned col)
{
	size_t at = 0;

	for (; at < w->n && line > 1; at++)
		line -= w->s[at] == '\n';
	return at + utf8_index(w->s + at, w->n - at, col - 1);
}

int
where_fail(const struct where *w, size_t at, const char *fmt, ...)
{
	char msg[800], shown[SHOW * 2 * 4 + 16];
	size_t from, to, before, k = 0;
	unsigned line, col;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	where_line_col(w, at, &line, &col);
	from = line_begin(w, at);
	for (to = at; to < w->n && w->s[to] != '\n'; to++)
		;
	before = col - 1;
	if (before > SHOW) {
		from += utf8_index(w->s + from, at - from, before - SHOW);
		memcpy(shown, "...", k = 3);
		before = SHOW + 3;
	}
	to = from + utf8_index(w->s + from, to - from, before - k + SHOW);
	for (size_t i = from; i < to; i++)
		shown[k++] = (uint8_t)w->s[i] < ' ' || w->s[i] == 0x7f ? ' ' : w->s[i];
	if (to < w->n && w->s[to] != '\n') {
		memcpy(shown + k, "...", 3);
		k += 3;
	}
	return ferr(FERR_USAGE, "%s:%u:%u: %s\n  %.*s\n  %*s^", w->what, line, col, msg, (int)k,
		    shown, (int)before, "");
}
