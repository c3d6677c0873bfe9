/* key: see key.h. */
#include "row/key.h"

#include <math.h>

#include "base/hash.h"

#define PART_LEN 4u /* length in front of each part of a composite key */

/* Is f an integer that i64 holds?  (-0.0 is: 0.) */
static bool
integral(double f, int64_t *i)
{
	if (!(f >= -0x1p63 && f < 0x1p63))
		return false;
	*i = (int64_t)f;
	return (double)*i == f;
}

static int
put_long(struct buf *out, uint8_t type, const char *s, size_t n)
{
	if (buf_room(out, 1 + n) != 0)
		return FERR_NOMEM;
	out->p[out->n] = type;
	memcpy(out->p + out->n + 1, s, n);
	out->n += 1 + n;
	return 0;
}

/* The n < 16 bytes at s as two words, zeros behind them; reads nothing past n. */
static inline void
load_short(const uint8_t *s, size_t n, uint64_t *lo, uint64_t *hi)
{
	*hi = 0;
	if (n > 8) {
		*lo = le64get(s);
		*hi = le64get(s + n - 8) >> 8 * (16 - n);
	} else if (n == 8) {
		*lo = le64get(s);
	} else if (n >= 4) {
		*lo = le32get(s) | (uint64_t)le32get(s + n - 4) << 8 * (n - 4);
	} else if (n > 0) {
		*lo = s[0] | (uint64_t)s[n / 2] << 8 * (n / 2) | (uint64_t)s[n - 1] << 8 * (n - 1);
	} else {
		*lo = 0;
	}
}

/*
 * Append a short part, its payload given as by load_short().  Keys are hashed at once, and a load
 * that spans two fresh stores waits until both are in the cache; so the part is made in a register
 * and stored whole (what is too much falls into the buffer's slack).
 */
static inline int
put_short(struct buf *out, uint8_t type, uint64_t lo, uint64_t hi, size_t n)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	pair v = { lo << 8 | type, hi << 8 | lo >> 56 };

	if (buf_room(out, 1 + n) != 0)
		return FERR_NOMEM;
	memcpy(out->p + out->n, &v, sizeof(v));
	out->n += 1 + n;
	return 0;
}

static inline int
put_text(struct buf *out, uint8_t type, const char *s, size_t n)
{
	uint64_t lo, hi;

	if (n > 15)
		return put_long(out, type, s, n);
	load_short((const uint8_t *)s, n, &lo, &hi);
	return put_short(out, type, lo, hi, n);
}

int
key_part(const struct val *given, struct buf *out)
{
	struct val v = val_resolve(*given);
	int64_t i;

	switch (v.t) {
	case VAL_STR:
	case VAL_BYTES:
	case VAL_JSON: return put_text(out, v.t, v.s, v.n);
	case VAL_F64:
		if (!integral(v.f, &i))
			return put_short(out, VAL_F64, (uint64_t)v.i, 0, 8);
		return put_short(out, VAL_I64, (uint64_t)i, 0, 8);
	case VAL_I64:
	case VAL_TIME: return put_short(out, v.t, (uint64_t)v.i, 0, 8);
	case VAL_BOOL: return put_short(out, VAL_BOOL, v.i != 0, 0, 1);
	default: return put_short(out, VAL_NULL, 0, 0, 0);
	}
}

int
key_bytes(const struct schema *s, const uint8_t *r, struct buf *out)
{
	size_t start = out->n;
	struct val v;

	if (s->nkey == 1) {
		v = row_raw(r, s->key[0]);
		if (v.t == VAL_STR)
			return put_text(out, VAL_STR, v.s, v.n);
		return key_part(&v, out);
	}
	for (unsigned i = 0; i < s->nkey; i++) {
		size_t at = out->n;

		v = row_raw(r, s->key[i]);
		if (buf_room(out, PART_LEN) != 0)
			goto fail;
		out->n += PART_LEN;
		if (key_part(&v, out) != 0)
			goto fail;
		le32put(out->p + at, (uint32_t)(out->n - at - PART_LEN));
	}
	return 0;
fail:
	out->n = start;
	return FERR_NOMEM;
}

uint64_t
key_hash(const void *p, size_t n)
{
	return hash64(p, n);
}

/* One part back; only what key_part() writes is accepted. */
static bool
part_value(const uint8_t *p, size_t n, struct val *v)
{
	int64_t i;

	if (n == 0)
		return false;
	*v = (struct val){ .t = p[0] };
	p++;
	n--;
	switch (v->t) {
	case VAL_NULL: return n == 0;
	case VAL_BOOL: v->i = n == 1 ? p[0] : 2; return v->i <= 1;
	case VAL_I64:
	case VAL_TIME:
		if (n != 8)
			return false;
		v->i = (int64_t)le64get(p);
		return true;
	case VAL_F64:
		if (n != 8)
			return false;
		memcpy(&v->f, p, 8);
		return isfinite(v->f) && !integral(v->f, &i);
	case VAL_STR:
	case VAL_BYTES:
	case VAL_JSON:
		v->s = (const char *)p;
		v->n = (uint32_t)n;
		return n <= ROW_MAX && (v->t != VAL_JSON || n != 0);
	default: return false;
	}
}

int
key_values(const uint8_t *p, size_t n, unsigned nparts, struct val *out)
{
	if (nparts == 1)
		return part_value(p, n, out) ? 0 : ferr(FERR_CORRUPT, "a stored key is damaged");
	for (unsigned i = 0; i < nparts; i++) {
		size_t len = n >= PART_LEN ? le32get(p) : 0;

		if (n < PART_LEN || n - PART_LEN < len || !part_value(p + PART_LEN, len, &out[i]))
			return ferr(FERR_CORRUPT, "a stored key is damaged");
		p += PART_LEN + len;
		n -= PART_LEN + len;
	}
	return n == 0 ? 0 : ferr(FERR_CORRUPT, "a stored key is damaged");
}
