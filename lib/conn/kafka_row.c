/* kafka_row: see kafka_row.h. */
#include "conn/kafka_row.h"

#include <inttypes.h>
#include <stdlib.h>

#include "expr/expr.h"

#define HEADERS_MAX 64
#define NAME_MAX_LEN 32767

struct header {
	char *name;
	struct expr *e;
};

struct kafka_row {
	struct kafka_row_conf conf;
	struct expr *key[SCHEMA_KEY_MAX];
	unsigned nkey;
	struct expr *partition;
	struct header header[HEADERS_MAX];
	unsigned nheaders;
	const struct schema *s;
	struct fmt_writer *writer;
	struct buf arena; /* of values */
};

static int
add_key(void *cookie, const char *text, size_t n)
{
	struct kafka_row *r = cookie;
	struct expr **e = &r->key[r->nkey];
	int rc;

	if (r->nkey == SCHEMA_KEY_MAX)
		return ferr(FERR_USAGE, "a key has at most %d parts", SCHEMA_KEY_MAX);
	if (expr_parse(e, text, n, EXPR_PATH) != 0 && (rc = expr_parse(e, text, n, 0)) != 0)
		return rc;
	r->nkey++;
	return 0;
}

static int
add_header(void *cookie, const char *piece, size_t n)
{
	struct kafka_row *r = cookie;
	struct header *h = &r->header[r->nheaders];
	const char *name, *rest;
	size_t nname;
	int rc;

	if ((rest = expr_assign(piece, n, &name, &nname)) == NULL || nname > NAME_MAX_LEN)
		return ferr(FERR_USAGE, "'%.*s' is not NAME = EXPR", (int)n, piece);
	if (r->nheaders == HEADERS_MAX)
		return ferr(FERR_USAGE, "a record has at most %d headers", HEADERS_MAX);
	if ((h->name = strndup(name, nname)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	r->nheaders++;
	rc = expr_parse(&h->e, rest, n - (size_t)(rest - piece), 0);
	return rc;
}

int
kafka_row_new(struct kafka_row **out, const struct kafka_row_conf *conf)
{
	struct kafka_row *r = calloc(1, sizeof(*r));
	struct fmt_write_conf w = { .kind = conf->format };
	int rc;

	if (r == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	r->conf = *conf;
	rc = fmt_writer_new(&r->writer, &w);
	if (rc == 0 && conf->key != NULL && (rc = expr_split(conf->key, ',', add_key, r)) != 0)
		rc = ferr_prefix(rc, "--key");
	if (rc == 0 && conf->header != NULL &&
	    (rc = expr_split(conf->header, ';', add_header, r)) != 0)
		rc = ferr_prefix(rc, "--header");
	if (rc == 0 && conf->partition != NULL &&
	    (rc = expr_parse(&r->partition, conf->partition, strlen(conf->partition), 0)) != 0)
		rc = ferr_prefix(rc, "--partition");
	if (rc != 0) {
		kafka_row_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void
kafka_row_free(struct kafka_row *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->nkey; i++)
		expr_free(r->key[i]);
	for (unsigned i = 0; i < r->nheaders; i++) {
		expr_free(r->header[i].e);
		free(r->header[i].name);
	}
	expr_free(r->partition);
	fmt_writer_free(r->writer);
	buf_fini(&r->arena);
	free(r);
}

/* Does a record that is gone have that field, too? */
static bool
key_has(const struct kafka_row *r, const char *field)
{
	for (unsigned i = 0; i < r->nkey; i++) {
		for (unsigned k = 0; k < expr_nfields(r->key[i]); k++) {
			if (strcmp(expr_field(r->key[i], k), field) == 0)
				return true;
		}
	}
	for (unsigned i = 0; r->nkey == 0 && i < r->s->nkey; i++) {
		const struct field *f = &r->s->f[r->s->key[i]];

		if (f->n == strlen(field) && memcmp(f->name, field, f->n) == 0)
			return true;
	}
	return false;
}

/* A tombstone has to follow the records of its key. */
static int
check_partition(const struct kafka_row *r)
{
	for (unsigned i = 0; i < expr_nfields(r->partition); i++) {
		if (!key_has(r, expr_field(r->partition, i)))
			return ferr(FERR_USAGE,
				    "--partition reads '%s', which a record that is gone has not, "
				    "so its tombstone would go elsewhere; with --changes upsert it "
				    "may read fields of the key alone",
				    expr_field(r->partition, i));
	}
	return 0;
}

int
kafka_row_bind(struct kafka_row *r, const struct schema *s)
{
	struct fmt_write_conf w = { .kind = r->conf.format,
				    .changing = s->changing && !r->conf.upsert };
	int rc = 0;

	/* Columns of csv and tsv are those of the first row for good; a kind field comes first. */
	if (r->s == NULL && w.changing) {
		fmt_writer_free(r->writer);
		r->writer = NULL;
		rc = fmt_writer_new(&r->writer, &w);
	}
	r->s = s;
	for (unsigned i = 0; i < r->nkey && rc == 0; i++)
		rc = expr_bind(r->key[i], s);
	for (unsigned i = 0; i < r->nheaders && rc == 0; i++)
		rc = expr_bind(r->header[i].e, s);
	if (rc == 0 && r->partition != NULL && (rc = expr_bind(r->partition, s)) == 0 &&
	    r->conf.upsert)
		rc = check_partition(r);
	return rc;
}

const char *
kafka_row_field(const struct kafka_row *r, unsigned i)
{
	const struct expr *v[SCHEMA_KEY_MAX + HEADERS_MAX + 1];
	unsigned n = 0;

	for (unsigned k = 0; k < r->nkey; k++)
		v[n++] = r->key[k];
	for (unsigned k = 0; k < r->nheaders; k++)
		v[n++] = r->header[k].e;
	if (r->partition != NULL)
		v[n++] = r->partition;
	for (unsigned k = 0; k < n; k++) {
		if (i < expr_nfields(v[k]))
			return expr_field(v[k], i);
		i -= expr_nfields(v[k]);
	}
	return NULL;
}

/* ---- the parts of a record ---- */

static int
put_plain(const struct val *v, struct buf *out)
{
	return v->t == VAL_BYTES ? buf_put(out, v->s, v->n) : val_plain(v, out);
}

static int
key_part_of(struct kafka_row *r, const uint8_t *row, unsigned i, struct val *v)
{
	struct expr_ctx c = { .row = row, .schema = r->s };

	if (r->nkey == 0) {
		*v = row_get(row, r->s->key[i]);
		return 0;
	}
	expr_arena_reset(r->key[i]);
	return expr_eval(r->key[i], &c, v);
}

/* Append the key; false in *any: it has none. */
static int
put_key(struct kafka_row *r, const uint8_t *row, struct buf *out, bool *any)
{
	unsigned n = r->nkey != 0 ? r->nkey : r->s->keyed ? r->s->nkey : 0;
	struct val v;
	int rc;

	*any = false;
	if (n == 0)
		return 0;
	if (n == 1) {
		if ((rc = key_part_of(r, row, 0, &v)) != 0)
			return rc;
		*any = !val_is_null(&v);
		return put_plain(&v, out);
	}
	*any = true;
	for (unsigned i = 0; i < n; i++) {
		if ((rc = key_part_of(r, row, i, &v)) != 0 ||
		    (rc = buf_putc(out, i == 0 ? '[' : ',')) != 0 || (rc = val_json(&v, out)) != 0)
			return rc;
	}
	return buf_putc(out, ']');
}

static int
put_value(struct kafka_row *r, const uint8_t *row, struct buf *out)
{
	int rc = fmt_write(r->writer, r->s, row, out);

	if (rc == 0 && out->n > 0 && out->p[out->n - 1] == '\n')
		out->n--;
	return rc;
}

static int
put_headers(struct kafka_row *r, const uint8_t *row, struct buf *out)
{
	struct expr_ctx c = { .row = row, .schema = r->s };
	struct val v;
	int rc;

	for (unsigned i = 0; i < r->nheaders; i++) {
		struct header *h = &r->header[i];

		expr_arena_reset(h->e);
		if ((rc = expr_eval(h->e, &c, &v)) != 0)
			return rc;
		if (val_is_null(&v))
			continue;
		r->arena.n = 0;
		if ((rc = put_plain(&v, &r->arena)) != 0 ||
		    (rc = kafka_rec_header(out, h->name, strlen(h->name), r->arena.p,
					   (uint32_t)r->arena.n)) != 0)
			return rc;
	}
	return 0;
}

static int
refuse_partition(const struct kafka_topic *t, const struct val *v)
{
	struct buf text = BUF_INIT;
	int rc = FERR_NOMEM;

	if (val_json(v, &text) == 0 && buf_cstr(&text) != NULL)
		rc = ferr(FERR_DATA,
			  "--partition gives %s, and topic %s has %u partitions (from 0 on)",
			  (const char *)text.p, t->name, t->partitions);
	buf_fini(&text);
	return rc;
}

static int
find_partition(struct kafka_row *r, const struct kafka_topic *t, const uint8_t *row,
	       const uint8_t *key, size_t nkey, bool keyed, int32_t sticky, int32_t *out)
{
	struct expr_ctx c = { .row = row, .schema = r->s };
	struct val v = VAL_NULLV;
	int rc;

	if (r->partition != NULL) {
		expr_arena_reset(r->partition);
		if ((rc = expr_eval(r->partition, &c, &v)) != 0)
			return rc;
	}
	if (!val_is_null(&v)) {
		if (v.t != VAL_I64 || v.i < 0 || v.i >= (int64_t)t->partitions)
			return refuse_partition(t, &v);
		*out = (int32_t)v.i;
		return 0;
	}
	*out = keyed ? kafka_partition_of(key, nkey, (int32_t)t->partitions) : sticky;
	return 0;
}

static int
find_time(const struct kafka_topic *t, const uint8_t *row, int64_t wall, int64_t *out)
{
	int64_t ts = row_time(row);

	*out = ts == ROW_NOTIME ? wall : ts;
	if (*out < 0)
		return ferr(FERR_DATA, "its time is before 1970, which Kafka cannot say");
	if (!t->stamped && (t->ahead_max<INT64_MAX - wall && * out> wall + t->ahead_max))
		return ferr(FERR_DATA,
			    "its time is more than %" PRId64
			    " ms ahead of the clock (message.timestamp.after.max.ms of "
			    "topic %s)",
			    t->ahead_max, t->name);
	if (!t->stamped && t->past_max < wall && *out < wall - t->past_max)
		return ferr(FERR_DATA,
			    "its time is more than %" PRId64
			    " ms ago (message.timestamp.before.max.ms of topic %s)",
			    t->past_max, t->name);
	return 0;
}

/* Would the broker take it? */
static int
check(const struct kafka_topic *t, const struct buf *b, size_t at)
{
	struct kafka_rec rec;
	size_t used;
	int rc;

	if ((rc = kafka_rec_next(b->p + at, b->n - at, &rec, &used)) < 0)
		return rc;
	if (rec.nkey == KAFKA_NONE && t->compacted)
		return ferr(FERR_DATA,
			    "it has no key, and topic %s is compacted: say which with --key",
			    t->name);
	if (kafka_rec_size(&rec) > (uint64_t)t->message_max)
		return ferr(FERR_DATA,
			    "it takes %" PRIu64 " bytes and topic %s takes %" PRId64
			    " (its max.message.bytes)",
			    kafka_rec_size(&rec), t->name, t->message_max);
	return 0;
}

static int
put(struct kafka_row *r, const struct kafka_topic *t, const uint8_t *row, int64_t wall,
    int32_t sticky, struct buf *out, size_t at)
{
	bool gone = r->conf.upsert && row_kind(row) == ROW_DELETE, any;
	int32_t partition = 0;
	int64_t ts;
	size_t from;
	int rc;

	if ((rc = find_time(t, row, wall, &ts)) != 0 || (rc = kafka_rec_begin(out, ts)) != 0)
		return rc;
	from = out->n;
	if ((rc = put_key(r, row, out, &any)) != 0)
		return rc;
	if (any)
		kafka_rec_key(out, at, from);
	if ((rc = find_partition(r, t, row, out->p + from, out->n - from, any, sticky,
				 &partition)) != 0)
		return rc;
	kafka_rec_partition(out, at, partition);
	if (gone && !any)
		return ferr(FERR_DATA, "a record that is gone needs a key: say which with --key");
	from = out->n;
	if (!gone) {
		if ((rc = put_value(r, row, out)) != 0)
			return rc;
		kafka_rec_value(out, at, from);
	}
	from = out->n;
	if ((rc = put_headers(r, row, out)) != 0)
		return rc;
	kafka_rec_end(out, at, from);
	return check(t, out, at);
}

int
kafka_row_put(struct kafka_row *r, const struct kafka_topic *t, const uint8_t *row, int64_t wall,
	      int32_t sticky, struct buf *out)
{
	size_t at = out->n;
	int rc = put(r, t, row, wall, sticky, out, at);

	if (rc != 0)
		out->n = at;
	return rc;
}
