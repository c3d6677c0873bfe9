/* sealed: see sealed.h. */
#include "manifest/sealed.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/text.h"

int
sealed_end(struct buf *out, size_t begin)
{
	return buf_printf(out, SEALED_HEAD "%08" PRIx32 SEALED_END,
			  crc32c(0, out->p + begin, out->n - begin));
}

int
sealed_check(const char *what, const uint8_t *p, size_t n)
{
	char want[SEALED_TAIL + 1], shown[QUOTE_MAX];
	const size_t head = sizeof(SEALED_HEAD) - 1, end = sizeof(SEALED_END) - 1;

	if (n < SEALED_TAIL)
		return ferr(FERR_CORRUPT, "%s is cut off: it has %zu bytes", what, n);
	snprintf(want, sizeof(want), SEALED_HEAD "%08" PRIx32 SEALED_END,
		 crc32c(0, p, n - SEALED_TAIL));
	if (memcmp(p + n - SEALED_TAIL, SEALED_HEAD, head) != 0 ||
	    memcmp(p + n - end, SEALED_END, end) != 0)
		return ferr(FERR_CORRUPT, "%s is cut off: its checksum is missing", what);
	if (memcmp(p + n - SEALED_TAIL, want, SEALED_TAIL) != 0)
		return ferr(FERR_CORRUPT,
			    "%s is damaged: its checksum is %s, and that of its bytes %.8s", what,
			    quote((const char *)p + n - SEALED_TAIL + head, SEALED_SUM, shown),
			    want + head);
	return 0;
}
