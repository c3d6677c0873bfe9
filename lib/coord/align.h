/*
 * align -- barrier alignment of one operator (C21-C23).  Pure state machine: marks in, actions out.
 *
 * The first BARRIER(n) of any channel begins the alignment of n: its channel is blocked, and so is
 * every channel behind its own barrier, until all channels have delivered n or have ended.  Then
 * the operator takes its snapshot and calls align_done, which unblocks all.
 *
 *	event		nothing aligned			aligning n
 *	BAR(k) k<=last	ignored				ignored
 *	BAR(n)		begin n				block; last one: complete
 *	BAR(k) k>n	begin k				abort n (decline, CANCEL n), begin k
 *	CANCEL(k)	k>last: forward, last = k	k>=n: drop n, forward, last = k;
 *							k<n: ignored
 *	END		-				counts as its barrier, once
 *
 * `last` is the greatest epoch that is over here: aligned, aborted or cancelled.  A barrier of an
 * epoch that was aborted here is not answered again: its CANCEL has gone down already (C22).  With
 * one channel every barrier completes at once.
 *
 * An unaligned barrier (C26) waits for nobody.  The first BAR(n) of any channel that says so, or
 *the coordinator (align_overtake), completes n at once; align_done then unblocks all, and the
 *channels that have not delivered the barrier are awaited.  Until none is, the operator reads them
 *ahead without processing anything, and tells align_ahead of the marks it passes:
 *
 *	BAR(k), CANCEL(k) k<n	AHEAD_ON: of an epoch that came to nothing
 *	BAR(n), END		AHEAD_HERE: what stands before it belongs to n
 *	BAR(k) k>n		AHEAD_LOST: n was given up, nothing is awaited any more
 *	CANCEL(k) k>=n		the same
 *
 * The marks that were read ahead come by again when their turn is there: BAR(n) is ignored then.
 *
 * A CANCEL can unblock only if it comes on a channel that has not delivered its barrier: so whoever
 * has taken up epoch n owes every consumer BAR(n), CANCEL(>= n), a later barrier or END.
 */
#ifndef COORD_ALIGN_H
#define COORD_ALIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "frame/frame.h"

struct align_chan {
	bool blocked; /* has delivered the barrier */
	bool ended;   /* no longer counts (C23) */
	bool awaited; /* its barrier has been overtaken and is to come */
};

struct align {
	struct align_chan *c; /* the caller's array of n */
	unsigned n;
	bool active;	    /* a barrier is being aligned */
	struct barrier bar; /* which */
	uint64_t last;
};

/* To be acted on in the order of the fields. */
struct align_out {
	uint64_t aborted;   /* tell the coordinator (decline) and the consumers (CANCEL); 0: none */
	uint64_t cancelled; /* forward CANCEL: the coordinator knows; 0: none */
	bool complete;	    /* take the snapshot of a->bar, then align_done */
};

void align_init(struct align *a, struct align_chan *c, unsigned n);
struct align_out align_barrier(struct align *a, unsigned chan, const struct barrier *b);
/* The coordinator has said BAR(b), unaligned. */
struct align_out align_overtake(struct align *a, const struct barrier *b);
/* The coordinator may say it as well, before it comes down a channel. */
struct align_out align_cancel(struct align *a, uint64_t epoch);
struct align_out align_end(struct align *a, unsigned chan);
/* The snapshot has been taken. */
void align_done(struct align *a);

enum align_ahead { AHEAD_ON, AHEAD_HERE, AHEAD_LOST };
/* A BARRIER, CANCEL or END (epoch 0) was read ahead on a channel that is awaited. */
enum align_ahead align_ahead(struct align *a, unsigned chan, enum frame_kind kind, uint64_t epoch);
bool align_awaits(const struct align *a); /* any channel */

static inline bool
align_blocked(const struct align *a, unsigned chan)
{
	return a->c[chan].blocked;
}

#endif
