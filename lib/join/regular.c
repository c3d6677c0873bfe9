/*
 * regular: joins of all with all, each record kept for --ttl of event time (C43).
 *
 * A key's value holds the rows of both sides.  A pair meets when its times are less than the time
 * to live apart, whichever came first, so that results do not depend on which side is read faster;
 * who is older than that at the watermark is dropped, in slots of time.
 *
 * Inputs may take records back (-U, -D), and outer, semi and anti joins take results back; what is
 * given out when is that of Flink's StreamingJoinOperator and StreamingSemiAntiJoinOperator.  For
 * that, rows of a side that is given out alone count their partners, in the row's hash field.
 */
#include <stdlib.h>

#include "join/join_internal.h"

#define SLOTS 1024 /* of the time to live */

struct regular {
	struct bag_type rows;
	struct state_map *map;
	struct state_map *expiry; /* slot -> key; NULL: nothing ever expires */
	int64_t slot;
	/* the row at hand, on its way along the other side's rows */
	const struct join_row *row;
	uint32_t at; /* offset of the next one */
	uint64_t met;
	int64_t time; /* of the record, also when it is taken back */
	bool adds;
};

/* ---- setting up ---- */

static int
regular_open(struct join *j, struct op *op)
{
	static const struct state_type expiry = { .name = "expiry", .size = 8, .version = 1 };
	struct regular *g = calloc(1, sizeof(*g));
	int rc;

	if (g == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	j->regular = g;
	g->rows = (struct bag_type){ .name = "rows", .n = 2, .input = { LEFT, RIGHT } };
	rc = bag_map_open(op, &g->map, &g->rows);
	if (rc == 0 && j->spec.ttl != JOIN_EVER) {
		g->slot = j->spec.ttl / SLOTS + 1;
		rc = state_map_open(j->state, &g->expiry, &expiry);
	}
	return rc;
}

static void
regular_close(struct join *j)
{
	free(j->regular);
}

/* ---- what is given out ---- */

static bool
one_sided(const struct join *j)
{
	return j->spec.type == JOIN_SEMI || j->spec.type == JOIN_ANTI;
}

/* Do rows of that side count their partners? */
static bool
counts(const struct join *j, unsigned side)
{
	return join_pads(j, side) || (one_sided(j) && side == LEFT);
}

static int
emit(struct join *j, struct op *op, const uint8_t *l, const uint8_t *r, int64_t time,
     enum row_kind kind)
{
	struct join_pair p = { .l = l,
			       .r = r,
			       .time = time > j->regular->row->time ? time : j->regular->row->time,
			       .start = ROW_NOTIME,
			       .end = ROW_NOTIME,
			       .hash = j->regular->row->key.hash,
			       .kind = kind };

	return join_emit(j, op, &p);
}

/* A row alone. */
static int
emit_alone(struct join *j, struct op *op, unsigned side, const uint8_t *row, enum row_kind kind)
{
	return emit(j, op, side == LEFT ? row : NULL, side == RIGHT ? row : NULL, row_time(row),
		    kind);
}

/* The kind of a pair: as the row's own where no side is ever padded. */
static enum row_kind
pair_kind(const struct join *j)
{
	const struct regular *g = j->regular;

	if (j->spec.type == JOIN_INNER)
		return row_kind(g->row->row);
	return g->adds ? ROW_INSERT : ROW_DELETE;
}

/* The other side's row gains or loses the one at hand as a partner: what that changes, before the
 * pair is given out (gains) or behind it. */
static int
count(struct join *j, struct op *op, void *v, uint8_t *other)
{
	struct regular *g = j->regular;
	unsigned o = !g->row->side;
	uint64_t n = row_hash(other);
	bool turns = g->adds ? n == 0 : n == 1; /* it was alone, or is now */
	enum row_kind kind = g->adds ? ROW_DELETE : ROW_INSERT;
	int rc;

	if (!counts(j, o))
		return 0;
	if ((rc = state_touch(g->map, 0, v)) != 0)
		return rc;
	le64put(other + 16, g->adds ? n + 1 : n > 0 ? n - 1 : 0);
	if (!turns)
		return 0;
	if (j->spec.type == JOIN_SEMI)
		kind = g->adds ? ROW_INSERT : ROW_DELETE;
	return emit_alone(j, op, o, other, kind);
}

static int
meet(struct join *j, struct op *op, void *v, uint8_t *other)
{
	struct regular *g = j->regular;
	const uint8_t *left = g->row->side == LEFT ? g->row->row : other;
	const uint8_t *right = g->row->side == LEFT ? other : g->row->row;
	int rc = join_match(j, left, right, ROW_NOTIME, ROW_NOTIME);

	if (rc == FERR_DATA)
		return join_bad(j, op, left, right);
	if (rc <= 0)
		return rc;
	g->met++;
	if (one_sided(j))
		return count(j, op, v, other);
	if (g->adds && (rc = count(j, op, v, other)) != 0)
		return rc;
	rc = emit(j, op, left, right, row_time(other), pair_kind(j));
	return rc != 0 || g->adds ? rc : count(j, op, v, other);
}

/* ---- a row comes in ---- */

static bool
in_reach(const struct join *j, int64_t a, int64_t b)
{
	if (j->spec.ttl == JOIN_EVER || a == ROW_NOTIME || b == ROW_NOTIME)
		return true;
	return (a > b ? a - b : b - a) < j->spec.ttl;
}

/* Go on along the other side: 0 done, FERR_AGAIN the output is full. */
static int
probe(struct join *j, struct op *op)
{
	struct regular *g = j->regular;
	unsigned o = !g->row->side;
	void *v = g->row->null ? NULL : state_find(g->map, 0, &g->row->key);
	struct bag *b = v != NULL ? bag_of(&g->rows, v, o) : NULL;
	int rc;

	if (v == NULL)
		return state_error(j->state);
	while (g->at < b->n) {
		uint8_t *other = b->p + g->at;

		g->at += row_len(other);
		if (!in_reach(j, g->time, row_time(other)))
			continue;
		if ((rc = meet(j, op, v, other)) != 0)
			return rc;
		if (join_full(j, op))
			return FERR_AGAIN;
	}
	return 0;
}

/* Is the row at hand one that is given out alone, now that all its partners are known? */
static int
emit_own(struct join *j, struct op *op)
{
	const struct regular *g = j->regular;
	const struct join_row *r = g->row;
	bool given;

	if (!counts(j, r->side))
		return 0;
	given = j->spec.type == JOIN_SEMI ? g->met > 0 : g->met == 0;
	if (!given)
		return 0;
	return emit_alone(j, op, r->side, r->row,
			  one_sided(j) ? row_kind(r->row)
			  : g->adds    ? ROW_INSERT
				       : ROW_DELETE);
}

static int
note_expiry(struct join *j, const struct join_row *r)
{
	struct regular *g = j->regular;
	bool fresh;

	if (g->expiry == NULL || r->time == ROW_NOTIME)
		return 0;
	return state_put(g->expiry, floor_to(sat_add(r->time, j->spec.ttl), g->slot), &r->key,
			 &fresh) != NULL
		   ? 0
		   : join_failed(j);
}

static bool
expired(const struct join *j, int64_t time)
{
	return j->regular->expiry != NULL && time != ROW_NOTIME &&
	       sat_add(time, j->spec.ttl) <= j->wm;
}

static int
keep(struct join *j)
{
	struct regular *g = j->regular;
	const struct join_row *r = g->row;
	struct bag *b;
	bool fresh;
	uint32_t at;
	void *v;
	int rc;

	/* A null key that nothing comes back for is needed by nobody. */
	if (expired(j, r->time) || (r->null && !counts(j, r->side)))
		return 0;
	if ((v = state_put(g->map, 0, &r->key, &fresh)) == NULL)
		return join_failed(j);
	b = bag_of(&g->rows, v, r->side);
	if ((rc = bag_put(&g->rows, b, r->row, &at)) != 0)
		return rc;
	b->p[at + 6] = ROW_INSERT;
	le64put(b->p + at + 16, g->met);
	return note_expiry(j, r);
}

static int
finish(struct join *j, struct op *op)
{
	int rc = emit_own(j, op);

	return rc == 0 && j->regular->adds ? keep(j) : rc;
}

/* The record that r takes back goes: 1, 0 it has expired, or an error. */
static int
take_back(struct join *j, const struct join_row *r)
{
	struct regular *g = j->regular;
	void *v = state_find(g->map, 0, &r->key);
	struct bag *b = v != NULL ? bag_of(&g->rows, v, r->side) : NULL;
	uint8_t *found = NULL;
	int rc;

	if (v == NULL && (rc = state_error(j->state)) != 0)
		return rc;
	for (uint8_t *p = v != NULL ? b->p : NULL; v != NULL && p < bag_end(b); p += row_len(p)) {
		if (bag_row_equal(p, r->row))
			found = p;
	}
	if (found == NULL && r->null && !counts(j, r->side))
		return 0;
	if (found == NULL && g->expiry == NULL)
		return ferr(FERR_DATA, "it takes back a record that never came");
	if (found == NULL)
		return 0;
	g->time = row_time(found);
	if ((rc = state_touch(g->map, 0, v)) != 0)
		return rc;
	bag_remove(&g->rows, b, (uint32_t)(found - b->p));
	bag_trim(&g->rows, b);
	if (bag_of(&g->rows, v, LEFT)->n == 0 && bag_of(&g->rows, v, RIGHT)->n == 0 &&
	    (rc = state_drop(g->map, 0, v)) != 0)
		return rc;
	return 1;
}

static int
regular_add(struct join *j, struct op *op, const struct join_row *r)
{
	struct regular *g = j->regular;
	enum row_kind kind = row_kind(r->row);
	int rc;

	g->row = r;
	g->at = 0;
	g->met = 0;
	g->time = r->time;
	g->adds = kind == ROW_INSERT || kind == ROW_AFTER;
	if (!g->adds && (rc = take_back(j, r)) <= 0)
		return rc;
	rc = probe(j, op);
	return rc != 0 ? rc : finish(j, op);
}

static int
regular_resume(struct join *j, struct op *op)
{
	int rc = probe(j, op);

	return rc != 0 ? rc : finish(j, op);
}

static void
regular_prefetch(struct join *j, const struct join_row *r, bool entry)
{
	(entry ? state_prefetch_entry : state_prefetch)(j->regular->map, 0, r->key.hash);
}

/* ---- time goes on ---- */

/* Rows of a key that have expired go. */
static int
expire_key(struct join *j, const struct state_key *k)
{
	struct regular *g = j->regular;
	void *v = state_find(g->map, 0, k);
	bool left = false;
	int rc;

	if (v == NULL)
		return state_error(j->state);
	if ((rc = state_touch(g->map, 0, v)) != 0)
		return rc;
	for (unsigned side = 0; side < 2; side++) {
		struct bag *b = bag_of(&g->rows, v, side);
		uint8_t *to = b->p, *end = bag_end(b);
		uint32_t n;

		for (uint8_t *r = b->p; r < end; r += n) {
			n = row_len(r);
			if (expired(j, row_time(r)))
				continue;
			if (to != r)
				memmove(to, r, n);
			to += n;
		}
		b->n = (uint32_t)(to - b->p);
		left = left || b->n > 0;
		bag_trim(&g->rows, b);
	}
	return left ? 0 : state_drop(g->map, 0, v);
}

static int
regular_mark(struct join *j, struct op *op)
{
	struct regular *g = j->regular;
	struct state_walk walk;
	int64_t ns;
	void *v;
	int rc = 0;

	(void)op;
	if (g->expiry == NULL || j->wm == WM_MAX) /* the end of input ages nothing */
		return 0;
	while (rc == 0 && state_ns_next(g->expiry, INT64_MIN, &ns) &&
	       sat_add(ns, g->slot - 1) <= j->wm) {
		walk = (struct state_walk){ 0 };
		rc = state_walk_begin(&walk, g->expiry, ns, false);
		while (rc == 0 && (v = state_walk_next(&walk, &rc)) != NULL) {
			struct state_key k = state_key_of(g->expiry, v);

			rc = expire_key(j, &k);
		}
		state_walk_end(&walk);
		if (rc == 0)
			rc = state_ns_drop(g->expiry, ns);
	}
	return rc;
}

const struct join_kind_ops join_regular_ops = {
	.open = regular_open,
	.add = regular_add,
	.mark = regular_mark,
	.resume = regular_resume,
	.prefetch = regular_prefetch,
	.close = regular_close,
};
