/* expr_parse: the grammar of the expression language, by precedence climbing, into a tree with
 * constants folded. */
#include "expr/expr_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/text.h"

/* Loose to tight.  A prefix operator takes what binds as tight as its operand's level. */
enum prec { P_NONE, P_OR, P_AND, P_CMP, P_ELSE_NULL, P_ADD, P_MUL, P_UNARY };

struct parser {
	struct lexer l;
	struct expr *e;
	unsigned nest;
	int rc; /* why a function gave NULL */
};

static struct node *parse(struct parser *p, enum prec min);
static struct node *climb(struct parser *p, struct node *left, enum prec min);
static struct node *postfix(struct parser *p, struct node *n);

/* These set p->rc and return NULL or false, so that callers can return them. */
__attribute__((format(printf, 3, 4))) static void *
fail(struct parser *p, size_t at, const char *fmt, ...)
{
	char msg[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	p->rc = expr_fail(p->e->text, p->e->n, at, "%s", msg);
	return NULL;
}

static void *
no_memory(struct parser *p)
{
	p->rc = ferr(FERR_NOMEM, "out of memory");
	return NULL;
}

static bool
next(struct parser *p)
{
	return (p->rc = expr_lex_next(&p->l)) == 0;
}

/* The current token is not what the grammar wants. */
static void *
unexpected(struct parser *p, const char *want)
{
	static const struct {
		char c;
		const char *hint;
	} hints[] = {
		{ '=', "'=' does not compare: write '=='" },
		{ '&', "'&' is not an operator: write '&&'" },
		{ '|', "'|' is not an operator: write '||'" },
		{ '?',
		  "'?' is not an operator: write if ... then ... else ... end, or ?? for null" },
		{ '^', "'^' is not an operator: write pow(x, y)" },
		{ '~', "'~' is not an operator: a regular expression is matched by '=~'" },
	};
	const struct token *t = &p->l.tok;

	if (t->t == T_END)
		return fail(p, t->at, "the expression ends too early: %s is missing", want);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (t->t == hints[i].c)
			return fail(p, t->at, "%s", hints[i].hint);
	return fail(p, t->at, "unexpected %.*s: %s is missing",
		    (int)(t->end - t->at > 40 ? 40 : t->end - t->at), p->e->text + t->at, want);
}

static bool
expect(struct parser *p, int t, const char *want)
{
	if (p->l.tok.t == t)
		return next(p);
	unexpected(p, want);
	return false;
}

/* The closing bracket of one that was opened at `open`. */
static bool
expect_close(struct parser *p, int t, size_t open, const char *want)
{
	if (p->l.tok.t != T_END)
		return expect(p, t, want);
	fail(p, open, "'%c' is never closed: %s is missing", p->e->text[open], want);
	return false;
}

static bool
enter(struct parser *p)
{
	if (++p->nest <= EXPR_NEST_MAX)
		return true;
	fail(p, p->l.tok.at, "the expression is nested deeper than %d", EXPR_NEST_MAX);
	return false;
}

/* -- nodes ----------------------------------------------------------------------------------- */

static struct node *
new_node(struct parser *p, expr_eval_fn *eval, size_t at)
{
	struct node *n = expr_arena_take(&p->e->mem, sizeof(*n));

	if (n == NULL)
		return no_memory(p);
	n->eval = eval;
	n->kind = N_OTHER;
	n->pure = true;
	n->height = 1;
	n->at = (uint32_t)at;
	n->end = (uint32_t)p->l.end;
	return n;
}

static bool
add_arg(struct parser *p, struct node *n, struct node *a)
{
	if (n->n == n->cap) {
		uint32_t cap = n->cap != 0 ? n->cap * 2 : 2;
		struct node **arg = expr_arena_take(&p->e->mem, cap * sizeof(*arg));

		if (arg == NULL) {
			no_memory(p);
			return false;
		}
		if (n->n != 0)
			memcpy(arg, n->arg, n->n * sizeof(*arg));
		n->arg = arg;
		n->cap = cap;
	}
	n->arg[n->n++] = a;
	n->pure = n->pure && a->pure;
	if (a->height >= n->height)
		n->height = a->height + 1;
	if (a->at < n->at)
		n->at = a->at;
	if (n->height > EXPR_HEIGHT_MAX) {
		fail(p, a->at, "the expression is longer than %d steps", EXPR_HEIGHT_MAX);
		return false;
	}
	return true;
}

/*
 * A node whose arguments are complete: what is constant is computed now, except when that fails:
 * then it is left to fail where it is evaluated, if it ever is.
 */
static struct node *
finish(struct parser *p, struct node *n)
{
	const struct expr_ctx none = { 0 };
	struct val v;
	char *s;

	n->end = (uint32_t)p->l.end;
	for (uint32_t i = 0; i < n->n; i++)
		if (n->arg[i]->kind != N_CONST)
			return n;
	if (!n->pure || n->kind != N_OTHER)
		return n;
	if (n->eval(p->e, n, &none, &v) == 0) {
		if (v.t >= VAL_STR) {
			if ((s = expr_keep(p->e, v.s, v.n)) == NULL)
				return no_memory(p);
			v.s = s;
		}
		n->kind = N_CONST;
		n->k = v;
	}
	expr_arena_clear(&p->e->tmp);
	p->e->scratch.n = 0;
	return n;
}

static struct node *
new_const(struct parser *p, struct val v, size_t at)
{
	struct node *n = new_node(p, NULL, at);

	if (n == NULL)
		return NULL;
	n->kind = N_CONST;
	n->literal = true;
	n->k = v;
	return n;
}

static bool
is_null_literal(const struct node *n)
{
	return n->kind == N_CONST && n->literal && n->k.t == VAL_NULL;
}

/* -- fields ---------------------------------------------------------------------------------- */

static struct expr_field *
find_field(struct parser *p, const char *name, size_t n, bool right)
{
	struct expr *e = p->e;
	struct expr_field *f;

	for (unsigned i = 0; i < e->nfields; i++) {
		f = e->field[i];
		if (f->n == n && f->right == right && memcmp(f->name, name, n) == 0)
			return f;
	}
	if (e->nfields == e->capfields) {
		unsigned cap = e->capfields != 0 ? e->capfields * 2 : 8;
		struct expr_field **q = realloc(e->field, cap * sizeof(struct expr_field *));

		if (q == NULL)
			return no_memory(p);
		e->field = q;
		e->capfields = cap;
	}
	if ((f = expr_arena_take(&e->mem, sizeof(*f))) == NULL)
		return no_memory(p);
	*f = (struct expr_field){ name, (uint32_t)n, EXPR_UNBOUND, right };
	return e->field[e->nfields++] = f;
}

/* `.name`; the current token is the dot, or with EXPR_PATH the name itself. */
static struct node *
parse_field(struct parser *p, size_t at)
{
	const char *name;
	bool right = false;
	struct node *n;
	size_t k;

	if ((p->rc = expr_lex_member(&p->l, &name, &k)) != 0)
		return NULL;
	if ((p->e->flags & EXPR_LR) != 0) {
		right = k == 1 && *name == 'r';
		if (!right && !(k == 1 && *name == 'l'))
			return fail(p, at, "fields are written .l.%s or .r.%s here", name, name);
		if (!next(p))
			return NULL;
		if (p->l.tok.t != '.')
			return unexpected(p, "'.' and a field name");
		if ((p->rc = expr_lex_member(&p->l, &name, &k)) != 0)
			return NULL;
	}
	if (!next(p) || (n = new_node(p, NULL, at)) == NULL)
		return NULL;
	n->pure = false;
	n->kind = N_FIELD;
	return (n->field = find_field(p, name, k, right)) != NULL ? n : NULL;
}

/* A constant step behind a field joins its path. */
static struct node *
add_step(struct parser *p, struct node *n, const struct val *by)
{
	struct expr_step *q;

	if ((n->nsteps & (n->nsteps + 1)) == 0) { /* full at 0, 1, 3, 7... */
		q = expr_arena_take(&p->e->mem, (n->nsteps * 2 + 1) * sizeof(*q));
		if (q == NULL)
			return no_memory(p);
		if (n->nsteps != 0)
			memcpy(q, n->step, n->nsteps * sizeof(*q));
		n->step = q;
	}
	q = &n->step[n->nsteps++];
	if (by->t == VAL_I64)
		q->index = by->i;
	else
		*q = (struct expr_step){ .name = by->s, .n = by->n };
	n->kind = N_PATH;
	n->eval = expr_eval_path;
	n->end = (uint32_t)p->l.end;
	return n;
}

static struct node *
add_index(struct parser *p, struct node *n, struct node *by)
{
	bool piece = n->fn != NULL && n->fn->call == expr_fn_split && by->kind == N_CONST &&
		     by->k.t == VAL_I64;
	struct node *x;

	if ((n->kind == N_FIELD || n->kind == N_PATH) && by->kind == N_CONST &&
	    (by->k.t == VAL_I64 || by->k.t == VAL_STR))
		return add_step(p, n, &by->k);
	if ((x = new_node(p, piece ? expr_eval_piece : expr_eval_index, n->at)) == NULL)
		return NULL;
	if (!add_arg(p, x, n) || !add_arg(p, x, by))
		return NULL;
	return finish(p, x);
}

/* `.x` and `[...]`, any number of them. */
static struct node *
postfix(struct parser *p, struct node *n)
{
	const char *name;
	struct node *by;
	size_t at, k;

	while (n != NULL && (p->l.tok.t == '.' || p->l.tok.t == '[')) {
		at = p->l.tok.at;
		if (p->l.tok.t == '.') {
			if ((p->rc = expr_lex_member(&p->l, &name, &k)) != 0 || !next(p))
				return NULL;
			by = new_const(p, val_text(VAL_STR, name, k), at);
		} else {
			if (!enter(p) || !next(p))
				return NULL;
			if ((by = parse(p, P_OR)) == NULL || !expect_close(p, ']', at, "']'"))
				return NULL;
			p->nest--;
		}
		n = by != NULL ? add_index(p, n, by) : NULL;
	}
	return n;
}

/* -- calls, lists, if ------------------------------------------------------------------------ */

/* EXPR, EXPR ... close; the current token is the one behind `open`. */
static bool
parse_args(struct parser *p, struct node *n, int close, size_t open)
{
	const char *want = close == ')' ? "',' or ')'" : "',' or ']'";
	struct node *a;

	if (!enter(p))
		return false;
	while (p->l.tok.t != close) {
		if ((a = parse(p, P_OR)) == NULL || !add_arg(p, n, a))
			return false;
		if (p->l.tok.t != ',')
			break;
		if (!next(p))
			return false;
	}
	p->nest--;
	return expect_close(p, close, open, want);
}

/* A literal pattern is compiled here and now. */
static bool
compile_pattern(struct parser *p, struct node *n, const struct node *pattern)
{
	size_t at, col = pattern->at;

	if (pattern->kind != N_CONST || !expr_is_text(&pattern->k))
		return true;
	p->rc = regex_new(&n->re, pattern->k.s, pattern->k.n, true, &at);
	if (p->rc == 0) {
		expr_regex_keep(p->e, n->re);
	} else if (p->rc == FERR_USAGE) {
		char why[300];

		snprintf(why, sizeof(why), "%s", ferr_text());
		if (pattern->literal && pattern->end - pattern->at == pattern->k.n + 2)
			col += 1 + at; /* nothing was escaped */
		p->rc = expr_fail(p->e->text, p->e->n, col, "%s", why);
	}
	return p->rc == 0;
}

static bool
check_literals(struct parser *p, struct node *n)
{
	const struct node *group, *fmt;
	char out[512];

	if (n->fn->call == expr_fn_regex_extract) {
		if (!compile_pattern(p, n, n->arg[1]))
			return false;
		group = n->n == 3 ? n->arg[2] : NULL;
		if (n->re == NULL || (group != NULL && group->kind != N_CONST))
			return true;
		if (group != NULL && group->k.t == VAL_I64 && group->k.i >= 0 &&
		    group->k.i <= regex_groups(n->re))
			return true;
		if (group == NULL && regex_groups(n->re) >= 1)
			return true;
		fail(p, n->arg[n->n - 1]->at, "the pattern has no group %s: it has %u",
		     group == NULL ? "1" : "of that number", regex_groups(n->re));
		return false;
	}
	fmt = n->n == 2 ? n->arg[1] : NULL;
	if (n->fn->call == expr_fn_strftime && fmt->kind == N_CONST && fmt->k.t == VAL_STR &&
	    time_strftime(0, fmt->k.s, fmt->k.n, out, sizeof(out)) < 0) {
		fail(p, fmt->at, "strftime does not know this format");
		return false;
	}
	if (n->fn->call == expr_fn_time && fmt != NULL && fmt->kind == N_CONST &&
	    fmt->k.t == VAL_STR && !time_format_ok(fmt->k.s)) {
		fail(p, fmt->at, "time does not know this format");
		return false;
	}
	return true;
}

static struct node *
parse_call(struct parser *p, const char *name, size_t at)
{
	const struct expr_func *fn = expr_func_find(name, strlen(name));
	const char *near = fn == NULL ? expr_func_near(name) : NULL;
	size_t open = p->l.tok.at;
	struct node *n;

	if (fn == NULL && (strcmp(name, "now") == 0 || strcmp(name, "random") == 0))
		return fail(p, at,
			    "there is no %s(): the same input must give the same output; "
			    "ts() is the event time, hash() spreads",
			    name);
	if (near != NULL)
		return fail(p, at, "unknown function '%s'; did you mean '%s'?", name, near);
	if (fn == NULL)
		return fail(p, at, "unknown function '%.60s'", name);
	if ((n = new_node(p, fn->eval != NULL ? fn->eval : expr_eval_call, at)) == NULL ||
	    !next(p) || !parse_args(p, n, ')', open))
		return NULL;
	if (n->n < fn->min || n->n > fn->max)
		return fail(p, at, "wrong number of arguments (%u): %s", n->n, fn->usage);
	n->fn = fn;
	n->op = fn->name;
	n->pure = n->pure && !fn->row;
	if (!check_literals(p, n))
		return NULL;
	return finish(p, n);
}

static struct node *
parse_list(struct parser *p)
{
	size_t open = p->l.tok.at;
	struct node *n = new_node(p, expr_eval_list, open);

	if (n == NULL || !next(p) || !parse_args(p, n, ']', open))
		return NULL;
	n->list = true;
	return finish(p, n);
}

/* if(a, b[, c]): the current token is the comma behind a. */
static struct node *
parse_if_call(struct parser *p, struct node *n, size_t open)
{
	size_t at = n->at;

	if (!next(p) || !parse_args(p, n, ')', open))
		return NULL;
	if (n->n < 2 || n->n > 3)
		return fail(p, at, "wrong number of arguments (%u): if(a, b[, c])", n->n);
	return finish(p, n);
}

/*
 * The condition behind `if`.  A bracket there may be the one of if(a, b, c), which only a comma
 * tells: *call is set then, and a is the condition.
 */
static struct node *
parse_if_head(struct parser *p, bool *call)
{
	size_t open = p->l.tok.at;
	struct node *a;

	*call = false;
	if (p->l.tok.t != '(')
		return parse(p, P_OR);
	if (!enter(p) || !next(p) || (a = parse(p, P_OR)) == NULL)
		return NULL;
	p->nest--;
	if (p->l.tok.t == ',') {
		*call = true;
		return a;
	}
	if (!expect_close(p, ')', open, "')'") || (a = postfix(p, a)) == NULL)
		return NULL;
	return climb(p, a, P_OR);
}

static struct node *
parse_if(struct parser *p)
{
	struct node *n = new_node(p, expr_eval_if, p->l.tok.at), *a;
	size_t open;
	bool call;

	if (n == NULL || !enter(p) || !next(p))
		return NULL;
	open = p->l.tok.at;
	if ((a = parse_if_head(p, &call)) == NULL || !add_arg(p, n, a))
		return NULL;
	if (call) {
		p->nest--;
		return parse_if_call(p, n, open);
	}
	for (;;) {
		if (!expect(p, T_THEN, "'then'") || (a = parse(p, P_OR)) == NULL ||
		    !add_arg(p, n, a))
			return NULL;
		if (p->l.tok.t != T_ELIF)
			break;
		if (!next(p) || (a = parse(p, P_OR)) == NULL || !add_arg(p, n, a))
			return NULL;
	}
	if (p->l.tok.t == T_ELSE) {
		if (!next(p) || (a = parse(p, P_OR)) == NULL || !add_arg(p, n, a))
			return NULL;
	}
	p->nest--;
	return expect(p, T_FI, "'end'") ? finish(p, n) : NULL;
}

/* -- operands -------------------------------------------------------------------------------- */

/* A bare word: a call, or one of the few names that stand for themselves. */
static struct node *
parse_name(struct parser *p)
{
	static const char *const words[] = { "and",  "or",   "not", "in",   "if",    "then",
					     "elif", "else", "end", "true", "false", "null" };
	size_t at = p->l.tok.at;
	const char *near;
	struct node *n;
	char *name;

	if ((name = expr_keep(p->e, p->e->text + at, p->l.tok.end - at)) == NULL)
		return no_memory(p);
	if (!next(p))
		return NULL;
	if (p->l.tok.t == '(')
		return parse_call(p, name, at);
	if (strcmp(name, "window_start") == 0 || strcmp(name, "window_end") == 0) {
		if ((p->e->flags & EXPR_HAVING) == 0)
			return fail(p, at,
				    "%s stands for itself only in --having; a field is "
				    "written .%s",
				    name, name);
		n = new_node(p,
			     strcmp(name, "window_start") == 0 ? expr_eval_window_start
							       : expr_eval_window_end,
			     at);
		if (n != NULL)
			n->pure = false;
		return n;
	}
	if (expr_func_find(name, strlen(name)) != NULL)
		return fail(p, at, "%s is a function: write %s(...), or .%s for a field", name,
			    name, name);
	if ((near = near_word(name, words, sizeof(words) / sizeof(words[0]))) != NULL)
		return fail(p, at, "unknown name '%s'; did you mean '%s'? A field is written .%s",
			    name, near, name);
	return fail(p, at, "unknown name '%.100s'; a field is written .%.100s", name, name);
}

static struct node *
parse_literal(struct parser *p)
{
	struct token t = p->l.tok;
	struct node *n;

	if (expr_is_big(&t.v))
		return fail(p, t.at, "the number is too large or too small");
	if (!next(p) || (n = new_const(p, t.v, t.at)) == NULL)
		return NULL;
	return n;
}

static struct node *
parse_operand(struct parser *p)
{
	size_t open = p->l.tok.at;
	struct node *n;

	switch (p->l.tok.t) {
	case T_VALUE: n = parse_literal(p); break;
	case T_NAME: n = parse_name(p); break;
	case '.': n = parse_field(p, open); break;
	case '[': n = parse_list(p); break;
	case T_IF: n = parse_if(p); break;
	case '(':
		if (!enter(p) || !next(p) || (n = parse(p, P_OR)) == NULL ||
		    !expect_close(p, ')', open, "')'"))
			return NULL;
		p->nest--;
		break;
	default: return unexpected(p, "a value");
	}
	return n != NULL ? postfix(p, n) : NULL;
}

/* '-' with a number right behind it is that number: i64's least value has no positive. */
static struct node *
parse_minus(struct parser *p)
{
	size_t at = p->l.tok.at, len;
	struct node *n, *a;
	struct num num;

	if (!enter(p) || !next(p))
		return NULL;
	if (p->l.tok.t == T_VALUE && expr_is_big(&p->l.tok.v) && p->l.tok.at == at + 1) {
		len = num_parse(p->e->text + at, p->l.tok.end - at, &num);
		if (len == p->l.tok.end - at && num.kind == NUM_I64)
			p->l.tok = (struct token){ T_VALUE, at, p->l.tok.end, val_i64(num.i) };
		p->nest--;
		return parse_operand(p);
	}
	if ((a = parse(p, P_UNARY)) == NULL || (n = new_node(p, expr_eval_neg, at)) == NULL ||
	    !add_arg(p, n, a))
		return NULL;
	n->op = "-";
	p->nest--;
	return finish(p, n);
}

static struct node *
parse_not(struct parser *p)
{
	size_t at = p->l.tok.at;
	struct node *n, *a;

	if (!enter(p) || !next(p) || (a = parse(p, P_CMP)) == NULL ||
	    (n = new_node(p, expr_eval_not, at)) == NULL || !add_arg(p, n, a))
		return NULL;
	p->nest--;
	n->op = "!";
	return finish(p, n);
}

/* -- binary operators ------------------------------------------------------------------------ */

struct binary {
	int t;
	uint8_t prec;
	uint8_t cmp;
	bool chain; /* a op b op c is one node of three arguments */
	expr_eval_fn *eval;
	const char *op;
};

static const struct binary *
find_binary(int t)
{
	static const struct binary table[] = {
		{ T_OR, P_OR, 0, true, expr_eval_or, "||" },
		{ T_AND, P_AND, 0, true, expr_eval_and, "&&" },
		{ T_EQ, P_CMP, CMP_EQ, false, expr_eval_cmp, "==" },
		{ T_NE, P_CMP, CMP_LT | CMP_GT | CMP_DIFFER, false, expr_eval_cmp, "!=" },
		{ '<', P_CMP, CMP_LT | CMP_ORDER, false, expr_eval_cmp, "<" },
		{ T_LE, P_CMP, CMP_LT | CMP_EQ | CMP_ORDER, false, expr_eval_cmp, "<=" },
		{ '>', P_CMP, CMP_GT | CMP_ORDER, false, expr_eval_cmp, ">" },
		{ T_GE, P_CMP, CMP_GT | CMP_EQ | CMP_ORDER, false, expr_eval_cmp, ">=" },
		{ T_MATCH, P_CMP, 0, false, expr_eval_match, "=~" },
		{ T_IN, P_CMP, CMP_EQ, false, expr_eval_in, "in" },
		{ T_ELSE_NULL, P_ELSE_NULL, 0, true, expr_eval_coalesce, "\?\?" },
		{ '+', P_ADD, 0, false, expr_eval_add, "+" },
		{ '-', P_ADD, 0, false, expr_eval_sub, "-" },
		{ '*', P_MUL, 0, false, expr_eval_mul, "*" },
		{ '/', P_MUL, 0, false, expr_eval_div, "/" },
		{ '%', P_MUL, 0, false, expr_eval_mod, "%" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].t == t)
			return &table[i];
	return NULL;
}

static struct node *
new_binary(struct parser *p, const struct binary *b, struct node *left, struct node *right)
{
	struct node *n = left;

	if (!b->chain || left->eval != b->eval || left->kind == N_CONST || left->fn != NULL) {
		if ((n = new_node(p, b->eval, left->at)) == NULL || !add_arg(p, n, left))
			return NULL;
		n->op = b->op;
		n->cmp = b->cmp;
	}
	if (!add_arg(p, n, right))
		return NULL;
	if (b->eval == expr_eval_match && !compile_pattern(p, n, right))
		return NULL;
	if (b->eval == expr_eval_cmp) {
		if ((n->cmp & CMP_ORDER) == 0 && (is_null_literal(left) || is_null_literal(right)))
			n->eval = expr_eval_null;
		else
			expr_cmp_choose(n);
	}
	return finish(p, n);
}

/* Go on behind `left` with operators that bind at least as tight as min. */
static struct node *
climb(struct parser *p, struct node *left, enum prec min)
{
	const struct binary *b;
	struct node *right, *n;
	bool negate;
	size_t at;

	for (;;) {
		at = p->l.tok.at;
		negate = p->l.tok.t == '!' && p->e->text[at] == 'n'; /* `not in` */
		b = find_binary(negate ? T_IN : p->l.tok.t);
		if (b == NULL || b->prec < min)
			return left;
		if (!next(p) || (negate && !expect(p, T_IN, "'in'")))
			return NULL;
		if ((right = parse(p, b->prec + 1)) == NULL ||
		    (left = new_binary(p, b, left, right)) == NULL)
			return NULL;
		if (negate) {
			if ((n = new_node(p, expr_eval_not, left->at)) == NULL ||
			    !add_arg(p, n, left))
				return NULL;
			n->op = "not";
			left = finish(p, n);
		}
		if (left == NULL)
			return NULL;
		if (b->prec == P_CMP && (b = find_binary(p->l.tok.t)) != NULL && b->prec == P_CMP)
			return fail(p, p->l.tok.at,
				    "comparisons do not chain: join two of them "
				    "with '&&', or use brackets");
	}
}

static struct node *
parse(struct parser *p, enum prec min)
{
	struct node *n = p->l.tok.t == '!'   ? parse_not(p)
			 : p->l.tok.t == '-' ? parse_minus(p)
					     : parse_operand(p);

	return n != NULL ? climb(p, n, min) : NULL;
}

/* -- the whole ------------------------------------------------------------------------------- */

/* The names that a path gives to a key or an aggregate. */
static bool
name_path(struct parser *p, const struct node *n)
{
	struct buf b = BUF_INIT;
	size_t at = 0;
	char num[NUM_PRINT_MAX];
	int rc = buf_room(&b, 1); /* an empty name has a place too */

	if (rc == 0)
		rc = buf_put(&b, n->field->name, n->field->n);
	for (unsigned i = 0; rc == 0 && i < n->nsteps; i++) {
		const struct expr_step *s = &n->step[i];

		rc = buf_putc(&b, '_');
		at = b.n;
		if (rc == 0)
			rc = s->name != NULL ? buf_put(&b, s->name, s->n)
					     : buf_put(&b, num, num_print_i64(s->index, num));
	}
	if (rc == 0 && ((p->e->joined = expr_keep(p->e, b.p, b.n)) == NULL ||
			(p->e->last = expr_keep(p->e, b.p + at, b.n - at)) == NULL))
		rc = FERR_NOMEM;
	buf_fini(&b);
	return (p->rc = rc) == 0;
}

/* Nothing may follow what was parsed. */
static bool
at_end(struct parser *p)
{
	const struct token *t = &p->l.tok;

	if (t->t == T_END)
		return true;
	if (t->t == ')' || t->t == ']')
		fail(p, t->at, "'%c' closes nothing", t->t);
	else
		unexpected(p, "an operator");
	return false;
}

int
expr_parse_tree(struct expr *e)
{
	struct parser p = { .l = { .e = e, .s = e->text, .n = e->n }, .e = e };
	struct node *n;

	while (p.l.at < e->n && strchr(" \t\r\n", e->text[p.l.at]) != NULL &&
	       e->text[p.l.at] != '\0')
		p.l.at++;
	if (p.l.at == e->n)
		return ferr(FERR_USAGE, "the expression is empty");
	if ((e->flags & EXPR_PATH) != 0) {
		size_t at = p.l.at;

		p.l.at += e->text[at] == '.';
		n = parse_field(&p, at);
		n = n != NULL ? postfix(&p, n) : NULL;
	} else {
		n = next(&p) ? parse(&p, P_OR) : NULL;
	}
	if (n == NULL || !at_end(&p))
		return p.rc;
	if ((e->flags & EXPR_PATH) != 0 && n->kind != N_FIELD && n->kind != N_PATH)
		return expr_fail(e->text, e->n, n->at, "a field is needed here, not an expression");
	if (n->field != NULL && (n->kind == N_FIELD || n->kind == N_PATH) && !name_path(&p, n))
		return p.rc;
	e->root = n;
	return 0;
}
