/*
 * changes: running over a changing stream.  +I and +U add a record, -U and -D take one back; the
 * result of a key is there while it has records that --having lets pass.
 *
 * What was given out is not kept: the block before the change makes it again.
 */
#include "win/win_internal.h"

struct head {
	struct win_head head;
	int64_t told; /* event time of the result that was given out last */
	uint64_t n;   /* records in the block */
};

static inline void *
block_of(struct head *h)
{
	return h + 1;
}

int
win_changes_open(struct win *w)
{
	return win_map_open(w, &w->changes, "changes", sizeof(struct head), false);
}

int
win_changes_bind(struct win *w)
{
	int rc;

	if (state_ns_count(w->map, 0) > 0)
		return ferr(FERR_CORRUPT, "the state was written over a plain stream, and this one "
					  "changes");
	w->map = w->changes;
	rc = aggs_must_retract(w->aggs);
	return rc != 0 ? ferr_prefix(rc, "the stream changes") : 0;
}

int
win_not_there(const struct win *w)
{
	if (w->spec.ttl != 0)
		return 0;
	return ferr(FERR_DATA, "it takes back a record that was never added");
}

/* Add or take back the evaluated row. */
static int
apply(struct win *w, struct head *h, bool adds)
{
	int rc = adds	     ? win_block_add(w, block_of(h))
		 : h->n != 0 ? win_block_retract(w, block_of(h))
			     : FERR_AGAIN;

	if (rc != 0)
		return rc;
	h->n += adds ? 1 : UINT64_MAX;
	return 0;
}

/* Append the key's result, if there is one, as a row of that kind: 1, 0, or an error. */
static int
put_result(struct win *w, struct op *op, struct buf *out, struct head *h, const struct state_key *k,
	   enum row_kind kind, int64_t time)
{
	size_t at = out->n;
	int rc = h->n == 0 ? 0 : win_build(w, op, out, k, block_of(h), 0, 0, time);

	if (rc == 1)
		out->p[at + 6] = (uint8_t)kind;
	return rc;
}

/* Rows stand at `at` (before) and behind it (after): emit what has changed. */
static int
tell(struct op *op, struct buf *out, struct head *h, size_t at, bool before, bool after, int64_t ts)
{
	uint8_t *r = out->p + at;

	if (before && after && bag_row_equal(r, r + row_len(r))) {
		out->n = at;
		return 0;
	}
	if (after)
		h->told = ts;
	if (before && !after)
		r[6] = ROW_DELETE;
	if (!before && after)
		r[6] = ROW_INSERT;
	return before || after ? op_rows_done(op, at, before + after) : 0;
}

/* As if the record had not come; nothing has been emitted. */
static int
undo(struct win *w, struct head *h, int rc)
{
	int dropped = h->n == 0 ? state_drop(w->map, 0, h) : 0;

	return dropped != 0 ? dropped : rc == FERR_AGAIN ? win_not_there(w) : rc;
}

int
win_changes_add(struct win *w, struct op *op, const uint8_t *row, int64_t ts,
		const struct state_key *k)
{
	struct head *h = win_touch(w, ts, k);
	struct buf *out = op_rows_buf(op); /* asked for once: of several outputs it begins anew */
	size_t at = out->n;
	int before, after, rc, dropped;

	if (h == NULL)
		return win_failed(w);
	/* What cannot be computed has not been given out. */
	before = put_result(w, op, out, h, k, ROW_BEFORE, h->told);
	if (before < 0 && before != FERR_DATA)
		return before;
	if ((rc = apply(w, h, win_row_adds(row))) != 0) {
		out->n = at;
		return undo(w, h, rc);
	}
	after = put_result(w, op, out, h, k, ROW_AFTER, ts);
	if (after < 0 && after != FERR_DATA)
		return after;
	rc = tell(op, out, h, at, before == 1, after == 1, ts);
	if (rc == 0 && after == FERR_DATA)
		rc = FERR_DATA;
	dropped = h->n == 0 ? state_drop(w->map, 0, h) : 0;
	return dropped != 0 ? dropped : rc;
}
