/* hash: see hash.h. */
#include "base/hash.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/bytes.h"

#define XXH_INLINE_ALL /* header only: nothing to link */
#include <xxhash.h>

uint64_t
hash64(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

/*
 * CRC32C by tables, eight bytes a step.  table[k][b] is the effect of byte b with k more bytes
 * behind it in the step.
 */
static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void
table_build(void)
{
	for (unsigned b = 0; b < 256; b++) {
		uint32_t c = b;

		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
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

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * The CRC instruction takes three cycles but one can start every cycle, so three neighbouring
 * stretches of `len` bytes run side by side.  The sum of a stretch is moved over the len bytes
 * behind it by a carry-less multiplication with x^(8 len - 33) mod P; the missing x^33 come from
 * the bit order of the product (1) and from the CRC step that reduces it (32).
 */
struct stretch {
	unsigned len;
	uint32_t over1, over2; /* x^(8 len - 33), x^(16 len - 33) */
};
static const struct stretch stretches[] = {
	{ 1024, 0x170076fa, 0xa51b6135 },
	{ 128, 0x0d3b6092, 0xb9e02b86 },
};

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

__attribute__((target("sse4.2,pclmul"))) static uint32_t
crc_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t c = (uint32_t)~crc;

	for (unsigned i = 0; i < sizeof(stretches) / sizeof(stretches[0]); i++) {
		size_t step = 3 * (size_t)stretches[i].len;

		for (; n >= step; p += step, n -= step)
			c = crc_three(c, p, &stretches[i]);
	}
	for (; n >= 8; p += 8, n -= 8)
		c = _mm_crc32_u64(c, le64get(p));
	for (; n > 0; p++, n--)
		c = _mm_crc32_u8((uint32_t)c, *p);
	return ~(uint32_t)c;
}

static bool
have_sse42(void)
{
	return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}
#endif

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
#if defined(__x86_64__)
	if (have_sse42())
		return crc_sse42(crc, p, n);
#endif
	return crc32c_table(crc, p, n);
}
