/* XXH3-64 and CRC32C against published values, and the two forms of CRC32C against each other. */
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

T(crc32c_is_the_same_with_and_without_the_instruction)
{
	static uint8_t b[70000];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(b); i++) {
		x = x * 1664525 + 1013904223;
		b[i] = (uint8_t)(x >> 24);
	}
	for (size_t n = 0; n < 900; n++)
		T_INT(crc32c(0, b + n % 9, n), crc32c_table(0, b + n % 9, n));
	for (size_t n = 900; n < sizeof(b) - 9; n += 613)
		T_INT(crc32c((uint32_t)n, b + n % 9, n), crc32c_table((uint32_t)n, b + n % 9, n));
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
