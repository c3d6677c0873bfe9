/* kafka_head: the headers of a message as JSON; see kafka_read.h. */
#include <stdlib.h>

#include "base/text.h"
#include "conn/kafka_lib.h"
#include "conn/kafka_read.h"
#include "row/val.h"

struct header {
	const char *name;
	const void *value;
	size_t n;
	unsigned i;
};

/* By name, those of the same name as they came. */
static int
compare(const void *a, const void *b)
{
	const struct header *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : (x->i > y->i) - (x->i < y->i);
}

static int
put_bytes(const void *p, size_t n, struct buf *out)
{
	struct val v = { .t = p == NULL	      ? VAL_NULL
			      : utf8_ok(p, n) ? VAL_STR
					      : VAL_BYTES,
			 .s = p,
			 .n = (uint32_t)n };

	return val_json(&v, out);
}

/* Append "name":VALUE, or all values of a name that comes k times. */
static int
put_header(const struct header *h, size_t k, struct buf *out)
{
	int rc;

	if ((rc = put_bytes(h->name, strlen(h->name), out)) != 0 ||
	    (rc = buf_puts(out, k > 1 ? ":[" : ":")) != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < k; i++)
		if (i == 0 || (rc = buf_putc(out, ',')) == 0)
			rc = put_bytes(h[i].value, h[i].n, out);
	return rc == 0 && k > 1 ? buf_putc(out, ']') : rc;
}

static int
put_all(const struct header *h, size_t n, struct buf *out)
{
	int rc = buf_putc(out, '{');

	for (size_t i = 0, k; rc == 0 && i < n; i += k) {
		for (k = 1; i + k < n && strcmp(h[i].name, h[i + k].name) == 0; k++)
			;
		if (i == 0 || (rc = buf_putc(out, ',')) == 0)
			rc = put_header(&h[i], k, out);
	}
	return rc == 0 ? buf_putc(out, '}') : rc;
}

int
kafka_headers(const struct kafka_message *m, struct buf *out, bool *any)
{
	rd_kafka_headers_t *all;
	struct header *h;
	size_t n;
	int rc;

	*any = rdk.message_headers(m->raw, &all) == RD_KAFKA_RESP_ERR_NO_ERROR &&
	       (n = rdk.header_cnt(all)) != 0;
	if (!*any)
		return 0;
	if ((h = malloc(n * sizeof(*h))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < n; i++) {
		h[i].i = i;
		rdk.header_get_all(all, i, &h[i].name, &h[i].value, &h[i].n);
	}
	qsort(h, n, sizeof(*h), compare);
	rc = put_all(h, n, out);
	free(h);
	return rc;
}
