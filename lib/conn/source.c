/* source: the reading; see source.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/inotify.h>

#include "conn/paths.h"
#include "conn/source_internal.h"
#include "fio/fio.h"

#define BATCH 1000 /* records of a split before another is looked at, and between its marks */
#define LIVE_MARK_NS 200000000LL /* live input: a mark at the latest so long after a record */
#define RELIST_NS 1000000000LL	 /* how often directories and patterns are looked at again */
#define OPEN_MAX_SPLITS 256

/* ---- rows and marks out ---- */

/* Rows gather behind what op's buffer holds now. */
static void
begin_rows(struct source *s, struct op *op)
{
	s->out = op_rows_buf(op);
	s->at = s->out->n;
}

/* Records may have no field at all; their stream has a schema all the same. */
static int
tell_schema(struct source *s, struct op *op)
{
	if (s->told_schema && s->schema.changing != op_out_schema(op)->changing)
		return ferr(FERR_USAGE, "an input takes records back and those before it did not; "
					"name it first, or read it alone");
	if (s->told_schema && s->schema.n == op_out_schema(op)->n)
		return 0;
	s->told_schema = true;
	return op_set_schema(op, &s->schema);
}

/* Tell op of the rows that have gathered. */
static int
flush_rows(struct source *s, struct op *op)
{
	unsigned n = s->rows;
	int rc;

	if ((rc = tell_schema(s, op)) != 0)
		return rc;
	s->rows = 0;
	if (n > 0 && (rc = op_rows_done(op, s->at, n)) != 0)
		return rc;
	begin_rows(s, op);
	return 0;
}

static int
tell(struct source *s, struct op *op, struct wm_out t)
{
	int rc;

	if (!t.active && !t.watermark && !t.idle)
		return 0;
	if ((rc = flush_rows(s, op)) != 0)
		return rc;
	if (t.active && (rc = op_emit_idle(op, false)) != 0)
		return rc;
	if (t.watermark && (rc = op_emit_watermark(op, s->wm.out)) != 0)
		return rc;
	if (t.idle && (rc = op_emit_idle(op, true)) != 0)
		return rc;
	begin_rows(s, op);
	return 0;
}

/* C1, per split. */
static int
mark(struct source *s, struct op *op, unsigned i)
{
	struct split *sp = s->splits[i];

	sp->moved = true;
	sp->since_mark = 0;
	sp->marked_at = op_now(op);
	if (sp->max_ts == ROW_NOTIME)
		return 0;
	return tell(
	    s, op,
	    wm_mark(&s->wm, chan_of(s, i), source_clock_watermark(s->clock, sp, sp->max_ts)));
}

static int
bad_record(struct op *op, const struct split *sp, uint64_t line, uint64_t col, const char *reason,
	   const void *text, size_t n)
{
	struct buf at = BUF_INIT;
	int rc;

	if ((rc = buf_printf(&at, "%s:%" PRIu64 ":%" PRIu64,
			     sp->kind == SPLIT_GEN ? "gen" : sp->name, line, col)) == 0)
		rc = buf_cstr(&at) != NULL ? op_bad(op, (const char *)at.p, reason, text, n)
					   : FERR_NOMEM;
	buf_fini(&at);
	return rc;
}

static void
note_seen(struct source *s, const uint8_t *row)
{
	for (unsigned i = 0; i < s->nfields; i++) {
		if (!s->seen[i] && row_tag(row, s->fields[i].to) != VAL_ABSENT) {
			s->seen[i] = true;
			s->unseen--;
		}
	}
}

/* The row at [at, out->n) has no time: it goes, and ferr_text tells why.  0, or an error. */
static int
refuse_row(struct source *s, struct op *op, struct split *sp, size_t at)
{
	char reason[512];

	snprintf(reason, sizeof(reason), "%s", ferr_text());
	s->out->n = at;
	split_place(sp);
	return bad_record(op, sp, sp->line, 1, reason, sp->rec, sp->nrec);
}

/* The row at [at, out->n): give it its time.  1 good, 0 bad and gone. */
static inline int
take_row(struct source *s, struct op *op, struct split *sp, size_t at)
{
	int64_t ts;
	int rc;

	rc = source_clock_time(s->clock, sp, &s->schema, s->out->p + at, &ts);
	if (rc == 0 && s->spec.marks == MARKS_FIELD) {
		rc = source_clock_mark(s->clock, sp, &s->schema, s->out->p + at, &s->row_mark);
		s->has_mark = rc == 1;
		rc = rc == 1 ? 0 : rc;
	}
	if (rc == 0 && s->placed)
		rc = source_put_meta(s, sp, at);
	if (rc != 0)
		return rc == FERR_DATA ? refuse_row(s, op, sp, at) : rc;
	row_set_time(s->out->p + at, ts);
	if (s->unseen > 0)
		note_seen(s, s->out->p + at);
	if (ts > sp->max_ts)
		sp->max_ts = ts;
	s->rows++;
	s->good++;
	sp->gave = true;
	return 1;
}

/* ---- reading ---- */

static struct split_conf
split_conf(const struct source *s, struct schema *schema)
{
	return (struct split_conf){ .format = s->spec.format,
				    .schema = schema,
				    .fields = s->fields,
				    .nfields = s->nfields,
				    .only = s->only.name != NULL ? &s->only : NULL,
				    .tz = source_clock_zone(s->clock),
				    .hold = s->spec.hold,
				    .nulls = s->spec.meta != NULL };
}

/* The time of a split's first good record, so that it counts before it is read. */
static int
peek(struct source *s, unsigned i)
{
	struct split *sp = s->splits[i];
	struct split_conf conf;
	struct schema scratch;
	int rc;

	if (sp->kind == SPLIT_STDIN || sp->kind == SPLIT_KAFKA || !s->timed)
		return 0;
	schema_init(&scratch);
	source_clock_forget(s->clock);
	s->tmp.n = 0;
	if ((rc = schema_copy(&scratch, &s->schema)) == 0) {
		conf = split_conf(s, &scratch);
		rc = split_open(sp, &conf);
	}
	if (rc == 0 && sp->live && !sp->follow)
		goto keep; /* a pipe: what is read from it is gone */
	while (rc == 0) {
		if ((rc = split_next(sp, &s->tmp)) == FERR_DATA)
			rc = 0;
		else if (rc == 1 &&
			 source_clock_time(s->clock, sp, &scratch, s->tmp.p, &sp->first) == 0)
			break;
		else if (rc <= 0)
			break;
		s->tmp.n = 0;
		rc = 0;
	}
	/* It counts with that until it is read. */
	if (rc == 1 && sp->first != ROW_NOTIME &&
	    (s->spec.marks == MARKS_AUTO || s->spec.marks == MARKS_EACH))
		s->chans[i].wm = source_clock_watermark(s->clock, sp, sp->first);
	if (rc == FERR_AGAIN || rc == FERR_DATA || rc == 1)
		rc = 0;
keep:
	split_close(sp);
	sp->done = false;
	sp->waiting = false;
	sp->line = 0;
	source_clock_forget(s->clock);
	schema_fini(&scratch);
	return rc;
}

static int
finish_split(struct source *s, struct op *op, unsigned i)
{
	unsigned next;
	int rc = 0;

	if (s->task != NULL)
		rc = split_park(s->splits[i]);
	else
		split_close(s->splits[i]);
	s->nopen -= s->splits[i]->kind != SPLIT_KAFKA;
	if (rc != 0)
		return rc;
	if (!s->timed || s->spec.marks == MARKS_NONE)
		return 0;
	if (s->spec.sequence && (next = source_undone(s, i + 1)) < s->n) {
		/* the next file goes on where this one ended */
		s->splits[next]->max_ts = s->splits[i]->max_ts;
		s->splits[next]->since_mark = s->splits[i]->since_mark;
		s->splits[next]->moved = true;
		return 0;
	}
	/* With hold the end of the file is not the end of time; but who has nothing new is not
	 * waited for. */
	if (s->spec.hold && (s->spec.sequence || s->splits[i]->gave))
		return s->spec.marks != MARKS_FIELD ? mark(s, op, i) : 0;
	return s->spec.sequence ? 0 : tell(s, op, wm_end(&s->wm, i));
}

static unsigned
index_of(const struct source *s, const struct split *sp)
{
	unsigned i = 0;

	while (s->splits[i] != sp)
		i++;
	return i;
}

/* A topic that is read to an end: what comes next in it is what has to come next. */
static bool
is_awaited(const struct split *sp)
{
	return sp->kind == SPLIT_KAFKA && !sp->live;
}

/* Which split is read next; NULL: none has anything now, or the one that has to be next has not. */
static struct split *
pick(struct source *s)
{
	struct split *best = NULL, *sp;
	int64_t wm, best_wm = 0, min = WM_MAX;

	for (unsigned i = 0; i < s->n; i++) {
		if (!s->splits[i]->done && !s->chans[i].idle && s->chans[i].wm < min)
			min = s->chans[i].wm;
	}
	for (unsigned i = 0; i < s->n; i++) {
		sp = s->splits[i];
		if (sp->done)
			continue;
		if (s->spec.sequence ||
		    !s->timed) { /* one after the other; followed files never end */
			if (!sp->waiting || !sp->follow)
				return sp->waiting ? NULL : sp;
			continue;
		}
		wm = sp->read || sp->first == ROW_NOTIME
			 ? s->chans[i].wm
			 : source_clock_watermark(s->clock, sp, sp->first);
		if ((sp->waiting && !is_awaited(sp)) ||
		    (!sp->open && sp->kind != SPLIT_KAFKA && s->nopen >= OPEN_MAX_SPLITS))
			continue;
		if (s->spec.max_drift != 0 && min != WM_MIN && wm > min &&
		    wm - min > s->spec.max_drift)
			continue;
		if (best == NULL || wm < best_wm) {
			best = sp;
			best_wm = wm;
		}
	}
	return best != NULL && best->waiting ? NULL : best;
}

/* Behind a good row: marks, as --watermark wants them. */
static int
mark_if_due(struct source *s, struct op *op, unsigned i)
{
	struct split *sp = s->splits[i];
	int rc;

	sp->since_mark++;
	if (s->chans[chan_of(s, i)].idle &&
	    (rc = tell(s, op, wm_active(&s->wm, chan_of(s, i)))) != 0)
		return rc;
	switch (s->spec.marks) {
	case MARKS_EACH: return mark(s, op, i);
	case MARKS_AUTO:
		if (sp->since_mark >= BATCH && (!sp->live || sp->follow))
			return mark(s, op, i);
		return 0;
	case MARKS_FIELD:
		return s->has_mark ? tell(s, op, wm_mark(&s->wm, chan_of(s, i), s->row_mark)) : 0;
	default: return 0;
	}
}

static int
stop_at(struct source *s, struct op *op, int rc)
{
	char text[2048];
	int out;

	snprintf(text, sizeof(text), "%s", ferr_text());
	out = flush_rows(s, op);
	return out != 0 ? out : ferr(rc, "%s", text);
}

/*
 * Read at most n records of the current split, until its batch is full, it has nothing more, or the
 * output is full.  A batch that n has cut goes on later: which split is next must not depend on
 * timing.
 */
static int
read_batch(struct source *s, struct op *op, unsigned n)
{
	struct split *sp = s->cur;
	unsigned i = index_of(s, sp), before = s->left;
	unsigned stop = n < before ? before - n : 0;
	size_t at;
	int rc = 1;

	sp->moved = true;
	while (s->left > stop && rc == 1) {
		at = s->out->n;
		if ((rc = split_next(sp, s->out)) == FERR_DATA) {
			rc = bad_record(op, sp, sp->bad.line, sp->bad.col, sp->bad.reason,
					sp->bad.text, sp->bad.n);
			rc = rc == 0 ? 1 : rc;
			continue;
		}
		if (rc == SPLIT_PASSED) {
			s->nulls++;
			s->left--;
			rc = 1;
			continue;
		}
		if (rc != 1)
			break;
		s->left--;
		if ((rc = take_row(s, op, sp, at)) == 0) {
			rc = 1;
			continue;
		}
		if (rc == 1 && s->timed && (rc = mark_if_due(s, op, i)) == 0)
			rc = 1;
		if (rc == 1 && (s->out->n >= FRAME_AIM || s->good == s->spec.limit)) {
			if ((rc = flush_rows(s, op)) != 0)
				return rc;
			if (op_full(op) || s->good == s->spec.limit)
				return 0;
			rc = 1;
		}
	}
	if (s->left < before)
		sp->last_at = op_now(op);
	if (rc < 0 && rc != FERR_AGAIN) /* what was good before the fault still goes out */
		return stop_at(s, op, rc);
	if (rc == 0 && (rc = finish_split(s, op, i)) != 0)
		return rc;
	if (s->left == 0 || (rc != 1 && !(rc == FERR_AGAIN && is_awaited(sp))))
		s->cur = NULL;
	return flush_rows(s, op);
}

/* ---- waiting ---- */

static int
watch_dirs(struct source *s)
{
	if (s->inotify >= 0 || (s->inotify = fio_inotify()) == -1)
		return 0; /* without it, once a second has to do */
	for (unsigned i = 0; i < s->n; i++) {
		const char *name = s->splits[i]->name, *slash = strrchr(name, '/');
		char *dir;

		if (!s->splits[i]->follow)
			continue;
		if ((dir = slash == NULL ? strdup(".")
					 : strndup(name, (size_t)(slash - name) + 1)) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		fio_inotify_add(s->inotify, dir,
				IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
		free(dir);
	}
	for (int i = 0; i < s->spec.nuris; i++) {
		size_t n = strlen(s->spec.uris[i]);

		if (n > 0 && s->spec.uris[i][n - 1] == '/')
			fio_inotify_add(s->inotify, s->spec.uris[i],
					IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	}
	return 0;
}

/* --follow: files that have come since. */
static int
relist(struct source *s, struct op *op)
{
	int rc = 0;

	if (!s->spec.follow || op_now(op) - s->listed_at < RELIST_NS)
		return 0;
	s->listed_at = op_now(op);
	s->pass = s->n;
	for (int i = 0; i < s->spec.nuris && rc == 0; i++) {
		if (paths_many(s->spec.uris[i]))
			rc = paths_each(s->spec.uris[i], source_add_file, s);
	}
	for (unsigned i = s->pass; i < s->n && rc == 0; i++)
		rc = peek(s, i);
	if (rc == 0 && s->pass < s->n && s->wm.out_idle) {
		s->wm.out_idle = false;
		rc = op_emit_idle(op, false);
	}
	return rc;
}

/* Marks and idleness of live splits while nothing comes; sets when to look again. */
static int
tend_live(struct source *s, struct op *op, int64_t *wake)
{
	int64_t now = op_now(op), at;
	int rc = 0;

	for (unsigned i = 0; i < s->n && rc == 0; i++) {
		struct split *sp = s->splits[i];

		if (!sp->live || sp->done || !s->timed)
			continue;
		if (sp->since_mark > 0 && s->spec.marks == MARKS_AUTO) {
			at = sp->marked_at + LIVE_MARK_NS;
			if (at <= now)
				rc = mark(s, op, i);
			else if (at < *wake)
				*wake = at;
		}
		if (s->spec.idle != 0 && sp->waiting && !split_at_end(sp))
			sp->last_at = now; /* something is on its way */
		if (rc == 0 && s->spec.idle != 0 && sp->waiting && !s->chans[chan_of(s, i)].idle) {
			at = sp->last_at + s->spec.idle * 1000000;
			if (at <= now) {
				sp->moved = true;
				rc = tell(s, op, wm_idle(&s->wm, chan_of(s, i)));
			} else if (at < *wake) {
				*wake = at;
			}
		}
	}
	return rc;
}

/* Nothing to read now: what to wait for. */
static int
wait_for_more(struct source *s, struct op *op)
{
	int64_t wake = INT64_MAX, due;
	bool any = false, waiting;
	int fd, rc;

	if ((rc = tend_live(s, op, &wake)) != 0)
		return rc;
	for (unsigned i = 0; i < s->n; i++) {
		struct split *sp = s->splits[i];

		if (sp->done)
			continue;
		any = true;
		waiting = sp->waiting; /* others may have something, and wait for their turn */
		sp->waiting = false;   /* to be tried again after the wait */
		if (waiting && (fd = split_fd(sp)) >= 0 && (rc = op_wait_fd(op, fd)) != 0)
			return rc;
	}
	if (!any && !source_endless(s))
		return OP_END;
	if (s->kafka != NULL && (due = source_kafka_due(s)) < wake)
		wake = due;
	if (s->spec.follow) {
		if ((rc = watch_dirs(s)) != 0)
			return rc;
		if (s->inotify >= 0) {
			fio_drain(s->inotify);
			if ((rc = op_wait_fd(op, s->inotify)) != 0)
				return rc;
		}
		if (op_now(op) + RELIST_NS < wake)
			wake = op_now(op) + RELIST_NS;
	}
	op_wake_at(op, wake);
	return OP_WAIT;
}

/* --rate: how many records may go now, of all subtasks together; 0 sets when to come back. */
static unsigned
allowance(struct source *s, struct op *op)
{
	double rate = (double)s->spec.rate / (s->task != NULL ? s->task->parallel : 1);
	int64_t now = op_now(op), due;

	if (s->rate_since == 0) {
		s->rate_since = now;
		s->rate_good = s->good;
	}
	due = (int64_t)((double)(now - s->rate_since) / 1e9 * rate) + 1 - (s->good - s->rate_good);
	if (due > 0)
		return due > BATCH ? BATCH : (unsigned)due;
	op_wake_at(op, now + (int64_t)(1e9 / rate) + 1);
	return 0;
}

/* ---- the class ---- */

/* Look into splits [i, s->n) before any is read, if there is a choice. */
static int
peek_from(struct source *s, unsigned i)
{
	int rc = 0;

	if (s->spec.sequence || (s->n <= 1 && !s->spec.follow))
		return 0;
	for (; i < s->n && rc == 0; i++)
		rc = peek(s, i);
	return rc;
}

static int
open_split(struct source *s, struct op *op, unsigned i)
{
	struct split_conf conf = split_conf(s, &s->schema);
	struct split *sp = s->splits[i];
	int rc = split_open(sp, &conf);

	if (rc != 0)
		return rc;
	if (!sp->read && !s->spec.sequence)
		s->chans[i].wm = WM_MIN; /* now its own marks count */
	sp->read = true;
	sp->last_at = sp->marked_at = op_now(op);
	s->nopen += sp->kind != SPLIT_KAFKA;
	return 0;
}

/* Look into splits from i on, and open those that come by themselves. */
static int
begin_reading(struct source *s, struct op *op, unsigned i)
{
	int rc = 0;

	if (s->kafka != NULL)
		rc = source_kafka_place(s, s->task == NULL || s->task->epoch == 0);
	if (rc == 0)
		rc = peek_from(s, i);
	for (i = 0; i < s->n && rc == 0 && s->good != s->spec.limit; i++) {
		if (s->splits[i]->kind == SPLIT_KAFKA && !s->splits[i]->done)
			rc = open_split(s, op, i);
	}
	return rc;
}

static int
source_start(void *self, struct op *op)
{
	struct source *s = self;
	int rc = 0;

	s->task = op_task(op);
	if (s->task != NULL && s->task->selects && s->fields == NULL &&
	    (rc = source_select(s)) != 0)
		return rc;
	s->timed = s->spec.time != TIME_NONE;
	for (unsigned i = 0; i < s->n; i++)
		s->timed =
		    s->timed || s->splits[i]->kind == SPLIT_GEN || s->spec.format == FMT_FRAMES;
	if ((s->spec.meta != NULL && (rc = source_find_meta(s)) != 0) ||
	    (s->kafka != NULL && (rc = source_kafka_start(s)) != 0))
		return rc;
	if (s->task != NULL)
		return source_state_open(s, op);
	if (s->missing != NULL)
		return ferr(FERR_USAGE, "%s", s->missing);
	return begin_reading(s, op, 0);
}

/* Under a supervisor: which splits are ours; those that were being read are at their places. */
static int
source_on_restored(void *self, struct op *op, uint64_t *equal)
{
	struct source *s = self;
	unsigned known = 0;
	int rc;

	if (s->task->epoch == 0) {
		rc = source_state_begin(s, equal);
	} else if ((rc = source_state_restore(s)) == 0) {
		known = s->pass;
		for (unsigned i = 0; i < known && s->nopen < OPEN_MAX_SPLITS && rc == 0; i++) {
			if (s->splits[i]->read && !s->splits[i]->done &&
			    s->splits[i]->kind != SPLIT_KAFKA)
				rc = open_split(s, op, i);
		}
	}
	return rc == 0 ? begin_reading(s, op, known) : rc;
}

static int
source_on_barrier(void *self, struct op *op, const struct barrier *b)
{
	struct source *s = self;
	int rc = source_state_note(s, (b->flags & BARRIER_FINAL) != 0);

	(void)op;
	if ((b->flags & (BARRIER_FINAL | BARRIER_STOP)) != 0)
		s->last = b->epoch;
	return rc == 0 && s->kafka != NULL ? source_kafka_note(s, b->epoch) : rc;
}

/* A source has nothing to publish; a group is told for display. */
static int
source_on_complete(void *self, struct op *op, uint64_t epoch)
{
	struct source *s = self;
	int rc = 0;

	if (s->kafka != NULL)
		rc = source_kafka_complete(s, op, epoch, epoch == s->last);
	return rc == 0 ? op_published(op, epoch) : rc;
}

static int
finish(struct source *s, struct op *op)
{
	int rc = flush_rows(s, op);

	if (rc != 0 || s->spec.hold) /* it is not the end of time */
		return rc != 0 ? rc : OP_END;
	if (s->wm.out_idle) /* the MAX of an idle channel is ignored */
		rc = op_emit_idle(op, false);
	s->wm.out_idle = false;
	if (rc == 0)
		rc = op_emit_watermark(op, WM_MAX);
	return rc != 0 ? rc : OP_END;
}

/* C18: without an active split we hold nobody back; and what was told before a restart is told
 * again. */
static int
begin_idleness(struct source *s, struct op *op)
{
	bool told = s->wm.out_idle, any = s->n == 0 && source_endless(s);

	s->told_idle = true;
	for (unsigned i = 0; i < s->wm.n; i++) {
		if (!s->chans[i].idle && !s->chans[i].ended)
			return told ? op_emit_idle(op, s->wm.out_idle = false) : 0;
		any = any || s->chans[i].idle;
	}
	s->wm.out_idle = any;
	return told || any ? op_emit_idle(op, any) : 0;
}

static int
source_produce(void *self, struct op *op)
{
	struct source *s = self;
	int64_t wake = INT64_MAX;
	unsigned n = BATCH;
	int rc;

	if ((s->task == NULL && op_stopping(op)) || s->good == s->spec.limit)
		return finish(s, op);
	if (!s->told_idle && (rc = begin_idleness(s, op)) != 0)
		return rc;
	if (s->spec.rate != 0 && (n = allowance(s, op)) == 0)
		return OP_WAIT;
	if ((rc = relist(s, op)) != 0 || (s->kafka != NULL && (rc = source_kafka_tend(s, op)) != 0))
		return rc;
	if (s->cur == NULL || s->cur->waiting) {
		if (s->cur != NULL || (s->cur = pick(s)) == NULL) {
			if ((rc = wait_for_more(s, op)) != OP_END)
				return rc;
			return finish(s, op);
		}
		s->left = BATCH;
	}
	if (!s->cur->open && (rc = open_split(s, op, index_of(s, s->cur))) != 0)
		return rc;
	begin_rows(s, op);
	if ((rc = read_batch(s, op, n)) != 0 || (rc = tend_live(s, op, &wake)) != 0)
		return rc;
	return OP_MORE;
}

/* What cannot be read again after a failure, if anything. */
static void
source_describe(void *self, struct op_facts *f)
{
	struct source *s = self;
	struct stat st;

	for (unsigned i = 0; i < s->n; i++) {
		const struct split *sp = s->splits[i];

		if (sp->kind == SPLIT_STDIN)
			f->noreplay = "stdin cannot be read again after a failure; write it to a "
				      "file and read that, or ask for --guarantee at-least-once";
		else if (sp->kind == SPLIT_FILE && fio_stat(sp->name, &st) == 0 &&
			 !S_ISREG(st.st_mode))
			f->noreplay = "a pipe cannot be read again after a failure; write it to a "
				      "file and read that with --follow, or ask for --guarantee "
				      "at-least-once";
	}
	if (s->spec.hold) {
		f->most = 1;
		f->most_why = "--at-end hold looks for what was renamed or packed among all files";
	}
	if (s->spec.limit >= 0) {
		f->most = 1;
		f->most_why = "--limit counts the records of all";
	}
}

/* A column that never came.  What it may have meant is looked up in the first file's first record.
 */
static void
warn_unseen(struct source *s, struct op *op, const char *name)
{
	struct schema scratch;
	struct split_conf conf = { .format = s->spec.format, .schema = &scratch };
	struct split *sp = NULL;

	schema_init(&scratch);
	s->tmp.n = 0;
	if (s->n > 0 && s->splits[0]->kind == SPLIT_FILE &&
	    split_new(&sp, SPLIT_FILE, s->splits[0]->name, false) == 0 &&
	    split_open(sp, &conf) == 0)
		split_next(sp, &s->tmp);
	split_free(sp);
	op_warn_unseen(op, &scratch, name);
	schema_fini(&scratch);
}

/* A stage behind us reads a field that never came, and cannot know what it may have meant: the
 * others have not left us. */
static void
suggest(struct source *s, struct op *op, const char *name)
{
	if (schema_find(&s->schema, name, strlen(name)) < 0 &&
	    schema_near(&s->dropped, name) != NULL)
		op_warn_unseen(op, &s->dropped, name);
}

static int
source_on_end(void *self, struct op *op)
{
	struct source *s = self;

	for (unsigned i = 0; i < s->nfields && s->good > 0; i++) {
		if (!s->seen[i])
			warn_unseen(s, op, s->fields[i].name);
	}
	for (unsigned i = 0; i < s->only.n && s->good > 0; i++)
		suggest(s, op, s->only.name[i]);
	if (s->good > 0 && source_clock_unseen(s->clock) != NULL)
		op_warn_unseen(op, &s->schema, source_clock_unseen(s->clock));
	if (s->kafka != NULL)
		source_kafka_end(s, op);
	/* Also an empty stream names the columns that were asked for. */
	return tell_schema(s, op);
}

const struct op_class source_class = {
	.name = "fsource",
	.source = true,
	.start = source_start,
	.produce = source_produce,
	.on_end = source_on_end,
	.describe = source_describe,
	.on_restored = source_on_restored,
	.on_barrier = source_on_barrier,
	.on_complete = source_on_complete,
};
