/*
 * store -- the directory of one job (fcheckpoint(5)).
 *
 *	DIR/lock		flock'ed by the fcoord that runs the job
 *	DIR/job.json		name, id, text; written once, replaced atomically
 *	DIR/attempts/N		one empty file per attempt, created exclusively
 *	DIR/chain/P.json	the manifest at place P (ten digits), created exclusively by link(2)
 *	DIR/state/…		logs of keyed state
 *	DIR/segments/…		sealed output
 *	DIR/local/…		what can be rebuilt
 *
 * Durable means: the file's bytes are synced, and so is the directory that names it, before the
 * call returns.
 *
 * Errors  FERR_IO; FERR_FENCED: a newer attempt or another coordinator was faster; FERR_USAGE for a
 *         directory that is not a store.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Make DIR, and what is missing above and in it (0700).  A directory that holds other things and no
 * chain is FERR_USAGE. */
int store_make(const char *dir);
/* Take DIR/lock: a descriptor to be kept open; FERR_FENCED names the pid that holds it.  Who has it
 * is alone, so half-written files (.tmp-*) of the dead are removed here. */
int store_lock(const char *dir);
/* Is it held by someone?  *pid gets by whom (0: unknown). */
bool store_locked(const char *dir, long *pid);

/* Write DIR/name durably, replacing what is there (tmp, sync, rename, sync of the directory). */
int store_replace(const char *dir, const char *name, const void *p, size_t n);
/* Write DIR/name durably unless it is there: FERR_FENCED then.  After FERR_IO it may be there or
 * not: look before acting on either (for a manifest: read the chain again, as a restart does). */
int store_create(const char *dir, const char *name, const void *p, size_t n);
/* Append DIR/name to out; FERR_LOST when it is not there. */
int store_read(const char *dir, const char *name, size_t max, struct buf *out);
/* Not being there is no error.  Not synced: what comes back after a power loss is removed again. */
int store_remove(const char *dir, const char *name);

/* Highest attempt so far (0: none), and a new one above it: *attempt. */
int store_attempts(const char *dir, uint64_t *highest);
int store_attempt_new(const char *dir, uint64_t *attempt);

/* Places in the chain that are there, ascending, and durable by now (their maker may have died
 * before its last sync); *v is the caller's to free, NULL when there are none. */
int store_chain(const char *dir, uint64_t **v, unsigned *n);
/* The same for who only looks: nothing is synced. */
int store_chain_look(const char *dir, uint64_t **v, unsigned *n);
/* DIR/chain/P.json as a name relative to DIR. */
void store_place_name(uint64_t place, char out[32]);

/* Call fn with every name (relative to dir) in DIR/sub that does not begin with a dot, in no order;
 * stops at the first non-zero result.  fn may remove what it is given. */
int store_each(const char *dir, const char *sub, int (*fn)(void *cookie, const char *name),
	       void *cookie);

#endif
