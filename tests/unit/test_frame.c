/* Frames: golden bytes both ways, and what a reader must refuse. */
#include "base/bytes.h"
#include "base/hash.h"
#include "frame/frame.h"
#include "golden.h"
#include "t.h"

static struct buf gold; /* the file at hand */
static struct buf made; /* what we make of it */

static struct frame
load(const char *name)
{
	char path[128];
	struct frame f = { 0 };
	size_t used = 0;

	snprintf(path, sizeof(path), "tests/golden/frame/%s.hex", name);
	gold.n = made.n = 0;
	T_INT(golden_read(path, &gold), 0);
	T_INT(frame_decode(&f, gold.p, gold.n, &used), 0);
	T_INT(used, gold.n);
	return f;
}

/* Frame the payload in `made` anew and compare with the file. */
static void
same(const struct frame *f)
{
	struct buf whole = BUF_INIT;

	T_INT(frame_put(&whole, f->kind, f->seq, made.p, made.n), 0);
	if (f->kind == FRAME_DATA)
		frame_seal(whole.p, FRAME_DATA, (uint32_t)made.n, f->count, f->seq);
	T_MEM(whole.p, whole.n, gold.p, gold.n);
	buf_fini(&whole);
}

T(line_is_64_bytes_and_ends_in_a_line_feed)
{
	T_INT(strlen(FRAME_LINE), FRAME_LINE_LEN);
	T_INT(FRAME_LINE[FRAME_LINE_LEN - 1], '\n');
	T_MEM(FRAME_LINE, 9, "#fjord 1 ", 9);
}

T(hello_golden)
{
	char *first[] = { "fsource", "views.ndjson", "--time", "at" };
	char *second[] = { "fkey", "user" };
	struct frame f = load("hello");
	struct hello h, d;

	T_INT(f.kind, FRAME_HELLO);
	hello_init(&h);
	hello_init(&d);
	h.nrun = 1;
	for (unsigned i = 0; i < 16; i++)
		h.run[0][i] = (uint8_t)(0xa0 + i);
	strcpy(h.edge, "e1");
	T_INT(hello_add_stage(&h, first, 4), 0);
	T_INT(hello_add_stage(&h, second, 2), 0);
	T_INT(hello_encode(&h, &made), 0);
	same(&f);
	T_INT(hello_decode(&d, f.payload, f.n), 0);
	T_INT(d.version, 1);
	T_INT(d.nrun, 1);
	T_MEM(d.run, sizeof(d.run), h.run, sizeof(h.run));
	T_STR(d.edge, "e1");
	T_INT(d.n, 2);
	T_INT(d.stages[0].n, 4);
	T_STR(d.stages[0].words[3], "at");
	T_STR(d.stages[1].words[1], "user");
	hello_fini(&h);
	hello_fini(&d);
}

T(hello_bare_golden)
{
	struct frame f = load("hello-bare");
	struct hello h;

	hello_init(&h);
	T_INT(hello_decode(&h, f.payload, f.n), 0);
	T_INT(h.n, 0);
	T_INT(h.nrun, 0);
	T_STR(h.edge, "");
	T_INT(hello_encode(&h, &made), 0);
	same(&f);
	hello_fini(&h);
}

T(hello_refuses_every_cut_and_tail)
{
	struct frame f = load("hello");
	struct hello h;

	hello_init(&h);
	for (size_t n = 0; n < f.n; n++) {
		uint8_t *p = malloc(n + 1); /* so that an over-read is seen */

		memcpy(p, f.payload, n);
		T_INT(hello_decode(&h, p, n), FERR_CORRUPT);
		free(p);
	}
	buf_put(&made, f.payload, f.n);
	buf_putc(&made, 0);
	T_INT(hello_decode(&h, made.p, made.n), FERR_CORRUPT);
	made.p[0] = 2;
	T_INT(hello_decode(&h, made.p, f.n), FERR_CORRUPT);
	T_STR(ferr_text(), "the stream is of version 2, this program reads 1");
	made.p[0] = 1;
	made.p[4] = 5;
	T_INT(hello_decode(&h, made.p, f.n), FERR_CORRUPT);
	made.p[4] = 1;
	T_INT(hello_decode(&h, made.p, f.n), 0);
	made.p[24] = 0; /* the edge's first byte */
	T_INT(hello_decode(&h, made.p, f.n), FERR_CORRUPT);
	T_STR(h.edge, "e1"); /* a failure leaves the old value */
	hello_fini(&h);
}

T(hello_words_have_a_bound)
{
	char *word[1];
	struct hello h;

	hello_init(&h);
	word[0] = malloc(HELLO_BYTES_MAX + 1);
	memset(word[0], 'w', HELLO_BYTES_MAX);
	word[0][HELLO_BYTES_MAX] = '\0';
	T_INT(hello_add_stage(&h, word, 1), 0);
	made.n = 0;
	T_INT(hello_encode(&h, &made), FERR_LIMIT);
	T_INT(made.n, 0);
	free(word[0]);
	hello_fini(&h);
}

T(data_golden)
{
	struct frame f = load("data");
	struct val v[11] = {
		{ .t = VAL_ABSENT },
		VAL_NULLV,
		val_bool(true),
		val_i64(-2),
		val_f64(0.5),
		val_time(1704448800123),
		val_text(VAL_STR, "gr\xc3\xbcn", 5),
		val_text(VAL_BYTES, "\x00\xff", 2),
		val_text(VAL_JSON, "{\"a\":[1]}", 9),
		val_text(VAL_CELL, "007", 3),
		val_text(VAL_STR, NULL, 0),
	}, alice = val_text(VAL_STR, "alice", 5);
	struct rowb w;
	size_t at;

	T_INT(f.count, 3);
	T_INT(frame_check_data(&f), 0);
	T_INT(rowb_begin(&w, &made, 11, ROW_INSERT, 1704448800000), 0);
	for (unsigned i = 0; i < 11; i++)
		T_INT(rowb_set(&w, i, &v[i]), 0);
	T_INT(rowb_end(&w), 0);
	T_INT(buf_room(&made, ROW_MARK), 0);
	row_mark(made.p + made.n, 1704448799999);
	made.n += ROW_MARK;
	at = made.n;
	T_INT(rowb_begin(&w, &made, 1, ROW_AFTER, ROW_NOTIME), 0);
	T_INT(rowb_set(&w, 0, &alice), 0);
	T_INT(rowb_end(&w), 0);
	row_set_hash(made.p + at, hash64("\x06"
					 "alice",
					 6));
	T_INT(rowb_begin(&w, &made, 0, ROW_INSERT, 5), 0);
	T_INT(rowb_end(&w), 0);
	same(&f);
}

T(data_frames_of_marks_or_nothing_are_sound)
{
	static const char *const names[] = { "data-empty", "data-marks", "data-changes" };

	for (unsigned i = 0; i < 3; i++) {
		struct frame f = load(names[i]);

		T_INT(f.kind, FRAME_DATA);
		T_INT(frame_check_data(&f), 0);
	}
}

T(data_check_refuses_bad_counts_and_rests)
{
	struct frame f = load("data"), g = f;

	g.count = 2;
	T_INT(frame_check_data(&g), FERR_CORRUPT);
	g.count = 4;
	T_INT(frame_check_data(&g), FERR_CORRUPT);
	for (uint32_t n = 0; n < f.n; n++) {
		g = f;
		g.n = n;
		T_INT(frame_check_data(&g), FERR_CORRUPT);
	}
}

T(control_marks_golden)
{
	static const uint8_t id[16] =
	    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
	uint8_t bytes[BARRIER_BYTES];
	enum end_reason why = END_DONE;
	struct barrier b;
	uint64_t epoch = 0;
	struct frame f = load("barrier");

	T_INT(f.kind, FRAME_BARRIER);
	T_INT(barrier_decode(&b, f.payload, f.n), 0);
	T_INT(b.epoch, 7);
	T_INT(b.flags, BARRIER_FINAL | BARRIER_SAVEPOINT);
	T_MEM(b.id, 16, id, 16);
	barrier_encode(&b, bytes);
	buf_put(&made, bytes, sizeof(bytes));
	same(&f);

	f = load("barrier-unaligned");
	T_INT(barrier_decode(&b, f.payload, f.n), 0);
	T_INT(b.flags, BARRIER_UNALIGNED);
	barrier_encode(&b, bytes);
	buf_put(&made, bytes, sizeof(bytes));
	same(&f);

	f = load("cancel");
	T_INT(f.kind, FRAME_CANCEL);
	T_INT(cancel_decode(&epoch, f.payload, f.n), 0);
	T_INT(epoch, 8);
	f = load("end-stop");
	T_INT(f.kind, FRAME_END);
	T_INT(f.seq, 0x0102030405060708);
	T_INT(end_decode(&why, f.payload, f.n), 0);
	T_INT(why, END_STOP);
	f = load("end");
	T_INT(end_decode(&why, f.payload, f.n), 0);
	T_INT(why, END_DONE);
	T_INT(load("idle").kind, FRAME_IDLE);
	T_INT(load("active").kind, FRAME_ACTIVE);
}

T(control_payloads_are_strict)
{
	uint8_t p[BARRIER_BYTES] = { 1 };
	enum end_reason why;
	struct barrier b;
	uint64_t epoch;

	T_INT(barrier_decode(&b, p, BARRIER_BYTES), 0);
	T_INT(barrier_decode(&b, p, BARRIER_BYTES - 1), FERR_CORRUPT);
	p[24] = 16;
	T_INT(barrier_decode(&b, p, BARRIER_BYTES), 0);
	p[24] = 32;
	T_INT(barrier_decode(&b, p, BARRIER_BYTES), FERR_CORRUPT);
	p[24] = 0;
	p[0] = 0;
	T_INT(barrier_decode(&b, p, BARRIER_BYTES), FERR_CORRUPT);
	T_INT(cancel_decode(&epoch, p, 8), FERR_CORRUPT);
	T_INT(cancel_decode(&epoch, p, 7), FERR_CORRUPT);
	p[0] = 2;
	T_INT(end_decode(&why, p, 1), FERR_CORRUPT);
	T_INT(end_decode(&why, p, 0), FERR_CORRUPT);
}

T(frame_needs_all_its_bytes)
{
	struct frame f = load("data");
	size_t used = 77;

	for (size_t n = 0; n < gold.n; n++)
		T_INT(frame_decode(&f, gold.p, n, &used), FERR_AGAIN);
	T_INT(used, 77);
}

T(every_flipped_bit_is_seen)
{
	static const char *const names[] = { "data", "hello", "barrier", "idle", "end" };
	struct frame f;
	size_t used;

	for (unsigned i = 0; i < 5; i++) {
		load(names[i]);
		for (size_t bit = 0; bit < 8 * gold.n; bit++) {
			gold.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			T_OK(frame_decode(&f, gold.p, gold.n, &used) != 0);
			gold.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* Header faults that a right checksum does not excuse. */
static int
sealed(unsigned at, uint8_t byte, enum frame_kind kind, uint32_t payload, uint32_t count)
{
	static uint8_t b[FRAME_HDR + 64];
	struct frame f;
	size_t used;
	uint32_t crc;

	memset(b, 0, sizeof(b));
	frame_seal(b, kind, payload, count, 1);
	if (at < FRAME_HDR) {
		b[at] = byte;
		crc = crc32c(crc32c(0, b, 12), b + 16, 8 + payload);
		le32put(b + 12, crc);
	}
	return frame_decode(&f, b, sizeof(b), &used);
}

T(headers_are_strict)
{
	enum { NO = FRAME_HDR };

	T_INT(sealed(NO, 0, FRAME_DATA, 48, 2), 0);
	T_INT(sealed(NO, 0, FRAME_DATA, 48, 3), FERR_CORRUPT);
	T_INT(sealed(NO, 0, FRAME_DATA, 44, 0), FERR_CORRUPT);
	T_INT(sealed(0, 'G', FRAME_DATA, 0, 0), FERR_CORRUPT);
	T_INT(sealed(1, 'j', FRAME_DATA, 0, 0), FERR_CORRUPT);
	T_INT(sealed(2, 0, FRAME_DATA, 0, 0), FERR_CORRUPT);
	T_INT(sealed(2, 10, FRAME_DATA, 0, 0), FERR_CORRUPT);
	T_INT(sealed(3, 1, FRAME_DATA, 0, 0), FERR_CORRUPT);
	T_INT(sealed(NO, 0, FRAME_SCHEMA, 8, 1), FERR_CORRUPT);
	T_INT(sealed(NO, 0, FRAME_IDLE, 0, 0), 0);
	T_INT(sealed(NO, 0, FRAME_IDLE, 1, 0), FERR_CORRUPT);
	T_INT(sealed(NO, 0, FRAME_ACTIVE, 8, 0), FERR_CORRUPT);
	T_INT(sealed(NO, 0, FRAME_BARRIER, 27, 0), FERR_CORRUPT);
	T_INT(sealed(NO, 0, FRAME_CANCEL, 9, 0), FERR_CORRUPT);
	T_INT(sealed(NO, 0, FRAME_END, 2, 0), FERR_CORRUPT);
}

T(payload_has_a_bound)
{
	uint8_t h[FRAME_HDR] = { 'F', 'J', FRAME_SCHEMA };
	struct frame f;
	size_t used;

	le32put(h + 4, FRAME_PAYLOAD_MAX + 8);
	T_INT(frame_decode(&f, h, sizeof(h), &used), FERR_LIMIT);
	le32put(h + 4, FRAME_PAYLOAD_MAX);
	T_INT(frame_decode(&f, h, sizeof(h), &used), FERR_AGAIN);
	made.n = 0;
	T_INT(frame_put(&made, FRAME_SCHEMA, 1, h, FRAME_PAYLOAD_MAX + 1), FERR_LIMIT);
	T_INT(made.n, 0);
}

T(a_whole_stream_reads_in_order)
{
	static const enum frame_kind kinds[] = { FRAME_HELLO,  FRAME_SCHEMA,  FRAME_DATA,
						 FRAME_SCHEMA, FRAME_IDLE,    FRAME_ACTIVE,
						 FRAME_DATA,   FRAME_BARRIER, FRAME_END };
	struct schema s[2];
	size_t at = FRAME_LINE_LEN, used = 0;
	unsigned n = 0, schemas = 0;
	struct frame f;

	gold.n = 0;
	T_INT(golden_read("tests/golden/frame/stream.hex", &gold), 0);
	T_MEM(gold.p, FRAME_LINE_LEN, FRAME_LINE, FRAME_LINE_LEN);
	schema_init(&s[0]);
	schema_init(&s[1]);
	for (; at < gold.n && n < 9; at += used, n++) {
		T_INT(frame_decode(&f, gold.p + at, gold.n - at, &used), 0);
		T_INT(f.kind, kinds[n]);
		T_INT(f.seq, n);
		if (f.kind == FRAME_DATA)
			T_INT(frame_check_data(&f), 0);
		if (f.kind == FRAME_SCHEMA)
			T_INT(schema_decode(&s[schemas++], f.payload, f.n), 0);
	}
	T_INT(n, 9);
	T_INT(at, gold.n);
	T_INT(s[1].n, 3);
	T_OK(schema_extends(&s[1], &s[0]));
	T_OK(!schema_extends(&s[0], &s[1]));
	schema_fini(&s[0]);
	schema_fini(&s[1]);
	buf_fini(&gold);
	buf_fini(&made);
}

T_MAIN
