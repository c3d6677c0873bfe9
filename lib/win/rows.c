/* rows: what the kinds share that give out records; see win_internal.h. */
#include <stdlib.h>

#include "win/win_internal.h"

int
win_bag_open(struct win *w, struct op *op, struct state_map **out, const char *name, size_t head)
{
	w->bag = (struct bag_type){ .name = name, .head = (uint32_t)head, .n = 1 };
	return bag_map_open(op, out, &w->bag);
}

/* ---- schemas ---- */

static int
add_field(struct schema *s, const struct field *f)
{
	return (f->flags & FIELD_HIDDEN) != 0 ? schema_add_hidden(s, f->name, f->n)
					      : schema_add(s, f->name, f->n);
}

/* The rank stands behind the fields that were there at first; those that show up later stand behind
 * it. */
static int
ranked_schema(struct win *w, struct schema *s, const struct schema *in)
{
	const char *rank = w->spec.rank;
	int *map = realloc(w->fields_out, (in->n + 1) * sizeof(*map)), rc = 0;

	if (map == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	w->fields_out = map;
	if (schema_find(in, rank, strlen(rank)) >= 0)
		return ferr(FERR_USAGE,
			    "--rank: the records have a field '%s' already; take another name",
			    rank);
	if (!w->bound)
		w->rank = in->n;
	for (unsigned i = 0; i <= in->n && rc >= 0; i++) {
		if (i == w->rank)
			rc = schema_add(s, rank, strlen(rank));
		if (i < in->n && rc >= 0)
			rc = map[i] = add_field(s, &in->f[i]);
	}
	s->keyed = in->keyed;
	s->groups = in->groups;
	s->nkey = in->nkey;
	for (unsigned i = 0; i < in->nkey && rc >= 0; i++)
		s->key[i] = (uint16_t)map[in->key[i]];
	return rc < 0 ? rc : 0;
}

int
win_rows_schema(struct win *w, struct op *op)
{
	const struct schema *in = op_schema(op);
	struct schema s;
	int rc;

	schema_init(&s);
	rc = w->spec.rank != NULL ? ranked_schema(w, &s, in) : schema_copy(&s, in);
	s.changing = w->spec.kind != WIN_FIRST;
	if (rc == 0)
		rc = op_set_schema(op, &s);
	schema_fini(&s);
	return rc;
}

/* ---- rows out ---- */

/* Append the row with its fields where they belong. */
static int
put_ranked(const struct win *w, struct buf *out, const uint8_t *row, unsigned n, uint64_t rank)
{
	struct val v = val_i64((int64_t)rank);
	struct rowb b;
	int rc;

	if ((rc = rowb_begin(&b, out, n, ROW_INSERT, row_time(row))) != 0)
		return rc;
	if ((rc = rowb_fields(&b, row, w->fields_out)) == 0)
		rc = rowb_set(&b, w->rank, &v);
	if (rc == 0)
		return rowb_end(&b);
	rowb_drop(&b);
	return rc;
}

int
win_give(struct win *w, struct op *op, const uint8_t *row, enum row_kind kind, uint64_t hash,
	 uint64_t rank)
{
	const struct schema *s = op_out_schema(op);
	struct buf *out = op_rows_buf(op);
	size_t at = out->n;
	int rc;

	rc = w->spec.rank != NULL ? put_ranked(w, out, row, s->n, rank)
				  : buf_put(out, row, row_len(row));
	if (rc != 0)
		return rc;
	out->p[at + 6] = (uint8_t)kind;
	out->p[at + 7] = s->keyed ? ROW_KEYED : 0;
	le64put(out->p + at + 16, s->keyed ? hash : 0);
	return op_rows_done(op, at, 1);
}
