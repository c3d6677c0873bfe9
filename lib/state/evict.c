/*
 * evict: what does not fit into memory goes to the spill, and comes back when it is asked for.
 *
 * A hand goes round the namespaces, oldest first, and within one over the range of hashes, so that
 * what it takes is dense in the order of the spill: one page written there serves many entries.
 * Entries that were used since it came by are left once.  Their blocks are used again by the same
 * namespace; when all of it has gone its chunks are given back.
 *
 * An entry that comes back keeps its row, so that it may go again without a write; dropped, it
 * stays as a ghost until the hand deletes the row.
 */
#include <malloc.h>
#include <stdlib.h>

#include "state/state_internal.h"

#define HAND_END 65536u
#define TRIM_LEAST (32 << 20)
#define ROUNDS 3u	    /* of the hand: one may only find what was used */
#define PART_MIN (8u << 20) /* bytes: of a larger namespace an eighth is planned at once */
#define AHEAD 16u
#define BATCH_MAX (256 << 10) /* bytes that one batch should free: it is a pause */
#define CLEAN_MAX 2048u	      /* void rows deleted at a time */

struct victim {
	uint64_t hash;
	struct sub *s;
	struct entry *e;
};

struct batch {
	struct victim *v;
	size_t n, cap;
	size_t bytes; /* of keys and values, roughly */
};

/* ---- back ---- */

int
state_evict_back(struct sub *s, const struct state_key *k, struct entry **out)
{
	struct state_map *m = s->map;
	struct spill_item it;
	struct entry *e;
	int rc;

	*out = NULL;
	if ((rc = state_spill_get(m->st->spill, s->serial, k, &it)) != 1)
		return rc;
	if ((rc = state_entry_new(s, k, &e)) != 0)
		return rc;
	s->spilled--;
	e->row = ROW_SAME;
	if ((rc = state_value_decode(m, e, it.value, it.n)) == 0 &&
	    (rc = state_epoch_back(s, e, it.base)) == 0) {
		*out = e;
		return 0;
	}
	state_entry_free(s, e);
	s->spilled++;
	return rc;
}

void
state_evict_same(struct sub *s, struct entry *e)
{
	if (e->row != ROW_SAME || (!s->map->t.transient && entry_pending(s->map->st, e)))
		return;
	state_entry_free(s, e);
	s->spilled++;
}

/* The blocks of a namespace are given back. */
static void
drop_plan(const struct sub *s)
{
	struct hand *h = &s->map->st->hand;

	if (h->planned == s)
		h->i = h->n = 0;
}

void
state_evict_forget(struct sub *s)
{
	struct state *st = s->map->st;

	if (st->hand.sub == s) {
		st->hand.sub = TAILQ_NEXT(s, all);
		st->hand.at = 0;
	}
	drop_plan(s);
	if (s->serial == 0)
		return;
	st->live--;
	if (st->spill != NULL)
		state_spill_void(st->spill, s->serial);
	s->serial = 0;
}

/* ---- choosing ---- */

/* Look through the range of hashes [from, to) of a namespace: they become the plan, in order. */
static int
plan(struct hand *h, struct sub *s, uint32_t from, uint32_t to)
{
	size_t most = s->n + s->ghosts;
	struct state_item *v;
	struct entry *e;

	h->i = h->n = 0;
	if (most == 0)
		return 0;
	if (most > h->cap) {
		if ((v = realloc(h->v, most * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		h->v = v;
		h->cap = most;
	}
	for (size_t i = 0; i <= s->mask; i++) {
		uint64_t slot = s->slot[i];

		if (slot != 0 && slot >> SLOT_SHIFT >= from && slot >> SLOT_SHIFT < to)
			h->v[h->n++].entry = slot_entry(slot);
	}
	for (size_t i = 0; i < h->n; i++) {
		if (i + AHEAD < h->n)
			__builtin_prefetch(h->v[i + AHEAD].entry);
		e = h->v[i].entry;
		h->v[i].hash = e->hash;
	}
	state_sort(h->v, h->n);
	h->planned = s;
	return 0;
}

/* Plan what comes next; false: the hand is at the end. */
static int
plan_next(struct state *st, bool *end)
{
	struct hand *h = &st->hand;
	struct sub *s = h->sub;
	size_t live;
	uint32_t from = h->at, to = HAND_END;

	*end = s == NULL;
	if (s == NULL) {
		h->sub = TAILQ_FIRST(&st->all);
		h->at = 0;
		h->rounds++;
		return 0;
	}
	live = s->bytes - s->idle;
	if (live > PART_MIN && from + HAND_END / 8 < HAND_END)
		to = from + HAND_END / 8;
	h->at = to == HAND_END ? 0 : to;
	if (to == HAND_END)
		h->sub = TAILQ_NEXT(s, all);
	return plan(h, s, from, to);
}

static size_t
weight(const struct state_type *t, struct entry *e)
{
	size_t heap =
	    e->tag != TAG_GHOST && t->memory != NULL ? t->memory(t->cookie, value_of(e)) : 0;

	return block_size(e) + heap;
}

static int
push(struct batch *b, struct sub *s, struct entry *e)
{
	size_t cap = b->cap != 0 ? 2 * b->cap : 1024;
	struct victim *v;

	if (b->n == b->cap) {
		if ((v = realloc(b->v, cap * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		b->v = v;
		b->cap = cap;
	}
	b->v[b->n++] = (struct victim){ e->hash, s, e };
	b->bytes += weight(&s->map->t, e);
	return 0;
}

/*
 * Take about `want` bytes off the plan.  A block of the plan may be free by now, or be another
 * entry's; that one may go as well.
 */
static int
collect(struct state *st, struct batch *b, size_t want, bool all)
{
	struct hand *h = &st->hand;
	bool end;
	int rc;

	b->n = b->bytes = 0;
	while (b->bytes < want && h->rounds < ROUNDS) {
		struct entry *e;

		if (h->i == h->n) {
			if ((rc = plan_next(st, &end)) != 0)
				return rc;
			if (end && b->n != 0) /* no entry may be in a batch twice */
				break;
			continue;
		}
		if (h->i + AHEAD < h->n)
			__builtin_prefetch(h->v[h->i + AHEAD].entry);
		e = h->v[h->i++].entry;
		if (e->tag == TAG_FREE)
			continue;
		if (e->used && !all)
			e->used = 0;
		else if ((rc = push(b, h->planned, e)) != 0)
			return rc;
	}
	return 0;
}

/* ---- out ---- */

/* A dropped namespace whose entries nobody needs once they are settled; a full copy looks at rows.
 */
static bool
is_done(const struct sub *s)
{
	return s->gone && s->map->st->copy != COPY_FULL;
}

static int
write_row(struct state *st, const struct victim *v, struct buf *scratch)
{
	const struct state_map *m = v->s->map;
	struct spill_item it = { .key = { v->hash, key_of(m, v->e), v->e->klen },
				 .base = st->base };
	int rc;

	if (v->e->tag == TAG_GHOST)
		return state_spill_del(st->spill, v->s->serial, &it.key);
	if ((rc = state_epoch_settle(v->s, v->e)) != 0 || v->e->row == ROW_SAME || is_done(v->s))
		return rc;
	it.value = (const uint8_t *)value_of(v->e);
	it.n = m->t.size;
	if (m->t.encode != NULL) {
		scratch->n = 0;
		if ((rc = state_value_encode(scratch, m, v->e)) != 0)
			return rc;
		if (scratch->n > UINT32_MAX)
			return ferr(FERR_LIMIT, "a value of state map '%s' is larger than 4 GiB",
				    m->name);
		it.value = scratch->p;
		it.n = (uint32_t)scratch->n;
	}
	if (v->s->serial == 0) {
		v->s->serial = ++st->serial;
		st->live++;
	}
	return state_spill_put(st->spill, v->s->serial, &it);
}

static int
write_rows(struct state *st, const struct batch *b)
{
	struct buf scratch = BUF_INIT;
	int rc;

	if ((rc = state_spill_begin(st->spill, b->n, b->bytes)) != 0)
		return rc;
	for (size_t i = 0; i < b->n && rc == 0; i++) {
		if (i + AHEAD < b->n) {
			__builtin_prefetch(b->v[i + AHEAD].e);
			__builtin_prefetch((char *)b->v[i + AHEAD].e + 64);
		}
		rc = write_row(st, &b->v[i], &scratch);
	}
	buf_fini(&scratch);
	if (rc != 0) {
		state_spill_abort(st->spill);
		return rc;
	}
	return state_spill_commit(st->spill);
}

/* The rows are written: what they hold leaves memory. */
static void
leave(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct sub *s = b->v[i].s;
		struct entry *e = b->v[i].e;
		bool last = i + 1 == b->n || b->v[i + 1].s != s;

		if (i + AHEAD < b->n)
			__builtin_prefetch(
			    &b->v[i + AHEAD]
				 .s->slot[home_of(b->v[i + AHEAD].hash, b->v[i + AHEAD].s->mask)]);
		if (e->tag != TAG_GHOST) {
			if (is_done(s))
				state_sub_count(s, -1, e->klen);
			else
				s->spilled++;
		}
		state_entry_free(s, e);
		if (!last || s->n + s->ghosts != 0)
			continue;
		drop_plan(s);
		if (is_done(s))
			state_sub_free(s);
		else
			state_sub_shrink(s);
	}
}

/* What eviction has copied must not take the memory that it makes. */
static int
trim_queues(struct state *st)
{
	int rc = state_queue_trim(&st->now, st->local);

	return rc != 0 ? rc : state_queue_trim(&st->past, st->local);
}

static int
evict(struct state *st, struct batch *b, size_t want, bool all)
{
	int rc;

	if (st->spill == NULL && (rc = state_spill_open(&st->spill, st->local)) != 0)
		return rc;
	if ((rc = state_walk_save(st)) != 0 || (rc = collect(st, b, want, all)) != 0 || b->n == 0)
		return rc;
	if ((rc = write_rows(st, b)) != 0)
		return rc;
	leave(b);
	return trim_queues(st);
}

/*
 * Room is what is below 7/8 of the bound, or in free blocks.  Those serve their own namespace and
 * size alone: when they are too many, whole namespaces go.
 */
static int
make_room(struct state *st)
{
	struct batch b = { 0 };
	size_t want = (size_t)(st->mem / 64 < BATCH_MAX ? st->mem / 64 : BATCH_MAX);
	bool flush;
	int rc;

	st->hand.rounds = 0;
	if ((rc = trim_queues(st)) != 0)
		return rc;
	while (rc == 0 && st->hand.rounds < ROUNDS && state_over(st))
		rc = evict(st, &b, want, false);
	st->hand.rounds = 0;
	flush = state_level(st) > st->mem + st->mem * 3 / 8;
	while (rc == 0 && st->hand.rounds < ROUNDS && flush && state_level(st) > st->mem)
		rc = evict(st, &b, want, true);
	free(b.v);
	if (flush) /* chunks may lie in the middle of the heap */
		malloc_trim(0);
	return rc;
}

int
state_relieve(struct state *s)
{
	int rc = s->error;

	if (rc == 0 && s->spill != NULL)
		rc = s->live == 0 ? state_spill_clear(s->spill)
				  : state_spill_clean(s->spill, CLEAN_MAX);
	if (rc == 0 && state_over(s))
		rc = make_room(s);
	/* What lived as long lies side by side: once as much has gone as there is, its pages go as
	 * well, or holes make the heap twice as large as what is in it. */
	if (s->let_go > TRIM_LEAST && s->let_go > s->used) {
		s->let_go = 0;
		malloc_trim(0);
	}
	if (s->error == 0)
		s->error = rc;
	return rc;
}
