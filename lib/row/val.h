/*
 * val -- one value, as a row holds it and as an expression computes it.
 *
 * Owner   str, bytes, json and cell borrow their text: from the row, a constant, or an arena.
 * Units   time is ms since 1970 UTC; a duration is an i64 of ms.
 * Never   f64 is never NaN or infinite (what would make one is a bad record instead).
 *
 * VAL_JSON is a nested object or array kept as its text, or the text of a number that neither i64
 * nor f64 can hold (its first byte tells: '{', '[', else a number).  Such text has no blanks
 * outside of strings and is valid JSON.
 *
 * VAL_CELL is a CSV cell that nobody has looked at yet.  val_resolve() makes it what it is: null
 * when empty, i64 or f64 when the shortest print of the number is the same text, else str.
 */
#ifndef ROW_VAL_H
#define ROW_VAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Type tags as they stand in rows; the numbers are part of fframe(5) and never change. */
enum val_type {
	VAL_ABSENT = 0, /* the record does not have the field; printed as nothing */
	VAL_NULL = 1,
	VAL_BOOL = 2,
	VAL_I64 = 3,
	VAL_F64 = 4,
	VAL_TIME = 5,
	VAL_STR = 6,
	VAL_BYTES = 7,
	VAL_JSON = 8,
	VAL_CELL = 9,
};
#define VAL_TYPE_MAX 9

struct val {
	uint8_t t;  /* enum val_type */
	uint32_t n; /* bytes of text: str, bytes, json, cell */
	union {
		int64_t i; /* bool (0, 1), i64, time */
		double f;
		const char *s; /* not NUL-terminated */
	};
};

#define VAL_NULLV ((struct val){ .t = VAL_NULL })

static inline struct val
val_i64(int64_t i)
{
	return (struct val){ .t = VAL_I64, .i = i };
}

static inline struct val
val_f64(double f)
{
	return (struct val){ .t = VAL_F64, .f = f };
}

static inline struct val
val_time(int64_t ms)
{
	return (struct val){ .t = VAL_TIME, .i = ms };
}

static inline struct val
val_bool(bool b)
{
	return (struct val){ .t = VAL_BOOL, .i = b };
}

static inline struct val
val_text(enum val_type t, const char *s, size_t n)
{
	return (struct val){ .t = (uint8_t)t, .n = (uint32_t)n, .s = s };
}

/* Absent, null, or an empty cell. */
static inline bool
val_is_null(const struct val *v)
{
	return v->t <= VAL_NULL || (v->t == VAL_CELL && v->n == 0);
}

/* Type a cell; other values pass unchanged. */
struct val val_cell(struct val v); /* slow path of val_resolve: v.t is VAL_CELL */

static inline struct val
val_resolve(struct val v)
{
	return __builtin_expect(v.t == VAL_CELL, 0) ? val_cell(v) : v;
}

/* "null", "bool", "i64", ... for messages. */
const char *val_type_name(enum val_type t);

/*
 * Total order for results and ties: absent = null < bool < numbers (by value, i64 against f64
 * exactly) < time < str and bytes (bytewise) < json (bytewise).  Returns <0, 0, >0.
 */
int val_cmp(const struct val *a, const struct val *b);

/* Append v as JSON (absent as null; bytes as a base64 string; time as an RFC 3339 string). */
int val_json(const struct val *v, struct buf *out);

/*
 * Append v as plain text: str and json as they are, null and absent as nothing, numbers and times
 * as in JSON without the quotes.
 */
int val_plain(const struct val *v, struct buf *out);

/* Append `s` as a JSON string with its quotes; s must be valid UTF-8. */
int val_json_str(const char *s, size_t n, struct buf *out);

/* Append v in a self-describing binary form, and read it back.  Text in *out borrows from *p. */
int val_pack(const struct val *v, struct buf *out);
int val_unpack(const uint8_t **p, const uint8_t *end, struct val *out); /* FERR_CORRUPT */

#endif
