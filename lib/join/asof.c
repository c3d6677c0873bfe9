/*
 * asof: as-of joins (C39).
 *
 * A left row waits until the watermark has reached it.  It waits under its key group in a bucket of
 * time, beside others of all keys: rows go out in the order in which they came, whatever their keys
 * are.  How long a bucket is changes nothing but the speed, so it follows the stream.
 *
 * Of the right side the versions of each key are kept in order of time: the newest one that the
 * watermark has reached, and all behind it.  When left rows are far behind there may be millions
 * of one key, so the look-up goes over links between them, which stand in their hash fields: to
 * the version before, and to one 1, 3, 7, 15 ... before (jump pointers, Myers 1983).  A link is a
 * distance and thus outlives the removal of old versions.
 */
#include <stdlib.h>

#include "join/join_internal.h"

#define DUE_MOST (64 << 20) /* bytes of rows that are given out together */
#define TURN 64		    /* blocks of JOIN_AHEAD rows, then the loop has its turn */
#define SWEEP_TURN 1024	    /* timers */
#define SLOTS 16	    /* of --asof D, for timers */
#define BUCKET_ROWS 4096
#define ROOM_ROWS 16u	      /* of a new bag of rows that wait, */
#define ROOM_MOST (4u << 10)  /* up to so many bytes */
#define TOGETHER 64	      /* rows */
#define BUCKET_MOST (1 << 20) /* ms */
#define BUCKET_FIRST (1 << 14)
#define NONE UINT32_MAX
#define NO_JUMP 255u

/* In front of the rows that wait. */
struct waiting {
	int64_t least; /* of their times */
};

/* In front of the versions of a key. */
struct versions {
	uint32_t last; /* where the newest one is */
	uint32_t run;  /* whose links these are: a restore may have moved rows */
	uint32_t armed;
	uint32_t zero;
};

/* A row that is due, in a->rows. */
struct due {
	uint64_t arrival; /* its number, then its key group: several old subtasks have equal ones */
	size_t at;
};

struct asof {
	struct bag_type left, right;
	struct state_map *waiting, *versions;
	struct state_map *timer; /* slot -> key; NULL: versions stay for ever */
	int64_t slot;
	uint32_t groups;
	bool by_key;  /* left rows wait under their key groups */
	int64_t *run; /* counts restores */
	/* How long a bucket is, and how fast the time of left rows goes. */
	int64_t bucket;
	double sum, mean;
	unsigned nsum;
	bool paced;
	/* The versions of right rows at hand, once they are looked up. */
	struct versions *found[JOIN_AHEAD];
	bool looked;
	/* What is due, and how far it is gathered and given out. */
	int64_t least; /* no row that waits is older */
	int64_t limit;
	struct buf rows;
	size_t most;
	struct due *due, *spare;
	size_t n, i, cap;
	struct state_walk walk;	 /* rows that wait */
	struct state_walk sweep; /* timers */
};

/* ---- setting up ---- */

static int
asof_open(struct join *j, struct op *op)
{
	static const struct state_type timer = { .name = "timer", .size = 8, .version = 1 };
	struct asof *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	j->asof = a;
	a->left = (struct bag_type){ .name = "waiting",
				     .head = sizeof(struct waiting),
				     .n = 1,
				     .input = { LEFT },
				     .grouped = true };
	a->right = (struct bag_type){
		.name = "right", .head = sizeof(struct versions), .n = 1, .input = { RIGHT }
	};
	a->by_key = op_task(op) != NULL;
	a->groups = a->by_key ? op_task(op)->groups : 128;
	a->bucket = BUCKET_FIRST;
	a->least = a->limit = INT64_MIN;
	a->most = (size_t)(op_conf(op)->mem / 16);
	if (a->most > DUE_MOST)
		a->most = DUE_MOST;
	if ((rc = op_number(op, "asof.run", SNAP_MAX, &a->run)) != 0 ||
	    (rc = bag_map_open(op, &a->waiting, &a->left)) != 0 ||
	    (rc = bag_map_open(op, &a->versions, &a->right)) != 0 || j->spec.back == JOIN_EVER)
		return rc;
	a->slot = j->spec.back / SLOTS + 1;
	return state_map_open(j->state, &a->timer, &timer);
}

static int
asof_restored(struct join *j, struct op *op)
{
	(void)op;
	++*j->asof->run;
	return 0;
}

static void
asof_close(struct join *j)
{
	struct asof *a = j->asof;

	if (a == NULL)
		return;
	state_walk_end(&a->walk);
	state_walk_end(&a->sweep);
	buf_fini(&a->rows);
	free(a->due);
	free(a->spare);
	free(a);
}

/* ---- versions of a key ---- */

/* The link of a row: u24 distance to the one before, in 8 bytes; u8 how far the jump goes, 2^(n+1)
 * - 1 versions; u32 its distance in bytes. */
static inline uint32_t
back_of(const uint8_t *row)
{
	return (le32get(row + 16) & 0xffffff) * 8;
}

static inline uint32_t
jump_of(const uint8_t *row)
{
	return le32get(row + 20);
}

/* Link the row at `at` to the one at `before`, which is linked; NONE: there is none. */
static void
link_row(struct bag *b, uint32_t at, uint32_t before)
{
	const uint8_t *p = b->p + before;
	uint32_t jump = at - before, rank = 0;

	if (before == NONE) {
		le32put(b->p + at + 16, NO_JUMP << 24);
		le32put(b->p + at + 20, 0);
		return;
	}
	if (p[19] != NO_JUMP && jump_of(p) <= before && p[19] == (p - jump_of(p))[19] &&
	    jump_of(p - jump_of(p)) <= before - jump_of(p)) {
		jump += jump_of(p) + jump_of(p - jump_of(p));
		rank = p[19] + 1u;
	}
	le32put(b->p + at + 16, (at - before) / 8 | rank << 24);
	le32put(b->p + at + 20, jump);
}

static void
link_rows(struct versions *v, struct bag *b, uint32_t at, uint32_t before)
{
	for (; at < b->n; at += row_len(b->p + at)) {
		link_row(b, at, before);
		before = at;
	}
	v->last = before;
}

/* The versions of a value, with links that hold. */
static struct bag *
versions_of(const struct asof *a, struct versions *v)
{
	struct bag *b = bag_of(&a->right, v, 0);

	if (v->run != (uint32_t)*a->run) {
		link_rows(v, b, 0, NONE);
		v->run = (uint32_t)*a->run;
	}
	return b;
}

/* Touch the newest version of all; v may be NULL.  A small row lies across two lines. */
static inline void
prefetch_newest(const struct asof *a, struct versions *v)
{
	const uint8_t *row;

	if (v == NULL)
		return;
	row = bag_of(&a->right, v, 0)->p + v->last;
	__builtin_prefetch(row);
	__builtin_prefetch(row + 64);
}

/* The newest version at t, of equal ones the last: where it is, or NONE. */
static uint32_t
newest(const struct versions *v, const struct bag *b, int64_t t)
{
	uint32_t at = v->last, jump;

	if (b->n == 0)
		return NONE;
	while (row_time(b->p + at) > t) {
		if (at == 0)
			return NONE;
		jump = jump_of(b->p + at);
		at -= jump <= at && row_time(b->p + at - jump) > t ? jump : back_of(b->p + at);
	}
	return at;
}

/* Versions before `at` are not asked for any more.  They stay until they are as much as the rest.
 */
static void
drop_before(const struct asof *a, struct versions *v, struct bag *b, uint32_t at)
{
	if (at < b->n - at)
		return;
	b->n -= at;
	v->last -= at;
	memmove(b->p, b->p + at, b->n);
	bag_trim(&a->right, b);
}

/* ---- timers: when a key's newest version is too old ---- */

/* No left row can have it any more. */
static bool
too_old(const struct join *j, int64_t time)
{
	return j->spec.back != JOIN_EVER && sat_add(time, j->spec.back) <= j->wm;
}

/* A look at a key comes up to a slot late.  When the right side is far ahead it comes up to an
 * eighth of the way early, and again: there are few slots at a time. */
static int
arm(struct join *j, const struct state_key *k, int64_t newest)
{
	struct asof *a = j->asof;
	int64_t at = floor_to(newest + j->spec.back, a->slot) + a->slot;
	uint64_t far = (uint64_t)at - (uint64_t)j->wm;
	bool fresh;

	if (far > 2 * SLOTS * (uint64_t)a->slot)
		at &= -(int64_t)(1ULL << (60 - __builtin_clzll(far)));
	return state_put(a->timer, at, k, &fresh) != NULL ? 0 : join_failed(j);
}

static int
sweep_key(struct join *j, const struct state_key *k)
{
	struct asof *a = j->asof;
	struct versions *v = state_find(a->versions, 0, k);
	int64_t time;

	if (v == NULL)
		return state_error(j->state);
	time = row_time(versions_of(a, v)->p + v->last);
	return too_old(j, time) ? state_drop(a->versions, 0, v) : arm(j, k, time);
}

/* One slot: 0, or FERR_AGAIN. */
static int
sweep_slot(struct join *j, int64_t ns)
{
	struct asof *a = j->asof;
	const void *v;
	int rc = 0;

	if (a->sweep.cursor == NULL)
		rc = state_walk_begin(&a->sweep, a->timer, ns, false);
	for (unsigned n = 0; rc == 0 && (v = state_walk_next(&a->sweep, &rc)) != NULL;) {
		struct state_key k = state_key_of(a->timer, v);

		if ((rc = sweep_key(j, &k)) == 0 && ++n == SWEEP_TURN)
			return FERR_AGAIN;
	}
	state_walk_end(&a->sweep);
	return rc != 0 ? rc : state_ns_drop(a->timer, ns);
}

/* No left row can come any more. */
static int
drop_all(struct asof *a)
{
	int64_t ns;
	int rc = state_ns_drop(a->versions, 0);

	while (rc == 0 && a->timer != NULL && state_ns_next(a->timer, INT64_MIN, &ns))
		rc = state_ns_drop(a->timer, ns);
	return rc;
}

static int
sweep(struct join *j)
{
	struct asof *a = j->asof;
	int64_t ns;
	int rc = 0;

	if (j->wm == WM_MAX)
		return drop_all(a);
	while (rc == 0 && a->timer != NULL && state_ns_next(a->timer, INT64_MIN, &ns) &&
	       ns <= j->wm)
		rc = sweep_slot(j, ns);
	return rc;
}

/* ---- a row comes in ---- */

/* Make a bucket as long as BUCKET_ROWS rows take.  They may be out of order, so it is told by their
 * mean time. */
static void
pace(struct asof *a, int64_t time)
{
	double mean, step;

	a->sum += (double)time;
	if (++a->nsum < BUCKET_ROWS)
		return;
	mean = a->sum / BUCKET_ROWS;
	step = mean - a->mean;
	if (a->paced && step >= 0) {
		for (a->bucket = 1; a->bucket < BUCKET_MOST && (double)a->bucket * 2 <= step;)
			a->bucket *= 2;
	}
	a->paced = true;
	a->mean = mean;
	a->sum = a->nsum = 0;
}

/* The group that a row waits under: its key's, which a rescale goes by.  Where none can come any
 * will do, and what came together lies together. */
static uint32_t
group_of(const struct join *j, const struct join_row *r)
{
	const struct asof *a = j->asof;

	return a->by_key ? key_group(r->key.hash, a->groups)
			 : (uint32_t)((uint64_t)j->arrivals / TOGETHER % a->groups);
}

/* Small rows are seldom alone in a bag: room for some, so that it does not grow with each. */
static int
make_room(struct join *j, struct bag *b, uint32_t len)
{
	uint32_t n = ROOM_ROWS * len;
	int rc;

	if (len > ROOM_MOST / ROOM_ROWS)
		return 0;
	if ((rc = state_account(j->state, n)) != 0)
		return rc;
	if ((b->p = malloc(n)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	b->cap = n;
	return 0;
}

static int
add_left(struct join *j, struct op *op, const struct join_row *r)
{
	struct asof *a = j->asof;
	uint8_t key[2];
	struct state_key k = { .p = key, .n = sizeof(key) };
	struct waiting *w;
	struct bag *b;
	bool fresh;
	uint32_t at, group = group_of(j, r);
	int rc;

	if (r->time <= j->wm)
		return join_late(j, op, r->row);
	le16put(key, (uint16_t)group);
	k.hash = key_hash(key, sizeof(key));
	if ((w = state_put(a->waiting, floor_to(r->time, a->bucket), &k, &fresh)) == NULL)
		return join_failed(j);
	b = bag_of(&a->left, w, 0);
	if ((fresh && (rc = make_room(j, b, row_len(r->row))) != 0) ||
	    (rc = bag_put(&a->left, b, r->row, &at)) != 0)
		return rc;
	le64put(b->p + at + 16, (uint64_t)j->arrivals++ * a->groups + group);
	if (fresh || r->time < w->least)
		w->least = r->time;
	if (r->time < a->least)
		a->least = r->time;
	pace(a, r->time);
	return 0;
}

/* The versions of the rows at hand, so that the misses overlap. */
static void
find_ahead(struct join *j)
{
	struct asof *a = j->asof;

	for (unsigned i = j->iahead; i < j->nahead; i++) {
		a->found[i] = state_find(a->versions, 0, &j->ahead[i].key);
		prefetch_newest(a, a->found[i]);
	}
	a->looked = true;
}

/* The versions of the row at hand, to be changed. */
static int
put_versions(struct join *j, const struct join_row *r, struct versions **v)
{
	struct asof *a = j->asof;
	bool fresh;

	if (!a->looked)
		find_ahead(j);
	if ((*v = a->found[j->iahead]) != NULL)
		return state_touch(a->versions, 0, *v);
	*v = state_put(a->versions, 0, &r->key, &fresh); /* a row before may have made it */
	return *v != NULL ? 0 : join_failed(j);
}

static int
add_right(struct join *j, const struct join_row *r)
{
	struct asof *a = j->asof;
	struct versions *v;
	struct bag *b;
	uint32_t old, before, at;
	int rc;

	if (r->null || row_kind(r->row) == ROW_BEFORE || too_old(j, r->time))
		return 0;
	if ((rc = put_versions(j, r, &v)) != 0)
		return rc;
	b = versions_of(a, v);
	if ((old = newest(v, b, j->wm)) != NONE) {
		if (row_time(b->p + old) > r->time)
			return 0;
		drop_before(a, v, b, old);
	}
	before = newest(v, b, r->time);
	at = before != NONE ? before + row_len(b->p + before) : 0;
	if ((rc = bag_insert(&a->right, b, at, r->row)) != 0)
		return rc;
	link_rows(v, b, at, before);
	if (a->timer == NULL || v->armed)
		return 0;
	v->armed = 1;
	return arm(j, &r->key, r->time);
}

static int
asof_add(struct join *j, struct op *op, const struct join_row *r)
{
	return r->side == LEFT ? add_left(j, op, r) : add_right(j, r);
}

static void
asof_prefetch(struct join *j, const struct join_row *r, bool entry)
{
	if (r->side == LEFT)
		return;
	j->asof->looked = false;
	if (entry)
		state_prefetch_entry(j->asof->versions, 0, r->key.hash);
	else
		state_prefetch(j->asof->versions, 0, r->key.hash);
}

/* ---- what is due is gathered ---- */

static int
push_due(struct asof *a, const uint8_t *row)
{
	size_t cap = a->cap != 0 ? 2 * a->cap : 1024;
	struct due *due, *spare;

	if (a->n == a->cap) {
		if ((due = realloc(a->due, cap * sizeof(*due))) != NULL)
			a->due = due;
		if ((spare = realloc(a->spare, cap * sizeof(*spare))) != NULL)
			a->spare = spare;
		if (due == NULL || spare == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		a->cap = cap;
	}
	a->due[a->n++] = (struct due){ le64get(row + 16), a->rows.n };
	return buf_put(&a->rows, row, row_len(row));
}

/* The rows up to the limit leave a bag. */
static int
take_rows(struct join *j, int64_t ns, struct waiting *w)
{
	struct asof *a = j->asof;
	struct bag *b = bag_of(&a->left, w, 0);
	uint8_t *keep = b->p, *end = bag_end(b);
	int64_t least = INT64_MAX;
	uint32_t len;
	int rc = state_touch(a->waiting, ns, w);

	for (uint8_t *r = b->p; r < end && rc == 0; r += len) {
		len = row_len(r);
		if (row_time(r) <= a->limit) {
			rc = push_due(a, r);
			continue;
		}
		if (row_time(r) < least)
			least = row_time(r);
		if (keep != r)
			memmove(keep, r, len);
		keep += len;
	}
	if (rc != 0)
		return rc;
	if (keep == b->p)
		return state_drop(a->waiting, ns, w);
	w->least = least;
	if (least < a->least)
		a->least = least;
	b->n = (uint32_t)(keep - b->p);
	bag_trim(&a->left, b);
	return 0;
}

static int
take_bucket(struct join *j, int64_t ns)
{
	struct asof *a = j->asof;
	struct waiting *w;
	int rc = state_walk_begin(&a->walk, a->waiting, ns, false);

	while (rc == 0 && (w = state_walk_next(&a->walk, &rc)) != NULL) {
		if (w->least <= a->limit)
			rc = take_rows(j, ns, w);
		else if (w->least < a->least)
			a->least = w->least;
	}
	return rc;
}

/* All rows up to the limit, whichever bucket they are in. */
static int
take(struct join *j)
{
	struct asof *a = j->asof;
	int64_t ns, from = INT64_MIN;
	int rc = 0;

	a->least = INT64_MAX;
	while (rc == 0 && state_ns_next(a->waiting, from, &ns)) {
		if (ns > a->limit) {
			if (ns < a->least)
				a->least = ns;
			break;
		}
		rc = take_bucket(j, ns);
		from = ns + 1;
	}
	return rc;
}

/* By arrival: radix sort. */
static void
sort_due(struct asof *a)
{
	uint64_t least = UINT64_MAX, most = 0;
	struct due *t;

	for (size_t i = 0; i < a->n; i++) {
		least = a->due[i].arrival < least ? a->due[i].arrival : least;
		most = a->due[i].arrival > most ? a->due[i].arrival : most;
	}
	for (unsigned shift = 0; shift < 64 && (most - least) >> shift != 0; shift += 8) {
		size_t at[256] = { 0 }, sum = 0, n;

		for (size_t i = 0; i < a->n; i++)
			at[(a->due[i].arrival - least) >> shift & 255]++;
		for (unsigned i = 0; i < 256; i++, sum += n) {
			n = at[i];
			at[i] = sum;
		}
		for (size_t i = 0; i < a->n; i++)
			a->spare[at[(a->due[i].arrival - least) >> shift & 255]++] = a->due[i];
		t = a->due;
		a->due = a->spare;
		a->spare = t;
	}
}

/*
 * The next rows that are due, in order of arrival.  When they are too many for memory, those of a
 * part of the time: what came first and was due no later still goes first.
 */
static int
gather(struct join *j)
{
	struct asof *a = j->asof;
	int64_t ns;
	int rc = 0;

	a->n = a->i = 0;
	a->rows.n = 0;
	if (a->rows.cap > 2 * a->most)
		buf_fini(&a->rows);
	while (rc == 0 && a->limit < j->wm && a->least <= j->wm && a->rows.n < a->most) {
		a->limit = state_ns_next(a->waiting, sat_add(a->limit, 2), &ns) && ns <= j->wm
			       ? ns - 1
			       : j->wm;
		rc = take(j);
	}
	if (rc == 0)
		sort_due(a);
	return rc;
}

/* ---- ... and given out ---- */

/* The next block: keys, and what their look-ups need, so that the misses overlap. */
static int
make_ready(struct join *j, struct versions **v)
{
	struct asof *a = j->asof;
	size_t at[JOIN_AHEAD], n = a->n - a->i < JOIN_AHEAD ? a->n - a->i : JOIN_AHEAD;
	int rc = 0;

	j->keys.n = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		uint8_t *row = a->rows.p + a->due[a->i + i].at;
		struct join_row *r = &j->ahead[i];

		*r = (struct join_row){ .row = row, .side = LEFT, .time = row_time(row) };
		at[i] = j->keys.n;
		rc = join_key_bytes(j, LEFT, row, &j->keys, &r->null);
		r->key.n = (uint32_t)(j->keys.n - at[i]);
		if (a->i + n + i < a->n)
			__builtin_prefetch(a->rows.p + a->due[a->i + n + i].at);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct state_key *k = &j->ahead[i].key;

		k->p = j->keys.p + at[i];
		k->hash = key_hash(k->p, k->n);
		state_prefetch(a->versions, 0, k->hash);
	}
	for (size_t i = 0; i < n && rc == 0; i++)
		state_prefetch_entry(a->versions, 0, j->ahead[i].key.hash);
	for (size_t i = 0; i < n && rc == 0; i++) {
		v[i] = j->ahead[i].null ? NULL : state_find(a->versions, 0, &j->ahead[i].key);
		prefetch_newest(a, v[i]);
	}
	j->nahead = (unsigned)n;
	return rc != 0 ? rc : state_error(j->state);
}

/* The right row that a left one of that time sees, or NULL. */
static const uint8_t *
seen(const struct join *j, struct versions *v, int64_t time)
{
	const struct bag *b = versions_of(j->asof, v);
	uint32_t at = newest(v, b, time);
	const uint8_t *r = at != NONE ? b->p + at : NULL;

	if (r == NULL || row_kind(r) == ROW_DELETE ||
	    (j->spec.back != JOIN_EVER && time - row_time(r) > j->spec.back))
		return NULL;
	return r;
}

static int
give(struct join *j, struct op *op, const struct join_row *l, struct versions *v)
{
	struct join_pair p = { .l = l->row,
			       .r = v != NULL ? seen(j, v, l->time) : NULL,
			       .time = l->time,
			       .start = ROW_NOTIME,
			       .end = ROW_NOTIME,
			       .hash = l->key.hash };
	enum join_type type = j->spec.type;
	int met = p.r != NULL ? join_match(j, p.l, p.r, ROW_NOTIME, ROW_NOTIME) : 0;

	if (met == FERR_DATA)
		return join_bad(j, op, p.l, p.r);
	if (met < 0)
		return met;
	if (met != 0 ? type == JOIN_ANTI : type == JOIN_INNER || type == JOIN_SEMI)
		return 0;
	if (met == 0 || type == JOIN_SEMI)
		p.r = NULL;
	return join_emit(j, op, &p);
}

/* 0, or FERR_AGAIN. */
static int
give_due(struct join *j, struct op *op)
{
	struct versions *v[JOIN_AHEAD];
	struct asof *a = j->asof;
	int rc = 0;

	for (unsigned turn = 0; a->i < a->n && rc == 0; a->i += j->nahead) {
		if (op_full(op) || turn++ == TURN)
			return FERR_AGAIN;
		rc = make_ready(j, v);
		for (unsigned i = 0; i < j->nahead && rc == 0; i++)
			rc = give(j, op, &j->ahead[i], v[i]);
	}
	return rc;
}

static int
asof_resume(struct join *j, struct op *op)
{
	int rc;

	do {
		if ((rc = give_due(j, op)) != 0 || (rc = gather(j)) != 0)
			return rc;
	} while (j->asof->n > 0);
	return sweep(j);
}

static int
asof_mark(struct join *j, struct op *op)
{
	j->asof->limit = INT64_MIN;
	return asof_resume(j, op);
}

const struct join_kind_ops join_asof_ops = {
	.open = asof_open,
	.add = asof_add,
	.mark = asof_mark,
	.resume = asof_resume,
	.prefetch = asof_prefetch,
	.restored = asof_restored,
	.close = asof_close,
	.timed = true,
};
