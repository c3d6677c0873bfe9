/*
 * base -- a second, local copy of keyed state as of a completed epoch (design §5), made of what the
 * logs of the store hold.  A restart reads it and only the rest of the logs; and where a log turns
 * out to be damaged, the copy still has what stood in it.
 *
 * It is an LMDB environment, LOCAL/base/data, beside LOCAL/base/lock; its bytes: fcheckpoint(5).
 * Merging appends nothing: records of a stretch (coord/snap.h) overwrite those before.  A merge
 * takes several transactions; one that was cut off goes on later, from where it began, for values
 * are absolute; meanwhile the copy is good only for what lies at the end of that merge or behind.
 *
 * LMDB syncs nothing here (a merge must not compete for the disk with checkpoints), so after a
 * power loss the file may be anything.  It is used if it was closed cleanly, or by the same boot of
 * the kernel, which has all that was written; else it counts as empty.  LMDB also trusts its file,
 * and a damaged one may crash it.  So all reading is done here, page by page, and everything is
 * checked; LMDB writes only to a file that was made or read to its end by this process.
 *
 * One call at a time, of any thread.  Blocking.
 *
 * Owner   base_open/base_close; struct snap_files stay the caller's.
 * Errors  FERR_NOMEM; FERR_IO: the local disk, or LMDB; FERR_CORRUPT, see each call.  After an
 *         error of a merge, but for FERR_AGAIN, the copy can only be dropped or closed.
 */
#ifndef STATE_BASE_H
#define STATE_BASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "coord/snap.h"
#include "state/state.h"

struct base;

/* Whose state it is: a copy of any other is not used. */
struct base_id {
	const uint8_t *job; /* 16 bytes */
	const char *stage;
	uint32_t subtask, parallel, groups, lo, hi;
};

/*
 * Take the lock of the copy under `local`.  make: what is missing is made; else FERR_LOST when
 * there is none.  FERR_FENCED: another process has it, and may stand still with it: do without a
 * copy.
 */
int base_open(struct base **out, const char *local, const struct base_id *id, bool make);
/* clean: it is made durable, and said to be; on error it is not, and closed all the same. */
int base_close(struct base *b, bool clean);
/* Close and remove it, and `local` if nothing else is in there.  NULL is harmless. */
void base_drop(struct base *b);
/* The same for the copy of a task that is no more; nobody waits for its lock.  FERR_IO. */
int base_remove(const char *local);

/* Learn what it holds; before base_look it holds nothing.  FERR_CORRUPT: it is damaged. */
int base_look(struct base *b);
/* Which of the stretches it reaches into, so that it is all of those before; -1: it holds nothing,
 * or something else than a beginning of these.  Here and below NULL is a copy that holds nothing.
 */
int base_reach(const struct base *b, const struct snap_files *f);
/* Bytes of the stretches that it does not hold. */
uint64_t base_behind(const struct base *b, const struct snap_files *f);

/*
 * Take in what is missing of the stretches, of a completed epoch, in the store.  Where it reaches
 * into none of them, or two thirds of its file are not in use, it begins anew; else base_each has
 * given what it held before.  FERR_CORRUPT, FERR_LOST: it is the store that is damaged.
 * FERR_AGAIN: *stop was seen, call again to go on.
 */
int base_merge(struct base *b, const char *store, const struct snap_files *f,
	       const atomic_bool *stop);

/* Give all that it holds to fn as records (state.h), whole ones, the names of maps first; fn's
 * first non-zero result ends it.  FERR_CORRUPT: it is damaged, and what fn got is not to be used.
 */
int base_each(struct base *b, int (*fn)(void *cookie, const uint8_t *p, size_t n), void *cookie);

/* Load what it holds, and the rest of the stretches from the store, in place of what has been
 * loaded. On error nothing is loaded; *ours tells whether it is the copy that is damaged. */
int base_load(struct base *b, const char *store, const struct snap_files *f, struct state *s,
	      bool *ours);

/* What a copy says of itself. */
struct base_seen {
	uint8_t job[16];
	char *stage;
	uint32_t subtask, parallel, groups, lo, hi;
	bool clean, booted;   /* closed cleanly; written since the kernel was booted */
	struct snap_files at; /* one: the stretch up to which it holds all */
	struct snap_files to; /* one: a merge, under way or cut off, ends there: it holds more */
	uint64_t items, bytes;
};
void base_seen_fini(struct base_seen *s); /* harmless on a zeroed one */
/*
 * Look at the copy under `local`, whosever it is, without its lock and without changing anything,
 * also while it is written to.  fn as for base_each; NULL: what it says of itself is enough.
 * FERR_AGAIN: it was written to meanwhile, and what was read is void.  FERR_LOST: there is none, or
 * it holds nothing.  FERR_CORRUPT: it is damaged.
 */
int base_peek(struct base_seen *out, const char *local,
	      int (*fn)(void *cookie, const uint8_t *p, size_t n), void *cookie);

#endif
