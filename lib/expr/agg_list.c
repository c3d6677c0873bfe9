/* agg_list -- the aggregates whose result is an array: collect, top. */
#include "expr/agg_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/text.h"

/*
 * collect: the array's text but for its last bracket, which result() puts behind it; and of each
 * element its number by arrival and where it ends, so that two lists can be merged in that order.
 */

struct elem {
	uint64_t seq;
	size_t end; /* of its text; it begins behind the bracket or comma after the one before */
};

struct list {
	size_t n, cap; /* of text; cap > n, once there is anything */
	char *text;
	struct elem *e;
	size_t ne, cape;
};

static int
list_put(struct list *l, const void *p, size_t n, uint64_t seq)
{
	size_t need = l->n + 1 + n + 1; /* '[' or ',', and ']' */
	struct elem *e;
	char *text;

	if (l->ne == l->cape) {
		size_t cap = l->cape != 0 ? 2 * l->cape : 4;

		if ((e = realloc(l->e, cap * sizeof(*e))) == NULL)
			return FERR_NOMEM;
		l->e = e;
		l->cape = cap;
	}
	if (need > l->cap) {
		size_t cap = need + need / 2 < 32 ? 32 : need + need / 2;

		if ((text = realloc(l->text, cap)) == NULL)
			return FERR_NOMEM;
		l->text = text;
		l->cap = cap;
	}
	l->text[l->n] = l->n == 0 ? '[' : ',';
	memcpy(l->text + l->n + 1, p, n);
	l->n += 1 + n;
	l->e[l->ne++] = (struct elem){ seq, l->n };
	return 0;
}

/* Append element i of f. */
static int
list_copy(struct list *l, const struct list *f, size_t i)
{
	size_t at = (i == 0 ? 0 : f->e[i - 1].end) + 1;

	return list_put(l, f->text + at, f->e[i].end - at, f->e[i].seq);
}

static void
list_free(struct list *l)
{
	free(l->text);
	free(l->e);
}

static int
collect_accept(struct agg *a)
{
	a->text.n = 0;
	return val_json(&a->v, &a->text);
}

static int
list_fits(const struct agg *a, const struct list *l, size_t more)
{
	if (more > AGG_TEXT_MAX || l->n + more + 2 > AGG_TEXT_MAX)
		return ferr(FERR_DATA,
			    "the array of %s (in '%s') would not fit a record of %u bytes",
			    a->cls->name, a->name, ROW_MAX);
	return 0;
}

static int
collect_may_add(const struct agg *a, const void *acc)
{
	return list_fits(a, acc, a->text.n);
}

static int
collect_add(struct agg *a, void *acc)
{
	return list_put(acc, a->text.p, a->text.n, a->seq);
}

static int
collect_may_merge(const struct agg *a, const void *acc, const void *from)
{
	return list_fits(a, acc, ((const struct list *)from)->n);
}

static int
collect_merge(struct agg *a, void *acc, const void *from)
{
	struct list *l = acc, old = *l;
	const struct list *f = from;
	size_t i = 0, k = 0;
	int rc = 0;

	(void)a;
	if (f->ne == 0)
		return 0;
	if (l->ne == 0 || l->e[l->ne - 1].seq < f->e[0].seq) { /* all of it came later */
		for (; k < f->ne && rc == 0; k++)
			rc = list_copy(l, f, k);
		return rc;
	}
	*l = (struct list){ 0 };
	while (rc == 0 && (i < old.ne || k < f->ne)) {
		if (k == f->ne || (i < old.ne && old.e[i].seq < f->e[k].seq))
			rc = list_copy(l, &old, i++);
		else
			rc = list_copy(l, f, k++);
	}
	list_free(&old);
	return rc;
}

static int
collect_result(struct agg *a, const void *acc, struct val *v)
{
	const struct list *l = acc;

	(void)a;
	if (l->n == 0) {
		*v = val_text(VAL_JSON, "[]", 2);
		return 0;
	}
	l->text[l->n] = ']';
	*v = val_text(VAL_JSON, l->text, l->n + 1);
	return 0;
}

static int
collect_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct list *l = acc;
	int rc = agg_put_uint(out, l->ne);

	(void)a;
	for (size_t i = 0; i < l->ne && rc == 0; i++) {
		size_t at = (i == 0 ? 0 : l->e[i - 1].end) + 1, n = l->e[i].end - at;

		if ((rc = agg_put_uint(out, l->e[i].seq)) == 0 && (rc = agg_put_uint(out, n)) == 0)
			rc = buf_put(out, l->text + at, n);
	}
	return rc;
}

static int
collect_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct list *l = acc;
	const uint8_t *p;
	uint64_t count, seq, n;
	int rc = 0;

	(void)a;
	if (!agg_get_uint(c, &count) || count > (size_t)(c->end - c->p))
		return FERR_CORRUPT;
	for (uint64_t i = 0; i < count && rc == 0; i++) {
		if (!agg_get_uint(c, &seq) || !agg_get_uint(c, &n) || n == 0 || n > AGG_TEXT_MAX ||
		    l->n + n + 2 > AGG_TEXT_MAX || !agg_get_bytes(c, n, &p) || !utf8_ok(p, n) ||
		    (i > 0 && l->e[i - 1].seq >= seq))
			return FERR_CORRUPT;
		rc = list_put(l, p, n, seq);
	}
	return rc;
}

static void
collect_fini(void *acc)
{
	list_free(acc);
}

static size_t
collect_memory(const void *acc)
{
	const struct list *l = acc;

	return l->cap + l->cape * sizeof(struct elem);
}

const struct agg_class agg_collect = {
	.name = "collect",
	.usage = "collect(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct list),
	.accept = collect_accept,
	.may_add = collect_may_add,
	.add = collect_add,
	.may_merge = collect_may_merge,
	.merge = collect_merge,
	.result = collect_result,
	.encode = collect_encode,
	.decode = collect_decode,
	.fini = collect_fini,
	.memory = collect_memory,
};

/* top(n, by, what): the best entries so far, best first, of equal ones the earlier first. */

struct entry {
	struct val by; /* its text lies behind the one of what */
	uint64_t seq;  /* number by arrival */
	size_t n;      /* bytes of what, as JSON */
	char text[];
};

struct top {
	uint32_t n, cap;
	size_t bytes; /* of all entries */
	struct entry *e[];
};

static size_t
entry_bytes(const struct entry *e)
{
	return sizeof(*e) + e->n + (e->by.t >= VAL_STR ? e->by.n : 0);
}

static struct entry *
entry_new(const struct val *by, uint64_t seq, const void *what, size_t n)
{
	size_t nby = by->t >= VAL_STR ? by->n : 0;
	struct entry *e = malloc(sizeof(*e) + n + nby);

	if (e == NULL)
		return NULL;
	e->by = *by;
	e->seq = seq;
	e->n = n;
	memcpy(e->text, what, n);
	if (by->t >= VAL_STR) {
		if (nby != 0)
			memcpy(e->text + n, by->s, nby);
		e->by.s = e->text + n;
	}
	return e;
}

/* Where a newcomer goes: behind all that are better, or as good and came before it. */
static uint32_t
top_place(const struct top *t, const struct val *by, uint64_t seq)
{
	uint32_t lo = 0, hi = t == NULL ? 0 : t->n;
	int c;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		c = val_cmp(&t->e[mid]->by, by);
		if (c > 0 || (c == 0 && t->e[mid]->seq < seq))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Put an entry to place i, which is below the limit. */
static int
top_insert(struct top **pt, uint32_t limit, uint32_t i, const struct val *by, uint64_t seq,
	   const void *what, size_t n)
{
	struct top *t = *pt;
	struct entry *e = entry_new(by, seq, what, n);

	if (e == NULL)
		return FERR_NOMEM;
	if (t == NULL || (t->n == t->cap && t->n < limit)) {
		uint32_t cap = t == NULL ? 4 : t->cap * 2;

		cap = cap < limit ? cap : limit;
		if ((t = realloc(t, sizeof(*t) + cap * sizeof(struct entry *))) == NULL) {
			free(e);
			return FERR_NOMEM;
		}
		if (*pt == NULL)
			*t = (struct top){ 0 };
		t->cap = cap;
		*pt = t;
	}
	if (t->n == limit) {
		t->n--;
		t->bytes -= entry_bytes(t->e[t->n]);
		free(t->e[t->n]);
	}
	memmove(t->e + i + 1, t->e + i, (t->n - i) * sizeof(struct entry *));
	t->e[i] = e;
	t->n++;
	t->bytes += entry_bytes(e);
	return 0;
}

static int
top_add(struct agg *a, void *acc)
{
	struct top **t = acc;
	uint32_t i = top_place(*t, &a->v, a->seq);
	int rc;

	if (i >= a->limit)
		return 0;
	a->text.n = 0;
	if ((rc = val_json(&a->w, &a->text)) != 0)
		return rc;
	return top_insert(t, a->limit, i, &a->v, a->seq, a->text.p, a->text.n);
}

static int
top_merge(struct agg *a, void *acc, const void *from)
{
	struct top **t = acc;
	const struct top *f = *(struct top *const *)from;
	int rc = 0;

	for (uint32_t i = 0; f != NULL && i < f->n && rc == 0; i++) {
		const struct entry *e = f->e[i];
		uint32_t at = top_place(*t, &e->by, e->seq);

		if (at >= a->limit)
			return 0; /* the others are not better */
		rc = top_insert(t, a->limit, at, &e->by, e->seq, e->text, e->n);
	}
	return rc;
}

static int
top_result(struct agg *a, const void *acc, struct val *v)
{
	const struct top *t = *(struct top *const *)acc;
	size_t n = 1;
	char *text, *p;

	if (t == NULL) {
		*v = val_text(VAL_JSON, "[]", 2);
		return 0;
	}
	for (uint32_t i = 0; i < t->n; i++)
		n += t->e[i]->n + 1;
	if (n > AGG_TEXT_MAX)
		return ferr(FERR_DATA,
			    "the array of %s (in '%s') does not fit a record of %u bytes",
			    a->cls->name, a->name, ROW_MAX);
	if ((p = text = agg_arena_room(a->arena, n)) == NULL)
		return FERR_NOMEM;
	for (uint32_t i = 0; i < t->n; i++) {
		*p++ = i == 0 ? '[' : ',';
		memcpy(p, t->e[i]->text, t->e[i]->n);
		p += t->e[i]->n;
	}
	*p = ']';
	*v = val_text(VAL_JSON, text, n);
	return 0;
}

static int
top_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct top *t = *(struct top *const *)acc;
	int rc;

	(void)a;
	if ((rc = agg_put_uint(out, t == NULL ? 0 : t->n)) != 0)
		return rc;
	for (uint32_t i = 0; t != NULL && i < t->n; i++) {
		const struct entry *e = t->e[i];

		if ((rc = val_pack(&e->by, out)) != 0 || (rc = agg_put_uint(out, e->seq)) != 0 ||
		    (rc = agg_put_uint(out, e->n)) != 0 || (rc = buf_put(out, e->text, e->n)) != 0)
			return rc;
	}
	return 0;
}

static int
top_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct top **t = acc;
	uint64_t count, seq, n;
	const uint8_t *what;
	struct val by;
	int rc;

	if (!agg_get_uint(c, &count) || count > a->limit)
		return FERR_CORRUPT;
	for (uint32_t i = 0; i < count; i++) {
		if ((rc = val_unpack(&c->p, c->end, &by)) != 0)
			return rc;
		if (val_is_null(&by) || by.t == VAL_CELL || (by.t == VAL_F64 && !isfinite(by.f)) ||
		    !agg_get_uint(c, &seq) || top_place(*t, &by, seq) != i) /* not in order */
			return FERR_CORRUPT;
		if (!agg_get_uint(c, &n) || n == 0 || n > UINT32_MAX ||
		    !agg_get_bytes(c, n, &what) || !utf8_ok(what, n))
			return FERR_CORRUPT;
		if ((rc = top_insert(t, a->limit, i, &by, seq, what, n)) != 0)
			return rc;
	}
	return 0;
}

static void
top_fini(void *acc)
{
	struct top *t = *(struct top **)acc;

	for (uint32_t i = 0; t != NULL && i < t->n; i++)
		free(t->e[i]);
	free(t);
}

static size_t
top_memory(const void *acc)
{
	const struct top *t = *(struct top *const *)acc;

	return t == NULL ? 0 : sizeof(*t) + t->cap * sizeof(struct entry *) + t->bytes;
}

const struct agg_class agg_top = {
	.name = "top",
	.usage = "top(N, BY, WHAT)",
	.args = "nxx",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct top *),
	.accept = agg_accept_ordered,
	.add = top_add,
	.merge = top_merge,
	.result = top_result,
	.encode = top_encode,
	.decode = top_decode,
	.fini = top_fini,
	.memory = top_memory,
};
