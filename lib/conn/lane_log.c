/* lane_log: see lane_log.h. */
#include "conn/lane_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "manifest/ckpt_json.h"
#include "store/log.h"
#include "store/store.h"

#define LOG_MAX (64u << 20)    /* a segment file above that is followed by a new one */
#define MOVING_MAX (16u << 20) /* bytes that may wait for the disk */

static const uint8_t no_id[16]; /* the barrier of an epoch is not known before it comes */

struct lane_log_job {
	struct op_job job;
	int (*what)(struct lane_log_job *j); /* in the helper */
	struct lane_log *log;
	struct lane_log_job *next, **at; /* all of them, so that none is lost at the end */
	uint64_t epoch;
	/* put */
	struct buf head, data;
	/* do */
	int (*run)(void *self, void *arg);
	void *arg;
	/* seal */
	uint8_t id[16];
	struct snap_files sealed; /* one, the result */
	/* publish, adopt */
	struct snap_files files;
	void *lane;
};

struct lane_log {
	const struct lane_log_class *cls;
	void *self;
	const struct op_task *task;
	struct lane_log_job *jobs;
	/* of the helper, once jobs run */
	bool failed; /* a job has: what stands behind it is not done, or it would overtake it */
	struct log *log;
	unsigned nlogs;
	uint64_t start; /* where the next stretch of the log begins */
	/* of the loop */
	uint64_t epoch; /* last barrier */
	size_t moving;	/* bytes on their way to the log */
	struct buf spare;
	bool unsealed;		   /* something was put since the last seal */
	struct snap_files pending; /* sealed, not known to be published */
	unsigned handed;	   /* ... of which so many are with the helper to be published */
	unsigned adopting;	   /* stretches of so many old subtasks are with it as well */
	uint64_t published;
};

/* ---- jobs ---- */

static void
job_free(struct lane_log_job *j)
{
	*j->at = j->next;
	if (j->next != NULL)
		j->next->at = j->at;
	buf_fini(&j->head);
	buf_fini(&j->data);
	free(j->arg);
	snap_clear_files(&j->sealed);
	snap_clear_files(&j->files);
	free(j);
}

static int
add_file(struct snap_files *to, const struct snap_file *f)
{
	return snap_add_file(to, f->name, f->start, f->end, f->crc, f->epoch);
}

static int
run_job(struct work_job *w)
{
	struct lane_log_job *j = (struct lane_log_job *)(void *)w;
	struct lane_log *l = j->log;
	int rc = l->failed ? FERR_IO : j->what(j); /* the first one has said why */

	l->failed = rc != 0;
	return rc;
}

/* A job of ours, to be filled and put. */
static struct lane_log_job *
job_new(struct lane_log *l, int (*what)(struct lane_log_job *j),
	int (*done)(struct op_job *job, struct op *op))
{
	struct lane_log_job *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		ferr(FERR_NOMEM, "out of memory");
		return NULL;
	}
	j->job.work.run = run_job;
	j->what = what;
	j->job.done = done;
	j->log = l;
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
	job_free((struct lane_log_job *)(void *)job);
	return 0;
}

int
lane_log_new(struct lane_log **out, struct op *op, const struct lane_log_class *cls, void *self)
{
	struct lane_log *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->cls = cls;
	l->self = self;
	l->task = op_task(op);
	l->epoch = l->published = l->task->epoch;
	*out = l;
	return 0;
}

void
lane_log_free(struct lane_log *l)
{
	if (l == NULL)
		return;
	while (l->jobs != NULL)
		job_free(l->jobs);
	log_close(l->log);
	buf_fini(&l->spare);
	snap_clear_files(&l->pending);
	free(l);
}

static int
run_it(struct lane_log_job *j)
{
	return j->run(j->log->self, j->arg);
}

int
lane_log_do(struct lane_log *l, struct op *op, int (*run)(void *self, void *arg), void *arg)
{
	struct lane_log_job *j = job_new(l, run_it, just_free);

	if (j == NULL) {
		free(arg);
		return FERR_NOMEM;
	}
	j->run = run;
	j->arg = arg;
	op_job_put(op, &j->job);
	return 0;
}

/* ---- sealing ---- */

bool
lane_log_full(const struct lane_log *l)
{
	return l->moving > MOVING_MAX;
}

static int
open_log(struct lane_log *l)
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
run_put(struct lane_log_job *j)
{
	struct lane_log *l = j->log;
	int rc = 0;

	if (l->log == NULL && (rc = open_log(l)) != 0)
		return rc;
	if ((rc = log_append(l->log, j->epoch, no_id, j->head.p, j->head.n)) == 0)
		rc = log_append(l->log, j->epoch, no_id, j->data.p, j->data.n);
	return rc;
}

static int
put_done(struct op_job *job, struct op *op)
{
	struct lane_log_job *j = (struct lane_log_job *)(void *)job;
	struct lane_log *l = j->log;

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
lane_log_put(struct lane_log *l, struct op *op, const void *head, size_t nhead, struct buf *data)
{
	struct lane_log_job *j = job_new(l, run_put, put_done);

	if (j == NULL)
		return FERR_NOMEM;
	if (buf_put(&j->head, head, nhead) != 0) {
		job_free(j);
		return FERR_NOMEM;
	}
	j->epoch = l->epoch + 1;
	j->data = *data;
	*data = l->spare;
	l->spare = (struct buf)BUF_INIT;
	l->moving += j->data.n;
	l->unsealed = true;
	op_job_put(op, &j->job);
	return 0;
}

static int
run_seal(struct lane_log_job *j)
{
	struct lane_log *l = j->log;
	int rc = 0;

	if (l->cls->sync != NULL)
		rc = l->cls->sync(l->self);
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
	struct lane_log_job *j = (struct lane_log_job *)(void *)job;
	int rc = add_file(&j->log->pending, &j->sealed.v[0]);

	return rc != 0 ? rc : just_free(job, op);
}

/* What is adopted stands in no ack, so the ack waits until it is published: the job that it waits
 * for stands behind those in the helper. */
static int
wait_adopted(void *self, void *arg)
{
	(void)self;
	(void)arg;
	return 0;
}

int
lane_log_seal(struct lane_log *l, struct op *op, const struct barrier *b)
{
	struct lane_log_job *j;

	l->epoch = b->epoch;
	if (!l->unsealed)
		return l->adopting > 0 ? lane_log_do(l, op, wait_adopted, NULL) : 0;
	if ((j = job_new(l, run_seal, seal_done)) == NULL)
		return FERR_NOMEM;
	memcpy(j->id, b->id, sizeof(j->id));
	l->unsealed = false;
	op_job_put(op, &j->job);
	return 0;
}

bool
lane_log_unsealed(const struct lane_log *l)
{
	return l->unsealed;
}

int
lane_log_ack(struct lane_log *l, struct snap *s)
{
	int rc = 0;

	s->published = l->published;
	for (unsigned i = 0; i < l->pending.n && rc == 0; i++)
		rc = add_file(&s->pending, &l->pending.v[i]);
	return rc;
}

int
lane_log_end(const struct lane_log *l)
{
	return l->unsealed ? ferr(FERR_TRUNC, "records came behind the last barrier") : 0;
}

/* ---- publishing ---- */

static int
run_publish(struct lane_log_job *j)
{
	return j->log->cls->publish(j->log->self, j->lane, &j->files, j->epoch);
}

static int
publish_done(struct op_job *job, struct op *op)
{
	struct lane_log_job *j = (struct lane_log_job *)(void *)job;
	struct lane_log *l = j->log;
	unsigned n = j->files.n;
	int rc;

	for (unsigned i = 0; i < n; i++)
		free(l->pending.v[i].name);
	if (n > 0)
		memmove(l->pending.v, l->pending.v + n, (l->pending.n - n) * sizeof(*l->pending.v));
	l->pending.n -= n;
	l->handed -= n;
	l->published = j->epoch;
	if (l->cls->published != NULL)
		l->cls->published(l->self, op, j->epoch);
	rc = op_published(op, j->epoch);
	return rc != 0 ? rc : just_free(job, op);
}

int
lane_log_complete(struct lane_log *l, struct op *op, uint64_t epoch)
{
	struct lane_log_job *j = job_new(l, run_publish, publish_done);
	int rc = 0;

	if (j == NULL)
		return FERR_NOMEM;
	j->epoch = epoch;
	while (rc == 0 && l->handed < l->pending.n && l->pending.v[l->handed].epoch <= epoch)
		rc = add_file(&j->files, &l->pending.v[l->handed++]);
	if (rc == 0)
		op_job_put(op, &j->job);
	return rc;
}

int
lane_log_read(const struct op_task *t, const struct snap_file *f,
	      int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n), void *cookie)
{
	int rc = log_read(t->store, f->name, f->start, f->end, f->crc, fn, cookie);

	return rc == FERR_LOST ? ferr(FERR_CORRUPT, "%s", ferr_text()) : rc;
}

int
lane_log_id(const struct op_task *t, const struct snap_file *f, uint8_t id[16])
{
	int rc = log_end_id(t->store, f->name, f->end, f->crc, f->epoch, id);

	return rc == FERR_LOST ? ferr(FERR_CORRUPT, "%s", ferr_text()) : rc;
}

/* ---- at a restart ---- */

int
lane_log_refuse(const struct op_task *t)
{
	for (unsigned i = 0; t != NULL && i < t->nsnap; i++) {
		if (t->snap[i].pending.n > 0)
			return ferr(FERR_USAGE,
				    "the checkpoint has output that is not known to be published, "
				    "and --guarantee at-least-once would forget it; run the job "
				    "as it was once more and stop it, then change the guarantee");
	}
	return 0;
}

static int
adopt_done(struct op_job *job, struct op *op)
{
	struct lane_log_job *j = (struct lane_log_job *)(void *)job;
	struct lane_log *l = j->log;

	l->adopting--;
	if (j->lane == NULL && l->cls->published != NULL)
		l->cls->published(l->self, op, j->epoch);
	return just_free(job, op);
}

int
lane_log_adopt(struct lane_log *l, struct op *op, unsigned i, void *lane)
{
	const struct snap_files *pending = &l->task->snap[i].pending;
	struct lane_log_job *j = job_new(l, run_publish, adopt_done);
	int rc = 0;

	if (j == NULL)
		return FERR_NOMEM;
	j->epoch = l->task->epoch;
	j->lane = lane;
	for (unsigned k = 0; k < pending->n && rc == 0; k++)
		rc = add_file(&j->files, &pending->v[k]);
	if (rc != 0)
		return rc;
	l->adopting++;
	op_job_put(op, &j->job);
	return 0;
}

bool
lane_log_ours(const struct op_task *t, unsigned i)
{
	const struct snap *s = &t->snap[i];
	uint32_t lo = group_lo(s->subtask, s->parallel, t->groups);

	return t->same ? i == t->subtask : lo >= t->lo && lo <= t->hi;
}

/* The epoch of the newest manifest: 1 found, 0 there is none, or an error. */
static int
newest_epoch(const char *store, uint64_t *epoch)
{
	uint64_t *places = NULL;
	struct ckpt_file f;
	struct buf b = BUF_INIT;
	char name[32];
	unsigned n = 0;
	int rc;

	if ((rc = store_chain(store, &places, &n)) != 0 || n == 0) {
		free(places);
		return rc;
	}
	ckpt_file_init(&f);
	store_place_name(places[n - 1], name);
	if ((rc = store_read(store, name, SIZE_MAX, &b)) == 0 &&
	    (rc = ckpt_file_parse(&f, b.p, b.n)) == 0)
		*epoch = f.epoch;
	ckpt_file_fini(&f);
	buf_fini(&b);
	free(places);
	return rc != 0 ? rc : 1;
}

int
lane_log_blame(const struct op_task *t, int rc)
{
	char text[512];
	uint64_t epoch = 0;

	if (rc != FERR_CORRUPT)
		return rc;
	snprintf(text, sizeof(text), "%s", ferr_text());
	if (newest_epoch(t->store, &epoch) == 1 && epoch > t->epoch)
		return ferr(FERR_IO, "checkpoint %" PRIu64 " was completed meanwhile: %s", epoch,
			    text);
	return ferr(rc, "%s", text);
}
