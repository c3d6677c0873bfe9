/*
 * unpack -- gzip and zstd streams, several members behind each other included.  Libraries are
 * loaded on first use.
 */
#ifndef CONN_UNPACK_H
#define CONN_UNPACK_H

#include "base/buf.h"

enum unpack_kind { UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD };

/* What the first bytes say (n >= 4 decides; fewer: NONE). */
enum unpack_kind unpack_sniff(const uint8_t *p, size_t n);

struct unpack;
int unpack_new(struct unpack **out,
	       enum unpack_kind kind); /* FERR_USAGE: the library is not installed */
void unpack_free(struct unpack *u);
/* Unpack some of p[0..n) to the end of b (at most about max bytes); *used bytes are done with.
 * FERR_CORRUPT. */
int unpack_some(struct unpack *u, const uint8_t *p, size_t n, size_t *used, struct buf *b,
		size_t max);
/* May the input end here, between two members? */
int unpack_at_border(const struct unpack *u);

#endif
