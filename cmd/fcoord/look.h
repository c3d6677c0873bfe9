/*
 * look -- what is known of a job: what it tells itself when it runs, else what its store tells.
 *
 * Phases.  A running job's are those of sup/run.h; while its process holds the lock and does not
 * answer yet it is `starting`.  Of a job that nobody runs the newest checkpoint tells: `finished`,
 * `drained`, `stopped`, or `failed` (it ended without a last one: it failed for good, was killed or
 * cancelled); `new` (never started), `damaged` (the newest checkpoint cannot be read).
 */
#ifndef FCOORD_LOOK_H
#define FCOORD_LOOK_H

#include "manifest/ckpt_json.h"

struct look_sub {
	char *stage;
	unsigned index;
	int64_t pid, in, out; /* -1: it does not run */
	int64_t watermark;    /* INT64_MIN: none; INT64_MAX: no record is to come */
	bool blocked;
	int64_t state; /* bytes */
};

struct look {
	char phase[16];
	bool runs;		   /* and has answered */
	uint64_t attempt, epoch;   /* 0: none */
	int64_t age;		   /* ms since that epoch was completed; -1: none in this run */
	int64_t pid, records, bad; /* -1: not known */
	int64_t watermark;
	char health[8]; /* "": it does not run */
	char *why;	/* it is not green; or NULL */
	struct look_sub *sub;
	unsigned nsubs;
};

/* dir: the job's store.  look_fini also after an error. */
int look_at(struct look *l, const char *dir);
void look_fini(struct look *l);
bool look_is(const struct look *l, const char *phase);
/* FERR_IO, with a text that tells how a job that nobody runs has ended, and what to do. */
int look_at_rest(const struct look *l, const char *job);

/* The checkpoint at that place; FERR_LOST: it has been dropped; FERR_CORRUPT.  f initialised. */
int look_checkpoint(const char *dir, uint64_t place, struct ckpt_file *f);
const char *look_kind(enum ckpt_file_kind k);

/* As ask() (sup/ask.h); but a job that is just being started is waited for, and when nobody runs it
 * the text tells how it ended (FERR_IO). */
int look_ask(const char *dir, const char *job, const char *request, struct buf *out,
	     struct buf *ok);

#endif
