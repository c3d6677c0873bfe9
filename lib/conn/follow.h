/*
 * follow -- a file that grows, is rotated, or is truncated.
 *
 * The file at `path` is ours as long as it has the same inode.  When another one stands there, ours
 * has been renamed: it is read on until nothing has come for FOLLOW_QUIET, then the new one begins.
 * When it is shorter than what has been read, it was copied and truncated: nothing is lost if all
 * of it had been read, else the rest is looked for in a sibling (log.1, log.1.gz) with the same
 * first bytes.
 *
 * A log may be rotated several times while one generation is read.  What lies between that one and
 * what is at `path` now is looked for among the siblings: those written later, which have not been
 * read, the oldest first.  What has been deleted meanwhile, or truncated without a copy, is gone
 * unseen.
 */
#ifndef CONN_FOLLOW_H
#define CONN_FOLLOW_H

#include "conn/file.h"

#define FOLLOW_QUIET_NS 5000000000LL

enum { FOLLOW_WAIT = 1, FOLLOW_NEXT = 2, FOLLOW_COPY = 3 };

struct follow;
/* rotated: it lies beside path already; then its own time tells how long it has been quiet. */
int follow_new(struct follow **out, const char *path, bool rotated);
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
 * Behind FOLLOW_NEXT, or the end of a copy: `file` has been read to its end, pos bytes.  *out (the
 * caller's) is what comes behind it, from its beginning: the next that was rotated away, or what is
 * at path; *packed: it has been packed since and does not grow.  FERR_AGAIN: there is nothing yet,
 * or names are changing now.
 */
int follow_next(struct follow *f, const struct file *file, uint64_t pos, struct file **out,
		bool *packed);

/*
 * After a restart: the file that was read at `path` up to byte pos of its unpacked text is looked
 * for there and among the siblings, and opened at pos.  FERR_LOST names the range that is gone.
 */
struct follow_found {
	struct file *file;
	struct buf ahead; /* what has been read behind pos already */
	bool beside;	  /* it is not at path */
	bool copy;	  /* ... and not the file itself: it ends where it ends */
};
int follow_find(struct follow_found *out, const char *path, const struct file_id *id, uint64_t pos);
/* Call fn with each path beside this one (paths_beside) until it returns other than 0. */
int follow_siblings(const char *path, int (*fn)(void *cookie, const char *sibling), void *cookie);
void follow_found_fini(struct follow_found *f); /* what was not taken over: file, ahead */

#endif
