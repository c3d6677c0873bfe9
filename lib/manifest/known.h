/*
 * known -- job.json of a store: what makes a job known.  Pure codec over jansson.
 * {"version":1, "name":NAME, "id":HEX32, "text":TEXT, "plain":true, "adopted":JOB, "crc32c":HEX8}
 *
 * plain and adopted may be absent, and so may crc32c (manifest/sealed.h): it is younger than the
 * rest, and a job is still known by a file without it.
 */
#ifndef MANIFEST_KNOWN_H
#define MANIFEST_KNOWN_H

#include <stdbool.h>

#include "base/buf.h"

struct known {
	char *name, *text;
	uint8_t id[16];
	bool plain;    /* of a pipeline in a plain shell, not of fcoord */
	char *adopted; /* the job of fcoord that goes on with a plain one's state, or NULL */
};

void known_fini(struct known *k);
int known_print(const struct known *k, struct buf *out);
int known_parse(struct known *k, const uint8_t *p, size_t n); /* FERR_CORRUPT: it is damaged */

#endif
