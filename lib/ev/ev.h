/*
 * ev -- waiting: descriptors, a deadline, and signals as events.
 *
 * A round: ev_begin, ev_watch what matters now, ev_wait.  Signals (INT, TERM, HUP) are counted, no handler
 * does work; ev_signals tells how many came and which was the first.
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
};

int ev_init(struct ev *e); /* FERR_IO, FERR_NOMEM */
void ev_fini(struct ev *e);

void ev_begin(struct ev *e);
/* Watch fd for POLLIN or POLLOUT in this round; returns its place for ev_ready, or FERR_NOMEM. */
int ev_watch(struct ev *e, int fd, short events);
/* Wait until something is ready, a signal came, or mono_ns() reaches deadline (0: only look). */
int ev_wait(struct ev *e, int64_t deadline);
bool ev_ready(const struct ev *e, int place);

#endif
