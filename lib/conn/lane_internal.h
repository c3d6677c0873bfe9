/* lane_internal -- what the files of a lane share.  Nobody else includes this. */
#ifndef CONN_LANE_INTERNAL_H
#define CONN_LANE_INTERNAL_H

#include "conn/lane.h"
#include "coord/task.h"
#include "state/state.h"
#include "store/log.h"

/* A part that the checkpoint calls open, as a restart has to find it. */
struct lane_found {
	struct piece part;
	uint64_t length;
};

struct lane_job {
	struct op_job job;
	struct lane *lane;
	struct lane_job *next, **at; /* all of them, so that none is lost at the end */
	uint64_t epoch;
	/* append */
	struct piece piece;
	struct buf data;
	/* seal */
	uint8_t id[16];
	struct snap_files sealed; /* one, the result */
	/* publish */
	struct snap_files files;
};

struct lane {
	struct dest_conf conf;
	enum fmt_kind format;
	const struct op_task *task;
	struct state_map *map;
	struct lane_job *jobs;
	/* of the helper, once jobs run */
	struct lane_dest *dest;
	struct log *log;
	unsigned nlogs;
	uint64_t start; /* where the next stretch of the log begins */
	struct buf head;
	struct lane_found *found;
	size_t nfound;
	uint64_t next_number; /* as restored */
	/* of the loop */
	uint64_t epoch; /* last barrier */
	size_t moving;	/* bytes on their way to the log */
	struct buf spare;
	bool unsealed;		   /* pieces were put since the last seal */
	struct snap_files pending; /* sealed, not known to be published */
	unsigned handed;	   /* ... of which so many are with the helper to be published */
	uint64_t published;
	bool cleaned;
};

/* The path of a part below the directory; its maker. */
void lane_piece_of(const struct lane *l, const struct lane_part *p, struct piece *out);

/* Jobs. */
int lane_put_restored(struct lane *l, struct op *op);

/* FERR_CORRUPT becomes FERR_IO when the checkpoint restored from is not the newest any more: then
 * it is no wonder that output is ahead of it, and a new attempt goes on from the newest. */
int lane_blame(const struct op_task *t, int rc);

#endif
