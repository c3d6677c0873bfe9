/*
 * table: see table.h.
 *
 * Index slots are 8 bytes: the upper half of the hash, and where the key stands in `rows`, in units
 * of 8 bytes.  There is a head with the key, and right behind it the key's first row, so that a
 * look-up costs two cache misses.  Further rows of the key are linked through their hash field.
 */
#include "join/table.h"

#include <inttypes.h>
#include <stdlib.h>

#include "conn/split.h"
#include "fio/fio.h"
#include "op/bag.h"
#include "row/key.h"

#define UNIT 8u
#define LARGEST ((uint64_t)UINT32_MAX * UNIT) /* bytes of rows */
#define SLOTS_LEAST 64u

struct slot {
	uint32_t tag;
	uint32_t at; /* of the head, in units; 0: free */
};

/* In front of the first row of a key; then the key, filled up to a multiple of 8. */
struct head {
	uint64_t hash;
	uint32_t first, last; /* rows, in units; 0: none */
	uint32_t n;	      /* bytes of the key */
	uint32_t unused;
};

struct join_table {
	struct schema schema;
	struct buf raw;	 /* rows as they were read; until they are indexed */
	struct buf rows; /* heads and rows */
	void *pages;	 /* that they lie in at last */
	struct slot *slot;
	uint64_t mask;
	size_t nkeys, nrows;
};

/* ---- the file ---- */

int
join_table_stamp(struct join_table_stamp *s, const char *path)
{
	struct stat st;

	if (fio_stat(path, &st) == -1)
		return ferr_sys(FERR_USAGE, "cannot read %s", path);
	*s = (struct join_table_stamp){ .dev = st.st_dev,
					.ino = st.st_ino,
					.size = (uint64_t)st.st_size,
					.mtime =
					    st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec };
	return 0;
}

static int
read_rows(struct join_table *t, struct split *s, join_table_bad *bad, void *cookie)
{
	char at[512];
	int rc;

	while ((rc = split_next(s, &t->raw)) != 0) {
		if (rc == 1)
			continue;
		if (rc != FERR_DATA)
			return rc;
		snprintf(at, sizeof(at), "%s:%" PRIu64 ":%" PRIu64, s->name, s->bad.line,
			 s->bad.col);
		if ((rc = bad(cookie, at, s->bad.reason, s->bad.text, s->bad.n)) != 0)
			return rc;
	}
	return 0;
}

/* Tabs cannot be told from a header of one column, so the name decides. */
static enum fmt_kind
format_of(const char *path)
{
	static const char *const endings[] = { ".tsv", ".tsv.gz", ".tsv.zst" };
	size_t n = strlen(path), k;

	for (unsigned i = 0; i < 3; i++) {
		k = strlen(endings[i]);
		if (n > k && strcmp(path + n - k, endings[i]) == 0)
			return FMT_TSV;
	}
	return FMT_AUTO;
}

int
join_table_read(struct join_table **out, const char *path, const struct schema *known,
		join_table_bad *bad, void *cookie)
{
	struct join_table *t = calloc(1, sizeof(*t));
	struct split_conf conf = { .format = format_of(path) };
	struct split *s = NULL;
	int rc;

	if (t == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	schema_init(&t->schema);
	conf.schema = &t->schema;
	if ((rc = schema_copy(&t->schema, known)) == 0 &&
	    (rc = split_new(&s, SPLIT_FILE, path, false)) == 0 && (rc = split_open(s, &conf)) == 0)
		rc = read_rows(t, s, bad, cookie);
	split_free(s);
	if (rc == 0)
		*out = t;
	else
		join_table_free(t);
	return rc;
}

void
join_table_free(struct join_table *t)
{
	if (t == NULL)
		return;
	schema_fini(&t->schema);
	buf_fini(&t->raw);
	buf_fini(&t->rows);
	fio_memory_free(t->pages);
	fio_memory_free(t->slot);
	free(t);
}

const struct schema *
join_table_schema(const struct join_table *t)
{
	return &t->schema;
}

size_t
join_table_rows(const struct join_table *t)
{
	return t->nrows;
}

/* ---- the index ---- */

static inline struct head *
head_at(const struct join_table *t, uint32_t at)
{
	return (struct head *)(void *)(t->rows.p + (size_t)at * UNIT);
}

static inline uint8_t *
row_at(const struct join_table *t, uint32_t at)
{
	return t->rows.p + (size_t)at * UNIT;
}

/* The slot of a key: its own, or the free one where it belongs. */
static inline struct slot *
probe(const struct join_table *t, const struct state_key *k)
{
	uint32_t tag = (uint32_t)(k->hash >> 32);

	for (uint64_t i = k->hash & t->mask;; i = (i + 1) & t->mask) {
		struct slot *s = &t->slot[i];
		const struct head *h;

		if (s->at == 0)
			return s;
		if (s->tag != tag)
			continue;
		h = head_at(t, s->at);
		if (h->hash == k->hash && h->n == k->n &&
		    memcmp((const uint8_t *)(h + 1), k->p, k->n) == 0)
			return s;
	}
}

/* Room for one key more; half of the slots stay free. */
static int
grow_slots(struct join_table *t)
{
	uint64_t old = t->slot != NULL ? t->mask + 1 : 0, n = old != 0 ? 2 * old : SLOTS_LEAST, to;
	struct slot *slot;

	if (2 * (t->nkeys + 1) <= old)
		return 0;
	if ((slot = fio_memory(n * sizeof(*slot))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (uint64_t i = 0; i < old; i++) {
		if (t->slot[i].at == 0)
			continue;
		for (to = head_at(t, t->slot[i].at)->hash & (n - 1); slot[to].at != 0;)
			to = (to + 1) & (n - 1);
		slot[to] = t->slot[i];
	}
	fio_memory_free(t->slot);
	t->slot = slot;
	t->mask = n - 1;
	return 0;
}

/* Append n bytes, filled up to a whole unit; *at gets where, in units. */
static int
append(struct join_table *t, const void *p, size_t n, uint32_t *at)
{
	size_t rest = -n % UNIT;
	int rc;

	*at = (uint32_t)(t->rows.n / UNIT);
	if (t->rows.n + n + rest > LARGEST)
		return ferr(FERR_LIMIT, "a table of more than 32 GiB");
	if ((rc = buf_put(&t->rows, p, n)) == 0 && rest > 0)
		rc = buf_put(&t->rows, "\0\0\0\0\0\0\0", rest);
	return rc;
}

/* The head of a key, made when it is new. */
static int
key_head(struct join_table *t, const struct state_key *k, uint32_t *at)
{
	struct head h = { .hash = k->hash, .n = k->n };
	struct slot *s;
	uint32_t key;
	int rc;

	if ((rc = grow_slots(t)) != 0)
		return rc;
	s = probe(t, k);
	if (s->at == 0) {
		if ((rc = append(t, &h, sizeof(h), at)) != 0 ||
		    (rc = append(t, k->p, k->n, &key)) != 0)
			return rc;
		*s = (struct slot){ (uint32_t)(k->hash >> 32), *at };
		t->nkeys++;
	}
	*at = s->at;
	return 0;
}

static int
add_row(struct join_table *t, uint32_t key, const uint8_t *row)
{
	struct head *h;
	uint32_t at;
	int rc = append(t, row, row_len(row), &at);

	if (rc != 0)
		return rc;
	h = head_at(t, key);
	le64put(row_at(t, at) + 16, 0);
	if (h->first == 0)
		h->first = at;
	else
		le64put(row_at(t, h->last) + 16, at);
	h->last = at;
	t->nrows++;
	return 0;
}

/* Take out the oldest row that is equal, if there is any. */
static void
remove_row(struct join_table *t, uint32_t key, const uint8_t *row)
{
	struct head *h = head_at(t, key);
	uint32_t before = 0, at = h->first, next;

	while (at != 0 && !bag_row_equal(row_at(t, at), row)) {
		before = at;
		at = (uint32_t)le64get(row_at(t, at) + 16);
	}
	if (at == 0)
		return;
	next = (uint32_t)le64get(row_at(t, at) + 16);
	if (before == 0)
		h->first = next;
	else
		le64put(row_at(t, before) + 16, next);
	if (h->last == at)
		h->last = before;
	t->nrows--;
}

static int
index_row(struct join_table *t, const uint8_t *row, const struct state_key *k)
{
	bool gone = row_kind(row) == ROW_BEFORE || row_kind(row) == ROW_DELETE;
	uint32_t key;
	int rc = key_head(t, k, &key);

	if (rc == 0 && gone)
		remove_row(t, key, row);
	return rc != 0 || gone ? rc : add_row(t, key, row);
}

/* All rows are there: to huge pages, which makes the misses of look-ups cheaper. */
static int
settle(struct join_table *t)
{
	size_t n = t->rows.n;

	if ((t->pages = fio_memory(n)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	memcpy(t->pages, t->rows.p, n);
	buf_fini(&t->rows);
	t->rows = (struct buf){ .p = t->pages, .n = n, .cap = n, .lent = true };
	return 0;
}

int
join_table_index(struct join_table *t, join_table_key *key, void *cookie)
{
	const uint8_t *end = t->raw.n > 0 ? t->raw.p + t->raw.n : t->raw.p;
	struct buf k = BUF_INIT;
	bool null;
	int rc = grow_slots(t);

	if (rc == 0) /* no head stands at 0 */
		rc = buf_put(&t->rows, "\0\0\0\0\0\0\0", UNIT);
	for (const uint8_t *r = t->raw.p; r < end && rc == 0; r += row_len(r)) {
		k.n = 0;
		if ((rc = key(cookie, r, &k, &null)) == 0 && !null)
			rc = index_row(t, r,
				       &(struct state_key){ .hash = key_hash(k.p, k.n),
							    .p = k.p,
							    .n = (uint32_t)k.n });
	}
	buf_fini(&k);
	buf_fini(&t->raw);
	return rc != 0 ? rc : settle(t);
}

/* ---- look-ups ---- */

const uint8_t *
join_table_find(const struct join_table *t, const struct state_key *k)
{
	const struct slot *s = probe(t, k);

	return s->at != 0 && head_at(t, s->at)->first != 0 ? row_at(t, head_at(t, s->at)->first)
							   : NULL;
}

const uint8_t *
join_table_next(const struct join_table *t, const uint8_t *row)
{
	uint64_t next = le64get(row + 16);

	return next != 0 ? row_at(t, (uint32_t)next) : NULL;
}

void
join_table_prefetch(const struct join_table *t, uint64_t hash)
{
	__builtin_prefetch(&t->slot[hash & t->mask]);
}

void
join_table_prefetch_rows(const struct join_table *t, uint64_t hash)
{
	uint64_t i = hash & t->mask;
	const uint8_t *p;

	while (t->slot[i].at != 0 && t->slot[i].tag != (uint32_t)(hash >> 32))
		i = (i + 1) & t->mask;
	p = row_at(t, t->slot[i].at);
	__builtin_prefetch(p);
	__builtin_prefetch(p + 64);
	__builtin_prefetch(p + 128);
}
