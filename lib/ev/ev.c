/* ev: see ev.h. */
#include "ev/ev.h"

#include <stdlib.h>

#include "fio/fio.h"

int
ev_init(struct ev *e)
{
	*e = (struct ev){ .sigfd = fio_signalfd() };
	if (e->sigfd == -1)
		return ferr_sys(FERR_IO, "cannot watch signals");
	return 0;
}

void
ev_fini(struct ev *e)
{
	if (e->sigfd > 0)
		fio_close(e->sigfd);
	free(e->fds);
	*e = (struct ev){ .sigfd = -1 };
}

void
ev_begin(struct ev *e)
{
	e->n = 0;
}

int
ev_watch(struct ev *e, int fd, short events)
{
	struct pollfd *fds;
	unsigned cap = e->cap != 0 ? e->cap * 2 : 8;

	if (e->n + 1 >= e->cap) { /* one more for the signals */
		if ((fds = realloc(e->fds, cap * sizeof(*fds))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		e->fds = fds;
		e->cap = cap;
	}
	e->fds[e->n++] = (struct pollfd){ .fd = fd, .events = events };
	return 0;
}

int
ev_wait(struct ev *e, int64_t deadline)
{
	int64_t left;
	int timeout = -1, rc, sig, ready;

	if ((rc = ev_watch(e, e->sigfd, POLLIN)) != 0)
		return rc;
	if (deadline != EV_FOREVER) {
		left = deadline == 0 ? 0 : deadline - fio_mono_ns();
		left = left <= 0 ? 0 : (left + 999999) / 1000000;
		timeout = left > INT32_MAX ? INT32_MAX : (int)left;
	}
	if ((ready = fio_poll(e->fds, e->n, timeout)) == -1)
		return ferr_sys(FERR_IO, "poll");
	e->quiet = ready == 0;
	if (e->fds[e->n - 1].revents != 0) {
		while ((sig = fio_signal_next(e->sigfd)) != 0) {
			if (e->signals++ == 0)
				e->signal = sig;
		}
	}
	return 0;
}
