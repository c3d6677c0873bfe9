/* crc32c: CRC32C, see hash.h. */
#include "base/hash.h"

#include <pthread.h>

#include "base/bytes.h"
#include "base/crc32c_internal.h"

/*
 * All forms take a sum as a polynomial over GF(2) modulo P, with the bits reflected: the top bit of
 * a word is x^0.  This is P without its x^32.
 */
#define POLY 0x82f63b78u

/* By tables, eight bytes a step.  table[k][b] is the effect of byte b with k more bytes behind it
 * in the step. */
static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static uint32_t
times_x(uint32_t c)
{
	return c >> 1 ^ (c & 1 ? POLY : 0);
}

static void
table_build(void)
{
	for (unsigned b = 0; b < 256; b++) {
		uint32_t c = b;

		for (int bit = 0; bit < 8; bit++)
			c = times_x(c);
		table[0][b] = c;
	}
	for (unsigned k = 1; k < 8; k++) {
		for (unsigned b = 0; b < 256; b++) {
			uint32_t c = table[k - 1][b];

			table[k][b] = c >> 8 ^ table[0][c & 255];
		}
	}
}

uint32_t
crc32c_table(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;

	pthread_once(&table_once, table_build);
	crc = ~crc;
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t v = le64get(p) ^ crc;

		crc = 0;
#pragma GCC unroll 8
		for (int k = 0; k < 8; k++)
			crc ^= table[7 - k][v >> 8 * k & 255];
	}
	for (; n > 0; p++, n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
	return ~crc;
}

static bool
everywhere(void)
{
	return true;
}

#if defined(__x86_64__)
#include <immintrin.h>

static uint32_t
times(uint32_t a, uint32_t b)
{
	uint32_t c = 0;

	for (; a != 0; a <<= 1, b = times_x(b))
		c ^= a >> 31 ? b : 0;
	return c;
}

/*
 * What carries a sum over `bits` more bits: x^(bits - 33) mod P.  The missing x^33 come by
 * themselves: 32 since the factor stands in the low half of a 64-bit word (fold) or the product
 * goes through a CRC step (crc_three), and one since a product of reflected words has its bits
 * one place lower.
 */
static uint32_t
carry_over(unsigned bits)
{
	uint32_t power = UINT32_C(1) << 31, square = UINT32_C(1) << 30; /* x^0, x^1 */

	for (unsigned e = bits - 33; e != 0; e >>= 1, square = times(square, square))
		if (e & 1)
			power = times(power, square);
	return power;
}

/*
 * By the CRC instruction.  It takes three cycles but one can start every cycle, so three
 * neighbouring stretches of `len` bytes run side by side, and the sum of a stretch is carried over
 * those behind it.
 */
struct stretch {
	unsigned len;
	uint32_t over1, over2; /* carry over len bytes, 2 len bytes */
};
static struct stretch stretches[] = { { .len = 1024 }, { .len = 128 } };
#define NSTRETCH (sizeof(stretches) / sizeof(stretches[0]))

__attribute__((target("sse4.2,pclmul"))) static uint64_t
crc_three(uint64_t a, const uint8_t *p, const struct stretch *s)
{
	uint64_t b = 0, c = 0;
	__m128i ma, mb;

	for (unsigned i = 0; i < s->len; i += 8) {
		a = _mm_crc32_u64(a, le64get(p + i));
		b = _mm_crc32_u64(b, le64get(p + s->len + i));
		c = _mm_crc32_u64(c, le64get(p + 2 * (size_t)s->len + i));
	}
	ma = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)a), _mm_cvtsi64_si128(s->over2), 0);
	mb = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)b), _mm_cvtsi64_si128(s->over1), 0);
	return c ^ _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(ma, mb)));
}

/* A short stretch, alone. */
__attribute__((target("sse4.2"))) static inline uint64_t
crc_one(uint64_t c, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8)
		c = _mm_crc32_u64(c, le64get(p));
	for (; n > 0; p++, n--)
		c = _mm_crc32_u8((uint32_t)c, *p);
	return c;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t
crc_sse42(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t c = (uint32_t)~crc;

	for (unsigned i = 0; i < NSTRETCH; i++) {
		size_t step = 3 * (size_t)stretches[i].len;

		for (; n >= step; p += step, n -= step)
			c = crc_three(c, p, &stretches[i]);
	}
	return ~(uint32_t)crc_one(c, p, n);
}

static bool
have_sse42(void)
{
	return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

/*
 * By folding (Gopal et al., "Fast CRC computation for generic polynomials using PCLMULQDQ").  A
 * block of 16 bytes, b, that has D bits of data behind it may be taken away if b * x^D mod P is
 * added to the data; with D the distance to a later block, that is two carry-less products and
 * they add to that block.  A 512-bit register folds four blocks at once; four registers hide the
 * latency of the product.  The last block left over goes through the CRC instruction.
 *
 * Of a block the low 8 bytes come first, so their distance is 64 bits longer.
 */
struct distance {
	_Alignas(16) uint64_t low;
	uint64_t high;
};
static struct distance by16, by64, by256; /* distances in bytes */

static struct distance
distance(unsigned bytes)
{
	return (struct distance){ carry_over(8 * bytes + 64), carry_over(8 * bytes) };
}

__attribute__((target("avx512f,vpclmulqdq"))) static inline __m512i
fold(__m512i block, __m512i by, __m512i later)
{
	__m512i low = _mm512_clmulepi64_epi128(block, by, 0x00);
	__m512i high = _mm512_clmulepi64_epi128(block, by, 0x11);

	return _mm512_ternarylogic_epi64(low, high, later, 0x96); /* the sum of three */
}

/* The four blocks of a register into the last of them, and that into a sum. */
__attribute__((target("sse4.2,pclmul,avx512f"))) static inline uint64_t
fold_last(__m512i x)
{
	const __m128i by = _mm_load_si128((const __m128i *)&by16);
	__m128i block[4], s;

	_mm512_storeu_si512(block, x);
	s = block[0];
	for (int i = 1; i < 4; i++)
		s = _mm_clmulepi64_si128(s, by, 0x00) ^ _mm_clmulepi64_si128(s, by, 0x11) ^
		    block[i];
	return _mm_crc32_u64(_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(s)),
			     (uint64_t)_mm_extract_epi64(s, 1));
}

__attribute__((target("sse4.2,pclmul,avx512f,vpclmulqdq"))) static uint32_t
crc_fold(uint32_t crc, const void *data, size_t n)
{
	const __m512i far = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)&by256));
	const __m512i near = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)&by64));
	const uint8_t *p = data;
	__m512i a, b, c, d;

	if (n < 256) /* the four registers */
		return crc_sse42(crc, data, n);
	a = _mm512_loadu_si512(p) ^ _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc));
	b = _mm512_loadu_si512(p + 64);
	c = _mm512_loadu_si512(p + 128);
	d = _mm512_loadu_si512(p + 192);
	for (p += 256, n -= 256; n >= 256; p += 256, n -= 256) {
		a = fold(a, far, _mm512_loadu_si512(p));
		b = fold(b, far, _mm512_loadu_si512(p + 64));
		c = fold(c, far, _mm512_loadu_si512(p + 128));
		d = fold(d, far, _mm512_loadu_si512(p + 192));
	}
	d = fold(fold(fold(a, near, b), near, c), near, d);
	for (; n >= 64; p += 64, n -= 64)
		d = fold(d, near, _mm512_loadu_si512(p));
	return ~(uint32_t)crc_one(fold_last(d), p, n);
}

static bool
have_fold(void)
{
	return have_sse42() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("vpclmulqdq");
}

static void
factors_build(void)
{
	for (unsigned i = 0; i < NSTRETCH; i++) {
		stretches[i].over1 = carry_over(8 * stretches[i].len);
		stretches[i].over2 = carry_over(16 * stretches[i].len);
	}
	by16 = distance(16);
	by64 = distance(64);
	by256 = distance(256);
}
#else
static void
factors_build(void)
{
}
#endif

static const struct crc32c_form forms[] = {
#if defined(__x86_64__)
	{ "folding, 512 bits", have_fold, crc_fold },
	{ "three streams", have_sse42, crc_sse42 },
#endif
	{ "tables", everywhere, crc32c_table },
	{ .name = NULL },
};
static const struct crc32c_form *best;
static pthread_once_t best_once = PTHREAD_ONCE_INIT;

static void
best_choose(void)
{
	factors_build();
	for (best = forms; !best->usable(); best++)
		;
}

const struct crc32c_form *
crc32c_forms(void)
{
	pthread_once(&best_once, best_choose);
	return forms;
}

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	pthread_once(&best_once, best_choose);
	return best->sum(crc, p, n);
}
