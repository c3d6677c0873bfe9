/* link: see link.h. */
#include "link/link.h"

#include <errno.h>

#include "fio/fio.h"

#define PAGE 4096u

/* What kind of thing is fd; for pipes exchange it for one of our own that does not block. */
static int
prepare(int *fd, enum link_kind *kind, bool *nonblock, bool write)
{
	struct stat st;
	int own;

	*kind = LINK_FILE;
	*nonblock = false;
	if (fio_fstat(*fd, &st) == -1)
		return ferr_sys(FERR_IO, "%s is not open", write ? "the output" : "the input");
	if (S_ISSOCK(st.st_mode)) {
		*kind = LINK_SOCK;
		*nonblock = true;
	} else if (S_ISFIFO(st.st_mode)) {
		*kind = LINK_PIPE_;
		fio_pipe_size(*fd, LINK_PIPE);
		if (!write)
			fio_pipe_promise(*fd);
		if ((own = fio_reopen_nonblock(*fd, write)) != -1) {
			*nonblock = true;
			fio_close(*fd);
			*fd = own;
		}
	}
	return 0;
}

int
link_in_open(struct link_in *l, int fd)
{
	struct stat st;
	int rc;

	*l = (struct link_in){ .fd = fd };
	if ((rc = prepare(&l->fd, &l->kind, &l->nonblock, false)) != 0)
		link_in_close(l);
	else
		l->ask = !l->nonblock && fio_fstat(l->fd, &st) == 0 && !S_ISREG(st.st_mode);
	return rc;
}

void
link_in_close(struct link_in *l)
{
	if (l->fd >= 0)
		fio_close(l->fd);
	l->fd = -1;
	buf_fini(&l->b);
	l->at = 0;
}

ssize_t
link_in_fill(struct link_in *l)
{
	ssize_t k;
	size_t want;

	if (l->eof)
		return 0;
	if (l->at == l->b.n) {
		l->at = l->b.n = 0;
	} else if (l->at > 0) {
		buf_shift(&l->b, l->at);
		l->at = 0;
	}
	if (l->b.cap < LINK_READ || l->b.cap - l->b.n < LINK_READ / 4) {
		if (buf_room(&l->b, LINK_READ) != 0)
			return FERR_NOMEM;
	}
	want = l->b.cap - l->b.n;
	if (want > LINK_READ)
		want = LINK_READ;
	if (l->ask && !fio_readable(l->fd))
		return FERR_AGAIN;
	if (l->kind == LINK_SOCK)
		k = fio_recv(l->fd, l->b.p + l->b.n, want);
	else
		k = fio_read(l->fd, l->b.p + l->b.n, want);
	if (k == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return FERR_AGAIN;
		return ferr_sys(FERR_IO, "reading the input");
	}
	l->dry = (size_t)k < want;
	l->eof = k == 0;
	l->b.n += (size_t)k;
	return k;
}

int
link_out_open(struct link_out *l, int fd)
{
	int rc;

	*l = (struct link_out){ .fd = fd };
	if ((rc = prepare(&l->fd, &l->kind, &l->nonblock, true)) != 0)
		link_out_close(l);
	return rc;
}

void
link_out_close(struct link_out *l)
{
	if (l->fd >= 0)
		fio_close(l->fd);
	l->fd = -1;
	buf_fini(&l->q);
	l->at = 0;
	fio_pages_free(l->ring, l->ring_size);
	l->ring = NULL;
}

/* ---- lending ---- */

/* Does this output lend pages?  Makes the ring when it is first needed. */
static bool
lends(struct link_out *l)
{
	int size;

	if (l->ring != NULL)
		return true;
	if (l->kind != LINK_PIPE_ || !l->nonblock || !fio_pipe_promised(l->fd) ||
	    (size = fio_pipe_size(l->fd, 0)) <= 0)
		return false;
	/* In the pipe, waiting, the lease, and what is skipped when the ring begins anew. */
	l->ring_size = (size_t)size + LINK_PIECES * (LINK_LEND_MAX / 4 + PAGE) + 2 * LINK_LEND_MAX;
	return (l->ring = fio_pages(l->ring_size)) != NULL;
}

bool
link_out_lease(struct link_out *l, struct buf *b)
{
	if (!lends(l))
		return false;
	if (l->ring_at + LINK_LEND_MAX > l->ring_size)
		l->ring_at = 0;
	*b = (struct buf){ .p = l->ring + l->ring_at,
			   .cap = LINK_LEND_MAX - BUF_SLACK,
			   .lent = true };
	return true;
}

/*
 * Keep the lease's first n bytes as a piece that waits: false when there are too many, or so few that
 * they are written.  What is written does not take pages of the pipe one for one, as what is lent does,
 * so it must not count in the ring: a page would come round before the pipe has let go of it.
 */
static bool
keep(struct link_out *l, size_t n)
{
	if (n < LINK_LEND_MIN || l->npieces == LINK_PIECES || l->in_pieces + n > LINK_PIECES * LINK_LEND_MAX / 4 ||
	    l->q.n > 0)
		return false;
	l->piece[(l->first + l->npieces++) % LINK_PIECES] = (struct link_piece){ l->ring_at, n };
	l->in_pieces += n;
	l->ring_at += (n + PAGE - 1) / PAGE * PAGE;
	return true;
}

/* ---- sending ---- */

/* Hand over p[0..n), in the ring or not; returns bytes taken (0: none now) or an error. */
static ssize_t
take(struct link_out *l, const uint8_t *p, size_t n, bool ours)
{
	size_t done = 0;
	ssize_t k;

	while (done < n) {
		if (ours) /* the rest of a piece as well, for the same reason */
			k = fio_pipe_lend(l->fd, p + done, n - done);
		else if (l->kind == LINK_SOCK)
			k = fio_send(l->fd, p + done, n - done);
		else
			k = fio_write(l->fd, p + done, n - done);
		if (k == -1) {
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				break;
			if (errno == EPIPE || errno == ECONNRESET)
				return ferr(FERR_CLOSED, "the reader left");
			return ferr_sys(FERR_IO, "writing the output");
		}
		done += (size_t)k;
	}
	return (ssize_t)done;
}

int
link_out_push(struct link_out *l)
{
	struct link_piece *x;
	ssize_t k;

	while (l->npieces > 0) {
		x = &l->piece[l->first];
		if ((k = take(l, l->ring + x->at, x->n, true)) < 0)
			return (int)k;
		x->at += (size_t)k;
		x->n -= (size_t)k;
		l->in_pieces -= (size_t)k;
		if (x->n > 0)
			return 0;
		l->first = (l->first + 1) % LINK_PIECES;
		l->npieces--;
	}
	if (l->at == l->q.n)
		return 0;
	if ((k = take(l, l->q.p + l->at, l->q.n - l->at, false)) < 0)
		return (int)k;
	l->at += (size_t)k;
	if (l->at == l->q.n)
		l->at = l->q.n = 0;
	return 0;
}

int
link_out_put(struct link_out *l, const void *p, size_t n)
{
	bool ours = l->ring != NULL && p == l->ring + l->ring_at;
	int rc;

	if (ours && keep(l, n))
		return l->in_pieces < LINK_BATCH ? 0 : link_out_push(l);
	if ((rc = link_out_push(l)) != 0)
		return rc;
	if (link_out_waiting(l) == 0) {
		ssize_t k = take(l, p, n, false);

		if (k < 0)
			return (int)k;
		p = (const uint8_t *)p + k;
		n -= (size_t)k;
	}
	if (n == 0)
		return 0;
	if (l->at > LINK_QUEUE) {
		buf_shift(&l->q, l->at);
		l->at = 0;
	}
	return buf_put(&l->q, p, n);
}
