/*
 * pane: aligned windows -- tumble, slide, cumulate.  Calendar arithmetic is done in local wall time
 * (--tz), so days have 23 and 25 hours; namespaces are local ends of panes (or of windows, when
 * panes cannot be shared).
 */
#include "win/win_internal.h"

/*
 * A value of w->total: this, then the block.  The block is what the panes give when they are merged
 * in their order, or it is stale and made so when it is wanted: a total that has been reached in
 * another way could differ in its last digits from the one that a restored run makes.
 */
struct total {
	int64_t panes; /* how many of the window's panes have the key */
	int64_t stale;
};

/* The block of a total. */
static inline void *
block_of(struct total *t)
{
	return t + 1;
}

static inline int64_t
to_local(const struct win *w, int64_t utc)
{
	return w->tz == NULL ? utc : tz_to_local(w->tz, utc);
}

/* The edges of a window, whose local times are start and end, in UTC. */
static inline int64_t
utc_start(const struct win *w, int64_t local)
{
	return w->tz == NULL ? local : tz_edge(w->tz, local, false);
}

static inline int64_t
utc_end(const struct win *w, int64_t local)
{
	return w->tz == NULL ? local : tz_edge(w->tz, local, true);
}

/* ---- the grid: a window is known by its local end ---- */

/* Length of the grid on which windows start anew: the slide, or cumulate's whole length. */
static inline int64_t
stride(const struct win *w)
{
	return w->spec.kind == WIN_CUMULATE ? w->spec.size : w->spec.slide;
}

static int64_t
start_of(const struct win *w, int64_t end)
{
	if (w->spec.kind == WIN_CUMULATE)
		return floor_to(end - 1, w->spec.offset, w->spec.size);
	return end - w->spec.size;
}

/* The first and the last window that hold local time t; false: none (a gap between slides). */
static bool
windows_of(const struct win *w, int64_t t, int64_t *first, int64_t *last)
{
	int64_t s = floor_to(t, w->spec.offset, stride(w)), n;

	*last = s + w->spec.size;
	if (w->spec.kind == WIN_CUMULATE) {
		*first = floor_to(t, w->spec.offset, w->spec.slide) + w->spec.slide;
		return true;
	}
	n = (s - (t - w->spec.size) - 1) / w->spec.slide; /* further windows that start earlier */
	*first = *last - (t < *last && n > 0 ? n : 0) * w->spec.slide;
	return t < *last;
}

static bool
is_late(const struct win *w, int64_t end, int64_t wm)
{
	int64_t lateness = w->spec.proc ? 0 : w->spec.lateness;

	return sat_add(utc_end(w, end) - 1, lateness) <= wm; /* C3 */
}

static bool
has_fired(const struct win *w, int64_t end, int64_t wm)
{
	return utc_end(w, end) - 1 <= wm;
}

/* The window that ends there is over (for all keys, not only for one that is ahead), maybe without
 * a record until now: it does not fire by itself any more. */
static void
note_fired(struct win *w, int64_t end)
{
	if (end > w->fired_end && has_fired(w, end, w->wm))
		w->fired_end = end;
}

static int
pane_open(struct win *w, struct op *op)
{
	bool several = w->spec.slide != w->spec.size;
	int rc;

	(void)op;
	/* Early results of many open windows are read from windows of their own. */
	w->shared = several && w->spec.early == 0;
	w->pane = w->spec.kind == WIN_CUMULATE ? w->spec.slide : gcd(w->spec.size, w->spec.slide);
	if ((rc = win_map_open(w, &w->map, "pane", 0, false)) != 0)
		return rc;
	return w->shared ? win_map_open(w, &w->total, "total", sizeof(struct total), true) : 0;
}

/* Merge the key's panes in [start, end), in their order, into an empty block. */
static int
merge_panes(struct win *w, int64_t start, int64_t end, const struct state_key *k, void *into)
{
	const void *v;
	int rc = 0;

	for (int64_t ns = start + 1; rc == 0 && state_ns_next(w->map, ns, &ns) && ns <= end; ns++) {
		if ((v = state_find(w->map, ns, k)) != NULL)
			rc = win_block_merge(w, into, v);
		else
			rc = state_error(w->state);
	}
	return rc;
}

/* ---- a window of several panes as running totals ---- */

/* Merge the key's value of a pane into its total. */
static int
enter(struct win *w, const struct state_key *k, const void *pane)
{
	bool fresh;
	struct total *t = state_put(w->total, 0, k, &fresh);

	if (t == NULL)
		return win_failed(w);
	t->panes++;
	return t->stale ? 0 : win_block_merge(w, block_of(t), pane);
}

/* Take it out again. */
static int
leave(struct win *w, const struct state_key *k, const void *pane)
{
	struct total *t = state_find(w->total, 0, k);
	int rc;

	if (t == NULL)
		return state_error(w->state);
	if ((rc = state_touch(w->total, 0, t)) != 0)
		return rc;
	if (--t->panes == 0)
		return state_drop(w->total, 0, t);
	if (!t->stale && (rc = win_block_unmerge(w, block_of(t), pane)) == FERR_AGAIN) {
		t->stale = true;
		rc = 0;
	}
	return rc;
}

/* Call fn for every key of pane ns. */
static int
each_of_pane(struct win *w, int64_t ns,
	     int (*fn)(struct win *w, const struct state_key *k, const void *pane))
{
	struct state_walk walk = { 0 };
	const void *v;
	int rc = state_walk_begin(&walk, w->map, ns, false);

	while (rc == 0 && (v = state_walk_next(&walk, &rc)) != NULL) {
		struct state_key k = state_key_of(w->map, v);

		rc = fn(w, &k, v);
	}
	state_walk_end(&walk);
	return rc;
}

/* Make total hold the window [start, end). */
static int
slide_to(struct win *w, int64_t start, int64_t end)
{
	int64_t ns;
	int rc = 0;

	if (start >= w->at_end || start < w->at_start) {
		if ((rc = state_ns_drop(w->total, 0)) != 0)
			return rc;
		w->at_start = w->at_end = start;
	}
	for (ns = w->at_start + 1; rc == 0 && state_ns_next(w->map, ns, &ns) && ns <= start; ns++)
		rc = each_of_pane(w, ns, leave);
	for (ns = w->at_end + 1; rc == 0 && state_ns_next(w->map, ns, &ns) && ns <= end; ns++)
		rc = each_of_pane(w, ns, enter);
	w->at_start = start;
	w->at_end = end;
	return rc;
}

/* Make t's block what it should be. */
static int
renew(struct win *w, struct total *t, const struct state_key *k)
{
	int rc;

	if (!t->stale)
		return 0;
	if ((rc = state_touch(w->total, 0, t)) != 0)
		return rc;
	win_block_clear(w, block_of(t));
	t->stale = false;
	return merge_panes(w, w->at_start, w->at_end, k, block_of(t));
}

static int
begin(struct win *w, int64_t end, enum win_why why)
{
	struct win_cursor *c = &w->cur;
	int64_t start = start_of(w, end);
	int rc;

	c->start = utc_start(w, start);
	c->end = utc_end(w, end);
	c->local_end = end;
	c->why = why;
	w->lo = w->hi = 0; /* the remembered window may be the one that ends */
	if (w->shared && (rc = slide_to(w, start, end)) != 0)
		return rc;
	rc = w->shared ? state_walk_begin(&c->walk, w->total, 0, true)
		       : state_walk_begin(&c->walk, w->map, end, true);
	return rc != 0 ? rc : 1;
}

/* C5: a late record fires a window that has fired already once more, with its full content. */
static int
refire(struct win *w, struct op *op, int64_t end, const struct state_key *k)
{
	int64_t start = start_of(w, end), s = utc_start(w, start), e = utc_end(w, end);
	const void *block;
	int rc;

	if (w->spec.top_n != 0) /* the list of all keys, anew */
		return (rc = begin(w, end, WIN_REFIRE)) < 0 ? rc : win_fire_now(w, op);
	if (!w->shared) {
		if ((block = state_find(w->map, end, k)) == NULL)
			return state_error(w->state);
		return win_fire(w, op, k, block, s, e, e - 1);
	}
	if ((rc = merge_panes(w, start, end, k, w->scratch)) == 0)
		rc = win_fire(w, op, k, w->scratch, s, e, e - 1);
	win_block_clear(w, w->scratch);
	return rc;
}

/* ---- records in ---- */

static int
add_to(struct win *w, int64_t ns, const struct state_key *k, bool *fresh)
{
	void *block = state_put(w->map, ns, k, fresh);

	return block != NULL ? win_block_add(w, block) : win_failed(w);
}

/* A record's pane is part of the window that total holds. */
static int
spoil_total(struct win *w, const struct state_key *k, bool new_pane)
{
	struct total *t;
	bool fresh;

	if ((t = state_put(w->total, 0, k, &fresh)) == NULL)
		return win_failed(w);
	t->panes += new_pane;
	t->stale = true;
	return 0;
}

/* The record goes into one pane; windows that hold it and have fired fire again. */
static int
add_shared(struct win *w, struct op *op, int64_t lt, int64_t first, int64_t last,
	   const struct state_key *k)
{
	int64_t end = floor_to(lt, w->spec.offset, w->pane) + w->pane;
	bool fresh;
	int rc;

	if ((rc = add_to(w, end, k, &fresh)) != 0)
		return rc;
	if (end > w->at_start && end <= w->at_end && (rc = spoil_total(w, k, fresh)) != 0)
		return rc;
	for (int64_t e = first; e <= last && rc == 0 && has_fired(w, e, w->row_wm);
	     e += w->spec.slide) {
		note_fired(w, e);
		if (!is_late(w, e, w->row_wm))
			rc = refire(w, op, e, k);
	}
	return rc;
}

/* The record goes into each window of its own. */
static int
add_each(struct win *w, struct op *op, int64_t first, int64_t last, const struct state_key *k)
{
	bool fresh;
	int rc = 0;

	for (int64_t e = first; e <= last && rc == 0; e += w->spec.slide) {
		if (is_late(w, e, w->row_wm))
			continue;
		if ((rc = add_to(w, e, k, &fresh)) == 0 && has_fired(w, e, w->row_wm)) {
			note_fired(w, e);
			rc = refire(w, op, e, k);
		}
	}
	return rc;
}

static int
pane_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	int64_t lt = to_local(w, ts), first, last;
	bool fresh;

	/* The pane of the last record again, and none of its windows has fired. */
	if (lt >= w->lo && lt < w->hi)
		return add_to(w, w->hi, k, &fresh);
	if (!windows_of(w, lt, &first, &last))
		return 0;
	if (is_late(w, last, w->row_wm))
		return win_late(w, op, row);
	if (!has_fired(w, first, w->row_wm) && (w->shared || first == last) &&
	    w->ahead.wm == NULL) {
		w->hi = floor_to(lt, w->spec.offset, w->pane) + w->pane;
		w->lo = w->hi - w->pane;
	}
	if (w->shared)
		return add_shared(w, op, lt, first, last, k);
	return add_each(w, op, first, last, k);
}

/* ---- firing ---- */

/* What no window needs any more goes. */
static int
clean(struct win *w)
{
	int64_t ns = INT64_MIN, first, last;
	int rc = 0;

	while (rc == 0 && state_ns_next(w->map, ns, &ns)) {
		last = ns;
		if (w->shared && (!windows_of(w, ns - 1, &first, &last) ||
				  (ns > w->at_start && ns <= w->at_end)))
			break;
		if (last > w->fired_end || !is_late(w, last, w->wm))
			break;
		rc = state_ns_drop(w->map, ns);
	}
	return rc;
}

/* The first window behind local end `after` that holds a record: its end, or WIN_NEVER. */
static int64_t
next_end(struct win *w, int64_t after)
{
	int64_t first, last, ns, from, e;

	if (!w->shared)
		return state_ns_next(w->map, after == INT64_MIN ? after : after + 1, &ns)
			   ? ns
			   : WIN_NEVER;
	/* The first pane that a window ending behind `after` can hold. */
	from = after == INT64_MIN ? after : after - w->spec.size;
	for (; state_ns_next(w->map, from, &ns); from = ns + 1) {
		if (!windows_of(w, ns - 1, &first, &last) || last <= after)
			continue;
		e = first;
		if (e <= after)
			e += ((after - e) / w->spec.slide + 1) * w->spec.slide;
		return e;
	}
	return WIN_NEVER;
}

/* Has an early point s + k*D of an open window come since watermark `since`? */
static bool
early_due(const struct win *w, int64_t end, int64_t since)
{
	int64_t s = utc_start(w, start_of(w, end)), d = w->spec.early;
	int64_t now = sat_add(w->wm, 1), before = since == WM_MIN ? s : sat_add(since, 1);

	if (before < s)
		before = s;
	return now > s && (now - s) / d > (before - s) / d;
}

static int
next_early(struct win *w)
{
	int64_t e = w->early_ns > w->fired_end ? w->early_ns : w->fired_end;

	while ((e = next_end(w, e)) != WIN_NEVER) {
		if (utc_start(w, start_of(w, e)) > w->wm)
			break;
		w->early_ns = e;
		if (early_due(w, e, w->early_at))
			return begin(w, e, WIN_EARLY);
	}
	w->early_ns = ROW_NOTIME;
	w->early_at = w->wm;
	return 0;
}

static int
pane_next(struct win *w, struct op *op)
{
	int64_t e;
	int rc;

	(void)op;
	if ((rc = clean(w)) != 0)
		return rc;
	e = next_end(w, w->fired_end);
	if (e != WIN_NEVER && has_fired(w, e, w->wm))
		return begin(w, e, WIN_FIRE);
	if (w->spec.early != 0 && w->wm != WM_MAX)
		return next_early(w);
	return 0;
}

/* Did an old subtask, which was ahead, give this result already? */
static bool
was_given(const struct win *w, const struct state_key *k)
{
	int64_t wm = win_ahead_of(w, k);

	switch (w->cur.why) {
	case WIN_FIRE: return w->cur.end - 1 <= wm;
	case WIN_EARLY: return wm >= w->early_at && !early_due(w, w->cur.local_end, wm);
	case WIN_REFIRE: break;
	}
	return false;
}

static int
pane_result(struct win *w, struct win_result *r)
{
	struct win_cursor *c = &w->cur;
	void *v;
	int rc = 0;

	while ((v = state_walk_next(&c->walk, &rc)) != NULL) {
		r->key = state_key_of(w->shared ? w->total : w->map, v);
		if (w->ahead.wm != NULL && was_given(w, &r->key))
			continue;
		if (w->shared && (rc = renew(w, v, &r->key)) != 0)
			return rc;
		r->block = w->shared ? block_of(v) : v;
		r->start = c->start;
		r->end = c->end;
		r->time = c->end - 1;
		return 1;
	}
	return rc;
}

static int
pane_done(struct win *w)
{
	if (w->cur.why == WIN_FIRE)
		note_fired(w, w->cur.local_end);
	return 0;
}

static int64_t
pane_due(struct win *w)
{
	int64_t e = next_end(w, w->fired_end);

	return e == WIN_NEVER ? WIN_NEVER : utc_end(w, e);
}

/*
 * A local time such that the windows up to there are those that have fired at w->wm: nothing is due
 * in a checkpoint.  Edges never go back, so it can be searched for.
 */
static int64_t
fired_until(const struct win *w)
{
	const int64_t far = 1LL << 61, zone = 2 * 86400000LL;
	int64_t lo, hi, mid;

	if (w->wm <= -far)
		return ROW_NOTIME;
	if (w->wm >= far)
		return far;
	lo = w->wm - zone;
	hi = w->wm + zone;
	while (lo + 1 < hi) {
		mid = lo + (hi - lo) / 2;
		if (has_fired(w, mid, w->wm))
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int
pane_restored(struct win *w)
{
	w->fired_end = fired_until(w);
	w->early_at = w->wm;
	return 0;
}

const struct win_kind_ops win_pane_ops = {
	.timed = true,
	.add = pane_add,
	.next = pane_next,
	.result = pane_result,
	.done = pane_done,
	.due = pane_due,
	.open = pane_open,
	.restored = pane_restored,
};
