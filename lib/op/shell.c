/*
 * shell: a stage of a plain pipeline with state (design §6).
 *
 * The last stage, fsink, begins a coordinator, the one of fcoord; the others find it at DIR/join
 * and speak with it as they do with fcoord.  So that all know of each other, HELLOs go down the
 * pipes first and nothing follows: a source says where the state is, each stage adds itself, and
 * joins under the id that it has in there (manifest/job_chain.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"
#include "fio/proc.h"
#include "op/op_internal.h"

#define JOIN_NS 10000000000LL /* no coordinator within that: there is none */
#define RETRY_NS 10000000LL
#define SOURCES_MAX ((unsigned)(sizeof(((struct hello *)0)->run) / 16))
#define ANSWER_MS 200
#define PEEK_MAX 32768u /* the first words of a HELLO, and less than what a pipe holds */
#define PEEK_TRIES 5000u
#define STATE "--state=" /* in HELLO right behind the source's name */

/* ---- where the state is ---- */

static char *place; /* what struct op_conf's state borrows, as long as we live */

/* The path as it is from everywhere. */
static int
absolute(const char *path, const char **out)
{
	char cwd[4096] = "";

	if (path[0] != '/' && fio_cwd(cwd, sizeof(cwd)) == -1)
		return ferr_sys(FERR_IO, "the working directory");
	free(place);
	place = NULL;
	if (asprintf(&place, "%s%s%s", cwd, path[0] != '/' ? "/" : "", path) == -1)
		return ferr(FERR_NOMEM, "out of memory");
	*out = place;
	return 0;
}

/* What stands at the head of an input, and stays there: a HELLO, something else, or nothing. */
enum head { HEAD_HELLO, HEAD_OTHER, HEAD_NOTHING };

/* Nobody writes there any more. */
static bool
ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fio_poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

/*
 * Look at the n bytes that an input begins with: FERR_AGAIN when more are needed.  *dir gets where
 * the stages before keep their state, a copy; NULL: they keep none.
 */
static int
look(const uint8_t *p, size_t n, enum head *head, char **dir)
{
	const size_t hello = FRAME_LINE_LEN + FRAME_HDR, tag = strlen(STATE);
	const char *word;
	size_t len;
	int rc;

	*head = n == 0 ? HEAD_NOTHING : HEAD_OTHER;
	if (n == 0 || memcmp(p, FRAME_LINE, n < 7 ? n : 7) != 0)
		return 0;
	if (n <= hello)
		return FERR_AGAIN;
	if ((rc = hello_word(p + hello, n - hello, 1, &word, &len)) == FERR_AGAIN)
		return rc;
	*head = HEAD_HELLO;
	if (rc == 1 && len > tag && memcmp(word, STATE, tag) == 0 &&
	    (*dir = strndup(word + tag, len - tag)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	return 0;
}

static int
peek(int fd, enum head *head, char **dir)
{
	uint8_t *p = malloc(PEEK_MAX);
	int rc = p != NULL ? FERR_AGAIN : ferr(FERR_NOMEM, "out of memory");
	bool last;
	ssize_t n;

	*dir = NULL;
	for (unsigned tries = 0; rc == FERR_AGAIN; tries++) {
		last = ended(fd);
		n = fio_peek(fd, p, PEEK_MAX);
		rc = n == -1 ? (*head = HEAD_OTHER, 0) : look(p, (size_t)n, head, dir);
		if (rc == FERR_AGAIN && last) { /* it breaks off, which is told when it is read */
			*head = HEAD_NOTHING;
			rc = 0;
		} else if (rc == FERR_AGAIN && (n == PEEK_MAX || tries == PEEK_TRIES)) {
			*head = HEAD_HELLO; /* words that long hold no state */
			rc = 0;
		} else if (rc == FERR_AGAIN) {
			fio_poll(NULL, 0, 1); /* the rest is on its way */
		}
	}
	free(p);
	return rc;
}

/* told: where the stages before keep their state, taken over. */
static int
agree(struct op_conf *conf, enum head head, char *told)
{
	int rc = 0;

	if (head == HEAD_NOTHING) /* whoever should have written has said why it does not */
		return 0;
	if (told != NULL && conf->state == NULL) {
		conf->state = place = told;
		return 0;
	}
	if (told == NULL && conf->state != NULL && head == HEAD_HELLO)
		rc =
		    ferr(FERR_USAGE,
			 "the stages before keep no state, this one does, in %s: export FSTATE, so "
			 "that all of them see it",
			 conf->state);
	else if (told == NULL && conf->state != NULL)
		rc = ferr(FERR_USAGE,
			  "with FSTATE a pipeline begins with fsource FILE, which can read again "
			  "after a failure; here text comes in");
	else if (told != NULL && strcmp(told, conf->state) != 0)
		rc = ferr(FERR_USAGE, "the stages before keep their state in %s, this one in %s",
			  told, conf->state);
	free(told);
	return rc;
}

static bool
takes_no_part(const struct op_conf *conf)
{
	return op_describing() || fio_env("FJORD_CTL") != NULL || conf->role == OP_VIEWER;
}

int
op_shell_find(struct op_conf *conf)
{
	const char *env = fio_env("FSTATE");

	if (takes_no_part(conf))
		conf->state = NULL;
	else if (conf->state == NULL && env != NULL && env[0] != '\0')
		conf->state = env;
	return conf->state != NULL ? absolute(conf->state, &conf->state) : 0;
}

int
op_shell_inputs(struct op_conf *conf, const int *fds, unsigned n)
{
	enum head head = HEAD_OTHER;
	char *told;
	int rc = 0;

	for (unsigned i = 0; i < n && rc == 0 && !takes_no_part(conf); i++) {
		if ((rc = peek(fds[i], &head, &told)) == 0)
			rc = agree(conf, head, told);
	}
	return rc;
}

/* ---- HELLO ---- */

/* Our own words; of a source with where the state is, for all behind it. */
int
op_shell_introduce(struct op *op, char **argv, unsigned argc)
{
	bool tells = op->conf.state != NULL && op->conf.role == OP_SOURCE && argc > 0;
	struct buf b = BUF_INIT;
	char **words = calloc(argc + 2, sizeof(*words));
	int rc = words != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");

	if (rc == 0 && tells && (rc = buf_printf(&b, STATE "%s", op->conf.state)) == 0)
		rc = (words[1] = (char *)(uintptr_t)buf_cstr(&b)) != NULL ? 0 : FERR_NOMEM;
	for (unsigned i = 0; i < argc && rc == 0; i++)
		words[i > 0 && tells ? i + 1 : i] = argv[i];
	if (rc == 0)
		rc = hello_add_stage(&op->hello, words, argc + tells);
	free(words);
	buf_fini(&b);
	return rc;
}

static int
wait_round(struct op *op, int64_t until)
{
	int rc = ev_wait(&op->ev, until);

	return rc == 0 && op->ev.signals > 0 ? ferr(FERR_IO, "%s", "") : rc;
}

/* Read the HELLO of every input; nothing comes behind it for now. */
static int
hear(struct op *op)
{
	int rc;

	unsigned sources = 0;

	for (unsigned i = 0; i < op->nin; i++) {
		struct chan *c = &op->in[i];

		while (!c->greeted) {
			if ((rc = chan_step(op, c)) < 0)
				return rc;
			if (rc != 0)
				continue;
			ev_begin(&op->ev);
			if ((rc = ev_watch(&op->ev, c->link.fd, POLLIN)) != 0 ||
			    (rc = wait_round(op, EV_FOREVER)) != 0)
				return rc;
		}
		if (c->state == CHAN_TEXT)
			return ferr(FERR_USAGE, "with state an input has to come from fsource");
		if ((sources += c->hello.nrun) > SOURCES_MAX)
			return ferr(FERR_USAGE, "a pipeline with state has at most %u sources",
				    SOURCES_MAX);
	}
	return 0;
}

/* Send ours, whole. */
static int
greet(struct op *op)
{
	int rc = op->greeted ? 0 : op_greet(op);

	for (unsigned i = 0; i < op->nout && rc == 0; i++) {
		struct out *o = &op->out[i];

		while ((rc = out_push(o)) == 0 && link_out_waiting(&o->link) > 0) {
			ev_begin(&op->ev);
			if ((rc = ev_watch(&op->ev, o->link.fd, POLLOUT)) != 0 ||
			    (rc = wait_round(op, EV_FOREVER)) != 0)
				return rc;
		}
	}
	return rc;
}

/* ---- joining ---- */

static bool
broken(int fd)
{
	struct pollfd p = { .fd = fd };

	return fio_poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

/* Some neighbour of ours is gone before it all began: it has said why. */
static bool
deserted(const struct op *op)
{
	for (unsigned i = 0; i < op->nout; i++) {
		if (broken(op->out[i].link.fd))
			return true;
	}
	for (unsigned i = 0; i < op->nin; i++) {
		if (broken(op->in[i].link.fd))
			return true;
	}
	return false;
}

/* Side outputs become lanes of their own; what reads a pipe would be a second sink. */
static int
check_side(const char *path)
{
	struct stat st;

	if (path == NULL || fio_stat(path, &st) == -1 || !S_ISFIFO(st.st_mode))
		return 0;
	return ferr(FERR_USAGE,
		    "%s is a pipe: with FSTATE a pipeline has one sink; give --late and --on-bad a "
		    "FILE, it is exactly-once as well",
		    path);
}

static int
check_sides(struct op *op)
{
	struct op_facts f = { 0 };
	int rc = op->conf.on_bad == BAD_PATH ? check_side(op->conf.bad_path) : 0;

	if (op->cls->describe != NULL)
		op->cls->describe(op->self, &f);
	names_fini(&f.reads);
	names_fini(&f.makes);
	for (unsigned i = 0; i < 2 && rc == 0; i++)
		rc = check_side(f.side[i]);
	return rc;
}

/* The stages before have ended, and those behind wait. */
static bool
left_behind(const struct op *op)
{
	bool ended = false;

	for (unsigned i = 0; i < op->nout; i++) {
		if (broken(op->out[i].link.fd))
			return false;
	}
	for (unsigned i = 0; i < op->nin; i++)
		ended = ended || broken(op->in[i].link.fd);
	return ended && op->nout > 0;
}

static int
join_message(struct op *op, struct buf *out)
{
	struct buf b = BUF_INIT, facts = BUF_INIT;
	int rc;

	if ((rc = op_describe(op->cls, op->self, &op->conf, &facts)) == 0 &&
	    (rc = buf_cstr(&facts) != NULL ? 0 : FERR_NOMEM) == 0 &&
	    (rc = pack_bytes(&b, op->hello.run[0], sizeof(op->hello.run[0]))) == 0 &&
	    (rc = pack_u32(&b, op->hello.n)) == 0 && (rc = pack_u32(&b, op->nin)) == 0 &&
	    (rc = pack_u32(&b, (uint32_t)fio_pid())) == 0 &&
	    (rc = pack_text(&b, (const char *)facts.p)) == 0)
		rc = ctl_put(out, CTL_JOIN, CTL_NONE, b.p, b.n);
	buf_fini(&facts);
	buf_fini(&b);
	return rc;
}

/* What is given to us when we are taken up. */
struct taken {
	int fd; /* to speak with the coordinator */
	int side[FIO_FDS];
	unsigned nside;
};

/* Until somebody answers there, or a neighbour ends. */
static int
wait_answer(struct op *op, int fd)
{
	int rc;

	ev_begin(&op->ev);
	rc = ev_watch(&op->ev, fd, POLLIN);
	for (unsigned i = 0; i < op->nout && rc == 0; i++)
		rc = ev_watch(&op->ev, op->out[i].link.fd, 0);
	for (unsigned i = 0; i < op->nin && rc == 0; i++)
		rc = ev_watch(&op->ev, op->in[i].link.fd, 0);
	return rc != 0 ? rc : wait_round(op, EV_FOREVER);
}

/*
 * Say who we are to whoever listens, and wait to be taken up: 1; 0: it did not want us, or there is
 * nobody.  A coordinator that is not of our pipeline, or on its way out, hangs up.
 */
static int
try_join(struct op *op, const char *path, const struct buf *message, struct taken *t)
{
	uint8_t status;
	int rc = 0;

	if ((t->fd = fio_unix_connect(path)) == -1)
		return 0;
	if (fio_write_all(t->fd, message->p, message->n) == 0) {
		while (rc == 0 && !fio_readable(t->fd)) {
			/* Whoever is answered first may be gone before our answer comes. */
			if (!deserted(op))
				rc = wait_answer(op, t->fd);
			else if (fio_poll(&(struct pollfd){ .fd = t->fd, .events = POLLIN }, 1,
					  ANSWER_MS) != 1)
				rc = ferr(FERR_IO, "%s", "");
		}
		if (rc == 0)
			rc = fio_recv_fds(t->fd, &status, t->side, &t->nside) == 1;
	}
	if (rc == 1 && status != 0)
		rc = ferr_of(status);
	if (rc != 1)
		fio_close(t->fd);
	return rc;
}

static int
join(struct op *op, struct taken *t)
{
	int64_t until = fio_mono_ns() + JOIN_NS;
	struct buf path = BUF_INIT, message = BUF_INIT;
	int rc;

	if ((rc = buf_printf(&path, "%s/join", op->conf.state)) == 0 &&
	    (rc = buf_cstr(&path) != NULL ? 0 : FERR_NOMEM) == 0)
		rc = join_message(op, &message);
	while (rc == 0 && (rc = try_join(op, (const char *)path.p, &message, t)) == 0) {
		if (left_behind(op)) {
			rc =
			    ferr(FERR_IO,
				 "nobody coordinates a pipeline with state in %s: what comes in is "
				 "a copy, or the other stages have ended",
				 op->conf.state);
		} else if (deserted(op) || op->conf.host != NULL) {
			rc = ferr(FERR_IO, "%s", "");
		} else if (fio_mono_ns() > until) {
			rc = ferr(FERR_USAGE,
				  "no fsink took this pipeline up within 10 s; with FSTATE a "
				  "pipeline ends in one fsink that sees the same FSTATE");
		} else {
			ev_begin(&op->ev);
			rc = wait_round(op, fio_mono_ns() + RETRY_NS);
		}
	}
	buf_fini(&message);
	buf_fini(&path);
	return rc < 0 ? rc : 0;
}

/* A side output is written through a descriptor that came while we joined. */
static int
wire_sides(struct op *op, const struct taken *t)
{
	struct task_wires *w = &op->ep.wires;

	for (unsigned i = 0; i < t->nside; i++) {
		if (i < w->nside)
			w->side[i].fd = t->side[i];
		else
			fio_close(t->side[i]);
	}
	return t->nside == w->nside ? 0 : ferr(FERR_CORRUPT, "a start message is damaged");
}

static int
host(struct op *op)
{
	int *fds = calloc(op->nin + 1, sizeof(*fds)), rc;

	if (fds == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < op->nin; i++)
		fds[i] = op->in[i].link.fd;
	rc = op->conf.host(op->conf.cookie, &op->conf, &op->hello, fds, op->nin);
	free(fds);
	return rc;
}

int
op_shell_begin(struct op *op)
{
	struct taken t = { .fd = -1 };
	int rc;

	for (unsigned i = 0; i < op->nout; i++) {
		if (op->out[i].text)
			return ferr(FERR_USAGE, "with FSTATE a pipeline ends in fsink; put "
						"`| fsink FILE` behind");
	}
	if ((rc = check_sides(op)) != 0 || (rc = hear(op)) != 0)
		return rc;
	if ((rc = greet(op)) != 0) /* a reader that has gone has said why */
		return rc == FERR_CLOSED ? ferr(FERR_IO, "%s", "") : rc;
	if ((op->conf.host != NULL && (rc = host(op)) != 0) || (rc = join(op, &t)) != 0)
		return rc;
	op->ep.shell = true;
	if ((rc = op_task_begin(op, t.fd)) == 0)
		rc = wire_sides(op, &t);
	return rc;
}

/* ---- signals ---- */

void
op_shell_signalled(struct op *op)
{
	struct op_epochs *e = &op->ep;
	struct buf b = BUF_INIT;

	if (e->signals == op->ev.signals)
		return;
	e->signals = op->ev.signals;
	/* When it cannot be told, the coordinator is gone, which is seen when we listen. */
	if (pack_u32(&b, (uint32_t)op->ev.signal) == 0)
		(void)!talk_put(&e->talk, CTL_STOP, CTL_NONE, b.p, b.n);
	buf_fini(&b);
}
