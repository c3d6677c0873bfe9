/* source_internal -- what source.c (reading) and source_list.c (what is to be read) share. */
#ifndef CONN_SOURCE_INTERNAL_H
#define CONN_SOURCE_INTERNAL_H

#include "conn/source.h"
#include "conn/source_time.h"
#include "conn/split.h"
#include "coord/wm.h"

struct source {
	struct source_spec spec;
	struct schema schema;
	struct fmt_field *fields;
	unsigned nfields;
	bool *seen;		    /* of the columns named */
	unsigned unseen;	    /* how many have not been seen yet */
	struct source_clock *clock; /* event times */
	struct split **splits;
	unsigned n, cap, nopen;
	struct wm wm;
	struct wm_chan *chans;
	struct split *cur; /* being read */
	unsigned left;	   /* records it may still give before another is looked at */
	bool timed;	   /* watermarks are given */
	struct buf *out;   /* rows [at, out->n) are not told to op yet */
	size_t at;
	bool has_mark; /* --watermark field: the last row carries one */
	int64_t row_mark;
	unsigned rows;
	int meta_file, meta_offset; /* fields, -1 */
	struct buf tmp;
	int64_t good;
	int64_t rate_since;
	int inotify;
	int64_t listed_at;
};

/* The watermark channel of split i: with --sequence all are one. */
static inline unsigned
chan_of(const struct source *s, unsigned i)
{
	return s->spec.sequence ? 0 : i;
}

/* A file of a directory or pattern (a paths_each callback): new ones only. */
int source_add_file(void *cookie, const char *path);
/* The number of the --meta field for `what`, added to the schema; or an error. */
int source_add_meta(struct source *s, const char *what);

#endif
