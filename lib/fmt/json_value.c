/* json_value: single values out of JSON text, and look-ups inside of it. */
#include "base/num.h"
#include "fmt/json_internal.h"

/* A string's body as text: borrowed, or unescaped into arena. */
static int
string_value(const uint8_t *p, size_t n, bool escaped, struct buf *arena, struct val *v)
{
	uint8_t *to;

	if (!escaped) {
		*v = val_text(VAL_STR, (const char *)p, n);
		return 0;
	}
	if (buf_room(arena, n) != 0)
		return FERR_NOMEM;
	to = arena->p + arena->n;
	n = json_unescape(p, n, to);
	arena->n += n;
	*v = val_text(VAL_STR, (const char *)to, n);
	return 0;
}

static void
number_value(const uint8_t *p, size_t n, struct val *v)
{
	struct num num;

	num_parse((const char *)p, n, &num);
	if (num.kind == NUM_I64)
		*v = val_i64(num.i);
	else if (num.kind == NUM_F64)
		*v = val_f64(num.f);
	else
		*v = val_text(VAL_JSON, (const char *)p, n);
}

/*
 * The value at p, which ends before t->end.  Text is borrowed from where it stands, except strings
 * with escapes.  *next is set behind it.
 */
static int
borrow_value(const struct json_text *t, const uint8_t *p, struct buf *arena, struct val *v,
	     bool *blanks, const uint8_t **next)
{
	bool escaped = false;
	const uint8_t *q;
	size_t n;

	if (p < t->end && *p == '"')
		q = json_scan_string(t, p, &escaped);
	else
		q = json_scan_value(t, p, 0, blanks);
	if (q == NULL)
		return FERR_DATA;
	n = (size_t)(q - p);
	*next = q;
	switch (*p) {
	case '"': return string_value(p + 1, n - 2, escaped, arena, v);
	case '{':
	case '[': *v = val_text(VAL_JSON, (const char *)p, n); return 0;
	case 't': *v = val_bool(true); return 0;
	case 'f': *v = val_bool(false); return 0;
	case 'n': *v = VAL_NULLV; return 0;
	default: number_value(p, n, v); return 0;
	}
}

int
json_value(const uint8_t *s, size_t n, struct buf *arena, struct val *v, struct json_bad *bad)
{
	struct json_text t = { .s = s, .end = s + n, .bad = bad };
	const uint8_t *end;
	bool blanks = false;
	size_t before;
	uint8_t *to;
	int rc;

	if (n > UINT32_MAX) {
		json_fault(&t, s, "the text is too long");
		return FERR_DATA;
	}
	if (buf_room(arena, n) != 0)
		return FERR_NOMEM;
	before = arena->n;
	if ((rc = borrow_value(&t, json_blanks(s, t.end), arena, v, &blanks, &end)) != 0)
		return rc;
	if ((end = json_blanks(end, t.end)) != t.end) {
		json_fault(&t, end, "text behind the value");
		arena->n = before;
		return FERR_DATA;
	}
	if (v->t < VAL_STR || arena->n != before)
		return 0; /* no text, or in the arena already */
	to = arena->p + before;
	if (blanks)
		v->n = (uint32_t)json_squeeze((const uint8_t *)v->s, v->n, to);
	else
		memcpy(to, v->s, v->n);
	v->s = (const char *)to;
	arena->n += v->n;
	return 0;
}

/* ---- look-ups ---- */

/* Does the quoted name p[0..q) mean name[0..n)? */
static int
same_name(const uint8_t *p, const uint8_t *q, bool escaped, const char *name, size_t n,
	  struct buf *arena)
{
	size_t len = (size_t)(q - p) - 2;
	const uint8_t *text = p + 1;

	if (escaped) {
		if (buf_room(arena, len) != 0)
			return FERR_NOMEM;
		text = arena->p + arena->n; /* for now only: arena->n stays */
		len = json_unescape(p + 1, len, arena->p + arena->n);
	}
	return len == n && memcmp(text, name, n) == 0;
}

/* Open a VAL_JSON of the wanted kind; NULL if it is something else. */
static const uint8_t *
open_text(const struct val *text, uint8_t bracket, struct json_text *t, struct json_bad *bad)
{
	const uint8_t *s = (const uint8_t *)text->s;

	if (text->t != VAL_JSON || text->n < 2 || s[0] != bracket)
		return NULL;
	*t = (struct json_text){ .s = s, .end = s + text->n, .bad = bad };
	return s + 1;
}

int
json_member(const struct val *text, const char *name, size_t n, struct buf *arena, struct val *out)
{
	struct json_bad bad;
	struct json_text t;
	const uint8_t *p = open_text(text, '{', &t, &bad), *q, *found = NULL;
	bool escaped, blanks = false;
	int same;

	*out = (struct val){ .t = VAL_ABSENT };
	while (p != NULL && p < t.end && *p == '"') {
		if ((q = json_scan_string(&t, p, &escaped)) == NULL || q >= t.end || *q != ':')
			break;
		if ((same = same_name(p, q, escaped, name, n, arena)) < 0)
			return same;
		if (same)
			found = q + 1; /* and go on: of equal names the last one counts */
		p = json_scan_value(&t, q + 1, 0, &blanks);
		p += p != NULL; /* ',' or '}' */
	}
	if (found == NULL || borrow_value(&t, found, arena, out, &blanks, &q) != FERR_NOMEM)
		return 0;
	return FERR_NOMEM;
}

int
json_elem(const struct val *text, int64_t i, struct buf *arena, struct val *out)
{
	struct json_bad bad;
	struct json_text t;
	const uint8_t *p = open_text(text, '[', &t, &bad), *q;
	bool blanks = false;

	*out = (struct val){ .t = VAL_ABSENT };
	if (i < 0)
		return 0;
	for (; p != NULL && p < t.end && *p != ']'; p += p != NULL) {
		if (i-- == 0)
			return borrow_value(&t, p, arena, out, &blanks, &q) == FERR_NOMEM
				   ? FERR_NOMEM
				   : 0;
		p = json_scan_value(&t, p, 0, &blanks);
	}
	return 0;
}

int64_t
json_count(const struct val *text)
{
	struct json_bad bad;
	struct json_text t;
	const uint8_t *p = open_text(text, '[', &t, &bad);
	bool blanks = false;
	int64_t n = 0;

	if (p == NULL)
		return -1;
	for (; p != NULL && p < t.end && *p != ']'; p += p != NULL, n++)
		p = json_scan_value(&t, p, 0, &blanks);
	return n;
}

bool
json_next(const struct val *text, size_t *pos, struct buf *arena, struct val *out)
{
	struct json_bad bad;
	struct json_text t;
	const uint8_t *p = open_text(text, '[', &t, &bad), *next;
	bool blanks = false;

	if (p == NULL)
		return false;
	p = *pos == 0 ? p : t.s + *pos;
	if (p >= t.end || *p == ']' || borrow_value(&t, p, arena, out, &blanks, &next) != 0)
		return false;
	*pos = (size_t)(next - t.s);
	*pos += next < t.end && *next == ','; /* else at ']' */
	return true;
}
