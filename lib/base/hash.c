/* hash: XXH3-64, see hash.h.  (CRC32C: crc32c.c.) */
#include "base/hash.h"

#define XXH_INLINE_ALL /* header only: nothing to link */
#include <xxhash.h>

uint64_t
hash64(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}
