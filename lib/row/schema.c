/* schema: see schema.h. */
#include "row/schema.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/text.h"

#define WIRE_HDR 8u	  /* flags, nkey, n, groups */
#define WIRE_FIELD_HDR 4u /* flags, 0, length of the name */
enum { WIRE_KEYED = 1, WIRE_CHANGING = 2 };

void
schema_init(struct schema *s)
{
	*s = (struct schema){ 0 };
}

void
schema_fini(struct schema *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free(s->f[i].name);
	free(s->f);
	free(s->index);
	schema_init(s);
}

static void
index_put(uint32_t *index, unsigned cap, uint32_t hash, unsigned field)
{
	unsigned i = hash & (cap - 1);

	while (index[i] != 0)
		i = (i + 1) & (cap - 1);
	index[i] = field + 1;
}

/* Make room for one more field, in the array and in the index (at most half full). */
static int
grow(struct schema *s)
{
	if (s->n == s->cap) {
		unsigned cap = s->cap != 0 ? 2 * s->cap : 16;
		struct field *f = realloc(s->f, cap * sizeof(*f));

		if (f == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		s->f = f;
		s->cap = cap;
	}
	if (2 * (s->n + 1) > s->index_cap) {
		unsigned cap = s->index_cap != 0 ? 2 * s->index_cap : 64;
		uint32_t *index = calloc(cap, sizeof(*index));

		if (index == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		for (unsigned i = 0; i < s->n; i++) {
			if (!(s->f[i].flags & FIELD_HIDDEN))
				index_put(index, cap, s->f[i].hash, i);
		}
		free(s->index);
		s->index = index;
		s->index_cap = cap;
	}
	return 0;
}

static int
append(struct schema *s, const char *name, size_t n, uint8_t flags)
{
	struct field *f;
	char *copy;
	int rc;

	if (s->n == SCHEMA_MAX)
		return ferr(FERR_LIMIT, "more than %d different fields in one stream", SCHEMA_MAX);
	if (n > SCHEMA_NAME_MAX)
		return ferr(FERR_LIMIT, "a field name of %zu bytes; at most %d are possible", n,
			    SCHEMA_NAME_MAX);
	if ((rc = grow(s)) != 0)
		return rc;
	if ((copy = malloc(n + 1)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if (n != 0)
		memcpy(copy, name, n);
	copy[n] = '\0';
	f = &s->f[s->n];
	*f = (struct field){
		.name = copy, .n = (uint32_t)n, .hash = (uint32_t)hash64(name, n), .flags = flags
	};
	if (!(flags & FIELD_HIDDEN))
		index_put(s->index, s->index_cap, f->hash, s->n);
	return (int)s->n++;
}

int
schema_find(const struct schema *s, const char *name, size_t n)
{
	uint32_t hash = (uint32_t)hash64(name, n);
	unsigned mask = s->index_cap - 1;

	if (s->index == NULL)
		return -1;
	for (unsigned i = hash & mask; s->index[i] != 0; i = (i + 1) & mask) {
		const struct field *f = &s->f[s->index[i] - 1];

		if (f->hash == hash && f->n == n && memcmp(f->name, name, n) == 0)
			return (int)(s->index[i] - 1);
	}
	return -1;
}

int
schema_add(struct schema *s, const char *name, size_t n)
{
	int i = schema_find(s, name, n);

	return i >= 0 ? i : append(s, name, n, 0);
}

int
schema_add_hidden(struct schema *s, const char *name, size_t n)
{
	return append(s, name, n, FIELD_HIDDEN);
}

int
schema_copy(struct schema *dst, const struct schema *src)
{
	struct schema s;
	int rc;

	schema_init(&s);
	for (unsigned i = 0; i < src->n; i++) {
		if ((rc = append(&s, src->f[i].name, src->f[i].n, src->f[i].flags)) < 0) {
			schema_fini(&s);
			return rc;
		}
	}
	s.keyed = src->keyed;
	s.nkey = src->nkey;
	memcpy(s.key, src->key, sizeof(s.key));
	s.groups = src->groups;
	s.changing = src->changing;
	schema_fini(dst);
	*dst = s;
	return 0;
}

const char *
schema_near(const struct schema *s, const char *name)
{
	const char **names = malloc((s->n + 1) * sizeof(*names));
	const char *near;
	size_t n = 0;

	if (names == NULL)
		return NULL;
	for (unsigned i = 0; i < s->n; i++) {
		if (!(s->f[i].flags & FIELD_HIDDEN))
			names[n++] = s->f[i].name;
	}
	near = near_word(name, names, n);
	free(names);
	return near;
}

bool
schema_extends(const struct schema *s, const struct schema *old)
{
	if (s->n < old->n || s->keyed != old->keyed || (old->changing && !s->changing) ||
	    s->nkey != old->nkey || s->groups != old->groups ||
	    memcmp(s->key, old->key, s->nkey * sizeof(s->key[0])) != 0)
		return false;
	for (unsigned i = 0; i < old->n; i++) {
		const struct field *a = &s->f[i], *b = &old->f[i];

		if (a->n != b->n || a->flags != b->flags || memcmp(a->name, b->name, a->n) != 0)
			return false;
	}
	return true;
}

int
schema_encode(const struct schema *s, struct buf *out)
{
	size_t need = WIRE_HDR + 2 * s->nkey;
	uint8_t *p;

	for (unsigned i = 0; i < s->n; i++)
		need += WIRE_FIELD_HDR + s->f[i].n;
	if (buf_room(out, need) != 0)
		return FERR_NOMEM;
	p = out->p + out->n;
	p[0] = (uint8_t)((s->keyed ? WIRE_KEYED : 0) | (s->changing ? WIRE_CHANGING : 0));
	p[1] = (uint8_t)s->nkey;
	le16put(p + 2, (uint16_t)s->n);
	le32put(p + 4, s->groups);
	p += WIRE_HDR;
	for (unsigned i = 0; i < s->nkey; i++, p += 2)
		le16put(p, s->key[i]);
	for (unsigned i = 0; i < s->n; i++) {
		p[0] = s->f[i].flags;
		p[1] = 0;
		le16put(p + 2, (uint16_t)s->f[i].n);
		memcpy(p + WIRE_FIELD_HDR, s->f[i].name, s->f[i].n);
		p += WIRE_FIELD_HDR + s->f[i].n;
	}
	out->n += need;
	return 0;
}

/* Read the header and the key's field numbers; the number of fields goes to *n. */
static bool
decode_key(struct schema *s, const uint8_t *p, size_t len, unsigned *n)
{
	if (len < WIRE_HDR || (p[0] & ~(WIRE_KEYED | WIRE_CHANGING)) != 0)
		return false;
	s->keyed = (p[0] & WIRE_KEYED) != 0;
	s->changing = (p[0] & WIRE_CHANGING) != 0;
	s->nkey = p[1];
	*n = le16get(p + 2);
	s->groups = le32get(p + 4);
	if (s->nkey > SCHEMA_KEY_MAX || *n > SCHEMA_MAX || len - WIRE_HDR < 2 * s->nkey)
		return false;
	if (s->keyed ? s->groups == 0 || s->groups > SCHEMA_GROUPS_MAX
		     : s->groups != 0 || s->nkey != 0)
		return false;
	for (unsigned i = 0; i < s->nkey; i++) {
		s->key[i] = le16get(p + WIRE_HDR + 2 * i);
		if (s->key[i] >= *n)
			return false;
	}
	return true;
}

static int
decode(struct schema *s, const uint8_t *p, size_t left)
{
	unsigned n;

	if (!decode_key(s, p, left, &n))
		return FERR_CORRUPT;
	p += WIRE_HDR + 2 * s->nkey;
	left -= WIRE_HDR + 2 * s->nkey;
	for (unsigned i = 0; i < n; i++) {
		const char *name = (const char *)p + WIRE_FIELD_HDR;
		size_t nl;
		int rc;

		if (left < WIRE_FIELD_HDR || (p[0] & ~FIELD_HIDDEN) != 0 || p[1] != 0)
			return FERR_CORRUPT;
		nl = le16get(p + 2);
		left -= WIRE_FIELD_HDR;
		if (left < nl || nl > SCHEMA_NAME_MAX || !utf8_ok(p + WIRE_FIELD_HDR, nl))
			return FERR_CORRUPT;
		if (!(p[0] & FIELD_HIDDEN) && schema_find(s, name, nl) >= 0)
			return FERR_CORRUPT;
		if ((rc = append(s, name, nl, p[0])) < 0)
			return rc;
		p += WIRE_FIELD_HDR + nl;
		left -= nl;
	}
	return left == 0 ? 0 : FERR_CORRUPT;
}

int
schema_decode(struct schema *s, const uint8_t *p, size_t n)
{
	struct schema d;
	int rc;

	schema_init(&d);
	if ((rc = decode(&d, p, n)) != 0) {
		schema_fini(&d);
		return rc == FERR_CORRUPT ? ferr(rc, "a SCHEMA frame is damaged") : rc;
	}
	schema_fini(s);
	*s = d;
	return 0;
}
