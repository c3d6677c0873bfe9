/*
 * key -- canonical key bytes: what hashing, routing, joins and state see, for ever.
 *
 * One part per key field: a type byte (enum val_type) and the payload
 *	null (and absent)  nothing           bool   1 byte
 *	i64, time          8 bytes LE        f64    8 bytes LE
 *	str, bytes, json   the bytes
 * An integral f64 that fits is encoded as i64, -0.0 as 0, a cell as what it resolves to.  The key
 * of one field is its part alone; of several, each part with its u32 length in front; of none, no
 * bytes.  The hash is XXH3-64 with seed 0 over all of it.  Golden values: tests/golden/key.
 */
#ifndef ROW_KEY_H
#define ROW_KEY_H

#include "row/row.h"

/* Append one part. */
int key_part(const struct val *v, struct buf *out);

/* Append the key of row r by the key fields of s. */
int key_bytes(const struct schema *s, const uint8_t *r, struct buf *out);

/* Hash of canonical key bytes. */
uint64_t key_hash(const void *p, size_t n);

/* Key group of a hash (C35). */
static inline uint32_t
key_group(uint64_t hash, uint32_t groups)
{
	return (uint32_t)(hash % groups);
}

/*
 * The values of a key again: fills out[0..nparts); texts borrow from p.
 * FERR_CORRUPT when the bytes are not a key of nparts fields.
 */
int key_values(const uint8_t *p, size_t n, unsigned nparts, struct val *out);

#endif
