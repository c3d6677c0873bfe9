/*
 * crc32c_internal -- the forms that crc32c() chooses from, for crc32c.c and its test.
 */
#ifndef BASE_CRC32C_INTERNAL_H
#define BASE_CRC32C_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crc32c_form {
	const char *name;     /* NULL behind the last form */
	bool (*usable)(void); /* on this machine, under this system */
	uint32_t (*sum)(uint32_t crc, const void *p, size_t n);
};

/* All forms, fastest first, ready for use.  The last one is usable everywhere. */
const struct crc32c_form *crc32c_forms(void);

#endif
