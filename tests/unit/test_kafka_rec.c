/* Sealed records: what is put is what comes back, none is not empty, damage is found; and the
 * partition of a key is that of Kafka's Java clients. */
#include "conn/kafka_rec.h"
#include "base/bytes.h"
#include "golden.h"
#include "t.h"

/* A text, or NULL: none. */
struct made {
	int32_t partition;
	int64_t time;
	const char *key, *value;
	const char *header[3][2]; /* name, value; a NULL name ends them */
};

static void
make(struct buf *b, const struct made *m)
{
	size_t at = b->n, from;

	T_INT(kafka_rec_begin(b, m->time), 0);
	kafka_rec_partition(b, at, m->partition);
	from = b->n;
	if (m->key != NULL) {
		T_INT(buf_puts(b, m->key), 0);
		kafka_rec_key(b, at, from);
	}
	from = b->n;
	if (m->value != NULL) {
		T_INT(buf_puts(b, m->value), 0);
		kafka_rec_value(b, at, from);
	}
	from = b->n;
	for (unsigned i = 0; i < 3 && m->header[i][0] != NULL; i++) {
		const char *name = m->header[i][0], *v = m->header[i][1];

		T_INT(kafka_rec_header(b, name, strlen(name), v,
				       v != NULL ? (uint32_t)strlen(v) : KAFKA_NONE),
		      0);
	}
	kafka_rec_end(b, at, from);
}

static void
is_text(const uint8_t *p, uint32_t n, const char *want)
{
	T_OK((n == KAFKA_NONE) == (want == NULL));
	if (n != KAFKA_NONE && want != NULL)
		T_MEM(p, n, want, strlen(want));
}

static void
is_made(const struct kafka_rec *r, const struct made *m)
{
	const uint8_t *name, *value;
	uint32_t nvalue;
	uint16_t nname;
	size_t at = 0;

	T_INT(r->partition, m->partition);
	T_INT(r->time, m->time);
	is_text(r->key, r->nkey, m->key);
	is_text(r->value, r->nvalue, m->value);
	for (unsigned i = 0; i < 3 && m->header[i][0] != NULL; i++) {
		T_OK(kafka_rec_next_header(r, &at, &name, &nname, &value, &nvalue));
		T_MEM(name, nname, m->header[i][0], strlen(m->header[i][0]));
		is_text(value, nvalue, m->header[i][1]);
	}
	T_OK(!kafka_rec_next_header(r, &at, &name, &nname, &value, &nvalue));
}

static const struct made samples[] = {
	{ .partition = 3, .time = 1700000000123, .key = "k", .value = "{\"v\":1}" },
	{ .value = "no key" },
	{ .key = "", .value = "" },
	{ .partition = INT32_MAX, .time = INT64_MAX, .key = "gone" },
	{ .key = NULL, .value = NULL },
	{ .partition = -1, .time = -1, .key = "k", .value = "v", .header = { { "one", "1" } } },
	{ .value = "v", .header = { { "", "" }, { "none", NULL }, { "none", "again" } } },
};
#define NSAMPLES (sizeof(samples) / sizeof(samples[0]))

T(records_come_back_as_they_were_put)
{
	struct buf b = BUF_INIT;
	struct kafka_rec r;
	size_t at = 0, used;

	for (unsigned i = 0; i < NSAMPLES; i++)
		make(&b, &samples[i]);
	for (unsigned i = 0; i < NSAMPLES; i++) {
		T_INT(kafka_rec_next(b.p + at, b.n - at, &r, &used), 1);
		is_made(&r, &samples[i]);
		at += used;
	}
	T_INT(at, b.n);
	T_INT(kafka_rec_next(b.p + at, 0, &r, &used), 0);
	buf_fini(&b);
}

/* The bytes are an on-disk format: they never change. */
T(a_record_has_these_bytes)
{
	struct buf b = BUF_INIT, want = BUF_INIT;
	struct made m = { .partition = 2,
			  .time = 1700000000000,
			  .key = "ab",
			  .header = { { "h", "xyz" }, { "n", NULL } } };

	T_INT(golden_read("tests/golden/kafka/records.hex", &want), 0);
	make(&b, &samples[0]);
	make(&b, &m);
	T_INT(b.n, want.n);
	T_OK(b.n == want.n && memcmp(b.p, want.p, b.n) == 0);
	buf_fini(&b);
	buf_fini(&want);
}

/* In a block of exactly its size, so that an over-read is seen (ASan). */
static int
next_of(const uint8_t *p, size_t n, size_t *used)
{
	struct kafka_rec r;
	uint8_t *copy = malloc(n + (n == 0));
	const uint8_t *name, *value;
	uint32_t nvalue;
	uint16_t nname;
	size_t at = 0;
	int rc;

	if (copy == NULL)
		abort();
	memcpy(copy, p, n);
	rc = kafka_rec_next(copy, n, &r, used);
	while (rc == 1 && kafka_rec_next_header(&r, &at, &name, &nname, &value, &nvalue))
		T_OK(at <= r.nheaders);
	T_OK(rc != 1 || at == r.nheaders);
	free(copy);
	return rc;
}

T(a_record_that_is_cut_short_is_damage)
{
	struct buf b = BUF_INIT;
	size_t used;

	make(&b, &samples[6]);
	for (size_t n = 1; n < b.n; n++)
		T_INT(next_of(b.p, n, &used), FERR_CORRUPT);
	T_INT(next_of(b.p, b.n, &used), 1);
	T_INT(used, b.n);
	buf_fini(&b);
}

/* Lengths that do not fit together; the rest of a record is vouched for by the log's checksums. */
T(lengths_that_do_not_fit_are_damage)
{
	static const unsigned lengths[] = { 0, 16, 20, 24 };
	struct buf b = BUF_INIT;
	size_t used;

	make(&b, &samples[5]);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t was = le32get(b.p + lengths[i]);
		const uint32_t bad[] = { was + 1, was - 1, 0x80000000u, KAFKA_NONE, 0 };

		for (unsigned k = 0; k < 5; k++) {
			le32put(b.p + lengths[i], bad[k]);
			T_INT(next_of(b.p, b.n, &used), FERR_CORRUPT);
		}
		le32put(b.p + lengths[i], was);
	}
	T_INT(next_of(b.p, b.n, &used), 1);
	buf_fini(&b);
}

T(headers_that_do_not_fit_are_damage)
{
	struct made m = { .header = { { "ab", "cd" }, { "e", "f" } } };
	struct buf b = BUF_INIT;
	size_t used, at = KAFKA_REC_HDR;

	make(&b, &m);
	le16put(b.p + at, 0xffff); /* longer than all of them */
	T_INT(next_of(b.p, b.n, &used), FERR_CORRUPT);
	le16put(b.p + at, 1); /* the next one begins a byte too early */
	T_INT(next_of(b.p, b.n, &used), FERR_CORRUPT);
	le16put(b.p + at, 2);
	le32put(b.p + at + 2, 0xfffffffe);
	T_INT(next_of(b.p, b.n, &used), FERR_CORRUPT);
	le32put(b.p + at + 2, KAFKA_NONE); /* "cd" begins the next one */
	T_INT(next_of(b.p, b.n, &used), FERR_CORRUPT);
	le32put(b.p + at + 2, 4); /* leaves five bytes, no header's head */
	T_INT(next_of(b.p, b.n, &used), FERR_CORRUPT);
	le32put(b.p + at + 2, 2);
	T_INT(next_of(b.p, b.n, &used), 1);
	buf_fini(&b);
}

static unsigned
varint(int64_t v)
{
	uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
	unsigned n = 1;

	for (; z >= 0x80; z >>= 7)
		n++;
	return n;
}

static unsigned
varbytes(uint32_t n)
{
	return n == KAFKA_NONE ? varint(-1) : varint(n) + n;
}

/* The bytes of a batch of that record alone, as the broker counts them (magic 2). */
static uint64_t
batch_size(const struct kafka_rec *r)
{
	const uint8_t *name, *value;
	unsigned n = 0, count = 0;
	uint32_t nvalue;
	uint16_t nname;
	size_t at = 0;

	while (kafka_rec_next_header(r, &at, &name, &nname, &value, &nvalue)) {
		n += varbytes(nname) + varbytes(nvalue);
		count++;
	}
	n += 1 + varint(0) + varint(0) + varbytes(r->nkey) + varbytes(r->nvalue) + varint(count);
	return 61 + varint(n) + n;
}

/* Never less, or the broker would refuse what we have sealed; not much more, or we refuse what it
 * would take. */
T(the_size_that_is_counted_is_never_less_than_the_brokers)
{
	static char text[70000];
	struct buf b = BUF_INIT;
	struct kafka_rec r;
	size_t used;

	memset(text, 'x', sizeof(text) - 1);
	for (size_t n = 0; n < sizeof(text); n = n < 300 ? n + 1 : n * 3 / 2) {
		const char *tail = text + sizeof(text) - 1 - n;
		struct made m = { .key = tail,
				  .value = tail,
				  .header = { { "h", "v" }, { "i", NULL }, { "j", tail } } };

		b.n = 0;
		make(&b, &m);
		T_INT(kafka_rec_next(b.p, b.n, &r, &used), 1);
		T_OK(kafka_rec_size(&r) >= batch_size(&r));
		T_OK(kafka_rec_size(&r) <= batch_size(&r) + 80);
	}
	for (unsigned i = 0; i < NSAMPLES; i++) {
		b.n = 0;
		make(&b, &samples[i]);
		T_INT(kafka_rec_next(b.p, b.n, &r, &used), 1);
		T_OK(kafka_rec_size(&r) >= batch_size(&r));
	}
	buf_fini(&b);
}

/* The vectors of librdkafka's and Java's tests; partition = (hash & 0x7fffffff) mod n. */
T(a_key_goes_where_javas_clients_put_it)
{
	static const struct {
		const char *key;
		uint32_t hash;
	} v[] = { { "kafka", 0xd067cf64 },
		  { "giberish123456789", 0x8f552b0c },
		  { "1234", 0x9fc97b14 },
		  { "234", 0xe7c009ca },
		  { "34", 0x873930da },
		  { "4", 0x5a4b5ca1 },
		  { "", 0x106e08d9 },
		  { "21", (uint32_t)-973932308 },
		  { "foobar", (uint32_t)-790332482 },
		  { "abc", 479470107 },
		  { "a-little-bit-long-string", (uint32_t)-985981536 },
		  { "a-little-bit-longer-string", (uint32_t)-1486304829 } };

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const uint8_t *key = (const uint8_t *)v[i].key;
		size_t n = strlen(v[i].key);
		int32_t positive = (int32_t)(v[i].hash & 0x7fffffff);

		/* No hash is 0x7fffffff, so nothing is lost by the modulus. */
		T_INT(kafka_partition_of(key, n, INT32_MAX), positive);
		T_INT(kafka_partition_of(key, n, 1), 0);
		T_INT(kafka_partition_of(key, n, 12), positive % 12);
	}
}

/* Bytes above 0x7f are not signed, and a key may stand anywhere (values of another implementation).
 */
T(a_key_is_bytes)
{
	static const uint8_t keys[] = { 0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x80 };

	T_INT(kafka_partition_of(keys + 1, 3, INT32_MAX), 998637092);
	T_INT(kafka_partition_of(keys + 1, 6, INT32_MAX), 2062600715);
}

T_MAIN
