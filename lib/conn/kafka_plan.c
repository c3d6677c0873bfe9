/* kafka_plan: see kafka_plan.h. */
#include "conn/kafka_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define CHUNK_BITS 16

int64_t
kafka_marker_offset(const struct kafka_marker *m)
{
	return (int64_t)(m->at.epoch << CHUNK_BITS | m->chunk);
}

void
kafka_marker_meta(const struct kafka_marker *m, char out[KAFKA_META_MAX])
{
	int n = snprintf(out, KAFKA_META_MAX, "1 ");

	for (unsigned i = 0; i < sizeof(m->at.id); i++)
		n += snprintf(out + n, KAFKA_META_MAX - (size_t)n, "%02x", m->at.id[i]);
	snprintf(out + n, KAFKA_META_MAX - (size_t)n, " %" PRIu64 " %" PRIu64 " %d", m->attempt,
		 m->records, m->whole);
}

static int
parse_id(uint8_t id[16], const char *hex)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned v;

		if (sscanf(hex + (size_t)2 * i, "%2x", &v) != 1)
			return FERR_CORRUPT;
		id[i] = (uint8_t)v;
	}
	return 0;
}

int
kafka_marker_parse(struct kafka_marker *m, int64_t offset, const char *meta)
{
	int version = 0, whole = 0;
	char hex[33] = "";

	*m = (struct kafka_marker){ 0 };
	if (offset < 0 ||
	    sscanf(meta, "%d %32[0-9a-f] %" SCNu64 " %" SCNu64 " %d", &version, hex, &m->attempt,
		   &m->records, &whole) != 5 ||
	    version != 1 || strlen(hex) != 32 || parse_id(m->at.id, hex) != 0)
		return ferr(FERR_CORRUPT,
			    "the marker of a lane (offset %" PRId64
			    ", '%s') was not written by this version of fsink",
			    offset, meta);
	m->at.epoch = (uint64_t)offset >> CHUNK_BITS;
	m->chunk = (uint16_t)offset;
	m->whole = whole != 0;
	return 0;
}

static bool
same(const struct kafka_epoch *a, const struct kafka_epoch *b)
{
	return a->epoch == b->epoch && memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

/* The marker is gone, or older than what we have seen. */
static int
plan_lost(struct kafka_plan *out, const struct kafka_lane_view *v, const struct kafka_marker *m)
{
	if (v->npending == 0 || v->lost == KAFKA_LOST_UNPUBLISHED)
		return 0;
	if (v->lost == KAFKA_LOST_PUBLISHED) {
		out->from = v->npending;
		return 0;
	}
	return ferr(FERR_UNKNOWN,
		    "the marker that tells what is published %s; in doubt are epochs %" PRIu64
		    " to %" PRIu64 ": look at the topic, then run again with --marker-lost "
		    "published when the records of all of these are in it, else with "
		    "--marker-lost unpublished, which writes them (those that are there come "
		    "twice)",
		    m == NULL ? "is gone" : "has gone back", v->pending[0].epoch,
		    v->pending[v->npending - 1].epoch);
}

static int
refuse_history(const struct kafka_lane_view *v, const struct kafka_marker *m)
{
	uint64_t newest = v->npending > 0	       ? v->pending[v->npending - 1].epoch
			  : v->settled > v->base.epoch ? v->settled
						       : v->base.epoch;

	if (m->at.epoch > newest)
		return ferr(FERR_CORRUPT,
			    "the topic is ahead of the checkpoint: epoch %" PRIu64
			    " is published, the checkpoint knows epochs up to %" PRIu64
			    "; go on from a newer one, or --accept-rewind writes what comes "
			    "behind the checkpoint once more",
			    m->at.epoch, newest);
	return ferr(FERR_CORRUPT,
		    "epoch %" PRIu64 " that is published is not the one of this checkpoint: "
		    "two histories of the job have written to the topic",
		    m->at.epoch);
}

int
kafka_plan(struct kafka_plan *out, const struct kafka_lane_view *v, const struct kafka_marker *m)
{
	*out = (struct kafka_plan){ 0 };
	if (m == NULL)
		return v->marked || v->base.epoch != 0 ? plan_lost(out, v, NULL) : 0;
	if (m->attempt > v->attempt)
		return ferr(FERR_FENCED,
			    "attempt %" PRIu64 " of the job has published already, this "
			    "is attempt %" PRIu64,
			    m->attempt, v->attempt);
	if (m->at.epoch < v->base.epoch)
		return plan_lost(out, v, m);
	for (unsigned i = 0; i < v->npending; i++) {
		if (!same(&m->at, &v->pending[i]))
			continue;
		out->from = m->whole ? i + 1 : i;
		out->skip = m->whole ? 0 : m->records;
		out->chunk = m->whole ? 0 : m->chunk;
		return 0;
	}
	if ((same(&m->at, &v->base) || m->at.epoch <= v->settled) && m->whole)
		return 0;
	if (v->rewind) {
		out->from = v->npending;
		return 0;
	}
	return refuse_history(v, m);
}
