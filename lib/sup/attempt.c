/* attempt: the subtasks of one attempt are started; see run_internal.h. */
#include <stdio.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "fio/proc.h"
#include "store/store.h"
#include "sup/agent.h"
#include "sup/child.h"
#include "sup/run_internal.h"

/* A channel of an edge: from one subtask to another. */
struct wiring {
	uint32_t *edge; /* in the order of the descriptors: inputs, outputs, sides */
	unsigned n, cap;
	struct task_wires w;
};

static const struct ckpt_stage *
old_stage(const struct run *r, const char *name)
{
	for (unsigned i = 0; i < r->newest.nstages; i++) {
		if (strcmp(r->newest.stage[i].name, name) == 0)
			return &r->newest.stage[i];
	}
	return NULL;
}

/* Edge e is one channel per pair of subtasks, or one per subtask when it is forward. */
static uint32_t
channel(const struct run *r, unsigned e, unsigned from, unsigned to)
{
	uint32_t base = 0;

	for (unsigned i = 0; i < e; i++)
		base += r->job->stage[r->job->edge[i].from].tasks *
			r->job->stage[r->job->edge[i].to].tasks;
	return base + from * r->job->stage[r->job->edge[e].to].tasks + to;
}

static int
add_wire(struct wiring *g, uint32_t edge, int **fds, unsigned *n)
{
	int fd = AGENT_WIRE + (int)g->n, *v = realloc(*fds, (*n + 1) * sizeof(*v));
	uint32_t *e;

	if (v == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	*fds = v;
	v[(*n)++] = fd;
	if (g->n == g->cap) {
		g->cap = g->cap != 0 ? 2 * g->cap : 8;
		if ((e = realloc(g->edge, g->cap * sizeof(*e))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		g->edge = e;
	}
	g->edge[g->n++] = edge;
	return 0;
}

/* A wire and the number that goes with it. */
static int
add_numbered(struct wiring *g, uint32_t channel, int **fds, unsigned *n, int **numbers,
	     unsigned number)
{
	int *v = realloc(*numbers, (*n + 1) * sizeof(*v));

	if (v == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	*numbers = v;
	v[*n] = (int)number;
	return add_wire(g, channel, fds, n);
}

static int
add_side(struct wiring *g, uint32_t edge, char *path)
{
	struct task_side *v = realloc(g->w.side, (g->w.nside + 1) * sizeof(*v));
	int *fd = NULL, rc;
	unsigned n = 0;

	if (v == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	g->w.side = v;
	if ((rc = add_wire(g, edge, &fd, &n)) == 0)
		v[g->w.nside++] = (struct task_side){ path, fd[0] };
	free(fd);
	return rc;
}

static void
wiring_fini(struct wiring *g)
{
	free(g->edge);
	free(g->w.in);
	free(g->w.input);
	free(g->w.out);
	free(g->w.edge);
	free(g->w.side);
	free(g->w.chain);
}

static int
wire_inputs(const struct run *r, const struct sub *s, struct wiring *g)
{
	const struct job *j = r->job;
	int rc = 0;

	for (unsigned input = 0; input < j->nedges; input++) {
		for (unsigned e = 0; e < j->nedges && rc == 0; e++) {
			if (j->edge[e].to != s->stage || j->edge[e].input != input)
				continue;
			for (unsigned f = 0; f < j->stage[j->edge[e].from].tasks && rc == 0; f++) {
				if (j->edge[e].by != BY_FORWARD || f == s->index)
					rc = add_numbered(g, channel(r, e, f, s->index), &g->w.in,
							  &g->w.nin, &g->w.input, input);
			}
		}
	}
	return rc;
}

/* What runs in the process before edge e, first what comes first. */
static int
add_chain(struct wiring *g, const struct job *j, unsigned e, unsigned stage)
{
	struct task_chain *v;
	int rc;

	if (!j->stage[stage].chained)
		return 0;
	for (unsigned k = 0; k < j->nedges; k++) {
		if (j->edge[k].to == stage && (rc = add_chain(g, j, e, j->edge[k].from)) != 0)
			return rc;
	}
	if ((v = realloc(g->w.chain, (g->w.nchain + 1) * sizeof(*v))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	g->w.chain = v;
	v[g->w.nchain++] =
	    (struct task_chain){ (int)e, j->stage[stage].words, j->stage[stage].nwords };
	return 0;
}

static int
wire_outputs(const struct run *r, const struct sub *s, struct wiring *g, bool sides)
{
	const struct job *j = r->job;
	int rc = 0;

	for (unsigned e = 0; e < j->nedges && rc == 0; e++) {
		if (job_head(j, j->edge[e].from) != s->stage ||
		    (j->edge[e].side != NULL) != sides || j->stage[j->edge[e].to].chained)
			continue;
		if (!sides && (rc = add_chain(g, j, e, j->edge[e].from)) != 0)
			return rc;
		for (unsigned t = 0; t < j->stage[j->edge[e].to].tasks && rc == 0; t++) {
			if (j->edge[e].by == BY_FORWARD && t != s->index)
				continue;
			if (sides)
				rc = add_side(g, channel(r, e, s->index, t), j->edge[e].side);
			else
				rc = add_numbered(g, channel(r, e, s->index, t), &g->w.out,
						  &g->w.nout, &g->w.edge, e);
		}
	}
	return rc;
}

/* A part of a plain pipeline: its main edges are the pipes of the shell. */
static bool
is_guest(const struct run *r, uint32_t number)
{
	return r->sub[number].stage < r->conf.nguests;
}

static int
put_words(const struct job_stage *st, struct buf *b)
{
	char mem[40];
	int rc;

	if ((rc = pack_u32(b, st->facts.print ? AGENT_PRINTS : 0)) == 0)
		rc = pack_u32(b, st->nwords + (st->memory > 0));
	for (unsigned i = 0; i < st->nwords && rc == 0; i++)
		rc = pack_text(b, st->words[i]);
	if (rc == 0 && st->memory > 0) {
		snprintf(mem, sizeof(mem), "--mem=%lldB", (long long)st->memory);
		rc = pack_text(b, mem);
	}
	return rc;
}

static int
send_spawn(struct run *r, uint32_t number, const struct wiring *g)
{
	const struct job_stage *st = &r->job->stage[r->sub[number].stage];
	struct buf b = BUF_INIT;
	int rc;

	if (is_guest(r, number)) {
		if ((rc = pack_u32(&b, AGENT_JOINED)) == 0 &&
		    (rc = pack_u32(&b, AGENT_GUEST + r->sub[number].stage)) == 0)
			rc = pack_u32(&b, r->conf.guest[r->sub[number].stage].pid);
	} else {
		rc = put_words(st, &b);
	}
	if (rc == 0)
		rc = pack_u32(&b, g->n);
	for (unsigned i = 0; i < g->n && rc == 0; i++)
		rc = pack_u32(&b, g->edge[i]);
	if (rc == 0)
		rc = talk_put(&r->talk, CTL_SPAWN, number, b.p, b.n);
	buf_fini(&b);
	return rc;
}

/* Key groups of what the stage gives out: those of its first consumer. */
static uint32_t
out_groups(const struct run *r, unsigned stage)
{
	for (unsigned e = 0; e < r->job->nedges; e++) {
		if (r->job->edge[e].from == stage && r->job->edge[e].side == NULL)
			return r->job->stage[r->job->edge[e].to].groups;
	}
	return r->job->stage[stage].groups;
}

static int
send_start(struct run *r, uint32_t number, const struct wiring *g)
{
	const struct sub *s = &r->sub[number];
	const struct job_stage *st = &r->job->stage[s->stage];
	const struct ckpt_stage *old = old_stage(r, st->name);
	struct buf b = BUF_INIT, local = BUF_INIT;
	struct op_task t = { .attempt = r->attempt,
			     .epoch = r->newest.epoch,
			     .subtask = s->index,
			     .parallel = st->tasks,
			     .groups = st->groups,
			     .out_groups = out_groups(r, s->stage),
			     .lo = group_lo(s->index, st->tasks, st->groups),
			     .hi = group_hi(s->index, st->tasks, st->groups),
			     .stage = st->name,
			     .store = (char *)(uintptr_t)r->conf.dir,
			     .exactly = r->conf.exactly,
			     .rewind = r->conf.accept_rewind,
			     .plain = r->conf.nguests > 0,
			     .selects = st->facts.source && st->selects,
			     .reads = st->reads.v,
			     .nreads = st->reads.n };
	int rc;

	memcpy(t.job, r->conf.id, sizeof(t.job));
	if (old != NULL) {
		t.snap = old->sub;
		t.nsnap = old->parallel;
	}
	t.same = old == NULL || old->parallel == st->tasks;
	rc = buf_printf(&local, "%s/local/%s-%u", r->conf.dir, st->name, s->index);
	if (rc == 0)
		rc = (t.local = (char *)(uintptr_t)buf_cstr(&local)) == NULL ? FERR_NOMEM : 0;
	if (rc == 0 && (rc = task_encode(&t, &g->w, &b)) == 0)
		rc = talk_put(&r->talk, CTL_START, number, b.p, b.n);
	buf_fini(&b);
	buf_fini(&local);
	return rc;
}

static int
start_one(struct run *r, uint32_t number)
{
	struct wiring g = { 0 };
	int rc = 0;

	if ((is_guest(r, number) || ((rc = wire_inputs(r, &r->sub[number], &g)) == 0 &&
				     (rc = wire_outputs(r, &r->sub[number], &g, false)) == 0)) &&
	    (rc = wire_outputs(r, &r->sub[number], &g, true)) == 0 &&
	    (rc = send_spawn(r, number, &g)) == 0) {
		r->alive++;
		rc = send_start(r, number, &g);
	}
	wiring_fini(&g);
	return rc;
}

/* The agent is a child that we speak with over a socket; other hosts' will be behind ssh. */
static int
start_agent(struct run *r)
{
	static char fcoord[] = "fcoord", agent[] = "agent", stdio[] = "--stdio",
		    out[] = "FJORD_STDOUT=3";
	char *argv[] = { fcoord, agent, stdio, NULL }, **env;
	struct buf path = BUF_INIT;
	unsigned nguests = r->conf.nguests;
	int fd[2], *map = calloc(AGENT_GUEST + nguests, sizeof(*map)), rc = 0;
	char *const add[2] = { r->conf.out != -1 ? out : NULL, NULL };

	r->agent = -1;
	if (map == NULL || (rc = child_env(&env, add)) != 0) {
		free(map);
		return rc != 0 ? rc : ferr(FERR_NOMEM, "out of memory");
	}
	if (fio_socketpair(fd, 1 << 18) == -1) {
		free(map);
		free(env);
		return ferr_sys(FERR_IO, "no socket for the agent");
	}
	map[0] = map[1] = fd[1];
	map[2] = 2;
	map[3] = r->conf.out;
	for (unsigned i = 0; i < nguests; i++)
		map[AGENT_GUEST + i] = r->conf.guest[i].fd;
	if (child_program(fcoord, &path) == 0)
		r->agent =
		    fio_spawn((const char *)path.p, argv, env, map, (int)(AGENT_GUEST + nguests));
	for (unsigned i = 0; i < nguests; i++)
		fio_close(r->conf.guest[i].fd);
	r->given = true;
	buf_fini(&path);
	free(env);
	free(map);
	fio_close(fd[1]);
	if (r->agent == -1)
		rc = ferr_sys(FERR_IO, "cannot start the agent");
	if (rc == 0 && (rc = talk_open(&r->talk, fd[0], fd[0])) == 0)
		r->talking = true;
	else
		fio_close(fd[0]);
	return rc;
}

static int
make_subs(struct run *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->job->nstages; i++)
		n += r->job->stage[i].tasks;
	if ((r->sub = calloc(n + 1, sizeof(*r->sub))) == NULL ||
	    (r->ckpt_sub = calloc(n + 1, sizeof(*r->ckpt_sub))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < r->job->nstages; i++) {
		for (unsigned k = 0; k < r->job->stage[i].tasks && !r->job->stage[i].chained; k++) {
			struct sub *s = &r->sub[r->nsubs];

			s->stage = i;
			s->index = k;
			s->stats.watermark = INT64_MIN;
			snap_init(&s->snap);
			r->ckpt_sub[r->nsubs].source = r->job->stage[i].facts.source;
			r->ckpt_sub[r->nsubs].lanes = r->job->stage[i].facts.lanes;
			r->nsubs++;
		}
	}
	return 0;
}

/* Records in flight belong to an edge: the graph must be the one that they were in. */
static int
check_flights(const struct run *r)
{
	const struct ckpt_stage *in = NULL;
	unsigned stages = 0;
	bool same;

	for (unsigned k = 0; k < r->job->nstages; k++)
		stages += !r->job->stage[k].chained;
	same = r->newest.nstages == stages;
	for (unsigned i = 0; i < r->newest.nstages; i++) {
		const struct ckpt_stage *old = &r->newest.stage[i];
		bool there = false;

		for (unsigned k = 0; k < old->parallel; k++)
			in = old->sub[k].flight.n > 0 ? old : in;
		for (unsigned k = 0; k < r->job->nstages; k++)
			there = there || (strcmp(r->job->stage[k].name, old->name) == 0 &&
					  strcmp(r->job->stage[k].words[0], old->tool) == 0);
		same = same && there;
	}
	if (in == NULL || same)
		return 0;
	return ferr(FERR_CORRUPT,
		    "the checkpoint is unaligned: it holds records on their way to '%s', and this "
		    "job has other stages; make a savepoint with the old ones first, or end it "
		    "with fcoord stop",
		    in->name);
}

/* State that no stage of this job would take up must not be forgotten by accident. */
static int
check_stages(const struct run *r)
{
	if (r->newest.nstages > 0 && r->newest.kind == CKPT_FILE_DRAIN)
		return ferr(FERR_USAGE,
			    "the job was drained: its windows were closed early, so that "
			    "nothing goes on from there; %s",
			    task_anew(r->conf.nguests > 0));
	for (unsigned i = 0; i < r->conf.nguests && r->newest.nstages > 0; i++) {
		const struct job_stage *st = &r->job->stage[i];

		if (st->facts.stateful && old_stage(r, st->name) == NULL)
			return ferr(FERR_CORRUPT,
				    "'%s' keeps state and was not there when the checkpoint was "
				    "taken: the pipeline has changed; %s",
				    st->name, task_anew(true));
	}
	for (unsigned i = 0; i < r->newest.nstages; i++) {
		const struct ckpt_stage *old = &r->newest.stage[i];
		bool state = false, there = false;

		for (unsigned k = 0; k < old->parallel; k++)
			state = state || old->sub[k].state.n > 0 || old->sub[k].pending.n > 0;
		for (unsigned k = 0; k < r->job->nstages; k++)
			there = there || strcmp(r->job->stage[k].name, old->name) == 0;
		if (state && !there)
			return ferr(
			    FERR_CORRUPT,
			    "the checkpoint holds state of '%s' (%s), and this job has no stage "
			    "of that name; name the stage that goes on with it (--name %s); %s",
			    old->name, old->tool, old->name, task_anew(r->conf.nguests > 0));
	}
	return check_flights(r);
}

/* Key groups are fixed for the life of the state, whatever -p is now (C35). */
static int
keep_groups(struct run *r)
{
	bool other = false;

	for (unsigned i = 0; i < r->job->nstages; i++) {
		const struct ckpt_stage *old = old_stage(r, r->job->stage[i].name);

		if (old == NULL || old->groups == r->job->stage[i].groups)
			continue;
		r->job->stage[i].groups = old->groups;
		other = true;
	}
	return other ? job_plan(r->job, r->conf.parallel, r->conf.atleast) : 0;
}

int
attempt_start(struct run *r)
{
	int rc;

	attempt_fini(r);
	r->failed = r->cleaned = false;
	if ((rc = chain_load(r)) != 0 || (rc = check_stages(r)) != 0 ||
	    (rc = keep_groups(r)) != 0 || (rc = store_attempt_new(r->conf.dir, &r->attempt)) != 0 ||
	    (rc = make_subs(r)) != 0 || (!r->talking && (rc = start_agent(r)) != 0))
		return rc;
	r->restored = r->newest.epoch != 0;
	r->was_final = r->newest.nstages > 0 && r->newest.kind == CKPT_FILE_FINAL;
	for (unsigned i = 0; i < r->ckpt.nreq; i++) {
		if (r->nasked < CKPT_REQS)
			r->asked[r->nasked++] = r->ckpt.req[i];
		else
			ask_answer(r, r->ckpt.req[i].cookie, 0, "too many requests wait already");
	}
	ckpt_init(&r->ckpt, &r->conf.ckpt, r->ckpt_sub, r->nsubs, r->newest.epoch);
	r->started = r->now;
	r->phase = RUN_STARTING;
	for (uint32_t i = 0; i < r->nsubs && rc == 0; i++)
		rc = start_one(r, i);
	return rc;
}

void
attempt_fini(struct run *r)
{
	for (unsigned i = 0; i < r->nsubs; i++) {
		snap_fini(&r->sub[i].snap);
		buf_fini(&r->sub[i].err);
	}
	free(r->sub);
	free(r->ckpt_sub);
	r->sub = NULL;
	r->ckpt_sub = NULL;
	r->nsubs = 0;
	r->alive = 0;
}
