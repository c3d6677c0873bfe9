/*
 * agg_quantile -- quantile and median: exact up to EXACT_MAX values, then a sketch without random
 * numbers.
 *
 * The sketch has levels of at most K values; one at level h stands for 2^h.  A full level is sorted
 * and every other value of it goes up (the even ones and the odd ones in turn), the rest is
 * dropped.  That shifts the rank of anything by at most 2^h, and happens n / (K 2^h) times at level
 * h, so the error of a rank is below n L / K for L levels, whatever the values and their order: L
 * is 20 for 10^9 values, K is 2048, and taking turns halves it again, so 0.5 %, and in practice it
 * is far less.  (KLL with its coin replaced by turns, and levels of equal size in return.)
 */
#include "expr/agg_internal.h"

#include <math.h>
#include <stdlib.h>

#define EXACT_MAX 10000u
#define K 2048u /* even */
#define LEVELS 52

struct exact {
	uint32_t n, cap;
	uint32_t sorted; /* how many at the head are in order already */
	double v[];
};

struct sketch {
	double min, max;
	uint64_t odd;	 /* bit h: what goes up from level h next */
	unsigned levels; /* in use: those above have no values */
	uint32_t n[LEVELS];
	double *level[LEVELS]; /* room for K values; NULL: none was ever there */
	double tmp[K];	       /* for sorting */
};

/* One of the two, or none. */
struct sample {
	struct exact *exact;
	struct sketch *sketch;
};

/* The bits of an f64 as a number with the same order. */
static inline uint64_t
rank_bits(double d)
{
	uint64_t u;

	memcpy(&u, &d, sizeof(u));
	return u ^ ((u >> 63) != 0 ? UINT64_MAX : (uint64_t)1 << 63);
}

/* One step of a radix sort, by byte `byte`; false when all have the same there (nothing was moved).
 */
static bool
radix_step(const double *from, double *to, uint32_t n, unsigned byte)
{
	uint32_t at[256] = { 0 }, sum = 0;

	for (uint32_t i = 0; i < n; i++)
		at[rank_bits(from[i]) >> (8 * byte) & 255]++;
	if (at[rank_bits(from[0]) >> (8 * byte) & 255] == n)
		return false;
	for (unsigned b = 0; b < 256; b++) {
		uint32_t count = at[b];

		at[b] = sum;
		sum += count;
	}
	for (uint32_t i = 0; i < n; i++)
		to[at[rank_bits(from[i]) >> (8 * byte) & 255]++] = from[i];
	return true;
}

/* Sort; the first `sorted` are in order.  tmp has room for n. */
static void
sort_f64(double *v, uint32_t n, uint32_t sorted, double *tmp)
{
	double *from = v, *to = tmp, *swap;

	if (n - sorted <= 32) {
		for (uint32_t i = sorted; i < n; i++) {
			double x = v[i];
			uint32_t j = i;

			for (; j > 0 && v[j - 1] > x; j--)
				v[j] = v[j - 1];
			v[j] = x;
		}
		return;
	}
	for (unsigned byte = 0; byte < 8; byte++) {
		if (!radix_step(from, to, n, byte))
			continue;
		swap = from;
		from = to;
		to = swap;
	}
	if (from != v)
		memcpy(v, from, n * sizeof(*v));
}

static int sketch_push(struct sketch *s, unsigned h, double x);

/* Halve a full level into the one above. */
static int
sketch_compact(struct sketch *s, unsigned h)
{
	double *v = s->level[h];
	unsigned odd = s->odd >> h & 1;
	int rc;

	if (h + 1 == LEVELS)
		return ferr(FERR_LIMIT, "quantile cannot hold more values");
	sort_f64(v, K, 0, s->tmp);
	for (uint32_t i = odd; i < K; i += 2) {
		if ((rc = sketch_push(s, h + 1, v[i])) != 0)
			return rc;
	}
	s->odd ^= (uint64_t)1 << h;
	s->n[h] = 0;
	return 0;
}

static int
sketch_push(struct sketch *s, unsigned h, double x)
{
	int rc;

	if (s->level[h] == NULL && (s->level[h] = malloc(K * sizeof(double))) == NULL)
		return FERR_NOMEM;
	if (s->levels <= h)
		s->levels = h + 1;
	if (s->n[h] == K && (rc = sketch_compact(s, h)) != 0)
		return rc;
	s->level[h][s->n[h]++] = x;
	return 0;
}

static int
sketch_add(struct sketch *s, double x)
{
	if (x < s->min)
		s->min = x;
	if (x > s->max)
		s->max = x;
	return sketch_push(s, 0, x);
}

static void
sketch_free(struct sketch *s)
{
	for (unsigned h = 0; s != NULL && h < LEVELS; h++)
		free(s->level[h]);
	free(s);
}

static struct sketch *
sketch_new(void)
{
	struct sketch *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->min = INFINITY;
		s->max = -INFINITY;
	}
	return s;
}

/* From exact to sketch. */
static int
sample_condense(struct sample *p)
{
	struct sketch *s = sketch_new();
	int rc = s == NULL ? FERR_NOMEM : 0;

	for (uint32_t i = 0; rc == 0 && p->exact != NULL && i < p->exact->n; i++)
		rc = sketch_add(s, p->exact->v[i]);
	if (rc != 0) {
		sketch_free(s);
		return rc;
	}
	free(p->exact);
	p->exact = NULL;
	p->sketch = s;
	return 0;
}

static int
sample_add(struct sample *p, double x)
{
	struct exact *e = p->exact;
	uint32_t cap;
	int rc;

	if (e != NULL && e->n == EXACT_MAX && (rc = sample_condense(p)) != 0)
		return rc;
	if (p->sketch != NULL)
		return sketch_add(p->sketch, x);
	if (e == NULL || e->n == e->cap) {
		cap = e == NULL ? 6 : e->cap * 2 < EXACT_MAX ? e->cap * 2 : EXACT_MAX;
		if ((e = realloc(e, sizeof(*e) + cap * sizeof(double))) == NULL)
			return FERR_NOMEM;
		if (p->exact == NULL)
			e->n = e->sorted = 0;
		e->cap = cap;
		p->exact = e;
	}
	e->v[e->n++] = x;
	return 0;
}

static int
quantile_add(struct agg *a, void *acc)
{
	return sample_add(acc, agg_f64(&a->v));
}

static int
quantile_merge(struct agg *a, void *acc, const void *from)
{
	struct sample *p = acc;
	const struct sample *f = from;
	int rc;

	(void)a;
	for (uint32_t i = 0; f->exact != NULL && i < f->exact->n; i++) {
		if ((rc = sample_add(p, f->exact->v[i])) != 0)
			return rc;
	}
	if (f->sketch == NULL)
		return 0;
	if (p->sketch == NULL && (rc = sample_condense(p)) != 0)
		return rc;
	p->sketch->min = fmin(p->sketch->min, f->sketch->min);
	p->sketch->max = fmax(p->sketch->max, f->sketch->max);
	for (unsigned h = 0; h < f->sketch->levels; h++) {
		for (uint32_t i = 0; i < f->sketch->n[h]; i++) {
			if ((rc = sketch_push(p->sketch, h, f->sketch->level[h][i])) != 0)
				return rc;
		}
	}
	return 0;
}

/* Linear interpolation, as numpy has it by default. */
static double
exact_quantile(const struct exact *e, double q)
{
	double at = q * (e->n - 1), t = at - floor(at), x, y;
	uint32_t i = (uint32_t)at;

	x = e->v[i];
	y = e->v[i + 1 < e->n ? i + 1 : i];
	if (!isfinite(y - x))
		return x * (1 - t) + y * t;
	return t < 0.5 ? x + (y - x) * t : y - (y - x) * (1 - t);
}

/*
 * The value with rank q (n - 1), by merging the sorted levels: the smallest head is taken until the
 * weights reach the rank.
 */
static double
sketch_quantile(struct sketch *s, double q)
{
	double rank, seen = 0, n = 0;
	uint32_t at[LEVELS] = { 0 };

	if (q == 0 || q == 1)
		return q == 0 ? s->min : s->max;
	for (unsigned h = 0; h < s->levels; h++) {
		if (s->n[h] != 0)
			sort_f64(s->level[h], s->n[h], 0, s->tmp);
		n += ldexp(s->n[h], (int)h);
	}
	rank = q * (n - 1);
	for (;;) {
		unsigned best = LEVELS;

		for (unsigned h = 0; h < s->levels; h++) {
			if (at[h] < s->n[h] &&
			    (best == LEVELS || s->level[h][at[h]] < s->level[best][at[best]]))
				best = h;
		}
		if (best == LEVELS)
			return s->max;
		seen += ldexp(1, (int)best);
		if (seen > rank)
			return s->level[best][at[best]];
		at[best]++;
	}
}

static int
quantile_result(struct agg *a, const void *acc, struct val *v)
{
	const struct sample *p = acc;
	struct exact *e = p->exact;

	if (p->sketch != NULL) {
		*v = val_f64(sketch_quantile(p->sketch, a->q));
		return 0;
	}
	if (e == NULL) {
		*v = VAL_NULLV;
		return 0;
	}
	a->text.n = 0;
	if (buf_room(&a->text, e->n * sizeof(double)) != 0)
		return FERR_NOMEM;
	sort_f64(e->v, e->n, e->sorted, (double *)a->text.p);
	e->sorted = e->n;
	*v = val_f64(exact_quantile(e, a->q));
	return 0;
}

/* n + 1 and n values; or 0 and the sketch: min, max, turns, number of levels, and for each n and n
 * values. */
static int
quantile_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct sample *p = acc;
	const struct sketch *s = p->sketch;
	uint32_t n = p->exact == NULL ? 0 : p->exact->n;
	int rc;

	(void)a;
	if (s == NULL) {
		if ((rc = agg_put_uint(out, (uint64_t)n + 1)) != 0 || n == 0)
			return rc;
		return agg_put_f64s(out, p->exact->v, n);
	}
	if ((rc = agg_put_uint(out, 0)) != 0 ||
	    (rc = agg_put_f64s(out, (double[]){ s->min, s->max }, 2)) != 0 ||
	    (rc = agg_put_uint(out, s->odd)) != 0 || (rc = agg_put_uint(out, s->levels)) != 0)
		return rc;
	for (unsigned h = 0; h < s->levels; h++) {
		if ((rc = agg_put_uint(out, s->n[h])) != 0 ||
		    (rc = agg_put_f64s(out, s->level[h], s->n[h])) != 0)
			return rc;
	}
	return 0;
}

static int
sketch_decode(struct sketch *s, struct agg_cur *c)
{
	uint64_t levels, n;
	double x;
	int rc;

	if (!agg_get_f64(c, &s->min) || !agg_get_f64(c, &s->max) || !isfinite(s->min) ||
	    !isfinite(s->max) || !agg_get_uint(c, &s->odd) || !agg_get_uint(c, &levels) ||
	    levels > LEVELS)
		return FERR_CORRUPT;
	for (unsigned h = 0; h < levels; h++) {
		if (!agg_get_uint(c, &n) || n > K)
			return FERR_CORRUPT;
		while (s->n[h] < n) {
			if (!agg_get_f64(c, &x) || !isfinite(x))
				return FERR_CORRUPT;
			if ((rc = sketch_push(s, h, x)) != 0)
				return rc;
		}
	}
	return 0;
}

static int
quantile_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct sample *p = acc;
	uint64_t n;
	double x;

	(void)a;
	if (!agg_get_uint(c, &n))
		return FERR_CORRUPT;
	if (n == 0) {
		if ((p->sketch = sketch_new()) == NULL)
			return FERR_NOMEM;
		return sketch_decode(p->sketch, c);
	}
	if (--n > EXACT_MAX)
		return FERR_CORRUPT;
	for (uint64_t i = 0; i < n; i++) {
		if (!agg_get_f64(c, &x) || !isfinite(x))
			return FERR_CORRUPT;
		if (sample_add(p, x) != 0)
			return FERR_NOMEM;
	}
	return 0;
}

static void
quantile_fini(void *acc)
{
	struct sample *p = acc;

	free(p->exact);
	sketch_free(p->sketch);
}

static size_t
quantile_memory(const void *acc)
{
	const struct sample *p = acc;
	size_t n = 0;

	if (p->exact != NULL)
		n += sizeof(*p->exact) + p->exact->cap * sizeof(double);
	if (p->sketch != NULL) {
		n += sizeof(*p->sketch);
		for (unsigned h = 0; h < LEVELS; h++)
			n += p->sketch->level[h] != NULL ? K * sizeof(double) : 0;
	}
	return n;
}

const struct agg_class agg_quantile = {
	.name = "quantile",
	.usage = "quantile(EXPR, Q)",
	.args = "xq",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct sample),
	.accept = agg_accept_number,
	.add = quantile_add,
	.merge = quantile_merge,
	.result = quantile_result,
	.encode = quantile_encode,
	.decode = quantile_decode,
	.fini = quantile_fini,
	.memory = quantile_memory,
};

const struct agg_class agg_median = {
	.name = "median",
	.usage = "median(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct sample),
	.q = 0.5,
	.accept = agg_accept_number,
	.add = quantile_add,
	.merge = quantile_merge,
	.result = quantile_result,
	.encode = quantile_encode,
	.decode = quantile_decode,
	.fini = quantile_fini,
	.memory = quantile_memory,
};
