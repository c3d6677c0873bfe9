/*
 * tz -- time zones from TZif files (RFC 9636), versions 1 to 4.  See time.h.
 *
 * All of a zone becomes one sorted table of changes.  The rule in the footer, which holds behind
 * the file's own table, is written out for 400 years: the Gregorian calendar repeats after that,
 * weekdays included, so every later time is looked up as its image in the last cycle of the table.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/time.h"
#include "base/time_internal.h"

#define CYCLE_MS (146097 * DAY_MS) /* 400 years */
#define CYCLE_YEARS 400
#define HEADER_SIZE 44
#define OFFSET_MAX_S 93599 /* 25:59:59, RFC 9636 */

struct tz {
	size_t n;      /* changes */
	bool cyclic;   /* what is behind the last change repeats the 400 years before it */
	int64_t *at;   /* UTC ms of each change */
	int64_t *wall; /* wall ms from which the offset after the change is used in tz_to_utc */
	int32_t *off;  /* off[i]: ms after i changes; off[0] before the first */
};

/* The days and times of the footer: `M3.2.0/2`, `J60`, `59`. */
struct change {
	char kind; /* 'M', 'J' or 'n' */
	unsigned mon, week, day;
	int64_t time_ms;
};

struct rule {
	bool dst;
	int64_t std_ms, dst_ms; /* offsets from UTC, east positive */
	struct change begin, end;
};

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int
corrupt(const char *why)
{
	return ferr(FERR_CORRUPT, "not a usable time zone file (TZif): %s", why);
}

/* ---- the footer: a POSIX TZ string ---- */

struct scan {
	const char *p, *end;
};

static bool
scan_char(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool
scan_number(struct scan *s, unsigned lo, unsigned hi, unsigned *out)
{
	const char *from = s->p;
	unsigned v = 0;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9' && v <= hi)
		v = v * 10 + (unsigned)(*s->p++ - '0');
	*out = v;
	return s->p > from && v >= lo && v <= hi;
}

/* A zone's name, `EST` or `<+1030>`; nobody asks for it. */
static bool
scan_name(struct scan *s)
{
	const char *from = s->p;

	if (scan_char(s, '<')) {
		while (s->p < s->end && *s->p != '>')
			s->p++;
		return scan_char(s, '>');
	}
	while (s->p < s->end && ((*s->p | 0x20) >= 'a' && (*s->p | 0x20) <= 'z'))
		s->p++;
	return s->p - from >= 3;
}

/* `[+-]h[hh][:mm[:ss]]` as ms. */
static bool
scan_time(struct scan *s, unsigned max_hour, int64_t *ms)
{
	bool neg = scan_char(s, '-');
	unsigned hour, min = 0, sec = 0;

	if (!neg)
		scan_char(s, '+');
	if (!scan_number(s, 0, max_hour, &hour))
		return false;
	if (scan_char(s, ':')) {
		if (!scan_number(s, 0, 59, &min))
			return false;
		if (scan_char(s, ':') && !scan_number(s, 0, 59, &sec))
			return false;
	}
	*ms = hour * HOUR_MS + min * MINUTE_MS + sec * SECOND_MS;
	if (neg)
		*ms = -*ms;
	return true;
}

static bool
scan_change(struct scan *s, struct change *c)
{
	bool ok;

	c->time_ms = 2 * HOUR_MS;
	if (scan_char(s, 'M')) {
		c->kind = 'M';
		ok = scan_number(s, 1, 12, &c->mon) && scan_char(s, '.') &&
		     scan_number(s, 1, 5, &c->week) && scan_char(s, '.') &&
		     scan_number(s, 0, 6, &c->day);
	} else if (scan_char(s, 'J')) {
		c->kind = 'J';
		ok = scan_number(s, 1, 365, &c->day);
	} else {
		c->kind = 'n';
		ok = scan_number(s, 0, 365, &c->day);
	}
	if (ok && scan_char(s, '/'))
		ok = scan_time(s, 167, &c->time_ms);
	return ok;
}

/* `EST5EDT,M3.2.0,M11.1.0`: the sign of the offsets is west positive. */
static bool
scan_rule(struct scan *s, struct rule *r)
{
	if (!scan_name(s) || !scan_time(s, 24, &r->std_ms))
		return false;
	r->std_ms = -r->std_ms;
	r->dst = s->p < s->end;
	if (!r->dst)
		return true;
	if (!scan_name(s))
		return false;
	r->dst_ms = r->std_ms + HOUR_MS;
	if (s->p < s->end && *s->p != ',') {
		if (!scan_time(s, 24, &r->dst_ms))
			return false;
		r->dst_ms = -r->dst_ms;
	}
	return scan_char(s, ',') && scan_change(s, &r->begin) && scan_char(s, ',') &&
	       scan_change(s, &r->end) && s->p == s->end;
}

/* Wall ms of a change in a year. */
static int64_t
change_wall(const struct change *c, unsigned year)
{
	int64_t day, jan1 = time_days(year, 1, 1);
	unsigned wday, of_month;

	switch (c->kind) {
	case 'M': /* week 5 is the last one; day 0 of 1970 was a Thursday */
		day = time_days(year, c->mon, 1);
		wday = (unsigned)(((day + 4) % 7 + 7) % 7);
		of_month = (c->day + 7 - wday) % 7 + 7 * (c->week - 1);
		while (of_month >= time_month_days(year, c->mon))
			of_month -= 7;
		day += of_month;
		break;
	case 'J': /* 1..365, 29 February is never counted */
		day = jan1 + c->day - 1 + (c->day >= 60 && time_leap(year));
		break;
	default: /* 0..365, it is */ day = jan1 + c->day; break;
	}
	return day * DAY_MS + c->time_ms;
}

/* ---- the table ---- */

/* Append a change; one that is not later than the last replaces its offset. */
static void
push(struct tz *z, int64_t at, int64_t off)
{
	if (z->n == 0 || at > z->at[z->n - 1])
		z->at[z->n++] = at;
	z->off[z->n] = (int32_t)off;
}

/* Write the rule out, from the last change (or the year 0) on. */
static void
push_rule(struct tz *z, const struct rule *r)
{
	int64_t after = z->n != 0 ? z->at[z->n - 1] : TIME_MIN_MS;
	int64_t begin, end;
	struct civil c;

	if (z->n == 0) /* then the rule holds from the beginning */
		z->off[0] = (int32_t)r->std_ms;
	if (!r->dst)
		return;
	time_civil(after, &c);
	for (unsigned year = (unsigned)c.year; year <= (unsigned)c.year + CYCLE_YEARS + 1; year++) {
		begin = change_wall(&r->begin, year) - r->std_ms;
		end = change_wall(&r->end, year) - r->dst_ms;
		if (end < begin && end > after)
			push(z, end, r->std_ms);
		if (begin > after)
			push(z, begin, r->dst_ms);
		if (end >= begin && end > after)
			push(z, end, r->std_ms);
	}
	z->cyclic = true;
}

/* A wall time that is there twice is the first, one that does not exist has the old offset: so the
 * new offset is used from the later one of the two wall times of the change on. */
static void
fill_wall(struct tz *z)
{
	for (size_t i = 0; i < z->n; i++) {
		int64_t old = z->off[i], new = z->off[i + 1];

		z->wall[i] = z->at[i] + (old > new ? old : new);
		if (i > 0 && z->wall[i] < z->wall[i - 1])
			z->wall[i] = z->wall[i - 1];
	}
}

/* ---- the file ---- */

struct header {
	uint32_t isut, isstd, leap, time, type, chars;
};

/* Read a header at p; *size gets the length of header and block. */
static bool
header_get(const uint8_t *p, size_t n, unsigned width, struct header *h, size_t *size)
{
	uint64_t sum;

	if (n < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
		return false;
	h->isut = be32(p + 20);
	h->isstd = be32(p + 24);
	h->leap = be32(p + 28);
	h->time = be32(p + 32);
	h->type = be32(p + 36);
	h->chars = be32(p + 40);
	sum = HEADER_SIZE + (uint64_t)h->time * (width + 1) + (uint64_t)h->type * 6 + h->chars +
	      (uint64_t)h->leap * (width + 4) + h->isstd + h->isut;
	if (sum > n)
		return false;
	*size = (size_t)sum;
	return true;
}

static struct tz *
tz_alloc(size_t changes)
{
	struct tz *z;

	if ((z = calloc(1, sizeof(*z))) == NULL)
		return NULL;
	z->at = calloc(changes, sizeof(*z->at));
	z->wall = calloc(changes, sizeof(*z->wall));
	z->off = calloc(changes + 1, sizeof(*z->off));
	if (z->at == NULL || z->wall == NULL || z->off == NULL) {
		tz_free(z);
		return NULL;
	}
	return z;
}

/* The offset of a type in ms. */
static bool
type_offset(const uint8_t *types, const struct header *h, uint32_t type, int64_t *ms)
{
	int32_t s;

	if (type >= h->type)
		return false;
	s = (int32_t)be32(types + 6 * (size_t)type);
	*ms = s * SECOND_MS;
	return s >= -OFFSET_MAX_S && s <= OFFSET_MAX_S;
}

/* Take the changes of a block; p stands behind its header. */
static int
read_changes(struct tz *z, const uint8_t *p, unsigned width, const struct header *h)
{
	const uint8_t *index = p + (size_t)h->time * width, *types = index + h->time;
	int64_t at, last = INT64_MIN, off;

	if (!type_offset(types, h, 0, &off))
		return corrupt("a bad offset");
	z->off[0] = (int32_t)off;
	for (uint32_t i = 0; i < h->time; i++, p += width) {
		at = width == 4 ? (int32_t)be32(p)
				: (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
		if (i > 0 && at <= last)
			return corrupt("its times are not in order");
		last = at;
		if (!type_offset(types, h, index[i], &off))
			return corrupt("a bad offset");
		if (at > TIME_MAX_MS / SECOND_MS)
			continue;
		if (at < TIME_MIN_MS / SECOND_MS)
			z->off[0] = (int32_t)off;
		else
			push(z, at * SECOND_MS, off);
	}
	return 0;
}

int
tz_new(struct tz **out, const uint8_t *tzif, size_t n)
{
	const uint8_t *p = tzif, *end = tzif + n, *nl;
	unsigned width = 4;
	struct rule rule = { 0 };
	struct header h;
	struct scan s;
	struct tz *z;
	size_t size;
	int rc;

	if (!header_get(p, n, width, &h, &size))
		return corrupt("the header is wrong");
	if (p[4] >= '2') { /* a second block with 64-bit times, and the footer */
		p += size;
		width = 8;
		if (!header_get(p, (size_t)(end - p), width, &h, &size))
			return corrupt("the second header is wrong");
	}
	if (h.leap != 0)
		return corrupt("it counts leap seconds");
	if (h.type == 0)
		return corrupt("it has no offset");
	if ((z = tz_alloc((size_t)h.time + 2 * (CYCLE_YEARS + 2))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((rc = read_changes(z, p + HEADER_SIZE, width, &h)) != 0)
		goto err;
	p += size;
	if (width == 8) {
		nl = p < end && *p == '\n' ? memchr(p + 1, '\n', (size_t)(end - p - 1)) : NULL;
		if (nl == NULL) {
			rc = corrupt("the footer is missing");
			goto err;
		}
		s = (struct scan){ (const char *)p + 1, (const char *)nl };
		if (s.p < s.end) {
			if (!scan_rule(&s, &rule)) {
				rc = corrupt("the rule in its footer is wrong");
				goto err;
			}
			push_rule(z, &rule);
		}
	}
	fill_wall(z);
	*out = z;
	return 0;
err:
	tz_free(z);
	return rc;
}

void
tz_free(struct tz *z)
{
	if (z == NULL)
		return;
	free(z->at);
	free(z->wall);
	free(z->off);
	free(z);
}

/* The offset at t, where table[] says from when each holds. */
static int64_t
lookup(const struct tz *z, const int64_t *table, int64_t t)
{
	const int64_t *base = table;
	size_t n = z->n;

	if (n == 0)
		return z->off[0];
	if (z->cyclic && t >= table[n - 1])
		t -= ((t - table[n - 1]) / CYCLE_MS + 1) * CYCLE_MS;
	while (n > 1) { /* without branches to mispredict */
		size_t half = n / 2;

		base += base[half - 1] <= t ? half : 0;
		n -= half;
	}
	return z->off[(size_t)(base - table) + (*base <= t)];
}

int64_t
tz_offset(const struct tz *z, int64_t utc_ms)
{
	return z != NULL ? lookup(z, z->at, utc_ms) : 0;
}

int64_t
tz_to_utc(const struct tz *z, int64_t local_ms)
{
	return z != NULL ? local_ms - lookup(z, z->wall, local_ms) : local_ms;
}

/* Offsets change by at most a day, and not twice within three hours of one change. */
#define CHANGE_NEAR (3 * 3600000LL)

int64_t
tz_edge(const struct tz *z, int64_t local_ms, bool last)
{
	int64_t u = tz_to_utc(z, local_ms), lo, hi, mid, again;

	if (tz_to_local(z, u) == local_ms) {
		again = local_ms - tz_offset(z, u + CHANGE_NEAR);
		return last && again > u && tz_to_local(z, again) == local_ms ? again : u;
	}
	/* In the gap: the clock reads less than local_ms before the jump and more behind it. */
	for (lo = u - 86400000, hi = u + 86400000; hi - lo > 1;) {
		mid = lo + (hi - lo) / 2;
		if (tz_to_local(z, mid) < local_ms)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}
