/*
 * decode -- keys and values of one stage's state as people read them.
 *
 * What a value means is told by the stage's tool, its signature, and the name and version of the
 * map.  A value that is not known is given as {"hex":...,"bytes":N}, and so is a key; this is said
 * once on stderr.
 */
#ifndef FSTATE_DECODE_H
#define FSTATE_DECODE_H

#include "manifest/ckpt_json.h"
#include "row/row.h"
#include "state/look.h"

/* One thing that a key holds; absent members are VAL_ABSENT.  Borrowed, as fn and calls say. */
struct cell {
	const char *map;
	struct val key, value;	      /* value: JSON */
	int64_t start, end;	      /* of its window, UTC; ROW_NOTIME: none */
	struct val time, seen, fired; /* last event time, records counted, has the window fired */
};

struct decode;
/* st is borrowed. */
int decode_new(struct decode **out, const struct ckpt_stage *st);
void decode_free(struct decode *d);

/* The key; borrowed until the next call. */
int decode_key(struct decode *d, const struct state_seen *s, struct val *key);
/* Is the key that text, as it is printed in a table or in JSON? */
bool decode_is(struct decode *d, const struct state_seen *s, const char *text);
/* Call fn for each thing that the key holds (one, or its sessions); its first non-zero result ends
 * it and is returned. */
int decode(struct decode *d, const struct state_seen *s,
	   int (*fn)(void *cookie, const struct cell *c), void *cookie);

#endif
