/* map_run: rows through the steps; see map.h. */
#include "map/map_internal.h"

#include "base/time.h"
#include "fmt/json.h"

/* Compute what the step assigns. */
static int
run_set(struct map *m, const struct step *s)
{
	int rc = 0;

	for (unsigned i = 0; i < s->nsets && rc == 0; i++) {
		const struct assign *a = &s->sets[i];

		expr_arena_reset(a->e);
		rc = expr_eval(a->e, &m->ctx, &m->made[a->made]);
	}
	return rc;
}

static int
run_time(struct map *m, const struct step *s)
{
	struct val v;
	int64_t ms;
	bool ok = false;
	int rc;

	expr_arena_reset(s->sets[0].e);
	if ((rc = expr_eval(s->sets[0].e, &m->ctx, &v)) != 0)
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
	m->time = ms;
	return 0;
}

static int
test(const struct step *s, const struct expr_ctx *ctx)
{
	expr_arena_reset(s->sets[0].e);
	return expr_test(s->sets[0].e, ctx);
}

static struct val
array_of(const struct map *m, const struct step *s)
{
	if (s->array < EXPR_MADE)
		return row_get(m->ctx.row, s->array);
	return s->array != EXPR_UNBOUND ? m->made[s->array - EXPR_MADE] : VAL_NULLV;
}

static int
begin_explode(struct map *m, struct step *s)
{
	struct val v = array_of(m, s);

	if (val_is_null(&v))
		return 0; /* no elements */
	if (json_count(&v) < 0)
		return ferr(FERR_DATA, "--explode: field '%s' holds a %s, not an array",
			    s->names.v[0], val_type_name(v.t));
	s->pos = 0;
	s->time = m->time;
	s->active = true;
	return 0;
}

/* Make the row that leaves, right in the output. */
static int
leave(struct map *m, struct op *op)
{
	const uint8_t *row = m->ctx.row;
	struct buf *out = op_rows_buf(op);
	size_t at = out->n;
	struct rowb w;
	int rc;

	if ((rc = rowb_begin(&w, out, m->slots[row_n(row)], row_kind(row), m->time)) != 0)
		return rc;
	rc = rowb_fields(&w, row, m->to);
	for (unsigned i = 0; i < m->nleaving && rc == 0; i++)
		rc = rowb_set(&w, m->leaving[i].field, &m->made[m->leaving[i].made]);
	if (rc != 0) {
		rowb_drop(&w);
		return rc;
	}
	if ((rc = rowb_end(&w)) != 0)
		return rc;
	if ((row[7] & ROW_KEYED) != 0)
		row_set_hash(out->p + at, row_hash(row));
	return op_rows_done(op, at, 1);
}

/* Take the row at hand through the steps from i on, up to an explode or the output. */
static int
run(struct map *m, struct op *op, unsigned i)
{
	int rc;

	for (; i < m->n; i++) {
		struct step *s = &m->steps[i];

		switch (s->kind) {
		case STEP_WHERE:
			if ((rc = test(s, &m->ctx)) <= 0)
				return rc;
			break;
		case STEP_SET:
			if ((rc = run_set(m, s)) != 0)
				return rc;
			break;
		case STEP_TIME:
			if ((rc = run_time(m, s)) != 0)
				return rc;
			break;
		case STEP_EXPLODE: return begin_explode(m, s);
		default: break; /* is in the plan */
		}
	}
	return leave(m, op);
}

/* Begin with a row.  One that is taken apart may have to outlive its place in the input. */
static int
take(struct map *m, struct op *op, const uint8_t *row)
{
	int rc;

	m->time = row_time(row);
	m->ctx = (struct expr_ctx){
		.row = row, .schema = op_schema(op), .made = m->made, .time = &m->time
	};
	if (m->explodes) {
		m->whole.n = 0;
		if ((rc = buf_put(&m->whole, row, row_len(row))) != 0)
			return rc;
		m->ctx.row = m->whole.p;
	}
	return run(m, op, 0);
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
	struct val array;
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
		array = array_of(m, s);
		s->arena.n = 0;
		if (!json_next(&array, &s->pos, &s->arena, &m->made[s->made])) {
			s->active = false;
			continue;
		}
		m->time = s->time;
		rc = run(m, op, i);
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
		for (unsigned i = 0; i < m->n && pass == 1; i++)
			pass = test(&m->steps[i], &ctx);
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
		if ((rc = take(m, op, *p)) != 0 && (rc = bad(m, op, rc)) != 0)
			return rc;
		if ((rc = drain(m, op)) == FERR_AGAIN)
			*p += row_len(*p);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
map_resume(void *self, struct op *op)
{
	return drain(self, op);
}

static int
map_on_end(void *self, struct op *op)
{
	struct map *m = self;

	for (unsigned i = 0; i < m->n && m->rows > 0; i++) {
		const struct step *s = &m->steps[i];

		for (unsigned k = 0; k < s->nsets; k++) {
			for (unsigned f = 0; f < expr_nfields(s->sets[k].e); f++) {
				const char *field = expr_field(s->sets[k].e, f);

				if (!map_step_sets(s, k, field))
					op_warn_unseen(op, s->in, field);
			}
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
	.resume = map_resume,
	.on_end = map_on_end,
};
