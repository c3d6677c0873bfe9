/* json_scan: one pass over JSON text that checks all of it; no recursion. */
#include <string.h>

#include "base/text.h"
#include "fmt/json_internal.h"

const uint8_t *
json_fault(const struct json_text *t, const uint8_t *p, const char *reason)
{
	if (p >= t->end) {
		p = t->end;
		reason = "the text ends too early";
	}
	*t->bad = (struct json_bad){ .at = (size_t)(p - t->s), .reason = reason };
	return NULL;
}

/* ---- strings ---- */

/* The first byte at or behind p that ends a run of plain text, or end. */
static const uint8_t *
plain_run(const uint8_t *p, const uint8_t *end, uint8_t *high)
{
	bool ascii = true;

	while ((size_t)(end - p) >= JSON_BLOCK) {
		json_mask m = json_special(p, NULL, ascii);

		if (m == 0) {
			p += JSON_BLOCK;
			continue;
		}
		p += json_first(m);
		if (*p < 0x80)
			return p;
		*high = 0x80;
		ascii = false;
	}
	for (; p < end && *p >= 0x20 && *p != '"' && *p != '\\'; p++)
		*high |= *p;
	return p;
}

static int
hex4(const uint8_t *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		int c = p[i] | 0x20;

		if (json_is_digit(p[i]))
			v = v << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return v;
}

static bool
is_high_surrogate(int c)
{
	return (c & 0xfc00) == 0xd800;
}

static bool
is_low_surrogate(int c)
{
	return (c & 0xfc00) == 0xdc00;
}

/* The four hex digits at p, behind "\u"; -1 with a fault. */
static int
scan_hex(const struct json_text *t, const uint8_t *p)
{
	int c;

	if (t->end - p < 4) {
		json_fault(t, t->end, "");
		return -1;
	}
	if ((c = hex4(p)) < 0)
		json_fault(t, p, "expected four hex digits behind \\u");
	return c;
}

/* An escape, p at its backslash. */
static const uint8_t *
scan_escape(const struct json_text *t, const uint8_t *p)
{
	const uint8_t *at = p++;
	int c;

	if (p >= t->end)
		return json_fault(t, p, "");
	if (*p != 'u') {
		if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL)
			return json_fault(t, at, "unknown escape in a string");
		return p + 1;
	}
	if ((c = scan_hex(t, p + 1)) < 0)
		return NULL;
	p += 5;
	if (is_low_surrogate(c))
		return json_fault(t, at, "lone surrogate in a string");
	if (!is_high_surrogate(c))
		return p;
	if (t->end - p >= 2 && (p[0] != '\\' || p[1] != 'u'))
		return json_fault(t, at, "lone surrogate in a string");
	if ((c = scan_hex(t, t->end - p < 2 ? t->end : p + 2)) < 0)
		return NULL;
	return is_low_surrogate(c) ? p + 6 : json_fault(t, at, "lone surrogate in a string");
}

const uint8_t *
json_scan_string(const struct json_text *t, const uint8_t *p, bool *escaped)
{
	const uint8_t *body = p + 1;
	uint8_t high = 0;
	bool backslash = false;

	if (t->end - p > (ptrdiff_t)JSON_BLOCK) { /* most are short and plain */
		json_mask m = json_special(body, NULL, true);

		if (m != 0 && body[json_first(m)] == '"') {
			*escaped = false;
			return body + json_first(m) + 1;
		}
	}
	for (p = plain_run(body, t->end, &high); p < t->end && *p == '\\';
	     p = plain_run(p, t->end, &high)) {
		backslash = true;
		if ((p = scan_escape(t, p)) == NULL)
			return NULL;
	}
	if (p >= t->end)
		return json_fault(t, p, "");
	if (*p != '"')
		return json_fault(t, p, "control character in a string");
	if (high >= 0x80) {
		size_t len = (size_t)(p - body), ok = utf8_span(body, len);

		if (ok != len)
			return json_fault(t, body + ok, "bad UTF-8 in a string");
	}
	*escaped = backslash;
	return p + 1;
}

static size_t
put_utf8(uint8_t *to, int c)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

size_t
json_unescape(const uint8_t *p, size_t n, uint8_t *to)
{
	static const uint8_t letters[256] = {
		['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
	};
	const uint8_t *end = p + n, *run;
	uint8_t *begin = to;
	int c;

	for (;;) {
		run = memchr(p, '\\', (size_t)(end - p));
		if (run == NULL)
			run = end;
		memcpy(to, p, (size_t)(run - p));
		to += run - p;
		if (run == end)
			return (size_t)(to - begin);
		p = run + 2;
		if (p[-1] != 'u') {
			*to++ = letters[p[-1]] != 0 ? letters[p[-1]] : p[-1];
			continue;
		}
		c = hex4(p);
		p += 4;
		if (is_high_surrogate(c)) {
			c = 0x10000 + ((c & 0x3ff) << 10 | (hex4(p + 2) & 0x3ff));
			p += 6;
		}
		to += put_utf8(to, c);
	}
}

/* ---- numbers and words ---- */

static const uint8_t *
scan_digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && json_is_digit(*p))
		p++;
	return p;
}

static const uint8_t *
scan_number(const struct json_text *t, const uint8_t *p)
{
	const uint8_t *end = t->end, *digits;

	if (*p == '-')
		p++;
	digits = p;
	p = scan_digits(p, end);
	if (p == digits)
		return json_fault(t, p, "expected a digit");
	if (*digits == '0' && p - digits > 1)
		return json_fault(t, digits, "a number begins with 0");
	if (p < end && *p == '.') {
		digits = ++p;
		p = scan_digits(p, end);
		if (p == digits)
			return json_fault(t, p, "expected a digit");
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		p = scan_digits(p, end);
		if (p == digits)
			return json_fault(t, p, "expected a digit");
	}
	return p;
}

static const uint8_t *
scan_word(const struct json_text *t, const uint8_t *p)
{
	const char *word = *p == 't' ? "true" : *p == 'f' ? "false" : "null";
	size_t n = strlen(word), left = (size_t)(t->end - p);

	if (memcmp(p, word, n < left ? n : left) != 0)
		return json_fault(t, p, "expected a value");
	return left < n ? json_fault(t, t->end, "") : p + n;
}

/* A string, number or word. */
static inline const uint8_t *
scan_scalar(const struct json_text *t, const uint8_t *p)
{
	bool escaped;

	switch (*p) {
	case '"': return json_scan_string(t, p, &escaped);
	case 't':
	case 'f':
	case 'n': return scan_word(t, p);
	default:
		if (*p == '-' || json_is_digit(*p))
			return scan_number(t, p);
		return json_fault(t, p, "expected a value");
	}
}

/* ---- nested values ---- */

/* One bit a level: is it an object? */
struct nest {
	uint64_t bits[JSON_DEPTH_MAX / 64];
	unsigned depth;
};

static inline bool
nest_push(struct nest *n, bool object)
{
	uint64_t *w = &n->bits[n->depth / 64], bit = 1ull << (n->depth % 64);

	if (n->depth >= JSON_DEPTH_MAX)
		return false;
	*w = object ? *w | bit : *w & ~bit;
	n->depth++;
	return true;
}

static inline bool
nest_in_object(const struct nest *n)
{
	return (n->bits[(n->depth - 1) / 64] >> ((n->depth - 1) % 64) & 1) != 0;
}

static inline const uint8_t *
skip_blanks(const uint8_t *p, const uint8_t *end, bool *blanks)
{
	const uint8_t *q = json_blanks(p, end);

	*blanks |= q != p;
	return q;
}

/* A name, the colon, and the blanks around them. */
static inline const uint8_t *
scan_name(const struct json_text *t, const uint8_t *p, bool *blanks)
{
	bool escaped;

	if (p >= t->end || *p != '"')
		return json_fault(t, p, "expected a name in quotes");
	if ((p = json_scan_string(t, p, &escaped)) == NULL)
		return NULL;
	p = skip_blanks(p, t->end, blanks);
	if (p >= t->end || *p != ':')
		return json_fault(t, p, "expected ':'");
	return skip_blanks(p + 1, t->end, blanks);
}

/* 1 to 15 digits; NULL if they are not that many. */
static inline const uint8_t *
quick_digits(const uint8_t *p)
{
	const uint8_t *stop = p + 16;

	if (!json_is_digit(*p))
		return NULL;
	while (p < stop && json_is_digit(*++p))
		;
	return p < stop ? p : NULL;
}

/* A number without exponent. */
static inline const uint8_t *
quick_number(const uint8_t *p)
{
	p += *p == '-';
	if (*p == '0' && json_is_digit(p[1]))
		return NULL;
	if ((p = quick_digits(p)) != NULL && *p == '.')
		p = quick_digits(p + 1);
	return p == NULL || (*p | 0x20) == 'e' ? NULL : p;
}

/* A string of plain ASCII, p at its quote. */
static inline const uint8_t *
quick_string(const uint8_t *p, const uint8_t *end)
{
	json_mask m;

	for (p++; (m = json_special(p, NULL, true)) == 0; p += JSON_BLOCK)
		if (p >= end)
			return NULL;
	p += json_first(m);
	return *p == '"' ? p + 1 : NULL;
}

static inline const uint8_t *
quick_blank(const uint8_t *p, bool *blanks)
{
	if (*p != ' ')
		return p;
	*blanks = true;
	return p + 1;
}

/* A string, a number, a word, or an empty object or array. */
static inline const uint8_t *
quick_leaf(const uint8_t *p, const uint8_t *end)
{
	unsigned n;

	if (*p == '"')
		return quick_string(p, end);
	if (*p <= '9')
		return quick_number(p);
	if (*p == '[' || *p == '{')
		return p + 2;
	return (n = json_word(p)) != 0 ? p + n : NULL;
}

const uint8_t *
json_quick_value(const uint8_t *p, const uint8_t *end, bool *blanks)
{
	uint64_t objects = 0; /* one bit a level, the innermost lowest: is it an object? */
	unsigned depth = 0;

	for (;;) {
		if ((*p == '{' || *p == '[') && p[1] != *p + 2) { /* '}' is '{' + 2, so ']' */
			if (p >= end || ++depth > 64)
				return NULL;
			objects = objects << 1 | (*p++ == '{');
		} else {
			if ((p = quick_leaf(p, end)) == NULL || p >= end)
				return NULL;
			for (; depth > 0 && *p != ','; depth--) {
				if (*p != ((objects & 1) != 0 ? '}' : ']') || ++p > end)
					return NULL;
				objects >>= 1;
			}
			if (depth == 0)
				return p;
			p = quick_blank(p + 1, blanks);
		}
		if ((objects & 1) != 0) {
			if (*p != '"' || (p = quick_string(p, end)) == NULL || *p != ':' ||
			    p + 1 >= end)
				return NULL;
			p = quick_blank(p + 1, blanks);
		}
	}
}

const uint8_t *
json_scan_value(const struct json_text *t, const uint8_t *p, unsigned depth, bool *blanks)
{
	const uint8_t *end = t->end;
	struct nest nest;
	bool object;

	nest.depth = depth;
value:
	if (p >= end)
		return json_fault(t, p, "");
	if (*p == '{' || *p == '[') {
		object = *p == '{';
		if (!nest_push(&nest, object))
			return json_fault(t, p, "nested deeper than 512 levels");
		p = skip_blanks(p + 1, end, blanks);
		if (p < end && *p == (object ? '}' : ']')) {
			p++;
			nest.depth--;
		} else if (object) {
			goto name;
		} else {
			goto value;
		}
	} else if ((p = scan_scalar(t, p)) == NULL) {
		return NULL;
	}
	while (nest.depth > depth) { /* behind a value */
		object = nest_in_object(&nest);
		p = skip_blanks(p, end, blanks);
		if (p < end && *p == ',') {
			p = skip_blanks(p + 1, end, blanks);
			if (object)
				goto name;
			goto value;
		}
		if (p >= end || *p != (object ? '}' : ']'))
			return json_fault(t, p,
					  object ? "expected ',' or '}'" : "expected ',' or ']'");
		p++;
		nest.depth--;
	}
	return p;
name:
	if ((p = scan_name(t, p, blanks)) == NULL)
		return NULL;
	goto value;
}

size_t
json_squeeze(const uint8_t *p, size_t n, uint8_t *to)
{
	const uint8_t *end = p + n, *q;
	uint8_t *begin = to, high = 0;

	while (p < end) {
		if (json_is_blank(*p)) {
			p++;
			continue;
		}
		if (*p != '"') {
			*to++ = *p++;
			continue;
		}
		q = plain_run(p + 1, end, &high);
		for (; *q == '\\'; q = plain_run(q + 2, end, &high))
			;
		memcpy(to, p, (size_t)(q + 1 - p));
		to += q + 1 - p;
		p = q + 1;
	}
	return (size_t)(to - begin);
}

size_t
json_skip(const uint8_t *s, size_t n, struct json_bad *bad)
{
	struct json_text t = { .s = s, .end = s + n, .bad = bad };
	bool blanks = false;
	const uint8_t *p = json_scan_value(&t, json_blanks(s, t.end), 0, &blanks);

	return p != NULL ? (size_t)(p - s) : 0;
}
