/*
 * pane: aligned windows -- tumble, slide, cumulate.  Calendar arithmetic is done in local wall time
 * (--tz), so days have 23 and 25 hours; namespaces are local ends of panes (or of windows, when
 * panes cannot be shared).
 */
#include <stdlib.h>

#include "win/win_internal.h"

/* Values of w->total: how many panes of the window have the key, then the block. */
#define TOTAL_HEAD 8

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
is_late(const struct win *w, int64_t end)
{
	int64_t lateness = w->spec.proc ? 0 : w->spec.lateness;

	return sat_add(utc_end(w, end) - 1, lateness) <= w->wm; /* C3 */
}

static bool
has_fired(const struct win *w, int64_t end)
{
	return utc_end(w, end) - 1 <= w->wm;
}

/* The window that ends there is over, maybe without a record until now: it does not fire by itself
 * any more. */
static void
note_fired(struct win *w, int64_t end)
{
	if (end > w->fired_end)
		w->fired_end = end;
}

static int
pane_open(struct win *w)
{
	bool several = w->spec.slide != w->spec.size;
	int rc;

	/* Early results of many open windows are read from windows of their own. */
	w->shared = several && w->spec.early == 0;
	w->pane = w->spec.kind == WIN_CUMULATE ? w->spec.slide : gcd(w->spec.size, w->spec.slide);
	if ((rc = win_map_open(w, &w->map, "pane", 0)) != 0)
		return rc;
	return w->shared ? win_map_open(w, &w->total, "total", TOTAL_HEAD) : 0;
}

static int
merge_panes(struct win *w, int64_t start, int64_t end, const struct state_key *k, void *into)
{
	const void *v;
	int rc = 0;

	for (int64_t ns = start + 1; rc == 0 && state_ns_next(w->map, ns, &ns) && ns <= end; ns++) {
		if ((v = state_find(w->map, ns, k)) != NULL)
			rc = win_block_merge(w, into, v);
	}
	return rc;
}

/* ---- a window of several panes as running totals ---- */

/* Merge pane ns into the totals. */
static int
pane_enters(struct win *w, int64_t ns)
{
	int64_t n = state_ns_values(w->map, ns, false, &w->cur.v, &w->cur.cap);
	int rc = n < 0 ? (int)n : 0;

	for (int64_t i = 0; i < n && rc == 0; i++) {
		struct state_key k = state_key_of(w->map, w->cur.v[i]);
		bool fresh;
		uint8_t *t = state_put(w->total, 0, &k, &fresh);

		if (t == NULL)
			return FERR_NOMEM;
		++*(int64_t *)(void *)t;
		rc = win_block_merge(w, t + TOTAL_HEAD, w->cur.v[i]);
	}
	return rc;
}

/* Take pane ns out of the totals, which hold panes up to local time `end`. */
static int
pane_leaves(struct win *w, int64_t ns, int64_t end)
{
	int64_t n = state_ns_values(w->map, ns, false, &w->cur.v, &w->cur.cap);
	int rc = n < 0 ? (int)n : 0;

	for (int64_t i = 0; i < n && rc == 0; i++) {
		struct state_key k = state_key_of(w->map, w->cur.v[i]);
		uint8_t *t = state_find(w->total, 0, &k);

		if (--*(int64_t *)(void *)t == 0) {
			state_drop(w->total, 0, t);
			continue;
		}
		if ((rc = win_block_unmerge(w, t + TOTAL_HEAD, w->cur.v[i])) == FERR_AGAIN) {
			win_block_clear(w, t + TOTAL_HEAD);
			rc = merge_panes(w, ns, end, &k, t + TOTAL_HEAD);
		}
	}
	return rc;
}

/* Make total hold the window [start, end). */
static int
slide_to(struct win *w, int64_t start, int64_t end)
{
	int64_t ns;
	int rc = 0;

	if (start >= w->at_end || start < w->at_start) {
		state_ns_drop(w->total, 0);
		w->at_start = w->at_end = start;
	}
	for (ns = w->at_start + 1; rc == 0 && state_ns_next(w->map, ns, &ns) && ns <= start; ns++)
		rc = pane_leaves(w, ns, w->at_end);
	for (ns = w->at_end + 1; rc == 0 && state_ns_next(w->map, ns, &ns) && ns <= end; ns++)
		rc = pane_enters(w, ns);
	w->at_start = start;
	w->at_end = end;
	return rc;
}

static int
begin(struct win *w, int64_t end, bool early)
{
	struct win_cursor *c = &w->cur;
	int64_t start = start_of(w, end), ns = end, n;
	int rc;

	c->map = w->map;
	c->block = 0;
	if (w->shared) {
		if ((rc = slide_to(w, start, end)) != 0)
			return rc;
		c->map = w->total;
		c->block = TOTAL_HEAD;
		ns = 0;
	}
	if ((n = state_ns_values(c->map, ns, true, &c->v, &c->cap)) < 0)
		return (int)n;
	c->n = (size_t)n;
	c->start = utc_start(w, start);
	c->end = utc_end(w, end);
	c->local_end = end;
	c->early = early;
	w->lo = w->hi = 0; /* the remembered window may be the one that ends */
	return 1;
}

/* C5: a late record fires a window that has fired already once more, with its full content. */
static int
refire(struct win *w, struct op *op, int64_t end, const struct state_key *k)
{
	int64_t start = start_of(w, end), s = utc_start(w, start), e = utc_end(w, end);
	void *block;
	int rc;

	if (w->spec.top_n != 0) /* the list of all keys, anew */
		return (rc = begin(w, end, true)) < 0 ? rc : win_fire_now(w, op);
	if (!w->shared) {
		if ((block = state_find(w->map, end, k)) == NULL)
			return 0;
		return win_fire(w, op, k, block, s, e, e - 1);
	}
	if ((block = calloc(1, w->asize)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rc = merge_panes(w, start, end, k, block)) == 0)
		rc = win_fire(w, op, k, block, s, e, e - 1);
	win_block_clear(w, block);
	free(block);
	return rc;
}

/* ---- records in ---- */

static int
add_to(struct win *w, int64_t ns, const struct state_key *k, void **block, bool *fresh)
{
	if ((*block = state_put(w->map, ns, k, fresh)) == NULL)
		return FERR_NOMEM;
	return win_block_add(w, *block);
}

/* A record whose pane is part of the window that total holds. */
static int
add_to_total(struct win *w, const struct state_key *k, bool new_pane)
{
	uint8_t *t;
	bool fresh;

	if ((t = state_put(w->total, 0, k, &fresh)) == NULL)
		return FERR_NOMEM;
	*(int64_t *)(void *)t += new_pane;
	return win_block_add(w, t + TOTAL_HEAD);
}

/* The record goes into one pane; windows that hold it and have fired fire again. */
static int
add_shared(struct win *w, struct op *op, int64_t lt, int64_t first, int64_t last,
	   const struct state_key *k)
{
	int64_t end = floor_to(lt, w->spec.offset, w->pane) + w->pane;
	void *block;
	bool fresh;
	int rc;

	if ((rc = add_to(w, end, k, &block, &fresh)) != 0)
		return rc;
	if (end > w->at_start && end <= w->at_end && (rc = add_to_total(w, k, fresh)) != 0)
		return rc;
	for (int64_t e = first; e <= last && rc == 0 && has_fired(w, e); e += w->spec.slide) {
		note_fired(w, e);
		if (!is_late(w, e))
			rc = refire(w, op, e, k);
	}
	return rc;
}

/* The record goes into each window of its own. */
static int
add_each(struct win *w, struct op *op, int64_t first, int64_t last, const struct state_key *k)
{
	void *block;
	bool fresh;
	int rc = 0;

	for (int64_t e = first; e <= last && rc == 0; e += w->spec.slide) {
		if (is_late(w, e))
			continue;
		if ((rc = add_to(w, e, k, &block, &fresh)) == 0 && has_fired(w, e)) {
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
	void *block;
	bool fresh;

	/* The pane of the last record again, and none of its windows has fired. */
	if (lt >= w->lo && lt < w->hi)
		return add_to(w, w->hi, k, &block, &fresh);
	if (!windows_of(w, lt, &first, &last))
		return 0;
	if (is_late(w, last))
		return win_late(w, op, row);
	if (!has_fired(w, first) && (w->shared || first == last)) {
		w->hi = floor_to(lt, w->spec.offset, w->pane) + w->pane;
		w->lo = w->hi - w->pane;
	}
	if (w->shared)
		return add_shared(w, op, lt, first, last, k);
	return add_each(w, op, first, last, k);
}

/* ---- firing ---- */

/* What no window needs any more goes. */
static void
clean(struct win *w)
{
	int64_t ns = INT64_MIN, first, last;

	while (state_ns_next(w->map, ns, &ns)) {
		last = ns;
		if (w->shared && (!windows_of(w, ns - 1, &first, &last) ||
				  (ns > w->at_start && ns <= w->at_end)))
			break;
		if (last > w->fired_end || !is_late(w, last))
			break;
		state_ns_drop(w->map, ns);
	}
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

/* Has an early point s + k*D of an open window come since the last watermark? */
static bool
early_due(const struct win *w, int64_t end)
{
	int64_t s = utc_start(w, start_of(w, end)), d = w->spec.early;
	int64_t now = sat_add(w->wm, 1),
		before = w->early_at == ROW_NOTIME ? s : sat_add(w->early_at, 1);

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
		if (early_due(w, e))
			return begin(w, e, true);
	}
	w->early_ns = ROW_NOTIME;
	w->early_at = w->wm;
	return 0;
}

static int
pane_next(struct win *w, struct op *op)
{
	int64_t e;

	(void)op;
	clean(w);
	e = next_end(w, w->fired_end);
	if (e != WIN_NEVER && has_fired(w, e))
		return begin(w, e, false);
	if (w->spec.early != 0 && w->wm != INT64_MAX)
		return next_early(w);
	return 0;
}

static void
pane_done(struct win *w)
{
	if (w->cur.early)
		return;
	note_fired(w, w->cur.local_end);
}

static int64_t
pane_due(struct win *w)
{
	int64_t e = next_end(w, w->fired_end);

	return e == WIN_NEVER ? WIN_NEVER : utc_end(w, e);
}

const struct win_kind_ops win_pane_ops = {
	.timed = true,
	.add = pane_add,
	.next = pane_next,
	.done = pane_done,
	.due = pane_due,
	.open = pane_open,
};
