/*
 * kafka_row -- a row as the record that Kafka gets: key, partition, headers, time, value; sealed
 * form (kafka_rec.h).  All of it is fixed here, and what the broker would refuse is refused.
 *
 *	key        --key, else the stream's: one part as plain text (a string as it is), several
 *		   as a JSON array; null: no key
 *	partition  --partition, else the key's as Kafka's Java clients choose it, else the
 *		   sticky one
 *	value      JSON, csv, tsv (without a header line) or raw; with upsert a row that is gone
 *		   is a tombstone
 *	time       the row's; without one the wall clock's
 *
 * Errors  FERR_USAGE: an expression; FERR_DATA: a record that this topic cannot take, with why.
 */
#ifndef CONN_KAFKA_ROW_H
#define CONN_KAFKA_ROW_H

#include "conn/kafka_out.h"
#include "fmt/fmt.h"

struct kafka_row_conf {
	enum fmt_kind format;
	const char *key;       /* "EXPR, ..." or NULL */
	const char *partition; /* EXPR or NULL */
	const char *header;    /* "name = EXPR; ..." or NULL */
	bool upsert;	       /* one row per key: -D is a tombstone */
};

struct kafka_row;
int kafka_row_new(struct kafka_row **out, const struct kafka_row_conf *conf);
void kafka_row_free(struct kafka_row *r);
/* The rows' schema, new or grown; outlives the next kafka_row_put. */
int kafka_row_bind(struct kafka_row *r, const struct schema *s);
/* Append the record; nothing on error.  wall: ms; sticky: where a record without a key goes. */
int kafka_row_put(struct kafka_row *r, const struct kafka_topic *t, const uint8_t *row,
		  int64_t wall, int32_t sticky, struct buf *out);
/* Fields that the expressions read: the i-th, NULL behind the last. */
const char *kafka_row_field(const struct kafka_row *r, unsigned i);

#endif
