/* source_spec: the options of fsource. */
#include <stdlib.h>

#include "base/unit.h"
#include "conn/source.h"

static int
duration(int64_t *to, const char *arg)
{
	int rc = unit_duration(arg, strlen(arg), to);

	return rc == 0 && *to < 0 ? ferr(FERR_USAGE, "%s is below 0", arg) : rc;
}

static int
set_out_of_order(void *c, const char *a)
{
	return duration(&((struct source_spec *)c)->out_of_order, a);
}
static int
set_idle(void *c, const char *a)
{
	return duration(&((struct source_spec *)c)->idle, a);
}
static int
set_drift(void *c, const char *a)
{
	return duration(&((struct source_spec *)c)->max_drift, a);
}
static int
set_ahead(void *c, const char *a)
{
	return duration(&((struct source_spec *)c)->max_ahead, a);
}
static int
set_fields(void *c, const char *a)
{
	((struct source_spec *)c)->fields = a;
	return 0;
}
static int
set_tz(void *c, const char *a)
{
	((struct source_spec *)c)->tz = a;
	return 0;
}
static int
set_meta(void *c, const char *a)
{
	((struct source_spec *)c)->meta = a;
	return 0;
}

static int
set_follow(void *c, const char *a)
{
	(void)a;
	((struct source_spec *)c)->follow = true;
	return 0;
}

static int
set_sequence(void *c, const char *a)
{
	(void)a;
	((struct source_spec *)c)->sequence = true;
	return 0;
}

static int
set_format(void *c, const char *a)
{
	((struct source_spec *)c)->format = (enum fmt_kind)fmt_by_name(a);
	return 0;
}

static int
set_time(void *c, const char *a)
{
	struct source_spec *s = c;

	s->time = strcmp(a, "proc") == 0    ? TIME_PROC
		  : strcmp(a, "kafka") == 0 ? TIME_KAFKA
					    : TIME_FIELD;
	s->time_spec = a;
	return a[0] == '\0' ? ferr(FERR_USAGE, "needs a field, as in --time at") : 0;
}

static int
set_watermark(void *c, const char *a)
{
	struct source_spec *s = c;

	if (strcmp(a, "auto") == 0) {
		s->marks = MARKS_AUTO;
	} else if (strcmp(a, "each") == 0) {
		s->marks = MARKS_EACH;
	} else if (strcmp(a, "none") == 0) {
		s->marks = MARKS_NONE;
	} else if (strncmp(a, "field:", 6) == 0 && a[6] != '\0') {
		s->marks = MARKS_FIELD;
		s->marks_field = a + 6;
	} else {
		return ferr(FERR_USAGE, "'%s' is not auto, each, field:NAME or none", a);
	}
	return 0;
}

static int
set_at_end(void *c, const char *a)
{
	((struct source_spec *)c)->hold = strcmp(a, "hold") == 0;
	return 0;
}

static int
set_rate(void *c, const char *a)
{
	char *end;
	long long n = strtoll(a, &end, 10);

	if (end == a || n < 1 || n > 1000000000 || strcmp(end, "/s") != 0)
		return ferr(FERR_USAGE, "'%s' is not a rate such as 1000/s", a);
	((struct source_spec *)c)->rate = n;
	return 0;
}

static int
set_limit(void *c, const char *a)
{
	return unit_int(a, "the number of records", 0, INT64_MAX,
			&((struct source_spec *)c)->limit);
}

static int
set_from(void *c, const char *a)
{
	((struct source_spec *)c)->from = a;
	return 0;
}

static int
set_until(void *c, const char *a)
{
	((struct source_spec *)c)->until = a;
	return 0;
}

static int
set_property(void *c, const char *a)
{
	return kafka_props_add(&((struct source_spec *)c)->kafka, a);
}

const struct opt source_options[] = {
	{ "time", 0, "FIELD[:FORMAT]",
	  "field with the event time (or: proc, the wall clock; kafka, the message's)", set_time,
	  false },
	{ "out-of-order", 0, "DUR", "records may come that much after younger ones (default 0s)",
	  set_out_of_order, false },
	{ "format", 0, "auto|json|csv|tsv|lines|raw|frames",
	  "format of the input (default auto: by its content)", set_format, false },
	{ "fields", 0, "LIST", "keep these columns, with types: 'user, amount:f64, at:time'",
	  set_fields, false },
	{ "follow", 0, NULL, "wait for growth, rotation and new files", set_follow, false },
	{ "limit", 0, "N", "end after N good records", set_limit, false },
	{ "rate", 0, "N/s", "give at most N records a second", set_rate, false },
	{ "sequence", 0, NULL, "read files one after the other, as one split", set_sequence,
	  false },
	{ "tz", 0, "ZONE", "zone of times that name none (default UTC)", set_tz, false },
	{ "watermark", 0, "auto|each|field:NAME|none", "when watermarks are given", set_watermark,
	  false },
	{ "meta", 0, "PREFIX",
	  "add where a record came from, as fields PREFIXfile, PREFIXoffset and others", set_meta,
	  false },
	{ "max-ahead", 0, "DUR", "a record further in the future than the wall clock + DUR is bad",
	  set_ahead, false },
	{ "idle", 0, "DUR", "live input without records for DUR does not hold the watermark back",
	  set_idle, false },
	{ "max-drift", 0, "DUR", "a split that is further ahead of the others waits", set_drift,
	  false },
	{ "at-end", 0, "finish|hold", "hold: windows stay open for the next run", set_at_end,
	  false },
	{ "from", 0, "earliest|latest|group|TIME",
	  "where to begin in a topic for the first time (default earliest)", set_from, false },
	{ "until", 0, "end|TIME", "where to end in a topic (default: go on for ever)", set_until,
	  false },
	{ "option", 'X', "PROPERTY=VALUE", "pass a property to librdkafka", set_property, false },
	OPT_END,
};
