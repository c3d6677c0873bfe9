/*
 * progress: what a restore needs beside the state -- the signature, the numbers, and groups that
 * are ahead; see win_internal.h.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/unit.h"
#include "win/win_internal.h"

#define WATERMARK "watermark" /* the number's name */

void
win_describe(void *self, struct op_facts *f)
{
	const struct win *w = self;

	f->stateful = true;
	f->side[0] = w->spec.late;
	f->selects = true; /* the key's fields are named by who sets it */
	for (unsigned i = 0; i < aggs_nfields(w->aggs); i++)
		op_reads(f, aggs_field(w->aggs, i));
	f->passes = w->ops->rows;
	for (unsigned i = 0; w->by != NULL && i < expr_nfields(w->by); i++)
		op_reads(f, expr_field(w->by, i));
	if (w->ops->rows && w->spec.rank != NULL)
		op_makes(f, w->spec.rank);
}

/* ---- the signature ---- */

const char *
win_signature(void *self)
{
	return ((const struct win *)self)->signature;
}

static int
put_duration(struct buf *b, const char *before, int64_t ms)
{
	char text[48];

	return buf_printf(b, "%s%s", before, unit_print_duration(ms, text));
}

static int
put_best(const struct win_spec *s, struct buf *b)
{
	char *by = aggs_canonical(s->by);
	int rc = by != NULL ? buf_printf(b, " %lld:%s", (long long)s->size, by)
			    : ferr(FERR_NOMEM, "out of memory");

	free(by);
	return rc;
}

static int
put_sizes(const struct win_spec *s, struct buf *b)
{
	int rc = 0;

	switch (s->kind) {
	case WIN_TUMBLE:
	case WIN_SESSION: return put_duration(b, " ", s->size);
	case WIN_SLIDE:
	case WIN_CUMULATE:
		rc = put_duration(b, " ", s->size);
		return rc != 0 ? rc : put_duration(b, "/", s->slide);
	case WIN_COUNT:
		rc = buf_printf(b, " %lld", (long long)s->size);
		return rc != 0 || s->slide == 0 ? rc : buf_printf(b, "/%lld", (long long)s->slide);
	case WIN_TOP: return put_best(s, b);
	default: return 0;
	}
}

int
win_sign(struct win *w)
{
	static const char *const kinds[] = { "",	 "tumble", "slide",  "session",
					     "cumulate", "count",  "global", "running",
					     "first",	 "last",   "top" };
	const struct win_spec *s = &w->spec;
	struct buf b = BUF_INIT;
	int rc;

	if ((rc = buf_puts(&b, kinds[s->kind])) == 0)
		rc = put_sizes(s, &b);
	if (rc == 0 && s->proc)
		rc = buf_puts(&b, " by processing time");
	if (rc == 0 && s->offset != 0)
		rc = put_duration(&b, " offset ", s->offset);
	if (rc == 0 && s->tz != NULL)
		rc = buf_printf(&b, " tz %s", s->tz);
	if (rc == 0 && s->lateness != 0)
		rc = put_duration(&b, " lateness ", s->lateness);
	if (rc == 0 && s->early != 0)
		rc = put_duration(&b, " early ", s->early);
	if (rc == 0 && aggs_n(w->aggs) > 0)
		rc = buf_printf(&b, " %s", aggs_signature(w->aggs));
	if (rc == 0 && (w->signature = strndup((const char *)b.p, b.n)) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	buf_fini(&b);
	return rc;
}

/* ---- groups that are ahead ---- */

/* Group g has come to wm. */
static int
put_ahead(struct win *w, uint32_t g, int64_t wm)
{
	uint8_t bytes[2];
	struct state_key k = { .p = bytes, .n = sizeof(bytes) };
	int64_t *v;
	bool fresh;

	le16put(bytes, (uint16_t)g);
	k.hash = key_hash(bytes, sizeof(bytes));
	if ((v = state_put(w->ahead.map, 0, &k, &fresh)) == NULL)
		return win_failed(w);
	if (fresh || wm > *v)
		*v = wm;
	return 0;
}

/* The groups of old subtasks that had come further than the one that came least far. */
static int
note_ahead(struct win *w, const struct op_task *t)
{
	int rc = 0;

	for (unsigned i = 0; i < t->nsnap; i++) {
		const struct snap *s = &t->snap[i];
		uint32_t lo = group_lo(s->subtask, s->parallel, s->groups),
			 hi = group_hi(s->subtask, s->parallel, s->groups);
		int64_t wm = w->wm;

		for (unsigned k = 0; k < s->nnumber; k++) {
			if (strcmp(s->number[k].name, WATERMARK) == 0)
				wm = s->number[k].v;
		}
		for (uint32_t g = lo < t->lo ? t->lo : lo;
		     wm > w->wm && g <= hi && g <= t->hi && rc == 0; g++)
			rc = put_ahead(w, g, wm);
	}
	return rc;
}

/* Fill w->ahead from its map. */
static int
load_ahead(struct win *w, uint32_t groups)
{
	struct win_ahead *a = &w->ahead;
	struct state_walk walk = { 0 };
	const int64_t *v;
	int rc;

	if (state_ns_count(a->map, 0) == 0)
		return 0;
	if ((a->wm = malloc(groups * sizeof(*a->wm))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	a->groups = groups;
	a->most = WM_MIN;
	for (uint32_t g = 0; g < groups; g++)
		a->wm[g] = WM_MIN;
	rc = state_walk_begin(&walk, a->map, 0, false);
	while (rc == 0 && (v = state_walk_next(&walk, &rc)) != NULL) {
		struct state_key k = state_key_of(a->map, v);
		uint32_t g = le16get(k.p);

		if (g >= groups) {
			rc = ferr(FERR_CORRUPT, "a value in state has key group %u of %u", g,
				  groups);
			break;
		}
		a->wm[g] = *v;
		if (*v > a->most)
			a->most = *v;
	}
	state_walk_end(&walk);
	return rc;
}

int
win_caught_up(struct win *w)
{
	if (w->ahead.wm == NULL || w->wm < w->ahead.most)
		return 0;
	free(w->ahead.wm);
	w->ahead.wm = NULL;
	return state_ns_drop(w->ahead.map, 0);
}

/* ---- numbers ---- */

int
win_progress_open(struct win *w, struct op *op)
{
	static const struct state_type ahead = {
		.name = "ahead", .size = sizeof(int64_t), .version = 1, .grouped = true
	};
	struct win_numbers *n = &w->numbers;
	int rc;

	if ((rc = state_map_open(w->state, &w->ahead.map, &ahead)) != 0 ||
	    (rc = op_number(op, WATERMARK, SNAP_MIN, &n->wm)) != 0 ||
	    (rc = op_number(op, "late", SNAP_SUM, &n->late)) != 0 ||
	    (rc = op_number(op, "late.told", SNAP_SUM, &n->told)) != 0 ||
	    (rc = op_number(op, "rows", SNAP_SUM, &n->rows)) != 0 ||
	    (rc = op_number(op, "arrivals", SNAP_MAX, &n->arrivals)) != 0)
		return rc;
	*n->wm = WM_MIN;
	return 0;
}

int
win_on_barrier(void *self, struct op *op, const struct barrier *b)
{
	struct win *w = self;
	int rc = 0;

	/* The runtime does not know of what the clock has made due. */
	if (w->spec.proc && (rc = win_fire_due(w, op, true)) != 0)
		return rc;
	assert(!w->cur.active);
	*w->numbers.wm = w->wm;
	*w->numbers.late = (int64_t)w->nlate;
	if ((b->flags & (BARRIER_FINAL | BARRIER_STOP | BARRIER_DRAIN)) != 0)
		*w->numbers.told = (int64_t)w->nlate;
	*w->numbers.rows = (int64_t)w->nrows;
	*w->numbers.arrivals = (int64_t)aggs_arrivals(w->aggs);
	return 0;
}

int
win_on_restored(void *self, struct op *op, uint64_t *equal)
{
	struct win *w = self;
	const struct op_task *t = op_task(op);
	int rc = 0;

	(void)equal;
	w->wm = *w->numbers.wm;
	w->nlate = (uint64_t)*w->numbers.late;
	w->late_before = (uint64_t)*w->numbers.told;
	w->nrows = (uint64_t)*w->numbers.rows;
	aggs_set_arrivals(w->aggs, (uint64_t)*w->numbers.arrivals);
	if (!t->same)
		rc = note_ahead(w, t);
	if (rc == 0)
		rc = load_ahead(w, t->groups);
	if (rc == 0)
		rc = win_caught_up(w);
	if (rc == 0 && w->ops->restored != NULL)
		rc = w->ops->restored(w);
	return rc == 0 && w->spec.proc ? win_wake(w, op) : rc;
}
