/*
 * upsert -- fsink --changes upsert: of an epoch's rows the last one of each key.
 *
 * Rows are held until the epoch ends (in a bare shell: the run); then every key whose rows came
 * gives one row, in the order in which the keys came first:
 *
 *	last kind +I, +U	that row
 *	last kind -D, -U	a row of kind -D with the fields of the key alone; none when the
 *first kind was +I, because nobody has seen that row
 *
 * A -U is followed by the +U of its key, unless a filter or another key has parted them: then it
 * is the end of the row, as -D is.  The key is that of the stream, or what --key says.  When it
 * cannot be seen in the fields (a hidden key) a -D has all of them.
 *
 * Frames keep kinds: +U for a key that may have been there, else +I.  In text only -D is told: JSON
 * has a field `op`, other formats cannot say it and the row is bad.
 *
 * Owner   rows put are copied; those given out live until upsert_drop.
 * Errors  FERR_USAGE: no key, a bad --key, a field `op` in the way; FERR_DATA: a bad record;
 *         FERR_LIMIT: the rows of one epoch need more than mem.
 */
#ifndef CONN_UPSERT_H
#define CONN_UPSERT_H

#include "op/op.h"

struct upsert_conf {
	const char
	    *key; /* fields or expressions, as in `user, .a.b, lower(.c)`; NULL: the stream's */
	enum fmt_kind format;
	int64_t mem; /* bytes of rows held */
};

struct upsert;
int upsert_new(struct upsert **out, const struct upsert_conf *conf);
void upsert_free(struct upsert *u);
/* By --key?  Then rows of one key may come in any subtask, and one alone can hold them. */
bool upsert_keyed(const struct upsert *u);

/* ---- pure: rows in, rows out ---- */

/* The rows' schema, new or grown. */
int upsert_bind(struct upsert *u, const struct schema *in);
/* That of the rows given out: the same fields. */
const struct schema *upsert_schema(const struct upsert *u);
int upsert_put(struct upsert *u, const uint8_t *row);
/*
 * The first row that is held, as it is to be written, and the last one that came of its key: 1; 0
 * when none is held.  FERR_DATA: the format cannot say it (*came is set).
 */
int upsert_first(struct upsert *u, const uint8_t **row, const uint8_t **came);
/* Go on to the next one. */
void upsert_drop(struct upsert *u);

/* ---- what sinks use ---- */

/* Take the rows [*p, end) of on_rows. */
int upsert_take(struct upsert *u, struct op *op, uint8_t **p, uint8_t *end);
/*
 * Give all that is held to put: `row` to be written where `came` belongs.  FERR_AGAIN of put keeps
 * that row for the next call.
 */
typedef int upsert_put_fn(void *cookie, struct op *op, const uint8_t *row, const uint8_t *came);
int upsert_give(struct upsert *u, struct op *op, upsert_put_fn *put, void *cookie);
/* op_bad_row of a row that was held. */
int upsert_bad(struct op *op, const uint8_t *row, const char *reason);
/* At the end: fields of --key that were never seen. */
void upsert_warn(struct upsert *u, struct op *op);

extern const struct op_class upsert_class; /* `-` and FILE without epochs; self: struct upsert */

#endif
