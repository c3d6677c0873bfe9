/*
 * best: top N:EXPR -- the N best records of a key, continuously.
 *
 * Rows are kept best first, ties by arrival.  Of plain records the N best are kept; of a changing
 * stream all of them, since what is taken back lets the next one in.
 *
 * What a row is worth is the value of EXPR.  A kept row has its image, 64 bits that order as the
 * values do or are equal, in the place of its hash; only rows with equal images are computed anew
 * to be compared.
 */
#include "win/win_internal.h"

struct best {
	struct win_head head;
	uint64_t worst; /* image of the N-th row, once there are N of plain records */
	uint32_t n;	/* rows */
	uint32_t all;	/* of a changing stream: all of them are kept */
};

struct worth {
	struct val v;
	uint64_t image;
};

static int
best_open(struct win *w, struct op *op)
{
	w->swept = WM_MIN;
	return win_bag_open(w, op, &w->map, "best", sizeof(struct best));
}

/* ---- what a row is worth ---- */

/* The first 61 bits of the text. */
static uint64_t
image_of_text(const struct val *v)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < 8; i++)
		bits = bits << 8 | (i < v->n ? (uint8_t)v->s[i] : 0);
	return bits >> 3;
}

static uint64_t
image_of_number(double f)
{
	uint64_t bits;

	f += 0.0; /* -0.0 is 0.0 */
	memcpy(&bits, &f, sizeof(bits));
	return (bits ^ (bits >> 63 != 0 ? UINT64_MAX : 1ULL << 63)) >> 3;
}

/* val_cmp's order: types, then values. */
uint64_t
win_image(const struct val *v)
{
	switch ((enum val_type)v->t) {
	case VAL_BOOL: return 1ULL << 61 | (uint64_t)v->i;
	case VAL_I64: return 2ULL << 61 | image_of_number((double)v->i);
	case VAL_F64: return 2ULL << 61 | image_of_number(v->f);
	case VAL_TIME: return 3ULL << 61 | ((uint64_t)v->i ^ 1ULL << 63) >> 3;
	case VAL_STR:
	case VAL_BYTES: return 4ULL << 61 | image_of_text(v);
	case VAL_JSON: return 5ULL << 61 | image_of_text(v);
	default: return 0;
	}
}

static int
eval(struct win *w, struct op *op, const uint8_t *row, struct val *v)
{
	struct expr_ctx ctx = { .row = row,
				.schema = op_schema(op),
				.window_start = ROW_NOTIME,
				.window_end = ROW_NOTIME };

	return expr_eval(w->by, &ctx, v);
}

/* 1; 0 when it is null, and the row is left out. */
static int
appraise(struct win *w, struct op *op, const uint8_t *row, struct worth *x)
{
	int rc;

	expr_arena_reset(w->by);
	if ((rc = eval(w, op, row, &x->v)) != 0)
		return ferr_prefix(rc, "top");
	if (val_is_null(&x->v))
		return 0;
	if (x->v.t == VAL_JSON && (x->v.n == 0 || (x->v.s[0] != '{' && x->v.s[0] != '[')))
		return ferr(FERR_DATA,
			    "top needs values that compare; this number is out of range");
	x->image = win_image(&x->v);
	return 1;
}

/* *c tells how x stands to a kept row: above 0, it is better. */
static int
compare(struct win *w, struct op *op, const struct worth *x, const uint8_t *kept, int *c)
{
	uint64_t image = row_hash(kept);
	struct val v;
	int rc;

	if (x->image != image) {
		*c = x->image > image ? 1 : -1;
		return 0;
	}
	if ((rc = eval(w, op, kept, &v)) == 0)
		*c = val_cmp(&x->v, &v);
	return rc;
}

/* ---- places ---- */

struct place {
	uint32_t i; /* from 0 */
	uint32_t at;
};

static inline uint8_t *
row_i(const struct bag *b, uint32_t i)
{
	uint8_t *r = b->p;

	while (i-- > 0)
		r += row_len(r);
	return r;
}

/* Where it goes: behind those that are as good. */
static int
place_of(struct win *w, struct op *op, const struct bag *b, const struct worth *x, struct place *p)
{
	const uint8_t *r = b->p, *end = bag_end(b);
	int c, rc;

	for (p->i = 0; r < end; p->i++, r += row_len(r)) {
		if ((rc = compare(w, op, x, r, &c)) != 0)
			return rc;
		if (c > 0)
			break;
	}
	p->at = b->n > 0 ? (uint32_t)(r - b->p) : 0;
	return 0;
}

/* Where a row like this one stands: as a rule among those that are worth the same. */
static bool
find_row(const struct bag *b, const uint8_t *row, const struct worth *x, struct place *p)
{
	for (int all = 0; all < 2; all++) {
		p->i = 0;
		for (const uint8_t *r = b->p; r < bag_end(b); p->i++, r += row_len(r)) {
			p->at = (uint32_t)(r - b->p);
			if ((all || row_hash(r) == x->image) && bag_row_equal(r, row))
				return true;
		}
	}
	return false;
}

/* ---- what is told ---- */

/* A row comes in at p. */
static int
tell_added(struct win *w, struct op *op, const struct best *h, const struct bag *b, struct place p,
	   const uint8_t *row, uint64_t hash)
{
	const uint8_t *next = row, *r = b->p;
	uint32_t most = (uint32_t)w->spec.size;
	int rc = 0;

	if (p.i >= most)
		return 0;
	if (w->spec.rank == NULL) {
		if (h->n >= most)
			rc = win_give(w, op, row_i(b, most - 1), ROW_DELETE, hash, 0);
		return rc != 0 ? rc : win_give(w, op, row, ROW_INSERT, hash, 0);
	}
	for (r = b->n > 0 ? r + p.at : r; p.i < h->n && p.i < most; p.i++, r += row_len(r)) {
		if ((rc = win_give(w, op, r, ROW_BEFORE, hash, p.i + 1)) != 0 ||
		    (rc = win_give(w, op, next, ROW_AFTER, hash, p.i + 1)) != 0)
			return rc;
		next = r;
	}
	return p.i < most ? win_give(w, op, next, ROW_INSERT, hash, p.i + 1) : 0;
}

/* The row at p goes. */
static int
tell_removed(struct win *w, struct op *op, const struct best *h, const struct bag *b,
	     struct place p, uint64_t hash)
{
	const uint8_t *r = b->p + p.at, *next;
	uint32_t most = (uint32_t)w->spec.size;
	int rc = 0;

	if (p.i >= most)
		return 0;
	if (w->spec.rank == NULL) {
		if ((rc = win_give(w, op, r, ROW_DELETE, hash, 0)) != 0 || h->n <= most)
			return rc;
		return win_give(w, op, row_i(b, most), ROW_INSERT, hash, 0);
	}
	for (; p.i < h->n && p.i < most && rc == 0; p.i++, r = next) {
		next = r + row_len(r);
		if (p.i + 1 == h->n)
			return win_give(w, op, r, ROW_DELETE, hash, p.i + 1);
		if ((rc = win_give(w, op, r, ROW_BEFORE, hash, p.i + 1)) == 0)
			rc = win_give(w, op, next, ROW_AFTER, hash, p.i + 1);
	}
	return rc;
}

/* ---- records in ---- */

/* Plain records: does it get in? */
static int
gets_in(struct win *w, struct op *op, struct best *h, const struct worth *x)
{
	int c, rc;

	if (h == NULL || w->changing || h->n < w->spec.size || x->image > h->worst)
		return 1;
	if (x->image < h->worst)
		return 0;
	rc = compare(w, op, x, row_i(bag_of(&w->bag, h, 0), h->n - 1), &c);
	return rc != 0 ? rc : c > 0;
}

/* It is not among the best; the key lives on. */
static int
refresh(struct win *w, struct best *h, int64_t ts)
{
	int rc;

	if (w->spec.ttl == 0 || ts <= h->head.time)
		return 0;
	if ((rc = state_touch(w->map, 0, h)) == 0)
		h->head.time = ts;
	return rc;
}

static int
put_row(struct win *w, struct best *h, struct place p, const uint8_t *row, uint64_t image)
{
	struct bag *b = bag_of(&w->bag, h, 0);
	int rc;

	if (!w->changing && h->n == w->spec.size) {
		bag_remove(&w->bag, b, (uint32_t)(row_i(b, h->n - 1) - b->p));
		h->n--;
	}
	if ((rc = bag_insert(&w->bag, b, p.at, row)) != 0)
		return rc;
	row_set_hash(b->p + p.at, image);
	h->n++;
	if (!w->changing && h->n == w->spec.size)
		h->worst = row_hash(row_i(b, h->n - 1));
	return 0;
}

static int
add(struct win *w, struct op *op, struct best *h, const uint8_t *row, int64_t ts,
    const struct state_key *k, const struct worth *x)
{
	struct place p;
	int rc;

	if ((rc = gets_in(w, op, h, x)) <= 0)
		return rc < 0 ? rc : refresh(w, h, ts);
	if ((h = win_touch(w, ts, k)) == NULL)
		return win_failed(w);
	h->all = w->changing;
	if ((rc = place_of(w, op, bag_of(&w->bag, h, 0), x, &p)) != 0 ||
	    (rc = tell_added(w, op, h, bag_of(&w->bag, h, 0), p, row, k->hash)) != 0)
		return rc;
	return put_row(w, h, p, row, x->image);
}

static int
take_back(struct win *w, struct op *op, struct best *h, const uint8_t *row, int64_t ts,
	  const struct state_key *k, const struct worth *x)
{
	struct bag *b;
	struct place p;
	int rc;

	if (h == NULL || !find_row(bag_of(&w->bag, h, 0), row, x, &p))
		return win_not_there(w);
	if ((h = win_touch(w, ts, k)) == NULL)
		return win_failed(w);
	b = bag_of(&w->bag, h, 0);
	if ((rc = tell_removed(w, op, h, b, p, k->hash)) != 0)
		return rc;
	if (--h->n == 0)
		return state_drop(w->map, 0, h);
	bag_remove(&w->bag, b, p.at);
	bag_trim(&w->bag, b);
	return 0;
}

static int
best_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	struct worth x;
	struct best *h;
	int rc;

	if ((rc = appraise(w, op, row, &x)) != 1)
		return rc;
	h = win_look_up(w, ts, k, &rc);
	if (rc != 0)
		return rc;
	if (h != NULL && h->all != w->changing)
		return ferr(FERR_CORRUPT, "the state was written over a %s stream, and this one %s",
			    h->all ? "changing" : "plain", h->all ? "is plain" : "changes");
	return win_row_adds(row) ? add(w, op, h, row, ts, k, &x)
				 : take_back(w, op, h, row, ts, k, &x);
}

const struct win_kind_ops win_best_ops = {
	.add = best_add,
	.next = win_sweep,
	.open = best_open,
	.restored = win_sweep_restored,
	.rows = true,
};
