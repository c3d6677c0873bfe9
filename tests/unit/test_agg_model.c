/* Tests of lib/expr/agg*.c: random and large sets against plain computations, whole, merged, taken
 * back and decoded; damaged state. */
#include <math.h>
#include <stdbool.h>

#include "t_agg.h"

/* -- numbers --------------------------------------------------------------------------------- */

static double
result_f64(struct aggs *a, const void *block, unsigned i)
{
	struct val v = VAL_NULLV;

	aggs_result(a, block, i, &v);
	return v.t == VAL_F64 ? v.f : v.t == VAL_I64 ? (double)v.i : NAN;
}

static int64_t
result_i64(struct aggs *a, const void *block, unsigned i)
{
	struct val v = VAL_NULLV;

	aggs_result(a, block, i, &v);
	return v.t == VAL_I64 ? v.i : INT64_MIN;
}

static void
encode(const struct aggs *a, const void *block, struct buf *out)
{
	out->n = 0;
	if (aggs_encode(a, block, out) != 0)
		T_FAIL("encode: %s", ferr_text());
}

/* A pseudo-random sequence (splitmix64). */
static uint64_t seed;

static uint64_t
rnd(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static double
rnd01(void)
{
	return (double)(rnd() >> 11) * 0x1p-53;
}

/* -- against plain computations -------------------------------------------------------------- */

#define ROWS 400

static struct val rows[ROWS][NFIELDS];

static void
random_rows(uint64_t s, size_t n)
{
	static const char *const words[] = { "",
					     "x",
					     "yy",
					     "a rather long word, that is not held inline",
					     "\xc3\xa9t\xc3\xa9",
					     "x\"y" };

	seed = s;
	for (size_t i = 0; i < n; i++) {
		rows[i][I] = val_i64((int64_t)(rnd() % 2001) - 1000);
		rows[i][F] = rnd() % 3 == 0
				 ? val_i64((int64_t)(rnd() % 100))
				 : val_f64((rnd01() - 0.5) * pow(10, (double)(rnd() % 6)));
		rows[i][S] = str(words[rnd() % 6]);
		rows[i][B] = val_bool(rnd() % 2);
		rows[i][T_] = val_time((int64_t)(rnd() % 100000));
		rows[i][K] = val_i64((int64_t)(rnd() % 12));
		rows[i][M] = rnd() % 2 ? val_i64((int64_t)(rnd() % 5)) : str(words[rnd() % 6]);
		for (unsigned f = 0; f < NFIELDS; f++) {
			if (rnd() % 8 == 0)
				rows[i][f] =
				    rnd() % 2 ? VAL_NULLV : (struct val){ .t = VAL_ABSENT };
		}
	}
}

#define ALL_LIST                                                                               \
	"n=count(), c=count(.b), si=sum(.i), sf=sum(.f), ai=avg(.i), af=avg(.f), lo=min(.i), " \
	"hi=max(.i), "                                                                         \
	"los=min(.m), his=max(.m), lot=min(.t), fi=first(.s), la=last(.s), sd=stddev(.f), "    \
	"sp=stddev_pop(.i), d=distinct(.m), ad=approx_distinct(.m), q=quantile(.f, 0.9), "     \
	"me=median(.i), co=collect(.m), to=top(5, .k, .s), ts=top(3, .s, .i), an=any(.b), "    \
	"al=all(.b)"
/* Numbers of those whose last digits may differ. */
static const bool rounded[] = { [3] = true, [5] = true, [13] = true, [14] = true };

static void
check_equal(struct aggs *a, const void *x, const void *y, const char *what)
{
	for (unsigned i = 0; i < aggs_n(a); i++) {
		const char *rx = result(a, x, i), *ry = result(a, y, i);

		if (strcmp(rx, ry) == 0)
			continue;
		if (i < sizeof(rounded) && rounded[i] &&
		    fabs(result_f64(a, x, i) - result_f64(a, y, i)) <=
			1e-12 * fabs(result_f64(a, x, i)) + 1e-9)
			continue;
		T_FAIL("%s: %s is %s, not %s", what, aggs_name(a, i), ry, rx);
	}
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Numbers of one field, sorted; how many. */
static size_t
numbers_of(unsigned field, size_t n, double *out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct val *v = &rows[i][field];

		if (v->t == VAL_I64 || v->t == VAL_F64)
			out[k++] = v->t == VAL_I64 ? (double)v->i : v->f;
	}
	qsort(out, k, sizeof(*out), by_value);
	return k;
}

static void
near(double got, double want, const char *what)
{
	if (!(fabs(got - want) <= 1e-11 * (1 + fabs(want))))
		T_FAIL("%s is %.17g, not %.17g", what, got, want);
}

T(plain_computation_agrees)
{
	struct aggs *a =
	    parse("sf=sum(.f), af=avg(.f), sd=stddev(.f), sp=stddev_pop(.f), q=quantile(.f, 0.37), "
		  "lo=min(.f), hi=max(.f), d=distinct(.m), ad=approx_distinct(.m), si=sum(.i)");
	double v[ROWS];

	for (uint64_t s = 1; s <= 40; s++) {
		size_t n = 2 + rnd() % (ROWS - 2), k, distinct = 0;
		void *block = new_block(a);
		long double sum = 0, m2 = 0, mean, at;
		int64_t total = 0;

		random_rows(s, n);
		for (size_t i = 0; i < n; i++) {
			bool seen = val_is_null(&rows[i][M]);

			T_INT(add_row(a, block, rows[i]), 0);
			for (size_t j = 0; j < i && !seen; j++)
				seen = val_cmp(&rows[i][M], &rows[j][M]) == 0;
			distinct += !seen;
			total += rows[i][I].t == VAL_I64 ? rows[i][I].i : 0;
		}
		if ((k = numbers_of(F, n, v)) < 2) {
			drop_block(a, block);
			continue;
		}
		for (size_t i = 0; i < k; i++)
			sum += v[i];
		mean = sum / k;
		for (size_t i = 0; i < k; i++)
			m2 += (v[i] - mean) * (v[i] - mean);
		near(result_f64(a, block, 0), (double)sum, "sum");
		near(result_f64(a, block, 1), (double)mean, "avg");
		near(result_f64(a, block, 2), (double)sqrtl(m2 / (k - 1)), "stddev");
		near(result_f64(a, block, 3), (double)sqrtl(m2 / k), "stddev_pop");
		at = 0.37L * (k - 1);
		near(result_f64(a, block, 4),
		     (double)(v[(size_t)at] +
			      (v[(size_t)at + (k > 1)] - v[(size_t)at]) * (at - floorl(at))),
		     "quantile");
		near(result_f64(a, block, 5), v[0], "min");
		near(result_f64(a, block, 6), v[k - 1], "max");
		T_INT(result_i64(a, block, 7), distinct);
		T_INT(result_i64(a, block, 8), distinct);
		T_INT(result_i64(a, block, 9), total);
		drop_block(a, block);
	}
	aggs_free(a);
}

T(merge_equals_adding_all)
{
	struct aggs *a = parse(ALL_LIST);
	struct buf bytes = BUF_INIT, again = BUF_INIT;

	for (uint64_t s = 100; s < 140; s++) {
		size_t n = rnd() % ROWS;
		void *all = new_block(a), *merged = new_block(a), *decoded = new_block(a);
		void *part = new_block(a), *copy = new_block(a);

		random_rows(s, n);
		for (size_t i = 0; i < n;) {
			size_t end = i + rnd() % 50;

			for (; i < n && i < end; i++) {
				T_INT(eval_row(a, rows[i]), 0);
				T_INT(aggs_add(a, all), 0);
				T_INT(aggs_add(a, part), 0);
			}
			encode(a, part, &bytes);
			T_INT(aggs_decode(a, copy, bytes.p, bytes.n), 0);
			check_equal(a, part, copy, "decode");
			encode(a, copy, &again);
			T_INT(again.n, bytes.n);
			T_INT(aggs_merge(a, merged, part), 0);
			T_INT(aggs_merge(a, decoded, copy), 0);
			aggs_fini(a, part);
			aggs_fini(a, copy);
		}
		check_equal(a, all, merged, "merge");
		check_equal(a, all, decoded, "merge of decoded");
		T_OK(aggs_memory(a, all) < 1 << 20);
		drop_block(a, all);
		drop_block(a, merged);
		drop_block(a, decoded);
		drop_block(a, part);
		drop_block(a, copy);
	}
	buf_fini(&bytes);
	buf_fini(&again);
	aggs_free(a);
}

/* Take rows and blocks back: either FERR_AGAIN and nothing changed, or as if they had never been
 * there. */
static void
check_taking_back(const char *text, bool must_work)
{
	struct aggs *a = parse(text);
	struct buf before = BUF_INIT, after = BUF_INIT;

	for (uint64_t s = 200; s < 240; s++) {
		size_t n = 2 + rnd() % 60, cut = rnd() % n;
		void *all = new_block(a), *head = new_block(a), *tail = new_block(a);

		random_rows(s, n);
		for (size_t i = 0; i < n; i++) {
			T_INT(add_row(a, all, rows[i]), 0);
			T_INT(aggs_add(a, i < cut ? head : tail), 0);
		}
		encode(a, all, &before);
		if (aggs_unmerge(a, all, head) == 0) {
			check_equal(a, tail, all, "unmerge");
		} else {
			T_OK(!must_work);
			encode(a, all, &after);
			T_MEM(after.p, after.n, before.p, before.n);
		}
		drop_block(a, all);
		all = new_block(a);
		for (size_t i = 0; i < n; i++)
			T_INT(add_row(a, all, rows[i]), 0);
		for (size_t i = 0; i < cut; i++) {
			int rc;

			T_INT(eval_row(a, rows[i]), 0);
			encode(a, all, &before);
			if ((rc = aggs_retract(a, all)) == 0)
				continue;
			T_INT(rc, FERR_AGAIN);
			T_OK(!must_work);
			encode(a, all, &after);
			T_MEM(after.p, after.n, before.p, before.n);
			goto next;
		}
		check_equal(a, tail, all, "retract");
	next:
		drop_block(a, all);
		drop_block(a, head);
		drop_block(a, tail);
	}
	buf_fini(&before);
	buf_fini(&after);
	aggs_free(a);
}

T(taking_back)
{
	check_taking_back("n=count(), c=count(.b), si=sum(.i), ai=avg(.i), an=any(.b), al=all(.b)",
			  true);
	check_taking_back("n=count(), lo=min(.i), his=max(.m)", false);
	check_taking_back("n=count(), a=sum(.i), b=sum(.f)", false);
	check_taking_back(ALL_LIST, false);
}

T(taking_back_the_last_f64_gives_i64_again)
{
	struct aggs *a = parse("sum(.i)");
	void *block = new_block(a), *other = new_block(a);

	add_one(a, block, I, val_i64(3));
	T_INT(add_one(a, block, I, val_f64(0.1)), 0);
	T_INT(aggs_add(a, other), 0);
	T_INT(aggs_retract(a, block), 0);
	T_STR(result(a, block, 0), "3");
	T_INT(aggs_add(a, block), 0);
	T_INT(aggs_unmerge(a, block, other), 0);
	T_STR(result(a, block, 0), "3");
	T_INT(aggs_add(a, block), 0);
	T_INT(aggs_add(a, block), 0);
	T_INT(aggs_retract(a, block), 0);
	T_STR(result(a, block, 0), "3.1");
	drop_block(a, block);
	drop_block(a, other);
	aggs_free(a);
}

T(f64_sums_are_exact_where_they_fit_and_rough_beyond)
{
	struct aggs *a = parse("sum(.f)");
	void *block = new_block(a);

	for (int i = 0; i < 10; i++)
		add_one(a, block, F, val_f64(0.1));
	T_STR(result(a, block, 0), "1.0"); /* one by one it would be 0.9999999999999999 */
	add_one(a, block, F, val_f64(4e13));
	add_one(a, block, F, val_f64(-4e13));
	T_STR(result(a, block, 0), "1.0");
	T_INT(add_one(a, block, F, val_f64(1e300)), 0);
	T_INT(aggs_retract(a, block), FERR_AGAIN);
	T_INT(add_one(a, block, F, val_f64(-1e300)), 0);
	T_STR(result(a, block, 0), "1.0");
	drop_block(a, block);
	aggs_free(a);
}

/* -- large sets ------------------------------------------------------------------------------ */

T(distinct_is_exact_when_large)
{
	struct aggs *a = parse("distinct(.i)");
	void *block = new_block(a), *copy = new_block(a);
	struct buf bytes = BUF_INIT;

	for (int64_t i = 0; i < 60000; i++)
		T_INT(add_one(a, block, I, val_i64(i * 7919 % 20011)), 0);
	T_INT(result_i64(a, block, 0), 20011);
	T_OK(aggs_memory(a, block) < 20011 * 40);
	encode(a, block, &bytes);
	T_INT(aggs_decode(a, copy, bytes.p, bytes.n), 0);
	T_INT(aggs_merge(a, copy, block), 0);
	T_INT(result_i64(a, copy, 0), 20011);
	buf_fini(&bytes);
	drop_block(a, block);
	drop_block(a, copy);
	aggs_free(a);
}

T(approx_distinct_within_two_percent)
{
	struct aggs *a = parse("approx_distinct(.i)");
	struct buf bytes = BUF_INIT;
	double worst = 0;

	for (int64_t base = 0; base < 3; base++) {
		void *block = new_block(a), *part = new_block(a), *merged = new_block(a);
		int64_t next = 10;

		for (int64_t i = 1; i <= 500000; i++) {
			double err;

			T_INT(add_one(a, block, I, val_i64(base * 1000000000 + i)), 0);
			T_INT(aggs_add(a, part), 0);
			if (i % 50000 == 0) {
				encode(a, part, &bytes);
				aggs_fini(a, part);
				T_INT(aggs_decode(a, part, bytes.p, bytes.n), 0);
				T_INT(aggs_merge(a, merged, part), 0);
				aggs_fini(a, part);
			}
			if (i < next)
				continue;
			next = i + i / 8;
			err = fabs((double)(result_i64(a, block, 0) - i)) / (double)i;
			worst = err > worst ? err : worst;
			if (i <= 6144)
				T_INT(result_i64(a, block, 0), i);
		}
		T_STR(result(a, merged, 0), result(a, block, 0));
		drop_block(a, block);
		drop_block(a, part);
		drop_block(a, merged);
	}
	printf("# approx_distinct: worst error %.2f %%\n", 100 * worst);
	T_OK(worst < 0.02);
	buf_fini(&bytes);
	aggs_free(a);
}

static const char *const quantile_list =
    "a=quantile(.f,0.001), b=quantile(.f,0.1), c=quantile(.f,0.5), d=quantile(.f,0.9), "
    "e=quantile(.f,0.99), f=quantile(.f,0), g=quantile(.f,1)";
static const double quantile_q[] = { 0.001, 0.1, 0.5, 0.9, 0.99, 0, 1 };

/* The worst distance of a result's rank from q, as a part of n; v is sorted. */
static double
rank_error(struct aggs *a, const void *block, const double *v, size_t n)
{
	double worst = 0;

	for (unsigned i = 0; i < 7; i++) {
		double x = result_f64(a, block, i), want = quantile_q[i] * (double)(n - 1), err;
		size_t lo = 0, hi = n;

		while (lo < n && v[lo] < x)
			lo++;
		while (hi > lo && v[hi - 1] > x)
			hi--;
		/* x stands for any of the ranks lo..hi-1. */
		err = want < (double)lo	  ? (double)lo - want
		      : want > (double)hi ? want - (double)hi
					  : 0;
		worst = err / (double)n > worst ? err / (double)n : worst;
	}
	return worst;
}

T(quantile_beyond_10000_is_within_one_percent)
{
	enum { N = 200000 };
	struct aggs *a = parse(quantile_list);
	double *v = malloc(N * sizeof(*v)), worst = 0;
	struct buf bytes = BUF_INIT;

	for (unsigned order = 0; order < 5; order++) {
		void *block = new_block(a), *part = new_block(a), *merged = new_block(a);

		for (size_t i = 0; i < N; i++) {
			v[i] = order == 0 ? (double)i : /* rising */
				   order == 1 ? (double)(N - i)
					      : /* falling */
				   order == 2 ? (double)(i % 2 ? i : N - i)
					      : /* zigzag */
				   order == 3 ? -log(1 - rnd01())
					      :		 /* long tail */
				   (double)(rnd() % 10); /* few values */
			T_INT(add_one(a, block, F, val_f64(v[i])), 0);
			T_INT(aggs_add(a, part), 0);
			if (rnd() % 20000 == 0 || i == N - 1) {
				encode(a, part, &bytes);
				aggs_fini(a, part);
				T_INT(aggs_decode(a, part, bytes.p, bytes.n), 0);
				T_INT(aggs_merge(a, merged, part), 0);
				aggs_fini(a, part);
			}
		}
		qsort(v, N, sizeof(*v), by_value);
		worst = fmax(worst, rank_error(a, block, v, N));
		worst = fmax(worst, rank_error(a, merged, v, N));
		T_OK(result_f64(a, merged, 5) == v[0]);
		T_OK(result_f64(a, merged, 6) == v[N - 1]);
		drop_block(a, block);
		drop_block(a, part);
		drop_block(a, merged);
	}
	printf("# quantile: worst rank error %.3f %%\n", 100 * worst);
	T_OK(worst < 0.01);
	buf_fini(&bytes);
	free(v);
	aggs_free(a);
}

T(quantile_is_exact_up_to_10000)
{
	struct aggs *a = parse("q=quantile(.f, 0.123)");
	void *block = new_block(a), *head = new_block(a);
	double *v = malloc(10000 * sizeof(*v)), at = 0.123 * 9999;
	size_t i = (size_t)at;

	for (size_t k = 0; k < 10000; k++) {
		v[k] = (rnd01() - 0.5) * 1e6;
		T_INT(add_one(a, k < 4000 ? head : block, F, val_f64(v[k])), 0);
		if (k % 1000 == 0)
			result(a, block, 0); /* sorts what is there so far */
	}
	T_INT(aggs_merge(a, head, block), 0);
	qsort(v, 10000, sizeof(*v), by_value);
	near(result_f64(a, head, 0), v[i] + (v[i + 1] - v[i]) * (at - (double)i), "quantile");
	free(v);
	drop_block(a, block);
	drop_block(a, head);
	aggs_free(a);
}

/* -- damaged state --------------------------------------------------------------------------- */

static void
check_damage(struct aggs *a, const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n + 1); /* exact size, so that a sanitizer sees an overrun */
	void *block = new_block(a);

	/* Every cut is found. */
	for (size_t k = 0; k < n; k += n < 3000 ? 1 : 997) {
		uint8_t *head = malloc(k + (k == 0));

		memcpy(head, p, k);
		T_INT(aggs_decode(a, block, head, k), FERR_CORRUPT);
		T_OK(ferr_text()[0] != '\0');
		free(head);
	}
	memcpy(copy, p, n);
	copy[n] = 0;
	T_INT(aggs_decode(a, block, copy, n + 1), FERR_CORRUPT);
	free(copy);
	/* A flipped bit is found, or gives another sound block. */
	copy = malloc(n);
	for (unsigned k = 0; k < 2000; k++) {
		size_t at = rnd() % n;
		int rc;

		memcpy(copy, p, n);
		copy[at] ^= (uint8_t)(1u << rnd() % 8);
		if (k % 3 == 0)
			copy[rnd() % n] = (uint8_t)rnd();
		rc = aggs_decode(a, block, copy, n);
		T_OK(rc == 0 || rc == FERR_CORRUPT || rc == FERR_NOMEM);
		for (unsigned i = 0; rc == 0 && i < aggs_n(a); i++) {
			struct val v;

			aggs_result(a, block, i, &v);
		}
		aggs_fini(a, block);
	}
	free(copy);
	drop_block(a, block);
}

T(damaged_state_is_refused)
{
	struct aggs *a = parse(ALL_LIST);
	void *block = new_block(a);
	struct buf bytes = BUF_INIT;

	random_rows(7, 60);
	for (size_t i = 0; i < 60; i++)
		add_row(a, block, rows[i]);
	encode(a, block, &bytes);
	check_damage(a, bytes.p, bytes.n);
	aggs_fini(a, block);
	bytes.p[0]++;
	T_INT(aggs_decode(a, block, bytes.p, 0), FERR_CORRUPT);
	T_INT(aggs_decode(a, block, bytes.p, bytes.n), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "format 2") != NULL);
	drop_block(a, block);
	aggs_free(a);

	a = parse("approx_distinct(.i), q=quantile(.i, 0.5)");
	block = new_block(a);
	for (int64_t i = 0; i < 20000; i++)
		add_one(a, block, I, val_i64(i));
	encode(a, block, &bytes);
	check_damage(a, bytes.p, bytes.n);
	drop_block(a, block);
	aggs_free(a);
	buf_fini(&bytes);
}

T(small_states_are_small)
{
	struct aggs *a = parse("n=count(), s=sum(.i), lo=min(.i)");
	void *block = new_block(a);
	struct buf bytes = BUF_INIT;

	add_one(a, block, I, val_i64(12));
	encode(a, block, &bytes);
	T_OK(bytes.n <= 32);
	T_INT(aggs_memory(a, block), 0);
	buf_fini(&bytes);
	drop_block(a, block);
	aggs_free(a);
}

T(results_of_several_blocks_live_together)
{
	struct aggs *a = parse("top(2000, .i, .s)");
	void *x = new_block(a), *y = new_block(a);
	struct val r[NFIELDS] = { 0 }, vx, vy;

	for (int64_t i = 0; i < 1500; i++) {
		r[I] = val_i64(i);
		r[S] = str("xxxxxxxx");
		add_row(a, x, r);
		r[S] = str("yyyyyyyy");
		add_row(a, y, r);
	}
	T_INT(aggs_result(a, x, 0, &vx), 0);
	T_INT(aggs_result(a, y, 0, &vy), 0);
	T_INT(vx.n, 1500 * 11 + 1);
	T_MEM(vx.s, 12, "[\"xxxxxxxx\",", 12);
	T_MEM(vy.s, 12, "[\"yyyyyyyy\",", 12);
	aggs_arena_reset(a);
	T_INT(aggs_result(a, x, 0, &vx), 0);
	T_MEM(vx.s, 12, "[\"xxxxxxxx\",", 12);
	drop_block(a, x);
	drop_block(a, y);
	aggs_free(a);
}

T_MAIN
