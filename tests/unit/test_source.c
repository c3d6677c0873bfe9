/*
 * test_source: a source that goes on from a checkpoint gives what one without a crash would have
 * given next, rows and watermarks, byte for byte; at another parallelism the same rows; and what
 * it says of input that is not what it was.
 *
 * The runtime is a stand-in of a few lines: what is emitted gathers in one buffer, and a checkpoint
 * is taken whenever the test wants one.  So is the topic that it reads.
 */
#include <stdarg.h>

#include "conn/kafka_read.h"
#include "conn/source.h"
#include "state/state.h"
#include "t_dir.h"

#define GROUPS 128
#define NUMBERS 8

struct number {
	const char *name;
	enum snap_merge merge;
	int64_t v;
};

struct op {
	struct buf rows, out; /* being made; all that was emitted */
	struct schema schema;
	struct op_task task;
	struct state *state;
	struct number number[NUMBERS];
	unsigned nnumber;
	int64_t now, wm;
	bool full, idle;
};

/* ---- the stand-in ---- */

int
op_bad(struct op *op, const char *at, const char *reason, const void *text, size_t n)
{
	(void)text;
	(void)n;
	return buf_printf(&op->out, "bad %s %s;", at, reason);
}

int
op_emit_idle(struct op *op, bool idle)
{
	op->idle = idle;
	op->rows.n = 0; /* as the runtime, which seals its buffer */
	return buf_puts(&op->out, idle ? "idle;" : "active;");
}

int
op_emit_watermark(struct op *op, int64_t wm)
{
	T_OK(!op->idle || wm != INT64_MAX);
	op->wm = wm;
	op->rows.n = 0;
	return buf_printf(&op->out, "wm %" PRId64 ";", wm);
}

bool
op_full(const struct op *op)
{
	return op->full;
}

int64_t
op_now(const struct op *op)
{
	return op->now;
}

void
op_note(struct op *op, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&op->out, "note %s;", text);
}

void
op_say(struct op *op, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&op->out, "said %s;", text);
}

int
op_published(struct op *op, uint64_t epoch)
{
	(void)op;
	(void)epoch;
	return 0;
}

int
op_number(struct op *op, const char *name, enum snap_merge merge, int64_t **v)
{
	struct number *n = &op->number[op->nnumber++];

	n->name = name;
	n->merge = merge;
	*v = &n->v;
	return 0;
}

const struct schema *
op_out_schema(const struct op *op)
{
	return &op->schema;
}

struct buf *
op_rows_buf(struct op *op)
{
	return &op->rows;
}

int
op_rows_done(struct op *op, size_t at, unsigned rows)
{
	T_OK(at <= op->rows.n && rows > 0);
	T_INT(buf_put(&op->out, op->rows.p + at, op->rows.n - at), 0);
	op->rows.n = 0;
	return 0;
}

int
op_set_schema(struct op *op, const struct schema *s)
{
	return schema_copy(&op->schema, s);
}

struct state *
op_state(struct op *op)
{
	return op->state;
}

bool
op_stopping(const struct op *op)
{
	(void)op;
	return false;
}

const struct op_task *
op_task(const struct op *op)
{
	return &op->task;
}

int
op_wait_fd(struct op *op, int fd)
{
	(void)op;
	(void)fd;
	return 0;
}

void
op_wake_at(struct op *op, int64_t mono_ns)
{
	(void)op;
	(void)mono_ns;
}

void
op_warn_unseen(struct op *op, const struct schema *s, const char *field)
{
	if (schema_find(s, field, strlen(field)) < 0)
		buf_printf(&op->out, "unseen %s;", field);
}

/* ---- a topic ---- */

#define PARTS 8

/* Message i of partition p has offset 2 i (what lies between is not shown), time 1000 (2 i + p) and
 * the value {"k":p,"t":i}; each 50th has none. */
static struct {
	unsigned parts;
	int64_t n[PARTS];    /* messages of each */
	unsigned lacks;	     /* a seed: when nothing has come yet; 0: never */
	int64_t told[PARTS]; /* the group's places */
} topic;

struct kafka_reader {
	const struct kafka_uri *uri;
};
struct kafka_part {
	int32_t partition;
	int64_t at;
	char text[64];
};

int
kafka_reader_new(struct kafka_reader **out, const struct kafka_uri *uri,
		 const struct kafka_props *props, const char *group)
{
	(void)props;
	T_OK(strncmp(group, "fjord-", 6) == 0);
	*out = malloc(sizeof(**out));
	(*out)->uri = uri;
	return 0;
}

void
kafka_reader_free(struct kafka_reader *r)
{
	free(r);
}

int
kafka_reader_partitions(struct kafka_reader *r, unsigned t, unsigned *n)
{
	T_STR(r->uri->topic[t], "views");
	*n = topic.parts;
	return 0;
}

const char *
kafka_reader_news(struct kafka_reader *r, int *rc)
{
	(void)r;
	*rc = 0;
	return NULL;
}

int
kafka_reader_find(struct kafka_reader *r, unsigned t, int32_t partition, enum kafka_at at,
		  int64_t time, int64_t *offset)
{
	(void)r;
	(void)t;
	T_OK(at != KAFKA_GROUP);
	*offset = at == KAFKA_EARLIEST ? 0
		  : at == KAFKA_LATEST ? 2 * topic.n[partition]
				       : time / 1000 - partition;
	return 0;
}

void
kafka_reader_commit(struct kafka_reader *r, const struct kafka_place *v, unsigned n)
{
	(void)r;
	for (unsigned i = 0; i < n; i++)
		topic.told[v[i].partition] = v[i].offset;
}

int
kafka_part_open(struct kafka_part **out, struct kafka_reader *r, unsigned t, int32_t partition,
		int64_t offset)
{
	(void)r;
	(void)t;
	T_OK(partition < PARTS && offset >= 0);
	*out = malloc(sizeof(**out));
	**out = (struct kafka_part){ .partition = partition, .at = offset };
	return 0;
}

void
kafka_part_close(struct kafka_part *p)
{
	free(p);
}

int
kafka_part_next(struct kafka_part *p, int64_t until, struct kafka_message *out)
{
	int64_t i = (p->at + 1) / 2;

	if (until >= 0 && 2 * i >= until)
		p->at = until;
	if (until >= 0 && p->at >= until)
		return 0;
	if (topic.lacks != 0 && (topic.lacks = topic.lacks * 1103515245 + 12345) % 1024 < 3)
		return FERR_AGAIN;
	if (i == topic.n[p->partition]) {
		p->at = 2 * i; /* what is not shown lies behind the last one, too */
		return until >= 0 && p->at >= until ? 0 : FERR_AGAIN;
	}
	snprintf(p->text, sizeof(p->text), "{\"k\":%d,\"t\":%" PRId64 "}", p->partition, i);
	*out = (struct kafka_message){ .offset = 2 * i,
				       .time = 1000 * (2 * i + p->partition),
				       .value = i % 50 == 49 ? NULL : (const uint8_t *)p->text,
				       .nvalue = strlen(p->text) };
	p->at = 2 * i + 1;
	return 1;
}

int64_t
kafka_part_position(const struct kafka_part *p)
{
	return p->at;
}

int64_t
kafka_part_end(const struct kafka_part *p)
{
	return 2 * topic.n[p->partition];
}

int
kafka_part_fd(const struct kafka_part *p)
{
	(void)p;
	return 0;
}

int
kafka_headers(const struct kafka_message *m, struct buf *out, bool *any)
{
	(void)m;
	(void)out;
	*any = false;
	return 0;
}

/* ---- runs ---- */

/* A job: how many subtasks it has, and what its source's words say. */
struct job {
	char *uris[8];
	int nuris;
	struct source_spec spec;
	unsigned parallel;
	bool full; /* the output is full all the time: small steps */
};

/* A checkpoint of one subtask. */
struct checkpoint {
	struct buf log;
	struct number number[NUMBERS];
	unsigned nnumber;
	size_t at; /* what had been emitted */
};

struct run {
	struct op op;
	struct source *source;
	struct buf log;
	uint64_t equal;
	int rc;
	bool ended;
	bool full; /* the next checkpoint has all of the state */
};

static void
run_open(struct run *r, const struct job *job, unsigned subtask, const struct checkpoint *from,
	 unsigned nfrom, uint32_t parallel)
{
	struct source_spec spec = job->spec;
	struct state_conf c = { .groups = GROUPS, .mem = 1 << 26 };
	struct op_task *t = &r->op.task;

	memset(r, 0, sizeof(*r));
	spec.uris = (char **)(uintptr_t)job->uris;
	spec.nuris = job->nuris;
	t->subtask = subtask;
	t->parallel = parallel;
	t->groups = GROUPS;
	t->lo = (subtask * GROUPS + parallel - 1) / parallel;
	t->hi = ((subtask + 1) * GROUPS - 1) / parallel;
	t->epoch = nfrom > 0 ? 1 : 0;
	r->full = nfrom > 0 && nfrom != parallel;
	c.lo = t->lo;
	c.hi = t->hi;
	schema_init(&r->op.schema);
	r->op.now = 1000000000;
	r->op.wm = INT64_MIN;
	r->op.full = job->full;
	T_INT(state_new(&r->op.state, &c), 0);
	if ((r->rc = source_new(&r->source, &spec)) != 0)
		return;
	T_INT(source_class.start(r->source, &r->op), 0);
	for (unsigned i = 0; i < nfrom; i++) {
		T_INT(state_load(r->op.state, from[i].log.p, from[i].log.n), 0);
		T_INT(buf_put(&r->log, from[i].log.p, from[i].log.n), 0);
		for (unsigned k = 0; k < r->op.nnumber; k++) {
			int64_t v = from[i].number[k].v, *to = &r->op.number[k].v;

			if (r->op.number[k].merge == SNAP_SUM)
				*to += subtask == 0 ? v : 0;
			else if (i == 0 || v < *to)
				*to = v;
		}
	}
	r->rc = source_class.on_restored(r->source, &r->op, &r->equal);
}

static void
run_close(struct run *r)
{
	source_free(r->source);
	state_free(r->op.state);
	schema_fini(&r->op.schema);
	buf_fini(&r->op.rows);
	buf_fini(&r->op.out);
	buf_fini(&r->log);
}

/* One step: false when it has ended, waits, or failed. */
static bool
step(struct run *r)
{
	int rc;

	r->op.now += 2000000000;
	if (r->rc != 0 || r->ended)
		return false;
	r->op.rows.n = 0;
	if ((rc = source_class.produce(r->source, &r->op)) == OP_END) {
		r->ended = true;
		T_INT(source_class.on_end(r->source, &r->op), 0);
	}
	r->rc = rc < 0 ? rc : 0;
	return rc == OP_MORE;
}

static void
run_on(struct run *r)
{
	while (step(r))
		;
}

static void
barrier(struct run *r, uint32_t flags, struct checkpoint *c)
{
	struct barrier b = { .epoch = 1, .flags = flags };
	bool done = false;

	T_INT(source_class.on_barrier(r->source, &r->op, &b), 0);
	T_INT(state_barrier(r->op.state, r->full), 0);
	if (r->full)
		r->log.n = 0;
	r->full = false;
	while (!done)
		T_INT(state_copy(r->op.state, &r->log, 4096, &done), 0);
	memset(c, 0, sizeof(*c));
	T_INT(buf_put(&c->log, r->log.p, r->log.n), 0);
	memcpy(c->number, r->op.number, sizeof(c->number));
	c->nnumber = r->op.nnumber;
	c->at = r->op.out.n;
}

/* One subtask, from every step of it: the rest must be the rest. */
static unsigned
every_step(const struct job *job, unsigned subtask)
{
	struct checkpoint c[256];
	struct run r, again;
	unsigned n = 0;

	run_open(&r, job, subtask, NULL, 0, job->parallel);
	T_INT(r.rc, 0);
	barrier(&r, 0, &c[n++]);
	while (n < 255 && step(&r))
		barrier(&r, 0, &c[n++]);
	T_OK(r.ended && n < 255);
	barrier(&r, 0, &c[n++]);
	for (unsigned i = 0; i < n; i++) {
		run_open(&again, job, subtask, &c[i], 1, job->parallel);
		run_on(&again);
		T_OK(again.ended);
		if (c[i].at < r.op.out.n)
			T_MEM(again.op.out.p, again.op.out.n, r.op.out.p + c[i].at,
			      r.op.out.n - c[i].at);
		run_close(&again);
		buf_fini(&c[i].log);
	}
	run_close(&r);
	return n;
}

/* n records of key k, times from, from + by, ... in seconds. */
static void
put(const char *name, int k, int n, int from, int by)
{
	FILE *f = fopen(name, "a");

	for (int i = 0; i < n; i++)
		fprintf(f, "{\"k\":%d,\"t\":%d}\n", k, from + i * by);
	fclose(f);
}

static struct job
job_of(unsigned parallel, int nuris, ...)
{
	struct job j = { .spec = SOURCE_SPEC_INIT, .parallel = parallel, .nuris = nuris };
	va_list ap;

	va_start(ap, nuris);
	for (int i = 0; i < nuris; i++)
		j.uris[i] = va_arg(ap, char *);
	va_end(ap);
	j.spec.time = TIME_FIELD;
	j.spec.time_spec = "t";
	return j;
}

/* ---- one after the other, byte for byte ---- */

T(files_merged_by_time)
{
	struct job j;

	t_dir_begin();
	put("even", 0, 2500, 0, 2);
	put("odd", 1, 2500, 1, 2);
	put("late", 2, 10, 4000, 1);
	t_shell("printf 't,k,x\\n7,3,5\\n8,4,6\\n' >table; gzip table; echo bad >>even");
	j = job_of(1, 4, "even", "odd", "table.gz", "late");
	T_OK(every_step(&j, 0) >= 9);
	j.spec.marks = MARKS_EACH;
	T_OK(every_step(&j, 0) >= 9);
	j.spec.marks = MARKS_NONE;
	T_OK(every_step(&j, 0) >= 9);
	j.spec.marks = MARKS_FIELD;
	j.spec.marks_field = "x";
	T_OK(every_step(&j, 0) >= 9);
	j.spec.marks = MARKS_AUTO;
	j.full = true;
	T_OK(every_step(&j, 0) > 9);
	j.spec.sequence = true;
	T_OK(every_step(&j, 0) > 9);
	j.spec.sequence = false;
	j.spec.time = TIME_NONE;
	j.spec.meta = "m_";
	T_OK(every_step(&j, 0) > 9);
	t_dir_end();
}

T(columns_and_limit)
{
	struct job j;

	t_dir_begin();
	put("even", 0, 1500, 0, 2);
	put("odd", 1, 1500, 1, 2);
	j = job_of(1, 2, "even", "odd");
	j.full = true;
	j.spec.fields = "t:time, k:str, none";
	j.spec.limit = 2345;
	T_OK(every_step(&j, 0) > 5);
	t_dir_end();
}

T(generators)
{
	struct job j =
	    job_of(1, 3, "gen:nexmark?n=2500", "gen:nexmark?n=700&seed=2", "gen:nexmark?n=2500");

	j.spec.time = TIME_NONE;
	j.full = true;
	T_OK(every_step(&j, 0) > 20);
	j.spec.marks = MARKS_EACH;
	T_OK(every_step(&j, 0) > 20);
}

/* ---- topics ---- */

static struct job
topic_job(unsigned parallel, const char *until)
{
	struct job j = job_of(parallel, 1, "kafka://host/views");

	topic.lacks = 0;
	topic.parts = 3;
	topic.n[0] = 3210;
	topic.n[1] = 0;
	topic.n[2] = 2500;
	topic.n[3] = 777;
	j.spec.time = TIME_NONE;
	j.spec.until = until;
	return j;
}

static void
run_all(struct run *r)
{
	while (r->rc == 0 && !r->ended)
		step(r);
}

/* A calm run, and runs in which messages come late, with a restart at any time. */
T(a_topic_with_an_end_does_not_depend_on_timing)
{
	struct job j = topic_job(1, "end");
	struct checkpoint c[64];
	struct run calm, r;
	unsigned n;

	T_OK(every_step(&j, 0) > 6);
	j.spec.meta = "m_";
	T_OK(every_step(&j, 0) > 6);
	run_open(&calm, &j, 0, NULL, 0, 1);
	run_all(&calm);
	for (unsigned seed = 1; seed < 20; seed++) {
		topic.lacks = seed;
		run_open(&r, &j, 0, NULL, 0, 1);
		topic.n[0] += 100; /* behind the end */
		for (n = 0; r.rc == 0 && !r.ended;) {
			step(&r);
			if (n < 64 && !r.ended)
				barrier(&r, 0, &c[n++]);
		}
		T_MEM(r.op.out.p, r.op.out.n, calm.op.out.p, calm.op.out.n);
		run_close(&r);
		for (unsigned i = 0; i < n; i++) {
			run_open(&r, &j, 0, &c[i], 1, 1);
			run_all(&r);
			T_MEM(r.op.out.p, r.op.out.n, calm.op.out.p + c[i].at,
			      calm.op.out.n - c[i].at);
			run_close(&r);
			buf_fini(&c[i].log);
		}
		topic.n[0] -= 100;
	}
	run_close(&calm);
}

/* Where `text` stands in what was emitted last, if it ends with it. */
static bool
ends_with(const struct run *r, const char *text)
{
	size_t n = strlen(text);

	return r->op.out.n >= n && memcmp(r->op.out.p + r->op.out.n - n, text, n) == 0;
}

/* Read until nothing has come n times. */
static void
run_dry(struct run *r, int n)
{
	while (n > 0 && r->rc == 0)
		n -= !step(r);
}

T(c18_a_partition_that_is_new)
{
	struct job j = topic_job(1, NULL);
	struct checkpoint c;
	struct run r;

	j.spec.from = "latest";
	run_open(&r, &j, 0, NULL, 0, 1);
	run_dry(&r, 3);
	T_INT(r.op.out.n, 0);
	topic.n[0] += 10; /* [1] has given nothing: it holds all back */
	topic.n[2] += 10;
	run_dry(&r, 3);
	T_INT(r.op.wm, INT64_MIN);
	topic.n[1] = 5;
	run_dry(&r, 3);
	T_INT(r.op.wm, 1000 * (2 * 4 + 1) - 1);
	topic.parts = 4; /* read from its beginning, and now it is for that one to go on */
	run_dry(&r, 8);
	T_OK(ends_with(&r, "wm 8999;") == false);
	T_INT(r.op.wm, 8999);
	topic.n[1] = 4000;
	run_dry(&r, 3);
	T_INT(r.op.wm, 1000 * (2 * 776 + 3) - 1);
	T_INT(r.source == NULL, 0);
	barrier(&r, 0, &c);
	run_close(&r);
	topic.parts = 5; /* found at a restart */
	topic.n[4] = 3;
	run_open(&r, &j, 0, &c, 1, 1);
	run_dry(&r, 3);
	T_INT(r.rc, 0);
	T_INT(r.op.schema.n, 2);
	T_INT(r.op.rows.n, 0);
	T_OK(r.op.out.n > 0 && row_get(r.op.out.p, 0).i == 4);
	T_INT(source_class.on_complete(r.source, &r.op, 7), 0);
	run_close(&r);
	buf_fini(&c.log);
}

T(c17_a_partition_that_is_idle)
{
	struct job j = topic_job(1, NULL);
	struct run r;

	j.spec.idle = 100000;
	run_open(&r, &j, 0, NULL, 0, 1);
	run_dry(&r, 3);
	T_INT(r.op.wm, INT64_MIN);
	run_dry(&r, 60); /* [1] has nothing */
	T_OK(r.op.wm > 0);
	T_OK(r.op.idle);
	topic.n[1] = 1;
	run_dry(&r, 1);
	T_OK(!r.op.idle);
	run_close(&r);
}

T(a_group_is_told_of_what_is_complete)
{
	struct job j = topic_job(1, "1970-01-01T00:10:00Z");
	struct barrier b = { .epoch = 1 };
	struct run r;

	run_open(&r, &j, 0, NULL, 0, 1);
	for (b.epoch = 1; b.epoch < 3; b.epoch++) {
		run_dry(&r, 0);
		step(&r);
		step(&r);
		T_INT(source_class.on_barrier(r.source, &r.op, &b), 0);
	}
	T_INT(topic.told[0], 0);
	T_INT(source_class.on_complete(r.source, &r.op, 1), 0);
	T_OK(topic.told[0] > 0);
	run_close(&r);
}

T(topics_that_are_not_what_they_were)
{
	struct job j = topic_job(1, "end");
	struct checkpoint c;
	struct run r;

	run_open(&r, &j, 0, NULL, 0, 1);
	step(&r);
	step(&r);
	barrier(&r, 0, &c);
	run_close(&r);
	topic.parts = 4; /* not there at the start: whether a restart sees it must not matter */
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, 0);
	step(&r);
	T_OK(strncmp((const char *)r.op.out.p, "said views[3]: not there", 24) == 0);
	run_close(&r);
	topic.parts = 2;
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, FERR_REFUSED);
	run_close(&r);
	topic.parts = 3;
	j.spec.until = NULL;
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, FERR_USAGE);
	run_close(&r);
	j.uris[0] = (char *)(uintptr_t) "gen:tx?n=1";
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, FERR_USAGE);
	T_OK(strstr(ferr_text(), "views[0], which is not named any more") != NULL);
	run_close(&r);
	buf_fini(&c.log);
}

static int
try_spec(const struct source_spec *spec, const char *uri, const char *uri2)
{
	char *uris[] = { (char *)(uintptr_t)uri, (char *)(uintptr_t)uri2 };
	struct source_spec with = *spec;
	struct source *s = NULL;
	int rc;

	with.uris = uris;
	with.nuris = uri2 != NULL ? 2 : 1;
	rc = source_new(&s, &with);
	source_free(s);
	return rc;
}

T(what_goes_with_topics_and_what_does_not)
{
	const struct source_spec init = SOURCE_SPEC_INIT;
	const char *topic_uri = "kafka://host/t";
	struct source_spec s = init;

	T_INT(try_spec(&s, topic_uri, "kafka://host/a,b"), 0);
	T_INT(try_spec(&s, topic_uri, "kafka://other/a,t"), FERR_USAGE);
	T_INT(try_spec(&s, "kafka://host/t,t", NULL), FERR_USAGE);
	for (int i = 0; i < 11; i++) {
		s = init;
		s.follow = i == 0;
		s.sequence = i == 1;
		s.hold = i == 2;
		s.format = i == 3 ? FMT_FRAMES : i == 4 ? FMT_CSV : i == 5 ? FMT_TSV : FMT_AUTO;
		s.from = i == 6 ? "1h" : i == 7 ? "group" : i == 8 ? "@" : NULL;
		s.until = i == 9 ? "latest" : i == 10 ? "soon" : NULL;
		T_INT(try_spec(&s, topic_uri, NULL), FERR_USAGE);
	}
	for (int i = 0; i < 3; i++) {
		s = init;
		s.from = i == 0 ? "latest" : NULL;
		s.until = i == 1 ? "end" : NULL;
		s.time = i == 2 ? TIME_KAFKA : TIME_NONE;
		T_INT(try_spec(&s, "gen:tx?n=1", NULL), FERR_USAGE);
		T_INT(try_spec(&s, topic_uri, "gen:tx?n=1"), 0);
	}
	s = init;
	s.format = FMT_CSV;
	s.fields = "a, b:i64";
	s.from = "@1704448800";
	s.until = "2024-01-05";
	T_INT(try_spec(&s, topic_uri, NULL), 0);
}

T(each_subtask_has_its_splits)
{
	struct job j;

	t_dir_begin();
	put("a", 0, 1200, 0, 2);
	put("b", 1, 1200, 1, 2);
	put("c", 2, 1200, 500, 2);
	j = job_of(2, 3, "a", "b", "c");
	T_OK(every_step(&j, 0) >= 4);
	T_OK(every_step(&j, 1) >= 3);
	t_dir_end();
}

/* ---- another parallelism ---- */

static int64_t
total(const struct run *r, int64_t *sum)
{
	const uint8_t *p = r->op.out.p, *end = p + r->op.out.n;
	int64_t n = 0;

	while (p < end) {
		if (*p == 'w' || *p == 'i' || *p == 'a' || *p == 's') {
			p = (const uint8_t *)strchr((const char *)p, ';') + 1;
			continue;
		}
		*sum += row_get(p, 0).i * 1000003 + row_get(p, 1).i;
		p += row_len(p);
		n++;
	}
	return n;
}

/* Three lives at other parallelisms, `steps` steps each but the last; all rows once. */
static void
rescaled(const struct job *job, const unsigned *parallel, unsigned lives, int steps, int64_t want_n,
	 int64_t want_sum)
{
	struct checkpoint c[8], old[8];
	unsigned nold = 0;
	int64_t n = 0, sum = 0;
	struct run r[8];

	for (unsigned life = 0; life < lives; life++) {
		unsigned p = parallel[life];

		for (unsigned i = 0; i < p; i++) {
			run_open(&r[i], job, i, old, nold, p);
			T_INT(r[i].rc, 0);
			for (int s = 0; (life + 1 == lives || s < steps) && step(&r[i]); s++)
				;
			barrier(&r[i], 0, &c[i]);
			buf_putc(&r[i].op.out, 'i'); /* an end for strchr */
			buf_puts(&r[i].op.out, ";");
			buf_putc(&r[i].op.out, '\0');
			r[i].op.out.n--;
			n += total(&r[i], &sum);
			run_close(&r[i]);
		}
		for (unsigned i = 0; i < nold; i++)
			buf_fini(&old[i].log);
		memcpy(old, c, sizeof(old));
		nold = p;
	}
	for (unsigned i = 0; i < nold; i++)
		buf_fini(&old[i].log);
	T_INT(n, want_n);
	T_INT(sum, want_sum);
}

T(rescaling_gives_each_row_once)
{
	static const unsigned ways[][3] = {
		{ 1, 1, 1 }, { 1, 3, 2 }, { 4, 1, 5 }, { 2, 7, 3 }, { 5, 2, 1 }
	};
	struct job j;
	int64_t sum = 0;

	t_dir_begin();
	for (int k = 0; k < 5; k++) {
		char name[2] = { (char)('a' + k), '\0' };

		put(name, k, 900, k * 7, 2);
		for (int i = 0; i < 900; i++)
			sum += k * INT64_C(1000003) + k * 7 + i * 2;
	}
	j = job_of(1, 5, "a", "b", "c", "d", "e");
	j.full = true;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		rescaled(&j, ways[i], 3, 1, 5 * 900, sum);
		rescaled(&j, ways[i], 3, 2, 5 * 900, sum);
	}
	t_dir_end();
}

/* ---- C18 ---- */

T(rescaling_gives_each_message_once)
{
	static const unsigned parallel[] = { 1, 3, 2, 5, 1 };
	struct job j = topic_job(1, "end");
	int64_t n = 0, sum = 0;

	topic.parts = 4;
	for (unsigned p = 0; p < topic.parts; p++) {
		for (int64_t i = 0; i < topic.n[p]; i++) {
			n += i % 50 != 49;
			sum += i % 50 != 49 ? p * 1000003 + i : 0;
		}
	}
	rescaled(&j, parallel, 5, 2, n, sum);
}

T(c18_a_subtask_without_splits)
{
	struct job j;
	struct run r;

	t_dir_begin();
	put("a", 0, 3, 0, 1);
	j = job_of(2, 1, "a");
	run_open(&r, &j, 1, NULL, 0, 2);
	T_OK(!step(&r));
	T_OK(r.ended);
	T_MEM(r.op.out.p, r.op.out.n, "wm 9223372036854775807;", 23);
	run_close(&r);
	j.spec.follow = true;
	run_open(&r, &j, 1, NULL, 0, 2);
	T_OK(!step(&r));
	T_OK(!r.ended);
	T_MEM(r.op.out.p, r.op.out.n, "idle;", 5);
	run_close(&r);
	j.spec.follow = false;
	j.spec.hold = true;
	run_open(&r, &j, 1, NULL, 0, 2);
	T_OK(!step(&r));
	T_OK(r.ended);
	T_INT(r.op.out.n, 0); /* the next run may give something */
	run_close(&r);
	t_dir_end();
}

/* ---- input that changes ---- */

/* The first field of all rows that were emitted. */
static const char *
keys(struct run *r)
{
	static char text[4096];
	size_t n = 0;
	const uint8_t *p, *stop;

	buf_puts(&r->op.out, "i;");
	buf_cstr(&r->op.out);
	p = r->op.out.p;
	stop = p + r->op.out.n;
	text[0] = '\0';
	while (p < stop && n < sizeof(text) - 8) {
		if (*p == 'w' || *p == 'i' || *p == 'a') {
			p = (const uint8_t *)strchr((const char *)p, ';') + 1;
			continue;
		}
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d", (int)row_get(p, 0).i);
		p += row_len(p);
	}
	return text;
}

/* Run all, with a last barrier of that kind; what was read before. */
static void
to_the_end(const struct job *j, uint32_t flags, struct checkpoint *c)
{
	struct run r;

	run_open(&r, j, 0, NULL, 0, 1);
	T_INT(r.rc, 0);
	run_on(&r);
	barrier(&r, flags, c);
	run_close(&r);
}

T(a_finished_job_names_what_is_new)
{
	struct checkpoint c;
	struct job j;
	struct run r;

	t_dir_begin();
	t_shell("mkdir d");
	put("d/a", 1, 2, 0, 1);
	put("d/b", 2, 2, 0, 1);
	j = job_of(1, 1, "d/");
	to_the_end(&j, BARRIER_FINAL, &c);
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, 0);
	run_on(&r);
	T_OK(r.ended);
	T_STR(keys(&r), "");
	run_close(&r);
	put("d/b", 3, 1, 0, 1);
	put("d/c", 4, 1, 0, 1);
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, FERR_USAGE);
	T_OK(strstr(ferr_text(), "d/b has grown, d/c is new;") != NULL);
	run_close(&r);
	/* what was read and is gone is no matter */
	t_shell("rm -r d");
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, 0);
	run_close(&r);
	buf_fini(&c.log);
	t_dir_end();
}

T(a_crash_behind_the_end_does_not_read_on)
{
	struct checkpoint c;
	struct job j;
	struct run r;

	t_dir_begin();
	t_shell("mkdir d");
	put("d/a", 1, 2, 0, 1);
	j = job_of(1, 1, "d/");
	to_the_end(&j, 0, &c);
	put("d/a", 3, 1, 0, 1);
	put("d/b", 4, 1, 0, 1);
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, 0);
	run_on(&r);
	T_OK(r.ended);
	T_STR(keys(&r), "");
	run_close(&r);
	buf_fini(&c.log);
	t_dir_end();
}

T(with_hold_the_next_run_reads_on)
{
	struct checkpoint c, next;
	struct job j;
	struct run r;

	t_dir_begin();
	t_shell("mkdir d");
	put("d/a", 1, 2, 0, 1);
	put("d/b", 2, 2, 0, 1);
	t_shell("printf '{\"k\":5,' >>d/b");
	j = job_of(1, 1, "d/");
	j.spec.hold = true;
	to_the_end(&j, BARRIER_FINAL, &c);
	t_shell("printf '\"t\":9}\\n' >>d/b");
	put("d/c", 4, 1, 0, 1);
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, 0);
	run_on(&r);
	T_OK(r.ended);
	T_OK(r.op.wm != INT64_MAX);
	barrier(&r, BARRIER_FINAL, &next);
	T_STR(keys(&r), "45");
	run_close(&r);
	run_open(&r, &j, 0, &next, 1, 1);
	run_on(&r);
	T_OK(r.ended);
	T_STR(keys(&r), "");
	run_close(&r);
	/* one that was replaced is not passed over */
	t_shell("echo '{\"k\":7}' >d/a");
	run_open(&r, &j, 0, &next, 1, 1);
	run_on(&r);
	T_INT(r.rc, FERR_LOST);
	run_close(&r);
	buf_fini(&c.log);
	buf_fini(&next.log);
	t_dir_end();
}

T(row_33_another_file_is_refused)
{
	struct checkpoint c;
	struct job j;
	struct run r;

	t_dir_begin();
	put("a", 1, 2500, 0, 1);
	j = job_of(1, 1, "a");
	run_open(&r, &j, 0, NULL, 0, 1);
	T_OK(step(&r));
	barrier(&r, 0, &c);
	run_close(&r);
	t_shell("sed -i s/1/2/ a");
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, FERR_LOST);
	run_close(&r);
	t_shell("rm a");
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, FERR_USAGE);
	T_OK(strstr(ferr_text(), "cannot read a") != NULL);
	run_close(&r);
	run_open(&r, &j, 0, NULL, 0, 1);
	T_INT(r.rc, FERR_USAGE);
	run_close(&r);
	buf_fini(&c.log);
	t_dir_end();
}

T(all_subtasks_must_see_the_same_files)
{
	struct run a, b, c;
	struct job j;

	t_dir_begin();
	t_shell("mkdir d; touch d/1 d/2");
	j = job_of(3, 1, "d/");
	run_open(&a, &j, 0, NULL, 0, 3);
	run_open(&b, &j, 1, NULL, 0, 3);
	t_shell("touch d/3");
	run_open(&c, &j, 2, NULL, 0, 3);
	T_OK(a.equal == b.equal && a.equal != c.equal);
	run_close(&a);
	run_close(&b);
	run_close(&c);
	t_dir_end();
}

T(a_new_file_of_a_followed_directory_is_one_subtask_s)
{
	struct checkpoint c[3];
	struct run r[3];
	struct job j;
	char all[64] = "";

	t_dir_begin();
	t_shell("mkdir d");
	put("d/1", 1, 1, 0, 1);
	j = job_of(3, 1, "d/");
	j.spec.follow = true;
	for (unsigned i = 0; i < 3; i++) {
		run_open(&r[i], &j, i, NULL, 0, 3);
		run_on(&r[i]);
	}
	for (int k = 2; k < 6; k++) {
		char name[16];

		snprintf(name, sizeof(name), "d/%d", k);
		put(name, k, 1, 0, 1);
	}
	/* found while running, and once more by all after a restart at another parallelism */
	for (unsigned i = 0; i < 3; i++) {
		run_on(&r[i]);
		barrier(&r[i], 0, &c[i]);
		strcat(all, keys(&r[i]));
		run_close(&r[i]);
	}
	put("d/6", 6, 1, 0, 1);
	put("d/7", 7, 1, 0, 1);
	for (unsigned i = 0; i < 2; i++) {
		run_open(&r[i], &j, i, c, 3, 2);
		T_INT(r[i].rc, 0);
		run_on(&r[i]);
		strcat(all, keys(&r[i]));
		run_close(&r[i]);
	}
	T_INT(strlen(all), 7);
	for (const char *k = "1234567"; *k != '\0'; k++)
		T_OK(strchr(all, *k) != NULL);
	for (unsigned i = 0; i < 3; i++)
		buf_fini(&c[i].log);
	t_dir_end();
}

T(a_followed_directory_whose_logs_rotate)
{
	struct checkpoint c;
	struct job j;
	struct run r;

	t_dir_begin();
	t_shell("mkdir d");
	put("d/log.1", 1, 1, 0, 1);
	put("d/log", 2, 1, 0, 1);
	j = job_of(1, 1, "d/");
	j.spec.follow = true;
	j.spec.time = TIME_NONE;
	run_open(&r, &j, 0, NULL, 0, 1);
	run_on(&r);
	/* rotated while it runs, then again while it does not */
	t_shell("mv d/log.1 d/log.2; mv d/log d/log.1");
	run_on(&r);
	barrier(&r, 0, &c);
	T_STR(keys(&r), "21");
	run_close(&r);
	put("d/log.1", 3, 1, 0, 1);
	t_shell("mv d/log.2 d/log.3; mv d/log.1 d/log.2; sleep 0.02");
	put("d/log.1", 4, 1, 0, 1);
	put("d/log", 5, 1, 0, 1);
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, 0);
	for (int i = 0; i < 4; i++)
		run_on(&r);
	T_STR(keys(&r), "3"); /* what comes next begins when log.2 has been quiet for 5 s */
	run_close(&r);
	t_shell("touch -d '3 minutes ago' d/log.3; touch -d '2 minutes ago' d/log.2;"
		"touch -d '1 minute ago' d/log.1; gzip d/log.2");
	run_open(&r, &j, 0, &c, 1, 1);
	T_INT(r.rc, 0);
	for (int i = 0; i < 4; i++)
		run_on(&r);
	T_STR(keys(&r), "345");
	run_close(&r);
	buf_fini(&c.log);
	t_dir_end();
}

/* ---- jobs that come back ---- */

/* One run of it: from *c, if there is one, to its end, with a last barrier into *c.  What it read.
 */
static const char *
night(const struct job *j, struct checkpoint *c, int64_t *wm)
{
	bool first = c->log.p == NULL;
	const char *text;
	struct run r;

	run_open(&r, j, 0, c, !first, 1);
	T_INT(r.rc, 0);
	run_on(&r);
	T_INT(r.rc, 0);
	T_OK(r.ended);
	buf_fini(&c->log);
	barrier(&r, BARRIER_FINAL, c);
	if (r.op.wm != INT64_MIN)
		*wm = r.op.wm;
	text = keys(&r);
	run_close(&r);
	return text;
}

/* What the next run says instead. */
static int
refused(const struct job *j, const struct checkpoint *c, unsigned parallel)
{
	struct run r;
	int rc;

	run_open(&r, j, 0, c, 1, parallel);
	rc = r.rc;
	run_close(&r);
	return rc;
}

T(hold_several_logs_wait_for_the_slowest)
{
	struct checkpoint c = { 0 };
	int64_t wm = INT64_MIN;
	struct job j;

	t_dir_begin();
	t_shell("mkdir d");
	j = job_of(1, 1, "d/");
	j.spec.hold = true;
	T_STR(night(&j, &c, &wm), "");
	put("d/a", 1, 2, 10, 1);
	put("d/b", 2, 2, 20, 1);
	T_STR(night(&j, &c, &wm), "1122");
	T_INT(wm, 10999);
	/* without news nothing moves; who has none is not waited for */
	T_STR(night(&j, &c, &wm), "");
	T_INT(wm, 10999);
	t_shell("printf '{\"k\"' >>d/a");
	T_STR(night(&j, &c, &wm), "");
	T_INT(wm, 10999);
	put("d/b", 2, 1, 30, 1);
	T_STR(night(&j, &c, &wm), "2");
	T_INT(wm, 29999);
	/* it counts again, but the clock is not put back */
	t_shell("echo ':1,\"t\":15}' >>d/a");
	put("d/b", 2, 1, 40, 1);
	T_STR(night(&j, &c, &wm), "12");
	T_INT(wm, 29999);
	put("d/c", 3, 1, 50, 1);
	T_STR(night(&j, &c, &wm), "3");
	T_INT(wm, 49999);
	buf_fini(&c.log);
	t_dir_end();
}

T(hold_in_sequence)
{
	struct checkpoint c = { 0 };
	int64_t wm = INT64_MIN;
	struct job j;

	t_dir_begin();
	t_shell("mkdir d");
	put("d/a", 1, 2, 10, 1);
	put("d/b", 2, 2, 20, 1);
	j = job_of(1, 1, "d/");
	j.spec.hold = j.spec.sequence = true;
	T_STR(night(&j, &c, &wm), "1122");
	T_INT(wm, 20999);
	put("d/a", 1, 1, 12, 1);
	put("d/c", 3, 1, 13, 1);
	T_STR(night(&j, &c, &wm), "13");
	T_INT(wm, 20999);
	put("d/c", 3, 1, 30, 1);
	T_STR(night(&j, &c, &wm), "3");
	T_INT(wm, 29999);
	buf_fini(&c.log);
	t_dir_end();
}

T(hold_what_was_killed_counts_as_one_run)
{
	struct checkpoint c = { 0 };
	int64_t wm = INT64_MIN;
	struct run r;
	struct job j;

	t_dir_begin();
	t_shell("mkdir d");
	put("d/a", 1, 2, 10, 1);
	j = job_of(1, 1, "d/");
	j.spec.hold = true;
	T_STR(night(&j, &c, &wm), "11");
	put("d/a", 1, 1, 20, 1);
	put("d/b", 2, 1500, 30, 1);
	run_open(&r, &j, 0, &c, 1, 1);
	T_OK(step(&r) && step(&r)); /* the end of a, and some of b */
	T_INT(r.op.wm, 19999);
	buf_fini(&c.log);
	barrier(&r, 0, &c);
	run_close(&r);
	/* a has given something, and is waited for */
	t_shell("mv d/b d/c; gzip d/a");
	T_INT(strlen(night(&j, &c, &wm)), 500);
	T_INT(wm, 10999); /* nothing more was told */
	T_STR(night(&j, &c, &wm), "");
	buf_fini(&c.log);
	t_dir_end();
}

T(hold_then_finish_then_no_more)
{
	struct checkpoint c = { 0 };
	struct job hold, finish;
	int64_t wm = INT64_MIN;

	t_dir_begin();
	t_shell("mkdir d");
	put("d/a", 1, 2, 10, 1);
	t_shell("printf '{\"k\":2,\"t\":12}' >>d/a; cp d/a d/b; gzip d/b");
	hold = finish = job_of(1, 1, "d/");
	hold.spec.hold = true;
	T_STR(night(&hold, &c, &wm), "1111");
	put("d/c", 3, 1, 20, 1);
	T_INT(refused(&finish, &c, 2), FERR_USAGE);
	T_OK(strstr(ferr_text(), "fsource -p 1") != NULL);
	T_STR(night(&finish, &c, &wm), "223");
	T_INT(wm, INT64_MAX);
	/* also a run that holds does not open it again */
	T_STR(night(&hold, &c, &wm), "");
	t_shell("gzip d/a; mv d/c d/d");
	T_STR(night(&finish, &c, &wm), "");
	put("d/e", 3, 1, 20, 1);
	T_INT(refused(&hold, &c, 1), FERR_USAGE);
	T_OK(strstr(ferr_text(), "has closed all its windows") != NULL);
	T_OK(strstr(ferr_text(), "d/e is new;") != NULL);
	T_INT(refused(&finish, &c, 1), FERR_USAGE);
	t_shell("rm d/e; echo '{\"k\":9,\"t\":1}' >d/d");
	T_INT(refused(&finish, &c, 1), FERR_USAGE);
	T_OK(strstr(ferr_text(), "d/d is another file;") != NULL);
	buf_fini(&c.log);
	t_dir_end();
}

T(hold_renamed_and_packed)
{
	struct checkpoint c = { 0 };
	int64_t wm = INT64_MIN;
	struct job j;

	t_dir_begin();
	t_shell("mkdir d");
	put("d/a", 1, 2, 10, 1);
	put("d/b", 2, 2, 10, 1);
	t_shell("cp d/b d/c"); /* begins alike: known by its inode */
	j = job_of(1, 1, "d/");
	j.spec.hold = true;
	T_STR(night(&j, &c, &wm), "112222");
	put("d/a", 3, 1, 20, 1);
	put("d/c", 4, 1, 20, 1);
	t_shell("gzip d/a; mv d/b d/x; mv d/c d/b");
	put("d/a", 5, 1, 20, 1);
	T_STR(night(&j, &c, &wm), "345");
	T_STR(night(&j, &c, &wm), "");
	t_shell("mv d/b d/c; mv d/x d/b; gzip d/b d/c");
	put("d/a", 6, 1, 30, 1);
	T_STR(night(&j, &c, &wm), "6");
	/* a copy that is being made, and two files */
	t_shell("cp d/a d/a.1; cp d/a d/y");
	T_STR(night(&j, &c, &wm), "56");
	buf_fini(&c.log);
	t_dir_end();
}

T(hold_named_files_that_rotate)
{
	struct checkpoint c = { 0 };
	int64_t wm = INT64_MIN;
	struct job j;

	t_dir_begin();
	put("log", 1, 2, 10, 1);
	put("log.7", 0, 2, 10, 1);
	t_shell("touch -d 2001-01-01 log.7");
	j = job_of(1, 2, "log", "log"); /* twice, even */
	j.spec.hold = true;
	T_STR(night(&j, &c, &wm), "1111");
	put("log", 2, 1, 20, 1);
	t_shell("touch -d 2002-01-01 log; mv log log.3");
	put("log.2", 3, 1, 30, 1);
	t_shell("touch -d 2003-01-01 log.2; gzip log.2 log.3");
	put("log.1", 4, 1, 40, 1);
	T_STR(night(&j, &c, &wm), "223344");
	put("log.1", 5, 1, 50, 1);
	put("log", 6, 1, 60, 1);
	T_STR(night(&j, &c, &wm), "5566");
	/* copied and truncated, and of the same size again */
	t_shell("cp log log.0");
	t_shell("sed 's/6/7/g' log.0 >log");
	T_STR(night(&j, &c, &wm), "77");
	/* replaced: refused, until it was away for a run */
	t_shell("rm log");
	put("log", 8, 1, 80, 1);
	for (int i = 0; i < 2; i++) {
		T_INT(refused(&j, &c, 1), FERR_LOST);
		T_OK(strstr(ferr_text(), "log is not the file that was read before") != NULL);
		T_OK(strstr(ferr_text(), "behind byte 15 ") != NULL);
	}
	t_shell("mv log away");
	T_STR(night(&j, &c, &wm), "");
	t_shell("mv away log");
	T_STR(night(&j, &c, &wm), "88");
	buf_fini(&c.log);
	t_dir_end();
}

T(hold_a_log_that_fell_off)
{
	struct checkpoint c = { 0 };
	int64_t wm = INT64_MIN;
	struct job j;

	t_dir_begin();
	t_shell("mkdir d; touch d/empty");
	put("d/log.1", 1, 1, 10, 1);
	put("d/log", 2, 1, 20, 1);
	j = job_of(1, 1, "d/");
	j.spec.hold = true;
	for (int i = 3; i < 9; i++) {
		const char *got = night(&j, &c, &wm);

		T_INT(got[strlen(got) - 1], '0' + i - 1);
		T_INT(strlen(got), i == 3 ? 2 : 1);
		t_shell("mv d/log d/log.1");
		put("d/log", i, 1, 10 * i, 1);
	}
	/* an empty one has no format yet */
	put("d/empty", 9, 1, 90, 1);
	T_STR(night(&j, &c, &wm), "98");
	buf_fini(&c.log);
	t_dir_end();
}

/* ---- what the planner is told ---- */

T(hold_is_for_one_subtask)
{
	struct op_facts f = { 0 };
	struct source *s = NULL;
	struct job j = job_of(1, 1, "./");

	t_dir_begin();
	j.spec.uris = j.uris;
	j.spec.nuris = 1;
	j.spec.hold = true;
	T_INT(source_new(&s, &j.spec), 0);
	source_class.describe(s, &f);
	T_INT(f.most, 1);
	source_free(s);
	t_dir_end();
}

T(what_cannot_be_read_again)
{
	struct op_facts f = { 0 };
	struct source *s = NULL;
	struct job j;

	t_dir_begin();
	put("a", 1, 1, 0, 1);
	t_shell("mkfifo p");
	j = job_of(1, 2, "a", "p");
	j.spec.uris = j.uris;
	j.spec.nuris = 1;
	T_INT(source_new(&s, &j.spec), 0);
	source_class.describe(s, &f);
	T_OK(f.noreplay == NULL && f.most == 0);
	source_free(s);
	j.spec.nuris = 2;
	j.spec.limit = 5;
	T_INT(source_new(&s, &j.spec), 0);
	source_class.describe(s, &f);
	T_OK(f.noreplay != NULL && f.most == 1);
	source_free(s);
	t_dir_end();
}

T_MAIN
