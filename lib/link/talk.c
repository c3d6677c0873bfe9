/* talk: see talk.h. */
#include "link/talk.h"

#include <errno.h>

#include "fio/fio.h"
#include "fio/proc.h"

#define READ_SIZE (64u << 10)
#define TRIM (1u << 20)

int
talk_open(struct talk *t, int in, int out)
{
	*t = (struct talk){ .in = in, .out = out };
	if (fio_nonblock(in) == -1 || fio_nonblock(out) == -1)
		return ferr_sys(FERR_IO, "a control socket cannot be used");
	return 0;
}

void
talk_close(struct talk *t)
{
	fio_close(t->in);
	if (t->out != t->in)
		fio_close(t->out);
	buf_fini(&t->got);
	buf_fini(&t->due);
}

int
talk_fill(struct talk *t)
{
	ssize_t k;

	if (t->at > 0) {
		buf_shift(&t->got, t->at);
		t->at = 0;
	}
	if (buf_room(&t->got, READ_SIZE) != 0)
		return FERR_NOMEM;
	if ((k = fio_read(t->in, t->got.p + t->got.n, READ_SIZE)) == -1) {
		if (errno == EAGAIN)
			return 0;
		return errno == ECONNRESET ? FERR_CLOSED : ferr_sys(FERR_IO, "control");
	}
	t->got.n += (size_t)k;
	return k > 0 ? 1 : FERR_CLOSED;
}

int
talk_next(struct talk *t, struct ctl_msg *m)
{
	size_t used;
	int rc = ctl_decode(m, t->got.p + t->at, t->got.n - t->at, &used);

	if (rc == FERR_AGAIN)
		return 0;
	if (rc != 0)
		return rc;
	t->at += used;
	return 1;
}

/* What has left need not be kept until all has. */
static int
trim(struct talk *t)
{
	if (t->sent > TRIM) {
		buf_shift(&t->due, t->sent);
		t->sent = 0;
	}
	return 0;
}

int
talk_push(struct talk *t)
{
	ssize_t k;

	while (t->sent < t->due.n) {
		if ((k = fio_write(t->out, t->due.p + t->sent, t->due.n - t->sent)) == -1) {
			if (errno == EAGAIN)
				return trim(t);
			return errno == EPIPE || errno == ECONNRESET ? FERR_CLOSED
								     : ferr_sys(FERR_IO, "control");
		}
		t->sent += (size_t)k;
	}
	t->due.n = t->sent = 0;
	return 0;
}

int
talk_put(struct talk *t, enum ctl_kind kind, uint32_t sub, const void *body, size_t n)
{
	int rc = ctl_put(&t->due, kind, sub, body, n);

	return rc != 0 ? rc : talk_push(t);
}
