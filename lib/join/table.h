/*
 * table -- the right side of a lookup join that is a file: all its rows in memory, found by key.
 *
 * A file is NDJSON, CSV with a header line, or frames, packed or not, as fsource reads it; NAME.tsv
 * is TSV.  The rows of a key stay in the order of the file.  Where the file holds a changing
 * stream, -U and -D take out a row that is equal.
 *
 * Reading goes in two steps: join_table_read, and when its schema is known where keys are computed,
 * join_table_index.
 *
 * Owner   join_table_read/join_table_free; rows are borrowed and hold as long as the table.
 * Errors  FERR_USAGE: the file is not there; FERR_DATA: a bad record; FERR_CORRUPT, FERR_TRUNC,
 *         FERR_IO; FERR_LIMIT: more than 32 GiB; FERR_NOMEM.
 */
#ifndef JOIN_TABLE_H
#define JOIN_TABLE_H

#include "row/row.h"
#include "state/state.h"

/* What a file is known by: it is read again when this has changed. */
struct join_table_stamp {
	uint64_t dev, ino, size;
	int64_t mtime; /* ns */
};
int join_table_stamp(struct join_table_stamp *s, const char *path); /* FERR_USAGE: not there */

struct join_table;

/* A bad record at "file:line:col": 0 leaves it out, else reading ends with that error. */
typedef int join_table_bad(void *cookie, const char *at, const char *reason, const void *text,
			   size_t n);

/* Read the file; fields keep the numbers that `known` gives them, new ones come behind. */
int join_table_read(struct join_table **out, const char *path, const struct schema *known,
		    join_table_bad *bad, void *cookie);
void join_table_free(struct join_table *t);
const struct schema *join_table_schema(const struct join_table *t);

/* The key of a row, appended to out; *null: it is one that nothing meets. */
typedef int join_table_key(void *cookie, const uint8_t *row, struct buf *out, bool *null);

/* Find the key of every row; once. */
int join_table_index(struct join_table *t, join_table_key *key, void *cookie);
size_t join_table_rows(const struct join_table *t);

/* The first row of a key, and the one behind `row`; NULL: there is none. */
const uint8_t *join_table_find(const struct join_table *t, const struct state_key *k);
const uint8_t *join_table_next(const struct join_table *t, const uint8_t *row);
/* Touch what a look-up will need: first the slots of many keys, then their rows. */
void join_table_prefetch(const struct join_table *t, uint64_t hash);
void join_table_prefetch_rows(const struct join_table *t, uint64_t hash);

#endif
