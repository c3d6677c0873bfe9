/*
 * known -- job.json of a store: what makes a job known.  Pure codec over jansson.
 * {"version":1, "name":NAME, "id":HEX32, "text":TEXT, "rescaled":{STAGE:N}}
 */
#ifndef MANIFEST_KNOWN_H
#define MANIFEST_KNOWN_H

#include "base/buf.h"

struct known {
	char *name, *text;
	uint8_t id[16];
};

void known_fini(struct known *k);
int known_print(const struct known *k, struct buf *out);
int known_parse(struct known *k, const uint8_t *p, size_t n); /* FERR_CORRUPT */

#endif
