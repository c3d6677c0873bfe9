/*
 * fmt -- text formats behind one interface: records from bytes, bytes from records.  Pure.
 *
 * Reading: feed bytes, get at most one row a call.
 *	json   one object a line (NDJSON), or the elements of one array; a BOM is skipped; blank
 *lines too csv    RFC 4180 with a header line (quotes, doubled quotes, line breaks in quotes, LF or
 *CRLF)
 *	tsv    tabs, a header line, escapes \t \n \r \\
 *	lines  each line is the field `line` (str; must be UTF-8), its end (LF or CRLF) cut off
 *	raw    each line is the field `line` as bytes
 * A cell is null when it is empty (`str` columns: the empty string), text when it was in quotes,
 *else a VAL_CELL. A header that cannot be used (a column that is kept has no name, or that of
 *another) is a bad record, and so is each one behind it. Quotes inside of an unquoted cell are
 *text.  raw keeps the CR, lines, csv and tsv take CRLF as one line end.
 *
 * Writing: json (NDJSON), csv, tsv (columns are the visible fields at the first row), raw (the
 *field `line`, or the only field, as it is), table.
 *
 * Of a changing stream every row is written with its kind in a first field `op`: +I, -U, +U, -D.
 * Elsewhere a -D is what --changes upsert makes of a row that is gone: JSON has `op` there alone.
 */
#ifndef FMT_FMT_H
#define FMT_FMT_H

#include "base/buf.h"
#include "fmt/only.h"
#include "row/row.h"

struct tz;

enum fmt_kind { FMT_AUTO, FMT_JSON, FMT_CSV, FMT_TSV, FMT_LINES, FMT_RAW, FMT_FRAMES, FMT_TABLE };

#define FMT_RECORD_MAX (16u << 20) /* bytes of one record's text */

/* A column kept by --fields; type VAL_ABSENT = as it comes. */
struct fmt_field {
	char *name;
	enum val_type type; /* VAL_BOOL I64 F64 TIME STR JSON(any), or VAL_ABSENT */
	unsigned to;	    /* its number in the schema */
};

struct fmt_conf {
	enum fmt_kind kind;		/* not AUTO, FRAMES, TABLE */
	struct schema *schema;		/* names are appended here; outlives the reader */
	const struct fmt_field *fields; /* --fields, already in the schema; NULL: all */
	unsigned nfields;
	/* Of all fields only these, as if the records had no others; NULL: all.  Not beside
	 * --fields. Outlives the reader. */
	const struct fmt_only *only;
	const struct tz *tz; /* of times that name no zone, NULL: UTC; outlives the reader */
};

struct fmt_bad {
	uint64_t line; /* from 1: where the fault is */
	uint64_t col;  /* byte column from 1 */
	char reason[256];
	const uint8_t *text; /* the record's bytes without line end (borrowed from the input; may be
				cut at 64 KiB) */
	size_t n;
};

/*
 * A row that comes ready (from frames, a generator) as --fields wants it: its fields go to map[i]
 * (-1: dropped) with the types of conf->fields, appended to out.  FERR_DATA with its text when a
 * value does not convert.
 */
int fmt_typed_row(const struct fmt_conf *conf, const uint8_t *row, const int *map, struct buf *out);

struct fmt_reader;
int fmt_reader_new(struct fmt_reader **out, const struct fmt_conf *conf);
void fmt_reader_free(struct fmt_reader *r);

/*
 * Read on at p[0..n); eof tells that nothing follows p[n).  BUF_SLACK bytes behind n must be
 *readable. Returns 1            one row was appended to out; *used bytes belong to it (and to
 *blanks before it) 0            *used bytes went by without a record (a header, blank line, the end
 *of an array) FERR_AGAIN   more bytes are needed (*used bytes may be dropped; only when !eof)
 *	FERR_DATA    a bad record: *bad tells; *used bytes cover it, reading may go on behind them
 *	FERR_LIMIT   as FERR_DATA: a record longer than FMT_RECORD_MAX; the rest of the record is
 *skipped in later calls without a word FERR_NOMEM What was not used comes again at the head of the
 *next call, unchanged (it may have moved). With n == 0 and eof: 0 at a clean end, FERR_DATA for an
 *unclosed quote or array. Rows have time ROW_NOTIME and kind +I.  Line numbers count from
 *fmt_reader_new.
 */
int fmt_read(struct fmt_reader *r, const uint8_t *p, size_t n, bool eof, size_t *used,
	     struct buf *out, struct fmt_bad *bad);

/*
 * Read p[0..n) as one record, such as a message of a queue: line feeds in it are part of it (of csv
 * and tsv one may end it), and no header comes; csv and tsv have the columns of --fields, which
 * there must be, in their order.  BUF_SLACK bytes behind n must be readable.  1: a row was
 * appended; FERR_DATA, FERR_LIMIT: a bad record, and bad->col counts from its first byte;
 * FERR_NOMEM.  A reader reads either messages or a text.
 */
int fmt_read_message(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out,
		     struct fmt_bad *bad);

/* Line of the record that the last fmt_read returned (1 or FERR_DATA). */
uint64_t fmt_reader_line(const struct fmt_reader *r);
/*
 * Start in the middle, at a place that fmt_read has stopped at: set the line number (before or
 * behind the header), and give csv and tsv the header (a first record) from the beginning of the
 * file, which is not counted in lines then. JSON: a text that goes on with ',' or ']' is taken for
 * the rest of an array.
 */
void fmt_reader_set_line(struct fmt_reader *r, uint64_t line);

/*
 * Where a reader stands between two calls of fmt_read, as bytes (its place, the header of csv and
 * tsv, how deep in an array).  A new reader of the same conf, whose schema has the fields that this
 * one's had, loads them and goes on at the next byte as this one would.  FERR_CORRUPT: not bytes of
 * fmt_reader_save for that format.
 */
int fmt_reader_save(const struct fmt_reader *r, struct buf *out);
int fmt_reader_load(struct fmt_reader *r, const uint8_t *p, size_t n);

/* What the first bytes of a text look like: FMT_JSON ('{' or '[' after blanks and BOM), else
 * FMT_CSV. */
enum fmt_kind fmt_sniff(const uint8_t *p, size_t n);
/* "json" -> FMT_JSON ...; FMT_AUTO for "auto"; -1 unknown. */
int fmt_by_name(const char *name);
const char *fmt_name(enum fmt_kind k);
/* File name ending without the dot: ndjson csv tsv txt frames. */
const char *fmt_ending(enum fmt_kind k);

struct fmt_writer;
struct fmt_write_conf {
	enum fmt_kind kind; /* JSON CSV TSV RAW TABLE */
	bool header;	    /* csv, tsv: write one first */
	const char *has; /* csv, tsv: the header line that is there already, to be the same as ours;
			    or NULL */
	bool changing;	 /* the stream is: first field `op` */
	bool color;	 /* table: ANSI allowed */
	unsigned width;	 /* table: columns of the terminal (0: 80) */
};
int fmt_writer_new(struct fmt_writer **out, const struct fmt_write_conf *conf);
void fmt_writer_free(struct fmt_writer *w);
/*
 * Can a stream of that schema be written so?  FERR_USAGE for a changing one when the format has no
 * place for `op` (raw), or the records have a field of that name.
 */
int fmt_check_changing(enum fmt_kind kind, const struct schema *s);
/* Append one row with its line end.  FERR_DATA: a new column after the header (text names
 * --fields).  FERR_USAGE: fmt_check_changing. */
int fmt_write(struct fmt_writer *w, const struct schema *s, const uint8_t *row, struct buf *out);
/*
 * What is held back (the table's last rows).  At the end of the stream give the schema: CSV of no
 * rows then still has a header.  NULL: only a pause.
 */
int fmt_write_end(struct fmt_writer *w, const struct schema *s, struct buf *out);

#endif
