/* win_internal -- what the files of lib/win share.  Nobody else includes this. */
#ifndef WIN_WIN_INTERNAL_H
#define WIN_WIN_INTERNAL_H

#include "base/time.h"
#include "coord/wm.h"
#include "expr/agg.h"
#include "row/key.h"
#include "state/state.h"
#include "win/win.h"

/* One result that is due. */
struct win_result {
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
	 * error. */
	int (*result)(struct win *w, struct win_result *r);
	/* All of them have been emitted. */
	int (*done)(struct win *w);
	/* Processing time: wall clock ms when next() has something, WIN_NEVER; NULL: never. */
	int64_t (*due)(struct win *w);
	int (*open)(struct win *w); /* open the maps */
	/* State and w->wm are those of a checkpoint: derive the rest; NULL: there is none. */
	int (*restored)(struct win *w);
	void (*close)(struct win *w); /* or NULL */
	bool timed; /* add looks the row's hash up in namespace w->hi of w->map, else in 0 */
};
extern const struct win_kind_ops win_pane_ops, win_session_ops, win_count_ops, win_global_ops,
    win_running_ops;

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

struct session;

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
	struct expr *having, *top;
	struct tz *tz;
	struct state *state;	  /* op's */
	struct state_map *map;	  /* panes, sessions, counters: the state proper */
	struct state_map *total;  /* aligned windows of several panes: the window that fired last */
	struct state_map *timers; /* sessions: when keys are to be looked at */
	bool bound;		  /* the input's schema is known */
	int64_t wm_before_end;	  /* the last one before WM_MAX */
	int64_t wm;		  /* event time or, with spec.proc, the wall clock - 1 */
	int64_t row_wm;		  /* what counts for the row at hand: that of its key group */
	struct win_numbers numbers;
	struct win_ahead ahead;
	struct op_side *late;
	uint64_t nlate;
	uint64_t late_before; /* how many of those came before this run */
	uint64_t nrows;
	uint64_t nresults;
	bool fields; /* results have window_start and window_end */
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
	int64_t early_at;	 /* watermark up to which early results have been given */
	int64_t early_ns;	 /* windows up to this end have been looked at in this round */
	struct session *session; /* what session windows keep beside the state */
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

/* Emit one result; FERR_DATA when an aggregate cannot be computed (overflow). */
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
void win_block_clear(struct win *w, void *block);
/* A block among others: its length (u32), then its bytes.  get reads from *p, which it moves, into
 * an empty block; FERR_CORRUPT when that is none. */
int win_block_put(const struct win *w, const void *block, struct buf *out);
int win_block_get(const struct win *w, void *block, const uint8_t **p, const uint8_t *end);

#endif
