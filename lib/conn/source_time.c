/* source_time: see source_time.h. */
#include "conn/source_time.h"

#include <stdlib.h>

#include "op/zone.h"
#include "expr/expr.h"
#include "fio/fio.h"

/* A field that holds a time. */
struct time_field {
	struct expr *e;
	bool plain; /* one top-level field: number `i` in a schema of `n` fields */
	char *name;
	const char *option; /* for messages: "--time " */
	const char *format; /* strptime's, or NULL */
	bool seen;
	const struct schema *of;
	unsigned n;
	int i;
};

struct source_clock {
	enum source_time kind;
	int64_t bound, max_ahead;
	struct time_field time, mark;
	struct tz *tz;
	const struct schema *dropped;
};

/* FIELD[:FORMAT]; the field may be quoted, so the colon is looked for behind quotes. */
static int
open_field(struct time_field *f, const char *spec, const char *option)
{
	const char *colon = spec, *last, *joined;
	bool quoted = false;
	int rc;

	f->option = option;
	for (; *colon != '\0' && (quoted || *colon != ':'); colon++)
		quoted = quoted != (*colon == '"');
	if (*colon == ':')
		f->format = colon + 1;
	if ((rc = expr_parse(&f->e, spec, (size_t)(colon - spec), EXPR_PATH)) != 0)
		return ferr_prefix(rc, "%s", option);
	if (!expr_is_path(f->e, &last, &joined))
		return ferr(FERR_USAGE, "%s: '%s' is not a field", option, spec);
	if (f->format != NULL && !time_format_ok(f->format))
		return ferr(FERR_USAGE, "%s: '%s' is not a format such as %%Y-%%m-%%d %%H:%%M:%%S",
			    option, f->format);
	f->plain = strcmp(last, joined) == 0;
	f->name = strdup(joined);
	return f->name == NULL ? ferr(FERR_NOMEM, "out of memory") : 0;
}

int
source_clock_new(struct source_clock **out, const struct source_spec *spec,
		 const struct schema *dropped)
{
	struct source_clock *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (c == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	c->kind = spec->time;
	c->dropped = dropped;
	c->bound = spec->out_of_order;
	c->max_ahead = spec->max_ahead;
	if (spec->time == TIME_FIELD)
		rc = open_field(&c->time, spec->time_spec, "--time ");
	if (rc == 0 && spec->marks == MARKS_FIELD)
		rc = open_field(&c->mark, spec->marks_field, "--watermark field:");
	if (rc == 0 && spec->tz != NULL)
		rc = zone_load(&c->tz, spec->tz);
	if (rc != 0) {
		source_clock_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

static void
close_field(struct time_field *f)
{
	expr_free(f->e);
	free(f->name);
}

void
source_clock_free(struct source_clock *c)
{
	if (c == NULL)
		return;
	close_field(&c->time);
	close_field(&c->mark);
	tz_free(c->tz);
	free(c);
}

unsigned
source_clock_nfields(const struct source_clock *c)
{
	return (c->time.e != NULL ? expr_nfields(c->time.e) : 0) +
	       (c->mark.e != NULL ? expr_nfields(c->mark.e) : 0);
}

const char *
source_clock_field(const struct source_clock *c, unsigned i)
{
	unsigned n = c->time.e != NULL ? expr_nfields(c->time.e) : 0;

	return i < n ? expr_field(c->time.e, i) : expr_field(c->mark.e, i - n);
}

void
source_clock_forget(struct source_clock *c)
{
	c->time.of = c->mark.of = NULL;
}

/* The schema has changed: where is the field now? */
static int
find_field(struct time_field *f, const struct schema *s)
{
	f->of = s;
	f->n = s->n;
	f->i = schema_find(s, f->name, strlen(f->name));
	return f->plain ? 0 : expr_bind(f->e, s);
}

static inline int
get_field(struct time_field *f, const struct schema *s, const uint8_t *row, struct val *v)
{
	struct expr_ctx ctx = { .row = row, .schema = s };
	int rc;

	if ((f->of != s || f->n != s->n) && (rc = find_field(f, s)) != 0)
		return rc;
	if (f->plain) {
		*v = f->i < 0 ? VAL_NULLV : row_raw(row, (unsigned)f->i);
		return 0;
	}
	expr_arena_reset(f->e);
	return expr_eval(f->e, &ctx, v);
}

/* The text v as a time, as --time wants it. */
static inline bool
text_time(const struct source_clock *c, const struct time_field *f, struct split *sp, struct val v,
	  int64_t *ts)
{
	return f->format != NULL ? time_strptime(v.s, v.n, f->format, c->tz, ts)
				 : time_parse(v.s, v.n, c->tz, &sp->times, ts);
}

/* Any value as a time. */
static int
as_time(const struct source_clock *c, const struct time_field *f, struct split *sp, struct val v,
	int64_t *ts)
{
	char q[QUOTE_MAX];
	bool ok;

	if (v.t == VAL_CELL && f->format == NULL)
		v = val_resolve(v);
	switch (v.t) {
	case VAL_TIME: *ts = v.i; return 0;
	case VAL_I64: ok = time_of_i64(v.i, ts); break;
	case VAL_F64: ok = time_of_f64(v.f, ts); break;
	case VAL_STR:
	case VAL_CELL:
		if (text_time(c, f, sp, v, ts))
			return 0;
		return ferr(FERR_DATA, "%s is not a time that %s%s%s%s can read",
			    quote(v.s, v.n, q), f->option, f->name, f->format != NULL ? ":" : "",
			    f->format != NULL ? f->format : "");
	default:
		return ferr(FERR_DATA, "field '%s' holds a %s, not a time", f->name,
			    val_type_name(v.t));
	}
	return ok ? 0
		  : ferr(FERR_DATA, "field '%s' holds a number that is out of range for a time",
			 f->name);
}

/* The value of --time's field, v, is nothing. */
static int
no_time(const struct source_clock *c, const struct schema *s, const struct val *v)
{
	const char *near = c->time.plain && c->time.i < 0 ? schema_near(s, c->time.name) : NULL;

	if (near == NULL && c->time.plain && c->time.i < 0)
		near = schema_near(c->dropped, c->time.name);
	return ferr(FERR_DATA, "no event time: field '%s' is %s%s%s%s", c->time.name,
		    v->t == VAL_ABSENT || c->time.i < 0 ? "missing" : "null",
		    near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
		    near != NULL ? "'?" : "");
}

static inline int
check_ahead(const struct source_clock *c, int64_t ts)
{
	if (c->max_ahead < 0 || ts <= fio_wall_ms() + c->max_ahead)
		return 0;
	return ferr(FERR_DATA, "event time is further ahead of the clock than --max-ahead allows");
}

int
source_clock_time(struct source_clock *c, struct split *sp, const struct schema *s,
		  const uint8_t *row, int64_t *ts)
{
	struct val v;
	int rc;

	if (c->kind != TIME_FIELD) {
		*ts = c->kind == TIME_PROC ? fio_wall_ms() : row_time(row);
		return c->kind == TIME_KAFKA ? check_ahead(c, *ts) : 0;
	}
	if ((rc = get_field(&c->time, s, row, &v)) != 0)
		return rc;
	if (v.t != VAL_STR || !text_time(c, &c->time, sp, v, ts)) {
		if (val_is_null(&v))
			return no_time(c, s, &v);
		if ((rc = as_time(c, &c->time, sp, v, ts)) != 0)
			return rc;
	}
	return check_ahead(c, *ts);
}

int
source_clock_mark(struct source_clock *c, struct split *sp, const struct schema *s,
		  const uint8_t *row, int64_t *wm)
{
	struct val v;
	int rc;

	if ((rc = get_field(&c->mark, s, row, &v)) != 0)
		return rc;
	if (val_is_null(&v))
		return 0;
	c->mark.seen = true;
	return (rc = as_time(c, &c->mark, sp, v, wm)) != 0 ? rc : 1;
}

const struct tz *
source_clock_zone(const struct source_clock *c)
{
	return c->tz;
}

const char *
source_clock_unseen(const struct source_clock *c)
{
	return c->mark.e != NULL && !c->mark.seen ? c->mark.name : NULL;
}

int64_t
source_clock_watermark(const struct source_clock *c, const struct split *sp, int64_t max_ts)
{
	int64_t bound = c->bound >= 0 ? c->bound : sp->disorder;

	return max_ts < INT64_MIN + bound + 2 ? INT64_MIN : max_ts - bound - 1;
}
