/* expr_when: functions on times.  Everything is UTC. */
#include "expr/expr_internal.h"

#include "base/text.h"

int
expr_as_time(struct expr *e, const struct node *n, const struct val *v, int64_t *ms)
{
	char q[QUOTE_MAX];

	switch (v->t) {
	case VAL_TIME: *ms = v->i; return 0;
	case VAL_I64:
		if (time_of_i64(v->i, ms))
			return 0;
		return expr_bad(e, n, "the number %lld is not a time", (long long)v->i);
	case VAL_F64:
		if (time_of_f64(v->f, ms))
			return 0;
		return expr_bad(e, n, "the number is not a time");
	case VAL_STR:
		if (time_parse(v->s, v->n, NULL, &e->tcache, ms))
			return 0;
		return expr_bad(e, n, "%s is not a time", quote(v->s, v->n, q));
	default: return expr_bad(e, n, "%s() needs a time, not %s", n->op, expr_type(v));
	}
}

static int
time_by_format(struct expr *e, const struct node *n, const struct val *a, int64_t *ms)
{
	struct buf *b = &e->scratch;
	size_t at = b->n;
	char q[QUOTE_MAX];
	const char *fmt;
	int rc;

	if (a[1].t != VAL_STR || memchr(a[1].s, 0, a[1].n) != NULL)
		return expr_bad(e, n, "time() does not know this format");
	if ((rc = buf_put(b, a[1].s, a[1].n)) != 0 || (rc = buf_putc(b, 0)) != 0)
		return rc;
	fmt = (const char *)b->p + at;
	if (!time_format_ok(fmt))
		rc = expr_bad(e, n, "time() does not know this format");
	else if (!time_strptime(a[0].s, a[0].n, fmt, NULL, ms))
		rc = expr_bad(e, n, "%s does not have this format", quote(a[0].s, a[0].n, q));
	b->n = at;
	return rc;
}

int
expr_fn_time(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int64_t ms;
	int rc;

	rc = n->n == 2 && a[0].t == VAL_STR ? time_by_format(e, n, a, &ms)
					    : expr_as_time(e, n, a, &ms);
	if (rc == 0)
		*v = val_time(ms);
	return rc;
}

static int
get_civil(struct expr *e, const struct node *n, const struct val *a, struct civil *c)
{
	int64_t ms;
	int rc = expr_as_time(e, n, a, &ms);

	if (rc != 0)
		return rc;
	if (ms < TIME_MIN_MS || ms > TIME_MAX_MS)
		return expr_bad(e, n, "a time outside of the years 0 to 9999");
	time_civil(ms, c);
	return 0;
}

#define PART(name, part)                                                              \
	int expr_fn_##name(struct expr *e, const struct node *n, const struct val *a, \
			   struct val *v)                                             \
	{                                                                             \
		struct civil c;                                                       \
		int rc = get_civil(e, n, a, &c);                                      \
                                                                                      \
		if (rc == 0)                                                          \
			*v = val_i64(c.part);                                         \
		return rc;                                                            \
	}
PART(year, year)
PART(month, mon)
PART(day, day)
PART(hour, hour)
PART(minute, min)
PART(second, sec)
PART(weekday, wday)
#undef PART

int
expr_fn_strftime(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	char out[512];
	int64_t ms;
	int rc = expr_as_time(e, n, a, &ms), k;

	if (rc != 0)
		return rc;
	if (a[1].t != VAL_STR)
		return expr_bad(e, n, "the format is a string, not %s", expr_type(&a[1]));
	if ((k = time_strftime(ms, a[1].s, a[1].n, out, sizeof(out))) < 0)
		return expr_bad(e, n, "strftime() does not know this format");
	return expr_put_text(e, VAL_STR, out, (size_t)k, v);
}

int
expr_fn_trunc(struct expr *e, const struct node *n, const struct val *a, struct val *v)
{
	int64_t ms, rest;
	int rc = expr_as_time(e, n, a, &ms);

	if (rc != 0)
		return rc;
	if (a[1].t != VAL_I64 || a[1].i <= 0)
		return expr_bad(e, n, "trunc() needs a duration above zero");
	rest = ms % a[1].i;
	if (rest < 0)
		rest += a[1].i;
	if (ms < TIME_MIN_MS + rest)
		return expr_bad(e, n, "a time outside of the years 0 to 9999");
	*v = val_time(ms - rest);
	return 0;
}
