/* Durations, sizes and whole numbers as people write them. */
#include "t.h"

#include "base/err.h"
#include "base/unit.h"

static void
good(const char *s, int64_t want)
{
	int64_t ms = -77;

	if (unit_duration(s, strlen(s), &ms) != 0 || ms != want)
		T_FAIL("'%s' is %" PRId64 ", not %" PRId64 " (%s)", s, ms, want, ferr_text());
}

static void
bad(const char *s, const char *why)
{
	int64_t ms = -77;

	T_INT(unit_duration(s, strlen(s), &ms), FERR_USAGE);
	T_INT(ms, -77);
	if (strstr(ferr_text(), why) == NULL)
		T_FAIL("'%s' gives '%s', not '%s'", s, ferr_text(), why);
}

T(durations_are_read)
{
	good("250ms", 250);
	good("5s", 5000);
	good("5m", 300000);
	good("1h30m", 5400000);
	good("7d", 604800000);
	good("1d2h3m4s5ms", 93784005);
	good("1.5s", 1500);
	good("0.001s", 1);
	good("1.5h", 5400000);
	good("2m0.25s", 120250);
	good("90m", 5400000);
	good("-8h", -28800000);
	good("-1h30m", -5400000);
	good("0", 0);
	good("-0", 0);
	good("0s", 0);
	good("106751991167d", 9223372036828800000);
	T_INT(unit_duration("5sXXX", 2, &(int64_t){ 0 }), 0);
}

T(wrong_durations_teach)
{
	bad("5", "\"5\" needs a unit: 5s, 5m");
	bad("-5", "needs a unit: -5s, -5m");
	bad("1.5", "needs a unit");
	bad("00", "needs a unit");
	bad("", "\"\" is not a duration; write it like");
	bad("-", "is not a duration");
	bad("five", "is not a duration");
	bad("+5s", "is not a duration");
	bad("5 s", "not a unit");
	bad("5s ", "is not a duration");
	bad(".5s", "is not a duration");
	bad("5.s", "not a unit");
	bad("1e3s", "not a unit");
	bad("5min", "'min' is not a unit of time; use ms, s, m, h or d");
	bad("5M", "'M' is not a unit");
	bad("1h30", "the last number needs a unit too");
	bad("30m1h", "the larger unit comes first");
	bad("1h1h", "the larger unit comes first");
	bad("0.5ms", "whole number of milliseconds");
	bad("106751991168d", "too long");
	bad("99999999999999999999d", "is not a duration");
	bad("18446744073709551615d", "milliseconds");
}

T(sizes_are_read)
{
	static const struct {
		const char *s;
		uint64_t want;
	} sizes[] = { { "64KiB", 65536 },
		      { "10MB", 10000000 },
		      { "1B", 1 },
		      { "1KB", 1000 },
		      { "2GB", 2000000000 },
		      { "3TB", 3000000000000 },
		      { "1MiB", 1 << 20 },
		      { "1GiB", 1 << 30 },
		      { "1TiB", 1ULL << 40 },
		      { "1.5GiB", 3ULL << 29 },
		      { "0", 0 },
		      { "0B", 0 },
		      { "16777215TiB", 16777215ULL << 40 } };
	uint64_t n;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		n = 77;
		if (unit_size(sizes[i].s, &n) != 0 || n != sizes[i].want)
			T_FAIL("'%s' is %" PRIu64 " (%s)", sizes[i].s, n, ferr_text());
	}
}

T(wrong_sizes_teach)
{
	static const struct {
		const char *s, *why;
	} wrong[] = { { "64", "\"64\" needs a unit: 64MiB, 64MB" },
		      { "10mb", "did you mean 10MB?" },
		      { "10kib", "did you mean 10KiB?" },
		      { "", "is not a size; write it like" },
		      { "-1MB", "is not a size" },
		      { "1XB", "" },
		      { "1 MB", "is not a size" },
		      { "1M", "is not a size" },
		      { "0.5B", "whole number of bytes" },
		      { "16777216TiB", "whole number of bytes" } };
	uint64_t n = 77;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		T_INT(unit_size(wrong[i].s, &n), FERR_USAGE);
		if (strstr(ferr_text(), wrong[i].why) == NULL)
			T_FAIL("'%s' gives '%s'", wrong[i].s, ferr_text());
	}
	T_INT(n, 77);
}

T(whole_numbers_are_bounded)
{
	int64_t v = -77;

	T_INT(unit_int("12", "--limit", 1, 100, &v), 0);
	T_INT(v, 12);
	T_INT(unit_int("-3", "--shift", -5, 5, &v), 0);
	T_INT(v, -3);
	T_INT(unit_int("9223372036854775807", "--limit", 0, INT64_MAX, &v), 0);
	T_INT(v, INT64_MAX);
	T_INT(unit_int("-9223372036854775808", "--limit", INT64_MIN, INT64_MAX, &v), 0);
	T_INT(v, INT64_MIN);
	v = -77;
	T_INT(unit_int("101", "--limit", 1, 100, &v), FERR_USAGE);
	T_STR(ferr_text(), "--limit must be a whole number from 1 to 100, not \"101\"");
	T_INT(unit_int("0", "--limit", 1, INT64_MAX, &v), FERR_USAGE);
	T_STR(ferr_text(), "--limit must be a whole number, at least 1, not \"0\"");
	T_INT(unit_int("9223372036854775808", "--limit", 0, INT64_MAX, &v), FERR_USAGE);
	T_INT(unit_int("", "--limit", 0, 9, &v), FERR_USAGE);
	T_INT(unit_int("-", "--limit", -9, 9, &v), FERR_USAGE);
	T_INT(unit_int("1x", "--limit", 0, 9, &v), FERR_USAGE);
	T_INT(unit_int("+1", "--limit", 0, 9, &v), FERR_USAGE);
	T_INT(unit_int("1.0", "--limit", 0, 9, &v), FERR_USAGE);
	T_INT(v, -77);
}

T(durations_print_short_and_exact)
{
	static const int64_t some[] = { 1,	   999,	     1000,	     1500,     59999,
					60000,	   60250,    3600000,	     86399999, 86400000,
					604800000, 93784005, 123456789012345 };
	char out[48];
	int64_t ms;

	T_STR(unit_print_duration(90000, out), "1m30s");
	T_STR(unit_print_duration(0, out), "0s");
	T_STR(unit_print_duration(250, out), "250ms");
	T_STR(unit_print_duration(1500, out), "1.5s");
	T_STR(unit_print_duration(1005, out), "1.005s");
	T_STR(unit_print_duration(60250, out), "1m250ms");
	T_STR(unit_print_duration(5400000, out), "1h30m");
	T_STR(unit_print_duration(604800000, out), "7d");
	T_STR(unit_print_duration(-28800000, out), "-8h");
	T_STR(unit_print_duration(INT64_MIN, out), "-106751991167d7h12m55.808s");
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		for (int sign = -1; sign <= 1; sign += 2) {
			unit_print_duration(sign * some[i], out);
			T_INT(unit_duration(out, strlen(out), &ms), 0);
			T_INT(ms, sign * some[i]);
		}
}

T_MAIN
