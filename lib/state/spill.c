/*
 * spill: entries that do not fit into memory, in an LMDB environment that nobody else sees.
 *
 * Its file has no name, so nothing is left behind whatever happens, and it is never synced.  It is
 *a writable map (MDB_WRITEMAP): pages that a transaction changes are the file's and not anonymous
 *memory, so that a large transaction does not break the bound on memory. What that costs is that a
 *full disk would be a SIGBUS; so its blocks are taken before each transaction.
 *
 * A row has the key (serial, hash), both big-endian: 16 bytes, well below LMDB's limit however long
 * the keys of entries are.  Its value is the items of that hash, by key bytes:
 *	u32 key length   u32 value length   u32 base   key   value
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "fio/fio.h"
#include "state/state_internal.h"

#define MAP_MAX (1ULL << 38) /* of addresses; where that is refused, half of it, and so on */
#define MAP_MIN (1ULL << 28)
#define TAKE (16ULL << 20) /* blocks are taken in pieces of this size */
#define ROW_KEY 16u
#define ITEM_HDR 12u
#define CLEAR_BYTES (1u << 20) /* the list of free pages that dropping all rows writes */

struct spill {
	char *dir; /* where its file is, for messages */
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *rtxn, *wtxn; /* one of them is going on */
	MDB_cursor *rcur, *wcur;
	int fd;
	size_t page;
	uint64_t taken; /* bytes of the file that have blocks */
	struct buf row;
	uint64_t *gone; /* serials whose rows are void */
	size_t ngone, capgone;
	bool empty;
	/* Where rcur stands: behind item `i` of the row of that serial and hash. */
	struct spill_pos at;
	bool valid;
	const uint8_t *p, *end; /* what is left of that row */
};

static int
failed(int rc)
{
	return rc == ENOMEM ? ferr(FERR_NOMEM, "out of memory")
			    : ferr(FERR_IO, "state beyond --mem: %s", mdb_strerror(rc));
}

static void
row_key(uint8_t out[ROW_KEY], uint64_t serial, uint64_t hash)
{
	le64put(out, __builtin_bswap64(serial));
	le64put(out + 8, __builtin_bswap64(hash));
}

/* ---- opening ---- */

int
state_env_open(struct MDB_env **out, const char *path, unsigned flags)
{
	int rc = ENOMEM;

	*out = NULL;
	for (uint64_t size = MAP_MAX; size >= MAP_MIN; size /= 2) {
		if ((rc = mdb_env_create(out)) != 0)
			break;
		if ((rc = mdb_env_set_mapsize(*out, size)) == 0 &&
		    (rc = mdb_env_open(*out, path, flags, 0600)) == 0)
			break;
		mdb_env_close(*out);
		*out = NULL;
		if (rc != ENOMEM && rc != EFBIG && rc != EINVAL)
			break;
	}
	return rc;
}

static int
open_env(struct spill *sp, const char *path)
{
	const unsigned flags = MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS | MDB_WRITEMAP |
			       MDB_NORDAHEAD | MDB_NOMEMINIT;
	int rc = state_env_open(&sp->env, path, flags);

	return rc != 0 ? failed(rc) : 0;
}

static int
open_db(struct spill *sp)
{
	MDB_stat st;
	int rc;

	if ((rc = mdb_txn_begin(sp->env, NULL, 0, &sp->wtxn)) != 0)
		return failed(rc);
	rc = mdb_dbi_open(sp->wtxn, NULL, 0, &sp->dbi);
	if (rc != 0) {
		mdb_txn_abort(sp->wtxn);
	} else if ((rc = mdb_txn_commit(sp->wtxn)) == 0 &&
		   (rc = mdb_txn_begin(sp->env, NULL, MDB_RDONLY, &sp->rtxn)) == 0 &&
		   (rc = mdb_cursor_open(sp->rtxn, sp->dbi, &sp->rcur)) == 0 &&
		   (rc = mdb_env_stat(sp->env, &st)) == 0 &&
		   (rc = mdb_env_get_fd(sp->env, &sp->fd)) == 0) {
		sp->page = st.ms_psize;
		rc = fcntl(sp->fd, F_SETFD, FD_CLOEXEC) == -1 ? errno : 0;
	}
	sp->wtxn = NULL;
	return rc != 0 ? failed(rc) : 0;
}

int
state_spill_open(struct spill **out, const char *dir)
{
	struct spill *sp = calloc(1, sizeof(*sp));
	char path[32];
	int rc, fd;

	if (sp == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	sp->empty = true;
	if ((rc = state_local(dir, &dir)) != 0 || (rc = fd = state_local_file(dir)) < 0)
		goto err0;
	if ((sp->dir = strdup(dir)) == NULL) {
		fio_close(fd);
		rc = ferr(FERR_NOMEM, "out of memory");
		goto err0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = open_env(sp, path);
	fio_close(fd);
	if (rc != 0 || (rc = open_db(sp)) != 0)
		goto err0;
	*out = sp;
	return 0;
err0:
	state_spill_close(sp);
	return rc;
}

void
state_spill_close(struct spill *sp)
{
	if (sp == NULL)
		return;
	if (sp->rcur != NULL)
		mdb_cursor_close(sp->rcur);
	if (sp->rtxn != NULL)
		mdb_txn_abort(sp->rtxn);
	if (sp->env != NULL)
		mdb_env_close(sp->env);
	buf_fini(&sp->row);
	free(sp->gone);
	free(sp->dir);
	free(sp);
}

/* ---- items of a row ---- */

static const uint8_t *
item_at(const uint8_t *p, uint64_t hash, struct spill_item *it)
{
	it->key = (struct state_key){ hash, p + ITEM_HDR, le32get(p) };
	it->n = le32get(p + 4);
	it->base = le32get(p + 8);
	it->value = p + ITEM_HDR + it->key.n;
	return it->value + it->n;
}

static int
order(const struct state_key *a, const struct state_key *b)
{
	uint32_t n = a->n < b->n ? a->n : b->n;
	int c = n != 0 ? memcmp(a->p, b->p, n) : 0;

	return c != 0 ? c : (a->n > b->n) - (a->n < b->n);
}

/* ---- reading ---- */

int
state_spill_get(struct spill *sp, uint64_t serial, const struct state_key *k,
		struct spill_item *out)
{
	uint8_t key[ROW_KEY];
	MDB_val mk = { ROW_KEY, key }, mv;
	const uint8_t *p, *end;
	int rc;

	row_key(key, serial, k->hash);
	if ((rc = mdb_get(sp->rtxn, sp->dbi, &mk, &mv)) != 0)
		return rc == MDB_NOTFOUND ? 0 : failed(rc);
	for (p = mv.mv_data, end = p + mv.mv_size; p < end;) {
		p = item_at(p, k->hash, out);
		if (order(&out->key, k) == 0)
			return 1;
	}
	return 0;
}

/* Put the cursor at the first item that pos has not seen: 1; 0: there are no more rows. */
static int
seek(struct spill *sp, const struct spill_pos *pos)
{
	bool follows = sp->valid && sp->at.serial == pos->serial && sp->at.hash == pos->hash &&
		       sp->at.i == pos->i;
	uint8_t key[ROW_KEY];
	MDB_val mk = { ROW_KEY, key }, mv;
	struct spill_item it;
	int rc;

	if (follows && sp->p < sp->end)
		return 1;
	row_key(key, pos->serial, pos->hash);
	sp->valid = false;
	if ((rc = mdb_cursor_get(sp->rcur, &mk, &mv, follows ? MDB_NEXT : MDB_SET_RANGE)) != 0)
		return rc == MDB_NOTFOUND ? 0 : failed(rc);
	sp->at.serial = __builtin_bswap64(le64get(mk.mv_data));
	sp->at.hash = __builtin_bswap64(le64get((const uint8_t *)mk.mv_data + 8));
	sp->at.i = 0;
	if (sp->at.serial != pos->serial)
		return 0;
	sp->p = mv.mv_data;
	sp->end = sp->p + mv.mv_size;
	sp->valid = true;
	if (follows || sp->at.hash != pos->hash)
		return 1;
	for (; sp->at.i < pos->i && sp->p < sp->end; sp->at.i++)
		sp->p = item_at(sp->p, pos->hash, &it);
	if (sp->p < sp->end)
		return 1;
	return pos->hash != UINT64_MAX
		   ? seek(sp, &(struct spill_pos){ pos->serial, pos->hash + 1, 0 })
		   : 0;
}

int
state_spill_next(struct spill *sp, struct spill_pos *pos, struct spill_item *out)
{
	int rc = seek(sp, pos);

	if (rc != 1)
		return rc;
	sp->p = item_at(sp->p, sp->at.hash, out);
	sp->at.i++;
	*pos = sp->at;
	return 1;
}

/* ---- writing ---- */

/* Take blocks for all that a transaction may write, so that the map can be written to. */
static int
take_blocks(struct spill *sp, size_t items, size_t bytes)
{
	MDB_envinfo info;
	MDB_stat st;
	uint64_t need, pages;
	int rc;

	if ((rc = mdb_env_info(sp->env, &info)) != 0 || (rc = mdb_env_stat(sp->env, &st)) != 0)
		return failed(rc);
	pages = st.ms_leaf_pages + st.ms_branch_pages + st.ms_overflow_pages;
	pages = (pages < items ? pages : items) + 256 +
		4 * (bytes + items * (ROW_KEY + ITEM_HDR + 16)) / sp->page;
	need = (info.me_last_pgno + 1 + pages) * sp->page;
	if (need <= sp->taken)
		return 0;
	need = (need + TAKE - 1) / TAKE * TAKE;
	if (need > info.me_mapsize)
		need = info.me_mapsize;
	do {
		rc = fallocate(sp->fd, 0, (off_t)sp->taken, (off_t)(need - sp->taken));
	} while (rc == -1 && errno == EINTR);
	if (rc == -1 && errno != EOPNOTSUPP)
		return ferr_sys(FERR_IO, "%s: state beyond --mem", sp->dir);
	sp->taken = need;
	return 0;
}

static int
begin_write(struct spill *sp)
{
	int rc;

	mdb_txn_reset(sp->rtxn);
	sp->valid = false;
	if ((rc = mdb_txn_begin(sp->env, NULL, 0, &sp->wtxn)) == 0 &&
	    (rc = mdb_cursor_open(sp->wtxn, sp->dbi, &sp->wcur)) == 0)
		return 0;
	state_spill_abort(sp);
	return failed(rc);
}

/* Readers see what has been written. */
static int
read_again(struct spill *sp)
{
	int rc;

	if ((rc = mdb_txn_renew(sp->rtxn)) != 0 || (rc = mdb_cursor_renew(sp->rtxn, sp->rcur)) != 0)
		return failed(rc);
	return 0;
}

int
state_spill_begin(struct spill *sp, size_t items, size_t bytes)
{
	int rc = take_blocks(sp, items, bytes);

	return rc != 0 ? rc : begin_write(sp);
}

void
state_spill_abort(struct spill *sp)
{
	if (sp->wtxn != NULL)
		mdb_txn_abort(sp->wtxn);
	sp->wtxn = NULL;
	sp->wcur = NULL;
	read_again(sp);
}

int
state_spill_commit(struct spill *sp)
{
	int rc = mdb_txn_commit(sp->wtxn), again;

	sp->wtxn = NULL;
	sp->wcur = NULL;
	again = read_again(sp);
	return rc != 0 ? failed(rc) : again;
}

static int
put_item(struct buf *b, const struct spill_item *it)
{
	int rc;

	if ((rc = buf_room(b, ITEM_HDR)) != 0)
		return rc;
	le32put(b->p + b->n, it->key.n);
	le32put(b->p + b->n + 4, it->n);
	le32put(b->p + b->n + 8, it->base);
	b->n += ITEM_HDR;
	if ((rc = buf_put(b, it->key.p, it->key.n)) != 0)
		return rc;
	return buf_put(b, it->value, it->n);
}

/* The row without the item of that key, and with `it` (may be NULL) in its place. */
static int
make_row(struct buf *b, const MDB_val *old, const struct state_key *k, const struct spill_item *it)
{
	const uint8_t *p = old->mv_data, *end = p != NULL ? p + old->mv_size : NULL, *next;
	struct spill_item x;
	int rc = 0, c;

	for (b->n = 0; p < end && rc == 0; p = next) {
		next = item_at(p, k->hash, &x);
		c = order(&x.key, k);
		if (c > 0 && it != NULL) {
			rc = put_item(b, it);
			it = NULL;
		}
		if (c != 0 && rc == 0)
			rc = buf_put(b, p, (size_t)(next - p));
	}
	return rc == 0 && it != NULL ? put_item(b, it) : rc;
}

/* Change the row of a key: `it` comes in, or what is there goes. */
static int
change_row(struct spill *sp, uint64_t serial, const struct state_key *k,
	   const struct spill_item *it)
{
	uint8_t key[ROW_KEY];
	MDB_val mk = { ROW_KEY, key }, mv = { 0, NULL };
	unsigned flags = 0;
	int rc;

	row_key(key, serial, k->hash);
	rc = mdb_cursor_get(sp->wcur, &mk, &mv, MDB_SET);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return failed(rc);
	if (rc == MDB_NOTFOUND)
		mv = (MDB_val){ 0, NULL };
	if ((rc = make_row(&sp->row, &mv, k, it)) != 0)
		return rc;
	if (sp->row.n == 0) {
		rc = mv.mv_data != NULL ? mdb_cursor_del(sp->wcur, 0) : 0;
		return rc != 0 ? failed(rc) : 0;
	}
	if (mv.mv_data != NULL && mv.mv_size == sp->row.n)
		flags = MDB_CURRENT;
	mk = (MDB_val){ ROW_KEY, key };
	mv = (MDB_val){ sp->row.n, sp->row.p };
	sp->empty = false;
	if ((rc = mdb_cursor_put(sp->wcur, &mk, &mv, flags)) != 0)
		return failed(rc);
	return 0;
}

int
state_spill_put(struct spill *sp, uint64_t serial, const struct spill_item *it)
{
	return change_row(sp, serial, &it->key, it);
}

int
state_spill_del(struct spill *sp, uint64_t serial, const struct state_key *k)
{
	return change_row(sp, serial, k, NULL);
}

/* ---- void rows ---- */

void
state_spill_void(struct spill *sp, uint64_t serial)
{
	size_t cap = sp->capgone != 0 ? 2 * sp->capgone : 16;
	uint64_t *v;

	if (sp->ngone == sp->capgone) {
		if ((v = realloc(sp->gone, cap * sizeof(*v))) == NULL)
			return;
		sp->gone = v;
		sp->capgone = cap;
	}
	sp->gone[sp->ngone++] = serial;
}

int
state_spill_clean(struct spill *sp, size_t items)
{
	uint8_t key[ROW_KEY];
	MDB_val mk, mv;
	int rc;

	if (sp->ngone == 0)
		return 0;
	if ((rc = state_spill_begin(sp, items, 0)) != 0)
		return rc;
	while (sp->ngone > 0 && items-- > 0 && rc == 0) {
		uint64_t serial = sp->gone[sp->ngone - 1];

		row_key(key, serial, 0);
		mk = (MDB_val){ ROW_KEY, key };
		rc = mdb_cursor_get(sp->wcur, &mk, &mv, MDB_SET_RANGE);
		if (rc == MDB_NOTFOUND ||
		    (rc == 0 && __builtin_bswap64(le64get(mk.mv_data)) != serial)) {
			sp->ngone--;
			rc = 0;
		} else if (rc == 0) {
			rc = mdb_cursor_del(sp->wcur, 0);
		}
	}
	if (rc != 0) {
		state_spill_abort(sp);
		return failed(rc);
	}
	return state_spill_commit(sp);
}

int
state_spill_clear(struct spill *sp)
{
	int rc;

	sp->ngone = 0;
	if (sp->empty)
		return 0;
	if ((rc = state_spill_begin(sp, 0, CLEAR_BYTES)) != 0)
		return rc;
	if ((rc = mdb_drop(sp->wtxn, sp->dbi, 0)) != 0) {
		state_spill_abort(sp);
		return failed(rc);
	}
	sp->empty = true;
	return state_spill_commit(sp);
}
