/*
 * kafka_rec -- a record for Kafka as it is sealed: all that decides what the broker gets is fixed
 * then, so that publishing it again publishes the same.  Pure codec.
 *
 *	u32  length of what follows
 *	i32  partition
 *	i64  time, ms
 *	u32  length of the key, of the value, of the headers
 *	key, value
 *	headers, each: u16 length of the name, u32 of the value, name, value
 *
 * A length of 0xffffffff is none: no key, a tombstone, a header without a value.
 *
 * Errors  FERR_CORRUPT, FERR_NOMEM.
 */
#ifndef CONN_KAFKA_REC_H
#define CONN_KAFKA_REC_H

#include "base/buf.h"

#define KAFKA_REC_HDR 28u
#define KAFKA_NONE UINT32_MAX

struct kafka_rec {
	int32_t partition;
	int64_t time;
	const uint8_t *key, *value, *headers;
	uint32_t nkey, nvalue; /* KAFKA_NONE: none */
	uint32_t nheaders;     /* bytes */
};

/* Append a record's head; what follows is put behind it, and kafka_rec_end(at) then fixes the
 * lengths: at is where the head begins. */
int kafka_rec_begin(struct buf *b, int64_t time);
void kafka_rec_partition(struct buf *b, size_t at, int32_t partition);
/* Behind the head: the bytes of the key [from, b->n), then of the value, then of each header. */
void kafka_rec_key(struct buf *b, size_t at, size_t from);
void kafka_rec_value(struct buf *b, size_t at, size_t from);
int kafka_rec_header(struct buf *b, const char *name, size_t nname, const void *value,
		     uint32_t nvalue);
void kafka_rec_end(struct buf *b, size_t at, size_t headers_from);

/* The record at p: 1 and *used, 0 when n is 0, FERR_CORRUPT. */
int kafka_rec_next(const uint8_t *p, size_t n, struct kafka_rec *r, size_t *used);
/* The next header from *at (0 at first): false behind the last.  kafka_rec_next has checked them.
 */
bool kafka_rec_next_header(const struct kafka_rec *r, size_t *at, const uint8_t **name,
			   uint16_t *nname, const uint8_t **value, uint32_t *nvalue);

/* The most bytes that the broker counts for it in a batch of its own (magic 2). */
uint64_t kafka_rec_size(const struct kafka_rec *r);
/* The partition of a key as Kafka's Java clients choose it (murmur2, seed 0x9747b28c; their
 * DefaultPartitioner). */
int32_t kafka_partition_of(const uint8_t *key, size_t n, int32_t partitions);

#endif
