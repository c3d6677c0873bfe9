/* kafka_lib: see kafka_lib.h. */
#include "conn/kafka_lib.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>

#include "base/text.h"
#include "fio/fio.h"

struct kafka_lib rdk;

/* Fill the table. */
static int
fill(void *lib)
{
	static const struct {
		const char *name;
		size_t at;
	} calls[] = {
#define ROW(name) { "rd_kafka_" #name, offsetof(struct kafka_lib, name) },
		KAFKA_CALLS(ROW)
#undef ROW
	};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		void *f = fio_symbol(lib, calls[i].name);

		if (f == NULL)
			return ferr(FERR_USAGE, "librdkafka %s is too old: it has no %s",
				    rdk.version_str == NULL ? "" : rdk.version_str(),
				    calls[i].name);
		memcpy((char *)&rdk + calls[i].at, &f, sizeof(f));
	}
	return 0;
}

int
kafka_load(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static void *lib; /* kept: its threads may not be unloaded */
	static bool filled;
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (lib == NULL)
		lib = fio_library("librdkafka.so.1", "librdkafka1");
	if (lib == NULL)
		rc = FERR_USAGE;
	else if (!filled && (rc = fill(lib)) == 0)
		filled = true;
	pthread_mutex_unlock(&lock);
	return rc;
}

/* One for all handles: they are written once in a while. */
static pthread_mutex_t why_lock = PTHREAD_MUTEX_INITIALIZER;

const char *
kafka_why_text(const struct kafka_why *why, char out[256])
{
	pthread_mutex_lock(&why_lock);
	memcpy(out, why->text, sizeof(why->text));
	pthread_mutex_unlock(&why_lock);
	return out;
}

static bool
is_refusal(rd_kafka_resp_err_t err)
{
	return kafka_code(err) == FERR_REFUSED;
}

/*
 * Note their message without "[thrd:...]: " before and "(after 0ms in state CONNECT)" behind it;
 * the log gives no code.  What cannot pass is not overwritten by what can: a host with two
 * addresses gives both in turn.
 */
static void
note(struct kafka_why *why, rd_kafka_resp_err_t err, const char *text)
{
	const char *thread = strncmp(text, "[thrd:", 6) == 0 ? strstr(text, "]: ") : NULL;
	const char *s = thread == NULL ? text : thread + 3;
	const char *end = strstr(s, " (after ");
	size_t n = end == NULL ? strlen(s) : (size_t)(end - s);

	if (n >= sizeof(why->text))
		n = sizeof(why->text) - 1;
	while (!utf8_ok((const uint8_t *)s, n)) /* cut in the middle of a letter, or not ours */
		n--;
	pthread_mutex_lock(&why_lock);
	if (!is_refusal(why->err) || is_refusal(err)) {
		for (size_t i = 0; i < n; i++)
			why->text[i] = (uint8_t)s[i] < ' ' ? ' ' : s[i];
		why->text[n] = '\0';
		if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
			why->err = err;
	}
	pthread_mutex_unlock(&why_lock);
}

void
kafka_why_clear(struct kafka_why *why)
{
	pthread_mutex_lock(&why_lock);
	why->down = false;
	why->err = RD_KAFKA_RESP_ERR_NO_ERROR;
	why->text[0] = '\0';
	pthread_mutex_unlock(&why_lock);
}

bool
kafka_why_refused(const struct kafka_why *why)
{
	return why->down && is_refusal(why->err);
}

/* Called by threads of the library. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	struct kafka_why *why = rk == NULL ? NULL : rdk.opaque(rk);

	(void)facility;
	if (level <= LOG_ERR && why != NULL)
		note(why, RD_KAFKA_RESP_ERR_NO_ERROR, text);
}

/* Called by rd_kafka_poll. */
static void
on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
	rd_kafka_resp_err_t err = (rd_kafka_resp_err_t)code;
	struct kafka_why *why = opaque;
	char fatal[512];

	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) { /* its text only counts them */
		why->down = true;
		return;
	}
	if (err == RD_KAFKA_RESP_ERR__FATAL) {
		err = rdk.fatal_error(rk, fatal, sizeof(fatal));
		text = fatal;
		why->fatal = true;
	}
	why->told++;
	note(why, err, text);
}

/* FERR_USAGE: the library has no property of that name. */
static int
unknown(rd_kafka_conf_t *conf, const char *name)
{
	size_t n;
	const char **all = rdk.conf_dump(conf, &n); /* names, each with its value behind */
	const char *near;

	for (size_t i = 0; i < n / 2; i++) { /* the names to the front */
		near = all[i];
		all[i] = all[2 * i];
		all[2 * i] = near;
	}
	near = near_word(name, all, n / 2);
	if (near != NULL)
		ferr(FERR_USAGE, "librdkafka %s has no property %s; did you mean %s?",
		     rdk.version_str(), name, near);
	else
		ferr(FERR_USAGE, "librdkafka %s has no property %s", rdk.version_str(), name);
	rdk.conf_dump_free(all, n);
	return FERR_USAGE;
}

static int
put(rd_kafka_conf_t *conf, const char *name, const char *value, bool optional)
{
	char err[512];

	switch (rdk.conf_set(conf, name, value, err, sizeof(err))) {
	case RD_KAFKA_CONF_OK: return 0;
	case RD_KAFKA_CONF_UNKNOWN: return optional ? 0 : unknown(conf, name);
	default: break;
	}
	if (kafka_is_secret(name)) /* their text might show it */
		return ferr(FERR_USAGE, "librdkafka does not take the value of %s", name);
	return ferr(FERR_USAGE, "%s: %s", name, err);
}

static int
put_sets(rd_kafka_conf_t *conf, const struct kafka_set *sets)
{
	int rc = 0;

	for (; rc == 0 && sets->name != NULL; sets++)
		rc = put(conf, sets->name, sets->value, sets->newer);
	return rc;
}

/* The values of the fixed settings, one after the other. */
static int
fixed_values(rd_kafka_conf_t *conf, const struct kafka_set *sets, struct buf *out)
{
	char value[512];
	int rc = 0;

	out->n = 0;
	for (; rc == 0 && sets->name != NULL; sets++) {
		size_t n = sizeof(value);

		if (!sets->fixed || rdk.conf_get(conf, sets->name, value, &n) != RD_KAFKA_CONF_OK)
			continue;
		rc = buf_put(out, value, strlen(value) + 1);
	}
	return rc;
}

static int
put_prop(rd_kafka_conf_t *conf, const struct kafka_prop *p)
{
	struct buf secret = BUF_INIT;
	int rc;

	if (!kafka_is_secret(p->name))
		return put(conf, p->name, p->value, false);
	if ((rc = kafka_secret(p->name, p->value, &secret)) == 0)
		rc = put(conf, p->name, (char *)secret.p, false);
	kafka_secret_fini(&secret);
	return rc;
}

/* The library has more than one name for some properties, so what is fixed is found by its values.
 */
static int
put_props(rd_kafka_conf_t *conf, const struct kafka_set *sets, const struct kafka_props *props)
{
	struct buf was = BUF_INIT, is = BUF_INIT;
	int rc = fixed_values(conf, sets, &was);

	for (unsigned i = 0; rc == 0 && i < props->n; i++) {
		if ((rc = put_prop(conf, &props->v[i])) != 0)
			break;
		if ((rc = fixed_values(conf, sets, &is)) == 0 &&
		    (is.n != was.n || memcmp(is.p, was.p, is.n) != 0))
			rc = ferr(FERR_USAGE, "%s may not be changed here; leave it out",
				  props->v[i].name);
	}
	buf_fini(&was);
	buf_fini(&is);
	return rc;
}

int
kafka_open(rd_kafka_t **out, rd_kafka_type_t type, const char *brokers,
	   const struct kafka_set *sets, const struct kafka_props *props, struct kafka_why *why,
	   void (*dr)(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque))
{
	rd_kafka_conf_t *conf;
	char err[512];
	int rc = kafka_load();

	if (rc != 0)
		return rc;
	conf = rdk.conf_new();
	if ((rc = put(conf, "bootstrap.servers", brokers, false)) != 0 ||
	    (rc = put_sets(conf, sets)) != 0 || (rc = put_props(conf, sets, props)) != 0) {
		rdk.conf_destroy(conf);
		return rc;
	}
	rdk.conf_set_opaque(conf, why);
	rdk.conf_set_log_cb(conf, on_log);
	rdk.conf_set_error_cb(conf, on_error);
	if (dr != NULL)
		rdk.conf_set_dr_msg_cb(conf, dr);
	if ((*out = rdk.new(type, conf, err, sizeof(err))) == NULL) {
		rc =
		    rdk.last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE ? FERR_IO : FERR_USAGE;
		rdk.conf_destroy(conf);
		return ferr(rc, "librdkafka: %s", err);
	}
	return 0;
}

static void *
destroy(void *rk)
{
	rdk.destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return NULL;
}

bool
kafka_close(rd_kafka_t *rk, int ms)
{
	int64_t end = fio_wall_ms() + ms;
	struct timespec at = { .tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000 };
	pthread_t t;

	if (pthread_create(&t, NULL, destroy, rk) != 0) {
		destroy(rk);
		return true;
	}
	if (pthread_timedjoin_np(t, NULL, &at) == 0)
		return true;
	pthread_detach(t);
	return false;
}

/* Errors that have a meaning for us, and what the user can do; all others are FERR_IO. */
static const struct fault {
	rd_kafka_resp_err_t err;
	int code;
	const char *advice;
} faults[] = {
#define ERR(name) RD_KAFKA_RESP_ERR_##name
#define LOGIN "look at -X security.protocol, sasl.mechanism, sasl.username and sasl.password"
#define MISSING "create the topic; Fjord creates none"
#define BIGGER "raise max.message.bytes of the topic and -X message.max.bytes"
	{ ERR(_ALL_BROKERS_DOWN), FERR_IO, "is the broker running, and is that its address?" },
	{ ERR(_TRANSPORT), FERR_IO, "is the broker running, and is that its address?" },
	{ ERR(_RESOLVE), FERR_IO, "is that the broker's address?" },
	{ ERR(_TIMED_OUT), FERR_IO, NULL },
	{ ERR(_AUTHENTICATION), FERR_REFUSED, LOGIN },
	{ ERR(SASL_AUTHENTICATION_FAILED), FERR_REFUSED, LOGIN },
	{ ERR(UNSUPPORTED_SASL_MECHANISM), FERR_REFUSED, LOGIN },
	{ ERR(ILLEGAL_SASL_STATE), FERR_REFUSED, LOGIN },
	{ ERR(_SSL), FERR_REFUSED, "look at -X security.protocol and ssl.ca.location" },
	{ ERR(TOPIC_AUTHORIZATION_FAILED), FERR_REFUSED,
	  "the user needs Describe and Read on the topic, or Write for fsink" },
	{ ERR(GROUP_AUTHORIZATION_FAILED), FERR_REFUSED, "the user needs Read on the group" },
	{ ERR(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), FERR_REFUSED,
	  "the user needs Describe and Write on the transactional id" },
	{ ERR(CLUSTER_AUTHORIZATION_FAILED), FERR_REFUSED,
	  "the user needs IdempotentWrite on the cluster" },
	{ ERR(UNKNOWN_TOPIC_OR_PART), FERR_REFUSED, MISSING },
	{ ERR(_UNKNOWN_TOPIC), FERR_REFUSED, MISSING },
	{ ERR(_UNKNOWN_PARTITION), FERR_REFUSED, "the topic has fewer partitions" },
	{ ERR(TOPIC_EXCEPTION), FERR_REFUSED, "Kafka takes no topic of that name" },
	{ ERR(MSG_SIZE_TOO_LARGE), FERR_REFUSED, BIGGER },
	{ ERR(INVALID_MSG_SIZE), FERR_REFUSED, BIGGER },
	{ ERR(RECORD_LIST_TOO_LARGE), FERR_REFUSED, BIGGER },
	{ ERR(INVALID_TRANSACTION_TIMEOUT), FERR_REFUSED,
	  "-X transaction.timeout.ms is above the broker's transaction.max.timeout.ms" },
	{ ERR(INVALID_RECORD), FERR_REFUSED, "a compacted topic takes no record without a key" },
	{ ERR(INVALID_TIMESTAMP), FERR_REFUSED,
	  "look at message.timestamp.before.max.ms and after.max.ms of the topic" },
	{ ERR(INVALID_REQUIRED_ACKS), FERR_REFUSED, NULL },
	{ ERR(POLICY_VIOLATION), FERR_REFUSED, NULL },
	{ ERR(INVALID_CONFIG), FERR_REFUSED, NULL },
	{ ERR(INVALID_GROUP_ID), FERR_REFUSED, NULL },
	{ ERR(UNSUPPORTED_VERSION), FERR_REFUSED, "brokers since 2.5 will do" },
	{ ERR(_UNSUPPORTED_FEATURE), FERR_REFUSED, "brokers since 2.5 will do" },
	{ ERR(UNSUPPORTED_FOR_MESSAGE_FORMAT), FERR_REFUSED, "brokers since 2.5 will do" },
	{ ERR(UNSUPPORTED_COMPRESSION_TYPE), FERR_REFUSED, NULL },
	{ ERR(_NOT_IMPLEMENTED), FERR_REFUSED, "librdkafka was built without it" },
	{ ERR(OFFSET_OUT_OF_RANGE), FERR_LOST, NULL },
	{ ERR(_AUTO_OFFSET_RESET), FERR_LOST, NULL },
	{ ERR(_BAD_MSG), FERR_CORRUPT, NULL },
	{ ERR(_BAD_COMPRESSION), FERR_CORRUPT, NULL },
	{ ERR(INVALID_MSG), FERR_CORRUPT, NULL },
#undef ERR
#undef LOGIN
#undef MISSING
#undef BIGGER
};

static const struct fault *
fault_of(rd_kafka_resp_err_t err)
{
	static const struct fault other = { RD_KAFKA_RESP_ERR_UNKNOWN, FERR_IO, NULL };

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (faults[i].err == err)
			return &faults[i];
	return &other;
}

int
kafka_code(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : fault_of(err)->code;
}

/* ferr: "WHAT: TEXT (REASON); ADVICE". */
static int
fail(rd_kafka_resp_err_t err, const struct kafka_why *why, const char *text, const char *what)
{
	const struct fault *f = fault_of(err);
	char reason[sizeof(why->text)];

	if (strncmp(text, "Local: ", 7) == 0)
		text += 7;
	kafka_why_text(why, reason);
	if (reason[0] == '\0' || strstr(text, reason) != NULL)
		ferr(f->code, "%s: %s", what, text);
	else
		ferr(f->code, "%s: %s (%s)", what, text, reason);
	if (f->advice != NULL)
		ferr(f->code, "%s; %s", ferr_text(), f->advice);
	return f->code;
}

int
kafka_fail(rd_kafka_resp_err_t err, const struct kafka_why *why, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return fail(err, why, rdk.err2str(err), what);
}

int
kafka_fail_obj(rd_kafka_error_t *e, const struct kafka_why *why, const char *fmt, ...)
{
	char what[512];
	va_list ap;
	int rc;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	rc = fail(rdk.error_code(e), why, rdk.error_string(e), what);
	rdk.error_destroy(e);
	return rc;
}

/* What the broker says of the topic: an error, or its partitions.  A new one has no leader for a
 * moment. */
static rd_kafka_resp_err_t
count(const struct rd_kafka_metadata *md, unsigned *n)
{
	if (md->topic_cnt != 1)
		return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	*n = (unsigned)md->topics[0].partition_cnt;
	if (md->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR && *n == 0)
		return RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	return md->topics[0].err;
}

/*
 * Ask for at most so many ms, until there is an answer or somebody refuses us.  The waits grow, so
 * that a refusal is seen soon and a slow broker has its time.  *answered: it is the broker's.
 */
static rd_kafka_resp_err_t
ask(rd_kafka_t *rk, const struct kafka_why *why, rd_kafka_topic_t *t, int ms, unsigned *n,
    bool *answered)
{
	int64_t end = fio_mono_ns() + (int64_t)ms * 1000000, left;
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	const struct rd_kafka_metadata *md;
	int wait = 1000;

	while ((left = (end - fio_mono_ns()) / 1000000) > 0) {
		err = rdk.metadata(rk, 0, t, &md, wait < left ? wait : (int)left);
		*answered = err == RD_KAFKA_RESP_ERR_NO_ERROR;
		if (*answered) {
			err = count(md, n);
			rdk.metadata_destroy(md);
			if (err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
				break;
		}
		rdk.poll(rk, *answered ? 100 : 0);
		if (!*answered && kafka_why_refused(why))
			return why->err;
		wait *= 2;
	}
	return err;
}

int
kafka_partitions(rd_kafka_t *rk, const struct kafka_why *why, const char *brokers,
		 const char *topic, int ms, unsigned *n)
{
	rd_kafka_topic_t *t = rdk.topic_new(rk, topic, NULL);
	rd_kafka_resp_err_t err;
	bool answered = false;

	if (t == NULL)
		return kafka_fail(rdk.last_error(), why, "topic %s", topic);
	err = ask(rk, why, t, ms, n, &answered);
	rdk.topic_destroy(t);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	return answered ? kafka_fail(err, why, "topic %s at %s", topic, brokers)
			: kafka_fail(err, why, "no answer from %s", brokers);
}
