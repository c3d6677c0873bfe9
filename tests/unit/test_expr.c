/* test_expr: the "Expressions" section of cli.md and its fine print, sentence by sentence. */
#include "t.h"

#include "base/hash.h"
#include "expr/expr.h"
#include "fmt/json.h"

static struct schema schema;
static struct buf rows; /* the row; BUF_SLACK behind it */

/*
 * One row for all tests; `none` is not in it, `nil` is null.  The text of a row as a person would
 * write it, with times, bytes and cells put in by hand.
 */
static void
make_row(void)
{
	static const char text[] =
	    "{\"i\":7,\"f\":2.5,\"s\":\"hello\",\"u\":\"h\xc3\xa9llo\",\"b\":true,\"nil\":null,"
	    "\"amount\":150,"
	    "\"neg\":-7,\"user\":\"u42\",\"at\":\"2026-01-05T10:20:30Z\",\"a\":{\"b\":{\"c\":5},"
	    "\"x\":null,"
	    "\"t\":\"q\\\"\"},\"items\":[1,\"two\",{\"p\":3.5},[4]],\"big\":123456789012345678901,"
	    "\"huge\":1e999,\"max\":9223372036854775807,\"min\":-9223372036854775808,\"odd "
	    "name\":1,"
	    "\"empty\":\"\",\"p53\":9007199254740993,\"json\":\"{\\\"k\\\": [1, "
	    "2]}\",\"re\":\"^h.l\"}";
	static const char *const extra[] = { "time", "bytes", "cell", "nocell", "tcell" };
	struct json_reader *r;
	struct json_bad bad;
	struct buf in = BUF_INIT, one = BUF_INIT;
	struct rowb w;
	int n[5];

	schema_init(&schema);
	buf_put(&in, text, sizeof(text) - 1);
	buf_room(&in, 1);
	if (json_reader_new(&r, &schema) != 0 || json_read(r, in.p, in.n, &one, &bad) != 0)
		abort();
	for (int i = 0; i < 5; i++)
		n[i] = schema_add(&schema, extra[i], strlen(extra[i]));
	rowb_begin(&w, &rows, schema.n, ROW_INSERT, 1767608430123);
	for (unsigned i = 0; i < row_n(one.p); i++) {
		struct val v = row_raw(one.p, i);
		rowb_set(&w, i, &v);
	}
	struct val v[] = { val_time(1767608430123),
			   val_text(VAL_BYTES,
				    "a\xff"
				    "b",
				    3),
			   val_text(VAL_CELL, "42", 2), val_text(VAL_CELL, "", 0),
			   val_text(VAL_CELL, "2026-01-05", 10) };
	for (int i = 0; i < 5; i++)
		rowb_set(&w, (unsigned)n[i], &v[i]);
	rowb_end(&w);
	json_reader_free(r);
	buf_fini(&in);
	buf_fini(&one);
}

/* The value of text as JSON, or "parse: ..." or "bad: ...". */
static const char *
eval_with(const char *text, unsigned flags, const struct expr_ctx *c, const struct schema *s)
{
	static struct buf out;
	struct expr *e;
	struct val v;
	int rc;

	out.n = 0;
	if ((rc = expr_parse(&e, text, strlen(text), flags)) != 0) {
		buf_printf(&out, "%s: %s", rc == FERR_USAGE ? "parse" : "error", ferr_text());
		return buf_cstr(&out);
	}
	expr_bind(e, s);
	expr_bind_right(e, s);
	rc = expr_eval(e, c, &v);
	if (rc != 0)
		buf_printf(&out, "%s: %s", rc == FERR_DATA ? "bad" : "error", ferr_text());
	else
		val_json(&v, &out);
	if (rc == 0 && (v.t == VAL_ABSENT || v.t == VAL_CELL || v.t > VAL_TYPE_MAX))
		buf_puts(&out, " OF A WRONG TYPE");
	expr_free(e);
	return buf_cstr(&out);
}

static const char *
eval(const char *text)
{
	struct expr_ctx c = { .row = rows.p, .schema = &schema };

	return eval_with(text, 0, &c, &schema);
}

#define IS(text, result) T_STR(eval(text), result)
#define BEGINS(text, result)                                                   \
	do {                                                                   \
		const char *got_ = eval(text);                                 \
		if (strncmp(got_, result, strlen(result)) != 0)                \
			T_FAIL("%s gives '%s', not '%s'", text, got_, result); \
	} while (0)
#define BAD(text) BEGINS(text, "bad: ")
#define NOPARSE(text) BEGINS(text, "parse: ")

T(fields_and_paths)
{
	make_row();
	IS(".i", "7");
	IS(".none", "null");
	IS(".nil", "null");
	IS(".a.b", "{\"c\":5}");
	IS(".a.b.c", "5");
	IS(".a.none.c", "null");
	IS(".i.x", "null");
	IS(".a.t", "\"q\\\"\"");
	IS(".items[0]", "1");
	IS(".items[1]", "\"two\"");
	IS(".items[2].p", "3.5");
	IS(".items[3][0]", "4");
	IS(".items[4]", "null");
	IS(".items[-1]", "null");
	IS(".items[.i - 6]", "\"two\"");
	IS(".a[\"b\"].c", "5");
	IS(".a[concat(\"b\", \"\")][\"c\"]", "5");
	IS(".\"odd name\"", "1");
	IS(".'odd name' + 1", "2");
	IS("json(.json).k[1]", "2");
	IS("(.a).b.c", "5");
	IS(".cell", "42");
	IS(".nocell", "null");
	IS(".end", "null");
	BAD(".items[1.5]");
}

T(literals)
{
	IS("5", "5");
	IS("2.50", "2.5");
	IS("1e3", "1000.0");
	IS("-9223372036854775808", "-9223372036854775808");
	IS("- 5", "-5");
	IS("'it\\'s' ", "\"it's\"");
	IS("\"a\\n\\t\\\\\\\"\\u00e9\\ud83d\\ude00\"",
	   "\"a\\n\\t\\\\\\\"\xc3\xa9\xf0\x9f\x98\x80\"");
	IS("\"\\d\"", "\"\\\\d\"");
	IS("true", "true");
	IS("null", "null");
	IS("5m", "300000");
	IS("1h30m", "5400000");
	IS("250ms + 1.5s", "1750");
	IS("7d", "604800000");
	IS("-5m", "-300000");
	IS("2026-01-05", "\"2026-01-05T00:00:00Z\"");
	IS("2026-01-05T10:00:00Z", "\"2026-01-05T10:00:00Z\"");
	IS("2026-01-05T10:00:00.250+01:00", "\"2026-01-05T09:00:00.250Z\"");
	IS("2026-01-05 10:00:00", "\"2026-01-05T10:00:00Z\"");
	IS("2026-01-05T10:00:00Z-5m", "\"2026-01-05T09:55:00Z\"");
	IS("2026-01-05-1d", "\"2026-01-04T00:00:00Z\"");
	IS("@1704448800", "\"2024-01-05T10:00:00Z\"");
	IS("@1704448800123", "\"2024-01-05T10:00:00.123Z\"");
	IS("[1, \"x\", null, [.i]]", "[1,\"x\",null,[7]]");
	IS("[]", "[]");
	NOPARSE("9223372036854775808");
	NOPARSE("1e400");
	NOPARSE("007");
	NOPARSE("5x");
	NOPARSE("2026-13-05");
	NOPARSE("\"\\ud800\"");
	NOPARSE("'abc");
}

T(precedence)
{
	IS("1 + 2 * 3", "7");
	IS("(1 + 2) * 3", "9");
	IS("10 - 2 - 3", "5");
	IS("-2 + 5", "3");
	IS("2 * -3", "-6");
	IS("true || false && false", "true");
	IS("not true or true", "true");
	IS("!true == false", "true");
	IS("not 1 == 2", "true");
	IS("!false && false", "false");
	IS(".nil ?? 1 + 2", "3");
	IS(".nil ?? 5 == 5", "true");
	IS("1 + 2 ?? 3", "3");
	IS(".nil ?? .none ?? 4", "4");
	IS("1 == 1 && 2 > 1 and not false", "true");
	IS("true == !false", "true");
	IS("7 % 4 * 2", "6");
	NOPARSE("1 < 2 < 3");
	NOPARSE("1 == 1 == 1");
}

T(arithmetic)
{
	IS(".i + 1", "8");
	IS(".i / 2", "3");
	IS(".neg / 2", "-3");
	IS(".neg % 4", "-3");
	IS(".i % -4", "3");
	IS("fdiv(7, 2)", "3.5");
	IS(".i / 2.0", "3.5");
	IS(".f * 2", "5.0");
	IS("5.5 % 2", "1.5");
	IS("-.f", "-2.5");
	IS(".min % -1", "0");
	BAD(".max + 1");
	BAD(".min - 1");
	BAD(".max * 2");
	BAD(".min / -1");
	BAD("-.min");
	BAD("abs(.min)");
	BAD(".i / 0");
	BAD(".i % 0");
	BAD(".f / 0");
	BAD(".f % 0.0");
	BAD("fdiv(1, 0)");
	BAD("1e308 * 10");
	BAD("1 / 0");
	IS("if false then 1 / 0 else 2 end", "2");
	BAD(".s + 1");
	BAD(".s + .s");
	BAD(".b + 1");
	BAD(".a * 2");
	IS(".amount * 0.01 + 5", "6.5");
	IS(".cell + 1", "43");
}

T(null_rules)
{
	IS(".nil + 1", "null");
	IS("1 / .nil", "null");
	IS("-.nil", "null");
	IS("len(.nil)", "null");
	IS("min(1, .nil, 2)", "null");
	IS("concat(\"a\", .nil)", "null");
	IS(".nil > 5", "false");
	IS(".nil < 5", "false");
	IS(".nil == 5", "false");
	IS(".nil != 5", "false");
	IS(".nil == .none", "false");
	IS("!(null > 5)", "true");
	IS("!(.nil > 5)", "true");
	IS("!.nil", "true");
	IS(".nil == null", "true");
	IS("null == .none", "true");
	IS(".nil != null", "false");
	IS(".i == null", "false");
	IS(".i != null", "true");
	IS(".nocell == null", "true");
	IS("null == null", "true");
	IS(".nil && true", "false");
	IS(".nil || true", "true");
	IS(".nil || .none", "false");
	IS("if .nil then 1 else 2 end", "2");
	IS(".nil =~ \"x\"", "false");
	IS(".nil in [1, null]", "false");
	IS(".nil.x[2]", "null");
	IS(".s[.nil]", "null");
	IS("type(.nil)", "\"null\"");
	IS("str(.none)", "null");
	IS("hash(.none)", "null");
	IS("coalesce(.nil, .none, 3, 1 / 0)", "3");
	IS("coalesce(.nil)", "null");
	IS(".s ?? 1 / 0", "\"hello\"");
}

T(comparison)
{
	IS(".i == 7", "true");
	IS(".i == 7.0", "true");
	IS("7 == .i", "true");
	IS("8 > .i", "true");
	IS("8 <= .i", "false");
	IS(".f > 2", "true");
	IS(".f < 3", "true");
	IS("3 > .f", "true");
	IS(".p53 == 9007199254740992.0", "false");
	IS(".p53 > 9007199254740992.0", "true");
	IS("9007199254740992.0 < .p53", "true");
	IS(".max < 9223372036854775808.0", "true");
	IS(".i != 7", "false");
	IS(".user == \"u42\"", "true");
	IS(".user == 'u43'", "false");
	IS(".user != \"u4\"", "true");
	IS(".user < \"u5\"", "true");
	IS(".user >= \"u42\"", "true");
	IS("\"u5\" > .user", "true");
	IS(".s == 5", "false");
	IS(".s != 5", "true");
	IS(".i == \"7\"", "false");
	IS(".i != \"7\"", "true");
	IS(".b == 1", "false");
	IS(".b == true", "true");
	IS("false < true", "true");
	IS(".a == .a", "true");
	IS("split(\"1,2\", \",\") == [\"1\", \"2\"]", "true");
	BAD(".s < 5");
	BAD("5 < .s");
	BAD(".i > \"7\"");
	BAD(".b < 1");
	BAD(".a < .a");
	BAD(".time > 5");
	IS(".time == 5", "false");
	IS(".cell == 42", "true");
	IS(".cell == \"42\"", "false");
	IS(".bytes == \"a\"", "false");
}

T(times)
{
	IS(".time", "\"2026-01-05T10:20:30.123Z\"");
	IS(".at > 2026-01-05T10:00:00Z", "true");
	IS(".at == 2026-01-05T10:20:30Z", "true");
	IS("2026-01-06 > .at", "true");
	IS(".time > \"2026-01-05\"", "true");
	IS(".tcell == 2026-01-05", "true");
	BAD(".s > 2026-01-05T10:00:00Z");
	BAD(".s == 2026-01-05");
	IS(".time - 2026-01-05T10:20:00Z", "30123");
	IS(".time + 1h", "\"2026-01-05T11:20:30.123Z\"");
	IS("1h + .time", "\"2026-01-05T11:20:30.123Z\"");
	IS(".time - 2026-01-05 > 10h", "true");
	IS("5m == 300000", "true");
	BAD("1h - .time");
	BAD(".time + .time");
	BAD(".time * 2");
	BAD(".time + .max");
	BAD(".time + 0.5");
	BAD("2026-01-05 + 99999999d");
	IS("year(.time)", "2026");
	IS("[month(.time), day(.time), hour(.at), minute(.time), second(.time)]", "[1,5,10,20,30]");
	IS("weekday(2026-01-04)", "0");
	IS("weekday(.time)", "1");
	IS("hour(1704448800)", "10");
	IS("trunc(.time, 1h)", "\"2026-01-05T10:00:00Z\"");
	IS("trunc(.at, 7d)", "\"2026-01-01T00:00:00Z\"");
	IS("trunc(1969-12-31T23:59:59Z, 1h)", "\"1969-12-31T23:00:00Z\"");
	BAD("trunc(.time, 0)");
	IS("strftime(.time, \"%Y/%m/%d %H\")", "\"2026/01/05 10\"");
	IS("time(.at)", "\"2026-01-05T10:20:30Z\"");
	IS("time(1704448800)", "\"2024-01-05T10:00:00Z\"");
	IS("time(1704448800123)", "\"2024-01-05T10:00:00.123Z\"");
	IS("time(1704448800.5)", "\"2024-01-05T10:00:00.500Z\"");
	IS("time(\"05/01/2026\", \"%d/%m/%Y\")", "\"2026-01-05T00:00:00Z\"");
	BAD("time(.s)");
	BAD("time(.s, \"%Y\")");
	IS("ts()", "\"2026-01-05T10:20:30.123Z\"");
	NOPARSE("strftime(.time, \"%Q!\")");
}

T(conditions)
{
	IS("if .i > 5 then \"a\" else \"b\" end", "\"a\"");
	IS("if .i > 50 then 1 elif .i > 5 then 2 else 3 end", "2");
	IS("if .i > 50 then 1 end", "null");
	IS("if (.i > 5) && true then 1 else 2 end", "1");
	IS("if (.a).b.c == 5 then 1 else 2 end", "1");
	IS("if(.i > 5, 1, 2)", "1");
	IS("if(.i > 50, 1, 2) + 1", "3");
	IS("if(.i > 50, 1)", "null");
	IS("if((.i) > 5, 1, 2)", "1");
	IS("1 + if true then 1 else 2 end", "2");
	IS(".i in [1, 7]", "true");
	IS(".i in [1, 2]", "false");
	IS(".i in [7.0]", "true");
	IS(".s in ['hello', \"x\"]", "true");
	IS("not .i in [1]", "true");
	IS(".i not in [1, 7]", "false");
	IS("1 in .items", "true");
	IS("\"two\" in .items", "true");
	IS("5 in .none", "false");
	IS("1 in []", "false");
	IS("3 in [1, .i - 4]", "true");
	IS("true || 1 / 0 == 1", "true");
	IS("false && 1 / 0 == 1", "false");
	BAD("1 in .s");
	BAD("1 && true");
	BAD("!\"x\"");
	BAD("if 1 then 2 else 3 end");
}

T(strings)
{
	IS("len(.u)", "5");
	IS("len(.items)", "4");
	IS("len(\"\")", "0");
	IS("len(.bytes)", "3");
	BAD("len(.a)");
	BAD("len(5)");
	IS("upper(.u)", "\"H\xc3\xa9LLO\"");
	IS("lower(\"ABC[Z\")", "\"abc[z\"");
	IS("trim(\" \\t x y \\n\")", "\"x y\"");
	IS("substr(.u, 1, 2)", "\"\xc3\xa9l\"");
	IS("substr(.u, 2)", "\"llo\"");
	IS("substr(.u, 9)", "\"\"");
	IS("substr(.u, 1, 99)", "\"\xc3\xa9llo\"");
	IS("substr(.u, -1)", "null");
	IS("split(\"a,b,,c\", \",\")", "[\"a\",\"b\",\"\",\"c\"]");
	IS("split(\"\", \",\")", "[\"\"]");
	IS("split(\"a\\\"\xc3\xa9\", \"\")", "[\"a\",\"\\\"\",\"\xc3\xa9\"]");
	IS("split(\"a,b\", \",\")[1]", "\"b\"");
	IS("len(split(\"a,b,\", \",\"))", "3");
	IS("replace(\"a.b.c\", \".\", \"--\")", "\"a--b--c\"");
	IS("replace(.s, \"\", \"x\")", "\"hello\"");
	IS("replace(.s, \"l\", \"\")", "\"heo\"");
	IS("contains(.s, \"ell\")", "true");
	IS("contains(.s, \"\")", "true");
	IS("contains(.s, \"x\")", "false");
	IS("contains(.items, \"two\")", "true");
	IS("contains(.items, 2)", "false");
	IS("starts_with(.s, \"he\")", "true");
	IS("ends_with(.s, \"lo\")", "true");
	IS("ends_with(.s, \"xxhello\")", "false");
	IS("concat(.s, 1, true, 2.5, .a.b, 2026-01-05)",
	   "\"hello1true2.5{\\\"c\\\":5}2026-01-05T00:00:00Z\"");
	IS("concat(concat(\"a\", upper(concat(\"b\", .i))), \"c\")", "\"aB7c\"");
	BAD("upper(5)");
	BAD("concat(.bytes)");
}

T(regex)
{
	IS(".s =~ \"^h.l+o$\"", "true");
	IS(".s =~ \"l\"", "true");
	IS(".s =~ \"^l\"", "false");
	IS("\"a1\" =~ \"\\d\"", "true");
	IS("\"a1\" =~ \"\\\\d\"", "true");
	IS(".u =~ \"^h.llo$\"", "true");
	IS(".s =~ .re", "true");
	IS("regex_extract(\"id=42;\", \"id=(\\d+)\")", "\"42\"");
	IS("regex_extract(\"id=42;\", \"id=(\\d+)\", 0)", "\"id=42\"");
	IS("regex_extract(\"id=42;\", \"(i)(d)\", 2)", "\"d\"");
	IS("regex_extract(\"x\", \"(y)\")", "null");
	IS("regex_extract(\"x\", \"x(y)?\")", "null");
	IS("regex_extract(.s, .re, 0)", "\"hel\"");
	BAD("regex_extract(.s, .re)");
	BAD("5 =~ \"5\"");
	BAD(".s =~ concat(\"(\", .s)");
	BEGINS("concat(.nil ?? \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\") =~ \"^(a+)+$\"",
	       "bad: the regular expression takes too many steps");
	IS(".s =~ \"h(\"",
	   "parse: regular expression: missing closing parenthesis\n  .s =~ \"h(\"\n           ^");
	IS(".s =~ \"h\\\\(\"", "false");
	NOPARSE("regex_extract(.s, \"x\")");
	NOPARSE("regex_extract(.s, \"(x)\", 2)");
}

T(numbers)
{
	IS("abs(-5)", "5");
	IS("abs(-2.5)", "2.5");
	IS("[floor(2.7), floor(-2.1), ceil(2.1), ceil(3)]", "[2.0,-3.0,3.0,3]");
	IS("[round(2.5), round(-2.5), round(2.4), round(7)]", "[3.0,-3.0,2.0,7]");
	IS("min(3, 1.5, 2)", "1.5");
	IS("max(3)", "3");
	IS("max(\"a\", \"b\")", "\"b\"");
	BAD("max(1, \"b\")");
	IS("sqrt(16)", "4.0");
	IS("pow(2, 10)", "1024.0");
	IS("log(1)", "0.0");
	IS("exp(0)", "1.0");
	BAD("sqrt(-1)");
	BAD("log(0)");
	BAD("exp(1000)");
	BAD("pow(0, -1)");
	BAD("abs(\"x\")");
	IS("round(geodist(52.52, 13.405, 48.137, 11.575))", "504.0");
	IS("geodist(1, 2, 1, 2)", "0.0");
	BAD("geodist(100, 0, 0, 0)");
	IS("[int(2.9), int(-2.9), int(\"42\"), int(\"4.7\"), int(true), int(1970-01-02)]",
	   "[2,-2,42,4,1,86400000]");
	BAD("int(\"4x\")");
	BAD("int(1e19)");
	IS("[float(2), float(\"2.5\"), float(\"1e3\")]", "[2.0,2.5,1000.0]");
	BAD("float(\"\")");
	IS("[str(5), str(2.5), str(true), str(\"x\"), str(2026-01-05), str([1])]",
	   "[\"5\",\"2.5\",\"true\",\"x\",\"2026-01-05T00:00:00Z\",\"[1]\"]");
	IS("[bool(1), bool(0.0), bool(\"true\"), bool(\"false\"), bool(false)]",
	   "[true,false,true,false,false]");
	BAD("bool(\"yes\")");
	IS("json(\"[1, {\\\"a\\\": \\\"\\\\u0041\\\"}]\")[1].a", "\"A\"");
	IS("json(\"5\") + 1", "6");
	BAD("json(\"{\")");
	IS("[type(null), type(true), type(1), type(1.5), type(2026-01-05), type(\"x\"), "
	   "type(.bytes), "
	   "type([]), type(.a), type(.big)]",
	   "[\"null\",\"bool\",\"int\",\"float\",\"time\",\"string\",\"bytes\",\"array\","
	   "\"object\",\"number\"]");
}

T(numbers_that_do_not_fit)
{
	IS(".big", "123456789012345678901");
	IS(".big ?? 1", "123456789012345678901");
	IS("coalesce(.nil, .huge)", "1e999");
	IS("if true then .big else 1 end", "123456789012345678901");
	IS("str(.big)", "\"123456789012345678901\"");
	BAD(".big + 1");
	BAD("-.big");
	BAD(".big > 1");
	BAD(".big == 1");
	BAD(".big == .big");
	BAD("abs(.big)");
	BAD("int(.big)");
	IS(".big == null", "false");
}

T(hashes)
{
	struct buf b = BUF_INIT;
	struct val v = val_text(VAL_STR, "u42", 3);
	char want[40];

	key_part(&v, &b);
	snprintf(want, sizeof(want), "%" PRId64, (int64_t)(key_hash(b.p, b.n) & INT64_MAX));
	IS("hash(.user)", want);
	IS("hash(7.0) == hash(7)", "true");
	buf_fini(&b);
}

T(key_and_window)
{
	struct expr_ctx c = {
		.row = rows.p, .schema = &schema, .window_start = 0, .window_end = 60000
	};

	IS("key()", "null");
	schema.keyed = true;
	schema.nkey = 1;
	schema.key[0] = (uint16_t)schema_find(&schema, "user", 4);
	IS("key()", "\"u42\"");
	schema.nkey = 2;
	schema.key[1] = (uint16_t)schema_find(&schema, "i", 1);
	IS("key()", "[\"u42\",7]");
	schema.keyed = false;
	schema.nkey = 0;
	T_STR(eval_with("window_end - window_start", EXPR_HAVING, &c, &schema), "60000");
	T_STR(eval_with("window_start", EXPR_HAVING, &c, &schema), "\"1970-01-01T00:00:00Z\"");
	NOPARSE("window_start");
}

T(joins)
{
	struct expr_ctx c = { .row = rows.p, .right = rows.p, .schema = &schema };
	struct expr *e;

	T_STR(eval_with(".l.i + .r.i", EXPR_LR, &c, &schema), "14");
	T_STR(eval_with(".r.a.b.c", EXPR_LR, &c, &schema), "5");
	c.right = NULL;
	T_STR(eval_with(".r.i == null", EXPR_LR, &c, &schema), "true");
	T_INT(expr_parse(&e, ".i", 2, EXPR_LR), FERR_USAGE);
	T_INT(expr_parse(&e, ".l", 2, EXPR_LR), FERR_USAGE);
	T_INT(expr_parse(&e, ".l.x == .r.x", 12, EXPR_LR), 0);
	T_INT(expr_nfields(e), 2);
	T_STR(expr_field(e, 0), "x");
	T_OK(!expr_field_right(e, 0) && expr_field_right(e, 1));
	expr_free(e);
}

T(path_names)
{
	static const struct {
		const char *text;
		unsigned flags;
		const char *last, *joined;
	} t[] = {
		{ ".a", 0, "a", "a" },
		{ ".a.b", 0, "b", "a_b" },
		{ ".items[0]", 0, "0", "items_0" },
		{ ".a[\"b\"]", 0, "b", "a_b" },
		{ " .\"odd name\" ", 0, "odd name", "odd name" },
		{ ".l.a.b", EXPR_LR, "b", "a_b" },
		{ "user", EXPR_PATH, "user", "user" },
		{ "a.b", EXPR_PATH, "b", "a_b" },
		{ ".user", EXPR_PATH, "user", "user" },
		{ "user-id", EXPR_PATH, "user-id", "user-id" },
		{ "\"odd name\"", EXPR_PATH, "odd name", "odd name" },
		{ "end", EXPR_PATH, "end", "end" },
		{ "5xx", EXPR_PATH, "5xx", "5xx" },
		{ ".a + 1", 0, NULL, NULL },
		{ ".a == null", 0, NULL, NULL },
		{ ".a[.b]", 0, NULL, NULL },
	};
	const char *last, *joined;
	struct expr *e;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (expr_parse(&e, t[i].text, strlen(t[i].text), t[i].flags) != 0) {
			T_FAIL("%s: %s", t[i].text, ferr_text());
			continue;
		}
		T_OK(expr_is_path(e, &last, &joined) == (t[i].last != NULL));
		if (t[i].last != NULL && expr_is_path(e, &last, &joined)) {
			T_STR(last, t[i].last);
			T_STR(joined, t[i].joined);
		}
		expr_free(e);
	}
	T_INT(expr_parse(&e, "user + 1", 8, EXPR_PATH), FERR_USAGE);
	T_INT(expr_parse(&e, "len(x)", 6, EXPR_PATH), FERR_USAGE);
	T_INT(expr_parse(&e, "", 0, EXPR_PATH), FERR_USAGE);
}

T(messages)
{
	IS(".a > lenght(.b)",
	   "parse: unknown function 'lenght'; did you mean 'len'?\n  .a > lenght(.b)\n       ^");
	IS(".\"h\xc3\xa9\" > uper(.b)", "parse: unknown function 'uper'; did you mean 'upper'?\n  "
					".\"h\xc3\xa9\" > uper(.b)\n          ^");
	IS(".a = 5", "parse: '=' does not compare: write '=='\n  .a = 5\n     ^");
	IS(".a == \"x", "parse: the text has no closing \"\n  .a == \"x\n        ^");
	IS("(.a + 1", "parse: '(' is never closed: ')' is missing\n  (.a + 1\n  ^");
	IS(".a[1", "parse: '[' is never closed: ']' is missing\n  .a[1\n    ^");
	IS(".a + 1)", "parse: ')' closes nothing\n  .a + 1)\n        ^");
	IS(".a .b c", "parse: unexpected c: an operator is missing\n  .a .b c\n        ^");
	IS(".a +", "parse: the expression ends too early: a value is missing\n  .a +\n      ^");
	IS("user == 5", "parse: unknown name 'user'; a field is written .user\n  user == 5\n  ^");
	IS("True", "parse: unknown name 'True'; did you mean 'true'? A field is written .True\n  "
		   "True\n  ^");
	IS("len(.a, 2)", "parse: wrong number of arguments (2): len(x)\n  len(.a, 2)\n  ^");
	IS("", "parse: the expression is empty");
	IS(".a &&\n .b & .c", "parse: '&' is not an operator: write '&&'\n   .b & .c\n      ^");
	IS(".max + 1", "bad: integer overflow in '.max + 1'");
	IS("1 + .i / 0", "bad: division by zero in '.i / 0'");
	IS(".s < 5", "bad: string does not compare with int in '.s < 5'");
	IS("upper(.i)", "bad: upper() needs a string, not int: use str() in 'upper(.i)'");
	IS("now()",
	   "parse: there is no now(): the same input must give the same output; ts() is the event "
	   "time, hash() spreads\n  now()\n  ^");
	NOPARSE("coalesce()");
	NOPARSE("hour()");
	NOPARSE("nosuchthing(1)");
	NOPARSE("if .a then 1");
	NOPARSE("if .a 1 end");
	NOPARSE(".");
	NOPARSE(".5");
	NOPARSE("len");
	NOPARSE("\xff");
	NOPARSE("@x");
	NOPARSE("? 1");
}

T(limits)
{
	struct buf b = BUF_INIT;
	struct expr *e;
	const struct expr_ctx c = { .row = rows.p, .schema = &schema };
	struct val v;

	for (int i = 0; i < 200; i++)
		buf_putc(&b, '(');
	buf_putc(&b, '1');
	for (int i = 0; i < 200; i++)
		buf_putc(&b, ')');
	T_INT(expr_parse(&e, (char *)b.p, b.n, 0), 0);
	expr_free(e);
	b.n = 0;
	for (int i = 0; i < 30000; i++)
		buf_putc(&b, '(');
	T_INT(expr_parse(&e, (char *)b.p, b.n, 0), FERR_USAGE);
	b.n = 0;
	for (int i = 0; i < 30000; i++)
		buf_putc(&b, '-');
	T_INT(expr_parse(&e, (char *)b.p, b.n, 0), FERR_USAGE);
	b.n = 0;
	buf_puts(&b, ".i == 0");
	for (int i = 1; i < 3000; i++)
		buf_printf(&b, " || .i == %d", i);
	T_INT(expr_parse(&e, (char *)b.p, b.n, 0), 0);
	expr_bind(e, &schema);
	T_INT(expr_test(e, &c), 1);
	T_INT(expr_nfields(e), 1);
	expr_free(e);
	b.n = 0;
	buf_puts(&b, "1");
	for (int i = 1; i < 900; i++)
		buf_puts(&b, "+.i");
	T_INT(expr_parse(&e, (char *)b.p, b.n, 0), 0);
	expr_bind(e, &schema);
	T_INT(expr_eval(e, &c, &v), 0);
	T_INT(v.i, 1 + 899 * 7);
	expr_free(e);
	for (int i = 1; i < 900; i++)
		buf_puts(&b, "+1");
	T_INT(expr_parse(&e, (char *)b.p, b.n, 0), FERR_USAGE);
	while (b.n < 70000)
		buf_puts(&b, "          ");
	T_INT(expr_parse(&e, (char *)b.p, b.n, 0), FERR_USAGE);
	buf_fini(&b);
}

T(conditions_from_outside)
{
	static const struct {
		const char *text;
		int rc;
	} t[] = {
		{ ".b", 1 },	     { "!.b", 0 },	  { ".nil", 0 },   { ".none", 0 },
		{ ".i", FERR_DATA }, { ".s", FERR_DATA }, { ".i > 5", 1 }, { ".s > 5", FERR_DATA },
	};
	const struct expr_ctx c = { .row = rows.p, .schema = &schema };
	struct expr *e;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		T_INT(expr_parse(&e, t[i].text, strlen(t[i].text), 0), 0);
		expr_bind(e, &schema);
		T_INT(expr_test(e, &c), t[i].rc);
		expr_free(e);
	}
}

/* Results stay until the reset, however many come in between. */
T(arena_does_not_move)
{
	const struct expr_ctx c = { .row = rows.p, .schema = &schema };
	static struct val v[3000];
	struct expr *e;

	T_INT(expr_parse(&e, "concat(.s, .user)", 17, 0), 0);
	expr_bind(e, &schema);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3000; i++)
			T_INT(expr_eval(e, &c, &v[i]), 0);
		for (int i = 0; i < 3000; i++)
			T_MEM(v[i].s, v[i].n, "hellou42", 8);
		expr_arena_reset(e);
	}
	expr_free(e);
}

T(schema_grows)
{
	struct expr_ctx c = { .row = rows.p, .schema = &schema };
	struct schema other;
	struct expr *e;
	struct val v;

	T_INT(expr_parse(&e, ".user", 5, 0), 0);
	schema_init(&other);
	expr_bind(e, &other);
	T_INT(expr_eval(e, &c, &v), 0);
	T_INT(v.t, VAL_NULL);
	expr_bind(e, &schema);
	T_INT(expr_eval(e, &c, &v), 0);
	T_INT(v.t, VAL_STR);
	schema_add(&other, "x", 1);
	schema_add(&other, "user", 4);
	expr_bind(e, &other);
	T_INT(expr_eval(e, &c, &v), 0);
	T_INT(v.t, VAL_F64); /* slot 1 of the row */
	schema_fini(&other);
	expr_free(e);
}

static int
collect(void *cookie, const char *piece, size_t n)
{
	struct buf *b = cookie;

	return buf_put(b, piece, n) != 0 || buf_putc(b, '|') != 0 ? FERR_NOMEM : 0;
}

T(lists)
{
	static const struct {
		const char *text;
		char sep;
		const char *want; /* NULL: an error */
	} t[] = {
		{ "fee = .amount * 0.01; big = .fee > 5", ';',
		  "fee = .amount * 0.01|big = .fee > 5|" },
		{ "a = 'x;y'; b = \"\\\";\" ;", ';', "a = 'x;y'|b = \"\\\";\"|" },
		{ "n=count(), t=sum(.a), q=top(3, .x, [1,2])", ',',
		  "n=count()|t=sum(.a)|q=top(3, .x, [1,2])|" },
		{ "", ';', "" },
		{ "  ", ';', "" },
		{ "a;;b", ';', NULL },
		{ ";a", ';', NULL },
		{ "a = (1", ';', NULL },
		{ "a = 1)", ';', NULL },
		{ "a = 'x", ';', NULL },
	};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		b.n = 0;
		T_INT(expr_split(t[i].text, t[i].sep, collect, &b),
		      t[i].want != NULL ? 0 : FERR_USAGE);
		if (t[i].want != NULL)
			T_STR(buf_cstr(&b), t[i].want);
	}
	T_INT(expr_split("a = (1; b", ';', collect, &b), FERR_USAGE);
	T_STR(ferr_text(), "'(' is never closed\n  a = (1; b\n      ^");
	buf_fini(&b);
}

T(assignments)
{
	static const struct {
		const char *text, *name, *rest;
	} t[] = {
		{ "fee = .amount", "fee", ".amount" },
		{ " fee=1", "fee", "1" },
		{ ".fee = 1", "fee", "1" },
		{ "\"odd name\" = 1", "odd name", "1" },
		{ "a == 1", NULL, NULL },
		{ "a =~ 'x'", NULL, NULL },
		{ ".a.b = 1", NULL, NULL },
		{ "count()", NULL, NULL },
		{ "a", NULL, NULL },
		{ "= 1", NULL, NULL },
		{ "a =", "a", "" },
	};
	const char *name, *rest;
	size_t n;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rest = expr_assign(t[i].text, strlen(t[i].text), &name, &n);
		T_OK((rest != NULL) == (t[i].name != NULL));
		if (rest == NULL || t[i].name == NULL)
			continue;
		T_MEM(name, n, t[i].name, strlen(t[i].name));
		T_STR(rest, t[i].rest);
	}
}

T(function_list)
{
	const char *usage, *help;
	unsigned n = 0;

	for (; expr_function(n, &usage, &help); n++)
		T_OK(strchr(usage, '(') != NULL && help[0] != '\0');
	T_OK(n >= 40);
	schema_fini(&schema);
	buf_fini(&rows);
}

T_MAIN
