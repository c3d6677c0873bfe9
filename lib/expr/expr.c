/* expr: the life of an expression, its memory, binding and evaluation from outside.  See expr.h. */
#include "expr/expr_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

/* -- arena ----------------------------------------------------------------------------------- */

#define CHUNK_MIN 4096u

static bool
fits(const struct buf *b, size_t need)
{
	return b->cap - b->n >= need;
}

/* Chunks behind cur are empty; one that is large enough is moved up, else a new one is made. */
static struct buf *
next_chunk(struct expr_arena *a, size_t need)
{
	unsigned at = a->n != 0 ? a->cur + 1 : 0, i = at;
	struct buf b;

	while (i < a->n && !fits(&a->chunk[i], need))
		i++;
	if (i == a->n) {
		if (a->n == a->cap) {
			unsigned cap = a->cap != 0 ? a->cap * 2 : 4;
			struct buf *q = realloc(a->chunk, cap * sizeof(*q));

			if (q == NULL)
				return NULL;
			a->chunk = q;
			a->cap = cap;
		}
		b = (struct buf)BUF_INIT;
		if (buf_room(&b, need < CHUNK_MIN ? CHUNK_MIN : need) != 0)
			return NULL;
		a->chunk[a->n++] = b;
	}
	b = a->chunk[i];
	a->chunk[i] = a->chunk[at];
	a->chunk[at] = b;
	a->cur = at;
	return &a->chunk[at];
}

struct buf *
expr_arena_room(struct expr_arena *a, size_t need)
{
	struct buf *b = NULL;

	if (a->n != 0 && fits(&a->chunk[a->cur], need))
		return &a->chunk[a->cur];
	if ((b = next_chunk(a, need)) == NULL)
		ferr(FERR_NOMEM, "out of memory");
	return b;
}

void *
expr_arena_take(struct expr_arena *a, size_t n)
{
	struct buf *b = expr_arena_room(a, n + 16);
	uint8_t *p;

	if (b == NULL)
		return NULL;
	b->n = (b->n + 15) & ~(size_t)15;
	p = b->p + b->n;
	b->n += n;
	return memset(p, 0, n);
}

void
expr_arena_clear(struct expr_arena *a)
{
	for (unsigned i = 0; i < a->n && i <= a->cur; i++)
		a->chunk[i].n = 0;
	a->cur = 0;
}

void
expr_arena_fini(struct expr_arena *a)
{
	for (unsigned i = 0; i < a->n; i++)
		buf_fini(&a->chunk[i]);
	free(a->chunk);
	*a = (struct expr_arena){ 0 };
}

char *
expr_keep(struct expr *e, const void *p, size_t n)
{
	char *s = expr_arena_take(&e->mem, n + 1);

	if (s != NULL && p != NULL && n != 0)
		memcpy(s, p, n);
	return s;
}

/* -- life ------------------------------------------------------------------------------------ */

int
expr_parse(struct expr **out, const char *text, size_t n, unsigned flags)
{
	struct expr *e;
	size_t bad;
	int rc;

	if (n > EXPR_TEXT_MAX)
		return ferr(FERR_USAGE, "the expression is longer than %u bytes", EXPR_TEXT_MAX);
	if ((bad = utf8_span((const uint8_t *)text, n)) < n)
		return ferr(FERR_USAGE, "the expression is not UTF-8 at byte %zu", bad + 1);
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	e->flags = flags;
	e->n = n;
	rc = FERR_NOMEM;
	if ((e->text = expr_keep(e, text, n)) == NULL || (rc = expr_parse_tree(e)) != 0) {
		expr_free(e);
		return rc;
	}
	*out = e;
	return 0;
}

void
expr_free(struct expr *e)
{
	if (e == NULL)
		return;
	expr_regex_fini(e);
	expr_arena_fini(&e->mem);
	expr_arena_fini(&e->tmp);
	buf_fini(&e->scratch);
	free(e->field);
	free(e);
}

void
expr_arena_reset(struct expr *e)
{
	expr_arena_clear(&e->tmp);
}

/* -- fields ---------------------------------------------------------------------------------- */

/* Does the slot found before still hold the field?  Saves the look-up when nothing changed. */
static bool
is_bound(const struct expr_field *f, const struct schema *s)
{
	const struct field *g;

	if (f->slot >= s->n)
		return false;
	g = &s->f[f->slot];
	return g->n == f->n && (g->flags & FIELD_HIDDEN) == 0 &&
	       memcmp(g->name, f->name, f->n) == 0;
}

static int
bind(struct expr *e, const struct schema *s, bool right)
{
	for (unsigned i = 0; i < e->nfields; i++) {
		struct expr_field *f = e->field[i];
		int slot;

		if (f->right != right || is_bound(f, s))
			continue;
		slot = schema_find(s, f->name, f->n);
		f->slot = slot >= 0 ? (uint32_t)slot : EXPR_UNBOUND;
	}
	return 0;
}

int
expr_bind(struct expr *e, const struct schema *s)
{
	return bind(e, s, false);
}

void
expr_bind_at(struct expr *e, const struct schema *s, const uint32_t *at)
{
	for (unsigned i = 0; i < e->nfields; i++) {
		struct expr_field *f = e->field[i];
		int k = schema_find(s, f->name, f->n);

		f->slot = k >= 0 ? at[k] : EXPR_UNBOUND;
	}
}

int
expr_bind_right(struct expr *e, const struct schema *s)
{
	return bind(e, s, true);
}

unsigned
expr_nfields(const struct expr *e)
{
	return e->nfields;
}

const char *
expr_field(const struct expr *e, unsigned i)
{
	return e->field[i]->name;
}

bool
expr_field_right(const struct expr *e, unsigned i)
{
	return e->field[i]->right;
}

bool
expr_is_path(const struct expr *e, const char **last, const char **joined)
{
	if (e->last == NULL)
		return false;
	if (last != NULL)
		*last = e->last;
	if (joined != NULL)
		*joined = e->joined;
	return true;
}

struct val
expr_field_made(const struct expr_field *f, const struct expr_ctx *c)
{
	if (f->slot >= EXPR_MADE && f->slot != EXPR_UNBOUND)
		return c->made[f->slot - EXPR_MADE];
	return (struct val){ .t = VAL_ABSENT };
}

/* -- evaluation ------------------------------------------------------------------------------ */

int
expr_eval(struct expr *e, const struct expr_ctx *c, struct val *v)
{
	int rc = expr_value(e, e->root, c, v);

	if (rc != 0)
		e->scratch.n = 0;
	else if (v->t == VAL_ABSENT)
		v->t = VAL_NULL;
	return rc;
}

int
expr_test(struct expr *e, const struct expr_ctx *c)
{
	struct val v;
	int rc = expr_value(e, e->root, c, &v);

	if (__builtin_expect(rc != 0, 0)) {
		e->scratch.n = 0;
		return rc;
	}
	if (__builtin_expect(v.t == VAL_BOOL, 1))
		return v.i != 0;
	if (v.t <= VAL_NULL)
		return 0;
	return expr_bad(e, e->root, "a condition must be true or false, not %s", expr_type(&v));
}

int
expr_bad(const struct expr *e, const struct node *n, const char *fmt, ...)
{
	size_t len = n->end - n->at;
	char msg[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (len > 80)
		len = utf8_index(e->text + n->at, len, 60);
	return ferr(FERR_DATA, "%s in '%.*s%s'", msg, (int)len, e->text + n->at,
		    len < n->end - n->at ? "..." : "");
}

const char *
expr_type(const struct val *v)
{
	switch (v->t) {
	case VAL_ABSENT:
	case VAL_NULL: return "null";
	case VAL_BOOL: return "bool";
	case VAL_I64: return "int";
	case VAL_F64: return "float";
	case VAL_TIME: return "time";
	case VAL_STR:
	case VAL_CELL: return "string";
	case VAL_BYTES: return "bytes";
	default: return expr_is_array(v) ? "array" : expr_is_big(v) ? "number" : "object";
	}
}

int
expr_put_text(struct expr *e, enum val_type t, const void *p, size_t n, struct val *v)
{
	struct buf *b;
	size_t at;

	if (n > ROW_MAX)
		return ferr(FERR_DATA, "a text longer than %u bytes", ROW_MAX);
	if ((b = expr_arena_room(&e->tmp, n)) == NULL)
		return FERR_NOMEM;
	at = b->n;
	if (n != 0)
		memcpy(b->p + at, p, n);
	b->n += n;
	*v = val_text(t, (const char *)b->p + at, n);
	return 0;
}

int
expr_put_scratch(struct expr *e, int rc, enum val_type t, size_t at, struct val *v)
{
	size_t n = e->scratch.n - at;

	if (rc == 0)
		rc = expr_put_text(e, t, n != 0 ? e->scratch.p + at : NULL, n, v);
	e->scratch.n = at;
	return rc;
}
