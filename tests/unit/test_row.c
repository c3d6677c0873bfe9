/* Rows: building, reading, remapping, and what row_check refuses. */
#include "row/row_internal.h"
#include "t.h"

static struct val
str(const char *s)
{
	return val_text(VAL_STR, s, strlen(s));
}

/* One row of these values in a block of exactly its size, so that an over-read is seen; the caller
 * frees. */
static uint8_t *
make(const struct val *v, unsigned n, size_t *len)
{
	struct buf b = BUF_INIT;
	struct rowb w;
	uint8_t *p;

	T_INT(rowb_begin(&w, &b, n, ROW_INSERT, 1000), 0);
	for (unsigned i = 0; i < n; i++)
		T_INT(rowb_set(&w, i, &v[i]), 0);
	T_INT(rowb_end(&w), 0);
	*len = b.n;
	p = malloc(b.n);
	memcpy(p, b.p, b.n);
	buf_fini(&b);
	return p;
}

T(values_come_back_as_they_were_set)
{
	struct val v[6] = { val_i64(INT64_MIN), str("alice"), val_f64(-0.0),
			    val_bool(true),	VAL_NULLV,    val_time(-1) };
	struct val big = { .t = VAL_BOOL, .i = 7 };
	struct buf b = BUF_INIT;
	struct rowb w;
	uint8_t *r;

	T_INT(rowb_begin(&w, &b, 8, ROW_DELETE, 42), 0);
	for (unsigned i = 6; i-- > 0;) /* in any order */
		T_INT(rowb_set(&w, i, &v[i]), 0);
	T_INT(rowb_set(&w, 7, &big), 0);
	T_INT(rowb_end(&w), 0);
	r = b.p;
	T_INT(b.n % 8, 0);
	T_INT(row_len(r), b.n);
	T_OK(row_check(r, b.n));
	T_INT(row_n(r), 8);
	T_INT(row_kind(r), ROW_DELETE);
	T_INT(row_time(r), 42);
	T_INT(row_hash(r), 0);
	T_INT(row_raw(r, 0).i, INT64_MIN);
	T_MEM(row_raw(r, 1).s, row_raw(r, 1).n, "alice", 5);
	T_OK(row_raw(r, 2).t == VAL_F64 && row_raw(r, 2).i == v[2].i);
	T_OK(row_raw(r, 3).t == VAL_BOOL && row_raw(r, 3).i == 1);
	T_INT(row_tag(r, 4), VAL_NULL);
	T_OK(row_raw(r, 5).t == VAL_TIME && row_raw(r, 5).i == -1);
	T_INT(row_tag(r, 6), VAL_ABSENT);
	T_INT(row_raw(r, 7).i, 1); /* any true is 1 */
	T_INT(row_tag(r, 8), VAL_ABSENT);
	T_INT(row_raw(r, 4000).t, VAL_ABSENT);
	row_set_hash(r, 99);
	row_set_time(r, 43);
	T_OK(row_check(r, b.n));
	T_INT(row_hash(r), 99);
	T_INT(row_time(r), 43);
	buf_fini(&b);
}

T(texts_of_all_short_lengths_are_copied_whole)
{
	const char *s = "The quick brown fox jumps over the lazy dog.";

	for (size_t n = 0; n <= strlen(s); n++) {
		struct val v = val_text(VAL_STR, s, n);
		size_t len;
		uint8_t *r = make(&v, 1, &len);

		T_MEM(row_raw(r, 0).s, row_raw(r, 0).n, s, n);
		T_OK(row_check(r, len));
		free(r);
	}
}

T(a_slot_may_be_set_again)
{
	struct val a = str("first"), b = VAL_NULLV, c = val_i64(3);
	struct buf out = BUF_INIT;
	struct rowb w;

	rowb_begin(&w, &out, 1, ROW_INSERT, 0);
	rowb_set(&w, 0, &a);
	rowb_set(&w, 0, &b);
	T_INT(row_raw(out.p, 0).i, 0);
	rowb_set(&w, 0, &c);
	T_INT(rowb_end(&w), 0);
	T_OK(row_check(out.p, out.n));
	T_INT(row_raw(out.p, 0).i, 3);
	buf_fini(&out);
}

T(rows_follow_each_other_and_can_be_dropped)
{
	struct val v = str("x");
	struct buf b = BUF_INIT;
	struct rowb w;
	size_t first;

	rowb_begin(&w, &b, 1, ROW_INSERT, 0);
	rowb_set(&w, 0, &v);
	rowb_end(&w);
	first = b.n;
	rowb_begin(&w, &b, 3, ROW_INSERT, 0);
	rowb_set(&w, 2, &v);
	rowb_drop(&w);
	T_INT(b.n, first);
	rowb_begin(&w, &b, 2, ROW_INSERT, 0);
	rowb_set(&w, 1, &v);
	rowb_end(&w);
	T_OK(row_check(b.p, first));
	T_OK(row_check(b.p + first, b.n - first));
	T_MEM(row_raw(b.p + first, 1).s, row_raw(b.p + first, 1).n, "x", 1);
	buf_fini(&b);
}

T(a_row_has_bounds)
{
	struct buf b = BUF_INIT;
	struct rowb w;
	char *big = calloc(1, ROW_MAX);
	struct val v = val_text(VAL_BYTES, big, ROW_MAX - 48);

	T_INT(rowb_begin(&w, &b, SCHEMA_MAX + 1, ROW_INSERT, 0), FERR_LIMIT);
	T_INT(rowb_begin(&w, &b, 1, ROW_INSERT, 0), 0);
	T_INT(rowb_set(&w, 0, &v), 0);
	T_INT(rowb_end(&w), 0);
	T_OK(row_check(b.p, b.n));
	b.n = 0;
	v.n = ROW_MAX - ROW_HDR - 9; /* fills it */
	T_INT(rowb_begin(&w, &b, 1, ROW_INSERT, 0), 0);
	T_INT(rowb_set(&w, 0, &v), 0);
	T_INT(rowb_end(&w), 0);
	T_INT(b.n, ROW_MAX);
	T_OK(row_check(b.p, b.n));
	b.n = 0;
	v.n++;
	T_INT(rowb_begin(&w, &b, 1, ROW_INSERT, 0), 0);
	T_INT(rowb_set(&w, 0, &v), FERR_LIMIT);
	rowb_drop(&w);
	T_INT(b.n, 0);
	free(big);
	buf_fini(&b);
}

T(remap_moves_drops_and_leaves_holes)
{
	struct val v[3] = { str("alice"), val_i64(7), val_text(VAL_CELL, "007", 3) };
	static const int map[] = { 3, -1, 0 };
	struct buf out = BUF_INIT;
	size_t len;
	uint8_t *r = make(v, 3, &len);

	row_set_hash(r, 5);
	r[6] = ROW_AFTER;
	T_INT(row_remap(r, 5, map, &out), 0);
	T_OK(row_check(out.p, out.n));
	T_INT(row_n(out.p), 5);
	T_INT(row_kind(out.p), ROW_AFTER);
	T_INT(row_time(out.p), 1000);
	T_INT(row_hash(out.p), 5);
	T_MEM(row_raw(out.p, 3).s, row_raw(out.p, 3).n, "alice", 5);
	T_INT(row_tag(out.p, 0), VAL_CELL);
	T_INT(row_tag(out.p, 1), VAL_ABSENT);
	T_INT(row_tag(out.p, 4), VAL_ABSENT);
	free(r);
	buf_fini(&out);
}

T(fields_of_two_rows_stand_side_by_side)
{
	struct val v[3] = { str("alice"), VAL_NULLV, str("a text of more than sixteen bytes") };
	struct val u[3] = { val_bool(true), { .t = VAL_ABSENT }, str("") };
	static const int map[] = { 4, 5, 3 };
	struct buf out = BUF_INIT;
	struct rowb w;
	size_t len;
	uint8_t *r = make(v, 3, &len), *s = make(u, 3, &len);

	T_INT(rowb_begin(&w, &out, 6, ROW_INSERT, 1), 0);
	T_INT(rowb_fields(&w, r, NULL), 0);
	T_INT(rowb_fields(&w, s, map), 0);
	T_INT(rowb_end(&w), 0);
	T_OK(row_check(out.p, out.n));
	T_MEM(row_raw(out.p, 0).s, row_raw(out.p, 0).n, "alice", 5);
	T_INT(row_tag(out.p, 1), VAL_NULL);
	T_MEM(row_raw(out.p, 2).s, row_raw(out.p, 2).n, v[2].s, v[2].n);
	T_INT(row_tag(out.p, 3), VAL_STR);
	T_INT(row_raw(out.p, 3).n, 0);
	T_INT(row_raw(out.p, 4).i, 1);
	T_INT(row_tag(out.p, 5), VAL_ABSENT);
	free(r);
	free(s);
	buf_fini(&out);
}

/* A sound row from outside may have several fields over the same bytes. */
T(fields_that_share_their_text_are_copied_each)
{
	enum { N = 40, BYTES = 500 };
	char *text = calloc(1, ROW_MAX / 2);
	struct val v[N] = { val_text(VAL_BYTES, text, BYTES) };
	struct buf out = BUF_INIT;
	struct rowb w;
	size_t len;
	uint8_t *r = make(v, N, &len);

	for (unsigned i = 1; i < N; i++) {
		memcpy(r + ROW_HDR + 8 * i, r + ROW_HDR, 8);
		r[ROW_TAGS(N) + i] = VAL_BYTES;
	}
	T_OK(row_check(r, len));
	T_INT(rowb_begin(&w, &out, N, ROW_INSERT, 1), 0);
	T_INT(rowb_fields(&w, r, NULL), 0);
	T_INT(rowb_end(&w), 0);
	T_OK(row_check(out.p, out.n));
	T_OK(out.n > N * BYTES);
	T_MEM(row_raw(out.p, N - 1).s, row_raw(out.p, N - 1).n, text, BYTES);
	free(r);
	v[0] = val_text(VAL_BYTES, text, ROW_MAX / 2);
	r = make(v, 1, &len);
	T_INT(rowb_begin(&w, &out, 3, ROW_INSERT, 1), 0);
	T_INT(rowb_fields(&w, r, NULL), 0);
	T_INT(rowb_fields(&w, r, (const int[]){ 1 }), FERR_LIMIT);
	rowb_drop(&w);
	free(r);
	free(text);
	buf_fini(&out);
}

T(marks)
{
	uint8_t m[ROW_MARK];

	row_mark(m, INT64_MAX);
	T_INT(row_len(m), ROW_MARK);
	T_INT(row_kind(m), ROW_WATERMARK);
	T_INT(row_time(m), INT64_MAX);
	T_OK(row_check(m, ROW_MARK));
	T_OK(!row_check(m, ROW_MARK - 1));
	m[7] = 1;
	T_OK(!row_check(m, ROW_MARK));
	m[7] = 0;
	m[4] = 1;
	T_OK(!row_check(m, ROW_MARK));
}

T(check_looks_at_the_header)
{
	struct val v[2] = { val_i64(1), str("xyz") };
	static const struct {
		unsigned at;
		uint8_t byte;
	} bad[] = {
		{ 0, 0 },  { 3, 1 },				 /* length */
		{ 4, 3 },  { 4, 4 },	{ 5, 0x10 },		 /* slots */
		{ 6, 4 },  { 6, 15 },	{ 6, 16 },   { 6, 255 }, /* kind */
		{ 7, 2 },  { 7, 128 },				 /* flags */
		{ 16, 1 }, { 23, 128 },				 /* hash, not keyed */
	};
	size_t len;
	uint8_t *r = make(v, 2, &len);

	T_OK(row_check(r, len));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t old = r[bad[i].at];

		r[bad[i].at] = bad[i].byte;
		if (row_check(r, len))
			T_FAIL("byte %u = %u was accepted", bad[i].at, bad[i].byte);
		r[bad[i].at] = old;
	}
	for (size_t n = 0; n < len; n++)
		T_OK(!row_check(r, n));
	free(r);
}

/* What all forms of row_check that this machine has say of a row; they must agree. */
static bool
check_all(const uint8_t *r, size_t len)
{
	bool ok = row_check_plain(r, len);

	T_INT(row_check(r, len), ok);
	for (const struct row_check_form *f = row_check_forms; f->name != NULL; f++)
		if (f->usable() && f->check(r, len) != ok)
			T_FAIL("the %s form says %d of a row of %u slots", f->name, !ok, row_n(r));
	return ok;
}

/* A row of n i64 fields but field i, which has this tag and slot: is it sound? */
static bool
sound(unsigned n, unsigned i, uint8_t tag, uint64_t slot)
{
	size_t len = (ROW_HDR + 9 * n + 7) / 8 * 8 + 8; /* eight bytes of text */
	uint8_t *r = calloc(1, len);
	bool ok;

	le32put(r, (uint32_t)len);
	le16put(r + 4, (uint16_t)n);
	memset(r + ROW_HDR, 0xee, 8 * n);
	memset(r + ROW_HDR + 8 * n, VAL_I64, n);
	le64put(r + ROW_HDR + 8 * i, slot);
	r[ROW_HDR + 8 * n + i] = tag;
	ok = check_all(r, len);
	free(r);
	return ok;
}

static uint64_t
text_slot(uint64_t off, uint64_t n)
{
	return off | n << 32;
}

T(check_looks_at_every_slot)
{
	const uint64_t inf = UINT64_C(0x7ff0000000000000), top = UINT64_C(1) << 63;

	for (unsigned n = 1; n <= 19; n++) {
		uint64_t lo = ROW_HDR + 9 * n, len = (lo + 7) / 8 * 8 + 8;

		for (unsigned i = 0; i < n; i++) {
			T_OK(sound(n, i, VAL_I64, top) && sound(n, i, VAL_TIME, UINT64_MAX));
			for (unsigned t = VAL_TYPE_MAX + 1; t < 256; t++)
				T_OK(!sound(n, i, (uint8_t)t, 0));
			for (unsigned bit = 0; bit < 64; bit++) {
				T_OK(!sound(n, i, VAL_ABSENT, UINT64_C(1) << bit));
				T_OK(!sound(n, i, VAL_NULL, UINT64_C(1) << bit));
				T_INT(sound(n, i, VAL_BOOL, UINT64_C(1) << bit), bit == 0);
			}
			T_OK(sound(n, i, VAL_ABSENT, 0) && sound(n, i, VAL_NULL, 0));
			T_OK(sound(n, i, VAL_BOOL, 0));
			T_OK(sound(n, i, VAL_F64, top) && sound(n, i, VAL_F64, inf - 1));
			T_OK(!sound(n, i, VAL_F64, inf) && !sound(n, i, VAL_F64, inf | top));
			T_OK(!sound(n, i, VAL_F64, inf + 1) && !sound(n, i, VAL_F64, UINT64_MAX));
			for (uint8_t t = VAL_STR; t <= VAL_CELL; t++) {
				T_OK(sound(n, i, t, text_slot(lo, len - lo)));
				T_OK(sound(n, i, t, text_slot(len - 1, 1)));
				T_INT(sound(n, i, t, text_slot(lo, 0)), t != VAL_JSON);
				T_INT(sound(n, i, t, text_slot(len, 0)), t != VAL_JSON);
				T_OK(!sound(n, i, t, text_slot(lo - 1, 1)));
				T_OK(!sound(n, i, t, text_slot(lo - 1, 0)));
				T_OK(!sound(n, i, t, text_slot(0, 1)));
				T_OK(!sound(n, i, t, text_slot(lo, len - lo + 1)));
				T_OK(!sound(n, i, t, text_slot(len + 1, 0)));
				T_OK(!sound(n, i, t, text_slot(lo, UINT32_MAX)));
				T_OK(!sound(n, i, t, text_slot(UINT32_MAX, 1)));
				T_OK(!sound(n, i, t, text_slot(UINT32_MAX, UINT32_MAX)));
			}
		}
	}
}

/* The same far into a long row. */
T(check_looks_at_every_slot_of_a_long_row)
{
	for (unsigned n = 250; n <= 280; n++) {
		for (unsigned i = 0; i < n; i++) {
			T_OK(sound(n, i, VAL_NULL, 0) && !sound(n, i, VAL_NULL, 1));
			T_OK(!sound(n, i, VAL_TYPE_MAX + 1, 0));
		}
	}
	for (unsigned i = 0; i < SCHEMA_MAX; i += 7)
		T_OK(sound(SCHEMA_MAX, i, VAL_NULL, 0) && !sound(SCHEMA_MAX, i, VAL_NULL, 1));
}

static uint64_t
next_random(void)
{
	static uint64_t x = 1;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static struct val
random_val(void)
{
	static const char text[] = "[\"some text\"]";
	uint64_t x = next_random();
	size_t n = x >> 8 & 7;

	switch (x % 10) {
	case VAL_ABSENT: return (struct val){ .t = VAL_ABSENT };
	case VAL_NULL: return VAL_NULLV;
	case VAL_BOOL: return val_bool(x >> 8 & 1);
	case VAL_F64: return val_f64((double)(int64_t)x * 1e280);
	case VAL_TIME: return val_time((int64_t)next_random());
	case VAL_STR: return val_text(VAL_STR, text, n);
	case VAL_BYTES: return val_text(VAL_BYTES, text, n);
	case VAL_JSON: return val_text(VAL_JSON, text, n + 1);
	case VAL_CELL: return val_text(VAL_CELL, text, n);
	default: return val_i64((int64_t)next_random());
	}
}

/* Change a byte of the row, mostly to something that is nearly right; n >= 1. */
static void
damage(uint8_t *r, size_t len, unsigned n)
{
	static const uint64_t slots[] = {
		0,
		1,
		2,
		UINT64_C(1) << 32,
		UINT64_C(0x7ff0) << 48,
		UINT64_C(0xfff8) << 48,
		UINT64_C(0xffef) << 48 | 0xffffffffffff,
		UINT32_MAX,
		UINT64_MAX,
		UINT64_C(8) << 32 | 0xfffffffc, /* wraps to 4 */
	};
	uint64_t x = next_random();
	uint8_t *tag = r + ROW_TAGS(n) + (x >> 8) % n, *slot = r + ROW_HDR + 8 * ((x >> 8) % n);

	switch (x % 6) {
	case 0: *tag = (uint8_t)(x >> 32); break;
	case 1: *tag = (uint8_t)((x >> 32) % (VAL_TYPE_MAX + 2)); break;
	case 2: slot[x >> 32 & 7] ^= (uint8_t)(1u << (x >> 40 & 7)); break;
	case 3: le64put(slot, slots[(x >> 32) % (sizeof(slots) / sizeof(slots[0]))]); break;
	case 4: le64put(slot, le64get(slot) + (x >> 32 & 15) - 8); break;
	default: r[(x >> 32) % len] ^= (uint8_t)(1u << (x >> 24 & 7)); break;
	}
}

T(all_forms_of_check_agree)
{
	unsigned sound_rows = 0, bad_rows = 0;

	for (unsigned round = 0; round < 20000; round++) {
		unsigned n = 1 + next_random() % (round % 100 == 0 ? 600 : 24);
		struct val v[600];
		size_t len;
		uint8_t *r;

		for (unsigned i = 0; i < n; i++)
			v[i] = random_val();
		r = make(v, n, &len);
		T_OK(check_all(r, len));
		for (unsigned i = 0; i < 4; i++) {
			damage(r, len, n);
			check_all(r, len) ? sound_rows++ : bad_rows++;
		}
		free(r);
	}
	T_OK(sound_rows > 1000 && bad_rows > 1000);
}

T_MAIN
