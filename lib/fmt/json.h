/*
 * json -- JSON objects straight into rows, and values inside of JSON text.  The record path: no
 * allocation, no system call, no locale function per record.
 *
 * Full validation of RFC 8259: grammar, UTF-8, escapes (a lone surrogate is bad), depth up to
 * JSON_DEPTH_MAX.  Numbers as base/num.h has them (NUM_BIG becomes VAL_JSON with its text). Strings
 * are unescaped into the row.  Nested objects and arrays become VAL_JSON with blanks outside of
 * strings removed, otherwise byte for byte.  Fields keep the order of first appearance in the
 * schema; a name given twice in one object: the last wins.  A top-level field name may be escaped
 * in the text; it is compared and stored unescaped.
 *
 * The fast path remembers the keys of the line before, in order, as quoted bytes and schema
 * numbers: a line with the same keys in the same order is matched by comparing them in place.
 *
 * Built with -DJSON_PLAIN it does without SSE2 (8 bytes a step instead of 16); the results are the
 * same.
 */
#ifndef FMT_JSON_H
#define FMT_JSON_H

#include "base/buf.h"
#include "fmt/only.h"
#include "row/row.h"

#define JSON_DEPTH_MAX 512

struct json_reader; /* the memory of key order, scratch; one per split */

/* schema: where new names are appended; outlives the reader. */
int json_reader_new(struct json_reader **out, struct schema *schema);
void json_reader_free(struct json_reader *r);

/*
 * Restrict to named columns (--fields): only those get slots, under the number map gives them;
 * other fields are still checked, but not stored.  names[i] goes to field to[i] of the schema.
 */
int json_reader_only(struct json_reader *r, const char *const *names, const unsigned *to, size_t n);
/* Or keep these (fmt/only.h): they are appended to the schema as they come; the others are checked.
 */
void json_reader_select(struct json_reader *r, const struct fmt_only *only);

struct json_bad {
	size_t at;	    /* byte offset of the fault in the text, from 0 */
	const char *reason; /* static text: "expected ',' or '}'" */
};

/*
 * Read the one JSON object in s[0..n) (blanks around it are fine; BUF_SLACK bytes behind n are
 * readable, their content does not matter) and append it to out as a row of kind +I with time
 * ROW_NOTIME. Returns 0; FERR_DATA with *bad (nothing appended; s is not an object or is not
 * valid); FERR_LIMIT (with *bad) when the row is too long or has too many fields; FERR_NOMEM.
 */
int json_read(struct json_reader *r, const uint8_t *s, size_t n, struct buf *out,
	      struct json_bad *bad);

/*
 * The quick way for NDJSON: if s[0..n) begins with a whole valid object and the line feed that ends
 * its line, and out has room without growing, append its row as json_read does and return the bytes
 * used, line feed included.  Else 0, and nothing has been appended: find the line's end and take
 * json_read, which also tells what is wrong.  BUF_SLACK as above.
 */
size_t json_read_line(struct json_reader *r, const uint8_t *s, size_t n, struct buf *out);

/*
 * Check one JSON value at s[0..n) and tell its length: returns bytes used (blanks before it
 * included), 0 with *bad when it is invalid or not complete (bad->at == n then means "ended too
 * early").  Reads nothing behind s[n - 1].
 */
size_t json_skip(const uint8_t *s, size_t n, struct json_bad *bad);

/*
 * Like json_read for any JSON value: a value for expressions (json(text), elements).  Strings are
 * unescaped into arena, nested values squeezed into it; *v borrows from arena (which must not move:
 * reserve first) -- arena grows by at most n bytes and has been given room for them by this call.
 * Returns 0, FERR_DATA with *bad, FERR_NOMEM; reads nothing behind s[n - 1].
 */
int json_value(const uint8_t *s, size_t n, struct buf *arena, struct val *v, struct json_bad *bad);

/*
 * Look into squeezed, valid JSON text (a VAL_JSON): member `name` of an object, element i of an
 * array (negative: absent). Absent if there is none or the text is of another kind.  Nested results
 * borrow from the text, strings with escapes are unescaped into arena (reserve text->n bytes first,
 * if values taken before must stay where they are).  Of equal names the last counts. Returns 0 or
 * FERR_NOMEM.  json_count: elements of an array, -1 if it is none.  json_next: iterate an array:
 * *pos = 0 to begin, false at the end.
 */
int json_member(const struct val *text, const char *name, size_t n, struct buf *arena,
		struct val *out);
int json_elem(const struct val *text, int64_t i, struct buf *arena, struct val *out);
int64_t json_count(const struct val *text);
bool json_next(const struct val *text, size_t *pos, struct buf *arena, struct val *out);

/* Append row r as one JSON object without blanks and without a newline: fields in schema order,
 * absent and hidden ones left out. The writer keeps quoted names per field. */
struct json_writer;
int json_writer_new(struct json_writer **out);
void json_writer_free(struct json_writer *w);
int json_write(struct json_writer *w, const struct schema *s, const uint8_t *row, struct buf *out);

#endif
