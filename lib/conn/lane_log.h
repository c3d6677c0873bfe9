/*
 * lane_log -- the segment log of one sink subtask under fcoord (design 7): bytes are sealed at a
 * barrier, durable and invisible, and handed to whoever publishes them when the epoch is complete.
 *
 * Everything is done in the order in which it was given, in the epoch helper, so that the normal
 * path is the recovery path, and the bytes of an aborted epoch belong to the next:
 *
 *	lane_log_adopt	publish what an old subtask had sealed and not published
 *	lane_log_put	append to the log
 *	lane_log_do	whatever else has to happen between these
 *	lane_log_seal	make it durable; then the stretch is pending
 *	lane_log_complete	publish all stretches up to that epoch
 *
 * Segments: STORE/segments/STAGE-SUBTASK.ATTEMPT.K.log, a new one above 64 MiB.
 *
 * Errors  as store/log.h and those of the callbacks; what fails in the helper ends the subtask.
 */
#ifndef CONN_LANE_LOG_H
#define CONN_LANE_LOG_H

#include "op/op.h"

/* Called in the helper, unless said otherwise. */
struct lane_log_class {
	/* Before the log is sealed; NULL: nothing to do. */
	int (*sync)(void *self);
	/*
	 * Publish those stretches, oldest first (none at all is possible): lane_log_read reads
	 * one.  lane: what lane_log_adopt was given; NULL: our own.  All of it is durable behind
	 * that, up to that epoch.
	 */
	int (*publish)(void *self, void *lane, const struct snap_files *files, uint64_t epoch);
	/* In the loop, when our own lane is published up to that epoch: from here on no ack has it
	 * as pending.  NULL: it does not matter. */
	void (*published)(void *self, struct op *op, uint64_t epoch);
};

struct lane_log;
int lane_log_new(struct lane_log **out, struct op *op, const struct lane_log_class *cls,
		 void *self);
void lane_log_free(struct lane_log *l);

/* Is so much on its way to the disk that no more rows should be taken now? */
bool lane_log_full(const struct lane_log *l);
/* Append head (copied; may be empty) and data, whose memory is taken: it gets a block of the log's
 * that is empty and may have room. */
int lane_log_put(struct lane_log *l, struct op *op, const void *head, size_t nhead,
		 struct buf *data);
/* Have run(self, arg) called; arg is free()d behind it, also when that never comes to pass. */
int lane_log_do(struct lane_log *l, struct op *op, int (*run)(void *self, void *arg), void *arg);
int lane_log_seal(struct lane_log *l, struct op *op, const struct barrier *b);
/* Was something put since the last seal? */
bool lane_log_unsealed(const struct lane_log *l);
/* Add what is pending, and how far all is published, to an ack. */
int lane_log_ack(struct lane_log *l, struct snap *s);
int lane_log_complete(struct lane_log *l, struct op *op, uint64_t epoch);
/* At the end: FERR_TRUNC when something was put behind the last barrier. */
int lane_log_end(const struct lane_log *l);

/*
 * At a restart, in on_restored: have published what the old subtask of task->snap[i] had pending,
 * as `lane` of the class's publish.  No epoch is acked before that is done.  Whoever adopts calls
 * lane_log_complete(task->epoch) behind the last of them.
 */
int lane_log_adopt(struct lane_log *l, struct op *op, unsigned i, void *lane);
/* Is that old subtask ours now: its lane belongs to a key group of ours? */
bool lane_log_ours(const struct op_task *t, unsigned i);

/* A sink that has no lanes any more (--guarantee at-least-once) begins: FERR_USAGE when the
 * checkpoint has something pending, which nobody would publish. */
int lane_log_refuse(const struct op_task *t);

/* In publish: the bytes of a stretch, block by block as they were put (head and data of one put are
 * two blocks).  FERR_CORRUPT also when the file is gone. */
int lane_log_read(const struct op_task *t, const struct snap_file *f,
		  int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n),
		  void *cookie);
/* The id of the barrier that ended a stretch. */
int lane_log_id(const struct op_task *t, const struct snap_file *f, uint8_t id[16]);

/* FERR_CORRUPT becomes FERR_IO when the checkpoint restored from is not the newest any more: then
 * it is no wonder that output is ahead of it, and a new attempt goes on from the newest. */
int lane_log_blame(const struct op_task *t, int rc);

#endif
