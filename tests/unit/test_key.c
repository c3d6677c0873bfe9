/* Canonical key bytes: the golden file, and the way back. */
#include <ctype.h>

#include "row/key.h"
#include "t.h"

static struct buf arena; /* texts of the values of one line; made large enough once */

/* One value of the golden file: "TYPE TEXT". */
static bool
read_val(const char *s, struct val *v)
{
	size_t type = strcspn(s, " *");
	const char *text = strchr(s, ' ');
	long times = s[type] == '*' ? strtol(s + type + 1, NULL, 10) : 1;

	text = text == NULL ? "" : text + 1;
	*v = (struct val){ .t = VAL_ABSENT };
	for (uint8_t t = 0; t <= VAL_TYPE_MAX; t++) {
		if (strncmp(val_type_name(t), s, type) == 0 && val_type_name(t)[type] == '\0')
			v->t = t;
	}
	if (v->t == VAL_I64 || v->t == VAL_TIME) {
		v->i = strtoll(text, NULL, 10);
	} else if (v->t == VAL_F64) {
		v->f = strtod(text, NULL);
	} else if (v->t == VAL_BOOL) {
		v->i = text[0] == 't';
	} else if (v->t >= VAL_STR) {
		v->s = (char *)arena.p + arena.n;
		while (times-- > 0)
			buf_puts(&arena, text);
		v->n = (uint32_t)((char *)arena.p + arena.n - v->s);
		if (v->t == VAL_BYTES) {
			uint8_t *to = (uint8_t *)v->s;

			for (uint32_t i = 0; i < v->n / 2; i++) {
				char two[3] = { text[2 * i], text[2 * i + 1], '\0' };

				to[i] = (uint8_t)strtoul(two, NULL, 16);
			}
			v->n /= 2;
		}
	}
	return v->t != VAL_ABSENT || strncmp(s, "absent", type) == 0;
}

static void
hex(const uint8_t *p, size_t n, struct buf *out)
{
	out->n = 0;
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%02x", p[i]);
	if (n == 0)
		buf_puts(out, "-");
}

/* Values of a line as a row keyed by all its fields; the key must be these bytes with this hash. */
static void
check_line(char *values, const char *want, uint64_t hash)
{
	struct buf row = BUF_INIT, key = BUF_INIT, text = BUF_INIT;
	struct val v[SCHEMA_KEY_MAX], back[SCHEMA_KEY_MAX];
	struct schema s;
	struct rowb w;
	unsigned n = 0;

	arena.n = 0;
	for (char *next; strcmp(values, "none") != 0 && values != NULL; values = next) {
		if ((next = strstr(values, " + ")) != NULL) {
			*next = '\0';
			next += 3;
		}
		if (!read_val(values, &v[n++]))
			T_FAIL("cannot read '%s'", values);
		if (next == NULL)
			break;
	}
	schema_init(&s);
	s.keyed = true;
	s.nkey = n;
	for (unsigned i = 0; i < n; i++)
		s.key[i] = (uint16_t)i;
	T_INT(rowb_begin(&w, &row, n, ROW_INSERT, 0), 0);
	for (unsigned i = 0; i < n; i++)
		T_INT(rowb_set(&w, i, &v[i]), 0);
	T_INT(rowb_end(&w), 0);
	T_INT(key_bytes(&s, row.p, &key), 0);
	hex(key.p, key.n, &text);
	T_STR(buf_cstr(&text), want);
	T_INT(key_hash(key.p, key.n), hash);

	/* The values that come back make the same key. */
	T_INT(key_values(key.p, key.n, n, back), 0);
	row.n = 0;
	T_INT(rowb_begin(&w, &row, n, ROW_INSERT, 0), 0);
	for (unsigned i = 0; i < n; i++)
		T_INT(rowb_set(&w, i, &back[i]), 0);
	T_INT(rowb_end(&w), 0);
	text.n = 0;
	T_INT(key_bytes(&s, row.p, &text), 0);
	T_MEM(text.p, text.n, key.p, key.n);
	buf_fini(&row);
	buf_fini(&key);
	buf_fini(&text);
}

T(golden)
{
	static char line[16384];
	FILE *f = fopen("tests/golden/key/keys.txt", "r");
	unsigned n = 0;

	T_OK(f != NULL);
	buf_room(&arena, sizeof(line));
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *key = strchr(line, '\t'), *hash = key != NULL ? strchr(key + 1, '\t') : NULL;
		int bad = t_bad;

		if (line[0] == '#' || hash == NULL)
			continue;
		*key++ = *hash++ = '\0';
		check_line(line, key, strtoull(hash, NULL, 16));
		if (t_bad != bad)
			printf("# in: %.60s\n", line);
		n++;
	}
	T_OK(n > 40);
	if (f != NULL)
		fclose(f);
	buf_fini(&arena);
}

T(parts_of_every_short_length)
{
	const char *s = "The quick brown fox jumps over the lazy dog.";
	struct buf b = BUF_INIT;

	for (size_t n = 0; n <= strlen(s); n++) {
		char *exact = malloc(n + 1); /* so that an over-read is seen */
		struct val v = val_text(VAL_STR, exact, n);

		memcpy(exact, s, n);
		b.n = 0;
		T_INT(key_part(&v, &b), 0);
		T_INT(b.n, n + 1);
		T_INT(b.p[0], VAL_STR);
		T_MEM(b.p + 1, b.n - 1, s, n);
		free(exact);
	}
	buf_fini(&b);
}

T(a_key_is_appended)
{
	struct buf b = BUF_INIT;
	struct val v = val_bool(true);

	buf_puts(&b, "before");
	key_part(&v, &b);
	T_MEM(b.p, b.n, "before\x02\x01", 8);
	buf_fini(&b);
}

T(what_is_no_key_is_refused)
{
	static const struct {
		const char *p;
		size_t n;
		unsigned parts;
	} bad[] = {
		{ "", 0, 1 },
		{ "\x00", 1, 1 }, /* absent is written as null */
		{ "\x01x", 2, 1 },
		{ "\x02", 1, 1 },
		{ "\x02\x02", 2, 1 },
		{ "\x03\x00\x00", 3, 1 },
		{ "\x04\x00\x00\x00\x00\x00\x00\xf0\x3f", 9, 1 }, /* 1.0 is written as i64 */
		{ "\x04\x00\x00\x00\x00\x00\x00\xf0\x7f", 9, 1 }, /* infinite */
		{ "\x08", 1, 1 },
		{ "\x09x", 2, 1 },
		{ "\x01", 1, 0 },
		{ "\x01\x00\x00\x00\x01", 5, 2 },
		{ "\x01\x00\x00\x00\x01\x02\x00\x00\x00\x01", 10, 2 },
		{ "\x01\x00\x00\x00\x01\x00\x00\x00\x00", 9, 2 },
		{ "\x01\x00\x00\x00\x01\x01\x00\x00\x00\x01x", 11, 2 },
		{ "\x01\x00\x00\x00\x01\x01\x00\x00", 8, 2 },
	};
	struct val v[2];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (key_values((const uint8_t *)bad[i].p, bad[i].n, bad[i].parts, v) !=
		    FERR_CORRUPT)
			T_FAIL("case %u was accepted", i);
	}
	T_INT(key_values(NULL, 0, 0, v), 0);
}

T(group_is_the_hash_modulo_groups)
{
	T_INT(key_group(UINT64_MAX, 128), 127);
	T_INT(key_group(1000, 1), 0);
	T_INT(key_group(259, 128), 3);
}

T_MAIN
