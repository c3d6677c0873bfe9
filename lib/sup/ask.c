/* ask: see ask.h; the running job's side of it, and the asker's. */
#include "sup/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "fio/proc.h"
#include "base/text.h"
#include "base/unit.h"
#include "sup/run_internal.h"

#define REQUEST_MAX 65536
#define ANSWER_MS 3000 /* what can be answered at once is, within that */

enum ask_wait {
	WAIT_NOTHING,
	WAIT_RUNNING,
	WAIT_CHECKPOINT,
	WAIT_DONE,
	WAIT_EPOCH,
	WAIT_SAVEPOINT,
	WAIT_OVER
};

/* ---- the job's side ---- */

int
ask_open(struct run *r)
{
	struct buf path = BUF_INIT;
	int rc = buf_printf(&path, "%s/sock", r->conf.dir);

	if (rc == 0 && buf_cstr(&path) != NULL &&
	    (r->listen = fio_unix_listen((const char *)path.p)) == -1)
		rc = ferr_sys(FERR_IO, "%s", (const char *)path.p);
	if (rc == 0)
		fio_nonblock(r->listen);
	buf_fini(&path);
	return rc;
}

static void
drop(struct client *c)
{
	fio_close(c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c->to);
	free(c);
}

void
ask_close(struct run *r)
{
	struct buf path = BUF_INIT;
	struct client *c;

	while ((c = r->clients) != NULL) {
		r->clients = c->next;
		/* What is still due is short; a client that does not read has its socket's room. */
		if (c->out.n > 0)
			(void)!fio_send(c->fd, c->out.p, c->out.n);
		drop(c);
	}
	if (r->listen == -1)
		return;
	fio_close(r->listen);
	if (buf_printf(&path, "%s/sock", r->conf.dir) == 0 && buf_cstr(&path) != NULL)
		fio_unlinkat(AT_FDCWD, (const char *)path.p);
	buf_fini(&path);
}

static void
say_ok(struct client *c, const char *text)
{
	buf_printf(&c->out, "ok%s%s\n", text[0] != '\0' ? " " : "", text);
	c->closing = true;
}

static void
say_error(struct client *c, int status, const char *text)
{
	buf_printf(&c->out, "error %d %s\n", status, text);
	c->closing = true;
}

/* Green needs progress and a recent commit (design §8). */
static const char *
health(const struct run *r, char *why, size_t n)
{
	int64_t age = run_complete_age(r), late = 3 * r->conf.ckpt.every + 10000;
	bool recent = age >= 0 && age < late;

	why[0] = '\0';
	if (r->phase == RUN_RUNNING &&
	    (recent || r->conf.ckpt.every == 0 || (age < 0 && r->now - r->started < late)))
		return "green";
	if (r->phase == RUN_RUNNING) {
		snprintf(why, n, "no checkpoint was completed for %lld s",
			 (long long)((age < 0 ? r->now - r->started : age) / 1000));
		return "red";
	}
	snprintf(why, n, "%s%s%s", run_phase_name(r->phase), r->failed ? ": " : "",
		 r->failed ? r->fail_text : "");
	return r->phase == RUN_WAITING || r->phase == RUN_KILLING ? "red" : "yellow";
}

static void
put_watermark(struct buf *b, int64_t wm)
{
	if (wm == INT64_MIN)
		buf_puts(b, "-");
	else if (wm == INT64_MAX)
		buf_puts(b, "max");
	else
		buf_printf(b, "%" PRId64, wm);
}

static void
status(struct run *r, struct client *c)
{
	struct run_stats t;
	struct buf *b = &c->out;
	char why[1280];
	const char *color = health(r, why, sizeof(why));

	run_totals(r, &t);
	buf_printf(b,
		   "job %s\nphase %s\nattempt %" PRIu64 "\npid %ld\nepoch %" PRIu64
		   "\nage %lld\nrecords %" PRIu64 "\nwatermark ",
		   r->conf.name, run_phase_name(r->phase), r->attempt, (long)fio_pid(),
		   r->ckpt.complete, (long long)run_complete_age(r), t.out);
	put_watermark(b, r->nsubs == 0 ? INT64_MIN : t.watermark);
	buf_printf(b, "\nbad %" PRIu64 "\nhealth %s %s\n", t.bad, color, why);
	for (unsigned i = 0; i < r->nsubs; i++) {
		const struct sub *s = &r->sub[i];

		buf_printf(b, "sub %s %u %u %" PRIu64 " %" PRIu64 " ", r->job->stage[s->stage].name,
			   s->index, s->pid, s->stats.in, s->stats.out);
		put_watermark(b, s->stats.watermark);
		buf_printf(b, " %d %" PRIu64 "\n", s->stats.blocked, s->stats.state);
	}
	say_ok(c, "");
}

/* What is asked while the job begins anew is asked of the next attempt. */
static void
request(struct run *r, struct client *c, enum ckpt_kind kind, int waits)
{
	bool up = r->phase == RUN_RUNNING || r->phase == RUN_STARTING || r->phase == RUN_STOPPING;

	if (!up && (waits == WAIT_OVER || r->nasked == CKPT_REQS || r->phase == RUN_ENDED)) {
		say_error(c, 1,
			  "the job was failing; fcoord cancel ends it, and its newest "
			  "checkpoint stays");
		return;
	}
	c->cookie = ++r->cookies;
	c->waits = waits;
	if (up)
		ckpt_request(&r->ckpt, r->now, kind, c->cookie);
	else
		r->asked[r->nasked++] = (struct ckpt_req){ .kind = kind, .cookie = c->cookie };
}

/* rescale STAGE=N…: what stages are to have is noted; the plan is made anew behind the stop. */
static int
note_rescale(struct run *r, char *words)
{
	char *save = NULL;

	free(r->was);
	if ((r->was = calloc(r->job->nstages + 1, sizeof(*r->was))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < r->job->nstages; i++)
		r->was[i] = r->job->stage[i].facts.parallel;
	for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(w, '=');
		int64_t n;
		unsigned i = 0;

		if (eq == NULL)
			return ferr(FERR_USAGE, "'%s': needs STAGE=N", w);
		*eq = '\0';
		while (i < r->job->nstages && strcmp(r->job->stage[i].name, w) != 0)
			i++;
		if (i == r->job->nstages)
			return ferr(FERR_USAGE, "there is no stage '%s'", w);
		if (unit_int(eq + 1, "the number of subtasks", 1, 32768, &n) != 0)
			return FERR_USAGE;
		if (n > r->job->stage[i].groups)
			return ferr(FERR_USAGE,
				    "%s has %u key groups, which is the most subtasks it can have",
				    w, r->job->stage[i].groups);
		if (r->job->stage[i].facts.most != 0 && n > r->job->stage[i].facts.most)
			return ferr(FERR_USAGE, "%s has at most %lld: %s", w,
				    (long long)r->job->stage[i].facts.most,
				    r->job->stage[i].facts.most_why);
		r->job->stage[i].facts.parallel = n;
	}
	return 0;
}

static void
take_request(struct run *r, struct client *c, char *line)
{
	char *arg = strchr(line, ' ');

	if (arg != NULL)
		*arg++ = '\0';
	if (strcmp(line, "status") == 0) {
		status(r, c);
	} else if (strcmp(line, "checkpoint") == 0) {
		request(r, c, CKPT_ASKED, WAIT_EPOCH);
	} else if (strcmp(line, "savepoint") == 0) {
		c->to = arg != NULL ? strdup(arg) : NULL;
		request(r, c, CKPT_SAVEPOINT, WAIT_SAVEPOINT);
	} else if (strcmp(line, "stop") == 0) {
		request(r, c, CKPT_STOP, WAIT_OVER);
	} else if (strcmp(line, "drain") == 0) {
		request(r, c, CKPT_DRAIN, WAIT_OVER);
	} else if (strcmp(line, "cancel") == 0) {
		c->waits = WAIT_DONE;
		r->fatal = true;
		r->failed = false; /* whatever it was that failed: this is why it ends */
		run_fail(r, 1, "cancelled");
		r->kill_by = r->now + 1000;
		if (r->phase == RUN_WAITING)
			run_set_phase(r, RUN_ENDED);
	} else if ((strcmp(line, "restart") == 0 || strcmp(line, "rescale") == 0) &&
		   r->conf.nguests > 0) {
		say_error(c, 2, "a pipeline in a plain shell is stopped, and started again there");
	} else if ((strcmp(line, "restart") == 0 || strcmp(line, "rescale") == 0) && r->again) {
		say_error(c, 1, "a restart is under way already; try again when it is through");
	} else if (strcmp(line, "restart") == 0 || strcmp(line, "rescale") == 0) {
		if (line[2] == 's' && line[3] == 'c' &&
		    note_rescale(r, arg != NULL ? arg : "") != 0) {
			say_error(c, 2, ferr_text());
			ask_undo(r);
			return;
		}
		r->again = true;
		request(r, c, CKPT_STOP, WAIT_RUNNING);
		if (c->waits != WAIT_RUNNING) {
			r->again = false;
			ask_undo(r);
		}
	} else if (strcmp(line, "wait") == 0 && arg != NULL) {
		c->waits = strcmp(arg, "running") == 0	    ? WAIT_RUNNING
			   : strcmp(arg, "checkpoint") == 0 ? WAIT_CHECKPOINT
							    : WAIT_DONE;
		ask_phase(r);
	} else {
		say_error(c, 2, "unknown request");
	}
}

/* A rescale does not come about: the stages keep what they had. */
void
ask_undo(struct run *r)
{
	for (unsigned i = 0; r->was != NULL && i < r->job->nstages; i++)
		r->job->stage[i].facts.parallel = r->was[i];
	free(r->was);
	r->was = NULL;
}

bool
ask_stops(const struct run *r)
{
	for (const struct client *c = r->clients; c != NULL; c = c->next) {
		if (c->waits == WAIT_OVER && !c->closing)
			return true;
	}
	return false;
}

void
ask_answer(struct run *r, uint64_t cookie, uint64_t epoch, const char *refused)
{
	struct buf path = BUF_INIT;
	char text[32];

	for (struct client *c = r->clients; c != NULL; c = c->next) {
		if (c->cookie != cookie || cookie == 0)
			continue;
		c->cookie = 0;
		snprintf(text, sizeof(text), "%" PRIu64, epoch);
		if (refused != NULL) {
			if (c->waits == WAIT_RUNNING) {
				r->again = false;
				ask_undo(r);
			}
			say_error(c, 1, refused);
		} else if (c->waits == WAIT_EPOCH) {
			say_ok(c, text);
		} else if (c->waits == WAIT_SAVEPOINT || c->waits == WAIT_OVER) {
			int rc = chain_savepoint(r, epoch, c->to, &path);

			if (rc != 0)
				say_error(c, ferr_status(rc), ferr_text());
			else if (c->waits == WAIT_SAVEPOINT)
				say_ok(c, buf_cstr(&path));
			else if ((c->to = strdup(buf_cstr(&path))) == NULL)
				say_error(c, 1, "out of memory");
		}
	}
	buf_fini(&path);
}

/* A rescale cannot be: those who wait for it are told why, the job goes on as it was. */
void
ask_refuse_again(struct run *r)
{
	for (struct client *c = r->clients; c != NULL; c = c->next) {
		if (c->waits == WAIT_RUNNING && !c->closing)
			say_error(c, 2, ferr_text());
	}
}

void
ask_phase(struct run *r)
{
	for (struct client *c = r->clients; c != NULL; c = c->next) {
		if (c->closing || c->cookie != 0)
			continue;
		if ((c->waits == WAIT_RUNNING && r->phase == RUN_RUNNING && !r->again) ||
		    (c->waits == WAIT_CHECKPOINT && r->complete_at != 0) ||
		    (c->waits == WAIT_DONE && r->phase == RUN_ENDED))
			say_ok(c, "");
		else if (c->waits == WAIT_OVER && r->phase == RUN_ENDED)
			say_ok(c, c->to != NULL ? c->to : "");
		else if (r->phase == RUN_ENDED && c->waits != WAIT_NOTHING)
			say_error(c, 1, r->failed ? r->fail_text : "the job has ended");
	}
}

static int
welcome(struct run *r)
{
	struct client *c;
	int fd;

	while ((fd = fio_accept(r->listen)) != -1) {
		if ((c = calloc(1, sizeof(*c))) == NULL) {
			fio_close(fd);
			return ferr(FERR_NOMEM, "out of memory");
		}
		c->fd = fd;
		fio_nonblock(fd);
		c->next = r->clients;
		r->clients = c;
	}
	return 0;
}

/* Read a request, send what is due: false: the client is done with. */
static bool
serve(struct run *r, struct client *c)
{
	char b[4096], *nl;
	ssize_t k;

	while (!c->closing && (k = fio_recv(c->fd, b, sizeof(b))) != -1) {
		if (k == 0 || c->in.n > REQUEST_MAX || buf_put(&c->in, b, (size_t)k) != 0)
			return false;
		if (buf_cstr(&c->in) == NULL)
			return false;
		if ((nl = strchr((char *)c->in.p, '\n')) != NULL && c->waits == WAIT_NOTHING) {
			*nl = '\0';
			take_request(r, c, (char *)c->in.p);
		}
	}
	while (c->out.n > 0 && (k = fio_send(c->fd, c->out.p, c->out.n)) != -1)
		buf_shift(&c->out, (size_t)k);
	return c->out.n > 0 ? errno == EAGAIN : !c->closing;
}

int
ask_watch(struct run *r)
{
	int rc = ev_watch(&r->ev, r->listen, POLLIN);

	for (struct client *c = r->clients; c != NULL && rc == 0; c = c->next)
		rc = ev_watch(&r->ev, c->fd, c->out.n > 0 ? POLLIN | POLLOUT : POLLIN);
	return rc;
}

int
ask_serve(struct run *r)
{
	struct client **at = &r->clients, *c;
	int rc = welcome(r);

	while (rc == 0 && (c = *at) != NULL) {
		if (serve(r, c)) {
			at = &c->next;
		} else {
			*at = c->next;
			drop(c);
		}
		rc = run_pump(r); /* one request decides little, all of them too much at once */
	}
	return rc;
}

/* ---- the asker's side ---- */

/* patient: it may take as long as it takes. */
static int
receive(int fd, bool patient, struct buf *b)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t k = 1;
	int rc = 0;

	while (rc == 0 && k > 0) {
		if (!patient && fio_poll(&p, 1, ANSWER_MS) == 0)
			return ferr(FERR_IO,
				    "the job does not answer: its fcoord is stopped or hangs");
		if ((rc = buf_room(b, 4096)) == 0 && (k = fio_read(fd, b->p + b->n, 4096)) > 0)
			b->n += (size_t)k;
	}
	return rc != 0 ? rc : k == -1 ? ferr_sys(FERR_IO, "asking the job") : 0;
}

/* The last line tells how it went. */
static int
judge(struct buf *b, struct buf *out, struct buf *ok)
{
	char *text, *last;
	int status;

	while (b->n > 0 && b->p[b->n - 1] == '\n')
		b->n--;
	if ((text = (char *)(uintptr_t)buf_cstr(b)) == NULL)
		return FERR_NOMEM;
	last = strrchr(text, '\n');
	last = last != NULL ? last + 1 : text;
	if (out != NULL && buf_put(out, text, (size_t)(last - text)) != 0)
		return FERR_NOMEM;
	if (strncmp(last, "ok", 2) == 0)
		return ok == NULL || last[2] == '\0' ? 0 : buf_puts(ok, last + 3);
	if (sscanf(last, "error %d", &status) != 1)
		return ferr(FERR_IO, "the job ended before it answered");
	last = strchr(last + 6, ' ');
	return ferr(status == 2 ? FERR_USAGE : FERR_IO, "%s", last != NULL ? last + 1 : "");
}

int
ask(const char *dir, const char *request, struct buf *out, struct buf *ok)
{
	struct buf b = BUF_INIT, path = BUF_INIT;
	int fd = -1, rc;

	if ((rc = buf_printf(&path, "%s/sock", dir)) == 0 && buf_cstr(&path) != NULL &&
	    (fd = fio_unix_connect((const char *)path.p)) == -1)
		rc = ferr(FERR_REFUSED, "the job is not running");
	if (rc == 0 && (rc = buf_printf(&b, "%s\n", request)) == 0 &&
	    fio_send(fd, b.p, b.n) != (ssize_t)b.n)
		rc = ferr(FERR_REFUSED, "the job is not running");
	b.n = 0;
	if (rc == 0 && (rc = receive(fd, strcmp(request, "status") != 0, &b)) == 0)
		rc = judge(&b, out, ok);
	if (fd != -1)
		fio_close(fd);
	buf_fini(&b);
	buf_fini(&path);
	return rc;
}
