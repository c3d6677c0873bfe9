/* kafka_rec: see kafka_rec.h. */
#include "conn/kafka_rec.h"

#include "base/bytes.h"

/* Record batch header, and the record's own varints and attributes at their longest. */
#define BATCH_HEAD 61u
#define RECORD_HEAD 32u
#define HEADER_HEAD 10u

int
kafka_rec_begin(struct buf *b, int64_t time)
{
	uint8_t *p;

	if (buf_room(b, KAFKA_REC_HDR) != 0)
		return FERR_NOMEM;
	p = b->p + b->n;
	b->n += KAFKA_REC_HDR;
	le32put(p + 4, 0);
	le64put(p + 8, (uint64_t)time);
	le32put(p + 16, KAFKA_NONE);
	le32put(p + 20, KAFKA_NONE);
	le32put(p + 24, 0);
	return 0;
}

void
kafka_rec_partition(struct buf *b, size_t at, int32_t partition)
{
	le32put(b->p + at + 4, (uint32_t)partition);
}

void
kafka_rec_key(struct buf *b, size_t at, size_t from)
{
	le32put(b->p + at + 16, (uint32_t)(b->n - from));
}

void
kafka_rec_value(struct buf *b, size_t at, size_t from)
{
	le32put(b->p + at + 20, (uint32_t)(b->n - from));
}

int
kafka_rec_header(struct buf *b, const char *name, size_t nname, const void *value, uint32_t nvalue)
{
	uint32_t n = nvalue != KAFKA_NONE ? nvalue : 0;

	if (buf_room(b, 6 + nname + n) != 0)
		return FERR_NOMEM;
	le16put(b->p + b->n, (uint16_t)nname);
	le32put(b->p + b->n + 2, nvalue);
	b->n += 6;
	(void)buf_put(b, name, nname);
	return buf_put(b, value, n);
}

void
kafka_rec_end(struct buf *b, size_t at, size_t headers_from)
{
	le32put(b->p + at + 24, (uint32_t)(b->n - headers_from));
	le32put(b->p + at, (uint32_t)(b->n - at - 4));
}

static bool
headers_are_whole(const struct kafka_rec *r)
{
	size_t at = 0;
	uint32_t n;

	while (at < r->nheaders) {
		if (r->nheaders - at < 6)
			return false;
		n = le32get(r->headers + at + 2);
		n = n != KAFKA_NONE ? n : 0;
		if ((uint64_t)le16get(r->headers + at) + n > r->nheaders - at - 6)
			return false;
		at += 6u + le16get(r->headers + at) + n;
	}
	return true;
}

int
kafka_rec_next(const uint8_t *p, size_t n, struct kafka_rec *r, size_t *used)
{
	uint32_t len, key, value;

	if (n == 0)
		return 0;
	if (n < KAFKA_REC_HDR || (len = le32get(p)) > n - 4 || len < KAFKA_REC_HDR - 4)
		return ferr(FERR_CORRUPT, "a sealed record is cut short");
	*r = (struct kafka_rec){ .partition = (int32_t)le32get(p + 4),
				 .time = (int64_t)le64get(p + 8),
				 .nkey = le32get(p + 16),
				 .nvalue = le32get(p + 20),
				 .nheaders = le32get(p + 24) };
	key = r->nkey != KAFKA_NONE ? r->nkey : 0;
	value = r->nvalue != KAFKA_NONE ? r->nvalue : 0;
	if ((uint64_t)key + value + r->nheaders != len - (KAFKA_REC_HDR - 4))
		return ferr(FERR_CORRUPT, "the lengths in a sealed record do not fit");
	r->key = p + KAFKA_REC_HDR;
	r->value = r->key + key;
	r->headers = r->value + value;
	if (!headers_are_whole(r))
		return ferr(FERR_CORRUPT, "the headers of a sealed record do not fit");
	*used = 4u + len;
	return 1;
}

bool
kafka_rec_next_header(const struct kafka_rec *r, size_t *at, const uint8_t **name, uint16_t *nname,
		      const uint8_t **value, uint32_t *nvalue)
{
	if (*at >= r->nheaders)
		return false;
	*nname = le16get(r->headers + *at);
	*nvalue = le32get(r->headers + *at + 2);
	*name = r->headers + *at + 6;
	*value = *name + *nname;
	*at += 6u + *nname + (*nvalue != KAFKA_NONE ? *nvalue : 0);
	return true;
}

uint64_t
kafka_rec_size(const struct kafka_rec *r)
{
	uint64_t size = BATCH_HEAD + RECORD_HEAD + r->nheaders;
	const uint8_t *name, *value;
	uint32_t nvalue;
	uint16_t nname;
	size_t at = 0;

	while (kafka_rec_next_header(r, &at, &name, &nname, &value, &nvalue))
		size += HEADER_HEAD;
	return size + (r->nkey != KAFKA_NONE ? r->nkey : 0) +
	       (r->nvalue != KAFKA_NONE ? r->nvalue : 0);
}

int32_t
kafka_partition_of(const uint8_t *key, size_t n, int32_t partitions)
{
	const uint32_t m = 0x5bd1e995;
	uint32_t h = 0x9747b28c ^ (uint32_t)n, k;

	for (; n >= 4; n -= 4, key += 4) {
		k = le32get(key) * m;
		h = (h * m) ^ ((k ^ (k >> 24)) * m);
	}
	if (n == 3)
		h ^= (uint32_t)key[2] << 16;
	if (n >= 2)
		h ^= (uint32_t)key[1] << 8;
	if (n >= 1)
		h = (h ^ key[0]) * m;
	h = (h ^ (h >> 13)) * m;
	h ^= h >> 15;
	return (int32_t)(h & 0x7fffffff) % partitions;
}
