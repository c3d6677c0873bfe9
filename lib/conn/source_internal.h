/* source_internal -- what source.c (reading), source_list.c (what is to be read), source_kafka.c
 * (topics), source_meta.c (where a record came from) and source_state.c (what is kept) share. */
#ifndef CONN_SOURCE_INTERNAL_H
#define CONN_SOURCE_INTERNAL_H

#include "conn/source.h"
#include "conn/source_time.h"
#include "conn/split.h"
#include "coord/wm.h"
#include "state/state.h"

/* What a source keeps in the checkpoint. */
struct source_kept {
	struct state *state;
	struct state_map *splits; /* group, kind, twin, name -> where it stands */
	struct state_map *listed; /* group of the name, name: this one is known to somebody */
	struct state_map *fields; /* group: the schema */
	unsigned nfields, unseen; /* as of what is in there */
	bool changing;
	int64_t *good, *nulls, *wm, *idle;
	int64_t *ended; /* the last barrier was the final one */
	int64_t *held;	/* kept open by --at-end hold, and not finished since */
	struct buf key, value;
};

/* The fields of --meta; those behind OFFSET are of kafka:// alone. */
enum source_meta {
	META_FILE,
	META_OFFSET,
	META_PARTITION,
	META_KEY,
	META_HEADERS,
	META_TIMESTAMP,
	META_N
};

struct source {
	struct source_spec spec;
	struct schema schema;
	struct fmt_field *fields;
	unsigned nfields;
	struct fmt_only only;	    /* what is read downstream and by the clock; name NULL: all */
	struct schema dropped;	    /* the others, for "did you mean" */
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
	int meta[META_N];	    /* fields, -1: not asked for, or read by nobody */
	bool placed;		    /* some are there */
	struct source_kafka *kafka; /* NULL: no topics */
	struct buf tmp, headers;
	int64_t good;
	int64_t nulls;		       /* messages without a value that were left out */
	int64_t rate_since, rate_good; /* when --rate began to count, and how many there were */
	int inotify;
	int64_t listed_at;
	unsigned pass; /* splits from here on have been found in the present listing */
	char *missing; /* why something named is not there: an error unless it has been read */
	bool told_schema;
	bool told_idle;		    /* idleness was looked at before the first record */
	const struct op_task *task; /* NULL: a bare shell; then nothing below counts */
	uint64_t last;		    /* the epoch behind which the run ends */
	bool finished;		    /* the job was, before this run: it reads no more */
	bool again;		    /* a run of its own, not the rest of one: what is new? */
	struct source_kept kept;
	char **others; /* files that are known and not ours */
	unsigned nothers;
};

/* The first split from i on that has not been read to its end, else s->n. */
static inline unsigned
source_undone(const struct source *s, unsigned i)
{
	while (i < s->n && s->splits[i]->done)
		i++;
	return i;
}

/* Can a split give a record any time, as long as we run? */
bool source_endless(const struct source *s);

/* The watermark channel of split i: with --sequence all are one. */
static inline unsigned
chan_of(const struct source *s, unsigned i)
{
	return s->spec.sequence ? 0 : i;
}

/* source_list.c */

/* A file of a directory or pattern (a paths_each callback): new ones only. */
int source_add_file(void *cookie, const char *path);
int source_add_split(struct source *s, struct split *sp); /* taken over, also on error */
int source_add_other(struct source *s, const char *path);
/* Of all fields keep those that the task tells and those that hold times. */
int source_select(struct source *s);

/* source_meta.c */

/* The fields of --meta get their numbers, in the schema as it is. */
int source_find_meta(struct source *s);
/* Make the row at [at, out->n) anew with them. */
int source_put_meta(struct source *s, struct split *sp, size_t at);

/* source_kafka.c: s->kafka is not NULL, but where it is said */

int source_kafka_add(struct source *s, const char *uri); /* s->kafka may be NULL */
/* All has been named: do the options go with it?  s->kafka may be NULL. */
int source_kafka_check(struct source *s);
/* The partitions that are there now become splits. */
int source_kafka_start(struct source *s);
/* A split from the checkpoint gets its reader; s->kafka may be NULL. */
int source_kafka_attach(struct source *s, struct split *sp);
/* A partition was found later: is it not read, since we have an end?  Then that will be told. */
bool source_kafka_skip(struct source *s, const struct split *sp);
/* Splits of which it is not known yet where they begin and end: by --from, or they are new. */
int source_kafka_place(struct source *s, bool first);
/* While running: new partitions, what the library has to tell, what waits is tried again. */
int source_kafka_tend(struct source *s, struct op *op);
/* By when to come back for that. */
int64_t source_kafka_due(const struct source *s);
/* Where we are at the barrier of an epoch; the group is told when it is complete. */
int source_kafka_note(struct source *s, uint64_t epoch);
int source_kafka_complete(struct source *s, struct op *op, uint64_t epoch, bool last);
void source_kafka_end(struct source *s, struct op *op); /* what has been left out is told */
void source_kafka_free(struct source *s);

/* source_state.c; see there */
int source_state_open(struct source *s, struct op *op);
int source_state_begin(struct source *s, uint64_t *equal);
int source_state_restore(struct source *s);
int source_state_note(struct source *s, bool final);
/* Is a file that was found now ours and not known yet?  Then it is noted as known: 1; 0; an error.
 */
int source_state_claim(struct source *s, struct split *sp);
/* The split is not known by that name any more; it is written anew at the next barrier, or free. */
int source_state_forget(struct source *s, const struct split *sp);
void source_state_close(struct source *s);

/* source_again.c */

/* What has become of the input since the job finished, in words. */
struct news {
	struct buf names;
	unsigned n;
};
int source_tell_news(struct news *news, const char *name, const char *what);
/*
 * A run of its own begins: the splits of the checkpoint are what we have, list is what was found
 * now.  Files are found again where they are, and splits that have more are read on; what was
 * rotated away since and stands in no list is added, behind s->pass.  Of a job that had finished
 * all that is news.  FERR_LOST.
 */
int source_again(struct source *s, struct split **list, unsigned n, struct news *news);
/* Is a file that was found now one that we have, or a copy of one that is being made? */
bool source_has(const struct source *s, const struct split *sp);

#endif
