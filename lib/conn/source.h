/*
 * source -- the class of fsource: splits in, rows and watermarks out.
 *
 * The split with the smallest watermark is read next, 1,000 records at a time; one that has not
 * been read counts with its first record's time, which is peeked (of a topic's partition: with
 * none).  Marks of `auto` fall after every 1,000 records of a split, on live input every 200 ms.
 * Live input that has nothing now is passed by; a partition that is read until an offset is waited
 * for, so that results do not depend on timing.
 */
#ifndef CONN_SOURCE_H
#define CONN_SOURCE_H

#include "conn/kafka.h"
#include "op/op.h"

/* KAFKA: that of the message, and none elsewhere. */
enum source_time { TIME_NONE, TIME_FIELD, TIME_PROC, TIME_KAFKA };
enum source_marks { MARKS_AUTO, MARKS_EACH, MARKS_FIELD, MARKS_NONE };

struct source_spec {
	char **uris;
	int nuris;
	enum fmt_kind format;
	const char *fields; /* --fields, or NULL */
	enum source_time time;
	const char *time_spec; /* FIELD[:FORMAT] */
	const char *tz;
	int64_t out_of_order; /* ms; -1: the source's own, else 0 */
	enum source_marks marks;
	const char *marks_field;
	int64_t idle, max_drift; /* ms; 0: none */
	int64_t max_ahead;	 /* ms; -1: none */
	bool hold, follow, sequence;
	const char *meta; /* prefix, or NULL */
	int64_t rate;	  /* records a second, 0: as fast as it goes */
	int64_t limit;	  /* good records, -1: all */
	/* of kafka:// */
	const char *from, *until; /* NULL: earliest; without an end */
	struct kafka_props kafka; /* -X; the caller's */
};
#define SOURCE_SPEC_INIT                                         \
	{                                                        \
		.out_of_order = -1, .limit = -1, .max_ahead = -1 \
	}

extern const struct opt source_options[]; /* conf: struct source_spec */
extern const struct op_class source_class;

struct source;
int source_new(struct source **out, const struct source_spec *spec); /* FERR_USAGE, FERR_NOTYET */
void source_free(struct source *s);

#endif
