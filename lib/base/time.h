/*
 * time -- event time and the calendar.  Pure: no clock, no environment, no libc zone.
 *
 * Units   time is int64 ms since 1970-01-01T00:00:00Z, proleptic Gregorian, no leap seconds.
 *         Years 0000..9999 can be read and printed; TIME_MIN_MS..TIME_MAX_MS bounds them.
 * Errors  functions that read return bytes used (0: not a time), or bool.
 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_MIN_MS (-62167219200000LL) /* 0000-01-01T00:00:00Z */
#define TIME_MAX_MS 253402300799999LL	/* 9999-12-31T23:59:59.999Z */

/* An IANA zone, made from the bytes of a TZif file. */
struct tz;
int tz_new(struct tz **out, const uint8_t *tzif, size_t n); /* FERR_CORRUPT, FERR_NOMEM */
void tz_free(struct tz *z);

/* Offset from UTC in ms that holds at a moment; tz NULL is UTC. */
int64_t tz_offset(const struct tz *z, int64_t utc_ms);
/* Local wall time in ms (as if UTC) to UTC.  A time that does not exist is taken with the offset
 * before the gap, one that is there twice is the first. */
int64_t tz_to_utc(const struct tz *z, int64_t local_ms);
/*
 * The moment at which the wall clock reaches local_ms as the edge of a window: the first time, or
 * the last when it is there twice; a wall time that does not exist is reached when the clock jumps
 * over it.  Edges of growing wall times never go back, so windows between edges part the time
 * without gaps.
 */
int64_t tz_edge(const struct tz *z, int64_t local_ms, bool last);
static inline int64_t
tz_to_local(const struct tz *z, int64_t utc_ms)
{
	return utc_ms + tz_offset(z, utc_ms);
}

struct civil {
	int year;		/* 0..9999 */
	int mon, day;		/* 1.. */
	int hour, min, sec, ms; /* 0.. */
	int wday;		/* 0 = Sunday */
	int yday;		/* 0.. */
};
void time_civil(int64_t ms, struct civil *out); /* any int64 within the bounds */
int64_t time_of_civil(const struct civil *c);	/* from year..ms */

/*
 * Read a time: RFC 3339 (T or blank between, fraction of any length floored to ms, Z or offset),
 * `YYYY-MM-DD HH:MM:SS[.fff]`, `YYYY-MM-DDTHH:MM[:SS]`, or `YYYY-MM-DD` alone.  Without zone the
 * wall time is of tz (NULL: UTC).  All of s[0..n) must be used.  Second 60 is refused.  The cache
 * makes consecutive times cheap (same date prefix); it may be NULL, else zeroed once by the caller.
 */
struct time_cache {
	char prefix[16];
	int64_t base;
	bool valid;
};
bool time_parse(const char *s, size_t n, const struct tz *tz, struct time_cache *cache,
		int64_t *ms);

/* Is fmt a format that time_strptime knows?  (for refusing it at the start) */
bool time_format_ok(const char *fmt);
/* strptime with %Y %m %d %H %M %S %f (fraction) %y %j %b %B %a %A %p %I %e %T %D %F %R %z %Z(UTC,
 * GMT, Z) %s %% %n %t. */
bool time_strptime(const char *s, size_t n, const char *fmt, const struct tz *tz, int64_t *ms);

/* A bare number as a time, by magnitude: s < 1e11 <= ms < 1e14 <= us < 1e17 <= ns, floored to ms.
 */
bool time_of_i64(int64_t v, int64_t *ms);
bool time_of_f64(double v, int64_t *ms);

#define TIME_PRINT_MAX 32
/* RFC 3339 UTC with Z, milliseconds only when not zero.  Returns the length; outside of the years
 * 0..9999 prints the plain ms. */
size_t time_print(int64_t ms, char *out);

/* strftime in UTC, English names; conversions as in time_strptime, and %L (ms), %u %w %G %V %U; %f
 * has six digits.  Appends to out[0..cap), returns the length or -1 (unknown conversion, too long,
 * year out of bounds). */
int time_strftime(int64_t ms, const char *fmt, size_t fmtlen, char *out, size_t cap);

#endif
