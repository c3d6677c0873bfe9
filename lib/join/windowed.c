/*
 * windowed: window joins (C38).  Rows of one key and one window meet when the watermark comes to
 * the window's last moment.
 *
 * A key's rows of both sides lie in one value, in the order in which they came.  Tumbling, sliding
 * and cumulating windows: in a namespace that is the window's end, which says where it starts; it
 * is walked and dropped when it is due.  Sessions: in namespace 0, all that is open of a key.
 *
 * What keeps a session cheap: adding a row only widens what the head knows of the key's first
 * session.  The rows themselves are looked at when that session is due, and only if others of the
 * key may have grown into it.  A key has one timer that counts, at or before its first session's
 * end; timers are made anew after a restore.
 */
#include <stdlib.h>

#include "join/join_internal.h"

#define NEVER INT64_MAX
#define PREFETCH 4   /* windows of a row */
#define BREATH 1023u /* steps between two looks at the rest of the world, as a mask */

/* The head of a key with open sessions. */
struct session {
	int64_t start; /* time of its earliest row */
	int64_t last;  /* of the last one in the session that begins there, as far as is known */
	int64_t next;  /* the least time of a row that came behind that; NEVER: none did */
	int64_t due;   /* when the key is looked at */
};

struct windowed {
	struct bag_type rows;
	struct state_map *map;	  /* key -> rows */
	struct state_map *timers; /* sessions: time or somewhat before -> key -> time */
	struct state_map *due;	  /* sessions that end at `now`: start -> key */
	int64_t now;		  /* the time up to which all sessions have been given out */
	struct state_walk walk;
	struct buf times, rest; /* of measure, of part */
	/* The key and window at hand. */
	bool busy;
	bool null; /* the key is one that matches nothing */
	uint64_t hash;
	struct buf key;
	int64_t ns, start, end;
	uint32_t n[2];	    /* bytes at the beginning of each bag that belong to the window */
	uint32_t at[2];	    /* offsets of the rows at hand */
	uint32_t nth;	    /* the number of the right one */
	bool met;	    /* the left one has met one */
	struct buf matched; /* by number of a right row: it has met one; may be too short */
};

/* ---- setting up ---- */

static bool
sessions(const struct join *j)
{
	return j->spec.window == JOIN_SESSION;
}

static int
windowed_open(struct join *j, struct op *op)
{
	static const struct state_type timers = {
		.name = "timer", .size = 8, .version = 1, .transient = true
	};
	static const struct state_type due = {
		.name = "due", .size = 8, .version = 1, .transient = true
	};
	struct windowed *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	j->windowed = w;
	w->now = WM_MIN;
	w->rows = (struct bag_type){ .name = "rows", .n = 2, .input = { LEFT, RIGHT } };
	w->rows.head = sessions(j) ? sizeof(struct session) : 0;
	if ((rc = bag_map_open(op, &w->map, &w->rows)) != 0 || !sessions(j))
		return rc;
	if ((rc = state_map_open(j->state, &w->timers, &timers)) != 0)
		return rc;
	return state_map_open(j->state, &w->due, &due);
}

static void
windowed_close(struct join *j)
{
	struct windowed *w = j->windowed;

	if (w == NULL)
		return;
	state_walk_end(&w->walk);
	buf_fini(&w->times);
	buf_fini(&w->rest);
	buf_fini(&w->key);
	buf_fini(&w->matched);
	free(w);
}

/* ---- timers of sessions ---- */

/*
 * The namespace of a timer, in (clock, at]: at less up to a 64th of the way there.  When that has
 * come the timer moves to a finer one, so there are few namespaces at a time, and a timer moves a
 * few times only.
 */
static int64_t
timer_ns(int64_t at, int64_t clock)
{
	uint64_t far = (uint64_t)at - (uint64_t)clock;

	return far < 64 ? at : at & -(int64_t)(1ULL << (57 - __builtin_clzll(far)));
}

/* Timers that have come already go on from `now`, so that they come in their order. */
static int
timer_set(struct join *j, const struct state_key *k, int64_t at)
{
	struct windowed *w = j->windowed;
	int64_t *v;
	bool fresh;

	v = state_put(w->timers, timer_ns(at, at > j->wm ? j->wm : w->now), k, &fresh);
	if (v == NULL)
		return join_failed(j);
	if (fresh || at < *v)
		*v = at;
	return 0;
}

static int
windowed_restored(struct join *j, struct op *op)
{
	struct windowed *w = j->windowed;
	struct state_walk walk = { 0 };
	const struct session *s;
	int rc = 0;

	(void)op;
	if (sessions(j))
		rc = state_walk_begin(&walk, w->map, 0, false);
	while (rc == 0 && (s = state_walk_next(&walk, &rc)) != NULL) {
		struct state_key k = state_key_of(w->map, s);

		rc = timer_set(j, &k, s->due);
	}
	state_walk_end(&walk);
	return rc;
}

/* ---- a row comes in ---- */

/* The ends of the windows that hold t, spec.slide apart; first > last: there is none (C7, C8). */
static void
ends_of(const struct join_spec *s, int64_t t, int64_t *first, int64_t *last)
{
	if (s->window == JOIN_CUMULATE) {
		*first = floor_to(t, s->slide) + s->slide;
		*last = floor_to(t, s->size) + s->size;
	} else {
		*first = floor_to(t - s->size, s->slide) + s->slide + s->size;
		*last = floor_to(t, s->slide) + s->size;
	}
}

/* A row that matches nothing and is not given out alone is nobody's. */
static bool
is_kept(const struct join *j, const struct join_row *r)
{
	return !r->null || join_gives_alone(j, r->side);
}

/* The value that the row has been put into; NULL: *rc. */
static void *
keep(struct join *j, const struct join_row *r, int64_t ns, bool *fresh, int *rc)
{
	struct windowed *w = j->windowed;
	void *v = state_put(w->map, ns, &r->key, fresh);
	uint32_t at;

	if (v == NULL)
		*rc = join_failed(j);
	else if ((*rc = bag_put(&w->rows, bag_of(&w->rows, v, r->side), r->row, &at)) != 0)
		v = NULL;
	return v;
}

/* C3, C6: late if no window takes it any more; a row between two windows is not. */
static int
aligned_add(struct join *j, struct op *op, const struct join_row *r)
{
	bool taken = false, fresh;
	int64_t end, last;
	int rc = 0;

	ends_of(&j->spec, r->time, &end, &last);
	for (; end <= last; end += j->spec.slide) {
		if (end - 1 <= j->wm)
			continue;
		taken = true;
		if (is_kept(j, r) && keep(j, r, end, &fresh, &rc) == NULL)
			return rc;
	}
	return taken || r->time > j->wm ? 0 : join_late(j, op, r->row);
}

/* How far rows of one session may be apart (C10).  A null equals nothing, so rows of such a key
 * have nothing to do with each other; those of one time have the same window anyway. */
static int64_t
reach(const struct join *j, bool null)
{
	return null ? 0 : j->spec.size;
}

static int64_t
end_of(const struct join *j, const struct session *s)
{
	return s->last + j->spec.size;
}

/* A row has come. */
static void
widen(struct session *s, int64_t t, int64_t apart)
{
	if (t + apart < s->start) { /* a session before the others */
		s->next = s->start;
		s->start = s->last = t;
	} else if (t > s->last + apart) {
		s->next = t < s->next ? t : s->next;
	} else {
		s->start = t < s->start ? t : s->start;
		s->last = t > s->last ? t : s->last;
	}
}

/*
 * C11: merged first, looked at for lateness after.  The sessions that are left end behind the
 * watermark, so a row that would be late alone is not if it touches the first of them.
 */
static int
session_late(struct join *j, const struct join_row *r, bool *late)
{
	const struct session *s = state_find(j->windowed->map, 0, &r->key);

	*late = s == NULL || s->start > r->time + reach(j, r->null);
	return s == NULL ? state_error(j->state) : 0;
}

static int
session_add(struct join *j, struct op *op, const struct join_row *r)
{
	struct session *s;
	bool late, fresh;
	int rc = 0;

	if (r->time + j->spec.size - 1 <= j->wm && ((rc = session_late(j, r, &late)) != 0 || late))
		return rc != 0 ? rc : join_late(j, op, r->row);
	if (!is_kept(j, r))
		return 0;
	if ((s = keep(j, r, 0, &fresh, &rc)) == NULL)
		return rc;
	if (fresh)
		*s = (struct session){
			.start = r->time, .last = r->time, .next = NEVER, .due = NEVER
		};
	else
		widen(s, r->time, reach(j, r->null));
	if (end_of(j, s) - 1 >= s->due)
		return 0;
	s->due = end_of(j, s) - 1;
	return timer_set(j, &r->key, s->due);
}

static int
windowed_add(struct join *j, struct op *op, const struct join_row *r)
{
	return sessions(j) ? session_add(j, op, r) : aligned_add(j, op, r);
}

static void
windowed_prefetch(struct join *j, const struct join_row *r, bool entry)
{
	void (*touch)(struct state_map *, int64_t, uint64_t) =
	    entry ? state_prefetch_entry : state_prefetch;
	int64_t end = 0, last = 0, step = 1;

	if (r->time < INT64_MIN / 2 || r->time > INT64_MAX / 2)
		return; /* a bad record, as add will say */
	if (!sessions(j)) {
		ends_of(&j->spec, r->time, &end, &last);
		step = j->spec.slide;
	}
	for (unsigned i = 0; i < PREFETCH && end <= last; i++, end += step)
		touch(j->windowed->map, end, r->key.hash);
}

/* ---- the rows of a key in a window meet ---- */

/* The output is full, or others have waited long enough. */
static bool
must_stop(struct join *j, struct op *op)
{
	return join_full(j, op) || (j->emitted & BREATH) == 0;
}

static int
emit(struct join *j, struct op *op, const uint8_t *l, const uint8_t *r)
{
	const struct windowed *w = j->windowed;
	struct join_pair p = { .l = l,
			       .r = r,
			       .time = w->end - 1,
			       .start = w->start,
			       .end = w->end,
			       .hash = w->hash };

	return join_emit(j, op, &p);
}

/* The right row at hand has met one. */
static int
note_matched(struct windowed *w)
{
	static const uint8_t zero[64] = { 0 };
	struct buf *b = &w->matched;
	int rc = 0;

	while (rc == 0 && b->n <= w->nth)
		rc = buf_put(b, zero, sizeof(zero));
	if (rc == 0)
		b->p[w->nth] = 1;
	return rc;
}

static int
meet(struct join *j, struct op *op, const uint8_t *l, const uint8_t *r)
{
	struct windowed *w = j->windowed;
	int rc = join_match(j, l, r, w->start, w->end);

	if (rc == FERR_DATA)
		return join_bad(j, op, l, r);
	if (rc <= 0)
		return rc;
	w->met = true;
	if (j->spec.type == JOIN_ANTI)
		return 0;
	if (join_pads(j, RIGHT) && (rc = note_matched(w)) != 0)
		return rc;
	return emit(j, op, l, j->spec.type == JOIN_SEMI ? NULL : r);
}

/* Has the left row at hand all that it can get? */
static bool
content(const struct join *j)
{
	return j->windowed->met && (j->spec.type == JOIN_SEMI || j->spec.type == JOIN_ANTI);
}

static void
step_right(struct windowed *w, const uint8_t *r)
{
	w->at[RIGHT] += row_len(r);
	w->nth++;
}

/* The left row at hand and all right ones. */
static int
give_left(struct join *j, struct op *op, const uint8_t *l, const struct bag *right)
{
	struct windowed *w = j->windowed;
	int rc;

	while (w->at[RIGHT] < w->n[RIGHT] && !w->null && !content(j)) {
		const uint8_t *r = right->p + w->at[RIGHT];

		if ((rc = meet(j, op, l, r)) != 0)
			return rc;
		step_right(w, r);
		if (must_stop(j, op))
			return FERR_AGAIN;
	}
	return w->met || !join_gives_alone(j, LEFT) ? 0 : emit(j, op, l, NULL);
}

/* Right rows that have met none. */
static int
give_right(struct join *j, struct op *op, const struct bag *right)
{
	struct windowed *w = j->windowed;
	int rc;

	while (w->at[RIGHT] < w->n[RIGHT] && join_pads(j, RIGHT)) {
		const uint8_t *r = right->p + w->at[RIGHT];
		bool met = w->nth < w->matched.n && w->matched.p[w->nth] != 0;

		if (!met && (rc = emit(j, op, NULL, r)) != 0)
			return rc;
		step_right(w, r);
		if (must_stop(j, op))
			return FERR_AGAIN;
	}
	return 0;
}

/* Go on with the key and window at hand, whose value is v: 0 or FERR_AGAIN. */
static int
give(struct join *j, struct op *op, void *v)
{
	struct windowed *w = j->windowed;
	const struct bag *left = bag_of(&w->rows, v, LEFT), *right = bag_of(&w->rows, v, RIGHT);
	int rc;

	while (w->at[LEFT] < w->n[LEFT]) {
		const uint8_t *l = left->p + w->at[LEFT];

		if ((rc = give_left(j, op, l, right)) != 0)
			return rc;
		w->at[LEFT] += row_len(l);
		w->at[RIGHT] = w->nth = 0;
		w->met = false;
		if (must_stop(j, op))
			return FERR_AGAIN;
	}
	return give_right(j, op, right);
}

/* A key and the window [start, end) are at hand, of which all rows in v are. */
static int
take(struct join *j, const struct state_key *k, void *v, int64_t ns, int64_t start, int64_t end)
{
	struct windowed *w = j->windowed;

	w->busy = true;
	w->null = join_key_null(j, k->p, k->n);
	w->hash = k->hash;
	w->ns = ns;
	w->start = start;
	w->end = end;
	for (unsigned side = 0; side < 2; side++) {
		w->n[side] = bag_of(&w->rows, v, side)->n;
		w->at[side] = 0;
	}
	w->nth = 0;
	w->met = false;
	w->key.n = w->matched.n = 0;
	return buf_put(&w->key, k->p, k->n);
}

static struct state_key
key_at_hand(const struct windowed *w)
{
	return (struct state_key){ w->hash, w->key.p, (uint32_t)w->key.n };
}

/* ---- sessions that are over ---- */

static int
by_time(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The times of all rows of the key, in order.  As a rule each side's came in order. */
static int
sort_times(struct windowed *w, void *v)
{
	const struct bag *b[2] = { bag_of(&w->rows, v, LEFT), bag_of(&w->rows, v, RIGHT) };
	const uint8_t *p[2] = { b[LEFT]->p, b[RIGHT]->p };
	const uint8_t *end[2] = { bag_end(b[LEFT]), bag_end(b[RIGHT]) };
	int64_t t, last = INT64_MIN;
	bool sorted = true;
	int rc;

	w->times.n = 0;
	while (p[LEFT] < end[LEFT] || p[RIGHT] < end[RIGHT]) {
		unsigned side = p[LEFT] == end[LEFT] ||
				(p[RIGHT] < end[RIGHT] && row_time(p[RIGHT]) < row_time(p[LEFT]));

		t = row_time(p[side]);
		p[side] += row_len(p[side]);
		if ((rc = buf_put(&w->times, &t, sizeof(t))) != 0)
			return rc;
		sorted = sorted && t >= last;
		last = t;
	}
	if (!sorted)
		qsort(w->times.p, w->times.n / sizeof(t), sizeof(t), by_time);
	return 0;
}

/* Where the first session ends, from the rows. */
static int
measure(struct join *j, struct session *s, int64_t apart)
{
	struct windowed *w = j->windowed;
	const int64_t *t, *end;
	int rc;

	if ((rc = state_touch(w->map, 0, s)) != 0 || (rc = sort_times(w, s)) != 0)
		return rc;
	t = (const int64_t *)(const void *)w->times.p;
	end = t + w->times.n / sizeof(*t);
	for (s->last = *t; t < end && *t <= s->last + apart; t++)
		s->last = *t;
	s->next = t < end ? *t : NEVER;
	return 0;
}

/* The time of a key has come: its first session is over, or has grown. */
static int
look_at(struct join *j, const struct state_key *k)
{
	struct windowed *w = j->windowed;
	struct session *s = state_find(w->map, 0, k);
	int64_t apart = reach(j, join_key_null(j, k->p, k->n));
	bool fresh;
	int rc;

	if (s == NULL)
		return state_error(j->state);
	if (s->due > w->now) /* an older timer, which may have taken the place of the one */
		return timer_set(j, k, s->due);
	if (s->next <= s->last + apart && (rc = measure(j, s, apart)) != 0)
		return rc;
	if (end_of(j, s) - 1 == w->now)
		return state_put(w->due, s->start, k, &fresh) != NULL ? 0 : join_failed(j);
	if ((rc = state_touch(w->map, 0, s)) != 0)
		return rc;
	s->due = end_of(j, s) - 1;
	return timer_set(j, k, s->due);
}

/* A timer of the namespace `now`. */
static int
on_timer(struct join *j, struct op *op, void *v)
{
	struct state_key k = state_key_of(j->windowed->timers, v);
	int64_t at = *(int64_t *)v;

	(void)op;
	return at > j->windowed->now ? timer_set(j, &k, at) : look_at(j, &k);
}

/* The rows of a bag that belong to the session at hand come first, in their order; *n bytes. */
static int
part(struct windowed *w, struct bag *b, int64_t last, uint32_t *n)
{
	uint8_t *r, *to = b->p;
	uint32_t len;
	int rc;

	w->rest.n = 0;
	for (r = b->p; r < bag_end(b); r += len) {
		len = row_len(r);
		if (row_time(r) <= last) {
			memmove(to, r, len);
			to += len;
		} else if ((rc = buf_put(&w->rest, r, len)) != 0) {
			return rc;
		}
	}
	if (w->rest.n > 0)
		memcpy(to, w->rest.p, w->rest.n);
	*n = b->n - (uint32_t)w->rest.n;
	return 0;
}

/* The session at hand has been given out: it goes, and the key's next one is the first now. */
static int
end_session(struct join *j, struct session *s)
{
	struct windowed *w = j->windowed;
	struct state_key k = key_at_hand(w);
	int rc;

	if (s->next == NEVER)
		return state_drop(w->map, 0, s);
	if ((rc = state_touch(w->map, 0, s)) != 0)
		return rc;
	for (unsigned side = 0; side < 2; side++) {
		struct bag *b = bag_of(&w->rows, s, side);

		if (w->n[side] == 0)
			continue;
		b->n -= w->n[side];
		memmove(b->p, b->p + w->n[side], b->n);
		bag_trim(&w->rows, b);
	}
	s->start = s->last = s->next; /* where it ends is not known before it is measured */
	s->due = end_of(j, s) - 1;
	return timer_set(j, &k, s->due);
}

/* ---- time goes on ---- */

/* Go on with what is at hand, to its end. */
static int
finish(struct join *j, struct op *op, void *v)
{
	int rc = give(j, op, v);

	if (rc != 0)
		return rc;
	j->windowed->busy = false;
	return sessions(j) ? end_session(j, v) : 0;
}

/* A key of a tumbling, sliding or cumulating window. */
static int
on_key(struct join *j, struct op *op, void *v)
{
	struct windowed *w = j->windowed;
	struct state_key k = state_key_of(w->map, v);
	int64_t end = w->walk.ns;
	int64_t start =
	    j->spec.window == JOIN_CUMULATE ? floor_to(end - 1, j->spec.size) : end - j->spec.size;
	int rc = take(j, &k, v, end, start, end);

	return rc != 0 ? rc : finish(j, op, v);
}

/* A key whose first session is over. */
static int
on_due(struct join *j, struct op *op, void *v)
{
	struct windowed *w = j->windowed;
	struct state_key k = state_key_of(w->due, v);
	struct session *s = state_find(w->map, 0, &k);
	int rc;

	if (s == NULL)
		return state_error(j->state) != 0
			   ? state_error(j->state)
			   : ferr(FERR_CORRUPT, "a session that is due is not in state");
	if ((rc = take(j, &k, s, 0, s->start, end_of(j, s))) != 0)
		return rc;
	if (s->next != NEVER && (rc = state_touch(w->map, 0, s)) != 0)
		return rc;
	for (unsigned side = 0; side < 2 && s->next != NEVER; side++) {
		if ((rc = part(w, bag_of(&w->rows, s, side), s->last, &w->n[side])) != 0)
			return rc;
	}
	return finish(j, op, s);
}

/* Go on with the entries of a namespace, the one that is walked if one is; then it is dropped.  0
 * or FERR_AGAIN. */
static int
sweep(struct join *j, struct op *op, struct state_map *map, int64_t ns,
      int (*on)(struct join *, struct op *, void *))
{
	struct windowed *w = j->windowed;
	void *v;
	int rc;

	if (w->walk.cursor == NULL && (rc = state_walk_begin(&w->walk, map, ns, true)) != 0)
		return rc;
	while ((v = state_walk_next(&w->walk, &rc)) != NULL) {
		if ((rc = on(j, op, v)) != 0)
			return rc;
		if (must_stop(j, op))
			return FERR_AGAIN;
	}
	state_walk_end(&w->walk);
	return rc != 0 ? rc : state_ns_drop(map, ns);
}

static int
fire_aligned(struct join *j, struct op *op)
{
	struct windowed *w = j->windowed;
	int64_t end;
	int rc = 0;

	while (rc == 0 && state_ns_next(w->map, INT64_MIN, &end) && end - 1 <= j->wm)
		rc = sweep(j, op, w->map, end, on_key);
	return rc;
}

/* The timers come one time after the other; the sessions that end at each go out by their start. */
static int
fire_sessions(struct join *j, struct op *op)
{
	struct windowed *w = j->windowed;
	int64_t ns;
	int rc = 0;

	while (rc == 0) {
		if (w->walk.map != w->timers && state_ns_next(w->due, INT64_MIN, &ns)) {
			rc = sweep(j, op, w->due, ns, on_due);
		} else if (state_ns_next(w->timers, INT64_MIN, &ns) && ns <= j->wm) {
			w->now = ns;
			rc = sweep(j, op, w->timers, ns, on_timer);
		} else {
			return 0;
		}
	}
	return rc;
}

/* The watermark has grown, or the output has room again. */
static int
windowed_fire(struct join *j, struct op *op)
{
	struct windowed *w = j->windowed;
	int rc = 0;

	if (w->busy) {
		struct state_key k = key_at_hand(w);
		void *v = state_find(w->map, w->ns, &k);

		if (v == NULL)
			rc = state_error(j->state) != 0
				 ? state_error(j->state)
				 : ferr(FERR_CORRUPT, "a window that is given out is not in state");
		else
			rc = finish(j, op, v);
	}
	if (rc != 0)
		return rc;
	return sessions(j) ? fire_sessions(j, op) : fire_aligned(j, op);
}

const struct join_kind_ops join_window_ops = {
	.open = windowed_open,
	.add = windowed_add,
	.mark = windowed_fire,
	.resume = windowed_fire,
	.prefetch = windowed_prefetch,
	.restored = windowed_restored,
	.close = windowed_close,
	.timed = true,
};
