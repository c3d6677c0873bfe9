/*
 * base_env: the local copy is written, with LMDB; see base_internal.h.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>

#include "state/base_internal.h"

#define TXN_PAGES 4096u	      /* a transaction that changes more is ended: it keeps them all */
#define PAGE 4096u	      /* about */
#define BLOAT_MIN (16u << 20) /* a file below that is never too large */

/* ---- the environment ---- */

static int
failed(const struct base *b, int rc)
{
	return rc == ENOMEM ? ferr(FERR_NOMEM, "out of memory")
			    : ferr(FERR_IO, "%s: %s", b->files.data, mdb_strerror(rc));
}

/* All is read here, so LMDB needs neither locks nor readers; without a writable map a full disk is
 * an error and not a SIGBUS, and nothing but LMDB writes to the file. */
int
base_env_open(struct base *b)
{
	const unsigned flags = MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD;
	MDB_txn *txn;
	int rc, fd;

	if (b->env != NULL)
		return 0;
	assert(b->sound);
	if ((rc = base_boot(b->head.boot)) != 0)
		return rc;
	if ((rc = state_env_open(&b->env, b->files.data, flags)) != 0)
		return failed(b, rc);
	if ((rc = mdb_env_get_fd(b->env, &fd)) == 0)
		rc = fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? errno : 0;
	if (rc == 0 && (rc = mdb_txn_begin(b->env, NULL, 0, &txn)) == 0) {
		rc = mdb_dbi_open(txn, NULL, 0, &b->dbi);
		mdb_txn_abort(txn);
	}
	return rc != 0 ? failed(b, rc) : 0;
}

void
base_env_close(struct base *b)
{
	if (b->txn != NULL)
		mdb_txn_abort(b->txn);
	if (b->env != NULL)
		mdb_env_close(b->env);
	b->txn = NULL;
	b->cur = NULL;
	b->env = NULL;
}

int
base_env_sync(const struct base *b)
{
	int rc = mdb_env_sync(b->env, 1);

	return rc != 0 ? failed(b, rc) : 0;
}

int
base_env_bloated(const struct base *b, bool *yes)
{
	MDB_envinfo info;
	MDB_stat st;
	uint64_t used;
	int rc;

	if ((rc = mdb_env_info(b->env, &info)) != 0 || (rc = mdb_env_stat(b->env, &st)) != 0)
		return failed(b, rc);
	used = st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
	*yes = info.me_last_pgno > 3 * used + BLOAT_MIN / st.ms_psize;
	return 0;
}

/* ---- transactions ---- */

int
base_env_begin(struct base *b)
{
	int rc;

	if (b->txn != NULL)
		return 0;
	b->changes = 0;
	b->before = b->head.all;
	if ((rc = mdb_txn_begin(b->env, NULL, 0, &b->txn)) != 0 ||
	    (rc = mdb_cursor_open(b->txn, b->dbi, &b->cur)) != 0)
		return failed(b, rc);
	return 0;
}

int
base_env_commit(struct base *b)
{
	MDB_val k = { HEAD_KEY, (void *)(uintptr_t)base_head_key }, v;
	int rc;

	if ((rc = base_env_begin(b)) != 0 || (rc = base_head_encode(b, &b->value)) != 0)
		return rc;
	v = (MDB_val){ b->value.n, b->value.p };
	if ((rc = mdb_put(b->txn, b->dbi, &k, &v, 0)) != 0)
		return failed(b, rc);
	rc = mdb_txn_commit(b->txn);
	b->txn = NULL;
	b->cur = NULL;
	return rc != 0 ? failed(b, rc) : 0;
}

/* Nothing has happened: whoever wants us to stop waits for it, and we may get little time. */
static int
give_up(struct base *b)
{
	mdb_txn_abort(b->txn);
	b->txn = NULL;
	b->cur = NULL;
	b->head.all = b->before;
	return FERR_AGAIN;
}

/* A row of n bytes was changed: is that enough for one transaction? */
static int
changed(struct base *b, size_t n)
{
	int rc;

	if (atomic_load(b->stop))
		return give_up(b);
	b->changes += 1 + n / PAGE;
	if (b->changes < TXN_PAGES)
		return 0;
	rc = base_env_commit(b);
	return rc != 0 ? rc : base_env_begin(b);
}

/* ---- changing rows ---- */

static int
spoilt(const struct base *b)
{
	return failed(b, MDB_CORRUPTED);
}

/* The row without the item of that key (NULL: without any), counted as gone. */
static int
strip_row(struct base *b, const MDB_val *old, const uint8_t *key, uint32_t nkey)
{
	const uint8_t *p = old->mv_data, *end = p + old->mv_size, *next;
	struct item it;
	int rc = 0;

	for (b->row.n = 0; p < end && rc == 0; p = next) {
		if ((next = base_item_at(p, end, &it)) == NULL)
			return spoilt(b);
		if (key == NULL || (it.nkey == nkey && memcmp(it.key, key, nkey) == 0))
			base_count(&b->head.all, &it, -1);
		else
			rc = buf_put(&b->row, p, (size_t)(next - p));
	}
	return rc;
}

int
base_env_change(struct base *b, const struct ref *ref, const struct state_rec *r)
{
	uint8_t key[ROW_KEY];
	MDB_val k = { ROW_KEY, key }, v = { 0, NULL };
	bool there;
	int rc;

	base_row_key(key, ref->group_map, ref->ns, ref->hash);
	rc = mdb_cursor_get(b->cur, &k, &v, MDB_SET);
	there = rc == 0;
	if (rc != 0 && rc != MDB_NOTFOUND)
		return failed(b, rc);
	b->row.n = 0;
	if (there && (rc = strip_row(b, &v, r->key, r->nkey)) != 0)
		return rc;
	if (r->kind == REC_PUT && (rc = base_item_add(&b->row, key, r, &b->head.all)) != 0)
		return rc;
	k = (MDB_val){ ROW_KEY, key };
	v = (MDB_val){ b->row.n, b->row.p };
	if (b->row.n > 0)
		rc = mdb_cursor_put(b->cur, &k, &v, 0);
	else
		rc = there ? mdb_cursor_del(b->cur, 0) : 0;
	return rc != 0 ? failed(b, rc) : changed(b, b->row.n);
}

int
base_env_drop(struct base *b, uint32_t group_map, uint64_t ns)
{
	uint8_t key[ROW_KEY];
	MDB_val k, v;
	int rc;

	base_row_key(key, group_map, ns, 0);
	for (;;) {
		k = (MDB_val){ ROW_KEY, key };
		rc = mdb_cursor_get(b->cur, &k, &v, MDB_SET_RANGE);
		if (rc == MDB_NOTFOUND ||
		    (rc == 0 && (k.mv_size != ROW_KEY || memcmp(k.mv_data, key, NS_KEY) != 0)))
			return 0;
		if (rc != 0)
			return failed(b, rc);
		if ((rc = strip_row(b, &v, NULL, 0)) != 0)
			return rc;
		if ((rc = mdb_cursor_del(b->cur, 0)) != 0)
			return failed(b, rc);
		if ((rc = changed(b, 0)) != 0)
			return rc;
	}
}

int
base_env_drop_all(struct base *b)
{
	int rc;

	if ((rc = base_env_begin(b)) != 0)
		return rc;
	if ((rc = mdb_drop(b->txn, b->dbi, 0)) != 0)
		return failed(b, rc);
	b->head.all = (struct tally){ 0 };
	return base_env_commit(b);
}
