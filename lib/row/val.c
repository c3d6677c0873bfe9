/* val: see val.h. */
#include "row/val.h"

#include <math.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/text.h"
#include "base/time.h"

#if defined(__SSE2__) && !defined(JSON_PLAIN)
#include <emmintrin.h>
#endif

const char *
val_type_name(enum val_type t)
{
	static const char *const names[VAL_TYPE_MAX + 1] = { "absent", "null", "bool", "i64",
							     "f64",    "time", "str",  "bytes",
							     "json",   "cell" };

	return (unsigned)t <= VAL_TYPE_MAX ? names[t] : "unknown";
}

/* ---- cells ---- */

struct val
val_cell(struct val v)
{
	char text[NUM_PRINT_MAX];
	struct num num;
	size_t n;

	if (v.n == 0)
		return VAL_NULLV;
	v.t = VAL_STR;
	if (v.n > NUM_PRINT_MAX || (v.s[0] != '-' && (unsigned char)(v.s[0] - '0') > 9) ||
	    num_parse(v.s, v.n, &num) != v.n)
		return v;
	if (num.kind == NUM_I64) /* its grammar has one text an integer only */
		return val_i64(num.i);
	if (num.kind != NUM_F64)
		return v;
	n = num_print_f64(num.f, text);
	return n == v.n && memcmp(text, v.s, n) == 0 ? val_f64(num.f) : v;
}

/* ---- order ---- */

/* null, bool, numbers, time, text, json */
static int
rank(const struct val *v)
{
	static const uint8_t ranks[VAL_TYPE_MAX + 1] = { 0, 0, 1, 2, 2, 3, 4, 4, 5, 4 };

	return ranks[v->t];
}

static int
cmp_i64(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Exact: an i64 above 2^53 is not rounded. */
static int
cmp_i64_f64(int64_t i, double f)
{
	double whole;

	if (f >= 0x1p63)
		return -1;
	if (f < -0x1p63)
		return 1;
	whole = floor(f);
	if (i != (int64_t)whole)
		return cmp_i64(i, (int64_t)whole);
	return whole < f ? -1 : 0;
}

static int
cmp_numbers(const struct val *a, const struct val *b)
{
	if (a->t == VAL_I64)
		return b->t == VAL_I64 ? cmp_i64(a->i, b->i) : cmp_i64_f64(a->i, b->f);
	if (b->t == VAL_I64)
		return -cmp_i64_f64(b->i, a->f);
	return (a->f > b->f) - (a->f < b->f);
}

static int
cmp_text(const struct val *a, const struct val *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int c = n != 0 ? memcmp(a->s, b->s, n) : 0;

	return c != 0 ? c : cmp_i64(a->n, b->n);
}

int
val_cmp(const struct val *pa, const struct val *pb)
{
	struct val a = val_resolve(*pa), b = val_resolve(*pb);
	int ra = rank(&a), rb = rank(&b);

	if (ra != rb)
		return ra < rb ? -1 : 1;
	switch (a.t) {
	case VAL_ABSENT:
	case VAL_NULL: return 0;
	case VAL_I64:
	case VAL_F64: return cmp_numbers(&a, &b);
	case VAL_BOOL:
	case VAL_TIME: return cmp_i64(a.i, b.i);
	default: return cmp_text(&a, &b);
	}
}

/* ---- text ---- */

/* Must a byte of this word be escaped: a control, a quote, a backslash?  Nonzero if so. */
static inline uint64_t
special8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	uint64_t q = x ^ ones * '"', b = x ^ ones * '\\';

	return (((x - ones * 0x20) & ~x) | ((q - ones) & ~q) | ((b - ones) & ~b)) & high;
}

static inline bool
is_special(uint8_t c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* Copy 8 bytes; false if one of them is special. */
static inline bool
copy8(uint8_t *to, const uint8_t *s)
{
	uint64_t x = le64get(s);

	le64put(to, x);
	return special8(x) == 0;
}

#if defined(__SSE2__) && !defined(JSON_PLAIN)
static inline bool
copy16(uint8_t *to, const uint8_t *s)
{
	__m128i x = _mm_loadu_si128((const __m128i *)s), m;

	_mm_storeu_si128((__m128i *)to, x);
	m = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
	m = _mm_or_si128(m, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
	m = _mm_or_si128(m, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
	return _mm_movemask_epi8(m) == 0;
}
#else
static inline bool
copy16(uint8_t *to, const uint8_t *s)
{
	bool a = copy8(to, s), b = copy8(to + 8, s + 8);

	return a && b;
}
#endif

/* Copy s[0..n) to `to`, nothing past either; false when it has something to escape. */
static inline bool
copy_plain(uint8_t *to, const uint8_t *s, size_t n)
{
	bool ok = true;

	if (n >= 16) {
		for (size_t i = 0; i + 16 < n; i += 16)
			if (!copy16(to + i, s + i))
				return false;
		return copy16(to + n - 16, s + n - 16);
	}
	if (n >= 8) {
		ok = copy8(to, s);
		return copy8(to + n - 8, s + n - 8) && ok;
	}
	if (n >= 4) {
		uint32_t head = le32get(s), tail = le32get(s + n - 4);

		le32put(to, head);
		le32put(to + n - 4, tail);
		return special8(head | (uint64_t)tail << 32) == 0;
	}
	for (size_t i = 0; i < n; i++) {
		to[i] = s[i];
		ok &= !is_special(s[i]);
	}
	return ok;
}

static uint8_t *
put_escape(uint8_t *to, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
	};
	char letter = c < 0x20 ? letters[c] : (char)c;

	*to++ = '\\';
	if (letter != 0) {
		*to++ = (uint8_t)letter;
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = (uint8_t)hex[c >> 4];
	to[4] = (uint8_t)hex[c & 15];
	return to + 5;
}

/* The body of a string with escapes, in runs between them. */
static int
put_escaped(const uint8_t *s, size_t n, struct buf *out)
{
	size_t escapes = 0;
	uint8_t *to;

	for (size_t i = 0; i < n; i++)
		escapes += is_special(s[i]);
	if (buf_room(out, n + 5 * escapes + 1) != 0)
		return FERR_NOMEM;
	to = out->p + out->n;
	for (size_t i = 0; i < n; i++) {
		if (is_special(s[i]))
			to = put_escape(to, s[i]);
		else
			*to++ = s[i];
	}
	*to++ = '"';
	out->n = (size_t)(to - out->p);
	return 0;
}

int
val_json_str(const char *s, size_t n, struct buf *out)
{
	const uint8_t *text = (const uint8_t *)s;
	uint8_t *to;

	if (buf_room(out, n + 2) != 0)
		return FERR_NOMEM;
	to = out->p + out->n;
	to[0] = '"';
	if (__builtin_expect(!copy_plain(to + 1, text, n), 0)) {
		out->n++;
		return put_escaped(text, n, out);
	}
	to[n + 1] = '"';
	out->n += n + 2;
	return 0;
}

static int
put_time(int64_t ms, bool quoted, struct buf *out)
{
	char text[TIME_PRINT_MAX];
	size_t n = time_print(ms, text);

	/* beyond the calendar: the plain number */
	quoted = quoted && ms >= TIME_MIN_MS && ms <= TIME_MAX_MS;
	if (buf_room(out, n + 2) != 0)
		return FERR_NOMEM;
	if (quoted)
		out->p[out->n++] = '"';
	memcpy(out->p + out->n, text, n);
	out->n += n;
	if (quoted)
		out->p[out->n++] = '"';
	return 0;
}

static int
put_number(const struct val *v, struct buf *out)
{
	char *to;

	if (buf_room(out, NUM_PRINT_MAX) != 0)
		return FERR_NOMEM;
	to = (char *)out->p + out->n;
	out->n += v->t == VAL_I64 ? num_print_i64(v->i, to) : num_print_f64(v->f, to);
	return 0;
}

int
val_json(const struct val *pv, struct buf *out)
{
	struct val v = val_resolve(*pv);

	switch (v.t) {
	case VAL_BOOL: return v.i ? buf_put(out, "true", 4) : buf_put(out, "false", 5);
	case VAL_I64:
	case VAL_F64: return put_number(&v, out);
	case VAL_TIME: return put_time(v.i, true, out);
	case VAL_STR: return val_json_str(v.s, v.n, out);
	case VAL_BYTES:
		if (buf_putc(out, '"') != 0 || base64_put((const uint8_t *)v.s, v.n, out) != 0)
			return FERR_NOMEM;
		return buf_putc(out, '"');
	case VAL_JSON: return buf_put(out, v.s, v.n);
	default: return buf_put(out, "null", 4);
	}
}

int
val_plain(const struct val *pv, struct buf *out)
{
	struct val v = val_resolve(*pv);

	switch (v.t) {
	case VAL_ABSENT:
	case VAL_NULL: return 0;
	case VAL_TIME: return put_time(v.i, false, out);
	case VAL_STR: return buf_put(out, v.s, v.n);
	case VAL_BYTES: return base64_put((const uint8_t *)v.s, v.n, out);
	default: return val_json(&v, out);
	}
}

/* ---- packed form: tag, then 1 byte (bool), 8 bytes (numbers, time) or u32 length and text ---- */

int
val_pack(const struct val *v, struct buf *out)
{
	uint8_t *to;

	if (buf_room(out, 9) != 0)
		return FERR_NOMEM;
	to = out->p + out->n;
	to[0] = v->t;
	out->n++;
	if (v->t <= VAL_NULL)
		return 0;
	if (v->t == VAL_BOOL) {
		to[1] = v->i != 0;
		out->n++;
		return 0;
	}
	if (v->t < VAL_STR) {
		le64put(to + 1, (uint64_t)v->i);
		out->n += 8;
		return 0;
	}
	le32put(to + 1, v->n);
	out->n += 4;
	if (buf_put(out, v->s, v->n) != 0) {
		out->n -= 5;
		return FERR_NOMEM;
	}
	return 0;
}

static int
unpack(const uint8_t *p, const uint8_t *end, struct val *v)
{
	size_t left;

	if (p == end || *p > VAL_TYPE_MAX)
		return -1;
	*v = (struct val){ .t = *p++ };
	left = (size_t)(end - p);
	if (v->t <= VAL_NULL)
		return 0;
	if (v->t == VAL_BOOL) {
		if (left < 1 || *p > 1)
			return -1;
		v->i = *p;
		return 1;
	}
	if (v->t < VAL_STR) {
		if (left < 8)
			return -1;
		v->i = (int64_t)le64get(p);
		return v->t == VAL_F64 && !isfinite(v->f) ? -1 : 8;
	}
	if (left < 4)
		return -1;
	v->n = le32get(p);
	v->s = (const char *)p + 4;
	return v->n > left - 4 || (v->t == VAL_JSON && v->n == 0) ? -1 : 4;
}

int
val_unpack(const uint8_t **p, const uint8_t *end, struct val *out)
{
	struct val v;
	int n = unpack(*p, end, &v);

	if (n < 0)
		return ferr(FERR_CORRUPT, "a packed value is damaged");
	*p += 1 + n + (v.t >= VAL_STR ? v.n : 0);
	*out = v;
	return 0;
}
