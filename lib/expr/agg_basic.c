/*
 * agg_basic -- the aggregates that need a few words only: count, any, all, sum, avg, stddev.
 *
 * What is counted in integers is exact, so rows and blocks can be taken back.  A sum keeps its i64
 * part in 128 bits, which no stream can overflow, and its f64 part as Neumaier's sum and error; the
 * f64 part can be taken back only as a whole.  stddev is Welford's, merged as Chan et al. have it.
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

struct sum {
	wide i;
	double f, err; /* the f64 part is f + err */
	uint64_t ni, nf;
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

	if (a->v.t == VAL_I64) {
		s->i += a->v.i;
		s->ni++;
	} else {
		add_f64(&s->f, &s->err, a->v.f);
		s->nf++;
	}
	return 0;
}

static int
sum_may_retract(const struct agg *a, const void *acc)
{
	const struct sum *s = acc;

	if (a->v.t == VAL_I64)
		return s->ni != 0 ? 0 : FERR_AGAIN;
	return s->nf == 1 ? 0 : FERR_AGAIN;
}

static void
sum_retract(const struct agg *a, void *acc)
{
	struct sum *s = acc;

	if (a->v.t == VAL_I64) {
		s->i -= a->v.i;
		s->ni--;
	} else {
		s->f = s->err = 0;
		s->nf = 0;
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
	if (f->nf != 0) {
		add_f64(&s->f, &s->err, f->f);
		s->err += f->err;
		s->nf += f->nf;
	}
	return 0;
}

static int
sum_may_unmerge(const struct agg *a, const void *acc, const void *other)
{
	const struct sum *s = acc, *o = other;

	(void)a;
	return s->ni >= o->ni && (o->nf == 0 || o->nf == s->nf) ? 0 : FERR_AGAIN;
}

static void
sum_unmerge(const struct agg *a, void *acc, const void *other)
{
	struct sum *s = acc;
	const struct sum *o = other;

	(void)a;
	s->i -= o->i;
	s->ni -= o->ni;
	if (o->nf != 0) {
		s->f = s->err = 0;
		s->nf = 0;
	}
}

/* Both parts together as f64. */
static double
sum_f64(const struct sum *s)
{
	double f = s->f, err = s->err, hi = (double)s->i;

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
	return s->nf != 0 ? agg_put_f64s(out, (double[]){ s->f, s->err }, 2) : 0;
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
	if (s->nf != 0 && (!agg_get_f64(c, &s->f) || !agg_get_f64(c, &s->err)))
		return FERR_CORRUPT;
	return 0;
}

const struct agg_class agg_sum = {
	.name = "sum",
	.usage = "sum(EXPR)",
	.args = "x",
	.version = 1,
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
