/* kafka_read_internal -- what kafka_read.c (the reader) and kafka_part.c (a partition) share. */
#ifndef CONN_KAFKA_READ_INTERNAL_H
#define CONN_KAFKA_READ_INTERNAL_H

#include "conn/kafka_lib.h"
#include "conn/kafka_read.h"

struct kafka_reader {
	const struct kafka_uri *uri;
	struct kafka_props props; /* the user's, without what we see to; borrowed */
	enum kafka_at skip_to;	  /* where to go on when records are gone; KAFKA_GROUP: nowhere */
	bool has_group;
	rd_kafka_t *rk;
	struct kafka_why why;
	rd_kafka_queue_t *commits; /* what became of them */
	unsigned committing;
	bool met;	/* the broker has answered */
	bool told_away; /* the user knows that it is away */
	bool news_read; /* the news were given: the next call begins new ones */
	struct buf news;
};

/* A broker has answered just now. */
void kafka_reader_met(struct kafka_reader *r);
/* Something new to tell. */
int kafka_reader_tell(struct kafka_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* What is there of a partition: offsets lo to hi - 1. */
int kafka_reader_range(struct kafka_reader *r, unsigned topic, int32_t partition, int ms,
		       int64_t *lo, int64_t *hi);
/* A list of one partition, which the caller destroys. */
rd_kafka_topic_partition_list_t *kafka_reader_list(const struct kafka_reader *r, unsigned topic,
						   int32_t partition, int64_t offset);

#endif
