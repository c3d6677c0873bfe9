/* json: texts into rows and back, look-ups, and the corpus in tests/golden/json. */
#include <dirent.h>

#include "fmt/json.h"
#include "t.h"

#ifndef GOLDEN
#define GOLDEN "tests/golden/json"
#endif

/* What lies behind a text must not matter: endings that would go on well. */
static const char *const behinds[] = {
	"\n",
	"}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}",
	"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"",
	"1234567890123456789012345678901234567890123456789012345678901234",
	"e\":1,\"bb\":22,\"c\":3}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}",
	"ue,\"a\":null}",
	"5.5}",
	",\"b\":2}",
	"                                                          }",
};
#define NBEHINDS (sizeof(behinds) / sizeof(behinds[0]))

struct fix {
	struct schema schema;
	struct json_reader *r;
	struct json_writer *w;
	struct buf rows, text;
	struct json_bad bad;
	unsigned behind;
};

static void
fix_init(struct fix *f)
{
	*f = (struct fix){ .behind = 0 };
	schema_init(&f->schema);
	T_INT(json_reader_new(&f->r, &f->schema), 0);
	T_INT(json_writer_new(&f->w), 0);
}

static void
fix_fini(struct fix *f)
{
	json_reader_free(f->r);
	json_writer_free(f->w);
	schema_fini(&f->schema);
	buf_fini(&f->rows);
	buf_fini(&f->text);
}

/* json_read with exactly BUF_SLACK bytes behind the text. */
static int
read_n(struct fix *f, const char *s, size_t n)
{
	uint8_t *copy = malloc(n + BUF_SLACK);
	const char *behind = behinds[f->behind];
	int rc;

	memset(copy + n, 'x', BUF_SLACK);
	memcpy(copy, s, n);
	memcpy(copy + n, behind, strlen(behind) < BUF_SLACK ? strlen(behind) : BUF_SLACK);
	rc = json_read(f->r, copy, n, &f->rows, &f->bad);
	free(copy);
	return rc;
}

static int
read_s(struct fix *f, const char *s)
{
	return read_n(f, s, strlen(s));
}

/* The last row read, printed. */
static const char *
printed(struct fix *f)
{
	size_t at = 0, last = 0;

	for (; at < f->rows.n; at += row_len(f->rows.p + at))
		last = at;
	T_OK(f->rows.n != 0 && row_check(f->rows.p + last, row_len(f->rows.p + last)));
	f->text.n = 0;
	T_INT(json_write(f->w, &f->schema, f->rows.p + last, &f->text), 0);
	return buf_cstr(&f->text);
}

/* s reads and prints as `want`. */
static void
both(const char *s, const char *want)
{
	struct fix f;

	fix_init(&f);
	for (f.behind = 0; f.behind < NBEHINDS; f.behind++) {
		f.rows.n = 0;
		if (read_s(&f, s) != 0)
			T_FAIL("'%s': %zu: %s", s, f.bad.at, f.bad.reason);
		else
			T_STR(printed(&f), want);
	}
	fix_fini(&f);
}

static struct val
field(struct fix *f, const char *name)
{
	int i = schema_find(&f->schema, name, strlen(name));

	T_OK(i >= 0);
	return row_raw(f->rows.p, (unsigned)i);
}

T(a_record_becomes_a_row)
{
	struct fix f;
	struct val v;

	fix_init(&f);
	T_INT(read_s(&f,
		     "{\"s\":\"x\",\"i\":-7,\"f\":2.5,\"t\":true,\"n\":null,\"o\":{\"a\": [1, 2]},"
		     "\"big\":123456789012345678901,\"z\":-0}"),
	      0);
	T_INT(row_n(f.rows.p), 8);
	T_INT(row_kind(f.rows.p), ROW_INSERT);
	T_OK(row_time(f.rows.p) == ROW_NOTIME);
	T_INT(row_hash(f.rows.p), 0);
	T_INT(f.rows.n % 8, 0);
	T_OK(row_check(f.rows.p, f.rows.n));
	v = field(&f, "s");
	T_INT(v.t, VAL_STR);
	T_MEM(v.s, v.n, "x", 1);
	v = field(&f, "i");
	T_OK(v.t == VAL_I64 && v.i == -7);
	v = field(&f, "f");
	T_OK(v.t == VAL_F64 && v.f == 2.5);
	v = field(&f, "t");
	T_OK(v.t == VAL_BOOL && v.i == 1);
	T_INT(field(&f, "n").t, VAL_NULL);
	v = field(&f, "o");
	T_INT(v.t, VAL_JSON);
	T_MEM(v.s, v.n, "{\"a\":[1,2]}", 11);
	v = field(&f, "big");
	T_INT(v.t, VAL_JSON);
	T_MEM(v.s, v.n, "123456789012345678901", 21);
	T_INT(field(&f, "z").t, VAL_F64);
	fix_fini(&f);
}

/* The bytes are those that rowb makes of the same values, whatever the buffer held before. */
T(rows_are_golden_bytes)
{
	struct fix f;
	struct rowb w;
	struct buf want = BUF_INIT;
	struct val v[] = { val_i64(5), val_text(VAL_STR, "hello", 5), VAL_NULLV,
			   val_text(VAL_JSON, "[]", 2) };

	fix_init(&f);
	T_INT(buf_room(&f.rows, 1000), 0);
	memset(f.rows.p, 0xee, f.rows.cap);
	T_INT(read_s(&f, "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5}"), 0);
	f.rows.n = 0;
	memset(f.rows.p, 0xee, f.rows.cap);
	T_INT(read_s(&f, "{\"a\":5,\"b\":\"hello\",\"c\":null,\"e\":[ ]}"), 0);
	T_INT(rowb_begin(&w, &want, 5, ROW_INSERT, ROW_NOTIME), 0);
	T_INT(rowb_set(&w, 0, &v[0]), 0);
	T_INT(rowb_set(&w, 1, &v[1]), 0);
	T_INT(rowb_set(&w, 2, &v[2]), 0);
	T_INT(rowb_set(&w, 4, &v[3]), 0);
	T_INT(rowb_end(&w), 0);
	T_INT(f.rows.n, want.n);
	T_OK(f.rows.n == want.n && memcmp(f.rows.p, want.p, want.n) == 0);
	buf_fini(&want);
	fix_fini(&f);
}

T(records_print_as_they_came)
{
	both("{}", "{}");
	both(" \t\r\n{ } \n", "{}");
	both("{\"a\":1}", "{\"a\":1}");
	both(" { \"a\" : 1 , \"b\" : \"x y\" , \"c\" : [ 1 , { \"d e\" : \" \\\" \" } ] } ",
	     "{\"a\":1,\"b\":\"x y\",\"c\":[1,{\"d e\":\" \\\" \"}]}");
	both("{\"\":1,\"a b\":2,\"\\u00fc\":3,\"\\\"\":4}",
	     "{\"\":1,\"a b\":2,\"ü\":3,\"\\\"\":4}");
	both("{\"a\":\"\\u0041\\n\\/\\ud83d\\ude80\\u20ac\\u00e9\"}", "{\"a\":\"A\\n/🚀€é\"}");
	both("{\"a\":\"\\u0000\"}", "{\"a\":\"\\u0000\"}");
	both("{\"a\":[\"\\u0041\"]}", "{\"a\":[\"\\u0041\"]}"); /* nested: byte for byte */
	both("{\"a\":1e400,\"b\":-18446744073709551616}",
	     "{\"a\":1e400,\"b\":-18446744073709551616}");
	both("{\"a\":1,\"b\":2,\"a\":\"last\"}", "{\"a\":\"last\",\"b\":2}");
	both("{\"a\":\"x\",\"a\":null}", "{\"a\":null}");
	both("{\"a\":\"x\",\"a\":\"\"}", "{\"a\":\"\"}");
	both("{\"b\":1,\"\\u0062\":2}", "{\"b\":2}");
	both("{\"a\":1.0,\"b\":1.50,\"c\":1e5,\"d\":-0,\"e\":0.1}",
	     "{\"a\":1.0,\"b\":1.5,\"c\":100000.0,\"d\":-0,\"e\":0.1}");
	both("{\"a\":\"grüße aus köln, 0123456789 🚀\"}",
	     "{\"a\":\"grüße aus köln, 0123456789 🚀\"}");
	both("{\"a\":{},\"b\":[],\"c\":[[]],\"d\":{\"e\":{}}}",
	     "{\"a\":{},\"b\":[],\"c\":[[]],\"d\":{\"e\":{}}}");
}

T(numbers_in_records_are_exact)
{
	static const char *const same[] = { "0",
					    "7",
					    "-7",
					    "12345678",
					    "123456789",
					    "123456789012345",
					    "1234567890123456",
					    "-123456789012345678",
					    "9223372036854775807",
					    "-9223372036854775808",
					    "0.5",
					    "-0.5",
					    "12.34",
					    "99.99",
					    "0.000001",
					    "1234567.25",
					    "52.5200066",
					    "13.40495401",
					    "123456789.123456",
					    "0.1234567890123456",
					    "1e-7",
					    "1.5e+300",
					    "-1.7976931348623157e+308",
					    "5e-324",
					    "3.141592653589793",
					    "12345678.5",
					    "1.0",
					    "-3.0" };
	char s[100], want[100];

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		snprintf(s, sizeof(s), "{\"a\":%s,\"b\": %s }", same[i], same[i]);
		snprintf(want, sizeof(want), "{\"a\":%s,\"b\":%s}", same[i], same[i]);
		both(s, want);
	}
}

/* Every length of string, with something odd at every place. */
T(strings_of_all_lengths)
{
	static const char *const odd[] = { "", "ü", "\\n", "€", "\\u00e9", "\\\\", "🚀" };
	static const char *const out[] = { "", "ü", "\\n", "€", "é", "\\\\", "🚀" };
	char s[200], want[200];

	for (int n = 0; n < 50; n++)
		for (int at = 0; at <= n; at++)
			for (size_t k = at == 0 ? 0 : 1; k < 7; k++) {
				struct fix f;

				snprintf(s, sizeof(s), "{\"a\":\"%.*s%s%.*s\",\"b\":1}", at,
					 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
					 odd[k], n - at,
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ");
				snprintf(want, sizeof(want), "{\"a\":\"%.*s%s%.*s\",\"b\":1}", at,
					 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
					 out[k], n - at,
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ");
				fix_init(&f);
				T_INT(read_s(&f, s), 0);
				T_STR(printed(&f), want);
				fix_fini(&f);
			}
}

T(faults_tell_what_and_where)
{
	static const struct {
		const char *s;
		size_t at;
		const char *reason;
	} t[] = {
		{ "", 0, "the text ends too early" },
		{ "1", 0, "expected an object" },
		{ "[1]", 0, "expected an object" },
		{ "{", 1, "the text ends too early" },
		{ "{\"a\":1", 6, "the text ends too early" },
		{ "{\"a\":", 5, "the text ends too early" },
		{ "{\"a\"", 4, "the text ends too early" },
		{ "{\"a\":\"x", 7, "the text ends too early" },
		{ "{\"a\":[1", 7, "the text ends too early" },
		{ "{\"a\":1 \"b\":2}", 7, "expected ',' or '}'" },
		{ "{\"a\":1]", 6, "expected ',' or '}'" },
		{ "{\"a\":1,}", 7, "expected a name in quotes" },
		{ "{a:1}", 1, "expected a name in quotes" },
		{ "{\"a\" 1}", 5, "expected ':'" },
		{ "{\"a\":x}", 5, "expected a value" },
		{ "{\"a\":}", 5, "expected a value" },
		{ "{\"a\":+1}", 5, "expected a value" },
		{ "{\"a\":01}", 5, "a number begins with 0" },
		{ "{\"a\":-}", 6, "expected a digit" },
		{ "{\"a\":trux}", 5, "expected a value" },
		{ "{\"a\":\"x\x01\"}", 7, "control character in a string" },
		{ "{\"a\":\"x\\q\"}", 7, "unknown escape in a string" },
		{ "{\"a\":\"x\\u12g4\"}", 9, "expected four hex digits behind \\u" },
		{ "{\"a\":\"\\udc00\"}", 6, "lone surrogate in a string" },
		{ "{\"a\":\"x\xff\"}", 7, "bad UTF-8 in a string" },
		{ "{\"a\":[1,}", 8, "expected a value" },
		{ "{\"a\":[1}", 7, "expected ',' or ']'" },
		{ "{\"a\":1}x", 7, "text behind the object" },
		{ "{\"a\":1}{\"a\":2}", 7, "text behind the object" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct fix f;

		fix_init(&f);
		for (f.behind = 0; f.behind < NBEHINDS; f.behind++)
			for (int known = 0; known < 2;
			     known++) { /* with "a" in the schema, the other way */
				T_INT(read_s(&f, t[i].s), FERR_DATA);
				T_INT(f.rows.n, 0);
				if (f.bad.at != t[i].at)
					T_FAIL("'%s' is bad at %zu, not %zu", t[i].s, f.bad.at,
					       t[i].at);
				if (known == 0 && f.behind == 0)
					T_INT(f.schema.n, 0); /* a bad record teaches no names */
				T_INT(schema_add(&f.schema, "a", 1), 0);
				if (known == 1)
					T_STR(f.bad.reason, t[i].reason);
			}
		fix_fini(&f);
	}
}

T(every_cut_of_a_record_is_refused)
{
	const char *s = "{\"id\":123,\"user\":\"u0047\\n11\",\"amount\":12.34,\"ok\":true,\"no\":"
			"false,\"x\":null,"
			"\"geo\":{\"lat\":52.52,\"t\":[\"a\",true,1e5,\"\\ud83d\\ude80\"]},"
			"\"time\":123456789012345678}";
	struct fix f;

	fix_init(&f);
	T_INT(read_s(&f, s), 0);
	T_STR(printed(&f), s);
	f.rows.n = 0;
	for (f.behind = 0; f.behind < NBEHINDS; f.behind++)
		for (size_t n = 0; n < strlen(s); n++) {
			T_INT(read_n(&f, s, n), FERR_DATA);
			T_INT(f.bad.at, n);
			T_INT(f.rows.n, 0);
		}
	/* what follows is the rest itself */
	for (size_t n = 0; n < strlen(s); n++) {
		char *copy = calloc(1, strlen(s) + 2 * BUF_SLACK);

		memcpy(copy, s, strlen(s));
		T_INT(json_read(f.r, (uint8_t *)copy, n, &f.rows, &f.bad), FERR_DATA);
		T_INT(f.bad.at, n);
		free(copy);
	}
	fix_fini(&f);
}

T(fields_keep_the_order_of_first_appearance)
{
	struct fix f;

	fix_init(&f);
	T_INT(read_s(&f, "{\"a\":1,\"b\":2}"), 0);
	T_INT(read_s(&f, "{\"c\":3,\"a\":1}"), 0);
	T_STR(printed(&f), "{\"a\":1,\"c\":3}");
	T_INT(read_s(&f, "{\"d\":4,\"c\":3,\"b\":2,\"a\":1}"), 0);
	T_STR(printed(&f), "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}");
	T_INT(f.schema.n, 4);
	fix_fini(&f);
}

/* All orders of five names, some missing, in turns: the memory of the line before never lies. */
T(any_order_of_names)
{
	static const char *const names[] = { "a", "bbbbbbbbbbbbbbb", "cccccccccccccccc",
					     "ddddddddddddddddddddddddddddd", "e" };
	char s[300], want[300];
	uint64_t x = 7;
	struct fix f;

	fix_init(&f);
	T_INT(read_s(&f, "{\"a\":0,\"bbbbbbbbbbbbbbb\":0,\"cccccccccccccccc\":0,"
			 "\"ddddddddddddddddddddddddddddd\":0,\"e\":0}"),
	      0);
	for (int i = 0; i < 20000; i++) {
		int left[5] = { 1, 1, 1, 1, 1 }, vals[5] = { 0 }, n = 0, len = 0;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		len += sprintf(s, "{");
		for (uint64_t y = x >> 20; n < 5 && (n < 3 || (y & 1)); n++, y /= 5) {
			int k = (int)(y % 5);

			while (!left[k])
				k = (k + 1) % 5;
			left[k] = 0;
			vals[k] = i;
			len += sprintf(s + len, "%s\"%s\":%d", n == 0 ? "" : ",", names[k], i);
		}
		sprintf(s + len, "}");
		len = sprintf(want, "{");
		for (int k = 0; k < 5; k++)
			if (!left[k])
				len += sprintf(want + len, "%s\"%s\":%d", len == 1 ? "" : ",",
					       names[k], vals[k]);
		sprintf(want + len, "}");
		f.rows.n = 0;
		T_INT(read_s(&f, s), 0);
		T_STR(printed(&f), want);
	}
	fix_fini(&f);
}

T(only_named_columns)
{
	static const char *const names[] = { "user", "a\"b" };
	static const unsigned to[] = { 1, 0 };
	struct fix f;
	char s[64];

	fix_init(&f);
	schema_add(&f.schema, "a\"b", 3);
	schema_add(&f.schema, "user", 4);
	T_INT(json_reader_only(f.r, names, to, 2), 0);
	T_INT(read_s(&f, "{\"x\":1,\"user\":\"u\",\"y\":{\"user\":2},\"a\\\"b\":3,\"z\":[1, 2]}"),
	      0);
	T_STR(printed(&f), "{\"a\\\"b\":3,\"user\":\"u\"}");
	T_INT(read_s(&f, "{\"x\":1,\"user\":\"v\",\"y\":\"\\u0041\",\"a\\\"b\":4.5,\"z\":1e999}"),
	      0);
	T_STR(printed(&f), "{\"a\\\"b\":4.5,\"user\":\"v\"}");
	T_INT(f.schema.n, 2);
	T_INT(read_s(&f, "{\"x\":01,\"user\":\"v\"}"), FERR_DATA);
	T_INT(read_s(&f, "{\"x\":\"\xff\"}"), FERR_DATA);
	for (int i = 0; i < 20000; i++) { /* more names than are remembered */
		f.rows.n = 0;
		snprintf(s, sizeof(s), "{\"name%d\":1,\"user\":%d}", i, i);
		T_INT(read_s(&f, s), 0);
		T_INT(row_raw(f.rows.p, 1).i, i);
	}
	fix_fini(&f);
}

T(limits_are_named)
{
	struct fix f;
	struct buf b = BUF_INIT;

	fix_init(&f);
	buf_printf(&b, "{");
	for (int i = 0; i < SCHEMA_MAX; i++)
		buf_printf(&b, "%s\"f%d\":%d", i == 0 ? "" : ",", i, i);
	buf_puts(&b, "}");
	T_INT(read_n(&f, (char *)b.p, b.n), 0);
	T_MEM(printed(&f), f.text.n, (char *)b.p, b.n);
	f.rows.n = 0;
	T_INT(read_s(&f, "{\"f1\":1,\"one more\":2}"), FERR_LIMIT);
	T_INT(f.bad.at, 8);
	T_INT(f.rows.n, 0);
	fix_fini(&f);

	fix_init(&f);
	b.n = 0;
	buf_printf(&b, "{\"%04097d\":1}", 0);
	T_INT(read_n(&f, (char *)b.p, b.n), FERR_LIMIT);
	T_INT(f.schema.n, 0);
	b.n = 0;
	buf_printf(&b, "{\"%04096d\":1}", 0);
	T_INT(read_n(&f, (char *)b.p, b.n), 0);
	T_INT(f.schema.n, 1);
	f.rows.n = b.n = 0;
	buf_puts(&b, "{\"a\":\"");
	T_INT(buf_room(&b, ROW_MAX), 0);
	memset(b.p + b.n, 'x', ROW_MAX);
	b.n += ROW_MAX;
	buf_puts(&b, "\"}");
	T_INT(read_n(&f, (char *)b.p, b.n), FERR_LIMIT);
	T_INT(f.rows.n, 0);
	buf_fini(&b);
	fix_fini(&f);
}

/* ---- the corpus ---- */

static size_t
skip_exact(const char *s, size_t n, struct json_bad *bad)
{
	uint8_t *copy = malloc(n + 1);
	size_t used;

	memcpy(copy, s, n);
	used = json_skip(copy, n, bad);
	free(copy);
	return used;
}

static bool
only_blanks(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && strchr(" \t\r\n", s[i]) != NULL && s[i] != '\0')
		i++;
	return i == n;
}

static void
corpus_file(const char *name)
{
	char path[600];
	struct buf b = BUF_INIT;
	struct json_bad bad;
	bool good, object;
	size_t used, first = 0;
	FILE *f;
	int c;

	snprintf(path, sizeof(path), GOLDEN "/%s", name);
	if ((f = fopen(path, "rb")) == NULL) {
		T_FAIL("no file %s", path);
		return;
	}
	while ((c = getc(f)) != EOF)
		buf_putc(&b, (uint8_t)c);
	fclose(f);
	buf_room(&b, 1);
	used = skip_exact((char *)b.p, b.n, &bad);
	good = used != 0 && only_blanks((char *)b.p + used, b.n - used);
	if (good != (name[0] != 'n'))
		T_FAIL("json_skip and %s: %s", name, good ? "accepted" : bad.reason);
	while (first < b.n && strchr(" \t\r\n", b.p[first]) != NULL)
		first++;
	object = first < b.n && b.p[first] == '{';
	for (unsigned i = 0; i < NBEHINDS; i++) {
		struct fix x;

		fix_init(&x);
		x.behind = i;
		good = read_n(&x, (char *)b.p, b.n) == 0;
		if (good != (object && name[0] != 'n'))
			T_FAIL("json_read and %s: %s", name, good ? "accepted" : x.bad.reason);
		if (good)
			printed(&x);
		fix_fini(&x);
	}
	buf_fini(&b);
}

T(the_corpus_is_judged_rightly)
{
	DIR *d = opendir(GOLDEN);
	struct dirent *e;
	int n = 0;

	T_OK(d != NULL);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".json") != NULL) {
			corpus_file(e->d_name);
			n++;
		}
	T_OK(n >= 150);
	if (d != NULL)
		closedir(d);
}

T(skip_tells_the_length)
{
	struct json_bad bad;

	T_INT(skip_exact("{\"a\":[1]},2", 11, &bad), 9);
	T_INT(skip_exact("  12,", 5, &bad), 4);
	T_INT(skip_exact("\"a]\"]", 5, &bad), 4);
	T_INT(skip_exact("[1,", 3, &bad), 0);
	T_INT(bad.at, 3);
	T_INT(skip_exact("[1,]", 4, &bad), 0);
	T_INT(bad.at, 3);
	T_INT(skip_exact("tru", 3, &bad), 0);
	T_INT(bad.at, 3);
	T_INT(skip_exact("\"\\u12", 5, &bad), 0);
	T_INT(bad.at, 5);
	T_INT(skip_exact("\"\\ud800\\", 8, &bad), 0);
	T_INT(bad.at, 8);
	T_INT(skip_exact("-", 1, &bad), 0);
	T_INT(bad.at, 1);
}

/* ---- values ---- */

static struct val
value(const char *s, struct buf *arena)
{
	size_t n = strlen(s);
	uint8_t *copy = malloc(n + 1);
	struct json_bad bad;
	struct val v = { .t = VAL_ABSENT };

	memcpy(copy, s, n);
	T_INT(json_value(copy, n, arena, &v, &bad), 0);
	free(copy); /* v must not need it */
	return v;
}

T(any_value)
{
	struct buf a = BUF_INIT;
	struct json_bad bad;
	struct val v;

	v = value(" [ 1, \"a b\" ] ", &a);
	T_INT(v.t, VAL_JSON);
	T_MEM(v.s, v.n, "[1,\"a b\"]", 9);
	v = value("\"x\\ty\"", &a);
	T_INT(v.t, VAL_STR);
	T_MEM(v.s, v.n, "x\ty", 3);
	v = value("\"plain\"", &a);
	T_MEM(v.s, v.n, "plain", 5);
	v = value("\"\"", &a);
	T_OK(v.t == VAL_STR && v.n == 0);
	T_INT(value("42", &a).i, 42);
	T_OK(value("4.5", &a).f == 4.5);
	T_INT(value("null", &a).t, VAL_NULL);
	T_INT(value(" true", &a).i, 1);
	T_INT(value("false ", &a).i, 0);
	v = value("1e999", &a);
	T_INT(v.t, VAL_JSON);
	T_MEM(v.s, v.n, "1e999", 5);
	T_INT(json_value((const uint8_t *)"1 2", 3, &a, &v, &bad), FERR_DATA);
	T_INT(json_value((const uint8_t *)"", 0, &a, &v, &bad), FERR_DATA);
	T_INT(json_value((const uint8_t *)"[1", 2, &a, &v, &bad), FERR_DATA);
	buf_fini(&a);
}

T(members_of_objects)
{
	struct buf a = BUF_INIT;
	int room = buf_room(&a, 10000); /* the values below stay where they are */
	struct val
	    o = value(
		"{\"a\":1,\"b\":{\"c\":[1,2]},\"d\\n\":\"x\\\"y\",\"a\":2,\"e\":\"\",\"f\":null}",
		&a),
	    v, w;

	T_INT(room, 0);
	T_INT(json_member(&o, "a", 1, &a, &v), 0);
	T_OK(v.t == VAL_I64 && v.i == 2);
	T_INT(json_member(&o, "b", 1, &a, &v), 0);
	T_MEM(v.s, v.n, "{\"c\":[1,2]}", 11);
	T_INT(json_member(&v, "c", 1, &a, &w), 0);
	T_MEM(w.s, w.n, "[1,2]", 5);
	T_INT(json_member(&o, "d\n", 2, &a, &v), 0);
	T_MEM(v.s, v.n, "x\"y", 3);
	T_INT(json_member(&o, "e", 1, &a, &v), 0);
	T_OK(v.t == VAL_STR && v.n == 0);
	T_INT(json_member(&o, "f", 1, &a, &v), 0);
	T_INT(v.t, VAL_NULL);
	T_INT(json_member(&o, "c", 1, &a, &v), 0);
	T_INT(v.t, VAL_ABSENT);
	T_INT(json_member(&o, "", 0, &a, &v), 0);
	T_INT(v.t, VAL_ABSENT);
	T_INT(json_member(&w, "c", 1, &a, &v), 0);
	T_INT(v.t, VAL_ABSENT);
	v = val_i64(3);
	T_INT(json_member(&v, "c", 1, &a, &w), 0);
	T_INT(w.t, VAL_ABSENT);
	o = value("{}", &a);
	T_INT(json_member(&o, "c", 1, &a, &v), 0);
	T_INT(v.t, VAL_ABSENT);
	buf_fini(&a);
}

T(elements_of_arrays)
{
	struct buf a = BUF_INIT;
	struct val l = value("[1,\"b\",[3],{\"d\":4},null]", &a), v;
	static const uint8_t types[] = { VAL_I64, VAL_STR, VAL_JSON, VAL_JSON, VAL_NULL };
	size_t pos = 0;

	T_INT(json_count(&l), 5);
	for (int i = -2; i < 7; i++) {
		T_INT(json_elem(&l, i, &a, &v), 0);
		T_INT(v.t, i >= 0 && i < 5 ? types[i] : VAL_ABSENT);
	}
	for (int i = 0; i < 5; i++) {
		T_OK(json_next(&l, &pos, &a, &v));
		T_INT(v.t, types[i]);
	}
	T_OK(!json_next(&l, &pos, &a, &v));
	T_OK(!json_next(&l, &pos, &a, &v));
	l = value("[]", &a);
	pos = 0;
	T_INT(json_count(&l), 0);
	T_OK(!json_next(&l, &pos, &a, &v));
	l = value("{}", &a);
	T_INT(json_count(&l), -1);
	T_OK(!json_next(&l, &pos, &a, &v));
	v = val_text(VAL_JSON, "123456789012345678901", 21);
	T_INT(json_count(&v), -1);
	buf_fini(&a);
}

/* ---- writing ---- */

T(writing_types_cells_and_leaves_out)
{
	struct fix f;
	struct rowb w;
	struct val v[] = { val_text(VAL_CELL, "5", 1), val_text(VAL_CELL, "007", 3),
			   val_text(VAL_CELL, "", 0), val_time(1704448800123),
			   val_text(VAL_BYTES, "abc", 3) };

	fix_init(&f);
	T_INT(schema_add(&f.schema, "num", 3), 0);
	T_INT(schema_add(&f.schema, "str", 3), 1);
	T_INT(schema_add_hidden(&f.schema, "key", 3), 2);
	T_INT(schema_add(&f.schema, "nul", 3), 3);
	T_INT(schema_add(&f.schema, "t\n", 2), 4);
	T_INT(schema_add(&f.schema, "absent", 6), 5);
	T_INT(schema_add(&f.schema, "bytes", 5), 6);
	T_INT(rowb_begin(&w, &f.rows, 7, ROW_INSERT, 0), 0);
	T_INT(rowb_set(&w, 0, &v[0]), 0);
	T_INT(rowb_set(&w, 1, &v[1]), 0);
	T_INT(rowb_set(&w, 2, &v[0]), 0);
	T_INT(rowb_set(&w, 3, &v[2]), 0);
	T_INT(rowb_set(&w, 4, &v[3]), 0);
	T_INT(rowb_set(&w, 6, &v[4]), 0);
	T_INT(rowb_end(&w), 0);
	T_STR(printed(&f),
	      "{\"num\":5,\"str\":\"007\",\"nul\":null,\"t\\n\":\"2024-01-05T10:00:00.123Z\","
	      "\"bytes\":\"YWJj\"}");
	fix_fini(&f);
}

/* What json_read_line makes of s[0..n), with the byte `behind` all over the slack. */
static size_t
quick(struct fix *f, const char *s, size_t n, char behind)
{
	uint8_t *copy = malloc(n + BUF_SLACK);
	size_t used;

	memset(copy + n, behind, BUF_SLACK);
	memcpy(copy, s, n);
	used = json_read_line(f->r, copy, n, &f->rows);
	free(copy);
	return used;
}

T(whole_lines_go_the_quick_way)
{
	static const struct {
		const char *line;
		bool taken;
	} t[] = {
		{ "{\"a\":1,\"b\":\"x\"}\n", true },
		{ "{\"b\":\"\\u00fc\u00fc\",\"a\":1e300}\r\n", true },
		{ "{\"a\":{\"k\":[1,-2.5,\"\",{\"l\":[3]}]},\"b\":[true,1E2]} \n", true },
		{ "{ \"a\": 123456789012345678901 , \"b\" :[1, 2] }\t\n", true },
		{ "{\"a\": [true, null, {\"l\": [], \"m\": {}}], \"b\": false}\n", true },
		{ "{\"a\":1}x\n", false },
		{ "{\"a\":1, \n\"b\":2}\n", false },
		{ "{\"a\":[1, \n2]}\n", false },
		{ "{\"a\":1,}\n", false },
		{ "{\"a\":1\n}\n", false },
		{ "{\"a\":1,\n\"b\":2}\n", false },
		{ "{\"a\":\n1}\n", false },
		{ "{\"a\"\n:1}\n", false },
		{ "{\"a\":[1,\n2]}\n", false },
		{ "{\"a\":\"x\ny\"}\n", false },
		{ "{\"a\":1,\"new\":2}\n", false },
		{ "[1]\n", false },
		{ "\n", false },
	};
	struct fix f;

	fix_init(&f);
	T_INT(read_s(&f, "{\"a\":0,\"b\":0}"), 0);
	T_INT(buf_room(&f.rows, 4096), 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		size_t n = strlen(t[i].line), before;
		char exact[256];

		f.rows.n = 0;
		if (t[i].taken) {
			T_INT(read_n(&f, t[i].line, n - 1), 0);
			snprintf(exact, sizeof(exact), "%s", printed(&f));
			f.rows.n = 0;
		}
		T_INT(quick(&f, t[i].line, n, '"'), t[i].taken ? n : 0);
		if (t[i].taken)
			T_STR(printed(&f), exact);
		before = f.rows.n;
		for (size_t k = 0; k < n; k++) { /* cut short it is none, whatever is behind */
			T_INT(quick(&f, t[i].line, k, '\n'), 0);
			T_INT(quick(&f, t[i].line, k, '1'), 0);
			T_INT(quick(&f, t[i].line, k, '}'), 0);
		}
		T_INT(f.rows.n, before);
	}
	f.rows.n = f.rows.cap - 60; /* it does not grow what it appends to */
	T_INT(quick(&f, t[0].line, strlen(t[0].line), '1'), 0);
	fix_fini(&f);
}

/* One writer may meet several schemas. */
T(a_writer_serves_changing_schemas)
{
	struct json_writer *w;
	struct buf out = BUF_INIT;

	T_INT(json_writer_new(&w), 0);
	for (int i = 0; i < 20; i++) {
		struct fix f;
		char s[64];

		fix_init(&f);
		snprintf(s, sizeof(s), "{\"x%d\":1,\"y%d\":\"z\"}", i, 20 - i);
		T_INT(read_s(&f, s), 0);
		out.n = 0;
		T_INT(json_write(w, &f.schema, f.rows.p, &out), 0);
		T_STR(buf_cstr(&out), s);
		fix_fini(&f);
	}
	json_writer_free(w);
	buf_fini(&out);
}

T_MAIN
