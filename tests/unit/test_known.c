/* test_known: job.json reads as it is written; every damage is found; one without a checksum is
 * read. */
#include "manifest/known.h"

#include "t.h"

static const struct known JOB = {
	.name = "views",
	.text = "fsource in | fkey \"user\" |\n\tfsink 'out/' # \\ \xc3\xa9",
	.id = "0123456789abcd\x00\xff",
	.plain = true,
	.adopted = "clicks",
};

static void
print(const struct known *k, struct buf *b)
{
	b->n = 0;
	T_INT(known_print(k, b), 0);
}

/* Parse a copy of exactly its size, so that ASan sees one byte too far. */
static int
parse_exact(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n + (n == 0));
	struct known k;
	int rc;

	if (n != 0)
		memcpy(copy, p, n);
	rc = known_parse(&k, copy, n);
	known_fini(&k);
	free(copy);
	return rc;
}

static int
parse_text(const char *s)
{
	return parse_exact((const uint8_t *)s, strlen(s));
}

T(a_job_reads_as_it_is_written)
{
	struct known small = { .name = (char *)"j", .text = (char *)"fsource in" }, k;
	struct buf b = BUF_INIT;

	T_INT(buf_puts(&b, "before"), 0); /* printing appends */
	T_INT(known_print(&JOB, &b), 0);
	T_INT(known_parse(&k, b.p + 6, b.n - 6), 0);
	T_STR(k.name, JOB.name);
	T_STR(k.text, JOB.text);
	T_STR(k.adopted, "clicks");
	T_MEM(k.id, 16, JOB.id, 16);
	T_OK(k.plain);
	known_fini(&k);
	print(&small, &b);
	T_INT(known_parse(&k, b.p, b.n), 0);
	T_OK(!k.plain && k.adopted == NULL);
	known_fini(&k);
	buf_fini(&b);
}

T(every_flipped_bit_is_found)
{
	struct buf b = BUF_INIT;

	print(&JOB, &b);
	for (size_t i = 0; i < b.n * 8; i++) {
		b.p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (parse_exact(b.p, b.n) != FERR_CORRUPT)
			T_FAIL("bit %zu", i);
		b.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	T_INT(parse_exact(b.p, b.n), 0);
	buf_fini(&b);
}

T(torn_at_every_byte_is_found)
{
	struct buf b = BUF_INIT;

	print(&JOB, &b);
	for (size_t n = 0; n < b.n; n++) {
		if (parse_exact(b.p, n) != FERR_CORRUPT)
			T_FAIL("%zu of %zu bytes were accepted", n, b.n);
	}
	T_INT(buf_putc(&b, ' '), 0);
	T_INT(parse_exact(b.p, b.n), FERR_CORRUPT);
	buf_fini(&b);
}

#define OLD \
	"{\"version\":1,\"name\":\"j\",\"id\":\"000102030405060708090a0b0c0d0e0f\",\"text\":\"x\""

T(a_file_without_a_checksum_is_read)
{
	T_INT(parse_text(OLD "}\n"), 0);
	T_INT(parse_text(OLD ",\"plain\":true,\"adopted\":\"k\"}\n"), 0);
	T_INT(parse_text(OLD ",\"crc32c\":\"00000000\"}\n"), FERR_CORRUPT);
	T_INT(parse_text(OLD ",\"crc32c\":\"00000000\",\"plain\":true}\n"), FERR_CORRUPT);
	T_INT(parse_text(OLD ",\"other\":1}\n"), FERR_CORRUPT);
	T_INT(parse_text(OLD ",\"name\":\"k\"}\n"), FERR_CORRUPT);
	T_INT(parse_text("{}"), FERR_CORRUPT);
	T_INT(parse_text("[]"), FERR_CORRUPT);
}

T_MAIN
