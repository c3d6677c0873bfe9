/*
 * fuzz_frame -- whatever comes over an edge: no over-read, no leak, and what is accepted can be
 *read.
 *
 * The input is a row of frames.  Checksums are put right before decoding (a fuzzer cannot guess
 *them), and every payload is decoded from a heap block of exactly its size, so that ASan sees one
 *byte too far.
 *
 *	clang -fsanitize=fuzzer,address,undefined -Ilib tests/fuzz/fuzz_frame.c lib/frame/[a-z]*.c
 *	    lib/row/[a-z]*.c lib/base/[a-z]*.c -lm -o fuzz_frame
 *	./fuzz_frame tests/fuzz/corpus/frame
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "frame/frame.h"
#include "row/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* Touch every byte of every value; make and undo a key. */
static void
read_row(const uint8_t *r, const struct schema *keys, struct buf *key)
{
	volatile uint8_t sum = 0;
	struct val v[2];

	for (unsigned i = 0; i < row_n(r); i++) {
		struct val raw = row_raw(r, i);

		must(row_tag(r, i) == raw.t);
		for (uint32_t k = 0; raw.t >= VAL_STR && k < raw.n; k++)
			sum = (uint8_t)(sum ^ (uint8_t)raw.s[k]);
		must(row_get(r, i).t != VAL_CELL);
	}
	key->n = 0;
	must(key_bytes(keys, r, key) == 0);
	must(key_values(key->p, key->n, keys->nkey, v) == 0);
}

static void
read_data(const struct frame *f)
{
	const uint8_t *p = f->payload, *end = p + f->n;
	struct schema one = { .keyed = true, .nkey = 1, .groups = 1 };
	struct schema two = { .keyed = true, .nkey = 2, .key = { 1, 0 }, .groups = 1 };
	static const int map[SCHEMA_MAX] = { 1, 0, -1, 2 };
	struct buf b = BUF_INIT;
	bool good = frame_check_data(f) == 0;

	for (; p < end && end - p >= (ptrdiff_t)ROW_MARK; p += row_len(p)) {
		bool ok = row_len(p) <= (size_t)(end - p) && row_check(p, row_len(p));

		must(!good || ok);
		if (!ok)
			break;
		must(row_check_plain(p, row_len(p)));
		if (row_kind(p) == ROW_WATERMARK)
			continue;
		read_row(p, &one, &b);
		read_row(p, &two, &b);
		b.n = 0;
		if (row_remap(p, 3, map, &b) == 0)
			must(row_check(b.p, b.n));
	}
	buf_fini(&b);
}

/* What is accepted comes back from its own wire form. */
static void
read_schema(const struct frame *f)
{
	struct buf b = BUF_INIT;
	struct schema s;

	schema_init(&s);
	if (schema_decode(&s, f->payload, f->n) == 0) {
		must(schema_encode(&s, &b) == 0);
		must(b.n == f->n && memcmp(b.p, f->payload, b.n) == 0);
		must(schema_extends(&s, &s));
	}
	schema_fini(&s);
	buf_fini(&b);
}

static void
read_hello(const struct frame *f)
{
	struct buf b = BUF_INIT;
	struct hello h;

	hello_init(&h);
	if (hello_decode(&h, f->payload, f->n) == 0) {
		must(hello_encode(&h, &b) == 0);
		must(b.n == f->n && memcmp(b.p, f->payload, b.n) == 0);
	}
	hello_fini(&h);
	buf_fini(&b);
}

static void
read_control(const struct frame *f)
{
	enum end_reason why;
	struct barrier b;
	uint64_t epoch;

	if (f->kind == FRAME_BARRIER && barrier_decode(&b, f->payload, f->n) == 0) {
		uint8_t again[BARRIER_BYTES];

		barrier_encode(&b, again);
		must(memcmp(again, f->payload, f->n) == 0);
	}
	if (f->kind == FRAME_CANCEL && cancel_decode(&epoch, f->payload, f->n) == 0)
		must(epoch != 0);
	if (f->kind == FRAME_END && end_decode(&why, f->payload, f->n) == 0)
		must(why == END_DONE || why == END_STOP);
}

/* Put the checksum right, if the frame is all there. */
static void
mend(uint8_t *b, size_t len)
{
	uint32_t n = len >= FRAME_HDR ? le32get(b + 4) : 0;

	if (len >= FRAME_HDR && len - FRAME_HDR >= n)
		le32put(b + 12, crc32c(crc32c(0, b, 12), b + 16, 8 + (size_t)n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size > 0) {
		uint8_t *exact = malloc(size);
		struct frame f;
		size_t used = 0;

		must(exact != NULL);
		memcpy(exact, data, size);
		mend(exact, size);
		if (frame_decode(&f, exact, size, &used) != 0) {
			free(exact);
			return 0;
		}
		must(used == FRAME_HDR + (size_t)f.n && used <= size);
		/* Its payload alone in a block: the next frame must not hide an over-read. */
		free(exact);
		exact = malloc(used);
		must(exact != NULL);
		memcpy(exact, data, used);
		mend(exact, used);
		must(frame_decode(&f, exact, used, &used) == 0);
		if (f.kind == FRAME_DATA)
			read_data(&f);
		else if (f.kind == FRAME_SCHEMA)
			read_schema(&f);
		else if (f.kind == FRAME_HELLO)
			read_hello(&f);
		else
			read_control(&f);
		free(exact);
		data += used;
		size -= used;
	}
	return 0;
}
