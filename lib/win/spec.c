/* spec: the words and options of fwindow. */
#include "base/text.h"
#include "base/unit.h"
#include "expr/expr.h"
#include "win/win.h"

#include <stdlib.h>

#define BEST_MAX 10000			    /* with --rank one record may move as many */
#define LONGEST (100000 * 366 * 86400000LL) /* ms; window arithmetic stays far from overflow */

static int
set_duration(int64_t *to, const char *arg, int64_t least)
{
	int rc = unit_duration(arg, strlen(arg), to);

	if (rc == 0 && *to < least)
		return ferr(FERR_USAGE, "%s is too short", arg);
	return rc;
}

static int
set_lateness(void *c, const char *a)
{
	return set_duration(&((struct win_spec *)c)->lateness, a, 0);
}
static int
set_offset(void *c, const char *a)
{
	return set_duration(&((struct win_spec *)c)->offset, a, INT64_MIN);
}
static int
set_early(void *c, const char *a)
{
	return set_duration(&((struct win_spec *)c)->early, a, 1);
}
static int
set_aggs(void *c, const char *a)
{
	((struct win_spec *)c)->aggs = a;
	return 0;
}
static int
set_having(void *c, const char *a)
{
	((struct win_spec *)c)->having = a;
	return 0;
}
static int
set_late(void *c, const char *a)
{
	((struct win_spec *)c)->late = a;
	return 0;
}
static int
set_tz(void *c, const char *a)
{
	((struct win_spec *)c)->tz = a;
	return 0;
}
static int
set_rank(void *c, const char *a)
{
	((struct win_spec *)c)->rank = a;
	return 0;
}

static int
set_ttl(void *c, const char *a)
{
	size_t n = strlen(a);

	if (n > 5 && strcmp(a + n - 5, ":proc") == 0)
		return ferr(FERR_NOTYET,
			    "--ttl by processing time is not yet there; leave :proc out");
	return set_duration(&((struct win_spec *)c)->ttl, a, 1);
}

static int
set_time(void *c, const char *a)
{
	((struct win_spec *)c)->proc = strcmp(a, "proc") == 0;
	return 0;
}

/* N:EXPR */
static int
split_top(const char *a, unsigned *n, const char **expr)
{
	char *end;
	long k = strtol(a, &end, 10);

	if (end == a || *end != ':' || k < 1 || k > 1000000 || end[1] == '\0')
		return ferr(FERR_USAGE, "'%s' is not N:EXPR, as in 3:.n", a);
	*n = (unsigned)k;
	*expr = end + 1;
	return 0;
}

/* The operand of top. */
static int
parse_best(struct win_spec *s, const char *a)
{
	unsigned n = 0;
	int rc = split_top(a, &n, &s->by);

	if (rc == 0 && n > BEST_MAX)
		return ferr(FERR_USAGE, "top keeps at most %d records of a key", BEST_MAX);
	s->size = n;
	return rc;
}

static int
set_top(void *c, const char *a)
{
	struct win_spec *s = c;

	return split_top(a, &s->top_n, &s->top);
}

const struct opt win_options[] = {
	{ "agg", 0, "LIST", "aggregates, as in 'n=count(), total=sum(.amount)' (default count())",
	  set_aggs, false },
	{ "having", 0, "EXPR", "give only results for which EXPR is true", set_having, false },
	{ "lateness", 0, "DUR", "keep a fired window DUR longer and fire again for late records",
	  set_lateness, false },
	{ "late", 0, "PATH", "write records that are too late for every window to PATH", set_late,
	  false },
	{ "offset", 0, "DUR", "shift the windows' starts by DUR", set_offset, false },
	{ "tz", 0, "ZONE", "days and hours of that time zone", set_tz, false },
	{ "early", 0, "DUR", "also fire every DUR of event time, from the window's start",
	  set_early, false },
	{ "time", 0, "event|proc", "event time (default) or processing time", set_time, false },
	{ "ttl", 0, "DUR", "forget a key DUR of event time after its last record", set_ttl, false },
	{ "top", 0, "N:EXPR", "give only the N results of a window with the greatest EXPR", set_top,
	  false },
	{ "rank", 0, "NAME", "with --top or top: add the rank as field NAME", set_rank, false },
	OPT_END,
};

/* "A/B" with durations or numbers; without '/' b is left alone. */
static int
pair(const char *arg, bool count, int64_t *a, int64_t *b)
{
	const char *slash = strchr(arg, '/');
	size_t n = slash != NULL ? (size_t)(slash - arg) : strlen(arg);
	char first[64];
	int rc;

	if (n >= sizeof(first))
		return ferr(FERR_USAGE, "'%s' is too long", arg);
	memcpy(first, arg, n);
	first[n] = '\0';
	if (!count) {
		if ((rc = unit_duration(first, n, a)) != 0)
			return rc;
		return slash != NULL ? unit_duration(slash + 1, strlen(slash + 1), b) : 0;
	}
	if ((rc = unit_int(first, "the number of records", 1, 1000000000, a)) != 0)
		return rc;
	return slash != NULL ? unit_int(slash + 1, "the number of records", 1, 1000000000, b) : 0;
}

/* What has no meaning where records are kept. */
static int
check_rows(const struct win_spec *s, const char *word)
{
	if (s->aggs != NULL)
		return ferr(FERR_USAGE,
			    "--agg has no meaning with %s: it gives out whole records; put fmap "
			    "--keep behind it to have fewer fields",
			    word);
	if (s->having != NULL)
		return ferr(FERR_USAGE,
			    "--having has no meaning with %s: it gives out records; put fmap "
			    "--where behind it",
			    word);
	if (s->proc)
		return ferr(FERR_USAGE, "--time proc has no meaning with %s: it goes by event time",
			    word);
	return 0;
}

static int
check(const struct win_spec *s, const char *word)
{
	int64_t step = s->kind == WIN_TUMBLE ? s->size : s->slide;
	bool aligned = s->kind == WIN_TUMBLE || s->kind == WIN_SLIDE || s->kind == WIN_CUMULATE;
	bool timed = aligned || s->kind == WIN_SESSION;
	int rc;

	if (s->size > LONGEST || s->slide > LONGEST || s->early > LONGEST || s->ttl > LONGEST)
		return ferr(FERR_USAGE, "%s: a time of more than 100000 years", word);
	if (timed && s->size < 1)
		return ferr(FERR_USAGE, "%s needs a length above 0", word);
	if (aligned && step < 1)
		return ferr(FERR_USAGE, "%s needs a step above 0", word);
	if (s->kind == WIN_SLIDE && s->size / step > 10000000)
		return ferr(FERR_USAGE, "slide: size/slide is above 10000000");
	if (s->kind == WIN_CUMULATE && s->size % step != 0)
		return ferr(FERR_USAGE, "cumulate: the length has to be a multiple of the step");
	if (s->offset != 0 && !aligned)
		return ferr(FERR_USAGE, "--offset has no meaning with %s", word);
	if (s->kind == WIN_CUMULATE)
		step = s->size;
	if (aligned && (s->offset >= step || s->offset <= -step))
		return ferr(FERR_USAGE, "--offset has to be shorter than %s",
			    s->kind == WIN_SLIDE ? "the slide" : "the window");
	if (s->tz != NULL && !aligned)
		return ferr(FERR_USAGE, "--tz has no meaning with %s", word);
	if (s->lateness != 0 && !timed)
		return ferr(FERR_USAGE, "--lateness has no meaning with %s: nothing is late there",
			    word);
	if (s->late != NULL && !timed && s->kind != WIN_FIRST)
		return ferr(FERR_USAGE, "--late has no meaning with %s: nothing is late there",
			    word);
	if (s->early != 0 && !timed)
		return ferr(FERR_USAGE, "--early has no meaning with %s", word);
	if (s->ttl != 0 && timed)
		return ferr(FERR_USAGE,
			    "--ttl has no meaning with %s: its state goes with the window", word);
	if (s->kind >= WIN_FIRST && (rc = check_rows(s, word)) != 0)
		return rc;
	if (s->top_n != 0 && (!timed || s->kind == WIN_SESSION))
		return ferr(FERR_USAGE,
			    "--top needs windows that all keys share: tumble, slide or cumulate");
	if (s->rank != NULL && s->top_n == 0 && s->kind != WIN_TOP)
		return ferr(FERR_USAGE, "--rank goes with --top, or with the kind top");
	return 0;
}

int
win_parse_kind(struct win_spec *s, int argc, char **argv)
{
	static const char *const kinds[] = { "tumble", "slide",	  "session", "cumulate", "count",
					     "global", "running", "first",   "last",	 "top" };
	const char *word = argc > 0 ? argv[0] : "", *near;
	size_t k, want;
	int rc = 0;

	if (argc == 0)
		return ferr(FERR_USAGE, "which windows? tumble 5m, slide 10m/1m, session 30m, "
					"cumulate 1d/1h, count 100, global, running, first, last "
					"or top 3:.n");
	for (k = 0; k < 10 && strcmp(word, kinds[k]) != 0; k++)
		;
	if (k == 10) {
		near = near_word(word, kinds, 10);
		return ferr(FERR_USAGE, "'%s' is not a kind of window%s%s%s", word,
			    near != NULL ? "; did you mean " : "", near != NULL ? near : "",
			    near != NULL ? "?" : "");
	}
	s->kind = (enum win_kind)(k + 1);
	want = k < 5 || k == 9 ? 2 : 1;
	if ((size_t)argc < want)
		return ferr(FERR_USAGE, "%s needs %s", word,
			    k == 4   ? "a number of records, as in count 100"
			    : k == 9 ? "a number of records and what they are worth, as in 3:.n"
			    : k == 1 || k == 3 ? "a size and a step, as in 1h/5m"
					       : "a length, as in 5m");
	if ((size_t)argc > want)
		return ferr(FERR_USAGE, "'%s' is one word too many behind %s", argv[want], word);
	if (k == 9)
		rc = parse_best(s, argv[1]);
	else if (want == 2)
		rc = pair(argv[1], k == 4, &s->size, &s->slide);
	if (rc != 0)
		return ferr_prefix(rc, "%s", word);
	if ((s->kind == WIN_SLIDE || s->kind == WIN_CUMULATE) && s->slide == 0)
		return ferr(FERR_USAGE, "%s needs a size and a step, as in 1h/5m", word);
	if ((s->kind == WIN_TUMBLE || s->kind == WIN_SESSION) && strchr(argv[1], '/') != NULL)
		return ferr(FERR_USAGE, "%s takes one length; did you mean slide %s?", word,
			    argv[1]);
	if (s->kind == WIN_TUMBLE)
		s->slide = s->size;
	return check(s, word);
}
