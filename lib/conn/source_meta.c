/* source_meta: the fields of --meta, where a record came from; see source_internal.h. */
#include "base/text.h"
#include "conn/source_internal.h"

static const char *const names[META_N] = {
	[META_FILE] = "file", [META_OFFSET] = "offset",	  [META_PARTITION] = "partition",
	[META_KEY] = "key",   [META_HEADERS] = "headers", [META_TIMESTAMP] = "timestamp",
};

/* What nobody reads is left out. */
static int
find(struct source *s, const char *what, int *to)
{
	struct buf b = BUF_INIT;
	int rc = buf_printf(&b, "%s%s", s->spec.meta, what);

	*to = -1;
	if (rc == 0 && fmt_wants(s->only.name != NULL ? &s->only : NULL, (const char *)b.p, b.n)) {
		rc = *to = schema_add(&s->schema, (const char *)b.p, b.n);
		s->placed = true;
	}
	buf_fini(&b);
	return rc < 0 ? rc : 0;
}

int
source_find_meta(struct source *s)
{
	int rc = 0;

	for (unsigned i = 0; i < META_N && rc == 0; i++) {
		if (i <= META_OFFSET || s->kafka != NULL)
			rc = find(s, names[i], &s->meta[i]);
	}
	return rc;
}

static int
set(const struct source *s, struct rowb *w, enum source_meta what, struct val v)
{
	int to = s->meta[what];

	return to >= 0 ? rowb_set(w, (unsigned)to, &v) : 0;
}

static struct val
key_of(const struct kafka_message *m)
{
	if (m->key == NULL)
		return VAL_NULLV;
	return val_text(utf8_ok(m->key, m->nkey) ? VAL_STR : VAL_BYTES, (const char *)m->key,
			m->nkey);
}

static int
set_headers(struct source *s, struct rowb *w, const struct kafka_message *m)
{
	struct buf *text = &s->headers;
	bool any = false;
	int rc;

	if (s->meta[META_HEADERS] < 0)
		return 0;
	text->n = 0;
	if ((rc = kafka_headers(m, text, &any)) != 0)
		return rc;
	return set(s, w, META_HEADERS,
		   any ? val_text(VAL_JSON, (const char *)text->p, text->n) : VAL_NULLV);
}

/* Those that a message alone has. */
static int
set_message(struct source *s, struct rowb *w, const struct split *sp)
{
	const struct kafka_message *m = split_message(sp);
	int rc;

	if (m == NULL)
		return 0;
	if ((rc = set(s, w, META_PARTITION, val_i64(sp->partition))) == 0 &&
	    (rc = set(s, w, META_KEY, key_of(m))) == 0 && (rc = set_headers(s, w, m)) == 0)
		rc = set(s, w, META_TIMESTAMP,
			 m->time != ROW_NOTIME ? val_time(m->time) : VAL_NULLV);
	return rc;
}

int
source_put_meta(struct source *s, struct split *sp, size_t at)
{
	size_t n = strlen(sp->name);
	const uint8_t *row = s->out->p + at;
	struct rowb w;
	int rc;

	if (sp->kind == SPLIT_KAFKA) /* TOPIC[P] */
		n = (size_t)(strrchr(sp->name, '[') - sp->name);
	split_place(sp);
	s->tmp.n = 0;
	if ((rc = buf_put(&s->tmp, row, s->out->n - at)) != 0)
		return rc;
	row = s->tmp.p;
	s->out->n = at;
	if ((rc = rowb_begin(&w, s->out, s->schema.n, row_kind(row), row_time(row))) != 0)
		return rc;
	if ((rc = rowb_fields(&w, row, NULL)) == 0 &&
	    (rc = set(s, &w, META_FILE, val_text(VAL_STR, sp->name, n))) == 0 &&
	    (rc = set(s, &w, META_OFFSET, val_i64((int64_t)sp->offset))) == 0)
		rc = set_message(s, &w, sp);
	if (rc != 0) {
		rowb_drop(&w);
		return rc;
	}
	return rowb_end(&w);
}
