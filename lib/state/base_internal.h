/*
 * base_internal -- what the files of the local copy share; lib/state/base.h is its contract.
 *
 *	base.c	      opening and closing, what it holds of a list of stretches, loading
 *	base_files.c  its files, and its lock
 *	base_head.c   its head: whose copy it is, what it holds
 *	base_peek.c   looking at one that may be another's
 *	base_rows.c   rows and items as bytes
 *	base_read.c   reading the file without LMDB
 *	base_env.c    writing it with LMDB
 *	base_merge.c  records of logs are sorted and written
 *
 * The environment has one database.  Its first row, the head, has the key 00 and says what the copy
 * is and holds.  The others have the key
 *	u16 key group   u8 map   u64 namespace + 2^63   u64 key hash		all big-endian
 * so that LMDB's order is the order of state.h; the value is the items of that hash:
 *	u32 CRC32C of the row's key and of what follows   u32 key length   u32 value length
 *	key   value
 * The maps have numbers of our own, given in the order in which they came.
 */
#ifndef STATE_BASE_INTERNAL_H
#define STATE_BASE_INTERNAL_H

#include "state/base.h"
#include "state/state_internal.h"

#define ROW_KEY 19u
#define NS_KEY 11u /* of these, what a group's rows of one namespace have in common */
#define HEAD_KEY 1u
#define BOOT_MAX 40u

/* What there is, so that none is missing and none there twice. */
struct tally {
	uint64_t items, bytes;
	uint64_t sum; /* of the items' CRCs */
};

struct head {
	bool clean;
	char boot[BOOT_MAX];  /* the boot that writes it; peek: that wrote it */
	struct snap_files at; /* one: the stretch up to which it holds all; none: nothing */
	struct snap_files to; /* one: the end of a merge that is under way */
	struct tally all;
	struct buf maps;		/* MAP records, by number */
	struct state_rec map[MAPS + 1]; /* the same; point into maps */
	unsigned nmap;
};

/* A record in the batch. */
struct ref {
	uint32_t group_map; /* base_group_map */
	uint32_t nkey;
	uint64_t ns, hash; /* base_ns */
	size_t at;	   /* in the batch: of equal ones the last counts */
};

struct refs {
	struct ref *v;
	size_t n, cap;
};

struct base_files {
	char *local, *dir, *data, *lock;
};

struct base {
	struct base_files files;
	int lock;      /* descriptor of files.lock */
	bool peek;     /* it is only looked at: any will do, whether to be trusted or not */
	struct buf id; /* encoded; peek: as the file has it */
	uint32_t lo, hi;
	struct head head;
	bool sound; /* made, or read to its end: LMDB may have it */
	/* base_env.c */
	struct MDB_env *env;
	struct MDB_txn *txn;
	struct MDB_cursor *cur;
	unsigned dbi;
	size_t changes;	     /* in txn, in pages, at most */
	struct tally before; /* head.all when txn began */
	struct buf row, value;
	/* A merge: */
	const atomic_bool *stop;
	struct buf batch;	 /* records */
	struct refs puts, drops; /* of keys; of namespaces */
	int number[MAPS + 1];	 /* our number of the log's map; -1: not named yet */
};

/* ---- base.c ---- */

void base_free(struct base *b); /* close it as it is */
/* Read what the copy does not hold of the stretches. */
int base_rest(const struct base *b, const char *store, const struct snap_files *f,
	      int (*fn)(void *cookie, uint64_t epoch, const uint8_t *p, size_t n), void *cookie);

/* ---- base_files.c ---- */

int base_files_init(struct base_files *f, const char *local);
void base_files_fini(struct base_files *f);
/* *out gets the locked descriptor; errors as of base_open. */
int base_files_lock(const struct base_files *f, bool make, int *out);
/* The file, the lock, and the directories that are empty then.  FERR_IO: the file stays. */
int base_files_remove(const struct base_files *f);

/* ---- base_head.c ---- */

extern const uint8_t base_head_key[HEAD_KEY];
int base_boot(char out[BOOT_MAX]); /* the boot id of the running kernel */
int base_encode_id(struct buf *out, const struct base_id *id);
/* What base_encode_id has made, into out->job to out->hi.  FERR_CORRUPT without a text. */
int base_decode_id(struct base_seen *out, const struct buf *id);
void base_head_clear(struct head *h); /* it holds nothing */
int base_head_encode(const struct base *b, struct buf *out);
/* Take it in if it is one of ours, and to be trusted; else the copy holds nothing.  FERR_CORRUPT
 * without a text. */
int base_head_decode(struct base *b, const uint8_t *p, size_t n);
int base_set_place(struct snap_files *f, const struct snap_file *at); /* at alone */
int base_index_maps(struct head *h);				      /* find them in h->maps */

/* ---- base_rows.c ---- */

struct item {
	uint32_t crc;
	const uint8_t *key, *value;
	uint32_t nkey, nvalue;
};

static inline uint32_t
base_group_map(uint32_t group, uint8_t map)
{
	return group << 8 | map;
}

/* A namespace as a number in whose order rows stand, and back. */
static inline uint64_t
base_ns(int64_t ns)
{
	return (uint64_t)ns ^ 1ULL << 63;
}

void base_row_key(uint8_t out[ROW_KEY], uint32_t group_map, uint64_t ns, uint64_t hash);
/* The item at p, and where the next one is; NULL: what stands there is none. */
const uint8_t *base_item_at(const uint8_t *p, const uint8_t *end, struct item *it);
/* The checksum that the item at [p, end) of that row should have. */
uint32_t base_item_crc(const uint8_t row[ROW_KEY], const uint8_t *p, const uint8_t *end);
/* Count it n times, 1 or -1. */
void base_count(struct tally *t, const struct item *it, int n);
/* Append the item of a PUT record to a row, and count it. */
int base_item_add(struct buf *out, const uint8_t row[ROW_KEY], const struct state_rec *r,
		  struct tally *t);
/* Append it as a PUT record. */
int base_item_record(struct buf *out, const uint8_t row[ROW_KEY], const struct item *it);

/* ---- base_read.c ---- */

struct base_row {
	uint64_t page; /* where it stands */
	const uint8_t *key, *value;
	size_t nkey, nvalue;
};
/*
 * Give each row of the file to fn, in order, borrowed; its first non-zero result ends it and is
 * returned.  No file, or an empty one, has no rows.  FERR_CORRUPT: LMDB must not have the file, and
 * what fn got is not to be used.  FERR_IO.
 */
int base_read(const char *path, int (*fn)(void *cookie, const struct base_row *row), void *cookie);
/* Append what differs after each transaction, and after the file was made anew; nothing: there is
 * no file, or an empty one. */
int base_stamp(const char *path, struct buf *out);
int base_damaged(const char *path, uint64_t page, const char *what); /* FERR_CORRUPT, with a text */

/* ---- base_env.c ---- */

/* The file must be sound.  After an error it is only to be closed. */
int base_env_open(struct base *b); /* no error when it is open */
void base_env_close(struct base *b);
/* Is much of the file not in use?  LMDB uses free pages again, but gives none back. */
int base_env_bloated(const struct base *b, bool *yes);
/* A transaction goes on, or begins. */
int base_env_begin(struct base *b);
/* End it, with the head that belongs to it. */
int base_env_commit(struct base *b);
int base_env_sync(const struct base *b); /* durable */
/* The rest within a transaction, which ends, and another begins, when it has changed much.  Once
 * *stop is seen it is given up: FERR_AGAIN. */
/* Put the key's value in place of what is there, or drop it, as the record says. */
int base_env_change(struct base *b, const struct ref *ref, const struct state_rec *r);
/* Drop the rows of a namespace of one group. */
int base_env_drop(struct base *b, uint32_t group_map, uint64_t ns);
int base_env_drop_all(struct base *b);

#endif
