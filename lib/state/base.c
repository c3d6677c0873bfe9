/* base: see base.h; its files: base_internal.h. */
#include "state/base.h"

#include <stdlib.h>

#include "fio/fio.h"
#include "state/base_internal.h"
#include "store/log.h"

#define GIVE (256u << 10) /* bytes of records given to fn at once */

/* ---- opening and closing ---- */

void
base_free(struct base *b)
{
	base_env_close(b);
	if (b->lock != -1)
		fio_close(b->lock);
	base_head_clear(&b->head);
	buf_fini(&b->id);
	buf_fini(&b->row);
	buf_fini(&b->value);
	base_files_fini(&b->files);
	free(b);
}

int
base_open(struct base **out, const char *local, const struct base_id *id, bool make)
{
	struct base *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	b->lock = -1;
	b->lo = id->lo;
	b->hi = id->hi;
	if ((rc = base_files_init(&b->files, local)) == 0 && (rc = base_encode_id(&b->id, id)) == 0)
		rc = base_files_lock(&b->files, make, &b->lock);
	if (rc != 0) {
		base_free(b);
		return rc;
	}
	*out = b;
	return 0;
}

/* First all else, then the word that it is. */
static int
make_clean(struct base *b)
{
	int rc;

	if ((rc = base_env_open(b)) != 0 || (rc = base_env_sync(b)) != 0)
		return rc;
	b->head.clean = true;
	return (rc = base_env_commit(b)) != 0 ? rc : base_env_sync(b);
}

int
base_close(struct base *b, bool clean)
{
	int rc = 0;

	if (b == NULL)
		return 0;
	if (clean && b->sound && b->head.at.n > 0 && !b->head.clean)
		rc = make_clean(b);
	base_free(b);
	return rc;
}

void
base_drop(struct base *b)
{
	if (b == NULL)
		return;
	base_env_close(b);
	(void)!base_files_remove(&b->files);
	base_free(b);
}

/* ---- stretches ---- */

/* Which stretch that place lies in; -1: none. */
static int
find(const struct snap_files *f, const struct snap_file *at)
{
	for (unsigned i = 0; i < f->n; i++) {
		const struct snap_file *s = &f->v[i];

		if (strcmp(s->name, at->name) == 0 && s->start < at->end &&
		    (at->end < s->end || (at->end == s->end && at->crc == s->crc)))
			return (int)i;
	}
	return -1;
}

int
base_reach(const struct base *b, const struct snap_files *f)
{
	const struct head *h;
	int i;

	if (b == NULL || b->head.at.n == 0)
		return -1;
	h = &b->head;
	i = find(f, &h->at.v[0]);
	/* A merge has been cut off: it may hold anything up to where that was to end. */
	return h->to.n > 0 && find(f, &h->to.v[0]) < i ? -1 : i;
}

uint64_t
base_behind(const struct base *b, const struct snap_files *f)
{
	int reach = base_reach(b, f);
	uint64_t n = 0;

	for (unsigned i = reach > 0 ? (unsigned)reach : 0; i < f->n; i++)
		n += f->v[i].end - ((int)i == reach ? b->head.at.v[0].end : f->v[i].start);
	return n;
}

int
base_rest(const struct base *b, const char *store, const struct snap_files *f,
	  int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n), void *cookie)
{
	int reach = base_reach(b, f), rc = 0;
	unsigned i = reach < 0 ? 0 : (unsigned)reach;

	if (reach >= 0) {
		const struct snap_file *s = &f->v[i++], *at = &b->head.at.v[0];

		if (at->end < s->end)
			rc = log_resume(store, s->name, at->end, at->crc, s->end, s->crc, fn,
					cookie);
	}
	for (; i < f->n && rc == 0; i++) {
		const struct snap_file *s = &f->v[i];

		rc = log_read(store, s->name, s->start, s->end, s->crc, fn, cookie);
	}
	return rc;
}

/* ---- reading what it holds ---- */

static int
look_row(void *cookie, const struct base_row *row)
{
	struct base *b = cookie;
	int rc;

	if (row->nkey != HEAD_KEY || memcmp(row->key, base_head_key, HEAD_KEY) != 0)
		return base_damaged(b->files.data, row->page, "it has no head");
	rc = base_head_decode(b, row->value, row->nvalue);
	if (rc == FERR_CORRUPT)
		return base_damaged(b->files.data, row->page, "its head");
	return rc != 0 ? rc : 1; /* what follows is base_each's */
}

int
base_look(struct base *b)
{
	int rc = base_read(b->files.data, look_row, b);

	return rc == 1 ? 0 : rc;
}

struct each {
	const struct base *b;
	struct tally found;
	struct buf out;
	int (*fn)(void *cookie, const uint8_t *p, size_t n);
	void *cookie;
};

/* Give records to fn once there are that many bytes of them. */
static int
give(struct each *e, size_t at_least)
{
	int rc = 0;

	if (e->out.n == 0 || e->out.n < at_least)
		return 0;
	rc = e->fn(e->cookie, e->out.p, e->out.n);
	e->out.n = 0;
	return rc;
}

static int
each_row(void *cookie, const struct base_row *row)
{
	struct each *e = cookie;
	const char *path = e->b->files.data;
	const uint8_t *p = row->value, *end = p + row->nvalue, *next;
	struct item it;
	int rc = 0;

	if (row->nkey == HEAD_KEY)
		return 0; /* base_look has seen it */
	if (row->nkey != ROW_KEY || row->nvalue == 0 || row->key[2] >= e->b->head.nmap)
		return base_damaged(path, row->page, "an unknown row");
	for (; p < end && rc == 0; p = next) {
		if ((next = base_item_at(p, end, &it)) == NULL)
			return base_damaged(path, row->page, "an item is cut off");
		if (base_item_crc(row->key, p, next) != it.crc)
			return base_damaged(path, row->page, "the checksum of an item is wrong");
		base_count(&e->found, &it, 1);
		if ((rc = base_item_record(&e->out, row->key, &it)) == 0)
			rc = give(e, GIVE);
	}
	return rc;
}

int
base_each(struct base *b, int (*fn)(void *cookie, const uint8_t *p, size_t n), void *cookie)
{
	struct each e = { .b = b, .fn = fn, .cookie = cookie };
	const struct buf *maps = &b->head.maps;
	int rc;

	if (b->head.at.n == 0)
		return 0;
	if ((rc = buf_put(&e.out, maps->p, maps->n)) == 0 &&
	    (rc = base_read(b->files.data, each_row, &e)) == 0)
		rc = give(&e, 0);
	buf_fini(&e.out);
	if (rc == 0 && memcmp(&e.found, &b->head.all, sizeof(e.found)) != 0)
		rc = base_damaged(b->files.data, 0, "items are missing");
	b->sound = rc == 0;
	return rc;
}

static int
load(void *cookie, const uint8_t *p, size_t n)
{
	return state_load(cookie, p, n);
}

static int
load_log(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)epoch;
	return state_load(cookie, p, n);
}

int
base_load(struct base *b, const char *store, const struct snap_files *f, struct state *s,
	  bool *ours)
{
	struct buf forget = BUF_INIT; /* made now: when it is needed there may be no memory */
	int rc;

	*ours = false;
	if ((rc = state_rec_forget(&forget, s)) != 0)
		return rc;
	if ((rc = state_load(s, forget.p, forget.n)) != 0)
		goto out;
	if ((rc = base_each(b, load, s)) != 0)
		*ours = true;
	else
		rc = base_rest(b, store, f, load_log, s);
	if (rc != 0)
		state_load(s, forget.p, forget.n);
out:
	buf_fini(&forget);
	return rc;
}
