/* val: cells, order, printing, the packed form. */
#include "base/num.h"
#include "row/val.h"
#include "t.h"

static const char *
json(struct val v)
{
	static struct buf b;

	b.n = 0;
	T_INT(val_json(&v, &b), 0);
	return buf_cstr(&b);
}

static const char *
plain(struct val v)
{
	static struct buf b;

	b.n = 0;
	T_INT(val_plain(&v, &b), 0);
	return buf_cstr(&b);
}

static struct val
text(enum val_type t, const char *s)
{
	return val_text(t, s, strlen(s));
}

static enum val_type
cell_type(const char *s)
{
	return (enum val_type)val_resolve(text(VAL_CELL, s)).t;
}

T(a_cell_is_a_number_only_if_it_prints_the_same)
{
	static const char *const strs[] = { "007",
					    "1e3",
					    "+1",
					    " 1",
					    "1 ",
					    "1.",
					    "1.50",
					    ".5",
					    "-0.0",
					    "1e21",
					    "-",
					    "abc",
					    "true",
					    "null",
					    "NaN",
					    "0x10",
					    "1E5",
					    "12:30",
					    "9223372036854775808",
					    "-9223372036854775809",
					    "1000000000000000000000000000000000000000",
					    "0.0000001",
					    "00" };
	static const char *const ints[] = { "0", "7", "-1", "9223372036854775807",
					    "-9223372036854775808" };
	static const char *const floats[] = { "0.0",   "12.34", "-1.5", "5.0",
					      "1e+21", "1e-7",	"0.1",	"-0" };

	for (size_t i = 0; i < sizeof(strs) / sizeof(strs[0]); i++)
		if (cell_type(strs[i]) != VAL_STR)
			T_FAIL("'%s' is %s", strs[i], val_type_name(cell_type(strs[i])));
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
		T_INT(cell_type(ints[i]), VAL_I64);
		T_STR(json(text(VAL_CELL, ints[i])), ints[i]);
	}
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		T_INT(cell_type(floats[i]), VAL_F64);
		T_STR(json(text(VAL_CELL, floats[i])), floats[i]);
	}
	T_INT(cell_type(""), VAL_NULL);
	T_OK(val_is_null(&(struct val){ .t = VAL_CELL, .s = "" }));
	T_STR(json(text(VAL_CELL, " a ")), "\" a \"");
	T_INT(val_resolve(val_i64(3)).i, 3);
}

T(values_have_a_total_order)
{
	struct val in_order[] = {
		VAL_NULLV,
		val_bool(false),
		val_bool(true),
		val_f64(-1e300),
		val_i64(INT64_MIN),
		val_i64(-1),
		val_f64(-0.5),
		val_i64(0),
		val_f64(0.5),
		val_i64(1),
		val_f64(1.5),
		text(VAL_CELL, "12.5"),
		val_f64(9007199254740992.0),
		val_i64(9007199254740993),
		val_i64(INT64_MAX),
		val_f64(9223372036854775808.0),
		val_f64(1e300),
		val_time(-5),
		val_time(5),
		text(VAL_STR, ""),
		text(VAL_STR, "a"),
		text(VAL_BYTES, "aa"),
		text(VAL_CELL, "ab"),
		text(VAL_STR, "b"),
		text(VAL_STR, "\xff"),
		text(VAL_JSON, "123456789012345678901"),
		text(VAL_JSON, "[1]"),
		text(VAL_JSON, "{}"),
	};
	int n = (int)(sizeof(in_order) / sizeof(in_order[0]));

	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++) {
			int c = val_cmp(&in_order[i], &in_order[k]);

			if ((c > 0) - (c < 0) != (i > k) - (i < k))
				T_FAIL("%d against %d is %d", i, k, c);
		}
}

T(equal_values_are_equal)
{
	struct val same[][2] = { { { .t = VAL_ABSENT }, VAL_NULLV },
				 { text(VAL_CELL, ""), VAL_NULLV },
				 { val_i64(5), val_f64(5) },
				 { val_f64(0.0), val_f64(-0.0) },
				 { val_i64(0), val_f64(-0.0) },
				 { val_i64(INT64_MIN), val_f64(-0x1p63) },
				 { text(VAL_STR, "x"), text(VAL_BYTES, "x") },
				 { text(VAL_CELL, "5"), val_i64(5) },
				 { text(VAL_STR, ""), val_text(VAL_STR, NULL, 0) } };

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		T_INT(val_cmp(&same[i][0], &same[i][1]), 0);
		T_INT(val_cmp(&same[i][1], &same[i][0]), 0);
	}
}

T(values_print_as_json)
{
	T_STR(json((struct val){ .t = VAL_ABSENT }), "null");
	T_STR(json(VAL_NULLV), "null");
	T_STR(json(val_bool(true)), "true");
	T_STR(json(val_bool(false)), "false");
	T_STR(json(val_i64(INT64_MIN)), "-9223372036854775808");
	T_STR(json(val_f64(12.34)), "12.34");
	T_STR(json(val_f64(5)), "5.0");
	T_STR(json(val_time(0)), "\"1970-01-01T00:00:00Z\"");
	T_STR(json(val_time(1704448800123)), "\"2024-01-05T10:00:00.123Z\"");
	T_STR(json(text(VAL_BYTES, "\xff\xfe\xfd")), "\"//79\"");
	T_STR(json(text(VAL_JSON, "[1,{\"a\":2}]")), "[1,{\"a\":2}]");
	T_STR(json(text(VAL_STR, "a\"b\\c\n\t\r\b\f\x01\x1f/\x7fü")),
	      "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f/\x7fü\"");
	T_STR(json(val_text(VAL_STR, "a\0b", 3)), "\"a\\u0000b\"");
	T_STR(json(text(VAL_STR, "")), "\"\"");
}

T(values_print_plainly)
{
	T_STR(plain((struct val){ .t = VAL_ABSENT }), "");
	T_STR(plain(VAL_NULLV), "");
	T_STR(plain(val_bool(true)), "true");
	T_STR(plain(val_f64(0.1)), "0.1");
	T_STR(plain(val_time(0)), "1970-01-01T00:00:00Z");
	T_STR(plain(text(VAL_STR, "a\"b")), "a\"b");
	T_STR(plain(text(VAL_BYTES, "abc")), "YWJj");
	T_STR(plain(text(VAL_CELL, " x")), " x");
}

/* Every special byte at every place of strings of every short length. */
T(escapes_are_found_everywhere)
{
	static const char specials[] = { '"', '\\', '\n', 0, 0x1f, 1 };
	struct buf b = BUF_INIT;

	for (size_t n = 1; n < 70; n++) {
		char *s = malloc(n); /* exact, for the sanitizer */

		for (size_t at = 0; at < n; at++)
			for (size_t k = 0; k < sizeof(specials); k++) {
				memset(s, at % 2 ? 'x' : '\x80', n);
				s[at] = specials[k];
				b.n = 0;
				T_INT(val_json_str(s, n, &b), 0);
				T_INT(b.n, n + 2 + (k < 3 ? 1 : 5));
				T_INT(b.p[1 + at], '\\');
				T_INT(b.p[b.n - 1], '"');
				T_OK(at == 0 || memcmp(b.p + 1, s, at) == 0);
			}
		memset(s, '\x7f', n);
		b.n = 0;
		T_INT(val_json_str(s, n, &b), 0);
		T_MEM(b.p + 1, b.n - 2, s, n);
		free(s);
	}
	buf_fini(&b);
}

T(packed_values_come_back)
{
	struct val v[] = { { .t = VAL_ABSENT },	    VAL_NULLV,
			   val_bool(true),	    val_bool(false),
			   val_i64(INT64_MIN),	    val_f64(-1.5e300),
			   val_time(1704448800123), text(VAL_STR, ""),
			   text(VAL_STR, "hello"),  text(VAL_BYTES, "\xff"),
			   text(VAL_JSON, "[1,2]"), text(VAL_CELL, " 007 "),
			   text(VAL_CELL, "") };
	size_t n = sizeof(v) / sizeof(v[0]);
	struct buf b = BUF_INIT;
	const uint8_t *p;

	for (size_t i = 0; i < n; i++)
		T_INT(val_pack(&v[i], &b), 0);
	p = b.p;
	for (size_t i = 0; i < n; i++) {
		struct val got;

		T_INT(val_unpack(&p, b.p + b.n, &got), 0);
		T_INT(got.t, v[i].t);
		if (got.t >= VAL_STR)
			T_MEM(got.s, got.n, v[i].s, v[i].n);
		else if (got.t >= VAL_BOOL)
			T_INT(got.i, v[i].i);
	}
	T_OK(p == b.p + b.n);
	buf_fini(&b);
}

T(damaged_packs_are_refused)
{
	struct val v[] = { val_bool(true), val_i64(7), text(VAL_STR, "hello") }, got;
	static const uint8_t bad[][9] = {
		{ 10 },
		{ 255 },
		{ VAL_BOOL, 2 },
		{ VAL_F64, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f },
		{ VAL_F64, 1, 0, 0, 0, 0, 0, 0xf8, 0xff },
		{ VAL_STR, 0xff, 0xff, 0xff, 0xff },
		{ VAL_STR, 5, 0, 0, 0, 'a', 'b', 'c', 'd' },
		{ VAL_JSON, 0, 0, 0, 0 },
	};
	const uint8_t *p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = bad[i];
		T_INT(val_unpack(&p, bad[i] + 9, &got), FERR_CORRUPT);
		T_OK(p == bad[i]);
	}
	for (size_t i = 0; i < 3; i++) {
		struct buf b = BUF_INIT;

		T_INT(val_pack(&v[i], &b), 0);
		for (size_t n = 0; n < b.n; n++) {
			p = b.p;
			T_INT(val_unpack(&p, b.p + n, &got), FERR_CORRUPT);
			T_OK(p == b.p);
		}
		buf_fini(&b);
	}
}

T_MAIN
