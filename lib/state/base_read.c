/*
 * base_read: the rows of the local copy, read from LMDB's file without LMDB; see base_internal.h.
 *
 * LMDB maps its file and follows what stands there: a page number, an offset or a length that is
 * damaged makes it read, or write, anywhere.  The copy may be anything after a power loss, and a
 * damaged one must never hurt the job.  So the file is read here, page by page, and before LMDB may
 * write to it both trees were walked to their ends: of rows, and of free pages, out of which LMDB
 * takes the pages that it overwrites.
 *
 * We rely on what LMDB 0.9 writes on machines of 64 bits, little-endian (its data version, in the
 * meta pages, is 1; another one counts as damage).
 *
 * Meta pages are pages 0 and 1, written in turn; the one with the newer transaction counts.  They
 * give the size of pages, the last page, and the roots of both trees.
 *
 * A page has a header of 16 bytes with its own number and its kind (flag): branch, leaf, overflow,
 * meta.  Behind it stand the offsets of its nodes in the order of their keys.  The nodes fill the
 * page from its end on, without gaps, at even offsets.
 *
 * A node has a header of 8 bytes and the key.  In a branch the header holds the page below; in a
 * leaf the length of the data, which follow, or (flag) the first of the overflow pages that they
 * fill.  Databases in databases and several data a key are not ours.
 *
 * Free pages have a tree whose keys are u64 transactions; the data are a count and so many page
 * numbers, descending.
 *
 * Pages at the end of the file may be missing as long as nothing points to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "fio/fio.h"
#include "state/base_internal.h"

#define PAGE_MIN 4096u /* the first meta page is no longer than that */
#define PAGE_MAX 65536u
#define PAGE_HDR 16u	     /* u64 number  u16 0  u16 kind  u16 lower  u16 upper */
#define PAGE_OVERFLOW_AT 12u /* u32: of how many pages one that overflows consists */
#define NODE_HDR 8u	     /* u16 low  u16 high  u16 flags  u16 key length */
#define NODE_BIG 1u	     /* the data is a u64, the page where it stands */
#define KEY_MAX 511u
#define META_MAGIC 0xbeefc0deu
#define META_VERSION 1u
#define META_TREES 24u /* two of TREE bytes, behind magic, version, address, map size */
#define TREE 48u       /* u32  u16 flags  u16 depth  u64[3] pages  u64 entries  u64 root */
#define META_LAST (META_TREES + 2 * TREE)
#define META_BYTES (META_LAST + 16)
#define TREE_INTEGER 8u /* keys are numbers */
#define DEPTH_MAX 32u	/* LMDB's own */
#define UNUSED_MAX (1u << 17)
#define NO_PAGE UINT64_MAX
enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_BIG = 4, PAGE_META = 8 };

struct tree {
	uint64_t entries, root;
	uint16_t flags, depth;
};

struct walk {
	const char *path;
	int fd;
	size_t psize;
	uint64_t last, txn;
	struct tree free, rows;
	uint8_t *seen;	/* a bit a page */
	uint8_t *pages; /* one for each level */
	struct buf big; /* a value that overflows its page */
	/* The tree at hand: */
	unsigned depth;
	uint64_t entries;
	struct buf before; /* the key before */
	struct buf least;  /* the next one is not less than that */
	int (*fn)(void *cookie, const struct base_row *row); /* NULL: it is that of free pages */
	void *cookie;
};

int
base_damaged(const char *path, uint64_t page, const char *what)
{
	return ferr(FERR_CORRUPT, "%s is damaged at page %" PRIu64 ": %s", path, page, what);
}

static int
damaged(const struct walk *w, uint64_t page, const char *what)
{
	return base_damaged(w->path, page, what);
}

static int
fetch(const struct walk *w, void *p, size_t n, uint64_t at)
{
	if (fio_pread_all(w->fd, p, n, (off_t)at) == 0)
		return 0;
	if (errno == ENODATA)
		return damaged(w, at / w->psize, "the file ends too early");
	return ferr_sys(FERR_IO, "cannot read %s", w->path);
}

static int
mark(struct walk *w, uint64_t page)
{
	if (page < 2 || page > w->last)
		return damaged(w, page, "there is no such page");
	if ((w->seen[page / 8] & 1 << page % 8) != 0)
		return damaged(w, page, "it is used twice");
	w->seen[page / 8] |= (uint8_t)(1 << page % 8);
	return 0;
}

static int
compare(const struct walk *w, const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	size_t n = na < nb ? na : nb;
	int c;

	if (w->fn == NULL) { /* free pages have numbers for keys */
		uint64_t x = le64get(a), y = le64get(b);

		return (x > y) - (x < y);
	}
	c = memcmp(a, b, n);
	return c != 0 ? c : (na > nb) - (na < nb);
}

/* Keys come in order. */
static int
check_order(struct walk *w, uint64_t page, const uint8_t *key, size_t n, bool leaf)
{
	struct buf *keep = leaf ? &w->before : &w->least;

	if (n == 0 || n > KEY_MAX || (w->fn == NULL && n != sizeof(uint64_t)))
		return damaged(w, page, "a key of impossible length");
	if ((w->before.n > 0 && compare(w, key, n, w->before.p, w->before.n) <= 0) ||
	    (leaf && w->least.n > 0 && compare(w, key, n, w->least.p, w->least.n) < 0))
		return damaged(w, page, "keys out of order");
	w->least.n = keep->n = 0;
	return buf_put(keep, key, n);
}

/* A list of free pages: how many, then their numbers, descending. */
static int
free_pages(struct walk *w, const struct base_row *r)
{
	uint64_t k = r->nvalue >= 8 ? le64get(r->value) : 0, v, before = NO_PAGE;
	int rc;

	if (r->nvalue < 8 || k > r->nvalue / 8 - 1)
		return damaged(w, r->page, "a list of free pages is cut off");
	for (uint64_t i = 1; i <= k; i++, before = v) {
		v = le64get(r->value + 8 * i);
		if (v >= before)
			return damaged(w, r->page, "a list of free pages out of order");
		if ((rc = mark(w, v)) != 0)
			return rc;
	}
	return 0;
}

/* The value of n bytes that begins on a page of its own. */
static int
fetch_big(struct walk *w, uint64_t page, size_t n)
{
	uint8_t h[PAGE_HDR];
	uint64_t pages;
	int rc;

	if ((rc = mark(w, page)) != 0 || (rc = fetch(w, h, sizeof(h), page * w->psize)) != 0)
		return rc;
	pages = le32get(h + PAGE_OVERFLOW_AT);
	if (le64get(h) != page || le16get(h + 10) != PAGE_BIG || pages > w->last ||
	    (uint64_t)n + PAGE_HDR > pages * w->psize)
		return damaged(w, page, "no large value begins here");
	for (uint64_t i = 1; i < pages; i++) {
		if ((rc = mark(w, page + i)) != 0)
			return rc;
	}
	w->big.n = 0;
	if ((rc = buf_room(&w->big, n)) == 0)
		rc = fetch(w, w->big.p, n, page * w->psize + PAGE_HDR);
	return rc;
}

static int
leaf_node(struct walk *w, uint64_t page, const uint8_t *node)
{
	struct base_row r = { .page = page,
			      .key = node + NODE_HDR,
			      .nkey = le16get(node + 6),
			      .nvalue = le32get(node) };
	int rc = check_order(w, page, r.key, r.nkey, true);

	r.value = r.key + r.nkey;
	if (rc == 0 && le16get(node + 4) == NODE_BIG) {
		rc = fetch_big(w, le64get(r.value), r.nvalue);
		r.value = w->big.p;
	}
	w->entries++;
	if (rc != 0)
		return rc;
	return w->fn != NULL ? w->fn(w->cookie, &r) : free_pages(w, &r);
}

static int visit(struct walk *w, uint64_t page, unsigned level);

static int
branch_node(struct walk *w, uint64_t page, const uint8_t *node, unsigned i, unsigned level)
{
	uint64_t child = le32get(node) | (uint64_t)le16get(node + 4) << 32;
	int rc = 0;

	if (i > 0) /* the first key of a branch says nothing */
		rc = check_order(w, page, node + NODE_HDR, le16get(node + 6), false);
	return rc != 0 ? rc : visit(w, child, level + 1);
}

/* How many bytes the node at `at` of a page has, an even number; 0: none is there. */
static size_t
node_size(const struct walk *w, const uint8_t *p, size_t at, bool leaf)
{
	size_t n = NODE_HDR;

	if (at % 2 != 0 || at < le16get(p + 14) || at + NODE_HDR > w->psize)
		return 0;
	n += le16get(p + at + 6);
	if (leaf && le16get(p + at + 4) > NODE_BIG)
		return 0;
	if (leaf)
		n += le16get(p + at + 4) == NODE_BIG ? 8 : le32get(p + at);
	n += n % 2;
	return n <= w->psize - at ? n : 0;
}

/* The page at p: its kind, and the places of its nodes; *n gets how many. */
static int
check_page(struct walk *w, uint64_t page, const uint8_t *p, bool leaf, unsigned *n)
{
	size_t lower = le16get(p + 12), upper = le16get(p + 14), all = 0, size;

	if (le64get(p) != page || le16get(p + 10) != (leaf ? PAGE_LEAF : PAGE_BRANCH))
		return damaged(w, page, "it is not the page that belongs here");
	if (lower <= PAGE_HDR || lower % 2 != 0 || lower > upper || upper > w->psize)
		return damaged(w, page, "its parts overlap");
	*n = (unsigned)(lower - PAGE_HDR) / 2;
	for (unsigned i = 0; i < *n; i++) {
		if ((size = node_size(w, p, le16get(p + PAGE_HDR + 2 * i), leaf)) == 0)
			return damaged(w, page, "no entry where one should be");
		all += size;
	}
	return all == w->psize - upper ? 0 : damaged(w, page, "its entries overlap");
}

static int
visit(struct walk *w, uint64_t page, unsigned level)
{
	bool leaf = level + 1 == w->depth;
	uint8_t *p = w->pages + (size_t)level * w->psize;
	unsigned n = 0;
	int rc;

	if ((rc = mark(w, page)) == 0 && (rc = fetch(w, p, w->psize, page * w->psize)) == 0)
		rc = check_page(w, page, p, leaf, &n);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		const uint8_t *node = p + le16get(p + PAGE_HDR + 2 * i);

		rc = leaf ? leaf_node(w, page, node) : branch_node(w, page, node, i, level);
	}
	return rc;
}

static void
get_tree(struct tree *t, const uint8_t *p)
{
	t->flags = le16get(p + 4);
	t->depth = le16get(p + 6);
	t->entries = le64get(p + 32);
	t->root = le64get(p + 40);
}

/* One of the two pages that LMDB writes in turn; the one with the newer transaction counts. */
static int
get_meta(struct walk *w, unsigned i)
{
	uint8_t p[PAGE_HDR + META_BYTES];
	const uint8_t *m = p + PAGE_HDR;
	uint64_t txn;
	int rc = fetch(w, p, sizeof(p), i * w->psize);

	if (rc != 0)
		return rc;
	txn = le64get(m + META_LAST + 8);
	if (le64get(p) != i || le16get(p + 10) != PAGE_META || le32get(m) != META_MAGIC ||
	    le32get(m + 4) != META_VERSION || (txn != 0 && txn % 2 != i))
		return damaged(w, i, "it does not begin as an environment does");
	if (i == 0)
		w->psize = le32get(m + META_TREES);
	if (w->psize < PAGE_MIN || w->psize > PAGE_MAX || (w->psize & (w->psize - 1)) != 0 ||
	    w->psize != le32get(m + META_TREES))
		return damaged(w, i, "its size of pages is impossible");
	if (i > 0 && txn <= w->txn)
		return 0;
	w->txn = txn;
	w->last = le64get(m + META_LAST);
	get_tree(&w->free, m + META_TREES);
	get_tree(&w->rows, m + META_TREES + TREE);
	return 0;
}

/* Append those bytes of page i. */
static int
put_meta(struct walk *w, unsigned i, struct buf *out)
{
	uint8_t p[PAGE_HDR + META_BYTES];
	int rc = fetch(w, p, sizeof(p), i * w->psize);

	if (rc != 0)
		return rc == FERR_CORRUPT ? 0 : rc; /* cut off there, which is a stamp, too */
	if (i == 0)
		w->psize = le32get(p + PAGE_HDR + META_TREES);
	return buf_put(out, p, sizeof(p));
}

static int
check_meta(const struct walk *w, const struct stat *st)
{
	/* Pages at the end that a transaction has taken and not used may lie beyond the file. */
	uint64_t most = (uint64_t)st->st_size / w->psize + UNUSED_MAX;

	if ((w->free.flags & 0xff) != TREE_INTEGER || w->rows.flags != 0 || w->last < 1 ||
	    w->last > most || w->free.depth > DEPTH_MAX || w->rows.depth > DEPTH_MAX)
		return damaged(w, w->txn % 2, "it describes what cannot be");
	return 0;
}

/* Open the file; w->fd stays -1 when there is none, or its maker was killed at once. */
static int
open_file(struct walk *w, struct stat *st)
{
	if ((w->fd = fio_open(w->path, O_RDONLY, 0)) == -1)
		return errno == ENOENT ? 0 : ferr_sys(FERR_IO, "cannot read %s", w->path);
	if (fio_fstat(w->fd, st) == -1)
		return ferr_sys(FERR_IO, "cannot read %s", w->path);
	if (st->st_size == 0) {
		fio_close(w->fd);
		w->fd = -1;
	}
	return 0;
}

/* What the meta pages say; and memory for the walk. */
static int
begin(struct walk *w, const struct stat *st)
{
	int rc;

	if ((rc = get_meta(w, 0)) != 0 || (rc = get_meta(w, 1)) != 0 ||
	    (rc = check_meta(w, st)) != 0)
		return rc;
	w->seen = calloc(w->last / 8 + 1, 1);
	w->pages = malloc(DEPTH_MAX * w->psize);
	return w->seen != NULL && w->pages != NULL ? 0 : ferr(FERR_NOMEM, "out of memory");
}

static void
walk_end(struct walk *w)
{
	if (w->fd != -1)
		fio_close(w->fd);
	free(w->seen);
	free(w->pages);
	buf_fini(&w->big);
	buf_fini(&w->before);
	buf_fini(&w->least);
}

/* Walk over a tree in the order of its keys. */
static int
walk_tree(struct walk *w, const struct tree *t)
{
	int rc = 0;

	w->before.n = w->least.n = 0;
	w->entries = 0;
	w->depth = t->depth;
	if (t->root != NO_PAGE && t->depth == 0)
		return damaged(w, w->txn % 2, "a tree without levels");
	if (t->root != NO_PAGE)
		rc = visit(w, t->root, 0);
	if (rc == 0 && w->entries != t->entries)
		rc = damaged(w, w->txn % 2, "entries are missing");
	return rc;
}

int
base_read(const char *path, int (*fn)(void *cookie, const struct base_row *row), void *cookie)
{
	struct walk w = { .path = path, .fd = -1, .psize = PAGE_MIN, .fn = fn, .cookie = cookie };
	struct stat st;
	int rc = open_file(&w, &st);

	if (rc == 0 && w.fd != -1 && (rc = begin(&w, &st)) == 0 &&
	    (rc = walk_tree(&w, &w.rows)) == 0) {
		w.fn = NULL;
		rc = walk_tree(&w, &w.free);
	}
	walk_end(&w);
	return rc;
}

int
base_stamp(const char *path, struct buf *out)
{
	struct walk w = { .path = path, .fd = -1, .psize = PAGE_MIN };
	struct stat st;
	int rc = open_file(&w, &st);

	if (rc == 0 && w.fd != -1 && (rc = buf_put(out, &st.st_ino, sizeof(st.st_ino))) == 0 &&
	    (rc = put_meta(&w, 0, out)) == 0)
		rc = put_meta(&w, 1, out);
	walk_end(&w);
	return rc;
}
