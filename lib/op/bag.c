/* bag: see bag.h. */
#include "op/bag.h"

#include <stdlib.h>

#include "op/op_internal.h"
#include "row/key.h"

#define ENTRY 12u /* u64 hash of the schema, u32 length */

/* ---- as a value of state ---- */

static void
fini(void *cookie, void *value)
{
	const struct bag_type *t = cookie;

	for (unsigned i = 0; i < t->n; i++)
		free(bag_of(t, value, i)->p);
}

static size_t
memory(void *cookie, const void *value)
{
	const struct bag_type *t = cookie;
	size_t n = 0;

	for (unsigned i = 0; i < t->n; i++)
		n += bag_of(t, (void *)(uintptr_t)value, i)->cap;
	return n;
}

static int
encode(void *cookie, const void *value, struct buf *out)
{
	const struct bag_type *t = cookie;
	uint8_t entry[ENTRY];
	int rc = buf_put(out, value, t->head);

	for (unsigned i = 0; i < t->n && rc == 0; i++) {
		const struct bag *b = bag_of(t, (void *)(uintptr_t)value, i);

		le64put(entry, b->n > 0 ? t->op->input[t->input[i]].version : 0);
		le32put(entry + 8, b->n);
		if ((rc = buf_put(out, entry, ENTRY)) == 0 && b->n > 0)
			rc = buf_put(out, b->p, b->n);
	}
	return rc;
}

static int
damaged(const struct bag_type *t)
{
	return ferr(FERR_CORRUPT, "rows in the state '%s' are damaged", t->name);
}

/* Row r of version v, whose flags and hash are the caller's: checked, and under today's numbers
 * appended to out. */
static int
take_row(const struct bag_type *t, const struct op_version *v, uint8_t *r, uint32_t len,
	 struct buf *out)
{
	uint8_t flags = r[7];
	size_t at = out->n;
	int rc;

	r[7] = ROW_KEYED;
	if (!row_check(r, len) || row_n(r) > v->schema.n)
		return damaged(t);
	rc = v->map != NULL ? row_remap(r, t->op->input[v->input].schema.n, v->map, out)
			    : buf_put(out, r, len);
	if (rc == 0)
		out->p[at + 7] = flags;
	return rc;
}

/* Rows p[0..n) become a bag's. */
static int
take_rows(const struct bag_type *t, struct bag *b, const struct op_version *v, const uint8_t *p,
	  uint32_t n)
{
	struct buf in = BUF_INIT, rows = BUF_INIT;
	uint32_t len;
	int rc = buf_put(&in, p, n); /* aligned, and ours */

	for (uint32_t at = 0; at < n && rc == 0; at += len) {
		len = n - at >= ROW_HDR ? row_len(in.p + at) : 0;
		rc = len >= ROW_HDR && len <= n - at ? take_row(t, v, in.p + at, len, &rows)
						     : damaged(t);
	}
	if (rc == 0 && rows.n > UINT32_MAX)
		rc = ferr(FERR_LIMIT, "the rows of one key are larger than 4 GiB");
	if (rc == 0 && (b->p = malloc(rows.n)) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	if (rc == 0) {
		memcpy(b->p, rows.p, rows.n);
		b->n = b->cap = (uint32_t)rows.n;
	}
	buf_fini(&in);
	buf_fini(&rows);
	return rc;
}

static int
decode_bag(const struct bag_type *t, unsigned i, struct bag *b, const uint8_t **p,
	   const uint8_t *end)
{
	const struct op_version *v;
	uint32_t n;

	if (end - *p < (ptrdiff_t)ENTRY || (n = le32get(*p + 8)) > (size_t)(end - *p) - ENTRY)
		return damaged(t);
	v = n > 0 ? op_version_find(t->op, t->input[i], le64get(*p)) : NULL;
	*p += ENTRY + n;
	if (n == 0)
		return 0;
	return v != NULL ? take_rows(t, b, v, *p - n, n) : damaged(t);
}

static int
decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	const struct bag_type *t = cookie;
	const uint8_t *end = p + n;
	int rc = 0;

	memset(value, 0, t->head + t->n * sizeof(struct bag));
	if (n < t->head)
		return damaged(t);
	memcpy(value, p, t->head);
	p += t->head;
	for (unsigned i = 0; i < t->n && rc == 0; i++)
		rc = decode_bag(t, i, bag_of(t, value, i), &p, end);
	if (rc == 0 && p != end)
		rc = damaged(t);
	if (rc != 0) {
		fini(cookie, value);
		memset(value, 0, t->head + t->n * sizeof(struct bag));
	}
	return rc;
}

int
bag_map_open(struct op *op, struct state_map **out, struct bag_type *t)
{
	struct state_type type = { .name = t->name,
				   .size = (uint32_t)(t->head + t->n * sizeof(struct bag)),
				   .version = 1,
				   .grouped = t->grouped,
				   .cookie = t,
				   .fini = fini,
				   .encode = encode,
				   .decode = decode,
				   .memory = memory };
	struct state *s = op_state(op);

	t->op = op;
	op->bags = true;
	return s != NULL ? state_map_open(s, out, &type) : FERR_NOMEM;
}

/* ---- rows in and out ---- */

/* Room for n bytes more. */
static int
grow(const struct bag_type *t, struct bag *b, uint32_t n)
{
	uint64_t want = (uint64_t)b->n + n, cap = b->cap + b->cap / 2;
	uint8_t *p;
	int rc;

	if (want <= b->cap)
		return 0;
	if (want > UINT32_MAX)
		return ferr(FERR_LIMIT, "the rows of one key are larger than 4 GiB");
	if (cap < want)
		cap = want;
	if (cap > UINT32_MAX)
		cap = UINT32_MAX;
	if ((rc = state_account(t->op->state, (int64_t)(cap - b->cap))) != 0)
		return rc;
	if ((p = realloc(b->p, cap)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	b->p = p;
	b->cap = (uint32_t)cap;
	return 0;
}

int
bag_put(const struct bag_type *t, struct bag *b, const uint8_t *row, uint32_t *at)
{
	*at = b->n;
	return bag_insert(t, b, b->n, row);
}

int
bag_insert(const struct bag_type *t, struct bag *b, uint32_t at, const uint8_t *row)
{
	uint32_t n = row_len(row);
	int rc = grow(t, b, n);

	if (rc != 0)
		return rc;
	memmove(b->p + at + n, b->p + at, b->n - at);
	memcpy(b->p + at, row, n);
	b->n += n;
	return 0;
}

void
bag_remove(const struct bag_type *t, struct bag *b, uint32_t at)
{
	uint32_t n = row_len(b->p + at);

	(void)t;
	b->n -= n;
	memmove(b->p + at, b->p + at + n, b->n - at);
}

void
bag_trim(const struct bag_type *t, struct bag *b)
{
	uint8_t *p;

	if (b->n > b->cap / 4 && b->n > 0)
		return;
	p = b->n > 0 ? realloc(b->p, b->n) : NULL;
	if (b->n > 0 && p == NULL)
		return; /* it stays as large as it is */
	if (b->n == 0)
		free(b->p);
	(void)!state_account(t->op->state, (int64_t)b->n - (int64_t)b->cap);
	b->p = p;
	b->cap = b->n;
}

/* ---- equality ---- */

bool
bag_row_equal(const uint8_t *a, const uint8_t *b)
{
	unsigned na = row_n(a), nb = row_n(b), n = na > nb ? na : nb;

	if (row_len(a) == row_len(b) && na == nb &&
	    memcmp(a + ROW_HDR, b + ROW_HDR, row_len(a) - ROW_HDR) == 0)
		return true;
	for (unsigned i = 0; i < n; i++) {
		struct val x = row_get(a, i), y = row_get(b, i);

		if ((x.t == VAL_ABSENT) != (y.t == VAL_ABSENT) || val_cmp(&x, &y) != 0)
			return false;
	}
	return true;
}
