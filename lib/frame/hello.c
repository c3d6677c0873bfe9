/* hello: the HELLO payload; see frame.h and fframe(5). */
#include <stdlib.h>

#include "base/bytes.h"
#include "frame/frame.h"

#define WIRE_HDR 8u /* version, number of run ids, length of the edge's name, number of stages */
#define RUN_BYTES 16u
#define RUN_MAX (sizeof(((struct hello *)0)->run) / RUN_BYTES)

void
hello_init(struct hello *h)
{
	*h = (struct hello){ .version = FRAME_VERSION };
}

static void
stage_fini(struct hello_stage *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free(s->words[i]);
	free(s->words);
}

void
hello_fini(struct hello *h)
{
	for (unsigned i = 0; i < h->n; i++)
		stage_fini(&h->stages[i]);
	free(h->stages);
	hello_init(h);
}

/* Append a stage with room for n words, none there yet. */
static struct hello_stage *
stage_new(struct hello *h, size_t n)
{
	struct hello_stage *s = realloc(h->stages, (h->n + 1) * sizeof(*s));

	if (s == NULL)
		return NULL;
	h->stages = s;
	s += h->n;
	*s = (struct hello_stage){ .words = malloc((n + 1) * sizeof(s->words[0])) };
	if (s->words == NULL)
		return NULL;
	h->n++;
	return s;
}

static bool
stage_word(struct hello_stage *s, const char *word, size_t n)
{
	char *copy = malloc(n + 1);

	if (copy == NULL)
		return false;
	memcpy(copy, word, n);
	copy[n] = '\0';
	s->words[s->n++] = copy;
	return true;
}

int
hello_add_stage(struct hello *h, char *const *words, unsigned n)
{
	struct hello_stage *s;

	if (h->n == UINT16_MAX)
		return ferr(FERR_LIMIT, "more than %d stages in a row", UINT16_MAX);
	if ((s = stage_new(h, n)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < n; i++) {
		if (!stage_word(s, words[i], strlen(words[i]))) {
			stage_fini(s);
			h->n--;
			return ferr(FERR_NOMEM, "out of memory");
		}
	}
	return 0;
}

static int
put_u32(struct buf *out, size_t v)
{
	uint8_t b[4];

	le32put(b, (uint32_t)v);
	return buf_put(out, b, 4);
}

static int
encode(const struct hello *h, struct buf *out)
{
	uint8_t hdr[WIRE_HDR];
	size_t edge = strlen(h->edge);
	int rc;

	le32put(hdr, h->version);
	hdr[4] = (uint8_t)h->nrun;
	hdr[5] = (uint8_t)edge;
	le16put(hdr + 6, (uint16_t)h->n);
	rc = buf_put(out, hdr, WIRE_HDR);
	rc |= buf_put(out, h->run, h->nrun * RUN_BYTES);
	rc |= buf_put(out, h->edge, edge);
	for (unsigned i = 0; i < h->n && rc == 0; i++) {
		const struct hello_stage *s = &h->stages[i];

		rc = put_u32(out, s->n);
		for (unsigned k = 0; k < s->n && rc == 0; k++) {
			size_t n = strlen(s->words[k]);

			rc = put_u32(out, n);
			rc |= buf_put(out, s->words[k], n);
		}
	}
	return rc == 0 ? 0 : FERR_NOMEM;
}

int
hello_encode(const struct hello *h, struct buf *out)
{
	size_t start = out->n;
	int rc = encode(h, out);

	if (rc == 0 && out->n - start > HELLO_BYTES_MAX)
		rc = ferr(FERR_LIMIT, "the words of all stages take more than %u bytes",
			  HELLO_BYTES_MAX);
	if (rc != 0)
		out->n = start;
	return rc;
}

/* What is left to read; take() moves on. */
struct cur {
	const uint8_t *p;
	size_t n;
};

static const uint8_t *
take(struct cur *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->n < n)
		return NULL;
	c->p += n;
	c->n -= n;
	return p;
}

static bool
take_u32(struct cur *c, size_t *v)
{
	const uint8_t *p = take(c, 4);

	if (p != NULL)
		*v = le32get(p);
	return p != NULL;
}

static int
decode_stage(struct hello *h, struct cur *c)
{
	struct hello_stage *s;
	size_t n, len;

	/* Every word takes four bytes at least: a short frame cannot make us allocate much. */
	if (!take_u32(c, &n) || n > c->n / 4)
		return FERR_CORRUPT;
	if ((s = stage_new(h, n)) == NULL)
		return FERR_NOMEM;
	while (n-- > 0) {
		const uint8_t *w;

		if (!take_u32(c, &len) || (w = take(c, len)) == NULL || memchr(w, 0, len) != NULL)
			return FERR_CORRUPT;
		if (!stage_word(s, (const char *)w, len))
			return FERR_NOMEM;
	}
	return 0;
}

static int
decode(struct hello *h, struct cur *c)
{
	const uint8_t *hdr = take(c, WIRE_HDR), *p;
	int rc;

	if (hdr == NULL || c->n > HELLO_BYTES_MAX - WIRE_HDR)
		return FERR_CORRUPT;
	h->version = le32get(hdr);
	if (h->version != FRAME_VERSION)
		return FERR_CORRUPT;
	h->nrun = hdr[4];
	if (h->nrun > RUN_MAX || (p = take(c, h->nrun * RUN_BYTES)) == NULL)
		return FERR_CORRUPT;
	memcpy(h->run, p, h->nrun * RUN_BYTES);
	if (hdr[5] >= sizeof(h->edge) || (p = take(c, hdr[5])) == NULL ||
	    memchr(p, 0, hdr[5]) != NULL)
		return FERR_CORRUPT;
	memcpy(h->edge, p, hdr[5]);
	for (unsigned i = le16get(hdr + 6); i > 0; i--) {
		if ((rc = decode_stage(h, c)) != 0)
			return rc;
	}
	return c->n == 0 ? 0 : FERR_CORRUPT;
}

int
hello_word(const uint8_t *p, size_t n, unsigned k, const char **word, size_t *len)
{
	struct cur c = { p, n };
	const uint8_t *hdr = take(&c, WIRE_HDR), *w = NULL;
	size_t words;

	if (hdr == NULL || take(&c, hdr[4] * RUN_BYTES + hdr[5]) == NULL)
		return FERR_AGAIN;
	if (le16get(hdr + 6) == 0)
		return 0;
	if (!take_u32(&c, &words))
		return FERR_AGAIN;
	if (words <= k)
		return 0;
	for (unsigned i = 0; i <= k; i++) {
		if (!take_u32(&c, len) || (w = take(&c, *len)) == NULL)
			return FERR_AGAIN;
	}
	*word = (const char *)w;
	return 1;
}

int
hello_decode(struct hello *h, const uint8_t *p, size_t n)
{
	struct cur c = { p, n };
	struct hello d;
	uint32_t version;
	int rc;

	hello_init(&d);
	rc = decode(&d, &c);
	version = d.version;
	if (rc != 0) {
		hello_fini(&d);
		if (rc == FERR_NOMEM)
			return ferr(rc, "out of memory");
		if (version != FRAME_VERSION)
			return ferr(rc, "the stream is of version %u, this program reads %d",
				    version, FRAME_VERSION);
		return ferr(rc, "a HELLO frame is damaged");
	}
	hello_fini(h);
	*h = d;
	return 0;
}
