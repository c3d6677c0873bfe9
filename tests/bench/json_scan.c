/*
 * json_scan -- how fast events become rows, and rows become text.
 *
 *	json_scan [EVENTS [ROUNDS]]
 *
 * Makes EVENTS lines of about 250 bytes in memory and reads all of them, line ends included, with
 * json_read, with jansson, and with simdjson where json_simdjson.cc was linked in
 * (-DWITH_SIMDJSON, -lsimdjson -lstdc++).  Prints the median of ROUNDS runs.  Only json_read builds
 * rows; simdjson visits the top-level fields and looks into nothing nested.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fmt/json.h"

#define ROWS_BYTES (32 << 10)
#define ROUNDS_MAX 101

struct totals {
	uint64_t rows, bytes;
};

typedef void run_fn(const struct buf *text, struct totals *t);

#ifdef WITH_SIMDJSON
/* In json_simdjson.cc: visit every field of every line; returns the number of lines, or -1. */
long simdjson_lines(const uint8_t *p, size_t n);
#endif

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void
die(const char *what)
{
	fprintf(stderr, "json_scan: %s\n", what);
	exit(1);
}

static void
make_events(struct buf *b, int n)
{
	uint64_t x = 42;

	for (int i = 0; i < n; i++) {
		unsigned a, c;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		a = (unsigned)(x >> 33);
		c = (unsigned)(x >> 13) & 0xffffff;
		buf_printf(b,
			   "{\"id\":%d,\"user\":\"u%06u\",\"card\":\"4512-%04u-%04u-%04u\","
			   "\"amount\":%u.%02u,"
			   "\"time\":\"2026-01-%02uT%02u:%02u:%02u.%03uZ\",\"ok\":%s,\"n\":%u,"
			   "\"geo\":{\"lat\":%u.%02u,\"lon\":%u.%u},\"tags\":[\"a\",\"b\",\"c\"],"
			   "\"agent\":\"Mozilla/5.0 (X11; Linux x86_64) Gecko/%u\"}\n",
			   i + 123, a % 10000, c % 10000, a % 9999, (a >> 7) % 9999, (c >> 3) % 500,
			   c % 100, 1 + a % 28, c % 24, a % 60, c % 60, a % 1000,
			   a & 1 ? "true" : "false", c % 10, c % 90, a % 100, a % 180, c % 10,
			   20100101 + a % 1000);
	}
}

static void
run_own(const struct buf *text, struct totals *t)
{
	const uint8_t *p = text->p, *end = p + text->n, *eol;
	struct schema schema;
	struct json_reader *r;
	struct json_bad bad;
	struct buf rows = BUF_INIT;

	schema_init(&schema);
	if (json_reader_new(&r, &schema) != 0)
		die("no memory");
	for (; p < end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (json_read(r, p, (size_t)(eol - p), &rows, &bad) != 0)
			die(bad.reason);
		t->rows++;
		if (rows.n >= ROWS_BYTES) {
			t->bytes += rows.n;
			rows.n = 0;
		}
	}
	t->bytes += rows.n;
	json_reader_free(r);
	schema_fini(&schema);
	buf_fini(&rows);
}

static void
run_jansson(const struct buf *text, struct totals *t)
{
	const uint8_t *p = text->p, *end = p + text->n, *eol;
	json_error_t err;
	json_t *v;

	for (; p < end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if ((v = json_loadb((const char *)p, (size_t)(eol - p), 0, &err)) == NULL)
			die(err.text);
		t->rows++;
		json_decref(v);
	}
}

#ifdef WITH_SIMDJSON
static void
run_simdjson(const struct buf *text, struct totals *t)
{
	long n = simdjson_lines(text->p, text->n);

	if (n < 0)
		die("simdjson failed");
	t->rows += (uint64_t)n;
}
#endif

static struct buf batch; /* rows to be printed again and again */
static struct schema batch_schema;

static void
make_batch(const struct buf *text)
{
	const uint8_t *p = text->p, *eol;
	struct json_reader *r;
	struct json_bad bad;

	schema_init(&batch_schema);
	if (json_reader_new(&r, &batch_schema) != 0)
		die("no memory");
	for (; batch.n < ROWS_BYTES && p < text->p + text->n; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(text->p + text->n - p));
		if (json_read(r, p, (size_t)(eol - p), &batch, &bad) != 0)
			die(bad.reason);
	}
	json_reader_free(r);
}

/* Print as many rows as there are events. */
static void
run_write(const struct buf *text, struct totals *t)
{
	struct json_writer *w;
	struct buf out = BUF_INIT;

	if (json_writer_new(&w) != 0)
		die("no memory");
	while (t->bytes < text->n) {
		for (size_t at = 0; at < batch.n; at += row_len(batch.p + at), t->rows++)
			if (json_write(w, &batch_schema, batch.p + at, &out) != 0 ||
			    buf_putc(&out, '\n') != 0)
				die("no memory");
		t->bytes += out.n;
		out.n = 0;
	}
	json_writer_free(w);
	buf_fini(&out);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
measure(const char *name, run_fn *run, const struct buf *text, int rounds)
{
	double took[ROUNDS_MAX], median, bytes;
	struct totals t;

	for (int i = 0; i < rounds; i++) {
		double begin = now();

		t = (struct totals){ 0, 0 };
		run(text, &t);
		took[i] = (now() - begin) / (double)t.rows;
	}
	qsort(took, (size_t)rounds, sizeof(took[0]), by_value);
	median = took[rounds / 2];
	bytes = (double)(run == run_write ? t.bytes : text->n) / (double)t.rows;
	printf("%-12s %7.1f ns/event (best %.1f) %6.2f GB/s\n", name, median * 1e9, took[0] * 1e9,
	       bytes / median * 1e-9);
}

int
main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 100000, rounds = argc > 2 ? atoi(argv[2]) : 9;
	struct buf text = BUF_INIT;

	if (n < 1 || rounds < 1 || rounds > ROUNDS_MAX)
		die("usage: json_scan [EVENTS [ROUNDS]]");
	make_events(&text, n);
	printf("%d events of %.1f bytes\n", n, (double)text.n / n);
	measure("json_read", run_own, &text, rounds);
	make_batch(&text);
	measure("json_write", run_write, &text, rounds);
#ifdef WITH_SIMDJSON
	measure("simdjson", run_simdjson, &text, rounds);
#endif
	measure("jansson", run_jansson, &text, rounds < 3 ? rounds : 3);
	buf_fini(&text);
	buf_fini(&batch);
	schema_fini(&batch_schema);
	return 0;
}
