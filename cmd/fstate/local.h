/*
 * local -- the local copy of one subtask's state (state/base.h, fcheckpoint(5)), looked at like a
 * checkpoint of one stage, while the job may run.
 *
 * It does not say what values mean.  The newest manifest does of the store that it lies in, as
 * STORE/local/STAGE-N; without that they are bytes.
 *
 * Errors  FERR_USAGE: it holds nothing, --at; FERR_CORRUPT: it is damaged; FERR_IO: it changed too
 * often.
 */
#ifndef FSTATE_LOCAL_H
#define FSTATE_LOCAL_H

#include "checkpoint.h"
#include "fstate.h"
#include "state/base.h"

/*
 * Look at the copy in dir (STAGE-N); at: must be NULL, for it is as of one epoch.  With fn: begin
 * with what it says of itself, then its records to fn; all of it from the beginning whenever the
 * job has written to it meanwhile.  A merge that is under way is waited for, for a moment; what is
 * read in the midst of one is told.
 */
int local_look(struct base_seen *s, const char *dir, const char *at,
	       int (*begin)(void *cookie, const struct base_seen *s),
	       int (*fn)(void *cookie, const uint8_t *p, size_t n), void *cookie);

/* The copy that says s as a checkpoint; c is zeroed, and to be closed also after errors. */
int local_checkpoint(struct checkpoint *c, const char *dir, const struct base_seen *s);

/* `fstate ls` and `fstate show` of it. */
int local_ls(const struct conf *c, const char *dir);
int local_show(const struct conf *c, const char *dir);

#endif
