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
struct align_out align_cancel(struct align *a, unsigned chan, uint64_t epoch);
struct align_out align_end(struct align *a, unsigned chan);
/* The snapshot has been taken. */
void align_done(struct align *a);

static inline bool
align_blocked(const struct align *a, unsigned chan)
{
	return a->c[chan].blocked;
}

#endif
