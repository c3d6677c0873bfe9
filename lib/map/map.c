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
		free(s->at);
		buf_fini(&s->arena);
	}
	free(m->steps);
	buf_fini(&m->whole);
	free(m->made);
	free(m->at);
	free(m->to);
	free(m->slots);
	free(m->leaving);
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
	**out = (struct step){ .kind = kind };
	schema_init(&(*out)->out);
	m->filter_only = m->filter_only && kind == STEP_WHERE;
	if (kind == STEP_EXPLODE) {
		m->explodes = true;
		(*out)->made = m->nmade++;
	}
	return 0;
}

static int
add_assign(struct map *m, struct step *s, const char *name, struct expr *e)
{
	struct assign *a = realloc(s->sets, (s->nsets + 1) * sizeof(*a));

	if (a == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->sets = a;
	a[s->nsets] = (struct assign){ .e = e, .name = strdup(name) };
	if (a[s->nsets].name == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if (s->kind == STEP_SET)
		a[s->nsets].made = m->nmade++;
	s->nsets++;
	return 0;
}

/* One `name = EXPR`. */
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
	if (rc == 0 && (s == NULL || s->kind != STEP_SET))
		rc = add_step(m, STEP_SET, &s);
	if (rc == 0)
		rc = add_assign(m, s, field.v[0], e);
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
		if ((rc = add_assign(m, s, "", e)) != 0)
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

bool
map_step_sets(const struct step *s, unsigned n, const char *field)
{
	for (unsigned k = 0; k < n && s->kind == STEP_SET; k++) {
		if (strcmp(s->sets[k].name, field) == 0)
			return true;
	}
	return false;
}

/* What expression k of step i reads, but for what is set before it. */
static void
reads(const struct map *m, unsigned i, unsigned k, struct op_facts *f)
{
	const struct step *s = &m->steps[i];

	for (unsigned x = 0; x < expr_nfields(s->sets[k].e); x++) {
		const char *field = expr_field(s->sets[k].e, x);
		bool set = map_step_sets(s, k, field);

		for (unsigned j = 0; j < i && !set; j++)
			set = map_step_sets(&m->steps[j], m->steps[j].nsets, field);
		if (!set)
			op_reads(f, field);
	}
}

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
		/* Also those that are set: a field that comes has its place in the record. */
		for (size_t k = 0; k < s->names.n; k++)
			op_reads(f, s->names.v[k]);
		for (unsigned k = 0; k < s->nsets; k++) {
			if (s->kind == STEP_SET)
				op_makes(f, s->sets[k].name);
			reads(m, i, k, f);
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

/* The fields of `in`, which stand at from[], under the step's outgoing schema. */
static int
bind_fields(struct step *s, const uint32_t *from)
{
	const struct schema *in = s->in;
	unsigned most = in->n + s->nsets;
	uint32_t *at = realloc(s->at, (most + 1) * sizeof(*at));
	int k;

	if (at == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->at = at;
	for (unsigned i = 0; i < most; i++)
		at[i] = EXPR_UNBOUND;
	s->out.keyed = in->keyed;
	s->out.groups = in->groups;
	s->out.changing = in->changing;
	s->out.nkey = in->nkey;
	for (unsigned i = 0; i < in->n; i++) {
		if ((k = map_field(s, i)) < -1)
			return k;
		if (k >= 0)
			at[k] = from[i];
		for (unsigned j = 0; j < in->nkey; j++) {
			if (in->key[j] == i)
				s->out.key[j] = (uint16_t)k;
		}
	}
	return 0;
}

static int
bind_sets(struct step *s)
{
	int k;

	for (unsigned i = 0; i < s->nsets; i++) {
		struct assign *a = &s->sets[i];

		expr_bind_at(a->e, &s->out, s->at);
		if ((k = schema_add(&s->out, a->name, strlen(a->name))) < 0)
			return k;
		if (is_key(&s->out, (unsigned)k))
			return ferr(
			    FERR_USAGE,
			    "--set: field '%s' is the key and cannot be set here; put fkey behind",
			    a->name);
		s->at[k] = EXPR_MADE + a->made;
	}
	return 0;
}

static int
bind_explode(struct step *s)
{
	const char *name = s->names.v[0];
	int k = schema_find(&s->out, name, strlen(name));

	s->array = EXPR_UNBOUND;
	if (k < 0)
		return 0;
	if (is_key(&s->out, (unsigned)k))
		return ferr(FERR_USAGE, "--explode: field '%s' is the key; put fkey behind", name);
	s->array = s->at[k];
	s->at[k] = EXPR_MADE + s->made;
	return 0;
}

/* The arrays of the row that leaves, for n fields that come. */
static int
grow(struct map *m, unsigned n)
{
	uint32_t *at = realloc(m->at, (n + 1) * sizeof(*at));
	int *to = realloc(m->to, (n + 1) * sizeof(*to));
	unsigned *slots = realloc(m->slots, (n + 1) * sizeof(*slots));

	m->at = at != NULL ? at : m->at;
	m->to = to != NULL ? to : m->to;
	m->slots = slots != NULL ? slots : m->slots;
	if (m->made == NULL)
		m->made = calloc(m->nmade + 1, sizeof(*m->made));
	if (m->leaving == NULL)
		m->leaving = calloc(m->nmade + 1, sizeof(*m->leaving));
	if (at == NULL || to == NULL || slots == NULL || m->made == NULL || m->leaving == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	return 0;
}

/* Of rows with n fields one is made with those of `out`, which stand at at[]. */
static void
plan(struct map *m, unsigned n, const struct schema *out, const uint32_t *at)
{
	unsigned least = 0;

	m->nleaving = 0;
	for (unsigned i = 0; i < n; i++)
		m->to[i] = -1;
	for (unsigned k = 0; k < out->n; k++) {
		if (at[k] < EXPR_MADE) {
			m->to[at[k]] = (int)k;
		} else if (at[k] != EXPR_UNBOUND) {
			m->leaving[m->nleaving++] = (struct leaving){ at[k] - EXPR_MADE, k };
			least = k + 1;
		}
	}
	m->slots[0] = least;
	for (unsigned i = 0; i < n; i++)
		m->slots[i + 1] =
		    (int)m->slots[i] > m->to[i] ? m->slots[i] : (unsigned)m->to[i] + 1;
}

int
map_on_schema(void *self, struct op *op)
{
	struct map *m = self;
	const struct schema *came = op_schema(op), *in = came;
	const uint32_t *at;
	int rc;

	if ((rc = grow(m, came->n)) != 0)
		return rc;
	for (unsigned i = 0; i < came->n; i++)
		m->at[i] = i;
	at = m->at;
	for (unsigned i = 0; i < m->n; i++) {
		struct step *s = &m->steps[i];

		s->in = in;
		if (s->kind == STEP_WHERE || s->kind == STEP_TIME) {
			expr_bind_at(s->sets[0].e, in, at);
			continue;
		}
		if ((rc = bind_fields(s, at)) != 0 || (rc = bind_sets(s)) != 0 ||
		    (s->kind == STEP_EXPLODE && (rc = bind_explode(s)) != 0))
			return rc;
		in = &s->out;
		at = s->at;
	}
	plan(m, came->n, in, at);
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
	char **argv = calloc((size_t)n + 1, sizeof(*argv)); /* opt_parse moves its operands */
	struct map *m = NULL;
	int rc;

	if (argv == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	memcpy(argv, words, (size_t)n * sizeof(*argv));
	if ((rc = map_new(&m)) == 0) {
		tables[0].conf = m;
		rc = opt_parse(&cmd, tables, 3, &n, argv);
	}
	free(argv);
	if (rc != 0) {
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
