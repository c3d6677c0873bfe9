/*
 * sealed -- a JSON object as a file that vouches for itself: its last member is the CRC32C of all
 * bytes before it, so that a torn or flipped file is always found (faults.md 23, 24).
 *
 *	{ ... ,"crc32c":"HEX8"}		and a line feed, nothing behind it
 */
#ifndef MANIFEST_SEALED_H
#define MANIFEST_SEALED_H

#include "base/buf.h"

#define SEALED_HEAD ",\"crc32c\":\""
#define SEALED_SUM 8u /* hexadecimal digits */
#define SEALED_END "\"}\n"
#define SEALED_TAIL (sizeof(SEALED_HEAD) - 1 + SEALED_SUM + sizeof(SEALED_END) - 1)

/* End the object that begins at out->p[begin], and whose last `}` is not written. */
int sealed_end(struct buf *out, size_t begin);
/* Is it as it was written?  FERR_CORRUPT: `what` is damaged, and how. */
int sealed_check(const char *what, const uint8_t *p, size_t n);

#endif
