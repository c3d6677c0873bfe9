/*
 * lane_dest -- where a lane publishes to: a directory of parts, one file, or stdout (design 7).
 *
 * Parts.  dest_create makes a part under its hidden name, exclusively, while its first piece is
 * sealed; publishing never creates.  A piece goes to its offset, so that publishing it again writes
 * the same bytes at the same place.  The part is opened under its hidden name, else its visible
 *one;
 *
 *	there is	a piece			its closing piece
 *	hidden		write; commit: show	write, show
 *	visible		write			write
 *	neither		all of it must have	it is published: a consumer
 *			been published: see	has moved it away
 *			dest_done
 *
 * Show: sync, then rename, replacing nothing; that the hidden name is gone by then is no error.
 * A part that is shorter than the place of a piece, or longer than its closing piece says, is
 *refused with both lengths.
 *
 * Blocking, one caller at a time.
 *
 * Errors  FERR_IO; FERR_CORRUPT: the output is not what the checkpoint says; FERR_USAGE: it belongs
 *         to someone else; FERR_REFUSED: the reader of stdout left.
 */
#ifndef CONN_LANE_DEST_H
#define CONN_LANE_DEST_H

#include "conn/lane_piece.h"

enum dest_kind { DEST_DIR, DEST_FILE, DEST_PRINT };

struct dest_conf {
	enum dest_kind kind;
	const char *path; /* DIR: ends with '/'; FILE: NULL is stdout, a regular file */
	bool roll;	  /* a part is seen when it is closed, not when it is first published */
	bool make;	  /* FILE: make it when it is not there */
	bool rewind;	  /* what is ahead of the checkpoint is cut back, not refused */
	bool plain;	  /* for messages: there is no option to ask for that */
};

/* Make the directory (its path ends with '/') and those above it; new names are durable. */
int dest_make_dirs(const char *path);

struct lane_dest;
/* What is made is durable. */
int dest_open(struct lane_dest **out, const struct dest_conf *conf);
void dest_close(struct lane_dest *d);
int dest_fd(const struct lane_dest *d); /* of the file, the directory, or stdout */

/* DIR/.fjord: take the directory for the job, or see that it is the job's already. */
int dest_claim(struct lane_dest *d, const uint8_t job[16], bool fresh);
/* The job begins anew: *next becomes greater than the number of every part that is there. */
int dest_next_number(struct lane_dest *d, uint64_t *next);

/*
 * At a restart: is the part as long as the checkpoint says?  exact: what was pending is published;
 * otherwise shorter is right as well.  1: rewinding, and it is gone.
 */
int dest_check(struct lane_dest *d, const struct piece *part, uint64_t length, bool exact);
/* ... and is no visible part of that lane ahead of it (its number not below `next`)? */
int dest_check_ahead(struct lane_dest *d, uint32_t lane, uint64_t next);

/* Sealing: make a part; then, once for all of them, make their names durable. */
int dest_create(struct lane_dest *d, const struct piece *p);
int dest_sync(struct lane_dest *d);

/* Publishing: feed pieces (a piece_sink whose cookie is d), then dest_done, which makes all of it
 * durable and shows what is to be seen. */
extern const struct piece_sink dest_sink; /* its cookie is to be set */
/* Pieces follow.  first: they may have been published before, so that more may be there than they
 * begin behind; else that is what somebody else has written (FERR_CORRUPT). */
void dest_begin(struct lane_dest *d, bool first);
int dest_done(struct lane_dest *d);

/* Remove hidden parts for which gone(cookie, path, name) says so, and half-made claims. */
int dest_clean(struct lane_dest *d,
	       bool (*gone)(void *cookie, const char *path, const struct part_name *name),
	       void *cookie);

#endif
