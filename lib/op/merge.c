/* merge: the inputs of an operator become one -- HELLO, schemas, watermarks; see op_internal.h. */
#include <stdlib.h>

#include "fio/fio.h"
#include "op/op_internal.h"

/* HELLO goes out once every input has said its own: it carries their run ids and stages, then ours.
 */
int
op_greet(struct op *op)
{
	struct hello *h = &op->hello, all;
	int rc = 0;

	for (unsigned i = 0; i < op->nin; i++) {
		if (!op->in[i].greeted)
			return 0;
	}
	hello_init(&all);
	all.version = h->version;
	for (unsigned i = 0; i < op->nin && rc == 0; i++) {
		const struct hello *from = &op->in[i].hello;

		for (unsigned k = 0; k < from->nrun && all.nrun < 4; k++)
			memcpy(all.run[all.nrun++], from->run[k], 16);
		for (unsigned k = 0; k < from->n && rc == 0; k++)
			rc = hello_add_stage(&all, from->stages[k].words, from->stages[k].n);
	}
	if (all.nrun == 0 && fio_random(all.run[all.nrun++], 16) != 0)
		rc = ferr_sys(FERR_IO, "no random numbers");
	if (rc == 0)
		rc = hello_add_stage(&all, h->stages[0].words, h->stages[0].n);
	for (unsigned i = 0; i < op->nout && rc == 0; i++)
		rc = out_hello(&op->out[i], &all);
	for (struct op_side *s = op->sides; s != NULL && rc == 0; s = s->next)
		rc = out_hello(&s->out, &all);
	hello_fini(h);
	*h = all; /* a side output that is opened later begins with it, too */
	op->greeted = rc == 0;
	return rc == 0 ? op_tell_restored(op) : rc;
}

/* What goes on of a watermark. */
static int64_t
held_back(const struct op *op, int64_t wm)
{
	if (op->hold_back == INT64_MAX)
		return WM_MIN;
	if (wm == WM_MIN || wm == WM_MAX)
		return wm;
	return wm < WM_MIN + op->hold_back ? WM_MIN : wm - op->hold_back;
}

/*
 * After a restore: what was told last is told again.  A consumer that was rescaled begins with less
 * than that on its channels, and we would not say it a second time.
 */
int
op_tell_restored(struct op *op)
{
	int rc = 0;

	for (unsigned i = 0; i < op->nout && op->ep.on && rc == 0; i++) {
		if (held_back(op, op->wm.out) != WM_MIN)
			rc = out_mark(&op->out[i], held_back(op, op->wm.out), op->now);
		if (rc == 0 && op->wm.out_idle)
			rc = out_control(&op->out[i], FRAME_IDLE, NULL, 0);
	}
	return rc;
}

/* The number under which an input knows field i of a channel: by name, hidden ones by their place
 * in the key. */
static int
unify_field(struct schema *known, const struct schema *s, unsigned i)
{
	if ((s->f[i].flags & FIELD_HIDDEN) == 0)
		return schema_add(known, s->f[i].name, s->f[i].n);
	for (unsigned k = 0; k < s->nkey && k < known->nkey; k++) {
		if (s->key[k] == i && (known->f[known->key[k]].flags & FIELD_HIDDEN) != 0)
			return known->key[k];
	}
	return schema_add_hidden(known, s->f[i].name, s->f[i].n);
}

static void
take_key(struct schema *known, const struct schema *s, const int *map)
{
	known->keyed = s->keyed;
	known->groups = s->groups;
	known->nkey = s->nkey;
	for (unsigned i = 0; i < s->nkey; i++)
		known->key[i] = (uint16_t)map[s->key[i]];
}

static bool
same_key(const struct schema *known, const struct schema *s, const int *map)
{
	if (known->keyed != s->keyed || known->groups != s->groups || known->nkey != s->nkey)
		return false;
	for (unsigned i = 0; i < s->nkey; i++) {
		if (known->key[i] != map[s->key[i]])
			return false;
	}
	return true;
}

int
op_unify(struct schema *known, const struct schema *s, int **map)
{
	bool same = true;
	int *m = realloc(*map, (s->n + 1) * sizeof(*m)), k;

	if (m == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	*map = m;
	for (unsigned i = 0; i < s->n; i++) {
		if ((k = unify_field(known, s, i)) < 0)
			return k;
		m[i] = k;
		same = same && k == (int)i;
	}
	return same;
}

static int
unify(struct op *op, struct chan *c)
{
	struct op_input *in = &op->input[c->input];
	const struct schema *s = &c->schema;
	bool first = in->schema.n == 0;
	int same = op_unify(&in->schema, s, &c->map);

	if (same < 0)
		return same;
	/* With one channel a key may be another than before the restore. */
	if (first || in->nchans == 1)
		take_key(&in->schema, s, c->map);
	else if (!same_key(&in->schema, s, c->map))
		return ferr(FERR_USAGE, "the inputs have different keys; put one fkey behind them");
	in->schema.changing = in->schema.changing || s->changing;
	if (same) {
		free(c->map);
		c->map = NULL;
	}
	return 0;
}

int
op_take_schema(struct op *op, struct chan *c)
{
	struct op_input *in = &op->input[c->input];
	int rc;

	rc = in->nchans == 1 && !op->unify ? schema_copy(&in->schema, &c->schema) : unify(op, c);
	if (rc != 0 || (rc = op_version_note(op, c->input)) != 0)
		return rc;
	op->current = c->input;
	return op_tell_schema(op);
}

int
op_set_input_schema(struct op *op, unsigned input, const struct schema *s)
{
	int rc = schema_copy(&op->input[input].schema, s);

	if (rc != 0 || (rc = op_version_note(op, input)) != 0)
		return rc;
	op->current = input;
	return op_tell_schema(op);
}

int
op_tell_schema(struct op *op)
{
	return op->cls->on_schema != NULL ? op->cls->on_schema(op->self, op)
					  : op_set_schema(op, op_schema(op));
}

/* Forward what the watermark machine told; ACTIVE before, IDLE behind the mark. */
int
op_tell(struct op *op)
{
	struct wm_out t = op->told;
	int rc = 0;

	op->told = (struct wm_out){ false, false, false };
	if (t.watermark && op->cls->marks)
		rc = op->cls->on_mark(op->self, op, NULL, op->wm.out);
	for (unsigned i = 0; i < op->nout && rc == 0; i++) {
		if (t.watermark && held_back(op, op->wm.out) != WM_MIN)
			rc = out_mark(&op->out[i], held_back(op, op->wm.out), op->now);
		if (rc == 0 && t.idle)
			rc = out_control(&op->out[i], FRAME_IDLE, NULL, 0);
	}
	return rc;
}

/* call: of the class's on_watermark. */
static int
take_told(struct op *op, struct wm_out told, bool call)
{
	int rc = 0;

	op->told = told;
	for (unsigned i = 0; i < op->nout && told.active && rc == 0; i++)
		rc = out_control(&op->out[i], FRAME_ACTIVE, NULL, 0);
	if (rc == 0 && call && op->cls->on_watermark != NULL) {
		rc = op->cls->on_watermark(op->self, op, op->wm.out);
		if (rc == FERR_AGAIN) {
			op->pending = true;
			op->after = AFTER_MARK;
			return 0;
		}
	}
	return rc != 0 ? rc : op_tell(op);
}

int
op_take_watermark(struct op *op, struct chan *c, int64_t wm)
{
	struct wm_out told = wm_mark(&op->wm, c->id, wm);
	bool over = op->ninputs > 1 && wm == WM_MAX && op_input_watermark(op, c->input) == WM_MAX;

	return take_told(op, told, told.watermark || over);
}

int
op_take_idle(struct op *op, struct chan *c, bool idle)
{
	struct wm_out told = idle ? wm_idle(&op->wm, c->id) : wm_active(&op->wm, c->id);

	return take_told(op, told, told.watermark);
}
