/* align: see align.h. */
#include "coord/align.h"

void
align_init(struct align *a, struct align_chan *c, unsigned n)
{
	*a = (struct align){ .c = c, .n = n };
	for (unsigned i = 0; i < n; i++)
		c[i] = (struct align_chan){ false, false, false };
}

/* Nothing is read ahead any more. */
static void
forgo(struct align *a)
{
	for (unsigned i = 0; i < a->n; i++)
		a->c[i].awaited = false;
}

/* The epoch at hand is over, and so is every one before it. */
static void
finish(struct align *a, uint64_t last)
{
	a->active = false;
	a->last = last;
	for (unsigned i = 0; i < a->n; i++)
		a->c[i].blocked = false;
	forgo(a);
}

/* Has every channel delivered the barrier or ended? */
static bool
all_counted(const struct align *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		if (!a->c[i].blocked && !a->c[i].ended)
			return false;
	}
	return true;
}

/* Is that epoch over here, or given up for the one that is being aligned? */
static bool
is_over(const struct align *a, uint64_t epoch)
{
	return epoch <= a->last || (a->active && epoch < a->bar.epoch);
}

/* BAR(b) is taken up, unless it has been; what is aborted for it goes to o. */
static void
take_up(struct align *a, const struct barrier *b, struct align_out *o)
{
	if (a->active && b->epoch > a->bar.epoch) {
		o->aborted = a->bar.epoch;
		finish(a, a->bar.epoch);
	}
	if (!a->active) {
		a->active = true;
		a->bar = *b;
	}
	a->bar.flags |= b->flags;
}

struct align_out
align_barrier(struct align *a, unsigned chan, const struct barrier *b)
{
	struct align_out o = { 0, 0, false };

	if (is_over(a, b->epoch) || a->c[chan].blocked)
		return o;
	take_up(a, b, &o);
	a->c[chan].blocked = true;
	o.complete = (a->bar.flags & BARRIER_UNALIGNED) != 0 || all_counted(a);
	return o;
}

struct align_out
align_overtake(struct align *a, const struct barrier *b)
{
	struct align_out o = { 0, 0, false };

	if (is_over(a, b->epoch))
		return o;
	take_up(a, b, &o);
	o.complete = true;
	return o;
}

struct align_out
align_cancel(struct align *a, uint64_t epoch)
{
	struct align_out o = { 0, 0, false };

	if (epoch == a->last)
		forgo(a);
	if (is_over(a, epoch))
		return o;
	finish(a, epoch);
	o.cancelled = epoch;
	return o;
}

struct align_out
align_end(struct align *a, unsigned chan)
{
	struct align_out o = { 0, 0, false };
	bool counted = a->c[chan].blocked || a->c[chan].ended;

	a->c[chan].ended = true;
	o.complete = a->active && !counted && all_counted(a);
	return o;
}

void
align_done(struct align *a)
{
	bool over = (a->bar.flags & BARRIER_UNALIGNED) != 0;

	for (unsigned i = 0; i < a->n; i++) {
		struct align_chan *c = &a->c[i];

		c->awaited = over && !c->blocked && !c->ended;
		c->blocked = false;
	}
	a->active = false;
	a->last = a->bar.epoch;
}

bool
align_awaits(const struct align *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		if (a->c[i].awaited)
			return true;
	}
	return false;
}

enum align_ahead
align_ahead(struct align *a, unsigned chan, enum frame_kind kind, uint64_t epoch)
{
	if (kind != FRAME_END && epoch < a->last)
		return AHEAD_ON;
	if (kind == FRAME_END || (kind == FRAME_BARRIER && epoch == a->last)) {
		a->c[chan].awaited = false;
		return AHEAD_HERE;
	}
	forgo(a);
	return AHEAD_LOST;
}
