/*
 * parts -- a directory of part files: fsink DIR/.
 *
 * A part is DIR/part-SUBTASK-N.ext (with --partition-by DIR/name=value/part-SUBTASK-N.ext).
 *
 * Without epochs (a bare shell; --guarantee at-least-once) it is hidden (.part-0-N.ext.RUN) until
 * it is rolled or the stream has ended well; then it is synced and gets its name by a rename that
 * replaces nothing.  Numbers go on after the highest one there.  When the stream fails, hidden
 * parts are removed.  At-least-once under fcoord: a barrier rolls every part, since what the
 * checkpoint holds for written must not be lost with a hidden file.
 *
 * Exactly-once, under fcoord: lane_parts.h.
 */
#ifndef CONN_PARTS_H
#define CONN_PARTS_H

#include "conn/upsert.h"

#define PARTS_OPEN_MAX 256 /* with --partition-by: more roll the one used least recently */

struct parts_conf {
	const char *dir; /* ends with '/' */
	enum fmt_kind format;
	int64_t roll_ms, roll_bytes;
	bool roll_epoch;	  /* with epochs: a part per epoch */
	bool visible_roll;	  /* with epochs: a part is seen when it is closed */
	bool atleast;		  /* --guarantee at-least-once */
	const char *partition_by; /* expression, or NULL */
	struct upsert *upsert;	  /* --changes upsert: rows are held until the epoch or the run
				     ends; or NULL */
};

struct parts;
int parts_new(struct parts **out, const struct parts_conf *conf); /* FERR_USAGE */
void parts_free(struct parts *p);				  /* removes what is still hidden */
extern const struct op_class parts_class;			  /* self: struct parts */

#endif
