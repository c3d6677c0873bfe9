/* txn: `fcoord txn` -- the lanes of a job's Kafka sinks: what is published, and what is open. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conn/kafka_lane.h"
#include "fcoord.h"
#include "fio/fio.h"
#include "look.h"
#include "manifest/known.h"
#include "show/listing.h"
#include "store/log.h"
#include "store/store.h"
#include "sup/describe.h"
#include "sup/rescaled.h"

#define JOB_MAX (8u << 20)

struct txn_opts {
	struct where where;
	struct text_conf text;
	enum fmt_kind out;
};

/* A stage that writes to Kafka. */
struct sink {
	const struct job_stage *stage;
	struct kafka_uri uri;
	struct kafka_props props;
	struct kafka_topic topic;
};

/* A lane as the newest checkpoint tells of it. */
struct lane {
	const struct sink *sink;
	uint32_t subtask;
	char name[KAFKA_LANE_NAME];
	struct kafka_lane_view view;
	struct kafka_epoch *pending; /* of view */
};

/* What the broker says of it. */
struct finding {
	struct kafka_marker marker;
	bool marked; /* there is one */
	bool open;
	const char *state;
	const char *why; /* what to do about the state, or NULL; a text of ferr */
};

struct txn {
	const char *name, *dir; /* of the job */
	struct known known;
	struct job *plan;
	struct sink *sink;
	unsigned nsinks;
	struct lane *lane;
	unsigned nlanes;
	uint64_t place; /* of the newest checkpoint; 0: there is none */
};

static const char *const examples[] = {
	"fcoord txn ls alerts",
	"each lane: what readers see, and what is still to be published",
	"fcoord txn ls alerts -o json | jq -r 'select(.state != \"settled\") | .lane'",
	"those that are not done",
	"fcoord txn abort alerts",
	"after a crash: readers need not wait until a transaction times out",
	NULL,
};
static const char *const see[] = { "fcoord(1)", "fsink(1)", NULL };
static const struct cmd cmd = { .name = "fcoord txn",
				.summary = "what a job's Kafka sinks have published, and have open",
				.usage = "ls|abort JOB [TEXT|FILE] [option ...]",
				.examples = examples,
				.see = see };

static const struct column columns[] = {
	{ "stage", FOR_ALL },	   { "subtask", FOR_ALL },  { "topic", FOR_ALL },
	{ "lane", FOR_ALL },	   { "epoch", FOR_ALL },    { "attempt", FOR_ALL },
	{ "pending", FOR_PEOPLE }, { "pending", FOR_DATA }, { "state", FOR_ALL },
	{ "reason", FOR_DATA },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* ---- the sinks: addresses and properties stand in the job's text ---- */

/* The address and -X among fsink's words, which it has checked itself; *uri NULL: no Kafka. */
static int
read_words(const struct job_stage *s, const char **uri, struct kafka_props *props)
{
	const char *value;
	int rc = 0;

	*uri = NULL;
	for (unsigned i = 1; i < s->nwords && rc == 0; i++) {
		const char *w = s->words[i];

		value = NULL;
		if (kafka_is_uri(w))
			*uri = w;
		else if (strcmp(w, "-X") == 0 || strcmp(w, "--option") == 0)
			value = ++i < s->nwords ? s->words[i] : NULL;
		else if (strncmp(w, "--option=", 9) == 0)
			value = w + 9;
		else if (strncmp(w, "-X", 2) == 0)
			value = w + (w[2] == '=' ? 3 : 2);
		if (value != NULL)
			rc = kafka_props_add(props, value);
	}
	return rc;
}

static int
find_sinks(struct txn *t)
{
	const struct job *j = t->plan;
	int rc = 0;

	if ((t->sink = calloc(j->nstages, sizeof(*t->sink))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < j->nstages && rc == 0; i++) {
		struct sink *s = &t->sink[t->nsinks];
		const char *uri;

		if (strcmp(j->stage[i].words[0], "fsink") != 0)
			continue;
		rc = read_words(&j->stage[i], &uri, &s->props);
		if (rc == 0 && uri != NULL && (rc = kafka_uri_parse(&s->uri, uri)) == 0) {
			s->stage = &j->stage[i];
			s->topic = (struct kafka_topic){ .brokers = s->uri.brokers,
							 .name = s->uri.topic[0],
							 .props = &s->props };
			t->nsinks++;
		}
	}
	return rc;
}

static int
plan_known(struct txn *t, const struct text_conf *c)
{
	const char *text = t->known.text;
	int rc =
	    job_parse(&t->plan, "the text of the job", text, strlen(text), c->param, c->nparams);

	if (rc == 0 && (rc = describe_stages(t->plan)) == 0)
		rc = job_plan(t->plan, c->parallel, job_at_least_once(t->plan));
	return rc;
}

/* text: what the job runs with now; NULL: what its store knows. */
static int
read_job(struct txn *t, const char *text, const struct text_conf *c)
{
	struct buf b = BUF_INIT;
	int rc = store_read(t->dir, "job.json", JOB_MAX, &b);

	if (rc == FERR_LOST)
		rc = ferr(FERR_USAGE, "%s is no job's", t->dir);
	if (rc == 0)
		rc = known_parse(&t->known, b.p, b.n);
	buf_fini(&b);
	if (rc == 0)
		rc = text != NULL ? text_plan(&t->plan, text, c) : plan_known(t, c);
	if (rc == 0 && c->parallel == 0)
		rc = rescaled_apply(t->dir, t->plan, job_at_least_once(t->plan));
	return rc == 0 ? find_sinks(t) : rc;
}

/* ---- the lanes: the newest checkpoint names them ---- */

static void
forget_lanes(struct txn *t)
{
	for (unsigned i = 0; i < t->nlanes; i++)
		free(t->lane[i].pending);
	free(t->lane);
	t->lane = NULL;
	t->nlanes = 0;
	t->place = 0;
}

static int
add_lane(struct txn *t, const struct sink *s, uint64_t made, uint32_t subtask)
{
	struct lane *v = realloc(t->lane, (t->nlanes + 1) * sizeof(*v));

	if (v == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	t->lane = v;
	v += t->nlanes++;
	*v = (struct lane){ .sink = s, .subtask = subtask };
	kafka_lane_name(v->name, t->known.id, s->stage->name, made, subtask);
	return 0;
}

/* How its lane stands, as whoever restores it would see it. */
static int
read_snap(const struct txn *t, struct lane *l, const struct snap *s)
{
	struct kafka_lane_view *v = &l->view;
	int rc = 0;

	kafka_lane_view_of(v, s);
	if ((l->pending = calloc(s->pending.n + 1, sizeof(*l->pending))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < s->pending.n && rc == 0; i++) {
		const struct snap_file *f = &s->pending.v[i];

		l->pending[i].epoch = f->epoch;
		rc = log_end_id(t->dir, f->name, f->end, f->crc, f->epoch, l->pending[i].id);
	}
	v->pending = l->pending;
	v->npending = s->pending.n;
	return rc;
}

static int
add_stage(struct txn *t, const struct ckpt_stage *g)
{
	const struct sink *s = NULL;
	int rc = 0;

	for (unsigned i = 0; i < t->nsinks; i++) {
		if (strcmp(t->sink[i].stage->name, g->name) == 0)
			s = &t->sink[i];
	}
	for (uint32_t k = 0; k < g->parallel && rc == 0; k++) {
		uint64_t made = kafka_lane_made(&g->sub[k]);

		if (made == 0)
			continue;
		if (s == NULL)
			return ferr(
			    FERR_USAGE,
			    "the checkpoint has lanes of stage %s, and the text that is known "
			    "of the job has no Kafka sink %s; fcoord txn ls %s TEXT|FILE "
			    "tells another text",
			    g->name, g->name, t->name);
		if ((rc = add_lane(t, s, made, g->sub[k].subtask)) == 0)
			rc = read_snap(t, &t->lane[t->nlanes - 1], &g->sub[k]);
	}
	return rc;
}

/* A running job may have other parallelism than its text tells. */
static uint32_t
count_tasks(const struct look *k, const struct job_stage *s)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < k->nsubs && k->runs; i++)
		n += strcmp(k->sub[i].stage, s->name) == 0;
	return n > 0 ? n : s->tasks;
}

/* Of a sink that no checkpoint knows, the newest attempt has made the lanes. */
static int
add_new(struct txn *t, const struct ckpt_file *f)
{
	struct look k;
	int rc = look_at(&k, t->dir);

	for (unsigned i = 0; i < t->nsinks && rc == 0; i++) {
		const struct sink *s = &t->sink[i];
		bool told = !s->stage->facts.lanes || k.attempt == 0;

		for (unsigned n = 0; n < f->nstages; n++)
			told = told || strcmp(f->stage[n].name, s->stage->name) == 0;
		for (uint32_t n = 0; !told && n < count_tasks(&k, s->stage) && rc == 0; n++)
			rc = add_lane(t, s, k.attempt, n);
	}
	look_fini(&k);
	return rc;
}

/* The place of the newest checkpoint; 0: there is none. */
static int
newest(const struct txn *t, uint64_t *place)
{
	uint64_t *v = NULL;
	unsigned n = 0;
	int rc = store_chain_look(t->dir, &v, &n);

	*place = n > 0 ? v[n - 1] : 0;
	free(v);
	return rc;
}

/* Has a running job completed another checkpoint meanwhile? */
static bool
has_moved(const struct txn *t)
{
	uint64_t place;

	return newest(t, &place) == 0 && place != t->place;
}

static int
read_newest(struct txn *t)
{
	struct ckpt_file f;
	int rc;

	forget_lanes(t);
	ckpt_file_init(&f);
	if ((rc = newest(t, &t->place)) == 0 && t->place != 0)
		rc = look_checkpoint(t->dir, t->place, &f);
	for (unsigned i = 0; i < f.nstages && rc == 0; i++)
		rc = add_stage(t, &f.stage[i]);
	if (rc == 0)
		rc = add_new(t, &f);
	ckpt_file_fini(&f);
	return rc;
}

static int
read_lanes(struct txn *t)
{
	int rc;

	/* It, or what it names, may be dropped while we read. */
	do
		rc = read_newest(t);
	while ((rc == FERR_LOST || rc == FERR_CORRUPT) && has_moved(t));
	return rc;
}

/* ---- what the broker says ---- */

/* Is all that the checkpoint has of the lane published because the job has gone on since? */
static bool
is_behind(const struct txn *t, const struct lane *l, const struct finding *f)
{
	const struct kafka_lane_view *v = &l->view;
	uint64_t last = v->npending > 0 ? v->pending[v->npending - 1].epoch : v->base.epoch;

	return f->marked && f->marker.at.epoch > last && has_moved(t);
}

/* What the next run would find. */
static int
judge(const struct txn *t, struct lane *l, struct finding *f)
{
	struct kafka_plan plan;
	int rc = store_attempts(t->dir, &l->view.attempt);

	if (rc != 0)
		return rc;
	l->view.attempt++;
	rc = kafka_plan(&plan, &l->view, f->marked ? &f->marker : NULL);
	if (f->open)
		f->state = "transaction open";
	else if (rc == 0)
		f->state = plan.from < l->view.npending ? "to be published" : "settled";
	else if (rc == FERR_CORRUPT && is_behind(t, l, f))
		f->state = "settled";
	else {
		f->state = rc == FERR_UNKNOWN  ? "marker lost"
			   : rc == FERR_FENCED ? "superseded"
					       : "another history";
		f->why = ferr_text();
	}
	return 0;
}

/* The epochs with that between them. */
static int
put_pending(const struct lane *l, const char *between, struct buf *out)
{
	int rc = 0;

	for (unsigned i = 0; i < l->view.npending && rc == 0; i++)
		rc = buf_printf(out, "%s%" PRIu64, i > 0 ? between : "", l->pending[i].epoch);
	return rc;
}

static int
put_row(struct listing *out, const struct lane *l, const struct finding *f)
{
	struct buf people = BUF_INIT, json = BUF_INIT;
	int rc;

	if ((rc = put_pending(l, " ", &people)) == 0 && (rc = buf_putc(&json, '[')) == 0 &&
	    (rc = put_pending(l, ",", &json)) == 0 && (rc = buf_putc(&json, ']')) == 0) {
		const struct val row[COLUMNS] = {
			listing_text(l->sink->stage->name),
			listing_count(l->subtask),
			listing_text(l->sink->topic.name),
			listing_text(l->name),
			listing_count(f->marker.at.epoch > 0 ? (int64_t)f->marker.at.epoch : -1),
			listing_count(f->marked ? (int64_t)f->marker.attempt : -1),
			people.n > 0 ? val_text(VAL_STR, (char *)people.p, people.n) : VAL_NULLV,
			val_text(VAL_JSON, (char *)json.p, json.n),
			listing_text(f->state),
			listing_text(f->why),
		};
		rc = listing_row(out, row);
	}
	buf_fini(&people);
	buf_fini(&json);
	return rc;
}

static int
show_lane(const struct txn *t, struct listing *out, struct lane *l)
{
	struct finding f = { .marked = false };
	int rc = kafka_marker_look(&l->sink->topic, l->name, &f.marker, &f.open);

	if (rc < 0)
		return rc;
	f.marked = rc == 1;
	if ((rc = judge(t, l, &f)) != 0)
		return rc;
	if (f.why != NULL)
		fprintf(stderr, "fcoord: %s: %s\n", l->name, f.why);
	return put_row(out, l, &f);
}

/* ---- the verb ---- */

/* Whatever is open of its lanes is aborted, and who had it open can commit no more. */
static int
fence(const struct txn *t)
{
	struct kafka_out *out;
	int rc = 0;

	for (unsigned i = 0; i < t->nlanes && rc == 0; i++) {
		const struct lane *l = &t->lane[i];

		if ((rc = kafka_out_open(&out, &l->sink->topic, l->name)) == 0)
			kafka_out_close(out);
		else
			ferr_prefix(rc, "%s", l->name);
	}
	return rc;
}

static int
show(const struct txn *t, enum fmt_kind kind)
{
	struct listing *out = NULL;
	int rc = listing_new(&out, kind, STDOUT_FILENO, columns, COLUMNS);

	for (unsigned i = 0; i < t->nlanes && rc == 0; i++)
		rc = show_lane(t, out, &t->lane[i]);
	if (rc == 0)
		rc = listing_end(out);
	listing_free(out);
	if (rc == 0 && t->nlanes == 0 && kind == FMT_TABLE)
		fprintf(stderr, "fcoord: %s has no lanes: %s\n", t->name,
			t->nsinks == 0 ? "none of its sinks writes to Kafka"
				       : "it was never started, or is at-least-once");
	return rc;
}

static int
ask_brokers(const struct txn *t)
{
	int rc = 0;

	for (unsigned i = 0; i < t->nsinks && t->nlanes > 0 && rc == 0; i++)
		rc = kafka_out_look(&t->sink[i].topic, false);
	return rc;
}

static int
run(struct txn *t, const struct txn_opts *o, bool aborts, const char *text)
{
	int rc, lock = -1;

	if (aborts && (lock = store_lock(t->dir)) < 0)
		return lock;
	if ((rc = read_job(t, text, &o->text)) == 0 && (rc = read_lanes(t)) == 0 &&
	    (rc = ask_brokers(t)) == 0 && (!aborts || (rc = fence(t)) == 0))
		rc = show(t, o->out);
	if (rc == 0 && aborts && t->nlanes > 0)
		fprintf(stderr,
			"fcoord: %u lane%s fenced, nothing is open any more; what is pending is "
			"published when the job is run again\n",
			t->nlanes, t->nlanes == 1 ? " is" : "s are");
	if (lock != -1)
		fio_close(lock);
	return rc;
}

static void
txn_fini(struct txn *t)
{
	forget_lanes(t);
	for (unsigned i = 0; t->sink != NULL && i < t->plan->nstages; i++) {
		kafka_uri_fini(&t->sink[i].uri);
		kafka_props_fini(&t->sink[i].props);
	}
	free(t->sink);
	job_free(t->plan);
	known_fini(&t->known);
}

int
verb_txn(int argc, char **argv)
{
	struct txn_opts o = { .out = FMT_TABLE };
	const struct opt_table tables[] = { { listing_options, &o.out },
					    { text_options, &o.text },
					    { where_options, &o.where } };
	struct buf dir = BUF_INIT;
	struct txn t = { .place = 0 };
	int rc = opt_parse(&cmd, tables, 3, &argc, argv);
	bool aborts = argc > 1 && strcmp(argv[1], "abort") == 0;

	if (rc == 0 && (argc < 2 || (!aborts && strcmp(argv[1], "ls") != 0)))
		rc = ferr(FERR_USAGE, "is fcoord txn ls JOB or fcoord txn abort JOB");
	else if (rc == 0 && (argc < 3 || argc > 4))
		rc = ferr(FERR_USAGE, "needs the name of one job; fcoord ls lists them");
	if (rc == 0 && (rc = where_known(&o.where, argv[2], &dir)) == 0) {
		t.name = argv[2];
		t.dir = (const char *)dir.p;
		rc = run(&t, &o, aborts, argc == 4 ? argv[3] : NULL);
	}
	txn_fini(&t);
	buf_fini(&dir);
	text_conf_fini(&o.text);
	return verb_end("txn", rc);
}
