/* out: what a join gives out -- fields of both sides, --select, --match; see join_internal.h. */
#include <stdio.h>
#include <stdlib.h>

#include "fmt/json.h"
#include "join/join_internal.h"

/* The row of a side that is not there: it has no fields. */
static const _Alignas(8) uint8_t nothing[ROW_HDR] = { ROW_HDR, [15] = 0x80 };

/* ---- the list ---- */

/* NULL: no memory. */
static struct join_item *
add_item(struct join_out *o)
{
	struct join_item *v = realloc(o->item, (o->nitems + 1) * sizeof(*v));

	if (v == NULL)
		return NULL;
	o->item = v;
	v += o->nitems++;
	*v = (struct join_item){ .field = -1 };
	return v;
}

static bool
one_sided(const struct join *j)
{
	return j->spec.type == JOIN_SEMI || j->spec.type == JOIN_ANTI;
}

static int
add_all(struct join *j, unsigned side)
{
	struct join_item *it;

	if (side == RIGHT && one_sided(j))
		return ferr(FERR_USAGE, "semi and anti joins give left records: r.* cannot be "
					"selected");
	if ((it = add_item(&j->out)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	it->all = true;
	it->side = side;
	return 0;
}

static unsigned
expr_flags(const struct join *j)
{
	return EXPR_LR | (j->spec.kind == JOIN_WINDOW ? EXPR_HAVING : 0);
}

/* Which sides does it read?  Fields of .r are refused where there is no right row. */
static int
check_sides(const struct join *j, const struct expr *e)
{
	for (unsigned i = 0; i < expr_nfields(e) && one_sided(j); i++) {
		if (expr_field_right(e, i))
			return ferr(FERR_USAGE,
				    "semi and anti joins give left records: .r.%s cannot be "
				    "selected",
				    expr_field(e, i));
	}
	return 0;
}

static int
select_piece(void *cookie, const char *piece, size_t n)
{
	struct join *j = cookie;
	const char *name, *rest, *last, *joined;
	struct join_item *it;
	size_t nname;
	int rc;

	if (n > 0 && *piece == '.' && n == 4 && piece[2] == '.' && piece[3] == '*')
		piece++, n--; /* .l.* */
	if (n == 3 && (piece[0] == 'l' || piece[0] == 'r') && strncmp(piece + 1, ".*", 2) == 0)
		return add_all(j, piece[0] == 'l' ? LEFT : RIGHT);
	if ((it = add_item(&j->out)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rest = expr_assign(piece, n, &name, &nname)) != NULL) {
		n -= (size_t)(rest - piece);
		piece = rest;
		it->name = strndup(name, nname);
	}
	if ((rc = expr_parse(&it->e, piece, n, expr_flags(j))) != 0 ||
	    (rc = check_sides(j, it->e)) != 0)
		return rc;
	if (rest == NULL) {
		if (!expr_is_path(it->e, &last, &joined))
			return ferr(FERR_USAGE, "'%.*s' needs a name: NAME = %.*s", (int)n, piece,
				    (int)n, piece);
		it->name = strdup(last);
	}
	return it->name != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
}

static int
check_names(const struct join_out *o)
{
	for (unsigned i = 0; i < o->nitems; i++) {
		for (unsigned k = 0; k < i; k++) {
			const struct join_item *a = &o->item[k], *b = &o->item[i];

			if (a->name != NULL && b->name != NULL && strcmp(a->name, b->name) == 0)
				return ferr(FERR_USAGE, "two fields of the result are called '%s'",
					    a->name);
			if (a->all && b->all && a->side == b->side)
				return ferr(FERR_USAGE, "%s.* stands twice",
					    a->side == LEFT ? "l" : "r");
		}
	}
	return o->nitems > 0 ? 0 : ferr(FERR_USAGE, "the list is empty");
}

int
join_out_new(struct join *j)
{
	const struct join_spec *s = &j->spec;
	struct join_out *o = &j->out;
	int rc = 0;

	schema_init(&o->schema);
	if (s->select != NULL) {
		if ((rc = expr_split(s->select, ',', select_piece, j)) != 0 ||
		    (rc = check_names(o)) != 0)
			return ferr_prefix(rc, "--select");
	} else if ((rc = add_all(j, LEFT)) == 0 && !one_sided(j)) {
		rc = add_all(j, RIGHT);
	}
	if (rc == 0 && s->match != NULL &&
	    (rc = expr_parse(&j->match, s->match, strlen(s->match), expr_flags(j))) != 0)
		rc = ferr_prefix(rc, "--match");
	return rc;
}

void
join_out_free(struct join *j)
{
	struct join_out *o = &j->out;

	for (unsigned i = 0; i < o->nitems; i++) {
		expr_free(o->item[i].e);
		free(o->item[i].name);
	}
	free(o->item);
	schema_fini(&o->schema);
	free(o->map[LEFT]);
	free(o->map[RIGHT]);
	free(o->alone);
	free(o->kept);
	expr_free(j->match);
}

/* ---- schemas ---- */

/* Which part of the key that --on names is field i of that side?  -1: none. */
static int
on_part(const struct join *j, unsigned side, unsigned i)
{
	for (unsigned k = 0; k < j->nkey && j->spec.on != NULL && j->plain[side]; k++) {
		if (j->shape[side].key[k] == i)
			return (int)k;
	}
	return -1;
}

static int
clash(const char *name)
{
	return ferr(FERR_USAGE,
		    "field '%s' came up on the left when the right one's had its name already: say "
		    "what is to be given out, as in --select 'l.*, %s_r = .r.%s'",
		    name, name, name);
}

/* The field of the output that one of l.* or r.* goes to, new: its number or an error. */
static int
new_field(struct join *j, unsigned side, const struct field *f)
{
	struct join_out *o = &j->out;
	int at = schema_find(&o->schema, f->name, f->n);
	char *name;

	if (at < 0)
		return schema_add(&o->schema, f->name, f->n);
	if (side == LEFT && o->kept != NULL && o->kept[at])
		return at; /* the key's, that right rows alone have had so far */
	if (side == LEFT)
		return clash(f->name);
	if ((name = malloc(f->n + 2 * SCHEMA_MAX + 1)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	memcpy(name, f->name, f->n + 1);
	do /* a join of joins */
		strcat(name, "_r");
	while (schema_find(&o->schema, name, strlen(name)) >= 0);
	at = schema_add(&o->schema, name, strlen(name));
	free(name);
	return at;
}

static int
grow_maps(struct join_out *o, unsigned side, unsigned n)
{
	int *map = realloc(o->map[side], (n + 1) * sizeof(*map)), *alone;

	if (map == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	o->map[side] = map;
	if (side == RIGHT) {
		if ((alone = realloc(o->alone, (n + 1) * sizeof(*alone))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		o->alone = alone;
	}
	return 0;
}

/* The key of --on stands where the left side has it, though that side has not come yet. */
static int
keep_on(struct join *j, const struct field *f)
{
	struct join_out *o = &j->out;
	int at = schema_find(&o->schema, f->name, f->n);

	if (at >= 0)
		return at;
	if ((at = schema_add(&o->schema, f->name, f->n)) < 0)
		return at;
	if (o->kept == NULL && (o->kept = calloc(SCHEMA_MAX, 1)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	o->kept[at] = 1;
	return at;
}

/* An item NAME = ... replaces the field of that name of a * that stands before or behind it, so
 * that 'l.*, price = .r.price' does what it says. */
static bool
is_item(const struct join_out *o, const struct field *f)
{
	for (unsigned i = 0; i < o->nitems; i++) {
		if (!o->item[i].all && strcmp(o->item[i].name, f->name) == 0)
			return true;
	}
	return false;
}

/* With a table the output has the key of the left input, whatever it is: also where the field is
 * hidden, or another one has its name. */
static bool
keeps_hidden(const struct join *j, const struct schema *s, unsigned side, unsigned i)
{
	if (side == RIGHT || j->spec.table == NULL)
		return false;
	for (unsigned k = 0; k < s->nkey; k++) {
		if (s->key[k] == i)
			return (s->f[i].flags & FIELD_HIDDEN) != 0 || is_item(&j->out, &s->f[i]);
	}
	return false;
}

static int
map_all(struct join *j, struct op *op, unsigned side)
{
	struct join_out *o = &j->out;
	const struct schema *s = op_schema_of(op, side);
	int rc = grow_maps(o, side, s->n), at;

	for (unsigned i = o->nmap[side]; i < s->n && rc == 0; i++) {
		const struct field *f = &s->f[i];
		bool key = on_part(j, side, i) >= 0;

		at = -1;
		if (keeps_hidden(j, s, side, i))
			at = schema_add_hidden(&o->schema, f->name, f->n);
		else if ((f->flags & FIELD_HIDDEN) == 0 && !is_item(o, f) &&
			 !(side == RIGHT && key))
			at = new_field(j, side, f);
		o->map[side][i] = at;
		if (side == RIGHT) {
			if (key && join_pads(j, RIGHT))
				at = keep_on(j, f);
			o->alone[i] = at;
		}
		rc = at < -1 ? at : 0;
		o->nmap[side] = i + (rc == 0);
	}
	return rc;
}

/* Items that are computed get their fields when it is their turn, or once all before them have. */
static int
map_items(struct join *j, struct op *op)
{
	struct join_out *o = &j->out;
	int rc = 0;

	for (unsigned i = 0; i < o->nitems && rc == 0; i++) {
		struct join_item *it = &o->item[i];

		if (it->all) {
			rc = map_all(j, op, it->side);
		} else if (it->field < 0) {
			if (schema_find(&o->schema, it->name, strlen(it->name)) >= 0)
				rc = ferr(FERR_USAGE, "--select: the field '%s' is given out twice",
					  it->name);
			else if ((it->field = schema_add(&o->schema, it->name, strlen(it->name))) <
				 0)
				rc = it->field;
		}
	}
	return rc;
}

static int
bind(struct join *j, struct op *op)
{
	const struct schema *l = op_schema_of(op, LEFT), *r = op_schema_of(op, RIGHT);
	int rc = 0;

	if (j->match != NULL && (rc = expr_bind(j->match, l)) == 0)
		rc = expr_bind_right(j->match, r);
	for (unsigned i = 0; i < j->out.nitems && rc == 0; i++) {
		if (!j->out.item[i].all && (rc = expr_bind(j->out.item[i].e, l)) == 0)
			rc = expr_bind_right(j->out.item[i].e, r);
	}
	return rc;
}

/* Field of the output that has part k of its key, or -1. */
static int
key_field(const struct join *j, const struct schema *s, unsigned k)
{
	const struct join_out *o = &j->out;
	const char *last, *joined;

	if (j->spec.table != NULL)
		return s->key[k] < o->nmap[LEFT] ? o->map[LEFT][s->key[k]] : -1;
	return expr_is_path(j->key[LEFT][k], &last, &joined)
		   ? schema_find(&o->schema, last, strlen(last))
		   : -1;
}

/* The key of the output is that of the left input, where it is the join's and is given out. */
static void
settle_key(struct join *j, struct op *op)
{
	const struct schema *l = op_schema_of(op, LEFT), *r = op_schema_of(op, RIGHT);
	const struct schema *s = l->n > 0 || j->spec.table != NULL ? l : r;
	unsigned n = j->spec.table != NULL ? s->nkey : j->nkey;
	struct join_out *o = &j->out;

	o->schema.keyed = false;
	o->schema.groups = 0;
	o->schema.nkey = 0;
	if (!o->keyed || !s->keyed)
		return;
	for (unsigned i = 0; i < n; i++) {
		int at = key_field(j, s, i);

		if (at < 0)
			return;
		o->schema.key[i] = (uint16_t)at;
	}
	o->schema.keyed = true;
	o->schema.groups = s->groups;
	o->schema.nkey = n;
}

/* Does what is given out take anything back? */
static bool
is_changing(const struct join *j, const struct op *op)
{
	bool left = op_schema_of(op, LEFT)->changing, right = op_schema_of(op, RIGHT)->changing;
	enum join_type type = j->spec.type;

	if (j->spec.kind == JOIN_LOOKUP)
		return left;
	return j->spec.kind == JOIN_REGULAR &&
	       (left || right || (type != JOIN_INNER && type != JOIN_SEMI));
}

/*
 * A side that has not said its fields yet would take the names that are left, so they are given out
 * as late as possible: with the first row, when in most joins both sides have had one.
 */
int
join_out_schema(struct join *j, struct op *op)
{
	j->out.due = true;
	return bind(j, op);
}

int
join_out_settle(struct join *j, struct op *op)
{
	int rc;

	if (!j->out.due)
		return 0;
	j->out.due = false;
	if ((rc = map_items(j, op)) != 0)
		return rc;
	j->out.schema.changing = is_changing(j, op);
	settle_key(j, op);
	return op_set_schema(op, &j->out.schema);
}

/* ---- pairs ---- */

static struct expr_ctx
context(const struct join_pair *p, const struct schema *s)
{
	return (struct expr_ctx){ .row = p->l != NULL ? p->l : nothing,
				  .right = p->r != NULL ? p->r : nothing,
				  .schema = s,
				  .window_start = p->start,
				  .window_end = p->end };
}

int
join_match(struct join *j, const uint8_t *l, const uint8_t *r, int64_t start, int64_t end)
{
	struct join_pair p = { .l = l, .r = r, .start = start, .end = end };
	struct expr_ctx ctx;

	if (j->match == NULL)
		return 1;
	ctx = context(&p, NULL);
	expr_arena_reset(j->match);
	return expr_test(j->match, &ctx);
}

int
join_bad(struct join *j, struct op *op, const uint8_t *l, const uint8_t *r)
{
	struct json_writer *w = NULL;
	struct buf text = BUF_INIT;
	char reason[512];
	int rc;

	snprintf(reason, sizeof(reason), "%s", ferr_text());
	if ((rc = json_writer_new(&w)) == 0 &&
	    (rc = json_write(w, op_schema_of(op, l != NULL ? LEFT : RIGHT), l != NULL ? l : r,
			     &text)) == 0)
		rc = op_bad(op, "pair:1:1", reason, text.p, text.n);
	j->told = rc == FERR_DATA;
	json_writer_free(w);
	buf_fini(&text);
	return rc;
}

/* The side that is not there: nulls for the fields that it would have. */
static int
pad_side(const struct join_out *o, struct rowb *b, unsigned side)
{
	static const struct val null = { .t = VAL_NULL };
	int rc = 0;

	for (unsigned i = 0; i < o->nmap[side] && rc == 0; i++) {
		if (o->map[side][i] >= 0)
			rc = rowb_set(b, (unsigned)o->map[side][i], &null);
	}
	return rc;
}

static int
put_items(struct join *j, struct rowb *b, const struct join_pair *p)
{
	struct join_out *o = &j->out;
	const uint8_t *rows[2] = { p->l, p->r };
	struct expr_ctx ctx = context(p, NULL);
	struct val v;
	int rc = 0;

	if (p->l == NULL || p->r == NULL)
		rc = pad_side(o, b, p->l == NULL ? LEFT : RIGHT);
	for (unsigned i = 0; i < o->nitems && rc == 0; i++) {
		struct join_item *it = &o->item[i];
		bool alone = it->side == RIGHT && p->l == NULL;

		if (it->all && rows[it->side] != NULL) {
			rc = rowb_fields(b, rows[it->side], alone ? o->alone : o->map[it->side]);
		} else if (!it->all) {
			expr_arena_reset(it->e);
			if ((rc = expr_eval(it->e, &ctx, &v)) == 0)
				rc = rowb_set(b, (unsigned)it->field, &v);
		}
	}
	return rc;
}

int
join_emit(struct join *j, struct op *op, const struct join_pair *p)
{
	struct join_out *o = &j->out;
	struct buf *out;
	struct rowb b;
	int rc;

	if ((rc = join_out_settle(j, op)) != 0)
		return rc;
	out = op_rows_buf(op);
	if ((rc = rowb_begin(&b, out, o->schema.n, p->kind, p->time)) != 0)
		return rc;
	if ((rc = put_items(j, &b, p)) != 0) {
		rowb_drop(&b);
		return rc == FERR_DATA || rc == FERR_LIMIT ? join_bad(j, op, p->l, p->r) : rc;
	}
	if ((rc = rowb_end(&b)) != 0)
		return rc;
	if (o->schema.keyed)
		row_set_hash(out->p + b.at, p->hash);
	return op_rows_done(op, b.at, 1);
}
