/*
 * golden -- read a golden file: hex digits with blanks, comments behind '#'.  Paths are relative to
 * the top of the tree, where tests run.
 */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <ctype.h>
#include <stdio.h>

#include "base/buf.h"

static inline int
golden_digit(int c)
{
	return isdigit(c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* Append the bytes of the file; 0, or -1 when it cannot be read. */
static inline int
golden_read(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	int c, high = -1;

	if (f == NULL)
		return -1;
	while ((c = getc(f)) != EOF) {
		if (c == '#') {
			while (c != '\n' && c != EOF)
				c = getc(f);
		} else if (isxdigit(c)) {
			if (high >= 0 && buf_putc(out, (uint8_t)(high << 4 | golden_digit(c))) != 0)
				break;
			high = high >= 0 ? -1 : golden_digit(c);
		}
	}
	fclose(f);
	return 0;
}

#endif
