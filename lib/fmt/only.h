/* only -- which fields a reader keeps when the rest of a job reads no others.  Pure. */
#ifndef FMT_ONLY_H
#define FMT_ONLY_H

#include "row/row.h"

/* All is borrowed, and outlives the reader. */
struct fmt_only {
	const char *const *name;
	unsigned n;
	struct schema *dropped; /* gets the names of the others, as far as there is room; NULL */
};

/* Is this one kept?  Asked once for each name, not for each record; only NULL: all are. */
bool fmt_wants(const struct fmt_only *only, const char *name, size_t n);

#endif
