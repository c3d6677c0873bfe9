/* expr_text: functions on strings. */
#include "expr/expr_internal.h"

#include "base/text.h"
#include "fmt/json.h"

/* Are the first k arguments strings (or bytes)? */
static int
need_text(const struct expr *e, const struct node *n, const struct val *a, unsigned k)
{
	for (unsigned i = 0; i < k; i++)
		if (!expr_is_text(&a[i]))
			return expr_bad(e, n, "%s() needs a string, not %s: use str()", n->op,
					expr_type(&a[i]));
	return 0;
}

/* Where needle begins in s[from..n), or SIZE_MAX. */
static size_t
find(const struct val *s, size_t from, const struct val *needle)
{
	const char *p;

	if (needle->n == 0)
		return from;
	p = memmem(s->s + from, s->n - from, needle->s, needle->n);
	return p != NULL ? (size_t)(p - s->s) : SIZE_MAX;
}

int
expr_fn_len(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	if (a->t == VAL_STR)
		*v = val_i64((int64_t)utf8_count(a->s, a->n));
	else if (a->t == VAL_BYTES)
		*v = val_i64(a->n);
	else if (expr_is_array(a))
		*v = val_i64(json_count(a));
	else
		return expr_bad(e, n, "len() needs a string or an array, not %s", expr_type(a));
	return 0;
}

/* Change the case of ASCII letters between first and first + 25. */
static int
change_case(struct expr *e, const struct node *n, const struct val *a, char first, struct val *v)
{
	int rc = need_text(e, n, a, 1);
	char *s;

	if (rc != 0 || (rc = expr_put_text(e, a->t, a->s, a->n, v)) != 0)
		return rc;
	s = (char *)v->s; /* in the arena, ours */
	for (uint32_t i = 0; i < v->n; i++)
		if ((uint8_t)(s[i] - first) < 26)
			s[i] ^= 0x20;
	return 0;
}

int
expr_fn_lower(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	return change_case(e, n, a, 'A', v);
}

int
expr_fn_upper(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	return change_case(e, n, a, 'a', v);
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int
expr_fn_trim(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	uint32_t from = 0, to = a->n;
	int rc = need_text(e, n, a, 1);

	if (rc != 0)
		return rc;
	while (from < to && is_space(a->s[from]))
		from++;
	while (to > from && is_space(a->s[to - 1]))
		to--;
	*v = val_text(a->t, a->s + from, to - from);
	return 0;
}

/* Bytes count as characters in VAL_BYTES. */
static size_t
char_index(const struct val *s, size_t from, int64_t i)
{
	size_t left = s->n - from;

	if ((uint64_t)i >= left)
		return s->n;
	return from + (s->t == VAL_BYTES ? (size_t)i : utf8_index(s->s + from, left, (size_t)i));
}

int
expr_fn_substr(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	size_t from, to = a->n;
	int rc = need_text(e, n, a, 1);

	if (rc != 0)
		return rc;
	for (uint32_t i = 1; i < n->n; i++) {
		if (a[i].t != VAL_I64)
			return expr_bad(e, n, "substr() counts in ints, not %s", expr_type(&a[i]));
		if (a[i].i < 0)
			return 0; /* null */
	}
	from = char_index(a, 0, a[1].i);
	if (n->n == 3)
		to = char_index(a, from, a[2].i);
	*v = val_text(a->t, a->s + from, to - from);
	return 0;
}

int
expr_fn_contains(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int rc;

	if (expr_is_array(&a[0]))
		rc = expr_in_array(e, n, &a[1], &a[0]);
	else if ((rc = need_text(e, n, a, 2)) == 0)
		rc = find(&a[0], 0, &a[1]) != SIZE_MAX;
	*v = val_bool(rc > 0);
	return rc < 0 ? rc : 0;
}

static int
has_at(struct expr *e, const struct node *n, const struct val *a, bool end, struct val *v)
{
	int rc = need_text(e, n, a, 2);
	size_t at;

	if (rc != 0)
		return rc;
	at = end ? a[0].n - a[1].n : 0;
	*v = val_bool(a[1].n <= a[0].n && memcmp(a[0].s + at, a[1].s, a[1].n) == 0);
	return 0;
}

int
expr_fn_starts_with(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	return has_at(e, n, a, false, v);
}

int
expr_fn_ends_with(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	return has_at(e, n, a, true, v);
}

int
expr_fn_replace(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	bool bytes = a[0].t == VAL_BYTES || a[1].t == VAL_BYTES || a[2].t == VAL_BYTES;
	struct buf *b = &e->scratch;
	size_t at = b->n, from = 0, hit;
	int rc = need_text(e, n, a, 3);

	if (rc != 0)
		return rc;
	if (a[1].n == 0 || find(&a[0], 0, &a[1]) == SIZE_MAX) {
		*v = a[0];
		return 0;
	}
	while (rc == 0 && (hit = find(&a[0], from, &a[1])) != SIZE_MAX) {
		if ((rc = buf_put(b, a[0].s + from, hit - from)) == 0)
			rc = buf_put(b, a[2].s, a[2].n);
		from = hit + a[1].n;
		if (b->n - at > ROW_MAX)
			rc = expr_bad(e, n, "the text becomes too long");
	}
	if (rc == 0)
		rc = buf_put(b, a[0].s + from, a[0].n - from);
	return expr_put_scratch(e, rc, bytes ? VAL_BYTES : VAL_STR, at, v);
}

/* The end of the piece that begins at `from`; *skip is the length of the separator behind it. */
static size_t
piece_end(const struct val *s, const struct val *sep, size_t from, size_t *skip)
{
	size_t to;

	*skip = sep->n;
	if (sep->n == 0) /* single characters */
		return from + utf8_index(s->s + from, s->n - from, 1);
	to = find(s, from, sep);
	return to != SIZE_MAX ? to : s->n;
}

static int
need_split(const struct expr *e, const struct node *n, const struct val *a)
{
	if (a[0].t == VAL_STR && a[1].t == VAL_STR)
		return 0;
	return expr_bad(e, n, "split() needs strings, not %s: use str()",
			expr_type(a[0].t != VAL_STR ? &a[0] : &a[1]));
}

int
expr_fn_split(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	struct buf *b = &e->scratch;
	size_t at = b->n, from = 0, to, skip;
	int rc = need_split(e, n, a);

	if (rc == 0)
		rc = buf_putc(b, '[');
	while (rc == 0 && !(a[1].n == 0 && a[0].n == 0)) {
		to = piece_end(&a[0], &a[1], from, &skip);
		if (from > 0)
			rc = buf_putc(b, ',');
		if (rc == 0)
			rc = val_json_str(a[0].s + from, to - from, b);
		if (b->n - at > ROW_MAX && rc == 0)
			rc = expr_bad(e, n, "the array becomes too long");
		if (to >= a[0].n)
			break;
		from = to + skip;
	}
	if (rc == 0)
		rc = buf_putc(b, ']');
	return expr_put_scratch(e, rc, VAL_JSON, at, v);
}

int
expr_eval_piece(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	const struct node *split = n->arg[0];
	int64_t before = n->arg[1]->k.i;
	size_t from = 0, to, skip;
	struct val a[2];
	int rc;

	if ((rc = expr_value(e, split->arg[0], c, &a[0])) != 0 ||
	    (rc = expr_value(e, split->arg[1], c, &a[1])) != 0)
		return rc;
	*v = VAL_NULLV;
	if (a[0].t <= VAL_NULL || a[1].t <= VAL_NULL)
		return 0;
	if ((rc = need_split(e, split, a)) != 0)
		return rc;
	if (before < 0 || (a[0].n == 0 && a[1].n == 0))
		return 0;
	for (; (to = piece_end(&a[0], &a[1], from, &skip)) < a[0].n && before > 0; before--)
		from = to + skip;
	if (before == 0)
		*v = val_text(VAL_STR, a[0].s + from, to - from);
	return 0;
}

int
expr_put_plain(struct expr *e, const struct node *n, const struct val *v)
{
	if (v->t != VAL_BYTES)
		return val_plain(v, &e->scratch);
	if (!utf8_ok((const uint8_t *)v->s, v->n))
		return expr_bad(e, n, "the bytes are not UTF-8");
	return buf_put(&e->scratch, v->s, v->n);
}

int
expr_eval_concat(struct expr *e, const struct node *n, const struct expr_ctx *c, struct val *v)
{
	struct buf *b = &e->scratch;
	size_t at = b->n;
	bool null = false;
	struct val a;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < n->n; i++) {
		if ((rc = expr_value(e, n->arg[i], c, &a)) != 0)
			break;
		null = null || a.t <= VAL_NULL;
		rc = expr_put_plain(e, n, &a);
		if (b->n - at > ROW_MAX && rc == 0)
			rc = expr_bad(e, n, "the text becomes too long");
	}
	if (rc == 0 && null) {
		b->n = at;
		*v = VAL_NULLV;
		return 0;
	}
	return expr_put_scratch(e, rc, VAL_STR, at, v);
}

int
expr_fn_regex_extract(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int64_t group = n->n == 3 && a[2].t == VAL_I64 ? a[2].i : 1;
	struct regex *re;
	size_t from, to;
	int rc = need_text(e, n, a, 2);

	if (rc != 0)
		return rc;
	if (n->n == 3 && a[2].t != VAL_I64)
		return expr_bad(e, n, "the group is an int, not %s", expr_type(&a[2]));
	if ((rc = expr_regex(e, n, &a[1], &re)) != 0)
		return rc;
	if (group < 0 || group > regex_groups(re))
		return expr_bad(e, n, "the pattern has no group %lld", (long long)group);
	rc = regex_match(re, a[0].s, a[0].n, (unsigned)group, &from, &to);
	if (rc < 0)
		return rc == FERR_DATA ? expr_bad(e, n, "%s", ferr_text()) : rc;
	if (rc == 1 && from != SIZE_MAX)
		*v = val_text(a[0].t, a[0].s + from, to - from);
	return 0;
}
