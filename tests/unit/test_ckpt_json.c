/* test_ckpt_json: the manifest of a checkpoint; every damage is found. */
#include "manifest/ckpt_json.h"

#include "base/hash.h"
#include "t.h"

static struct ckpt_stage *
add_stage(struct ckpt_file *f, const char *name, const char *signature, uint32_t parallel)
{
	struct ckpt_stage *s = &f->stage[f->nstages++];

	s->name = strdup(name);
	s->tool = strdup("fwindow");
	s->signature = signature != NULL ? strdup(signature) : NULL;
	s->parallel = parallel;
	s->groups = 128;
	s->sub = calloc(parallel, sizeof(*s->sub));
	for (uint32_t i = 0; i < parallel; i++) {
		snap_init(&s->sub[i]);
		s->sub[i].subtask = i;
		s->sub[i].parallel = parallel;
		s->sub[i].groups = 128;
		if (signature != NULL)
			s->sub[i].signature = strdup(signature);
	}
	return s;
}

static void
make(struct ckpt_file *f)
{
	struct ckpt_stage *s;

	ckpt_file_init(f);
	f->job = strdup("views");
	memcpy(f->job_id, "0123456789abcde\xff", 16);
	memset(f->barrier, 0xa5, 16);
	f->place = 7;
	f->epoch = 9;
	f->attempt = 2;
	f->kind = CKPT_FILE_SAVEPOINT;
	f->time = 1704448800123;
	f->stage = calloc(3, sizeof(*f->stage));
	s = add_stage(f, "fwindow", "tumble \"5m\"\n", 2);
	snap_add_file(&s->sub[0].state, "state/a.base", 0, 4096, 0xdeadbeef, 8);
	snap_add_file(&s->sub[0].state, "state/a.log", 10, 20, 1, 9);
	snap_add_file(&s->sub[1].pending, "segments/b", 0, INT64_MAX, 0, INT64_MAX);
	snap_add_file(&s->sub[1].flight, "state/c", 0, 9, 2, 8);
	s->sub[1].published = 8;
	snap_add_number(&s->sub[1], "wm.0", INT64_MIN, SNAP_MIN);
	snap_add_number(&s->sub[1], "late", INT64_MAX, SNAP_SUM);
	snap_add_number(&s->sub[1], "part", 0, SNAP_MAX);
	s->sub[1].schema = malloc(4);
	memcpy(s->sub[1].schema, "\0\1\2\xff", 4);
	s->sub[1].nschema = 4;
	add_stage(f, "plain", NULL, 1);
}

static void
print(const struct ckpt_file *f, struct buf *b)
{
	b->n = 0;
	T_INT(ckpt_file_print(f, b), 0);
}

T(a_manifest_reads_as_it_is_written)
{
	static const char want[] =
	    "{\"version\":1,\"job\":\"views\",\"job_id\":\"303132333435363738396162636465ff\","
	    "\"place\":7,\"epoch\":9,\"barrier\":\"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\",\"attempt\":"
	    "2,"
	    "\"kind\":\"savepoint\",\"time\":\"2024-01-05T10:00:00.123Z\",\"hash\":\"xxh3-64\","
	    "\"stages\":[\n"
	    "{\"name\":\"fwindow\",\"tool\":\"fwindow\",\"parallelism\":2,\"groups\":128,"
	    "\"signature\":\"tumble \\\"5m\\\"\\n\",\"subtasks\":[\n"
	    " {\"published\":0,\"state\":[{\"file\":\"state/a.base\",\"start\":0,\"end\":4096,"
	    "\"crc\":\"deadbeef\",\"epoch\":8},{\"file\":\"state/a.log\",\"start\":10,\"end\":20,"
	    "\"crc\":\"00000001\",\"epoch\":9}],\"pending\":[],\"numbers\":{}},\n"
	    " {\"published\":8,\"state\":[],\"pending\":[{\"file\":\"segments/b\",\"start\":0,"
	    "\"end\":9223372036854775807,\"crc\":\"00000000\",\"epoch\":9223372036854775807}],"
	    "\"flight\":[{\"file\":\"state/c\",\"start\":0,\"end\":9,\"crc\":\"00000002\","
	    "\"epoch\":8}],"
	    "\"numbers\":{\"wm.0\":{\"v\":-9223372036854775808,\"merge\":\"min\"},"
	    "\"late\":{\"v\":9223372036854775807,\"merge\":\"sum\"},"
	    "\"part\":{\"v\":0,\"merge\":\"max\"}},\"schema\":\"AAEC/w==\"}]},\n"
	    "{\"name\":\"plain\",\"tool\":\"fwindow\",\"parallelism\":1,\"groups\":128,"
	    "\"subtasks\":["
	    "\n {\"published\":0,\"state\":[],\"pending\":[],\"numbers\":{}}]}],\"crc32c\":\"";
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct ckpt_file f, g;

	make(&f);
	print(&f, &a);
	T_MEM(a.p, strlen(want), want, strlen(want));
	T_INT(a.n, strlen(want) + 8 + 3);
	ckpt_file_init(&g);
	T_INT(ckpt_file_parse(&g, a.p, a.n), 0);
	print(&g, &b);
	T_MEM(a.p, a.n, b.p, b.n);
	T_INT(g.time, f.time);
	T_INT(g.kind, CKPT_FILE_SAVEPOINT);
	T_MEM(g.job_id, 16, f.job_id, 16);
	T_STR(g.stage[0].sub[1].signature, "tumble \"5m\"\n");
	T_INT(g.stage[0].sub[1].subtask, 1);
	T_INT(g.stage[0].sub[1].parallel, 2);
	T_INT(g.stage[0].sub[1].groups, 128);
	T_MEM(g.stage[0].sub[1].schema, g.stage[0].sub[1].nschema, "\0\1\2\xff", 4);
	T_OK(g.stage[1].signature == NULL && g.stage[1].sub[0].schema == NULL);
	/* parsing into one that is full replaces it, and failing leaves it */
	T_INT(ckpt_file_parse(&g, a.p, a.n), 0);
	T_INT(ckpt_file_parse(&g, a.p, a.n - 1), FERR_CORRUPT);
	T_STR(g.job, "views");
	ckpt_file_fini(&f);
	ckpt_file_fini(&g);
	buf_fini(&a);
	buf_fini(&b);
}

T(printing_appends)
{
	struct buf a = BUF_INIT;
	struct ckpt_file f, g;

	make(&f);
	ckpt_file_init(&g);
	buf_puts(&a, "before");
	T_INT(ckpt_file_print(&f, &a), 0);
	T_INT(ckpt_file_parse(&g, a.p + 6, a.n - 6), 0);
	ckpt_file_fini(&f);
	ckpt_file_fini(&g);
	buf_fini(&a);
}

/* Parse a copy of exactly its size, so that ASan sees one byte too far. */
static int
parse_exact(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n + (n == 0));
	struct ckpt_file f;
	int rc;

	if (n != 0)
		memcpy(copy, p, n);
	ckpt_file_init(&f);
	rc = ckpt_file_parse(&f, copy, n);
	ckpt_file_fini(&f);
	free(copy);
	return rc;
}

T(torn_at_every_byte_is_found)
{
	struct buf a = BUF_INIT;
	struct ckpt_file f;

	make(&f);
	print(&f, &a);
	for (size_t n = 0; n < a.n; n++)
		if (parse_exact(a.p, n) != FERR_CORRUPT)
			T_FAIL("%zu of %zu bytes were accepted", n, a.n);
	buf_putc(&a, '\n');
	T_INT(parse_exact(a.p, a.n), FERR_CORRUPT);
	ckpt_file_fini(&f);
	buf_fini(&a);
}

T(every_flipped_bit_is_found)
{
	struct buf a = BUF_INIT;
	struct ckpt_file f;

	make(&f);
	print(&f, &a);
	for (size_t i = 0; i < a.n * 8; i++) {
		a.p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (parse_exact(a.p, a.n) != FERR_CORRUPT)
			T_FAIL("bit %zu", i);
		a.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ckpt_file_fini(&f);
	buf_fini(&a);
}

/* The manifest with one text in it replaced and the sum put right. */
static int
parse_with(const char *from, const char *to)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct ckpt_file f;
	const char *at;
	int rc;

	make(&f);
	print(&f, &a);
	at = strstr(buf_cstr(&a), from);
	buf_put(&b, a.p, (size_t)(at - (char *)a.p));
	buf_puts(&b, to);
	buf_put(&b, at + strlen(from), a.n - 22 - (size_t)(at - (char *)a.p) - strlen(from));
	buf_printf(&b, ",\"crc32c\":\"%08x\"}\n", crc32c(0, b.p, b.n));
	rc = parse_exact(b.p, b.n);
	ckpt_file_fini(&f);
	buf_fini(&a);
	buf_fini(&b);
	return rc;
}

T(what_cannot_be_is_refused_even_with_a_good_sum)
{
	static const struct {
		const char *from, *to, *says;
	} in[] = {
		{ "\"version\":1", "\"version\":2", "version 2" },
		{ "\"place\":7", "\"place\":-7", "cannot be" },
		{ "\"place\":7", "\"place\":7.5", "" },
		{ "\"place\":7", "\"place\":99999999999999999999", "" },
		{ "\"place\":7,", "", "place" },
		{ "\"place\":7", "\"place\":7,\"odd\":1", "odd" },
		{ "\"place\":7", "\"place\":7,\"place\":7", "place" },
		{ "savepoint", "picnic", "kind" },
		{ "xxh3-64", "md5", "hash" },
		{ "2024-01-05T", "yesterday", "time" },
		{ "303132", "30313g", "job_id" },
		{ "303132", "3031", "job_id" },
		{ "\"parallelism\":2", "\"parallelism\":3", "disagree" },
		{ "\"parallelism\":2", "\"parallelism\":0", "disagree" },
		{ "\"groups\":128", "\"groups\":1", "disagree" },
		{ "\"groups\":128", "\"groups\":99999", "disagree" },
		{ "\"end\":4096", "\"end\":-1", "cannot be" },
		{ "\"start\":10", "\"start\":21", "before its start" },
		{ "deadbeef", "DEADBEEF", "crc" },
		{ "\"min\"", "\"mean\"", "unknown merge" },
		{ "AAEC/w==", "AAEC/w=", "base64" },
		{ "AAEC/w==", "", "empty" },
		{ "\"pending\":[]", "\"pending\":{}", "list of files" },
		{ "\"numbers\":{}", "\"numbers\":[]", "numbers" },
	};

	T_INT(parse_with("\"place\":7", "\"place\":8"), 0);
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		T_INT(parse_with(in[i].from, in[i].to), FERR_CORRUPT);
		if (strstr(ferr_text(), in[i].says) == NULL)
			T_FAIL("%s: no '%s' in '%s'", in[i].to, in[i].says, ferr_text());
	}
}

T(what_could_not_be_read_back_is_not_written)
{
	struct buf a = BUF_INIT;
	struct ckpt_file f;

	make(&f);
	f.epoch = UINT64_MAX;
	T_INT(ckpt_file_print(&f, &a), FERR_CORRUPT);
	T_INT(a.n, 0);
	f.epoch = 9;
	f.job[0] = '\xff';
	T_INT(ckpt_file_print(&f, &a), FERR_USAGE);
	T_INT(a.n, 0);
	ckpt_file_fini(&f);
	buf_fini(&a);
}

static int
note(void *cookie, const char *name)
{
	struct buf *b = cookie;

	buf_printf(b, "%s ", name);
	return 0;
}

static int
stop(void *cookie, const char *name)
{
	(void)cookie;
	return strcmp(name, "state/a.log") == 0 ? 5 : 0;
}

T(every_file_is_named)
{
	struct buf a = BUF_INIT;
	struct ckpt_file f;

	make(&f);
	T_INT(ckpt_file_each(&f, note, &a), 0);
	T_STR(buf_cstr(&a), "state/a.base state/a.log segments/b state/c ");
	T_INT(ckpt_file_each(&f, stop, NULL), 5);
	ckpt_file_fini(&f);
	buf_fini(&a);
}

T_MAIN
