/* lane: sealing and publishing; see lane.h. */
#include "conn/lane_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fio/fio.h"

#define LOG_MAX (64u << 20)    /* a segment file above that is followed by a new one */
#define MOVING_MAX (16u << 20) /* bytes that may wait for the disk */

static const uint8_t no_id[16]; /* the barrier of an epoch is not known before it comes */

/* ---- jobs ---- */

static struct lane_job *
job_of(struct work_job *w)
{
	return (struct lane_job *)(void *)w;
}

static void
job_free(struct lane_job *j)
{
	*j->at = j->next;
	if (j->next != NULL)
		j->next->at = j->at;
	buf_fini(&j->data);
	snap_clear_files(&j->sealed);
	snap_clear_files(&j->files);
	free(j);
}

/* A job of ours, to be filled and put. */
static struct lane_job *
job_new(struct lane *l, int (*run)(struct work_job *w),
	int (*done)(struct op_job *job, struct op *op))
{
	struct lane_job *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		ferr(FERR_NOMEM, "out of memory");
		return NULL;
	}
	j->job.work.run = run;
	j->job.done = done;
	j->lane = l;
	j->epoch = l->epoch;
	j->next = l->jobs;
	j->at = &l->jobs;
	if (l->jobs != NULL)
		l->jobs->at = &j->next;
	l->jobs = j;
	return j;
}

static int
just_free(struct op_job *job, struct op *op)
{
	(void)op;
	job_free((struct lane_job *)(void *)job);
	return 0;
}

void
lane_free(struct lane *l)
{
	if (l == NULL)
		return;
	while (l->jobs != NULL)
		job_free(l->jobs);
	log_close(l->log);
	dest_close(l->dest);
	buf_fini(&l->head);
	buf_fini(&l->spare);
	snap_clear_files(&l->pending);
	free(l->found);
	free(l);
}

bool
lane_full(const struct lane *l)
{
	return l->moving > MOVING_MAX;
}

/* ---- sealing ---- */

static int
open_log(struct lane *l)
{
	const struct op_task *t = l->task;
	struct buf name = BUF_INIT;
	int rc;

	rc = buf_printf(&name, "segments/%s-%u.%" PRIu64 ".%u.log", t->stage, t->subtask,
			t->attempt, ++l->nlogs);
	if (rc == 0)
		rc = buf_cstr(&name) == NULL ? FERR_NOMEM
					     : log_create(&l->log, t->store, (const char *)name.p);
	buf_fini(&name);
	l->start = 0;
	return rc;
}

static int
run_append(struct work_job *w)
{
	struct lane_job *j = job_of(w);
	struct lane *l = j->lane;
	int rc = 0;

	if (l->log == NULL && (rc = open_log(l)) != 0)
		return rc;
	if ((j->piece.flags & PIECE_CREATES) != 0 && (rc = dest_create(l->dest, &j->piece)) != 0)
		return rc;
	l->head.n = 0;
	if ((rc = piece_head(&j->piece, &l->head)) == 0 &&
	    (rc = log_append(l->log, j->epoch, no_id, l->head.p, l->head.n)) == 0)
		rc = log_append(l->log, j->epoch, no_id, j->data.p, j->data.n);
	return rc;
}

static int
append_done(struct op_job *job, struct op *op)
{
	struct lane_job *j = (struct lane_job *)(void *)job;
	struct lane *l = j->lane;

	l->moving -= j->data.n;
	if (l->spare.cap < j->data.cap) {
		struct buf b = l->spare;

		l->spare = j->data;
		l->spare.n = 0;
		j->data = b;
	}
	return just_free(job, op);
}

int
lane_put(struct lane *l, struct op *op, struct lane_part *p, unsigned flags)
{
	struct lane_job *j;

	part_rows_pause(&p->rows);
	if (p->rows.b.n == 0 && flags == 0)
		return 0;
	if ((j = job_new(l, run_append, append_done)) == NULL)
		return FERR_NOMEM;
	j->epoch = l->epoch + 1;
	lane_piece_of(l, p, &j->piece);
	if (!p->begun && l->conf.kind == DEST_DIR)
		flags |= PIECE_CREATES;
	j->piece.flags = (uint8_t)flags;
	j->piece.offset = p->offset;
	j->piece.n = (uint32_t)p->rows.b.n;
	j->data = p->rows.b;
	p->rows.b = l->spare;
	l->spare = (struct buf)BUF_INIT;
	p->offset += j->data.n;
	p->begun = true;
	p->dirty = true;
	l->moving += j->data.n;
	l->unsealed = true;
	op_job_put(op, &j->job);
	return 0;
}

static int
run_seal(struct work_job *w)
{
	struct lane_job *j = job_of(w);
	struct lane *l = j->lane;
	int rc = 0;

	if (l->conf.kind == DEST_DIR)
		rc = dest_sync(l->dest);
	if (rc == 0 && (rc = log_seal(l->log, j->epoch, j->id)) == 0)
		rc = snap_add_file(&j->sealed, log_name(l->log), l->start, log_end(l->log),
				   log_crc(l->log), j->epoch);
	if (rc != 0)
		return rc;
	l->start = log_end(l->log);
	if (l->start > LOG_MAX) {
		log_close(l->log);
		l->log = NULL;
	}
	return 0;
}

static int
seal_done(struct op_job *job, struct op *op)
{
	struct lane_job *j = (struct lane_job *)(void *)job;
	const struct snap_file *f = &j->sealed.v[0];
	int rc = snap_add_file(&j->lane->pending, f->name, f->start, f->end, f->crc, f->epoch);

	return rc != 0 ? rc : just_free(job, op);
}

int
lane_seal(struct lane *l, struct op *op, const struct barrier *b)
{
	struct lane_job *j;

	l->epoch = b->epoch;
	if (!l->unsealed)
		return 0;
	if ((j = job_new(l, run_seal, seal_done)) == NULL)
		return FERR_NOMEM;
	memcpy(j->id, b->id, sizeof(j->id));
	l->unsealed = false;
	op_job_put(op, &j->job);
	return 0;
}

int
lane_ack(struct lane *l, struct snap *s)
{
	int rc = 0;

	s->published = l->published;
	for (unsigned i = 0; i < l->pending.n && rc == 0; i++) {
		const struct snap_file *f = &l->pending.v[i];

		rc = snap_add_file(&s->pending, f->name, f->start, f->end, f->crc, f->epoch);
	}
	return rc;
}

int
lane_end(const struct lane *l)
{
	return l->unsealed ? ferr(FERR_TRUNC, "records came behind the last barrier") : 0;
}

/* ---- publishing ---- */

static int
feed(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)epoch;
	return piece_feed(cookie, p, n);
}

static int
publish_stretch(struct lane *l, const struct snap_file *f)
{
	struct piece_sink sink = dest_sink;
	struct piece_reader r;
	int rc;

	sink.cookie = l->dest;
	piece_reader_init(&r, &sink);
	rc = log_read(l->task->store, f->name, f->start, f->end, f->crc, feed, &r);
	if (rc == FERR_LOST)
		rc = ferr(FERR_CORRUPT, "%s", ferr_text());
	return rc == 0 ? piece_done(&r) : rc;
}

static int
run_publish(struct work_job *w)
{
	struct lane_job *j = job_of(w);
	bool first = j->epoch == j->lane->task->epoch;
	int rc = 0;

	dest_begin(j->lane->dest, first);
	for (unsigned i = 0; i < j->files.n && rc == 0; i++)
		rc = publish_stretch(j->lane, &j->files.v[i]);
	if (rc == 0)
		rc = dest_done(j->lane->dest);
	return first ? lane_blame(j->lane->task, rc) : rc;
}

static int
publish_done(struct op_job *job, struct op *op)
{
	struct lane_job *j = (struct lane_job *)(void *)job;
	struct lane *l = j->lane;
	unsigned n = j->files.n;
	int rc;

	for (unsigned i = 0; i < n; i++)
		free(l->pending.v[i].name);
	if (n > 0)
		memmove(l->pending.v, l->pending.v + n, (l->pending.n - n) * sizeof(*l->pending.v));
	l->pending.n -= n;
	l->handed -= n;
	l->published = j->epoch;
	rc = op_published(op, j->epoch);
	return rc != 0 ? rc : just_free(job, op);
}

/* Have all stretches up to that epoch published. */
static int
put_publish(struct lane *l, struct op *op, uint64_t epoch)
{
	struct lane_job *j = job_new(l, run_publish, publish_done);
	int rc = 0;

	if (j == NULL)
		return FERR_NOMEM;
	j->epoch = epoch;
	while (rc == 0 && l->handed < l->pending.n && l->pending.v[l->handed].epoch <= epoch) {
		const struct snap_file *f = &l->pending.v[l->handed++];

		rc = snap_add_file(&j->files, f->name, f->start, f->end, f->crc, f->epoch);
	}
	if (rc == 0)
		op_job_put(op, &j->job);
	return rc;
}

/* ---- leftovers ---- */

/*
 * A hidden part of an older attempt that no state names.  Whose parts these are to remove: those of
 * the old lanes whose state we have got, for we know what it names.  When the parallelism is the
 * old one, subtask 0 has those of lanes that are no more as well: their parts were closed before
 * the checkpoint that we are restored from, and what was pending in it is published everywhere,
 * since every subtask has acked behind that.
 */
static bool
is_leftover(void *cookie, const char *path, const struct part_name *n)
{
	const struct lane *l = cookie;
	const struct op_task *t = l->task;
	char hidden[PIECE_PATH_MAX + 32];
	uint32_t old = t->same || t->nsnap == 0 ? 0 : t->snap[0].parallel, lo;

	if (n->maker == 0 || n->maker >= t->attempt)
		return false;
	if (old == 0 && n->lane != t->subtask && (t->subtask != 0 || n->lane < t->parallel))
		return false;
	if (old != 0 &&
	    (n->lane >= old || (lo = group_lo(n->lane, old, t->groups)) < t->lo || lo > t->hi))
		return false;
	for (size_t i = 0; i < l->nfound; i++) {
		piece_hidden(&l->found[i].part, hidden);
		if (strcmp(hidden, path) == 0)
			return false;
	}
	return true;
}

static int
run_clean(struct work_job *w)
{
	struct lane *l = job_of(w)->lane;

	return dest_clean(l->dest, is_leftover, l);
}

int
lane_complete(struct lane *l, struct op *op, uint64_t epoch)
{
	struct lane_job *j;
	int rc;

	if ((rc = put_publish(l, op, epoch)) != 0 || l->cleaned)
		return rc;
	l->cleaned = true;
	if ((j = job_new(l, run_clean, just_free)) == NULL)
		return FERR_NOMEM;
	op_job_put(op, &j->job);
	return 0;
}

/* ---- at a restart ---- */

static int
run_compare(struct work_job *w)
{
	struct lane *l = job_of(w)->lane;
	int rc = 0;

	for (size_t i = 0; i < l->nfound && rc == 0; i++)
		rc = dest_check(l->dest, &l->found[i].part, l->found[i].length, true);
	if (rc == 0)
		rc = dest_check_ahead(l->dest, l->task->subtask, l->next_number);
	return lane_blame(l->task, rc);
}

int
lane_put_restored(struct lane *l, struct op *op)
{
	struct lane_job *j;
	int rc;

	if ((rc = put_publish(l, op, l->task->epoch)) != 0)
		return rc;
	if ((j = job_new(l, run_compare, just_free)) == NULL)
		return FERR_NOMEM;
	op_job_put(op, &j->job);
	return 0;
}
