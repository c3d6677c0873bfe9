/*
 * link -- the two ends of an edge as byte streams: pipe, FIFO, socket, terminal, file.
 *
 * Pipes and sockets never block us: a pipe is opened anew through /proc so that O_NONBLOCK is ours
 * alone (others may share the descriptor we were given); a socket is used with MSG_DONTWAIT.  Files
 * and terminals block, which is short. Pipes are enlarged to LINK_PIPE bytes from both ends.  Where
 * the reader has promised to copy (fio_pipe_promise), large pieces are lent to the pipe out of a
 * ring of pages, which spares the kernel's copy and its lock: a page is written to again only after
 * as many pages as the pipe can hold have followed it.
 *
 * Owner   link_*_open takes the descriptor over and closes it, also when it fails.
 * Errors  FERR_IO, FERR_NOMEM; FERR_CLOSED when the reader left.
 */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

#define LINK_PIPE (1 << 20)
#define LINK_READ (256u << 10)	/* bytes asked for at once */
#define LINK_QUEUE (256u << 10) /* bytes waiting in an output above which it is full */

enum link_kind { LINK_FILE, LINK_PIPE_, LINK_SOCK };

struct link_in {
	int fd;
	enum link_kind kind;
	bool nonblock;
	bool ask; /* a terminal, or a pipe that is not ours alone: a read could wait */
	bool eof;
	bool dry;     /* the last read got less than it asked for: the next would wait */
	struct buf b; /* bytes [at, b.n) are unread */
	size_t at;
};

int link_in_open(struct link_in *l, int fd);
void link_in_close(struct link_in *l);
/* Read once behind what is there: >0 bytes, 0 at the end of the stream (eof is set), FERR_AGAIN,
 * FERR_IO. */
ssize_t link_in_fill(struct link_in *l);

/*
 * Pieces below LINK_LEND_MIN bytes are written, which lets the kernel pack them.  A lease has
 * LINK_LEND_MAX.  What is lent is handed over LINK_BATCH bytes at a time, since each hand-over may
 * wake the reader.  LINK_PIECES may wait in the ring; what comes behind them is copied to q.
 */
#define LINK_LEND_MIN (16u << 10)
#define LINK_LEND_MAX (64u << 10)
#define LINK_BATCH (256u << 10)
#define LINK_PIECES 64

/* Bytes in the ring that the pipe has not taken yet. */
struct link_piece {
	size_t at, n;
};

struct link_out {
	int fd;
	enum link_kind kind;
	bool nonblock;
	/* The ring: pages for what the pipe holds, what waits, and the lease. */
	uint8_t *ring; /* NULL until the reader has promised */
	size_t ring_size;
	size_t ring_at;			      /* where the lease is */
	struct link_piece piece[LINK_PIECES]; /* a queue */
	unsigned first, npieces;
	size_t in_pieces; /* bytes */
	/* Behind all pieces: bytes [at, q.n) wait. */
	struct buf q;
	size_t at;
};

int link_out_open(struct link_out *l, int fd);
void link_out_close(struct link_out *l);
/*
 * Memory in which the next piece may be built, so that link_out_put need not copy it: *b becomes a
 * lent, empty buf with room for LINK_LEND_MAX bytes.  False (b untouched) when this output does not
 * lend.  It is good until that link_out_put.
 */
bool link_out_lease(struct link_out *l, struct buf *b);
/* Send p[0..n), or queue what the other side does not take now.  A lease may wait until LINK_BATCH
 * bytes are together, or link_out_push. */
int link_out_put(struct link_out *l, const void *p, size_t n);
/* Send what is queued as far as it goes: 0, or an error. */
int link_out_push(struct link_out *l);

static inline size_t
link_out_waiting(const struct link_out *l)
{
	return l->in_pieces + l->q.n - l->at;
}

static inline bool
link_out_full(const struct link_out *l)
{
	return link_out_waiting(l) > LINK_QUEUE;
}

#endif
