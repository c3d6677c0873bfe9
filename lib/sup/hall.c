/* hall: see hall.h. */
#include "sup/hall.h"

#include <fcntl.h>
#include <stdlib.h>

#include "coord/ctl.h"
#include "ev/ev.h"
#include "fio/fio.h"
#include "fio/proc.h"
#include "manifest/job_chain.h"
#include "sup/agent.h"

#define GATHER_NS 10000000000LL
#define JOIN_MAX (1u << 20)		       /* bytes of what a stage says */
#define GUESTS_MAX (FIO_FD_HIGH - AGENT_GUEST) /* their descriptors in the agent */

struct visitor {
	int fd;
	struct buf in;
	bool joined; /* its member is there */
	uint32_t pid;
	char *facts;
	struct visitor *next;
};

struct hall {
	int listen, child;
	const struct hello *h;
	struct ev ev;
	struct visitor *all;
	struct job_member *member; /* of those that have joined */
	struct visitor **of;
	unsigned n;
};

static int
path_of(const char *dir, struct buf *out)
{
	int rc = buf_printf(out, "%s/join", dir);

	return rc != 0 || buf_cstr(out) != NULL ? rc : FERR_NOMEM;
}

int
hall_open(const char *dir)
{
	struct buf path = BUF_INIT;
	int fd = path_of(dir, &path);

	if (fd == 0 && (fd = fio_unix_listen((const char *)path.p)) == -1)
		fd = ferr_sys(FERR_IO, "%s", (const char *)path.p);
	if (fd >= 0)
		fio_nonblock(fd = fio_high(fd));
	buf_fini(&path);
	return fd;
}

void
hall_close(int hall, const char *dir)
{
	struct buf path = BUF_INIT;

	if (hall < 0)
		return;
	fio_close(hall);
	if (path_of(dir, &path) == 0)
		fio_unlinkat(AT_FDCWD, (const char *)path.p);
	buf_fini(&path);
}

static void
leave(struct visitor *v)
{
	if (v->fd != -1)
		fio_close(v->fd);
	buf_fini(&v->in);
	free(v->facts);
	free(v);
}

static int
welcome(struct hall *a)
{
	struct visitor *v;
	int fd;

	while ((fd = fio_high(fio_accept(a->listen))) != -1) {
		if ((v = calloc(1, sizeof(*v))) == NULL) {
			fio_close(fd);
			return ferr(FERR_NOMEM, "out of memory");
		}
		fio_nonblock(fd);
		*v = (struct visitor){ .fd = fd, .next = a->all };
		a->all = v;
	}
	return 0;
}

/* Is that one of our sources' run ids? */
static bool
is_ours(const struct hello *h, const uint8_t *run)
{
	for (unsigned i = 0; i < h->nrun; i++) {
		if (memcmp(h->run[i], run, sizeof(h->run[i])) == 0)
			return true;
	}
	return false;
}

/* It has said who it is: 1; 0: it is not one of us. */
static int
enter(struct hall *a, struct visitor *v, const struct ctl_msg *m)
{
	struct ctl_body b = { m->p, m->n, false };
	struct job_member *member = realloc(a->member, (a->n + 1) * sizeof(*member)), *e;
	struct visitor **of;
	const uint8_t *run;
	size_t n;

	if (member == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	a->member = member;
	if ((of = realloc(a->of, (a->n + 1) * sizeof(*of))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	a->of = of;
	run = ctl_bytes(&b, &n);
	e = &member[a->n];
	*e = (struct job_member){ 0 };
	e->nth = ctl_u32(&b);
	e->nin = ctl_u32(&b);
	v->pid = ctl_u32(&b);
	v->facts = ctl_text(&b);
	if (m->kind != CTL_JOIN || b.bad || v->facts == NULL || n != sizeof(e->run) ||
	    !is_ours(a->h, run))
		return 0;
	memcpy(e->run, run, n);
	for (unsigned i = 0; i < a->n; i++) {
		if (member[i].nth == e->nth && memcmp(member[i].run, e->run, n) == 0)
			return ferr(FERR_USAGE,
				    "two stages read the same stage (tee, or a second sink in "
				    ">( ... )); with FSTATE a pipeline has one sink, and each "
				    "stage one reader");
	}
	e->facts = v->facts;
	e->nfacts = strlen(v->facts);
	of[a->n++] = v;
	v->joined = true;
	return 1;
}

/* Hear what a visitor says: 1 it may stay, 0 it leaves. */
static int
listen_to(struct hall *a, struct visitor *v)
{
	struct ctl_msg m;
	size_t used;
	ssize_t k;
	int rc = FERR_AGAIN;

	while (rc == FERR_AGAIN && v->in.n < JOIN_MAX) {
		if (buf_room(&v->in, 4096) != 0)
			return FERR_NOMEM;
		if ((k = fio_read(v->fd, v->in.p + v->in.n, 4096)) <= 0)
			return k == -1; /* nothing now; or it has gone */
		v->in.n += (size_t)k;
		rc = ctl_decode(&m, v->in.p, v->in.n, &used);
	}
	return rc == 0 ? enter(a, v, &m) : 0;
}

/* One round of waiting and hearing; FERR_CLOSED when the time is over. */
static int
round_of(struct hall *a, int64_t until)
{
	struct visitor **at = &a->all, *v;
	bool gone;
	int rc;

	ev_begin(&a->ev);
	if ((rc = ev_watch(&a->ev, a->listen, POLLIN)) == 0)
		rc = ev_watch(&a->ev, a->child, POLLIN);
	for (v = a->all; v != NULL && rc == 0; v = v->next)
		rc = ev_watch(&a->ev, v->fd, POLLIN);
	if (rc != 0 || (rc = ev_wait(&a->ev, until)) != 0 || (rc = welcome(a)) != 0)
		return rc;
	gone = fio_readable(a->child);
	while ((v = *at) != NULL) {
		/* Who has joined says nothing more: it has ended. */
		gone = gone || (v->joined && fio_readable(v->fd));
		if (v->joined || (rc = listen_to(a, v)) == 1) {
			at = &v->next;
			continue;
		}
		if (rc < 0)
			return rc;
		*at = v->next;
		leave(v);
	}
	if (gone && a->ev.signals == 0)
		return ferr(FERR_IO, "a stage ended before the pipeline had begun");
	return a->ev.signals > 0	? ferr(FERR_IO, "%s", "")
	       : fio_mono_ns() >= until ? FERR_CLOSED
					: 0;
}

static int
hand_out(struct hall *a, const struct job *j, struct run_guest **guest)
{
	struct run_guest *g = calloc(j->nstages, sizeof(*g));

	if (g == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < a->n; i++) {
		g[a->member[i].stage] = (struct run_guest){ a->of[i]->fd, a->of[i]->pid };
		a->of[i]->fd = -1;
	}
	*guest = g;
	return 0;
}

void
hall_refuse(const struct run_guest *guest, unsigned n, int status)
{
	for (unsigned i = 0; i < n; i++) {
		(void)!fio_send_fds(guest[i].fd, (uint8_t)status, NULL, 0);
		fio_close(guest[i].fd);
	}
}

int
hall_gather(int hall, int child, const struct hello *h, struct job **job, struct run_guest **guest,
	    int *signal)
{
	struct hall a = { .listen = hall, .child = child, .h = h };
	int64_t until = fio_mono_ns() + GATHER_NS;
	const char *missing = "";
	struct visitor *v;
	int rc = h->n <= GUESTS_MAX
		     ? 0
		     : ferr(FERR_USAGE, "a pipeline with state has at most %d stages", GUESTS_MAX);

	*job = NULL;
	if (rc != 0 || (rc = ev_init(&a.ev)) != 0)
		return rc;
	while (rc == 0 && (rc = job_of_chain(job, h, a.member, a.n, &missing)) == 0)
		rc = round_of(&a, until);
	if (rc == FERR_CLOSED)
		rc = ferr(FERR_USAGE,
			  "%s did not take part within 10 s; all stages of a pipeline with state "
			  "run on this host, and FSTATE is the same for all",
			  missing);
	if (rc == 1 && (rc = hand_out(&a, *job, guest)) != 0)
		job_free(*job);
	while ((v = a.all) != NULL) {
		a.all = v->next;
		if (rc < 0 && v->joined && v->fd != -1)
			(void)!fio_send_fds(v->fd, (uint8_t)ferr_status(rc), NULL, 0);
		leave(v);
	}
	free(a.member);
	free(a.of);
	*signal = a.ev.signal;
	ev_fini(&a.ev);
	return rc;
}
