/* kafka_look: what the broker says of a topic that is written to; see kafka_out.h. */
#include <stdlib.h>

#include "conn/kafka_lib.h"
#include "conn/kafka_out.h"
#include "fio/fio.h"

#define ANSWER_MS 30000
#define KNOWN_MS 100
#define KNOWN_TRIES 100

static const struct kafka_set settings[] = {
	{ .name = "client.id", .value = "fjord" },
	{ .name = "socket.nagle.disable", .value = "true" },
	{ .name = NULL },
};

struct look {
	struct kafka_topic *t;
	struct kafka_why why;
	rd_kafka_t *rk;
	rd_kafka_queue_t *answers;
};

/* The next answer of an admin request, or NULL with ferr text. */
static rd_kafka_event_t *
answer(struct look *l, const char *what)
{
	rd_kafka_event_t *e = rdk.queue_poll(l->answers, ANSWER_MS);

	if (e == NULL) {
		kafka_fail(RD_KAFKA_RESP_ERR__TIMED_OUT, &l->why, "%s", what);
		return NULL;
	}
	if (rdk.event_error(e) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		kafka_fail(rdk.event_error(e), &l->why, "%s", what);
		rdk.event_destroy(e);
		return NULL;
	}
	return e;
}

static int64_t
number(const char *text)
{
	return text != NULL ? strtoll(text, NULL, 10) : INT64_MAX;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
take_setting(struct kafka_topic *t, const char *name, const char *value)
{
	if (strcmp(name, "max.message.bytes") == 0)
		t->message_max = number(value);
	else if (strcmp(name, "cleanup.policy") == 0)
		t->compacted = value != NULL && strstr(value, "compact") != NULL;
	else if (strcmp(name, "message.timestamp.type") == 0)
		t->stamped = value != NULL && strcmp(value, "LogAppendTime") == 0;
	else if (strcmp(name, "message.timestamp.difference.max.ms") == 0) { /* before Kafka 3.6 */
		t->past_max = least(t->past_max, number(value));
		t->ahead_max = least(t->ahead_max, number(value));
	} else if (strcmp(name, "message.timestamp.before.max.ms") == 0)
		t->past_max = least(t->past_max, number(value));
	else if (strcmp(name, "message.timestamp.after.max.ms") == 0)
		t->ahead_max = least(t->ahead_max, number(value));
}

static int
ask_settings(struct look *l)
{
	rd_kafka_ConfigResource_t *r = rdk.ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, l->t->name);
	const rd_kafka_ConfigResource_t **v;
	const rd_kafka_ConfigEntry_t **entry;
	rd_kafka_event_t *e;
	size_t n, nentries;
	int rc = 0;

	if (r == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	rdk.DescribeConfigs(l->rk, &r, 1, NULL, l->answers);
	rdk.ConfigResource_destroy(r);
	if ((e = answer(l, "asking for the topic's settings")) == NULL)
		return FERR_IO;
	v = rdk.DescribeConfigs_result_resources(rdk.event_DescribeConfigs_result(e), &n);
	if (n == 1 && rdk.ConfigResource_error(v[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		entry = rdk.ConfigResource_configs(v[0], &nentries);
		for (size_t i = 0; i < nentries; i++)
			take_setting(l->t, rdk.ConfigEntry_name(entry[i]),
				     rdk.ConfigEntry_value(entry[i]));
	} else if (n == 1 && kafka_code(rdk.ConfigResource_error(v[0])) == FERR_IO) {
		rc = kafka_fail(rdk.ConfigResource_error(v[0]), &l->why, "the settings of topic %s",
				l->t->name);
	}
	/* Who may write may not always see the settings: then the usual ones are taken. */
	rdk.event_destroy(e);
	return rc;
}

static int
make_markers(struct look *l)
{
	rd_kafka_NewTopic_t *made;
	const rd_kafka_topic_result_t **v;
	rd_kafka_resp_err_t err;
	rd_kafka_event_t *e;
	char why[256];
	size_t n;
	int rc = 0;

	if ((made = rdk.NewTopic_new(KAFKA_MARKERS, 1, -1, why, sizeof(why))) == NULL)
		return ferr(FERR_IO, "%s", why);
	rdk.NewTopic_set_config(made, "cleanup.policy", "compact");
	rdk.CreateTopics(l->rk, &made, 1, NULL, l->answers);
	rdk.NewTopic_destroy(made);
	if ((e = answer(l, "making the topic " KAFKA_MARKERS)) == NULL)
		return FERR_IO;
	v = rdk.CreateTopics_result_topics(rdk.event_CreateTopics_result(e), &n);
	err = n == 1 ? rdk.topic_result_error(v[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		rc = ferr(kafka_code(err),
			  "the topic " KAFKA_MARKERS " is missing and cannot be made (%s); let "
			  "somebody make it, with one partition: no record is ever written to it, "
			  "group offsets on it tell what is published",
			  rdk.err2str(err));
	rdk.event_destroy(e);
	return rc;
}

static int
look(struct look *l, bool lanes)
{
	struct kafka_topic *t = l->t;
	unsigned n;
	int rc;

	if ((rc = kafka_partitions(l->rk, &l->why, t->brokers, t->name, ANSWER_MS,
				   &t->partitions)) != 0)
		return rc;
	if ((l->answers = rdk.queue_new(l->rk)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rc = ask_settings(l)) != 0 || !lanes)
		return rc;
	rc = kafka_partitions(l->rk, &l->why, t->brokers, KAFKA_MARKERS, ANSWER_MS, &n);
	if (rc != FERR_REFUSED || (rc = make_markers(l)) != 0)
		return rc;
	/* It takes a moment until every broker knows of a new topic. */
	for (int tries = 0; tries < KNOWN_TRIES; tries++) {
		rc = kafka_partitions(l->rk, &l->why, t->brokers, KAFKA_MARKERS, ANSWER_MS, &n);
		if (rc != FERR_REFUSED)
			return rc;
		fio_poll(NULL, 0, KNOWN_MS);
	}
	return rc;
}

int
kafka_out_look(struct kafka_topic *t, bool lanes)
{
	struct look l = { .t = t };
	int rc;

	t->message_max = 1048588;
	t->compacted = t->stamped = false;
	t->past_max = t->ahead_max = INT64_MAX;
	if ((rc = kafka_open(&l.rk, RD_KAFKA_PRODUCER, t->brokers, settings, t->props, &l.why,
			     NULL)) != 0)
		return rc;
	rc = look(&l, lanes);
	if (l.answers != NULL)
		rdk.queue_destroy(l.answers);
	rdk.destroy(l.rk);
	return rc;
}
