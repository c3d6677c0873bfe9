/* state: maps, namespaces and look-ups; see state.h. */
#include "state/state.h"

#include <stdlib.h>

#include "state/state_internal.h"

int
state_new(struct state **out, const struct state_conf *conf)
{
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL || (conf->local != NULL && (s->local = strdup(conf->local)) == NULL)) {
		free(s);
		return ferr(FERR_NOMEM, "out of memory");
	}
	s->groups = conf->groups;
	s->lo = conf->lo;
	s->hi = conf->hi;
	s->mem = conf->mem;
	s->cur = TAG_CHANGED;
	s->epoch = 1;
	s->now = s->past = (struct queue)QUEUE_INIT;
	TAILQ_INIT(&s->all);
	LIST_INIT(&s->walks);
	LIST_INIT(&s->dirty[0]);
	LIST_INIT(&s->dirty[1]);
	*out = s;
	return 0;
}

void
state_free(struct state *s)
{
	struct sub *p;

	if (s == NULL)
		return;
	while ((p = TAILQ_FIRST(&s->all)) != NULL)
		state_sub_free(p);
	for (unsigned i = 0; i < s->nmap; i++) {
		free(s->map[i]->subs);
		free(s->map[i]);
	}
	state_spill_close(s->spill);
	state_walk_orphan(s);
	free(s->hand.v);
	state_queue_fini(&s->now);
	state_queue_fini(&s->past);
	free(s->local);
	free(s);
}

int
state_map_open(struct state *s, struct state_map **out, const struct state_type *type)
{
	size_t n = strlen(type->name);
	struct state_map *m;

	if (n == 0 || n >= sizeof(m->name))
		return ferr(FERR_USAGE, "name of a state map: 1 to 31 bytes, not '%s'", type->name);
	for (unsigned i = 0; i < s->nmap; i++) {
		if (strcmp(s->map[i]->name, type->name) == 0)
			return ferr(FERR_USAGE, "two state maps are named '%s'", type->name);
	}
	if (s->nmap == MAPS)
		return ferr(FERR_LIMIT, "more than %u state maps", MAPS);
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	m->st = s;
	m->t = *type;
	memcpy(m->name, type->name, n);
	m->t.name = m->name;
	m->number = (uint8_t)s->nmap;
	m->cur = s->cur;
	s->map[s->nmap++] = m;
	*out = m;
	return 0;
}

int
state_account(struct state *s, int64_t bytes)
{
	s->heap += bytes;
	if (bytes > s->mem)
		return ferr(FERR_LIMIT, "a value of %lld bytes is larger than --mem (%lld bytes)",
			    (long long)bytes, (long long)s->mem);
	return 0;
}

int
state_error(const struct state *s)
{
	return s->error;
}

/* A call that returns a pointer has failed. */
static void *
failed(struct state *s, int rc)
{
	if (s->error == 0)
		s->error = rc;
	return NULL;
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

static inline struct sub *
sub_last(const struct state_map *m, int64_t ns)
{
	return __builtin_expect(m->last != NULL && m->last->ns == ns, 1) ? m->last : NULL;
}

struct sub *
state_sub_find(struct state_map *m, int64_t ns)
{
	struct sub *s = sub_last(m, ns);
	size_t i;

	if (s != NULL)
		return s;
	i = sub_place(m, ns);
	if (i == m->n || m->subs[i]->ns != ns)
		return NULL;
	return m->last = m->subs[i];
}

struct sub *
state_sub_make(struct state_map *m, int64_t ns)
{
	struct sub **subs, *s = state_sub_find(m, ns);
	size_t i, cap = m->cap != 0 ? 2 * m->cap : 16;

	if (s != NULL)
		return s;
	if (m->n == m->cap) {
		if ((subs = realloc(m->subs, cap * sizeof(*subs))) == NULL) {
			ferr(FERR_NOMEM, "out of memory");
			return NULL;
		}
		m->subs = subs;
		m->cap = cap;
	}
	if ((s = state_sub_new(m, ns)) == NULL)
		return NULL;
	i = sub_place(m, ns);
	memmove(m->subs + i + 1, m->subs + i, (m->n - i) * sizeof(*m->subs));
	m->subs[i] = s;
	m->n++;
	return m->last = s;
}

void
state_sub_drop(struct sub *s)
{
	struct state_map *m = s->map;
	size_t i = sub_place(m, s->ns);

	memmove(m->subs + i, m->subs + i + 1, (m->n - i - 1) * sizeof(*m->subs));
	m->n--;
	m->last = NULL;
	if (!state_epoch_keep(s))
		state_sub_free(s);
}

bool
state_ns_next(struct state_map *m, int64_t from, int64_t *ns)
{
	size_t i = sub_place(m, from);

	while (i < m->n && m->subs[i]->n + m->subs[i]->spilled == 0)
		i++;
	if (i == m->n)
		return false;
	*ns = m->subs[i]->ns;
	return true;
}

size_t
state_ns_count(struct state_map *m, int64_t ns)
{
	struct sub *s = state_sub_find(m, ns);

	return s != NULL ? s->n + s->spilled : 0;
}

int
state_ns_drop(struct state_map *m, int64_t ns)
{
	struct sub *s = state_sub_find(m, ns);
	int64_t used = m->st->used;
	int rc;

	if (s == NULL)
		return 0;
	if ((rc = state_epoch_drop_ns(s)) != 0)
		return rc;
	state_sub_drop(s);
	m->st->let_go += used > m->st->used ? used - m->st->used : 0;
	return 0;
}

/* ---- entries ---- */

int
state_look(struct sub *s, const struct state_key *k, struct entry **out)
{
	*out = entry_find(s->map, s, k);
	if (*out != NULL)
		return 0;
	return s->spilled != 0 ? state_evict_back(s, k, out) : 0;
}

void *
state_find(struct state_map *m, int64_t ns, const struct state_key *k)
{
	struct sub *s = state_sub_find(m, ns);
	struct entry *e = s != NULL ? entry_find(m, s, k) : NULL;
	int rc;

	if (e == NULL && s != NULL && s->spilled != 0 && (rc = state_evict_back(s, k, &e)) != 0)
		return failed(m->st, rc);
	if (e == NULL || e->tag == TAG_GHOST) {
		ferr_clear();
		return NULL;
	}
	e->used = 1;
	return value_of(e);
}

/* An entry for a key that has none. */
static void *
put_new(struct sub *s, const struct state_key *k, struct entry *ghost)
{
	struct entry *e = ghost;
	int rc;

	if (ghost != NULL) {
		state_entry_revive(s, ghost);
	} else {
		if ((rc = state_entry_new(s, k, &e)) != 0)
			return failed(s->map->st, rc);
		state_sub_count(s, 1, k->n);
	}
	if ((rc = state_epoch_new(s, e)) != 0) {
		state_entry_drop(s, e);
		return failed(s->map->st, rc);
	}
	return value_of(e);
}

void *
state_put(struct state_map *m, int64_t ns, const struct state_key *k, bool *fresh)
{
	struct sub *s = sub_last(m, ns);
	struct entry *e;
	int rc;

	*fresh = false;
	if (s == NULL && (s = state_sub_make(m, ns)) == NULL)
		return failed(m->st, FERR_NOMEM);
	if ((e = entry_find(m, s, k)) == NULL && s->spilled != 0 &&
	    (rc = state_evict_back(s, k, &e)) != 0)
		return failed(m->st, rc);
	if (e == NULL || e->tag == TAG_GHOST) {
		void *v = put_new(s, k, e);

		*fresh = v != NULL;
		return v;
	}
	if ((e->tag & ~TAG_NEW) != m->cur && (rc = state_epoch_change(s, e)) != 0)
		return failed(m->st, rc);
	e->used = 1;
	return value_of(e);
}

int
state_touch(struct state_map *m, int64_t ns, void *v)
{
	struct entry *e = entry_of(v);

	if ((e->tag & ~TAG_NEW) == m->cur)
		return 0;
	return state_epoch_change(state_sub_find(m, ns), e);
}

/*
 * A namespace whose last entry goes is freed, so that ever new ones leave nothing behind; the only
 * one of a map stays, so that a single key that comes and goes costs little.
 */
int
state_drop(struct state_map *m, int64_t ns, void *v)
{
	struct entry *e = entry_of(v);
	struct sub *s = state_sub_find(m, ns);
	int rc;

	if ((rc = state_epoch_drop(s, e)) != 0)
		return rc;
	state_entry_drop(s, e);
	if (s->n + s->spilled == 0 && m->n > 1)
		state_sub_drop(s);
	return 0;
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
	struct sub *s = state_sub_find(m, ns);

	if (s != NULL)
		__builtin_prefetch(&s->slot[home_of(hash, s->mask)]);
}

void
state_prefetch_entry(struct state_map *m, int64_t ns, uint64_t hash)
{
	struct sub *s = state_sub_find(m, ns);
	size_t i;
	char *e;

	if (s == NULL)
		return;
	i = home_of(hash, s->mask);
	while (s->slot[i] != 0 && s->slot[i] >> SLOT_SHIFT != hash >> SLOT_SHIFT)
		i = (i + 1) & s->mask;
	e = (char *)slot_entry(s->slot[i]);
	__builtin_prefetch(e);
	__builtin_prefetch(e + 64);
	__builtin_prefetch(e + sizeof(struct entry) + m->t.size); /* the key */
}
