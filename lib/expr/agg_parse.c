/* agg_parse -- the text of `--agg` into a list of aggregates. */
#include "expr/agg_internal.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/text.h"
#include "expr/expr_internal.h"

#define ARGS_MAX 3

/* A part of the text. */
struct span {
	const char *p;
	size_t n;
};

struct parser {
	struct aggs *s;
	const char *text;
	size_t n;
};

/* The arguments of one call; they are split in a copy, as expr_split wants its text to end. */
struct args {
	const char *copy, *orig;
	struct span v[ARGS_MAX];
	unsigned n; /* more than ARGS_MAX: so many were there */
};

#define FAIL(p, at, ...) expr_fail((p)->text, (p)->n, (size_t)((at) - (p)->text), __VA_ARGS__)

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || expr_name_len(&c, 1) != 0;
}

static struct span
trim(const char *p, size_t n)
{
	while (n > 0 && is_blank(*p)) {
		p++;
		n--;
	}
	while (n > 0 && is_blank(p[n - 1]))
		n--;
	return (struct span){ p, n };
}

static bool
span_is(struct span s, const char *word)
{
	return strlen(word) == s.n && memcmp(s.p, word, s.n) == 0;
}

/* Where the text in quotes that begins at i ends (behind the quote, or n). */
static size_t
skip_quoted(const char *s, size_t n, size_t i)
{
	char quote = s[i++];

	while (i < n && s[i] != quote)
		i += s[i] == '\\' ? 2 : 1;
	return i < n ? i + 1 : n;
}

/* The bracket that closes the one at s[0]; expr_split has seen to it that there is one. */
static const char *
close_paren(const char *s, size_t n)
{
	unsigned depth = 0;

	for (size_t i = 0; i < n;) {
		if (s[i] == '"' || s[i] == '\'') {
			i = skip_quoted(s, n, i);
			continue;
		}
		if (s[i] == '(')
			depth++;
		else if (s[i] == ')' && --depth == 0)
			return s + i;
		i++;
	}
	return s + n - 1;
}

/* -- functions ------------------------------------------------------------------------------- */

/* Names from elsewhere, where the nearest of ours is another thing. */
static const struct {
	const char *theirs, *ours;
} aliases[] = {
	{ "mean", "avg" },	    { "average", "avg" },
	{ "total", "sum" },	    { "percentile", "quantile" },
	{ "variance", "stddev" },   { "std", "stddev" },
	{ "array_agg", "collect" }, { "list", "collect" },
	{ "unique", "distinct" },   { "count_distinct", "distinct" },
};

static int
unknown_function(const struct parser *p, struct span name)
{
	const char *names[64], *near = NULL;
	char word[64];
	size_t n = 0;

	for (; agg_classes[n] != NULL; n++)
		names[n] = agg_classes[n]->name;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (span_is(name, aliases[i].theirs))
			near = aliases[i].ours;
	}
	if (near == NULL && name.n < sizeof(word)) {
		memcpy(word, name.p, name.n);
		word[name.n] = '\0';
		near = near_word(word, names, n);
	}
	if (near != NULL)
		return FAIL(p, name.p, "unknown aggregate '%.*s'; did you mean '%s'?", (int)name.n,
			    name.p, near);
	return FAIL(
	    p, name.p,
	    "unknown aggregate '%.*s'; there are count, sum, min, max, avg, first, last, "
	    "stddev, stddev_pop, distinct, approx_distinct, quantile, median, collect, top, "
	    "any, all",
	    (int)(name.n < 60 ? name.n : 60), name.p);
}

/* The class with that name and number of arguments. */
static int
find_class(const struct parser *p, struct span name, unsigned nargs, const struct agg_class **out)
{
	const struct agg_class *named = NULL;

	for (size_t i = 0; agg_classes[i] != NULL; i++) {
		if (!span_is(name, agg_classes[i]->name))
			continue;
		named = agg_classes[i];
		if (strlen(named->args) == nargs) {
			*out = named;
			return 0;
		}
	}
	if (named == NULL)
		return unknown_function(p, name);
	return FAIL(p, name.p, "%s has %u arguments here, but is written %s", named->name, nargs,
		    named->usage);
}

/* -- arguments ------------------------------------------------------------------------------- */

static int
on_arg(void *cookie, const char *piece, size_t n)
{
	struct args *args = cookie;
	struct span s = trim(piece, n);

	if (args->n < ARGS_MAX)
		args->v[args->n] = (struct span){ args->orig + (s.p - args->copy), s.n };
	args->n++;
	return 0;
}

/* What stands between the brackets, split at its commas. */
static int
split_args(struct span inner, struct args *args)
{
	char *copy;
	int rc;

	*args = (struct args){ .orig = inner.p };
	if (trim(inner.p, inner.n).n == 0)
		return 0;
	if ((copy = strndup(inner.p, inner.n)) == NULL)
		return FERR_NOMEM;
	args->copy = copy;
	rc = expr_split(copy, ',', on_arg, args);
	args->copy = NULL;
	free(copy);
	return rc;
}

/* The expression without blanks that do not matter: equal ones get one term, and the signature is
 * stable. */
static char *
canonical(struct span s)
{
	char *out = malloc(s.n + 1);
	size_t k = 0;

	for (size_t i = 0; out != NULL && i < s.n;) {
		size_t next = i + 1;

		if (s.p[i] == '"' || s.p[i] == '\'') {
			next = skip_quoted(s.p, s.n, i);
		} else if (is_blank(s.p[i])) {
			while (is_blank(s.p[next])) /* it ends in no blank */
				next++;
			if (k != 0 && is_word(out[k - 1]) &&
			    (is_word(s.p[next]) || s.p[next] == '.'))
				out[k++] = ' ';
			i = next;
			continue;
		}
		memcpy(out + k, s.p + i, next - i);
		k += next - i;
		i = next;
	}
	if (out != NULL)
		out[k] = '\0';
	return out;
}

char *
aggs_canonical(const char *expr)
{
	return canonical(trim(expr, strlen(expr)));
}

static int
add_term(struct parser *p, struct span text, unsigned *number)
{
	struct aggs *s = p->s;
	struct agg_term *term, t = { 0 };
	int rc;

	if (expr_name_len(text.p, text.n) == text.n && !span_is(text, "true") &&
	    !span_is(text, "false") && !span_is(text, "null"))
		return FAIL(p, text.p, "'%.*s' is not an expression; did you mean .%.*s?",
			    (int)text.n, text.p, (int)text.n, text.p);
	if ((rc = expr_parse(&t.e, text.p, text.n, 0)) != 0)
		return rc;
	if ((t.text = canonical(text)) == NULL)
		goto nomem;
	for (*number = 0; *number < s->nterms; ++*number) {
		if (strcmp(s->term[*number].text, t.text) == 0) {
			expr_free(t.e);
			free(t.text);
			return 0;
		}
	}
	if ((term = realloc(s->term, (s->nterms + 1) * sizeof(*term))) == NULL)
		goto nomem;
	s->term = term;
	s->term[s->nterms++] = t;
	return 0;
nomem:
	expr_free(t.e);
	free(t.text);
	return FERR_NOMEM;
}

static int
parse_q(const struct parser *p, struct span text, double *q)
{
	struct num num;

	if (num_parse(text.p, text.n, &num) == text.n) {
		*q = num.kind == NUM_I64 ? (double)num.i : num.kind == NUM_F64 ? num.f : -1;
		if (*q >= 0 && *q <= 1)
			return 0;
		if (*q > 1 && *q <= 100)
			return FAIL(p, text.p,
				    "quantile takes a number from 0 to 1; did you mean %g?",
				    *q / 100);
	}
	return FAIL(p, text.p, "quantile takes a number from 0 to 1 here, such as 0.99");
}

static int
parse_limit(const struct parser *p, struct span text, uint32_t *limit)
{
	struct num num;

	if (num_parse(text.p, text.n, &num) == text.n && num.kind == NUM_I64 && num.i >= 1 &&
	    num.i <= AGG_TOP_MAX) {
		*limit = (uint32_t)num.i;
		return 0;
	}
	return FAIL(p, text.p, "top takes a whole number from 1 to %u here", AGG_TOP_MAX);
}

static int
parse_args(struct parser *p, struct agg *a, const struct args *args)
{
	int rc;

	for (unsigned i = 0; i < args->n; i++) {
		struct span text = args->v[i];

		if (text.n == 0)
			return FAIL(p, text.p, "an argument is missing: %s", a->cls->usage);
		if (a->cls->args[i] == 'q')
			rc = parse_q(p, text, &a->q);
		else if (a->cls->args[i] == 'n')
			rc = parse_limit(p, text, &a->limit);
		else
			rc = add_term(p, text, &a->term[a->nterms++]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* -- one aggregate --------------------------------------------------------------------------- */

/* FUNC or FUNC_FIELD; of top it is the field that is listed. */
static int
default_name(const struct parser *p, struct agg *a, struct span call)
{
	const char *joined;
	struct buf b = BUF_INIT;

	if (a->nterms == 0)
		return (a->name = strdup(a->cls->name)) != NULL ? 0 : FERR_NOMEM;
	if (!expr_is_path(p->s->term[a->term[a->nterms - 1]].e, NULL, &joined))
		return FAIL(p, call.p, "this aggregate needs a name: NAME=%.*s",
			    (int)(call.n < 80 ? call.n : 80), call.p);
	if (buf_puts(&b, a->cls->name) != 0 || buf_putc(&b, '_') != 0 ||
	    buf_puts(&b, joined) != 0 || buf_putc(&b, '\0') != 0) {
		buf_fini(&b);
		return FERR_NOMEM;
	}
	a->name = strdup((const char *)b.p);
	buf_fini(&b);
	return a->name != NULL ? 0 : FERR_NOMEM;
}

/* FUNC(ARGS), into a. */
static int
parse_call(struct parser *p, struct agg *a, struct span call)
{
	struct span name = { call.p, expr_name_len(call.p, call.n) }, rest, inner = { call.p, 0 };
	const char *close;
	struct args args;
	int rc;

	if (name.n == 0)
		return FAIL(p, call.p, "an aggregate is missing here, such as count() or sum(.x)");
	rest = trim(call.p + name.n, call.n - name.n);
	if (rest.n != 0 || !span_is(name, "count")) { /* `count` alone is count() */
		if (rest.n == 0 || *rest.p != '(')
			return FAIL(p, call.p + name.n,
				    "'(' is missing behind '%.*s', as in count(), sum(.x)",
				    (int)(name.n < 60 ? name.n : 60), name.p);
		close = close_paren(rest.p, rest.n);
		if (close + 1 != rest.p + rest.n)
			return FAIL(p, close + 1,
				    "nothing can follow an aggregate but ',' and the next one");
		inner = (struct span){ rest.p + 1, (size_t)(close - rest.p) - 1 };
		if (span_is(trim(inner.p, inner.n), "*") && span_is(name, "count"))
			return FAIL(p, rest.p, "count(*) is written count()");
	}
	if ((rc = split_args(inner, &args)) != 0 ||
	    (rc = find_class(p, name, args.n, &a->cls)) != 0)
		return rc;
	a->q = a->cls->q;
	return parse_args(p, a, &args);
}

static int
on_piece(void *cookie, const char *piece, size_t n)
{
	struct parser *p = cookie;
	struct span whole = trim(piece, n), call = whole;
	const char *name = NULL, *rest;
	struct agg *v, *a;
	size_t nname;
	int rc;

	if ((v = realloc(p->s->v, (p->s->n + 1) * sizeof(*v))) == NULL)
		return FERR_NOMEM;
	p->s->v = v;
	a = &v[p->s->n++];
	*a = (struct agg){ .text = BUF_INIT };
	if ((rest = expr_assign(whole.p, whole.n, &name, &nname)) != NULL) {
		call = trim(rest, (size_t)(whole.p + whole.n - rest));
		if ((a->name = strndup(name, nname)) == NULL)
			return FERR_NOMEM;
	}
	if ((rc = parse_call(p, a, call)) != 0)
		return rc;
	if (a->name == NULL && (rc = default_name(p, a, call)) != 0)
		return rc;
	for (unsigned i = 0; i + 1 < p->s->n; i++) {
		if (strcmp(p->s->v[i].name, a->name) == 0)
			return FAIL(
			    p, whole.p,
			    "two aggregates are called '%s'; give one another name: NAME=%.*s",
			    a->name, (int)(call.n < 80 ? call.n : 80), call.p);
	}
	return 0;
}

/* -- the list -------------------------------------------------------------------------------- */

static int
put_signature(const struct aggs *s, const struct agg *a, struct buf *b)
{
	unsigned term = 0;
	char number[NUM_PRINT_MAX];
	int rc;

	if ((rc = buf_puts(b, a->name)) != 0 || (rc = buf_putc(b, '=')) != 0 ||
	    (rc = buf_puts(b, a->cls->name)) != 0 || (rc = buf_putc(b, '(')) != 0)
		return rc;
	for (const char *kind = a->cls->args; *kind != '\0'; kind++) {
		if (kind != a->cls->args && (rc = buf_putc(b, ',')) != 0)
			return rc;
		if (*kind == 'q')
			rc = buf_put(b, number, num_print_f64(a->q, number));
		else if (*kind == 'n')
			rc = buf_put(b, number, num_print_i64(a->limit, number));
		else
			rc = buf_puts(b, s->term[a->term[term++]].text);
		if (rc != 0)
			return rc;
	}
	return buf_putc(b, ')');
}

static int
set_signature(struct aggs *s)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	for (unsigned i = 0; i < s->n && rc == 0; i++) {
		if (i != 0)
			rc = buf_puts(&b, ", ");
		if (rc == 0)
			rc = put_signature(s, &s->v[i], &b);
	}
	if (rc == 0 && (s->signature = strndup(b.n > 0 ? (const char *)b.p : "", b.n)) == NULL)
		rc = FERR_NOMEM;
	buf_fini(&b);
	return rc;
}

/* The fields that the expressions read, each once. */
static int
set_fields(struct aggs *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nterms; i++)
		n += expr_nfields(s->term[i].e);
	if (n != 0 && (s->field = malloc(n * sizeof(*s->field))) == NULL)
		return FERR_NOMEM;
	for (unsigned i = 0; i < s->nterms; i++) {
		for (unsigned j = 0; j < expr_nfields(s->term[i].e); j++) {
			const char *name = expr_field(s->term[i].e, j);
			unsigned k = 0;

			while (k < s->nfields && strcmp(s->field[k], name) != 0)
				k++;
			if (k == s->nfields)
				s->field[s->nfields++] = name;
		}
	}
	return 0;
}

static int
finish(struct aggs *s)
{
	int rc;

	for (unsigned i = 0; i < s->n; i++) {
		struct agg *a = &s->v[i];

		a->at = (uint32_t)s->size;
		a->arena = &s->arena;
		s->size += a->cls->size;
		s->heap = s->heap || (a->cls->flags & AGG_HEAP) != 0;
		s->checks = s->checks || a->cls->may_add != NULL || a->cls->may_merge != NULL;
	}
	if ((rc = set_fields(s)) != 0)
		return rc;
	return set_signature(s);
}

int
aggs_parse(struct aggs **out, const char *text)
{
	struct parser p = { .text = text, .n = text != NULL ? strlen(text) : 0 };
	int rc = 0;

	if (text != NULL && trim(text, p.n).n == 0)
		return ferr(FERR_USAGE,
			    "the list of aggregates is empty; write count(), or total=sum(.x)");
	if ((p.s = calloc(1, sizeof(*p.s))) == NULL)
		return FERR_NOMEM;
	if (text != NULL)
		rc = expr_split(text, ',', on_piece, &p);
	if (rc != 0 || (rc = finish(p.s)) != 0) {
		aggs_free(p.s);
		return rc;
	}
	*out = p.s;
	return 0;
}
