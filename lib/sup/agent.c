/* agent: see agent.h. */
#include "sup/agent.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/opt.h"
#include "ev/ev.h"
#include "fio/fio.h"
#include "fio/proc.h"
#include "link/talk.h"
#include "sup/child.h"

#define WORDS_MAX 65536u
#define STDERR_QUEUE (1u << 20)

struct child {
	uint32_t sub;
	pid_t pid;
	int pidfd, err;
	struct talk talk;
	bool talking;
	bool joined; /* not our process */
	struct child *next;
};

/* An edge of which one end is wired, and the other waits for its spawn. */
struct half {
	uint32_t edge;
	int fd;
};

struct agent {
	struct ev ev;
	struct talk up;
	struct child *children;
	struct half *half;
	unsigned nhalf, caphalf;
	char **env;
	int out; /* stdout of the stage that prints, or -1 */
	bool killing;
};

static int
tell(struct agent *a, enum ctl_kind kind, uint32_t sub, const void *p, size_t n)
{
	return talk_put(&a->up, kind, sub, p, n);
}

/* ---- spawning ---- */

/* Our end of that edge: the one that waits, or the first of a new pair. */
static int
wire(struct agent *a, uint32_t edge)
{
	struct half *h;
	int fd[2];

	for (unsigned i = 0; i < a->nhalf; i++) {
		if (a->half[i].edge == edge) {
			fd[0] = a->half[i].fd;
			a->half[i] = a->half[--a->nhalf];
			return fd[0];
		}
	}
	if (a->nhalf == a->caphalf) {
		a->caphalf = a->caphalf != 0 ? 2 * a->caphalf : 16;
		if ((h = realloc(a->half, a->caphalf * sizeof(*h))) == NULL)
			return -1;
		a->half = h;
	}
	if (fio_socketpair(fd, AGENT_EDGE) == -1)
		return -1;
	a->half[a->nhalf++] = (struct half){ edge, fd[1] };
	return fd[0];
}

struct spawn {
	uint32_t flags;
	char **words;
	unsigned nwords;
	int *map; /* descriptors of the child */
	unsigned nmap;
	int guest; /* joined: leads to it */
	pid_t pid;
};

static int
decode_words(struct ctl_body *b, struct spawn *s)
{
	if ((s->nwords = ctl_u32(b)) == 0 || s->nwords > WORDS_MAX)
		return ferr(FERR_CORRUPT, "a spawn message is damaged");
	if ((s->words = calloc(s->nwords + 1, sizeof(*s->words))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < s->nwords; i++) {
		if ((s->words[i] = ctl_text(b)) == NULL)
			return ferr(FERR_CORRUPT, "a spawn message is damaged");
	}
	return 0;
}

static int
decode_spawn(struct agent *a, const struct ctl_msg *m, struct spawn *s)
{
	struct ctl_body b = { m->p, m->n, false };
	uint32_t wires;
	int rc;

	s->flags = ctl_u32(&b);
	if ((s->flags & AGENT_JOINED) != 0) {
		s->guest = (int)ctl_u32(&b);
		s->pid = (pid_t)ctl_u32(&b);
	} else if ((rc = decode_words(&b, s)) != 0) {
		return rc;
	}
	if ((wires = ctl_u32(&b)) > WORDS_MAX ||
	    (s->map = calloc(AGENT_WIRE + wires, sizeof(*s->map))) == NULL)
		return ferr(FERR_CORRUPT, "a spawn message is damaged");
	for (s->nmap = AGENT_WIRE; s->nmap < AGENT_WIRE + wires; s->nmap++) {
		if ((s->map[s->nmap] = wire(a, ctl_u32(&b))) == -1)
			return ferr_sys(FERR_IO, "no socket for an edge");
	}
	return b.bad ? ferr(FERR_CORRUPT, "a spawn message is damaged") : 0;
}

static void
spawn_fini(struct spawn *s)
{
	for (unsigned i = AGENT_WIRE; i < s->nmap; i++) {
		if (s->map[i] >= 0)
			fio_close(s->map[i]);
	}
	for (unsigned i = 0; s->words != NULL && i < s->nwords; i++)
		free(s->words[i]);
	free(s->words);
	free(s->map);
}

static int
start(struct agent *a, struct child *c, struct spawn *s)
{
	int ctl[2] = { -1, -1 }, err[2] = { -1, -1 }, null = -1, rc = 0;
	struct buf path = BUF_INIT;

	if ((null = fio_high(fio_open("/dev/null", O_RDWR, 0))) == -1 ||
	    fio_socketpair(ctl, 65536) == -1 || fio_pipe(err) == -1)
		rc = ferr_sys(FERR_IO, "cannot start %s", s->words[0]);
	if (rc == 0 && (rc = child_program(s->words[0], &path)) == 0) {
		s->map[0] = null;
		s->map[1] = (s->flags & AGENT_PRINTS) != 0 && a->out != -1 ? a->out : null;
		s->map[2] = err[1];
		s->map[3] = ctl[1];
		c->pid = fio_spawn((const char *)path.p, s->words, a->env, s->map, (int)s->nmap);
		if (c->pid == -1 || (c->pidfd = fio_pidfd(c->pid)) == -1)
			rc = ferr_sys(FERR_IO, "cannot start %s", s->words[0]);
	}
	buf_fini(&path);
	if (null != -1)
		fio_close(null);
	if (err[1] != -1)
		fio_close(err[1]);
	if (ctl[1] != -1)
		fio_close(ctl[1]);
	if (rc == 0 && (rc = talk_open(&c->talk, ctl[0], ctl[0])) == 0) {
		c->talking = true;
		c->err = err[0];
		fio_nonblock(err[0]);
		return 0;
	}
	if (ctl[0] != -1)
		fio_close(ctl[0]);
	if (err[0] != -1)
		fio_close(err[0]);
	return rc;
}

/* Take up a stage that has come by itself, and give it its wires. */
static int
take_up(struct child *c, const struct spawn *s)
{
	c->joined = true;
	c->pid = s->pid;
	if (fio_send_fds(s->guest, 0, s->map + AGENT_WIRE, s->nmap - AGENT_WIRE) == 0)
		c->talking = talk_open(&c->talk, s->guest, s->guest) == 0;
	if (!c->talking)
		fio_close(s->guest);
	return c->talking ? 0 : ferr(FERR_IO, "a stage is gone");
}

/* What could not be started is told as a child that ended with status 1, with its message. */
static int
refuse(struct agent *a, uint32_t sub)
{
	struct buf b = BUF_INIT;
	int rc;

	if ((rc = pack_u32(&b, 1)) == 0 && (rc = pack_text(&b, ferr_text())) == 0)
		rc = tell(a, CTL_FAILED, sub, b.p, b.n);
	b.n = 0;
	if (rc == 0 && (rc = pack_u32(&b, 1 << 8)) == 0 && (rc = pack_u32(&b, 0)) == 0)
		rc = tell(a, CTL_EXITED, sub, b.p, b.n);
	buf_fini(&b);
	return rc;
}

static int
spawn(struct agent *a, const struct ctl_msg *m)
{
	struct child *c = calloc(1, sizeof(*c));
	struct spawn s = { 0 };
	struct buf b = BUF_INIT;
	int rc;

	if (c == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	c->sub = m->sub;
	c->err = c->pidfd = -1;
	if ((rc = decode_spawn(a, m, &s)) == 0)
		rc = (s.flags & AGENT_JOINED) != 0 ? take_up(c, &s) : start(a, c, &s);
	spawn_fini(&s);
	if (rc != 0) {
		free(c);
		return refuse(a, m->sub);
	}
	c->next = a->children;
	a->children = c;
	if ((rc = pack_u32(&b, (uint32_t)c->pid)) == 0)
		rc = tell(a, CTL_SPAWNED, c->sub, b.p, b.n);
	buf_fini(&b);
	return rc;
}

/* ---- the loop ---- */

static int
kill_all(struct agent *a)
{
	a->killing = true;
	for (unsigned i = 0; i < a->nhalf; i++)
		fio_close(a->half[i].fd);
	a->nhalf = 0;
	for (struct child *c = a->children; c != NULL; c = c->next) {
		if (!c->joined)
			fio_kill_group(c->pid, SIGKILL);
		else if (c->talking)
			talk_close(&c->talk); /* what it is to know has gone */
		c->talking = c->talking && !c->joined;
	}
	return 0;
}

static int
from_above(struct agent *a)
{
	struct ctl_msg m;
	int rc, got = talk_fill(&a->up);

	while ((rc = talk_next(&a->up, &m)) == 1) {
		struct child *c = a->children;

		if (m.kind == CTL_SPAWN) {
			if ((rc = spawn(a, &m)) != 0)
				return rc;
			continue;
		}
		if (m.kind == CTL_KILL) {
			kill_all(a);
			continue;
		}
		while (c != NULL && c->sub != m.sub)
			c = c->next;
		if (c != NULL && c->talking)
			(void)!talk_put(&c->talk, m.kind, m.sub, m.p, m.n); /* its end is told */
	}
	return rc != 0 ? rc : got < 0 ? got : 0;
}

/* What a subtask says, with its number put in. */
static int
from_child(struct agent *a, struct child *c)
{
	struct ctl_msg m;
	int rc = 0, got = 1;

	while (c->talking && got == 1) {
		got = talk_fill(&c->talk);
		while ((rc = talk_next(&c->talk, &m)) == 1) {
			if ((rc = tell(a, m.kind, c->sub, m.p, m.n)) != 0)
				return rc;
		}
		if (rc != 0 || got < 0) {
			talk_close(&c->talk);
			c->talking = false;
		}
	}
	return 0;
}

/* So much waits for fcoord that nobody's stderr is read any more until it has gone. */
static bool
noisy(const struct agent *a)
{
	return a->up.due.n - a->up.sent > STDERR_QUEUE;
}

static int
from_stderr(struct agent *a, struct child *c)
{
	char b[4096];
	ssize_t k;
	int rc;

	while (c->err != -1 && !noisy(a) && (k = fio_read(c->err, b, sizeof(b))) != -1) {
		if (k == 0) {
			fio_close(c->err);
			c->err = -1;
		} else if ((rc = tell(a, CTL_STDERR, c->sub, b, (size_t)k)) != 0) {
			return rc;
		}
	}
	return 0;
}

/* Tell those that have ended, behind everything they have said. */
static int
reap(struct agent *a)
{
	struct buf b = BUF_INIT;
	struct child **at = &a->children, *c;
	int rc = 0, status;

	while ((c = *at) != NULL && rc == 0) {
		status = 0;
		if (c->joined ? c->talking : fio_reap(c->pid, &status, false) == 0) {
			at = &c->next;
			continue;
		}
		if ((rc = from_child(a, c)) != 0 || (rc = from_stderr(a, c)) != 0)
			break;
		if (c->talking)
			talk_close(&c->talk);
		if (c->err != -1)
			fio_close(c->err);
		if (c->pidfd != -1)
			fio_close(c->pidfd);
		b.n = 0;
		if ((rc = pack_u32(&b, (uint32_t)status)) == 0 &&
		    (rc = pack_u32(&b, a->killing)) == 0)
			rc = tell(a, CTL_EXITED, c->sub, b.p, b.n);
		*at = c->next;
		free(c);
	}
	buf_fini(&b);
	if (rc == 0 && a->killing && a->children == NULL) {
		a->killing = false;
		rc = tell(a, CTL_KILLED, CTL_NONE, NULL, 0);
	}
	return rc;
}

static int
watch_talk(struct agent *a, const struct talk *t)
{
	int rc = ev_watch(&a->ev, t->in, POLLIN | (t->in == t->out && talk_due(t) ? POLLOUT : 0));

	if (rc == 0 && t->in != t->out && talk_due(t))
		rc = ev_watch(&a->ev, t->out, POLLOUT);
	return rc;
}

static int
turn(struct agent *a)
{
	int rc;

	ev_begin(&a->ev);
	rc = watch_talk(a, &a->up);
	for (struct child *c = a->children; c != NULL && rc == 0; c = c->next) {
		if (!c->joined)
			rc = ev_watch(&a->ev, c->pidfd, POLLIN);
		if (rc == 0 && c->talking)
			rc = watch_talk(a, &c->talk);
		if (rc == 0 && c->err != -1 && !noisy(a))
			rc = ev_watch(&a->ev, c->err, POLLIN);
	}
	if (rc != 0 || (rc = ev_wait(&a->ev, EV_FOREVER)) != 0)
		return rc;
	for (struct child *c = a->children; c != NULL && rc == 0; c = c->next) {
		if ((rc = from_child(a, c)) == 0 && (rc = from_stderr(a, c)) == 0 && c->talking)
			(void)!talk_push(&c->talk);
	}
	if (rc == 0 && (rc = from_above(a)) == 0 && (rc = reap(a)) == 0)
		rc = talk_push(&a->up);
	return rc;
}

static int
greet(struct agent *a)
{
	struct buf b = BUF_INIT;
	int rc;

	if ((rc = pack_text(&b, FJORD_VERSION)) == 0 &&
	    (rc = pack_u32(&b, (uint32_t)fio_pid())) == 0)
		rc = tell(a, CTL_HELLO, CTL_NONE, b.p, b.n);
	buf_fini(&b);
	return rc;
}

int
agent_run(void)
{
	static char ctl[] = "FJORD_CTL=3";
	char *const add[2] = { ctl, NULL };
	const char *out = fio_env("FJORD_STDOUT");
	struct agent a = { .out = out != NULL ? atoi(out) : -1 };
	struct child *c;
	int rc, status;

	fio_fd_limit();
	if ((rc = ev_init(&a.ev)) == 0 && (rc = child_env(&a.env, add)) == 0 &&
	    (rc = talk_open(&a.up, STDIN_FILENO, STDOUT_FILENO)) == 0)
		rc = greet(&a);
	while (rc == 0 && !(a.ev.signals > 0 && a.ev.signal == SIGTERM))
		rc = turn(&a);
	kill_all(&a);
	while ((c = a.children) != NULL) {
		if (!c->joined)
			fio_reap(c->pid, &status, true);
		a.children = c->next;
		if (c->talking)
			talk_close(&c->talk);
		free(c);
	}
	talk_close(&a.up);
	free(a.half);
	free(a.env);
	ev_fini(&a.ev);
	return rc == FERR_CLOSED ? 0 : rc;
}
