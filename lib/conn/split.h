/*
 * split -- a piece of a source that is read in order: a file, a pipe, a generator.  Row after row.
 *
 * Owner   split_new/split_free.  Rows are appended to the caller's buf under the schema given to
 * split_open.
 */
#ifndef CONN_SPLIT_H
#define CONN_SPLIT_H

#include "base/time.h"
#include "conn/file.h"
#include "fmt/fmt.h"

enum split_kind { SPLIT_FILE, SPLIT_STDIN, SPLIT_GEN };

struct split {
	enum split_kind kind;
	char *name; /* path, "stdin", or what stands behind "gen:" */
	bool open, done;
	bool live; /* comes when it comes: pipes, followed files */
	bool follow;
	bool waiting; /* had nothing the last time */
	/* event time */
	int64_t max_ts;	  /* greatest event time so far; ROW_NOTIME */
	int64_t disorder; /* how far its own records are out of order, as far as it knows */
	int64_t first;	  /* of the first record, peeked before it is read; ROW_NOTIME: not known */
	bool read;	  /* reading has begun */
	unsigned since_mark; /* records since the last watermark */
	int64_t marked_at;   /* when that was, monotonic ns */
	int64_t last_at;     /* when the last record came */
	struct time_cache times;
	/* where the record last returned stood, as of split_place() */
	uint64_t line, offset;
	const uint8_t *rec;
	size_t nrec;
	struct fmt_bad bad;
	struct split_in *in; /* private */
};

struct split_conf {
	enum fmt_kind format; /* FMT_AUTO: by the content */
	struct schema *schema;
	const struct fmt_field *fields;
	unsigned nfields;
	const struct tz *tz; /* of times without a zone */
	bool hold;	     /* an unterminated last line stays for the next run */
};

int split_new(struct split **out, enum split_kind kind, const char *name, bool follow);
void split_free(struct split *s);
int split_open(struct split *s, const struct split_conf *conf);
void split_close(struct split *s);

/*
 * Append the next row to out: 1; 0 at the end (s->done); FERR_AGAIN when there is nothing now;
 * FERR_DATA for a bad record (s->bad; reading may go on); or another error.
 */
int split_next(struct split *s, struct buf *out);

/* After split_next: set line, offset and text of the record last returned. */
void split_place(struct split *s);

/* A descriptor to wait for while it has nothing (-1: none). */
int split_fd(const struct split *s);
/* Do both read the same file now? */
bool split_same_file(const struct split *s, const char *path);

#endif
