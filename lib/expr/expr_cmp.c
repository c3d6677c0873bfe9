/* expr_cmp: comparisons, `in`, `=~`, and the fast forms of a field against a constant. */
#include "expr/expr_internal.h"

#include "base/text.h"
#include "fmt/json.h"

/* An i64 against an f64, exactly: neither is rounded to the other's type. */
static unsigned
cmp_i64_f64(int64_t i, double f)
{
	int64_t t;
	double rest;

	if (f >= 0x1p63)
		return CMP_LT;
	if (f < -0x1p63)
		return CMP_GT;
	t = (int64_t)f;
	if (i != t)
		return i < t ? CMP_LT : CMP_GT;
	rest = f - (double)t;
	return rest > 0 ? CMP_LT : rest < 0 ? CMP_GT : CMP_EQ;
}

static unsigned
cmp_i64(int64_t a, int64_t b)
{
	return a < b ? CMP_LT : a > b ? CMP_GT : CMP_EQ;
}

static unsigned
cmp_f64(double a, double b)
{
	return a < b ? CMP_LT : a > b ? CMP_GT : CMP_EQ;
}

static unsigned
mirror(unsigned r)
{
	return (r & ~(unsigned)(CMP_LT | CMP_GT)) | ((r & CMP_LT) != 0 ? CMP_GT : 0) |
	       ((r & CMP_GT) != 0 ? CMP_LT : 0);
}

static unsigned
cmp_text(const struct val *a, const struct val *b)
{
	uint32_t n = a->n < b->n ? a->n : b->n;
	int r = n != 0 ? memcmp(a->s, b->s, n) : 0;

	if (r != 0)
		return r < 0 ? CMP_LT : CMP_GT;
	return cmp_i64(a->n, b->n);
}

/* A string against a time is a time as well. */
static int
cmp_str_time(struct expr *e, const struct node *n, const struct val *a, const struct val *b,
	     unsigned *r)
{
	char q[QUOTE_MAX];
	int64_t ms;

	if (!time_parse(a->s, a->n, NULL, &e->tcache, &ms))
		return expr_bad(e, n, "%s is not a time", quote(a->s, a->n, q));
	*r = cmp_i64(ms, b->i);
	return 0;
}

int
expr_cmp(struct expr *e, const struct node *n, unsigned mask, const struct val *a,
	 const struct val *b, unsigned *r)
{
	int rc;

	if (expr_is_big(a) || expr_is_big(b))
		return expr_bad(e, n, "a number that neither an int nor a float holds");
	if (expr_is_num(a) && expr_is_num(b)) {
		if (a->t == b->t)
			*r = a->t == VAL_I64 ? cmp_i64(a->i, b->i) : cmp_f64(a->f, b->f);
		else
			*r = a->t == VAL_I64 ? cmp_i64_f64(a->i, b->f)
					     : mirror(cmp_i64_f64(b->i, a->f));
	} else if (expr_is_text(a) && expr_is_text(b)) {
		*r = cmp_text(a, b);
	} else if (a->t == b->t && (a->t == VAL_TIME || a->t == VAL_BOOL)) {
		*r = cmp_i64(a->i, b->i);
	} else if (a->t == VAL_STR && b->t == VAL_TIME) {
		return cmp_str_time(e, n, a, b, r);
	} else if (a->t == VAL_TIME && b->t == VAL_STR) {
		rc = cmp_str_time(e, n, b, a, r);
		*r = rc == 0 ? mirror(*r) : 0;
		return rc;
	} else if (a->t == VAL_JSON && b->t == VAL_JSON && (mask & CMP_ORDER) == 0) {
		*r = cmp_text(a, b) == CMP_EQ ? CMP_EQ : CMP_DIFFER;
	} else if ((mask & CMP_ORDER) == 0) {
		*r = CMP_DIFFER;
	} else {
		return expr_bad(e, n, "%s does not compare with %s", expr_type(a), expr_type(b));
	}
	return 0;
}

int
expr_eval_cmp(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a, b;
	unsigned r;
	int rc;

	if ((rc = expr_value(e, n->arg[0], c, &a)) != 0 ||
	    (rc = expr_value(e, n->arg[1], c, &b)) != 0)
		return rc;
	if (a.t <= VAL_NULL || b.t <= VAL_NULL) {
		*v = val_bool(false);
		return 0;
	}
	if ((rc = expr_cmp(e, n, n->cmp, &a, &b, &r)) != 0)
		return rc;
	*v = val_bool((n->cmp & r) != 0);
	return 0;
}

/* == null and != null, the one side being the literal. */
int
expr_eval_null(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a, b;
	int rc;

	if ((rc = expr_value(e, n->arg[0], c, &a)) != 0 ||
	    (rc = expr_value(e, n->arg[1], c, &b)) != 0)
		return rc;
	*v = val_bool((a.t <= VAL_NULL && b.t <= VAL_NULL) == ((n->cmp & CMP_EQ) != 0));
	return 0;
}

/* -- a field against a constant: the field is n->field, the constant n->k ---------------------- */

static int
eval_field_i64(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a = expr_field_raw(n->field, c);

	if (__builtin_expect(a.t == VAL_I64, 1))
		*v = val_bool((n->cmp & cmp_i64(a.i, n->k.i)) != 0);
	else if (a.t == VAL_F64 && n->exact)
		*v = val_bool((n->cmp & cmp_f64(a.f, n->f)) != 0);
	else
		return expr_eval_cmp(e, n, c, v);
	return 0;
}

static int
eval_field_f64(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a = expr_field_raw(n->field, c);

	if (__builtin_expect(a.t == VAL_F64, 1))
		*v = val_bool((n->cmp & cmp_f64(a.f, n->f)) != 0);
	else if (a.t == VAL_I64)
		*v = val_bool((n->cmp & cmp_i64_f64(a.i, n->f)) != 0);
	else
		return expr_eval_cmp(e, n, c, v);
	return 0;
}

static int
eval_field_str(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a = expr_field_raw(n->field, c);

	if (__builtin_expect(a.t != VAL_STR, 0))
		return expr_eval_cmp(e, n, c, v);
	*v = val_bool((n->cmp & cmp_text(&a, &n->k)) != 0);
	return 0;
}

/* Only == and !=: texts of different length need no look. */
static int
eval_field_str_eq(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a = expr_field_raw(n->field, c);

	if (__builtin_expect(a.t != VAL_STR, 0))
		return expr_eval_cmp(e, n, c, v);
	*v = val_bool((a.n == n->k.n && memcmp(a.s, n->k.s, a.n) == 0) == ((n->cmp & CMP_EQ) != 0));
	return 0;
}

static int
eval_field_time(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a = expr_field_raw(n->field, c);

	if (__builtin_expect(a.t != VAL_TIME, 0))
		return expr_eval_cmp(e, n, c, v);
	*v = val_bool((n->cmp & cmp_i64(a.i, n->k.i)) != 0);
	return 0;
}

void
expr_cmp_choose(struct node *n)
{
	if (n->arg[0]->kind == N_CONST && n->arg[1]->kind == N_FIELD) {
		struct node *a = n->arg[0];

		n->arg[0] = n->arg[1];
		n->arg[1] = a;
		n->cmp = (uint8_t)mirror(n->cmp);
	}
	if (n->arg[0]->kind != N_FIELD || n->arg[1]->kind != N_CONST)
		return;
	n->field = n->arg[0]->field;
	n->k = n->arg[1]->k;
	switch (n->k.t) {
	case VAL_I64:
		n->f = (double)n->k.i;
		n->exact = cmp_i64_f64(n->k.i, n->f) == CMP_EQ;
		n->eval = eval_field_i64;
		break;
	case VAL_F64:
		n->f = n->k.f;
		n->eval = eval_field_f64;
		break;
	case VAL_STR:
		n->eval = (n->cmp & CMP_ORDER) != 0 ? eval_field_str : eval_field_str_eq;
		break;
	case VAL_TIME: n->eval = eval_field_time; break;
	default: break;
	}
}

/* -- in, =~ ---------------------------------------------------------------------------------- */

int
expr_in_array(struct expr *e, const struct node *n, const struct val *x, const struct val *array)
{
	struct buf *b = expr_arena_room(&e->tmp, array->n);
	size_t pos = 0;
	struct val v;
	unsigned r;
	int rc;

	if (b == NULL)
		return FERR_NOMEM;
	while (json_next(array, &pos, b, &v)) {
		if (v.t <= VAL_NULL)
			continue;
		if ((rc = expr_cmp(e, n, CMP_EQ, x, &v, &r)) != 0)
			return rc;
		if (r == CMP_EQ)
			return 1;
	}
	return 0;
}

/* The elements of a list literal are compared one by one, without making an array. */
static int
in_list(struct expr *e, const struct node *n, const struct expr_ctx *c, const struct val *x)
{
	const struct node *list = n->arg[1];
	struct val v;
	unsigned r;
	int rc;

	for (uint32_t i = 0; i < list->n; i++) {
		if ((rc = expr_value(e, list->arg[i], c, &v)) != 0)
			return rc;
		if (v.t <= VAL_NULL)
			continue;
		if ((rc = expr_cmp(e, n, CMP_EQ, x, &v, &r)) != 0)
			return rc;
		if (r == CMP_EQ)
			return 1;
	}
	return 0;
}

int
expr_eval_in(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val x, a;
	int rc;

	if ((rc = expr_value(e, n->arg[0], c, &x)) != 0)
		return rc;
	*v = val_bool(false);
	if (n->arg[1]->list) {
		rc = x.t > VAL_NULL ? in_list(e, n, c, &x) : 0;
	} else {
		if ((rc = expr_value(e, n->arg[1], c, &a)) != 0)
			return rc;
		if (x.t <= VAL_NULL || a.t <= VAL_NULL)
			return 0;
		if (!expr_is_array(&a))
			return expr_bad(e, n, "'in' needs a list, not %s", expr_type(&a));
		rc = expr_in_array(e, n, &x, &a);
	}
	v->i = rc > 0;
	return rc < 0 ? rc : 0;
}

int
expr_eval_match(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val s, p;
	struct regex *re;
	size_t from, to;
	int rc;

	if ((rc = expr_value(e, n->arg[0], c, &s)) != 0 ||
	    (rc = expr_value(e, n->arg[1], c, &p)) != 0)
		return rc;
	*v = val_bool(false);
	if (s.t <= VAL_NULL || p.t <= VAL_NULL)
		return 0;
	if (!expr_is_text(&s) || !expr_is_text(&p))
		return expr_bad(e, n, "'=~' needs strings, not %s: use str()",
				expr_type(!expr_is_text(&s) ? &s : &p));
	if ((rc = expr_regex(e, n, &p, &re)) != 0)
		return rc;
	if ((rc = regex_match(re, s.s, s.n, 0, &from, &to)) < 0)
		return rc == FERR_DATA ? expr_bad(e, n, "%s", ferr_text()) : rc;
	v->i = rc;
	return 0;
}
