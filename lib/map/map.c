/* map: see map.h. */
#include "map/map_internal.h"

#include <stdlib.h>

/* ---- the command line ---- */

int
map_new(struct map **out)
{
	struct map *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	m->filter_only = true;
	*out = m;
	return 0;
}

void
map_free(struct map *m)
{
	if (m == NULL)
		return;
	for (unsigned i = 0; i < m->n; i++) {
		struct step *s = &m->steps[i];

		for (unsigned k = 0; k < s->nsets; k++) {
			expr_free(s->sets[k].e);
			free(s->sets[k].name);
		}
		free(s->sets);
		names_fini(&s->names);
		schema_fini(&s->out);
		free(s->map);
		free(s->slots);
		buf_fini(&s->row);
		buf_fini(&s->whole);
		buf_fini(&s->arena);
	}
	free(m->steps);
	free(m);
}

unsigned
map_steps(const struct map *m)
{
	return m->n;
}

static int
add_step(struct map *m, enum step_kind kind, struct step **out)
{
	struct step *steps = realloc(m->steps, (m->n + 1) * sizeof(*steps));

	if (steps == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	m->steps = steps;
	*out = &steps[m->n++];
	**out = (struct step){ .kind = kind, .field = -1 };
	schema_init(&(*out)->out);
	m->filter_only = m->filter_only && kind == STEP_WHERE;
	return 0;
}

static int
add_assign(struct step *s, const char *name, size_t nname, struct expr *e)
{
	struct assign *a = realloc(s->sets, (s->nsets + 1) * sizeof(*a));

	if (a == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->sets = a;
	a[s->nsets] = (struct assign){ .e = e, .name = strndup(name, nname), .field = -1 };
	if (a[s->nsets].name == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->nsets++;
	return 0;
}

/* Does e read, or does the step set already, one of the names that the step sets? */
static bool
depends(const struct step *s, const struct expr *e, const char *name)
{
	for (unsigned i = 0; i < s->nsets; i++) {
		if (strcmp(s->sets[i].name, name) == 0)
			return true;
		for (unsigned k = 0; k < expr_nfields(e); k++) {
			if (strcmp(expr_field(e, k), s->sets[i].name) == 0)
				return true;
		}
	}
	return false;
}

/* One `name = EXPR`.  Left to right, each sees the ones before: a new step begins where that
 * matters. */
static int
add_set(void *cookie, const char *piece, size_t n)
{
	struct map *m = cookie;
	struct step *s = m->n > 0 ? &m->steps[m->n - 1] : NULL;
	const char *name, *rest;
	size_t nname;
	struct expr *e = NULL;
	struct names field = { NULL, 0 };
	char *word;
	int rc;

	rest = expr_assign(piece, n, &name, &nname);
	for (size_t i = 0; i < n && rest == NULL; i++) {
		if (piece[i] != ' ' && piece[i] != '\n' && piece[i] != '\t')
			return ferr(FERR_USAGE, "'%.*s' is not NAME = EXPR", (int)n, piece);
	}
	if (rest == NULL)
		return 0; /* nothing between two semicolons */
	if ((word = strndup(name, nname)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rc = names_parse(&field, word)) == 0 && field.n != 1)
		rc = ferr(FERR_USAGE, "'%s' is not a name", word);
	free(word);
	if (rc == 0)
		rc = expr_parse(&e, rest, (size_t)(piece + n - rest), 0);
	if (rc == 0 &&
	    (s == NULL || s->kind != STEP_SET || s->nsets == SETS_MAX || depends(s, e, field.v[0])))
		rc = add_step(m, STEP_SET, &s);
	if (rc == 0)
		rc = add_assign(s, field.v[0], strlen(field.v[0]), e);
	if (rc != 0)
		expr_free(e);
	names_fini(&field);
	return rc;
}

/* old=new[,old=new] */
static int
add_rename(void *cookie, const char *piece, size_t n)
{
	struct step *s = cookie;
	const char *eq = memchr(piece, '=', n);
	struct buf list = BUF_INIT;
	struct names pair = { NULL, 0 };
	char **v;
	int rc;

	if (eq == NULL)
		return ferr(FERR_USAGE, "'%.*s' is not old=new", (int)n, piece);
	if ((rc = buf_put(&list, piece, (size_t)(eq - piece))) == 0 &&
	    (rc = buf_putc(&list, ',')) == 0 &&
	    (rc = buf_put(&list, eq + 1, (size_t)(piece + n - eq - 1))) == 0)
		rc =
		    buf_cstr(&list) != NULL ? names_parse(&pair, (const char *)list.p) : FERR_NOMEM;
	buf_fini(&list);
	if (rc == 0 && pair.n != 2)
		rc = ferr(FERR_USAGE, "'%.*s' is not old=new", (int)n, piece);
	if (rc == 0 && (v = realloc(s->names.v, (s->names.n + 2) * sizeof(*v))) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	else if (rc == 0) {
		s->names.v = v;
		v[s->names.n++] = pair.v[0];
		v[s->names.n++] = pair.v[1];
		pair.n = 0;
	}
	names_fini(&pair);
	return rc;
}

int
map_add(struct map *m, enum step_kind kind, const char *arg)
{
	struct step *s = NULL;
	struct expr *e;
	int rc;

	if (kind == STEP_SET) {
		unsigned before = m->n;

		rc = expr_split(arg, ';', add_set, m);
		return rc == 0 && m->n == before &&
			       (m->n == 0 || m->steps[m->n - 1].kind != STEP_SET)
			   ? ferr(FERR_USAGE, "needs NAME = EXPR")
			   : rc;
	}
	if ((rc = add_step(m, kind, &s)) != 0)
		return rc;
	switch (kind) {
	case STEP_WHERE:
	case STEP_TIME:
		if ((rc = expr_parse(&e, arg, strlen(arg), kind == STEP_TIME ? EXPR_PATH : 0)) != 0)
			return rc;
		if ((rc = add_assign(s, "", 0, e)) != 0)
			expr_free(e);
		return rc;
	case STEP_RENAME: return expr_split(arg, ',', add_rename, s);
	default:
		rc = names_parse(&s->names, arg);
		if (rc == 0 && kind == STEP_EXPLODE && s->names.n != 1)
			return ferr(FERR_USAGE, "takes one field");
		return rc;
	}
}

static int
set_where(void *c, const char *a)
{
	return map_add(c, STEP_WHERE, a);
}
static int
set_set(void *c, const char *a)
{
	return map_add(c, STEP_SET, a);
}
static int
set_keep(void *c, const char *a)
{
	return map_add(c, STEP_KEEP, a);
}
static int
set_drop(void *c, const char *a)
{
	return map_add(c, STEP_DROP, a);
}
static int
set_rename(void *c, const char *a)
{
	return map_add(c, STEP_RENAME, a);
}
static int
set_explode(void *c, const char *a)
{
	return map_add(c, STEP_EXPLODE, a);
}
static int
set_time(void *c, const char *a)
{
	return map_add(c, STEP_TIME, a);
}

const struct opt map_options[] = {
	{ "where", 0, "EXPR", "keep records for which EXPR is true", set_where, false },
	{ "set", 0, "LIST", "compute fields: 'fee = .amount * 0.01; big = .fee > 5'", set_set,
	  false },
	{ "keep", 0, "A,B", "keep these fields only", set_keep, false },
	{ "drop", 0, "A,B", "drop these fields", set_drop, false },
	{ "rename", 0, "OLD=NEW,...", "rename fields", set_rename, false },
	{ "explode", 0, "FIELD", "one record per element of an array", set_explode, false },
	{ "time", 0, "FIELD", "take the event time from FIELD", set_time, false },
	OPT_END,
};

void
map_describe(void *self, struct op_facts *f)
{
	const struct map *m = self;

	f->selects = f->passes = f->chains = true;
	for (unsigned i = 0; i < m->n; i++) {
		const struct step *s = &m->steps[i];

		if (s->kind == STEP_EXPLODE) /* it stops when the output is full */
			f->chains = false;
		f->passes = f->passes && s->kind != STEP_KEEP;
		for (size_t k = 0; k < s->names.n; k++)
			op_reads(f, s->names.v[k]);
		for (unsigned k = 0; k < s->nsets; k++) {
			if (s->kind == STEP_SET)
				op_makes(f, s->sets[k].name);
			for (unsigned e = 0; e < expr_nfields(s->sets[k].e); e++)
				op_reads(f, expr_field(s->sets[k].e, e));
		}
	}
}

/* ---- schemas ---- */

static bool
is_key(const struct schema *s, unsigned field)
{
	for (unsigned i = 0; i < s->nkey; i++) {
		if (s->key[i] == field)
			return true;
	}
	return false;
}

/* The name under which field i leaves the step; NULL: it does not. */
static const char *
name_out(const struct step *s, const struct field *f)
{
	int i;

	switch (s->kind) {
	case STEP_KEEP: return names_find(&s->names, f->name) >= 0 ? f->name : NULL;
	case STEP_DROP: return names_find(&s->names, f->name) >= 0 ? NULL : f->name;
	case STEP_RENAME:
		for (i = (int)s->names.n - 2; i >= 0; i -= 2) {
			if (strcmp(s->names.v[i], f->name) == 0)
				return s->names.v[i + 1];
		}
		return f->name;
	default: return f->name;
	}
}

static int
map_field(struct step *s, unsigned i)
{
	const struct field *f = &s->in->f[i];
	const char *name = f->name;

	if ((f->flags & FIELD_HIDDEN) != 0) { /* a computed key goes along */
		for (unsigned k = 0; k < s->out.n; k++) {
			if ((s->out.f[k].flags & FIELD_HIDDEN) != 0 &&
			    strcmp(s->out.f[k].name, f->name) == 0)
				return (int)k;
		}
		return schema_add_hidden(&s->out, f->name, f->n);
	}
	if ((name = name_out(s, f)) == NULL) {
		if (is_key(s->in, i))
			return ferr(
			    FERR_USAGE,
			    "field '%s' is the key and cannot be dropped here; put fkey behind",
			    f->name);
		return -1;
	}
	for (unsigned k = 0; k < i && s->kind == STEP_RENAME; k++) {
		const char *other =
		    (s->in->f[k].flags & FIELD_HIDDEN) != 0 ? NULL : name_out(s, &s->in->f[k]);

		if (other != NULL && strcmp(other, name) == 0)
			return ferr(FERR_USAGE, "--rename: there would be two fields called '%s'",
				    name);
	}
	return schema_add(&s->out, name, strlen(name));
}

static int
bind_step(struct step *s, const struct schema *in)
{
	int *map = realloc(s->map, (in->n + 1) * sizeof(*map)), rc;
	unsigned *slots;

	if (map == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->map = map;
	if ((slots = realloc(s->slots, (in->n + 1) * sizeof(*slots))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->slots = slots;
	s->in = in;
	for (unsigned i = 0; i < in->n; i++) {
		if ((map[i] = map_field(s, i)) < -1)
			return map[i];
	}
	s->out.keyed = in->keyed;
	s->out.groups = in->groups;
	s->out.changing = in->changing;
	s->out.nkey = in->nkey;
	for (unsigned i = 0; i < in->nkey; i++)
		s->out.key[i] = (uint16_t)map[in->key[i]];
	for (unsigned i = 0; i < s->nsets; i++) {
		struct assign *a = &s->sets[i];

		if ((rc = expr_bind(a->e, in)) != 0)
			return rc;
		if (s->kind != STEP_SET)
			continue;
		if ((a->field = schema_add(&s->out, a->name, strlen(a->name))) < 0)
			return a->field;
		if (is_key(&s->out, (unsigned)a->field))
			return ferr(
			    FERR_USAGE,
			    "--set: field '%s' is the key and cannot be set here; put fkey behind",
			    a->name);
	}
	slots[0] = 0;
	for (unsigned i = 0; i < s->nsets; i++) {
		if (s->kind == STEP_SET && slots[0] <= (unsigned)s->sets[i].field)
			slots[0] = (unsigned)s->sets[i].field + 1;
	}
	for (unsigned i = 0; i < in->n; i++)
		slots[i + 1] = (int)slots[i] > map[i] ? slots[i] : (unsigned)map[i] + 1;
	if (s->kind == STEP_EXPLODE) {
		s->field = schema_find(in, s->names.v[0], strlen(s->names.v[0]));
		if (s->field >= 0 && is_key(in, (unsigned)s->field))
			return ferr(FERR_USAGE, "--explode: field '%s' is the key; put fkey behind",
				    s->names.v[0]);
	}
	return 0;
}

int
map_on_schema(void *self, struct op *op)
{
	struct map *m = self;
	const struct schema *in = op_schema(op);
	int rc;

	for (unsigned i = 0; i < m->n; i++) {
		if ((rc = bind_step(&m->steps[i], in)) != 0)
			return rc;
		if (m->steps[i].kind != STEP_WHERE && m->steps[i].kind != STEP_TIME)
			in = &m->steps[i].out;
	}
	return op_set_schema(op, in);
}

/* ---- in another stage's process ---- */

static int
make(const struct op_class **cls, void **self, char **words, int n)
{
	static const struct cmd cmd = { .name = "fmap" };
	struct op_conf conf = OP_CONF_INIT;
	struct opt_table tables[] = { { map_options, NULL },
				      { op_out_options, &conf },
				      { op_options, &conf } };
	struct map *m = NULL;
	int rc;

	if ((rc = map_new(&m)) != 0)
		return rc;
	tables[0].conf = m;
	if ((rc = opt_parse(&cmd, tables, 3, &n, words)) != 0) {
		map_free(m);
		return rc;
	}
	*cls = &map_class;
	*self = m;
	return 0;
}

static void
unmake(void *self)
{
	map_free(self);
}

const struct op_chain map_chain = { make, unmake };
