/*
 * chained: stages in the process of the one before them; see op_internal.h.
 *
 * Such a stage is an operator without inputs of its own: its rows are those that the stage before
 * emits to the edge, and its outputs are that edge's, borrowed.  Marks and barriers go past it,
 * behind the rows, as it has nothing to say of them.
 */
#include <stdlib.h>

#include "op/op_internal.h"

/* Behind what takes the edge's rows last. */
static int
put_behind(struct op *op, struct out_edge *e, const struct task_chain *c)
{
	struct op *b;
	int rc;

	if (e->behind != NULL)
		return put_behind(e->behind, &e->behind->edge[0], c);
	if ((b = calloc(1, sizeof(*b))) == NULL ||
	    (b->edge = calloc(1, sizeof(*b->edge))) == NULL ||
	    (b->in = calloc(1, sizeof(*b->in))) == NULL) {
		free(b != NULL ? b->edge : NULL);
		free(b);
		return ferr(FERR_NOMEM, "out of memory");
	}
	schema_init(&b->input[0].schema);
	schema_init(&b->out_schema);
	b->conf = op->conf;
	b->conf.on_bad = BAD_FAIL;
	b->ninputs = b->nedges = 1;
	b->out = op->out + e->first;
	b->nout = e->n;
	*b->edge = (struct out_edge){ .n = e->n, .number = e->number };
	for (unsigned i = 0; i < b->nout; i++)
		b->out[i].schema = &b->out_schema;
	e->behind = b;
	if ((rc = op->conf.chain->make(&b->cls, &b->self, c->words, (int)c->n)) != 0)
		b->cls = NULL;
	return rc;
}

int
op_chain_begin(struct op *op)
{
	const struct task_wires *w = &op->ep.wires;
	int rc = 0;

	for (unsigned i = 0; i < w->nchain && rc == 0; i++) {
		unsigned e = 0;

		while (e < op->nedges && op->edge[e].number != w->chain[i].edge)
			e++;
		if (e == op->nedges || op->conf.chain == NULL)
			return ferr(FERR_CORRUPT, "there is no edge for a stage in this process");
		rc = put_behind(op, &op->edge[e], &w->chain[i]);
	}
	return rc;
}

static void
end_edge(const struct op *op, struct out_edge *e)
{
	struct op *b = e->behind;

	if (b == NULL)
		return;
	end_edge(op, &b->edge[0]);
	if (b->cls != NULL)
		op->conf.chain->free(b->self);
	schema_fini(&b->input[0].schema);
	schema_fini(&b->out_schema);
	buf_fini(&b->row);
	free(b->edge);
	free(b->in);
	free(b);
}

void
op_chain_end(struct op *op)
{
	for (unsigned i = 0; i < op->nedges; i++)
		end_edge(op, &op->edge[i]);
}

int
op_chain_schema(struct op *op, struct out_edge *e)
{
	struct op *b = e->behind;
	int rc = schema_copy(&b->input[0].schema, &op->out_schema);

	if (rc == 0 && (rc = op_tell_schema(b)) != 0)
		rc = ferr_prefix(rc, "%s", b->cls->name);
	return rc;
}

int
op_chain_rows(struct op *op, struct out_edge *e, const uint8_t *p, const uint8_t *end)
{
	struct op *b = e->behind;
	uint8_t *q = (uint8_t *)(uintptr_t)p;
	struct chan *c = &b->in[0];
	int rc;

	/* For messages, which count records. */
	b->nin = 1;
	c->run = q;
	c->before = c->count;
	c->end = (uint8_t *)(uintptr_t)end;
	b->now = op->now;
	rc = b->cls->on_rows(b->self, b, &q, c->end);
	for (const uint8_t *r = p; r < q; r += row_len(r))
		c->count++;
	return rc != 0 ? ferr_prefix(rc, "%s", b->cls->name) : 0;
}

int
op_chain_finish(struct op *op)
{
	int rc = 0;

	for (unsigned i = 0; i < op->nedges && rc == 0; i++) {
		struct op *b = op->edge[i].behind;

		if (b == NULL)
			continue;
		if (b->cls->on_end != NULL)
			rc = b->cls->on_end(b->self, b);
		if (rc == 0)
			rc = op_chain_finish(b);
	}
	return rc;
}
