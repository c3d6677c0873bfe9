/*
 * ndjson -- JSON text as records: one object a line, or the elements of an array.
 *
 * The first byte of a text decides: '[' begins an array, whose elements may span lines.  Its end is
 * the beginning of another text (so arrays may follow each other).  A place right behind an element
 * is a place to resume at: the comma goes with the next element, the opening bracket with the
 * first.
 */
#include <stdlib.h>

#include "fmt/fmt_internal.h"

enum mode {
	BEGIN,	/* nothing seen yet, blanks apart */
	LINES,	/* one object a line */
	BEHIND, /* in an array, behind an element */
};

struct ndjson {
	struct json_reader *json;
	bool typed;	/* some field has a type */
	struct buf row; /* a row before its values are typed */
	enum mode mode;
	bool in_string, escaped; /* the scan for an element's end, at r->seen */
	size_t depth;
};

int
ndjson_new(struct ndjson **out, const struct fmt_reader *r)
{
	struct ndjson *j = calloc(1, sizeof(*j));
	const char **names = NULL;
	unsigned *to = NULL;
	int rc = FERR_NOMEM;

	if (j == NULL)
		return FERR_NOMEM;
	if ((rc = json_reader_new(&j->json, r->schema)) != 0)
		goto err;
	if (r->fields != NULL) {
		names = calloc(r->nfields + 1u, sizeof(*names));
		to = calloc(r->nfields + 1u, sizeof(*to));
		rc = FERR_NOMEM;
		if (names == NULL || to == NULL)
			goto err;
		for (unsigned i = 0; i < r->nfields; i++) {
			names[i] = r->fields[i].name;
			to[i] = r->fields[i].to;
			j->typed |=
			    r->fields[i].type != VAL_ABSENT && r->fields[i].type != VAL_JSON;
		}
		if ((rc = json_reader_only(j->json, names, to, r->nfields)) != 0)
			goto err;
	}
	json_reader_select(j->json, r->only);
	free(names);
	free(to);
	*out = j;
	return 0;
err:
	free(names);
	free(to);
	ndjson_free(j);
	return rc;
}

void
ndjson_free(struct ndjson *j)
{
	if (j == NULL)
		return;
	json_reader_free(j->json);
	buf_fini(&j->row);
	free(j);
}

enum { SAVED_STRING = 1, SAVED_ESCAPED = 2 };

void
ndjson_save(const struct ndjson *j, struct fmt_state *st)
{
	st->state = (uint8_t)j->mode;
	st->flags = (uint8_t)((j->in_string ? SAVED_STRING : 0) | (j->escaped ? SAVED_ESCAPED : 0));
	st->depth = j->depth;
}

int
ndjson_load(struct ndjson *j, const struct fmt_state *st)
{
	if (st->state > BEHIND)
		return ferr(FERR_CORRUPT, "the place in the JSON text is not one of this version");
	j->mode = (enum mode)st->state;
	j->in_string = (st->flags & SAVED_STRING) != 0;
	j->escaped = (st->flags & SAVED_ESCAPED) != 0;
	j->depth = st->depth;
	return 0;
}

/* Append to out the row in j->row with its values as --fields types them. */
static int
typed_row(struct fmt_reader *r, const uint8_t *text, size_t n, struct buf *out, struct fmt_bad *bad)
{
	const uint8_t *row = r->json->row.p;
	const struct fmt_field *of[SCHEMA_MAX];
	unsigned nslots = row_n(row);
	struct rowb w;
	struct val v;
	int rc;

	memset(of, 0, nslots * sizeof(of[0]));
	for (unsigned i = 0; i < r->nfields; i++)
		if (r->fields[i].to < nslots)
			of[r->fields[i].to] = &r->fields[i];
	if ((rc = rowb_begin(&w, out, nslots, ROW_INSERT, ROW_NOTIME)) != 0)
		return rc;
	for (unsigned i = 0; i < nslots; i++) {
		v = row_raw(row, i);
		if (of[i] != NULL && (rc = typed_value(&r->typed, of[i]->type, &v, &v)) == 0)
			rc = typed_bad(r, bad, text, n, 0, of[i]->name, of[i]->type, &v);
		if (rc < 0 || (rc = rowb_set(&w, i, &v)) != 0) {
			rowb_drop(&w);
			return rc;
		}
	}
	return rowb_end(&w);
}

/* Append the row of the object text[0..n). */
static int
object_row(struct fmt_reader *r, const uint8_t *text, size_t n, struct buf *out,
	   struct fmt_bad *bad)
{
	struct ndjson *j = r->json;
	struct json_bad why;
	int rc;

	j->row.n = 0;
	rc = json_read(j->json, text, n, j->typed ? &j->row : out, &why);
	if (rc == FERR_DATA || rc == FERR_LIMIT) {
		fmt_bad(r, bad, text, n, why.at, "%s", why.reason);
		return rc;
	}
	if (rc == 0 && j->typed)
		rc = typed_row(r, text, n, out, bad);
	return rc == FERR_LIMIT ? fmt_too_long(r, bad, text, n) : rc;
}

int
ndjson_message(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out,
	       struct fmt_bad *bad)
{
	int rc = object_row(r, p, n, out, bad);

	return rc == 0 ? 1 : rc;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static size_t
blanks(const uint8_t *p, size_t i, size_t n)
{
	while (i < n && is_blank(p[i]))
		i++;
	return i;
}

static int
read_line(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	  struct fmt_bad *bad)
{
	size_t n;
	int rc;

	if ((rc = fmt_take_line(r, in, used, &n, bad)) != 1)
		return rc;
	if (*used > n && n > 0 && in->p[n - 1] == '\r')
		n--;
	/* a record begins with '{' nearly always: look for blank lines only if it does not */
	if (n == 0 || (in->p[0] != '{' && blanks(in->p, 0, n) == n)) {
		fmt_next_line(r);
		return 0;
	}
	rc = object_row(r, in->p, n, out, bad);
	fmt_next_line(r);
	return rc == 0 ? 1 : rc;
}

/* *used bytes of blanks (or of an array's ends) go by. */
static int
pass(struct fmt_reader *r, const struct feed *in, size_t n, size_t *used)
{
	*used = n;
	fmt_went(r, in->p, n);
	return 0;
}

static void
element_forget(struct fmt_reader *r)
{
	r->seen = 0;
	r->json->in_string = r->json->escaped = false;
	r->json->depth = 0;
}

/*
 * Look for the ',' or ']' that ends an element, going on at `at` or where the last call stopped.
 * True and its offset in *end; false: not there, r->seen and the state are kept for the next call.
 */
static bool
element_end(struct fmt_reader *r, const struct feed *in, size_t at, size_t *end)
{
	struct ndjson *j = r->json;
	size_t i = r->seen > at ? r->seen : at;

	for (; i < in->n; i++) {
		uint8_t c = in->p[i];

		if (j->in_string) {
			if (j->escaped)
				j->escaped = false;
			else if (c == '\\')
				j->escaped = true;
			else if (c == '"')
				j->in_string = false;
		} else if (c == '"') {
			j->in_string = true;
		} else if (c == '{' || c == '[') {
			j->depth++;
		} else if (j->depth == 0 && (c == ',' || c == ']')) {
			*end = i;
			return true;
		} else if ((c == '}' || c == ']') && j->depth > 0) {
			j->depth--;
		}
	}
	r->seen = i;
	return false;
}

/* The rest of an element that was too long goes by. */
static int
skip_element(struct fmt_reader *r, const struct feed *in, size_t *used)
{
	size_t end = in->n;

	if (in->n == 0 && !in->eof)
		return FERR_AGAIN;
	r->seen = 0;
	if (element_end(r, in, 0, &end) || in->eof) {
		r->skipping = false;
		element_forget(r);
		if (end == in->n) /* its array ends nowhere: told with the element */
			r->json->mode = BEGIN;
	}
	return pass(r, in, end, used);
}

/* The element that begins at in->p[at] (blanks before it, bracket or comma before those). */
static int
read_element(struct fmt_reader *r, const struct feed *in, size_t at, size_t *used, struct buf *out,
	     struct fmt_bad *bad)
{
	struct ndjson *j = r->json;
	size_t end = in->n, n;
	bool found, open;
	int rc;

	if (r->seen == 0)
		element_forget(r);
	found = element_end(r, in, at, &end);
	if (!found && !in->eof && end - at <= FMT_RECORD_MAX)
		return FERR_AGAIN;
	open = j->in_string || j->depth > 0;
	for (n = end - at; n > 0 && is_blank(in->p[at + n - 1]);)
		n--;
	fmt_went(r, in->p, at);
	r->rec_line = r->line;
	*used = end;
	j->mode = BEHIND;
	if (end - at > FMT_RECORD_MAX) {
		rc = fmt_too_long(r, bad, in->p + at, n);
		r->skipping = !found;
	} else if (!found && (open || n == 0)) {
		rc = fmt_bad(r, bad, in->p + at, n, n, "the array's last record is not complete");
		j->mode = BEGIN;
	} else {
		rc = object_row(r, in->p + at, n, out, bad);
	}
	if (r->skipping)
		r->seen = 0; /* the scan's state goes on */
	else
		element_forget(r);
	fmt_went(r, in->p + at, end - at);
	return rc == 0 ? 1 : rc;
}

/* The text ends within an array, as is seen at in->p[at]. */
static int
not_closed(struct fmt_reader *r, const struct feed *in, size_t at, size_t *used,
	   struct fmt_bad *bad)
{
	fmt_went(r, in->p, at);
	r->rec_line = r->line;
	r->json->mode = BEGIN;
	fmt_bad(r, bad, in->p + at, in->n > at, 0, "the array is not closed: ']' expected");
	fmt_went(r, in->p + at, in->n - at);
	*used = in->n;
	return FERR_DATA;
}

/* Behind an element: a comma and the next one, or the array's end. */
static int
read_behind(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	    struct fmt_bad *bad)
{
	size_t i = blanks(in->p, 0, in->n);

	if (i == in->n && !in->eof)
		return i == 0 ? FERR_AGAIN : pass(r, in, i, used);
	if (i == in->n)
		return not_closed(r, in, i, used, bad);
	if (in->p[i] == ']') {
		r->json->mode = BEGIN;
		return pass(r, in, i + 1, used);
	}
	i = blanks(in->p, i + 1, in->n);
	return read_element(r, in, i, used, out, bad);
}

/* The beginning: blanks, then '[' or lines. */
static int
read_begin(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	   struct fmt_bad *bad)
{
	size_t i = blanks(in->p, 0, in->n), k;

	if (i == in->n) {
		/* whole blank lines go by; what is behind them may belong to a record's line */
		while (i > 0 && !in->eof && in->p[i - 1] != '\n')
			i--;
		return i > 0 || in->eof ? pass(r, in, i, used) : FERR_AGAIN;
	}
	if (r->resumed && (in->p[i] == ',' || in->p[i] == ']')) {
		r->json->mode = BEHIND;
		return read_behind(r, in, used, out, bad);
	}
	if (in->p[i] != '[') {
		r->json->mode = LINES;
		return read_line(r, in, used, out, bad);
	}
	k = blanks(in->p, i + 1, in->n);
	if (k < in->n && in->p[k] == ']')
		return pass(r, in, k + 1, used);
	if (k == in->n && !in->eof)
		return FERR_AGAIN;
	if (k == in->n)
		return not_closed(r, in, i, used, bad);
	return read_element(r, in, k, used, out, bad);
}

int
ndjson_read(struct fmt_reader *r, const struct feed *in, size_t *used, struct buf *out,
	    struct fmt_bad *bad)
{
	struct ndjson *j = r->json;

	if (__builtin_expect(j->mode == LINES, 1)) {
		if (!r->skipping && r->seen == 0 && !j->typed &&
		    (*used = json_read_line(j->json, in->p, in->n, out)) != 0) {
			r->rec_line = r->line;
			fmt_next_line(r);
			return 1;
		}
		return read_line(r, in, used, out, bad);
	}
	if (r->skipping)
		return skip_element(r, in, used);
	if (j->mode == BEHIND)
		return read_behind(r, in, used, out, bad);
	return read_begin(r, in, used, out, bad);
}
