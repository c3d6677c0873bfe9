/*
 * state -- keyed state: what a filter remembers between records, and nothing else does.
 *
 * A state holds named maps; a map holds (namespace, key) -> value.  A namespace is an int64 that
 * the operator chooses (the end of a window or pane, or 0), so that firing or dropping a window
 * walks what it must and no more. Order everywhere: key group, map, namespace, key hash, key bytes.
 *
 * Values are C structs of the map's fixed size, changed in place through the pointer that
 * state_find and state_put return; it holds until the entry or its namespace is dropped.  A type
 * that owns heap says how to free, encode and decode itself.
 *
 * Behind this interface there is for now only the table in memory: one open-addressing table per
 * map and namespace, entries in an arena.  Epochs, spilling and LMDB come under the same calls.
 *
 * Errors  FERR_NOMEM; FERR_LIMIT when the bound on memory is reached (text says --mem).
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct state;
struct state_map;

struct state_type {
	const char *name; /* of the map */
	uint32_t size;	  /* of a value in memory; a multiple of 8; new values are zero */
	uint32_t version; /* of the encoding */
	void *cookie;
	void (*fini)(void *cookie, void *value); /* free what a value owns; NULL: nothing */
	int (*encode)(void *cookie, const void *value, struct buf *out);
	int (*decode)(void *cookie, void *value, const uint8_t *p, size_t n);
	size_t (*memory)(void *cookie, const void *value); /* heap bytes a value owns; NULL: none */
};

struct state_key {
	uint64_t hash;
	const uint8_t *p; /* canonical key bytes */
	uint32_t n;
};

/* groups: key groups (C35); mem: bound in bytes. */
int state_new(struct state **out, uint32_t groups, int64_t mem);
void state_free(struct state *s);
int state_map_open(struct state *s, struct state_map **out, const struct state_type *type);

/* The value, or NULL. */
void *state_find(struct state_map *m, int64_t ns, const struct state_key *k);
/* The value, made when it is not there (*fresh); NULL without memory (ferr is set). */
void *state_put(struct state_map *m, int64_t ns, const struct state_key *k, bool *fresh);
/* Remove an entry; v is its value. */
void state_drop(struct state_map *m, int64_t ns, void *v);
/* The key of a value. */
struct state_key state_key_of(const struct state_map *m, const void *v);
/* Touch what a look-up of that hash will need: first the slots of many keys, then their entries. */
void state_prefetch(struct state_map *m, int64_t ns, uint64_t hash);
void state_prefetch_entry(struct state_map *m, int64_t ns, uint64_t hash);

/* Namespaces: the smallest one >= from (false: none), how many entries, and dropping one whole. */
bool state_ns_next(struct state_map *m, int64_t from, int64_t *ns);
size_t state_ns_count(struct state_map *m, int64_t ns);
void state_ns_drop(struct state_map *m, int64_t ns);

/*
 * All values of a namespace, sorted: in the order of key hash, then key bytes.  The array *v is the
 * caller's (realloc'ed to *cap entries; free it); returns how many, or FERR_NOMEM.
 */
int64_t state_ns_values(struct state_map *m, int64_t ns, bool sorted, void ***v, size_t *cap);

/* Tell that a value's heap grew by that much (may be negative), so that --mem holds; FERR_LIMIT. */
int state_account(struct state *s, int64_t bytes);

#endif
