/* ttl: keys that live as long as records of theirs come, or --ttl lets them; see win_internal.h. */
#include "win/win_internal.h"

/* Has the value outlived --ttl? */
static bool
over(const struct win *w, const struct win_head *h, int64_t now)
{
	return w->spec.ttl != 0 && h->time != ROW_NOTIME && sat_add(h->time, w->spec.ttl) <= now;
}

/* ... when a record of time ts comes? */
static bool
expired(const struct win *w, const struct win_head *h, int64_t ts)
{
	return over(w, h, ts > w->row_wm ? ts : w->row_wm);
}

void *
win_look_up(struct win *w, int64_t ts, const struct state_key *k, int *rc)
{
	struct win_head *h = state_find(w->map, 0, k);

	*rc = h == NULL ? state_error(w->state) : 0;
	return h != NULL && !expired(w, h, ts) ? h : NULL;
}

void *
win_touch(struct win *w, int64_t ts, const struct state_key *k)
{
	struct win_head *h;
	bool fresh;

	if ((h = state_put(w->map, 0, k, &fresh)) == NULL)
		return NULL;
	if (!fresh && expired(w, h, ts)) {
		if (state_drop(w->map, 0, h) != 0 || (h = state_put(w->map, 0, k, &fresh)) == NULL)
			return NULL;
	}
	if (fresh)
		h->time = ROW_NOTIME;
	if (ts > h->time)
		h->time = ts;
	return h;
}

int
win_expire(struct win *w, int64_t now)
{
	struct state_walk walk = { 0 };
	struct win_head *h;
	int rc = state_walk_begin(&walk, w->map, 0, false);

	while (rc == 0 && (h = state_walk_next(&walk, &rc)) != NULL) {
		if (over(w, h, now))
			rc = state_drop(w->map, 0, h);
	}
	state_walk_end(&walk);
	return rc;
}

/* Once per quarter of the time to live.  When does not matter: nothing expired is ever read. */
int
win_sweep(struct win *w, struct op *op)
{
	(void)op;
	if (w->spec.ttl == 0 || w->wm == WM_MAX || w->wm < sat_add(w->swept, w->spec.ttl / 4))
		return 0;
	w->swept = w->wm;
	return win_expire(w, w->wm);
}

int
win_sweep_restored(struct win *w)
{
	w->swept = w->wm;
	return 0;
}
