/* win_internal -- what the files of lib/win share.  Nobody else includes this. */
#ifndef WIN_WIN_INTERNAL_H
#define WIN_WIN_INTERNAL_H

#include "base/time.h"
#include "coord/wm.h"
#include "expr/agg.h"
#include "op/bag.h"
#include "row/key.h"
#include "state/state.h"
#include "win/win.h"

/* What a key's value begins with where it lives as long as its key does (ttl.c). */
struct win_head {
	int64_t time; /* the greatest event time of its records; ROW_NOTIME: none */
};

/* One result that is due. */
struct win_result {
	const uint8_t *row; /* the record that is the result; NULL: it is made of the block */
	struct state_key key;
	const void *block;
	int64_t start, end, time; /* of the window, UTC; of the result */
};

enum win_why {
	WIN_FIRE,   /* the window has ended */
	WIN_EARLY,  /* it has not, but an early point has come */
	WIN_REFIRE, /* it has fired before; a late record came in */
};

/* Results of one window (sessions: of several) on their way out, resumable. */
struct win_cursor {
	bool active;
	/* of kinds that walk over their state */
	struct state_walk walk;
	int64_t start, end, local_end;
	enum win_why why;
};

struct win_kind_ops {
	/* Record row (ts, key) comes in; FERR_DATA: a bad record.  w->aggs are evaluated already.
	 */
	int (*add)(struct win *w, struct op *op, const uint8_t *row, int64_t ts,
		   const struct state_key *k);
	/* Make the next thing that is due at w->wm ready: 1 there is one, 0 none, or an error. */
	int (*next)(struct win *w, struct op *op);
	/* Its next result, good until the next call into state or win: 1, 0 at the end, or an
	 * error.  (This and done: NULL where nothing is ever due.) */
	int (*result)(struct win *w, struct win_result *r);
	/* All of them have been emitted. */
	int (*done)(struct win *w);
	/* Processing time: wall clock ms when next() has something, WIN_NEVER; NULL: never. */
	int64_t (*due)(struct win *w);
	int (*open)(struct win *w, struct op *op); /* open the maps */
	/* State and w->wm are those of a checkpoint: derive the rest; NULL: there is none. */
	int (*restored)(struct win *w);
	void (*close)(struct win *w); /* or NULL */
	bool timed; /* add looks the row's hash up in namespace w->hi of w->map, else in 0 */
	bool rows;  /* keeps and gives out records, and has no aggregates */
};
extern const struct win_kind_ops win_pane_ops, win_session_ops, win_count_ops, win_global_ops,
    win_running_ops, win_first_ops, win_last_ops, win_best_ops;

struct top_item {
	size_t at;     /* of the row in top_rows */
	struct val by; /* text borrows from the expression's arena, or from the row */
	bool in_row;
	uint32_t off; /* where in the row */
};

/*
 * What is not in state is derived after a restore, or is one of these numbers, which are noted at
 * every barrier (progress.c).  At a barrier nothing is due: every window that w->wm ends has fired.
 */
struct win_numbers {
	int64_t *wm, *late, *rows, *arrivals; /* of op */
	int64_t *told;			      /* of `late`, those of runs that have ended */
};

/*
 * After a change of parallelism the key groups of a subtask may come from several old ones, and
 * those may have come to different watermarks (unaligned barriers, idle inputs, clocks).  w->wm is
 * the least of them, and this tells how far the groups ahead of it have come, until it catches up.
 */
struct win_ahead {
	struct state_map *map; /* key group -> watermark */
	int64_t *wm;	       /* the same by group, WM_MIN: not ahead; NULL: no group is */
	uint32_t groups;
	int64_t most;
};

/* A key that has come due, and what of it. */
struct win_due {
	int64_t end, start;
	uint64_t hash;
	size_t key; /* in keys */
	uint32_t nkey;
	/* sessions: the block is ours when the session is gone, else it is still in state */
	bool own;
	size_t block; /* in session_blocks */
};

struct win_dues {
	struct win_due *v; /* once sorted: in the order of the firing */
	size_t n, cap, i;
	struct buf keys;
};

struct win {
	struct win_spec spec;
	const struct win_kind_ops *ops;
	struct aggs *aggs;
	char *signature;
	size_t asize;  /* bytes of a block */
	bool plain;    /* blocks own no heap */
	void *scratch; /* a block, empty between calls */
	struct win_map_head {
		struct win *w;
		size_t head;
	} heads[2];
	unsigned nheads;
	struct expr *having, *top, *by;
	struct tz *tz;
	struct state *state;	  /* op's */
	struct state_map *map;	  /* panes, sessions, counters, rows: the state proper */
	struct state_map *total;  /* aligned windows of several panes: the window that fired last */
	struct state_map *timers; /* when keys are to be looked at (timer.c) */
	struct state_map *changes; /* running: the keys of a changing stream */
	struct state_map *pending; /* first: rows whose time has not come */
	struct bag_type bag;	   /* first, last, top: of the map that holds rows */
	struct buf row;		   /* first: the row that is the result at hand */
	int *fields_out;	   /* --rank of records: where the input's fields go */
	unsigned rank;		   /* ... and the rank */
	bool bound;		   /* the input's schema is known */
	bool changing;		   /* ... and it has -U, +U, -D */
	int64_t wm_before_end;	   /* the last one before WM_MAX */
	int64_t wm;		   /* event time or, with spec.proc, the wall clock - 1 */
	int64_t row_wm;		   /* what counts for the row at hand: that of its key group */
	struct win_numbers numbers;
	struct win_ahead ahead;
	struct op_side *late;
	uint64_t nlate;
	uint64_t late_before; /* how many of those came before this run */
	uint64_t nrows;
	uint64_t nresults;
	bool fields; /* results have window_start and window_end */
	bool timed;  /* records need an event time */
	unsigned nkey;
	struct buf key;	     /* canonical key bytes of the row at hand */
	uint64_t empty_hash; /* of no key */
	struct win_cursor cur;
	/* aligned windows */
	int64_t pane;	/* ms: the greatest common divisor of size and slide; cumulate: the step */
	bool shared;	/* windows are merged from panes */
	int64_t lo, hi; /* the pane that the last record fell into, local time; lo == hi: none */
	int64_t at_start,
	    at_end; /* local; the window that total holds (at_start == at_end: none) */
	int64_t
	    fired_end; /* local end of the last window that is known to be over; ROW_NOTIME: none */
	int64_t early_at; /* watermark up to which early results have been given */
	int64_t early_ns; /* windows up to this end have been looked at in this round */
	struct win_dues due;
	/* session windows */
	struct buf session_blocks; /* of due */
	int64_t session_early;	   /* early results have been given up to this watermark */
	/* --top: results of the window at hand, and their order */
	struct buf *top_n_rows; /* &top_rows while a window's results are gathered, else NULL */
	struct buf top_rows;
	struct top_item *top_items;
	size_t ntop, captop;
	/* what is swept for --ttl */
	int64_t swept;
};

#define WIN_NEVER INT64_MAX

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
floor_to(int64_t t, int64_t off, int64_t step)
{
	int64_t r = (t - off) % step;

	return r < 0 ? t - (r + step) : t - r;
}

static inline int64_t
gcd(int64_t a, int64_t b)
{
	while (b != 0) {
		int64_t t = a % b;

		a = b;
		b = t;
	}
	return a;
}

/*
 * Append a result to out: 1, or 0 when --having does not let it pass; FERR_DATA when an aggregate
 * cannot be computed (overflow).
 */
int win_build(struct win *w, struct op *op, struct buf *out, const struct state_key *k,
	      const void *block, int64_t start, int64_t end, int64_t time);
/* Emit one result. */
int win_emit(struct win *w, struct op *op, const struct state_key *k, const void *block,
	     int64_t start, int64_t end, int64_t time);
/* The same for a window that fires: a result that cannot be computed goes to --on-bad. */
int win_fire(struct win *w, struct op *op, const struct state_key *k, const void *block,
	     int64_t start, int64_t end, int64_t time);
/* --top: gather a window's results, then emit the best. */
void win_top_begin(struct win *w);
int win_top_add(struct win *w, struct op *op, size_t at);
int win_top_flush(struct win *w, struct op *op);
void win_top_fini(struct win *w);

/* Emit the cursor that has been made ready, whether the output is full or not. */
int win_fire_now(struct win *w, struct op *op);
/* Emit everything that is due at w->wm; FERR_AGAIN when the output is full, unless all of it has to
 * go. */
int win_fire_due(struct win *w, struct op *op, bool all);

/* Processing time: ask to be woken when the next window ends. */
int win_wake(struct win *w, struct op *op);

/* A record that no window takes. */
int win_late(struct win *w, struct op *op, const uint8_t *row);

/* What went wrong where a call into state returned NULL. */
static inline int
win_failed(const struct win *w)
{
	int rc = state_error(w->state);

	return rc != 0 ? rc : FERR_NOMEM;
}

/* ---- rows.c: kinds that give out records ---- */

/* The input's schema: set that of the output. */
int win_rows_schema(struct win *w, struct op *op);
/* Emit record `row` of the input as a row of that kind, with that rank (from 1; with --rank). */
int win_give(struct win *w, struct op *op, const uint8_t *row, enum row_kind kind, uint64_t hash,
	     uint64_t rank);
/* The map whose values have the key's rows behind that head. */
int win_bag_open(struct win *w, struct op *op, struct state_map **out, const char *name,
		 size_t head);

/* ---- best.c: top ---- */

/* 64 bits that order as values do (val_cmp), or are equal. */
uint64_t win_image(const struct val *v);

/* ---- changes.c: running over a changing stream ---- */

int win_changes_open(struct win *w);
/* The first schema is there, and the stream changes. */
int win_changes_bind(struct win *w);
int win_changes_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts,
		    const struct state_key *k);
/* Does the row add a record, or take one back? */
static inline bool
win_row_adds(const uint8_t *row)
{
	return row_kind(row) == ROW_INSERT || row_kind(row) == ROW_AFTER;
}
/* The record takes back what is not there: FERR_DATA, unless --ttl may have forgotten it. */
int win_not_there(const struct win *w);

/* ---- ttl.c: values of w->map that begin with a struct win_head ---- */

/* The key's value to be read when a record of time ts comes; NULL: there is none, or it has
 * expired, or an error (*rc). */
void *win_look_up(struct win *w, int64_t ts, const struct state_key *k, int *rc);
/* The key's value to be changed, with the record's time in its head; new and expired ones are made
 * anew.  NULL: an error. */
void *win_touch(struct win *w, int64_t ts, const struct state_key *k);
/* Drop what has expired by time `now`. */
int win_expire(struct win *w, int64_t now);
/* Do so now and then: `next` of kinds whose results go out with their records. */
int win_sweep(struct win *w, struct op *op);
int win_sweep_restored(struct win *w);

/* ---- timer.c: when keys are to be looked at, and what has come due ---- */

int win_timers_open(struct win *w);
/* See that the key is looked at by `at`; the time is clock. */
int win_timer_set(struct win *w, const struct state_key *k, int64_t at, int64_t clock);
/*
 * Call look for the keys whose timers have come by w->wm, time by time, until something is due
 * (all: to the end), and sort what is.  What it finds due up to clock comes before all that is due
 * later.
 */
int win_timers_run(struct win *w, bool all,
		   int (*look)(struct win *w, const struct state_key *k, int64_t clock));
/* Note that it is due; NULL without memory. */
struct win_due *win_due_add(struct win *w, const struct state_key *k, int64_t start, int64_t end);
struct state_key win_due_key(const struct win *w, const struct win_due *d);
void win_due_clear(struct win *w);
void win_due_fini(struct win *w);

/* ---- progress.c: what a restore needs beside the state ---- */

int win_sign(struct win *w); /* make w->signature */
int win_progress_open(struct win *w, struct op *op);
/* How far the key's group is ahead, WM_MIN: it is not. */
static inline int64_t
win_ahead_of(const struct win *w, const struct state_key *k)
{
	return w->ahead.wm == NULL ? WM_MIN : w->ahead.wm[key_group(k->hash, w->ahead.groups)];
}
/* w->wm has grown, and what it ends has fired: forget the groups that are ahead no more. */
int win_caught_up(struct win *w);

/* ---- block.c: blocks of aggregates in state ---- */

/* A map whose values are a block behind `head` bytes that are kept as they are. */
int win_map_open(struct win *w, struct state_map **out, const char *name, size_t head,
		 bool transient);
/* Add the evaluated row to a block; merge one in; take one out (FERR_AGAIN as aggs_unmerge); clear
 * it.  What blocks own is accounted. */
int win_block_add(struct win *w, void *block);
int win_block_merge(struct win *w, void *into, const void *from);
int win_block_unmerge(struct win *w, void *block, const void *other);
/* Take the evaluated row out again (FERR_AGAIN as aggs_retract). */
int win_block_retract(struct win *w, void *block);
void win_block_clear(struct win *w, void *block);
/* A block among others: its length (u32), then its bytes.  get reads from *p, which it moves, into
 * an empty block; FERR_CORRUPT when that is none. */
int win_block_put(const struct win *w, const void *block, struct buf *out);
int win_block_get(const struct win *w, void *block, const uint8_t **p, const uint8_t *end);

#endif
