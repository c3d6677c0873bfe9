/* Tests of lib/expr/agg*.c: every rule of agg.h, and each aggregate against a plain computation. */
#include "expr/agg.h"

#include <math.h>
#include <stdbool.h>

#include "t.h"

/* -- rows and lists -------------------------------------------------------------------------- */

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

static double
result_f64(struct aggs *a, const void *block, unsigned i)
{
	struct val v = VAL_NULLV;

	aggs_result(a, block, i, &v);
	return v.t == VAL_F64 ? v.f : v.t == VAL_I64 ? (double)v.i : NAN;
}

static int64_t
result_i64(struct aggs *a, const void *block, unsigned i)
{
	struct val v = VAL_NULLV;

	aggs_result(a, block, i, &v);
	return v.t == VAL_I64 ? v.i : INT64_MIN;
}

static void
encode(const struct aggs *a, const void *block, struct buf *out)
{
	out->n = 0;
	if (aggs_encode(a, block, out) != 0)
		T_FAIL("encode: %s", ferr_text());
}

/* A pseudo-random sequence (splitmix64). */
static uint64_t seed;

static uint64_t
rnd(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static double
rnd01(void)
{
	return (double)(rnd() >> 11) * 0x1p-53;
}

/* -- parsing --------------------------------------------------------------------------------- */

static void
check_error(const char *text, const char *want)
{
	struct aggs *a = NULL;
	int rc = aggs_parse(&a, text);

	T_INT(rc, FERR_USAGE);
	if (strstr(ferr_text(), want) == NULL)
		T_FAIL("%s: '%s' is not in the message:\n%s", text, want, ferr_text());
	if (rc == 0)
		aggs_free(a);
}

T(names_and_sizes)
{
	struct aggs *a = parse("n=count(), total=sum(.i), p = quantile(.f, 0.99), count(), "
			       "avg(.a.b), count(.b), top(3, .i, .s)");

	T_INT(aggs_n(a), 7);
	T_STR(aggs_name(a, 0), "n");
	T_STR(aggs_name(a, 1), "total");
	T_STR(aggs_name(a, 2), "p");
	T_STR(aggs_name(a, 3), "count");
	T_STR(aggs_name(a, 4), "avg_a_b");
	T_STR(aggs_name(a, 5), "count_b");
	T_STR(aggs_name(a, 6), "top_s");
	T_INT(aggs_size(a) % 8, 0);
	T_INT(aggs_nfields(a), 5);
	T_STR(aggs_field(a, 0), "i");
	T_STR(aggs_field(a, 2), "a");
	aggs_free(a);
	a = parse("count");
	T_STR(aggs_name(a, 0), "count");
	T_INT(aggs_size(a), 8);
	T_INT(aggs_nfields(a), 0);
	T_OK(aggs_plain(a));
	aggs_free(a);
	aggs_free(NULL);
}

T(signature_is_canonical)
{
	struct aggs *a = parse(
	    "  n = count( ) ,s=sum( .i +  1 ),q=quantile(.f,1),c=count(.b and  .s == 'a  b')");
	struct aggs *b =
	    parse("n=count(), s=sum(.i+1), q=quantile(.f, 1.0), c=count(.b and .s=='a  b')");

	T_STR(aggs_signature(a),
	      "n=count(), s=sum(.i+1), q=quantile(.f,1.0), c=count(.b and .s=='a  b')");
	T_STR(aggs_signature(a), aggs_signature(b));
	aggs_free(a);
	aggs_free(b);
	a = parse("median(.f), t=top(3, .i, .s)");
	T_STR(aggs_signature(a), "median_f=median(.f), t=top(3,.i,.s)");
	aggs_free(a);
}

T(flags_of_lists)
{
	static const struct {
		const char *text;
		bool plain;
	} rows[] = {
		{ "count(), sum(.i), avg(.i), stddev(.i), any(.b), all(.b)", true },
		{ "min(.i), max(.i), distinct(.i), approx_distinct(.i), quantile(.i, 0.5)", false },
		{ "first(.i)", false },
		{ "last(.i)", false },
		{ "collect(.i)", false },
		{ "count(), top(1, .i, .i)", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct aggs *a = parse(rows[i].text);

		T_INT(aggs_plain(a), rows[i].plain);
		aggs_free(a);
	}
}

T(errors_teach)
{
	check_error("n=cout()",
		    "unknown aggregate 'cout'; did you mean 'count'?\n  n=cout()\n    ^");
	check_error("count(), x=mean(.i)", "did you mean 'avg'?");
	check_error("x=zzzzzz(.i)", "there are count, sum,");
	check_error("sum(amount)", "did you mean .amount?\n  sum(amount)\n      ^");
	check_error("sum(.i + 1)", "needs a name: NAME=sum(.i + 1)");
	check_error("sum()", "written sum(EXPR)");
	check_error("sum(.i, .f)", "written sum(EXPR)");
	check_error("quantile(.i)", "written quantile(EXPR, Q)");
	check_error("quantile(.i, 99)", "did you mean 0.99?");
	check_error("quantile(.i, .k)", "from 0 to 1");
	check_error("quantile(.i, 1.5.2)", "from 0 to 1");
	check_error("top(0, .i, .s)", "from 1 to");
	check_error("top(.i, 3, .s)", "from 1 to");
	check_error("count(*)", "count()");
	check_error("", "empty");
	check_error("  ", "empty");
	check_error("count(),,", "','");
	check_error("n=", "missing here");
	check_error("sum", "'(' is missing");
	check_error("sum(.i) / count()", "nothing can follow");
	check_error("sum(.i", "");
	check_error("sum(.i +)", "");
	check_error("count(), count()", "two aggregates are called 'count'");
	check_error("a=count(), a=sum(.i)", "two aggregates are called 'a'");
}

/* -- each aggregate -------------------------------------------------------------------------- */

/* Add values of one field to one aggregate and compare the result. */
static void
check_values(const char *text, unsigned field, const struct val *v, size_t n, const char *want)
{
	struct aggs *a = parse(text);
	void *block = new_block(a);

	for (size_t i = 0; i < n; i++) {
		if (add_one(a, block, field, v[i]) != 0)
			T_FAIL("%s: %s", text, ferr_text());
	}
	if (strcmp(result(a, block, 0), want) != 0)
		T_FAIL("%s is %s, not %s", text, result(a, block, 0), want);
	drop_block(a, block);
	aggs_free(a);
}

#define CHECK(text, field, want, ...)                                                     \
	do {                                                                              \
		const struct val list_[] = { VAL_NULLV, __VA_ARGS__ };                    \
		check_values(text, field, list_, sizeof(list_) / sizeof(list_[0]), want); \
	} while (0)

T(of_nothing)
{
	static const char *const rows[][2] = {
		{ "count(.b)", "0" },		{ "sum(.i)", "null" },
		{ "avg(.i)", "null" },		{ "min(.i)", "null" },
		{ "max(.i)", "null" },		{ "first(.i)", "null" },
		{ "last(.i)", "null" },		{ "stddev(.i)", "null" },
		{ "stddev_pop(.i)", "null" },	{ "distinct(.i)", "0" },
		{ "approx_distinct(.i)", "0" }, { "quantile(.i,0.5)", "null" },
		{ "median(.i)", "null" },	{ "collect(.i)", "[]" },
		{ "top(2,.i,.s)", "[]" },	{ "any(.b)", "null" },
		{ "all(.b)", "null" },
	};
	struct val nothing[2] = { VAL_NULLV, { .t = VAL_ABSENT } };

	check_values("count()", I, nothing, 2, "2");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_values(rows[i][0], I, nothing, 0, rows[i][1]);
		check_values(rows[i][0], I, nothing, 2, rows[i][1]);
	}
}

T(counts_and_conditions)
{
	CHECK("count(.b)", B, "2", val_bool(true), val_bool(false), val_bool(true));
	CHECK("any(.b)", B, "true", val_bool(false), val_bool(true));
	CHECK("any(.b)", B, "false", val_bool(false));
	CHECK("all(.b)", B, "false", val_bool(false), val_bool(true));
	CHECK("all(.b)", B, "true", val_bool(true), val_bool(true));
	CHECK("n=count(.i > 1)", I, "2", val_i64(1), val_i64(2), val_f64(2.5));
}

T(sums)
{
	CHECK("sum(.i)", I, "6", val_i64(1), val_i64(2), val_i64(3));
	CHECK("sum(.i)", I, "6.0", val_i64(1), val_f64(2), val_i64(3));
	CHECK("sum(.i)", I, "9007199254740996.0", val_i64(9007199254740993), val_f64(2.5));
	CHECK("sum(.f)", F, "2.0", val_f64(1), val_f64(1e100), val_f64(1), val_f64(-1e100));
	CHECK("avg(.i)", I, "2.0", val_i64(1), val_i64(2), val_i64(3));
	CHECK("avg(.i)", I, "9223372036854776000.0", val_i64(INT64_MAX), val_i64(INT64_MAX));
	CHECK("sum(.i)", I, "-9223372036854775808", val_i64(INT64_MIN), val_i64(1), val_i64(-1));
	CHECK("sum(.i)", I, "9223372036854775807", val_i64(INT64_MAX));
	/* A CSV cell is what it resolves to. */
	CHECK("sum(.i)", I, "12", val_text(VAL_CELL, "5", 1), val_text(VAL_CELL, "7", 1),
	      val_text(VAL_CELL, "", 0));
}

T(sum_overflow_is_a_bad_record)
{
	struct aggs *a = parse("n=count(), s=sum(.i), m=max(.i)");
	void *block = new_block(a);

	T_INT(add_one(a, block, I, val_i64(INT64_MAX)), 0);
	T_INT(add_one(a, block, I, val_i64(1)), FERR_DATA);
	T_STR(ferr_text(), "sum overflows i64 (in 's')");
	/* The others did not take it either. */
	T_STR(result(a, block, 0), "1");
	T_INT(add_one(a, block, I, val_i64(-1)), 0);
	T_STR(result(a, block, 0), "2");
	T_STR(result(a, block, 1), "9223372036854775806");
	drop_block(a, block);
	aggs_free(a);
	a = parse("sum(.f)");
	block = new_block(a);
	T_INT(add_one(a, block, F, val_f64(1.7e308)), 0);
	T_INT(add_one(a, block, F, val_f64(1.7e308)), FERR_DATA);
	T_STR(result(a, block, 0), "1.7e+308");
	drop_block(a, block);
	aggs_free(a);
}

T(types_that_do_not_fit)
{
	static const char *const numeric[] = { "sum(.s)", "avg(.s)", "stddev(.s)",
					       "quantile(.s,0.5)" };
	const struct val big = val_text(VAL_JSON, "123456789012345678901234567890", 30);
	struct aggs *a;
	void *block;

	for (size_t i = 0; i < 4; i++) {
		a = parse(numeric[i]);
		block = new_block(a);
		T_INT(add_one(a, block, S, str("x")), FERR_DATA);
		T_OK(strstr(ferr_text(), " needs numbers, got a string 'x'") != NULL);
		T_INT(add_one(a, block, S, big), FERR_DATA);
		T_OK(strstr(ferr_text(), "neither i64 nor f64") != NULL);
		T_INT(add_one(a, block, S, val_bool(true)), FERR_DATA);
		T_INT(add_one(a, block, S, val_time(0)), FERR_DATA);
		T_INT(add_one(a, block, S, val_text(VAL_JSON, "[1]", 3)), FERR_DATA);
		T_STR(result(a, block, 0), "null");
		drop_block(a, block);
		aggs_free(a);
	}
	a = parse("max(.s)");
	block = new_block(a);
	T_INT(add_one(a, block, S, big), FERR_DATA);
	drop_block(a, block);
	aggs_free(a);
	a = parse("count(.s)");
	block = new_block(a);
	T_INT(add_one(a, block, S, val_i64(1)), FERR_DATA);
	T_OK(strstr(ferr_text(), "count needs a condition") != NULL);
	drop_block(a, block);
	aggs_free(a);
}

T(extrema_and_ends)
{
	CHECK("min(.i)", I, "-4", val_i64(3), val_i64(-4), val_f64(2.5));
	CHECK("max(.i)", I, "3.5", val_i64(3), val_i64(-4), val_f64(3.5));
	CHECK("min(.s)", S, "\"Ann\"", str("Zoe"), str("Ann"), str("Bob"));
	CHECK("max(.s)", S, "\"Zoe\"", str("Zoe"), str("Ann"), str("Bob"));
	CHECK("max(.s)", S, "\"\"", str(""));
	CHECK("max(.t)", T_, "\"1970-01-01T00:00:01Z\"", val_time(1), val_time(1000));
	CHECK("first(.s)", S, "\"a\"", str("a"), str("b"), VAL_NULLV);
	CHECK("last(.s)", S, "\"much longer than the ones before it\"", str("a"),
	      str("much longer than the ones before it"), VAL_NULLV);
	CHECK("last(.s)", S, "\"a\"", str("much longer than the ones before it"), val_i64(1),
	      str("a"));
	CHECK("last(.s)", S, "[1,2]", val_text(VAL_JSON, "[1,2]", 5));
	/* Equal values of two types: the same whatever comes first. */
	CHECK("max(.i)", I, "5.0", val_i64(5), val_f64(5));
	CHECK("max(.i)", I, "5.0", val_f64(5), val_i64(5));
	CHECK("min(.i)", I, "5", val_f64(5), val_i64(5));
	CHECK("min(.f)", F, "-0", val_f64(0.0), val_f64(-0.0));
	CHECK("min(.f)", F, "-0", val_f64(-0.0), val_f64(0.0));
}

T(deviations)
{
	CHECK("stddev(.f)", F, "1.0", val_f64(1e9 + 1), val_f64(1e9 + 2), val_f64(1e9 + 3));
	CHECK("stddev(.i)", I, "1.0", val_i64(1000000001), val_i64(1000000002),
	      val_i64(1000000003));
	CHECK("stddev(.i)", I, "null", val_i64(7));
	CHECK("stddev_pop(.i)", I, "0.0", val_i64(7));
	CHECK("stddev_pop(.i)", I, "2.0", val_i64(2), val_i64(4), val_i64(4), val_i64(4),
	      val_i64(5), val_i64(5), val_i64(7), val_i64(9));
}

T(distinct_values)
{
	/* As keys: 5 and 5.0 are one, "5" is another. */
	CHECK("distinct(.i)", I, "3", val_i64(5), val_f64(5), str("5"), val_bool(true), str("5"));
	CHECK("approx_distinct(.i)", I, "3", val_i64(5), val_f64(5), str("5"), val_bool(true));
}

T(quantiles)
{
	CHECK("quantile(.i, 0.5)", I, "2.5", val_i64(4), val_i64(1), val_i64(3), val_i64(2));
	CHECK("quantile(.i, 0)", I, "1.0", val_i64(4), val_i64(1), val_i64(3), val_i64(2));
	CHECK("quantile(.i, 1)", I, "4.0", val_i64(4), val_i64(1), val_i64(3), val_i64(2));
	CHECK("quantile(.i, 0.25)", I, "1.75", val_i64(4), val_i64(1), val_i64(3), val_i64(2));
	CHECK("median(.i)", I, "2.0", val_i64(3), val_i64(1), val_f64(2));
	CHECK("quantile(.f, 0.5)", F, "0.0", val_f64(1.7e308), val_f64(-1.7e308));
	CHECK("quantile(.f, 0.9)", F, "7.0", val_f64(7));
}

T(lists)
{
	CHECK("collect(.s)", S, "[\"a\",1,2.5,[1],\"\\\"\"]", str("a"), val_i64(1), VAL_NULLV,
	      val_f64(2.5), val_text(VAL_JSON, "[1]", 3), str("\""));
}

T(top_of_rows)
{
	struct aggs *a = parse("x=top(3, .i, .s), y=top(2, .s, .i)");
	void *block = new_block(a);
	struct val r[NFIELDS] = { 0 };
	static const struct {
		int64_t by;
		const char *what;
	} rows[] = { { 1, "a" }, { 5, "b" },  { 3, "c" }, { 5, "d" },
		     { 3, "e" }, { 0, NULL }, { 9, NULL } };

	for (size_t i = 0; i < 7; i++) {
		r[I] = rows[i].by == 0 ? VAL_NULLV : val_i64(rows[i].by);
		r[S] = rows[i].what == NULL ? VAL_NULLV : str(rows[i].what);
		T_INT(add_row(a, block, r), 0);
	}
	T_STR(result(a, block, 0), "[null,\"b\",\"d\"]");
	T_STR(result(a, block, 1), "[3,5]");
	drop_block(a, block);
	aggs_free(a);
}

/* -- against plain computations -------------------------------------------------------------- */

#define ROWS 400

static struct val rows[ROWS][NFIELDS];

static void
random_rows(uint64_t s, size_t n)
{
	static const char *const words[] = { "",
					     "x",
					     "yy",
					     "a rather long word, that is not held inline",
					     "\xc3\xa9t\xc3\xa9",
					     "x\"y" };

	seed = s;
	for (size_t i = 0; i < n; i++) {
		rows[i][I] = val_i64((int64_t)(rnd() % 2001) - 1000);
		rows[i][F] = rnd() % 3 == 0
				 ? val_i64((int64_t)(rnd() % 100))
				 : val_f64((rnd01() - 0.5) * pow(10, (double)(rnd() % 6)));
		rows[i][S] = str(words[rnd() % 6]);
		rows[i][B] = val_bool(rnd() % 2);
		rows[i][T_] = val_time((int64_t)(rnd() % 100000));
		rows[i][K] = val_i64((int64_t)(rnd() % 12));
		rows[i][M] = rnd() % 2 ? val_i64((int64_t)(rnd() % 5)) : str(words[rnd() % 6]);
		for (unsigned f = 0; f < NFIELDS; f++) {
			if (rnd() % 8 == 0)
				rows[i][f] =
				    rnd() % 2 ? VAL_NULLV : (struct val){ .t = VAL_ABSENT };
		}
	}
}

#define ALL_LIST                                                                               \
	"n=count(), c=count(.b), si=sum(.i), sf=sum(.f), ai=avg(.i), af=avg(.f), lo=min(.i), " \
	"hi=max(.i), "                                                                         \
	"los=min(.m), his=max(.m), lot=min(.t), fi=first(.s), la=last(.s), sd=stddev(.f), "    \
	"sp=stddev_pop(.i), d=distinct(.m), ad=approx_distinct(.m), q=quantile(.f, 0.9), "     \
	"me=median(.i), co=collect(.m), to=top(5, .k, .s), ts=top(3, .s, .i), an=any(.b), "    \
	"al=all(.b)"
/* Numbers of those whose last digits may differ. */
static const bool rounded[] = { [3] = true, [5] = true, [13] = true, [14] = true };

static void
check_equal(struct aggs *a, const void *x, const void *y, const char *what)
{
	for (unsigned i = 0; i < aggs_n(a); i++) {
		const char *rx = result(a, x, i), *ry = result(a, y, i);

		if (strcmp(rx, ry) == 0)
			continue;
		if (i < sizeof(rounded) && rounded[i] &&
		    fabs(result_f64(a, x, i) - result_f64(a, y, i)) <=
			1e-12 * fabs(result_f64(a, x, i)) + 1e-9)
			continue;
		T_FAIL("%s: %s is %s, not %s", what, aggs_name(a, i), ry, rx);
	}
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Numbers of one field, sorted; how many. */
static size_t
numbers_of(unsigned field, size_t n, double *out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct val *v = &rows[i][field];

		if (v->t == VAL_I64 || v->t == VAL_F64)
			out[k++] = v->t == VAL_I64 ? (double)v->i : v->f;
	}
	qsort(out, k, sizeof(*out), by_value);
	return k;
}

static void
near(double got, double want, const char *what)
{
	if (!(fabs(got - want) <= 1e-11 * (1 + fabs(want))))
		T_FAIL("%s is %.17g, not %.17g", what, got, want);
}

T(plain_computation_agrees)
{
	struct aggs *a =
	    parse("sf=sum(.f), af=avg(.f), sd=stddev(.f), sp=stddev_pop(.f), q=quantile(.f, 0.37), "
		  "lo=min(.f), hi=max(.f), d=distinct(.m), ad=approx_distinct(.m), si=sum(.i)");
	double v[ROWS];

	for (uint64_t s = 1; s <= 40; s++) {
		size_t n = 2 + rnd() % (ROWS - 2), k, distinct = 0;
		void *block = new_block(a);
		long double sum = 0, m2 = 0, mean, at;
		int64_t total = 0;

		random_rows(s, n);
		for (size_t i = 0; i < n; i++) {
			bool seen = val_is_null(&rows[i][M]);

			T_INT(add_row(a, block, rows[i]), 0);
			for (size_t j = 0; j < i && !seen; j++)
				seen = val_cmp(&rows[i][M], &rows[j][M]) == 0;
			distinct += !seen;
			total += rows[i][I].t == VAL_I64 ? rows[i][I].i : 0;
		}
		if ((k = numbers_of(F, n, v)) < 2) {
			drop_block(a, block);
			continue;
		}
		for (size_t i = 0; i < k; i++)
			sum += v[i];
		mean = sum / k;
		for (size_t i = 0; i < k; i++)
			m2 += (v[i] - mean) * (v[i] - mean);
		near(result_f64(a, block, 0), (double)sum, "sum");
		near(result_f64(a, block, 1), (double)mean, "avg");
		near(result_f64(a, block, 2), (double)sqrtl(m2 / (k - 1)), "stddev");
		near(result_f64(a, block, 3), (double)sqrtl(m2 / k), "stddev_pop");
		at = 0.37L * (k - 1);
		near(result_f64(a, block, 4),
		     (double)(v[(size_t)at] +
			      (v[(size_t)at + (k > 1)] - v[(size_t)at]) * (at - floorl(at))),
		     "quantile");
		near(result_f64(a, block, 5), v[0], "min");
		near(result_f64(a, block, 6), v[k - 1], "max");
		T_INT(result_i64(a, block, 7), distinct);
		T_INT(result_i64(a, block, 8), distinct);
		T_INT(result_i64(a, block, 9), total);
		drop_block(a, block);
	}
	aggs_free(a);
}

T(merge_equals_adding_all)
{
	struct aggs *a = parse(ALL_LIST);
	struct buf bytes = BUF_INIT, again = BUF_INIT;

	for (uint64_t s = 100; s < 140; s++) {
		size_t n = rnd() % ROWS;
		void *all = new_block(a), *merged = new_block(a), *decoded = new_block(a);
		void *part = new_block(a), *copy = new_block(a);

		random_rows(s, n);
		for (size_t i = 0; i < n;) {
			size_t end = i + rnd() % 50;

			for (; i < n && i < end; i++) {
				T_INT(eval_row(a, rows[i]), 0);
				T_INT(aggs_add(a, all), 0);
				T_INT(aggs_add(a, part), 0);
			}
			encode(a, part, &bytes);
			T_INT(aggs_decode(a, copy, bytes.p, bytes.n), 0);
			check_equal(a, part, copy, "decode");
			encode(a, copy, &again);
			T_INT(again.n, bytes.n);
			T_INT(aggs_merge(a, merged, part), 0);
			T_INT(aggs_merge(a, decoded, copy), 0);
			aggs_fini(a, part);
			aggs_fini(a, copy);
		}
		check_equal(a, all, merged, "merge");
		check_equal(a, all, decoded, "merge of decoded");
		T_OK(aggs_memory(a, all) < 1 << 20);
		drop_block(a, all);
		drop_block(a, merged);
		drop_block(a, decoded);
		drop_block(a, part);
		drop_block(a, copy);
	}
	buf_fini(&bytes);
	buf_fini(&again);
	aggs_free(a);
}

/* Take rows and blocks back: either FERR_AGAIN and nothing changed, or as if they had never been
 * there. */
static void
check_taking_back(const char *text, bool must_work)
{
	struct aggs *a = parse(text);
	struct buf before = BUF_INIT, after = BUF_INIT;

	for (uint64_t s = 200; s < 240; s++) {
		size_t n = 2 + rnd() % 60, cut = rnd() % n;
		void *all = new_block(a), *head = new_block(a), *tail = new_block(a);

		random_rows(s, n);
		for (size_t i = 0; i < n; i++) {
			T_INT(add_row(a, all, rows[i]), 0);
			T_INT(aggs_add(a, i < cut ? head : tail), 0);
		}
		encode(a, all, &before);
		if (aggs_unmerge(a, all, head) == 0) {
			check_equal(a, tail, all, "unmerge");
		} else {
			T_OK(!must_work);
			encode(a, all, &after);
			T_MEM(after.p, after.n, before.p, before.n);
		}
		drop_block(a, all);
		all = new_block(a);
		for (size_t i = 0; i < n; i++)
			T_INT(add_row(a, all, rows[i]), 0);
		for (size_t i = 0; i < cut; i++) {
			int rc;

			T_INT(eval_row(a, rows[i]), 0);
			encode(a, all, &before);
			if ((rc = aggs_retract(a, all)) == 0)
				continue;
			T_INT(rc, FERR_AGAIN);
			T_OK(!must_work);
			encode(a, all, &after);
			T_MEM(after.p, after.n, before.p, before.n);
			goto next;
		}
		check_equal(a, tail, all, "retract");
	next:
		drop_block(a, all);
		drop_block(a, head);
		drop_block(a, tail);
	}
	buf_fini(&before);
	buf_fini(&after);
	aggs_free(a);
}

T(taking_back)
{
	check_taking_back("n=count(), c=count(.b), si=sum(.i), ai=avg(.i), an=any(.b), al=all(.b)",
			  true);
	check_taking_back("n=count(), lo=min(.i), his=max(.m)", false);
	check_taking_back("n=count(), a=sum(.i), b=sum(.f)", false);
	check_taking_back(ALL_LIST, false);
}

T(taking_back_the_last_f64_gives_i64_again)
{
	struct aggs *a = parse("sum(.i)");
	void *block = new_block(a), *other = new_block(a);

	add_one(a, block, I, val_i64(3));
	T_INT(add_one(a, block, I, val_f64(0.1)), 0);
	T_INT(aggs_add(a, other), 0);
	T_INT(aggs_retract(a, block), 0);
	T_STR(result(a, block, 0), "3");
	T_INT(aggs_add(a, block), 0);
	T_INT(aggs_unmerge(a, block, other), 0);
	T_STR(result(a, block, 0), "3");
	T_INT(aggs_add(a, block), 0);
	T_INT(aggs_add(a, block), 0);
	T_INT(aggs_retract(a, block), 0);
	T_STR(result(a, block, 0), "3.1");
	drop_block(a, block);
	drop_block(a, other);
	aggs_free(a);
}

T(f64_sums_are_exact_where_they_fit_and_rough_beyond)
{
	struct aggs *a = parse("sum(.f)");
	void *block = new_block(a);

	for (int i = 0; i < 10; i++)
		add_one(a, block, F, val_f64(0.1));
	T_STR(result(a, block, 0), "1.0"); /* one by one it would be 0.9999999999999999 */
	add_one(a, block, F, val_f64(4e13));
	add_one(a, block, F, val_f64(-4e13));
	T_STR(result(a, block, 0), "1.0");
	T_INT(add_one(a, block, F, val_f64(1e300)), 0);
	T_INT(aggs_retract(a, block), FERR_AGAIN);
	T_INT(add_one(a, block, F, val_f64(-1e300)), 0);
	T_STR(result(a, block, 0), "1.0");
	drop_block(a, block);
	aggs_free(a);
}

/* -- large sets ------------------------------------------------------------------------------ */

T(distinct_is_exact_when_large)
{
	struct aggs *a = parse("distinct(.i)");
	void *block = new_block(a), *copy = new_block(a);
	struct buf bytes = BUF_INIT;

	for (int64_t i = 0; i < 60000; i++)
		T_INT(add_one(a, block, I, val_i64(i * 7919 % 20011)), 0);
	T_INT(result_i64(a, block, 0), 20011);
	T_OK(aggs_memory(a, block) < 20011 * 40);
	encode(a, block, &bytes);
	T_INT(aggs_decode(a, copy, bytes.p, bytes.n), 0);
	T_INT(aggs_merge(a, copy, block), 0);
	T_INT(result_i64(a, copy, 0), 20011);
	buf_fini(&bytes);
	drop_block(a, block);
	drop_block(a, copy);
	aggs_free(a);
}

T(approx_distinct_within_two_percent)
{
	struct aggs *a = parse("approx_distinct(.i)");
	struct buf bytes = BUF_INIT;
	double worst = 0;

	for (int64_t base = 0; base < 3; base++) {
		void *block = new_block(a), *part = new_block(a), *merged = new_block(a);
		int64_t next = 10;

		for (int64_t i = 1; i <= 500000; i++) {
			double err;

			T_INT(add_one(a, block, I, val_i64(base * 1000000000 + i)), 0);
			T_INT(aggs_add(a, part), 0);
			if (i % 50000 == 0) {
				encode(a, part, &bytes);
				aggs_fini(a, part);
				T_INT(aggs_decode(a, part, bytes.p, bytes.n), 0);
				T_INT(aggs_merge(a, merged, part), 0);
				aggs_fini(a, part);
			}
			if (i < next)
				continue;
			next = i + i / 8;
			err = fabs((double)(result_i64(a, block, 0) - i)) / (double)i;
			worst = err > worst ? err : worst;
			if (i <= 6144)
				T_INT(result_i64(a, block, 0), i);
		}
		T_STR(result(a, merged, 0), result(a, block, 0));
		drop_block(a, block);
		drop_block(a, part);
		drop_block(a, merged);
	}
	printf("# approx_distinct: worst error %.2f %%\n", 100 * worst);
	T_OK(worst < 0.02);
	buf_fini(&bytes);
	aggs_free(a);
}

static const char *const quantile_list =
    "a=quantile(.f,0.001), b=quantile(.f,0.1), c=quantile(.f,0.5), d=quantile(.f,0.9), "
    "e=quantile(.f,0.99), f=quantile(.f,0), g=quantile(.f,1)";
static const double quantile_q[] = { 0.001, 0.1, 0.5, 0.9, 0.99, 0, 1 };

/* The worst distance of a result's rank from q, as a part of n; v is sorted. */
static double
rank_error(struct aggs *a, const void *block, const double *v, size_t n)
{
	double worst = 0;

	for (unsigned i = 0; i < 7; i++) {
		double x = result_f64(a, block, i), want = quantile_q[i] * (double)(n - 1), err;
		size_t lo = 0, hi = n;

		while (lo < n && v[lo] < x)
			lo++;
		while (hi > lo && v[hi - 1] > x)
			hi--;
		/* x stands for any of the ranks lo..hi-1. */
		err = want < (double)lo	  ? (double)lo - want
		      : want > (double)hi ? want - (double)hi
					  : 0;
		worst = err / (double)n > worst ? err / (double)n : worst;
	}
	return worst;
}

T(quantile_beyond_10000_is_within_one_percent)
{
	enum { N = 200000 };
	struct aggs *a = parse(quantile_list);
	double *v = malloc(N * sizeof(*v)), worst = 0;
	struct buf bytes = BUF_INIT;

	for (unsigned order = 0; order < 5; order++) {
		void *block = new_block(a), *part = new_block(a), *merged = new_block(a);

		for (size_t i = 0; i < N; i++) {
			v[i] = order == 0 ? (double)i : /* rising */
				   order == 1 ? (double)(N - i)
					      : /* falling */
				   order == 2 ? (double)(i % 2 ? i : N - i)
					      : /* zigzag */
				   order == 3 ? -log(1 - rnd01())
					      :		 /* long tail */
				   (double)(rnd() % 10); /* few values */
			T_INT(add_one(a, block, F, val_f64(v[i])), 0);
			T_INT(aggs_add(a, part), 0);
			if (rnd() % 20000 == 0 || i == N - 1) {
				encode(a, part, &bytes);
				aggs_fini(a, part);
				T_INT(aggs_decode(a, part, bytes.p, bytes.n), 0);
				T_INT(aggs_merge(a, merged, part), 0);
				aggs_fini(a, part);
			}
		}
		qsort(v, N, sizeof(*v), by_value);
		worst = fmax(worst, rank_error(a, block, v, N));
		worst = fmax(worst, rank_error(a, merged, v, N));
		T_OK(result_f64(a, merged, 5) == v[0]);
		T_OK(result_f64(a, merged, 6) == v[N - 1]);
		drop_block(a, block);
		drop_block(a, part);
		drop_block(a, merged);
	}
	printf("# quantile: worst rank error %.3f %%\n", 100 * worst);
	T_OK(worst < 0.01);
	buf_fini(&bytes);
	free(v);
	aggs_free(a);
}

T(quantile_is_exact_up_to_10000)
{
	struct aggs *a = parse("q=quantile(.f, 0.123)");
	void *block = new_block(a), *head = new_block(a);
	double *v = malloc(10000 * sizeof(*v)), at = 0.123 * 9999;
	size_t i = (size_t)at;

	for (size_t k = 0; k < 10000; k++) {
		v[k] = (rnd01() - 0.5) * 1e6;
		T_INT(add_one(a, k < 4000 ? head : block, F, val_f64(v[k])), 0);
		if (k % 1000 == 0)
			result(a, block, 0); /* sorts what is there so far */
	}
	T_INT(aggs_merge(a, head, block), 0);
	qsort(v, 10000, sizeof(*v), by_value);
	near(result_f64(a, head, 0), v[i] + (v[i + 1] - v[i]) * (at - (double)i), "quantile");
	free(v);
	drop_block(a, block);
	drop_block(a, head);
	aggs_free(a);
}

/* -- damaged state --------------------------------------------------------------------------- */

static void
check_damage(struct aggs *a, const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n + 1); /* exact size, so that a sanitizer sees an overrun */
	void *block = new_block(a);

	/* Every cut is found. */
	for (size_t k = 0; k < n; k += n < 3000 ? 1 : 997) {
		uint8_t *head = malloc(k + (k == 0));

		memcpy(head, p, k);
		T_INT(aggs_decode(a, block, head, k), FERR_CORRUPT);
		T_OK(ferr_text()[0] != '\0');
		free(head);
	}
	memcpy(copy, p, n);
	copy[n] = 0;
	T_INT(aggs_decode(a, block, copy, n + 1), FERR_CORRUPT);
	free(copy);
	/* A flipped bit is found, or gives another sound block. */
	copy = malloc(n);
	for (unsigned k = 0; k < 2000; k++) {
		size_t at = rnd() % n;
		int rc;

		memcpy(copy, p, n);
		copy[at] ^= (uint8_t)(1u << rnd() % 8);
		if (k % 3 == 0)
			copy[rnd() % n] = (uint8_t)rnd();
		rc = aggs_decode(a, block, copy, n);
		T_OK(rc == 0 || rc == FERR_CORRUPT || rc == FERR_NOMEM);
		for (unsigned i = 0; rc == 0 && i < aggs_n(a); i++) {
			struct val v;

			aggs_result(a, block, i, &v);
		}
		aggs_fini(a, block);
	}
	free(copy);
	drop_block(a, block);
}

T(damaged_state_is_refused)
{
	struct aggs *a = parse(ALL_LIST);
	void *block = new_block(a);
	struct buf bytes = BUF_INIT;

	random_rows(7, 60);
	for (size_t i = 0; i < 60; i++)
		add_row(a, block, rows[i]);
	encode(a, block, &bytes);
	check_damage(a, bytes.p, bytes.n);
	aggs_fini(a, block);
	bytes.p[0]++;
	T_INT(aggs_decode(a, block, bytes.p, 0), FERR_CORRUPT);
	T_INT(aggs_decode(a, block, bytes.p, bytes.n), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "format 2") != NULL);
	drop_block(a, block);
	aggs_free(a);

	a = parse("approx_distinct(.i), q=quantile(.i, 0.5)");
	block = new_block(a);
	for (int64_t i = 0; i < 20000; i++)
		add_one(a, block, I, val_i64(i));
	encode(a, block, &bytes);
	check_damage(a, bytes.p, bytes.n);
	drop_block(a, block);
	aggs_free(a);
	buf_fini(&bytes);
}

T(small_states_are_small)
{
	struct aggs *a = parse("n=count(), s=sum(.i), lo=min(.i)");
	void *block = new_block(a);
	struct buf bytes = BUF_INIT;

	add_one(a, block, I, val_i64(12));
	encode(a, block, &bytes);
	T_OK(bytes.n <= 32);
	T_INT(aggs_memory(a, block), 0);
	buf_fini(&bytes);
	drop_block(a, block);
	aggs_free(a);
}

T(results_of_several_blocks_live_together)
{
	struct aggs *a = parse("top(2000, .i, .s)");
	void *x = new_block(a), *y = new_block(a);
	struct val r[NFIELDS] = { 0 }, vx, vy;

	for (int64_t i = 0; i < 1500; i++) {
		r[I] = val_i64(i);
		r[S] = str("xxxxxxxx");
		add_row(a, x, r);
		r[S] = str("yyyyyyyy");
		add_row(a, y, r);
	}
	T_INT(aggs_result(a, x, 0, &vx), 0);
	T_INT(aggs_result(a, y, 0, &vy), 0);
	T_INT(vx.n, 1500 * 11 + 1);
	T_MEM(vx.s, 12, "[\"xxxxxxxx\",", 12);
	T_MEM(vy.s, 12, "[\"yyyyyyyy\",", 12);
	aggs_arena_reset(a);
	T_INT(aggs_result(a, x, 0, &vx), 0);
	T_MEM(vx.s, 12, "[\"xxxxxxxx\",", 12);
	drop_block(a, x);
	drop_block(a, y);
	aggs_free(a);
}

T_MAIN
