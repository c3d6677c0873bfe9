/*
 * ctl -- messages between fcoord, its agent and the subtasks.  Pure codec.
 *
 *	u32 length of what follows   u8 kind   u32 subtask (0xffffffff: none)   body
 *
 * A subtask's own socket carries the same messages as the agent's stdio; the agent only routes by
 * the number.  Bodies are written with the pack_* calls and read with ctl_u32 and so on, in the
 * order that stands beside each kind.
 *
 * Errors  FERR_NOMEM; FERR_AGAIN less than one message; FERR_CORRUPT length or kind wrong;
 *         FERR_LIMIT length above CTL_MAX.  On error nothing is changed.
 */
#ifndef COORD_CTL_H
#define COORD_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define CTL_HDR 9u
#define CTL_MAX (64u << 20) /* of the length */
#define CTL_NONE UINT32_MAX

enum ctl_kind {
	/* fcoord to agent */
	CTL_SPAWN = 1, /* words, environment, wires: see sup/agent.h */
	CTL_KILL = 2,  /* every child; answered by their CTL_EXITED, then CTL_KILLED */
	/* fcoord to subtask */
	CTL_START = 16,	   /* struct op_start, see op/ctl.h */
	CTL_GO = 17,	   /* all are restored: begin */
	CTL_TRIGGER = 18,  /* barrier (BARRIER_BYTES) */
	CTL_CANCEL = 19,   /* u64 epoch */
	CTL_COMPLETE = 20, /* u64 epoch */
	CTL_STATS = 21,	   /* answered by CTL_STATS */
	CTL_OVERTAKE = 22, /* barrier, unaligned: it is not waited for (C26) */
	/* subtask to fcoord */
	CTL_READY = 32,	    /* u64 hash of what must be equal in all subtasks of the stage */
	CTL_ACK = 33,	    /* u64 epoch, snap */
	CTL_DECLINE = 34,   /* u64 epoch, text */
	CTL_ENDED = 35,	    /* the source stands at its end */
	CTL_PUBLISHED = 36, /* u64 epoch */
	CTL_FAILED = 37,    /* u32 status, text: the message it ends with; to a stage of a plain
			     * pipeline: u32 the status that all end with */
	CTL_FIRST = 38,	    /* the first output has left since the start */
	/* plain shell: a stage comes by itself; its id is that of manifest/job_chain.h */
	CTL_JOIN =
	    40, /* bytes run id, u32 number, u32 inputs, u32 pid, text what it says of itself */
	CTL_STOP = 41, /* a signal asked it to end */
	/* agent to fcoord */
	CTL_HELLO = 48,	  /* text version, text host, u32 pid */
	CTL_EXITED = 49,  /* i32 wait status, u32 1: it was to be killed */
	CTL_STDERR = 50,  /* bytes */
	CTL_KILLED = 51,  /* no child is left */
	CTL_SPAWNED = 52, /* u32 pid */
};

struct ctl_msg {
	enum ctl_kind kind;
	uint32_t sub;
	const uint8_t *p; /* the body; borrowed */
	size_t n;
};

/* Decode the message at the head of p[0..n): *used gets its length. */
int ctl_decode(struct ctl_msg *m, const uint8_t *p, size_t n, size_t *used);
/* Append a whole message. */
int ctl_put(struct buf *out, enum ctl_kind kind, uint32_t sub, const void *body, size_t n);

/* Fields of a body. */
int pack_u32(struct buf *b, uint32_t v);
int pack_u64(struct buf *b, uint64_t v);
int pack_bytes(struct buf *b, const void *p, size_t n); /* u32 length in front */
int pack_text(struct buf *b, const char *s);		/* NULL is "" */

struct ctl_body {
	const uint8_t *p;
	size_t n;
	bool bad; /* something was missing: everything read since is 0 or NULL */
};
uint32_t ctl_u32(struct ctl_body *b);
uint64_t ctl_u64(struct ctl_body *b);
const uint8_t *ctl_bytes(struct ctl_body *b, size_t *n); /* borrowed */
/* The caller's copy; NULL when bad (a NUL in it is bad, too) or, with bad still false, without
 * memory. */
char *ctl_text(struct ctl_body *b);

#endif
