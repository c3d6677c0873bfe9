/*
 * unit -- durations and sizes as people write them.
 *
 * Durations: one or more of NUMBER UNIT with units ms s m h d, larger first: 250ms, 5s, 1h30m,
 * 7d, 1.5s. A leading
 * '-' negates.  A bare number is an error ("5" -> "needs a unit: 5s, 5m"), except 0.
 * Sizes: NUMBER with B, KB MB GB TB (1000) or KiB MiB GiB TiB (1024).  A bare number is an error,
 * except 0.
 */
#ifndef BASE_UNIT_H
#define BASE_UNIT_H

#include <stddef.h>
#include <stdint.h>

/* FERR_USAGE with its text (names the bad text and says what is right). */
int unit_duration(const char *s, size_t n, int64_t *ms);
int unit_size(const char *s, uint64_t *bytes);
/* A whole number in lo..hi ("--limit"); what names it in the message. */
int unit_int(const char *s, const char *what, int64_t lo, int64_t hi, int64_t *out);
/* Shortest exact text of a duration: 90000 -> "1m30s". out has room for 48 bytes. NUL-terminated.
 */
const char *unit_print_duration(int64_t ms, char *out);

#endif
