/* table: one namespace of a map, open addressing over entries in an arena; see state_internal.h. */
#include <stdlib.h>

#include "fio/fio.h"
#include "state/state_internal.h"

#define SLOTS_MIN 16u
#define CHUNK_MIN 512u /* many namespaces have few keys */
/* With its header just two huge pages: fio_memory rounds up. */
#define CHUNK_MAX ((4u << 20) - sizeof(struct chunk))
#define AHEAD 16u

struct sub *
state_sub_new(struct state_map *m, int64_t ns)
{
	struct sub *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->slot = fio_memory(SLOTS_MIN * sizeof(*s->slot))) == NULL) {
		free(s);
		ferr(FERR_NOMEM, "out of memory");
		return NULL;
	}
	s->ns = ns;
	s->map = m;
	s->mask = SLOTS_MIN - 1;
	s->base = m->st->base;
	s->born = m->tracked ? m->st->epoch : 0;
	TAILQ_INIT(&s->chunks);
	TAILQ_INSERT_TAIL(&m->st->all, s, all);
	m->st->used += (int64_t)(sizeof(*s) + SLOTS_MIN * sizeof(*s->slot));
	return s;
}

/* A value goes, and with it what it owns. */
static void
value_fini(const struct state_map *m, void *v)
{
	if (m->t.memory != NULL)
		m->st->heap -= (int64_t)m->t.memory(m->t.cookie, v);
	if (m->t.fini != NULL)
		m->t.fini(m->t.cookie, v);
}

static void
free_chunks(struct sub *s)
{
	struct state *st = s->map->st;
	struct chunk *c;

	while ((c = TAILQ_FIRST(&s->chunks)) != NULL) {
		TAILQ_REMOVE(&s->chunks, c, next);
		fio_memory_free(c);
	}
	st->used -= (int64_t)s->bytes;
	st->idle -= (int64_t)s->idle;
	s->bytes = s->idle = 0;
	free(s->free);
	s->free = NULL;
}

void
state_sub_free(struct sub *s)
{
	struct state_map *m = s->map;

	state_walk_forget(s);
	state_evict_forget(s);
	state_epoch_forget(s);
	for (size_t i = 0; i <= s->mask && (m->t.fini != NULL || m->t.memory != NULL); i++) {
		struct entry *e = slot_entry(s->slot[i]);

		if (e != NULL && e->tag != TAG_GHOST)
			value_fini(m, value_of(e));
	}
	free_chunks(s);
	m->st->used -= (int64_t)(sizeof(*s) + (s->mask + 1) * sizeof(*s->slot));
	m->entries -= s->n + s->spilled;
	m->keys -= s->keys;
	TAILQ_REMOVE(&m->st->all, s, all);
	fio_memory_free(s->slot);
	free(s);
}

/* Without memory for fewer slots the old ones stay. */
void
state_sub_shrink(struct sub *s)
{
	uint64_t *slot;

	state_epoch_shrink(s);
	free_chunks(s);
	if (s->mask == SLOTS_MIN - 1 || (slot = fio_memory(SLOTS_MIN * sizeof(*slot))) == NULL)
		return;
	s->map->st->used -= (int64_t)((s->mask + 1 - SLOTS_MIN) * sizeof(*slot));
	fio_memory_free(s->slot);
	s->slot = slot;
	s->mask = SLOTS_MIN - 1;
}

/* ---- slots ---- */

static inline uint64_t
slot_of(struct entry *e)
{
	return (uint64_t)(uintptr_t)e | e->hash >> SLOT_SHIFT << SLOT_SHIFT;
}

/* Double the slots.  The hash stands in the entries, so they are fetched ahead. */
static int
grow(struct sub *s)
{
	size_t mask = 2 * s->mask + 1, j;
	uint64_t *slot = fio_memory((mask + 1) * sizeof(*slot));

	if (slot == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (size_t i = 0; i <= s->mask; i++) {
		__builtin_prefetch(slot_entry(s->slot[(i + AHEAD) & s->mask]));
		if (s->slot[i] == 0)
			continue;
		j = home_of(slot_entry(s->slot[i])->hash, mask);
		while (slot[j] != 0)
			j = (j + 1) & mask;
		slot[j] = s->slot[i];
	}
	s->map->st->used += (int64_t)((s->mask + 1) * sizeof(*slot));
	fio_memory_free(s->slot);
	s->slot = slot;
	s->mask = mask;
	return 0;
}

/* Take e out.  Linear probing without tombstones: what follows the hole moves up into it. */
static void
unlink_slot(struct sub *s, const struct entry *e)
{
	size_t i = home_of(e->hash, s->mask), j, home;

	while (slot_entry(s->slot[i]) != e)
		i = (i + 1) & s->mask;
	for (j = (i + 1) & s->mask; s->slot[j] != 0; j = (j + 1) & s->mask) {
		home = home_of(slot_entry(s->slot[j])->hash, s->mask);
		if (((j - home) & s->mask) >= ((j - i) & s->mask)) {
			s->slot[i] = s->slot[j];
			i = j;
		}
	}
	s->slot[i] = 0;
}

/* ---- blocks ---- */

/* The size class of a block, and *size rounded up to it. */
static uint8_t
class_of(size_t *size)
{
	uint8_t cls = CLASS_SMALL;

	if (*size <= 16 * (CLASS_SMALL - 1)) {
		cls = (uint8_t)((*size + 15) / 16);
		*size = (size_t)cls * 16;
		return cls;
	}
	while (((size_t)1024 << (cls - CLASS_SMALL)) < *size)
		cls++;
	*size = (size_t)1024 << (cls - CLASS_SMALL);
	return cls;
}

/* A chunk where size bytes fit: the newest one, or one more. */
static struct chunk *
chunk_for(struct sub *s, size_t size)
{
	struct chunk *c = TAILQ_LAST(&s->chunks, chunk_list);
	size_t cap = CHUNK_MIN, most = (size_t)s->map->st->mem / 32;

	if (c != NULL && c->cap - c->n >= size)
		return c;
	if (most > CHUNK_MAX)
		most = CHUNK_MAX;
	if (c != NULL)
		cap = 2 * c->cap < most ? 2 * c->cap : most;
	if (cap < CHUNK_MIN)
		cap = CHUNK_MIN;
	if (cap < size)
		cap = size;
	if ((c = fio_memory(sizeof(*c) + cap)) == NULL) {
		ferr(FERR_NOMEM, "out of memory");
		return NULL;
	}
	c->cap = cap;
	TAILQ_INSERT_TAIL(&s->chunks, c, next);
	s->bytes += sizeof(*c) + cap;
	s->map->st->used += (int64_t)(sizeof(*c) + cap);
	return c;
}

/* A zeroed block: from the free list of its class, else from the arena. */
static struct entry *
block(struct sub *s, size_t size)
{
	uint8_t cls = class_of(&size);
	struct chunk *c;
	struct entry *e;

	if (s->free != NULL && (e = s->free[cls]) != NULL) {
		s->free[cls] = (struct entry *)(uintptr_t)e->hash;
		memset(e, 0, size);
		s->idle -= size;
		s->map->st->idle -= (int64_t)size;
	} else {
		if ((c = chunk_for(s, size)) == NULL)
			return NULL;
		e = (struct entry *)(void *)(c->bytes + c->n);
		c->n += size;
	}
	e->cls = cls;
	return e;
}

/* Without memory for the list the block is lost until the namespace goes. */
static void
block_free(struct sub *s, struct entry *e)
{
	e->tag = TAG_FREE;
	if (s->free == NULL && (s->free = calloc(CLASSES, sizeof(*s->free))) == NULL)
		return;
	e->hash = (uintptr_t)s->free[e->cls];
	s->free[e->cls] = e;
	s->idle += block_size(e);
	s->map->st->idle += (int64_t)block_size(e);
}

int
state_entry_new(struct sub *s, const struct state_key *k, struct entry **out)
{
	struct state_map *m = s->map;
	size_t size = sizeof(struct entry) + m->t.size + k->n, i;
	struct entry *e;
	int rc;

	if ((int64_t)size > m->st->mem)
		return ferr(FERR_LIMIT, "a value of %zu bytes is larger than --mem (%lld bytes)",
			    size, (long long)m->st->mem);
	if (8 * (s->n + s->ghosts + 1) > 5 * (s->mask + 1) && (rc = grow(s)) != 0)
		return rc;
	if ((e = block(s, size)) == NULL)
		return FERR_NOMEM;
	e->hash = k->hash;
	e->klen = k->n;
	if (k->n != 0)
		memcpy(key_of(m, e), k->p, k->n);
	for (i = home_of(k->hash, s->mask); s->slot[i] != 0; i = (i + 1) & s->mask)
		;
	s->slot[i] = slot_of(e);
	s->n++;
	*out = e;
	return 0;
}

void
state_entry_free(struct sub *s, struct entry *e)
{
	unlink_slot(s, e);
	if (e->tag == TAG_GHOST) {
		s->ghosts--;
	} else {
		s->n--;
		value_fini(s->map, value_of(e));
	}
	block_free(s, e);
}

void
state_entry_clear(struct sub *s, struct entry *e)
{
	value_fini(s->map, value_of(e));
	memset(value_of(e), 0, s->map->t.size);
}

void
state_entry_drop(struct sub *s, struct entry *e)
{
	state_sub_count(s, -1, e->klen);
	if (e->row == ROW_NONE) {
		state_entry_free(s, e);
		return;
	}
	state_entry_clear(s, e);
	e->tag = TAG_GHOST;
	s->n--;
	s->ghosts++;
}

void
state_entry_revive(struct sub *s, struct entry *e)
{
	state_sub_count(s, 1, e->klen);
	e->row = ROW_STALE;
	s->n++;
	s->ghosts--;
}
