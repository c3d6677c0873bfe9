/*
 * json_read: one JSON object, in one pass, into one row.
 *
 * What makes it quick: names are not looked up but expected (struct name), strings are copied by
 * the block while their end is searched, short numbers are converted a word at a time, and the row
 * is written where it will stay.  Everything rare is in functions of its own, with exact checks.
 *
 * The text has BUF_SLACK readable bytes behind its end, so a token may be read past it; each step
 * checks that it began inside, and what ran over the end fails at the next step.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/num.h"
#include "fmt/json_internal.h"

#define NAMES_MAX 8192	     /* remembered; then all are forgotten */
#define NAME_LONG 250	     /* longer names are not remembered */
#define LINE_LONG (1u << 20) /* longer lines take the long way */
#define NEW_NAME 1	     /* the schema does not have this name yet */
#define ROW_FIXED(n) (ROW_HDR + 9 * (size_t)(n))

/*
 * A name as it stood in the text, with both quotes and the colon right behind.  The fields that are
 * used for each record fill one cache line.
 */
struct name {
	uint8_t head[16], mask[16]; /* its first 16 bytes, and which of them count */
	struct name *next, *alt;    /* what followed it last, and before that; names[0] unknown */
	uint32_t n;		    /* bytes, colon included */
	uint32_t text;		    /* where it lies in reader.texts */
	int slot;		    /* field number, or -1: not wanted */
	uint32_t hash;		    /* of the quoted name without the colon */
};

struct json_reader {
	struct schema *schema;
	/* NAMES_MAX of them; the first stands for the beginning of the object, and matches nothing
	 */
	struct name *names;
	uint32_t nnames;
	uint32_t *index; /* open addressing on name.hash, 2 * NAMES_MAX entries; 0 is free */
	struct buf texts, scratch;
	const struct fmt_only *select;
	char **only; /* --fields, or NULL */
	unsigned *only_to;
	size_t nonly;
};

/* Where a value goes. */
struct row_at {
	uint8_t *row, *slots, *tags;
	uint8_t *w; /* the end of the variable parts so far */
};

/* ---- reader ---- */

static int
no_memory(void)
{
	return ferr(FERR_NOMEM, "out of memory");
}

static void
forget_names(struct json_reader *r)
{
	memset(r->index, 0, 2 * NAMES_MAX * sizeof(*r->index));
	r->names[0] = (struct name){ .next = r->names, .alt = r->names, .n = UINT32_MAX };
	r->nnames = 1;
	r->texts.n = 0;
}

int
json_reader_new(struct json_reader **out, struct schema *schema)
{
	struct json_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return no_memory();
	r->schema = schema;
	r->names = malloc(NAMES_MAX * sizeof(*r->names)); /* only what is used gets pages */
	r->index = malloc(2 * NAMES_MAX * sizeof(*r->index));
	if (r->names == NULL || r->index == NULL) {
		json_reader_free(r);
		return no_memory();
	}
	forget_names(r);
	*out = r;
	return 0;
}

static void
free_only(struct json_reader *r)
{
	for (size_t i = 0; i < r->nonly; i++)
		free(r->only[i]);
	free(r->only);
	free(r->only_to);
	r->only = NULL;
	r->only_to = NULL;
	r->nonly = 0;
}

void
json_reader_free(struct json_reader *r)
{
	if (r == NULL)
		return;
	free_only(r);
	free(r->names);
	free(r->index);
	buf_fini(&r->texts);
	buf_fini(&r->scratch);
	free(r);
}

int
json_reader_only(struct json_reader *r, const char *const *names, const unsigned *to, size_t n)
{
	free_only(r);
	forget_names(r);
	r->only = calloc(n + 1, sizeof(*r->only));
	r->only_to = calloc(n + 1, sizeof(*r->only_to));
	if (r->only == NULL || r->only_to == NULL)
		return no_memory();
	for (; r->nonly < n; r->nonly++) {
		if ((r->only[r->nonly] = strdup(names[r->nonly])) == NULL)
			return no_memory();
		r->only_to[r->nonly] = to[r->nonly];
	}
	return 0;
}

void
json_reader_select(struct json_reader *r, const struct fmt_only *only)
{
	r->select = only;
}

/* ---- names ---- */

static inline bool
name_matches(const struct json_reader *r, const struct name *k, const uint8_t *p,
	     const uint8_t *end)
{
	if (!json_same16(p, k->mask, k->head))
		return false;
	return k->n <= 16 || ((ptrdiff_t)k->n <= end - p &&
			      memcmp(p + 16, r->texts.p + k->text + 16, k->n - 16) == 0);
}

static void
index_put(struct json_reader *r, uint32_t i)
{
	uint32_t mask = 2 * NAMES_MAX - 1, at = r->names[i].hash & mask;

	while (r->index[at] != 0)
		at = (at + 1) & mask;
	r->index[at] = i;
}

/* Remember the quoted name s[0..n); its number, or FERR_NOMEM. */
static int
name_add(struct json_reader *r, const uint8_t *s, size_t n, uint32_t hash, int slot)
{
	struct name *k;

	if (r->nnames == NAMES_MAX)
		forget_names(r);
	k = &r->names[r->nnames];
	*k = (struct name){ .next = r->names,
			    .alt = r->names,
			    .hash = hash,
			    .n = (uint32_t)n + 1,
			    .text = (uint32_t)r->texts.n,
			    .slot = slot };
	if (buf_put(&r->texts, s, n) != 0 || buf_putc(&r->texts, ':') != 0)
		return FERR_NOMEM;
	memcpy(k->head, r->texts.p + k->text, k->n < 16 ? k->n : 16);
	memset(k->mask, 0xff, k->n < 16 ? k->n : 16);
	index_put(r, r->nnames);
	return (int)r->nnames++;
}

static int
name_find(const struct json_reader *r, const uint8_t *s, size_t n, uint32_t hash)
{
	uint32_t mask = 2 * NAMES_MAX - 1;

	for (uint32_t at = hash & mask; r->index[at] != 0; at = (at + 1) & mask) {
		const struct name *k = &r->names[r->index[at]];

		if (k->hash == hash && k->n == n + 1 && memcmp(r->texts.p + k->text, s, n) == 0)
			return (int)r->index[at];
	}
	return 0;
}

/* The field of a quoted name: its number, or -1 if it is not wanted.  NEW_NAME when it has none
 * yet. */
static int
resolve(struct json_reader *r, const uint8_t *s, size_t n, bool escaped, int *slot)
{
	const char *name = (const char *)s + 1;

	n -= 2;
	if (escaped) {
		r->scratch.n = 0;
		if (buf_room(&r->scratch, n) != 0)
			return FERR_NOMEM;
		n = json_unescape(s + 1, n, r->scratch.p);
		name = (const char *)r->scratch.p;
	}
	*slot = -1;
	if (!fmt_wants(r->select, name, n))
		return 0;
	if (r->only == NULL) {
		*slot = schema_find(r->schema, name, n);
		return *slot < 0 ? NEW_NAME : 0;
	}
	for (size_t i = 0; i < r->nonly; i++)
		if (strlen(r->only[i]) == n && memcmp(r->only[i], name, n) == 0)
			*slot = (int)r->only_to[i];
	return 0;
}

/*
 * The slow way: read the name at *p and its colon, find its field.  *name, the one before,
 * becomes this one (names[0] when it is not remembered).
 */
static int
read_name(struct json_reader *r, const struct json_text *t, const uint8_t **p, struct name **name,
	  int *slot)
{
	const uint8_t *s = *p, *colon;
	bool escaped;
	uint32_t hash;
	size_t n;
	int i, rc;

	if (s >= t->end || *s != '"') {
		json_fault(t, s, "expected a name in quotes");
		return FERR_DATA;
	}
	if ((colon = json_scan_string(t, s, &escaped)) == NULL)
		return FERR_DATA;
	n = (size_t)(colon - s);
	colon = json_blanks(colon, t->end);
	if (colon >= t->end || *colon != ':') {
		json_fault(t, colon, "expected ':'");
		return FERR_DATA;
	}
	*p = colon + 1;
	if (n > NAME_LONG) {
		*name = r->names;
		return resolve(r, s, n, escaped, slot);
	}
	hash = (uint32_t)hash64(s, n);
	if ((i = name_find(r, s, n, hash)) == 0) {
		if ((rc = resolve(r, s, n, escaped, slot)) != 0)
			return rc;
		if ((i = name_add(r, s, n, hash, *slot)) < 0)
			return i;
	}
	if ((*name)->next != &r->names[i]) {
		(*name)->alt = (*name)->next;
		(*name)->next = &r->names[i];
	}
	*name = &r->names[i];
	*slot = (*name)->slot;
	return 0;
}

/* ---- values ---- */

static inline void
set(const struct row_at *a, unsigned slot, enum val_type type, uint64_t v)
{
	le64put(a->slots + 8 * (size_t)slot, v);
	a->tags[slot] = (uint8_t)type;
}

static inline void
set_text(struct row_at *a, unsigned slot, enum val_type type, size_t n)
{
	set(a, slot, type, (uint64_t)(a->w - a->row) | (uint64_t)n << 32);
	a->w += n;
}

/* A string that has more in it than plain ASCII. */
static const uint8_t *
odd_string(const struct json_text *t, const uint8_t *p, uint8_t *to, size_t *n)
{
	bool escaped;
	const uint8_t *q = json_scan_string(t, p, &escaped);

	if (q == NULL)
		return NULL;
	*n = (size_t)(q - p) - 2;
	if (escaped)
		*n = json_unescape(p + 1, *n, to);
	else
		memcpy(to, p + 1, *n);
	return q;
}

static inline const uint8_t *
read_string(const struct json_text *t, const uint8_t *p, struct row_at *a, unsigned slot)
{
	const uint8_t *q = p + 1;
	uint8_t *to = a->w;
	json_mask m;
	size_t n;

	/* whole blocks go by in steps that do not depend on what is in them */
	while ((m = json_special(q, to, true)) == 0) {
		if (q >= t->end)
			return json_fault(t, q, "");
		q += JSON_BLOCK;
		to += JSON_BLOCK;
	}
	q += json_first(m);
	to += json_first(m);
	if (__builtin_expect(*q == '"', 1)) {
		set_text(a, slot, VAL_STR, (size_t)(to - a->w));
		return q + 1;
	}
	if ((q = odd_string(t, p, a->w, &n)) == NULL)
		return NULL;
	set_text(a, slot, VAL_STR, n);
	return q;
}

/* How many of the 8 bytes at p are digits, counted from the first, and their value. */
static inline unsigned
digits8(const uint8_t *p, uint64_t *v)
{
	uint64_t x = le64get(p) ^ 0x3030303030303030;
	uint64_t other = ((x + 0x7676767676767676) | x) & 0x8080808080808080;
	unsigned n = other != 0 ? (unsigned)__builtin_ctzll(other) / 8 : 8;

	x = n != 0 ? x << (64 - 8 * n) : 0;
	x = (x & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
	x = (x & 0x00ff00ff00ff00ff) * 6553601 >> 16;
	*v = (x & 0x0000ffff0000ffff) * 42949672960001 >> 32;
	return n;
}

/*
 * A number of up to 15 digits without exponent: exact as an integer, and as a fraction the division
 * rounds once, hence rightly (Clinger).  NULL: not such a one, take the long way.
 */
static inline const uint8_t *
short_number(const uint8_t *p, struct row_at *a, unsigned slot)
{
	static const double pow10[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8 };
	static const uint32_t upow10[] = { 1,	   10,	    100,      1000,	10000,
					   100000, 1000000, 10000000, 100000000 };
	bool neg = *p == '-';
	uint64_t v, more, bits;
	unsigned n, k;
	double f;

	p += neg;
	n = digits8(p, &v);
	if (n == 0 || (*p == '0' && n > 1))
		return NULL;
	if (n == 8) {
		k = digits8(p + 8, &more);
		if (k == 8)
			return NULL;
		v = v * upow10[k] + more;
		n += k;
	}
	p += n;
	if (*p != '.') {
		if ((*p | 0x20) == 'e' || (neg && v == 0))
			return NULL;
		set(a, slot, VAL_I64, neg ? 0 - v : v);
		return p;
	}
	k = digits8(p + 1, &more);
	p += 1 + k;
	if (k == 0 || n + k > 15 || (*p | 0x20) == 'e' || json_is_digit(*p))
		return NULL;
	f = (double)(int64_t)(v * upow10[k] + more) / pow10[k];
	f = neg ? -f : f;
	memcpy(&bits, &f, 8);
	set(a, slot, VAL_F64, bits);
	return p;
}

/* There is no value at p: the exact scanner tells why. */
static const uint8_t *
value_fault(const struct json_text *t, const uint8_t *p)
{
	bool blanks = false;

	p = json_scan_value(t, p, 1, &blanks);
	return p == NULL ? NULL : json_fault(t, p, "expected a value");
}

/* Any number, *num gets it. */
static const uint8_t *
long_number(const struct json_text *t, const uint8_t *p, struct num *num)
{
	size_t n = p < t->end ? num_parse((const char *)p, (size_t)(t->end - p), num) : 0;

	return n == 0 ? value_fault(t, p) : p + n;
}

static inline const uint8_t *
read_number(const struct json_text *t, const uint8_t *p, struct row_at *a, unsigned slot)
{
	const uint8_t *q = short_number(p, a, slot);
	struct num num;
	uint64_t bits;

	if (__builtin_expect(q != NULL, 1) || (q = long_number(t, p, &num)) == NULL)
		return q;
	if (num.kind == NUM_BIG) {
		memcpy(a->w, p, (size_t)(q - p));
		set_text(a, slot, VAL_JSON, (size_t)(q - p));
		return q;
	}
	memcpy(&bits, num.kind == NUM_I64 ? (void *)&num.i : (void *)&num.f, 8);
	set(a, slot, num.kind == NUM_I64 ? VAL_I64 : VAL_F64, bits);
	return q;
}

static const uint8_t *
read_nested(const struct json_text *t, const uint8_t *p, uint8_t *to, size_t *n, bool *feeds)
{
	bool blanks = false;
	const uint8_t *q = json_quick_value(p, t->end, &blanks);

	if (q == NULL && (q = json_scan_value(t, p, 1, &blanks)) == NULL)
		return NULL;
	*n = (size_t)(q - p);
	if (blanks) {
		*feeds = true;
		*n = json_squeeze(p, *n, to);
	} else {
		for (size_t k = 0; k < *n; k += 16)
			memcpy(to + k, p + k, 16);
	}
	return q;
}

/* true, false or null; which of them is found without a branch.  NULL when it is none. */
static inline const uint8_t *
read_word(const uint8_t *p, struct row_at *a, unsigned slot)
{
	uint32_t word = le32get(p);
	unsigned n = json_word(p);

	if (n == 0)
		return NULL;
	set(a, slot, word == JSON_NULL ? VAL_NULL : VAL_BOOL, word == JSON_TRUE);
	return p + n;
}

static inline const uint8_t *
read_value(const struct json_text *t, const uint8_t *p, struct row_at *a, unsigned slot,
	   bool *feeds)
{
	const uint8_t *q;
	size_t n;

	if (*p == '"')
		return read_string(t, p, a, slot);
	if (*p == '-' || json_is_digit(*p))
		return read_number(t, p, a, slot);
	if (*p == '{' || *p == '[') {
		if ((q = read_nested(t, p, a->w, &n, feeds)) != NULL)
			set_text(a, slot, VAL_JSON, n);
		return q;
	}
	return (q = read_word(p, a, slot)) != NULL ? q : value_fault(t, p);
}

/* ---- records ---- */

/* Blanks, mostly none or one; *feeds is set if there may be line feeds among them. */
static inline const uint8_t *
pass_blanks(const uint8_t *p, const uint8_t *end, bool *feeds)
{
	if (*p > ' ')
		return p;
	if (*p == ' ' && p[1] > ' ')
		return p + 1;
	*feeds = true;
	return json_blanks(p, end);
}

/*
 * The fields, p at the first name; *behind is set behind the brace.  *feeds is set if there may be
 * line feeds in the text.
 */
static inline int
read_fields(struct json_reader *r, const struct json_text *t, const uint8_t *p, struct row_at *out,
	    const uint8_t **behind, bool *feeds)
{
	struct name *k = r->names, *next;
	struct row_at a = *out;
	const uint8_t *end = t->end;
	int slot, rc;

	for (;;) {
		next = k->next;
		if (!name_matches(r, next, p, end)) {
			p = pass_blanks(p, end, feeds);
			if (!name_matches(r, next, p, end) &&
			    !name_matches(r, next = k->alt, p, end))
				next = NULL;
		}
		if (next != NULL) {
			p += next->n;
			slot = next->slot;
			k = next;
		} else {
			*feeds = true;
			if ((rc = read_name(r, t, &p, &k, &slot)) != 0)
				return rc;
		}
		p = pass_blanks(p, end, feeds);
		if (p >= end) {
			json_fault(t, p, "");
			return FERR_DATA;
		}
		p = slot >= 0 ? read_value(t, p, &a, (unsigned)slot, feeds)
			      : json_scan_value(t, p, 1, feeds);
		if (p == NULL)
			return FERR_DATA;
		p = pass_blanks(p, end, feeds);
		if (*p != ',')
			break;
		p++;
	}
	if (p >= end || *p != '}') {
		json_fault(t, p, "expected ',' or '}'");
		return FERR_DATA;
	}
	*behind = p + 1;
	out->w = a.w;
	return 0;
}

/* From the beginning of the text to behind the brace and its blank. */
static const uint8_t *
open_object(const struct json_text *t)
{
	const uint8_t *p = json_blanks(t->s, t->end);

	if (p >= t->end || *p != '{')
		return json_fault(t, p, "expected an object");
	return json_blanks(p + 1, t->end);
}

static const uint8_t *
check_tail(const struct json_text *t, const uint8_t *p)
{
	p = json_blanks(p, t->end);
	return p == t->end ? p : json_fault(t, p, "text behind the object");
}

/* Begin a row at the end of out; room for the record's text is there. */
static inline struct row_at
begin_row(const struct json_reader *r, const struct buf *out)
{
	uint8_t *row = out->p + out->n;
	size_t n = r->schema->n;

	memset(row, 0, ROW_FIXED(n));
	return (struct row_at){ row, row + ROW_HDR, row + ROW_HDR + 8 * n, row + ROW_FIXED(n) };
}

static inline void
end_row(const struct json_reader *r, const struct row_at *a, struct buf *out)
{
	size_t len = ((size_t)(a->w - a->row) + 7) & ~(size_t)7;

	le64put(a->w, 0);
	le32put(a->row, (uint32_t)len);
	le16put(a->row + 4, (uint16_t)r->schema->n);
	a->row[6] = ROW_INSERT;
	row_set_time(a->row, ROW_NOTIME);
	out->n += len;
}

/* Read the record into a row with room for the fields known so far. */
static int
read_row(struct json_reader *r, const struct json_text *t, struct buf *out)
{
	size_t fixed = ROW_FIXED(r->schema->n);
	bool feeds = false;
	const uint8_t *p;
	struct row_at a;
	int rc;

	if ((p = open_object(t)) == NULL)
		return FERR_DATA;
	if (buf_room(out, fixed + (size_t)(t->end - t->s) + 8) != 0)
		return FERR_NOMEM;
	a = begin_row(r, out);
	if (p < t->end && *p == '}')
		p++;
	else if ((rc = read_fields(r, t, p, &a, &p, &feeds)) != 0)
		return rc;
	if (check_tail(t, p) == NULL)
		return FERR_DATA;
	if ((size_t)(a.w - a.row) > ROW_MAX) {
		*t->bad = (struct json_bad){ .at = 0, .reason = "the record is too long" };
		return FERR_LIMIT;
	}
	end_row(r, &a, out);
	return 0;
}

size_t
json_read_line(struct json_reader *r, const uint8_t *s, size_t n, struct buf *out)
{
	size_t fixed = ROW_FIXED(r->schema->n), room = out->cap - out->n;
	struct json_bad bad;
	struct json_text t = { .s = s, .bad = &bad };
	bool feeds = false;
	const uint8_t *p;
	struct row_at a;

	if (n == 0 || *s != '{' || room <= fixed + 8)
		return 0;
	room -= fixed + 8;
	room = room < LINE_LONG ? room : LINE_LONG;
	t.end = s + (n < room ? n : room);
	a = begin_row(r, out);
	if (read_fields(r, &t, s + 1, &a, &p, &feeds) != 0)
		return 0;
	while (p < t.end && *p != '\n' && json_is_blank(*p))
		p++;
	if (p >= t.end || *p != '\n' || (feeds && memchr(s, '\n', (size_t)(p - s)) != NULL))
		return 0;
	end_row(r, &a, out);
	return (size_t)(p - s) + 1;
}

/* Append all names of a record to the schema; but first see that it is sound. */
static int
learn_names(struct json_reader *r, const struct json_text *t)
{
	const uint8_t *p = json_blanks(t->s, t->end), *q;
	bool escaped, blanks = false;
	int slot, rc;

	if ((q = json_scan_value(t, p, 0, &blanks)) == NULL || check_tail(t, q) == NULL)
		return FERR_DATA;
	for (p = open_object(t); *p == '"'; p = json_blanks(p, t->end)) {
		const char *name = (const char *)p + 1;
		size_t n;

		q = json_scan_string(t, p, &escaped);
		n = (size_t)(q - p) - 2;
		if ((rc = resolve(r, p, n + 2, escaped, &slot)) < 0)
			return rc;
		if (escaped) {
			n = json_unescape(p + 1, n, r->scratch.p);
			name = (const char *)r->scratch.p;
		}
		if (rc == NEW_NAME && (rc = schema_add(r->schema, name, n)) < 0) {
			*t->bad =
			    (struct json_bad){ .at = (size_t)(p - t->s),
					       .reason = n > SCHEMA_NAME_MAX
							     ? "the name of a field is too long"
							     : "too many different fields" };
			return rc;
		}
		p = json_blanks(json_blanks(q, t->end) + 1, t->end);
		p = json_blanks(json_scan_value(t, p, 1, &blanks), t->end);
		if (*p++ == '}')
			break;
	}
	return 0;
}

int
json_read(struct json_reader *r, const uint8_t *s, size_t n, struct buf *out, struct json_bad *bad)
{
	struct json_text t = { .s = s, .end = s + n, .bad = bad };
	int rc;

	if (n > 2 * (size_t)ROW_MAX) {
		*bad = (struct json_bad){ .at = 0, .reason = "the record is too long" };
		return FERR_LIMIT;
	}
	while ((rc = read_row(r, &t, out)) == NEW_NAME)
		if ((rc = learn_names(r, &t)) != 0)
			return rc;
	return rc;
}
