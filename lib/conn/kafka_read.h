/*
 * kafka_read -- a consumer of a topic's partitions, each read by itself: message after message from
 * a place on, as committed transactions show them.
 *
 * Partitions are assigned, never subscribed to; each has its own queue, and backpressure is not to
 * read it (kafka.md, 2).  Positions are ours: the offset behind the last message or EOF.  The group
 * is told where we are for display only.
 *
 * Owner   a part belongs to its reader and is closed before it.  A message's bytes live until the
 *         next kafka_part_next of that part.
 * Errors  as kafka.h; FERR_LOST: the place is not there any more (retention, deleted records) with
 *         the range that is gone; FERR_REFUSED: the topic or partition was deleted.
 */
#ifndef CONN_KAFKA_READ_H
#define CONN_KAFKA_READ_H

#include "conn/kafka.h"

struct kafka_reader;
/*
 * Properties are checked, but no broker is waited for.  group: the group of --from group and of
 * kafka_reader_commit, unless -X group.id names one; NULL: none.  Borrows uri and props.
 */
int kafka_reader_new(struct kafka_reader **out, const struct kafka_uri *uri,
		     const struct kafka_props *props, const char *group);
/* All parts are closed; waits a second for commits under way, two for the library. */
void kafka_reader_free(struct kafka_reader *r);
/* Partitions of the uri's topic i now.  Blocks at most 30 s at the first call, 5 s later. */
int kafka_reader_partitions(struct kafka_reader *r, unsigned topic, unsigned *n);
/*
 * Something to tell the user, once each time it changes: "BROKERS is away (reason); waiting for
 * it", "BROKERS is back", "offsets 5 to 11 of t[0] are skipped ...".  NULL: nothing, or *rc is the
 * code of what cannot pass (authentication), with its text.  To be called once a second.
 */
const char *kafka_reader_news(struct kafka_reader *r, int *rc);

/* Where to begin or end. */
enum kafka_at { KAFKA_EARLIEST, KAFKA_LATEST, KAFKA_GROUP, KAFKA_TIME };
/*
 * That place as an offset: EARLIEST the first one that is there, LATEST behind the last one that
 * read_committed shows, GROUP what the group has committed (earliest, if nothing), TIME (ms) that
 * of the first message not older, LATEST when there is none.
 */
int kafka_reader_find(struct kafka_reader *r, unsigned topic, int32_t partition, enum kafka_at at,
		      int64_t time, int64_t *offset);

struct kafka_message {
	int64_t offset, time;	    /* time: ms, or ROW_NOTIME */
	const uint8_t *value, *key; /* NULL: none (a tombstone, no key) */
	size_t nvalue, nkey;
	void *raw; /* private: for the headers */
};
struct kafka_part;
/* Read that partition from an offset on. */
int kafka_part_open(struct kafka_part **out, struct kafka_reader *r, unsigned topic,
		    int32_t partition, int64_t offset);
void kafka_part_close(struct kafka_part *p);
/*
 * The next message: 1; FERR_AGAIN: none now, and kafka_part_fd becomes readable when there is one;
 * 0: none, and `until` (-1: no end) is reached, which the position may be although its last
 * messages are not shown (C47).  When records are gone and the user wants them skipped (-X
 * auto.offset.reset), it waits for the broker, at most 5 s.  That a topic was deleted is seen here
 * or, with newer libraries, by kafka_reader_partitions alone.  A topic that was made anew and has
 * grown beyond the position is not recognized.
 */
int kafka_part_next(struct kafka_part *p, int64_t until, struct kafka_message *out);
/* The offset that will be read next. */
int64_t kafka_part_position(const struct kafka_part *p);
/* How far read_committed could read now, without asking the broker; -1: not known.  Before the end
 * is reached an open transaction counts as well. */
int64_t kafka_part_end(const struct kafka_part *p);
int kafka_part_fd(const struct kafka_part *p);
/* Append the headers of a message as a JSON object (a name that comes twice has an array of its
 * values; what is not UTF-8 is base64) in the order of names; false: it has none. */
int kafka_headers(const struct kafka_message *m, struct buf *out, bool *any);

/* Tell the group where we are; does not wait, and what becomes of it is not looked at. */
struct kafka_place {
	unsigned topic;
	int32_t partition;
	int64_t offset;
};
void kafka_reader_commit(struct kafka_reader *r, const struct kafka_place *v, unsigned n);

#endif
