/* text: see text.h. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/* ---- UTF-8 ---- */

/* Length of the ASCII at the head, in whole blocks of 16 (or 8) bytes. */
static inline size_t
ascii_blocks(const uint8_t *s, size_t n)
{
	size_t i = 0;

#if defined(__x86_64__)
	for (; i + 64 <= n; i += 64) {
		__m128i a = _mm_loadu_si128((const __m128i *)(s + i));
		__m128i b = _mm_loadu_si128((const __m128i *)(s + i + 16));
		__m128i c = _mm_loadu_si128((const __m128i *)(s + i + 32));
		__m128i d = _mm_loadu_si128((const __m128i *)(s + i + 48));

		if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) != 0)
			break;
	}
	for (; i + 16 <= n; i += 16)
		if (_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(s + i))) != 0)
			break;
#else
	for (; i + 8 <= n; i += 8) {
		uint64_t w;

		memcpy(&w, s + i, 8);
		if ((w & 0x8080808080808080ULL) != 0)
			break;
	}
#endif
	return i;
}

/* Length of the valid sequence at the head of s[0..n), n > 0; 0 if it is not one. */
static inline size_t
utf8_char(const uint8_t *s, size_t n)
{
	uint8_t lo = 0x80, hi = 0xbf; /* bounds of the second byte */
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2)
		return 0;
	if (s[0] < 0xe0) {
		len = 2;
	} else if (s[0] < 0xf0) {
		len = 3;
		if (s[0] == 0xe0)
			lo = 0xa0; /* shorter forms exist below */
		else if (s[0] == 0xed)
			hi = 0x9f; /* surrogates above */
	} else if (s[0] < 0xf5) {
		len = 4;
		if (s[0] == 0xf0)
			lo = 0x90;
		else if (s[0] == 0xf4)
			hi = 0x8f; /* U+10FFFF is the last */
	} else {
		return 0;
	}
	if (n < len || s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

size_t
utf8_span(const uint8_t *s, size_t n)
{
	size_t i = 0, len;

	while (i < n) {
		if (s[i] < 0x80) {
			i += ascii_blocks(s + i, n - i);
			while (i < n && s[i] < 0x80)
				i++;
		} else {
			if ((len = utf8_char(s + i, n - i)) == 0)
				return i;
			i += len;
		}
	}
	return n;
}

bool
utf8_ok(const uint8_t *s, size_t n)
{
	return utf8_span(s, n) == n;
}

/* Code points that begin in s[0..n): all bytes but 10xxxxxx. */
static inline size_t
count_heads(const char *s, size_t n)
{
	size_t count = 0, i = 0;

#if defined(__x86_64__)
	for (; i + 16 <= n; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(s + i));
		int heads = _mm_movemask_epi8(_mm_cmpgt_epi8(v, _mm_set1_epi8(-65)));

		count += (size_t)__builtin_popcount((unsigned)heads);
	}
#endif
	for (; i < n; i++)
		count += (s[i] & 0xc0) != 0x80;
	return count;
}

size_t
utf8_count(const char *s, size_t n)
{
	return count_heads(s, n);
}

size_t
utf8_index(const char *s, size_t n, size_t i)
{
	size_t at = 0, heads;

	for (; n - at >= 64; at += 64, i -= heads)
		if ((heads = count_heads(s + at, 64)) > i)
			break;
	for (; at < n; at++) {
		if ((s[at] & 0xc0) == 0x80)
			continue;
		if (i-- == 0)
			return at;
	}
	return n;
}

/* ---- base64 (RFC 4648, with padding) ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
base64_put(const uint8_t *p, size_t n, struct buf *out)
{
	uint32_t v;
	uint8_t *q;
	size_t i;

	if (buf_room(out, n / 3 * 4 + 4) != 0)
		return FERR_NOMEM;
	q = out->p + out->n;
	for (i = 0; i < n; i += 3) {
		v = (uint32_t)p[i] << 16;
		v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? p[i + 2] : 0;
		*q++ = (uint8_t)base64_digits[v >> 18];
		*q++ = (uint8_t)base64_digits[v >> 12 & 63];
		*q++ = (uint8_t)(i + 1 < n ? base64_digits[v >> 6 & 63] : '=');
		*q++ = (uint8_t)(i + 2 < n ? base64_digits[v & 63] : '=');
	}
	out->n = (size_t)(q - out->p);
	return 0;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
base64_get(const char *s, size_t n, struct buf *out)
{
	size_t digits = n, begin = out->n;
	uint32_t v = 0;
	int d;

	if (n % 4 != 0)
		return ferr(FERR_DATA, "not base64: its length is not a multiple of 4");
	while (digits > 0 && n - digits < 2 && s[digits - 1] == '=')
		digits--;
	if (buf_room(out, n / 4 * 3) != 0)
		return FERR_NOMEM;
	for (size_t i = 0; i < digits; i++) {
		if ((d = base64_value(s[i])) < 0) {
			out->n = begin;
			return ferr(FERR_DATA, "not base64: byte %zu is no base64 digit", i + 1);
		}
		v = v << 6 | (uint32_t)d;
		if (i % 4 != 0) /* 8 of the 12, 18 or 24 bits are new */
			out->p[out->n++] = (uint8_t)(v >> (6 - i % 4 * 2));
	}
	/* What the last digit has beyond the last byte must be zero: one text for each content. */
	if ((v & (n - digits == 2 ? 15 : n - digits == 1 ? 3 : 0)) != 0) {
		out->n = begin;
		return ferr(FERR_DATA, "not base64: bits are left over at the end");
	}
	return 0;
}

/* ---- the nearest name ---- */

#define NEAR_MAX 64 /* longer words are not typed by hand */

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Edits (insert, delete, change, swap of neighbours) from a to b. */
static size_t
edits(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][NEAR_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2], *free_row;

	for (size_t j = 0; j <= nb; j++)
		last[j] = j;
	for (size_t i = 1; i <= na; i++) {
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);
			size_t d = last[j - 1] + !same;

			if (last[j] + 1 < d)
				d = last[j] + 1;
			if (row[j - 1] + 1 < d)
				d = row[j - 1] + 1;
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) && before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			row[j] = d;
		}
		free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[nb];
}

static bool
is_prefix(const char *word, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (lower(word[i]) != lower(name[i])) /* the NUL of a shorter name differs */
			return false;
	return true;
}

const char *
near_word(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word), limit = 1 + len / 4, best = SIZE_MAX, d, namelen;
	const char *near = NULL;

	if (len == 0 || len > NEAR_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		namelen = strlen(names[i]);
		if (is_prefix(word, len, names[i]))
			d = namelen - len;
		else if (namelen > NEAR_MAX || (d = edits(word, len, names[i], namelen)) > limit ||
			 d >= len)
			continue;
		if (d < best) {
			best = d;
			near = names[i];
		}
	}
	return near;
}

/* ---- quoting ---- */

#define QUOTE_BYTES 80

/* Append one character of s, escaped where it could disturb a terminal or a reader. */
static size_t
quote_char(const uint8_t *s, size_t len, char *out)
{
	size_t n = 0;

	if (len == 1 && (s[0] == '"' || s[0] == '\\')) {
		out[0] = '\\';
		out[1] = (char)s[0];
		return 2;
	}
	if (len == 1 && (s[0] == '\n' || s[0] == '\t')) {
		out[0] = '\\';
		out[1] = s[0] == '\n' ? 'n' : 't';
		return 2;
	}
	/* C0, DEL, bad bytes, and C1 (U+0080..U+009F) */
	if ((len == 1 && (s[0] < 0x20 || s[0] > 0x7e)) ||
	    (len == 2 && s[0] == 0xc2 && s[1] < 0xa0)) {
		for (size_t i = 0; i < len; i++)
			n += (size_t)sprintf(out + n, "\\x%02x", s[i]);
		return n;
	}
	memcpy(out, s, len);
	return len;
}

const char *
quote(const char *s, size_t n, char out[QUOTE_MAX])
{
	const uint8_t *p = (const uint8_t *)s;
	size_t i = 0, w = 0, len;

	out[w++] = '"';
	while (i < n && i < QUOTE_BYTES) {
		len = utf8_char(p + i, n - i);
		if (len == 0)
			len = 1;
		w += quote_char(p + i, len, out + w);
		i += len;
	}
	out[w++] = '"';
	strcpy(out + w, i < n ? "..." : "");
	return out;
}
