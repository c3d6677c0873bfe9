/*
 * test_coord_sim: ckpt and align together in a small simulated job, under random schedules.
 *
 *	S0, S1 --> A0, A1 (each reads both sources) --> K (reads both operators, publishes)
 *
 * Channels are bounded FIFO queues.  A schedule delivers, delays, expires, declines, fails to
 *store, loses notices, asks for savepoints and stops, and crashes everything at random; after a
 *while the faults stop, and then the job has to end.  What must hold:
 *
 *	consistent	in every manifest each node has seen, or has on its way to it (C26), exactly
 *			what the sources had sent
 *	exactly once	no record is published twice, none before its epoch is complete, none is
 *missing alive		the job ends; every request is answered or refused once
 *
 * Negative controls break one rule each and must be found out.  SEED=N runs one schedule and tells
 * its figures; a fault names its seed.
 */
#include "coord/align.h"
#include "coord/ckpt.h"
#include "t.h"

enum {
	NSRC = 2,
	NOPS = 2,
	SINK = NSRC + NOPS,
	NODES,
	FAN = 2,   /* inputs of every node but sources */
	MOST = 24, /* records of one source */
	QUEUE = 256,
	EPOCHS = 4096,
	SEGS = NSRC * MOST,
	REQS = 16,
	CALM_STEPS = 50000,
};

/* What a run leaves out on purpose. */
enum broken {
	NOTHING,
	ALIGNMENT,
	WAITING_FOR_COMPLETE,
	PUBLISHING_AT_RESTART,
	ABORTED_SEGMENTS,
	LATER_EPOCHS,
	FLIGHTS,
};

enum kind { RECORD, BARRIER, CANCEL, END, ACK, DECLINE, ENDED, PUBLISHED, COMPLETE, OVERTAKE };

/* The sealed output of an epoch; sid makes publishing it again harmless, as a file offset does. */
struct seg {
	unsigned sid;
	uint64_t epoch, records;
};

/* What a node keeps over a crash; sets of records are bit masks. */
struct state {
	unsigned pos;  /* source: records sent */
	uint64_t seen; /* others: records received */
	uint64_t open; /* sink: since the last barrier */
	struct seg seg[SEGS];
	unsigned nsegs;
	uint64_t flight[FAN]; /* of a snapshot: records that its barrier has overtaken */
};

struct msg {
	enum kind kind;
	uint64_t v; /* record, or epoch */
	uint32_t flags;
};

struct queue {
	struct msg m[QUEUE];
	unsigned at, n;
	unsigned ahead; /* messages that were read ahead */
};

struct node {
	struct state st;
	struct queue in[FAN]; /* of a source: in[0] is what the coordinator says */
	struct queue up;      /* to the coordinator */
	struct queue ctl;     /* of others than sources: what the coordinator says */
	bool gathering;	      /* reads ahead, and will ack then */
	struct align align;
	struct align_chan chan[FAN];
	uint64_t stopped;     /* source: epoch of its STOP, DRAIN or FINAL barrier */
	uint64_t skipped;     /* source: the epoch that it declined and says nothing of */
	bool told;	      /* source: that it stands at its end */
	bool ended;	      /* has sent END (only in a plain shell) */
	uint64_t acked;	      /* epoch */
	struct state snap[2]; /* by epoch: at most two are on their way */
	uint64_t snap_epoch[2];
};

/* Cookie i: asked when `after` was complete. */
struct request {
	enum ckpt_kind kind;
	uint64_t after;
	unsigned answers;
};

struct sim {
	uint64_t rng;
	enum broken broken;
	bool calm;
	bool shell; /* a source that is at its end sends END at once (C23) */
	bool skips; /* a source that declines says nothing to its consumers, later epochs will do */
	unsigned total[NSRC], cap, fast;
	int64_t now;
	struct node node[NODES];
	struct ckpt ckpt;
	struct ckpt_sub sub[NODES];
	struct ckpt_conf conf;
	uint64_t storing;
	/* durable: manifests and output */
	uint64_t complete;
	enum ckpt_kind last; /* kind of the last epoch; PERIODIC: not complete yet */
	struct state manifest[NODES];
	uint64_t promised[EPOCHS]; /* records that a complete epoch covers */
	bool published[EPOCHS];	   /* by sid */
	uint64_t committed;
	unsigned sids;
	struct request req[REQS];
	unsigned nreqs;
	bool crash, over;
	const char *bad;
	unsigned completes, aborts, cancels, crashes, fails, overtakes;
};

static uint64_t
rnd(struct sim *s, uint64_t n)
{
	uint64_t z = s->rng += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % n;
}

static bool
chance(struct sim *s, unsigned percent)
{
	return !s->calm && rnd(s, 100) < percent;
}

static void
check(struct sim *s, bool ok, const char *what)
{
	if (!ok && s->bad == NULL)
		s->bad = what;
}

static void
push(struct sim *s, struct queue *q, enum kind kind, uint64_t v, uint32_t flags)
{
	check(s, q->n < QUEUE, "a queue grows without end");
	if (q->n < QUEUE)
		q->m[(q->at + q->n++) % QUEUE] = (struct msg){ kind, v, flags };
}

static struct msg
pop(struct queue *q)
{
	struct msg m = q->m[q->at];

	q->at = (q->at + 1) % QUEUE;
	q->n--;
	q->ahead -= q->ahead > 0;
	return m;
}

/* ---- records ---- */

static uint64_t
record(unsigned src, unsigned i)
{
	return 1ull << (src * MOST + i);
}

static unsigned
route(unsigned src, unsigned i)
{
	return (i * 7 + src * 3) / 4 % NOPS;
}

/* What node `to` must have seen when the sources stand at these positions. */
static uint64_t
sent(unsigned pos0, unsigned pos1, unsigned to)
{
	const unsigned pos[NSRC] = { pos0, pos1 };
	uint64_t set = 0;

	for (unsigned src = 0; src < NSRC; src++) {
		for (unsigned i = 0; i < pos[src]; i++) {
			if (to == SINK || route(src, i) == to - NSRC)
				set |= record(src, i);
		}
	}
	return set;
}

/* ---- the graph ---- */

static struct queue *
channel(struct sim *s, unsigned from, unsigned k)
{
	return from < NSRC ? &s->node[NSRC + k].in[from] : &s->node[SINK].in[from - NSRC];
}

static bool
has_room(struct sim *s, unsigned from, unsigned need)
{
	for (unsigned k = 0; k < (from < NSRC ? NOPS : 1); k++) {
		const struct queue *q = channel(s, from, k);

		if (q->n - q->ahead + need > s->cap)
			return false;
	}
	return true;
}

static void
send_mark(struct sim *s, unsigned from, enum kind kind, uint64_t v, uint32_t flags)
{
	for (unsigned k = 0; from != SINK && k < (from < NSRC ? NOPS : 1); k++)
		push(s, channel(s, from, k), kind, v, flags);
}

/* ---- output ---- */

static void
publish(struct sim *s, const struct seg *g)
{
	if (s->published[g->sid])
		return;
	s->published[g->sid] = true;
	check(s, (s->committed & g->records) == 0, "a record is published twice");
	s->committed |= g->records;
	check(s, (s->committed & ~s->promised[s->complete]) == 0,
	      "a record is published before its epoch is complete");
}

/* Publish all that is sealed up to the epoch, in order. */
static void
publish_upto(struct sim *s, struct state *st, uint64_t epoch)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < st->nsegs; i++) {
		if (st->seg[i].epoch > epoch)
			st->seg[kept++] = st->seg[i];
		else if (s->broken != ABORTED_SEGMENTS || st->seg[i].epoch == epoch)
			publish(s, &st->seg[i]);
	}
	st->nsegs = kept;
}

static void
seal(struct sim *s, struct state *st, uint64_t epoch)
{
	struct seg *g = &st->seg[st->nsegs];

	if (st->open == 0)
		return;
	check(s, s->sids < EPOCHS, "too many segments for this test");
	if (s->bad != NULL)
		return;
	*g = (struct seg){ s->sids++, epoch, st->open };
	st->nsegs++;
	st->open = 0;
	if (s->broken == WAITING_FOR_COMPLETE)
		publish(s, g);
}

/* ---- nodes ---- */

static void
snapshot(struct sim *s, unsigned i, uint64_t epoch)
{
	struct node *n = &s->node[i];

	if (i == SINK)
		seal(s, &n->st, epoch);
	n->acked = epoch;
	n->snap[epoch % 2] = n->st;
	n->snap_epoch[epoch % 2] = epoch;
}

static void
ack(struct sim *s, unsigned i, uint64_t epoch)
{
	snapshot(s, i, epoch);
	push(s, &s->node[i].up, ACK, epoch, 0);
}

static void
source_step(struct sim *s, unsigned i)
{
	struct node *n = &s->node[i];
	bool at_end = n->st.pos == s->total[i];

	if (n->ended || n->stopped != 0 || !has_room(s, i, 1))
		return;
	if (!at_end) {
		push(s, channel(s, i, route(i, n->st.pos)), RECORD, record(i, n->st.pos), 0);
		n->st.pos++;
		return;
	}
	if (!n->told)
		push(s, &n->up, ENDED, 0, 0);
	n->told = true;
	n->ended = s->shell;
	if (n->ended)
		send_mark(s, i, END, 0, 0);
}

static void
source_ctl(struct sim *s, unsigned i)
{
	struct node *n = &s->node[i];
	struct msg m;

	if (n->in[0].n == 0 || !has_room(s, i, 1))
		return;
	m = pop(&n->in[0]);
	if (n->ended)
		return; /* nothing follows END */
	if (m.kind == CANCEL) {
		if (n->skipped != m.v)
			send_mark(s, i, CANCEL, m.v, 0);
		if (n->stopped <= m.v)
			n->stopped = 0;
	} else if (chance(s, s->skips ? 20 : 5)) {
		push(s, &n->up, DECLINE, m.v, 0);
		n->skipped = s->skips ? m.v : 0;
	} else {
		send_mark(s, i, BARRIER, m.v, m.flags);
		ack(s, i, m.v);
		if (m.flags & (BARRIER_STOP | BARRIER_DRAIN | BARRIER_FINAL))
			n->stopped = m.v;
	}
}

static void
act_on(struct sim *s, unsigned i, struct align_out o)
{
	struct node *n = &s->node[i];

	if (o.aborted != 0) {
		s->aborts++;
		push(s, &n->up, DECLINE, o.aborted, 0);
		send_mark(s, i, CANCEL, o.aborted, 0);
	}
	if (o.cancelled != 0) {
		s->cancels++;
		send_mark(s, i, CANCEL, o.cancelled, 0);
	}
	if (o.complete) {
		send_mark(s, i, BARRIER, n->align.bar.epoch, n->align.bar.flags);
		snapshot(s, i, n->align.bar.epoch);
		align_done(&n->align);
		n->gathering = true;
		for (unsigned k = 0; k < FAN; k++)
			n->in[k].ahead = 0;
	}
	if (n->gathering && !align_awaits(&n->align)) {
		n->gathering = false;
		if (o.complete)
			push(s, &n->up, ACK, n->align.last, 0);
	}
}

/* C26: read a message ahead.  Behind the last barrier that was awaited the snapshot is whole. */
static void
ahead_step(struct sim *s, unsigned i, unsigned chan)
{
	static const enum frame_kind frame[] = { FRAME_DATA, FRAME_BARRIER, FRAME_CANCEL,
						 FRAME_END };
	struct node *n = &s->node[i];
	struct queue *q = &n->in[chan];
	const struct msg *m = &q->m[(q->at + q->ahead) % QUEUE];
	enum align_ahead ahead = AHEAD_ON;

	if (!n->chan[chan].awaited || q->ahead == q->n)
		return;
	if (m->kind == RECORD && s->broken != FLIGHTS)
		n->snap[n->align.last % 2].flight[chan] |= m->v;
	if (m->kind != RECORD)
		ahead = align_ahead(&n->align, chan, frame[m->kind], m->kind == END ? 0 : m->v);
	q->ahead += ahead == AHEAD_ON;
	n->gathering = align_awaits(&n->align);
	if (!n->gathering && ahead == AHEAD_HERE) {
		s->overtakes++;
		push(s, &n->up, ACK, n->align.last, 0);
	}
}

static void
ctl_step(struct sim *s, unsigned i)
{
	struct node *n = &s->node[i];
	struct barrier b = { 0 };
	struct msg m;

	if (n->ctl.n == 0)
		return;
	m = pop(&n->ctl);
	b.epoch = m.v;
	b.flags = m.flags;
	if (n->ended)
		return;
	act_on(s, i,
	       m.kind == OVERTAKE ? align_overtake(&n->align, &b) : align_cancel(&n->align, m.v));
}

static void
node_step(struct sim *s, unsigned i, unsigned chan)
{
	struct node *n = &s->node[i];
	struct barrier b = { 0 };
	struct msg m;

	if (n->gathering) {
		ahead_step(s, i, chan);
		return;
	}
	if (n->in[chan].n == 0 || (i != SINK && !has_room(s, i, 2)) ||
	    (align_blocked(&n->align, chan) && s->broken != ALIGNMENT))
		return;
	m = pop(&n->in[chan]);
	switch (m.kind) {
	case RECORD:
		check(s, (n->st.seen & m.v) == 0, "a record arrives twice");
		n->st.seen |= m.v;
		n->st.open |= i == SINK ? m.v : 0;
		send_mark(s, i, RECORD, m.v, 0);
		break;
	case BARRIER:
		b.epoch = m.v;
		b.flags = m.flags;
		act_on(s, i, align_barrier(&n->align, chan, &b));
		break;
	case CANCEL: act_on(s, i, align_cancel(&n->align, m.v)); break;
	default:
		act_on(s, i, align_end(&n->align, chan));
		n->ended = n->chan[0].ended && n->chan[1].ended;
		if (n->ended)
			send_mark(s, i, END, 0, 0);
		break;
	}
}

/* A node that has sent END answers for every later epoch with its last state. */
static void
ended_step(struct sim *s, unsigned i)
{
	const struct ckpt *c = &s->ckpt;

	if (s->node[i].ended && c->phase == CKPT_TRIGGERED && s->node[i].acked < c->epoch)
		ack(s, i, c->epoch);
}

/* The sink hears of a complete epoch. */
static void
notice_step(struct sim *s, struct queue *notices)
{
	struct node *k = &s->node[SINK];
	struct msg m;

	if (notices->n == 0)
		return;
	m = pop(notices);
	publish_upto(s, &k->st, m.v);
	push(s, &k->up, PUBLISHED, m.v, 0);
}

/* ---- the coordinator and the world around it ---- */

static void
answered(struct sim *s, const struct ckpt_act *a)
{
	struct request *r = &s->req[a->cookie];

	r->answers++;
	if (a->kind != ACT_ANSWER)
		return;
	check(s, a->epoch > r->after, "a request is answered by an older epoch");
	check(s, a->epoch <= s->complete, "a request is answered before its epoch is complete");
	if (r->kind != CKPT_ASKED && a->epoch < EPOCHS)
		check(s, (s->promised[a->epoch] & ~s->committed) == 0,
		      "output is missing when a savepoint is answered");
}

/* Notices to the sink travel in the second input of the first source, which it has no other use of.
 */
static struct queue *
notices(struct sim *s)
{
	return &s->node[0].in[1];
}

static void
take_actions(struct sim *s)
{
	struct ckpt_act a;

	while (ckpt_next(&s->ckpt, &a)) {
		switch (a.kind) {
		case ACT_TRIGGER:
		case ACT_CANCEL:
			for (unsigned i = 0; i < NSRC; i++)
				push(s, &s->node[i].in[0], a.kind == ACT_TRIGGER ? BARRIER : CANCEL,
				     a.epoch, a.flags);
			for (unsigned i = NSRC;
			     i < NODES && a.kind == ACT_CANCEL && s->broken != LATER_EPOCHS; i++)
				push(s, &s->node[i].ctl, CANCEL, a.epoch, 0);
			break;
		case ACT_OVERTAKE:
			for (unsigned i = NSRC; i < NODES; i++) {
				if (!s->sub[i].acked)
					push(s, &s->node[i].ctl, OVERTAKE, a.epoch, a.flags);
			}
			break;
		case ACT_STORE: s->storing = a.epoch; break;
		case ACT_COMPLETE:
			s->completes++;
			if (s->last != CKPT_PERIODIC || !chance(s, 20)) /* a later one will do */
				push(s, notices(s), COMPLETE, a.epoch, 0);
			break;
		case ACT_ANSWER:
		case ACT_REFUSE: answered(s, &a); break;
		case ACT_FAIL:
			s->fails++;
			s->crash = true;
			break;
		case ACT_OVER: s->over = true; break;
		}
	}
}

static void
up_step(struct sim *s, unsigned i)
{
	struct msg m;

	if (s->node[i].up.n == 0)
		return;
	m = pop(&s->node[i].up);
	if (m.kind == ACK)
		ckpt_ack(&s->ckpt, s->now, i, m.v);
	else if (m.kind == DECLINE)
		ckpt_decline(&s->ckpt, s->now, i, m.v, "it had to");
	else if (m.kind == ENDED)
		ckpt_source_ended(&s->ckpt, s->now, i);
	else
		ckpt_published(&s->ckpt, s->now, i, m.v);
}

/* What is on its way to that node, in a manifest. */
static uint64_t
coming(const struct state *m, unsigned i)
{
	uint64_t set = m[i].flight[0] | m[i].flight[1];

	for (unsigned k = NSRC; k < SINK && i == SINK; k++)
		set |= coming(m, k);
	return set;
}

/* The manifest becomes durable: from here on the epoch is complete, whoever knows it. */
static void
write_manifest(struct sim *s, uint64_t epoch)
{
	const struct state *m = s->manifest;

	check(s, epoch > s->complete && epoch < EPOCHS, "epochs do not grow");
	for (unsigned i = 0; i < NODES; i++) {
		check(s, s->node[i].snap_epoch[epoch % 2] == epoch, "a snapshot is missing");
		s->manifest[i] = s->node[i].snap[epoch % 2];
	}
	if (s->bad != NULL)
		return;
	for (unsigned i = NSRC; i < NODES; i++)
		check(s, (m[i].seen | coming(m, i)) == sent(m[0].pos, m[1].pos, i),
		      "a snapshot is not consistent");
	s->complete = epoch;
	s->promised[epoch] = m[SINK].seen;
	if (s->ckpt.kind >= CKPT_STOP)
		s->last = s->ckpt.kind;
}

static void
store_step(struct sim *s)
{
	uint64_t epoch = s->storing;

	if (epoch == 0)
		return;
	s->storing = 0;
	if (chance(s, 10)) {
		ckpt_stored(&s->ckpt, s->now, epoch, false, "no space");
		return;
	}
	write_manifest(s, epoch);
	if (chance(s, 20))
		s->crash = true;
	else
		ckpt_stored(&s->ckpt, s->now, epoch, true, NULL);
}

static void
clock_step(struct sim *s)
{
	if (chance(s, 1))
		s->now += s->conf.timeout;
	s->now += (int64_t)(s->calm ? 1 : rnd(s, 6));
	if (s->now >= ckpt_deadline(&s->ckpt))
		ckpt_tick(&s->ckpt, s->now);
}

static void
ask_step(struct sim *s)
{
	struct request *r = &s->req[s->nreqs];

	if (s->nreqs == REQS || (s->calm && s->conf.every == 0) || rnd(s, 40) != 0)
		return;
	*r = (struct request){ .kind = CKPT_ASKED, .after = s->complete };
	if (rnd(s, 2) == 0)
		r->kind = CKPT_SAVEPOINT;
	else if (rnd(s, 8) == 0)
		r->kind = rnd(s, 2) == 0 ? CKPT_STOP : CKPT_DRAIN;
	ckpt_request(&s->ckpt, s->now, r->kind, s->nreqs++);
}

/* ---- the life of a job ---- */

/* What was in flight comes before all else. */
static void
replay(struct sim *s, unsigned i)
{
	struct state *st = &s->node[i].st;

	for (unsigned k = 0; k < FAN; k++) {
		for (uint64_t bit = 1; bit != 0; bit <<= 1) {
			if ((st->flight[k] & bit) != 0)
				push(s, &s->node[i].in[k], RECORD, bit, 0);
		}
		st->flight[k] = 0;
	}
}

/* Everything in memory and on its way is gone; go on from the last complete epoch. */
static void
start(struct sim *s)
{
	struct ckpt_req open[CKPT_REQS];
	unsigned nopen = s->ckpt.nreq;

	memcpy(open, s->ckpt.req, sizeof(open));
	memset(s->node, 0, sizeof(s->node));
	memset(s->sub, 0, sizeof(s->sub));
	s->storing = 0;
	s->crash = false;
	for (unsigned i = 0; i < NODES; i++) {
		s->node[i].st = s->manifest[i];
		replay(s, i);
		align_init(&s->node[i].align, s->node[i].chan, FAN);
		s->node[i].align.last = s->complete;
		s->sub[i].source = i < NSRC;
		s->sub[i].lanes = i == SINK;
	}
	if (s->broken == PUBLISHING_AT_RESTART)
		s->node[SINK].st.nsegs = 0;
	publish_upto(s, &s->node[SINK].st, s->complete);
	ckpt_init(&s->ckpt, &s->conf, s->sub, NODES, s->complete);
	if (s->last != CKPT_PERIODIC) { /* it was finished: there is nothing to run */
		s->over = true;
		for (unsigned i = 0; i < nopen; i++)
			s->req[open[i].cookie].answers++;
		return;
	}
	for (unsigned i = 0; i < nopen; i++)
		ckpt_request(&s->ckpt, s->now, open[i].kind, open[i].cookie);
}

static void
step(struct sim *s)
{
	unsigned i = (unsigned)rnd(s, NODES);

	switch (rnd(s, 10)) {
	case 0:
		if (i < NSRC && rnd(s, s->fast) == 0)
			source_step(s, i);
		break;
	case 1:
		if (i < NSRC)
			source_ctl(s, i);
		break;
	case 2:
	case 3:
	case 4:
		if (i >= NSRC)
			node_step(s, i, (unsigned)rnd(s, FAN));
		break;
	case 5: up_step(s, i); break;
	case 6:
		ended_step(s, i);
		if (i >= NSRC)
			ctl_step(s, i);
		break;
	case 7: clock_step(s); break;
	case 8:
		notice_step(s, notices(s));
		store_step(s);
		break;
	default:
		if (s->ckpt.phase == CKPT_WAITING)
			ckpt_running(&s->ckpt, s->now, s->complete > 0);
		ask_step(s);
		if (chance(s, 1))
			s->crash = true;
		break;
	}
	take_actions(s);
	if (s->crash && s->bad == NULL) {
		s->crashes++;
		start(s);
		take_actions(s);
	}
}

static void
setup(struct sim *s, uint64_t seed, enum broken broken)
{
	static const int64_t every[] = { 0, 20, 50, 200 };

	memset(s, 0, sizeof(*s));
	s->rng = seed;
	s->broken = broken;
	s->shell = rnd(s, 4) == 0;
	for (unsigned i = 0; i < NSRC; i++)
		s->total[i] = (unsigned)rnd(s, MOST + 1);
	s->cap = 3 + (unsigned)rnd(s, 4);
	s->fast = 1 + (unsigned)rnd(s, 8);
	s->conf = (struct ckpt_conf){ .every = every[rnd(s, 4)],
				      .min_pause = (int64_t)rnd(s, 40),
				      .timeout = 100 + (int64_t)rnd(s, 400),
				      .tolerate = (unsigned)rnd(s, 4) };
	s->conf.unaligned = broken == FLIGHTS || rnd(s, 2) == 0;
	s->conf.after = (int64_t)rnd(s, 2) * 10;
	if (broken == LATER_EPOCHS) {
		s->conf.every = 0;
		s->conf.unaligned = false;
	}
	s->skips = broken == LATER_EPOCHS || (s->conf.every != 0 && rnd(s, 3) == 0);
	start(s);
}

/* Run one schedule; s->bad says what went wrong, or is NULL. */
static void
run(struct sim *s, uint64_t seed, enum broken broken)
{
	unsigned faulty, steps = 0;
	const struct state *m = s->manifest;

	setup(s, seed, broken);
	for (faulty = 200 + (unsigned)rnd(s, 4000); faulty > 0 && !s->over && s->bad == NULL;
	     faulty--)
		step(s);
	s->calm = true;
	while (!s->over && s->bad == NULL && steps++ < CALM_STEPS)
		step(s);
	check(s, s->over, "the job does not end");
	check(s, s->last != CKPT_FINAL || (m[0].pos == s->total[0] && m[1].pos == s->total[1]),
	      "the final epoch does not cover all");
	check(s, s->committed == s->promised[s->complete], "output is missing at the end");
	for (unsigned i = 0; i < s->nreqs; i++)
		check(s, s->req[i].answers == 1, "a request is not answered exactly once");
}

T(C21_C22_C23_C25_C26_C28_C31_C32_random_schedules)
{
	static struct sim s;
	const char *one = getenv("SEED");
	uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
	uint64_t end = one != NULL ? first + 1 : 1001;
	unsigned completes = 0, aborts = 0, cancels = 0, crashes = 0, fails = 0;
	unsigned overtakes = 0, requests = 0, ends[CKPT_FINAL + 1] = { 0 };

	for (uint64_t seed = first; seed < end; seed++) {
		run(&s, seed, NOTHING);
		if (s.bad != NULL)
			T_FAIL("seed %" PRIu64 ": %s", seed, s.bad);
		completes += s.completes;
		aborts += s.aborts;
		cancels += s.cancels;
		crashes += s.crashes;
		fails += s.fails;
		overtakes += s.overtakes;
		requests += s.nreqs;
		ends[s.last]++;
	}
	printf("# seeds %" PRIu64 " to %" PRIu64 ": %u complete, %u aborted, %u cancelled, "
	       "%u crashes, %u given up, %u read ahead, %u requests; ends: %u stop, %u drain, %u "
	       "final\n",
	       first, end - 1, completes, aborts, cancels, crashes, fails, overtakes, requests,
	       ends[CKPT_STOP], ends[CKPT_DRAIN], ends[CKPT_FINAL]);
	/* The schedules are worth something only if they come everywhere. */
	if (one == NULL) {
		T_OK(completes > 300 && aborts > 0 && cancels > 100 && crashes > 300);
		T_OK(fails > 0 && requests > 300 && overtakes > 300);
		T_OK(ends[CKPT_STOP] > 10 && ends[CKPT_DRAIN] > 10 && ends[CKPT_FINAL] > 10);
	}
}

/* How many of 400 schedules find it out, and that they find this. */
static void
control(enum broken broken, const char *what)
{
	static struct sim s;
	unsigned found = 0, as_said = 0;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		run(&s, seed, broken);
		found += s.bad != NULL;
		as_said += s.bad != NULL && strncmp(s.bad, what, strlen(what)) == 0;
	}
	printf("# %u of 400 schedules go wrong, %u of them so: %s\n", found, as_said, what);
	T_OK(as_said > 5);
}

T(control_without_alignment_snapshots_are_not_consistent)
{
	control(ALIGNMENT, "a snapshot is not consistent");
}

T(control_publishing_when_sealed_is_too_early)
{
	control(WAITING_FOR_COMPLETE, "a record is published before its epoch is complete");
}

T(control_without_publishing_at_restart_output_is_missing)
{
	control(PUBLISHING_AT_RESTART, "output is missing");
}

T(control_without_segments_of_aborted_epochs_output_is_missing)
{
	control(ABORTED_SEGMENTS, "output is missing");
}

T(C26_control_without_records_in_flight_snapshots_are_not_consistent)
{
	control(FLIGHTS, "a snapshot is not consistent");
}

/* A source that owes its consumers a mark (align.h): without later epochs, and without a word from
 * the coordinator, they stay blocked. */
T(control_without_any_mark_for_a_declined_epoch_the_job_does_not_end)
{
	control(LATER_EPOCHS, "the job does not end");
}

T_MAIN
