/*
 * wm -- combining the watermarks of several channels (C16).  Pure state machine: marks in, marks
 * out.
 *
 * Per channel a regress is ignored.  The output is the minimum over the channels that are active
 * and caught up, and is told only when it grows.  A channel that comes back from idle behind the
 * output is left out of the minimum until it has caught up.  When the last active channel goes idle
 * and it held the output, the maximum over all channels is told first, then idleness; while a
 * channel is idle its watermarks are ignored.
 */
#ifndef COORD_WM_H
#define COORD_WM_H

#include <stdbool.h>
#include <stdint.h>

#define WM_MIN INT64_MIN
#define WM_MAX INT64_MAX

struct wm_chan {
	int64_t wm;
	bool idle;
	bool ended;  /* no longer counts */
	bool behind; /* came back from idle, has not reached the output yet */
};

struct wm {
	struct wm_chan *c; /* the caller's array of n */
	unsigned n;
	int64_t out;   /* last output */
	bool out_idle; /* idleness was told */
};

/* What came out of an event; to be acted on in the order of the fields. */
struct wm_out {
	bool active;	/* tell ACTIVE */
	bool watermark; /* tell w->out */
	bool idle;	/* tell IDLE */
};

void wm_init(struct wm *w, struct wm_chan *c, unsigned n);
struct wm_out wm_mark(struct wm *w, unsigned chan, int64_t ms);
struct wm_out wm_idle(struct wm *w, unsigned chan);
struct wm_out wm_active(struct wm *w, unsigned chan);
/* The channel has ended: it holds nobody back any more.  When it was the last active one, idle ones
 * are told as by wm_idle; when it was the last of all, nothing is told: the end says the rest. */
struct wm_out wm_end(struct wm *w, unsigned chan);

#endif
