/*
 * waiting -- rows of the left side that wait in state, given back in the order in which they came.
 *
 * They lie in chunks, which are values of a grouped map under key group and number, so that a
 * rescale takes them along: after one, the rows of several old subtasks go on in the order of their
 * arrival numbers (those of one number in that of their key groups).
 *
 * Owner   waiting_new/waiting_free.  What waiting_next gives is borrowed until waiting_pass or
 *         waiting_forget.
 * Errors  as state.h and bag.h.
 */
#ifndef JOIN_WAITING_H
#define JOIN_WAITING_H

#include "op/op.h"
#include "state/state.h"

struct waiting;
int waiting_new(struct waiting **out, struct op *op, unsigned input); /* in start */
void waiting_free(struct waiting *w);
/* The state is that of a checkpoint, or new. */
int waiting_restored(struct waiting *w);
bool waiting_any(const struct waiting *w);

/* Append a row; its hash field becomes the arrival number, which only grows. */
int waiting_put(struct waiting *w, const uint8_t *row, uint64_t hash, int64_t number);

/* The oldest row: 1, 0 when there is none, or an error; and drop it. */
int waiting_next(struct waiting *w, const uint8_t **row);
int waiting_pass(struct waiting *w);
/* The state may have moved what we know of it. */
void waiting_forget(struct waiting *w);

#endif
