/*
 * restart -- whether and when a failed job is started again.  Pure: every event brings the time
 * (monotonic ms).
 *
 *	exp		100 ms, doubled up to 1 min; back to 100 ms after 10 min without failure;
 *the first restart after progress (a new completed checkpoint) is immediate fixed:N,D	up to N
 *times, D apart rate:N/D	up to N failures (64 at most) in any interval of D, 1 s apart none
 *
 * exp gives up at the 10th failure in a row without any completed checkpoint, or 10 minutes without
 * failure, in between: a crash loop is shown, not repeated for ever (faults.md 5).
 */
#ifndef COORD_RESTART_H
#define COORD_RESTART_H

#include <stdbool.h>
#include <stdint.h>

enum restart_kind { RESTART_EXP, RESTART_FIXED, RESTART_RATE, RESTART_NONE };

#define RESTART_RATE_MAX 64

struct restart {
	enum restart_kind kind;
	int64_t n, delay;		/* fixed: times, ms; rate: failures, interval */
	int64_t failed;			/* times so far (exp: in a row without progress) */
	int64_t last;			/* when */
	int64_t backoff;		/* exp: the next delay */
	bool progress;			/* a checkpoint was completed since the last failure */
	int64_t when[RESTART_RATE_MAX]; /* rate: the last failures */
};

/* Parse `exp`, `fixed:3,10s`, `rate:3/5m`, `none` and begin anew: 0, or FERR_USAGE with its text
 * and nothing changed. */
int restart_parse(struct restart *r, const char *text);
/* A checkpoint was completed. */
void restart_progress(struct restart *r, int64_t now);
/* The job failed: ms to wait before the next start (>= 0), or -1: give up. */
int64_t restart_failed(struct restart *r, int64_t now);

#endif
