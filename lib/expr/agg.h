/*
 * agg -- the aggregates of cli.md as init, add, retract, merge, result, encode, decode.
 *
 * A struct aggs is the parsed `--agg` list.  Its accumulators stand side by side in one block of
 * aggs_size() bytes, zeroed by the caller = init.  Blocks may hold pointers to heap (sets, samples,
 * lists), freed by aggs_fini; they may be moved by memcpy.
 *
 * Errors  FERR_USAGE at parse (caret, did you mean); FERR_DATA at add and result (an i64 sum that
 *         overflows, sum of a string...), text = the reason, the block unchanged.  FERR_NOMEM, and
 *         FERR_LIMIT (a distinct of 4 GiB), end the work: a block may then have been changed by
 * some aggregates and not by others, and can only be freed.
 *
 * Rules (cli.md): count() counts rows, count(EXPR) rows where EXPR is true; the others skip nulls.
 *   sum       null of nothing; i64 of i64, beyond it a bad record (merging and taking back may pass
 *             beyond it, the result then tells); f64 with any f64, Neumaier-compensated, so that
 *             order hardly matters
 *   avg       f64, null of nothing; of i64 it never overflows
 *   stddev    the sample's, null for one value; stddev_pop the population's; by Welford's method
 *   min max   by value (val_cmp); what is equal but differs (5 and 5.0, 0.0 and -0.0) has a fixed
 *             order, so that arrival does not matter
 *   first last  by arrival
 *   distinct  exact; approx_distinct exact up to 6,144 values, then HyperLogLog with 2^16 registers
 *             (64 KiB; a standard error of 0.4 %, so 2 % holds always).  Values are the same or not
 * as keys are (row/key.h) quantile(x, q), median(x)  f64; exact with linear interpolation up to
 * 10,000 values, then within 1 % of rank by a deterministic sketch (16 KiB for each doubling of the
 * values) collect(x)  an array, [] of nothing top(n, by, what)  array of what, greatest by first,
 * ties by arrival; a null by is left out, a null what is kept; [] of nothing; n is a literal up to
 * 10,000 any all   of conditions, as SQL has them: null of nothing Conditions are bool or null,
 * what computes takes i64 and f64, anything else is FERR_DATA.  Numbers that neither can hold are
 * FERR_DATA in min, max and top's by as well.
 */
#ifndef EXPR_AGG_H
#define EXPR_AGG_H

#include "expr/expr.h"

struct aggs;

/*
 * `n=count(), total=sum(.amount), p=quantile(.ms, 0.99)`.  Default names: `count`, FUNC_FIELD (path
 * parts joined by _; of top, the field that it lists); an expression needs a name; two equal names
 * are an error.  `count` alone is count().
 */
int aggs_parse(struct aggs **out, const char *text); /* NULL: a list of none */
void aggs_free(struct aggs *a);

unsigned aggs_n(const struct aggs *a);
const char *aggs_name(const struct aggs *a, unsigned i);
int aggs_bind(struct aggs *a, const struct schema *s);
unsigned aggs_nfields(const struct aggs *a); /* fields read, as expr_nfields */
const char *aggs_field(const struct aggs *a, unsigned i);

/* Canonical text of the list, `n=count(), p=quantile(.ms,0.99)`, for the state's signature;
 * borrowed. */
const char *aggs_signature(const struct aggs *a);
/* The text of an expression as it stands there, without blanks that do not matter; the caller's.
 * NULL without memory. */
char *aggs_canonical(const char *expr);

size_t aggs_size(const struct aggs *a); /* bytes of a block, a multiple of 8 */
bool aggs_plain(const struct aggs *a);	/* blocks hold no heap: aggs_fini may be skipped */

/*
 * Rows are numbered as they are evaluated, and first, last, collect and top keep those numbers, so
 * that blocks can be merged in any order and still tell the order of arrival.  The count is state:
 * it goes on after a restore.
 */
uint64_t aggs_arrivals(const struct aggs *a);
void aggs_set_arrivals(struct aggs *a, uint64_t n);

/*
 * Values of one row are computed once and may be added to several blocks: aggs_eval fills the aggs'
 * own scratch from ctx (FERR_DATA leaves all blocks alone), aggs_add adds that to a block.
 */
int aggs_eval(struct aggs *a, const struct expr_ctx *c);
int aggs_add(struct aggs *a, void *block);

/* Take back the evaluated row / another block's content.  FERR_AGAIN: cannot be done exactly here;
 * the caller builds the block anew from its parts. Block unchanged then. */
int aggs_retract(struct aggs *a, void *block);
/*
 * For a caller that cannot build blocks anew.  FERR_USAGE names an aggregate that cannot take rows
 * back; else aggs_retract gives FERR_AGAIN for what was never added alone, and an f64 sum that is
 * not exact takes values back with its rounding error.
 */
int aggs_must_retract(struct aggs *a);
int aggs_unmerge(struct aggs *a, void *block, const void *other);

/* into += from: as if all rows had been added to into in the order in which they were evaluated. */
int aggs_merge(struct aggs *a, void *into, const void *from);

/* Result i as a value; text borrows from the block or from the aggs' arena (until the next
 * aggs_eval or aggs_arena_reset). */
int aggs_result(struct aggs *a, const void *block, unsigned i, struct val *v);
void aggs_arena_reset(struct aggs *a);

void aggs_fini(struct aggs *a, void *block); /* frees heap parts, zeroes the block */

/* Bytes with a format version per aggregate; nothing is appended on error. */
int aggs_encode(const struct aggs *a, const void *block, struct buf *out);
/* Fill a block that holds no heap (new, or after aggs_fini).  FERR_CORRUPT with its text: it is
 * zeroed. */
int aggs_decode(struct aggs *a, void *block, const uint8_t *p, size_t n);
size_t aggs_memory(const struct aggs *a, const void *block); /* heap bytes held by the block */

#endif
