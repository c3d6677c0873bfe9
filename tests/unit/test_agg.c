/* Tests of lib/expr/agg*.c: lists as they are written, and what each aggregate gives for given
 * values. */
#include "t_agg.h"

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

T_MAIN
