/*
 * table -- rows for people at a terminal: aligned columns under a header.
 *
 * The first rows are held back until their widths are known.  Columns then keep their widths; what
 * is wider later shifts its line.  Columns that do not fit the terminal together are narrowed, the
 * widest first, and their values cut with an ellipsis; so is a line that is still too long.  A
 * field that shows up later starts a new table below.
 *
 * Nothing of the data reaches the terminal but printable characters: see fmt_show().
 */
#include <stdlib.h>

#include "fmt/fmt_internal.h"

#define SAMPLE 50u   /* rows that decide the widths */
#define NARROWEST 4u /* columns are not narrowed below */
#define GAP 2u	     /* blanks between columns */
#define ELLIPSIS "\xe2\x80\xa6"

struct column {
	unsigned field;	 /* OP: the row kind */
	struct buf name; /* as shown */
	size_t width;
	size_t max;	      /* values are cut to this; 0: they are not */
	bool numbers, others; /* kinds of values seen in the sample */
};
#define OP UINT32_MAX

struct table {
	const struct fmt_write_conf *conf;
	struct column *cols;
	unsigned ncols;
	unsigned nfields; /* of the schema, looked at so far */
	bool begun;	  /* the header is written */
	bool again;	  /* it is not the first */
	unsigned nheld;
	struct buf held;  /* rows: u32 number of values, and for each u32 length, shown text */
	struct buf plain; /* one value */
	struct buf value; /* the same, shown */
	struct buf line;
};

int
table_new(struct table **out, const struct fmt_write_conf *conf)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return FERR_NOMEM;
	t->conf = conf;
	*out = t;
	return 0;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i < t->ncols; i++)
		buf_fini(&t->cols[i].name);
	free(t->cols);
	buf_fini(&t->held);
	buf_fini(&t->plain);
	buf_fini(&t->value);
	buf_fini(&t->line);
	free(t);
}

static size_t
terminal_width(const struct table *t)
{
	return t->conf->width != 0 ? t->conf->width : 80;
}

/* s[0..n) as it may be shown, in *out; hardly more of it than a line takes. */
static int
show(const struct table *t, const uint8_t *s, size_t n, struct buf *out)
{
	size_t i = 0, shown, cols, room = terminal_width(t) + 1;
	char one[8];
	int rc;

	out->n = 0;
	while (i < n && room > 0) {
		i += fmt_show(s + i, n - i, one, &shown, &cols);
		if ((rc = buf_put(out, one, shown)) != 0)
			return rc;
		room -= cols < room ? cols : room;
	}
	return 0;
}

/* Code points of shown text. */
static size_t
width_of(const uint8_t *s, size_t n)
{
	size_t cols = 0;

	for (size_t i = 0; i < n; i++)
		cols += (s[i] & 0xc0) != 0x80;
	return cols;
}

/* Bytes of the first `cols` code points of shown text. */
static size_t
bytes_of(const uint8_t *s, size_t n, size_t cols)
{
	size_t i = 0;

	for (; i < n; i++)
		if ((s[i] & 0xc0) != 0x80 && cols-- == 0)
			break;
	return i;
}

static int
put_blanks(struct buf *out, size_t n)
{
	if (n == 0)
		return 0;
	if (buf_room(out, n) != 0)
		return FERR_NOMEM;
	memset(out->p + out->n, ' ', n);
	out->n += n;
	return 0;
}

/* Append s[0..n), cut to max columns. */
static int
put_cut(struct buf *out, const uint8_t *s, size_t n, size_t max)
{
	int rc;

	if (width_of(s, n) <= max)
		return buf_put(out, s, n);
	if ((rc = buf_put(out, s, bytes_of(s, n, max - 1))) != 0)
		return rc;
	return buf_puts(out, ELLIPSIS);
}

/* Append one value of a line, aligned. */
static int
put_value(const struct table *t, unsigned i, const uint8_t *s, size_t n, struct buf *line)
{
	const struct column *c = &t->cols[i];
	size_t wide = width_of(s, n), max = c->max != 0 ? c->max : wide, pad;
	bool right = c->numbers && !c->others;
	int rc = 0;

	wide = wide < max ? wide : max;
	pad = wide < c->width ? c->width - wide : 0;
	if (i > 0)
		rc = put_blanks(line, GAP);
	if (rc == 0 && right)
		rc = put_blanks(line, pad);
	if (rc == 0)
		rc = put_cut(line, s, n, max);
	if (rc == 0 && !right)
		rc = put_blanks(line, pad);
	return rc;
}

/* Append the finished line without blanks at its end. */
static int
end_line(struct table *t, struct buf *out)
{
	struct buf *line = &t->line;
	int rc;

	while (line->n > 0 && line->p[line->n - 1] == ' ')
		line->n--;
	rc = line->n > 0 ? put_cut(out, line->p, line->n, terminal_width(t)) : 0;
	line->n = 0;
	return rc != 0 ? rc : buf_putc(out, '\n');
}

/* Narrow the widest columns until all fit. */
static void
fit(struct table *t)
{
	size_t total = GAP * (t->ncols > 0 ? t->ncols - 1 : 0), want = terminal_width(t);

	for (unsigned i = 0; i < t->ncols; i++)
		total += t->cols[i].width;
	while (total > want) {
		size_t first = 0, second = NARROWEST, n = 0, cut;

		for (unsigned i = 0; i < t->ncols; i++) {
			size_t w = t->cols[i].width;

			if (w > first) {
				second = first > second ? first : second;
				first = w;
				n = 1;
			} else if (w == first) {
				n++;
			} else if (w > second) {
				second = w;
			}
		}
		if (first <= NARROWEST)
			return;
		/* down to the second widest, or as far as needed */
		cut = (total - want + n - 1) / n;
		cut = cut < first - second ? cut : first - second;
		for (unsigned i = 0; i < t->ncols; i++)
			if (t->cols[i].width == first)
				t->cols[i].width = t->cols[i].max = first - cut;
		total -= n * cut;
	}
}

/* Columns for the fields that the schema has got since. */
static int
add_columns(struct table *t, const struct schema *s)
{
	struct column *cols = realloc(t->cols, (s->n + 1u) * sizeof(*cols)), *c;
	int rc = 0;

	if (cols == NULL)
		return FERR_NOMEM;
	t->cols = cols;
	if (t->ncols == 0 && t->conf->changing) {
		cols[t->ncols] = (struct column){ .field = OP };
		if ((rc = buf_puts(&cols[t->ncols++].name, "op")) != 0)
			return rc;
	}
	for (; t->nfields < s->n && rc == 0; t->nfields++) {
		const struct field *f = &s->f[t->nfields];

		if (f->flags & FIELD_HIDDEN)
			continue;
		c = &cols[t->ncols++];
		*c = (struct column){ .field = t->nfields };
		rc = show(t, (const uint8_t *)f->name, f->n, &c->name);
	}
	return rc;
}

/* Write the header, widths being known. */
static int
begin(struct table *t, struct buf *out)
{
	static const char bold[] = "\x1b[1m", plain[] = "\x1b[0m";
	int rc = 0;

	for (unsigned i = 0; i < t->ncols; i++) {
		struct column *c = &t->cols[i];
		size_t w = width_of(c->name.p, c->name.n);

		c->width = w > c->width ? w : c->width;
	}
	fit(t);
	if (t->again)
		rc = buf_putc(out, '\n');
	if (rc == 0 && t->conf->color)
		rc = buf_puts(out, bold);
	for (unsigned i = 0; i < t->ncols && rc == 0; i++)
		rc = put_value(t, i, t->cols[i].name.p, t->cols[i].name.n, &t->line);
	if (rc == 0)
		rc = end_line(t, out);
	if (rc == 0 && t->conf->color) {
		out->n--; /* the escape goes before the line feed */
		if ((rc = buf_puts(out, plain)) == 0)
			rc = buf_putc(out, '\n');
	}
	t->begun = t->again = true;
	return rc;
}

/* Write the header and what is held back. */
static int
release(struct table *t, struct buf *out)
{
	const uint8_t *p = t->held.p;
	int rc = begin(t, out);

	for (; t->nheld > 0 && rc == 0; t->nheld--) {
		unsigned n = le32get(p);

		p += 4;
		for (unsigned i = 0; i < n && rc == 0; i++) {
			unsigned len = le32get(p);

			rc = put_value(t, i, p + 4, len, &t->line);
			p += 4 + len;
		}
		if (rc == 0)
			rc = end_line(t, out);
	}
	t->held.n = 0;
	return rc;
}

/* The value of column c in t->value; notes its kind. */
static int
show_value(struct table *t, struct column *c, const uint8_t *row)
{
	struct val v;
	int rc;

	if (c->field == OP) {
		t->value.n = 0;
		return buf_puts(&t->value, fmt_op(row_kind(row)));
	}
	v = row_get(row, c->field);
	if (!t->begun && !val_is_null(&v)) {
		c->numbers |= v.t == VAL_I64 || v.t == VAL_F64;
		c->others |= v.t != VAL_I64 && v.t != VAL_F64;
	}
	if (v.t == VAL_STR)
		return show(t, (const uint8_t *)v.s, v.n, &t->value);
	t->plain.n = 0;
	rc = val_plain(&v, &t->plain);
	return rc == 0 ? show(t, t->plain.p, t->plain.n, &t->value) : rc;
}

static int
hold(struct table *t, const uint8_t *row)
{
	uint8_t n[4];
	int rc;

	le32put(n, t->ncols);
	rc = buf_put(&t->held, n, 4);
	for (unsigned i = 0; i < t->ncols && rc == 0; i++) {
		struct column *c = &t->cols[i];
		size_t w;

		if ((rc = show_value(t, c, row)) != 0)
			break;
		w = width_of(t->value.p, t->value.n);
		c->width = w > c->width ? w : c->width;
		le32put(n, (uint32_t)t->value.n);
		if ((rc = buf_put(&t->held, n, 4)) == 0)
			rc = buf_put(&t->held, t->value.p, t->value.n);
	}
	t->nheld += rc == 0;
	return rc;
}

/* Does the row have a visible field without a column? */
static bool
has_new(const struct table *t, const struct schema *s, const uint8_t *row)
{
	for (unsigned i = t->nfields; i < s->n && i < row_n(row); i++)
		if (row_tag(row, i) != VAL_ABSENT && !(s->f[i].flags & FIELD_HIDDEN))
			return true;
	return false;
}

int
table_write(struct table *t, const struct schema *s, const uint8_t *row, struct buf *out)
{
	int rc = 0;

	if (t->begun && has_new(t, s, row)) {
		t->begun = false;
		for (unsigned i = 0; i < t->ncols; i++) {
			struct column *c = &t->cols[i];

			c->width = c->max = 0;
			c->numbers = c->others = false;
		}
	}
	if (!t->begun) {
		if (t->nfields < s->n && (rc = add_columns(t, s)) != 0)
			return rc;
		if ((rc = hold(t, row)) != 0 || t->nheld < SAMPLE)
			return rc;
		return release(t, out);
	}
	for (unsigned i = 0; i < t->ncols && rc == 0; i++)
		if ((rc = show_value(t, &t->cols[i], row)) == 0)
			rc = put_value(t, i, t->value.p, t->value.n, &t->line);
	return rc == 0 ? end_line(t, out) : rc;
}

int
table_end(struct table *t, struct buf *out)
{
	return t->nheld > 0 ? release(t, out) : 0;
}
