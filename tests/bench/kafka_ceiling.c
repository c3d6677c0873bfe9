/*
 * kafka_ceiling -- what librdkafka alone reads from a topic, as committed transactions show it.
 *
 *	kafka_ceiling BROKERS TOPIC PARTITIONS MESSAGES
 *
 * One queue for all partitions, batches of 1,000 messages, whose bytes are counted and nothing
 *else. Ends with that many messages; prints messages and bytes.  Linked with nothing: it is loaded.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conn/kafka_lib.h"

#define BATCH 1000

static const struct kafka_set settings[] = {
	{ .name = "group.id", .value = "ceiling" },
	{ .name = "enable.auto.commit", .value = "false" },
	{ .name = "isolation.level", .value = "read_committed" },
	{ .name = "fetch.wait.max.ms", .value = "100" },
	{ .name = "queued.max.messages.kbytes", .value = "65536" },
	{ .name = NULL },
};

static rd_kafka_queue_t *
open_all(rd_kafka_t *rk, const char *topic, int partitions)
{
	rd_kafka_topic_partition_list_t *all = rdk.topic_partition_list_new(partitions);
	rd_kafka_queue_t *q = rdk.queue_new(rk), *own;

	for (int i = 0; i < partitions; i++) {
		rdk.topic_partition_list_add(all, topic, i)->offset = 0;
		own = rdk.queue_get_partition(rk, topic, i);
		rdk.queue_forward(own, q);
		rdk.queue_destroy(own);
	}
	rdk.error_destroy(rdk.incremental_assign(rk, all));
	rdk.topic_partition_list_destroy(all);
	return q;
}

int
main(int argc, char **argv)
{
	static const struct kafka_props none;
	rd_kafka_message_t *m[BATCH];
	struct kafka_why why = { .text = "" };
	long left = argc == 5 ? atol(argv[4]) : 0, n = 0;
	unsigned long bytes = 0;
	rd_kafka_queue_t *q;
	rd_kafka_t *rk;

	if (left <= 0 || kafka_load() != 0 ||
	    kafka_open(&rk, RD_KAFKA_CONSUMER, argv[1], settings, &none, &why, NULL) != 0) {
		fprintf(stderr, "kafka_ceiling: %s\n",
			left > 0 ? ferr_text()
				 : "BROKERS TOPIC "
				   "PARTITIONS MESSAGES");
		return 2;
	}
	q = open_all(rk, argv[2], atoi(argv[3]));
	while (n < left) {
		ssize_t k = rdk.consume_batch_queue(q, 1000, m, BATCH);

		for (ssize_t i = 0; i < k; i++) {
			n += m[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR;
			bytes += m[i]->len;
			rdk.message_destroy(m[i]);
		}
	}
	printf("%ld %lu\n", n, bytes);
	rdk.queue_destroy(q);
	rdk.destroy(rk);
	return 0;
}
