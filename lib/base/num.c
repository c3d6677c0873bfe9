/*
 * num: see num.h.
 *
 * Reading: Clinger's fast path, then Eisel and Lemire's product with a 128-bit power of five, and
 * for more than 19 digits that lie too near to a middle, exact big integers.  Printing: few
 * decimals by trial, else Giulietti's Schubfach with the same powers.
 */
#include "base/num.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

typedef unsigned __int128 u128;

#define F64_HIDDEN (1ull << 52)
#define F64_INF (0x7ffull << 52)
#define F64_SIGN (1ull << 63)

static const double small_pow10[] = { 1e0,  1e1,  1e2,	1e3,  1e4,  1e5,  1e6,	1e7,
				      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static double
f64_of(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, 8);
	return v;
}

static uint64_t
bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, 8);
	return bits;
}

/* ---- powers of five ---- */

#define POW_MIN (-342)
#define POW_MAX 324

/* The first 128 bits of 5^q, cut; for -27 <= q < 0 rounded up, as Eisel and Lemire want it. */
struct pow5 {
	uint64_t hi, lo;
};
static struct pow5 pow5_table[POW_MAX - POW_MIN + 1];
static atomic_bool pow5_ready;
static pthread_once_t pow5_once = PTHREAD_ONCE_INIT;

static void
pow5_store(int q, const uint64_t x[4])
{
	bool up = q < 0 && q >= -27;

	/* no carry: none of these has a low word of all ones */
	pow5_table[q - POW_MIN] = (struct pow5){ .hi = x[3], .lo = x[2] + up };
}

/* x, a 256-bit fraction with its top bit set, times 5 and again so. */
static void
wide_mul5(uint64_t x[4])
{
	u128 c = 0;
	int sh;

	for (int i = 0; i < 4; i++) {
		c += (u128)x[i] * 5;
		x[i] = (uint64_t)c;
		c >>= 64;
	}
	sh = c >= 4 ? 3 : 2;
	for (int i = 0; i < 4; i++)
		x[i] = x[i] >> sh | (i < 3 ? x[i + 1] : (uint64_t)c) << (64 - sh);
}

/* The same divided by 5. */
static void
wide_div5(uint64_t x[4])
{
	int sh = x[3] >= 5ull << 61 ? 2 : 3;
	uint64_t rem = x[3] >> (64 - sh);

	for (int i = 3; i >= 0; i--) {
		uint64_t w = x[i] << sh | (i > 0 ? x[i - 1] >> (64 - sh) : 0);
		u128 d = (u128)rem << 64 | w;

		x[i] = (uint64_t)(d / 5);
		rem = (uint64_t)(d % 5);
	}
}

/*
 * 256 bits are kept on the way: the cuts of all steps stay below 2^-240, so the first 128 bits are
 * exact unless a power had some 110 ones in a row behind them, and none in the table has.
 */
static void
pow5_build(void)
{
	uint64_t up[4] = { 0, 0, 0, 1ull << 63 }, down[4] = { 0, 0, 0, 1ull << 63 };

	for (int q = 0; q <= POW_MAX; q++) {
		pow5_store(q, up);
		wide_mul5(up);
	}
	for (int q = -1; q >= POW_MIN; q--) {
		wide_div5(down);
		pow5_store(q, down);
	}
	atomic_store_explicit(&pow5_ready, true, memory_order_release);
}

static struct pow5
pow5_get(int q)
{
	if (!atomic_load_explicit(&pow5_ready, memory_order_acquire))
		pthread_once(&pow5_once, pow5_build);
	return pow5_table[q - POW_MIN];
}

/* ---- exact comparison ---- */

/* 770 digits decide any rounding; they and 5^1142 have less than 2800 bits. */
#define BIG_DIGITS 770
#define BIG_WORDS 64

struct big {
	uint64_t w[BIG_WORDS]; /* low word first */
	unsigned n;
};

static void
big_mul_add(struct big *b, uint64_t m, uint64_t a)
{
	u128 c = a;

	for (unsigned i = 0; i < b->n; i++) {
		c += (u128)b->w[i] * m;
		b->w[i] = (uint64_t)c;
		c >>= 64;
	}
	if (c != 0 && b->n < BIG_WORDS)
		b->w[b->n++] = (uint64_t)c;
}

static void
big_mul_pow5(struct big *b, int64_t k)
{
	const uint64_t pow27 = 7450580596923828125ull;

	for (; k >= 27; k -= 27)
		big_mul_add(b, pow27, 0);
	for (; k > 0; k--)
		big_mul_add(b, 5, 0);
}

static void
big_shl(struct big *b, int64_t bits)
{
	for (; bits >= 32; bits -= 32)
		big_mul_add(b, 1ull << 32, 0);
	big_mul_add(b, 1ull << bits, 0);
}

static int
big_cmp(const struct big *a, const struct big *b)
{
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (unsigned i = a->n; i-- > 0;)
		if (a->w[i] != b->w[i])
			return a->w[i] < b->w[i] ? -1 : 1;
	return 0;
}

/* ---- reading ---- */

/* A number taken apart: its value is w * 10^q, or a bit more. */
struct dec {
	uint64_t w;	    /* the first 19 significant digits */
	int64_t q;	    /* ... times ten to this */
	int64_t exp;	    /* the exponent as written */
	const char *digits; /* integer and fraction part */
	const char *end;    /* ... and where they end */
	bool neg, integral;
	bool more; /* digits behind the 19th */
};

static bool
is_digit(char c)
{
	return (unsigned char)(c - '0') <= 9;
}

/* Too many digits for a word: take the first 19 significant ones. */
static void
dec_cut(struct dec *d)
{
	const char *p = d->digits;
	int64_t q = d->exp;
	bool point = false;
	int n = 0;

	d->w = 0;
	for (; p < d->end; p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (n < 19) {
			d->w = d->w * 10 + (uint64_t)(*p - '0');
			n += d->w != 0;
			q -= point;
		} else {
			d->more = true;
			q += !point;
		}
	}
	d->q = q;
}

/* Read the exponent behind 'e'; NULL if there is none. */
static const char *
scan_exp(const char *p, const char *end, int64_t *exp)
{
	bool neg = false;
	int64_t e = 0;

	if (p < end && (*p == '-' || *p == '+'))
		neg = *p++ == '-';
	if (p == end || !is_digit(*p))
		return NULL;
	for (; p < end && is_digit(*p); p++)
		if (e < 1000000000000)
			e = e * 10 + (*p - '0');
	*exp = neg ? -e : e;
	return p;
}

static size_t
dec_scan(const char *s, size_t n, struct dec *d)
{
	const char *p = s, *end = s + n, *point = NULL;
	uint64_t w = 0;

	*d = (struct dec){ .integral = true };
	if (p < end && *p == '-') {
		d->neg = true;
		p++;
	}
	d->digits = p;
	for (; p < end && is_digit(*p); p++)
		w = w * 10 + (uint64_t)(*p - '0');
	if (p == d->digits || (*d->digits == '0' && p - d->digits > 1))
		return 0;
	if (p < end && *p == '.') {
		point = ++p;
		for (; p < end && is_digit(*p); p++)
			w = w * 10 + (uint64_t)(*p - '0');
		if (p == point)
			return 0;
		d->integral = false;
	}
	d->end = p;
	if (p < end && (*p == 'e' || *p == 'E')) {
		if ((p = scan_exp(p + 1, end, &d->exp)) == NULL)
			return 0;
		d->integral = false;
	}
	d->w = w;
	d->q = d->exp - (point != NULL ? d->end - point : 0);
	if (d->end - d->digits > 19)
		dec_cut(d);
	return (size_t)(p - s);
}

/*
 * The f64 nearest to w * 10^q as bits without sign (Eisel-Lemire; for w < 2^64 it needs no second
 * opinion: Mushtak and Lemire, 2022).
 */
static uint64_t
nearest(uint64_t w, int64_t q)
{
	struct pow5 t;
	uint64_t hi, lo, m;
	u128 x;
	int lz, top, e;

	if (w == 0 || q < -342)
		return 0;
	if (q > 308)
		return F64_INF;
	lz = __builtin_clzll(w);
	w <<= lz;
	t = pow5_get((int)q);
	x = (u128)w * t.hi;
	hi = (uint64_t)(x >> 64);
	lo = (uint64_t)x;
	if ((hi & 0x1ff) == 0x1ff) {
		uint64_t low = (uint64_t)(((u128)w * t.lo) >> 64);

		lo += low;
		hi += lo < low;
	}
	top = (int)(hi >> 63);
	m = hi >> (top + 9);
	e = (int)((217706 * q) >> 16) + 63 + top - lz + 1023;
	if (e <= 0) {
		if (e <= -63)
			return 0;
		m >>= 1 - e;
		return (m + (m & 1)) >> 1; /* a carry into the exponent is just right */
	}
	/* exactly in the middle: to even */
	if (lo <= 1 && q >= -4 && q <= 23 && (m & 3) == 1 && m << (top + 9) == hi)
		m &= ~1ull;
	m = (m + (m & 1)) >> 1;
	if (m >= 2 * F64_HIDDEN) {
		m = F64_HIDDEN;
		e++;
	}
	return e >= 0x7ff ? F64_INF : (uint64_t)e << 52 | (m & (F64_HIDDEN - 1));
}

/* Compare all digits with the middle between the f64 `low` and the next one. */
static int
cmp_middle(const struct dec *d, uint64_t low)
{
	struct big a = { .n = 0 }, b = { .n = 1 };
	int64_t e = d->exp, p = (int64_t)(low >> 52), shift;
	bool point = false, rest = false;
	int n = 0;

	b.w[0] = low & (F64_HIDDEN - 1);
	if (p != 0)
		b.w[0] |= F64_HIDDEN;
	else
		p = 1;
	b.w[0] = 2 * b.w[0] + 1;
	p -= 1076;
	for (const char *s = d->digits; s < d->end; s++) {
		if (*s == '.') {
			point = true;
		} else if (n < BIG_DIGITS) {
			big_mul_add(&a, 10, (uint64_t)(*s - '0'));
			n += a.n != 0;
			e -= point;
		} else {
			rest |= *s != '0';
			e += !point;
		}
	}
	if (rest) {
		big_mul_add(&a, 10, 1);
		e--;
	}
	big_mul_pow5(e >= 0 ? &a : &b, e >= 0 ? e : -e);
	shift = e - p;
	big_shl(shift >= 0 ? &a : &b, shift >= 0 ? shift : -shift);
	return big_cmp(&a, &b);
}

static double
dec_f64(const struct dec *d)
{
	uint64_t v, up;
	int c;

	if (d->w <= 1ull << 53 && !d->more && d->q >= -22 && d->q <= 22) {
		double f = (double)d->w;

		f = d->q < 0 ? f / small_pow10[-d->q] : f * small_pow10[d->q];
		return d->neg ? -f : f;
	}
	v = nearest(d->w, d->q);
	if (d->more && (up = nearest(d->w + 1, d->q)) != v) {
		c = cmp_middle(d, v);
		if (c > 0 || (c == 0 && (v & 1) != 0))
			v = up;
	}
	return f64_of(d->neg ? v | F64_SIGN : v);
}

double
num_decimal(const char *s, size_t n)
{
	struct dec d;

	return dec_scan(s, n, &d) != 0 ? dec_f64(&d) : 0;
}

size_t
num_parse(const char *s, size_t n, struct num *out)
{
	struct dec d;
	size_t used = dec_scan(s, n, &d);
	uint64_t mag;

	out->kind = NUM_BAD;
	if (used == 0)
		return 0;
	if (d.integral && (d.w != 0 || !d.neg)) {
		out->kind = d.more || d.w > (uint64_t)INT64_MAX + d.neg ? NUM_BIG : NUM_I64;
		out->i = (int64_t)(d.neg ? 0 - d.w : d.w);
		return used;
	}
	out->f = dec_f64(&d);
	mag = bits_of(out->f) & ~F64_SIGN;
	out->kind = mag == F64_INF || (mag == 0 && d.w != 0) ? NUM_BIG : NUM_F64;
	return used;
}

/* ---- printing ---- */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

static unsigned
count_digits(uint64_t v)
{
	unsigned n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

/* Write v as exactly n digits. */
static void
put_digits(char *out, uint64_t v, unsigned n)
{
	for (; n >= 2; n -= 2, v /= 100)
		memcpy(out + n - 2, pairs + 2 * (v % 100), 2);
	if (n != 0)
		out[0] = (char)('0' + v % 10);
}

static size_t
put_u64(char *out, uint64_t v)
{
	unsigned n = count_digits(v);

	put_digits(out, v, n);
	return n;
}

size_t
num_print_i64(int64_t v, char *out)
{
	if (v >= 0)
		return put_u64(out, (uint64_t)v);
	out[0] = '-';
	return 1 + put_u64(out + 1, 0 - (uint64_t)v);
}

/* c * g / 2^128, its lowest bit set when anything was cut. */
static uint64_t
round_to_odd(struct pow5 g, uint64_t c)
{
	u128 y = (u128)g.hi * c + (((u128)g.lo * c) >> 64);

	return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/* The shortest decimal digits * 10^k that reads back as the positive f64 (Schubfach). */
static uint64_t
shortest(uint64_t bits, int *exp10)
{
	uint64_t frac = bits & (F64_HIDDEN - 1), c, s, lower, vb, upper, sp;
	int e = (int)(bits >> 52), q = (e != 0 ? e : 1) - 1075, k, h;
	bool closer = frac == 0 && e > 1, odd = (frac & 1) != 0, down, up;
	struct pow5 g;

	c = 4 * (e != 0 ? frac | F64_HIDDEN : frac);
	k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
	h = q + ((-k * 1741647) >> 19) + 1;
	g = pow5_get(-k);
	g.lo += -k < -27 || -k > 55; /* rounded up unless exact, or up already */
	lower = round_to_odd(g, (c - 2 + closer) << h) + odd;
	vb = round_to_odd(g, c << h);
	upper = round_to_odd(g, (c + 2) << h) - odd;
	s = vb / 4;
	*exp10 = k;
	if (s >= 10) { /* one digit less? */
		sp = s / 10;
		down = lower <= 40 * sp;
		up = 40 * sp + 40 <= upper;
		if (down != up) {
			*exp10 = k + 1;
			return sp + up;
		}
	}
	down = lower <= 4 * s;
	up = 4 * s + 4 <= upper;
	if (down != up)
		return s + up;
	return s + (vb > 4 * s + 2 || (vb == 4 * s + 2 && (s & 1) != 0));
}

/* v as digits / 10^decimals with at most 15 digits, which is then the shortest; false if it is not.
 */
static bool
few_decimals(double v, uint64_t *digits, int *exp10)
{
	static const struct {
		double scale;
		int k;
	} tries[] = { { 1e2, -2 }, { 1e6, -6 } };

	for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		double x = v * tries[i].scale + 0.5;

		if (x >= 1e15)
			return false;
		*digits = (uint64_t)x;
		*exp10 = tries[i].k;
		if (*digits != 0 && (double)*digits / tries[i].scale == v)
			return true;
	}
	return false;
}

/* Lay out d * 10^k, d without trailing zeros, as JavaScript does. */
static size_t
put_decimal(char *out, uint64_t d, int k)
{
	int n = (int)count_digits(d), point = n + k; /* digits before the point */
	char *p = out;

	if (point > 21 || point < -5) {
		put_digits(p + 1, d, (unsigned)n);
		p[0] = p[1];
		p[1] = '.';
		p += n > 1 ? n + 1 : 1;
		*p++ = 'e';
		*p++ = point > 0 ? '+' : '-';
		return (size_t)(p - out) +
		       put_u64(p, (uint64_t)(point > 0 ? point - 1 : 1 - point));
	}
	if (point <= 0) {
		memcpy(p, "0.000000", 8);
		put_digits(p + 2 - point, d, (unsigned)n);
		return (size_t)(2 - point + n);
	}
	if (k >= 0) {
		put_digits(p, d, (unsigned)n);
		memset(p + n, '0', (size_t)k);
		memcpy(p + point, ".0", 2);
		return (size_t)point + 2;
	}
	put_digits(p + 1, d, (unsigned)n);
	memmove(p, p + 1, (size_t)point);
	p[point] = '.';
	return (size_t)n + 1;
}

size_t
num_print_f64(double v, char *out)
{
	uint64_t bits = bits_of(v), d;
	size_t sign = bits >> 63;
	int k;

	if (sign != 0) {
		out[0] = '-';
		out++;
		bits &= ~F64_SIGN;
		v = -v;
	}
	if (bits == 0) {
		memcpy(out, "0.0", 3);
		return sign != 0 ? 2 : 3; /* "-0" reads back as f64 without a point */
	}
	if (v < 1e15 && v == (double)(int64_t)v) {
		size_t n = put_u64(out, (uint64_t)v);

		memcpy(out + n, ".0", 2);
		return sign + n + 2;
	}
	if (!few_decimals(v, &d, &k))
		d = shortest(bits, &k);
	for (; d % 10 == 0; d /= 10)
		k++;
	return sign + put_decimal(out, d, k);
}
