/*
 * lane_piece -- what a sink seals, as bytes: pieces of parts in the segment log, and what is kept
 *in state of a part that is open.  Pure codec.
 *
 * A segment is a row of pieces.  A piece is some bytes of one part and where they belong:
 *	u32 data length   u8 flags   u8 0   u16 path length   u64 offset   u64 maker   path   data
 * The path is that of the visible part below DIR ("" for a sink of one file); the maker is the
 * attempt whose hidden name the part has: `sub/part-0-7.csv` of attempt 3 is `sub/.part-0-7.csv.3`.
 * Pieces of one part follow each other without a gap.  A part that is not the only one (path not
 * "") begins with a piece that CREATES and ends with one that CLOSES, which may be empty.
 *
 * Errors  FERR_CORRUPT, FERR_NOMEM.
 */
#ifndef CONN_LANE_PIECE_H
#define CONN_LANE_PIECE_H

#include <stdbool.h>

#include "base/buf.h"

#define PIECE_HDR 24u
#define PIECE_PATH_MAX 512u

enum { PIECE_CREATES = 1, PIECE_CLOSES = 2 };

struct piece {
	uint32_t n; /* bytes of data */
	uint8_t flags;
	uint64_t offset;
	uint64_t maker;
	char path[PIECE_PATH_MAX + 1];
};

int piece_head(const struct piece *p, struct buf *out); /* appends all but the data */
/* The hidden name of a part, relative like its path. */
void piece_hidden(const struct piece *p, char out[PIECE_PATH_MAX + 32]);

/*
 * Read pieces from bytes that come in stretches of any length.  begin is called before the first
 * byte of a piece, data with each run of its bytes, end behind the last; each may be called for an
 * empty piece, too, but data.
 */
struct piece_sink {
	int (*begin)(void *cookie, const struct piece *p);
	int (*data)(void *cookie, const uint8_t *p, size_t n);
	int (*end)(void *cookie);
	void *cookie;
};
struct piece_reader {
	const struct piece_sink *sink;
	uint8_t head[PIECE_HDR + PIECE_PATH_MAX];
	size_t have;   /* of the head */
	bool inside;   /* the head is complete */
	uint32_t left; /* data to come */
};
void piece_reader_init(struct piece_reader *r, const struct piece_sink *sink);
int piece_feed(struct piece_reader *r, const uint8_t *p, size_t n);
int piece_done(const struct piece_reader *r); /* FERR_CORRUPT in the middle of a piece */

/* Names: part-SUBTASK-N.ext and, hidden, .part-SUBTASK-N.ext.MAKER (0 when it is not a number). */
struct part_name {
	bool hidden;
	uint32_t lane;
	uint64_t number, maker;
};
bool part_name_parse(struct part_name *out, const char *name);

/* An open part as it is kept in state. */
struct part_rec {
	uint32_t lane;	 /* subtask that began it */
	uint64_t number; /* N of part-SUBTASK-N; one file: 1 when its frames have ended */
	uint64_t maker;
	uint64_t offset;   /* bytes sealed so far */
	int64_t age;	   /* ms since it was begun */
	uint64_t dev, ino; /* stdout that is a file; else 0 */
	/* what formatting needs to go on (lane_rows.h) */
	uint64_t seq;
	uint32_t fields;
	const uint8_t *header; /* borrowed */
	uint32_t nheader;
};
int part_rec_encode(const struct part_rec *r, struct buf *out);
int part_rec_decode(struct part_rec *r, const uint8_t *p, size_t n);

#endif
