/* op: the loop of an operator; see op.h. */
#include "op/op_internal.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fio/fio.h"

static const int stdin_fd = STDIN_FILENO, stdout_fd = STDOUT_FILENO;
const struct op_wires OP_STDIO = { &stdin_fd, 1, NULL, &stdout_fd, 1, NULL };
const struct op_wires OP_STDOUT = { NULL, 0, NULL, &stdout_fd, 1, NULL };
const struct op_wires OP_STDIN = { &stdin_fd, 1, NULL, NULL, 0, NULL };

/* ---- opening and closing ---- */

static int
open_outputs(struct op *op, const struct op_wires *w)
{
	struct fmt_write_conf fmt = { .kind = op->conf.out,
				      .header = true,
				      .has = op->conf.has_header };
	int rc;

	if ((op->out = calloc(w->nout + 1, sizeof(*op->out))) == NULL ||
	    (op->edge = calloc(w->nout + 1, sizeof(*op->edge))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < w->nout; i++) {
		if (i == 0 || (w->edge != NULL && w->edge[i] != w->edge[i - 1]))
			op->edge[op->nedges++] =
			    (struct out_edge){ .first = i,
					       .number = w->edge != NULL ? w->edge[i] : 0 };
		op->edge[op->nedges - 1].n++;
	}
	for (; op->nout < w->nout; op->nout++) {
		int fd = w->out[op->nout];

		if (op->conf.out == FMT_AUTO)
			fmt.kind = fio_isatty(fd) ? FMT_TABLE : FMT_FRAMES;
		fmt.width = fmt.kind == FMT_TABLE ? fio_tty_width(fd) : 0;
		fmt.color = op->conf.color == 1 ||
			    (op->conf.color == -1 && fio_isatty(fd) && fio_env("NO_COLOR") == NULL);
		if ((rc = out_open(&op->out[op->nout], fd, &op->out_schema,
				   fmt.kind == FMT_FRAMES ? NULL : &fmt)) != 0)
			return rc;
	}
	return 0;
}

static int
open_inputs(struct op *op, const struct op_wires *w)
{
	unsigned input;
	int rc;

	if ((op->in = calloc(w->nin + 1, sizeof(*op->in))) == NULL ||
	    (op->wm_chans = calloc(w->nin + 1, sizeof(*op->wm_chans))) == NULL ||
	    (op->ep.align_chans = calloc(w->nin + 1, sizeof(*op->ep.align_chans))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	op->ninputs = op->cls->inputs > 0 ? op->cls->inputs : 1;
	for (; op->nin < w->nin; op->nin++) {
		input = w->input != NULL ? (unsigned)w->input[op->nin] : op->nin;
		if (op->cls->inputs == 0)
			input = 0;
		if (input >= op->ninputs)
			return ferr(FERR_CORRUPT, "there is no input %u here", input);
		if ((rc = chan_open(&op->in[op->nin], op->nin, input, w->in[op->nin])) != 0)
			return rc;
		op->input[input].nchans++;
	}
	wm_init(&op->wm, op->wm_chans, op->nin);
	return 0;
}

int
op_open(struct op **out, const struct op_conf *conf, const struct op_class *cls, void *self,
	const struct op_wires *w, char **argv, int argc)
{
	struct op_wires task_wires;
	const char *ctl;
	struct op *op;
	int rc;

	if ((op = calloc(1, sizeof(*op))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	op->conf = *conf;
	op->cls = cls;
	op->self = self;
	op->wake_at = EV_FOREVER;
	op->now = fio_mono_ns();
	for (unsigned i = 0; i < OP_INPUTS; i++)
		schema_init(&op->input[i].schema);
	schema_init(&op->out_schema);
	hello_init(&op->hello);
	if ((rc = ev_init(&op->ev)) != 0)
		goto fail;
	if ((ctl = fio_env("FJORD_CTL")) != NULL) {
		if ((rc = op_task_begin(op, atoi(ctl))) != 0)
			goto fail;
		if (w->nout > 0 && conf->out != FMT_AUTO && conf->out != FMT_FRAMES) {
			rc = ferr(FERR_USAGE, "-o is for a bare shell; between supervised stages "
					      "there are frames");
			goto fail;
		}
		task_wires =
		    (struct op_wires){ op->ep.wires.in,	 op->ep.wires.nin,  op->ep.wires.input,
				       op->ep.wires.out, op->ep.wires.nout, op->ep.wires.edge };
		w = &task_wires;
	}
	if ((rc = open_outputs(op, w)) != 0 || (rc = op_chain_begin(op)) != 0 ||
	    (rc = open_inputs(op, w)) != 0)
		goto fail;
	op->hello.version = FRAME_VERSION;
	if ((rc = op_shell_introduce(op, argv, (unsigned)argc)) != 0 ||
	    (conf->state != NULL && (rc = op_shell_begin(op)) != 0))
		goto fail;
	if (conf->on_bad == BAD_PATH && (rc = op_side_open(op, &op->bad_side, conf->bad_path)) != 0)
		goto fail;
	*out = op;
	return 0;
fail:
	op_close(op);
	return rc;
}

void
op_close(struct op *op)
{
	struct op_side *s;

	if (op == NULL)
		return;
	for (unsigned i = 0; i < op->nin; i++)
		chan_close(&op->in[i]);
	for (unsigned i = 0; i < op->nout; i++)
		out_close(&op->out[i]);
	op_chain_end(op);
	while ((s = op->sides) != NULL) {
		op->sides = s->next;
		out_close(&s->out);
		schema_fini(&s->schema);
		for (unsigned i = 0; i < OP_INPUTS; i++)
			free(s->from[i].map);
		buf_fini(&s->row);
		free(s->path);
		free(s);
	}
	op_base_close(op);
	op_epoch_close(op);
	op_task_end(op);
	free(op->in);
	free(op->out);
	free(op->edge);
	free(op->wm_chans);
	free(op->wait_fds);
	buf_fini(&op->row);
	for (unsigned i = 0; i < OP_INPUTS; i++)
		schema_fini(&op->input[i].schema);
	op_version_fini(op);
	schema_fini(&op->out_schema);
	hello_fini(&op->hello);
	ev_fini(&op->ev);
	free(op);
}

/* ---- the loop ---- */

#define TABLE_WAIT_NS 200000000LL

bool
op_full(const struct op *op)
{
	if (op->wait_job)
		return true;
	for (unsigned i = 0; i < op->nout; i++) {
		if (out_full(&op->out[i]))
			return true;
	}
	for (const struct op_side *s = op->sides; s != NULL; s = s->next) {
		if (link_out_full(&s->out.link))
			return true;
	}
	return false;
}

/* Call fn on every output. */
static int
each_out(struct op *op, int (*fn)(struct op *op, struct out *o))
{
	int rc = 0;

	for (unsigned i = 0; i < op->nout && rc == 0; i++)
		rc = fn(op, &op->out[i]);
	for (struct op_side *s = op->sides; s != NULL && rc == 0; s = s->next)
		rc = fn(op, &s->out);
	return rc;
}

static int
push(struct op *op, struct out *o)
{
	(void)op;
	return out_push(o);
}

static int
seal(struct op *op, struct out *o)
{
	(void)op;
	return out_seal(o);
}

static int
seal_if_due(struct op *op, struct out *o)
{
	int rc = 0;

	if (o->since != 0 && (op->now - o->since > OP_LINGER_NS || o->frames >= OP_LINGER_FRAMES))
		rc = out_seal(o);
	if (rc == 0 && op->now - o->pushed > OP_LINGER_NS) {
		o->pushed = op->now;
		rc = out_push(o);
	}
	return rc;
}

static int
put_end(struct op *op, struct out *o)
{
	return out_end(o, op->why);
}

/* A table shows what it holds back to size its columns once nothing has come for a while. */
static int
release(struct op *op, struct out *o)
{
	(void)op;
	return out_release(o);
}

static int
watch(struct op *op, struct out *o)
{
	return link_out_waiting(&o->link) == 0 ? 0 : ev_watch(&op->ev, o->link.fd, POLLOUT);
}

/* The class has nothing pending any more. */
static int
finish_pending(struct op *op)
{
	enum op_after after = op->after;

	op->pending = false;
	op->after = AFTER_NOTHING;
	if (after == AFTER_MARK)
		return op_tell(op);
	if (after == AFTER_END)
		op->ended = true;
	return 0;
}

/* Every input has ended (or the source has). */
static int
finish_input(struct op *op)
{
	int rc = 0;

	op->ending = true;
	if (op->cls->on_end != NULL)
		rc = op->cls->on_end(op->self, op);
	if (rc == 0)
		rc = op_chain_finish(op);
	if (rc == FERR_AGAIN) {
		op->pending = true;
		op->after = AFTER_END;
		return 0;
	}
	op->ended = rc == 0;
	return rc;
}

/* One piece of input: 1 done something, 0 nothing to do now, or an error.  Inputs whose watermark
 * is behind go first. */
static int
step_inputs(struct op *op)
{
	unsigned done = 0, begin = op->turn, first = begin;
	int rc;

	if (++op->turn >= op->nin)
		op->turn = 0;
	for (unsigned i = 1; i < op->nin; i++) {
		unsigned k = (begin + i) % op->nin;

		if (op->in[k].state != CHAN_DONE && (op->in[first].state == CHAN_DONE ||
						     op->wm_chans[k].wm < op->wm_chans[first].wm))
			first = k;
	}
	for (unsigned i = 0; i < op->nin; i++) {
		struct chan *c = &op->in[(first + i) % op->nin];

		if (c->state == CHAN_DONE && c->row == c->end) {
			done++;
			continue;
		}
		if (op->ep.on && align_blocked(&op->ep.align, c->id))
			continue;
		if (!op->greeted && c->greeted)
			continue; /* nothing goes out before our HELLO, which waits for those of all
				     inputs */
		if (op->greeted && op->nreplays > 0 && c->replay.n == 0)
			continue; /* first comes what was in flight */
		if ((rc = chan_step(op, c)) != 0)
			return rc;
	}
	if (done < op->nin)
		return 0;
	for (unsigned i = 0; i < op->nin; i++) {
		if (op->in[i].why == END_STOP)
			op->why = END_STOP;
	}
	rc = finish_input(op);
	return rc != 0 ? rc : 1;
}

/* A supervised source at its end says so, stays, and goes on delivering barriers until the last. */
static int
stand_at_end(struct op *op)
{
	int rc = op->cls->on_end != NULL ? op->cls->on_end(op->self, op) : 0;

	op->ep.at_end = true;
	if (rc == 0)
		rc = op_chain_finish(op);
	return rc != 0 ? rc : talk_put(&op->ep.talk, CTL_ENDED, CTL_NONE, NULL, 0);
}

static int
step_source(struct op *op)
{
	int rc;

	if (op->ep.at_end || op->ep.last != 0 || op->ep.drained)
		return 0;
	rc = op->cls->produce(op->self, op);
	if (rc == OP_MORE)
		return 1;
	if (rc == OP_WAIT)
		return 0;
	if (rc != OP_END)
		return rc;
	rc = op->ep.on ? stand_at_end(op) : finish_input(op);
	return rc != 0 ? rc : 1;
}

/* One turn of work: 1 worked, 0 nothing to do now. */
static int
step(struct op *op)
{
	int rc;

	if (op->pending) {
		if ((rc = op->cls->resume(op->self, op)) == FERR_AGAIN)
			return 1;
		if (rc == 0)
			rc = finish_pending(op);
		return rc != 0 ? rc : 1;
	}
	if (op->wake_at <= op->now && op->cls->on_tick != NULL) {
		op->wake_at = EV_FOREVER;
		rc = op->cls->on_tick(op->self, op);
		return rc != 0 ? rc : 1;
	}
	return op->cls->source ? step_source(op) : step_inputs(op);
}

/* May input i be read? */
static bool
readable(const struct op *op, unsigned i, bool full)
{
	const struct chan *c = &op->in[i];

	if (op->ep.snap.gathering)
		return op->ep.align_chans[i].awaited;
	return !full && c->state != CHAN_DONE && (op->greeted || !c->greeted) &&
	       !(op->ep.on && align_blocked(&op->ep.align, i));
}

/* Signals: a source is asked to end, a text input ends, frames end by themselves; the second signal
 * ends us now. */
static bool
signalled(struct op *op)
{
	if (op->ev.signals == 0)
		return false;
	if (op->ep.shell) {
		op_shell_signalled(op);
		return op->ev.signals > 1;
	}
	if (op->ep.on) { /* fcoord decides; only a SIGTERM to us alone ends us, as a failure */
		if (op->ev.signal == SIGTERM)
			return true;
		op->ev.signals = 0;
		op->ev.signal = 0;
		return false;
	}
	for (unsigned i = 0; i < op->nin; i++)
		chan_stop_text(&op->in[i]);
	return op->ev.signals > 1;
}

/* The supervisor's socket and the helpers. */
static int
watch_control(struct op *op)
{
	int rc = 0;

	if (op->ep.on)
		rc = ev_watch(&op->ev, op->ep.talk.in,
			      talk_due(&op->ep.talk) ? POLLIN | POLLOUT : POLLIN);
	if (rc == 0 && op->work != NULL)
		rc = ev_watch(&op->ev, work_fd(op->work), POLLIN);
	if (rc == 0 && op->base.busy)
		rc = ev_watch(&op->ev, work_fd(op->base.work), POLLIN);
	return rc;
}

static int
serve(struct op *op)
{
	int rc = op_epoch_jobs(op);

	op_base_jobs(op);
	return rc == 0 && op->ep.on ? op_task_serve(op) : rc;
}

static int
wait_for(struct op *op, bool full, bool look)
{
	int64_t until = look ? 0 : full || op->ep.snap.gathering ? EV_FOREVER : op->wake_at;
	int rc;

	ev_begin(&op->ev);
	if ((rc = each_out(op, watch)) != 0 || (rc = watch_control(op)) != 0)
		return rc;
	for (unsigned i = 0; i < op->nin; i++) {
		if (readable(op, i, full) &&
		    (rc = ev_watch(&op->ev, op->in[i].link.fd, POLLIN)) != 0)
			return rc;
	}
	for (unsigned i = 0; i < op->nwait && !full; i++) {
		if ((rc = ev_watch(&op->ev, op->wait_fds[i], POLLIN)) != 0)
			return rc;
	}
	for (unsigned i = 0; i < op->nout && !look; i++) {
		if (op->out[i].held && op->now + TABLE_WAIT_NS < until)
			until = op->now + TABLE_WAIT_NS;
		if (full && op->out[i].pauses > 0 && op->now + OP_LOOK_NS < until)
			until = op->now + OP_LOOK_NS; /* no event ends a pause */
	}
	assert(op->ev.n > 0 || until != EV_FOREVER); /* or we would sleep for ever */
	if ((rc = ev_wait(&op->ev, until)) == 0 && op->ev.quiet && !look)
		rc = each_out(op, release);
	if (!look && !full) {
		op->nwait = 0;
		if (op->cls->source)
			op->wake_at = EV_FOREVER;
	}
	op->looked = op->now = fio_mono_ns();
	return rc != 0 ? rc : serve(op);
}

/* Until everything has left. */
static int
send_all(struct op *op)
{
	int rc;

	for (;;) {
		if ((rc = each_out(op, push)) != 0)
			return rc;
		ev_begin(&op->ev);
		if ((rc = each_out(op, watch)) != 0 || op->ev.n == 0)
			return rc;
		if ((rc = watch_control(op)) != 0 || (rc = ev_wait(&op->ev, EV_FOREVER)) != 0 ||
		    (rc = serve(op)) != 0)
			return rc;
		if (signalled(op))
			return 0;
	}
}

/* A bad record ends the job: what came before it still goes out, without END. */
static int
send_rest(struct op *op, int rc)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s", ferr_text());
	if (each_out(op, seal) == 0)
		send_all(op);
	return ferr(rc, "%s", text);
}

/* What epochs want between two batches. */
static int
tend_epochs(struct op *op)
{
	int rc = 0;

	if (op->ep.due && !op->pending) {
		op->ep.due = false;
		if ((rc = op_epoch_take(op, &op->ep.due_bar)) != 0)
			return rc;
	}
	if (op->ep.overtake && !op->pending && op->greeted && op_flight_may(op)) {
		op->ep.overtake = false;
		if ((rc = op_epoch_overtake(op, &op->ep.overtake_bar)) != 0)
			return rc;
	}
	if ((rc = op_epoch_slice(op)) == 0 && op->state != NULL)
		rc = state_relieve(op->state);
	return rc;
}

/* The last barrier is through: stay until its epoch is complete and published. */
static int
see_off(struct op *op)
{
	int rc = 0;

	while (rc == 0 && op->ep.on && !op_epoch_over(op) && !signalled(op)) {
		if (op_epoch_busy(op)) {
			rc = op_epoch_slice(op);
			continue;
		}
		ev_begin(&op->ev);
		if ((rc = watch_control(op)) == 0 && (rc = ev_wait(&op->ev, EV_FOREVER)) == 0)
			rc = serve(op);
		op->now = fio_mono_ns();
	}
	if (rc == 0 && op->ep.on && op_epoch_over(op))
		op_base_end(op);
	return rc;
}

static int
loop(struct op *op)
{
	bool full;
	int rc;

	while (!op->ended) {
		if ((op->ep.on || op->state != NULL) && (rc = tend_epochs(op)) != 0)
			return rc;
		if (op->ended)
			break;
		if ((full = op_full(op))) {
			if ((rc = each_out(op, push)) != 0)
				return rc;
			full = op_full(op);
		}
		if ((rc = op->ep.snap.gathering ? op_flight_step(op) : full ? 0 : step(op)) != 0) {
			if (rc < 0)
				return rc;
			op->now = fio_mono_ns();
			if ((rc = each_out(op, seal_if_due)) != 0)
				return rc;
			if (op->now - op->looked < (op->ep.on ? OP_LOOK_NS : OP_LINGER_NS))
				continue;
			if ((rc = wait_for(op, full, true)) != 0)
				return rc;
		} else {
			if ((rc = each_out(op, seal)) != 0 || (rc = each_out(op, push)) != 0)
				return rc;
			if (full && !op_full(op))
				continue; /* there is room again, and nothing left to wait for */
			if ((rc = wait_for(op, full, op_epoch_busy(op))) != 0)
				return rc;
		}
		if (signalled(op))
			return 0;
	}
	if ((rc = each_out(op, put_end)) == 0 && (rc = send_all(op)) == 0)
		rc = see_off(op);
	return rc;
}

int
op_run(struct op *op, int *signal)
{
	uint64_t before = 0; /* bad records of earlier runs */
	int rc = 0;

	*signal = 0;
	if (op->nin == 0 && op->cls->source && !op->greeted)
		rc = op_greet(op);
	if (rc == 0 && op->cls->start != NULL)
		rc = op->cls->start(op->self, op);
	if (rc == 0 && op->ep.on && (rc = op_task_restore(op)) == 0) {
		before = op->bad_told;
		rc = serve(op);
	}
	if (rc == 0)
		rc = loop(op);
	if (rc == FERR_DATA || rc == FERR_LOST)
		rc = send_rest(op, rc);
	if (op->nbad > before && rc != FERR_DATA)
		op_say(op, "%llu bad records %s%s", (unsigned long long)(op->nbad - before),
		       op->conf.on_bad == BAD_SKIP ? "skipped" : "written to ",
		       op->conf.on_bad == BAD_SKIP ? "" : op->conf.bad_path);
	if (before > 0)
		op_verbose(op, "%llu bad records in all runs", (unsigned long long)op->nbad);
	/* Filters that read frames finish what they have, and end as if nothing had happened. */
	if (op->ep.shell && op->ev.signals > 0)
		*signal = op->cls->source || op->ev.signals > 1 ? op->ev.signal : 0;
	else if (op->ep.on && op->ev.signal == SIGTERM)
		*signal = SIGTERM;
	else if (op->ev.signals > 1 || (op->ev.signals == 1 && (op->cls->source || op_text_in(op))))
		*signal = op->ev.signal;
	return rc;
}
