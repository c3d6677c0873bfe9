/* join_internal -- what the files of lib/join share.  Nobody else includes this. */
#ifndef JOIN_INTERNAL_H
#define JOIN_INTERNAL_H

#include "coord/wm.h"
#include "expr/expr.h"
#include "join/join.h"
#include "op/bag.h"
#include "row/key.h"
#include "state/state.h"

enum { LEFT, RIGHT };

#define JOIN_AHEAD 16 /* rows whose look-ups are made ready together */

/* The row at hand. */
struct join_row {
	uint8_t *row; /* may be changed in place */
	unsigned side;
	int64_t time; /* ROW_NOTIME: none */
	struct state_key key;
	bool null; /* a part of the key is: it matches nothing */
};

struct join;

struct join_kind_ops {
	/* The state's maps. */
	int (*open)(struct join *j, struct op *op);
	/*
	 * A row comes in.  0; FERR_AGAIN: it is taken, and resume has more to emit; FERR_DATA: a
	 * bad record.  r is good until the next call of add.
	 */
	int (*add)(struct join *j, struct op *op, const struct join_row *r);
	/* j->wm has grown: emit what is due, and drop what nobody needs any more.  FERR_AGAIN: more
	 * through resume.  NULL: nothing ever is due. */
	int (*mark)(struct join *j, struct op *op);
	/* Go on with what add or mark left when the output was full: 0 or FERR_AGAIN. */
	int (*resume)(struct join *j, struct op *op);
	/* Touch what add will need, first slots (entry false), then entries; NULL: nothing. */
	void (*prefetch)(struct join *j, const struct join_row *r, bool entry);
	int (*restored)(struct join *j, struct op *op); /* NULL: nothing to do */
	int (*tick)(struct join *j, struct op *op);	/* the time of op_wake_at; or NULL */
	int (*end)(struct join *j, struct op *op);	/* both inputs have ended; or NULL */
	void (*close)(struct join *j);			/* or NULL */
	bool timed;					/* rows need an event time */
};
extern const struct join_kind_ops join_within_ops, join_window_ops, join_asof_ops, join_regular_ops,
    join_lookup_ops;

struct within;
struct windowed;
struct asof;
struct regular;
struct lookup;

/* One item of the output: fields of a side as they are, or something computed. */
struct join_item {
	bool all;      /* l.* or r.* */
	unsigned side; /* of all */
	struct expr *e;
	char *name;
	int field; /* in the output; -1: not yet there */
};

/* What is given out. */
struct join_out {
	struct join_item *item;
	unsigned nitems;
	struct schema schema;
	int *map[2];	  /* field of that side -> field of the output; -1: not given */
	unsigned nmap[2]; /* fields of that side that map tells */
	int *alone;	  /* the right side's, when there is no left row: --on keys go to the left
			     one's field */
	uint8_t *kept;	  /* bitmap by output field: named by --on before the left side had it */
	bool due;	  /* a side's fields are new: they get theirs here with the next row */
	bool keyed;	  /* rows keep the key of the inputs */
};

struct join {
	struct join_spec spec;
	const struct join_kind_ops *ops;
	char *signature;
	struct expr *key[2][SCHEMA_KEY_MAX];
	unsigned nkey;
	bool plain[2];		/* keys are fields of the record: shape has their numbers */
	struct schema shape[2]; /* nkey and key alone */
	struct expr *match;
	struct join_out out;
	struct state *state;
	int64_t wm;
	struct {
		int64_t *wm, *late, *told, *arrivals; /* of op */
	} number;
	uint64_t nlate, late_before;
	int64_t arrivals; /* rows that have come in, in all runs */
	struct op_side *late;
	bool told; /* a bad record has been told of already (join_bad) */
	/* the rows whose look-ups are ready */
	struct join_row ahead[JOIN_AHEAD];
	unsigned nahead, iahead;
	struct buf keys;
	uint64_t emitted;
	union {
		struct within *within;
		struct windowed *windowed;
		struct asof *asof;
		struct regular *regular;
		struct lookup *lookup;
	};
};

/* Which types pad a row of that side that has no match. */
static inline bool
join_pads(const struct join *j, unsigned side)
{
	enum join_type t = j->spec.type;

	return t == JOIN_FULL || t == (side == LEFT ? JOIN_LEFT : JOIN_RIGHT);
}

/* Is a row of that side given out when it has no match? */
static inline bool
join_gives_alone(const struct join *j, unsigned side)
{
	return join_pads(j, side) || (j->spec.type == JOIN_ANTI && side == LEFT);
}

/* Event times that arithmetic cannot overflow. */
static inline bool
join_time_ok(int64_t t)
{
	return t >= -(1LL << 60) && t <= 1LL << 60;
}

static inline int64_t
sat_add(int64_t a, int64_t b)
{
	int64_t r;

	if (__builtin_add_overflow(a, b, &r))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return r;
}

/* Start of the step-long interval that holds t (C7). */
static inline int64_t
floor_to(int64_t t, int64_t step)
{
	int64_t r = t % step;

	return r < 0 ? t - (r + step) : t - r;
}

/* What went wrong where a call into state returned NULL. */
static inline int
join_failed(const struct join *j)
{
	int rc = state_error(j->state);

	return rc != 0 ? rc : FERR_NOMEM;
}

/* A late record of the current input: counted, and given to --late. */
int join_late(struct join *j, struct op *op, const uint8_t *row);

/* Should emitting stop here (the output is full)?  Cheap enough to be asked each time. */
static inline bool
join_full(struct join *j, struct op *op)
{
	return (++j->emitted & 15) == 0 && op_full(op);
}

/* ---- out.c ---- */

int join_out_new(struct join *j);
void join_out_free(struct join *j);
/* The schema of a side is new or has grown. */
int join_out_schema(struct join *j, struct op *op);
/* Before a row is given out, and at the end: the output's schema is what the sides' make of it. */
int join_out_settle(struct join *j, struct op *op);
/* What --match says of a pair: 1, 0, or an error (FERR_DATA: join_bad). */
int join_match(struct join *j, const uint8_t *l, const uint8_t *r, int64_t start, int64_t end);
/*
 * Emit a pair, or one row alone (the other NULL).  start, end: of the window, ROW_NOTIME without
 * one.  hash: of the key.  A result that cannot be computed goes to --on-bad.
 */
struct join_pair {
	const uint8_t *l, *r;
	int64_t time, start, end;
	uint64_t hash;
	enum row_kind kind;
};
int join_emit(struct join *j, struct op *op, const struct join_pair *p);
/* A pair whose condition or result cannot be computed, ferr_text says why. */
int join_bad(struct join *j, struct op *op, const uint8_t *l, const uint8_t *r);

/* ---- key.c ---- */

int join_keys_new(struct join *j);
void join_keys_free(struct join *j);
int join_keys_schema(struct join *j, struct op *op, unsigned side);
/* The key of a row of that side, appended to out: *null. */
int join_key_bytes(struct join *j, unsigned side, const uint8_t *row, struct buf *out, bool *null);
/* Is the key p[0..n) one that matches nothing? */
bool join_key_null(const struct join *j, const uint8_t *p, size_t n);

#endif
