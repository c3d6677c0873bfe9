/* time_internal -- what time.c, timefmt.c and tz.c share. */
#ifndef BASE_TIME_INTERNAL_H
#define BASE_TIME_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define SECOND_MS 1000LL
#define MINUTE_MS 60000LL
#define HOUR_MS 3600000LL
#define DAY_MS 86400000LL

static inline bool
time_in_bounds(int64_t ms)
{
	return ms >= TIME_MIN_MS && ms <= TIME_MAX_MS;
}

static inline bool
time_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days of a month; mon is 1..12. */
unsigned time_month_days(unsigned year, unsigned mon);

/* Days since 1970-01-01 of a valid date. */
int64_t time_days(unsigned year, unsigned mon, unsigned day);

/* Read `Z`, `z`, `+hh:mm`, `-hh:mm` or `+hhmm` at the head of s[0..n): bytes used, 0 if there is
 * none. */
size_t time_scan_zone(const char *s, size_t n, int64_t *offset_ms);

#endif
