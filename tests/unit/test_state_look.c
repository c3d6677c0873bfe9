/* test_state_look: what is read without the operator is what its state holds; random changes of two
 * subtasks over several epochs, dropped keys and namespaces, full copies, and few bytes of memory.
 */
#include "state/look.h"

#include "base/bytes.h"
#include "row/key.h"
#include "t.h"

#define GROUPS 16u
#define KEYS 400u

static uint64_t seed = 1;

static unsigned
rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static void
text_fini(void *cookie, void *value)
{
	(void)cookie;
	buf_fini(value);
}

static int
text_encode(void *cookie, const void *value, struct buf *out)
{
	const struct buf *b = value;

	(void)cookie;
	return buf_put(out, b->p, b->n);
}

static int
text_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	(void)cookie;
	return buf_put(value, p, n);
}

static const struct state_type texts = { .name = "texts",
					 .size = sizeof(struct buf),
					 .version = 3,
					 .fini = text_fini,
					 .encode = text_encode,
					 .decode = text_decode };
static const struct state_type numbers = { .name = "numbers", .size = 8, .version = 1 };
static const struct state_type grouped = {
	.name = "grouped", .size = 8, .version = 1, .grouped = true
};

struct sub {
	struct state *st;
	struct state_map *map[3];
	struct buf log;
	uint32_t lo, hi;
};

static void
sub_open(struct sub *s, uint32_t lo, uint32_t hi)
{
	const struct state_conf c = { .groups = GROUPS, .lo = lo, .hi = hi, .mem = 1 << 26 };

	*s = (struct sub){ .lo = lo, .hi = hi };
	T_INT(state_new(&s->st, &c), 0);
	T_INT(state_map_open(s->st, &s->map[0], &texts), 0);
	T_INT(state_map_open(s->st, &s->map[1], &numbers), 0);
	T_INT(state_map_open(s->st, &s->map[2], &grouped), 0);
}

static void
sub_close(struct sub *s)
{
	state_free(s->st);
	buf_fini(&s->log);
}

/* Key number i of map m; false: it belongs to the other subtask. */
static bool
key_of(const struct sub *s, unsigned m, unsigned i, struct state_key *k, uint8_t p[16])
{
	uint32_t group;

	le16put(p, (uint16_t)(i % GROUPS));
	le64put(p + 2, i);
	*k = (struct state_key){ key_hash(p, 10), p, 10 };
	group = m == 2 ? i % GROUPS : key_group(k->hash, GROUPS);
	return group >= s->lo && group <= s->hi;
}

static void
change(struct sub *s)
{
	unsigned m = rnd(3), len = rnd(60);
	int64_t ns = (int64_t)rnd(5) - 2;
	struct state_key k;
	uint8_t p[16];
	bool fresh;
	void *v;

	if (rnd(300) == 0) {
		T_INT(state_ns_drop(s->map[m], ns), 0);
		return;
	}
	if (!key_of(s, m, rnd(KEYS), &k, p))
		return;
	if (rnd(4) == 0) {
		if ((v = state_find(s->map[m], ns, &k)) != NULL)
			T_INT(state_drop(s->map[m], ns, v), 0);
		return;
	}
	v = state_put(s->map[m], ns, &k, &fresh);
	T_OK(v != NULL);
	if (m != 0) {
		*(uint64_t *)v = rnd(1000);
		return;
	}
	((struct buf *)v)->n = 0;
	for (unsigned i = 0; i < len; i++)
		T_INT(buf_putc(v, (uint8_t)rnd(256)), 0);
}

static void
epoch(struct sub *s, bool full)
{
	bool done = false;

	for (unsigned i = 0; i < 1500; i++)
		change(s);
	T_INT(state_barrier(s->st, full), 0);
	while (!done)
		T_INT(state_copy(s->st, &s->log, 4096, &done), 0);
}

/* Is it what the subtask holds?  Counts. */
static unsigned
compare(const struct state_seen *seen, struct sub *subs)
{
	unsigned m = strcmp(seen->map, "texts") == 0	 ? 0
		     : strcmp(seen->map, "numbers") == 0 ? 1
							 : 2;
	const void *v = NULL;

	for (unsigned i = 0; i < 2 && v == NULL; i++)
		v = state_find(subs[i].map[m], seen->ns, &seen->key);
	T_OK(v != NULL);
	T_INT(seen->version, m == 0 ? 3 : 1);
	if (v == NULL)
		return 0;
	if (m == 0) {
		const struct buf *b = v;

		T_OK(b->n == seen->n && (b->n == 0 || memcmp(b->p, seen->value, b->n) == 0));
	} else {
		T_OK(seen->n == 8 && memcmp(v, seen->value, 8) == 0);
	}
	return 1;
}

static unsigned
count(struct sub *s)
{
	unsigned n = 0;

	for (unsigned m = 0; m < 3; m++) {
		for (int64_t ns = -2; ns < 3; ns++)
			n += (unsigned)state_ns_count(s->map[m], ns);
	}
	return n;
}

static bool
is_even(void *cookie, const struct state_seen *s)
{
	(void)cookie;
	return (le64get(s->key.p + 2) & 1) == 0;
}

static struct state_look *
look_at(struct sub *subs, int64_t mem, bool (*want)(void *cookie, const struct state_seen *s))
{
	const struct state_look_conf conf = { .groups = GROUPS, .mem = mem, .want = want };
	struct state_look *l;

	T_INT(state_look_new(&l, &conf), 0);
	for (unsigned i = 0; i < 2; i++) {
		state_look_begin(l, subs[i].lo, subs[i].hi);
		T_INT(state_look_load(l, subs[i].log.p, subs[i].log.n), 0);
	}
	return l;
}

/* The order is that of look.h. */
static bool
before(const struct state_seen *a, const char *map, int64_t ns, uint64_t hash)
{
	int c = strcmp(map, a->map);

	return c != 0 ? c < 0 : ns != a->ns ? ns < a->ns : hash <= a->key.hash;
}

static void
random_changes(int64_t mem)
{
	struct sub subs[2];
	struct state_look *l;
	struct state_seen seen;
	char map[32] = "";
	int64_t ns = 0;
	uint64_t hash = 0;
	unsigned n = 0, even = 0, all;
	int rc;

	sub_open(&subs[0], 0, 7);
	sub_open(&subs[1], 8, 15);
	for (unsigned e = 0; e < 12; e++) {
		epoch(&subs[0], e == 5);
		epoch(&subs[1], e == 8);
	}
	all = count(&subs[0]) + count(&subs[1]);
	l = look_at(subs, mem, NULL);
	while ((rc = state_look_next(l, &seen)) == 1) {
		T_OK(before(&seen, map, ns, hash));
		snprintf(map, sizeof(map), "%s", seen.map);
		ns = seen.ns;
		hash = seen.key.hash;
		n += compare(&seen, subs);
		even += is_even(NULL, &seen);
	}
	T_INT(rc, 0);
	T_INT(n, all);
	T_OK(n > 500);
	state_look_free(l);
	l = look_at(subs, mem, is_even);
	for (n = 0; (rc = state_look_next(l, &seen)) == 1; n++)
		T_OK(is_even(NULL, &seen));
	T_INT(rc, 0);
	T_INT(n, even);
	state_look_free(l);
	sub_close(&subs[0]);
	sub_close(&subs[1]);
}

T(in_memory)
{
	random_changes(1 << 26);
}

T(in_a_file)
{
	random_changes(64 << 10);
}

/* After a rescale a subtask reads the logs of others: only its own groups count. */
T(other_groups)
{
	const struct state_look_conf conf = { .groups = GROUPS, .mem = 1 << 26 };
	struct sub old, subs[2];
	struct state_look *l;
	struct state_seen seen;
	unsigned n = 0;
	int rc;

	sub_open(&old, 0, 15);
	epoch(&old, false);
	sub_open(&subs[0], 0, 7);
	sub_open(&subs[1], 8, 15);
	T_INT(state_look_new(&l, &conf), 0);
	for (unsigned i = 0; i < 2; i++) {
		T_INT(state_load(subs[i].st, old.log.p, old.log.n), 0);
		epoch(&subs[i], i == 1);
		state_look_begin(l, subs[i].lo, subs[i].hi);
		T_INT(state_look_load(l, old.log.p, old.log.n), 0);
		T_INT(state_look_load(l, subs[i].log.p, subs[i].log.n), 0);
	}
	while ((rc = state_look_next(l, &seen)) == 1)
		n += compare(&seen, subs);
	T_INT(rc, 0);
	T_INT(n, count(&subs[0]) + count(&subs[1]));
	state_look_free(l);
	sub_close(&old);
	sub_close(&subs[0]);
	sub_close(&subs[1]);
}

/* Records of a map that has not been named, and what is cut off. */
T(damage)
{
	const struct state_look_conf conf = { .groups = GROUPS, .mem = 1 << 26 };
	struct state_look *l;
	struct state_rec r;
	struct sub s;
	size_t named = 0;
	int64_t len;

	sub_open(&s, 0, 15);
	epoch(&s, false);
	while ((len = state_rec_decode(&r, s.log.p + named, s.log.n - named)) > 0 && r.kind > 2)
		named += (size_t)len;
	T_INT(state_look_new(&l, &conf), 0);
	T_INT(state_look_load(l, s.log.p + named, (size_t)len), FERR_CORRUPT);
	T_INT(state_look_load(l, s.log.p, s.log.n - 1), FERR_CORRUPT);
	state_look_free(l);
	sub_close(&s);
}

T_MAIN
