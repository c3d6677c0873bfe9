/* json_text: a text as a JSON string.  See manifest_internal.h. */
#include "manifest/manifest_internal.h"

int
put_json_string(struct buf *out, const char *s)
{
	size_t n = strlen(s);
	int rc;

	if (!utf8_ok((const uint8_t *)s, n)) {
		char shown[QUOTE_MAX];

		return ferr(FERR_USAGE, "%s is not UTF-8, which JSON needs", quote(s, n, shown));
	}
	if ((rc = buf_putc(out, '"')) != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (s[i] == '"' || s[i] == '\\')
			rc = buf_printf(out, "\\%c", s[i]);
		else if (s[i] == '\n')
			rc = buf_puts(out, "\\n");
		else if (s[i] == '\t')
			rc = buf_puts(out, "\\t");
		else if ((uint8_t)s[i] < ' ')
			rc = buf_printf(out, "\\u%04x", s[i]);
		else
			rc = buf_putc(out, (uint8_t)s[i]);
	}
	return rc != 0 ? rc : buf_putc(out, '"');
}
