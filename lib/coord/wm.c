/* wm: see wm.h. */
#include "coord/wm.h"

void
wm_init(struct wm *w, struct wm_chan *c, unsigned n)
{
	*w = (struct wm){ .c = c, .n = n, .out = WM_MIN };
	for (unsigned i = 0; i < n; i++)
		c[i] = (struct wm_chan){ .wm = WM_MIN };
}

/* Tell the minimum over active, caught-up channels if it is larger than the last output. */
static bool
advance(struct wm *w)
{
	int64_t min = WM_MAX;
	bool any = false;

	for (unsigned i = 0; i < w->n; i++) {
		if (w->c[i].idle || w->c[i].behind || w->c[i].ended)
			continue;
		any = true;
		if (w->c[i].wm < min)
			min = w->c[i].wm;
	}
	if (!any || min <= w->out)
		return false;
	w->out = min;
	return true;
}

struct wm_out
wm_mark(struct wm *w, unsigned chan, int64_t ms)
{
	struct wm_chan *c = &w->c[chan];
	struct wm_out o = { false, false, false };

	if (c->idle || ms <= c->wm)
		return o;
	c->wm = ms;
	if (c->behind && ms >= w->out)
		c->behind = false;
	if (!c->behind)
		o.watermark = advance(w);
	return o;
}

/* A channel has gone idle or ended; `held`: it was the one that held the output back. */
static struct wm_out
one_less(struct wm *w, bool held)
{
	struct wm_out o = { false, false, false };
	int64_t max = WM_MIN;
	bool any = false;

	for (unsigned i = 0; i < w->n; i++) {
		if (w->c[i].ended)
			continue;
		if (!w->c[i].idle) {
			o.watermark = advance(w);
			return o;
		}
		any = true;
		if (w->c[i].wm > max)
			max = w->c[i].wm;
	}
	if (!any)
		return o;
	if (held && max > w->out) {
		w->out = max;
		o.watermark = true;
	}
	o.idle = !w->out_idle;
	w->out_idle = true;
	return o;
}

struct wm_out
wm_idle(struct wm *w, unsigned chan)
{
	struct wm_chan *c = &w->c[chan];
	bool held = !c->behind && c->wm == w->out;

	if (c->idle || c->ended)
		return (struct wm_out){ false, false, false };
	c->idle = true;
	c->behind = false;
	return one_less(w, held);
}

struct wm_out
wm_end(struct wm *w, unsigned chan)
{
	struct wm_chan *c = &w->c[chan];
	bool held = !c->behind && !c->idle && c->wm == w->out;

	c->ended = true;
	return one_less(w, held);
}

struct wm_out
wm_active(struct wm *w, unsigned chan)
{
	struct wm_chan *c = &w->c[chan];
	struct wm_out o = { false, false, false };

	if (!c->idle)
		return o;
	c->idle = false;
	c->behind = c->wm < w->out;
	o.active = w->out_idle;
	w->out_idle = false;
	if (!c->behind)
		o.watermark = advance(w);
	return o;
}
