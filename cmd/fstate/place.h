/* place -- where stores and savepoints lie. */
#ifndef FSTATE_PLACE_H
#define FSTATE_PLACE_H

#include "fstate.h"

/* Is it a savepoint's directory, a job's store, or that of a local copy (STORE/local/STAGE-N)? */
bool place_is_savepoint(const char *dir);
bool place_is_store(const char *dir);
bool place_is_local(const char *dir);

/*
 * What word means, into *out: a store, a savepoint, a local copy (also its `base`), a directory
 * that holds one store alone, or the name of a job under --state.  NULL: the only job under
 * --state.  FERR_USAGE: did you mean.
 */
int place_find(const struct conf *c, const char *word, struct buf *out);

#endif
