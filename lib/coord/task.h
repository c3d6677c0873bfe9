/*
 * task -- what a supervised subtask is told at its start: who it is, where its store is, what it is
 * restored from, and which descriptors are its inputs and outputs.  Pure codec: the body of
 * CTL_START.
 *
 * Owner   task_fini frees what task_decode made; task_encode borrows.
 * Errors  FERR_NOMEM, FERR_CORRUPT.
 */
#ifndef COORD_TASK_H
#define COORD_TASK_H

#include "coord/snap.h"

struct op_task {
	uint8_t job[16];
	uint64_t attempt;
	uint64_t epoch; /* restored from; 0: none */
	uint32_t subtask, parallel, groups;
	uint32_t out_groups; /* key groups of what it gives out, where it sets the key */
	uint32_t lo, hi;     /* key groups that are ours, both ends in */
	char *stage;	     /* name */
	char *store;	     /* directory of the job's store */
	char *local;	     /* directory for what can be rebuilt, ours alone; not made yet */
	bool exactly;	     /* the guarantee that is asked for */
	bool rewind;	     /* --accept-rewind: output ahead of the checkpoint is cut back */
	bool plain;	     /* of a pipeline in a plain shell */
	bool selects;	     /* a source: of all fields only `reads` are wanted downstream */
	char **reads;
	unsigned nreads;
	struct snap *snap; /* what the stage is restored from: one per old subtask, all of them */
	unsigned nsnap;
	bool same; /* the parallelism has not changed: snap[subtask] is ours alone */
};

/* The old subtask i's key groups are [snap_lo, snap_hi] (C35). */
static inline uint32_t
group_lo(uint32_t i, uint32_t parallel, uint32_t groups)
{
	return (uint32_t)(((uint64_t)i * groups + parallel - 1) / parallel);
}

static inline uint32_t
group_hi(uint32_t i, uint32_t parallel, uint32_t groups)
{
	return (uint32_t)((((uint64_t)i + 1) * groups - 1) / parallel);
}

/* What to do when the old state is not wanted. */
static inline const char *
task_anew(bool plain)
{
	return plain ? "another FSTATE directory begins anew"
		     : "--fresh, or another --name, begins anew";
}

struct task_side {
	char *path;
	int fd;
};

/* A stage that runs in our process, on the rows of an output edge, behind those before it in the
 * list.
 */
struct task_chain {
	int edge;
	char **words;
	unsigned n;
};

struct task_wires {
	int *in, *out;
	int *input; /* of each in: which input of the stage it belongs to (a join has two) */
	int *edge;  /* of each output: which edge it belongs to */
	unsigned nin, nout;
	struct task_side *side;
	unsigned nside;
	struct task_chain *chain;
	unsigned nchain;
};

int task_encode(const struct op_task *t, const struct task_wires *w, struct buf *out);
int task_decode(struct op_task *t, struct task_wires *w, const uint8_t *p, size_t n);
void task_fini(struct op_task *t, struct task_wires *w);

#endif
