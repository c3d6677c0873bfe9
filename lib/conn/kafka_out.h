/*
 * kafka_out -- a topic as a sink has to know it, and producers into it: transactions that carry a
 * lane's marker (kafka.md, 6), or plain ones.
 *
 * A handle that is opened for a lane fences all that were opened before: from then on none of them
 * commits, and what the marker says is what readers see.  One handle is good for one transaction,
 * unless kafka_out_again says that the last one went without a hitch.  An error leaves the handle
 * good for nothing but kafka_out_close; nothing is ever aborted, the next fence does that.
 *
 * Blocking: for a helper thread, or before the loop runs.
 * Errors  as kafka.h.  FERR_FENCED: another handle of the lane was opened since.
 */
#ifndef CONN_KAFKA_OUT_H
#define CONN_KAFKA_OUT_H

#include "conn/kafka.h"
#include "conn/kafka_plan.h"
#include "conn/kafka_rec.h"

#define KAFKA_MARKERS "fjord-markers" /* the topic whose group offsets are markers; no records */

struct kafka_topic {
	const char *brokers, *name;
	const struct kafka_props *props;
	/* What kafka_out_look finds: */
	unsigned partitions;
	int64_t message_max; /* bytes of a batch */
	bool compacted;	     /* records need a key */
	bool stamped;	     /* the broker sets the times; else they are at most so far off, ms: */
	int64_t past_max, ahead_max;
};
/* Ask for the topic; lanes: and for that of the markers, which is made if it is missing. */
int kafka_out_look(struct kafka_topic *t, bool lanes);

struct kafka_out;
/* lane: the name of the lane, which is fenced; NULL: plain, idempotent.  Borrows t. */
int kafka_out_open(struct kafka_out **out, const struct kafka_topic *t, const char *lane);
void kafka_out_close(struct kafka_out *o);
/* 1 and the marker of the lane, or 0: there is none. */
int kafka_out_marker(struct kafka_out *o, struct kafka_marker *m);
/*
 * The marker of a lane, within so many ms (else FERR_AGAIN).  isolation: read_uncommitted gives
 * what was committed last, read_committed waits for the end of a transaction that writes another
 * one.
 */
int kafka_marker_read(const struct kafka_topic *t, const char *lane, const char *isolation, int ms,
		      struct kafka_marker *m);
/*
 * The same from outside, without a fence, so that whoever publishes is not disturbed: what it says
 * may be old by now.  *open: a transaction that writes another one is open (which takes seconds to
 * find out), and m is the one before it.  A transaction whose marker has not been sent yet is not
 * seen.
 */
int kafka_marker_look(const struct kafka_topic *t, const char *lane, struct kafka_marker *m,
		      bool *open);
/* Copied; waits while much is on its way. */
int kafka_out_put(struct kafka_out *o, const struct kafka_rec *r);
/* The records since the last commit and the marker become visible, all or none. */
int kafka_out_commit(struct kafka_out *o, const struct kafka_marker *m);
bool kafka_out_again(const struct kafka_out *o);
/* Plain: all that was put is with the broker. */
int kafka_out_flush(struct kafka_out *o);

#endif
