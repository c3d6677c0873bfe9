/* lane_dest_internal -- what lane_dest.c and lane_own.c share.  Nobody else includes this. */
#ifndef CONN_LANE_DEST_INTERNAL_H
#define CONN_LANE_DEST_INTERNAL_H

#include "conn/lane_dest.h"

#define OPEN_MAX 64 /* parts that are written at a time */

struct target {
	struct piece part; /* path and maker */
	int fd;
	bool hidden; /* opened under its hidden name */
	bool show;   /* rename it when it is finished */
	bool written;
	uint64_t end; /* of its last piece so far */
};

/* What to do when output is ahead of the checkpoint. */
const char *dest_way_back(const struct lane_dest *d);

struct names {
	char **v;
	size_t n, cap;
};

struct lane_dest {
	struct dest_conf conf;
	int fd;
	struct target target[OPEN_MAX]; /* in the order they were opened */
	unsigned n;
	struct target *cur; /* of the current piece; NULL: it is gone, or there are no parts */
	struct piece piece;
	uint64_t at;	   /* of its next byte */
	struct names dirs; /* below the directory, "" itself: to be synced */
	struct names gone; /* parts that were not there, and whose closing piece has not come */
	int hold;	   /* .fjord, locked shared; -1 */
	char claim[34];	   /* what .fjord must say */
	bool claimed;	   /* ... and was seen to say when the first part was made */
	bool first;	   /* what is published may have been published before */
	uint64_t end;	   /* FILE: of the last piece since dest_done; 0: none */
};

/* .fjord still says that the directory is ours. */
int dest_check_claim(struct lane_dest *d);

#endif
