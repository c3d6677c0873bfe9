/* record: what an epoch changed, as bytes, and back; see state.h. */
#include "base/bytes.h"
#include "state/state_internal.h"

/* ---- encoding ---- */

static uint16_t
group_of(const struct state_map *m, const struct state_key *k)
{
	if (m->t.grouped && k->n >= 2)
		return le16get(k->p);
	return (uint16_t)(k->hash % m->st->groups);
}

int
state_rec_encode(struct buf *out, const struct state_rec *r)
{
	size_t n = STATE_REC_HDR + (r->key != NULL ? (size_t)r->nkey : 0);
	uint8_t *p;
	int rc;

	if (r->value != NULL)
		n += r->nvalue;
	if (n > UINT32_MAX)
		return ferr(FERR_LIMIT, "a record of state is larger than 4 GiB");
	if ((rc = buf_room(out, n)) != 0)
		return rc;
	p = out->p + out->n;
	le32put(p, (uint32_t)n);
	p[4] = r->kind;
	p[5] = r->map;
	le16put(p + 6, r->group);
	le64put(p + 8, (uint64_t)r->ns);
	le64put(p + 16, r->hash);
	le32put(p + 24, r->nkey);
	le32put(p + 28, r->nvalue);
	out->n += n;
	p += STATE_REC_HDR;
	if (r->key != NULL) {
		memcpy(p, r->key, r->nkey);
		p += r->nkey;
	}
	if (r->value != NULL && r->nvalue > 0)
		memcpy(p, r->value, r->nvalue);
	return 0;
}

static struct state_rec
rec_of(uint8_t kind, const struct sub *s, const struct state_key *k)
{
	return (struct state_rec){ .kind = kind,
				   .map = s->map->number,
				   .group = group_of(s->map, k),
				   .ns = s->ns,
				   .hash = k->hash,
				   .key = k->p,
				   .nkey = k->n };
}

int
state_value_encode(struct buf *out, const struct state_map *m, const struct entry *e)
{
	if (m->t.encode == NULL)
		return buf_put(out, e + 1, m->t.size);
	return m->t.encode(m->t.cookie, e + 1, out);
}

/* The value stands at [value, out->n) behind the head at `at`. */
static int
end_value(struct buf *out, const struct state_map *m, size_t at, size_t value)
{
	if (out->n - at > UINT32_MAX)
		return ferr(FERR_LIMIT, "a value of state map '%s' is larger than 4 GiB", m->name);
	le32put(out->p + at, (uint32_t)(out->n - at));
	le32put(out->p + at + 28, (uint32_t)(out->n - value));
	return 0;
}

int
state_rec_put(struct buf *out, const struct sub *s, const struct entry *e)
{
	const struct state_key k = { e->hash, key_of(s->map, e), e->klen };
	const struct state_rec r = rec_of(REC_PUT, s, &k);
	size_t at = out->n, value;
	int rc = state_rec_encode(out, &r);

	value = out->n;
	if (rc == 0 && (rc = state_value_encode(out, s->map, e)) == 0)
		rc = end_value(out, s->map, at, value);
	if (rc != 0)
		out->n = at;
	return rc;
}

int
state_rec_item(struct buf *out, const struct sub *s, const struct spill_item *it)
{
	struct state_rec r = rec_of(REC_PUT, s, &it->key);

	r.value = it->value;
	r.nvalue = it->n;
	return state_rec_encode(out, &r);
}

int
state_rec_drop(struct buf *out, const struct sub *s, const struct entry *e)
{
	const struct state_key k = { e->hash, key_of(s->map, e), e->klen };
	const struct state_rec r = rec_of(REC_DROP, s, &k);

	return state_rec_encode(out, &r);
}

int
state_rec_drop_ns(struct buf *out, const struct sub *s)
{
	const struct state *st = s->map->st;
	const struct state_rec r = { .kind = REC_DROP_NS,
				     .map = s->map->number,
				     .group = (uint16_t)st->lo,
				     .ns = s->ns,
				     .nkey = st->hi };

	return state_rec_encode(out, &r);
}

int
state_rec_map(struct buf *out, const struct state_map *m)
{
	const struct state_rec r = { .kind = REC_MAP,
				     .map = m->number,
				     .ns = m->t.size,
				     .key = (const uint8_t *)m->name,
				     .nkey = (uint32_t)strlen(m->name),
				     .nvalue = m->t.version };

	return state_rec_encode(out, &r);
}

int
state_rec_forget(struct buf *out, const struct state *s)
{
	const struct state_rec r = { .kind = REC_FORGET, .group = (uint16_t)s->lo, .nkey = s->hi };

	return state_rec_encode(out, &r);
}

/* ---- decoding ---- */

int64_t
state_rec_decode(struct state_rec *r, const uint8_t *p, size_t n)
{
	uint64_t want = STATE_REC_HDR;
	uint32_t len;

	if (n < STATE_REC_HDR || (len = le32get(p)) > n || len < STATE_REC_HDR)
		return ferr(FERR_CORRUPT, "a record of state is cut off");
	r->kind = p[4];
	r->map = p[5];
	r->group = le16get(p + 6);
	r->ns = (int64_t)le64get(p + 8);
	r->hash = le64get(p + 16);
	r->nkey = le32get(p + 24);
	r->nvalue = le32get(p + 28);
	r->key = p + STATE_REC_HDR;
	r->value = r->key;
	switch (r->kind) {
	case REC_PUT: want += r->nvalue; /* fall through */
	case REC_DROP:
		want += r->nkey;
		r->value += r->nkey;
		break;
	case REC_MAP: want += r->nkey; break;
	case REC_DROP_NS:
	case REC_FORGET: r->key = r->value = NULL; break;
	default: return ferr(FERR_CORRUPT, "a record of state is of kind %u", r->kind);
	}
	if (want != len)
		return ferr(FERR_CORRUPT, "a record of state has %u bytes, not %llu", len,
			    (unsigned long long)want);
	return len;
}

/* ---- loading ---- */

static int
load_map(struct state *s, const struct state_rec *r)
{
	struct state_map *m;
	int n = (int)(r->nkey < 64 ? r->nkey : 64);

	for (unsigned i = 0; i < s->nmap; i++) {
		m = s->map[i];
		if (strlen(m->name) != r->nkey || memcmp(m->name, r->key, r->nkey) != 0)
			continue;
		if (m->t.version != r->nvalue)
			return ferr(FERR_CORRUPT,
				    "state map '%s' was written in version %u, this is %u", m->name,
				    r->nvalue, m->t.version);
		if (m->t.encode == NULL && (int64_t)m->t.size != r->ns)
			return ferr(FERR_CORRUPT,
				    "state map '%s' was written with values of %lld bytes, these "
				    "have %u",
				    m->name, (long long)r->ns, m->t.size);
		s->number[r->map] = m;
		return 0;
	}
	return ferr(FERR_CORRUPT, "state map '%.*s' is not one of this stage", n,
		    (const char *)r->key);
}

int
state_value_decode(struct state_map *m, struct entry *e, const uint8_t *p, size_t n)
{
	void *v = value_of(e);
	int rc;

	if (m->t.decode == NULL) {
		if (n != m->t.size)
			return ferr(FERR_CORRUPT, "a value of state map '%s' has %zu bytes, not %u",
				    m->name, n, m->t.size);
		memcpy(v, p, n);
		return 0;
	}
	if ((rc = m->t.decode(m->t.cookie, v, p, n)) != 0)
		return ferr_prefix(rc, "state map '%s'", m->name);
	if (m->t.memory != NULL)
		m->st->heap += (int64_t)m->t.memory(m->t.cookie, v);
	return 0;
}

static int
load_put(struct state_map *m, const struct state_rec *r)
{
	const struct state_key k = { r->hash, r->key, r->nkey };
	struct sub *s = state_sub_make(m, r->ns);
	struct entry *e;
	int rc;

	if (s == NULL)
		return FERR_NOMEM;
	if ((rc = state_look(s, &k, &e)) != 0)
		return rc;
	if (e == NULL) {
		if ((rc = state_entry_new(s, &k, &e)) != 0)
			return rc;
		state_sub_count(s, 1, k.n);
	} else if (e->tag == TAG_GHOST) {
		state_entry_revive(s, e);
	} else {
		state_entry_clear(s, e);
		e->row = e->row != ROW_NONE ? ROW_STALE : ROW_NONE;
	}
	e->tag = m->st->cur & TAG_BASE;
	s->born = 0;
	return state_value_decode(m, e, r->value, r->nvalue);
}

static int
load_drop(struct state_map *m, int64_t ns, const struct state_key *k)
{
	struct sub *s = state_sub_find(m, ns);
	struct entry *e;
	int rc;

	if (s == NULL)
		return 0;
	if ((rc = state_look(s, k, &e)) != 0)
		return rc;
	if (e == NULL || e->tag == TAG_GHOST)
		return 0;
	state_entry_drop(s, e);
	if (s->n + s->spilled == 0)
		state_sub_drop(s);
	return 0;
}

/* Drop those of the groups lo..hi. */
static int
load_drop_some(struct sub *s, uint32_t lo, uint32_t hi)
{
	struct state_walk w = { 0 };
	struct state_map *m = s->map;
	int64_t ns = s->ns;
	struct state_key k;
	void *v;
	int rc = state_walk_begin(&w, m, ns, false);

	while (rc == 0 && (v = state_walk_next(&w, &rc)) != NULL) {
		k = state_key_of(m, v);
		if (group_of(m, &k) >= lo && group_of(m, &k) <= hi)
			rc = load_drop(m, ns, &k);
		if (rc == 0)
			rc = state_relieve(m->st);
	}
	state_walk_end(&w);
	return rc;
}

/* Drop what the writer of groups lo..hi has dropped as a whole. */
static int
load_drop_range(struct sub *s, uint32_t lo, uint32_t hi)
{
	const struct state *st = s->map->st;

	if (lo > st->lo || hi < st->hi)
		return load_drop_some(s, lo, hi);
	state_sub_drop(s);
	return 0;
}

static int
load_forget(struct state *s, uint32_t lo, uint32_t hi)
{
	int rc;

	for (unsigned i = 0; i < s->nmap; i++) {
		struct state_map *m = s->map[i];

		for (size_t k = m->t.transient ? 0 : m->n; k > 0; k--) {
			if ((rc = load_drop_range(m->subs[k - 1], lo, hi)) != 0)
				return rc;
		}
	}
	return 0;
}

static int
load_rec(struct state *s, const struct state_rec *r)
{
	struct state_map *m = s->number[r->map];
	struct state_key k = { r->hash, r->key, r->nkey };
	struct sub *sub;

	if (r->kind == REC_MAP)
		return load_map(s, r);
	if (r->kind == REC_FORGET)
		return load_forget(s, r->group, r->nkey);
	if (m == NULL)
		return ferr(FERR_CORRUPT, "records of state map %u stand before its name", r->map);
	if (r->kind == REC_DROP_NS) {
		sub = state_sub_find(m, r->ns);
		return sub != NULL ? load_drop_range(sub, r->group, r->nkey) : 0;
	}
	if (r->group < s->lo || r->group > s->hi)
		return 0;
	return r->kind == REC_PUT ? load_put(m, r) : load_drop(m, r->ns, &k);
}

#define AHEAD 12u
#define RELIEVE_EVERY 1024u

/* Fetch what the record at p will need. */
static void
fetch(const struct state *s, const uint8_t *p)
{
	struct state_map *m = s->number[p[5]];

	if (p[4] == REC_PUT && m != NULL)
		state_prefetch(m, (int64_t)le64get(p + 8), le64get(p + 16));
}

int
state_load(struct state *s, const uint8_t *p, size_t n)
{
	size_t at, ahead = 0;
	unsigned fetched = 0, n_loaded = 0;
	struct state_rec r;
	int64_t len;
	int rc;

	state_epoch_loaded(s);
	for (at = 0; at < n; at += (size_t)len, fetched--) {
		for (; fetched < AHEAD && n - ahead >= STATE_REC_HDR; fetched++) {
			fetch(s, p + ahead);
			ahead += le32get(p + ahead) < n - ahead ? le32get(p + ahead) : n - ahead;
		}
		if ((len = state_rec_decode(&r, p + at, n - at)) < 0)
			return (int)len;
		if ((rc = load_rec(s, &r)) != 0 ||
		    (++n_loaded % RELIEVE_EVERY == 0 && (rc = state_relieve(s)) != 0))
			return rc;
	}
	return state_relieve(s);
}
