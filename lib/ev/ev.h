/*
 * ev -- waiting: descriptors, a deadline, and signals as events.
 *
 * A round: ev_begin, ev_watch what matters now, ev_wait.  Signals (INT, TERM, HUP) are counted, no
 * handler does work.
 */
#ifndef EV_EV_H
#define EV_EV_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define EV_FOREVER INT64_MAX

struct ev {
	int sigfd;
	int signal;	  /* the first that came, 0: none */
	unsigned signals; /* how many */
	struct pollfd *fds;
	unsigned n, cap;
	bool quiet; /* the last wait ended by its deadline */
};

int ev_init(struct ev *e); /* FERR_IO, FERR_NOMEM */
void ev_fini(struct ev *e);

void ev_begin(struct ev *e);
/* Watch fd for POLLIN or POLLOUT in this round: 0 or FERR_NOMEM. */
int ev_watch(struct ev *e, int fd, short events);
/* Wait until something is ready, a signal came, or mono_ns() reaches deadline (0: only look). */
int ev_wait(struct ev *e, int64_t deadline);

#endif
