/*
 * text -- small services for words: UTF-8, base64, nearest name, quoting for messages.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Is s[0..n) valid UTF-8 (no overlong forms, surrogates, or above U+10FFFF)?  Fast on ASCII. */
bool utf8_ok(const uint8_t *s, size_t n);
/* Index of the first bad byte, or n. */
size_t utf8_span(const uint8_t *s, size_t n);
/* Code points in valid UTF-8, and the byte offset of code point i (n when behind the end). */
size_t utf8_count(const char *s, size_t n);
size_t utf8_index(const char *s, size_t n, size_t i);

int base64_put(const uint8_t *p, size_t n, struct buf *out);
int base64_get(const char *s, size_t n, struct buf *out); /* FERR_DATA */

/*
 * "Did you mean": the one of names[0..n) nearest to word (Damerau-Levenshtein, case ignored), if it
 * is near enough (at most 1 + len/4 edits, or word is a prefix); else NULL.
 */
const char *near_word(const char *word, const char *const *names, size_t n);

/*
 * s as a quoted, printable text for a message: "..." with \n, \t, \x.. for controls and bad UTF-8,
 * cut after about 80 bytes with "...".  Out is a small buffer of the caller.
 */
#define QUOTE_MAX 400
const char *quote(const char *s, size_t n, char out[QUOTE_MAX]);

#endif
