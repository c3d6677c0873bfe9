/* row: see row.h. */
#include "row/row.h"

#include "row/copy.h"

#define TAGS(n) (ROW_HDR + 8 * (size_t)(n))  /* offset of the tags */
#define FIXED(n) (ROW_HDR + 9 * (size_t)(n)) /* offset of the variable parts */
#define ALIGN8(n) (((n) + 7) & ~(size_t)7)

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
	const uint8_t *tags = r + TAGS(n), *slots = r + ROW_HDR;
	uint64_t lo = FIXED(n), bits = 0, sign = 0;
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

#if defined(__x86_64__)
#include <immintrin.h>

/* The same rules for four slots at a time; the lanes behind the last slot read as absent. */
__attribute__((target("avx2"))) static bool
slots_check_avx2(const uint8_t *r, unsigned n, uint64_t len)
{
	const __m256i lane = _mm256_set_epi64x(3, 2, 1, 0), one = _mm256_set1_epi64x(1);
	const __m256i low = _mm256_set1_epi64x(UINT32_MAX), end = _mm256_set1_epi64x((int64_t)len);
	const __m256i lo = _mm256_set1_epi64x((int64_t)FIXED(n));
	const __m256i exp = _mm256_set1_epi64x(F64_EXP), exp1 = _mm256_set1_epi64x(F64_EXP1);
	__m256i bits = _mm256_setzero_si256(), sign = _mm256_setzero_si256();

	for (unsigned i = 0; i < n; i += 4) {
		/* Tags are padded to a multiple of 4 within the row; slots are not. */
		__m256i live = _mm256_cmpgt_epi64(_mm256_set1_epi64x((int64_t)n - i), lane);
		__m128i t4 = _mm_cvtsi32_si128((int)le32get(r + TAGS(n) + i));
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
#endif

/* All but the slots. */
static bool
header_check(const uint8_t *r, size_t len)
{
	unsigned n;

	if (len < ROW_MARK || row_len(r) != len)
		return false;
	n = row_n(r);
	if (r[6] == ROW_WATERMARK)
		return len == ROW_MARK && n == 0 && r[7] == 0;
	if (r[6] > ROW_DELETE || r[7] > ROW_KEYED || n > SCHEMA_MAX || len > ROW_MAX ||
	    len % 8 != 0 || len < ALIGN8(FIXED(n)))
		return false;
	return r[7] != 0 || row_hash(r) == 0;
}

bool
row_check_plain(const uint8_t *r, size_t len)
{
	return header_check(r, len) && slots_check_plain(r, row_n(r), len);
}

bool
row_check(const uint8_t *r, size_t len)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return header_check(r, len) && slots_check_avx2(r, row_n(r), len);
#endif
	return row_check_plain(r, len);
}

int
rowb_begin(struct rowb *w, struct buf *b, unsigned n, enum row_kind kind, int64_t time)
{
	uint8_t *p;

	*w = (struct rowb){ .b = b, .at = b->n, .n = n };
	if (n > SCHEMA_MAX)
		return ferr(FERR_LIMIT, "more than %d fields in one record", SCHEMA_MAX);
	if (buf_room(b, FIXED(n)) != 0)
		return FERR_NOMEM;
	p = b->p + b->n;
	memset(p, 0, FIXED(n));
	le16put(p + 4, (uint16_t)n);
	p[6] = (uint8_t)kind;
	row_set_time(p, time);
	b->n += FIXED(n);
	return 0;
}

static int
too_long(void)
{
	return ferr(FERR_LIMIT, "a record of more than %u bytes", ROW_MAX);
}

int
rowb_set(struct rowb *w, unsigned i, const struct val *v)
{
	struct buf *b = w->b;
	size_t off = b->n - w->at;
	uint64_t slot = (uint64_t)v->i;
	uint8_t *p;

	if (v->t >= VAL_STR) {
		if (v->n > ROW_MAX - off)
			return too_long();
		if (buf_room(b, v->n) != 0)
			return FERR_NOMEM;
		copy_short(b->p + b->n, v->s, v->n);
		b->n += v->n;
		slot = off | (uint64_t)v->n << 32;
	} else if (v->t <= VAL_NULL) {
		slot = 0;
	} else if (v->t == VAL_BOOL) {
		slot = v->i != 0;
	}
	p = b->p + w->at;
	le64put(p + ROW_HDR + 8 * i, slot);
	p[TAGS(w->n) + i] = v->t;
	return 0;
}

int
rowb_end(struct rowb *w)
{
	struct buf *b = w->b;
	size_t len = b->n - w->at, padded = ALIGN8(len);

	if (padded > ROW_MAX) {
		rowb_drop(w);
		return too_long();
	}
	if (buf_room(b, 8) != 0) {
		rowb_drop(w);
		return FERR_NOMEM;
	}
	memset(b->p + b->n, 0, 8);
	b->n += padded - len;
	le32put(b->p + w->at, (uint32_t)padded);
	return 0;
}

void
rowb_drop(struct rowb *w)
{
	w->b->n = w->at;
}

int
row_remap(const uint8_t *r, unsigned n, const int *map, struct buf *out)
{
	struct rowb w;
	int rc;

	if ((rc = rowb_begin(&w, out, n, row_kind(r), row_time(r))) != 0)
		return rc;
	for (unsigned i = 0, m = row_n(r); i < m; i++) {
		struct val v;

		if (map[i] < 0)
			continue;
		v = row_raw(r, i);
		if ((rc = rowb_set(&w, (unsigned)map[i], &v)) != 0) {
			rowb_drop(&w);
			return rc;
		}
	}
	if (r[7] & ROW_KEYED)
		row_set_hash(out->p + w.at, row_hash(r));
	return rowb_end(&w);
}
