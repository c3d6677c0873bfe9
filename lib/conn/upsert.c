/* upsert: see upsert.h. */
#include "conn/upsert.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "expr/expr.h"

#define INDEX_MIN 256u
#define EACH 24 /* bytes of v and index for a row */

/* The last row of a key that has changed. */
struct held {
	uint64_t hash; /* of the key */
	uint32_t nkey;
	uint8_t first; /* kind of the first row */
	size_t cap;    /* of b */
	uint8_t b[];   /* the row, and the key at the end */
};

struct upsert {
	struct upsert_conf conf;
	struct expr *part[SCHEMA_KEY_MAX]; /* --key */
	unsigned nparts;
	struct schema out;
	bool changing;	   /* the rows that come */
	int *map;	   /* fields that a -D has; others -1 */
	struct held **v;   /* in the order in which the keys came */
	size_t n, cap, at; /* v[at] is the first one that is held */
	uint32_t *index;   /* open addressing: place in v + 1 */
	size_t index_cap;
	int64_t used; /* bytes */
	uint64_t rows;
	struct buf key, row;
};

/* ---- making one ---- */

static int
add_part(void *cookie, const char *text, size_t n)
{
	struct upsert *u = cookie;
	struct expr **e = &u->part[u->nparts];
	int rc;

	if (u->nparts == SCHEMA_KEY_MAX)
		return ferr(FERR_USAGE, "a key has at most %d parts", SCHEMA_KEY_MAX);
	if (expr_parse(e, text, n, EXPR_PATH) != 0 && (rc = expr_parse(e, text, n, 0)) != 0)
		return rc;
	u->nparts++;
	return 0;
}

int
upsert_new(struct upsert **out, const struct upsert_conf *conf)
{
	struct upsert *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	u->conf = *conf;
	schema_init(&u->out);
	if (conf->key != NULL) {
		rc = expr_split(conf->key, ',', add_part, u);
		if (rc == 0 && u->nparts == 0)
			rc = ferr(FERR_USAGE, "a field name is missing");
		if (rc != 0) {
			upsert_free(u);
			return ferr_prefix(rc, "--key");
		}
	}
	*out = u;
	return 0;
}

void
upsert_free(struct upsert *u)
{
	if (u == NULL)
		return;
	for (unsigned i = 0; i < u->nparts; i++)
		expr_free(u->part[i]);
	for (size_t i = u->at; i < u->n; i++)
		free(u->v[i]);
	schema_fini(&u->out);
	buf_fini(&u->key);
	buf_fini(&u->row);
	free(u->map);
	free(u->v);
	free(u->index);
	free(u);
}

bool
upsert_keyed(const struct upsert *u)
{
	return u->nparts > 0;
}

/* ---- schema ---- */

/* Show field i in a -D; false when it cannot be seen. */
static bool
show_field(struct upsert *u, unsigned i)
{
	u->map[i] = (int)i;
	return (u->out.f[i].flags & FIELD_HIDDEN) == 0;
}

/* Which fields a -D has: those that the key is made of. */
static int
map_key(struct upsert *u)
{
	const struct schema *s = &u->out;
	int *map = realloc(u->map, (s->n + 1u) * sizeof(*map)), f;
	bool seen = true;

	if (map == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	u->map = map;
	for (unsigned i = 0; i < s->n; i++)
		map[i] = -1;
	for (unsigned k = 0; u->nparts == 0 && k < s->nkey; k++)
		seen = show_field(u, s->key[k]) && seen;
	for (unsigned k = 0; k < u->nparts; k++) {
		const struct expr *e = u->part[k];

		for (unsigned i = 0; i < expr_nfields(e); i++) {
			const char *name = expr_field(e, i);

			if ((f = schema_find(s, name, strlen(name))) >= 0)
				(void)show_field(u, (unsigned)f);
		}
	}
	for (unsigned i = 0; i < s->n && !seen; i++)
		map[i] = (int)i;
	return 0;
}

int
upsert_bind(struct upsert *u, const struct schema *in)
{
	int rc;

	if (u->nparts == 0 && !in->keyed)
		return ferr(FERR_USAGE, "--changes upsert needs a key, and this stream has none; "
					"say which fields: --key FIELD, or fkey FIELD before");
	if (u->conf.format == FMT_JSON && (rc = fmt_check_changing(FMT_JSON, in)) != 0)
		return rc;
	for (unsigned i = 0; i < u->nparts; i++)
		if ((rc = expr_bind(u->part[i], in)) != 0)
			return ferr_prefix(rc, "--key");
	if ((rc = schema_copy(&u->out, in)) != 0)
		return rc;
	u->changing = in->changing;
	u->out.changing = in->changing && u->conf.format == FMT_FRAMES;
	return map_key(u);
}

const struct schema *
upsert_schema(const struct upsert *u)
{
	return &u->out;
}

/* ---- rows in ---- */

/* The key of a row in u->key. */
static int
key_of(struct upsert *u, const uint8_t *row)
{
	struct expr_ctx ctx = { .row = row, .schema = &u->out };
	struct val v;
	size_t at;
	int rc;

	u->key.n = 0;
	if (u->nparts == 0)
		return key_bytes(&u->out, row, &u->key);
	for (unsigned i = 0; i < u->nparts; i++) {
		expr_arena_reset(u->part[i]);
		if ((rc = expr_eval(u->part[i], &ctx, &v)) != 0)
			return rc;
		at = u->key.n;
		if (buf_room(&u->key, 4) != 0)
			return FERR_NOMEM;
		u->key.n += 4; /* its length goes in front */
		if ((rc = key_part(&v, &u->key)) != 0)
			return rc;
		le32put(u->key.p + at, (uint32_t)(u->key.n - at - 4));
	}
	return 0;
}

static const uint8_t *
held_key(const struct held *h)
{
	return h->b + h->cap - h->nkey;
}

/* Where the key of that hash stands in the index, or the empty place where it belongs. */
static uint32_t *
find_place(const struct upsert *u, uint64_t hash, const struct buf *key)
{
	size_t i = hash & (u->index_cap - 1);

	for (; u->index[i] != 0; i = (i + 1) & (u->index_cap - 1)) {
		const struct held *h = u->v[u->index[i] - 1];

		if (h->hash == hash && h->nkey == key->n &&
		    (key->n == 0 || memcmp(held_key(h), key->p, key->n) == 0))
			break;
	}
	return &u->index[i];
}

static int
grow_index(struct upsert *u)
{
	size_t cap = u->index_cap != 0 ? 2 * u->index_cap : INDEX_MIN;
	uint32_t *index = calloc(cap, sizeof(*index));

	if (index == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (size_t k = 0; k < u->n; k++) {
		size_t i = u->v[k]->hash & (cap - 1);

		while (index[i] != 0)
			i = (i + 1) & (cap - 1);
		index[i] = (uint32_t)k + 1;
	}
	free(u->index);
	u->index = index;
	u->index_cap = cap;
	return 0;
}

/* Room for one more key. */
static int
grow(struct upsert *u)
{
	size_t cap = u->cap != 0 ? 2 * u->cap : INDEX_MIN;
	struct held **v;

	if (u->n == u->cap) {
		if ((v = realloc(u->v, cap * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		u->v = v;
		u->cap = cap;
	}
	return 2 * (u->n + 1) <= u->index_cap ? 0 : grow_index(u);
}

static int
too_much(const struct upsert *u)
{
	return ferr(FERR_LIMIT,
		    "--changes upsert holds the last row of %zu keys until they are committed, and "
		    "they need more than --mem (%" PRId64
		    " MiB): give more, make epochs shorter (--every, with FSTATE or fcoord), or "
		    "write --changes op",
		    u->n, u->conf.mem >> 20);
}

/* Make or enlarge *h to hold the row and u->key. */
static int
resize(struct upsert *u, struct held **h, const uint8_t *row)
{
	size_t old = *h != NULL ? sizeof(**h) + (*h)->cap + EACH : 0;
	size_t cap = row_len(row) + ((u->key.n + 7) & ~(size_t)7);
	struct held *p;

	if (u->used + (int64_t)(sizeof(*p) + cap + EACH - old) > u->conf.mem || u->n == UINT32_MAX)
		return too_much(u);
	if ((p = malloc(sizeof(*p) + cap)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	*p = (struct held){ .nkey = (uint32_t)u->key.n, .cap = cap };
	if (u->key.n != 0)
		memcpy(p->b + cap - u->key.n, u->key.p, u->key.n);
	u->used += (int64_t)(sizeof(*p) + cap + EACH - old);
	if (*h != NULL) {
		p->hash = (*h)->hash;
		p->first = (*h)->first;
		free(*h);
	}
	*h = p;
	return 0;
}

int
upsert_put(struct upsert *u, const uint8_t *row)
{
	struct held **h, *made = NULL;
	uint32_t *place;
	uint64_t hash;
	int rc;

	if ((rc = key_of(u, row)) != 0 || (rc = grow(u)) != 0)
		return rc;
	hash = hash64(u->key.p, u->key.n);
	place = find_place(u, hash, &u->key);
	h = *place != 0 ? &u->v[*place - 1] : &made;
	if ((*h == NULL || (*h)->cap < row_len(row) + u->key.n) && (rc = resize(u, h, row)) != 0)
		return rc;
	memcpy((*h)->b, row, row_len(row));
	if (made != NULL) {
		made->hash = hash;
		made->first = (uint8_t)row_kind(row);
		u->v[u->n++] = made;
		*place = (uint32_t)u->n;
	}
	return 0;
}

/* ---- rows out ---- */

static bool
is_gone(const struct held *h)
{
	return row_kind(h->b) == ROW_DELETE || row_kind(h->b) == ROW_BEFORE;
}

/* All were given out: the next epoch begins with a table of its size. */
static void
begin_anew(struct upsert *u)
{
	if (u->index_cap > 16 * u->n && u->index_cap > INDEX_MIN) {
		free(u->index);
		free(u->v);
		u->index = NULL;
		u->v = NULL;
		u->index_cap = u->cap = 0;
	}
	if (u->index != NULL)
		memset(u->index, 0, u->index_cap * sizeof(*u->index));
	u->n = u->at = 0;
	u->used = 0;
}

void
upsert_drop(struct upsert *u)
{
	free(u->v[u->at++]);
	if (u->at == u->n)
		begin_anew(u);
}

/* The -D of h in u->row. */
static int
make_deletion(struct upsert *u, const struct held *h)
{
	unsigned n = row_n(h->b);
	struct rowb w;
	int rc;

	u->row.n = 0;
	if ((rc = rowb_begin(&w, &u->row, n, ROW_DELETE, row_time(h->b))) != 0)
		return rc;
	if ((rc = rowb_fields(&w, h->b, u->map)) != 0) {
		rowb_drop(&w);
		return rc;
	}
	if ((rc = rowb_end(&w)) == 0 && (h->b[7] & ROW_KEYED) != 0)
		row_set_hash(u->row.p, row_hash(h->b));
	return rc;
}

int
upsert_first(struct upsert *u, const uint8_t **row, const uint8_t **came)
{
	enum fmt_kind format = u->conf.format;
	struct held *h;
	int rc;

	while (u->at < u->n && is_gone(u->v[u->at]) && u->v[u->at]->first == ROW_INSERT)
		upsert_drop(u);
	if (u->at == u->n)
		return 0;
	h = u->v[u->at];
	*came = h->b;
	if (is_gone(h)) {
		if (format != FMT_JSON && format != FMT_FRAMES)
			return ferr(FERR_DATA,
				    "%s cannot say that a record is gone; write "
				    "--format json, or --changes op",
				    fmt_name(format));
		if ((rc = make_deletion(u, h)) != 0)
			return rc;
		*row = u->row.p;
		return 1;
	}
	if (u->changing)
		h->b[6] = h->first == ROW_INSERT ? ROW_INSERT : ROW_AFTER;
	*row = h->b;
	return 1;
}

/* ---- what sinks use ---- */

int
upsert_take(struct upsert *u, struct op *op, uint8_t **p, uint8_t *end)
{
	int rc = 0;

	for (; *p < end && rc == 0; *p += row_len(*p)) {
		u->rows++;
		if ((rc = upsert_put(u, *p)) == FERR_DATA)
			rc = op_bad_row(op, *p, ferr_text());
	}
	return rc;
}

int
upsert_bad(struct op *op, const uint8_t *row, const char *reason)
{
	struct json_writer *w = NULL;
	struct buf text = BUF_INIT;
	char *copy = strdup(reason); /* reason may be the text of the last error */
	int rc = copy != NULL ? json_writer_new(&w) : ferr(FERR_NOMEM, "out of memory");

	if (rc == 0 && (rc = json_write(w, op_schema(op), row, &text)) == 0)
		rc = op_bad(op, "stdin", copy, text.p, text.n);
	json_writer_free(w);
	buf_fini(&text);
	free(copy);
	return rc;
}

int
upsert_give(struct upsert *u, struct op *op, upsert_put_fn *put, void *cookie)
{
	const uint8_t *row = NULL, *came = NULL;
	int rc;

	while ((rc = upsert_first(u, &row, &came)) != 0) {
		if (rc == 1)
			rc = put(cookie, op, row, came);
		else if (rc == FERR_DATA)
			rc = upsert_bad(op, came, ferr_text());
		if (rc != 0)
			return rc;
		upsert_drop(u);
	}
	return 0;
}

void
upsert_warn(struct upsert *u, struct op *op)
{
	for (unsigned i = 0; i < u->nparts && u->rows > 0; i++) {
		for (unsigned k = 0; k < expr_nfields(u->part[i]); k++)
			op_warn_unseen(op, &u->out, expr_field(u->part[i], k));
	}
}

/* ---- without epochs: the last rows of the run ---- */

static int
run_on_schema(void *self, struct op *op)
{
	int rc = upsert_bind(self, op_schema(op));

	return rc != 0 ? rc : op_set_schema(op, upsert_schema(self));
}

static int
run_on_rows(void *self, struct op *op, uint8_t **p, uint8_t *end)
{
	return upsert_take(self, op, p, end);
}

static int
print_row(void *cookie, struct op *op, const uint8_t *row, const uint8_t *came)
{
	(void)cookie;
	(void)came;
	return op_full(op) ? FERR_AGAIN : op_forward(op, row, row + row_len(row));
}

static int
run_resume(void *self, struct op *op)
{
	return upsert_give(self, op, print_row, NULL);
}

static int
run_on_end(void *self, struct op *op)
{
	upsert_warn(self, op);
	return run_resume(self, op);
}

const struct op_class upsert_class = {
	.name = "fsink",
	.on_schema = run_on_schema,
	.on_rows = run_on_rows,
	.resume = run_resume,
	.on_end = run_on_end,
};
