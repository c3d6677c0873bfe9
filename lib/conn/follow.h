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

/*
 * After a restart: the file that was read at `path` up to byte pos of its unpacked text is looked
 * for there and among the siblings, and opened at pos.  FERR_LOST names the range that is gone.
 */
struct follow_found {
	struct file *file;
	struct buf ahead; /* what has been read behind pos already */
	bool copy;	  /* beside it, and not the file itself: it ends where it ends */
	char **later;	  /* siblings that were rotated away since and not read, the oldest first */
	size_t nlater;
};
int follow_find(struct follow_found *out, const char *path, const struct file_id *id, uint64_t pos);
/* Call fn with each path beside this one (paths_beside) until it returns other than 0. */
int follow_siblings(const char *path, int (*fn)(void *cookie, const char *sibling), void *cookie);
void follow_found_fini(struct follow_found *f); /* what was not taken over: file, ahead, later */

#endif
