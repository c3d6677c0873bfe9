/*
 * t_agg -- lists of aggregates for tests: rows with a field of every type, blocks, results as text.
 */
#ifndef T_AGG_H
#define T_AGG_H

#include "expr/agg.h"
#include "t.h"

/* Fields of the test rows. */
enum { I, F, S, B, T_, K, M, NFIELDS };
static const char *const field_names[NFIELDS] = { "i", "f", "s", "b", "t", "k", "m" };
static struct schema schema;
static struct buf row_buf;

static void
need_schema(void)
{
	if (schema.n != 0)
		return;
	schema_init(&schema);
	for (unsigned i = 0; i < NFIELDS; i++)
		schema_add(&schema, field_names[i], strlen(field_names[i]));
}

static struct val
str(const char *s)
{
	return val_text(VAL_STR, s, strlen(s));
}

static const uint8_t *
make_row(const struct val *v)
{
	struct rowb w;

	row_buf.n = 0;
	rowb_begin(&w, &row_buf, NFIELDS, ROW_INSERT, 0);
	for (unsigned i = 0; i < NFIELDS; i++)
		rowb_set(&w, i, &v[i]);
	rowb_end(&w);
	return row_buf.p;
}

static struct aggs *
parse(const char *text)
{
	struct aggs *a = NULL;

	need_schema();
	if (aggs_parse(&a, text) != 0 || aggs_bind(a, &schema) != 0) {
		printf("Bail out! %s: %s\n", text, ferr_text());
		exit(1);
	}
	return a;
}

static void *
new_block(const struct aggs *a)
{
	return calloc(1, aggs_size(a));
}

static void
drop_block(struct aggs *a, void *block)
{
	aggs_fini(a, block);
	free(block);
}

static int
eval_row(struct aggs *a, const struct val *v)
{
	struct expr_ctx c = { .row = make_row(v), .schema = &schema };

	return aggs_eval(a, &c);
}

static int
add_row(struct aggs *a, void *block, const struct val *v)
{
	int rc = eval_row(a, v);

	return rc != 0 ? rc : aggs_add(a, block);
}

/* Add one value in field `at`, all others absent. */
static int
add_one(struct aggs *a, void *block, unsigned at, struct val v)
{
	struct val row[NFIELDS] = { 0 };

	row[at] = v;
	return add_row(a, block, row);
}

/* Result i as JSON text. */
static const char *
result(struct aggs *a, const void *block, unsigned i)
{
	static struct buf out[8];
	static unsigned turn;
	struct buf *b = &out[turn++ % 8];
	struct val v;
	int rc = aggs_result(a, block, i, &v);

	b->n = 0;
	if (rc != 0)
		buf_printf(b, "error %d: %s", rc, ferr_text());
	else
		val_json(&v, b);
	return buf_cstr(b);
}

#endif
