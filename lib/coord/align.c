/* align: see align.h. */
#include "coord/align.h"

void
align_init(struct align *a, struct align_chan *c, unsigned n)
{
	*a = (struct align){ .c = c, .n = n };
	for (unsigned i = 0; i < n; i++)
		c[i] = (struct align_chan){ false, false };
}

/* The epoch at hand is over, and so is every one before it. */
static void
finish(struct align *a, uint64_t last)
{
	a->active = false;
	a->last = last;
	for (unsigned i = 0; i < a->n; i++)
		a->c[i].blocked = false;
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

struct align_out
align_barrier(struct align *a, unsigned chan, const struct barrier *b)
{
	struct align_out o = { 0, 0, false };

	if (b->epoch <= a->last || (a->active && b->epoch < a->bar.epoch) || a->c[chan].blocked)
		return o;
	if (a->active && b->epoch > a->bar.epoch) {
		o.aborted = a->bar.epoch;
		finish(a, a->bar.epoch);
	}
	if (!a->active) {
		a->active = true;
		a->bar = *b;
	}
	a->c[chan].blocked = true;
	o.complete = all_counted(a);
	return o;
}

struct align_out
align_cancel(struct align *a, unsigned chan, uint64_t epoch)
{
	struct align_out o = { 0, 0, false };

	(void)chan;
	if (epoch <= a->last || (a->active && epoch < a->bar.epoch))
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
	finish(a, a->bar.epoch);
}
