/*
 * What is to be published of a lane: cell by cell, and in random histories against a broker that is
 * played by this file (fences, and transactions of records and marker).
 *
 * KAFKA_PLAN_SEEDS=N: so many histories (default 4000); a fault names its seed.
 */
#include "conn/kafka_plan.h"
#include "base/err.h"
#include "t.h"

/* ---- cells ---- */

static struct kafka_epoch
at(uint64_t epoch)
{
	struct kafka_epoch e = { .epoch = epoch };

	if (epoch > 0)
		e.id[0] = (uint8_t)(100 + epoch);
	return e;
}

/* Of the same number, ended by another barrier. */
static struct kafka_epoch
other(uint64_t epoch)
{
	struct kafka_epoch e = at(epoch);

	e.id[15] = 1;
	return e;
}

static struct kafka_marker
all_of(struct kafka_epoch e)
{
	return (struct kafka_marker){ .at = e, .chunk = 1, .attempt = 3, .whole = true };
}

static struct kafka_marker
part_of(struct kafka_epoch e, uint64_t records, uint16_t chunk)
{
	return (struct kafka_marker){ .at = e, .chunk = chunk, .attempt = 3, .records = records };
}

/* A lane whose epochs up to 5 are published, with 7 and 9 pending (6 and 8 had no records), of the
 * job's third attempt. */
static struct kafka_lane_view
view(void)
{
	static struct kafka_epoch pending[2];

	pending[0] = at(7);
	pending[1] = at(9);
	return (struct kafka_lane_view){
		.attempt = 3, .base = at(5), .marked = true, .pending = pending, .npending = 2
	};
}

static void
plans(const struct kafka_lane_view *v, const struct kafka_marker *m, unsigned from, uint64_t skip,
      uint16_t chunk)
{
	struct kafka_plan p;

	T_INT(kafka_plan(&p, v, m), 0);
	T_INT(p.from, from);
	T_INT(p.skip, skip);
	T_INT(p.chunk, chunk);
}

static void
refuses(const struct kafka_lane_view *v, const struct kafka_marker *m, int rc, const char *text)
{
	struct kafka_plan p;

	ferr_clear();
	T_INT(kafka_plan(&p, v, m), rc);
	if (strstr(ferr_text(), text) == NULL)
		T_FAIL("'%s' does not say '%s'", ferr_text(), text);
}

/* After COMPLETE(n), before begin; mid-produce; before EndTxn; the broker's timeout: marker < n. */
T(a_marker_of_the_base_means_that_all_that_is_pending_goes_out)
{
	struct kafka_lane_view v = view();
	struct kafka_marker m = all_of(at(5));

	plans(&v, &m, 0, 0, 0);
	v.npending = 0;
	plans(&v, &m, 0, 0, 0);
}

/* After commit, before base is saved; EndTxn's answer lost; during recovery. */
T(what_the_marker_has_is_skipped)
{
	struct kafka_lane_view v = view();
	struct kafka_marker m = all_of(at(7));

	plans(&v, &m, 1, 0, 0);
	m = all_of(at(9));
	plans(&v, &m, 2, 0, 0);
}

/* Epochs in several transactions. */
T(of_an_epoch_that_is_out_in_part_the_rest_goes_out)
{
	struct kafka_lane_view v = view();
	struct kafka_marker m = part_of(at(7), 1000, 3);

	plans(&v, &m, 0, 1000, 3);
	m = part_of(at(9), 0, 1); /* all of 7, nothing of 9 */
	plans(&v, &m, 1, 0, 1);
	m = part_of(at(9), UINT64_MAX, UINT16_MAX);
	plans(&v, &m, 1, UINT64_MAX, UINT16_MAX);
}

T(a_new_lane_needs_no_marker)
{
	struct kafka_lane_view v = view();
	struct kafka_marker first = all_of(at(0));

	v.base = at(0);
	v.marked = false;
	plans(&v, NULL, 0, 0, 0);
	plans(&v, &first, 0, 0, 0);
	v.npending = 0;
	plans(&v, NULL, 0, 0, 0);
	plans(&v, &first, 0, 0, 0);
}

/* It has had one before its first epoch. */
T(of_an_older_lane_a_missing_marker_is_lost_also_before_its_base)
{
	struct kafka_lane_view v = view();
	struct kafka_marker first = all_of(at(0));

	v.base = at(0);
	refuses(&v, NULL, FERR_UNKNOWN, "is gone");
	plans(&v, &first, 0, 0, 0);
	v.marked = false;
	v.base = at(5); /* it has published, so it had one */
	refuses(&v, NULL, FERR_UNKNOWN, "is gone");
}

/* A zombie wakes, duels, or restarts elsewhere: the attempt ends it, whatever else is right. */
T(a_newer_attempt_supersedes)
{
	struct kafka_lane_view v = view();
	struct kafka_marker m = all_of(at(5));

	m.attempt = 4;
	refuses(&v, &m, FERR_FENCED,
		"attempt 4 of the job has published already, this is attempt 3");
	m.at = at(9);
	refuses(&v, &m, FERR_FENCED, "attempt 4");
	m.at = at(4);
	v.lost = KAFKA_LOST_UNPUBLISHED;
	v.rewind = true;
	refuses(&v, &m, FERR_FENCED, "attempt 4");
	m = all_of(at(5));
	m.attempt = 1; /* an older one did that */
	plans(&v, &m, 0, 0, 0);
}

/* 1.4: absent with base >= 1, or older than base. */
T(a_lost_marker_stops_what_is_pending)
{
	struct kafka_lane_view v = view();
	struct kafka_marker old = all_of(at(4));

	refuses(&v, NULL, FERR_UNKNOWN, "is gone");
	refuses(&v, NULL, FERR_UNKNOWN, "--marker-lost");
	refuses(&v, NULL, FERR_UNKNOWN, "epochs 7 to 9");
	refuses(&v, &old, FERR_UNKNOWN, "has gone back");
	old = part_of(at(4), 1, 1);
	refuses(&v, &old, FERR_UNKNOWN, "has gone back");
}

T(a_clean_stop_needs_no_marker)
{
	struct kafka_lane_view v = view();
	struct kafka_marker old = all_of(at(4));

	v.npending = 0;
	plans(&v, NULL, 0, 0, 0);
	plans(&v, &old, 0, 0, 0);
	v.lost = KAFKA_LOST_PUBLISHED;
	plans(&v, NULL, 0, 0, 0);
}

T(of_a_lost_marker_one_may_say_what_to_think)
{
	struct kafka_lane_view v = view();
	struct kafka_marker old = all_of(at(4)), now = all_of(at(7));

	v.lost = KAFKA_LOST_PUBLISHED;
	plans(&v, NULL, 2, 0, 0);
	plans(&v, &old, 2, 0, 0);
	plans(&v, &now, 1, 0, 0); /* that is no lost one */
	v.lost = KAFKA_LOST_UNPUBLISHED;
	plans(&v, NULL, 0, 0, 0);
	plans(&v, &old, 0, 0, 0);
	plans(&v, &now, 1, 0, 0);
}

T(a_marker_ahead_of_the_checkpoint_is_a_rewind)
{
	struct kafka_lane_view v = view();
	struct kafka_marker m = all_of(at(10));

	refuses(&v, &m, FERR_CORRUPT, "epoch 10 is published, the checkpoint knows epochs up to 9");
	refuses(&v, &m, FERR_CORRUPT, "--accept-rewind");
	m = part_of(at(10), 5, 1);
	refuses(&v, &m, FERR_CORRUPT, "epoch 10");
	v.npending = 0;
	m = all_of(at(6));
	refuses(&v, &m, FERR_CORRUPT, "epoch 6 is published, the checkpoint knows epochs up to 5");
}

T(an_accepted_rewind_lets_lie_what_is_ahead)
{
	struct kafka_lane_view v = view();
	struct kafka_marker m = all_of(at(10));

	v.rewind = true;
	plans(&v, &m, 2, 0, 0);
	m = part_of(at(10), 5, 1);
	plans(&v, &m, 2, 0, 0);
	/* What is not ahead is as ever. */
	m = all_of(at(5));
	plans(&v, &m, 0, 0, 0);
	m = part_of(at(7), 3, 1);
	plans(&v, &m, 0, 3, 1);
	refuses(&v, NULL, FERR_UNKNOWN, "is gone");
}

/* Two coordinators, two histories: the barrier's id is the second net. */
T(another_epoch_of_that_number_is_a_fork)
{
	struct kafka_lane_view v = view();
	struct kafka_marker m = all_of(other(7));

	refuses(&v, &m, FERR_CORRUPT, "epoch 7 that is published is not the one");
	m = all_of(other(9));
	refuses(&v, &m, FERR_CORRUPT, "two histories");
	m = all_of(other(5));
	refuses(&v, &m, FERR_CORRUPT, "two histories");
	m = all_of(at(6)); /* between base and what is pending: sealed by nobody we know */
	refuses(&v, &m, FERR_CORRUPT, "two histories");
	m = all_of(at(8));
	refuses(&v, &m, FERR_CORRUPT, "two histories");
	m = part_of(at(5), 1, 1); /* base is known to be whole */
	refuses(&v, &m, FERR_CORRUPT, "two histories");
}

/* A run that ended well has published up to 6, and no ack says which was the last with records. */
T(what_is_settled_counts_as_the_base)
{
	struct kafka_lane_view v = view();
	struct kafka_marker m = all_of(at(6));

	v.settled = 6;
	plans(&v, &m, 0, 0, 0);
	m = all_of(at(5));
	plans(&v, &m, 0, 0, 0);
	m = all_of(at(7));
	plans(&v, &m, 1, 0, 0);
	m = all_of(at(8));
	refuses(&v, &m, FERR_CORRUPT, "two histories");
	m = all_of(at(4));
	refuses(&v, &m, FERR_UNKNOWN, "has gone back");
	m = part_of(at(6), 1, 1);
	refuses(&v, &m, FERR_CORRUPT, "epoch 6");
	v.npending = 0;
	m = all_of(at(6));
	plans(&v, &m, 0, 0, 0);
	m = all_of(at(7));
	refuses(&v, &m, FERR_CORRUPT, "epoch 7 is published");
}

/* ---- the marker's text ---- */

T(markers_come_back_as_they_were_written)
{
	const struct kafka_marker v[] = {
		{ .whole = true },
		{ .at = other(1), .chunk = 1, .attempt = 1, .records = 1 },
		{ .at = at(7), .chunk = UINT16_MAX, .attempt = UINT64_MAX, .records = UINT64_MAX },
		{ .at = { .epoch = (UINT64_C(1) << 47) - 1, .id = { 0xff, 0xab } }, .whole = true },
	};

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct kafka_marker m = { .attempt = 99 };
		char meta[KAFKA_META_MAX];

		kafka_marker_meta(&v[i], meta);
		T_OK(kafka_marker_offset(&v[i]) >= 0);
		T_INT(kafka_marker_parse(&m, kafka_marker_offset(&v[i]), meta), 0);
		T_INT(m.at.epoch, v[i].at.epoch);
		T_OK(memcmp(m.at.id, v[i].at.id, 16) == 0);
		T_INT(m.chunk, v[i].chunk);
		T_INT(m.attempt, v[i].attempt);
		T_INT(m.records, v[i].records);
		T_INT(m.whole, v[i].whole);
	}
}

/* fcheckpoint(5) promises it. */
T(a_marker_has_this_text)
{
	struct kafka_marker m = { .chunk = 2, .attempt = 12, .records = 3400, .whole = true };
	char meta[KAFKA_META_MAX];

	m.at.epoch = 7;
	for (unsigned i = 0; i < 16; i++)
		m.at.id[i] = (uint8_t)(i * 17);
	kafka_marker_meta(&m, meta);
	T_STR(meta, "1 00112233445566778899aabbccddeeff 12 3400 1");
	T_INT(kafka_marker_offset(&m), 7 * 65536 + 2);
}

T(what_is_no_marker_of_ours_is_refused)
{
	static const char *const bad[] = {
		"",
		"1",
		"2 00112233445566778899aabbccddeeff 12 3400 1",
		"1 00112233445566778899aabbccddeef 12 3400 1",
		"1 00112233445566778899AABBCCDDEEFF 12 3400 1",
		"1 00112233445566778899aabbccddeeff 12 3400",
		"1 00112233445566778899aabbccddeeff 12",
		"x 00112233445566778899aabbccddeeff 12 3400 1",
	};
	struct kafka_marker m;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		T_INT(kafka_marker_parse(&m, 65536, bad[i]), FERR_CORRUPT);
	T_INT(kafka_marker_parse(&m, -1, "1 00112233445566778899aabbccddeeff 12 3400 1"),
	      FERR_CORRUPT);
}

/* ---- histories ---- */

/*
 * One sink subtask under a coordinator.  Its lane does what kafka_lane does, one step at a time:
 * fence, read the marker, plan, then transactions of a few records, a handle for each.  Between any
 * two steps epochs are sealed, acked, completed or given up, the process dies, or it is taken for
 * dead and goes on as a zombie; a new attempt goes on from the newest checkpoint, with its lane or
 * (as after a rescale) with a new one behind it, or from an older checkpoint with the rewind
 * accepted; and markers are lost while nobody runs.
 *
 * At the end each record of a completed epoch stands in the topic once, in order; of epochs that
 * were rewound at most once; of no other epoch any.
 */

enum { EPOCHS = 32, RECORDS = 4096, ATTEMPTS = 64, ZOMBIES = 3, EVENTS = 250 };

struct stretch {
	struct kafka_epoch at;
	unsigned first, n; /* records are numbers, each its own */
};
struct lane {
	unsigned name; /* the attempt that made it */
	bool old;      /* an earlier one: it has a marker, since its first ack waits for that */
	struct kafka_epoch base;
	uint64_t settled;
	struct stretch pending[EPOCHS];
	unsigned npending;
};
struct checkpoint {
	uint64_t epoch, published;
	struct lane lane;
	unsigned nwant;
};

enum step { FENCE, READ, PLAN, COMMIT, MARK, REFENCE, REREAD, OVER };
struct job {
	enum step step;
	struct lane *lane;
	unsigned n; /* so many of its stretches */
	bool rewind;
	uint64_t epoch;
	unsigned handle;
	struct kafka_marker marker, ours; /* read; committed last */
	bool marked;
	/* behind the plan: where the next transaction begins */
	unsigned i;
	uint64_t records;
	uint16_t chunk;
};
struct proc {
	bool alive, adopting, sealed, acked; /* a barrier has passed; its ack is out */
	uint64_t attempt, epoch, published;
	enum kafka_lost lost;
	struct lane own, old;
	struct job job;
	struct checkpoint ack;
};
struct broker_lane {
	int64_t offset; /* -1: no marker */
	char meta[KAFKA_META_MAX];
	unsigned fence;
};
enum known { NOTHING, WANTED, REWOUND };
struct sim {
	uint64_t rng;
	bool broken; /* the marker is read before the fence */
	struct broker_lane lane[ATTEMPTS];
	unsigned topic[RECORDS], ntopic, nrecords;
	unsigned want[RECORDS], nwant;
	uint8_t known[RECORDS];
	struct checkpoint chain[EVENTS];
	unsigned nchain;
	struct proc live, zombie[ZOMBIES];
	uint64_t attempt;
	bool rewound;  /* until the first checkpoint behind it */
	bool doubtful; /* the marker is lost, and neither answer is right */
	char bad[128];
};
struct figures {
	unsigned commits, refused, zombies, rewinds, rescales, lost, doubtful, stops;
};
static struct figures seen;

static unsigned
any(struct sim *s, unsigned n)
{
	s->rng = s->rng * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(s->rng >> 33) % n;
}

static void
fault(struct sim *s, const char *what, uint64_t n)
{
	if (s->bad[0] == '\0')
		snprintf(s->bad, sizeof(s->bad), "%s (%" PRIu64 ")", what, n);
}

static bool
is_in(const struct sim *s, unsigned record)
{
	for (unsigned i = 0; i < s->ntopic; i++) {
		if (s->topic[i] == record)
			return true;
	}
	return false;
}

/* ---- the broker ---- */

static void
fence(struct sim *s, struct job *j)
{
	j->handle = ++s->lane[j->lane->name].fence;
}

static void
read_marker(struct sim *s, struct job *j)
{
	const struct broker_lane *b = &s->lane[j->lane->name];

	j->marked = b->offset >= 0;
	if (j->marked && kafka_marker_parse(&j->marker, b->offset, b->meta) != 0)
		fault(s, "a marker cannot be read", j->lane->name);
}

/* The records of stretch i from r on, n at most, and a marker: false when the handle is fenced. */
static bool
commit(struct sim *s, struct job *j, const struct kafka_marker *m, const unsigned *records,
       unsigned n)
{
	struct broker_lane *b = &s->lane[j->lane->name];

	if (j->handle != b->fence)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (s->known[records[i]] == NOTHING)
			fault(s, "a record of an epoch that is not complete", records[i]);
		if (s->ntopic == RECORDS)
			fault(s, "too many records", s->ntopic);
		else
			s->topic[s->ntopic++] = records[i];
	}
	b->offset = kafka_marker_offset(m);
	kafka_marker_meta(m, b->meta);
	seen.commits++;
	return true;
}

/* ---- publishing ---- */

static void
begin_job(struct proc *p, struct lane *l, unsigned n, bool rewind, uint64_t epoch)
{
	p->job = (struct job){ .step = FENCE, .lane = l, .n = n, .rewind = rewind, .epoch = epoch };
}

static int
plan(struct proc *p, struct job *j)
{
	struct kafka_epoch pending[EPOCHS];
	struct kafka_lane_view v = { .attempt = p->attempt,
				     .base = j->lane->base,
				     .marked = j->lane->old,
				     .settled = j->lane->settled,
				     .pending = pending,
				     .npending = j->n,
				     .lost = p->lost,
				     .rewind = j->rewind };
	struct kafka_plan out;
	int rc;

	for (unsigned i = 0; i < j->n; i++)
		pending[i] = j->lane->pending[i].at;
	if ((rc = kafka_plan(&out, &v, j->marked ? &j->marker : NULL)) != 0)
		return rc;
	j->i = out.from;
	j->records = out.skip;
	j->chunk = out.chunk;
	/* Nothing to write: then the marker must still tell where we stand. */
	if (j->i < j->n)
		j->step = COMMIT;
	else if (!j->marked || j->marker.at.epoch < j->lane->base.epoch)
		j->step = MARK;
	else
		j->step = OVER;
	return 0;
}

/* Did the commit work?  It may have without an answer. */
static bool
committed(struct sim *s, struct job *j, const struct kafka_marker *m, const unsigned *records,
	  unsigned n)
{
	if (commit(s, j, m, records, n) && any(s, 8) > 0) {
		j->ours = *m;
		return true;
	}
	j->step = FENCE;
	return false;
}

static void
transaction(struct sim *s, struct proc *p, struct job *j)
{
	unsigned records[8], n = 0, most = 1 + any(s, 8), i = j->i;
	uint64_t r = j->records;
	uint16_t chunk = j->chunk;
	struct kafka_marker m = { .attempt = p->attempt };

	while (n < most && r < j->lane->pending[i].n) {
		records[n++] = j->lane->pending[i].first + (unsigned)r++;
		if (r == j->lane->pending[i].n && i + 1 < j->n) {
			i++;
			r = chunk = 0;
		}
	}
	m.at = j->lane->pending[i].at;
	m.records = r;
	m.chunk = ++chunk;
	m.whole = r == j->lane->pending[i].n;
	if (!committed(s, j, &m, records, n))
		return;
	j->i = i;
	j->records = r;
	j->chunk = chunk;
	j->step = m.whole ? OVER : REFENCE;
}

/* At least as much as was known before: one may still go back to a checkpoint behind that. */
static void
mark(struct sim *s, struct proc *p, struct job *j)
{
	struct kafka_marker m = { .at = j->lane->base, .attempt = p->attempt, .whole = true };

	if (j->n > 0)
		m.at = j->lane->pending[j->n - 1].at;
	else if (j->lane->settled > m.at.epoch)
		m.at = (struct kafka_epoch){ .epoch = j->lane->settled };
	if (committed(s, j, &m, NULL, 0))
		j->step = OVER;
}

static int
step(struct sim *s, struct proc *p)
{
	struct job *j = &p->job;

	switch (j->step) {
	case FENCE:
	case REFENCE:
		s->broken ? read_marker(s, j) : fence(s, j);
		j->step = j->step == FENCE ? READ : REREAD;
		return 0;
	case READ:
	case REREAD:
		s->broken ? fence(s, j) : read_marker(s, j);
		if (j->step == READ)
			j->step = PLAN;
		else
			j->step = kafka_marker_offset(&j->marker) == kafka_marker_offset(&j->ours)
				      ? COMMIT
				      : FENCE;
		return 0;
	case PLAN: return plan(p, j);
	case COMMIT: transaction(s, p, j); return 0;
	case MARK: mark(s, p, j); return 0;
	case OVER: break;
	}
	return 0;
}

/* The loop hears of it. */
static void
published(struct proc *p)
{
	struct job *j = &p->job;
	struct lane *l = j->lane;

	if (j->n > 0)
		l->base = l->pending[j->n - 1].at;
	l->npending -= j->n;
	memmove(l->pending, l->pending + j->n, l->npending * sizeof(l->pending[0]));
	if (j->epoch > 0)
		p->published = j->epoch;
	j->lane = NULL;
	if (l == &p->old)
		begin_job(p, &p->own, 0, false, 0); /* its first marker */
	else
		p->adopting = false;
}

/* ---- the coordinator and the sink's loop ---- */

static void
seal(struct sim *s, struct proc *p)
{
	struct lane *l = &p->own;
	struct stretch *t = &l->pending[l->npending];
	unsigned n = any(s, 4) * any(s, 6);

	p->epoch++;
	p->sealed = true;
	p->acked = false;
	if (n == 0 || l->npending == EPOCHS || s->nrecords + n > RECORDS)
		return;
	*t = (struct stretch){ .at = { .epoch = p->epoch }, .first = s->nrecords, .n = n };
	for (unsigned i = 0; i < 16; i++)
		t->at.id[i] = (uint8_t)any(s, 256);
	s->nrecords += n;
	l->npending++;
}

static void
ack(struct proc *p)
{
	p->ack =
	    (struct checkpoint){ .epoch = p->epoch, .published = p->published, .lane = p->own };
	if (p->own.settled <= p->own.base.epoch)
		p->ack.lane.settled = 0;
	p->acked = true;
}

/* The manifest is there. */
static void
complete(struct sim *s, struct proc *p)
{
	const struct lane *l = &p->ack.lane;

	for (unsigned i = 0; i < l->npending; i++) {
		for (unsigned r = l->pending[i].first; r < l->pending[i].first + l->pending[i].n;
		     r++) {
			if (s->known[r] == NOTHING) {
				s->known[r] = WANTED;
				s->want[s->nwant++] = r;
			}
		}
	}
	p->ack.nwant = s->nwant;
	s->chain[s->nchain++] = p->ack;
	s->rewound = false;
	p->sealed = p->acked = false;
}

/* COMPLETE reaches the sink. */
static void
tell(struct proc *p, uint64_t epoch)
{
	unsigned n = 0;

	while (n < p->own.npending && p->own.pending[n].at.epoch <= epoch)
		n++;
	begin_job(p, &p->own, n, false, epoch);
}

/* All is published, and noted (DIR/published): nothing is pending in the checkpoint any more. */
static void
stopped(struct sim *s, struct proc *p)
{
	struct checkpoint *c = &s->chain[s->nchain - 1];

	c->lane.npending = 0;
	c->published = c->epoch;
	p->alive = false;
	seen.stops++;
}

static void
die(struct sim *s)
{
	unsigned i = any(s, ZOMBIES);

	if (s->live.job.lane != NULL && any(s, 2) == 0) {
		s->zombie[i] = s->live;
		s->zombie[i].job.lane =
		    s->live.job.lane == &s->live.old ? &s->zombie[i].old : &s->zombie[i].own;
		seen.zombies++;
	}
	s->live.alive = false;
}

static void
rewind_to(struct sim *s, unsigned i)
{
	s->nchain = i + 1;
	for (unsigned k = s->chain[i].nwant; k < s->nwant; k++)
		s->known[s->want[k]] = REWOUND;
	s->nwant = s->chain[i].nwant;
	s->rewound = true;
	seen.rewinds++;
}

/* The next attempt. */
static void
start(struct sim *s)
{
	struct proc *p = &s->live;
	const struct checkpoint *c = s->nchain > 0 ? &s->chain[s->nchain - 1] : NULL;
	bool same = !s->rewound && any(s, 8) > 0;

	*p = (struct proc){ .alive = true, .adopting = true, .attempt = ++s->attempt };
	p->own.name = (unsigned)p->attempt;
	if (c == NULL) {
		begin_job(p, &p->own, 0, false, 0);
		return;
	}
	p->epoch = p->published = c->epoch;
	p->old = c->lane;
	p->old.old = true;
	if (p->old.npending == 0)
		p->old.settled = c->published;
	if (same)
		p->own = p->old;
	else
		seen.rescales++;
	begin_job(p, same ? &p->own : &p->old, c->lane.npending, s->rewound, 0);
}

/* A week passes: no zombie outlives that. */
static void
forget(struct sim *s)
{
	for (unsigned i = 0; i < ZOMBIES; i++)
		s->zombie[i].alive = false;
	for (unsigned i = 0; i < ATTEMPTS; i++)
		s->lane[i].offset = -1;
	seen.lost++;
}

/* Somebody looks at the topic and says what is in it. */
static void
ask_somebody(struct sim *s, struct proc *p)
{
	const struct job *j = &p->job;
	unsigned in = 0, all = 0;

	for (unsigned i = 0; i < j->n; i++) {
		for (unsigned r = 0; r < j->lane->pending[i].n; r++, all++)
			in += is_in(s, j->lane->pending[i].first + r);
	}
	s->doubtful = in != 0 && in != all;
	p->lost = in == 0 ? KAFKA_LOST_UNPUBLISHED : KAFKA_LOST_PUBLISHED;
	p->job.step = FENCE;
}

static void
step_live(struct sim *s)
{
	struct proc *p = &s->live;
	int rc = step(s, p);

	if (rc == FERR_UNKNOWN && !p->job.marked && p->job.n > 0 && p->lost == KAFKA_LOST_STOP)
		ask_somebody(s, p);
	else if (rc != 0)
		fault(s, ferr_text(), s->attempt);
	else if (p->job.step == OVER)
		published(p);
}

static void
step_zombie(struct sim *s, struct proc *p)
{
	int rc = step(s, p);

	if (rc == FERR_FENCED)
		seen.refused++;
	else if (rc != 0 && (rc != FERR_UNKNOWN || p->job.marked))
		fault(s, ferr_text(), p->attempt);
	if (rc != 0 || p->job.step == OVER)
		p->alive = false;
}

static void
go_on(struct sim *s)
{
	struct proc *p = &s->live;

	if (any(s, 24) == 0) {
		die(s);
	} else if (p->job.lane != NULL && any(s, 3) > 0) {
		step_live(s);
	} else if (!p->sealed || any(s, 6) == 0) {
		seal(s, p); /* the epoch before may be given up so */
	} else if (!p->acked) {
		if (!p->adopting)
			ack(p);
	} else if (p->job.lane == NULL) {
		uint64_t epoch = p->ack.epoch;

		complete(s, p);
		if (any(s, 8) > 0)
			tell(p, epoch);
		else
			die(s);
	} else if (!p->adopting && any(s, 4) == 0) {
		complete(s, p); /* it is told later, or when the next one is */
	}
	if (p->alive && !p->sealed && p->job.lane == NULL && p->own.npending == 0 &&
	    s->nchain > 0 && s->chain[s->nchain - 1].epoch == p->published && any(s, 6) == 0)
		stopped(s, p);
}

static void
event(struct sim *s)
{
	struct proc *z = &s->zombie[any(s, ZOMBIES)];

	if (z->alive && any(s, 2) == 0) {
		step_zombie(s, z);
	} else if (s->live.alive) {
		go_on(s);
	} else if (s->nchain > 1 && any(s, 12) == 0) {
		rewind_to(s, any(s, s->nchain));
	} else if (s->nchain > 0 && !s->rewound && any(s, 10) == 0) {
		forget(s);
	} else if (s->attempt + 2 < ATTEMPTS) {
		start(s);
	}
}

static void
check_topic(struct sim *s)
{
	uint8_t times[RECORDS] = { 0 };
	unsigned at = 0;

	for (unsigned i = 0; i < s->ntopic; i++) {
		unsigned r = s->topic[i];

		if (times[r]++ > 0)
			fault(s, "a record is there twice", r);
		if (s->known[r] == WANTED && (at == s->nwant || s->want[at++] != r))
			fault(s, "a record is out of order", r);
	}
	if (at != s->nwant)
		fault(s, "a record is missing", s->want[at]);
}

static void
run(struct sim *s, uint64_t seed, bool broken)
{
	memset(s, 0, sizeof(*s));
	s->rng = seed * 0x9e3779b97f4a7c15u;
	s->broken = broken;
	for (unsigned i = 0; i < ATTEMPTS; i++)
		s->lane[i].offset = -1;
	for (unsigned i = 0; i < EVENTS && s->bad[0] == '\0' && !s->doubtful; i++)
		event(s);
	/* The last attempt comes to rest; what it restores is all that is complete. */
	s->live.alive = false;
	start(s);
	while (s->live.job.lane != NULL && s->bad[0] == '\0' && !s->doubtful)
		step_live(s);
	if (s->doubtful)
		seen.doubtful++;
	else if (s->bad[0] == '\0')
		check_topic(s);
}

static struct sim sim;

T(histories_put_each_record_into_the_topic_once_and_in_order)
{
	const char *n = getenv("KAFKA_PLAN_SEEDS");
	uint64_t seeds = n != NULL ? strtoull(n, NULL, 10) : 4000;

	seen = (struct figures){ 0 };
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		run(&sim, seed, false);
		if (sim.bad[0] != '\0')
			T_FAIL("seed %" PRIu64 ": %s", seed, sim.bad);
	}
	printf("# %" PRIu64 " histories: %u commits, %u zombies (%u superseded), %u rescales and "
	       "rewinds, %u of them rewinds, %u clean stops, markers lost %u times (%u in doubt)\n",
	       seeds, seen.commits, seen.zombies, seen.refused, seen.rescales, seen.rewinds,
	       seen.stops, seen.lost, seen.doubtful);
	T_OK(seen.refused > 0 && seen.rewinds > 0 && seen.rescales > seen.rewinds &&
	     seen.stops > 0 && seen.lost > seen.doubtful);
}

/* The same check finds what is wrong when the marker is read before the fence. */
T(a_marker_that_is_read_before_the_fence_is_caught)
{
	unsigned caught = 0;

	for (uint64_t seed = 1; seed <= 1000; seed++) {
		run(&sim, seed, true);
		caught += strncmp(sim.bad, "a record is there twice", 23) == 0;
	}
	printf("# %u of 1000 histories have records twice\n", caught);
	T_OK(caught > 0);
}

T_MAIN
