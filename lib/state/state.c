/* state: the table in memory; see state.h. */
#include "state/state.h"

#include <stdlib.h>

#include "fio/fio.h"

/*
 * An entry: this header, the value, the key.  Slots hold a pointer with 16 bits of the hash above
 * it (user addresses have 47 bits), so that a probe that misses touches no entry.
 */
struct entry {
	uint64_t hash;
	uint32_t klen;
	uint32_t cls; /* size class of the block, by which it is used again */
};

#define TAG_SHIFT 48
#define PTR_MASK ((1ULL << TAG_SHIFT) - 1)
#define CHUNK_MIN 512u /* many namespaces have few keys */
#define CHUNK_MAX (4u << 20)
#define SMALL 64u	     /* size classes: blocks of 0, 16, 32, ... 1008 bytes */
#define CLASSES (SMALL + 23) /* ... then 1 KiB, 2 KiB, ... 4 GiB */

struct chunk {
	struct chunk *next;
	size_t n, cap;
	uint8_t bytes[];
};

/* One map, one namespace. */
struct sub {
	int64_t ns;
	uint64_t *slot;
	size_t mask; /* slots - 1 */
	size_t n;
	struct chunk *chunks;
	void *free[CLASSES];
};

struct state_map {
	struct state *st;
	struct state_type t;
	struct sub **subs; /* sorted by namespace */
	size_t n, cap;
	struct sub *last; /* the one used last */
	struct state_map *next;
};

struct state {
	uint32_t groups;
	int64_t mem, used;
	struct state_map *maps;
};

static inline void *
value_of(struct entry *e)
{
	return e + 1;
}

static inline struct entry *
entry_of(const void *v)
{
	return (struct entry *)(uintptr_t)v - 1;
}

static inline uint8_t *
key_of(const struct state_map *m, struct entry *e)
{
	return (uint8_t *)(e + 1) + m->t.size;
}

int
state_account(struct state *s, int64_t bytes)
{
	s->used += bytes;
	if (s->used > s->mem && bytes > 0)
		return ferr(FERR_LIMIT,
			    "keyed state is larger than --mem (%lld MiB); give it more, state on "
			    "disk is not yet there",
			    (long long)(s->mem >> 20));
	return 0;
}

int
state_new(struct state **out, uint32_t groups, int64_t mem)
{
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->groups = groups;
	s->mem = mem;
	*out = s;
	return 0;
}

/* A value goes, and with it what it owns. */
static void
value_fini(struct state_map *m, void *v)
{
	if (m->t.memory != NULL)
		m->st->used -= (int64_t)m->t.memory(m->t.cookie, v);
	if (m->t.fini != NULL)
		m->t.fini(m->t.cookie, v);
}

static void
sub_free(struct state_map *m, struct sub *s)
{
	struct chunk *c;

	if (m->t.fini != NULL || m->t.memory != NULL) {
		for (size_t i = 0; i <= s->mask; i++) {
			if (s->slot[i] != 0)
				value_fini(m, value_of((struct entry *)(uintptr_t)(s->slot[i] &
										   PTR_MASK)));
		}
	}
	while ((c = s->chunks) != NULL) {
		s->chunks = c->next;
		m->st->used -= (int64_t)c->cap;
		free(c);
	}
	m->st->used -= (int64_t)(sizeof(*s) + (s->mask + 1) * sizeof(*s->slot));
	free(s->slot);
	free(s);
}

void
state_free(struct state *s)
{
	struct state_map *m;

	if (s == NULL)
		return;
	while ((m = s->maps) != NULL) {
		s->maps = m->next;
		for (size_t i = 0; i < m->n; i++)
			sub_free(m, m->subs[i]);
		free(m->subs);
		free(m);
	}
	free(s);
}

int
state_map_open(struct state *s, struct state_map **out, const struct state_type *type)
{
	struct state_map *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	m->st = s;
	m->t = *type;
	m->next = s->maps;
	s->maps = m;
	*out = m;
	return 0;
}

/* ---- namespaces ---- */

/* Place of the first namespace >= ns. */
static size_t
sub_place(const struct state_map *m, int64_t ns)
{
	size_t lo = 0, hi = m->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (m->subs[mid]->ns < ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct sub *
sub_find(struct state_map *m, int64_t ns)
{
	size_t i;

	if (m->last != NULL && m->last->ns == ns)
		return m->last;
	i = sub_place(m, ns);
	if (i == m->n || m->subs[i]->ns != ns)
		return NULL;
	return m->last = m->subs[i];
}

static struct sub *
sub_make(struct state_map *m, int64_t ns)
{
	struct sub **subs, *s = sub_find(m, ns);
	size_t i, cap = m->cap != 0 ? 2 * m->cap : 16, slots = 16;

	if (s != NULL)
		return s;
	if (m->n == m->cap) {
		if ((subs = realloc(m->subs, cap * sizeof(*subs))) == NULL)
			goto nomem;
		m->subs = subs;
		m->cap = cap;
	}
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->slot = fio_memory(slots * sizeof(*s->slot))) == NULL) {
		free(s);
		goto nomem;
	}
	s->ns = ns;
	s->mask = slots - 1;
	i = sub_place(m, ns);
	memmove(m->subs + i + 1, m->subs + i, (m->n - i) * sizeof(*m->subs));
	m->subs[i] = s;
	m->n++;
	m->st->used += (int64_t)(sizeof(*s) +
				 slots * sizeof(*s->slot)); /* its first entry looks at the bound */
	return m->last = s;
nomem:
	ferr(FERR_NOMEM, "out of memory");
	return NULL;
}

bool
state_ns_next(struct state_map *m, int64_t from, int64_t *ns)
{
	size_t i = sub_place(m, from);

	if (i == m->n)
		return false;
	*ns = m->subs[i]->ns;
	return true;
}

size_t
state_ns_count(struct state_map *m, int64_t ns)
{
	struct sub *s = sub_find(m, ns);

	return s != NULL ? s->n : 0;
}

void
state_ns_drop(struct state_map *m, int64_t ns)
{
	size_t i = sub_place(m, ns);

	if (i == m->n || m->subs[i]->ns != ns)
		return;
	sub_free(m, m->subs[i]);
	memmove(m->subs + i, m->subs + i + 1, (m->n - i - 1) * sizeof(*m->subs));
	m->n--;
	m->last = NULL;
}

/* ---- entries ---- */

static inline uint64_t
tagged(struct entry *e)
{
	return (uint64_t)(uintptr_t)e | e->hash >> TAG_SHIFT << TAG_SHIFT;
}

/* Double the slots once they are 5/8 full. */
static int
grow(struct state_map *m, struct sub *s)
{
	size_t mask = 2 * s->mask + 1, j;
	uint64_t *slot;
	int rc;

	if ((rc = state_account(m->st, (int64_t)((s->mask + 1) * sizeof(*slot)))) != 0)
		return rc;
	if ((slot = fio_memory((mask + 1) * sizeof(*slot))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (size_t i = 0; i <= s->mask; i++) {
		if (s->slot[i] == 0)
			continue;
		j = ((struct entry *)(uintptr_t)(s->slot[i] & PTR_MASK))->hash & mask;
		while (slot[j] != 0)
			j = (j + 1) & mask;
		slot[j] = s->slot[i];
	}
	fio_memory_free(s->slot);
	s->slot = slot;
	s->mask = mask;
	return 0;
}

/* The size class of a block, and *size rounded up to it. */
static uint32_t
class_of(size_t *size)
{
	uint32_t cls = (uint32_t)((*size + 15) / 16);

	if (cls < SMALL) {
		*size = (size_t)cls * 16;
		return cls;
	}
	for (cls = SMALL; ((size_t)1024 << (cls - SMALL)) < *size; cls++)
		;
	*size = (size_t)1024 << (cls - SMALL);
	return cls;
}

/* A block for an entry: from the free list of its class, else from the arena. */
static struct entry *
block(struct state_map *m, struct sub *s, size_t size)
{
	uint32_t cls = class_of(&size);
	struct chunk *c = s->chunks;
	struct entry *e;
	size_t cap;

	if (s->free[cls] != NULL) {
		e = s->free[cls];
		memcpy(&s->free[cls], e, sizeof(void *));
	} else {
		if (c == NULL || c->cap - c->n < size) {
			cap = c == NULL ? CHUNK_MIN : c->cap < CHUNK_MAX ? 2 * c->cap : CHUNK_MAX;
			if (cap < size)
				cap = size;
			if (state_account(m->st, (int64_t)cap) != 0)
				return NULL;
			if ((c = fio_memory(sizeof(*c) + cap)) == NULL) {
				ferr(FERR_NOMEM, "out of memory");
				return NULL;
			}
			*c = (struct chunk){ s->chunks, 0, cap };
			s->chunks = c;
		}
		e = (struct entry *)(void *)(c->bytes + c->n);
		c->n += size;
	}
	memset(e, 0, size); /* it may have been used before */
	e->cls = cls;
	return e;
}

/* The slot of the key, or the empty one where it belongs. */
static inline size_t
probe(const struct state_map *m, const struct sub *s, const struct state_key *k)
{
	uint64_t tag = k->hash >> TAG_SHIFT;
	size_t i = k->hash & s->mask;
	struct entry *e;

	for (; s->slot[i] != 0; i = (i + 1) & s->mask) {
		if (s->slot[i] >> TAG_SHIFT != tag)
			continue;
		e = (struct entry *)(uintptr_t)(s->slot[i] & PTR_MASK);
		if (e->hash == k->hash && e->klen == k->n &&
		    (k->n == 0 || memcmp(key_of(m, e), k->p, k->n) == 0))
			break;
	}
	return i;
}

void *
state_find(struct state_map *m, int64_t ns, const struct state_key *k)
{
	struct sub *s = sub_find(m, ns);
	uint64_t v;

	if (s == NULL)
		return NULL;
	v = s->slot[probe(m, s, k)];
	return v == 0 ? NULL : value_of((struct entry *)(uintptr_t)(v & PTR_MASK));
}

void *
state_put(struct state_map *m, int64_t ns, const struct state_key *k, bool *fresh)
{
	struct sub *s = sub_make(m, ns);
	struct entry *e;
	size_t i;

	*fresh = false;
	if (s == NULL)
		return NULL;
	i = probe(m, s, k);
	if (s->slot[i] != 0)
		return value_of((struct entry *)(uintptr_t)(s->slot[i] & PTR_MASK));
	if (8 * (s->n + 1) > 5 * (s->mask + 1)) {
		if (grow(m, s) != 0)
			return NULL;
		i = probe(m, s, k);
	}
	if ((e = block(m, s, sizeof(*e) + m->t.size + k->n)) == NULL)
		return NULL;
	e->hash = k->hash;
	e->klen = k->n;
	if (k->n != 0)
		memcpy(key_of(m, e), k->p, k->n);
	s->slot[i] = tagged(e);
	s->n++;
	*fresh = true;
	return value_of(e);
}

/* Linear probing without tombstones: what follows the hole moves up into it. */
void
state_drop(struct state_map *m, int64_t ns, void *v)
{
	struct entry *e = entry_of(v);
	struct sub *s = sub_find(m, ns);
	size_t i = e->hash & s->mask, j, home;
	uint32_t cls;

	while ((s->slot[i] & PTR_MASK) != (uint64_t)(uintptr_t)e)
		i = (i + 1) & s->mask;
	for (j = (i + 1) & s->mask; s->slot[j] != 0; j = (j + 1) & s->mask) {
		home = ((struct entry *)(uintptr_t)(s->slot[j] & PTR_MASK))->hash & s->mask;
		if (((j - home) & s->mask) >= ((j - i) & s->mask)) {
			s->slot[i] = s->slot[j];
			i = j;
		}
	}
	s->slot[i] = 0;
	s->n--;
	value_fini(m, v);
	cls = e->cls;
	memcpy(e, &s->free[cls], sizeof(void *));
	s->free[cls] = e;
}

struct state_key
state_key_of(const struct state_map *m, const void *v)
{
	struct entry *e = entry_of(v);

	return (struct state_key){ e->hash, key_of(m, e), e->klen };
}

void
state_prefetch(struct state_map *m, int64_t ns, uint64_t hash)
{
	struct sub *s = sub_find(m, ns);

	if (s != NULL)
		__builtin_prefetch(&s->slot[hash & s->mask]);
}

void
state_prefetch_entry(struct state_map *m, int64_t ns, uint64_t hash)
{
	struct sub *s = sub_find(m, ns);

	size_t i = hash & (s != NULL ? s->mask : 0);
	char *e;

	if (s == NULL)
		return;
	while (s->slot[i] != 0 && s->slot[i] >> TAG_SHIFT != hash >> TAG_SHIFT)
		i = (i + 1) & s->mask;
	e = (char *)(uintptr_t)(s->slot[i] & PTR_MASK);
	__builtin_prefetch(e);
	__builtin_prefetch(e + 64);
}

/* ---- order ---- */

/* What is sorted: the hash is at hand, so that the entries themselves are not touched. */
struct item {
	uint64_t hash;
	void *v;
};

/* By hash: radix sort from the top byte down; short runs by insertion. */
static void
sort_items(struct item *a, size_t n, int shift)
{
	size_t at[256] = { 0 }, end[256], sum = 0, i, j;
	struct item x, t;

	if (n < 64 || shift < 0) {
		for (i = 1; i < n; i++) {
			for (x = a[i], j = i; j > 0 && a[j - 1].hash > x.hash; j--)
				a[j] = a[j - 1];
			a[j] = x;
		}
		return;
	}
	for (i = 0; i < n; i++)
		at[a[i].hash >> shift & 255]++;
	for (i = 0; i < 256; i++) {
		size_t k = at[i];

		at[i] = sum;
		end[i] = sum += k;
	}
	for (i = 0; i < 256; i++) { /* each item to its bucket, in place (American flag sort) */
		while (at[i] < end[i]) {
			x = a[at[i]];
			while ((j = x.hash >> shift & 255) != i) {
				t = a[at[j]];
				a[at[j]++] = x;
				x = t;
			}
			a[at[i]++] = x;
		}
	}
	for (i = 0, sum = 0; i < 256; sum = end[i++])
		sort_items(a + sum, end[i] - sum, shift - 8);
}

static bool
after(const struct state_map *m, void *a, void *b)
{
	struct entry *x = entry_of(a), *y = entry_of(b);
	uint32_t n = x->klen < y->klen ? x->klen : y->klen;
	int c;

	if (x->hash != y->hash)
		return x->hash > y->hash;
	c = memcmp(key_of(m, x), key_of(m, y), n);
	return c != 0 ? c > 0 : x->klen > y->klen;
}

static int
sort_values(const struct state_map *m, void **a, size_t n)
{
	struct item *it = malloc(n * sizeof(*it));
	size_t j;
	void *x;

	if (it == NULL && n > 0)
		return ferr(FERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		it[i] = (struct item){ entry_of(a[i])->hash, a[i] };
	sort_items(it, n, 56);
	for (size_t i = 0; i < n; i++) { /* equal hashes: by key bytes */
		x = it[i].v;
		for (j = i; j > 0 && it[i].hash == it[j - 1].hash && after(m, a[j - 1], x); j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
	free(it);
	return 0;
}

int64_t
state_ns_values(struct state_map *m, int64_t ns, bool sorted, void ***v, size_t *cap)
{
	struct sub *s = sub_find(m, ns);
	size_t n = 0;
	void **a;
	int rc;

	if (s == NULL)
		return 0;
	if (s->n > *cap) {
		if ((a = realloc(*v, s->n * sizeof(*a))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		*v = a;
		*cap = s->n;
	}
	a = *v;
	for (size_t i = 0; i <= s->mask; i++) {
		if (s->slot[i] != 0)
			a[n++] = value_of((struct entry *)(uintptr_t)(s->slot[i] & PTR_MASK));
	}
	if (sorted && (rc = sort_values(m, a, n)) != 0)
		return rc;
	return (int64_t)n;
}
