/*
 * fmt -- names, sniffing, places, and the switch between the formats.
 */
#include "fmt/fmt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "fmt/fmt_internal.h"

static const struct {
	const char *name, *ending;
} kinds[] = {
	[FMT_AUTO] = { "auto", "ndjson" },     [FMT_JSON] = { "json", "ndjson" },
	[FMT_CSV] = { "csv", "csv" },	       [FMT_TSV] = { "tsv", "tsv" },
	[FMT_LINES] = { "lines", "txt" },      [FMT_RAW] = { "raw", "txt" },
	[FMT_FRAMES] = { "frames", "frames" }, [FMT_TABLE] = { "table", "txt" },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

int
fmt_by_name(const char *name)
{
	for (size_t k = 0; k < NKINDS; k++)
		if (strcmp(name, kinds[k].name) == 0)
			return (int)k;
	return -1;
}

const char *
fmt_name(enum fmt_kind k)
{
	return kinds[k].name;
}

const char *
fmt_ending(enum fmt_kind k)
{
	return kinds[k].ending;
}

static const uint8_t bom[3] = { 0xef, 0xbb, 0xbf };

enum fmt_kind
fmt_sniff(const uint8_t *p, size_t n)
{
	size_t i = n >= 3 && memcmp(p, bom, 3) == 0 ? 3 : 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r'))
		i++;
	return i < n && (p[i] == '{' || p[i] == '[') ? FMT_JSON : FMT_CSV;
}

const char *
fmt_op(enum row_kind k)
{
	switch (k) {
	case ROW_BEFORE: return "-U";
	case ROW_AFTER: return "+U";
	case ROW_DELETE: return "-D";
	default: return "+I";
	}
}

/* Places. */

void
fmt_went(struct fmt_reader *r, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n, *nl;

	while (p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		fmt_next_line(r);
		p = nl + 1;
	}
	r->col += (uint64_t)(end - p);
}

int
fmt_bad(const struct fmt_reader *r, struct fmt_bad *bad, const uint8_t *text, size_t n, size_t at,
	const char *why, ...)
{
	struct fmt_reader place = { .line = r->line, .col = r->col };
	va_list ap;

	if (r->whole)
		place.col = at;
	else
		fmt_went(&place, text, at);
	bad->line = place.line;
	bad->col = place.col + 1;
	bad->text = text;
	bad->n = n < FMT_RECORD_MAX ? n : FMT_RECORD_MAX;
	va_start(ap, why);
	vsnprintf(bad->reason, sizeof(bad->reason), why, ap);
	va_end(ap);
	/* A name cut in the middle of a character must not spoil the message. */
	bad->reason[utf8_span((const uint8_t *)bad->reason, strlen(bad->reason))] = '\0';
	return FERR_DATA;
}

int
fmt_too_long(const struct fmt_reader *r, struct fmt_bad *bad, const uint8_t *text, size_t n)
{
	fmt_bad(r, bad, text, n, 0, "the record is longer than %u bytes", FMT_RECORD_MAX);
	return FERR_LIMIT;
}

size_t
fmt_show(const uint8_t *s, size_t n, char out[8], size_t *shown, size_t *cols)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	bool c1 = n >= 2 && s[0] == 0xc2 && s[1] < 0xa0; /* U+0080..U+009F */

	if (s[0] < 0x20 || s[0] == 0x7f || c1 || len > n || !utf8_ok(s, len)) {
		*shown = *cols = 4;
		snprintf(out, 8, "\\x%02x", c1 ? s[1] : s[0]);
		return c1 ? 2 : 1;
	}
	memcpy(out, s, len);
	*shown = len;
	*cols = 1;
	return len;
}

const char *
fmt_show_text(const char *s, size_t n, char *out, size_t cap)
{
	static const char dots[] = "...";
	size_t i = 0, at = 0, shown, cols;
	char one[8];

	while (i < n) {
		i += fmt_show((const uint8_t *)s + i, n - i, one, &shown, &cols);
		if (at + shown + sizeof(dots) > cap) {
			memcpy(out + at, dots, sizeof(dots));
			return out;
		}
		memcpy(out + at, one, shown);
		at += shown;
	}
	out[at] = '\0';
	return out;
}

/* Lines. */

/* The rest of a line that was too long goes by. */
static int
skip_line(struct fmt_reader *r, const struct feed *in, size_t *used)
{
	const uint8_t *nl = in->n == 0 ? NULL : memchr(in->p, '\n', in->n);

	if (in->n == 0)
		return in->eof ? 0 : FERR_AGAIN;
	r->skipping = nl == NULL;
	*used = nl == NULL ? in->n : (size_t)(nl - in->p) + 1;
	fmt_went(r, in->p, *used);
	return 0;
}

int
fmt_take_line(struct fmt_reader *r, const struct feed *in, size_t *used, size_t *len,
	      struct fmt_bad *bad)
{
	const uint8_t *nl;
	size_t end;

	if (r->skipping)
		return skip_line(r, in, used);
	if (in->n == 0)
		return in->eof ? 0 : FERR_AGAIN;
	nl = memchr(in->p + r->seen, '\n', in->n - r->seen);
	end = nl != NULL ? (size_t)(nl - in->p) : in->n;
	if (nl == NULL && !in->eof && end <= FMT_RECORD_MAX) {
		r->seen = end;
		return FERR_AGAIN;
	}
	r->seen = 0;
	r->rec_line = r->line;
	*len = end;
	*used = nl != NULL ? end + 1 : end;
	if (end <= FMT_RECORD_MAX)
		return 1;
	fmt_too_long(r, bad, in->p, end);
	r->skipping = nl == NULL;
	fmt_went(r, in->p, *used);
	return FERR_LIMIT;
}

/* Reading. */

static int
copy_fields(struct fmt_reader *r, const struct fmt_conf *conf)
{
	if (conf->fields == NULL)
		return 0;
	/* one more than needed: no fields at all is still a restriction */
	if ((r->fields = calloc(conf->nfields + 1u, sizeof(*r->fields))) == NULL)
		return FERR_NOMEM;
	for (; r->nfields < conf->nfields; r->nfields++) {
		r->fields[r->nfields] = conf->fields[r->nfields];
		if ((r->fields[r->nfields].name = strdup(conf->fields[r->nfields].name)) == NULL)
			return FERR_NOMEM;
	}
	return 0;
}

int
fmt_reader_new(struct fmt_reader **out, const struct fmt_conf *conf)
{
	struct fmt_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return FERR_NOMEM;
	r->kind = conf->kind;
	r->schema = conf->schema;
	r->only = conf->only;
	r->typed.tz = conf->tz;
	r->line = r->rec_line = 1;
	if ((rc = copy_fields(r, conf)) != 0)
		goto err;
	switch (r->kind) {
	case FMT_JSON: rc = ndjson_new(&r->json, r); break;
	case FMT_CSV:
	case FMT_TSV: rc = csv_new(&r->csv, r); break;
	case FMT_LINES:
	case FMT_RAW: rc = line_new(r); break;
	default: rc = ferr(FERR_USAGE, "no text format: %s", fmt_name(r->kind));
	}
	if (rc != 0)
		goto err;
	*out = r;
	return 0;
err:
	fmt_reader_free(r);
	return rc;
}

void
fmt_reader_free(struct fmt_reader *r)
{
	if (r == NULL)
		return;
	csv_free(r->csv);
	ndjson_free(r->json);
	for (unsigned i = 0; i < r->nfields; i++)
		free(r->fields[i].name);
	free(r->fields);
	buf_fini(&r->typed.arena);
	free(r);
}

/* Is a BOM at the head?  1: one went by, 0: none, or FERR_AGAIN. */
static int
skip_bom(struct fmt_reader *r, const struct feed *in, size_t *used)
{
	size_t n = in->n < 3 ? in->n : 3;

	if (r->kind != FMT_RAW && memcmp(in->p, bom, n) == 0) {
		if (n < 3 && !in->eof)
			return FERR_AGAIN;
		if (n == 3) {
			*used = 3;
			r->begun = true;
			return 1;
		}
	}
	r->begun = true;
	return 0;
}

int
fmt_read(struct fmt_reader *r, const uint8_t *p, size_t n, bool eof, size_t *used, struct buf *out,
	 struct fmt_bad *bad)
{
	struct feed in = { p, n, eof };
	int rc;

	*used = 0;
	if (__builtin_expect(!r->begun && n > 0, 0)) {
		if ((rc = skip_bom(r, &in, used)) != 0)
			return rc == 1 ? 0 : rc;
	}
	switch (r->kind) {
	case FMT_JSON: return ndjson_read(r, &in, used, out, bad);
	case FMT_CSV:
	case FMT_TSV: return csv_read(r, &in, used, out, bad);
	default: return line_read(r, &in, used, out, bad);
	}
}

int
fmt_read_message(struct fmt_reader *r, const uint8_t *p, size_t n, struct buf *out,
		 struct fmt_bad *bad)
{
	r->whole = true;
	if (n > FMT_RECORD_MAX)
		return fmt_too_long(r, bad, p, n);
	switch (r->kind) {
	case FMT_JSON: return ndjson_message(r, p, n, out, bad);
	case FMT_CSV:
	case FMT_TSV: return csv_message(r, p, n, out, bad);
	default: return line_message(r, p, n, out, bad);
	}
}

uint64_t
fmt_reader_line(const struct fmt_reader *r)
{
	return r->rec_line;
}

void
fmt_reader_set_line(struct fmt_reader *r, uint64_t line)
{
	r->line = line;
	r->col = 0;
	r->seen = 0;
	r->skipping = false;
	r->resumed = true;
	r->header_apart = line > 1;
}

/*
 * Places as bytes:
 *	u8 version, format, flags here, flags of the format   u8 state of the format, 3 x 0
 *	u64 line   u64 column   u64 depth   bytes of the format
 */

#define SAVED_VERSION 1
#define SAVED_LEN 32
enum { SAVED_BEGUN = 1, SAVED_SKIPPING = 2, SAVED_RESUMED = 4, SAVED_APART = 8 };

int
fmt_reader_save(const struct fmt_reader *r, struct buf *out)
{
	struct fmt_state st = { 0 };
	uint8_t p[SAVED_LEN] = { SAVED_VERSION, (uint8_t)r->kind };

	if (r->csv != NULL)
		csv_save(r->csv, &st);
	if (r->json != NULL)
		ndjson_save(r->json, &st);
	p[2] = (uint8_t)((r->begun ? SAVED_BEGUN : 0) | (r->skipping ? SAVED_SKIPPING : 0) |
			 (r->resumed ? SAVED_RESUMED : 0) | (r->header_apart ? SAVED_APART : 0));
	p[3] = st.flags;
	p[4] = st.state;
	le64put(p + 8, r->line);
	le64put(p + 16, r->col);
	le64put(p + 24, st.depth);
	if (buf_room(out, sizeof(p) + st.n) != 0)
		return FERR_NOMEM;
	(void)buf_put(out, p, sizeof(p)); /* there is room */
	return buf_put(out, st.p, st.n);
}

int
fmt_reader_load(struct fmt_reader *r, const uint8_t *p, size_t n)
{
	struct fmt_state st;

	if (n < SAVED_LEN || p[0] != SAVED_VERSION || p[1] != (uint8_t)r->kind)
		return ferr(FERR_CORRUPT, "the place in the text is not one of this version");
	st = (struct fmt_state){ .state = p[4],
				 .flags = p[3],
				 .depth = le64get(p + 24),
				 .p = p + SAVED_LEN,
				 .n = n - SAVED_LEN };
	r->begun = (p[2] & SAVED_BEGUN) != 0;
	r->skipping = (p[2] & SAVED_SKIPPING) != 0;
	r->resumed = (p[2] & SAVED_RESUMED) != 0;
	r->header_apart = (p[2] & SAVED_APART) != 0;
	r->line = r->rec_line = le64get(p + 8);
	r->col = le64get(p + 16);
	if (r->csv != NULL)
		return csv_load(r, &st);
	return r->json != NULL ? ndjson_load(r->json, &st) : 0;
}

/* Writing. */

struct fmt_writer {
	struct fmt_write_conf conf;
	struct csv_writer *csv; /* one of these, by kind */
	struct json_writer *json;
	struct table *table;
	bool began, changing; /* a row has been written; under a schema of this kind */
	unsigned checked;     /* changing: 1 + the fields that fmt_check_changing has seen */
};

int
fmt_check_changing(enum fmt_kind kind, const struct schema *s)
{
	if (!s->changing || kind == FMT_FRAMES)
		return 0;
	if (kind == FMT_RAW || kind == FMT_LINES)
		return ferr(FERR_USAGE,
			    "this stream takes records back, and %s has no place to say so; use "
			    "fsink --changes upsert, or another format",
			    fmt_name(kind));
	if (schema_find(s, "op", 2) >= 0)
		return ferr(FERR_USAGE,
			    "this stream takes records back, which is written as a field 'op', and "
			    "the records have one of their own; put fmap --rename op=NAME before");
	return 0;
}

int
fmt_writer_new(struct fmt_writer **out, const struct fmt_write_conf *conf)
{
	struct fmt_writer *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return FERR_NOMEM;
	w->conf = *conf;
	switch (conf->kind) {
	case FMT_JSON: rc = json_writer_new(&w->json); break;
	case FMT_CSV:
	case FMT_TSV: rc = csv_writer_new(&w->csv, &w->conf); break;
	case FMT_TABLE: rc = table_new(&w->table, &w->conf); break;
	case FMT_LINES:
	case FMT_RAW: rc = 0; break;
	default: rc = ferr(FERR_USAGE, "no text format: %s", fmt_name(conf->kind));
	}
	if (rc != 0) {
		fmt_writer_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

void
fmt_writer_free(struct fmt_writer *w)
{
	if (w == NULL)
		return;
	csv_writer_free(w->csv);
	json_writer_free(w->json);
	table_free(w->table);
	free(w);
}

/* One object and its newline; `op` goes before what the JSON writer made. */
static int
write_json(struct fmt_writer *w, const struct schema *s, const uint8_t *row, struct buf *out)
{
	bool op = w->conf.changing || row_kind(row) == ROW_DELETE;
	size_t begin = out->n, at;
	int rc = 0;

	if (op) {
		const char head[] = { '{', '"', 'o', 'p', '"', ':', '"' };

		if ((rc = buf_put(out, head, sizeof(head))) != 0 ||
		    (rc = buf_puts(out, fmt_op(row_kind(row)))) != 0 ||
		    (rc = buf_putc(out, '"')) != 0)
			goto err;
	}
	at = out->n;
	if ((rc = json_write(w->json, s, row, out)) != 0)
		goto err;
	if (op) {
		if (out->p[at + 1] == '}') {
			out->p[at] = '}';
			out->n = at + 1;
		} else {
			out->p[at] = ',';
		}
	}
	if ((rc = buf_putc(out, '\n')) == 0)
		return 0;
err:
	out->n = begin;
	return rc;
}

int
fmt_write(struct fmt_writer *w, const struct schema *s, const uint8_t *row, struct buf *out)
{
	int rc;

	/* Of several inputs of a stage one may say it later than others, but not behind their rows.
	 */
	if (w->began && s->changing != w->changing)
		return ferr(FERR_USAGE, "the stream takes records back from here on, and did not "
					"before: what is written has no place to say so");
	w->began = true;
	w->changing = s->changing;
	if (w->conf.changing && w->checked != s->n + 1) {
		if ((rc = fmt_check_changing(w->conf.kind, s)) != 0)
			return rc;
		w->checked = s->n + 1;
	}
	switch (w->conf.kind) {
	case FMT_JSON: return write_json(w, s, row, out);
	case FMT_CSV:
	case FMT_TSV: return csv_write(w->csv, s, row, out);
	case FMT_TABLE: return table_write(w->table, s, row, out);
	default: return raw_write(s, row, out);
	}
}

int
fmt_write_end(struct fmt_writer *w, const struct schema *s, struct buf *out)
{
	if (w->csv != NULL && s != NULL)
		return csv_write_end(w->csv, s, out);
	return w->table == NULL ? 0 : table_end(w->table, out);
}
