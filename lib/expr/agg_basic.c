/*
 * agg_basic -- the aggregates that need a few words only: count, any, all, sum, avg, stddev.
 *
 * What is counted in integers is exact, so rows and blocks can be taken back.  A sum keeps its i64
 * part in 128 bits, which no stream can overflow, and the f64 values that allow it as a 128-bit
 * multiple of 2^-80: that covers numbers such as amounts and degrees from about 4e-9 to 4e13 to
 * their last bit, so their sum is exact, whatever the order, and can be taken back too.  The other
 * f64 values go to Neumaier's sum and error, which can be taken back exactly only as a whole.
 * stddev is Welford's, merged as Chan et al. have it.
 */
#include "expr/agg_internal.h"

#include <math.h>

/* count(), count(EXPR) */

static int
count_add(struct agg *a, void *acc)
{
	(void)a;
	++*(uint64_t *)acc;
	return 0;
}

static int
count_may_retract(const struct agg *a, const void *acc)
{
	(void)a;
	return *(const uint64_t *)acc != 0 ? 0 : FERR_AGAIN;
}

static void
count_retract(const struct agg *a, void *acc)
{
	(void)a;
	--*(uint64_t *)acc;
}

static int
count_merge(struct agg *a, void *acc, const void *from)
{
	(void)a;
	*(uint64_t *)acc += *(const uint64_t *)from;
	return 0;
}

static int
count_may_unmerge(const struct agg *a, const void *acc, const void *other)
{
	(void)a;
	return *(const uint64_t *)acc >= *(const uint64_t *)other ? 0 : FERR_AGAIN;
}

static void
count_unmerge(const struct agg *a, void *acc, const void *other)
{
	(void)a;
	*(uint64_t *)acc -= *(const uint64_t *)other;
}

static int
count_result(struct agg *a, const void *acc, struct val *v)
{
	(void)a;
	*v = val_i64((int64_t) * (const uint64_t *)acc);
	return 0;
}

static int
count_encode(const struct agg *a, const void *acc, struct buf *out)
{
	(void)a;
	return agg_put_uint(out, *(const uint64_t *)acc);
}

static int
count_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	(void)a;
	return agg_get_uint(c, acc) ? 0 : FERR_CORRUPT;
}

const struct agg_class agg_count = {
	.name = "count",
	.usage = "count()",
	.args = "",
	.version = 1,
	.flags = AGG_RETRACT,
	.size = sizeof(uint64_t),
	.add = count_add,
	.may_retract = count_may_retract,
	.retract = count_retract,
	.merge = count_merge,
	.may_unmerge = count_may_unmerge,
	.unmerge = count_unmerge,
	.result = count_result,
	.encode = count_encode,
	.decode = count_decode,
};

static int
accept_condition(struct agg *a)
{
	return a->v.t == VAL_BOOL ? 0 : agg_type_error(a, "a condition", &a->v);
}

static int
count_if_accept(struct agg *a)
{
	if (a->v.t != VAL_BOOL)
		return agg_type_error(a, "a condition (such as .x > 5, .x != null)", &a->v);
	a->skip = !a->v.i;
	return 0;
}

const struct agg_class agg_count_if = {
	.name = "count",
	.usage = "count(CONDITION)",
	.args = "x",
	.version = 1,
	.flags = AGG_RETRACT,
	.size = sizeof(uint64_t),
	.accept = count_if_accept,
	.add = count_add,
	.may_retract = count_may_retract,
	.retract = count_retract,
	.merge = count_merge,
	.may_unmerge = count_may_unmerge,
	.unmerge = count_unmerge,
	.result = count_result,
	.encode = count_encode,
	.decode = count_decode,
};

/* any(EXPR), all(EXPR) */

struct votes {
	uint64_t n[2]; /* of false, of true */
};

static int
votes_add(struct agg *a, void *acc)
{
	((struct votes *)acc)->n[a->v.i != 0]++;
	return 0;
}

static int
votes_may_retract(const struct agg *a, const void *acc)
{
	return ((const struct votes *)acc)->n[a->v.i != 0] != 0 ? 0 : FERR_AGAIN;
}

static void
votes_retract(const struct agg *a, void *acc)
{
	((struct votes *)acc)->n[a->v.i != 0]--;
}

static int
votes_merge(struct agg *a, void *acc, const void *from)
{
	struct votes *t = acc;
	const struct votes *f = from;

	(void)a;
	t->n[0] += f->n[0];
	t->n[1] += f->n[1];
	return 0;
}

static int
votes_may_unmerge(const struct agg *a, const void *acc, const void *other)
{
	const struct votes *t = acc, *o = other;

	(void)a;
	return t->n[0] >= o->n[0] && t->n[1] >= o->n[1] ? 0 : FERR_AGAIN;
}

static void
votes_unmerge(const struct agg *a, void *acc, const void *other)
{
	struct votes *t = acc;
	const struct votes *o = other;

	(void)a;
	t->n[0] -= o->n[0];
	t->n[1] -= o->n[1];
}

static int
votes_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct votes *t = acc;

	(void)a;
	if (agg_put_uint(out, t->n[0]) != 0)
		return FERR_NOMEM;
	return agg_put_uint(out, t->n[1]);
}

static int
votes_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct votes *t = acc;

	(void)a;
	return agg_get_uint(c, &t->n[0]) && agg_get_uint(c, &t->n[1]) ? 0 : FERR_CORRUPT;
}

static int
any_result(struct agg *a, const void *acc, struct val *v)
{
	const struct votes *t = acc;

	(void)a;
	*v = t->n[0] + t->n[1] == 0 ? VAL_NULLV : val_bool(t->n[1] != 0);
	return 0;
}

static int
all_result(struct agg *a, const void *acc, struct val *v)
{
	const struct votes *t = acc;

	(void)a;
	*v = t->n[0] + t->n[1] == 0 ? VAL_NULLV : val_bool(t->n[0] == 0);
	return 0;
}

const struct agg_class agg_any = {
	.name = "any",
	.usage = "any(CONDITION)",
	.args = "x",
	.version = 1,
	.flags = AGG_RETRACT,
	.size = sizeof(struct votes),
	.accept = accept_condition,
	.add = votes_add,
	.may_retract = votes_may_retract,
	.retract = votes_retract,
	.merge = votes_merge,
	.may_unmerge = votes_may_unmerge,
	.unmerge = votes_unmerge,
	.result = any_result,
	.encode = votes_encode,
	.decode = votes_decode,
};

const struct agg_class agg_all = {
	.name = "all",
	.usage = "all(CONDITION)",
	.args = "x",
	.version = 1,
	.flags = AGG_RETRACT,
	.size = sizeof(struct votes),
	.accept = accept_condition,
	.add = votes_add,
	.may_retract = votes_may_retract,
	.retract = votes_retract,
	.merge = votes_merge,
	.may_unmerge = votes_may_unmerge,
	.unmerge = votes_unmerge,
	.result = all_result,
	.encode = votes_encode,
	.decode = votes_decode,
};

/* sum(EXPR), avg(EXPR) */

typedef __int128 wide __attribute__((aligned(8))); /* blocks are aligned to 8 */

#define WIDE_MAX ((wide)1 << 126) /* what no stream reaches */

#define FIXED_BITS 80 /* behind the point */
#define FIXED_MAX ((wide)1 << 126)

struct sum {
	wide i;	       /* of the i64 values */
	wide fixed;    /* of the f64 values that are multiples of 2^-80, times 2^80 */
	double f, err; /* of the other f64 values: f + err */
	uint64_t ni, nf;
	uint64_t rough; /* f and err are in use */
};

static bool
fits_i64(wide i)
{
	return i >= INT64_MIN && i <= INT64_MAX;
}

/* f + err += x, exact but for the last digits of err (Neumaier). */
static void
add_f64(double *f, double *err, double x)
{
	double t = *f + x;

	*err += fabs(*f) >= fabs(x) ? (*f - t) + x : (x - t) + *f;
	*f = t;
}

/* x as a multiple of 2^-80: false when it is none, or too large. */
static bool
to_fixed(double x, wide *out)
{
	uint64_t bits;
	int shift;
	wide m;

	memcpy(&bits, &x, sizeof(bits));
	shift = (int)(bits >> 52 & 0x7ff) - 1075 + FIXED_BITS;
	m = (wide)(bits & ((1ULL << 52) - 1));
	if ((bits << 1) == 0) {
		*out = 0;
		return true;
	}
	if ((bits >> 52 & 0x7ff) == 0 || shift > 126 - 54)
		return false;
	m |= (wide)1 << 52;
	if (shift < 0) {
		if (shift < -52 || ((uint64_t)m & ((1ULL << -shift) - 1)) != 0)
			return false;
		m >>= -shift;
	} else {
		m <<= shift;
	}
	*out = (bits >> 63) != 0 ? -m : m;
	return true;
}

static double
from_fixed(wide x)
{
	return ldexp((double)x, -FIXED_BITS);
}

/* Add a multiple of 2^-80; when there is no room for more of them, all become rough. */
static void
add_fixed(struct sum *s, wide x)
{
	s->fixed += x;
	if (s->fixed < FIXED_MAX && s->fixed > -FIXED_MAX)
		return;
	add_f64(&s->f, &s->err, from_fixed(s->fixed));
	s->fixed = 0;
	s->rough = 1;
}

static int
overflow(const struct agg *a, const char *type)
{
	return ferr(FERR_DATA, "%s overflows %s (in '%s')", a->cls->name, type, a->name);
}

/* An f64 sum that grows beyond f64 is a bad record; so is an i64 sum (not an avg) beyond i64. */
static int
avg_may_add(const struct agg *a, const void *acc)
{
	const struct sum *s = acc;

	if (a->v.t == VAL_F64 && !isfinite(s->f + a->v.f))
		return overflow(a, "f64");
	return 0;
}

static int
sum_may_add(const struct agg *a, const void *acc)
{
	const struct sum *s = acc;

	if (a->v.t == VAL_I64 && s->nf == 0 && !fits_i64(s->i + a->v.i))
		return overflow(a, "i64");
	return avg_may_add(a, acc);
}

static int
sum_add(struct agg *a, void *acc)
{
	struct sum *s = acc;
	wide x;

	if (a->v.t == VAL_I64) {
		s->i += a->v.i;
		s->ni++;
		return 0;
	}
	s->nf++;
	if (to_fixed(a->v.f, &x)) {
		add_fixed(s, x);
	} else {
		add_f64(&s->f, &s->err, a->v.f);
		s->rough = 1;
	}
	return 0;
}

static void
clear_f64(struct sum *s)
{
	s->fixed = 0;
	s->f = s->err = 0;
	s->nf = s->rough = 0;
}

static int
sum_may_retract(const struct agg *a, const void *acc)
{
	const struct sum *s = acc;
	wide x;

	if (a->v.t == VAL_I64)
		return s->ni != 0 ? 0 : FERR_AGAIN;
	if (s->nf == 1 || (s->nf != 0 && !s->rough && to_fixed(a->v.f, &x)))
		return 0;
	return a->rounds && s->nf != 0 && s->rough && isfinite(s->f - a->v.f) ? 0 : FERR_AGAIN;
}

static void
sum_retract(const struct agg *a, void *acc)
{
	struct sum *s = acc;
	wide x = 0;

	if (a->v.t == VAL_I64) {
		s->i -= a->v.i;
		s->ni--;
	} else if (s->nf == 1) {
		clear_f64(s);
	} else {
		if (to_fixed(a->v.f, &x))
			add_fixed(s, -x);
		else
			add_f64(&s->f, &s->err, -a->v.f);
		s->nf--;
	}
}

static int
sum_merge(struct agg *a, void *acc, const void *from)
{
	struct sum *s = acc;
	const struct sum *f = from;

	(void)a;
	s->i += f->i;
	s->ni += f->ni;
	s->nf += f->nf;
	add_fixed(s, f->fixed);
	if (f->rough) {
		add_f64(&s->f, &s->err, f->f);
		s->err += f->err;
		s->rough = 1;
	}
	return 0;
}

static int
sum_may_unmerge(const struct agg *a, const void *acc, const void *other)
{
	const struct sum *s = acc, *o = other;

	(void)a;
	if (s->ni < o->ni || s->nf < o->nf)
		return FERR_AGAIN;
	return o->nf == 0 || o->nf == s->nf || (!s->rough && !o->rough) ? 0 : FERR_AGAIN;
}

static void
sum_unmerge(const struct agg *a, void *acc, const void *other)
{
	struct sum *s = acc;
	const struct sum *o = other;

	(void)a;
	s->i -= o->i;
	s->ni -= o->ni;
	if (o->nf != 0 && o->nf == s->nf) {
		clear_f64(s);
	} else {
		s->fixed -= o->fixed;
		s->nf -= o->nf;
	}
}

/* All parts together as f64: rounded once when they are exact and fit together. */
static double
sum_f64(const struct sum *s)
{
	double f = s->f, err = s->err, hi = (double)s->i;
	wide most = FIXED_MAX >> (FIXED_BITS + 1);

	if (!s->rough && s->i < most && s->i > -most && s->fixed < FIXED_MAX / 2 &&
	    s->fixed > -FIXED_MAX / 2)
		return from_fixed((s->i * ((wide)1 << FIXED_BITS)) + s->fixed);
	add_f64(&f, &err, from_fixed(s->fixed));
	add_f64(&f, &err, hi);
	add_f64(&f, &err, (double)(s->i - (wide)hi));
	return f + err;
}

static int
finish_f64(const struct agg *a, double f, struct val *v)
{
	if (!isfinite(f))
		return overflow(a, "f64");
	*v = val_f64(f);
	return 0;
}

static int
sum_result(struct agg *a, const void *acc, struct val *v)
{
	const struct sum *s = acc;

	if (s->nf != 0)
		return finish_f64(a, sum_f64(s), v);
	if (!fits_i64(s->i))
		return overflow(a, "i64");
	*v = s->ni == 0 ? VAL_NULLV : val_i64((int64_t)s->i);
	return 0;
}

static int
avg_result(struct agg *a, const void *acc, struct val *v)
{
	const struct sum *s = acc;
	uint64_t n = s->ni + s->nf;

	if (n == 0) {
		*v = VAL_NULLV;
		return 0;
	}
	return finish_f64(a, sum_f64(s) / (double)n, v);
}

static int
sum_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct sum *s = acc;
	uint8_t width = fits_i64(s->i) ? 8 : 16;
	int rc;

	(void)a;
	if ((rc = agg_put_uint(out, s->ni)) != 0 || (rc = agg_put_uint(out, s->nf)) != 0)
		return rc;
	if (s->ni != 0 &&
	    ((rc = buf_putc(out, width)) != 0 || (rc = buf_put(out, &s->i, width)) != 0))
		return rc;
	if (s->nf == 0)
		return 0;
	if ((rc = buf_putc(out, (uint8_t)s->rough)) != 0 ||
	    (rc = buf_put(out, &s->fixed, sizeof(s->fixed))) != 0)
		return rc;
	return s->rough ? agg_put_f64s(out, (double[]){ s->f, s->err }, 2) : 0;
}

static int
sum_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct sum *s = acc;
	const uint8_t *p;
	uint8_t width;

	(void)a;
	if (!agg_get_uint(c, &s->ni) || !agg_get_uint(c, &s->nf))
		return FERR_CORRUPT;
	if (s->ni != 0) {
		if (!agg_get_bytes(c, 1, &p) || ((width = *p) != 8 && width != 16) ||
		    !agg_get_bytes(c, width, &p))
			return FERR_CORRUPT;
		if (width == 8)
			s->i = (int64_t)le64get(p);
		else
			memcpy(&s->i, p, sizeof(s->i));
		if (s->i > WIDE_MAX || s->i < -WIDE_MAX)
			return FERR_CORRUPT;
	}
	if (s->nf == 0)
		return 0;
	if (!agg_get_bytes(c, 1, &p) || (s->rough = *p) > 1 ||
	    !agg_get_bytes(c, sizeof(s->fixed), &p))
		return FERR_CORRUPT;
	memcpy(&s->fixed, p, sizeof(s->fixed));
	if (s->fixed >= FIXED_MAX || s->fixed <= -FIXED_MAX)
		return FERR_CORRUPT;
	return !s->rough || (agg_get_f64(c, &s->f) && agg_get_f64(c, &s->err)) ? 0 : FERR_CORRUPT;
}

const struct agg_class agg_sum = {
	.name = "sum",
	.usage = "sum(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_RETRACT,
	.size = sizeof(struct sum),
	.accept = agg_accept_number,
	.may_add = sum_may_add,
	.add = sum_add,
	.may_retract = sum_may_retract,
	.retract = sum_retract,
	.merge = sum_merge,
	.may_unmerge = sum_may_unmerge,
	.unmerge = sum_unmerge,
	.result = sum_result,
	.encode = sum_encode,
	.decode = sum_decode,
};

const struct agg_class agg_avg = {
	.name = "avg",
	.usage = "avg(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_RETRACT,
	.size = sizeof(struct sum),
	.accept = agg_accept_number,
	.may_add = avg_may_add,
	.add = sum_add,
	.may_retract = sum_may_retract,
	.retract = sum_retract,
	.merge = sum_merge,
	.may_unmerge = sum_may_unmerge,
	.unmerge = sum_unmerge,
	.result = avg_result,
	.encode = sum_encode,
	.decode = sum_decode,
};

/* stddev(EXPR), stddev_pop(EXPR) */

struct spread {
	uint64_t n;
	double mean;
	double m2; /* sum of squared distances from the mean */
};

static int
spread_add(struct agg *a, void *acc)
{
	struct spread *s = acc;
	double x = agg_f64(&a->v), d = x - s->mean;

	s->n++;
	s->mean += d / (double)s->n;
	s->m2 += d * (x - s->mean);
	return 0;
}

static int
spread_merge(struct agg *a, void *acc, const void *from)
{
	struct spread *s = acc;
	const struct spread *f = from;
	double d = f->mean - s->mean, n = (double)(s->n + f->n);

	(void)a;
	if (f->n == 0)
		return 0;
	s->m2 += f->m2 + d * d * ((double)s->n * ((double)f->n / n));
	s->mean += d * ((double)f->n / n);
	s->n += f->n;
	return 0;
}

static int
spread_finish(struct agg *a, const struct spread *s, uint64_t freedom, struct val *v)
{
	if (freedom == 0) {
		*v = VAL_NULLV;
		return 0;
	}
	return finish_f64(a, sqrt(s->m2 / (double)freedom), v);
}

static int
stddev_result(struct agg *a, const void *acc, struct val *v)
{
	const struct spread *s = acc;

	return spread_finish(a, s, s->n == 0 ? 0 : s->n - 1, v);
}

static int
stddev_pop_result(struct agg *a, const void *acc, struct val *v)
{
	const struct spread *s = acc;

	return spread_finish(a, s, s->n, v);
}

static int
spread_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct spread *s = acc;

	(void)a;
	if (agg_put_uint(out, s->n) != 0)
		return FERR_NOMEM;
	return s->n == 0 ? 0 : agg_put_f64s(out, (double[]){ s->mean, s->m2 }, 2);
}

static int
spread_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct spread *s = acc;

	(void)a;
	if (!agg_get_uint(c, &s->n))
		return FERR_CORRUPT;
	if (s->n != 0 && (!agg_get_f64(c, &s->mean) || !agg_get_f64(c, &s->m2)))
		return FERR_CORRUPT;
	return 0;
}

const struct agg_class agg_stddev = {
	.name = "stddev",
	.usage = "stddev(EXPR)",
	.args = "x",
	.version = 1,
	.size = sizeof(struct spread),
	.accept = agg_accept_number,
	.add = spread_add,
	.merge = spread_merge,
	.result = stddev_result,
	.encode = spread_encode,
	.decode = spread_decode,
};

const struct agg_class agg_stddev_pop = {
	.name = "stddev_pop",
	.usage = "stddev_pop(EXPR)",
	.args = "x",
	.version = 1,
	.size = sizeof(struct spread),
	.accept = agg_accept_number,
	.add = spread_add,
	.merge = spread_merge,
	.result = stddev_pop_result,
	.encode = spread_encode,
	.decode = spread_decode,
};
