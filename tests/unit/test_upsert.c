/* test_upsert: of the rows of an epoch one per key, in the order in which the keys came. */
#include "conn/upsert.h"
#include "t.h"

#define KEYS 5000

struct bed {
	struct upsert *u;
	struct fmt_writer *w;
	struct schema schema;
	struct buf row, text;
};

/* Rows {k, v, w} of a changing stream, keyed by k unless --key says otherwise. */
static void
bed_open(struct bed *b, const char *key, enum fmt_kind format, int64_t mem)
{
	struct upsert_conf conf = { .key = key, .format = format, .mem = mem };

	*b = (struct bed){ 0 };
	schema_init(&b->schema);
	T_INT(schema_add(&b->schema, "k", 1), 0);
	T_INT(schema_add(&b->schema, "v", 1), 1);
	T_INT(schema_add(&b->schema, "w", 1), 2);
	b->schema.changing = true;
	b->schema.keyed = key == NULL;
	b->schema.nkey = key == NULL;
	b->schema.groups = key == NULL ? 128 : 0;
	T_INT(upsert_new(&b->u, &conf), 0);
	T_INT(upsert_bind(b->u, &b->schema), 0);
}

static void
bed_close(struct bed *b)
{
	upsert_free(b->u);
	fmt_writer_free(b->w);
	schema_fini(&b->schema);
	buf_fini(&b->row);
	buf_fini(&b->text);
}

static int
put(struct bed *b, enum row_kind kind, const char *k, int64_t v, const char *w)
{
	struct val val[] = { val_text(VAL_STR, k, strlen(k)), val_i64(v),
			     val_text(VAL_STR, w, strlen(w)) };
	struct rowb r;

	b->row.n = 0;
	T_INT(rowb_begin(&r, &b->row, 3, kind, 1000 + v), 0);
	for (unsigned i = 0; i < 3; i++)
		T_INT(rowb_set(&r, i, &val[i]), 0);
	T_INT(rowb_end(&r), 0);
	return upsert_put(b->u, b->row.p);
}

/* The epoch ends: its rows as NDJSON are this. */
static void
gives(struct bed *b, const char *want)
{
	struct fmt_write_conf conf = { .kind = FMT_JSON,
				       .changing = upsert_schema(b->u)->changing };
	const uint8_t *row = NULL, *came = NULL;
	int rc;

	if (b->w == NULL)
		T_INT(fmt_writer_new(&b->w, &conf), 0);
	b->text.n = 0;
	while ((rc = upsert_first(b->u, &row, &came)) != 0) {
		if (rc == FERR_DATA)
			T_INT(buf_puts(&b->text, "bad\n"), 0);
		else
			T_INT(fmt_write(b->w, upsert_schema(b->u), row, &b->text), 0);
		upsert_drop(b->u);
	}
	T_STR(buf_cstr(&b->text), want);
}

T(the_last_row_of_a_key_in_the_order_of_first_appearance)
{
	struct bed b;

	bed_open(&b, NULL, FMT_JSON, 1 << 20);
	put(&b, ROW_INSERT, "b", 1, "x");
	put(&b, ROW_INSERT, "a", 1, "x");
	put(&b, ROW_BEFORE, "b", 1, "x");
	put(&b, ROW_AFTER, "b", 2, "a longer text than the one before");
	gives(&b, "{\"k\":\"b\",\"v\":2,\"w\":\"a longer text than the one before\"}\n"
		  "{\"k\":\"a\",\"v\":1,\"w\":\"x\"}\n");
	gives(&b, "");
	bed_close(&b);
}

T(a_deletion_is_told_by_its_key_when_somebody_has_seen_the_row)
{
	struct bed b;

	bed_open(&b, NULL, FMT_JSON, 1 << 20);
	put(&b, ROW_INSERT, "a", 1, "x");
	put(&b, ROW_INSERT, "b", 1, "x");
	put(&b, ROW_DELETE, "b", 1, "x");
	gives(&b, "{\"k\":\"a\",\"v\":1,\"w\":\"x\"}\n");
	put(&b, ROW_DELETE, "a", 1, "x");
	gives(&b, "{\"op\":\"-D\",\"k\":\"a\"}\n");
	/* gone, and back in the same epoch */
	put(&b, ROW_DELETE, "a", 1, "x");
	put(&b, ROW_INSERT, "a", 2, "x");
	gives(&b, "{\"k\":\"a\",\"v\":2,\"w\":\"x\"}\n");
	bed_close(&b);
}

T(a_before_without_its_after_is_a_deletion)
{
	struct bed b;

	bed_open(&b, NULL, FMT_JSON, 1 << 20);
	put(&b, ROW_BEFORE, "a", 1, "x");
	put(&b, ROW_AFTER, "b", 1, "x");
	gives(&b, "{\"op\":\"-D\",\"k\":\"a\"}\n{\"k\":\"b\",\"v\":1,\"w\":\"x\"}\n");
	bed_close(&b);
}

T(the_key_may_be_said)
{
	struct bed b;

	bed_open(&b, "w, .v % 2", FMT_JSON, 1 << 20);
	put(&b, ROW_INSERT, "a", 1, "x");
	put(&b, ROW_INSERT, "b", 3, "x");
	put(&b, ROW_INSERT, "c", 2, "x");
	put(&b, ROW_INSERT, "d", 1, "y");
	gives(&b, "{\"k\":\"b\",\"v\":3,\"w\":\"x\"}\n{\"k\":\"c\",\"v\":2,\"w\":\"x\"}\n"
		  "{\"k\":\"d\",\"v\":1,\"w\":\"y\"}\n");
	put(&b, ROW_DELETE, "a", 4, "x");
	gives(&b, "{\"op\":\"-D\",\"v\":4,\"w\":\"x\"}\n");
	bed_close(&b);
}

T(a_key_that_cannot_be_seen_is_told_by_the_whole_record)
{
	struct bed b;

	bed_open(&b, NULL, FMT_JSON, 1 << 20);
	b.schema.key[0] = (uint16_t)schema_add_hidden(&b.schema, "key", 3);
	T_INT(upsert_bind(b.u, &b.schema), 0);
	put(&b, ROW_DELETE, "a", 1, "x");
	gives(&b, "{\"op\":\"-D\",\"k\":\"a\",\"v\":1,\"w\":\"x\"}\n");
	bed_close(&b);
}

T(frames_keep_kinds_without_before)
{
	struct bed b;

	bed_open(&b, NULL, FMT_FRAMES, 1 << 20);
	put(&b, ROW_INSERT, "a", 1, "x");
	put(&b, ROW_BEFORE, "a", 1, "x");
	put(&b, ROW_AFTER, "a", 2, "x");
	put(&b, ROW_DELETE, "b", 1, "x");
	put(&b, ROW_INSERT, "b", 2, "x");
	put(&b, ROW_DELETE, "c", 1, "x");
	gives(&b, "{\"op\":\"+I\",\"k\":\"a\",\"v\":2,\"w\":\"x\"}\n"
		  "{\"op\":\"+U\",\"k\":\"b\",\"v\":2,\"w\":\"x\"}\n"
		  "{\"op\":\"-D\",\"k\":\"c\"}\n");
	bed_close(&b);
}

T(csv_cannot_say_that_a_record_is_gone)
{
	struct bed b;

	bed_open(&b, NULL, FMT_CSV, 1 << 20);
	put(&b, ROW_DELETE, "a", 1, "x");
	put(&b, ROW_INSERT, "b", 1, "x");
	gives(&b, "bad\n{\"k\":\"b\",\"v\":1,\"w\":\"x\"}\n");
	bed_close(&b);
}

T(many_keys_epoch_after_epoch)
{
	static const unsigned keys[] = { KEYS, 3, KEYS, 0, KEYS / 2 };
	struct bed b;
	const uint8_t *row, *came;
	char k[16];

	bed_open(&b, NULL, FMT_JSON, 1 << 20);
	for (unsigned e = 0; e < sizeof(keys) / sizeof(keys[0]); e++) {
		for (unsigned i = 0; i < 3 * keys[e]; i++) {
			snprintf(k, sizeof(k), "%u", i % keys[e]);
			T_INT(put(&b, ROW_AFTER, k, i, ""), 0);
		}
		for (unsigned i = 0; i < keys[e]; i++) {
			T_INT(upsert_first(b.u, &row, &came), 1);
			T_INT(row_get(row, 1).i, 2 * keys[e] + i);
			upsert_drop(b.u);
		}
		T_INT(upsert_first(b.u, &row, &came), 0);
	}
	bed_close(&b);
}

T(memory_is_bounded_and_given_back)
{
	struct bed b;
	char k[16];
	int rc = 0, n = 0;

	bed_open(&b, NULL, FMT_JSON, 1 << 20);
	for (; rc == 0 && n < 100000; n++) {
		snprintf(k, sizeof(k), "%d", n);
		rc = put(&b, ROW_INSERT, k, n, "");
	}
	T_INT(rc, FERR_LIMIT);
	T_OK(n > 5000);
	/* what is held may change all the same */
	T_INT(put(&b, ROW_AFTER, "0", 7, ""), 0);
	bed_close(&b);
}

T(what_cannot_be_is_refused)
{
	struct upsert_conf conf = { .key = "lower(", .format = FMT_JSON, .mem = 1 << 20 };
	struct upsert *u = NULL;
	struct schema s;

	T_INT(upsert_new(&u, &conf), FERR_USAGE);
	conf.key = "";
	T_INT(upsert_new(&u, &conf), FERR_USAGE);
	conf.key = NULL;
	schema_init(&s);
	T_INT(upsert_new(&u, &conf), 0);
	T_INT(upsert_bind(u, &s), FERR_USAGE); /* no key */
	s.keyed = s.changing = true;
	s.groups = 1;
	T_INT(upsert_bind(u, &s), 0);
	T_INT(schema_add(&s, "op", 2), 0);
	T_INT(upsert_bind(u, &s), FERR_USAGE);
	s.changing = false; /* then there is no -D either */
	T_INT(upsert_bind(u, &s), 0);
	upsert_free(u);
	schema_fini(&s);
}

T_MAIN
