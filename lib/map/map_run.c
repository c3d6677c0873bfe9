/* map_run: rows through the steps; see map.h. */
#include "map/map_internal.h"

#include "base/time.h"
#include "fmt/json.h"

/* The row under the step's outgoing schema, with n values in place of what the fields in at[] hold.
 */
static int
rebuild(struct step *s, const uint8_t *row, const struct val *v, const int *at, unsigned n)
{
	struct rowb w;
	struct val old;
	int rc;

	s->row.n = 0;
	if ((rc = rowb_begin(&w, &s->row, s->slots[row_n(row)], row_kind(row), row_time(row))) != 0)
		return rc;
	for (unsigned i = 0; i < row_n(row) && rc == 0; i++) {
		bool replaced = s->map[i] < 0;

		for (unsigned k = 0; k < n && !replaced; k++)
			replaced = at[k] == s->map[i];
		old = row_raw(row, i);
		if (!replaced && old.t != VAL_ABSENT)
			rc = rowb_set(&w, (unsigned)s->map[i], &old);
	}
	for (unsigned k = 0; k < n && rc == 0; k++)
		rc = rowb_set(&w, (unsigned)at[k], &v[k]);
	if (rc != 0) {
		rowb_drop(&w);
		return rc;
	}
	if ((rc = rowb_end(&w)) == 0 && (row[7] & ROW_KEYED) != 0)
		row_set_hash(s->row.p, row_hash(row));
	return rc;
}

static int
run_set(struct step *s, const struct expr_ctx *ctx)
{
	struct val v[SETS_MAX];
	int at[SETS_MAX], rc;

	for (unsigned i = 0; i < s->nsets; i++) {
		expr_arena_reset(s->sets[i].e);
		if ((rc = expr_eval(s->sets[i].e, ctx, &v[i])) != 0)
			return rc;
		at[i] = s->sets[i].field;
	}
	return rebuild(s, ctx->row, v, at, s->nsets);
}

static int
run_time(struct step *s, const struct expr_ctx *ctx)
{
	struct val v;
	int64_t ms;
	bool ok = false;
	int rc;

	expr_arena_reset(s->sets[0].e);
	if ((rc = expr_eval(s->sets[0].e, ctx, &v)) != 0)
		return rc;
	switch (v.t) {
	case VAL_TIME:
		ms = v.i;
		ok = true;
		break;
	case VAL_I64: ok = time_of_i64(v.i, &ms); break;
	case VAL_F64: ok = time_of_f64(v.f, &ms); break;
	case VAL_STR: ok = time_parse(v.s, v.n, NULL, NULL, &ms); break;
	default: break;
	}
	if (!ok)
		return ferr(FERR_DATA, "--time: the field holds no time");
	s->row.n = 0;
	if ((rc = buf_put(&s->row, ctx->row, row_len(ctx->row))) == 0)
		row_set_time(s->row.p, ms);
	return rc;
}

static int
begin_explode(struct step *s, const uint8_t *row)
{
	struct val v = s->field < 0 ? VAL_NULLV : row_get(row, (unsigned)s->field);

	if (val_is_null(&v))
		return 0; /* no elements */
	if (json_count(&v) < 0)
		return ferr(FERR_DATA, "--explode: field '%s' holds a %s, not an array",
			    s->names.v[0], val_type_name(v.t));
	s->whole.n = s->pos = 0;
	s->active = true;
	return buf_put(&s->whole, row, row_len(row));
}

/* Send a row through the steps from i on, up to an explode or the output. */
static int
run(struct map *m, struct op *op, unsigned i, const uint8_t *row)
{
	struct expr_ctx ctx = { .row = row };
	int rc;

	for (; i < m->n; i++) {
		struct step *s = &m->steps[i];

		ctx.row = row;
		ctx.schema = s->in;
		switch (s->kind) {
		case STEP_WHERE:
			expr_arena_reset(s->sets[0].e);
			if ((rc = expr_test(s->sets[0].e, &ctx)) <= 0)
				return rc;
			continue;
		case STEP_SET: rc = run_set(s, &ctx); break;
		case STEP_TIME: rc = run_time(s, &ctx); break;
		case STEP_EXPLODE: return begin_explode(s, row);
		default: rc = rebuild(s, row, NULL, NULL, 0); break;
		}
		if (rc != 0)
			return rc;
		row = s->row.p;
	}
	return op_forward(op, row, row + row_len(row));
}

/* A row that cannot be computed. */
static int
bad(struct map *m, struct op *op, int rc)
{
	return rc == FERR_DATA ? op_bad_row(op, m->row, ferr_text()) : rc;
}

/* Go on with the innermost explode until all are done: 0, or FERR_AGAIN when the output is full. */
static int
drain(struct map *m, struct op *op)
{
	struct step *s;
	struct val whole, elem;
	unsigned i;
	int rc;

	for (;;) {
		for (i = m->n; i > 0 && !m->steps[i - 1].active; i--)
			;
		if (i == 0)
			return 0;
		if (op_full(op))
			return FERR_AGAIN;
		s = &m->steps[i - 1];
		whole = row_raw(s->whole.p, (unsigned)s->field);
		s->arena.n = 0;
		if (!json_next(&whole, &s->pos, &s->arena, &elem)) {
			s->active = false;
			continue;
		}
		rc = rebuild(s, s->whole.p, &elem, &s->map[s->field], 1);
		if (rc == 0)
			rc = run(m, op, i, s->row.p);
		if (rc != 0 && (rc = bad(m, op, rc)) != 0)
			return rc;
	}
}

/* --where alone: runs of rows that pass are forwarded as they are. */
static int
filter(struct map *m, struct op *op, uint8_t **p, uint8_t *end)
{
	struct expr_ctx ctx = { .schema = op_schema(op) };
	uint8_t *row, *from = *p;
	int rc = 0, pass;

	for (row = *p; row < end; row += row_len(row)) {
		ctx.row = m->row = row;
		pass = 1;
		for (unsigned i = 0; i < m->n && pass == 1; i++) {
			expr_arena_reset(m->steps[i].sets[0].e);
			pass = expr_test(m->steps[i].sets[0].e, &ctx);
		}
		if (pass == 1)
			continue;
		if (row > from && (rc = op_forward(op, from, row)) != 0)
			return rc;
		from = row + row_len(row);
		if (pass < 0 && (rc = bad(m, op, pass)) != 0)
			return rc;
	}
	if (row > from)
		rc = op_forward(op, from, row);
	*p = end;
	return rc;
}

static int
map_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	struct map *m = self;
	int rc;

	m->rows++;
	if (m->filter_only)
		return filter(m, op, p, end);
	for (; *p < end; *p += row_len(*p)) {
		m->row = *p;
		if (!m->open && (rc = run(m, op, 0, *p)) != 0 && (rc = bad(m, op, rc)) != 0)
			return rc;
		m->open = true;
		if ((rc = drain(m, op)) != 0)
			return rc == FERR_AGAIN ? 0 : rc; /* this row is not done yet */
		m->open = false;
	}
	return 0;
}

static int
map_on_end(void *self, struct op *op)
{
	struct map *m = self;

	for (unsigned i = 0; i < m->n && m->rows > 0; i++) {
		const struct step *s = &m->steps[i];

		for (unsigned k = 0; k < s->nsets; k++) {
			for (unsigned f = 0; f < expr_nfields(s->sets[k].e); f++)
				op_warn_unseen(op, s->in, expr_field(s->sets[k].e, f));
		}
		for (size_t k = 0; k < s->names.n; k += s->kind == STEP_RENAME ? 2 : 1)
			op_warn_unseen(op, s->in, s->names.v[k]);
	}
	return 0;
}

const struct op_class map_class = {
	.name = "fmap",
	.describe = map_describe,
	.on_schema = map_on_schema,
	.on_rows = map_on_rows,
	.on_end = map_on_end,
};
