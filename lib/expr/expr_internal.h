/*
 * expr_internal -- what the files of expr share: the tree, its memory, comparison, regex.
 *
 * A text becomes a tree of nodes with constants folded; every node has a function that evaluates
 * it.  Comparisons of a field with a constant, the most frequent condition, have functions of their
 * own (expr_cmp.c).
 *
 * Inside, an absent field and null are the same: test with `v.t <= VAL_NULL`.  Cells are resolved
 * when a field is read.
 */
#ifndef EXPR_INTERNAL_H
#define EXPR_INTERNAL_H

#include "base/buf.h"
#include "base/time.h"
#include "expr/expr.h"

#define EXPR_TEXT_MAX (64u << 10)
#define EXPR_NEST_MAX 200	/* brackets, prefix operators, if */
#define EXPR_HEIGHT_MAX 1000	/* nodes from root to leaf: bounds the stack of evaluation */
#define EXPR_ARGS_MAX 4		/* of a plain function */
#define EXPR_ARGS_ANY UINT8_MAX /* at most: no bound */

/* Memory in chunks that never move; kept for reuse until expr_arena_fini. */
struct expr_arena {
	struct buf *chunk;
	unsigned n, cap, cur;
};

/* A chunk with room for `need` more bytes behind its n; NULL without memory. */
struct buf *expr_arena_room(struct expr_arena *a, size_t need);
/* n zeroed, aligned bytes; NULL without memory. */
void *expr_arena_take(struct expr_arena *a, size_t n);
void expr_arena_clear(struct expr_arena *a);
void expr_arena_fini(struct expr_arena *a);

/* A field of a row that the expression reads; shared by the nodes that read it. */
struct expr_field {
	const char *name; /* NUL-terminated */
	uint32_t n;
	uint32_t slot; /* or EXPR_MADE + k, or EXPR_UNBOUND */
	bool right;    /* of the right row of a join */
};

/* One step of a path behind its field: .name or [index]. */
struct expr_step {
	const char *name; /* NULL: index */
	uint32_t n;
	int64_t index;
};

struct node;
typedef int expr_eval_fn(struct expr *e, const struct node *n, const struct expr_ctx *c,
			 struct val *v);

/* A plain function: its values are there and none is null. */
typedef int expr_call_fn(struct expr *e, const struct node *n, const struct val *a, struct val *v);

/* A row of the function table; exactly one of call and eval is set. */
struct expr_func {
	const char *name;
	uint8_t min, max;   /* arguments */
	bool row;	    /* depends on the row: never folded */
	expr_call_fn *call; /* null when an argument is null */
	expr_eval_fn *eval; /* sees its arguments unevaluated */
	const char *usage;  /* "substr(s, start[, n])" */
	const char *help;   /* one line, no full stop */
};

enum node_kind {
	N_CONST, /* k */
	N_FIELD, /* field, without further steps */
	N_PATH,	 /* field and steps */
	N_OTHER,
};

/* Comparisons are masks over the outcome, so that one function serves all of them. */
enum {
	CMP_LT = 1,
	CMP_EQ = 2,
	CMP_GT = 4,
	CMP_DIFFER = 8, /* values of different types */
	CMP_ORDER = 16, /* the operator asks for an order: different types are a bad record */
};

struct node {
	expr_eval_fn *eval;
	uint8_t kind;
	uint8_t cmp;  /* mask of a comparison */
	bool pure;    /* the same for every row if all arguments are */
	bool literal; /* a constant that stands so in the text */
	bool list;    /* a list literal: arg are its elements, even when folded */
	bool exact;   /* the constant k (i64) is exactly f as well */
	uint16_t height;
	uint32_t n, cap;  /* arguments */
	uint32_t at, end; /* where it stands in the text */
	const char *op;	  /* operator for messages */
	struct node **arg;
	struct expr_field *field;
	struct val k;
	double f;
	struct expr_step *step;
	unsigned nsteps;
	const struct expr_func *fn;
	struct regex *re; /* compiled literal pattern, or NULL */
};

#define EXPR_REGEX_CACHE 16

struct expr {
	struct node *root;
	char *text;
	size_t n;
	unsigned flags;
	struct expr_field **field;
	unsigned nfields, capfields;
	char *last, *joined;		       /* names of a path, or NULL */
	struct expr_arena mem;		       /* nodes, constants: for life */
	struct expr_arena tmp;		       /* texts of results */
	struct buf scratch;		       /* a stack of texts under construction */
	struct time_cache tcache;	       /* strings compared with times come in order */
	struct regex *regexes;		       /* of literals */
	struct regex *cache[EXPR_REGEX_CACHE]; /* of computed patterns */
	unsigned cache_next;
};

/* -- reading rows and evaluating ------------------------------------------------------------- */

/* A field that is not in the row: computed, or absent. */
struct val expr_field_made(const struct expr_field *f, const struct expr_ctx *c);

static inline struct val
expr_field_raw(const struct expr_field *f, const struct expr_ctx *c)
{
	const uint8_t *row = f->right ? c->right : c->row;

	if (__builtin_expect(row == NULL || f->slot >= row_n(row), 0))
		return expr_field_made(f, c);
	return row_raw(row, f->slot);
}

static inline int
expr_value(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	if (n->kind == N_CONST) {
		*v = n->k;
		return 0;
	}
	if (n->kind == N_FIELD) {
		*v = val_resolve(expr_field_raw(n->field, c));
		return 0;
	}
	return n->eval(e, n, c, v);
}

/* A condition: 1, 0 (false or null) or FERR_DATA. */
int expr_cond(struct expr *e, const struct node *n, const struct expr_ctx *c);

/* FERR_DATA with a reason and the part of the expression. */
int expr_bad(const struct expr *e, const struct node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "i64", "array", ... as type() says it. */
const char *expr_type(const struct val *v);

/* A number that neither i64 nor f64 holds, an array or an object; all three are VAL_JSON. */
static inline bool
expr_is_big(const struct val *v)
{
	return v->t == VAL_JSON && v->n != 0 && v->s[0] != '[' && v->s[0] != '{';
}

static inline bool
expr_is_array(const struct val *v)
{
	return v->t == VAL_JSON && v->n != 0 && v->s[0] == '[';
}

static inline bool
expr_is_text(const struct val *v)
{
	return v->t == VAL_STR || v->t == VAL_BYTES;
}

static inline bool
expr_is_num(const struct val *v)
{
	return v->t == VAL_I64 || v->t == VAL_F64;
}

static inline double
expr_as_f64(const struct val *v)
{
	return v->t == VAL_I64 ? (double)v->i : v->f;
}

/* A finite result, or a bad record. */
int expr_put_f64(const struct expr *e, const struct node *n, double f, struct val *v);
/* v as a time: a time, a number by magnitude, a string. */
int expr_as_time(struct expr *e, const struct node *n, const struct val *v, int64_t *ms);
/* Text of type t copied into the arena. */
int expr_put_text(struct expr *e, enum val_type t, const void *p, size_t n, struct val *v);
/* What stands in scratch from `at` on, copied likewise; rc is passed on when it is not 0.  Scratch
 * is cut to `at`. */
int expr_put_scratch(struct expr *e, int rc, enum val_type t, size_t at, struct val *v);
/* v as str() has it, appended to scratch. */
int expr_put_plain(struct expr *e, const struct node *n, const struct val *v);

/* -- operators ------------------------------------------------------------------------------- */

expr_eval_fn expr_eval_path, expr_eval_index, expr_eval_list, expr_eval_if, expr_eval_coalesce;
expr_eval_fn expr_eval_or, expr_eval_and, expr_eval_not, expr_eval_neg, expr_eval_call;
expr_eval_fn expr_eval_add, expr_eval_sub, expr_eval_mul, expr_eval_div, expr_eval_mod;
expr_eval_fn expr_eval_window_start, expr_eval_window_end;
expr_eval_fn expr_eval_cmp, expr_eval_null, expr_eval_in, expr_eval_match;

/* The fastest function for a comparison of these arguments; may swap them. */
void expr_cmp_choose(struct node *n);

/*
 * Compare two values that are not null for operator mask: *r gets CMP_LT, CMP_EQ, CMP_GT or
 * CMP_DIFFER. FERR_DATA when they do not compare.
 */
int expr_cmp(struct expr *e, const struct node *n, unsigned mask, const struct val *a,
	     const struct val *b, unsigned *r);
/* Is x an element of the array?  1, 0 or FERR_DATA. */
int expr_in_array(struct expr *e, const struct node *n, const struct val *x,
		  const struct val *array);

/* -- functions ------------------------------------------------------------------------------- */

const struct expr_func *expr_func_find(const char *name, size_t n);
/* The function that name may have meant, or NULL. */
const char *expr_func_near(const char *name);

expr_call_fn expr_fn_lower, expr_fn_upper, expr_fn_trim, expr_fn_substr, expr_fn_split;
expr_call_fn expr_fn_replace, expr_fn_contains, expr_fn_starts_with, expr_fn_ends_with, expr_fn_len;
expr_call_fn expr_fn_regex_extract;
expr_call_fn expr_fn_time, expr_fn_year, expr_fn_month, expr_fn_day, expr_fn_hour, expr_fn_minute;
expr_call_fn expr_fn_second, expr_fn_weekday, expr_fn_strftime, expr_fn_trunc;
expr_eval_fn expr_eval_concat;
/* split(s, sep)[k], k a constant int: the piece in s, and no array is made. */
expr_eval_fn expr_eval_piece;

/* -- regular expressions (PCRE2) ------------------------------------------------------------- */

struct regex;

/* FERR_USAGE with PCRE2's message and *at, the offset in the pattern; FERR_NOMEM. */
int regex_new(struct regex **out, const char *s, size_t n, bool jit, size_t *at);
void regex_free(struct regex *re);
unsigned regex_groups(const struct regex *re);
/*
 * 1: matches; 0: does not; FERR_DATA (a limit was reached).  *from and *to get the place of group
 * g, *from == SIZE_MAX when it took no part.
 */
int regex_match(struct regex *re, const char *s, size_t n, unsigned g, size_t *from, size_t *to);
/* The node's own pattern, or v's from the cache of computed ones. */
int expr_regex(struct expr *e, const struct node *n, const struct val *v, struct regex **out);
/* Free it with e. */
void expr_regex_keep(struct expr *e, struct regex *re);
void expr_regex_fini(struct expr *e);

/* -- parsing --------------------------------------------------------------------------------- */

/* FERR_USAGE: message, the line of text that holds byte `at`, a caret below it. */
int expr_fail(const char *text, size_t n, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

enum token_type {
	T_END = 0,
	/* single characters stand for themselves */
	T_NAME = 256,
	T_VALUE, /* a literal */
	T_EQ,
	T_NE,
	T_LE,
	T_GE,
	T_AND,
	T_OR,
	T_MATCH,
	T_ELSE_NULL, /* ?? */
	T_IN,
	T_IF,
	T_THEN,
	T_ELIF,
	T_ELSE,
	T_FI, /* end */
};

struct token {
	int t;
	size_t at, end;
	struct val v; /* T_VALUE */
};

struct lexer {
	struct expr *e;
	const char *s;
	size_t n, at;
	struct token tok; /* the current one */
	size_t end;	  /* end of the one before */
};

int expr_lex_next(struct lexer *l);
/* The name or quoted name right behind a '.', kept in e->mem. */
int expr_lex_member(struct lexer *l, const char **name, size_t *n);
/* Length of the name at s[0..n): letters, digits, _, all above ASCII; 0 if there is none. */
size_t expr_name_len(const char *s, size_t n);

int expr_parse_tree(struct expr *e);
/* A copy in e->mem, NUL-terminated; NULL without memory. */
char *expr_keep(struct expr *e, const void *p, size_t n);

#endif
