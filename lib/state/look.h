/*
 * look -- the records of a stage read without its operator: what every key of every map holds, as
 * bytes.  For tools that look into checkpoints.
 *
 * Maps are opened as the records name them, so nothing has to be known before.  Records of the
 * same map, namespace and key: the last one counts, as in state_load; but the records of several
 * subtasks go into one look, each loaded under the key groups that are its own.
 *
 * Memory.  `mem` bounds what is held; what is more lies in an unnamed file under $TMPDIR (state.h).
 *
 * Errors  as state.h.
 */
#ifndef STATE_LOOK_H
#define STATE_LOOK_H

#include "state/state.h"

struct state_look;

/* What a key holds; borrowed until the next call of state_look_next. */
struct state_seen {
	const char *map;
	uint32_t version; /* of the value's encoding */
	int64_t ns;
	struct state_key key;
	const uint8_t *value;
	uint32_t n;
};

struct state_look_conf {
	uint32_t groups;
	int64_t mem;
	/* Is this key wanted?  The others are not loaded.  Its value is one that may not count any
	 * more.  NULL: all are. */
	bool (*want)(void *cookie, const struct state_seen *s);
	void *cookie;
};
int state_look_new(struct state_look **out, const struct state_look_conf *conf);
void state_look_free(struct state_look *l);

/* What follows comes from the subtask with the key groups [lo, hi]. */
void state_look_begin(struct state_look *l, uint32_t lo, uint32_t hi);
/* Load records, whole ones. */
int state_look_load(struct state_look *l, const uint8_t *p, size_t n);

/*
 * The next one, by name of the map, namespace, key hash, key bytes: 1; 0: there are no more; or an
 * error.  Nothing may be loaded once this was called.
 */
int state_look_next(struct state_look *l, struct state_seen *out);

#endif
