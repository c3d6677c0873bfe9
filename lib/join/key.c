/* key: the keys that a join compares, from the fields of --on; see join_internal.h. */
#include <stdlib.h>

#include "base/bytes.h"
#include "join/join_internal.h"

#define NO_FIELD UINT16_MAX /* a row never has so many: absent */

struct adding {
	struct join *j;
	unsigned side, n;
};

static int
add_part(void *cookie, const char *piece, size_t n)
{
	struct adding *a = cookie;
	const char *last, *joined;
	struct expr **e;
	int rc;

	if (a->n == SCHEMA_KEY_MAX)
		return ferr(FERR_USAGE, "a key has at most %d fields", SCHEMA_KEY_MAX);
	e = &a->j->key[a->side][a->n++];
	if ((rc = expr_parse(e, piece, n, EXPR_PATH)) != 0)
		return rc;
	if (!expr_is_path(*e, &last, &joined))
		return ferr(FERR_USAGE, "'%.*s' is not a field; compute it with fmap --set before",
			    (int)n, piece);
	if (strcmp(last, joined) != 0)
		a->j->plain[a->side] = false;
	return 0;
}

int
join_keys_new(struct join *j)
{
	static const char *const options[2] = { "--left-on", "--right-on" };
	const struct join_spec *s = &j->spec;
	const char *text[2] = { s->on != NULL ? s->on : s->left_on,
				s->on != NULL ? s->on : s->right_on };
	struct adding a[2] = { { j, LEFT, 0 }, { j, RIGHT, 0 } };
	int rc = 0;

	for (unsigned side = 0; side < 2 && rc == 0; side++) {
		j->plain[side] = true;
		if ((rc = expr_split(text[side], ',', add_part, &a[side])) == 0 && a[side].n == 0)
			rc = ferr(FERR_USAGE, "a field name is missing");
		if (rc != 0)
			rc = ferr_prefix(rc, "%s", s->on != NULL ? "--on" : options[side]);
	}
	if (rc == 0 && a[LEFT].n != a[RIGHT].n)
		rc = ferr(FERR_USAGE, "--left-on has %u field%s and --right-on %u", a[LEFT].n,
			  a[LEFT].n == 1 ? "" : "s", a[RIGHT].n);
	j->nkey = a[LEFT].n;
	return rc;
}

void
join_keys_free(struct join *j)
{
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned i = 0; i < SCHEMA_KEY_MAX; i++)
			expr_free(j->key[side][i]);
	}
}

/* With several subtasks rows come by the key that fkey set: it has to be ours.  A table is whole in
 * each of them. */
static int
check_routing(const struct join *j, struct op *op, unsigned side)
{
	static const char *const names[2] = { "left", "right" };
	const struct schema *s = op_schema_of(op, side);
	const char *field, *last, *joined;
	bool same = s->keyed && s->nkey == j->nkey;

	if (op_task(op) == NULL || op_task(op)->parallel == 1 || j->spec.table != NULL)
		return 0;
	for (unsigned i = 0; i < j->nkey && same; i++)
		same = expr_is_path(j->key[side][i], &last, &joined) &&
		       strcmp(s->f[s->key[i]].name, last) == 0;
	if (same)
		return 0;
	field = j->spec.on != NULL ? j->spec.on : side == LEFT ? j->spec.left_on : j->spec.right_on;
	return ferr(FERR_USAGE,
		    "the %s input does not come by the key that is joined on, which several "
		    "subtasks need: put fkey %s before it",
		    names[side], field);
}

int
join_keys_schema(struct join *j, struct op *op, unsigned side)
{
	const struct schema *s = op_schema_of(op, side);
	int rc = 0, field;

	j->shape[side].nkey = j->nkey;
	for (unsigned i = 0; i < j->nkey && rc == 0; i++) {
		struct expr *e = j->key[side][i];
		const char *name = expr_field(e, 0);

		rc = expr_bind(e, s);
		field = schema_find(s, name, strlen(name));
		j->shape[side].key[i] = field >= 0 ? (uint16_t)field : NO_FIELD;
	}
	return rc != 0 ? rc : check_routing(j, op, side);
}

/* Paths into fields: as key_bytes, from what the expressions give. */
static int
put_parts(struct join *j, unsigned side, const uint8_t *row, struct buf *out)
{
	struct expr_ctx ctx = { .row = row };
	struct val v;
	size_t at;
	int rc = 0;

	for (unsigned i = 0; i < j->nkey && rc == 0; i++) {
		at = out->n;
		if (j->nkey > 1 && (rc = buf_put(out, (uint8_t[4]){ 0 }, 4)) != 0)
			break;
		expr_arena_reset(j->key[side][i]);
		if ((rc = expr_eval(j->key[side][i], &ctx, &v)) == 0)
			rc = key_part(&v, out);
		if (rc == 0 && j->nkey > 1)
			le32put(out->p + at, (uint32_t)(out->n - at - 4));
	}
	return rc;
}

bool
join_key_null(const struct join *j, const uint8_t *p, size_t n)
{
	size_t len;

	if (j->nkey == 1)
		return n > 0 && p[0] == VAL_NULL;
	for (; n > 4; p += len, n -= len) {
		if (p[4] == VAL_NULL)
			return true;
		len = 4 + le32get(p);
	}
	return false;
}

int
join_key_bytes(struct join *j, unsigned side, const uint8_t *row, struct buf *out, bool *null)
{
	size_t at = out->n;
	int rc =
	    j->plain[side] ? key_bytes(&j->shape[side], row, out) : put_parts(j, side, row, out);

	if (rc == 0)
		*null = join_key_null(j, out->p + at, out->n - at);
	return rc;
}
