/* join: the part that all kinds of joins share; see join.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/unit.h"
#include "join/join_internal.h"

/* ---- making one ---- */

static int
put_time(struct buf *b, const char *before, int64_t ms)
{
	char text[48];

	return buf_printf(b, "%s%s", before,
			  ms == JOIN_EVER ? "inf" : unit_print_duration(ms, text));
}

static int
put_kind(const struct join_spec *s, struct buf *b)
{
	static const char *const windows[] = { "tumble ", "slide ", "cumulate ", "session " };
	int rc = 0;

	switch (s->kind) {
	case JOIN_WITHIN:
		rc = put_time(b, "within ", s->lo);
		return rc != 0 ? rc : put_time(b, "..", s->hi);
	case JOIN_WINDOW:
		if ((rc = put_time(b, windows[s->window], s->size)) != 0 || s->slide == s->size)
			return rc;
		return put_time(b, "/", s->slide);
	case JOIN_ASOF: return put_time(b, "asof ", s->back);
	case JOIN_REGULAR: return put_time(b, "ttl ", s->ttl);
	default: return buf_puts(b, "lookup");
	}
}

/* What gives state its meaning: `within -10s..10s left on id`. */
static int
sign(struct join *j)
{
	static const char *const types[] = {
		" inner", " left", " right", " full", " semi", " anti"
	};
	const struct join_spec *s = &j->spec;
	struct buf b = BUF_INIT;
	int rc = put_kind(s, &b);

	if (rc == 0)
		rc = buf_puts(&b, types[s->type]);
	if (rc == 0)
		rc = s->on != NULL ? buf_printf(&b, " on %s", s->on)
				   : buf_printf(&b, " on %s=%s", s->left_on, s->right_on);
	if (rc == 0 && s->match != NULL)
		rc = buf_printf(&b, " match %s", s->match);
	if (rc == 0 && (j->signature = strndup((const char *)b.p, b.n)) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	buf_fini(&b);
	return rc;
}

int
join_new(struct join **out, const struct join_spec *spec)
{
	static const struct join_kind_ops *const ops[] = {
		NULL,		&join_within_ops,  &join_window_ops,
		&join_asof_ops, &join_regular_ops, &join_lookup_ops
	};
	struct join *j;
	int rc = join_check(spec);

	if (rc != 0)
		return rc;
	if ((j = calloc(1, sizeof(*j))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	j->spec = *spec;
	j->ops = ops[spec->kind];
	j->wm = WM_MIN;
	if ((rc = join_keys_new(j)) != 0 || (rc = join_out_new(j)) != 0 || (rc = sign(j)) != 0) {
		join_free(j);
		return rc;
	}
	*out = j;
	return 0;
}

void
join_free(struct join *j)
{
	if (j == NULL)
		return;
	if (j->ops->close != NULL)
		j->ops->close(j);
	join_keys_free(j);
	join_out_free(j);
	free(j->signature);
	buf_fini(&j->keys);
	free(j);
}

/* ---- what the planner must know ---- */

static void
reads_of(struct op_facts *f, const struct expr *e)
{
	for (unsigned i = 0; e != NULL && i < expr_nfields(e); i++)
		op_reads(f, expr_field(e, i));
}

/*
 * Is the key of the inputs given out, in every row?  Right rows alone have it when --on names it.
 * Under --select it has to be there under its own name.  With a table the key is whatever the left
 * input has, which l.* keeps.
 */
static bool
gives_key(const struct join *j)
{
	const char *last, *joined;

	if (join_pads(j, RIGHT) && j->spec.on == NULL)
		return false;
	for (unsigned i = 0; i < j->out.nitems && j->spec.table != NULL; i++) {
		if (j->out.item[i].all && j->out.item[i].side == LEFT)
			return true;
	}
	if (j->spec.table != NULL)
		return false;
	for (unsigned k = 0; k < j->nkey; k++) {
		bool found = false;

		if (!j->plain[LEFT] || !expr_is_path(j->key[LEFT][k], &last, &joined))
			return false;
		for (unsigned i = 0; i < j->out.nitems && !found; i++) {
			const struct join_item *it = &j->out.item[i];
			const char *path;

			if (it->all)
				found = it->side == LEFT;
			else
				found = strcmp(it->name, last) == 0 &&
					expr_is_path(it->e, &path, &joined) &&
					!expr_field_right(it->e, 0) && strcmp(joined, last) == 0;
		}
		/* l.* and NAME = something else */
		for (unsigned i = 0; i < j->out.nitems && found; i++) {
			const struct join_item *it = &j->out.item[i];

			if (!it->all && strcmp(it->name, last) == 0)
				found = expr_is_path(it->e, &joined, &joined) &&
					!expr_field_right(it->e, 0);
		}
		if (!found || (join_pads(j, RIGHT) && j->spec.select != NULL))
			return false;
	}
	return true;
}

static void
join_describe(void *self, struct op_facts *f)
{
	const struct join *j = self;

	f->stateful = j->spec.kind != JOIN_LOOKUP || j->spec.table == NULL;
	f->unkeys = !gives_key(j);
	f->side[0] = j->spec.late;
	f->selects = true;
	for (unsigned i = 0; i < j->nkey; i++) {
		reads_of(f, j->key[LEFT][i]);
		reads_of(f, j->key[RIGHT][i]);
	}
	reads_of(f, j->match);
	for (unsigned i = 0; i < j->out.nitems; i++) {
		f->passes = f->passes || j->out.item[i].all;
		reads_of(f, j->out.item[i].e);
	}
}

static const char *
join_signature(void *self)
{
	return ((const struct join *)self)->signature;
}

/* ---- start, schemas, restore ---- */

static int
join_start(void *self, struct op *op)
{
	struct join *j = self;
	int rc;

	if ((j->state = op_state(op)) == NULL)
		return FERR_NOMEM;
	j->out.keyed = gives_key(j);
	if ((rc = op_number(op, "watermark", SNAP_MIN, &j->number.wm)) != 0 ||
	    (rc = op_number(op, "late", SNAP_SUM, &j->number.late)) != 0 ||
	    (rc = op_number(op, "late.told", SNAP_SUM, &j->number.told)) != 0 ||
	    (rc = op_number(op, "arrivals", SNAP_MAX, &j->number.arrivals)) != 0)
		return rc;
	*j->number.wm = WM_MIN;
	if ((rc = j->ops->open(j, op)) != 0)
		return rc;
	return j->spec.late != NULL ? op_side_open(op, &j->late, j->spec.late) : 0;
}

/* Joins by time want records that stay; the others say themselves what they do. */
static int
check_changing(const struct join *j, const struct op *op, unsigned side)
{
	/* What a table that is read again has given out could not be found again. */
	bool again = side == LEFT && j->spec.refresh != 0;
	bool takes = j->spec.kind == JOIN_REGULAR || (j->spec.kind == JOIN_LOOKUP && !again) ||
		     (j->spec.kind == JOIN_ASOF && side == RIGHT);

	if (!op_schema_of(op, side)->changing || takes)
		return 0;
	return ferr(FERR_USAGE,
		    "the %s input is a changing stream, and %s cannot take a record back: use "
		    "--ttl, or join before what makes it changing",
		    side == LEFT ? "left" : "right", again ? "--refresh" : j->spec.kind_option);
}

static int
join_on_schema(void *self, struct op *op)
{
	struct join *j = self;
	unsigned side = op_input(op);
	int rc;

	if ((rc = check_changing(j, op, side)) != 0 || (rc = join_keys_schema(j, op, side)) != 0)
		return rc;
	return join_out_schema(j, op);
}

static int
join_on_barrier(void *self, struct op *op, const struct barrier *b)
{
	struct join *j = self;

	(void)op;
	*j->number.wm = j->wm;
	*j->number.late = (int64_t)j->nlate;
	*j->number.arrivals = j->arrivals;
	if ((b->flags & (BARRIER_FINAL | BARRIER_STOP | BARRIER_DRAIN)) != 0)
		*j->number.told = (int64_t)j->nlate;
	return 0;
}

static int
join_on_restored(void *self, struct op *op, uint64_t *equal)
{
	struct join *j = self;

	(void)equal;
	j->wm = *j->number.wm;
	j->nlate = (uint64_t)*j->number.late;
	j->late_before = (uint64_t)*j->number.told;
	j->arrivals = *j->number.arrivals;
	return j->ops->restored != NULL ? j->ops->restored(j, op) : 0;
}

/* ---- records ---- */

int
join_late(struct join *j, struct op *op, const uint8_t *row)
{
	j->nlate++;
	return j->late != NULL ? op_side_row(op, j->late, row) : 0;
}

static int
check_time(const struct join *j, int64_t time)
{
	if (!j->ops->timed || join_time_ok(time))
		return 0;
	return time == ROW_NOTIME
		   ? ferr(FERR_DATA,
			  "the record has no event time, which %s needs; name its field "
			  "with fsource --time FIELD",
			  j->spec.kind_option)
		   : ferr(FERR_DATA, "the record's event time is out of range");
}

/* The keys of the next rows, and what their look-ups need, so that the misses overlap. */
static int
look_ahead(struct join *j, unsigned side, uint8_t *row, uint8_t *end)
{
	size_t at[JOIN_AHEAD];
	int rc = 0;

	j->keys.n = 0;
	for (j->nahead = j->iahead = 0; j->nahead < JOIN_AHEAD && row < end && rc == 0;
	     row += row_len(row)) {
		struct join_row *r = &j->ahead[j->nahead];

		*r = (struct join_row){ .row = row, .side = side, .time = row_time(row) };
		at[j->nahead++] = j->keys.n;
		rc = join_key_bytes(j, side, row, &j->keys, &r->null);
		r->key.n = (uint32_t)(j->keys.n - at[j->nahead - 1]);
	}
	for (unsigned i = 0; i < j->nahead && rc == 0; i++) {
		struct join_row *r = &j->ahead[i];

		r->key.p = j->keys.p + at[i];
		r->key.hash = key_hash(r->key.p, r->key.n);
		if (j->ops->prefetch != NULL)
			j->ops->prefetch(j, r, false);
	}
	for (unsigned i = 0; i < j->nahead && rc == 0 && j->ops->prefetch != NULL; i++)
		j->ops->prefetch(j, &j->ahead[i], true);
	return rc;
}

static int
join_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	struct join *j = self;
	unsigned side = op_input(op);
	uint8_t *row;
	int rc;

	j->nahead = j->iahead = 0; /* what was ready may lie elsewhere by now */
	while ((row = *p) < end) {
		if (j->iahead == j->nahead && (rc = look_ahead(j, side, row, end)) != 0)
			return rc;
		if ((rc = check_time(j, row_time(row))) == 0)
			rc = j->ops->add(j, op, &j->ahead[j->iahead]);
		if (rc == FERR_DATA && !j->told)
			rc = op_bad_row(op, row, ferr_text());
		if (rc != 0 && rc != FERR_AGAIN)
			return rc;
		j->iahead++;
		*p = row + row_len(row);
		if (rc == FERR_AGAIN || join_full(j, op))
			return rc;
	}
	return 0;
}

static int
join_on_watermark(void *self, struct op *op, int64_t wm)
{
	struct join *j = self;

	/* As restored; a look-up asks what the right input says. */
	if (wm <= j->wm && j->spec.kind != JOIN_LOOKUP)
		return 0;
	j->wm = wm > j->wm ? wm : j->wm;
	return j->ops->mark != NULL ? j->ops->mark(j, op) : 0;
}

static int
join_resume(void *self, struct op *op)
{
	struct join *j = self;

	return j->ops->resume(j, op);
}

static int
join_on_tick(void *self, struct op *op)
{
	struct join *j = self;

	return j->ops->tick != NULL ? j->ops->tick(j, op) : 0;
}

static void
warn_unseen(struct join *j, struct op *op)
{
	for (unsigned side = 0; side < 2; side++) {
		const struct schema *s = op_schema_of(op, side);

		for (unsigned i = 0; i < j->nkey && s->n > 0; i++)
			op_warn_unseen(op, s, expr_field(j->key[side][i], 0));
	}
}

static int
join_on_end(void *self, struct op *op)
{
	struct join *j = self;
	uint64_t n = j->nlate - j->late_before;

	if (n > 0 && j->late == NULL)
		op_say(op, "%" PRIu64 " late records dropped", n);
	else if (n > 0)
		op_say(op, "%" PRIu64 " late records written to %s", n, j->spec.late);
	if (j->late_before > 0)
		op_verbose(op, "%" PRIu64 " late records in all runs", j->nlate);
	warn_unseen(j, op);
	return j->ops->end != NULL ? j->ops->end(j, op) : join_out_settle(j, op);
}

const struct op_class join_class = {
	.name = "fjoin",
	.inputs = 2,
	.start = join_start,
	.on_schema = join_on_schema,
	.on_rows = join_on_rows,
	.on_watermark = join_on_watermark,
	.resume = join_resume,
	.on_tick = join_on_tick,
	.on_end = join_on_end,
	.describe = join_describe,
	.signature = join_signature,
	.on_restored = join_on_restored,
	.on_barrier = join_on_barrier,
};
