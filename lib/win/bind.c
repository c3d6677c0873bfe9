/* bind: the schema of the input comes, and that of the output goes; see win.h. */
#include "win/win_internal.h"

static int
add_field(struct schema *s, const char *name)
{
	if (schema_find(s, name, strlen(name)) >= 0)
		return ferr(
		    FERR_USAGE,
		    "two fields of the result are called '%s'; name an aggregate with name=", name);
	return schema_add(s, name, strlen(name));
}

/* --having and --top read results, whose fields are all known. */
static int
check_names(const struct expr *e, const char *option, const struct schema *s)
{
	const char *name, *near;

	for (unsigned i = 0; e != NULL && i < expr_nfields(e); i++) {
		name = expr_field(e, i);
		if (schema_find(s, name, strlen(name)) >= 0)
			continue;
		near = schema_near(s, name);
		return ferr(FERR_USAGE, "%s: a result has no field '%s'%s%s%s", option, name,
			    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
			    near != NULL ? "'?" : "");
	}
	return 0;
}

/* Key fields, window_start and window_end, the aggregates, the rank. */
static int
result_schema(struct win *w, struct op *op, const struct schema *in)
{
	struct schema s;
	int rc = 0;

	schema_init(&s);
	for (unsigned i = 0; i < in->nkey && rc >= 0; i++) {
		if ((rc = add_field(&s, in->f[in->key[i]].name)) >= 0)
			s.key[s.nkey++] = (uint16_t)rc;
	}
	s.keyed = in->keyed;
	s.groups = in->groups;
	s.changing = w->changing;
	if (w->fields && rc >= 0 && (rc = add_field(&s, "window_start")) >= 0)
		rc = add_field(&s, "window_end");
	for (unsigned i = 0; i < aggs_n(w->aggs) && rc >= 0; i++)
		rc = add_field(&s, aggs_name(w->aggs, i));
	if (w->spec.rank != NULL && rc >= 0)
		rc = add_field(&s, w->spec.rank);
	if (rc >= 0)
		rc = op_set_schema(op, &s);
	if (rc == 0 && (rc = check_names(w->having, "--having", &s)) == 0)
		rc = check_names(w->top, "--top", &s);
	if (rc == 0 && w->having != NULL)
		rc = expr_bind(w->having, &s);
	if (rc == 0 && w->top != NULL)
		rc = expr_bind(w->top, &s);
	schema_fini(&s);
	return rc;
}

/* Is the input still keyed as results are? */
static bool
same_key(const struct win *w, const struct op *op, const struct schema *in)
{
	const struct schema *out = op_out_schema(op);
	bool same = in->nkey == w->nkey;

	for (unsigned i = 0; i < in->nkey && same; i++)
		same = strcmp(in->f[in->key[i]].name, out->f[out->key[i]].name) == 0;
	return same;
}

/* What takes records back is for those kinds alone that can do so. */
static int
bind_changing(struct win *w)
{
	w->changing = true;
	switch (w->spec.kind) {
	case WIN_TOP: return 0;
	case WIN_RUNNING: return win_changes_bind(w);
	case WIN_FIRST:
	case WIN_LAST:
		return ferr(FERR_USAGE,
			    "the stream changes: it takes records back, which first and "
			    "last cannot do; use fwindow top 1:EXPR");
	default:
		return ferr(FERR_USAGE,
			    "the stream changes: it takes records back, which windows that fire "
			    "cannot do; use fwindow running (with fmap --set 'w = trunc(ts(), 1h)' "
			    "and fkey in front it goes by time as well), or put the window where "
			    "the stream is plain yet");
	}
}

/* The first schema is there. */
static int
bind_first(struct win *w, struct op *op, const struct schema *in)
{
	int rc;

	w->nkey = in->nkey;
	if (in->changing && (rc = bind_changing(w)) != 0)
		return rc;
	if (!in->changing && w->changes != NULL && state_ns_count(w->changes, 0) > 0)
		return ferr(FERR_CORRUPT, "the state was written over a changing stream, and this "
					  "one is plain");
	return w->ops->rows ? win_rows_schema(w, op) : result_schema(w, op, in);
}

int
win_on_schema(void *self, struct op *op)
{
	struct win *w = self;
	const struct schema *in = op_schema(op);
	int rc;

	if ((rc = aggs_bind(w->aggs, in)) != 0 ||
	    (w->by != NULL && (rc = expr_bind(w->by, in)) != 0))
		return rc;
	if (!w->bound) {
		if ((rc = bind_first(w, op, in)) != 0)
			return rc;
		w->bound = true;
		return w->spec.proc ? win_wake(w, op) : 0; /* what a restore has found overdue */
	}
	if (in->changing != w->changing)
		return ferr(FERR_USAGE, "the inputs do not fit together: one takes records back, "
					"another does not");
	if (!same_key(w, op, in))
		return ferr(FERR_CORRUPT, "the key changed in mid-stream, or since the state was "
					  "written");
	return w->ops->rows ? win_rows_schema(w, op) : 0;
}
