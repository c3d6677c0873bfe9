/* The calendar, times as text, formats and zones. */
#include "t.h"

#include "base/err.h"
#include "base/time.h"

static int64_t
parse(const char *s, const struct tz *tz)
{
	int64_t ms;

	return time_parse(s, strlen(s), tz, NULL, &ms) ? ms : INT64_MIN;
}

#define T_PARSE(s, ms) T_INT(parse(s, NULL), ms)
#define T_REFUSED(s) T_INT(parse(s, NULL), INT64_MIN)

T(rfc3339_is_read)
{
	T_PARSE("1970-01-01T00:00:00Z", 0);
	T_PARSE("2024-01-05T10:00:00Z", 1704448800000);
	T_PARSE("2024-01-05t10:00:00z", 1704448800000);
	T_PARSE("2024-01-05 10:00:00Z", 1704448800000);
	T_PARSE("2024-01-05T10:00:00.5Z", 1704448800500);
	T_PARSE("2024-01-05T10:00:00.123Z", 1704448800123);
	T_PARSE("2024-01-05T10:00:00.123456789012345Z", 1704448800123);
	T_PARSE("2024-01-05T10:00:00.9999Z", 1704448800999);
	T_PARSE("2024-01-05T12:00:00+02:00", 1704448800000);
	T_PARSE("2024-01-05T12:00:00+0200", 1704448800000);
	T_PARSE("2024-01-05T02:30:00-07:30", 1704448800000);
	T_PARSE("2024-01-05T10:00:00-00:00", 1704448800000);
	T_PARSE("2024-01-05T12:00:00.250+02:00", 1704448800250);
	T_PARSE("2024-02-29T23:59:59.999Z", 1709251199999);
	T_PARSE("2000-02-29T00:00:00Z", 951782400000);
	T_PARSE("0000-01-01T00:00:00Z", TIME_MIN_MS);
	T_PARSE("0000-02-29T00:00:00Z", TIME_MIN_MS + 59 * 86400000LL);
	T_PARSE("9999-12-31T23:59:59.999Z", TIME_MAX_MS);
}

T(times_without_zone_are_read)
{
	T_PARSE("2024-01-05 10:00:00", 1704448800000);
	T_PARSE("2024-01-05 10:00:00.25", 1704448800250);
	T_PARSE("2024-01-05T10:00:00", 1704448800000);
	T_PARSE("2024-01-05T10:00:00.123", 1704448800123);
	T_PARSE("2024-01-05T10:00", 1704448800000);
	T_PARSE("2024-01-05", 1704412800000);
}

T(what_is_no_time_is_refused)
{
	static const char *const bad[] = { "",
					   "2024",
					   "2024-01",
					   "2024-1-5",
					   "2024-01-05T",
					   "2024-01-05T10",
					   "2024-01-05T10:0",
					   "2024-01-05 10:00",
					   "2024-01-05T10:00Z",
					   "2024-01-05T10:00:",
					   "2024-01-05T10:00:0",
					   "2024-01-05T10:00:60Z",
					   "2024-01-05T10:00:00.Z",
					   "2024-01-05T10:00:00.",
					   "2024-01-05T10:00:00,5Z",
					   "2024-01-05T24:00:00Z",
					   "2024-01-05T10:60:00Z",
					   "2024-00-05T10:00:00Z",
					   "2024-13-05T10:00:00Z",
					   "2024-01-00T10:00:00Z",
					   "2024-01-32T10:00:00Z",
					   "2023-02-29T10:00:00Z",
					   "1900-02-29",
					   "2024-04-31",
					   "10000-01-01T00:00:00Z",
					   "2024-01-05T10:00:00+2:00",
					   "2024-01-05T10:00:00+02",
					   "2024-01-05T10:00:00+24:00",
					   "2024-01-05T10:00:00+02:60",
					   "2024-01-05T10:00:00+02:0",
					   "2024-01-05T10:00:00ZZ",
					   "2024-01-05T10:00:00 Z",
					   "2024-01-05T10:00:00Z ",
					   " 2024-01-05T10:00:00Z",
					   "2024/01/05T10:00:00Z",
					   "2024-01-05X10:00:00Z",
					   "+024-01-05",
					   "2024-01-05T10:00:00.12x4Z",
					   "2024-01-05T10:00:00.12:Z",
					   "2024-01-05T10:00:0/.123Z",
					   "2024-01-05T10:00:60.123Z",
					   "2024-01-05T10:00:00.123z0",
					   "2024-01-05T10:00:\3770.123Z",
					   "0000-01-01T00:00:00+00:01",
					   "9999-12-31T23:59:59-00:01" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i], NULL) != INT64_MIN)
			T_FAIL("'%s' was read", bad[i]);
	T_OK(!time_parse("2024-01-05T10:00:00Z", 19 - 1, NULL, NULL, &(int64_t){ 0 }));
}

T(the_cache_changes_nothing)
{
	struct time_cache cache = { 0 };
	static const char *const text[] = { "2024-01-05T10:00:00Z",	 "2024-01-05T10:00:59.999Z",
					    "2024-01-05T10:01:00Z",	 "2024-01-05T10:01:60Z",
					    "2024-01-05T10:01:07+01:00", "2024-01-05 10:01:07",
					    "2024-13-05T10:01:07Z",	 "2024-13-05T10:01:07Z",
					    "2024-01-05T10:01",		 "2024-01-05",
					    "2024-01-05T10:01:08.5Z" };
	int64_t with, without;
	bool ok;

	T_OK(!time_parse("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0:00Z", 20, NULL, &cache, &with));
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		ok = time_parse(text[i], strlen(text[i]), NULL, NULL, &without);
		T_INT(time_parse(text[i], strlen(text[i]), NULL, &cache, &with), ok);
		if (ok)
			T_INT(with, without);
	}
}

static const char *
print(int64_t ms)
{
	static char out[TIME_PRINT_MAX + 1];

	out[time_print(ms, out)] = '\0';
	return out;
}

T(times_print_as_rfc3339)
{
	T_STR(print(0), "1970-01-01T00:00:00Z");
	T_STR(print(1704448800123), "2024-01-05T10:00:00.123Z");
	T_STR(print(1704448800100), "2024-01-05T10:00:00.100Z");
	T_STR(print(1704448800007), "2024-01-05T10:00:00.007Z");
	T_STR(print(-1), "1969-12-31T23:59:59.999Z");
	T_STR(print(TIME_MIN_MS), "0000-01-01T00:00:00Z");
	T_STR(print(TIME_MAX_MS), "9999-12-31T23:59:59.999Z");
	T_STR(print(TIME_MAX_MS + 1), "253402300800000");
	T_STR(print(TIME_MIN_MS - 1), "-62167219200001");
	T_STR(print(INT64_MIN), "-9223372036854775808");
}

T(every_day_goes_there_and_back)
{
	struct civil c;
	int64_t got;
	int wday = 6; /* 0000-01-01 was a Saturday */

	for (int64_t ms = TIME_MIN_MS; ms <= TIME_MAX_MS; ms += 86400000, wday = (wday + 1) % 7) {
		const char *s = print(ms + 86399999);

		time_civil(ms, &c);
		if (time_of_civil(&c) != ms || c.wday != wday || c.yday > 365 || c.hour != 0)
			T_FAIL("%s: civil", s);
		if (!time_parse(s, strlen(s), NULL, NULL, &got) || got != ms + 86399999)
			T_FAIL("%s is read as %" PRId64, s, got);
		if (t_bad > 10)
			return;
	}
}

T(civil_has_all_parts)
{
	struct civil c;

	time_civil(1709251199007, &c);
	T_INT(c.year, 2024);
	T_INT(c.mon, 2);
	T_INT(c.day, 29);
	T_INT(c.hour, 23);
	T_INT(c.min, 59);
	T_INT(c.sec, 59);
	T_INT(c.ms, 7);
	T_INT(c.wday, 4);
	T_INT(c.yday, 59);
	time_civil(1735603200000, &c); /* 2024-12-31 */
	T_INT(c.yday, 365);
}

static int64_t
of_i64(int64_t v)
{
	int64_t ms;

	return time_of_i64(v, &ms) ? ms : INT64_MIN;
}

static int64_t
of_f64(double v)
{
	int64_t ms;

	return time_of_f64(v, &ms) ? ms : INT64_MIN;
}

T(numbers_are_times_by_magnitude)
{
	T_INT(of_i64(1704448800), 1704448800000);
	T_INT(of_i64(1704448800123), 1704448800123);
	T_INT(of_i64(1704448800123999), 1704448800123);
	T_INT(of_i64(1704448800123999999), 1704448800123);
	T_INT(of_i64(99999999999), 99999999999000);
	T_INT(of_i64(100000000000), 100000000000);
	T_INT(of_i64(99999999999999), 99999999999999);
	T_INT(of_i64(100000000000000), 100000000000);
	T_INT(of_i64(99999999999999999), 99999999999999);
	T_INT(of_i64(100000000000000000), 100000000000);
	T_INT(of_i64(-1), -1000);
	T_INT(of_i64(-1704448800123999), -1704448800124);
	T_INT(of_i64(-99999999999), INT64_MIN);
	T_INT(of_i64(INT64_MAX), 9223372036854);
	T_INT(of_i64(INT64_MIN), -9223372036855);
	T_INT(of_f64(1704448800.0), 1704448800000);
	T_INT(of_f64(1704448800.1239), 1704448800123);
	T_INT(of_f64(-0.0015), -2);
	T_INT(of_f64(1704448800123.9), 1704448800123);
	T_INT(of_f64(1704448800123456.0), 1704448800123);
	T_INT(of_f64(1e19), 10000000000000);
	T_INT(of_f64(1e21), INT64_MIN);
	T_INT(of_f64(0.0 / 0.0), INT64_MIN);
	T_INT(of_f64(1.0 / 0.0), INT64_MIN);
}

T(seconds_with_milliseconds_are_exact)
{
	for (int64_t ms = 1704448800000; ms < 1704448800000 + 5000; ms++) {
		char text[32];

		snprintf(text, sizeof(text), "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
		T_INT(of_f64(strtod(text, NULL)), ms);
	}
}

static int64_t
scan(const char *s, const char *fmt)
{
	int64_t ms;

	return time_strptime(s, strlen(s), fmt, NULL, &ms) ? ms : INT64_MIN;
}

T(strptime_reads_formats)
{
	T_INT(scan("2024-01-05 10:00:00", "%Y-%m-%d %H:%M:%S"), 1704448800000);
	T_INT(scan("20240105100000", "%Y%m%d%H%M%S"), 1704448800000);
	T_INT(scan("05/Jan/2024:12:00:00 +0200", "%d/%b/%Y:%H:%M:%S %z"), 1704448800000);
	T_INT(scan("05/Jan/2024:12:00:00 +02:00", "%d/%b/%Y:%T %z"), 1704448800000);
	T_INT(scan("Friday, 5 january 24, 10:00 am", "%A, %d %B %y, %I:%M %p"), 1704448800000);
	T_INT(scan("fri Jan  5 10:00:00 UTC 2024", "%a %b %e %H:%M:%S %Z %Y"), 1704448800000);
	T_INT(scan("12:30 PM", "%I:%M %p"), 45000000);
	T_INT(scan("12:30 AM", "%I:%M %p"), 1800000);
	T_INT(scan("2024 060", "%Y %j"), 1709164800000);
	T_INT(scan("2024-01-05T10:00:00.123456Z", "%FT%T.%f%z"), 1704448800123);
	T_INT(scan("01/05/24 10:00", "%D %R"), 1704448800000);
	T_INT(scan("1704448800.5", "%s.%f"), 1704448800500);
	T_INT(scan("100% 1970", "100%% %Y"), 0);
	T_INT(scan("1970 \t 1", "%Y%n%m"), 0);
	T_INT(scan("31.12.69", "%d.%m.%y"), -86400000);
	T_INT(scan("31.12.68", "%d.%m.%y"), 3124137600000);
}

T(strptime_refuses_what_does_not_fit)
{
	T_INT(scan("2024-01-05", "%Y-%m-%d %H"), INT64_MIN);
	T_INT(scan("2024-01-05 ", "%Y-%m-%d"), INT64_MIN);
	T_INT(scan("2023-02-29", "%Y-%m-%d"), INT64_MIN);
	T_INT(scan("2023 366", "%Y %j"), INT64_MIN);
	T_INT(scan("10:60", "%H:%M"), INT64_MIN);
	T_INT(scan("10:00:60", "%T"), INT64_MIN);
	T_INT(scan("13 PM", "%I %p"), INT64_MIN);
	T_INT(scan("CET", "%Z"), INT64_MIN);
	T_INT(scan("Foo", "%b"), INT64_MIN);
	T_INT(scan("", "%Y"), INT64_MIN);
	T_INT(scan("9999-12-31 23:00 -0200", "%F %R %z"), INT64_MIN);
}

T(unknown_formats_are_seen_at_once)
{
	T_OK(time_format_ok("%Y-%m-%dT%H:%M:%S.%f%z"));
	T_OK(!time_format_ok("%Q"));
	T_OK(!time_format_ok("%Y %"));
	T_OK(!time_format_ok("plain"));
	T_OK(!time_format_ok(""));
}

static const char *
format(int64_t ms, const char *fmt)
{
	static char out[129];
	int n = time_strftime(ms, fmt, strlen(fmt), out, sizeof(out) - 1);

	if (n < 0)
		return "refused";
	out[n] = '\0';
	return out;
}

T(strftime_prints)
{
	int64_t ms = 1704448800007; /* Friday 2024-01-05T10:00:00.007Z */

	T_STR(format(ms, "%Y-%m-%d %H:%M:%S.%L"), "2024-01-05 10:00:00.007");
	T_STR(format(ms, "%F %T.%f"), "2024-01-05 10:00:00.007000");
	T_STR(format(ms, "%a %A %b %B %e|%y|%j"), "Fri Friday Jan January  5|24|005");
	T_STR(format(ms, "%I %p %u %w %G-W%V %U"), "10 AM 5 5 2024-W01 00");
	T_STR(format(ms, "%D %R %z %Z %s %%%n%t"), "01/05/24 10:00 +0000 UTC 1704448800 %\n\t");
	T_STR(format(0, "%I%p"), "12AM");
	T_STR(format(-1, "%s"), "-1");
	T_STR(format(TIME_MIN_MS, "%Y"), "0000");
	T_STR(format(1609459200000, "%G-W%V"), "2020-W53"); /* 2021-01-01 */
	T_STR(format(1735603200000, "%G-W%V"), "2025-W01"); /* 2024-12-31 */
	T_STR(format(ms, ""), "");
	T_STR(format(ms, "%Q"), "refused");
	T_STR(format(ms, "%"), "refused");
	T_STR(format(TIME_MAX_MS + 1, "%Y"), "refused");
	T_INT(time_strftime(ms, "%Y", 2, NULL, 0), -1);
}

/* ---- zones ---- */

/* A zone of the system; NULL without its file, and then the test has nothing to say. */
static struct tz *
zone(const char *name)
{
	uint8_t bytes[16384];
	struct tz *z = NULL;
	char path[128];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	if ((f = fopen(path, "rb")) == NULL) {
		printf("# %s is not there\n", path);
		return NULL;
	}
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	T_INT(tz_new(&z, bytes, n), 0);
	return z;
}

/* Made with Python's zoneinfo. */
static const struct {
	const char *zone, *utc;
	int offset_s;
} offsets[] = {
	{ "America/New_York", "1883-11-18T17:00:00Z", -18000 },
	{ "America/New_York", "1918-07-01T12:00:00Z", -14400 },
	{ "America/New_York", "1942-06-01T00:00:00Z", -14400 },
	{ "America/New_York", "1974-02-01T00:00:00Z", -14400 },
	{ "America/New_York", "2006-04-01T12:00:00Z", -18000 },
	{ "America/New_York", "2024-03-10T06:59:59Z", -18000 },
	{ "America/New_York", "2024-03-10T07:00:00Z", -14400 },
	{ "America/New_York", "2024-11-03T05:59:59Z", -14400 },
	{ "America/New_York", "2024-11-03T06:00:00Z", -18000 },
	{ "America/New_York", "2037-12-31T00:00:00Z", -18000 },
	{ "America/New_York", "2038-07-01T00:00:00Z", -14400 },
	{ "America/New_York", "2100-03-14T07:00:00Z", -14400 },
	{ "America/New_York", "2400-02-29T12:00:00Z", -18000 },
	{ "America/New_York", "2500-07-04T00:00:00Z", -14400 },
	{ "America/New_York", "9999-07-01T00:00:00Z", -14400 },
	{ "Europe/Berlin", "1890-01-01T00:00:00Z", 3208 },
	{ "Europe/Berlin", "1945-07-01T00:00:00Z", 10800 },
	{ "Europe/Berlin", "1947-06-01T00:00:00Z", 10800 },
	{ "Europe/Berlin", "1975-07-01T00:00:00Z", 3600 },
	{ "Europe/Berlin", "2024-03-31T00:59:59Z", 3600 },
	{ "Europe/Berlin", "2024-03-31T01:00:00Z", 7200 },
	{ "Europe/Berlin", "2024-10-27T00:59:59Z", 7200 },
	{ "Europe/Berlin", "2024-10-27T01:00:00Z", 3600 },
	{ "Europe/Berlin", "2038-03-28T00:59:59Z", 3600 },
	{ "Europe/Berlin", "2038-03-28T01:00:00Z", 7200 },
	{ "Europe/Berlin", "2101-10-30T01:00:00Z", 3600 },
	{ "Europe/Berlin", "3000-08-01T00:00:00Z", 7200 },
	{ "Australia/Lord_Howe", "1970-01-01T00:00:00Z", 36000 },
	{ "Australia/Lord_Howe", "1982-01-01T00:00:00Z", 41400 },
	{ "Australia/Lord_Howe", "2024-04-06T14:59:59Z", 39600 },
	{ "Australia/Lord_Howe", "2024-04-06T15:00:00Z", 37800 },
	{ "Australia/Lord_Howe", "2024-10-05T15:29:59Z", 37800 },
	{ "Australia/Lord_Howe", "2024-10-05T15:30:00Z", 39600 },
	{ "Australia/Lord_Howe", "2050-01-01T00:00:00Z", 39600 },
	{ "Australia/Lord_Howe", "2050-07-01T00:00:00Z", 37800 },
	{ "Australia/Lord_Howe", "2999-12-31T00:00:00Z", 39600 },
	{ "Asia/Kolkata", "1850-01-01T00:00:00Z", 21208 },
	{ "Asia/Kolkata", "1900-01-01T00:00:00Z", 19270 },
	{ "Asia/Kolkata", "1943-01-01T00:00:00Z", 23400 },
	{ "Asia/Kolkata", "1970-01-01T00:00:00Z", 19800 },
	{ "Asia/Kolkata", "2024-06-01T00:00:00Z", 19800 },
	{ "Asia/Kolkata", "9000-06-01T00:00:00Z", 19800 },
};

static const struct {
	const char *zone, *wall, *utc;
} walls[] = {
	{ "America/New_York", "2024-03-10T01:59:59Z", "2024-03-10T06:59:59Z" },
	{ "America/New_York", "2024-03-10T02:00:00Z", "2024-03-10T07:00:00Z" },
	{ "America/New_York", "2024-03-10T02:30:00Z", "2024-03-10T07:30:00Z" },
	{ "America/New_York", "2024-03-10T03:00:00Z", "2024-03-10T07:00:00Z" },
	{ "America/New_York", "2024-11-03T00:59:59Z", "2024-11-03T04:59:59Z" },
	{ "America/New_York", "2024-11-03T01:00:00Z", "2024-11-03T05:00:00Z" },
	{ "America/New_York", "2024-11-03T01:59:59Z", "2024-11-03T05:59:59Z" },
	{ "America/New_York", "2024-11-03T02:00:00Z", "2024-11-03T07:00:00Z" },
	{ "America/New_York", "2100-03-14T02:30:00Z", "2100-03-14T07:30:00Z" },
	{ "America/New_York", "2700-11-07T01:30:00Z", "2700-11-07T06:30:00Z" },
	{ "Europe/Berlin", "2024-03-31T02:30:00Z", "2024-03-31T01:30:00Z" },
	{ "Europe/Berlin", "2024-10-27T02:00:00Z", "2024-10-27T00:00:00Z" },
	{ "Europe/Berlin", "2024-10-27T02:59:59Z", "2024-10-27T00:59:59Z" },
	{ "Europe/Berlin", "2024-10-27T03:00:00Z", "2024-10-27T02:00:00Z" },
	{ "Europe/Berlin", "2044-10-30T02:30:00Z", "2044-10-30T00:30:00Z" },
	{ "Australia/Lord_Howe", "2024-04-07T01:29:59Z", "2024-04-06T14:29:59Z" },
	{ "Australia/Lord_Howe", "2024-04-07T01:30:00Z", "2024-04-06T14:30:00Z" },
	{ "Australia/Lord_Howe", "2024-04-07T01:59:59Z", "2024-04-06T14:59:59Z" },
	{ "Australia/Lord_Howe", "2024-04-07T02:00:00Z", "2024-04-06T15:30:00Z" },
	{ "Australia/Lord_Howe", "2024-10-06T02:00:00Z", "2024-10-05T15:30:00Z" },
	{ "Australia/Lord_Howe", "2024-10-06T02:15:00Z", "2024-10-05T15:45:00Z" },
	{ "Australia/Lord_Howe", "2024-10-06T02:30:00Z", "2024-10-05T15:30:00Z" },
	{ "Asia/Kolkata", "2024-06-01T00:00:00Z", "2024-05-31T18:30:00Z" },
};

T(offsets_are_those_of_python)
{
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct tz *z = zone(offsets[i].zone);

		if (z != NULL &&
		    tz_offset(z, parse(offsets[i].utc, NULL)) != offsets[i].offset_s * 1000LL)
			T_FAIL("%s %s", offsets[i].zone, offsets[i].utc);
		tz_free(z);
	}
	T_INT(tz_offset(NULL, 0), 0);
}

T(wall_times_are_those_of_python)
{
	for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++) {
		struct tz *z = zone(walls[i].zone);

		if (z != NULL &&
		    tz_to_utc(z, parse(walls[i].wall, NULL)) != parse(walls[i].utc, NULL))
			T_FAIL("%s %s", walls[i].zone, walls[i].wall);
		tz_free(z);
	}
	T_INT(tz_to_utc(NULL, 5), 5);
}

T(a_zone_holds_for_text_without_one)
{
	struct tz *z = zone("Europe/Berlin");
	struct time_cache cache = { 0 };
	int64_t ms;

	if (z == NULL)
		return;
	T_INT(parse("2024-01-05 11:00:00", z), 1704448800000);
	T_INT(parse("2024-01-05T11:00", z), 1704448800000);
	T_INT(parse("2024-01-05", z), 1704412800000 - 3600000);
	T_INT(parse("2024-01-05T10:00:00Z", z), 1704448800000);
	T_INT(parse("2024-01-05T10:00:00.123Z", z), 1704448800123);
	T_INT(parse("2024-01-05T12:00:00+02:00", z), 1704448800000);
	T_OK(time_parse("2024-01-05 11:00:00", 19, z, &cache, &ms));
	T_OK(time_parse("2024-01-05 11:00:01", 19, z, &cache, &ms));
	T_INT(ms, 1704448801000);
	T_OK(time_strptime("5.1.2024 11:00", 14, "%d.%m.%Y %R", z, &ms));
	T_INT(ms, 1704448800000);
	T_OK(time_strptime("1704448800", 10, "%s", z, &ms));
	T_INT(ms, 1704448800000);
	tz_free(z);
}

/* A TZif file of one type and a footer, as newer packages have them. */
static size_t
tzif(uint8_t *out, uint8_t version, int32_t offset_s, const char *footer)
{
	static const uint8_t counts[24] = { [19] = 1, [23] = 4 };
	size_t n = 0;

	for (int block = 0; block < (version == 0 ? 1 : 2); block++) {
		memcpy(out + n, "TZif", 4);
		memset(out + n + 4, 0, 16);
		out[n + 4] = version;
		memcpy(out + n + 20, counts, 24);
		n += 44;
		for (int i = 3; i >= 0; i--)
			out[n++] = (uint8_t)((uint32_t)offset_s >> (8 * i));
		memcpy(out + n, "\0\0XXX", 6);
		n += 6;
	}
	if (version != 0) {
		memcpy(out + n, footer, strlen(footer));
		n += strlen(footer);
	}
	return n;
}

static int64_t
footer_offset(const char *footer, const char *utc)
{
	uint8_t file[256];
	struct tz *z = NULL;
	int64_t off;
	int rc = tz_new(&z, file, tzif(file, '3', 7200, footer));

	if (rc != 0)
		return rc;
	off = tz_offset(z, parse(utc, NULL)) / 1000;
	tz_free(z);
	return off;
}

T(footers_are_understood)
{
	T_INT(footer_offset("\n\n", "2024-01-01"), 7200);
	T_INT(footer_offset("\nIST-5:30\n", "2024-01-01"), 19800);
	T_INT(footer_offset("\n<-0330>3:30:15\n", "2024-01-01"), -12615);
	T_INT(footer_offset("\nEST5EDT,M3.2.0,M11.1.0\n", "0000-01-01"), -18000);
	T_INT(footer_offset("\nEST5EDT,M3.2.0,M11.1.0\n", "2024-03-10T06:59:59Z"), -18000);
	T_INT(footer_offset("\nEST5EDT,M3.2.0,M11.1.0\n", "2024-03-10T07:00:00Z"), -14400);
	T_INT(footer_offset("\n<-02>2<-01>,M3.5.0/-1,M10.5.0/0\n", "2024-03-31T00:59:59Z"), -7200);
	T_INT(footer_offset("\n<-02>2<-01>,M3.5.0/-1,M10.5.0/0\n", "2024-03-31T01:00:00Z"), -3600);
	T_INT(footer_offset("\nIST-2IDT,M3.4.4/26,M10.5.0\n", "2024-03-28T23:59:59Z"), 7200);
	T_INT(footer_offset("\nIST-2IDT,M3.4.4/26,M10.5.0\n", "2024-03-29T00:00:00Z"), 10800);
	T_INT(footer_offset("\nAAA0BBB,J60/0,J61/0\n", "2024-03-01T00:00:00Z"), 3600);
	T_INT(footer_offset("\nAAA0BBB,J60/0,J61/0\n", "2024-02-29T12:00:00Z"), 0);
	T_INT(footer_offset("\nAAA0BBB,59/0,60/0\n", "2024-02-29T12:00:00Z"), 3600);
	/* summer time all the year, written as RFC 9636 has it */
	T_INT(footer_offset("\nXXX3EDT4,0/0,J365/23\n", "2024-12-31T23:59:59Z"), -14400);
	T_INT(footer_offset("\nXXX3EDT4,0/0,J365/23\n", "2025-01-01T03:00:00Z"), -14400);
}

T(damaged_zone_files_are_refused)
{
	uint8_t file[256];
	struct tz *z = NULL;
	size_t n = tzif(file, '2', 3600, "\nXXX-1\n");

	T_INT(tz_new(&z, file, n), 0);
	T_INT(tz_offset(z, 0), 3600000);
	tz_free(z);
	z = NULL;
	for (size_t len = 0; len < n; len++)
		T_INT(tz_new(&z, file, len), FERR_CORRUPT);
	file[44 + 10 + 31] = 1; /* a leap second */
	T_INT(tz_new(&z, file, n), FERR_CORRUPT);
	n = tzif(file, '2', 100 * 3600, "\nXXX-1\n");
	T_INT(tz_new(&z, file, n), FERR_CORRUPT);
	n = tzif(file, 0, -3600, "");
	T_INT(tz_new(&z, file, n), 0);
	T_INT(tz_offset(z, 0), -3600000);
	tz_free(z);
	tz_free(NULL);
	T_INT(footer_offset("\nXX5\n", "2024-01-01"), FERR_CORRUPT);
	T_INT(footer_offset("\nEST5EDT\n", "2024-01-01"), FERR_CORRUPT);
	T_INT(footer_offset("\nEST5EDT,M3.2.0\n", "2024-01-01"), FERR_CORRUPT);
	T_INT(footer_offset("\nEST5EDT,M13.2.0,M11.1.0\n", "2024-01-01"), FERR_CORRUPT);
	T_INT(footer_offset("\nEST5EDT,M3.2.0,M11.1.0x\n", "2024-01-01"), FERR_CORRUPT);
	T_INT(footer_offset("\nEST5EDT,M3.2.0,M11.1.0", "2024-01-01"), FERR_CORRUPT);
}

T_MAIN
