/* lane_internal -- what the files of a lane share.  Nobody else includes this. */
#ifndef CONN_LANE_INTERNAL_H
#define CONN_LANE_INTERNAL_H

#include "conn/lane.h"
#include "conn/lane_log.h"
#include "coord/task.h"
#include "state/state.h"

/* A part that the checkpoint calls open, as a restart has to find it. */
struct lane_found {
	struct piece part;
	uint64_t length;
};

struct lane {
	struct dest_conf conf;
	enum fmt_kind format;
	const struct op_task *task;
	struct state_map *map;
	struct lane_log *log;
	bool cleaned;
	/* of the helper, once jobs run */
	struct lane_dest *dest;
	struct lane_found *found;
	size_t nfound;
	uint64_t next_number; /* as restored */
};

/* What the lane does with its log. */
extern const struct lane_log_class lane_log_class;

/* The path of a part below the directory; its maker. */
void lane_piece_of(const struct lane *l, const struct lane_part *p, struct piece *out);

/* Put the jobs that publish what is pending and compare lengths. */
int lane_put_restored(struct lane *l, struct op *op);

#endif
