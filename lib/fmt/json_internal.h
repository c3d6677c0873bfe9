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

/* Where a text begins, so that faults can tell their offset. */
struct json_text {
	const uint8_t *s, *end;
	struct json_bad *bad;
};

/* Note a fault at p; a fault at the end is that the text ended.  Returns NULL. */
const uint8_t *json_fault(const struct json_text *t, const uint8_t *p, const char *reason);

/*
 * How many bytes at the head of the block p[0..JSON_BLOCK) stand for themselves in a string: no
 * quote, backslash, control.  With `ascii` also no byte above 0x7f.  The block is copied to `to`
 * unless that is NULL.
 */
static inline unsigned
json_block(const uint8_t *p, uint8_t *to, bool ascii)
{
#if JSON_BLOCK == 16
	__m128i x = _mm_loadu_si128((const __m128i *)p), m;

	if (to != NULL)
		_mm_storeu_si128((__m128i *)to, x);
	/* as signed bytes, those above 0x7f are below 0x20 too */
	m = ascii ? _mm_cmplt_epi8(x, _mm_set1_epi8(0x20))
		  : _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
	m = _mm_or_si128(m, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
	m = _mm_or_si128(m, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
	return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(m) | 0x10000);
#else
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	uint64_t x = le64get(p), q = x ^ ones * '"', b = x ^ ones * '\\', m;

	if (to != NULL)
		le64put(to, x);
	m = (((x - ones * 0x20) & ~x) | ((q - ones) & ~q) | ((b - ones) & ~b)) & high;
	if (ascii)
		m |= x & high;
	return m != 0 ? (unsigned)__builtin_ctzll(m) / 8 : 8;
#endif
}

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

/* Undo the escapes of a checked string's body p[0..n); returns the length, not above n. */
size_t json_unescape(const uint8_t *p, size_t n, uint8_t *to);

/* Copy a checked value p[0..n) without blanks outside of strings; returns the length. */
size_t json_squeeze(const uint8_t *p, size_t n, uint8_t *to);

#endif
