/* Rows as the records that Kafka gets: key, partition, headers, time, value; and what a topic would
 * refuse is refused here. */
#include "conn/kafka_row.h"
#include "t.h"

#define WALL 1700000000000
#define STICKY 5
#define FIELDS_MAX 4

struct field_of {
	const char *name;
	struct val v;
};
struct in {
	int64_t time;
	enum row_kind kind;
	struct field_of f[FIELDS_MAX];
};

static struct val
str(const char *s)
{
	return val_text(VAL_STR, s, strlen(s));
}

/* A topic that takes nearly everything, and rows of k, n, v. */
struct rig {
	struct kafka_row_conf conf;
	struct kafka_topic t;
	struct schema s;
	struct kafka_row *row;
	struct buf in, out;
	struct kafka_rec rec; /* the last one */
};

static void
begin_stream(struct rig *r, bool changing, struct kafka_row_conf conf)
{
	*r = (struct rig){ .conf = conf,
			   .t = { .name = "topic",
				  .partitions = 12,
				  .message_max = 1048588,
				  .past_max = INT64_MAX,
				  .ahead_max = INT64_MAX } };
	if (r->conf.format == FMT_AUTO)
		r->conf.format = FMT_JSON;
	schema_init(&r->s);
	r->s.changing = changing;
	T_INT(schema_add(&r->s, "k", 1), 0);
	T_INT(schema_add(&r->s, "n", 1), 1);
	T_INT(schema_add(&r->s, "v", 1), 2);
	T_INT(kafka_row_new(&r->row, &r->conf), 0);
	T_INT(kafka_row_bind(r->row, &r->s), 0);
}

static void
begin(struct rig *r, struct kafka_row_conf conf)
{
	begin_stream(r, false, conf);
}

static void
end(struct rig *r)
{
	kafka_row_free(r->row);
	schema_fini(&r->s);
	buf_fini(&r->in);
	buf_fini(&r->out);
}

static int
put(struct rig *r, struct in in)
{
	struct rowb w;
	size_t at = r->out.n, used;
	int rc;

	r->in.n = 0;
	T_INT(rowb_begin(&w, &r->in, r->s.n, in.kind, in.time), 0);
	for (unsigned i = 0; i < FIELDS_MAX && in.f[i].name != NULL; i++) {
		int to = schema_find(&r->s, in.f[i].name, strlen(in.f[i].name));

		T_OK(to >= 0);
		T_INT(rowb_set(&w, (unsigned)to, &in.f[i].v), 0);
	}
	T_INT(rowb_end(&w), 0);
	ferr_clear();
	rc = kafka_row_put(r->row, &r->t, r->in.p, WALL, STICKY, &r->out);
	if (rc != 0)
		T_INT(r->out.n, at); /* nothing on error */
	else
		T_INT(kafka_rec_next(r->out.p + at, r->out.n - at, &r->rec, &used), 1);
	return rc;
}

static void
says(const char *text)
{
	if (strstr(ferr_text(), text) == NULL)
		T_FAIL("'%s' does not say '%s'", ferr_text(), text);
}

/* NULL: none. */
static void
is_key(const struct rig *r, const char *want)
{
	T_OK((r->rec.nkey == KAFKA_NONE) == (want == NULL));
	if (want == NULL || r->rec.nkey == KAFKA_NONE)
		return;
	T_MEM(r->rec.key, r->rec.nkey, want, strlen(want));
	T_INT(r->rec.partition,
	      kafka_partition_of((const uint8_t *)want, strlen(want), (int32_t)r->t.partitions));
}

static void
is_value(const struct rig *r, const char *want)
{
	T_OK((r->rec.nvalue == KAFKA_NONE) == (want == NULL));
	if (want != NULL && r->rec.nvalue != KAFKA_NONE)
		T_MEM(r->rec.value, r->rec.nvalue, want, strlen(want));
}

/* "name=value;name=value;" */
static void
has_headers(const struct rig *r, const char *want)
{
	const uint8_t *name, *value;
	struct buf b = BUF_INIT;
	uint32_t nvalue;
	uint16_t nname;
	size_t at = 0;

	while (kafka_rec_next_header(&r->rec, &at, &name, &nname, &value, &nvalue)) {
		buf_put(&b, name, nname);
		buf_puts(&b, "=");
		if (nvalue == KAFKA_NONE)
			buf_puts(&b, "NONE");
		else
			buf_put(&b, value, nvalue);
		buf_puts(&b, ";");
	}
	T_MEM(b.p, b.n, want, strlen(want));
	buf_fini(&b);
}

#define ROW(...) ((struct in){ .time = ROW_NOTIME, .f = { __VA_ARGS__ } })

/* ---- keys ---- */

T(a_key_of_one_part_is_plain_text)
{
	static const char bytes[] = { 'a', '\xff', 'b' };
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .key = "k" });
	T_INT(put(&r, ROW({ "k", str("a \"b\"") })), 0);
	is_key(&r, "a \"b\"");
	T_INT(put(&r, ROW({ "k", val_i64(-7) })), 0);
	is_key(&r, "-7");
	T_INT(put(&r, ROW({ "k", val_f64(0.5) })), 0);
	is_key(&r, "0.5");
	T_INT(put(&r, ROW({ "k", val_bool(true) })), 0);
	is_key(&r, "true");
	T_INT(put(&r, ROW({ "k", val_time(0) })), 0);
	is_key(&r, "1970-01-01T00:00:00Z");
	T_INT(put(&r, ROW({ "k", val_text(VAL_JSON, "[1,2]", 5) })), 0);
	is_key(&r, "[1,2]");
	T_INT(put(&r, ROW({ "k", val_text(VAL_CELL, "007", 3) })), 0);
	is_key(&r, "007");
	T_INT(put(&r, ROW({ "k", val_text(VAL_BYTES, bytes, 3) })), 0);
	T_MEM(r.rec.key, r.rec.nkey, bytes, 3);
	end(&r);
}

T(null_is_no_key_and_an_empty_text_is_one)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .key = ".k" });
	T_INT(put(&r, ROW({ "k", str("") })), 0);
	is_key(&r, "");
	T_INT(put(&r, ROW({ "k", VAL_NULLV })), 0);
	is_key(&r, NULL);
	T_INT(r.rec.partition, STICKY);
	T_INT(put(&r, ROW({ "n", val_i64(1) })), 0); /* absent */
	is_key(&r, NULL);
	T_INT(put(&r, ROW({ "k", val_text(VAL_CELL, "", 0) })), 0);
	is_key(&r, NULL);
	end(&r);
}

T(a_key_of_several_parts_is_a_json_array)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .key = "k, .n + 1, v" });
	T_INT(put(&r, ROW({ "k", str("a\"b") }, { "n", val_i64(1) }, { "v", val_bool(false) })), 0);
	is_key(&r, "[\"a\\\"b\",2,false]");
	T_INT(put(&r, ROW({ "n", val_i64(1) })), 0); /* nulls are part of it */
	is_key(&r, "[null,2,null]");
	T_INT(put(&r, ROW({ "n", str("x") })), FERR_DATA); /* "x" + 1 */
	end(&r);
}

T(without_key_it_is_that_of_the_stream)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ 0 });
	T_INT(put(&r, ROW({ "k", str("x") })), 0);
	is_key(&r, NULL);
	r.s.keyed = true; /* one key for all: none that could be told */
	T_INT(put(&r, ROW({ "k", str("x") })), 0);
	is_key(&r, NULL);
	r.s.nkey = 1;
	r.s.key[0] = 1;
	T_INT(put(&r, ROW({ "k", str("x") }, { "n", val_i64(3) })), 0);
	is_key(&r, "3");
	T_INT(put(&r, ROW({ "k", str("x") }, { "n", VAL_NULLV })), 0);
	is_key(&r, NULL);
	T_INT(put(&r, ROW({ "n", val_text(VAL_CELL, "3", 1) })), 0);
	is_key(&r, "3");
	r.s.nkey = 2;
	r.s.key[1] = 0;
	T_INT(put(&r, ROW({ "k", str("x") }, { "n", val_i64(3) })), 0);
	is_key(&r, "[3,\"x\"]");
	end(&r);
}

T(key_goes_before_that_of_the_stream)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .key = "v" });
	r.s.keyed = true;
	r.s.nkey = 1;
	r.s.key[0] = 1;
	T_INT(put(&r, ROW({ "n", val_i64(3) }, { "v", str("ours") })), 0);
	is_key(&r, "ours");
	end(&r);
}

T(keys_that_cannot_be_are_refused_at_once)
{
	struct kafka_row_conf conf = { .format = FMT_JSON };
	struct kafka_row *row = NULL;

	conf.key = "k,,n";
	T_INT(kafka_row_new(&row, &conf), FERR_USAGE);
	says("--key");
	conf.key = "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a";
	T_INT(kafka_row_new(&row, &conf), FERR_USAGE);
	says("at most 16 parts");
	conf.key = NULL;
	conf.partition = "1 +";
	T_INT(kafka_row_new(&row, &conf), FERR_USAGE);
	says("--partition");
	conf.partition = NULL;
	conf.header = "a";
	T_INT(kafka_row_new(&row, &conf), FERR_USAGE);
	says("--header");
	conf.header = "a = 1; b = )";
	T_INT(kafka_row_new(&row, &conf), FERR_USAGE);
	says("--header");
	T_OK(row == NULL);
}

/* ---- partitions ---- */

T(a_partition_is_one_of_the_topics)
{
	const struct field_of bad[] = {
		{ "n", val_i64(12) },	     { "n", val_i64(-1) },
		{ "n", val_i64(INT64_MAX) }, { "n", val_i64(INT64_C(1) << 32) },
		{ "n", val_f64(3.0) },	     { "n", str("3") },
		{ "n", val_bool(true) }
	};
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .key = "k", .partition = ".n" });
	T_INT(put(&r, ROW({ "k", str("a") }, { "n", val_i64(0) })), 0);
	T_INT(r.rec.partition, 0);
	T_INT(put(&r, ROW({ "k", str("a") }, { "n", val_i64(11) })), 0);
	T_INT(r.rec.partition, 11);
	T_INT(put(&r, ROW({ "n", val_text(VAL_CELL, "7", 1) })), 0);
	T_INT(r.rec.partition, 7);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		T_INT(put(&r, ROW({ "k", str("a") }, bad[i])), FERR_DATA);
		says("--partition gives ");
		says("topic topic has 12 partitions");
	}
	end(&r);
}

T(without_a_partition_the_key_decides_and_then_the_turn)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .key = "k", .partition = ".n" });
	T_INT(put(&r, ROW({ "k", str("a") }, { "n", VAL_NULLV })), 0);
	is_key(&r, "a");
	T_INT(put(&r, ROW({ "v", str("x") })), 0);
	T_INT(r.rec.partition, STICKY);
	r.t.partitions = 1;
	T_INT(put(&r, ROW({ "k", str("a") })), 0);
	T_INT(r.rec.partition, 0);
	end(&r);
}

/* ---- headers ---- */

T(headers_are_plain_text_and_null_is_left_out)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .header =
					       "from = 'shop'; n = .n + 1; \"a b\" = .v; n = 2" });
	T_INT(put(&r, ROW({ "n", val_i64(1) }, { "v", str("x;=") })), 0);
	has_headers(&r, "from=shop;n=2;a b=x;=;n=2;");
	T_INT(put(&r, ROW({ "v", str("") })), 0); /* .n + 1 is null */
	has_headers(&r, "from=shop;a b=;n=2;");
	T_INT(put(&r, ROW({ "n", str("x") })), FERR_DATA);
	end(&r);
}

T(headers_are_64_at_most)
{
	struct kafka_row_conf conf = { .format = FMT_JSON };
	struct kafka_row *row = NULL;
	struct buf b = BUF_INIT;

	for (unsigned i = 0; i < 64; i++)
		T_INT(buf_puts(&b, "h = 1;"), 0);
	conf.header = buf_cstr(&b);
	T_INT(kafka_row_new(&row, &conf), 0);
	kafka_row_free(row);
	T_INT(buf_puts(&b, "h = 1"), 0);
	conf.header = buf_cstr(&b);
	T_INT(kafka_row_new(&row, &conf), FERR_USAGE);
	says("at most 64 headers");
	buf_fini(&b);
}

/* ---- values ---- */

T(values_are_json_csv_tsv_or_raw_without_line_end)
{
	static const struct {
		enum fmt_kind format;
		const char *want;
	} v[] = { { FMT_JSON, "{\"k\":\"a\\\"\",\"n\":1,\"v\":\"x,y\"}" },
		  { FMT_CSV, "\"a\"\"\",1,\"x,y\"" },
		  { FMT_TSV, "a\"\t1\tx,y" } };
	struct rig r;

	for (unsigned i = 0; i < 3; i++) {
		begin(&r, (struct kafka_row_conf){ .format = v[i].format });
		for (unsigned k = 0; k < 2; k++) { /* no header line, first or later */
			T_INT(put(&r, ROW({ "k", str("a\"") }, { "n", val_i64(1) },
					  { "v", str("x,y") })),
			      0);
			is_value(&r, v[i].want);
		}
		end(&r);
	}
}

T(a_raw_value_is_the_one_field_as_it_is)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .format = FMT_RAW });
	T_INT(put(&r, ROW({ "k", str("a") }, { "n", val_i64(1) })), FERR_DATA);
	end(&r);
	begin(&r, (struct kafka_row_conf){ .format = FMT_RAW });
	T_INT(schema_add(&r.s, "line", 4), 3);
	T_INT(kafka_row_bind(r.row, &r.s), 0);
	T_INT(put(&r, ROW({ "line", val_text(VAL_BYTES, "\xff\0x", 3) })), 0);
	T_MEM(r.rec.value, r.rec.nvalue, "\xff\0x", 3);
	T_INT(put(&r, ROW({ "line", str("") })), 0);
	is_value(&r, "");
	T_INT(put(&r, ROW({ "line", str("two\n") })), 0); /* one line feed alone is ours */
	is_value(&r, "two\n");
	end(&r);
}

/* A column that came later has no place in csv. */
T(csv_keeps_the_columns_of_its_first_record)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .format = FMT_CSV });
	T_INT(put(&r, ROW({ "k", str("a") })), 0);
	is_value(&r, "a,,");
	T_INT(schema_add(&r.s, "late", 4), 3);
	T_INT(kafka_row_bind(r.row, &r.s), 0);
	T_INT(put(&r, ROW({ "k", str("a") }, { "late", str("x") })), FERR_DATA);
	end(&r);
}

T(of_a_changing_stream_every_row_tells_its_kind)
{
	struct rig r;
	struct in in = ROW({ "k", str("a") });

	begin_stream(&r, true, (struct kafka_row_conf){ .key = "k" });
	T_INT(put(&r, in), 0);
	is_value(&r, "{\"op\":\"+I\",\"k\":\"a\"}");
	in.kind = ROW_DELETE;
	T_INT(put(&r, in), 0);
	is_value(&r, "{\"op\":\"-D\",\"k\":\"a\"}");
	end(&r);
}

T(with_upsert_a_row_that_is_gone_is_a_tombstone)
{
	struct in in = ROW({ "k", str("a") });
	struct rig r;

	begin_stream(&r, true,
		     (struct kafka_row_conf){ .key = "k", .header = "h = 1", .upsert = true });
	T_INT(put(&r, in), 0);
	is_value(&r, "{\"k\":\"a\"}");
	in.kind = ROW_AFTER;
	T_INT(put(&r, in), 0);
	is_value(&r, "{\"k\":\"a\"}");
	in.kind = ROW_DELETE;
	T_INT(put(&r, in), 0);
	is_key(&r, "a");
	is_value(&r, NULL);
	has_headers(&r, "h=1;");
	in.f[0].v = VAL_NULLV;
	T_INT(put(&r, in), FERR_DATA);
	says("needs a key");
	end(&r);
}

T(a_compacted_topic_needs_keys)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .key = "k" });
	r.t.compacted = true;
	T_INT(put(&r, ROW({ "n", val_i64(1) })), FERR_DATA);
	says("compacted");
	T_INT(put(&r, ROW({ "k", str("") })), 0);
	end(&r);
}

/* ---- size ---- */

T(a_record_may_be_as_large_as_the_topic_takes)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ .key = "k", .header = "h = .n" });
	T_INT(put(&r, ROW({ "k", str("key") }, { "n", val_i64(1) }, { "v", str("value") })), 0);
	r.t.message_max = (int64_t)kafka_rec_size(&r.rec);
	T_INT(put(&r, ROW({ "k", str("key") }, { "n", val_i64(1) }, { "v", str("value") })), 0);
	T_INT(put(&r, ROW({ "k", str("key") }, { "n", val_i64(1) }, { "v", str("value+") })),
	      FERR_DATA);
	says("max.message.bytes");
	T_INT(put(&r, ROW({ "k", str("key+") }, { "n", val_i64(1) }, { "v", str("value") })),
	      FERR_DATA);
	/* n stands in the value as well: a byte more in both. */
	T_INT(put(&r, ROW({ "k", str("key") }, { "n", val_i64(10) }, { "v", str("valu") })),
	      FERR_DATA);
	T_INT(put(&r, ROW({ "k", str("key") }, { "n", val_i64(10) }, { "v", str("val") })), 0);
	r.t.message_max--;
	T_INT(put(&r, ROW({ "k", str("key") }, { "n", val_i64(1) }, { "v", str("value") })),
	      FERR_DATA);
	end(&r);
}

/* ---- time ---- */

static int
put_at(struct rig *r, int64_t time)
{
	struct in in = { .time = time, .f = { { "k", str("a") } } };

	return put(r, in);
}

T(the_time_is_the_rows_or_the_clocks)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ 0 });
	T_INT(put_at(&r, 12345), 0);
	T_INT(r.rec.time, 12345);
	T_INT(put_at(&r, 0), 0);
	T_INT(r.rec.time, 0);
	T_INT(put_at(&r, ROW_NOTIME), 0);
	T_INT(r.rec.time, WALL);
	T_INT(put_at(&r, INT64_MAX), 0);
	T_INT(put_at(&r, -1), FERR_DATA);
	says("before 1970");
	end(&r);
}

T(times_that_the_topic_does_not_take_are_refused)
{
	struct rig r;

	begin(&r, (struct kafka_row_conf){ 0 });
	r.t.past_max = 1000;
	r.t.ahead_max = 2000;
	T_INT(put_at(&r, WALL - 1000), 0);
	T_INT(put_at(&r, WALL - 1001), FERR_DATA);
	says("message.timestamp.before.max.ms");
	T_INT(put_at(&r, WALL + 2000), 0);
	T_INT(put_at(&r, WALL + 2001), FERR_DATA);
	says("message.timestamp.after.max.ms");
	T_INT(put_at(&r, ROW_NOTIME), 0);
	r.t.past_max = r.t.ahead_max = 0;
	T_INT(put_at(&r, WALL), 0);
	T_INT(put_at(&r, WALL + 1), FERR_DATA);
	T_INT(put_at(&r, WALL - 1), FERR_DATA);
	r.t.past_max = WALL; /* as far as 1970 */
	r.t.ahead_max = INT64_MAX - WALL;
	T_INT(put_at(&r, 0), 0);
	T_INT(put_at(&r, INT64_MAX), 0);
	r.t.past_max = r.t.ahead_max = 0;
	r.t.stamped = true; /* the broker's time counts */
	T_INT(put_at(&r, WALL + 1), 0);
	T_INT(put_at(&r, WALL - 1), 0);
	end(&r);
}

/* ---- what the expressions read ---- */

T(fields_that_are_read_are_told)
{
	struct rig r;
	const char *f;
	struct buf b = BUF_INIT;

	begin(&r, (struct kafka_row_conf){
		      .key = "k, .a.b", .header = "h = .n + .x", .partition = ".p" });
	for (unsigned i = 0; (f = kafka_row_field(r.row, i)) != NULL; i++)
		T_INT(buf_printf(&b, "%s ", f), 0);
	T_MEM(b.p, b.n, "k a n x p ", strlen("k a n x p "));
	buf_fini(&b);
	end(&r);
}

T_MAIN
