/*
 * line -- the formats lines and raw: a line is the field `line`.
 *
 * lines are text: they must be UTF-8, and CRLF ends them too.  raw keeps every byte but the LF, so
 * that what is read raw and written raw is the same.
 */
#include "base/text.h"
#include "fmt/fmt_internal.h"

#define FIELD "line"

int
line_new(struct fmt_reader *r)
{
	int rc;

	if (r->fields != NULL)
		return 0;
	rc = schema_add(r->schema, FIELD, strlen(FIELD));
	return rc < 0 ? rc : 0;
}

/* The declared field of `line`: its number in *to (-1: not kept) and its type. */
static enum val_type
line_field(const struct fmt_reader *r, int *to)
{
	*to = -1;
	if (r->fields == NULL) {
		*to = schema_find(r->schema, FIELD, strlen(FIELD));
		return VAL_ABSENT;
	}
	for (unsigned i = 0; i < r->nfields; i++) {
		if (strcmp(r->fields[i].name, FIELD) == 0) {
			*to = (int)r->fields[i].to;
			return r->fields[i].type;
		}
	}
	return VAL_ABSENT;
}

/* Append the row of text[0..n). */
static int
line_row(struct fmt_reader *r, const uint8_t *text, size_t n, struct buf *out, struct fmt_bad *bad)
{
	struct val v = val_text(r->kind == FMT_RAW ? VAL_BYTES : VAL_STR, (const char *)text, n);
	enum val_type want;
	struct rowb w;
	int to, rc;

	want = line_field(r, &to);
	if ((rc = typed_value(&r->typed, want, &v, &v)) == 0)
		return typed_bad(r, bad, text, n, 0, FIELD, want, &v);
	if (rc < 0)
		return rc;
	if ((rc = rowb_begin(&w, out, (unsigned)(to + 1), ROW_INSERT, ROW_NOTIME)) != 0)
		return rc;
	if (to >= 0 && (rc = rowb_set(&w, (unsigned)to, &v)) != 0)
		rowb_drop(&w);
	else
		rc = rowb_end(&w);
	return rc == FERR_LIMIT ? fmt_too_long(r, bad, text, n) : rc;
}

/* A line, without its end. */
static inline int
line_text(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out, struct fmt_bad *bad)
{
	size_t at;

	if (r->kind == FMT_LINES && (at = utf8_span(p, n)) < n)
		return fmt_bad(r, bad, p, n, at,
			       "not UTF-8 (byte 0x%02x); --format raw takes any bytes", p[at]);
	return line_row(r, p, n, out, bad);
}

int
line_read(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	  struct fmt_bad *bad)
{
	size_t n;
	int rc;

	if ((rc = fmt_take_line(r, in, used, &n, bad)) != 1)
		return rc;
	if (r->kind == FMT_LINES && *used > n && n > 0 && in->p[n - 1] == '\r')
		n--;
	rc = line_text(r, in->p, n, out, bad);
	fmt_next_line(r);
	return rc == 0 ? 1 : rc;
}

int
line_message(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out, struct fmt_bad *bad)
{
	int rc = line_text(r, p, n, out, bad);

	return rc == 0 ? 1 : rc;
}

int
raw_write(const struct schema *s, const uint8_t *row, struct buf *out)
{
	int i = schema_find(s, FIELD, strlen(FIELD)), rc;
	unsigned visible = 0;
	size_t begin = out->n;
	struct val v;

	for (unsigned k = 0; i < 0 && k < s->n; k++)
		visible += !(s->f[k].flags & FIELD_HIDDEN);
	if (i < 0 && visible != 1)
		return ferr(FERR_DATA,
			    "raw writes the field 'line' or the only field, but this record has %u "
			    "fields; use "
			    "--format json, or fmap --keep one of them",
			    visible);
	for (unsigned k = 0; i < 0; k++)
		if (!(s->f[k].flags & FIELD_HIDDEN))
			i = (int)k;
	v = row_get(row, (unsigned)i);
	rc = v.t == VAL_BYTES ? buf_put(out, v.s, v.n) : val_plain(&v, out);
	if (rc == 0)
		rc = buf_putc(out, '\n');
	if (rc != 0)
		out->n = begin;
	return rc;
}
