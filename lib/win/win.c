/* win: the part that all kinds of windows share; see win.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "op/zone.h"
#include "win/win_internal.h"

/* Event times that window arithmetic cannot overflow. */
#define TIME_LEAST (-(1LL << 60))
#define TIME_MOST (1LL << 60)

/* ---- making one ---- */

int
win_new(struct win **out, const struct win_spec *spec)
{
	static const struct win_kind_ops *const ops[] = {
		NULL,		&win_pane_ops,	&win_pane_ops,	 &win_session_ops,
		&win_pane_ops,	&win_count_ops, &win_global_ops, &win_running_ops,
		&win_first_ops, &win_last_ops,	&win_best_ops
	};
	const char *aggs = spec->aggs;
	struct win *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	w->spec = *spec;
	w->ops = ops[spec->kind];
	w->wm = WM_MIN;
	w->fired_end = w->early_at = w->early_ns = ROW_NOTIME;
	w->empty_hash = key_hash(NULL, 0);
	w->fields = spec->kind < WIN_COUNT;
	w->timed = w->fields || spec->kind == WIN_FIRST || spec->kind == WIN_LAST;
	if (aggs == NULL && !w->ops->rows)
		aggs = "count()";
	if ((rc = aggs_parse(&w->aggs, aggs)) != 0)
		rc = ferr_prefix(rc, "--agg");
	if (rc == 0 && spec->by != NULL &&
	    (rc = expr_parse(&w->by, spec->by, strlen(spec->by), 0)) != 0)
		rc = ferr_prefix(rc, "top");
	if (rc == 0 && spec->having != NULL &&
	    (rc = expr_parse(&w->having, spec->having, strlen(spec->having), EXPR_HAVING)) != 0)
		rc = ferr_prefix(rc, "--having");
	if (rc == 0 && spec->top != NULL &&
	    (rc = expr_parse(&w->top, spec->top, strlen(spec->top), EXPR_HAVING)) != 0)
		rc = ferr_prefix(rc, "--top");
	if (rc == 0 && spec->tz != NULL)
		rc = zone_load(&w->tz, spec->tz);
	if (rc == 0)
		rc = win_sign(w);
	if (rc == 0) {
		w->asize = aggs_size(w->aggs);
		w->plain = aggs_plain(w->aggs);
		if (w->asize > 0 && (w->scratch = calloc(1, w->asize)) == NULL)
			rc = ferr(FERR_NOMEM, "out of memory");
	}
	if (rc != 0) {
		win_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

void
win_free(struct win *w)
{
	if (w == NULL)
		return;
	if (w->ops->close != NULL)
		w->ops->close(w);
	state_walk_end(&w->cur.walk); /* of a run that was cut off */
	win_top_fini(w);
	win_due_fini(w);
	free(w->ahead.wm);
	free(w->fields_out);
	buf_fini(&w->row);
	free(w->scratch);
	free(w->signature);
	buf_fini(&w->key);
	expr_free(w->having);
	expr_free(w->top);
	expr_free(w->by);
	tz_free(w->tz);
	aggs_free(w->aggs);
	free(w);
}

int
win_start(void *self, struct op *op)
{
	struct win *w = self;
	int rc;

	if ((w->state = op_state(op)) == NULL)
		return FERR_NOMEM;
	if ((rc = w->ops->open(w, op)) != 0 || (rc = win_progress_open(w, op)) != 0)
		return rc;
	return w->spec.late != NULL ? op_side_open(op, &w->late, w->spec.late) : 0;
}

/* ---- results ---- */

static int
set_key(struct win *w, struct rowb *b, const struct state_key *k)
{
	struct val v[SCHEMA_KEY_MAX];
	int rc;

	if (w->nkey == 0)
		return 0;
	if ((rc = key_values(k->p, k->n, w->nkey, v)) != 0)
		return rc;
	for (unsigned i = 0; i < w->nkey && rc == 0; i++)
		rc = rowb_set(b, i, &v[i]);
	return rc;
}

static int
build_result(struct win *w, struct rowb *b, const struct state_key *k, const void *block,
	     int64_t start, int64_t end)
{
	unsigned f = w->nkey;
	struct val v;
	int rc;

	aggs_arena_reset(w->aggs);
	rc = set_key(w, b, k);

	if (w->fields && rc == 0) {
		v = val_time(start);
		rc = rowb_set(b, f++, &v);
		v = val_time(end);
		if (rc == 0)
			rc = rowb_set(b, f++, &v);
	}
	for (unsigned i = 0; i < aggs_n(w->aggs) && rc == 0; i++) {
		if ((rc = aggs_result(w->aggs, block, i, &v)) == 0)
			rc = rowb_set(b, f++, &v);
	}
	return rc;
}

int
win_build(struct win *w, struct op *op, struct buf *out, const struct state_key *k,
	  const void *block, int64_t start, int64_t end, int64_t time)
{
	struct expr_ctx ctx = { .schema = op_out_schema(op),
				.window_start = w->fields ? start : ROW_NOTIME,
				.window_end = w->fields ? end : ROW_NOTIME };
	struct rowb b;
	int rc;

	if ((rc = rowb_begin(&b, out, ctx.schema->n, ROW_INSERT, time)) != 0)
		return rc;
	if ((rc = build_result(w, &b, k, block, start, end)) != 0) {
		rowb_drop(&b);
		return rc;
	}
	if ((rc = rowb_end(&b)) != 0)
		return rc;
	if (ctx.schema->keyed)
		row_set_hash(out->p + b.at, k->hash);
	if (w->having != NULL) {
		ctx.row = out->p + b.at;
		expr_arena_reset(w->having);
		if ((rc = expr_test(w->having, &ctx)) <= 0) {
			out->n = b.at;
			return rc < 0 ? ferr_prefix(rc, "--having") : 0;
		}
	}
	return 1;
}

int
win_emit(struct win *w, struct op *op, const struct state_key *k, const void *block, int64_t start,
	 int64_t end, int64_t time)
{
	struct buf *out = w->top_n_rows != NULL ? w->top_n_rows : op_rows_buf(op);
	size_t at = out->n;
	int rc;

	if ((rc = win_build(w, op, out, k, block, start, end, time)) != 1)
		return rc;
	return w->top_n_rows != NULL ? win_top_add(w, op, at) : op_rows_done(op, at, 1);
}

/* A result that cannot be computed is a bad record; what is known of it is its key and window. */
static int
bad_result(struct win *w, struct op *op, const struct state_key *k, int64_t start, int64_t end)
{
	struct json_writer *json = NULL;
	struct buf row = BUF_INIT, text = BUF_INIT;
	struct rowb b;
	struct val v[2] = { val_time(start), val_time(end) };
	char reason[512];
	int rc;

	snprintf(reason, sizeof(reason), "%s", ferr_text());
	if ((rc = rowb_begin(&b, &row, op_out_schema(op)->n, ROW_INSERT, end)) == 0 &&
	    (rc = set_key(w, &b, k)) == 0) {
		for (unsigned i = 0; i < 2 && w->fields && rc == 0; i++)
			rc = rowb_set(&b, w->nkey + i, &v[i]);
	}
	if (rc == 0 && (rc = rowb_end(&b)) == 0 && (rc = json_writer_new(&json)) == 0 &&
	    (rc = json_write(json, op_out_schema(op), row.p, &text)) == 0)
		rc = op_bad(op, "result:1:1", reason, text.p, text.n);
	json_writer_free(json);
	buf_fini(&row);
	buf_fini(&text);
	return rc;
}

int
win_fire(struct win *w, struct op *op, const struct state_key *k, const void *block, int64_t start,
	 int64_t end, int64_t time)
{
	int rc = win_emit(w, op, k, block, start, end, time);

	return rc == FERR_DATA ? bad_result(w, op, k, start, end) : rc;
}

/* ---- records in ---- */

int
win_late(struct win *w, struct op *op, const uint8_t *row)
{
	w->nlate++;
	return w->late != NULL ? op_side_row(op, w->late, row) : 0;
}

static int
take_row(struct win *w, struct op *op, struct expr_ctx *ctx, const uint8_t *row, int64_t now)
{
	struct state_key k = { .hash = w->empty_hash };
	int64_t ts = now != ROW_NOTIME ? now : row_time(row);
	int rc;

	if (w->timed && (ts < TIME_LEAST || ts > TIME_MOST))
		return ts == ROW_NOTIME
			   ? ferr(FERR_DATA,
				  "the record has no event time, which %s; name its "
				  "field with fsource --time FIELD",
				  w->fields ? "windows by time need" : "first and last go by")
			   : ferr(FERR_DATA, "the record's event time is out of range");
	ctx->row = row;
	if ((rc = aggs_eval(w->aggs, ctx)) != 0)
		return rc;
	if (w->nkey != 0) {
		w->key.n = 0;
		if ((rc = key_bytes(ctx->schema, row, &w->key)) != 0)
			return rc;
		k.p = w->key.p;
		k.n = (uint32_t)w->key.n;
		k.hash = (row[7] & ROW_KEYED) != 0 ? row_hash(row) : key_hash(k.p, k.n);
	}
	w->row_wm = w->wm;
	if (w->ahead.wm != NULL && win_ahead_of(w, &k) > w->wm)
		w->row_wm = win_ahead_of(w, &k);
	return w->ops->add(w, op, row, ts, &k);
}

/*
 * Make the look-ups of the next rows ready: their slots, then their entries, so that the misses
 * overlap.  Returns where to do it again.
 */
#define AHEAD 16

static uint8_t *
look_ahead(struct win *w, uint8_t *row, uint8_t *end)
{
	int64_t ns = w->ops->timed ? w->hi : 0;
	uint8_t *r = row;

	for (unsigned n = 0; n < AHEAD && r < end; n++, r += row_len(r))
		state_prefetch(w->map, ns, row_hash(r));
	end = r;
	for (r = row; r < end; r += row_len(r))
		state_prefetch_entry(w->map, ns, row_hash(r));
	return end;
}

int
win_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	struct win *w = self;
	struct expr_ctx ctx = { .schema = op_schema(op) };
	uint8_t *row = *p, *ahead = row;
	int64_t now = ROW_NOTIME;
	int rc;

	if (w->spec.proc) {
		now = fio_wall_ms();
		if (now - 1 > w->wm)
			w->wm = now - 1;
		now = w->wm + 1;
		if ((rc = win_resume(w, op)) != 0)
			return rc == FERR_AGAIN ? 0 : rc;
	}
	while (row < end) {
		if (row >= ahead)
			ahead = look_ahead(w, row, end);
		rc = take_row(w, op, &ctx, row, now);
		if (rc == FERR_DATA)
			rc = op_bad_row(op, row, ferr_text());
		if (rc != 0)
			return rc;
		row += row_len(row);
		*p = row;
		w->nrows++;
		/* With --rank one record may move as many as are kept. */
		if (((w->nrows & 15) == 0 || w->fields_out != NULL) && op_full(op))
			return 0;
	}
	return w->spec.proc ? win_wake(w, op) : 0;
}

/* ---- firing ---- */

static int
emit_cursor(struct win *w, struct op *op, bool all)
{
	struct win_result r = { 0 };
	int rc;

	for (;;) {
		if (!all && (w->nresults & 15) == 15 && op_full(op))
			return FERR_AGAIN;
		if ((rc = w->ops->result(w, &r)) != 1)
			break;
		w->nresults++;
		rc = r.row != NULL ? win_give(w, op, r.row, ROW_INSERT, r.key.hash, 0)
				   : win_fire(w, op, &r.key, r.block, r.start, r.end, r.time);
		if (rc != 0)
			break;
	}
	state_walk_end(&w->cur.walk);
	return rc == 0 && w->spec.top_n != 0 ? win_top_flush(w, op) : rc;
}

int
win_fire_now(struct win *w, struct op *op)
{
	if (w->spec.top_n != 0)
		win_top_begin(w);
	return emit_cursor(w, op, true);
}

int
win_fire_due(struct win *w, struct op *op, bool all)
{
	int rc;

	for (;;) {
		if (!w->cur.active) {
			if ((rc = w->ops->next(w, op)) != 1)
				return rc != 0 ? rc : win_caught_up(w);
			if (!w->bound) /* restored, and the runtime has not told the schema again */
				return ferr(FERR_CORRUPT,
					    "windows of the restored state are due before their "
					    "schema is known");
			w->cur.active = true;
			if (w->spec.top_n != 0)
				win_top_begin(w);
		}
		if ((rc = emit_cursor(w, op, all)) != 0)
			return rc;
		w->cur.active = false;
		if ((rc = w->ops->done(w)) != 0)
			return rc;
	}
}

int
win_resume(void *self, struct op *op)
{
	return win_fire_due(self, op, false);
}

int
win_on_watermark(void *self, struct op *op, int64_t wm)
{
	struct win *w = self;

	if (w->spec.proc) /* pending windows of processing time are dropped at the end (C14) */
		return 0;
	if (wm <= w->wm) /* as restored */
		return 0;
	if (wm == WM_MAX) /* the end of input ages nothing */
		w->wm_before_end = w->wm;
	w->wm = wm;
	return win_resume(w, op);
}

/* Processing time: be woken when the next window ends. */
int
win_wake(struct win *w, struct op *op)
{
	int64_t due = w->ops->due != NULL && w->bound ? w->ops->due(w) : WIN_NEVER;

	if (due != WIN_NEVER)
		op_wake_at(op, fio_mono_ns() + (due - fio_wall_ms() + 1) * 1000000);
	return 0;
}

int
win_on_tick(void *self, struct op *op)
{
	struct win *w = self;
	int64_t now = fio_wall_ms();
	int rc;

	if (now - 1 > w->wm)
		w->wm = now - 1;
	if ((rc = win_resume(w, op)) == FERR_AGAIN) {
		op_wake_at(op, fio_mono_ns());
		return 0;
	}
	return rc != 0 ? rc : win_wake(w, op);
}

static void
warn_unseen(struct win *w, struct op *op)
{
	for (unsigned i = 0; i < aggs_nfields(w->aggs); i++)
		op_warn_unseen(op, op_schema(op), aggs_field(w->aggs, i));
	for (unsigned i = 0; w->by != NULL && i < expr_nfields(w->by); i++)
		op_warn_unseen(op, op_schema(op), expr_field(w->by, i));
}

static void
tell_late(struct win *w, struct op *op)
{
	uint64_t n = w->nlate - w->late_before;

	if (n > 0 && w->late == NULL)
		op_say(op, "%" PRIu64 " late records dropped", n);
	else if (n > 0)
		op_say(op, "%" PRIu64 " late records written to %s", n, w->spec.late);
	if (w->late_before > 0)
		op_verbose(op, "%" PRIu64 " late records in all runs", w->nlate);
}

int
win_on_end(void *self, struct op *op)
{
	struct win *w = self;

	tell_late(w, op);
	if (w->nrows > 0 && w->bound)
		warn_unseen(w, op);
	return 0;
}
