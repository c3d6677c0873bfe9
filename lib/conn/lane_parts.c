/* lane_parts: see lane_parts.h. */
#include "conn/lane_parts.h"

#include <stdlib.h>

#include "base/hash.h"
#include "conn/lane.h"
#include "coord/task.h"

struct lane_parts {
	struct parts_conf conf;
	struct lane *lane;
	int64_t *number;      /* of the next part */
	struct lane_part **v; /* open, in the order they were begun */
	size_t n, cap;
	struct lane_part *last; /* the one written last */
	struct lane_part **adopted;
	size_t nadopted;
};

int
lane_parts_new(struct lane_parts **out, struct op *op, const struct parts_conf *conf)
{
	struct dest_conf dest = { .kind = DEST_DIR, .path = conf->dir, .roll = conf->visible_roll };
	struct lane_parts *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->conf = *conf;
	if ((rc = lane_new(&l->lane, op, &dest, conf->format)) != 0 ||
	    (rc = op_number(op, "part", SNAP_MAX, &l->number)) != 0) {
		lane_parts_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

void
lane_parts_free(struct lane_parts *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		lane_part_free(l->v[i]);
	for (size_t i = 0; i < l->nadopted; i++)
		lane_part_free(l->adopted[i]);
	lane_free(l->lane);
	free(l->v);
	free(l->adopted);
	free(l);
}

/* ---- lists ---- */

static int
append(struct lane_part ***v, size_t n, size_t *cap, struct lane_part *p)
{
	struct lane_part **more;

	if (n == *cap) {
		*cap = *cap != 0 ? 2 * *cap : 16;
		if ((more = realloc(*v, *cap * sizeof(*more))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		*v = more;
	}
	(*v)[n] = p;
	return 0;
}

/* An open part of the checkpoint: ours, or that of a lane that is no more. */
static int
take(void *cookie, struct op *op, struct lane_part *p)
{
	struct lane_parts *l = cookie;
	const struct op_task *t = op_task(op);
	int rc;

	if (t->same && p->lane == t->subtask) {
		if ((rc = append(&l->v, l->n, &l->cap, p)) == 0)
			l->n++;
	} else {
		size_t cap = l->nadopted; /* grows one by one: there are few */
		struct lane_part **v = realloc(l->adopted, (cap + 1) * sizeof(*v));

		rc = v != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
		if (rc == 0) {
			l->adopted = v;
			l->adopted[l->nadopted++] = p;
		}
	}
	if (rc != 0)
		lane_part_free(p);
	return rc;
}

int
lane_parts_restored(struct lane_parts *l, struct op *op)
{
	uint64_t next = (uint64_t)*l->number;
	int rc = lane_restored(l->lane, op, &next, take, l);

	*l->number = (int64_t)next;
	return rc;
}

/* ---- parts ---- */

/* The part is whole. */
static int
close_part(struct lane_parts *l, struct op *op, struct lane_part *p)
{
	int rc;

	if ((rc = part_rows_end(&p->rows, NULL)) != 0 ||
	    (rc = lane_put(l->lane, op, p, PIECE_CLOSES)) != 0 ||
	    (rc = lane_drop(l->lane, op, p)) != 0)
		return rc;
	if (l->last == p)
		l->last = NULL;
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i] == p) {
			memmove(&l->v[i], &l->v[i + 1], (l->n - i - 1) * sizeof(*l->v));
			l->n--;
			break;
		}
	}
	lane_part_free(p);
	return 0;
}

/* Too many parts are open: the one that was used least recently is closed. */
static int
make_room(struct lane_parts *l, struct op *op)
{
	struct lane_part *old = NULL;

	if (l->n < PARTS_OPEN_MAX)
		return 0;
	for (size_t i = 0; i < l->n; i++) {
		if (old == NULL || l->v[i]->used < old->used)
			old = l->v[i];
	}
	return close_part(l, op, old);
}

static int
begin_part(struct lane_parts *l, struct op *op, const char *sub)
{
	struct lane_part *p;
	int rc;

	if ((rc = make_room(l, op)) != 0)
		return rc;
	if ((p = lane_part_new(l->lane, op, sub, (uint64_t)*l->number)) == NULL)
		return FERR_NOMEM;
	++*l->number;
	if ((rc = part_rows_begin(&p->rows, l->conf.format)) != 0 ||
	    (rc = append(&l->v, l->n, &l->cap, p)) != 0) {
		lane_part_free(p);
		return rc;
	}
	l->n++;
	l->last = p;
	return 0;
}

/* l->last becomes the open part of that directory. */
static int
find_part(struct lane_parts *l, struct op *op, const char *sub, size_t n)
{
	uint64_t hash;

	if (l->last != NULL && strcmp(l->last->sub, sub) == 0)
		return 0;
	hash = hash64(sub, n);
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i]->hash == hash && strcmp(l->v[i]->sub, sub) == 0) {
			l->last = l->v[i];
			return 0;
		}
	}
	return begin_part(l, op, sub);
}

bool
lane_parts_full(const struct lane_parts *l)
{
	return lane_full(l->lane);
}

int
lane_parts_row(struct lane_parts *l, struct op *op, const char *sub, size_t n,
	       const struct schema *schema, const uint8_t *row)
{
	struct lane_part *p;
	int rc;

	if ((rc = find_part(l, op, sub, n)) != 0)
		return rc;
	p = l->last;
	if ((rc = part_rows_put(&p->rows, schema, row)) != 0)
		return rc;
	p->used = op_now(op);
	if (p->offset + p->rows.b.n >= (uint64_t)l->conf.roll_bytes)
		return close_part(l, op, p);
	return p->rows.b.n >= LANE_WRITE ? lane_put(l->lane, op, p, 0) : 0;
}

/* ---- epochs ---- */

int
lane_parts_barrier(struct lane_parts *l, struct op *op, const struct barrier *b)
{
	bool all = (b->flags & (BARRIER_FINAL | BARRIER_DRAIN)) != 0 || l->conf.roll_epoch ||
		   ((b->flags & BARRIER_STOP) != 0 && l->conf.visible_roll);
	int64_t born = op_now(op) - l->conf.roll_ms * 1000000;
	size_t i = 0;
	int rc = 0;

	while (rc == 0 && l->nadopted > 0)
		rc = close_part(l, op, l->adopted[--l->nadopted]);
	while (rc == 0 && i < l->n) {
		struct lane_part *p = l->v[i];

		if (all || p->since <= born) {
			rc = close_part(l, op, p);
			continue;
		}
		if ((rc = lane_put(l->lane, op, p, 0)) == 0 && p->dirty)
			rc = lane_keep(l->lane, op, p);
		i++;
	}
	return rc != 0 ? rc : lane_seal(l->lane, op, b);
}

int
lane_parts_ack(struct lane_parts *l, struct snap *s)
{
	return lane_ack(l->lane, s);
}

int
lane_parts_complete(struct lane_parts *l, struct op *op, uint64_t epoch)
{
	return lane_complete(l->lane, op, epoch);
}

int
lane_parts_end(const struct lane_parts *l)
{
	return lane_end(l->lane);
}
