/* top: --top N:EXPR, the best results of a window over all keys, best first, ties by key. */
#include <stdlib.h>

#include "win/win_internal.h"

void
win_top_begin(struct win *w)
{
	w->top_n_rows = &w->top_rows;
	w->top_rows.n = 0;
	w->ntop = 0;
	expr_arena_reset(w->top);
}

void
win_top_fini(struct win *w)
{
	buf_fini(&w->top_rows);
	free(w->top_items);
}

/* A result stands at top_rows[at..): note what it is worth.  Null is worth nothing and is left out.
 */
int
win_top_add(struct win *w, struct op *op, size_t at)
{
	const uint8_t *row = w->top_rows.p + at;
	struct expr_ctx ctx = { .row = row, .schema = op_out_schema(op) };
	struct top_item *t;
	struct val v;
	int rc;

	if ((rc = expr_eval(w->top, &ctx, &v)) != 0)
		return ferr_prefix(rc, "--top");
	if (val_is_null(&v)) {
		w->top_rows.n = at;
		return 0;
	}
	if (w->ntop == w->captop) {
		w->captop = w->captop != 0 ? 2 * w->captop : 64;
		if ((t = realloc(w->top_items, w->captop * sizeof(*t))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		w->top_items = t;
	}
	/* Text may stand in the row, and rows may move: keep its place. */
	t = &w->top_items[w->ntop++];
	*t = (struct top_item){ .at = at, .by = v };
	if (v.t >= VAL_STR && (const uint8_t *)v.s >= row &&
	    (const uint8_t *)v.s < row + row_len(row)) {
		t->in_row = true;
		t->off = (uint32_t)((const uint8_t *)v.s - row);
	}
	return 0;
}

static int
best_first(const void *a, const void *b, void *cookie)
{
	const struct win *w = cookie;
	const struct top_item *x = a, *y = b;
	int c = val_cmp(&y->by, &x->by);

	for (unsigned i = 0; i < w->nkey && c == 0; i++) {
		struct val p = row_get(w->top_rows.p + x->at, i),
			   q = row_get(w->top_rows.p + y->at, i);

		c = val_cmp(&p, &q);
	}
	return c;
}

int
win_top_flush(struct win *w, struct op *op)
{
	unsigned last = op_out_schema(op)->n - 1;
	int rc = 0;

	w->top_n_rows = NULL;
	for (size_t i = 0; i < w->ntop; i++) {
		if (w->top_items[i].in_row)
			w->top_items[i].by.s =
			    (const char *)w->top_rows.p + w->top_items[i].at + w->top_items[i].off;
	}
	if (w->ntop > 1)
		qsort_r(w->top_items, w->ntop, sizeof(*w->top_items), best_first, w);
	for (size_t i = 0; i < w->ntop && i < w->spec.top_n && rc == 0; i++) {
		uint8_t *row = w->top_rows.p + w->top_items[i].at;

		if (w->spec.rank != NULL) { /* the rank's slot and tag are there, the last ones */
			le64put(row + ROW_HDR + 8 * last, i + 1);
			row[ROW_HDR + 8 * row_n(row) + last] = VAL_I64;
		}
		rc = op_forward(op, row, row + row_len(row));
	}
	w->ntop = 0;
	return rc;
}
