/* kafka_read: see kafka_read.h. */
#include "conn/kafka_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conn/kafka_read_internal.h"
#include "fio/fio.h"

#define FIRST_MS 30000
#define LATER_MS 5000
#define COMMITS_MAX 4 /* under way; with the broker away they would only pile up */
#define CLOSE_MS 2000
#define COMMITS_MS 1000 /* the end waits that long for them */

/* Take the properties of -X but for auto.offset.reset: the library would skip and not tell. */
static int
take_props(struct kafka_reader *r, const struct kafka_props *props)
{
	const char *reset = kafka_props_get(props, "auto.offset.reset");

	r->skip_to = reset == NULL || strcmp(reset, "error") == 0 ? KAFKA_GROUP
		     : strcmp(reset, "earliest") == 0		  ? KAFKA_EARLIEST
								  : KAFKA_LATEST;
	if (props->n == 0)
		return 0;
	if ((r->props.v = calloc(props->n, sizeof(*r->props.v))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < props->n; i++)
		if (strcmp(props->v[i].name, "auto.offset.reset") != 0)
			r->props.v[r->props.n++] = props->v[i];
	return 0;
}

static int
open_handle(struct kafka_reader *r, const char *group)
{
	const struct kafka_set sets[] = {
		{ "client.id", "fjord", false, false },
		{ "group.id", group == NULL ? "fjord" : group, false, false },
		{ "enable.auto.commit", "false", true, false },
		{ "enable.auto.offset.store", "false", true, false },
		{ "auto.offset.reset", "error", true, false },
		{ "enable.partition.eof", "true", true, false },
		{ "isolation.level", "read_committed", false, false },
		{ "check.crcs", "true", false, false },
		{ "fetch.wait.max.ms", "100", false, false },
		{ "fetch.min.bytes", "1", false, false },
		{ "queued.max.messages.kbytes", "16384", false, false }, /* of each partition */
		/* A full queue is looked at again after that, not after a second, in which a quick
		 * stage would have read it empty; before librdkafka 2.2 it cannot be changed. */
		{ "fetch.queue.backoff.ms", "20", false, true },
		{ "socket.nagle.disable", "true", false, false },
		{ NULL, NULL, false, false },
	};
	int rc =
	    kafka_open(&r->rk, RD_KAFKA_CONSUMER, r->uri->brokers, sets, &r->props, &r->why, NULL);

	if (rc == 0 && (r->commits = rdk.queue_new(r->rk)) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	return rc;
}

int
kafka_reader_new(struct kafka_reader **out, const struct kafka_uri *uri,
		 const struct kafka_props *props, const char *group)
{
	struct kafka_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	r->uri = uri;
	r->has_group = group != NULL || kafka_props_get(props, "group.id") != NULL;
	if ((rc = take_props(r, props)) != 0 || (rc = open_handle(r, group)) != 0) {
		kafka_reader_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void
kafka_reader_free(struct kafka_reader *r)
{
	int64_t end = fio_mono_ns() + (int64_t)COMMITS_MS * 1000000;
	bool closed = true;

	if (r == NULL)
		return;
	while (r->committing != 0 && !r->why.down && fio_mono_ns() < end)
		rdk.queue_poll_callback(r->commits, 50);
	if (r->commits != NULL)
		rdk.queue_destroy(r->commits);
	if (r->rk != NULL)
		closed = kafka_close(r->rk, CLOSE_MS);
	buf_fini(&r->news);
	free(r->props.v);
	if (closed)
		free(r);
}

void
kafka_reader_met(struct kafka_reader *r)
{
	r->met = true;
	kafka_why_clear(&r->why);
}

int
kafka_reader_partitions(struct kafka_reader *r, unsigned topic, unsigned *n)
{
	int rc = kafka_partitions(r->rk, &r->why, r->uri->brokers, r->uri->topic[topic],
				  r->met ? LATER_MS : FIRST_MS, n);

	if (rc == 0)
		kafka_reader_met(r);
	return rc;
}

/* Serve callbacks; what the library tells the group, which we are not a member of, is nothing. */
static void
serve(struct kafka_reader *r)
{
	rd_kafka_message_t *m;

	rdk.poll(r->rk, 0);
	rdk.queue_poll_callback(r->commits, 0);
	while ((m = rdk.consumer_poll(r->rk, 0)) != NULL)
		rdk.message_destroy(m);
}

int
kafka_reader_tell(struct kafka_reader *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (r->news_read)
		r->news.n = 0;
	r->news_read = false;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return buf_printf(&r->news, "%s%s", r->news.n == 0 ? "" : "; ", text);
}

static int
tell_away(struct kafka_reader *r)
{
	char reason[256];

	r->told_away = r->why.down;
	if (!r->told_away)
		return kafka_reader_tell(r, "%s is back", r->uri->brokers);
	return kafka_reader_tell(r, "%s is away (%s); waiting for it", r->uri->brokers,
				 kafka_why_text(&r->why, reason));
}

/* A broker that stops breaks off handshakes, and that is no refusal once it has taken us. */
static bool
is_refused(const struct kafka_reader *r)
{
	return kafka_why_refused(&r->why) && !(r->met && r->why.err == RD_KAFKA_RESP_ERR__SSL);
}

const char *
kafka_reader_news(struct kafka_reader *r, int *rc)
{
	serve(r);
	*rc = 0;
	if (is_refused(r))
		*rc = kafka_fail(r->why.err, &r->why, "%s", r->uri->brokers);
	else if (r->told_away != r->why.down)
		*rc = tell_away(r);
	if (*rc != 0 || r->news_read || r->news.n == 0)
		return NULL;
	r->news_read = true;
	return buf_cstr(&r->news);
}

rd_kafka_topic_partition_list_t *
kafka_reader_list(const struct kafka_reader *r, unsigned topic, int32_t partition, int64_t offset)
{
	rd_kafka_topic_partition_list_t *l = rdk.topic_partition_list_new(1);

	rdk.topic_partition_list_add(l, r->uri->topic[topic], partition)->offset = offset;
	return l;
}

int
kafka_reader_range(struct kafka_reader *r, unsigned topic, int32_t partition, int ms, int64_t *lo,
		   int64_t *hi)
{
	rd_kafka_resp_err_t err =
	    rdk.query_watermark_offsets(r->rk, r->uri->topic[topic], partition, lo, hi, ms);

	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, &r->why, "the range of %s[%d]", r->uri->topic[topic],
				  partition);
	kafka_reader_met(r);
	return 0;
}

static int
find_border(struct kafka_reader *r, unsigned topic, int32_t partition, enum kafka_at at,
	    int64_t *offset)
{
	int64_t lo, hi;
	int rc = kafka_reader_range(r, topic, partition, FIRST_MS, &lo, &hi);

	if (rc == 0)
		*offset = at == KAFKA_LATEST ? hi : lo;
	return rc;
}

/* What the group has committed, or the first offset at a time; below 0: there is none. */
static int
find_listed(struct kafka_reader *r, unsigned topic, int32_t partition, enum kafka_at at,
	    int64_t time, int64_t *offset)
{
	rd_kafka_topic_partition_list_t *l = kafka_reader_list(r, topic, partition, time);
	rd_kafka_resp_err_t err = at == KAFKA_GROUP ? rdk.committed(r->rk, l, FIRST_MS)
						    : rdk.offsets_for_times(r->rk, l, FIRST_MS);

	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		err = l->elems[0].err;
	*offset = l->elems[0].offset;
	rdk.topic_partition_list_destroy(l);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, &r->why, "the place of %s in %s[%d]",
				  at == KAFKA_GROUP ? "the group" : "a time", r->uri->topic[topic],
				  partition);
	kafka_reader_met(r);
	return 0;
}

int
kafka_reader_find(struct kafka_reader *r, unsigned topic, int32_t partition, enum kafka_at at,
		  int64_t time, int64_t *offset)
{
	int rc;

	if (at == KAFKA_EARLIEST || at == KAFKA_LATEST)
		return find_border(r, topic, partition, at, offset);
	if (at == KAFKA_GROUP && !r->has_group)
		return ferr(FERR_USAGE, "there is no group here to begin at; name it: -X "
					"group.id=NAME");
	if ((rc = find_listed(r, topic, partition, at, time, offset)) != 0 || *offset >= 0)
		return rc;
	return find_border(r, topic, partition, at == KAFKA_GROUP ? KAFKA_EARLIEST : KAFKA_LATEST,
			   offset);
}

/* An answer to a commit; what it says is not looked at. */
static void
on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *l, void *opaque)
{
	struct kafka_reader *r = opaque;

	(void)rk;
	(void)err;
	(void)l;
	r->committing--;
}

void
kafka_reader_commit(struct kafka_reader *r, const struct kafka_place *v, unsigned n)
{
	rd_kafka_topic_partition_list_t *l;

	if (!r->has_group || n == 0 || r->committing >= COMMITS_MAX)
		return;
	l = rdk.topic_partition_list_new((int)n);
	for (unsigned i = 0; i < n; i++)
		rdk.topic_partition_list_add(l, r->uri->topic[v[i].topic], v[i].partition)->offset =
		    v[i].offset;
	if (rdk.commit_queue(r->rk, l, r->commits, on_commit, r) == RD_KAFKA_RESP_ERR_NO_ERROR)
		r->committing++;
	rdk.topic_partition_list_destroy(l);
}
