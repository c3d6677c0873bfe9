/*
 * agg_internal -- what the parts of agg share: the parsed list, the table of aggregates, small
 * codecs.
 *
 * An aggregate is a struct agg_class.  Its accumulator is `size` bytes in a block; all zero =
 * nothing added.  It may be moved by memcpy, so it holds no pointers into itself.
 *
 * Every change of a block has two steps, so that a block is changed by all aggregates or by none:
 * first each aggregate's may_*() says whether it will do it, then each does it.  A step that has
 * begun fails for want of memory only.
 */
#ifndef EXPR_AGG_INTERNAL_H
#define EXPR_AGG_INTERNAL_H

#include "expr/agg.h"

#define AGG_TOP_MAX 10000u	      /* the N of top(N, ...) */
#define AGG_TEXT_MAX (ROW_MAX - 4096) /* bytes of a collected array: it must fit a row */

struct agg_class;

/* One expression; those with the same text are computed once. */
struct agg_term {
	struct expr *e;
	char *text; /* canonical source */
	struct val v;
};

/* A bump allocator for texts of results; its memory never moves. */
struct agg_arena {
	struct agg_chunk *first;
};

struct agg {
	const struct agg_class *cls;
	char *name;
	uint32_t at; /* offset of its accumulator in a block */
	unsigned nterms;
	unsigned term[2];
	double q;	/* quantile */
	uint32_t limit; /* top */
	bool rounds;	/* aggs_must_retract */
	struct agg_arena *arena;

	/* The evaluated row, as aggs_eval and accept() left it. */
	bool skip; /* nothing to add: null, or a condition that is false */
	struct val v, w;
	uint64_t seq; /* its number by arrival */
	uint64_t hash;
	struct buf text;
};

struct aggs {
	struct agg *v;
	unsigned n;
	struct agg_term *term;
	unsigned nterms;
	const char **field; /* borrowed from the expressions */
	unsigned nfields;
	size_t size;
	bool heap, checks;
	uint64_t seq; /* rows evaluated so far */
	char *signature;
	struct agg_arena arena;
};

/* A reader of encoded bytes that cannot overrun: each getter is false at the end. */
struct agg_cur {
	const uint8_t *p, *end;
};

enum {
	AGG_HEAP = 1,	 /* accumulators may own memory */
	AGG_RETRACT = 2, /* any row that was added can be taken back */
};

struct agg_class {
	const char *name;
	const char *usage;
	const char *args; /* x: an expression, q: a number in 0..1, n: a whole number */
	uint8_t version;  /* of its encoding */
	uint8_t flags;
	uint32_t size; /* a multiple of 8 */
	double q;      /* the q of one that takes none */

	/* Look at a row's value (never null): FERR_DATA, or prepare what add needs.  NULL: any will
	 * do. */
	int (*accept)(struct agg *a);
	/* may_*: 0, FERR_DATA (with text) or FERR_AGAIN; NULL: always.  No retract, no unmerge:
	 * FERR_AGAIN. */
	int (*may_add)(const struct agg *a, const void *acc);
	int (*add)(struct agg *a, void *acc);
	int (*may_retract)(const struct agg *a, const void *acc);
	void (*retract)(const struct agg *a, void *acc);
	int (*may_merge)(const struct agg *a, const void *acc, const void *from);
	int (*merge)(struct agg *a, void *acc, const void *from);
	int (*may_unmerge)(const struct agg *a, const void *acc, const void *other);
	void (*unmerge)(const struct agg *a, void *acc, const void *other);
	int (*result)(struct agg *a, const void *acc, struct val *v);
	/* decode: acc is zero; on error it may be half filled, fini cleans up. */
	int (*encode)(const struct agg *a, const void *acc, struct buf *out);
	int (*decode)(struct agg *a, void *acc, struct agg_cur *c);
	void (*fini)(void *acc);	   /* AGG_HEAP */
	size_t (*memory)(const void *acc); /* AGG_HEAP */
};

/* agg.c: the table, NULL at its end.  One name may stand twice, with different arguments. */
extern const struct agg_class *const agg_classes[];

extern const struct agg_class agg_count, agg_count_if, agg_any, agg_all;
extern const struct agg_class agg_sum, agg_avg, agg_stddev, agg_stddev_pop;
extern const struct agg_class agg_min, agg_max, agg_first, agg_last;
extern const struct agg_class agg_distinct, agg_approx_distinct;
extern const struct agg_class agg_quantile, agg_median;
extern const struct agg_class agg_collect, agg_top;

/* Room for n bytes until the next aggs_arena_reset; NULL without memory. */
char *agg_arena_room(struct agg_arena *a, size_t n);

/* FERR_DATA: "sum needs numbers, got a string 'x'". */
int agg_type_error(const struct agg *a, const char *needs, const struct val *v);
/* accept() of those that compute with numbers: i64 and f64 only. */
int agg_accept_number(struct agg *a);
/* accept() of those that compare: all but numbers that neither i64 nor f64 can hold. */
int agg_accept_ordered(struct agg *a);

static inline double
agg_f64(const struct val *v)
{
	return v->t == VAL_I64 ? (double)v->i : v->f;
}

/* Codec: unsigned LEB128 (short for small numbers), f64 as it stands. */
int agg_put_uint(struct buf *out, uint64_t v);
bool agg_get_uint(struct agg_cur *c, uint64_t *v);
int agg_put_f64s(struct buf *out, const double *v, size_t n);
bool agg_get_f64(struct agg_cur *c, double *v);
/* n bytes, borrowed. */
bool agg_get_bytes(struct agg_cur *c, size_t n, const uint8_t **p);

#endif
