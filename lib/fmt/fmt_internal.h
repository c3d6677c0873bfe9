/*
 * fmt_internal -- what the files of lib/fmt share.
 *
 * A reader's function gets a feed and returns as fmt_read does.  Record text is borrowed from the
 * feed.  A bad record is reported with fmt_bad() before fmt_went() moves the place on.
 */
#ifndef FMT_FMT_INTERNAL_H
#define FMT_FMT_INTERNAL_H

#include "base/time.h"
#include "fmt/fmt.h"
#include "fmt/json.h"

/* The bytes of one fmt_read call. */
struct feed {
	const uint8_t *p;
	size_t n;
	bool eof;
};

/* Converts values to the types of --fields. */
struct typed {
	const struct tz *tz;
	struct time_cache cache;
	struct buf arena; /* text of the last conversion */
};

struct fmt_reader {
	enum fmt_kind kind;
	struct schema *schema;
	struct fmt_field *fields; /* own copy with own names; NULL: all */
	unsigned nfields;
	const struct fmt_only *only; /* borrowed */
	uint64_t line;		     /* line of the next byte, from 1 */
	uint64_t col;		     /* bytes of that line already behind us */
	uint64_t rec_line;	     /* line of the record last returned */
	size_t seen;	   /* bytes at the head of the feed known to hold no record's end */
	bool begun;	   /* the place of a BOM is behind us */
	bool resumed;	   /* set_line was called: we may stand in the middle of an array */
	bool header_apart; /* so a header that comes now is not counted in lines */
	bool whole;	   /* records are messages: a column counts from the first byte of one */
	bool skipping;	   /* the rest of a record that was too long is going by */
	struct typed typed;
	struct csv *csv; /* one of these, by kind */
	struct ndjson *json;
};

/* fmt.c: places and bad records */

/* Move the place over p[0..n). */
void fmt_went(struct fmt_reader *r, const uint8_t *p, size_t n);
/* Move the place to the beginning of the next line. */
static inline void
fmt_next_line(struct fmt_reader *r)
{
	r->line++;
	r->col = 0;
}

/* Fill *bad for the record text[0..n) at the reader's place, at fault at offset `at`; returns
 * FERR_DATA. */
int fmt_bad(const struct fmt_reader *r, struct fmt_bad *bad, const uint8_t *text, size_t n,
	    size_t at, const char *why, ...) __attribute__((format(printf, 6, 7)));
/* The same for a record above FMT_RECORD_MAX or ROW_MAX; returns FERR_LIMIT. */
int fmt_too_long(const struct fmt_reader *r, struct fmt_bad *bad, const uint8_t *text, size_t n);

/*
 * Take one line: 1 and its length in *len without the LF (*used with it), the place still before
 * it; else what fmt_read shall return.
 */
int fmt_take_line(struct fmt_reader *r, const struct feed *in, size_t *used, size_t *len,
		  struct fmt_bad *bad);

/*
 * The character at s[0..n), n > 0, as it may be shown: out gets its text (control characters and
 * bad bytes as \x..), *shown the length of that, *cols its columns.  Returns the bytes it takes.
 */
size_t fmt_show(const uint8_t *s, size_t n, char out[8], size_t *shown, size_t *cols);

/* s[0..n) as one short line in out[0..cap), NUL-terminated; returns out. */
const char *fmt_show_text(const char *s, size_t n, char *out, size_t cap);

/* typed.c */

/* v as `want`: 1 and *out (borrows from v or t), 0 if it does not convert, or FERR_NOMEM. */
int typed_value(struct typed *t, enum val_type want, const struct val *v, struct val *out);
/* Report that v, at offset `at` of the record, did not convert; returns FERR_DATA. */
int typed_bad(const struct fmt_reader *r, struct fmt_bad *bad, const uint8_t *text, size_t n,
	      size_t at, const char *column, enum val_type want, const struct val *v);

/*
 * What a format's reader adds to fmt_reader_save: a state of its own (one byte), flags, a depth,
 * and bytes that are borrowed.
 */
struct fmt_state {
	uint8_t state, flags;
	uint64_t depth;
	const uint8_t *p;
	size_t n;
};

/* csv_read.c, ndjson.c, line.c */
void csv_save(const struct csv *c, struct fmt_state *st);
int csv_load(struct fmt_reader *r, const struct fmt_state *st);
void ndjson_save(const struct ndjson *j, struct fmt_state *st);
int ndjson_load(struct ndjson *j, const struct fmt_state *st);
int csv_new(struct csv **out, const struct fmt_reader *r);
void csv_free(struct csv *c);
int csv_read(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	     struct fmt_bad *bad);
int ndjson_new(struct ndjson **out, const struct fmt_reader *r);
void ndjson_free(struct ndjson *j);
int ndjson_read(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
		struct fmt_bad *bad);
int line_new(struct fmt_reader *r);
/* p[0..n) is the record: 1, or as fmt_read_message. */
int csv_message(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out,
		struct fmt_bad *bad);
int ndjson_message(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out,
		   struct fmt_bad *bad);
int line_message(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out,
		 struct fmt_bad *bad);
int line_read(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	      struct fmt_bad *bad);

/* csv_scan.c: the cells of a record, 64 bytes at a time */
struct csv_cut {
	uint8_t sep, quote; /* in; of TSV: tab and backslash */
	bool pairs;	    /* in: separators and line feeds between two quotes are text */
	unsigned ncols;	    /* in: cells wanted */
	uint32_t *ends;	 /* out: where they end, the last at the line feed; room for ncols + 64 */
	unsigned quotes; /* out: how many in the record */
	bool odd;	 /* out: there are bytes that are NUL or not ASCII */
};
/*
 * Find the ends of the cells of the record that begins at p.  False: no line end in p[0..n), or not
 * as many cells as wanted.
 */
typedef bool csv_cut_fn(struct csv_cut *t, const uint8_t *p, size_t n);
csv_cut_fn *csv_cut_choose(void);

/* Writers: conf is the writer's own copy and outlives them. */
struct csv_writer;
int csv_writer_new(struct csv_writer **out, const struct fmt_write_conf *conf);
void csv_writer_free(struct csv_writer *w);
int csv_write(struct csv_writer *w, const struct schema *s, const uint8_t *row, struct buf *out);
/* The header, if no row came. */
int csv_write_end(struct csv_writer *w, const struct schema *s, struct buf *out);

struct table;
int table_new(struct table **out, const struct fmt_write_conf *conf);
void table_free(struct table *t);
int table_write(struct table *t, const struct schema *s, const uint8_t *row, struct buf *out);
int table_end(struct table *t, struct buf *out);

int raw_write(const struct schema *s, const uint8_t *row, struct buf *out);

/* "+I" ... */
const char *fmt_op(enum row_kind k);

#endif
