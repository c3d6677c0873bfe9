/* epoch: what has changed since the last barrier, and copying it out; see state.h. */
#include <stdlib.h>

#include "state/state_internal.h"

#define AHEAD 16u
#define FINISH_MAX (1u << 20)
#define LOOK 4u /* a slice looks through so many times what it copies */
#define MANY_MIN 1024u

static inline unsigned
parity(const struct state *s)
{
	return (s->cur & TAG_PARITY) != 0;
}

/* The tag of what has been copied and not changed since. */
static inline uint8_t
clean(const struct state *s)
{
	return s->cur & TAG_BASE;
}

/* ---- noting ---- */

static void
free_list(struct sub *s, struct dirty *d)
{
	s->map->st->used -= (int64_t)(d->cap * sizeof(*d->v));
	free(d->v);
	d->v = NULL;
	d->cap = 0;
}

static int
note(struct sub *s, struct entry *e)
{
	struct state *st = s->map->st;
	struct dirty *d = &s->dirty[parity(st)];
	size_t cap = d->cap != 0 ? 2 * d->cap : 16;
	struct entry **v;

	if (d->many)
		return 0;
	if (d->n == d->cap && d->cap >= MANY_MIN && d->cap >= s->n / 4) {
		d->many = true;
		free_list(s, d);
		return 0;
	}
	if (d->n == d->cap) {
		if ((v = realloc(d->v, cap * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		st->used += (int64_t)((cap - d->cap) * sizeof(*v));
		d->v = v;
		d->cap = cap;
	}
	if (d->n == 0)
		LIST_INSERT_HEAD(&st->dirty[parity(st)], s, dirty[parity(st)].link);
	d->v[d->n++] = e;
	return 0;
}

/* Nothing is noted any more for that epoch. */
static void
unnote(struct sub *s, unsigned of)
{
	if (s->dirty[of].n == 0)
		return;
	s->dirty[of].n = 0;
	s->dirty[of].many = false;
	if (of == 0)
		LIST_REMOVE(s, dirty[0].link);
	else
		LIST_REMOVE(s, dirty[1].link);
}

/* An entry that the copy has not reached is going to be another one: copy it now. */
static int
copy_early(const struct sub *s, const struct entry *e)
{
	struct state *st = s->map->st;

	return entry_pending(st, e) ? state_rec_put(&st->past.tail, s, e) : 0;
}

int
state_epoch_new(struct sub *s, struct entry *e)
{
	struct state_map *m = s->map;

	e->tag = m->cur | TAG_NEW;
	if (m->t.transient)
		return 0;
	m->st->changed = true;
	return m->tracked ? note(s, e) : 0;
}

int
state_epoch_change(struct sub *s, struct entry *e)
{
	struct state_map *m = s->map;
	int rc;

	if (!m->t.transient) {
		if ((rc = copy_early(s, e)) != 0 || (m->tracked && (rc = note(s, e)) != 0))
			return rc;
		m->st->changed = true;
	}
	if (e->row == ROW_SAME)
		e->row = ROW_STALE;
	e->tag = m->cur;
	return 0;
}

int
state_epoch_drop(struct sub *s, struct entry *e)
{
	struct state_map *m = s->map;
	int rc;

	if (m->t.transient)
		return 0;
	if ((rc = copy_early(s, e)) != 0)
		return rc;
	m->st->changed = true;
	if (!m->tracked || e->tag == (m->cur | TAG_NEW))
		return 0;
	return state_rec_drop(&m->st->now.tail, s, e);
}

int
state_epoch_drop_ns(struct sub *s)
{
	struct state_map *m = s->map;

	if (m->t.transient)
		return 0;
	m->st->changed = true;
	if (!m->tracked || s->born == m->st->epoch)
		return 0;
	return state_rec_drop_ns(&m->st->now.tail, s);
}

bool
state_epoch_keep(struct sub *s)
{
	const struct state *st = s->map->st;
	unsigned p = parity(st);

	if (s->map->t.transient || st->copy == COPY_NONE ||
	    (st->copy == COPY_DELTA && s->dirty[!p].n == 0) ||
	    (st->copy == COPY_FULL && s->base == st->base))
		return false;
	unnote(s, p);
	return s->gone = true;
}

int
state_epoch_settle(struct sub *s, struct entry *e)
{
	struct state_map *m = s->map;
	int rc;

	if (m->t.transient)
		return 0;
	if (entry_pending(m->st, e)) {
		if ((rc = state_rec_put(&m->st->past.tail, s, e)) != 0)
			return rc;
	} else if (m->tracked && !s->gone && (e->tag & TAG_CHANGED) != 0) {
		if ((rc = state_rec_put(&m->st->now.tail, s, e)) != 0)
			return rc;
		s->born = 0;
	} else {
		return 0;
	}
	e->tag = clean(m->st);
	return 0;
}

/* What is noted of a namespace, and the lists. */
static void
free_notes(struct sub *s)
{
	for (unsigned i = 0; i < 2; i++) {
		unnote(s, i);
		free_list(s, &s->dirty[i]);
	}
}

/* The chunks of a namespace, and what is noted of it, go: the copy must not stand in them. */
void
state_epoch_shrink(struct sub *s)
{
	struct state *st = s->map->st;

	if (st->at == s || (st->copy == COPY_DELTA && LIST_FIRST(&st->dirty[!parity(st)]) == s)) {
		st->chunk = NULL;
		st->pos = 0;
	}
	free_notes(s);
}

int
state_epoch_back(struct sub *s, struct entry *e, uint32_t base)
{
	struct state_map *m = s->map;
	struct state *st = m->st;

	e->tag = m->t.transient ? 0 : clean(st);
	if (m->t.transient || st->copy != COPY_FULL || s->base == st->base || base == st->base)
		return 0;
	return state_rec_put(&st->past.tail, s, e);
}

void
state_epoch_forget(struct sub *s)
{
	struct state *st = s->map->st;

	state_epoch_shrink(s);
	if (st->at == s) {
		st->at = TAILQ_NEXT(s, all);
		st->rows = false;
	}
}

/* From now on changes are noted, under a new tag. */
static void
begin_epoch(struct state *s, uint8_t tag)
{
	s->cur = tag;
	s->tracking = true;
	for (unsigned i = 0; i < s->nmap; i++) {
		if (!s->map[i]->t.transient) {
			s->map[i]->cur = tag;
			s->map[i]->tracked = true;
		}
	}
}

void
state_epoch_loaded(struct state *s)
{
	s->recorded = true;
	if (!s->tracking && !s->changed)
		begin_epoch(s, s->cur);
}

bool
state_dirty(const struct state *s)
{
	return s->changed;
}

uint64_t
state_size(const struct state *s)
{
	uint64_t n = s->heap > 0 ? (uint64_t)s->heap : 0;

	for (unsigned i = 0; i < s->nmap; i++) {
		const struct state_map *m = s->map[i];

		if (!m->t.transient)
			n += m->entries * (STATE_REC_HDR + m->t.size) + m->keys;
	}
	return n;
}

/* ---- copying ---- */

static int
copy_entry(struct state *s, const struct sub *p, struct entry *e, struct buf *out)
{
	int rc = state_rec_put(out, p, e);

	if (rc == 0)
		e->tag = clean(s);
	return rc;
}

/* The functions below return 1 when all is copied, 0 when the slice is at its end. */

static bool
slice_end(struct state *s, const struct buf *out, size_t stop, size_t looked)
{
	if (out->n >= stop || s->budget == 0)
		return true;
	s->budget = s->budget > looked ? s->budget - looked : 0;
	return false;
}

/* What is noted of a namespace. */
static int
copy_list(struct state *s, const struct sub *p, const struct dirty *d, struct buf *out, size_t stop)
{
	int rc;

	for (; s->pos < d->n; s->pos++) {
		struct entry *e = d->v[s->pos];

		if (out->n >= stop)
			return 0;
		if (s->pos + AHEAD < d->n) {
			__builtin_prefetch(d->v[s->pos + AHEAD]);
			__builtin_prefetch((char *)d->v[s->pos + AHEAD] + 64);
		}
		if (entry_pending(s, e) && (rc = copy_entry(s, p, e, out)) != 0)
			return rc;
	}
	s->pos = 0;
	return 1;
}

/* What is in memory of a namespace, chunk by chunk. */
static int
copy_chunks(struct state *s, const struct sub *p, struct buf *out, size_t stop)
{
	struct entry *e;
	int rc;

	if (s->chunk == NULL) {
		s->chunk = TAILQ_FIRST(&p->chunks);
		s->pos = 0;
	}
	for (; s->chunk != NULL; s->chunk = TAILQ_NEXT(s->chunk, next), s->pos = 0) {
		for (; s->pos < s->chunk->n; s->pos += block_size(e)) {
			e = (struct entry *)(void *)(s->chunk->bytes + s->pos);
			if (slice_end(s, out, stop, block_size(e)))
				return 0;
			if (e->tag < TAG_GHOST && entry_pending(s, e) &&
			    (rc = copy_entry(s, p, e, out)) != 0)
				return rc;
		}
	}
	return 1;
}

static int
copy_delta(struct state *s, struct buf *out, size_t stop)
{
	unsigned of = !parity(s);
	struct sub *p;
	int rc;

	while ((p = LIST_FIRST(&s->dirty[of])) != NULL) {
		struct dirty *d = &p->dirty[of];

		rc = d->many ? copy_chunks(s, p, out, stop) : copy_list(s, p, d, out, stop);
		if (rc != 1)
			return rc;
		unnote(p, of);
		if (s->spill != NULL)
			free_list(p, d);
		if (p->gone)
			state_sub_free(p);
	}
	return 1;
}

/*
 * What is in the spill alone, but for what was written there later.  A slice ends between rows, for
 * the items of one may change until the next slice.
 */
static int
copy_rows(struct state *s, const struct sub *p, struct buf *out, size_t stop)
{
	struct spill_item it;
	int rc;

	if (p->spilled == 0)
		return 1;
	while ((rc = state_spill_next(s->spill, &s->row, &it)) == 1) {
		if (s->row.i == 1 && slice_end(s, out, stop, it.key.n + it.n)) {
			s->row.i = 0;
			return 0;
		}
		if (it.base != s->base && entry_find(p->map, p, &it.key) == NULL &&
		    (rc = state_rec_item(out, p, &it)) != 0)
			return rc;
	}
	return rc < 0 ? rc : 1;
}

static int
copy_full(struct state *s, struct buf *out, size_t stop)
{
	struct sub *p;
	int rc;

	while ((p = s->at) != NULL) {
		if (p->base != s->base && !p->map->t.transient) {
			if (!s->rows) {
				if ((rc = copy_chunks(s, p, out, stop)) != 1)
					return rc;
				s->rows = true;
				s->row = (struct spill_pos){ .serial = p->serial };
			}
			if ((rc = copy_rows(s, p, out, stop)) != 1)
				return rc;
		}
		p->base = s->base;
		s->at = TAILQ_NEXT(p, all);
		s->rows = false;
		if (p->gone)
			state_sub_free(p);
	}
	return 1;
}

static int
copy_more(struct state *s, struct buf *out, size_t stop)
{
	switch (s->copy) {
	case COPY_DELTA: return copy_delta(s, out, stop);
	case COPY_FULL: return copy_full(s, out, stop);
	case COPY_NONE: break;
	}
	return 1;
}

static int
name_maps(struct state *s, struct buf *out)
{
	int rc = 0;

	for (unsigned i = 0; i < s->nmap && rc == 0; i++) {
		if (!s->map[i]->t.transient)
			rc = state_rec_map(out, s->map[i]);
	}
	s->heads = rc != 0;
	return rc;
}

int
state_copy(struct state *s, struct buf *out, size_t max, bool *done)
{
	size_t stop = max < SIZE_MAX - out->n ? out->n + max : SIZE_MAX;
	int rc;

	*done = s->copy == COPY_NONE;
	if (*done)
		return 0;
	if (s->heads && (rc = name_maps(s, out)) != 0)
		return rc;
	if ((rc = state_queue_take(&s->past, out, max)) != 0)
		return rc;
	if (!state_queue_empty(&s->past))
		return 0;
	s->budget = max < SIZE_MAX / LOOK ? LOOK * max : SIZE_MAX;
	if ((rc = copy_more(s, out, stop)) < 0)
		return rc;
	*done = rc == 1;
	if (*done)
		s->copy = COPY_NONE;
	return 0;
}

/* ---- barriers ---- */

/* A full copy is given up.  What it lacks must look as if it had it, for the next one to see it. */
static void
give_up(struct state *s)
{
	struct sub *p, *next;
	struct chunk *c;
	struct entry *e;

	for (p = s->at; p != NULL; p = next) {
		next = TAILQ_NEXT(p, all);
		if (p->gone) {
			state_sub_free(p);
			continue;
		}
		for (c = TAILQ_FIRST(&p->chunks); c != NULL; c = TAILQ_NEXT(c, next)) {
			for (size_t at = 0; at < c->n; at += block_size(e)) {
				e = (struct entry *)(void *)(c->bytes + at);
				if (e->tag < TAG_GHOST)
					e->tag = (uint8_t)((e->tag & ~TAG_BASE) | clean(s));
			}
		}
	}
}

static int
begin_full(struct state *s, bool forget)
{
	struct sub *p, *next;

	if (s->copy == COPY_FULL)
		give_up(s);
	for (unsigned i = 0; i < 2; i++) {
		for (p = LIST_FIRST(&s->dirty[i]); p != NULL; p = next) {
			next = LIST_NEXT(p, dirty[i].link);
			unnote(p, i);
			if (p->gone)
				state_sub_free(p);
		}
	}
	state_queue_clear(&s->past);
	state_queue_clear(&s->now);
	s->copy = COPY_FULL;
	s->recorded = true;
	s->base++;
	s->at = TAILQ_FIRST(&s->all);
	s->chunk = NULL;
	s->rows = false;
	begin_epoch(s, s->cur ^ (TAG_PARITY | TAG_BASE));
	return forget ? state_rec_forget(&s->past.tail, s) : 0;
}

/* What a copy has left joins the records that wait. */
static int
finish_copy(struct state *s)
{
	struct queue *q = &s->past;
	int rc;

	for (;;) {
		s->budget = SIZE_MAX;
		if ((rc = copy_more(s, &q->tail, q->tail.n + FINISH_MAX)) != 0)
			break;
		if (state_over(s) && (rc = state_queue_trim(q, s->local)) != 0)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

static int
begin_delta(struct state *s)
{
	int rc;

	if ((rc = finish_copy(s)) != 0 || (rc = state_queue_move(&s->past, &s->now, s->local)) != 0)
		return rc;
	s->copy = state_queue_empty(&s->past) && LIST_EMPTY(&s->dirty[parity(s)]) ? COPY_NONE
										  : COPY_DELTA;
	s->chunk = NULL;
	s->pos = 0;
	begin_epoch(s, s->cur ^ TAG_PARITY);
	return 0;
}

int
state_barrier(struct state *s, bool full)
{
	int rc;

	if (full || (!s->tracking && s->changed) || s->copy == COPY_FULL)
		rc = begin_full(s, full || s->recorded);
	else
		rc = begin_delta(s);
	if (rc != 0)
		return rc;
	s->heads = s->copy != COPY_NONE;
	s->changed = false;
	s->epoch++;
	return 0;
}
