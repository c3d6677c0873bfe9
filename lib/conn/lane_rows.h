/*
 * lane_rows -- the rows of one part or file as bytes, in a way that can be taken up again by a
 * later attempt: what was written before (header, SCHEMA) is not written twice.
 *
 * Rows gather in b; whoever takes them calls part_rows_pause first, so that b ends with a whole row
 * or frame, and sets b.n to 0 (or takes the block and leaves an empty one).
 *
 * Owner   part_rows_fini frees all; a zeroed struct needs none.
 * Errors  FERR_NOMEM; FERR_DATA: a row that the format cannot take.
 */
#ifndef CONN_LANE_ROWS_H
#define CONN_LANE_ROWS_H

#include "fmt/fmt.h"
#include "frame/frame.h"

struct part_rows {
	enum fmt_kind kind;
	struct buf b;
	/* What has to be kept: */
	uint64_t seq;	   /* frames: of the next one */
	uint32_t fields;   /* that the header (csv, tsv) or the last SCHEMA (frames) knows */
	struct buf header; /* csv, tsv: the header line that the part has, "" for none yet */
	/* private */
	struct fmt_writer *writer;
	size_t frame_at;
	uint32_t frame_rows; /* in the frame that begins at frame_at and is not sealed */
};

/* A new part: frames get their first line and a HELLO.  r is zeroed. */
int part_rows_begin(struct part_rows *r, enum fmt_kind kind);
void part_rows_fini(struct part_rows *r);
int part_rows_put(struct part_rows *r, const struct schema *s, const uint8_t *row);
void part_rows_pause(struct part_rows *r);
/* The part is whole: the END of frames; csv of no rows gets its header when s is given. */
int part_rows_end(struct part_rows *r, const struct schema *s);

#endif
