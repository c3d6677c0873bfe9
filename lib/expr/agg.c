/* agg: see agg.h.  The list: every operation on a block, aggregate by aggregate. */
#include "expr/agg_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/text.h"
#include "base/time.h"

const struct agg_class *const agg_classes[] = {
	&agg_count,    &agg_count_if,	&agg_sum,      &agg_min,
	&agg_max,      &agg_avg,	&agg_first,    &agg_last,
	&agg_stddev,   &agg_stddev_pop, &agg_distinct, &agg_approx_distinct,
	&agg_quantile, &agg_median,	&agg_collect,  &agg_top,
	&agg_any,      &agg_all,	NULL,
};

struct agg_chunk {
	struct agg_chunk *next;
	size_t n, cap;
	char p[];
};

#define CHUNK_MIN 4000

void
aggs_free(struct aggs *a)
{
	if (a == NULL)
		return;
	for (unsigned i = 0; i < a->n; i++) {
		free(a->v[i].name);
		buf_fini(&a->v[i].text);
	}
	for (unsigned i = 0; i < a->nterms; i++) {
		expr_free(a->term[i].e);
		free(a->term[i].text);
	}
	aggs_arena_reset(a);
	free(a->arena.first);
	free(a->v);
	free(a->term);
	free(a->field);
	free(a->signature);
	free(a);
}

unsigned
aggs_n(const struct aggs *a)
{
	return a->n;
}

const char *
aggs_name(const struct aggs *a, unsigned i)
{
	return a->v[i].name;
}

int
aggs_bind(struct aggs *a, const struct schema *s)
{
	int rc;

	for (unsigned i = 0; i < a->nterms; i++) {
		if ((rc = expr_bind(a->term[i].e, s)) != 0)
			return rc;
	}
	return 0;
}

unsigned
aggs_nfields(const struct aggs *a)
{
	return a->nfields;
}

const char *
aggs_field(const struct aggs *a, unsigned i)
{
	return a->field[i];
}

const char *
aggs_signature(const struct aggs *a)
{
	return a->signature;
}

size_t
aggs_size(const struct aggs *a)
{
	return a->size;
}

bool
aggs_plain(const struct aggs *a)
{
	return !a->heap;
}

uint64_t
aggs_arrivals(const struct aggs *a)
{
	return a->seq;
}

void
aggs_set_arrivals(struct aggs *a, uint64_t n)
{
	a->seq = n;
}

int
aggs_eval(struct aggs *s, const struct expr_ctx *c)
{
	int rc;

	s->seq++;
	if (s->arena.first != NULL)
		aggs_arena_reset(s);
	for (unsigned i = 0; i < s->nterms; i++) {
		struct agg_term *t = &s->term[i];

		expr_arena_reset(t->e);
		if ((rc = expr_eval(t->e, c, &t->v)) != 0)
			return rc;
	}
	if (s->nterms == 0)
		return 0;
	for (unsigned i = 0; i < s->n; i++) {
		struct agg *a = &s->v[i];

		if (a->nterms == 0)
			continue;
		a->v = s->term[a->term[0]].v;
		if (a->nterms == 2)
			a->w = s->term[a->term[1]].v;
		a->seq = s->seq;
		a->skip = val_is_null(&a->v);
		if (!a->skip && a->cls->accept != NULL && (rc = a->cls->accept(a)) != 0)
			return rc;
	}
	return 0;
}

static inline void *
acc_of(const struct agg *a, void *block)
{
	return (char *)block + a->at;
}

static inline const void *
acc_in(const struct agg *a, const void *block)
{
	return (const char *)block + a->at;
}

int
aggs_add(struct aggs *s, void *block)
{
	int rc;

	for (unsigned i = 0; s->checks && i < s->n; i++) {
		const struct agg *a = &s->v[i];

		if (!a->skip && a->cls->may_add != NULL &&
		    (rc = a->cls->may_add(a, acc_in(a, block))) != 0)
			return rc;
	}
	for (unsigned i = 0; i < s->n; i++) {
		struct agg *a = &s->v[i];

		if (!a->skip && (rc = a->cls->add(a, acc_of(a, block))) != 0)
			return rc;
	}
	return 0;
}

int
aggs_retract(struct aggs *s, void *block)
{
	int rc;

	for (unsigned i = 0; i < s->n; i++) {
		const struct agg *a = &s->v[i];

		if (a->skip)
			continue;
		if (a->cls->retract == NULL)
			return FERR_AGAIN;
		if ((rc = a->cls->may_retract(a, acc_in(a, block))) != 0)
			return rc;
	}
	for (unsigned i = 0; i < s->n; i++) {
		const struct agg *a = &s->v[i];

		if (!a->skip)
			a->cls->retract(a, acc_of(a, block));
	}
	return 0;
}

int
aggs_must_retract(struct aggs *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if ((s->v[i].cls->flags & AGG_RETRACT) == 0)
			return ferr(
			    FERR_USAGE,
			    "%s (in '%s') cannot take a record back; count, sum, avg, any "
			    "and all can, and fwindow top N:EXPR keeps the records with the "
			    "greatest EXPR",
			    s->v[i].cls->name, s->v[i].name);
		s->v[i].rounds = true;
	}
	return 0;
}

int
aggs_merge(struct aggs *s, void *into, const void *from)
{
	int rc;

	for (unsigned i = 0; s->checks && i < s->n; i++) {
		const struct agg *a = &s->v[i];

		if (a->cls->may_merge != NULL &&
		    (rc = a->cls->may_merge(a, acc_in(a, into), acc_in(a, from))) != 0)
			return rc;
	}
	for (unsigned i = 0; i < s->n; i++) {
		struct agg *a = &s->v[i];

		if ((rc = a->cls->merge(a, acc_of(a, into), acc_in(a, from))) != 0)
			return rc;
	}
	return 0;
}

/* Has nothing been added to an accumulator? */
static bool
acc_empty(const struct agg *a, const void *block)
{
	const uint8_t *p = acc_in(a, block);

	for (uint32_t i = 0; i < a->cls->size; i += 8) {
		if (le64get(p + i) != 0)
			return false;
	}
	return true;
}

int
aggs_unmerge(struct aggs *s, void *block, const void *other)
{
	int rc;

	for (unsigned i = 0; i < s->n; i++) {
		const struct agg *a = &s->v[i];

		if (acc_empty(a, other))
			continue;
		if (a->cls->unmerge == NULL)
			return FERR_AGAIN;
		if ((rc = a->cls->may_unmerge(a, acc_in(a, block), acc_in(a, other))) != 0)
			return rc;
	}
	for (unsigned i = 0; i < s->n; i++) {
		const struct agg *a = &s->v[i];

		if (!acc_empty(a, other))
			a->cls->unmerge(a, acc_of(a, block), acc_in(a, other));
	}
	return 0;
}

int
aggs_result(struct aggs *s, const void *block, unsigned i, struct val *v)
{
	struct agg *a = &s->v[i];

	return a->cls->result(a, acc_in(a, block), v);
}

void
aggs_fini(struct aggs *s, void *block)
{
	for (unsigned i = 0; s->heap && i < s->n; i++) {
		if (s->v[i].cls->fini != NULL)
			s->v[i].cls->fini(acc_of(&s->v[i], block));
	}
	memset(block, 0, s->size);
}

size_t
aggs_memory(const struct aggs *s, const void *block)
{
	size_t n = 0;

	for (unsigned i = 0; s->heap && i < s->n; i++) {
		if (s->v[i].cls->memory != NULL)
			n += s->v[i].cls->memory(acc_in(&s->v[i], block));
	}
	return n;
}

int
aggs_encode(const struct aggs *s, const void *block, struct buf *out)
{
	size_t was = out->n;
	int rc;

	for (unsigned i = 0; i < s->n; i++) {
		const struct agg *a = &s->v[i];

		if ((rc = buf_putc(out, a->cls->version)) != 0 ||
		    (rc = a->cls->encode(a, acc_in(a, block), out)) != 0) {
			out->n = was;
			return rc;
		}
	}
	return 0;
}

static int
decode_one(struct agg *a, void *acc, struct agg_cur *c)
{
	const uint8_t *version;

	if (!agg_get_bytes(c, 1, &version))
		return FERR_CORRUPT;
	if (*version != a->cls->version)
		return ferr(FERR_CORRUPT, "the state of %s has format %u, this program reads %u",
			    a->name, *version, a->cls->version);
	return a->cls->decode(a, acc, c);
}

int
aggs_decode(struct aggs *s, void *block, const uint8_t *p, size_t n)
{
	struct agg_cur c = { p, p + n };
	int rc = 0;

	ferr_clear();
	if (s->size > 0)
		memset(block, 0, s->size);
	for (unsigned i = 0; i < s->n && rc == 0; i++)
		rc = decode_one(&s->v[i], acc_of(&s->v[i], block), &c);
	if (rc == 0 && c.p != c.end)
		rc = FERR_CORRUPT;
	if (rc == 0)
		return 0;
	aggs_fini(s, block);
	if (rc == FERR_CORRUPT && ferr_text()[0] == '\0')
		return ferr(rc, "the state of the aggregates is damaged at byte %zu of %zu",
			    (size_t)(c.p - p), n);
	return rc;
}

void
aggs_arena_reset(struct aggs *s)
{
	struct agg_chunk *c;

	/* Keep the newest, which is the largest in most cases. */
	if (s->arena.first == NULL)
		return;
	while ((c = s->arena.first->next) != NULL) {
		s->arena.first->next = c->next;
		free(c);
	}
	s->arena.first->n = 0;
}

char *
agg_arena_room(struct agg_arena *a, size_t n)
{
	struct agg_chunk *c = a->first;
	char *p;

	if (c == NULL || c->cap - c->n < n) {
		size_t cap = n < CHUNK_MIN ? CHUNK_MIN : n;

		if ((c = malloc(sizeof(*c) + cap)) == NULL)
			return NULL;
		*c = (struct agg_chunk){ .next = a->first, .cap = cap };
		a->first = c;
	}
	p = c->p + c->n;
	c->n += n;
	return p;
}

/* What a value is, for a message. */
static const char *
describe(const struct val *v, char *out, size_t cap)
{
	char quoted[QUOTE_MAX], text[NUM_PRINT_MAX + TIME_PRINT_MAX], *end;

	switch ((enum val_type)v->t) {
	case VAL_BOOL: return v->i ? "true" : "false";
	case VAL_I64: snprintf(out, cap, "the number %lld", (long long)v->i); break;
	case VAL_F64:
		snprintf(out, cap, "the number %.*s", (int)num_print_f64(v->f, text), text);
		break;
	case VAL_TIME:
		snprintf(out, cap, "the time %.*s", (int)time_print(v->i, text), text);
		break;
	case VAL_STR:
		/* Single quotes, as everywhere around words of the user. */
		quote(v->s, v->n, quoted);
		if ((end = strrchr(quoted, '"')) != NULL)
			quoted[0] = *end = '\'';
		snprintf(out, cap, "a string %s", quoted);
		break;
	case VAL_JSON:
		if (v->n != 0 && v->s[0] == '{')
			return "an object";
		if (v->n != 0 && v->s[0] == '[')
			return "an array";
		snprintf(out, cap, "%.*s, a number that neither i64 nor f64 can hold",
			 v->n < 60 ? (int)v->n : 60, v->s);
		break;
	default: snprintf(out, cap, "%s", val_type_name((enum val_type)v->t));
	}
	return out;
}

int
agg_type_error(const struct agg *a, const char *needs, const struct val *v)
{
	char what[QUOTE_MAX + 64];

	return ferr(FERR_DATA, "%s needs %s, got %s", a->cls->name, needs,
		    describe(v, what, sizeof(what)));
}

int
agg_accept_number(struct agg *a)
{
	if (a->v.t == VAL_I64 || a->v.t == VAL_F64)
		return 0;
	return agg_type_error(a, "numbers", &a->v);
}

int
agg_accept_ordered(struct agg *a)
{
	if (a->v.t == VAL_JSON && (a->v.n == 0 || (a->v.s[0] != '{' && a->v.s[0] != '[')))
		return agg_type_error(a, "values that compare", &a->v);
	return 0;
}

int
agg_put_uint(struct buf *out, uint64_t v)
{
	uint8_t b[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		b[n++] = (uint8_t)(v | 0x80);
	b[n++] = (uint8_t)v;
	return buf_put(out, b, n);
}

bool
agg_get_uint(struct agg_cur *c, uint64_t *v)
{
	const uint8_t *p = c->p;
	uint64_t u = 0;

	for (unsigned shift = 0; shift < 64 && p < c->end; shift += 7) {
		uint64_t bits = *p & 0x7f;

		if (shift == 63 && bits > 1)
			return false;
		u |= bits << shift;
		if ((*p++ & 0x80) == 0) {
			c->p = p;
			*v = u;
			return true;
		}
	}
	return false;
}

int
agg_put_f64s(struct buf *out, const double *v, size_t n)
{
	return buf_put(out, v, n * sizeof(*v));
}

bool
agg_get_f64(struct agg_cur *c, double *v)
{
	const uint8_t *p;

	if (!agg_get_bytes(c, sizeof(*v), &p))
		return false;
	memcpy(v, p, sizeof(*v));
	return true;
}

bool
agg_get_bytes(struct agg_cur *c, size_t n, const uint8_t **p)
{
	if ((size_t)(c->end - c->p) < n)
		return false;
	*p = c->p;
	c->p += n;
	return true;
}
