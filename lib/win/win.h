/*
 * win -- windows over keyed records: assign, aggregate, fire.  Rules C1-C15, C20 and C41, as the
 * tests name them; fwindow(1) tells them.
 *
 * Aligned windows (tumble, slide, cumulate) are built from panes: every record is added to one
 * pane, the greatest common divisor of size and step, and a window is a run of panes.  A window of
 * several panes is kept as a running total per key: panes that come in are merged, panes that go
 * out are taken back where that is exact (aggs_unmerge), else the key's total is built anew. So the
 * cost of a record does not depend on size/slide.  With --early a record is added to each of its
 * windows instead.
 *
 * A firing emits by window end, window start, key hash, key bytes.
 *
 * first, last and top keep records rather than aggregates, and give out records.  last, top, and
 * running over a changing stream give out changes: +I the first time, -U and +U, -D.  A -U or -D
 * has the event time of the row that it takes back.
 */
#ifndef WIN_WIN_H
#define WIN_WIN_H

#include "op/op.h"

enum win_kind {
	WIN_NONE,
	WIN_TUMBLE,
	WIN_SLIDE,
	WIN_SESSION,
	WIN_CUMULATE,
	WIN_COUNT,
	WIN_GLOBAL,
	WIN_RUNNING,
	WIN_FIRST,
	WIN_LAST,
	WIN_TOP
};

struct win_spec {
	enum win_kind kind;
	int64_t size;  /* ms; cumulate: the longest; count, top: records */
	int64_t slide; /* ms between windows; cumulate: the step; count: records */
	int64_t offset, lateness, early, ttl; /* ms; early, ttl 0: none */
	bool proc;			      /* processing time */
	const char *tz, *having, *late, *rank, *top;
	const char *aggs; /* NULL: count(), or none where records are kept */
	const char *by;	  /* the kind top: EXPR */
	unsigned top_n;	  /* --top; 0: all */
};
#define WIN_SPEC_INIT \
	{             \
		0     \
	}

extern const struct opt win_options[]; /* conf: struct win_spec */

/* `tumble 5m`: the operands behind the command.  FERR_USAGE, FERR_NOTYET. */
int win_parse_kind(struct win_spec *s, int argc, char **argv);

struct win;
int win_new(struct win **out, const struct win_spec *spec);
void win_free(struct win *w);

/* Callbacks for struct op_class; self is a struct win. */
int win_start(void *self, struct op *op);
int win_on_schema(void *self, struct op *op);
int win_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end);
int win_on_watermark(void *self, struct op *op, int64_t wm);
int win_on_tick(void *self, struct op *op);
int win_resume(void *self, struct op *op);
int win_on_end(void *self, struct op *op);
int win_on_barrier(void *self, struct op *op, const struct barrier *b);
int win_on_restored(void *self, struct op *op, uint64_t *equal);
void win_describe(void *self, struct op_facts *f);
/* Kind, sizes, options that give state its meaning, aggregates: `slide 10m/1m tz Europe/Berlin
 * n=count()`. */
const char *win_signature(void *self);

#endif
