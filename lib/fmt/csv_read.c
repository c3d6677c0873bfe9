/*
 * csv_read -- CSV and TSV records into rows.
 *
 * Two ways through a record.  The fast one finds separators and line ends 64 bytes at a time, takes
 * cells as they stand in the text, and gives up on anything unusual: it reports nothing.  The exact
 * one is a plain state machine and decides everything else: records cut by the end of the
 * feed, doubled quotes, escapes, the header, and every bad record.
 *
 * Quotes delimit only at a cell's first byte; elsewhere in an unquoted cell they are text.
 */
#include <stdlib.h>

#include "base/text.h"
#include "fmt/fmt_internal.h"

#define COLUMNS_MAX 65536u /* of a header; at most SCHEMA_MAX of them can be kept */

struct cell {
	uint32_t at, n; /* in the text of the cells */
	uint32_t from;	/* where it begins in the record (exact way only) */
	bool quoted;
};

/* A column that is kept. */
struct column {
	unsigned col, to; /* its place in the file, its number in the schema */
	enum val_type type;
};

enum state { CELL, PLAIN, QUOTED, CLOSING };

struct csv {
	bool tsv;
	uint8_t sep;
	csv_cut_fn *cut_fn; /* fast way */
	struct csv_cut cut;

	unsigned ncols;	   /* 0: the header is still to come */
	bool broken;	   /* the header could not be used */
	struct buf header; /* its text, so that a reader can go on in the middle of a file */
	struct column *kept;
	unsigned nkept, nslots;
	bool full;     /* every slot is a column's */
	bool whole;    /* rows take the whole text, else cell by cell */
	bool straight; /* whole, and column i is slot i */

	struct cell *cells; /* of the current record, by column */
	unsigned cells_cap;
	struct buf text;  /* exact way: the cells' text */
	enum state state; /* exact way: of the search for the record's end, at r->seen */
};

int
csv_new(struct csv **out, const struct fmt_reader *r)
{
	struct csv *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return FERR_NOMEM;
	c->tsv = r->kind == FMT_TSV;
	c->sep = c->tsv ? '\t' : ',';
	c->cut_fn = csv_cut_choose();
	*out = c;
	return 0;
}

void
csv_free(struct csv *c)
{
	if (c == NULL)
		return;
	free(c->kept);
	free(c->cells);
	free(c->cut.ends);
	buf_fini(&c->text);
	buf_fini(&c->header);
	free(c);
}

/* Rows. */

/* Copy n bytes in steps of 32, the first without asking: both sides have BUF_SLACK. */
static inline void
copy_slack(uint8_t *to, const uint8_t *from, size_t n)
{
	memcpy(to, from, 32);
	for (size_t i = 32; i < n; i += 32)
		memcpy(to + i, from + i, 32);
}

/* Put the text s[0..n) behind the row's *len bytes; returns its slot. */
static inline uint64_t
put_text(uint8_t *row, size_t *len, const void *s, size_t n)
{
	uint64_t slot = *len | (uint64_t)n << 32;

	copy_slack(row + *len, s, n);
	*len += n;
	return slot;
}

/* A cell with the type of its column.  1, 0: it does not convert, or FERR_NOMEM. */
static int
put_typed(struct fmt_reader *r, const struct column *k, const struct val *cell, uint8_t *row,
	  size_t *len)
{
	uint8_t *slots = row + ROW_HDR, *tags = slots + 8 * r->csv->nslots;
	struct val v = VAL_NULLV;
	uint64_t bits = 0;
	int rc = 1;

	if (cell->n != 0 || k->type == VAL_STR)
		rc = typed_value(&r->typed, k->type, cell, &v);
	if (v.t >= VAL_STR) /* an empty one may point anywhere */
		bits = put_text(row, len, v.n != 0 ? (const uint8_t *)v.s : row, v.n);
	else if (v.t > VAL_NULL)
		bits = (uint64_t)v.i;
	le64put(slots + 8 * k->to, bits);
	tags[k->to] = v.t;
	return rc;
}

/* Begin a row of the text's length at the end of out; *len is that of its fixed part. */
static inline int
begin_row(const struct csv *c, size_t n, struct buf *out, size_t *len)
{
	uint8_t *row;

	*len = ROW_HDR + 9 * (size_t)c->nslots;
	if (*len + n + 8 > ROW_MAX)
		return FERR_LIMIT;
	if (buf_room(out, *len + n + 8) != 0)
		return FERR_NOMEM;
	row = out->p + out->n;
	le32put(row + 4, c->nslots); /* kind and flags: 0 */
	row_set_time(row, ROW_NOTIME);
	le64put(row + 16, 0);
	return 0;
}

/* Pad it and let it be there. */
static inline void
end_row(struct buf *out, size_t len)
{
	le64put(out->p + out->n + len, 0);
	len = (len + 7) & ~(size_t)7;
	le32put(out->p + out->n, (uint32_t)len);
	out->n += len;
}

/*
 * Append the row of the cells; text[0..n) is what they lie in.  0; FERR_DATA: a cell does not
 * convert, its column is in *fault; FERR_LIMIT, FERR_NOMEM.
 */
static int
put_row(struct fmt_reader *r, const uint8_t *text, size_t n, struct buf *out, unsigned *fault)
{
	const struct csv *c = r->csv;
	uint8_t *row, *slots, *tags;
	size_t fixed, len;
	int rc;

	if ((rc = begin_row(c, n, out, &fixed)) != 0)
		return rc;
	row = out->p + out->n;
	slots = row + ROW_HDR;
	tags = slots + 8 * c->nslots;
	len = fixed;
	if (!c->full)
		memset(slots, 0, 9 * (size_t)c->nslots);
	if (c->whole)
		put_text(row, &len, text, n);
	for (unsigned i = 0; i < c->nkept; i++) {
		const struct column *k = &c->kept[i];
		const struct cell *x = &c->cells[k->col];

		if (__builtin_expect(k->type != VAL_ABSENT, 0)) {
			struct val v = val_text(VAL_CELL, (const char *)text + x->at, x->n);

			if ((rc = put_typed(r, k, &v, row, &len)) != 1) {
				*fault = i;
				return rc == 0 ? FERR_DATA : rc;
			}
		} else if (x->n == 0) {
			le64put(slots + 8 * k->to, 0);
			tags[k->to] = VAL_NULL;
		} else {
			le64put(slots + 8 * k->to, c->whole
						       ? (fixed + x->at) | (uint64_t)x->n << 32
						       : put_text(row, &len, text + x->at, x->n));
			tags[k->to] = x->quoted ? VAL_STR : VAL_CELL;
		}
	}
	end_row(out, len);
	return 0;
}

/* The same from c->cut, when column i is slot i, untyped, and nothing is quoted. */
static int
put_straight(const struct csv *c, const uint8_t *text, size_t n, struct buf *out)
{
	uint8_t *row, *slots, *tags;
	size_t fixed, len, at;
	int rc;

	if ((rc = begin_row(c, n, out, &fixed)) != 0)
		return rc;
	row = out->p + out->n;
	slots = row + ROW_HDR;
	tags = slots + 8 * c->nslots;
	len = fixed;
	put_text(row, &len, text, n);
	at = 0;
	for (unsigned i = 0; i < c->ncols; i++) {
		size_t end = c->cut.ends[i];
		uint64_t slot = (fixed + at) | (uint64_t)(end - at) << 32;

		le64put(slots + 8 * i, end > at ? slot : 0);
		tags[i] = end > at ? VAL_CELL : VAL_NULL;
		at = end + 1;
	}
	end_row(out, len);
	return 0;
}

/* The fast way. */

/*
 * Make cells of ends, in a text without surprises: cells that begin with a quote end with one, and
 * there are no others.  (Two quotes each and no more in all: so every pair is a cell's first and
 * last byte.)
 */
static bool
fast_cells(struct csv *c, const uint8_t *p)
{
	const uint32_t *ends = c->cut.ends;
	unsigned quotes = 0;
	uint32_t at = 0;

	if (c->cut.quotes == 0) {
		for (unsigned i = 0; i < c->nkept; i++) {
			unsigned col = c->kept[i].col;

			at = col > 0 ? ends[col - 1] + 1 : 0;
			c->cells[col].at = at;
			c->cells[col].n = ends[col] - at;
			c->cells[col].quoted = false;
		}
		return true;
	}
	for (unsigned col = 0; col < c->ncols; at = ends[col++] + 1) {
		struct cell *x = &c->cells[col];

		*x = (struct cell){ .at = at, .n = ends[col] - at };
		if (x->n == 0 || p[at] != '"')
			continue;
		if (x->n < 2 || p[at + x->n - 1] != '"')
			return false;
		x->at++;
		x->n -= 2;
		x->quoted = true;
		quotes += 2;
	}
	return quotes == c->cut.quotes;
}

static bool
text_ok(const uint8_t *p, size_t n)
{
	return memchr(p, '\0', n) == NULL && utf8_ok(p, n);
}

/* 1: a row was made; 0: not for the fast way. */
static int
fast_read(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out)
{
	struct csv *c = r->csv;
	const struct csv_cut *t = &c->cut;
	const uint8_t *p = in->p;
	size_t n, line;
	unsigned fault;

	if (!c->cut_fn(&c->cut, p, in->n <= FMT_RECORD_MAX ? in->n : FMT_RECORD_MAX + 1))
		return 0;
	n = t->ends[c->ncols - 1];
	line = n + 1;
	if (n > 0 && p[n - 1] == '\r')
		n = --t->ends[c->ncols - 1];
	if (n == 0 || (t->quotes != 0 && c->tsv) || (t->odd && !text_ok(p, n)))
		return 0;
	if (c->straight && t->quotes == 0) {
		if (put_straight(c, p, n, out) != 0)
			return 0;
	} else if (!fast_cells(c, p) || put_row(r, p, n, out, &fault) != 0) {
		return 0;
	}
	*used = line;
	r->rec_line = r->line;
	if (__builtin_expect(t->quotes != 0, 0))
		fmt_went(r, p, line);
	else
		fmt_next_line(r);
	return 1;
}

/* The exact way. */

/*
 * Go on looking for the line feed that ends the record, from r->seen.  False: not here, and
 * *end is the feed's.
 */
static bool
record_end(struct fmt_reader *r, const struct feed *in, size_t *end)
{
	struct csv *c = r->csv;
	const uint8_t *p = in->p, *hit;
	size_t i = r->seen;

	while (i < in->n) {
		uint8_t b = p[i];

		if (c->tsv || c->state == QUOTED) {
			hit = memchr(p + i, c->tsv ? '\n' : '"', in->n - i);
			if (hit == NULL)
				break;
			i = (size_t)(hit - p);
			if (c->tsv) {
				*end = i;
				return true;
			}
			c->state = CLOSING;
		} else if (b == '\n') {
			*end = i;
			return true;
		} else if (b == c->sep) {
			c->state = CELL;
		} else if (b == '"' && c->state != PLAIN) {
			c->state = QUOTED;
		} else {
			c->state = PLAIN;
		}
		i++;
	}
	*end = r->seen = in->n;
	return false;
}

static int
cell_add(struct csv *c, unsigned col, size_t at, size_t from, bool quoted)
{
	if (col == c->cells_cap) {
		unsigned cap = c->cells_cap == 0 ? 64 : 2 * c->cells_cap;
		struct cell *cells = realloc(c->cells, cap * sizeof(*cells));

		if (cells == NULL)
			return FERR_NOMEM;
		c->cells = cells;
		c->cells_cap = cap;
	}
	c->cells[col] = (struct cell){
		.at = (uint32_t)at,
		.n = (uint32_t)(c->text.n - at),
		.from = (uint32_t)from,
		.quoted = quoted,
	};
	return 0;
}

/* Append s[0..n) with TSV's escapes undone; other backslashes are text. */
static void
unescape(struct buf *b, const uint8_t *s, size_t n)
{
	static const char letters[] = "tnr\\", bytes[] = "\t\n\r\\";
	const char *l;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\' && i + 1 < n && s[i + 1] != '\0' &&
		    (l = strchr(letters, s[i + 1])) != NULL)
			b->p[b->n++] = (uint8_t)bytes[l - letters], i++;
		else
			b->p[b->n++] = s[i];
	}
}

/*
 * Append the quoted cell whose quote is s[*i] without its quotes; *i moves behind it.  Returns
 * NULL, or what is wrong at *i.
 */
static const char *
unquote(struct csv *c, const uint8_t *s, size_t n, size_t *i)
{
	size_t at = *i + 1;
	const uint8_t *q;

	for (;;) {
		q = at < n ? memchr(s + at, '"', n - at) : NULL;
		if (q == NULL)
			return "the quote is not closed";
		buf_put(&c->text, s + at, (size_t)(q - s) - at); /* there is room */
		at = (size_t)(q - s) + 1;
		if (at == n || s[at] != '"')
			break;
		buf_putc(&c->text, '"');
		at++;
	}
	*i = at;
	return at < n && s[at] != c->sep ? "text behind the closing quote" : NULL;
}

/*
 * Take the record s[0..n) apart into c->cells and c->text; *got cells were there, at most max of
 * them are stored.  FERR_DATA with *at and *why if it is no CSV.
 */
static int
split(struct csv *c, const uint8_t *s, size_t n, unsigned max, size_t *got, size_t *at,
      const char **why)
{
	size_t i = 0, from, text;
	const uint8_t *sep;
	bool quoted;
	int rc;

	c->text.n = 0;
	if ((rc = buf_room(&c->text, n)) != 0)
		return rc;
	for (*got = 0;; i++) {
		from = i;
		text = c->text.n;
		quoted = !c->tsv && i < n && s[i] == '"';
		if (quoted) {
			if ((*why = unquote(c, s, n, &i)) != NULL) {
				*at = i;
				return FERR_DATA;
			}
		} else {
			sep = i < n ? memchr(s + i, c->sep, n - i) : NULL;
			i = sep != NULL ? (size_t)(sep - s) : n;
			if (c->tsv)
				unescape(&c->text, s + from, i - from);
			else
				buf_put(&c->text, s + from, i - from);
		}
		if (*got < max && (rc = cell_add(c, (unsigned)*got, text, from, quoted)) != 0)
			return rc;
		++*got;
		if (i == n)
			return 0;
	}
}

/* Is the text of the record sound?  Else *at and *why. */
static int
check_text(const uint8_t *s, size_t n, size_t *at, const char **why)
{
	const uint8_t *nul = memchr(s, '\0', n);

	*at = utf8_span(s, n);
	*why = "not UTF-8";
	if (nul != NULL && (size_t)(nul - s) < *at) {
		*at = (size_t)(nul - s);
		*why = "NUL byte";
	}
	return *at < n ? FERR_DATA : 0;
}

/* One record of the body. */
static int
exact_row(struct fmt_reader *r, const uint8_t *s, size_t n, struct buf *out, struct fmt_bad *bad)
{
	struct csv *c = r->csv;
	const char *why;
	size_t at, got;
	unsigned fault;
	int rc;

	if (c->broken)
		return fmt_bad(r, bad, s, n, 0, "no columns: the header could not be used");
	if ((rc = check_text(s, n, &at, &why)) != 0 ||
	    (rc = split(c, s, n, c->ncols, &got, &at, &why)) != 0)
		return rc == FERR_DATA ? fmt_bad(r, bad, s, n, at, "%s", why) : rc;
	if (got != c->ncols)
		return fmt_bad(r, bad, s, n, 0, "expected %u fields, got %zu", c->ncols, got);
	rc = put_row(r, c->text.p, c->text.n, out, &fault);
	if (rc == FERR_DATA) {
		const struct column *k = &c->kept[fault];
		const struct cell *x = &c->cells[k->col];
		struct val v = val_text(VAL_CELL, (const char *)c->text.p + x->at, x->n);

		return typed_bad(r, bad, s, n, x->from, r->schema->f[k->to].name, k->type, &v);
	}
	return rc == FERR_LIMIT ? fmt_too_long(r, bad, s, n) : rc;
}

/* The header. */

static const char *
cell_text(const struct csv *c, unsigned col)
{
	return (const char *)c->text.p + c->cells[col].at;
}

static bool
same_name(const struct csv *c, unsigned a, unsigned b)
{
	return c->cells[a].n == c->cells[b].n &&
	       memcmp(cell_text(c, a), cell_text(c, b), c->cells[a].n) == 0;
}

/* The column's number in --fields, or -1. */
static int
declared(const struct fmt_reader *r, unsigned col)
{
	for (unsigned i = 0; i < r->nfields; i++) {
		const char *name = r->fields[i].name;

		if (strlen(name) == r->csv->cells[col].n &&
		    memcmp(name, cell_text(r->csv, col), strlen(name)) == 0)
			return (int)i;
	}
	return -1;
}

/* Choose the columns to keep and check their names; those that are dropped may have any. */
static int
choose_columns(struct fmt_reader *r, const uint8_t *s, size_t n, struct fmt_bad *bad)
{
	struct csv *c = r->csv;
	char name[80];

	for (unsigned col = 0; col < c->ncols; col++) {
		int field = r->fields != NULL ? declared(r, col) : -1;

		if (r->fields != NULL && field < 0)
			continue;
		if (c->cells[col].n == 0)
			return fmt_bad(
			    r, bad, s, n, c->cells[col].from,
			    "column %u has no name in the header; name it, or choose columns with "
			    "--fields",
			    col + 1);
		for (unsigned i = 0; i < c->nkept; i++) {
			if (same_name(c, c->kept[i].col, col))
				return fmt_bad(r, bad, s, n, c->cells[col].from,
					       "columns %u and %u of the header have the same name "
					       "'%s'; rename one, "
					       "or choose others with --fields",
					       c->kept[i].col + 1, col + 1,
					       fmt_show_text(cell_text(c, col), c->cells[col].n,
							     name, sizeof(name)));
		}
		c->kept[c->nkept++] = (struct column){
			.col = col,
			.to = field >= 0 ? r->fields[field].to : 0,
			.type = field >= 0 ? r->fields[field].type : VAL_ABSENT,
		};
	}
	return 0;
}

/* Columns that nobody reads go once the header is known to be good. */
static void
drop_columns(struct fmt_reader *r)
{
	struct csv *c = r->csv;
	unsigned n = 0;

	for (unsigned i = 0; i < c->nkept; i++) {
		unsigned col = c->kept[i].col;

		if (fmt_wants(r->only, cell_text(c, col), c->cells[col].n))
			c->kept[n++] = c->kept[i];
	}
	c->nkept = n;
}

/* Number the kept columns in the schema and see how rows are best made. */
static int
number_columns(struct fmt_reader *r, const uint8_t *s, size_t n, struct fmt_bad *bad)
{
	struct csv *c = r->csv;
	bool apart = false;   /* some cells are not simply text of the row */
	bool in_order = true; /* kept column i is slot i */
	int rc;

	for (unsigned i = 0; i < c->nkept; i++) {
		struct column *k = &c->kept[i];

		if (r->fields == NULL) {
			rc = schema_add(r->schema, cell_text(c, k->col), c->cells[k->col].n);
			if (rc == FERR_LIMIT)
				return fmt_bad(r, bad, s, n, c->cells[k->col].from,
					       "column %u of the header is one too many, or its "
					       "name is too long",
					       k->col + 1);
			if (rc < 0)
				return rc;
			k->to = (unsigned)rc;
		}
		c->nslots = k->to >= c->nslots ? k->to + 1 : c->nslots;
		apart |= k->type != VAL_ABSENT;
		in_order &= k->to == i;
	}
	c->full = c->nkept == c->nslots;
	c->whole = !apart && 2 * c->nkept > c->ncols;
	c->straight = c->whole && in_order && c->nkept == c->ncols;
	return 0;
}

static int
exact_header(struct fmt_reader *r, const uint8_t *s, size_t n, struct fmt_bad *bad)
{
	const unsigned max = r->fields != NULL ? COLUMNS_MAX : SCHEMA_MAX;
	struct csv *c = r->csv;
	const char *why;
	size_t at, got;
	int rc;

	c->broken = true; /* until all is well */
	if ((rc = buf_put(&c->header, s, n)) != 0)
		return rc;
	if ((rc = check_text(s, n, &at, &why)) != 0 ||
	    (rc = split(c, s, n, max, &got, &at, &why)) != 0)
		return rc == FERR_DATA ? fmt_bad(r, bad, s, n, at, "%s", why) : rc;
	if (got > max)
		return fmt_bad(r, bad, s, n, 0, "a header of %zu columns; at most %u can be %s",
			       got, max,
			       r->fields != NULL ? "read" : "kept, choose some with --fields");
	c->ncols = (unsigned)got;
	c->kept = calloc(got, sizeof(*c->kept));
	c->cut = (struct csv_cut){
		.sep = c->sep,
		.quote = c->tsv ? '\\' : '"',
		.pairs = !c->tsv,
		.ncols = c->ncols,
		.ends = calloc(got + 64, sizeof(uint32_t)),
	};
	if (c->kept == NULL || c->cut.ends == NULL)
		return FERR_NOMEM;
	if ((rc = choose_columns(r, s, n, bad)) == 0) {
		drop_columns(r);
		rc = number_columns(r, s, n, bad);
	}
	c->broken = rc != 0;
	return rc;
}

/* Append a column's name as a cell of the header. */
static int
put_name(const struct csv *c, const char *name, struct buf *out)
{
	static const char escapes[] = "\tt\nn\rr\\\\";
	const char *e;
	int rc = c->tsv ? 0 : buf_putc(out, '"');

	for (; *name != '\0' && rc == 0; name++) {
		if (c->tsv && (e = strchr(escapes, *name)) != NULL && (e - escapes) % 2 == 0)
			rc = buf_printf(out, "\\%c", e[1]);
		else if (!c->tsv && *name == '"')
			rc = buf_puts(out, "\"\"");
		else
			rc = buf_putc(out, (uint8_t)*name);
	}
	return rc == 0 && !c->tsv ? buf_putc(out, '"') : rc;
}

/* The columns are those of --fields, in their order. */
static int
own_header(struct fmt_reader *r, struct fmt_bad *bad)
{
	struct buf names = BUF_INIT;
	int rc = 0;

	for (unsigned i = 0; i < r->nfields && rc == 0; i++) {
		if (i == 0 || (rc = buf_putc(&names, r->csv->sep)) == 0)
			rc = put_name(r->csv, r->fields[i].name, &names);
	}
	if (rc == 0)
		rc = exact_header(r, names.p, names.n, bad);
	buf_fini(&names);
	return rc;
}

int
csv_message(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out, struct fmt_bad *bad)
{
	struct csv *c = r->csv;
	struct feed in = { p, n, true };
	size_t end;
	bool ends;
	int rc;

	if (c->ncols == 0 && !c->broken && (rc = own_header(r, bad)) != 0)
		return rc;
	r->seen = 0;
	c->state = CELL;
	ends = record_end(r, &in, &end);
	r->seen = 0;
	if (ends && end + 1 < n)
		return fmt_bad(r, bad, p, n, end + 1, "a message is one record; this is another");
	if (ends && end > 0 && p[end - 1] == '\r')
		end--;
	if (end == 0)
		return fmt_bad(r, bad, p, n, 0, "the message is empty");
	rc = exact_row(r, p, end, out, bad);
	return rc == 0 ? 1 : rc;
}

enum { SAVED_BROKEN = 1 };

void
csv_save(const struct csv *c, struct fmt_state *st)
{
	st->state = (uint8_t)c->state;
	st->flags = c->broken ? SAVED_BROKEN : 0;
	if (!c->broken) {
		st->p = c->header.p;
		st->n = c->header.n;
	}
}

int
csv_load(struct fmt_reader *r, const struct fmt_state *st)
{
	struct fmt_bad bad;
	int rc;

	if (st->state > CLOSING)
		return ferr(FERR_CORRUPT, "the place in the table is not one of this version");
	if (st->n > 0 && (rc = exact_header(r, st->p, st->n, &bad)) != 0)
		return rc == FERR_DATA ? ferr(FERR_CORRUPT, "the header: %s", bad.reason) : rc;
	r->csv->broken = (st->flags & SAVED_BROKEN) != 0;
	r->csv->state = (enum state)st->state;
	return 0;
}

/* The rest of a record that was too long goes by. */
static int
skip_record(struct fmt_reader *r, const struct feed *in, size_t *used)
{
	size_t end;

	if (in->n == 0)
		return in->eof ? 0 : FERR_AGAIN;
	r->seen = 0;
	*used = in->n;
	if (record_end(r, in, &end)) {
		r->skipping = false;
		*used = end + 1;
	}
	r->seen = 0;
	fmt_went(r, in->p, *used);
	return 0;
}

static int
exact_read(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	   struct fmt_bad *bad)
{
	struct csv *c = r->csv;
	bool header = c->ncols == 0 && !c->broken, found;
	size_t end, n;
	int rc;

	if (in->n == 0)
		return in->eof ? 0 : FERR_AGAIN;
	if (r->seen == 0)
		c->state = CELL;
	found = record_end(r, in, &end);
	if (!found && !in->eof && end <= FMT_RECORD_MAX)
		return FERR_AGAIN;
	r->seen = 0;
	r->rec_line = r->line;
	*used = found ? end + 1 : end;
	n = found && end > 0 && in->p[end - 1] == '\r' ? end - 1 : end;
	if (end > FMT_RECORD_MAX) {
		rc = fmt_too_long(r, bad, in->p, n);
		r->skipping = !found;
		c->broken |= header;
	} else if (n == 0) {
		rc = 0;
	} else if (header) {
		rc = exact_header(r, in->p, n, bad);
	} else {
		rc = exact_row(r, in->p, n, out, bad);
		rc = rc == 0 ? 1 : rc;
	}
	if (!header || !r->header_apart)
		fmt_went(r, in->p, *used);
	return rc;
}

int
csv_read(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	 struct fmt_bad *bad)
{
	if (r->skipping)
		return skip_record(r, in, used);
	if (r->seen == 0 && r->csv->ncols != 0 && !r->csv->broken &&
	    fast_read(r, in, used, out) == 1)
		return 1;
	return exact_read(r, in, used, out, bad);
}
