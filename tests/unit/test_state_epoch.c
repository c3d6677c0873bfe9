/*
 * test_state_epoch: epochs of keyed state.  Random calls on several maps with barriers, copies in
 * slices of any size and aborted epochs; what was copied is loaded into a fresh state after each
 * epoch and must equal what an array held at the barrier.
 */
#include "state/state.h"

#include "base/bytes.h"
#include "row/key.h"
#include "t.h"

#define MEM (1 << 28)
#define GROUPS 8u
#define NMAPS 4
#define NSPACES 5
#define NKEYS 80

/* A value: a number, and as many bytes on the heap as some types want. */
struct value {
	int64_t n;
	uint8_t *heap;
	size_t nheap;
};

static void
owning_fini(void *cookie, void *value)
{
	(void)cookie;
	free(((struct value *)value)->heap);
}

static size_t
owning_memory(void *cookie, const void *value)
{
	(void)cookie;
	return ((const struct value *)value)->nheap;
}

static int
owning_encode(void *cookie, const void *value, struct buf *out)
{
	const struct value *v = value;
	uint8_t n[8];

	(void)cookie;
	le64put(n, (uint64_t)v->n);
	if (buf_put(out, n, sizeof(n)) != 0 || buf_put(out, v->heap, v->nheap) != 0)
		return FERR_NOMEM;
	return 0;
}

static int
owning_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	struct value *v = value;

	(void)cookie;
	if (n < 8)
		return ferr(FERR_CORRUPT, "%zu bytes are no value", n);
	v->n = (int64_t)le64get(p);
	v->nheap = n - 8;
	if (v->nheap != 0) {
		v->heap = malloc(v->nheap);
		T_OK(v->heap != NULL);
		memcpy(v->heap, p + 8, v->nheap);
	}
	return 0;
}

static const struct state_type types[NMAPS] = {
	{ .name = "plain", .size = sizeof(struct value), .version = 1 },
	{ .name = "grouped", .size = 8, .version = 2, .grouped = true },
	{ .name = "owning",
	  .size = sizeof(struct value),
	  .version = 3,
	  .fini = owning_fini,
	  .encode = owning_encode,
	  .decode = owning_decode,
	  .memory = owning_memory },
	{ .name = "fleeting", .size = 8, .version = 1, .transient = true },
};
enum { PLAIN, GROUPED, OWNING, FLEETING };

struct side {
	struct state *st;
	struct state_map *map[NMAPS];
};

static void
side_open(struct side *s, uint32_t lo, uint32_t hi, int64_t mem)
{
	const struct state_conf conf = { .groups = GROUPS, .lo = lo, .hi = hi, .mem = mem };

	T_INT(state_new(&s->st, &conf), 0);
	for (int i = 0; i < NMAPS; i++)
		T_INT(state_map_open(s->st, &s->map[i], &types[i]), 0);
}

/* ---- the model ---- */

struct item {
	bool there;
	int64_t n;
	size_t heap;
};
struct model {
	struct item item[NMAPS][NSPACES][NKEYS];
};

static char text[NKEYS][80];
static uint64_t seed, spread;

static unsigned
draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static struct state_key
numbered(unsigned i)
{
	struct state_key k = { 0, (const uint8_t *)text[i], 2 + (uint32_t)strlen(text[i] + 2) };

	k.hash = key_hash(k.p, k.n) % spread * (UINT64_MAX / spread);
	return k;
}

static uint32_t
group_of(int m, unsigned key)
{
	struct state_key k = numbered(key);

	return m == GROUPED ? le16get(k.p) : key_group(k.hash, GROUPS);
}

static bool
same(const struct value *v, int m, const struct item *it)
{
	if (v->n != it->n)
		return false;
	return m != OWNING ||
	       (v->nheap == it->heap && (it->heap == 0 || v->heap[it->heap - 1] == (uint8_t)it->n));
}

/* Does s hold what the model says of groups lo..hi?  (The transient map only if asked for.) */
static bool
equal(const struct side *s, const struct model *want, uint32_t lo, uint32_t hi, bool fleeting)
{
	for (int m = 0; m < NMAPS - !fleeting; m++) {
		for (int64_t ns = 0; ns < NSPACES; ns++) {
			size_t n = 0;

			for (unsigned i = 0; i < NKEYS; i++) {
				const struct item *it = &want->item[m][ns][i];
				struct state_key k = numbered(i);
				struct value *v = state_find(s->map[m], ns, &k);
				bool there =
				    it->there && group_of(m, i) >= lo && group_of(m, i) <= hi;

				n += there;
				if (there ? v == NULL || !same(v, m, it) : v != NULL) {
					T_FAIL("map %d namespace %d key %u: %s%s", m, (int)ns, i,
					       v == NULL ? "lost"
					       : there	 ? "wrong"
							 : "not dropped",
					       fleeting ? "" : " when restored");
					return false;
				}
			}
			if (state_ns_count(s->map[m], ns) != n) {
				T_FAIL("map %d namespace %d: %zu entries, not %zu", m, (int)ns,
				       state_ns_count(s->map[m], ns), n);
				return false;
			}
		}
	}
	return true;
}

/* ---- a run ---- */

struct run {
	struct side s;
	struct model now, barrier; /* as it is, and as it was at the last barrier */
	struct buf log;		   /* all records so far */
	bool copying;
	int epochs, aborts;
};

static void
change(struct run *r, int m, int64_t ns, unsigned key)
{
	struct item *it = &r->now.item[m][ns][key];
	struct state_key k = numbered(key);
	struct value *v;
	bool fresh;

	if (draw(4) == 0) { /* find, then perhaps touch */
		v = state_find(r->s.map[m], ns, &k);
		T_OK((v != NULL) == it->there);
		if (v == NULL || draw(2) == 0)
			return;
		T_INT(state_touch(r->s.map[m], ns, v), 0);
	} else {
		v = state_put(r->s.map[m], ns, &k, &fresh);
		T_OK(v != NULL && fresh == !it->there);
		if (fresh)
			*it = (struct item){ .there = true };
	}
	T_OK(same(v, m, it));
	v->n = it->n = (int64_t)draw(1000000);
	if (m != OWNING)
		return;
	if (draw(2) == 0) {
		T_INT(state_account(r->s.st, -(int64_t)v->nheap), 0);
		it->heap = draw(100);
		free(v->heap);
		v->nheap = it->heap;
		v->heap = it->heap != 0 ? calloc(1, it->heap) : NULL;
		T_INT(state_account(r->s.st, (int64_t)v->nheap), 0);
	}
	if (it->heap != 0)
		v->heap[it->heap - 1] = (uint8_t)v->n;
}

static void
drop_ns(struct run *r, int m, int64_t ns)
{
	T_INT(state_ns_drop(r->s.map[m], ns), 0);
	for (unsigned i = 0; i < NKEYS; i++)
		r->now.item[m][ns][i].there = false;
}

static void
drop(struct run *r, int m, int64_t ns, unsigned key)
{
	struct state_key k = numbered(key);
	void *v = state_find(r->s.map[m], ns, &k);

	T_OK((v != NULL) == r->now.item[m][ns][key].there);
	if (v == NULL)
		return;
	T_INT(state_drop(r->s.map[m], ns, v), 0);
	r->now.item[m][ns][key].there = false;
}

/* Walk a namespace, touch and drop some of it on the way. */
static void
walk(struct run *r, int m, int64_t ns)
{
	struct state_walk w = { 0 };
	struct value *v;
	uint64_t last = 0;
	bool sorted = draw(2) != 0, seen[NKEYS] = { false };
	int rc;

	T_INT(state_walk_begin(&w, r->s.map[m], ns, sorted), 0);
	while ((v = state_walk_next(&w, &rc)) != NULL) {
		struct state_key k = state_key_of(r->s.map[m], v);
		unsigned i = (unsigned)strtoul((const char *)k.p + 2, NULL, 10);
		struct item *it = &r->now.item[m][ns][i];

		T_OK(i < NKEYS && !seen[i] && it->there && same(v, m, it));
		T_OK(!sorted || k.hash >= last);
		last = k.hash;
		seen[i] = true;
		if (draw(4) == 0)
			change(r, (m + 1) % NMAPS, draw(NSPACES), draw(NKEYS));
		if (draw(8) == 0) {
			T_INT(state_touch(r->s.map[m], ns, v), 0);
			v->n = it->n = (int64_t)draw(1000000);
			if (m == OWNING && it->heap != 0)
				v->heap[it->heap - 1] = (uint8_t)v->n;
		} else if (draw(12) == 0) {
			T_INT(state_drop(r->s.map[m], ns, v), 0);
			it->there = seen[i] = false;
		}
		if (draw(10) == 0)
			T_INT(state_relieve(r->s.st), 0);
	}
	T_INT(rc, 0);
	state_walk_end(&w);
	for (unsigned i = 0; i < NKEYS; i++)
		T_OK(seen[i] == r->now.item[m][ns][i].there);
}

/* Load all records, cut at any of them, into a state of groups lo..hi. */
static void
restore(const struct run *r, uint32_t lo, uint32_t hi)
{
	struct side fresh;
	struct state_rec rec;
	size_t at = 0, end = 0;

	side_open(&fresh, lo, hi, draw(2) != 0 ? MEM : 20000);
	while (end < r->log.n) {
		int64_t n = state_rec_decode(&rec, r->log.p + end, r->log.n - end);

		T_OK(n > 0);
		if (n <= 0)
			break;
		end += (size_t)n;
		if (draw(100) != 0 && end < r->log.n)
			continue;
		if (state_load(fresh.st, r->log.p + at, end - at) != 0)
			T_FAIL("load: %s", ferr_text());
		at = end;
	}
	T_OK(!state_dirty(fresh.st));
	equal(&fresh, &r->barrier, lo, hi, false);
	state_free(fresh.st);
}

static void
copy_slice(struct run *r)
{
	bool done;
	size_t max = draw(3) == 0 ? 1 : draw(4000);

	T_INT(state_copy(r->s.st, &r->log, max, &done), 0);
	if (!done)
		return;
	r->copying = false;
	r->epochs++;
	restore(r, 0, GROUPS - 1);
	if (draw(4) == 0)
		restore(r, 2, 4);
}

static void
barrier(struct run *r)
{
	bool full = draw(5) == 0;

	r->aborts += r->copying;
	T_INT(state_barrier(r->s.st, full), 0);
	T_OK(!state_dirty(r->s.st));
	r->barrier = r->now;
	r->copying = true;
}

static void
one_call(struct run *r)
{
	int m = (int)draw(NMAPS);
	int64_t ns = draw(NSPACES);
	unsigned key = draw(NKEYS), what = draw(1000);

	if (what < 4)
		drop_ns(r, m, ns);
	else if (what < 8)
		walk(r, m, ns);
	else if (what < (r->copying ? 10u : 20u))
		barrier(r);
	else if (what < 60 && r->copying)
		copy_slice(r);
	else if (what < 80)
		T_INT(state_relieve(r->s.st), 0);
	else if (what < 700)
		change(r, m, ns, key);
	else
		drop(r, m, ns, key);
}

static void
random_run(uint64_t from, int calls, int64_t mem)
{
	static struct run r;

	seed = from;
	spread = draw(2) != 0 ? UINT64_MAX : 1 + draw(60);
	r = (struct run){ .log = BUF_INIT };
	for (unsigned i = 0; i < NKEYS; i++) {
		le16put((uint8_t *)text[i], (uint16_t)draw(GROUPS));
		sprintf(text[i] + 2, "%u%.*s", i, (int)draw(60),
			" ..........................................................");
	}
	side_open(&r.s, 0, GROUPS - 1, mem);
	for (int i = 0; i < calls && t_bad == 0; i++) {
		one_call(&r);
		if (i % 500 == 499)
			equal(&r.s, &r.now, 0, GROUPS - 1, true);
	}
	T_OK(r.epochs > 0);
	if (t_bad != 0)
		printf("# seed %" PRIu64 ", %d epochs, %d aborted\n", from, r.epochs, r.aborts);
	state_free(r.s.st);
	buf_fini(&r.log);
}

static void
random_runs(int64_t mem)
{
	const char *e = getenv("SEED");
	uint64_t first = e != NULL ? strtoull(e, NULL, 10) : 1, n = e != NULL ? 1 : 30;

	printf("# seeds %" PRIu64 "..%" PRIu64 "; one alone with SEED=N\n", first, first + n - 1);
	for (; n > 0 && t_bad == 0; n--)
		random_run(first++, 4000, mem);
}

T(what_was_copied_makes_the_state_at_the_barrier_again)
{
	random_runs(MEM);
}

T(so_it_does_when_most_of_it_does_not_fit_into_memory)
{
	random_runs(40000);
}

T(so_it_does_when_nearly_nothing_fits)
{
	random_runs(5000);
}

/* ---- records ---- */

/* A state of one map with two entries, as records. */
static void
two_entries(struct buf *out, const struct state_type *type)
{
	const struct state_conf conf = { .groups = GROUPS, .hi = GROUPS - 1, .mem = MEM };
	struct state *st;
	struct state_map *map;
	bool fresh, done = false;

	T_INT(state_new(&st, &conf), 0);
	T_INT(state_map_open(st, &map, type), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct state_key k = { i, (const uint8_t *)"key", 3 };

		T_OK(state_put(map, 5, &k, &fresh) != NULL);
	}
	T_INT(state_barrier(st, false), 0);
	while (!done)
		T_INT(state_copy(st, out, 1, &done), 0);
	state_free(st);
}

static int
load_as(const struct buf *b, size_t n, const struct state_type *type)
{
	const struct state_conf conf = { .groups = GROUPS, .hi = GROUPS - 1, .mem = MEM };
	struct state *st;
	struct state_map *map;
	int rc;

	T_INT(state_new(&st, &conf), 0);
	T_INT(state_map_open(st, &map, type), 0);
	rc = state_load(st, b->p, n);
	if (rc == 0)
		T_INT(state_ns_count(map, 5), 2);
	state_free(st);
	return rc;
}

T(records_of_another_map_version_or_size_are_refused)
{
	struct state_type t = types[PLAIN];
	struct buf b = BUF_INIT;

	two_entries(&b, &t);
	T_INT(load_as(&b, b.n, &t), 0);
	t.name = "other";
	T_INT(load_as(&b, b.n, &t), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "'plain'") != NULL);
	t = types[PLAIN];
	t.version = 2;
	T_INT(load_as(&b, b.n, &t), FERR_CORRUPT);
	T_OK(strstr(ferr_text(), "version 1, this is 2") != NULL);
	t = types[PLAIN];
	t.size += 8;
	T_INT(load_as(&b, b.n, &t), FERR_CORRUPT);
	buf_fini(&b);
}

T(a_record_that_is_cut_off_or_of_no_kind_is_corrupt)
{
	struct buf b = BUF_INIT;
	size_t whole = 0;
	struct state_rec r;

	two_entries(&b, &types[PLAIN]);
	for (size_t n = 1; n < b.n; n++) {
		while (whole + (size_t)state_rec_decode(&r, b.p + whole, b.n - whole) <= n)
			whole += (size_t)state_rec_decode(&r, b.p + whole, b.n - whole);
		if (n != whole)
			T_INT(load_as(&b, n, &types[PLAIN]), FERR_CORRUPT);
	}
	for (int i = 0; i < 256; i++) {
		b.p[4] = (uint8_t)i;
		if (i != 4)
			T_INT(load_as(&b, b.n, &types[PLAIN]), FERR_CORRUPT);
	}
	buf_fini(&b);
}

T(an_epoch_without_changes_has_no_records)
{
	const struct state_conf conf = { .groups = GROUPS, .hi = GROUPS - 1, .mem = MEM };
	struct state_key k = { 1, (const uint8_t *)"key", 3 };
	struct state *st;
	struct state_map *map;
	struct buf b = BUF_INIT;
	bool fresh, done;

	T_INT(state_new(&st, &conf), 0);
	T_INT(state_map_open(st, &map, &types[PLAIN]), 0);
	for (int i = 0; i < 4; i++) {
		size_t n = b.n;

		if (i == 1)
			T_OK(state_put(map, 5, &k, &fresh) != NULL);
		T_OK(state_dirty(st) == (i == 1));
		T_INT(state_barrier(st, false), 0);
		T_INT(state_copy(st, &b, 1 << 20, &done), 0);
		T_OK(done);
		T_OK((b.n > n) == (i == 1));
	}
	state_free(st);
	buf_fini(&b);
}

T(slices_are_about_as_large_as_asked_for)
{
	const struct state_conf conf = { .groups = GROUPS, .hi = GROUPS - 1, .mem = MEM };
	struct state *st;
	struct state_map *map;
	struct buf b = BUF_INIT;
	bool fresh, done = false;

	T_INT(state_new(&st, &conf), 0);
	T_INT(state_map_open(st, &map, &types[PLAIN]), 0);
	for (uint64_t i = 0; i < 5000; i++) {
		struct state_key k = { key_hash(&i, 8), (const uint8_t *)&i, 8 };

		T_OK(state_put(map, 0, &k, &fresh) != NULL);
	}
	T_INT(state_barrier(st, true), 0);
	while (!done) {
		b.n = 0;
		T_INT(state_copy(st, &b, 1000, &done), 0);
		T_OK(b.n > 0 && b.n < 1200);
	}
	T_OK(state_size(st) >= 5000 * (STATE_REC_HDR + 24 + 8));
	state_free(st);
	buf_fini(&b);
}

T_MAIN
