/*
 * snap: see snap.h.
 *
 *	u32 length of the body   u32 CRC32C of the length and the body
 *	body: u32 subtask  u32 parallel  u32 groups  u64 published  files state  files pending
 *	      files flight  numbers  bytes schema  text signature
 *	files: u32 n, n times: text name  u64 start  u64 end  u32 crc  u64 epoch
 *	numbers: u32 n, n times: text name  u64 v  u32 merge
 */
#include "coord/snap.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "coord/ctl.h"

#define HDR 8u
#define FILE_LEAST 32u	 /* bytes of a file whose name is empty */
#define NUMBER_LEAST 16u /* and of a number */

void
snap_init(struct snap *s)
{
	*s = (struct snap){ 0 };
}

void
snap_clear_files(struct snap_files *f)
{
	for (unsigned i = 0; i < f->n; i++)
		free(f->v[i].name);
	free(f->v);
	*f = (struct snap_files){ 0 };
}

void
snap_fini(struct snap *s)
{
	snap_clear_files(&s->state);
	snap_clear_files(&s->pending);
	snap_clear_files(&s->flight);
	for (unsigned i = 0; i < s->nnumber; i++)
		free(s->number[i].name);
	free(s->number);
	free(s->schema);
	free(s->signature);
	snap_init(s);
}

/* Room for one more than n elements: the room doubles whenever n is a power of two. */
static void *
grow(void *v, unsigned n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return v;
	return realloc(v, (n == 0 ? 1 : 2 * (size_t)n) * size);
}

/* Append and take the name, also on error. */
static int
push_file(struct snap_files *f, struct snap_file file)
{
	struct snap_file *v = file.name != NULL ? grow(f->v, f->n, sizeof(*v)) : NULL;

	if (v == NULL) {
		free(file.name);
		return ferr(FERR_NOMEM, "out of memory");
	}
	f->v = v;
	v[f->n++] = file;
	return 0;
}

static int
push_number(struct snap *s, struct snap_number number)
{
	struct snap_number *v =
	    number.name != NULL ? grow(s->number, s->nnumber, sizeof(*v)) : NULL;

	if (v == NULL) {
		free(number.name);
		return ferr(FERR_NOMEM, "out of memory");
	}
	s->number = v;
	v[s->nnumber++] = number;
	return 0;
}

int
snap_add_file(struct snap_files *f, const char *name, uint64_t start, uint64_t end, uint32_t crc,
	      uint64_t epoch)
{
	return push_file(
	    f, (struct snap_file){
		   .name = strdup(name), .start = start, .end = end, .crc = crc, .epoch = epoch });
}

int
snap_add_number(struct snap *s, const char *name, int64_t v, enum snap_merge merge)
{
	return push_number(
	    s, (struct snap_number){ .name = strdup(name), .v = v, .merge = (uint8_t)merge });
}

int64_t
snap_number_of(const struct snap *s, const char *name)
{
	for (unsigned i = 0; i < s->nnumber; i++) {
		if (strcmp(s->number[i].name, name) == 0)
			return s->number[i].v;
	}
	return 0;
}

void
snap_drop_numbers(struct snap *s, const char *prefix)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nnumber; i++) {
		if (strncmp(s->number[i].name, prefix, strlen(prefix)) == 0)
			free(s->number[i].name);
		else
			s->number[n++] = s->number[i];
	}
	s->nnumber = n;
}

static int
put_files(const struct snap_files *f, struct buf *out)
{
	int rc = pack_u32(out, f->n);

	for (unsigned i = 0; i < f->n && rc == 0; i++) {
		const struct snap_file *v = &f->v[i];

		if ((rc = pack_text(out, v->name)) != 0 || (rc = pack_u64(out, v->start)) != 0 ||
		    (rc = pack_u64(out, v->end)) != 0 || (rc = pack_u32(out, v->crc)) != 0)
			break;
		rc = pack_u64(out, v->epoch);
	}
	return rc;
}

/* u32 input   u32 length   bytes; one behind the other. */
#define SCHEMA_HDR 8u

int
snap_add_schema(struct snap *s, uint32_t input, const uint8_t *p, size_t n)
{
	uint8_t *to = realloc(s->schema, s->nschema + SCHEMA_HDR + n);

	if (to == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->schema = to;
	le32put(to + s->nschema, input);
	le32put(to + s->nschema + 4, (uint32_t)n);
	memcpy(to + s->nschema + SCHEMA_HDR, p, n);
	s->nschema += SCHEMA_HDR + (uint32_t)n;
	return 0;
}

int
snap_next_schema(const struct snap *s, size_t *at, uint32_t *input, const uint8_t **p, size_t *n)
{
	size_t left = s->nschema - *at;

	if (left == 0)
		return 0;
	if (left < SCHEMA_HDR || (*n = le32get(s->schema + *at + 4)) > left - SCHEMA_HDR)
		return ferr(FERR_CORRUPT, "the schemas of a snapshot are damaged");
	*input = le32get(s->schema + *at);
	*p = s->schema + *at + SCHEMA_HDR;
	*at += SCHEMA_HDR + *n;
	return 1;
}

static int
put_numbers(const struct snap *s, struct buf *out)
{
	int rc = pack_u32(out, s->nnumber);

	for (unsigned i = 0; i < s->nnumber && rc == 0; i++) {
		const struct snap_number *v = &s->number[i];

		if ((rc = pack_text(out, v->name)) != 0 ||
		    (rc = pack_u64(out, (uint64_t)v->v)) != 0)
			break;
		rc = pack_u32(out, v->merge);
	}
	return rc;
}

static int
put_body(const struct snap *s, struct buf *out)
{
	int rc;

	if ((rc = pack_u32(out, s->subtask)) != 0 || (rc = pack_u32(out, s->parallel)) != 0 ||
	    (rc = pack_u32(out, s->groups)) != 0 || (rc = pack_u64(out, s->published)) != 0 ||
	    (rc = put_files(&s->state, out)) != 0 || (rc = put_files(&s->pending, out)) != 0 ||
	    (rc = put_files(&s->flight, out)) != 0 || (rc = put_numbers(s, out)) != 0 ||
	    (rc = pack_bytes(out, s->schema, s->nschema)) != 0)
		return rc;
	return pack_text(out, s->signature);
}

int
snap_encode(const struct snap *s, struct buf *out)
{
	size_t start = out->n, n;
	uint8_t hdr[HDR] = { 0 };
	int rc;

	if ((rc = buf_put(out, hdr, HDR)) == 0)
		rc = put_body(s, out);
	n = rc == 0 ? out->n - start - HDR : 0;
	if (n > CTL_MAX)
		rc = ferr(FERR_LIMIT, "a snapshot of %zu bytes; the most is %u", n, CTL_MAX);
	if (rc != 0) {
		out->n = start;
		return rc;
	}
	le32put(hdr, (uint32_t)n);
	le32put(hdr + 4, crc32c(crc32c(0, hdr, 4), out->p + start + HDR, n));
	memcpy(out->p + start, hdr, HDR);
	return 0;
}

/* The number of elements to come, each of `least` bytes or more: a lie asks for no memory. */
static uint32_t
count(struct ctl_body *b, size_t least)
{
	uint32_t n = ctl_u32(b);

	if (n > b->n / least)
		b->bad = true;
	return b->bad ? 0 : n;
}

static int
get_files(struct snap_files *f, struct ctl_body *b)
{
	int rc = 0;

	for (uint32_t n = count(b, FILE_LEAST); n > 0 && rc == 0; n--) {
		struct snap_file v = { .name = ctl_text(b) };

		v.start = ctl_u64(b);
		v.end = ctl_u64(b);
		v.crc = ctl_u32(b);
		v.epoch = ctl_u64(b);
		b->bad = b->bad || v.start > v.end;
		rc = push_file(f, v);
	}
	return rc;
}

static int
get_numbers(struct snap *s, struct ctl_body *b)
{
	int rc = 0;

	for (uint32_t n = count(b, NUMBER_LEAST); n > 0 && rc == 0; n--) {
		struct snap_number v = { .name = ctl_text(b) };
		uint32_t merge;

		v.v = (int64_t)ctl_u64(b);
		merge = ctl_u32(b);
		v.merge = (uint8_t)merge;
		b->bad = b->bad || merge > SNAP_SUM;
		rc = push_number(s, v);
	}
	return rc;
}

/* A field that may be missing: empty is NULL. */
static int
get_schema(struct snap *s, struct ctl_body *b)
{
	size_t n;
	const uint8_t *p = ctl_bytes(b, &n);

	if (n == 0)
		return 0;
	if ((s->schema = malloc(n)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	memcpy(s->schema, p, n);
	s->nschema = (uint32_t)n;
	return 0;
}

static int
get_signature(struct snap *s, struct ctl_body *b)
{
	char *text = ctl_text(b);

	if (text == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if (text[0] == '\0') {
		free(text);
		text = NULL;
	}
	s->signature = text;
	return 0;
}

/* Errors other than b->bad are for lack of memory, or follow from b->bad. */
static int
get_body(struct snap *s, struct ctl_body *b)
{
	int rc;

	s->subtask = ctl_u32(b);
	s->parallel = ctl_u32(b);
	s->groups = ctl_u32(b);
	s->published = ctl_u64(b);
	if ((rc = get_files(&s->state, b)) != 0 || (rc = get_files(&s->pending, b)) != 0 ||
	    (rc = get_files(&s->flight, b)) != 0 || (rc = get_numbers(s, b)) != 0 ||
	    (rc = get_schema(s, b)) != 0)
		return rc;
	return get_signature(s, b);
}

int
snap_decode(struct snap *s, const uint8_t *p, size_t n, size_t *used)
{
	struct ctl_body b;
	struct snap d;
	uint32_t len = n >= HDR ? le32get(p) : 0;
	int rc;

	if (n < HDR || len > n - HDR || le32get(p + 4) != crc32c(crc32c(0, p, 4), p + HDR, len))
		return ferr(FERR_CORRUPT, "a snapshot is damaged");
	b = (struct ctl_body){ .p = p + HDR, .n = len };
	snap_init(&d);
	rc = get_body(&d, &b);
	if (b.bad || (rc == 0 && b.n != 0))
		rc = ferr(FERR_CORRUPT, "a snapshot is damaged");
	if (rc != 0) {
		snap_fini(&d);
		return rc;
	}
	snap_fini(s);
	*s = d;
	*used = HDR + len;
	return 0;
}

uint64_t
snap_files_size(const struct snap_files *f)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < f->n; i++)
		n += f->v[i].end - f->v[i].start;
	return n;
}
