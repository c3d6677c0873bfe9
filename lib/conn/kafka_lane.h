/*
 * kafka_lane -- the exactly-once half of a Kafka sink under fcoord: the lanes of a subtask, what is
 * sealed of them, and its way into the topic (kafka.md, 6).
 *
 * A lane is a transactional id and a group of the same name, fjord.JOB.STAGE.MADE.SUBTASK, where
 * MADE is the attempt that made it.  It goes on through restarts; a rescale, and --accept-rewind,
 * make new ones, and whoever owns the key group of an old one publishes the rest of it and lets it
 * go.  Names never come twice.
 *
 * Publishing, in the epoch helper: fence, read the marker, decide (kafka_plan.h), records and
 * marker in one transaction; an epoch above 64 MiB takes several.  A handle is good for one
 * transaction, and the next one is made ready, fence and marker, as soon as the last is done; with
 * reuse it is good for so many, while nothing goes wrong.  What may pass is tried again for 20 s.
 *
 * Numbers of the snapshot: lane.made, lane.base (epoch), lane.id.0, lane.id.1 (its barrier's id),
 * lane.settled.
 *
 * Errors  as kafka.h, kafka_plan.h and lane_log.h.
 */
#ifndef CONN_KAFKA_LANE_H
#define CONN_KAFKA_LANE_H

#include "conn/kafka_out.h"
#include "op/op.h"

#define KAFKA_LANE_NAME 256

struct kafka_lane_conf {
	const struct kafka_topic *topic; /* borrowed */
	enum kafka_lost lost;
	int64_t reuse; /* transactions of a handle */
};

/* The name of a lane; job: 16 bytes. */
void kafka_lane_name(char out[KAFKA_LANE_NAME], const uint8_t job[16], const char *stage,
		     uint64_t made, uint32_t subtask);
/* What a snapshot says of its lane: the attempt that made it, 0: there is none. */
uint64_t kafka_lane_made(const struct snap *s);
/* ... and how it stands, all but what is pending: base, settled, marked. */
void kafka_lane_view_of(struct kafka_lane_view *v, const struct snap *s);

struct kafka_lane;
int kafka_lane_new(struct kafka_lane **out, struct op *op, const struct kafka_lane_conf *conf);
void kafka_lane_free(struct kafka_lane *l);
int kafka_lane_restored(struct kafka_lane *l, struct op *op);
bool kafka_lane_full(const struct kafka_lane *l);
/* Take sealed records (kafka_rec.h), as lane_log_put takes data. */
int kafka_lane_put(struct kafka_lane *l, struct op *op, struct buf *records);
int kafka_lane_barrier(struct kafka_lane *l, struct op *op, const struct barrier *b);
int kafka_lane_ack(struct kafka_lane *l, struct snap *s);
int kafka_lane_complete(struct kafka_lane *l, struct op *op, uint64_t epoch);
int kafka_lane_end(const struct kafka_lane *l);

#endif
