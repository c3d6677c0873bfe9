/* link: what is lent to a pipe is not overwritten before the reader has taken it. */
#include <fcntl.h>
#include <unistd.h>

#include "fio/fio.h"
#include "link/link.h"
#include "t.h"

/* Put n bytes of value v, in a lease when there is one. */
static void
put(struct link_out *l, size_t n, uint8_t v)
{
	static uint8_t own[LINK_LEND_MAX];
	struct buf b;
	uint8_t *p = link_out_lease(l, &b) ? b.p : own;

	memset(p, v, n);
	T_INT(link_out_put(l, p, n), 0);
}

static size_t
take_run(struct link_in *in, uint8_t v)
{
	size_t n = 0;

	for (;;) {
		while (in->at < in->b.n && in->b.p[in->at] == v) {
			in->at++;
			n++;
		}
		if (in->at < in->b.n || link_in_fill(in) <= 0)
			return n;
	}
}

T(small_pieces_behind_large_ones_do_not_come_round_the_ring)
{
	struct link_out out;
	struct link_in in;
	size_t large = 0, small = 0;
	int fd[2];

	T_INT(pipe(fd), 0);
	T_INT(link_in_open(&in, fd[0]), 0); /* promises to copy */
	T_INT(link_out_open(&out, fd[1]), 0);
	for (int i = 0; i < 8; i++)
		put(&out, LINK_LEND_MIN * 2, 'L');
	large = 8 * LINK_LEND_MIN * 2;
	for (int i = 0; i < 2000; i++, small += 100)
		put(&out, 100, 's');
	T_INT(link_out_push(&out), 0);
	T_INT(take_run(&in, 'L'), large);
	T_INT(take_run(&in, 's') + link_out_waiting(&out), small);
	link_out_close(&out);
	link_in_close(&in);
}

T_MAIN
