/* key: see key.h. */
#include "key.h"

#include <stdlib.h>

#include "expr/expr.h"
#include "row/key.h"

/* One part of the key: a field of the record, or a hidden field that holds what an expression
 * gives. */
struct part {
	struct expr *e;
	char *name;
	bool hidden;
	int field; /* number in the outgoing schema */
};

struct keying {
	struct keying_spec spec;
	struct part part[SCHEMA_KEY_MAX];
	unsigned n;
	bool computed;	   /* some part is hidden: rows are made anew */
	struct schema out; /* outgoing: the incoming fields, then hidden ones */
	int *map;	   /* incoming to outgoing field numbers */
	unsigned *slots;   /* slots[n]: what a row that came with n slots leaves with */
	bool moved;	   /* map is not the identity */
	struct buf key, row;
	uint64_t rows;
};

/* ---- the parts ---- */

static int
add_part(struct keying *k, const char *text, size_t n, bool field)
{
	struct part *p = &k->part[k->n];
	const char *last, *joined;
	int rc;

	if (k->n == SCHEMA_KEY_MAX)
		return ferr(FERR_USAGE, "a key has at most %d fields", SCHEMA_KEY_MAX);
	while (n > 0 && *text == ' ') {
		text++;
		n--;
	}
	if (field && n == 0)
		return ferr(FERR_USAGE, "a field name is missing");
	if ((rc = expr_parse(&p->e, text, n, field ? EXPR_PATH : 0)) != 0)
		return rc;
	k->n++;
	if (!field) {
		p->hidden = true;
		p->name = strdup("key");
	} else if (!expr_is_path(p->e, &last, &joined)) {
		return ferr(FERR_USAGE, "'%.*s' is not a field; a computed key goes with --expr",
			    (int)n, text);
	} else {
		p->hidden = strcmp(last, joined) != 0; /* .a.b: the record has no field b */
		p->name = strdup(last);
	}
	for (unsigned i = 0; p->name != NULL && i + 1 < k->n; i++) {
		if (strcmp(k->part[i].name, p->name) == 0)
			return ferr(FERR_USAGE,
				    "two fields of the key are called '%s'; rename one with fmap "
				    "--rename first",
				    p->name);
	}
	k->computed = k->computed || p->hidden;
	return p->name == NULL ? ferr(FERR_NOMEM, "out of memory") : 0;
}

static int
add_field(void *cookie, const char *piece, size_t n)
{
	return add_part(cookie, piece, n, true);
}

int
keying_new(struct keying **out, const struct keying_spec *spec)
{
	struct keying *k;
	int rc = 0;

	if (spec->modes == 0 || spec->modes > 1)
		return ferr(FERR_USAGE, "what is the key? FIELD[,FIELD...], or one of --expr, "
					"--rebalance, --broadcast, --global");
	if ((k = calloc(1, sizeof(*k))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	k->spec = *spec;
	schema_init(&k->out);
	if (spec->mode == KEY_FIELDS)
		rc = expr_split(spec->text, ',', add_field, k);
	else if (spec->mode == KEY_EXPR &&
		 (rc = add_part(k, spec->text, strlen(spec->text), false)) != 0)
		rc = ferr_prefix(rc, "--expr");
	if (rc != 0) {
		keying_free(k);
		return rc;
	}
	*out = k;
	return 0;
}

void
keying_free(struct keying *k)
{
	if (k == NULL)
		return;
	for (unsigned i = 0; i < k->n; i++) {
		expr_free(k->part[i].e);
		free(k->part[i].name);
	}
	schema_fini(&k->out);
	buf_fini(&k->key);
	buf_fini(&k->row);
	free(k->map);
	free(k->slots);
	free(k);
}

/* ---- schema ---- */

/* Fields of the record keep their order; hidden ones of an earlier key go. */
static int
map_fields(struct keying *k, const struct schema *in)
{
	int *map = realloc(k->map, (in->n + 1) * sizeof(*map));

	unsigned *slots;

	if (map == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	k->map = map;
	if ((slots = realloc(k->slots, (in->n + 1) * sizeof(*slots))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	k->slots = slots;
	k->moved = false;
	for (unsigned i = 0; i < in->n; i++) {
		map[i] = -1;
		if ((in->f[i].flags & FIELD_HIDDEN) == 0 &&
		    (map[i] = schema_add(&k->out, in->f[i].name, in->f[i].n)) < 0)
			return map[i];
		k->moved = k->moved || map[i] != (int)i;
	}
	return 0;
}

static uint32_t
key_groups(const struct keying *k, const struct op *op)
{
	const struct op_task *t = op_task(op);

	return k->spec.groups != 0 ? (uint32_t)k->spec.groups : t != NULL ? t->out_groups : 128;
}

static int
keying_on_schema(void *self, struct op *op)
{
	struct keying *k = self;
	const struct schema *in = op_schema(op);
	bool first = k->out.n == 0 && k->out.nkey == 0;
	int rc;

	if ((rc = map_fields(k, in)) != 0)
		return rc;
	for (unsigned i = 0; i < k->n; i++) {
		struct part *p = &k->part[i];

		if ((rc = expr_bind(p->e, in)) != 0)
			return rc;
		if (!p->hidden)
			p->field = schema_add(&k->out, p->name, strlen(p->name));
		else if (first)
			p->field = schema_add_hidden(&k->out, p->name, strlen(p->name));
		if (p->field < 0)
			return p->field;
		k->out.key[i] = (uint16_t)p->field;
	}
	k->slots[0] = 0;
	for (unsigned i = 0; i < k->n; i++) {
		if (k->part[i].hidden && k->slots[0] <= (unsigned)k->part[i].field)
			k->slots[0] = (unsigned)k->part[i].field + 1;
	}
	for (unsigned i = 0; i < in->n; i++)
		k->slots[i + 1] =
		    (int)k->slots[i] > k->map[i] ? k->slots[i] : (unsigned)k->map[i] + 1;
	k->out.nkey = k->n;
	k->out.keyed = k->spec.mode <= KEY_EXPR || k->spec.mode == KEY_GLOBAL;
	k->out.groups = k->out.keyed ? key_groups(k, op) : 0;
	k->out.changing = in->changing;
	if (k->spec.mode == KEY_BROADCAST)
		op_broadcast(op);
	return op_set_schema(op, &k->out);
}

/* ---- rows ---- */

static int
hash_row(struct keying *k, uint8_t *row)
{
	int rc;

	k->key.n = 0;
	if ((rc = key_bytes(&k->out, row, &k->key)) == 0)
		row_set_hash(row, key_hash(k->key.p, k->key.n));
	return rc;
}

/* The row under the outgoing schema, with the hidden fields computed, in k->row. */
static int
rebuild(struct keying *k, struct op *op, const uint8_t *row)
{
	struct expr_ctx ctx = { .row = row, .schema = op_schema(op) };
	struct rowb w;
	struct val v;
	int rc;

	k->row.n = 0;
	if ((rc = rowb_begin(&w, &k->row, k->slots[row_n(row)], row_kind(row), row_time(row))) != 0)
		return rc;
	rc = rowb_fields(&w, row, k->map);
	for (unsigned i = 0; i < k->n && rc == 0; i++) {
		if (!k->part[i].hidden)
			continue;
		expr_arena_reset(k->part[i].e);
		if ((rc = expr_eval(k->part[i].e, &ctx, &v)) == 0)
			rc = rowb_set(&w, (unsigned)k->part[i].field, &v);
	}
	if (rc != 0) {
		rowb_drop(&w);
		return rc;
	}
	return rowb_end(&w);
}

static int
keying_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	struct keying *k = self;
	uint8_t *row = *p;
	int rc = 0;

	if (!k->computed && !k->moved) { /* in place: only the hash is new */
		for (; row < end && rc == 0; row += row_len(row)) {
			k->rows++;
			if (k->out.keyed) {
				rc = hash_row(k, row);
			} else {
				row[7] &= (uint8_t)~ROW_KEYED;
				le64put(row + 16, 0);
			}
		}
		if (rc == 0)
			rc = op_forward(op, *p, end);
		*p = end;
		return rc;
	}
	for (; row < end && rc == 0; row += row_len(row), *p = row) {
		k->rows++;
		if ((rc = rebuild(k, op, row)) == FERR_DATA) {
			rc = op_bad_row(op, row, ferr_text());
			continue;
		}
		if (rc == 0 && k->out.keyed)
			rc = hash_row(k, k->row.p);
		if (rc == 0)
			rc = op_forward(op, k->row.p, k->row.p + k->row.n);
	}
	return rc;
}

static int
keying_on_end(void *self, struct op *op)
{
	struct keying *k = self;

	for (unsigned i = 0; i < k->n && k->rows > 0; i++) {
		for (unsigned f = 0; f < expr_nfields(k->part[i].e); f++)
			op_warn_unseen(op, op_schema(op), expr_field(k->part[i].e, f));
	}
	return 0;
}

static void
keying_describe(void *self, struct op_facts *f)
{
	static const char *const by[] = { "key", "key", "rebalance", "broadcast", "global" };
	const struct keying *k = self;

	f->by = by[k->spec.mode];
	f->groups = (uint32_t)k->spec.groups;
	f->selects = f->passes = true;
	for (unsigned i = 0; i < k->n; i++) {
		for (unsigned e = 0; e < expr_nfields(k->part[i].e); e++)
			op_reads(f, expr_field(k->part[i].e, e));
	}
}

const struct op_class keying_class = {
	.name = "fkey",
	.describe = keying_describe,
	.on_schema = keying_on_schema,
	.on_rows = keying_on_rows,
	.on_end = keying_on_end,
};
