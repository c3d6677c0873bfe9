/* check: is it a sound row?  See row_check() in row.h. */
#include "row/row_internal.h"

static bool
everywhere(void)
{
	return true;
}

/* All but the slots. */
static inline bool
header_check(const uint8_t *r, size_t len)
{
	unsigned n;

	if (len < ROW_MARK || row_len(r) != len)
		return false;
	n = row_n(r);
	if (r[6] > ROW_DELETE || r[7] > ROW_KEYED)
		return r[6] == ROW_WATERMARK && len == ROW_MARK && n == 0 && r[7] == 0;
	if (len % 8 != 0 || len > ROW_MAX || n > SCHEMA_MAX || len < ROW_FIXED(n))
		return false;
	return r[7] != 0 || row_hash(r) == 0;
}

/*
 * Rules of a slot, per tag.  `zero`: bits of it that must not be set.  The others select tests
 * whose sign bit tells a fault: text must lie within the row and behind the tags, JSON is never
 * empty, an f64 is finite.  (Tags above VAL_TYPE_MAX are refused separately.)
 */
static const struct {
	uint64_t zero, text, json, f64;
} rules[16] = {
	[VAL_ABSENT] = { .zero = UINT64_MAX },
	[VAL_NULL] = { .zero = UINT64_MAX },
	[VAL_BOOL] = { .zero = ~UINT64_C(1) },
	[VAL_F64] = { .f64 = UINT64_MAX },
	[VAL_STR] = { .text = UINT64_MAX },
	[VAL_BYTES] = { .text = UINT64_MAX },
	[VAL_JSON] = { .text = UINT64_MAX, .json = UINT64_MAX },
	[VAL_CELL] = { .text = UINT64_MAX },
};

#define F64_EXP UINT64_C(0x7ff0000000000000) /* all set: infinite or NaN */
#define F64_EXP1 UINT64_C(0x0010000000000000)

static bool
slots_check_plain(const uint8_t *r, unsigned n, uint64_t len)
{
	const uint8_t *tags = r + ROW_TAGS(n), *slots = r + ROW_HDR;
	uint64_t lo = ROW_FIXED(n), bits = 0, sign = 0;
	unsigned high = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t s = le64get(slots + 8 * i), off = (uint32_t)s, size = s >> 32;
		unsigned t = tags[i], k = t & 15;

		high |= t + (255 - VAL_TYPE_MAX);
		bits |= s & rules[k].zero;
		sign |= ((off - lo) | (len - off - size)) & rules[k].text;
		sign |= (size - 1) & rules[k].json;
		sign |= ((s & F64_EXP) + F64_EXP1) & rules[k].f64;
	}
	return bits == 0 && sign >> 63 == 0 && high <= 255;
}

bool
row_check_plain(const uint8_t *r, size_t len)
{
	return header_check(r, len) && slots_check_plain(r, row_n(r), len);
}

#if defined(__x86_64__)
#include <immintrin.h>

/* The same rules for four slots at a time; the lanes behind the last slot read as absent. */
__attribute__((target("avx2"))) static bool
slots_check_avx2(const uint8_t *r, unsigned n, uint64_t len)
{
	const __m256i lane = _mm256_set_epi64x(3, 2, 1, 0), one = _mm256_set1_epi64x(1);
	const __m256i low = _mm256_set1_epi64x(UINT32_MAX), end = _mm256_set1_epi64x((int64_t)len);
	const __m256i lo = _mm256_set1_epi64x((int64_t)ROW_FIXED(n));
	const __m256i exp = _mm256_set1_epi64x(F64_EXP), exp1 = _mm256_set1_epi64x(F64_EXP1);
	__m256i bits = _mm256_setzero_si256(), sign = _mm256_setzero_si256();

	for (unsigned i = 0; i < n; i += 4) {
		/* Tags are padded to a multiple of 4 within the row; slots are not. */
		__m256i live = _mm256_cmpgt_epi64(_mm256_set1_epi64x((int64_t)n - i), lane);
		__m128i t4 = _mm_cvtsi32_si128((int)le32get(r + ROW_TAGS(n) + i));
		__m256i t = _mm256_and_si256(_mm256_cvtepu8_epi64(t4), live);
		__m256i s = _mm256_maskload_epi64((const void *)(r + ROW_HDR + 8 * i), live);
		__m256i off = _mm256_and_si256(s, low), size = _mm256_srli_epi64(s, 32);
		__m256i room = _mm256_sub_epi64(_mm256_sub_epi64(end, off), size);
		__m256i out = _mm256_or_si256(_mm256_sub_epi64(off, lo), room);
		__m256i inf = _mm256_add_epi64(_mm256_and_si256(s, exp), exp1);
		__m256i not01 = _mm256_andnot_si256(one, s), empty = _mm256_sub_epi64(size, one);

		bits |= s & _mm256_cmpgt_epi64(_mm256_set1_epi64x(VAL_BOOL), t);
		bits |= not01 & _mm256_cmpeq_epi64(t, _mm256_set1_epi64x(VAL_BOOL));
		sign |= out & _mm256_cmpgt_epi64(t, _mm256_set1_epi64x(VAL_STR - 1));
		sign |= empty & _mm256_cmpeq_epi64(t, _mm256_set1_epi64x(VAL_JSON));
		sign |= inf & _mm256_cmpeq_epi64(t, _mm256_set1_epi64x(VAL_F64));
		sign |= _mm256_cmpgt_epi64(t, _mm256_set1_epi64x(VAL_TYPE_MAX));
	}
	return _mm256_testz_si256(bits, bits) && _mm256_movemask_pd((__m256d)sign) == 0;
}

static bool
check_avx2(const uint8_t *r, size_t len)
{
	return header_check(r, len) && slots_check_avx2(r, row_n(r), len);
}

static bool
have_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

/*
 * The same rules for eight slots at a time, as ranges.  A slot is two halves of 32 bits; of a text
 * they are its offset (low) and length (high).  Each half has a least and a greatest value.  The
 * sum of both, in the place of the low one, must not be above the low one's greatest either: so a
 * text ends within the row.  (It cannot hide by wrapping, since each half alone is bounded too; for
 * the other types it forbids nothing more.)  An f64 is shifted left, to be rid of its sign.
 *
 * The tables go by the low three bits of the tag.  `most` is not asked for texts.  `json` is what
 * the least values of JSON have over those of other texts.
 */
#define HALVES(low, high) ((uint64_t)(low) | (uint64_t)(high) << 32)

_Alignas(64) static const uint64_t most[8] = {
	[VAL_BOOL] = HALVES(1, 0),
	[VAL_I64] = UINT64_MAX,
	[VAL_F64] = HALVES(UINT32_MAX, (F64_EXP >> 31) - 1),
	[VAL_TIME] = UINT64_MAX,
};
_Alignas(64) static const uint64_t json[8] = { [VAL_JSON & 7] = HALVES(0, 1) };

__attribute__((target("avx512f,avx512bw,avx512vl"))) static inline bool
slots_check_avx512(const uint8_t *r, unsigned n, uint32_t len)
{
	const __m512i begin = _mm512_set1_epi64(ROW_FIXED(n)), end = _mm512_set1_epi32((int)len);
	const __m512i text_least = _mm512_or_si512(begin, _mm512_load_si512(json));
	const __m512i type_most = _mm512_load_si512(most);
	const uint8_t *slots = r + ROW_HDR, *tags = r + ROW_TAGS(n);
	__mmask16 ok = 0xffff;

	for (unsigned i = 0; i < n; i += 8) {
		/* Lanes behind the last slot read as absent, and are not loaded. */
		__mmask8 live = n - i < 8 ? (__mmask8)(0xff >> (8 - (n - i))) : 0xff;
		__m128i t = _mm_maskz_loadu_epi8(live, tags + i);
		__m512i s = _mm512_maskz_loadu_epi64(live, slots + 8 * i);
		__mmask8 f64 = (__mmask8)_mm_cmpeq_epi8_mask(t, _mm_set1_epi8(VAL_F64));
		__mmask8 text = (__mmask8)_mm_cmpge_epu8_mask(t, _mm_set1_epi8(VAL_STR));
		__m512i type = _mm512_cvtepu8_epi64(t);
		__m512i lo = _mm512_maskz_permutexvar_epi64(text, type, text_least);
		__m512i hi = _mm512_mask_permutexvar_epi64(end, (__mmask8)~text, type, type_most);
		__m512i sum;

		s = _mm512_mask_slli_epi64(s, f64, s, 1);
		sum = _mm512_add_epi32(s, _mm512_srli_epi64(s, 32));
		ok &= _mm_cmple_epu8_mask(t, _mm_set1_epi8(VAL_TYPE_MAX));
		ok &= _mm512_cmple_epu32_mask(lo, s);
		ok &= _mm512_cmple_epu32_mask(_mm512_max_epu32(s, sum), hi);
	}
	return ok == 0xffff;
}

__attribute__((target("avx512f,avx512bw,avx512vl"))) static bool
check_avx512(const uint8_t *r, size_t len)
{
	return header_check(r, len) && slots_check_avx512(r, row_n(r), (uint32_t)len);
}

static bool
have_avx512(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

const struct row_check_form row_check_forms[] = {
#if defined(__x86_64__)
	{ "AVX-512", have_avx512, check_avx512 },
	{ "AVX2", have_avx2, check_avx2 },
#endif
	{ "plain", everywhere, row_check_plain },
	{ .name = NULL },
};

bool
row_check(const uint8_t *r, size_t len)
{
#if defined(__x86_64__)
	if (have_avx512())
		return check_avx512(r, len);
	if (have_avx2())
		return check_avx2(r, len);
#endif
	return row_check_plain(r, len);
}
