/*
 * fuzz_json -- json_read against jansson: both accept a text or both refuse it, and what they
 * accepted has the same values.  Then the row is printed and read again, and looked into.
 *
 * Known differences, which are no faults: nesting (512 here, 2048 there), NUL in names and numbers
 *beyond i64 and f64 (refused there), an array at the top (refused here), -0 (an integer there), a
 *NUL byte behind a token (skipped there).
 *
 * The first byte of the input fills the bytes behind the text; they must not matter.
 *	clang -g -O1 -fsanitize=fuzzer,address,undefined -std=c17 -D_GNU_SOURCE -Ilib
 *tests/fuzz/fuzz_json.c \ lib/fmt/json_*.c lib/row/[a-z]*.c lib/base/[a-z]*.c -ljansson -lm
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "fmt/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(c)                                                                           \
	do {                                                                              \
		if (!(c)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #c); \
			abort();                                                          \
		}                                                                         \
	} while (0)

/* Kept from input to input: the names of lines before must not matter either. */
static struct schema schema;
static struct json_reader *reader;
static struct json_writer *writer;

static void
start(void)
{
	if (schema.n > SCHEMA_MAX / 2) {
		json_reader_free(reader);
		schema_fini(&schema);
		reader = NULL;
	}
	if (reader == NULL) {
		schema_init(&schema);
		MUST(json_reader_new(&reader, &schema) == 0);
	}
	if (writer == NULL)
		MUST(json_writer_new(&writer) == 0);
}

/* Is v what jansson read? */
static bool
same(const struct val *v, const json_t *j)
{
	json_t *again;
	bool eq;

	switch (v->t) {
	case VAL_NULL: return json_is_null(j);
	case VAL_BOOL: return v->i ? json_is_true(j) : json_is_false(j);
	case VAL_I64: return json_is_integer(j) && json_integer_value(j) == v->i;
	case VAL_F64: return json_is_number(j) && json_number_value(j) == v->f;
	case VAL_STR:
		return json_is_string(j) && json_string_length(j) == v->n &&
		       memcmp(json_string_value(j), v->s, v->n) == 0;
	case VAL_JSON:
		again = json_loadb(v->s, v->n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		eq = again != NULL && json_equal(again, j);
		json_decref(again);
		return eq;
	default: return false;
	}
}

static void
compare_fields(const uint8_t *row, json_t *j)
{
	size_t present = 0;
	const char *name;
	json_t *member;

	for (unsigned i = 0; i < row_n(row); i++)
		present += row_tag(row, i) != VAL_ABSENT;
	MUST(present == json_object_size(j));
	json_object_foreach(j, name, member)
	{
		int i = schema_find(&schema, name, strlen(name));
		struct val v;

		MUST(i >= 0);
		v = row_raw(row, (unsigned)i);
		MUST(same(&v, member));
	}
}

/* What json_read and json_value make of the text; both must see the same fields. */
static void
look_up(const uint8_t *s, size_t n, const uint8_t *row)
{
	struct buf arena = BUF_INIT;
	struct json_bad bad;
	struct val object, v, want;

	MUST(buf_room(&arena, 4 * n + 64) == 0);
	MUST(json_value(s, n, &arena, &object, &bad) == 0);
	MUST(object.t == VAL_JSON && object.s[0] == '{');
	for (unsigned i = 0; i < row_n(row); i++) {
		size_t mark = arena.n;
		int c;

		want = row_raw(row, i);
		MUST(json_member(&object, schema.f[i].name, schema.f[i].n, &arena, &v) == 0);
		MUST(v.t == want.t);
		c = val_cmp(&v, &want);
		MUST(c == 0);
		if (v.t == VAL_JSON && v.s[0] == '[') {
			int64_t count = json_count(&v), k = 0;
			size_t pos = 0;
			struct val e, f;

			for (; json_next(&v, &pos, &arena, &e); k++) {
				MUST(json_elem(&v, k, &arena, &f) == 0);
				MUST(val_cmp(&e, &f) == 0);
				if (k > 20) {
					count = ++k;
					break;
				}
			}
			MUST(k == count);
		}
		arena.n = mark;
	}
	buf_fini(&arena);
}

/* Print, read, print: the texts are equal. */
static void
print_again(const uint8_t *row)
{
	struct buf a = BUF_INIT, b = BUF_INIT, rows = BUF_INIT;
	struct json_bad bad;

	MUST(json_write(writer, &schema, row, &a) == 0);
	MUST(buf_room(&a, BUF_SLACK) == 0);
	MUST(json_read(reader, a.p, a.n, &rows, &bad) == 0);
	MUST(json_write(writer, &schema, rows.p, &b) == 0);
	MUST(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&rows);
}

static bool
tolerated(const json_error_t *err)
{
	enum json_error_code code = json_error_code(err);

	return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

/* What the quick way takes, it takes as json_read would. */
static void
read_line(const uint8_t *text, size_t n)
{
	struct buf quick = BUF_INIT, exact = BUF_INIT;
	const uint8_t *nl = memchr(text, '\n', n);
	struct json_bad bad;
	size_t used;

	MUST(buf_room(&quick, ROW_HDR + 9 * SCHEMA_MAX + n + 16) == 0);
	if ((used = json_read_line(reader, text, n, &quick)) != 0) {
		MUST(nl != NULL && used == (size_t)(nl - text) + 1);
		MUST(json_read(reader, text, used - 1, &exact, &bad) == 0);
		MUST(quick.n == exact.n && memcmp(quick.p, exact.p, exact.n) == 0);
	}
	buf_fini(&quick);
	buf_fini(&exact);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf rows = BUF_INIT;
	struct json_bad bad = { 0, "" };
	json_error_t err;
	uint8_t *text;
	json_t *j;
	size_t used;
	int rc;

	if (n-- == 0)
		return 0;
	start();
	text = malloc(n + BUF_SLACK);
	MUST(text != NULL);
	memcpy(text, data + 1, n);
	memset(text + n, data[0], BUF_SLACK);
	rc = json_read(reader, text, n, &rows, &bad);
	read_line(text, n);
	j = json_loadb((const char *)text, n, JSON_ALLOW_NUL, &err);
	text = realloc(text, n != 0 ? n : 1); /* the others read nothing behind the text */
	MUST(text != NULL);
	used = json_skip(text, n, &bad);
	if (rc == 0) {
		MUST(row_check(rows.p, rows.n));
		MUST(used != 0);
		MUST(j != NULL || tolerated(&err));
		if (j != NULL)
			compare_fields(rows.p, j);
		look_up(text, n, rows.p);
		print_again(rows.p);
	} else if (rc == FERR_DATA) {
		MUST(rows.n == 0 && bad.at <= n);
		if (j != NULL && !json_is_array(j) && memchr(text, 0, n) == NULL)
			MUST(strstr(bad.reason, "nested deeper") != NULL);
	} else {
		MUST(rc == FERR_LIMIT);
	}
	json_decref(j);
	free(text);
	buf_fini(&rows);
	return 0;
}
