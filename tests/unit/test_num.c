/* num: exact numbers from text and back, against libc as the oracle. */
#include <math.h>

#include "base/num.h"
#include "t.h"

static uint64_t seed = 88172645463325252ull;

static uint64_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1dull;
}

static double
of_bits(uint64_t b)
{
	double v;

	memcpy(&v, &b, 8);
	return v;
}

static struct num
parse(const char *s)
{
	struct num v;
	size_t n = strlen(s);
	char *exact = malloc(n + 1); /* no byte behind n: a sanitizer sees reads past it */

	memcpy(exact, s, n);
	T_INT(num_parse(exact, n, &v), v.kind == NUM_BAD ? 0 : n);
	free(exact);
	return v;
}

static const char *
print(double v)
{
	static char b[NUM_PRINT_MAX + 1];

	b[num_print_f64(v, b)] = '\0';
	return b;
}

/* Read s both ways. */
static void
same_as_strtod(const char *s)
{
	double a = num_decimal(s, strlen(s)), b = strtod(s, NULL);

	if (memcmp(&a, &b, 8) != 0)
		T_FAIL("'%s' is %a, not %a", s, a, b);
}

/* Print, read back; nothing shorter may read back. */
static void
round_trip(double v)
{
	char mine[NUM_PRINT_MAX + 1], libc[40];
	struct num r;
	size_t n = num_print_f64(v, mine);
	int prec = 1, digits = 0;

	mine[n] = '\0';
	if (num_parse(mine, n, &r) != n || r.kind != NUM_F64 || memcmp(&r.f, &v, 8) != 0)
		T_FAIL("%.17g prints '%s'", v, mine);
	if (memcmp(&v, &(double){ strtod(mine, NULL) }, 8) != 0)
		T_FAIL("%.17g prints '%s', and libc reads another", v, mine);
	if ((rnd() & 7) != 0)
		return;
	do
		snprintf(libc, sizeof(libc), "%.*e", prec - 1, v);
	while (strtod(libc, NULL) != v && ++prec <= 17);
	for (const char *p = mine; *p != '\0' && *p != 'e'; p++)
		digits += *p >= '0' && *p <= '9' && (digits != 0 || *p != '0');
	if (strchr(mine, 'e') == NULL && digits > prec) /* 1200.0, 0.0 */
		digits = fabs(v) >= 1 && v == floor(v) ? prec : digits;
	if (digits > prec && v != 0)
		T_FAIL("'%s' has %d digits; %d are enough: %s", mine, digits, prec, libc);
}

T(integers_are_exact)
{
	static const struct {
		const char *s;
		int64_t v;
	} t[] = { { "0", 0 },
		  { "7", 7 },
		  { "-1", -1 },
		  { "1234567890123", 1234567890123 },
		  { "999999999999999999", 999999999999999999 },
		  { "9223372036854775807", INT64_MAX },
		  { "-9223372036854775807", -INT64_MAX },
		  { "-9223372036854775808", INT64_MIN } };
	char b[NUM_PRINT_MAX];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct num v = parse(t[i].s);

		T_INT(v.kind, NUM_I64);
		T_INT(v.i, t[i].v);
		T_MEM(b, num_print_i64(v.i, b), t[i].s, strlen(t[i].s));
	}
}

T(numbers_too_big_or_too_small_are_big)
{
	static const char *const t[] = { "9223372036854775808",
					 "-9223372036854775809",
					 "10000000000000000000",
					 "18446744073709551616",
					 "99999999999999999999999",
					 "-123456789012345678901234567890",
					 "1e400",
					 "-1e309",
					 "1.7976931348623159e308",
					 "1e-400",
					 "2e-324",
					 "0.1e99999999999999999999",
					 "-1e-99999999999999999999" };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		T_INT(parse(t[i]).kind, NUM_BIG);
	T_INT(parse("0e99999999999999999999").kind, NUM_F64);
	T_INT(parse("0.000e-9999").kind, NUM_F64);
	T_INT(parse("1.7976931348623157e308").kind, NUM_F64);
	T_INT(parse("4.9e-324").kind, NUM_F64);
	T_INT(parse("3e-324").kind, NUM_F64);
}

T(minus_zero_is_f64)
{
	struct num v = parse("-0");

	T_INT(v.kind, NUM_F64);
	T_OK(v.f == 0 && signbit(v.f));
	T_STR(print(v.f), "-0");
	T_INT(parse("-0.0").kind, NUM_F64);
	T_INT(parse("0").kind, NUM_I64);
}

T(only_json_numbers_are_numbers)
{
	static const char *const bad[] = { "",	 "-",	 "+1",	 "01",	 "-01", "00",
					   ".5", "1.",	 "1.e1", "1e",	 "1e+", "1e-",
					   "-a", "abc",	 "-.5",	 "NaN",	 "inf", "--1",
					   "e5", "1.5e", " 1",	 "-Inf", "0.e", "1.-2" };
	struct num v;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		T_INT(parse(bad[i]).kind, NUM_BAD);
		T_INT(num_parse(bad[i], strlen(bad[i]), &v), 0);
	}
	T_INT(num_parse("12,3", 4, &v), 2);
	T_INT(v.i, 12);
	T_INT(num_parse("0x10", 4, &v), 1);
	T_INT(num_parse("1234", 2, &v), 2);
	T_INT(v.i, 12);
	T_INT(num_parse("1E2}", 4, &v), 3);
	T_OK(v.kind == NUM_F64 && v.f == 100);
}

T(prints_as_javascript_does_but_keeps_the_type)
{
	static const struct {
		double v;
		const char *s;
	} t[] = { { 0, "0.0" },
		  { 5, "5.0" },
		  { -5, "-5.0" },
		  { 1e15, "1000000000000000.0" },
		  { 1e20, "100000000000000000000.0" },
		  { 123456789012345680000.0, "123456789012345680000.0" },
		  { 1e21, "1e+21" },
		  { 1.5e22, "1.5e+22" },
		  { -1.7976931348623157e308, "-1.7976931348623157e+308" },
		  { 0.1, "0.1" },
		  { 12.34, "12.34" },
		  { 0.3, "0.3" },
		  { 0.1 + 0.2, "0.30000000000000004" },
		  { 1e-6, "0.000001" },
		  { 1.5e-6, "0.0000015" },
		  { 0.00000123456789, "0.00000123456789" },
		  { 1e-7, "1e-7" },
		  { 1.25e-7, "1.25e-7" },
		  { 5e-324, "5e-324" },
		  { 2.2250738585072014e-308, "2.2250738585072014e-308" },
		  { 9007199254740993.0, "9007199254740992.0" },
		  { 4503599627370495.5, "4503599627370495.5" },
		  { 0.30000000000000004, "0.30000000000000004" },
		  { 1.0 / 3, "0.3333333333333333" },
		  { 2e-44, "2e-44" },
		  { 9.5367431640625e-7, "9.5367431640625e-7" },
		  { 123456.789012, "123456.789012" },
		  { 100.5, "100.5" } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		T_STR(print(t[i].v), t[i].s);
}

T(hard_decimals_round_right)
{
	static const char *const t[] = {
		"2.2250738585072011e-308",
		"2.2250738585072012e-308",
		"2.2250738585072014e-308",
		"1.7976931348623158e308",
		"1.797693134862315807e308",
		"1.7976931348623157580793728971405303415079934132710037826936173778e308",
		"4.9406564584124654e-324",
		"2.4703282292062327208e-324",
		"2.4703282292062328e-324",
		"2.47032822920623272088284396434110686182e-324",
		"2.47032822920623272088284396434110686183e-324",
		"9007199254740993",
		"9007199254740993.00000000000000000000000000000000000000000000000001",
		"9007199254740992.99999999999999999999999999999999999999999999999999",
		"9007199254740995",
		"9007199254740995.0000000000000000000000000000000000",
		"0.500000000000000166533453693773481063544750213623046875",
		"3.518437208883201171875e13",
		"62.5364939768271845828",
		"8.10109172351e-10",
		"1.50000000000000011102230246251565",
		"1.00000000000000011102230246251565404236316680908203125",
		"1.00000000000000011102230246251565404236316680908203124",
		"1.00000000000000011102230246251565404236316680908203126",
		"6.631236846766476e-316",
		"3.2378839133029012895883524125015321748630094123e-319",
		"7.2057594037927933e16",
		"0.00000000000000000000000000000000000000000000000000000000000000000001e68",
		"100000000000000000000000000000000000000000000000000000000000000000000e-68",
		"5e-324",
		"89255e-22",
		"1e23",
		"8.5e22",
		"9.5e22",
		"1e-323",
		"1e308",
		"123456789012345678901234567890123456789012345678901234567890e-20",
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		same_as_strtod(t[i]);
}

/* The exact middle between two neighbours, and one unit below and above in the last of its many
 * digits. */
T(middles_of_neighbours)
{
	char s[1300];

	for (int i = 0; i < 20000; i++) {
		uint64_t b = rnd() & 0x7fffffffffffffff;
		size_t n;
		long double mid;

		if (i % 4 == 0)
			b &= 0x000fffffffffffff; /* subnormal */
		if (i % 3 == 0)
			b = (b & 0x000fffffffffffff) | (uint64_t)(900 + rnd() % 250) << 52;
		if (b >= 0x7fe0000000000000)
			continue;
		mid = ((long double)of_bits(b) + (long double)of_bits(b + 1)) / 2;
		snprintf(s, sizeof(s), "%.1100Le", mid);
		same_as_strtod(s);
		n = (size_t)(strchr(s, 'e') - s);
		s[n - 1] = '1'; /* above, behind the 770th digit */
		same_as_strtod(s);
		snprintf(s, sizeof(s), "%.*Le", 20 + (int)(rnd() % 40), mid);
		same_as_strtod(s);
	}
}

T(a_million_digits_are_fine)
{
	size_t n = 1000000;
	char *s = malloc(n + 32);
	struct num v;

	memset(s, '0', n);
	memcpy(s, "0.", 2);
	strcpy(s + n, "5e999999");
	T_INT(num_parse(s, n + 8, &v), n + 8);
	T_OK(v.kind == NUM_F64 && v.f == 5.0);
	memset(s, '9', n);
	T_INT(num_parse(s, n, &v), n);
	T_INT(v.kind, NUM_BIG);
	strcpy(s + n, "e-1000000");
	T_INT(num_parse(s, n + 9, &v), n + 9);
	T_OK(v.kind == NUM_F64 && v.f == 1.0);
	free(s);
}

T(random_bits_survive)
{
	for (int i = 0; i < 600000; i++) {
		double v = of_bits(rnd());

		if (isfinite(v))
			round_trip(v);
	}
	for (int i = 0; i < 2047; i++) { /* powers of two: the lower neighbour is nearer */
		round_trip(of_bits((uint64_t)i << 52));
		round_trip(of_bits((uint64_t)i << 52 | 1));
		round_trip(of_bits(((uint64_t)i << 52 | 0xfffffffffffff)));
	}
	for (int i = 0; i < 100000; i++)
		round_trip(of_bits(rnd() >> 12)); /* subnormals */
}

T(few_digits_survive)
{
	char s[64];

	for (int i = 0; i < 300000; i++) {
		int n = snprintf(s, sizeof(s), "%" PRId64 ".%02u",
				 (int64_t)rnd() >> (11 + rnd() % 50), (unsigned)(rnd() % 100));
		struct num v;

		T_INT(num_parse(s, (size_t)n, &v), n);
		same_as_strtod(s);
		round_trip(v.f);
	}
}

T(random_texts_agree_with_strtod)
{
	char s[128];

	for (int i = 0; i < 600000; i++) {
		int n = 1 + (int)(rnd() % 24), dot = (int)(rnd() % (uint64_t)n);
		char *p = s;

		*p++ = (char)('1' + rnd() % 9);
		for (int k = 1; k < n; k++) {
			if (k == dot)
				*p++ = '.';
			*p++ = (char)('0' + rnd() % 10);
		}
		sprintf(p, "e%d", (int)(rnd() % 700) - 360);
		same_as_strtod(s);
	}
	for (int i = 0; i < 300000; i++) {
		double v = of_bits(rnd() >> 1);

		if (!isfinite(v))
			continue;
		snprintf(s, sizeof(s), "%.*e", 14 + (int)(rnd() % 30), v);
		same_as_strtod(s);
	}
}

T(every_i64_survives)
{
	char s[NUM_PRINT_MAX + 1], libc[32];
	struct num v;

	for (int i = 0; i < 300000; i++) {
		int64_t x = (int64_t)rnd() >> (rnd() % 64);
		size_t n = num_print_i64(x, s);

		T_MEM(s, n, libc, (size_t)snprintf(libc, sizeof(libc), "%" PRId64, x));
		T_INT(num_parse(s, n, &v), n);
		T_OK(v.kind == NUM_I64 && v.i == x);
	}
}

T_MAIN
