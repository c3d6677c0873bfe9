/*
 * session: windows that grow while records of a key come at most a gap apart (C10-C12).
 *
 * State: per key the list of its open sessions, by start.  Timers are not state: a heap of (time,
 * key) in memory with one valid timer per key, at or before the key's next due time; one that comes
 * too early is set anew, so a session that only grows costs nothing.  The heap can be made from the
 * state at any time.
 */
#include <stdlib.h>

#include "win/win_internal.h"

struct sess {
	int64_t start, end;
	bool fired;
	uint8_t *block;
};

/* The value of a key. */
struct keyed {
	uint32_t n, cap;
	uint64_t refs; /* timers and firings that point here */
	int64_t timer; /* the timer that counts, WIN_NEVER: none; others in the heap are void */
	struct sess *s;
};

struct timer {
	int64_t at;
	struct keyed *v;
};

struct firing {
	int64_t start, end;
	struct keyed *v;
	uint8_t *block;
	bool own; /* the session is gone, the block is ours */
};

struct session {
	struct timer *heap;
	size_t n, cap;
	struct firing *due; /* in the order of the firing */
	size_t ndue, capdue, idue;
	struct win *w;
	int64_t early_at;
};

static void
keyed_fini(void *cookie, void *value)
{
	struct win *w = cookie;
	struct keyed *v = value;

	for (uint32_t i = 0; i < v->n; i++) {
		aggs_fini(w->aggs, v->s[i].block);
		free(v->s[i].block);
	}
	free(v->s);
}

static int
session_open(struct win *w)
{
	struct state_type t = { .name = "session",
				.size = sizeof(struct keyed),
				.version = 1,
				.cookie = w,
				.fini = keyed_fini };

	if ((w->session = calloc(1, sizeof(*w->session))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	w->session->early_at = WM_MIN;
	return state_map_open(w->state, &w->map, &t);
}

static void
session_close(struct win *w)
{
	struct session *t = w->session;

	if (t == NULL)
		return;
	for (size_t i = t->idue; i < t->ndue; i++) {
		if (t->due[i].own) {
			aggs_fini(w->aggs, t->due[i].block);
			free(t->due[i].block);
		}
	}
	free(t->heap);
	free(t->due);
	free(t);
}

/* ---- timers: a binary heap ---- */

/* See that the key is looked at by `at`. */
static int
timer_set(struct session *t, int64_t at, struct keyed *v)
{
	struct timer *h;
	size_t i, up;

	if (at >= v->timer)
		return 0;
	if (t->n == t->cap) {
		t->cap = t->cap != 0 ? 2 * t->cap : 64;
		if ((h = realloc(t->heap, t->cap * sizeof(*h))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		t->heap = h;
	}
	for (i = t->n++; i > 0 && t->heap[up = (i - 1) / 2].at > at; i = up)
		t->heap[i] = t->heap[up];
	t->heap[i] = (struct timer){ at, v };
	v->timer = at;
	v->refs++;
	return 0;
}

/* Take the first timer off; *valid tells whether it is the one that counts. */
static struct keyed *
timer_pop(struct session *t, bool *valid)
{
	struct keyed *v = t->heap[0].v;
	int64_t at = t->heap[0].at;
	struct timer last = t->heap[--t->n];
	size_t i = 0, k;

	while ((k = 2 * i + 1) < t->n) {
		if (k + 1 < t->n && t->heap[k + 1].at < t->heap[k].at)
			k++;
		if (t->heap[k].at >= last.at)
			break;
		t->heap[i] = t->heap[k];
		i = k;
	}
	t->heap[i] = last;
	v->refs--;
	*valid = v->timer == at;
	if (*valid)
		v->timer = WIN_NEVER;
	return v;
}

/* ---- sessions of a key ---- */

static void
remove_at(struct keyed *v, uint32_t i)
{
	memmove(v->s + i, v->s + i + 1, (v->n - i - 1) * sizeof(*v->s));
	v->n--;
}

static int
insert_at(struct win *w, struct keyed *v, uint32_t i, int64_t start, int64_t end)
{
	struct sess *s;
	uint8_t *block;
	int rc;

	if (v->n == v->cap) {
		uint32_t cap = v->cap != 0 ? 2 * v->cap : 1;

		if ((s = realloc(v->s, cap * sizeof(*s))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		v->s = s;
		v->cap = cap;
	}
	if ((rc = state_account(w->state, (int64_t)(sizeof(*s) + w->asize))) != 0)
		return rc;
	if ((block = calloc(1, w->asize)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	memmove(v->s + i + 1, v->s + i, (v->n - i) * sizeof(*v->s));
	v->s[i] = (struct sess){ .start = start, .end = end, .block = block };
	v->n++;
	return 0;
}

static void
free_block(struct win *w, uint8_t *block)
{
	state_account(w->state, -(int64_t)(sizeof(struct sess) + w->asize));
	win_block_clear(w, block);
	free(block);
}

static inline int64_t
lateness(const struct win *w)
{
	return w->spec.proc ? 0 : w->spec.lateness;
}

/* When something next happens to a session: it fires, gives an early result, or is forgotten. */
static int64_t
due_at(const struct win *w, const struct sess *s)
{
	int64_t k, d = w->spec.early, at = s->end - 1, now = w->session->early_at;

	if (s->fired)
		return sat_add(s->end - 1, lateness(w));
	if (d == 0)
		return at;
	k = now < s->start ? 1 : (now + 1 - s->start) / d + 1;
	return s->start + k * d < s->end ? s->start + k * d - 1 : at;
}

static int64_t
key_due(const struct win *w, const struct keyed *v)
{
	int64_t at = WIN_NEVER, t;

	for (uint32_t i = 0; i < v->n; i++) {
		if ((t = due_at(w, &v->s[i])) < at)
			at = t;
	}
	return at;
}

/* ---- records in ---- */

/* Merge sessions i+1.. that [i] touches now into it. */
static int
merge_right(struct win *w, struct keyed *v, uint32_t i)
{
	struct sess *a = &v->s[i], *b;
	int rc;

	while (i + 1 < v->n && (b = a + 1)->start <= a->end) {
		if ((rc = win_block_merge(w, a->block, b->block)) != 0)
			return rc;
		if (b->end > a->end)
			a->end = b->end;
		free_block(w, b->block);
		remove_at(v, i + 1);
	}
	return 0;
}

static int
session_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	int64_t end = sat_add(ts, w->spec.size), start = ts;
	struct keyed *v = state_find(w->map, 0, k);
	struct sess *s;
	uint32_t i = 0, n = v != NULL ? v->n : 0;
	bool fresh, merged;
	int rc;

	/* The first session that the record's own window touches (C10), else where it would stand.
	 */
	while (i < n && v->s[i].end < start)
		i++;
	merged = i < n && v->s[i].start <= end;
	if (!merged && sat_add(end - 1, lateness(w)) <=
			   w->wm) /* C11: merge first, then look whether it is late */
		return win_late(w, op, row);
	if (v == NULL) {
		if ((v = state_put(w->map, 0, k, &fresh)) == NULL)
			return FERR_NOMEM;
		v->timer = WIN_NEVER;
	}
	if (!merged && (rc = insert_at(w, v, i, start, end)) != 0)
		return rc;
	s = &v->s[i];
	if (start < s->start)
		s->start = start;
	if (end > s->end)
		s->end = end;
	if ((rc = win_block_add(w, s->block)) != 0 || (rc = merge_right(w, v, i)) != 0)
		return rc;
	s = &v->s[i];
	s->fired = s->end - 1 <= w->wm;
	if (s->fired) /* C5, C12: within lateness it fires at once, with all it holds */
		rc = win_fire(w, op, k, s->block, s->start, s->end, s->end - 1);
	return rc != 0 ? rc : timer_set(w->session, due_at(w, s), v);
}

/* ---- firing ---- */

static int
due_push(struct session *t, struct firing f)
{
	struct firing *d;

	if (t->ndue == t->capdue) {
		t->capdue = t->capdue != 0 ? 2 * t->capdue : 64;
		if ((d = realloc(t->due, t->capdue * sizeof(*d))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		t->due = d;
	}
	t->due[t->ndue++] = f;
	f.v->refs++;
	return 0;
}

/* Note what is due of one key; sessions that are over go. */
static int
key_fire(struct win *w, struct keyed *v)
{
	struct session *t = w->session;
	uint32_t i = 0;
	int rc = 0;

	while (i < v->n && rc == 0) {
		struct sess *s = &v->s[i];
		bool fire = !s->fired && s->end - 1 <= w->wm;
		bool gone = (s->fired || fire) && sat_add(s->end - 1, lateness(w)) <= w->wm;
		bool early = !fire && !s->fired && w->spec.early != 0 && due_at(w, s) <= w->wm;

		if (fire || early)
			rc = due_push(t, (struct firing){ s->start, s->end, v, s->block, gone });
		else if (gone)
			free_block(w, s->block);
		s->fired = s->fired || fire;
		if (gone)
			remove_at(v, i);
		else
			i++;
	}
	return rc;
}

static int
firing_order(const void *a, const void *b, void *cookie)
{
	const struct firing *x = a, *y = b;
	struct state_key p, q;
	int c;

	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	p = state_key_of(cookie, x->v);
	q = state_key_of(cookie, y->v);
	if (p.hash != q.hash)
		return p.hash < q.hash ? -1 : 1;
	c = memcmp(p.p, q.p, p.n < q.n ? p.n : q.n);
	return c != 0 ? c : p.n < q.n ? -1 : p.n > q.n;
}

static void
release(struct win *w, struct keyed *v)
{
	if (v->refs == 0 && v->n == 0)
		state_drop(w->map, 0, v);
}

/* Take everything that is due at w->wm off the heap. */
static int
gather(struct win *w)
{
	struct session *t = w->session;
	int64_t at;
	size_t later = 0, cap = 0;
	struct keyed **again = NULL, **p;
	bool valid;
	int rc = 0;

	t->ndue = t->idue = 0;
	while (t->n > 0 && t->heap[0].at <= w->wm && rc == 0) {
		struct keyed *v = timer_pop(t, &valid);

		if (!valid) {
			release(w, v);
			continue;
		}
		if (later == cap) {
			cap = cap != 0 ? 2 * cap : 64;
			if ((p = realloc(again, cap * sizeof(*p))) == NULL) {
				free(again);
				return ferr(FERR_NOMEM, "out of memory");
			}
			again = p;
		}
		again[later++] = v;
		v->refs++; /* stays until it has been looked at below */
		rc = key_fire(w, v);
	}
	t->early_at = w->wm;
	for (size_t i = 0; i < later && rc == 0; i++) {
		again[i]->refs--;
		if ((at = key_due(w, again[i])) != WIN_NEVER)
			rc = timer_set(t, at, again[i]);
		else
			release(w, again[i]);
	}
	free(again);
	if (rc == 0 && t->ndue > 1)
		qsort_r(t->due, t->ndue, sizeof(*t->due), firing_order, w->map);
	return rc;
}

/* Firings have windows of their own, so the cursor holds one at a time. */
static int
session_next(struct win *w, struct op *op)
{
	struct session *t = w->session;
	struct win_cursor *c = &w->cur;
	const struct firing *f;
	int rc;

	(void)op;
	if (t->idue == t->ndue) {
		if ((rc = gather(w)) != 0 || t->ndue == 0)
			return rc;
	}
	f = &t->due[t->idue];
	if (c->cap == 0) {
		if ((c->v = malloc(sizeof(*c->v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		c->cap = 1;
	}
	c->map = w->map;
	c->v[0] = f->v;
	c->n = 1;
	c->at = f->block;
	c->start = f->start;
	c->end = f->end;
	return 1;
}

static void
session_done(struct win *w)
{
	struct session *t = w->session;
	struct firing *f = &t->due[t->idue++];

	f->v->refs--;
	if (f->own)
		free_block(w, f->block);
	release(w, f->v);
}

static int64_t
session_due(struct win *w)
{
	return w->session->n == 0 ? WIN_NEVER : w->session->heap[0].at + 1;
}

const struct win_kind_ops win_session_ops = {
	.add = session_add,
	.next = session_next,
	.done = session_done,
	.due = session_due,
	.open = session_open,
	.close = session_close,
};
