/*
 * kafka -- what kafka:// sources and sinks share: the address, the properties of -X, the library.
 *
 * librdkafka is loaded when a kafka:// URI is used, and not before: commands do not link it.  Only
 * lib/conn/kafka*.c see <rdkafka.h>; its functions are called through a table (kafka_lib.h).
 *
 * Secrets (sasl.password, ssl.key.password and others that kafka_props_add knows) never stand in an
 * argument, where ps, logs and checkpoints would show them: -X sasl.password=file:PATH reads the
 * first line of a file, -X sasl.password=env:NAME a variable.  They are read when a handle is made,
 * kept nowhere, and no message shows their value.
 *
 * Errors  FERR_USAGE: the address, a property, no library; FERR_REFUSED: authentication, ACL,
 *         missing topic; FERR_IO: the broker cannot be reached, or something that may pass.
 */
#ifndef CONN_KAFKA_H
#define CONN_KAFKA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* kafka://host:port[,host:port]/topic[,topic]; a port that is left out is 9092. */
struct kafka_uri {
	char *brokers; /* host:port,... as bootstrap.servers wants it */
	char **topic;
	unsigned ntopics;
};
bool kafka_is_uri(const char *uri);
int kafka_uri_parse(struct kafka_uri *out, const char *uri);
void kafka_uri_fini(struct kafka_uri *u);

/* Properties of -X, in the order given; a zeroed struct is empty. */
struct kafka_props {
	struct kafka_prop {
		char *name, *value;
	} * v;
	unsigned n;
};
/*
 * Take NAME=VALUE.  FERR_USAGE: no '='; a secret that is not file: or env:; a property that would
 * break a guarantee (enable.idempotence, isolation.level=read_uncommitted is allowed for a source
 * and refused for a sink by who uses it, ...): each with what to do instead.  Whether librdkafka
 * knows the name is found when a handle is made.
 */
int kafka_props_add(struct kafka_props *p, const char *arg);
const char *kafka_props_get(const struct kafka_props *p, const char *name); /* the last; or NULL */
void kafka_props_fini(struct kafka_props *p);

/* Is the value of that property a secret? */
bool kafka_is_secret(const char *name);
/* The text of a secret (with a NUL behind), from what kafka_props_add took for it: FERR_USAGE when
 * it is not there or empty.  kafka_secret_fini wipes it. */
int kafka_secret(const char *name, const char *from, struct buf *out);
void kafka_secret_fini(struct buf *b);

#endif
