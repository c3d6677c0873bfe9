/*
 * fuzz_csv -- the CSV reader against a slow and obvious RFC 4180 machine: the same records, the
 * same cells, bad records at the same places; and the same again when the bytes come in small
 * pieces.  TSV: pieces only.
 *
 * The first byte of the input is the seed of the pieces' sizes, the rest is the text.
 * Build with clang -fsanitize=fuzzer,address,undefined and lib/{fmt,row,base}/, -lm.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fmt/fmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Both sides write what they saw: 'R' a row, its cells; 'B' a bad record. */
static void
log_cell(struct buf *log, bool text, const uint8_t *s, size_t n)
{
	uint8_t len[4];

	le32put(len, (uint32_t)n);
	buf_putc(log, n == 0 ? 'n' : text ? 's' : 'c');
	buf_put(log, len, 4);
	buf_put(log, s, n);
}

static void
log_bad(struct buf *log, uint64_t line)
{
	uint8_t at[8];

	le64put(at, line);
	buf_putc(log, 'B');
	buf_put(log, at, 8);
}

/* The oracle. */

#define CELLS 5000

struct oracle {
	struct {
		size_t at, n; /* in text */
		bool quoted;
	} cell[CELLS];
	size_t ncell;
	struct buf text;
	bool bad;      /* the record */
	size_t header; /* its columns; 0: not seen */
	bool broken;
	uint64_t line; /* of the record */
};
static struct oracle o;

/* UTF-8 by the table of RFC 3629, one byte at a time; NUL is refused as well. */
static bool
sound(const uint8_t *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint8_t b = s[i], lo = 0x80, hi = 0xbf;
		size_t more = b < 0x80 ? 0 : b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;

		if (b == 0 || (b >= 0x80 && b < 0xc2) || b > 0xf4)
			return false;
		if (b == 0xe0)
			lo = 0xa0;
		if (b == 0xed)
			hi = 0x9f;
		if (b == 0xf0)
			lo = 0x90;
		if (b == 0xf4)
			hi = 0x8f;
		for (i++; more > 0; more--, i++, lo = 0x80, hi = 0xbf)
			if (i >= n || s[i] < lo || s[i] > hi)
				return false;
	}
	return true;
}

static bool
header_ok(void)
{
	for (size_t i = 0; i < o.ncell; i++) {
		if (o.cell[i].n == 0)
			return false;
		for (size_t k = 0; k < i; k++)
			if (o.cell[i].n == o.cell[k].n &&
			    memcmp(o.text.p + o.cell[i].at, o.text.p + o.cell[k].at, o.cell[i].n) ==
				0)
				return false;
	}
	return o.ncell <= SCHEMA_MAX;
}

static void
record_done(const uint8_t *s, size_t n, struct buf *log)
{
	bool bad = o.bad || !sound(s, n);

	if (n == 0)
		return;
	if (o.header == 0 && !o.broken) {
		o.broken = bad || !header_ok();
		o.header = o.ncell;
		if (o.broken)
			log_bad(log, o.line);
		return;
	}
	if (bad || o.broken || o.ncell != o.header) {
		log_bad(log, o.line);
		return;
	}
	buf_putc(log, 'R');
	for (size_t i = 0; i < o.ncell; i++)
		log_cell(log, o.cell[i].quoted, o.text.p + o.cell[i].at, o.cell[i].n);
}

static void
oracle_read(const uint8_t *s, size_t n, struct buf *log)
{
	enum { START, PLAIN, QUOTED, QUOTE_SEEN } state = START;
	size_t begin = 0;
	uint64_t line = 1;

	o.text.n = o.header = o.ncell = 0;
	o.broken = false;
	if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
		s += 3, n -= 3;
	for (size_t i = 0; i <= n; i++) {
		bool end = i == n || (s[i] == '\n' && state != QUOTED);
		bool cr = i < n && s[i] == '\r' && i + 1 < n && s[i + 1] == '\n' && state != QUOTED;

		if (i == begin && !end && !cr) { /* a record begins */
			o.ncell = 1;
			o.text.n = 0;
			o.cell[0].at = o.cell[0].n = 0;
			o.cell[0].quoted = o.bad = false;
			o.line = line;
			state = START;
		}
		if (i < n && s[i] == '\n')
			line++;
		if (end) {
			size_t m = i - begin;

			if (i < n && m > 0 && s[i - 1] == '\r')
				m--;
			if (state == QUOTED)
				o.bad = true;
			if (i < n || m > 0)
				record_done(s + begin, m, log);
			begin = i + 1;
			state = START;
		} else if (cr) {
			continue;
		} else if (s[i] == ',' && state != QUOTED) {
			o.ncell++;
			o.cell[o.ncell - 1].at = o.text.n;
			o.cell[o.ncell - 1].n = 0;
			o.cell[o.ncell - 1].quoted = false;
			state = START;
		} else if (s[i] == '"' && state == START) {
			o.cell[o.ncell - 1].quoted = true;
			state = QUOTED;
		} else if (s[i] == '"' && state == QUOTED) {
			state = QUOTE_SEEN;
		} else {
			if (state == QUOTE_SEEN && s[i] != '"')
				o.bad = true;
			state = state == START || (state == QUOTE_SEEN && s[i] != '"') ? PLAIN
				: state == QUOTE_SEEN				       ? QUOTED
										       : state;
			buf_putc(&o.text, s[i]);
			o.cell[o.ncell - 1].n++;
		}
	}
}

/* The reader. */

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static void
log_row(struct buf *log, const uint8_t *row)
{
	buf_putc(log, 'R');
	for (unsigned i = 0; i < row_n(row); i++) {
		struct val v = row_raw(row, i);

		log_cell(log, v.t == VAL_STR, (const uint8_t *)v.s, v.t < VAL_STR ? 0 : v.n);
	}
}

/* seed 0: in one piece */
static void
product_read(enum fmt_kind kind, const uint8_t *s, size_t n, uint32_t seed, struct buf *log)
{
	struct schema schema;
	struct fmt_conf conf = { .kind = kind, .schema = &schema };
	struct fmt_reader *r;
	struct fmt_bad bad;
	struct buf row = BUF_INIT;
	size_t at = 0, given = 0, used;
	int rc = FERR_AGAIN;

	schema_init(&schema);
	if (fmt_reader_new(&r, &conf) != 0)
		abort();
	for (;;) {
		uint8_t *p;

		if (rc == FERR_AGAIN) {
			size_t piece = seed == 0 ? n : next(&seed) % 70;

			given += piece < n - given ? piece : n - given;
		}
		p = calloc(1, given - at + BUF_SLACK);
		memcpy(p, s + at, given - at);
		row.n = 0;
		rc = fmt_read(r, p, given - at, given == n, &used, &row, &bad);
		if (rc == 1) {
			if (!row_check(row.p, row.n))
				abort();
			log_row(log, row.p);
		} else if (rc == FERR_DATA) {
			log_bad(log, fmt_reader_line(r));
		} else if (rc != 0 && rc != FERR_AGAIN) {
			abort();
		}
		free(p);
		at += used;
		if (at > given || (rc == FERR_AGAIN && given == n))
			abort();
		if (rc == 0 && used == 0)
			break;
	}
	if (at != n)
		abort();
	fmt_reader_free(r);
	schema_fini(&schema);
	buf_fini(&row);
}

static void
same(const struct buf *a, const struct buf *b)
{
	if (a->n != b->n || (a->n != 0 && memcmp(a->p, b->p, a->n) != 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct buf want, got;

	if (n < 1 || n >= CELLS)
		return 0;
	want.n = got.n = 0;
	oracle_read(data + 1, n - 1, &want);
	product_read(FMT_CSV, data + 1, n - 1, 0, &got);
	same(&want, &got);
	got.n = 0;
	product_read(FMT_CSV, data + 1, n - 1, data[0] + 1u, &got);
	same(&want, &got);

	want.n = got.n = 0;
	product_read(FMT_TSV, data + 1, n - 1, 0, &want);
	product_read(FMT_TSV, data + 1, n - 1, data[0] + 1u, &got);
	same(&want, &got);
	return 0;
}
