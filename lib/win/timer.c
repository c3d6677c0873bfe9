/*
 * timer: when keys are to be looked at, and what has come due; see win_internal.h.
 *
 * Timers are no part of a checkpoint: they are made from the state after a restore.  An entry of
 * w->timers (time -> key -> at, i64) says that the key need not be looked at before `at`.
 *
 * A timer stands in the namespace of a time at or before `at`, the coarser the further away it is.
 * When that time has come it moves to a finer one, so there are few namespaces at a time, and a
 * timer moves a few times only.
 */
#include <stdlib.h>

#include "win/win_internal.h"

int
win_timers_open(struct win *w)
{
	static const struct state_type t = {
		.name = "timer", .size = 8, .version = 1, .transient = true
	};

	return state_map_open(w->state, &w->timers, &t);
}

/* The namespace of a timer, in (clock, at]: at less up to an eighth of the way there. */
static int64_t
timer_ns(int64_t at, int64_t clock)
{
	uint64_t far = (uint64_t)at - (uint64_t)clock;

	if (at <= clock || far < 8)
		return at;
	return at & -(int64_t)(1ULL << (60 - __builtin_clzll(far)));
}

int
win_timer_set(struct win *w, const struct state_key *k, int64_t at, int64_t clock)
{
	bool fresh;
	int64_t *v = state_put(w->timers, timer_ns(at, clock), k, &fresh);

	if (v == NULL)
		return win_failed(w);
	if (fresh || at < *v)
		*v = at;
	return 0;
}

/* The timers of a namespace: those that have come are looked at, the others move on. */
static int
run_one(struct win *w, int64_t ns, int64_t clock,
	int (*look)(struct win *w, const struct state_key *k, int64_t clock))
{
	struct state_walk walk = { 0 };
	const int64_t *at;
	int rc = state_walk_begin(&walk, w->timers, ns, false);

	while (rc == 0 && (at = state_walk_next(&walk, &rc)) != NULL) {
		struct state_key k = state_key_of(w->timers, at);

		rc = *at <= clock ? look(w, &k, clock) : win_timer_set(w, &k, *at, clock);
	}
	state_walk_end(&walk);
	return rc != 0 ? rc : state_ns_drop(w->timers, ns);
}

/* ---- what is due ---- */

struct win_due *
win_due_add(struct win *w, const struct state_key *k, int64_t start, int64_t end)
{
	struct win_dues *l = &w->due;
	struct win_due *v;

	if (l->n == l->cap) {
		size_t cap = l->cap != 0 ? 2 * l->cap : 64;

		if ((v = realloc(l->v, cap * sizeof(*v))) == NULL) {
			ferr(FERR_NOMEM, "out of memory");
			return NULL;
		}
		l->v = v;
		l->cap = cap;
	}
	v = &l->v[l->n];
	*v = (struct win_due){
		.end = end, .start = start, .hash = k->hash, .key = l->keys.n, .nkey = k->n
	};
	if (buf_put(&l->keys, k->p, k->n) != 0)
		return NULL;
	l->n++;
	return v;
}

struct state_key
win_due_key(const struct win *w, const struct win_due *d)
{
	return (struct state_key){ d->hash, d->nkey != 0 ? w->due.keys.p + d->key : NULL, d->nkey };
}

static int
firing_order(const void *a, const void *b, void *cookie)
{
	const struct win_due *x = a, *y = b;
	const struct win *w = cookie;
	uint32_t n = x->nkey < y->nkey ? x->nkey : y->nkey;
	int c;

	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	c = n != 0 ? memcmp(win_due_key(w, x).p, win_due_key(w, y).p, n) : 0;
	return c != 0 ? c : x->nkey < y->nkey ? -1 : x->nkey > y->nkey;
}

/* In the order of the firing.  Two timers of a key may have found the same. */
static void
sort_due(struct win *w)
{
	struct win_dues *l = &w->due;
	size_t n = 0;

	if (l->n < 2)
		return;
	qsort_r(l->v, l->n, sizeof(*l->v), firing_order, w);
	for (size_t i = 1; i < l->n; i++) {
		if (firing_order(&l->v[n], &l->v[i], w) != 0)
			l->v[++n] = l->v[i];
	}
	l->n = n + 1;
}

/* What is due goes out by time, so it is enough to go on to the next namespace of timers, and what
 * is gathered stays small. */
int
win_timers_run(struct win *w, bool all,
	       int (*look)(struct win *w, const struct state_key *k, int64_t clock))
{
	int64_t ns, next, clock;
	int rc;

	while ((all || w->due.n == 0) && state_ns_next(w->timers, INT64_MIN, &ns) && ns <= w->wm) {
		clock = w->wm;
		if (!all && state_ns_next(w->timers, ns + 1, &next) && next <= clock)
			clock = next - 1;
		if ((rc = run_one(w, ns, clock, look)) != 0)
			return rc;
	}
	sort_due(w);
	return 0;
}

void
win_due_clear(struct win *w)
{
	w->due.n = w->due.i = 0;
	w->due.keys.n = 0;
}

void
win_due_fini(struct win *w)
{
	buf_fini(&w->due.keys);
	free(w->due.v);
}
