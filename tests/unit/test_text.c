/* UTF-8, base64, the nearest word, quoting. */
#include "t.h"

#include "base/text.h"

static size_t
span(const char *s)
{
	return utf8_span((const uint8_t *)s, strlen(s));
}

T(valid_utf8_is_accepted)
{
	static const char *const good[] = { "",
					    "plain",
					    "\x7f",
					    "\xc2\x80",
					    "\xdf\xbf",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xef\xbf\xbf",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf",
					    "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x90\x9f" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		T_INT(span(good[i]), strlen(good[i]));
	T_OK(utf8_ok((const uint8_t *)"a\0b", 3));
}

T(invalid_utf8_is_found)
{
	static const char *const bad[] = { "\x80",
					   "\xbf",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xc2",
					   "\xc2\x7f",
					   "\xc2\xc0",
					   "\xe0\x9f\xbf",
					   "\xe2\x82",
					   "\xe2\x82\x41",
					   "\xed\xa0\x80",
					   "\xed\xbf\xbf",
					   "\xf0\x8f\xbf\xbf",
					   "\xf0\x90\x80",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\xff",
					   "\xfe" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		T_INT(span(bad[i]), 0);
}

/* The vector path must find a bad byte wherever it stands, and never read beyond n. */
T(the_bad_byte_is_found_at_any_place)
{
	for (size_t n = 0; n <= 150; n++) {
		uint8_t *s = malloc(n + 1);

		if (s == NULL)
			abort();
		memset(s, 'x', n);
		s = realloc(s, n > 0 ? n : 1);
		T_OK(utf8_ok(s, n));
		for (size_t i = 0; i < n; i++) {
			s[i] = 0xff;
			T_INT(utf8_span(s, n), i);
			if (i + 1 < n) {
				s[i] = 0xc3;
				s[i + 1] = 0xa4;
				T_OK(utf8_ok(s, n));
				s[i + 1] = 'x';
			}
			s[i] = 'x';
		}
		free(s);
	}
}

T(code_points_are_counted)
{
	char s[600] = "";
	size_t n;

	T_INT(utf8_count("", 0), 0);
	T_INT(utf8_count("na\xc3\xafve", 6), 5);
	T_INT(utf8_index("na\xc3\xafve", 6, 0), 0);
	T_INT(utf8_index("na\xc3\xafve", 6, 2), 2);
	T_INT(utf8_index("na\xc3\xafve", 6, 3), 4);
	T_INT(utf8_index("na\xc3\xafve", 6, 5), 6);
	T_INT(utf8_index("na\xc3\xafve", 6, 99), 6);
	for (int i = 0; i < 100; i++)
		strcat(s, "a\xe2\x82\xac"
			  "b");
	n = strlen(s);
	T_INT(utf8_count(s, n), 300);
	for (size_t i = 0; i < 300; i++)
		T_INT(utf8_index(s, n, i), i / 3 * 5 + (i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 4));
	T_INT(utf8_index(s, n, 300), n);
	T_INT(utf8_index(s, n, 1000), n);
}

static void
check_base64(const char *plain, const char *coded)
{
	struct buf b = BUF_INIT;

	T_INT(base64_put((const uint8_t *)plain, strlen(plain), &b), 0);
	T_MEM(b.p, b.n, coded, strlen(coded));
	b.n = 0;
	T_INT(base64_get(coded, strlen(coded), &b), 0);
	T_MEM(b.p, b.n, plain, strlen(plain));
	buf_fini(&b);
}

T(base64_goes_there_and_back)
{
	static const char *const bad[] = {
		"A",	    "AA",   "AAA",  "A===", "====", "AA=A", "A=AA",
		"QQ==QQ==", "QR==", "QUJ=", "QQ= ", "Q-_Q", "QQ\n="
	};
	struct buf b = BUF_INIT;

	check_base64("", "");
	check_base64("f", "Zg==");
	check_base64("fo", "Zm8=");
	check_base64("foo", "Zm9v");
	check_base64("foob", "Zm9vYg==");
	check_base64("fooba", "Zm9vYmE=");
	check_base64("foobar", "Zm9vYmFy");
	check_base64("\xfb\xff\xfe~", "+//+fg==");
	T_INT(buf_puts(&b, "kept"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		T_INT(base64_get(bad[i], strlen(bad[i]), &b), FERR_DATA);
		T_MEM(b.p, b.n, "kept", 4);
	}
	buf_fini(&b);
}

T(the_nearest_word_is_found)
{
	static const char *const names[] = { "lateness", "late", "agg",	  "having",
					     "offset",	 "tz",	 "early", "time" };
	const size_t n = sizeof(names) / sizeof(names[0]);

	T_STR(near_word("latenes", names, n), "lateness");
	T_STR(near_word("lateness", names, n), "lateness");
	T_STR(near_word("LATE", names, n), "late");
	T_STR(near_word("altenses", names, n), "lateness");
	T_STR(near_word("ofset", names, n), "offset");
	T_STR(near_word("tiem", names, n), "time");
	T_STR(near_word("ear", names, n), "early");
	T_STR(near_word("lat", names, n), "late");
	T_STR(near_word("h", names, n), "having");
	T_OK(near_word("x", names, n) == NULL);
	T_OK(near_word("", names, n) == NULL);
	T_OK(near_word("watermark", names, n) == NULL);
	T_OK(near_word("agg", names, 0) == NULL);
}

T(words_beyond_all_bounds_are_no_trouble)
{
	char word[300], name[300];
	const char *names[] = { name };

	memset(word, 'a', sizeof(word));
	memset(name, 'a', sizeof(name));
	word[sizeof(word) - 1] = name[sizeof(name) - 1] = '\0';
	T_OK(near_word(word, names, 1) == NULL);
	word[64] = '\0';
	T_STR(near_word(word, names, 1), name);
	word[0] = 'b';
	T_OK(near_word(word, names, 1) == NULL);
	name[64] = '\0';
	T_STR(near_word(word, names, 1), name);
}

T(quotes_are_safe_to_print)
{
	char out[QUOTE_MAX], many[200];

	T_STR(quote("plain", 5, out), "\"plain\"");
	T_STR(quote("", 0, out), "\"\"");
	T_STR(quote("a\"b\\c", 5, out), "\"a\\\"b\\\\c\"");
	T_STR(quote("a\n\t\r\0\x1b\x7f", 7, out), "\"a\\n\\t\\x0d\\x00\\x1b\\x7f\"");
	T_STR(quote("\xff\xc3\xa4\xc2\x85\xc3", 6, out), "\"\\xff\xc3\xa4\\xc2\\x85\\xc3\"");
	memset(many, '\x01', sizeof(many));
	T_INT(strlen(quote(many, sizeof(many), out)), 80 * 4 + 5);
	T_STR(out + 80 * 4 + 1, "\"...");
	memset(many, 'x', sizeof(many));
	quote(many, 80, out);
	T_STR(out + 81, "\"");
	/* the cut never splits a character */
	memcpy(many + 79, "\xe2\x82\xac", 3);
	quote(many, sizeof(many), out);
	T_STR(out + 80, "\xe2\x82\xac\"...");
}

T_MAIN
