/*
 * kafka_lib -- librdkafka's functions as a table that is filled when it is loaded, handles with our
 * settings, and its errors as ours.  Included by lib/conn/kafka*.c alone.
 *
 * Handles belong to one thread of ours; librdkafka's own threads stay behind it.  What it logs goes
 * nowhere but into kafka_why, which messages end with.
 */
#ifndef CONN_KAFKA_LIB_H
#define CONN_KAFKA_LIB_H

#include <librdkafka/rdkafka.h>

#include "conn/kafka.h"

/* Every function that is used: rdk.NAME is rd_kafka_NAME. */
/* clang-format off */
#define KAFKA_CALLS(X) \
	X(version_str) X(err2str) X(conf_dump) X(conf_dump_free) X(conf_new) X(conf_destroy) \
	X(conf_set) X(conf_get) X(conf_set_log_cb) X(conf_set_error_cb) X(conf_set_dr_msg_cb) \
	X(conf_set_opaque) X(new) X(destroy) X(destroy_flags) X(poll) X(opaque) X(metadata) \
	X(metadata_destroy) X(topic_new) X(topic_destroy) X(query_watermark_offsets) \
	X(get_watermark_offsets) X(offsets_for_times) X(topic_partition_list_new) \
	X(topic_partition_list_destroy) X(topic_partition_list_add) X(incremental_assign) \
	X(incremental_unassign) X(queue_get_partition) X(queue_forward) X(queue_destroy) \
	X(queue_io_event_enable) X(consumer_poll) X(queue_poll_callback) X(consume_batch_queue) \
	X(message_destroy) X(message_timestamp) X(message_headers) X(header_get_all) X(header_cnt) \
	X(committed) X(commit_queue) X(producev) X(flush) X(purge) X(headers_new) \
	X(headers_destroy) X(header_add) X(init_transactions) X(begin_transaction) \
	X(send_offsets_to_transaction) X(commit_transaction) X(consumer_group_metadata_new) \
	X(consumer_group_metadata_destroy) X(error_code) X(error_string) X(error_destroy) \
	X(fatal_error) X(last_error) X(queue_new) X(queue_poll) X(event_destroy) X(event_error) \
	X(DescribeConfigs) X(event_DescribeConfigs_result) X(DescribeConfigs_result_resources) \
	X(ConfigResource_new) X(ConfigResource_destroy) X(ConfigResource_error) \
	X(ConfigResource_configs) X(ConfigEntry_name) X(ConfigEntry_value) X(CreateTopics) \
	X(NewTopic_new) X(NewTopic_destroy) X(NewTopic_set_config) X(event_CreateTopics_result) \
	X(CreateTopics_result_topics) X(topic_result_error)
/* clang-format on */

struct kafka_lib {
#define KAFKA_MEMBER(name) __typeof__(rd_kafka_##name) *name;
	KAFKA_CALLS(KAFKA_MEMBER)
#undef KAFKA_MEMBER
};
extern struct kafka_lib rdk;

/* Load the library; may be called again.  FERR_USAGE: it is not installed (says what to install).
 */
int kafka_load(void);

/* A setting of ours; the properties of -X come behind them and may change those that are not
 * fixed. */
struct kafka_set {
	const char *name, *value;
	bool fixed; /* -X may not change it: FERR_USAGE */
	bool newer; /* a library that does not know it does without */
};

/* What went wrong in the library lately, as people read it; one per handle. */
struct kafka_why {
	char text[256]; /* of the last error that it has logged or told; "".  Its threads write this
			   one too: kafka_why_text reads it */
	/* These change in rd_kafka_poll alone. */
	bool down;		 /* all brokers are away */
	rd_kafka_resp_err_t err; /* that it has told; NO_ERROR.  What cannot pass is kept */
	bool fatal;
	unsigned told; /* how often it has told an error */
};
const char *kafka_why_text(const struct kafka_why *why, char out[256]);
/* A broker has answered: forget. */
void kafka_why_clear(struct kafka_why *why);
/* No broker takes us (authentication, TLS): waiting does not help. */
bool kafka_why_refused(const struct kafka_why *why);

/*
 * Make a handle of that type for the brokers: sets (ended by a NULL name), then props, then the
 * callbacks.  why is the handle's opaque and outlives it.  dr: delivery reports (producers), or
 * NULL; its opaque is also why.  Does not connect.  FERR_USAGE names a property that the library
 * does not know or a value that it does not take.
 */
int kafka_open(rd_kafka_t **out, rd_kafka_type_t type, const char *brokers,
	       const struct kafka_set *sets, const struct kafka_props *props, struct kafka_why *why,
	       void (*dr)(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque));

/*
 * Destroy a handle (not leaving a group: we are in none), for at most so many ms.  False: it goes
 * on, and why must live on, too.  librdkafka 2.0.2 never ends after an assigned topic was deleted.
 */
bool kafka_close(rd_kafka_t *rk, int ms);

/* Our code for an error of theirs. */
int kafka_code(rd_kafka_resp_err_t err);
/*
 * ferr of kafka_code(err): "WHAT: their text (the reason last logged)", and for what a user can
 * mend what to do (topic, ACL, SASL, time-outs, sizes).
 */
int kafka_fail(rd_kafka_resp_err_t err, const struct kafka_why *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of an error object, which is freed. */
int kafka_fail_obj(rd_kafka_error_t *e, const struct kafka_why *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The number of partitions of a topic, asked from the broker for at most so many ms.
 * FERR_REFUSED: there is no such topic, or it may not be seen.  FERR_IO: nobody answers.
 */
int kafka_partitions(rd_kafka_t *rk, const struct kafka_why *why, const char *brokers,
		     const char *topic, int ms, unsigned *n);

#endif
