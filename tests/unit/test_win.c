/* test_win: the arithmetic of windows (C7, C8) and the words that name them. */
#include "win/win_internal.h"

#include "t.h"

T(C7_window_start)
{
	static const struct {
		int64_t ts, off, size, start;
	} in[] = {
		{ -1, 0, 10, -10 },
		{ -10, 0, 10, -10 },
		{ -11, 0, 10, -20 },
		{ 0, -3, 10, -3 },
		{ 0, 0, 10, 0 },
		{ 9, 0, 10, 0 },
		{ 10, 0, 10, 10 },
		{ 0, 3, 10, -7 },
		{ 3, 3, 10, 3 },
		{ 2, 3, 10, -7 },
		{ -7, 3, 10, -7 },
		{ -8, 3, 10, -17 },
		{ 1704448800000, 0, 300000, 1704448800000 },
		{ 1704448799999, 0, 300000, 1704448500000 },
		/* a day of UTC+8 */
		{ 1704448800000, -8 * 3600000LL, 86400000, 1704384000000 },
		/* weeks begin on Thursday, or with 4d on Monday */
		{ 1704448800000, 0, 7 * 86400000LL, 1704326400000 },
		{ 1704448800000, 4 * 86400000LL, 7 * 86400000LL, 1704067200000 },
	};

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		T_INT(floor_to(in[i].ts, in[i].off, in[i].size), in[i].start);
}

T(C7_a_window_holds_its_time_and_begins_on_the_grid)
{
	for (int64_t size = 1; size < 12; size++) {
		for (int64_t off = -size + 1; off < size; off++) {
			for (int64_t ts = -40; ts <= 40; ts++) {
				int64_t s = floor_to(ts, off, size);

				if (s > ts || ts >= s + size || (s - off) % size != 0)
					T_FAIL("ts %d off %d size %d: %d", (int)ts, (int)off,
					       (int)size, (int)s);
			}
		}
	}
}

T(C9_offsets_that_are_equal_modulo_the_size_are_equal)
{
	for (int64_t ts = -100; ts < 100; ts++) {
		T_INT(floor_to(ts, -16, 10), floor_to(ts, 4, 10));
		T_INT(floor_to(ts, -6, 10), floor_to(ts, 4, 10));
	}
}

T(C3_additions_stay_within_bounds)
{
	T_INT(sat_add(1, 2), 3);
	T_INT(sat_add(INT64_MAX, 1), INT64_MAX);
	T_INT(sat_add(INT64_MAX - 5, 5), INT64_MAX);
	T_INT(sat_add(INT64_MIN, -1), INT64_MIN);
	T_INT(sat_add(INT64_MAX, INT64_MIN), -1);
}

/* The kind of `words`, split at blanks, or the error. */
static int
parse(struct win_spec *s, const char *words)
{
	char text[100], *argv[8], *save;
	int argc = 0;

	strcpy(text, words);
	for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return win_parse_kind(s, argc, argv);
}

T(words_name_a_kind_with_its_sizes)
{
	static const struct {
		const char *words;
		enum win_kind kind;
		int64_t size, slide;
	} in[] = {
		{ "tumble 5m", WIN_TUMBLE, 300000, 300000 },
		{ "slide 10m/1m", WIN_SLIDE, 600000, 60000 },
		{ "slide 1m/10m", WIN_SLIDE, 60000, 600000 },
		{ "session 30m", WIN_SESSION, 1800000, 0 },
		{ "cumulate 1d/1h", WIN_CUMULATE, 86400000, 3600000 },
		{ "count 100", WIN_COUNT, 100, 0 },
		{ "count 100/10", WIN_COUNT, 100, 10 },
		{ "global", WIN_GLOBAL, 0, 0 },
		{ "running", WIN_RUNNING, 0, 0 },
		{ "first", WIN_FIRST, 0, 0 },
		{ "last", WIN_LAST, 0, 0 },
		{ "top 3:.v", WIN_TOP, 3, 0 },
	};

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct win_spec s = WIN_SPEC_INIT;

		T_INT(parse(&s, in[i].words), 0);
		T_INT(s.kind, in[i].kind);
		T_INT(s.size, in[i].size);
		T_INT(s.slide, in[i].slide);
	}
}

T(words_that_are_no_window_are_usage_errors)
{
	static const struct {
		const char *words, *says;
	} in[] = {
		{ "", "which windows" },
		{ "tumbel 5m", "did you mean tumble" },
		{ "tumble", "needs" },
		{ "tumble 5", "unit" },
		{ "tumble 0s", "above 0" },
		{ "tumble -5m", "above 0" },
		{ "tumble 5m/1m", "slide" },
		{ "tumble 5m 1m", "too many" },
		{ "slide 5m", "step" },
		{ "slide 5m/0s", "step" },
		{ "slide 100000d/1ms", "size/slide" },
		{ "cumulate 1h/7m", "multiple" },
		{ "count 0", "records" },
		{ "count x", "records" },
		{ "session 0s", "above 0" },
		{ "global 5m", "too many" },
	};

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct win_spec s = WIN_SPEC_INIT;

		T_INT(parse(&s, in[i].words), FERR_USAGE);
		if (strstr(ferr_text(), in[i].says) == NULL)
			T_FAIL("'%s': no '%s' in '%s'", in[i].words, in[i].says, ferr_text());
	}
}

T(C8_slide_has_at_most_ten_million_windows_a_record)
{
	struct win_spec s = WIN_SPEC_INIT;

	T_INT(parse(&s, "slide 10000s/1ms"), 0);
	T_INT(parse(&s, "slide 10001s/1ms"), FERR_USAGE);
}

T(C7_the_offset_is_shorter_than_the_size_or_the_slide)
{
	static const struct {
		const char *words;
		int64_t off;
		int rc;
	} in[] = {
		{ "tumble 10s", 9999, 0 },	     { "tumble 10s", -9999, 0 },
		{ "tumble 10s", 10000, FERR_USAGE }, { "tumble 10s", -10000, FERR_USAGE },
		{ "slide 10s/5s", 4999, 0 },	     { "slide 10s/5s", 5000, FERR_USAGE },
		{ "session 10s", 1, FERR_USAGE },
	};

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		struct win_spec s = WIN_SPEC_INIT;

		s.offset = in[i].off;
		T_INT(parse(&s, in[i].words), in[i].rc);
	}
}

/* In the order of val_cmp. */
static const struct val worth[] = {
	{ .t = VAL_BOOL, .i = 0 },
	{ .t = VAL_BOOL, .i = 1 },
	{ .t = VAL_F64, .f = -1e308 },
	{ .t = VAL_I64, .i = INT64_MIN },
	{ .t = VAL_I64, .i = INT64_MIN + 1 },
	{ .t = VAL_F64, .f = -1.5 },
	{ .t = VAL_I64, .i = -1 },
	{ .t = VAL_F64, .f = -5e-324 },
	{ .t = VAL_F64, .f = -0.0 },
	{ .t = VAL_I64, .i = 0 },
	{ .t = VAL_F64, .f = 0.0 },
	{ .t = VAL_F64, .f = 5e-324 },
	{ .t = VAL_I64, .i = 1 },
	{ .t = VAL_F64, .f = 1.0 },
	{ .t = VAL_F64, .f = 9007199254740992.0 },
	{ .t = VAL_I64, .i = 9007199254740993 },
	{ .t = VAL_I64, .i = INT64_MAX },
	{ .t = VAL_F64, .f = 9223372036854775808.0 },
	{ .t = VAL_F64, .f = 1e308 },
	{ .t = VAL_TIME, .i = INT64_MIN },
	{ .t = VAL_TIME, .i = -1 },
	{ .t = VAL_TIME, .i = 0 },
	{ .t = VAL_TIME, .i = INT64_MAX },
	{ .t = VAL_STR, .n = 0, .s = "" },
	{ .t = VAL_STR, .n = 1, .s = "\0" },
	{ .t = VAL_STR, .n = 1, .s = "a" },
	{ .t = VAL_BYTES, .n = 2, .s = "a\0" },
	{ .t = VAL_STR, .n = 8, .s = "abcdefgh" },
	{ .t = VAL_STR, .n = 8, .s = "abcdefgi" },
	{ .t = VAL_STR, .n = 9, .s = "abcdefgi0" },
	{ .t = VAL_STR, .n = 2, .s = "\xff\xff" },
	{ .t = VAL_JSON, .n = 2, .s = "[]" },
	{ .t = VAL_JSON, .n = 2, .s = "{}" },
};

T(images_order_as_values_do_or_are_equal)
{
	size_t n = sizeof(worth) / sizeof(worth[0]);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			int c = val_cmp(&worth[i], &worth[j]);
			uint64_t a = win_image(&worth[i]), b = win_image(&worth[j]);

			if (c == 0 ? a != b : c < 0 ? a > b : a < b)
				T_FAIL("values %zu and %zu: %d", i, j, c);
		}
	}
}

T_MAIN
