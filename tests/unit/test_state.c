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
	T_INT(state_new(&st, 128, mem), 0);
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
	T_INT(state_map_open(st, &second, &plain), 0);
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
	state_ns_drop(map, 2);
	T_INT(finished, 2);
	T_INT(state_ns_count(map, 2), 0);
	T_OK(find(2, k) == NULL);
	T_OK(state_ns_next(map, 2, &ns));
	T_INT(ns, 3);
	state_ns_drop(map, 2); /* not there: nothing happens */
	state_ns_drop(map, 99);
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
		state_drop(map, 0,
			   find(0, hashed(text[gone], home[gone] + ((uint64_t)gone << 32))));
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
	void **v = NULL;
	size_t cap = 0;

	begin(&plain, MEM);
	for (size_t i = 0; i < 8; i++)
		put(3, hashed(in[i].key, in[i].hash));
	T_INT(state_ns_values(map, 4, true, &v, &cap), 0);
	T_INT(state_ns_values(map, 3, false, &v, &cap), 8);
	T_INT(state_ns_values(map, 3, true, &v, &cap), 8);
	for (size_t i = 0; i < 8; i++) {
		struct state_key k = state_key_of(map, v[i]);

		T_MEM(k.p, k.n, want[i], strlen(want[i]));
	}
	free(v);
	end();
}

/* ---- memory ---- */

/* Put numbered keys of `len` bytes until there is no room; returns how many went in. */
static int
fill(int64_t ns, size_t len, int most)
{
	char text[4096];
	struct state_key k;
	bool fresh;
	int i;

	for (i = 0; i < most; i++) {
		memset(text, '.', len);
		sprintf(text, "%d", i);
		k = (struct state_key){ key_hash(text, len), (const uint8_t *)text, (uint32_t)len };
		if (state_put(map, ns, &k, &fresh) == NULL)
			break;
	}
	return i;
}

T(the_bound_on_memory_is_an_error_that_names_its_option)
{
	int n;

	begin(&plain, 1 << 20);
	n = fill(0, 20, 1000000);
	T_OK(n > 1000 && n < (1 << 20) / 44);
	T_OK(strstr(ferr_text(), "--mem") != NULL);
	end();
}

T(the_bound_counts_many_namespaces_of_one_key)
{
	bool fresh;
	int64_t ns = 0;
	struct state_key k = key("a");

	begin(&plain, 1 << 20);
	while (ns < 100000 && state_put(map, ns, &k, &fresh) != NULL)
		ns++;
	T_OK(ns > 100 && ns < (1 << 20) / 1100);
	end();
}

T(what_is_dropped_makes_room_in_namespaces_and_entries_of_any_size)
{
	static const size_t lens[] = { 20, 900, 1000, 1100, 4000 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		begin(&plain, 1 << 20);
		for (int64_t ns = 0; ns < 200; ns++) {
			T_INT(fill(ns, lens[i], 50), 50);
			state_ns_drop(map, ns);
		}
		for (int round = 0; round < 100; round++) {
			void **v = NULL;
			size_t cap = 0;

			T_INT(fill(0, lens[i], 50), 50);
			for (int64_t n = state_ns_values(map, 0, false, &v, &cap); n > 0; n--)
				state_drop(map, 0, v[n - 1]);
			free(v);
		}
		T_INT(state_ns_count(map, 0), 0);
		end();
	}
}

T(one_large_key_does_not_make_the_next_ones_large)
{
	static char text[900000];
	struct state_key k = { 1, (const uint8_t *)text, sizeof(text) };

	begin(&plain, 4 << 20);
	put(0, k);
	T_INT(fill(0, 20, 10000), 10000);
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

T(heap_that_a_value_owns_is_counted_and_given_back)
{
	struct state_key k = key("a");

	begin(&owning, 1 << 20);
	for (int i = 0; i < 100; i++) { /* by dropping the entry */
		T_INT(own(put(0, k), 500000), 0);
		state_drop(map, 0, find(0, k));
	}
	for (int i = 0; i < 100; i++) { /* by dropping the namespace */
		T_INT(own(put(i, k), 500000), 0);
		state_ns_drop(map, i);
	}
	T_INT(own(put(0, k), 500000), 0);
	T_INT(own(put(1, k), 600000), FERR_LIMIT);
	T_OK(strstr(ferr_text(), "--mem") != NULL);
	T_INT(state_account(st, -600000), 0);
	end();
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
	void **v = NULL;
	size_t cap = 0, want = 0;
	int64_t n = state_ns_values(map, ns, true, &v, &cap);
	bool ok = true;

	for (unsigned i = 0; i < NKEYS; i++)
		want += items[ns * NKEYS + i].there;
	ok = n == (int64_t)want && state_ns_count(map, ns) == want;
	for (int64_t i = 1; i < n && ok; i++) {
		struct state_key a = state_key_of(map, v[i - 1]), b = state_key_of(map, v[i]);
		int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

		ok = a.hash < b.hash || (a.hash == b.hash && (c < 0 || (c == 0 && a.n < b.n)));
	}
	free(v);
	return ok;
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
		state_ns_drop(map, ns);
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
		state_drop(map, ns, v);
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
