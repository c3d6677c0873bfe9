/* kafka: addresses, properties, secrets, and what errors of the library mean to us. */
#include "base/err.h"
#include "conn/kafka.h"
#include "conn/kafka_lib.h"
#include "t.h"
#include "t_dir.h"

#define HUNTER "hunter2" /* a secret that no message may show */

static void
parses(const char *uri, const char *brokers, const char *topics)
{
	struct kafka_uri u;
	char all[256] = "";

	T_INT(kafka_uri_parse(&u, uri), 0);
	T_STR(u.brokers, brokers);
	for (unsigned i = 0; i < u.ntopics; i++) {
		strcat(all, u.topic[i]);
		strcat(all, i + 1 < u.ntopics ? " " : "");
	}
	T_STR(all, topics);
	kafka_uri_fini(&u);
}

static void
refuses(const char *uri, const char *part)
{
	struct kafka_uri u;

	T_INT(kafka_uri_parse(&u, uri), FERR_USAGE);
	if (strstr(ferr_text(), part) == NULL)
		T_FAIL("%s: %s", uri, ferr_text());
}

T(an_address_is_brokers_and_topics)
{
	T_OK(kafka_is_uri("kafka://a/b"));
	T_OK(!kafka_is_uri("kafka:a/b"));
	parses("kafka://a:1/t", "a:1", "t");
	parses("kafka://a/t", "a:9092", "t");
	parses("kafka://a:1,b,10.0.0.1:65535/t,u.v_w-X9", "a:1,b:9092,10.0.0.1:65535",
	       "t u.v_w-X9");
	parses("kafka://[::1]:1/t", "[::1]:1", "t");
	parses("kafka://[fe80::1%eth0],b:2/t", "[fe80::1%eth0]:9092,b:2", "t");
}

T(a_wrong_address_is_told)
{
	char topic[300] = "kafka://a/";

	refuses("kafka://", "HOST:PORT");
	refuses("kafka:///t", "HOST:PORT");
	refuses("kafka://a:1,/t", "HOST:PORT");
	refuses("kafka://:9092/t", "HOST:PORT");
	refuses("kafka://::1/t", "HOST:PORT");
	refuses("kafka://[::1/t", "HOST:PORT");
	refuses("kafka://a b/t", "HOST:PORT");
	refuses("kafka://a:/t", "from 1 to 65535");
	refuses("kafka://a:0/t", "from 1 to 65535");
	refuses("kafka://a:65536/t", "from 1 to 65535");
	refuses("kafka://a:1x/t", "from 1 to 65535");
	refuses("kafka://a:123456789/t", "from 1 to 65535");
	refuses("kafka://a", "needs a topic");
	refuses("kafka://a/", "needs a topic");
	refuses("kafka://a/t,", "needs a topic");
	refuses("kafka://a/t,,u", "needs a topic");
	refuses("kafka://a/t/u", "needs a topic");
	refuses("kafka://a/t?x=1", "needs a topic");
	refuses("kafka://a/.", "needs a topic");
	refuses("kafka://a/..", "needs a topic");
	memset(topic + strlen(topic), 'x', 250);
	refuses(topic, "at most 249");
}

T(a_password_in_an_address_is_not_repeated)
{
	refuses("kafka://user:" HUNTER "@a:1/t", "-X");
	T_OK(strstr(ferr_text(), HUNTER) == NULL);
}

T(the_last_of_equal_properties_counts)
{
	struct kafka_props p = { NULL, 0 };

	T_OK(kafka_props_get(&p, "client.id") == NULL);
	T_INT(kafka_props_add(&p, "client.id=a"), 0);
	T_INT(kafka_props_add(&p, "fetch.min.bytes=1"), 0);
	T_INT(kafka_props_add(&p, "client.id=b=c"), 0);
	T_STR(kafka_props_get(&p, "client.id"), "b=c");
	T_INT(p.n, 3);
	kafka_props_fini(&p);
	T_INT(p.n, 0);
}

static void
no_property(const char *arg, const char *part)
{
	struct kafka_props p = { NULL, 0 };

	T_INT(kafka_props_add(&p, arg), FERR_USAGE);
	T_INT(p.n, 0);
	if (strstr(ferr_text(), part) == NULL)
		T_FAIL("%s: %s", arg, ferr_text());
	T_OK(strstr(ferr_text(), HUNTER) == NULL);
	kafka_props_fini(&p);
}

T(what_would_break_a_guarantee_is_refused)
{
	no_property("client.id", "PROPERTY=VALUE");
	no_property("=x", "PROPERTY=VALUE");
	no_property("sasl.password " HUNTER, "PROPERTY=VALUE");
	no_property("a " HUNTER "=x", "PROPERTY=VALUE");
	no_property("bootstrap.servers=a:1", "address");
	no_property("metadata.broker.list=a:1", "address");
	no_property("enable.idempotence=false", "always on");
	no_property("transactional.id=x", "its own");
	no_property("acks=1", "always all");
	no_property("enable.auto.commit=true", "checkpoints");
	no_property("enable.auto.offset.store=true", "checkpoints");
	no_property("enable.partition.eof=false", "always on");
	no_property("auto.offset.reset=largest", "earliest or latest");
	no_property("group.id=", "empty");
	no_property("client.id=0123456789012345678901234567890123456789012345678901234567890123x",
		    "longer than 64");
}

T(a_secret_never_stands_in_an_argument)
{
	static const char *const names[] = {
		"sasl.password",
		"ssl.key.password",
		"ssl.keystore.password",
		"ssl.key.pem",
		"sasl.oauthbearer.client.secret",
		"sasl.oauthbearer.config",
		"sasl.oauthbearer.assertion.private.key.pem",
		"sasl.oauthbearer.assertion.private.key.passphrase",
	};
	char arg[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(arg, sizeof(arg), "%s=" HUNTER, names[i]);
		no_property(arg, names[i]);
		snprintf(arg, sizeof(arg), "%s=file:", names[i]);
		no_property(arg, "file:PATH");
	}
	T_OK(!kafka_is_secret("sasl.username"));
	T_OK(!kafka_is_secret("ssl.ca.pem"));
	T_OK(!kafka_is_secret("ssl.key.location"));
}

static void
secret(const char *name, const char *from, const char *is)
{
	struct buf b = BUF_INIT;

	T_INT(kafka_secret(name, from, &b), 0);
	T_STR((char *)b.p, is);
	kafka_secret_fini(&b);
	T_OK(b.p == NULL);
}

static void
no_secret(const char *from, const char *part)
{
	struct buf b = BUF_INIT;

	T_INT(kafka_secret("sasl.password", from, &b), FERR_USAGE);
	T_OK(b.p == NULL);
	if (strstr(ferr_text(), part) == NULL || strstr(ferr_text(), HUNTER) != NULL)
		T_FAIL("%s: %s", from, ferr_text());
}

static const char *
file(const char *name, const void *bytes, size_t n)
{
	static char from[64];
	FILE *f;

	snprintf(from, sizeof(from), "file:%s", name);
	f = fopen(from + 5, "w");
	T_OK(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
	return from;
}

T(a_secret_is_the_first_line_of_a_file_or_a_variable)
{
	const char *pem = "-----BEGIN-----\nabc\n-----END-----\n";

	t_dir_begin();
	secret("sasl.password", file("a", HUNTER "\r\nsecond\n", 16), HUNTER);
	secret("sasl.password", file("b", HUNTER, 7), HUNTER);
	secret("ssl.key.pem", file("c", pem, strlen(pem)), pem);
	setenv("KAFKA_TEST_SECRET", HUNTER, 1);
	secret("sasl.password", "env:KAFKA_TEST_SECRET", HUNTER);
	unsetenv("KAFKA_TEST_SECRET");
	no_secret("env:KAFKA_TEST_SECRET", "no variable KAFKA_TEST_SECRET");
	no_secret(file("d", "\n" HUNTER, 8), "empty");
	no_secret(file("e", HUNTER "\0" HUNTER, 15), "zero byte");
	no_secret("file:/nonexistent/password", "/nonexistent/password");
	t_dir_end();
}

/* Make a handle with that property, which connects to nothing. */
static int
opens(const char *arg)
{
	static const struct kafka_set sets[] = {
		{ "message.timeout.ms", "1000", true, false },
		{ "linger.ms", "5", false, false },
		{ "security.protocol", "ssl", false, false },
		{ "fjord.only.newer.ones.know", "1", false, true },
		{ NULL, NULL, false, false },
	};
	struct kafka_props p = { NULL, 0 };
	struct kafka_why why = { .text = "" };
	rd_kafka_t *rk;
	int rc;

	T_INT(kafka_props_add(&p, arg), 0);
	if ((rc = kafka_open(&rk, RD_KAFKA_PRODUCER, "127.0.0.1:1", sets, &p, &why, NULL)) == 0)
		T_OK(kafka_close(rk, 10000));
	kafka_props_fini(&p);
	return rc;
}

static void
opens_not(const char *arg, const char *part)
{
	T_INT(opens(arg), FERR_USAGE);
	if (strstr(ferr_text(), part) == NULL || strstr(ferr_text(), HUNTER) != NULL)
		T_FAIL("%s: %s", arg, ferr_text());
}

T(the_library_checks_properties_when_a_handle_is_made)
{
	T_INT(opens("linger.ms=7"), 0);
	T_INT(opens("message.timeout.ms=1000"), 0); /* as it is */
	opens_not("client.idd=x", "did you mean client.id?");
	opens_not("no.such.property=1", "no property no.such.property");
	opens_not("linger.ms=soon", "linger.ms");
	opens_not("security.protocol=none", "security.protocol");
	opens_not("message.timeout.ms=1", "may not be changed");
	opens_not("delivery.timeout.ms=1", "may not be changed"); /* another name of it */
	opens_not("sasl.password=env:KAFKA_TEST_NONE", "KAFKA_TEST_NONE");
}

T(no_error_of_the_library_shows_a_secret)
{
	setenv("KAFKA_TEST_SECRET", HUNTER, 1);
	T_INT(opens("sasl.password=env:KAFKA_TEST_SECRET"), 0);
	opens_not("made.up.password=env:KAFKA_TEST_SECRET", "made.up.password");
	opens_not("ssl.key.pem=env:KAFKA_TEST_SECRET", "ssl.key.pem");
	unsetenv("KAFKA_TEST_SECRET");
}

T(errors_have_a_code_and_say_what_to_do)
{
	struct kafka_why why = { .text = "" };

	T_INT(kafka_load(), 0);
	T_INT(kafka_code(RD_KAFKA_RESP_ERR_NO_ERROR), 0);
	T_INT(kafka_code(RD_KAFKA_RESP_ERR__TRANSPORT), FERR_IO);
	T_INT(kafka_code(RD_KAFKA_RESP_ERR__FENCED), FERR_IO);
	T_INT(kafka_code(RD_KAFKA_RESP_ERR__AUTHENTICATION), FERR_REFUSED);
	T_INT(kafka_code(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), FERR_REFUSED);
	T_INT(kafka_code(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET), FERR_LOST);
	T_INT(kafka_code(RD_KAFKA_RESP_ERR__BAD_MSG), FERR_CORRUPT);
	T_INT(kafka_fail(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, &why, "topic %s", "t"),
	      FERR_REFUSED);
	T_STR(ferr_text(), "topic t: Broker: Unknown topic or partition; create the topic; Fjord "
			   "creates none");
	strcpy(why.text, "a:1: Connection refused");
	T_INT(kafka_fail(RD_KAFKA_RESP_ERR__TIMED_OUT, &why, "no answer from a:1"), FERR_IO);
	T_STR(ferr_text(), "no answer from a:1: Timed out (a:1: Connection refused)");
}

T(only_when_all_brokers_are_away_a_refusal_is_final)
{
	struct kafka_why why = { .text = "", .err = RD_KAFKA_RESP_ERR__AUTHENTICATION };

	T_OK(!kafka_why_refused(&why));
	why.down = true;
	T_OK(kafka_why_refused(&why));
	kafka_why_clear(&why);
	T_OK(!why.down && !kafka_why_refused(&why));
}

T_MAIN
