/* version: the schemas that the inputs have and had, which rows in state name; see op_internal.h.
 */
#include <stdlib.h>

#include "op/op_internal.h"
#include "row/key.h"

const struct op_version *
op_version_find(const struct op *op, unsigned input, uint64_t hash)
{
	for (unsigned i = op->nversions; i > 0; i--) {
		const struct op_version *v = &op->version[i - 1];

		if (v->input == input && v->hash == hash)
			return v;
	}
	return NULL;
}

/* Schema p[0..n) is known. */
static int
add(struct op *op, unsigned input, const uint8_t *p, size_t n, struct op_version **out)
{
	struct op_version *v = realloc(op->version, (op->nversions + 1) * sizeof(*v));

	if (v == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	op->version = v;
	v += op->nversions++;
	*v = (struct op_version){ .input = input, .hash = key_hash(p, n) };
	schema_init(&v->schema);
	*out = v;
	return schema_decode(&v->schema, p, n);
}

int
op_version_note(struct op *op, unsigned input)
{
	struct op_input *in = &op->input[input];
	struct op_version *v;
	struct buf b = BUF_INIT;
	int rc = schema_encode(&in->schema, &b);

	if (rc == 0) {
		in->version = key_hash(b.p, b.n);
		if (op_version_find(op, input, in->version) == NULL)
			rc = add(op, input, b.p, b.n, &v);
	}
	buf_fini(&b);
	return rc;
}

int
op_version_snap(const struct op *op, struct snap *s)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	for (unsigned i = 0; i < op->nversions && rc == 0; i++) {
		const struct op_version *v = &op->version[i];

		if (!op->bags && v->hash != op->input[v->input].version)
			continue;
		b.n = 0;
		if ((rc = schema_encode(&v->schema, &b)) == 0)
			rc = snap_add_schema(s, v->input, b.p, b.n);
	}
	buf_fini(&b);
	return rc;
}

/* Fields keep the numbers of the first snapshot that has any; others' are found by name. */
static int
adopt(struct op *op, uint32_t input, const uint8_t *p, size_t n)
{
	struct op_input *in = &op->input[input];
	struct op_version *v = NULL;
	int rc;

	if (op_version_find(op, input, key_hash(p, n)) != NULL)
		return 0;
	if ((rc = add(op, input, p, n, &v)) != 0)
		return rc;
	if (in->schema.n == 0 || schema_extends(&v->schema, &in->schema))
		return schema_copy(&in->schema, &v->schema);
	if ((rc = op_unify(&in->schema, &v->schema, &v->map)) < 0)
		return rc;
	if (rc == 1) {
		free(v->map);
		v->map = NULL;
	}
	return 0;
}

int
op_version_restore(struct op *op)
{
	const struct op_task *t = &op->ep.task;
	const uint8_t *p;
	uint32_t input;
	size_t n;
	int rc = 0;

	for (unsigned k = 0; k < t->nsnap && rc >= 0; k++) {
		/* Ours first: its numbers are those of the state that we load. */
		const struct snap *s = &t->snap[(t->subtask + k) % t->nsnap];
		size_t at = 0;

		while ((rc = snap_next_schema(s, &at, &input, &p, &n)) == 1) {
			if (input >= op->ninputs)
				rc = ferr(FERR_CORRUPT, "a snapshot has a schema of input %u",
					  input);
			else
				rc = adopt(op, input, p, n);
			if (rc < 0)
				return rc;
		}
	}
	for (unsigned i = 0; i < op->ninputs && rc == 0; i++) {
		if (op->input[i].schema.n > 0 || op->input[i].schema.keyed)
			rc = op_version_note(op, i);
	}
	return rc;
}

void
op_version_fini(struct op *op)
{
	for (unsigned i = 0; i < op->nversions; i++) {
		schema_fini(&op->version[i].schema);
		free(op->version[i].map);
	}
	free(op->version);
}
