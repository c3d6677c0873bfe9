/* Text formats: what is read, what is refused and where, what is written; in one piece and in small
 * ones. */
#include "fmt/fmt.h"
#include "t.h"

/* The value as TYPE:text, for comparing. */
static void
dump_val(const struct val *v, struct buf *out)
{
	buf_puts(out, val_type_name(v->t));
	if (v->t > VAL_NULL) {
		buf_putc(out, ':');
		if (v->t >= VAL_STR)
			buf_put(out, v->s, v->n);
		else
			val_plain(v, out);
	}
}

static void
dump_row(const struct schema *s, const uint8_t *row, struct buf *out)
{
	const char *blank = "";

	T_OK(row_check(row, row_len(row)));
	T_OK(row_time(row) == ROW_NOTIME && row_kind(row) == ROW_INSERT);
	for (unsigned i = 0; i < row_n(row); i++) {
		struct val v = row_raw(row, i);

		if (v.t == VAL_ABSENT)
			continue;
		buf_printf(out, "%s%s=", blank, s->f[i].name);
		dump_val(&v, out);
		blank = " ";
	}
	buf_putc(out, '\n');
}

struct trial {
	enum fmt_kind kind;
	const char *fields; /* "a:i64,b" or NULL */
	size_t piece;	    /* bytes given at a time; 0: all */
	uint64_t line;	    /* set_line, if not 0 */
};

static enum val_type
type_of(const char *s)
{
	for (int t = VAL_NULL; t <= VAL_TYPE_MAX; t++)
		if (strcmp(s, val_type_name((enum val_type)t)) == 0)
			return (enum val_type)t;
	return VAL_ABSENT;
}

/* "a:i64,b" */
static unsigned
parse_fields(const char *text, struct schema *s, struct fmt_field *f, char *copy)
{
	unsigned n = 0;
	char *colon;

	strcpy(copy, text);
	for (char *w = strtok(copy, ","); w != NULL; w = strtok(NULL, ","), n++) {
		f[n] = (struct fmt_field){ .name = w, .type = VAL_ABSENT };
		if ((colon = strchr(w, ':')) != NULL) {
			*colon = '\0';
			f[n].type = type_of(colon + 1);
		}
		f[n].to = (unsigned)schema_add(s, w, strlen(w));
	}
	return n;
}

/* Read all of text; rows as lines "a=i64:1 b=null", faults as "!LINE:COL REASON [TEXT]". */
static void
read_all(const struct trial *t, const char *text, size_t n, struct buf *log)
{
	struct fmt_field f[16];
	char copy[256];
	struct schema s;
	struct fmt_conf conf = { .kind = t->kind, .schema = &s };
	struct fmt_reader *r;
	struct buf row = BUF_INIT;
	size_t at = 0, given = 0, used;
	struct fmt_bad bad;
	int rc = FERR_AGAIN;

	schema_init(&s);
	if (t->fields != NULL) {
		conf.nfields = parse_fields(t->fields, &s, f, copy);
		conf.fields = f;
	}
	T_INT(fmt_reader_new(&r, &conf), 0);
	if (t->line != 0)
		fmt_reader_set_line(r, t->line);
	for (;;) {
		uint8_t *p;

		if (rc == FERR_AGAIN)
			given += t->piece == 0 || t->piece > n - given ? n - given : t->piece;
		/* a block of its own each time, so that nothing may depend on where it stands */
		p = calloc(1, given - at + BUF_SLACK);
		memcpy(p, text + at, given - at);
		row.n = 0;
		rc = fmt_read(r, p, given - at, given == n, &used, &row, &bad);
		if (rc == 1) {
			T_INT(row.n, row_len(row.p));
			dump_row(&s, row.p, log);
		} else {
			T_INT(row.n, 0);
		}
		if (rc == FERR_DATA || rc == FERR_LIMIT)
			buf_printf(log, "!%d:%d %s [%.*s]\n", (int)bad.line, (int)bad.col,
				   bad.reason, bad.n > 60 ? 60 : (int)bad.n,
				   (const char *)bad.text);
		free(p);
		T_OK(used <= given - at);
		at += used;
		if (rc == FERR_NOMEM || (rc == 0 && given == n && used == 0))
			break;
	}
	T_INT(rc, 0);
	T_INT(at, n);
	fmt_reader_free(r);
	buf_fini(&row);
	schema_fini(&s);
}

/* The same in one piece and in pieces of several sizes. */
static void
check_n(struct trial t, const char *text, size_t n, const char *want)
{
	static const size_t pieces[] = { 0, 1, 2, 3, 7, 64, 100 };
	struct buf log = BUF_INIT;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		t.piece = pieces[i];
		log.n = 0;
		read_all(&t, text, n, &log);
		T_MEM(log.p, log.n, want, strlen(want));
	}
	buf_fini(&log);
}

static void
check(enum fmt_kind kind, const char *fields, const char *text, const char *want)
{
	check_n((struct trial){ .kind = kind, .fields = fields }, text, strlen(text), want);
}

T(names)
{
	T_INT(fmt_by_name("json"), FMT_JSON);
	T_INT(fmt_by_name("auto"), FMT_AUTO);
	T_INT(fmt_by_name("frames"), FMT_FRAMES);
	T_INT(fmt_by_name("jsn"), -1);
	T_STR(fmt_name(FMT_TSV), "tsv");
	T_STR(fmt_ending(FMT_JSON), "ndjson");
	T_STR(fmt_ending(FMT_RAW), "txt");
	T_STR(fmt_ending(FMT_FRAMES), "frames");
}

T(sniff)
{
	T_INT(fmt_sniff((const uint8_t *)" \r\n{", 4), FMT_JSON);
	T_INT(fmt_sniff((const uint8_t *)"\xef\xbb\xbf[", 4), FMT_JSON);
	T_INT(fmt_sniff((const uint8_t *)"a,b", 3), FMT_CSV);
	T_INT(fmt_sniff((const uint8_t *)"", 0), FMT_CSV);
}

T(csv_cells)
{
	check(FMT_CSV, NULL, "a,b\n1,x\n", "a=cell:1 b=cell:x\n");
	check(FMT_CSV, NULL, "a,b\n1,x", "a=cell:1 b=cell:x\n");
	check(FMT_CSV, NULL,
	      "\xef\xbb\xbf"
	      "a,b\r\n1,\r\n,2\r\n",
	      "a=cell:1 b=null\na=null b=cell:2\n");
	check(FMT_CSV, NULL, "a\n\n\r\n1\n\n", "a=cell:1\n");
	check(FMT_CSV, NULL, "a, b\n x , y \n", "a=cell: x   b=cell: y \n");
	check(FMT_CSV, NULL, "a,b\n007,1e3\n", "a=cell:007 b=cell:1e3\n");
	check(FMT_CSV, NULL, "", "");
	check(FMT_CSV, NULL, "a,b\n", "");
	check(FMT_CSV, NULL, "\xc3\xa4,b\n\xe2\x82\xac,y\n",
	      "\xc3\xa4=cell:\xe2\x82\xac b=cell:y\n");
	check(FMT_CSV, NULL, "a,b\n1\r,2\n", "a=cell:1\r b=cell:2\n");
}

T(csv_quotes)
{
	check(FMT_CSV, NULL, "a,b\n\"12\",\"\"\n", "a=str:12 b=null\n");
	check(FMT_CSV, NULL, "\"a\",\"b,c\"\n\"x,y\",\"p\nq\"\n2,3\n",
	      "a=str:x,y b,c=str:p\nq\na=cell:2 b,c=cell:3\n");
	check(FMT_CSV, NULL, "a,b\n\"say \"\"hi\"\"\",\"\"\"\"\n", "a=str:say \"hi\" b=str:\"\n");
	check(FMT_CSV, NULL, "a,b\n5\" x,y\n", "a=cell:5\" x b=cell:y\n");
	check(FMT_CSV, NULL, "a,b\nx\"y\"z,\"q\"\n", "a=cell:x\"y\"z b=str:q\n");
	check(FMT_CSV, NULL, "a,b\r\n\"x\r\ny\",\"z\"\r\n", "a=str:x\r\ny b=str:z\n");
	check(FMT_CSV, NULL, "a\n\"x\"y\nz\n",
	      "!2:4 text behind the closing quote [\"x\"y]\na=cell:z\n");
	check(FMT_CSV, NULL, "a,b\n1,\"x\n2,y\n", "!2:3 the quote is not closed [1,\"x\n2,y\n]\n");
	check(FMT_CSV, NULL, "a,b\n\"1\n\",\n3\n4,5\n",
	      "a=str:1\n b=null\n!4:1 expected 2 fields, got 1 [3]\na=cell:4 b=cell:5\n");
	/* far apart, so that quotes reach over 64 bytes */
	check(FMT_CSV, NULL,
	      "a,b\n\"0123456789012345678901234567890123456789012345678901234567890,\n123456789\","
	      "z\n1,2\n",
	      "a=str:0123456789012345678901234567890123456789012345678901234567890,\n123456789 "
	      "b=cell:z\n"
	      "a=cell:1 b=cell:2\n");
}

T(csv_bad_records)
{
	check(FMT_CSV, NULL, "a,b,c\n1,2\n1,2,3,4\n1,2,3\n",
	      "!2:1 expected 3 fields, got 2 [1,2]\n!3:1 expected 3 fields, got 4 [1,2,3,4]\n"
	      "a=cell:1 b=cell:2 c=cell:3\n");
	check(FMT_CSV, NULL, "a,b\n1,\xff\n3,4\n", "!2:3 not UTF-8 [1,\xff]\na=cell:3 b=cell:4\n");
	check_n((struct trial){ .kind = FMT_CSV }, "a\nx\0y\nz\n", 8,
		"!2:2 NUL byte [x]\na=cell:z\n");
}

T(csv_headers)
{
	check(FMT_CSV, NULL, "a,,c\n1,2,3\n",
	      "!1:3 column 2 has no name in the header; name it, or choose columns with --fields "
	      "[a,,c]\n"
	      "!2:1 no columns: the header could not be used [1,2,3]\n");
	check(FMT_CSV, NULL, "a,b,a\n1,2,3\n",
	      "!1:5 columns 1 and 3 of the header have the same name 'a'; rename one, or choose "
	      "others "
	      "with --fields [a,b,a]\n!2:1 no columns: the header could not be used [1,2,3]\n");
	check(FMT_CSV, "b", "a,,a,b\n1,2,3,4\n", "b=cell:4\n");
	check(FMT_CSV, NULL, "\n\na\n1\n", "a=cell:1\n");
}

/* A header given apart, before or behind set_line, does not count. */
T(csv_resumed)
{
	static const char head[BUF_SLACK + 8] = "a,b\n", body[BUF_SLACK + 8] = "1,2\n3\n";

	for (int order = 0; order < 2; order++) {
		struct schema s;
		struct fmt_conf conf = { .kind = FMT_CSV, .schema = &s };
		struct buf row = BUF_INIT;
		struct fmt_reader *r;
		struct fmt_bad bad;
		size_t used;

		schema_init(&s);
		T_INT(fmt_reader_new(&r, &conf), 0);
		if (order == 0)
			fmt_reader_set_line(r, 40);
		T_INT(fmt_read(r, (const uint8_t *)head, 4, false, &used, &row, &bad), 0);
		if (order == 1)
			fmt_reader_set_line(r, 40);
		T_INT(fmt_read(r, (const uint8_t *)body, 6, false, &used, &row, &bad), 1);
		T_INT(fmt_reader_line(r), 40);
		T_INT(fmt_read(r, (const uint8_t *)body + 4, 2, false, &used, &row, &bad),
		      FERR_DATA);
		T_INT(bad.line, 41);
		fmt_reader_free(r);
		buf_fini(&row);
		schema_fini(&s);
	}
}

T(csv_fields)
{
	check(FMT_CSV, "c,a", "a,b,c\n1,2,3\n,,\n", "c=cell:3 a=cell:1\nc=null a=null\n");
	check(FMT_CSV, "z,b", "a,b,c\n1,2,3\n", "b=cell:2\n");
	check(FMT_CSV, "s:str,n:i64", "n,s\n007,007\n,\n\"12\",\"\"\n",
	      "s=str:007 n=i64:7\ns=str: n=null\ns=str: n=i64:12\n");
	check(FMT_CSV, "f:f64,b:bool,t:time",
	      "f,b,t\n1,true,2024-01-05\n1e3,0,1704448800\n -2.5 ,FALSE,\n",
	      "f=f64:1.0 b=bool:true t=time:2024-01-05T00:00:00Z\n"
	      "f=f64:1000.0 b=bool:false t=time:2024-01-05T10:00:00Z\nf=f64:-2.5 b=bool:false "
	      "t=null\n");
	check(FMT_CSV, "j:json", "j\n\"{\"\"a\"\": [1, 2]}\"\n12\n{\n",
	      "j=json:{\"a\":[1,2]}\nj=i64:12\n!4:1 column 'j': '{' is not a json [{]\n");
	check(FMT_CSV, "id:i64,amount:f64", "id,amount\n1,abc\n99999999999999999999,1\n3,+4\n",
	      "!2:3 column 'amount': 'abc' is not a f64 [1,abc]\n"
	      "!3:1 column 'id': '99999999999999999999' is not a i64 [99999999999999999999,1]\n"
	      "id=i64:3 amount=f64:4.0\n");
	check(FMT_CSV, "t:time", "t\n\"a\x1b[2J\"\n",
	      "!2:1 column 't': 'a\\x1b[2J' is not a time [\"a\x1b[2J\"]\n");
}

T(csv_json_cells)
{
	check(FMT_CSV, "j:json,k:json", "j,k\n\"\"\"\"\"\",null\n\"\"\"x\\ty\"\"\",\n[],1.5\n",
	      "j=str: k=null\nj=str:x\ty k=null\nj=json:[] k=f64:1.5\n");
}

T(tsv)
{
	check(FMT_TSV, NULL, "a\tb\n1\tx,\"y\n", "a=cell:1 b=cell:x,\"y\n");
	check(FMT_TSV, NULL, "a\tb\r\n\\t\\n\\\\\tc:\\dir\r\n", "a=cell:\t\n\\ b=cell:c:\\dir\n");
	check(FMT_TSV, "b:str", "a\tb\n1\t\n", "b=str:\n");
	check(FMT_TSV, NULL, "a\tb\n1\n", "!2:1 expected 2 fields, got 1 [1]\n");
}

T(lines_and_raw)
{
	check(FMT_LINES, NULL, "one\n\ntwo\r\nthree",
	      "line=str:one\nline=str:\nline=str:two\nline=str:three\n");
	check(FMT_LINES, NULL, "a\n\xffz\nb\n",
	      "line=str:a\n!2:1 not UTF-8 (byte 0xff); --format raw takes any bytes "
	      "[\xffz]\nline=str:b\n");
	check(FMT_RAW, NULL, "\xef\xbb\xbf\xff\r\nb",
	      "line=bytes:\xef\xbb\xbf\xff\r\nline=bytes:b\n");
	check(FMT_LINES, "x,line:i64", "12\nq\n",
	      "line=i64:12\n!2:1 column 'line': 'q' is not a i64 [q]\n");
}

T(json_lines)
{
	check(FMT_JSON, NULL, "{\"a\":1,\"b\":\"x\"}\n\n  \r\n{\"b\":null}\r\n{\"c\":{\"d\": 1}}",
	      "a=i64:1 b=str:x\nb=null\nc=json:{\"d\":1}\n");
	check(FMT_JSON, NULL, "\xef\xbb\xbf\n {\"a\":1}\n", "a=i64:1\n");
	check(
	    FMT_JSON, "b,a:f64,t:time",
	    "{\"a\":1,\"b\":true,\"c\":3,\"t\":\"2024-01-05T10:00:00Z\"}\n{\"t\":1704448800000}\n",
	    "b=bool:true a=f64:1.0 t=time:2024-01-05T10:00:00Z\nt=time:2024-01-05T10:00:00Z\n");
	check(FMT_JSON, "a:i64", "{\"a\":\"x\"}\n{\"a\":\"12\"}\n{\"a\":2.0}\n{\"a\":null}\n",
	      "!1:1 column 'a': 'x' is not a i64 [{\"a\":\"x\"}]\na=i64:12\na=i64:2\na=null\n");
	check(FMT_JSON, "a:str", "{\"a\":1.5}\n{\"a\":[1, 2]}\n", "a=str:1.5\na=str:[1,2]\n");
}

/* Reasons are the JSON reader's; here only places count. */
static void
check_places(const char *text, const char *want)
{
	static const size_t pieces[] = { 0, 1, 5 };
	struct buf log = BUF_INIT, cut = BUF_INIT;

	for (size_t i = 0; i < 3; i++) {
		struct trial t = { .kind = FMT_JSON, .piece = pieces[i] };

		log.n = cut.n = 0;
		read_all(&t, text, strlen(text), &log);
		for (char *l = strtok((char *)(uintptr_t)buf_cstr(&log), "\n"); l != NULL;
		     l = strtok(NULL, "\n")) {
			buf_put(&cut, l, *l == '!' ? strcspn(l, " ") : strlen(l));
			buf_putc(&cut, '\n');
		}
		T_MEM(cut.p, cut.n, want, strlen(want));
	}
	buf_fini(&log);
	buf_fini(&cut);
}

T(json_places)
{
	check_places("{\"a\":1}\n{\"a\":}\n{\"a\":2}\n", "a=i64:1\n!2:6\na=i64:2\n");
	check_places("12\n", "!1:1\n");
	check_places("[\n {\"a\":1}, {\"a\":x},\n {\"a\":2}\n]\n", "a=i64:1\n!2:16\na=i64:2\n");
	check_places("[1]", "!1:2\n");
}

T(json_array)
{
	check(FMT_JSON, NULL, "[{\"a\":1},{\"a\":2}]", "a=i64:1\na=i64:2\n");
	check(FMT_JSON, NULL,
	      "\xef\xbb\xbf [\n{\n\"a\": \"],\\\"\"\n}\n,\n{ \"a\" : [ 1, {} ] } ] \n",
	      "a=str:],\"\na=json:[1,{}]\n");
	check(FMT_JSON, NULL, "[]", "");
	check(FMT_JSON, NULL, " [ ]\n", "");
	check(FMT_JSON, NULL, "[{\"a\":1}]\n[{\"a\":2}]\n{\"a\":3}\n{\"a\":4}\n",
	      "a=i64:1\na=i64:2\na=i64:3\na=i64:4\n");
	check(FMT_JSON, NULL, "[{\"a\":1}\n",
	      "a=i64:1\n!2:1 the array is not closed: ']' expected []\n");
	check(FMT_JSON, NULL, "[{\"a\":1}, ",
	      "a=i64:1\n!1:11 the array's last record is not complete []\n");
	check(FMT_JSON, NULL, "[\n", "!1:1 the array is not closed: ']' expected [[]\n");
	check(FMT_JSON, NULL, "[{\"a\":1},\n{\"a\":",
	      "a=i64:1\n!2:6 the array's last record is not complete [{\"a\":]\n");
}

T(json_array_resumed)
{
	check_n((struct trial){ .kind = FMT_JSON, .line = 7 }, "\n, {\"a\":1},\n{\"a\":2}]", 20,
		"a=i64:1\na=i64:2\n");
	check_n((struct trial){ .kind = FMT_JSON, .line = 7 }, ",\n{\"a\":[", 8,
		"!8:7 the array's last record is not complete [{\"a\":[]\n");
	check_n((struct trial){ .kind = FMT_JSON, .line = 7 }, " ]\n", 3, "");
}

/* A record above the limit, given whole or in pieces: one fault, and what follows is read. */
static void
check_limit(enum fmt_kind kind, const char *head, const char *tail, const char *rows)
{
	static const size_t pieces[] = { 0, 1u << 20 };
	size_t hn = strlen(head), tn = strlen(tail), n = hn + FMT_RECORD_MAX + tn;
	char *text = malloc(n);
	struct buf log = BUF_INIT;

	memcpy(text, head, hn);
	memset(text + hn, 'x', FMT_RECORD_MAX);
	memcpy(text + n - tn, tail, tn);
	for (size_t i = 0; i < 2; i++) {
		struct trial t = { .kind = kind, .piece = pieces[i] };
		const char *nl;

		log.n = 0;
		read_all(&t, text, n, &log);
		T_OK(strstr(buf_cstr(&log), "the record is longer than 16777216 bytes") != NULL);
		nl = strstr(buf_cstr(&log), "xxx]\n");
		T_OK(nl != NULL);
		if (nl != NULL)
			T_STR(nl + 5, rows);
	}
	free(text);
	buf_fini(&log);
}

T(record_limit)
{
	check_limit(FMT_LINES, "x", "\nab\n", "line=str:ab\n");
	check_limit(FMT_CSV, "a\nx", "\nab\n", "a=cell:ab\n");
	check_limit(FMT_CSV, "a\n\"", "\n\n\"\nab\n", "a=cell:ab\n");
	check_limit(FMT_TSV, "a\nx", "\nab\n", "a=cell:ab\n");
	check_limit(FMT_JSON, "{\"", "\":1}\n{\"a\":1}\n", "a=i64:1\n");
	check_limit(FMT_JSON, "[{\"", "],\":1},\n{\"a\":1}]\n", "a=i64:1\n");
}

/* Writing. */

/* Rows as text pairs: build one from "a=1 b=x" (cells), "a:TYPE" by the reader. */
struct out {
	struct schema s;
	struct fmt_writer *w;
	struct buf text, row;
};

static void
out_open(struct out *o, struct fmt_write_conf conf)
{
	memset(o, 0, sizeof(*o));
	schema_init(&o->s);
	T_INT(fmt_writer_new(&o->w, &conf), 0);
}

/* Write the row of a JSON object. */
static int
out_json(struct out *o, const char *json, enum row_kind kind)
{
	struct fmt_conf conf = { .kind = FMT_JSON, .schema = &o->s };
	struct buf in = BUF_INIT;
	struct fmt_reader *r;
	struct fmt_bad bad;
	size_t used;
	int rc;

	T_INT(fmt_reader_new(&r, &conf), 0);
	buf_puts(&in, json);
	o->row.n = 0;
	T_INT(fmt_read(r, in.p, in.n, true, &used, &o->row, &bad), 1);
	o->row.p[6] = (uint8_t)kind;
	rc = fmt_write(o->w, &o->s, o->row.p, &o->text);
	fmt_reader_free(r);
	buf_fini(&in);
	return rc;
}

/* Write a row of one value. */
static int
out_val(struct out *o, const char *name, struct val v)
{
	int i = schema_add(&o->s, name, strlen(name));
	struct rowb b;

	o->row.n = 0;
	T_INT(rowb_begin(&b, &o->row, (unsigned)i + 1, ROW_INSERT, ROW_NOTIME), 0);
	T_INT(rowb_set(&b, (unsigned)i, &v), 0);
	T_INT(rowb_end(&b), 0);
	return fmt_write(o->w, &o->s, o->row.p, &o->text);
}

static void
out_close(struct out *o, const char *want)
{
	T_INT(fmt_write_end(o->w, NULL, &o->text), 0);
	T_MEM(o->text.p, o->text.n, want, strlen(want));
	fmt_writer_free(o->w);
	buf_fini(&o->text);
	buf_fini(&o->row);
	schema_fini(&o->s);
}

T(write_csv)
{
	struct out o;

	out_open(&o, (struct fmt_write_conf){ .kind = FMT_CSV, .header = true });
	T_INT(out_json(&o, "{\"a\":1,\"b,\":\"x\",\"c\":{\"k\":[1,2]}}", ROW_INSERT), 0);
	T_INT(out_json(&o, "{\"a\":\"\",\"b,\":null}", ROW_INSERT), 0);
	T_INT(out_json(&o, "{\"a\":\"q\\\"\\n\",\"b,\":\" 1.50\",\"c\":2.5}", ROW_INSERT), 0);
	T_INT(out_json(&o, "{\"a\":1,\"new\":2}", ROW_INSERT), FERR_DATA);
	T_OK(strstr(ferr_text(), "'new'") != NULL && strstr(ferr_text(), "--fields") != NULL);
	T_INT(out_json(&o, "{\"a\":true}", ROW_INSERT), 0);
	out_close(&o,
		  "a,\"b,\",c\n1,x,\"{\"\"k\"\":[1,2]}\"\n\"\",,\n\"q\"\"\n\", 1.50,2.5\ntrue,,\n");
}

T(write_csv_details)
{
	struct out o;

	out_open(&o, (struct fmt_write_conf){ .kind = FMT_CSV, .header = true, .changing = true });
	T_INT(out_json(&o, "{\"a\":1}", ROW_AFTER), 0);
	T_INT(out_json(&o, "{\"a\":2}", ROW_DELETE), 0);
	out_close(&o, "op,a\n+U,1\n-D,2\n");
	out_open(&o, (struct fmt_write_conf){ .kind = FMT_CSV });
	T_INT(out_val(&o, "t", val_time(1704448800123)), 0);
	T_INT(out_val(&o, "t", VAL_NULLV), 0);
	T_INT(out_val(&o, "t", val_text(VAL_CELL, "007", 3)), 0);
	T_INT(out_val(&o, "t", val_text(VAL_BYTES, "\xff", 1)), 0);
	out_close(&o, "2024-01-05T10:00:00.123Z\n\"\"\n007\n/w==\n");
	/* hidden fields are not written */
	out_open(&o, (struct fmt_write_conf){ .kind = FMT_CSV, .header = true });
	T_INT(schema_add_hidden(&o.s, "key", 3), 0);
	T_INT(out_val(&o, "a", val_i64(1)), 0);
	out_close(&o, "a\n1\n");
}

T(write_tsv)
{
	struct out o;

	out_open(&o, (struct fmt_write_conf){ .kind = FMT_TSV, .header = true });
	T_INT(out_json(&o, "{\"a\\tb\":\"x\\ty\\n\\r\\\\\",\"q\":\"\\\",\"}", ROW_INSERT), 0);
	T_INT(out_json(&o, "{\"q\":{\"k\":\"\\n\"}}", ROW_INSERT), 0);
	out_close(&o, "a\\tb\tq\nx\\ty\\n\\r\\\\\t\",\n\t{\"k\":\"\\\\n\"}\n");
}

T(write_json_and_raw)
{
	struct out o;

	out_open(&o, (struct fmt_write_conf){ .kind = FMT_JSON });
	T_INT(out_json(&o, "{\"a\":1, \"b\":null}", ROW_AFTER), 0);
	out_close(&o, "{\"a\":1,\"b\":null}\n");
	out_open(&o, (struct fmt_write_conf){ .kind = FMT_JSON, .changing = true });
	T_INT(out_json(&o, "{\"a\":1}", ROW_BEFORE), 0);
	T_INT(out_json(&o, "{}", ROW_INSERT), 0);
	out_close(&o, "{\"op\":\"-U\",\"a\":1}\n{\"op\":\"+I\"}\n");
	out_open(&o, (struct fmt_write_conf){ .kind = FMT_RAW });
	T_INT(out_val(&o, "x", val_text(VAL_BYTES, "\xff\0", 2)), 0);
	T_INT(o.text.n, 3);
	o.text.n = 0;
	T_INT(out_val(&o, "x", val_text(VAL_STR, "s", 1)), 0);
	T_INT(out_val(&o, "y", val_i64(1)), FERR_DATA);
	T_INT(out_val(&o, "line", val_i64(5)), 0);
	out_close(&o, "s\n5\n");
}

T(table_aligns)
{
	struct out o;

	out_open(&o, (struct fmt_write_conf){ .kind = FMT_TABLE });
	T_INT(out_json(&o, "{\"name\":\"x\",\"n\":1}", ROW_INSERT), 0);
	T_INT(out_json(&o, "{\"name\":\"\\u00fcber\",\"n\":-23.5}", ROW_INSERT), 0);
	T_INT(out_json(&o, "{\"name\":null,\"late\":true}", ROW_INSERT), 0);
	T_INT(o.text.n, 0);
	out_close(&o, "name      n  late\nx         1\n\xc3\xbc"
		      "ber  -23.5\n             true\n");
	out_open(&o, (struct fmt_write_conf){ .kind = FMT_TABLE, .color = true, .changing = true });
	T_INT(out_json(&o, "{\"a\":1}", ROW_DELETE), 0);
	out_close(&o, "\x1b[1mop  a\x1b[0m\n-D  1\n");
	out_open(&o, (struct fmt_write_conf){ .kind = FMT_TABLE });
	out_close(&o, "");
}

T(table_is_safe_and_fits)
{
	struct out o;

	out_open(&o, (struct fmt_write_conf){ .kind = FMT_TABLE, .width = 20 });
	T_INT(out_json(&o, "{\"a\":\"\\u001b[2J\\u009b\",\"b\\n\":1}", ROW_INSERT), 0);
	out_close(&o, "a            b\\x0a\n\\x1b[2J\\x9b      1\n");
	out_open(&o, (struct fmt_write_conf){ .kind = FMT_TABLE, .width = 16 });
	T_INT(out_json(&o,
		       "{\"a\":\"0123456789\",\"b\":"
		       "\"\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\"}",
		       ROW_INSERT),
	      0);
	out_close(&o, "a        b\n012345\xe2\x80\xa6  "
		      "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xe2\x80\xa6\n");
}

T(table_later_rows)
{
	struct out o;
	size_t n;

	out_open(&o, (struct fmt_write_conf){ .kind = FMT_TABLE, .width = 12 });
	for (int i = 0; i < 50; i++)
		T_INT(out_json(&o, "{\"a\":1,\"b\":\"x\"}", ROW_INSERT), 0);
	T_OK(o.text.n > 0);
	n = o.text.n;
	T_INT(out_json(&o, "{\"a\":123,\"b\":\"y\"}", ROW_INSERT), 0);
	T_MEM(o.text.p + n, o.text.n - n, "123  y\n", 7);
	n = o.text.n;
	T_INT(out_json(&o, "{\"a\":1,\"b\":\"0123456789abc\"}", ROW_INSERT), 0);
	T_MEM(o.text.p + n, o.text.n - n, "1  01234567\xe2\x80\xa6\n", 15);
	n = o.text.n;
	T_INT(out_json(&o, "{\"a\":1,\"c\":2}", ROW_INSERT), 0);
	T_INT(fmt_write_end(o.w, NULL, &o.text), 0);
	T_MEM(o.text.p + n, o.text.n - n, "\na  b  c\n1     2\n", 17);
	o.text.n = 0;
	out_close(&o, "");
}

/* ---- messages ---- */

/* Each of n texts is a message; the log as of read_all. */
static void
read_messages(const struct trial *t, const char *const *text, size_t n, const char *want)
{
	struct fmt_field f[16];
	char copy[256];
	struct schema s;
	struct fmt_conf conf = { .kind = t->kind, .schema = &s };
	struct fmt_reader *r;
	struct buf row = BUF_INIT, log = BUF_INIT;
	struct fmt_bad bad;
	uint8_t *p;
	int rc;

	schema_init(&s);
	if (t->fields != NULL) {
		conf.nfields = parse_fields(t->fields, &s, f, copy);
		conf.fields = f;
	}
	T_INT(fmt_reader_new(&r, &conf), 0);
	for (size_t i = 0; i < n; i++) {
		p = calloc(1, strlen(text[i]) + BUF_SLACK);
		memcpy(p, text[i], strlen(text[i]));
		row.n = 0;
		rc = fmt_read_message(r, p, strlen(text[i]), &row, &bad);
		if (rc == 1)
			dump_row(&s, row.p, &log);
		else
			buf_printf(&log, "!%d:%d %s [%.*s]\n", (int)bad.line, (int)bad.col,
				   bad.reason, (int)bad.n, (const char *)bad.text);
		T_OK(rc == 1 || (rc == FERR_DATA && row.n == 0));
		free(p);
	}
	T_STR(buf_cstr(&log), want);
	buf_fini(&log);
	buf_fini(&row);
	fmt_reader_free(r);
	schema_fini(&s);
}

T(messages_of_json)
{
	static const char *const text[] = {
		"{\"a\":1}",	      " {\"a\":\n2}\n",	     "",
		"{\"a\":1}{\"a\":2}", "{\"a\":1,\n\"b\":x}", "{\"a\":3}"
	};

	read_messages(&(struct trial){ .kind = FMT_JSON }, text, 6,
		      "a=i64:1\na=i64:2\n!1:1 the text ends too early []\n"
		      "!1:8 text behind the object [{\"a\":1}{\"a\":2}]\n"
		      "!1:13 expected a value [{\"a\":1,\n\"b\":x}]\na=i64:3\n");
	read_messages(&(struct trial){ .kind = FMT_JSON, .fields = "b:str,a:f64" }, text, 2,
		      "a=f64:1.0\na=f64:2.0\n");
}

T(messages_that_are_a_line)
{
	static const char *const text[] = { "", "x", "a\nb\r\n", "\xff" };

	read_messages(&(struct trial){ .kind = FMT_LINES }, text, 4,
		      "line=str:\nline=str:x\nline=str:a\nb\r\n\n"
		      "!1:1 not UTF-8 (byte 0xff); --format raw takes any bytes [\xff]\n");
	read_messages(&(struct trial){ .kind = FMT_RAW }, text + 2, 2,
		      "line=bytes:a\nb\r\n\nline=bytes:\xff\n");
}

T(messages_of_columns)
{
	static const char *const csv[] = { "1,x", "2,\"a\nb\"\r\n",  "3",   "4,y\n5,z",
					   "",	  "\"\",\"u\"\"v\"", "\"6", "7,w" };
	static const char *const tsv[] = { "1\tx\\ty", "2\t\n", "3\tx\n4\ty", "\n" };

	read_messages(
	    &(struct trial){ .kind = FMT_CSV, .fields = "a\"b:str,c" }, csv, 8,
	    "a\"b=str:1 c=cell:x\na\"b=str:2 c=str:a\nb\n!1:1 expected 2 fields, got 1 [3]\n"
	    "!1:5 a message is one record; this is another [4,y\n5,z]\n"
	    "!1:1 the message is empty []\na\"b=str: c=str:u\"v\n"
	    "!1:1 the quote is not closed [\"6]\na\"b=str:7 c=cell:w\n");
	read_messages(&(struct trial){ .kind = FMT_TSV, .fields = "a\\:i64,c" }, tsv, 4,
		      "a\\=i64:1 c=cell:x\ty\na\\=i64:2 c=null\n"
		      "!1:5 a message is one record; this is another [3\tx\n4\ty]\n"
		      "!1:1 the message is empty [\n]\n");
}

T_MAIN
