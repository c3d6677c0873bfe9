/* list: `fcoord ls`, `fcoord status`, `fcoord history`. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "fcoord.h"
#include "fio/fio.h"
#include "show/listing.h"
#include "look.h"
#include "store/store.h"

struct list_opts {
	struct where where;
	enum fmt_kind out;
};

static const char *const see[] = { "fcoord(1)", "fcheckpoint(5)", NULL };

/* Options, and the one operand JOB: its store.  As opt_parse returns. */
static int
take_job(const struct cmd *cmd, struct list_opts *o, int *argc, char **argv, struct buf *dir)
{
	const struct opt_table tables[] = { { listing_options, &o->out },
					    { where_options, &o->where } };
	int rc = opt_parse(cmd, tables, 2, argc, argv);

	if (rc != 0)
		return rc;
	if (*argc != 2)
		return ferr(FERR_USAGE, "needs the name of one job; fcoord ls lists them");
	return where_known(&o->where, argv[1], dir);
}

/* ---- ls ---- */

static const struct column ls_columns[] = {
	{ "name", FOR_ALL },	{ "phase", FOR_ALL },  { "health", FOR_ALL },
	{ "epoch", FOR_ALL },	{ "age", FOR_PEOPLE }, { "age_ms", FOR_DATA },
	{ "attempt", FOR_ALL }, { "pid", FOR_ALL },    { "reason", FOR_DATA },
};
#define LS_COLUMNS (sizeof(ls_columns) / sizeof(ls_columns[0]))

static const char *const ls_examples[] = {
	"fcoord ls",
	"all jobs, and how they are",
	"fcoord ls -o json | jq -r 'select(.phase == \"failed\") | .name'",
	"those that have failed",
	NULL,
};
static const struct cmd ls = { .name = "fcoord ls",
			       .summary = "list the jobs",
			       .usage = "[option ...]",
			       .examples = ls_examples,
			       .see = see };

struct jobs {
	const char *root;
	char **v;
	size_t n;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
jobs_fini(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++)
		free(jobs->v[i]);
	free(jobs->v);
}

/* A job is a directory with a job.json. */
static bool
is_job(const char *root, const char *name)
{
	struct buf path = BUF_INIT;
	struct stat st;
	bool there = buf_printf(&path, "%s/%s/job.json", root, name) == 0 &&
		     buf_cstr(&path) != NULL && fio_stat((const char *)path.p, &st) == 0;

	buf_fini(&path);
	return there;
}

static int
note_job(void *cookie, const char *name)
{
	struct jobs *jobs = cookie;
	char **v;

	if (!is_job(jobs->root, name))
		return 0;
	if ((v = realloc(jobs->v, (jobs->n + 1) * sizeof(*v))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	jobs->v = v;
	if ((v[jobs->n] = strdup(name)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	jobs->n++;
	return 0;
}

/* All jobs under jobs->root, by name. */
static int
find_jobs(struct jobs *jobs)
{
	struct stat st;
	int rc;

	if (fio_stat(jobs->root, &st) == -1 && errno == ENOENT)
		return 0;
	rc = store_each(jobs->root, "", note_job, jobs);
	if (jobs->n > 0)
		qsort(jobs->v, jobs->n, sizeof(*jobs->v), by_name);
	return rc;
}

static int
ls_job(struct listing *l, const char *root, const char *name)
{
	struct buf dir = BUF_INIT;
	char age[LISTING_TEXT];
	struct look k = { .phase = "" };
	int rc = buf_printf(&dir, "%s/%s", root, name);

	if (rc == 0 && buf_cstr(&dir) == NULL)
		rc = FERR_NOMEM;
	if (rc == 0 && (rc = look_at(&k, (const char *)dir.p)) == 0) {
		const struct val row[LS_COLUMNS] = {
			listing_text(name),
			listing_text(k.phase),
			listing_text(k.health[0] != '\0' ? k.health : NULL),
			listing_count((int64_t)k.epoch),
			listing_age(k.age, age),
			listing_count(k.age),
			listing_count((int64_t)k.attempt),
			listing_count(k.pid),
			listing_text(k.why),
		};
		rc = listing_row(l, row);
	}
	look_fini(&k);
	buf_fini(&dir);
	return rc;
}

int
verb_ls(int argc, char **argv)
{
	struct list_opts o = { .out = FMT_TABLE };
	const struct opt_table tables[] = { { listing_options, &o.out },
					    { where_options, &o.where } };
	struct buf root = BUF_INIT;
	struct jobs jobs = { NULL, NULL, 0 };
	struct listing *l = NULL;
	int rc;

	if ((rc = opt_parse(&ls, tables, 2, &argc, argv)) != 0)
		return verb_end("ls", rc);
	if (argc != 1)
		rc = ferr(FERR_USAGE, "takes no operand; fcoord status JOB tells of one job");
	if (rc == 0 && (rc = where_root(&o.where, &root)) == 0) {
		jobs.root = (const char *)root.p;
		rc = find_jobs(&jobs);
	}
	if (rc == 0)
		rc = listing_new(&l, o.out, STDOUT_FILENO, ls_columns, LS_COLUMNS);
	for (size_t i = 0; i < jobs.n && rc == 0; i++)
		rc = ls_job(l, jobs.root, jobs.v[i]);
	if (rc == 0)
		rc = listing_end(l);
	if (rc == 0 && jobs.n == 0 && o.out == FMT_TABLE)
		fprintf(stderr, "fcoord: no jobs in %s\n", jobs.root);
	listing_free(l);
	jobs_fini(&jobs);
	buf_fini(&root);
	return verb_end("ls", rc);
}

/* ---- status ---- */

static const char *const status_examples[] = {
	"fcoord status clicks",
	"health, checkpoints, what each subtask has done",
	"fcoord status clicks -o json | jq .watermark",
	"one figure",
	NULL,
};
static const struct cmd status = { .name = "fcoord status",
				   .summary = "what a job is doing",
				   .usage = "JOB [option ...]",
				   .examples = status_examples,
				   .see = see };

/* Columns of the subtasks' table; a job at rest has no pids and counts. */
static const struct column task_columns[] = {
	{ "stage", FOR_ALL }, { "subtask", FOR_ALL },	{ "state", FOR_ALL },  { "in", FOR_ALL },
	{ "out", FOR_ALL },   { "watermark", FOR_ALL }, { "output", FOR_ALL }, { "pid", FOR_ALL },
};
#define TASK_COLUMNS (sizeof(task_columns) / sizeof(task_columns[0]))
#define REST_COLUMNS 3

/* The sums of the subtasks from..to, one stage's: in, out, state; the least watermark; any that is
 * blocked. */
static struct look_sub
sum(const struct look *k, unsigned from, unsigned to)
{
	struct look_sub s = k->sub[from];

	s.pid = -1;
	for (unsigned i = from + 1; i < to; i++) {
		const struct look_sub *one = &k->sub[i];

		s.in += one->in;
		s.out += one->out;
		s.state += one->state;
		s.blocked = s.blocked || one->blocked;
		s.watermark = one->watermark < s.watermark ? one->watermark : s.watermark;
	}
	return s;
}

/* Behind the last subtask of the stage that begins at `from`. */
static unsigned
stage_end(const struct look *k, unsigned from)
{
	unsigned to = from + 1;

	while (to < k->nsubs && strcmp(k->sub[to].stage, k->sub[from].stage) == 0)
		to++;
	return to;
}

static int
task_row(struct listing *l, const struct look_sub *s, const char *stage, const char *subtask)
{
	char size[LISTING_TEXT];
	const struct val row[TASK_COLUMNS] = {
		listing_text(stage),
		listing_text(subtask),
		listing_size((uint64_t)s->state, size),
		listing_count(s->in),
		listing_count(s->out),
		listing_watermark(s->watermark),
		listing_text(s->blocked ? "blocked" : NULL),
		listing_count(s->pid),
	};

	return listing_row(l, row);
}

/* A line for each stage, and, where it has several subtasks, one below for each of them. */
static int
task_rows(struct listing *l, const struct look *k)
{
	char number[32];
	unsigned to;
	int rc = 0;

	for (unsigned from = 0; from < k->nsubs && rc == 0; from = to) {
		to = stage_end(k, from);
		if (to - from > 1) {
			const struct look_sub all = sum(k, from, to);

			snprintf(number, sizeof(number), "all %u", to - from);
			rc = task_row(l, &all, all.stage, number);
		}
		for (unsigned i = from; i < to && rc == 0; i++) {
			snprintf(number, sizeof(number), "%u", k->sub[i].index);
			rc = task_row(l, &k->sub[i], to - from > 1 ? "" : k->sub[i].stage, number);
		}
	}
	return rc;
}

static int
put_head(const char *name, const struct look *k, struct buf *b)
{
	char age[LISTING_TEXT], at[TIME_PRINT_MAX];
	int rc;

	listing_age(k->age, age);
	rc = buf_printf(b, "%s: %s%s%s%s%s\nattempt    %" PRIu64, name, k->phase,
			k->health[0] != '\0' ? ", " : "", k->health, k->why != NULL ? ": " : "",
			k->why != NULL ? k->why : "", k->attempt);
	if (rc == 0 && k->pid != -1)
		rc = buf_printf(b, ", process %" PRId64, k->pid);
	if (rc == 0 && k->epoch == 0)
		rc = buf_puts(b, "\ncheckpoint none\n");
	else if (rc == 0)
		rc = buf_printf(b, "\ncheckpoint %" PRIu64 "%s%s%s\n", k->epoch,
				k->age >= 0 ? ", " : "", k->age >= 0 ? age : "",
				k->age >= 0 ? " ago" : ", before this start");
	if (rc != 0 || !k->runs)
		return rc;
	rc = buf_printf(b, "records    %" PRId64 ", bad %" PRId64 "\nwatermark  ", k->records,
			k->bad);
	if (rc == 0 && (k->watermark == INT64_MIN || k->watermark == INT64_MAX))
		rc = buf_puts(b, k->watermark == INT64_MIN ? "none\n" : "the end of the input\n");
	else if (rc == 0)
		rc = buf_printf(b, "%.*s\n", (int)time_print(k->watermark, at), at);
	return rc;
}

static int
status_people(const char *name, const struct look *k)
{
	struct buf head = BUF_INIT;
	struct listing *l = NULL;
	int rc;

	if ((rc = put_head(name, k, &head)) == 0 && k->nsubs > 0)
		rc = buf_putc(&head, '\n');
	if (rc == 0 && fio_write_all(STDOUT_FILENO, head.p, head.n) == -1)
		rc = ferr_sys(FERR_IO, "stdout");
	if (rc == 0 && k->nsubs > 0 &&
	    (rc = listing_new(&l, FMT_TABLE, STDOUT_FILENO, task_columns,
			      k->runs ? TASK_COLUMNS : REST_COLUMNS)) == 0 &&
	    (rc = task_rows(l, k)) == 0)
		rc = listing_end(l);
	listing_free(l);
	buf_fini(&head);
	return rc;
}

static int
json_member(struct buf *b, const char *name, struct val v)
{
	int rc = buf_printf(b, "%s\"%s\":", b->p[b->n - 1] == '{' ? "" : ",", name);

	return rc == 0 ? val_json(&v, b) : rc;
}

/* What sums and subtasks have in common. */
static int
json_task(struct buf *b, const struct look_sub *s)
{
	int rc;

	if ((rc = json_member(b, "in", listing_count(s->in))) == 0 &&
	    (rc = json_member(b, "out", listing_count(s->out))) == 0 &&
	    (rc = json_member(b, "watermark", listing_watermark(s->watermark))) == 0 &&
	    (rc = json_member(b, "blocked", val_bool(s->blocked))) == 0)
		rc = json_member(b, "state_bytes", listing_count(s->state));
	return rc;
}

/* [{"name", "parallelism", sums, "subtasks":[{"subtask", "pid", ...}]}] */
static int
json_stages(struct buf *b, const struct look *k)
{
	unsigned to;
	int rc = buf_putc(b, '[');

	for (unsigned from = 0; from < k->nsubs && rc == 0; from = to) {
		struct look_sub all;

		to = stage_end(k, from);
		all = sum(k, from, to);
		if ((rc = buf_puts(b, from > 0 ? ",{" : "{")) == 0 &&
		    (rc = json_member(b, "name", listing_text(all.stage))) == 0 &&
		    (rc = json_member(b, "parallelism", val_i64(to - from))) == 0 &&
		    (rc = json_task(b, &all)) == 0)
			rc = buf_puts(b, ",\"subtasks\":[");
		for (unsigned i = from; i < to && rc == 0; i++) {
			if ((rc = buf_puts(b, i > from ? ",{" : "{")) == 0 &&
			    (rc = json_member(b, "subtask", val_i64(k->sub[i].index))) == 0 &&
			    (rc = json_member(b, "pid", listing_count(k->sub[i].pid))) == 0 &&
			    (rc = json_task(b, &k->sub[i])) == 0)
				rc = buf_putc(b, '}');
		}
		if (rc == 0)
			rc = buf_puts(b, "]}");
	}
	return rc == 0 ? buf_putc(b, ']') : rc;
}

static const struct column status_columns[] = {
	{ "name", FOR_ALL },	  { "phase", FOR_ALL },	  { "health", FOR_ALL },
	{ "reason", FOR_ALL },	  { "attempt", FOR_ALL }, { "pid", FOR_ALL },
	{ "epoch", FOR_ALL },	  { "age_ms", FOR_ALL },  { "records", FOR_ALL },
	{ "watermark", FOR_ALL }, { "bad", FOR_ALL },	  { "stages", FOR_ALL },
};
#define STATUS_COLUMNS (sizeof(status_columns) / sizeof(status_columns[0]))

static int
status_data(const char *name, const struct look *k, enum fmt_kind kind)
{
	struct buf stages = BUF_INIT;
	struct listing *l = NULL;
	int rc;

	if ((rc = json_stages(&stages, k)) == 0 &&
	    (rc = listing_new(&l, kind, STDOUT_FILENO, status_columns, STATUS_COLUMNS)) == 0) {
		const struct val row[STATUS_COLUMNS] = {
			listing_text(name),
			listing_text(k->phase),
			listing_text(k->health[0] != '\0' ? k->health : NULL),
			listing_text(k->why),
			listing_count((int64_t)k->attempt),
			listing_count(k->pid),
			listing_count((int64_t)k->epoch),
			listing_count(k->age),
			listing_count(k->records),
			listing_watermark(k->watermark),
			listing_count(k->bad),
			val_text(VAL_JSON, (const char *)stages.p, stages.n),
		};
		rc = listing_row(l, row);
	}
	if (rc == 0)
		rc = listing_end(l);
	listing_free(l);
	buf_fini(&stages);
	return rc;
}

int
verb_status(int argc, char **argv)
{
	struct list_opts o = { .out = FMT_TABLE };
	struct look k = { .phase = "" };
	struct buf dir = BUF_INIT;
	int rc = take_job(&status, &o, &argc, argv, &dir);

	if (rc == 0 && (rc = look_at(&k, (const char *)dir.p)) == 0)
		rc = o.out == FMT_TABLE ? status_people(argv[1], &k)
					: status_data(argv[1], &k, o.out);
	look_fini(&k);
	buf_fini(&dir);
	return verb_end("status", rc);
}

/* ---- history ---- */

static const struct column history_columns[] = {
	{ "place", FOR_ALL },	{ "epoch", FOR_ALL },  { "kind", FOR_ALL },
	{ "time", FOR_ALL },	{ "age", FOR_PEOPLE }, { "age_ms", FOR_DATA },
	{ "size", FOR_PEOPLE }, { "bytes", FOR_DATA }, { "attempt", FOR_ALL },
};
#define HISTORY_COLUMNS (sizeof(history_columns) / sizeof(history_columns[0]))

static const char *const history_examples[] = { "fcoord history clicks",
						"the checkpoints that are kept, oldest first",
						NULL };
static const struct cmd history = { .name = "fcoord history",
				    .summary = "list a job's checkpoints",
				    .usage = "JOB [option ...]",
				    .examples = history_examples,
				    .see = see };

static int
history_row(struct listing *l, const char *dir, uint64_t place)
{
	struct val row[HISTORY_COLUMNS] = { listing_count((int64_t)place) };
	char age[LISTING_TEXT], size[LISTING_TEXT];
	struct ckpt_file f;
	int64_t ms;
	int rc;

	ckpt_file_init(&f);
	if ((rc = look_checkpoint(dir, place, &f)) == 0) {
		ms = fio_wall_ms() - f.time;
		ms = ms > 0 ? ms : 0;
		row[1] = listing_count((int64_t)f.epoch);
		row[2] = listing_text(look_kind(f.kind));
		row[3] = val_time(f.time);
		row[4] = listing_age(ms, age);
		row[5] = listing_count(ms);
		row[6] = listing_size(ckpt_file_size(&f), size);
		row[7] = listing_count((int64_t)ckpt_file_size(&f));
		row[8] = listing_count((int64_t)f.attempt);
	} else if (rc == FERR_CORRUPT) {
		fprintf(stderr, "fcoord: %s\n", ferr_text());
		row[2] = listing_text("damaged");
	}
	if (rc == FERR_LOST)
		rc = 0; /* dropped meanwhile */
	else if (rc == 0 || rc == FERR_CORRUPT)
		rc = listing_row(l, row);
	ckpt_file_fini(&f);
	return rc;
}

int
verb_history(int argc, char **argv)
{
	struct list_opts o = { .out = FMT_TABLE };
	struct buf dir = BUF_INIT;
	struct listing *l = NULL;
	uint64_t *places = NULL;
	unsigned n = 0;
	int rc = take_job(&history, &o, &argc, argv, &dir);

	if (rc == 0 && (rc = store_chain((const char *)dir.p, &places, &n)) == 0)
		rc = listing_new(&l, o.out, STDOUT_FILENO, history_columns, HISTORY_COLUMNS);
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = history_row(l, (const char *)dir.p, places[i]);
	if (rc == 0)
		rc = listing_end(l);
	listing_free(l);
	free(places);
	buf_fini(&dir);
	return verb_end("history", rc);
}
