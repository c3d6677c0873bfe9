/*
 * hall -- where the stages of a plain pipeline meet their coordinator (design §6): the Unix socket
 * DIR/join.  Each says which one it is (CTL_JOIN) and waits; one of another pipeline is hung up on.
 */
#ifndef SUP_HALL_H
#define SUP_HALL_H

#include "frame/frame.h"
#include "sup/run.h"

/* Listen at DIR/join: the descriptor, or FERR_IO. */
int hall_open(const char *dir);
/*
 * Until all stages that h names are there: their job, with what they say of themselves, and how to
 * reach stage i of it, (*guest)[i]; both are the caller's.  FERR_USAGE: one is not there within
 * 10 s; FERR_IO: one has ended, or child (a pidfd) has, or a signal came.
 */
int hall_gather(int hall, int child, const struct hello *h, struct job **job,
		struct run_guest **guest, int *signal);
/* Tell those n, who wait, with which status the pipeline ends; their descriptors are closed. */
void hall_refuse(const struct run_guest *guest, unsigned n, int status);
/* Nobody can come any more. */
void hall_close(int hall, const char *dir);

#endif
