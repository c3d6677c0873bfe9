/* time: see time.h.  The calendar and RFC 3339; formats are in timefmt.c, zones in tz.c. */
#include "base/time.h"

#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/time_internal.h"

/* Days from 0000-03-01 (years that begin in March end with the leap day) to 1970-01-01. */
#define DAYS_TO_1970 719468
#define CYCLE_DAYS 146097 /* 400 years */

static const uint8_t month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

static const char two_digits[] = "00010203040506070809101112131415161718192021222324"
				 "25262728293031323334353637383940414243444546474849"
				 "50515253545556575859606162636465666768697071727374"
				 "75767778798081828384858687888990919293949596979899";

unsigned
time_month_days(unsigned year, unsigned mon)
{
	return mon == 2 && time_leap(year) ? 29 : month_days[mon - 1];
}

int64_t
time_days(unsigned year, unsigned mon, unsigned day)
{
	/* One cycle is added and taken off again, so that all stays unsigned in year 0. */
	unsigned y = year + 400 - (mon <= 2);
	unsigned m = mon <= 2 ? mon + 9 : mon - 3;
	unsigned d = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;

	return (int64_t)d - CYCLE_DAYS - DAYS_TO_1970;
}

struct date {
	unsigned year, mon, day, yday;
};

/* The date of a day since 1970-01-01, after Neri and Schneider, "Euclidean affine functions and
 * their application to calendar algorithms": multiplications in place of most divisions. */
static inline struct date
date_of_days(int64_t days)
{
	uint32_t n = (uint32_t)(days + DAYS_TO_1970 + CYCLE_DAYS);
	uint32_t n1 = 4 * n + 3;
	uint32_t century = n1 / CYCLE_DAYS;
	uint32_t n2 = n1 % CYCLE_DAYS | 3;
	uint64_t p2 = (uint64_t)2939745 * n2;
	uint32_t day_of_year = (uint32_t)p2 / 2939745 / 4; /* 0 = 1 March */
	uint32_t n3 = 2141 * day_of_year + 197913;
	bool jan_feb = day_of_year >= 306;
	struct date d;

	d.year = 100 * century + (uint32_t)(p2 >> 32) - 400 + jan_feb;
	d.mon = (n3 >> 16) - (jan_feb ? 12 : 0);
	d.day = (n3 & 0xffff) / 2141 + 1;
	d.yday = jan_feb ? day_of_year - 306 : day_of_year + 59 + time_leap(d.year);
	return d;
}

/* Split ms into whole days, rounded down, and the rest. */
static inline int64_t
split_days(int64_t ms, uint32_t *rest)
{
	int64_t days = ms / DAY_MS - (ms % DAY_MS < 0);

	*rest = (uint32_t)(ms - days * DAY_MS);
	return days;
}

void
time_civil(int64_t ms, struct civil *out)
{
	uint32_t rest;
	int64_t days = split_days(ms, &rest);
	struct date d = date_of_days(days);

	out->year = (int)d.year;
	out->mon = (int)d.mon;
	out->day = (int)d.day;
	out->hour = (int)(rest / HOUR_MS);
	out->min = (int)(rest / MINUTE_MS % 60);
	out->sec = (int)(rest / SECOND_MS % 60);
	out->ms = (int)(rest % SECOND_MS);
	out->wday = (int)(((days + 4) % 7 + 7) % 7); /* day 0 was a Thursday */
	out->yday = (int)d.yday;
}

int64_t
time_of_civil(const struct civil *c)
{
	return time_days((unsigned)c->year, (unsigned)c->mon, (unsigned)c->day) * DAY_MS +
	       c->hour * HOUR_MS + c->min * MINUTE_MS + c->sec * SECOND_MS + c->ms;
}

/* Two digits as a number; 100 or more if they are not digits. */
static inline unsigned
two(const char *s)
{
	unsigned a = (unsigned char)s[0] - (unsigned)'0', b = (unsigned char)s[1] - (unsigned)'0';

	return a <= 9 && b <= 9 ? a * 10 + b : 100;
}

/* `YYYY-MM-DD` as the ms of its midnight. */
static inline bool
parse_date(const char *s, int64_t *ms)
{
	unsigned year = two(s) * 100 + two(s + 2), mon = two(s + 5), day = two(s + 8);

	if (year > 9999 || s[4] != '-' || mon - 1 >= 12 || s[7] != '-' || day == 0)
		return false;
	if (day > 28 && day > time_month_days(year, mon))
		return false;
	*ms = time_days(year, mon, day) * DAY_MS;
	return true;
}

/* `YYYY-MM-DDTHH:MM` as ms. */
static bool
parse_minute(const char *s, int64_t *ms)
{
	unsigned hour = two(s + 11), min = two(s + 14);

	if (s[10] != 'T' && s[10] != ' ' && s[10] != 't')
		return false;
	if (!parse_date(s, ms) || hour > 23 || s[13] != ':' || min > 59)
		return false;
	*ms += hour * HOUR_MS + min * MINUTE_MS;
	return true;
}

size_t
time_scan_zone(const char *s, size_t n, int64_t *offset_ms)
{
	unsigned hour, min;
	size_t used;

	if (n >= 1 && (s[0] == 'Z' || s[0] == 'z')) {
		*offset_ms = 0;
		return 1;
	}
	if (n < 5 || (s[0] != '+' && s[0] != '-'))
		return 0;
	used = s[3] == ':' ? 6 : 5;
	if (n < used)
		return 0;
	hour = two(s + 1);
	min = two(s + used - 2);
	if (hour > 23 || min > 59)
		return 0;
	*offset_ms = hour * HOUR_MS + min * MINUTE_MS;
	if (s[0] == '-')
		*offset_ms = -*offset_ms;
	return used;
}

/* A wall time of tz as the result of a parse. */
static bool
from_wall(int64_t wall, const struct tz *tz, int64_t *ms)
{
	if (tz != NULL)
		wall = tz_to_utc(tz, wall);
	if (!time_in_bounds(wall))
		return false;
	*ms = wall;
	return true;
}

/* The tail `:SS[.fff][zone]` behind a minute that begins at wall. */
static inline bool
parse_tail(const char *s, size_t n, int64_t wall, const struct tz *tz, int64_t *ms)
{
	unsigned sec, digit, scale = 100;
	int64_t offset;
	size_t i = 3;

	if (n < 3 || s[0] != ':' || (sec = two(s + 1)) > 59)
		return false;
	wall += sec * SECOND_MS;
	if (i < n && s[i] == '.') {
		while (++i < n && (digit = (unsigned char)s[i] - (unsigned)'0') <= 9) {
			wall += digit * scale;
			scale /= 10; /* 0 after three digits: the rest is floored away */
		}
		if (i == 4)
			return false;
	}
	if (i == n)
		return from_wall(wall, tz, ms);
	if (i + 1 == n && s[i] == 'Z') {
		*ms = wall;
		return true;
	}
	return i + time_scan_zone(s + i, n - i, &offset) == n && from_wall(wall - offset, NULL, ms);
}

/* The commonest tail, `:SS.fffZ`, in one load: the ms in it, or -1 if the text is something else.
 */
static inline int64_t
common_tail(const char *s)
{
	uint64_t x = le64get((const uint8_t *)s) ^ le64get((const uint8_t *)":00.000Z");
	uint64_t high = 0xfff0f0f0fff0f0ffULL; /* no digit has these, the other bytes none at all */
	uint32_t tens = x >> 8 & 15;

	if (((x | (x + 0x0006060600060600ULL)) & high) != 0 || tens > 5)
		return -1;
	return tens * 10000 + (x >> 16 & 15) * 1000 + (x >> 32 & 15) * 100 + (x >> 40 & 15) * 10 +
	       (x >> 48 & 15);
}

bool
time_parse(const char *s, size_t n, const struct tz *tz, struct time_cache *cache, int64_t *ms)
{
	int64_t wall, tail;

	if (n < sizeof(cache->prefix))
		return n == 10 && parse_date(s, &wall) && from_wall(wall, tz, ms);
	if (cache != NULL && cache->valid && memcmp(cache->prefix, s, sizeof(cache->prefix)) == 0) {
		wall = cache->base;
	} else {
		if (!parse_minute(s, &wall))
			return false;
		if (cache != NULL) {
			memcpy(cache->prefix, s, sizeof(cache->prefix));
			cache->base = wall;
			cache->valid = true;
		}
	}
	if (n == sizeof(cache->prefix) + 8 &&
	    (tail = common_tail(s + sizeof(cache->prefix))) >= 0) {
		*ms = wall + tail;
		return true;
	}
	if (n == sizeof(cache->prefix)) /* seconds may only be left out of the T form */
		return s[10] != ' ' && from_wall(wall, tz, ms);
	return parse_tail(s + sizeof(cache->prefix), n - sizeof(cache->prefix), wall, tz, ms);
}

bool
time_of_i64(int64_t v, int64_t *ms)
{
	uint64_t size = v < 0 ? -(uint64_t)v : (uint64_t)v;
	int64_t t, per_ms;

	if (size < 100000000000ULL) {
		t = v * SECOND_MS;
	} else {
		per_ms = size < 100000000000000ULL	? 1
			 : size < 100000000000000000ULL ? 1000
							: 1000000;
		t = v / per_ms - (v % per_ms < 0);
	}
	if (!time_in_bounds(t))
		return false;
	*ms = t;
	return true;
}

static int64_t
floor_f64(double v)
{
	int64_t i = (int64_t)v;

	return i - ((double)i > v);
}

bool
time_of_f64(double v, int64_t *ms)
{
	double size = v < 0 ? -v : v, scaled, gap;
	int64_t t;

	if (!(size < 1e21)) /* NaN too */
		return false;
	if (size >= 1e11 && size < 9e18)
		return time_of_i64(floor_f64(v), ms);
	if (size < 1e11) {
		/* 1704448800.123 is not exact in binary; what is a whole ms but for the last bit
		 * must not be floored to the ms before. */
		scaled = v * 1000;
		t = floor_f64(scaled);
		gap = (double)(t + 1) - scaled;
		if (gap <= size * 1000 * 4.5e-16)
			t++;
	} else {
		t = floor_f64(v / 1e6);
	}
	if (!time_in_bounds(t))
		return false;
	*ms = t;
	return true;
}

static inline char *
put2(char *out, unsigned v)
{
	memcpy(out, two_digits + 2 * v, 2);
	return out + 2;
}

size_t
time_print(int64_t ms, char *out)
{
	char *p = out;
	struct date d;
	uint32_t rest, sec;

	if (!time_in_bounds(ms))
		return num_print_i64(ms, out);
	d = date_of_days(split_days(ms, &rest));
	p = put2(put2(p, d.year / 100), d.year % 100);
	*p++ = '-';
	p = put2(p, d.mon);
	*p++ = '-';
	p = put2(p, d.day);
	*p++ = 'T';
	sec = rest / SECOND_MS;
	rest %= SECOND_MS;
	p = put2(p, sec / 3600);
	*p++ = ':';
	p = put2(p, sec / 60 % 60);
	*p++ = ':';
	p = put2(p, sec % 60);
	if (rest != 0) {
		*p++ = '.';
		*p++ = (char)('0' + rest / 100);
		p = put2(p, rest % 100);
	}
	*p++ = 'Z';
	return (size_t)(p - out);
}
