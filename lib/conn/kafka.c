/* kafka: see kafka.h. */
#include "conn/kafka.h"

#include <stdlib.h>

#include "fio/fio.h"

#define SCHEME "kafka://"
#define PORT "9092"
#define TOPIC_MAX 249	     /* Kafka's bound */
#define CLIENT_ID_MAX 64     /* librdkafka before 2.5.0 crashes on longer ones */
#define SECRET_MAX (1 << 20) /* as good as any: keys and certificates are a few KiB */

bool
kafka_is_uri(const char *uri)
{
	return strncmp(uri, SCHEME, strlen(SCHEME)) == 0;
}

/* Is s[0..n) made of letters, digits and these? */
static bool
made_of(const char *s, size_t n, const char *others)
{
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
		      (s[i] >= '0' && s[i] <= '9') ||
		      (s[i] != '\0' && strchr(others, s[i]) != NULL)))
			return false;
	return true;
}

/* Where the host of s[0..n) ends: HOST or [IPv6]; n: no port follows. */
static size_t
host_end(const char *s, size_t n)
{
	const char *end = n != 0 && s[0] == '[' ? memchr(s, ']', n) : s;
	const char *colon = end == NULL ? NULL : memchr(end, ':', n - (size_t)(end - s));

	return colon == NULL ? n : (size_t)(colon - s);
}

/* Append one broker as host:port.  What may be a password (user:password@host) is not repeated. */
static int
put_broker(struct buf *out, const char *s, size_t n)
{
	size_t host = host_end(s, n);
	bool six = host > 4 && s[0] == '[' && s[host - 1] == ']';
	bool ok = six ? made_of(s + 1, host - 2, ":.%") : host != 0 && made_of(s, host, ".-_");
	long port;

	if (ok && host == n)
		return buf_printf(out, "%.*s:" PORT, (int)n, s);
	ok = ok && n - host <= 6 && strspn(s + host + 1, "0123456789") == n - host - 1;
	port = ok ? strtol(s + host + 1, NULL, 10) : 0;
	if (port < 1 || port > 65535)
		return ferr(FERR_USAGE, "a broker is HOST:PORT or [IPv6]:PORT with a port from 1 "
					"to 65535; properties and passwords go with -X");
	return buf_put(out, s, n);
}

static int
parse_brokers(struct kafka_uri *u, const char *s, size_t n)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	for (size_t at = 0, k; rc == 0 && at <= n; at += k + 1) {
		const char *comma = memchr(s + at, ',', n - at);

		k = comma == NULL ? n - at : (size_t)(comma - s) - at;
		if ((rc = b.n == 0 ? 0 : buf_putc(&b, ',')) == 0)
			rc = put_broker(&b, s + at, k);
	}
	if (rc == 0 && (u->brokers = strndup((char *)b.p, b.n)) == NULL)
		rc = FERR_NOMEM;
	buf_fini(&b);
	return rc == FERR_NOMEM ? ferr(rc, "out of memory") : rc;
}

static int
add_topic(struct kafka_uri *u, const char *s, size_t n)
{
	char **more;

	if (n == 0 || n > TOPIC_MAX || !made_of(s, n, "._-") || (n == 1 && s[0] == '.') ||
	    (n == 2 && memcmp(s, "..", 2) == 0))
		return ferr(FERR_USAGE,
			    "needs a topic, as in kafka://host:9092/clicks: letters, digits, '.', "
			    "'_' and '-', at most %d",
			    TOPIC_MAX);
	if ((more = realloc(u->topic, (u->ntopics + 1) * sizeof(*more))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	u->topic = more;
	if ((u->topic[u->ntopics] = strndup(s, n)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	u->ntopics++;
	return 0;
}

int
kafka_uri_parse(struct kafka_uri *out, const char *uri)
{
	const char *s = uri + strlen(SCHEME);
	size_t n = strcspn(s, "/");
	const char *t = s[n] == '/' ? s + n + 1 : s + n;
	struct kafka_uri u = { NULL, NULL, 0 };
	int rc = parse_brokers(&u, s, n);

	for (size_t k; rc == 0; t += k + 1) {
		k = strcspn(t, ",");
		rc = add_topic(&u, t, k);
		if (t[k] == '\0')
			break;
	}
	if (rc != 0) {
		kafka_uri_fini(&u);
		return rc;
	}
	*out = u;
	return 0;
}

void
kafka_uri_fini(struct kafka_uri *u)
{
	for (unsigned i = 0; i < u->ntopics; i++)
		free(u->topic[i]);
	free(u->topic);
	free(u->brokers);
	*u = (struct kafka_uri){ NULL, NULL, 0 };
}

/* Properties that are not the user's, and what to do instead. */
static const struct {
	const char *name, *why;
} refused[] = {
	{ "bootstrap.servers", "the brokers stand in the address: kafka://HOST:PORT/TOPIC" },
	{ "metadata.broker.list", "the brokers stand in the address: kafka://HOST:PORT/TOPIC" },
	{ "enable.idempotence", "it is always on; leave it out" },
	{ "transactional.id", "every lane of a sink has its own; leave it out" },
	{ "acks", "it is always all; leave it out" },
	{ "request.required.acks", "it is always all; leave it out" },
	{ "enable.auto.commit", "positions are kept in checkpoints; leave it out" },
	{ "auto.commit.enable", "positions are kept in checkpoints; leave it out" },
	{ "enable.auto.offset.store", "positions are kept in checkpoints; leave it out" },
	{ "enable.partition.eof", "it is always on; leave it out" },
	{ "log.queue", "messages of the library come with errors; leave it out" },
	{ "enabled_events", "it is used inside; leave it out" },
};

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

bool
kafka_is_secret(const char *name)
{
	return ends_with(name, ".password") || ends_with(name, ".secret") ||
	       ends_with(name, ".passphrase") || ends_with(name, ".key.pem") ||
	       strcmp(name, "sasl.oauthbearer.config") == 0;
}

/* May the user set it to that?  The value of a secret is in no text. */
static int
check(const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(name, refused[i].name) == 0)
			return ferr(FERR_USAGE, "%s: %s", name, refused[i].why);
	if (kafka_is_secret(name) && !((strncmp(value, "file:", 5) == 0 && value[5] != '\0') ||
				       (strncmp(value, "env:", 4) == 0 && value[4] != '\0')))
		return ferr(FERR_USAGE,
			    "a secret does not stand in an argument, where ps and logs show it: "
			    "%s=file:PATH takes the first line of a file, %s=env:NAME a variable",
			    name, name);
	if (strcmp(name, "client.id") == 0 && strlen(value) > CLIENT_ID_MAX)
		return ferr(FERR_USAGE, "client.id is longer than %d bytes", CLIENT_ID_MAX);
	if (strcmp(name, "group.id") == 0 && value[0] == '\0')
		return ferr(FERR_USAGE, "group.id is empty; leave it out for none");
	if (strcmp(name, "auto.offset.reset") == 0 && strcmp(value, "error") != 0 &&
	    strcmp(value, "earliest") != 0 && strcmp(value, "latest") != 0)
		return ferr(FERR_USAGE,
			    "auto.offset.reset is error (default: end when records are gone), "
			    "earliest or latest (skip to there), not %s",
			    value);
	return 0;
}

int
kafka_props_add(struct kafka_props *p, const char *arg)
{
	size_t n = strcspn(arg, "=");
	struct kafka_prop *more, new = { NULL, NULL };
	int rc;

	if (arg[n] != '=' || n == 0 || !made_of(arg, n, "._-"))
		return ferr(FERR_USAGE, "needs PROPERTY=VALUE, as in -X client.id=shop");
	if ((more = realloc(p->v, (p->n + 1) * sizeof(*more))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	p->v = more;
	new.name = strndup(arg, n);
	new.value = strdup(arg + n + 1);
	rc = new.name == NULL || new.value == NULL ? ferr(FERR_NOMEM, "out of memory")
						   : check(new.name, new.value);
	if (rc != 0) {
		free(new.name);
		free(new.value);
		return rc;
	}
	p->v[p->n++] = new;
	return 0;
}

const char *
kafka_props_get(const struct kafka_props *p, const char *name)
{
	for (unsigned i = p->n; i-- > 0;)
		if (strcmp(p->v[i].name, name) == 0)
			return p->v[i].value;
	return NULL;
}

void
kafka_props_fini(struct kafka_props *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		free(p->v[i].name);
		free(p->v[i].value);
	}
	free(p->v);
	*p = (struct kafka_props){ NULL, 0 };
}

/* Append the file or the variable that `from` names. */
static int
fetch_secret(const char *name, const char *from, struct buf *out)
{
	const char *value;
	int rc;

	if (strncmp(from, "env:", 4) == 0) {
		if ((value = fio_env(from + 4)) == NULL)
			return ferr(FERR_USAGE, "%s: there is no variable %s", name, from + 4);
		return buf_puts(out, value);
	}
	if ((rc = fio_slurp(from + 5, SECRET_MAX, out)) == 0)
		return 0;
	return ferr_prefix(rc == FERR_IO ? fio_blame() : rc, "%s", name);
}

int
kafka_secret(const char *name, const char *from, struct buf *out)
{
	int rc = fetch_secret(name, from, out);

	if (rc == 0 && buf_cstr(out) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	if (rc == 0 && strlen((char *)out->p) != out->n)
		rc = ferr(FERR_USAGE, "%s: %s has a zero byte", name, from);
	if (rc == 0 && !ends_with(name, ".pem")) /* a key in PEM has many lines */
		out->p[strcspn((char *)out->p, "\r\n")] = '\0';
	if (rc == 0 && out->p[0] == '\0')
		rc = ferr(FERR_USAGE, "%s: %s is empty", name, from);
	if (rc != 0)
		kafka_secret_fini(out);
	return rc;
}

void
kafka_secret_fini(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_fini(b);
}
