/* test_split: a split that is opened from a kept place gives what the one that was kept would have
 * given next, for every place in every kind of input; and files that are not what they were. */
#include "conn/split.h"
#include "frame/frame.h"
#include "t_dir.h"

static const char *
in_dir(const char *name)
{
	static char path[4][256];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", t_dir, name);
	return path[turn];
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "a");

	T_OK(f != NULL && fputs(text, f) >= 0);
	if (f != NULL)
		fclose(f);
}

/* ---- reading ---- */

struct input {
	const char *name;
	enum split_kind kind;
	enum fmt_kind format;
	const struct fmt_field *fields;
	unsigned nfields;
	bool follow, hold;
};

static struct split_conf
conf_of(const struct input *in, struct schema *schema)
{
	return (struct split_conf){ .format = in->format,
				    .schema = schema,
				    .fields = in->fields,
				    .nfields = in->nfields,
				    .hold = in->hold };
}

/* Read one record: its row, or what is wrong with it, is appended to out.  False at the end. */
static bool
read_one(struct split *s, struct buf *out)
{
	static struct buf row;
	int rc;

	row.n = 0;
	rc = split_next(s, &row);
	split_place(s);
	if (rc == 1) {
		buf_put(out, row.p, row.n);
		buf_printf(out, "@%" PRIu64 ":%" PRIu64 ";", s->line, s->offset);
	} else if (rc == FERR_DATA) {
		buf_printf(out, "bad %" PRIu64 ":%" PRIu64 " %s;", s->bad.line, s->bad.col,
			   s->bad.reason);
	} else if (rc != 0 && rc != FERR_AGAIN) {
		buf_printf(out, "error %d %s;", rc, ferr_text());
	}
	return rc == 1 || rc == FERR_DATA;
}

static struct split *
fresh(const struct input *in)
{
	struct split *s = NULL;

	T_INT(split_new(&s, in->kind, in->name, in->follow), 0);
	return s;
}

/* Read k records and give the place behind them; what was read goes to out. */
static void
read_until(const struct input *in, unsigned k, struct schema *schema, struct buf *out,
	   struct buf *place)
{
	struct split_conf conf = conf_of(in, schema);
	struct split *s = fresh(in);

	T_INT(split_open(s, &conf), 0);
	for (unsigned i = 0; i < k && read_one(s, out); i++)
		;
	T_INT(split_save(s, place), 0);
	split_free(s);
}

/* Go on from a place; `hops` times the place is kept and loaded again on the way. */
static int
read_from(const struct input *in, unsigned hops, struct schema *schema, struct buf *out,
	  struct buf *place)
{
	struct split_conf conf = conf_of(in, schema);
	struct split *s = fresh(in);
	int rc;

	T_INT(split_load(s, place->p, place->n), 0);
	for (unsigned i = 0; i < hops; i++) {
		place->n = 0;
		T_INT(split_save(s, place), 0);
		split_free(s);
		s = fresh(in);
		T_INT(split_load(s, place->p, place->n), 0);
		if (i % 2 == 0) {
			T_INT(split_open(s, &conf), 0);
			T_INT(split_park(s), 0);
		}
	}
	if ((rc = split_open(s, &conf)) == 0) {
		while (read_one(s, out))
			;
	}
	split_free(s);
	return rc;
}

static void
begin_schema(const struct input *in, struct schema *schema)
{
	schema_init(schema);
	for (unsigned i = 0; i < in->nfields; i++)
		schema_add(schema, in->fields[i].name, strlen(in->fields[i].name));
}

static void
every_place(const struct input *in, unsigned want)
{
	struct buf all = BUF_INIT, place = BUF_INIT;
	struct schema schema;
	unsigned k;

	begin_schema(in, &schema);
	read_until(in, UINT32_MAX, &schema, &all, &place);
	schema_fini(&schema);
	for (k = 0; k <= want + 1; k++) {
		struct buf both = BUF_INIT;

		begin_schema(in, &schema);
		place.n = 0;
		read_until(in, k, &schema, &both, &place);
		T_INT(read_from(in, k % 3, &schema, &both, &place), 0);
		T_MEM(both.p, both.n, all.p, all.n);
		if (k == want)
			T_OK(all.n > 0);
		buf_fini(&both);
		schema_fini(&schema);
	}
	buf_fini(&all);
	buf_fini(&place);
}

static void
file(const char *name, enum fmt_kind format, unsigned records)
{
	every_place(&(struct input){ .name = name, .kind = SPLIT_FILE, .format = format }, records);
}

T(ndjson)
{
	t_dir_begin();
	put("a",
	    "\xef\xbb\xbf{\"a\":1}\n\n{\"a\":2,\"b\":\"x\"}\nnot json\n{\"c\":[1,2],\"a\":3}\r\n"
	    "{\"a\":4}");
	file(in_dir("a"), FMT_AUTO, 6);
	t_dir_end();
}

T(a_json_array)
{
	t_dir_begin();
	put("a", "[ {\"a\":1} , {\"a\":2,\n\"b\":\"x,]\"},\n7, {\"a\":3}\n ]\n[{\"d\":5}]\n");
	file(in_dir("a"), FMT_AUTO, 5);
	put("open", "[{\"a\":1},{\"a\":2}\n");
	file(in_dir("open"), FMT_AUTO, 3);
	t_dir_end();
}

T(csv_and_tsv)
{
	t_dir_begin();
	put("a", "id,\"na\nme\",x\n1,\"a \"\"b\"\"\nc\",2\n\n3,d\n4,e,5\r\n6,\"f\",\n");
	file(in_dir("a"), FMT_AUTO, 4);
	put("t", "id\tname\n1\ta\\tb\n2\tc\n");
	file(in_dir("t"), FMT_TSV, 2);
	put("broken", "a,a\n1,2\n3,4\n");
	file(in_dir("broken"), FMT_CSV, 3);
	t_dir_end();
}

T(columns_with_types)
{
	static char a[] = "a", b[] = "b";
	const struct fmt_field fields[] = { { b, VAL_F64, 0 }, { a, VAL_STR, 1 } };
	struct input in = { .kind = SPLIT_FILE, .fields = fields, .nfields = 2 };

	t_dir_begin();
	put("c", "x,a,b\n1,2,3\n4,5,six\n7,8,9\n");
	put("j", "{\"x\":1,\"a\":2,\"b\":3}\n{\"b\":\"six\"}\n{\"b\":7}\n");
	in.name = in_dir("c");
	every_place(&in, 3);
	in.name = in_dir("j");
	every_place(&in, 3);
	t_dir_end();
}

T(lines_and_raw)
{
	t_dir_begin();
	put("a", "one\ntwo\r\n\nbad \xff\nlast");
	file(in_dir("a"), FMT_LINES, 5);
	file(in_dir("a"), FMT_RAW, 5);
	t_dir_end();
}

T(packed)
{
	t_dir_begin();
	for (int i = 0; i < 3; i++)
		put("a", "k,v\n1,2\n3,4\n");
	t_shell("gzip -c a >a.gz; gzip -c a >>a.gz; zstd -q -c a >a.zst");
	file(in_dir("a.gz"), FMT_AUTO, 16);
	file(in_dir("a.zst"), FMT_AUTO, 8);
	t_dir_end();
}

/* A file of frames: schemas, marks, and two frames of a few rows each. */
static void
put_frames(const char *name)
{
	struct buf b = BUF_INIT, rows = BUF_INIT, text = BUF_INIT;
	struct schema schema;
	struct hello hello;
	uint64_t seq = 0;
	FILE *f;

	schema_init(&schema);
	hello_init(&hello);
	buf_put(&b, FRAME_LINE, FRAME_LINE_LEN);
	hello.version = FRAME_VERSION;
	T_INT(hello_encode(&hello, &text), 0);
	frame_put(&b, FRAME_HELLO, seq++, text.p, text.n);
	for (unsigned k = 0; k < 3; k++) {
		schema_add(&schema, &"abc"[k], 1);
		text.n = rows.n = 0;
		schema_encode(&schema, &text);
		frame_put(&b, FRAME_SCHEMA, seq++, text.p, text.n);
		buf_room(&rows, FRAME_HDR);
		rows.n = FRAME_HDR;
		for (unsigned i = 0; i < 4; i++) {
			struct val v = val_i64(10 * k + i);
			struct rowb w;

			rowb_begin(&w, &rows, k + 1, ROW_INSERT, 1000 * i);
			rowb_set(&w, k, &v);
			rowb_end(&w);
			buf_room(&rows, ROW_MARK);
			row_mark(rows.p + rows.n, 1000 * i);
			rows.n += ROW_MARK;
		}
		frame_seal(rows.p, FRAME_DATA, (uint32_t)rows.n - FRAME_HDR, 4, seq++);
		buf_put(&b, rows.p, rows.n);
		frame_put(&b, FRAME_IDLE, seq++, NULL, 0);
	}
	frame_put(&b, FRAME_END, seq++, "\0", 1);
	f = fopen(in_dir(name), "w");
	T_INT(fwrite(b.p, 1, b.n, f), b.n);
	fclose(f);
	buf_fini(&b);
	buf_fini(&rows);
	buf_fini(&text);
	schema_fini(&schema);
	hello_fini(&hello);
}

T(frames)
{
	static char c[] = "c";
	const struct fmt_field fields[] = { { c, VAL_STR, 0 } };
	struct input in = {
		.kind = SPLIT_FILE, .format = FMT_FRAMES, .fields = fields, .nfields = 1
	};

	t_dir_begin();
	put_frames("f");
	file(in_dir("f"), FMT_AUTO, 12);
	in.name = in_dir("f");
	every_place(&in, 12);
	t_dir_end();
}

T(generators)
{
	static char id[] = "id";
	const struct fmt_field fields[] = { { id, VAL_I64, 0 } };
	struct input in = { .name = "tx?n=150&cards=5&fraud=100", .kind = SPLIT_GEN };

	every_place(&in, 150);
	in.name = "nexmark?n=150";
	every_place(&in, 150);
	in.fields = fields;
	in.nfields = 1;
	every_place(&in, 150);
}

/* Kept while the rest of a record that is too long goes by. */
static void
too_long(const char *head, char fill, const char *tail, const char *want)
{
	struct input in = { .name = "long", .kind = SPLIT_FILE, .follow = true };
	struct buf got = BUF_INIT, place = BUF_INIT, first = BUF_INIT;
	struct schema schema;

	t_dir_begin();
	put("long", head);
	buf_room(&got, FMT_RECORD_MAX + 100);
	memset(got.p, fill, FMT_RECORD_MAX + 100);
	got.n = FMT_RECORD_MAX + 100;
	put("long", buf_cstr(&got));
	got.n = 0;
	schema_init(&schema);
	read_until(&in, 9, &schema, &first, &place);
	T_OK(strstr(buf_cstr(&first), "the record is longer") != NULL);
	put("long", tail);
	T_INT(read_from(&in, 2, &schema, &got, &place), 0);
	T_INT(row_len(got.p) < got.n, 1);
	T_STR((const char *)buf_cstr(&got) + row_len(got.p), want);
	buf_fini(&got);
	buf_fini(&first);
	buf_fini(&place);
	schema_fini(&schema);
	t_dir_end();
}

T(in_the_middle_of_a_record_that_is_too_long)
{
	too_long("{\"a\":\"", 'x', "\"}\n{\"a\":1}\n", "@2:16777325;");
	too_long("a,b\n1,\"", '\n', "\"\n3,4\n", "@16777319:16777325;");
	too_long("[{\"a\":\"\\\"", ',', "]\"},{\"b\":[1]},", "@1:16777328;");
}

T(an_unterminated_last_line_is_held)
{
	struct input in = { .kind = SPLIT_FILE, .hold = true };
	struct buf got = BUF_INIT, place = BUF_INIT, want = BUF_INIT;
	struct schema schema;
	struct split *s;

	t_dir_begin();
	put("a", "a,b\n1,2\n3,");
	in.name = in_dir("a");
	schema_init(&schema);
	read_until(&in, 9, &schema, &got, &place);
	s = fresh(&in);
	T_INT(split_load(s, place.p, place.n), 0);
	T_OK(s->done && s->left);
	T_INT(split_changed(s, true), SPLIT_SAME);
	T_INT(split_changed(s, false), SPLIT_GROWN);
	put("a", "4\n5,6\n");
	T_INT(split_changed(s, true), SPLIT_GROWN);
	split_free(s);
	T_INT(read_from(&in, 0, &schema, &got, &place), 0);
	place.n = 0;
	read_until(&in, 9, &schema, &want, &place);
	T_MEM(got.p, got.n, want.p, want.n);
	buf_fini(&got);
	buf_fini(&want);
	buf_fini(&place);
	schema_fini(&schema);
	t_dir_end();
}

/* ---- files that are not what they were ---- */

T(an_empty_file_has_no_format_yet)
{
	struct input in = { .name = "a", .kind = SPLIT_FILE };
	struct buf got = BUF_INIT, place = BUF_INIT;
	struct schema schema;

	t_dir_begin();
	put("a", "");
	in.name = in_dir("a");
	schema_init(&schema);
	read_until(&in, 9, &schema, &got, &place);
	T_INT(got.n, 0);
	put("a", "{\"a\":1}\n");
	T_INT(read_from(&in, 0, &schema, &got, &place), 0);
	T_INT(row_get(got.p, 0).i, 1);
	buf_fini(&got);
	buf_fini(&place);
	schema_fini(&schema);
	t_dir_end();
}

T(a_file_that_has_moved)
{
	struct input in = { .kind = SPLIT_FILE, .hold = true };
	struct buf got = BUF_INIT, place = BUF_INIT;
	struct split_head h;
	struct schema schema;
	struct split *s;
	bool more;

	t_dir_begin();
	put("a", "{\"a\":1}\n{\"a\":2}\n");
	in.name = in_dir("a");
	schema_init(&schema);
	read_until(&in, 9, &schema, &got, &place);
	s = fresh(&in);
	T_INT(split_load(s, place.p, place.n), 0);
	T_INT(split_offset(s), 16);
	T_OK(!split_blank(s));
	T_INT(split_changed(s, true), SPLIT_SAME);
	t_shell("cd %s; cp a b; sed -i s/1/3/ a", t_dir);
	T_INT(split_changed(s, true), SPLIT_OTHER);
	split_look(&h, in_dir("a"));
	T_INT(split_match(s, &h), SPLIT_NOT);
	t_shell("cd %s; rm a; gzip b; head -c 9 b.gz >c", t_dir);
	T_INT(split_changed(s, true), SPLIT_GONE);
	split_look(&h, in_dir("c"));
	T_OK(h.packed);
	T_INT(split_match(s, &h), SPLIT_NOT);
	split_look(&h, in_dir("b.gz"));
	T_INT(split_match(s, &h), SPLIT_ALIKE); /* whatever its inode is */
	T_INT(split_move(s, in_dir("b.gz"), &more), 0);
	T_OK(!more);
	T_INT(split_changed(s, true), SPLIT_SAME);
	split_look(&h, in_dir("b.gz"));
	T_INT(split_match(s, &h), SPLIT_SELF);
	t_shell("cd %s; gunzip -c b.gz >d; head -c 15 d >e; echo >>d", t_dir);
	T_INT(split_move(s, in_dir("e"), &more), FERR_LOST);
	T_INT(split_move(s, in_dir("d"), &more), 0);
	T_OK(more);
	split_free(s);
	buf_fini(&got);
	buf_fini(&place);
	schema_fini(&schema);
	t_dir_end();
}

/* Read 2 records of file "log", let it be changed by a shell, go on: the values of field a. */
static int
after(const char *change, bool follow, const char *want)
{
	struct buf got = BUF_INIT, place = BUF_INIT, values = BUF_INIT;
	struct input in = { .name = "log", .kind = SPLIT_FILE, .follow = follow };
	struct split_conf conf;
	struct schema schema;
	struct split *s;
	int rc;

	t_dir_begin();
	put("log", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
	schema_init(&schema);
	read_until(&in, 2, &schema, &got, &place);
	t_shell("%s", change);
	s = fresh(&in);
	T_INT(split_load(s, place.p, place.n), 0);
	conf = conf_of(&in, &schema);
	if ((rc = split_open(s, &conf)) == 0) {
		got.n = 0;
		while ((rc = split_next(s, &got)) == 1)
			;
		for (const uint8_t *r = got.p; r < got.p + got.n; r += row_len(r))
			buf_printf(&values, "%" PRId64 " ", row_get(r, 0).i);
		T_STR(values.n > 0 ? buf_cstr(&values) : "", want);
	}
	split_free(s);
	buf_fini(&got);
	buf_fini(&values);
	buf_fini(&place);
	schema_fini(&schema);
	t_dir_end();
	return rc;
}

T(row_33_a_plain_file)
{
	T_INT(after("echo '{\"a\":4}' >>log", false, "3 4 "), 0);
	T_INT(after("cp log other; mv other log", false, "3 "), 0);
	T_INT(after("sed -i s/1/7/ log", false, ""), FERR_LOST);
	T_OK(strstr(ferr_text(), "log is not the file that the checkpoint read") != NULL);
	T_INT(after("truncate -s 10 log", false, ""), FERR_LOST);
	T_INT(after("rm log", false, ""), FERR_USAGE);
}

T(row_33_a_followed_file)
{
	/* grown; renamed; renamed and gone on in the new one */
	T_INT(after("echo '{\"a\":4}' >>log", true, "3 4 "), FERR_AGAIN);
	T_INT(after("mv log log.1", true, "3 "), FERR_AGAIN);
	/* copied and truncated: the copy to its end, then the new one */
	T_INT(after("cp log log.1; echo '{\"a\":9}' >log", true, "3 9 "), FERR_AGAIN);
	/* packed since */
	T_INT(after("gzip -c log >log.1.gz; rm log; echo '{\"a\":9}' >log", true, "3 9 "),
	      FERR_AGAIN);
	T_INT(after("gzip -c log >log.1.gz; rm log", true, "3 "), FERR_AGAIN);
}

T(row_33_rotated_more_than_once)
{
	T_INT(after("gzip -c log >log.3.gz; touch -d 2001-01-01 log.3.gz; rm log;"
		    "echo '{\"a\":4}' >log.2; touch -d 2002-01-01 log.2;"
		    "echo '{\"a\":5}' >log-1; touch -d 2003-01-01 log-1;"
		    "echo '{\"a\":0}' >log.old; echo '{\"a\":0}' >log.9; touch -d 2000-01-01 log.9;"
		    "echo '{\"a\":6}' >log",
		    true, "3 4 5 6 "),
	      FERR_AGAIN);
}

/* Ours, whose rest is {"a":3}, lies at log.N for a minute. */
#define GEN(A, NAME, MINUTES) \
	"echo '{\"a\":" A "}' >" NAME "; touch -d '" MINUTES " minutes ago' " NAME ";"
#define OURS(NAME, MINUTES) "mv log " NAME "; touch -d '" MINUTES " minutes ago' " NAME ";"

T(generations_between)
{
	T_INT(after(OURS("log.3", "9") GEN("4", "log.2", "8") GEN("5", "log.1", "7")
			GEN("6", "log", "6"),
		    true, "3 4 5 6 "),
	      FERR_AGAIN);
	/* packed meanwhile; what is being packed is there twice */
	T_INT(after(OURS("log.3", "9") GEN("4", "log.2", "8") GEN("5", "log.1", "7")
			GEN("6", "log", "6") "gzip log.3; gzip -k log.2; gzip log.1",
		    true, "3 4 5 6 "),
	      FERR_AGAIN);
	/* an empty one; dates; older ones, and what is no part of the log */
	T_INT(after(OURS("log-20240102", "9") ": >log-20240103; touch -d '8 minutes ago' "
					      "log-20240103;" GEN("5", "log-20240104", "7")
						  GEN("0", "log-20240101", "10")
						      GEN("0", "log.old", "1") GEN("6", "log", "6"),
		    true, "3 5 6 "),
	      FERR_AGAIN);
}

T(generations_of_one_time)
{
	T_INT(after(OURS("log.10", "9") GEN("4", "log.9", "9") GEN("5", "log.8", "9")
			GEN("0", "log.11", "9")
			    GEN("6", "log", "9") "touch -r log.10 log.8 log.9 log.11 log",
		    true, "3 4 5 6 "),
	      FERR_AGAIN);
	T_INT(after(OURS("log-20240102", "9") GEN("5", "log-20240103", "9") GEN("6", "log", "9")
			GEN("0", "log-20240101",
			    "9") "touch -r log-20240102 log-20240103 log-20240101 log",
		    true, "3 5 6 "),
	      FERR_AGAIN);
}

T(a_generation_is_read_until_it_is_quiet)
{
	/* it was written to just now */
	T_INT(
	    after(OURS("log.2", "9") "echo '{\"a\":5}' >log.1;" GEN("6", "log", "6"), true, "3 5 "),
	    FERR_AGAIN);
}

T(row_33_lost_is_named)
{
	T_INT(after("rm log; echo '{\"a\":9}' >log", true, ""), FERR_LOST);
	T_OK(strstr(ferr_text(), "log: what stood behind byte 16 is lost") != NULL);
	T_INT(after("truncate -s 3 log", true, ""), FERR_LOST);
	T_INT(after("rm log", true, ""), FERR_LOST);
}

T(the_place_of_a_partition)
{
	struct buf place = BUF_INIT;
	struct split *s, *again;

	T_INT(split_new(&s, SPLIT_KAFKA, "views[3]", false), 0);
	T_INT(s->next, -1);
	s->next = 5000000000;
	s->until = 6000000000;
	s->max_ts = 7;
	T_INT(split_save(s, &place), 0);
	T_INT(split_new(&again, SPLIT_KAFKA, "views[3]", false), 0);
	T_INT(split_load(again, place.p, place.n), 0);
	T_INT(again->next, 5000000000);
	T_INT(again->until, 6000000000);
	T_INT(again->max_ts, 7);
	T_INT(split_load(again, place.p, place.n - 1), FERR_CORRUPT);
	split_free(again);
	split_free(s);
	buf_fini(&place);
}

T(a_place_that_is_cut_is_refused)
{
	struct buf got = BUF_INIT, place = BUF_INIT;
	struct input in = { .name = "a", .kind = SPLIT_FILE };
	struct schema schema;
	struct split *s;

	t_dir_begin();
	put("a", "a,b\n1,2\n3,4\n");
	schema_init(&schema);
	read_until(&in, 1, &schema, &got, &place);
	for (size_t n = 0; n < place.n; n++) {
		uint8_t *cut = malloc(n + 1);

		memcpy(cut, place.p, n);
		s = fresh(&in);
		T_INT(split_load(s, cut, n), FERR_CORRUPT);
		split_free(s);
		free(cut);
	}
	buf_fini(&got);
	buf_fini(&place);
	schema_fini(&schema);
	t_dir_end();
}

T_MAIN
