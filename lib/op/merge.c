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

/*
 * After a restore: what was told last is told again.  A consumer that was rescaled begins with less
 * than that on its channels, and we would not say it a second time.
 */
int
op_tell_restored(struct op *op)
{
	int rc = 0;

	for (unsigned i = 0; i < op->nout && op->ep.on && rc == 0; i++) {
		if (op->wm.out != WM_MIN)
			rc = out_mark(&op->out[i], op->wm.out, op->now);
		if (rc == 0 && op->wm.out_idle)
			rc = out_control(&op->out[i], FRAME_IDLE, NULL, 0);
	}
	return rc;
}

/* The number under which the operator knows field i of a channel: by name, hidden ones by their
 * place in the key. */
static int
unify_field(struct op *op, const struct schema *s, unsigned i)
{
	if ((s->f[i].flags & FIELD_HIDDEN) == 0)
		return schema_add(&op->schema, s->f[i].name, s->f[i].n);
	for (unsigned k = 0; k < s->nkey && k < op->schema.nkey; k++) {
		if (s->key[k] == i && (op->schema.f[op->schema.key[k]].flags & FIELD_HIDDEN) != 0)
			return op->schema.key[k];
	}
	return schema_add_hidden(&op->schema, s->f[i].name, s->f[i].n);
}

static int
unify(struct op *op, struct chan *c)
{
	const struct schema *s = &c->schema;
	bool same_key, same = true, first = op->schema.n == 0;
	int *map = realloc(c->map, (s->n + 1) * sizeof(*map)), k;

	if (map == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	c->map = map;
	for (unsigned i = 0; i < s->n; i++) {
		if ((k = unify_field(op, s, i)) < 0)
			return k;
		map[i] = k;
		same = same && k == (int)i;
	}
	if (first) {
		op->schema.keyed = s->keyed;
		op->schema.groups = s->groups;
		op->schema.nkey = s->nkey;
		for (unsigned i = 0; i < s->nkey; i++)
			op->schema.key[i] = (uint16_t)map[s->key[i]];
	}
	same_key = op->schema.keyed == s->keyed && op->schema.groups == s->groups &&
		   op->schema.nkey == s->nkey;
	for (unsigned i = 0; i < s->nkey && same_key; i++)
		same_key = op->schema.key[i] == map[s->key[i]];
	if (!same_key && op->nin == 1) { /* another key than before the restore: begin anew */
		free(c->map);
		c->map = NULL;
		return schema_copy(&op->schema, s);
	}
	if (!same_key)
		return ferr(FERR_USAGE, "the inputs have different keys; put one fkey behind them");
	op->schema.changing = op->schema.changing || s->changing;
	if (same) {
		free(c->map);
		c->map = NULL;
	}
	return 0;
}

int
op_take_schema(struct op *op, struct chan *c)
{
	int rc;

	rc = op->nin == 1 && !op->unify ? schema_copy(&op->schema, &c->schema) : unify(op, c);
	if (rc != 0)
		return rc;
	if (op->cls->on_schema != NULL)
		return op->cls->on_schema(op->self, op);
	return op_set_schema(op, &op->schema);
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
		if (t.watermark)
			rc = out_mark(&op->out[i], op->wm.out, op->now);
		if (rc == 0 && t.idle)
			rc = out_control(&op->out[i], FRAME_IDLE, NULL, 0);
	}
	return rc;
}

static int
take_told(struct op *op, struct wm_out told)
{
	int rc = 0;

	op->told = told;
	for (unsigned i = 0; i < op->nout && told.active && rc == 0; i++)
		rc = out_control(&op->out[i], FRAME_ACTIVE, NULL, 0);
	if (rc == 0 && told.watermark && op->cls->on_watermark != NULL) {
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
	return take_told(op, wm_mark(&op->wm, c->id, wm));
}

int
op_take_idle(struct op *op, struct chan *c, bool idle)
{
	return take_told(op, idle ? wm_idle(&op->wm, c->id) : wm_active(&op->wm, c->id));
}
