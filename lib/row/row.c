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
	int rc = 0;

	for (unsigned i = 0, n = row_n(r); i < n && rc == 0; i++) {
		struct val v = row_raw(r, i);

		if (v.t != VAL_ABSENT && (map == NULL || map[i] >= 0))
			rc = rowb_set(w, map == NULL ? i : (unsigned)map[i], &v);
	}
	return rc;
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
