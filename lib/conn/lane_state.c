/* lane_state: the open parts of a lane in keyed state, and what a restart makes of them; see
 * lane.h. */
#include "conn/lane_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"

/* ---- the map ---- */

struct kept {
	uint8_t *p; /* part_rec_encode */
	uint64_t n;
};

static void
kept_fini(void *cookie, void *value)
{
	(void)cookie;
	free(((struct kept *)value)->p);
}

static int
kept_encode(void *cookie, const void *value, struct buf *out)
{
	const struct kept *k = value;

	(void)cookie;
	return buf_put(out, k->p, k->n);
}

static int
kept_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	struct kept *k = value;

	(void)cookie;
	if ((k->p = malloc(n + 1)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	memcpy(k->p, p, n);
	k->n = n;
	return 0;
}

static size_t
kept_memory(void *cookie, const void *value)
{
	(void)cookie;
	return ((const struct kept *)value)->n;
}

int
lane_new(struct lane **out, struct op *op, const struct dest_conf *conf, enum fmt_kind format)
{
	static const struct state_type type = { .name = "parts",
						.size = sizeof(struct kept),
						.version = 1,
						.grouped = true,
						.fini = kept_fini,
						.encode = kept_encode,
						.decode = kept_decode,
						.memory = kept_memory };
	struct lane *l = calloc(1, sizeof(*l));
	struct state *s = op_state(op);
	int rc;

	if (l == NULL || s == NULL) {
		free(l);
		return ferr(FERR_NOMEM, "out of memory");
	}
	l->conf = *conf;
	l->format = format;
	l->task = op_task(op);
	l->conf.rewind = l->task->rewind;
	l->conf.plain = l->task->plain;
	if ((rc = state_map_open(s, &l->map, &type)) != 0 ||
	    (rc = lane_log_new(&l->log, op, &lane_log_class, l)) != 0) {
		lane_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

int
lane_fd(const struct lane *l)
{
	return dest_fd(l->dest);
}

/* ---- parts ---- */

void
lane_part_free(struct lane_part *p)
{
	if (p == NULL)
		return;
	part_rows_fini(&p->rows);
	free(p->sub);
	free(p);
}

struct lane_part *
lane_part_new(const struct lane *l, struct op *op, const char *sub, uint64_t number)
{
	const struct op_task *t = l->task;
	struct lane_part *p = calloc(1, sizeof(*p));

	if (p == NULL || (p->sub = strdup(sub)) == NULL) {
		lane_part_free(p);
		ferr(FERR_NOMEM, "out of memory");
		return NULL;
	}
	p->hash = hash64(sub, strlen(sub));
	p->group = (uint16_t)group_lo(t->subtask, t->parallel, t->groups);
	p->lane = t->subtask;
	p->number = number;
	p->maker = t->attempt;
	p->since = p->used = op_now(op);
	p->rows.kind = l->format;
	return p;
}

void
lane_piece_of(const struct lane *l, const struct lane_part *p, struct piece *out)
{
	*out = (struct piece){ .maker = p->maker };
	if (l->conf.kind == DEST_DIR)
		snprintf(out->path, sizeof(out->path), "%spart-%u-%" PRIu64 ".%s", p->sub, p->lane,
			 p->number, fmt_ending(l->format));
}

static int
key_of(const struct lane_part *p, struct buf *b, struct state_key *k)
{
	uint8_t group[2];
	int rc;

	le16put(group, p->group);
	if ((rc = buf_put(b, group, 2)) == 0)
		rc = buf_puts(b, p->sub);
	*k = (struct state_key){ hash64(b->p, b->n), b->p, (uint32_t)b->n };
	return rc;
}

int
lane_keep(struct lane *l, struct op *op, struct lane_part *p)
{
	struct part_rec rec = { .lane = p->lane,
				.number = p->number,
				.maker = p->maker,
				.offset = p->offset,
				.age = (op_now(op) - p->since) / 1000000,
				.dev = p->dev,
				.ino = p->ino,
				.seq = p->rows.seq,
				.fields = p->rows.fields,
				.header = p->rows.header.p,
				.nheader = (uint32_t)p->rows.header.n };
	struct buf key = BUF_INIT, b = BUF_INIT;
	struct state_key k;
	struct kept *v;
	int64_t grown;
	bool fresh;
	int rc;

	if ((rc = part_rec_encode(&rec, &b)) != 0 || (rc = key_of(p, &key, &k)) != 0)
		goto out;
	if ((v = state_put(l->map, 0, &k, &fresh)) == NULL) {
		rc = state_error(op_state(op));
		goto out;
	}
	grown = (int64_t)b.n - (int64_t)v->n;
	free(v->p);
	v->p = b.p;
	v->n = b.n;
	b = (struct buf)BUF_INIT;
	p->kept = true;
	p->dirty = false;
	rc = state_account(op_state(op), grown);
out:
	buf_fini(&b);
	buf_fini(&key);
	return rc;
}

int
lane_drop(struct lane *l, struct op *op, struct lane_part *p)
{
	struct buf key = BUF_INIT;
	struct state_key k;
	void *v;
	int rc = 0;

	if (!p->kept)
		return 0;
	if ((rc = key_of(p, &key, &k)) == 0) {
		if ((v = state_find(l->map, 0, &k)) != NULL)
			rc = state_drop(l->map, 0, v);
		else
			rc = state_error(op_state(op));
	}
	p->kept = false;
	buf_fini(&key);
	return rc;
}

/* ---- at a restart ---- */

static int
part_of(const struct lane *l, struct op *op, const struct state_key *k, const struct kept *v,
	struct lane_part **out)
{
	struct part_rec rec;
	struct lane_part *p;
	int rc;

	if ((rc = part_rec_decode(&rec, v->p, v->n)) != 0)
		return rc;
	if (k->n < 2)
		return ferr(FERR_CORRUPT, "the state of an open part is damaged");
	if ((p = calloc(1, sizeof(*p))) == NULL ||
	    (p->sub = strndup((const char *)k->p + 2, k->n - 2)) == NULL ||
	    buf_put(&p->rows.header, rec.header, rec.nheader) != 0) {
		lane_part_free(p);
		return ferr(FERR_NOMEM, "out of memory");
	}
	p->hash = hash64(p->sub, k->n - 2);
	p->group = le16get(k->p);
	p->lane = rec.lane;
	p->number = rec.number;
	p->maker = rec.maker;
	p->offset = rec.offset;
	p->since = op_now(op) - rec.age * 1000000;
	p->used = op_now(op);
	p->dev = rec.dev;
	p->ino = rec.ino;
	p->rows.kind = l->format;
	p->rows.seq = rec.seq;
	p->rows.fields = rec.fields;
	p->begun = p->kept = true;
	*out = p;
	return 0;
}

/* All open parts of the checkpoint. */
static int
load_parts(struct lane *l, struct op *op, struct lane_part ***out, size_t *n)
{
	struct lane_part **v = NULL, **more;
	struct state_walk w = { 0 };
	struct kept *kept;
	size_t cap = 0;
	int rc;

	*n = 0;
	rc = state_walk_begin(&w, l->map, 0, true);
	while (rc == 0 && (kept = state_walk_next(&w, &rc)) != NULL) {
		struct state_key k = state_key_of(l->map, kept);

		if (*n == cap) {
			cap = cap != 0 ? 2 * cap : 16;
			if ((more = realloc(v, cap * sizeof(*v))) == NULL) {
				rc = ferr(FERR_NOMEM, "out of memory");
				break;
			}
			v = more;
		}
		if ((rc = part_of(l, op, &k, kept, &v[*n])) == 0)
			++*n;
	}
	state_walk_end(&w);
	*out = v;
	return rc;
}

/* Compare an open part with what is there, and note it. */
static int
find_part(struct lane *l, const struct lane_part *p)
{
	struct lane_found *f = &l->found[l->nfound];
	int rc;

	lane_piece_of(l, p, &f->part);
	f->length = p->offset;
	if ((rc = dest_check(l->dest, &f->part, f->length, false)) == 0)
		l->nfound++;
	return lane_log_blame(l->task, rc);
}

int
lane_restored(struct lane *l, struct op *op, uint64_t *next,
	      int (*take)(void *cookie, struct op *op, struct lane_part *p), void *cookie)
{
	struct lane_part **v = NULL;
	size_t n = 0;
	int rc;

	if ((rc = load_parts(l, op, &v, &n)) != 0)
		goto out;
	l->conf.make = n == 0;
	if ((rc = dest_open(&l->dest, &l->conf)) != 0 ||
	    (rc = dest_claim(l->dest, l->task->job, l->task->epoch == 0)) != 0 ||
	    (l->task->epoch == 0 && (rc = dest_next_number(l->dest, next)) != 0))
		goto out;
	l->next_number = *next;
	if ((l->found = calloc(n + 1, sizeof(*l->found))) == NULL) {
		rc = ferr(FERR_NOMEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < n && rc >= 0; i++) {
		struct lane_part *p = v[i];

		v[i] = NULL;
		if ((rc = find_part(l, p)) == 0) {
			rc = take(cookie, op, p);
		} else {
			if (rc == 1) /* rewinding, and it is gone */
				rc = lane_drop(l, op, p);
			lane_part_free(p);
		}
	}
	if (rc == 0)
		rc = lane_put_restored(l, op);
out:
	for (size_t i = 0; i < n; i++)
		lane_part_free(v[i]);
	free(v);
	return rc;
}
