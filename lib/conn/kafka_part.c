/* kafka_part: one partition of a topic; see kafka_read.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "conn/kafka_read_internal.h"
#include "fio/fio.h"
#include "row/row.h"

#define BATCH 1000
#define RANGE_MS 5000

struct kafka_part {
	struct kafka_reader *r;
	unsigned topic;
	int32_t partition;
	int fd;
	rd_kafka_queue_t *q;
	int64_t next; /* the offset to be read next */
	bool dry;     /* nothing was there while the brokers were away */
	bool eof;     /* next is all that read_committed shows now */
	bool gone;    /* the topic or partition is not there any more */
	unsigned at, n;
	rd_kafka_message_t *batch[BATCH];
};

static const char *
topic_of(const struct kafka_part *p)
{
	return p->r->uri->topic[p->topic];
}

/* Begin to fetch at p->next, or end to fetch; NULL or an error. */
static rd_kafka_error_t *
assign(struct kafka_part *p, bool add)
{
	rd_kafka_topic_partition_list_t *l =
	    kafka_reader_list(p->r, p->topic, p->partition, p->next);
	rd_kafka_error_t *e =
	    add ? rdk.incremental_assign(p->r->rk, l) : rdk.incremental_unassign(p->r->rk, l);

	rdk.topic_partition_list_destroy(l);
	return e;
}

static int
begin(struct kafka_part *p)
{
	rd_kafka_error_t *e = assign(p, true);

	return e == NULL
		   ? 0
		   : kafka_fail_obj(e, &p->r->why, "%s[%" PRId32 "]", topic_of(p), p->partition);
}

static void
end(struct kafka_part *p)
{
	rd_kafka_error_t *e = assign(p, false);

	if (e != NULL)
		rdk.error_destroy(e);
}

int
kafka_part_open(struct kafka_part **out, struct kafka_reader *r, unsigned topic, int32_t partition,
		int64_t offset)
{
	static const uint64_t event = 1;
	struct kafka_part *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	*p = (struct kafka_part){ .r = r, .topic = topic, .partition = partition, .next = offset };
	if ((p->fd = fio_eventfd()) == -1) {
		free(p);
		return ferr_sys(FERR_IO, "cannot make an eventfd");
	}
	p->q = rdk.queue_get_partition(r->rk, r->uri->topic[topic], partition);
	rdk.queue_forward(p->q, NULL); /* else messages go to the queue of all partitions */
	rdk.queue_io_event_enable(p->q, p->fd, &event, sizeof(event));
	if ((rc = begin(p)) != 0) {
		kafka_part_close(p);
		return rc;
	}
	*out = p;
	return 0;
}

static void
drop_batch(struct kafka_part *p)
{
	for (unsigned i = 0; i < p->n; i++)
		rdk.message_destroy(p->batch[i]);
	p->at = p->n = 0;
}

void
kafka_part_close(struct kafka_part *p)
{
	if (p == NULL)
		return;
	end(p);
	rdk.queue_io_event_enable(p->q, -1, NULL, 0); /* before fd can become somebody else's */
	drop_batch(p);
	rdk.queue_destroy(p->q);
	fio_close(p->fd);
	free(p);
}

/* Records from p->next on are gone, lo to hi - 1 are there: go on as the user wants it. */
static int
skip(struct kafka_part *p, int64_t lo, int64_t hi)
{
	int64_t from = p->next;
	bool early = p->r->skip_to == KAFKA_EARLIEST;
	int rc;

	p->next = early ? lo : hi;
	if (from < p->next)
		rc = kafka_reader_tell(p->r,
				       "offsets %" PRId64 " to %" PRId64 " of %s[%" PRId32
				       "] are skipped (%" PRId64 "), since %" PRId64
				       " is gone and auto.offset.reset is %s",
				       from, p->next - 1, topic_of(p), p->partition, p->next - from,
				       from, early ? "earliest" : "latest");
	else
		rc = kafka_reader_tell(p->r,
				       "offset %" PRId64 " of %s[%" PRId32
				       "] is behind the end of the log; going on at %" PRId64
				       ", since auto.offset.reset is %s",
				       from, topic_of(p), p->partition, p->next,
				       early ? "earliest" : "latest");
	drop_batch(p);
	end(p);
	return rc == 0 ? begin(p) : rc;
}

/* The broker does not have p->next. */
static int
lost(struct kafka_part *p)
{
	int64_t lo, hi;
	int rc = kafka_reader_range(p->r, p->topic, p->partition, RANGE_MS, &lo, &hi);

	if (rc != 0)
		return ferr_prefix(rc, "offset %" PRId64 " is out of range, and", p->next);
	if (p->next >= lo && p->next <= hi) /* another leader: it may pass */
		return ferr(FERR_IO,
			    "the broker does not give offset %" PRId64 " of %s[%" PRId32
			    "], but says that it has %" PRId64 " to %" PRId64,
			    p->next, topic_of(p), p->partition, lo, hi - 1);
	if (p->r->skip_to != KAFKA_GROUP)
		return skip(p, lo, hi);
	if (p->next > hi)
		return ferr(FERR_LOST,
			    "offset %" PRId64 " of %s[%" PRId32 "] is behind the end of the log at "
			    "%" PRId64 " (a topic made anew, or a broker that lost data)",
			    p->next, topic_of(p), p->partition, hi);
	return ferr(FERR_LOST,
		    "offsets %" PRId64 " to %" PRId64 " of %s[%" PRId32
		    "] are gone (retention, or deleted records); the log begins at %" PRId64,
		    p->next, lo - 1, topic_of(p), p->partition, lo);
}

static bool
is_gone(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
	       err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
	       err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}

/* Something else than a message: the end for now, or an error. */
static int
take_event(struct kafka_part *p, const rd_kafka_message_t *m)
{
	int code = kafka_code(m->err);

	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (m->offset > p->next) /* what is between is not shown: aborted, or marks */
			p->next = m->offset;
		p->eof = true;
		return 0;
	}
	if (code == FERR_LOST)
		return lost(p);
	if (code == FERR_IO) /* the library tries again */
		return 0;
	if (is_gone(m->err)) {
		p->gone = true;
		return 0;
	}
	return kafka_fail(m->err, &p->r->why, "%s[%" PRId32 "] at offset %" PRId64, topic_of(p),
			  p->partition, p->next);
}

/* Take what is in the queue.  That its topic is gone does not come as a message, but as a call of
 * the error callback. */
static unsigned
consume(struct kafka_part *p)
{
	const struct kafka_why *why = &p->r->why;
	unsigned told = why->told;
	ssize_t n = rdk.consume_batch_queue(p->q, 0, p->batch, BATCH);

	if (why->told != told && is_gone(why->err))
		p->gone = true;
	return n > 0 ? (unsigned)n : 0;
}

/* Get the next batch: 0 or FERR_AGAIN. */
static int
fetch(struct kafka_part *p)
{
	drop_batch(p);
	if (!p->gone && (p->n = consume(p)) == 0) {
		/* An event of what comes from here on stays. */
		fio_drain(p->fd);
		p->n = consume(p);
	}
	if (p->n == 0 && p->gone)
		return ferr(FERR_REFUSED, "%s[%" PRId32 "] is not there (any more)", topic_of(p),
			    p->partition);
	if (p->n == 0) {
		p->dry = p->r->why.down;
		return FERR_AGAIN;
	}
	if (p->dry) /* and so these are not from before it was away */
		kafka_reader_met(p->r);
	p->dry = false;
	return 0;
}

static void
show(const rd_kafka_message_t *m, struct kafka_message *out)
{
	rd_kafka_timestamp_type_t type;

	out->offset = m->offset;
	out->time = rdk.message_timestamp(m, &type);
	if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
		out->time = ROW_NOTIME;
	out->value = m->payload;
	out->nvalue = m->len;
	out->key = m->key;
	out->nkey = m->key_len;
	out->raw = (void *)(uintptr_t)m;
}

int
kafka_part_next(struct kafka_part *p, int64_t until, struct kafka_message *out)
{
	int rc;

	for (;;) {
		const rd_kafka_message_t *m = p->at < p->n ? p->batch[p->at] : NULL;

		if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR && m->offset >= p->next) {
			if (until >= 0 && m->offset >= until) {
				p->next = until; /* nothing is shown before it any more */
				return 0;
			}
			p->at++;
			p->next = m->offset + 1;
			p->eof = false;
			show(m, out);
			return 1;
		}
		if (until >= 0 && p->next >= until)
			return 0;
		if (m == NULL) {
			rc = fetch(p);
		} else {
			p->at++;
			rc = m->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : take_event(p, m);
		}
		if (rc != 0)
			return rc;
	}
}

int64_t
kafka_part_position(const struct kafka_part *p)
{
	return p->next;
}

int64_t
kafka_part_end(const struct kafka_part *p)
{
	int64_t lo, hi;

	if (p->eof)
		return p->next;
	if (rdk.get_watermark_offsets(p->r->rk, topic_of(p), p->partition, &lo, &hi) !=
		RD_KAFKA_RESP_ERR_NO_ERROR ||
	    hi < 0)
		return -1;
	return hi;
}

int
kafka_part_fd(const struct kafka_part *p)
{
	return p->fd;
}
