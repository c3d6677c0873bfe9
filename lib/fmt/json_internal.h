/*
 * json_internal -- what the reader, the look-ups and json_skip share: scanning of single tokens and
 * of whole values.
 *
 * Unless said otherwise a function reads nothing at or behind `end` and returns the place behind
 * what it took, or NULL with the fault noted.
 */
#ifndef FMT_JSON_INTERNAL_H
#define FMT_JSON_INTERNAL_H

#include "base/bytes.h"
#include "fmt/json.h"

#if defined(__SSE2__) && !defined(JSON_PLAIN)
#include <emmintrin.h>
#define JSON_BLOCK 16u
#else
#define JSON_BLOCK 8u
#endif

/* The first four letters of a word, as le32get has them. */
#define JSON_TRUE 0x65757274u
#define JSON_FALS 0x736c6166u
#define JSON_NULL 0x6c6c756eu

/* Where a text begins, so that faults can tell their offset. */
struct json_text {
	const uint8_t *s, *end;
	struct json_bad *bad;
};

/* Note a fault at p; a fault at the end is that the text ended.  Returns NULL. */
const uint8_t *json_fault(const struct json_text *t, const uint8_t *p, const char *reason);

/*
 * The bytes of the block p[0..JSON_BLOCK) that do not stand for themselves in a string: quotes,
 * backslashes, controls, and with `ascii` those above 0x7f.  0: none; else json_first() tells which
 * is the first.  The block is copied to `to` unless that is NULL.
 */
#if JSON_BLOCK == 16
typedef unsigned json_mask;

static inline json_mask
json_special(const uint8_t *p, uint8_t *to, bool ascii)
{
	__m128i x = _mm_loadu_si128((const __m128i *)p), m;

	if (to != NULL)
		_mm_storeu_si128((__m128i *)to, x);
	if (ascii) { /* with bit 1 flipped the quote stands right above the controls */
		m = _mm_xor_si128(x, _mm_set1_epi8(2));
		m = _mm_cmplt_epi8(m, _mm_set1_epi8('"' - 1)); /* bytes above 0x7f are negative */
	} else {
		m = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
		m = _mm_or_si128(m, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
	}
	m = _mm_or_si128(m, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
	return (unsigned)_mm_movemask_epi8(m);
}

static inline unsigned
json_first(json_mask m)
{
	return (unsigned)__builtin_ctz(m);
}
#else
typedef uint64_t json_mask;

static inline json_mask
json_special(const uint8_t *p, uint8_t *to, bool ascii)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	uint64_t x = le64get(p), q = x ^ ones * '"', b = x ^ ones * '\\', m;

	if (to != NULL)
		le64put(to, x);
	m = (((x - ones * 0x20) & ~x) | ((q - ones) & ~q) | ((b - ones) & ~b)) & high;
	return ascii ? m | (x & high) : m;
}

static inline unsigned
json_first(json_mask m)
{
	return (unsigned)__builtin_ctzll(m) / 8;
}
#endif

static inline bool
json_is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool
json_is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') <= 9;
}

/* Are the 16 bytes at p those of head, as far as mask tells? */
static inline bool
json_same16(const uint8_t *p, const uint8_t *mask, const uint8_t *head)
{
#if JSON_BLOCK == 16
	__m128i x = _mm_loadu_si128((const __m128i *)p), m = _mm_loadu_si128((const __m128i *)mask);

	x = _mm_cmpeq_epi8(_mm_and_si128(x, m), _mm_loadu_si128((const __m128i *)head));
	return _mm_movemask_epi8(x) == 0xffff;
#else
	return (((le64get(p) & le64get(mask)) ^ le64get(head)) |
		((le64get(p + 8) & le64get(mask + 8)) ^ le64get(head + 8))) == 0;
#endif
}

/* The length of true, false or null at p; 0: none of them.  Reads 5 bytes. */
static inline unsigned
json_word(const uint8_t *p)
{
	uint32_t word = le32get(p);
	unsigned is_false = (word == JSON_FALS) & (p[4] == 'e');

	return (word == JSON_TRUE) | (word == JSON_NULL) | is_false ? 4 + is_false : 0;
}

static inline const uint8_t *
json_blanks(const uint8_t *p, const uint8_t *end)
{
	while (p < end && json_is_blank(*p))
		p++;
	return p;
}

/* A string, p at its quote; *escaped tells whether it has a backslash.  Checks UTF-8 and escapes.
 */
const uint8_t *json_scan_string(const struct json_text *t, const uint8_t *p, bool *escaped);

/* Any value, p at its first byte, `depth` levels around it; sets *blanks when it saw any inside. */
const uint8_t *json_scan_value(const struct json_text *t, const uint8_t *p, unsigned depth,
			       bool *blanks);

/*
 * The same for an object or array that is plain: at most one blank behind a comma or
 * colon, no escapes, ASCII, numbers without
 * exponent and of 15 digits on a side, at most 64 levels.  NULL, with no fault noted: it is not, or
 * not valid. Reads up to BUF_SLACK bytes behind end.
 */
const uint8_t *json_quick_value(const uint8_t *p, const uint8_t *end, bool *blanks);

/* Undo the escapes of a checked string's body p[0..n); returns the length, not above n. */
size_t json_unescape(const uint8_t *p, size_t n, uint8_t *to);

/* Copy a checked value p[0..n) without blanks outside of strings; returns the length. */
size_t json_squeeze(const uint8_t *p, size_t n, uint8_t *to);

#endif
