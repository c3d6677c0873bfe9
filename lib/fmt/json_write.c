/* json_write: rows as JSON objects. */
#include <stdlib.h>

#include "base/num.h"
#include "fmt/json_internal.h"

/* The text `,"name":` of a field, and the name it was made from. */
struct label {
	const char *name;
	uint32_t hash, len;
	uint32_t n;
	uint8_t *text;
};

struct json_writer {
	struct label *labels;
	unsigned n, cap;
	struct buf scratch;
};

int
json_writer_new(struct json_writer **out)
{
	struct json_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	*out = w;
	return 0;
}

void
json_writer_free(struct json_writer *w)
{
	if (w == NULL)
		return;
	for (unsigned i = 0; i < w->n; i++)
		free(w->labels[i].text);
	free(w->labels);
	buf_fini(&w->scratch);
	free(w);
}

/* Make labels 0..i. */
static int
labels_grow(struct json_writer *w, unsigned i)
{
	if (i >= w->cap) {
		unsigned cap = i < 16 ? 32 : 2 * i;
		struct label *labels = realloc(w->labels, cap * sizeof(*labels));

		if (labels == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		w->labels = labels;
		w->cap = cap;
	}
	for (; w->n <= i; w->n++)
		w->labels[w->n] = (struct label){ .name = NULL };
	return 0;
}

static int
label_make(struct json_writer *w, const struct field *f, struct label *l)
{
	struct buf *b = &w->scratch;
	uint8_t *text;

	b->n = 0;
	if (buf_putc(b, ',') != 0 || val_json_str(f->name, f->n, b) != 0 || buf_putc(b, ':') != 0)
		return FERR_NOMEM;
	if ((text = malloc(b->n + 16)) == NULL) /* room to copy it by blocks of 16 */
		return ferr(FERR_NOMEM, "out of memory");
	memset(text + b->n, 0, 16);
	memcpy(text, b->p, b->n);
	free(l->text);
	*l = (struct label){
		.name = f->name, .hash = f->hash, .len = f->n, .n = (uint32_t)b->n, .text = text
	};
	return 0;
}

/* The label of field i; NULL without memory. */
static inline const struct label *
label_get(struct json_writer *w, const struct schema *s, unsigned i)
{
	const struct field *f = &s->f[i];
	struct label *l;

	if (i >= w->n && labels_grow(w, i) != 0)
		return NULL;
	l = &w->labels[i];
	if (l->name == f->name && l->hash == f->hash && l->len == f->n)
		return l;
	return label_make(w, f, l) == 0 ? l : NULL;
}

/* Append the value; room for NUM_PRINT_MAX bytes is there. */
static inline int
put_value(const struct val *v, struct buf *out)
{
	char *to = (char *)out->p + out->n;

	switch (v->t) {
	case VAL_STR: return val_json_str(v->s, v->n, out);
	case VAL_I64: out->n += num_print_i64(v->i, to); return 0;
	case VAL_F64: out->n += num_print_f64(v->f, to); return 0;
	case VAL_JSON: return buf_put(out, v->s, v->n);
	default: return val_json(v, out);
	}
}

static int
put_row(struct json_writer *w, const struct schema *s, const uint8_t *row, struct buf *out)
{
	unsigned n = row_n(row) < s->n ? row_n(row) : s->n;
	size_t begin = out->n;

	if (buf_room(out, 2) != 0)
		return FERR_NOMEM;
	for (unsigned i = 0; i < n; i++) {
		struct val v = row_raw(row, i);
		const struct label *l;

		if (v.t == VAL_ABSENT || (s->f[i].flags & FIELD_HIDDEN) != 0)
			continue;
		if ((l = label_get(w, s, i)) == NULL || buf_room(out, l->n + NUM_PRINT_MAX) != 0)
			return FERR_NOMEM;
		for (uint32_t k = 0; k < l->n; k += 16)
			memcpy(out->p + out->n + k, l->text + k, 16);
		out->n += l->n;
		if (put_value(&v, out) != 0)
			return FERR_NOMEM;
	}
	if (out->n == begin)
		out->n++;
	out->p[begin] = '{'; /* over the first comma */
	return buf_putc(out, '}');
}

int
json_write(struct json_writer *w, const struct schema *s, const uint8_t *row, struct buf *out)
{
	size_t begin = out->n;
	int rc = put_row(w, s, row, out);

	if (rc != 0)
		out->n = begin;
	return rc;
}
