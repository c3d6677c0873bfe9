/* source_time -- the event time of a source's records, and the watermark that follows from it (C1).
 */
#ifndef CONN_SOURCE_TIME_H
#define CONN_SOURCE_TIME_H

#include "conn/source.h"
#include "conn/split.h"

struct source_clock;
/* dropped: fields that records have and rows have not; borrowed.  FERR_USAGE. */
int source_clock_new(struct source_clock **out, const struct source_spec *spec,
		     const struct schema *dropped);
void source_clock_free(struct source_clock *c);

/* The schema given next may be another one at the same address. */
void source_clock_forget(struct source_clock *c);
/* Event time of a row of that schema, ROW_NOTIME when the source has none; FERR_DATA with its text.
 */
int source_clock_time(struct source_clock *c, struct split *sp, const struct schema *s,
		      const uint8_t *row, int64_t *ts);
/* --watermark field: 1 and the mark that the row carries, 0 none, or FERR_DATA. */
int source_clock_mark(struct source_clock *c, struct split *sp, const struct schema *s,
		      const uint8_t *row, int64_t *wm);
/* The top-level fields that it reads. */
unsigned source_clock_nfields(const struct source_clock *c);
const char *source_clock_field(const struct source_clock *c, unsigned i);
const struct tz *source_clock_zone(const struct source_clock *c); /* --tz; NULL: UTC */
/* The field of --watermark field: if no record has carried it so far, else NULL. */
const char *source_clock_unseen(const struct source_clock *c);
/* max - bound - 1, never an underflow. */
int64_t source_clock_watermark(const struct source_clock *c, const struct split *sp,
			       int64_t max_ts);

#endif
