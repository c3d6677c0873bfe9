/* expr_fn: the table of functions, and those on numbers, types and the row. */
#include "expr/expr_internal.h"

#include <math.h>

#include "base/num.h"
#include "base/text.h"
#include "fmt/json.h"

/* -- numbers --------------------------------------------------------------------------------- */

static int
need_num(const struct expr *e, const struct node *n, const struct val *a)
{
	for (uint32_t i = 0; i < n->n; i++) {
		if (expr_is_big(&a[i]))
			return expr_bad(e, n, "a number that neither an int nor a float holds");
		if (!expr_is_num(&a[i]))
			return expr_bad(e, n, "%s() needs a number, not %s", n->op,
					expr_type(&a[i]));
	}
	return 0;
}

static int
fn_abs(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int rc = need_num(e, n, a);

	if (rc != 0)
		return rc;
	*v = a[0];
	if (v->t == VAL_F64)
		v->f = fabs(v->f);
	else if (v->i < 0 && __builtin_sub_overflow((int64_t)0, v->i, &v->i))
		return expr_bad(e, n, "integer overflow");
	return 0;
}

/* An int is whole already; a float stays a float. */
static int
whole(struct expr *e, const struct node *n, const struct val *a, double (*fn)(double),
      struct val *v)
{
	int rc = need_num(e, n, a);

	if (rc != 0)
		return rc;
	*v = a[0];
	if (v->t == VAL_F64)
		v->f = fn(v->f);
	return 0;
}

static int
fn_floor(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	return whole(e, n, a, floor, v);
}

static int
fn_ceil(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	return whole(e, n, a, ceil, v);
}

static int
fn_round(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	return whole(e, n, a, round, v);
}

static int
fn_sqrt(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int rc = need_num(e, n, a);

	if (rc != 0)
		return rc;
	if (expr_as_f64(a) < 0)
		return expr_bad(e, n, "square root of a negative number");
	return expr_put_f64(e, n, sqrt(expr_as_f64(a)), v);
}

static int
fn_log(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int rc = need_num(e, n, a);

	if (rc != 0)
		return rc;
	if (expr_as_f64(a) <= 0)
		return expr_bad(e, n, "logarithm of a number that is not above zero");
	return expr_put_f64(e, n, log(expr_as_f64(a)), v);
}

static int
fn_exp(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int rc = need_num(e, n, a);

	return rc != 0 ? rc : expr_put_f64(e, n, exp(expr_as_f64(a)), v);
}

static int
fn_pow(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int rc = need_num(e, n, a);

	return rc != 0 ? rc : expr_put_f64(e, n, pow(expr_as_f64(&a[0]), expr_as_f64(&a[1])), v);
}

static int
fn_fdiv(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int rc = need_num(e, n, a);

	if (rc != 0)
		return rc;
	if (expr_as_f64(&a[1]) == 0)
		return expr_bad(e, n, "division by zero");
	return expr_put_f64(e, n, expr_as_f64(&a[0]) / expr_as_f64(&a[1]), v);
}

/* The least (keep = CMP_LT) or greatest of all arguments, null when one is null. */
static int
extreme(struct expr *e, const struct node *n, const struct expr_ctx *c, unsigned keep,
	struct val *v)
{
	struct val a;
	unsigned r;
	int rc = expr_value(e, n->arg[0], c, v);

	for (uint32_t i = 1; rc == 0 && i < n->n; i++) {
		if ((rc = expr_value(e, n->arg[i], c, &a)) != 0)
			break;
		if (a.t <= VAL_NULL || v->t <= VAL_NULL) {
			*v = VAL_NULLV;
			continue;
		}
		rc = expr_cmp(e, n, keep | CMP_ORDER, &a, v, &r);
		if (rc == 0 && r == keep)
			*v = a;
	}
	return rc;
}

static int
eval_min(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	return extreme(e, n, c, CMP_LT, v);
}

static int
eval_max(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	return extreme(e, n, c, CMP_GT, v);
}

#define EARTH_KM 6371.0088 /* mean radius (IUGG) */

/* Haversine. */
static int
fn_geodist(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	const double rad = 0x1.1df46a2529d39p-6; /* pi / 180 */
	double lat1, lat2, s, t, h;
	int rc = need_num(e, n, a);

	if (rc != 0)
		return rc;
	lat1 = expr_as_f64(&a[0]) * rad;
	lat2 = expr_as_f64(&a[2]) * rad;
	if (!(fabs(lat1) <= 90.001 * rad && fabs(lat2) <= 90.001 * rad))
		return expr_bad(e, n, "a latitude is not within -90 and 90");
	s = sin((lat2 - lat1) / 2);
	t = sin((expr_as_f64(&a[3]) - expr_as_f64(&a[1])) * rad / 2);
	h = s * s + cos(lat1) * cos(lat2) * t * t;
	return expr_put_f64(e, n, 2 * EARTH_KM * asin(sqrt(h < 1 ? h : 1)), v);
}

/* -- types ----------------------------------------------------------------------------------- */

/* All of a text as a number, blanks around it aside. */
static int
parse_num(struct expr *e, const struct node *n, const struct val *a, struct num *num)
{
	const char *s = a->s;
	size_t len = a->n;
	char q[QUOTE_MAX];

	while (len > 0 && *s == ' ')
		s++, len--;
	while (len > 0 && s[len - 1] == ' ')
		len--;
	if (num_parse(s, len, num) != len || len == 0)
		return expr_bad(e, n, "%s is not a number", quote(a->s, a->n, q));
	if (num->kind == NUM_BIG)
		return expr_bad(e, n, "a number that neither an int nor a float holds");
	return 0;
}

static int
int_of_f64(const struct expr *e, const struct node *n, double f, struct val *v)
{
	if (!(f >= -0x1p63 && f < 0x1p63))
		return expr_bad(e, n, "the number does not fit an int");
	*v = val_i64((int64_t)f);
	return 0;
}

static int
fn_int(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	struct num num;
	int rc;

	switch (a->t) {
	case VAL_BOOL:
	case VAL_I64:
	case VAL_TIME: *v = val_i64(a->i); return 0;
	case VAL_F64: return int_of_f64(e, n, a->f, v);
	case VAL_STR:
		if ((rc = parse_num(e, n, a, &num)) != 0)
			return rc;
		if (num.kind == NUM_F64)
			return int_of_f64(e, n, num.f, v);
		*v = val_i64(num.i);
		return 0;
	default: break;
	}
	if (expr_is_big(a))
		return expr_bad(e, n, "the number does not fit an int");
	return expr_bad(e, n, "int() does not take %s", expr_type(a));
}

static int
fn_float(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	struct num num;
	int rc;

	switch (a->t) {
	case VAL_I64: *v = val_f64((double)a->i); return 0;
	case VAL_F64: *v = *a; return 0;
	case VAL_STR:
		if ((rc = parse_num(e, n, a, &num)) == 0)
			*v = val_f64(num.kind == NUM_F64 ? num.f : (double)num.i);
		return rc;
	default: break;
	}
	if (expr_is_big(a))
		return expr_bad(e, n, "a number that neither an int nor a float holds");
	return expr_bad(e, n, "float() does not take %s", expr_type(a));
}

static int
fn_str(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	size_t at = e->scratch.n;

	if (a->t == VAL_STR) {
		*v = *a;
		return 0;
	}
	return expr_put_scratch(e, expr_put_plain(e, n, a), VAL_STR, at, v);
}

static int
fn_bool(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	char q[QUOTE_MAX];

	if (a->t == VAL_BOOL)
		*v = *a;
	else if (expr_is_num(a))
		*v = val_bool(expr_as_f64(a) != 0);
	else if (a->t == VAL_STR && a->n == 4 && memcmp(a->s, "true", 4) == 0)
		*v = val_bool(true);
	else if (a->t == VAL_STR && a->n == 5 && memcmp(a->s, "false", 5) == 0)
		*v = val_bool(false);
	else if (a->t == VAL_STR)
		return expr_bad(e, n, "%s is neither true nor false", quote(a->s, a->n, q));
	else
		return expr_bad(e, n, "bool() does not take %s", expr_type(a));
	return 0;
}

static int
fn_json(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	struct json_bad bad;
	struct val copy;
	struct buf *b;
	int rc;

	if (!expr_is_text(a)) {
		*v = *a;
		return 0;
	}
	/* The copy has readable bytes behind its end, and stays where it is when the result follows
	 * it. */
	if ((rc = expr_put_text(e, VAL_STR, a->s, a->n, &copy)) != 0)
		return rc;
	if ((b = expr_arena_room(&e->tmp, copy.n)) == NULL)
		return FERR_NOMEM;
	rc = json_value((const uint8_t *)copy.s, copy.n, b, v, &bad);
	if (rc == FERR_DATA)
		return expr_bad(e, n, "not JSON at byte %zu: %s", bad.at + 1, bad.reason);
	return rc;
}

static int
eval_type(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a;
	const char *s;
	int rc = expr_value(e, n->arg[0], c, &a);

	if (rc != 0)
		return rc;
	s = expr_type(&a);
	*v = val_text(VAL_STR, s, strlen(s));
	return 0;
}

/* -- the row --------------------------------------------------------------------------------- */

static int
fn_hash(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	struct buf *b = &e->scratch;
	size_t at = b->n;
	int rc = key_part(a, b);

	(void)n;
	if (rc == 0)
		*v = val_i64((int64_t)(key_hash(b->p + at, b->n - at) & INT64_MAX));
	b->n = at;
	return rc;
}

static int
eval_ts(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	int64_t ms = c->time != NULL ? *c->time : c->row != NULL ? row_time(c->row) : ROW_NOTIME;

	(void)e, (void)n;
	*v = ms != ROW_NOTIME ? val_time(ms) : VAL_NULLV;
	return 0;
}

/* One key field: its value; several: an array of them; none: null. */
static int
eval_key(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	const struct schema *s = c->schema;
	struct buf *b = &e->scratch;
	size_t at = b->n;
	struct val a;
	int rc;

	(void)n;
	*v = VAL_NULLV;
	if (s == NULL || !s->keyed || s->nkey == 0 || c->row == NULL)
		return 0;
	if (s->nkey == 1) {
		*v = row_get(c->row, s->key[0]);
		return 0;
	}
	rc = buf_putc(b, '[');
	for (unsigned i = 0; rc == 0 && i < s->nkey; i++) {
		a = row_get(c->row, s->key[i]);
		if (i > 0)
			rc = buf_putc(b, ',');
		if (rc == 0)
			rc = val_json(&a, b);
	}
	if (rc == 0)
		rc = buf_putc(b, ']');
	return expr_put_scratch(e, rc, VAL_JSON, at, v);
}

/* -- the table ------------------------------------------------------------------------------- */

/*
 * type() and messages call the types null, bool, int, float, time, string, bytes, array, object,
 * and number (one that neither an int nor a float holds).
 */
static const struct expr_func funcs[] = {
	{ "len", 1, 1, false, expr_fn_len, NULL, "len(x)",
	  "characters of a string, elements of an array" },
	{ "lower", 1, 1, false, expr_fn_lower, NULL, "lower(s)", "ASCII letters in lower case" },
	{ "upper", 1, 1, false, expr_fn_upper, NULL, "upper(s)", "ASCII letters in upper case" },
	{ "trim", 1, 1, false, expr_fn_trim, NULL, "trim(s)", "without blanks at both ends" },
	{ "substr", 2, 3, false, expr_fn_substr, NULL, "substr(s, start[, n])",
	  "n characters from start (0 is the first), or all from there" },
	{ "split", 2, 2, false, expr_fn_split, NULL, "split(s, sep)",
	  "array of the pieces between separators; of characters if sep is empty" },
	{ "replace", 3, 3, false, expr_fn_replace, NULL, "replace(s, from, to)",
	  "every from replaced, literally" },
	{ "contains", 2, 2, false, expr_fn_contains, NULL, "contains(s, x)",
	  "is x a part of the string, an element of the array" },
	{ "starts_with", 2, 2, false, expr_fn_starts_with, NULL, "starts_with(s, x)",
	  "does s begin with x" },
	{ "ends_with", 2, 2, false, expr_fn_ends_with, NULL, "ends_with(s, x)",
	  "does s end with x" },
	{ "concat", 1, EXPR_ARGS_ANY, false, NULL, expr_eval_concat, "concat(x, ...)",
	  "the texts of all values, joined" },
	{ "regex_extract", 2, 3, false, expr_fn_regex_extract, NULL,
	  "regex_extract(s, re[, group = 1])", "what the group matched, null if nothing" },
	{ "abs", 1, 1, false, fn_abs, NULL, "abs(x)", "without the sign" },
	{ "floor", 1, 1, false, fn_floor, NULL, "floor(x)", "the whole number below" },
	{ "ceil", 1, 1, false, fn_ceil, NULL, "ceil(x)", "the whole number above" },
	{ "round", 1, 1, false, fn_round, NULL, "round(x)",
	  "the nearest whole number, halves away from zero" },
	{ "min", 1, EXPR_ARGS_ANY, false, NULL, eval_min, "min(x, ...)",
	  "the least of the values" },
	{ "max", 1, EXPR_ARGS_ANY, false, NULL, eval_max, "max(x, ...)",
	  "the greatest of the values" },
	{ "sqrt", 1, 1, false, fn_sqrt, NULL, "sqrt(x)", "square root" },
	{ "pow", 2, 2, false, fn_pow, NULL, "pow(x, y)", "x to the power of y, a float" },
	{ "log", 1, 1, false, fn_log, NULL, "log(x)", "natural logarithm" },
	{ "exp", 1, 1, false, fn_exp, NULL, "exp(x)", "e to the power of x" },
	{ "fdiv", 2, 2, false, fn_fdiv, NULL, "fdiv(a, b)", "a / b as a float, nothing cut off" },
	{ "int", 1, 1, false, fn_int, NULL, "int(x)", "as an int, fractions cut off" },
	{ "float", 1, 1, false, fn_float, NULL, "float(x)",
	  "as a float, from a number or its text" },
	{ "str", 1, 1, false, fn_str, NULL, "str(x)", "as text" },
	{ "bool", 1, 1, false, fn_bool, NULL, "bool(x)",
	  "true or false, from a number or \"true\", \"false\"" },
	{ "time", 1, 2, false, expr_fn_time, NULL, "time(x[, fmt])",
	  "a time, from a number (s, ms, us, ns by magnitude) or its text (RFC 3339 or fmt)" },
	{ "json", 1, 1, false, fn_json, NULL, "json(s)", "the value that a JSON text stands for" },
	{ "type", 1, 1, false, NULL, eval_type, "type(x)",
	  "null, bool, int, float, time, string, bytes, array, object or number" },
	{ "coalesce", 1, EXPR_ARGS_ANY, false, NULL, expr_eval_coalesce, "coalesce(x, ...)",
	  "the first value that is not null" },
	{ "year", 1, 1, false, expr_fn_year, NULL, "year(t)", "year, in UTC" },
	{ "month", 1, 1, false, expr_fn_month, NULL, "month(t)", "month, 1 to 12" },
	{ "day", 1, 1, false, expr_fn_day, NULL, "day(t)", "day of the month" },
	{ "hour", 1, 1, false, expr_fn_hour, NULL, "hour(t)", "hour, 0 to 23" },
	{ "minute", 1, 1, false, expr_fn_minute, NULL, "minute(t)", "minute, 0 to 59" },
	{ "second", 1, 1, false, expr_fn_second, NULL, "second(t)", "second, 0 to 59" },
	{ "weekday", 1, 1, false, expr_fn_weekday, NULL, "weekday(t)",
	  "day of the week, 0 = Sunday" },
	{ "strftime", 2, 2, false, expr_fn_strftime, NULL, "strftime(t, fmt)",
	  "the time as text, in UTC" },
	{ "trunc", 2, 2, false, expr_fn_trunc, NULL, "trunc(t, d)",
	  "the time rounded down to a multiple of the duration" },
	{ "hash", 1, 1, false, fn_hash, NULL, "hash(x)",
	  "an int from 0 on that is the same for the same value, for ever" },
	{ "geodist", 4, 4, false, fn_geodist, NULL, "geodist(lat1, lon1, lat2, lon2)",
	  "distance on the earth in km" },
	{ "ts", 0, 0, true, NULL, eval_ts, "ts()", "event time of the record" },
	{ "key", 0, 0, true, NULL, eval_key, "key()",
	  "key of the record; an array if it has several parts" },
};

#define NFUNCS (sizeof(funcs) / sizeof(funcs[0]))

const struct expr_func *
expr_func_find(const char *name, size_t n)
{
	for (size_t i = 0; i < NFUNCS; i++)
		if (strlen(funcs[i].name) == n && memcmp(funcs[i].name, name, n) == 0)
			return &funcs[i];
	return NULL;
}

const char *
expr_func_near(const char *name)
{
	/* What other languages call them. */
	static const char *const alias[][2] = {
		{ "length", "len" },
		{ "size", "len" },
		{ "strlen", "len" },
		{ "count", "len" },
		{ "lcase", "lower" },
		{ "tolower", "lower" },
		{ "lowercase", "lower" },
		{ "ucase", "upper" },
		{ "toupper", "upper" },
		{ "uppercase", "upper" },
		{ "strip", "trim" },
		{ "substring", "substr" },
		{ "mid", "substr" },
		{ "indexof", "contains" },
		{ "join", "concat" },
		{ "ifnull", "coalesce" },
		{ "nvl", "coalesce" },
		{ "isnull", "coalesce" },
		{ "least", "min" },
		{ "greatest", "max" },
		{ "power", "pow" },
		{ "ln", "log" },
		{ "mod", "%" },
		{ "number", "float" },
		{ "double", "float" },
		{ "integer", "int" },
		{ "string", "str" },
		{ "text", "str" },
		{ "boolean", "bool" },
		{ "timestamp", "time" },
		{ "date", "time" },
		{ "typeof", "type" },
		{ "distance", "geodist" },
		{ "date_trunc", "trunc" },
		{ "dow", "weekday" },
	};
	const size_t naliases = sizeof(alias) / sizeof(alias[0]);
	const char *names[NFUNCS + sizeof(alias) / sizeof(alias[0])], *near;
	size_t n = 0;

	for (size_t i = 0; i < NFUNCS; i++)
		names[n++] = funcs[i].name;
	for (size_t i = 0; i < naliases; i++)
		names[n++] = alias[i][0];
	near = near_word(name, names, n);
	for (size_t i = 0; near != NULL && i < naliases; i++)
		if (near == alias[i][0])
			return alias[i][1];
	return near;
}

bool
expr_function(unsigned i, const char **usage, const char **help)
{
	if (i >= NFUNCS)
		return false;
	*usage = funcs[i].usage;
	*help = funcs[i].help;
	return true;
}
