/*
 * test_win_restore: C19 -- windows go on after a restore as if nothing had happened.  lib/win runs
 * over a small runtime of this file: rows and watermarks in, bytes out.  Streams are drawn at
 * random; at a random place the state is copied out, what follows is thrown away, and a new window
 * goes on from the copy.
 */
#include "coord/wm.h"
#include "win/win_internal.h"

struct op_version;
const struct op_version *op_version_find(const struct op *op, unsigned input, uint64_t hash);

#include "t.h"

/* ---- a runtime ---- */

struct number {
	char name[16];
	int64_t v;
	enum snap_merge merge;
};

struct op {
	struct schema in, out;
	struct state *st;
	struct number num[8];
	unsigned nnum;
	struct op_task task;
	struct buf rows; /* what came out: rows and marks */
	struct buf late;
	unsigned asked; /* op_full: often full */
	unsigned nbad;
	int64_t wm;
};

const struct schema *
op_schema(const struct op *op)
{
	return &op->in;
}

const struct schema *
op_out_schema(const struct op *op)
{
	return &op->out;
}

int
op_set_schema(struct op *op, const struct schema *s)
{
	return schema_copy(&op->out, s);
}

bool
op_full(const struct op *op)
{
	return ++((struct op *)(uintptr_t)op)->asked % 3 == 0;
}

struct buf *
op_rows_buf(struct op *op)
{
	return &op->rows;
}

int
op_rows_done(struct op *op, size_t at, unsigned rows)
{
	(void)op;
	(void)at;
	(void)rows;
	return 0;
}

int
op_forward(struct op *op, const uint8_t *p, const uint8_t *end)
{
	return buf_put(&op->rows, p, (size_t)(end - p));
}

/* For bags, which are the real runtime's: kinds that keep rows are restored in 65_keep.bats. */
const struct op_version *
op_version_find(const struct op *op, unsigned input, uint64_t hash)
{
	(void)op;
	(void)input;
	(void)hash;
	return NULL;
}

int
op_side_open(struct op *op, struct op_side **out, const char *path)
{
	(void)path;
	*out = (struct op_side *)(void *)op;
	return 0;
}

int
op_side_row(struct op *op, struct op_side *s, const uint8_t *row)
{
	(void)s;
	return buf_put(&op->late, row, row_len(row));
}

int
op_bad(struct op *op, const char *at, const char *reason, const void *text, size_t n)
{
	(void)at;
	(void)reason;
	(void)text;
	(void)n;
	op->nbad++;
	return 0;
}

int
op_bad_row(struct op *op, const uint8_t *row, const char *reason)
{
	(void)row;
	(void)reason;
	op->nbad++;
	return 0;
}

void
op_wake_at(struct op *op, int64_t mono_ns)
{
	(void)op;
	(void)mono_ns;
}

struct state *
op_state(struct op *op)
{
	return op->st;
}

int
op_number(struct op *op, const char *name, enum snap_merge merge, int64_t **v)
{
	struct number *n = &op->num[op->nnum++];

	snprintf(n->name, sizeof(n->name), "%s", name);
	n->merge = merge;
	*v = &n->v;
	return 0;
}

const struct op_task *
op_task(const struct op *op)
{
	return &op->task;
}

void
op_warn_unseen(struct op *op, const struct schema *s, const char *field)
{
	(void)op;
	(void)s;
	(void)field;
}

void
op_say(struct op *op, const char *fmt, ...)
{
	(void)op;
	(void)fmt;
}

void
op_verbose(struct op *op, const char *fmt, ...)
{
	(void)op;
	(void)fmt;
}

/* ---- streams ---- */

#define GROUPS 128

static uint32_t rnd;

static uint32_t
draw(uint32_t n)
{
	rnd = rnd * 1664525 + 1013904223;
	return (rnd >> 8) % n;
}

struct event {
	size_t row; /* in stream.rows */
	int64_t wm; /* is_wm */
	bool is_wm;
};

struct stream {
	struct schema schema;
	struct buf rows;
	struct event e[400];
	unsigned n;
};

/* A row {key, v, f}: f is not a multiple of 2^-80, so that its sums are rounded. */
static void
add_row(struct stream *s, int64_t ts, unsigned key)
{
	struct rowb b;
	struct val k = val_i64(key), v = val_i64(draw(100)), f = val_f64(1e-20 * (1 + draw(1000)));
	struct buf bytes = BUF_INIT;

	s->e[s->n++] = (struct event){ .row = s->rows.n };
	T_INT(rowb_begin(&b, &s->rows, 3, ROW_INSERT, ts), 0);
	T_INT(rowb_set(&b, 0, &k), 0);
	T_INT(rowb_set(&b, 1, &v), 0);
	T_INT(rowb_set(&b, 2, &f), 0);
	T_INT(rowb_end(&b), 0);
	T_INT(key_bytes(&s->schema, s->rows.p + b.at, &bytes), 0);
	row_set_hash(s->rows.p + b.at, key_hash(bytes.p, bytes.n));
	buf_fini(&bytes);
}

static void
begin_stream(struct stream *s)
{
	*s = (struct stream){ 0 };
	schema_init(&s->schema);
	schema_add(&s->schema, "k", 1);
	schema_add(&s->schema, "v", 1);
	schema_add(&s->schema, "f", 1);
	s->schema.keyed = true;
	s->schema.groups = GROUPS;
	s->schema.nkey = 1;
}

/* Rows in some disorder, and watermarks that leave some of them late; step: ms between rows. */
static void
draw_stream(struct stream *s, uint32_t seed, int64_t step)
{
	int64_t now = 1000000 + seed, wm = WM_MIN;

	begin_stream(s);
	rnd = seed;
	while (s->n < 380) {
		now += draw((uint32_t)(2 * step));
		if (draw(5) != 0) {
			add_row(s, now - draw((uint32_t)(8 * step)), draw(6));
			continue;
		}
		if (now - 4 * step > wm) {
			wm = now - 4 * step;
			s->e[s->n++] = (struct event){ .is_wm = true, .wm = wm };
		}
	}
	s->e[s->n++] = (struct event){ .is_wm = true, .wm = WM_MAX };
}

static void
end_stream(struct stream *s)
{
	schema_fini(&s->schema);
	buf_fini(&s->rows);
}

/* ---- one run ---- */

struct run {
	struct op op;
	struct win *w;
};

/* What a checkpoint keeps of a subtask. */
struct saved {
	struct buf log;
	struct snap snap;
};

static void
begin_run(struct run *r, const struct win_spec *spec, const struct stream *s, uint32_t subtask,
	  uint32_t parallel)
{
	struct state_conf c = { .groups = GROUPS,
				.lo = group_lo(subtask, parallel, GROUPS),
				.hi = group_hi(subtask, parallel, GROUPS),
				.mem = 1 << 28 };

	*r = (struct run){ .op.task = { .subtask = subtask,
					.parallel = parallel,
					.groups = GROUPS,
					.lo = c.lo,
					.hi = c.hi } };
	schema_init(&r->op.in);
	schema_init(&r->op.out);
	T_INT(state_new(&r->op.st, &c), 0);
	if (win_new(&r->w, spec) != 0) {
		T_FAIL("%s", ferr_text());
		exit(1);
	}
	T_INT(win_start(r->w, &r->op), 0);
	T_INT(schema_copy(&r->op.in, &s->schema), 0);
}

static void
end_run(struct run *r)
{
	state_free(r->op.st);
	win_free(r->w);
	schema_fini(&r->op.in);
	schema_fini(&r->op.out);
	buf_fini(&r->op.rows);
	buf_fini(&r->op.late);
}

/* A new run begins, or goes on from what was saved (of n subtasks). */
static void
restore(struct run *r, struct saved *from, unsigned n)
{
	struct op_task *t = &r->op.task;
	struct snap snaps[4];
	uint64_t equal;

	for (unsigned i = 0; i < n; i++) {
		snaps[i] = from[i].snap;
		T_INT(state_load(r->op.st, from[i].log.p, from[i].log.n), 0);
	}
	t->snap = snaps;
	t->nsnap = n;
	t->same = n == 0 || (n == 1 && snaps[0].parallel == t->parallel);
	for (unsigned k = 0; k < r->op.nnum; k++) {
		struct number *m = &r->op.num[k];

		for (unsigned i = 0; i < n; i++) {
			int64_t v = snaps[i].number[k].v;

			T_STR(snaps[i].number[k].name, m->name);
			if (i == 0 || (m->merge == SNAP_MIN && v < m->v) ||
			    (m->merge == SNAP_MAX && v > m->v))
				m->v = v;
			else if (m->merge == SNAP_SUM)
				m->v += v;
		}
	}
	T_INT(win_on_schema(r->w, &r->op), 0);
	T_INT(win_on_restored(r->w, &r->op, &equal), 0);
	t->snap = NULL;
}

static void
save(struct run *r, struct saved *to, bool full)
{
	struct barrier b = { 0 };
	bool done = false;

	T_INT(win_on_barrier(r->w, &r->op, &b), 0);
	snap_fini(&to->snap);
	snap_init(&to->snap);
	to->snap.subtask = r->op.task.subtask;
	to->snap.parallel = r->op.task.parallel;
	to->snap.groups = GROUPS;
	for (unsigned i = 0; i < r->op.nnum; i++)
		snap_add_number(&to->snap, r->op.num[i].name, r->op.num[i].v, r->op.num[i].merge);
	T_INT(state_barrier(r->op.st, full), 0);
	while (!done)
		T_INT(state_copy(r->op.st, &to->log, 100, &done), 0);
}

static void
forget(struct saved *s)
{
	buf_fini(&s->log);
	snap_fini(&s->snap);
}

static void
feed(struct run *r, const struct stream *s, const struct event *e)
{
	struct op *op = &r->op;
	uint8_t mark[ROW_MARK], *p = s->rows.p + e->row;
	uint32_t g;
	int rc;

	if (!e->is_wm) {
		uint8_t *end = p + row_len(p);

		g = key_group(row_hash(p), GROUPS);
		while (p < end && g >= op->task.lo && g <= op->task.hi)
			T_INT(win_on_rows(r->w, op, &p, end), 0);
		return;
	}
	rc = win_on_watermark(r->w, op, e->wm);
	while (rc == FERR_AGAIN)
		rc = win_resume(r->w, op);
	T_INT(rc, 0);
	row_mark(mark, e->wm);
	buf_put(&op->rows, mark, sizeof(mark));
}

struct job {
	const char *words, *aggs, *tz, *late, *top;
	int64_t lateness, early, ttl, step;
};

#define ROUNDED "n=count(), s=sum(.f), d=stddev(.f), q=quantile(.v,0.3), l=last(.v), c=collect(.v)"

static const struct job jobs[] = {
	{ .words = "tumble 10s", .step = 1000 },
	{ .words = "tumble 10s", .aggs = ROUNDED, .step = 1000, .lateness = 4000, .late = "late" },
	{ .words = "tumble 10s",
	  .aggs = "n=count(), m=max(.v)",
	  .top = ".n",
	  .step = 500,
	  .lateness = 3000 },
	{ .words = "tumble 1d", .tz = "Europe/Berlin", .step = 5000000 },
	{ .words = "tumble 30s", .early = 4000, .step = 1000, .aggs = ROUNDED },
	{ .words = "slide 40s/10s", .aggs = ROUNDED, .step = 1000 },
	{ .words = "slide 35s/10s", .aggs = "n=count(), s=sum(.v)", .step = 1000, .late = "late" },
	{ .words = "slide 60s/10s", .aggs = ROUNDED, .step = 1000, .lateness = 15000 },
	{ .words = "slide 40s/10s", .aggs = ROUNDED, .step = 1000, .early = 7000 },
	{ .words = "slide 40s/10s",
	  .aggs = "n=count()",
	  .top = ".n",
	  .step = 500,
	  .lateness = 9000 },
	{ .words = "slide 5s/20s", .step = 1000 },
	{ .words = "cumulate 1m/10s", .aggs = ROUNDED, .step = 1000 },
	{ .words = "cumulate 1m/10s",
	  .aggs = ROUNDED,
	  .step = 1000,
	  .lateness = 20000,
	  .early = 3000 },
	{ .words = "session 10s", .aggs = ROUNDED, .step = 1000, .late = "late" },
	{ .words = "session 3s", .aggs = ROUNDED, .step = 1000, .lateness = 6000 },
	{ .words = "session 20s",
	  .step = 1000,
	  .early = 5000,
	  .aggs = "n=count(), u=distinct(.v)" },
	{ .words = "count 3", .aggs = ROUNDED, .step = 1000 },
	{ .words = "count 6/2", .aggs = ROUNDED, .step = 1000, .ttl = 9000 },
	{ .words = "count 4/6", .step = 1000 },
	{ .words = "running", .aggs = ROUNDED, .step = 1000 },
	{ .words = "running", .step = 2000, .ttl = 20000 },
	{ .words = "global", .aggs = ROUNDED, .step = 1000 },
	{ .words = "global", .step = 1000, .ttl = 7000 },
};
#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

static struct win_spec
spec_of(const struct job *j)
{
	struct win_spec s = WIN_SPEC_INIT;
	char text[100], *argv[8], *save_at;
	int argc = 0;

	strcpy(text, j->words);
	for (char *w = strtok_r(text, " ", &save_at); w != NULL; w = strtok_r(NULL, " ", &save_at))
		argv[argc++] = w;
	T_INT(win_parse_kind(&s, argc, argv), 0);
	if (j->aggs != NULL)
		s.aggs = j->aggs;
	s.tz = j->tz;
	s.late = j->late;
	s.lateness = j->lateness;
	s.early = j->early;
	s.ttl = j->ttl;
	s.top = j->top;
	s.top_n = j->top != NULL ? 2 : 0;
	return s;
}

/* ---- the promise ---- */

/* The whole stream without a break. */
static void
calm(struct run *r, const struct win_spec *spec, const struct stream *s)
{
	begin_run(r, spec, s, 0, 1);
	restore(r, NULL, 0);
	for (unsigned i = 0; i < s->n; i++)
		feed(r, s, &s->e[i]);
}

static void
crash(const struct job *j, uint32_t seed)
{
	struct win_spec spec = spec_of(j);
	struct run whole, runs[2], *r = &runs[0];
	struct saved saved = { 0 };
	struct stream s;
	struct buf rows = BUF_INIT, late = BUF_INIT;
	unsigned i = 0;

	draw_stream(&s, seed, j->step);
	calm(&whole, &spec, &s);
	snap_init(&saved.snap);
	begin_run(r, &spec, &s, 0, 1);
	restore(r, NULL, 0);
	/* Epochs, the last of which is thrown away now and then. */
	while (i < s.n) {
		size_t nrows, nlate;
		unsigned more = i + 1 + draw(80);

		for (; i < s.n && i < more; i++)
			feed(r, &s, &s.e[i]);
		save(r, &saved, draw(4) == 0);
		nrows = r->op.rows.n;
		nlate = r->op.late.n;
		if (draw(2) == 0)
			continue;
		for (more = i; more < s.n && more < i + 30; more++)
			feed(r, &s, &s.e[more]);
		buf_put(&rows, r->op.rows.p, nrows);
		buf_put(&late, r->op.late.p, nlate);
		end_run(r);
		r = &runs[r == &runs[0]];
		begin_run(r, &spec, &s, 0, 1);
		restore(r, &saved, 1);
	}
	buf_put(&rows, r->op.rows.p, r->op.rows.n);
	buf_put(&late, r->op.late.p, r->op.late.n);
	if (rows.n != whole.op.rows.n || memcmp(rows.p, whole.op.rows.p, rows.n) != 0)
		T_FAIL("%s, lateness %d, early %d, seed %u: %zu bytes, not %zu, or other ones",
		       j->words, (int)j->lateness, (int)j->early, seed, rows.n, whole.op.rows.n);
	T_MEM(late.p, late.n, whole.op.late.p, whole.op.late.n);
	T_INT(r->w->nlate, whole.w->nlate);
	T_INT(r->w->nrows, whole.w->nrows);
	T_OK(rows.n > 1000);
	T_INT(whole.op.nbad, 0);
	end_run(r);
	end_run(&whole);
	buf_fini(&rows);
	buf_fini(&late);
	forget(&saved);
	end_stream(&s);
}

T(C19_results_after_a_restore_are_those_of_a_run_without_a_crash)
{
	for (size_t j = 0; j < JOBS; j++) {
		for (uint32_t seed = 1; seed <= 30; seed++)
			crash(&jobs[j], 1000 * (uint32_t)j + seed);
	}
}

/* ---- other parallelism ---- */

static int
row_order(const void *a, const void *b)
{
	const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;
	uint32_t n = row_len(x) < row_len(y) ? row_len(x) : row_len(y);
	int c = memcmp(x, y, n);

	return c != 0 ? c : (int)row_len(x) - (int)row_len(y);
}

/* The rows without marks, sorted. */
static void
sort_rows(struct buf *b)
{
	const uint8_t *v[4096];
	struct buf sorted = BUF_INIT;
	size_t n = 0;

	for (size_t at = 0; at < b->n; at += row_len(b->p + at)) {
		if (row_kind(b->p + at) != ROW_WATERMARK && n < 4096)
			v[n++] = b->p + at;
	}
	qsort(v, n, sizeof(*v), row_order);
	for (size_t i = 0; i < n; i++)
		buf_put(&sorted, v[i], row_len(v[i]));
	buf_fini(b);
	*b = sorted;
}

/*
 * Two subtasks that have come to different watermarks become one, which becomes three: nothing
 * fires twice, nothing is lost.  Rows are in order and watermarks behind all of them, so that what
 * is late does not depend on who is how far.
 */
static void
rescale(const struct job *j, uint32_t seed)
{
	struct win_spec spec = spec_of(j);
	struct run whole, two[2], one, three[3];
	struct saved saved[2] = { 0 }, merged = { 0 };
	struct buf rows = BUF_INIT;
	struct stream s;
	unsigned i = 0;

	begin_stream(&s);
	rnd = seed;
	for (int64_t now = 1000000; s.n < 300; now += 1 + draw((uint32_t)(2 * j->step)))
		add_row(&s, now, draw(40));
	s.e[s.n++] = (struct event){ .is_wm = true, .wm = WM_MAX };
	calm(&whole, &spec, &s);
	for (unsigned k = 0; k < 2; k++) {
		struct event mark = { .is_wm = true };
		unsigned behind = 1 + draw(80);

		snap_init(&saved[k].snap);
		begin_run(&two[k], &spec, &s, k, 2);
		restore(&two[k], NULL, 0);
		for (i = 0; i < 150; i++)
			feed(&two[k], &s, &s.e[i]);
		mark.wm = row_time(s.rows.p + s.e[149 - behind].row) - 1;
		feed(&two[k], &s, &mark);
		save(&two[k], &saved[k], false);
		buf_put(&rows, two[k].op.rows.p, two[k].op.rows.n);
	}
	snap_init(&merged.snap);
	begin_run(&one, &spec, &s, 0, 1);
	restore(&one, saved, 2);
	for (; i < 150 + seed % 40; i++)
		feed(&one, &s, &s.e[i]);
	save(&one, &merged, true);
	buf_put(&rows, one.op.rows.p, one.op.rows.n);
	for (unsigned k = 0; k < 3; k++) {
		begin_run(&three[k], &spec, &s, k, 3);
		restore(&three[k], &merged, 1);
		for (unsigned e = i; e < s.n; e++)
			feed(&three[k], &s, &s.e[e]);
		buf_put(&rows, three[k].op.rows.p, three[k].op.rows.n);
		T_INT(three[k].w->ahead.wm == NULL, 1);
		end_run(&three[k]);
	}
	sort_rows(&rows);
	sort_rows(&whole.op.rows);
	if (rows.n != whole.op.rows.n || memcmp(rows.p, whole.op.rows.p, rows.n) != 0)
		T_FAIL("%s, seed %u: %zu bytes, not %zu, or other ones", j->words, seed, rows.n,
		       whole.op.rows.n);
	end_run(&whole);
	end_run(&one);
	for (unsigned k = 0; k < 2; k++) {
		end_run(&two[k]);
		forget(&saved[k]);
	}
	forget(&merged);
	buf_fini(&rows);
	end_stream(&s);
}

T(rescaling_from_subtasks_of_different_watermarks_fires_each_window_once)
{
	static const struct job in[] = {
		{ .words = "tumble 10s", .step = 1000 },
		{ .words = "tumble 10s", .step = 1000, .lateness = 30000 },
		{ .words = "slide 40s/10s", .aggs = "n=count(), s=sum(.v)", .step = 1000 },
		{ .words = "cumulate 1m/10s", .step = 1000 },
		{ .words = "session 3s", .step = 1000 },
		{ .words = "session 30s", .step = 1000, .lateness = 30000 },
		{ .words = "global", .step = 1000 },
	};

	for (size_t j = 0; j < sizeof(in) / sizeof(in[0]); j++) {
		for (uint32_t seed = 1; seed <= 20; seed++)
			rescale(&in[j], seed);
	}
}

/* ---- values ---- */

/* Bytes of values that are cut off or changed are refused or are another value; nothing breaks. */
static void
damage(const char *words, int64_t step)
{
	const struct job j = { .words = words, .aggs = ROUNDED, .step = step };
	struct win_spec spec = spec_of(&j);
	struct saved saved = { 0 };
	struct run r, next;
	struct stream s;

	draw_stream(&s, 7, step);
	snap_init(&saved.snap);
	begin_run(&r, &spec, &s, 0, 1);
	restore(&r, NULL, 0);
	for (unsigned i = 0; i < 60; i++)
		feed(&r, &s, &s.e[i]);
	save(&r, &saved, true);
	for (size_t at = STATE_REC_HDR; at < saved.log.n; at += 1 + draw(4)) {
		uint8_t was = saved.log.p[at];

		saved.log.p[at] ^= (uint8_t)(1u << draw(8));
		begin_run(&next, &spec, &s, 0, 1);
		state_load(next.op.st, saved.log.p, saved.log.n);
		end_run(&next);
		saved.log.p[at] = was;
	}
	end_run(&r);
	forget(&saved);
	end_stream(&s);
}

T(damaged_values_break_nothing)
{
	damage("session 10s", 1000);
	damage("count 6/2", 1000);
	damage("count 3", 1000);
	damage("tumble 10s", 1000);
}

T(timers_wait_in_few_namespaces_and_come_in_time)
{
	const struct job j = { .words = "session 10s", .step = 1000 };
	struct win_spec spec = spec_of(&j);
	struct stream s;
	struct run r;
	struct event mark = { .is_wm = true };
	int64_t ns = INT64_MIN;
	unsigned n = 0;

	begin_stream(&s);
	rnd = 3;
	begin_run(&r, &spec, &s, 0, 1);
	restore(&r, NULL, 0);
	for (unsigned i = 0; i < 300; i++)
		add_row(&s, 1000000 + 3600000LL * i, i);
	mark.wm = 900000;
	feed(&r, &s, &mark);
	for (unsigned i = 0; i < 300; i++)
		feed(&r, &s, &s.e[i]);
	while (state_ns_next(r.w->timers, ns + (n > 0), &ns))
		n++;
	T_OK(n < 130);
	r.op.rows.n = 0;
	for (unsigned i = 0; i < 300; i++) {
		mark.wm = 1000000 + 3600000LL * i + 9998;
		feed(&r, &s, &mark);
		T_INT(r.op.rows.n, ROW_MARK);
		mark.wm++;
		feed(&r, &s, &mark);
		T_OK(r.op.rows.n > 2 * ROW_MARK);
		r.op.rows.n = 0;
	}
	end_run(&r);
	end_stream(&s);
}

T(the_signature_says_what_the_state_means)
{
	static const struct {
		struct job j;
		const char *text;
	} in[] = {
		{ { .words = "tumble 5m" }, "tumble 5m count=count()" },
		{ { .words = "slide 90s/30s", .lateness = 5000, .aggs = "n=count( )" },
		  "slide 1m30s/30s lateness 5s n=count()" },
		{ { .words = "cumulate 1d/1h", .tz = "Europe/Berlin", .early = 60000 },
		  "cumulate 1d/1h tz Europe/Berlin early 1m count=count()" },
		{ { .words = "session 30m", .ttl = 1, .top = ".n" }, "session 30m count=count()" },
		{ { .words = "count 100/10" }, "count 100/10 count=count()" },
		{ { .words = "running" }, "running count=count()" },
	};

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct win_spec spec = spec_of(&in[i].j);
		struct win *w;

		T_INT(win_new(&w, &spec), 0);
		T_STR(win_signature(w), in[i].text);
		win_free(w);
	}
}

T_MAIN
