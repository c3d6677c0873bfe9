/*
 * num -- numbers from text and back, exact, without libc's locale or speed.
 *
 * num_parse reads one JSON number (RFC 8259 grammar, nothing else: no '+', no leading zeros, no
 * "1.", no hex) and tells what it is: an integer that fits i64, an f64 correctly rounded (nearest,
 * ties to even), or NUM_BIG when neither can hold it (an integer beyond i64, an f64 that would
 * overflow, or one that would vanish to zero although its digits are not zero).
 * A '-0' is the i64 0?  No: "-0" is an f64 -0.0, so that it prints as it came.
 *
 * num_print_f64 writes the shortest text that reads back to the same f64, in JSON grammar, as
 * JavaScript does (1e21 and above or below 1e-6 with an exponent), except that an integral value
 * keeps a mark of its type: 5.0 prints "5.0", 1e21 prints "1e+21".  NaN and infinities are not for
 * here.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum num_kind { NUM_BAD, NUM_I64, NUM_F64, NUM_BIG };

struct num {
	enum num_kind kind;
	union {
		int64_t i;
		double f;
	};
};

/*
 * Read the number at the head of s[0..n); returns the bytes it takes, 0 if there is none
 * (out->kind is NUM_BAD).  Reads nothing past n.
 */
size_t num_parse(const char *s, size_t n, struct num *out);

#define NUM_PRINT_MAX 32

/* Write v to out (room for NUM_PRINT_MAX bytes); returns the length.  No NUL. */
size_t num_print_i64(int64_t v, char *out);
size_t num_print_f64(double v, char *out);

/* The nearest f64 to a decimal text of any length: s is a valid JSON number. */
double num_decimal(const char *s, size_t n);

#endif
