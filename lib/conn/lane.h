/*
 * lane -- the exactly-once output of one sink subtask under fcoord (design 7): bytes are sealed
 *into the segment log at a barrier, and published when the epoch is complete.
 *
 * The sink formats rows into parts (struct lane_part); lane_put takes their bytes as a piece, in
 *the epoch helper, as they come; lane_seal ends the epoch; lane_keep notes an open part in keyed
 *state. Everything is done in the order it was given, in the epoch helper:
 *
 *	restored	publish what is pending, compare lengths with the checkpoint
 *	lane_put	make the part if it is new, append the piece to the log
 *	lane_seal	sync names, seal the log; then the stretch is pending
 *	lane_complete	publish all stretches up to that epoch: read the log, write, show, sync
 *
 * so the normal path is the recovery path, and the bytes of an aborted epoch belong to the next.
 *
 * Segments: STORE/segments/STAGE-SUBTASK.ATTEMPT.K.log, a new one above 64 MiB.
 * State: map "parts", key: key group of the lane (LE16), then the directory of the part.
 *
 * Errors  as lane_dest.h and store/log.h; what fails in the helper ends the subtask.
 */
#ifndef CONN_LANE_H
#define CONN_LANE_H

#include "conn/lane_dest.h"
#include "conn/lane_rows.h"
#include "op/op.h"

#define LANE_WRITE (128u << 10) /* bytes of a part that are worth a piece */

struct lane_part {
	struct part_rows rows; /* rows.b: not put yet */
	char *sub;	       /* "name=value/", or "" */
	uint64_t hash;	       /* of sub */
	uint16_t group;	       /* key group of the lane that began it */
	uint32_t lane;	       /* subtask that began it */
	uint64_t number, maker, offset;
	int64_t since; /* when it was begun, monotonic ns */
	int64_t used;  /* last row */
	uint64_t dev, ino;
	bool begun; /* it is made: a piece was put, or it was restored */
	bool kept;  /* it is in state */
	bool dirty; /* ... but not as it is */
};
void lane_part_free(struct lane_part *p);

struct lane;
/* In start: opens the map. */
int lane_new(struct lane **out, struct op *op, const struct dest_conf *conf, enum fmt_kind format);
void lane_free(struct lane *l);
/*
 * In on_restored: opens the destination, gives every open part of the checkpoint to take (which
 * owns it then), and puts the jobs that publish what is pending and compare lengths.  *next: the
 * first part number that is not taken; a job that begins anew numbers on above what is there.
 */
int lane_restored(struct lane *l, struct op *op, uint64_t *next,
		  int (*take)(void *cookie, struct op *op, struct lane_part *p), void *cookie);
int lane_fd(const struct lane *l); /* of the file or stdout, from then on */

/* Is so much on its way to the log that no more rows should be taken now? */
bool lane_full(const struct lane *l);
/* A new part of ours in that directory; NULL without memory. */
struct lane_part *lane_part_new(const struct lane *l, struct op *op, const char *sub,
				uint64_t number);
/* Take the bytes of the part; flags: PIECE_CLOSES. */
int lane_put(struct lane *l, struct op *op, struct lane_part *p, unsigned flags);
/* Note the part in state, or that it is not open any more. */
int lane_keep(struct lane *l, struct op *op, struct lane_part *p);
int lane_drop(struct lane *l, struct op *op, struct lane_part *p);

int lane_seal(struct lane *l, struct op *op, const struct barrier *b);
int lane_ack(struct lane *l, struct snap *s);
int lane_complete(struct lane *l, struct op *op, uint64_t epoch);
/* At the end: FERR_TRUNC when rows came behind the last barrier. */
int lane_end(const struct lane *l);

#endif
