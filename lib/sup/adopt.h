/*
 * adopt -- a store is made out of a savepoint, or forgets what it had.
 */
#ifndef SUP_ADOPT_H
#define SUP_ADOPT_H

#include "base/buf.h"
#include "manifest/known.h"

/*
 * Before anything is made: --fresh forgets the checkpoints, if they may go; the job keeps its id,
 * and its new output is numbered on beside the old (FERR_USAGE while lanes hold unpublished output,
 * unless rewind); with `from` a store that has checkpoints is refused, unless fresh or rewind.
 */
int adopt_check(const char *dir, bool fresh, const char *from, bool rewind);
/* Make the savepoint in `from`, or the newest checkpoint of the plain pipeline whose state that is
 * (which is told not to go on by itself then, unless clone), the first checkpoint of the store dir
 * (made).  clone: with a new job id, so that outputs are its own; else the savepoint's.  A drained
 * one needs rewind. */
int adopt_savepoint(const char *dir, const char *from, bool clone, bool rewind, const char *name,
		    const struct buf *text, struct known *k);

#endif
