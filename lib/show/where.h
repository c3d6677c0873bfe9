/* where -- where jobs lie, and which are there. */
#ifndef SHOW_WHERE_H
#define SHOW_WHERE_H

#include "base/buf.h"
#include "base/opt.h"

struct where {
	const char *state; /* --state; NULL: $FSTATE, else $XDG_STATE_HOME/fjord, else
			      ~/.local/state/fjord */
};
extern const struct opt where_options[]; /* conf: struct where */

/* The directory that holds all jobs, into *out. */
int where_root(const struct where *w, struct buf *out);
/* The store of one job; FERR_USAGE for a name that no job can have. */
int where_job(const struct where *w, const char *name, struct buf *out);
/* The same, and it must be there: did you mean. */
int where_known(const struct where *w, const char *name, struct buf *out);

#endif
