/*
 * agg_distinct -- how many different values: distinct, exactly, and approx_distinct, within 2 %.
 *
 * Both look at the canonical key bytes of a value (row/key.h), so 5 and 5.0 are one value, and "5"
 * another.
 */
#include "expr/agg_internal.h"

#include <math.h>
#include <stdlib.h>

/* accept() of both: the key bytes and their hash, once per row. */
static int
accept_key(struct agg *a)
{
	int rc;

	a->text.n = 0;
	if ((rc = key_part(&a->v, &a->text)) != 0)
		return rc;
	a->hash = key_hash(a->text.p, a->text.n);
	return 0;
}

/*
 * distinct: the keys stand one behind the other, each with its u32 length in front; a table of
 * (offset + 1, upper half of the hash) finds them, once there are more than a few.  An offset of 0
 * is a free slot.
 */
struct slot {
	uint32_t at;
	uint32_t hash;
};

struct set {
	uint32_t n;
	uint32_t nslots; /* a power of two, or 0: search the keys */
	struct slot *slots;
	size_t used, cap; /* of keys */
	uint8_t keys[];
};

#define SET_SMALL 6u
#define SET_KEYS_MAX (UINT32_MAX - 64u) /* offsets are u32 */

static bool
set_is(const struct set *s, uint32_t at, const uint8_t *key, size_t n)
{
	return le32get(s->keys + at) == n && memcmp(s->keys + at + 4, key, n) == 0;
}

static bool
set_has(const struct set *s, const uint8_t *key, size_t n, uint64_t hash)
{
	uint32_t h = (uint32_t)(hash >> 32), mask = s->nslots - 1;

	if (s->nslots == 0) {
		for (size_t at = 0; at < s->used; at += 4 + le32get(s->keys + at)) {
			if (set_is(s, (uint32_t)at, key, n))
				return true;
		}
		return false;
	}
	for (uint32_t i = (uint32_t)hash & mask; s->slots[i].at != 0; i = (i + 1) & mask) {
		if (s->slots[i].hash == h && set_is(s, s->slots[i].at - 1, key, n))
			return true;
	}
	return false;
}

static void
set_place(struct set *s, uint32_t at, uint64_t hash)
{
	uint32_t mask = s->nslots - 1, i = (uint32_t)hash & mask;

	while (s->slots[i].at != 0)
		i = (i + 1) & mask;
	s->slots[i] = (struct slot){ .at = at + 1, .hash = (uint32_t)(hash >> 32) };
}

/* Keep the table at most three quarters full with one key more. */
static int
set_room_slots(struct set *s)
{
	uint32_t nslots = s->nslots == 0 ? 16 : s->nslots * 2;
	struct slot *slots;

	if (s->n < SET_SMALL || (uint64_t)(s->n + 1) * 4 <= (uint64_t)s->nslots * 3)
		return 0;
	if ((slots = calloc(nslots, sizeof(*slots))) == NULL)
		return FERR_NOMEM;
	free(s->slots);
	s->slots = slots;
	s->nslots = nslots;
	for (size_t at = 0; at < s->used;) {
		uint32_t n = le32get(s->keys + at);

		set_place(s, (uint32_t)at, key_hash(s->keys + at + 4, n));
		at += 4 + n;
	}
	return 0;
}

static int
set_room_keys(struct set **ps, size_t need)
{
	struct set *s = *ps;
	size_t used = s == NULL ? 0 : s->used, cap = s == NULL ? 0 : s->cap;

	if (s != NULL && cap - used >= need)
		return 0;
	cap = cap < 32 ? 64 : cap + cap / 2;
	if (cap < used + need)
		cap = used + need;
	if ((s = realloc(s, sizeof(*s) + cap)) == NULL)
		return FERR_NOMEM;
	if (*ps == NULL)
		memset(s, 0, sizeof(*s));
	s->cap = cap;
	*ps = s;
	return 0;
}

static int
set_add(struct set **ps, const uint8_t *key, size_t n, uint64_t hash)
{
	int rc;

	if (*ps != NULL && set_has(*ps, key, n, hash))
		return 0;
	if (*ps != NULL && n + 4 > SET_KEYS_MAX - (*ps)->used)
		return ferr(FERR_LIMIT, "distinct holds 4 GiB of values and cannot hold more; "
					"approx_distinct needs 64 KiB");
	if ((rc = set_room_keys(ps, n + 4)) != 0 || (rc = set_room_slots(*ps)) != 0)
		return rc;
	le32put((*ps)->keys + (*ps)->used, (uint32_t)n);
	memcpy((*ps)->keys + (*ps)->used + 4, key, n);
	if ((*ps)->nslots != 0)
		set_place(*ps, (uint32_t)(*ps)->used, hash);
	(*ps)->used += n + 4;
	(*ps)->n++;
	return 0;
}

static int
distinct_add(struct agg *a, void *acc)
{
	return set_add(acc, a->text.p, a->text.n, a->hash);
}

static int
distinct_merge(struct agg *a, void *acc, const void *from)
{
	const struct set *f = *(struct set *const *)from;
	int rc;

	(void)a;
	for (size_t at = 0; f != NULL && at < f->used;) {
		uint32_t n = le32get(f->keys + at);
		const uint8_t *key = f->keys + at + 4;

		if ((rc = set_add(acc, key, n, key_hash(key, n))) != 0)
			return rc;
		at += 4 + n;
	}
	return 0;
}

static int
distinct_result(struct agg *a, const void *acc, struct val *v)
{
	const struct set *s = *(struct set *const *)acc;

	(void)a;
	*v = val_i64(s == NULL ? 0 : s->n);
	return 0;
}

static int
distinct_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct set *s = *(struct set *const *)acc;
	int rc;

	(void)a;
	if ((rc = agg_put_uint(out, s == NULL ? 0 : s->n)) != 0 || s == NULL)
		return rc;
	for (size_t at = 0; at < s->used;) {
		uint32_t n = le32get(s->keys + at);

		if ((rc = agg_put_uint(out, n)) != 0 ||
		    (rc = buf_put(out, s->keys + at + 4, n)) != 0)
			return rc;
		at += 4 + n;
	}
	return 0;
}

static int
distinct_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct set **s = acc;
	const uint8_t *key;
	uint64_t count, n;
	struct val v;
	int rc;

	(void)a;
	if (!agg_get_uint(c, &count))
		return FERR_CORRUPT;
	for (uint64_t i = 0; i < count; i++) {
		if (!agg_get_uint(c, &n) || n > UINT32_MAX || !agg_get_bytes(c, n, &key) ||
		    key_values(key, n, 1, &v) != 0)
			return FERR_CORRUPT;
		if ((rc = set_add(s, key, n, key_hash(key, n))) != 0)
			return rc;
		if ((*s)->n != i + 1)
			return FERR_CORRUPT; /* given twice */
	}
	return 0;
}

static void
distinct_fini(void *acc)
{
	struct set *s = *(struct set **)acc;

	if (s != NULL)
		free(s->slots);
	free(s);
}

static size_t
distinct_memory(const void *acc)
{
	const struct set *s = *(struct set *const *)acc;

	return s == NULL ? 0 : sizeof(*s) + s->cap + s->nslots * sizeof(*s->slots);
}

const struct agg_class agg_distinct = {
	.name = "distinct",
	.usage = "distinct(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct set *),
	.accept = accept_key,
	.add = distinct_add,
	.merge = distinct_merge,
	.result = distinct_result,
	.encode = distinct_encode,
	.decode = distinct_decode,
	.fini = distinct_fini,
	.memory = distinct_memory,
};

/*
 * approx_distinct: up to SPARSE_MAX hashes as they are (exact), then HyperLogLog.  2^16 registers
 * have a standard error of 0.4 %, so 2 % is five of them away (with 2^14 it would be two and a
 * half).  Both forms depend on the set of values alone, not on their order.
 */
#define LOG_REGS 16
#define REGS (1u << LOG_REGS)
#define REG_TOP (64 - LOG_REGS + 1) /* the greatest rank */
#define SPARSE_SLOTS 8192u	    /* as many bytes as the registers */
#define SPARSE_MAX 6144u

struct sketch {
	uint32_t n;	 /* hashes, while sparse */
	uint32_t nslots; /* 0: dense */
	uint64_t slot[]; /* a hash, 0 is free; dense: the registers, a byte each */
};

static uint8_t *
regs(struct sketch *s)
{
	return (uint8_t *)s->slot;
}

static const uint8_t *
regs_of(const struct sketch *s)
{
	return (const uint8_t *)s->slot;
}

static size_t
sketch_bytes(uint32_t nslots)
{
	return sizeof(struct sketch) + (nslots == 0 ? REGS : nslots * sizeof(uint64_t));
}

static void
dense_add(struct sketch *s, uint64_t hash)
{
	uint64_t rest = hash << LOG_REGS;
	uint8_t rank = rest == 0 ? REG_TOP : (uint8_t)(__builtin_clzll(rest) + 1);
	uint8_t *reg = regs(s) + (hash >> (64 - LOG_REGS));

	if (*reg < rank)
		*reg = rank;
}

/* True when it was new. */
static bool
sparse_place(struct sketch *s, uint64_t hash)
{
	uint32_t mask = s->nslots - 1, i = (uint32_t)hash & mask;

	for (; s->slot[i] != 0; i = (i + 1) & mask) {
		if (s->slot[i] == hash)
			return false;
	}
	s->slot[i] = hash;
	s->n++;
	return true;
}

/* Another form: nslots slots, or registers (0). */
static int
sketch_reform(struct sketch **ps, uint32_t nslots)
{
	struct sketch *old = *ps, *s = calloc(1, sketch_bytes(nslots));

	if (s == NULL)
		return FERR_NOMEM;
	s->nslots = nslots;
	for (uint32_t i = 0; old != NULL && i < old->nslots; i++) {
		if (old->slot[i] == 0)
			continue;
		if (nslots != 0)
			sparse_place(s, old->slot[i]);
		else
			dense_add(s, old->slot[i]);
	}
	free(old);
	*ps = s;
	return 0;
}

static int
sketch_add(struct sketch **ps, uint64_t hash)
{
	int rc;

	hash += hash == 0; /* 0 marks a free slot */
	if (*ps == NULL && (rc = sketch_reform(ps, 8)) != 0)
		return rc;
	if ((*ps)->nslots == 0) {
		dense_add(*ps, hash);
		return 0;
	}
	if (!sparse_place(*ps, hash) || (*ps)->n * 4 <= (*ps)->nslots * 3)
		return 0;
	return sketch_reform(ps, (*ps)->nslots == SPARSE_SLOTS ? 0 : (*ps)->nslots * 2);
}

static int
approx_add(struct agg *a, void *acc)
{
	return sketch_add(acc, a->hash);
}

static int
approx_merge(struct agg *a, void *acc, const void *from)
{
	struct sketch **ps = acc;
	const struct sketch *f = *(struct sketch *const *)from;
	uint8_t *to;
	int rc;

	(void)a;
	if (f == NULL)
		return 0;
	for (uint32_t i = 0; i < f->nslots; i++) {
		if (f->slot[i] != 0 && (rc = sketch_add(ps, f->slot[i])) != 0)
			return rc;
	}
	if (f->nslots != 0)
		return 0;
	if ((*ps == NULL || (*ps)->nslots != 0) && (rc = sketch_reform(ps, 0)) != 0)
		return rc;
	to = regs(*ps);
	for (uint32_t i = 0; i < REGS; i++)
		to[i] = to[i] < regs_of(f)[i] ? regs_of(f)[i] : to[i];
	return 0;
}

/*
 * The estimate is Ertl's (arXiv 1702.01284, algorithm 6): unbiased from one value on, without
 * tables. sigma and tau are its corrections for registers that are empty or full.
 */
static double
sigma(double x)
{
	double y = 1, z = x, was;

	if (x == 1)
		return INFINITY;
	do {
		x *= x;
		was = z;
		z += x * y;
		y += y;
	} while (z != was);
	return z;
}

static double
tau(double x)
{
	double y = 1, z = 1 - x, was;

	if (x == 0 || x == 1)
		return 0;
	do {
		x = sqrt(x);
		was = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z != was);
	return z / 3;
}

static int64_t
dense_estimate(const struct sketch *s)
{
	const double m = REGS, alpha = 0.7213475204444817; /* 1 / (2 ln 2) */
	uint32_t count[REG_TOP + 1] = { 0 };
	double z;

	for (uint32_t i = 0; i < REGS; i++)
		count[regs_of(s)[i]]++;
	z = m * tau(1 - count[REG_TOP] / m);
	for (int k = REG_TOP - 1; k >= 1; k--)
		z = 0.5 * (z + count[k]);
	z += m * sigma(count[0] / m);
	z = alpha * m * m / z;
	return z < 9e18 ? (int64_t)(z + 0.5) : INT64_MAX;
}

static int
approx_result(struct agg *a, const void *acc, struct val *v)
{
	const struct sketch *s = *(struct sketch *const *)acc;

	(void)a;
	*v = val_i64(s == NULL ? 0 : s->nslots != 0 ? s->n : dense_estimate(s));
	return 0;
}

/* n + 1 and n hashes, or 0 and the registers. */
static int
approx_encode(const struct agg *a, const void *acc, struct buf *out)
{
	const struct sketch *s = *(struct sketch *const *)acc;
	int rc;

	(void)a;
	if (s == NULL)
		return agg_put_uint(out, 1);
	if (s->nslots == 0)
		return agg_put_uint(out, 0) != 0 ? FERR_NOMEM : buf_put(out, regs_of(s), REGS);
	if ((rc = agg_put_uint(out, (uint64_t)s->n + 1)) != 0)
		return rc;
	for (uint32_t i = 0; i < s->nslots; i++) {
		if (s->slot[i] != 0 && (rc = buf_put(out, &s->slot[i], 8)) != 0)
			return rc;
	}
	return 0;
}

static int
dense_decode(struct sketch **ps, struct agg_cur *c)
{
	const uint8_t *p;

	if (!agg_get_bytes(c, REGS, &p))
		return FERR_CORRUPT;
	for (uint32_t i = 0; i < REGS; i++) {
		if (p[i] > REG_TOP)
			return FERR_CORRUPT;
	}
	if (sketch_reform(ps, 0) != 0)
		return FERR_NOMEM;
	memcpy(regs(*ps), p, REGS);
	return 0;
}

static int
approx_decode(struct agg *a, void *acc, struct agg_cur *c)
{
	struct sketch **ps = acc;
	const uint8_t *p;
	uint64_t n;

	(void)a;
	if (!agg_get_uint(c, &n))
		return FERR_CORRUPT;
	if (n == 0)
		return dense_decode(ps, c);
	if (--n > SPARSE_MAX || !agg_get_bytes(c, n * 8, &p))
		return FERR_CORRUPT;
	for (uint64_t i = 0; i < n; i++) {
		if (le64get(p + 8 * i) == 0)
			return FERR_CORRUPT;
		if (sketch_add(ps, le64get(p + 8 * i)) != 0)
			return FERR_NOMEM;
		if ((*ps)->n != i + 1)
			return FERR_CORRUPT; /* given twice */
	}
	return 0;
}

static void
approx_fini(void *acc)
{
	free(*(struct sketch **)acc);
}

static size_t
approx_memory(const void *acc)
{
	const struct sketch *s = *(struct sketch *const *)acc;

	return s == NULL ? 0 : sketch_bytes(s->nslots);
}

const struct agg_class agg_approx_distinct = {
	.name = "approx_distinct",
	.usage = "approx_distinct(EXPR)",
	.args = "x",
	.version = 1,
	.flags = AGG_HEAP,
	.size = sizeof(struct sketch *),
	.accept = accept_key,
	.add = approx_add,
	.merge = approx_merge,
	.result = approx_result,
	.encode = approx_encode,
	.decode = approx_decode,
	.fini = approx_fini,
	.memory = approx_memory,
};
