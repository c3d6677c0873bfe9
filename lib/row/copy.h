/*
 * copy -- memcpy for the short texts that rows and keys are made of: no call up to 16 bytes.
 */
#ifndef ROW_COPY_H
#define ROW_COPY_H

#include "base/bytes.h"

static inline void
copy_short(uint8_t *to, const void *from, size_t n)
{
	const uint8_t *p = from;

	if (n > 16) {
		memcpy(to, p, n);
	} else if (n >= 8) {
		uint64_t head = le64get(p), tail = le64get(p + n - 8);

		le64put(to, head);
		le64put(to + n - 8, tail);
	} else if (n >= 4) {
		uint32_t head = le32get(p), tail = le32get(p + n - 4);

		le32put(to, head);
		le32put(to + n - 4, tail);
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = p[i];
	}
}

#endif
