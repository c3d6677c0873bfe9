/* kafka_out: see kafka_out.h. */
#include "conn/kafka_out.h"

#include <stdio.h>
#include <stdlib.h>

#include "conn/kafka_lib.h"
#include "fio/fio.h"

#define FENCE_MS 60000 /* a predecessor's transaction may have to be ended first */
#define ANSWER_MS 30000
#define COMMIT_MS 60000
#define FULL_MS 100 /* to wait while the library's queue is full */
#define BATCH_MAX 1000000

struct kafka_out {
	struct kafka_why why; /* first: a delivery report gets its address */
	const struct kafka_topic *t;
	char *lane; /* transactional id, and group of the marker; NULL: plain */
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_resp_err_t failed; /* of the first record that was not delivered */
	bool begun;		    /* a transaction is open */
	bool hitch;		    /* something was not as it should be */
};

static void
delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka_out *o = opaque;

	(void)rk;
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && o->failed == RD_KAFKA_RESP_ERR_NO_ERROR)
		o->failed = m->err;
}

static int
open_handle(struct kafka_out *o)
{
	char max[24], batch[24];
	int64_t size = o->t->message_max;
	const struct kafka_set settings[] = {
		{ .name = "client.id", .value = "fjord" },
		{ .name = "socket.nagle.disable", .value = "true" },
		{ .name = "linger.ms", .value = "5" },
		{ .name = "compression.type", .value = "lz4" },
		{ .name = "batch.num.messages", .value = "100000" },
		{ .name = "batch.size", .value = batch },
		{ .name = "message.max.bytes", .value = max, .fixed = true },
		{ .name = "queue.buffering.max.kbytes", .value = "65536" },
		{ .name = "queue.buffering.max.messages", .value = "1000000" },
		{ .name = "delivery.report.only.error", .value = "true", .fixed = true },
		{ .name = "enable.idempotence", .value = "true", .fixed = true },
		{ .name = o->lane != NULL ? "transactional.id" : NULL,
		  .value = o->lane,
		  .fixed = true },
		{ .name = NULL },
	};

	size = size < 1000 ? 1000 : size > 1000000000 ? 1000000000 : size;
	snprintf(max, sizeof(max), "%lld", (long long)size);
	snprintf(batch, sizeof(batch), "%lld", (long long)(size < BATCH_MAX ? size : BATCH_MAX));
	return kafka_open(&o->rk, RD_KAFKA_PRODUCER, o->t->brokers, settings, o->t->props, &o->why,
			  delivered);
}

/* The leaders of the topic, or the first record of all waits for a second (kafka.md, 1.7). */
static int
know_topic(struct kafka_out *o)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;

	if ((o->topic = rdk.topic_new(o->rk, o->t->name, NULL)) == NULL)
		return kafka_fail(rdk.last_error(), &o->why, "topic %s", o->t->name);
	err = rdk.metadata(o->rk, 0, o->topic, &md, ANSWER_MS);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, &o->why, "no answer from %s", o->t->brokers);
	err = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	rdk.metadata_destroy(md);
	return err != RD_KAFKA_RESP_ERR_NO_ERROR
		   ? kafka_fail(err, &o->why, "topic %s at %s", o->t->name, o->t->brokers)
		   : 0;
}

int
kafka_out_open(struct kafka_out **out, const struct kafka_topic *t, const char *lane)
{
	struct kafka_out *o = calloc(1, sizeof(*o));
	rd_kafka_error_t *e;
	int rc;

	if (o == NULL || (lane != NULL && (o->lane = strdup(lane)) == NULL)) {
		kafka_out_close(o);
		return ferr(FERR_NOMEM, "out of memory");
	}
	o->t = t;
	rc = open_handle(o);
	if (rc == 0 && lane != NULL && (e = rdk.init_transactions(o->rk, FENCE_MS)) != NULL)
		rc = kafka_fail_obj(e, &o->why, "beginning transactions at %s", t->brokers);
	if (rc == 0)
		rc = know_topic(o);
	if (rc != 0) {
		kafka_out_close(o);
		return rc;
	}
	*out = o;
	return 0;
}

void
kafka_out_close(struct kafka_out *o)
{
	if (o == NULL)
		return;
	if (o->topic != NULL)
		rdk.topic_destroy(o->topic);
	if (o->rk != NULL) {
		/* What was not committed is nobody's any more. */
		rdk.purge(o->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rdk.destroy(o->rk);
	}
	free(o->lane);
	free(o);
}

/* ---- the marker ---- */

static rd_kafka_topic_partition_list_t *
marker_place(int64_t offset)
{
	rd_kafka_topic_partition_list_t *l = rdk.topic_partition_list_new(1);

	if (l != NULL)
		rdk.topic_partition_list_add(l, KAFKA_MARKERS, 0)->offset = offset;
	return l;
}

int
kafka_out_marker(struct kafka_out *o, struct kafka_marker *m)
{
	int rc = kafka_marker_read(o->t, o->lane, "read_committed", ANSWER_MS, m);

	return rc == FERR_AGAIN ? FERR_IO : rc;
}

static int
send_marker(struct kafka_out *o, const struct kafka_marker *m)
{
	rd_kafka_consumer_group_metadata_t *group = rdk.consumer_group_metadata_new(o->lane);
	rd_kafka_topic_partition_list_t *l = marker_place(kafka_marker_offset(m));
	rd_kafka_error_t *e;
	char meta[KAFKA_META_MAX];
	int rc = 0;

	if (group == NULL || l == NULL) {
		rc = ferr(FERR_NOMEM, "out of memory");
	} else {
		kafka_marker_meta(m, meta);
		l->elems[0].metadata = meta; /* borrowed for the call */
		l->elems[0].metadata_size = strlen(meta);
		e = rdk.send_offsets_to_transaction(o->rk, l, group, COMMIT_MS);
		l->elems[0].metadata = NULL;
		l->elems[0].metadata_size = 0;
		if (e != NULL)
			rc = kafka_fail_obj(e, &o->why, "writing the marker of %s", o->lane);
	}
	if (group != NULL)
		rdk.consumer_group_metadata_destroy(group);
	if (l != NULL)
		rdk.topic_partition_list_destroy(l);
	return rc;
}

/* ---- records ---- */

static int
begin(struct kafka_out *o)
{
	rd_kafka_error_t *e;

	if (o->lane == NULL || o->begun)
		return 0;
	if ((e = rdk.begin_transaction(o->rk)) != NULL)
		return kafka_fail_obj(e, &o->why, "beginning a transaction");
	o->begun = true;
	return 0;
}

static int
headers_of(const struct kafka_rec *r, rd_kafka_headers_t **out)
{
	rd_kafka_headers_t *h;
	const uint8_t *name, *value;
	uint32_t nvalue;
	uint16_t nname;
	size_t at = 0;

	*out = NULL;
	if (r->nheaders == 0)
		return 0;
	if ((h = rdk.headers_new(8)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	while (kafka_rec_next_header(r, &at, &name, &nname, &value, &nvalue))
		rdk.header_add(h, (const char *)name, nname, nvalue != KAFKA_NONE ? value : NULL,
			       nvalue != KAFKA_NONE ? (ssize_t)nvalue : 0);
	*out = h;
	return 0;
}

static rd_kafka_resp_err_t
produce(struct kafka_out *o, const struct kafka_rec *r, rd_kafka_headers_t *h)
{
	void *key = r->nkey != KAFKA_NONE ? (void *)(uintptr_t)r->key : NULL;
	void *value = r->nvalue != KAFKA_NONE ? (void *)(uintptr_t)r->value : NULL;
	size_t nkey = key != NULL ? r->nkey : 0, nvalue = value != NULL ? r->nvalue : 0;

	if (h != NULL)
		return rdk.producev(
		    o->rk, RD_KAFKA_V_RKT(o->topic), RD_KAFKA_V_PARTITION(r->partition),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, nkey),
		    RD_KAFKA_V_VALUE(value, nvalue), RD_KAFKA_V_TIMESTAMP(r->time),
		    RD_KAFKA_V_HEADERS(h), RD_KAFKA_V_END);
	return rdk.producev(o->rk, RD_KAFKA_V_RKT(o->topic), RD_KAFKA_V_PARTITION(r->partition),
			    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, nkey),
			    RD_KAFKA_V_VALUE(value, nvalue), RD_KAFKA_V_TIMESTAMP(r->time),
			    RD_KAFKA_V_END);
}

/* Of a record that the broker refuses for good the transaction tells only that it has failed. */
static int
blame_record(struct kafka_out *o, int rc)
{
	rdk.poll(o->rk, 0);
	if (rc != FERR_IO || kafka_code(o->failed) != FERR_REFUSED)
		return rc;
	return kafka_fail(o->failed, &o->why, "writing to %s", o->t->name);
}

int
kafka_out_put(struct kafka_out *o, const struct kafka_rec *r)
{
	rd_kafka_resp_err_t err;
	rd_kafka_headers_t *h;
	int rc;

	if ((rc = begin(o)) != 0 || (rc = headers_of(r, &h)) != 0)
		return rc;
	/* The headers are the library's once it has the record, else still ours. */
	while ((err = produce(o, r, h)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
	       o->failed == RD_KAFKA_RESP_ERR_NO_ERROR)
		rdk.poll(o->rk, FULL_MS);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	if (h != NULL)
		rdk.headers_destroy(h);
	return blame_record(
	    o, kafka_fail(err, &o->why, "writing to %s[%d]", o->t->name, (int)r->partition));
}

static int
commit(struct kafka_out *o, const struct kafka_marker *m)
{
	rd_kafka_error_t *e;
	int rc;

	if ((rc = begin(o)) != 0 || (rc = send_marker(o, m)) != 0)
		return rc;
	fio_point("mark", "after");
	if ((e = rdk.commit_transaction(o->rk, COMMIT_MS)) != NULL)
		return kafka_fail_obj(e, &o->why, "committing epoch %llu to %s",
				      (unsigned long long)m->at.epoch, o->t->name);
	return 0;
}

int
kafka_out_commit(struct kafka_out *o, const struct kafka_marker *m)
{
	char text[sizeof(o->why.text)];
	int rc = commit(o, m);

	o->begun = rc != 0;
	o->hitch = rc != 0 || kafka_why_text(&o->why, text)[0] != '\0' ||
		   o->why.err != RD_KAFKA_RESP_ERR_NO_ERROR;
	return rc != 0 ? blame_record(o, rc) : 0;
}

bool
kafka_out_again(const struct kafka_out *o)
{
	return !o->hitch && !o->begun;
}

int
kafka_out_flush(struct kafka_out *o)
{
	rd_kafka_resp_err_t err = rdk.flush(o->rk, COMMIT_MS);

	if (o->failed != RD_KAFKA_RESP_ERR_NO_ERROR)
		err = o->failed;
	return err != RD_KAFKA_RESP_ERR_NO_ERROR
		   ? kafka_fail(err, &o->why, "writing to %s", o->t->name)
		   : 0;
}
