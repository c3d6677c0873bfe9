/* look: see look.h. */
#include "state/look.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "state/state_internal.h"

/* A value: short ones stand in the entry, which spares a miss of the cache. */
struct value {
	uint32_t n, pad;
	union {
		uint8_t in[24];
		uint8_t *p;
	};
};

#define AHEAD 16u

struct state_look {
	struct state_look_conf conf;
	struct state *state;
	uint32_t lo, hi;		    /* the subtask's */
	struct state_map *number[MAPS + 1]; /* what map numbers mean in its records */
	struct buf one;			    /* a record that is loaded otherwise than it stands */
	/* the walk */
	struct state_map *sorted[MAPS];
	bool walking;
	unsigned map;
	int64_t ns;
	bool inside; /* walk is open, in that namespace */
	struct state_walk walk;
	/* Values that the walk has given already, so that they are in the cache in time. */
	const struct value *ahead[AHEAD];
	unsigned iahead, nahead;
};

/* ---- values ---- */

static const uint8_t *
bytes_of(const struct value *v)
{
	return v->n <= sizeof(v->in) ? v->in : v->p;
}

static void
value_fini(void *cookie, void *value)
{
	struct value *v = value;

	(void)cookie;
	if (v->n > sizeof(v->in))
		free(v->p);
}

static int
value_encode(void *cookie, const void *value, struct buf *out)
{
	const struct value *v = value;

	(void)cookie;
	return buf_put(out, bytes_of(v), v->n);
}

static int
value_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	struct value *v = value;

	(void)cookie;
	if (n > sizeof(v->in)) {
		uint8_t *bytes = malloc(n);

		if (bytes == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		v->p = bytes;
		memcpy(bytes, p, n);
	} else if (n > 0) {
		memcpy(v->in, p, n);
	}
	v->n = (uint32_t)n;
	return 0;
}

static size_t
value_memory(void *cookie, const void *value)
{
	const struct value *v = value;

	(void)cookie;
	return v->n > sizeof(v->in) ? v->n : 0;
}

/* ---- life ---- */

int
state_look_new(struct state_look **out, const struct state_look_conf *conf)
{
	const struct state_conf c = {
		.groups = conf->groups, .lo = 0, .hi = conf->groups - 1, .mem = conf->mem
	};
	struct state_look *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->conf = *conf;
	l->hi = conf->groups - 1;
	if ((rc = state_new(&l->state, &c)) != 0) {
		free(l);
		return rc;
	}
	*out = l;
	return 0;
}

void
state_look_free(struct state_look *l)
{
	if (l == NULL)
		return;
	state_walk_end(&l->walk);
	state_free(l->state);
	buf_fini(&l->one);
	free(l);
}

/* ---- loading ---- */

void
state_look_begin(struct state_look *l, uint32_t lo, uint32_t hi)
{
	l->lo = lo;
	l->hi = hi;
	memset(l->number, 0, sizeof(l->number));
}

/* The map of that name, opened when it is new. */
static int
name_map(struct state_look *l, const struct state_rec *r)
{
	char name[sizeof(l->state->map[0]->name)] = "";
	struct state_type t = { .name = name,
				.size = sizeof(struct value),
				.version = r->nvalue,
				.fini = value_fini,
				.encode = value_encode,
				.decode = value_decode,
				.memory = value_memory };

	if (r->nkey == 0 || r->nkey >= sizeof(name) || memchr(r->key, '\0', r->nkey) != NULL)
		return ferr(FERR_CORRUPT, "a state map has no name that can be");
	memcpy(name, r->key, r->nkey);
	for (unsigned i = 0; i < l->state->nmap; i++) {
		if (strcmp(l->state->map[i]->name, name) == 0) {
			l->number[r->map] = l->state->map[i];
			return 0;
		}
	}
	return state_map_open(l->state, &l->number[r->map], &t);
}

/* Drop namespace, forget: what the writer of groups r->group..r->nkey says holds for ours alone. */
static int
load_range(struct state_look *l, const struct state_rec *r, const uint8_t *p, size_t n)
{
	uint32_t lo = r->group > l->lo ? r->group : l->lo, hi = r->nkey < l->hi ? r->nkey : l->hi;
	int rc;

	if (lo > hi)
		return 0;
	l->one.n = 0;
	if ((rc = buf_put(&l->one, p, n)) != 0)
		return rc;
	le16put(l->one.p + 6, (uint16_t)lo);
	le32put(l->one.p + 24, hi);
	return state_load(l->state, l->one.p, l->one.n);
}

/* Is the key ours, and wanted? */
static bool
is_wanted(struct state_look *l, const struct state_rec *r)
{
	struct state_map *m = l->number[r->map];
	struct state_seen s;

	if (r->group < l->lo || r->group > l->hi)
		return false;
	/* Of maps whose keys name their group; needed before any of them is dropped. */
	if (!m->t.grouped && r->group != r->hash % l->state->groups)
		m->t.grouped = true;
	if (l->conf.want == NULL)
		return true;
	s = (struct state_seen){ .map = m->name,
				 .version = m->t.version,
				 .ns = r->ns,
				 .key = { r->hash, r->key, r->nkey },
				 .value = r->value,
				 .n = r->nvalue };
	return l->conf.want(l->conf.cookie, &s);
}

/* Records that are taken as they stand are loaded together: [from, at). */
int
state_look_load(struct state_look *l, const uint8_t *p, size_t n)
{
	size_t from = 0, at = 0;
	struct state_rec r;
	int64_t len;
	int rc = 0;

	for (; at < n; at += (size_t)len) {
		if ((len = state_rec_decode(&r, p + at, n - at)) < 0)
			return (int)len;
		if (r.kind == REC_MAP && (rc = name_map(l, &r)) != 0)
			return rc;
		if (r.kind < REC_MAP && l->number[r.map] == NULL)
			return ferr(FERR_CORRUPT, "records of state map %u stand before its name",
				    r.map);
		if (r.kind == REC_MAP ||
		    ((r.kind == REC_PUT || r.kind == REC_DROP) && is_wanted(l, &r)))
			continue;
		if ((rc = state_load(l->state, p + from, at - from)) == 0 &&
		    (r.kind == REC_DROP_NS || r.kind == REC_FORGET))
			rc = load_range(l, &r, p + at, (size_t)len);
		if (rc != 0)
			return rc;
		from = at + (size_t)len;
	}
	return state_load(l->state, p + from, at - from);
}

/* ---- what is there ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(struct state_map *const *)a)->name, (*(struct state_map *const *)b)->name);
}

static void
begin(struct state_look *l)
{
	memcpy(l->sorted, l->state->map, l->state->nmap * sizeof(*l->sorted));
	if (l->state->nmap > 1)
		qsort(l->sorted, l->state->nmap, sizeof(*l->sorted), by_name);
	l->walking = true;
	l->map = 0;
	l->ns = INT64_MIN;
}

/* Go to the next namespace that holds something: 1; 0: there is none. */
static int
next_ns(struct state_look *l)
{
	int rc;

	for (; l->map < l->state->nmap; l->map++, l->ns = INT64_MIN) {
		struct state_map *m = l->sorted[l->map];

		if (!state_ns_next(m, l->ns, &l->ns))
			continue;
		if ((rc = state_walk_begin(&l->walk, m, l->ns, true)) != 0)
			return rc;
		l->inside = true;
		return 1;
	}
	return 0;
}

/* The next value of the namespace; NULL at its end, or on error. */
static const struct value *
next_value(struct state_look *l, int *rc)
{
	/* What the spill lends holds for one call only; else values stay where they are. */
	unsigned want = l->state->spill == NULL ? AHEAD : 1;
	const struct value *v;

	*rc = 0;
	while (l->nahead < want && (v = state_walk_next(&l->walk, rc)) != NULL) {
		__builtin_prefetch(entry_of(v));
		__builtin_prefetch((const uint8_t *)v + 40);
		l->ahead[(l->iahead + l->nahead++) % AHEAD] = v;
	}
	if (l->nahead == 0)
		return NULL;
	l->nahead--;
	return l->ahead[l->iahead++ % AHEAD];
}

/* The walk through a namespace is over. */
static void
leave_ns(struct state_look *l)
{
	l->inside = false;
	if (l->ns < INT64_MAX) {
		l->ns++;
	} else {
		l->map++;
		l->ns = INT64_MIN;
	}
}

int
state_look_next(struct state_look *l, struct state_seen *out)
{
	const struct value *v = NULL;
	struct state_map *m;
	int rc = 1;

	if (!l->walking)
		begin(l);
	while (v == NULL) {
		if (!l->inside && (rc = next_ns(l)) != 1)
			return rc;
		if ((v = next_value(l, &rc)) != NULL)
			break;
		if (rc != 0)
			return rc;
		leave_ns(l);
	}
	m = l->sorted[l->map];
	*out = (struct state_seen){ .map = m->name,
				    .version = m->t.version,
				    .ns = l->ns,
				    .key = state_key_of(m, v),
				    .value = bytes_of(v),
				    .n = v->n };
	return 1;
}
