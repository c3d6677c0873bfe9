/*
 * listing -- what a verb lists: one row a thing, as a table for people, or as NDJSON, CSV, TSV.
 *
 * A column may be meant for people alone (`age` as 5m3s) or for programs alone (`age_ms`).
 */
#ifndef FCOORD_LISTING_H
#define FCOORD_LISTING_H

#include "base/opt.h"
#include "fmt/fmt.h"

enum listing_for { FOR_ALL, FOR_PEOPLE, FOR_DATA };

struct column {
	const char *name;
	enum listing_for who;
};

extern const struct opt listing_options[]; /* -o; conf: enum fmt_kind, FMT_TABLE at first */

struct listing;
/* cols is borrowed. */
int listing_new(struct listing **out, enum fmt_kind kind, const struct column *cols, unsigned n);
void listing_free(struct listing *l);
/* One value for each column. */
int listing_row(struct listing *l, const struct val *v);
/* Print all of it on stdout. */
int listing_print(struct listing *l);

/* Texts for people, in out: an age (ms; "-" below 0), a size. */
#define LISTING_TEXT 48
struct val listing_age(int64_t ms, char out[LISTING_TEXT]);
struct val listing_size(uint64_t bytes, char out[LISTING_TEXT]);
/* A text (NULL: null), a number (below 0: null), a watermark (none: null; the end: "max"). */
struct val listing_text(const char *s);
struct val listing_count(int64_t n);
struct val listing_watermark(int64_t ms);

#endif
