/*
 * listing -- what a verb lists: one row a thing, as a table for people, or as NDJSON, CSV, TSV.
 *
 * A column may be meant for people alone (`age` as 5m3s) or for programs alone (`age_ms`).
 */
#ifndef SHOW_LISTING_H
#define SHOW_LISTING_H

#include "base/opt.h"
#include "fmt/fmt.h"

enum listing_for { FOR_ALL, FOR_PEOPLE, FOR_DATA };

struct column {
	const char *name;
	enum listing_for who;
};

extern const struct opt listing_options[]; /* -o; conf: enum fmt_kind, FMT_TABLE at first */

struct listing;
/* Rows go to fd as they come; cols is borrowed. */
int listing_new(struct listing **out, enum fmt_kind kind, int fd, const struct column *cols,
		unsigned n);
void listing_free(struct listing *l);
/* One value for each column.  FERR_CLOSED: the reader has left. */
int listing_row(struct listing *l, const struct val *v);
/* What is held back. */
int listing_end(struct listing *l);

/* Append `,"name":VALUE` to an object that has been begun. */
int listing_member(struct buf *b, const char *name, struct val v);

/* Texts for people, in text: an age (ms; "-" below 0), a size. */
#define LISTING_TEXT 48
struct val listing_age(int64_t ms, char text[LISTING_TEXT]);
struct val listing_size(uint64_t bytes, char text[LISTING_TEXT]);
/* A text (NULL: null; maybe: absent), a number (below 0: null), a time (ROW_NOTIME: absent), a
 * watermark (none: null; the end: "max"). */
struct val listing_text(const char *s);
struct val listing_maybe(const char *s);
struct val listing_count(int64_t n);
struct val listing_time(int64_t ms);
struct val listing_watermark(int64_t ms);

#endif
