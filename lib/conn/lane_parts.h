/*
 * lane_parts -- the part files of fsink DIR/ under fcoord: which are open, when they are rolled.
 *
 * One part per directory is open.  A part is closed when it has its size, at a barrier when it has
 * its age, with --roll epoch at every barrier, at the last one always (at STOP only with --visible
 * roll, where it would stay unseen), and when it was adopted from a lane of another parallelism.
 * That is decided when sealing, never when publishing.  Numbers belong to the subtask and never
 * restart: op_number "part".
 */
#ifndef CONN_LANE_PARTS_H
#define CONN_LANE_PARTS_H

#include "conn/parts.h"

struct lane_parts;
int lane_parts_new(struct lane_parts **out, struct op *op, const struct parts_conf *conf);
void lane_parts_free(struct lane_parts *l);
int lane_parts_restored(struct lane_parts *l, struct op *op);
bool lane_parts_full(const struct lane_parts *l);
/* sub: "name=value/", or ""; schema: of the row. */
int lane_parts_row(struct lane_parts *l, struct op *op, const char *sub, size_t n,
		   const struct schema *schema, const uint8_t *row);
int lane_parts_barrier(struct lane_parts *l, struct op *op, const struct barrier *b);
int lane_parts_ack(struct lane_parts *l, struct snap *s);
int lane_parts_complete(struct lane_parts *l, struct op *op, uint64_t epoch);
int lane_parts_end(const struct lane_parts *l);

#endif
