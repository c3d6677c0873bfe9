/*
 * running: kinds without time borders -- running (one updated result per record), global (one at
 * the end), count.
 *
 * Values begin with the greatest event time of the key's records (ROW_NOTIME: none); --ttl counts
 * from it.
 */
#include <stdlib.h>

#include "win/win_internal.h"

struct head {
	int64_t time;
};

/* The key's value, new or expired ones made anew. */
static void *
touch(struct win *w, int64_t ts, const struct state_key *k)
{
	int64_t now = ts > w->wm ? ts : w->wm;
	struct head *h;
	bool fresh;

	if ((h = state_put(w->map, 0, k, &fresh)) == NULL)
		return NULL;
	if (!fresh && w->spec.ttl != 0 && h->time != ROW_NOTIME &&
	    sat_add(h->time, w->spec.ttl) <= now) {
		state_drop(w->map, 0, h);
		if ((h = state_put(w->map, 0, k, &fresh)) == NULL)
			return NULL;
	}
	if (fresh)
		h->time = ROW_NOTIME;
	if (ts > h->time)
		h->time = ts;
	return h;
}

/* Drop what has expired by time `now`. */
static int
expire(struct win *w, int64_t now)
{
	int64_t n = state_ns_values(w->map, 0, false, &w->cur.v, &w->cur.cap);

	for (int64_t i = 0; i < n; i++) {
		struct head *h = w->cur.v[i];

		if (h->time != ROW_NOTIME && sat_add(h->time, w->spec.ttl) <= now)
			state_drop(w->map, 0, h);
	}
	return n < 0 ? (int)n : 0;
}

/* Once per quarter of the time to live. */
static int
sweep(struct win *w)
{
	if (w->spec.ttl == 0 || w->wm == WM_MAX || w->wm < sat_add(w->swept, w->spec.ttl / 4))
		return 0;
	w->swept = w->wm;
	return expire(w, w->wm);
}

static int
head_open(struct win *w)
{
	w->swept = WM_MIN;
	return win_map_open(w, &w->map, "keys", sizeof(struct head));
}

/* ---- running ---- */

static int
running_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	uint8_t *v = touch(w, ts, k);
	int rc;

	(void)row;
	if (v == NULL)
		return FERR_NOMEM;
	if ((rc = win_block_add(w, v + sizeof(struct head))) != 0)
		return rc;
	return win_emit(w, op, k, v + sizeof(struct head), 0, 0, ts);
}

static int
running_next(struct win *w, struct op *op)
{
	(void)op;
	return sweep(w);
}

static void
nothing_done(struct win *w)
{
	(void)w;
}

const struct win_kind_ops win_running_ops = {
	.add = running_add,
	.next = running_next,
	.done = nothing_done,
	.open = head_open,
};

/* ---- global ---- */

static int
global_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	uint8_t *v = touch(w, ts, k);

	(void)op;
	(void)row;
	return v != NULL ? win_block_add(w, v + sizeof(struct head)) : FERR_NOMEM;
}

static int
global_next(struct win *w, struct op *op)
{
	struct win_cursor *c = &w->cur;
	int64_t n;
	int rc;

	(void)op;
	if (w->wm != WM_MAX)
		return sweep(w);
	if (w->spec.ttl != 0 && (rc = expire(w, w->wm_before_end)) != 0)
		return rc;
	if (state_ns_count(w->map, 0) == 0)
		return 0;
	if ((n = state_ns_values(w->map, 0, true, &c->v, &c->cap)) < 0)
		return (int)n;
	c->map = w->map;
	c->n = (size_t)n;
	c->block = sizeof(struct head);
	return 1;
}

static void
global_done(struct win *w)
{
	state_ns_drop(w->map, 0);
}

const struct win_kind_ops win_global_ops = {
	.add = global_add,
	.next = global_next,
	.done = global_done,
	.open = head_open,
};

/* ---- count N, count N/S (C13) ---- */

/*
 * The last N records are kept as a ring of blocks of G = gcd(N, S) records each; every S records
 * the full blocks are merged, oldest first.  count N alone is one block that is given out and
 * cleared.
 */
struct count_head {
	struct head head;
	uint64_t seen; /* records so far */
	uint8_t *ring; /* N/G blocks; NULL with one block, which stands behind this head then */
};

struct ring {
	uint64_t g, blocks, every;
};

static struct ring
ring_of(const struct win *w)
{
	int64_t n = w->spec.size, s = w->spec.slide != 0 ? w->spec.slide : n, g = gcd(n, s);

	return (struct ring){ .g = (uint64_t)g, .blocks = (uint64_t)(n / g), .every = (uint64_t)s };
}

static void
count_fini(void *cookie, void *value)
{
	struct win *w = cookie;
	struct count_head *h = value;
	struct ring r = ring_of(w);

	if (h->ring == NULL) {
		aggs_fini(w->aggs, h + 1);
		return;
	}
	for (uint64_t i = 0; i < r.blocks; i++)
		aggs_fini(w->aggs, h->ring + i * w->asize);
	free(h->ring);
}

static size_t
count_memory(void *cookie, const void *value)
{
	const struct win *w = cookie;
	const struct count_head *h = value;
	struct ring r = ring_of(w);
	size_t n = 0;

	if (h->ring == NULL)
		return aggs_memory(w->aggs, h + 1);
	for (uint64_t i = 0; i < r.blocks; i++)
		n += w->asize + aggs_memory(w->aggs, h->ring + i * w->asize);
	return n;
}

static int
count_open(struct win *w)
{
	struct state_type t = { .name = "count",
				.size = (uint32_t)(sizeof(struct count_head) + w->asize),
				.version = 1,
				.cookie = w,
				.fini = count_fini,
				.memory = count_memory };

	w->swept = WM_MIN;
	if (ring_of(w).blocks > 1000000)
		return ferr(
		    FERR_USAGE,
		    "count %lld/%lld keeps too many parts; let the second number divide the first",
		    (long long)w->spec.size, (long long)w->spec.slide);
	return state_map_open(w->state, &w->map, &t);
}

/* All full blocks of the ring, oldest first, as one. */
static int
count_fire(struct win *w, struct op *op, struct count_head *h, const struct ring *r, int64_t ts,
	   const struct state_key *k)
{
	uint64_t full = h->seen / r->g, from = full > r->blocks ? full - r->blocks : 0;
	void *sum = calloc(1, w->asize);
	int rc = sum == NULL ? ferr(FERR_NOMEM, "out of memory") : 0;

	for (uint64_t i = from; i < full && rc == 0; i++)
		rc = win_block_merge(w, sum, h->ring + i % r->blocks * w->asize);
	if (rc == 0)
		rc = win_emit(w, op, k, sum, 0, 0, ts);
	if (sum != NULL)
		win_block_clear(w, sum);
	free(sum);
	return rc;
}

static int
count_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	struct ring r = ring_of(w);
	struct count_head *h = touch(w, ts, k);
	uint8_t *block;
	int rc;

	(void)row;
	if (h == NULL)
		return FERR_NOMEM;
	block = (uint8_t *)(h + 1);
	if (r.blocks > 1 && h->ring == NULL) {
		if ((rc = state_account(w->state, (int64_t)(r.blocks * w->asize))) != 0)
			return rc;
		if ((h->ring = calloc(r.blocks, w->asize)) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
	}
	if (r.blocks > 1)
		block = h->ring + h->seen / r.g % r.blocks * w->asize;
	if (h->seen % r.g == 0)
		win_block_clear(w, block); /* the oldest part goes */
	if ((rc = win_block_add(w, block)) != 0)
		return rc;
	h->seen++;
	if (h->seen % r.every != 0)
		return 0;
	if (r.blocks > 1)
		return count_fire(w, op, h, &r, ts, k);
	rc = win_emit(w, op, k, block, 0, 0, ts);
	state_drop(w->map, 0, h);
	return rc;
}

const struct win_kind_ops win_count_ops = {
	.add = count_add,
	.next = running_next,
	.done = nothing_done,
	.open = count_open,
};
