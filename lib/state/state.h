/*
 * state -- keyed state: what a filter remembers between records, and nothing else does.
 *
 * A state holds named maps; a map holds (namespace, key) -> value.  A namespace is an int64 that
 * the operator chooses (the end of a window or pane, or 0), so that firing or dropping a window
 * walks what it must and no more.  Order everywhere: key group, map, namespace, key hash, key
 * bytes.
 *
 * Values are C structs of the map's fixed size, changed in place.  state_put gives a value that may
 * be changed, state_find one to be read; state_touch tells that a found one will be changed.  A
 * pointer holds until the entry or its namespace is dropped, or state_relieve or state_load is
 * called; what a walk gives, until its next call.  A type that owns heap says how to free, encode
 * and decode itself.
 *
 * Epochs (design §5).  Everything put, touched or dropped belongs to the current epoch.
 * state_barrier ends it: what changed is then copied out as records, in slices between batches,
 * while the next epoch changes on; an entry that changes again before its slice comes is copied out
 * first.  The records of completed epochs, loaded in order, make the state again; values are
 * absolute, so loading some twice does no harm.  Records of an aborted epoch stay in front of those
 * of the next.  The records of an epoch that has any begin with what the map numbers mean.
 *
 * Before the first barrier, if nothing was loaded, changes are not noted at all (a bare shell pays
 * nothing); the first barrier is a full one then.  A full copy that is given up makes the next one
 * full.
 *
 * Memory.  `mem` bounds table, values and their heap: state_relieve, called between batches (of
 * about a thousand records), evicts entries to an LMDB environment under `local`, whence they are
 * read back when they are asked for.  The input is never stopped: a call takes some
 * milliseconds, now and then some tens.  Between two calls memory grows by what is put, read back
 * or touched.  Of a namespace about 400 bytes always stay in memory.  Files in `local` have no name
 * and go with the process.
 *
 * Errors  FERR_NOMEM; FERR_IO (the disk of `local`); FERR_CORRUPT from a decode; FERR_LIMIT when
 *         one value alone is larger than the bound.
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct state;
struct state_map;
struct state_cursor;

struct state_type {
	const char *name; /* of the map */
	uint32_t size;	  /* of a value in memory; a multiple of 8; new values are zero */
	uint32_t version; /* of the encoding */
	bool transient;	  /* not part of epochs: made anew by the operator after a restore */
	bool grouped; /* the first two key bytes (LE) are the key group; else the hash tells it */
	void *cookie;
	void (*fini)(void *cookie, void *value); /* free what a value owns; NULL: nothing */
	/* NULL: the bytes as they are. */
	int (*encode)(void *cookie, const void *value, struct buf *out);
	int (*decode)(void *cookie, void *value, const uint8_t *p, size_t n);
	size_t (*memory)(void *cookie, const void *value); /* heap bytes a value owns; NULL: none */
};

struct state_key {
	uint64_t hash;
	const uint8_t *p; /* canonical key bytes */
	uint32_t n;
};

struct state_conf {
	uint32_t groups; /* key groups (C35) */
	uint32_t lo, hi; /* those that are ours, both ends in; records of others are not loaded */
	int64_t mem;	 /* bytes */
	const char
	    *local; /* directory for what does not fit, made when it is needed; NULL: $TMPDIR */
};
int state_new(struct state **out, const struct state_conf *conf);
void state_free(struct state *s);
/* Every map is opened before the first record is loaded or put.  Names are 1..31 bytes, and
 * different. */
int state_map_open(struct state *s, struct state_map **out, const struct state_type *type);

/* The value to be read, or NULL: not there (ferr_text is "") or an error (state_error). */
void *state_find(struct state_map *m, int64_t ns, const struct state_key *k);
/* The value to be changed, made when it is not there (*fresh); NULL: an error. */
void *state_put(struct state_map *m, int64_t ns, const struct state_key *k, bool *fresh);
/* A value got by state_find or a walk is going to be changed: 0 or an error. */
int state_touch(struct state_map *m, int64_t ns, void *v);
/* Remove an entry; v is its value. */
int state_drop(struct state_map *m, int64_t ns, void *v);
/* The first error of a call that could not return one; 0: none.  It stays. */
int state_error(const struct state *s);
/* The key of a value. */
struct state_key state_key_of(const struct state_map *m, const void *v);
/* Touch what a look-up of that hash will need: first the slots of many keys, then their entries. */
void state_prefetch(struct state_map *m, int64_t ns, uint64_t hash);
void state_prefetch_entry(struct state_map *m, int64_t ns, uint64_t hash);

/* Namespaces: the smallest one >= from that has entries (false: none), how many, and dropping one
 * whole. */
bool state_ns_next(struct state_map *m, int64_t from, int64_t *ns);
size_t state_ns_count(struct state_map *m, int64_t ns);
int state_ns_drop(struct state_map *m, int64_t ns);

/*
 * Walk over a namespace as it is at begin: entries put later are not seen, those dropped meanwhile
 * must not be asked for.  sorted: in the order of key hash, then key bytes.  next gives the value
 * (to be read, or touched, or dropped), which holds until the next call of next; NULL at the end or
 * on error (*rc).  A walk may lie open between batches and over state_relieve and barriers;
 * walk_end is harmless on a zeroed struct.
 */
struct state_walk {
	struct state_map *map;
	int64_t ns;
	struct state_cursor *cursor; /* private */
};
int state_walk_begin(struct state_walk *w, struct state_map *m, int64_t ns, bool sorted);
void *state_walk_next(struct state_walk *w, int *rc);
void state_walk_end(struct state_walk *w);

/* Tell that a value's heap grew by that much (may be negative); FERR_LIMIT when that alone is more
 * than the bound. */
int state_account(struct state *s, int64_t bytes);
/* Between batches: evict what is above the bound.  Pointers to values die. */
int state_relieve(struct state *s);

/* ---- epochs ---- */

/*
 * End the epoch.  full: all entries are to be copied, not only those that changed (a base: it
 * begins with a record that says so, and loading it forgets everything before).  A copy that is not
 * finished is finished first, into an inner buffer.
 */
int state_barrier(struct state *s, bool full);
/* Append about max bytes of records, whole ones; *done: nothing is left of this epoch. */
int state_copy(struct state *s, struct buf *out, size_t max, bool *done);
/* Bytes that a full copy would have, roughly. */
uint64_t state_size(const struct state *s);
/* Has anything changed since the last barrier? */
bool state_dirty(const struct state *s);

/* Load records, whole ones; key groups outside [lo, hi] are skipped.  Records of maps that are not
 * open are FERR_CORRUPT (text names the map). */
int state_load(struct state *s, const uint8_t *p, size_t n);

/*
 * A record (fcheckpoint(5)):
 *	u32 length of it all   u8 kind   u8 map   u16 key group   i64 namespace
 *	u64 key hash   u32 key length   u32 value length   key   value
 * Kinds: 1 put; 2 drop; 3 drop the namespace (no key; of all groups of the writer: lo in key group,
 * hi in key length); 4 this map number means (key: name, value length: version, namespace: the
 * size in memory); 5 forget everything (a base begins; key group and key length as in 3).
 */
struct state_rec {
	uint8_t kind, map;
	uint16_t group;
	int64_t ns;
	uint64_t hash;
	const uint8_t *key, *value;
	uint32_t nkey, nvalue;
};
#define STATE_REC_HDR 32u
/* The record at the head of p[0..n): its length, or FERR_CORRUPT. */
int64_t state_rec_decode(struct state_rec *r, const uint8_t *p, size_t n);

#endif
