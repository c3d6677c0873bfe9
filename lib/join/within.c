/*
 * within: interval joins (C36, C37).
 *
 * Each side keeps its rows by key in buckets of time, namespaces as long as the interval at most,
 * so that a row looks into two or three buckets of the other side, and what has become too old goes
 * a bucket at a time.  A row counts as gone exactly when C36 says (C37 for types that pad and for
 * anti), wherever its bucket is.
 *
 * Types that pad a side, and anti, also note the keys of its rows under the time when they will
 * have waited in vain, in slots.  A slot that is over is given out and dropped; of the one that a
 * watermark falls into, what is due is given out.  What is given out then is older than the
 * watermark, which therefore goes on less so much.
 */
#include <stdlib.h>

#include "join/join_internal.h"

#define SLOTS 16384	/* of an interval */
#define BUCKET_LEAST 64 /* ms */
#define MATCHED 0x80	/* in the flags of a row: it has met one, or has been given out alone */

/* What is emitted: the rows of the other side that meet the one at hand, or those that are due. */
enum phase { IDLE, PROBE, DUE };

struct within {
	struct bag_type rows[2];
	struct state_map *map[2];
	struct state_map *due[2]; /* slot -> key; NULL: nothing is due on that side */
	int64_t bucket, slot;
	int64_t ahead[2]; /* ms: how much later than its own the time of a row's partner may be */
	int64_t keep[2];  /* ms: a row is gone at WM >= time + keep */
	enum phase phase;
	/* PROBE */
	const struct join_row *row;
	int64_t ns, last; /* the bucket at hand, the last one */
	uint32_t at;	  /* offset in it */
	bool met;
	/* DUE */
	unsigned side;
	struct state_walk walk;
};

/* ---- setting up ---- */

static int
within_open(struct join *j, struct op *op)
{
	static const struct bag_type rows[2] = { { .name = "left", .n = 1, .input = { LEFT } },
						 { .name = "right", .n = 1, .input = { RIGHT } } };
	static const struct state_type due[2] = {
		{ .name = "left.due", .size = 8, .version = 1 },
		{ .name = "right.due", .size = 8, .version = 1 }
	};
	struct within *w = calloc(1, sizeof(*w));
	int64_t range = j->spec.hi - j->spec.lo, back = 0;
	bool strict = j->spec.type != JOIN_INNER && j->spec.type != JOIN_SEMI;
	int rc = 0;

	if (w == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	j->within = w;
	w->bucket = range > 60000 ? range / 4 : range > BUCKET_LEAST ? range : BUCKET_LEAST;
	w->slot = range / SLOTS + 1;
	w->ahead[LEFT] = j->spec.hi;
	w->ahead[RIGHT] = -j->spec.lo;
	for (unsigned side = 0; side < 2 && rc == 0; side++) {
		w->keep[side] = (w->ahead[side] > 0 ? w->ahead[side] : 0) + strict;
		w->rows[side] = rows[side];
		rc = bag_map_open(op, &w->map[side], &w->rows[side]);
		if (rc == 0 && join_gives_alone(j, side)) {
			rc = state_map_open(j->state, &w->due[side], &due[side]);
			back = w->keep[side] > back ? w->keep[side] : back;
		}
	}
	op_hold_back(op, back);
	return rc;
}

static void
within_close(struct join *j)
{
	if (j->within != NULL)
		state_walk_end(&j->within->walk);
	free(j->within);
}

/* ---- a row comes in ---- */

static bool
gone(const struct join *j, unsigned side, int64_t time)
{
	return j->wm >= sat_add(time, j->within->keep[side]);
}

/* Nothing that is still to come can meet it. */
static bool
hopeless(const struct join *j, unsigned side, int64_t time)
{
	return j->wm > sat_add(time, j->within->ahead[side]);
}

static int
emit_alone(struct join *j, struct op *op, unsigned side, const uint8_t *row, uint64_t hash)
{
	struct join_pair p = { .l = side == LEFT ? row : NULL,
			       .r = side == RIGHT ? row : NULL,
			       .time = row_time(row),
			       .start = ROW_NOTIME,
			       .end = ROW_NOTIME,
			       .hash = hash };

	return join_emit(j, op, &p);
}

/* The pair (l, r) meets: what the type gives out. */
static int
emit_pair(struct join *j, struct op *op, const uint8_t *l, const uint8_t *r, bool left_met)
{
	int64_t lt = row_time(l), rt = row_time(r);
	struct join_pair p = { .l = l,
			       .r = j->spec.type == JOIN_SEMI ? NULL : r,
			       .time = lt > rt ? lt : rt,
			       .start = ROW_NOTIME,
			       .end = ROW_NOTIME,
			       .hash = j->within->row->key.hash };

	if (j->spec.type == JOIN_ANTI || (j->spec.type == JOIN_SEMI && left_met))
		return 0;
	return join_emit(j, op, &p);
}

/* Must rows of that side remember that they have met one? */
static bool
remembers(const struct join *j, unsigned side)
{
	return join_gives_alone(j, side) || (j->spec.type == JOIN_SEMI && side == LEFT);
}

/* One of the other side's rows, v's. */
static int
meet(struct join *j, struct op *op, void *v, uint8_t *other)
{
	struct within *w = j->within;
	const struct join_row *r = w->row;
	unsigned o = !r->side;
	const uint8_t *left = r->side == LEFT ? r->row : other;
	const uint8_t *right = r->side == LEFT ? other : r->row;
	bool met = (other[7] & MATCHED) != 0;
	int rc = join_match(j, left, right, ROW_NOTIME, ROW_NOTIME);

	if (rc == FERR_DATA)
		return join_bad(j, op, left, right);
	if (rc <= 0)
		return rc;
	rc = emit_pair(j, op, left, right, o == LEFT ? met : w->met);
	w->met = true;
	if (rc == 0 && remembers(j, o) && !met) {
		if ((rc = state_touch(w->map[o], w->ns, v)) == 0)
			other[7] |= MATCHED;
	}
	return rc;
}

/* Has the row at hand all that it can get?  One partner is enough for semi and anti. */
static bool
content(const struct join *j)
{
	const struct within *w = j->within;

	return w->met && w->row->side == LEFT &&
	       (j->spec.type == JOIN_SEMI || j->spec.type == JOIN_ANTI);
}

/* Go on with the probe: 0 done, FERR_AGAIN the output is full. */
static int
probe(struct join *j, struct op *op)
{
	struct within *w = j->within;
	const struct join_row *r = w->row;
	unsigned o = !r->side;
	int64_t from = sat_add(r->time, o == RIGHT ? j->spec.lo : -j->spec.hi);
	int64_t to = sat_add(r->time, o == RIGHT ? j->spec.hi : -j->spec.lo);
	void *v;
	int rc;

	for (; w->ns <= w->last; w->ns += w->bucket, w->at = 0) {
		struct bag *b;

		if ((v = state_find(w->map[o], w->ns, &r->key)) == NULL) {
			if ((rc = state_error(j->state)) != 0)
				return rc;
			continue;
		}
		b = bag_of(&w->rows[o], v, 0);
		while (w->at < b->n && !content(j)) {
			uint8_t *other = b->p + w->at;
			int64_t t = row_time(other);

			w->at += row_len(other);
			if (t < from || t > to || gone(j, o, t))
				continue;
			if ((rc = meet(j, op, v, other)) != 0)
				return rc;
			if (join_full(j, op))
				return FERR_AGAIN;
		}
	}
	return 0;
}

static int
note_due(struct join *j, const struct join_row *r)
{
	struct within *w = j->within;
	int64_t due = sat_add(r->time, w->ahead[r->side] + 1);
	bool fresh;

	return state_put(w->due[r->side], floor_to(due, w->slot), &r->key, &fresh) != NULL
		   ? 0
		   : join_failed(j);
}

/* The probe is over: keep the row, or give it out alone. */
static int
keep(struct join *j, struct op *op)
{
	struct within *w = j->within;
	const struct join_row *r = w->row;
	unsigned s = r->side;
	bool fresh;
	uint32_t at;
	void *v;
	int rc;

	w->phase = IDLE;
	if (content(j) || (r->null && !join_gives_alone(j, s)))
		return 0;
	if (join_gives_alone(j, s) && !w->met && hopeless(j, s, r->time))
		return emit_alone(j, op, s, r->row, r->key.hash);
	if (gone(j, s, r->time) || hopeless(j, s, r->time))
		return 0;
	if ((v = state_put(w->map[s], floor_to(r->time, w->bucket), &r->key, &fresh)) == NULL)
		return join_failed(j);
	if ((rc = bag_put(&w->rows[s], bag_of(&w->rows[s], v, 0), r->row, &at)) != 0)
		return rc;
	if (!join_gives_alone(j, s))
		return 0;
	if (w->met) {
		bag_of(&w->rows[s], v, 0)->p[at + 7] |= MATCHED;
		return 0;
	}
	return note_due(j, r);
}

static int
within_add(struct join *j, struct op *op, const struct join_row *r)
{
	struct within *w = j->within;
	unsigned o = !r->side;
	int rc = 0;

	if (r->time < j->wm)
		return join_late(j, op, r->row);
	w->row = r;
	w->met = false;
	w->ns = floor_to(sat_add(r->time, o == RIGHT ? j->spec.lo : -j->spec.hi), w->bucket);
	w->last = sat_add(r->time, o == RIGHT ? j->spec.hi : -j->spec.lo);
	w->at = 0;
	w->phase = PROBE;
	if (!r->null)
		rc = probe(j, op);
	return rc != 0 ? rc : keep(j, op);
}

static void
within_prefetch(struct join *j, const struct join_row *r, bool entry)
{
	struct within *w = j->within;
	unsigned o = !r->side;
	void (*touch)(struct state_map *, int64_t, uint64_t) =
	    entry ? state_prefetch_entry : state_prefetch;
	int64_t ns, last;

	if (!join_time_ok(r->time)) /* it is going to be a bad record */
		return;
	ns = floor_to(r->time + (o == RIGHT ? j->spec.lo : -j->spec.hi), w->bucket);
	last = r->time + (o == RIGHT ? j->spec.hi : -j->spec.lo);
	touch(w->map[r->side], floor_to(r->time, w->bucket), r->key.hash);
	for (unsigned i = 0; i < 3 && ns <= last; i++, ns += w->bucket)
		touch(w->map[o], ns, r->key.hash);
}

/* ---- time goes on ---- */

/* The rows of a key that are due: those of the slot at hand, which lie in one bucket or two. */
static int
give_due(struct join *j, struct op *op, unsigned side, const struct state_key *k)
{
	struct within *w = j->within;
	int64_t back = w->ahead[side] + 1;
	int64_t from = w->walk.ns - back, to = w->walk.ns + w->slot - 1 - back;
	void *v;
	int rc = 0;

	if (to > sat_add(j->wm, -back))
		to = sat_add(j->wm, -back);
	for (int64_t ns = floor_to(from, w->bucket); ns <= to && rc == 0; ns += w->bucket) {
		struct bag *b;

		if ((v = state_find(w->map[side], ns, k)) == NULL) {
			rc = state_error(j->state);
			continue;
		}
		b = bag_of(&w->rows[side], v, 0);
		for (uint8_t *r = b->p; r < bag_end(b) && rc == 0; r += row_len(r)) {
			if (row_time(r) < from || row_time(r) > to || (r[7] & MATCHED) != 0)
				continue;
			if ((rc = state_touch(w->map[side], ns, v)) == 0 &&
			    (rc = emit_alone(j, op, side, r, k->hash)) == 0)
				r[7] |= MATCHED;
		}
	}
	return rc;
}

/* All that is due on one side, slot by slot: 0 or FERR_AGAIN. */
static int
give_side(struct join *j, struct op *op, unsigned side)
{
	struct within *w = j->within;
	int64_t ns;
	void *v;
	int rc = 0;

	if (w->due[side] == NULL)
		return 0;
	for (;;) {
		if (w->walk.cursor == NULL) {
			if (!state_ns_next(w->due[side], w->ns, &ns) || ns > j->wm)
				return 0;
			if ((rc = state_walk_begin(&w->walk, w->due[side], ns, true)) != 0)
				return rc;
		}
		while ((v = state_walk_next(&w->walk, &rc)) != NULL) {
			struct state_key k = state_key_of(w->due[side], v);

			if ((rc = give_due(j, op, side, &k)) != 0)
				return rc;
			if (join_full(j, op))
				return FERR_AGAIN;
		}
		if (rc != 0)
			return rc;
		ns = w->walk.ns;
		state_walk_end(&w->walk);
		w->walk = (struct state_walk){ 0 };
		w->ns = ns + 1;
		if (sat_add(ns, w->slot - 1) <= j->wm &&
		    (rc = state_ns_drop(w->due[side], ns)) != 0)
			return rc;
	}
}

/* Buckets of which every row is gone. */
static int
drop(struct join *j)
{
	struct within *w = j->within;
	int64_t ns;
	int rc = 0;

	for (unsigned side = 0; side < 2; side++) {
		while (rc == 0 && state_ns_next(w->map[side], INT64_MIN, &ns) &&
		       gone(j, side, sat_add(ns, w->bucket - 1)))
			rc = state_ns_drop(w->map[side], ns);
	}
	return rc;
}

static int
due(struct join *j, struct op *op)
{
	struct within *w = j->within;
	int rc;

	for (; w->side < 2; w->side++, w->ns = INT64_MIN) {
		if ((rc = give_side(j, op, w->side)) != 0)
			return rc;
	}
	w->phase = IDLE;
	return drop(j);
}

static int
within_mark(struct join *j, struct op *op)
{
	struct within *w = j->within;

	w->phase = DUE;
	w->side = 0;
	w->ns = INT64_MIN;
	return due(j, op);
}

static int
within_resume(struct join *j, struct op *op)
{
	int rc;

	if (j->within->phase == DUE)
		return due(j, op);
	rc = probe(j, op);
	return rc != 0 ? rc : keep(j, op);
}

const struct join_kind_ops join_within_ops = {
	.open = within_open,
	.add = within_add,
	.mark = within_mark,
	.resume = within_resume,
	.prefetch = within_prefetch,
	.close = within_close,
	.timed = true,
};
