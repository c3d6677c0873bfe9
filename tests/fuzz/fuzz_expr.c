/*
 * fuzz_expr: any text parses, binds and evaluates over a fixed row without a crash or a leak;
 *evaluation gives the same twice, and the value can be printed.
 *
 *	clang -fsanitize=fuzzer,address,undefined ... tests/fuzz/fuzz_expr.c lib/...; ./fuzz_expr
 *tests/fuzz/corpus/expr
 */
#include <stdlib.h>

#include "base/text.h"
#include "expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct schema schema;
static struct buf rows;

static void
make_row(void)
{
	static const struct {
		const char *name;
		struct val v;
	} f[] = {
		{ "i", { .t = VAL_I64, .i = 7 } },
		{ "f", { .t = VAL_F64, .f = 2.5 } },
		{ "b", { .t = VAL_BOOL, .i = 1 } },
		{ "n", { .t = VAL_NULL } },
		{ "t", { .t = VAL_TIME, .i = 1767608430123 } },
		{ "s", { .t = VAL_STR, .n = 6, .s = "h\xc3\xa9llo" } },
		{ "y",
		  { .t = VAL_BYTES,
		    .n = 3,
		    .s = "a\xff"
			 "b" } },
		{ "c", { .t = VAL_CELL, .n = 2, .s = "42" } },
		{ "j",
		  { .t = VAL_JSON,
		    .n = 44,
		    .s = "{\"a\":{\"b\":[1,2.5,\"x\\\"y\",null]},\"k\":\"\\u0041\"}" } },
		{ "l", { .t = VAL_JSON, .n = 19, .s = "[1,\"two\",[3],{},-4]" } },
		{ "g", { .t = VAL_JSON, .n = 21, .s = "123456789012345678901" } },
	};
	struct rowb w;

	schema_init(&schema);
	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++)
		schema_add(&schema, f[i].name, strlen(f[i].name));
	schema.keyed = true;
	schema.nkey = 2;
	schema.key[1] = 5;
	rowb_begin(&w, &rows, schema.n, ROW_INSERT, 1767608430123);
	for (unsigned i = 0; i < schema.n; i++) {
		struct val v = f[i].v;

		if (v.t == VAL_JSON)
			v.n = (uint32_t)strlen(v.s);
		rowb_set(&w, i, &v);
	}
	rowb_end(&w);
}

/* The outcome as text: the value, or the reason why there is none. */
static void
outcome(struct expr *e, const struct expr_ctx *c, struct buf *out)
{
	struct val v;
	int rc = expr_eval(e, c, &v);

	if (rc == FERR_DATA) {
		buf_puts(out, ferr_text());
		return;
	}
	if (rc != 0 || v.t == VAL_ABSENT || v.t >= VAL_CELL)
		abort();
	if (v.t == VAL_STR && !utf8_ok((const uint8_t *)v.s, v.n))
		abort();
	if (val_json(&v, out) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct expr_ctx c = { .window_start = 0, .window_end = 60000 };
	struct buf a = BUF_INIT, b = BUF_INIT;
	unsigned flags = size > 0 ? data[0] & 7u : 0;
	struct expr *e;

	if (rows.p == NULL)
		make_row();
	c.row = c.right = rows.p;
	c.schema = &schema;
	if (size == 0)
		return 0;
	if (expr_parse(&e, (const char *)data + 1, size - 1, flags) != 0)
		return 0;
	expr_bind(e, &schema);
	expr_bind_right(e, &schema);
	outcome(e, &c, &a);
	expr_arena_reset(e);
	outcome(e, &c, &b);
	if (a.n != b.n || (a.n != 0 && memcmp(a.p, b.p, a.n) != 0))
		abort();
	expr_free(e);
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}
