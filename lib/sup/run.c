/* run: the loop of a running job; see run.h. */
#include "sup/run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "fio/fio.h"
#include "fio/proc.h"
#include "frame/frame.h"
#include "store/store.h"
#include "sup/hall.h"
#include "sup/rescaled.h"
#include "sup/run_internal.h"

#define STATS_MS 1000
#define HEAR_MAX 16  /* reads of the agent's words a turn */
#define KILL_MS 5000 /* how long an agent may take to kill its children */
#define LINE_MAX_BYTES 4096
#define ECHO_MS 200 /* after a stage that ended because of another, the other is waited for */

/* ---- saying ---- */

void
run_say(struct run *r, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	r->conf.say(r->conf.cookie, NULL, 0, line);
}

/* Lines of a subtask's stderr, whole ones. */
static int
take_stderr(struct run *r, struct sub *s, const uint8_t *p, size_t n)
{
	const char *stage = r->job->stage[s->stage].name;
	uint8_t *nl;
	size_t len;
	int rc;

	if ((rc = buf_put(&s->err, p, n)) != 0)
		return rc;
	while (s->err.n > 0) {
		nl = memchr(s->err.p, '\n', s->err.n);
		if (nl == NULL && s->err.n < LINE_MAX_BYTES)
			break;
		len = nl != NULL ? (size_t)(nl - s->err.p) : s->err.n;
		if (nl != NULL)
			*nl = '\0';
		else if (buf_cstr(&s->err) == NULL)
			return FERR_NOMEM;
		r->conf.say(r->conf.cookie, stage, s->index, (const char *)s->err.p);
		buf_shift(&s->err, nl != NULL ? len + 1 : len);
	}
	return 0;
}

/* ---- failure ---- */

/* May a job whose subtask ended so be started again (design §10)? */
static bool
may_restart(int status)
{
	return status == 1 || status >= 128;
}

static const char *
status_name(int status, char *to, size_t n)
{
	if (WIFSIGNALED(status))
		snprintf(to, n, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(to, n, "status %d", WEXITSTATUS(status));
	return to;
}

/* The attempt is over; status tells whether the job may be tried again. */
int
run_fail(struct run *r, int status, const char *fmt, ...)
{
	va_list ap;

	/* The first one is the cause, but for status 1, which may be the echo of a neighbour's end.
	 */
	if (r->failed && (r->fail_status != 1 || status == 1))
		return 0;
	r->failed = true;
	r->fail_status = status;
	va_start(ap, fmt);
	vsnprintf(r->fail_text, sizeof(r->fail_text), fmt, ap);
	va_end(ap);
	return 0;
}

/* Of a plain pipeline: a stage that came by itself. */
static bool
is_guest(const struct run *r, const struct sub *s)
{
	return s->stage < r->conf.nguests;
}

static void
exited(struct run *r, struct sub *s, int status, bool meant)
{
	const char *stage = r->job->stage[s->stage].name;
	char how[96];

	if (r->alive > 0)
		r->alive--;
	if (r->ckpt.over && status == 0)
		return; /* the last epoch is complete */
	if (r->phase == RUN_ENDED || (r->phase == RUN_KILLING && meant))
		return;
	if (is_guest(r, s)) {
		/* We cannot know how it ended; who fails says so before, or is the echo of another.
		 */
		if (s->told)
			r->echo_at = r->echo_at != 0 ? r->echo_at : r->now;
		else
			run_fail(
			    r, 1,
			    "%s (process %u) was killed, or ended without a word; the same line "
			    "again goes on",
			    stage, s->pid);
		return;
	}
	status_name(status, how, sizeof(how));
	/* Its own words came before, unless it was killed. */
	run_fail(r,
		 WIFSIGNALED(status)	    ? 128 + WTERMSIG(status)
		 : WEXITSTATUS(status) == 0 ? 1
					    : WEXITSTATUS(status),
		 "%s-%u (pid %u): %s", stage, s->index, s->pid,
		 status == 0 ? "ended before the job did" : how);
}

/* ---- what the agent says ---- */

static void
all_ready(struct run *r)
{
	for (unsigned i = 0; i < r->nsubs; i++) {
		if (!r->sub[i].ready)
			return;
	}
	for (unsigned i = 1; i < r->nsubs; i++) {
		if (r->sub[i].stage == r->sub[i - 1].stage &&
		    r->sub[i].equal != r->sub[i - 1].equal) {
			run_fail(r, 1,
				 "the subtasks of %s see different inputs; files came or went "
				 "while the job started",
				 r->job->stage[r->sub[i].stage].name);
			return;
		}
	}
	for (unsigned i = 0; i < r->nsubs; i++)
		(void)!talk_put(&r->talk, CTL_GO, i, NULL, 0);
	r->phase = RUN_RUNNING;
	ckpt_running(&r->ckpt, r->now, r->restored);
	for (unsigned i = 0; i < r->nasked; i++)
		ckpt_request(&r->ckpt, r->now, r->asked[i].kind, r->asked[i].cookie);
	r->nasked = 0;
	ask_phase(r);
	r->stats_at = r->now;
}

static int
take_ack(struct run *r, uint32_t sub, struct ctl_body *b)
{
	uint64_t epoch = ctl_u64(b);
	size_t used;
	int rc;

	if (b->bad)
		return ferr(FERR_CORRUPT, "an ack is damaged");
	if (epoch != r->ckpt.epoch || r->ckpt.phase != CKPT_TRIGGERED)
		return 0; /* of an epoch that was given up */
	if ((rc = snap_decode(&r->sub[sub].snap, b->p, b->n, &used)) != 0)
		return rc;
	ckpt_ack(&r->ckpt, r->now, sub, epoch);
	return 0;
}

static void
take_stats(struct sub *s, struct ctl_body *b)
{
	struct run_stats st;

	st.in = ctl_u64(b);
	st.out = ctl_u64(b);
	st.watermark = (int64_t)ctl_u64(b);
	st.blocked = ctl_u32(b) != 0;
	st.state = ctl_u64(b);
	st.bad = ctl_u64(b);
	if (!b->bad)
		s->stats = st;
}

static int
take_failed(struct run *r, struct sub *s, struct ctl_body *b)
{
	int status = (int)ctl_u32(b);
	char *text = ctl_text(b);

	/* A consumer that left, or a stream that broke off, is an echo of another's end. */
	s->told = true;
	if (is_guest(r, s) && status != 1) /* it has said it itself */
		run_fail(r, status, "%s", "");
	else if (is_guest(r, s))
		r->echo_at =
		    r->echo_at != 0 ? r->echo_at : r->now; /* or the echo of another's end */
	else if (text != NULL && status != 1)
		run_fail(r, status, "%s-%u: %s", r->job->stage[s->stage].name, s->index, text);
	free(text);
	return 0;
}

static void
ask_stop(struct run *r)
{
	if (r->conf.nguests == 0)
		run_say(r, "stopping at a last barrier (once more: at once)");
	ckpt_request(&r->ckpt, r->now, CKPT_STOP, 0);
	r->stop_asked = true;
	run_set_phase(r, RUN_STOPPING);
}

/* A stage of a plain pipeline was asked to end; a terminal asks all of them, and us. */
static int
take_stop(struct run *r, struct ctl_body *b)
{
	r->told_signal = (int)ctl_u32(b);
	if (r->phase == RUN_RUNNING)
		ask_stop(r);
	else if (r->phase == RUN_STARTING)
		run_fail(r, 128 + r->told_signal, "%s", "");
	return 0;
}

static int
take_message(struct run *r, const struct ctl_msg *m)
{
	struct ctl_body b = { m->p, m->n, false };
	struct sub *s;
	size_t n;
	const uint8_t *p;

	if (m->kind == CTL_KILLED || m->kind == CTL_HELLO)
		return 0; /* alive tells */
	if (m->sub >= r->nsubs)
		return ferr(FERR_CORRUPT, "the agent speaks of a subtask that is not there");
	s = &r->sub[m->sub];
	switch (m->kind) {
	case CTL_SPAWNED: s->pid = ctl_u32(&b); return 0;
	case CTL_READY:
		s->ready = true;
		s->equal = ctl_u64(&b);
		if (r->phase == RUN_STARTING)
			all_ready(r);
		return 0;
	case CTL_ACK: return take_ack(r, m->sub, &b);
	case CTL_DECLINE: {
		uint64_t epoch = ctl_u64(&b);
		char *why = ctl_text(&b);

		ckpt_decline(&r->ckpt, r->now, m->sub, epoch, why != NULL ? why : "declined");
		free(why);
		return 0;
	}
	case CTL_ENDED: ckpt_source_ended(&r->ckpt, r->now, m->sub); return 0;
	case CTL_PUBLISHED: ckpt_published(&r->ckpt, r->now, m->sub, ctl_u64(&b)); return 0;
	case CTL_STATS: take_stats(s, &b); return 0;
	case CTL_FAILED: return take_failed(r, s, &b);
	case CTL_STOP: return take_stop(r, &b);
	case CTL_EXITED: {
		int status = (int)ctl_u32(&b);

		exited(r, s, status, ctl_u32(&b) != 0);
		return 0;
	}
	case CTL_STDERR:
		p = m->p;
		n = m->n;
		return take_stderr(r, s, p, n);
	default: return 0;
	}
}

static int
hear(struct run *r)
{
	struct ctl_msg m;
	int rc, got = 1;

	/* A turn has an end, however much is said: others are to be heard too. */
	for (int turns = 0; got == 1 && turns < HEAR_MAX; turns++) {
		got = talk_fill(&r->talk);
		while ((rc = talk_next(&r->talk, &m)) == 1) {
			if ((rc = take_message(r, &m)) != 0 || (rc = run_pump(r)) != 0)
				return rc;
		}
		if (rc != 0)
			return rc;
	}
	if (got == FERR_CLOSED) {
		int status;

		talk_close(&r->talk);
		r->talking = false;
		r->alive = 0; /* its children die with it */
		fio_reap(r->agent, &status, true);
		run_fail(r, 1, "the agent is gone");
		return 0;
	}
	return got < 0 ? got : 0;
}

/* ---- what the coordinator decides ---- */

static void
to_sources(struct run *r, const void *p, size_t n)
{
	for (unsigned i = 0; i < r->nsubs; i++) {
		if (r->ckpt_sub[i].source)
			(void)!talk_put(&r->talk, CTL_TRIGGER, i, p, n);
	}
}

/* Everyone but sources, whose barriers leave at once anyway. */
static void
to_late(struct run *r, const void *p, size_t n)
{
	for (unsigned i = 0; i < r->nsubs; i++) {
		if (!r->ckpt_sub[i].source && !r->ckpt_sub[i].acked)
			(void)!talk_put(&r->talk, CTL_OVERTAKE, i, p, n);
	}
}

static void
to_everyone(struct run *r, enum ctl_kind kind, const void *p, size_t n)
{
	for (unsigned i = 0; i < r->nsubs; i++)
		(void)!talk_put(&r->talk, kind, i, p, n);
}

static void
store_epoch(struct run *r, const struct ckpt_act *a)
{
	struct buf b = BUF_INIT;
	char name[32];
	int rc = chain_store(r, a->epoch, a->flags);

	if (rc == FERR_FENCED) {
		run_fail(r, 5, "%s", ferr_text());
	} else if (rc == 0) {
		restart_progress(&r->conf.restart, r->now);
		r->conf.accept_rewind = false; /* what was accepted is done */
		ckpt_stored(&r->ckpt, r->now, a->epoch, true, "");
	} else {
		char text[512];

		snprintf(text, sizeof(text), "%s", ferr_text());
		store_place_name(r->place + 1, name);
		/* If it is there all the same, only a new attempt that reads it again may go on. */
		if (store_read(r->conf.dir, name, SIZE_MAX, &b) != FERR_LOST)
			run_fail(r, 1, "%s", text);
		else
			ckpt_stored(&r->ckpt, r->now, a->epoch, false, text);
	}
	buf_fini(&b);
}

static int
act(struct run *r, const struct ckpt_act *a)
{
	struct barrier bar = { .epoch = a->epoch, .flags = a->flags };
	uint8_t p[BARRIER_BYTES], e[8];

	le64put(e, a->epoch);
	switch (a->kind) {
	case ACT_TRIGGER:
		if (fio_random(bar.id, sizeof(bar.id)) != 0)
			return ferr_sys(FERR_IO, "no random numbers");
		memcpy(r->barrier, bar.id, sizeof(bar.id));
		barrier_encode(&bar, p);
		to_sources(r, p, sizeof(p));
		return 0;
	case ACT_OVERTAKE:
		memcpy(bar.id, r->barrier, sizeof(bar.id));
		barrier_encode(&bar, p);
		to_late(r, p, sizeof(p));
		return 0;
	case ACT_CANCEL:
		run_say(r, "checkpoint %" PRIu64 " given up: %s", a->epoch, a->text);
		to_everyone(r, CTL_CANCEL, e, sizeof(e));
		return 0;
	case ACT_STORE: store_epoch(r, a); return 0;
	case ACT_COMPLETE:
		to_everyone(r, CTL_COMPLETE, e, sizeof(e));
		chain_tidy(r);
		ask_phase(r);
		return 0;
	case ACT_ANSWER: ask_answer(r, a->cookie, a->epoch, NULL); return 0;
	case ACT_REFUSE: ask_answer(r, a->cookie, 0, a->text); return 0;
	case ACT_FAIL: return run_fail(r, 1, "too many checkpoints failed in a row: %s", a->text);
	case ACT_OVER: r->over = true; return chain_published(r, a->epoch);
	}
	return 0;
}

/* Act on all that is decided; of a failed attempt only the answers matter. */
int
run_pump(struct run *r)
{
	struct ckpt_act a;
	int rc = 0;

	while (rc == 0 && ckpt_next(&r->ckpt, &a)) {
		if (!r->failed || a.kind == ACT_ANSWER || a.kind == ACT_REFUSE)
			rc = act(r, &a);
	}
	return rc;
}

/* ---- the life of a job ---- */

void
run_set_phase(struct run *r, enum run_phase p)
{
	r->phase = p;
	ask_phase(r);
	if (r->conf.show != NULL)
		r->conf.show(r->conf.cookie, r);
}

/* An attempt has failed: first its children are to be gone. */
static void
kill_attempt(struct run *r)
{
	uint8_t status[4];

	run_set_phase(r, RUN_KILLING);
	r->kill_by = r->now + KILL_MS;
	le32put(status, (uint32_t)(r->fail_status < 128 ? r->fail_status : 1));
	for (unsigned i = 0; i < r->nsubs && r->talking; i++) {
		if (is_guest(r, &r->sub[i]))
			(void)!talk_put(&r->talk, CTL_FAILED, i, status, sizeof(status));
	}
	if (r->talking)
		(void)!talk_put(&r->talk, CTL_KILL, CTL_NONE, NULL, 0);
}

/* An agent that does not do it is killed itself, and its children die with it. */
static void
kill_agent(struct run *r)
{
	r->kill_by = INT64_MAX;
	if (r->talking)
		fio_kill(r->agent, SIGKILL);
}

static void
after_kill(struct run *r)
{
	int64_t wait;

	if (r->fatal) {
		run_set_phase(r, RUN_ENDED);
		return;
	}
	if (!may_restart(r->fail_status) ||
	    (wait = restart_failed(&r->conf.restart, r->now)) == -1) {
		if (may_restart(r->fail_status) && r->conf.restart.kind != RESTART_NONE)
			run_say(r, "it fails again and again; the job is given up");
		run_set_phase(r, RUN_ENDED);
		return;
	}
	run_say(r, "%s; restarting%s from epoch %" PRIu64, r->fail_text, wait > 0 ? " soon" : "",
		r->ckpt.complete);
	r->retry_at = r->now + wait;
	run_set_phase(r, RUN_WAITING);
}

static int
try_start(struct run *r)
{
	int rc = attempt_start(r);

	if (rc == 0)
		return 0;
	/* What cannot even begin is not tried again, but for the disk. */
	if (rc == FERR_CLOSED)
		run_fail(r, 1, "the agent is gone");
	else
		run_fail(r, ferr_status(rc), "%s", ferr_text());
	if (r->nsubs == 0 || !r->talking)
		r->alive = 0;
	kill_attempt(r);
	return 0;
}

/* A restart or a rescale was asked for, and the stop for it is through. */
static int
begin_again(struct run *r)
{
	int rc;

	r->again = r->over = false;
	if ((rc = job_plan(r->job, r->conf.parallel, r->conf.atleast)) != 0 && r->was != NULL) {
		ask_refuse_again(r);
		ask_undo(r);
		rc = job_plan(r->job, r->conf.parallel, r->conf.atleast);
	}
	if (rc == 0 && r->was != NULL)
		rc = rescaled_note(r->conf.dir, r->job);
	free(r->was);
	r->was = NULL;
	return rc != 0 ? rc : try_start(r);
}

/* Ends that nobody has told the cause of. */
static void
look_for_ends(struct run *r)
{
	bool gone = r->alive == 0 && (r->phase == RUN_RUNNING || r->phase == RUN_STOPPING);

	/* One that was the echo of another's end, and no better cause for a while. */
	if (r->echo_at != 0 && (r->alive == 0 || r->now - r->echo_at >= ECHO_MS))
		run_fail(r, 1, "%s", "");
	else if (gone)
		run_fail(r, 1, "all subtasks have ended, and the job has not");
}

static int
advance(struct run *r)
{
	int rc = run_pump(r);

	if (rc != 0)
		return rc;
	if (!r->failed && !r->over)
		look_for_ends(r);
	if (r->failed &&
	    (r->phase == RUN_STARTING || r->phase == RUN_RUNNING || r->phase == RUN_STOPPING))
		kill_attempt(r);
	if (r->over && r->alive == 0)
		return r->again && !r->stop_asked && !ask_stops(r)
			   ? begin_again(r)
			   : (run_set_phase(r, RUN_ENDED), 0);
	if (r->phase == RUN_KILLING && r->alive == 0)
		after_kill(r);
	else if (r->phase == RUN_WAITING && r->retry_at <= r->now)
		return try_start(r);
	return 0;
}

/* Signals: the first asks for a stop at a last barrier, the second one ends it now. */
static void
take_signals(struct run *r)
{
	if (r->ev.signals == r->signals)
		return;
	if (r->signals == 0 && r->phase == RUN_RUNNING && r->ev.signals == 1) {
		ask_stop(r);
	} else if (r->signals == 0 && r->ev.signals == 1 && r->told_signal != 0) {
		/* a stage was faster to tell of the same */
	} else {
		r->fatal = true;
		r->kill_by = r->now;
		run_fail(r, 128 + r->ev.signal, "%s",
			 r->conf.nguests > 0 ? "" : "ended by a signal");
		if (r->phase == RUN_WAITING)
			run_set_phase(r, RUN_ENDED);
	}
	r->signals = r->ev.signals;
}

static void
ask_stats(struct run *r)
{
	if (r->phase != RUN_RUNNING && r->phase != RUN_STOPPING)
		return;
	for (unsigned i = 0; i < r->nsubs; i++)
		(void)!talk_put(&r->talk, CTL_STATS, i, NULL, 0);
	r->stats_at = r->now + STATS_MS;
	if (r->conf.show != NULL)
		r->conf.show(r->conf.cookie, r);
}

static int
turn(struct run *r)
{
	int64_t until = ckpt_deadline(&r->ckpt), at = INT64_MAX;
	int rc = 0;

	if (r->phase == RUN_WAITING)
		until = r->retry_at;
	if (r->phase == RUN_KILLING)
		until = r->kill_by;
	if (r->stats_at < until && (r->phase == RUN_RUNNING || r->phase == RUN_STOPPING))
		until = r->stats_at;
	if (r->echo_at != 0 && !r->failed && r->echo_at + ECHO_MS < until)
		until = r->echo_at + ECHO_MS;
	if (until != CKPT_NEVER)
		at = until * 1000000;
	if (r->phase == RUN_KILLING && r->alive == 0)
		at = 0; /* nobody is left to tell us that they are gone */
	ev_begin(&r->ev);
	if (r->talking)
		rc = ev_watch(&r->ev, r->talk.in, talk_due(&r->talk) ? POLLIN | POLLOUT : POLLIN);
	if (rc == 0 && (rc = ask_watch(r)) == 0)
		rc = ev_wait(&r->ev, at == INT64_MAX ? EV_FOREVER : at);
	r->now = fio_mono_ns() / 1000000;
	take_signals(r);
	if (r->phase == RUN_KILLING && r->kill_by <= r->now)
		kill_agent(r);
	if (rc == 0 && r->talking)
		rc = hear(r);
	if (rc == 0)
		rc = ask_serve(r);
	if (rc != 0)
		return rc;
	if (r->phase == RUN_RUNNING || r->phase == RUN_STOPPING)
		ckpt_tick(&r->ckpt, r->now);
	if (r->stats_at <= r->now)
		ask_stats(r);
	if ((rc = advance(r)) == 0 && r->talking && talk_push(&r->talk) == FERR_IO)
		rc = FERR_IO;
	return rc;
}

static void
close_agent(struct run *r)
{
	int status;

	if (!r->talking)
		return;
	talk_close(&r->talk); /* its stdin ends, and with it its children */
	r->talking = false;
	fio_reap(r->agent, &status, true);
}

/* The sum of what the sources say in their snapshots: "source.good", how many records they had
 * read; "source.held", 1 of one that --at-end hold has kept open. */
static int64_t
number_of_file(const struct ckpt_file *f, const char *name)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < f->nstages; i++) {
		for (unsigned k = 0; k < f->stage[i].parallel; k++)
			sum += snap_number_of(&f->stage[i].sub[k], name);
	}
	return sum;
}

static int64_t
records_of_subs(const struct run *r)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < r->nsubs; i++)
		sum += snap_number_of(&r->sub[i].snap, "source.good");
	return sum;
}

/* The job had finished before, and nothing was done now. */
static bool
was_over(const struct run *r)
{
	return r->was_final && number_of_file(&r->newest, "source.held") == 0 &&
	       records_of_subs(r) == number_of_file(&r->newest, "source.good");
}

int
run_job(const struct run_conf *conf, int *signal)
{
	struct run r = { .conf = *conf, .job = conf->job, .listen = -1, .agent = -1 };
	int rc;

	*signal = 0;
	ckpt_file_init(&r.newest);
	r.now = fio_mono_ns() / 1000000;
	ckpt_init(&r.ckpt, &conf->ckpt, NULL, 0, 0);
	if ((rc = ev_init(&r.ev)) == 0 && (rc = ask_open(&r)) == 0)
		rc = try_start(&r);
	while (rc == 0 && r.phase != RUN_ENDED)
		rc = turn(&r);
	close_agent(&r);
	if (!r.given)
		hall_refuse(conf->guest, conf->nguests, r.fail_status);
	ask_close(&r);
	if (rc == 0 && !r.over) {
		*signal = r.fatal ? r.ev.signal : r.fail_status >= 128 ? r.told_signal : 0;
		rc = ferr(ferr_of(r.fatal ? 1 : r.fail_status), "%s", r.fail_text);
	} else if (rc == 0 && r.stop_asked) {
		*signal = r.ev.signal != 0 ? r.ev.signal : r.told_signal;
	} else if (rc == 0 && was_over(&r)) {
		run_say(&r, "nothing to do: the job had finished");
	}
	attempt_fini(&r);
	free(r.was);
	chain_fini(&r);
	ev_fini(&r.ev);
	return rc;
}

/* ---- for those who show it ---- */

enum run_phase
run_phase(const struct run *r)
{
	return r->phase;
}

const char *
run_phase_name(enum run_phase p)
{
	static const char *const names[] = { "starting", "running",  "stopping",
					     "waiting",	 "stopping", "ended" };

	return names[p];
}

uint64_t
run_complete(const struct run *r)
{
	return r->ckpt.complete;
}

int64_t
run_complete_age(const struct run *r)
{
	return r->complete_at == 0 ? -1 : r->now - r->complete_at;
}

void
run_totals(const struct run *r, struct run_stats *out)
{
	*out = (struct run_stats){ .watermark = INT64_MAX };
	for (unsigned i = 0; i < r->nsubs; i++) {
		const struct run_stats *s = &r->sub[i].stats;

		out->state += s->state;
		out->bad += s->bad;
		if (!r->ckpt_sub[i].source)
			continue;
		out->out += s->out;
		out->blocked = out->blocked || s->blocked;
		if (s->watermark < out->watermark)
			out->watermark = s->watermark;
	}
}
