/*
 * talk -- a conversation of ctl messages over one descriptor that never blocks us: subtask and
 * agent, agent and fcoord.
 *
 * Owner   talk_open takes the descriptors over (in and out may be the same).
 * Errors  FERR_IO; FERR_CLOSED when the other side is gone; those of ctl_decode.
 */
#ifndef LINK_TALK_H
#define LINK_TALK_H

#include "coord/ctl.h"

struct talk {
	int in, out;
	struct buf got; /* [at, got.n) is not decoded yet */
	size_t at;
	struct buf due; /* [sent, due.n) has not left yet */
	size_t sent;
};

int talk_open(struct talk *t, int in, int out);
void talk_close(struct talk *t);
/* Read what is there: 1 something came, 0 nothing now, FERR_CLOSED at the end. */
int talk_fill(struct talk *t);
/* The next message: 1, or 0 when there is no whole one.  The body holds until talk_fill. */
int talk_next(struct talk *t, struct ctl_msg *m);
/* Queue a message and send what goes: 0, or an error. */
int talk_put(struct talk *t, enum ctl_kind kind, uint32_t sub, const void *body, size_t n);
/* Send what is queued as far as it goes. */
int talk_push(struct talk *t);

static inline bool
talk_due(const struct talk *t)
{
	return t->sent < t->due.n;
}

#endif
