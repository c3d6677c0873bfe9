/* kafka_sink: see kafka_sink.h. */
#include "conn/kafka_sink.h"

#include <stdio.h>
#include <stdlib.h>

#include "conn/lane_log.h"
#include "fio/fio.h"

#define BLOCK (128u << 10) /* bytes of records that are worth passing on */

struct kafka_sink {
	struct kafka_sink_conf conf;
	struct kafka_uri uri;
	struct kafka_topic topic;
	struct kafka_row *row;
	struct kafka_lane *lane; /* exactly-once */
	struct kafka_out *out;	 /* at-least-once */
	struct buf block;	 /* records that were not passed on yet */
	uint32_t sticky;	 /* where records without a key go */
	int64_t wall;		 /* the clock, ms, read once a batch */
	char signature[300];
};

int
kafka_sink_new(struct kafka_sink **out, const struct kafka_sink_conf *conf)
{
	struct kafka_sink *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->conf = *conf;
	rc = kafka_uri_parse(&s->uri, conf->uri);
	if (rc == 0 && s->uri.ntopics != 1)
		rc = ferr(FERR_USAGE, "a sink writes one topic, and %s names %u", conf->uri,
			  s->uri.ntopics);
	if (rc == 0)
		rc = kafka_row_new(&s->row, &conf->row);
	if (rc != 0) {
		kafka_sink_free(s);
		return rc;
	}
	s->topic = (struct kafka_topic){ .brokers = s->uri.brokers,
					 .name = s->uri.topic[0],
					 .props = conf->props };
	snprintf(s->signature, sizeof(s->signature), "kafka topic %s, %s%s", s->uri.topic[0],
		 conf->upsert != NULL ? "upsert " : "", fmt_name(conf->row.format));
	*out = s;
	return 0;
}

void
kafka_sink_free(struct kafka_sink *s)
{
	if (s == NULL)
		return;
	kafka_lane_free(s->lane);
	kafka_out_close(s->out);
	kafka_row_free(s->row);
	kafka_uri_fini(&s->uri);
	buf_fini(&s->block);
	free(s);
}

static void
sink_describe(void *self, struct op_facts *f)
{
	const struct kafka_sink *s = self;

	if (s->conf.upsert != NULL && upsert_keyed(s->conf.upsert)) {
		f->most = 1;
		f->most_why = "--key brings rows together that are spread by another key";
	}
	f->lanes = !s->conf.atleast;
	f->asked = s->conf.asked;
	if (s->conf.asked)
		f->atleast = "--guarantee at-least-once";
}

static const char *
sink_signature(void *self)
{
	const struct kafka_sink *s = self;

	return s->lane != NULL ? s->signature : NULL;
}

static int
sink_start(void *self, struct op *op)
{
	struct kafka_sink *s = self;
	struct kafka_lane_conf lane = { &s->topic, s->conf.lost, s->conf.reuse };
	int rc = kafka_out_look(&s->topic, !s->conf.atleast);

	if (rc != 0)
		return rc;
	s->sticky = op_task(op) != NULL ? op_task(op)->subtask : 0;
	return s->conf.atleast ? kafka_out_open(&s->out, &s->topic, NULL)
			       : kafka_lane_new(&s->lane, op, &lane);
}

static int
sink_on_restored(void *self, struct op *op, uint64_t *equal)
{
	struct kafka_sink *s = self;

	(void)equal;
	return s->lane != NULL ? kafka_lane_restored(s->lane, op) : lane_log_refuse(op_task(op));
}

/* ---- rows ---- */

static int
sink_on_schema(void *self, struct op *op)
{
	struct kafka_sink *s = self;
	struct upsert *u = s->conf.upsert;
	int rc = u != NULL ? upsert_bind(u, op_schema(op))
			   : fmt_check_changing(s->conf.row.format, op_schema(op));

	return rc != 0 ? rc : kafka_row_bind(s->row, u != NULL ? upsert_schema(u) : op_schema(op));
}

/* Every record of the block to the broker's client. */
static int
write_through(struct kafka_sink *s)
{
	const uint8_t *p = s->block.p;
	size_t n = s->block.n, used;
	struct kafka_rec r;
	int rc;

	for (; (rc = kafka_rec_next(p, n, &r, &used)) == 1; p += used, n -= used) {
		if ((rc = kafka_out_put(s->out, &r)) != 0)
			return rc;
	}
	s->block.n = 0;
	return rc;
}

static int
pass_on(struct kafka_sink *s, struct op *op)
{
	s->sticky++;
	if (s->block.n == 0)
		return 0;
	return s->lane != NULL ? kafka_lane_put(s->lane, op, &s->block) : write_through(s);
}

/* came: the row that a bad record is told by. */
static int
put_row(struct kafka_sink *s, struct op *op, const uint8_t *row, const uint8_t *came)
{
	int32_t sticky = (int32_t)(s->sticky % s->topic.partitions);
	int rc = kafka_row_put(s->row, &s->topic, row, s->wall, sticky, &s->block);

	if (rc == FERR_DATA)
		return s->conf.upsert != NULL ? upsert_bad(op, came, ferr_text())
					      : op_bad_row(op, row, ferr_text());
	return rc != 0 || s->block.n < BLOCK ? rc : pass_on(s, op);
}

static int
put_held(void *cookie, struct op *op, const uint8_t *row, const uint8_t *came)
{
	return put_row(cookie, op, row, came);
}

static int
sink_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	struct kafka_sink *s = self;
	int rc = 0;

	s->wall = fio_wall_ms();
	if (s->conf.upsert != NULL)
		return upsert_take(s->conf.upsert, op, p, end);
	if (s->lane != NULL && kafka_lane_full(s->lane)) {
		op_wait_job(op); /* the rows come again when the disk has caught up */
		return 0;
	}
	for (; *p < end && rc == 0; *p += row_len(*p))
		rc = put_row(s, op, *p, *p);
	return rc != 0 || s->lane != NULL ? rc : pass_on(s, op);
}

/* All that came is with the lane, or with the broker. */
static int
give_all(struct kafka_sink *s, struct op *op)
{
	int rc = 0;

	s->wall = fio_wall_ms();
	if (s->conf.upsert != NULL)
		rc = upsert_give(s->conf.upsert, op, put_held, s);
	if (rc == 0)
		rc = pass_on(s, op);
	return rc != 0 || s->lane != NULL ? rc : kafka_out_flush(s->out);
}

/* ---- epochs ---- */

static int
sink_on_barrier(void *self, struct op *op, const struct barrier *b)
{
	struct kafka_sink *s = self;
	int rc = give_all(s, op);

	return rc != 0 || s->lane == NULL ? rc : kafka_lane_barrier(s->lane, op, b);
}

static int
sink_on_ack(void *self, struct op *op, struct snap *snap)
{
	struct kafka_sink *s = self;

	(void)op;
	return s->lane != NULL ? kafka_lane_ack(s->lane, snap) : 0;
}

static int
sink_on_complete(void *self, struct op *op, uint64_t epoch)
{
	struct kafka_sink *s = self;

	return s->lane != NULL ? kafka_lane_complete(s->lane, op, epoch) : op_published(op, epoch);
}

static int
sink_on_end(void *self, struct op *op)
{
	struct kafka_sink *s = self;
	const char *field;
	int rc = give_all(s, op);

	if (s->conf.upsert != NULL)
		upsert_warn(s->conf.upsert, op);
	for (unsigned i = 0; op_schema(op)->n > 0 && (field = kafka_row_field(s->row, i)) != NULL;
	     i++)
		op_warn_unseen(op, op_schema(op), field);
	return rc != 0 || s->lane == NULL ? rc : kafka_lane_end(s->lane);
}

const struct op_class kafka_sink_class = {
	.name = "fsink",
	.start = sink_start,
	.on_schema = sink_on_schema,
	.on_rows = sink_on_rows,
	.on_end = sink_on_end,
	.describe = sink_describe,
	.signature = sink_signature,
	.on_restored = sink_on_restored,
	.on_barrier = sink_on_barrier,
	.on_ack = sink_on_ack,
	.on_complete = sink_on_complete,
};
