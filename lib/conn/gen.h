/*
 * gen -- seeded generators of records: gen:tx and gen:nexmark.  Same text, same bytes, on every
 * machine.
 *
 * Record k depends on (seed, k) alone plus bounded memory, so a position (k) is enough to go on;
 * gen_seek moves there.
 */
#ifndef CONN_GEN_H
#define CONN_GEN_H

#include "row/row.h"

struct gen;

/* uri is what stands behind "gen:", e.g. "tx?seed=1&n=100000".  FERR_USAGE: unknown name or
 * parameter (did you mean). Names are appended to schema. */
int gen_new(struct gen **out, const char *uri, struct schema *schema);
void gen_free(struct gen *g);

/* The field that holds the event time ("time", "dateTime"); its number in the schema.  Rows come
 * with their event time already set in the header. */
unsigned gen_time_field(const struct gen *g);
/* Out-of-orderness of the generated stream in ms: the default of --out-of-order. */
int64_t gen_disorder(const struct gen *g);

/* Append up to max rows to out; returns how many, 0 at the end (n records made), or FERR_NOMEM. */
int gen_next(struct gen *g, unsigned max, struct buf *out);
uint64_t gen_position(const struct gen *g);
int gen_seek(struct gen *g, uint64_t position);

#endif
