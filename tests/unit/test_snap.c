/* test_snap: snapshots there and back, cut off, damaged, with lies in them. */
#include "base/bytes.h"
#include "base/hash.h"
#include "coord/ctl.h"
#include "coord/snap.h"
#include "t.h"

#define HDR 8 /* length and CRC */

static void
fill(struct snap *s)
{
	snap_init(s);
	s->subtask = 1;
	s->parallel = 3;
	s->groups = 128;
	s->published = 41;
	T_INT(snap_add_file(&s->state, "s/a.base", 0, 4096, 0xdeadbeef, 40), 0);
	T_INT(snap_add_file(&s->state, "s/a.log", 100, 100, 1, 41), 0);
	T_INT(snap_add_file(&s->state, "s/b.log", 0, UINT64_MAX, 2, UINT64_MAX), 0);
	T_INT(snap_add_file(&s->pending, "p/seg", 5, 6, 3, 42), 0);
	T_INT(snap_add_file(&s->flight, "s/flight", 0, 7, 4, 43), 0);
	T_INT(snap_add_number(s, "wm.0", INT64_MIN, SNAP_MIN), 0);
	T_INT(snap_add_number(s, "limit", 7, SNAP_SUM), 0);
	s->nschema = 3;
	s->schema = malloc(3);
	memcpy(s->schema, "\0sc", 3);
	s->signature = strdup("tumble 5m");
}

static struct buf
encoded(void)
{
	struct buf out = BUF_INIT;
	struct snap s;

	fill(&s);
	T_INT(snap_encode(&s, &out), 0);
	snap_fini(&s);
	return out;
}

/* Decode a copy that ends where its block ends, so that ASan sees every overread. */
static int
decode(struct snap *s, const uint8_t *p, size_t n, size_t *used)
{
	uint8_t *copy = malloc(n + (n == 0));
	int rc;

	memcpy(copy, p, n);
	rc = snap_decode(s, copy, n, used);
	free(copy);
	return rc;
}

/* Make length and CRC right again after the body was changed. */
static void
seal(struct buf *b)
{
	le32put(b->p, (uint32_t)b->n - HDR);
	le32put(b->p + 4, crc32c(crc32c(0, b->p, 4), b->p + HDR, b->n - HDR));
}

static void
same_files(const struct snap_files *a, const struct snap_files *b)
{
	T_INT(a->n, b->n);
	for (unsigned i = 0; i < a->n && i < b->n; i++) {
		T_STR(a->v[i].name, b->v[i].name);
		T_INT(a->v[i].start, b->v[i].start);
		T_INT(a->v[i].end, b->v[i].end);
		T_INT(a->v[i].crc, b->v[i].crc);
		T_INT(a->v[i].epoch, b->v[i].epoch);
	}
}

static void
same(const struct snap *a, const struct snap *b)
{
	T_INT(a->subtask, b->subtask);
	T_INT(a->parallel, b->parallel);
	T_INT(a->groups, b->groups);
	T_INT(a->published, b->published);
	same_files(&a->state, &b->state);
	same_files(&a->pending, &b->pending);
	same_files(&a->flight, &b->flight);
	T_INT(a->nnumber, b->nnumber);
	for (unsigned i = 0; i < a->nnumber && i < b->nnumber; i++) {
		T_STR(a->number[i].name, b->number[i].name);
		T_INT(a->number[i].v, b->number[i].v);
		T_INT(a->number[i].merge, b->number[i].merge);
	}
	T_MEM(a->schema, a->nschema, b->schema, b->nschema);
	T_OK((a->signature == NULL) == (b->signature == NULL));
	if (a->signature != NULL && b->signature != NULL)
		T_STR(a->signature, b->signature);
}

T(a_snapshot_comes_back_and_replaces_what_was_there)
{
	struct buf out = encoded();
	size_t n = out.n, used = 0;
	struct snap s, d;

	T_INT(buf_puts(&out, "more"), 0);
	fill(&s);
	fill(&d);
	T_INT(snap_add_number(&d, "other", 1, SNAP_MAX), 0);
	T_INT(decode(&d, out.p, out.n, &used), 0);
	T_INT(used, n);
	same(&d, &s);
	snap_fini(&d);
	snap_fini(&s);
	T_INT(d.state.n, 0);
	buf_fini(&out);
}

T(an_empty_snapshot_comes_back)
{
	struct buf out = BUF_INIT;
	struct snap s, d;
	size_t used = 0;

	snap_init(&s);
	snap_init(&d);
	T_INT(snap_encode(&s, &out), 0);
	T_INT(decode(&d, out.p, out.n, &used), 0);
	T_INT(used, out.n);
	same(&d, &s);
	T_OK(d.schema == NULL && d.signature == NULL);
	snap_fini(&d);
	buf_fini(&out);
}

T(many_files_and_numbers)
{
	struct buf out = BUF_INIT;
	struct snap s, d;
	size_t used;

	snap_init(&s);
	snap_init(&d);
	for (unsigned i = 0; i < 1000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		T_INT(snap_add_file(&s.pending, name, i, i + 1, i, i), 0);
		T_INT(snap_add_number(&s, name, -(int64_t)i, SNAP_MAX), 0);
	}
	T_INT(snap_encode(&s, &out), 0);
	T_INT(decode(&d, out.p, out.n, &used), 0);
	same(&d, &s);
	snap_clear_files(&d.pending);
	T_INT(d.pending.n, 0);
	T_INT(snap_add_file(&d.pending, "again", 0, 1, 0, 1), 0);
	snap_fini(&s);
	snap_fini(&d);
	buf_fini(&out);
}

T(every_truncation_is_an_error)
{
	struct buf out = encoded();
	size_t used = 99;
	struct snap s;

	snap_init(&s);
	for (size_t n = 0; n < out.n; n++)
		T_INT(decode(&s, out.p, n, &used), FERR_CORRUPT);
	T_INT(used, 99);
	snap_fini(&s);
	buf_fini(&out);
}

T(every_truncated_body_is_an_error_even_with_a_right_checksum)
{
	struct buf out = encoded();
	size_t used = 99;
	struct snap s;

	snap_init(&s);
	while (out.n > HDR) {
		out.n--;
		seal(&out);
		T_INT(decode(&s, out.p, out.n, &used), FERR_CORRUPT);
	}
	buf_fini(&out);
	out = encoded();
	T_INT(buf_putc(&out, 0), 0);
	seal(&out);
	T_INT(decode(&s, out.p, out.n, &used), FERR_CORRUPT);
	T_INT(s.state.n, 0);
	snap_fini(&s);
	buf_fini(&out);
}

T(every_flipped_bit_is_an_error_and_changes_nothing)
{
	struct buf out = encoded();
	struct snap s, want;
	size_t used;

	fill(&s);
	fill(&want);
	for (size_t i = 0; i < out.n * 8; i++) {
		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
		T_INT(decode(&s, out.p, out.n, &used), FERR_CORRUPT);
		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	same(&s, &want);
	snap_fini(&s);
	snap_fini(&want);
	buf_fini(&out);
}

/* With a right checksum a flip may give another valid snapshot; it must never be overread. */
T(every_flipped_length_is_an_error_even_with_a_right_checksum)
{
	struct buf out = encoded();
	struct snap s;
	size_t used;

	snap_init(&s);
	for (size_t i = HDR * 8; i < out.n * 8; i++) {
		size_t at = i / 8 - HDR;
		int rc;

		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
		seal(&out);
		rc = decode(&s, out.p, out.n, &used);
		T_OK(rc == 0 || rc == FERR_CORRUPT);
		/* the number of files, the length of the first name */
		if (at >= 20 && at < 28)
			T_INT(rc, FERR_CORRUPT);
		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	snap_fini(&s);
	buf_fini(&out);
}

/* A body with these u32 behind the fixed head. */
static int
decode_words(const uint32_t *v, size_t n)
{
	struct buf out = BUF_INIT;
	struct snap s;
	size_t used;
	int rc;

	snap_init(&s);
	for (unsigned i = 0; i < 7; i++) /* header, subtask, parallel, groups, published */
		T_INT(pack_u32(&out, 0), 0);
	for (size_t i = 0; i < n; i++)
		T_INT(pack_u32(&out, v[i]), 0);
	seal(&out);
	rc = decode(&s, out.p, out.n, &used);
	snap_fini(&s);
	buf_fini(&out);
	return rc;
}
#define DECODE(...)                                     \
	decode_words((const uint32_t[]){ __VA_ARGS__ }, \
		     sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

T(layout_limits_stand_before_allocation)
{
	/* state, pending, flight, numbers, schema, signature */
	T_INT(DECODE(0, 0, 0, 0, 0, 0), 0);
	T_INT(DECODE(UINT32_MAX, 0, 0, 0, 0, 0), FERR_CORRUPT);
	T_INT(DECODE(0, UINT32_MAX, 0, 0, 0, 0), FERR_CORRUPT);
	T_INT(DECODE(0, 0, UINT32_MAX, 0, 0, 0), FERR_CORRUPT);
	T_INT(DECODE(0, 0, 0, UINT32_MAX, 0, 0), FERR_CORRUPT);
	T_INT(DECODE(0, 0, 0, 0, UINT32_MAX, 0), FERR_CORRUPT);
	T_INT(DECODE(0, 0, 0, 0, 0, UINT32_MAX), FERR_CORRUPT);
	/* one file: name, start, end, crc, epoch */
	T_INT(DECODE(1, 0, 5, 0, 5, 0, 9, 1, 0, 0, 0, 0, 0, 0), 0);
	T_INT(DECODE(1, 0, 6, 0, 5, 0, 9, 1, 0, 0, 0, 0, 0, 0), FERR_CORRUPT); /* start > end */
	/* one number: name, v, merge */
	T_INT(DECODE(0, 0, 0, 1, 0, 5, 0, SNAP_SUM, 0, 0), 0);
	T_INT(DECODE(0, 0, 0, 1, 0, 5, 0, SNAP_SUM + 1, 0, 0), FERR_CORRUPT);
	T_INT(DECODE(0, 0, 0, 1, 0, 5, 0, 256, 0, 0), FERR_CORRUPT);
}

T(too_large_a_snapshot_is_refused_and_leaves_the_buffer)
{
	struct buf out = BUF_INIT;
	struct snap s;

	snap_init(&s);
	s.schema = calloc(1, CTL_MAX);
	s.nschema = CTL_MAX;
	T_INT(buf_puts(&out, "x"), 0);
	T_INT(snap_encode(&s, &out), FERR_LIMIT);
	T_INT(out.n, 1);
	snap_fini(&s);
	buf_fini(&out);
}

T_MAIN
