/*
 * csv_write -- rows as CSV or TSV.
 *
 * The columns are the visible fields of the schema when the first row comes, and stay.  CSV quotes
 * a cell only if it must: it has a separator, a quote or a line break, or it is an empty string
 * (null is nothing).  TSV writes tabs, line breaks and backslashes as \t \n \r \\.
 */
#include <stdlib.h>

#include "fmt/fmt_internal.h"

struct csv_writer {
	const struct fmt_write_conf *conf;
	bool begun;
	unsigned *cols; /* field numbers */
	unsigned ncols;
	unsigned nfields;   /* of the schema, looked at so far */
	struct buf scratch; /* a value that has to be quoted */
	bool special[256];  /* bytes that do not stand for themselves */
};

int
csv_writer_new(struct csv_writer **out, const struct fmt_write_conf *conf)
{
	struct csv_writer *w = calloc(1, sizeof(*w));
	const char *special = conf->kind == FMT_TSV ? "\t\n\r\\" : ",\"\n\r";

	if (w == NULL)
		return FERR_NOMEM;
	w->conf = conf;
	for (; *special != '\0'; special++)
		w->special[(uint8_t)*special] = true;
	*out = w;
	return 0;
}

void
csv_writer_free(struct csv_writer *w)
{
	if (w == NULL)
		return;
	free(w->cols);
	buf_fini(&w->scratch);
	free(w);
}

static size_t
plain_span(const struct csv_writer *w, const uint8_t *s, size_t n)
{
	size_t i = 0;

	while (i < n && !w->special[s[i]])
		i++;
	return i;
}

static int
put_quoted(const uint8_t *s, size_t n, struct buf *out)
{
	if (n > SIZE_MAX / 4 || buf_room(out, 2 * n + 2) != 0)
		return FERR_NOMEM;
	out->p[out->n++] = '"';
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"')
			out->p[out->n++] = '"';
		out->p[out->n++] = s[i];
	}
	out->p[out->n++] = '"';
	return 0;
}

static int
put_escaped(const struct csv_writer *w, const uint8_t *s, size_t n, struct buf *out)
{
	if (n > SIZE_MAX / 4 || buf_room(out, 2 * n) != 0)
		return FERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		uint8_t b = s[i];

		if (w->special[b]) {
			out->p[out->n++] = '\\';
			b = b == '\t' ? 't' : b == '\n' ? 'n' : b == '\r' ? 'r' : '\\';
		}
		out->p[out->n++] = b;
	}
	return 0;
}

static int
put_text(const struct csv_writer *w, const uint8_t *s, size_t n, struct buf *out)
{
	if (plain_span(w, s, n) == n)
		return buf_put(out, s, n);
	return w->conf->kind == FMT_TSV ? put_escaped(w, s, n, out) : put_quoted(s, n, out);
}

static int
put_value(struct csv_writer *w, const struct val *v, struct buf *out)
{
	int rc;

	switch (v->t) {
	case VAL_STR:
		if (v->n == 0 && w->conf->kind == FMT_CSV)
			return buf_put(out, "\"\"", 2);
		return put_text(w, (const uint8_t *)v->s, v->n, out);
	case VAL_CELL: return put_text(w, (const uint8_t *)v->s, v->n, out);
	case VAL_JSON:
		w->scratch.n = 0;
		if ((rc = val_plain(v, &w->scratch)) != 0)
			return rc;
		return put_text(w, w->scratch.p, w->scratch.n, out);
	default: return val_plain(v, out); /* has no special bytes */
	}
}

/* The file that is appended to has a header: ours, at out->p + start, must be the same and is not
 * written again. */
static int
same_header(const struct csv_writer *w, struct buf *out, size_t start)
{
	size_t n = out->n - start, has = strlen(w->conf->has);
	char ours[80], theirs[80];

	out->n = start;
	if (n == has && memcmp(out->p + start, w->conf->has, n) == 0)
		return 0;
	return ferr(
	    FERR_DATA,
	    "the file has the columns %s, these records have %s; choose them with fsource --fields",
	    fmt_show_text(w->conf->has, has - 1, theirs, sizeof(theirs)),
	    fmt_show_text((char *)out->p + start, n - 1, ours, sizeof(ours)));
}

/*
 * Fix the columns and write the header.  The columns are those that the first row knows, not those
 * that have come to the schema since: which rows share a frame depends on timing, the output must
 * not.
 */
static int
begin(struct csv_writer *w, const struct schema *s, unsigned n, struct buf *out)
{
	const char sep = w->conf->kind == FMT_TSV ? '\t' : ',';
	bool first = !w->conf->changing;
	size_t start = out->n;
	int rc = 0;

	free(w->cols);
	w->ncols = 0;
	if ((w->cols = calloc(s->n + 1u, sizeof(*w->cols))) == NULL)
		return FERR_NOMEM;
	for (unsigned i = 0; i < n; i++)
		if (!(s->f[i].flags & FIELD_HIDDEN))
			w->cols[w->ncols++] = i;
	if (w->conf->header) {
		if (w->conf->changing)
			rc = buf_puts(out, "op");
		for (unsigned i = 0; i < w->ncols && rc == 0; i++, first = false) {
			const struct field *f = &s->f[w->cols[i]];
			struct val name = val_text(VAL_STR, f->name, f->n);

			if (first || (rc = buf_putc(out, (uint8_t)sep)) == 0)
				rc = put_value(w, &name, out);
		}
		if (rc == 0)
			rc = buf_putc(out, '\n');
		if (rc == 0 && w->conf->has != NULL)
			rc = same_header(w, out, start);
	}
	w->nfields = n;
	w->begun = rc == 0;
	return rc;
}

/* Does the row have a visible field that came after the header? */
static int
check_new(const struct csv_writer *w, const struct schema *s, const uint8_t *row)
{
	char name[80];

	for (unsigned i = w->nfields; i < s->n && i < row_n(row); i++)
		if (row_tag(row, i) != VAL_ABSENT && !(s->f[i].flags & FIELD_HIDDEN))
			return ferr(FERR_DATA,
				    "field '%s' came after the %s header was written; name all "
				    "columns with "
				    "fsource --fields, or write --format json",
				    fmt_show_text(s->f[i].name, s->f[i].n, name, sizeof(name)),
				    fmt_name(w->conf->kind));
	return 0;
}

int
csv_write(struct csv_writer *w, const struct schema *s, const uint8_t *row, struct buf *out)
{
	const uint8_t sep = w->conf->kind == FMT_TSV ? '\t' : ',';
	size_t start = out->n, body;
	int rc;

	if (!w->begun && (rc = begin(w, s, row_n(row) < s->n ? row_n(row) : s->n, out)) != 0)
		goto err;
	if ((rc = check_new(w, s, row)) != 0)
		goto err;
	body = out->n;
	if (w->conf->changing && (rc = buf_puts(out, fmt_op(row_kind(row)))) != 0)
		goto err;
	for (unsigned i = 0; i < w->ncols; i++) {
		struct val v = row_raw(row, w->cols[i]);

		if (i > 0 || w->conf->changing)
			rc = buf_putc(out, sep);
		if (rc != 0 || (rc = put_value(w, &v, out)) != 0)
			goto err;
	}
	/* a line of nothing would be a blank one, and no record */
	if (out->n == body && w->conf->kind == FMT_CSV && (rc = buf_put(out, "\"\"", 2)) != 0)
		goto err;
	if ((rc = buf_putc(out, '\n')) == 0)
		return 0;
err:
	out->n = start;
	return rc;
}

int
csv_write_end(struct csv_writer *w, const struct schema *s, struct buf *out)
{
	return w->begun || !w->conf->header || s->n == 0 ? 0 : begin(w, s, s->n, out);
}
