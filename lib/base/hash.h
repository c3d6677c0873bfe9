/*
 * hash -- XXH3-64 for keys, CRC32C for frames.
 *
 * CRC32C (Castagnoli, reflected 0x82F63B78, as in iSCSI) folds 512-bit registers where the machine
 * has AVX-512 and VPCLMULQDQ, else uses SSE4.2 in three interleaved streams, else tables; all give
 * the same value (golden: "123456789" -> e3069283).
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *p, size_t n); /* XXH3-64, seed 0 */

/* Continue crc (0 to begin) over p[0..n). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* The same by tables alone: what crc32c() does on other machines. */
uint32_t crc32c_table(uint32_t crc, const void *p, size_t n);

#endif
