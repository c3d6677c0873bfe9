/*
 * walk: the entries of a namespace, in order if asked for; see state.h.
 *
 * While nothing of it is in the spill a walk is a list of pointers.  Else, or once memory is
 * evicted, it is a list of keys, which waits in a queue; each is looked up when its turn comes.
 * What a look-up brings from the spill goes again when it was only read.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "state/state_internal.h"

struct state_cursor {
	LIST_ENTRY(state_cursor) link;
	struct state_map *map; /* NULL: the state has been freed */
	void **v;
	size_t n, i, cap;
	struct queue keys; /* u32 length, u64 hash, key */
	struct sub *lent;  /* the value given last came from the spill: */
	struct entry *entry;
	uint64_t hash;
};

#define KEY_HDR 12u
#define TRIM_AT (1u << 20)
#define AHEAD 16u

/* ---- order ---- */

/* By hash: radix sort from the top byte down; short runs by insertion. */
static void
sort_items(struct state_item *a, size_t n, int shift)
{
	size_t at[256] = { 0 }, end[256], sum = 0, i, j;
	struct state_item x, t;

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

void
state_sort(struct state_item *a, size_t n)
{
	sort_items(a, n, 56);
}

static bool
before(const struct state_key *a, const struct state_key *b)
{
	uint32_t n = a->n < b->n ? a->n : b->n;
	int c;

	if (a->hash != b->hash)
		return a->hash < b->hash;
	c = n != 0 ? memcmp(a->p, b->p, n) : 0;
	return c != 0 ? c < 0 : a->n < b->n;
}

/* By hash, those of the same hash by key bytes. */
static int
sort_values(const struct state_map *m, void **a, size_t n)
{
	struct state_item *it = malloc(n * sizeof(*it));
	struct state_key x, y;
	size_t j;

	if (it == NULL && n > 0)
		return ferr(FERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			__builtin_prefetch(entry_of(a[i + AHEAD]));
		it[i] = (struct state_item){ entry_of(a[i])->hash, entry_of(a[i]) };
	}
	state_sort(it, n);
	for (size_t i = 0; i < n; i++) {
		for (j = i; j > 0 && it[j - 1].hash == it[i].hash; j--) {
			x = state_key_of(m, a[j - 1]);
			y = state_key_of(m, value_of(it[i].entry));
			if (!before(&y, &x))
				break;
			a[j] = a[j - 1];
		}
		a[j] = value_of(it[i].entry);
	}
	free(it);
	return 0;
}

/* ---- keys ---- */

static int
push_key(struct state *s, struct queue *q, const struct state_key *k)
{
	struct buf *b = &q->tail;
	int rc;

	if ((rc = buf_room(b, KEY_HDR + (size_t)k->n)) != 0)
		return rc;
	le32put(b->p + b->n, KEY_HDR + k->n);
	le64put(b->p + b->n + 4, k->hash);
	if (k->n != 0)
		memcpy(b->p + b->n + KEY_HDR, k->p, k->n);
	b->n += KEY_HDR + k->n;
	return b->n > TRIM_AT ? state_queue_trim(q, s->local) : 0;
}

/* The pointers that are left become keys. */
static int
push_pointers(struct state_map *m, struct state_cursor *c, const struct state_key *until)
{
	for (; c->i < c->n; c->i++) {
		const struct state_key k = state_key_of(m, c->v[c->i]);
		int rc;

		if (until != NULL && !before(&k, until))
			break;
		if (entry_of(c->v[c->i])->tag < TAG_GHOST &&
		    (rc = push_key(m->st, &c->keys, &k)) != 0)
			return rc;
	}
	return 0;
}

/* Merge what is in memory (sorted) and what is in the spill alone into a list of keys. */
static int
push_all(struct sub *s, struct state_cursor *c)
{
	struct spill_pos pos = { .serial = s->serial };
	struct spill_item it;
	int rc;

	while ((rc = state_spill_next(s->map->st->spill, &pos, &it)) == 1) {
		if (entry_find(s->map, s, &it.key) != NULL)
			continue;
		if ((rc = push_pointers(s->map, c, &it.key)) != 0 ||
		    (rc = push_key(s->map->st, &c->keys, &it.key)) != 0)
			return rc;
	}
	return rc < 0 ? rc : push_pointers(s->map, c, NULL);
}

int
state_walk_save(struct state *s)
{
	struct state_cursor *c;
	int rc;

	LIST_FOREACH(c, &s->walks, link)
	{
		c->lent = NULL;
		if (c->n == 0)
			continue;
		if ((rc = push_pointers(c->map, c, NULL)) != 0)
			return rc;
		c->n = c->i = 0;
	}
	return 0;
}

void
state_walk_forget(const struct sub *s)
{
	struct state_cursor *c;

	LIST_FOREACH(c, &s->map->st->walks, link)
	{
		if (c->lent == s)
			c->lent = NULL;
	}
}

void
state_walk_orphan(struct state *s)
{
	struct state_cursor *c;

	while ((c = LIST_FIRST(&s->walks)) != NULL) {
		LIST_REMOVE(c, link);
		c->map = NULL;
	}
}

/* ---- walks ---- */

static struct state_cursor *
cursor_of(struct state_walk *w, struct state_map *m)
{
	struct state_cursor *c = w->cursor;

	if (c == NULL) {
		if ((c = calloc(1, sizeof(*c))) == NULL) {
			ferr(FERR_NOMEM, "out of memory");
			return NULL;
		}
		c->keys = (struct queue)QUEUE_INIT;
		c->map = m;
		LIST_INSERT_HEAD(&m->st->walks, c, link);
		w->cursor = c;
	}
	c->map = m;
	c->n = c->i = 0;
	c->lent = NULL;
	state_queue_clear(&c->keys);
	return c;
}

int
state_walk_begin(struct state_walk *w, struct state_map *m, int64_t ns, bool sorted)
{
	struct sub *s = state_sub_find(m, ns);
	struct state_cursor *c = cursor_of(w, m);
	struct entry *e;
	void **v;
	int rc;

	if (c == NULL)
		return FERR_NOMEM;
	w->map = m;
	w->ns = ns;
	if (s == NULL)
		return 0;
	if (s->n > c->cap) {
		if ((v = realloc(c->v, s->n * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		c->v = v;
		c->cap = s->n;
	}
	for (size_t i = 0; i <= s->mask; i++) {
		if ((e = slot_entry(s->slot[i])) != NULL && (s->ghosts == 0 || e->tag != TAG_GHOST))
			c->v[c->n++] = value_of(e);
	}
	rc = sorted || s->spilled != 0 ? sort_values(m, c->v, c->n) : 0;
	if (rc == 0 && s->spilled != 0) {
		rc = push_all(s, c);
		c->n = 0;
	}
	return rc;
}

/* What was brought from the spill and only read goes again. */
static void
give_back(struct state_cursor *c)
{
	struct sub *s = c->lent;
	struct entry *e = c->entry;

	c->lent = NULL;
	if (s != NULL && e->tag < TAG_GHOST && e->hash == c->hash && !e->used)
		state_evict_same(s, e);
}

/* The value of a key, NULL: it has gone meanwhile. */
static int
look_up(struct state_walk *w, const struct state_key *k, void **out)
{
	struct state_cursor *c = w->cursor;
	struct sub *s = state_sub_find(c->map, w->ns);
	struct entry *e;
	int rc;

	*out = NULL;
	if (s == NULL)
		return 0;
	if ((e = entry_find(c->map, s, k)) == NULL && s->spilled != 0) {
		if ((rc = state_evict_back(s, k, &e)) != 0)
			return rc;
		c->lent = e != NULL ? s : NULL;
		c->entry = e;
		c->hash = k->hash;
	}
	if (e != NULL && e->tag != TAG_GHOST)
		*out = value_of(e);
	return 0;
}

void *
state_walk_next(struct state_walk *w, int *rc)
{
	struct state_cursor *c = w->cursor;
	struct state_key k;
	const uint8_t *p;
	void *v = NULL;

	*rc = 0;
	if (c == NULL)
		return NULL;
	if (c->i < c->n)
		return c->v[c->i++];
	give_back(c);
	while (v == NULL && (*rc = state_queue_first(&c->keys, &p)) == 1) {
		k = (struct state_key){ le64get(p + 4), p + KEY_HDR, le32get(p) - KEY_HDR };
		if ((*rc = look_up(w, &k, &v)) != 0)
			return NULL;
		state_queue_pop(&c->keys);
	}
	if (v != NULL)
		*rc = 0;
	return v;
}

void
state_walk_end(struct state_walk *w)
{
	struct state_cursor *c = w->cursor;

	if (c != NULL) {
		if (c->map != NULL) {
			give_back(c);
			LIST_REMOVE(c, link);
		}
		state_queue_fini(&c->keys);
		free(c->v);
		free(c);
	}
	*w = (struct state_walk){ 0 };
}
