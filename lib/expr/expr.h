/*
 * expr -- the expression language of cli.md: parse, bind to a schema, evaluate on rows.  Pure and
 * deterministic.
 *
 * Owner   an expr is the caller's (expr_free).  Results borrow from the row, the expression's
 * constants or its arena, and live until the next expr_arena_reset (the caller's choice: per row or
 * per batch). Errors  FERR_USAGE at parse and bind, text with the expression, a caret line below it
 * and, for a name, "did you mean"; FERR_DATA at evaluation (overflow, division by zero, types that
 * do not compare ...), text = the reason; FERR_NOMEM. Texts   in quotes know \n \t \r \\ \" \' \/
 * \uXXXX; a backslash before anything else stays, so "\d+" is a pattern. Regex   PCRE2, loaded when
 * the first pattern is compiled; commands link no more than libc, libm, libdl. Never   calls a
 * clock, random numbers, the locale or the environment.
 */
#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

#include "row/key.h"
#include "row/row.h"

struct expr;

enum {
	EXPR_HAVING = 1, /* window_start, window_end may stand as bare names */
	EXPR_LR = 2,	 /* fields are .l.NAME and .r.NAME (joins) */
	EXPR_PATH =
	    4, /* one field path and nothing else, the first dot may be left out: `fkey user` */
};

int expr_parse(struct expr **out, const char *text, size_t n, unsigned flags);
void expr_free(struct expr *e);

/* Resolve field names to numbers; call again whenever the schema has grown.  Unknown fields are
 * absent (null). Cheap when nothing changed. */
int expr_bind(struct expr *e, const struct schema *s);
/*
 * The same where the fields of s do not stand in the row that evaluation gets as they do in s:
 * field i is that row's slot at[i]; or value k of what is computed beside it (expr_ctx.made), for
 * EXPR_MADE + k; or absent, for EXPR_UNBOUND.
 */
#define EXPR_MADE (1u << 16)
#define EXPR_UNBOUND UINT32_MAX
void expr_bind_at(struct expr *e, const struct schema *s, const uint32_t *at);
/* EXPR_LR: the same for the fields of .r; expr_bind is for those of .l then. */
int expr_bind_right(struct expr *e, const struct schema *s);

/* Names of the fields that the expression reads (first path step), for pruning and "never seen"
 * warnings. */
unsigned expr_nfields(const struct expr *e);
const char *expr_field(const struct expr *e, unsigned i);
bool expr_field_right(const struct expr *e, unsigned i); /* EXPR_LR: is it one of .r? */

/* Is it one plain field path?  Then *name is its last part (for key names, aggregate names); `.a.b`
 * -> "b", joined -> "a_b"; an index counts as a part, `.l` and `.r` of a join do not. */
bool expr_is_path(const struct expr *e, const char **last, const char **joined);

struct expr_ctx {
	const uint8_t *row;
	const uint8_t *right;		  /* EXPR_LR: the other row */
	const struct schema *schema;	  /* of row: ts(), key() */
	int64_t window_start, window_end; /* EXPR_HAVING; ROW_NOTIME: null */
	const struct val *made;		  /* expr_bind_at */
	const int64_t *time;		  /* ts(); NULL: the row's */
};

/* Evaluate.  Missing fields give null; *v is never VAL_ABSENT or VAL_CELL. */
int expr_eval(struct expr *e, const struct expr_ctx *c, struct val *v);

/* Evaluate a condition: 1 true, 0 false or null; FERR_DATA when it is neither bool nor null. */
int expr_test(struct expr *e, const struct expr_ctx *c);

void expr_arena_reset(struct expr *e);

/* Function i for the man page: "substr(s, start[, n])" and one line of help; false behind the last
 * one. */
bool expr_function(unsigned i, const char **usage, const char **help);

/*
 * Lists: `a = EXPR; b = EXPR` (sep ';', names before '=') as --set has them, or `EXPR, EXPR`.
 * expr_split finds the top-level pieces: calls fn(cookie, piece, length) for each, outside of
 * quotes and brackets, without blanks around it.  A separator at the end is fine, an empty piece
 * elsewhere is FERR_USAGE, as are open quotes and brackets.  Stops when fn does not return 0, with
 * what it returned.
 */
int expr_split(const char *text, char sep, int (*fn)(void *cookie, const char *piece, size_t n),
	       void *cookie);
/* Takes `NAME =` or `"odd name" =` off the head of a piece (not `==`): name in *name, *nname
 * (borrowed), returns the rest; NULL when there is no `NAME =`. */
const char *expr_assign(const char *piece, size_t n, const char **name, size_t *nname);

#endif
