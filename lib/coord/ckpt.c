/* ckpt: see ckpt.h. */
#include "coord/ckpt.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "frame/frame.h"

/* t + d, or CKPT_NEVER. */
static int64_t
later(int64_t t, int64_t d)
{
	int64_t sum;

	return __builtin_add_overflow(t, d, &sum) ? CKPT_NEVER : sum;
}

/* Does a checkpoint of this kind end the job? */
static bool
ends_job(enum ckpt_kind kind)
{
	return kind >= CKPT_STOP;
}

static uint32_t
flags_of(enum ckpt_kind kind)
{
	switch (kind) {
	case CKPT_PERIODIC:
	case CKPT_ASKED: return 0;
	case CKPT_SAVEPOINT: return BARRIER_SAVEPOINT;
	case CKPT_STOP: return BARRIER_STOP;
	case CKPT_DRAIN: return BARRIER_DRAIN;
	case CKPT_FINAL: return BARRIER_FINAL;
	}
	return 0;
}

/* Is a request for `asked` fulfilled by an epoch of this kind that begins after it? */
static bool
serves(enum ckpt_kind kind, enum ckpt_kind asked)
{
	return kind == CKPT_FINAL || kind == asked || (!ends_job(asked) && asked < kind);
}

/* ---- actions ---- */

static struct ckpt_act *
act(struct ckpt *c, enum ckpt_act_kind kind, uint64_t epoch)
{
	struct ckpt_act *a = &c->act[(c->act_at + c->act_n) % CKPT_ACTS];

	assert(c->act_n < CKPT_ACTS); /* one event makes fewer, and the caller takes them all */
	c->act_n++;
	*a = (struct ckpt_act){ .kind = kind, .epoch = epoch };
	return a;
}

__attribute__((format(printf, 2, 3))) static void
set_text(struct ckpt_act *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->text, sizeof(a->text), fmt, ap);
	va_end(ap);
}

bool
ckpt_next(struct ckpt *c, struct ckpt_act *out)
{
	if (c->act_n == 0)
		return false;
	*out = c->act[c->act_at];
	c->act_at = (c->act_at + 1) % CKPT_ACTS;
	c->act_n--;
	return true;
}

/* ---- requests ---- */

static void
refuse(struct ckpt *c, uint64_t cookie, const char *why)
{
	struct ckpt_act *a = act(c, ACT_REFUSE, c->epoch);

	a->cookie = cookie;
	set_text(a, "%s", why);
}

static void
drop_request(struct ckpt *c, unsigned i)
{
	c->nreq--;
	for (; i < c->nreq; i++)
		c->req[i] = c->req[i + 1];
}

static bool
published(const struct ckpt *c, uint64_t epoch)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (c->sub[i].lanes && c->sub[i].published < epoch)
			return false;
	}
	return true;
}

/* Answer what is fulfilled by now.  When the last epoch is complete, what it did not serve will
 * never be. */
static void
answer(struct ckpt *c)
{
	unsigned i = 0;

	while (i < c->nreq) {
		const struct ckpt_req *r = &c->req[i];

		if (r->epoch == 0 && c->over) {
			refuse(c, r->cookie,
			       c->last == CKPT_STOP ? "the job is being stopped, not drained"
						    : "the job is being drained, not stopped");
		} else if (r->epoch != 0 && r->epoch <= c->complete &&
			   (r->kind == CKPT_ASKED || published(c, r->epoch))) {
			act(c, ACT_ANSWER, r->epoch)->cookie = r->cookie;
		} else {
			i++;
			continue;
		}
		drop_request(c, i);
	}
	if (c->over && c->phase == CKPT_IDLE && published(c, c->epoch)) {
		act(c, ACT_OVER, c->epoch)->flags = c->flags;
		c->phase = CKPT_OVER;
	}
}

/* ---- when and what to trigger ---- */

static bool
all_sources_ended(const struct ckpt *c)
{
	bool any = false;

	for (unsigned i = 0; i < c->n; i++) {
		if (c->sub[i].source && !c->sub[i].ended)
			return false;
		any = any || c->sub[i].source;
	}
	return any;
}

/* The kind that serves most of what waits; of STOP and DRAIN the one that was asked for first. */
static enum ckpt_kind
wanted(const struct ckpt *c)
{
	enum ckpt_kind kind = CKPT_PERIODIC;

	if (all_sources_ended(c))
		return CKPT_FINAL;
	for (unsigned i = 0; i < c->nreq && !ends_job(kind); i++) {
		if (c->req[i].epoch == 0 && c->req[i].kind > kind)
			kind = c->req[i].kind;
	}
	return kind;
}

/* When an idle coordinator triggers an epoch of this kind. */
static int64_t
due(const struct ckpt *c, enum ckpt_kind kind)
{
	if (kind == CKPT_PERIODIC)
		return c->due;
	return ends_job(kind) ? c->retry : INT64_MIN;
}

/* C26: the barrier of the epoch at hand is not waited for any more. */
static void
overtake(struct ckpt *c)
{
	c->flags |= BARRIER_UNALIGNED;
	c->overtake = CKPT_NEVER;
	act(c, ACT_OVERTAKE, c->epoch)->flags = c->flags;
}

static void
trigger(struct ckpt *c, int64_t now, enum ckpt_kind kind)
{
	bool may = c->conf.unaligned && kind < CKPT_SAVEPOINT;
	bool at_once = may && c->conf.after == 0;

	c->phase = CKPT_TRIGGERED;
	c->kind = kind;
	c->epoch++;
	c->flags = flags_of(kind) | (at_once ? BARRIER_UNALIGNED : 0);
	c->began = now;
	c->deadline = later(now, c->conf.timeout);
	c->overtake = may ? later(now, c->conf.after) : CKPT_NEVER;
	if (c->conf.every > 0)
		c->due = later(now, c->conf.every);
	for (unsigned i = 0; i < c->n; i++)
		c->sub[i].acked = false;
	for (unsigned i = 0; i < c->nreq; i++) {
		if (c->req[i].epoch == 0 && serves(kind, c->req[i].kind))
			c->req[i].epoch = c->epoch;
	}
	act(c, ACT_TRIGGER, c->epoch)->flags = c->flags;
	if (at_once)
		overtake(c);
}

/* Trigger what is due, if anything. */
static void
advance(struct ckpt *c, int64_t now)
{
	enum ckpt_kind kind = wanted(c);

	if (c->phase == CKPT_IDLE && !c->over && now >= due(c, kind))
		trigger(c, now, kind);
}

int64_t
ckpt_deadline(const struct ckpt *c)
{
	if (c->phase == CKPT_TRIGGERED)
		return c->overtake < c->deadline ? c->overtake : c->deadline;
	if (c->phase == CKPT_IDLE && !c->over)
		return due(c, wanted(c));
	return CKPT_NEVER;
}

/* ---- the end of an epoch ---- */

static void
end_epoch(struct ckpt *c, int64_t now)
{
	c->phase = CKPT_IDLE;
	c->ended = now;
	if (c->due != CKPT_NEVER && c->due < later(now, c->conf.min_pause))
		c->due = later(now, c->conf.min_pause);
}

/* C33: it counts as one failure.  A last epoch will be triggered again, so its requests wait. */
static void
abandon(struct ckpt *c, int64_t now, const char *why)
{
	unsigned i = 0;

	set_text(act(c, ACT_CANCEL, c->epoch), "%s", why);
	while (i < c->nreq) {
		if (c->req[i].epoch != c->epoch) {
			i++;
		} else if (ends_job(c->kind)) {
			c->req[i++].epoch = 0;
		} else {
			refuse(c, c->req[i].cookie, why);
			drop_request(c, i);
		}
	}
	end_epoch(c, now);
	if (ends_job(c->kind))
		c->retry = later(c->began, c->conf.every);
	if (++c->failures > c->conf.tolerate) {
		c->phase = CKPT_WAITING;
		set_text(act(c, ACT_FAIL, c->epoch), "%s", why);
	}
}

static void
complete(struct ckpt *c, int64_t now)
{
	end_epoch(c, now);
	c->complete = c->epoch;
	c->failures = 0;
	act(c, ACT_COMPLETE, c->epoch)->flags = c->flags;
	if (ends_job(c->kind)) {
		c->over = true;
		c->last = c->kind;
	}
	answer(c);
}

/* ---- events ---- */

void
ckpt_init(struct ckpt *c, const struct ckpt_conf *conf, struct ckpt_sub *sub, unsigned n,
	  uint64_t last)
{
	*c = (struct ckpt){
		.conf = *conf,
		.sub = sub,
		.n = n,
		.phase = CKPT_WAITING,
		.epoch = last,
		.complete = last,
		.due = CKPT_NEVER,
		.retry = INT64_MIN,
	};
}

void
ckpt_running(struct ckpt *c, int64_t now, bool restored)
{
	if (c->phase != CKPT_WAITING)
		return;
	c->phase = CKPT_IDLE;
	if (c->conf.every > 0)
		c->due = restored ? now : later(now, c->conf.every);
	advance(c, now);
}

void
ckpt_tick(struct ckpt *c, int64_t now)
{
	char why[sizeof(c->act[0].text)];
	unsigned acked = 0;

	if (c->phase == CKPT_TRIGGERED && now >= c->deadline) {
		for (unsigned i = 0; i < c->n; i++)
			acked += c->sub[i].acked;
		snprintf(why, sizeof(why),
			 "it expired after %" PRId64 " ms, when %u of %u subtasks had acked it",
			 now - c->began, acked, c->n);
		abandon(c, now, why);
	} else if (c->phase == CKPT_TRIGGERED && now >= c->overtake) {
		overtake(c);
	}
	advance(c, now);
}

void
ckpt_ack(struct ckpt *c, int64_t now, unsigned sub, uint64_t epoch)
{
	(void)now;
	if (c->phase != CKPT_TRIGGERED || epoch != c->epoch || sub >= c->n)
		return;
	c->sub[sub].acked = true;
	for (unsigned i = 0; i < c->n; i++) {
		if (!c->sub[i].acked)
			return;
	}
	c->phase = CKPT_STORING;
	act(c, ACT_STORE, c->epoch)->flags = c->flags;
}

void
ckpt_decline(struct ckpt *c, int64_t now, unsigned sub, uint64_t epoch, const char *why)
{
	char text[sizeof(c->act[0].text)];

	if (c->phase != CKPT_TRIGGERED || epoch != c->epoch || sub >= c->n)
		return;
	snprintf(text, sizeof(text), "subtask %u declined it: %s", sub, why);
	abandon(c, now, text);
	advance(c, now);
}

void
ckpt_stored(struct ckpt *c, int64_t now, uint64_t epoch, bool ok, const char *why)
{
	if (c->phase != CKPT_STORING || epoch != c->epoch)
		return;
	if (ok)
		complete(c, now);
	else
		abandon(c, now, why);
	advance(c, now);
}

void
ckpt_published(struct ckpt *c, int64_t now, unsigned sub, uint64_t epoch)
{
	(void)now;
	if (sub >= c->n || epoch <= c->sub[sub].published)
		return;
	c->sub[sub].published = epoch;
	answer(c);
}

void
ckpt_source_ended(struct ckpt *c, int64_t now, unsigned sub)
{
	if (sub >= c->n)
		return;
	c->sub[sub].ended = true;
	advance(c, now);
}

void
ckpt_request(struct ckpt *c, int64_t now, enum ckpt_kind kind, uint64_t cookie)
{
	bool in_flight = c->phase == CKPT_TRIGGERED || c->phase == CKPT_STORING;
	struct ckpt_req r = { .kind = kind, .cookie = cookie };

	assert(kind >= CKPT_ASKED && kind <= CKPT_DRAIN);
	if (c->over) {
		refuse(c, cookie, "the job is ending: its last checkpoint is complete");
		return;
	}
	if (c->nreq == CKPT_REQS) {
		refuse(c, cookie, "too many requests wait already; try again later");
		return;
	}
	/* Nothing comes after a last epoch, so it also serves what is asked while it is made. */
	if (in_flight && ends_job(c->kind) && serves(c->kind, kind))
		r.epoch = c->epoch;
	c->req[c->nreq++] = r;
	advance(c, now);
}
