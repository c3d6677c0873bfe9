/* base_rows: rows and items of the local copy as bytes; see base_internal.h. */
#include "base/bytes.h"
#include "base/hash.h"
#include "state/base_internal.h"

#define ITEM_HDR 12u

static void
be64put(uint8_t *p, uint64_t v)
{
	le64put(p, __builtin_bswap64(v));
}

static uint64_t
be64get(const uint8_t *p)
{
	return __builtin_bswap64(le64get(p));
}

void
base_row_key(uint8_t out[ROW_KEY], uint32_t group_map, uint64_t ns, uint64_t hash)
{
	out[0] = (uint8_t)(group_map >> 16);
	out[1] = (uint8_t)(group_map >> 8);
	out[2] = (uint8_t)group_map;
	be64put(out + 3, ns);
	be64put(out + 11, hash);
}

const uint8_t *
base_item_at(const uint8_t *p, const uint8_t *end, struct item *it)
{
	size_t n = (size_t)(end - p);

	if (n < ITEM_HDR)
		return NULL;
	it->crc = le32get(p);
	it->nkey = le32get(p + 4);
	it->nvalue = le32get(p + 8);
	if (it->nkey > n - ITEM_HDR || it->nvalue > n - ITEM_HDR - it->nkey)
		return NULL;
	it->key = p + ITEM_HDR;
	it->value = it->key + it->nkey;
	return it->value + it->nvalue;
}

uint32_t
base_item_crc(const uint8_t row[ROW_KEY], const uint8_t *p, const uint8_t *end)
{
	return crc32c(crc32c(0, row, ROW_KEY), p + 4, (size_t)(end - p) - 4);
}

void
base_count(struct tally *t, const struct item *it, int n)
{
	uint64_t bytes = ROW_KEY + ITEM_HDR + (uint64_t)it->nkey + it->nvalue;

	t->items += (uint64_t)(int64_t)n;
	t->bytes += bytes * (uint64_t)(int64_t)n;
	t->sum += it->crc * (uint64_t)(int64_t)n;
}

int
base_item_add(struct buf *out, const uint8_t row[ROW_KEY], const struct state_rec *r,
	      struct tally *t)
{
	struct item it = { .nkey = r->nkey, .nvalue = r->nvalue };
	uint8_t h[ITEM_HDR];
	size_t at = out->n;
	uint8_t *p;
	int rc;

	le32put(h + 4, r->nkey);
	le32put(h + 8, r->nvalue);
	if ((rc = buf_put(out, h, sizeof(h))) != 0 || (rc = buf_put(out, r->key, r->nkey)) != 0 ||
	    (rc = buf_put(out, r->value, r->nvalue)) != 0)
		return rc;
	p = out->p + at;
	it.crc = base_item_crc(row, p, out->p + out->n);
	le32put(p, it.crc);
	base_count(t, &it, 1);
	return 0;
}

int
base_item_record(struct buf *out, const uint8_t row[ROW_KEY], const struct item *it)
{
	const struct state_rec r = { .kind = REC_PUT,
				     .map = row[2],
				     .group = (uint16_t)(row[0] << 8 | row[1]),
				     .ns = (int64_t)base_ns((int64_t)be64get(row + 3)),
				     .hash = be64get(row + 11),
				     .key = it->key,
				     .value = it->value,
				     .nkey = it->nkey,
				     .nvalue = it->nvalue };

	return state_rec_encode(out, &r);
}
