/* Schemas: names and numbers, growth, the wire form and what it refuses. */
#include "base/bytes.h"
#include "golden.h"
#include "row/schema.h"
#include "t.h"

#define HDR 24 /* of a frame; its payload is tested here */

static int
add(struct schema *s, const char *name)
{
	return schema_add(s, name, strlen(name));
}

T(fields_are_numbered_in_order_of_appearance)
{
	struct schema s;

	schema_init(&s);
	T_INT(schema_find(&s, "a", 1), -1);
	T_INT(add(&s, "a"), 0);
	T_INT(add(&s, "b"), 1);
	T_INT(add(&s, "a"), 0);
	T_INT(add(&s, ""), 2);
	T_INT(schema_add(&s, "a\0b", 3), 3);
	T_INT(schema_find(&s, "b", 1), 1);
	T_INT(schema_find(&s, "", 0), 2);
	T_INT(schema_find(&s, "a\0b", 3), 3);
	T_INT(schema_find(&s, "A", 1), -1);
	T_STR(s.f[1].name, "b");
	schema_fini(&s);
}

T(hidden_fields_are_not_found_by_name)
{
	struct schema s;

	schema_init(&s);
	T_INT(schema_add_hidden(&s, "key", 3), 0);
	T_INT(schema_find(&s, "key", 3), -1);
	T_INT(add(&s, "key"), 1);
	T_INT(schema_find(&s, "key", 3), 1);
	T_INT(schema_add_hidden(&s, "key", 3), 2);
	T_INT(s.f[0].flags, FIELD_HIDDEN);
	T_INT(s.f[1].flags, 0);
	schema_fini(&s);
}

T(a_schema_has_bounds)
{
	static char longest[SCHEMA_NAME_MAX + 1];
	char name[16];
	struct schema s;

	schema_init(&s);
	for (int i = 0; i < SCHEMA_MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		T_INT(add(&s, name), i);
	}
	for (int i = 0; i < SCHEMA_MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		T_INT(schema_find(&s, name, strlen(name)), i);
	}
	T_INT(add(&s, "more"), FERR_LIMIT);
	T_INT(schema_add_hidden(&s, "more", 4), FERR_LIMIT);
	T_INT(add(&s, "f7"), 7);
	schema_fini(&s);
	memset(longest, 'x', sizeof(longest));
	T_INT(schema_add(&s, longest, SCHEMA_NAME_MAX + 1), FERR_LIMIT);
	T_INT(schema_add(&s, longest, SCHEMA_NAME_MAX), 0);
	schema_fini(&s);
}

T(copy_is_a_schema_of_its_own)
{
	struct schema a, b;

	schema_init(&a);
	schema_init(&b);
	add(&b, "old");
	add(&a, "user");
	schema_add_hidden(&a, "key", 3);
	a.keyed = a.changing = true;
	a.nkey = 1;
	a.key[0] = 1;
	a.groups = 128;
	T_INT(schema_copy(&b, &a), 0);
	schema_fini(&a);
	T_INT(b.n, 2);
	T_INT(schema_find(&b, "user", 4), 0);
	T_INT(schema_find(&b, "old", 3), -1);
	T_INT(schema_find(&b, "key", 3), -1);
	T_OK(b.keyed && b.changing && b.nkey == 1 && b.key[0] == 1 && b.groups == 128);
	schema_fini(&b);
}

T(near_finds_the_nearest_visible_name)
{
	struct schema s;

	schema_init(&s);
	T_OK(schema_near(&s, "amount") == NULL);
	add(&s, "amount");
	T_STR(schema_near(&s, "amuont"), "amount");
	schema_fini(&s);
}

T(a_later_schema_only_appends)
{
	struct schema a, b;

	schema_init(&a);
	schema_init(&b);
	add(&a, "x");
	add(&b, "x");
	T_OK(schema_extends(&b, &a));
	add(&b, "y");
	T_OK(schema_extends(&b, &a));
	T_OK(!schema_extends(&a, &b));
	schema_add_hidden(&a, "y", 1);
	T_OK(!schema_extends(&b, &a));
	schema_fini(&a);
	schema_copy(&a, &b);
	a.keyed = true;
	a.groups = 128;
	T_OK(!schema_extends(&a, &b));
	schema_copy(&b, &a);
	b.nkey = 1;
	T_OK(!schema_extends(&b, &a));
	schema_fini(&a);
	schema_fini(&b);
}

T(wire_form_golden)
{
	static const char *const names[] = { "schema", "schema-empty", "schema-all" };
	struct buf gold = BUF_INIT, made = BUF_INIT;
	char path[128];
	struct schema s;

	schema_init(&s);
	for (unsigned i = 0; i < 3; i++) {
		gold.n = made.n = 0;
		snprintf(path, sizeof(path), "tests/golden/frame/%s.hex", names[i]);
		T_INT(golden_read(path, &gold), 0);
		T_INT(schema_decode(&s, gold.p + HDR, gold.n - HDR), 0);
		T_INT(schema_encode(&s, &made), 0);
		T_MEM(made.p, made.n, gold.p + HDR, gold.n - HDR);
		if (i == 0) {
			T_INT(s.n, 3);
			T_INT(schema_find(&s,
					  "gr\xc3\xb6\xc3\x9f"
					  "e",
					  7),
			      1);
			T_INT(schema_find(&s, "key", 3), -1);
			T_OK(s.keyed && !s.changing && s.nkey == 1 && s.key[0] == 2);
			T_INT(s.groups, 128);
		}
	}
	T_OK(s.keyed && s.changing && s.nkey == 0 && s.groups == 1);
	schema_fini(&s);
	buf_fini(&gold);
	buf_fini(&made);
}

/* Decode the golden schema with one byte changed. */
static int
changed(size_t at, uint8_t byte)
{
	struct buf b = BUF_INIT;
	struct schema s;
	int rc;

	schema_init(&s);
	golden_read("tests/golden/frame/schema.hex", &b);
	b.p[HDR + at] = byte;
	rc = schema_decode(&s, b.p + HDR, b.n - HDR);
	schema_fini(&s);
	buf_fini(&b);
	return rc;
}

T(wire_form_is_strict)
{
	/* 0 flags, 1 nkey, 2 n, 4 groups, 8 key; 10 "user" (4 + 4), 18 ... */
	T_INT(changed(0, 1), 0);
	T_INT(changed(0, 3), 0);
	T_INT(changed(0, 0), FERR_CORRUPT); /* groups and a key without "keyed" */
	T_INT(changed(0, 5), FERR_CORRUPT);
	T_INT(changed(1, 17), FERR_CORRUPT);
	T_INT(changed(2, 2), FERR_CORRUPT); /* key field 2 is not there */
	T_INT(changed(2, 4), FERR_CORRUPT);
	T_INT(changed(4, 0), FERR_CORRUPT); /* no groups */
	T_INT(changed(6, 2), FERR_CORRUPT); /* too many groups */
	T_INT(changed(8, 3), FERR_CORRUPT);
	T_INT(changed(10, 2), FERR_CORRUPT);
	T_INT(changed(11, 1), FERR_CORRUPT);
	T_INT(changed(12, 5), FERR_CORRUPT);
	T_INT(changed(14, 'U'), 0);
	T_INT(changed(14, 0xff), FERR_CORRUPT); /* not UTF-8 */
}

T(wire_form_refuses_every_cut_and_tail)
{
	struct buf b = BUF_INIT;
	struct schema s;

	schema_init(&s);
	golden_read("tests/golden/frame/schema.hex", &b);
	add(&s, "kept");
	for (size_t n = 0; n < b.n - HDR; n++) {
		uint8_t *p = malloc(n + 1); /* so that an over-read is seen */

		memcpy(p, b.p + HDR, n);
		T_INT(schema_decode(&s, p, n), FERR_CORRUPT);
		free(p);
	}
	buf_putc(&b, 0);
	T_INT(schema_decode(&s, b.p + HDR, b.n - HDR), FERR_CORRUPT);
	T_INT(schema_find(&s, "kept", 4), 0);
	schema_fini(&s);
	buf_fini(&b);
}

T(wire_form_refuses_a_visible_name_twice)
{
	static const uint8_t twice[] = { 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 'a', 0, 0, 1, 0, 'a' };
	uint8_t p[sizeof(twice)];
	struct schema s;

	schema_init(&s);
	memcpy(p, twice, sizeof(p));
	T_INT(schema_decode(&s, p, sizeof(p)), FERR_CORRUPT);
	p[13] = FIELD_HIDDEN;
	T_INT(schema_decode(&s, p, sizeof(p)), 0);
	schema_fini(&s);
}

T_MAIN
