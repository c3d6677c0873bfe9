/*
 * lookup: each left row meets all rows of its key of a table, which the right side is.
 *
 * A file is read in full before the first left row, by every subtask, and is not part of the state.
 * A stream has to come to its end first: its rows are kept in state by key, and left rows wait
 * there as well until its watermark is the last one.  Meanwhile no watermark goes on, since those
 * rows are older.
 */
#include <stdlib.h>

#include "join/join_internal.h"
#include "join/table.h"
#include "join/waiting.h"

struct lookup {
	/* RIGHT is a file */
	struct join_table *table;
	struct join_table_stamp stamp; /* of when it was read, or that was tried */
	bool told;		       /* ... in vain, and has been told */
	/* RIGHT is a stream */
	struct bag_type bag;
	struct state_map *rows;
	struct waiting *waiting; /* NULL: RIGHT is a file */
	bool complete;		 /* no right row comes any more */
	bool giving;		 /* rows that have waited go first */
	/* the left row that is looked up; NULL: none */
	const uint8_t *left;
	struct state_key key;
	bool null, met;
	const uint8_t *next; /* in the table */
	uint32_t at;	     /* in the bag */
	struct buf bytes;    /* the key of one that has waited */
};

/* ---- the file ---- */

/* In all runs and subtasks the bad records of a table are told once. */
static bool
tells_bad(const struct op *op)
{
	const struct op_task *t = op_task(op);

	return t == NULL || (t->subtask == 0 && t->epoch == 0);
}

static int
bad_record(void *cookie, const char *at, const char *reason, const void *text, size_t n)
{
	struct op *op = cookie;

	return op_conf(op)->on_bad != BAD_FAIL && !tells_bad(op) ? 0
								 : op_bad(op, at, reason, text, n);
}

/* The same when the file is read again: a bad record does not end the job. */
static int
bad_again(void *cookie, const char *at, const char *reason, const void *text, size_t n)
{
	struct op *op = cookie;

	if (op_conf(op)->on_bad == BAD_FAIL)
		return ferr(FERR_DATA, "%s: %s", at, reason);
	return bad_record(cookie, at, reason, text, n);
}

static int
table_row_key(void *cookie, const uint8_t *row, struct buf *out, bool *null)
{
	return join_key_bytes(cookie, RIGHT, row, out, null);
}

/* Read the file, which becomes the table. */
static int
load(struct join *j, struct op *op, join_table_bad *bad)
{
	struct lookup *k = j->lookup;
	struct join_table *t = NULL;
	int rc;

	if ((rc = join_table_stamp(&k->stamp, j->spec.table)) != 0 ||
	    (rc = join_table_read(&t, j->spec.table, op_schema_of(op, RIGHT), bad, op)) != 0)
		return rc;
	if ((rc = op_set_input_schema(op, RIGHT, join_table_schema(t))) != 0 ||
	    (rc = join_table_index(t, table_row_key, j)) != 0) {
		join_table_free(t);
		return rc;
	}
	join_table_free(k->table);
	k->table = t;
	op_verbose(op, "%s: %zu records", j->spec.table, join_table_rows(t));
	return 0;
}

static void
wake(struct join *j, struct op *op)
{
	int64_t ms = j->spec.refresh;

	if (ms > 0)
		op_wake_at(
		    op, sat_add(op_now(op), ms < INT64_MAX / 1000000 ? ms * 1000000 : INT64_MAX));
}

/* --refresh: has the file changed?  A new one that is no good leaves the old one in place. */
static int
lookup_tick(struct join *j, struct op *op)
{
	struct lookup *k = j->lookup;
	struct join_table_stamp now;
	int rc = join_table_stamp(&now, j->spec.table);

	wake(j, op);
	if (rc == 0 && memcmp(&now, &k->stamp, sizeof(now)) == 0)
		return 0;
	if (rc == 0 && (rc = load(j, op, bad_again)) == 0) {
		k->told = false;
		return 0;
	}
	if (rc == FERR_NOMEM)
		return rc;
	if (!k->told)
		op_note(op, "%s; its records stay as they were", ferr_text());
	k->told = true;
	return 0;
}

/* ---- setting up ---- */

static int
lookup_open(struct join *j, struct op *op)
{
	struct lookup *k = calloc(1, sizeof(*k));
	int rc;

	if (k == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	j->lookup = k;
	if (j->spec.table != NULL) {
		wake(j, op);
		/* With epochs it is read when the numbers of its fields are restored. */
		return op_task(op) == NULL ? load(j, op, bad_record) : 0;
	}
	op_hold_back(op, INT64_MAX);
	k->bag = (struct bag_type){ .name = "right", .n = 1, .input = { RIGHT } };
	if ((rc = bag_map_open(op, &k->rows, &k->bag)) != 0)
		return rc;
	return waiting_new(&k->waiting, op, LEFT);
}

static void
lookup_close(struct join *j)
{
	struct lookup *k = j->lookup;

	if (k == NULL)
		return;
	join_table_free(k->table);
	waiting_free(k->waiting);
	buf_fini(&k->bytes);
	free(k);
}

static int
lookup_restored(struct join *j, struct op *op)
{
	struct lookup *k = j->lookup;
	int rc;

	if (k->waiting == NULL)
		return load(j, op, bad_record);
	if ((rc = waiting_restored(k->waiting)) != 0)
		return rc;
	/* Else the last watermark comes again, and finds what waits. */
	k->complete = op_input_watermark(op, RIGHT) == WM_MAX && !waiting_any(k->waiting);
	if (k->complete)
		op_hold_back(op, 0);
	return 0;
}

/* ---- look-ups ---- */

static int
emit(struct join *j, struct op *op, const uint8_t *right)
{
	const struct lookup *k = j->lookup;
	/* With a file the key of the output is that of the left input, whatever it is. */
	struct join_pair p = { .l = k->left,
			       .r = right,
			       .time = row_time(k->left),
			       .start = ROW_NOTIME,
			       .end = ROW_NOTIME,
			       .hash = k->table != NULL ? row_hash(k->left) : k->key.hash,
			       .kind = row_kind(k->left) };

	return join_emit(j, op, &p);
}

/* One of the rows of its key. */
static int
meet(struct join *j, struct op *op, const uint8_t *right)
{
	struct lookup *k = j->lookup;
	int rc = join_match(j, k->left, right, ROW_NOTIME, ROW_NOTIME);

	if (rc == FERR_DATA)
		return join_bad(j, op, k->left, right);
	if (rc <= 0)
		return rc;
	k->met = true;
	if (j->spec.type == JOIN_ANTI)
		return 0;
	return emit(j, op, j->spec.type == JOIN_SEMI ? NULL : right);
}

/* Has the left row all that it can get? */
static inline bool
content(const struct join *j)
{
	return j->lookup->met && (j->spec.type == JOIN_SEMI || j->spec.type == JOIN_ANTI);
}

static inline int
probe_table(struct join *j, struct op *op)
{
	struct lookup *k = j->lookup;
	const uint8_t *right;
	int rc;

	while ((right = k->next) != NULL && !content(j)) {
		k->next = join_table_next(k->table, right);
		if ((rc = meet(j, op, right)) != 0)
			return rc;
		if (k->next != NULL && join_full(j, op))
			return FERR_AGAIN;
	}
	return 0;
}

static int
probe_state(struct join *j, struct op *op)
{
	struct lookup *k = j->lookup;
	struct bag *b;
	void *v;
	int rc;

	if ((v = state_find(k->rows, 0, &k->key)) == NULL)
		return state_error(j->state);
	b = bag_of(&k->bag, v, 0);
	while (k->at < b->n && !content(j)) {
		const uint8_t *right = b->p + k->at;

		k->at += row_len(right);
		if ((rc = meet(j, op, right)) != 0)
			return rc;
		if (k->at < b->n && join_full(j, op))
			return FERR_AGAIN;
	}
	return 0;
}

/* Go on with the left row: 0 done, FERR_AGAIN the output is full. */
static inline int
probe(struct join *j, struct op *op)
{
	struct lookup *k = j->lookup;
	int rc = 0;

	if (!k->null)
		rc = k->table != NULL ? probe_table(j, op) : probe_state(j, op);
	if (rc == 0 && !k->met && (j->spec.type == JOIN_LEFT || j->spec.type == JOIN_ANTI))
		rc = emit(j, op, NULL);
	if (rc == 0)
		k->left = NULL;
	return rc;
}

static inline void
begin(struct lookup *k, const uint8_t *left, const struct state_key *key, bool null)
{
	k->left = left;
	k->key = *key;
	k->null = null;
	k->met = false;
	k->next = k->table != NULL && !null ? join_table_find(k->table, key) : NULL;
	k->at = 0;
}

/* ---- the stream ---- */

/* The oldest row that waits is the left row. */
static int
begin_waiting(struct join *j, const uint8_t *row)
{
	struct lookup *k = j->lookup;
	struct state_key key;
	bool null;
	int rc;

	k->bytes.n = 0;
	if ((rc = join_key_bytes(j, LEFT, row, &k->bytes, &null)) != 0)
		return rc;
	key = (struct state_key){ .hash = key_hash(k->bytes.p, k->bytes.n),
				  .p = k->bytes.p,
				  .n = (uint32_t)k->bytes.n };
	begin(k, row, &key, null);
	return 0;
}

/* Look up what has waited: 0 done, or FERR_AGAIN. */
static int
give(struct join *j, struct op *op)
{
	struct lookup *k = j->lookup;
	const uint8_t *row;
	int rc;

	waiting_forget(k->waiting); /* the state may have moved it since */
	while ((rc = waiting_next(k->waiting, &row)) == 1) {
		if (k->left != NULL)
			k->left = row;
		else if ((rc = begin_waiting(j, row)) != 0)
			return rc;
		if ((rc = probe(j, op)) != 0 || (rc = waiting_pass(k->waiting)) != 0)
			return rc;
		if (join_full(j, op))
			return FERR_AGAIN;
	}
	k->giving = rc != 0;
	return rc;
}

/* The right side may have come to its end. */
static int
lookup_mark(struct join *j, struct op *op)
{
	struct lookup *k = j->lookup;

	if (k->waiting == NULL || k->complete || op_input_watermark(op, RIGHT) != WM_MAX)
		return 0;
	k->complete = k->giving = true;
	op_hold_back(op, 0);
	return give(j, op);
}

static int
add_right(struct join *j, const struct join_row *r)
{
	struct lookup *k = j->lookup;
	struct bag *b;
	bool fresh;
	uint32_t at;
	void *v;

	if ((v = state_put(k->rows, 0, &r->key, &fresh)) == NULL)
		return join_failed(j);
	b = bag_of(&k->bag, v, 0);
	if (row_kind(r->row) == ROW_INSERT || row_kind(r->row) == ROW_AFTER)
		return bag_put(&k->bag, b, r->row, &at);
	for (at = 0; at < b->n && !bag_row_equal(b->p + at, r->row);)
		at += row_len(b->p + at);
	if (at < b->n)
		bag_remove(&k->bag, b, at);
	return b->n == 0 ? state_drop(k->rows, 0, v) : 0;
}

/* Rows that come to nothing need not wait. */
static int
wait(struct join *j, const struct join_row *r)
{
	if (r->null && (j->spec.type == JOIN_INNER || j->spec.type == JOIN_SEMI))
		return 0;
	return waiting_put(j->lookup->waiting, r->row, r->key.hash, j->arrivals++);
}

/* ---- records ---- */

static int
lookup_add(struct join *j, struct op *op, const struct join_row *r)
{
	struct lookup *k = j->lookup;

	if (r->side == RIGHT)
		return r->null ? 0 : add_right(j, r);
	if (k->table == NULL && !k->complete)
		return wait(j, r);
	begin(k, r->row, &r->key, r->null);
	return probe(j, op);
}

static int
lookup_resume(struct join *j, struct op *op)
{
	return j->lookup->giving ? give(j, op) : probe(j, op);
}

static void
lookup_prefetch(struct join *j, const struct join_row *r, bool entry)
{
	struct lookup *k = j->lookup;

	if (k->table != NULL) {
		if (entry)
			join_table_prefetch_rows(k->table, r->key.hash);
		else
			join_table_prefetch(k->table, r->key.hash);
	} else if (r->side == RIGHT || k->complete) {
		if (entry)
			state_prefetch_entry(k->rows, 0, r->key.hash);
		else
			state_prefetch(k->rows, 0, r->key.hash);
	}
}

const struct join_kind_ops join_lookup_ops = {
	.open = lookup_open,
	.add = lookup_add,
	.mark = lookup_mark,
	.resume = lookup_resume,
	.prefetch = lookup_prefetch,
	.restored = lookup_restored,
	.tick = lookup_tick,
	.close = lookup_close,
};
