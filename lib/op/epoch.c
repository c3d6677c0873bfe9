/*
 * epoch: barriers and snapshots of an operator under fcoord; see op_internal.h.
 *
 * At a barrier (C21): what the class holds is flushed, the barrier is forwarded, the state ends its
 * epoch, the numbers are noted.  Then the loop goes on, and between batches copies the changed
 * entries out (op_epoch_slice); the helper appends them to the log.  When the part is sealed and
 * durable, the ack goes out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "op/op_internal.h"
#include "store/store.h"

#define SLICE (64u << 10)    /* bytes of records copied between two batches */
#define WRITE (256u << 10)   /* ... given to the helper at once */
#define WRITES_MAX 4u	     /* ... at most so many of them */
#define LOG_MAX (256u << 20) /* a base begins a new file above that */
#define BASE_MIN (4u << 20)  /* deltas below that never ask for a new base */
#define FILES_MAX 8u	     /* nor do fewer files than that */
#define LAST (BARRIER_FINAL | BARRIER_STOP | BARRIER_DRAIN)

/* ---- the helper's part ---- */

/* Append records, or seal the part; the result is looked at in the loop. */
struct delta_job {
	struct op_job job;
	struct op *op;
	uint64_t epoch;
	uint8_t id[16];
	struct buf records;
	bool base; /* the part begins with a base */
	bool last; /* it ends here: the ack follows */
	int rc;
	/* of the sealed part */
	char *name;
	uint64_t start, end;
	uint32_t crc;
};

static int
open_log(struct op *op)
{
	struct op_epochs *e = &op->ep;
	struct buf name = BUF_INIT;
	int rc;

	log_close(e->log);
	e->log = NULL;
	rc = buf_printf(&name, "state/%s-%u.%" PRIu64 ".%u.log", e->task.stage, e->task.subtask,
			e->task.attempt, ++e->nlogs);
	if (rc == 0)
		rc = buf_cstr(&name) == NULL
			 ? FERR_NOMEM
			 : log_create(&e->log, e->task.store, (const char *)name.p);
	buf_fini(&name);
	return rc;
}

static int
write_delta(struct delta_job *d)
{
	struct op_epochs *e = &d->op->ep;
	int rc = 0;

	/* Nothing to be written: the ack only waits for the jobs before it. */
	if (d->records.n == 0 && !d->base &&
	    (e->log == NULL || log_end(e->log) == log_sealed(e->log)))
		return 0;
	/* A new file only where a part begins: its pieces stand in one file. */
	if (e->log == NULL ||
	    (d->base && log_end(e->log) > LOG_MAX && log_end(e->log) == log_sealed(e->log)))
		rc = open_log(d->op);
	if (rc == 0 && d->base)
		e->snap.start = log_sealed(e->log);
	if (rc == 0 && d->records.n > 0)
		rc = log_append(e->log, d->epoch, d->id, d->records.p, d->records.n);
	if (rc != 0 || !d->last)
		return rc;
	if ((rc = log_seal(e->log, d->epoch, d->id)) != 0)
		return rc;
	d->start = e->snap.start;
	d->end = log_end(e->log);
	d->crc = log_crc(e->log);
	d->name = strdup(log_name(e->log));
	return d->name != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
}

/* A failed write fails the checkpoint, not the job (faults.md 16): the helper itself never fails.
 */
static int
run_delta(struct work_job *w)
{
	struct delta_job *d = (struct delta_job *)(void *)w;

	if ((d->rc = write_delta(d)) != 0)
		snprintf(w->text, sizeof(w->text), "%s", ferr_text());
	return 0;
}

/* ---- the ack ---- */

static int
decline(struct op *op, uint64_t epoch, const char *why)
{
	struct buf b = BUF_INIT;
	int rc;

	if ((rc = pack_u64(&b, epoch)) == 0 && (rc = pack_text(&b, why)) == 0)
		rc = talk_put(&op->ep.talk, CTL_DECLINE, CTL_NONE, b.p, b.n);
	buf_fini(&b);
	return rc;
}

static int
ack(struct op *op)
{
	struct op_epochs *e = &op->ep;
	struct snap *s = &e->snap.out;
	struct buf b = BUF_INIT;
	int rc = 0;

	s->published = e->published;
	for (unsigned i = 0; i < e->files.n && rc == 0; i++) {
		const struct snap_file *f = &e->files.v[i];

		rc = snap_add_file(&s->state, f->name, f->start, f->end, f->crc, f->epoch);
	}
	if (rc == 0 && op->cls->on_ack != NULL)
		rc = op->cls->on_ack(op->self, op, s);
	if (rc == 0 && (rc = pack_u64(&b, e->snap.bar.epoch)) == 0 &&
	    (rc = snap_encode(s, &b)) == 0)
		rc = talk_put(&e->talk, CTL_ACK, CTL_NONE, b.p, b.n);
	if (rc == 0)
		rc = op_base_acked(op, e->snap.bar.epoch);
	buf_fini(&b);
	snap_fini(s);
	snap_init(s);
	e->snap.active = false;
	return rc;
}

/* Is there all that the ack waits for? */
static int
settle(struct op *op)
{
	struct op_snap *s = &op->ep.snap;

	if (s->part_due || s->flight_due)
		return 0;
	if (!s->failed)
		return ack(op);
	s->active = false;
	return 0;
}

int
op_epoch_flown(struct op *op, const char *why)
{
	struct op_snap *s = &op->ep.snap;
	int rc = 0;

	s->flight_due = false;
	if (why != NULL && why[0] != '\0' && !s->failed) {
		op_say(op, "checkpoint %" PRIu64 " failed: %s", s->bar.epoch, why);
		rc = decline(op, s->bar.epoch, why);
	}
	s->failed = s->failed || why != NULL;
	return rc != 0 ? rc : settle(op);
}

/* The part is durable: it is what the state is made of now. */
static int
note_part(struct op_epochs *e, const struct delta_job *d)
{
	struct snap_file *last = e->files.n > 0 ? &e->files.v[e->files.n - 1] : NULL;

	if (d->base) {
		snap_clear_files(&e->files);
		e->base_bytes = d->end - d->start;
		e->log_bytes = 0;
		return snap_add_file(&e->files, d->name, d->start, d->end, d->crc, d->epoch);
	}
	if (last != NULL && strcmp(last->name, d->name) == 0) {
		e->log_bytes += d->end - last->end;
		last->end = d->end;
		last->crc = d->crc;
		last->epoch = d->epoch;
		return 0;
	}
	e->log_bytes += d->end;
	return snap_add_file(&e->files, d->name, 0, d->end, d->crc, d->epoch);
}

static int
delta_done(struct op_job *job, struct op *op)
{
	struct delta_job *d = (struct delta_job *)(void *)job;
	struct op_epochs *e = &op->ep;
	bool ours = e->snap.active && e->snap.bar.epoch == d->epoch;
	int rc = 0;

	e->writing--;
	if (d->rc != 0 && !e->log_dead) {
		e->log_dead = true;
		op_say(op, "checkpoint %" PRIu64 " failed: %s", d->epoch, d->job.work.text);
	}
	if (d->rc != 0 && ours && !e->snap.failed) {
		e->snap.failed = true;
		rc = decline(op, d->epoch, d->job.work.text);
	}
	if (d->rc == 0 && d->name != NULL)
		rc = note_part(e, d);
	if (rc == 0 && d->last && ours) {
		e->snap.part_due = false;
		rc = settle(op);
	}
	buf_fini(&d->records);
	free(d->name);
	free(d);
	return rc;
}

/* Give the helper what has gathered; last: and the end of the part. */
static int
hand_over(struct op *op, bool last)
{
	struct op_snap *s = &op->ep.snap;
	struct delta_job *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	d->job.work.run = run_delta;
	d->job.done = delta_done;
	d->op = op;
	d->epoch = s->bar.epoch;
	memcpy(d->id, s->bar.id, sizeof(d->id));
	d->records = s->buf;
	d->base = s->base;
	d->last = last;
	s->buf = (struct buf)BUF_INIT;
	op->ep.writing++;
	op_job_put(op, &d->job);
	return 0;
}

/* ---- the loop's part ---- */

void
op_job_put(struct op *op, struct op_job *job)
{
	struct op_job **at = &op->undone;

	if (op->work == NULL && !op->no_work)
		op->no_work = work_new(&op->work) != 0;
	if (op->no_work) {
		/* No thread to be had: it is done here and now, slower but right. */
		job->work.rc = job->work.run(&job->work);
		if (job->work.rc != 0)
			snprintf(job->work.text, sizeof(job->work.text), "%s", ferr_text());
		job->work.next = NULL;
		while (*at != NULL)
			at = (struct op_job **)(void *)&(*at)->work.next;
		*at = job;
		return;
	}
	op->njobs++;
	work_put(op->work, &job->work);
}

void
op_wait_job(struct op *op)
{
	op->wait_job = op->njobs > 0;
}

static int
job_done(struct op *op, struct op_job *job)
{
	op->wait_job = false;
	if (job->work.rc != 0)
		return ferr(job->work.rc, "%s", job->work.text);
	return job->done != NULL ? job->done(job, op) : 0;
}

int
op_epoch_jobs(struct op *op)
{
	struct op_job *job;
	int rc = 0;

	while (rc == 0 && (job = op->undone) != NULL) {
		op->undone = (struct op_job *)(void *)job->work.next;
		rc = job_done(op, job);
	}
	while (rc == 0 && op->work != NULL &&
	       (job = (struct op_job *)(void *)work_take(op->work)) != NULL) {
		op->njobs--;
		rc = job_done(op, job);
	}
	return rc;
}

/* A base is due when the deltas have outgrown the last one, or would soon be as large, or when one
 * of the files is no good. */
static bool
base_due(const struct op *op)
{
	const struct op_epochs *e = &op->ep;
	uint64_t size = state_size(op->state), limit = size > BASE_MIN ? size : BASE_MIN;

	return e->log_dead || e->log_bytes > limit || e->files.n > FILES_MAX ||
	       (e->task.nsnap > 0 && !e->task.same && e->base_bytes == 0);
}

static int
note_numbers(struct op *op, struct snap *s)
{
	char name[32];
	int rc = snap_add_number(s, "bad", (int64_t)op->nbad, SNAP_SUM);

	if ((op->ep.snap.bar.flags & LAST) != 0) /* this run tells of them */
		op->bad_told = op->nbad;
	if (rc == 0)
		rc = snap_add_number(s, "bad.told", (int64_t)op->bad_told, SNAP_SUM);
	for (const struct op_num *n = op->nums; n != NULL && rc == 0; n = n->next)
		rc = snap_add_number(s, n->name, n->v, n->merge);
	for (unsigned i = 0; i < op->nin && rc == 0; i++) {
		snprintf(name, sizeof(name), "wm.%u", i);
		rc = snap_add_number(s, name, op->wm_chans[i].wm, SNAP_MIN);
		snprintf(name, sizeof(name), "rows.%u", i);
		if (rc == 0)
			rc = snap_add_number(s, name, (int64_t)op->in[i].count, SNAP_SUM);
		snprintf(name, sizeof(name), "idle.%u", i);
		if (rc == 0 && op->wm_chans[i].idle)
			rc = snap_add_number(s, name, 1, SNAP_MIN);
	}
	if (rc == 0)
		rc = snap_add_number(s, "wm.out", op->wm.out, SNAP_MIN);
	if (rc == 0 && op->wm.out_idle)
		rc = snap_add_number(s, "idle.out", 1, SNAP_MIN);
	return rc;
}

static int
note(struct op *op)
{
	const struct op_task *t = &op->ep.task;
	struct snap *s = &op->ep.snap.out;
	const char *sign = op->cls->signature != NULL ? op->cls->signature(op->self) : NULL;
	int rc;

	snap_fini(s);
	snap_init(s);
	s->subtask = t->subtask;
	s->parallel = t->parallel;
	s->groups = t->groups;
	if ((rc = note_numbers(op, s)) == 0)
		rc = op_version_snap(op, s);
	if (rc == 0 && sign != NULL && (s->signature = strdup(sign)) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	return rc;
}

/* Leave a dead log.  One of which nothing was ever acked is needed by nobody. */
static void
drop_log(struct op *op)
{
	struct op_epochs *e = &op->ep;
	bool acked = e->log == NULL;

	for (unsigned i = 0; i < e->files.n && !acked; i++)
		acked = strcmp(e->files.v[i].name, log_name(e->log)) == 0;
	if (!acked && store_remove(e->task.store, log_name(e->log)) != 0)
		op_note(op, "%s", ferr_text());
	log_close(e->log);
	e->log = NULL;
}

static int
begin_snapshot(struct op *op, const struct barrier *b)
{
	struct op_epochs *e = &op->ep;
	struct op_snap *s = &e->snap;
	bool state = op->state != NULL, left = s->active && (s->copying || s->failed);
	int rc;

	s->active = true;
	s->failed = s->gathering = false;
	s->part_due = true;
	s->flight_due = op->nin > 0 && (b->flags & BARRIER_UNALIGNED) != 0;
	s->bar = *b;
	s->base = state && base_due(op);
	if (s->base && e->log_dead) {
		/* The helper may still have jobs for the dead file; they are done first. */
		while (e->writing > 0 && op->work != NULL) {
			work_wait(op->work);
			if ((rc = op_epoch_jobs(op)) != 0)
				return rc;
		}
		drop_log(op);
		e->log_dead = false;
	}
	if ((rc = note(op)) != 0)
		return rc;
	s->copying = state && (s->base || left || s->buf.n > 0 || state_dirty(op->state));
	if (s->copying)
		return state_barrier(op->state, s->base);
	/* Nothing changed: the ack waits for what the sink has put, and for what an aborted epoch
	 * has left. */
	if (op->njobs > 0 || op->undone != NULL || e->nlogs > 0)
		return hand_over(op, true);
	s->part_due = false;
	return settle(op);
}

int
op_epoch_slice(struct op *op)
{
	struct op_snap *s = &op->ep.snap;
	bool done = false;
	int rc;

	if (!s->active || !s->copying || op->ep.writing >= WRITES_MAX)
		return 0;
	if ((rc = state_copy(op->state, &s->buf, SLICE, &done)) != 0)
		return rc;
	if (done)
		s->copying = false;
	return done || s->buf.n >= WRITE ? hand_over(op, done) : 0;
}

bool
op_epoch_busy(const struct op *op)
{
	return op->ep.snap.active && op->ep.snap.copying && op->ep.writing < WRITES_MAX;
}

/* ---- barriers ---- */

static int
to_all(struct op *op, enum frame_kind kind, const void *p, size_t n)
{
	int rc = 0;

	for (unsigned i = 0; i < op->nout && rc == 0; i++)
		rc = out_control(&op->out[i], kind, p, n);
	for (struct op_side *s = op->sides; s != NULL && rc == 0; s = s->next)
		rc = out_control(&s->out, kind, p, n);
	return rc;
}

int
op_epoch_forward_cancel(struct op *op, uint64_t epoch)
{
	uint8_t p[8];

	le64put(p, epoch);
	return to_all(op, FRAME_CANCEL, p, sizeof(p));
}

int
op_epoch_take(struct op *op, const struct barrier *b)
{
	struct op_epochs *e = &op->ep;
	uint8_t p[BARRIER_BYTES];
	int rc = 0;

	if (op->cls->source && (b->flags & BARRIER_DRAIN) != 0) {
		/* An idle channel's marks do not count. */
		if (op->wm.out_idle)
			rc = op_emit_idle(op, false);
		if (rc == 0)
			rc = op_emit_watermark(op, WM_MAX);
	}
	if (rc == 0 && op->cls->on_barrier != NULL)
		rc = op->cls->on_barrier(op->self, op, b);
	barrier_encode(b, p);
	if (rc == 0)
		rc = to_all(op, FRAME_BARRIER, p, sizeof(p));
	for (unsigned i = 0; i < op->nout && (b->flags & BARRIER_UNALIGNED) != 0; i++)
		out_overtook(&op->out[i]);
	if ((b->flags & LAST) != 0)
		e->last = b->epoch;
	if (rc == 0)
		rc = begin_snapshot(op, b);
	/* A source is quiet from here on; its END goes out once the epoch is complete
	 * (op_task_serve), for until then the epoch may be given up and triggered again. */
	e->drained = e->drained || (b->flags & BARRIER_DRAIN) != 0;
	op->why = (b->flags & BARRIER_STOP) != 0 ? END_STOP : END_DONE;
	return rc;
}

static int
act(struct op *op, struct align_out o)
{
	int rc = 0;

	if (o.aborted != 0 && (rc = decline(op, o.aborted, "a newer barrier came first")) == 0)
		rc = op_epoch_forward_cancel(op, o.aborted);
	if (rc == 0 && o.cancelled != 0)
		rc = op_epoch_forward_cancel(op, o.cancelled);
	if (rc == 0 && o.complete) {
		rc = op_epoch_take(op, &op->ep.align.bar);
		align_done(&op->ep.align);
		if (rc == 0 && op->ep.snap.flight_due)
			rc = op_flight_begin(op);
	}
	return rc;
}

int
op_epoch_barrier(struct op *op, struct chan *c, const struct barrier *b)
{
	struct barrier bar = *b;

	if (!op_flight_may(op)) /* aligned, unless there is room before it is */
		bar.flags &= ~(uint32_t)BARRIER_UNALIGNED;
	return act(op, align_barrier(&op->ep.align, c->id, &bar));
}

int
op_epoch_overtake(struct op *op, const struct barrier *b)
{
	return act(op, align_overtake(&op->ep.align, b));
}

int
op_epoch_cancel(struct op *op, uint64_t epoch)
{
	return act(op, align_cancel(&op->ep.align, epoch));
}

int
op_epoch_end(struct op *op, struct chan *c)
{
	return act(op, align_end(&op->ep.align, c->id));
}

bool
op_epoch_over(const struct op *op)
{
	const struct op_epochs *e = &op->ep;

	return e->last != 0 && e->complete >= e->last && (!e->lanes || e->published >= e->last);
}

void
op_epoch_close(struct op *op)
{
	struct op_num *n;

	work_free(op->work);
	log_close(op->ep.log);
	snap_fini(&op->ep.snap.out);
	buf_fini(&op->ep.snap.buf);
	snap_clear_files(&op->ep.files);
	while ((n = op->nums) != NULL) {
		op->nums = n->next;
		free(n->name);
		free(n);
	}
	free(op->ep.align_chans);
	free(op->ep.flight);
	state_free(op->state);
}
