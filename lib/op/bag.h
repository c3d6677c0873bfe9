/*
 * bag -- rows as values of keyed state: what joins wait with, what keep-last and Top-N keep.
 *
 * A value of such a map is a head of plain bytes, kept as they are, and behind it one struct bag or
 * several: rows of one input of the operator each, side by side in the order in which they were
 * put.  A row's hash field is the caller's while it lies in a bag (the state's key tells the hash),
 * and so are the flags but ROW_KEYED.
 *
 * Rows have the numbers that the input's fields had when they were put, which are those of today:
 * numbers only grow.  In bytes a bag names its schema by hash, and the snapshot has all schemas
 * (op_version), so that rows of several old subtasks find their fields again after a rescale.
 *
 * In bytes (fcheckpoint(5)): the head, then for each bag u64 hash of the schema (0: empty)  u32
 * length  rows.
 *
 * Owner   the state; a struct bag may be moved by memcpy.  Pointers to rows hold until the bag is
 *         changed, or as long as the value (state.h).
 * Errors  FERR_NOMEM; FERR_LIMIT when one value alone is more than --mem; FERR_CORRUPT from a
 *         decode.
 */
#ifndef OP_BAG_H
#define OP_BAG_H

#include "op/op.h"
#include "state/state.h"

struct bag {
	uint8_t *p;
	uint32_t n, cap; /* bytes */
};

/* What a map's values are made of; the caller's, for the life of the operator. */
struct bag_type {
	const char *name;  /* of the map */
	uint32_t head;	   /* bytes, a multiple of 8 */
	unsigned n;	   /* bags */
	unsigned input[2]; /* whose rows they hold */
	bool grouped;	   /* keys begin with the key group (state.h) */
	struct op *op;	   /* set by bag_map_open */
};

/* In start.  Values have head + n * sizeof(struct bag) bytes. */
int bag_map_open(struct op *op, struct state_map **out, struct bag_type *t);

static inline struct bag *
bag_of(const struct bag_type *t, void *value, unsigned i)
{
	return (struct bag *)(void *)((uint8_t *)value + t->head) + i;
}

/* Append a row; *at gets where it stands.  The value must be changed already (state_put,
 * state_touch).
 */
int bag_put(const struct bag_type *t, struct bag *b, const uint8_t *row, uint32_t *at);
/* Append it at offset `at`, which is a row's or the end. */
int bag_insert(const struct bag_type *t, struct bag *b, uint32_t at, const uint8_t *row);
/* Take out the row at offset `at`. */
void bag_remove(const struct bag_type *t, struct bag *b, uint32_t at);
/* Give memory back that is no longer needed, after removals. */
void bag_trim(const struct bag_type *t, struct bag *b);

/* `for (uint8_t *r = b->p; r < bag_end(b); r += row_len(r))` walks over it. */
static inline uint8_t *
bag_end(const struct bag *b)
{
	return b->n > 0 ? b->p + b->n : b->p;
}

/* Are two rows of one input the same: kind, time and hash apart, have they equal fields?  Absent
 * and null are different, 1 and 1.0 are not (as keys are, row/key.h). */
bool bag_row_equal(const uint8_t *a, const uint8_t *b);

#endif
