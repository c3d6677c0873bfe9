/*
 * schema -- the names of a stream's fields, and which of them are its key.
 *
 * A schema only grows: field i keeps its number and name for the life of the stream, a field that
 * shows up later is appended.  Rows made before have fewer slots; the missing ones are absent.
 *
 * Owner   the struct is the caller's (schema_init/schema_fini), names are copied.
 * Errors  0 or FERR_NOMEM, FERR_LIMIT (more than SCHEMA_MAX fields, a name above
 *         SCHEMA_NAME_MAX bytes), FERR_CORRUPT when decoding.
 */
#ifndef ROW_SCHEMA_H
#define ROW_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define SCHEMA_MAX 4096
#define SCHEMA_NAME_MAX 4096
#define SCHEMA_KEY_MAX 16
#define SCHEMA_GROUPS_MAX 65536 /* a key group is stored in two bytes */

enum {
	FIELD_HIDDEN = 1, /* not printed, not seen by name: the key of `fkey --expr` or of a path */
};

struct field {
	char *name; /* NUL-terminated as well; may hold any UTF-8 */
	uint32_t n;
	uint32_t hash;
	uint8_t flags;
};

struct schema {
	struct field *f;
	unsigned n, cap;
	uint32_t *index; /* open addressing: field number + 1 */
	unsigned index_cap;
	bool keyed; /* rows carry a key hash; nkey 0 with keyed = one key for all */
	unsigned nkey;
	uint16_t key[SCHEMA_KEY_MAX]; /* field numbers */
	uint32_t groups; /* key groups (max parallelism): 1..SCHEMA_GROUPS_MAX once keyed, else 0 */
	bool changing;	 /* rows carry -U, +U, -D */
};

void schema_init(struct schema *s);
void schema_fini(struct schema *s);
int schema_copy(struct schema *dst, const struct schema *src); /* dst is initialised, replaced */

/* Number of the visible field with that name, or -1. */
int schema_find(const struct schema *s, const char *name, size_t n);

/* Number of the field, appended if it is new; or a negative error. */
int schema_add(struct schema *s, const char *name, size_t n);

/* Append a field that is not found by name (a hidden key); its number or an error. */
int schema_add_hidden(struct schema *s, const char *name, size_t n);

/* The nearest existing name for "did you mean", or NULL; borrowed. */
const char *schema_near(const struct schema *s, const char *name);

/*
 * May s follow old on one stream?  It keeps old's fields as its beginning, and the key and the
 * groups as they were; a stream that changes goes on to do so.  A reader checks every SCHEMA but
 * the first.
 */
bool schema_extends(const struct schema *s, const struct schema *old);

/* Wire form: payload of a SCHEMA frame (fframe(5)). */
int schema_encode(const struct schema *s, struct buf *out);
int schema_decode(struct schema *s, const uint8_t *p, size_t n); /* s initialised, replaced */

#endif
