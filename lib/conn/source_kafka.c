/*
 * source_kafka: topics as a source's input; see source_internal.h.
 *
 * Each partition is a split.  Where it begins, and with --until where it ends, is asked for once,
 * and kept in its place from then on.  Partitions that are added later are read from their
 * beginning; with --until they are not: they were not there when the job began, and whether a
 * restart sees them must not matter.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "conn/source_internal.h"

#define NEWS_NS 1000000000LL  /* how often the library is asked what is wrong */
#define REFRESH_MS 10000      /* ... and for new partitions, unless -X says otherwise */
#define AWAY_FACTOR 6	      /* asked that much less often when nobody answers */
#define TRY_NS 5000000LL      /* how often partitions that wait are tried while others give */
#define COMMIT_NS 900000000LL /* a group is not told more often */
#define NOTED 4		      /* epochs that may be under way */

/* One URI. */
struct cluster {
	struct kafka_uri uri;
	struct kafka_reader *reader;
	unsigned *known;   /* partitions of each topic that have been seen */
	unsigned *refused; /* how often in turn the topic was not there */
};

struct noted {
	uint64_t epoch;
	int64_t *next; /* of split i */
	unsigned n;
};

struct source_kafka {
	struct cluster *v;
	unsigned n;
	enum kafka_at from, until;
	int64_t from_time, until_time;
	bool ends;	 /* --until */
	int64_t refresh; /* ns between two looks for new partitions; 0: none */
	int64_t list_at; /* when the next one is due */
	int64_t news_at, tried_at, committed_at;
	int64_t good;	    /* records there were when waiting partitions were tried */
	struct buf group;   /* "": none */
	struct buf skipped; /* partitions that are not read: to be told */
	struct noted noted[NOTED];
	unsigned turn;
};

static int
no_memory(void)
{
	return ferr(FERR_NOMEM, "out of memory");
}

bool
source_endless(const struct source *s)
{
	return s->spec.follow || (s->kafka != NULL && !s->kafka->ends);
}

/* ---- what the command line says ---- */

static int
check_new(const struct source_kafka *k, const struct kafka_uri *uri)
{
	for (unsigned i = 0; i < k->n; i++) {
		for (unsigned t = 0; t < k->v[i].uri.ntopics; t++) {
			for (unsigned j = 0; j < uri->ntopics; j++) {
				if (strcmp(k->v[i].uri.topic[t], uri->topic[j]) == 0 &&
				    (&k->v[i].uri != uri || t < j))
					return ferr(FERR_USAGE,
						    "topic '%s' is named twice; it is read once",
						    uri->topic[j]);
			}
		}
	}
	return 0;
}

int
source_kafka_add(struct source *s, const char *text)
{
	struct cluster *grown, *c;
	int rc;

	if (s->kafka == NULL && (s->kafka = calloc(1, sizeof(*s->kafka))) == NULL)
		return no_memory();
	grown = realloc(s->kafka->v, (s->kafka->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return no_memory();
	s->kafka->v = grown;
	c = &grown[s->kafka->n];
	*c = (struct cluster){ 0 };
	if ((rc = kafka_uri_parse(&c->uri, text)) != 0)
		return rc;
	s->kafka->n++;
	c->known = calloc(c->uri.ntopics, sizeof(*c->known));
	c->refused = calloc(c->uri.ntopics, sizeof(*c->refused));
	if (c->known == NULL || c->refused == NULL)
		return no_memory();
	return check_new(s->kafka, &c->uri);
}

/* What is said of topics, and there are none. */
static int
check_none(const struct source_spec *spec)
{
	const char *what = spec->from != NULL	      ? "--from"
			   : spec->until != NULL      ? "--until"
			   : spec->kafka.n > 0	      ? "-X"
			   : spec->time == TIME_KAFKA ? "--time kafka"
						      : NULL;

	return what != NULL ? ferr(FERR_USAGE, "%s goes with kafka:// sources", what) : 0;
}

static int
check_options(const struct source_spec *spec)
{
	if (spec->follow)
		return ferr(FERR_USAGE, "--follow is for files; a topic without --until is read "
					"for ever anyway");
	if (spec->sequence)
		return ferr(FERR_USAGE, "--sequence is for files; the partitions of a topic have "
					"no order among each other");
	if (spec->hold)
		return ferr(FERR_USAGE, "--at-end hold is for files; a job on a topic without "
					"--until goes on where it was stopped");
	if (spec->format == FMT_FRAMES)
		return ferr(FERR_USAGE, "--format frames is for files; a message holds json, csv, "
					"tsv, lines or raw");
	if ((spec->format == FMT_CSV || spec->format == FMT_TSV) && spec->fields == NULL)
		return ferr(FERR_USAGE, "a message has no header line; name the columns with "
					"--fields 'user, amount:f64'");
	return 0;
}

static int
read_time(const struct source *s, const char *option, const char *text, const char *words,
	  int64_t *ms)
{
	char *end;
	long long v;

	if (text[0] == '@') {
		v = strtoll(text + 1, &end, 10);
		if (end > text + 1 && *end == '\0' && time_of_i64(v, ms))
			return 0;
	} else if (time_parse(text, strlen(text), source_clock_zone(s->clock), NULL, ms)) {
		return 0;
	}
	return ferr(FERR_USAGE, "%s: '%s' is not %s or a time such as 2024-01-05T10:00:00Z", option,
		    text, words);
}

static int
check_from(struct source *s)
{
	struct source_kafka *k = s->kafka;
	const char *from = s->spec.from;

	k->from = KAFKA_EARLIEST;
	if (from == NULL || strcmp(from, "earliest") == 0)
		return 0;
	if (strcmp(from, "latest") == 0) {
		k->from = KAFKA_LATEST;
		return 0;
	}
	if (strcmp(from, "group") == 0) {
		k->from = KAFKA_GROUP;
		if (kafka_props_get(&s->spec.kafka, "group.id") == NULL)
			return ferr(FERR_USAGE, "--from group: which one? say -X group.id=NAME");
		return 0;
	}
	k->from = KAFKA_TIME;
	return read_time(s, "--from", from, "earliest, latest, group", &k->from_time);
}

static int
check_until(struct source *s)
{
	struct source_kafka *k = s->kafka;

	if (s->spec.until == NULL)
		return 0;
	k->ends = true;
	k->until = KAFKA_LATEST;
	if (strcmp(s->spec.until, "end") == 0)
		return 0;
	k->until = KAFKA_TIME;
	return read_time(s, "--until", s->spec.until, "end", &k->until_time);
}

int
source_kafka_check(struct source *s)
{
	struct source_kafka *k = s->kafka;
	const char *refresh;
	long long ms = REFRESH_MS;
	int rc;

	if (k == NULL)
		return check_none(&s->spec);
	if ((rc = check_options(&s->spec)) != 0 || (rc = check_from(s)) != 0 ||
	    (rc = check_until(s)) != 0)
		return rc;
	refresh = kafka_props_get(&s->spec.kafka, "topic.metadata.refresh.interval.ms");
	if (refresh != NULL)
		ms = strtoll(refresh, NULL, 10); /* the library looks at it more closely */
	if (ms > 0 && ms < INT32_MAX && !k->ends)
		k->refresh = ms * 1000000;
	return 0;
}

/* ---- partitions ---- */

static int
new_split(struct split **out, const struct cluster *c, unsigned topic, unsigned partition)
{
	struct buf name = BUF_INIT;
	int rc = buf_printf(&name, "%s[%u]", c->uri.topic[topic], partition);

	if (rc == 0)
		rc = buf_cstr(&name) != NULL
			 ? split_new(out, SPLIT_KAFKA, (const char *)name.p, false)
			 : no_memory();
	buf_fini(&name);
	if (rc != 0)
		return rc;
	(*out)->reader = c->reader;
	(*out)->topic = topic;
	(*out)->partition = (int32_t)partition;
	return 0;
}

static int
list_topic(struct source *s, struct cluster *c, unsigned topic)
{
	struct split *sp;
	unsigned n;
	int rc = kafka_reader_partitions(c->reader, topic, &n);

	for (; rc == 0 && c->known[topic] < n; c->known[topic]++) {
		if ((rc = new_split(&sp, c, topic, c->known[topic])) == 0)
			rc = source_add_split(s, sp);
	}
	return rc;
}

/* The group that is told where we are. */
static int
name_group(struct source *s)
{
	struct buf *b = &s->kafka->group;
	int rc = 0;

	if (s->task == NULL)
		return 0;
	rc = buf_puts(b, "fjord-");
	for (size_t i = 0; i < sizeof(s->task->job) && rc == 0; i++)
		rc = buf_printf(b, "%02x", s->task->job[i]);
	if (rc == 0)
		rc = buf_printf(b, "-%s", s->task->stage);
	return rc == 0 && buf_cstr(b) == NULL ? no_memory() : rc;
}

int
source_kafka_start(struct source *s)
{
	struct source_kafka *k = s->kafka;
	int rc = name_group(s);

	for (unsigned i = 0; i < k->n && rc == 0; i++) {
		struct cluster *c = &k->v[i];

		rc = kafka_reader_new(&c->reader, &c->uri, &s->spec.kafka,
				      k->group.n > 0 ? (const char *)k->group.p : NULL);
		for (unsigned t = 0; t < c->uri.ntopics && rc == 0; t++)
			rc = list_topic(s, c, t);
	}
	return rc;
}

/* Which cluster and topic a split of the checkpoint is of. */
static struct cluster *
cluster_of(const struct source *s, const struct split *sp, unsigned *topic)
{
	const char *bracket = strrchr(sp->name, '[');
	size_t n = bracket != NULL ? (size_t)(bracket - sp->name) : 0;

	for (unsigned i = 0; s->kafka != NULL && i < s->kafka->n; i++) {
		struct cluster *c = &s->kafka->v[i];

		for (*topic = 0; *topic < c->uri.ntopics; ++*topic) {
			if (strlen(c->uri.topic[*topic]) == n &&
			    memcmp(c->uri.topic[*topic], sp->name, n) == 0)
				return c;
		}
	}
	return NULL;
}

int
source_kafka_attach(struct source *s, struct split *sp)
{
	unsigned topic;
	struct cluster *c = cluster_of(s, sp, &topic);

	if (c == NULL)
		return ferr(FERR_USAGE,
			    "the job was reading %s, which is not named any more; name its topic, "
			    "too; %s",
			    sp->name, task_anew(s->task->plain));
	sp->reader = c->reader;
	sp->topic = topic;
	sp->partition = (int32_t)strtol(strrchr(sp->name, '[') + 1, NULL, 10);
	if (sp->partition < 0 || (unsigned)sp->partition >= c->known[topic])
		return ferr(FERR_REFUSED,
			    "the job was reading %s, and the topic has %u partitions now: it has "
			    "been made anew; %s",
			    sp->name, c->known[topic], task_anew(s->task->plain));
	if (sp->until >= 0 && !s->kafka->ends)
		return ferr(FERR_USAGE,
			    "the job ends where --until said when it began; say --until again; %s",
			    task_anew(s->task->plain));
	return 0;
}

bool
source_kafka_skip(struct source *s, const struct split *sp)
{
	struct buf *b = &s->kafka->skipped;

	if (!s->kafka->ends)
		return false;
	if (!s->finished)
		(void)buf_printf(b, "%s%s", b->n > 0 ? ", " : "", sp->name);
	return true;
}

static int
find_begin(struct split *sp, enum kafka_at at, int64_t time)
{
	return kafka_reader_find(sp->reader, sp->topic, sp->partition, at, time, &sp->next);
}

int
source_kafka_place(struct source *s, bool first)
{
	const struct source_kafka *k = s->kafka;
	int rc = 0;

	for (unsigned i = 0; i < s->n && rc == 0; i++) {
		struct split *sp = s->splits[i];

		if (sp->kind != SPLIT_KAFKA || sp->done)
			continue;
		if (sp->next < 0)
			rc = find_begin(sp, first ? k->from : KAFKA_EARLIEST, k->from_time);
		if (rc == 0 && k->ends && sp->until < 0) {
			sp->moved = true;
			rc = kafka_reader_find(sp->reader, sp->topic, sp->partition, k->until,
					       k->until_time, &sp->until);
		}
	}
	return rc;
}

/* ---- while running ---- */

/* A partition that was not there before; whoever has its group reads it. */
static int
add_new(struct source *s, struct cluster *c, unsigned topic)
{
	struct split *sp;
	int rc;

	if ((rc = new_split(&sp, c, topic, c->known[topic])) != 0)
		return rc;
	if ((rc = find_begin(sp, KAFKA_EARLIEST, 0)) == 0)
		rc = s->task != NULL ? source_state_claim(s, sp) : 1;
	if (rc == 1)
		return source_add_split(s, sp);
	split_free(sp);
	return rc;
}

/* Nobody answers: that may pass, and so may a broker that has just begun and does not know all. */
static int
look_at_topic(struct source *s, struct cluster *c, unsigned topic, bool *away)
{
	unsigned n;
	int rc = kafka_reader_partitions(c->reader, topic, &n);

	for (; rc == 0 && c->known[topic] < n; c->known[topic]++) {
		if ((rc = add_new(s, c, topic)) != 0)
			break;
	}
	c->refused[topic] = rc == FERR_REFUSED ? c->refused[topic] + 1 : 0;
	*away = *away || rc == FERR_IO;
	return rc == FERR_IO || c->refused[topic] == 1 ? 0 : rc;
}

static int
look_for_new(struct source *s, struct op *op)
{
	struct source_kafka *k = s->kafka;
	unsigned before = s->n;
	bool away = false;
	int rc = 0;

	for (unsigned i = 0; i < k->n; i++) {
		for (unsigned t = 0; t < k->v[i].uri.ntopics && rc == 0 && !away; t++)
			rc = look_at_topic(s, &k->v[i], t, &away);
	}
	k->list_at = op_now(op) + k->refresh * (away ? AWAY_FACTOR : 1);
	if (rc != 0 || s->n == before)
		return rc;
	for (unsigned i = before; i < s->n; i++)
		op_note(op, "%s is new", s->splits[i]->name);
	if (!s->wm.out_idle)
		return 0;
	s->wm.out_idle = false;
	return op_emit_idle(op, false);
}

static int
tell_news(struct source_kafka *k, struct op *op)
{
	const char *text;
	int rc = 0;

	k->news_at = op_now(op) + NEWS_NS;
	for (unsigned i = 0; i < k->n && rc == 0; i++) {
		text = kafka_reader_news(k->v[i].reader, &rc);
		if (rc != 0)
			return text != NULL ? ferr(rc, "%s", text) : rc;
		if (text != NULL)
			op_note(op, "%s", text);
	}
	return 0;
}

/* While one partition gives record after record, another may have got some. */
static void
try_waiting(struct source *s, struct op *op)
{
	struct source_kafka *k = s->kafka;

	if (s->good == k->good || op_now(op) - k->tried_at < TRY_NS)
		return;
	k->good = s->good;
	k->tried_at = op_now(op);
	for (unsigned i = 0; i < s->n; i++) {
		if (s->splits[i]->kind == SPLIT_KAFKA && s->splits[i]->live)
			s->splits[i]->waiting = false;
	}
}

int
source_kafka_tend(struct source *s, struct op *op)
{
	struct source_kafka *k = s->kafka;
	int rc = 0;

	if (k->skipped.n > 0)
		op_say(op, "%.*s: not there when the job began, and not read because of --until",
		       (int)k->skipped.n, (const char *)k->skipped.p);
	k->skipped.n = 0;
	try_waiting(s, op);
	if (op_now(op) >= k->news_at)
		rc = tell_news(k, op);
	if (k->list_at == 0)
		k->list_at = op_now(op) + k->refresh;
	if (rc == 0 && k->refresh > 0 && op_now(op) >= k->list_at)
		rc = look_for_new(s, op);
	return rc;
}

int64_t
source_kafka_due(const struct source *s)
{
	const struct source_kafka *k = s->kafka;

	return k->refresh > 0 && k->list_at < k->news_at ? k->list_at : k->news_at;
}

/* ---- the group ---- */

int
source_kafka_note(struct source *s, uint64_t epoch)
{
	struct source_kafka *k = s->kafka;
	struct noted *t = &k->noted[k->turn++ % NOTED];
	int64_t *next = realloc(t->next, (s->n + 1) * sizeof(*next));

	if (next == NULL)
		return no_memory();
	*t = (struct noted){ epoch, next, s->n };
	for (unsigned i = 0; i < s->n; i++)
		next[i] = s->splits[i]->kind == SPLIT_KAFKA ? s->splits[i]->next : -1;
	return 0;
}

static int
commit(const struct source *s, const struct cluster *c, const struct noted *t)
{
	struct kafka_place *v = calloc(t->n + 1, sizeof(*v));
	unsigned n = 0;

	if (v == NULL)
		return no_memory();
	for (unsigned i = 0; i < t->n; i++) {
		const struct split *sp = s->splits[i];

		if (t->next[i] >= 0 && sp->reader == c->reader)
			v[n++] = (struct kafka_place){ sp->topic, sp->partition, t->next[i] };
	}
	if (n > 0)
		kafka_reader_commit(c->reader, v, n);
	free(v);
	return 0;
}

int
source_kafka_complete(struct source *s, struct op *op, uint64_t epoch, bool last)
{
	struct source_kafka *k = s->kafka;
	const struct noted *t = NULL;
	int rc = 0;

	for (unsigned i = 0; i < NOTED; i++) {
		const struct noted *e = &k->noted[i];

		if (e->epoch != 0 && e->epoch <= epoch && (t == NULL || e->epoch > t->epoch))
			t = e;
	}
	if (t == NULL || (!last && op_now(op) - k->committed_at < COMMIT_NS))
		return 0;
	k->committed_at = op_now(op);
	for (unsigned i = 0; i < k->n && rc == 0; i++)
		rc = commit(s, &k->v[i], t);
	return rc;
}

/* ---- the end ---- */

void
source_kafka_end(struct source *s, struct op *op)
{
	if (s->nulls > 0)
		op_say(op, "%" PRId64 " records without a value (tombstones) left out", s->nulls);
}

void
source_kafka_free(struct source *s)
{
	struct source_kafka *k = s->kafka;

	if (k == NULL)
		return;
	for (unsigned i = 0; i < k->n; i++) {
		kafka_reader_free(k->v[i].reader);
		kafka_uri_fini(&k->v[i].uri);
		free(k->v[i].known);
		free(k->v[i].refused);
	}
	for (unsigned i = 0; i < NOTED; i++)
		free(k->noted[i].next);
	buf_fini(&k->group);
	buf_fini(&k->skipped);
	free(k->v);
	free(k);
}
