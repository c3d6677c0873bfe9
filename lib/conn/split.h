/*
 * split -- a piece of a source that is read in order: a file, a pipe, a generator, a partition of a
 * topic.  Row after row.
 *
 * Owner   split_new/split_free.  Rows are appended to the caller's buf under the schema given to
 * split_open.
 *
 * Places.  Between two calls of split_next the place of a split can be kept as bytes; a split that
 * is opened from them gives the rows that this one would have given next.  Files are known again by
 * their beginning; a followed one is also looked for among its siblings.  Pipes cannot go back:
 * they go on with what comes.
 *
 * Between two runs a file may have grown, been replaced, or have moved: split_changed, split_match
 * and split_move are of splits that are parked.
 */
#ifndef CONN_SPLIT_H
#define CONN_SPLIT_H

#include <sys/stat.h>

#include "base/time.h"
#include "conn/file.h"
#include "conn/kafka_read.h"
#include "fmt/fmt.h"

enum split_kind { SPLIT_FILE, SPLIT_STDIN, SPLIT_GEN, SPLIT_KAFKA };

struct split {
	enum split_kind kind;
	char *name; /* path, "stdin", what stands behind "gen:", or TOPIC[PARTITION] */
	bool open, done;
	bool live; /* comes when it comes: pipes, followed files, topics without an end */
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
	struct buf parked;   /* private: where to go on when it is opened */
	struct split_in *in; /* private */
	bool left;	     /* parked at the end, before a last line that has none */
	bool placed;	     /* its file has been found at name, whatever the family has */
	/* a partition; the source sets this before it is opened */
	struct kafka_reader *reader; /* outlives the split */
	unsigned topic;		     /* its number there */
	int32_t partition;
	int64_t next,
	    until;    /* offsets: of what is read next (-1: not known yet); of the end, or -1 */
	char *family; /* a rotated log: the name without .1; its file is looked for among those */
	/* what it is to the source (source_state.c) */
	bool found;	  /* in a directory or by a pattern, not named */
	uint32_t group;	  /* its key group */
	uint32_t ordinal; /* its place in the order of splits */
	uint32_t twin;	  /* how many before it have the same name */
	bool moved;	  /* what is known of it has changed since the last barrier */
	bool gave;	  /* a record since the last run ended */
	bool gone;	  /* its file was not there when that began */
	enum split_change { SPLIT_SAME, SPLIT_GROWN, SPLIT_OTHER, SPLIT_GONE } change; /* since */
};

struct split_conf {
	enum fmt_kind format; /* FMT_AUTO: by the content */
	struct schema *schema;
	const struct fmt_field *fields;
	unsigned nfields;
	const struct fmt_only *only; /* of files: as in fmt.h; outlives the split */
	const struct tz *tz;	     /* of times without a zone */
	bool hold;		     /* an unterminated last line stays for the next run */
	bool nulls; /* a message without a value gives a row without fields; else it is left out */
};

int split_new(struct split **out, enum split_kind kind, const char *name, bool follow);
void split_free(struct split *s);
int split_open(struct split *s, const struct split_conf *conf);
void split_close(struct split *s);

#define SPLIT_PASSED 2
/*
 * Append the next row to out: 1; 0 at the end (s->done); FERR_AGAIN when there is nothing now;
 * SPLIT_PASSED when something has gone by that gives no row; FERR_DATA for a bad record (s->bad;
 * reading may go on); or another error.
 */
int split_next(struct split *s, struct buf *out);

/* Of a partition, after split_next: what the record came in; others: NULL. */
const struct kafka_message *split_message(const struct split *s);
/* Has a split that waits all that was there to be had?  Of a partition it may not be known. */
bool split_at_end(const struct split *s);

/* After split_next: set line, offset and text of the record last returned. */
void split_place(struct split *s);

/* Append event times and place, open or not. */
int split_save(const struct split *s, struct buf *out);
/* A new split goes to where split_save was called: the place takes effect when it is opened.
 * FERR_CORRUPT; from split_open then also FERR_LOST, when the file is another one or gone. */
int split_load(struct split *s, const uint8_t *p, size_t n);
/* Close, but keep the place. */
int split_park(struct split *s);
/* The file of that name now: OTHER has another inode, begins differently, or is shorter than what
 * was read of ours; GROWN has more to read: with hold, more than a last line that was left. */
enum split_change split_changed(const struct split *s, bool hold);

/* How a file begins. */
struct split_head {
	uint8_t p[FILE_HEAD];
	uint32_t n; /* 0 also of what is not a file, or cannot be read */
	bool packed;
	struct stat st;
};
void split_look(struct split_head *h, const char *path);
/* Is that our file, by how it begins?  SELF has the inode as well. */
enum split_match { SPLIT_NOT, SPLIT_ALIKE, SPLIT_SELF };
enum split_match split_match(const struct split *s, const struct split_head *h);
/* Our file is at path now; *more: it holds more than what was read.  FERR_LOST: it holds less. */
int split_move(struct split *s, const char *path, bool *more);
/* Nothing has been read of its file. */
bool split_blank(const struct split *s);
uint64_t split_offset(const struct split *s); /* how much has been, in bytes of its text */

/* A descriptor to wait for while it has nothing (-1: none). */
int split_fd(const struct split *s);
/* Do both read the same file now? */
bool split_same_file(const struct split *s, const char *path);

#endif
