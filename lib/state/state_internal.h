/*
 * state_internal -- what the files of lib/state share.
 *
 *	state.c	  maps, namespaces, look-ups
 *	table.c	  one namespace: slots, entries in an arena
 *	epoch.c	  what has changed, barriers, copying
 *	record.c  records: encoding, decoding, loading
 *	walk.c	  walks and order
 *	queue.c	  records and keys that wait
 *	evict.c	  what does not fit: out to the spill and back
 *	spill.c	  the spill: an LMDB environment
 *	base*.c	  the local copy of an epoch, see base.h and base_internal.h
 */
#ifndef STATE_INTERNAL_H
#define STATE_INTERNAL_H

#include <sys/queue.h>

#include "state/state.h"

/*
 * An entry: this header, the value, the key.  Slots hold a pointer with 16 bits of the hash above
 * it (user addresses have 47 bits), so that a probe that misses touches no entry.
 */
struct entry {
	uint64_t hash; /* of a free block: the next one */
	uint32_t klen;
	uint8_t cls;  /* size class of the block, by which it is used again */
	uint8_t tag;  /* when it changed last */
	uint8_t row;  /* what the spill has of it */
	uint8_t used; /* since eviction came by */
};

enum { ROW_NONE, ROW_STALE, ROW_SAME };

/*
 * Tags.  An entry whose tag is that of its map (but for TAG_NEW) has changed in this epoch: nothing
 * is to be done when it changes again.  The parities tell this epoch from the ended one, and what
 * the base that is being copied has from what it still lacks.
 */
enum {
	TAG_CHANGED = 1, /* in the epoch of this parity, and not copied since */
	TAG_NEW = 2,	 /* made in that epoch: dropped within it, it leaves no trace */
	TAG_PARITY = 4,	 /* of epochs */
	TAG_BASE = 8,	 /* parity of full copies */
	TAG_GHOST = 64,	 /* dropped, but the spill still has a row */
	TAG_FREE = 128,	 /* not an entry but a free block */
};

#define SLOT_SHIFT 48
#define SLOT_POINTER ((1ULL << SLOT_SHIFT) - 1)

/* Entries live in chunks, which can be walked block by block. */
struct chunk {
	TAILQ_ENTRY(chunk) next;
	size_t n, cap;
	uint8_t bytes[] __attribute__((aligned(16)));
};

/*
 * Entries that changed in an epoch, in that order; some may have gone since.  Once they are a good
 * part of the table no more are noted: the copy looks through all chunks.
 */
struct dirty {
	struct entry **v;
	size_t n, cap;
	bool many;
	LIST_ENTRY(sub) link; /* of those where n > 0 */
};

#define CLASS_SMALL 64u		   /* size classes: blocks of 0, 16, 32, ... 1008 bytes */
#define CLASSES (CLASS_SMALL + 23) /* ... then 1 KiB, 2 KiB, ... 4 GiB */

/* One map, one namespace. */
struct sub {
	int64_t ns;
	struct state_map *map;
	uint64_t *slot;
	size_t mask;			      /* slots - 1 */
	size_t n;			      /* entries in memory */
	size_t ghosts;			      /* slots of dropped ones */
	size_t spilled;			      /* entries in the spill alone */
	uint64_t keys;			      /* bytes of all their keys */
	uint64_t serial;		      /* names its rows in the spill; 0: it has none */
	size_t bytes, idle;		      /* of chunks; of free blocks */
	TAILQ_HEAD(chunk_list, chunk) chunks; /* the oldest first */
	struct entry **free;		      /* by class; made with the first free block */
	struct dirty dirty[2];		      /* by parity */
	TAILQ_ENTRY(sub) all;
	uint32_t born; /* made in the epoch of this number; 0: before, or a record tells of it */
	uint32_t base; /* number of the full copy that has it already, or that it is too new for */
	bool gone;     /* dropped, but a copy still needs it */
};

LIST_HEAD(sub_list, sub);

struct state_map {
	struct state *st;
	struct state_type t;
	char name[32];
	uint8_t number;
	uint8_t cur;	   /* tag of what changes now */
	bool tracked;	   /* changes are noted */
	struct sub **subs; /* sorted by namespace */
	size_t n, cap;
	struct sub *last; /* the one used last */
	size_t entries;
	uint64_t keys; /* bytes of their keys */
};

/*
 * Byte strings that wait, first in first out: each begins with its length (u32, of it all).  What
 * is too much for memory waits in an unnamed file: the order is head, file, tail.
 */
struct queue {
	struct buf head, tail;
	size_t at; /* of head is taken */
	int fd;	   /* -1: no file */
	uint64_t r, w;
};
#define QUEUE_INIT                              \
	{                                       \
		BUF_INIT, BUF_INIT, 0, -1, 0, 0 \
	}

struct spill;

/* Entries in the order of their hashes. */
struct state_item {
	uint64_t hash;
	struct entry *entry;
};

/*
 * Where eviction goes on: the next namespace, and what the top 16 bits of a hash must be at least.
 * Before that comes what it has planned already: entries of one namespace.
 */
struct hand {
	struct sub *sub;
	uint32_t at;
	unsigned rounds;
	struct sub *planned;
	struct state_item *v;
	size_t n, i, cap;
};

LIST_HEAD(walk_list, state_cursor);

/* A place among the rows of a serial. */
struct spill_pos {
	uint64_t serial, hash;
	uint32_t i; /* items of that hash that have been seen */
};

enum copy { COPY_NONE, COPY_DELTA, COPY_FULL };

#define MAPS 255u

struct state {
	uint32_t groups, lo, hi;
	int64_t mem;
	int64_t used, heap, idle; /* bytes of ours; what values own; of ours in free blocks */
	int64_t let_go;		  /* bytes of dropped namespaces since the heap was last trimmed */
	char *local;
	int error;
	struct state_map *map[MAPS];
	unsigned nmap;
	TAILQ_HEAD(, sub) all;

	/*
	 * Before the first barrier or load nothing is tracked: the first copy takes everything, and
	 * a run without epochs pays nothing.
	 */
	bool tracking, changed;
	bool recorded;		  /* there are records of this state already */
	uint32_t epoch;		  /* barriers so far + 1 */
	uint8_t cur;		  /* tag of what changes now */
	struct sub_list dirty[2]; /* those with something in their list of that parity */
	struct queue now;	  /* this epoch's drops */
	struct queue past;	  /* of ended epochs; goes before what the copy still has to find */

	enum copy copy;
	bool heads;	     /* the maps are still to be named */
	uint32_t base;	     /* number of the full copy, counted from 1 */
	struct sub *at;	     /* the copy stands here */
	struct chunk *chunk; /* in this chunk (NULL: before the first) */
	size_t pos;	     /* at this byte of the chunk, or at this entry of the list */
	size_t budget;	     /* bytes that this slice may still look through */
	bool rows;	     /* full: in the spill, at this row */
	struct spill_pos row;

	struct spill *spill; /* NULL: nothing has been evicted */
	uint64_t serial;
	size_t live; /* namespaces that have rows */
	struct hand hand;
	struct walk_list walks;

	struct state_map *number[MAPS + 1]; /* what map numbers mean in records that are loaded */
};

static inline void *
value_of(struct entry *e)
{
	return e + 1;
}

static inline struct entry *
entry_of(const void *v)
{
	return (struct entry *)(uintptr_t)v - 1;
}

static inline uint8_t *
key_of(const struct state_map *m, const struct entry *e)
{
	return (uint8_t *)(uintptr_t)(e + 1) + m->t.size;
}

/*
 * The slot where a hash belongs.  Low bits alone will not do, for a subtask sees few residues of
 * the key groups, nor high ones, for keys often come in the order of their hashes.
 */
static inline size_t
home_of(uint64_t hash, size_t mask)
{
	return (hash * 0x9e3779b97f4a7c15u) >> 32 & mask;
}

static inline struct entry *
slot_entry(uint64_t slot)
{
	return (struct entry *)(uintptr_t)(slot & SLOT_POINTER);
}

static inline size_t
block_size(const struct entry *e)
{
	return e->cls < CLASS_SMALL ? (size_t)e->cls * 16 : (size_t)1024 << (e->cls - CLASS_SMALL);
}

/* The entry of a key, or NULL. */
static inline struct entry *
entry_find(const struct state_map *m, const struct sub *s, const struct state_key *k)
{
	uint64_t tag = k->hash >> SLOT_SHIFT, slot;
	struct entry *e;

	for (size_t i = home_of(k->hash, s->mask); (slot = s->slot[i]) != 0;
	     i = (i + 1) & s->mask) {
		if (slot >> SLOT_SHIFT != tag)
			continue;
		e = slot_entry(slot);
		if (e->hash == k->hash && e->klen == k->n &&
		    (k->n == 0 || memcmp(key_of(m, e), k->p, k->n) == 0))
			return e;
	}
	return NULL;
}

/* Is e still to be copied for an epoch that has ended? */
static inline bool
entry_pending(const struct state *s, const struct entry *e)
{
	uint8_t apart = e->tag ^ s->cur;

	if (s->copy == COPY_FULL)
		return (apart & TAG_BASE) != 0;
	return s->copy == COPY_DELTA && (e->tag & TAG_CHANGED) != 0 && (apart & TAG_PARITY) != 0;
}

/* Bytes of memory that are taken, and whether that is more than we like. */
static inline int64_t
state_level(const struct state *s)
{
	return s->used + s->heap +
	       (int64_t)(s->now.head.cap + s->now.tail.cap + s->past.head.cap + s->past.tail.cap);
}

static inline bool
state_over(const struct state *s)
{
	return state_level(s) - s->idle > s->mem - s->mem / 8;
}

/* ---- table.c ---- */

struct sub *state_sub_new(struct state_map *m, int64_t ns); /* NULL: FERR_NOMEM */
void state_sub_free(struct sub *s);			    /* it is in no map any more */
/* Nothing of it is in memory any more: give back what it holds. */
void state_sub_shrink(struct sub *s);
/* A new entry, with a value of zeroes, for a key that is not in memory; the tag is the caller's. */
int state_entry_new(struct sub *s, const struct state_key *k, struct entry **out);
/* Out of memory, with what its value owns.  Does not count (state_sub_count). */
void state_entry_free(struct sub *s, struct entry *e);
/* What the value owns goes, it is zero again. */
void state_entry_clear(struct sub *s, struct entry *e);
/* The entry is dropped: it goes, or is a ghost until its row has gone. */
void state_entry_drop(struct sub *s, struct entry *e);
/* A ghost is an entry again. */
void state_entry_revive(struct sub *s, struct entry *e);

/* An entry comes into being (n 1), or ceases to be (-1), in memory or in the spill. */
static inline void
state_sub_count(struct sub *s, int n, uint32_t klen)
{
	s->keys += (uint64_t)((int64_t)klen * n);
	s->map->keys += (uint64_t)((int64_t)klen * n);
	s->map->entries += (size_t)n;
}

/* ---- state.c ---- */

struct sub *state_sub_find(struct state_map *m, int64_t ns);
struct sub *state_sub_make(struct state_map *m, int64_t ns); /* found or new; NULL: FERR_NOMEM */
/* Take a namespace out of its map; it is freed unless a copy needs it. */
void state_sub_drop(struct sub *s);
/* The entry of a key in memory, where it is brought from the spill if need be: *out may be NULL, or
 * a ghost. */
int state_look(struct sub *s, const struct state_key *k, struct entry **out);

/* ---- evict.c ---- */

/* Look into the spill; what is found comes into memory. */
int state_evict_back(struct sub *s, const struct state_key *k, struct entry **out);
/* An entry that the spill has as it is need not be in memory. */
void state_evict_same(struct sub *s, struct entry *e);
/* The rows of a namespace are void. */
void state_evict_forget(struct sub *s);

/* ---- spill.c ---- */

struct spill_item {
	struct state_key key;
	const uint8_t *value; /* borrowed until the next write */
	uint32_t n;
	uint32_t base; /* number of the last full copy when it was written */
};

int state_spill_open(struct spill **out, const char *dir);
void state_spill_close(struct spill *sp);
/* 1: found; 0: not there; or an error. */
int state_spill_get(struct spill *sp, uint64_t serial, const struct state_key *k,
		    struct spill_item *out);
/* The item at pos, which moves behind it: 1; 0: there are no more. */
int state_spill_next(struct spill *sp, struct spill_pos *pos, struct spill_item *out);
/* Writes come between begin (items, and bytes of keys and values, at most) and commit or abort;
 * they are fast in the order of serial and hash. */
int state_spill_begin(struct spill *sp, size_t items, size_t bytes);
int state_spill_put(struct spill *sp, uint64_t serial, const struct spill_item *it);
int state_spill_del(struct spill *sp, uint64_t serial, const struct state_key *k);
int state_spill_commit(struct spill *sp);
void state_spill_abort(struct spill *sp);
/* The rows of serial are void: they go with calls of clean, some at a time (without memory to note
 * it: with clear). */
void state_spill_void(struct spill *sp, uint64_t serial);
int state_spill_clean(struct spill *sp, size_t items);
/* All rows go. */
int state_spill_clear(struct spill *sp);
/* Open an environment with as large a map as can be had: LMDB's result. */
struct MDB_env;
int state_env_open(struct MDB_env **out, const char *path, unsigned flags);

/* ---- walk.c ---- */

/* Sort by hash. */
void state_sort(struct state_item *a, size_t n);
/* Memory is going to be evicted: walks must not rely on pointers any more. */
int state_walk_save(struct state *s);
/* A namespace, or all of it that is in memory, goes. */
void state_walk_forget(const struct sub *s);
void state_walk_orphan(struct state *s);

/* ---- epoch.c ---- */

/* e is new and belongs to this epoch. */
int state_epoch_new(struct sub *s, struct entry *e);
/* e, which has not changed in this epoch so far, is going to. */
int state_epoch_change(struct sub *s, struct entry *e);
/* e is going to be dropped; the whole namespace is. */
int state_epoch_drop(struct sub *s, struct entry *e);
int state_epoch_drop_ns(struct sub *s);
/* Is the copy still to look into a namespace that is dropped?  Then it frees it. */
bool state_epoch_keep(struct sub *s);
/* A namespace is freed: the copy may have stood there. */
void state_epoch_forget(struct sub *s);
/* e is going to be evicted: the epochs that need its value get it now. */
int state_epoch_settle(struct sub *s, struct entry *e);
/* All of it has been evicted. */
void state_epoch_shrink(struct sub *s);
/* An entry comes back from the spill, as it was when full copy `base` was the last one. */
int state_epoch_back(struct sub *s, struct entry *e, uint32_t base);
/* Records are loaded: what follows are changes to them. */
void state_epoch_loaded(struct state *s);

/* ---- record.c ---- */

enum { REC_PUT = 1, REC_DROP = 2, REC_DROP_NS = 3, REC_MAP = 4, REC_FORGET = 5 }; /* see state.h */

/* Append a record; of one whose value is NULL it is still to come. */
int state_rec_encode(struct buf *out, const struct state_rec *r);
int state_rec_put(struct buf *out, const struct sub *s, const struct entry *e);
/* The same from a value that is encoded already. */
int state_rec_item(struct buf *out, const struct sub *s, const struct spill_item *it);
int state_rec_drop(struct buf *out, const struct sub *s, const struct entry *e);
int state_rec_drop_ns(struct buf *out, const struct sub *s);
int state_rec_map(struct buf *out, const struct state_map *m);
int state_rec_forget(struct buf *out, const struct state *s);
/* Encode a value behind out; decode one into a zero value. */
int state_value_encode(struct buf *out, const struct state_map *m, const struct entry *e);
int state_value_decode(struct state_map *m, struct entry *e, const uint8_t *p, size_t n);

/* ---- queue.c ---- */

void state_queue_fini(struct queue *q);
void state_queue_clear(struct queue *q);
bool state_queue_empty(const struct queue *q);
/* Out of memory into the file what is more than a little; dir as state_conf.local. */
int state_queue_trim(struct queue *q, const char *dir);
/* Move all of from behind what q has. */
int state_queue_move(struct queue *q, struct queue *from, const char *dir);
/* The first string, borrowed until the next call: 1; 0: there is none.  It stays until pop. */
int state_queue_first(struct queue *q, const uint8_t **p);
void state_queue_pop(struct queue *q);
/* Move strings of about max bytes, at least one, to out. */
int state_queue_take(struct queue *q, struct buf *out, size_t max);
/* The directory of dir, or of the environment; made if need be. */
int state_local(const char *dir, const char **out);
/* A new file in it that nobody else has, without a name. */
int state_local_file(const char *dir);

#endif
