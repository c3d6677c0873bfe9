/* kafka_lane: see kafka_lane.h. */
#include "conn/kafka_lane.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "conn/lane_log.h"
#include "fio/fio.h"

#define CHUNK (64u << 20)		  /* bytes of a transaction */
#define RETRY_NS 20000000000LL		  /* so long what may pass is tried again */
#define RETRY_MS 100			  /* ... first after that */
#define REFRESH_NS (12 * 3600000000000LL) /* a marker that is not written for days is forgotten */

/* A lane as the helper sees it. */
struct lane {
	char name[KAFKA_LANE_NAME];
	struct kafka_epoch base; /* the last one that is published */
	uint64_t settled;	 /* ... at least up to here, when it is greater */
	struct kafka_out *out;	 /* fenced, and the marker was read behind that; or NULL */
	int64_t used;		 /* transactions of it */
	struct kafka_marker marker;
	bool marked; /* there is one */
	bool old;    /* an earlier attempt made it, so it had a marker before its first epoch */
	bool rewind; /* of before a rewind: it is only let go */
};

struct kafka_lane {
	struct kafka_lane_conf conf;
	const struct op_task *task;
	struct lane_log *log;
	/* of the helper, once jobs run */
	struct lane own;
	struct lane *old;
	unsigned nold;
	/* of the loop */
	uint64_t made, settled;	    /* of our lane: the attempt that made it; as restored */
	struct kafka_epoch base;    /* published, and in no ack as pending any more */
	struct kafka_epoch *sealed; /* not known to be published */
	unsigned nsealed;
	_Atomic bool ending; /* the last barrier has passed; the helper looks, too */
	int64_t marked_at;   /* when a marker was written last, as far as we know */
};

void
kafka_lane_name(char out[KAFKA_LANE_NAME], const uint8_t job[16], const char *stage, uint64_t made,
		uint32_t subtask)
{
	int n = snprintf(out, KAFKA_LANE_NAME, "fjord.");

	for (unsigned i = 0; i < 16; i++)
		n += snprintf(out + n, KAFKA_LANE_NAME - (size_t)n, "%02x", job[i]);
	snprintf(out + n, KAFKA_LANE_NAME - (size_t)n, ".%.128s.%" PRIu64 ".%u", stage, made,
		 subtask);
}

uint64_t
kafka_lane_made(const struct snap *s)
{
	return (uint64_t)snap_number_of(s, "lane.made");
}

void
kafka_lane_view_of(struct kafka_lane_view *v, const struct snap *s)
{
	*v = (struct kafka_lane_view){ .base.epoch = (uint64_t)snap_number_of(s, "lane.base"),
				       .marked = true };
	le64put(v->base.id, (uint64_t)snap_number_of(s, "lane.id.0"));
	le64put(v->base.id + 8, (uint64_t)snap_number_of(s, "lane.id.1"));
	/* A run that ended well leaves nothing pending, and does not say which epoch was the last
	 * one with records. */
	v->settled = s->pending.n == 0 ? s->published : (uint64_t)snap_number_of(s, "lane.settled");
}

/* ---- a transaction ---- */

/* Publishing of some stretches. */
struct work {
	struct kafka_lane *l;
	struct lane *lane;
	struct kafka_epoch at; /* the stretch that is read */
	uint64_t skip;	       /* records of it that are published */
	uint64_t records;      /* ... or that are with this transaction, all in all */
	uint16_t chunk;
	bool committed; /* a part of it, as lane->marker says */
	size_t bytes;	/* in the transaction */
};

static void
drop_handle(struct lane *lane)
{
	kafka_out_close(lane->out);
	lane->out = NULL;
	lane->used = 0;
}

/* The wrong order, which a campaign has to find: what is read before the fence may be true no more
 * behind it. */
static int
ready_wrongly(struct kafka_lane *l, struct lane *lane)
{
	bool open;
	int rc = kafka_marker_look(l->conf.topic, lane->name, &lane->marker, &open);

	if (rc < 0)
		return rc;
	lane->marked = rc == 1;
	fio_point("fence", "before");
	return kafka_out_open(&lane->out, l->conf.topic, lane->name);
}

/* Fence, and read the marker: from here on it tells what is published, and nobody else can. */
static int
ready(struct kafka_lane *l, struct lane *lane)
{
	int rc;

	if (lane->out != NULL)
		return 0;
	if (fio_negative("marker-first"))
		return ready_wrongly(l, lane);
	fio_point("fence", "before");
	if ((rc = kafka_out_open(&lane->out, l->conf.topic, lane->name)) != 0)
		return rc;
	fio_point("fence", "after");
	if ((rc = kafka_out_marker(lane->out, &lane->marker)) < 0) {
		drop_handle(lane);
		return rc;
	}
	lane->marked = rc == 1;
	return 0;
}

static int
commit(struct kafka_lane *l, struct lane *lane, const struct kafka_marker *m)
{
	int rc;

	fio_point("commit", "before");
	if ((rc = kafka_out_commit(lane->out, m)) != 0)
		return rc;
	fio_point("commit", "after");
	lane->marker = *m;
	lane->marked = true;
	if (m->whole)
		lane->base = m->at;
	if (++lane->used >= l->conf.reuse || !kafka_out_again(lane->out))
		drop_handle(lane);
	return 0;
}

static int
commit_work(struct work *w, bool whole)
{
	struct kafka_marker m = { .at = w->at,
				  .chunk = ++w->chunk,
				  .attempt = w->l->task->attempt,
				  .records = w->records,
				  .whole = whole };

	w->bytes = 0;
	w->committed = true;
	return commit(w->l, w->lane, &m);
}

/* A handle for the next record.  Behind a part of ours nobody else may have published. */
static int
ready_on(struct work *w)
{
	struct kafka_marker ours = w->lane->marker;
	bool fresh = w->lane->out == NULL;
	int rc = ready(w->l, w->lane);

	if (rc == 0 && fresh && w->committed &&
	    kafka_marker_offset(&w->lane->marker) != kafka_marker_offset(&ours))
		rc = ferr(FERR_IO, "%s: somebody else publishes as well", w->lane->name);
	return rc;
}

static int
put_record(struct work *w, const struct kafka_rec *r, size_t n)
{
	int rc;

	if (w->bytes > CHUNK && (rc = commit_work(w, false)) != 0)
		return rc;
	if ((rc = ready_on(w)) != 0 || (rc = kafka_out_put(w->lane->out, r)) != 0)
		return rc;
	w->records++;
	w->bytes += n;
	return 0;
}

static int
feed(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	struct work *w = cookie;
	struct kafka_rec r;
	size_t used;
	int rc;

	(void)epoch;
	for (; (rc = kafka_rec_next(p, n, &r, &used)) == 1; p += used, n -= used) {
		if (w->skip > 0)
			w->skip--;
		else if ((rc = put_record(w, &r, used)) != 0)
			return rc;
	}
	return rc;
}

static int
publish_from(struct kafka_lane *l, struct lane *lane, const struct snap_files *files,
	     const struct kafka_epoch *epochs, const struct kafka_plan *plan)
{
	struct work w = { .l = l, .lane = lane, .skip = plan->skip, .chunk = plan->chunk };
	int rc = 0;

	for (unsigned i = plan->from; i < files->n && rc == 0; i++) {
		w.at = epochs[i];
		w.records = w.skip;
		if (i > plan->from)
			w.chunk = 0;
		rc = lane_log_read(l->task, &files->v[i], feed, &w);
		if (rc == 0 && w.skip > 0)
			rc = ferr(FERR_CORRUPT,
				  "epoch %" PRIu64 " has fewer records than its marker says",
				  w.at.epoch);
	}
	if (rc != 0 || plan->from >= files->n)
		return rc;
	return (rc = ready_on(&w)) != 0 ? rc : commit_work(&w, true);
}

/*
 * What is published is decided; the marker has to say so, and with our attempt: then a zombie of an
 * older one sees that it is superseded, and nobody forgets a lane that is idle for long.
 */
static int
renew(struct kafka_lane *l, struct lane *lane, const struct kafka_epoch *base)
{
	struct kafka_marker m = { .at = *base, .attempt = l->task->attempt, .whole = true };
	bool right = lane->marked && lane->marker.at.epoch >= base->epoch;

	if (right && lane->marker.attempt == m.attempt)
		return 0;
	if (right)
		m.at = lane->marker.at;
	else if (lane->settled > base->epoch)
		m.at = (struct kafka_epoch){ .epoch = lane->settled };
	return commit(l, lane, &m);
}

/* Steps a to f of kafka.md 6, once. */
static int
publish_once(struct kafka_lane *l, struct lane *lane, const struct snap_files *files,
	     const struct kafka_epoch *epochs)
{
	struct kafka_lane_view v = { .attempt = l->task->attempt,
				     .base = lane->base,
				     .settled = lane->settled,
				     .marked = lane->old,
				     .pending = epochs,
				     .npending = files->n,
				     .lost = l->conf.lost,
				     .rewind = lane->rewind };
	const struct kafka_epoch base = files->n > 0 ? epochs[files->n - 1] : lane->base;
	struct kafka_plan plan;
	int rc;

	if ((rc = ready(l, lane)) != 0 ||
	    (rc = kafka_plan(&plan, &v, lane->marked ? &lane->marker : NULL)) != 0)
		return rc == FERR_FENCED || rc == FERR_CORRUPT || rc == FERR_UNKNOWN
			   ? ferr_prefix(rc, "%s", lane->name)
			   : rc;
	if ((rc = publish_from(l, lane, files, epochs, &plan)) == 0 &&
	    (rc = renew(l, lane, &base)) == 0)
		lane->base = base; /* not before: when we try again it is still pending */
	return rc;
}

/* May it pass?  Being fenced may: who is newer is seen in the marker when we look again. */
static bool
may_pass(int rc, bool decided)
{
	return rc == FERR_IO || (rc == FERR_FENCED && !decided);
}

static int
publish_until(struct kafka_lane *l, struct lane *lane, const struct snap_files *files,
	      const struct kafka_epoch *epochs)
{
	int64_t end = fio_mono_ns() + RETRY_NS;
	int rc, wait = RETRY_MS;
	bool superseded;

	for (;;) {
		rc = publish_once(l, lane, files, epochs);
		if (rc == 0)
			return 0;
		superseded = lane->marked && lane->marker.attempt > l->task->attempt;
		drop_handle(lane);
		if (!may_pass(rc, superseded))
			return rc;
		if (fio_mono_ns() > end) /* a duel that is not decided is no reason to give up */
			return rc == FERR_FENCED ? ferr(FERR_IO, "%s", ferr_text()) : rc;
		fio_poll(NULL, 0, wait);
		wait = wait < 2000 ? 2 * wait : wait;
	}
}

/* The last commit is decided, but the partitions may not know for a moment: they do when the next
 * fence is through.  So who has seen the job end reads all of it. */
static void
settle(struct kafka_lane *l, struct lane *lane)
{
	drop_handle(lane);
	if (ready(l, lane) == 0)
		drop_handle(lane);
}

static int
publish(void *self, void *which, const struct snap_files *files, uint64_t epoch)
{
	struct kafka_lane *l = self;
	struct lane *lane = which != NULL ? which : &l->own;
	struct kafka_epoch *epochs;
	int rc = 0;

	(void)epoch;
	if (files->n == 0 && which == NULL)
		return 0;
	if ((epochs = calloc(files->n + 1, sizeof(*epochs))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < files->n && rc == 0; i++) {
		epochs[i].epoch = files->v[i].epoch;
		rc = lane_log_id(l->task, &files->v[i], epochs[i].id);
	}
	if (rc == 0)
		rc = publish_until(l, lane, files, epochs);
	if (rc == 0 && l->ending && files->n > 0)
		settle(l, lane);
	free(epochs);
	if (which != NULL)
		drop_handle(lane); /* that was the rest of it */
	return lane_log_blame(l->task, rc);
}

/*
 * The next transaction's handle, ahead of time.  A lane without a marker gets its first one before
 * any epoch of it is sealed: a right that is missing is found now, and from here on a marker that
 * is not there is lost.
 */
static int
run_ready(void *self, void *arg)
{
	static const struct snap_files none;
	struct kafka_lane *l = self;
	struct lane *lane = &l->own;
	bool must = !lane->old && !lane->marked;
	int rc;

	(void)arg;
	if (lane->out != NULL)
		return 0;
	if ((rc = publish_until(l, lane, &none, NULL)) == 0)
		rc = ready(l, lane);
	if (may_pass(rc, false) && !must) { /* the next epoch tries again */
		drop_handle(lane);
		rc = 0;
	}
	return lane_log_blame(l->task, rc);
}

static int
run_refresh(void *self, void *arg)
{
	struct kafka_lane *l = self;
	struct kafka_marker m;
	int rc = run_ready(l, arg);

	if (rc != 0 || l->own.out == NULL || !l->own.marked)
		return rc;
	m = l->own.marker;
	if ((rc = commit(l, &l->own, &m)) != 0)
		drop_handle(&l->own);
	return may_pass(rc, false) ? 0 : rc;
}

/* ---- the loop's side ---- */

static void
published(void *self, struct op *op, uint64_t epoch)
{
	struct kafka_lane *l = self;
	unsigned n = 0;

	while (n < l->nsealed && l->sealed[n].epoch <= epoch)
		n++;
	if (n == 0)
		return;
	l->marked_at = op_now(op);
	l->base = l->sealed[n - 1];
	l->nsealed -= n;
	memmove(l->sealed, l->sealed + n, l->nsealed * sizeof(*l->sealed));
}

static const struct lane_log_class log_class = { .publish = publish, .published = published };

static int
note_sealed(struct kafka_lane *l, uint64_t epoch, const uint8_t id[16])
{
	struct kafka_epoch *v = realloc(l->sealed, (l->nsealed + 1) * sizeof(*v));

	if (v == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->sealed = v;
	v[l->nsealed].epoch = epoch;
	memcpy(v[l->nsealed++].id, id, 16);
	return 0;
}

int
kafka_lane_new(struct kafka_lane **out, struct op *op, const struct kafka_lane_conf *conf)
{
	struct kafka_lane *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->conf = *conf;
	l->task = op_task(op);
	if ((rc = lane_log_new(&l->log, op, &log_class, l)) != 0) {
		kafka_lane_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

void
kafka_lane_free(struct kafka_lane *l)
{
	if (l == NULL)
		return;
	lane_log_free(l->log);
	drop_handle(&l->own);
	for (unsigned i = 0; i < l->nold; i++)
		drop_handle(&l->old[i]);
	free(l->old);
	free(l->sealed);
	free(l);
}

/* The lane that a snapshot tells of. */
static void
lane_of(const struct kafka_lane *l, const struct snap *s, struct lane *out)
{
	struct kafka_lane_view v;

	kafka_lane_view_of(&v, s);
	*out = (struct lane){
		.base = v.base, .settled = v.settled, .old = v.marked, .rewind = l->task->rewind
	};
	kafka_lane_name(out->name, l->task->job, l->task->stage, kafka_lane_made(s), s->subtask);
}

/* Our own lane goes on. */
static int
go_on(struct kafka_lane *l, struct op *op, unsigned i)
{
	const struct snap *s = &l->task->snap[i];
	uint8_t id[16];
	int rc = 0;

	lane_of(l, s, &l->own);
	l->made = kafka_lane_made(s);
	l->base = l->own.base;
	l->settled = l->own.settled;
	for (unsigned k = 0; k < s->pending.n && rc == 0; k++) {
		if ((rc = lane_log_id(l->task, &s->pending.v[k], id)) == 0)
			rc = note_sealed(l, s->pending.v[k].epoch, id);
	}
	return rc != 0 ? lane_log_blame(l->task, rc) : lane_log_adopt(l->log, op, i, NULL);
}

static void
begin_own(struct kafka_lane *l)
{
	const struct op_task *t = l->task;

	l->made = t->attempt;
	kafka_lane_name(l->own.name, t->job, t->stage, t->attempt, t->subtask);
}

int
kafka_lane_restored(struct kafka_lane *l, struct op *op)
{
	const struct op_task *t = l->task;
	bool own = false;
	int rc = 0;

	if ((l->old = calloc(t->nsnap + 1, sizeof(*l->old))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < t->nsnap && rc == 0; i++) {
		if (!lane_log_ours(t, i) || kafka_lane_made(&t->snap[i]) == 0)
			continue;
		if (t->same && !t->rewind) {
			own = true;
			rc = go_on(l, op, i);
			continue;
		}
		lane_of(l, &t->snap[i], &l->old[l->nold]);
		rc = lane_log_adopt(l->log, op, i, &l->old[l->nold++]);
	}
	if (rc == 0 && !own)
		begin_own(l);
	if (rc == 0 && t->epoch > 0)
		rc = lane_log_complete(l->log, op, t->epoch);
	l->marked_at = op_now(op);
	return rc != 0 ? rc : lane_log_do(l->log, op, run_ready, NULL);
}

bool
kafka_lane_full(const struct kafka_lane *l)
{
	return lane_log_full(l->log);
}

int
kafka_lane_put(struct kafka_lane *l, struct op *op, struct buf *records)
{
	return lane_log_put(l->log, op, NULL, 0, records);
}

int
kafka_lane_barrier(struct kafka_lane *l, struct op *op, const struct barrier *b)
{
	int rc = 0;

	l->ending = l->ending || (b->flags & (BARRIER_FINAL | BARRIER_STOP | BARRIER_DRAIN)) != 0;
	if (lane_log_unsealed(l->log))
		rc = note_sealed(l, b->epoch, b->id);
	return rc != 0 ? rc : lane_log_seal(l->log, op, b);
}

int
kafka_lane_ack(struct kafka_lane *l, struct snap *s)
{
	int rc = lane_log_ack(l->log, s);

	/* As of now: what is pending in this ack is behind it. */
	if (rc == 0 && (rc = snap_add_number(s, "lane.made", (int64_t)l->made, SNAP_MAX)) == 0 &&
	    (rc = snap_add_number(s, "lane.base", (int64_t)l->base.epoch, SNAP_MAX)) == 0 &&
	    (rc = snap_add_number(s, "lane.id.0", (int64_t)le64get(l->base.id), SNAP_MAX)) == 0)
		rc = snap_add_number(s, "lane.id.1", (int64_t)le64get(l->base.id + 8), SNAP_MAX);
	if (rc == 0 && l->settled > l->base.epoch)
		rc = snap_add_number(s, "lane.settled", (int64_t)l->settled, SNAP_MAX);
	return rc;
}

int
kafka_lane_complete(struct kafka_lane *l, struct op *op, uint64_t epoch)
{
	int rc = lane_log_complete(l->log, op, epoch);

	if (rc != 0 || l->ending)
		return rc;
	if (op_now(op) - l->marked_at < REFRESH_NS)
		return lane_log_do(l->log, op, run_ready, NULL);
	l->marked_at = op_now(op);
	return lane_log_do(l->log, op, run_refresh, NULL);
}

int
kafka_lane_end(const struct kafka_lane *l)
{
	return lane_log_end(l->log);
}
