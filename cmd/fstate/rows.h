/*
 * rows -- rows as they come: a table for people, NDJSON, CSV, TSV for programs.
 *
 * A column may be meant for people alone (`age` as 5m3s) or for programs alone (`age_ms`).
 */
#ifndef FSTATE_ROWS_H
#define FSTATE_ROWS_H

#include "fmt/fmt.h"

enum rows_for { FOR_ALL, FOR_PEOPLE, FOR_DATA };

struct column {
	const char *name;
	enum rows_for who;
};

struct rows;
/* Rows go to fd; cols is borrowed. */
int rows_new(struct rows **out, enum fmt_kind kind, int fd, const struct column *cols, unsigned n);
void rows_free(struct rows *o);
/* One value for each column.  FERR_CLOSED: the reader has left. */
int rows_put(struct rows *o, const struct val *v);
/* What is held back. */
int rows_end(struct rows *o);

/* Append `,"name":VALUE` to an object that has been begun. */
int rows_member(struct buf *b, const char *name, struct val v);

/* Texts for people, in text: an age (ms), a size. */
#define ROWS_TEXT 48
struct val rows_age(int64_t ms, char text[ROWS_TEXT]);
struct val rows_size(uint64_t bytes, char text[ROWS_TEXT]);
struct val rows_str(const char *s); /* NULL: absent */
struct val rows_count(uint64_t n);  /* null above what i64 holds */
/* A watermark: null for none, "max" at the end. */
struct val rows_watermark(int64_t ms);
/* ROW_NOTIME: absent. */
struct val rows_time(int64_t ms);

#endif
