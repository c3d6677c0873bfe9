/*
 * base_merge: what logs of the store hold goes into the local copy; see base_internal.h.
 *
 * Records gather in a batch, which is sorted into the order of the rows; of a key only the last
 * record is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "state/base_internal.h"

#define BATCH (8u << 20) /* bytes of records that are sorted at once */

/* ---- a batch of records ---- */

static void
clear_batch(struct base *b)
{
	b->batch.n = b->puts.n = b->drops.n = 0;
}

/* Between merges it would only take memory from others. */
static void
free_batch(struct base *b)
{
	buf_fini(&b->batch);
	free(b->puts.v);
	free(b->drops.v);
	b->puts = b->drops = (struct refs){ 0 };
}

static int
add_ref(struct refs *r, const struct ref *ref)
{
	size_t cap = r->cap != 0 ? 2 * r->cap : 1024;
	struct ref *v;

	if (r->n == r->cap) {
		if ((v = realloc(r->v, cap * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = *ref;
	return 0;
}

static int
by_row(const struct ref *x, const struct ref *y)
{
	if (x->group_map != y->group_map)
		return x->group_map < y->group_map ? -1 : 1;
	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

static int
by_key(const struct base *b, const struct ref *x, const struct ref *y)
{
	const uint8_t *p = b->batch.p + x->at, *q = b->batch.p + y->at;
	int c = by_row(x, y);

	if (c == 0)
		c = memcmp(p + STATE_REC_HDR, q + STATE_REC_HDR,
			   x->nkey < y->nkey ? x->nkey : y->nkey);
	return c != 0 ? c : (x->nkey > y->nkey) - (x->nkey < y->nkey);
}

static int
order_puts(const void *x, const void *y, void *b)
{
	const struct ref *r = x, *s = y;
	int c = by_key(b, r, s);

	return c != 0 ? c : (r->at > s->at) - (r->at < s->at);
}

static int
order_drops(const void *x, const void *y)
{
	const struct ref *r = x, *s = y;
	int c = by_row(r, s);

	return c != 0 ? c : (r->at > s->at) - (r->at < s->at);
}

/* Of the drops of a namespace only the last one is kept. */
static void
sort_drops(struct refs *d)
{
	size_t n = 0;

	if (d->n == 0)
		return;
	qsort(d->v, d->n, sizeof(*d->v), order_drops);
	for (size_t i = 0; i < d->n; i++) {
		if (i + 1 == d->n || by_row(&d->v[i], &d->v[i + 1]) != 0)
			d->v[n++] = d->v[i];
	}
	d->n = n;
}

static int
find_drop(const void *key, const void *drop)
{
	return by_row(key, drop);
}

/* Is its namespace dropped behind that record? */
static bool
dropped(const struct base *b, const struct ref *r)
{
	const struct ref key = { .group_map = r->group_map & 0xff, .ns = r->ns };
	const struct ref *d =
	    b->drops.n > 0 ? bsearch(&key, b->drops.v, b->drops.n, sizeof(*b->drops.v), find_drop)
			   : NULL;

	return d != NULL && d->at > r->at;
}

static int
write_drops(struct base *b)
{
	int rc = 0;

	for (size_t i = 0; i < b->drops.n; i++) {
		const struct ref *d = &b->drops.v[i];

		for (uint32_t g = b->lo; g <= b->hi && rc == 0; g++)
			rc = base_env_drop(b, base_group_map(g, (uint8_t)d->group_map), d->ns);
	}
	return rc;
}

static int
write_puts(struct base *b)
{
	const struct refs *p = &b->puts;
	struct state_rec r;
	int rc = 0;

	for (size_t i = 0; i < p->n && rc == 0; i++) {
		const struct ref *ref = &p->v[i];

		if ((i + 1 < p->n && by_key(b, ref, ref + 1) == 0) || dropped(b, ref))
			continue;
		state_rec_decode(&r, b->batch.p + ref->at, b->batch.n - ref->at);
		rc = base_env_change(b, ref, &r);
	}
	return rc;
}

/* Write what the batch holds: first the drops of namespaces, then what is put behind them. */
static int
flush(struct base *b)
{
	int rc;

	if (b->puts.n > 0)
		qsort_r(b->puts.v, b->puts.n, sizeof(*b->puts.v), order_puts, b);
	sort_drops(&b->drops);
	if ((rc = base_env_begin(b)) == 0 && (rc = write_drops(b)) == 0 &&
	    (rc = write_puts(b)) == 0)
		rc = base_env_commit(b);
	clear_batch(b);
	return rc;
}

/* ---- taking records in ---- */

/* A map of the log has a name: what is it here? */
static int
name_map(struct base *b, const struct state_rec *r, const uint8_t *p, size_t n)
{
	struct head *h = &b->head;
	size_t at = h->maps.n;
	unsigned i = 0;
	int rc;

	while (i < h->nmap &&
	       (h->map[i].nkey != r->nkey || memcmp(h->map[i].key, r->key, r->nkey) != 0))
		i++;
	b->number[r->map] = (int)i;
	if (i < h->nmap) {
		at = (size_t)(h->map[i].key - h->maps.p) - STATE_REC_HDR;
		memcpy(h->maps.p + at, p, n); /* its version, and the size of values */
	} else if ((rc = buf_put(&h->maps, p, n)) != 0) {
		return rc;
	}
	h->maps.p[at + 5] = (uint8_t)i;
	return base_index_maps(h);
}

/* All goes, what waits included. */
static int
forget(struct base *b)
{
	clear_batch(b);
	return base_env_drop_all(b);
}

static int
take_record(struct base *b, const struct state_rec *r, const uint8_t *p, size_t n)
{
	bool whole = r->kind == REC_FORGET || r->kind == REC_DROP_NS;
	struct ref ref = {
		.nkey = r->nkey, .ns = base_ns(r->ns), .hash = r->hash, .at = b->batch.n
	};
	int rc;

	if (r->kind == REC_MAP)
		return name_map(b, r, p, n);
	/* Whoever writes for other groups begins with a base before that is complete. */
	if (whole && (r->group > b->lo || r->nkey < b->hi))
		return ferr(FERR_CORRUPT, "a record of state drops other key groups than ours");
	if (r->kind == REC_FORGET)
		return forget(b);
	if (b->number[r->map] == -1)
		return ferr(FERR_CORRUPT, "records of state map %u stand before its name", r->map);
	if (!whole && (r->group < b->lo || r->group > b->hi))
		return 0;
	ref.group_map = base_group_map(whole ? 0 : r->group, (uint8_t)b->number[r->map]);
	if (whole)
		ref.hash = 0;
	if ((rc = buf_put(&b->batch, p, n)) == 0)
		rc = add_ref(whole ? &b->drops : &b->puts, &ref);
	return rc;
}

static int
take(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	struct base *b = cookie;
	struct state_rec r;
	int64_t len;
	int rc;

	(void)epoch;
	for (size_t at = 0; at < n; at += (size_t)len) {
		if ((len = state_rec_decode(&r, p + at, n - at)) < 0)
			return (int)len;
		if ((rc = take_record(b, &r, p + at, (size_t)len)) != 0)
			return rc;
		if (b->batch.n >= BATCH && (rc = flush(b)) != 0)
			return rc;
	}
	return atomic_load(b->stop) ? FERR_AGAIN : 0;
}

/* ---- merging ---- */

/* Begin with an empty file. */
static int
renew(struct base *b)
{
	base_env_close(b);
	base_head_clear(&b->head);
	if (fio_unlinkat(AT_FDCWD, b->files.data) == -1 && errno != ENOENT)
		return ferr_sys(FERR_IO, "cannot remove %s", b->files.data);
	b->sound = true;
	return 0;
}

/* Go on with the file, or begin anew. */
static int
open_file(struct base *b, bool anew)
{
	int rc = 0;

	if (!anew && (rc = base_env_open(b)) == 0)
		rc = base_env_bloated(b, &anew);
	if (rc == 0 && anew && (rc = renew(b)) == 0)
		rc = base_env_open(b);
	return rc;
}

/* Note where the merge is going to end, before anything changes. */
static int
begin_merge(struct base *b, const struct snap_files *f, const atomic_bool *stop)
{
	bool clean = b->head.clean;
	int rc;

	b->stop = stop;
	for (unsigned i = 0; i <= MAPS; i++)
		b->number[i] = -1;
	b->head.clean = false;
	if ((rc = base_set_place(&b->head.to, &f->v[f->n - 1])) != 0 ||
	    (rc = base_env_commit(b)) != 0)
		return rc;
	/* Or a power loss could leave a clean one, half overwritten. */
	return clean ? base_env_sync(b) : 0;
}

static int
end_merge(struct base *b)
{
	snap_clear_files(&b->head.at);
	b->head.at = b->head.to;
	b->head.to = (struct snap_files){ 0 };
	return base_env_commit(b);
}

int
base_merge(struct base *b, const char *store, const struct snap_files *f, const atomic_bool *stop)
{
	bool holds = base_reach(b, f) >= 0;
	int rc;

	if (f->n == 0 || (holds && base_behind(b, f) == 0))
		return 0;
	if ((rc = open_file(b, !holds)) == 0 && (rc = begin_merge(b, f, stop)) == 0 &&
	    (rc = base_rest(b, store, f, take, b)) == 0 && (rc = flush(b)) == 0)
		rc = end_merge(b);
	if (rc != 0 && rc != FERR_AGAIN)
		b->sound = false;
	free_batch(b);
	return rc;
}
