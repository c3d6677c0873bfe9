/*
 * follow -- a file that grows, is rotated, or is truncated.
 *
 * The file at `path` is ours as long as it has the same inode.  When another one stands there, ours
 * has been renamed: it is read on until nothing has come for FOLLOW_QUIET, then the new one begins.
 * When it is shorter than what has been read, it was copied and truncated: nothing is lost if all
 * of it had been read, else the rest is looked for in a sibling (log.1, log.1.gz) with the same
 * first bytes.
 */
#ifndef CONN_FOLLOW_H
#define CONN_FOLLOW_H

#include "conn/file.h"

#define FOLLOW_QUIET_NS 5000000000LL

enum { FOLLOW_WAIT = 1, FOLLOW_NEXT = 2, FOLLOW_COPY = 3 };

struct follow;
int follow_new(struct follow **out, const char *path);
void follow_free(struct follow *f);

/*
 * Called at the present end of `file`, `pos` unpacked bytes into it: FOLLOW_WAIT (more may come),
 * FOLLOW_NEXT (go on with what is at path, from its beginning), FOLLOW_COPY (first read
 * follow_copy() from pos to its end, then as FOLLOW_NEXT), or FERR_LOST with the range that was
 * lost.
 */
int follow_check(struct follow *f, const struct file *file, uint64_t pos);
const char *follow_copy(const struct follow *f);

#endif
