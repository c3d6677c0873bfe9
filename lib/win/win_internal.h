/* win_internal -- what the files of lib/win share.  Nobody else includes this. */
#ifndef WIN_WIN_INTERNAL_H
#define WIN_WIN_INTERNAL_H

#include "base/time.h"
#include "coord/wm.h"
#include "expr/agg.h"
#include "state/state.h"
#include "win/win.h"

/* Results due: values of one window on their way out, resumable. */
struct win_cursor {
	void **v; /* values in the order of the firing */
	size_t cap, n, i;
	int64_t start, end; /* of the window, UTC */
	int64_t local_end;  /* aligned windows */
	size_t block;	    /* where the aggregates' block begins in a value */
	const uint8_t *at;  /* ... or, when it is elsewhere, the block of the one value */
	struct state_map *map;
	bool active;
	bool early; /* the window has not ended */
};

struct win_kind_ops {
	/* Record row (ts, key) comes in; FERR_DATA: a bad record.  w->aggs are evaluated already.
	 */
	int (*add)(struct win *w, struct op *op, const uint8_t *row, int64_t ts,
		   const struct state_key *k);
	/* Make the next thing that is due at w->wm ready in w->cur: 1 there is one, 0 none, or an
	 * error. */
	int (*next)(struct win *w, struct op *op);
	/* The cursor has been emitted. */
	void (*done)(struct win *w);
	/* Processing time: wall clock ms when next() has something, WIN_NEVER; NULL: never. */
	int64_t (*due)(struct win *w);
	int (*open)(struct win *w);   /* the state is there, its maps are not */
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

struct session;

struct win {
	struct win_spec spec;
	const struct win_kind_ops *ops;
	struct aggs *aggs;
	size_t asize; /* bytes of a block */
	bool plain;   /* blocks own no heap */
	struct win_map_head {
		struct win *w;
		size_t head;
	} heads[2];
	unsigned nheads;
	struct expr *having, *top;
	struct tz *tz;
	struct state *state;
	struct state_map *map;	 /* panes, sessions, counters: the state proper */
	struct state_map *total; /* aligned windows of several panes: the window that fired last */
	int64_t mem;
	int64_t wm_before_end; /* the last one before WM_MAX */
	int64_t wm;	       /* event time or, with spec.proc, the wall clock - 1 */
	struct op_side *late;
	uint64_t nlate;
	uint64_t nrows;
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

/* Emit the cursor that next() has made ready, whether the output is full or not. */
int win_fire_now(struct win *w, struct op *op);

/* Processing time: ask to be woken when the next window ends. */
int win_wake(struct win *w, struct op *op);

/* A record that no window takes. */
int win_late(struct win *w, struct op *op, const uint8_t *row);

/* A map whose values are a block behind `head` bytes of counters. */
int win_map_open(struct win *w, struct state_map **out, const char *name, size_t head);
/* Add the evaluated row to a block; merge one in; take one out (FERR_AGAIN as aggs_unmerge); clear
 * it.  What blocks own is accounted. */
int win_block_add(struct win *w, void *block);
int win_block_merge(struct win *w, void *into, const void *from);
int win_block_unmerge(struct win *w, void *block, const void *other);
void win_block_clear(struct win *w, void *block);

#endif
