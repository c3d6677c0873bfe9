/*
 * look -- what fwindow keeps in state, for people.  The stage's signature tells all that is needed:
 * the kind of windows, their sizes, the aggregates.
 *
 *	map		a value
 *	pane		the aggregates of a pane: a window, or what windows are put together from
 *			(slide, cumulate); its namespace tells which
 *	session		the open sessions of a key
 *	keys		the aggregates of a key (running, global), and its last event time
 *	changes		the same of running over a changing stream, and how many records it has
 *	done		the event time of the record that first has given out
 *	count		those of its last records, and how many it has seen
 *			(the rows that first, last and top keep are not read)
 *	ahead		how far a key group is ahead of the others, after a rescale
 *
 * Errors  FERR_USAGE: a signature of another version; FERR_NOTYET: a map or version that this does
 *         not know; FERR_CORRUPT: not a value of that map.
 */
#ifndef WIN_LOOK_H
#define WIN_LOOK_H

#include "base/buf.h"
#include "state/look.h"

struct win_look;

int win_look_new(struct win_look **out, const char *signature);
void win_look_free(struct win_look *l);

/* Whose key is it: canonical key bytes, or a key group alone? */
bool win_look_grouped(const char *map);

struct win_item {
	int64_t start, end;	 /* of the window, UTC; ROW_NOTIME: it has none */
	int64_t time;		 /* last event time; ROW_NOTIME: not kept */
	int64_t seen;		 /* records counted; -1: not kept */
	int fired;		 /* 1: it has fired, and waits for late records; -1: not kept */
	const struct buf *value; /* JSON; borrowed until fn returns */
};
/* Call fn for what a value holds: once, or for each session; its first non-zero result ends it. */
int win_look(struct win_look *l, const struct state_seen *s,
	     int (*fn)(void *cookie, const struct win_item *it), void *cookie);

#endif
