/* err: see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char text[2048];

int
ferr(int code, const char *fmt, ...)
{
	char new[sizeof(text)]; /* what is formatted may hold the old text */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(new, sizeof(new), fmt, ap);
	va_end(ap);
	memcpy(text, new, strlen(new) + 1);
	return code;
}

int
ferr_sys(int code, const char *fmt, ...)
{
	int e = errno;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, ": %s", strerror(e));
	return code;
}

int
ferr_prefix(int code, const char *fmt, ...)
{
	char old[sizeof(text)];
	va_list ap;
	size_t n, keep;

	memcpy(old, text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = strlen(text);
	if (old[0] == '\0' || n + 2 >= sizeof(text))
		return code;
	text[n++] = ':';
	text[n++] = ' ';
	keep = strnlen(old, sizeof(text) - n - 1);
	memcpy(text + n, old, keep);
	text[n + keep] = '\0';
	return code;
}

const char *
ferr_text(void)
{
	return text;
}

void
ferr_clear(void)
{
	text[0] = '\0';
}

int
ferr_status(int code)
{
	switch (code) {
	case 0:
	case FERR_CLOSED: return 0;
	case FERR_USAGE:
	case FERR_NOTYET: return 2;
	case FERR_DATA:
	case FERR_LOST: return 3;
	case FERR_CORRUPT: return 4;
	case FERR_FENCED: return 5;
	case FERR_REFUSED: return 6;
	case FERR_UNKNOWN: return 7;
	default: return 1;
	}
}

int
ferr_of(int status)
{
	static const int codes[] = { FERR_IO,	   FERR_IO,	FERR_USAGE,   FERR_DATA,
				     FERR_CORRUPT, FERR_FENCED, FERR_REFUSED, FERR_UNKNOWN };
	int code = status >= 0 && status < 8 ? codes[status] : FERR_IO;

	return ferr(code, "%s", "");
}
