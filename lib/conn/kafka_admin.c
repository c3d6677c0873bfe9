/* kafka_admin: reading the marker of a lane; see kafka_out.h. */
#include <stdio.h>

#include "conn/kafka_lib.h"
#include "conn/kafka_out.h"

#define ANSWER_MS 30000
#define OPEN_MS 3000 /* a marker that is not settled by then is in an open transaction */

/* 1, 0, or FERR_AGAIN: not within so many ms. */
static int
read_marker(rd_kafka_t *rk, const struct kafka_why *why, const char *lane, int ms,
	    struct kafka_marker *m)
{
	rd_kafka_topic_partition_list_t *l = rdk.topic_partition_list_new(1);
	const rd_kafka_topic_partition_t *at;
	rd_kafka_resp_err_t err;
	char meta[KAFKA_META_MAX];
	int rc = 0;

	if (l == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	at = rdk.topic_partition_list_add(l, KAFKA_MARKERS, 0);
	err = rdk.committed(rk, l, ms);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		err = at->err;
	if (err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
	    err == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT) {
		kafka_fail(err, why, "reading the marker of %s", lane);
		rc = FERR_AGAIN;
	} else if (err != RD_KAFKA_RESP_ERR_NO_ERROR &&
		   err != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
		rc = kafka_fail(err, why, "reading the marker of %s", lane);
	} else if (err == RD_KAFKA_RESP_ERR_NO_ERROR && at->offset >= 0) {
		snprintf(meta, sizeof(meta), "%.*s", (int)at->metadata_size,
			 at->metadata != NULL ? (const char *)at->metadata : "");
		rc = kafka_marker_parse(m, at->offset, meta);
		rc = rc == 0 ? 1 : rc;
	}
	rdk.topic_partition_list_destroy(l);
	return rc;
}

int
kafka_marker_read(const struct kafka_topic *t, const char *lane, const char *isolation, int ms,
		  struct kafka_marker *m)
{
	const struct kafka_set settings[] = {
		{ .name = "client.id", .value = "fjord" },
		{ .name = "socket.nagle.disable", .value = "true" },
		{ .name = "group.id", .value = lane, .fixed = true },
		{ .name = "isolation.level", .value = isolation, .fixed = true },
		{ .name = "enable.auto.commit", .value = "false", .fixed = true },
		{ .name = NULL },
	};
	struct kafka_why why = { .text = "" };
	rd_kafka_t *rk;
	int rc = kafka_open(&rk, RD_KAFKA_CONSUMER, t->brokers, settings, t->props, &why, NULL);

	if (rc != 0)
		return rc;
	rc = read_marker(rk, &why, lane, ms, m);
	rdk.destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return rc;
}

int
kafka_marker_look(const struct kafka_topic *t, const char *lane, struct kafka_marker *m, bool *open)
{
	struct kafka_marker settled;
	int rc = kafka_marker_read(t, lane, "read_uncommitted", ANSWER_MS, m), stable;

	*open = false;
	if (rc < 0)
		return rc == FERR_AGAIN ? FERR_IO : rc;
	stable = kafka_marker_read(t, lane, "read_committed", OPEN_MS, &settled);
	if (stable == 1)
		*m = settled;
	/* The broker has just answered: it is the transaction that keeps us waiting. */
	*open = stable == FERR_AGAIN;
	return *open ? rc : stable;
}
