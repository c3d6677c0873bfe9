/* XXH3-64 and CRC32C against published values, and the forms of CRC32C against each other. */
#include "base/crc32c_internal.h"
#include "base/hash.h"
#include "t.h"

T(crc32c_has_the_published_values)
{
	uint8_t zero[32] = { 0 }, ones[32], up[32];

	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < 32; i++)
		up[i] = (uint8_t)i;
	T_INT(crc32c(0, "123456789", 9), 0xe3069283);
	T_INT(crc32c_table(0, "123456789", 9), 0xe3069283);
	/* RFC 3720, B.4 */
	T_INT(crc32c(0, zero, 32), 0x8a9136aa);
	T_INT(crc32c(0, ones, 32), 0x62a8ab43);
	T_INT(crc32c(0, up, 32), 0x46dd794e);
	T_INT(crc32c(0, "", 0), 0);
	T_INT(crc32c(0x12345678, "", 0), 0x12345678);
}

static uint32_t
next_random(void)
{
	static uint32_t x = 1;

	x = x * 1664525 + 1013904223;
	return x >> 8;
}

static uint8_t noise[70000];

static void
make_noise(void)
{
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)next_random();
}

/* The definition, bit by bit. */
static uint32_t
crc32c_plain(uint32_t crc, const uint8_t *p, size_t n)
{
	crc = ~crc;
	for (; n > 0; p++, n--) {
		crc ^= *p;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

T(crc32c_by_tables_is_what_the_definition_says)
{
	make_noise();
	for (size_t n = 0; n < 300; n++) {
		const uint8_t *p = noise + next_random() % 64;

		T_INT(crc32c_table((uint32_t)n, p, n), crc32c_plain((uint32_t)n, p, n));
	}
}

/* Every form that this machine has, at all short lengths and some long ones, from any alignment and
 * any sum so far.  The bytes are a block of their own, so that an over-read is seen. */
T(crc32c_is_the_same_in_all_forms)
{
	const struct crc32c_form *f;
	unsigned tried = 0;

	make_noise();
	for (f = crc32c_forms(); f->name != NULL; f++) {
		if (!f->usable())
			continue;
		tried++;
		printf("# %s\n", f->name);
		T_INT(f->sum(0, "123456789", 9), 0xe3069283);
		for (size_t n = 0; n < sizeof(noise) - 64; n += n <= 4096 ? 1 : 613) {
			size_t at = next_random() % 64;
			uint32_t crc = next_random() << 12 ^ next_random();
			uint8_t *p = malloc(at + n);

			memcpy(p + at, noise + at, n);
			T_INT(f->sum(crc, p + at, n), crc32c_table(crc, p + at, n));
			T_INT(f->sum(crc, p + at, n), crc32c(crc, noise + at, n));
			free(p);
		}
	}
	T_OK(tried != 0);
}

T(crc32c_can_be_continued)
{
	static uint8_t b[8192];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * i + i / 7);
	for (size_t cut = 0; cut <= sizeof(b); cut += 97)
		T_INT(crc32c(crc32c(0, b, cut), b + cut, sizeof(b) - cut), crc32c(0, b, sizeof(b)));
}

T(hash64_is_xxh3_with_seed_0)
{
	/* Published values of XXH3_64bits. */
	T_INT(hash64("", 0), 0x2d06800538d394c2);
	T_INT(hash64("a", 1), 0xe6c632b61e964e1f);
	T_INT(hash64("abc", 3), 0x78af5f94892f3950);
}

T_MAIN
