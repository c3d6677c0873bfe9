/* expr_eval: paths, conditions, arithmetic, calls.  Comparisons are in expr_cmp.c. */
#include "expr/expr_internal.h"

#include <math.h>

#include "fmt/json.h"

/* -- paths ----------------------------------------------------------------------------------- */

/* Member or element of a value; null when there is none or v has no parts. */
static int
get_member(struct expr *e, const struct val *v, const char *name, size_t n, struct val *out)
{
	struct buf *b;

	*out = VAL_NULLV;
	if (v->t != VAL_JSON)
		return 0;
	if ((b = expr_arena_room(&e->tmp, v->n)) == NULL)
		return FERR_NOMEM;
	return json_member(v, name, n, b, out);
}

static int
get_elem(struct expr *e, const struct val *v, int64_t i, struct val *out)
{
	struct buf *b;

	*out = VAL_NULLV;
	if (v->t != VAL_JSON || i < 0)
		return 0;
	if ((b = expr_arena_room(&e->tmp, v->n)) == NULL)
		return FERR_NOMEM;
	return json_elem(v, i, b, out);
}

int
expr_eval_path(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val in = expr_field_raw(n->field, c);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n->nsteps; i++) {
		const struct expr_step *s = &n->step[i];

		rc = s->name != NULL ? get_member(e, &in, s->name, s->n, v)
				     : get_elem(e, &in, s->index, v);
		in = *v;
	}
	return rc;
}

int
expr_eval_index(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a, by;
	int rc;

	if ((rc = expr_value(e, n->arg[0], c, &a)) != 0 ||
	    (rc = expr_value(e, n->arg[1], c, &by)) != 0)
		return rc;
	*v = VAL_NULLV;
	if (a.t <= VAL_NULL || by.t <= VAL_NULL)
		return 0;
	if (by.t == VAL_I64)
		return get_elem(e, &a, by.i, v);
	if (by.t == VAL_STR)
		return get_member(e, &a, by.s, by.n, v);
	return expr_bad(e, n, "an index is an int or a string, not %s", expr_type(&by));
}

int
expr_eval_list(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct buf *b = &e->scratch;
	size_t at = b->n;
	struct val a;
	int rc = buf_putc(b, '[');

	for (uint32_t i = 0; rc == 0 && i < n->n; i++) {
		if (i > 0)
			rc = buf_putc(b, ',');
		if (rc == 0 && (rc = expr_value(e, n->arg[i], c, &a)) == 0)
			rc = val_json(&a, b);
	}
	if (rc == 0)
		rc = buf_putc(b, ']');
	return expr_put_scratch(e, rc, VAL_JSON, at, v);
}

/* -- conditions ------------------------------------------------------------------------------ */

int
expr_cond(struct expr *e, const struct node *n, const struct expr_ctx *c)
{
	struct val v;
	int rc = expr_value(e, n, c, &v);

	if (rc != 0)
		return rc;
	if (v.t == VAL_BOOL)
		return v.i != 0;
	if (v.t <= VAL_NULL)
		return 0;
	return expr_bad(e, n, "a condition must be true or false, not %s", expr_type(&v));
}

int
expr_eval_or(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < n->n; i++)
		rc = expr_cond(e, n->arg[i], c);
	*v = val_bool(rc > 0);
	return rc < 0 ? rc : 0;
}

int
expr_eval_and(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	int rc = 1;

	for (uint32_t i = 0; rc == 1 && i < n->n; i++)
		rc = expr_cond(e, n->arg[i], c);
	*v = val_bool(rc > 0);
	return rc < 0 ? rc : 0;
}

int
expr_eval_not(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	int rc = expr_cond(e, n->arg[0], c);

	*v = val_bool(rc == 0);
	return rc < 0 ? rc : 0;
}

/* Condition, value, condition, value ..., value for else (or null). */
int
expr_eval_if(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	uint32_t i = 0;
	int rc;

	for (; i + 1 < n->n; i += 2) {
		if ((rc = expr_cond(e, n->arg[i], c)) < 0)
			return rc;
		if (rc > 0)
			return expr_value(e, n->arg[i + 1], c, v);
	}
	*v = VAL_NULLV;
	return i < n->n ? expr_value(e, n->arg[i], c, v) : 0;
}

int
expr_eval_coalesce(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	int rc = 0;

	*v = VAL_NULLV;
	for (uint32_t i = 0; rc == 0 && v->t <= VAL_NULL && i < n->n; i++)
		rc = expr_value(e, n->arg[i], c, v);
	return rc;
}

/* -- arithmetic ------------------------------------------------------------------------------ */

int
expr_put_f64(const struct expr *e, const struct node *n, double f, struct val *v)
{
	if (__builtin_expect(!isfinite(f), 0))
		return expr_bad(e, n, "the result is not a finite number");
	*v = val_f64(f);
	return 0;
}

static int
put_time(const struct expr *e, const struct node *n, bool overflow, int64_t ms, struct val *v)
{
	if (overflow || ms < TIME_MIN_MS || ms > TIME_MAX_MS)
		return expr_bad(e, n, "a time outside of the years 0 to 9999");
	*v = val_time(ms);
	return 0;
}

static int
overflow(const struct expr *e, const struct node *n)
{
	return expr_bad(e, n, "integer overflow");
}

/* Operands that are not both numbers: nulls, times, mistakes. */
static int
arith_other(struct expr *e, const struct node *n, const struct val *a, const struct val *b,
	    struct val *v)
{
	const struct val *wrong = expr_is_num(a) || a->t == VAL_TIME ? b : a;
	int64_t ms;
	bool over;

	if (a->t <= VAL_NULL || b->t <= VAL_NULL) {
		*v = VAL_NULLV;
		return 0;
	}
	if (*n->op == '+' && a->t + b->t == VAL_TIME + VAL_I64 && a->t != b->t &&
	    (a->t == VAL_TIME || b->t == VAL_TIME)) {
		over = __builtin_add_overflow(a->i, b->i, &ms);
		return put_time(e, n, over, ms, v);
	}
	if (*n->op == '-' && a->t == VAL_TIME && b->t == VAL_I64) {
		over = __builtin_sub_overflow(a->i, b->i, &ms);
		return put_time(e, n, over, ms, v);
	}
	if (*n->op == '-' && a->t == VAL_TIME && b->t == VAL_TIME) {
		*v = val_i64(a->i - b->i); /* both are within the years 0 to 9999 */
		return 0;
	}
	if (expr_is_big(a) || expr_is_big(b))
		return expr_bad(e, n, "a number that neither an int nor a float holds");
	if (*n->op == '+' && expr_is_text(a) && expr_is_text(b))
		return expr_bad(e, n, "'+' does not join strings: use concat()");
	if (expr_is_text(wrong))
		return expr_bad(e, n, "'%s' needs numbers, not %s: use int(), float() or time()",
				n->op, expr_type(wrong));
	return expr_bad(e, n, "'%s' does not take %s and %s", n->op, expr_type(a), expr_type(b));
}

static int
div_i64(struct expr *e, const struct node *n, int64_t a, int64_t b, struct val *v)
{
	if (b == 0)
		return expr_bad(e, n, "division by zero");
	if (b == -1 && *n->op == '%')
		*v = val_i64(0);
	else if (b == -1 && a == INT64_MIN)
		return overflow(e, n);
	else
		*v = val_i64(*n->op == '/' ? a / b : a % b);
	return 0;
}

/* One function for all operators; op is a constant where it is inlined. */
static inline __attribute__((always_inline)) int
arith(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v, char op)
{
	struct val a, b;
	double x, y;
	int64_t i;
	bool over;
	int rc;

	if ((rc = expr_value(e, n->arg[0], c, &a)) != 0 ||
	    (rc = expr_value(e, n->arg[1], c, &b)) != 0)
		return rc;
	if (a.t == VAL_I64 && b.t == VAL_I64) {
		if (op == '/' || op == '%')
			return div_i64(e, n, a.i, b.i, v);
		over = op == '+'   ? __builtin_add_overflow(a.i, b.i, &i)
		       : op == '-' ? __builtin_sub_overflow(a.i, b.i, &i)
				   : __builtin_mul_overflow(a.i, b.i, &i);
		if (__builtin_expect(over, 0))
			return overflow(e, n);
		*v = val_i64(i);
		return 0;
	}
	if (!expr_is_num(&a) || !expr_is_num(&b))
		return arith_other(e, n, &a, &b, v);
	x = expr_as_f64(&a);
	y = expr_as_f64(&b);
	if ((op == '/' || op == '%') && y == 0)
		return expr_bad(e, n, "division by zero");
	x = op == '+'	? x + y
	    : op == '-' ? x - y
	    : op == '*' ? x * y
	    : op == '/' ? x / y
			: fmod(x, y);
	return expr_put_f64(e, n, x, v);
}

int
expr_eval_add(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	return arith(e, n, c, v, '+');
}

int
expr_eval_sub(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	return arith(e, n, c, v, '-');
}

int
expr_eval_mul(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	return arith(e, n, c, v, '*');
}

int
expr_eval_div(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	return arith(e, n, c, v, '/');
}

int
expr_eval_mod(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	return arith(e, n, c, v, '%');
}

int
expr_eval_neg(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	int rc = expr_value(e, n->arg[0], c, v);

	if (rc != 0 || v->t <= VAL_NULL)
		return rc;
	if (v->t == VAL_F64) {
		v->f = -v->f;
		return 0;
	}
	if (expr_is_big(v))
		return expr_bad(e, n, "a number that neither an int nor a float holds");
	if (v->t != VAL_I64)
		return expr_bad(e, n, "'-' needs a number, not %s", expr_type(v));
	return __builtin_sub_overflow((int64_t)0, v->i, &v->i) ? overflow(e, n) : 0;
}

/* -- calls, names ---------------------------------------------------------------------------- */

int
expr_eval_call(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct val a[EXPR_ARGS_MAX];
	bool null = false;
	int rc;

	for (uint32_t i = 0; i < n->n; i++) {
		if ((rc = expr_value(e, n->arg[i], c, &a[i])) != 0)
			return rc;
		null = null || a[i].t <= VAL_NULL;
	}
	*v = VAL_NULLV;
	return null ? 0 : n->fn->call(e, n, a, v);
}

static int
put_bound(int64_t ms, struct val *v)
{
	*v = ms != ROW_NOTIME ? val_time(ms) : VAL_NULLV;
	return 0;
}

int
expr_eval_window_start(struct expr *e, const struct node *n, const struct expr_ctx *c,
		       struct val *v)
{
	(void)e, (void)n;
	return put_bound(c->window_start, v);
}

int
expr_eval_window_end(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	(void)e, (void)n;
	return put_bound(c->window_end, v);
}
