/* test_state: keyed state against its contract, and random calls against an array that is searched
 * from end to end. */
#include "state/state.h"

#include "row/key.h"
#include "t.h"

#define MEM (1 << 28)

/* A value: a number, and bytes on the heap that some types own. */
struct value {
	int64_t n;
	uint8_t *heap;
	size_t nheap;
};

static int finished; /* calls of fini */

static void
value_fini(void *cookie, void *value)
{
	struct value *v = value;

	(void)cookie;
	finished++;
	free(v->heap);
}

static size_t
value_memory(void *cookie, const void *value)
{
	(void)cookie;
	return ((const struct value *)value)->nheap;
}

static const struct state_type plain = { .name = "plain",
					 .size = sizeof(struct value),
					 .version = 1 };
static const struct state_type other = { .name = "other",
					 .size = sizeof(struct value),
					 .version = 1 };
static const struct state_type owning = { .name = "owning",
					  .size = sizeof(struct value),
					  .version = 1,
					  .fini = value_fini,
					  .memory = value_memory };

static struct state *st;
static struct state_map *map;

static void
begin(const struct state_type *type, int64_t mem)
{
	const struct state_conf conf = { .groups = 128, .lo = 0, .hi = 127, .mem = mem };

	T_INT(state_new(&st, &conf), 0);
	T_INT(state_map_open(st, &map, type), 0);
}

static void
end(void)
{
	state_free(st);
	st = NULL;
}

/* A key of text; its hash is the real one, or what the test wants. */
static struct state_key
key(const char *s)
{
	return (struct state_key){ key_hash(s, strlen(s)), (const uint8_t *)s,
				   (uint32_t)strlen(s) };
}

static struct state_key
hashed(const char *s, uint64_t hash)
{
	struct state_key k = key(s);

	k.hash = hash;
	return k;
}

static struct value *
put(int64_t ns, struct state_key k)
{
	bool fresh;
	struct value *v = state_put(map, ns, &k, &fresh);

	T_OK(v != NULL);
	return v;
}

static struct value *
find(int64_t ns, struct state_key k)
{
	return state_find(map, ns, &k);
}

static int
walk_count(int64_t ns, bool sorted)
{
	struct state_walk w = { 0 };
	int n = 0, rc;

	T_INT(state_walk_begin(&w, map, ns, sorted), 0);
	while (state_walk_next(&w, &rc) != NULL)
		n++;
	T_INT(rc, 0);
	state_walk_end(&w);
	return n;
}

T(put_makes_a_zero_value_once_and_finds_it_again)
{
	struct state_key k = key("a");
	struct value *v;
	bool fresh = false;

	begin(&plain, MEM);
	T_OK(find(7, k) == NULL);
	v = state_put(map, 7, &k, &fresh);
	T_OK(fresh);
	T_INT(v->n, 0);
	T_OK(v->heap == NULL);
	v->n = 42;
	T_OK(state_put(map, 7, &k, &fresh) == v);
	T_OK(!fresh);
	T_OK(find(7, k) == v);
	T_INT(v->n, 42);
	T_OK(find(7, key("b")) == NULL);
	end();
}

T(the_key_is_copied_and_comes_back_whole)
{
	char text[3000];
	struct state_key k, back;

	begin(&plain, MEM);
	for (size_t n = 0; n < sizeof(text); n += n < 40 ? 1 : 371) {
		memset(text, 'x', sizeof(text));
		k = (struct state_key){ key_hash(text, n), (const uint8_t *)text, (uint32_t)n };
		put(0, k)->n = (int64_t)n;
		memset(text, 'y', sizeof(text)); /* the caller's bytes may change */
		memset(text, 'x', n);
		back = state_key_of(map, find(0, k));
		T_MEM(back.p, back.n, text, n);
		T_OK(back.hash == k.hash);
	}
	end();
}

T(no_key_is_a_key_also_without_bytes)
{
	struct state_key none = { key_hash(NULL, 0), NULL, 0 };

	begin(&plain, MEM);
	put(0, none)->n = 1;
	T_INT(put(0, none)->n, 1);
	T_INT(find(0, none)->n, 1);
	T_INT(state_key_of(map, find(0, none)).n, 0);
	end();
}

T(keys_with_one_hash_are_told_apart)
{
	begin(&plain, MEM);
	put(0, hashed("a", 5))->n = 1;
	put(0, hashed("b", 5))->n = 2;
	put(0, hashed("ab", 5))->n = 3;
	put(0, hashed("", 5))->n = 4;
	T_INT(find(0, hashed("a", 5))->n, 1);
	T_INT(find(0, hashed("b", 5))->n, 2);
	T_INT(find(0, hashed("ab", 5))->n, 3);
	T_INT(find(0, hashed("", 5))->n, 4);
	T_OK(find(0, hashed("c", 5)) == NULL);
	T_OK(find(0, hashed("a", 6)) == NULL);
	end();
}

T(namespaces_and_maps_are_apart)
{
	struct state_map *first, *second;
	struct state_key k = key("a");
	bool fresh;

	begin(&plain, MEM);
	first = map;
	T_INT(state_map_open(st, &second, &other), 0);
	put(1, k)->n = 1;
	put(2, k)->n = 2;
	put(INT64_MIN, k)->n = 3;
	put(INT64_MAX, k)->n = 4;
	T_INT(find(1, k)->n, 1);
	T_INT(find(2, k)->n, 2);
	T_INT(find(INT64_MIN, k)->n, 3);
	T_INT(find(INT64_MAX, k)->n, 4);
	T_OK(state_find(second, 1, &k) == NULL);
	T_OK(state_put(second, 1, &k, &fresh) != find(1, k));
	T_OK(fresh);
	T_OK(map == first);
	end();
}

T(the_next_namespace_is_the_smallest_one_not_below)
{
	static const int64_t in[] = { 50, -10, 0, 1000, 50, INT64_MIN, 20 };
	int64_t ns;

	begin(&plain, MEM);
	T_OK(!state_ns_next(map, INT64_MIN, &ns));
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		put(in[i], key("a"));
	T_OK(state_ns_next(map, INT64_MIN, &ns));
	T_INT(ns, INT64_MIN);
	T_OK(state_ns_next(map, INT64_MIN + 1, &ns));
	T_INT(ns, -10);
	T_OK(state_ns_next(map, 20, &ns));
	T_INT(ns, 20);
	T_OK(state_ns_next(map, 21, &ns));
	T_INT(ns, 50);
	T_OK(state_ns_next(map, 1000, &ns));
	T_OK(!state_ns_next(map, 1001, &ns));
	end();
}

T(a_dropped_namespace_is_gone_the_others_stay)
{
	struct state_key k = key("a");
	int64_t ns;

	finished = 0;
	begin(&owning, MEM);
	for (int64_t i = 0; i < 5; i++)
		put(i, k)->n = i;
	put(2, key("b"));
	T_INT(state_ns_count(map, 2), 2);
	T_INT(state_ns_drop(map, 2), 0);
	T_INT(finished, 2);
	T_INT(state_ns_count(map, 2), 0);
	T_OK(find(2, k) == NULL);
	T_OK(state_ns_next(map, 2, &ns));
	T_INT(ns, 3);
	T_INT(state_ns_drop(map, 2), 0); /* not there: nothing happens */
	T_INT(state_ns_drop(map, 99), 0);
	T_INT(find(3, k)->n, 3);
	T_INT(find(1, k)->n, 1);
	put(2, k);
	T_INT(find(2, k)->n, 0);
	end();
	T_INT(finished, 2 + 5);
}

T(values_do_not_move_while_the_table_grows)
{
	static struct value *at[20000];
	char text[16];

	begin(&plain, MEM);
	for (int i = 0; i < 20000; i++) {
		sprintf(text, "key %d", i);
		at[i] = put(0, key(text));
		at[i]->n = i;
	}
	T_INT(state_ns_count(map, 0), 20000);
	for (int i = 0; i < 20000; i++) {
		sprintf(text, "key %d", i);
		if (find(0, key(text)) == at[i] && at[i]->n == i)
			continue;
		T_FAIL("key %d moved or was lost", i);
		break;
	}
	end();
}

/* Hashes that share a home slot at the end of the table, so that a run of them wraps around. */
T(dropping_moves_up_what_follows_also_around_the_end)
{
	static const uint64_t home[] = { 14, 14, 15, 14, 0, 15, 1, 14 };
	char text[8][2];

	for (unsigned gone = 0; gone < 8; gone++) {
		begin(&plain, MEM);
		for (unsigned i = 0; i < 8; i++) {
			sprintf(text[i], "%u", i);
			put(0, hashed(text[i], home[i] + ((uint64_t)i << 32)))->n = i;
		}
		T_INT(state_drop(map, 0,
				 find(0, hashed(text[gone], home[gone] + ((uint64_t)gone << 32)))),
		      0);
		T_INT(state_ns_count(map, 0), 7);
		for (unsigned i = 0; i < 8; i++) {
			struct value *v = find(0, hashed(text[i], home[i] + ((uint64_t)i << 32)));

			if (i == gone ? v != NULL : v == NULL || v->n != (int64_t)i)
				T_FAIL("without %u: %u is wrong", gone, i);
		}
		end();
	}
}

T(sorted_is_by_hash_then_key_bytes_shorter_first)
{
	static const struct {
		const char *key;
		uint64_t hash;
	} in[] = { { "b", 7 }, { "a", UINT64_MAX }, { "ab", 7 }, { "z", 1 },
		   { "a", 7 }, { "\xff", 7 },	    { "", 7 },	 { "c", 1ULL << 63 } };
	static const char *const want[] = { "z", "", "a", "ab", "b", "\xff", "c", "a" };
	struct state_walk w = { 0 };
	int rc;

	begin(&plain, MEM);
	for (size_t i = 0; i < 8; i++)
		put(3, hashed(in[i].key, in[i].hash));
	T_INT(walk_count(4, true), 0);
	T_INT(walk_count(3, false), 8);
	T_INT(state_walk_begin(&w, map, 3, true), 0);
	for (size_t i = 0; i < 8; i++) {
		struct state_key k = state_key_of(map, state_walk_next(&w, &rc));

		T_MEM(k.p, k.n, want[i], strlen(want[i]));
	}
	T_OK(state_walk_next(&w, &rc) == NULL);
	T_INT(rc, 0);
	state_walk_end(&w);
	state_walk_end(&w); /* harmless */
	end();
}

/* ---- names ---- */

T(names_of_maps_are_short_and_different)
{
	struct state_type t = plain;
	struct state_map *m;

	begin(&plain, MEM);
	T_INT(state_map_open(st, &m, &plain), FERR_USAGE);
	t.name = "";
	T_INT(state_map_open(st, &m, &t), FERR_USAGE);
	t.name = "12345678901234567890123456789012";
	T_INT(state_map_open(st, &m, &t), FERR_USAGE);
	t.name++;
	T_INT(state_map_open(st, &m, &t), 0);
	end();
}

T(a_namespace_is_there_while_it_has_entries)
{
	struct state_key k = key("a");
	int64_t ns;

	begin(&plain, MEM);
	put(5, k);
	T_INT(state_drop(map, 5, find(5, k)), 0);
	T_OK(!state_ns_next(map, INT64_MIN, &ns));
	put(5, k);
	T_OK(state_ns_next(map, INT64_MIN, &ns));
	T_INT(ns, 5);
	end();
}

T(what_is_not_there_is_no_error)
{
	begin(&plain, MEM);
	ferr(FERR_IO, "an old text");
	T_OK(find(0, key("a")) == NULL);
	T_STR(ferr_text(), "");
	T_INT(state_error(st), 0);
	end();
}

T(a_value_larger_than_the_bound_is_an_error_that_stays)
{
	static char text[70000];
	struct state_key k = { 1, (const uint8_t *)text, sizeof(text) };
	bool fresh;

	begin(&plain, 1 << 16);
	T_OK(state_put(map, 0, &k, &fresh) == NULL);
	T_INT(state_error(st), FERR_LIMIT);
	T_OK(strstr(ferr_text(), "--mem") != NULL);
	T_OK(find(0, key("a")) == NULL);
	T_INT(state_error(st), FERR_LIMIT);
	end();
}

/* Give a value n bytes of heap, as an aggregate does. */
static int
own(struct value *v, size_t n)
{
	v->heap = realloc(v->heap, n);
	T_OK(v->heap != NULL);
	v->nheap += n;
	return state_account(st, (int64_t)n);
}

/* ---- random calls against a simple model ---- */

struct item {
	int64_t ns;
	unsigned key;
	int64_t n;
	bool there;
};
#define NSPACES 4
#define NKEYS 300

static struct item items[NSPACES * NKEYS];
static uint64_t seed;

static unsigned
draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static char text[NKEYS][80];
static uint64_t spread; /* few distinct hashes make long runs and many ties */

static struct state_key
numbered(unsigned i)
{
	return hashed(text[i], key_hash(text[i], strlen(text[i])) % spread * (UINT64_MAX / spread));
}

static bool
check_sorted(int64_t ns)
{
	struct state_walk w = { 0 };
	size_t want = 0, n = 0;
	struct state_key a = { 0 }, b;
	void *v;
	bool ok = true;
	int rc, c;

	for (unsigned i = 0; i < NKEYS; i++)
		want += items[ns * NKEYS + i].there;
	T_INT(state_walk_begin(&w, map, ns, true), 0);
	for (; (v = state_walk_next(&w, &rc)) != NULL; a = b, n++) {
		b = state_key_of(map, v);
		if (n == 0)
			continue;
		c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
		ok = ok &&
		     (a.hash < b.hash || (a.hash == b.hash && (c < 0 || (c == 0 && a.n < b.n))));
	}
	T_INT(rc, 0);
	state_walk_end(&w);
	return ok && n == want && state_ns_count(map, ns) == want;
}

static bool
check_all(void)
{
	for (unsigned i = 0; i < NSPACES * NKEYS; i++) {
		struct value *v = find(i / NKEYS, numbered(i % NKEYS));

		if (items[i].there ? v == NULL || v->n != items[i].n : v != NULL)
			return false;
	}
	for (int64_t ns = 0; ns < NSPACES; ns++) {
		if (!check_sorted(ns))
			return false;
	}
	return true;
}

static void
one_call(void)
{
	unsigned ns = draw(NSPACES), k = draw(NKEYS), what = draw(1000);
	struct item *it = &items[ns * NKEYS + k];
	struct state_key sk = numbered(k);
	struct value *v;
	bool fresh;

	if (what == 0) {
		T_INT(state_ns_drop(map, ns), 0);
		for (k = 0; k < NKEYS; k++)
			items[ns * NKEYS + k].there = false;
	} else if (what < 600) {
		v = state_put(map, ns, &sk, &fresh);
		T_OK(v != NULL && fresh == !it->there);
		it->n = fresh ? 0 : it->n;
		T_INT(v->n, it->n);
		it->there = true;
		v->n = it->n = (int64_t)draw(1000000);
		if (v->heap == NULL)
			own(v, 1 + draw(100));
	} else if ((v = state_find(map, ns, &sk)) != NULL) {
		T_OK(it->there);
		T_INT(state_drop(map, ns, v), 0);
		it->there = false;
	}
}

static void
random_calls(uint64_t from)
{
	seed = from;
	spread = draw(2) != 0 ? UINT64_MAX : 1 + draw(60);
	memset(items, 0, sizeof(items));
	for (unsigned i = 0; i < NKEYS; i++)
		sprintf(text[i], "%.*s%u", (int)draw(60),
			"............................................................", i);
	begin(&owning, MEM);
	for (int i = 0; i < 6000 && t_bad == 0; i++) {
		one_call();
		if (i % 500 == 499 && !check_all())
			T_FAIL("state and model differ after %d calls", i + 1);
	}
	if (t_bad != 0)
		printf("# seed %" PRIu64 "\n", from);
	end();
}

T(random_calls_equal_a_simple_model)
{
	const char *e = getenv("SEED");
	uint64_t first = e != NULL ? strtoull(e, NULL, 10) : 1, n = e != NULL ? 1 : 40;

	printf("# seeds %" PRIu64 "..%" PRIu64 "; one alone with SEED=N\n", first, first + n - 1);
	for (; n > 0 && t_bad == 0; n--)
		random_calls(first++);
}

T_MAIN
