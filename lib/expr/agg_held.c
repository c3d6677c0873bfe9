/*
 * agg_held -- the aggregates that keep one of the values: min, max, first, last.
 *
 * The accumulator owns the text of the value it holds and uses its memory again for the next one.
 */
#include "expr/agg_internal.h"

#include <math.h>
#include <stdlib.h>

struct held {
	struct val v; /* VAL_ABSENT: nothing yet */
	char *mem;    /* where v.s points when v is text */
	size_t cap;
	uint64_t seq; /* first, last: the row's number by arrival */
};

static int
held_set(struct held *h, const struct val *v)
{
	if (v->t < VAL_STR) {
		h->v = *v;
		return 0;
	}
	if (v->n > h->cap || h->mem == NULL) {
		size_t cap = v->n < 24 ? 24 : v->n;
		char *mem = realloc(h->mem, cap);

		if (mem == NULL)
			return FERR_NOMEM;
		h->mem = mem;
		h->cap = cap;
	}
	if (v->n != 0)
		memcpy(h->mem, v->s, v->n);
	h->v = *v;
	h->v.s = h->mem;
	return 0;
}

/*
 * The order of values, made strict: what compares equal but differs (5 and 5.0, 0.0 and -0.0) is
 * ordered by type and bits, so that the result does not depend on the order of arrival.
 */
static int
order(const struct val *a, const struct val *b)
{
	int c;

	if (a->t == VAL_I64 && b->t == VAL_I64)
		return (a->i > b->i) - (a->i < b->i);
	if (a->t == VAL_F64 && b->t == VAL_F64 && a->f != b->f)
		return a->f < b->f ? -1 : 1;
	if ((c = val_cmp(a, b)) != 0)
		return c;
	if (a->t != b->t)
		return a->t < b->t ? -1 : 1;
	return a->t == VAL_F64 ? (signbit(a->f) == 0) - (signbit(b->f) == 0) : 0;
}

/* Which value stays is all that sets the four apart: does `next` replace `held`? */

static bool
min_takes(const struct val *held, const struct val *next)
{
	return order(next, held) < 0;
}

static bool
max_takes(const struct val *held, const struct val *next)
{
	return order(next, held) > 0;
}

static inline int
offer(struct held *h, const struct val *v, bool (*takes)(const struct val *, const struct val *))
{
	return h->v.t == VAL_ABSENT || takes(&h->v, v) ? held_set(h, v) : 0;
}

static int
min_add(struct agg *a, void *acc)
{
	return offer(acc, &a->v, min_takes);
}

static int
max_add(struct agg *a, void *acc)
{
	return offer(acc, &a->v, max_takes);
}

/* first and last: what counts is the row's number by arrival. */
static int
hold(struct held *h, const struct val *v, uint64_t seq)
{
	h->seq = seq;
	return held_set(h, v);
}

static int
first_add(struct agg *a, void *acc)
{
	struct held *h = acc;

	return h->v.t == VAL_ABSENT ? hold(h, &a->v, a->seq) : 0;
}

static int
last_add(struct agg *a, void *acc)
{
	return hold(acc, &a->v, a->seq);
}

static int
min_merge(struct agg *a, void *acc, const void *from)
{
	const struct held *f = from;

	(void)a;
	return f->v.t == VAL_ABSENT ? 0 : offer(acc, &f->v, min_takes);
}

static int
max_merge(struct agg *a, void *acc, const void *from)
{
	const struct held *f = from;

	(void)a;
	return f->v.t == VAL_ABSENT ? 0 : offer(acc, &f->v, max_takes);
}

static int
first_merge(struct agg *a, void *acc, const void *from)
{
	struct held *h = acc;
	const struct held *f = from;

	(void)a;
	if (f->v.t == VAL_ABSENT || (h->v.t != VAL_ABSENT && h->seq <= f->seq))
		return 0;
	return hold(h, &f->v, f->seq);
}

static int
last_merge(struct agg *a, void *acc, const void *from)
{
	struct held *h = acc;
	const struct held *f = from;

	(void)a;
	if (f->v.t == VAL_ABSENT || (h->v.t != VAL_ABSENT && h->seq >= f->seq))
		return 0;
	return hold(h, &f->v, f->seq);
}

/* The row that is held may not go; the others leave no trace. */
static int
arrival_may_retract(const struct agg *a, const void *acc)
{
	return ((const struct held *)acc)->seq != a->seq ? 0 : FERR_AGAIN;
}

static int
arrival_may_unmerge(const struct agg *a, const void *acc, const void *other)
{
	(void)a;
	return ((const struct held *)acc)->seq != ((const struct held *)other)->seq ? 0
										    : FERR_AGAIN;
}

/* A value that is not the extremum goes without a trace; of the extremum we do not know what is
 * next. */
static int
extremum_may_retract(const struct agg *a, const void *acc)
{
	const struct held *h = acc;

	return order(&h->v, &a->v) != 0 && h->v.t != VAL_ABSENT ? 0 : FERR_AGAIN;
}

static void
untouched_retract(const struct agg *a, void *acc)
{
	(void)a;
	(void)acc;
}

static int
extremum_may_unmerge(const struct agg *a, const void *acc, const void *other)
{
	const struct held *h = acc, *o = other;

	(void)a;
	return order(&h->v, &o->v) != 0 && h->v.t != VAL_ABSENT ? 0 : FERR_AGAIN;
}

static void
untouched_unmerge(const struct agg *a, void *acc, const void *other)
{
	(void)a;
	(void)acc;
	(void)other;
}

static int
held_result(struct agg *a, const void *acc, struct val *v)
{
	const struct held *h = acc;

	(void)a;
	*v = h->v.t == VAL_ABSENT ? VAL_NULLV : h->v;
	return 0;
}

static int
held_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct held *h = acc;
	int rc;

	(void)a;
	if ((rc = val_pack(&h->v, out)) != 0)
		return rc;
	return agg_put_uint(out, h->seq);
}

static int
held_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct held *h = acc;
	struct val v;
	int rc;

	(void)a;
	if ((rc = val_unpack(&c->p, c->end, &v)) != 0)
		return rc;
	if (v.t == VAL_NULL || v.t == VAL_CELL || (v.t == VAL_F64 && !isfinite(v.f)))
		return FERR_CORRUPT;
	if ((rc = held_set(h, &v)) != 0)
		return rc;
	return agg_get_uint(c, &h->seq) ? 0 : FERR_CORRUPT;
}

static void
held_fini(void *acc)
{
	struct held *h = acc;

	free(h->mem);
}

static size_t
held_memory(const void *acc)
{
	const struct held *h = acc;

	return h->cap;
}

const struct agg_class agg_min = {
	.name = "min",
	.usage = "min(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct held),
	.accept = agg_accept_ordered,
	.add = min_add,
	.may_retract = extremum_may_retract,
	.retract = untouched_retract,
	.merge = min_merge,
	.may_unmerge = extremum_may_unmerge,
	.unmerge = untouched_unmerge,
	.result = held_result,
	.encode = held_encode,
	.decode = held_decode,
	.fini = held_fini,
	.memory = held_memory,
};

const struct agg_class agg_max = {
	.name = "max",
	.usage = "max(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct held),
	.accept = agg_accept_ordered,
	.add = max_add,
	.may_retract = extremum_may_retract,
	.retract = untouched_retract,
	.merge = max_merge,
	.may_unmerge = extremum_may_unmerge,
	.unmerge = untouched_unmerge,
	.result = held_result,
	.encode = held_encode,
	.decode = held_decode,
	.fini = held_fini,
	.memory = held_memory,
};

const struct agg_class agg_first = {
	.name = "first",
	.usage = "first(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct held),
	.add = first_add,
	.may_retract = arrival_may_retract,
	.retract = untouched_retract,
	.merge = first_merge,
	.may_unmerge = arrival_may_unmerge,
	.unmerge = untouched_unmerge,
	.result = held_result,
	.encode = held_encode,
	.decode = held_decode,
	.fini = held_fini,
	.memory = held_memory,
};

const struct agg_class agg_last = {
	.name = "last",
	.usage = "last(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct held),
	.add = last_add,
	.may_retract = arrival_may_retract,
	.retract = untouched_retract,
	.merge = last_merge,
	.may_unmerge = arrival_may_unmerge,
	.unmerge = untouched_unmerge,
	.result = held_result,
	.encode = held_encode,
	.decode = held_decode,
	.fini = held_fini,
	.memory = held_memory,
};
