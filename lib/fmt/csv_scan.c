/*
 * csv_scan -- where the cells of a record end: bytes of 64 become bits of a word.
 */
#include "fmt/fmt_internal.h"

struct masks {
	uint64_t sep, newline, quote;
	uint64_t odd; /* NUL, or not ASCII */
};
typedef void mask_fn(const uint8_t *p, const struct csv_cut *t, struct masks *m);

/* Bit i: is the number of bits up to and with i odd? */
static inline uint64_t
prefix_xor(uint64_t x)
{
	for (unsigned s = 1; s < 64; s *= 2)
		x ^= x << s;
	return x;
}

/* Write the places of the bits, from at on.  Writes four at a time: what is too much is
 * overwritten. */
__attribute__((always_inline)) static inline void
put_places(uint32_t *ends, uint64_t bits, uint32_t at)
{
	while (bits != 0) {
		for (unsigned i = 0; i < 4; i++) {
			ends[i] = at + (uint32_t)__builtin_ctzll(bits | UINT64_C(1) << 63);
			bits &= bits - 1;
		}
		ends += 4;
	}
}

/* csv_cut_fn with the way to make masks, which is inlined. */
__attribute__((always_inline)) static inline bool
cut_with(mask_fn *masks, struct csv_cut *t, const uint8_t *p, size_t n)
{
	uint64_t inside = 0; /* all ones: this block begins between quotes */
	unsigned k = 0;

	t->quotes = 0;
	t->odd = false;
	for (size_t at = 0; at < n; at += 64) {
		uint64_t live = n - at < 64 ? (UINT64_C(1) << (n - at)) - 1 : UINT64_MAX, bits;
		struct masks m;

		masks(p + at, t, &m);
		if (__builtin_expect((m.quote | inside) != 0, 0) && t->pairs) {
			uint64_t in = prefix_xor(m.quote) ^ inside;

			m.sep &= ~in;
			m.newline &= ~in;
			inside = in >> 63 != 0 ? UINT64_MAX : 0;
		}
		m.newline &= live;
		if (m.newline != 0)
			live &= m.newline ^ (m.newline - 1);
		if (__builtin_expect((m.quote & live) != 0, 0))
			t->quotes += (unsigned)__builtin_popcountll(m.quote & live);
		t->odd |= (m.odd & live) != 0;
		bits = (m.sep | m.newline) & live;
		put_places(t->ends + k, bits, (uint32_t)at);
		k += (unsigned)__builtin_popcountll(bits);
		if (k > t->ncols)
			return false;
		if (m.newline != 0)
			return k == t->ncols;
	}
	return false;
}

#if defined(__x86_64__)

#include <immintrin.h>

static inline uint64_t
bits_sse2(__m128i v, unsigned part)
{
	return (uint64_t)(uint32_t)_mm_movemask_epi8(v) << (16 * part);
}

static inline void
mask_sse2(const uint8_t *p, const struct csv_cut *t, struct masks *m)
{
	const __m128i vs = _mm_set1_epi8((char)t->sep), vq = _mm_set1_epi8((char)t->quote);
	const __m128i vn = _mm_set1_epi8('\n'), one = _mm_set1_epi8(1);

	*m = (struct masks){ 0 };
	for (unsigned i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));

		m->sep |= bits_sse2(_mm_cmpeq_epi8(v, vs), i);
		m->newline |= bits_sse2(_mm_cmpeq_epi8(v, vn), i);
		m->quote |= bits_sse2(_mm_cmpeq_epi8(v, vq), i);
		m->odd |= bits_sse2(_mm_cmpgt_epi8(one, v), i); /* signed: 0 and 0x80..0xff */
	}
}

__attribute__((target("avx2,bmi,popcnt"))) static inline uint64_t
bits_avx2(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
							 << 32;
}

__attribute__((target("avx2,bmi,popcnt"))) static inline void
mask_avx2(const uint8_t *p, const struct csv_cut *t, struct masks *m)
{
	const __m256i vs = _mm256_set1_epi8((char)t->sep), vq = _mm256_set1_epi8((char)t->quote);
	const __m256i vn = _mm256_set1_epi8('\n'), one = _mm256_set1_epi8(1);
	__m256i a = _mm256_loadu_si256((const __m256i *)p);
	__m256i b = _mm256_loadu_si256((const __m256i *)(p + 32));

	m->sep = bits_avx2(_mm256_cmpeq_epi8(a, vs), _mm256_cmpeq_epi8(b, vs));
	m->newline = bits_avx2(_mm256_cmpeq_epi8(a, vn), _mm256_cmpeq_epi8(b, vn));
	m->quote = bits_avx2(_mm256_cmpeq_epi8(a, vq), _mm256_cmpeq_epi8(b, vq));
	m->odd = bits_avx2(_mm256_cmpgt_epi8(one, a), _mm256_cmpgt_epi8(one, b));
}

static bool
cut_sse2(struct csv_cut *t, const uint8_t *p, size_t n)
{
	return cut_with(mask_sse2, t, p, n);
}

__attribute__((target("avx2,bmi,popcnt"))) static bool
cut_avx2(struct csv_cut *t, const uint8_t *p, size_t n)
{
	return cut_with(mask_avx2, t, p, n);
}

csv_cut_fn *
csv_cut_choose(void)
{
	bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
		    __builtin_cpu_supports("popcnt");

	return avx2 ? cut_avx2 : cut_sse2;
}

#else

static inline void
mask_plain(const uint8_t *p, const struct csv_cut *t, struct masks *m)
{
	*m = (struct masks){ 0 };
	for (unsigned i = 0; i < 64; i++) {
		uint64_t bit = UINT64_C(1) << i;

		m->sep |= p[i] == t->sep ? bit : 0;
		m->newline |= p[i] == '\n' ? bit : 0;
		m->quote |= p[i] == t->quote ? bit : 0;
		m->odd |= p[i] == 0 || p[i] >= 0x80 ? bit : 0;
	}
}

static bool
cut_plain(struct csv_cut *t, const uint8_t *p, size_t n)
{
	return cut_with(mask_plain, t, p, n);
}

csv_cut_fn *
csv_cut_choose(void)
{
	return cut_plain;
}

#endif
