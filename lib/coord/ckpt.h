/*
 * ckpt -- the checkpoint coordinator (design §6, C31-C33).  Pure state machine: events in, actions
 * out, no fd, no clock; every event brings the time (monotonic ms).
 *
 * One checkpoint at a time.  Phases of an epoch:
 *
 *	IDLE -> TRIGGERED (barriers flow) -> STORING (all acked, the manifest is being written)
 *	     -> IDLE, complete; or abandoned: declined, expired, not stored
 *
 * Periodic ones begin `every` after the last began, and not before `min_pause` after the last
 * ended; requests (checkpoint, savepoint, stop, drain) jump the queue and ignore both (C32): one
 * epoch, of the strongest kind, serves all that wait.  When all sources stand at their end, the
 * FINAL one is triggered; what is requested then is answered by it.  Of STOP and DRAIN the one that
 * was asked for first is done and the other refused.  After STOP, DRAIN or FINAL is complete
 *nothing more is triggered.  If such a last one is abandoned it is triggered again, `every` after
 *it began; other requests are refused with the reason when their epoch is abandoned.
 *
 * An epoch that is being stored neither expires nor can be declined: its manifest may exist
 *already, and then it is complete.
 *
 * Unaligned (C26): an epoch that neither is a savepoint nor ends the job overtakes the records when
 * it is not acked by all `after` its begin; 0: from the beginning.
 *
 * Failures (C33): declines, expiry and store failures count, once per epoch; a success resets. More
 * than `tolerate` in a row fail the job.
 *
 * A savepoint, and the last epoch of all, is done when every subtask with lanes has published it.
 *
 * The caller takes all actions after every event.  For a new attempt it calls ckpt_init; what is in
 * req then has not been answered, and is the caller's to request again or to refuse.
 */
#ifndef COORD_CKPT_H
#define COORD_CKPT_H

#include <stdbool.h>
#include <stdint.h>

#define CKPT_NEVER INT64_MAX

struct ckpt_conf {
	int64_t every;	   /* ms; 0: no periodic ones */
	int64_t min_pause; /* ms */
	int64_t timeout;   /* ms */
	unsigned tolerate;
	bool unaligned;
	int64_t after; /* ms */
};
#define CKPT_CONF_INIT                                          \
	{                                                       \
		.every = 1000, .timeout = 600000, .tolerate = 3 \
	}

enum ckpt_phase { CKPT_WAITING, CKPT_IDLE, CKPT_TRIGGERED, CKPT_STORING, CKPT_OVER };

enum ckpt_kind { CKPT_PERIODIC, CKPT_ASKED, CKPT_SAVEPOINT, CKPT_STOP, CKPT_DRAIN, CKPT_FINAL };

/* A request on its way to be answered. */
struct ckpt_req {
	enum ckpt_kind kind;
	uint64_t cookie;
	uint64_t epoch; /* that will answer it; 0: not triggered yet */
};
#define CKPT_REQS 32

struct ckpt_sub {
	bool acked;	    /* the epoch at hand */
	bool lanes;	    /* publishes something */
	bool source, ended; /* stands at its end */
	uint64_t published; /* up to which epoch */
};

enum ckpt_act_kind {
	ACT_TRIGGER,  /* epoch, flags: tell every source */
	ACT_OVERTAKE, /* epoch, flags: tell all others that have not acked it */
	ACT_CANCEL,   /* epoch: tell everyone; text: why */
	ACT_STORE,    /* epoch, flags: write the manifest, then ckpt_stored */
	ACT_COMPLETE, /* epoch: tell everyone */
	ACT_ANSWER,   /* cookie: the request is fulfilled by epoch (savepoint: published as well) */
	ACT_REFUSE,   /* cookie: it cannot be fulfilled; text */
	ACT_FAIL,     /* too many failures in a row; text: the last one */
	ACT_OVER,     /* the last epoch is complete and published; flags tell which it was */
};
struct ckpt_act {
	enum ckpt_act_kind kind;
	uint64_t epoch;
	uint32_t flags; /* BARRIER_*: that of the epoch's kind, if any, or UNALIGNED */
	uint64_t cookie;
	char text[160];
};
#define CKPT_ACTS 64

struct ckpt {
	struct ckpt_conf conf;
	struct ckpt_sub *sub; /* the caller's array of n, zeroed; lanes and source set */
	unsigned n;
	enum ckpt_phase phase;
	enum ckpt_kind kind; /* of the epoch at hand */
	uint64_t epoch;	     /* at hand, or the last one */
	uint64_t complete;   /* greatest complete epoch */
	uint32_t flags;
	unsigned failures;    /* in a row */
	int64_t began, ended; /* the epoch at hand or the last one, and that before: for people */
	int64_t deadline;     /* of the epoch at hand */
	int64_t overtake;     /* when it overtakes; CKPT_NEVER: not, or it does */
	int64_t due;	      /* the next periodic one; CKPT_NEVER: none */
	int64_t retry;	      /* a last epoch is triggered then, not before */
	bool over;	      /* a last epoch is complete; OVER when it is published, too */
	enum ckpt_kind last;  /* what that was */
	struct ckpt_req req[CKPT_REQS];
	unsigned nreq;
	struct ckpt_act act[CKPT_ACTS]; /* a queue; ckpt_next takes from it */
	unsigned act_at, act_n;
};

/* last: the epoch restored from (0: none); the next is last + 1. */
void ckpt_init(struct ckpt *c, const struct ckpt_conf *conf, struct ckpt_sub *sub, unsigned n,
	       uint64_t last);
/* Every subtask runs.  restored: the first checkpoint is triggered at once (design §6). */
void ckpt_running(struct ckpt *c, int64_t now, bool restored);
void ckpt_tick(struct ckpt *c, int64_t now);
void ckpt_ack(struct ckpt *c, int64_t now, unsigned sub, uint64_t epoch);
/* why is a short clause; also told when a subtask aborted an alignment by itself. */
void ckpt_decline(struct ckpt *c, int64_t now, unsigned sub, uint64_t epoch, const char *why);
void ckpt_stored(struct ckpt *c, int64_t now, uint64_t epoch, bool ok, const char *why);
void ckpt_published(struct ckpt *c, int64_t now, unsigned sub, uint64_t epoch);
/* A source stands at its end (again told after every start). */
void ckpt_source_ended(struct ckpt *c, int64_t now, unsigned sub);
/* kind: ASKED, SAVEPOINT, STOP, DRAIN.  Answered by ACT_ANSWER or ACT_REFUSE; REFUSE at once when
 * the queue is full or the last epoch is complete. */
void ckpt_request(struct ckpt *c, int64_t now, enum ckpt_kind kind, uint64_t cookie);
/* When ckpt_tick has something to do next: monotonic ms, or CKPT_NEVER. */
int64_t ckpt_deadline(const struct ckpt *c);
/* Take the oldest action: false when there is none. */
bool ckpt_next(struct ckpt *c, struct ckpt_act *out);

#endif
