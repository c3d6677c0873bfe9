/* test_state_spill: keyed state that is larger than its bound on memory. */
#include "state/state.h"

#include <dirent.h>
#include <unistd.h>

#include "base/bytes.h"
#include "row/key.h"
#include "t.h"

#define MEM (1 << 20)

static struct state *st;
static struct state_map *map;
static char local[64];

/* A value: a number, and text on the heap. */
struct value {
	int64_t n;
	char *text;
};

static void
value_fini(void *cookie, void *value)
{
	(void)cookie;
	free(((struct value *)value)->text);
}

static size_t
value_memory(void *cookie, const void *value)
{
	const struct value *v = value;

	(void)cookie;
	return v->text != NULL ? strlen(v->text) + 1 : 0;
}

static int
value_encode(void *cookie, const void *value, struct buf *out)
{
	const struct value *v = value;
	uint8_t n[8];

	(void)cookie;
	le64put(n, (uint64_t)v->n);
	if (buf_put(out, n, 8) != 0)
		return FERR_NOMEM;
	return v->text != NULL ? buf_puts(out, v->text) : 0;
}

static int
value_decode(void *cookie, void *value, const uint8_t *p, size_t n)
{
	struct value *v = value;

	(void)cookie;
	v->n = (int64_t)le64get(p);
	if (n > 8 && (v->text = strndup((const char *)p + 8, n - 8)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	return 0;
}

static const struct state_type plain = { .name = "plain", .size = 32, .version = 1 };
static const struct state_type owning = { .name = "owning",
					  .size = sizeof(struct value),
					  .version = 1,
					  .fini = value_fini,
					  .encode = value_encode,
					  .decode = value_decode,
					  .memory = value_memory };

static void
begin(const struct state_type *type)
{
	struct state_conf conf = { .groups = 128, .lo = 0, .hi = 127, .mem = MEM, .local = local };

	sprintf(local, "/tmp/test_state_spill.%d", (int)getpid());
	T_INT(state_new(&st, &conf), 0);
	T_INT(state_map_open(st, &map, type), 0);
}

static void
end(void)
{
	state_free(st);
	rmdir(local);
}

static struct state_key
key(char *text, int64_t i, unsigned len)
{
	memset(text, '.', len);
	if (len >= 8)
		memcpy(text, &i, 8);
	return (struct state_key){ key_hash(text, len), (uint8_t *)text, len };
}

static int64_t *
put(int64_t ns, int64_t i, unsigned len)
{
	char text[4096];
	struct state_key k = key(text, i, len);
	bool fresh;
	int64_t *v = state_put(map, ns, &k, &fresh);

	T_OK(v != NULL);
	return v;
}

static int64_t *
find(int64_t ns, int64_t i, unsigned len)
{
	char text[4096];
	struct state_key k = key(text, i, len);

	return state_find(map, ns, &k);
}

/* Put `n` numbered keys; their values are their numbers. */
static void
fill(int64_t ns, int64_t n)
{
	for (int64_t i = 0; i < n && t_bad == 0; i++) {
		*put(ns, i, 16) = i;
		if (i % 100 == 0)
			T_INT(state_relieve(st), 0);
	}
	T_INT(state_relieve(st), 0);
}

/* How many entries a sorted walk gives; with `relieve`, memory is evicted on the way. */
static int64_t
walk(int64_t ns, bool relieve)
{
	struct state_walk w = { 0 };
	int64_t n = 0, *v;
	uint64_t last = 0;
	int rc;

	T_INT(state_walk_begin(&w, map, ns, true), 0);
	while ((v = state_walk_next(&w, &rc)) != NULL) {
		struct state_key k = state_key_of(map, v);
		int64_t i = (int64_t)le64get(k.p);

		T_INT(*v, i);
		T_OK(k.hash >= last);
		last = k.hash;
		n++;
		if (relieve && n % 50 == 0) {
			*put(99, n, 16) = n;
			T_INT(state_relieve(st), 0);
		}
	}
	T_INT(rc, 0);
	state_walk_end(&w);
	return n;
}

T(everything_is_found_again_and_can_be_changed)
{
	begin(&plain);
	fill(0, 60000);
	T_INT(state_ns_count(map, 0), 60000);
	for (int64_t i = 0; i < 60000 && t_bad == 0; i++) {
		int64_t *v = find(0, i, 16);

		T_OK(v != NULL && *v == i);
		if (i % 3 == 0)
			*put(0, i, 16) = -i;
		if (i % 100 == 0)
			T_INT(state_relieve(st), 0);
	}
	for (int64_t i = 60000; i-- > 0 && t_bad == 0;) {
		int64_t *v = find(0, i, 16);

		T_OK(v != NULL && *v == (i % 3 == 0 ? -i : i));
		if (i % 100 == 0)
			T_INT(state_relieve(st), 0);
	}
	T_OK(find(0, 60000, 16) == NULL);
	T_INT(state_error(st), 0);
	end();
}

T(what_is_dropped_stays_away)
{
	begin(&plain);
	fill(0, 40000);
	for (int64_t i = 0; i < 40000; i += 2) {
		T_INT(state_drop(map, 0, find(0, i, 16)), 0);
		if (i % 100 == 0)
			T_INT(state_relieve(st), 0);
	}
	T_INT(state_ns_count(map, 0), 20000);
	fill(1, 30000);
	for (int64_t i = 0; i < 40000 && t_bad == 0; i++) {
		T_OK((find(0, i, 16) != NULL) == (i % 2 != 0));
		if (i % 100 == 0)
			T_INT(state_relieve(st), 0);
	}
	T_INT(walk(0, false), 20000);
	end();
}

T(keys_of_any_length_and_large_values_go_out_and_come_back)
{
	char big[20001];
	struct value *v;

	begin(&owning);
	memset(big, 'x', 20000);
	for (unsigned i = 0; i < 400; i++) {
		v = (struct value *)put(0, i, 8 + 10 * i);
		v->n = i;
		big[50 * i] = '\0';
		v->text = strdup(big);
		big[50 * i] = 'x';
		T_INT(state_account(st, (int64_t)value_memory(NULL, v)), 0);
		T_INT(state_relieve(st), 0);
	}
	for (unsigned i = 0; i < 400 && t_bad == 0; i++) {
		v = (struct value *)find(0, i, 8 + 10 * i);
		T_OK(v != NULL && v->n == i && (i == 0 || strlen(v->text) == 50 * i));
		T_INT(state_relieve(st), 0);
	}
	end();
}

T(a_walk_goes_on_while_memory_is_evicted)
{
	begin(&plain);
	fill(7, 5000); /* fits when the walk begins */
	T_INT(walk(7, true), 5000);
	fill(7, 40000);
	T_INT(walk(7, true), 40000);
	T_INT(walk(7, false), 40000);
	T_INT(walk(8, false), 0);
	end();
}

T(namespaces_are_known_and_dropped_as_if_they_were_in_memory)
{
	int64_t ns;

	begin(&plain);
	for (int64_t i = 0; i < 50; i++)
		fill(i * 10, 1000);
	T_OK(state_ns_next(map, 1, &ns));
	T_INT(ns, 10);
	T_INT(state_ns_count(map, 0), 1000);
	for (int64_t i = 0; i < 50; i += 2)
		T_INT(state_ns_drop(map, i * 10), 0);
	T_OK(state_ns_next(map, INT64_MIN, &ns));
	T_INT(ns, 10);
	for (int64_t i = 0; i < 50; i++) {
		T_OK((find(i * 10, 999, 16) != NULL) == (i % 2 != 0));
		T_INT(walk(i * 10, false), i % 2 != 0 ? 1000 : 0);
		T_INT(state_relieve(st), 0);
	}
	for (int64_t i = 1; i < 50; i += 2)
		T_INT(state_ns_drop(map, i * 10), 0);
	T_OK(!state_ns_next(map, INT64_MIN, &ns));
	T_INT(state_relieve(st), 0);
	fill(0, 30000);
	T_INT(walk(0, false), 30000);
	end();
}

T(nothing_is_to_be_seen_in_the_directory)
{
	DIR *d;
	struct dirent *e;
	int names = 0;

	begin(&plain);
	fill(0, 40000);
	d = opendir(local);
	T_OK(d != NULL);
	while (d != NULL && (e = readdir(d)) != NULL)
		names += e->d_name[0] != '.';
	T_INT(names, 0);
	closedir(d);
	end();
}

T(a_directory_that_cannot_be_is_an_error_that_stays)
{
	struct state_conf conf = { .groups = 128, .hi = 127, .mem = MEM, .local = "/dev/null/no" };
	int rc = 0;

	T_INT(state_new(&st, &conf), 0);
	T_INT(state_map_open(st, &map, &plain), 0);
	for (int64_t i = 0; i < 40000 && rc == 0; i++) {
		*put(0, i, 16) = i;
		rc = state_relieve(st);
	}
	T_INT(rc, FERR_IO);
	T_OK(strstr(ferr_text(), "/dev/null/no") != NULL);
	T_INT(state_error(st), FERR_IO);
	T_INT(*find(0, 0, 16), 0);
	state_free(st);
}

T_MAIN
