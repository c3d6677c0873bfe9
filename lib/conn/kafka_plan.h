/*
 * kafka_plan -- what is to be published of a lane, from its marker (kafka.md 6, step 4c).  Pure.
 *
 * A marker is the committed offset of a group that belongs to one lane, written in the transaction
 * of the records it speaks for:
 *	offset    epoch * 2^16 + chunk
 *	metadata  "1 BARRIERID ATTEMPT RECORDS WHOLE": 32 hex digits, then numbers; RECORDS of that
 *		  epoch are published, WHOLE is 1 when that is all of it
 * so that it is known, after any failure and behind a fence, what readers see.
 *
 * Errors  FERR_FENCED   a newer attempt has published: we are superseded
 *         FERR_UNKNOWN  the marker is lost: nobody can tell what is published
 *         FERR_CORRUPT  the marker is of another history than the checkpoint (rewound, forked)
 */
#ifndef CONN_KAFKA_PLAN_H
#define CONN_KAFKA_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_epoch {
	uint64_t epoch; /* 0: none yet */
	uint8_t id[16]; /* of the barrier that ended it */
};

#define KAFKA_META_MAX 128
struct kafka_marker {
	struct kafka_epoch at;
	uint16_t chunk; /* transactions that this epoch has taken so far */
	uint64_t attempt, records;
	bool whole;
};
int64_t kafka_marker_offset(const struct kafka_marker *m);
void kafka_marker_meta(const struct kafka_marker *m, char out[KAFKA_META_MAX]);
/* FERR_CORRUPT: not one of ours. */
int kafka_marker_parse(struct kafka_marker *m, int64_t offset, const char *meta);

/* What to think when the marker is gone (--marker-lost). */
enum kafka_lost { KAFKA_LOST_STOP, KAFKA_LOST_PUBLISHED, KAFKA_LOST_UNPUBLISHED };

struct kafka_lane_view {
	uint64_t attempt;	 /* ours */
	struct kafka_epoch base; /* the last one that is known to be published */
	bool marked;		 /* it has had a marker: an earlier attempt made it */
	uint64_t settled;	 /* a run that ended well has published up to here; 0: unknown */
	const struct kafka_epoch *pending;
	unsigned npending;
	enum kafka_lost lost;
	bool rewind; /* --accept-rewind: what is ahead of the checkpoint stays where it is */
};
/*
 * marker NULL: there is none.  Publish pending[*from ..], of the first one all but *skip records;
 * *chunk: transactions that it has taken already.
 */
struct kafka_plan {
	unsigned from;
	uint64_t skip;
	uint16_t chunk;
};
int kafka_plan(struct kafka_plan *out, const struct kafka_lane_view *v,
	       const struct kafka_marker *marker);

#endif
