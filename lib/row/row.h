/*
 * row -- one record as bytes, the way it stands in a DATA frame.
 *
 *	 0  u32  length of the whole row, a multiple of 8
 *	 4  u16  n, number of slots
 *	 6  u8   kind: +I -U +U -D, or a watermark mark
 *	 7  u8   flags
 *	 8  i64  event time, ms (ROW_NOTIME: none)
 *	16  u64  key hash (0 unless ROW_KEYED)
 *	24  n x 8 bytes  slots: bool, i64, f64, time inline; else u32 offset from row start, u32
 *length n x 1 byte   type tags (enum val_type) the variable parts, padding
 *
 * A watermark mark is the first 16 bytes alone, n = 0.  Full rules: fframe(5).
 *
 * Owner   a row is borrowed bytes, 8-byte aligned; row_* getters return values that point into it.
 * Errors  getters cannot fail on a row that row_check() accepted.  Frames from outside are checked
 *         once when they are decoded.
 */
#ifndef ROW_ROW_H
#define ROW_ROW_H

#include "base/bytes.h"
#include "row/schema.h"
#include "row/val.h"

#define ROW_HDR 24u
#define ROW_MARK 16u
#define ROW_NOTIME INT64_MIN
#define ROW_MAX ((16u << 20) - (64u << 10)) /* bytes of one row */

enum row_kind {
	ROW_INSERT = 0, /* +I */
	ROW_BEFORE = 1, /* -U */
	ROW_AFTER = 2,	/* +U */
	ROW_DELETE = 3, /* -D */
	ROW_WATERMARK = 16,
};

enum { ROW_KEYED = 1 };

static inline uint32_t
row_len(const uint8_t *r)
{
	return le32get(r);
}

static inline unsigned
row_n(const uint8_t *r)
{
	return le16get(r + 4);
}

static inline enum row_kind
row_kind(const uint8_t *r)
{
	return (enum row_kind)r[6];
}

static inline int64_t
row_time(const uint8_t *r)
{
	return (int64_t)le64get(r + 8);
}

static inline void
row_set_time(uint8_t *r, int64_t ms)
{
	le64put(r + 8, (uint64_t)ms);
}

static inline uint64_t
row_hash(const uint8_t *r)
{
	return le64get(r + 16);
}

static inline void
row_set_hash(uint8_t *r, uint64_t h)
{
	r[7] |= ROW_KEYED;
	le64put(r + 16, h);
}

static inline enum val_type
row_tag(const uint8_t *r, unsigned i)
{
	unsigned n = row_n(r);

	return i < n ? (enum val_type)r[ROW_HDR + 8 * n + i] : VAL_ABSENT;
}

/* Field i as it stands (a cell stays a cell). */
static inline struct val
row_raw(const uint8_t *r, unsigned i)
{
	unsigned n = row_n(r);
	struct val v = { .t = VAL_ABSENT };
	const uint8_t *s = r + ROW_HDR + 8 * i;

	if (i >= n)
		return v;
	v.t = r[ROW_HDR + 8 * n + i];
	if (v.t >= VAL_STR) {
		v.n = le32get(s + 4);
		v.s = (const char *)r + le32get(s);
	} else {
		v.i = (int64_t)le64get(s);
	}
	return v;
}

/* Field i with cells typed. */
static inline struct val
row_get(const uint8_t *r, unsigned i)
{
	return val_resolve(row_raw(r, i));
}

/*
 * Is this a sound row (or mark) of exactly len bytes?  For bytes from outside.  It bounds every
 * text; what stands in a text (UTF-8, valid JSON) is not looked at, so code that walks one must not
 * trust it to end.  JSON has one byte at least.
 */
bool row_check(const uint8_t *r, size_t len);

/* The same without vector instructions: what row_check() does on other machines. */
bool row_check_plain(const uint8_t *r, size_t len);

/* Write a watermark mark (ROW_MARK bytes). */
static inline void
row_mark(uint8_t *p, int64_t wm)
{
	le32put(p, ROW_MARK);
	le16put(p + 4, 0);
	p[6] = ROW_WATERMARK;
	p[7] = 0;
	le64put(p + 8, (uint64_t)wm);
}

/*
 * Building: rowb_begin makes room for n slots (all absent) at the end of a buf, rowb_set fills
 * slots in any order, rowb_end pads and fixes the length.  Until rowb_end the row is not there:
 * rowb_drop takes it back.  b->n must be a multiple of 8 at rowb_begin, and texts must not lie in
 * b. rowb_set gives FERR_NOMEM, or FERR_LIMIT for a text that would make the row longer than
 * ROW_MAX; the caller then drops the row.
 */
struct rowb {
	struct buf *b;
	size_t at; /* where the row begins in b */
	unsigned n;
};

int rowb_begin(struct rowb *w, struct buf *b, unsigned n, enum row_kind kind, int64_t time);
int rowb_set(struct rowb *w, unsigned i, const struct val *v);
int rowb_end(struct rowb *w); /* FERR_LIMIT when longer than ROW_MAX (and dropped) */
void rowb_drop(struct rowb *w);
/* Set the fields of row r, which is not in w->b: field i goes to map[i] (-1: dropped); map NULL: to
 * i. On error the caller drops the row. */
int rowb_fields(struct rowb *w, const uint8_t *r, const int *map);

/* Append a copy of row r with n slots, fields moved to map[i] (-1: dropped). Time, kind, hash
 * kept.*/
int row_remap(const uint8_t *r, unsigned n, const int *map, struct buf *out);

#endif
