/*
 * bytes -- little-endian integers in byte strings.  Every put has its get.
 *
 * The machine is little-endian too (checked here), so these are plain loads and stores.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fjord needs a little-endian machine");

#define BYTES_LE(bits)                                                 \
	static inline void le##bits##put(uint8_t *p, uint##bits##_t v) \
	{                                                              \
		memcpy(p, &v, bits / 8);                               \
	}                                                              \
	static inline uint##bits##_t le##bits##get(const uint8_t *p)   \
	{                                                              \
		uint##bits##_t v;                                      \
		memcpy(&v, p, bits / 8);                               \
		return v;                                              \
	}
BYTES_LE(16)
BYTES_LE(32)
BYTES_LE(64)
#undef BYTES_LE

#endif
