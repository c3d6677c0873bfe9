/* spec: the options of fjoin, and what they mean together. */
#include "base/text.h"
#include "base/unit.h"
#include "join/join.h"

#define LONGEST (100000 * 366 * 86400000LL) /* ms; arithmetic stays far from overflow */

static int
duration(const char *arg, size_t n, int64_t least, int64_t *to)
{
	int rc = unit_duration(arg, n, to);

	if (rc == 0 && *to < least)
		return ferr(FERR_USAGE, "%.*s is too short", (int)n, arg);
	if (rc == 0 && (*to > LONGEST || *to < -LONGEST))
		return ferr(FERR_USAGE, "%.*s is a time of more than 100000 years", (int)n, arg);
	return rc;
}

/* D, or inf. */
static int
duration_or_ever(const char *arg, int64_t least, int64_t *to)
{
	if (strcmp(arg, "inf") == 0) {
		*to = JOIN_EVER;
		return 0;
	}
	return duration(arg, strlen(arg), least, to);
}

static int
set_kind(struct join_spec *s, enum join_kind kind, const char *option)
{
	if (s->kind != JOIN_NONE && s->kind != kind)
		return ferr(FERR_USAGE, "%s says already which records meet; one join at a time",
			    s->kind_option);
	s->kind = kind;
	s->kind_option = option;
	return 0;
}

static int
set_on(void *c, const char *a)
{
	((struct join_spec *)c)->on = a;
	return 0;
}
static int
set_left_on(void *c, const char *a)
{
	((struct join_spec *)c)->left_on = a;
	return 0;
}
static int
set_right_on(void *c, const char *a)
{
	((struct join_spec *)c)->right_on = a;
	return 0;
}
static int
set_match(void *c, const char *a)
{
	((struct join_spec *)c)->match = a;
	return 0;
}
static int
set_select(void *c, const char *a)
{
	((struct join_spec *)c)->select = a;
	return 0;
}
static int
set_late(void *c, const char *a)
{
	((struct join_spec *)c)->late = a;
	return 0;
}

/* D: as far back as ahead; LO..HI. */
static int
set_within(void *c, const char *a)
{
	struct join_spec *s = c;
	const char *dots = strstr(a, "..");
	int rc = set_kind(s, JOIN_WITHIN, "--within");

	if (rc == 0 && dots == NULL) {
		rc = duration(a, strlen(a), 0, &s->hi);
		s->lo = -s->hi;
	} else if (rc == 0) {
		if ((rc = duration(a, (size_t)(dots - a), INT64_MIN, &s->lo)) == 0)
			rc = duration(dots + 2, strlen(dots + 2), INT64_MIN, &s->hi);
	}
	if (rc == 0 && s->lo > s->hi)
		return ferr(FERR_USAGE, "%s is empty: write the smaller end first", a);
	return rc;
}

/* `tumble 5m`, `slide 10m/1m`, `cumulate 1d/1h`, `session 30m`. */
static int
set_window(void *c, const char *a)
{
	static const char *const kinds[] = { "tumble", "slide", "cumulate", "session" };
	struct join_spec *s = c;
	size_t word = strcspn(a, " "), skip = strspn(a + word, " ");
	const char *size = a + word + skip, *slash = strchr(size, '/'), *near;
	char name[16];
	unsigned k;
	int rc = set_kind(s, JOIN_WINDOW, "--window");

	if (rc != 0)
		return rc;
	snprintf(name, sizeof(name), "%.*s", (int)word, a);
	for (k = 0; k < 4 && strcmp(kinds[k], name) != 0; k++)
		;
	if (k == 4) {
		near = near_word(name, kinds, 4);
		return ferr(FERR_USAGE,
			    "'%s' is no window of a join: tumble, slide, cumulate or "
			    "session%s%s%s",
			    name, near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
			    near != NULL ? "'?" : "");
	}
	s->window = (enum join_window)k;
	if ((s->window == JOIN_SLIDE || s->window == JOIN_CUMULATE) != (slash != NULL))
		return ferr(FERR_USAGE,
			    slash != NULL ? "%s has one length, as in '%s 5m'"
					  : "%s needs a length and a step, as in '%s 10m/1m'",
			    name, name);
	if ((rc = duration(size, slash != NULL ? (size_t)(slash - size) : strlen(size), 1,
			   &s->size)) != 0)
		return rc;
	s->slide = s->size;
	if (slash != NULL && (rc = duration(slash + 1, strlen(slash + 1), 1, &s->slide)) != 0)
		return rc;
	if (s->window == JOIN_CUMULATE && s->size % s->slide != 0)
		return ferr(FERR_USAGE, "the length has to be a multiple of the step");
	if (s->size / s->slide > 1000)
		return ferr(FERR_USAGE,
			    "%s puts every record into %lld windows; 1000 are the most here", a,
			    (long long)(s->size / s->slide));
	return 0;
}

static int
set_asof(void *c, const char *a)
{
	struct join_spec *s = c;
	int rc = set_kind(s, JOIN_ASOF, "--asof");

	return rc != 0 ? rc : duration_or_ever(a, 0, &s->back);
}

static int
set_ttl(void *c, const char *a)
{
	struct join_spec *s = c;
	int rc = set_kind(s, JOIN_REGULAR, "--ttl");

	return rc != 0 ? rc : duration_or_ever(a, 1, &s->ttl);
}

static int
set_lookup(void *c, const char *a)
{
	(void)a;
	return set_kind(c, JOIN_LOOKUP, "--lookup");
}

static int
set_refresh(void *c, const char *a)
{
	return duration(a, strlen(a), 1, &((struct join_spec *)c)->refresh);
}

static int
set_type(void *c, const char *a)
{
	static const char *const types[] = { "inner", "left", "right", "full", "semi", "anti" };

	for (unsigned i = 0; i < 6; i++) {
		if (strcmp(a, types[i]) == 0)
			((struct join_spec *)c)->type = (enum join_type)i;
	}
	return 0;
}

const struct opt join_options[] = {
	{ "on", 0, "FIELD[,FIELD...]", "fields that both sides have in common", set_on, false },
	{ "left-on", 0, "FIELD[,FIELD...]", "the left side's fields, with --right-on", set_left_on,
	  false },
	{ "right-on", 0, "FIELD[,FIELD...]", "the right side's fields, with --left-on",
	  set_right_on, false },
	{ "within", 0, "D|LO..HI",
	  "records meet whose times are at most D apart; right time - left time in LO..HI",
	  set_within, false },
	{ "window", 0, "KIND",
	  "records of one window meet: 'tumble 5m', 'slide 10m/1m', 'cumulate 1d/1h', 'session "
	  "30m'",
	  set_window, false },
	{ "asof", 0, "D|inf",
	  "the newest right record that is not younger than the left one, at most D older",
	  set_asof, false },
	{ "ttl", 0, "D|inf", "all records meet; each is kept for D of event time", set_ttl, false },
	{ "lookup", 0, NULL, "RIGHT is a table, read in full first", set_lookup, false },
	{ "refresh", 0, "D",
	  "--lookup: look every D whether the file has changed, and read it again", set_refresh,
	  false },
	{ "type", 0, "inner|left|right|full|semi|anti", "what is given out (default inner)",
	  set_type, false },
	{ "match", 0, "EXPR", "a further condition, with .l.FIELD and .r.FIELD", set_match, false },
	{ "select", 0, "LIST", "what is given out, as in 'l.*, temp = .r.temp'", set_select,
	  false },
	{ "late", 0, "PATH", "write records that come too late to PATH", set_late, false },
	OPT_END,
};

int
join_check(const struct join_spec *s)
{
	bool looks = s->kind == JOIN_ASOF || s->kind == JOIN_LOOKUP;

	if (s->on != NULL && (s->left_on != NULL || s->right_on != NULL))
		return ferr(FERR_USAGE, "--on FIELD, or --left-on A and --right-on B, not both");
	if (s->on == NULL && (s->left_on == NULL || s->right_on == NULL))
		return ferr(FERR_USAGE, "which fields are equal? --on FIELD, or --left-on A "
					"--right-on B");
	if (s->kind == JOIN_NONE)
		return ferr(FERR_USAGE, "which records meet? --within D, --window 'tumble D', "
					"--asof D, --ttl D or --lookup");
	if (looks && (s->type == JOIN_RIGHT || s->type == JOIN_FULL))
		return ferr(FERR_USAGE,
			    "--type %s has no meaning with %s: it looks for each left record; "
			    "swap the inputs, or use --type left",
			    s->type == JOIN_RIGHT ? "right" : "full", s->kind_option);
	if (s->late != NULL && (s->kind == JOIN_REGULAR || s->kind == JOIN_LOOKUP))
		return ferr(FERR_USAGE, "--late has no meaning with %s: nothing is late there",
			    s->kind_option);
	if (s->refresh != 0 && s->kind != JOIN_LOOKUP)
		return ferr(FERR_USAGE, "--refresh goes with --lookup");
	if (s->refresh != 0 && s->table == NULL)
		return ferr(FERR_USAGE, "--refresh needs a file on the right: a stream is read "
					"once");
	return 0;
}
