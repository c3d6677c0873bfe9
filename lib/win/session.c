/*
 * session: windows that grow while records of a key come at most a gap apart (C10-C12).
 *
 * State: per key the list of its open sessions, by start.  A session that only grows leaves its
 * timer alone; one that comes too early is set anew.  So every key with sessions has a timer at or
 * before its next due time, and maybe others, which find nothing to do.
 */
#include "base/bytes.h"
#include "win/win_internal.h"

#include <stdlib.h>

/* A session; its block stands behind it. */
struct sess {
	int64_t start, end;
	int64_t fired;
};

/* The value of a key. */
struct keyed {
	uint32_t n, cap;
	uint8_t *s; /* cap sessions, by start; none touches another */
};

static inline size_t
sess_size(const struct win *w)
{
	return sizeof(struct sess) + w->asize;
}

static inline struct sess *
sess_at(const struct win *w, const struct keyed *v, uint32_t i)
{
	return (struct sess *)(void *)(v->s + i * sess_size(w));
}

static inline void *
block_of(struct sess *s)
{
	return s + 1;
}

/* ---- the value ---- */

static void
keyed_fini(void *cookie, void *value)
{
	struct win *w = cookie;
	struct keyed *v = value;

	for (uint32_t i = 0; i < v->n && !w->plain; i++)
		aggs_fini(w->aggs, block_of(sess_at(w, v, i)));
	free(v->s);
}

static size_t
keyed_memory(void *cookie, const void *value)
{
	const struct win *w = cookie;
	const struct keyed *v = value;
	size_t n = v->cap * sess_size(w);

	for (uint32_t i = 0; i < v->n && !w->plain; i++)
		n += aggs_memory(w->aggs, block_of(sess_at(w, v, i)));
	return n;
}

/* Each session: start, end (i64), fired (u8), block. */
static int
keyed_encode(void *cookie, const void *value, struct buf *out)
{
	const struct win *w = cookie;
	const struct keyed *v = value;
	int rc = 0;

	for (uint32_t i = 0; i < v->n && rc == 0; i++) {
		struct sess *s = sess_at(w, v, i);

		if ((rc = buf_put(out, &s->start, 8)) == 0 &&
		    (rc = buf_put(out, &s->end, 8)) == 0 &&
		    (rc = buf_putc(out, (uint8_t)s->fired)) == 0)
			rc = win_block_put(w, block_of(s), out);
	}
	return rc;
}

/* Room for one more session. */
static int
keyed_grow(const struct win *w, struct keyed *v)
{
	uint32_t cap = v->cap != 0 ? 2 * v->cap : 1;
	uint8_t *s;

	if (v->n < v->cap)
		return 0;
	if ((s = realloc(v->s, cap * sess_size(w))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	v->s = s;
	v->cap = cap;
	return 0;
}

static int
decode_one(const struct win *w, struct keyed *v, const uint8_t **p, const uint8_t *end)
{
	struct sess *s;
	int rc;

	if (end - *p < 17)
		return ferr(FERR_CORRUPT, "the state of a session is too short");
	if ((rc = keyed_grow(w, v)) != 0)
		return rc;
	s = sess_at(w, v, v->n);
	s->start = (int64_t)le64get(*p);
	s->end = (int64_t)le64get(*p + 8);
	s->fired = (*p)[16];
	*p += 17;
	if (s->end < s->start || s->fired > 1 ||
	    (v->n > 0 && s->start <= sess_at(w, v, v->n - 1)->end))
		return ferr(FERR_CORRUPT, "the state of a session is damaged");
	if ((rc = win_block_get(w, block_of(s), p, end)) == 0)
		v->n++;
	return rc;
}

static int
keyed_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	struct win *w = cookie;
	struct keyed *v = value;
	const uint8_t *end = p + n;
	int rc = 0;

	*v = (struct keyed){ 0 };
	while (p < end && rc == 0)
		rc = decode_one(w, v, &p, end);
	if (rc != 0) {
		keyed_fini(w, v);
		*v = (struct keyed){ 0 };
	}
	return rc;
}

static int
session_open(struct win *w, struct op *op)
{
	struct state_type keyed = { .name = "session",
				    .size = sizeof(struct keyed),
				    .version = 1,
				    .cookie = w,
				    .fini = keyed_fini,
				    .encode = keyed_encode,
				    .decode = keyed_decode,
				    .memory = keyed_memory };
	int rc;

	(void)op;
	w->session_early = WM_MIN;
	if ((rc = state_map_open(w->state, &w->map, &keyed)) != 0)
		return rc;
	return win_timers_open(w);
}

/* Forget the firings, and what they own. */
static void
forget_due(struct win *w)
{
	for (size_t i = 0; i < w->due.n && !w->plain; i++) {
		if (w->due.v[i].own)
			aggs_fini(w->aggs, w->session_blocks.p + w->due.v[i].block);
	}
	win_due_clear(w);
	w->session_blocks.n = 0;
}

static void
session_close(struct win *w)
{
	forget_due(w);
	buf_fini(&w->session_blocks);
}

/* ---- when something is due ---- */

static inline int64_t
lateness(const struct win *w)
{
	return w->spec.proc ? 0 : w->spec.lateness;
}

/* Up to when early results of the key have been given, at watermark wm. */
static inline int64_t
early_since(const struct win *w, const struct state_key *k, int64_t wm)
{
	int64_t ahead = win_ahead_of(w, k);

	return ahead > wm ? ahead : wm;
}

/* When something next happens to a session behind `since`: it fires, gives an early result, or is
 * forgotten. */
static int64_t
due_at(const struct win *w, const struct sess *s, int64_t since)
{
	int64_t k, d = w->spec.early, at = s->end - 1;

	if (s->fired)
		return sat_add(s->end - 1, lateness(w));
	if (d == 0)
		return at;
	k = since < s->start ? 1 : (since + 1 - s->start) / d + 1;
	return s->start + k * d < s->end ? s->start + k * d - 1 : at;
}

static int64_t
key_due(const struct win *w, const struct keyed *v, int64_t since)
{
	int64_t at = WIN_NEVER, t;

	for (uint32_t i = 0; i < v->n; i++) {
		if ((t = due_at(w, sess_at(w, v, i), since)) < at)
			at = t;
	}
	return at;
}

/* The timers are not part of a checkpoint. */
static int
session_restored(struct win *w)
{
	struct state_walk walk = { 0 };
	const struct keyed *v;
	int rc = state_walk_begin(&walk, w->map, 0, false);

	w->session_early = w->wm;
	while (rc == 0 && (v = state_walk_next(&walk, &rc)) != NULL) {
		struct state_key k = state_key_of(w->map, v);

		rc = win_timer_set(w, &k, key_due(w, v, early_since(w, &k, w->wm)), w->wm);
	}
	state_walk_end(&walk);
	return rc;
}

/* ---- records in ---- */

static void
remove_at(const struct win *w, struct keyed *v, uint32_t i)
{
	v->n--;
	memmove(sess_at(w, v, i), sess_at(w, v, i + 1), (v->n - i) * sess_size(w));
}

static int
insert_at(struct win *w, struct keyed *v, uint32_t i, int64_t start, int64_t end)
{
	uint32_t cap = v->cap;
	struct sess *s;
	int rc;

	if ((rc = keyed_grow(w, v)) != 0 ||
	    (rc = state_account(w->state, (int64_t)((v->cap - cap) * sess_size(w)))) != 0)
		return rc;
	s = sess_at(w, v, i);
	memmove(sess_at(w, v, i + 1), s, (v->n - i) * sess_size(w));
	memset(s, 0, sess_size(w));
	s->start = start;
	s->end = end;
	v->n++;
	return 0;
}

/* Merge sessions i+1.. that [i] touches now into it. */
static int
merge_right(struct win *w, struct keyed *v, uint32_t i)
{
	struct sess *a = sess_at(w, v, i), *b;
	int rc;

	while (i + 1 < v->n && (b = sess_at(w, v, i + 1))->start <= a->end) {
		if ((rc = win_block_merge(w, block_of(a), block_of(b))) != 0)
			return rc;
		if (b->end > a->end)
			a->end = b->end;
		win_block_clear(w, block_of(b));
		remove_at(w, v, i + 1);
	}
	return 0;
}

/* Add the record to session i of the key, which its own window [start, end) touches (or is). */
static int
add_to(struct win *w, struct op *op, const struct state_key *k, struct keyed *v, uint32_t i,
       int64_t start, int64_t end)
{
	struct sess *s = sess_at(w, v, i);
	int rc;

	if (start < s->start)
		s->start = start;
	if (end > s->end)
		s->end = end;
	if ((rc = win_block_add(w, block_of(s))) != 0 || (rc = merge_right(w, v, i)) != 0)
		return rc;
	s->fired = s->end - 1 <= w->row_wm;
	if (s->fired) /* C5, C12: within lateness it fires at once, with all it holds */
		rc = win_fire(w, op, k, block_of(s), s->start, s->end, s->end - 1);
	return rc;
}

static int
session_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	int64_t end = sat_add(ts, w->spec.size), start = ts, before, at,
		since = early_since(w, k, w->session_early);
	struct keyed *v = state_find(w->map, 0, k);
	uint32_t i = 0, n = v != NULL ? v->n : 0;
	bool fresh, merged;
	int rc;

	/* The first session that the record's own window touches (C10), else where it would stand.
	 */
	while (i < n && sess_at(w, v, i)->end < start)
		i++;
	merged = i < n && sess_at(w, v, i)->start <= end;
	if (v == NULL && (rc = state_error(w->state)) != 0)
		return rc;
	if (!merged && sat_add(end - 1, lateness(w)) <=
			   w->row_wm) /* C11: merge first, then look whether it is late */
		return win_late(w, op, row);
	if (v != NULL)
		rc = state_touch(w->map, 0, v);
	else
		rc = (v = state_put(w->map, 0, k, &fresh)) != NULL ? 0 : win_failed(w);
	if (rc != 0)
		return rc;
	before = key_due(w, v, since);
	if ((!merged && (rc = insert_at(w, v, i, start, end)) != 0) ||
	    (rc = add_to(w, op, k, v, i, start, end)) != 0)
		return rc;
	at = due_at(w, sess_at(w, v, i), since);
	return at < before ? win_timer_set(w, k, at, w->wm) : 0;
}

/* ---- firing ---- */

static int
due_push(struct win *w, const struct state_key *k, struct sess *s, bool own)
{
	struct win_due *d = win_due_add(w, k, s->start, s->end);

	if (d == NULL)
		return FERR_NOMEM;
	d->block = w->session_blocks.n;
	if (own && buf_put(&w->session_blocks, block_of(s), w->asize) != 0)
		return ferr(FERR_NOMEM, "out of memory");
	d->own = own;
	return 0;
}

/* Note what is due of one key at time clock; sessions that are over go. */
static int
key_fire(struct win *w, const struct state_key *k, struct keyed *v, int64_t since, int64_t clock)
{
	uint32_t i = 0;
	int rc = 0;

	while (i < v->n && rc == 0) {
		struct sess *s = sess_at(w, v, i);
		bool fire = !s->fired && s->end - 1 <= clock;
		bool gone = (s->fired || fire) && sat_add(s->end - 1, lateness(w)) <= clock;
		bool early =
		    !fire && !s->fired && w->spec.early != 0 && due_at(w, s, since) <= clock;

		if ((fire || gone) && (rc = state_touch(w->map, 0, v)) != 0)
			return rc;
		if ((fire || early) && (rc = due_push(w, k, s, gone)) != 0)
			return rc;
		s->fired = s->fired || fire;
		if (!gone) {
			i++;
			continue;
		}
		if (!fire)
			win_block_clear(w, block_of(s));
		else if (!w->plain) /* it is ours now, not the state's any more */
			rc = state_account(w->state, -(int64_t)aggs_memory(w->aggs, block_of(s)));
		remove_at(w, v, i);
	}
	return rc;
}

/* A timer of the key has come. */
static int
key_look(struct win *w, const struct state_key *k, int64_t clock)
{
	struct keyed *v = state_find(w->map, 0, k);
	int rc;

	if (v == NULL)
		return state_error(w->state);
	if ((rc = key_fire(w, k, v, early_since(w, k, w->session_early), clock)) != 0)
		return rc;
	if (v->n == 0)
		return state_drop(w->map, 0, v);
	return win_timer_set(w, k, key_due(w, v, early_since(w, k, clock)), clock);
}

/* Early results do not come by their window's end: all of them are gathered. */
static int
session_next(struct win *w, struct op *op)
{
	int rc;

	(void)op;
	if ((rc = win_timers_run(w, w->spec.early != 0, key_look)) != 0)
		return rc;
	w->session_early = w->wm;
	return w->due.n > 0;
}

/* The block of a session that is still there. */
static const void *
find_block(struct win *w, const struct win_due *d, const struct state_key *k)
{
	struct keyed *v = state_find(w->map, 0, k);

	for (uint32_t i = 0; v != NULL && i < v->n; i++) {
		if (sess_at(w, v, i)->start == d->start)
			return block_of(sess_at(w, v, i));
	}
	return NULL;
}

static int
session_result(struct win *w, struct win_result *r)
{
	const struct win_due *d;

	if (w->due.i == w->due.n)
		return 0;
	d = &w->due.v[w->due.i++];
	r->key = win_due_key(w, d);
	r->block = d->own ? w->session_blocks.p + d->block : find_block(w, d, &r->key);
	if (r->block == NULL)
		return state_error(w->state) != 0
			   ? state_error(w->state)
			   : ferr(FERR_CORRUPT, "a session that is due is not in state");
	r->start = d->start;
	r->end = d->end;
	r->time = d->end - 1;
	return 1;
}

static int
session_done(struct win *w)
{
	forget_due(w);
	return 0;
}

static int64_t
session_due(struct win *w)
{
	int64_t ns;

	return state_ns_next(w->timers, INT64_MIN, &ns) ? ns + 1 : WIN_NEVER;
}

const struct win_kind_ops win_session_ops = {
	.add = session_add,
	.next = session_next,
	.result = session_result,
	.done = session_done,
	.due = session_due,
	.open = session_open,
	.restored = session_restored,
	.close = session_close,
};
