/*
 * flight: records that an unaligned barrier has overtaken (C26); see op_internal.h.
 *
 * Behind the snapshot of an unaligned epoch every input whose barrier has not come is read ahead,
 * without processing, into the buffer that its link has anyway; what stands before the barrier, and
 * before it the rest of the frame at hand, is copied into a file of its own
 * (state/STAGE-I.A.flight-N.log, one part) that the ack names.  Then the loop goes on with what was
 * read as if it came from the edge just now.
 *
 * The part is, in the order of bytes:
 *	u32 number of channels, then for each that has something
 *	u32 channel   u32 which input of the class it belongs to   u64 length   frames
 * Frames are those of the edge, SCHEMA first and before each change of numbers; of the others only
 * DATA, IDLE and ACTIVE matter.  Their sequence numbers tell nothing.
 *
 * What was read ahead makes room in the edge; the writer leaves it empty until we have come to what
 * follows the barrier (out_overtook), so that little is added with every barrier.  With more than
 * KEPT_MAX for an input nothing is read ahead; the barrier is waited for as an aligned one, until
 * there is room.
 *
 * A restore puts them in front of what comes from the edges.  When the inputs are not the same as
 * they were, a row goes to who owns its key group, else to who adopts the old subtask, and marks
 *are left out: every watermark is told again (op_tell_restored).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "op/op_internal.h"
#include "row/key.h"
#include "store/store.h"

#define SECTION_HDR 16u
#define KEPT_MAX (4u << 20) /* bytes in memory, times the number of inputs */

/* ---- reading ahead ---- */

static size_t
kept(const struct chan *c)
{
	return c->link.b.n - c->link.at + c->replay.n - c->replay_at;
}

bool
op_flight_may(const struct op *op)
{
	size_t sum = 0;

	for (unsigned i = 0; i < op->nin; i++)
		sum += kept(&op->in[i]);
	return sum <= (size_t)KEPT_MAX * op->nin;
}

/* The rest of the frame at hand stands in the link's buffer, which is going to move. */
static int
hold_rest(struct chan *c)
{
	int rc;

	if (c->row == c->end || c->map != NULL || c->replay.n > 0)
		return 0;
	c->mapped.n = 0;
	if ((rc = buf_put(&c->mapped, c->row, (size_t)(c->end - c->row))) != 0)
		return rc;
	return chan_rows(c, c->mapped.p, c->mapped.n);
}

/* The epoch is lost: nothing is read ahead for it any more. */
static int
give_up(struct op *op)
{
	op->ep.snap.gathering = false;
	return op_epoch_flown(op, "");
}

/* Pass over whole frames up to the barrier: 1 it is here, or nothing is awaited any more; 0 more
 * bytes are needed. */
static int
pass_frames(struct op *op, struct chan *c)
{
	const struct link_in *l = &c->link;
	enum align_ahead ahead = AHEAD_ON;
	struct barrier bar;
	struct frame f;
	uint64_t epoch;
	size_t used;
	int rc;

	for (;;) {
		size_t at = l->at + c->ahead;

		rc = frame_decode(&f, l->b.p + at, l->b.n - at, &used);
		if (rc != 0)
			return rc == FERR_AGAIN ? 0 : rc;
		if (f.seq != c->seq + c->nahead)
			return ferr(FERR_CORRUPT, "frame %" PRIu64 " follows frame %" PRIu64, f.seq,
				    c->seq + c->nahead - 1);
		epoch = 0;
		if (f.kind == FRAME_BARRIER) {
			rc = barrier_decode(&bar, f.payload, f.n);
			epoch = bar.epoch;
		} else if (f.kind == FRAME_CANCEL) {
			rc = cancel_decode(&epoch, f.payload, f.n);
		}
		if (rc != 0)
			return rc;
		if (epoch != 0 || f.kind == FRAME_END)
			ahead = align_ahead(&op->ep.align, c->id, f.kind, epoch);
		if (ahead == AHEAD_LOST && (rc = give_up(op)) != 0)
			return rc;
		if (ahead != AHEAD_ON)
			return 1;
		c->ahead += used;
		c->nahead++;
	}
}

/* 1 done something, 0 nothing is here now, or an error. */
static int
read_ahead(struct op *op, struct chan *c)
{
	int rc = pass_frames(op, c);

	return rc != 0 ? rc : chan_fill(c);
}

/* ---- what is in flight ---- */

static int
put_schema(const struct schema *s, struct buf *out)
{
	struct buf b = BUF_INIT;
	int rc = schema_encode(s, &b);

	if (rc == 0)
		rc = frame_put(out, FRAME_SCHEMA, 0, b.p, b.n);
	buf_fini(&b);
	return rc;
}

static int
put_rows(const uint8_t *p, size_t n, struct buf *out)
{
	size_t at = out->n;
	uint32_t rows = 0;
	int rc;

	for (const uint8_t *r = p; r < p + n; r += row_len(r))
		rows += row_kind(r) != ROW_WATERMARK;
	if ((rc = buf_room(out, FRAME_HDR + n)) != 0)
		return rc;
	out->n += FRAME_HDR;
	memcpy(out->p + out->n, p, n);
	out->n += n;
	frame_seal(out->p + at, FRAME_DATA, (uint32_t)n, rows, 0);
	return 0;
}

/* Frames that were looked at before; of marks only those that come again at a restore.  *any: there
 * is something that does not come again by itself. */
static int
put_frames(const uint8_t *p, size_t n, struct buf *out, bool *any)
{
	struct frame f;
	size_t used;
	int rc = 0;

	for (size_t at = 0; at < n && rc == 0; at += used) {
		if ((rc = frame_decode(&f, p + at, n - at, &used)) != 0)
			break;
		if (f.kind == FRAME_SCHEMA || f.kind == FRAME_DATA || f.kind == FRAME_IDLE ||
		    f.kind == FRAME_ACTIVE)
			rc = buf_put(out, p + at, used);
		*any = *any || (f.kind != FRAME_SCHEMA && f.kind != FRAME_BARRIER &&
				f.kind != FRAME_CANCEL);
	}
	return rc;
}

/* What this input has in flight; nothing is put when there is nothing. */
static int
put_input(const struct op *op, const struct chan *c, struct buf *out)
{
	const struct link_in *l = &c->link;
	size_t at = out->n, rest = (size_t)(c->end - c->row);
	uint8_t hdr[SECTION_HDR] = { 0 };
	bool any = rest > 0;
	int rc;

	if ((rc = buf_put(out, hdr, sizeof(hdr))) != 0)
		return rc;
	/* Rows at hand have been given the input's numbers; what follows has the channel's. */
	if (rest > 0 && ((rc = put_schema(c->map != NULL ? &op->input[c->input].schema : &c->schema,
					  out)) != 0 ||
			 (rc = put_rows(c->row, rest, out)) != 0))
		return rc;
	if (c->schema_known && (rc = put_schema(&c->schema, out)) != 0)
		return rc;
	if ((rc = put_frames(c->replay.p + c->replay_at, c->replay.n - c->replay_at, out, &any)) !=
		0 ||
	    (rc = put_frames(l->b.p + l->at, c->ahead, out, &any)) != 0)
		return rc;
	if (!any) {
		out->n = at;
		return 0;
	}
	le32put(out->p + at, c->id);
	le32put(out->p + at + 4, c->input);
	le64put(out->p + at + 8, out->n - at - SECTION_HDR);
	return 0;
}

/* ---- the helper's part ---- */

struct flight_job {
	struct op_job job;
	const char *store; /* borrowed */
	uint64_t epoch;
	uint8_t id[16];
	struct buf b;
	char *name;
	uint64_t end;
	uint32_t crc;
	int rc;
};

static int
write_flight(struct flight_job *d)
{
	struct log *log;
	int rc = log_create(&log, d->store, d->name);

	if (rc != 0)
		return rc;
	if ((rc = log_append(log, d->epoch, d->id, d->b.p, d->b.n)) == 0)
		rc = log_seal(log, d->epoch, d->id);
	d->end = log_end(log);
	d->crc = log_crc(log);
	log_close(log);
	return rc;
}

/* As with the state, a failed write fails the checkpoint, not the job. */
static int
run_flight(struct work_job *w)
{
	struct flight_job *d = (struct flight_job *)(void *)w;

	if ((d->rc = write_flight(d)) != 0)
		snprintf(w->text, sizeof(w->text), "%s", ferr_text());
	return 0;
}

static void
remove_file(struct op *op, const char *name)
{
	if (store_remove(op->ep.task.store, name) != 0)
		op_note(op, "%s", ferr_text());
}

static void
free_job(struct flight_job *d)
{
	buf_fini(&d->b);
	free(d->name);
	free(d);
}

static int
flight_done(struct op_job *job, struct op *op)
{
	struct flight_job *d = (struct flight_job *)(void *)job;
	struct op_epochs *e = &op->ep;
	struct op_snap *s = &e->snap;
	bool ours = s->active && s->flight_due && s->bar.epoch == d->epoch;
	int rc = 0;

	if (ours && d->rc == 0) {
		rc = snap_add_file(&s->out.flight, d->name, 0, d->end, d->crc, d->epoch);
		free(e->flight);
		e->flight = d->name;
		e->flight_epoch = d->epoch;
		d->name = NULL;
	} else {
		remove_file(op, d->name);
	}
	if (rc == 0 && ours)
		rc = op_epoch_flown(op, d->rc != 0 ? d->job.work.text : NULL);
	free_job(d);
	return rc;
}

static int
hand_over(struct op *op, struct buf *b)
{
	const struct op_task *t = &op->ep.task;
	const struct barrier *bar = &op->ep.snap.bar;
	struct flight_job *d = calloc(1, sizeof(*d));
	struct buf name = BUF_INIT;
	int rc;

	if (d == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rc = buf_printf(&name, "state/%s-%u.%" PRIu64 ".flight-%" PRIu64 ".log", t->stage,
			     t->subtask, t->attempt, bar->epoch)) != 0 ||
	    (d->name = (char *)(uintptr_t)buf_cstr(&name)) == NULL) {
		buf_fini(&name);
		free(d);
		return ferr(FERR_NOMEM, "out of memory");
	}
	d->job.work.run = run_flight;
	d->job.done = flight_done;
	d->store = t->store;
	d->epoch = bar->epoch;
	memcpy(d->id, bar->id, sizeof(d->id));
	d->b = *b;
	*b = (struct buf)BUF_INIT;
	op_job_put(op, &d->job);
	return 0;
}

/* ---- the loop's part ---- */

/* Every barrier is here: what stood before them is handed to the helper. */
static int
gathered(struct op *op)
{
	struct buf b = BUF_INIT;
	uint8_t n[4];
	int rc;

	op->ep.snap.gathering = false;
	le32put(n, op->nin);
	rc = buf_put(&b, n, sizeof(n));
	for (unsigned i = 0; i < op->nin && rc == 0; i++)
		rc = put_input(op, &op->in[i], &b);
	if (rc == 0)
		rc = b.n > sizeof(n) ? hand_over(op, &b) : op_epoch_flown(op, NULL);
	buf_fini(&b);
	return rc;
}

int
op_flight_begin(struct op *op)
{
	int rc = 0;

	for (unsigned i = 0; i < op->nin && rc == 0; i++) {
		struct chan *c = &op->in[i];

		c->ahead = 0;
		c->nahead = 0;
		if (op->ep.align_chans[i].awaited)
			rc = hold_rest(c);
	}
	op->ep.snap.gathering = true;
	return rc == 0 && !align_awaits(&op->ep.align) ? gathered(op) : rc;
}

int
op_flight_step(struct op *op)
{
	int rc, done = 0;

	for (unsigned i = 0; i < op->nin; i++) {
		if (!op->ep.align_chans[i].awaited)
			continue;
		if ((rc = chan_damage(read_ahead(op, &op->in[i]))) < 0)
			return rc;
		done |= rc;
	}
	if (!op->ep.snap.gathering || align_awaits(&op->ep.align))
		return done;
	rc = gathered(op);
	return rc != 0 ? rc : 1;
}

int
op_flight_cancel(struct op *op, uint64_t epoch)
{
	struct op_epochs *e = &op->ep;

	if (e->flight != NULL && e->flight_epoch <= epoch) {
		remove_file(op, e->flight);
		op_flight_complete(op, epoch);
	}
	return e->snap.active && e->snap.flight_due && e->snap.bar.epoch <= epoch ? give_up(op) : 0;
}

void
op_flight_complete(struct op *op, uint64_t epoch)
{
	if (op->ep.flight_epoch > epoch)
		return;
	free(op->ep.flight);
	op->ep.flight = NULL;
}

/* ---- the restore ---- */

/* Whose rows these are now. */
struct claim {
	const struct op_task *t;
	bool all;    /* ours, whatever their key */
	bool adopts; /* those without a key */
};

static bool
is_ours(const struct claim *c, const uint8_t *row)
{
	uint32_t group;

	if (c->all || (row[7] & ROW_KEYED) == 0)
		return c->all || c->adopts;
	group = key_group(row_hash(row), c->t->groups);
	return group >= c->t->lo && group <= c->t->hi;
}

/* Of a DATA frame's rows those that are ours, as a frame; marks are left out. */
static int
put_ours(const struct claim *c, const struct frame *f, struct buf *out)
{
	struct buf b = BUF_INIT;
	int rc = frame_check_data(f);

	for (const uint8_t *r = f->payload; r < f->payload + f->n && rc == 0; r += row_len(r)) {
		if (row_kind(r) != ROW_WATERMARK && is_ours(c, r))
			rc = buf_put(&b, r, row_len(r));
	}
	if (rc == 0 && b.n > 0)
		rc = put_rows(b.p, b.n, out);
	buf_fini(&b);
	return rc;
}

static int
take_frames(const struct claim *c, const uint8_t *p, size_t n, struct buf *out)
{
	struct frame f;
	size_t used;
	int rc = 0;

	for (size_t at = 0; at < n && rc == 0; at += used) {
		if ((rc = frame_decode(&f, p + at, n - at, &used)) != 0)
			break;
		if (f.kind == FRAME_DATA)
			rc = put_ours(c, &f, out);
		else if (f.kind == FRAME_SCHEMA)
			rc = buf_put(out, p + at, used);
	}
	return rc == FERR_AGAIN ? FERR_CORRUPT : rc;
}

static int
collect(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)epoch;
	return buf_put(cookie, p, n);
}

/* Who takes what was in flight on that channel: itself, if it is still there, else one of its
 * input. */
static struct chan *
channel_for(const struct op *op, uint32_t channel, uint32_t input)
{
	for (unsigned i = 0; i < op->nin; i++) {
		struct chan *c = &op->in[(channel + i) % op->nin];

		if (c->input == input)
			return c;
	}
	return NULL;
}

/* One file's records in flight go to the channels. */
static int
take_part(struct op *op, struct claim *c, const struct buf *b)
{
	uint32_t channels = b->n >= 4 ? le32get(b->p) : 0, channel;
	bool same = c->t->same && channels == op->nin;
	struct chan *to;
	uint64_t n;
	int rc = 0;

	c->all = c->t->same;
	for (size_t at = 4; at < b->n && rc == 0; at += SECTION_HDR + n) {
		channel = b->n - at >= SECTION_HDR ? le32get(b->p + at) : channels;
		n = channel < channels ? le64get(b->p + at + 8) : 0;
		if (channel >= channels || n > b->n - at - SECTION_HDR ||
		    (to = channel_for(op, channel, le32get(b->p + at + 4))) == NULL)
			return FERR_CORRUPT;
		if (same)
			rc = buf_put(&to->replay, b->p + at + SECTION_HDR, n);
		else
			rc = take_frames(c, b->p + at + SECTION_HDR, n, &to->replay);
	}
	return rc;
}

int
op_flight_restore(struct op *op)
{
	const struct op_task *t = &op->ep.task;
	struct buf b = BUF_INIT;
	int rc = 0;

	for (unsigned i = 0; i < t->nsnap && rc == 0; i++) {
		const struct snap_files *files = &t->snap[i].flight;
		struct claim c = { .t = t, .adopts = op_task_adopts(t, &t->snap[i]) };

		for (unsigned k = 0; k < files->n && rc == 0 && (!t->same || i == t->subtask);
		     k++) {
			const struct snap_file *f = &files->v[k];

			b.n = 0;
			rc = log_read(t->store, f->name, f->start, f->end, f->crc, collect, &b);
			if (rc == 0 && (rc = take_part(op, &c, &b)) == FERR_CORRUPT)
				rc = ferr(FERR_CORRUPT, "%s: not records in flight", f->name);
			if (rc == FERR_LOST)
				rc = ferr(FERR_CORRUPT, "%s", ferr_text());
		}
	}
	buf_fini(&b);
	for (unsigned i = 0; i < op->nin; i++)
		op->nreplays += op->in[i].replay.n > 0;
	op->unify = op->nreplays > 0 || op->nversions > 0;
	return rc;
}
