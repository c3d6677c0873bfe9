/* waiting: see waiting.h. */
#include "join/waiting.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "op/bag.h"
#include "row/key.h"

#define CHUNK_MOST (64u << 10) /* bytes */
#define CHUNK_LEAST (2u << 10)
#define KEY_BYTES 6 /* u16 key group, u32 number of the chunk, big-endian */

/* What waits of one key group. */
struct lane {
	uint32_t first, next; /* chunks [first, next) */
	uint32_t at;	      /* in the first one: what is before is done with */
	bool full;	      /* the last one is */
	void *value;	      /* the first one, once it has been looked up */
};

/* Who is next: a heap by arrival number, then lane. */
struct turn {
	uint64_t number;
	uint32_t lane;
};

struct waiting {
	struct bag_type type;
	struct state_map *map;
	struct state *state;
	uint32_t groups, lo, nlanes, chunk;
	struct lane *lane; /* of key groups lo, lo + 1, ... */
	struct turn *heap;
	unsigned nheap;
	bool giving; /* the heap is made */
};

int
waiting_new(struct waiting **out, struct op *op, unsigned input)
{
	const struct op_task *t = op_task(op);
	struct waiting *w = calloc(1, sizeof(*w));
	int64_t share;

	if (w == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	*out = w;
	w->state = op_state(op);
	w->groups = t != NULL ? t->groups : 1;
	w->lo = t != NULL ? t->lo : 0;
	w->nlanes = t != NULL ? t->hi - t->lo + 1 : 1;
	share = op_conf(op)->mem / 4 / w->nlanes;
	w->chunk = share > CHUNK_MOST	 ? CHUNK_MOST
		   : share < CHUNK_LEAST ? CHUNK_LEAST
					 : (uint32_t)share;
	w->lane = calloc(w->nlanes, sizeof(*w->lane));
	w->heap = calloc(w->nlanes, sizeof(*w->heap));
	if (w->lane == NULL || w->heap == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	w->type = (struct bag_type){
		.name = "left.waiting", .n = 1, .input = { input }, .grouped = true
	};
	return bag_map_open(op, &w->map, &w->type);
}

void
waiting_free(struct waiting *w)
{
	if (w == NULL)
		return;
	free(w->lane);
	free(w->heap);
	free(w);
}

static int
failed(const struct waiting *w)
{
	int rc = state_error(w->state);

	return rc != 0 ? rc : ferr(FERR_CORRUPT, "a chunk of waiting records is missing");
}

static struct state_key
chunk_key(const struct waiting *w, uint32_t lane, uint32_t chunk, uint8_t bytes[KEY_BYTES])
{
	le16put(bytes, (uint16_t)(w->lo + lane));
	for (unsigned i = 0; i < 4; i++)
		bytes[2 + i] = (uint8_t)(chunk >> (24 - 8 * i));
	return (struct state_key){ .hash = key_hash(bytes, KEY_BYTES), .p = bytes, .n = KEY_BYTES };
}

/* Which chunks are there? */
int
waiting_restored(struct waiting *w)
{
	struct state_walk walk = { 0 };
	struct lane *l;
	uint32_t lane, chunk;
	void *v;
	int rc = state_walk_begin(&walk, w->map, 0, false);

	while (rc == 0 && (v = state_walk_next(&walk, &rc)) != NULL) {
		struct state_key k = state_key_of(w->map, v);

		lane = le16get(k.p) - w->lo;
		if (k.n != KEY_BYTES || lane >= w->nlanes) {
			rc = ferr(FERR_CORRUPT, "a chunk of waiting records has a false name");
			break;
		}
		l = &w->lane[lane];
		chunk = (uint32_t)k.p[2] << 24 | (uint32_t)k.p[3] << 16 | (uint32_t)k.p[4] << 8 |
			k.p[5];
		if (l->first == l->next)
			*l = (struct lane){ .first = chunk, .next = chunk + 1 };
		l->first = chunk < l->first ? chunk : l->first;
		l->next = chunk >= l->next ? chunk + 1 : l->next;
	}
	state_walk_end(&walk);
	return rc;
}

bool
waiting_any(const struct waiting *w)
{
	for (uint32_t i = 0; i < w->nlanes; i++) {
		if (w->lane[i].first < w->lane[i].next)
			return true;
	}
	return false;
}

int
waiting_put(struct waiting *w, const uint8_t *row, uint64_t hash, int64_t number)
{
	uint32_t lane = key_group(hash, w->groups) - w->lo, at;
	struct lane *l = &w->lane[lane];
	uint8_t bytes[KEY_BYTES];
	struct state_key k;
	struct bag *b;
	bool fresh;
	void *v;
	int rc;

	if (lane >= w->nlanes)
		return ferr(FERR_CORRUPT, "a record of a key group that is not ours");
	if (l->first == l->next || l->full)
		l->next++;
	k = chunk_key(w, lane, l->next - 1, bytes);
	if ((v = state_put(w->map, 0, &k, &fresh)) == NULL)
		return failed(w);
	b = bag_of(&w->type, v, 0);
	if ((rc = bag_put(&w->type, b, row, &at)) != 0)
		return rc;
	le64put(b->p + at + 16, (uint64_t)number);
	l->full = b->n >= w->chunk;
	return 0;
}

/* ---- giving back ---- */

static bool
before(const struct turn *a, const struct turn *b)
{
	return a->number < b->number || (a->number == b->number && a->lane < b->lane);
}

/* The turn at i may be later than those below it. */
static void
sink(struct waiting *w, unsigned i)
{
	struct turn t = w->heap[i];
	unsigned k;

	while ((k = 2 * i + 1) < w->nheap) {
		if (k + 1 < w->nheap && before(&w->heap[k + 1], &w->heap[k]))
			k++;
		if (!before(&w->heap[k], &t))
			break;
		w->heap[i] = w->heap[k];
		i = k;
	}
	w->heap[i] = t;
}

/* The first chunk of a lane: 1, 0 when there is none, or an error. */
static int
look_up(struct waiting *w, uint32_t lane)
{
	struct lane *l = &w->lane[lane];
	uint8_t bytes[KEY_BYTES];
	struct state_key k;

	if (l->value != NULL)
		return 1;
	if (l->first == l->next)
		return 0;
	k = chunk_key(w, lane, l->first, bytes);
	l->value = state_find(w->map, 0, &k);
	return l->value != NULL ? 1 : failed(w);
}

static inline const uint8_t *
row_of(const struct waiting *w, const struct lane *l)
{
	return bag_of(&w->type, l->value, 0)->p + l->at;
}

static int
begin(struct waiting *w)
{
	int rc;

	w->nheap = 0;
	for (uint32_t i = 0; i < w->nlanes; i++) {
		if ((rc = look_up(w, i)) < 0)
			return rc;
		if (rc == 1)
			w->heap[w->nheap++] = (struct turn){ row_hash(row_of(w, &w->lane[i])), i };
	}
	for (unsigned i = w->nheap / 2; i-- > 0;)
		sink(w, i);
	w->giving = true;
	return 0;
}

int
waiting_next(struct waiting *w, const uint8_t **row)
{
	int rc = w->giving ? 0 : begin(w);

	if (rc != 0 || w->nheap == 0)
		return rc;
	if ((rc = look_up(w, w->heap[0].lane)) == 1)
		*row = row_of(w, &w->lane[w->heap[0].lane]);
	return rc == 0 ? failed(w) : rc;
}

/* The first chunk of a lane is done with. */
static int
drop_chunk(struct waiting *w, struct lane *l)
{
	int rc = state_drop(w->map, 0, l->value);

	l->value = NULL;
	l->at = 0;
	l->first++;
	return rc;
}

int
waiting_pass(struct waiting *w)
{
	struct turn *t = &w->heap[0];
	struct lane *l = &w->lane[t->lane];
	int rc = 1;

	l->at += row_len(row_of(w, l));
	if (l->at == bag_of(&w->type, l->value, 0)->n &&
	    ((rc = drop_chunk(w, l)) != 0 || (rc = look_up(w, t->lane)) < 0))
		return rc;
	if (rc == 1)
		t->number = row_hash(row_of(w, l));
	else
		*t = w->heap[--w->nheap];
	sink(w, 0);
	return 0;
}

void
waiting_forget(struct waiting *w)
{
	for (uint32_t i = 0; i < w->nlanes; i++)
		w->lane[i].value = NULL;
}
