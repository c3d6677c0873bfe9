/*
 * running: kinds without time borders -- running (one updated result per record), global (one at
 * the end), count.
 * Values begin with a struct win_head.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "win/win_internal.h"

static int
head_open(struct win *w, struct op *op)
{
	(void)op;
	w->swept = WM_MIN;
	return win_map_open(w, &w->map, "keys", sizeof(struct win_head), false);
}

/* ---- running ---- */

/* Whether the stream changes is not known before its schema is: see win_on_schema. */
static int
running_open(struct win *w, struct op *op)
{
	int rc = head_open(w, op);

	return rc != 0 ? rc : win_changes_open(w);
}

static int
running_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	uint8_t *v;
	int rc;

	if (w->changing)
		return win_changes_add(w, op, row, ts, k);
	if ((v = win_touch(w, ts, k)) == NULL)
		return win_failed(w);
	if ((rc = win_block_add(w, v + sizeof(struct win_head))) != 0)
		return rc;
	return win_emit(w, op, k, v + sizeof(struct win_head), 0, 0, ts);
}

const struct win_kind_ops win_running_ops = {
	.add = running_add,
	.next = win_sweep,
	.open = running_open,
	.restored = win_sweep_restored,
};

/* ---- global ---- */

static int
global_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	uint8_t *v = win_touch(w, ts, k);

	(void)op;
	(void)row;
	return v != NULL ? win_block_add(w, v + sizeof(struct win_head)) : win_failed(w);
}

static int
global_next(struct win *w, struct op *op)
{
	int rc;

	if (w->wm != WM_MAX)
		return win_sweep(w, op);
	if (w->spec.ttl != 0 && (rc = win_expire(w, w->wm_before_end)) != 0)
		return rc;
	if (state_ns_count(w->map, 0) == 0)
		return 0;
	rc = state_walk_begin(&w->cur.walk, w->map, 0, true);
	return rc != 0 ? rc : 1;
}

static int
global_result(struct win *w, struct win_result *r)
{
	int rc = 0;
	struct win_head *h = state_walk_next(&w->cur.walk, &rc);

	if (h == NULL)
		return rc;
	*r = (struct win_result){ .key = state_key_of(w->map, h), .block = h + 1, .time = h->time };
	return 1;
}

static int
global_done(struct win *w)
{
	return state_ns_drop(w->map, 0);
}

const struct win_kind_ops win_global_ops = {
	.add = global_add,
	.next = global_next,
	.result = global_result,
	.done = global_done,
	.open = head_open,
	.restored = win_sweep_restored,
};

/* ---- count N, count N/S (C13) ---- */

/*
 * The last N records are kept as a ring of blocks of G = gcd(N, S) records each; every S records
 * the full blocks are merged, oldest first.  count N alone is one block that is given out and
 * cleared.
 */
struct count_head {
	struct win_head head;
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
	size_t n = r.blocks * w->asize;

	if (h->ring == NULL)
		return aggs_memory(w->aggs, h + 1);
	for (uint64_t i = 0; i < r.blocks && !w->plain; i++)
		n += aggs_memory(w->aggs, h->ring + i * w->asize);
	return n;
}

/* How many blocks hold something. */
static uint64_t
count_used(const struct count_head *h, const struct ring *r)
{
	uint64_t n = h->seen / r->g + (h->seen % r->g != 0);

	return h->ring == NULL ? 1 : n < r->blocks ? n : r->blocks;
}

static void *
count_block(const struct win *w, struct count_head *h, uint64_t i)
{
	return h->ring == NULL ? (void *)(h + 1) : h->ring + i * w->asize;
}

/* time (i64), seen (u64), is there a ring (u8), the used blocks. */
static int
count_encode(void *cookie, const void *value, struct buf *out)
{
	const struct win *w = cookie;
	struct count_head h;
	struct ring r = ring_of(w);
	int rc;

	memcpy(&h, value, sizeof(h));
	if ((rc = buf_put(out, &h.head.time, 8)) != 0 || (rc = buf_put(out, &h.seen, 8)) != 0 ||
	    (rc = buf_putc(out, h.ring != NULL)) != 0)
		return rc;
	if (h.ring == NULL)
		return win_block_put(w, (const uint8_t *)value + sizeof(h), out);
	for (uint64_t i = 0; i < count_used(&h, &r) && rc == 0; i++)
		rc = win_block_put(w, h.ring + i * w->asize, out);
	return rc;
}

static int
count_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	struct win *w = cookie;
	struct count_head *h = value;
	struct ring r = ring_of(w);
	const uint8_t *end = p + n;
	int rc = 0;

	if (n < 17 || p[16] > 1 || (p[16] == 1 && r.blocks == 1))
		return ferr(FERR_CORRUPT, "the state of a count window is damaged");
	memset(h, 0, sizeof(*h) + w->asize);
	h->head.time = (int64_t)le64get(p);
	h->seen = le64get(p + 8);
	if (p[16] == 1 && (h->ring = calloc(r.blocks, w->asize)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	p += 17;
	for (uint64_t i = 0; i < count_used(h, &r) && rc == 0; i++)
		rc = win_block_get(w, count_block(w, h, i), &p, end);
	if (rc == 0 && p != end)
		rc = ferr(FERR_CORRUPT, "the state of a count window is damaged");
	if (rc != 0) {
		count_fini(w, h);
		memset(h, 0, sizeof(*h));
	}
	return rc;
}

static int
count_open(struct win *w, struct op *op)
{
	struct state_type t = { .name = "count",
				.size = (uint32_t)(sizeof(struct count_head) + w->asize),
				.version = 1,
				.cookie = w,
				.fini = count_fini,
				.encode = count_encode,
				.decode = count_decode,
				.memory = count_memory };

	(void)op;
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
	int rc = 0;

	for (uint64_t i = from; i < full && rc == 0; i++)
		rc = win_block_merge(w, w->scratch, h->ring + i % r->blocks * w->asize);
	if (rc == 0)
		rc = win_emit(w, op, k, w->scratch, 0, 0, ts);
	win_block_clear(w, w->scratch);
	return rc;
}

static int
count_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts, const struct state_key *k)
{
	struct ring r = ring_of(w);
	struct count_head *h = win_touch(w, ts, k);
	void *block;
	int rc, dropped;

	(void)row;
	if (h == NULL)
		return win_failed(w);
	if (r.blocks > 1 && h->ring == NULL) {
		if ((rc = state_account(w->state, (int64_t)(r.blocks * w->asize))) != 0)
			return rc;
		if ((h->ring = calloc(r.blocks, w->asize)) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
	}
	block = count_block(w, h, h->seen / r.g % r.blocks);
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
	dropped = state_drop(w->map, 0, h);
	return rc != 0 ? rc : dropped;
}

const struct win_kind_ops win_count_ops = {
	.add = count_add,
	.next = win_sweep,
	.open = count_open,
	.restored = win_sweep_restored,
};
