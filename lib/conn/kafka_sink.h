/*
 * kafka_sink -- fsink kafka://: rows become records of a topic.
 *
 * Under a supervisor exactly-once for read_committed readers (kafka_lane.h).  In a bare shell, and
 * with --guarantee at-least-once, records go out as they come, idempotently, and all are with the
 * broker before the barrier behind them is acked, or at the end of the run.
 *
 * At the start the broker is asked for the topic: that it is there, how many partitions it has,
 * what it takes.  Partitions that are added later are used from the next start on.
 */
#ifndef CONN_KAFKA_SINK_H
#define CONN_KAFKA_SINK_H

#include "conn/kafka_lane.h"
#include "conn/kafka_row.h"
#include "conn/upsert.h"

struct kafka_sink_conf {
	const char *uri; /* kafka://.../topic */
	const struct kafka_props *props;
	struct kafka_row_conf row;
	bool atleast;	       /* no lanes */
	bool asked;	       /* ... because --guarantee says so */
	struct upsert *upsert; /* rows are held until the barrier or the end; or NULL */
	enum kafka_lost lost;
	int64_t reuse;
};

struct kafka_sink;
int kafka_sink_new(struct kafka_sink **out, const struct kafka_sink_conf *conf); /* FERR_USAGE */
void kafka_sink_free(struct kafka_sink *s);
extern const struct op_class kafka_sink_class; /* self: struct kafka_sink */

#endif
