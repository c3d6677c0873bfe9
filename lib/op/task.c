/* task: an operator under fcoord -- its start, its restore, what it is told; see op_internal.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "fio/fio.h"
#include "op/op_internal.h"

#define CAUSE_MS 1000

const struct op_task *
op_task(const struct op *op)
{
	return op->ep.on ? &op->ep.task : NULL;
}

int64_t
op_watermark(const struct op *op)
{
	return op->wm.out;
}

/* ---- numbers ---- */

int
op_number(struct op *op, const char *name, enum snap_merge merge, int64_t **v)
{
	struct op_num *n = calloc(1, sizeof(*n)), **at = &op->nums;

	if (n == NULL || (n->name = strdup(name)) == NULL) {
		free(n);
		return ferr(FERR_NOMEM, "out of memory");
	}
	n->merge = merge;
	while (*at != NULL)
		at = &(*at)->next;
	*at = n;
	*v = &n->v;
	return 0;
}

/* Its first key group tells. */
bool
op_task_adopts(const struct op_task *t, const struct snap *s)
{
	uint32_t lo = group_lo(s->subtask, s->parallel, s->groups);

	return lo >= t->lo && lo <= t->hi;
}

/* What several subtasks' numbers of that name become here; false: none has it. */
static bool
merge_number(const struct op_task *t, const char *name, int64_t *out)
{
	bool any = false;

	for (unsigned i = 0; i < t->nsnap; i++) {
		const struct snap *s = &t->snap[i];

		for (unsigned k = 0; k < s->nnumber; k++) {
			const struct snap_number *n = &s->number[k];

			if (strcmp(n->name, name) != 0 || (t->same && i != t->subtask))
				continue;
			if (!t->same && n->merge == SNAP_SUM && !op_task_adopts(t, s))
				continue;
			if (!any)
				*out = n->v;
			else if (n->merge == SNAP_SUM)
				*out += n->v;
			else if ((n->merge == SNAP_MIN) == (n->v < *out))
				*out = n->v;
			any = true;
		}
	}
	return any;
}

/* C19: watermarks per channel; after a rescale every channel begins with the least of them all. */
static void
restore_watermarks(struct op *op)
{
	const struct op_task *t = &op->ep.task;
	int64_t least = WM_MAX, v;
	char name[32];
	bool same = t->same && t->nsnap > 0, any = false;

	for (unsigned i = 0; i < op->nin && same; i++) {
		snprintf(name, sizeof(name), "wm.%u", i);
		same = merge_number(t, name, &v);
	}
	snprintf(name, sizeof(name), "wm.%u", op->nin);
	same = same && !merge_number(t, name, &v);
	for (unsigned i = 0; i < op->nin && same; i++) {
		snprintf(name, sizeof(name), "wm.%u", i);
		merge_number(t, name, &op->wm_chans[i].wm);
		snprintf(name, sizeof(name), "idle.%u", i);
		op->wm_chans[i].idle = merge_number(t, name, &v) && v != 0;
	}
	for (unsigned i = 0; i < t->nsnap && !same; i++) {
		for (unsigned k = 0; k < t->snap[i].nnumber; k++) {
			const struct snap_number *n = &t->snap[i].number[k];

			if (strncmp(n->name, "wm.", 3) != 0)
				continue;
			least = n->v < least ? n->v : least;
			any = true;
		}
	}
	for (unsigned i = 0; i < op->nin && !same && any; i++)
		op->wm_chans[i].wm = least;
	if (same && merge_number(t, "wm.out", &v))
		op->wm.out = v;
	else if (any)
		op->wm.out = least;
	op->wm.out_idle = same && merge_number(t, "idle.out", &v) && v != 0;
	for (unsigned i = 0; i < op->nin; i++)
		op->wm_chans[i].behind = op->wm_chans[i].wm < op->wm.out && op->wm_chans[i].idle;
}

/* ---- state ---- */

static int
load(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)epoch;
	return state_load(cookie, p, n);
}

/* What the state is made of from here on. */
static int
note_files(struct op_epochs *e, const struct snap_files *files)
{
	int rc = 0;

	for (unsigned i = 0; i < files->n && rc == 0; i++) {
		const struct snap_file *f = &files->v[i];

		rc = snap_add_file(&e->files, f->name, f->start, f->end, f->crc, f->epoch);
		e->log_bytes += f->end - f->start;
	}
	return rc;
}

static int
restore_files(struct op *op, const struct snap_files *files)
{
	struct op_epochs *e = &op->ep;
	int rc = note_files(e, files);

	for (unsigned i = 0; i < files->n && rc == 0; i++) {
		const struct snap_file *f = &files->v[i];

		rc = log_read(e->task.store, f->name, f->start, f->end, f->crc, load, op->state);
		if (rc == FERR_LOST)
			rc = ferr(FERR_CORRUPT, "%s", ferr_text());
	}
	return rc == FERR_CORRUPT && e->task.same && op_base_restore(op, files) ? 0 : rc;
}

static int
check_signature(struct op *op, const struct snap *s)
{
	const char *ours = op->cls->signature != NULL ? op->cls->signature(op->self) : NULL;

	if (s->signature == NULL || ours == NULL || strcmp(s->signature, ours) == 0)
		return 0;
	return ferr(FERR_CORRUPT, "state was written by '%s', this is '%s'; %s", s->signature, ours,
		    task_anew(op->ep.task.plain));
}

static int
restore(struct op *op)
{
	const struct op_task *t = &op->ep.task;
	int64_t bad, rows;
	char name[32];
	int rc = 0;

	rc = op_version_restore(op);
	for (unsigned i = 0; i < t->nsnap && rc == 0; i++) {
		const struct snap *s = &t->snap[i];

		if (s->groups != 0 && s->groups != t->groups && s->state.n > 0)
			return ferr(
			    FERR_CORRUPT,
			    "state has %u key groups, this job %u; key groups are fixed for "
			    "the life of the state (--groups)",
			    s->groups, t->groups);
		if ((rc = check_signature(op, s)) != 0)
			break;
		if (t->same ? i != t->subtask
			    : group_lo(i, s->parallel, s->groups) > t->hi ||
				  group_hi(i, s->parallel, s->groups) < t->lo)
			continue;
		if (s->state.n > 0 && op->state == NULL)
			return ferr(FERR_CORRUPT, "there is state for '%s', which keeps none",
				    t->stage);
		rc = restore_files(op, &s->state);
	}
	if (rc != 0)
		return ferr_prefix(rc, "restoring '%s' from epoch %" PRIu64, t->stage, t->epoch);
	for (struct op_num *n = op->nums; n != NULL; n = n->next)
		merge_number(t, n->name, &n->v);
	if (merge_number(t, "bad", &bad))
		op->nbad = (uint64_t)bad;
	if (merge_number(t, "bad.told", &bad))
		op->bad_told = (uint64_t)bad;
	for (unsigned i = 0; i < op->nin && t->same; i++) {
		snprintf(name, sizeof(name), "rows.%u", i);
		if (merge_number(t, name, &rows)) /* bad records tell their number */
			op->in[i].count = (uint64_t)rows;
	}
	restore_watermarks(op);
	/* Known before the first SCHEMA comes: there may be results due and no input any more. */
	for (op->current = 0; op->current < op->ninputs && rc == 0; op->current++) {
		if (op_schema(op)->n > 0 || op_schema(op)->keyed)
			rc = op_tell_schema(op);
	}
	op->current = 0;
	return rc;
}

struct state *
op_state(struct op *op)
{
	const struct op_task *t = op_task(op);
	struct state_conf c = { .groups = 128, .hi = 127, .mem = op->conf.mem };

	if (t != NULL) {
		c.groups = t->groups;
		c.lo = t->lo;
		c.hi = t->hi;
		c.local = t->local;
	}
	if (op->state == NULL && state_new(&op->state, &c) != 0)
		return NULL;
	return op->state;
}

/* ---- the conversation ---- */

/* The other side is gone.  In a plain pipeline whoever failed has said why. */
static int
lost(const struct op *op, int rc)
{
	if (rc != FERR_CLOSED)
		return rc;
	if (!op->ep.shell)
		return ferr(FERR_FENCED, "the supervisor is gone");
	return ferr_of(op->ep.cause != 0 ? op->ep.cause : 1);
}

/* Is it with which status a plain pipeline ends? */
static bool
take_cause(struct op *op, const struct ctl_msg *m)
{
	struct ctl_body b = { m->p, m->n, false };

	if (m->kind == CTL_FAILED)
		op->ep.cause = (int)ctl_u32(&b);
	return m->kind == CTL_FAILED;
}

/* Before the loop runs: wait for the next message. */
static int
wait_message(struct op *op, struct ctl_msg *m)
{
	struct talk *t = &op->ep.talk;
	int rc;

	while ((rc = talk_next(t, m)) == 0 || (rc == 1 && take_cause(op, m))) {
		if (rc == 1)
			continue;
		ev_begin(&op->ev);
		if ((rc = ev_watch(&op->ev, t->in, talk_due(t) ? POLLIN | POLLOUT : POLLIN)) != 0 ||
		    (rc = ev_wait(&op->ev, EV_FOREVER)) != 0)
			break;
		if (op->ep.shell)
			op_shell_signalled(op);
		if ((rc = talk_fill(t)) < 0)
			break;
		(void)!talk_push(t); /* a side that is gone is seen when all is read */
	}
	return rc < 0 ? lost(op, rc) : 0;
}

int
op_task_begin(struct op *op, int fd)
{
	struct op_epochs *e = &op->ep;
	struct ctl_msg m;
	int rc;

	if ((rc = talk_open(&e->talk, fd, fd)) != 0)
		return rc;
	e->on = true;
	if ((rc = wait_message(op, &m)) != 0)
		return rc;
	if (m.kind != CTL_START)
		return ferr(FERR_CORRUPT, "the first message of the supervisor is not START");
	return task_decode(&e->task, &e->wires, m.p, m.n);
}

void
op_task_end(struct op *op)
{
	if (!op->ep.on)
		return;
	/* Our last word is to be heard; who does not listen for a second is not there any more. */
	while (talk_push(&op->ep.talk) == 0 && talk_due(&op->ep.talk) &&
	       fio_poll(&(struct pollfd){ .fd = op->ep.talk.out, .events = POLLOUT }, 1, 1000) == 1)
		continue;
	talk_close(&op->ep.talk);
	task_fini(&op->ep.task, &op->ep.wires);
}

int
op_task_restore(struct op *op)
{
	struct op_epochs *e = &op->ep;
	struct buf b = BUF_INIT;
	uint64_t equal = 0;
	struct ctl_msg m;
	int rc;

	e->lanes = op->cls->on_complete != NULL;
	e->complete = e->published = e->task.epoch;
	align_init(&e->align, e->align_chans, op->nin);
	e->align.last = e->task.epoch;
	if ((rc = restore(op)) != 0 || (rc = op_flight_restore(op)) != 0)
		return rc;
	op_base_begin(op);
	if (op->cls->on_restored != NULL && (rc = op->cls->on_restored(op->self, op, &equal)) != 0)
		return rc;
	if ((rc = pack_u64(&b, equal)) == 0)
		rc = talk_put(&e->talk, CTL_READY, CTL_NONE, b.p, b.n);
	buf_fini(&b);
	while (rc == 0 && !e->go) {
		if ((rc = wait_message(op, &m)) == 0)
			e->go = m.kind == CTL_GO;
	}
	op->now = fio_mono_ns();
	return rc == 0 && op->greeted ? op_tell_restored(op) : rc;
}

/* What fcoord shows: rows in and out, watermark, flags, bytes of state. */
static int
tell_stats(struct op *op)
{
	struct buf b = BUF_INIT;
	uint64_t in = op->ep.rows_in, out = 0;
	int rc;

	for (unsigned i = 0; i < op->nout; i++)
		out += op->out[i].total + op->out[i].rows;
	if ((rc = pack_u64(&b, in)) == 0 && (rc = pack_u64(&b, out)) == 0 &&
	    (rc = pack_u64(&b, (uint64_t)op->wm.out)) == 0 &&
	    (rc = pack_u32(&b, op_full(op) ? 1 : 0)) == 0 &&
	    (rc = pack_u64(&b, op->state != NULL ? state_size(op->state) : 0)) == 0 &&
	    (rc = pack_u64(&b, op->nbad)) == 0)
		rc = talk_put(&op->ep.talk, CTL_STATS, CTL_NONE, b.p, b.n);
	buf_fini(&b);
	return rc;
}

static int
take_cancel(struct op *op, uint64_t epoch)
{
	int rc;

	if (!op->cls->source) {
		if (op->ep.overtake_bar.epoch <= epoch)
			op->ep.overtake = false;
		/* Before our HELLO nothing goes out: then it comes down the edges. */
		rc = op->greeted ? op_epoch_cancel(op, epoch) : 0;
		return rc != 0 ? rc : op_flight_cancel(op, epoch);
	}
	/* A barrier that was not sent yet is not sent any more; the CANCEL goes down all the same,
	 * for other sources' barriers may have come to our consumers. */
	if (op->ep.due && op->ep.due_bar.epoch <= epoch)
		op->ep.due = false;
	if (op->ep.last == epoch)
		op->ep.last = 0; /* not the end after all */
	return op_epoch_forward_cancel(op, epoch);
}

static int
take_message(struct op *op, const struct ctl_msg *m)
{
	struct op_epochs *e = &op->ep;
	struct ctl_body b = { m->p, m->n, false };
	uint64_t epoch;
	int rc;

	switch (m->kind) {
	case CTL_TRIGGER: e->due = true; return barrier_decode(&e->due_bar, m->p, m->n);
	case CTL_OVERTAKE:
		e->overtake = !op->cls->source; /* a source's barrier is on its way anyway */
		return barrier_decode(&e->overtake_bar, m->p, m->n);
	case CTL_CANCEL: return take_cancel(op, ctl_u64(&b));
	case CTL_COMPLETE:
		epoch = ctl_u64(&b);
		if (b.bad || epoch <= e->complete)
			return 0;
		e->complete = epoch;
		if (op->cls->source && e->last != 0 && epoch >= e->last)
			op->ended = true;
		op_flight_complete(op, epoch);
		if ((rc = op_base_complete(op, epoch)) != 0)
			return rc;
		return e->lanes ? op->cls->on_complete(op->self, op, epoch) : 0;
	case CTL_STATS: return tell_stats(op);
	case CTL_FAILED: take_cause(op, m); return 0;
	default: return 0;
	}
}

int
op_task_serve(struct op *op)
{
	struct ctl_msg m;
	int rc;

	do { /* some may have come together with GO */
		while ((rc = talk_next(&op->ep.talk, &m)) == 1) {
			if ((rc = take_message(op, &m)) != 0)
				return rc;
		}
		if (rc == 0)
			rc = talk_fill(&op->ep.talk);
	} while (rc == 1);
	if (rc == 0)
		rc = talk_push(&op->ep.talk);
	return lost(op, rc);
}

int
op_published(struct op *op, uint64_t epoch)
{
	struct buf b = BUF_INIT;
	int rc;

	if (epoch <= op->ep.published)
		return 0;
	op->ep.published = epoch;
	if ((rc = pack_u64(&b, epoch)) == 0)
		rc = talk_put(&op->ep.talk, CTL_PUBLISHED, CTL_NONE, b.p, b.n);
	buf_fini(&b);
	return rc;
}

/* A neighbour's end is seen before the coordinator tells of it: with which status do all end? */
static int
wait_cause(struct op *op, int rc)
{
	struct talk *t = &op->ep.talk;
	struct pollfd p = { .fd = t->in, .events = POLLIN };
	int64_t until = fio_mono_ns() + CAUSE_MS * 1000000LL;
	struct ctl_msg m;
	int64_t left;

	do {
		(void)!talk_push(t); /* it may be deaf by now, and have spoken before */
		while (talk_next(t, &m) == 1)
			take_cause(op, &m);
		left = (until - fio_mono_ns()) / 1000000;
		p.events = talk_due(t) ? POLLIN | POLLOUT : POLLIN;
	} while (op->ep.cause <= 1 && left > 0 && fio_poll(&p, 1, (int)left) == 1 &&
		 talk_fill(t) >= 0);
	return op->ep.cause > 1 ? ferr_of(op->ep.cause) : rc;
}

/* The last word: why it ends. */
int
op_task_tell_failed(struct op *op, int rc)
{
	struct buf b = BUF_INIT;
	bool echo = true,
	     shell = op->ep.shell; /* echo: of a neighbour's end, told better elsewhere */

	if (!op->ep.on || rc == 0 || (rc == FERR_FENCED && !shell))
		return rc;
	if (rc == FERR_CLOSED)
		rc = ferr(FERR_IO, "its consumer left"); /* an end only in a bare shell */
	else if (rc != FERR_TRUNC)
		echo = false;
	/* In a plain pipeline everyone speaks for himself. */
	if (pack_u32(&b, (uint32_t)ferr_status(rc)) == 0 &&
	    pack_text(&b, shell ? "" : ferr_text()) == 0)
		(void)!talk_put(&op->ep.talk, CTL_FAILED, CTL_NONE, b.p, b.n);
	buf_fini(&b);
	if (echo || (ferr_status(rc) != 1 && !shell)) /* fcoord ends with it, and says it */
		ferr_clear();
	return echo && shell ? wait_cause(op, rc) : rc;
}
