/*
 * fuzz_kafka -- what comes back from outside: the text of a marker, from the broker, and sealed
 * records, from a segment: no over-read; what is accepted is written and read to the same.
 *
 * The first byte says which: 'M', 8 bytes of offset, the text; else records behind it.  Build with
 * clang -fsanitize=fuzzer,address,undefined and lib/{conn,base}/.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "conn/kafka_plan.h"
#include "conn/kafka_rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_marker(const uint8_t *p, size_t n)
{
	struct kafka_marker m, again;
	struct kafka_plan plan;
	char *text = malloc(n - 8 + 1), meta[KAFKA_META_MAX];

	must(text != NULL);
	memcpy(text, p + 8, n - 8);
	text[n - 8] = '\0';
	if (kafka_marker_parse(&m, (int64_t)le64get(p), text) == 0) {
		struct kafka_lane_view v = { .attempt = m.attempt,
					     .pending = &m.at,
					     .npending = 1 };

		kafka_marker_meta(&m, meta);
		must(strlen(meta) < KAFKA_META_MAX - 1);
		must(kafka_marker_offset(&m) == (int64_t)le64get(p));
		must(kafka_marker_parse(&again, kafka_marker_offset(&m), meta) == 0);
		must(again.at.epoch == m.at.epoch && memcmp(again.at.id, m.at.id, 16) == 0);
		must(again.chunk == m.chunk && again.attempt == m.attempt &&
		     again.records == m.records && again.whole == m.whole);
		must(kafka_plan(&plan, &v, &m) == 0 && plan.from <= 1);
	}
	free(text);
}

/* The record once more, by the functions that write it. */
static void
put_again(struct buf *b, const struct kafka_rec *r)
{
	const uint8_t *name, *value;
	uint32_t nvalue;
	uint16_t nname;
	size_t at = b->n, from, h = 0;

	must(kafka_rec_begin(b, r->time) == 0);
	kafka_rec_partition(b, at, r->partition);
	from = b->n;
	if (r->nkey != KAFKA_NONE) {
		must(buf_put(b, r->key, r->nkey) == 0);
		kafka_rec_key(b, at, from);
	}
	from = b->n;
	if (r->nvalue != KAFKA_NONE) {
		must(buf_put(b, r->value, r->nvalue) == 0);
		kafka_rec_value(b, at, from);
	}
	from = b->n;
	while (kafka_rec_next_header(r, &h, &name, &nname, &value, &nvalue))
		must(kafka_rec_header(b, (const char *)name, nname, value, nvalue) == 0);
	must(h == r->nheaders);
	kafka_rec_end(b, at, from);
}

static void
check_records(const uint8_t *p, size_t n)
{
	struct buf b = BUF_INIT;
	struct kafka_rec r;
	size_t used;

	while (kafka_rec_next(p, n, &r, &used) == 1) {
		must(used <= n && used >= KAFKA_REC_HDR);
		must(kafka_rec_size(&r) > used);
		b.n = 0;
		put_again(&b, &r);
		must(b.n == used && memcmp(b.p, p, used) == 0);
		if (r.nkey != KAFKA_NONE)
			must(kafka_partition_of(r.key, r.nkey, 7) < 7);
		p += used;
		n -= used;
	}
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n + (n == 0)); /* of exactly this size */

	must(copy != NULL);
	if (n > 0)
		memcpy(copy, data, n);
	if (n >= 9 && copy[0] == 'M')
		check_marker(copy + 1, n - 1);
	else if (n > 1)
		check_records(copy + 1, n - 1);
	free(copy);
	return 0;
}
