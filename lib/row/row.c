/* row: see row.h. */
#include "row/row_internal.h"

#include "row/copy.h"

#define ALIGN8(n) (((n) + 7) & ~(size_t)7)

int
rowb_begin(struct rowb *w, struct buf *b, unsigned n, enum row_kind kind, int64_t time)
{
	uint8_t *p;

	*w = (struct rowb){ .b = b, .at = b->n, .n = n };
	if (n > SCHEMA_MAX)
		return ferr(FERR_LIMIT, "more than %d fields in one record", SCHEMA_MAX);
	if (buf_room(b, ROW_FIXED(n)) != 0)
		return FERR_NOMEM;
	p = b->p + b->n;
	memset(p, 0, ROW_FIXED(n));
	le16put(p + 4, (uint16_t)n);
	p[6] = (uint8_t)kind;
	row_set_time(p, time);
	b->n += ROW_FIXED(n);
	return 0;
}

static int
too_long(void)
{
	return ferr(FERR_LIMIT, "a record of more than %u bytes", ROW_MAX);
}

int
rowb_set(struct rowb *w, unsigned i, const struct val *v)
{
	struct buf *b = w->b;
	size_t off = b->n - w->at;
	uint64_t slot = (uint64_t)v->i;
	uint8_t *p;

	if (v->t >= VAL_STR) {
		if (v->n > ROW_MAX - off)
			return too_long();
		if (buf_room(b, v->n) != 0)
			return FERR_NOMEM;
		copy_short(b->p + b->n, v->s, v->n);
		b->n += v->n;
		slot = off | (uint64_t)v->n << 32;
	} else if (v->t <= VAL_NULL) {
		slot = 0;
	} else if (v->t == VAL_BOOL) {
		slot = v->i != 0;
	}
	p = b->p + w->at;
	le64put(p + ROW_HDR + 8 * i, slot);
	p[ROW_TAGS(w->n) + i] = v->t;
	return 0;
}

int
rowb_end(struct rowb *w)
{
	struct buf *b = w->b;
	size_t len = b->n - w->at, padded = ALIGN8(len);

	if (padded > ROW_MAX) {
		rowb_drop(w);
		return too_long();
	}
	if (buf_room(b, 8) != 0) {
		rowb_drop(w);
		return FERR_NOMEM;
	}
	memset(b->p + b->n, 0, 8);
	b->n += padded - len;
	le32put(b->p + w->at, (uint32_t)padded);
	return 0;
}

void
rowb_drop(struct rowb *w)
{
	w->b->n = w->at;
}

int
rowb_fields(struct rowb *w, const uint8_t *r, const int *map)
{
	const uint8_t *slots = r + ROW_HDR, *tags = r + ROW_TAGS(row_n(r));
	struct buf *b = w->b;
	size_t at = w->at, end;
	uint8_t *p;

	/* Room for all of its texts, as long as no two of them share bytes. */
	if (buf_room(b, row_len(r)) != 0)
		return FERR_NOMEM;
	p = b->p;
	end = b->n;
	for (unsigned i = 0, n = row_n(r); i < n; i++) {
		unsigned to = map == NULL ? i : (unsigned)map[i];
		uint64_t slot = le64get(slots + 8 * i);
		uint32_t len = (uint32_t)(slot >> 32);

		if (tags[i] == VAL_ABSENT || (int)to < 0)
			continue;
		if (tags[i] >= VAL_STR) {
			b->n = end;
			if (len > ROW_MAX - (end - at))
				return too_long();
			if (buf_room(b, len) != 0)
				return FERR_NOMEM;
			p = b->p;
			copy_short(p + end, r + (uint32_t)slot, len);
			slot = (end - at) | (uint64_t)len << 32;
			end += len;
		}
		le64put(p + at + ROW_HDR + 8 * (size_t)to, slot);
		p[at + ROW_TAGS(w->n) + to] = tags[i];
	}
	b->n = end;
	return 0;
}

int
row_remap(const uint8_t *r, unsigned n, const int *map, struct buf *out)
{
	struct rowb w;
	int rc;

	if ((rc = rowb_begin(&w, out, n, row_kind(r), row_time(r))) != 0)
		return rc;
	if ((rc = rowb_fields(&w, r, map)) != 0) {
		rowb_drop(&w);
		return rc;
	}
	if (r[7] & ROW_KEYED)
		row_set_hash(out->p + w.at, row_hash(r));
	return rowb_end(&w);
}
