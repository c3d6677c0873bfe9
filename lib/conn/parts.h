/*
 * parts -- a directory of part files, as fsink DIR/ writes it in a bare shell.
 *
 * A part is DIR/part-0-N.ext (with --partition-by DIR/name=value/part-0-N.ext).  It is hidden
 * (.part-0-N.ext.RUN) until it is rolled or the stream has ended well; then it is synced and gets
 * its name by a rename that replaces nothing.  Numbers go on after the highest one there. When the
 * stream fails, hidden parts are removed.
 */
#ifndef CONN_PARTS_H
#define CONN_PARTS_H

#include "op/op.h"

struct parts_conf {
	const char *dir; /* ends with '/' */
	enum fmt_kind format;
	int64_t roll_ms, roll_bytes;
	const char *partition_by; /* expression, or NULL */
};

struct parts;
int parts_new(struct parts **out, const struct parts_conf *conf); /* FERR_USAGE */
void parts_free(struct parts *p);				  /* removes what is still hidden */
extern const struct op_class parts_class;			  /* self: struct parts */

#endif
