/*
 * keep: first and last -- one record per key by event time (C41).
 *
 * first is given out once, when no earlier one is expected any more; until then it is pending, and
 * afterwards the key is done.  last is given out at once, and taken back by the next.
 */
#include "win/win_internal.h"

/* ---- first ---- */

static int
first_open(struct win *w, struct op *op)
{
	static const struct state_type done = { .name = "done",
						.size = sizeof(struct win_head),
						.version = 1 };
	int rc;

	w->swept = WM_MIN;
	if ((rc = state_map_open(w->state, &w->map, &done)) != 0 ||
	    (rc = win_bag_open(w, op, &w->pending, "pending", 0)) != 0)
		return rc;
	return win_timers_open(w);
}

static inline uint8_t *
pending_row(const struct win *w, void *v)
{
	return bag_of(&w->bag, v, 0)->p;
}

/* The key is done; v is what is pending of it, or NULL. */
static int
finish(struct win *w, void *v, int64_t time, const struct state_key *k)
{
	int rc = v != NULL ? state_drop(w->pending, 0, v) : 0;

	if (rc != 0)
		return rc;
	return win_touch(w, time, k) != NULL ? 0 : win_failed(w);
}

/* The row is the earliest of its key so far. */
static int
put_pending(struct win *w, void *v, const uint8_t *row, const struct state_key *k)
{
	bool fresh;
	uint32_t at;
	int rc = 0;

	if (v != NULL && (rc = state_touch(w->pending, 0, v)) != 0)
		return rc;
	if (v == NULL && (v = state_put(w->pending, 0, k, &fresh)) == NULL)
		return win_failed(w);
	if (bag_of(&w->bag, v, 0)->n > 0)
		bag_remove(&w->bag, bag_of(&w->bag, v, 0), 0);
	if ((rc = bag_put(&w->bag, bag_of(&w->bag, v, 0), row, &at)) != 0)
		return rc;
	return win_timer_set(w, k, row_time(row), w->wm);
}

static int
first_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	void *v;
	int rc;

	if (ts < w->row_wm)
		return win_late(w, op, row);
	if (win_look_up(w, ts, k, &rc) != NULL || rc != 0)
		return rc;
	if ((v = state_find(w->pending, 0, k)) == NULL && (rc = state_error(w->state)) != 0)
		return rc;
	if (v != NULL && row_time(pending_row(w, v)) <= ts)
		return 0;
	if (ts > w->row_wm)
		return put_pending(w, v, row, k);
	/* No earlier one can come. */
	if ((rc = finish(w, v, ts, k)) != 0)
		return rc;
	return win_give(w, op, row, ROW_INSERT, k->hash, 0);
}

/* A timer of the key has come. */
static int
first_look(struct win *w, const struct state_key *k, int64_t clock)
{
	void *v = state_find(w->pending, 0, k);
	int64_t time;

	if (v == NULL)
		return state_error(w->state);
	time = row_time(pending_row(w, v));
	return time > clock || win_due_add(w, k, time, time) != NULL ? 0 : FERR_NOMEM;
}

static int
first_next(struct win *w, struct op *op)
{
	int rc;

	if ((rc = win_sweep(w, op)) != 0 || (rc = win_timers_run(w, false, first_look)) != 0)
		return rc;
	return w->due.n > 0;
}

static int
first_result(struct win *w, struct win_result *r)
{
	const struct win_due *d;
	void *v;

	if (w->due.i == w->due.n)
		return 0;
	d = &w->due.v[w->due.i++];
	r->key = win_due_key(w, d);
	if ((v = state_find(w->pending, 0, &r->key)) == NULL)
		return state_error(w->state) != 0
			   ? state_error(w->state)
			   : ferr(FERR_CORRUPT, "a record that is due is not in state");
	w->row.n = 0;
	if (buf_put(&w->row, pending_row(w, v), row_len(pending_row(w, v))) != 0)
		return ferr(FERR_NOMEM, "out of memory");
	r->row = w->row.p;
	return finish(w, v, d->end, &r->key) == 0 ? 1 : win_failed(w);
}

static int
first_done(struct win *w)
{
	win_due_clear(w);
	return 0;
}

/* The timers are not part of a checkpoint. */
static int
first_restored(struct win *w)
{
	struct state_walk walk = { 0 };
	void *v;
	int rc = state_walk_begin(&walk, w->pending, 0, false);

	while (rc == 0 && (v = state_walk_next(&walk, &rc)) != NULL) {
		struct state_key k = state_key_of(w->pending, v);

		rc = win_timer_set(w, &k, row_time(pending_row(w, v)), w->wm);
	}
	state_walk_end(&walk);
	return rc != 0 ? rc : win_sweep_restored(w);
}

const struct win_kind_ops win_first_ops = {
	.add = first_add,
	.next = first_next,
	.result = first_result,
	.done = first_done,
	.open = first_open,
	.restored = first_restored,
	.rows = true,
};

/* ---- last ---- */

static int
last_open(struct win *w, struct op *op)
{
	w->swept = WM_MIN;
	return win_bag_open(w, op, &w->map, "last", sizeof(struct win_head));
}

static int
last_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	struct win_head *h;
	struct bag *b;
	uint32_t at;
	int rc;

	h = win_look_up(w, ts, k, &rc);
	if (rc != 0 || (h != NULL && ts < h->time))
		return rc;
	if ((h = win_touch(w, ts, k)) == NULL)
		return win_failed(w);
	b = bag_of(&w->bag, h, 0);
	if (b->n == 0) {
		rc = win_give(w, op, row, ROW_INSERT, k->hash, 0);
	} else {
		if ((rc = win_give(w, op, b->p, ROW_BEFORE, k->hash, 0)) == 0)
			rc = win_give(w, op, row, ROW_AFTER, k->hash, 0);
		bag_remove(&w->bag, b, 0);
	}
	return rc != 0 ? rc : bag_put(&w->bag, b, row, &at);
}

const struct win_kind_ops win_last_ops = {
	.add = last_add,
	.next = win_sweep,
	.open = last_open,
	.restored = win_sweep_restored,
	.rows = true,
};
