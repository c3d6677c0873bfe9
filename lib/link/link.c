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
	int rc;

	*l = (struct link_in){ .fd = fd };
	if ((rc = prepare(&l->fd, &l->kind, &l->nonblock, false)) != 0)
		link_in_close(l);
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

/* May the next n bytes be lent?  Makes the ring when it is first needed. */
static bool
lends(struct link_out *l, size_t n)
{
	int size;

	if (n < LINK_LEND_MIN || l->kind != LINK_PIPE_ || !l->nonblock)
		return false;
	if (!l->lends && !(l->lends = fio_pipe_promised(l->fd)))
		return false;
	size = fio_pipe_size(l->fd, 0);
	if (l->ring == NULL && size > 0) {
		l->ring_size = (size_t)size + 2 * LINK_LEND_MAX;
		l->ring = fio_pages(l->ring_size);
	}
	return l->ring != NULL && (size_t)size + 2 * LINK_LEND_MAX <= l->ring_size;
}

/* Lend some of p[0..n): copied into the ring's next pages, which go into the pipe as they are. */
static ssize_t
lend(struct link_out *l, const uint8_t *p, size_t n)
{
	uint8_t *at;
	ssize_t k;

	if (n > LINK_LEND_MAX)
		n = LINK_LEND_MAX;
	if (l->ring_at + n > l->ring_size)
		l->ring_at = 0;
	at = l->ring + l->ring_at;
	memcpy(at, p, n);
	if ((k = fio_pipe_lend(l->fd, at, n)) > 0)
		l->ring_at += ((size_t)k + PAGE - 1) / PAGE * PAGE;
	return k;
}

/* Write as much as goes; returns bytes taken or an error. */
static ssize_t
take(struct link_out *l, const uint8_t *p, size_t n)
{
	size_t done = 0;
	ssize_t k;

	while (done < n) {
		if (lends(l, n - done))
			k = lend(l, p + done, n - done);
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
	ssize_t k;

	if (l->at == l->q.n)
		return 0;
	if ((k = take(l, l->q.p + l->at, l->q.n - l->at)) < 0)
		return (int)k;
	l->at += (size_t)k;
	if (l->at == l->q.n)
		l->at = l->q.n = 0;
	return 0;
}

int
link_out_put(struct link_out *l, const void *p, size_t n)
{
	ssize_t k = 0;
	int rc;

	if ((rc = link_out_push(l)) != 0)
		return rc;
	if (l->at == l->q.n && (k = take(l, p, n)) < 0)
		return (int)k;
	if ((size_t)k == n)
		return 0;
	if (l->at > LINK_QUEUE) {
		buf_shift(&l->q, l->at);
		l->at = 0;
	}
	return buf_put(&l->q, (const uint8_t *)p + k, n - (size_t)k);
}
