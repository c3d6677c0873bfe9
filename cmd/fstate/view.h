/*
 * view -- the state of stages, read from the stretches that a checkpoint names.
 *
 * view_open reads while the job may run: a checkpoint whose files vanish under it is given up, and
 * a newer one is read instead, which is said.  A local copy (local.h) is one stage.  Nothing is
 * given before all of it has been read.
 *
 * Errors  FERR_CORRUPT names file and offset; FERR_USAGE: no such checkpoint, no such stage.
 */
#ifndef FSTATE_VIEW_H
#define FSTATE_VIEW_H

#include "checkpoint.h"
#include "decode.h"
#include "fstate.h"

struct stage_view {
	const struct ckpt_stage *st;
	struct decode *decode;
	struct state_look *look;
	const char *key; /* the only one that is wanted, or NULL */
};

struct view {
	struct checkpoint ckpt;
	struct stage_view *stage; /* those that --stage wants, and that have state */
	unsigned nstages;
};

/* at as checkpoint_open; of c count stage, key, and 1/share of mem. */
int view_open(struct view *v, const struct conf *c, const char *dir, const char *at,
	      unsigned share);
void view_close(struct view *v); /* harmless on a zeroed struct, and after errors */

/* The stage of that name; NULL with the error set: did you mean. */
const struct ckpt_stage *view_stage(const struct ckpt_file *f, const char *name);
/* Does the cell belong to what --window asks for? */
bool view_in_window(const struct conf *c, const struct cell *cell);

#endif
